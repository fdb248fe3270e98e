"""A shard of windows on disk: what is in it, how it is made of a file of recordings, and read again."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from dask.dataframe.utils import meta_nonempty

from skaug._errors import prefix_errors
from skaug._files import whole_file
from skaug._versions import versions
from skaug.out_of_core.partitions import cut_columns, made_up_window
from skaug.tables.columns import encode, runs
from skaug.tables.table import Table
from skaug.windower import NoWindowsError, SubjectWindower
from skaug.windows.container import Windows

FORMAT = 1

#: Samples of a channel in a row group: what a reader has to hold at a time.
ROWS_AT_ONCE = 1 << 18

_LABELS = ("subject", "first_row", "y")
_KEY = b"skaug"


@dataclass(frozen=True)
class Source:
    """A file of recordings.

    Parameters
    ----------
    fragment : pyarrow.dataset.Fragment
        What reads it.
    path : str
        Where it is, in the folder of the table.
    size, modified : int
        Bytes, and when it was last written, in nanoseconds.
    """

    fragment: ds.Fragment
    path: str
    size: int
    modified: int

    def told(self) -> dict[str, Any]:
        """Give what tells that a shard was made of it as it is now."""
        return {"path": self.path, "size": self.size, "modified_ns": self.modified}


@dataclass(frozen=True)
class Recipe:
    """How shards are cut: what every worker has to know.

    Parameters
    ----------
    windower : SubjectWindower
        Fitted.
    parameters : dict
        What shards are told apart by: the parameters of the windower, and the table.
    table, shard : pyarrow.Schema
        Columns of the table, and of shards.
    """

    windower: SubjectWindower
    parameters: dict[str, Any]
    table: pa.Schema
    shard: pa.Schema


def parameters_of(windower: SubjectWindower) -> dict[str, Any]:
    """Give what a fitted windower cuts by, as JSON knows it."""
    parameters = windower.get_params() | {
        "window_size": int(windower.window_size),
        "stride": int(windower.stride or windower.window_size),
        "features": list(windower.features_),
        "boundaries": list(windower._boundaries),
        "dtype": np.dtype(windower.dtype).name,
    }
    return json.loads(json.dumps(parameters, default=str))  # as it is read back


def made_up_row(schema: pa.Schema) -> pd.DataFrame:
    """Make up one row of a table, of which only the columns are known."""
    fields = []
    for field in schema:
        if pa.types.is_decimal(field.type):  # as they are cut
            field = field.with_type(pa.float64())
        elif pa.types.is_dictionary(field.type):
            field = field.with_type(field.type.value_type)
        fields.append(field)
    return meta_nonempty(pa.schema(fields, schema.metadata).empty_table().to_pandas()).head(1)


def shard_schema(windower: SubjectWindower, row: pd.DataFrame, table: pa.Schema) -> pa.Schema:
    """Give the columns of shards, the same of all."""
    taken = [name for name in windower.features_ if name in _LABELS]
    if taken:
        raise ValueError(
            f"Shards have a column {taken[0]!r} of their own: rename the channel of that name."
        )
    fields = [pa.field("first_row", pa.int64())]
    if windower._subject is not None:
        kind = table.field(windower._subject).type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        fields.insert(0, pa.field("subject", kind))
    y = made_up_window(windower, row).y
    if y is not None:
        # Where labels may be missing, whole numbers become floats.
        may_miss = windower.missing == "keep" and y.dtype.kind in "iub"
        fields.append(pa.field("y", pa.float64() if may_miss else pa.array(y).type))
    samples = pa.list_(pa.from_numpy_dtype(windower.dtype), int(windower.window_size))
    return pa.schema(fields + [pa.field(name, samples) for name in windower.features_])


def subjects_in(source: Source, shard: Path, recipe: Recipe) -> list[Any]:
    """Give the subjects in a file, of which only their column is read."""
    name = recipe.windower._subject
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
        Where the shard goes.
    recipe : Recipe
        How it is cut.

    Returns
    -------
    dict
        What the shard says of itself: ``format``, ``parameters``, ``versions``, ``source``, ``rows``,
        ``windows`` and ``subjects`` (of each: subject, rows, windows).

    Raises
    ------
    ValueError
        If the file cannot be cut; it is named.
    OSError
        If it cannot be read, or the shard cannot be written. Nothing half-written is left.
    """
    windower = recipe.windower
    with prefix_errors(repr(source.path)):
        rows = source.fragment.to_table(recipe.table, columns=sorted(cut_columns(windower)))
        windows, held = _cut(rows, windower)
    told = {
        "format": FORMAT,
        "parameters": recipe.parameters,
        "versions": versions() | {"pyarrow": pa.__version__, "dask": dask.__version__},
        "source": source.told(),
        "rows": len(rows),
        "windows": 0 if windows is None else len(windows),
        "subjects": held,
    }
    schema = recipe.shard.with_metadata({_KEY: json.dumps(told)})
    with (
        whole_file(shard) as place,
        pq.ParquetWriter(place, schema, compression="zstd", use_dictionary=["subject"]) as file,
    ):
        if windows is not None:
            for _, block in windows.blocks(ROWS_AT_ONCE):
                file.write_batch(_batch(block, schema))
    return told


