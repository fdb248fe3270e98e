"""Conditions that balance the labels of real and synthetic windows together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug._random import combine, text_key
from skaug.tables.columns import (
    as_column,
    encode,
    is_continuous,
    is_missing,
    is_text,
    plain_array,
)
from skaug.windows.container import Windows

_BINS = 10


def choose_balanced(
    candidates: Windows, real: Windows, ratio: float, n_synthetic: int | None, random_state: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Choose the windows to condition synthetic ones on so that labels are evenly represented.

    Each request goes to the class, or bin of labels, with the fewest real windows and requests so far; within
    it, subjects take turns, and within a subject its windows, starting over with further draws. So requests
    are nested: the first ``k`` of a larger request are the smaller one.

    Parameters
    ----------
    candidates : Windows
        Windows of distinct origins.
    real : Windows
        All windows to fit on; their labels are counted.
    ratio : float
        Number of requests per candidate. Ignored if `n_synthetic` is given.
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

    Raises
    ------
    ValueError
        If the windows have no labels, or several each, or no candidate has one.
    """
    classes, names = _classes(real, candidates)
    counts = np.bincount(classes[: len(real)] + 1, minlength=len(names) + 1)[1:]  # without missing
    of_candidate = classes[len(real) :]
    if (of_candidate < 0).all():
        raise ValueError(
            "balance='label' needs windows with a label, but no window that may be a condition has one: pass "
            "balance=None, or leave out windows without a label (missing='drop')."
        )
    if n_synthetic is None:
        n_synthetic = math.floor(ratio * len(candidates) + 0.5)

    class_keys = np.array([text_key("balance", random_state, name) for name in names])
    order, firsts, sizes = _turns(candidates, of_candidate, class_keys, random_state)
    present, first_group, n_subjects = np.unique(
        of_candidate[order[firsts]], return_index=True, return_counts=True
    )
    request_class, nth = _filled(counts[present], class_keys[present], n_synthetic)
    turn, subject = np.divmod(nth, n_subjects[request_class])
    group = first_group[request_class] + subject
    draws, window = np.divmod(turn, sizes[group])
    return order[firsts[group] + window], draws.astype(np.int64)


def require_one_label(windows: Windows) -> None:
    """Raise unless each window has one label.

    Raises
    ------
    ValueError
    """
    outputs = windows.provenance.outputs
    if windows.y is None or outputs is not None:
        raise ValueError(not_one_label(outputs))


def not_one_label(outputs: Sequence[str] | None) -> str:
    """Return the message for windows without labels, or with several."""
    what = "no labels" if outputs is None else f"{len(outputs)} labels each ({', '.join(outputs)})"
    return (
        f"balance='label' needs one label per window, and these have {what}: pass balance=None, or name "
        "one column in target."
    )


def _classes(real: Windows, candidates: Windows) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the class or bin of each real window, then of each candidate, -1 for none; and their names."""
    require_one_label(real)
    assert real.y is not None
    assert candidates.y is not None
    labels = as_column(np.concatenate([real.y, candidates.y]))
    if is_text(labels) or labels.dtype.kind not in "iuf":
        codes, names = encode(labels)
        return codes, list(names)
    values = plain_array(labels)
    is_known = ~is_missing(values)
    known = values[: len(real)][is_known[: len(real)]]
    if not is_continuous(known):
        codes, names = encode(labels.where(is_known))
        return codes, list(names)
    low, high = np.percentile(known, [1, 99])
    bins = np.searchsorted(np.linspace(low, high, _BINS + 1)[1:-1], values, side="right")
    return np.where(is_known, bins, -1), list(range(_BINS))


def _turns(
    candidates: Windows,
    classes: NDArray[np.intp],
    class_keys: NDArray[np.uint64],
    random_state: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the order of the candidates with a class, and the first and number per subject and class."""
    codes, first_row = candidates.provenance.codes, candidates.provenance.first_row
    subjects = [None] if candidates.provenance.subjects is None else candidates.provenance.subjects
    keys = np.array([text_key("condition", random_state, s) for s in subjects], dtype=np.uint64)
    window_keys = combine(keys[codes], first_row)
    subject_keys = combine(keys[codes], class_keys[classes])
    order = np.lexsort((window_keys, codes, subject_keys, classes))
    order = order[classes[order] >= 0]
    pairs = np.stack([classes[order], codes[order]])
    firsts = np.flatnonzero(np.any(np.diff(pairs, axis=1, prepend=-1) != 0, axis=0))
    return order, firsts, np.diff(firsts, append=len(order))


def _filled(
    counts: NDArray[np.intp], keys: NDArray[np.uint64], n: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return for `n` requests, each to the class with the fewest so far, the class and how many it had."""
    ascending = np.cumsum(np.sort(counts))
    level = int(np.min(-((n + ascending) // -np.arange(1, len(counts) + 1))))
    lengths = np.maximum(level - counts, 0)
    classes = np.repeat(np.arange(len(counts)), lengths)
    nth = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    requests = np.lexsort((keys[classes], counts[classes] + nth))[:n]
    return classes[requests], nth[requests]
