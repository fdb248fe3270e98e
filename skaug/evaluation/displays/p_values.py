"""p-values as they are printed."""

from __future__ import annotations

import math


def p_in_words(value: float, digits: int = 3) -> str:
    """Write a p-value, which is never zero: "0.031", "< 0.001"; nothing if it is NaN."""
    if math.isnan(value):
        return ""
    least = 10.0**-digits
    return f"< {least:.{digits}f}" if value < least else f"{value:.{digits}f}"
