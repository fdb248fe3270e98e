"""Which real windows become conditions, and what a synthesizer may return for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._random import combine, text_key
from skaug.tables.aggregation import aggregate
from skaug.tables.columns import is_text, plain_array
from skaug.windows.container import Windows
from skaug.windows.provenance import same_labels


def candidate_windows(real: Windows, subjects: Sequence[Any] | None) -> Windows:
    """Return the windows that may be conditions: one per origin, of the chosen subjects.

    A window that occurs several times, as in a bootstrap sample, is a candidate once.

    Parameters
    ----------
    real : Windows
        Recorded windows.
    subjects : sequence, or None
        The subjects to choose from; None for all of them.

    Returns
    -------
    Windows

    Raises
    ------
    ValueError
        If subjects are named, but the windows have none, or none of those.
    """
    once = one_per_origin(real)
    if subjects is None:
        return real[once]
    if real.groups is None:
        raise ValueError(
            f"subjects={list(subjects)!r} cannot be chosen, because the windows have no subjects: cut them "
            "with a subject column, or pass groups to Windows.from_arrays."
        )
    chosen = once[np.isin(real.groups[once], np.asarray(list(subjects), dtype=object))]
    if len(chosen) == 0:
        present = ", ".join(str(subject) for subject in dict.fromkeys(real.groups))
        raise ValueError(
            f"None of subjects={list(subjects)!r} is among the training subjects: choose from {present}."
        )
    return real[chosen]


def one_per_origin(windows: Windows, most: int | None = None) -> NDArray[np.intp]:
    """Return the positions of one window per origin, by subject and then in time.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
        Recorded windows, in any order.
    most : int, optional
        The largest number to return; of more origins, these are evenly spaced.

    Returns
    -------
    ndarray of shape (n_origins,) or (most,)
    """
    origins = np.stack([windows.provenance.codes, windows.provenance.first_row])
    once = np.unique(origins, axis=1, return_index=True)[1]
    if most is None or len(once) <= most:
        return once
    return once[np.linspace(0, len(once) - 1, most).round().astype(np.intp)]


def labels_from_context(
    conditions: Windows, column: str, context: pd.DataFrame | None = None
) -> NDArray:
    """Compute the labels of windows from a column of their context.

    Parameters
    ----------
    conditions : Windows of shape (n_windows, window_size, n_features)
        Real windows.
    column : str
        The column.
    context : DataFrame, optional
        A context to read instead, with rows as in ``conditions.context_rows``.

    Returns
    -------
    ndarray of shape (n_windows,)
        Aggregated as the windower aggregates its target.
    """
    values = (conditions.context_rows if context is None else context)[column]
    how, firsts = conditions.provenance.target_agg, conditions.first_context_rows
    values = values if is_text(values) else plain_array(values)
    return aggregate(values, firsts, conditions.window_size, how, str(column))


def refuse_several_labels(windows: Windows, name: str) -> None:
    """Raise if windows have several labels each.

    Parameters
    ----------
    windows : Windows
    name : str
        What needs a single label per window, for the error.

    Raises
    ------
    ValueError
        Names the labels.
    """
    outputs = windows.provenance.outputs
    if outputs is not None:
        raise ValueError(several_labels(outputs, name))


def several_labels(outputs: Sequence[str], name: str) -> str:
    """Return the message for several labels where something needs a single one."""
    labels = f"{len(outputs)} label{'s' if len(outputs) > 1 else ''} each ({', '.join(outputs)})"
    return (
        f"These windows have {labels}, but {name} needs a single one per window: cut windows with "
        f"target={outputs[0]!r}, not a list, or use another synthesizer."
    )


def labels_are_replaced(conditions: Windows, labels: NDArray, column: str | None) -> bool:
    """Whether labels were passed, or transformed, in place of those of the windows' own column.

    Parameters
    ----------
    conditions : Windows of shape (n_windows, window_size, n_features)
        Real windows.
    labels : ndarray of shape (n_windows,)
        Their labels.
    column : str or None
        The target column. If the windows do not have it, only labels that replaced others are noticed.
    """
    if column is None or column not in conditions.context_rows.columns:
        return conditions.provenance.is_replaced
    expected = labels_from_context(conditions, column)
    known = ~pd.isna(expected)  # a missing label may have been filled in
    return labels.shape != expected.shape or not same_labels(labels[known], expected[known])


def choose_conditions(
    candidates: Windows, ratio: float, n_synthetic: int | None, random_state: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Choose the windows to condition synthetic ones on.

    Window ``j`` (0, 1, ...) in the order of a subject with ``m`` windows is requested as soon as the
    ratio reaches ``(j + 1/2) / m``, beyond ``m`` as a further draw. Requests in this order are nested:
    the first ``k`` of a larger request are the smaller one. The order of a subject's windows, and their
    number at a given ratio, depend on that subject alone.

    Parameters
    ----------
    candidates : Windows
        Windows of distinct origins.
    ratio : float
        Number of requests per candidate, applied subject by subject. Ignored if `n_synthetic` is given.
    n_synthetic : int, or None
        Number of requests in all.
    random_state : int
        Seed of the order.

    Returns
    -------
    windows : ndarray of shape (n_requests,)
        Positions among the candidates.
    draws : ndarray of shape (n_requests,)
        How many requests for the same window come before.
    """
    codes, first_row = candidates.provenance.codes, candidates.provenance.first_row
    subjects = [None] if candidates.provenance.subjects is None else candidates.provenance.subjects
    keys = np.array([text_key("condition", random_state, s) for s in subjects], dtype=np.uint64)
    order = np.lexsort((combine(keys[codes], first_row), codes))
    of_subject = keys[codes[order]]
    _, firsts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(firsts, sizes)
    size = np.repeat(sizes, sizes)

    n_rounds = math.ceil(ratio if n_synthetic is None else n_synthetic / len(order)) + 1
    nth = (rank + np.arange(n_rounds)[:, None] * size).ravel()
    reached_at = (nth + 0.5) / np.tile(size, n_rounds)
    requests = np.lexsort((np.tile(of_subject, n_rounds), reached_at))
    if n_synthetic is None:
        n_synthetic = int(np.searchsorted(reached_at[requests], ratio, side="right"))
    requests = requests[:n_synthetic]
    return order[requests % len(order)], (requests // len(order)).astype(np.int64)


def require_finite_samples(values: NDArray, conditions: Windows, first: int = 0) -> None:
    """Raise if a sample of a condition is NaN or infinite.

    Parameters
    ----------
    values : ndarray of shape (n_block, window_size, n_features)
        Samples of some of the conditions.
    conditions : Windows
    first : int, default=0
        The position of the first of them among the conditions.

    Raises
    ------
    ValueError
        Names the window, the channel and the value.
    """
    is_finite = np.isfinite(values)
    if is_finite.all():
        return
    window, sample, channel = np.argwhere(~is_finite)[0]
    origin = conditions.origins.iloc[first + window]
    of_subject = "" if origin.subject is None else f" of subject {origin.subject!r}"
    value = values[window, sample, channel]
    remedy = (
        "cut the windows with missing='drop' or 'ffill'"
        if np.isnan(value)
        else "replace infinities by NaN, and cut the windows with missing='drop' or 'ffill'"
    )
    raise ValueError(
        f"The window{of_subject} that begins at row {origin.first_row} of its recording holds {value} "
        f"in {conditions.feature_names[channel]!r}, so that no synthetic window can be made from it: "
        f"{remedy}."
    )


def check_synthetic(synthetic: Any, conditions: Windows, name: str) -> None:
    """Raise unless a synthesizer returned synthetic windows of these conditions.

    Parameters
    ----------
    synthetic : object
        What it returned.
    conditions : Windows
        What it was given.
    name : str
        The synthesizer, for the error.

    Raises
    ------
    TypeError
        If it did not return `Windows`.
    ValueError
        If their length, channels or labels are not of the kind of the conditions, some of them are not
        marked as synthetic, they are of other subjects, or a sample or label is NaN or infinite although
        the condition is finite.
    """
    if not isinstance(synthetic, Windows):
        raise TypeError(
            f"{name}.synthesize must return skaug.Windows, got {type(synthetic).__name__}: return "
            "conditions.synthesized(X)."
        )
    alike = [
        (part.shape[1:], part.feature_names, part.y is None) for part in (synthetic, conditions)
    ]
    if alike[0] != alike[1] or not synthetic.is_synthetic.all():
        raise ValueError(
            f"{name}.synthesize was given {conditions!r}, and must return synthetic windows of the same "
            f"length and channels, with labels if those have some; it returned {synthetic!r}. Return "
            "conditions.synthesized(X)."
        )
    subjects = set() if synthetic.groups is None else set(synthetic.groups)
    if conditions.groups is not None and not (subjects and subjects <= set(conditions.groups)):
        strangers = sorted(str(subject) for subject in subjects - set(conditions.groups))
        raise ValueError(
            f"{name}.synthesize returned windows of subjects it was not given "
            f"({', '.join(strangers) or 'none named'}), which could be test subjects. Return "
            "conditions.synthesized(X)."
        )
    _require_finite(synthetic, conditions, name)


def _require_finite(synthetic: Windows, conditions: Windows, name: str) -> None:
    """Raise if a sample or label is not finite, unless the condition from the same origin is not either."""
    for what in ("samples", "label"):
        not_finite = _not_finite(synthetic, what)
        if len(not_finite) == 0:
            continue
        allowed = _origins(conditions[_not_finite(conditions, what)])
        origins = synthetic[not_finite].origins
        for origin, key in zip(origins.itertuples(), _origins(synthetic[not_finite]), strict=True):
            if key not in allowed:
                of_subject = "" if origin.subject is None else f"subject {origin.subject!r}, "
                raise ValueError(
                    f"{name}.synthesize returned NaN or infinity as the {what} of the window made from "
                    f"{of_subject}row {origin.first_row} (draw {origin.draw}), although the condition is "
                    "finite: a synthetic window needs finite numbers."
                )


def _not_finite(windows: Windows, what: str) -> NDArray[np.intp]:
    """Return the positions of the windows with samples, or with a label, that are NaN or infinite."""
    if what == "samples":
        is_finite = [
            np.isfinite(block.to_numpy()).all(axis=(1, 2)) for _, block in windows.blocks()
        ]
        return np.flatnonzero(~np.concatenate([np.ones(0, dtype=bool), *is_finite]))
    if windows.y is None or windows.y.dtype.kind != "f":
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(~np.isfinite(windows.y).reshape(len(windows), -1).all(axis=1))


def _origins(windows: Windows) -> list[tuple[Any, int]]:
    """Return the subject and the first row of each window."""
    origins = windows.origins
    return list(zip(origins["subject"], origins["first_row"], strict=True))


def alone_in_words(n_alone: int, n_windows: int) -> str:
    """Return the beginning of a warning: how many windows have no rows beside them, and why that may be."""
    return (
        f"{n_alone} of {n_windows} training windows have no rows of their recording beside them, because "
        "they come from an array, or a step replaced their samples, or their neighbors are not among the "
        "training windows"
    )
