"""Flat channels of windows, recognized exactly: rounding gives them a variance, and products, above zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def is_flat(values: NDArray) -> NDArray[np.bool_]:
    """Return whether all samples of each window and channel are equal.

    Parameters
    ----------
    values : ndarray of shape (n_windows, window_size, n_channels)
        The samples.

    Returns
    -------
    ndarray of shape (n_windows, 1, n_channels)
    """
    return values.max(axis=1, keepdims=True) == values.min(axis=1, keepdims=True)


def center(values: NDArray) -> NDArray:
    """Remove the mean of each window and channel; flat ones become exactly 0."""
    return np.where(is_flat(values), 0.0, values - values.mean(axis=1, keepdims=True))
