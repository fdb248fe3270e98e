"""Labels of windows of 8 s, one every 2 s, as labels of rows."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

# Seconds.
WINDOW, STRIDE = 8, 2


def seconds_of_labels(n_labels: int) -> Fraction:
    """Return when the last window ends."""
    return Fraction(WINDOW + STRIDE * (n_labels - 1))


def labels_of_rows(
    labels: npt.NDArray[np.float64], n_rows: int, rate: Fraction
) -> npt.NDArray[np.float64]:
    """Assign each label to the rows in the middle two seconds of its window.

    The first and the last label also apply to the rows before and after, to the ends of their windows.

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        Label ``k`` is that of the seconds [2k, 2k + 8).
    n_rows : int
        How many rows there are.
    rate : Fraction
        Rows per second.

    Returns
    -------
    ndarray of shape (n_rows,)
    """
    # The middle begins 3 s after the start of a window; in whole numbers, exactly.
    margin = (WINDOW - STRIDE) // 2
    rows = np.arange(n_rows) * rate.denominator
    middle = (rows - margin * rate.numerator) // (STRIDE * rate.numerator)
    return labels[middle.clip(0, len(labels) - 1)]
