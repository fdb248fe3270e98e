"""Filters for recordings, over SciPy: band-pass, resampling, standardization, interpolation of gaps.

Each is a scikit-learn transformer of arrays of shape (n_rows, n_columns), the rows of one recording in order.
`skaug.PerRecording` applies it to each recording of a table. The names are lower-case like the functions of
SciPy that they stand for.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skaug._checks import is_finite_number, require_whole_number
from skaug._warnings import warn
from skaug.tables.columns import all_finite

__all__ = ["bandpass", "interpolate_gaps", "resample", "standardize"]

# Terms of the ratio of two sampling rates that `resample_poly` may get: its filter has 20 times as many taps.
_LARGEST_TERM = 10_000

# More new rows per row than this are taken for a mistake, if the rows are irregular in time.
_MOST_NEW_ROWS = 100


class _Filter(TransformerMixin, BaseEstimator):
    """Base class: nothing is learned but the number of columns."""

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Check the parameters.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            The rows of a recording, or of several.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is invalid.
        """
        self._check_parameters()
        validate_data(self, X, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan")
        return self

    def _check_parameters(self) -> None:
        """Raise if a parameter is invalid."""

    def _values(self, X: ArrayLike) -> NDArray:
        """Return the samples to work on."""
        check_is_fitted(self)
        return validate_data(
            self, X, reset=False, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )

    def _complete_values(self, X: ArrayLike) -> NDArray:
        """Return the samples to work on, none of them missing."""
        values = self._values(X)
        if not all_finite(values):
            n_missing = int((~np.isfinite(values)).sum())
            raise ValueError(
                f"{n_missing} values are NaN or infinite, which {type(self).__name__} would spread over the "
                "recording: fill NaN in a step before, PerRecording(interpolate_gaps(max_gap), ...), or drop "
                "these rows."
            )
        return values


class bandpass(_Filter):
    """Keep the frequencies between `low` and `high`, without shifting the signal in time.

    A Butterworth filter in second-order sections, run forward and backward (zero phase): the attenuation of
    one pass applies twice, so that amplitudes at `low` and `high` are halved.

    Parameters
    ----------
    low, high : float
        The edges of the band in Hz: ``0 < low < high < sampling_rate / 2``.
    sampling_rate : float
        Rows per second.
    order : int, default=4
        Order of the filter. Higher is steeper, and rings longer.

    See Also
    --------
    skaug.PerRecording : Applies it to each recording of a table.

    Notes
    -----
    The ends of a recording are extended by their point reflection before filtering, as is the default of
    ``scipy.signal.sosfiltfilt``. What lies beyond an end is unknown, so values near it are distorted: a sine
    of 1.5 Hz, in the band from 0.5 to 4 Hz at 64 Hz, is off by up to 113 % of its amplitude at the end (if it
    ends at a peak), 7 % one period of `low` away from it, and 1 % two periods away. A recording shorter than
    one period of `low`, or than the extension, is filtered with a `DataWarning`.

    The filter uses rows after each row. It suits recordings, not a stream of rows that must be predicted as
    they come.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signal import bandpass
    >>> t = np.arange(640) / 64
    >>> pulse, drift = np.sin(2 * np.pi * 1.5 * t), 5 + 0.1 * t
    >>> filtered = bandpass(0.5, 4, sampling_rate=64).fit_transform((pulse + drift)[:, None])
    >>> bool(np.abs(filtered[:, 0] - pulse)[256:-256].max() < 0.01)
    True
    """

    def __init__(self, low: float, high: float, sampling_rate: float, order: int = 4) -> None:
        self.low = low
        self.high = high
        self.sampling_rate = sampling_rate
        self.order = order

    def _check_parameters(self) -> None:
        _require_rate("sampling_rate", self.sampling_rate)
        require_whole_number("order", self.order, 1)
        is_band = is_finite_number(self.low) and is_finite_number(self.high)
        if not is_band or not 0 < self.low < self.high < self.sampling_rate / 2:
            raise ValueError(
                f"low={self.low!r} and high={self.high!r} must be frequencies in Hz with 0 < low < high < "
                f"{self.sampling_rate / 2:g}, half the sampling rate."
            )

    def transform(self, X: ArrayLike, times: ArrayLike | None = None) -> NDArray:
        """Filter the rows of one recording.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            The samples of one recording.
        times : array-like of shape (n_rows,), optional
            The time of each row in seconds, only compared with `sampling_rate`.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)

        Raises
        ------
        ValueError
            If values are NaN, or the times contradict the sampling rate.

        Warns
        -----
        DataWarning
            If there are fewer rows than the filter needs, or more or fewer than the sampling rate implies for
            this time.
        """
        values = self._complete_values(X)
        _check_rate_of(times, self.sampling_rate)
        self._check_parameters()
        sections = butter(
            self.order, (self.low, self.high), "bandpass", fs=self.sampling_rate, output="sos"
        )
        n_extension = 3 * (2 * len(sections) + 1 - int((sections[:, 2] == 0).sum()))
        n_needed = max(n_extension + 1, math.ceil(self.sampling_rate / self.low))
        if len(values) < n_needed:
            warn(
                f"{len(values)} rows are fewer than the {n_needed} that a band-pass from {self.low:g} Hz "
                "needs: all of them are distorted by the edges. Remove such recordings, or use a greater low."
            )
        filtered = sosfiltfilt(sections, values, axis=0, padlen=min(n_extension, len(values) - 1))
        return filtered.astype(values.dtype, copy=False)


class resample(_Filter):
    """Resample to another sampling rate, without aliasing.

    Parameters
    ----------
    sampling_rate : float or None
        Rows per second, or per unit of the column of times. None if rows are irregular in time: then the
        times of the rows are needed. A wrong number is noticed only with times, ``PerRecording(time=...)``.
    to : float
        Rows per second after resampling.

    See Also
    --------
    skaug.PerRecording : Applies it to each recording of a table, and lets the other columns follow.

    Notes
    -----
    Regular rows are resampled, after their mean is removed, by a polyphase filter
    (``scipy.signal.resample_poly``), which extends a recording beyond its ends along the line through its
    first and its last row (``padtype="line"``). The mean is then added again. The first new row lies at the
    first row, and the others every ``1 / to`` seconds.

    Irregular rows are interpolated linearly onto a grid of ``k * to`` rows per second, where `k` is the
    smallest whole number with which the grid is not coarser than the median step of the rows. The polyphase
    filter then reduces that grid to every k-th row. The last new row lies at or before the last row. What the
    rows contain beyond half their own sampling rate is aliased already.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signal import resample
    >>> X = np.sin(2 * np.pi * np.arange(0, 10, 1 / 64))[:, None]
    >>> resample(64, to=25).fit_transform(X).shape
    (250, 1)
    >>> times = np.cumsum(np.random.default_rng(0).uniform(0.03, 0.04, size=300))
    >>> steps = resample(None, to=25).fit(times[:, None]).transform(times[:, None], times=times)
    >>> bool(np.allclose(np.diff(steps[10:-10, 0]), 1 / 25, atol=1e-3))
    True
    """

    def __init__(self, sampling_rate: float | None, to: float) -> None:
        self.sampling_rate = sampling_rate
        self.to = to

    def _check_parameters(self) -> None:
        _require_rate("to", self.to)
        if self.sampling_rate is not None:
            _require_rate("sampling_rate", self.sampling_rate)
            self._ratio()

    def transform(self, X: ArrayLike, times: ArrayLike | None = None) -> NDArray:
        """Resample the rows of one recording.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            The samples of one recording.
        times : array-like of shape (n_rows,), optional
            The time of each row in seconds, ascending; needed if `sampling_rate` is None, and otherwise
            compared with it.

        Returns
        -------
        ndarray of shape (n_new_rows, n_columns)

        Raises
        ------
        ValueError
            If values are NaN; the times are missing or contradict the sampling rate; or irregular rows would
            become more than 100 times as many, as with times in milliseconds.

        Warns
        -----
        DataWarning
            If there are more or fewer rows than the sampling rate implies for this time.
        """
        values = self._complete_values(X)
        self._check_parameters()
        if self.sampling_rate is not None:
            _check_rate_of(times, self.sampling_rate)
            ratio = self._ratio()
            return _polyphase(values, ratio.numerator, ratio.denominator)
        known = self._times(times, len(values))
        n_new, k = self._grid(known)
        grid = known[0] + np.arange((n_new - 1) * k + 1) / (k * self.to)
        fine = np.stack([np.interp(grid, known, column) for column in values.T], axis=1)
        return _polyphase(fine.astype(values.dtype, copy=False), 1, k)

    def row_positions(self, n_rows: int, times: ArrayLike | None = None) -> NDArray:
        """Return where the new rows lie among the rows of a recording.

        Parameters
        ----------
        n_rows : int
            Rows of the recording.
        times : array-like of shape (n_rows,), optional
            As in `transform`.

        Returns
        -------
        ndarray of shape (n_new_rows,)
            0.5 is halfway between the first row and the second.
        """
        if self.sampling_rate is not None:
            ratio = self._ratio()
            n_new = math.ceil(n_rows * ratio)
            return np.arange(n_new) * (ratio.denominator / ratio.numerator)
        known = self._times(times, n_rows)
        grid = known[0] + np.arange(self._grid(known)[0]) / self.to
        return np.interp(grid, known, np.arange(n_rows))

    def _ratio(self) -> Fraction:
        assert self.sampling_rate is not None
        exact = Fraction(self.to) / Fraction(self.sampling_rate)
        ratio = exact.limit_denominator(_LARGEST_TERM)
        if ratio.numerator > _LARGEST_TERM or abs(ratio / exact - 1) > 1e-9:
            raise ValueError(
                f"to={self.to!r} and sampling_rate={self.sampling_rate!r} have no ratio of whole numbers up "
                f"to {_LARGEST_TERM}: round one of them."
            )
        return ratio

    def _times(self, times: ArrayLike | None, n_rows: int) -> NDArray:
        if times is None:
            raise ValueError(
                "resample(sampling_rate=None) needs the times of the rows: name their column, "
                "PerRecording(..., time=...), or pass the sampling rate."
            )
        known = np.asarray(times, dtype=np.float64)
        if known.shape != (n_rows,) or not np.isfinite(known).all() or (np.diff(known) < 0).any():
            raise ValueError(f"times must hold {n_rows} times in ascending order, one per row.")
        return known

    def _grid(self, times: NDArray) -> tuple[int, int]:
        """Return the number of new rows, and how many times as fine the grid of interpolation is."""
        n_new = math.floor((times[-1] - times[0]) * self.to + 1e-6) + 1
        if n_new > _MOST_NEW_ROWS * len(times):
            raise ValueError(
                f"to={self.to:g} would make {n_new} rows of {len(times)}: it counts in rows per unit of the "
                f"times, which cover {times[-1] - times[0]:g} of them. Are they in seconds, without long "
                "gaps (max_gap)?"
            )
        steps = np.diff(times)
        steps = steps[steps > 0]
        if len(steps) == 0:
            return n_new, 1
        return n_new, max(1, math.ceil(1 / (np.median(steps) * self.to) - 1e-6))


class standardize(_Filter):
    """Scale each column of each recording to mean 0 and standard deviation 1.

    Each recording is scaled by its own mean and standard deviation, also at test time. To scale by those of
    the training recordings, use ``sklearn.preprocessing.StandardScaler`` with
    ``PerRecording(fit_on="training")``.

    NaN stay NaN and are left out of mean and standard deviation. A column that is constant becomes 0.

    Examples
    --------
    >>> from skaug.signal import standardize
    >>> standardize().fit_transform([[1.0], [3.0]]).tolist()
    [[-1.0], [1.0]]
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def transform(self, X: ArrayLike) -> NDArray:
        """Scale the rows of one recording.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            The samples of one recording.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)
        """
        values = self._values(X)
        gaps = np.isnan(values)
        has_gaps = gaps.any()
        counts = np.maximum(len(values) - gaps.sum(axis=0), 1) if has_gaps else len(values)
        known = np.where(gaps, 0, values) if has_gaps else values
        level = known.sum(axis=0) / counts
        known = np.where(gaps, 0, known - level) if has_gaps else known - level
        spread = np.sqrt((known**2).sum(axis=0) / counts)
        # Rounding leaves a constant column a spread of about this much.
        spread = np.where(spread > 10 * np.finfo(values.dtype).eps * np.abs(level), spread, np.inf)
        scaled = known / spread
        scaled[gaps] = np.nan
        return scaled


class interpolate_gaps(_Filter):
    """Fill NaN by straight lines through time, in gaps that are not too long.

    Parameters
    ----------
    max_gap : float
        The longest time from the last known value to the next one, in seconds, or in the unit of the column
        of times. Longer gaps stay NaN, and so do the beginning and the end of a recording:
        ``SubjectWindower(missing="drop")`` leaves such windows out.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.signal import interpolate_gaps
    >>> X = np.array([0, np.nan, 3, np.nan, np.nan, np.nan, 7])[:, None]
    >>> times = np.array([0.0, 0.2, 0.6, 0.8, 1.0, 1.2, 1.4])
    >>> interpolate_gaps(max_gap=0.7).fit(X).transform(X, times=times)[:, 0]
    array([ 0.,  1.,  3., nan, nan, nan,  7.])
    """

    def __init__(self, max_gap: float) -> None:
        self.max_gap = max_gap

    def _check_parameters(self) -> None:
        if not is_finite_number(self.max_gap) or self.max_gap <= 0:
            raise ValueError(f"max_gap={self.max_gap!r} must be a time in seconds above 0.")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def transform(self, X: ArrayLike, times: ArrayLike | None = None) -> NDArray:
        """Fill the gaps of one recording.

        Parameters
        ----------
        X : array-like of shape (n_rows, n_columns)
            The samples of one recording.
        times : array-like of shape (n_rows,)
            The time of each row, ascending.

        Returns
        -------
        ndarray of shape (n_rows, n_columns)

        Raises
        ------
        ValueError
            If there are gaps and no times.
        """
        values = self._values(X).copy()
        gaps = np.isnan(values)
        if not gaps.any():
            return values
        if times is None:
            raise ValueError(
                "interpolate_gaps needs the times of the rows: name their column, "
                "PerRecording(..., time=...)."
            )
        known_times = check_array(times, ensure_2d=False, dtype=np.float64)
        for column, is_gap in zip(values.T, gaps.T, strict=True):
            known = np.flatnonzero(~is_gap)
            if len(known) == 0:
                continue
            following = np.searchsorted(known, np.flatnonzero(is_gap))
            is_inside = (following > 0) & (following < len(known))
            rows, following = np.flatnonzero(is_gap)[is_inside], following[is_inside]
            length = known_times[known[following]] - known_times[known[following - 1]]
            # 0.1 s apart is not always 0.1 in floating point.
            is_short = length <= self.max_gap + 4 * np.spacing(np.abs(known_times).max())
            rows = rows[is_short]
            column[rows] = np.interp(known_times[rows], known_times[known], column[known])
        return values


def _polyphase(values: NDArray, up: int, down: int) -> NDArray:
    if up == down:
        return values.copy()
    if len(values) == 1:  # no line leads through one row
        return np.repeat(values, math.ceil(up / down), axis=0)
    # Without the mean, because the filter does not pass a level of 5 exactly, but 4.9997 and so on.
    level = values.mean(axis=0)
    return resample_poly(values - level, up, down, padtype="line") + level


def _require_rate(name: str, value: Any) -> None:
    if not is_finite_number(value) or value <= 0:
        raise ValueError(f"{name}={value!r} must be a number of rows per second above 0.")


def _check_rate_of(times: ArrayLike | None, sampling_rate: float) -> None:
    """Raise if median and mean step of times both contradict the sampling rate; warn if only the mean does.

    Steps of more than ten times the median are gaps, which do not count.
    """
    steps = np.diff(np.asarray([] if times is None else times, dtype=np.float64))
    if len(steps) == 0 or not steps.any():
        return
    median = np.median(steps[steps > 0])
    steps = steps[steps <= 10 * median]
    usual = np.array([median, steps.mean()])
    if (np.abs(usual * sampling_rate - 1) > 0.05).all():
        raise ValueError(
            f"The rows are {usual[0]:g} apart in time, which is not a sampling rate of {sampling_rate:g}: "
            f"pass {1 / usual[0]:.4g}, in rows per unit of the times, turn the times into seconds, correct "
            "the rate of an earlier step that resampled without time, or bring irregular rows to a regular "
            "grid first, resample(None, to=...)."
        )
    # Rounded times are as far off as a whole step, at both ends together.
    n_missing = abs(steps.sum() * sampling_rate - len(steps))
    if n_missing > 0.02 * len(steps) + median * sampling_rate:
        warn(
            f"There are {1 / usual[1]:.4g} rows per unit of the times on average, not {sampling_rate:g}: "
            "rows are lost or repeated, or an earlier step without time resampled from a wrong rate. Correct "
            "the rate, or bring irregular rows to a regular grid first, resample(None, to=...)."
        )
