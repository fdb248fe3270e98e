"""The file of an archive: a zip that holds a parquet file, read within bounds."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

ENTRY = "synthetic_data.parquet"
MAX_BYTES = 4 * 2**30
MAX_ROWS = 50_000_000
MAX_VALUES = 2**30  # in all columns


def read_archive(path: Path) -> pd.DataFrame:
    """Read the table of an archive, or of a bare parquet file.

    Parameters
    ----------
    path : Path
        A zip that holds ``synthetic_data.parquet``, stored, and nothing else; or a parquet file.

    Returns
    -------
    DataFrame
        Text is categorical, decimal numbers are floats.

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is neither, or claims to be larger than such a file can be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}: check the path of the archive.")
    with path.open("rb") as file, _unreadable(path):
        is_bare = file.read(4) == b"PAR1"
        size = os.fstat(file.fileno()).st_size
        file.seek(0)
        if size > MAX_BYTES:
            raise ValueError(f"it has {size:,} bytes, more than {MAX_BYTES:,}")
        return _read_parquet(file.read() if is_bare else _read_entry(file, size))


@contextmanager
def _unreadable(path: Path) -> Iterator[None]:
    """Turn the errors of parsers into one that names the file."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # parsers of malformed files raise errors of any type
        raise ValueError(
            f"{str(path)!r} cannot be read as an archive of the agent (a zip that holds {ENTRY!r} and "
            f"nothing else, or a parquet file): {str(error).rstrip('.') or type(error).__name__}."
        ) from error


def _read_entry(file: IO[bytes], size: int) -> bytes:
    """Return the bytes of the only entry, after a check of the directory; nothing is written to disk."""
    with zipfile.ZipFile(file) as archive:
        names = [entry.filename for entry in archive.infolist()]
        if names != [ENTRY]:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            raise ValueError(f"it holds {', '.join(names[:5]) or 'nothing'}{more}")
        (entry,) = archive.infolist()
        if entry.flag_bits & 1:
            raise ValueError("it is encrypted")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise ValueError("its entry is compressed, which the agent does not do")
        if entry.file_size > size:
            raise ValueError(f"its entry claims {entry.file_size:,} bytes, more than the file has")
        with archive.open(entry) as stored:
            content = stored.read()  # checks the checksum
        if len(content) != entry.file_size:
            raise ValueError(f"its entry has {len(content):,} bytes, not {entry.file_size:,}")
        return content


def _read_parquet(content: bytes) -> pd.DataFrame:
    """Read a table, after a check of its size: a file of a megabyte can hold 200 million rows."""
    source = pa.BufferReader(content)
    schema, metadata = pq.read_schema(source), pq.read_metadata(source)
    groups = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    n_rows = max(metadata.num_rows, sum(groups))
    if n_rows > MAX_ROWS or n_rows * len(schema) > MAX_VALUES:
        raise ValueError(f"it claims to hold {n_rows:,} rows of {len(schema)} columns")
    texts, decimals = [], []
    for field in schema:
        kind = field.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts.append(field.name)  # read as categories: a long text may be in every row
        elif pa.types.is_decimal(kind):
            decimals.append(field.name)
        elif not (pa.types.is_primitive(kind) or pa.types.is_null(kind)):
            raise ValueError(f"its column {field.name!r} holds {kind}")
    if len(set(schema.names)) < len(schema):
        raise ValueError("two of its columns have the same name")
    table = pq.ParquetFile(source, read_dictionary=texts).read()
    for name in decimals:
        numbers = (
            table[name].cast(pa.string()).cast(pa.float64())
        )  # by way of text: correctly rounded
        table = table.set_column(table.column_names.index(name), name, numbers)
    return table.to_pandas(ignore_metadata=True)  # the metadata could hide a column as an index
