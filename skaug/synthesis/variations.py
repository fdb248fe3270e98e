"""What-if edits of the conditions that synthetic windows are made from."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._checks import is_finite_number
from skaug.synthesis.conditions import labels_from_context
from skaug.tables.columns import is_text, require_column
from skaug.windows.container import Windows
from skaug.windows.provenance import same_labels

#: Column -> new value, or (operation, number).
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
        If `variations` is not a list of dicts.
    ValueError
        If a column does not exist, is a channel, or cannot be edited this way; the error names it.
    """
    if variations is None:
        return
    if isinstance(variations, Mapping | str) or not all(isinstance(v, Mapping) for v in variations):
        raise TypeError(
            "variations must be a list of dicts, each of them a set of edits: "
            '[{"heart_rate": ("add", 10)}, {"SPORT": 5}].'
        )
    if len(variations) == 0:
        raise ValueError(
            "variations=[] leaves no synthetic window: pass None to use the conditions as they are."
        )
    context = windows.context_rows
    for variation in variations:
        for name, edit in variation.items():
            if name in windows.feature_names:
                raise ValueError(
                    f"{name!r} is a channel, which is synthesized: vary a column of the context."
                )
            require_column(name, context.columns, "variations")
            if name == windows.provenance.subject:
                raise ValueError(
                    f"{name!r} is the subject of the window, and an edit could turn it into a test subject: "
                    "choose the subjects of the conditions with subjects=[...]."
                )
            _check_edit(name, edit, context[name])
            if name in windows.provenance.targets:
                _check_labels_follow(windows, name)


def refuse_edits_except(
    followed: Collection[str], edited: Collection[str], synthesizer: str, remedy: str
) -> None:
    """Raise if a column is edited that the windows of a synthesizer do not follow.

    Parameters
    ----------
    followed : collection of str
        The columns that they follow.
    edited : collection of str
        The columns that are edited.
    synthesizer : str
        Its name, for the error.
    remedy : str
        What to do other than leaving out the edit.

    Raises
    ------
    ValueError
        Names the column.
    """
    for name in edited:
        if name not in followed:
            raise ValueError(
                f"The windows of {synthesizer} do not follow {name!r}, so that an edit would change nothing "
                f"but the context: leave {name!r} out of variations, or {remedy}."
            )


def vary(windows: Windows, variation: Variation) -> Windows:
    """Return windows with an edited context, and with labels that follow the target.

    Parameters
    ----------
    windows : Windows
        The conditions.
    variation : dict
        Column -> new value, or ``(operation, number)``.

    Returns
    -------
    Windows
    """
    context = windows.context_rows.copy()
    for name, edit in variation.items():
        if isinstance(edit, tuple | list):
            context[name] = OPERATIONS[edit[0]](_widened(context[name]), edit[1])
        elif is_text(context[name]):
            context[name] = pd.Categorical([edit] * len(context))
        else:
            context[name] = edit
    targets = [name for name in windows.provenance.targets if name in variation]
    if not targets:
        return windows._with_context(context, windows.y)
    edited = windows._with_context(context, _edited_labels(windows, targets, context))
    is_edited = np.ones(len(windows), dtype=bool)
    return edited._with_provenance(replace(edited.provenance, is_edited=is_edited))


def _edited_labels(windows: Windows, targets: Sequence[str], context: pd.DataFrame) -> NDArray:
    """Return the labels of windows, those of edited columns computed from the edited context."""
    edited = {name: labels_from_context(windows, name, context) for name in targets}
    labels = windows.y
    assert labels is not None
    if labels.ndim == 1:
        return edited[targets[0]]
    names = windows.provenance.targets
    return np.stack([edited.get(name, labels[:, i]) for i, name in enumerate(names)], axis=1)


def _check_edit(name: str, edit: Any, column: pd.Series) -> None:
    holds = _kind(column)
    if not isinstance(edit, tuple | list):
        value = pd.Series([edit])
        is_object = value.dtype == object and not np.isscalar(edit)
        if is_object or value.isna().any() or value.isin([np.inf, -np.inf]).any():
            raise ValueError(
                f"The edit {edit!r} of {name!r} is not a value: use one value, for all rows."
            )
        if _kind(value) != holds:
            raise ValueError(f"{name!r} holds {holds}, not {edit!r}: use a value of the same kind.")
        return
    if len(edit) != 2 or edit[0] not in tuple(OPERATIONS):
        raise ValueError(
            f"The edit {edit!r} of {name!r} must be a value or one of "
            f"{', '.join(map(repr, OPERATIONS))} with a number, such as ('add', 10)."
        )
    if is_text(column) or holds != "numbers":
        kind = "categories" if holds == "numbers" else holds
        raise ValueError(
            f"{name!r} holds {kind}, for which {edit[0]!r} is not defined: use its new value as the edit."
        )
    if not is_finite_number(edit[1]):
        raise ValueError(f"The edit {edit!r} of {name!r} needs a finite number.")
    if edit[0] == "divide" and edit[1] == 0:
        raise ValueError(f"The edit {edit!r} of {name!r} divides by zero.")


def _kind(column: pd.Series) -> str:
    if isinstance(column.dtype, pd.CategoricalDtype):  # of text, or of numbers that are names
        column = pd.Series(column.cat.categories).infer_objects()
    if is_text(column):
        return "text"
    return {"M": "times", "m": "lengths of time"}.get(column.dtype.kind, "numbers")


def _check_labels_follow(windows: Windows, target: str) -> None:
    """Raise if labels are not computed from the target column, so that an edit could not change them."""
    expected, labels = labels_from_context(windows, target), windows.y
    if labels is not None and windows.provenance.outputs == windows.provenance.targets:
        labels = labels[:, windows.provenance.targets.index(target)]
    if labels is None or not same_labels(labels, expected):
        raise ValueError(
            f"The labels of these windows are not those of the target column {target!r}: a y was passed "
            "to fit, or a meta-estimator transformed it. An edit of the target would make labels wrong:  "
            "leave out either y or the edit."
        )


def _widened(column: pd.Series) -> pd.Series:
    """Widen whole numbers: in eight bits, 5 - 10 is 251."""
    if column.dtype.kind not in "iub":
        return column
    return column.astype(np.int64 if isinstance(column.dtype, np.dtype) else "Int64")
