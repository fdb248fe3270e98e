"""A table of recordings: its columns, whatever library holds it, and where recordings break."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray
from sklearn.utils import check_array

from skaug.columns import as_context, encode, is_text, plain_array, require_column


class Table:
    """The columns of a pandas or polars DataFrame, or of a 2-D array.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The recordings. The columns of an array are called ``x0``, ``x1``, ...

    Raises
    ------
    TypeError, ValueError
        If `X` is no table, has no rows, or two columns of the same name.
    """

    def __init__(self, X: Any) -> None:
        if nw.dependencies.is_polars_lazyframe(X):
            raise TypeError("The recordings are a LazyFrame, without rows as yet: call .collect().")
        self.is_array = not nw.dependencies.is_into_dataframe(X)
        if self.is_array:
            values = check_array(X, dtype=None, ensure_all_finite=False, allow_nd=True)
            if values.ndim > 2:
                raise ValueError(
                    "The recordings must be a pandas or polars DataFrame or a 2-D array, one row per "
                    f"sample, got {type(X).__name__} of {values.ndim} dimensions. Windows that are "
                    "cut already need no SubjectWindower: start the pipeline with the next step."
                )
            values = values.astype(values.dtype.newbyteorder("="), copy=False)  # for pandas
            X = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
        if isinstance(X, pd.DataFrame):
            X = X.set_axis([str(name) for name in X.columns], axis=1)
            repeated = X.columns[X.columns.duplicated()]
            if len(repeated):
                raise ValueError(f"Two columns are called {repeated[0]!r}: rename one.")
            for name, dtype in X.dtypes.items():
                if pd.api.types.is_object_dtype(dtype):  # numbers beside text in an array, for one
                    X[name] = X[name].infer_objects()
        frame = nw.from_native(X, eager_only=True)
        if len(frame) == 0:
            raise ValueError("The table has no rows: check the filter or the split that made it.")
        decimals = [name for name, dtype in frame.schema.items() if dtype.is_decimal()]
        self.frame = frame.with_columns(nw.col(decimals).cast(nw.Float64)) if decimals else frame

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return self.frame.columns

    def rename(self, names: Sequence[str]) -> None:
        """Give the columns other names, in their order."""
        self.frame = self.frame.rename(dict(zip(self.names, names, strict=True)))

    def numeric_names(self) -> list[str]:
        """Name the columns that hold numbers."""
        dtypes = self.frame.head(0).to_pandas().dtypes
        return [name for name in self.names if dtypes[name].kind in "iuf"]

    def header(self) -> pd.DataFrame:
        """Give the columns without the rows: what scikit-learn compares between fit and transform."""
        return pd.DataFrame(columns=self.names)

    def column(self, name: str) -> pd.Series:
        """Give a column as a pandas Series that counts rows from 0."""
        return self.frame[name].to_pandas().reset_index(drop=True)

    def numbers(self, name: str, role: str) -> NDArray:
        """Give a column of numbers as an array, missing ones as NaN.

        Raises
        ------
        ValueError
            If the column holds anything else.
        """
        column = self.column(name)
        values = None if is_text(column) else plain_array(column)
        if values is None or values.dtype.kind not in "biuf":
            raise ValueError(
                f"The {role} {name!r} holds {column.dtype}, not numbers: leave it out, or turn it into "
                "numbers first (pandas.to_numeric, pandas.get_dummies)."
            )
        return values

    def matrix(
        self, names: Sequence[str], order: NDArray[np.intp] | None, dtype: DTypeLike
    ) -> NDArray:
        """Columns of numbers as a C-contiguous matrix of shape (n_rows, len(names))."""
        out = np.empty((len(self), len(names)), dtype=dtype)
        for j, name in enumerate(names):
            values = self.numbers(name, "feature")
            out[:, j] = values if order is None else values[order]
        return out

    def context(self, without: Sequence[str], order: NDArray[np.intp] | None) -> pd.DataFrame:
        """Give the columns that are not named, text as categories."""
        kept = [name for name in self.names if name not in without]
        frame = self.frame.select(kept).to_pandas()
        return as_context(frame if order is None else frame.take(order))


class Recordings:
    """The rows of a table, sorted into stretches that windows may be cut from.

    Parameters
    ----------
    table : Table
        The recordings.
    subject : str or None
        The column that says whose each row is; None if the table is one recording.
    boundaries : sequence of str
        Columns whose change of value ends a stretch.
    time : str or None
        The column of times.
    max_gap : float, str, timedelta or None
        The longest step in time within a stretch, in the unit of `time`.
    sort : bool
        Whether to gather the rows of a subject that are not neighbours; otherwise the order of the
        table is kept, and they end the stretch.

    Attributes
    ----------
    order : ndarray of shape (n_rows,) or None
        Position in the table of each sorted row; None if the table's own order is kept.
    codes, subjects : ndarray
        The subject of each sorted row, as a position in `subjects` (None without subjects).
    firsts : ndarray of shape (n_stretches + 1,)
        First sorted row of each stretch, and the number of rows.
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
    ) -> None:
        self.order: NDArray[np.intp] | None = None
        self.subjects: NDArray | None = None
        codes = np.zeros(len(table), dtype=np.intp)
        if subject is not None:
            codes, self.subjects = encode(table.column(subject))
            if (codes < 0).any():
                rows = np.flatnonzero(codes < 0)
                raise ValueError(
                    f"The subject column {subject!r} is missing in {len(rows)} rows, first in row "
                    f"{rows[0]}: fill it in or drop these rows."
                )
        changes = _changes(codes)
        if sort and changes.sum() + 1 > codes.max() + 1:
            self.order = np.argsort(codes, kind="stable")
            codes = codes[self.order]
            changes = _changes(codes)
        self.codes = codes
        for name in boundaries:
            values, _ = encode(table.column(name))
            changes |= _changes(self.sorted(values))
        if time is not None:
            changes |= self._gaps(table.column(time), time, max_gap, changes)
        self.firsts = np.concatenate([[0], np.flatnonzero(changes) + 1, [len(codes)]])

    def sorted(self, values: NDArray) -> NDArray:
        """Give values of the table's rows in sorted order."""
        return values if self.order is None else values[self.order]

    def _gaps(
        self, column: pd.Series, name: str, max_gap: Any, changes: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        if is_text(column):
            raise ValueError(
                f"The time column {name!r} holds {column.dtype}, not times or numbers: parse it first "
                "(pandas.to_datetime)."
            )
        if column.isna().any():
            row = int(np.flatnonzero(column.isna())[0])
            raise ValueError(f"The time column {name!r} is missing in row {row}: fill or drop it.")
        times = self.sorted(plain_array(column))
        is_clock = times.dtype.kind in "mM"
        steps = np.diff(times if is_clock or times.dtype.kind == "f" else times.astype(np.int64))
        backwards = ~changes & (steps < np.zeros((), steps.dtype))
        if backwards.any():
            row = int(np.flatnonzero(backwards)[0]) + 1
            whose = "" if self.subjects is None else f" of {self.subject_of(row)}"
            in_table = row if self.order is None else int(self.order[row])
            raise ValueError(
                f"The time {name!r}{whose} goes back in row {in_table}: sort the table by subject and "
                "time, or name the column that tells its recordings apart in boundaries."
            )
        if max_gap is None:
            return np.zeros_like(changes)
        longest = _longest_step(max_gap, name, is_clock)
        if times.dtype.kind == "f":  # 0.1 s apart is not always 0.1 in floating point
            longest += 4 * np.spacing(np.abs(times).max())
        return steps > longest

    def subject_of(self, row: int | np.integer) -> str:
        """Say whose a sorted row is, in a message."""
        if self.subjects is None:
            return "the table"
        subject = self.subjects[self.codes[row]]
        return f"subject {subject.item() if isinstance(subject, np.generic) else subject!r}"

    def first_rows(self, starts: NDArray[np.intp]) -> NDArray[np.int64]:
        """Count the rows of the same subject before each of these sorted rows."""
        if _changes(self.codes).sum() < self.codes.max() + 1:
            _, first_of_subject = np.unique(self.codes, return_index=True)
            return (starts - first_of_subject[self.codes[starts]]).astype(np.int64)
        counts = pd.Series(self.codes).groupby(self.codes).cumcount().to_numpy()
        return counts[starts].astype(np.int64)

    def starts(self, size: int, stride: int, *, from_first_row: bool) -> NDArray[np.intp]:
        """Give the first rows of the windows that lie within one stretch.

        Parameters
        ----------
        size, stride : int
            Rows in a window, and from one to the next.
        from_first_row : bool
            Whether each stretch counts its strides from its own first row, or from the table's.
        """
        if not from_first_row:
            every = np.arange(0, self.firsts[-1] - size + 1, stride)
            within = np.searchsorted(self.firsts, every, side="right")
            return every[every + size <= self.firsts[within]]
        counts = np.maximum((np.diff(self.firsts) - size) // stride + 1, 0)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(self.firsts[:-1], counts) + nth * stride

    def filled_forward(self, values: NDArray) -> NDArray:
        """Give values of sorted rows, each missing one replaced by the last of the same stretch."""
        down = (-1,) + (1,) * (values.ndim - 1)
        rows = np.arange(len(values)).reshape(down)
        first = np.repeat(self.firsts[:-1], np.diff(self.firsts)).reshape(down)
        last = np.maximum.accumulate(np.where(pd.isna(values), -1, rows), axis=0)
        return np.take_along_axis(values, np.where(last < first, rows, last), axis=0)


def _changes(values: NDArray) -> NDArray[np.bool_]:
    """Whether each value but the first differs from the one before."""
    return values[1:] != values[:-1]


def _longest_step(max_gap: Any, name: str, is_clock: bool) -> Any:
    # A timedelta of NumPy is one of its numbers.
    is_number = isinstance(max_gap, Real) and not isinstance(max_gap, np.timedelta64)
    if is_clock and is_number:
        raise ValueError(
            f"The time {name!r} is a date and time, so max_gap={max_gap!r} needs a unit: "
            f"pass '{max_gap}s', or a timedelta."
        )
    if not is_clock and not is_number:
        raise ValueError(
            f"The time {name!r} holds numbers, so max_gap={max_gap!r} must be a number of the same unit."
        )
    try:
        longest = pd.Timedelta(max_gap) if is_clock else max_gap
    except ValueError as error:
        raise ValueError(
            f"max_gap={max_gap!r} is no length of time ({error}): try '2s'."
        ) from error
    if not longest > (pd.Timedelta(0) if is_clock else 0):
        raise ValueError(f"max_gap={max_gap!r} must be positive; None allows any gap.")
    return longest.to_timedelta64() if is_clock else longest


def resolve(name: Any, names: Sequence[str], what: str) -> str:
    """Give the name of a column that was given by name, or by position in an array.

    Raises
    ------
    ValueError
        If there is none, naming the nearest.
    """
    if isinstance(name, int | np.integer) and str(name) not in names:
        name = f"x{name}"
    require_column(str(name), names, what)
    return str(name)
