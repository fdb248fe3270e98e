"""Each measure of synthetic windows against a formula, an oracle or a law that it must obey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product

import numpy as np
import pytest
import scipy.linalg
import scipy.stats
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skaug import WindowFlattener, Windows
from skaug.evaluation.quality.adherence import (
    adherence,
    rate_adherence,
)
from skaug.evaluation.quality.discrimination import Discrimination, _rows, discriminate
from skaug.evaluation.quality.diversity import near_duplicates, prdc
from skaug.evaluation.quality.embedding import (
    SpectrumAutocorrelation,
    WaveformStatistics,
    fitted_embedding,
)
from skaug.evaluation.quality.fidelity import (
    frechet_distance,
    kolmogorov_smirnov,
    log_spectral_distance,
    maximum_mean_discrepancy,
    mean_difference,
    median_distance,
    wasserstein_distance,
)
from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.memorization import (
    SPACES,
    closer_if_left_out,
    closer_to_training,
    clustered_auc,
    exact_copies,
    memorization,
)
from skaug.evaluation.quality.sample import Sample
from skaug.evaluation.quality.swap_test import swap_p
from skaug.features.autocorrelation import autocorrelation
from skaug.spectral_peak import peak_frequencies
from skaug.windows.values import are_classes


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    # In many small searches for neighbors, threads spend most of their time waiting for each other.
    with threadpool_limits(1):
        yield


def sample(
    X: NDArray,
    groups: Sequence | None = None,
    y: Sequence | None = None,
    like: NDArray | None = None,
) -> Sample:
    windows = Windows.from_arrays(X)
    embedding, _ = fitted_embedding(
        "spectrum+acf", windows if like is None else Windows.from_arrays(like)
    )
    return Sample(
        windows,
        embedding,
        None if groups is None else np.asarray(groups, dtype=object),
        None if y is None else np.asarray(y),
    )


def points(X: NDArray, groups: Sequence | None = None) -> Sample:
    """Return points as windows of one channel that are their own embedding."""
    windows = Windows.from_arrays(X[:, :, None])
    return Sample(
        windows,
        WindowFlattener().fit(windows),
        None if groups is None else np.asarray(groups, dtype=object),
    )


def rhythms(rng: np.random.Generator, rates: NDArray, n: int = 256, noise: float = 0.3) -> NDArray:
    """Return windows of 8 s at 32 Hz with these rates per minute."""
    t = np.arange(n) / 32
    start = rng.uniform(0, 2 * np.pi, (len(rates), 1))
    waves = np.sin(2 * np.pi * rates[:, None] / 60 * t + start)
    return (waves + noise * rng.normal(size=waves.shape))[:, :, None]


def mean_over_folds(real: Sample, other: Sample, seed: int = 0) -> Discrimination:
    """Return the accuracy and AUC of a classifier, averaged over five folds."""
    folds = [discriminate(real, other, nth, seed) for nth in range(5)]
    return Discrimination(*np.mean([fold for fold in folds if fold is not None], axis=0))


def rises(values: Sequence[float]) -> bool:
    return bool((np.diff(values) > 0).all())


def people(
    rng: np.random.Generator, n: int, n_windows: int = 30, name: str = "", d: int = 6
) -> Sample:
    """Return points around one center per person."""
    centers = rng.normal(size=(n, 1, d))
    X = (centers + rng.normal(size=(n, n_windows, d))).reshape(-1, d)
    return points(X, np.repeat([f"{name}{i}" for i in range(n)], n_windows))


# Distances of samples and of second order


def test_the_wasserstein_distance_of_a_shift_is_the_shift_over_the_standard_deviation() -> None:
    x = np.sort(np.random.default_rng(0).normal(size=1000))
    assert_allclose(wasserstein_distance(x, x + 3), 3 / x.std())
    assert_allclose(wasserstein_distance(100 * x, 100 * (x + 3)), 3 / x.std())
    assert wasserstein_distance(np.ones(9), np.full(9, 3.0)) == 2


def test_distances_of_samples_equal_those_of_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    x, y = (np.sort(rng.integers(9, size=500) + shift) for shift in (0.0, 1.5))
    x[0] = y[0] = 3.0
    x, y = np.sort(x), np.sort(y)
    assert_allclose(
        wasserstein_distance(x, y), scipy.stats.wasserstein_distance(x, y) / x.std(), rtol=1e-12
    )
    statistic = scipy.stats.ks_2samp(x, y, method="asymp").statistic
    assert_allclose([kolmogorov_smirnov(x, y), kolmogorov_smirnov(y, x)], [statistic] * 2)


def test_kolmogorov_smirnov_of_shifted_uniforms_is_the_shift() -> None:
    x = np.linspace(0, 1, 1001)
    assert_allclose(kolmogorov_smirnov(x, x + 0.25), 0.25, atol=0.002)
    assert kolmogorov_smirnov(x, x) == 0


def test_twice_the_amplitude_is_a_log_spectral_distance_of_six_decibels() -> None:
    X = np.random.default_rng(0).normal(size=(20, 64, 2))
    single, double = sample(X), sample(2 * X)
    assert_allclose(
        log_spectral_distance(single.log_power, double.log_power), 20 * np.log10(2), rtol=1e-9
    )


def test_the_autocorrelation_equals_its_definition() -> None:
    x = np.random.default_rng(0).normal(size=33)
    centered = x - x.mean()
    expected = np.correlate(centered, centered, mode="full")[32 : 32 + 17] / (centered**2).sum()
    assert_allclose(autocorrelation(x[None, :, None], len(x) // 2)[0, :, 0], expected, atol=1e-12)
    assert_allclose(autocorrelation(np.full((1, 33, 1), 0.1), 16)[0, :, 0], [1, *[0] * 16])


def test_the_correlation_is_within_windows_and_skips_flat_ones() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, 50, 3))
    X[2, :, 1] = 0.1
    given = sample(X).correlation
    for window in (0, 1):
        expected = np.corrcoef(X[window].T)[np.triu_indices(3, k=1)]
        assert_allclose(given[window], expected)
    assert np.isnan(given[2]).tolist() == [True, False, True]
    assert_allclose(
        mean_difference(given, np.zeros((1, 3))), np.abs(np.nanmean(given, axis=0)).mean()
    )
    assert np.isnan(mean_difference(given, np.full((2, 3), np.nan)))


# Distances in the embedding


def test_the_frechet_distance_in_one_dimension_equals_its_formula() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 1)), 2 + 3 * rng.normal(size=(70, 1))
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert_allclose(frechet_distance(x, y), expected)


def test_the_frechet_distance_agrees_with_the_matrix_root() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 4)) @ rng.normal(size=(4, 4)), rng.normal(size=(60, 4))
    a, b = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum()
    expected += np.trace(a + b - 2 * scipy.linalg.sqrtm(a @ b).real)
    assert_allclose(frechet_distance(x, y), expected)
    assert frechet_distance(x, x) < 1e-9


def test_mmd_equals_its_sum_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 3)), rng.normal(size=(5, 3))

    def mean(a: NDArray, b: NDArray) -> float:
        kernel = [[np.exp(-((p - q) ** 2).sum() / (2 * 1.5**2)) for q in b] for p in a]
        return float(np.mean(kernel))

    expected = np.sqrt(mean(x, x) + mean(y, y) - 2 * mean(x, y))
    assert_allclose(maximum_mean_discrepancy(x, y, 1.5), expected)
    assert_allclose(median_distance(np.array([[0.0], [1.0], [4.0]])), 3)
    assert median_distance(np.zeros((3, 2))) == 1


def test_the_p_value_of_swapped_subjects_holds_its_level() -> None:
    # Two recordings of each of 7 subjects. Windows of one recording resemble each other.
    n_subjects, n_windows, n_runs = 7, 20, 120
    small = 0
    for run in range(n_runs):
        rng = np.random.default_rng(run)
        subject = rng.normal(size=(n_subjects, 1, 4))

        def record(rng: np.random.Generator = rng, subject: NDArray = subject) -> Sample:
            recording = 0.5 * rng.normal(size=(n_subjects, 1, 4))
            X = subject + recording + rng.normal(size=(n_subjects, n_windows, 4))
            return points(X.reshape(-1, 4), np.repeat(np.arange(n_subjects), n_windows))

        real, other = record(), record()
        p = swap_p(real, other, median_distance(real.embedded), run)
        assert p is not None
        small += p <= 0.05
    # With 64 swaps, p <= 0.05 means p <= 3 / 64. Allow three binomial standard deviations.
    level = 3 / 64
    assert small / n_runs <= level + 3 * np.sqrt(level * (1 - level) / n_runs)


def test_p_is_smallest_if_every_subject_differs() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70, 3))
    groups = np.repeat(np.arange(7), 10)
    assert swap_p(points(X, groups), points(X + 3, groups), 2.0, 0) == 1 / 64
    assert swap_p(points(X, groups), points(X, groups), 2.0, 0) == 1
    many = np.repeat(np.arange(14), 5)
    assert swap_p(points(X, many), points(X + 3, many), 2.0, 0) == pytest.approx(1 / 1000)


def test_p_is_the_share_of_swaps_with_at_least_as_large_an_mmd() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), 0.2 + rng.normal(size=(12, 3))
    groups = np.repeat(np.arange(6), 2)
    discrepancies = []
    for swaps in product((False, True), repeat=6):
        swapped = np.repeat(swaps, 2)[:, None]
        sets = np.where(swapped, y, x), np.where(swapped, x, y)
        discrepancies.append(maximum_mean_discrepancy(*sets, 1.5))
    expected = (np.array(discrepancies) >= discrepancies[0] - 1e-9).mean()
    assert 1 / 32 < expected < 1
    assert_allclose(swap_p(points(x, groups), points(y, groups), 1.5, 0), expected)


def test_five_subjects_have_no_p_value() -> None:
    X = np.random.default_rng(0).normal(size=(50, 3))
    five = np.repeat(np.arange(5), 10)
    assert swap_p(points(X, five), points(X, five), 1.0, 0) is None
    assert swap_p(points(X), points(X, five), 1.0, 0) is None


# Discrimination


def test_the_classifier_finds_noise_but_not_windows_of_the_same_kind() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 12)
    X, Y = rng.normal(size=(2, 72, 32, 1)).cumsum(axis=2)
    real = sample(X, groups)
    alike = mean_over_folds(real, sample(Y, groups, like=X))
    noise = mean_over_folds(real, sample(rng.normal(size=X.shape), groups, like=X))
    assert abs(alike.auc - 0.5) < 0.2
    assert abs(alike.accuracy - 0.5) < 0.2
    assert noise.accuracy > 0.95
    assert noise.auc == 1


@pytest.mark.slow
def test_recognizing_subjects_does_not_count_as_telling_sets_apart() -> None:
    # Each subject has its own wave: with windows split at random the AUC would be 1.
    aucs = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        waves = np.repeat(rng.normal(size=(12, 32, 1)), 8, axis=0)
        X = waves + 0.1 * rng.normal(size=(96, 32, 1))
        groups = np.repeat(np.arange(12), 8)
        parts = [sample(X[part], groups[part], like=X) for part in (groups < 6, groups >= 6)]
        aucs.append(mean_over_folds(*parts, seed).auc)
    assert min(aucs) < 0.9


def test_each_fold_tests_other_subjects() -> None:
    # The sets differ in three of five subjects: a classifier that has seen two of them finds the third.
    rng = np.random.default_rng(0)
    groups = np.repeat(list("abcde"), 20)
    X, Y = rng.normal(size=(2, 100, 12))
    Y[:60] += 6
    real, other = points(X, groups), points(Y, groups)
    results = [discriminate(real, other, nth, 0) for nth in range(5)]
    assert sum(result is not None and result.auc > 0.9 for result in results) == 3


def test_perfect_scores_that_differ_in_the_last_bit_have_no_spread() -> None:
    perfect = [Discrimination(1.0, 1.0), Discrimination(1.0, 1.0 - 2.0**-53)] * 3
    assert [measure.spread for measure in _rows(perfect, [], [])] == [0, 0]


def test_unknown_or_single_subjects_have_no_discriminative_score() -> None:
    X = np.random.default_rng(0).normal(size=(12, 16, 1))
    groups = ["a", "b"] * 6
    assert discriminate(sample(X), sample(X, groups), 0, 0) is None
    assert discriminate(sample(X, groups), sample(X, ["a"] * 12), 0, 0) is None


# Diversity


def test_precision_recall_density_and_coverage_equal_their_definitions() -> None:
    rng = np.random.default_rng(0)
    x, y, k = rng.normal(size=(30, 3)), 0.5 + rng.normal(size=(25, 3)), 5

    def reach(points: NDArray) -> NDArray:
        distances = np.linalg.norm(points[:, None] - points, axis=2)
        return np.sort(distances, axis=1)[:, k]

    distances = np.linalg.norm(x[:, None] - y, axis=2)
    in_real = [[distances[i, j] <= reach(x)[i] for j in range(25)] for i in range(30)]
    in_other = [[distances[i, j] <= reach(y)[j] for j in range(25)] for i in range(30)]
    given = prdc(x, y, k)
    assert_allclose(given.precision, np.any(in_real, axis=0).mean())
    assert_allclose(given.recall, np.any(in_other, axis=1).mean())
    assert_allclose(given.density, np.sum(in_real) / (k * 25))
    assert_allclose(given.coverage, np.any(in_real, axis=1).mean())


def test_two_draws_of_one_distribution_have_the_expected_density_and_coverage() -> None:
    # Naeem et al. 2020, Lemma 2: 1 - (n - 1)...(n - k) / ((2n - 1)...(2n - k)) for equal sizes.
    rng = np.random.default_rng(0)
    n, k, n_runs = 40, 5, 30
    runs = [prdc(rng.normal(size=(n, 2)), rng.normal(size=(n, 2)), k) for _ in range(n_runs)]
    i = np.arange(1, k + 1)
    expected = 1 - np.prod((n - i) / (2 * n - i))
    coverage = [run.coverage for run in runs]
    density = [run.density for run in runs]
    assert abs(np.mean(coverage) - expected) < 4 * np.std(coverage) / np.sqrt(n_runs)
    assert abs(np.mean(density) - 1) < 4 * np.std(density) / np.sqrt(n_runs)


def test_near_duplicates_are_one_in_twenty_real_points_and_all_repeated_ones() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    assert_allclose(near_duplicates(x, x), 0.05, atol=0.005)
    assert near_duplicates(x, np.repeat(x[:1], 400, axis=0)) == 1
    assert near_duplicates(x, 10 * x) < 0.01


def test_mode_collapse_lowers_recall_and_coverage_and_makes_duplicates() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 4)), rng.normal(size=(200, 4))
    recall, coverage, duplicates = [], [], []
    for n_modes in (200, 150, 100, 50):
        collapsed = y[rng.integers(n_modes, size=200)] if n_modes < 200 else y
        given = prdc(x, collapsed)
        recall.append(-given.recall)
        coverage.append(-given.coverage)
        duplicates.append(near_duplicates(x, collapsed))
    assert rises(recall)
    assert rises(coverage)
    assert rises(duplicates)


# Growing noise


def test_growing_noise_worsens_every_measure_of_fidelity() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 12)
    X = rhythms(rng, rng.uniform(50, 120, 72), noise=0.05)
    both = np.concatenate([X, np.roll(X, 5, axis=1)], axis=2)
    white = rng.normal(size=both.shape)
    real = sample(both, groups)
    width = median_distance(real.embedded)
    rows: list[list[float]] = []
    for level in (0.1, 0.4, 1.5):
        noisy = sample(both + level * white, groups, like=both)
        rows.append(
            [
                wasserstein_distance(real.sorted_values[0], noisy.sorted_values[0]),
                kolmogorov_smirnov(real.sorted_values[0], noisy.sorted_values[0]),
                log_spectral_distance(real.log_power, noisy.log_power),
                mean_difference(real.autocorrelation, noisy.autocorrelation),
                mean_difference(real.correlation, noisy.correlation),
                frechet_distance(real.embedded, noisy.embedded),
                maximum_mean_discrepancy(real.embedded, noisy.embedded, width),
            ]
        )
    for values in zip(*rows, strict=True):
        assert rises(values)


@pytest.mark.slow
def test_growing_noise_raises_the_auc_and_the_label_error() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 12)
    rates = rng.uniform(50, 120, 72)
    X = rhythms(rng, rates, noise=0.3)
    real = sample(X, groups, rates)
    aucs, errors = [], []
    for level in (0.0, 0.2, 3.0):
        other = rhythms(rng, rates, noise=0.3) + level * rng.normal(size=X.shape)
        noisy = sample(other, groups, rates, like=X)
        aucs.append(mean_over_folds(real, noisy).auc)
        (measure,), _ = adherence(real, noisy, "mean", 0)
        errors.append(measure.value)
    assert rises(aucs)
    assert rises(errors)


def test_growing_noise_lowers_precision_and_density() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 4)), rng.normal(size=(200, 4))
    noisy = [prdc(x, y + level * rng.normal(size=y.shape)) for level in (0, 1, 3)]
    assert rises([-given.precision for given in noisy])
    assert rises([-given.density for given in noisy])


# Adherence


def test_corrupted_labels_raise_the_error_toward_that_of_shuffled_ones() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(6), 12)
    rates = rng.uniform(50, 120, 72)
    real = sample(rhythms(rng, rates), groups, rates)
    X = rhythms(rng, rates)
    of_rates, of_peaks = [], []
    order = rng.permutation(72)
    for n_corrupted in (0, 24, 72):
        y = rates.copy()
        y[order[:n_corrupted]] = rng.permutation(y[order[:n_corrupted]])
        synthetic = sample(X, groups, y, like=real.values)
        (error,), _ = adherence(real, synthetic, "mean", 0)
        (peak,) = rate_adherence(real, synthetic, "x0", 32.0)
        of_rates.append(error.value)
        of_peaks.append(peak.value)
        assert error.ceiling < 10 < error.floor
        assert peak.ceiling < 3 < 10 < peak.floor
    assert rises(of_rates)
    assert rises(of_peaks)
    assert_allclose(of_rates[-1], error.floor, rtol=0.25)


def test_the_label_error_of_classes_is_the_share_of_wrong_ones() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 10)
    fast = rng.integers(2, size=40).astype(bool)
    X = rhythms(rng, np.where(fast, 150.0, 50.0))
    names = np.where(fast, "run", "sit")
    real = sample(X, groups, names)
    right, _ = adherence(real, real, "mean", 0)
    wrong, _ = adherence(real, sample(X, groups, names[::-1], like=X), "mean", 0)
    assert right[0].value == right[0].ceiling == 0
    assert wrong[0].value == (names != names[::-1]).mean()
    share = fast.mean()
    assert_allclose(right[0].floor, 2 * share * (1 - share))
    assert "wrong classes" in right[0].meaning


def test_synthetic_windows_are_judged_by_models_of_other_subjects() -> None:
    # A model trained on the subject would read its label off the level.
    rng = np.random.default_rng(0)
    y = np.repeat(rng.permutation(6) * 10.0, 10)
    X = 100 * y[:, None, None] + rng.normal(size=(60, 32, 1))
    groups = np.repeat(np.arange(6), 10)
    real = sample(X, groups, y + 0.5)
    (measure,), _ = adherence(real, real, "mean", 0)
    assert measure.value == measure.ceiling > 5


def test_the_ceiling_of_the_label_error_is_that_of_real_windows_of_the_same_subjects() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 10)
    rates = rng.uniform(50, 120, 40)
    real = sample(rhythms(rng, rates), groups, rates)
    first = real.take(np.arange(10))
    (measure,), _ = adherence(real, first, "mean", 0)
    assert measure.value == measure.ceiling


def test_the_floor_of_shuffled_labels_is_the_mean_over_permutations() -> None:
    rng = np.random.default_rng(0)
    rates = rng.uniform(50, 120, 20)
    X = rhythms(rng, rates)
    both = sample(X, y=rates)
    (measure,) = rate_adherence(both, both, "x0", 32.0)
    low, high = rates.min() / 1.25 / 60, rates.max() * 1.25 / 60
    peaks = 60 * peak_frequencies(X[:, :, 0], 32.0, low, high)
    some = [np.abs(peaks - rng.permutation(rates)).mean() for _ in range(3000)]
    assert_allclose(measure.floor, np.mean(some), rtol=0.01)


def test_text_booleans_few_whole_numbers_and_modes_are_classes() -> None:
    assert are_classes(np.array(["a", "b"], dtype=object))
    assert are_classes(np.array([True, False]))
    assert are_classes(np.array([0.0, 8.0]))
    assert not are_classes(np.arange(40))
    assert not are_classes(np.array([60.5, 61.0]))
    X = np.random.default_rng(0).normal(size=(24, 16, 1))
    many = sample(X, ["a", "b"] * 12, np.arange(24.0))
    for target_agg, kind in (("mean", "mean absolute"), ("mode", "wrong classes")):
        (measure,), _ = adherence(many, many, target_agg, 0)
        assert kind in measure.meaning


def test_windows_without_a_label_are_ignored() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(4), 10)
    rates = rng.uniform(50, 120, 40)
    X = rhythms(rng, rates)
    gaps = rates.copy()
    gaps[::3] = np.nan
    (given,), _ = adherence(sample(X, groups, gaps), sample(X, groups, gaps), "mean", 0)
    known = np.flatnonzero(~np.isnan(gaps))
    part = sample(X[known], groups[known], rates[known], like=X)
    (expected,), _ = adherence(part, part, "mean", 0)
    assert given.value == expected.value


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ((None, np.zeros(12)), "real windows have no labels"),
        ((np.zeros(12), None), "synthetic windows have no labels"),
        ((np.zeros((12, 2)), np.zeros(12)), "2 labels each"),
        ((np.full(12, np.nan), np.zeros(12)), "only missing labels"),
        ((np.zeros(12), np.array(["a"] * 12)), "text"),
    ],
)
def test_labels_that_cannot_be_compared_are_left_out_with_the_reason(
    labels: tuple, reason: str
) -> None:
    X = np.random.default_rng(0).normal(size=(12, 16, 1))
    measures, notes = adherence(*(sample(X, ["a", "b"] * 6, y) for y in labels), "mean", 0)
    assert measures == []
    assert reason in notes[0]


@pytest.mark.parametrize(
    ("channel", "rate", "labels", "message"),
    [
        ("BVP", 64.0, [60.0] * 12, "not a channel: use one of 'x0'"),
        ("x0", 64.0, [-1.0] * 12, "above zero"),
        ("x0", 64.0, ["a"] * 12, "above zero"),
        ("x0", 1.0, [60.0] * 12, "pass the sampling rate"),
        ("x0", 64.0, None, "no labels"),
    ],
)
def test_rate_channel_needs_labels_that_are_rates(
    channel: str, rate: float, labels: list | None, message: str
) -> None:
    both = sample(np.random.default_rng(0).normal(size=(12, 16, 1)), y=labels)
    with pytest.raises(ValueError, match=message):
        rate_adherence(both, both, channel, rate)


# Memorization


def test_more_copies_raise_every_measure_of_memorization() -> None:
    rng = np.random.default_rng(0)
    real, holdout, new = (people(rng, 6, name=name) for name in ("r", "h", "s"))
    closer, copies, aucs = [], [], []
    for share in (0.0, 0.3, 0.7, 1.0):
        X = new.embedded.copy()
        n = round(share * len(X))
        X[:n] = real.embedded[rng.permutation(len(X))[:n]]
        parts = {"real": real, "synthetic": points(X), "holdout": holdout}
        measures = {m.name: m.value for m in memorization(parts, parts)[0]}
        closer.append(measures["closer to training: embedding"])
        copies.append(measures["exact copies"])
        aucs.append(measures["membership inference AUC: embedding"])
        assert copies[-1] == pytest.approx(share)
    for values in (closer, copies, aucs):
        assert rises(values)
    assert (closer[-1], copies[-1], aucs[-1]) == (1, 1, 1)


def test_noise_on_top_of_copies_does_not_hide_them() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(5), 10)
    X, H = (rhythms(rng, rng.uniform(50, 120, 50), noise=0.01) for _ in range(2))
    real, holdout = sample(X, groups), sample(H, groups + 5, like=X)
    copies = sample(X + 0.2 * rng.normal(size=X.shape), like=X)
    parts = {"real": real, "synthetic": copies, "holdout": holdout}
    values = {m.name: m.value for m in memorization(parts, parts)[0]}
    assert values["exact copies"] == 0
    assert values["membership inference AUC: embedding"] < 0.7
    assert values["membership inference AUC: samples"] > 0.95
    assert values["closer to training: samples"] == 1


@pytest.mark.parametrize("space", SPACES)
def test_a_window_as_close_to_a_training_as_to_a_held_out_window_counts_one_half(
    space: str,
) -> None:
    # Distances of whole numbers are exact. (9, 9) is in both sets, as flat windows may be.
    real, holdout = points(np.array([[4.0, 0], [9, 9]])), points(np.array([[-4.0, 0], [9, 9]]))
    tied, closer, farther = [[0.0, 3], [0, -8], [9, 9]], [[3.0, 0]], [[-3.0, 0], [-5, 1]]
    assert closer_to_training(points(np.array(tied)), real, holdout, space) == 1 / 2
    judged = points(np.array([*tied, *closer, *farther]))
    assert closer_to_training(judged, real, holdout, space) == (3 / 2 + 1 + 0) / 6


def test_subjects_in_neither_set_are_the_ceiling_of_closeness() -> None:
    # 8 training subjects are closer to anyone than 2 held-out ones: one half is the wrong reference.
    differences, shares = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        real, holdout, new = people(rng, 8, 10, "r"), people(rng, 2, 10, "h"), people(rng, 5, 10)
        shares.append(closer_to_training(new, real, holdout))
        differences.append(shares[-1] - closer_if_left_out(real, real, holdout))
    assert np.mean(shares) > 0.65
    assert abs(np.mean(differences)) < 0.06


def test_closeness_has_no_ceiling_for_unknown_or_single_subjects() -> None:
    rng = np.random.default_rng(0)
    one, nobody = people(rng, 1), points(rng.normal(size=(20, 6)))
    assert np.isnan(closer_if_left_out(one, one, people(rng, 2)))
    assert np.isnan(closer_if_left_out(nobody, nobody, people(rng, 2)))


def test_rounded_copies_are_found_but_shifted_ones_are_not() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(loc=50, scale=[1, 100], size=(300, 32, 2))
    real = Windows.from_arrays(X)
    judged = np.concatenate([X[:20].round(6), X[20:40].astype(np.float32), np.roll(X[40:60], 1, 1)])
    assert exact_copies(real, Windows.from_arrays(judged)) == 2 / 3
    flat = Windows.from_arrays(np.zeros((5, 8, 1)))
    assert exact_copies(flat, flat) == 1
    assert exact_copies(flat, Windows.from_arrays(np.ones((5, 8, 1)))) == 0


def test_the_auc_equals_that_of_scikit_learn_with_ties() -> None:
    rng = np.random.default_rng(0)
    positive, negative = rng.integers(5, size=30).astype(float), rng.integers(4, size=20)
    expected = roc_auc_score([1] * 30 + [0] * 20, np.concatenate([positive, negative]))
    assert_allclose(clustered_auc(positive, negative.astype(float), None, None).auc, expected)


def test_with_one_window_per_subject_the_variance_is_that_of_delong() -> None:
    rng = np.random.default_rng(0)
    positive, negative = 1 + rng.normal(size=12), rng.normal(size=9)
    above = (positive[:, None] > negative).astype(float)
    variance = above.mean(axis=1).var(ddof=1) / 12 + above.mean(axis=0).var(ddof=1) / 9
    given = clustered_auc(positive, negative, np.arange(12), np.arange(9))
    freedom = variance**2 / (
        (above.mean(axis=1).var(ddof=1) / 12) ** 2 / 11
        + (above.mean(axis=0).var(ddof=1) / 9) ** 2 / 8
    )
    assert_allclose(given.auc - given.low, scipy.stats.t.ppf(0.975, freedom) * np.sqrt(variance))


def test_the_interval_of_the_auc_has_its_nominal_coverage() -> None:
    # 10 and 5 subjects with 20 windows each; subjects differ as much as windows of one subject do.
    held = 0
    for run in range(300):
        rng = np.random.default_rng(run)
        scores = [rng.normal(size=(n, 1)) + rng.normal(size=(n, 20)) for n in (10, 5)]
        groups = [np.repeat(np.arange(len(part)), 20) for part in scores]
        attack = clustered_auc(scores[0].ravel(), scores[1].ravel(), *groups)
        held += attack.low <= 0.5 <= attack.high
    assert 0.91 < held / 300 < 0.99


def test_two_subjects_or_complete_separation_have_no_interval() -> None:
    scores = np.arange(6.0)
    three, two = [0, 0, 1, 1, 2, 2], [0, 0, 0, 1, 1, 1]
    assert np.isnan(clustered_auc(scores, scores, np.array(three), np.array(two)).low)
    apart = clustered_auc(scores + 9, scores, np.array(three), np.array(three))
    assert apart.auc == 1
    assert np.isnan(apart.low)


# The embedding


def test_bands_are_the_mean_power_of_their_frequencies() -> None:
    X = np.random.default_rng(0).normal(size=(3, 64, 1))
    embedding = SpectrumAutocorrelation(n_bands=4, n_lags=3).fit(X)
    centered = X[:, :, 0] - X[:, :, 0].mean(axis=1, keepdims=True)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    power = 2 * np.abs(np.fft.rfft(centered * hann, axis=1)) ** 2 / (hann**2).sum()
    power[:, 32] /= 2
    edges = [1, 2, 6, 14, 33]  # 33 ** (0, 1/4, 2/4, 3/4, 1), rounded
    bands = [power[:, a:b].mean(axis=1) for a, b in pairwise(edges)]
    assert_allclose(embedding.transform(X)[:, :4], np.log(bands).T)
    assert embedding.get_feature_names_out().tolist() == [
        *("x0_band1", "x0_band2", "x0_band6", "x0_band14"),
        *("x0_lag1", "x0_lag6", "x0_lag32"),
    ]


def test_waveform_statistics_equal_those_of_scipy_and_show_the_direction_of_time() -> None:
    X = np.random.default_rng(0).gamma(2.0, size=(4, 100, 1))
    x, steps = X[:, :, 0], np.diff(X[:, :, 0], axis=1)
    expected = [x.mean(axis=1), x.std(axis=1)]
    expected += [scipy.stats.skew(x, axis=1), scipy.stats.kurtosis(x, axis=1, fisher=False)]
    expected += [steps.std(axis=1), scipy.stats.skew(steps, axis=1)]
    expected += [scipy.stats.kurtosis(steps, axis=1, fisher=False)]
    given = WaveformStatistics().fit_transform(X)
    assert_allclose(given, np.stack(expected, axis=1))
    backwards = WaveformStatistics().fit_transform(X[:, ::-1])
    assert_allclose(backwards[:, 5], -given[:, 5])


def test_an_embedding_is_cloned_and_fitted_to_the_training_windows() -> None:
    windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(9, 16, 2)))
    own = make_pipeline(WindowFlattener(), StandardScaler())
    fitted, name = fitted_embedding(own, windows)
    assert not hasattr(own[-1], "mean_")
    assert fitted[-1].mean_.shape == (32,)
    assert "StandardScaler" in name


# The position of a value


@pytest.mark.parametrize(
    ("numbers", "better", "is_distance", "position"),
    [
        ((0.3, 0.5, 0.1), "lower", False, 0.5),
        ((0.75, 0.5, 1.0), "higher", False, 0.5),
        ((10.0, 100.0, 1.0), "lower", True, 0.5),
        ((0.0, 100.0, 1.0), "lower", True, np.inf),
        ((0.3, 1.0, 0.5), "0.5", False, 0.6),
        ((0.3, 0.1, 0.5), "lower", False, np.nan),
        ((0.3, 0.1, np.nan), "lower", False, np.nan),
        ((0.3, 1.0, 0.0), "lower", True, np.nan),
    ],
)
def test_the_position_of_a_value_is_0_at_the_floor_and_1_at_the_ceiling(
    numbers: tuple, better: str, is_distance: bool, position: float
) -> None:
    measure = Measure("family", "name", *numbers, better, "", is_distance=is_distance)
    assert_allclose(measure.position(), position)


def test_an_embedding_cannot_be_fitted_to_no_windows() -> None:
    none = Windows.from_arrays(np.zeros((2, 16, 1)))[:0]
    with pytest.raises(ValueError, match="no windows"):
        SpectrumAutocorrelation().fit(none)
