"""The user's table: options that say how it is cut, and reading it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from skaug import SubjectWindower
from skaug.windower import MISSING


def add_table(parser: Any, target: str, *, needs_target: bool) -> Any:
    """Add what says how a table is cut; give the group of options about windows."""
    table = parser.add_argument_group("the table")
    table.add_argument(
        "--feature",
        action="append",
        metavar="COLUMN",
        help="a channel; repeat for more (default: every numeric column that has no other role)",
    )
    table.add_argument("--target", required=needs_target, metavar="COLUMN", help=target)
    table.add_argument(
        "--subject",
        default="subject",
        metavar="COLUMN",
        help="whose each row is (default: subject)",
    )
    table.add_argument(
        "--boundary",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column whose change ends a recording; repeat for more",
    )
    table.add_argument("--time", metavar="COLUMN", help="the time of each row")
    table.add_argument("--max-gap", metavar="GAP", help="longest step in time within a window")
    cutting = parser.add_argument_group("the windows")
    cutting.add_argument(
        "--window-size", type=int, default=512, metavar="ROWS", help="default: 512"
    )
    cutting.add_argument("--stride", type=int, metavar="ROWS", help="default: the window size")
    cutting.add_argument("--missing", choices=MISSING, default="raise", help="default: raise")
    return cutting


def windower_of(options: argparse.Namespace, **parameters: Any) -> SubjectWindower:
    """Give the windower that the options of `add_table` ask for."""
    return SubjectWindower(
        options.window_size,
        options.stride,
        features=options.feature,
        target=options.target,
        subject=options.subject,
        boundaries=options.boundary,
        time=options.time,
        max_gap=_gap(options.max_gap),
        missing=options.missing,
        **parameters,
    )


def _gap(text: str | None) -> float | str | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text  # "2s": of a column of dates and times


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of recordings.

    Parameters
    ----------
    path : Path
        A file that ends in .parquet, .csv or .csv.gz.

    Returns
    -------
    DataFrame

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is of another kind, or cannot be read as what its name says.
    """
    if path.is_dir():
        raise IsADirectoryError(
            f"{str(path)!r} is a folder: name one file, or cut a folder of them with skaug windows."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}: check the path.")
    kind = "".join(path.suffixes[-2:]).lower()
    if kind.endswith((".parquet", ".pq")):
        read, name = pd.read_parquet, "a parquet file"
    elif kind.endswith((".csv", ".csv.gz")):
        read, name = pd.read_csv, "a CSV file"
    else:
        raise ValueError(f"{str(path)!r} must end in .parquet, .csv or .csv.gz.")
    try:
        return read(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as {name}: {one_line(error)}") from error


def check_can_write(path: Path | None, *read: Path) -> None:
    """Raise, before anything is computed, where a file cannot be written or replaces one that is read."""
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder for {str(path)!r}, or it is one: name a file.")
    if any(path.absolute() == other.absolute() for other in read):
        raise ValueError(f"{str(path)!r} is the table itself: write to another file.")


def one_line(error: BaseException) -> str:
    """Tell an error in one line."""
    return " ".join(str(error).split()) or type(error).__name__
