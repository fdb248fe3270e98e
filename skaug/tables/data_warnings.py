"""Warnings about tables that are probably not what the caller thinks."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._warnings import warn
from skaug.tables.columns import encode, is_text, plain_array
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table
from skaug.tables.time_steps import steps_between

# Columns of these names usually say where a recording ends.
_SESSIONS = ("recording", "session")

# Up to this share of steps back, recordings were joined; from the other on, rows were shuffled.
_FEW, _MANY = 0.01, 0.1

# From this share of repeated times on, rows may be of several devices, or copies.
_SOME_REPEATS = 0.1

# A column names devices that take turns if it has few values, and another one in nearly each such row.
_MOST_DEVICES, _NEARLY_EACH = 20, 0.97


def warn_of_row_order(table: Table, recordings: Recordings) -> None:
    """Warn if the index of a pandas table goes back within recordings.

    Only an index of numbers or times is checked. If some column ascends within every recording, the table was
    sorted by it, and there is no warning.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end.
    """
    index = table.index
    if index is None or is_text(index) or index.is_monotonic_increasing:
        return
    steps = steps_between(recordings.sorted(plain_array(index.to_series())))
    within = _within(recordings)
    is_back = within & (steps < np.zeros((), steps.dtype))
    n_back, n_steps = int(is_back.sum()), int(within.sum())
    share = n_back / max(1, n_steps)
    if n_back == 0 or _FEW < share < _MANY or _is_sorted_by_a_column(table, recordings, within):
        return
    if share >= _MANY:
        warn(
            f"The rows look shuffled: the index goes back in {n_back} of {n_steps} steps within recordings. "
            "Sort the table by subject and time, name the column of times in time, or call "
            "reset_index(drop=True) if the order is right."
        )
        return
    row = int(np.flatnonzero(is_back)[0]) + 1
    warn(
        f"The index goes back in {n_back} places within recordings: row {recordings.in_table(row)} of "
        f"{recordings.subject_of(row)} begins again. Name the column that separates the recordings in "
        "boundaries, or call reset_index(drop=True) if they are one."
    )


def warn_of_sessions(table: Table, recordings: Recordings, known: Collection[str | None]) -> None:
    """Warn if a column that is named like the end of a recording, or was one before, changes within one.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end.
    known : collection of str
        The columns that have a role.
    """
    for name in table.names:
        if name in known or (name.lower() not in _SESSIONS and name not in table.notes.boundaries):
            continue
        changing = np.setdiff1d(recordings.changes(table.column(name)), recordings.breaks)
        if len(changing):
            row = int(changing[0])
            warn(
                f"The column {name!r} changes within {recordings.subject_of(row)}, first in row "
                f"{recordings.in_table(row)}, so that windows and filters span several: pass "
                f"boundaries=[{name!r}], or drop the column beforehand if that is right."
            )


def warn_of_empty_recordings(recordings: Recordings, starts: NDArray[np.intp], size: int) -> None:
    """Warn about recordings without a window.

    Parameters
    ----------
    recordings : Recordings
        Where recordings begin and end.
    starts : ndarray of shape (n_windows,)
        The first sorted row of each window, ascending.
    size : int
        Rows per window.
    """
    ends = np.append(recordings.breaks[1:], recordings.n_rows)
    bounds = np.searchsorted(starts, np.append(recordings.breaks, recordings.n_rows))
    empty = np.flatnonzero(np.diff(bounds) == 0)
    if len(empty):
        first = int(recordings.breaks[empty[0]])
        warn(
            f"{len(empty)} of {len(ends)} recordings are left out, because they hold no window of {size} "
            f"rows: the first ({recordings.subject_of(first)}) has {int(ends[empty[0]]) - first} rows, from "
            f"row {recordings.in_table(first)}. Use a smaller window_size, or remove them."
        )


def warn_of_gaps(
    table: Table,
    recordings: Recordings,
    starts: NDArray[np.intp],
    size: int,
    time: str | None,
) -> None:
    """Warn about windows that contain a wide gap in time.

    Parameters
    ----------
    table : Table
        The rows.
    recordings, starts, size
        As in `warn_of_empty_recordings`.
    time : str or None
        The column of times.
    """
    before = np.searchsorted(recordings.wide_gaps, starts, side="right")
    until = np.searchsorted(recordings.wide_gaps, starts + size, side="left")
    holding = np.flatnonzero(until > before)
    if len(holding):
        row = int(recordings.wide_gaps[before[holding[0]]])
        what, remedy = gaps_in_words(table, recordings, time)
        warn(
            f"{len(holding)} windows contain a gap {what}, the first ({recordings.subject_of(row)}) before "
            f"row {recordings.in_table(row)}. {remedy}"
        )


def gaps_in_words(table: Table, recordings: Recordings, time: str | None) -> tuple[str, str]:
    """Return how wide gaps are, and what to do about them.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end. They have wide gaps.
    time : str or None
        The column of times.
    """
    if recordings.gap_before is None:
        what = f"in {time!r} of more than ten times the usual step"
        return what, "Pass max_gap, or max_gap=numpy.inf if gaps do not matter."
    name, gap = table.notes.time, recordings.gap_before
    named = "" if time is not None else f"time={name!r} and "
    remedy = (
        f"Pass {named}max_gap={gap!r} here too, or {named}max_gap=numpy.inf if gaps do not matter."
    )
    return f"in {name!r} at which an earlier step, with max_gap={gap!r}, ended recordings", remedy


def warn_of_steps_without_time(
    table: Table, recordings: Recordings, time: str | None, max_gap: Any
) -> None:
    """Warn about gaps that an earlier step worked across, because it had no times.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end.
    time : str or None
        The column of times.
    max_gap : float, str, timedelta or None
        The longest step in time within a recording.
    """
    gaps = np.setdiff1d(recordings.firsts[:-1], recordings.breaks)
    if table.notes.without_time is not None and len(gaps):
        row = int(gaps[0])
        warn(
            f"There are {len(gaps)} gaps in {time!r} longer than max_gap={max_gap!r}, the first "
            f"({recordings.subject_of(row)}) before row {recordings.in_table(row)}, and an earlier step, "
            f"{table.notes.without_time}, worked across them: pass time and max_gap to it too, or "
            "max_gap=numpy.inf if gaps do not matter to it."
        )


def warn_of_repeated_times(table: Table, recordings: Recordings, time: str | None) -> None:
    """Warn about recordings in which rows of several devices take turns, or many rows are copies.

    Rounded times repeat too. So rows that have the time of the row before count only if a column of few
    values differs there, or if no column does.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end.
    time : str or None
        The column of times.
    """
    if len(recordings.repeats) == 0:
        return
    bounds = np.append(recordings.breaks, recordings.n_rows)
    n_repeats = np.diff(np.searchsorted(recordings.repeats, bounds))
    n_steps = np.diff(bounds) - 1
    is_doubtful = (n_steps >= 10) & (n_repeats >= _SOME_REPEATS * n_steps)
    if not is_doubtful.any():
        return
    first = int(is_doubtful.argmax())
    in_words = f"In {is_doubtful.sum()} of {len(n_steps)} recordings many rows"
    counted = (
        f"{n_repeats[first]} of {n_steps[first] + 1} rows of the first "
        f"({recordings.subject_of(recordings.breaks[first])})"
    )
    repeats = recordings.repeats[np.repeat(is_doubtful, n_repeats)]
    are_copies = np.ones(len(repeats), dtype=bool)
    names = [name for name in table.names if name != time]
    for name in names:
        values = _comparable(table, recordings, name)
        is_other = _differ(values, repeats)
        if is_other.mean() > _NEARLY_EACH and _are_few(values[repeats]):
            warn(
                f"{in_words} have the time of the row before, in {time!r}, but another {name!r}: {counted}. "
                f"If {name!r} names devices that take turns, sort the table by subject, {name!r} and time "
                f"and pass boundaries=[{name!r}], or keep the rows of one device. Otherwise drop the column."
            )
            return
        are_copies &= ~is_other
    if not are_copies.all():
        return
    later = np.setdiff1d(np.flatnonzero(_within(recordings)) + 1, recordings.repeats)
    is_other = np.zeros(len(later), dtype=bool)
    for name in names:
        is_other |= _differ(_comparable(table, recordings, name), later)
    # Values that rarely change, such as temperatures, are the same at other times too.
    if 2 * is_other.sum() > len(later):
        warn(
            f"{in_words} are copies of the row before, its {time!r} included: {counted}. Drop them, for "
            "example by drop_duplicates(), or correct the join that made them."
        )


def _comparable(table: Table, recordings: Recordings, name: str) -> NDArray:
    """Return the sorted values of a column, or codes of text; zeros if they cannot be compared."""
    column = table.column(name)
    try:
        return recordings.sorted(encode(column)[0] if is_text(column) else plain_array(column))
    except (TypeError, NotImplementedError):  # such as lists; the latter from Arrow
        return np.zeros(len(table))


def _differ(values: NDArray, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which rows have another value than the row before; missing values are alike."""
    now, before = values[rows], values[rows - 1]
    return (now != before) & ((now == now) | (before == before))


def _are_few(values: NDArray) -> bool:
    """Whether so few different values may name devices."""
    return all(len(np.unique(some)) <= _MOST_DEVICES for some in (values[:1000], values))


def _within(recordings: Recordings) -> NDArray[np.bool_]:
    """Return, for each step from one sorted row to the next, whether both are of one recording."""
    within = np.ones(max(0, recordings.n_rows - 1), dtype=bool)
    within[recordings.breaks[1:] - 1] = False
    return within


def _is_sorted_by_a_column(table: Table, recordings: Recordings, within: NDArray[np.bool_]) -> bool:
    firsts = recordings.breaks
    lasts = np.append(firsts[1:], recordings.n_rows) - 1
    is_long = lasts > firsts
    for name in table.names:
        column = table.column(name)
        if is_text(column) or isinstance(column.dtype, pd.CategoricalDtype):
            continue
        values = recordings.sorted(plain_array(column))
        steps = steps_between(values)
        zero = np.zeros((), steps.dtype)
        if (steps[within] >= zero).all() and (values[lasts] > values[firsts])[is_long].all():
            return True
    return False
