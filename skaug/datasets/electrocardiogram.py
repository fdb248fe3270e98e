"""Heart rates from an electrocardiogram."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.ndimage import percentile_filter, uniform_filter1d
from scipy.signal import butter, find_peaks, sosfiltfilt

from skaug.datasets.window_labels import STRIDE, WINDOW, labels_of_rows

Signal = npt.NDArray[np.float64]

# Hz: where most of the energy of QRS complexes lies (Pan and Tompkins).
_BAND = (5.0, 15.0)
# Seconds: how long a QRS complex lasts, and the shortest and longest time between two beats.
_QRS, _SHORTEST, _LONGEST = 0.15, 60 / 220, 60 / 30
# A beat has at least this share of the energy of those around it, over this many peaks.
_SHARE, _AROUND = 0.3, 41
# So many times between beats in a row differ at most by this factor.
_RUN, _RATIO = 6, 0.75
# The share of a window that such times must cover.
_COVERED = 0.75


def heart_rates(ecg: npt.ArrayLike, sampling_rate: int) -> Signal:
    """Return the mean heart rate of windows of 8 s, one every 2 s, as a label of each row.

    Parameters
    ----------
    ecg : array-like of shape (n_samples,)
        The electrocardiogram, in any unit. Missing samples show no beats.
    sampling_rate : int
        Samples per second (Hz).

    Returns
    -------
    ndarray of shape (n_rows,)
        Beats per minute: of the 8 s around each row, see
        :func:`~skaug.datasets.window_labels.labels_of_rows`. NaN where less than three quarters of
        these are covered by regular beats. It ends with the last full window.
    """
    ecg = np.asarray(ecg, dtype=np.float64)
    n_windows = max((len(ecg) - WINDOW * sampling_rate) // (STRIDE * sampling_rate) + 1, 0)
    if not n_windows:
        return np.empty(0)
    beats = find_beats(ecg, sampling_rate) / sampling_rate
    rates = _rates_of_windows(beats, n_windows)
    n_rows = (WINDOW + STRIDE * (n_windows - 1)) * sampling_rate
    return labels_of_rows(rates, n_rows, Fraction(sampling_rate))


def find_beats(ecg: Signal, sampling_rate: int) -> npt.NDArray[np.intp]:
    """Return the samples of R waves, as Pan and Tompkins find them: by the energy of the slope.

    Parameters
    ----------
    ecg : ndarray of shape (n_samples,)
        The electrocardiogram, of either polarity.
    sampling_rate : int
        Samples per second (Hz).

    Returns
    -------
    ndarray of shape (n_beats,)
    """
    missing = ~np.isfinite(ecg)
    filled = np.where(missing, 0 if missing.all() else np.median(ecg[~missing]), ecg)
    waves = sosfiltfilt(butter(2, _BAND, "bandpass", fs=sampling_rate, output="sos"), filled)
    energy = uniform_filter1d(np.gradient(waves) ** 2, round(_QRS * sampling_rate))
    peaks, _ = find_peaks(energy, distance=round(_SHORTEST * sampling_rate))
    if not len(peaks):
        return peaks
    usual = percentile_filter(energy[peaks], 90, size=_AROUND)
    peaks = peaks[energy[peaks] > _SHARE * usual]
    reach = np.arange(-round(_QRS * sampling_rate), round(_QRS * sampling_rate) + 1)
    around = (peaks[:, None] + reach).clip(0, len(ecg) - 1)
    beats = around[np.arange(len(peaks)), np.abs(waves[around]).argmax(axis=1)]
    return np.unique(beats)


def _rates_of_windows(beats: Signal, n_windows: int) -> Signal:
    intervals, middles = np.diff(beats), (beats[1:] + beats[:-1]) / 2
    regular = _are_regular(intervals)
    intervals, middles = intervals[regular], middles[regular]
    begins = STRIDE * np.arange(n_windows)
    first, last = np.searchsorted(middles, [begins, begins + WINDOW])
    seconds = np.concatenate([[0.0], np.cumsum(intervals)])
    covered = seconds[last] - seconds[first]
    enough = covered >= _COVERED * WINDOW
    return np.where(enough, 60 * (last - first) / np.where(enough, covered, 1), np.nan)


def _are_regular(intervals: Signal) -> npt.NDArray[np.bool_]:
    """Return which intervals belong to a run of similar ones."""
    if len(intervals) < _RUN:
        return np.zeros(len(intervals), dtype=bool)
    runs = np.lib.stride_tricks.sliding_window_view(intervals, _RUN)
    shortest, longest = runs.min(axis=1), runs.max(axis=1)
    similar = (shortest >= _RATIO * longest) & (shortest >= _SHORTEST) & (longest <= _LONGEST)
    return np.convolve(similar, np.ones(_RUN)) > 0.5
