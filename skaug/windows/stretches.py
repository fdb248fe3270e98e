"""Windows stitched back to the stretches of recordings that they were cut from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.tables.aggregation import aggregate
from skaug.tables.columns import is_text, plain_array
from skaug.windows.provenance import NO_RECORDING, Provenance, same_labels


@dataclass(frozen=True, eq=False)
class Stretches:
    """Uninterrupted stretches of recordings, as returned by `Windows.recordings`.

    Attributes
    ----------
    signals : ndarray of shape (n_rows, n_features)
        The samples of all stretches, one stretch after the other, each row once.
    labels : ndarray of shape (n_rows,), or None
        The label track: the values of the target column where the labels of the windows are their means,
        otherwise the labels interpolated between the centers of the windows. None if the windows have no
        labels, several per window, or labels that are not numbers.
    firsts : ndarray of shape (n_stretches + 1,)
        First row of each stretch, and the number of rows.
    starts : ndarray of shape (n_windows,)
        The row at which each window begins.
    """

    signals: NDArray
    labels: NDArray[np.float64] | None
    firsts: NDArray[np.intp]
    starts: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.firsts) - 1

    def limits(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the first and the last row of the stretch of each window.

        Returns
        -------
        first, last : ndarray of shape (n_windows,)
        """
        stretch = np.searchsorted(self.firsts, self.starts, side="right") - 1
        return self.firsts[stretch], self.firsts[stretch + 1] - 1


def stitched(
    signals: tuple[NDArray, NDArray[np.intp]],
    context: tuple[pd.DataFrame, NDArray[np.intp]],
    size: int,
    provenance: Provenance,
) -> Stretches:
    """Stitch windows to stretches.

    Parameters
    ----------
    signals : (ndarray of shape (n_rows, n_features), ndarray of shape (n_windows,))
        Rows, and the row at which each window begins.
    context : (DataFrame, ndarray of shape (n_windows,))
        The same of the context.
    size : int
        Rows per window.
    provenance : Provenance

    Raises
    ------
    ValueError
        If some windows are synthetic.
    """
    if provenance.holds_synthetic:
        raise ValueError(
            f"{int(provenance.is_synthetic.sum())} of the windows are synthetic and belong to no recording: "
            "call recordings() of windows[~windows.is_synthetic]."
        )
    first_row, recording, codes = provenance.first_row, provenance.recording, provenance.codes
    order = np.lexsort((first_row, recording, codes))
    apart = np.diff(first_row[order])
    joins = (np.diff(codes[order]) == 0) & (np.diff(recording[order]) == 0) & (apart <= size)
    joins &= recording[order][1:] != NO_RECORDING
    n_new = np.full(len(order), size, dtype=np.intp)  # rows that the windows before do not cover
    n_new[1:][joins] = apart[joins]
    ends = np.cumsum(n_new)
    starts = np.empty(len(order), dtype=np.intp)
    starts[order] = ends - size
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = ~joins
    firsts = np.append((ends - size)[begins], ends[-1] if len(ends) else 0).astype(np.intp)
    within = np.arange(firsts[-1]) - np.repeat(ends, n_new) + size
    rows = np.repeat(signals[1][order], n_new) + within
    labels = None
    if provenance.y is not None and provenance.y.ndim == 1 and provenance.y.dtype.kind in "fiu":
        labels = _target_values(context, size, provenance, order, n_new, within)
        if labels is None:
            labels = _interpolated(provenance.y, starts, firsts, size)
    return Stretches(signals[0][rows], labels, firsts, starts)


def _target_values(
    context: tuple[pd.DataFrame, NDArray[np.intp]],
    size: int,
    provenance: Provenance,
    order: NDArray[np.intp],
    n_new: NDArray[np.intp],
    within: NDArray[np.intp],
) -> NDArray[np.float64] | None:
    """Return the target in each row, or None if the labels are not its means."""
    frame, starts = context
    target = provenance.target
    if provenance.target_agg != "mean" or target not in frame.columns or is_text(frame[target]):
        return None
    values = plain_array(frame[target])
    if values.dtype.kind not in "fiu" or len(starts) == 0:
        return None
    assert provenance.y is not None
    if not same_labels(provenance.y, aggregate(values, starts, size, "mean", str(target))):
        return None
    return values[np.repeat(starts[order], n_new) + within].astype(np.float64)


def _interpolated(
    y: NDArray, starts: NDArray[np.intp], firsts: NDArray[np.intp], size: int
) -> NDArray[np.float64]:
    """Interpolate labels between the centers of windows; before the first and after the last, keep them."""
    if len(starts) == 0:
        return np.empty(0)
    order = np.argsort(starts, kind="stable")
    centers = starts[order] + (size - 1) / 2
    of_stretch = np.searchsorted(starts[order], firsts)
    first, last = of_stretch[:-1], of_stretch[1:] - 1
    at = np.concatenate([centers, firsts[:-1], firsts[1:] - 1])
    labels = y[order].astype(np.float64)
    labels = np.concatenate([labels, labels[first], labels[last]])
    by_row = np.argsort(at, kind="stable")
    return np.interp(np.arange(firsts[-1]), at[by_row], labels[by_row])
