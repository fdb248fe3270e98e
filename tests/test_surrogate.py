"""Phase-randomized surrogates: what they keep, how they draw phases, and what these depend on."""

from __future__ import annotations

import pickle
import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skaug import SubjectWindower, Windows
from skaug._random import combine, text_key, uniform
from skaug.spectral_peak import peak_frequencies
from skaug.synthesis import SurrogateSynthesizer

SIZES = [3, 4, 5, 63, 64, 250, 257]


def windows_of(size: int = 64, n: int = 12, channels: int = 3, dtype: str = "float64") -> Windows:
    """Correlated channels with different means, of three subjects."""
    rng = np.random.default_rng(size)
    X = rng.normal(size=(n, size, channels)) @ rng.normal(size=(channels, channels))
    X += 10 * rng.normal(size=(n, 1, channels))
    return Windows.from_arrays(
        X.astype(dtype), y=np.arange(float(n)), groups=np.resize(["A", "B", "C"], n)
    )


def surrogates(windows: Windows, random_state: int = 0) -> np.ndarray:
    synthesizer = SurrogateSynthesizer(random_state).fit(windows)
    return synthesizer.synthesize(windows).to_numpy()


def spectra(X: np.ndarray) -> np.ndarray:
    return np.fft.rfft(X.astype(np.float64), axis=1)


# What surrogates keep


