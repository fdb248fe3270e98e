"""Transforms of windows: what each does exactly, what it keeps, and what it depends on."""

from __future__ import annotations

import pickle
import re
import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skaug import (
    DataWarning,
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug._random import noise
from skaug.evaluation.quality.adherence import peak_frequencies
from skaug.model_selection import SubjectKFold, window_scorer
from skaug.synthesis import (
    Drift,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    Mask,
    Permute,
    Rotate,
    Scale,
    TimeShift,
    TimeWarp,
    Transform,
    TransformSynthesizer,
)
from skaug.synthesis.base import LABEL_KINDS
from skaug.synthesis.transforms.curves import curves

AXES = ("x0", "x1", "x2")
EVERY: list[Transform] = [
    TimeShift(max_shift=7),
    Jitter(),
    Scale(),
    Drift(),
    MagnitudeWarp(),
    TimeWarp(),
    Permute(),
    Mask(),
    Rotate(AXES),
    FrequencyMask(),
]
CHANCE = 1e-9  # of a false alarm, if the numbers are what they should be: the seed is fixed


def named(transform: Transform) -> str:
    return type(transform).__name__


def windows_of(size: int = 64, n: int = 12, channels: int = 3, dtype: str = "float64") -> Windows:
    """Correlated channels with different means, of three subjects."""
    rng = np.random.default_rng(size)
    X = rng.normal(size=(n, size, channels)) @ rng.normal(size=(channels, channels))
    X += 10 * rng.normal(size=(n, 1, channels))
    return Windows.from_arrays(
        X.astype(dtype), y=np.arange(float(n)), groups=np.resize(["A", "B", "C"], n)
    )


def recorded(n_rows: int = 400, size: int = 32, stride: int = 16, **parameters: Any) -> Windows:
    """Windows of two subjects whose channels and target count rows: each value names its row."""
    at = np.tile(np.arange(float(n_rows)), 2)
    frame = pd.DataFrame({"BVP": at, "ACC": -at, "rate": 60 + at / 10, "subject": "A"})
    frame.loc[n_rows:, "subject"] = "B"
    frame.loc[n_rows:, "BVP"] += 1000
    windower = SubjectWindower(size, stride, features=["BVP", "ACC"], target="rate", **parameters)
    return windower.fit_transform(frame)


def made(transforms: Any, windows: Windows, p: float = 1.0, random_state: int = 0) -> Windows:
    if isinstance(transforms, Transform):
        transforms = [transforms]
    with warnings.catch_warnings():
        # Windows of arrays lie in no recording.
        warnings.filterwarnings("ignore", r"\d+ of \d+ training windows have no", DataWarning)
        synthesizer = TransformSynthesizer(transforms, p, random_state).fit(windows)
    return synthesizer.synthesize(windows)


def changed(transforms: Any, windows: Windows, **parameters: Any) -> np.ndarray:
    return made(transforms, windows, **parameters).to_numpy()


# What each transform does


def test_jitter_is_white_noise_of_sigma_within_window_deviations() -> None:
    """Sums of squares of n normal numbers are chi-square distributed; so are those of neighbors' sums."""
    windows = windows_of(200, n=300)
    X = windows.to_numpy()
    within = np.sqrt(X.var(axis=1).mean(axis=0))
    z = (changed(Jitter(sigma=0.3), windows) - X) / (0.3 * within)
    low, high = scipy.stats.chi2.ppf([CHANCE, 1 - CHANCE], z[:, :, 0].size)
    for of_channel in np.moveaxis(z, 2, 0):
        assert low < np.sum(of_channel**2) < high
    low, high = scipy.stats.chi2.ppf([CHANCE, 1 - CHANCE], z[:, 1::2].size)
    for pairs in (z[:, ::2] + z[:, 1::2], z[:, ::2] - z[:, 1::2]):
        assert low < np.sum(pairs**2) / 2 < high
    # A correlation of n independent pairs of normal numbers has a standard deviation of 1 / sqrt(n).
    correlations = np.corrcoef(z.reshape(-1, 3).T)[np.triu_indices(3, 1)]
    assert np.abs(correlations).max() < 6 / np.sqrt(z[:, :, 0].size)


def test_noise_is_normal() -> None:
    """By the Dvoretzky-Kiefer-Wolfowitz inequality, P(D > e) <= 2 exp(-2 n e^2)."""
    z = noise(np.arange(400, dtype=np.uint64), 501).ravel()
    distance = scipy.stats.kstest(z, "norm").statistic
    assert distance < np.sqrt(np.log(2 / CHANCE) / (2 * len(z)))
    assert noise(np.arange(3, dtype=np.uint64), 501).dtype == np.float32
    # The two halves come from the same 64-bit numbers, and the windows from neighboring keys.
    z = z.reshape(400, 501)
    for one, other in [(z[:, :250], z[:, 251:]), (z[:-1], z[1:])]:
        for power in (1, 2):
            r = np.corrcoef(one.ravel() ** power, other.ravel() ** power)[0, 1]
            assert abs(r) < 6 / np.sqrt(one.size)


def test_a_channel_that_does_not_change_gets_no_noise_and_no_drift() -> None:
    X = windows_of().to_numpy()
    X[:, :, 1] = 5.0
    synthetic = changed([Jitter(), Drift()], Windows.from_arrays(X))
    assert_array_equal(synthetic[:, :, 1], 5.0)
    assert (synthetic[:, :, [0, 2]] != X[:, :, [0, 2]]).any(axis=1).all()


@pytest.mark.parametrize("transform", [Jitter(), Drift()], ids=named)
def test_windows_that_miss_values_do_not_count_for_the_unit_of_noise(transform: Transform) -> None:
    windows = windows_of()
    X = windows.to_numpy()
    X[3, 5, 0], X[4, 5, 1] = np.nan, np.inf
    fitted = clone(transform).fit(Windows.from_arrays(X))
    finite = [np.delete(X[:, :, c], c + 3, axis=0) for c in (0, 1)] + [X[:, :, 2]]
    expected = [np.sqrt(of_channel.var(axis=1).mean()) for of_channel in finite]
    assert_allclose(fitted.deviations_, expected, rtol=1e-12)


def test_scale_is_a_log_normal_gain_about_the_mean() -> None:
    windows = windows_of(50, n=2000)
    X, S = windows.to_numpy(), changed(Scale(sigma=0.2), windows)
    assert_allclose(S.mean(axis=1), X.mean(axis=1), rtol=0, atol=1e-12)
    gains = S.std(axis=1) / X.std(axis=1)
    expected = gains[:, None] * (X - X.mean(axis=1, keepdims=True))
    assert_allclose(S - S.mean(axis=1, keepdims=True), expected, rtol=0, atol=1e-12)
    distance = scipy.stats.kstest(np.log(gains).ravel() / 0.2, "norm").statistic
    assert distance < np.sqrt(np.log(2 / CHANCE) / (2 * gains.size))


def test_drift_is_smooth_and_reaches_at_most_its_largest_excursion() -> None:
    windows = windows_of(300, n=500)
    X = windows.to_numpy()
    drift = changed(Drift(max_drift=2, n_points=4), windows) - X
    reach = np.abs(drift).max(axis=1) / np.sqrt(X.var(axis=1).mean(axis=0))
    # The reach is uniform between 0 and 2: see the inequality above.
    distance = scipy.stats.kstest(reach.ravel() / 2, "uniform").statistic
    assert distance < np.sqrt(np.log(2 / CHANCE) / (2 * reach.size))
    # A cubic is determined by its values at four points; three segments are cubics.
    at = np.arange(100)
    fits = np.polynomial.polynomial.polyfit(at, drift[:, :100, 0].T, 3)
    first_third = np.polynomial.polynomial.polyval(at, fits)
    assert_allclose(first_third, drift[:, :100, 0], rtol=0, atol=1e-9)


def test_curves_pass_through_their_knots() -> None:
    knots = np.random.default_rng(0).normal(size=(3, 2, 5))
    assert_allclose(curves(knots, 101, np.float64)[:, :, ::25], knots, atol=1e-12)
    assert_allclose(curves(knots[:, :, :2], 11, np.float64)[:, :, 5], knots[:, :, :2].mean(axis=2))


def test_a_warped_magnitude_is_a_positive_smooth_gain_about_the_mean() -> None:
    windows = windows_of(300, n=100)
    X, S = windows.to_numpy(), changed(MagnitudeWarp(sigma=0.5, n_knots=4), windows)
    means = X.mean(axis=1, keepdims=True)
    logs = np.log((S - means) / (X - means))  # not a number if a gain were negative
    fits = np.polynomial.polynomial.polyfit(np.arange(100), logs[:, :100, 0].T, 3)
    first_third = np.polynomial.polynomial.polyval(np.arange(100), fits)
    assert_allclose(first_third, logs[:, :100, 0], rtol=0, atol=1e-6)
    knots = logs[:, [0, -1]].ravel() / 0.5
    distance = scipy.stats.kstest(knots, "norm").statistic
    assert distance < np.sqrt(np.log(2 / CHANCE) / (2 * len(knots)))


def test_warped_time_increases_and_keeps_the_ends() -> None:
    ramp = np.tile(np.arange(128.0)[:, None] * [1, -2], (50, 1, 1))
    times = changed(TimeWarp(sigma=0.5), Windows.from_arrays(ramp))
    assert (np.diff(times[:, :, 0], axis=1) > 0).all()
    assert_allclose(times[:, [0, -1]], ramp[:, [0, -1]], atol=1e-9)
    inner = times[:, 2:-2]  # at the ends, samples are repeated
    assert_allclose(inner[:, :, 1], -2 * inner[:, :, 0], rtol=1e-12)
    assert (np.abs(times - ramp).max(axis=(1, 2)) > 0.5).all()


def test_samples_of_warped_time_are_interpolated_to_third_order() -> None:
    """Keys' cubic convolution has an error of the order h^3: a parabola is exact but at the ends."""
    t = np.arange(128.0)
    X = np.stack([t, t**2], axis=1)[None].repeat(20, axis=0)
    S = changed(TimeWarp(sigma=0.3), Windows.from_arrays(X))
    inner = (S[:, :, 0] > 1) & (S[:, :, 0] < 126)
    assert inner.mean() > 0.9
    assert_allclose(S[inner, 1], S[inner, 0] ** 2, rtol=1e-12)


def test_warped_windows_hold_as_many_cycles() -> None:
    t = np.arange(512) / 64
    X = np.sin(2 * np.pi * 1.5 * t + 0.3)[None, :, None].repeat(50, axis=0)
    S = changed(TimeWarp(sigma=0.3), Windows.from_arrays(X))[:, :, 0]
    crossings = np.count_nonzero(np.diff(np.sign(S), axis=1), axis=1)
    assert_array_equal(crossings, np.count_nonzero(np.diff(np.sign(X[0, :, 0]))))


def test_permuted_windows_hold_the_same_samples_in_segments() -> None:
    windows = Windows.from_arrays(np.tile(np.arange(50.0)[:, None] * [1, 2], (300, 1, 1)))
    S = changed(Permute(n_segments=4), windows)
    assert_array_equal(np.sort(S, axis=1), windows.to_numpy())
    assert_array_equal(S[:, :, 1], 2 * S[:, :, 0])
    seams = np.diff(S[:, :, 0], axis=1) != 1
    assert seams.sum(axis=1).max() == 3
    segments = [range(12), range(12, 25), range(25, 37), range(37, 50)]
    orders = {tuple(window[:, 0].astype(int)) for window in S}
    possible = {
        tuple(
            row
            for segment in np.random.default_rng(seed).permutation(4)
            for row in segments[segment]
        )
        for seed in range(1000)
    }
    assert orders == possible  # 24 orders: one of them is missing in 300 with probability 7e-5


def test_a_mask_is_one_stretch_of_the_mean_in_all_channels() -> None:
    windows = windows_of(40, n=1000)
    X, S = windows.to_numpy(), changed(Mask(fraction=0.25), windows)
    is_masked = S != X
    assert_array_equal(is_masked.sum(axis=1), 10)
    assert (is_masked == is_masked[:, :, :1]).all()
    assert (np.diff(is_masked[:, :, 0].astype(int), axis=1) == 1).sum(axis=1).max() == 1
    means = np.broadcast_to(X.mean(axis=1, keepdims=True), X.shape)
    assert_allclose(S[is_masked], means[is_masked], rtol=1e-12)
    assert set(is_masked[:, :, 0].argmax(axis=1)) == set(range(31))


def test_a_masked_band_holds_no_power_and_other_frequencies_stay() -> None:
    windows = windows_of(100, n=1000)
    X, S = (
        np.fft.rfft(Z, axis=1) for Z in (windows.to_numpy(), changed(FrequencyMask(0.2), windows))
    )
    is_masked = np.abs(S) < 1e-9
    assert_array_equal(is_masked.sum(axis=1), 10)  # of 50 frequencies
    assert not is_masked[:, 0].any()
    assert (np.diff(is_masked[:, :, 0].astype(int), axis=1) == 1).sum(axis=1).max() == 1
    assert_allclose(S[~is_masked], X[~is_masked], atol=1e-9)
    assert set(is_masked[:, :, 0].argmax(axis=1)) == set(range(1, 42))


def test_a_mask_is_at_least_one_sample_or_one_frequency() -> None:
    windows = windows_of(40)
    X = windows.to_numpy()
    assert_array_equal((changed(Mask(1e-6), windows) != X).sum(axis=1), 1)
    removed = np.abs(np.fft.rfft(changed(FrequencyMask(1e-6), windows), axis=1)) < 1e-9
    assert_array_equal(removed.sum(axis=1), 1)


def test_masks_of_everything_leave_the_mean() -> None:
    windows = windows_of(40)
    means = np.broadcast_to(windows.to_numpy().mean(axis=1, keepdims=True), windows.shape)
    assert_allclose(changed(Mask(1.0), windows), means, rtol=1e-12)
    assert_allclose(changed(FrequencyMask(1.0), windows), means, rtol=1e-12)


# Rotations


def test_rotations_keep_norms_angles_and_handedness() -> None:
    X = np.random.default_rng(0).normal(size=(200, 30, 3))
    S = changed(Rotate(AXES), Windows.from_arrays(X))
    for before, after in zip(X, S, strict=True):
        assert_allclose(after @ after.T, before @ before.T, rtol=0, atol=1e-12)
        assert_allclose(np.linalg.det(after[:3]), np.linalg.det(before[:3]), rtol=1e-9)


def test_rotations_are_uniform() -> None:
    """A turned axis is uniform on the sphere, so that each coordinate is uniform on [-1, 1] (Archimedes).

    The angle w of a uniform rotation has the density (1 - cos w) / pi on [0, pi].
    """
    X = np.tile(np.eye(3), (4000, 1, 1))
    turned = changed(Rotate(AXES), Windows.from_arrays(X))
    bound = np.sqrt(np.log(18 / CHANCE) / (2 * len(X)))
    for coordinate in turned.reshape(-1, 9).T:
        assert scipy.stats.kstest((coordinate + 1) / 2, "uniform").statistic < bound
    angles = np.arccos(np.clip((np.trace(turned, axis1=1, axis2=2) - 1) / 2, -1, 1))
    found = scipy.stats.kstest(angles, lambda w: (w - np.sin(w)) / np.pi).statistic
    assert found < bound


def test_each_sensor_has_a_rotation_of_its_own_and_other_channels_stay() -> None:
    X = np.random.default_rng(0).normal(size=(20, 30, 3))
    X = np.concatenate([X, X[:, :, [0]], X], axis=2)
    windows = Windows.from_arrays(X, feature_names=[*"xyzpabc"])
    S = changed(Rotate([("x", "y", "z"), ("a", "b", "c")]), windows)
    assert_array_equal(S[:, :, 3], X[:, :, 3])
    assert_array_equal(S[:, :, :3], changed(Rotate(("x", "y", "z")), windows)[:, :, :3])
    for sensor in (S[:, :, :3], S[:, :, 4:]):
        assert_allclose(np.linalg.norm(sensor, axis=2), np.linalg.norm(X[:, :, :3], axis=2))
    assert (np.abs(S[:, :, :3] - S[:, :, 4:]).max(axis=(1, 2)) > 0.1).all()


# Shifts within the recording


def test_shifted_windows_are_rows_of_the_recording_and_labels_follow() -> None:
    windows = recorded()
    conditions = windows[np.tile(np.arange(len(windows)), 50)]
    conditions = conditions._drawn(np.repeat(np.arange(50), len(windows)))
    synthesizer = TransformSynthesizer([TimeShift(max_shift=10)]).fit(windows)
    synthetic = synthesizer.synthesize(conditions)
    shifts = synthetic.to_numpy()[:, 0, 0] - conditions.to_numpy()[:, 0, 0]
    rows = conditions.to_numpy()[:, :, 0] + shifts[:, None]
    assert_array_equal(synthetic.to_numpy()[:, :, 0], rows)
    assert_array_equal(synthetic.to_numpy()[:, :, 1], -(rows % 1000))
    assert_allclose(synthetic.y, 60 + (rows % 1000).mean(axis=1) / 10, rtol=1e-12)
    at_start = conditions.provenance.first_row == 0
    at_end = conditions.provenance.first_row == 400 - 32
    assert set(shifts[at_start]) == set(range(11))
    assert set(shifts[at_end]) == set(range(-10, 1))
    assert set(shifts[~at_start & ~at_end]) == set(range(-10, 11))


def test_a_fraction_is_one_of_the_window() -> None:
    windows = recorded()
    one, other = (changed(TimeShift(shift), windows) for shift in (0.25, 8))
    assert_array_equal(one, other)
    assert not np.array_equal(one, changed(TimeShift(9), windows))


def test_rows_that_are_not_in_the_training_windows_are_never_read() -> None:
    """Windows 0 to 2 and 8 to 12 overlap among themselves; the rows between belong to test windows."""
    windows = recorded(size=32, stride=16)
    first = windows[windows.groups == "A"]
    kept = first[[0, 1, 2, 8, 9, 10, 11, 12]]
    for seed in range(20):
        values = changed(TimeShift(1.0), kept, random_state=seed)[:, :, 0]
        covered = (values <= 63) | ((values >= 128) & (values <= 223))
        assert covered.all()


def test_adjoining_windows_are_stitched_but_boundaries_are_not_crossed() -> None:
    at = np.arange(128.0)
    frame = pd.DataFrame({"BVP": at, "subject": "A", "session": np.repeat([1, 2], 64)})
    windower = SubjectWindower(32, 32, features=["BVP"], boundaries="session")
    windows = windower.fit_transform(frame)
    starts = np.concatenate(
        [changed(TimeShift(32), windows, random_state=seed)[:, 0, 0] for seed in range(200)]
    ).reshape(200, 4)
    assert [set(of_window) for of_window in starts.T] == [
        set(range(33)),
        set(range(33)),
        set(range(64, 97)),
        set(range(64, 97)),
    ]


def test_labels_that_are_passed_are_interpolated_between_windows() -> None:
    """Labels 10 apart per stride of 16 rows rise by 10 / 16 per row, but at the ends."""
    windows = recorded()
    windows = windows[windows.groups == "A"].relabel(10.0 * np.arange(24) + 0.5)
    synthetic = made(TimeShift(4), windows)
    shifts = synthetic.to_numpy()[:, 0, 0] - windows.to_numpy()[:, 0, 0]
    inner = slice(2, -2)
    assert_allclose(
        synthetic.y[inner], windows.y[inner] + 10 / 16 * shifts[inner], rtol=0, atol=1e-9
    )
    assert len(set(shifts)) > 3


@pytest.mark.parametrize("how", ["first", "mode"])
def test_labels_that_may_be_classes_stay(how: str) -> None:
    at = np.arange(200)
    for classes in ((at // 50).astype(float), at // 50, np.array(list("abcd"))[at // 50]):
        frame = pd.DataFrame({"BVP": at * 1.0, "kind": classes, "subject": "A"})
        windower = SubjectWindower(20, 10, features=["BVP"], target="kind", target_agg=how)
        windows = windower.fit_transform(frame)
        synthetic = made(TimeShift(10), windows)
        assert_array_equal(synthetic.y, windows.y)
        assert synthetic.y.dtype == windows.y.dtype


def test_several_labels_per_window_that_would_not_follow_are_refused() -> None:
    windows = recorded()
    both = np.stack([windows.y, -windows.y], axis=1)
    with pytest.raises(ValueError, match="have 2 labels each, but TimeShift moves one"):
        made(TimeShift(2), windows.relabel(both))
    kinds = windows.relabel(both.astype(int))
    assert_array_equal(made(TimeShift(2), kinds).y, kinds.y)
    alone = Windows.from_arrays(windows.to_numpy(), both)
    assert_array_equal(made(TimeShift(2), alone).y, both)


def test_windows_without_labels_are_shifted() -> None:
    windows = Windows.from_arrays(np.zeros((3, 8, 1)))
    assert made(TimeShift(2), windows).y is None


def test_windows_that_cannot_be_stitched_are_shifted_circularly_with_a_warning() -> None:
    X = np.tile(np.arange(20.0)[:, None] * [1, 2], (400, 1, 1))
    windows = Windows.from_arrays(X, y=np.arange(400.0))
    synthesizer = TransformSynthesizer([TimeShift(3)])
    with pytest.warns(DataWarning, match="400 of 400 training windows have no .* circularly"):
        synthesizer.fit(windows)
    synthetic = synthesizer.synthesize(windows)
    shifts = synthetic.to_numpy()[:, 0, 0].astype(int)
    for window, shift in zip(synthetic.to_numpy(), shifts, strict=True):
        assert_array_equal(window, np.roll(X[0], -shift, axis=0))
    assert set(shifts) == {17, 18, 19, 0, 1, 2, 3}
    assert_array_equal(synthetic.y, windows.y)


def test_windows_that_were_not_fitted_are_shifted_circularly() -> None:
    windows = recorded()
    A, B = windows[windows.groups == "A"], windows[windows.groups == "B"]
    synthesizer = TransformSynthesizer([TimeShift(3)]).fit(A)
    assert_array_equal(
        np.sort(synthesizer.synthesize(B).to_numpy(), axis=1), np.sort(B.to_numpy(), axis=1)
    )
    assert_array_equal(synthesizer.synthesize(B).y, B.y)


def test_no_warning_if_most_windows_can_be_stitched() -> None:
    windows = recorded()
    far = windows[np.r_[0:5, 10, 20]]
    synthesizer = TransformSynthesizer([TimeShift(3)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        synthesizer.fit(far)
    assert not any(issubclass(each.category, DataWarning) for each in caught)
    synthetic = synthesizer.synthesize(far).to_numpy()[:, :, 0]
    shifts = synthetic[:, 0] - far.to_numpy()[:, 0, 0]
    # Windows 0 to 4 are shifted within rows 0 to 95 of the recording; 10 and 20 lie alone.
    assert_array_equal(synthetic[:5], far.to_numpy()[:5, :, 0] + shifts[:5, None])
    assert_array_equal(np.sort(synthetic[5:], axis=1), np.sort(far.to_numpy()[5:, :, 0], axis=1))
    assert len(set(shifts[:5])) > 1


def test_windows_that_occur_twice_are_stitched_once() -> None:
    windows = recorded()
    twice = windows[np.r_[0 : len(windows), 0 : len(windows)]]
    assert_array_equal(
        changed(TimeShift(5), twice), np.tile(changed(TimeShift(5), windows), (2, 1, 1))
    )


def test_a_transform_that_reads_the_recording_is_first() -> None:
    with pytest.raises(ValueError, match=r"TimeShift reads the recording.*put it first"):
        TransformSynthesizer([Jitter(), TimeShift()]).fit(windows_of())


# What a synthetic window depends on


@pytest.mark.parametrize(
    "transforms", [*([one] for one in EVERY), EVERY], ids=lambda t: f"{len(t)}"
)
@given(
    chosen=st.lists(st.integers(0, 39), max_size=30),
    draws=st.lists(st.integers(0, 2), min_size=30, max_size=30),
    size=st.sampled_from([8, 33]),
    dtype=st.sampled_from(["float64", "float32"]),
    p=st.sampled_from([0.5, 1.0]),
)
@settings(max_examples=15)
def test_a_window_depends_on_seed_origin_and_draw_only(
    transforms: list[Transform],
    chosen: list[int],
    draws: list[int],
    size: int,
    dtype: str,
    p: float,
) -> None:
    """Not on the order, repetition or presence of other conditions."""
    windows = windows_of(size, n=40, dtype=dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        synthesizer = TransformSynthesizer(transforms, p=p, random_state=1).fit(windows)
    conditions = windows[chosen]._drawn(draws[: len(chosen)])
    together = synthesizer.synthesize(conditions).to_numpy()
    assert together.dtype == dtype
    for i in range(len(chosen)):
        assert_array_equal(synthesizer.synthesize(conditions[i : i + 1]).to_numpy()[0], together[i])


@pytest.mark.parametrize("transform", EVERY, ids=named)
def test_many_windows_are_transformed_as_few_are(transform: Transform) -> None:
    """Two threads work in blocks."""
    windows = windows_of(256, n=3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        synthesizer = TransformSynthesizer([transform]).fit(windows)
    every = synthesizer.synthesize(windows).to_numpy()
    for some in (slice(0, 3), slice(38, 50), slice(1497, 1503), slice(2997, 3000)):
        assert_array_equal(synthesizer.synthesize(windows[some]).to_numpy(), every[some])


@pytest.mark.parametrize("transform", EVERY, ids=named)
@pytest.mark.parametrize("what", ["draw", "seed", "subject", "row"])
def test_another_draw_seed_or_origin_changes_the_window(transform: Transform, what: str) -> None:
    windows = Windows.from_arrays(np.tile(windows_of(64, n=1).to_numpy(), (40, 1, 1)))
    one = changed(transform, windows)
    other = {
        "draw": lambda: changed(transform, windows._drawn(np.full(40, 1))),
        "seed": lambda: changed(transform, windows, random_state=1),
        "subject": lambda: changed(
            transform, Windows.from_arrays(windows.to_numpy(), groups=["A"] * 40)
        ),
        "row": lambda: one[::-1],
    }[what]()
    differs = np.abs(other - one).max(axis=(1, 2)) > 1e-3
    assert differs.mean() > 0.7  # 1 of 24 permutations and 1 of 15 shifts are the same


def test_equal_transforms_of_a_list_draw_different_numbers() -> None:
    windows = windows_of(100, n=200)
    X = windows.to_numpy()
    first = changed([Jitter(1.0)], windows) - X
    both = changed([Jitter(1.0), Jitter(1.0)], windows) - X
    r = np.corrcoef(first.ravel(), (both - first).ravel())[0, 1]
    assert abs(r) < 6 / np.sqrt(X.size)


def test_memory_stays_below_three_times_the_synthetic_windows() -> None:
    windows = windows_of(512, n=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        synthesizer = TransformSynthesizer(EVERY).fit(windows)
    tracemalloc.start()
    synthesizer.synthesize(windows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * windows.to_numpy().nbytes


def test_conditions_are_not_modified() -> None:
    X = windows_of(64).to_numpy()
    before = X.copy()
    X.flags.writeable = False
    changed(EVERY, Windows.from_arrays(X))
    assert_array_equal(X, before)


@pytest.mark.parametrize("transform", EVERY, ids=named)
def test_single_precision_is_kept_and_accurate(transform: Transform) -> None:
    windows = windows_of(64)
    single = changed(transform, Windows.from_arrays(windows.to_numpy(np.float32)))
    double = changed(transform, Windows.from_arrays(windows.to_numpy()))
    assert single.dtype == np.float32
    assert_allclose(single, double, rtol=0, atol=1e-4 * np.abs(double).max())


# Probability


def test_p_zero_makes_copies() -> None:
    windows = windows_of()
    synthetic = made(EVERY, windows, p=0)
    assert_array_equal(synthetic.to_numpy(), windows.to_numpy())
    assert synthetic.is_synthetic.all()


def test_each_transform_is_applied_with_probability_p_independently() -> None:
    """By Hoeffding's inequality, a share of n deviates by e with probability at most 2 exp(-2 n e^2)."""

    class Mark(Transform):
        def __init__(self, digit: int) -> None:
            self.digit = digit

        def apply(self, values: Any, keys: Any, conditions: Any) -> Any:
            return values + self.digit

    n = 5000
    windows = Windows.from_arrays(np.zeros((n, 4, 1)))
    marks = changed([Mark(1), Mark(2), Mark(4)], windows, p=0.3)[:, 0, 0]
    bound = np.sqrt(np.log(16 / CHANCE) / (2 * n))
    for mark in range(8):
        applied = mark.bit_count()
        assert abs(np.mean(marks == mark) - 0.3**applied * 0.7 ** (3 - applied)) < bound


# Labels and their kinds


def test_labels_origins_and_context_are_kept(windows: Windows) -> None:
    conditions = windows[::3]._drawn(np.arange(len(windows[::3])))
    synthesizer = TransformSynthesizer([Jitter(), Scale(), TimeWarp()]).fit(windows)
    synthetic = synthesizer.synthesize(conditions)
    assert synthetic.is_synthetic.all()
    assert_array_equal(synthetic.y, conditions.y)
    assert_array_equal(synthetic.groups, conditions.groups)
    assert synthetic.origins.equals(conditions.origins)
    assert synthetic.context.equals(conditions.context)
    assert synthetic.feature_names == ["BVP", "ECG"]


@pytest.mark.parametrize("y", [list("abc"), [[1, 2], [3, 4], [5, 6]], None])
def test_labels_of_any_type_are_kept(y: Any) -> None:
    windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(3, 8, 1)), y=y)
    synthetic = made([TimeShift(2), Jitter()], windows)
    assert synthetic.y is None if y is None else synthetic.y.tolist() == y


@pytest.mark.parametrize("transform", EVERY, ids=named)
def test_a_transform_names_known_kinds_of_labels(transform: Transform) -> None:
    assert transform.keeps <= set(LABEL_KINDS)
    assert transform.moves <= set(LABEL_KINDS)
    assert not transform.keeps & transform.moves


def test_the_guide_names_the_kinds_of_labels_that_a_transform_declares() -> None:
    guide = Path(__file__).parents[1] / "docs" / "guide" / "synthesizers.md"
    rows = re.findall(r"^\| `(\w+)\(([\w, ]+)\)` \|.*\| (.*) \|$", guide.read_text(), re.MULTILINE)
    held = {name: re.findall(r"\w+", kinds) for name, _, kinds in rows}
    parameters = {name: of_each.split(", ") for name, of_each, _ in rows}
    for transform in EVERY:
        kinds = transform.keeps | transform.moves
        assert kinds == set(held[named(transform)]) - {"and", "follow"}
        assert list(transform.get_params()) == sorted(parameters[named(transform)])


def test_a_list_keeps_what_every_transform_keeps() -> None:
    assert TransformSynthesizer([Jitter()]).keeps == Jitter.keeps
    assert TransformSynthesizer([Jitter(), Mask()]).keeps == {"rate", "class"}
    but_warped = [one for one in EVERY if named(one) != "TimeWarp"]
    assert TransformSynthesizer(but_warped).keeps == {"class"}
    assert TransformSynthesizer(EVERY).keeps == frozenset()
    assert TransformSynthesizer(EVERY).moves == frozenset()


def test_a_list_moves_what_one_moves_and_the_others_keep() -> None:
    assert TransformSynthesizer([TimeShift()]).moves == {"rate", "level"}
    assert TransformSynthesizer([TimeShift(), Jitter()]).moves == {"rate"}
    assert TransformSynthesizer([TimeShift(), Jitter()]).keeps == {"class"}
    assert TransformSynthesizer([TimeShift(), TimeWarp()]).moves == {"level"}


def error_of_peaks(windows: Windows) -> float:
    """How much per minute the largest peak of the first channel, at 32 Hz, is off the label on average."""
    frequencies = 60 * peak_frequencies(windows.to_numpy()[:, :, 0], 32, 0.8, 3.0)
    return float(np.abs(frequencies - windows.y).mean())


@pytest.mark.parametrize(
    "transform", [TimeShift(), *(one for one in EVERY[1:] if named(one) != "Rotate")], ids=named
)
def test_a_rate_holds_exactly_for_those_that_claim_it(
    recordings: pd.DataFrame, transform: Transform
) -> None:
    """The error of the spectral peak is within 1.5 times that of real windows, or beyond it."""
    windower = SubjectWindower(256, 32, features=["BVP"], target="heart_rate")
    real = windower.fit_transform(recordings)
    synthetic = made(transform, real)
    claims = "rate" in transform.keeps | transform.moves
    assert (error_of_peaks(synthetic) <= 1.5 * error_of_peaks(real)) == claims


# What is refused


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (Jitter(sigma=0), "sigma=0 of Jitter must be a number above 0"),
        (Jitter(sigma="1"), "sigma='1' of Jitter must be"),
        (Jitter(sigma=np.inf), "sigma=inf of Jitter must be"),
        (Scale(sigma=-1), "sigma=-1 of Scale must be"),
        (Drift(max_drift=None), "max_drift=None of Drift must be"),
        (Drift(n_points=1), "n_points=1 of Drift must be a whole number from 2 to 64"),
        (MagnitudeWarp(sigma=True), "sigma=True of MagnitudeWarp must be"),
        (
            MagnitudeWarp(n_knots=65),
            "n_knots=65 of MagnitudeWarp must be a whole number from 2 to 64",
        ),
        (TimeWarp(sigma=np.nan), "sigma=nan of TimeWarp must be"),
        (TimeWarp(n_knots=2.0), "n_knots=2.0 of TimeWarp must be a whole number"),
        (TimeShift(max_shift=0), "max_shift=0 of TimeShift must be a whole number of samples"),
        (TimeShift(max_shift=1.5), "max_shift=1.5 of TimeShift must be"),
        (TimeShift(max_shift=True), "max_shift=True of TimeShift must be"),
        (Permute(n_segments=1), "n_segments=1 of Permute must be a whole number from 2 to 64"),
        (Mask(fraction=1.1), "fraction=1.1 of Mask must be a number above 0 and at most 1"),
        (FrequencyMask(width=0), "width=0 of FrequencyMask must be a number above 0 and at most 1"),
        (Rotate(), "no channel 'ACC_x', but 'x0', 'x1', 'x2'"),
        (Rotate(("x0", "x1", "x1")), "names the channel 'x1' twice"),
        (Rotate([("x0", "x1", "x2"), ("x0", "x1", "x2")]), "names the channel 'x0' twice"),
        (Rotate(("x0", "x1")), "must be three channels, or a list of such triples"),
        (Rotate("x0"), "must be three channels"),
        (Rotate([]), "must be three channels"),
        (Rotate(None), "must be three channels"),
        (Rotate(["x0", ("x0", "x1", "x2")]), "must be three channels"),
        (Rotate([1, 2, 3]), "must be three channels"),
    ],
)
def test_an_invalid_parameter_is_named(transform: Transform, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("[", r"\[")):
        TransformSynthesizer([transform]).fit(windows_of())


def test_windows_of_one_sample_have_no_frequency_and_no_knots() -> None:
    windows = Windows.from_arrays(np.ones((2, 1, 1)))
    with pytest.raises(ValueError, match="1 sample have no frequencies"):
        TransformSynthesizer([FrequencyMask()]).fit(windows)
    with pytest.raises(ValueError, match="n_knots=4 of TimeWarp"):
        TransformSynthesizer([TimeWarp()]).fit(windows)


@pytest.mark.parametrize(
    ("transforms", "error", "message"),
    [
        ([], ValueError, "transforms=.* would make copies"),
        (Jitter(), ValueError, "must be a list of transforms"),
        ("jitter", ValueError, "must be a list of transforms"),
        (None, ValueError, "must be a list of transforms"),
        ([Jitter(), "scale"], TypeError, "'scale' in transforms is not a transform"),
        ([Jitter], TypeError, "is not a transform: use instances such as Jitter()"),
        ([Ridge()], TypeError, "is not a transform"),
    ],
)
def test_a_list_of_transforms_is_needed(
    transforms: Any, error: type[Exception], message: str
) -> None:
    synthesizer = TransformSynthesizer(transforms)
    with pytest.raises(error, match=message):
        synthesizer.fit(windows_of())
    with pytest.raises(error, match=message):
        _ = synthesizer.keeps


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan, "1", None, True])
def test_p_is_a_probability(p: Any) -> None:
    with pytest.raises(ValueError, match=r"p=.* must be a probability"):
        TransformSynthesizer([Jitter()], p=p).fit(windows_of())


@pytest.mark.parametrize("random_state", [None, 0.5, "0", np.random.RandomState(0), True, -1])
def test_the_seed_is_a_whole_number(random_state: Any) -> None:
    with pytest.raises(ValueError, match=r"random_state=.* must be a whole number, 0 or more"):
        TransformSynthesizer([Jitter()], random_state=random_state).fit(windows_of())


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_window_that_is_not_finite_is_named(value: float) -> None:
    windows = windows_of(64, n=9)
    X = windows.to_numpy()
    X[4, 30, 1] = value
    broken = windows.with_samples(X)
    message = rf"window of subject 'B' that begins at row 64 .* {value} in 'x1'.*missing='drop'"
    with pytest.raises(ValueError, match=message):
        changed(Jitter(), broken)
    assert changed(Jitter(), broken[[0, 1, 2, 3, 5, 6, 7, 8]]).shape == (8, 64, 3)


def test_other_windows_than_those_of_fit_are_refused() -> None:
    synthesizer = TransformSynthesizer([Jitter()]).fit(windows_of())
    with pytest.raises(ValueError, match="TransformSynthesizer was fitted on windows of shape"):
        synthesizer.synthesize(windows_of(32))


def test_a_transform_that_changes_the_shape_is_named() -> None:
    class Half(Transform):
        def apply(self, values: Any, keys: Any, conditions: Any) -> Any:
            return values[:, ::2]

    with pytest.raises(ValueError, match=r"Half.apply returned the shape \(12, 32, 3\)"):
        changed(Half(), windows_of())


def test_no_windows_is_not_an_error() -> None:
    windows = windows_of()
    synthesizer = TransformSynthesizer(EVERY[1:]).fit(windows)
    for empty in (windows[:0], windows[[]]):
        assert synthesizer.synthesize(empty).shape == empty.shape


# As an estimator


def test_transforms_are_cloned_and_compared_by_their_parameters() -> None:
    synthesizer = TransformSynthesizer([Jitter(0.2), Rotate(AXES)], p=0.5, random_state=3)
    copy = clone(synthesizer)
    assert repr(copy) == repr(synthesizer)
    assert "Jitter(sigma=0.2)" in repr(synthesizer)
    assert copy.transforms is not synthesizer.transforms
    assert copy.transforms[0] is not synthesizer.transforms[0]
    assert joblib.hash(copy) == joblib.hash(synthesizer)


def test_fitting_changes_no_parameter_and_no_transform() -> None:
    transforms = [Jitter(0.2), Rotate(AXES)]
    synthesizer = TransformSynthesizer(transforms)
    assert synthesizer.fit(windows_of()) is synthesizer
    assert synthesizer.transforms is transforms
    assert vars(transforms[0]) == {"sigma": 0.2}
    assert vars(synthesizer.transforms_[0]).keys() == {"sigma", "deviations_"}


def test_variations_are_not_supported() -> None:
    assert TransformSynthesizer.supports_variations is False


def test_pickled_pipelines_hold_no_recordings(windows: Windows) -> None:
    synthesizer = TransformSynthesizer([TimeShift(), Jitter()])
    augmenter = SynthefyAugmenter(synthesizer).fit(windows)
    assert augmenter.synthesizer_.transforms_[0]._signals.shape[1] == 2
    saved = pickle.loads(pickle.dumps(augmenter))
    assert not hasattr(saved.synthesizer_, "transforms_")
    assert repr(saved.synthesizer_) == repr(synthesizer)
    assert len(pickle.dumps(augmenter)) < windows.to_numpy().nbytes / 10


def test_a_pickled_synthesizer_makes_the_same_windows(windows: Windows) -> None:
    synthesizer = TransformSynthesizer([TimeShift(), Jitter()]).fit(windows)
    saved = pickle.loads(pickle.dumps(synthesizer))
    again = pickle.loads(pickle.dumps(windows))
    assert_array_equal(
        saved.synthesize(again).to_numpy(), synthesizer.synthesize(windows).to_numpy()
    )


def test_it_works_in_grids(recordings: pd.DataFrame) -> None:
    pipe = make_pipeline(
        SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate"),
        SynthefyAugmenter(TransformSynthesizer([TimeShift(), Jitter()])),
        WindowStatistics(),
        Ridge(),
    )
    grid = {
        "synthefyaugmenter__synthesizer__p": [0.5, 1.0],
        "synthefyaugmenter__synthesizer__transforms": [[Jitter(1.0)], [TimeShift(), Scale()]],
    }
    search = GridSearchCV(
        pipe, grid, cv=SubjectKFold(2), scoring=window_scorer("neg_mean_absolute_error")
    )
    search.fit(recordings)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 4
    best = search.best_estimator_.named_steps["synthefyaugmenter"].synthesizer_
    assert best.p == search.best_params_["synthefyaugmenter__synthesizer__p"]


def test_polars_tables_have_the_same_windows(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(
        256, 128, features=["BVP", "ECG"], target="heart_rate", dtype="float32"
    )
    one, other = (
        made([TimeShift(), Jitter()], windower.fit_transform(table))
        for table in (recordings, pl.from_pandas(recordings))
    )
    assert one.dtype == np.float32
    assert_array_equal(one.to_numpy(), other.to_numpy())
    assert_array_equal(one.y, other.y)


def test_a_user_defined_transform_may_move_labels() -> None:
    class Louder(Transform):
        moves = frozenset({"level"})

        def apply(self, values: Any, keys: Any, conditions: Any) -> Any:
            return 2 * values

        def labels(self, y: Any, keys: Any, conditions: Any) -> Any:
            return 2 * y

    windows = windows_of()
    synthetic = made([Louder(), Louder()], windows)
    assert_array_equal(synthetic.y, 4 * windows.y)
    assert_array_equal(synthetic.to_numpy(), 4 * windows.to_numpy())
