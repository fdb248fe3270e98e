"""The augmenter: the choice of conditions, the windows it returns, and predicting without synthesis."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from fractions import Fraction
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.utils import resample

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowFlattener,
    WindowRegressor,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug.model_selection import SubjectKFold
from skaug.synthesis import SurrogateSynthesizer, Synthesizer

SIZE = 8


class Negative(Synthesizer):
    """Return the conditions upside down, and log every call."""

    def __init__(self, log: list[Any] | None = None) -> None:
        self.log = log

    def __sklearn_clone__(self) -> Negative:
        return Negative(self.log)  # the same list, so that calls of a clone are seen outside

    def fit(self, windows: Windows) -> Negative:
        if self.log is not None:
            self.log.append(("fit", windows))
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        if self.log is not None:
            self.log.append(("synthesize", conditions))
        return conditions.synthesized(-conditions.to_numpy())


class Returning(Synthesizer):
    """Return whatever a function makes of the conditions."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def synthesize(self, conditions: Windows) -> Windows:
        return self.answer(conditions)


def windows_of(**counts: int) -> Windows:
    """Windows of each subject by number; samples rise by one, so that each window is unique."""
    n = sum(counts.values())
    groups = np.repeat(list(counts), list(counts.values()))
    X = np.arange(float(n * SIZE)).reshape(n, SIZE, 1)
    return Windows.from_arrays(X, y=60.0 + np.arange(n), groups=groups)


def requests(windows: Windows, **parameters: Any) -> list[tuple[Any, int, int]]:
    """The subject, first row and draw of every requested window, in order."""
    augmenter = SynthefyAugmenter(Negative(), **parameters)
    origins = augmenter.fit(windows).synthetic_windows_.origins
    return list(origins.itertuples(index=False, name=None))


SUBJECTS = st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 9), min_size=1)
RATIOS = st.one_of(st.floats(0, 4), st.fractions(0, 4, max_denominator=20).map(float))


# What joins what


def test_synthetic_windows_join_behind_the_real_ones() -> None:
    windows = windows_of(A=3, B=2)
    augmented = SynthefyAugmenter(Negative()).fit_transform(windows)
    assert augmented.is_synthetic.tolist() == [False] * 5 + [True] * 5
    assert_array_equal(augmented[:5].to_numpy(), windows.to_numpy())
    assert_array_equal(augmented[:5].y, windows.y)
    for synthetic, label in zip(augmented[5:], augmented.y[5:], strict=True):
        (condition,) = np.flatnonzero(windows.y == label)
        assert_array_equal(synthetic, -windows[condition])


def test_train_on_synthetic_returns_synthetic_windows_only() -> None:
    windows = windows_of(A=3, B=2)
    augmented = SynthefyAugmenter(Negative(), train_on="synthetic").fit_transform(windows)
    assert augmented.is_synthetic.all()
    assert sorted(augmented.y) == windows.y.tolist()


def test_train_on_real_synthesizes_nothing() -> None:
    log: list[Any] = []
    windows = windows_of(A=3, B=2)
    augmenter = SynthefyAugmenter(Negative(log), train_on="real")
    assert_array_equal(augmenter.fit_transform(windows).to_numpy(), windows.to_numpy())
    assert log == []
    assert (augmenter.n_real_, augmenter.n_synthetic_, augmenter.synthesizer_) == (5, 0, None)
    assert len(augmenter.synthetic_windows_) == 0


@pytest.mark.parametrize("amount", [{"ratio": 0}, {"ratio": 0.0}, {"n_synthetic": 0}])
def test_an_amount_of_zero_synthesizes_nothing(amount: dict[str, float]) -> None:
    log: list[Any] = []
    windows = windows_of(A=3, B=2)
    augmented = SynthefyAugmenter(Negative(log), **amount).fit_transform(windows)
    assert log == []
    assert_array_equal(augmented.to_numpy(), windows.to_numpy())
    assert np.asarray(augmented).shape == windows.shape


