"""Mixtures of windows: the kernel over labels, the shares, and labels that are classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skaug import SubjectWindower, SynthefyAugmenter, Windows
from skaug._random import text_key
from skaug.synthesis import MixupSynthesizer
from skaug.synthesis.mixup import draw_partners

CHANCE = 1e-9  # of a false alarm; the seed is fixed


def keys(n: int) -> np.ndarray:
    return np.array([text_key("test", i) for i in range(n)], dtype=np.uint64)


def identified(labels: Any, **changed: Any) -> Windows:
    """Windows whose channels are a one of their own each, so that a mixture shows its parts."""
    n = len(labels)
    X = np.repeat(np.eye(n)[:, None, :], 2, axis=1)
    return Windows.from_arrays(X, y=labels, channels_first=False, **changed)


def mixed(windows: Windows, draws: int = 1, **parameters: Any) -> Windows:
    synthesizer = MixupSynthesizer(**parameters).fit(windows)
    many = windows[np.repeat(np.arange(len(windows)), draws)]
    return synthesizer.synthesize(many._drawn(np.tile(np.arange(draws), len(windows))))


# Partners


def exact_kernel(labels: np.ndarray, at: float, own: int, bandwidth: float) -> np.ndarray:
    others = np.delete(labels, own) if own >= 0 else labels
    nearest = np.abs(others - at).min()
    bandwidth = nearest if nearest > 6 * bandwidth else bandwidth
    kernel = np.exp(-((labels - at) ** 2) / (2 * bandwidth**2))
    kernel[np.abs(labels - at) > 6 * bandwidth] = 0
    if own >= 0:
        kernel[own] = 0
    return kernel / kernel.sum()


@pytest.mark.parametrize("bandwidth", [0.3, 3.0, 30.0])
@pytest.mark.parametrize("own", [0, 17, 39, -1])
def test_partners_are_drawn_with_the_probabilities_of_the_kernel(
    bandwidth: float, own: int
) -> None:
    """Pearson's chi-square against eq. 6 of the paper, over the windows expected at least 5 times."""
    labels = np.sort(np.random.default_rng(0).normal(80, 15, 40))
    at, n = labels[own] + (own < 0) * 2.5, 20_000
    partners = draw_partners(
        labels[:, None], np.full((n, 1), at), np.full(n, own), bandwidth, keys(n)
    )
    expected = n * exact_kernel(labels, at, own, bandwidth)
    counts = np.bincount(partners, minlength=40)
    often = expected >= 5
    observed = np.append(counts[often], counts[~often].sum())
    wanted = np.append(expected[often], expected[~often].sum())
    chi_square = ((observed - wanted) ** 2 / np.maximum(wanted, 1e-12))[wanted > 0].sum()
    assert chi_square < scipy.stats.chi2.isf(CHANCE, max(1, often.sum() - 1))
    assert not counts[expected == 0].any()


def test_rejected_proposals_do_not_bias_the_draw() -> None:
    """A window between two clumps, most of whose proposals are rejected: the kernel decides directly."""
    labels = np.concatenate([np.full(2000, 0.0), [5.0], np.full(1000, 10.5)])
    n = 4000
    partners = draw_partners(labels[:, None], np.full((n, 1), 5.0), np.full(n, 2000), 1.0, keys(n))
    low, high = 2000 * np.exp(-(5**2) / 2), 1000 * np.exp(-(5.5**2) / 2)
    share = low / (low + high)
    deviation = np.sqrt(share * (1 - share) / n)
    assert abs((partners < 2000).mean() - share) < scipy.stats.norm.isf(CHANCE / 2) * deviation


def test_a_window_far_from_all_others_is_mixed_with_the_nearest() -> None:
    labels = np.array([0.0, 1.0, 100.0, 900.0, 901.0])
    partners = draw_partners(
        labels[:, None], np.full((500, 1), 100.0), np.full(500, 2), 0.01, keys(500)
    )
    assert set(partners) == {0, 1}
    edge = draw_partners(
        labels[:, None], np.full((200, 1), 901.0), np.full(200, 4), 1e-300, keys(200)
    )
    assert_array_equal(edge, 3)


@given(
    st.lists(st.sampled_from([50.0, 50.5, 61.0, 61.25, 90.0]), min_size=2, max_size=12),
    st.floats(1e-3, 1e3),
)
def test_a_window_is_never_its_own_partner(labels: list[float], bandwidth: float) -> None:
    windows = identified(np.array(labels) + 1e-9)
    shares = mixed(windows, draws=4, bandwidth=bandwidth).to_numpy()[:, 0]
    own = np.repeat(np.arange(len(labels)), 4)
    assert_allclose(shares.sum(axis=1), 1)
    assert ((shares > 0).sum(axis=1) == 2).all()
    assert (shares[np.arange(len(own)), own] > 0).all()


