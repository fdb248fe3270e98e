"""From a table of recordings to windows."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Self

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike, NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from skaug.base import WindowStep
from skaug.tables.aggregation import Aggregation, aggregate, check_aggregation
from skaug.tables.columns import as_column, holds_nan, is_text, plain_array
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table, resolve
from skaug.windows.container import Windows
from skaug.windows.provenance import REAL, FrameRows, Provenance

ALIGNMENTS = ("subject", "table")
MISSING = ("raise", "keep", "drop", "ffill")


class NoWindowsError(ValueError):
    """No recording is as long as a window, or every window misses a value."""


class SubjectWindower(WindowStep):
    """Cut recordings of several subjects into windows of equal length.

    A window never holds two subjects, two values of a `boundaries` column, or a gap in `time`.

    Parameters
    ----------
    window_size : int, default=512
        Rows in a window.
    stride : int, optional
        Rows from the start of a window to the start of the next; `window_size` by default, so that
        windows do not overlap.
    features : list of str or int, optional
        The channels; by default every numeric column that has no other role. Columns of an array are
        given by position.
    target : str or int, optional
        The column that windows are labelled with. It may be absent when predicting.
    subject : str, int or None, default="subject"
        The column that says whose each row is. The rows of a subject need not be neighbours; their
        order is kept. None if the table is one recording.
    boundaries : str or sequence of str, default=()
        Columns whose change of value ends a recording: a session, a file.
    time : str or int, optional
        The column of times, which must not go back within a recording.
    max_gap : float, str or timedelta, optional
        The longest step in `time` within a window, in the unit of `time`; for dates and times a
        timedelta such as ``"2s"``.
    target_agg : str or callable, default="mean"
        How the target of the rows becomes the label of their window: "mean", "median", "first",
        "last", "max", "mode" (the most frequent value, for classes), or a callable that maps an array
        of shape (n_windows, window_size) to (n_windows,). Text has no mean: "mode", "first" or "last".
    alignment : {"subject", "table"}, default="subject"
        Where windows start. "subject": at the first row of each recording, so that they do not depend
        on who else is in the table. "table": at multiples of the stride over the whole table, as in
        the published notebook; windows that would hold two recordings are left out.
    missing : {"raise", "keep", "drop", "ffill"}, default="raise"
        What to do about missing values of features and target. "raise": an error that says which.
        "keep": they stay, labels included. "drop": windows with one are left out. "ffill": the last
        value of the same recording, and windows that still miss one are left out.
    dtype : {"float64", "float32"}, default="float64"
        Data type of the samples.

    Attributes
    ----------
    features_ : list of str
        The channels.
    n_features_in_ : int
        Columns of the table, the target left aside.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Their names; only when fitted on a data frame.

    Examples
    --------
    >>> import pandas as pd
    >>> from skaug import SubjectWindower
    >>> table = pd.DataFrame({"BVP": range(10), "subject": list("AAAAAABBBB"), "heart_rate": 60.0})
    >>> windows = SubjectWindower(window_size=2, target="heart_rate").fit_transform(table)
    >>> windows.shape
    (5, 2, 1)
    >>> windows.groups.tolist()
    ['A', 'A', 'A', 'B', 'B']
    """

    def __init__(
        self,
        window_size: int = 512,
        stride: int | None = None,
        *,
        features: Sequence[str | int] | None = None,
        target: str | int | None = None,
        subject: str | int | None = "subject",
        boundaries: str | Sequence[str | int] = (),
        time: str | int | None = None,
        max_gap: Any = None,
        target_agg: Aggregation = "mean",
        alignment: str = "subject",
        missing: str = "raise",
        dtype: DTypeLike = "float64",
    ) -> None:
        self.window_size = window_size
        self.stride = stride
        self.features = features
        self.target = target
        self.subject = subject
        self.boundaries = boundaries
        self.time = time
        self.max_gap = max_gap
        self.target_agg = target_agg
        self.alignment = alignment
        self.missing = missing
        self.dtype = dtype

    def fit(self, X: Any, y: ArrayLike | None = None) -> Self:
        """Learn the columns of the table.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings, pandas, polars or dask. Of a dask frame no row is read.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a column is not there (the error names the nearest), or a parameter is invalid.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: ArrayLike | None = None) -> Windows:
        """Learn the columns, and cut the recordings into labelled windows.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like of shape (n_rows,) or (n_windows,), optional
            Labels that win over the `target` column: one a row, which `target_agg` aggregates, or one
            a window.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)

        Raises
        ------
        ValueError
            As `fit` and `transform` do.
        """
        table = self._fit(X)
        return self._lazily(X, y) if _is_lazy(X) else self._cut(table, y)

    def transform(self, X: Any) -> Windows:
        """Cut recordings into windows, labelled where the target column is there.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            Of a ``dask.dataframe.DataFrame``, whose partitions must hold whole recordings:
            `skaug.out_of_core.lazy_windows.LazyWindows`.

        Raises
        ------
        ValueError
            If the columns differ from those seen in `fit`; no recording is long enough; values are
            missing and ``missing="raise"``; a subject is missing; or time goes back.
        """
        return self.to_windows(X)

    def to_windows(self, X: Any, y: ArrayLike | None = None) -> Windows:
        """Cut recordings into windows as `transform` does, with labels of one's own.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.
        y : array-like of shape (n_rows,) or (n_windows,), optional
            Labels that win over the `target` column.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
        """
        check_is_fitted(self)
        if _is_lazy(X):
            return self._lazily(X, y)
        table = self._table(X)
        self._validate_columns(X, table, reset=False)
        return self._cut(table, y)

    def row_targets(self, X: Any) -> NDArray | None:
        """Give the target of each row of a table, or None where the target column is not there.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.

        Returns
        -------
        ndarray of shape (n_rows,), or None
        """
        check_is_fitted(self)
        table = self._table(X)
        if self._target is None or self._target not in table.names:
            return None
        return _as_values(table.column(self._target))

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Give the channels of the windows.

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        ndarray of str of shape (n_features,)
        """
        check_is_fitted(self)
        return np.asarray(self.features_, dtype=object)

    def _fit(self, X: Any) -> Table:
        """Learn the columns, and give the table as it was read."""
        self._check_parameters()
        table = Table(X._meta_nonempty.head(1) if _is_lazy(X) else X)
        self._learn_columns(table)
        self._validate_columns(X, table, reset=True)
        return table

    def _lazily(self, frame: Any, y: ArrayLike | None) -> Any:
        from skaug.out_of_core.lazy_windows import LazyWindows  # needs dask, which is an extra

        if y is not None:
            raise ValueError(
                "y has no partitions: have the dask frame hold it, and name it in target."
            )
        return LazyWindows(self, frame)

    def _cut(self, table: Table, y: ArrayLike | None) -> Windows:
        if y is not None and not hasattr(y, "__len__"):
            y = np.asarray(y)
        recordings = Recordings(
            table,
            self._subject,
            self._boundaries,
            self._time,
            self.max_gap,
            sort=self.alignment == "subject",
        )
        signals, is_missing = table.matrix(self.features_, recordings.order, self.dtype)
        target = self._row_targets(table, recordings, y)
        label = "y" if y is not None or self._target is None else self._target
        missing_rows = None
        if self.missing != "keep" and (is_missing or _any_missing(target)):
            signals, target, missing_rows = self._handle_missing(recordings, signals, target, label)
        starts = self._starts(recordings, missing_rows)
        codes, first_rows = recordings.origins(starts)
        provenance = Provenance(
            codes=codes,
            subjects=recordings.subjects,
            first_row=first_rows,
            draw=np.full(len(starts), REAL),
            is_synthetic=np.zeros(len(starts), dtype=bool),
            rows=FrameRows(starts, self.window_size, len(table), recordings.order),
            subject=self._subject,
            target=self._target,
            target_agg=self.target_agg,
            y=None
            if target is None
            else aggregate(target, starts, self.window_size, self.target_agg, label),
        )
        if y is not None and target is None:  # one label a window
            provenance = provenance.relabel(y)
        context = table.context(self.features_, recordings.order)
        if self.missing == "ffill" and missing_rows is not None and label == self._target:
            # A synthesizer is told what the labels are made of.
            context = context.drop(columns=label)
            context[label] = target
        return Windows(signals, starts, self.window_size, provenance, self.features_, context)

    def _check_parameters(self) -> None:
        for name, rows in (("window_size", self.window_size), ("stride", self.stride)):
            if name == "stride" and rows is None:
                continue
            if not isinstance(rows, Integral) or isinstance(rows, bool) or rows < 1:
                raise ValueError(f"{name}={rows!r} must be a whole number of rows, 1 or more.")
        for name, choice, choices in (
            ("alignment", self.alignment, ALIGNMENTS),
            ("missing", self.missing, MISSING),
        ):
            if choice not in choices:
                raise ValueError(
                    f"{name}={choice!r} is unknown: take one of {', '.join(map(repr, choices))}."
                )
        if np.dtype(self.dtype) not in (np.float64, np.float32):
            raise ValueError(f"dtype={self.dtype!r} must be 'float64' or 'float32'.")
        if self.max_gap is not None and self.time is None:
            raise ValueError(f"max_gap={self.max_gap!r} needs the column of times: pass time.")
        if isinstance(self.features, str | Integral):
            raise ValueError(f"features={self.features!r} must be a list: [{self.features!r}].")
        check_aggregation(self.target_agg)

    def _learn_columns(self, table: Table) -> None:
        if self.subject == "subject" and table.is_array:
            raise ValueError(
                "An array has no column called 'subject': pass the position of the column, or "
                "subject=None if all rows are one recording."
            )
        self._columns = named = table.names

        def find(name: Any, what: str) -> str | None:
            return None if name is None else resolve(name, named, what)

        given = (
            (self.boundaries,) if isinstance(self.boundaries, str | Integral) else self.boundaries
        )
        self._subject = find(self.subject, "subject")
        self._target = find(self.target, "target")
        self._time = find(self.time, "time")
        self._boundaries = [resolve(name, named, "boundaries") for name in given]
        roles = {self._subject, self._target, self._time, *self._boundaries}
        if self.features is None:
            self.features_ = [name for name in table.numeric_names() if name not in roles]
            if not self.features_:
                raise ValueError("No numeric column is left as a feature: pass features=[...].")
        else:
            self.features_ = [resolve(name, named, "features") for name in self.features]
            if not self.features_:
                raise ValueError("features=[] leaves nothing to cut: name a column, or pass None.")
            twice = {name for name in self.features_ if self.features_.count(name) > 1}
            if twice:
                raise ValueError(f"The feature {sorted(twice)[0]!r} is named twice: name it once.")
            if self._target in self.features_:
                raise ValueError(
                    f"The target {self._target!r} is among the features, which would give the answer "
                    "away: leave it out of features."
                )
        for name in self.features_:
            table.column_of_numbers(name, "feature")

    def _table(self, X: Any) -> Table:
        """Read a table; the columns of an array are those of `fit`, the target there or not."""
        table = Table(X)
        without_target = [name for name in self._columns if name != self._target]
        for names in (self._columns, without_target):
            if table.is_array and len(table.names) == len(names):
                table.rename(names)
                break
        return table

    def _validate_columns(self, X: Any, table: Table, *, reset: bool) -> None:
        header = table.header(without=self._target)
        known = header.to_numpy() if table.is_array else header
        validate_data(self, known, reset=reset, skip_check_array=True)

    def _row_targets(
        self, table: Table, recordings: Recordings, y: ArrayLike | None
    ) -> NDArray | None:
        """Give the target of each sorted row, or None where there is none, or one a window."""
        if y is None:
            if self._target is None or self._target not in table.names:
                return None
            return recordings.sorted(_as_values(table.column(self._target)))
        if np.ndim(y) == 0 or len(y) != len(table):  # type: ignore[arg-type]
            return None
        return recordings.sorted(_as_values(y))

    def _handle_missing(
        self, recordings: Recordings, signals: NDArray, target: NDArray | None, label: str
    ) -> tuple[NDArray, NDArray | None, NDArray[np.bool_]]:
        """Fill, refuse or mark missing values; give also the rows that still have one."""
        if self.missing == "raise":
            raise ValueError(self._describe_missing(recordings, signals, target, label))
        if self.missing == "ffill":
            signals = recordings.filled_forward(signals)
            target = None if target is None else recordings.filled_forward(target)
        return signals, target, _missing_rows(signals, target)

    def _describe_missing(
        self, recordings: Recordings, signals: NDArray, target: NDArray | None, label: str
    ) -> str:
        counts = dict(zip(self.features_, np.isnan(signals).sum(axis=0).tolist(), strict=True))
        if target is not None:
            counts[label] = int(pd.isna(target).sum())
        where = ", ".join(f"{name!r} ({count})" for name, count in counts.items() if count)
        rows = np.flatnonzero(_missing_rows(signals, target))
        _, first_of_each = np.unique(recordings.codes_of(rows), return_index=True)
        whose = [recordings.subject_of(row) for row in rows[first_of_each]]
        more = f" and {len(whose) - 3} more" if len(whose) > 3 else ""
        return (
            f"Values are missing in {where}, of {', '.join(whose[:3])}{more}. Pass missing='drop' to leave "
            "such windows out, 'ffill' to take the value before, or 'keep' for models that accept NaN."
        )

    def _starts(
        self, recordings: Recordings, missing_rows: NDArray[np.bool_] | None
    ) -> NDArray[np.intp]:
        stride = self.window_size if self.stride is None else int(self.stride)
        size = int(self.window_size)
        starts = recordings.starts(size, stride, from_first_row=self.alignment == "subject")
        if len(starts) == 0:
            lengths = np.diff(recordings.firsts)
            longest = int(lengths.argmax())
            whose = recordings.subject_of(int(recordings.firsts[longest]))
            gaps = "" if self.max_gap is None else f" between gaps longer than {self.max_gap!r}"
            raise NoWindowsError(
                f"No recording is as long as a window of {size} rows: the longest, of {whose}, has "
                f"{lengths[longest]}{gaps}. Pass a smaller window_size."
                + (
                    " Or alignment='subject': the table's grid may cut every recording."
                    if lengths[longest] >= size
                    else ""
                )
            )
        if missing_rows is not None:
            before = np.concatenate([[0], np.cumsum(missing_rows)])
            starts = starts[before[starts + size] == before[starts]]
            if len(starts) == 0:
                raise NoWindowsError(
                    f"Every window of {size} rows misses a value: pass a smaller window_size, or "
                    "missing='keep'."
                )
        return starts.astype(np.intp)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = self.missing != "raise"
        return tags


def _is_lazy(X: Any) -> bool:
    return nw.dependencies.is_dask_dataframe(X)


def _any_missing(target: NDArray | None) -> bool:
    if target is None or target.dtype.kind in "biu":
        return False
    return holds_nan(target) if target.dtype.kind == "f" else bool(pd.isna(target).any())


def _missing_rows(signals: NDArray, target: NDArray | None) -> NDArray[np.bool_]:
    rows = np.isnan(signals).any(axis=1)
    return rows if target is None else rows | pd.isna(target)


def _as_values(values: Any) -> NDArray:
    column = as_column(values)
    return column.to_numpy(dtype=object) if is_text(column) else plain_array(column)