def test_the_numbers_of_windows_are_attributes() -> None:
    augmenter = SynthefyAugmenter(n_synthetic=7).fit(windows_of(A=3, B=2))
    assert (augmenter.n_real_, augmenter.n_synthetic_) == (5, 7)
    assert len(augmenter.synthetic_windows_) == 7
    assert isinstance(augmenter.synthesizer_, SurrogateSynthesizer)
    assert augmenter.n_features_in_ == 1


def test_the_synthesizer_is_fitted_to_the_training_windows_and_called_once() -> None:
    log: list[Any] = []
    windows = windows_of(A=3, B=2)
    SynthefyAugmenter(Negative(log), ratio=0.5).fit(windows)
    assert [what for what, _ in log] == ["fit", "synthesize"]
    assert_array_equal(log[0][1].to_numpy(), windows.to_numpy())
    assert not log[1][1].is_synthetic.any()


def test_a_synthesizer_sees_nothing_of_a_left_out_subject(windows: Windows) -> None:
    log: list[Any] = []
    left_out = windows.groups == windows.groups[0]
    SynthefyAugmenter(Negative(log)).fit(windows[~left_out])
    for _, seen in log:
        assert windows.groups[0] not in set(seen.groups)
        for context in (seen.context, seen.context_rows):
            assert windows.groups[0] not in set(context["subject"].cat.categories)


def test_the_default_is_one_surrogate_per_window(windows: Windows) -> None:
    augmented = SynthefyAugmenter().fit_transform(windows)
    synthetic = augmented[augmented.is_synthetic]
    assert len(synthetic) == len(windows)
    conditions = windows[[windows.y.tolist().index(label) for label in synthetic.y]]
    expected = SurrogateSynthesizer().synthesize(conditions._drawn(np.zeros(len(windows))))
    assert_array_equal(synthetic.to_numpy(), expected.to_numpy())


# How many


@given(SUBJECTS, RATIOS)
@settings(deadline=None)
def test_a_ratio_is_applied_subject_by_subject(counts: dict[str, int], ratio: float) -> None:
    n_requests = Counter(subject for subject, _, _ in requests(windows_of(**counts), ratio=ratio))
    for subject, n in counts.items():
        # rounded to the nearest number, halves up; rounding of the ratio itself may decide a half
        assert abs(n_requests[subject] - ratio * n) <= 0.5 + 1e-9


@given(SUBJECTS, st.integers(0, 60))
@settings(deadline=None)
def test_a_count_is_spread_in_proportion(counts: dict[str, int], n_synthetic: int) -> None:
    n_requests = Counter(
        subject for subject, _, _ in requests(windows_of(**counts), n_synthetic=n_synthetic)
    )
    assert n_requests.total() == n_synthetic
    share = n_synthetic / sum(counts.values())
    for subject, n in counts.items():
        # Subjects advance together, each half a window before or behind: so is the whole.
        assert abs(n_requests[subject] / n - share) <= 0.5 / n + 0.5 / min(counts.values())


@given(SUBJECTS, st.integers(1, 60))
@settings(deadline=None)
def test_every_window_is_a_condition_once_before_one_is_a_condition_again(
    counts: dict[str, int], n_synthetic: int
) -> None:
    requested = requests(windows_of(**counts), n_synthetic=n_synthetic)
    assert len(set(requested)) == len(requested)
    for subject, n in counts.items():
        own = [(first_row, draw) for name, first_row, draw in requested if name == subject]
        assert [draw for _, draw in own] == [i // n for i in range(len(own))]
        for start in range(0, len(own), n):
            rows = [first_row for first_row, _ in own[start : start + n]]
            assert len(set(rows)) == len(rows)
            assert set(rows) <= {SIZE * i for i in range(n)}


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.499, 0), (0.5, 1), (1.499, 1), (1.5, 2), (2.499, 2), (2.5, 3)]
)
def test_halves_are_rounded_up(ratio: float, expected: int) -> None:
    assert len(requests(windows_of(A=1), ratio=ratio)) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (1, 9),
        (1.0, 9),
        (np.int64(1), 9),
        (np.float32(1), 9),
        (0.5, 5),
        (Fraction(1, 3), 3),
        (2, 18),
        (2.5, 23),
    ],
)
def test_a_ratio_may_be_any_kind_of_number(ratio: Any, expected: int) -> None:
    """The half of three, four and two windows is 1.5, 2 and 1, of which a half is rounded up."""
    assert len(requests(windows_of(A=3, B=4, C=2), ratio=ratio)) == expected


