"""What-if edits of the conditions that synthetic windows are made from."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from skaug.aggregation import aggregate
from skaug.columns import is_text, plain_array, require_column
from skaug.windows import Windows

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
            if name == windows.labels.subject:
                raise ValueError(
                    f"{name!r} says whose the window is: an edit could make it a test subject's. Choose "
                    "whose windows are conditions with subjects=[...]."
                )
            _check_edit(name, edit, context[name])
            if name == windows.labels.target:
                _check_labels_follow(windows, name)


def _check_edit(name: str, edit: Any, column: pd.Series) -> None:
    if not isinstance(edit, tuple | list):
        if is_text(column) != isinstance(edit, str):
            raise ValueError(
                f"{name!r} holds {'text' if is_text(column) else 'numbers'}, not {edit!r}."
            )
        return
    if len(edit) != 2 or edit[0] not in OPERATIONS:
        raise ValueError(
            f"The edit {edit!r} of {name!r} must be a value or one of "
            f"{', '.join(map(repr, OPERATIONS))} with a number, such as ('add', 10)."
        )
    if is_text(column):
        raise ValueError(f"{name!r} holds text, which one cannot {edit[0]}: give its new value.")
    if not isinstance(edit[1], int | float | np.number) or not np.isfinite(edit[1]):
        raise ValueError(f"The edit {edit!r} of {name!r} needs a finite number.")
    if edit[0] == "divide" and edit[1] == 0:
        raise ValueError(f"The edit {edit!r} of {name!r} divides by zero.")


def _check_labels_follow(windows: Windows, target: str) -> None:
    """Labels that were passed as y are not made of the target column, so an edit cannot move them."""
    expected = _labels(windows, windows.context_rows)
    if windows.y is None or not _equal(np.asarray(windows.y), expected):
        raise ValueError(
            f"The labels of these windows are not those of the target column {target!r}: a y was passed "
            "to fit, or a meta-estimator transformed it. An edit of the target would give wrong labels; "
            "leave y out, or the edit."
        )


def _equal(labels: np.ndarray, expected: np.ndarray) -> bool:
    if labels.dtype.kind in "fiub" and expected.dtype.kind in "fiub":
        return bool(np.allclose(labels, expected, rtol=1e-9, equal_nan=True))
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
    windows = windows.compact()
    context = windows.context_rows.copy()
    for name, edit in variation.items():
        if isinstance(edit, tuple | list):
            context[name] = OPERATIONS[edit[0]](context[name], edit[1])
        elif is_text(context[name]):
            context[name] = pd.Categorical([edit] * len(context))
        else:
            context[name] = edit
    labels = _labels(windows, context) if windows.labels.target in variation else windows.y
    return windows.with_context(context, labels)


def _labels(windows: Windows, context: pd.DataFrame) -> np.ndarray:
    target, how = windows.labels.target, windows.labels.target_agg
    column = context[target]
    values = column if is_text(column) else plain_array(column)
    return aggregate(values, windows.first_context_rows, windows.window_size, how, str(target))
