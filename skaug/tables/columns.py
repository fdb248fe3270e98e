"""Columns of a table, as plain arrays or as categories."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from skaug._arrays import blocks_of, in_halves

# Bytes that are looked at at a time: few enough that the answers stay in the cache.
_BLOCK_BYTES = 1 << 20

# Whole numbers of more different values than this are no classes.
_MOST_CLASSES = 20

# An error lists up to so many columns.
_MOST_LISTED = 12


def is_text(column: pd.Series | pd.Index) -> bool:
    """Whether a column holds text or other labels rather than numbers, booleans or times."""
    return not (
        pd.api.types.is_numeric_dtype(column.dtype)  # booleans count as numeric
        or pd.api.types.is_datetime64_any_dtype(column.dtype)
        or column.dtype.kind in "bm"  # booleans and durations of Arrow
    )


def plain_array(column: pd.Series) -> NDArray:
    """Return a column of numbers, booleans or times as a NumPy array; a missing number is NaN."""
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):  # with a time zone, or of Arrow
        times = pd.DatetimeIndex(column)
        # In UTC, because local time goes back when summer ends.
        return (times if times.tz is None else times.tz_convert(None)).to_numpy()
    if column.dtype.kind == "m":
        return pd.TimedeltaIndex(column).to_numpy()
    if column.isna().any():
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    values = np.asarray(column)
    return values.astype(np.float64) if values.dtype == object else values  # decimals are objects


def all_finite(values: NDArray) -> bool:
    """Whether an array of numbers holds neither NaN nor infinity."""
    if values.dtype.kind != "f":
        return True

    n_block = max(1, _BLOCK_BYTES // max(1, values[:1].nbytes))

    def is_finite(rows: slice) -> bool:
        return all(np.isfinite(values[block]).all() for block in blocks_of(rows, n_block))

    return all(in_halves(is_finite, len(values), values.nbytes))


def is_continuous(known: NDArray) -> bool:
    """Whether labels that are numbers, none of them missing, are measured rather than classes.

    They are if some have fractions, or if there are more than 20 different values.
    """
    different = np.unique(known)
    return len(different) > _MOST_CLASSES or bool((different % 1).any())


def is_missing(values: NDArray) -> NDArray[np.bool_]:
    """Return which values are missing; an infinite number counts as missing."""
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    return (
        np.zeros(values.shape, bool) if values.dtype.kind in "biu" else np.asarray(pd.isna(values))
    )


def encode(column: pd.Series) -> tuple[NDArray[np.intp], NDArray]:
    """Return codes and classes of a column of categories, the classes in order of appearance.

    A missing value has the code -1.
    """
    firsts, codes, classes = runs(column)
    return np.repeat(codes, np.diff(firsts, append=len(column))), classes


def runs(column: pd.Series) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray]:
    """Find the runs of equal adjacent values; a column of subjects has few.

    Returns
    -------
    firsts : ndarray of shape (n_runs,)
        First row of each run.
    codes : ndarray of shape (n_runs,)
        The value of each run, as a position in `classes`; -1 if it is missing.
    classes : ndarray of shape (n_classes,)
        The values in order of appearance.
    """
    # Comparing adjacent rows costs a fraction of looking up every row in a hash table.
    firsts = np.concatenate([np.arange(min(1, len(column))), _possible_changes(column) + 1])
    codes, classes = pd.factorize(column.iloc[firsts])
    if isinstance(classes, pd.CategoricalIndex):
        classes = classes.astype(classes.categories.dtype)
    kind = object if is_text(classes) else None
    begins = np.concatenate([[0], changes(codes) + 1]) if len(codes) else firsts
    return firsts[begins], codes[begins].astype(np.intp), np.asarray(classes, dtype=kind)


def _possible_changes(column: pd.Series) -> NDArray[np.intp]:
    """Return rows, among them every row with a value that differs from the next one."""
    if len(column) < 2:
        return np.empty(0, dtype=np.intp)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return changes(column.cat.codes.to_numpy())
    if column.dtype == object:
        return _possible_changes_of_objects(column.to_numpy())
    if isinstance(column.dtype, np.dtype):
        return changes(column.to_numpy())
    if pd.api.types.is_string_dtype(column.dtype):
        texts = pa.array(column.array)
        differ = pc.not_equal(texts.slice(1), texts.slice(0, len(texts) - 1))
        return pc.indices_nonzero(pc.fill_null(differ, True)).to_numpy().astype(np.intp)
    return np.arange(len(column) - 1)


def _possible_changes_of_objects(values: NDArray) -> NDArray[np.intp]:
    # Most rows of a run hold the same object, or else each holds an equal one. Comparing addresses takes a
    # tenth of the time: for a published table 5 ms rather than 120.
    addresses = np.ndarray(values.shape, dtype=np.intp, buffer=np.ascontiguousarray(values))
    possible = changes(addresses)
    if 2 * len(possible) < len(values):
        return possible
    try:
        return changes(values)
    except (TypeError, ValueError):  # pandas.NA and arrays cannot be compared
        return possible


def changes(values: NDArray) -> NDArray[np.intp]:
    """Return the positions of values that differ from the next."""
    return np.flatnonzero(values[1:] != values[:-1])


def as_column(values: Any, name: str = "y") -> pd.Series:
    """Return one value per row as a pandas Series that counts rows from 0.

    Numbers that are held as objects or categories become numbers.

    Raises
    ------
    ValueError
        If the values are not 1-D.
    """
    if np.ndim(values) != 1:
        raise ValueError(
            f"{name} has the shape {np.shape(values)}, but needs one value per row: pass a single column, "
            "as an array of shape (n_rows,)."
        )
    column = pd.Series(values, copy=False).reset_index(drop=True)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(np.asarray(column))
    return with_inferred_type(column)


def columns_of(values: Any) -> list[pd.Series]:
    """Return the columns of a 2-D array or a data frame, each as `as_column` does."""
    if nw.dependencies.is_into_dataframe(values):
        frame = nw.from_native(values, eager_only=True).to_pandas()
        return [as_column(frame.iloc[:, i]) for i in range(frame.shape[1])]
    return [as_column(column) for column in np.asarray(values).T]


def with_inferred_type(column: pd.Series) -> pd.Series:
    """Return numbers, booleans and times that are held as objects in a type of their own."""
    if isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_decimal(column.dtype.pyarrow_dtype):
        return column.astype("double[pyarrow]")
    # A column that begins with text is text, and need not be searched.
    if column.dtype != object or begins_with_text(column):
        return column
    return column.infer_objects()


def begins_with_text(column: pd.Series) -> bool:
    """Whether the first value is text."""
    return len(column) > 0 and isinstance(column.iloc[0], str)


def as_context(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a context with text as categories, its rows counted from 0.

    Raises
    ------
    TypeError
        If a column holds lists or the like.
    """
    frame = frame.reset_index(drop=True)
    for name in frame.columns:
        if is_text(frame[name]):
            frame[name] = _categorical(frame[name])
    return frame