@pytest.mark.parametrize("n_synthetic", [1, np.int64(1)])
def test_n_synthetic_counts_windows_in_all(n_synthetic: Any) -> None:
    assert len(requests(windows_of(A=3, B=4, C=2), n_synthetic=n_synthetic)) == 1


def test_a_huge_request_repeats_the_conditions() -> None:
    requested = requests(windows_of(A=3, B=2), n_synthetic=100_000)
    assert Counter((subject, row) for subject, row, _ in requested) == Counter(
        {(subject, SIZE * i): 20_000 for subject, n in (("A", 3), ("B", 2)) for i in range(n)}
    )
    assert len(set(requested)) == 100_000


def test_a_ratio_too_small_for_a_window_adds_none() -> None:
    windows = windows_of(A=3, B=2)
    assert requests(windows, ratio=0.1) == []
    assert SynthefyAugmenter(ratio=0.1).fit_transform(windows).shape == windows.shape
    with pytest.raises(ValueError, match=r"ratio=0\.1 makes no synthetic windows from 5 real"):
        SynthefyAugmenter(ratio=0.1, train_on="synthetic").fit(windows)


# The order of the requests


@given(SUBJECTS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 3))
@settings(deadline=None)
def test_a_larger_count_begins_with_the_smaller_count(
    counts: dict[str, int], few: int, more: int, seed: int
) -> None:
    windows = windows_of(**counts)
    larger = requests(windows, n_synthetic=few + more, random_state=seed)
    assert requests(windows, n_synthetic=few, random_state=seed) == larger[:few]


@given(SUBJECTS, RATIOS, RATIOS)
@settings(deadline=None)
def test_a_larger_ratio_begins_with_the_smaller_ratio(
    counts: dict[str, int], one: float, other: float
) -> None:
    windows = windows_of(**counts)
    smaller, larger = (requests(windows, ratio=ratio) for ratio in sorted((one, other)))
    assert larger[: len(smaller)] == smaller


@given(SUBJECTS, RATIOS)
@settings(deadline=None)
def test_counts_and_ratios_choose_in_the_same_order(counts: dict[str, int], ratio: float) -> None:
    windows = windows_of(**counts)
    requested = requests(windows, ratio=ratio)
    assert requests(windows, n_synthetic=len(requested)) == requested


@given(SUBJECTS, RATIOS, st.data())
@settings(deadline=None)
def test_folds_that_share_a_subject_request_the_same_windows(
    counts: dict[str, int], ratio: float, data: st.DataObject
) -> None:
    windows = windows_of(**counts)
    subject = data.draw(st.sampled_from(sorted(counts)))
    others = data.draw(st.sets(st.sampled_from(sorted(counts))))
    fold = windows[np.isin(windows.groups, [subject, *others])]
    alone = windows[windows.groups == subject]
    expected = [
        requested for requested in requests(windows, ratio=ratio) if requested[0] == subject
    ]
    assert [
        requested for requested in requests(fold, ratio=ratio) if requested[0] == subject
    ] == expected
    assert requests(alone, ratio=ratio) == expected


