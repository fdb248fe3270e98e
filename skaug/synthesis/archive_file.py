"""The file of an archive: a zip that holds a parquet file, read within bounds."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from skaug._warnings import warn
from skaug.synthesis.parquet_pages import Page, pages_of

ENTRY = "synthetic_data.parquet"
MAX_BYTES = 4 * 2**30
MAX_ROWS = 50_000_000
MAX_VALUES = 2**30  # in the columns that are read
# Bytes of these columns in memory: for a small file, or per byte of a larger one. Channels hold noise,
# which does not compress: archives of the agent stay far below.
MAX_MEMORY = 2**27
MAX_MEMORY_PER_BYTE = 25
_TEXT_BYTES, _DECIMAL_BYTES = 8, 128  # per value, the latter while it is text


@dataclass(frozen=True)
class ArchiveFile:
    """An archive, or a bare parquet file, in memory.

    Parameters
    ----------
    path : Path
        Where it was read from.
    content : bytes
        The parquet file.
    is_bare : bool
        Whether it did not come in a zip, which has a checksum.
    metadata : pyarrow.parquet.FileMetaData
        Its footer.
    schema : pyarrow.Schema
        Its columns.
    """

    path: Path
    content: bytes
    is_bare: bool
    metadata: pq.FileMetaData
    schema: pa.Schema

    @staticmethod
    def open(path: Path) -> ArchiveFile:
        """Read a file into memory, and the names and types of its columns.

        Parameters
        ----------
        path : Path
            A zip that holds ``synthetic_data.parquet``, stored, and nothing else; or a parquet file.

        Raises
        ------
        OSError
            If there is no such file.
        ValueError
            If it is neither.
        """
        if not path.is_file():
            raise FileNotFoundError(
                f"There is no file {str(path)!r}: check the path of the archive."
            )
        with path.open("rb") as file, _unreadable(path):
            is_bare = file.read(4) == b"PAR1"
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            if size > MAX_BYTES:
                raise ValueError(f"it has {size:,} bytes, more than {MAX_BYTES:,}")
            content = file.read() if is_bare else _read_entry(file, size)
            metadata = pq.read_metadata(pa.BufferReader(content))
            schema = pq.read_schema(pa.BufferReader(content))
            if len(set(schema.names)) < len(schema):
                raise ValueError("two of its columns have the same name")
            archive = ArchiveFile(path, content, is_bare, metadata, schema)
            if archive.n_rows > MAX_ROWS:
                raise ValueError(f"it claims to hold {archive.n_rows:,} rows")
            return archive

    @property
    def n_rows(self) -> int:
        """The number of rows that the file claims to hold."""
        groups = (self.metadata.row_group(i) for i in range(self.metadata.num_row_groups))
        return max(self.metadata.num_rows, sum(group.num_rows for group in groups))

    def read(self, columns: Sequence[str]) -> pd.DataFrame:
        """Read columns, after a check of their size: a file of a megabyte can hold 200 million rows.

        Parameters
        ----------
        columns : sequence of str
            Names of columns of the file.

        Returns
        -------
        DataFrame
            Text is categorical, decimal numbers are floats.

        Raises
        ------
        ValueError
            If they would take more memory than windows in a file of this size can, or hold neither
            numbers, times nor text.

        Warns
        -----
        DataWarning
            If damage to the file would not be noticed.
        """
        with _unreadable(self.path):
            kinds = {name: self.schema.field(name).type for name in columns}
            self._check_rows(kinds)
            pages = list(self._pages(kinds))
            self._check_pages(pages)
            # Text is read as categories: a long one may be in every row.
            texts = [name for name, kind in kinds.items() if _is_text(kind)]
            file = pq.ParquetFile(
                pa.BufferReader(self.content),
                read_dictionary=texts,
                page_checksum_verification=True,
            )
            table = file.read(list(columns), use_threads=False)
            for name, kind in kinds.items():
                if pa.types.is_decimal(kind):  # by way of text: correctly rounded
                    numbers = table[name].cast(pa.string()).cast(pa.float64())
                    table = table.set_column(table.column_names.index(name), name, numbers)
            # The metadata of pandas could hide a column as an index.
            frame = table.to_pandas(ignore_metadata=True)
        if self.is_bare and not all(page.has_checksum for page in pages):
            warn(
                f"Damage to {str(self.path)!r} would not be noticed, because the parquet file has no "
                "checksums: use the zip of the agent, or write it with write_page_checksum=True."
            )
        return frame

    def _check_rows(self, kinds: dict[str, pa.DataType]) -> None:
        rows = f"{self.n_rows:,} rows of {len(kinds)} columns"
        if self.n_rows * len(kinds) > MAX_VALUES:
            raise ValueError(f"it claims to hold {rows}")
        n_bytes = sum(_bytes_per_value(name, kind) for name, kind in kinds.items())
        self._check_memory(self.n_rows * n_bytes, rows)

    def _pages(self, kinds: dict[str, pa.DataType]) -> Iterator[Page]:
        for i in range(self.metadata.num_row_groups):
            group = self.metadata.row_group(i)
            for j in range(group.num_columns if group.num_rows else 0):
                column = group.column(j)
                if column.path_in_schema in kinds:
                    if column.file_path:
                        raise ValueError(f"its column {column.path_in_schema!r} is in another file")
                    yield from pages_of(self.content, column)

    def _check_pages(self, pages: Sequence[Page]) -> None:
        self._check_memory(sum(page.size for page in pages), f"{len(pages):,} pages")
        if any(page.shares_prefixes for page in pages):
            raise ValueError("it holds text in an encoding without bounds (DELTA_BYTE_ARRAY)")

    def _check_memory(self, n_bytes: int, what: str) -> None:
        most = max(MAX_MEMORY, MAX_MEMORY_PER_BYTE * len(self.content))
        if n_bytes > most:
            raise ValueError(
                f"its {what} would take {n_bytes:,} bytes of memory, more than windows in a file of this "
                f"size can ({most:,})"
            )


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


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _bytes_per_value(name: str, kind: pa.DataType) -> int:
    if _is_text(kind):
        return _TEXT_BYTES
    if pa.types.is_decimal(kind):
        return _DECIMAL_BYTES
    if pa.types.is_primitive(kind) or pa.types.is_null(kind):
        return 8
    raise ValueError(f"its column {name!r} holds {kind}")
