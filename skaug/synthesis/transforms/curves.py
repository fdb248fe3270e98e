"""Smooth random curves: cubic splines through a few values."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import scipy.interpolate
from numpy.typing import DTypeLike, NDArray


def curves(knots: NDArray[np.float64], size: int, dtype: DTypeLike) -> NDArray:
    """Return natural cubic splines through values that are evenly spread over the window.

    Parameters
    ----------
    knots : ndarray of shape (n_windows, n_curves, n_knots)
        The values, at least two; the first and the last are those of the first and the last sample.
    size : int
        Samples per window.
    dtype : data type
        Data type of the result.

    Returns
    -------
    ndarray of shape (n_windows, n_curves, size)
    """
    basis = _basis(knots.shape[2], size).astype(dtype)
    knots = knots.astype(dtype)
    # Not by BLAS, whose rounding depends on the number of windows.
    total = knots[:, :, :1] * basis[0]
    term = np.empty_like(total)
    for k in range(1, len(basis)):
        total += np.multiply(knots[:, :, k : k + 1], basis[k], out=term)
    return total


@lru_cache(maxsize=8)
def _basis(n_knots: int, size: int) -> NDArray[np.float64]:
    """Return the splines that are 1 at one knot and 0 at the others: a spline is linear in its values."""
    at = np.linspace(0, 1, n_knots)
    spline = scipy.interpolate.CubicSpline(at, np.eye(n_knots), bc_type="natural")
    basis = np.ascontiguousarray(spline(np.linspace(0, 1, size)).T)
    basis.flags.writeable = False
    return basis