@given(SUBJECTS, st.integers(1, 30), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_windows_does_not_matter(
    counts: dict[str, int], n_synthetic: int, random: Any
) -> None:
    windows = windows_of(**counts)
    order = list(range(len(windows)))
    random.shuffle(order)
    expected = requests(windows, n_synthetic=n_synthetic)
    assert requests(windows[order], n_synthetic=n_synthetic) == expected
    names = sorted(counts, key=lambda _: random.random())
    assert (
        requests(windows_of(**{name: counts[name] for name in names}), n_synthetic=n_synthetic)
        == expected
    )


def test_another_seed_chooses_other_windows() -> None:
    windows = windows_of(A=30, B=30)
    requested = {tuple(requests(windows, n_synthetic=6, random_state=seed)) for seed in range(20)}
    assert len(requested) == 20  # there are 30 · 29 · 28 ordered choices per subject


def test_subjects_spelled_alike_stay_apart() -> None:
    groups = np.array([1, "1", 1, "1"], dtype=object)
    windows = Windows.from_arrays(np.zeros((4, SIZE, 1)), groups=groups)
    requested = requests(windows)
    assert sorted(requested, key=str) == sorted(
        [(1, 0, 0), (1, SIZE, 0), ("1", 0, 0), ("1", SIZE, 0)], key=str
    )
    assert Counter(type(subject) for subject, _, _ in requests(windows, ratio=0.5)) == {
        int: 1,
        str: 1,
    }


@pytest.mark.parametrize("groups", [None, ["A"] * 4, [7] * 4])
def test_one_subject_or_none_at_all_is_enough(groups: Any) -> None:
    windows = Windows.from_arrays(np.ones((4, SIZE, 1)), groups=groups)
    requested = requests(windows, n_synthetic=6)
    assert len(set(requested)) == 6
    assert {subject for subject, _, _ in requested} == {None if groups is None else groups[0]}


def test_windows_of_a_bootstrap_sample_count_once() -> None:
    windows = windows_of(A=6, B=4)
    sample = resample(windows, n_samples=30, random_state=0)
    once = windows[np.unique(sample.y.astype(int) - 60)]
    assert len(once) < 30
    assert requests(sample) == requests(once)
    augmented = SynthefyAugmenter().fit_transform(sample)
    assert len(augmented) == 30 + len(once)


# Subjects


def test_conditions_are_of_the_chosen_subjects() -> None:
    windows = windows_of(A=3, B=2, C=4)
    everybody = requests(windows)
    for subjects in (["C", "A"], ("A", "C"), np.array(["A", "C"]), {"A", "C"}, ["A", "C", "Z"]):
        requested = requests(windows, subjects=subjects)
        assert requested == [request for request in everybody if request[0] != "B"]
    augmented = SynthefyAugmenter(subjects=["B"]).fit_transform(windows)
    assert not augmented[:9].is_synthetic.any()
    assert augmented.groups[9:].tolist() == ["B", "B"]


def test_numbered_subjects_are_chosen_by_number() -> None:
    windows = Windows.from_arrays(np.ones((4, SIZE, 1)), groups=[1, 1, 2, 3])
    assert {subject for subject, _, _ in requests(windows, subjects=[1, 3])} == {1, 3}
    with pytest.raises(ValueError, match=r"None of subjects=\['1'\].* choose from 1, 2, 3"):
        requests(windows, subjects=["1"])


@pytest.mark.parametrize("subjects", [["Z"], [], ["a"], [None]])
def test_choosing_only_absent_subjects_is_an_error(subjects: list[Any]) -> None:
    with pytest.raises(ValueError, match=r"None of subjects=.* choose from A, B"):
        requests(windows_of(A=3, B=2), subjects=subjects)


def test_choosing_subjects_of_windows_without_subjects_is_an_error() -> None:
    with pytest.raises(ValueError, match="the windows have no subjects"):
        requests(Windows.from_arrays(np.ones((4, SIZE, 1))), subjects=["A"])


# Labels


def test_passed_labels_replace_those_of_the_windows() -> None:
    windows = windows_of(A=3, B=2)
    y = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    augmented = SynthefyAugmenter(Negative()).fit_transform(windows, y)
    assert_array_equal(augmented.y[:5], y)
    for synthetic, label in zip(augmented[5:], augmented.y[5:], strict=True):
        assert_array_equal(synthetic, -windows[y.tolist().index(label)])
    assert_array_equal(windows.y, windows_of(A=3, B=2).y)


@pytest.mark.parametrize(
    "y", [list("abcde"), np.arange(10.0).reshape(5, 2), np.array([1, "a", None, 2.0, "b"], object)]
)
def test_labels_may_be_of_any_kind(y: Any) -> None:
    windows = windows_of(A=3, B=2)
    augmented = SynthefyAugmenter(Negative()).fit_transform(windows.to_numpy(), y)
    for synthetic, label in zip(augmented, augmented.y, strict=True):
        (condition,) = np.flatnonzero(windows.to_numpy()[:, 0, 0] == abs(synthetic[0, 0]))
        assert_array_equal(label, np.asarray(y)[condition])


def test_labels_of_rows_are_aggregated(windows: Windows, recordings: Any) -> None:
    augmented = SynthefyAugmenter().fit_transform(windows, -recordings["heart_rate"])
    np.testing.assert_allclose(augmented.y[: len(windows)], -windows.y)
    assert (augmented.y < 0).all()


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="y has 3 labels, but there are 5 windows"):
        SynthefyAugmenter().fit(windows_of(A=3, B=2), [1, 2, 3])


