"""Channels that give the labels away."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from skaug import (
    DataWarning,
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug.evaluation import compare_protocols, compare_synthesizers, learning_curve
from skaug.evaluation.leaks import channels_like_labels
from skaug.model_selection import SubjectKFold
from skaug.synthesis import SurrogateSynthesizer


def windows_of(y: Any, subjects: Any = None, *, size: int = 16, **channels: np.ndarray) -> Windows:
    """Return windows with channels of these levels, each varied around its level within a window."""
    wave = np.tile([1.0, -1.0], size // 2)
    X = np.stack([values[:, None] + wave for values in channels.values()], axis=2)
    names = list(channels)
    return Windows.from_arrays(X, y, subjects, feature_names=names, channels_first=False)


def test_a_channel_is_found_if_its_window_means_correlate_with_the_labels() -> None:
    rng = np.random.default_rng(0)
    y, noise = rng.normal(size=(2, 400))
    noise -= noise.mean() + (noise @ y) / (y @ y) * (y - y.mean())  # nearly orthogonal to y
    # With noise of standard deviation s, the correlation is 1 / sqrt(1 + s^2): 0.958 and 0.894.
    channels = {"near": y + 0.3 * noise, "mirrored": 5 - 2 * y, "far": y + 0.5 * noise}
    found = channels_like_labels(windows_of(y, np.arange(400) % 8, **channels, noise=noise))
    assert list(found) == ["near", "mirrored"]
    assert found["near"] == pytest.approx(np.corrcoef(y, channels["near"])[0, 1])
    assert found["near"] == pytest.approx(1 / np.sqrt(1 + 0.3**2), abs=0.01)
    assert found["mirrored"] == pytest.approx(-1)


def test_windows_with_a_missing_value_are_skipped() -> None:
    y = np.arange(20.0)
    rate = y.copy()
    rate[:12] = np.nan
    assert list(channels_like_labels(windows_of(y, rate=rate))) == ["rate"]
    rate[12] = np.nan  # seven windows are left
    assert channels_like_labels(windows_of(y, rate=rate)) == {}
    rate[:13] = np.resize([np.inf, -np.inf], 13)
    assert channels_like_labels(windows_of(y, rate=rate)) == {}
    labels = np.where(np.isfinite(rate), y, np.nan)
    assert channels_like_labels(windows_of(labels, rate=y)) == {}


def test_constant_channels_and_labels_follow_nothing() -> None:
    y = np.arange(20.0)
    assert channels_like_labels(windows_of(y, flat=np.full(20, 0.1))) == {}
    assert channels_like_labels(windows_of(np.full(20, 0.1), rising=y)) == {}


@pytest.mark.parametrize("n_subjects", [2, 4, 5])
def test_levels_of_few_subjects_may_agree_by_chance(n_subjects: int) -> None:
    rng = np.random.default_rng(1)
    subjects = np.repeat(np.arange(n_subjects), 40)
    own, others = rng.normal(scale=0.1, size=(2, len(subjects)))
    y = subjects + own
    temperature = subjects + others  # follows the levels, and within subjects nothing
    twin = y + 0.5 * others  # a correlation of 1 / sqrt(1 + 0.5^2) = 0.89 within subjects
    found = channels_like_labels(windows_of(y, subjects, temperature=temperature, twin=twin))
    assert list(found) == (["twin"] if n_subjects < 5 else ["temperature", "twin"])


def test_classes_and_several_labels_are_followed_too() -> None:
    rng = np.random.default_rng(2)
    posture = rng.choice(["lying", "sitting", "walking"], 60)
    light, noise = (posture == "lying") * 100.0, rng.normal(size=60)
    assert list(channels_like_labels(windows_of(posture, light=light, noise=noise))) == ["light"]
    both = np.column_stack([noise, rng.normal(size=60)])
    found = channels_like_labels(windows_of(both, light=light, first=both[:, 0], second=both[:, 1]))
    assert list(found) == ["first", "second"]


@pytest.fixture(scope="module")
def with_twin(recordings: pd.DataFrame) -> pd.DataFrame:
    """Recordings with the heart rate of one second before as another column."""
    lagged = recordings.groupby("subject")["heart_rate"].shift(32)
    return recordings.assign(heart_rate_2=lagged.fillna(recordings["heart_rate"]))


def pipe_of(*channels: str) -> Any:
    windower = SubjectWindower(256, features=channels, target="heart_rate")
    return make_pipeline(windower, SynthefyAugmenter(), WindowStatistics(), Ridge())


COMPARISONS = {
    "protocols": lambda *args, **kw: compare_protocols(*args, protocols=("TRTR", "TRSTR"), **kw),
    "synthesizers": lambda *args, **kw: compare_synthesizers(
        *args, {"one": SurrogateSynthesizer(), "two": SurrogateSynthesizer(random_state=1)}, **kw
    ),
    "curve": lambda *args, **kw: learning_curve(*args, ratios=(0, 1), **kw),
}


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_comparison_warns_once_of_a_twin_of_the_target(
    with_twin: pd.DataFrame, name: str
) -> None:
    pipe = pipe_of("BVP", "heart_rate_2")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = COMPARISONS[name](pipe, with_twin, cv=SubjectKFold(2), progress=False)
    (message,) = [str(each.message) for each in caught if each.category is DataWarning]
    assert message.startswith("The mean in each window of 'heart_rate_2' (")
    assert "BVP" not in message
    assert message in result.details["warnings"]


def test_a_comparison_does_not_warn_of_signals(recordings: pd.DataFrame) -> None:
    pipe = pipe_of("BVP", "ECG")
    result = compare_protocols(pipe, recordings, cv=SubjectKFold(2), progress=False)
    assert result.details["warnings"] == []


def test_windows_that_are_passed_are_checked_with_their_labels(with_twin: pd.DataFrame) -> None:
    windows = pipe_of("BVP", "heart_rate_2")[0].fit_transform(with_twin)
    steps = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    options: dict[str, Any] = {"protocols": ["TRTR"], "cv": SubjectKFold(2), "progress": False}
    with pytest.warns(DataWarning, match="'heart_rate_2'"):
        compare_protocols(steps, windows, **options)
    with warnings.catch_warnings(action="error", category=DataWarning):
        y = np.random.default_rng(0).normal(size=len(windows))
        compare_protocols(steps, windows, y, **options)
