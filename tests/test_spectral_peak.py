"""The untrained picker of a rate: accuracy, places where it works, and what it refuses."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline as plain_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    DataWarning,
    SpectralPeakRegressor,
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold, window_scorer
from skaug.spectral_peak import peak_frequencies

RATE = 25.0


def picker(low: float = 0.5, high: float = 4.0, **changed: Any) -> SpectralPeakRegressor:
    return SpectralPeakRegressor(low, high, **({"sampling_rate": RATE, "channel": 0} | changed))


def sines(rates: NDArray, size: int = 200, phases: Any = 0.0) -> NDArray:
    """Return a sine per rate per minute, as one channel."""
    t = np.arange(size) / RATE
    return np.sin(2 * np.pi * np.asarray(rates)[:, None] / 60 * t + np.reshape(phases, (-1, 1)))[
        :, :, None
    ]


@given(
    rate=st.floats(45, 210),
    phase=st.floats(0, 6.3),
    offset=st.floats(-1e4, 1e4),
    scale=st.floats(1e-6, 1e6),
)
def test_the_rate_of_a_sine_is_found_far_below_the_resolution_of_the_window(
    rate: float, phase: float, offset: float, scale: float
) -> None:
    # The resolution of 8 s is 7.5 per minute. Below 6 periods the negative frequencies leak in.
    X = scale * (sines(np.array([rate]), phases=phase) + offset)
    assert abs(picker().fit(X).predict(X)[0] - rate) < 0.001 * 7.5


def test_the_estimate_is_that_of_a_spectrum_padded_much_further() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 200)).cumsum(axis=1) * 0.2 + sines(rng.uniform(50, 150, 50))[:, :, 0]
    hann = np.sin(np.pi * np.arange(200) / 200) ** 2
    frequencies = np.arange(1, 10_000) * RATE / 20_000
    phases = np.exp(-2j * np.pi * np.outer(frequencies, np.arange(200)) / RATE)
    power = np.abs(((X - X.mean(axis=1, keepdims=True)) * hann) @ phases.T) ** 2
    inside = (frequencies >= 0.5) & (frequencies <= 4)
    expected = frequencies[inside][power[:, inside].argmax(axis=1)]
    found = peak_frequencies(X, RATE, 0.5, 4)
    assert_allclose(found, expected, atol=0.01 * RATE / 200)
    assert (expected == expected.min()).any()  # random walks are strongest at the end of the band


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), low=st.floats(0.3, 2), width=st.floats(0.13, 3))
def test_predictions_never_leave_the_band(seed: int, low: float, width: float) -> None:
    X = np.random.default_rng(seed).normal(size=(20, 200, 1)).cumsum(axis=1)
    predicted = picker(low, low + width).fit(X).predict(X)
    assert (predicted >= 60 * low).all()
    assert (predicted <= 60 * (low + width)).all()


def test_the_band_chooses_between_two_rhythms() -> None:
    both = 0.3 * sines([60]) + sines([150])
    assert_allclose(picker().predict(both), 150, atol=0.1)
    assert_allclose(picker(0.5, 2).predict(both), 60, atol=0.1)


def test_the_unit_scales_the_prediction() -> None:
    X = sines([72])
    assert_allclose(picker(unit=1.0).predict(X), 1.2, atol=1e-3)
    assert_allclose(picker(unit=2.0).predict(X), 2 * picker(unit=1.0).predict(X))


def test_a_channel_is_chosen_by_name_or_by_position() -> None:
    X = np.concatenate([sines([60, 70]), sines([120, 130])], axis=2)
    windows = Windows.from_arrays(X, feature_names=["BVP", "ACC"])
    assert_allclose(picker(channel="ACC").predict(windows), [120, 130], atol=0.1)
    for channel in (0, np.int64(0)):
        by_position = picker(channel=channel)
        assert_array_equal(by_position.predict(X), picker(channel="BVP").predict(windows))


def test_channels_in_another_order_than_in_fit_are_refused() -> None:
    X = np.concatenate([sines([60]), sines([120])], axis=2)
    windows = Windows.from_arrays(X, feature_names=["BVP", "ACC"])
    swapped = Windows.from_arrays(X[:, :, ::-1], feature_names=["ACC", "BVP"])
    fitted = picker(channel=0).fit(windows)
    with pytest.raises(
        ValueError, match=r"windows of ACC, BVP, but SpectralPeakRegressor .* BVP, ACC"
    ):
        fitted.predict(swapped)
    with pytest.raises(
        ValueError, match=r"shape \(200, 1\).* fitted on windows of shape \(200, 2\)"
    ):
        fitted.predict(X[:, :, :1])
    assert_array_equal(fitted.predict(X), fitted.predict(windows))


def test_windows_that_are_computed_in_many_blocks_are_predicted_like_single_ones() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(700, 200, 2))
    predicted = picker(channel=1).predict(X)
    assert_array_equal(predicted[[0, 350, 699]], picker(channel=1).predict(X[[0, 350, 699]]))
    assert_allclose(picker(channel=1).predict(X.astype(np.float32)), predicted, atol=0.01)


def test_it_is_a_last_step_in_both_kinds_of_pipeline(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    last = picker(sampling_rate=32, channel="BVP")
    windows = windower.fit_transform(recordings)
    expected = last.predict(windows)
    for build in (make_pipeline, plain_pipeline):
        for steps in ([windower], [windower, SynthefyAugmenter()]):
            pipe = build(*steps, last).fit(recordings)
            assert_array_equal(pipe.predict(recordings), expected)
            assert pipe.score(recordings) == pytest.approx(r2_score(windows.y, expected))
    over_windows = make_pipeline(SynthefyAugmenter(), last).fit(windows, windows.y)
    assert_array_equal(over_windows.predict(windows), expected)
    assert_array_equal(
        WindowRegressor(last.set_params(channel=0)).fit(windows).predict(windows), expected
    )


def test_it_is_scored_by_cross_validation_over_rows_and_over_windows(
    recordings: pd.DataFrame, windows: Windows
) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    last = picker(sampling_rate=32, channel="BVP")
    errors = np.abs(last.predict(windows) - windows.y)
    by_subject = pd.Series(errors).groupby(windows.groups).mean()
    metric = "neg_mean_absolute_error"
    rows = cross_val_score(
        make_pipeline(windower, last), recordings, cv=SubjectKFold(6), scoring=window_scorer(metric)
    )
    over_windows = cross_val_score(last, windows, windows.y, cv=SubjectKFold(6), scoring=metric)
    assert_allclose(sorted(-rows), sorted(by_subject))
    assert_allclose(sorted(-over_windows), sorted(by_subject))


def test_other_windows_of_a_subject_are_no_overlap_for_what_learns_nothing(
    windows: Windows,
) -> None:
    last = picker(sampling_rate=32, channel="BVP")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pipe = make_pipeline(SynthefyAugmenter(), last).fit(windows[::2])
        predicted = pipe.predict(windows[1::2])
    assert_array_equal(predicted, last.predict(windows)[1::2])


def test_weights_of_windows_and_of_rows_weigh_the_score(windows: Windows) -> None:
    last = picker(sampling_rate=32, channel="BVP")
    weights = np.random.default_rng(0).uniform(size=len(windows))
    expected = r2_score(windows.y, last.predict(windows), sample_weight=weights)
    assert last.score(windows, sample_weight=weights) == expected
    with pytest.raises(ValueError, match="no labels to score"):
        last.score(windows.to_numpy())


def test_a_comparison_has_it_as_a_baseline(windows: Windows) -> None:
    last = picker(sampling_rate=32, channel="BVP")
    pipe = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4, 32), StandardScaler(), Ridge(1e4)
    )
    comparison = compare_protocols(pipe, windows, baselines={"spectral peak": last}, progress=False)
    errors = np.abs(last.predict(windows) - windows.y)
    by_subject = pd.Series(errors).groupby(windows.groups).mean()
    summary = comparison.summary().xs("neg_mean_absolute_error", level="metric")
    assert summary.loc["spectral peak", "mean"] == pytest.approx(-by_subject.mean())
    assert comparison.details["untrained_baselines"] == ["spectral peak"]
    assert re.search("^spectral peak +nothing ", comparison.table(), flags=re.M)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"low": 0}, "low=0 must be a number above 0"),
        ({"low": None}, "low=None must be a number above 0"),
        ({"high": np.inf}, "high=inf must be a number above 0"),
        ({"high": 12.5}, "between 0 and half of sampling_rate=25"),
        ({"low": 4, "high": 0.5}, "and low below high"),
        ({"sampling_rate": -1}, "sampling_rate=-1 must be a number above 0"),
        ({"sampling_rate": True}, "sampling_rate=True must be a number above 0"),
        ({"unit": 0}, "unit=0 must be a number above 0"),
        ({"low": 0.2}, "two periods of low=0.2: use windows of 250 samples or more"),
        (
            {"low": 1, "high": 1.1},
            "narrower than 0.125 Hz, the resolution of windows of 200 samples",
        ),
        (
            {"channel": "ECG"},
            "channel='ECG' is not a channel: use one of 'x0', 'x1'.",
        ),
        ({"channel": 2}, "a position from 0 to 1"),
        ({"channel": -1}, "a position from 0 to 1"),
        ({"channel": None}, "channel=None must be the name"),
    ],
)
def test_parameters_that_do_not_suit_the_windows_are_refused(
    changed: dict[str, Any], message: str
) -> None:
    X = np.random.default_rng(0).normal(size=(5, 200, 2))
    for method in ("fit", "predict"):
        with pytest.raises(ValueError, match=re.escape(message)):
            getattr(picker(**changed), method)(X)


def test_a_window_of_exactly_two_periods_and_a_band_of_one_resolution_are_enough() -> None:
    X = sines([60, 65])
    assert picker(0.25, 0.375).fit(X).predict(X).shape == (2,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_with_window_and_subject(bad: float) -> None:
    X = sines([60, 70, 80, 90])
    X[2, 17] = bad
    windows = Windows.from_arrays(X, groups=list("AABB"), feature_names=["BVP"])
    for method in ("fit", "predict"):
        for what, name in ((windows, r"window 2 \(subject 'B'\)"), (X, "window 2: ")):
            with pytest.raises(
                ValueError, match=f"NaN or infinite in 1 of 4 windows, first in {name}"
            ):
                getattr(picker(), method)(what)


def test_samples_of_other_channels_may_be_missing() -> None:
    X = np.concatenate([sines([60]), np.full((1, 200, 1), np.nan)], axis=2)
    assert_allclose(picker().fit(X).predict(X), 60, atol=0.1)


@pytest.mark.parametrize("level", [0.0, 0.1, -7e5])
def test_a_constant_window_gets_the_middle_of_the_band_with_a_warning(level: float) -> None:
    X = np.concatenate([sines([60]), np.full((1, 200, 1), level)])
    with pytest.warns(DataWarning, match="'x0' is constant in 1 of 2 windows, first in window 1,"):
        predicted = picker(0.5, 4).fit(X).predict(X)
    assert_allclose(predicted, [60, 135], atol=0.1)  # 60 (0.5 + 4) / 2 = 135


def test_labels_in_another_unit_are_announced() -> None:
    X = sines([60, 70])
    with pytest.warns(DataWarning, match="No label lies between 30 and 240.* from 1 to 1.16667"):
        picker().fit(X, [1, 70 / 60])
    picker(unit=1.0).fit(X, [1, 70 / 60])
    with pytest.raises(ValueError, match="does not predict classes"):
        picker().fit(X, ["slow", "fast"])
    with pytest.raises(ValueError, match="y contains NaN"):
        picker().fit(X, [60, np.nan])
    with pytest.raises(ValueError, match="1d array"):
        picker().fit(X, [[60, 70], [60, 70]])
    with pytest.raises(ValueError, match="1 labels, but there are 2 windows"):
        picker().fit(X, [60])


def test_no_windows_have_no_predictions() -> None:
    assert picker().predict(np.empty((0, 200, 1))).shape == (0,)