def test_arrays_are_accepted_as_windows() -> None:
    X = np.random.default_rng(0).normal(size=(5, SIZE, 2))
    for values in (X, X.tolist(), np.asfortranarray(X)):
        augmented = SynthefyAugmenter(n_synthetic=2).fit_transform(values, np.arange(5))
        assert isinstance(augmented, Windows)
        assert augmented.shape == (7, SIZE, 2)
        assert_array_equal(augmented.y[:5], np.arange(5))
    assert SynthefyAugmenter().fit_transform(X).y is None


# Predicting


def test_transform_returns_the_same_object() -> None:
    windows = windows_of(A=3, B=2)
    augmenter = SynthefyAugmenter().fit(windows)
    for X in (windows, windows[:0], windows.to_numpy(), windows.to_numpy().tolist()):
        assert augmenter.transform(X) is X


def test_predicting_synthesizes_nothing() -> None:
    log: list[Any] = []
    windows = windows_of(A=6, B=6)
    own = make_pipeline(SynthefyAugmenter(Negative(log)), WindowFlattener(), Ridge())
    plain = sklearn.pipeline.make_pipeline(
        SynthefyAugmenter(Negative(log)), WindowFlattener(), WindowRegressor(Ridge())
    )
    for pipe in (own, plain):
        log.clear()
        pipe.fit(windows)
        assert len(log) == 2
        assert pipe.predict(windows).shape == (12,)
        pipe.score(windows)
        assert len(log) == 2


@pytest.mark.parametrize("X", [np.zeros((2, SIZE, 2)), np.zeros((2, 4, 1)), np.zeros((2, SIZE))])
def test_windows_of_another_shape_are_refused(X: np.ndarray) -> None:
    augmenter = SynthefyAugmenter().fit(windows_of(A=3))
    with pytest.raises(ValueError, match=r"but SynthefyAugmenter was fitted on .* \(8, 1\)"):
        augmenter.transform(X)


def test_windows_of_other_channels_are_refused() -> None:
    X = np.zeros((2, SIZE, 2))
    augmenter = SynthefyAugmenter().fit(Windows.from_arrays(X, feature_names=["BVP", "ECG"]))
    assert augmenter.get_feature_names_out().tolist() == ["BVP", "ECG"]
    with pytest.raises(ValueError, match="windows of ECG, BVP, but SynthefyAugmenter"):
        augmenter.transform(Windows.from_arrays(X, feature_names=["ECG", "BVP"]))


# Synthesizers that misbehave


