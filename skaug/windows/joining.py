"""Join the rows of several sets of windows, without the rows that no window covers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._arrays import covered_rows
from skaug.tables.columns import concatenate_contexts

Starts = NDArray[np.intp]


def join_rows(parts: Sequence[tuple[NDArray, Starts]], size: int) -> tuple[NDArray, Starts]:
    """Return the rows that windows cover, part by part, and the first row of each window.

    Parameters
    ----------
    parts : sequence of (ndarray of shape (n_rows, n_features), ndarray of shape (n_windows,))
        The rows of each part, and the first row of each of its windows.
    size : int
        Rows per window.
    """
    first = parts[0][0]
    covered = [covered_rows(starts, size) for _, starts in parts]
    n_rows = [sum(s.stop - s.start for s in stretches) for _, stretches in covered]
    starts = _behind_each_other([at for at, _ in covered], n_rows)
    if len(parts) == 1 and n_rows[0] == len(first):
        return first, starts
    pieces = [
        rows[stretch]
        for (rows, _), (_, stretches) in zip(parts, covered, strict=True)
        for stretch in stretches
    ]
    return np.concatenate([first[:0], *pieces]), starts


def join_contexts(
    parts: Sequence[tuple[pd.DataFrame, Starts]], size: int
) -> tuple[pd.DataFrame, Starts]:
    """Return the context of windows, and the row in it at which each window begins.

    Parameters
    ----------
    parts : sequence of (DataFrame, ndarray of shape (n_windows,))
        The context of each part, and the row at which each of its windows begins.
    size : int
        Rows per window.
    """
    first = parts[0][0]
    if all(context is first for context, _ in parts):
        return first, np.concatenate([starts for _, starts in parts])
    covered = [covered_context(context, starts, size) for context, starts in parts]
    starts = _behind_each_other([at for _, at in covered], [len(rows) for rows, _ in covered])
    return concatenate_contexts([rows for rows, _ in covered]), starts


def covered_context(
    context: pd.DataFrame, starts: Starts, size: int
) -> tuple[pd.DataFrame, Starts]:
    """Return the rows of a context that windows cover, and the row at which each window begins."""
    new_starts, stretches = covered_rows(starts, size)
    rows = [np.arange(stretch.start, stretch.stop) for stretch in stretches]
    if sum(map(len, rows)) == len(context):
        return context, new_starts
    kept = np.concatenate([np.empty(0, dtype=np.intp), *rows])
    return context.take(kept).reset_index(drop=True), new_starts


def _behind_each_other(starts: Sequence[Starts], n_rows: Sequence[int]) -> Starts:
    offsets = np.cumsum([0, *n_rows[:-1]])
    return np.concatenate([at + by for at, by in zip(starts, offsets, strict=True)])
