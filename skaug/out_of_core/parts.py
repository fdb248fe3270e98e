"""Parts of a table that are cut one by one: partitions of a dask frame, files of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from skaug.cutting import Cutting, NoWindowsError
from skaug.windows.container import Windows


def require_independent_parts(cutting: Cutting, n_parts: int, remedy: str) -> None:
    """Raise unless windows of one part do not depend on the others.

    Parameters
    ----------
    cutting : Cutting
        How the parts are cut.
    n_parts : int
        How many there are.
    remedy : str
        How to make a single part of them.

    Raises
    ------
    ValueError
        If the grid is the table's, or the table is one recording in several parts.
    """
    if cutting.alignment == "table":
        raise ValueError(
            "alignment='table' counts rows over the whole table, which cannot be done part by part: use "
            "alignment='subject'."
        )
    if cutting.subject is None and n_parts > 1:
        raise ValueError(
            f"subject=None means that the table is one recording, but it has {n_parts} parts: name the "
            f"column of subjects, or {remedy}."
        )


def require_whole_subjects(
    subjects: Sequence[Sequence[Any]], places: Sequence[str], remedy: str
) -> None:
    """Raise if rows of one subject are in two parts.

    Parameters
    ----------
    subjects : sequence of sequences
        The subjects in each part.
    places : sequence of str
        What the parts are called.
    remedy : str
        How to bring the rows of a subject together.

    Raises
    ------
    ValueError
        Names the first such subject, and the remedy.
    """
    found: dict[Any, int] = {}
    split: list[tuple[Any, int, int]] = []
    for place, names in enumerate(subjects):
        for name in names:
            if found.setdefault(name, place) != place:
                split.append((name, found[name], place))
    if not split:
        return
    name, first, second = split[0]
    n_others = len({name for name, *_ in split}) - 1
    others = f" (likewise for {n_others} other subjects)" if n_others else ""
    raise ValueError(
        f"Rows of subject {name!r} are in {places[first]} and in {places[second]}{others}, so windows across "
        f"the two would be lost. {remedy}."
    )


def one_window(cutting: Cutting, row: pd.DataFrame) -> Windows:
    """Cut one window from a row that is repeated, which shows the types of what will be cut.

    Parameters
    ----------
    cutting : Cutting
    row : DataFrame of one row
        Nothing in it is missing.

    Returns
    -------
    Windows of shape (1, window_size, n_features)
    """
    return cutting.cut(row.iloc[np.zeros(cutting.window_size, dtype=np.intp)])


def no_windows(cutting: Cutting, counts: pd.DataFrame) -> NoWindowsError:
    """Return the error for parts without a single window, which says why there is none.

    Parameters
    ----------
    cutting : Cutting
    counts : DataFrame
        What `Cutting.count` returned, of all parts.
    """
    longest = counts.loc[counts["longest"].idxmax()]
    if longest["longest"] >= cutting.window_size:
        return cutting.every_window_is_left_out()
    place = "the table" if longest["subject"] is None else f"subject {longest['subject']!r}"
    return cutting.no_recording_is_long_enough(int(longest["longest"]), place)
