"""Notice rows that are probably not in the order in which they were recorded."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._warnings import warn
from skaug.tables.columns import is_text, plain_array
from skaug.tables.recordings import Recordings
from skaug.tables.table import Table

# Up to this share of steps back, recordings were joined; from the other on, rows were shuffled.
_FEW, _MANY = 0.01, 0.1


def warn_of_row_order(table: Table, recordings: Recordings) -> None:
    """Warn if the index of a pandas table goes back within recordings.

    Only an index of numbers or times says something. Nothing is said where some column rises within every
    recording: the table was sorted by it.

    Parameters
    ----------
    table : Table
        The rows.
    recordings : Recordings
        Where recordings begin and end.
    """
    index = table.index
    if index is None or is_text(index) or index.is_monotonic_increasing:
        return
    steps = _steps(recordings.sorted(plain_array(index.to_series())))
    within = _within(recordings)
    is_back = within & (steps < np.zeros((), steps.dtype))
    n_back, n_steps = int(is_back.sum()), int(within.sum())
    share = n_back / max(1, n_steps)
    if n_back == 0 or _FEW < share < _MANY or _is_sorted_by_a_column(table, recordings, within):
        return
    if share >= _MANY:
        warn(
            f"The rows look shuffled: the index goes back in {n_back} of {n_steps} steps within recordings. "
            "Sort the table by subject and time, name the column of times in time, or call "
            "reset_index(drop=True) if the order is right."
        )
        return
    row = int(np.flatnonzero(is_back)[0]) + 1
    warn(
        f"The index goes back in {n_back} places within recordings: row {recordings.in_table(row)} of "
        f"{recordings.subject_of(row)} begins again. Name the column that separates the recordings in "
        "boundaries, or call reset_index(drop=True) if they are one."
    )


def _within(recordings: Recordings) -> NDArray[np.bool_]:
    """Return, for each step from one sorted row to the next, whether both are of one recording."""
    within = np.ones(max(0, recordings.n_rows - 1), dtype=bool)
    within[recordings.breaks[1:] - 1] = False
    return within


def _steps(values: NDArray) -> NDArray:
    if values.dtype.kind in "mM" or values.dtype.kind == "f":
        return np.diff(values)
    return np.diff(values.astype(np.int64))


def _is_sorted_by_a_column(table: Table, recordings: Recordings, within: NDArray[np.bool_]) -> bool:
    firsts = recordings.breaks
    lasts = np.append(firsts[1:], recordings.n_rows) - 1
    is_long = lasts > firsts
    for name in table.names:
        column = table.column(name)
        if is_text(column) or isinstance(column.dtype, pd.CategoricalDtype):
            continue
        values = recordings.sorted(plain_array(column))
        steps = _steps(values)
        zero = np.zeros((), steps.dtype)
        if (steps[within] >= zero).all() and (values[lasts] > values[firsts])[is_long].all():
            return True
    return False