def elsewhere(conditions: Windows, **changed: Any) -> Windows:
    """Synthetic windows made from scratch, not of the conditions."""
    options = {"y": conditions.y, "groups": conditions.groups} | changed
    made = Windows.from_arrays(conditions.to_numpy(), **options)
    return made._drawn(np.zeros(len(made))).synthesized(made.to_numpy())


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (lambda c: c.to_numpy(), TypeError, "must return skaug.Windows, got ndarray"),
        (lambda c: None, TypeError, "got NoneType"),
        (lambda c: c, ValueError, "must return synthetic windows"),
        (lambda c: Windows.concatenate([elsewhere(c), c]), ValueError, "must return synthetic"),
        (lambda c: elsewhere(c, groups=["Z"] * len(c)), ValueError, r"not given \(Z\), which"),
        (
            lambda c: elsewhere(c, groups=["A", "T"] * 2 + ["A"]),
            ValueError,
            r"not given \(T\), which",
        ),
        (lambda c: elsewhere(c, groups=None), ValueError, r"not given \(none named\)"),
        (lambda c: elsewhere(c, y=None), ValueError, "labels if those have some"),
        (lambda c: elsewhere(c, feature_names=["PPG"]), ValueError, "length and channels"),
        (
            lambda c: elsewhere(c).with_samples(np.zeros((len(c), 4, 1))),
            ValueError,
            "length and channels",
        ),
    ],
)
@pytest.mark.parametrize("train_on", ["real+synthetic", "synthetic"])
def test_anything_but_synthetic_windows_of_the_conditions_is_refused(
    answer: Any, error: type[Exception], message: str, train_on: str
) -> None:
    augmenter = SynthefyAugmenter(Returning(answer), train_on=train_on)
    with pytest.raises(error, match=f"Returning.*{message}"):
        augmenter.fit(windows_of(A=3, B=2))


def test_windows_of_a_subject_without_conditions_are_refused() -> None:
    """B has training windows, but no conditions."""
    answer = Returning(lambda c: elsewhere(c, groups=["B"] * len(c)))
    with pytest.raises(ValueError, match=r"not given \(B\), which could be test subjects"):
        SynthefyAugmenter(answer, subjects=["A"]).fit(windows_of(A=3, B=2))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_name_the_synthesizer_and_the_origin(value: float) -> None:
    def answer(conditions: Windows) -> Windows:
        X = conditions.to_numpy()
        origins = conditions.origins
        X[(origins["subject"] == "B") & (origins["first_row"] == 4 * SIZE), 2] = value
        return conditions.synthesized(X)

    message = (
        r"Returning\.synthesize returned NaN or infinity as the samples of the window made from "
        rf"subject 'B', row {4 * SIZE} \(draw 0\)"
    )
    with pytest.raises(ValueError, match=message):
        SynthefyAugmenter(Returning(answer)).fit(windows_of(A=3, B=6))


def test_labels_that_are_not_finite_are_refused_whoever_the_windows_are_of() -> None:
    windows = Windows.from_arrays(np.ones((3, SIZE, 1)), y=[60.0, 61.0, 62.0])
    answer = Returning(lambda c: c.synthesized(c.to_numpy(), np.where(c.y == 61, np.nan, c.y)))
    with pytest.raises(ValueError, match=rf"as the label of the window made from row {SIZE} \("):
        SynthefyAugmenter(answer).fit(windows)


def test_a_condition_with_missing_samples_may_have_an_answer_with_missing_samples() -> None:
    windows = windows_of(A=3, B=2)
    X = windows.to_numpy()
    X[1, 3] = np.nan
    windows = windows.with_samples(X).relabel([60.0, 61.0, np.nan, 63.0, 64.0])
    synthetic = SynthefyAugmenter(Negative()).fit(windows).synthetic_windows_
    assert np.isnan(synthetic.to_numpy()).any(axis=(1, 2)).sum() == 1
    # What is missing in a condition excuses no other window.
    everywhere = Returning(lambda c: c.synthesized(np.full(c.shape, np.nan)))
    with pytest.raises(ValueError, match=r"returned NaN .* from (?!subject 'A', row 8 )"):
        SynthefyAugmenter(everywhere).fit(windows)


def test_nothing_left_to_fit_is_an_error() -> None:
    augmenter = SynthefyAugmenter(Returning(lambda c: c[:0]), train_on="synthetic")
    with pytest.raises(ValueError, match=r"not given \(none named\)"):
        augmenter.fit(windows_of(A=3))
    with pytest.raises(ValueError, match="leaves nothing to fit"):
        augmenter.fit(np.ones((3, SIZE, 1)))


