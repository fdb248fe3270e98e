"""Whether channels contain the rhythm that a label says they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from skaug.synthesis.conditions import one_per_origin
from skaug.windows.container import Windows

# Relative half width of the band around the rate, and the number of windows and permutations used.
_AROUND = 0.1
_MOST_WINDOWS = 1000
_N_PERMUTATIONS = 499

# Labels that all lie within twice the band cannot be distinguished.
_LEAST_SPREAD = (1 + _AROUND) / (1 - _AROUND)
_FEWEST_WINDOWS = 5

# With fewer subjects, there are too few ways to exchange their labels.
_FEWEST_SUBJECTS = 5


class RhythmCheck(NamedTuple):
    """The share of power around the rate, and what to compare it with.

    Attributes
    ----------
    share : float
        Power within 10 % of the label's frequency, relative to the power in the range of all labels: the
        mean over windows.
    permuted : float
        The same with permuted labels: the mean over permutations.
    p_value : float
        One-sided: how often the share is as large with permuted labels.
    """

    share: float
    permuted: float
    p_value: float


def check_rhythm(
    windows: Windows, channels: NDArray[np.intp], hertz: NDArray[np.float64], sampling_rate: float
) -> RhythmCheck | None:
    """Compare the power at the rates of windows with the power at rates of other windows.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
        Real windows, in any order. One that occurs several times counts once. At most 1,000 are looked at,
        evenly spaced.
    channels : ndarray of int
        The channels that should carry the rhythm. Their shares are averaged.
    hertz : ndarray of shape (n_windows,)
        The rate of each window.
    sampling_rate : float
        Samples per second.

    Returns
    -------
    RhythmCheck or None
        None where it cannot be tested: with fewer than 5 windows, or rates that are nearly the same.

    Notes
    -----
    With 5 or more subjects, each window gets the label of a window of another subject, otherwise that of any
    window. Windows of a subject have similar spectra, and often similar labels: if they counted as
    independent, an unrelated label that is constant in each subject, such as an age, would pass in a quarter
    of the tables.
    """
    chosen = one_per_origin(windows, _MOST_WINDOWS)
    hertz = hertz[chosen]
    if len(chosen) < _FEWEST_WINDOWS or hertz.max() < hertz.min() * _LEAST_SPREAD:
        return None
    n_fft = scipy.fft.next_fast_len(4 * windows.window_size, real=True)
    taper = np.hanning(windows.window_size + 2)[1:-1, None]

    def cumulative_power(samples: NDArray) -> NDArray[np.float64]:
        values = samples[:, :, channels].astype(np.float64)
        values -= values.mean(axis=1, keepdims=True)
        power = np.abs(scipy.fft.rfft(values * taper, n=n_fft, axis=1)) ** 2
        return np.cumsum(power, axis=1)

    power = windows[chosen].map_blocks(cumulative_power)
    per_hertz = n_fft / sampling_rate

    def up_to(rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the power of each window below a rate."""
        at = np.clip(rate * per_hertz, 0, power.shape[1] - 1.001)
        low = at.astype(np.intp)
        weight = (at - low)[:, None]
        window = np.arange(len(rate))
        return power[window, low] * (1 - weight) + power[window, low + 1] * weight

    low = np.full(len(hertz), hertz.min() * (1 - _AROUND))
    in_band = up_to(np.full(len(hertz), hertz.max() * (1 + _AROUND))) - up_to(low)
    in_band[in_band <= 0] = np.inf  # a constant window has no power anywhere

    def share(rates: NDArray[np.float64]) -> float:
        around = up_to(rates * (1 + _AROUND)) - up_to(rates * (1 - _AROUND))
        return float((around / in_band).mean())

    rng = np.random.default_rng(0)
    found = share(hertz)
    permuted = np.array([share(hertz[order]) for order in _permutations(windows, chosen, rng)])
    p_value = (1 + np.sum(permuted >= found - 1e-12)) / (1 + _N_PERMUTATIONS)
    return RhythmCheck(found, float(permuted.mean()), float(p_value))


def _permutations(
    windows: Windows, chosen: NDArray[np.intp], rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Yield permutations: for each of the chosen windows, the one to take the label from.

    With enough subjects, whole subjects are exchanged. Their windows keep their order in time, except for a
    random circular shift: if all subjects follow the same protocol, the label of another subject at the same
    time would be right.
    """
    codes, first_row = windows.provenance.codes[chosen], windows.provenance.first_row[chosen]
    in_time = np.lexsort((first_row, codes))
    _, firsts, subject, sizes = np.unique(
        codes[in_time], return_index=True, return_inverse=True, return_counts=True
    )
    nth = np.arange(len(chosen)) - firsts[subject]
    taken = np.empty(len(chosen), dtype=np.intp)
    for _ in range(_N_PERMUTATIONS):
        if len(sizes) < _FEWEST_SUBJECTS:
            yield rng.permutation(len(chosen))
            continue
        other = rng.permutation(len(sizes))[subject]
        shift = (rng.random(len(sizes))[subject] * sizes[other]).astype(np.intp)
        at = (nth * sizes[other] // sizes[subject] + shift) % sizes[other]
        taken[in_time] = in_time[firsts[other] + at]
        yield taken
