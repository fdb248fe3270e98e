"""Features of windows: values, names, and the labels they carry."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Iterator
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.signal
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skaug import (
    SynthefyAugmenter,
    WindowAutocorrelation,
    WindowFeatures,
    WindowFlattener,
    Windows,
    WindowSpectrum,
    WindowStatistics,
)
from skaug.windows.feature_arrays import FeatureFrame, attach_provenance, plain_xy, provenance_of

STEPS = [
    WindowFlattener(),
    WindowStatistics(),
    WindowSpectrum(low=0.1, high=0.4),
    WindowSpectrum(bands={"slow": (0.1, 0.2), "fast": (0.2, 0.5)}),
    WindowAutocorrelation(),
]


def name_of(step: Any) -> str:
    return f"{type(step).__name__}{' in bands' if getattr(step, 'bands', None) else ''}"


@pytest.fixture(params=STEPS, ids=name_of)
def step(request: pytest.FixtureRequest) -> Any:
    return clone(request.param)


@pytest.fixture
def twelve() -> Windows:
    """Twelve windows of 16 samples of two channels, of three subjects."""
    return Windows.from_arrays(
        np.random.default_rng(0).normal(size=(12, 16, 2)),
        y=np.linspace(60, 71, 12),
        groups=list("AAAABBBBCCCC"),
        feature_names=["BVP", "ECG"],
    )


@pytest.fixture
def augmented(twelve: Windows) -> Windows:
    return SynthefyAugmenter(ratio=0.5).fit_transform(twelve)


@pytest.fixture
def pandas_everywhere() -> Iterator[None]:
    with sklearn.config_context(transform_output="pandas"):
        yield


# Values


def test_flattened_windows_are_their_samples_in_order_of_time(twelve: Windows) -> None:
    flattener = WindowFlattener().fit(twelve)
    assert_array_equal(flattener.transform(twelve).to_numpy(), twelve.to_numpy().reshape(12, 32))
    names = flattener.get_feature_names_out()
    assert names[:4].tolist() == ["BVP_t0", "ECG_t0", "BVP_t1", "ECG_t1"]
    assert names[-1] == "ECG_t15"
    for name, values in zip(names, flattener.transform(twelve).to_numpy().T, strict=True):
        channel, t = name.split("_t")
        assert_array_equal(values, twelve.to_numpy()[:, int(t), ["BVP", "ECG"].index(channel)])


@pytest.mark.parametrize(
    ("name", "oracle"), [("mean", np.mean), ("std", np.std), ("min", np.min), ("max", np.max)]
)
def test_statistics_are_those_of_each_channel(twelve: Windows, name: str, oracle: Any) -> None:
    frame = WindowStatistics().set_output(transform="pandas").fit_transform(twelve)
    for i, channel in enumerate(["BVP", "ECG"]):
        expected = [oracle(window[:, i]) for window in twelve]
        assert_allclose(frame[f"{channel}_{name}"], expected, rtol=1e-13)


@pytest.mark.parametrize("window_size", [2, 3, 16, 63, 64, 256])
@pytest.mark.parametrize("sampling_rate", [1.0, 64, 1000.0 / 3])
def test_spectra_are_the_periodograms_of_scipy(window_size: int, sampling_rate: float) -> None:
    X = np.random.default_rng(1).normal(size=(5, window_size, 2)) + 7.0
    frequencies, power = scipy.signal.periodogram(
        X, sampling_rate, window="hann", detrend="constant", axis=1
    )
    spectrum = WindowSpectrum(low=0, sampling_rate=sampling_rate).fit(X)
    expected = np.moveaxis(np.log(np.maximum(power, 1e-30)), 2, 1).reshape(5, -1)
    # Without the mean nothing is left at zero but rounding, of which the logarithm is anything.
    is_zero = np.tile(frequencies == 0, 2)
    assert_allclose(spectrum.transform(X)[:, ~is_zero], expected[:, ~is_zero], rtol=1e-7, atol=1e-9)
    assert spectrum.transform(X).shape == expected.shape
    default = WindowSpectrum(sampling_rate=sampling_rate).fit_transform(X)
    assert_array_equal(default, spectrum.transform(X)[:, ~is_zero])


def test_spectra_are_those_of_welch_with_one_segment() -> None:
    x = np.random.default_rng(2).normal(size=128)
    _, power = scipy.signal.welch(x, 64, nperseg=128)
    features = WindowSpectrum(sampling_rate=64).fit_transform(x[None, :, None])
    assert_allclose(features[0], np.log(power[1:]), rtol=1e-9)


def test_the_spectrum_peaks_at_the_rate_of_a_sine() -> None:
    t = np.arange(512) / 64
    X = np.stack([np.sin(2 * np.pi * rate * t) for rate in (0.75, 1.5, 2.125)])[:, :, None]
    windows = Windows.from_arrays(X, feature_names=["BVP"])
    spectrum = WindowSpectrum(low=0.5, high=4, sampling_rate=64).fit(windows)
    peaks = spectrum.transform(windows).to_numpy().argmax(axis=1)
    names = spectrum.get_feature_names_out()
    assert names[peaks].tolist() == ["BVP_0.75Hz", "BVP_1.5Hz", "BVP_2.125Hz"]


def test_the_band_includes_both_ends() -> None:
    X = np.zeros((1, 64, 1))
    for low, high, expected in (
        (0.5, 1.5, ["0.5", "1", "1.5"]),
        (0.1 + 0.2, 0.6, ["0.5"]),
        (None, 1.0, ["0.5", "1"]),
        (0, 0.5, ["0", "0.5"]),
        (15.5, None, ["15.5", "16"]),
        (16, 16, ["16"]),
    ):
        names = WindowSpectrum(low, high, sampling_rate=32).fit(X).get_feature_names_out()
        assert names.tolist() == [f"x0_{f}Hz" for f in expected]


def test_ends_that_rounding_moves_are_still_included() -> None:
    """0.1 is not a binary fraction: three times it is 0.30000000000000004."""
    X = np.zeros((1, 10, 1))
    below = WindowSpectrum(high=0.3).fit(X).get_feature_names_out()
    above = WindowSpectrum(low=0.1 + 0.2 + 1e-12).fit(X).get_feature_names_out()
    assert below.tolist() == ["x0_0.1Hz", "x0_0.2Hz", "x0_0.3Hz"]
    assert above.tolist() == ["x0_0.3Hz", "x0_0.4Hz", "x0_0.5Hz"]


def test_power_adds_up_to_the_variance_of_noise() -> None:
    """Parseval: the one-sided density of white noise integrates to its variance."""
    X = np.random.default_rng(3).normal(scale=3.0, size=(400, 128, 1))
    power = np.exp(WindowSpectrum(sampling_rate=10.0).fit_transform(X)).sum(axis=1) * 10.0 / 128
    # With a Hann window, the mean and the frequency zero take 4/3 · 1/128 of it, and the average of
    # 400 windows has a relative standard deviation of sqrt(2 · 35/18 / 128 / 400): 1 % and 5 · 0.9 %.
    assert power.mean() == pytest.approx(9.0, rel=0.06)


@pytest.mark.parametrize("window_size", [9, 64, 256])
def test_the_power_of_a_band_is_the_mean_periodogram_of_scipy(window_size: int) -> None:
    X = np.random.default_rng(6).normal(size=(5, window_size, 2)) + 7.0
    frequencies, power = scipy.signal.periodogram(
        X, 32.0, window="hann", detrend="constant", axis=1
    )
    bands = {"all": (0, 16), "high": (8, 16), "low": (3.5, 10)}
    spectrum = WindowSpectrum(sampling_rate=32.0, bands=bands)
    frame = spectrum.fit_transform(Windows.from_arrays(X)).to_frame()
    assert frame.columns.tolist() == [f"x{i}_{name}" for i in range(2) for name in bands]
    for name, (low, high) in bands.items():
        inside = (frequencies >= low) & (frequencies <= high) & (frequencies > 0)
        expected = np.log(power[:, inside].mean(axis=1))
        assert_allclose(frame[[f"x0_{name}", f"x1_{name}"]], expected, rtol=1e-9, atol=1e-12)


def test_bands_include_both_ends_and_never_the_frequency_zero() -> None:
    """Frequencies are 0.1 apart, and three times 0.1 is 0.30000000000000004."""
    X = np.random.default_rng(7).normal(size=(1, 10, 1))
    each = WindowSpectrum().fit_transform(X)[0]
    bands = {"a": (0, 0.3), "b": (0.3, 0.5), "c": (0.3, 0.3)}
    expected = np.log([np.exp(each[:3]).mean(), np.exp(each[2:]).mean(), np.exp(each[2])])
    assert_allclose(WindowSpectrum(bands=bands).fit_transform(X)[0], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bands": {}}, "bands={} must name at least one band"),
        ({"bands": [(0.1, 0.2)]}, "must name at least one band, such as"),
        ({"bands": {"LF": 0.1}}, "'LF' is 0.1, but must be two frequencies"),
        ({"bands": {"LF": (0.1,)}}, r"'LF' is \(0.1,\), but must be two"),
        ({"bands": {"LF": (0.2, 0.1)}}, "'LF' is .*low first"),
        ({"bands": {"LF": (np.nan, 0.1)}}, "'LF' is .*low first"),
        ({"bands": {"LF": ("0.1", 0.2)}}, "'LF' is .*two frequencies"),
        ({"bands": {"LF": (0.1, 4)}}, r"end of 'LF',=4 is above 0\.5.*sampling rate"),
        ({"bands": {"LF": (0.07, 0.1)}}, "lies in the band 'LF', between 0.07 and 0.1.*0.0625"),
        ({"bands": {"DC": (0, 0.01)}}, "lies in the band 'DC'"),
        ({"bands": {"LF": (0.1, 0.2)}, "low": 0.1}, "either bands, or low and high"),
    ],
)
def test_bands_that_cannot_be_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSpectrum(**parameters).fit(np.zeros((2, 16, 1)))


@pytest.mark.parametrize("window_size", [2, 3, 16, 63])
def test_autocorrelations_are_the_correlations_of_numpy(window_size: int) -> None:
    X = np.random.default_rng(8).normal(size=(5, window_size, 2)) + 7.0
    step = WindowAutocorrelation(max_lag=window_size - 1)
    frame = step.fit_transform(Windows.from_arrays(X)).to_frame()
    assert frame.shape == (5, 2 * (window_size - 1))
    centered = X - X.mean(axis=1, keepdims=True)
    for i, window in enumerate(centered):
        for channel in range(2):
            x = window[:, channel]
            expected = np.correlate(x, x, mode="full")[window_size:] / (x @ x)
            names = [f"x{channel}_lag{lag}" for lag in range(1, window_size)]
            assert_allclose(frame.loc[i, names], expected, atol=1e-12)


def test_autocorrelations_reach_half_a_window_by_default() -> None:
    X = np.random.default_rng(9).normal(size=(3, 65, 1))
    values = WindowAutocorrelation().fit_transform(X)
    assert values.shape == (3, 32)
    every = WindowAutocorrelation(max_lag=64).fit_transform(X)
    assert_allclose(values, every[:, :32], atol=1e-12)


def test_lags_can_be_few_and_evenly_spaced_on_a_logarithmic_scale() -> None:
    """Powers of two are; at short lags some coincide."""
    X = np.random.default_rng(10).normal(size=(3, 65, 1))
    names = WindowAutocorrelation(n_lags=6).fit(X).get_feature_names_out()
    assert names.tolist() == [f"x0_lag{lag}" for lag in (1, 2, 4, 8, 16, 32)]
    crowded = WindowAutocorrelation(max_lag=3, n_lags=30)
    assert_array_equal(crowded.fit_transform(X), WindowAutocorrelation(max_lag=3).fit_transform(X))


def test_the_autocorrelation_depends_on_neither_level_nor_gain() -> None:
    X = np.random.default_rng(11).normal(size=(4, 50, 2))
    expected = WindowAutocorrelation().fit_transform(X)
    assert_allclose(WindowAutocorrelation().fit_transform(3 - 2 * X), expected, atol=1e-12)


def test_a_flat_channel_has_no_autocorrelation() -> None:
    """Of 33 times 0.1 the mean is not exactly 0.1."""
    assert_array_equal(WindowAutocorrelation().fit_transform(np.full((2, 33, 1), 0.1)), 0)


@pytest.mark.parametrize(
    ("parameters", "window_size", "message"),
    [
        ({"max_lag": 16}, 16, "16 samples has lags up to 15, none up to max_lag=16"),
        ({"max_lag": 0}, 16, "max_lag=0 must be a whole number, 1 or more"),
        ({"max_lag": 2.5}, 16, "max_lag=2.5 must be"),
        ({"n_lags": 0}, 16, "n_lags=0 must be"),
        ({}, 1, "use longer windows"),
    ],
)
def test_lags_that_a_window_does_not_have_are_refused(
    parameters: dict[str, Any], window_size: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        WindowAutocorrelation(**parameters).fit(np.zeros((2, window_size, 1)))


def test_a_flat_channel_has_a_finite_spectrum() -> None:
    features = WindowSpectrum(low=0).fit_transform(np.full((2, 8, 1), 5.0))
    assert_allclose(features, np.log(1e-30))


def test_features_keep_single_precision(step: Any) -> None:
    X = np.random.default_rng(4).normal(size=(3, 64, 2))
    features = step.fit_transform(X.astype(np.float32))
    assert features.dtype == np.float32
    assert_allclose(features, step.fit_transform(X), atol=1e-3)


def test_neighboring_frequencies_have_distinct_names() -> None:
    """Half a hertz apart at 100 kHz, where six digits do not tell them apart."""
    X = np.zeros((1, 2_000_000, 1), dtype=np.float32)
    spectrum = WindowSpectrum(low=100_000, high=100_001, sampling_rate=1e6).fit(X)
    expected = ["x0_100000Hz", "x0_100000.5Hz", "x0_100001Hz"]
    assert spectrum.get_feature_names_out().tolist() == expected


@pytest.mark.parametrize("window_size", [1, 2])
def test_the_shortest_windows_have_features(window_size: int) -> None:
    X = np.arange(4.0 * window_size).reshape(4, window_size, 1)
    assert WindowFlattener().fit_transform(X).shape == (4, window_size)
    assert_array_equal(WindowStatistics().fit_transform(X)[:, 2], X[:, 0, 0])
    assert WindowSpectrum(low=0).fit_transform(X).shape == (4, window_size)


def test_many_windows_have_the_same_features_as_few(step: Any) -> None:
    """Windows are processed in blocks of 2^19 bytes, and by two threads from 2^23 bytes on, as here."""
    X = np.random.default_rng(5).normal(size=(5000, 256, 1))
    values = step.fit_transform(X)
    for some in (slice(0, 10), slice(250, 260), slice(2490, 2510), slice(4990, 5000)):
        assert_allclose(step.transform(X[some]), values[some], rtol=1e-12)


def test_missing_samples_stay_missing(step: Any, twelve: Windows) -> None:
    """Some models accept NaN. There is no warning."""
    X = twelve.to_numpy()
    X[3, 5, 1] = np.nan
    values = step.fit_transform(X)
    touched = np.isnan(values)
    assert touched.any()
    assert not touched[np.arange(12) != 3].any()
    names = step.get_feature_names_out()
    assert all(name.startswith("x1") for name in names[touched.any(axis=0)])


# Containers and labels


def test_features_of_windows_carry_their_labels(step: Any, augmented: Windows) -> None:
    features = step.fit_transform(augmented)
    assert isinstance(features, WindowFeatures)
    assert (features.ndim, len(features)) == (2, len(augmented))
    assert features.shape == (18, len(step.get_feature_names_out()))
    assert features.feature_names == step.get_feature_names_out().tolist()
    assert_array_equal(features.y, augmented.y)
    assert_array_equal(features.groups, augmented.groups)
    assert_array_equal(features.is_synthetic, augmented.is_synthetic)
    pd.testing.assert_frame_equal(features.origins, augmented.origins)
    assert_array_equal(features.to_numpy(), step.transform(augmented.to_numpy()))
    assert features.to_frame().columns.tolist() == features.feature_names


def test_features_of_synthetic_windows_refuse_conversion(step: Any, augmented: Windows) -> None:
    features = step.fit_transform(augmented)
    with pytest.raises(
        TypeError,
        match=r"6 of these 18 windows are synthetic.*skaug\.make_pipeline.*WindowRegressor",
    ):
        np.asarray(features)
    real = features[~features.is_synthetic]
    assert_array_equal(np.asarray(real), features.to_numpy()[:12])


def test_selected_features_keep_their_labels(step: Any, augmented: Windows) -> None:
    features = step.fit_transform(augmented)
    for key in (slice(2, 15, 3), [17, 0, 0], features.is_synthetic, slice(0, 0)):
        chosen = features[key]
        assert_array_equal(chosen.to_numpy(), features.to_numpy()[key])
        assert_array_equal(chosen.y, augmented[key].y)
        assert_array_equal(chosen.is_synthetic, augmented[key].is_synthetic)
    assert features[[]].shape == (0, features.shape[1])
    assert_array_equal(features[-1], features.to_numpy()[-1])


def test_a_copy_has_values_of_its_own(step: Any, augmented: Windows) -> None:
    features = step.fit_transform(augmented)
    copied = features.copy()
    assert_array_equal(copied.to_numpy(), features.to_numpy())
    assert_array_equal(copied.y, features.y)
    assert copied.feature_names == features.feature_names
    assert not np.shares_memory(plain_xy(copied, None)[0], plain_xy(features, None)[0])


def test_the_repr_counts_windows_and_names_features(twelve: Windows) -> None:
    shown = repr(WindowStatistics().fit_transform(twelve))
    assert shown == "WindowFeatures(12 x 8: BVP_mean, BVP_std, BVP_min, ...; 0 synthetic)"


def test_features_of_arrays_are_arrays(step: Any, twelve: Windows) -> None:
    values = step.fit_transform(twelve).to_numpy()
    for X in (twelve.to_numpy(), twelve.to_numpy().tolist(), np.asfortranarray(twelve)):
        features = clone(step).fit_transform(X)
        assert type(features) is np.ndarray
        assert_allclose(features, values, rtol=1e-12)


def test_read_only_windows_have_features(step: Any, twelve: Windows) -> None:
    X = twelve.to_numpy()
    X.flags.writeable = False
    assert_array_equal(step.fit_transform(X), step.transform(twelve).to_numpy())


def test_pandas_output_of_real_windows_is_a_data_frame(step: Any, twelve: Windows) -> None:
    values = clone(step).fit_transform(twelve).to_numpy()
    frame = step.set_output(transform="pandas").fit_transform(twelve)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == step.get_feature_names_out().tolist()
    assert_array_equal(frame.to_numpy(), values)
    of_array = step.transform(twelve.to_numpy())
    assert type(of_array) is pd.DataFrame
    pd.testing.assert_frame_equal(of_array, pd.DataFrame(frame))


def test_pandas_output_never_drops_the_labels_of_synthetic_windows(
    step: Any, augmented: Windows
) -> None:
    features = step.set_output(transform="pandas").fit_transform(augmented)
    assert isinstance(features, WindowFeatures)
    assert_array_equal(features.y, augmented.y)
    plain, y = plain_xy(features, None)
    assert isinstance(plain, pd.DataFrame)
    assert plain.columns.tolist() == step.get_feature_names_out().tolist()
    assert_array_equal(y, augmented.y)


@pytest.mark.usefixtures("pandas_everywhere")
def test_the_global_choice_of_pandas_is_respected(
    step: Any, twelve: Windows, augmented: Windows
) -> None:
    assert isinstance(step.fit_transform(twelve), FeatureFrame)
    assert isinstance(step.transform(augmented), WindowFeatures)
    assert type(step.transform(twelve.to_numpy())) is pd.DataFrame
    assert isinstance(step.set_output(transform="default").transform(twelve), WindowFeatures)


def test_a_clone_keeps_the_choice_of_output(step: Any, twelve: Windows) -> None:
    chosen = clone(step.set_output(transform="pandas"))
    assert isinstance(chosen.fit_transform(twelve), pd.DataFrame)
    assert isinstance(clone(chosen).set_output().fit_transform(twelve), pd.DataFrame)
    assert isinstance(chosen.set_output(transform="default").transform(twelve), WindowFeatures)


@pytest.mark.parametrize("transform", ["polars", "numpy", "frame"])
def test_other_containers_are_refused(step: Any, transform: str) -> None:
    with pytest.raises(ValueError, match=f"transform='{transform}'.*'default' or 'pandas'"):
        step.set_output(transform=transform)


def test_labels_that_are_passed_replace_those_of_the_windows(step: Any, twelve: Windows) -> None:
    assert step.fit_transform(twelve, np.arange(12)).y.tolist() == list(range(12))
    assert step.fit_transform(twelve, list("abcdefghijkl")).y.tolist() == list("abcdefghijkl")
    assert_array_equal(step.fit_transform(twelve, None).y, twelve.y)
    with pytest.raises(ValueError, match="5 labels, but there are 12 windows"):
        step.fit_transform(twelve, np.arange(5))


def test_labels_that_are_passed_do_not_touch_synthetic_windows(
    step: Any, augmented: Windows
) -> None:
    assert_array_equal(step.fit_transform(augmented, np.zeros(12)).y, augmented.y)


def test_no_windows_have_no_features(step: Any, twelve: Windows) -> None:
    for output, kind in (("default", WindowFeatures), ("pandas", FeatureFrame)):
        features = step.set_output(transform=output).fit(twelve).transform(twelve[:0])
        assert isinstance(features, kind)
        assert features.shape == (0, len(step.get_feature_names_out()))
    assert step.fit(twelve[:0]).transform(twelve).shape[0] == 12


# Frames that carry labels


@pytest.fixture
def frame(twelve: Windows) -> FeatureFrame:
    return WindowStatistics().set_output(transform="pandas").fit_transform(twelve)


def test_a_frame_carries_the_labels_of_its_rows(frame: FeatureFrame, twelve: Windows) -> None:
    X, y = plain_xy(frame, None)
    assert X is frame
    assert_array_equal(y, twelve.y)
    assert_array_equal(plain_xy(frame, np.zeros(12))[1], np.zeros(12))
    with pytest.raises(ValueError, match="3 labels"):
        plain_xy(frame, [1, 2, 3])


def test_a_pickled_frame_keeps_its_labels(
    frame: FeatureFrame, twelve: Windows, tmp_path: Any
) -> None:
    joblib.dump(frame, tmp_path / "frame")
    for thawed in (pickle.loads(pickle.dumps(frame)), joblib.load(tmp_path / "frame")):
        assert isinstance(thawed, FeatureFrame)
        pd.testing.assert_frame_equal(thawed, frame)
        assert_array_equal(plain_xy(thawed, None)[1], twelve.y)
    assert joblib.hash(pickle.loads(pickle.dumps(frame))) == joblib.hash(frame)


def test_frames_with_other_labels_have_other_hashes(twelve: Windows) -> None:
    step = WindowStatistics().set_output(transform="pandas").fit(twelve)
    frames = [step.transform(twelve.relabel(y)) for y in (np.zeros(12), np.ones(12))]
    pd.testing.assert_frame_equal(*frames)
    assert joblib.hash(frames[0]) != joblib.hash(frames[1])


@pytest.mark.parametrize(
    "derive",
    [
        lambda f: f.iloc[::-1],
        lambda f: f.iloc[:5],
        lambda f: f.loc[[3, 1]],
        lambda f: f[f["BVP_mean"] > 0],
        lambda f: f[["BVP_mean", "BVP_std"]],
        lambda f: f.sort_values("BVP_mean"),
        lambda f: f.sample(frac=1.0, random_state=0),
        lambda f: f.drop(index=0),
        lambda f: f.dropna(),
        lambda f: f.assign(one=1),
        lambda f: f + 1,
        lambda f: f.astype("float32"),
        lambda f: f.reset_index(drop=True),
        lambda f: f.copy(),
        lambda f: f.T,
        lambda f: f.groupby(np.arange(12) % 2).mean(),
        lambda f: f.rename(columns=str.lower),
        lambda f: pd.concat([f, f]),
        lambda f: pd.concat([f, f], axis=1),
        lambda f: copy.deepcopy(f),
        lambda f: f.head(12),
        lambda f: f.apply(np.abs),
        lambda f: f.fillna(0),
        lambda f: f.where(f > 0),
        lambda f: f.merge(f, left_index=True, right_index=True),
    ],
)
def test_what_is_derived_from_a_frame_has_no_labels(frame: FeatureFrame, derive: Any) -> None:
    derived = derive(frame)
    assert type(derived) is pd.DataFrame
    assert provenance_of(derived) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.sort_values("BVP_mean", inplace=True),
        lambda f: f.drop(index=2, inplace=True),
        lambda f: f.sort_index(ascending=False, inplace=True),
    ],
)
def test_a_frame_whose_rows_were_moved_in_place_has_no_labels(
    frame: FeatureFrame, change: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # later versions of pandas deprecate changes in place
        change(frame)
    assert provenance_of(frame) is None
    assert provenance_of(pickle.loads(pickle.dumps(frame))) is None


# Labels around steps that are not window-aware


@pytest.mark.parametrize("pandas", [False, True])
def test_labels_survive_a_transformer_of_values(augmented: Windows, pandas: bool) -> None:
    features = WindowStatistics().fit_transform(augmented)
    values = 2 * features.to_numpy()
    made = pd.DataFrame(values, columns=range(8)) if pandas else values
    again = attach_provenance(made, features)
    assert isinstance(again, WindowFeatures)
    assert_array_equal(again.to_numpy(), values)
    assert_array_equal(again.y, augmented.y)
    assert again.feature_names == (
        [str(i) for i in range(8)] if pandas else [f"x{i}" for i in range(8)]
    )


def test_labels_survive_a_transformer_of_real_windows(twelve: Windows) -> None:
    features = WindowStatistics().fit_transform(twelve)
    made = pd.DataFrame(features.to_numpy(), index=np.arange(12) + 100)
    again = attach_provenance(made, features)
    assert isinstance(again, FeatureFrame)
    assert_array_equal(plain_xy(again, None)[1], twelve.y)
    samples = attach_provenance(3 * twelve.to_numpy(), twelve)
    assert isinstance(samples, Windows)
    assert_array_equal(samples.y, twelve.y)
    assert scipy.sparse.issparse(attach_provenance(scipy.sparse.csr_matrix(made), features))


def test_values_that_cannot_carry_labels_are_refused(augmented: Windows) -> None:
    features = WindowStatistics().fit_transform(augmented)
    sparse = scipy.sparse.csr_matrix(features.to_numpy())
    with pytest.raises(TypeError, match="csr_matrix from windows, some of them synthetic"):
        attach_provenance(sparse, features)
    with pytest.raises(ValueError, match="made 17 rows of 18 windows"):
        attach_provenance(features.to_numpy()[1:], features)


def test_values_without_provenance_stay_as_they_are() -> None:
    values = np.zeros((3, 2))
    assert attach_provenance(values, np.ones((3, 5))) is values
    assert plain_xy(values, [1, 2, 3]) == (values, [1, 2, 3])


# Pickling and hashing


def test_pickled_features_keep_labels_and_drop_other_subjects(augmented: Windows) -> None:
    features = WindowFlattener().fit_transform(augmented)
    thawed = pickle.loads(pickle.dumps(features[[0, 12]]))
    assert_array_equal(thawed.to_numpy(), features.to_numpy()[[0, 12]])
    assert_array_equal(thawed.y, augmented.y[[0, 12]])
    assert thawed.is_synthetic.tolist() == [False, True]
    assert thawed.feature_names == features.feature_names
    secret = Windows.from_arrays(np.zeros((2, 4, 1)), y=[1.0, np.pi], groups=["Ada", "Ben"])
    flattener = WindowFlattener().fit(secret)
    some = [flattener.transform(secret)[:1]]
    some += [flattener.set_output(transform="pandas").transform(secret[:1])]
    for frozen in map(pickle.dumps, some):
        assert b"Ada" in frozen
        assert b"Ben" not in frozen
        assert np.float64(np.pi).tobytes() not in frozen


def test_equal_features_have_equal_hashes(augmented: Windows) -> None:
    features = WindowFlattener().fit_transform(augmented)
    expected = joblib.hash(features[2:8:2])
    assert joblib.hash(features[[2, 4, 6]]) == expected
    assert joblib.hash(pickle.loads(pickle.dumps(features))[2:8:2]) == expected
    assert joblib.hash(WindowFlattener().fit_transform(augmented[2:8:2])) == expected
    other_layout = attach_provenance(np.asfortranarray(features.to_numpy()), features)
    same_layout = attach_provenance(features.to_numpy(), features)
    assert joblib.hash(other_layout) == joblib.hash(same_layout)
    assert joblib.hash(features[[2, 4, 7]]) != expected
    relabeled = WindowFlattener().fit_transform(augmented[:12].relabel(np.zeros(12)))
    assert joblib.hash(relabeled) != joblib.hash(features[:12])


# As estimators


def test_features_cannot_be_made_from_features(step: Any, twelve: Windows) -> None:
    features = WindowStatistics().fit_transform(twelve)
    with pytest.raises(ValueError, match=r"works on windows, got features of shape \(12, 8\)"):
        step.fit(features)


@pytest.mark.parametrize("X", [np.zeros((3, 4)), pd.DataFrame({"BVP": [1.0, 2.0]}), [1.0, 2.0]])
def test_what_is_not_a_window_is_refused(step: Any, X: Any) -> None:
    with pytest.raises(ValueError, match=r"3-D.*SubjectWindower"):
        step.fit(X)
    step.fit(np.zeros((2, 16, 1)))
    with pytest.raises(ValueError, match="3-D"):
        step.transform(X)


@pytest.mark.parametrize("shape", [(5, 8, 2), (5, 16, 1), (5, 16, 3)])
def test_windows_of_another_shape_are_refused(
    step: Any, twelve: Windows, shape: tuple[int, ...]
) -> None:
    step.fit(twelve)
    message = rf"shape \({shape[1]}, {shape[2]}\), but {type(step).__name__}.*\(16, 2\)"
    with pytest.raises(ValueError, match=message):
        step.transform(np.zeros(shape))


def test_channels_in_another_order_are_refused(step: Any, twelve: Windows) -> None:
    swapped = Windows.from_arrays(twelve.to_numpy(), feature_names=["ECG", "BVP"])
    step.fit(twelve)
    with pytest.raises(ValueError, match=r"windows of ECG, BVP, but .* of BVP, ECG"):
        step.transform(swapped)
    unnamed = Windows.from_arrays(twelve.to_numpy())
    assert_array_equal(step.transform(unnamed).to_numpy(), step.transform(twelve).to_numpy())
    assert step.fit(unnamed).transform(swapped).shape[0] == 12


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampling_rate": 0}, "sampling_rate=0 must be"),
        ({"sampling_rate": -64}, "above 0"),
        ({"sampling_rate": np.inf}, "sampling_rate=inf"),
        ({"sampling_rate": np.nan}, "sampling_rate=nan"),
        ({"sampling_rate": "64"}, "sampling_rate='64'"),
        ({"sampling_rate": None}, "sampling_rate=None"),
        ({"low": "0.5"}, "low='0.5' must be a frequency"),
        ({"high": [4]}, r"high=\[4\] must be a frequency"),
        ({"low": 0.3, "high": 0.2}, "between low=0.3 and high=0.2"),
        ({"low": 0.6}, "No frequency.*0.0625 apart, up to 0.5"),
        ({"low": np.nan}, "No frequency"),
    ],
)
def test_bands_without_a_frequency_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSpectrum(**parameters).fit(np.zeros((2, 16, 1)))


def test_a_window_of_one_sample_has_only_the_frequency_zero() -> None:
    with pytest.raises(ValueError, match="No frequency of a window of 1 samples"):
        WindowSpectrum().fit(np.zeros((2, 1, 1)))


def test_names_can_be_requested_for_other_channels(step: Any, twelve: Windows) -> None:
    step.fit(twelve)
    names = step.get_feature_names_out()
    swapped = step.get_feature_names_out(["one", "two"])
    assert [name.replace("BVP", "one").replace("ECG", "two") for name in names] == swapped.tolist()
    assert names.dtype == object
    with pytest.raises(ValueError, match="2 channels, got 1"):
        step.get_feature_names_out(["one"])


def test_names_are_unique(step: Any, twelve: Windows) -> None:
    names = step.fit(twelve).get_feature_names_out()
    assert len(set(names)) == len(names)


def test_an_unfitted_step_raises_not_fitted_error(step: Any, twelve: Windows) -> None:
    with pytest.raises(NotFittedError):
        step.transform(twelve)
    with pytest.raises(NotFittedError):
        step.get_feature_names_out()


def test_fitting_learns_only_channels_and_length(step: Any, twelve: Windows) -> None:
    parameters = step.get_params()
    assert step.fit(twelve, twelve.y) is step
    assert step.get_params() == parameters
    assert (step.n_features_in_, step.window_size_) == (2, 16)
    first = step.transform(twelve).to_numpy()
    assert_array_equal(step.fit(twelve).transform(twelve).to_numpy(), first)
    assert_array_equal(step.fit(twelve[3:]).transform(twelve).to_numpy(), first)
    assert_array_equal(clone(step).fit_transform(twelve).to_numpy(), first)
    assert step.fit(np.zeros((1, 8, 1))).window_size_ == 8


def test_a_pickled_step_transforms_as_before(step: Any, twelve: Windows) -> None:
    step.set_output(transform="pandas").fit(twelve)
    thawed = pickle.loads(pickle.dumps(step))
    pd.testing.assert_frame_equal(thawed.transform(twelve), step.transform(twelve))
    assert thawed.get_feature_names_out().tolist() == step.get_feature_names_out().tolist()


def test_a_band_above_the_highest_frequency_is_an_error(windows: Windows) -> None:
    with pytest.raises(ValueError, match=r"high=4 is above 0\.5.*sampling rate"):
        WindowSpectrum(low=0.5, high=4).fit(windows)
    WindowSpectrum(low=0.5, high=16, sampling_rate=32).fit(windows)
