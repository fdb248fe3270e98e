"""The pages of a parquet file, by their headers: how large they are when read, and what they have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow.parquet as pq

# Numbers of the Parquet format (parquet.thrift): fields of a page header, and an encoding.
_UNCOMPRESSED_SIZE, _COMPRESSED_SIZE, _CHECKSUM = 2, 3, 4
_DATA_PAGE, _DATA_PAGE_V2 = (5, 2), (8, 4)  # the field of the header of data, and of its encoding
_DELTA_BYTE_ARRAY = 7


@dataclass(frozen=True)
class Page:
    """What the header of a page says.

    Parameters
    ----------
    size : int
        Bytes of its values, decompressed.
    has_checksum : bool
        Whether it has a checksum.
    shares_prefixes : bool
        Whether texts are encoded by what they share with the text before: a few bytes may become many.
    """

    size: int
    has_checksum: bool
    shares_prefixes: bool


def pages_of(content: bytes, column: pq.ColumnChunkMetaData) -> Iterator[Page]:
    """Walk over the pages of a column in a row group.

    The footer repeats some of this, but readers go by the headers of the pages.

    Parameters
    ----------
    content : bytes
        The file.
    column : ColumnChunkMetaData
        Where the column is.

    Yields
    ------
    Page

    Raises
    ------
    ValueError, IndexError
        If a header cannot be read.
    """
    at = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < at:
        at = column.dictionary_page_offset
    end = at + column.total_compressed_size
    if not 0 <= at <= end <= len(content):
        raise ValueError(f"its column {column.path_in_schema!r} lies outside of the file")
    while at < end:
        header, at = _read_struct(content, at)
        size, compressed = header[_UNCOMPRESSED_SIZE], header[_COMPRESSED_SIZE]
        if size < 0 or compressed < 0:
            raise ValueError(f"a page of its column {column.path_in_schema!r} has a negative size")
        at += compressed
        encodings = [
            header[of_data].get(encoding)
            for of_data, encoding in (_DATA_PAGE, _DATA_PAGE_V2)
            if of_data in header
        ]
        yield Page(size, _CHECKSUM in header, _DELTA_BYTE_ARRAY in encodings)


# Thrift's compact protocol: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _STRUCT = 1, 2, 3, 7, 8, 12
_INTEGERS = (4, 5, 6)


def _read_struct(content: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """Read the fields of a struct, by their numbers, and return where it ends."""
    fields: dict[int, Any] = {}
    number = 0
    while True:
        step, kind = divmod(content[at], 16)
        at += 1
        if kind == 0:
            return fields, at
        if step:
            number += step
        else:
            number, at = _read_integer(content, at)
        if kind in (_TRUE, _FALSE):
            fields[number] = kind == _TRUE
        elif kind in _INTEGERS:
            fields[number], at = _read_integer(content, at)
        elif kind == _BINARY:
            length, at = _read_varint(content, at)
            at += length
        elif kind in (_BYTE, _DOUBLE):
            at += 1 if kind == _BYTE else 8
        elif kind == _STRUCT and depth < 4:
            fields[number], at = _read_struct(content, at, depth + 1)
        else:
            raise ValueError("the header of a page is malformed")


def _read_integer(content: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(content, at)
    return value >> 1 ^ -(value & 1), at


def _read_varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("the header of a page is malformed")
