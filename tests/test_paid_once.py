"""Each window is paid for once, over folds, grid points, reruns, threads, processes and crashes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from fault_server import Exchange, FaultServer, Step, held, status, window
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate

from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener, Windows, make_pipeline
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold, window_scorer
from skaug.synthesis import ServerError, SynthefyAPI, WindowStore

SIZE = 8
N_SUBJECTS, N_WINDOWS = 5, 6
ALL = N_SUBJECTS * N_WINDOWS
MAE = window_scorer("neg_mean_absolute_error")


def recordings(
    n_subjects: int = N_SUBJECTS, n_windows: int = N_WINDOWS, size: int = SIZE
) -> pd.DataFrame:
    """A table of windows, all different."""
    n = n_subjects * n_windows * size
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "BVP": rng.normal(size=n),
            "ECG": rng.normal(size=n),
            "subject": np.repeat([f"S{i + 1}" for i in range(n_subjects)], n_windows * size),
            "heart_rate": rng.uniform(50, 150, n),
        }
    )


def windows_of(table: pd.DataFrame, size: int = SIZE) -> Windows:
    return SubjectWindower(size, features=["BVP", "ECG"], target="heart_rate").fit_transform(table)


@pytest.fixture(scope="module")
def windows() -> Windows:
    return windows_of(recordings())


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHEFY_API_KEY", "key")


@pytest.fixture
def store(tmp_path: Path) -> WindowStore:
    return WindowStore(tmp_path / "store")


def api_of(server: FaultServer, store: WindowStore, **options: Any) -> SynthefyAPI:
    return SynthefyAPI(
        "me", "ppg_hr", "job", base_url=server.url, store=store, max_retries=0, **options
    )


def search_of(api: SynthefyAPI, **options: Any) -> GridSearchCV:
    """A search over five folds and four grid points, the largest of which needs all the windows."""
    pipe = make_pipeline(SynthefyAugmenter(api), WindowFlattener(), Ridge())
    grid = {"synthefyaugmenter__ratio": [0.5, 1.0], "ridge__alpha": [1.0, 10.0]}
    return GridSearchCV(
        pipe, grid, cv=LeaveOneSubjectOut(), scoring=MAE, error_score="raise", **options
    )


def buy(api: SynthefyAPI, windows: Windows, **parameters: Any) -> np.ndarray:
    augmenter = SynthefyAugmenter(api, **parameters)
    return augmenter.fit(windows).synthetic_windows_.to_numpy()


def entries(store: WindowStore) -> list[np.ndarray]:
    """All entries. Each must be whole, and their folders must hold nothing else."""
    found = [store.get(path.stem) for path in store.folder.glob("??/*.window")]
    assert all(window is not None for window in found)
    assert len(list(store.folder.glob("??/*"))) == len(found)
    assert not list(store.folder.glob("??/.*"))
    assert not list(store.folder.glob("damaged/*"))
    return [window for window in found if window is not None]


# Folds, grid points and reruns


def test_a_grid_search_pays_for_distinct_windows_and_its_rerun_for_none(
    server: FaultServer, store: WindowStore, windows: Windows
) -> None:
    first = search_of(api_of(server, store)).fit(windows)
    assert len(server.requests) == ALL == len(store) == len(entries(store))
    second = search_of(api_of(server, store)).fit(windows)
    assert len(server.requests) == ALL
    assert_array_equal(first.cv_results_["mean_test_score"], second.cv_results_["mean_test_score"])


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.slow
def test_parallel_fits_pay_no_window_twice(
    server: FaultServer, store: WindowStore, windows: Windows, backend: str
) -> None:
    get_reusable_executor().shutdown(wait=True)  # workers of another test have no API key
    with joblib.parallel_config(backend):
        search = search_of(api_of(server, store), n_jobs=2, pre_dispatch="all").fit(windows)
    assert len(server.requests) == ALL == len(entries(store))
    again = search_of(api_of(server, store)).fit(windows)
    assert len(server.requests) == ALL
    assert_array_equal(search.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"])
    get_reusable_executor().shutdown(wait=True)


def test_cross_validation_pays_for_distinct_windows_and_a_larger_request_for_the_rest(
    server: FaultServer, store: WindowStore
) -> None:
    table = recordings()
    cut = SubjectWindower(SIZE, features=["BVP", "ECG"], target="heart_rate")
    for ratio, paid in ((0.5, ALL // 2), (0.5, ALL // 2), (1.0, ALL), (0.25, ALL)):
        augmenter = SynthefyAugmenter(api_of(server, store), ratio=ratio)
        pipe = make_pipeline(cut, augmenter, WindowFlattener(), Ridge())
        cross_validate(pipe, table, cv=SubjectKFold(5), scoring=MAE, error_score="raise")
        assert len(server.requests) == paid


def test_stored_windows_need_no_service_and_no_key(
    store: WindowStore, windows: Windows, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        expected = buy(api, windows)
    monkeypatch.delenv("SYNTHEFY_API_KEY")
    assert_array_equal(buy(api, windows), expected)
    # Nor must the store be writable.
    for path in store.folder.glob("locks/*"):
        path.unlink()
    (store.folder / "locks").rmdir()
    (store.folder / "locks").write_text("no folder")
    assert_array_equal(buy(api, windows), expected)


def test_only_damaged_windows_are_requested_again(
    server: FaultServer, store: WindowStore, windows: Windows
) -> None:
    api = api_of(server, store)
    before = buy(api, windows)
    damaged = sorted(store.folder.glob("??/*.window"))[:3]
    for path in damaged:
        path.write_bytes(path.read_bytes()[:-1])
    after = buy(api, windows)
    assert len(server.requests) == ALL + 3
    assert (before != after).any(axis=(1, 2)).sum() == 3
    assert len(list(store.folder.glob("damaged/*"))) == 3
    assert len(store) == ALL


def test_windows_bought_before_a_failure_are_not_paid_again(
    store: WindowStore, windows: Windows
) -> None:
    steps: list[Step] = [window()] * 10 + [status(500)] * 3 + [window()]
    with FaultServer(*steps) as server:
        api = api_of(server, store)
        with pytest.raises(ServerError):
            buy(api, windows)
        assert len(store) == 10
        buy(api, windows)
        assert len(server.requests) == ALL + 3


# Threads and processes


def test_two_threads_pay_no_window_twice(
    server: FaultServer, store: WindowStore, windows: Windows
) -> None:
    start = threading.Barrier(2)
    bought: dict[int, np.ndarray] = {}

    def fit(number: int) -> None:
        start.wait()
        bought[number] = buy(api_of(server, store, max_concurrency=2), windows)

    threads = [threading.Thread(target=fit, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == ALL == len(entries(store))
    assert_array_equal(bought[0], bought[1])


# A process that fits an augmenter, and prints a digest of its synthetic windows.
FIT = """
import hashlib, json, pickle, resource, sys
from skaug import SynthefyAugmenter
from skaug.synthesis import SynthefyAPI

