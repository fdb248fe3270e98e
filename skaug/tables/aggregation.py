"""The label of a window from the target of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._arrays import in_halves, window_views
from skaug._choices import AGGREGATIONS
from skaug.tables.columns import as_column, is_text, plain_array

Aggregation = str | Callable[[NDArray], Any]

TEXT_AGGREGATIONS = ("mode", "first", "center", "last")

_OF_NUMBERS = ("mean", "median")

# Up to this many classes the mode is counted class by class, beyond by sorting each window.
_COUNTED_CLASSES = 64


def check_aggregation(how: Aggregation) -> None:
    """Raise unless `how` is a known name or a callable.

    Raises
    ------
    ValueError
        If `how` is an unknown name.
    """
    if not callable(how) and how not in AGGREGATIONS:
        raise ValueError(
            f"target_agg={how!r} is unknown: use one of {', '.join(map(repr, AGGREGATIONS))}, or a "
            "callable that maps an array of shape (n_windows, window_size) to (n_windows,)."
        )


def aggregate(
    values: Any,
    starts: NDArray[np.intp],
    size: int,
    how: Aggregation,
    name: str | Sequence[str] = "y",
) -> NDArray:
    """Aggregate row-level values over windows.

    Parameters
    ----------
    values : array-like of shape (n_rows,), or ndarray of shape (n_rows, n_targets)
        One value per row, or several: numbers, booleans or text.
    starts : ndarray of shape (n_windows,)
        First row of each window.
    size : int
        Rows per window.
    how : str or callable
        One of `AGGREGATIONS`, or a callable that maps ``(n_windows, size)`` to ``(n_windows,)``, which
        is called on blocks of windows.
    name : str or sequence of str, default="y"
        The name of the values in errors, or that of each column.

    Returns
    -------
    ndarray of shape (n_windows,) or (n_windows, n_targets)
        Means and medians as floats; otherwise the dtype of the values. Among equally frequent classes,
        "mode" returns the first in sorted order; missing values are not a class.

    Raises
    ------
    ValueError
        If the values have another shape, if they are text and `how` is not one of `TEXT_AGGREGATIONS`, or
        if a callable does not return one label per window.
    """
    check_aggregation(how)
    if not isinstance(name, str):
        columns = zip(np.asarray(values).T, name, strict=True)
        of_each = [aggregate(column, starts, size, how, one) for column, one in columns]
        return np.stack(of_each, axis=1)
    column = as_column(values, name)
    if not is_text(column):
        return _aggregate_array(plain_array(column), starts, size, how, name)
    if how not in TEXT_AGGREGATIONS:
        raise ValueError(
            f"The target {name!r} holds text, which has no {how if isinstance(how, str) else 'callable'!r}: "
            f"use target_agg={', '.join(map(repr, TEXT_AGGREGATIONS))}, or turn it into numbers."
        )
    codes, classes = pd.factorize(column, sort=True)
    chosen = _aggregate_array(np.where(codes < 0, np.nan, codes), starts, size, how, name)
    labels = np.array([*classes, None], dtype=object)  # None, the last, where text is missing
    return labels[np.where(np.isnan(chosen), -1, chosen).astype(np.intp)]


def mode_shares(values: Any, starts: NDArray[np.intp], size: int) -> NDArray[np.float64]:
    """Compute the share of the rows of each window that hold its most frequent value.

    Parameters
    ----------
    values : array-like of shape (n_rows,)
        One value per row: numbers, booleans or text.
    starts : ndarray of shape (n_windows,)
        First row of each window.
    size : int
        Rows per window.

    Returns
    -------
    ndarray of shape (n_windows,)
        From 0 to 1. A missing value is a row, but not a class: a window of nothing else has 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.tables.aggregation import mode_shares
    >>> mode_shares(["rest", "rest", "walk", None], np.array([0, 2]), 2)
    array([1. , 0.5])
    """
    codes, classes = pd.factorize(as_column(values, "y"))
    most = np.zeros(len(starts), dtype=np.intp)
    before = np.zeros(len(codes) + 1, dtype=np.intp)  # rows of a class before each row
    for code in range(len(classes)):
        np.cumsum(codes == code, out=before[1:])
        np.maximum(most, before[starts + size] - before[starts], out=most)
    return most / size


def refuse_classes(values: Any, how: Aggregation, name: str = "y") -> None:
    """Raise if booleans or categories are to be averaged.

    Raises
    ------
    ValueError
        If `how` is "mean" or "median" and the values are of such a type.
    """
    if how in _OF_NUMBERS and (kind := _kind_of_classes(values)):
        raise ValueError(
            f"The target {name!r} holds {kind}, which are classes and have no {how}: use "
            "target_agg='mode', 'first' or 'last', or turn them into numbers."
        )


def refuse_mixed(columns: Mapping[str, pd.Series]) -> None:
    """Raise if some columns hold numbers, and others classes or times.

    Raises
    ------
    ValueError
        Names a column of each kind.
    """
    kinds = {name: _kind_of(column) for name, column in columns.items()}
    numbers = [name for name, kind in kinds.items() if kind == "numbers"]
    others = [name for name, kind in kinds.items() if kind != "numbers"]
    if numbers and others:
        raise ValueError(
            f"The target {others[0]!r} holds {kinds[others[0]]}, and {numbers[0]!r} numbers, which no "
            "estimator predicts together: name targets of one kind, and fit a pipeline for each kind."
        )


def _kind_of(column: pd.Series) -> str:
    if kind := _kind_of_classes(column):
        return kind
    if is_text(column):
        return "text"
    return "times" if plain_array(column.iloc[:0]).dtype.kind in "mM" else "numbers"


def _kind_of_classes(values: Any) -> str | None:
    """Return what values are that look like numbers but are classes."""
    kind = getattr(values, "dtype", None)
    if isinstance(kind, pd.CategoricalDtype):
        return None if is_text(kind.categories) else "categories"
    is_bool = pd.api.types.is_bool_dtype(np.asarray(values) if kind is None else kind)
    return "booleans" if is_bool else None


def _aggregate_array(
    values: NDArray, starts: NDArray[np.intp], size: int, how: Aggregation, name: str
) -> NDArray:
    if how == "first":
        return values[starts]
    if how == "center":
        return values[starts + size // 2]
    if how == "last":
        return values[starts + size - 1]
    if how in ("mean", "median") and values.dtype.kind not in "biuf":
        raise ValueError(
            f"The target {name!r} holds {values.dtype}, which has no {how!r}: use another target_agg, "
            "or turn it into numbers."
        )
    if callable(how) and values.dtype == bool:
        values = values.astype(np.float64)

    def reduce(windows: slice) -> list[NDArray]:
        views = window_views(values, starts[windows], size)
        return [_reduce(block, how, name) for _, block in views]

    whole = slice(0, len(starts))
    is_ours = isinstance(how, str)  # a callable may not be safe to call from two threads
    parts = in_halves(reduce, len(starts), values.nbytes) if is_ours else [reduce(whole)]
    return np.concatenate([*(part for half in parts for part in half)] or [values[:0]])


def _reduce(block: NDArray, how: Aggregation, name: str) -> NDArray:
    if callable(how):
        labels = np.asarray(how(block))
        if labels.shape != block.shape[:1]:
            raise ValueError(
                f"target_agg must map the target {name!r} of {block.shape[0]} windows, an array of shape "
                f"{block.shape}, to shape {block.shape[:1]}; it returned {labels.shape}. "
                "Aggregate along axis=1."
            )
        return labels
    if how == "mean":
        return block.mean(axis=1, dtype=np.float64)
    if how == "median":
        return np.median(block, axis=1)
    if how == "max":
        return block.max(axis=1)
    return _mode(block)


def _mode(block: NDArray) -> NDArray:
    classes = np.unique(block)
    if len(classes) <= _COUNTED_CLASSES:
        counts = np.stack([(block == label).sum(axis=1) for label in classes], axis=1)
        # A window of NaN only has no counts: NaN does not equal itself.
        return np.where(counts.any(axis=1), classes[counts.argmax(axis=1)], block[:, 0])
    ordered = np.sort(block, axis=1)
    best, best_length = ordered[:, 0].copy(), np.zeros(len(block), dtype=np.intp)
    length = np.zeros(len(block), dtype=np.intp)
    for column in range(block.shape[1]):
        same = (
            ordered[:, column] == ordered[:, column - 1] if column else np.zeros(len(block), bool)
        )
        length = np.where(same, length + 1, 1)
        longer = length > best_length
        best[longer] = ordered[longer, column]
        best_length[longer] = length[longer]
    return best
