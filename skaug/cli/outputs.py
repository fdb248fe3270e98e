"""Files that a command writes: tried before anything is computed, and safe to open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from skaug._files import require_writable, whole_file

if TYPE_CHECKING:
    import pandas as pd

# Beginnings of a cell that a spreadsheet reads as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_report(parser: Any) -> None:
    """Add the option for a page."""
    parser.add_argument(
        "--report",
        type=Path,
        nargs="?",
        const=Path("report.html"),
        metavar="HTML",
        help="also write a page with the verdict, plots and tables, and how they were made (default "
        "name: report.html)",
    )


def check_output(path: Path | None, *inputs: Path) -> None:
    """Raise if a file cannot be written or would replace one that is read.

    Raises
    ------
    OSError
        If nothing can be written at `path`.
    ValueError
        If `path` is one of `inputs`.
    """
    if path is None:
        return
    if any(path.resolve() == read.resolve() for read in inputs):
        raise ValueError(f"{str(path)!r} is the table itself: write to another file.")
    require_writable(path)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table in which no spreadsheet reads text as a formula: an apostrophe goes before it."""
    texts = table.select_dtypes(exclude=["number", "bool", "datetime"]).columns
    table = table.assign(**{name: [_safe(value) for value in table[name]] for name in texts})
    with whole_file(path) as file:
        table.to_csv(file, index=False)


def _safe(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
