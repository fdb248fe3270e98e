"""The subsets that fidelity and diversity compare: how they are drawn, and that order does not matter."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from skaug import SynthefyAugmenter, WindowFlattener, Windows
from skaug.evaluation.quality import comparison as module
from skaug.evaluation.quality.comparison import N_SUBSETS, Comparison, deal
from skaug.evaluation.quality.draw_keys import drawn, in_key_order
from skaug.evaluation.quality.sample import Sample


def sample(n: int, groups: object = None, at: float = 0.0) -> Sample:
    """Return n windows, each filled with a number of its own."""
    X = np.repeat((at + np.arange(n))[:, None, None], 8, axis=1)
    windows = Windows.from_arrays(X)
    names = None if groups is None else np.asarray(groups, dtype=object)
    return Sample(windows, WindowFlattener().fit(windows), names)


def numbers(part: Sample) -> NDArray:
    return part.values[:, 0, 0]


# Order


def test_another_order_of_the_windows_gives_the_same_order_and_keys(windows: Windows) -> None:
    expected, expected_keys = in_key_order(windows, True, 0)
    shuffled = windows[np.random.default_rng(0).permutation(len(windows))]
    given, keys = in_key_order(shuffled, True, 0)
    assert_array_equal(given.to_numpy(), expected.to_numpy())
    assert given.origins.equals(expected.origins)
    assert_array_equal(keys, expected_keys)


def test_keys_come_from_the_origin_whatever_the_samples(windows: Windows) -> None:
    synthetic = SynthefyAugmenter().fit(windows).synthetic_windows_
    other = synthetic.with_samples(synthetic.to_numpy()[::-1])
    (first, keys), (second, other_keys) = (
        in_key_order(part, True, 0) for part in (synthetic, other)
    )
    assert_array_equal(keys, other_keys)
    assert first.origins.equals(second.origins)


def test_keys_of_arrays_come_from_the_samples() -> None:
    X = np.random.default_rng(0).normal(size=(50, 8, 1))
    shuffled = X[np.random.default_rng(1).permutation(50)]
    (first, keys), (second, other_keys) = (
        in_key_order(Windows.from_arrays(part), False, 0) for part in (X, shuffled)
    )
    assert_array_equal(keys, other_keys)
    assert_array_equal(first.to_numpy(), second.to_numpy())


def test_copies_of_a_window_are_drawn_one_by_one(windows: Windows) -> None:
    copies = windows[np.repeat([3, 5], [40, 40])]
    ordered, keys = in_key_order(copies, True, 0)
    assert len(np.unique(keys)) == 80
    of_first = ordered.provenance.first_row[drawn(keys, 40, "draw")] == copies.origins.first_row[0]
    assert 0 < of_first.sum() < 40


def test_another_seed_or_draw_gives_other_windows_and_a_larger_draw_holds_the_smaller(
    windows: Windows,
) -> None:
    _, keys = in_key_order(windows, True, 0)
    _, other_keys = in_key_order(windows, True, 1)
    first = drawn(keys, 20, "subset", 0)
    assert set(first) < set(drawn(keys, 30, "subset", 0))
    assert len(first) == 20
    for other in (drawn(keys, 20, "subset", 1), drawn(other_keys, 20, "subset", 0)):
        assert not np.array_equal(first, other)
    assert_array_equal(drawn(keys, 10**6, "all"), np.arange(len(windows)))


# Subsets


def test_every_window_is_drawn_about_as_often_as_any_other() -> None:
    comparison = Comparison(sample(40), sample(10), None, 0)
    drawn_numbers = [numbers(comparison.subset(nth).real) for nth in range(400)]
    counts = np.bincount(np.concatenate(drawn_numbers).astype(int), minlength=40)
    # 400 draws of 10 of 40: binomial with p = 1/4; five standard deviations.
    assert np.abs(counts - 100).max() < 5 * np.sqrt(400 * 0.25 * 0.75)


def test_value_and_spread_are_mean_and_standard_deviation_over_twenty_subsets() -> None:
    real, synthetic = sample(30, at=5), sample(90, at=7)
    comparison = Comparison(real, synthetic, sample(25, at=1), 0)
    assert (comparison.n_compared, comparison.n_subsets, N_SUBSETS) == (25, 20, 20)
    columns, constant = comparison.columns(
        lambda a, b: [numbers(b).mean() - numbers(a).mean(), 3.0]
    )
    each = []
    for nth in range(20):
        subset = comparison.subset(nth)
        each.append(numbers(subset.synthetic).mean() - numbers(subset.real).mean())
    assert_allclose(columns.value, np.mean(each))
    assert_allclose(columns.spread, np.std(each, ddof=1))
    of_real = [numbers(comparison.subset(nth).real).mean() for nth in range(20)]
    assert_allclose(columns.ceiling, np.arange(1, 26).mean() - np.mean(of_real))
    assert constant == (3, 3, 3, 0)


def test_averaging_subsets_takes_most_of_the_luck_out_of_a_value() -> None:
    single, averaged = [], []
    for seed in range(12):
        parts = [sample(n, at=at) for n, at in ((300, 0), (300, 9), (20, 3))]
        for part in parts:
            part._keys = in_key_order(part.windows, True, seed)[1]
        comparison = Comparison(*parts, seed)
        subset = comparison.subset(0)
        single.append(numbers(subset.synthetic).mean())
        averaged.append(comparison.columns(lambda a, b: [numbers(b).mean()])[0].value)
    # Means of 20 independent draws spread sqrt(20) = 4.5 times less.
    assert np.std(averaged) < np.std(single) / 2.5


def test_sets_of_equal_size_are_compared_at_once_without_a_spread() -> None:
    comparison = Comparison(sample(20), sample(20, at=1), sample(20, at=2), 0)
    assert (comparison.n_compared, comparison.n_subsets) == (20, 1)
    (columns,) = comparison.columns(lambda a, b: [numbers(b).mean()])
    assert columns.value == np.arange(1, 21).mean()
    assert np.isnan(columns.spread)


def test_large_sets_are_compared_in_subsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COMPARED", 15)
    comparison = Comparison(sample(20), sample(20), sample(20), 0)
    assert (comparison.n_compared, comparison.n_subsets) == (15, 20)


# Deals


def test_whole_subjects_are_dealt_into_two_sets_of_about_equal_size() -> None:
    groups = np.repeat(list("abcdef"), [5, 6, 7, 8, 9, 10])
    for seed in range(5):
        first, second = deal(sample(45, groups), seed)
        assert first.groups is not None
        assert second.groups is not None
        assert set(first.groups).isdisjoint(second.groups)
        assert sorted([*first.groups, *second.groups]) == sorted(groups)
        assert abs(len(first) - len(second)) <= 10


def test_without_holdout_the_ceiling_compares_halves_of_the_subjects() -> None:
    groups = np.repeat(list("abcdef"), 8)
    comparison = Comparison(sample(48, groups), sample(48, groups), None, 0)
    assert comparison.n_compared == 24
    dealt = set()
    for nth in range(20):
        subset = comparison.subset(nth)
        assert subset.ceiling is not None
        first, second = (set(part.groups) for part in subset.ceiling)  # type: ignore[arg-type]
        assert first.isdisjoint(second)
        assert [len(part) for part in subset.ceiling] == [24, 24]
        dealt.add(frozenset(first))
    assert len(dealt) > 5


def test_a_long_recording_does_not_make_every_subset_small() -> None:
    # Dealt last, "a" joins one of two sets of 10. Such a deal is left out.
    groups = np.repeat(list("abc"), [60, 10, 10])
    comparison = Comparison(sample(80, groups), sample(80, groups), None, 0)
    assert comparison.n_compared == 20


@pytest.mark.parametrize("groups", [None, ["a"] * 30, ["a"] * 27 + ["b"] * 3])
def test_unknown_single_or_short_subjects_leave_no_ceiling(groups: list | None) -> None:
    comparison = Comparison(sample(30, groups), sample(30, groups), None, 0)
    assert comparison.ceiling.startswith("none, because it needs")
    assert comparison.subset(0).ceiling is None
    (columns,) = comparison.columns(lambda a, b: [1.0])
    assert np.isnan(columns.ceiling)
    assert comparison.n_compared == 30