# Parameters


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ratio": -1}, "ratio=-1 must be a number, 0 or more"),
        ({"ratio": -0.5}, "ratio=-0.5"),
        ({"ratio": np.nan}, "ratio=nan"),
        ({"ratio": np.inf}, "ratio=inf"),
        ({"ratio": "all"}, "ratio='all'"),
        ({"ratio": None}, "ratio=None"),
        ({"ratio": True}, "ratio=True"),
        ({"ratio": [1]}, r"ratio=\[1\]"),
        ({"n_synthetic": -1}, "n_synthetic=-1 must be a whole number, 0 or more"),
        ({"n_synthetic": 0.5}, "n_synthetic=0.5 must be a whole number.* use ratio"),
        ({"n_synthetic": 2.0}, "n_synthetic=2.0 must be a whole number.* use ratio"),
        ({"n_synthetic": np.inf}, "n_synthetic=inf"),
        ({"n_synthetic": "all"}, "n_synthetic='all'"),
        ({"n_synthetic": True}, "n_synthetic=True"),
        ({"ratio": 0.5, "n_synthetic": 4}, "ratio=0.5 .*beside n_synthetic=4: pass one of them"),
        ({"ratio": -1, "train_on": "real"}, "ratio=-1"),
        ({"train_on": "synthetic", "ratio": 0}, "use a larger ratio"),
        ({"train_on": "both"}, "train_on='both' is unknown.*'real', 'synthetic'"),
        ({"train_on": None}, "train_on=None"),
        ({"train_on": "synthetic", "n_synthetic": 0}, "use a larger n_synthetic"),
        ({"subjects": "A"}, r"subjects='A' must be a list: \['A'\]"),
        ({"subjects": 1}, r"subjects=1 must be a list: \[1\]"),
        ({"random_state": None}, "random_state=None must be a whole number, 0 or more: every fold"),
        ({"random_state": 0.5}, "random_state=0.5"),
        ({"random_state": -1}, "random_state=-1"),
        ({"random_state": True}, "random_state=True"),
        ({"first_draw": None}, "first_draw=None must be a whole number, 0 or more"),
        ({"first_draw": -1}, "first_draw=-1"),
        ({"first_draw": True}, "first_draw=True"),
        ({"variations": [{"age": 5}]}, "SurrogateSynthesizer does not support variations"),
    ],
)
def test_invalid_parameters_are_refused_by_fit(parameters: dict[str, Any], message: str) -> None:
    augmenter = SynthefyAugmenter(**parameters)
    for fit in (augmenter.fit, augmenter.fit_transform):
        with pytest.raises(ValueError, match=message):
            fit(windows_of(A=3, B=2))


@pytest.mark.parametrize("synthesizer", ["surrogate", SurrogateSynthesizer, 3])
def test_anything_but_a_synthesizer_is_refused(synthesizer: Any) -> None:
    with pytest.raises(TypeError, match="must be a Synthesizer, such as SurrogateSynthesizer"):
        SynthefyAugmenter(synthesizer).fit(windows_of(A=3))


def test_no_windows_to_augment_is_an_error() -> None:
    for empty in (windows_of(A=2)[:0], np.empty((0, SIZE, 1))):
        with pytest.raises(ValueError, match="no windows to augment"):
            SynthefyAugmenter().fit(empty)


def test_synthetic_windows_are_not_augmented_again() -> None:
    augmented = SynthefyAugmenter().fit_transform(windows_of(A=3, B=2))
    with pytest.raises(ValueError, match=r"5 of the windows are synthetic already"):
        SynthefyAugmenter().fit(augmented)


@pytest.mark.parametrize("X", [np.zeros((3, 4)), [1.0, 2.0], np.full((2, SIZE, 1), "a")])
def test_anything_but_windows_is_refused(X: Any) -> None:
    with pytest.raises(ValueError, match="Windows"):
        SynthefyAugmenter().fit(X)


def test_a_window_with_a_missing_sample_is_named() -> None:
    windows = windows_of(A=3, B=2)
    X = windows.to_numpy()
    X[4, 2, 0] = np.nan
    with pytest.raises(ValueError, match=r"subject 'B' that begins at row 8 .* holds nan in 'x0'"):
        SynthefyAugmenter().fit(windows.with_samples(X))


