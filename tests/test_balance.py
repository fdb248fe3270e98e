"""Conditions that balance labels: every request goes to the rarest label, and to its subjects in turns."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.linear_model import Ridge

from skaug import SynthefyAugmenter, SynthefySampler, Windows, WindowStatistics, make_pipeline
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold
from skaug.synthesis import SpectralSynthesizer

SIZE = 8

LABELED = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["sit", "walk", "run"])),
    min_size=1,
    max_size=25,
)


def windows_of(labels: Any, groups: Any = None) -> Windows:
    """Windows with these labels; samples tell each from every other."""
    X = np.random.default_rng(0).normal(size=(len(labels), SIZE, 1))
    return Windows.from_arrays(X, y=np.asarray(labels), groups=groups)


def requests(windows: Windows, **parameters: Any) -> pd.DataFrame:
    """The origin and the label of every requested window, in order."""
    synthetic = SynthefyAugmenter(balance="label", **parameters).fit(windows).synthetic_windows_
    return synthetic.origins.assign(label=synthetic.y)


@given(rows=LABELED, n=st.integers(1, 60), seed=st.integers(0, 3))
def test_each_window_is_made_from_the_label_with_the_fewest_windows_so_far(
    rows: list[tuple[str, str]], n: int, seed: int
) -> None:
    groups, labels = zip(*rows, strict=True)
    chosen = requests(windows_of(labels, groups), n_synthetic=n, random_state=seed)
    assert len(chosen) == n
    counts = Counter(labels)
    for label in chosen["label"]:
        assert counts[label] == min(counts.values())
        counts[label] += 1


@given(rows=LABELED, n=st.integers(1, 60))
def test_subjects_take_turns_within_a_label_and_windows_within_a_subject(
    rows: list[tuple[str, str]], n: int
) -> None:
    groups, labels = zip(*rows, strict=True)
    windows = windows_of(labels, groups)
    chosen = requests(windows, n_synthetic=n)
    recorded = windows.origins.assign(label=windows.y)
    for label, of_label in chosen.groupby("label"):
        subjects = sorted(set(recorded.loc[recorded["label"] == label, "subject"]))
        turns = of_label["subject"].value_counts().reindex(subjects, fill_value=0)
        assert turns.max() - turns.min() <= 1
        for subject, own in of_label.groupby("subject"):
            is_own = (recorded["label"] == label) & (recorded["subject"] == subject)
            assert_array_equal(own["draw"], np.arange(len(own)) // is_own.sum())
            assert set(own["first_row"]) <= set(recorded.loc[is_own, "first_row"])
            assert not own.duplicated(["first_row", "draw"]).any()


@given(rows=LABELED, numbers=st.lists(st.integers(0, 60), min_size=2, max_size=2))
def test_a_larger_request_begins_with_the_smaller(
    rows: list[tuple[str, str]], numbers: list[int]
) -> None:
    groups, labels = zip(*rows, strict=True)
    smaller, larger = (requests(windows_of(labels, groups), n_synthetic=n) for n in sorted(numbers))
    assert larger.iloc[: len(smaller)].to_numpy().tolist() == smaller.to_numpy().tolist()


@given(rows=LABELED, ratio=st.floats(0, 3))
def test_a_ratio_counts_over_all_subjects(rows: list[tuple[str, str]], ratio: float) -> None:
    groups, labels = zip(*rows, strict=True)
    chosen = requests(windows_of(labels, groups), ratio=ratio)
    assert len(chosen) == math.floor(ratio * len(rows) + 0.5)


@given(rows=LABELED, random=st.randoms(use_true_random=False), n=st.integers(1, 40))
def test_the_order_of_the_windows_does_not_matter(
    rows: list[tuple[str, str]], random: Any, n: int
) -> None:
    groups, labels = zip(*rows, strict=True)
    windows = windows_of(labels, groups)
    order = random.sample(range(len(rows)), len(rows))
    assert_array_equal(
        requests(windows[np.array(order)], n_synthetic=n), requests(windows, n_synthetic=n)
    )


@given(st.lists(st.floats(40, 180), min_size=30, max_size=60, unique=True))
def test_numbers_are_balanced_over_ten_bins_between_percentiles(labels: list[float]) -> None:
    windows = windows_of(labels)
    low, high = np.percentile(labels, [1, 99])
    edges = np.concatenate([[-np.inf], np.linspace(low, high, 11)[1:-1], [np.inf]])

    def histogram(values: Any) -> np.ndarray:
        return pd.cut(values, edges, right=False, labels=False)

    real = Counter(histogram(labels))
    n = len(real) * max(real.values()) - len(labels)
    chosen = requests(windows, n_synthetic=n)
    together = real + Counter(histogram(chosen["label"]))
    assert set(together.values()) <= {max(real.values())}


def test_few_whole_numbers_are_classes_and_many_are_binned() -> None:
    few = requests(windows_of([1] * 9 + [2]), n_synthetic=8)
    assert few["label"].tolist() == [2] * 8
    assert few["draw"].tolist() == list(range(8))
    # As classes, each of these labels would be as rare as the others.
    many = requests(windows_of([0, 50, *range(100, 120)]), n_synthetic=8)
    assert Counter(many["label"]) == {0: 4, 50: 4}


def test_labels_that_are_all_but_equal_are_balanced() -> None:
    chosen = requests(windows_of([60.5] * 300 + [90.0]), n_synthetic=5)
    assert chosen["label"].tolist() == [60.5] * 5  # 90 is beyond the 99th percentile, which is 60.5


def test_another_seed_chooses_other_windows() -> None:
    windows = windows_of(np.repeat(["sit", "walk"], 50), np.tile(list("AB"), 50))
    first = requests(windows, n_synthetic=20)
    other = requests(windows, n_synthetic=20, random_state=1)
    assert set(first["first_row"]) != set(other["first_row"])


def test_windows_without_a_label_are_no_conditions() -> None:
    chosen = requests(windows_of([60.5, np.nan, 90.5]), ratio=3)
    assert len(chosen) == 9
    assert set(chosen["label"]) == {60.5, 90.5}


def test_only_chosen_subjects_are_conditions_but_all_windows_count() -> None:
    windows = windows_of(["sit", "walk", "sit", "sit"], list("AABB"))
    chosen = requests(windows, n_synthetic=2, subjects=["A"])
    assert set(chosen["subject"]) == {"A"}
    assert chosen["label"].tolist() == ["walk", "walk"]  # one walks, three sit


def test_the_sampler_balances_too() -> None:
    windows = windows_of(["sit"] * 5 + ["walk"])
    _, labels = SynthefySampler(n_synthetic=4, balance="label").fit_resample(windows)
    assert Counter(labels) == {"sit": 5, "walk": 5}


def test_repeats_of_a_comparison_draw_other_windows() -> None:
    labels = np.tile([60.5] * 7 + [90.5], 6)
    windows = windows_of(labels, np.repeat(list("ABCDEF"), 8))
    seen = []

    class Logged(SynthefyAugmenter):
        def fit_transform(self, X: Any, y: Any = None) -> Windows:
            augmented = super().fit_transform(X, y)
            seen.append(self.synthetic_origins_.assign(fold=str(sorted(set(X.groups)))))
            return augmented

    pipe = make_pipeline(Logged(balance="label"), WindowStatistics(), Ridge())
    compare_protocols(
        pipe,
        windows,
        protocols=["TRTR", "TRSTR"],
        cv=SubjectKFold(3),
        n_repeats=2,
        n_jobs=1,
        progress=False,
    )
    drawn = pd.concat(seen)
    assert drawn["draw"].max() > 1
    assert not drawn.duplicated().any()


def test_what_cannot_be_balanced_is_refused() -> None:
    windows = windows_of([60.5, 90.5, 75.5])
    with pytest.raises(ValueError, match="balance='class' is unknown: use one of None, 'label'"):
        SynthefyAugmenter(balance="class").fit(windows)
    with pytest.raises(ValueError, match="needs one label per window, and these have no labels"):
        SynthefyAugmenter(balance="label").fit(windows.to_numpy())
    with pytest.raises(ValueError, match="and these have 2 labels each"):
        SynthefyAugmenter(balance="label").fit(windows, np.ones((3, 2)))
    with pytest.raises(ValueError, match="no window that may be a condition has one"):
        requests(windows_of([np.nan, np.nan]))


def test_edits_of_the_label_cannot_be_balanced(windows: Windows) -> None:
    augmenter = SynthefyAugmenter(
        SpectralSynthesizer(32), balance="label", variations=[{"heart_rate": ("add", 5)}]
    )
    with pytest.raises(ValueError, match="cannot be used beside variations of 'heart_rate'"):
        augmenter.fit(windows)
