"""How a table is cut into windows: resolved columns, sizes and grid, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skaug._warnings import warn
from skaug.tables.aggregation import (
    Aggregation,
    aggregate,
    mode_shares,
    refuse_classes,
    refuse_mixed,
)
from skaug.tables.columns import (
    all_finite,
    as_column,
    columns_of,
    is_missing,
    is_text,
    plain_array,
)
from skaug.tables.data_warnings import (
    warn_of_empty_recordings,
    warn_of_gaps,
    warn_of_repeated_times,
    warn_of_row_order,
    warn_of_sessions,
    warn_of_steps_without_time,
)
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table
from skaug.windows.container import Windows
from skaug.windows.frame_rows import FrameRows, require_same_rows
from skaug.windows.provenance import (
    REAL,
    Provenance,
    Target,
    require_names_of_targets,
    target_names,
)

#: What the target is called in errors: one name, or one per column.
_Label = str | tuple[str, ...]


class NoWindowsError(ValueError):
    """No recording is as long as a window, or every window is left out."""


@dataclass(frozen=True)
class Cutting:
    """How tables are cut into windows, as a fitted `SubjectWindower` has resolved it.

    A `SubjectWindower` builds one in `fit` and keeps it as ``cutting_``. Everything that needs to know where
    windows lie takes it: windows of a table larger than memory, shards, scores and predictions of rows.

    Parameters
    ----------
    names : tuple of str
        The columns of the table seen in `fit`.
    features : tuple of str
        The channels.
    window_size, stride : int
        Rows per window, and rows from the start of a window to the start of the next.
    subject, time : str or None
        The columns of subjects and of times.
    target : str, tuple of str, or None
        The column, or columns, of the values that become labels.
    boundaries : tuple of str
        The columns in which a change of value ends a recording.
    max_gap : float, str, timedelta or None
        The longest step in `time` within a window.
    target_agg, purity, alignment, missing, last, dtype
        As in `SubjectWindower`.

    See Also
    --------
    skaug.SubjectWindower : The estimator that resolves the columns.

    Examples
    --------
    >>> from skaug import SubjectWindower
    >>> from skaug.datasets import simulate_ppg
    >>> table = simulate_ppg(n_subjects=2, minutes=1)
    >>> windower = SubjectWindower(512, features=["BVP"], target="heart_rate").fit(table)
    >>> windower.cutting_.labels(table).y.round(1)[:3]
    array([...])
    >>> windower.cutting_.count(table)[["subject", "n_rows", "n_windows"]]
      subject  n_rows  n_windows
    0      S1    3840          7
    1      S2    3840          7
    """

    names: tuple[str, ...]
    features: tuple[str, ...]
    window_size: int
    stride: int
    subject: str | None
    target: Target
    boundaries: tuple[str, ...]
    time: str | None
    max_gap: Any
    target_agg: Aggregation
    purity: float | None
    alignment: str
    missing: str
    last: str
    dtype: np.dtype

    def cut(self, X: Any, y: ArrayLike | None = None) -> Windows:
        """Cut a table into windows, labeled if it has the target column.

        Parameters
        ----------
        X : DataFrame, Table or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like of shape (n_rows,) or (n_windows,), or 2-D for several labels, optional
            Labels that take precedence over the `target` column.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)

        Raises
        ------
        NoWindowsError
            If no recording is long enough, or every window is left out: because it contains a missing value,
            or because no class reaches `purity`.
        ValueError
            If values are missing and ``missing="raise"``, a subject is missing, time goes back, `max_gap` is
            shorter than the usual step in time, `y` has another length, or `purity` finds no class of each
            row.
        """
        table = self.read(X)
        recordings = self._sound_recordings(table)
        if self.subject is not None and self._subject_in(table) is None:
            warn(
                f"There is no column of subjects {self.subject!r}: the table counts as one recording. If "
                "it holds several, add the column, or windows will span two recordings."
            )
        if self.time is None:
            warn_of_row_order(table, recordings)
        warn_of_repeated_times(table, recordings, self.time)
        warn_of_steps_without_time(table, recordings, self.time, self.max_gap)
        roles = {self.subject, *self.targets, self.time, *self.boundaries, *self.features}
        warn_of_sessions(table, recordings, roles)
        windows = self.windows_of(table, recordings, y)
        assert windows.provenance.rows is not None
        starts = windows.provenance.rows.starts
        warn_of_empty_recordings(recordings, starts, self.window_size)
        warn_of_gaps(table, recordings, starts, self.window_size, self.time)
        if self.missing == "ffill" and (n_left_out := len(self._grid(recordings)) - len(starts)):
            warn(
                f"{n_left_out} windows are left out: values are missing there for {self.window_size} rows or "
                "more, or from the beginning of a recording. missing='ffill' fills shorter holes."
            )
        if self.purity is None:
            return windows
        is_pure = self._require_pure(table, recordings, y, starts)
        if not is_pure.all():
            label = self.target if y is None else "y"
            warn(
                f"{(~is_pure).sum()} of {len(starts)} windows are left out, because no class of {label!r} "
                f"fills purity={self.purity!r} of their rows. A lower purity keeps more."
            )
        return windows[is_pure]

    def windows_of(
        self, table: Table, recordings: Recordings, y: ArrayLike | None = None
    ) -> Windows:
        """Cut a table as `cut` does, without its warnings and whatever the `purity`.

        Parameters
        ----------
        table : Table
            The recordings, as `read` returns them.
        recordings : Recordings
            Where they begin and end, as `recordings_of` finds it.
        y : array-like of shape (n_rows,) or (n_windows,), optional
            Labels that take precedence over the `target` column.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)

        Raises
        ------
        NoWindowsError, ValueError
            As `cut` does.
        """
        signals, has_gaps = table.matrix(self.features, recordings.order, self.dtype)
        target, label = self._target(table, recordings, y)
        missing_rows: NDArray[np.bool_] | None = None
        if self.missing != "keep" and (has_gaps or _any_missing(target)):
            gaps = is_missing(signals)
            target_gaps = None if target is None else is_missing(target)
            if self.missing == "raise":
                named = dict(zip(self.features, gaps.T, strict=True))
                self._refuse_missing(recordings, named | _by_name(label, target_gaps))
            missing_rows = np.asarray(self._left_missing(recordings, gaps).any(axis=1))
            if self.missing == "ffill":
                signals = recordings.filled_forward(signals, gaps, self.window_size - 1)
            if target is not None and target_gaps is not None:
                missing_rows = missing_rows | _any_column(
                    self._left_missing(recordings, target_gaps)
                )
                if self.missing == "ffill":
                    target = recordings.filled_forward(target, target_gaps, self.window_size - 1)
        provenance = self._provenance(table, recordings, target, label, y, missing_rows)
        assert provenance.rows is not None
        context = table.context(self.features, recordings.order)
        if self.missing == "ffill" and missing_rows is not None and label == self.target:
            # A synthesizer is sent the values that the labels are computed from.
            context = context.drop(columns=list(self.targets))
            assert target is not None
            for name, values in zip(self.targets, _columns(target), strict=True):
                context[name] = values
        starts = provenance.rows.starts
        return Windows(signals, starts, self.window_size, provenance, self.features, context)

    def labels(self, X: Any, y: ArrayLike | None = None) -> Provenance:
        """Return the provenance of the windows that `cut` would return, without copying their samples.

        Channels are read only if windows with missing values are to be left out. Otherwise missing values go
        unnoticed here: only `cut` raises for them.

        Parameters
        ----------
        X : DataFrame, Table or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like of shape (n_rows,) or (n_windows,), optional
            Labels that take precedence over the `target` column.

        Returns
        -------
        Provenance
            Labels, subjects, origins, and the rows of the table that each window holds.

        Raises
        ------
        NoWindowsError, ValueError
            As `cut` does.
        """
        table = self.read(X)
        recordings = self._sound_recordings(table)
        target, label = self._target(table, recordings, y)
        missing_rows = None
        if self.missing == "raise" and _any_missing(target):
            assert target is not None
            self._refuse_missing(recordings, _by_name(label, is_missing(target)))
        if self.missing in ("drop", "ffill"):
            missing_rows = self._missing_rows(table, recordings, target)
            target = self._filled(recordings, target)
        provenance = self._provenance(table, recordings, target, label, y, missing_rows)
        if self.purity is None:
            return provenance
        assert provenance.rows is not None
        starts = provenance.rows.starts
        return provenance.take(self._require_pure(table, recordings, y, starts))

    def recordings_of(self, table: Table, n_known: int = 0) -> Recordings:
        """Find where the recordings of a table begin and end.

        Parameters
        ----------
        table : Table
            The recordings, as `read` returns them.
        n_known : int, default=0
            As in `Recordings`.

        Returns
        -------
        Recordings

        Raises
        ------
        ValueError
            If a subject or a time is missing, or time goes back.
        """
        return Recordings(
            table,
            self._subject_in(table),
            self.boundaries,
            self.time,
            self.max_gap,
            sort=self.alignment == "subject",
            n_known=n_known,
        )

    def count(self, X: Any) -> pd.DataFrame:
        """Count rows and windows of each subject.

        Parameters
        ----------
        X : DataFrame or Table
            Some of the recordings, each with all its rows; at least the columns `count_columns`.

        Returns
        -------
        DataFrame, one row per subject
            ``subject``, ``n_rows``, ``longest`` (rows of the longest stretch that windows may be cut from)
            and ``n_windows``.

        Raises
        ------
        ValueError
            If a subject or a time is missing, time goes back, or `max_gap` is shorter than the usual step.
        """
        table = self.read(X)
        recordings = self._sound_recordings(table)
        lengths = np.diff(recordings.firsts)
        owners = recordings.codes_of(recordings.firsts[:-1])
        subjects = [None] if recordings.subjects is None else recordings.subjects
        longest = np.zeros(len(subjects), dtype=np.int64)
        np.maximum.at(longest, owners, lengths)
        starts = self._grid(recordings)
        if self.missing in ("drop", "ffill"):
            target, _ = self._target(table, recordings, None)
            starts = self._without(self._missing_rows(table, recordings, target), starts)
        if self.purity is not None:
            starts = starts[self._is_pure(table, recordings, None, starts)]
        codes, _ = recordings.origins(starts)
        return pd.DataFrame(
            {
                "subject": pd.Series(subjects, dtype=object),
                "n_rows": np.bincount(owners, lengths, len(subjects)).astype(np.int64),
                "longest": longest,
                "n_windows": np.bincount(codes, minlength=len(subjects)),
            }
        )

    def for_prediction(self) -> Cutting:
        """Return how tables are cut to be predicted: no window is left out because of its labels.

        Returns
        -------
        Cutting
            The same without `purity`, so that predictions do not depend on labels in the table.
        """
        return self if self.purity is None else replace(self, purity=None)

    def required(self) -> list[str]:
        """Return the columns that windows without labels are cut from, in the order of the table."""
        needed = self._recording_columns() | set(self.features)
        return [name for name in self.names if name in needed]

    def require_width(self, table: Table) -> None:
        """Raise unless an array has the columns of the data frame seen in `fit`, with or without the target.

        Raises
        ------
        ValueError
        """
        if table.is_array and not set(self.required()) <= set(table.names):
            raise ValueError(
                f"X is an array of {len(table.names)} columns, but the table in fit had {len(self.names)}: "
                "pass all of them, in the same order, with or without the target, or a data frame."
            )

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns of the values that become labels."""
        return target_names(self.target)

    def columns(self) -> set[str]:
        """Return the columns that labeled windows are cut from; the others are context."""
        return self._recording_columns() | set(self.features) | set(self.targets)

    def count_columns(self) -> set[str]:
        """Return the columns that `count` reads."""
        if self.missing in ("drop", "ffill"):
            return self.columns()
        of_labels = set() if self.purity is None else set(self.targets)
        return self._recording_columns() | of_labels

    def row_labels(self, X: Any) -> NDArray | None:
        """Return the values of the target in each row of a table, or None if it has no such column.

        Parameters
        ----------
        X : DataFrame, Table or array-like of shape (n_rows, n_columns)
            The recordings.

        Returns
        -------
        ndarray of shape (n_rows,) or (n_rows, n_targets), or None
        """
        table = self.read(X)
        if not self.targets or not set(self.targets) <= set(table.names):
            return None
        return self._joined([_as_values(table.column(name)) for name in self.targets])

    def read(self, X: Any) -> Table:
        """Read a table; the columns of an array are those seen in `fit`, with or without the target."""
        if isinstance(X, Table):
            return X
        table = Table(X)
        without_target = [name for name in self.names if name not in self.targets]
        for names in (list(self.names), without_target):
            if table.is_array and len(table.names) == len(names):
                table.rename(names)
                break
        return table

    def no_recording_is_long_enough(
        self, longest: int, place: str, between: str = ""
    ) -> NoWindowsError:
        """Return the error for recordings that are all shorter than a window, or cut by the table's grid.

        Parameters
        ----------
        longest : int
            Rows of the longest recording.
        place : str
            Which one it is: "subject 'S1'" or "the table".
        between : str, optional
            What ends it.
        """
        is_cut_by_grid = longest >= self.window_size
        longer = " or a longer max_gap" if between else ""
        remedy = " Or use alignment='subject': the table's grid may cut every recording."
        return NoWindowsError(
            f"No recording is long enough for a window of {self.window_size} rows: the longest ({place}) has "
            f"{longest}{between}. Use a smaller window_size{longer}.{remedy if is_cut_by_grid else ''}"
        )

    def every_window_is_left_out(self) -> NoWindowsError:
        """Return the error for when every window contains a missing value, or too many classes."""
        why, remedies = [], []
        if self.missing in ("drop", "ffill"):
            why.append("contains a missing value")
            remedies.append("missing='keep'")
        if self.purity is not None:
            why.append(f"lacks a class that fills purity={self.purity!r} of its rows")
            remedies.append("a lower purity")
        return NoWindowsError(
            f"Every window of {self.window_size} rows {' or '.join(why)}: use a smaller window_size, "
            f"or {' or '.join(remedies)}."
        )

    def _recording_columns(self) -> set[str]:
        named = _names(self.subject, self.time, *self.boundaries)
        return named or {self.features[0]}  # at least one, to count rows by

    def _sound_recordings(self, table: Table) -> Recordings:
        """Return what `recordings_of` finds, unless `max_gap` is shorter than the usual step."""
        recordings = self.recordings_of(table)
        recordings.require_usual_steps(self.time, self.max_gap)
        return recordings

    def _subject_in(self, table: Table) -> str | None:
        return self.subject if self.subject in table.names else None

    def _target(
        self, table: Table, recordings: Recordings, y: ArrayLike | None
    ) -> tuple[NDArray | None, _Label]:
        """Return the target of each sorted row, or None where there is none, or one per window; its name.

        Several targets are the columns of an array.
        """
        if y is None:
            label: _Label = self.target or "y"
            if not self.targets or not set(self.targets) <= set(table.names):
                return None, label
            columns = {name: table.column(name) for name in self.targets}
            for name, column in columns.items():
                refuse_classes(column, self.target_agg, name)
            values = self._joined([_as_values(column) for column in columns.values()])
            return recordings.sorted(values), label
        y = y if hasattr(y, "__len__") else np.asarray(y)
        require_names_of_targets(y, self.targets)
        if np.ndim(y):
            require_same_rows(table.notes.n_rows_before, len(y), "y")  # type: ignore[arg-type]
        if np.ndim(y) == 0 or len(y) != len(table):  # type: ignore[arg-type]
            return None, "y"
        if np.ndim(y) != 2:
            refuse_classes(y, self.target_agg)
            return recordings.sorted(_as_values(y)), "y"
        of_y = {f"y[{i}]": column for i, column in enumerate(columns_of(y))}
        refuse_mixed(of_y)
        for name, column in of_y.items():
            refuse_classes(column, self.target_agg, name)
        values = np.stack([_as_values(column) for column in of_y.values()], axis=1)
        return recordings.sorted(values), tuple(of_y)

    def _joined(self, columns: list[NDArray]) -> NDArray:
        """Return the values of the targets as one array, 1-D unless `target` is a tuple."""
        return np.stack(columns, axis=1) if isinstance(self.target, tuple) else columns[0]

    def _missing_rows(
        self, table: Table, recordings: Recordings, target: NDArray | None
    ) -> NDArray[np.bool_]:
        """Return the sorted rows that no window may contain, because a value is missing in them."""
        found = np.zeros(len(table), dtype=bool)
        for name in self.features:
            values = plain_array(table.column_of_numbers(name, "feature"))
            if values.dtype.kind == "f":  # what is finite may overflow in single precision
                values = values.astype(self.dtype, copy=False)
            if not all_finite(values):
                found |= self._left_missing(recordings, recordings.sorted(is_missing(values)))
        if target is not None and _any_missing(target):
            found |= _any_column(self._left_missing(recordings, is_missing(target)))
        return found

    def _filled(self, recordings: Recordings, target: NDArray | None) -> NDArray | None:
        """Return the target of sorted rows after what `missing` does about missing values."""
        if self.missing != "ffill" or target is None or not _any_missing(target):
            return target
        return recordings.filled_forward(target, is_missing(target), self.window_size - 1)

    def _left_missing(self, recordings: Recordings, gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which values are missing after what `missing` does about them."""
        if self.missing != "ffill":
            return gaps
        return recordings.unfilled(gaps, self.window_size - 1)

    def _provenance(
        self,
        table: Table,
        recordings: Recordings,
        target: NDArray | None,
        label: _Label,
        y: ArrayLike | None,
        missing_rows: NDArray[np.bool_] | None,
    ) -> Provenance:
        starts = self._grid(recordings)
        if len(starts) == 0:
            self._refuse_short_recordings(recordings)
        starts = self._without(missing_rows, starts)
        if len(starts) == 0:
            raise self.every_window_is_left_out()
        codes, first_rows = recordings.origins(starts)
        provenance = Provenance(
            codes=codes,
            subjects=recordings.subjects,
            first_row=first_rows,
            draw=np.full(len(starts), REAL),
            is_synthetic=np.zeros(len(starts), dtype=bool),
            recording=recordings.numbers(starts),
            size=self.window_size,
            rows=FrameRows(
                starts, self.window_size, len(table), recordings.order, table.notes.n_rows_before
            ),
            subject=self._subject_in(table),
            target=self.target,
            target_agg=self.target_agg,
            y=None
            if target is None
            else aggregate(target, starts, self.window_size, self.target_agg, label),
        )
        # One label per window, if they are not one per row.
        return provenance if y is None or target is not None else provenance.relabel(y)

    def _grid(self, recordings: Recordings) -> NDArray[np.intp]:
        starts = recordings.starts(
            self.window_size,
            self.stride,
            from_first_row=self.alignment == "subject",
            to_last_row=self.last == "align",
        )
        return starts.astype(np.intp)

    def _without(
        self, missing_rows: NDArray[np.bool_] | None, starts: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Leave out windows that hold one of these rows."""
        if missing_rows is None:
            return starts
        before = np.concatenate([[0], np.cumsum(missing_rows)])
        return starts[before[starts + self.window_size] == before[starts]]

    def _is_pure(
        self, table: Table, recordings: Recordings, y: ArrayLike | None, starts: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Return whether a class reaches `purity` in each window."""
        target = self._filled(recordings, self._target(table, recordings, y)[0])
        if target is None:
            raise ValueError(
                f"purity={self.purity!r} needs the class of each row: name the column in target, or pass y "
                "with one label per row. Labels of windows are taken as they are without purity."
            )
        assert self.purity is not None
        return mode_shares(target, starts, self.window_size) >= self.purity

    def _require_pure(
        self, table: Table, recordings: Recordings, y: ArrayLike | None, starts: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Return what `_is_pure` does, or raise if no class reaches it in any window."""
        is_pure = self._is_pure(table, recordings, y, starts)
        if not is_pure.any():
            raise self.every_window_is_left_out()
        return is_pure

    def _refuse_short_recordings(self, recordings: Recordings) -> NoReturn:
        lengths = np.diff(recordings.firsts)
        longest = int(lengths.argmax())
        place = recordings.subject_of(int(recordings.firsts[longest]))
        gaps = "" if self.max_gap is None else f" between gaps longer than {self.max_gap!r}"
        raise self.no_recording_is_long_enough(int(lengths[longest]), place, gaps)

    def _refuse_missing(
        self, recordings: Recordings, gaps: dict[str, NDArray[np.bool_]]
    ) -> NoReturn:
        counts = {name: int(is_missing.sum()) for name, is_missing in gaps.items()}
        where = ", ".join(f"{name!r} ({count})" for name, count in counts.items() if count)
        rows = np.flatnonzero(np.any(list(gaps.values()), axis=0))
        _, first_of_each = np.unique(recordings.codes_of(rows), return_index=True)
        subjects = [recordings.subject_of(row) for row in rows[first_of_each]]
        more = f" and {len(subjects) - 3} more" if len(subjects) > 3 else ""
        raise ValueError(
            f"Values are missing or infinite in {where}, of {', '.join(subjects[:3])}{more}. Pass "
            "missing='drop' to leave such windows out, 'ffill' to repeat the last value, or 'keep' for "
            "models that accept NaN."
        )


def _names(*columns: str | None) -> set[str]:
    return {name for name in columns if name is not None}


def _by_name(label: _Label, gaps: NDArray[np.bool_] | None) -> dict[str, NDArray[np.bool_]]:
    """Return which values of each target are missing."""
    names = (label,) if isinstance(label, str) else label
    return {} if gaps is None else dict(zip(names, _columns(gaps), strict=True))


def _columns(values: NDArray) -> NDArray:
    """Return the columns of an array, or the only one."""
    return values[None] if values.ndim == 1 else values.T


def _any_column(gaps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return gaps if gaps.ndim == 1 else np.asarray(gaps.any(axis=1))


def _any_missing(target: NDArray | None) -> bool:
    if target is None or target.dtype.kind in "biu":
        return False
    return not all_finite(target) if target.dtype.kind == "f" else bool(pd.isna(target).any())


def _as_values(values: Any) -> NDArray:
    column = as_column(values)
    return column.to_numpy(dtype=object) if is_text(column) else plain_array(column)
