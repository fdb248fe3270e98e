"""The user's table, read from a file."""

from __future__ import annotations

import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skaug.cli.messages import one_line

# What may stand between columns, as it is typed.
_LIKELY = {";": "';'", "\t": "tab", "|": "'|'", ",": "','", " ": "' '"}

_PARQUET = (".parquet", ".pq")
_TEXT = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")


def read_table(path: Path, separator: str | None = None, decimal: str = ".") -> pd.DataFrame:
    """Read a table of recordings.

    Parameters
    ----------
    path : Path
        A file that ends in .parquet or .pq, or in .csv, .tsv or .txt, which may be followed by .gz.
    separator : str, optional
        The character between the columns of a text file. By default a comma, or a tab in .tsv files.
    decimal : {".", ","}, default="."
        The character before the decimals of numbers in a text file.

    Returns
    -------
    DataFrame

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is of another kind or damaged, has a single column or no rows, or is a text file in which
        rows have more values than there are columns.
    """
    if path.is_dir():
        raise IsADirectoryError(
            f"{str(path)!r} is a folder: name one file, or cut a folder of files with skaug windows."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}: check the path.")
    name = path.name.lower()
    if name.endswith(_PARQUET):
        if separator is not None or decimal != ".":
            raise ValueError(
                f"--separator and --decimal are for text files, but {str(path)!r} is a parquet file: leave "
                "them out."
            )
        table = _read_parquet(path)
    elif name.endswith(_TEXT):
        table = _read_text(path, separator or _default_separator(path), decimal)
    else:
        raise ValueError(
            f"{str(path)!r} must end in .parquet, or in .csv, .tsv or .txt, which .gz may follow: save the "
            "table as one of these."
        )
    if len(table) == 0:
        raise ValueError(f"{str(path)!r} has no rows: name a file with recordings.")
    return table


def column_names(path: Path, separator: str | None = None) -> list[str]:
    """Return the names of the columns, without reading the rows."""
    if path.name.lower().endswith(_PARQUET):
        return pq.read_schema(path).names
    return list(pd.read_csv(path, sep=separator or _default_separator(path), nrows=0))


def _default_separator(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    return "\t" if ".tsv" in suffixes else ","


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError, pa.ArrowException) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a parquet file: {one_line(error)}"
        ) from error


def _read_text(path: Path, separator: str, decimal: str) -> pd.DataFrame:
    try:
        names = pd.read_csv(path, sep=separator, nrows=0).columns
        _require_several(path, names)
        # In parts, pandas could give a column several types.
        table = pd.read_csv(path, sep=separator, decimal=decimal, low_memory=False)
    except _SingleColumnError:
        raise
    except pd.errors.EmptyDataError as error:
        raise ValueError(f"{str(path)!r} is empty: name a file with recordings.") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a CSV file: it is not in UTF-8 ({one_line(error)}). Save it "
            "in this encoding."
        ) from error
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{str(path)!r} cannot be read as a CSV file: {one_line(error)}. Check the file and --separator."
        ) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas took the first columns for an index
        raise ValueError(
            f"{str(path)!r} has more values per row than names of columns: remove what stands after the last "
            "value, or, if numbers have a decimal comma, put another character between the columns and name "
            "it with --separator."
        )
    return table


class _SingleColumnError(ValueError):
    pass


def _require_several(path: Path, names: pd.Index) -> None:
    if len(names) > 1:
        return
    (only,) = names
    likely = max(_LIKELY, key=only.count)
    remedy = (
        f"pass --separator {_LIKELY[likely]}."
        if likely in only
        else "name the character between the columns with --separator, such as ';' or tab."
    )
    raise _SingleColumnError(f"{str(path)!r} has a single column, {one_line(only)!r}: {remedy}")
