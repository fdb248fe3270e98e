"""Steps in time from one row of a table to the next, and gaps among them."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._checks import is_number

# So many times the usual step is a gap, if nobody says how long gaps are.
_WIDE = 10

# Among fewer steps, none is usual.
_FEWEST = 10


class TimeSteps:
    """The steps in time between sorted rows.

    Parameters
    ----------
    times : ndarray of shape (n_rows,)
        Numbers, dates or durations.
    breaks : ndarray of shape (n_recordings,)
        First sorted row of each recording.

    Attributes
    ----------
    is_clock : bool
        Whether they are dates or durations.
    """

    def __init__(self, times: NDArray, breaks: NDArray[np.intp]) -> None:
        self.is_clock = times.dtype.kind in "mM"
        self._times = times
        self._is_between = np.zeros(len(times) - 1, dtype=bool)
        self._is_between[breaks[1:] - 1] = True
        self._steps = steps_between(times)

    def back_and_still(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the rows with an earlier time than the row before, and those with the same time."""
        zero = np.zeros((), self._steps.dtype)
        rows = np.flatnonzero(~self._is_between & (self._steps <= zero))
        is_back = self._steps[rows] < zero
        return rows[is_back] + 1, rows[~is_back] + 1

    def longer_than(self, longest: Any) -> NDArray[np.intp]:
        """Return the rows before which there is a longer step, within recordings and between them."""
        wide = np.flatnonzero(self._steps > longest)
        if self._times.dtype.kind == "f":  # 0.1 s apart is not always 0.1 in floating point
            largest = np.maximum(np.abs(self._times[wide]), np.abs(self._times[wide + 1]))
            wide = wide[self._steps[wide] > longest + 4 * np.spacing(largest)]
        return wide + 1

    def within(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return those of the rows that are not the first of a recording."""
        return rows[~self._is_between[rows - 1]]

    def wide(self) -> NDArray[np.intp]:
        """Return the rows before which time jumps, within a recording, by more than ten usual steps."""
        steps = self._within_recordings()
        forward = steps[steps > 0]
        if len(forward) == 0:
            return np.empty(0, dtype=np.intp)
        return np.flatnonzero(steps > _WIDE * np.median(forward)) + 1

    def are_usual(self, rows: NDArray[np.intp]) -> bool:
        """Whether the steps to these rows are most of those within recordings, repeated times aside."""
        n = len(self.within(rows))
        if 2 * n <= _FEWEST:
            return False
        n_forward = int((self._within_recordings() > 0).sum())
        return n_forward >= _FEWEST and 2 * n > n_forward

    def usual_in_words(self) -> str:
        """Return the median step, as a value that `max_gap` could have."""
        steps = self._within_recordings()
        usual = np.median(steps[steps > 0])
        if not self.is_clock:
            return f"{usual:g}"
        unit, _ = np.datetime_data(self._steps.dtype)
        return repr(f"{pd.Timedelta(float(usual), unit).total_seconds():g}s")

    def _within_recordings(self) -> NDArray:
        """Return the steps as numbers, 0 between recordings."""
        steps = self._steps.view(np.int64) if self.is_clock else self._steps
        return np.where(self._is_between, 0, steps)


def steps_between(values: NDArray) -> NDArray:
    """Return the differences of consecutive values, which are signed even if the values are not."""
    return np.diff(values if values.dtype.kind in "mMf" else values.astype(np.int64))


def require_time_for_gaps(time: Any, max_gap: Any) -> None:
    """Raise if there is a `max_gap`, but no column of times.

    Raises
    ------
    ValueError
    """
    if max_gap is not None and time is None:
        raise ValueError(f"max_gap={max_gap!r} needs the column of times: pass time.")


def is_unlimited(max_gap: Any) -> bool:
    """Whether any gap is allowed, whatever the unit of time."""
    return is_number(max_gap) and max_gap == np.inf


def plain_gap(max_gap: Any) -> float | str:
    """Return a valid `max_gap` as a number or, with a unit, as text."""
    if isinstance(max_gap, str):
        return max_gap
    return float(max_gap) if is_number(max_gap) else str(pd.Timedelta(max_gap))


def longest_step(max_gap: Any, name: str, *, is_clock: bool) -> Any:
    """Return the longest step that is no gap, in a form that times are compared with.

    Raises
    ------
    ValueError
        If it has another unit than the times, or is not positive.
    """
    # NumPy's timedelta counts as a number.
    is_number = isinstance(max_gap, Real) and not isinstance(max_gap, np.timedelta64)
    if is_clock and is_number:
        raise ValueError(
            f"The time {name!r} is a date and time, so max_gap={max_gap!r} needs a unit: "
            f"pass '{max_gap}s', or a timedelta."
        )
    if not is_clock and not is_number:
        raise ValueError(
            f"The time {name!r} holds numbers, so max_gap={max_gap!r} must be a number in the same unit."
        )
    try:
        longest = pd.Timedelta(max_gap) if is_clock else max_gap
    except ValueError as error:
        raise ValueError(
            f"max_gap={max_gap!r} is not a length of time ({error}): try '2s'."
        ) from error
    if not longest > (pd.Timedelta(0) if is_clock else 0):
        raise ValueError(f"max_gap={max_gap!r} must be positive; None allows any gap.")
    return longest.to_timedelta64() if is_clock else longest
