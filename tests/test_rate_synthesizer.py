"""Windows with another rate: their label is the rate of what their samples hold."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import convolve1d
from scipy.signal import firwin
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skaug import (
    DataWarning,
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug.datasets import simulate_ppg
from skaug.model_selection import SubjectKFold
from skaug.spectral_peak import peak_frequencies
from skaug.synthesis import RateSynthesizer
from skaug.synthesis.lock_in import take_apart
from skaug.synthesis.resampling import Reading, interpolate, read

FS = 32.0
SIZE = 256
BAND = (0.8, 3.0)  # of the rate, in Hz


def recordings(
    rates: dict[str, tuple[float, float]], seconds: float = 60, noise: float = 0.05, seed: int = 0
) -> pd.DataFrame:
    """Return recordings of a pulse with one harmonic, whose rate rises evenly, beside a steady motion.

    Parameters
    ----------
    rates : dict of str to (float, float)
        The first and the last rate per minute of each subject.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for subject, (low, high) in rates.items():
        n = int(seconds * FS)
        rate = np.linspace(low, high, n)
        phase = 2 * np.pi * np.cumsum(rate) / 60 / FS
        motion = np.sin(2 * np.pi * 5.0 * np.arange(n) / FS)
        parts.append(
            pd.DataFrame(
                {
                    "subject": subject,
                    "pulse": np.sin(phase)
                    + 0.4 * np.cos(2 * phase)
                    + 0.5 * motion
                    + noise * rng.normal(size=n),
                    "motion": motion,
                    "rate": rate,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def windows_of(table: pd.DataFrame, **changed: object) -> Windows:
    parameters = {"window_size": SIZE, "features": ["pulse", "motion"], "target": "rate"}
    return SubjectWindower(**(parameters | changed)).fit_transform(table)


def peak_per_minute(values: np.ndarray, low: float = 0.5, high: float = 3.5) -> np.ndarray:
    """Return the frequency of the largest peak of each window, within 1/64 of the resolution."""
    n_fft = 64 * values.shape[1]
    taper = np.hanning(values.shape[1])[:, None]
    power = np.abs(np.fft.rfft((values.T * taper), n=n_fft, axis=0)) ** 2
    frequencies = np.fft.rfftfreq(n_fft, 1 / FS)
    in_band = (frequencies >= low) & (frequencies <= high)
    return 60 * frequencies[in_band][power[in_band].argmax(axis=0)]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return recordings({"A": (60, 70), "B": (80, 95), "C": (100, 110)})


@pytest.fixture(scope="module")
def windows(table: pd.DataFrame) -> Windows:
    return windows_of(table)


def synthesized(windows: Windows, ratio: float = 4.0, **parameters: object) -> Windows:
    synthesizer = RateSynthesizer(FS, **({"channels": ["pulse"]} | parameters))
    return SynthefyAugmenter(synthesizer, ratio=ratio).fit(windows).synthetic_windows_


# Labels and samples move together


@pytest.mark.parametrize("labels", ["local", "flat", "mix"])
@pytest.mark.parametrize("method", ["stretch", "shift", "both"])
def test_the_label_is_the_rate_of_the_samples(windows: Windows, method: str, labels: str) -> None:
    made = synthesized(windows, method=method, labels=labels)
    found = peak_per_minute(made.to_numpy()[:, :, 0], high=2.9)
    # A window of 8 s resolves 7.5 per minute; a peak is found to a small part of it.
    assert np.median(np.abs(found - made.y)) < 0.3
    assert np.mean(np.abs(found - made.y) < 2) > 0.97


def test_stretching_scales_everything_and_shifting_leaves_motion(windows: Windows) -> None:
    for method, motion in (("stretch", None), ("shift", 300.0)):
        made = synthesized(windows, method=method, labels="flat")
        found = peak_per_minute(made.to_numpy()[:, :, 1], low=1, high=12)
        factors = made.y / windows.y[origin_of(made, windows)]
        expected = 300.0 * factors if motion is None else np.full(len(made), motion)
        # The rate rises by up to 1/4 per second, so that the moved center changes the factor a little.
        np.testing.assert_allclose(found, expected, rtol=0.025 if motion is None else 2e-3)


def origin_of(made: Windows, windows: Windows) -> np.ndarray:
    keys = ["subject", "first_row"]
    index = pd.MultiIndex.from_frame(windows.origins[keys])
    return index.get_indexer(pd.MultiIndex.from_frame(made.origins[keys]))


@pytest.mark.parametrize("factor", [0.8, 1.3])
def test_a_stretched_window_is_as_far_off_its_label_as_the_rows_that_it_is_read_from(
    factor: float,
) -> None:
    """Of people who move. The rows are taken from the table; their band is stretched as they are."""
    table = simulate_ppg(n_subjects=6, minutes=2, sampling_rate=FS, random_state=3)
    labeled = {"features": ["BVP"], "target": "heart_rate"}
    windows = windows_of(table, stride=SIZE // 2, **labeled)
    starts = windows.origins["first_row"].to_numpy()
    # An edited window is read around its middle, if its recording has these rows.
    is_inner = (starts >= SIZE // 4) & (starts < starts.max() - SIZE // 4)
    augmenter = SynthefyAugmenter(
        RateSynthesizer(FS, method="stretch"), variations=[{"heart_rate": ("multiply", factor)}]
    )
    made = augmenter.fit(windows).synthetic_windows_
    made = made[is_inner[origin_of(made, windows)]]
    found = 60 * peak_frequencies(made.to_numpy()[:, :, 0], FS, *BAND)
    expected = np.empty(len(made))
    for nth, (subject, start) in enumerate(made.origins[["subject", "first_row"]].to_numpy()):
        recording = table[table["subject"] == subject]
        middle = start + SIZE // 2
        runs = [slice(middle - half, middle + half) for half in range(SIZE // 4, SIZE)]
        labels = recording["heart_rate"].to_numpy()
        rates = [labels[run].mean() * (run.stop - run.start) / SIZE for run in runs]
        run = runs[np.abs(rates - made.y[nth]).argmin()]
        spacing = made.y[nth] / labels[run].mean()
        rows = recording["BVP"].to_numpy()[None, run]
        expected[nth] = 60 * spacing * peak_frequencies(rows, FS, *np.divide(BAND, spacing))[0]
    # In the real windows too, the largest peak is often that of motion.
    assert np.mean(np.abs(expected - made.y) > 5) > 0.05
    assert np.median(np.abs(found - expected)) < 0.1
    assert np.mean(np.abs(found - expected) < 1) > 0.97


def test_a_stretch_brings_motion_into_the_band_of_the_rate_and_a_shift_does_not() -> None:
    """An arm swing at 48 per minute, twice as strong as the pulse, beside a band from 66 per minute.

    Through the taper, a tone of 8 s reaches as far as 15 per minute.
    """
    table = recordings({"A": (80, 82), "B": (100, 102), "C": (120, 122)})
    seconds = table.groupby("subject").cumcount() / FS
    table["pulse"] += 2 * np.sin(2 * np.pi * 0.8 * seconds)
    windows = windows_of(table)

    def is_motion(some: Windows) -> np.ndarray:
        found = peak_per_minute(some.to_numpy()[:, :, 0], low=66 / 60, high=2.9)
        return np.abs(found - some.y) > 5

    assert not is_motion(windows).any()
    stretched = synthesized(windows, method="stretch")
    swing = 48 * stretched.y / windows.y[origin_of(stretched, windows)]
    assert is_motion(stretched)[swing > 66 + 2].mean() == 1
    assert not is_motion(stretched)[swing < 66 - 16].any()
    shifted = synthesized(windows, method="shift")
    assert not is_motion(shifted)[shifted.y > 66].any()


def test_the_shifted_channel_keeps_its_motion(windows: Windows) -> None:
    # The third harmonic of subject C lies at the motion, and counts as part of the rhythm.
    made = synthesized(windows[windows.groups != "C"], method="shift")
    spectrum = np.abs(np.fft.rfft(made.to_numpy()[:, :, 0], axis=1)) / (SIZE / 2)
    at_motion = round(5.0 * SIZE / FS)
    np.testing.assert_allclose(spectrum[:, at_motion], 0.5, atol=0.1)


@pytest.mark.parametrize("method", ["shift", "stretch", "both"])
def test_local_labels_stay_near_their_condition(windows: Windows, method: str) -> None:
    """Stretched windows are read from rows beside the condition too, which have other labels."""
    made = synthesized(windows, labels="local", method=method, local=0.1)
    factors = made.y / windows.y[origin_of(made, windows)]
    assert np.abs(np.log(factors)).max() <= 0.1 + 1e-9
    assert np.abs(np.log(factors)).max() > 0.09


@pytest.mark.parametrize("method", ["shift", "stretch", "both"])
def test_flat_labels_are_spread_over_the_training_labels_and_a_margin(
    windows: Windows, method: str
) -> None:
    made = synthesized(windows, ratio=40, labels="flat", method=method, margin=0.1)
    low, high = 0.9 * windows.y.min(), 1.1 * windows.y.max()
    assert low - 1e-6 <= made.y.min() < low + 2
    assert high - 2 < made.y.max() <= high + 1e-6
    counts, _ = np.histogram(made.y, bins=5, range=(low, high))
    # Uniform, but for conditions that reach the ends only up to max_factor.
    assert counts.min() > 0.6 * counts.max()


@pytest.mark.parametrize("method", ["shift", "stretch", "both"])
def test_no_factor_exceeds_the_largest(windows: Windows, method: str) -> None:
    made = synthesized(windows, labels="flat", max_factor=1.25, method=method, local=0.2)
    factors = made.y / windows.y[origin_of(made, windows)]
    assert factors.min() >= 1 / 1.25 - 1e-9
    assert factors.max() <= 1.25 + 1e-9


def test_both_is_half_of_each(windows: Windows) -> None:
    made = synthesized(windows, ratio=20, method="both", local=0.0, labels="flat")
    motion = peak_per_minute(made.to_numpy()[:, :, 1], low=1, high=12)
    is_shifted = np.abs(motion - 300) < 1e-2 * 300
    assert 0.4 < is_shifted.mean() < 0.65


# What a window depends on


@settings(deadline=None, max_examples=25)
@given(data=st.data(), method=st.sampled_from(["stretch", "shift", "both"]))
def test_a_window_does_not_depend_on_its_batch(
    windows: Windows, data: st.DataObject, method: str
) -> None:
    synthesizer = RateSynthesizer(FS, channels=["pulse"], method=method).fit(windows)
    conditions = Windows.concatenate([windows._drawn(np.full(len(windows), d)) for d in (0, 1)])
    whole = synthesizer.synthesize(conditions)
    chosen = np.array(
        data.draw(st.lists(st.integers(0, len(conditions) - 1), min_size=1, unique=True))
    )
    part = synthesizer.synthesize(conditions[chosen])
    np.testing.assert_array_equal(part.to_numpy(), whole.to_numpy()[chosen])
    np.testing.assert_array_equal(part.y, whole.y[chosen])


def test_draws_and_seeds_differ(windows: Windows) -> None:
    made = synthesized(windows, ratio=2)
    of_first = made[made.origins["first_row"].to_numpy() == 0]
    assert len(np.unique(of_first.y)) == len(of_first)
    other = synthesized(windows, ratio=2, random_state=1)
    assert not np.isclose(other.y, made.y).any()


def test_rows_that_no_training_window_covers_are_never_read(table: pd.DataFrame) -> None:
    """A held-out stretch in the middle of a recording must leave no trace."""
    poisoned = table.copy()
    in_test = table.groupby("subject").cumcount().between(3 * SIZE, 4 * SIZE - 1)
    poisoned.loc[in_test, ["pulse", "motion"]] = 1e6
    kept = ~windows_of(table.assign(rate=in_test.astype(float))).y.astype(bool)
    made = synthesized(windows_of(poisoned)[kept], check=False)
    clean = synthesized(windows_of(table)[kept], check=False)
    np.testing.assert_array_equal(made.to_numpy(), clean.to_numpy())
    assert np.abs(made.to_numpy()).max() < 10


def test_recordings_are_not_read_over_their_boundary() -> None:
    table = recordings({"A": (60, 70), "B": (90, 100)}).assign(session=0)
    later = table.assign(session=1, pulse=table["pulse"] + 1000)
    both = pd.concat([table, later]).sort_values(["subject", "session"], kind="stable")
    windows = windows_of(both.reset_index(drop=True), boundaries=["session"])
    made = synthesized(windows, method="stretch")
    level = made.to_numpy()[:, :, 0]
    assert ((np.abs(level) < 10) | (np.abs(level - 1000) < 10)).all()
    spread = level.max(axis=1) - level.min(axis=1)
    assert spread.max() < 10


def test_windows_of_arrays_can_be_shifted_but_only_slowed_by_stretching(windows: Windows) -> None:
    alone = Windows.from_arrays(
        windows.to_numpy(), windows.y, windows.groups, feature_names=windows.feature_names
    )
    with pytest.warns(DataWarning, match="can only lower their rate"):
        slowed = synthesized(alone, method="stretch")
    assert (slowed.y <= alone.y[origin_of(slowed, alone)] + 1e-9).all()
    shifted = synthesized(alone, method="shift", labels="local")
    factors = shifted.y / alone.y[origin_of(shifted, alone)]
    assert 0.3 < np.mean(factors > 1) < 0.7


def test_stretches_too_short_to_take_the_rhythm_out_are_not_shifted() -> None:
    # The neighboring band, 0.375 Hz away, is resolved in 1 / 0.375 s: 86 rows.
    fast = recordings(dict.fromkeys("ABCDEF", (120.0, 220.0)), seconds=64)
    short = windows_of(fast, window_size=64, stride=128, features=["pulse"])
    with pytest.raises(
        ValueError, match=r"96 of 96 .* less than 86 rows \(2.69 s\), .*'A' at row 0.*method='both'"
    ):
        synthesized(short, method="shift", check=False)
    with pytest.warns(DataWarning, match=r"method='both'\) can only lower their rate"):
        made = synthesized(short, method="both", check=False)
    found = peak_per_minute(made.to_numpy()[:, :, 0], low=0.8, high=4.5)
    assert np.quantile(np.abs(found - made.y), 0.95) < 10
    faster = SynthefyAugmenter(
        RateSynthesizer(FS, check=False), variations=[{"rate": ("multiply", 1.5)}]
    )
    with (
        pytest.warns(DataWarning, match="can only lower"),
        pytest.raises(ValueError, match=r"needs 96 rows .* there: edit it by less"),
    ):
        faster.fit(short)
    long = windows_of(fast, window_size=96, stride=128, features=["pulse"])
    assert len(synthesized(long, method="shift", check=False)) == 4 * len(long)


def test_overlapping_windows_are_stitched(table: pd.DataFrame) -> None:
    made = synthesized(windows_of(table, stride=32), ratio=0.5, labels="flat")
    found = peak_per_minute(made.to_numpy()[:, :, 0], high=2.9)
    assert np.median(np.abs(found - made.y)) < 0.3


def test_what_the_samples_cannot_represent_does_not_return_as_another_frequency() -> None:
    """A tone of 12 Hz, stretched by 2 at 32 Hz, would appear at 8 Hz."""
    table = recordings({"A": (50, 55), "B": (100, 110)}, noise=0)
    table["motion"] = np.sin(2 * np.pi * 12.0 * np.arange(len(table)) / FS)
    windows = windows_of(table)
    slow = windows[windows.groups == "A"]
    synthesizer = RateSynthesizer(FS, channels=["pulse"], method="stretch", max_factor=2.001)
    edited = SynthefyAugmenter(
        synthesizer, variations=[{"rate": ("multiply", 1.95)}], subjects=["A"], n_synthetic=2
    )
    middle = windows[np.r_[1 : len(slow) - 1, len(slow) : len(windows)]]
    made = edited.fit(middle).synthetic_windows_
    power = made.to_numpy()[:, 20:-20, 1].std(axis=1)
    assert power.max() < 0.05 * table["motion"].std()


def slow_recordings(fastest: float) -> pd.DataFrame:
    """Return a pulse of up to `fastest` per minute, at 4 Hz."""
    n = 1200
    parts = []
    for subject, (low, high) in {"A": (45, 60), "B": (70, fastest)}.items():
        rate = np.linspace(low, high, n)
        pulse = np.sin(2 * np.pi * np.cumsum(rate) / 60 / 4)
        parts.append(pd.DataFrame({"subject": subject, "pulse": pulse, "rate": rate}))
    return pd.concat(parts, ignore_index=True)


def test_the_filter_of_the_rows_that_are_read_is_that_of_their_whole_stretch() -> None:
    """The oracle filters each stretch as a whole; windows lie at its ends, apart, and on each other."""
    signals = np.random.default_rng(0).normal(size=(2000, 2))
    first = np.array([0, 0, 0, 0, 700, 700, 700])
    last = np.array([699, 699, 699, 699, 1999, 1999, 1999])
    spacing = np.full(7, 1.9)
    center = np.array([60.0, 75.3, 400, 638, 790.2, 1500, 1938])
    reading = Reading(center, spacing, first, last, 64)
    out = np.empty((7, 64, 2))
    read(signals, reading, out, np.arange(7))
    taps = firwin(2 * 24 + 1, 1 / 2)
    halves = (signals[:700], signals[700:])
    filtered = [convolve1d(half, taps, axis=0, mode="mirror") for half in halves]
    expected = np.empty_like(out)
    interpolate(np.concatenate(filtered), reading, expected, np.arange(7))
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", ["stretch", "shift", "both"])
def test_no_label_is_a_rate_that_the_samples_cannot_have(method: str) -> None:
    """At 4 Hz a rate is below 2 Hz, and with the bandwidth of the demodulation, 0.25 Hz, below 1.75 Hz."""
    table = slow_recordings(100)
    table.loc[len(table) - 5 :, "rate"] = 130  # a glitch of the label, beyond Nyquist
    windows = windows_of(table, window_size=128, features=["pulse"])
    synthesizer = RateSynthesizer(4, method=method, labels="flat")
    made = SynthefyAugmenter(synthesizer, ratio=8).fit(windows).synthetic_windows_
    assert made.y.max() < {"stretch": 115, "shift": 105 + 1e-9, "both": 115}[method]
    assert made.y.max() > 101
    found = peak_per_minute(made.to_numpy()[:, :, 0], low=0.3 * FS / 4, high=1.99 * FS / 4) * 4 / FS
    assert np.median(np.abs(found - made.y)) < 1


def test_rates_above_those_that_can_be_changed_are_refused() -> None:
    windows = windows_of(slow_recordings(110), window_size=128, features=["pulse"])
    with pytest.raises(
        ValueError, match=r"label of 106.* is 1.77 Hz at unit=60.0, above the 1.75 Hz"
    ):
        RateSynthesizer(4).fit(windows)
    with pytest.raises(ValueError, match="or use method='stretch'"):
        RateSynthesizer(4, method="shift").fit(windows)
    fastest = windows_of(slow_recordings(117), window_size=128, features=["pulse"])
    with pytest.raises(ValueError, match=r"above the 1.8 Hz .* leave out these windows\."):
        RateSynthesizer(4, method="stretch").fit(fastest)


def test_a_glitch_of_the_label_leaves_a_harmonic_in_its_surroundings_only() -> None:
    """At 8 Hz, what is above 3.75 Hz cannot be taken out, such as the second harmonic of 2.2 Hz."""
    n, fs = 2400, 8.0
    rate = 1.3 + 0.1 * np.sin(np.arange(n) / 200)
    phase = 2 * np.pi * np.cumsum(rate) / fs
    pulse = np.sin(phase) + 0.4 * np.cos(2 * phase)
    rate[1200:1205] = 2.2
    turns = np.concatenate([[0], np.cumsum(rate) / fs])
    rhythm = take_apart(pulse[:, None], turns, np.array([0, n]), np.array([0]), fs)
    of_row = 2 * rhythm.rest[:, 0] * np.exp(-2j * phase)
    left = np.abs(of_row.reshape(10, -1).mean(axis=1))  # amplitudes in parts of 30 s
    assert left.max() < 0.1 * 0.4
    assert np.delete(left, [4, 5]).max() < 0.02 * 0.4


@pytest.mark.parametrize("how", ["mean", "median", "last"])
def test_a_table_of_synthetic_windows_has_their_labels(table: pd.DataFrame, how: str) -> None:
    windows = windows_of(table, target_agg=how)
    synthesizer = RateSynthesizer(FS, channels=["pulse"], check=False)
    augmented = SynthefyAugmenter(synthesizer).fit_transform(windows)
    saved = augmented.to_frame().reset_index(drop=True)
    again = SubjectWindower(
        SIZE, features=["pulse", "motion"], target="rate", target_agg=how, subject=None
    ).fit_transform(saved)
    np.testing.assert_allclose(again.y, augmented.y)
    np.testing.assert_array_equal(again.to_numpy(), augmented.to_numpy())
    pd.testing.assert_frame_equal(augmented.context.loc[: len(windows) - 1], windows.context)


# Edits


@pytest.mark.parametrize("method", ["stretch", "shift", "both"])
def test_an_edited_label_is_set_exactly(windows: Windows, method: str) -> None:
    synthesizer = RateSynthesizer(FS, channels=["pulse"], method=method)
    inner = windows[np.isin(windows.origins["first_row"] // SIZE, range(7))]
    augmenter = SynthefyAugmenter(
        synthesizer, variations=[{"rate": ("add", 7)}, {"rate": ("subtract", 6)}], ratio=1
    )
    made = augmenter.fit(inner).synthetic_windows_
    change = made.y - inner.y[origin_of(made, inner)]
    np.testing.assert_allclose(np.sort(change), np.repeat([-6.0, 7.0], len(inner)), atol=1e-9)
    found = peak_per_minute(made.to_numpy()[:, :, 0], high=2.9)
    assert np.median(np.abs(found - made.y)) < 0.3


def test_an_edit_that_changes_nothing_keeps_the_label(windows: Windows) -> None:
    synthesizer = RateSynthesizer(FS, channels=["pulse"], method="shift")
    made = SynthefyAugmenter(synthesizer, variations=[{"rate": ("add", 0)}]).fit(windows)
    made = made.synthetic_windows_
    np.testing.assert_allclose(made.y, windows.y[origin_of(made, windows)], atol=1e-9)


def test_edits_of_other_columns_are_refused(table: pd.DataFrame) -> None:
    windows = windows_of(table.assign(age=40))
    augmenter = SynthefyAugmenter(RateSynthesizer(FS), variations=[{"age": 50}])
    with pytest.raises(
        ValueError,
        match=r"do not follow 'age', .* nothing but the context: .*edit the rate, 'rate'",
    ):
        augmenter.fit(windows)


def test_edits_out_of_reach_name_the_window_and_the_remedy(windows: Windows) -> None:
    far = SynthefyAugmenter(
        RateSynthesizer(FS, channels=["pulse"]), variations=[{"rate": ("multiply", 3)}]
    )
    with pytest.raises(ValueError, match=r"subject '.' at row .* max_factor=2.0, or raise that"):
        far.fit(windows)
    below_zero = SynthefyAugmenter(
        RateSynthesizer(FS, channels=["pulse"]), variations=[{"rate": ("subtract", 200)}]
    )
    with pytest.raises(ValueError, match=r"edited label -.* is not a rate, .* positive number"):
        below_zero.fit(windows)
    beyond_nyquist = SynthefyAugmenter(
        RateSynthesizer(FS, channels=["pulse"], max_factor=20), variations=[{"rate": 900.0}]
    )
    with pytest.raises(ValueError, match="is above 864, the highest rate"):  # 0.9 of 16 Hz
        beyond_nyquist.fit(windows)
    alone = Windows.concatenate([windows[windows.groups != "A"], windows[:1]])
    near = SynthefyAugmenter(
        RateSynthesizer(FS, channels=["pulse"], method="stretch"),
        variations=[{"rate": ("multiply", 1.5)}],
        subjects=["A"],
    )
    with pytest.raises(ValueError, match=r"'A' at row 0 needs 384 rows .* method='shift'"):
        near.fit(alone)


# Refusals


def test_labels_that_are_not_the_rhythm_of_the_channels_are_refused(table: pd.DataFrame) -> None:
    shuffled = windows_of(table).provenance.y.copy()
    np.random.default_rng(3).shuffle(shuffled)
    windows = Windows.from_arrays(
        windows_of(table).to_numpy(), shuffled, feature_names=["pulse", "motion"]
    )
    with pytest.raises(
        ValueError, match=r"pulse do(es)? not seem .* power lies within .* permuted"
    ):
        RateSynthesizer(FS, channels=["pulse"]).fit(windows)
    assert RateSynthesizer(FS, channels=["pulse"], check=False).fit(windows).check_ is None


def test_a_channel_without_the_rhythm_is_refused(windows: Windows) -> None:
    with pytest.raises(ValueError, match="name the channels that carry the rhythm"):
        RateSynthesizer(FS, channels=["motion"]).fit(windows)


def test_the_check_reports_its_figures(windows: Windows) -> None:
    check = RateSynthesizer(FS, channels=["pulse"]).fit(windows).check_
    assert check.share > 1.5 * check.permuted
    assert check.p_value == 1 / 500


def test_a_sampling_rate_that_is_too_small_by_two_is_warned_of(windows: Windows) -> None:
    """The labels are then the rates of the second harmonic."""
    with pytest.warns(
        DataWarning, match=r"half the labels too: .* sampling_rate=16.0 or unit=60.0"
    ):
        RateSynthesizer(FS / 2, channels=["pulse"]).fit(windows)
    with pytest.warns(DataWarning, match=r"half the labels too: .* unit=30"):
        RateSynthesizer(FS, channels=["pulse"], unit=30).fit(windows)


def test_rates_that_hardly_differ_cannot_be_tested(table: pd.DataFrame) -> None:
    one = windows_of(table[table["subject"] == "A"])
    with pytest.warns(DataWarning, match="differ too little"):
        RateSynthesizer(FS, channels=["pulse"]).fit(one)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "these have none"),
        ([1.0, -1.0], r"window at row 256 is -1.0, and a rate is a positive number"),
        ([1.0, np.nan], r"is nan, and a rate"),
        (["a", "b"], "needs one number per window"),
    ],
)
def test_labels_that_are_not_rates_are_refused(y: list | None, message: str) -> None:
    windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(2, SIZE, 1)), y)
    with pytest.raises(ValueError, match=message):
        RateSynthesizer(FS).fit(windows)


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_target_that_is_not_positive_in_some_rows_is_refused(
    table: pd.DataFrame, rate: float
) -> None:
    """The labels of windows, its means, are positive; windows read from these rows alone would not be."""
    lost = table.copy()
    of_b = np.flatnonzero(table["subject"] == "B")
    lost.loc[of_b[3 * SIZE + 10 : 4 * SIZE], "rate"] = rate
    windows = windows_of(lost)
    assert (windows.y > 0).all()
    with pytest.raises(
        ValueError,
        match=rf"'rate' is {rate:g} in row {3 * SIZE + 10} of subject 'B', and not positive in "
        rf"{SIZE - 10} rows in all, .*: set such rows to NaN, and cut windows with missing='drop'",
    ):
        RateSynthesizer(FS, check=False).fit(windows[::-1])
    dropped = windows_of(lost.assign(rate=lost["rate"].where(lost["rate"] > 0)), missing="drop")
    assert synthesized(dropped, check=False).y.min() > 0


def test_transformed_labels_are_refused(table: pd.DataFrame) -> None:
    pipe = make_pipeline(
        SubjectWindower(SIZE, features=["pulse", "motion"], target="rate"),
        SynthefyAugmenter(RateSynthesizer(FS, channels=["pulse"])),
        WindowSpectrum(0.5, 4, FS),
        Ridge(),
    )
    model = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp, check_inverse=False)
    with pytest.raises(ValueError, match="TransformedTargetRegressor transformed it"):
        model.fit(table, table["rate"])


def test_passed_labels_are_refused_in_place_of_the_windows_own(windows: Windows) -> None:
    with pytest.raises(ValueError, match="a y was passed to fit"):
        SynthefyAugmenter(RateSynthesizer(FS)).fit(windows, windows.y[::-1])


def test_passed_labels_may_be_the_windows_own_in_single_precision(windows: Windows) -> None:
    synthesizer = RateSynthesizer(FS, channels=["pulse"])
    made = SynthefyAugmenter(synthesizer).fit(windows, windows.y.astype(np.float32))
    own = SynthefyAugmenter(synthesizer).fit(windows).synthetic_windows_
    np.testing.assert_allclose(made.synthetic_windows_.y, own.y, rtol=1e-6)


@pytest.mark.parametrize("change", [np.log, lambda y: (y - y.mean()) / y.std()])
def test_replaced_labels_of_arrays_are_refused_as_such(windows: Windows, change) -> None:
    alone = Windows.from_arrays(windows.to_numpy(), windows.y)
    with pytest.raises(ValueError, match="are not their own: a y was passed"):
        SynthefyAugmenter(RateSynthesizer(FS)).fit(alone, change(windows.y))


def test_logarithms_of_rates_are_refused_where_nothing_tells_that_they_were_transformed(
    windows: Windows,
) -> None:
    """The logarithms differ by less than 22 %, which the check of the rhythm cannot tell apart."""
    with pytest.raises(
        ValueError, match=r"No window contains a full period.* up to 0.0781 Hz .* 8 s long"
    ):
        RateSynthesizer(FS).fit(Windows.from_arrays(windows.to_numpy(), np.log(windows.y)))


def test_fitting_needs_windows(windows: Windows) -> None:
    with pytest.raises(ValueError, match="There are no windows to fit"):
        RateSynthesizer(FS).fit(windows[:0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sampling_rate": 0}, "sampling_rate=0 must be a number above 0"),
        ({"sampling_rate": 3}, "above half of sampling_rate=3"),
        ({"unit": -1}, "unit=-1"),
        ({"method": "warp"}, "method='warp' is unknown: use one of 'stretch', 'shift', 'both'"),
        ({"labels": "own"}, "labels='own' is unknown"),
        ({"max_factor": 1}, "max_factor=1 must be a number above 1"),
        ({"local": 0.8}, r"local=0.8 must be a number from 0 to 0.693 \(log\(max_factor\)\)"),
        ({"margin": 1.5}, "margin=1.5"),
        ({"check": "no"}, "check='no' must be True or False"),
        ({"channels": "pulse"}, r"channels='pulse' must be a list"),
        ({"channels": ["ecg"]}, "channels names 'ecg', but the channels of the windows are pulse"),
        ({"random_state": None}, "random_state=None"),
    ],
)
def test_wrong_parameters_are_named(windows: Windows, parameters: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RateSynthesizer(**({"sampling_rate": FS} | parameters)).fit(windows)


def test_missing_samples_are_named(windows: Windows) -> None:
    samples = windows.to_numpy()
    samples[2, 5, 0] = np.nan
    with pytest.raises(ValueError, match=r"row 512 .* holds nan in 'pulse'"):
        RateSynthesizer(FS).fit(windows.with_samples(samples))


def test_conditions_that_were_not_fitted_are_named(windows: Windows) -> None:
    synthesizer = RateSynthesizer(FS, channels=["pulse"]).fit(windows[windows.groups != "C"])
    with pytest.raises(ValueError, match="subject 'C' at row 0 is not among the training windows"):
        synthesizer.synthesize(windows[windows.groups == "C"])


# In pipelines


def test_single_precision_is_kept(windows: Windows, table: pd.DataFrame) -> None:
    single = synthesized(windows_of(table, dtype="float32"))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.to_numpy(), synthesized(windows).to_numpy(), atol=2e-3)


def test_it_works_in_a_grid_and_leaves_nothing_in_a_pickle(windows: Windows) -> None:
    pipe = make_pipeline(
        SynthefyAugmenter(RateSynthesizer(FS, channels=["pulse"], check=False)),
        WindowSpectrum(0.5, 4, FS),
        Ridge(),
    )
    grid = {
        "synthefyaugmenter__synthesizer__local": [0.1, 0.2],
        "synthefyaugmenter__synthesizer__method": ["shift", "both"],
    }
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(3), error_score="raise").fit(windows)
    assert len(search.cv_results_["params"]) == 4
    fitted = search.best_estimator_[0].synthesizer_
    assert hasattr(fitted, "_signals")
    copied = pickle.loads(pickle.dumps(search)).best_estimator_[0].synthesizer_
    assert not hasattr(copied, "_signals")
    assert len(pickle.dumps(search)) < 0.2 * windows.to_numpy().nbytes


def test_it_says_what_it_moves() -> None:
    synthesizer = clone(RateSynthesizer(FS))
    assert synthesizer.moves == {"rate"}
    assert synthesizer.keeps == {"level"}
