"""The model of spectra: labels and metadata that windows follow, powers, phases, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skaug import DataWarning, SubjectWindower, SynthefyAugmenter, Windows
from skaug.datasets import simulate_ppg
from skaug.spectral_peak import peak_frequencies
from skaug.synthesis import SpectralSynthesizer
from skaug.synthesis.rate_spectra import RateAxis, log_power, samples_of

RATE = 32.0


@pytest.fixture(scope="module")
def pulses() -> Windows:
    """Windows of 8 s of six subjects."""
    table = simulate_ppg(n_subjects=6, minutes=4.0, sampling_rate=RATE, random_state=3)
    windower = SubjectWindower(256, 128, features=["BVP", "ACC_wrist_idx_0"], target="heart_rate")
    return windower.fit_transform(table)


def levels(column: Any, gains: np.ndarray, **changed: Any) -> Windows:
    """Windows of 64 samples of white noise, one per entry, whose amplitude depends on a column."""
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(len(gains), 64)) * gains[:, None]
    table = pd.DataFrame(
        {"x": noise.ravel(), "subject": np.repeat(["A", "B"], 32 * len(gains)), "rate": 70.0}
        | {"column": np.repeat(column, 64)}
    )
    return SubjectWindower(64, features=["x"], **changed).fit_transform(table)


def drawn(windows: Windows, synthesizer: Any, *variations: Any, ratio: float = 1.0) -> Windows:
    augmenter = SynthefyAugmenter(
        synthesizer, ratio=ratio, variations=list(variations) if variations else None
    )
    return augmenter.fit(windows).synthetic_windows_


def peak_error(windows: Windows, low: float, high: float) -> float:
    peaks = 60 * peak_frequencies(windows.to_numpy()[:, :, 0], RATE, low, high)
    return float(np.abs(peaks - windows.y).mean())


# Labels


def test_the_spectral_peak_is_at_the_label(pulses: Windows) -> None:
    synthetic = drawn(pulses, SpectralSynthesizer(RATE, rate_channels=["BVP"]), ratio=2)
    assert set(synthetic.y) <= set(pulses.y)
    low, high = pulses.y.min() / 72, pulses.y.max() / 48
    assert peak_error(synthetic, low, high) < 1.5 * peak_error(pulses, low, high)


def test_the_rate_scatters_around_the_label_without_bias(pulses: Windows) -> None:
    synthetic = drawn(pulses, SpectralSynthesizer(RATE, rate_channels=["BVP"]), ratio=2)
    near = synthetic.y / 60 / 1.2, synthetic.y / 60 * 1.2
    pulse = synthetic.to_numpy()[:, :, 0]
    found = np.concatenate(
        [
            peak_frequencies(window[None], RATE, low, high)
            for window, low, high in zip(pulse, *near, strict=True)
        ]
    )
    errors = 8 * (found - synthetic.y / 60)  # relative to the resolution of 8 s
    assert np.median(np.abs(errors)) < 0.1
    assert abs(errors.mean()) < 4 * errors.std() / np.sqrt(len(errors))


@pytest.mark.parametrize("edit", [("multiply", 1.05), ("add", -5.0), 95.0])
@pytest.mark.slow
def test_an_edit_of_the_label_moves_the_peak(pulses: Windows, edit: Any) -> None:
    synthesizer = SpectralSynthesizer(RATE, rate_channels=["BVP"])
    plain = drawn(pulses, synthesizer)
    edited = drawn(pulses, synthesizer, {"heart_rate": edit})
    expected = {
        "multiply": plain.y * 1.05,
        "add": plain.y - 5,
    }.get(edit[0] if isinstance(edit, tuple) else "", np.full(len(plain), 95.0))
    assert_allclose(edited.y, expected)
    low, high = pulses.y.min() / 72, pulses.y.max() / 48
    assert peak_error(edited, low, high) < 1.5 * peak_error(pulses, low, high)


def test_unit_is_the_label_of_one_hertz(pulses: Windows) -> None:
    of_unit = [
        SpectralSynthesizer(RATE, rate_channels=["x0"], unit=unit)
        .fit(windows)
        .synthesize(windows)
        .to_numpy()
        for unit, windows in (
            (60.0, Windows.from_arrays(pulses.to_numpy(), pulses.y, pulses.groups)),
            (1.0, Windows.from_arrays(pulses.to_numpy(), pulses.y / 60, pulses.groups)),
        )
    ]
    assert_allclose(*of_unit, atol=1e-6 * np.abs(of_unit[0]).max())


def test_mean_and_power_follow_a_label_that_is_a_level() -> None:
    labels = np.linspace(1, 3, 300)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 64, 2)) * [1, 0] * labels[:, None, None]
    X[:, :, 1] = 5 * labels[:, None] + 0.1 * rng.normal(size=(300, 64))
    windows = Windows.from_arrays(X, y=labels)
    synthetic = SpectralSynthesizer(1).fit(windows).synthesize(windows).to_numpy()
    assert_allclose(synthetic[:, :, 1].mean(axis=1), 5 * labels, atol=0.3)
    power = synthetic[:, :, 0].var(axis=1)
    for third in np.split(np.arange(300), 3):
        assert_allclose(power[third].mean(), (labels[third] ** 2).mean(), rtol=0.15)


def test_classes_have_their_own_spectra() -> None:
    gains = np.tile([1.0, 3.0], 100)
    windows = levels(np.tile(["rest", "run"], 100), gains, target="column", target_agg="mode")
    edited = drawn(windows, SpectralSynthesizer(1), {"column": "run"})
    assert set(edited.y) == {"run"}
    assert_allclose(edited.to_numpy().var(), 9, rtol=0.15)


def test_windows_without_labels_are_modeled_too() -> None:
    windows = levels(np.zeros(100), np.ones(100))
    assert windows.y is None
    assert_allclose(drawn(windows, SpectralSynthesizer(1)).to_numpy().var(), 1, rtol=0.15)


# Metadata


@pytest.mark.parametrize("names", [["rest", "run"], [False, True]])
def test_an_edit_of_a_category_changes_the_level_as_in_the_training_windows(names: Any) -> None:
    windows = levels(np.tile(names, 100), np.tile([1.0, 3.0], 100), target="rate")
    synthesizer = SpectralSynthesizer(1, columns=["column"])
    for name, gain in zip(names, [1.0, 3.0], strict=True):
        assert_allclose(
            drawn(windows, synthesizer, {"column": name}).to_numpy().var(), gain**2, rtol=0.15
        )


def test_an_edit_of_a_number_changes_the_level_as_in_the_training_windows() -> None:
    """The logarithm of the power is linear in it: exp(2 * 0.03 * 10) for ten years."""
    age = np.random.default_rng(1).uniform(20, 60, 300)
    windows = levels(age, np.exp(0.03 * age), target="rate")
    synthesizer = SpectralSynthesizer(1, columns=["column"], margin=0.0)
    power = [
        drawn(windows, synthesizer, {"column": age}).to_numpy().var() for age in (35.0, 45.0, 55.0)
    ]
    assert_allclose(power[1] / power[0], np.exp(0.6), rtol=0.1)
    assert_allclose(power, np.exp(0.06 * np.array([35, 45, 55])), rtol=0.2)


def test_columns_that_are_not_named_cannot_be_edited(pulses: Windows) -> None:
    synthesizer = SpectralSynthesizer(RATE, columns=["AGE"])
    with pytest.raises(
        ValueError, match=r"Synthesizer do not follow 'activity'.* add it to columns"
    ):
        drawn(pulses, synthesizer, {"AGE": 30, "activity": 1.0})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"heart_rate": 300.0}, r"'heart_rate' is 300 in a condition.* or raise margin"),
        ({"AGE": 99}, r"'AGE' is 99 in a condition, but .*: edit it to a value from"),
        ({"Gender": "x"}, r"'Gender' is 'x' in a condition, but in the training windows only "),
    ],
)
def test_what_the_training_windows_do_not_have_is_named(
    recordings: pd.DataFrame, edit: Any, message: str
) -> None:
    table = recordings.assign(Gender=recordings["Gender"].map(lambda code: f"sex {code}"))
    windows = SubjectWindower(256, features=["BVP"], target="heart_rate").fit_transform(table)
    synthesizer = SpectralSynthesizer(RATE, columns=["AGE", "Gender"])
    with pytest.raises(ValueError, match=message):
        drawn(windows, synthesizer, edit)


# Powers and phases


@pytest.mark.slow
def test_powers_have_the_mean_of_the_training_windows(pulses: Windows) -> None:
    synthetic = drawn(pulses, SpectralSynthesizer(RATE, rate_channels=["BVP"]), ratio=3)
    recorded, of_model = (
        part.to_numpy()[:, :, 0].var(axis=1).mean() for part in (pulses, synthetic)
    )
    assert_allclose(of_model, recorded, rtol=0.15)


def test_the_spectrum_is_that_of_the_training_windows() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(400, 65))
    X = (noise[:, 1:] + 0.9 * noise[:, :-1])[:, :, None]
    windows = Windows.from_arrays(X)
    synthetic = SpectralSynthesizer(1).fit(windows).synthesize(windows).to_numpy()
    spectra = [np.exp(log_power(part))[:, 0, :-1].mean(axis=0) for part in (X, synthetic)]
    # The mean of 400 exponentially distributed powers has a standard error of 5 %.
    assert_allclose(spectra[1], spectra[0], rtol=0.35)
    assert_allclose(spectra[1].sum(), spectra[0].sum(), rtol=0.05)


def test_phases_differ_between_windows_and_keep_their_differences_between_channels() -> None:
    rng = np.random.default_rng(0)
    first = rng.normal(size=(300, 64))
    X = np.stack([first, -2 * first], axis=2)
    windows = Windows.from_arrays(X)
    synthetic = SpectralSynthesizer(1).fit(windows).synthesize(windows).to_numpy()
    spectrum = np.fft.rfft(synthetic, axis=1)[:, 1:32]
    assert_allclose(np.angle(-spectrum[:, :, 1] / spectrum[:, :, 0]), 0, atol=1e-6)
    moved = np.exp(1j * np.angle(spectrum[:, :, 0] / np.fft.rfft(X, axis=1)[:, 1:32, 0]))
    # Rayleigh's test: for n uniform phases, n R^2 exceeds t with probability exp(-t).
    assert (300 * np.abs(moved.mean(axis=0)) ** 2).max() < np.log(31 / 1e-9)


def test_a_constant_channel_stays_constant() -> None:
    X = np.random.default_rng(0).normal(size=(60, 32, 2))
    X[:, :, 1] = 7.5
    windows = Windows.from_arrays(X)
    synthetic = SpectralSynthesizer(1).fit(windows).synthesize(windows).to_numpy()
    assert_allclose(synthetic[:, :, 1], 7.5)


def test_edits_of_a_condition_differ_only_in_what_they_change(pulses: Windows) -> None:
    synthesizer = SpectralSynthesizer(RATE, rate_channels=["BVP"], columns=["AGE"])
    both = drawn(pulses, synthesizer, {}, {"AGE": ("add", 0)}, {"AGE": 30})
    n = len(both) // 3
    assert_array_equal(both[:n].to_numpy(), both[n : 2 * n].to_numpy())
    same = np.corrcoef(
        both[:n].to_numpy()[:, :, 0].ravel(), both[2 * n :].to_numpy()[:, :, 0].ravel()
    )
    assert same[0, 1] > 0.9


def test_the_model_does_not_depend_on_the_order_or_repetition_of_the_training_windows() -> None:
    """Of more than 4,000 windows, a part is used."""
    rng = np.random.default_rng(0)
    labels = rng.uniform(1, 2, 4100)
    X = rng.normal(size=(4100, 8, 1)) * labels[:, None, None]
    windows = Windows.from_arrays(X, y=labels, groups=np.repeat(["A", "B"], 2050))
    order = np.concatenate([rng.permutation(4100), rng.integers(0, 4100, 4100)])
    models = [SpectralSynthesizer(1).fit(each) for each in (windows, windows[order])]
    assert_array_equal(*(model.synthesize(windows[:50]).to_numpy() for model in models))


# The axis frequency / rate


@pytest.mark.parametrize("size", [64, 101, 512])
def test_harmonics_lie_at_whole_numbers_of_the_rate_axis(size: int) -> None:
    """The squared amplitude of a cosine in a Fourier transform of whole periods is a^2 / 4."""
    periods_of = np.array([4, 5, 8, 10])
    n_samples = size // periods_of * periods_of  # of whole periods that are whole samples
    rates = periods_of / n_samples
    t = np.arange(size)
    X = np.cos(2 * np.pi * rates[:, None] * t) + 0.1 * np.cos(4 * np.pi * rates[:, None] * t + 1)
    axis = RateAxis(rates.min(), rates.max(), size)
    seen = np.zeros(4)
    for periods, which in axis.within(rates):
        assert periods.n_samples <= size
        part = X[which, : periods.n_samples, None]
        powers = np.exp(axis.onto(log_power(part), periods))[:, 0]
        assert_allclose(powers[:, axis._n - 1], 0.25, rtol=1e-6)
        assert_allclose(powers[:, 2 * axis._n - 1], 0.0025, rtol=1e-6)
        seen[which] += 1
    assert_array_equal(seen, 1)
    for periods, _ in axis.around(rates):
        assert periods.n_samples >= size
        powers = axis.back(np.arange(1.0, axis.n_frequencies + 1)[None], periods)
        assert_allclose(powers[0, periods.n_periods - 1], axis._n)  # the rate stays the rate


@pytest.mark.parametrize("size", [8, 33, 64])
def test_samples_have_the_powers_and_phases_that_are_passed(size: int) -> None:
    X = np.random.default_rng(0).normal(size=(5, size, 2))
    X -= X.mean(axis=1, keepdims=True)
    turns = np.angle(np.fft.rfft(X, axis=1)[:, 1:]) / (2 * np.pi)
    assert_allclose(samples_of(log_power(X), turns.transpose(0, 2, 1), size), X, atol=1e-12)


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampling_rate": 0}, "sampling_rate=0 must be a number above 0"),
        ({"unit": np.nan}, "unit=nan must be a number above 0"),
        ({"n_components": 0}, "n_components=0 must be a whole number, 1 or more"),
        ({"margin": 1.0}, r"margin=1.0 must be a number from 0 to below 1"),
        ({"random_state": None}, "random_state=None must be a whole number"),
        ({"columns": "AGE"}, r"columns='AGE' must be a list: \['AGE'\]"),
        ({"columns": ["age"]}, "no column 'age' for columns. The nearest is 'AGE'"),
        ({"columns": ["heart_rate"]}, "'heart_rate' is the target"),
        ({"rate_channels": "BVP"}, r"rate_channels='BVP' must be a list: \['BVP'\]"),
        ({"rate_channels": ["PPG"]}, "rate_channels names 'PPG', but the channels"),
        ({"rate_channels": ["BVP"], "unit": 5.0}, r"is 2\d\.\d* Hz .*above half of sampling_rate"),
        ({"rate_channels": ["BVP"], "unit": 2000.0}, "fewer than two periods at the label"),
        (
            {"rate_channels": ["ACC_wrist_idx_0"]},
            r"SpectralSynthesizer needs .* do not seem to contain a rhythm at the label.* in rate_channels",
        ),
    ],
)
def test_invalid_parameters_are_refused(
    pulses: Windows, parameters: dict[str, Any], message: str
) -> None:
    synthesizer = SpectralSynthesizer(**{"sampling_rate": RATE} | parameters)
    with pytest.raises(ValueError, match=message):
        synthesizer.fit(pulses)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda y: y - 80, "not those of the column 'heart_rate': a y was passed"),
        (lambda y: np.where(y > 90, "fast", "slow"), "needs one number per window as the label"),
        (np.log, "not those of the column 'heart_rate': a y was passed"),
    ],
)
def test_labels_that_are_not_the_rate_are_refused_with_rate_channels(
    pulses: Windows, labels: Any, message: str
) -> None:
    changed = pulses.relabel(labels(pulses.y))
    with pytest.raises(ValueError, match=message):
        SpectralSynthesizer(RATE, rate_channels=["BVP"]).fit(changed)
    synthetic = SpectralSynthesizer(RATE).fit(changed).synthesize(changed)
    assert_array_equal(synthetic.y, changed.y)


def test_a_rhythm_that_cannot_be_tested_or_is_at_half_the_labels_is_warned_of(
    pulses: Windows,
) -> None:
    alike = pulses[np.abs(pulses.y / np.median(pulses.y) - 1) < 0.09]
    with pytest.warns(
        DataWarning, match=r"differ too little .* which SpectralSynthesizer relies on"
    ):
        SpectralSynthesizer(RATE, rate_channels=["BVP"]).fit(alike)
    with pytest.warns(DataWarning, match=r"half the labels too: .* unit=30.0 is too small"):
        SpectralSynthesizer(RATE, rate_channels=["BVP"], unit=30.0).fit(pulses)


def test_too_few_windows_and_missing_values_are_refused(pulses: Windows) -> None:
    with pytest.raises(ValueError, match="There are 9 training windows, too few for a model"):
        SpectralSynthesizer(RATE).fit(pulses[:9])
    missing = pulses.relabel(np.where(np.arange(len(pulses)) == 3, np.nan, pulses.y))
    with pytest.raises(
        ValueError, match=r"'heart_rate' is missing in 1 windows.* use missing='drop'"
    ):
        SpectralSynthesizer(RATE).fit(missing)
    ages = levels(np.where(np.arange(100) == 3, np.nan, 40.0), np.ones(100), missing="drop")
    with pytest.raises(
        ValueError, match=r"'column' is missing in 1 windows.* leave it out of columns"
    ):
        SpectralSynthesizer(1, columns=["column"]).fit(ages)
    with pytest.raises(ValueError, match="have 2 labels each"):
        SpectralSynthesizer(RATE).fit(pulses.relabel(np.stack([pulses.y, pulses.y], axis=1)))
    X = pulses.to_numpy()
    X[5, 3, 1] = np.inf
    with pytest.raises(ValueError, match="holds inf in 'ACC_wrist_idx_0'"):
        SpectralSynthesizer(RATE).fit(pulses.with_samples(X))


def test_it_moves_the_rate_only_with_rate_channels() -> None:
    assert SpectralSynthesizer(RATE).moves == {"level"}
    assert SpectralSynthesizer(RATE, rate_channels=["BVP"]).moves == {"level", "rate"}


def test_windows_of_one_sample_are_refused() -> None:
    with pytest.raises(ValueError, match="Windows of 1 sample have no spectrum"):
        SpectralSynthesizer(64).fit(Windows.from_arrays(np.ones((20, 1, 1)), y=np.arange(20.0)))


def test_constant_windows_stay_constant() -> None:
    windows = Windows.from_arrays(np.full((20, 16, 1), 3.0), y=np.linspace(60, 90, 20))
    synthesizer = SpectralSynthesizer(64).fit(windows)
    made = synthesizer.synthesize(windows._drawn(np.zeros(20)))
    assert synthesizer.explained_variance_ratio_ == 0
    np.testing.assert_allclose(made.to_numpy(), 3.0)


def test_a_channel_that_is_constant_in_some_windows_is_warned_of() -> None:
    X = np.random.default_rng(0).normal(size=(100, 64, 2))
    X[:5, :, 1] = 0
    windows = Windows.from_arrays(X, feature_names=["BVP", "ACC"])
    with pytest.warns(DataWarning, match=r"'ACC' is constant in 5 of 100 .* missing='drop'"):
        powers = SpectralSynthesizer(1).fit(windows).synthesize(windows).to_numpy().var(axis=1)
    assert np.median(powers[:, 1]) < 0.1 * np.median(powers[:, 0])
    # The remedy. A warning would be an error here.
    rest = windows[5:]
    powers = SpectralSynthesizer(1).fit(rest).synthesize(rest).to_numpy().var(axis=1)
    assert_allclose(np.median(powers, axis=0), 1, rtol=0.15)
