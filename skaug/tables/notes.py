"""What a step before the windows notes on the table it returns, for the steps after it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

_NOTES = "skaug_notes"


@dataclass(frozen=True)
class Notes:
    """What is known about the steps that a table went through.

    Plain values only: pandas stores them in Parquet files, as JSON.

    Parameters
    ----------
    n_rows_before : int, optional
        How many rows there were before a step changed them. Values that are passed along with the original
        table, such as labels, are not for the rows of this one, not even if there are as many.
    boundaries : sequence of str
        Columns in which a change of value ended a recording.
    time : str, optional
        The column of times in which gaps ended a recording.
    max_gap : float or str, optional
        The longest step in `time` within a recording.
    without_time : str, optional
        The first step that uses times and got none.
    """

    n_rows_before: int | None = None
    boundaries: tuple[str, ...] = ()
    time: str | None = None
    max_gap: float | str | None = None
    without_time: str | None = None


def notes_of(X: Any) -> Notes:
    """Return what steps noted on a table, an array or anything else."""
    noted = X.attrs if isinstance(X, pd.DataFrame) else getattr(X, "__dict__", {})
    return Notes(**noted.get(_NOTES, {}))


def with_notes(X: Any, notes: Notes) -> Any:
    """Note something on a table in place of what was noted; return the table."""
    if notes == notes_of(X):
        return X
    if isinstance(X, pd.DataFrame):
        X.attrs[_NOTES] = asdict(notes)
        return X
    if type(X) is np.ndarray:
        X = X.view(_ArrayWithNotes)
    if hasattr(X, "__dict__"):
        setattr(X, _NOTES, asdict(notes))
    return X


class _ArrayWithNotes(np.ndarray):
    """An array that can hold attributes."""
