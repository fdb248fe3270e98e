"""A shard of windows on disk: what it holds, how it is cut from a file of recordings, and read back."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from dask.dataframe.utils import meta_nonempty
from numpy.typing import NDArray

from skaug._errors import prefix_errors
from skaug._files import whole_file
from skaug._versions import versions
from skaug.cutting import Cutting
from skaug.out_of_core.manifest import FORMAT
from skaug.out_of_core.parts import one_window
from skaug.tables.columns import encode, is_text
from skaug.tables.table import Table
from skaug.tables.times import with_times
from skaug.windows.container import Windows

#: Samples per channel in a row group: what a reader has to hold at a time.
ROWS_AT_ONCE = 1 << 18

_OWN_COLUMNS = ("subject", "first_row", "recording", "y")
_KEY = b"skaug"
_CHECKSUM = b"skaug_sha256"


@dataclass(frozen=True)
class Source:
    """A file of recordings.

    Parameters
    ----------
    fragment : pyarrow.dataset.Fragment
        Its reader.
    path : str
        Its path within the folder of the table.
    size, modified : int
        Its size in bytes, and the time of its last change in nanoseconds.
    """

    fragment: ds.Fragment
    path: str
    size: int
    modified: int

    def state(self) -> dict[str, Any]:
        """Return what a shard records of the file, to notice that the file has changed since."""
        return {"path": self.path, "size": self.size, "modified_ns": self.modified}


@dataclass(frozen=True)
class Recipe:
    """How shards are cut: everything a worker needs.

    Parameters
    ----------
    cutting : Cutting
        How the files are cut.
    parameters : dict
        What identifies shards: the parameters of the cutting, and the table.
    table, shard : pyarrow.Schema
        Columns of the table, and of shards.
    """

    cutting: Cutting
    parameters: dict[str, Any]
    table: pa.Schema
    shard: pa.Schema


def parameters_of(cutting: Cutting) -> dict[str, Any]:
    """Return the parameters that windows depend on, as they are read back from JSON."""
    parameters = {field.name: getattr(cutting, field.name) for field in fields(cutting)}
    del parameters["names"]  # further columns change nothing
    return json.loads(json.dumps(parameters | {"dtype": cutting.dtype.name}, default=str))


def made_up_row(dataset: ds.Dataset, time: Any) -> pd.DataFrame:
    """Make up one row of a table from its schema; a time that is text is its first, parsed."""
    columns, schema = [], dataset.schema
    for field in schema:
        if pa.types.is_decimal(field.type):  # as they are cut
            field = field.with_type(pa.float64())
        elif pa.types.is_dictionary(field.type):
            field = field.with_type(field.type.value_type)
        columns.append(field)
    row = meta_nonempty(pa.schema(columns, schema.metadata).empty_table().to_pandas()).head(1)
    if time in row and is_text(row[time]):
        first = dataset.filter(ds.field(time).is_valid()).head(1, columns=[time])
        row = with_times(row.assign(**{time: first.column(time).to_pylist() or None}), time)
    return row


def shard_schema(cutting: Cutting, row: pd.DataFrame, table: pa.Schema) -> pa.Schema:
    """Return the columns of shards, the same for all."""
    taken = [name for name in cutting.features if name in _OWN_COLUMNS]
    if taken:
        raise ValueError(
            f"Shards have a column {taken[0]!r} of their own: rename the channel of that name."
        )
    columns = [pa.field("first_row", pa.int64()), pa.field("recording", pa.int64())]
    if cutting.subject is not None:
        kind = table.field(cutting.subject).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        columns.insert(0, pa.field("subject", kind))
    y = one_window(cutting, row).y
    if y is not None:
        # Where labels may be missing, whole numbers become floats.
        may_miss = cutting.missing == "keep" and y.dtype.kind in "iub"
        kind = pa.float64() if may_miss else pa.array(y.ravel()).type
        columns.append(pa.field("y", kind if y.ndim == 1 else pa.list_(kind, y.shape[1])))
    samples = pa.list_(pa.from_numpy_dtype(cutting.dtype), cutting.window_size)
    return pa.schema(columns + [pa.field(name, samples) for name in cutting.features])


def subjects_in(source: Source, shard: Path, recipe: Recipe) -> list[Any]:
    """Return the subjects in a file; only their column is read."""
    name = recipe.cutting.subject
    if name is None:
        return []
    with prefix_errors(repr(source.path)):
        rows = source.fragment.to_table(recipe.table, columns=[name])
    return [_plain(subject) for subject in encode(Table(rows).column(name))[1]] if len(rows) else []


def write_shard(source: Source, shard: Path, recipe: Recipe) -> dict[str, Any]:
    """Cut a file into a shard.

    Parameters
    ----------
    source : Source
        The file.
    shard : Path
        The file to write.
    recipe : Recipe
        How it is cut.

    Returns
    -------
    dict
        The metadata of the shard: ``format``, ``parameters``, ``versions``, ``source``, ``rows``,
        ``windows`` and ``subjects`` (for each: subject, rows, windows); and ``sha256`` of the file.

    Raises
    ------
    ValueError
        If the file cannot be cut; the error names it.
    OSError
        If it cannot be read, or the shard cannot be written. No incomplete file is left.
    """
    with prefix_errors(repr(source.path)):
        columns = sorted(recipe.cutting.columns())
        rows = source.fragment.to_table(recipe.table, columns=columns)
        rows = _with_times(rows, recipe.cutting.time)
        windows, held = _cut(rows, recipe.cutting)
    metadata = {
        "format": FORMAT,
        "parameters": recipe.parameters,
        "versions": versions() | {"pyarrow": pa.__version__, "dask": dask.__version__},
        "source": source.state(),
        "rows": len(rows),
        "windows": 0 if windows is None else len(windows),
        "subjects": held,
    }
    text = json.dumps(metadata).encode()
    schema = recipe.shard.with_metadata({_KEY: text, _CHECKSUM: hashlib.sha256(text).hexdigest()})
    options = {"compression": "zstd", "use_dictionary": ["subject"], "write_page_checksum": True}
    with whole_file(shard) as place, pq.ParquetWriter(place, schema, **options) as file:
        if windows is not None:
            for _, block in windows.blocks(ROWS_AT_ONCE):
                file.write_batch(_batch(block, schema))
    return metadata | {"sha256": _sha256(shard)}


def read_metadata(path: Path) -> dict[str, Any] | None:
    """Return the metadata of a shard; None if it is damaged.

    Raises
    ------
    ValueError
        If the file is something else.
    OSError
        If it cannot be read.
    """
    try:
        with _damage_named(path):
            schema = pq.read_schema(path)
            known = schema.metadata or {}
            if _KEY in known:
                return _metadata(schema)
    except DamagedShardError:
        return None
    raise ValueError(f"{str(path)!r} is not a shard of windows: choose another folder.")


def sha256_if_whole(source: Source, shard: Path, recipe: Recipe) -> str | None:
    """Return the SHA-256 of a shard that holds what its metadata says; None if it is damaged.

    All of it is read.
    """
    try:
        with _damage_named(shard), _open(shard) as file:
            schema, metadata = file.schema_arrow, _metadata(file.schema_arrow)
            n_windows = max(1, ROWS_AT_ONCE // recipe.cutting.window_size)
            n_read = sum(len(batch) for batch in file.iter_batches(n_windows))
    except DamagedShardError:
        return None
    is_whole = schema.equals(recipe.shard) and n_read == metadata["windows"]
    return _sha256(shard) if is_whole else None


def read_batches(path: Path, n_windows: int, manifest: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """Read the rows of a shard, and verify its checksums.

    Parameters
    ----------
    path : Path
        The shard.
    n_windows : int
        How many rows to yield at a time, at most.
    manifest : dict
        The manifest, which must describe the shard.

    Yields
    ------
    RecordBatch

    Raises
    ------
    ValueError
        If the shard is damaged, or is not the one in the manifest.
    OSError
        If it cannot be read.
    """
    expected, sha256 = _entry(manifest, path.name)
    with contextlib.ExitStack() as stack:
        with _damage_named(path):
            file = stack.enter_context(_open(path))
            metadata = _metadata(file.schema_arrow)
            found = {name: metadata[name] for name in expected}
        if found != expected or file.metadata.num_rows != expected["windows"]:
            raise ValueError(
                f"{str(path)!r} is not the shard in the manifest, which was made from "
                f"{expected['source']['path']!r}: run skaug windows again, which makes a new one."
            )
        with _damage_named(path):
            # The checksums of pages do not cover the headers of pages and the footer.
            if _sha256(path) != sha256:
                raise ValueError("the file does not have its checksum")
            batches = file.iter_batches(n_windows)
        while True:
            with _damage_named(path):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch


def windows_of(batch: pa.RecordBatch, parameters: dict[str, Any]) -> Windows:
    """Return the windows that are stored in rows of a shard."""
    names, size = parameters["features"], parameters["window_size"]
    values = np.stack(
        [batch.column(name).flatten().to_numpy().reshape(-1, size) for name in names], axis=-1
    )
    known = {
        name: _values(batch.column(name)) if name in batch.schema.names else None
        for name in _OWN_COLUMNS
    }
    windows = Windows.from_arrays(
        values, known["y"], known["subject"], feature_names=names, channels_first=False
    )
    target = parameters["target"]
    provenance = replace(
        windows.provenance,
        first_row=batch.column("first_row").to_numpy(),
        recording=batch.column("recording").to_numpy(),
        subject=parameters["subject"],
        target=tuple(target) if isinstance(target, list) else target,
        target_agg=parameters["target_agg"],
    )
    return windows._with(provenance=provenance)


def _values(column: pa.Array) -> NDArray:
    """Return a column as an array, 2-D where each window has several values."""
    if not pa.types.is_fixed_size_list(column.type):
        return column.to_numpy(zero_copy_only=False)
    values = column.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(column), column.type.list_size)


def _with_times(rows: pa.Table, name: str | None) -> pa.Table:
    """Parse a column of times that is text."""
    if name is None or not is_text(times := rows.column(name).to_pandas()):
        return rows
    parsed = with_times(times.to_frame(name), name)[name]
    return rows.set_column(rows.column_names.index(name), name, pa.array(parsed))


def _cut(rows: pa.Table, cutting: Cutting) -> tuple[Windows | None, list[dict[str, Any]]]:
    """Return the windows of a file, None if there are none, and what it holds of each subject."""
    if len(rows) == 0:
        return None, []
    table = cutting.read(rows)
    counts = cutting.count(table)
    windows = cutting.cut(table) if counts["n_windows"].any() else None
    held = [
        {"subject": _plain(subject), "rows": int(n_rows), "windows": int(n_windows)}
        for subject, n_rows, n_windows in zip(
            counts["subject"], counts["n_rows"], counts["n_windows"], strict=True
        )
    ]
    return windows, held


def _plain(subject: Any) -> Any:
    """Return a subject as a value that JSON can hold."""
    subject = subject.item() if isinstance(subject, np.generic) else subject
    return subject if isinstance(subject, str | int | float | None) else str(subject)


class DamagedShardError(ValueError):
    """A shard was changed after it had been written."""


@contextlib.contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn the errors of a reader that meets damage into one that names the shard."""
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There is no {str(path)!r}, which is in the manifest: run skaug windows again, which makes "
            "a new one."
        ) from None
    except (pa.ArrowException, ValueError, KeyError, TypeError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the bytes
        raise DamagedShardError(
            f"The shard {str(path)!r} is damaged: run skaug windows again, which makes a new one."
        ) from error


def _open(path: Path) -> pq.ParquetFile:
    return pq.ParquetFile(path, page_checksum_verification=True)


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    text, checksum = schema.metadata[_KEY], schema.metadata[_CHECKSUM]
    if checksum.decode() != hashlib.sha256(text).hexdigest():
        raise ValueError("the metadata of the shard does not have its checksum")
    return json.loads(text)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _entry(manifest: dict[str, Any], name: str) -> tuple[dict[str, Any], str]:
    """Return the metadata that a manifest records of a shard, and its checksum."""
    (shard,) = [shard for shard in manifest["shards"] if shard["file"] == name]
    subjects = [
        {key: held[key] for key in ("subject", "rows", "windows")}
        for held in manifest["subjects"]
        if held["file"] == name
    ]
    recorded = {key: shard[key] for key in ("source", "rows", "windows")}
    recorded |= {"parameters": manifest["parameters"], "subjects": subjects}
    return recorded, shard["sha256"]


def _batch(windows: Windows, schema: pa.Schema) -> pa.RecordBatch:
    values = windows.to_numpy()
    columns = {
        "subject": windows.groups,
        "first_row": windows.provenance.first_row,
        "recording": windows.provenance.recording,
        "y": windows.y if windows.y is None or windows.y.ndim == 1 else list(windows.y),
    }
    for j, name in enumerate(windows.feature_names):
        samples = pa.array(np.ascontiguousarray(values[:, :, j]).ravel())
        columns[name] = pa.FixedSizeListArray.from_arrays(samples, windows.window_size)
    arrays = [
        pa.array(columns[field.name], field.type)
        if field.name in _OWN_COLUMNS
        else columns[field.name]
        for field in schema
    ]
    return pa.record_batch(arrays, schema=schema)
