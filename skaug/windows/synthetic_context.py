"""The target columns of synthetic windows that have labels of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.tables.aggregation import aggregate
from skaug.tables.columns import is_text, plain_array
from skaug.windows.provenance import Provenance


def with_own_labels(context: pd.DataFrame, size: int, provenance: Provenance) -> pd.DataFrame:
    """Return a context whose target columns agree with the labels of synthetic windows.

    Their context is that of the recorded windows they were made from. Where a synthesizer moved the label,
    the target of these would be a wrong label in a table of synthetic windows.

    Parameters
    ----------
    context : DataFrame of n_windows * size rows
        May be changed.
    size : int
        Rows per window.
    provenance : Provenance
        Of the windows.

    Returns
    -------
    DataFrame
    """
    y = provenance.y
    if y is None or y.dtype.kind not in "fiu" or provenance.is_replaced:
        return context
    columns = y[:, None] if y.ndim == 1 else y
    if len(provenance.targets) != columns.shape[1]:
        return context
    synthetic = np.flatnonzero(provenance.is_synthetic)
    for target, labels in zip(provenance.targets, columns.T, strict=True):
        if target not in context.columns or is_text(context[target]):
            continue
        values = plain_array(context[target])
        if values.dtype.kind not in "fiu":
            continue
        recorded = aggregate(values, synthetic * size, size, provenance.target_agg, target)
        is_same = np.isclose(labels[synthetic], recorded, rtol=1e-6, atol=0, equal_nan=True)
        moved = synthetic[~is_same]
        if len(moved):
            rows = moved[:, None] * size + np.arange(size)
            context[target] = _filled(values, rows, labels[moved])
    return context


def _filled(values: NDArray, rows: NDArray[np.intp], labels: NDArray) -> NDArray:
    """Return values with the label of each window in its rows."""
    filled = values.astype(np.result_type(values, labels))
    filled[rows] = labels[:, None]
    return filled
