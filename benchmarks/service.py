"""What the client of the synthesis service costs: CPU time per request, wall time, and reruns.

    python benchmarks/service.py

Prints ratios to the published notebook's client in the same run.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import numpy as np
import pandas as pd

from skaug import SubjectWindower, Windows
from skaug.synthesis import SynthefyAPI, WindowStore
from skaug.synthesis.synthefy.connection import stream_url
from skaug.synthesis.synthefy.wire import Encoder

SIZE = 512
PUBLISHED_SECONDS = 7.2


def published_like(n_windows: int) -> pd.DataFrame:
    """Return recordings of one subject with the 21 published columns: fast, slow and constant ones."""
    rng = np.random.default_rng(0)
    n = n_windows * SIZE
    fast = {name: rng.normal(size=n).round(6) for name in ("BVP", "ECG", "EMG", "RESP_chest")}
    fast |= {
        f"ACC_{where}_idx_{i}": rng.normal(size=n) for where in ("wrist", "chest") for i in range(3)
    }
    held = {name: np.repeat(rng.normal(size=n // 16), 16) for name in ("EDA_wrist", "TEMP_wrist")}
    table = pd.DataFrame(
        fast | held | {"activity": np.repeat(rng.integers(0, 9, n // 16), 16).astype(float)}
    )
    constant = {"WEIGHT": 78.0, "Gender": "m", "AGE": 34, "HEIGHT": 182.0, "SKIN": 3, "SPORT": 6}
    table = table.assign(
        **constant, subject="S1", heart_rate=np.repeat(rng.normal(70, 9, n // 128), 128)
    )
    assert table.shape[1] == 21
    return table


class Service(BaseHTTPRequestHandler):
    """Answers every request with the same synthetic window, after a delay."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the answer waits 40 ms for a delayed acknowledgment
    delay = 0.0
    lanes = threading.Semaphore(8)
    answer = json.dumps(
        {f"{c}_synthetic": {str(i): 0.1234567 * i for i in range(SIZE)} for c in ("BVP", "ECG")}
    ).encode()

    def do_POST(self) -> None:
        """Read a request and answer it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.lanes:
            time.sleep(self.delay)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *arguments: object) -> None:
        """Log nothing."""


def serve(delay: float) -> None:
    """Print the port and run the service in this process."""
    Service.delay = delay
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


def notebook_client(table: pd.DataFrame, base_url: str, n: int) -> None:
    """Request windows as the published notebook does."""
    client = httpx.Client(base_url=base_url, timeout=30.0)
    path = stream_url(base_url, "u", "d", "j").removeprefix(base_url)
    for i in range(n):
        window = table.iloc[i * SIZE : (i + 1) * SIZE].reset_index(drop=True).ffill()
        response = client.post(path, json=json.loads(window.to_json()), headers={"X-API-Key": "k"})
        answer = pd.DataFrame(response.json())
        answer[["BVP_synthetic", "ECG_synthetic"]].to_numpy()
        window["heart_rate"].mean()


def our_client(windows: Windows, base_url: str, folder: str, concurrency: int = 1) -> None:
    """Request windows as SynthefyAPI does, including the store."""
    api = SynthefyAPI("u", "d", "j", base_url=base_url, store=folder, max_concurrency=concurrency)
    api.synthesize(windows)


def in_new_store(windows: Windows, base_url: str) -> None:
    """Request windows that are not stored."""
    with tempfile.TemporaryDirectory() as folder:
        our_client(windows, base_url, folder)


def notebook_bodies(table: pd.DataFrame, n: int) -> None:
    """Build the bodies of requests as the notebook and httpx do."""
    for i in range(n):
        window = table.iloc[i * SIZE : (i + 1) * SIZE].reset_index(drop=True).ffill()
        httpx.Request("POST", "http://127.0.0.1", json=json.loads(window.to_json()))


def our_bodies(windows: Windows) -> None:
    """Build the bodies of requests as SynthefyAPI does."""
    for _, block in windows.blocks(64 * SIZE):
        Encoder(None, None).encode(block)


def bare_exchanges(bodies: list[bytes], base_url: str) -> None:
    """Send ready bodies with httpx and ignore the answers: the least that a client on httpx costs."""
    client = httpx.Client(base_url=base_url, timeout=30.0)
    path = stream_url(base_url, "u", "d", "j").removeprefix(base_url)
    for body in bodies:
        client.post(path, content=body, headers={"X-API-Key": "k"})


def measured(clock: Callable[[], float], work: Callable[[], None]) -> float:
    """Return how much a clock advances during some work."""
    before = clock()
    work()
    return clock() - before


def start(delay: float):
    """Start the service in a process of its own, so that its CPU time does not count."""
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(delay)], stdout=subprocess.PIPE, text=True
    )
    return process, f"http://127.0.0.1:{process.stdout.readline().strip()}"


def main() -> None:
    """Print the figures."""
    os.environ["SYNTHEFY_API_KEY"] = "k"
    n = 100
    table = published_like(n)
    windower = SubjectWindower(SIZE, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(table)

    process, url = start(0.0)
    bodies = [
        body for _, block in windows.blocks(SIZE) for body in Encoder(None, None).encode(block)
    ]
    clients = {
        "the notebook": lambda: notebook_client(table, url, n),
        "SynthefyAPI, including its store": lambda: in_new_store(windows, url),
        "httpx alone, with ready bodies": lambda: bare_exchanges(bodies, url),
        "the notebook's bodies alone": lambda: notebook_bodies(table, n),
        "our bodies alone": lambda: our_bodies(windows),
    }
    runs = [
        {name: measured(time.process_time, client) / n for name, client in clients.items()}
        for _ in range(6)
    ]
    process.kill()
    took = {
        name: statistics.median(run[name] for run in runs[1:]) for name in clients
    }  # after a warm-up
    print(f"CPU time per request of {SIZE} rows x 21 columns, medians of 5 runs of {n}, ms:")
    for name, seconds in took.items():
        print(f"  {name:32s} {seconds * 1e3:6.2f}")
    theirs, ours, _, their_bodies, our_bodies_alone = took.values()
    print(f"  whole exchange: {ours / theirs:.2f} times the notebook's (aim: 0.20)")
    print(
        f"  building the body: {our_bodies_alone / their_bodies:.2f} times the notebook's (aim: 0.20)"
    )

    n, lanes = 200, 8
    windows = windower.fit_transform(published_like(n))
    for delay in (0.05, 0.5):
        process, url = start(delay)
        with tempfile.TemporaryDirectory() as folder:
            request = partial(our_client, windows, url, folder, lanes)
            wall = measured(time.perf_counter, request)
            again = measured(time.perf_counter, request) / n
            store = WindowStore(folder)
            n_stored, n_bytes = len(store), store.nbytes
        process.kill()
        ideal = n * delay / lanes
        print(f"{n} windows, {delay * 1e3:.0f} ms each, {lanes} at a time:")
        print(
            f"  ideal {ideal:.2f} s, measured {wall:.2f} s: efficiency {ideal / wall:.2f} (aim: 0.85)"
        )
    print(
        f"Rerun from the store: {again * 1e3:.2f} ms per window, {PUBLISHED_SECONDS / again:.0f} times "
        f"faster than {PUBLISHED_SECONDS} s (aim: 500)"
    )
    print(f"  {n_stored} windows, {n_bytes / n_stored / 1e3:.1f} kB each on disk")


if __name__ == "__main__":
    import sys

    if "--serve" in sys.argv:
        serve(float(sys.argv[2]))
    else:
        main()
