"""Rows of windows in memory: views of evenly spaced windows, copies of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Result = TypeVar("_Result")

# Bytes below which a second thread is not worth its cost.
_ONE_THREAD_BYTES = 1 << 23

# Rows gathered at once where windows are not evenly spaced: few enough to stay in the cache.
_GATHERED_ROWS = 1 << 18


def window_views(
    rows: NDArray, starts: NDArray[np.intp], size: int
) -> Iterator[tuple[slice, NDArray]]:
    """Walk over windows as a few large blocks.

    Parameters
    ----------
    rows : ndarray of shape (n_rows, ...)
        The rows into which the windows point.
    starts : ndarray of shape (n_windows,)
        First row of each window.
    size : int
        Rows per window.

    Yields
    ------
    which : slice
        The windows of the block.
    block : ndarray of shape (n_block, size, ...)
        Their rows: a read-only strided view of `rows` where the windows are evenly spaced, otherwise a
        gathered copy.
    """
    rows = np.ascontiguousarray(rows)
    runs = _even_runs(starts)
    if len(runs) > 16 and len(runs) > len(starts) // 16:
        at_once = max(1, _GATHERED_ROWS // size)
        every = np.lib.stride_tricks.sliding_window_view(rows, size, axis=0)
        every = np.moveaxis(every, -1, 1)
        for first in range(0, len(starts), at_once):
            which = slice(first, min(first + at_once, len(starts)))
            yield which, every[starts[which]]
        return
    for which in runs:
        at = starts[which]
        step = int(at[1] - at[0]) if len(at) > 1 else 0
        yield (
            which,
            np.lib.stride_tricks.as_strided(
                rows[at[0] :],
                shape=(len(at), size, *rows.shape[1:]),
                strides=(step * rows.strides[0], *rows.strides),
                writeable=False,
            ),
        )


def _even_runs(starts: NDArray[np.intp]) -> list[slice]:
    """Split the windows into slices in which their starts are evenly spaced."""
    n = len(starts)
    if n == 0:
        return []
    steps = np.diff(starts)
    changes = np.flatnonzero(steps[1:] != steps[:-1]) + 1  # the step after window `change` is new
    runs, first = [], 0
    for change in changes.tolist():
        if change > first:  # else the new step is the first of the run
            runs.append(slice(first, change + 1))
            first = change + 1
    if first < n:
        runs.append(slice(first, n))
    return runs


def covered_rows(starts: NDArray[np.intp], size: int) -> tuple[NDArray[np.intp], list[slice]]:
    """Renumber windows so that only the rows they cover remain.

    Returns
    -------
    new_starts : ndarray of shape (n_windows,)
        First row of each window among the covered rows.
    stretches : list of slice
        The stretches of covered rows, ascending; their concatenation holds every window.
    """
    unique, inverse = np.unique(starts, return_inverse=True)
    if len(unique) == 0:
        return starts, []
    apart = np.diff(unique)
    new_unique = np.concatenate([[0], np.cumsum(np.minimum(apart, size))])
    breaks = np.flatnonzero(apart > size)
    firsts = unique[np.concatenate([[0], breaks + 1])]
    lasts = unique[np.concatenate([breaks, [len(unique) - 1]])] + size
    stretches = [slice(a, b) for a, b in zip(firsts.tolist(), lasts.tolist(), strict=True)]
    return new_unique[inverse].astype(np.intp), stretches


def in_halves(work: Callable[[slice], _Result], n: int, n_bytes: int) -> list[_Result]:
    """Split large work that is limited by memory into halves, for two threads at once.

    A single thread waits most of the time, for the memory that it reads, or for the system to clear a fresh
    page that it writes to.

    Parameters
    ----------
    work : callable
        Works on a slice of the rows or windows.
    n : int
        How many rows or windows there are.
    n_bytes : int
        Bytes that are read or written.

    Returns
    -------
    list
        What `work` returned, in order.
    """
    if n < 2 or n_bytes < _ONE_THREAD_BYTES:
        return [work(slice(0, n))]
    with ThreadPoolExecutor(1) as other:
        # In a copy of the context, because numpy.errstate is part of it.
        second = other.submit(copy_context().run, work, slice(n // 2, n))
        return [work(slice(0, n // 2)), second.result()]


def blocks_of(within: slice, n_block: int) -> Iterator[slice]:
    """Walk over a stretch of rows or windows in blocks of at most `n_block`."""
    for first in range(within.start, within.stop, n_block):
        yield slice(first, min(first + n_block, within.stop))


def plain_layout(values: NDArray) -> NDArray:
    """Return an array laid out like a new one: joblib's hash depends on strides and subclass."""
    return np.ascontiguousarray(values).ravel().reshape(values.shape)
