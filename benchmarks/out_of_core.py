"""Cut a table four times larger than the memory of all workers, and extrapolate what larger ones cost.

    python benchmarks/out_of_core.py

Two worker processes get half a gigabyte each. The table grows from the memory of both together to four times
as much; the peak memory of a worker must not grow. Then rates are measured and extrapolated to 100, 10,000
and 500,000 subjects. The table takes 4 GiB of disk in the folder of temporary files.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from dask.utils import parse_bytes
from distributed import Client, LocalCluster
from sklearn.linear_model import SGDRegressor

from skaug import SubjectWindower, WindowSpectrum
from skaug.shards import read_shards, write_shards
from skaug.synthesis import SurrogateSynthesizer, SynthefyAPI

N_WORKERS, MEMORY = 2, "512MiB"
TIMES = (1, 2, 4)  # the memory of all workers
RATE, SIZE = 64, 512  # samples per second, and per window
ROWS = 1 << 19  # of a recording: 2.3 hours
WEEK = RATE * 7 * 24 * 3600
SUBJECTS = (100, 10_000, 500_000)
GIB = 1 << 30

WINDOWER = SubjectWindower(SIZE, features=["BVP", "ECG"], target="heart_rate", dtype="float32")
SPECTRUM = WindowSpectrum(0.5, 4, sampling_rate=RATE)


def write_recording(folder: Path, subject: int, n_rows: int = ROWS) -> int:
    """Write a recording of noise, which does not compress, and return its size in memory in bytes."""
    rng = np.random.default_rng(subject)
    table = pa.table(
        {
            "BVP": rng.normal(size=n_rows),
            "ECG": rng.normal(size=n_rows),
            "heart_rate": np.repeat(rng.uniform(50, 150, n_rows // 128), 128),
            "time": np.arange(n_rows) / RATE,
            "subject": pa.array([f"S{subject}"]).take(pa.array(np.zeros(n_rows, dtype=np.int8))),
        }
    )
    channels = ["BVP", "ECG", "time"]
    pq.write_table(
        table,
        folder / f"part.{subject}.parquet",
        use_dictionary=["subject", "heart_rate"],
        compression={name: "none" if name in channels else "zstd" for name in table.column_names},
    )
    return table.nbytes


@contextmanager
def new_cluster(memory: str = MEMORY) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=N_WORKERS,
            threads_per_worker=1,
            memory_limit=memory,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,  # workers warn about memory
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def peak() -> int:
    """Return the peak memory of this process, in bytes."""
    with open("/proc/self/status") as status:
        kilobytes = next(line.split()[1] for line in status if line.startswith("VmHWM"))
    return 1024 * int(kilobytes)


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = function()
    return time.perf_counter() - began, result


def mib(n_bytes: float) -> str:
    return f"{n_bytes / (1 << 20):,.0f} MiB"


def growing_table(folder: Path) -> dict[str, float]:
    """Cut tables of growing size; return the rates for the largest, per worker."""
    table = folder / "table"
    table.mkdir()
    with new_cluster() as client:
        client.run(lambda: __import__("skaug.shards"))
        idle = max(client.run(peak).values())
    print(
        f"{N_WORKERS} workers of {MEMORY} each; a worker that has only imported the library "
        f"takes {mib(idle)}."
    )
    names = (
        "table, in memory|rows|files|count (s)|features (s)|shards (s)|peak, features|peak, shards"
    )
    print("\n| " + names.replace("|", " | ") + " | peak, this process |\n" + "|---" * 9 + "|")
    in_memory, n_files = 0, 0
    for times in TIMES:
        while in_memory < times * N_WORKERS * parse_bytes(MEMORY):
            in_memory += write_recording(table, n_files)
            n_files += 1
        shards = folder / f"shards-{times}"
        took = cut(table, shards)
        rows = n_files * ROWS
        print(
            f"| x{times}: {in_memory / GIB:.1f} GiB | {rows:,} | {n_files} | {took['count']:.1f} | "
            f"{took['features']:.1f} | {took['shards']:.1f} | {mib(took['peak_features'])} | "
            f"{mib(took['peak_shards'])} | {mib(peak())} |",
            flush=True,
        )
        for path in shards.iterdir() if times != TIMES[-1] else ():
            path.unlink()
    rates = {name: rows / took[name] / N_WORKERS for name in ("count", "features", "shards")}
    return rates | {
        "table_bytes": sum(path.stat().st_size for path in table.iterdir()) / rows,
        "shard_bytes": sum(path.stat().st_size for path in shards.glob("*.parquet")) / rows,
        "memory_bytes": in_memory / rows,
    }


def cut(table: Path, shards: Path) -> dict[str, float]:
    """Cut a table in both ways; return seconds, and the peak memory of a worker."""
    with new_cluster() as client:
        lazy = WINDOWER.fit_transform(dd.read_parquet(table, split_row_groups=False))
        counting, n_windows = seconds(lambda: lazy.n_windows)
        features = lazy.to_dask_array(SPECTRUM)
        extracting, _ = seconds(lambda: dask.compute(features.mean(axis=0), lazy.y.mean()))
        peak_features = max(client.run(peak).values())
    with new_cluster() as client:
        writing, manifest = seconds(lambda: write_shards(table, shards, WINDOWER, client=client))
        peak_shards = max(client.run(peak).values())
    assert manifest["windows"] == n_windows == manifest["rows"] // SIZE
    return {
        "count": counting,
        "features": extracting,
        "shards": writing,
        "peak_features": peak_features,
        "peak_shards": peak_shards,
    }


def memory_of_a_recording(folder: Path) -> float:
    """Return the memory that a worker takes per byte of a longer recording."""
    peaks, sizes = [], []
    for times in (1, 8):
        table = folder / f"long-{times}"
        table.mkdir()
        sizes.append(write_recording(table, 0, times * ROWS))
        with new_cluster("0") as client:
            write_shards(table, folder / f"shards-long-{times}", WINDOWER, client=client)
            peaks.append(max(client.run(peak).values()))
    return (peaks[1] - peaks[0]) / (sizes[1] - sizes[0])


def other_rates(folder: Path) -> dict[str, float]:
    """Return what one process does per second: learn, synthesize, request windows, run tasks."""
    model, n_windows = SGDRegressor(random_state=0), 0
    began = time.perf_counter()
    for windows in read_shards(
        folder / f"shards-{TIMES[-1]}", subjects=[f"S{i}" for i in range(16)]
    ):
        model.partial_fit(SPECTRUM.fit_transform(windows).to_numpy(), windows.y)
        n_windows += len(windows)
    fitting = n_windows / (time.perf_counter() - began)
    windows = windows[:1000]
    making, _ = seconds(lambda: SurrogateSynthesizer().fit(windows).synthesize(windows))
    with new_cluster() as client:
        tasking, _ = seconds(lambda: client.gather(client.map(lambda i: i, range(10_000))))
    return {
        "fit": fitting,
        "surrogates": len(windows) / making,
        "tasks": 10_000 / tasking,
        "paid": paid_rate(folder),
    }


def paid_rate(folder: Path) -> float:
    """Return the windows per second that the client requests from a local service, checks and stores."""
    from skaug.server import running

    os.environ.setdefault("SYNTHEFY_API_KEY", "any-key-will-do")
    table = dd.read_parquet(folder / "table" / "part.0.parquet").head(200 * SIZE, npartitions=1)
    windows = WINDOWER.fit_transform(table)._drawn(np.zeros(200))
    with running(window_size=SIZE) as service:
        api = SynthefyAPI("me", "ppg", "job", base_url=service.base_url, store=folder / "store")
        asking, _ = seconds(lambda: api.synthesize(windows))
        assert service.computed == len(windows)
    return len(windows) / asking


def time_of(n_seconds: float) -> str:
    for unit, length in (("years", 365.25 * 86400), ("days", 86400), ("h", 3600), ("min", 60)):
        if n_seconds >= 2 * length:
            return f"{n_seconds / length:,.1f} {unit}"
    return f"{n_seconds:.1f} s"


def bytes_of(n_bytes: float) -> str:
    for unit, size in (("PB", 1e15), ("TB", 1e12), ("GB", 1e9)):
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes / 1e6:,.1f} MB"


def extrapolate(rates: dict[str, float]) -> None:
    print("\nRates of one worker or process:\n\n| | per second |\n|---|---|")
    print(f"| rows counted | {rates['count']:,.0f} |")
    print(f"| rows read, cut and turned into spectra | {rates['features']:,.0f} |")
    print(f"| rows read, cut and written to shards | {rates['shards']:,.0f} |")
    print(f"| windows read from shards and learned by `SGDRegressor` | {rates['fit']:,.0f} |")
    print(f"| surrogates | {rates['surrogates']:,.0f} |")
    print(f"| windows paid for at the local service and stored | {rates['paid']:,.0f} |")
    print(f"| empty tasks of Dask's scheduler | {rates['tasks']:,.0f} |")
    print(
        f"\nA recording of {ROWS:,} rows takes {mib(ROWS * rates['memory_bytes'])} in memory. "
        f"A row takes {rates['memory_bytes']:.1f} bytes in memory, {rates['table_bytes']:.1f} in the "
        f"table on disk, {rates['shard_bytes']:.1f} in shards of float32. On top of its idle memory, a "
        f"worker took {rates['peak_per_byte']:.1f} bytes per byte of its recording in memory."
    )
    recording = WEEK * rates["memory_bytes"]
    print(
        f"\nA week of one subject at {RATE} Hz: {WEEK:,} rows, {WEEK // SIZE:,} windows of {SIZE}, "
        f"{bytes_of(recording)} in memory; a worker needs "
        f"{bytes_of(recording * rates['peak_per_byte'])} on top of its idle memory."
    )

    def on(workers: int, n: int) -> str:
        """Return how long shards take; one worker cuts a file."""
        return time_of(n * WEEK / rates["shards"] / min(workers, n))

    read = rates["shards"] * rates["table_bytes"]
    per_subject = WEEK // SIZE
    lines: dict[str, Callable[[int], str]] = {
        "rows": lambda n: f"{n * WEEK:.2e}",
        f"windows of {SIZE}": lambda n: f"{n * per_subject:.2e}",
        "table on disk": lambda n: bytes_of(n * WEEK * rates["table_bytes"]),
        "shards of float32": lambda n: bytes_of(n * WEEK * rates["shard_bytes"]),
        "counting, one worker": lambda n: time_of(n * WEEK / rates["count"]),
        "shards, one worker": lambda n: on(1, n),
        "shards, 64 workers": lambda n: on(64, n),
        "shards, 1,000 workers": lambda n: on(1000, n),
        "reading speed of 1,000 workers": lambda n: bytes_of(min(1000, n) * read) + "/s",
        "Dask's scheduler, two tasks per file": lambda n: time_of(2 * n / rates["tasks"]),
        "one pass of `SGDRegressor`, one process": lambda n: time_of(
            n * per_subject / rates["fit"]
        ),
        "a surrogate per window, one process": lambda n: time_of(
            n * per_subject / rates["surrogates"]
        ),
        "a paid window per real window, if the service takes 1 s": lambda n: time_of(
            n * per_subject * (1 + 1 / rates["paid"])
        ),
        "100 paid windows per subject, likewise": lambda n: time_of(
            n * 100 * (1 + 1 / rates["paid"])
        ),
    }
    print("\n| | " + " | ".join(f"{n:,} subjects" for n in SUBJECTS) + " |\n|---|---|---|---|")
    for name, line in lines.items():
        print(f"| {name} | " + " | ".join(map(line, SUBJECTS)) + " |")


def main() -> None:
    print(f"{os.cpu_count()} cores; load average before this run: {os.getloadavg()[0]:.1f}.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rates = growing_table(folder)
        extrapolate(rates | other_rates(folder) | {"peak_per_byte": memory_of_a_recording(folder)})


if __name__ == "__main__":
    sys.exit(main())
