"""Small recordings that every test module may cut."""

from __future__ import annotations

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
