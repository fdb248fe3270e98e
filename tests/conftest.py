"""Recordings, windows, a service and a cluster for every test module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from fault_server import FaultServer
from hypothesis import HealthCheck, settings

from skaug import SubjectWindower, Windows
from skaug.datasets import simulate_ppg

# No test asserts a time, not even of an example: the machine may be busy.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


@pytest.fixture(scope="session")
def recordings() -> pd.DataFrame:
    """Six subjects, one minute each at 32 Hz."""
    return simulate_ppg(n_subjects=6, minutes=1.0, sampling_rate=32, random_state=3)


@pytest.fixture(scope="session")
def published_columns() -> list[str]:
    """The columns of the published PPG-DaLiA table, in its order."""
    return [
        *("BVP", "activity", "ACC_wrist_idx_0", "ACC_wrist_idx_1", "ACC_wrist_idx_2"),
        *("EDA_wrist", "TEMP_wrist", "ACC_chest_idx_0", "ACC_chest_idx_1", "ACC_chest_idx_2"),
        *("ECG", "EMG", "EDA_chest", "TEMP_chest", "RESP_chest"),
        *("WEIGHT", "Gender", "AGE", "HEIGHT", "SKIN", "SPORT", "subject", "heart_rate"),
    ]


@pytest.fixture(scope="session")
def windows(recordings: pd.DataFrame) -> Windows:
    """The same, cut into windows of 8 s that overlap by half."""
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    return windower.fit_transform(recordings)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A service that answers every request with a window, and counts requests."""
    with FaultServer() as server:
        yield server


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """The client of a Dask cluster of two processes, which inherit an API key for the service."""
    distributed = pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHEFY_API_KEY", "key")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
            ) as machines,
            distributed.Client(machines) as client,
        ):
            yield client