# As an estimator


def test_an_unfitted_augmenter_says_so() -> None:
    with pytest.raises(NotFittedError):
        SynthefyAugmenter().transform(windows_of(A=3))
    with pytest.raises(NotFittedError):
        SynthefyAugmenter().get_feature_names_out()


def test_fitting_changes_no_parameter() -> None:
    synthesizer = SurrogateSynthesizer(random_state=3)
    augmenter = SynthefyAugmenter(synthesizer, n_synthetic=2, subjects=["A"], random_state=5)
    parameters = augmenter.get_params()
    assert augmenter.fit(windows_of(A=3, B=2)) is augmenter
    assert augmenter.get_params() == parameters
    assert augmenter.synthesizer is synthesizer
    assert augmenter.synthesizer_ is not synthesizer
    assert augmenter.subjects == ["A"]


def test_fitting_again_returns_the_same_windows() -> None:
    windows, other = windows_of(A=3, B=2), windows_of(C=4)
    augmenter = SynthefyAugmenter(ratio=1.5)
    first = joblib.hash(augmenter.fit_transform(windows))
    assert joblib.hash(augmenter.fit_transform(windows)) == first
    augmenter.fit(other)
    assert augmenter.n_real_ == 4
    assert joblib.hash(clone(augmenter).fit_transform(windows)) == first
    assert joblib.hash(augmenter.fit_transform(windows)) == first
    augmenter.set_params(train_on="real").fit(windows)
    assert (augmenter.n_synthetic_, augmenter.synthesizer_) == (0, None)


class Remembering(SurrogateSynthesizer):
    """A synthesizer that keeps what it was fitted on."""

    def fit(self, windows: Windows) -> Remembering:
        self.windows_ = windows
        return self


def test_a_pickled_augmenter_holds_no_people() -> None:
    table = pd.DataFrame(
        {"BVP": np.arange(60.0), "subject": list("AAABBB") * 10, "weight": 123456.789}
    ).sort_values("subject", ignore_index=True)
    windows = SubjectWindower(10, features=["BVP"]).fit_transform(table)
    augmenter = SynthefyAugmenter(Remembering()).fit(windows)
    pickled = pickle.dumps(augmenter)
    assert np.float64(123456.789).tobytes() not in pickled
    assert windows.to_numpy()[0].tobytes() not in pickled
    thawed = pickle.loads(pickled)
    assert thawed.transform(windows) is windows
    assert (thawed.n_real_, thawed.n_synthetic_) == (6, 6)
    assert_frame_equal(thawed.synthetic_origins_, augmenter.synthetic_windows_.origins)
    assert not hasattr(thawed.synthesizer_, "windows_")
    with pytest.raises(AttributeError, match=r"not pickled with the augmenter.*Fit it again"):
        _ = thawed.synthetic_windows_
    with pytest.raises(AttributeError, match="has no attribute 'synthetic_windows_'"):
        _ = SynthefyAugmenter().synthetic_windows_


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_in_this_process_keeps_the_synthetic_windows(copied: Any) -> None:
    augmenter = SynthefyAugmenter().fit(windows_of(A=3, B=2))
    same = copied(augmenter)
    assert joblib.hash(same.synthetic_windows_) == joblib.hash(augmenter.synthetic_windows_)


def test_set_output_leaves_windows_as_they_are() -> None:
    windows = windows_of(A=3, B=2)
    augmenter = SynthefyAugmenter().set_output(transform="pandas")
    assert isinstance(augmenter.fit_transform(windows), Windows)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(SynthefyAugmenter().fit_transform(windows), Windows)
        assert augmenter.transform(windows) is windows


def test_a_search_varies_the_number_and_what_to_train_on(windows: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    grid = {
        "synthefyaugmenter__ratio": [0, 0.5, 1],
        "synthefyaugmenter__train_on": ["real", "real+synthetic"],
    }
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(2), scoring="neg_mean_absolute_error")
    scores = search.fit(windows, windows.y).cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1] == scores[2] == scores[4]  # nothing synthetic in any of them
    assert scores[3] != scores[0]
