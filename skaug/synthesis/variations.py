"""What-if edits of the conditions that synthetic windows are made from."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from skaug.tables.aggregation import aggregate
from skaug.tables.columns import is_text, plain_array, require_column
from skaug.windows.container import Windows

#: column -> new value, or (operation, number)
Variation = Mapping[str, Any]

OPERATIONS = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}


def check_variations(variations: Sequence[Variation] | None, windows: Windows) -> None:
    """Raise unless the edits can be applied to these windows.

    Raises
    ------
    TypeError
        If `variations` is no sequence of dicts.
    ValueError
        If a column is not there, is a channel, or cannot be edited so; the error names it.
    """
    if variations is None:
        return
    if isinstance(variations, Mapping | str) or not all(isinstance(v, Mapping) for v in variations):
        raise TypeError(
            "variations must be a list of dicts, each of them one set of edits: "
            '[{"heart_rate": ("add", 10)}, {"SPORT": 5}].'
        )
    if len(variations) == 0:
        raise ValueError(
            "variations=[] asks for nothing: pass None to leave conditions as they are."
        )
    context = windows.context_rows
    for variation in variations:
        for name, edit in variation.items():
            if name in windows.feature_names:
                raise ValueError(
                    f"{name!r} is a channel, which is synthesised: vary a column of the context."
                )
            require_column(name, context.columns, "variations")
            if name == windows.provenance.subject:
                raise ValueError(
                    f"{name!r} says whose the window is: an edit could make it a test subject's. Choose "
                    "whose windows are conditions with subjects=[...]."
                )
            _check_edit(name, edit, context[name])
            if name == windows.provenance.target:
                check_labels_follow(windows, name)


def _check_edit(name: str, edit: Any, column: pd.Series) -> None:
    holds = _kind(column)
    if not isinstance(edit, tuple | list):
        value = pd.Series([edit])
        is_object = value.dtype == object and not np.isscalar(edit)
        if is_object or value.isna().any() or value.isin([np.inf, -np.inf]).any():
            raise ValueError(
                f"The edit {edit!r} of {name!r} is no value: give one value, for all of the rows."
            )
        if _kind(value) != holds:
            raise ValueError(f"{name!r} holds {holds}, not {edit!r}.")
        return
    if len(edit) != 2 or edit[0] not in tuple(OPERATIONS):
        raise ValueError(
            f"The edit {edit!r} of {name!r} must be a value or one of "
            f"{', '.join(map(repr, OPERATIONS))} with a number, such as ('add', 10)."
        )
    if is_text(column) or holds != "numbers":
        kind = "categories" if holds == "numbers" else holds
        raise ValueError(f"{name!r} holds {kind}, which one cannot {edit[0]}: give its new value.")
    number = edit[1]
    if not isinstance(number, Real) or isinstance(number, bool) or not math.isfinite(number):
        raise ValueError(f"The edit {edit!r} of {name!r} needs a finite number.")
    if edit[0] == "divide" and edit[1] == 0:
        raise ValueError(f"The edit {edit!r} of {name!r} divides by zero.")


def _kind(column: pd.Series) -> str:
    if isinstance(column.dtype, pd.CategoricalDtype):  # of text, or of numbers that are names
        column = pd.Series(column.cat.categories).infer_objects()
    if is_text(column):
        return "text"
    return {"M": "times", "m": "lengths of time"}.get(column.dtype.kind, "numbers")


def check_labels_follow(windows: Windows, target: str) -> None:
    """Labels that were passed as y are not made of the target column, so an edit cannot move them."""
    expected = _labels(windows, windows.context_rows)
    if windows.y is None or not _equal(np.asarray(windows.y), expected):
        raise ValueError(
            f"The labels of these windows are not those of the target column {target!r}: a y was passed "
            "to fit, or a meta-estimator transformed it. An edit of the target would give wrong labels; "
            "leave y out, or the edit."
        )


def _equal(labels: np.ndarray, expected: np.ndarray) -> bool:
    if labels.shape != expected.shape:
        return False
    if labels.dtype.kind in "fiub" and expected.dtype.kind in "fiub":
        rounding = 1e-9 * np.abs(expected[np.isfinite(expected)]).max(initial=0)
        return bool(np.allclose(labels, expected, rtol=0, atol=rounding, equal_nan=True))
    return bool(np.array_equal(labels, expected))


def vary(windows: Windows, variation: Variation) -> Windows:
    """Give windows whose context is edited, and whose labels follow the target.

    Parameters
    ----------
    windows : Windows
        The conditions.
    variation : dict
        Column -> new value, or ``(operation, number)``.
    """
    context = windows.context_rows.copy()
    for name, edit in variation.items():
        if isinstance(edit, tuple | list):
            context[name] = OPERATIONS[edit[0]](_widened(context[name]), edit[1])
        elif is_text(context[name]):
            context[name] = pd.Categorical([edit] * len(context))
        else:
            context[name] = edit
    labels = _labels(windows, context) if windows.provenance.target in variation else windows.y
    return windows._with_context(context, labels)


def _widened(column: pd.Series) -> pd.Series:
    """Give whole numbers room: 5 - 10 is 251 in eight bits."""
    if column.dtype.kind not in "iub":
        return column
    return column.astype(np.int64 if isinstance(column.dtype, np.dtype) else "Int64")


def _labels(windows: Windows, context: pd.DataFrame) -> np.ndarray:
    target, how = windows.provenance.target, windows.provenance.target_agg
    column = context[target]
    values = column if is_text(column) else plain_array(column)
    return aggregate(values, windows.first_context_rows, windows.window_size, how, str(target))
