"""Where the recordings of a table begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.tables.columns import (
    changes,
    encode,
    is_text,
    plain_array,
    runs,
)
from skaug.tables.table import Table
from skaug.tables.time_steps import TimeSteps, is_unlimited, longest_step


class Recordings:
    """The rows of a table, sorted into stretches that windows may be cut from.

    Parameters
    ----------
    table : Table
        The recordings.
    subject : str or None
        The column that holds the subject of each row; None if the table is one recording.
    boundaries : sequence of str
        Columns in which a change of value ends a stretch.
    time : str or None
        The column of times.
    max_gap : float, str, timedelta or None
        The longest step in time within a stretch, in the unit of `time`.
    sort : bool
        Whether to gather the rows of a subject that are not adjacent; otherwise the order of the table is
        kept, and rows of another subject end the stretch.
    n_known : int, default=0
        How many rows at the beginning of the table are not the caller's: messages count the rows after them.

    Attributes
    ----------
    order : ndarray of shape (n_rows,) or None
        Position in the table of each sorted row; None if the table's own order is kept.
    subjects : ndarray of shape (n_subjects,), or None
        The subjects in order of appearance; None without subjects.
    firsts : ndarray of shape (n_stretches + 1,)
        First sorted row of each stretch, and the number of rows.
    breaks : ndarray of shape (n_recordings,)
        First sorted row of each recording: a stretch, or several with gaps in time between them.
    wide_gaps : ndarray of shape (n_gaps,)
        Sorted rows before which time jumps by more than ten times the median step, or than the `max_gap` of
        an earlier step; empty if no time is known, or if `max_gap` says which gaps matter.
    gap_before : float, str or None
        The `max_gap` of an earlier step, if it is the reason for `wide_gaps`.
    repeats : ndarray of shape (n_repeats,)
        Sorted rows that have the time of the row before in the same recording.
    """

    def __init__(
        self,
        table: Table,
        subject: str | None,
        boundaries: Sequence[str],
        time: str | None,
        max_gap: Any,
        *,
        sort: bool,
        n_known: int = 0,
    ) -> None:
        self.order: NDArray[np.intp] | None = None
        self.subjects: NDArray | None = None
        self.n_rows = len(table)
        self._n_known = n_known
        firsts, codes = np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.intp)
        if subject is not None:
            firsts, codes, self.subjects = runs(table.column(subject))
            self._require_subjects(firsts, codes, subject)
        lengths = np.diff(firsts, append=self.n_rows)
        rows_before = np.zeros_like(lengths)
        if len(codes) > codes.max() + 1:  # the rows of some subject are not adjacent
            if sort:
                by_subject = np.argsort(codes, kind="stable")
                self.order = _joined_ranges(firsts[by_subject], lengths[by_subject])
                lengths = np.bincount(codes, lengths).astype(np.intp)
                firsts, codes = np.cumsum(lengths) - lengths, np.arange(len(lengths))
                rows_before = np.zeros_like(lengths)
            else:
                rows_before = pd.Series(lengths).groupby(codes).cumsum().to_numpy() - lengths
        self._subject_firsts, self._subject_codes = firsts, codes
        self._rows_before = rows_before  # of the same subject, in the runs before
        breaks = [firsts, *(self.changes(table.column(name)) for name in boundaries)]
        self.breaks = np.unique(np.concatenate(breaks))
        self.wide_gaps = self.repeats = gaps = np.empty(0, dtype=np.intp)
        self.gap_before: float | str | None = None
        self._usual_step: str | None = None
        if time is not None:
            steps = self._steps(table.column(time), time)
            if max_gap is None:
                self.wide_gaps = steps.wide()
            elif not is_unlimited(max_gap):
                gaps = steps.longer_than(longest_step(max_gap, time, is_clock=steps.is_clock))
                if steps.are_usual(gaps):
                    self._usual_step = steps.usual_in_words()
        if max_gap is None and time in (None, table.notes.time):
            self._find_gaps_of_a_step_before(table)
        self.firsts = np.append(np.union1d(self.breaks, gaps), self.n_rows)

    def _require_subjects(
        self, firsts: NDArray[np.intp], codes: NDArray[np.intp], subject: str
    ) -> None:
        if (codes < 0).any():
            n_missing = np.diff(firsts, append=self.n_rows)[codes < 0].sum()
            raise ValueError(
                f"The subject column {subject!r} is missing in {n_missing} rows, first in row "
                f"{firsts[codes < 0][0] - self._n_known}: fill it in or drop these rows."
            )

    def changes(self, column: pd.Series) -> NDArray[np.intp]:
        """Return the sorted rows at which the value of a column changes."""
        if self.order is None:
            return runs(column)[0]
        return np.concatenate([[0], changes(self.sorted(encode(column)[0])) + 1])

    def sorted(self, values: NDArray) -> NDArray:
        """Return values of the rows of the table in sorted order."""
        return values if self.order is None else values[self.order]

    @property
    def n_subjects(self) -> int:
        """The number of subjects; 1 without subjects."""
        return 1 if self.subjects is None else len(self.subjects)

    def in_table(self, row: int) -> int:
        """Return the position in the table of a sorted row, for a message."""
        return (row if self.order is None else int(self.order[row])) - self._n_known

    def require_usual_steps(self, time: str | None, max_gap: Any) -> None:
        """Raise if `max_gap` is shorter than the usual step in time.

        Raises
        ------
        ValueError
        """
        if self._usual_step is not None:
            raise ValueError(
                f"max_gap={max_gap!r} is shorter than the usual step of {time!r}, which is "
                f"{self._usual_step}, so that a recording would end at most steps: pass several usual steps."
            )

    def _steps(self, column: pd.Series, name: str) -> TimeSteps:
        """Return the steps in time, none of which goes back within a recording."""
        if is_text(column):
            raise ValueError(
                f"The time column {name!r} holds {column.dtype}, not times or numbers: parse it first "
                "(pandas.to_datetime)."
            )
        if column.isna().any():
            row = int(np.flatnonzero(column.isna())[0]) - self._n_known
            raise ValueError(f"The time column {name!r} is missing in row {row}: fill or drop it.")
        steps = TimeSteps(self.sorted(plain_array(column)), self.breaks)
        back, self.repeats = steps.back_and_still()
        if len(back):
            row = int(back[0])
            of_subject = "" if self.subjects is None else f" of {self.subject_of(row)}"
            raise ValueError(
                f"The time {name!r}{of_subject} goes back in row {self.in_table(row)}: if it starts again "
                "with each recording, name the column that separates them in boundaries; otherwise sort the "
                "table by subject and time."
            )
        return steps

    def _find_gaps_of_a_step_before(self, table: Table) -> None:
        """Find the gaps that an earlier step worked up to, where this one has no `max_gap`."""
        notes = table.notes
        if notes.time not in table.names:
            return
        column = table.column(notes.time)
        if is_text(column) or column.isna().any():
            return
        steps = TimeSteps(self.sorted(plain_array(column)), self.breaks)
        if steps.is_clock != isinstance(notes.max_gap, str):
            return
        longest = longest_step(notes.max_gap, notes.time, is_clock=steps.is_clock)
        gaps = steps.within(steps.longer_than(longest))
        if len(gaps) and not steps.are_usual(gaps):  # because rows are further apart since
            self.wide_gaps, self.gap_before = gaps, notes.max_gap

    def subject_of(self, row: int | np.integer) -> str:
        """Return the subject of a sorted row, in words for a message."""
        if self.subjects is None:
            return "the table"
        subject = self.subjects[self.codes_of(row)]
        return f"subject {subject.item() if isinstance(subject, np.generic) else subject!r}"

    def codes_of(self, rows: Any) -> Any:
        """Return the subject of each of these sorted rows, as a position in `subjects`."""
        return self._subject_codes[np.searchsorted(self._subject_firsts, rows, side="right") - 1]

    def origins(self, starts: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the origins of windows.

        Parameters
        ----------
        starts : ndarray of shape (n_windows,)
            Their first sorted rows, ascending.

        Returns
        -------
        codes : ndarray of shape (n_windows,)
            The subject, as a position in `subjects`.
        first_rows : ndarray of shape (n_windows,)
            The number of rows of that subject before the window.
        """
        bounds = np.searchsorted(starts, np.append(self._subject_firsts, self.n_rows))
        n_windows = np.diff(bounds)
        before = self._rows_before - self._subject_firsts
        first_rows = (starts + np.repeat(before, n_windows)).astype(np.int64)
        return np.repeat(self._subject_codes, n_windows), first_rows

    def numbers(self, starts: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the number of the stretch of each window, counted among those of its subject.

        Parameters
        ----------
        starts : ndarray of shape (n_windows,)
            Their first sorted rows.
        """
        owners = pd.Series(self.codes_of(self.firsts[:-1]))
        of_stretch = owners.groupby(owners).cumcount().to_numpy()
        return of_stretch[np.searchsorted(self.firsts, starts, side="right") - 1].astype(np.int64)

    def starts(
        self, size: int, stride: int, *, from_first_row: bool, to_last_row: bool = False
    ) -> NDArray[np.intp]:
        """Return the first rows of the windows that lie within one stretch.

        Parameters
        ----------
        size, stride : int
            Rows in a window, and from one to the next.
        from_first_row : bool
            Whether strides are counted from the first row of each stretch, or of the table.
        to_last_row : bool, default=False
            Whether a stretch has one more window, up to its last row, if the others do not reach it. Only
            where strides are counted from the first row of each stretch.
        """
        if not from_first_row:
            every = np.arange(0, self.firsts[-1] - size + 1, stride)
            within = np.searchsorted(self.firsts, every, side="right")
            return every[every + size <= self.firsts[within]]
        room = np.diff(self.firsts) - size  # rows that the first window leaves over
        counts = np.maximum(room // stride + 1, 0)
        if to_last_row:
            counts += (room > 0) & (room % stride > 0)
        before = np.cumsum(counts) - counts
        steps = (np.arange(counts.sum()) - np.repeat(before, counts)) * stride
        if to_last_row:
            steps = np.minimum(steps, np.repeat(room, counts))
        return np.repeat(self.firsts[:-1], counts) + steps

    def filled_forward(self, values: NDArray, is_missing: NDArray, most: int) -> NDArray:
        """Replace missing values of sorted rows by the last one before them in the same stretch.

        Parameters
        ----------
        values, is_missing : ndarray of shape (n_rows, ...)
            The values, and which of them are missing.
        most : int
            The most rows in a row that are filled; longer holes stay.
        """
        return np.take_along_axis(values, self._last_known(is_missing, most), axis=0)

    def unfilled(self, is_missing: NDArray[np.bool_], most: int) -> NDArray[np.bool_]:
        """Return the sorted rows that are missing even after filling forward."""
        return np.take_along_axis(is_missing, self._last_known(is_missing, most), axis=0)

    def _last_known(self, is_missing: NDArray[np.bool_], most: int) -> NDArray[np.intp]:
        """Return the row that fills each row: itself, if it is known or if none fills it."""
        down = (-1,) + (1,) * (is_missing.ndim - 1)
        n_rows = len(is_missing)
        rows = np.arange(n_rows).reshape(down)
        lengths = np.diff(self.firsts)
        first = np.repeat(self.firsts[:-1], lengths).reshape(down)
        end = np.repeat(self.firsts[1:], lengths).reshape(down)
        last = np.maximum.accumulate(np.where(is_missing, -1, rows), axis=0)
        following = np.where(is_missing, n_rows, rows)[::-1]
        following = np.minimum.accumulate(following, axis=0)[::-1]
        is_filled = (last >= first) & (np.minimum(following, end) - last - 1 <= most)
        return np.where(is_filled, last, rows)


def _joined_ranges(firsts: NDArray[np.intp], lengths: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return ``range(first, first + length)`` for each, one after the other."""
    behind = np.cumsum(lengths)
    return np.repeat(firsts - (behind - lengths), lengths) + np.arange(behind[-1])