url, store, windows, limit, options = json.loads(sys.argv[1])
with open(windows, "rb") as file:
    windows = pickle.load(file)
api = SynthefyAPI("me", "ppg_hr", "job", base_url=url, store=store, max_retries=0)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
print("ready", flush=True)
bought = SynthefyAugmenter(api, **options).fit(windows).synthetic_windows_.to_numpy()
print(hashlib.sha256(bought.tobytes()).hexdigest())
"""


def process(
    server: FaultServer, store: WindowStore, windows: Windows, *, limit: int = 0, **options: Any
) -> subprocess.Popen[str]:
    path = store.folder.with_name("windows.pickle")
    path.write_bytes(pickle.dumps(windows))
    arguments = json.dumps([server.url, str(store.folder), str(path), limit, options])
    return subprocess.Popen(
        [sys.executable, "-c", FIT, arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result_of(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.split()[-1]


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def digest(samples: np.ndarray) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()


@pytest.mark.slow
def test_four_processes_pay_once_for_the_windows_they_share(
    server: FaultServer, store: WindowStore, windows: Windows
) -> None:
    orders = (0, 0, 1, 1)  # two buy in the same order, two in another
    processes = [process(server, store, windows, random_state=order) for order in orders]
    results = [result_of(process) for process in processes]
    assert len(server.requests) == ALL == len(entries(store))
    api = api_of(server, store)
    assert results == [digest(buy(api, windows, random_state=order)) for order in orders]
    assert len(server.requests) == ALL


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_killed_processes_lose_only_requests_under_way_and_leave_no_lock(
    store: WindowStore, windows: Windows
) -> None:
    mine, yours = ["S1", "S2"], ["S3", "S4", "S5"]
    # Three windows are answered, fewer than either needs. Then each of the two has a request under
    # way, and holds its lock.
    with FaultServer(*[window()] * 3, held(window())) as server:
        victims = [process(server, store, windows, subjects=subjects) for subjects in (mine, yours)]
        server.wait_for_requests(5)
        survivor = process(server, store, windows, subjects=yours)
        server.wait_for_requests(6)  # of the survivor, for a window that is not locked
        paid = {entry.tobytes() for entry in entries(store)}
        assert len(paid) == 3
        for victim in victims:
            kill(victim)
        server.let_go.set()
        result = result_of(survivor)

        api, in_flight = api_of(server, store), 2
        bought = buy(api, windows)
        assert paid <= {sample.tobytes() for sample in bought}
        assert len(server.requests) == ALL + in_flight
        assert len(entries(store)) == ALL
        assert result == digest(buy(api, windows, subjects=yours))
        assert len(server.requests) == ALL + in_flight


# Where windows cannot be stored


def test_a_store_that_cannot_be_written_is_an_error_before_any_request(
    server: FaultServer, tmp_path: Path, windows: Windows
) -> None:
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file", tmp_path / "file" / "store"):
        with pytest.raises(OSError, match=r"cannot be written .*choose another folder"):
            buy(api_of(server, WindowStore(path)), windows)
    assert server.requests == []


def replacing(folder: Path) -> Callable[[Exchange], None]:
    """Answer with a window after replacing the folder of the store by a file."""

    def step(exchange: Exchange) -> None:
        folder.rename(folder.with_name("moved"))
        while not folder.is_file():
            shutil.rmtree(folder, ignore_errors=True)  # another request may have made it again
            with contextlib.suppress(IsADirectoryError):
                folder.write_text("no folder")
        window()(exchange)

    return step


@pytest.mark.parametrize("n_concurrent", [1, 4])
def test_when_the_store_vanishes_no_further_window_is_requested(
    store: WindowStore, windows: Windows, n_concurrent: int
) -> None:
    with FaultServer(*[window()] * 4, replacing(store.folder), window()) as server:
        api = api_of(server, store, max_concurrency=n_concurrent)
        message = r"(could not be stored in|cannot be written) .*free some space"
        with pytest.raises(OSError, match=message):
            buy(api, windows)
        assert 5 <= len(server.requests) < 5 + n_concurrent
        kept = WindowStore(store.folder.with_name("moved"))
        # Those being written when the folder vanished are lost.
        assert len(kept) >= 4 - (n_concurrent - 1)
        # Paid windows are used as soon as the folder is back.
        store.folder.unlink()
        kept.folder.rename(store.folder)
        n_kept, n_before = len(store), len(server.requests)
        server.steps = (window(),)
        buy(api, windows)
        assert len(server.requests) - n_before == ALL - n_kept


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes")
def test_on_a_full_disk_one_window_is_lost_and_no_further_one_requested(
    server: FaultServer, store: WindowStore
) -> None:
    # Room for the 64 KiB of the check before the first request, but not for a window of 128 KiB.
    failing = process(server, store, windows_of(recordings(1, 3, 8192), 8192), limit=100_000)
    _, err = failing.communicate(timeout=60)
    assert failing.returncode != 0
    last = err.strip().splitlines()[-1]
    assert last.startswith("OSError: A window that was paid for could not be stored in")
    assert "File too large" in last
    assert len(server.requests) == 1
    assert entries(store) == []