def hold_context(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a context in the form that windows hold, which costs next to nothing.

    A column that begins with text stays as it is: `as_context` turns it into categories when the context is
    read. Other objects become categories now, so that lists and the like are refused at once.
    """
    frame = frame.reset_index(drop=True)
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
            continue  # most columns, and they can be held unchanged
        column = frame[name]
        if is_text(column):
            if not begins_with_text(column):
                frame[name] = _categorical(column)
        elif not isinstance(dtype, np.dtype | pd.ArrowDtype):
            frame[name] = column.copy()  # its to_numpy() can be written to without pandas noticing
    return frame


def _categorical(column: pd.Series) -> pd.Categorical:
    try:
        codes, classes = encode(column)
    except (TypeError, NotImplementedError) as error:  # the latter from Arrow
        raise TypeError(
            f"The column {column.name!r} holds values that are neither numbers, times nor text ({error}): "
            "drop it."
        ) from error
    # One by one, because pandas turns an array of 32-bit floats into doubles, which have other digits.
    categories = [*classes] if classes.dtype == np.float32 else classes
    return pd.Categorical.from_codes(codes, categories=pd.Index(categories, dtype=object))


def concatenate_contexts(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the rows of several contexts; a column that one of them lacks is missing there."""
    if len(parts) == 1:
        return parts[0]
    return as_context(pd.concat([_uncategorised(part) for part in parts], ignore_index=True))


def _uncategorised(frame: pd.DataFrame) -> pd.DataFrame:
    # pandas joins categoricals of different categories as objects: make that explicit.
    return frame.astype({name: object for name in frame.columns if is_text(frame[name])})


def require_column(name: Any, columns: Iterable[str], what: str) -> None:
    """Raise unless a column exists.

    Raises
    ------
    ValueError
        Suggests the column with the nearest spelling, or lists the columns if none is similar.
    """
    known = [str(column) for column in columns]
    if name in known:
        return
    by_lower = {column.lower(): column for column in reversed(known)}
    near = difflib.get_close_matches(str(name).lower(), by_lower, n=1)
    if near:
        hint = f"The nearest is {by_lower[near[0]]!r}."
    elif known:
        more = f" and {len(known) - _MOST_LISTED} more" if len(known) > _MOST_LISTED else ""
        hint = f"The columns are {', '.join(map(repr, known[:_MOST_LISTED]))}{more}."
    else:
        hint = "The table has no columns."
    raise ValueError(f"There is no column {name!r} for {what}. {hint}")
