"""Filters for recordings: their effect on sines, their parameters, and scikit-learn's checks."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.signal import butter, resample_poly, sosfiltfilt
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skaug import DataWarning
from skaug.signal import bandpass, interpolate_gaps, resample, standardize

RATE = 64
SECONDS = np.arange(60 * RATE) / RATE


def sine(frequency: float, times: NDArray = SECONDS) -> NDArray:
    return np.sin(2 * np.pi * frequency * times)[:, None]


SUBSETS, ORDER = "check_methods_subset_invariance", "check_methods_sample_order_invariance"
IN_TRANSFORM = "values are looked at in transform only, where the recording is known"

# Checks that cannot hold where the rows are a signal, and why.
OF_A_SIGNAL = {
    bandpass: {
        SUBSETS: "a filter needs all rows of a recording",
        ORDER: "a filter depends on the order of the rows",
        "check_estimators_nan_inf": IN_TRANSFORM,
    },
    resample: {"check_estimators_nan_inf": IN_TRANSFORM},
    standardize: {SUBSETS: "the mean is that of all rows"},
    interpolate_gaps: {
        "check_estimators_pickle": "gaps need times",
        "check_estimators_pickle(readonly_memmap=True)": "gaps need times",
    },
}


# The recordings of these checks have 20 rows or so.
@pytest.mark.filterwarnings("ignore:.* rows are fewer than:skaug.DataWarning")
@parametrize_with_checks(
    [bandpass(0.5, 4, RATE), resample(RATE, RATE), standardize(), interpolate_gaps(1.0)],
    expected_failed_checks=lambda estimator: OF_A_SIGNAL[type(estimator)],
)
def test_scikit_learn_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "step",
    [bandpass(0.5, 4, RATE), resample(None, 25), standardize(), interpolate_gaps(0.5)],
    ids=lambda step: type(step).__name__,
)
def test_steps_are_cloned_pickled_and_shown_as_they_are_written(step: Any) -> None:
    names = {"bandpass": bandpass, "resample": resample, "standardize": standardize}
    names["interpolate_gaps"] = interpolate_gaps
    rebuilt = eval(repr(step), names)  # what a reader would copy
    for same in (clone(step), pickle.loads(pickle.dumps(step)), rebuilt):
        assert same.get_params() == step.get_params()


@pytest.mark.parametrize(
    "step",
    [bandpass(0.5, 4, RATE), resample(RATE, 25), standardize(), interpolate_gaps(0.5)],
    ids=lambda step: type(step).__name__,
)
def test_single_precision_stays_single(step: Any) -> None:
    X = np.random.default_rng(0).normal(size=(500, 2))
    single = step.fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, step.fit_transform(X), atol=1e-5)


# ---------------------------------------------------------------------------- bandpass


def test_a_band_pass_is_that_of_scipy_run_forward_and_backward() -> None:
    X = np.random.default_rng(0).normal(size=(1000, 2))
    sections = butter(3, (0.5, 4), "bandpass", fs=RATE, output="sos")
    filtered = bandpass(0.5, 4, RATE, order=3).fit_transform(X)
    assert_allclose(filtered, sosfiltfilt(sections, X, axis=0), atol=1e-12)


@pytest.mark.parametrize(
    ("frequency", "gain"), [(0.05, 0.0), (0.5, 0.5), (1.5, 1.0), (4.0, 0.5), (16.0, 0.0)]
)
def test_a_band_pass_keeps_its_band_and_halves_its_edges(frequency: float, gain: float) -> None:
    """Butterworth: half the power at the edges, and so half the amplitude after two passes."""
    filtered = bandpass(0.5, 4, RATE).fit_transform(sine(frequency))
    inside = slice(10 * RATE, -10 * RATE)
    assert_allclose(filtered[inside], gain * sine(frequency)[inside], atol=0.005)


def test_the_edges_of_a_recording_are_distorted_as_documented() -> None:
    """The largest error over all phases of a sine, at its start, one and two periods of 0.5 Hz away."""
    phases = np.linspace(0, 1, 64)
    sines = np.sin(2 * np.pi * (1.5 * SECONDS[:, None] + phases))
    error = np.abs(bandpass(0.5, 4, RATE).fit_transform(sines) - sines).max(axis=1)
    inside = len(error) // 2
    assert error[:inside].max() == pytest.approx(1.13, abs=0.005)
    assert error[2 * RATE : inside].max() == pytest.approx(0.07, abs=0.005)
    assert error[4 * RATE : inside].max() == pytest.approx(0.01, abs=0.001)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (4, 0.5), (0.5, 32), (None, 4), (0.5, np.inf)])
def test_a_band_outside_of_the_spectrum_is_refused(low: Any, high: Any) -> None:
    with pytest.raises(ValueError, match="0 < low < high < 32"):
        bandpass(low, high, RATE).fit(sine(1))


def test_missing_values_are_refused_with_the_remedy() -> None:
    X = sine(1)
    X[7] = np.nan
    for step in (bandpass(0.5, 4, RATE), resample(RATE, 25)):
        with pytest.raises(ValueError, match=r"1 values are NaN or infinite.*interpolate_gaps"):
            step.fit_transform(X)


@pytest.mark.parametrize("n_rows", [1, 2, 27, 127])
def test_a_recording_shorter_than_a_period_is_filtered_with_a_warning(n_rows: int) -> None:
    with pytest.warns(DataWarning, match=f"{n_rows} rows are fewer than the 128"):
        assert bandpass(0.5, 4, RATE).fit_transform(sine(1)[:n_rows]).shape == (n_rows, 1)


def test_times_that_contradict_the_sampling_rate_are_refused() -> None:
    for step in (bandpass(0.5, 4, RATE), resample(RATE, 32)):
        step.fit(sine(1))
        step.transform(sine(1), times=SECONDS)
        with pytest.raises(ValueError, match="pass 25"):
            step.transform(sine(1), times=np.arange(len(SECONDS)) / 25)


@pytest.mark.parametrize("step", [bandpass(0.5, 4, RATE), resample(RATE, 32)])
def test_lost_rows_are_noticed_by_the_number_of_rows_in_their_time(step: Any) -> None:
    """Nine of ten rows: 57.6 per second, although most are 1/64 s apart."""
    kept = np.arange(len(SECONDS)) % 10 > 0
    step.fit(sine(1))
    with pytest.warns(DataWarning, match=r"57\.\d+ rows per unit of the times on average, not 64"):
        step.transform(sine(1)[kept], times=SECONDS[kept])


@pytest.mark.parametrize(
    "times",
    [
        SECONDS + 100 * (SECONDS > 7),  # PerRecording announces gaps
        np.floor(SECONDS),
        SECONDS + np.random.default_rng(0).uniform(0, 1 / RATE, size=len(SECONDS)),
        SECONDS / 1.015,
    ],
    ids=["gap", "rounded", "jitter", "1.5 % faster"],
)
def test_nothing_is_said_of_as_many_rows_as_the_rate_says(times: NDArray) -> None:
    step = bandpass(0.5, 4, RATE).fit(sine(1))
    assert len(step.transform(sine(1), times=times)) == len(SECONDS)


# ---------------------------------------------------------------------------- resample


def test_resampling_is_that_of_scipy() -> None:
    X = np.random.default_rng(0).normal(size=(1001, 2))
    mean = X.mean(axis=0)
    expected = resample_poly(X - mean, 25, 64, padtype="line") + mean
    assert_array_equal(resample(RATE, 25).fit_transform(X), expected)


@pytest.mark.parametrize("to", [16, 25, 32, 64, 100, 12.5])
def test_a_resampled_sine_is_the_sine_at_the_new_times(to: float) -> None:
    resampled = resample(RATE, to).fit_transform(sine(1.5))
    times = np.arange(len(resampled)) / to
    inside = slice(int(2 * to), int(-2 * to))
    assert_allclose(resampled[inside], sine(1.5, times)[inside], atol=0.01)
    assert_allclose(resample(RATE, to).row_positions(len(SECONDS)) / RATE, times)


def test_what_the_new_rate_cannot_hold_is_filtered_out() -> None:
    """20 Hz at 25 Hz would look like 5 Hz."""
    resampled = resample(RATE, 25).fit_transform(sine(20))
    assert np.abs(resampled[50:-50]).max() < 0.01
    aliased = sine(20)[::4]  # 16 Hz by leaving rows out: it looks like 4 Hz
    assert np.abs(aliased).max() > 0.9


def test_a_level_stays_what_it_is_up_to_the_ends() -> None:
    assert_allclose(resample(RATE, 25).fit_transform(np.full((100, 1), 5.0)), 5.0)


def test_a_ratio_of_large_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="round one of them"):
        resample(64.0001, np.pi).fit(sine(1))


def irregular(rate: float, seconds: float, seed: int = 0) -> NDArray:
    """Times whose steps vary by a third."""
    steps = np.random.default_rng(seed).uniform(2 / 3, 4 / 3, size=int(rate * seconds)) / rate
    return np.cumsum(steps)


@pytest.mark.parametrize(("rate", "to"), [(28, 25), (28, 12), (28, 64)])
def test_irregular_rows_come_to_a_regular_grid(rate: float, to: float) -> None:
    times = irregular(rate, 60)
    step = resample(None, to).fit(sine(1, times))
    resampled = step.transform(sine(1, times), times=times)
    grid = times[0] + np.arange(len(resampled)) / to
    assert grid[-1] <= times[-1] + 1e-6 < grid[-1] + 1 / to + 1e-6
    inside = slice(int(2 * to), int(-2 * to))
    assert_allclose(resampled[inside], sine(1, grid)[inside], atol=0.03)
    positions = step.row_positions(len(times), times)
    assert_allclose(np.interp(positions, np.arange(len(times)), times), grid)


def test_irregular_rows_are_not_aliased_either() -> None:
    times = irregular(200, 60)
    step = resample(None, 25).fit(sine(20, times))
    assert np.abs(step.transform(sine(20, times), times=times)[50:-50]).max() < 0.05


def test_irregular_rows_need_their_times() -> None:
    step = resample(None, 25).fit(sine(1))
    with pytest.raises(ValueError, match="name their column"):
        step.transform(sine(1))
    with pytest.raises(ValueError, match="ascending order"):
        step.transform(sine(1), times=SECONDS[::-1])


def test_times_in_another_unit_are_noticed() -> None:
    milliseconds = 1000 * irregular(28, 60)
    step = resample(None, 25).fit(milliseconds[:, None])
    with pytest.raises(ValueError, match="Are they in seconds"):
        step.transform(milliseconds[:, None], times=milliseconds)


def test_one_row_stays_one_row() -> None:
    X = np.array([[3.0]])
    assert resample(None, 25).fit(X).transform(X, times=[7.0]).tolist() == [[3.0]]
    assert resample(RATE, 25).fit_transform(X).tolist() == [[3.0]]


# ---------------------------------------------------------------------------- standardize


def test_a_standardized_recording_has_mean_0_and_standard_deviation_1() -> None:
    X = np.random.default_rng(0).normal(5, 3, size=(100, 3))
    X[::7, 1] = np.nan
    X[:, 2] = 0.1
    result = standardize().fit_transform(X)
    assert_allclose(np.nanmean(result[:, :2], axis=0), 0, atol=1e-12)
    assert_allclose(np.nanstd(result[:, :2], axis=0), 1)
    assert_array_equal(np.isnan(result), np.isnan(X))
    assert_array_equal(result[:, 2], 0)


# ---------------------------------------------------------------------------- interpolate_gaps


@given(st.lists(st.booleans(), min_size=2, max_size=60), st.integers(1, 9), st.integers(0, 5))
def test_short_gaps_are_on_the_line_and_long_ones_stay(
    is_gap: list[bool], max_gap: int, seed: int
) -> None:
    gap = np.array(is_gap)
    times = np.cumsum(np.random.default_rng(seed).integers(1, 4, size=len(gap))).astype(float)
    line = 3 * times + 1
    X = np.where(gap, np.nan, line)[:, None]
    filled = interpolate_gaps(max_gap).fit(X).transform(X, times=times)[:, 0]
    assert_allclose(filled[~gap], line[~gap])
    for row in np.flatnonzero(gap):
        before, after = np.flatnonzero(~gap[:row]), row + np.flatnonzero(~gap[row:])
        is_short = len(before) and len(after) and times[after[0]] - times[before[-1]] <= max_gap
        assert np.isnan(filled[row]) != bool(is_short)
        if is_short:
            assert filled[row] == pytest.approx(line[row])


def test_gaps_need_the_times_of_the_rows() -> None:
    X = np.array([[1.0], [np.nan], [3.0]])
    with pytest.raises(ValueError, match="time="):
        interpolate_gaps(1).fit_transform(X)
    with pytest.raises(ValueError, match="max_gap=0"):
        interpolate_gaps(0).fit(X)
