"""Windows on disk: a dataset of parquet files cut into shards; a run that was killed can be resumed."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

try:
    from dask.utils import parse_bytes
    from distributed import Client, LocalCluster, default_client
except ImportError as error:
    raise ImportError('Shards are cut on Dask: pip install "skaug[dask]"') from error

from skaug.out_of_core.manifest import read_manifest
from skaug.out_of_core.shard_files import ROWS_AT_ONCE, read_batches, windows_of
from skaug.out_of_core.shard_job import ShardJob
from skaug.windower import SubjectWindower
from skaug.windows.container import Windows

__all__ = ["read_shards", "write_shards"]


def write_shards(
    table: str | Path,
    folder: str | Path,
    windower: SubjectWindower,
    *,
    client: Client | None = None,
    progress: bool = False,
) -> dict[str, Any]:
    """Cut a dataset of parquet files into windows on disk, one shard per file.

    A shard has one row per window: ``subject``, ``first_row`` (counted among the rows of the subject),
    ``recording`` (counted among those of the subject), ``y`` where there is a target (a list of labels for a
    list of targets), and one list of `window_size` samples per channel. It is written to a temporary file,
    flushed to the disk and renamed, so that it is either complete or absent. Its checksum is verified
    whenever it is read. The same call continues a run that was stopped: it keeps shards that are undamaged,
    of the same parameters, and made from files that have not changed since.
    ``manifest.json`` is written last, when all shards are complete.

    Parameters
    ----------
    table : str or Path
        The folder of parquet files, which may be partitioned by folders such as ``subject=S1``. Each
        file has to hold whole recordings. Times that are text are parsed: numbers, or dates and times in ISO
        8601.
    folder : str or Path
        The folder of the shards, created if it does not exist. Workers must be able to reach both folders.
    windower : SubjectWindower
        How to cut. A copy is fitted on the schema of the dataset.
    client : dask.distributed.Client, optional
        The cluster that does the work; the current one by default.
    progress : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    dict
        The manifest: ``format``, ``parameters``, ``versions`` (a list: a run may have been continued
        with others), ``rows``, ``windows``, ``subjects`` (for each: subject, rows, windows, file) and
        ``shards`` (for each: file, source, rows, windows, sha256).

    Raises
    ------
    ValueError
        If a subject is in two files, the folder holds shards of other parameters or of files that no
        longer exist, another run is writing into it, a file cannot be cut, there is not a single window,
        or there is no client.
    OSError
        If there is no such dataset, or the folder cannot be written.
    RuntimeError
        If a worker died while it cut a file.
    """
    if client is None:
        try:
            client = default_client()
        except ValueError as error:
            raise ValueError(
                "There is no Dask client to cut with: start one first, client = distributed.Client()."
            ) from error
    return ShardJob.of(Path(table), Path(folder), windower).carry_out(client, progress)


def cut_on_cluster(
    table: str | Path,
    folder: str | Path,
    windower: SubjectWindower,
    *,
    scheduler: str | None = None,
    n_workers: int | None = None,
    memory: str = "auto",
) -> dict[str, Any]:
    """Call `write_shards` on a cluster of processes on this machine, or on one that is running already.

    Parameters
    ----------
    table, folder, windower
        As for `write_shards`.
    scheduler : str, optional
        The address of the cluster's scheduler, such as ``"tcp://10.0.0.1:8786"``.
    n_workers : int, optional
        Processes on this machine; one per core by default.
    memory : str, default="auto"
        Memory limit of each, such as "2GiB"; by default an equal share of what the machine has.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ValueError, OSError
        As `write_shards` does, and if a worker died or the scheduler does not answer.
    """
    if n_workers is not None and n_workers < 1:
        raise ValueError(f"There must be 1 worker or more, got {n_workers}.")
    if memory != "auto":
        _check_size(memory)
    job = ShardJob.of(Path(table), Path(folder), windower)  # fails before a cluster is started
    try:
        with contextlib.ExitStack() as stack:
            where: Any = scheduler
            if scheduler is None:
                where = stack.enter_context(
                    LocalCluster(
                        n_workers=n_workers or os.cpu_count(),
                        threads_per_worker=1,
                        memory_limit=memory,
                        dashboard_address="127.0.0.1:0",
                        silence_logs=logging.CRITICAL,
                    )
                )
            client = stack.enter_context(Client(where))
            return job.carry_out(client, progress=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error


def read_shards(
    folder: str | Path, *, subjects: Collection[Any] | None = None, n_rows: int = ROWS_AT_ONCE
) -> Iterator[Windows]:
    """Read windows from shards, a bounded number at a time.

    Parameters
    ----------
    folder : str or Path
        The folder that was passed to `write_shards`.
    subjects : collection, optional
        The subjects to read, such as ``["S1"]``; all by default. Shards without any of them are skipped.
    n_rows : int, default=262144
        Samples per channel to yield at a time, at most; but at least one window.

    Yields
    ------
    Windows of shape (n_windows, window_size, n_features)
        With labels, subjects and origins, without context: for a synthesizer that needs context, cut the
        table instead.

    Raises
    ------
    OSError
        If the shards were not finished, or one of them is missing.
    ValueError
        If a subject is in none of them, `subjects` is not a list, the manifest or a shard is damaged, or a
        shard is not the one in the manifest.

    Examples
    --------
    >>> import tempfile
    >>> from distributed import Client
    >>> from skaug import SubjectWindower
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.shards import read_shards, write_shards
    >>> windower = SubjectWindower(512, features=["BVP"], target="heart_rate")
    >>> recordings = simulate_ppg(n_subjects=2, minutes=1)
    >>> with (
    ...     tempfile.TemporaryDirectory() as table,
    ...     tempfile.TemporaryDirectory() as folder,
    ...     Client(processes=False, n_workers=1, dashboard_address="127.0.0.1:0"),
    ... ):
    ...     recordings.to_parquet(table, partition_cols=["subject"])
    ...     manifest = write_shards(table, folder, windower)
    ...     for windows in read_shards(folder):
    ...         print(windows)
    Windows(7 of 512 x 1: BVP; 1 subject, labeled)
    Windows(7 of 512 x 1: BVP; 1 subject, labeled)
    """
    manifest = read_manifest(folder)
    if isinstance(subjects, str):
        raise ValueError(f"subjects={subjects!r} must be a list: [{subjects!r}].")
    parameters = manifest["parameters"]
    wanted = None if subjects is None else set(subjects)
    unknown = (wanted or set()) - {held["subject"] for held in manifest["subjects"]}
    if unknown:
        raise ValueError(f"There is no subject {sorted(map(str, unknown))[0]!r} in these shards.")
    held = [
        held["file"] for held in manifest["subjects"] if wanted is None or held["subject"] in wanted
    ]
    n_windows = max(1, n_rows // parameters["window_size"])
    for name in dict.fromkeys(held):
        for batch in read_batches(Path(folder) / name, n_windows, manifest):
            windows = windows_of(batch, parameters)
            if wanted is not None:
                windows = windows[np.isin(windows.groups, list(wanted))]  # type: ignore[arg-type]
            if len(windows):
                yield windows


def _check_size(memory: str) -> None:
    try:
        parse_bytes(memory)
    except ValueError:
        raise ValueError(f"The memory {memory!r} is not a size: use one such as '2GiB'.") from None
