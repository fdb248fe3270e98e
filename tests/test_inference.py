"""Paired tests and inference over subjects, compared with scipy, enumeration and published figures."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from skaug.evaluation.inference import FEWEST_SUBJECTS, PairedInference, infer
from skaug.evaluation.paired_tests import (
    corrected_t,
    holm,
    rope_probabilities,
    sign_flip_p,
    t_interval,
    wilcoxon_p,
)

# Heights of Darwin's plants in eighths of an inch, as in Fisher, The Design of Experiments, section 17.
PLANTS = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]

# Differences of two models' ROC AUC in 10 repeats of 10 folds: scikit-learn's example "Statistical comparison
# of models using grid search" (rbf less linear). Every fold tests 5 + 5 samples: steps of 1/25.
AUC_DIFFERENCES = np.repeat([-3, -2, -1, 0, 1, 2, 5], [1, 2, 10, 53, 29, 4, 1]) / 25

some_differences = st.lists(
    st.integers(-1000, 1000).map(lambda i: i / 8), min_size=FEWEST_SUBJECTS, max_size=20
)


def signs(n: int) -> np.ndarray:
    return np.array(list(itertools.product([1, -1], repeat=n)))


def normal(n: int, seed: int, mean: float = 0.3) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, size=n)


class TestSignFlips:
    def test_fisher_s_example(self) -> None:
        # Section 21: of 2**15 assignments 863 favor crossing as much as the observed one, and 863 selfing.
        assert sign_flip_p(PLANTS) == 2 * 863 / 2**15

    @pytest.mark.parametrize("n", [6, 9, 12])
    @pytest.mark.parametrize("n_zeros", [0, 2])
    def test_equals_scipy_s_exact_permutation_test(self, n: int, n_zeros: int) -> None:
        d = normal(n, seed=n)
        d[:n_zeros] = 0
        oracle = stats.permutation_test(
            (d,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
        )
        assert sign_flip_p(d) == pytest.approx(oracle.pvalue, rel=1e-12)

    def test_all_assignments_are_enumerated_for_16_subjects(self) -> None:
        d = normal(16, seed=1)
        sums = signs(16) @ d
        assert sign_flip_p(d) == np.mean(np.abs(sums) >= abs(d.sum()) * (1 - 1e-12))

    def test_with_more_subjects_draws_approximate_the_exact_value(self) -> None:
        d = normal(18, seed=3)
        exact = np.mean(np.abs(signs(18) @ d) >= abs(d.sum()) * (1 - 1e-12))
        assert 0.01 < exact < 0.9
        assert sign_flip_p(d) == pytest.approx(exact, abs=5 * math.sqrt(exact / 100_000))

    def test_draws_are_seeded(self) -> None:
        d = normal(18, seed=3)
        assert sign_flip_p(d, 0) == sign_flip_p(d, 0) != sign_flip_p(d, 1)

    def test_zeros_do_not_count_towards_enumeration(self) -> None:
        assert sign_flip_p([*PLANTS, *[0] * 10]) == sign_flip_p(PLANTS)

    def test_a_drawn_p_value_is_never_zero(self) -> None:
        assert sign_flip_p(np.ones(60)) == 1 / 100_001

    def test_sums_that_differ_only_by_rounding_are_equal(self) -> None:
        tenths = np.array([1, 2, 3, -6, 4, 5, 1])
        assert sign_flip_p(tenths / 10) == sign_flip_p(tenths)
        assert sign_flip_p(np.array([1, 2, -3]) / 10) == 1
        assert 0.1 + 0.2 != 0.3


class TestSignedRanks:
    @pytest.mark.parametrize("n", [1, 2, 6, 15, 50, 200])
    def test_equals_scipy_s_exact_test_without_ties(self, n: int) -> None:
        d = normal(n, seed=n, mean=0.2)
        assert wilcoxon_p(d) == pytest.approx(stats.wilcoxon(d, method="exact").pvalue, rel=1e-10)

    @pytest.mark.parametrize(
        "d",
        [
            [1, 1, -1, 2, 3, 3, 3],
            [0, 0, 1, -1, 2, 2, -5, 4],
            [5, 5, 5, 5, 5, 5],
            [-1, -1, 1, 1],
            [0, 0, 0, 7],
        ],
    )
    def test_exact_with_ties_and_zeros(self, d: list[int]) -> None:
        left = np.array([value for value in d if value])
        ranks = stats.rankdata(np.abs(left))
        sums = signs(len(left)) @ ranks
        oracle = np.mean(np.abs(sums) >= abs(np.sign(left) @ ranks))
        assert wilcoxon_p(d) == pytest.approx(oracle, rel=1e-12)

    def test_with_equal_magnitudes_it_is_the_sign_test(self) -> None:
        # Of the 2**6 signs of six equal ranks, 2 agree in all ranks and 2 * 6 in all but one.
        assert wilcoxon_p([1, 1, 1, 1, 1, -1]) == 14 / 64

    def test_magnitudes_that_differ_only_by_rounding_are_tied(self) -> None:
        hundredths = np.array([10, -10, 30, 20, -10, 40, 10])
        rounded = np.array([0.8 - 0.7, 0.7 - 0.8, 0.3, 0.9 - 0.7, 0.3 - 0.4, 0.4, 0.5 - 0.4])
        assert len(np.unique(np.abs(rounded))) > len(np.unique(np.abs(hundredths)))
        assert wilcoxon_p(rounded) == wilcoxon_p(hundredths)

    def test_differences_due_to_rounding_are_zero(self) -> None:
        left = np.mean([0.1, 0.2, 0.3]) - np.mean([0.3, 0.2, 0.1])
        assert left != 0
        assert wilcoxon_p([left, 0.1, 0.2, -0.3]) == wilcoxon_p([0.1, 0.2, -0.3])


@pytest.mark.parametrize("test", [sign_flip_p, wilcoxon_p])
@pytest.mark.parametrize("magnitudes", [[1, 2, 3, 4, 5, 6, 7], [1, 1, 1, 2, 2, 9, 0]])
def test_a_true_null_is_rejected_at_most_as_often_as_the_level(test, magnitudes) -> None:
    p_values = np.array([test(np.array(magnitudes) * flips) for flips in signs(7)])
    for level in np.unique(p_values):
        assert np.mean(p_values <= level) <= level + 1e-12


class TestStudent:
    @given(some_differences)
    def test_the_interval_equals_scipy_s(self, d: list[float]) -> None:
        if np.ptp(d) == 0:
            assert t_interval(d) == (d[0], d[0])
        else:
            oracle = stats.ttest_1samp(d, 0).confidence_interval(0.95)
            assert t_interval(d) == pytest.approx((oracle.low, oracle.high), abs=1e-9)

    def test_fisher_s_plants(self) -> None:
        # Section 17: t = 2.148 with 14 degrees of freedom, just beyond the 5 % point of 2.145.
        low, _ = t_interval(PLANTS)
        assert 0 < low < 0.1

    def test_corrected_t_equals_the_published_one_for_10_times_10_folds(self) -> None:
        # The example's "Corrected t-value: 0.750, p-value: 0.227" is of one tail; its 95 % credible interval.
        corrected = corrected_t(AUC_DIFFERENCES, test_share=0.1)
        assert corrected.statistic == pytest.approx(0.750, abs=5e-4)
        assert corrected.p_value / 2 == pytest.approx(0.227, abs=5e-4)
        assert corrected[2:] == pytest.approx((-0.016445, 0.036445), abs=5e-7)

    @given(some_differences)
    def test_corrected_t_is_the_ordinary_one_without_overlap(self, d: list[float]) -> None:
        if np.ptp(d) > 0:
            oracle = stats.ttest_1samp(d, 0)
            corrected = corrected_t(d, test_share=1e-12)
            assert corrected.p_value == pytest.approx(oracle.pvalue, abs=1e-8)
            assert corrected[2:] == pytest.approx(t_interval(d), abs=1e-6)

    def test_leaving_one_out_widens_the_interval_by_the_formula(self) -> None:
        d = normal(10, seed=0)
        widths = np.diff(corrected_t(d, 1 / 10)[2:]) / np.diff(t_interval(d))
        assert widths == pytest.approx(math.sqrt((1 / 10 + 1 / 9) / (1 / 10)))

    def test_equal_differences_leave_no_doubt(self) -> None:
        assert corrected_t([0.0] * 8, 1 / 8) == (0, 1, 0, 0)
        assert corrected_t([0.5] * 8, 1 / 8) == (math.inf, 0, 0.5, 0.5)
        assert corrected_t([-0.5] * 8, 1 / 8).statistic == -math.inf

    def test_a_single_difference_has_no_interval_and_no_p_value(self) -> None:
        assert np.isnan(t_interval([1.0])).all()
        assert np.isnan(corrected_t([1.0], 0.5)).all()
        assert np.isnan(rope_probabilities([1.0], 0.5, rope=0.1)).all()


class TestRope:
    def test_equals_the_published_probabilities_for_10_times_10_folds(self) -> None:
        # "Probability of rbf being more accurate: 0.773 [...] practically equivalent (0.01): 0.432"
        assert rope_probabilities(AUC_DIFFERENCES, 0.1, 0.01).within == pytest.approx(
            0.432, abs=5e-4
        )
        assert rope_probabilities(AUC_DIFFERENCES, 0.1, 1e-12).better == pytest.approx(
            0.773, abs=5e-4
        )

    @pytest.mark.parametrize("rope", [0.05, 0.3, 2.0])
    def test_equals_the_integrated_posterior_of_the_paper(self, rope: float) -> None:
        d, share = normal(12, seed=5), 1 / 12
        n = len(d)
        variance = (1 / n + share / (1 - share)) * d.var(ddof=1)

        def density(mu: float) -> float:
            z = (mu - d.mean()) ** 2 / variance
            constant = special.gammaln(n / 2) - special.gammaln((n - 1) / 2)
            return (
                math.exp(constant)
                / math.sqrt((n - 1) * math.pi * variance)
                * (1 + z / (n - 1)) ** (-n / 2)
            )

        edges = [-np.inf, -rope, rope, np.inf]
        areas = [integrate.quad(density, *pair)[0] for pair in itertools.pairwise(edges)]
        assert rope_probabilities(d, share, rope) == pytest.approx(areas, abs=1e-7)

    @given(some_differences, st.floats(0.01, 100))
    def test_probabilities_add_up_to_one(self, d: list[float], rope: float) -> None:
        probabilities = rope_probabilities(d, 1 / len(d), rope)
        assert sum(probabilities) == pytest.approx(1)
        assert min(probabilities) >= 0
        turned = rope_probabilities(np.negative(d), 1 / len(d), rope)
        assert turned == pytest.approx(probabilities[::-1])

    @pytest.mark.parametrize(
        ("value", "expected"),
        [(-2, (1, 0, 0)), (-1, (0, 1, 0)), (1, (0, 1, 0)), (0, (0, 1, 0)), (2, (0, 0, 1))],
    )
    def test_equal_differences_are_certain(self, value: float, expected: tuple) -> None:
        assert rope_probabilities([value] * 7, 1 / 7, rope=1) == expected

    @pytest.mark.parametrize("rope", [0, -1, math.nan, math.inf])
    def test_the_rope_must_be_above_zero(self, rope: float) -> None:
        with pytest.raises(ValueError, match="largest difference that does not matter"):
            rope_probabilities(PLANTS, 1 / 15, rope)
        with pytest.raises(ValueError, match="largest difference that does not matter"):
            infer(PLANTS, rope=rope)

    @pytest.mark.parametrize("share", [0, 1, 15, math.nan])
    def test_the_test_share_must_lie_between_0_and_1(self, share: float) -> None:
        with pytest.raises(ValueError, match="share of the subjects that a fold tests"):
            rope_probabilities(PLANTS, share, 1)


class TestHolm:
    def test_equals_the_calculation_by_hand(self) -> None:
        # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04 raised to its predecessor.
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
    def test_equals_the_closed_bonferroni_procedure(self, p: list[float]) -> None:
        # Marcus, Peritz and Gabriel (1976): reject a hypothesis if every intersection with it is rejected.
        groups = [
            group
            for size in range(1, len(p) + 1)
            for group in itertools.combinations(range(len(p)), size)
        ]
        closed = [
            max(min(1, len(group) * min(p[j] for j in group)) for group in groups if i in group)
            for i in range(len(p))
        ]
        assert holm(p) == pytest.approx(closed)

    def test_nan_does_not_count_as_a_test(self) -> None:
        np.testing.assert_array_equal(
            holm([math.nan, 0.02, math.nan, 0.5]), [np.nan, 0.04, np.nan, 0.5]
        )
        assert np.isnan(holm([math.nan])).all()
        assert holm([]).size == 0

    def test_the_argument_is_not_changed(self) -> None:
        p = np.array([0.01, 0.02])
        holm(p)
        assert p.tolist() == [0.01, 0.02]


class TestInfer:
    def test_each_attribute_equals_its_function(self) -> None:
        d, folds = normal(12, seed=2), normal(4, seed=3)
        inference = infer(d, folds, 1 / 4, rope=0.2)
        assert inference.n_subjects == 12
        assert inference.mean == pytest.approx(d.mean())
        assert inference.sd == pytest.approx(d.std(ddof=1))
        assert (inference.ci_low, inference.ci_high) == t_interval(d)
        assert (inference.n_better, inference.n_worse) == ((d > 0).sum(), (d < 0).sum())
        assert inference.p_value == inference.p_sign_flip == sign_flip_p(d)
        assert inference.p_wilcoxon == wilcoxon_p(d)
        assert inference.p_corrected == corrected_t(folds, 1 / 4).p_value
        probabilities = inference.p_worse, inference.p_within, inference.p_better
        assert probabilities == rope_probabilities(folds, 1 / 4, 0.2)

    @settings(max_examples=50)
    @given(some_differences)
    def test_swapping_the_protocols_swaps_the_signs(self, d: list[float]) -> None:
        share = 1 / len(d)
        one = infer(d, d, share, rope=1)
        other = infer(np.negative(d), np.negative(d), share, rope=1)
        assert (other.mean, other.ci_low, other.ci_high) == (-one.mean, -one.ci_high, -one.ci_low)
        assert (other.n_better, other.n_worse) == (one.n_worse, one.n_better)
        for name in ("p_sign_flip", "p_wilcoxon", "p_corrected"):
            assert getattr(other, name) == getattr(one, name)
            assert 0 <= getattr(one, name) <= 1
        assert min(one.p_sign_flip, one.p_wilcoxon) > 0
        assert (other.p_worse, other.p_better) == pytest.approx((one.p_better, one.p_worse))
        swapped = {"helped": "harmed", "harmed": "helped"}
        assert other.verdict() == swapped.get(one.verdict(), one.verdict())

    @settings(max_examples=50)
    @given(some_differences, st.sampled_from([2.0**-20, 0.5, 1024.0]))
    def test_units_do_not_matter(self, d: list[float], unit: float) -> None:
        scaled = np.multiply(d, unit)
        one = infer(d, d, 1 / len(d), rope=1)
        other = infer(scaled, scaled, 1 / len(d), rope=unit)
        in_units = ("mean", "sd", "ci_low", "ci_high", "rope")
        for name, value in asdict(one).items():
            assert getattr(other, name) == pytest.approx(value * (unit if name in in_units else 1))
        assert other.verdict() == one.verdict()

    def test_identical_predictions_are_no_difference(self) -> None:
        inference = infer([0.0] * 9, [0.0] * 9, 1 / 9, rope=0.1)
        assert (inference.mean, inference.sd, inference.ci_low, inference.ci_high) == (0, 0, 0, 0)
        assert (inference.n_better, inference.n_worse) == (0, 0)
        assert inference.p_sign_flip == inference.p_wilcoxon == inference.p_corrected == 1
        assert inference.verdict() == "no difference within the rope"
        assert replace(inference, rope=None).verdict() == "undecided"

    @pytest.mark.parametrize("n", range(1, FEWEST_SUBJECTS))
    def test_with_five_or_fewer_subjects_there_is_no_p_value(self, n: int) -> None:
        inference = infer(np.full(n, 3.0), np.full(n, 3.0), 0.5, rope=1)
        chances = {name: v for name, v in asdict(inference).items() if name.startswith("p_")}
        assert len(chances) == 6
        assert np.isnan(list(chances.values())).all()
        assert (inference.mean, inference.n_better) == (3, n)
        assert inference.verdict() == "undecided: too few subjects"
        # Because none could be significant: the most extreme assignment and its mirror image.
        assert sign_flip_p(np.full(n, 3.0)) == wilcoxon_p(np.full(n, 3.0)) == 2 / 2**n > 0.05

    def test_six_subjects_can_be_significant(self) -> None:
        inference = infer([1, 2, 3, 4, 5, 6])
        assert inference.p_value == inference.p_wilcoxon == 2 / 64
        assert inference.verdict() == "helped"

    def test_draws_are_seeded(self) -> None:
        d = normal(18, seed=3)
        assert infer(d, random_state=1).p_value == sign_flip_p(d, 1) != infer(d).p_value

    def test_without_folds_or_rope_only_their_attributes_are_missing(self) -> None:
        inference = infer(PLANTS, rope=1)
        missing = {
            name for name, value in asdict(inference).items() if value is None or value != value
        }
        assert missing == {"p_corrected", "p_worse", "p_within", "p_better"}
        inference = infer(PLANTS, PLANTS, 1 / 15)
        missing = {
            name for name, value in asdict(inference).items() if value is None or value != value
        }
        assert missing == {"p_worse", "p_within", "p_better", "rope"}

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_an_error_names_the_subject_without_a_score(self, value: float) -> None:
        d = pd.Series([1.0, value, 2.0], index=["S1", "S7", "S9"])
        with pytest.raises(
            ValueError, match=r"of subject 'S7' is (nan|inf).*Leave the subject out"
        ):
            infer(d)
        with pytest.raises(ValueError, match="of fold 1 is"):
            infer([1.0, 2.0], d.to_numpy(), 0.5)

    def test_there_must_be_one_difference_per_subject(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            infer([])
        with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
            infer(np.zeros((2, 3)))

    def test_folds_and_their_test_share_go_together(self) -> None:
        with pytest.raises(ValueError, match="together"):
            infer(PLANTS, PLANTS)
        with pytest.raises(ValueError, match="together"):
            infer(PLANTS, test_share=0.1)


class TestVerdict:
    @pytest.fixture
    def sure(self) -> PairedInference:
        """Infer from ten subjects that are 1.0 to 1.9 better: the 90 % interval is 1.27 to 1.63."""
        return infer(1 + np.arange(10) / 10)

    def test_a_significant_difference_helped_or_harmed(self, sure: PairedInference) -> None:
        assert sure.verdict() == "helped"
        assert replace(sure, mean=-sure.mean).verdict() == "harmed"

    def test_the_adjusted_p_value_decides(self, sure: PairedInference) -> None:
        assert sure.p_value < 0.05
        assert sure.verdict(0.049) == "helped"
        assert sure.verdict(0.05) == sure.verdict(math.nan) == "undecided"

    @pytest.mark.parametrize(
        ("rope", "verdict"),
        [
            (1.2, "helped"),  # the whole interval lies beyond
            (1.4, "helped"),  # the mean does, 1.45
            (1.5, "undecided"),  # the mean lies within the rope, but not the whole interval
            (1.62, "undecided"),
            (1.64, "no difference within the rope"),
        ],
    )
    def test_a_significant_difference_may_be_too_small_to_matter(
        self, sure, rope: float, verdict: str
    ) -> None:
        assert replace(sure, rope=rope).verdict() == verdict

    def test_the_rope_has_two_sides(self, sure: PairedInference) -> None:
        harmed = replace(sure, mean=-sure.mean)
        assert replace(harmed, rope=1.4).verdict() == "harmed"
        assert replace(harmed, rope=1.5).verdict() == "undecided"
        assert replace(harmed, rope=1.64).verdict() == "no difference within the rope"

    def test_equivalence_equals_two_one_sided_t_tests(self) -> None:
        d = normal(12, seed=4, mean=0.1)
        for rope in np.linspace(0.05, 2, 40):
            p = max(
                stats.ttest_1samp(d, -rope, alternative="greater").pvalue,
                stats.ttest_1samp(d, rope, alternative="less").pvalue,
            )
            assert (infer(d, rope=rope).verdict() == "no difference within the rope") == (p < 0.05)

    def test_absence_of_evidence_is_not_evidence_of_absence(self) -> None:
        unsure = infer([3, -2, 4, -5, 1, -1, 2])
        assert unsure.verdict() == "undecided"
        assert replace(unsure, rope=0.1).verdict() == "undecided"
