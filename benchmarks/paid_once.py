"""How many windows are paid for twice: by folds and grid points, by processes, and by killed processes.

    python benchmarks/paid_once.py

Everything runs with a server on this machine that counts the windows it computes.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener, Windows, make_pipeline
from skaug.model_selection import LeaveOneSubjectOut
from skaug.synthesis import SynthefyAPI, WindowStore, estimate_calls

SIZE = 64
N_TRIALS = 5


class CountingService(ThreadingHTTPServer):
    """Answers every request with a new window, as the service does, and counts them."""

    daemon_threads = True

    def __init__(self, seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seconds = seconds
        self.n_computed = 0
        self.in_flight: Counter[str] = Counter()  # per API key
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        """The address it listens on."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """Do not report clients that were killed."""

    def wait_for(self, n: int) -> None:
        """Wait until `n` windows were requested."""
        with self.changed:
            self.changed.wait_for(lambda: self.n_computed >= n)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: CountingService

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        service, who = self.server, self.headers["X-API-Key"]
        with service.changed:
            service.n_computed += 1
            service.in_flight[who] += 1
            number = service.n_computed
            service.changed.notify_all()
        time.sleep(service.seconds)
        samples = np.random.default_rng(number).normal(size=(2, SIZE)).tolist()
        names = ("BVP_synthetic", "ECG_synthetic")
        answer = {
            name: {str(row): value for row, value in enumerate(values)}
            for name, values in zip(names, samples, strict=True)
        }
        body = json.dumps(answer).encode()
        with service.changed:
            service.in_flight[who] -= 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def counting_service(seconds: float = 0.0) -> Iterator[CountingService]:
    with CountingService(seconds) as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        yield service
        service.shutdown()


def windows_of(n_subjects: int, n_windows: int) -> Windows:
    n = n_subjects * n_windows * SIZE
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "BVP": rng.normal(size=n),
            "ECG": rng.normal(size=n),
            "subject": np.repeat([f"S{i + 1}" for i in range(n_subjects)], n_windows * SIZE),
            "heart_rate": rng.uniform(50, 150, n),
        }
    )
    windower = SubjectWindower(SIZE, features=["BVP", "ECG"], target="heart_rate")
    return windower.fit_transform(table)


def api_of(url: str, store: str) -> SynthefyAPI:
    return SynthefyAPI("me", "ppg_hr", "job", base_url=url, store=WindowStore(store))


def folds_and_grid_points() -> None:
    windows = windows_of(n_subjects=5, n_windows=25)  # 100 of them in each training fold
    with counting_service() as service, tempfile.TemporaryDirectory() as store:
        pipe = make_pipeline(
            SynthefyAugmenter(api_of(service.url, store)), WindowFlattener(), Ridge()
        )
        search = GridSearchCV(
            pipe,
            {"ridge__alpha": [0.1, 1, 10, 100]},
            cv=LeaveOneSubjectOut(),
            scoring="neg_mean_absolute_error",
            refit=False,
            error_score="raise",
        )
        estimated = estimate_calls(search, windows, windows.y)
        began = time.perf_counter()
        search.fit(windows, windows.y)
        first = service.n_computed, time.perf_counter() - began
        search.fit(windows, windows.y)
        print("5 folds x 4 grid points x 100 windows")
        print(f"  estimated: {estimated}")
        print(f"  distinct {estimated.distinct}, paid {first[0]} ({first[1]:.1f} s)")
        print(f"  repeated: paid {service.n_computed - first[0]}")


def start(service: CountingService, store: str, order: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, __file__, service.url, store, str(order)],
        env=os.environ | {"SYNTHEFY_API_KEY": f"key-{order}"},
    )


def fit(url: str, store: str, order: int) -> None:
    SynthefyAugmenter(api_of(url, store), random_state=order).fit(windows_of(5, 40))


def processes() -> None:
    for orders in ((0, 0, 0, 0), (0, 1, 2, 3)):
        with counting_service() as service, tempfile.TemporaryDirectory() as store:
            for process in [start(service, store, order) for order in orders]:
                assert process.wait() == 0
            how = "the same order" if len(set(orders)) == 1 else "four orders"
            print(f"4 processes x 200 shared windows, requested in {how}")
            print(f"  paid {service.n_computed}, stored {len(WindowStore(store))}")


def killed_processes() -> None:
    print("4 processes x 200 shared windows, two of them killed with -9, then a rerun")
    for trial in range(N_TRIALS):
        with counting_service(seconds=0.02) as service, tempfile.TemporaryDirectory() as store:
            running = [start(service, store, order) for order in range(4)]
            service.wait_for(60 + 20 * trial)
            for signal_number in (signal.SIGSTOP, signal.SIGKILL):
                for victim in running[:2]:
                    os.kill(victim.pid, signal_number)
                if signal_number == signal.SIGSTOP:
                    in_flight = service.in_flight["key-0"] + service.in_flight["key-1"]
            for process in running:
                process.wait()
            fit(service.url, store, 0)
            entries = [path.stem for path in Path(store).glob("??/*.window")]
            whole = sum(key in WindowStore(store) for key in entries)
            print(
                f"  trial {trial + 1}: paid {service.n_computed}, so {service.n_computed - 200} too many; "
                f"in flight for the two at that moment: {in_flight}, and one each may be lost; "
                f"entries {len(entries)}, complete {whole}"
            )


if __name__ == "__main__":
    os.environ.setdefault("SYNTHEFY_API_KEY", "key")
    if len(sys.argv) == 4:
        fit(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        folds_and_grid_points()
        processes()
        killed_processes()
