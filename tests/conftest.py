"""Small recordings that every test module may cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
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
def windows(recordings: pd.DataFrame) -> Windows:
    """The same, cut into windows of 8 s that overlap by half."""
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    return windower.fit_transform(recordings)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Give the client of a Dask cluster of two processes, which inherit a key of the service."""
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
