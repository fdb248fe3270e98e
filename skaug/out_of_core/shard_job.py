"""A dataset of recordings that is cut into shards on a cluster: what is done, and what is left to do."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from distributed import Client, KilledWorker, as_completed
from filelock import Timeout
from sklearn.base import clone
from tqdm import tqdm

from skaug._files import file_lock, whole_file
from skaug.cutting import NoWindowsError
from skaug.out_of_core.manifest import FORMAT, MANIFEST, read_manifest, shard_name, shard_number
from skaug.out_of_core.parts import require_independent_parts, require_whole_subjects
from skaug.out_of_core.shard_files import (
    Recipe,
    Source,
    made_up_row,
    parameters_of,
    read_metadata,
    sha256_if_whole,
    shard_schema,
    subjects_in,
    write_shard,
)
from skaug.windower import SubjectWindower


@dataclass(frozen=True)
class ShardJob:
    """A dataset, the folder of its shards, and how they are cut.

    Parameters
    ----------
    table, folder : Path
        The folder of parquet files, and the folder of the shards.
    recipe : Recipe
        How they are cut.
    sources : list of Source
        The files, in the order of their shards.
    """

    table: Path
    folder: Path
    recipe: Recipe
    sources: list[Source]

    @classmethod
    def of(cls, table: Path, folder: Path, windower: SubjectWindower) -> ShardJob:
        """Inspect a dataset, and raise if it cannot be cut with this windower."""
        table, folder = table.resolve(), folder.resolve()  # workers may be elsewhere
        if folder.is_relative_to(table):
            raise ValueError(
                f"{str(folder)!r} is inside the folder of the table: choose another folder for the shards."
            )
        dataset = open_dataset(table)
        row = made_up_row(dataset, windower.time)
        cutting = clone(windower).fit(row).cutting_
        if callable(cutting.target_agg):
            raise ValueError(
                "target_agg must be a name: shards are identified by their parameters, and a callable "
                "cannot be compared."
            )
        sources = []
        for fragment in dataset.get_fragments():
            stat = os.stat(fragment.path)
            name = str(Path(fragment.path).relative_to(table))
            sources.append(Source(fragment, name, stat.st_size, stat.st_mtime_ns))
        require_independent_parts(cutting, len(sources), "write a single file")
        parameters = {"table": str(table), **parameters_of(cutting)}
        schema = shard_schema(cutting, row, dataset.schema)
        recipe = Recipe(cutting, parameters, dataset.schema, schema)
        return cls(table, folder, recipe, sources)

    def carry_out(self, client: Client, progress: bool) -> dict[str, Any]:
        """Make the shards that are missing, and return the manifest."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone_in(self.folder):
            done = self.finished()
            sha256 = self.run(client, sha256_if_whole, list(done), "checking shards", progress)
            recorded = self.recorded_sha256()
            done = {
                i: done[i] | {"sha256": now}
                for i, now in sha256.items()
                if now is not None and recorded.get(i, now) == now
            }
            missing = [i for i in range(len(self.sources)) if i not in done]
            subjects = {i: [held["subject"] for held in done[i]["subjects"]] for i in done}
            subjects |= self.run(client, subjects_in, missing, "looking for subjects", progress)
            self.require_whole_subjects([subjects[i] for i in range(len(self.sources))])
            if missing:  # a manifest never describes other shards than those present
                (self.folder / MANIFEST).unlink(missing_ok=True)
            for left in self.folder.glob(".shard-*.part"):
                left.unlink(missing_ok=True)
            done |= self.run(client, write_shard, missing, "cutting", progress)
            return self.finish([done[i] for i in range(len(self.sources))])

    def shard(self, i: int) -> Path:
        """Return the path of the shard of a file."""
        return self.folder / shard_name(i)

    def finished(self) -> dict[int, dict[str, Any]]:
        """Return the metadata of the shards that need not be made again, unless they are damaged."""
        done = {}
        for path in sorted(self.folder.glob("shard-*.parquet")):
            i = shard_number(path.name)
            if i is None:
                continue
            metadata = read_metadata(path)
            if metadata is None:
                continue
            made, wanted = metadata["parameters"], self.recipe.parameters
            other = [name for name in wanted if made.get(name) != wanted[name]]
            if other or metadata["format"] != FORMAT:
                what = f"{other[0]}={made.get(other[0])!r}" if other else "another format"
                now = f", not {wanted[other[0]]!r}" if other else ""
                raise ValueError(
                    f"{str(self.folder)!r} holds shards of {what}{now}: choose another folder, or empty "
                    "this one."
                )
            if i >= len(self.sources):
                raise ValueError(
                    f"{str(path)!r} was made from {metadata['source']['path']!r}, but {str(self.table)!r} "
                    "holds fewer files now: choose another folder, or empty this one."
                )
            if metadata["source"] == self.sources[i].state():
                done[i] = metadata
        return done

    def recorded_sha256(self) -> dict[int, str]:
        """Return the checksum of each shard in the manifest, if there is one that can be read."""
        try:
            manifest = read_manifest(self.folder)
        except (OSError, ValueError):  # the shards are checked without it, and it is rewritten
            return {}
        recorded = {shard_number(shard["file"]): shard["sha256"] for shard in manifest["shards"]}
        return {i: sha256 for i, sha256 in recorded.items() if i is not None}

    def run(
        self,
        client: Client,
        function: Callable[[Source, Path, Recipe], Any],
        which: list[int],
        what: str,
        progress: bool,
    ) -> dict[int, Any]:
        """Call a function for some of the files, on the cluster.

        Raises
        ------
        RuntimeError
            If a worker died.
        """
        if not which:
            return {}
        futures = client.map(
            function,
            [self.sources[i] for i in which],
            [self.shard(i) for i in which],
            recipe=self.recipe,
            pure=False,
        )
        numbers = dict(zip(futures, which, strict=True))
        results = {}
        try:
            finished = as_completed(futures)
            for future in tqdm(finished, what, len(futures), unit="file", disable=not progress):
                i = numbers[future]
                try:
                    results[i] = future.result()
                except KilledWorker as error:
                    raise RuntimeError(
                        f"A worker died while it cut {self.sources[i].path!r}, most likely because memory "
                        "ran out: raise the memory limit of the workers, or put fewer recordings into "
                        "a file. Finished shards are kept."
                    ) from error
        finally:
            client.cancel(futures)
        return results

    def require_whole_subjects(self, subjects: list[list[Any]]) -> None:
        """Raise if a subject is in two files."""
        if self.recipe.cutting.subject is not None:
            places = [repr(source.path) for source in self.sources]
            remedy = "Write all rows of a subject to one file, in order of time, and run this again"
            require_whole_subjects(subjects, places, remedy)

    def finish(self, shards: list[dict[str, Any]]) -> dict[str, Any]:
        """Write the manifest."""
        n_windows = sum(shard["windows"] for shard in shards)
        if n_windows == 0:
            purity = self.recipe.cutting.purity
            others = "" if purity is None else f", with a class that fills purity={purity!r} of it"
            raise NoWindowsError(
                f"No recording in {str(self.table)!r} is long enough for a window of "
                f"{self.recipe.cutting.window_size} rows{others}: use a smaller window_size"
                f"{'' if purity is None else ' or a lower purity'}."
            )
        made_with = {json.dumps(shard["versions"]) for shard in shards}
        manifest = {
            "format": FORMAT,
            "parameters": self.recipe.parameters,
            "versions": [json.loads(made) for made in sorted(made_with)],
            "rows": sum(shard["rows"] for shard in shards),
            "windows": n_windows,
            "subjects": [
                {**held, "file": self.shard(i).name}
                for i, shard in enumerate(shards)
                for held in shard["subjects"]
            ],
            "shards": [
                {
                    "file": self.shard(i).name,
                    **{name: shard[name] for name in ("source", "rows", "windows", "sha256")},
                }
                for i, shard in enumerate(shards)
            ],
        }
        with whole_file(self.folder / MANIFEST) as file:
            file.write(json.dumps(manifest, indent=1).encode())
        return manifest


def open_dataset(table: Path) -> ds.Dataset:
    """Open a folder of parquet files, which may be partitioned by folders such as ``subject=S1``."""
    if table.is_file():
        raise NotADirectoryError(f"{str(table)!r} is a file: pass the folder that contains it.")
    if not table.is_dir():
        raise FileNotFoundError(f"There is no folder {str(table)!r}: check the path.")
    files = sorted(
        (str(path) for path in table.rglob("*.parquet") if not path.name.startswith((".", "_"))),
        key=lambda name: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", name)],
    )
    if not files:
        raise ValueError(f"{str(table)!r} holds no .parquet file: check the path.")
    options = {
        "partitioning": ds.partitioning(flavor="hive"),
        "partition_base_dir": str(table),
    }
    schema = ds.dataset(files[:1], format="parquet", **options).schema
    # The name of a subject that fills millions of rows is read once.
    text = [field.name for field in schema if _is_text(field.type)]
    return ds.dataset(files, format=ds.ParquetFileFormat(dictionary_columns=text), **options)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder."""
    lock = file_lock(folder / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise ValueError(
            f"Another run is writing shards into {str(folder)!r}: wait for it, or choose another folder."
        ) from None
    try:
        yield
    finally:
        lock.release()
