"""Default channels and boundaries of a table, if the user names none."""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from skaug import DataWarning, Windows
from skaug.cli.messages import say
from skaug.evaluation.leaks import channels_like_labels
from skaug.tables.columns import is_text
from skaug.tables.table import Table

# Columns that number or date the rows or the recordings.
_NOT_A_CHANNEL = re.compile(
    r"unnamed: \d+|index|level_\d+|row|time|timestamp|date|datetime|t|recording|session", re.I
)
_BOUNDARY = re.compile("recording|session", re.I)

# A number with a decimal comma, or with commas between thousands.
_WITH_COMMA = r"\s*[-+]?[\d.]*(?:,\d+)+(?:[eE][-+]?\d+)?\s*"

_MOST_LISTED = 30
_FEWEST_STEPS = 100  # fewer may rise by chance


def choose_columns(options: argparse.Namespace, table: pd.DataFrame) -> None:
    """Choose the boundaries and channels that the user did not name, and print them.

    Parameters
    ----------
    options : Namespace
        The options of `add_cutting`; ``boundary`` and ``feature`` are set to lists.
    table : DataFrame
        The table, or some of its rows.

    Raises
    ------
    ValueError
        If there is no column of subjects, several columns are named at once, a column of numbers has text in
        it, or there is no channel.
    """
    if options.subject == "subject" and "subject" not in table:
        some = ", ".join(map(repr, table.columns[:_MOST_LISTED]))
        more = ", ..." if table.shape[1] > _MOST_LISTED else ""
        raise ValueError(
            "There is no column 'subject': name the column of subjects with --subject. The table "
            f"has {some}{more}."
        )
    _require_one_each(options, table)
    named = {options.subject, options.target, options.time, *(options.feature or [])}
    options.boundary = _boundaries(options.boundary, table, named)
    if options.feature is not None:
        _require_no_text_among_numbers(options, table, {*options.feature, options.target})
        return
    strata = getattr(options, "strata", ())
    others = [name for name in table if name not in {*named, *options.boundary, *strata}]
    _require_no_text_among_numbers(options, table, {*others, options.target})
    numeric = set(Table(table).numeric_names())
    recording = [options.subject, *options.boundary]
    constant = _constant(table, others, recording)
    rising = _rising(table, [name for name in others if name in numeric], recording)
    left_out = {
        name: reason
        for name in others
        if (reason := _why_not_a_channel(table[name], numeric, constant, rising))
    }
    options.feature = [name for name in others if name not in left_out]
    if not options.feature:
        raise ValueError(
            f"No column is a channel{_in_words(left_out)}: name the channels with --feature."
        )
    say(f"Channels: {', '.join(options.feature)} (numeric columns without another role).")
    if left_out:
        say(f"Columns that are not channels{_in_words(left_out)}. --feature COLUMN overrides this.")


def with_index(options: argparse.Namespace, table: pd.DataFrame) -> pd.DataFrame:
    """Make columns of the levels of the index that an option names, or that are a boundary by default."""
    named = {options.subject, options.target, options.time, *options.boundary, *options.strata}
    levels = [
        name
        for name in table.index.names
        if name is not None and (name in named or _BOUNDARY.fullmatch(str(name)))
    ]
    return table.reset_index(level=levels) if levels else table


def without_labels(channels: list[str], windows: Windows, target: str) -> list[str]:
    """Remove the channels that follow the labels, and print which they are.

    Parameters
    ----------
    channels : list of str
        As `choose_columns` chose them.
    windows : Windows of shape (n_windows, window_size, n_features)
        Cut from these channels, with labels.
    target : str
        The column of the labels.

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        If all channels follow the labels.
    """
    found = channels_like_labels(windows)
    if not found:
        return channels
    which = ", ".join(f"{name} ({r:.3f})" for name, r in found.items())
    say(
        f"Left out, because its mean in each window follows {target}, which would give the answer away "
        f"(correlation in parentheses): {which}. --feature COLUMN overrides this."
    )
    rest = [name for name in channels if name not in found]
    if not rest:
        raise ValueError(f"Every channel follows {target!r}: name the channels with --feature.")
    return rest


def _require_one_each(options: argparse.Namespace, table: pd.DataFrame) -> None:
    """Raise if columns are separated by commas where an option should be repeated."""
    for option in ("feature", "boundary", "strata"):
        for text in getattr(options, option, None) or ():
            names = [name.strip() for name in text.split(",")]
            if text not in table and len(names) > 1 and all(name in table for name in names):
                repeated = " ".join(f"--{option} {name}" for name in names)
                raise ValueError(f"--{option} takes one column: pass {repeated}.")


