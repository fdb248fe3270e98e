"""A table of recordings: its columns, whatever library holds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skaug._arrays import blocks_of, in_halves
from skaug._checks import is_whole_number
from skaug.tables.columns import (
    all_finite,
    hold_context,
    is_text,
    plain_array,
    require_column,
    with_inferred_type,
)
from skaug.tables.notes import notes_of

# Bytes of a matrix that are filled at once: few enough to stay in the cache from column to column,
# and a large page of memory.
_BLOCK_BYTES = 1 << 21


class Table:
    """The columns of a pandas or polars DataFrame, or of a 2-D array.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The recordings. The columns of an array are called ``x0``, ``x1``, ...

    Raises
    ------
    TypeError, ValueError
        If `X` is not a table, has no rows, or has two columns of the same name.

    Attributes
    ----------
    is_array : bool
        Whether it is an array.
    notes : Notes
        What steps of a pipeline noted on it.
    """

    def __init__(self, X: Any) -> None:
        if nw.dependencies.is_polars_lazyframe(X):
            raise TypeError("Expected a DataFrame, got a polars LazyFrame: call .collect() first.")
        self.notes = notes_of(X)
        self.is_array = not nw.dependencies.is_into_dataframe(X)
        if self.is_array:
            values = check_array(X, dtype=None, ensure_all_finite=False, allow_nd=True)
            if values.ndim > 2:
                raise ValueError(
                    "The recordings must be a pandas or polars DataFrame or a 2-D array, one row per "
                    f"sample, got {type(X).__name__} of {values.ndim} dimensions. Windows that are "
                    "already cut need no SubjectWindower: start the pipeline with the next step."
                )
            values = values.astype(values.dtype.newbyteorder("="), copy=False)  # for pandas
            X = pd.DataFrame(values, columns=[f"x{i}" for i in range(values.shape[1])])
        if isinstance(X, pd.DataFrame):
            X = _with_plain_columns(X)
        self.frame = nw.from_native(X, eager_only=True)
        if len(self.frame) == 0:
            raise ValueError("The table has no rows: check the filter or the split that made it.")
        if not isinstance(X, pd.DataFrame):
            decimals = [name for name, dtype in self.frame.schema.items() if dtype.is_decimal()]
            if decimals:
                self.frame = self.frame.with_columns(nw.col(decimals).cast(nw.Float64))

    @property
    def index(self) -> pd.Index | None:
        """The index of a pandas table; None for anything else."""
        native = self.frame.to_native()
        return native.index if isinstance(native, pd.DataFrame) and not self.is_array else None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def names(self) -> list[str]:
        """The columns, in order."""
        return self.frame.columns

    def rename(self, names: Sequence[str]) -> None:
        """Rename the columns, in their order."""
        self.frame = self.frame.rename(dict(zip(self.names, names, strict=True)))

    def validate_names(self, estimator: Any, names: Sequence[str], *, reset: bool) -> None:
        """Have scikit-learn compare columns that an estimator needs with those that it was fitted on.

        Parameters
        ----------
        estimator : estimator
        names : sequence of str
            The columns that it needs. Of an array only their number is compared.
        reset : bool
            Whether the estimator is being fitted: it then learns the columns.

        Raises
        ------
        ValueError
            If they differ.
        """
        header = pd.DataFrame(np.empty((0, len(names))), columns=list(names))
        known = header.to_numpy() if self.is_array else header
        validate_data(estimator, known, reset=reset, skip_check_array=True)

    def numeric_names(self) -> list[str]:
        """Return the names of the columns that hold numbers."""
        dtypes = self.frame.head(0).to_pandas().dtypes
        return [name for name in self.names if dtypes[name].kind in "iuf"]

    def column(self, name: str) -> pd.Series:
        """Return a column as a pandas Series that counts rows from 0."""
        return self.frame[name].to_pandas().reset_index(drop=True)

    def column_of_numbers(self, name: str, role: str) -> pd.Series:
        """Return a column of numbers as a pandas Series.

        Raises
        ------
        ValueError
            If the column holds anything else.
        """
        column = self.column(name)
        if is_text(column) or plain_array(column.iloc[:0]).dtype.kind not in "biuf":
            raise ValueError(
                f"The {role} {name!r} holds {column.dtype}, not numbers: remove it, or turn it into "
                "numbers first (pandas.to_numeric, pandas.get_dummies)."
            )
        return column

    def matrix(
        self, names: Sequence[str], order: NDArray[np.intp] | None, dtype: DTypeLike
    ) -> tuple[NDArray, bool]:
        """Return columns of numbers as a matrix, missing values as NaN.

        Returns
        -------
        matrix : ndarray of shape (n_rows, len(names))
            C-contiguous.
        is_missing : bool
            Whether any value is missing or infinite.
        """
        columns = [plain_array(self.column_of_numbers(name, "feature")) for name in names]
        out = np.empty((len(self), len(names)), dtype=dtype)
        n_block = max(1, _BLOCK_BYTES // out[:1].nbytes)

        def fill(part: slice) -> bool:
            is_missing = False
            for rows in blocks_of(part, n_block):
                for j, values in enumerate(columns):
                    out[rows, j] = values[rows] if order is None else values[order[rows]]
                is_missing = is_missing or not all_finite(out[rows])
            return is_missing

        return out, any(in_halves(fill, len(out), out.nbytes))

    def context(self, without: Sequence[str], order: NDArray[np.intp] | None) -> pd.DataFrame:
        """Return the columns that are not named, protected from later changes of the table."""
        context = hold_context(self.frame.drop(list(without)).to_pandas())
        return context if order is None else context.take(order).reset_index(drop=True)


def _with_plain_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with unique text as column names, and without numbers held as objects."""
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise ValueError(f"Two columns are called {repeated[0]!r}: rename one.")
    # Such as numbers beside text in an array.
    odd = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O"]
    typed = {name: with_inferred_type(frame[name]) for name in odd}
    changed = {name: column for name, column in typed.items() if column.dtype.kind != "O"}
    return frame.assign(**changed) if changed else frame


def resolve_subject(subject: Any, table: Table) -> str | None:
    """Return the name of the column of subjects; None if the table is one recording.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if subject == "subject" and table.is_array:
        raise ValueError(
            "An array has no column called 'subject': pass the position of the column, or "
            "subject=None if all rows are one recording."
        )
    return None if subject is None else resolve(subject, table.names, "subject")


def resolve_several(columns: Any, names: Sequence[str], what: str) -> tuple[str, ...]:
    """Return the names of one column or of several, as `resolve` does."""
    is_one = isinstance(columns, str) or is_whole_number(columns)
    return tuple(resolve(name, names, what) for name in ((columns,) if is_one else columns))


def resolve(name: Any, names: Sequence[str], what: str) -> str:
    """Return the name of a column that was given by name, or by position in an array.

    Raises
    ------
    ValueError
        If there is none; the error suggests the nearest name.
    """
    if isinstance(name, int | np.integer) and str(name) not in names:
        name = f"x{name}"
    require_column(str(name), names, what)
    return str(name)