@pytest.mark.parametrize(("dtype", "rounding"), [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("size", SIZES)
def test_amplitudes_and_means_are_kept(size: int, dtype: str, rounding: float) -> None:
    windows = windows_of(size, dtype=dtype)
    X, S = windows.to_numpy(), surrogates(windows)
    assert S.dtype == dtype
    scale = np.abs(spectra(X)).max()
    assert_allclose(np.abs(spectra(S)), np.abs(spectra(X)), rtol=0, atol=rounding * scale)
    assert_allclose(S.mean(axis=1), X.mean(axis=1), rtol=0, atol=rounding * np.abs(X).max())


@pytest.mark.parametrize("size", SIZES)
def test_cross_spectra_between_channels_are_kept(size: int) -> None:
    windows = windows_of(size)
    before, after = spectra(windows.to_numpy()), spectra(surrogates(windows))
    for one in range(3):
        for other in range(one):
            expected = before[..., one] * before[..., other].conj()
            cross = after[..., one] * after[..., other].conj()
            assert_allclose(cross, expected, rtol=0, atol=1e-11 * np.abs(expected).max())


def test_variances_and_correlations_are_kept() -> None:
    """By Parseval's theorem: they are sums over the spectra."""
    windows = windows_of(100)
    for before, after in zip(windows, surrogates(windows), strict=True):
        assert_allclose(np.cov(after.T), np.cov(before.T), rtol=1e-9)


def test_the_rate_of_a_pulse_is_kept() -> None:
    t = np.arange(512) / 64
    rates = np.linspace(0.8, 3.0, 20)
    pulses = np.stack([scipy.signal.sawtooth(2 * np.pi * rate * t, 0.3) for rate in rates])
    windows = Windows.from_arrays(pulses[:, :, None], y=60 * rates)
    frequencies, power = scipy.signal.periodogram(surrogates(windows)[:, :, 0], 64, window="hann")
    found = 60 * frequencies[power.argmax(axis=1)]
    # A window of 8 s resolves rates 60 / 8 = 7.5 per minute apart.
    assert_allclose(found, 60 * rates, atol=7.5)


@pytest.mark.parametrize("distance", [0.0, 0.1, 0.2, 0.3])
def test_a_rate_is_kept_up_to_its_distance_from_a_frequency_of_the_transform(
    distance: float,
) -> None:
    """Tapered spectra of surrogates have their peak, on average, at the nearest multiple of 1 / 8 s."""
    t = np.arange(256) / 32
    tones = np.resize([9, 10, 11, 12], 400) + distance  # periods per window
    starts = np.arange(400)  # in radians
    X = np.sin(2 * np.pi * tones[:, None] * t / 8 + starts[:, None])
    found = 8 * peak_frequencies(X, 32, 0.5, 3)
    assert_allclose(found, tones, atol=1e-3)
    moved = 8 * peak_frequencies(surrogates(Windows.from_arrays(X[..., None]))[:, :, 0], 32, 0.5, 3)
    assert_allclose((moved - tones).mean(), -distance, atol=0.05)
    assert_allclose(np.abs(moved - tones).mean(), distance, atol=0.05)


def test_a_flat_window_stays_flat() -> None:
    windows = Windows.from_arrays(np.full((2, 9, 1), 3.5))
    assert_allclose(surrogates(windows), 3.5, rtol=1e-15)


def test_surrogates_do_not_repeat_the_waveform() -> None:
    windows = windows_of(64)
    X, S = windows.to_numpy(), surrogates(windows)
    centered = [values - values.mean(axis=1, keepdims=True) for values in (X, S)]
    similarity = np.einsum("nsc,nsc->nc", *centered) / np.einsum(
        "nsc,nsc->nc", centered[0], centered[0]
    )
    # The correlation is a weighted mean of cosines of random phases: 1 for equal phases only.
    assert (np.abs(similarity) < 0.9).all()


def test_labels_origins_and_context_are_kept(windows: Windows) -> None:
    conditions = windows[::3]._drawn(np.arange(len(windows[::3])))
    synthetic = SurrogateSynthesizer().fit(windows).synthesize(conditions)
    assert synthetic.is_synthetic.all()
    assert_array_equal(synthetic.y, conditions.y)
    assert_array_equal(synthetic.groups, conditions.groups)
    assert synthetic.origins.equals(conditions.origins)
    assert synthetic.context.equals(conditions.context)
    assert synthetic.feature_names == ["BVP", "ECG"]


def test_conditions_are_not_modified() -> None:
    X = windows_of(64).to_numpy()
    before = X.copy()
    X.flags.writeable = False
    surrogates(Windows.from_arrays(X))
    assert_array_equal(X, before)


# What the phases depend on


@given(
    st.lists(st.integers(0, 39), max_size=30),
    st.lists(st.integers(0, 3), min_size=30, max_size=30),
    st.sampled_from(["float64", "float32"]),
)
@settings(deadline=None, max_examples=60)
def test_a_surrogate_depends_on_seed_origin_and_draw_only(
    chosen: list[int], draws: list[int], dtype: str
) -> None:
    """Not on the order, repetition or presence of other conditions."""
    windows = windows_of(33, n=40, channels=2, dtype=dtype)
    alone = {
        draw: surrogates(windows._drawn(np.full(40, draw))) for draw in set(draws[: len(chosen)])
    }
    together = surrogates(windows[chosen]._drawn(draws[: len(chosen)]))
    for surrogate, window, draw in zip(together, chosen, draws, strict=False):
        assert_array_equal(surrogate, alone[draw][window])


def test_a_surrogate_does_not_depend_on_other_subjects(recordings: Any) -> None:
    windower = SubjectWindower(128, 64, features=["BVP"], target="heart_rate")
    everybody = windower.fit_transform(recordings)
    subject = everybody.groups[-1]
    alone = windower.fit_transform(recordings[recordings["subject"] == subject])
    assert_array_equal(surrogates(alone), surrogates(everybody[everybody.groups == subject]))


def test_many_windows_have_the_surrogates_of_few() -> None:
    """Two threads work in blocks of 2^16 rows, which are 256 windows."""
    windows = windows_of(256, n=5000, channels=1)
    every = surrogates(windows)
    for some in (slice(0, 3), slice(253, 260), slice(2497, 2503), slice(4997, 5000)):
        assert_array_equal(surrogates(windows[some]), every[some])


def test_memory_stays_below_three_times_the_surrogates() -> None:
    windows = windows_of(512, n=3000, channels=2)
    tracemalloc.start()
    SurrogateSynthesizer().synthesize(windows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * windows.to_numpy().nbytes


def test_pickled_windows_have_the_same_surrogates() -> None:
    windows = windows_of(64)[3:7]
    assert_array_equal(surrogates(pickle.loads(pickle.dumps(windows))), surrogates(windows))


def test_subjects_are_identified_by_their_names() -> None:
    X = np.random.default_rng(0).normal(size=(2, 32, 1))
    named = [
        surrogates(Windows.from_arrays(X, groups=groups))
        for groups in ([1, 2], np.array([1, 2], dtype=np.uint8), np.array([1, 2], dtype=object))
    ]
    assert_array_equal(named[0], named[1])
    assert_array_equal(named[0], named[2])
    assert not np.allclose(named[0], surrogates(Windows.from_arrays(X, groups=["A", "B"])))


@pytest.mark.parametrize(
    "change",
    [
        lambda w: surrogates(w._drawn(np.full(12, 0))),
        lambda w: surrogates(w._drawn(np.full(12, 1))),
        lambda w: surrogates(w, random_state=1),
        lambda w: surrogates(w, random_state=2**70),
        lambda w: surrogates(
            Windows.from_arrays(w.to_numpy(), groups=np.resize(["X", "Y", "Z"], 12))
        ),
        lambda w: surrogates(Windows.from_arrays(w.to_numpy())[::-1])[::-1],
    ],
)
def test_another_draw_seed_or_origin_changes_the_phases(change: Any) -> None:
    windows = windows_of(64)
    difference = np.abs(change(windows) - surrogates(windows)).max(axis=(1, 2))
    assert (difference > 0.1).all()


def test_row_and_draw_are_not_interchangeable() -> None:
    """Windows may begin at any row, so that row 1, draw 0 and row 0, draw 1 both occur."""
    frame = pd.DataFrame({"BVP": np.random.default_rng(0).normal(size=40), "subject": "A"})
    windows = SubjectWindower(32, 1).fit_transform(frame)
    grid = windows[np.repeat(np.arange(5), 5)]._drawn(np.tile(np.arange(5), 5))
    rotations = (spectra(surrogates(grid)) / spectra(grid.to_numpy()))[:, 1:16, 0]
    distances = np.abs(rotations[:, None] - rotations[None, :]).max(axis=2)
    assert (distances[~np.eye(25, dtype=bool)] > 0.1).all()


def test_windows_of_one_subject_have_different_phases() -> None:
    same = Windows.from_arrays(np.tile(windows_of(64, n=1).to_numpy(), (20, 1, 1)))
    S = surrogates(same).reshape(20, -1)
    distances = np.abs(S[:, None] - S[None, :]).max(axis=2)
    assert (distances[~np.eye(20, dtype=bool)] > 0.1).all()


# The statistics of the phases

CHANCE = 1e-9  # of a false alarm, were the phases what they should be: the seed is fixed


def phases_of(n: int, size: int, by: str) -> np.ndarray:
    """The random phases of n windows, of shape (n, n_frequencies)."""
    X = np.zeros((n, size, 1))
    X[:, 0] = 1.0  # an impulse: amplitude 1 and phase 0 everywhere
    groups = np.arange(n) if by == "subjects" else np.zeros(n, dtype=int)
    windows = Windows.from_arrays(X, groups=groups)
    if by == "draws":
        windows = windows[np.zeros(n, dtype=int)]._drawn(np.arange(n))
    last = (size - 1) // 2
    return np.angle(spectra(surrogates(windows))[:, 1 : last + 1, 0])


@pytest.mark.parametrize("by", ["windows", "draws", "subjects"])
def test_phases_are_uniform_and_independent(by: str) -> None:
    """By Rayleigh's test of the phase at each frequency, and of sums and differences of two phases.

    For n independent uniform phases and R the length of the mean of exp(i phase), n R^2 exceeds t with
    probability exp(-t) (n large); the largest of m such numbers does with at most m exp(-t). Sums and
    differences of independent uniform phases are uniform, those of dependent ones are not.
    """
    n, size = 2000, 41
    z = np.exp(1j * phases_of(n, size, by))
    k = z.shape[1]
    upper = np.triu_indices(k, 1)
    means = np.concatenate(
        [
            z.mean(axis=0),
            (z**2).mean(axis=0),
            (z.T @ z / n)[upper],  # sums
            (z.T @ z.conj() / n)[upper],  # differences
            (z[1:] * z[:-1].conj()).mean(axis=0),  # of consecutive windows, draws or subjects
        ]
    )
    bound = np.log(len(means) / CHANCE)
    assert (n * np.abs(means) ** 2).max() < bound


def test_phases_are_the_keyed_numbers_up_to_rounding() -> None:
    """Keys are made of seed and subject, first row and draw."""
    n, size = 500, 64
    keys = np.full(n, text_key("surrogate", 0, None))
    X = np.zeros((n, size, 1))
    X[:, 0] = 1.0
    windows = Windows.from_arrays(X)
    keys = combine(combine(keys, windows.provenance.first_row), windows.provenance.draw)
    rotations = spectra(surrogates(windows))[:, 1:32, 0]
    assert_allclose(rotations, np.exp(2j * np.pi * uniform(keys, 31)), rtol=0, atol=1e-14)


def test_phases_are_uniformly_distributed() -> None:
    """By the Dvoretzky-Kiefer-Wolfowitz inequality, P(D > e) <= 2 exp(-2 n e^2)."""
    phases = np.sort(phases_of(2000, 41, "windows").ravel())
    n = len(phases)
    exact = (phases + np.pi) / (2 * np.pi)
    steps = np.arange(n + 1) / n
    distance = max(np.abs(exact - steps[1:]).max(), np.abs(exact - steps[:-1]).max())
    assert distance < np.sqrt(np.log(2 / CHANCE) / (2 * n))


def test_zero_and_nyquist_frequency_keep_their_phase() -> None:
    windows = windows_of(64)
    before, after = spectra(windows.to_numpy()), spectra(surrogates(windows))
    for frequency in (0, 32):
        assert_allclose(after[:, frequency], before[:, frequency], atol=1e-9)


def test_keyed_numbers_are_those_of_splitmix64() -> None:
    """The values of the published reference code, seeded with 1234567."""
    reference = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    _drawn = uniform(np.array([1234567], dtype=np.uint64), 5)
    assert _drawn[0].tolist() == [(bits >> 11) * 2.0**-53 for bits in reference]


def test_keys_are_the_same_in_every_process() -> None:
    """They are the first eight bytes of the SHA-256 of a text."""
    assert text_key("abc") == int.from_bytes(bytes.fromhex("ba7816bf8f01cfea"), "little")
    assert text_key("a", 1) == text_key("a", np.int64(1)) == text_key("a", "1")
    assert text_key("ab", "c") != text_key("a", "bc")


def test_combined_keys_differ() -> None:
    keys = combine(np.zeros(10_000, dtype=np.uint64), np.arange(10_000))
    assert len(np.unique(keys)) == 10_000
    assert combine(keys[:5], np.arange(5)).tolist() != combine(keys[:5], -np.arange(5)).tolist()


# Windows without a surrogate


@pytest.mark.parametrize("size", [1, 2])
def test_windows_without_a_phase_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"Windows of {size} samples.*3 samples or more"):
        surrogates(Windows.from_arrays(np.ones((2, size, 1))))


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        (np.nan, "cut the windows with missing='drop'"),
        (np.inf, "replace inf"),
        (-np.inf, "replace inf"),
    ],
)
def test_a_window_that_is_not_finite_is_named(value: float, remedy: str) -> None:
    windows = windows_of(64, n=9, channels=2)
    X = windows.to_numpy()
    X[4, 30, 1] = value
    broken = windows.with_samples(X)
    message = rf"window of subject 'B' that begins at row 64 .* {value} in 'x1'.*{remedy}"
    with pytest.raises(ValueError, match=message):
        surrogates(broken)
    assert surrogates(broken[[0, 1, 2, 3, 5, 6, 7, 8]]).shape == (8, 64, 2)


def test_a_window_without_a_subject_that_is_not_finite_is_named() -> None:
    X = np.zeros((3, 8, 1))
    X[2, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"The window that begins at row 16 of its recording"):
        surrogates(Windows.from_arrays(X))


@pytest.mark.parametrize("random_state", [None, 0.5, "0", np.random.RandomState(0), True, -1])
def test_the_seed_is_a_whole_number(random_state: Any) -> None:
    with pytest.raises(ValueError, match=r"random_state=.* must be a whole number, 0 or more"):
        surrogates(windows_of(), random_state)


def test_no_windows_is_not_an_error() -> None:
    windows = windows_of()
    for empty in (windows[:0], windows[[]], Windows.from_arrays(np.empty((0, 8, 1)))):
        assert surrogates(empty).shape == empty.shape


# As an estimator


def test_fitting_changes_no_parameter() -> None:
    synthesizer = SurrogateSynthesizer(random_state=7)
    assert synthesizer.fit(windows_of()) is synthesizer
    assert synthesizer.get_params() == {"random_state": 7}
    assert vars(clone(synthesizer)) == vars(synthesizer)


def test_variations_are_not_supported() -> None:
    assert SurrogateSynthesizer.supports_variations is False