def test_the_windows_of_a_bootstrap_sample_count_once_and_are_not_their_own_partners() -> None:
    windows = identified(np.arange(6) + 0.5)
    sample = windows[[0, 0, 0, 0, 1, 2, 2, 5]]
    shares = MixupSynthesizer(2.0).fit(sample).synthesize(sample).to_numpy()[:, 0]
    assert_array_equal((shares > 0).sum(axis=1), 2)
    assert_array_equal(shares[:4] > 0, np.tile(shares[0] > 0, (4, 1)))


def test_the_windows_of_a_bootstrap_sample_count_once_for_the_default_bandwidth() -> None:
    windows = identified(np.arange(12) + 0.5)
    sample = windows[np.r_[np.arange(12), np.zeros(20, dtype=int)]]
    alone, repeated = (MixupSynthesizer().fit(each).bandwidth_ for each in (windows, sample))
    assert alone == repeated


def test_partners_are_training_windows_only() -> None:
    windows = identified(np.linspace(60, 90, 20), groups=np.repeat(list("ABCD"), 5))
    training = windows[np.isin(windows.groups, ["A", "C"])]
    shares = mixed(training, draws=30, bandwidth=50.0).to_numpy()[:, 0]
    used = (shares > 0).any(axis=0)
    assert_array_equal(used, np.isin(windows.groups, ["A", "C"]))


# Shares and labels


@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.0, 8.0])
def test_shares_have_a_beta_distribution(alpha: float) -> None:
    """Kolmogorov-Smirnov: D exceeds e with probability below 2 exp(-2 n e^2)."""
    windows = identified([60.5, 61.0])
    shares = mixed(windows, draws=5000, bandwidth=1.0, alpha=alpha).to_numpy()[:5000, 0, 0]
    distance = scipy.stats.kstest(shares, scipy.stats.beta(alpha, alpha).cdf).statistic
    assert distance < np.sqrt(np.log(2 / CHANCE) / (2 * 5000))
    # The variance of Beta(a, a) is 1 / (4 (2 a + 1)).
    bound = scipy.stats.norm.isf(CHANCE / 2) / np.sqrt(4 * (2 * alpha + 1) * 5000)
    assert abs(shares.mean() - 0.5) < bound


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_labels_are_mixed_as_the_samples_are(dtype: str) -> None:
    labels = np.array([60, 65, 71, 80, 92]).astype(dtype)
    synthetic = mixed(identified(labels), draws=8, bandwidth=10.0)
    shares = synthetic.to_numpy()[:, 0]
    assert_allclose(synthetic.y, shares @ labels.astype(float), rtol=1e-6)
    assert synthetic.y.dtype == ("float32" if dtype == "float32" else "float64")


def test_origin_subject_and_context_are_those_of_the_condition(windows: Windows) -> None:
    conditions = windows[::5]._drawn(np.zeros(len(windows[::5])))
    synthetic = MixupSynthesizer().fit(windows).synthesize(conditions)
    assert synthetic.is_synthetic.all()
    assert synthetic.origins.equals(conditions.origins)
    others = conditions.context.columns.drop("heart_rate")
    assert synthetic.context[others].equals(conditions.context[others])
    assert_allclose(synthetic.context["heart_rate"], np.repeat(synthetic.y, synthetic.window_size))


def test_the_default_bandwidth_is_that_of_silverman() -> None:
    labels = np.random.default_rng(0).normal(70, 10, 500)
    bandwidth = MixupSynthesizer().fit(identified(labels)).bandwidth_
    iqr = scipy.stats.iqr(labels)
    assert_allclose(bandwidth, 0.9 * min(labels.std(ddof=1), iqr / 1.34) * 500**-0.2)
    # Where most labels are equal, there is only a standard deviation.
    clumped = np.append(np.full(30, 60.5), [70.0, 80.0])
    bandwidth = MixupSynthesizer().fit(identified(clumped)).bandwidth_
    assert_allclose(bandwidth, 0.9 * clumped.std(ddof=1) * 32**-0.2)
    assert MixupSynthesizer().fit(identified(np.full(5, 60.5))).bandwidth_ == 1


# Classes


