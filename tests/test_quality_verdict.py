"""The sentences of a quality report: what is said, and what is not said without evidence."""

from __future__ import annotations

import numpy as np
import pytest

from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.verdict import findings, verdict

AUC = "discriminative AUC"
IN_SAMPLES = "membership inference AUC: samples"
IN_EMBEDDING = "membership inference AUC: embedding"


def measure(
    family: str, name: str, floor: float, value: float, ceiling: float, better: str, **more: float
) -> Measure:
    return Measure(family, name, value, floor, ceiling, better, "So much.", **more)


def told_apart(value: float, ceiling: float = 0.5) -> Measure:
    return measure("fidelity", AUC, 1.0, value, ceiling, "0.5")


def label_error(floor: float, value: float, ceiling: float, name: str = "label error") -> Measure:
    return measure("adherence", name, floor, value, ceiling, "lower")


def coverage(value: float, ceiling: float = np.nan) -> Measure:
    return measure("diversity", "coverage", 0.0, value, ceiling, "higher")


def duplicates(value: float, ceiling: float = np.nan) -> Measure:
    return measure("diversity", "near duplicates", 1.0, value, ceiling, "lower")


def copies(value: float, ceiling: float = np.nan) -> Measure:
    return measure("memorization", "exact copies", 1.0, value, ceiling, "lower")


def attack(value: float, low: float = np.nan, name: str = IN_SAMPLES) -> Measure:
    return measure("memorization", name, 1.0, value, 0.5, "0.5", low=low)


def short(*measures: Measure) -> str:
    (finding,) = findings(measures).values()
    return finding.short


def test_the_verdict_joins_what_the_families_show() -> None:
    found = findings(
        [
            told_apart(0.99),
            label_error(20, 6, 5),
            copies(0),
            attack(0.5),
            attack(0.52, name=IN_EMBEDDING),
        ]
    )
    assert verdict(found) == (
        "Synthetic windows: distinguished from real ones almost perfectly, keep their labels, no copies."
    )
    assert list(found) == ["fidelity", "adherence", "memorization"]
    assert found["fidelity"].sentence == (
        "A classifier tells them apart from real windows almost perfectly (AUC 0.990; 0.5 is chance; "
        "0.500 for two sets of real subjects)."
    )
    assert found["adherence"].sentence == (
        "They show their labels nearly as well as real windows do (label error 6.00; real windows 5.00, "
        "shuffled labels 20.0)."
    )


def test_kept_labels_with_larger_errors_than_in_real_windows_are_called_so() -> None:
    assert findings([label_error(24.6, 3.45, 0.72)])["adherence"].sentence == (
        "They show their labels far better than with shuffled labels, but less well than real windows do "
        "(label error 3.45; real windows 0.720, shuffled labels 24.6)."
    )


def test_without_any_measure_nothing_is_said() -> None:
    assert findings([]) == {}
    assert verdict({}) == "Nothing can be said about these synthetic windows."


@pytest.mark.parametrize(
    ("value", "ceiling", "expected"),
    [
        (1.0, 0.5, "distinguished from real ones almost perfectly"),
        (0.9, 0.5, "distinguished from real ones well"),
        (0.7, 0.5, "distinguished from real ones in part"),
        (0.55, 0.5, "hardly distinguished from real ones"),
        (0.3, 0.5, "hardly distinguished from real ones"),
        (0.9, 0.88, "distinguished from real ones no better than real subjects from each other"),
        (0.9, np.nan, "distinguished from real ones well"),
    ],
)
def test_fidelity_is_judged_by_the_auc_against_that_of_real_subjects(
    value: float, ceiling: float, expected: str
) -> None:
    assert short(told_apart(value, ceiling)) == expected


def test_without_a_classifier_fidelity_is_judged_by_the_mmd() -> None:
    for value, expected in (
        (0.1, "about as close to real windows as other real windows"),
        (0.5, "between noise and real windows"),
    ):
        mmd = Measure("fidelity", "MMD", value, 1.0, 0.1, "lower", "So much.", is_distance=True)
        assert short(mmd) == expected
    assert findings([Measure("fidelity", "MMD", 0.5, 1.0, np.nan, "lower", "So much.")]) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (4.0, "keep their labels"),
        (6.0, "keep their labels"),
        (12.0, "keep their labels in part"),
        (19.0, "do not show their labels"),
        (30.0, "do not show their labels"),
    ],
)
def test_adherence_is_judged_between_shuffled_labels_and_real_windows(
    value: float, expected: str
) -> None:
    assert short(label_error(20, value, 5)) == expected


def test_labels_that_real_windows_do_not_show_are_not_judged() -> None:
    assert short(label_error(20, 19, 18)) == "labels cannot be judged"
    assert short(label_error(0, 0, 0)) == "labels cannot be judged"


def test_the_measure_by_which_real_windows_show_their_labels_best_decides() -> None:
    weak, peak = label_error(20, 19, 12), label_error(20, 2, 1, name="spectral peak")
    assert short(weak, peak) == "keep their labels"
    assert short(weak, label_error(20, 19, 1, name="spectral peak")) == "do not show their labels"


@pytest.mark.parametrize(
    ("covered", "repeated", "expected"),
    [
        (coverage(0.9, 0.95), duplicates(0.05, 0.05), "vary like real windows"),
        (coverage(0.5, 0.55), duplicates(0.05, 0.05), "vary like real windows"),
        (coverage(0.5, 0.95), duplicates(0.05, 0.05), "cover part of the variety"),
        (coverage(0.1, 0.95), duplicates(0.05, 0.05), "cover little of the variety"),
        (coverage(0.9), duplicates(0.05), "vary like real windows"),
        (coverage(0.9, 0.95), duplicates(0.6, 0.05), "repeat themselves"),
        (coverage(0.9, 0.95), duplicates(0.6, 0.55), "vary like real windows"),
    ],
)
def test_diversity_is_judged_against_other_real_windows(
    covered: Measure, repeated: Measure, expected: str
) -> None:
    assert short(covered, repeated) == expected


@pytest.mark.parametrize(
    ("measures", "expected"),
    [
        ([copies(0.3, 0.0)], "30 % copies"),
        ([copies(0.001)], "<1 % copies"),
        # Flat windows are in every set.
        ([copies(0.1, 0.1), attack(0.5), attack(0.5, name=IN_EMBEDDING)], "no copies"),
        ([copies(0.0)], "no exact copies"),
        ([copies(0.0), attack(0.55, 0.51)], "no copies"),
        (
            [copies(0.0), attack(0.7, 0.6)],
            "reveal training windows",
        ),
        ([copies(0.0), attack(1.0)], "reveal training windows"),
        (
            [copies(0.0), attack(0.8, 0.4), attack(0.7, 0.6, name=IN_EMBEDDING)],
            "reveal training windows",
        ),
        ([copies(0.0), attack(0.8, 0.4)], "no exact copies"),
        ([copies(0.0), attack(0.8)], "no exact copies"),
    ],
)
def test_no_copies_is_said_only_if_training_windows_cannot_be_recognized(
    measures: list[Measure], expected: str
) -> None:
    assert short(*measures) == expected


def test_a_wide_interval_is_said_to_be_uncertain() -> None:
    finding = findings([copies(0.0), attack(0.8, 0.4)])["memorization"]
    assert "is uncertain with so few subjects (AUC 0.800; 0.5 is chance)" in finding.sentence
