"""Times that are text, as in files: numbers, or dates and times."""

from __future__ import annotations

import pandas as pd

from skaug.tables.columns import is_text

# The time zone at the end of a time of day.
_ZONE = r"[T ]\d[\d:.]*\s*(?:Z|[+-]\d\d(?::?\d\d)?)$"


def with_times(table: pd.DataFrame, name: str | None) -> pd.DataFrame:
    """Parse a column of times that is text: numbers, or dates and times in ISO 8601.

    Parameters
    ----------
    table : DataFrame
    name : str or None
        The column. If it is None, is not in the table or does not hold text, the table is returned as it is.

    Returns
    -------
    DataFrame

    Raises
    ------
    ValueError
        If a value is neither, or values of both kinds, or times with and without a time zone, are mixed. The
        error names the column and the row.
    """
    if name is None or name not in table or not is_text(table[name]):
        return table
    text = table[name].astype(object).map(str, na_action="ignore").str.strip()
    known = text.notna()
    numbers = pd.to_numeric(text, errors="coerce")
    has_zone = text.str.contains(_ZONE, na=False)
    times = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    is_number = numbers.notna()
    if is_number.sum() > known.sum() / 2:
        _require(is_number | ~known, text, "is not a number, as most are: correct it")
        return table.assign(**{name: numbers})
    _require(
        ~known | (times.notna() & ~is_number),
        text,
        "is not a date and time in ISO 8601, such as 2026-01-31T12:00:00.5: correct it",
    )
    if has_zone.any():
        _require(~known | has_zone, text, "has no time zone, while others have one: correct it")
    else:
        times = times.dt.tz_localize(None)
    return table.assign(**{name: times})


def _require(is_right: pd.Series, text: pd.Series, what: str) -> None:
    if not is_right.all():
        row = int((~is_right).to_numpy().argmax())
        raise ValueError(
            f"The time column {text.name!r} holds {text.iloc[row]!r} in row {row} (counted from 0), which "
            f"{what} in the table, or name another column in time."
        )