@pytest.mark.parametrize(
    "labels",
    [
        list("aabbbaccc"),
        [True, True, False, False, False, True, True, False, False],
        [0, 0, 3, 3, 3, 0, 7, 7, 7],
        [0.0, 0.0, 3.0, 3.0, 3.0, 0.0, 7.0, 7.0, 7.0],
    ],
)
def test_classes_are_mixed_within_a_class_and_stay(labels: list[Any]) -> None:
    windows = identified(np.array(labels))
    synthetic = mixed(windows, draws=40)
    assert_array_equal(synthetic.y, np.repeat(windows.y, 40))
    assert synthetic.y.dtype == windows.y.dtype
    shares = synthetic.to_numpy()[:, 0] > 0
    for nth, label in enumerate(windows.y):
        assert_array_equal(shares[40 * nth : 40 * nth + 40].any(axis=0), windows.y == label)


def test_partners_of_a_class_are_equally_likely() -> None:
    windows = identified(np.repeat(list("ab"), 6))
    shares = mixed(windows, draws=3000).to_numpy()[:3000, 0, 1:6] > 0
    deviation = np.sqrt(0.2 * 0.8 / 3000)
    assert np.abs(shares.mean(axis=0) - 0.2).max() < scipy.stats.norm.isf(CHANCE / 10) * deviation


def test_modes_of_numbers_are_classes() -> None:
    table = pd.DataFrame(
        {
            "x": np.random.default_rng(0).normal(size=400),
            "subject": "A",
            "activity": np.repeat(np.arange(50) / 2, 8),
        }
    )
    cut = SubjectWindower(4, features=["x"], target="activity", target_agg="mode")
    windows = cut.fit_transform(table)
    assert_array_equal(mixed(windows).y, windows.y)
    with pytest.raises(ValueError, match=r"bandwidth=2.0 is a distance .* are classes"):
        MixupSynthesizer(2.0).fit(windows)


def test_few_whole_numbers_are_mixed_with_a_bandwidth() -> None:
    synthetic = mixed(identified([60, 62, 64, 66]), draws=5, bandwidth=2.0)
    assert len(np.unique(synthetic.y)) > 4


def test_the_only_window_of_a_class_is_not_a_condition() -> None:
    windows = identified(np.array(list("aabcc")))
    synthesizer = MixupSynthesizer().fit(windows)
    assert synthesizer.can_condition(windows).tolist() == [True, True, False, True, True]
    synthetic = SynthefyAugmenter(synthesizer, ratio=2).fit(windows).synthetic_windows_
    assert sorted(synthetic.y) == list("aaaacccc")
    with pytest.raises(ValueError, match="1 of the conditions have no label, or are of a class"):
        synthesizer.synthesize(windows)


def test_a_window_without_a_label_is_neither_condition_nor_partner() -> None:
    for labels in (np.array([60.5, np.nan, 62.5, 61.0]), np.array(["a", None, "a", "a"], object)):
        windows = identified(labels)
        synthesizer = MixupSynthesizer().fit(windows)
        assert synthesizer.can_condition(windows).tolist() == [True, False, True, True]
        conditions = windows[[0, 2, 3] * 20]._drawn(np.repeat(np.arange(20), 3))
        assert not synthesizer.synthesize(conditions).to_numpy()[:, 0, 1].any()


# What is refused


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"bandwidth": 0}, "bandwidth=0 must be a number above 0"),
        ({"bandwidth": np.inf}, "bandwidth=inf must be a number above 0"),
        ({"bandwidth": "3"}, "bandwidth='3' must be a number above 0"),
        ({"alpha": -1.0}, "alpha=-1.0 must be a number above 0"),
        ({"alpha": None}, "alpha=None must be a number above 0"),
        ({"random_state": None}, "random_state=None must be a whole number, 0 or more"),
        ({"bandwidth": 2.0, "labels": list("aabb")}, "bandwidth=2.0 is a distance between labels"),
        ({"labels": None}, "have no labels to choose similar windows by"),
        ({"bandwidth": 2.0, "labels": np.ones((4, 2))}, "these windows have 2 labels each"),
        ({"labels": [1.5, np.nan, np.nan, np.nan]}, "needs two windows, but 1 of the training"),
    ],
)
def test_an_invalid_parameter_or_label_is_refused(parameters: dict[str, Any], message: str) -> None:
    labels = parameters.pop("labels", [60.5, 61.0, 62.0, 63.0])
    windows = Windows.from_arrays(np.ones((4, 2, 1)), y=labels)
    with pytest.raises(ValueError, match=message):
        MixupSynthesizer(**parameters).fit(windows)


def test_a_training_window_that_is_not_finite_is_named() -> None:
    X = np.ones((4, 8, 1))
    X[2, 3] = np.nan
    windows = Windows.from_arrays(X, y=np.arange(4) + 0.5, groups=list("AABB"))
    with pytest.raises(
        ValueError, match=r"window of subject 'B' that begins at row 0 .* holds nan"
    ):
        MixupSynthesizer().fit(windows)
