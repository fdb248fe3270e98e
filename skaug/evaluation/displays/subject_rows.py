"""The rows of one subject, and the windows that are cut from them, as plain frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.cutting import Cutting, NoWindowsError
from skaug.tables.columns import plain_array
from skaug.tables.recordings import Recordings
from skaug.windows.provenance import Provenance

GAP = "gap"


class SubjectRows:
    """The rows of one subject, as plain frames: signals, recordings, windows and labels.

    Parameters
    ----------
    cutting : Cutting
        How the table is cut.
    X : DataFrame, Table or array-like of shape (n_rows, n_columns)
        The recordings of all subjects.
    subject : object or None
        Which subject; None for the first of the table.
    sampling_rate : float
        Rows per second, to count time by where there is no column of times, or it begins again.

    Attributes
    ----------
    name : str
        The subject, after the name of its column; empty if the table is one recording.
    time_label : str
        What time is counted in.

    Raises
    ------
    ValueError
        If no row is of this subject, or rows cannot be assigned to recordings.
    """

    def __init__(self, cutting: Cutting, X: Any, subject: Any, sampling_rate: float) -> None:
        self._cutting, self._table = cutting, cutting.read(X)
        self._recordings = recordings = cutting.recordings_of(self._table)
        code = _code_of(recordings, subject)
        subjects = recordings.subjects
        self.name = "" if subjects is None else f"{cutting.subject} {subjects[code]}"
        self._sorted = np.flatnonzero(recordings.codes_of(np.arange(recordings.n_rows)) == code)
        order = recordings.order
        self._in_table = self._sorted if order is None else order[self._sorted]
        self._set_times(sampling_rate)

    def _set_times(self, sampling_rate: float) -> None:
        self._times: NDArray = np.arange(len(self._sorted)) / sampling_rate
        self._step: Any = 1 / sampling_rate
        self.time_label = "Time (samples)" if sampling_rate == 1 else "Time (s)"
        name = self._cutting.time
        if name is None:
            return
        column = self._table.column(name)
        times, unit = plain_array(column)[self._in_table], ""
        if times.dtype.kind == "m":
            times, unit = times / np.timedelta64(1, "s"), " (s)"
        elif times.dtype.kind == "M":
            unit = "" if column.dt.tz is None else " (UTC)"
        elif times.dtype.kind in "iu":
            times = times.astype(np.int64)
        steps = np.diff(times)
        zero = np.zeros((), steps.dtype)
        forward = np.sort(steps[steps > zero])
        if (steps >= zero).all() and len(forward):
            self._times, self._step = times, forward[len(forward) // 2]
            self.time_label = name + unit

    def signals(self, features: Sequence[str] | None) -> pd.DataFrame:
        """Return the channels that are named, or all, indexed by time.

        Raises
        ------
        ValueError
            If some are not channels.
        """
        columns = {
            name: plain_array(self._table.column_of_numbers(name, "feature"))[self._in_table]
            for name in _channels(self._cutting, features)
        }
        return pd.DataFrame(columns, index=self._times)

    def labels(self) -> pd.DataFrame:
        """Return the targets of each row, one column per target that the table has."""
        values = self._cutting.row_labels(self._table)
        labels = None if values is None else values[self._in_table]
        return pd.DataFrame(labels, self._times, self._targets())

    def _targets(self) -> list[str]:
        targets = self._cutting.targets
        return list(targets) if set(targets) <= set(self._table.names) else []

    def recordings(self) -> pd.DataFrame:
        """Return the stretches that windows may be cut from: see `RecordingDisplay`."""
        is_first = np.isin(self._sorted, self._recordings.firsts)
        firsts = np.flatnonzero(is_first)
        lasts = np.append(firsts[1:], len(self._sorted)) - 1
        return pd.DataFrame(
            {
                "start": self._times[firsts],
                "end": self._times[lasts] + self._step,
                "first_row": firsts,
                "begins": ["", *map(self._begins, firsts[1:])],
            }
        )

    def _begins(self, row: int) -> str:
        """Return what separates a row from the one before."""
        values = []
        for name in self._cutting.boundaries:
            before, here = self._table.column(name).iloc[self._in_table[[row - 1, row]]]
            if here != before:
                values.append(f"{name} {here}")
        if values:
            return ", ".join(values)
        # In the table's own order, rows of another subject may lie between.
        is_break = self._sorted[row] in self._recordings.breaks
        return "rows of another subject" if is_break else GAP

    def windows(self) -> pd.DataFrame:
        """Return the windows of the grid, and why some are left out: see `RecordingDisplay`.

        Raises
        ------
        NoWindowsError
            If no recording of the subject is long enough.
        ValueError
            If values are missing and ``missing="raise"``.
        """
        cutting, table = self._cutting, self._table
        grid = replace(cutting, target=None, missing="keep", purity=None).labels(table)
        starts = _starts(grid)
        is_here = np.isin(starts, self._sorted)
        if not is_here.any():
            length = np.diff(self.recordings()["first_row"], append=len(self._sorted)).max()
            raise NoWindowsError(
                f"No recording of {self.name} is long enough for a window of {cutting.window_size} rows: the "
                f"longest has {length}. Pass another subject, or use a smaller window_size."
            )
        starts = starts[is_here]
        whole = _unless_empty(lambda: cutting.windows_of(table, self._recordings).provenance)
        kept = whole
        if cutting.purity is not None and whole is not None:
            kept = _unless_empty(lambda: cutting.labels(table))
        left_out = np.full(len(starts), "", dtype=object)
        left_out[~np.isin(starts, _starts(kept))] = f"no class fills purity={cutting.purity}"
        left_out[~np.isin(starts, _starts(whole))] = "missing values"
        first_rows = np.searchsorted(self._sorted, starts)
        frame = pd.DataFrame(
            {
                "start": self._times[first_rows],
                "end": self._times[first_rows + cutting.window_size - 1] + self._step,
                "first_row": first_rows,
                "left_out": left_out,
            }
        )
        names = [f"label[{name}]" for name in self._targets()]
        if not names:
            return frame
        y = np.empty((0, len(names))) if kept is None or kept.y is None else kept.y
        labels = pd.DataFrame(y, _starts(kept), names).reindex(starts)
        return frame.join(labels.reset_index(drop=True))


def _channels(cutting: Cutting, features: Sequence[str] | None) -> Sequence[str]:
    """Return the channels to draw, or raise."""
    if features is None:
        return cutting.features
    if isinstance(features, str) or not len(features) or not set(features) <= set(cutting.features):
        raise ValueError(
            f"features={features!r} must be a list of channels: "
            f"{', '.join(map(repr, cutting.features))}."
        )
    return features


def _code_of(recordings: Recordings, subject: Any) -> int:
    """Return the position of a subject among those of the table; that of the first if it is None."""
    if subject is None:
        return 0
    known = [] if recordings.subjects is None else recordings.subjects.tolist()
    if subject not in known:
        there = f"its subjects are {', '.join(map(repr, known))}" if known else "it has no subjects"
        raise ValueError(f"subject={subject!r} is not in the table: {there}.")
    return known.index(subject)


def _starts(provenance: Provenance | None) -> NDArray[np.intp]:
    """Return the first rows of windows, in the order in which rows are cut."""
    if provenance is None:
        return np.empty(0, dtype=np.intp)
    assert provenance.rows is not None  # of one table
    return provenance.rows.starts


def _unless_empty(cut: Callable[[], Provenance]) -> Provenance | None:
    """Return the windows, or None where cutting fails because all of them are left out."""
    try:
        return cut()
    except NoWindowsError:
        return None
