"""What the parts of a table hold: whose recordings, of how many rows, and how many windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.tables.recordings import Recordings
from skaug.tables.table import Table
from skaug.windower import NoWindowsError, SubjectWindower
from skaug.windows.container import Windows


def cut_columns(windower: SubjectWindower) -> set[str]:
    """Name the columns that windows are cut of, with labels and without context."""
    target = set() if windower._target is None else {windower._target}
    return breaking_columns(windower) | set(windower.features_) | target


def breaking_columns(windower: SubjectWindower) -> set[str]:
    """Name the columns that recordings break at: all that it takes to count windows."""
    named = {windower._subject, windower._time, *windower._boundaries}
    if named == {None}:  # at least one column, to count rows by
        named = {windower.features_[0]}
    return {name for name in named if name is not None}


def made_up_window(windower: SubjectWindower, row: pd.DataFrame) -> Windows:
    """Cut one window of a row that is repeated, which tells the types of what will be cut.

    Parameters
    ----------
    windower : SubjectWindower
        Fitted.
    row : DataFrame of one row
        Nothing in it is missing.

    Returns
    -------
    Windows of shape (1, window_size, n_features)
    """
    rows = row.iloc[np.zeros(windower.window_size, dtype=np.intp)]
    return windower._cut(Table(rows), None)


def require_whole_subjects(
    subjects: Sequence[Sequence[Any]], places: Sequence[str], remedy: str
) -> None:
    """Raise if a subject is in two places.

    Parameters
    ----------
    subjects : sequence of sequences
        The subjects in each place.
    places : sequence of str
        What the places are called.
    remedy : str
        How to bring the rows of a subject together.

    Raises
    ------
    ValueError
        Names the first such subject, and the remedy.
    """
    found: dict[Any, int] = {}
    twice: list[tuple[Any, int, int]] = []
    for place, names in enumerate(subjects):
        for name in names:
            if found.setdefault(name, place) != place:
                twice.append((name, found[name], place))
    if not twice:
        return
    name, first, second = twice[0]
    others = len({name for name, *_ in twice}) - 1
    more = f" (and those of {others} more likewise)" if others else ""
    raise ValueError(
        f"The recordings of subject {name!r} are in {places[first]} and in {places[second]}{more}, and "
        f"windows across would be lost. {remedy}."
    )


def count_windows(part: Any, windower: SubjectWindower) -> pd.DataFrame:
    """Count rows and windows of each subject.

    Parameters
    ----------
    part : DataFrame
        Some of the recordings, of each of which it holds all rows; with the columns
        `breaking_columns`, or, where windows with missing values are left out, `cut_columns`.
    windower : SubjectWindower
        Fitted.

    Returns
    -------
    DataFrame, one row a subject
        ``subject``, ``n_rows``, ``longest`` (rows of the longest stretch that windows may be cut from) and
        ``n_windows``.
    """
    if len(part) == 0:
        return pd.DataFrame(columns=["subject", "n_rows", "longest", "n_windows"])
    table = Table(part)
    recordings = Recordings(
        table, windower._subject, windower._boundaries, windower._time, windower.max_gap, sort=True
    )
    stretches = np.diff(recordings.firsts)
    whose = recordings.codes_of(recordings.firsts[:-1])
    subjects = [None] if recordings.subjects is None else recordings.subjects
    longest = np.zeros(len(subjects), dtype=np.int64)
    np.maximum.at(longest, whose, stretches)
    codes = _subjects_of_windows(table, windower, recordings)
    return pd.DataFrame(
        {
            "subject": pd.Series(subjects, dtype=object),
            "n_rows": np.bincount(whose, stretches, len(subjects)).astype(np.int64),
            "longest": longest,
            "n_windows": np.bincount(codes, minlength=len(subjects)),
        }
    )


def _subjects_of_windows(
    table: Table, windower: SubjectWindower, recordings: Recordings
) -> NDArray[np.intp]:
    """Give the subject of each window, as a position among the subjects of the recordings."""
    if windower.missing in ("drop", "ffill"):
        try:
            return windower._cut(table, None).provenance.codes
        except NoWindowsError:
            return np.empty(0, dtype=np.intp)
    size, stride = windower.window_size, windower.stride or windower.window_size
    return recordings.origins(recordings.starts(size, stride, from_first_row=True))[0]


def refuse_no_windows(windower: SubjectWindower, counts: pd.DataFrame) -> NoReturn:
    """Raise because there is no window at all, and say why.

    Parameters
    ----------
    windower : SubjectWindower
        Fitted.
    counts : DataFrame
        As `count_windows` gives, of all parts.

    Raises
    ------
    NoWindowsError
    """
    size = windower.window_size
    longest = counts.loc[counts["longest"].idxmax()]
    whose = "" if longest["subject"] is None else f", of subject {longest['subject']!r},"
    if longest["longest"] < size:
        raise NoWindowsError(
            f"No recording is as long as a window of {size} rows: the longest{whose} has "
            f"{longest['longest']}. Pass a smaller window_size."
        )
    raise NoWindowsError(
        f"Every window of {size} rows misses a value: pass a smaller window_size, or missing='keep'."
    )