def _boundaries(chosen: list[str], table: pd.DataFrame, named: Collection[str | None]) -> list[str]:
    if "none" in chosen:
        if len(chosen) > 1:
            raise ValueError("--boundary none excludes any other --boundary: use one or the other.")
        # The user has just said that recordings do not end where such a column changes.
        warnings.filterwarnings("ignore", r"The column .* changes within ", DataWarning)
        return []
    if chosen:
        return chosen
    found = [name for name in table if _BOUNDARY.fullmatch(str(name)) and name not in named]
    if found:
        say(
            f"A new recording begins where {' or '.join(found)} changes. --boundary none turns this off."
        )
    return found


def _require_no_text_among_numbers(
    options: argparse.Namespace, table: pd.DataFrame, names: Collection[str | None]
) -> None:
    has_comma = getattr(options, "decimal", ".") == ","
    for name in table:
        column = table[name]
        if name not in names or not is_text(column):
            continue
        try:
            values = pd.Series(column.dropna().unique(), dtype=object)
            texts = values[pd.to_numeric(values, errors="coerce").isna()]
        except TypeError:  # lists and the like
            continue
        if len(texts) and texts.astype(str).str.fullmatch(_WITH_COMMA).all():
            raise ValueError(
                f"The column {name!r} holds text with commas, first {_first(column, texts)}: if these are "
                "decimals in a text file, pass --decimal ','. Thousands cannot be separated."
            )
        has_point = len(texts) == 0 and values.astype(str).str.contains(".", regex=False).any()
        if has_point and (has_comma or name == options.target):
            raise ValueError(
                f"The column {name!r} holds numbers as text, first {_first(column, values)}: write them as "
                "numbers, in a text file with the character of --decimal before their decimals."
            )
        if 0 < len(texts) < len(values) / 2:
            raise ValueError(
                f"The column {name!r} has text among its numbers, first {_first(column, texts)}: correct it "
                "in the table, or name other columns with --feature."
            )


def _first(column: pd.Series, values: pd.Series) -> str:
    value = values.iloc[0]
    row = int(np.flatnonzero((column == value).fillna(False).to_numpy(dtype=bool))[0])
    return f"{value!r} in row {row} (counted from 0)"


def _constant(table: pd.DataFrame, names: list[str], by: list[str]) -> set[str]:
    """Return the columns that never change within a recording, such as the age of a subject.

    Recordings of a single row cannot show it.
    """
    by = [name for name in dict.fromkeys(by) if name in table]
    if not by or not table.duplicated(by).any():
        return set()
    n_values = table.groupby(by, sort=False, observed=True, dropna=False)[names].nunique().max()
    return set(n_values.index[n_values == 1])


def _rising(table: pd.DataFrame, names: list[str], by: list[str]) -> set[str]:
    """Return the columns that rise in each row of each recording, as row numbers and times do.

    Tables in which the rows of recordings alternate, or of few rows, do not show it.
    """
    keys = table[[name for name in dict.fromkeys(by) if name in table]]
    goes_on = keys.eq(keys.shift()).all(axis=1).to_numpy(dtype=bool)[1:]
    if goes_on.sum() < max(_FEWEST_STEPS, len(table) / 2):
        return set()

    def rises(column: pd.Series) -> bool:
        steps = np.diff(column.to_numpy(dtype=np.float64, na_value=np.nan))
        return bool((steps[goes_on] > 0).all())

    return {name for name in names if rises(table[name])}


def _why_not_a_channel(
    column: pd.Series, numeric: set[str], constant: set[str], rising: set[str]
) -> str:
    """Return why a column is not a channel by default; nothing if it is one."""
    if _NOT_A_CHANNEL.fullmatch(str(column.name)):
        return "by its name"
    if column.name in numeric:
        if column.name in rising:
            return "rises in each row, like a time"
        return "constant within each recording" if column.name in constant else ""
    if is_text(column):
        return "text"
    return "true or false" if pd.api.types.is_bool_dtype(column) else "dates or times"


def _in_words(left_out: Mapping[str, str]) -> str:
    if not left_out:
        return ""
    return ": " + ", ".join(f"{name} ({reason})" for name, reason in left_out.items())