def told_by(path: Path) -> dict[str, Any] | None:
    """Give what a shard says of itself; None if it is damaged.

    Raises
    ------
    ValueError
        If the file is something else.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError):
        return None
    if _KEY not in metadata:
        raise ValueError(f"{str(path)!r} is no shard of windows: take another folder.")
    return json.loads(metadata[_KEY])


def windows_of(batch: pa.RecordBatch, parameters: dict[str, Any], names: list[str]) -> Windows:
    """Give the windows that a batch of rows of a shard tells of."""
    size = parameters["window_size"]
    values = np.stack(
        [batch.column(name).flatten().to_numpy().reshape(-1, size) for name in names], axis=-1
    )
    known = {
        name: batch.column(name).to_numpy(zero_copy_only=False)
        if name in batch.schema.names
        else None
        for name in _LABELS
    }
    windows = Windows.from_arrays(values, known["y"], known["subject"], feature_names=names)
    provenance = replace(
        windows.provenance,
        first_row=batch.column("first_row").to_numpy(),
        subject=parameters["subject"],
        target=parameters["target"],
        target_agg=parameters["target_agg"],
    )
    return windows._with(provenance=provenance)


def _cut(rows: pa.Table, windower: SubjectWindower) -> tuple[Windows | None, list[dict[str, Any]]]:
    """Give the windows of a file, None if there are none, and what it holds of each subject."""
    if len(rows) == 0:
        return None, []
    table = Table(rows)
    subjects: Any = [None]
    n_rows = np.array([len(rows)])
    if windower._subject is not None:
        firsts, codes, subjects = runs(table.column(windower._subject))
        n_rows = np.bincount(codes[codes >= 0], np.diff(firsts, append=len(rows))[codes >= 0])
    n_windows = np.zeros(len(subjects), dtype=np.int64)
    windows = None
    with contextlib.suppress(NoWindowsError):
        windows = windower._cut(table, None)
        n_windows = np.bincount(windows.provenance.codes, minlength=len(subjects))
    held = [
        {"subject": _plain(subject), "rows": int(n_rows[i]), "windows": int(n_windows[i])}
        for i, subject in enumerate(subjects)
    ]
    return windows, held


def _plain(subject: Any) -> Any:
    """Give a subject as JSON knows it."""
    subject = subject.item() if isinstance(subject, np.generic) else subject
    return subject if isinstance(subject, str | int | float | None) else str(subject)


def _batch(windows: Windows, schema: pa.Schema) -> pa.RecordBatch:
    values = windows.to_numpy()
    columns = {
        "subject": windows.groups,
        "first_row": windows.provenance.first_row,
        "y": windows.y,
    }
    for j, name in enumerate(windows.feature_names):
        samples = pa.array(np.ascontiguousarray(values[:, :, j]).ravel())
        columns[name] = pa.FixedSizeListArray.from_arrays(samples, windows.window_size)
    arrays = [
        pa.array(columns[field.name], field.type) if field.name in _LABELS else columns[field.name]
        for field in schema
    ]
    return pa.record_batch(arrays, schema=schema)
