"""Samples and per-window values as they are passed in: checked, and made plain arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Whole numbers with more distinct values than this are quantities, not classes.
_MOST_CLASSES = 20


def plain_values(X: Any) -> NDArray:
    """Return windows as a numeric 3-D array.

    Raises
    ------
    ValueError
        If it is not 3-D, has no samples or no features, or is not numeric.
    """
    try:
        values = np.asarray(X)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(
            "The windows differ in length or in the number of channels: cut or pad them to one shape, "
            "(n_windows, window_size, n_features)."
        ) from error
    if values.ndim != 3:
        raise ValueError(
            f"Windows are 3-D, (n_windows, window_size, n_features), got {values.ndim}-D of shape "
            f"{values.shape}. Cut recordings with skaug.SubjectWindower, or reshape to "
            "(n_windows, window_size, 1) if there is one channel."
        )
    if values.dtype.kind not in "fiub":
        raise ValueError(
            f"Windows must hold numbers, got an array of dtype {values.dtype}: convert it to floats."
        )
    if values.shape[1] == 0 or values.shape[2] == 0:
        raise ValueError(f"Windows need samples and features, got the shape {values.shape}.")
    return values.astype(np.float64) if values.dtype.kind in "iub" else values


def one_per_window(values: ArrayLike, n_windows: int, name: str) -> NDArray:
    """Return a copy of values as an array with one entry per window.

    Raises
    ------
    ValueError
        If there is another number of entries.
    """
    array = np.array(values)  # a copy: labels do not change with an array of the caller's
    if array.ndim == 0 or len(array) != n_windows:
        given = "a scalar" if array.ndim == 0 else f"{len(array)} entries"
        raise ValueError(
            f"{name} must have one entry for each of {n_windows} windows, got {given}."
        )
    return array


def default_names(n_features: int) -> list[str]:
    """Return the names of channels that were not named."""
    return [f"x{i}" for i in range(n_features)]


def are_classes(y: NDArray) -> bool:
    """Return whether labels are classes: text, booleans, or at most 20 distinct whole numbers.

    Parameters
    ----------
    y : ndarray of shape (n_windows,)
        The labels, without missing ones.

    Returns
    -------
    bool
    """
    if y.dtype.kind not in "iuf":
        return True
    values = np.unique(y)
    return len(values) <= _MOST_CLASSES and bool((values == np.round(values)).all())
