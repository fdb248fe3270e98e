"""The user's table, read from a file."""

from __future__ import annotations

import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa

from skaug.cli.messages import one_line


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
        If the file is of another kind or damaged.
    """
    if path.is_dir():
        raise IsADirectoryError(
            f"{str(path)!r} is a folder: name one file, or cut a folder of files with skaug windows."
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
        table = read(path)
    except (ValueError, OSError, EOFError, zlib.error, pa.ArrowException) as error:
        raise ValueError(f"{str(path)!r} cannot be read as {name}: {one_line(error)}") from error
    if name == "a CSV file" and table.shape[1] == 1:
        raise ValueError(
            f"{str(path)!r} has a single column, {one_line(table.columns[0])!r}: write the table with "
            "commas between the columns."
        )
    return table
