"""A table in which a step changed rows: the other columns follow."""

from __future__ import annotations

from collections.abc import Collection

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.tables.columns import plain_array
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table


def with_columns(table: Table, recordings: Recordings, columns: dict[str, NDArray]) -> nw.DataFrame:
    """Return a table with other values in some columns, and the same rows.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end.
    columns : dict of str to ndarray of shape (n_rows,)
        The values, in the order of `recordings`.
    """
    order = recordings.order
    if order is not None:
        in_table = np.empty_like(order)
        in_table[order] = np.arange(len(order))
        columns = {name: values[in_table] for name, values in columns.items()}
    return _replaced(table.frame, columns)


def with_other_rows(
    table: Table,
    recordings: Recordings,
    columns: dict[str, NDArray],
    positions: list[NDArray],
    constant: Collection[str | None],
    time: str | None,
    times: NDArray | None,
) -> nw.DataFrame:
    """Return a table of new rows, in which all columns follow.

    Columns of floating-point numbers are averaged over the old rows that are nearest to a new one, `time` is
    interpolated, and other columns have the value of the nearest old row.

    Parameters
    ----------
    table : Table
        The old rows.
    recordings : Recordings
        Where recordings begin and end.
    columns : dict of str to ndarray of shape (n_new_rows,)
        Columns whose new values are known, one recording after the other.
    positions : list of ndarray
        Where the new rows of each recording lie among its old rows.
    constant : collection of str
        The columns that are constant within a recording.
    time : str or None
        The column of times.
    times : ndarray of shape (n_rows,), or None
        The time of each old row in the order of `recordings`: as in the table or, for dates, in seconds.
    """
    firsts, lengths = recordings.firsts[:-1], np.diff(recordings.firsts)
    nearest = np.concatenate(
        [
            first + np.clip(np.ceil(part - 0.5), 0, n - 1).astype(np.intp)
            for first, n, part in zip(firsts, lengths, positions, strict=True)
        ]
    )
    groups = _Groups(lengths, positions)
    order = recordings.order
    rows = nearest if order is None else order[nearest]
    columns = columns.copy()
    for name in table.names:
        if name in columns or name in constant or name == time:
            continue
        column = table.column(name)
        is_whole = table.frame.schema[name].is_integer()  # floats in pandas if some are missing
        if column.dtype.kind == "f" and not is_whole:
            numbers = recordings.sorted(plain_array(column))
            columns[name] = groups.means(numbers, nearest)
    frame = _taken(table.frame, rows, columns)
    if time is None:
        return frame
    assert times is not None
    new_times = np.concatenate(
        [
            _interpolated(times[first : first + n], part)
            for first, n, part in zip(firsts, lengths, positions, strict=True)
        ]
    )
    kind = plain_array(table.column(time).iloc[:0]).dtype.kind
    if kind not in "mM":
        return _replaced(frame, {time: new_times})
    moved = np.round(1e9 * (new_times - times[nearest])).astype("timedelta64[ns]")
    return _delayed(frame, time, moved)


class _Groups:
    """The old rows that are nearer to a new row than to any other.

    Parameters
    ----------
    lengths : ndarray of shape (n_recordings,)
        Old rows of each recording.
    positions : list of ndarray
        Where the new rows of each recording lie among its old ones.
    """

    def __init__(self, lengths: NDArray[np.intp], positions: list[NDArray]) -> None:
        owners, n_before = [], 0
        for n, part in zip(lengths, positions, strict=True):
            halfway = (part[1:] + part[:-1]) / 2
            of_recording = n_before + np.searchsorted(halfway, np.arange(n), side="left")
            owners.append(of_recording if len(part) else np.full(n, -1))
            n_before += len(part)
        owner = np.concatenate(owners)
        self._firsts = np.flatnonzero(np.diff(owner, prepend=-2))
        self._sizes = np.diff(self._firsts, append=len(owner))
        self._owners = owner[self._firsts]  # -1: the recording has no new rows

    def means(self, values: NDArray, nearest: NDArray[np.intp]) -> NDArray:
        """Return, for each new row, the mean of its old rows; the nearest one if it has none."""
        gaps = np.isnan(values)
        # As distances from the first of the group, so that the mean of equal values is that value.
        first = values[self._firsts]
        if gaps.any():
            known = np.fmin.reduceat(values, self._firsts)
            first = np.where(np.isnan(first), known, first)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            distances = values - np.repeat(first, self._sizes)
        sizes: NDArray = self._sizes
        if gaps.any():
            distances[gaps] = 0
            sizes = np.maximum(sizes - np.add.reduceat(gaps, self._firsts, dtype=np.intp), 1)
        means = first + np.add.reduceat(distances, self._firsts) / sizes
        new = values[nearest]
        is_owned = self._owners >= 0
        new[self._owners[is_owned]] = means[is_owned]
        return new


def _interpolated(times: NDArray, positions: NDArray) -> NDArray:
    """Return the times of new rows; beyond the last row, time goes on at the last step."""
    known = np.arange(len(times))
    beyond = np.maximum(positions - known[-1], 0)
    step = times[-1] - times[-2] if len(times) > 1 else 0.0
    return np.interp(positions, known, times) + beyond * step


def _taken(
    frame: nw.DataFrame, rows: NDArray[np.intp], columns: dict[str, NDArray]
) -> nw.DataFrame:
    """Return some rows of a frame, some columns of which are known already, with a new index."""
    native, names = frame.drop(list(columns)).to_native(), frame.columns
    if isinstance(native, pd.DataFrame):
        taken = native.take(rows).reset_index(drop=True).assign(**columns)
        return nw.from_native(taken[names], eager_only=True)
    if columns.keys() == set(names):
        return nw.from_dict({name: columns[name] for name in names}, backend=frame.implementation)
    taken = nw.from_native(native, eager_only=True)[rows]
    return _replaced(taken, columns).select(names)


def _replaced(frame: nw.DataFrame, columns: dict[str, NDArray]) -> nw.DataFrame:
    """Return a frame with other values in some columns, in their place, and the same index."""
    native = frame.to_native()
    if isinstance(native, pd.DataFrame):
        return nw.from_native(native.assign(**columns), eager_only=True)
    like = frame.implementation
    series = [nw.new_series(name, values, backend=like) for name, values in columns.items()]
    return frame.with_columns(series)


def _delayed(frame: nw.DataFrame, name: str, delays: NDArray) -> nw.DataFrame:
    """Return a frame with times that are later by these delays."""
    native = frame.to_native()
    if isinstance(native, pd.DataFrame):
        moved = native.assign(**{name: native[name] + pd.to_timedelta(delays)})
        return nw.from_native(moved, eager_only=True)
    delay = nw.new_series(name, delays, backend=frame.implementation)
    return frame.with_columns((frame[name] + delay).alias(name))
