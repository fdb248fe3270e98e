"""The unit of ``--max-gap``: seconds, if ``--time`` holds dates and times."""

from __future__ import annotations

import argparse
import math

import pandas as pd


def set_unit_of_gap(options: argparse.Namespace, table: pd.DataFrame) -> None:
    """Make a number that was passed as ``--max-gap`` seconds, if the times are dates and times.

    Parameters
    ----------
    options : Namespace
        The options of `add_cutting`; ``max_gap`` is set.
    table : DataFrame
        The table, or some of its rows.
    """
    gap = options.max_gap
    is_clock = options.time in table and (
        pd.api.types.is_datetime64_any_dtype(table[options.time].dtype)
        or table[options.time].dtype.kind == "m"
    )
    if is_clock and isinstance(gap, float) and math.isfinite(gap):
        options.max_gap = f"{gap:.9f}".rstrip("0").rstrip(".") + "s"
