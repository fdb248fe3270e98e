"""WindowNormalizer: each channel of each window centered and scaled by itself."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.preprocessing import RobustScaler

from skaug import (
    DataWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowFlattener,
    WindowNormalizer,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug.synthesis import RateSynthesizer

EVERY = [
    WindowNormalizer(center, scale)
    for center in ("mean", "median", None)
    for scale in ("std", "iqr", None)
]


@pytest.fixture
def augmented() -> Windows:
    """Eighteen windows of two channels of other units, some of them synthetic."""
    X = np.random.default_rng(0).normal(size=(12, 16, 2)) * [1, 50] + [0, -300]
    windows = Windows.from_arrays(
        X, y=np.arange(12.0), groups=list("AAAABBBBCCCC"), feature_names=["BVP", "ECG"]
    )
    return SynthefyAugmenter(ratio=0.5).fit_transform(windows)


def test_each_channel_of_each_window_is_standardized_as_by_scipy(augmented: Windows) -> None:
    normalized = WindowNormalizer().fit_transform(augmented).to_numpy()
    assert_allclose(normalized, scipy.stats.zscore(augmented.to_numpy(), axis=1), atol=1e-12)


def test_median_and_quartiles_are_those_of_the_robust_scaler(augmented: Windows) -> None:
    normalized = WindowNormalizer("median", "iqr").fit_transform(augmented).to_numpy()
    for window, original in zip(normalized, augmented.to_numpy(), strict=True):
        assert_allclose(window, RobustScaler().fit_transform(original), atol=1e-12)


def test_centering_and_scaling_can_be_left_out(augmented: Windows) -> None:
    X = augmented.to_numpy()
    for step, expected in (
        (WindowNormalizer(scale=None), X - X.mean(axis=1, keepdims=True)),
        (WindowNormalizer(center=None), X / X.std(axis=1, keepdims=True)),
        (WindowNormalizer(None, None), X),
    ):
        assert_allclose(step.fit_transform(augmented).to_numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("step", EVERY, ids=repr)
def test_flat_channels_are_not_divided_by_zero(step: Any) -> None:
    """Of 33 times 0.1 the mean is not exactly 0.1, nor is the standard deviation 0."""
    for dtype in (np.float32, np.float64):
        X = np.full((2, 33, 1), 0.1, dtype)
        expected = X if step.center is None else np.zeros_like(X)
        assert_array_equal(step.fit_transform(X), expected)


def test_where_half_of_the_samples_are_equal_the_quartiles_do_not_scale() -> None:
    X = np.array([4.0, 4, 4, 4, 4, 4, 9, 1])[None, :, None]
    assert_array_equal(WindowNormalizer("median", "iqr").fit_transform(X), X - 4)


@given(X=arrays(np.float64, (3, 9, 2), elements=st.floats(-1e6, 1e6)), step=st.sampled_from(EVERY))
def test_the_result_is_finite(X: Any, step: Any) -> None:
    assert np.isfinite(step.fit_transform(X)).all()


@given(
    X=arrays(np.float64, (3, 9, 2), elements=st.integers(-1000, 1000).map(float)),
    gain=st.sampled_from([0.25, 8.0]),
)
def test_the_gain_of_a_channel_does_not_matter(X: Any, gain: float) -> None:
    """Powers of two are not rounded."""
    step = WindowNormalizer()
    assert_array_equal(step.fit_transform(gain * X), step.fit_transform(X))


@pytest.mark.parametrize("step", EVERY, ids=repr)
def test_a_channel_with_a_missing_sample_is_missing(step: Any, augmented: Windows) -> None:
    X = augmented.to_numpy()
    X[3, 5, 1] = np.nan
    missing = np.isnan(step.fit_transform(X))
    if step.center is None and step.scale is None:
        assert missing.sum() == 1
    else:
        assert missing[3, :, 1].all()
        assert missing.sum() == 16


@pytest.mark.parametrize("step", EVERY, ids=repr)
def test_single_precision_stays(step: Any, augmented: Windows) -> None:
    X = augmented.to_numpy().astype(np.float32)
    normalized = clone(step).fit_transform(X)
    assert normalized.dtype == np.float32
    assert_allclose(normalized, step.fit_transform(X.astype(np.float64)), rtol=1e-3, atol=1e-3)


def test_windows_keep_labels_origins_and_context(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, features=["BVP", "ECG"], target="heart_rate")
    augmented = SynthefyAugmenter(ratio=0.5).fit_transform(windower.fit_transform(recordings))
    normalized = WindowNormalizer().fit_transform(augmented)
    assert isinstance(normalized, Windows)
    assert normalized.feature_names == ["BVP", "ECG"]
    assert_array_equal(normalized.y, augmented.y)
    assert_array_equal(normalized.groups, augmented.groups)
    assert_array_equal(normalized.is_synthetic, augmented.is_synthetic)
    pd.testing.assert_frame_equal(normalized.origins, augmented.origins)
    pd.testing.assert_frame_equal(normalized.context, augmented.context)


def test_labels_that_are_passed_replace_those_of_real_windows(augmented: Windows) -> None:
    real = augmented[:12]
    assert_array_equal(WindowNormalizer().fit_transform(real, np.ones(12)).y, np.ones(12))
    assert_array_equal(WindowNormalizer().fit_transform(augmented, np.ones(12)).y, augmented.y)


def test_it_stands_after_the_augmenter(recordings: pd.DataFrame) -> None:
    """Normalized windows do not lie in a recording, which is where a synthesizer of rates reads."""
    windower = SubjectWindower(256, 128, features=["BVP"], target="heart_rate")
    augmenter = SynthefyAugmenter(RateSynthesizer(32, method="stretch"))
    test = recordings["subject"] == "S6"
    after = make_pipeline(windower, augmenter, WindowNormalizer(), WindowFlattener(), Ridge())
    assert np.isfinite(after.fit(recordings[~test]).predict(recordings[test])).all()
    before = make_pipeline(windower, WindowNormalizer(), augmenter, WindowFlattener(), Ridge())
    with pytest.warns(DataWarning, match="no rows of their recording.*replaced their samples"):
        before.fit(recordings[~test])


def test_many_windows_are_normalized_like_few() -> None:
    """Windows are processed in blocks of 2^19 bytes, and by two threads from 2^23 bytes on, as here."""
    X = np.random.default_rng(5).normal(size=(5000, 256, 1))
    values = WindowNormalizer().fit_transform(X)
    for some in (slice(0, 10), slice(2490, 2510), slice(4990, 5000)):
        assert_allclose(WindowNormalizer().fit_transform(X[some]), values[some], rtol=1e-12)


def test_arrays_stay_arrays_and_unchanged(augmented: Windows) -> None:
    X = augmented.to_numpy()
    before = X.copy()
    assert type(WindowNormalizer().fit_transform(X)) is np.ndarray
    assert_array_equal(X, before)
    assert WindowNormalizer().fit(X).transform(X[:0]).shape == (0, 16, 2)


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (WindowNormalizer(center="mode"), "center='mode' is unknown: use one of 'mean', 'median'"),
        (WindowNormalizer(scale="max"), "scale='max' is unknown: use one of 'std', 'iqr', None"),
    ],
)
def test_other_centers_and_scales_are_refused(step: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        step.fit(np.zeros((2, 8, 1)))


def test_windows_unlike_those_of_fit_are_refused(augmented: Windows) -> None:
    step = WindowNormalizer().fit(augmented)
    with pytest.raises(ValueError, match=r"shape \(8, 2\), but WindowNormalizer.*\(16, 2\)"):
        step.transform(np.zeros((5, 8, 2)))
    with pytest.raises(ValueError, match="works on windows, got features"):
        step.fit(WindowStatistics().fit_transform(augmented))


def test_a_pickled_step_normalizes_as_before(augmented: Windows) -> None:
    step = WindowNormalizer().fit(augmented)
    frozen = pickle.dumps(step)
    assert not any(sample.tobytes() in frozen for sample in augmented[0].ravel())
    thawed = pickle.loads(frozen)
    assert_array_equal(thawed.transform(augmented).to_numpy(), step.transform(augmented).to_numpy())
    assert thawed.get_feature_names_out().tolist() == ["BVP", "ECG"]
