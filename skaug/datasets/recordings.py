"""One table of the recordings of a data set, with copies of it beside the data."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm.auto import tqdm

from skaug._errors import prefix_errors
from skaug._files import whole_file
from skaug.datasets.data_files import DataFile, DataSet


def load_recordings(
    data_set: DataSet,
    path: str | os.PathLike[str],
    subjects: str | Iterable[str] | None,
    tabulate: Callable[[DataFile], pd.DataFrame],
    copies: str,
    keys: Sequence[str] = (),
) -> pd.DataFrame:
    """Load the recordings of some subjects, from their copies where there are any.

    Parameters
    ----------
    data_set : DataSet
        The names of the files.
    path : str or path-like
        A folder or a zip.
    subjects : str, iterable of str or None
        The subjects to load; None for all.
    tabulate : callable
        Returns the table of a file.
    copies : str
        The name of the folder of the copies. It must differ whenever the same file gives another table.
    keys : sequence of str, default=()
        The parts of files that become categorical columns, see :func:`join`.

    Returns
    -------
    pandas.DataFrame

    Warns
    -----
    UserWarning
        If a copy cannot be written.
    """
    path = Path(path)
    folder = path / copies if path.is_dir() else path.with_name(f"{path.stem}-{copies}")
    tables, failure = [], None
    with ExitStack() as stack:
        files = data_set.choose(data_set.find(path, stack), subjects, path)
        for file in tqdm(files, desc=data_set.name, unit="file", disable=None):
            copy = folder / f"{'-'.join(file.parts.values())}.parquet"
            table = _read_copy(copy, file.stamp)
            if table is None:
                with prefix_errors(repr(file.name)):
                    table = tabulate(file)
                failure = failure or _write_copy(table, copy, file.stamp)
            tables.append(table)
    if failure is not None:
        warnings.warn(
            f"No copy of the table could be kept in {str(folder)!r} ({failure}), so the next call will take "
            "as long as this one. Make the folder writable, or store the table yourself.",
            stacklevel=3,
        )
    return join(tables, files, keys)


def join(
    tables: list[pd.DataFrame], files: list[DataFile], keys: Sequence[str] = ()
) -> pd.DataFrame:
    """Concatenate the tables of files, with the parts of the files as categorical columns.

    Parameters
    ----------
    tables : list of DataFrame
        One table per file. The list is emptied, so that no table is held twice.
    files : list of DataFile
        The files, in the same order.
    keys : sequence of str, default=()
        The parts of the files that become columns.

    Returns
    -------
    pandas.DataFrame
    """
    lengths = [len(table) for table in tables]
    joined = pd.concat(tables, ignore_index=True)
    tables.clear()
    for key in keys:
        values = [file.parts[key] for file in files]
        categories = list(dict.fromkeys(values))
        codes = np.array([categories.index(value) for value in values], dtype=np.int8)
        joined[key] = pd.Categorical.from_codes(np.repeat(codes, lengths), categories)
    return joined


def _read_copy(copy: Path, stamp: bytes) -> pd.DataFrame | None:
    try:
        with pq.ParquetFile(copy) as parquet:
            if (parquet.schema_arrow.metadata or {}).get(b"skaug") == stamp:
                return parquet.read().to_pandas()
    except (OSError, pa.ArrowException):  # not there yet, or damaged
        pass
    return None


def _write_copy(table: pd.DataFrame, copy: Path, stamp: bytes) -> OSError | None:
    stored = pa.Table.from_pandas(table, preserve_index=False)
    try:
        copy.parent.mkdir(exist_ok=True)
        with whole_file(copy) as file:
            pq.write_table(stored.replace_schema_metadata({b"skaug": stamp}), file)
    except OSError as error:
        return error
    return None
