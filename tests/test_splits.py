"""Stratified, repeated and random folds of subjects, and folds that calibrate to each test subject."""

from __future__ import annotations

import pickle
import re
import warnings
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import stats
from sklearn import config_context
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import clone
from sklearn.linear_model import LassoCV, Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupShuffleSplit,
    KFold,
    StratifiedGroupKFold,
    cross_val_score,
    cross_validate,
)
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import (
    SubjectOverlapWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    make_pipeline,
)
from skaug.evaluation import ProtocolComparison, compare_protocols, learning_curve
from skaug.model_selection import (
    CalibrationSplit,
    LeaveOneSubjectOut,
    RepeatedSubjectKFold,
    StratifiedSubjectKFold,
    SubjectKFold,
    SubjectShuffleSplit,
    window_scorer,
)

MAE = "neg_mean_absolute_error"

APART = [
    StratifiedSubjectKFold(3, target="heart_rate"),
    RepeatedSubjectKFold(3, n_repeats=2, random_state=0),
    SubjectShuffleSplit(4, test_size=2, random_state=0),
]


def folds_of(splitter: Any, X: Any, y: Any = None, groups: Any = None) -> list[tuple[list, list]]:
    return [(train.tolist(), test.tolist()) for train, test in splitter.split(X, y, groups)]


def without_overlap_warnings() -> Any:
    return warnings.catch_warnings(action="ignore", category=SubjectOverlapWarning)


@st.composite
def labeled_subjects(draw: st.DrawFn) -> tuple[list[str], list[float]]:
    """Return at least five subjects, in any order, and a label for each sample."""
    subjects = draw(st.permutations(list("ABCDE") * 3 + draw(st.lists(st.sampled_from("ABCDEFG")))))
    label = st.floats(40, 200)
    return subjects, draw(st.lists(label, min_size=len(subjects), max_size=len(subjects)))


# All of them


SMALL_CLASS = pytest.mark.filterwarnings("ignore:The least populated class in y has only")


@SMALL_CLASS
@given(labeled_subjects(), st.sampled_from(APART), st.integers(0, 9))
def test_subjects_are_apart_in_every_split(
    labeled: tuple[list[str], list[float]], splitter: Any, seed: int
) -> None:
    subjects, y = np.array(labeled[0]), labeled[1]
    windows = Windows.from_arrays(np.zeros((len(y), 4, 1)), y, subjects)
    splitter = clone(splitter, safe=False)
    splitter.random_state = seed if not isinstance(splitter, StratifiedSubjectKFold) else None
    folds = list(splitter.split(windows))
    assert len(folds) == splitter.get_n_splits(windows)
    for train, test in folds:
        assert set(subjects[train]) | set(subjects[test]) == set(subjects)
        assert not set(subjects[train]) & set(subjects[test])
        assert min(len(train), len(test)) > 0
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(len(y)))
    times = np.bincount(np.concatenate([test for _, test in folds]), minlength=len(y))
    if isinstance(splitter, StratifiedSubjectKFold):
        assert set(times) == {1}
    if isinstance(splitter, RepeatedSubjectKFold):
        assert set(times) == {2}


@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_rows=40)], ids=repr)
def test_the_subjects_of_a_table_are_found_in_its_column(
    splitter: Any, recordings: pd.DataFrame
) -> None:
    expected = folds_of(splitter, np.zeros((len(recordings), 1)), recordings["heart_rate"],
                        recordings["subject"])  # fmt: skip
    assert folds_of(splitter, recordings) == expected
    assert folds_of(splitter, pl.from_pandas(recordings)) == expected
    worn = recordings.rename(columns={"subject": "wearer"})
    splitter = clone(splitter, safe=False)
    splitter.subject = "wearer"
    assert folds_of(splitter, worn) == expected
    assert splitter.get_n_splits(worn) == len(expected)


@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_windows=2)], ids=repr)
def test_the_subjects_of_windows_and_of_their_features_are_found(
    splitter: Any, windows: Windows
) -> None:
    expected = folds_of(splitter, windows)
    assert folds_of(splitter, WindowStatistics().fit_transform(windows)) == expected
    frame = WindowStatistics().set_output(transform="pandas").fit_transform(windows)
    assert isinstance(frame, pd.DataFrame)
    assert folds_of(splitter, frame) == expected
    assert folds_of(splitter, windows, windows.y, windows.groups) == expected


def test_folds_balance_the_rows_of_a_table_and_the_windows_of_windows() -> None:
    """Of 90, 80, 70 and 60 rows, 10, 60, 20 and 50 are known; the largest goes with the smallest."""
    known = {"A": (90, 10), "B": (80, 60), "C": (70, 20), "D": (60, 50)}
    parts = [
        pd.DataFrame({"x": np.where(np.arange(n) < n_known, 0, np.nan), "subject": name})
        for name, (n, n_known) in known.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    windows = SubjectWindower(10, features=["x"], missing="drop").fit_transform(table)

    def subjects_of_folds(X: Any, groups: Any) -> list[list[str]]:
        return sorted(sorted(set(groups[test])) for _, test in SubjectKFold(2).split(X))

    assert subjects_of_folds(table, table["subject"].to_numpy()) == [["A", "D"], ["B", "C"]]
    assert subjects_of_folds(windows, windows.groups) == [["A", "B"], ["C", "D"]]


@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_windows=2)], ids=repr)
def test_one_subject_cannot_be_split(splitter: Any, windows: Windows) -> None:
    with pytest.raises(ValueError, match="only one subject"):
        folds_of(splitter, windows[windows.groups == "S1"])


@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_windows=2)], ids=repr)
def test_groups_are_routed_to_them(splitter: Any, windows: Windows) -> None:
    assert splitter.get_metadata_routing().consumes("split", ["groups"]) == {"groups"}
    pipe = make_pipeline(WindowStatistics(), Ridge())
    pairs = np.array([int(name[1:]) // 2 for name in windows.groups])  # S1, S2 and S3, ...
    expected = len(folds_of(splitter, windows, windows.y, pairs))
    with config_context(enable_metadata_routing=True), without_overlap_warnings():
        scores = cross_validate(
            pipe, windows, windows.y, cv=splitter, params={"groups": pairs}, scoring=MAE
        )
    assert len(scores["test_score"]) == expected


@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_windows=2)], ids=repr)
def test_they_are_shown_and_cloned_like_those_of_scikit_learn(splitter: Any) -> None:
    assert repr(eval(repr(splitter))) == repr(splitter)
    assert repr(clone(GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=splitter)).cv) == repr(splitter)
    assert repr(pickle.loads(pickle.dumps(splitter))) == repr(splitter)


@pytest.mark.parametrize("door", ["skaug.Pipeline", "WindowRegressor"])
@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_windows=2)], ids=repr)
def test_a_search_behind_the_windows_chooses_with_them(
    door: str, splitter: Any, windows: Windows
) -> None:
    spectrum = WindowSpectrum(low=0.5, high=4.0, sampling_rate=32)
    last = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=splitter, scoring=MAE)
    steps = [SynthefyAugmenter(), spectrum]
    if door == "skaug.Pipeline":
        search = make_pipeline(*steps, clone(last)).fit(windows)[-1]
    else:
        search = sklearn_pipeline.make_pipeline(*steps, WindowRegressor(clone(last)))
        search = search.fit(windows)[-1].estimator_
    augmented = SynthefyAugmenter().fit_transform(windows)
    folds = [
        (train, test[~augmented.is_synthetic[test]]) for train, test in splitter.split(augmented)
    ]
    values = spectrum.fit_transform(augmented).to_numpy()
    expected = clone(last).set_params(cv=folds).fit(values, augmented.y)
    assert search.best_score_ == pytest.approx(expected.best_score_)
    assert_array_equal(
        search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )


@pytest.mark.parametrize("splitter", [*APART, CalibrationSplit(n_rows=640)], ids=repr)
def test_a_search_over_a_pipeline_that_cuts_a_table_chooses_with_them(
    splitter: Any, recordings: pd.DataFrame
) -> None:
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    pipe = make_pipeline(windower, WindowStatistics(), Ridge())
    search = GridSearchCV(
        pipe,
        {"subjectwindower__window_size": [128, 256]},
        cv=splitter,
        scoring=window_scorer(MAE),
        error_score="raise",
    )
    with without_overlap_warnings():
        search.fit(recordings)
        first = search.cv_results_["split0_test_score"][1]
        train, test = next(iter(splitter.split(recordings)))
        fitted = clone(pipe).fit(recordings.iloc[train])
        assert first == pytest.approx(window_scorer(MAE)(fitted, recordings.iloc[test]))


@pytest.mark.parametrize("splitter", APART, ids=repr)
def test_protocols_are_compared_on_their_folds(splitter: Any, windows: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    comparison = compare_protocols(pipe, windows, cv=splitter, progress=False)
    trtr = comparison.scores.query("protocol == 'TRTR'")
    expected = {
        (fold, subject)
        for fold, (_, test) in enumerate(splitter.split(windows))
        for subject in windows.groups[test]
    }
    assert set(zip(trtr["fold"], trtr["subject"], strict=True)) == expected
    assert comparison.details["n_folds"] == splitter.get_n_splits()
    assert comparison.details["cv"] == repr(splitter)
    assert comparison.details["shared_by_design"] is None


# Stratified


@SMALL_CLASS
def test_stratified_folds_are_those_of_scikit_learn_with_classes_or_bins() -> None:
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(12), 15)
    rates = rng.normal(60 + 5 * subjects, 4)
    windows = Windows.from_arrays(np.zeros((180, 4, 1)), rates, subjects)
    classes = np.where(rates > 90, "fast", "slow")
    for y, strata, options in [
        (classes, classes, {}),
        (classes == "fast", classes, {}),
        (pd.Categorical(classes), classes, {}),
        (rates, pd.qcut(rates, 5, labels=False), {}),
        (None, pd.qcut(rates, 5, labels=False), {}),
        (rates.round().astype(int), pd.qcut(rates.round(), 5, labels=False), {}),
        ((rates // 10).astype(int), (rates // 10).astype(int), {}),
        ((rates // 10).astype(int), pd.qcut(rates // 10, 3, labels=False), {"n_bins": 3}),
    ]:
        for shuffle in ({}, {"shuffle": True, "random_state": 3}):
            expected = StratifiedGroupKFold(3, **shuffle).split(np.zeros(180), strata, subjects)
            found = StratifiedSubjectKFold(3, **shuffle, **options).split(windows, y)
            for ours, theirs in zip(found, expected, strict=True):
                assert_array_equal(ours[1], theirs[1])


def test_stratified_folds_have_similar_labels_where_others_do_not() -> None:
    """Six slow subjects and six fast ones, which have more windows: half of each go to each of two folds."""
    rate = np.repeat([60.5, 120.5], [6 * 10, 6 * 30])
    subjects = np.concatenate([np.repeat(np.arange(6), 10), np.repeat(np.arange(6, 12), 30)])
    windows = Windows.from_arrays(np.zeros((240, 4, 1)), rate, subjects)
    for _, test in StratifiedSubjectKFold(2).split(windows):
        assert np.bincount(rate[test] > 100).tolist() == [30, 90]


def test_missing_labels_are_a_class(recordings: pd.DataFrame) -> None:
    rates = recordings["heart_rate"].round()
    partly = recordings.assign(heart_rate=rates.where(recordings.index % 7 != 3))
    strata = pd.qcut(partly["heart_rate"], 4, labels=False).fillna(-1)
    expected = StratifiedGroupKFold(3).split(recordings, strata, recordings["subject"])
    found = StratifiedSubjectKFold(3, n_bins=4, target="heart_rate").split(partly)
    for ours, theirs in zip(found, expected, strict=True):
        assert_array_equal(ours[1], theirs[1])


def test_more_bins_than_values_are_classes() -> None:
    """The median of mostly ones is one: a division there would put everything into one bin."""
    y = np.repeat([0, 1, 0, 1, 1, 1], 4)
    windows = Windows.from_arrays(np.zeros((24, 4, 1)), y, np.repeat(list("ABCDEF"), 4))
    for _, test in StratifiedSubjectKFold(2, n_bins=2).split(windows):
        assert set(y[test]) == {0, 1}


def test_labels_that_cannot_be_balanced_are_named(windows: Windows) -> None:
    nameless = Windows.from_arrays(np.zeros((4, 4, 1)), groups=list("ABCD"))
    with pytest.raises(ValueError, match=r"no labels to balance.*target=\.\.\."):
        folds_of(StratifiedSubjectKFold(2), nameless)
    table = pd.DataFrame({"subject": list("ABCD"), "rate": 1.5})
    with pytest.raises(ValueError, match="no labels to balance"):
        folds_of(StratifiedSubjectKFold(2), table)
    with pytest.raises(ValueError, match="nearest is 'rate'"):
        folds_of(StratifiedSubjectKFold(2, target="rates"), table)
    with pytest.raises(ValueError, match="y has 3 labels for 4 samples"):
        folds_of(StratifiedSubjectKFold(2), table, [1, 2, 3])
    with pytest.raises(ValueError, match="n_bins=3 is for labels that are numbers"):
        folds_of(StratifiedSubjectKFold(2, n_bins=3), table, list("abab"))
    with pytest.raises(ValueError, match="n_bins=1 must be a whole number, 2 or more"):
        StratifiedSubjectKFold(2, n_bins=1)
    with pytest.raises(ValueError, match="6 subjects for 7 folds: pass n_splits=6"):
        folds_of(StratifiedSubjectKFold(7), windows)


# Repeated and random


def subjects_only(n: int) -> Windows:
    return Windows.from_arrays(np.zeros((n, 4, 1)), groups=np.arange(n))


@given(st.integers(2, 7), st.integers(2, 7), st.integers(0, 99))
def test_no_division_of_subjects_is_repeated(n: int, k: int, seed: int) -> None:
    """As many repeats as there are divisions yield each of them once, and one more is refused."""
    if k > n:
        k, n = n, k
    sizes = [len(part) for part in np.array_split(np.arange(n), k)]
    n_ways = 1
    for fold, size in enumerate(
        sizes
    ):  # those who share a fold with the first subject left, and so on
        left = n - sum(sizes[:fold])
        n_ways *= comb(left, size)
    for size in set(sizes):
        n_ways //= int(np.prod(np.arange(1, sizes.count(size) + 1)))
    repeats = min(n_ways, 40)
    splitter = RepeatedSubjectKFold(k, n_repeats=repeats, random_state=seed)
    tests = [frozenset(test) for _, test in folds_of(splitter, subjects_only(n))]
    assert len(tests) == splitter.get_n_splits() == k * repeats
    divisions = [frozenset(tests[i : i + k]) for i in range(0, len(tests), k)]
    for division in divisions:
        assert sorted(map(len, division)) == sorted(sizes)
    assert len(set(divisions)) == repeats
    more = RepeatedSubjectKFold(k, n_repeats=n_ways + 1)
    with pytest.raises(ValueError, match=rf"n_repeats={n_ways} or fewer"):
        folds_of(more, subjects_only(n))


def test_leaving_one_out_cannot_be_repeated() -> None:
    with pytest.raises(ValueError, match="6 subjects can be divided into 6 folds in one way only"):
        folds_of(RepeatedSubjectKFold(6, n_repeats=2), subjects_only(6))


def test_repeats_are_random_divisions_of_subject_k_fold() -> None:
    windows, rng = subjects_only(23), np.random.RandomState(5)
    expected = [
        fold
        for _ in range(4)
        for fold in folds_of(SubjectKFold(5, shuffle=True, random_state=rng), windows)
    ]
    splitter = RepeatedSubjectKFold(5, n_repeats=4, random_state=5)
    assert folds_of(splitter, windows) == expected
    assert folds_of(splitter, windows) == expected


def test_random_splits_are_those_of_scikit_learn_and_count_subjects() -> None:
    subjects = np.repeat(list("ABCDEFGHIJ"), [50, *[2] * 9])
    windows = Windows.from_arrays(np.zeros((68, 4, 1)), groups=subjects)
    for sizes in ({}, {"test_size": 0.3}, {"test_size": 2, "train_size": 0.5}, {"train_size": 4}):
        ours = SubjectShuffleSplit(5, **sizes, random_state=2).split(windows)
        theirs = GroupShuffleSplit(5, **sizes, random_state=2).split(windows, groups=subjects)
        for found, expected in zip(ours, theirs, strict=True):
            assert_array_equal(found[0], expected[0])
            assert_array_equal(found[1], expected[1])
    with pytest.raises(ValueError, match="10 subjects cannot be divided into test_size=10"):
        folds_of(SubjectShuffleSplit(test_size=10), windows)


def test_counts_below_the_least_are_refused() -> None:
    for wrong in (
        lambda: RepeatedSubjectKFold(1),
        lambda: RepeatedSubjectKFold(n_repeats=0),
        lambda: SubjectShuffleSplit(0),
        lambda: CalibrationSplit(n_windows=0),
        lambda: CalibrationSplit(n_rows=2.5),
    ):
        with pytest.raises(ValueError, match=r"must be a whole number, \d or more"):
            wrong()


def test_the_corrected_t_counts_every_fold_of_every_repeat(windows: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    cv = RepeatedSubjectKFold(3, n_repeats=3, random_state=1)
    comparison = compare_protocols(pipe, windows, cv=cv, progress=False)
    assert comparison.details["test_share"] == pytest.approx(1 / 3)
    scores = comparison.scores.pivot_table("score", ["fold", "subject"], "protocol")
    d = (scores["TRSTR"] - scores["TRTR"]).groupby("fold").mean()
    assert len(d) == 9
    t = d.mean() / np.sqrt(d.var(ddof=1) * (1 / 9 + 0.5))
    expected = 2 * stats.t.sf(abs(t), 8)
    assert comparison.summary().loc[("TRSTR", MAE), "p_corrected"] == pytest.approx(expected)


# Calibration


@st.composite
def recorded(draw: st.DrawFn) -> tuple[Windows, int]:
    """Return windows of recordings of three subjects, in any order, and how many windows calibrate."""
    size = draw(st.integers(1, 6))
    lengths = draw(st.lists(st.integers(4 * size, 9 * size), min_size=3, max_size=6))
    names = [("ABC")[i % 3] for i in range(len(lengths))]
    table = pd.DataFrame(
        {
            "subject": np.repeat(names, lengths),
            "recording": np.repeat(np.arange(len(lengths)), lengths),
            "BVP": np.arange(float(sum(lengths))),
        }
    )
    stride = draw(st.integers(1, size))
    windower = SubjectWindower(size, stride, features=["BVP"], boundaries=["recording"])
    windows = windower.fit_transform(table)
    order = draw(st.permutations(range(len(windows))))
    return windows[np.array(order)], draw(st.integers(1, 2))


@given(recorded())
def test_the_first_windows_of_a_test_subject_are_trained_on_and_no_row_is_in_both_sets(
    drawn: tuple[Windows, int],
) -> None:
    windows, n = drawn
    rows = windows.to_numpy()[:, :, 0].astype(int)  # the sample is the number of the row
    splitter = CalibrationSplit(n_windows=n)
    apart = LeaveOneSubjectOut().split(windows)
    for (train, test), (others, of_subject) in zip(splitter.split(windows), apart, strict=True):
        calibrated = np.setdiff1d(train, others)
        first_rows = np.sort(windows.origins["first_row"][of_subject])
        assert sorted(windows.origins["first_row"][calibrated]) == first_rows[:n].tolist()
        assert set(others) <= set(train)
        assert set(test) <= set(of_subject)
        assert not set(rows[train].ravel()) & set(rows[test].ravel())
        left_out = np.setdiff1d(of_subject, np.concatenate([calibrated, test]))
        seen = set(rows[calibrated].ravel())
        assert all(seen & set(rows[window]) for window in left_out)


@given(st.lists(st.sampled_from("ABC"), min_size=3, max_size=40), st.integers(1, 3))
def test_the_first_rows_of_a_test_subject_are_trained_on(some: list[str], n: int) -> None:
    table = pd.DataFrame({"subject": [*some, *"ABCABCABCABC"]})
    subjects = table["subject"].to_numpy()
    for train, test in CalibrationSplit(n_rows=n).split(table):
        (name,) = set(subjects[test])
        own = np.flatnonzero(subjects == name)
        assert_array_equal(test, own[n:])
        assert_array_equal(np.sort(train), np.setdiff1d(np.arange(len(table)), test))


def test_synthetic_windows_go_where_their_origin_is(windows: Windows) -> None:
    augmented = SynthefyAugmenter(ratio=2.0).fit_transform(windows)
    origins = augmented.origins
    for train, test in CalibrationSplit(n_windows=3).split(augmented):
        tested = augmented.groups[test[0]]
        is_own = (origins["subject"] == tested).to_numpy()
        assert set(origins["first_row"][train][is_own[train]]) == {0, 128, 256}
        assert augmented.is_synthetic[train][is_own[train]].any()
        assert origins["first_row"][test].min() == 512  # the last calibration window ends there
    synthetic = augmented[augmented.is_synthetic]
    for train, test in CalibrationSplit(n_windows=1).split(synthetic):
        own = synthetic.groups[train] == synthetic.groups[test[0]]
        assert len(set(synthetic.origins["first_row"][train][own])) == 1


@pytest.mark.filterwarnings("ignore:The groups parameter is ignored by KFold")
def test_another_splitter_chooses_who_is_tested_together(windows: Windows) -> None:
    inner = StratifiedSubjectKFold(3)
    splitter = CalibrationSplit(n_windows=2, cv=inner)
    assert splitter.get_n_splits(windows) == splitter.get_n_splits() == 3
    for (train, test), (_, of_subjects) in zip(
        splitter.split(windows), inner.split(windows), strict=True
    ):
        together = set(windows.groups[of_subjects])
        assert len(together) == 2
        assert set(windows.groups[test]) == together
        assert np.isin(windows.groups[train], list(together)).sum() == 2 * 2
    assert CalibrationSplit(n_windows=2).get_n_splits(windows) == 6
    with pytest.raises(ValueError, match=r"cv=KFold.* puts a subject on both sides"):
        folds_of(CalibrationSplit(n_windows=2, cv=KFold(4)), windows)
    with pytest.raises(ValueError, match=r"cv=5 must be a splitter, such as SubjectKFold"):
        CalibrationSplit(n_windows=2, cv=5)


def test_each_subject_is_calibrated_when_groups_of_subjects_are_tested(
    windows: Windows, recordings: pd.DataFrame
) -> None:
    clinic = np.where(np.isin(windows.groups, ["S1", "S2", "S3"]), "north", "south")
    (train, test), _ = CalibrationSplit(n_windows=2).split(windows, groups=clinic)
    assert set(clinic[test]) == {"north"}
    assert pd.Series(windows.groups[train]).value_counts()[["S1", "S2", "S3"]].tolist() == [2] * 3
    of_rows = np.where(recordings["subject"].isin(["S1", "S2", "S3"]), "north", "south")
    (train, _), _ = CalibrationSplit(n_rows=7).split(recordings, groups=of_rows)
    counts = recordings["subject"].iloc[train].value_counts()
    assert counts[["S1", "S2", "S3"]].tolist() == [7] * 3


def test_wrong_use_is_refused_by_name(windows: Windows, recordings: pd.DataFrame) -> None:
    for both in ({}, {"n_windows": 2, "n_rows": 2}):
        with pytest.raises(ValueError, match=r"either n_windows, .* or n_rows"):
            CalibrationSplit(**both)
    for table in (recordings, pl.from_pandas(recordings)):
        with pytest.raises(ValueError, match=r"n_windows=2 .* X is a table: pass n_rows"):
            folds_of(CalibrationSplit(n_windows=2), table)
    features = WindowStatistics().fit_transform(windows)
    for X in (windows, features, windows.to_numpy()):
        with pytest.raises(ValueError, match=r"n_rows=2 .* windows: pass n_windows"):
            folds_of(CalibrationSplit(n_rows=2), X, groups=windows.groups)
    with pytest.raises(ValueError, match=r"which windows overlap, and ndarray .*from_arrays"):
        folds_of(CalibrationSplit(n_windows=2), features.to_numpy(), groups=windows.groups)


def test_a_subject_with_too_little_to_test_on_is_named(
    windows: Windows, recordings: pd.DataFrame
) -> None:
    """14 windows overlap by half: after the first 12, the 13th overlaps, and the 14th is left."""
    few = windows[(windows.groups != "S3") | (windows.origins["first_row"] < 128 * 4)]
    assert len(folds_of(CalibrationSplit(n_windows=2), few)) == 6
    with pytest.raises(ValueError, match=r"'S3' has 4 windows.* after the first 3 and those that"):
        folds_of(CalibrationSplit(n_windows=3), few)
    with pytest.raises(ValueError, match=r"'S3' has 4 windows.* after the first 5"):
        folds_of(CalibrationSplit(n_windows=5), few)
    short = recordings[(recordings["subject"] != "S3") | (recordings.index % 100 == 0)]
    n = int((short["subject"] == "S3").sum())
    assert len(folds_of(CalibrationSplit(n_rows=n - 1), short)) == 6
    with pytest.raises(ValueError, match=rf"'S3' has {n} rows.* first {n}"):
        folds_of(CalibrationSplit(n_rows=n), short)
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    nameless = few.to_numpy()
    with pytest.raises(ValueError, match=r"Subject 'S3' has 4 windows"):
        compare_protocols(
            pipe, nameless, few.y, groups=few.groups, cv=CalibrationSplit(n_windows=4)
        )


def test_sessions_that_were_cut_one_by_one_are_one_sequence(windows: Windows) -> None:
    doubled = windows.with_samples(windows.to_numpy() * 2)
    joined = Windows.concatenate([windows, doubled])
    for train, test in CalibrationSplit(n_windows=3).split(joined):
        is_own = joined.groups[train] == joined.groups[test[0]]
        assert (train[is_own] < len(windows)).all()
        assert (test >= len(windows)).sum() == 14


@pytest.fixture(scope="module")
def calibrated(windows: Windows) -> ProtocolComparison:
    pipe = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    options = {"protocols": ["TRTR", "TRSTR", "TSTR", "TRTS"], "progress": False}
    return compare_protocols(pipe, windows, cv=CalibrationSplit(n_windows=4), **options)


def test_protocols_are_compared_after_calibration_without_permission_or_warning(
    windows: Windows, calibrated: ProtocolComparison
) -> None:
    details = calibrated.details
    assert details["shared_subjects"]
    assert details["shared_by_design"] == "the first 4 windows of each test subject"
    for fold, (train, test) in enumerate(CalibrationSplit(n_windows=4).split(windows)):
        part = calibrated.scores.query(f"fold == {fold} and protocol == 'TRTR'")
        assert set(part["n_real"]) == {len(train)} == {5 * 14 + 4}
        spectrum = WindowSpectrum(0.5, 4.0, 32).fit_transform
        model = Ridge().fit(spectrum(windows[train]).to_numpy(), windows.y[train])
        predicted = model.predict(spectrum(windows[test]).to_numpy())
        assert part["score"].item() == pytest.approx(-np.abs(predicted - windows.y[test]).mean())
    tested = calibrated.predictions.query("protocol != 'TRTS'")
    assert tested["first_row"].min() == 3 * 128 + 256


def test_a_comparison_says_in_words_that_subjects_are_shared_by_design(
    calibrated: ProtocolComparison, tmp_path: Path
) -> None:
    words = "the training sets also contain the first 4 windows of each test subject"
    for text in (calibrated.verdict(), repr(calibrated), calibrated._repr_html_()):
        assert f"By design, {words}" in text
        assert "on both sides" not in text
    calibrated.save(tmp_path / "saved")
    assert words in ProtocolComparison.load(tmp_path / "saved").verdict()
    calibrated.to_html(tmp_path / "page.html")
    page = " ".join((tmp_path / "page.html").read_text().split())
    assert f"Subjects are shared by design: {words}." in page
    assert 'class="alarm"' not in page


@pytest.mark.parametrize(
    ("splitter", "words"),
    [
        (CalibrationSplit(n_windows=1), "the first window of each test subject"),
        (CalibrationSplit(n_rows=1), "the first row of each test subject"),
        (CalibrationSplit(n_rows=7680), "the first 7,680 rows of each test subject"),
    ],
)
def test_what_is_shared_is_said_in_the_unit_of_the_split(
    splitter: CalibrationSplit, words: str
) -> None:
    assert splitter.shared_by_design == words


def test_a_table_is_compared_after_calibration_too(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    pipe = make_pipeline(windower, SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    comparison = compare_protocols(
        pipe, recordings, cv=CalibrationSplit(n_rows=512), progress=False
    )
    assert "the first 512 rows of each test subject" in comparison.verdict()
    n_real = comparison.scores.query("protocol == 'TRTR'")["n_real"]
    assert set(n_real) == {5 * 7 + 2}  # 1,920 rows per subject, 256 per window


def test_a_curve_over_ratios_after_calibration_has_the_scores_of_comparisons(
    windows: Windows, calibrated: ProtocolComparison
) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    cv = CalibrationSplit(n_windows=4)
    curve = learning_curve(pipe, windows, ratios=(0, 1), cv=cv, progress=False)
    for ratio, protocol in ((0, "TRTR"), (1, "TRSTR")):
        expected = calibrated.scores.query(f"protocol == {protocol!r}")
        found = curve.scores.query(f"ratio == {ratio}")
        assert found["score"].tolist() == expected["score"].tolist()
    words = "the training sets also contain the first 4 windows of each test subject"
    assert f"By design, {words}: these scores are about people the model is" in curve.verdict()
    assert words in repr(curve)


def test_a_curve_over_subjects_after_calibration_counts_the_others(windows: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    cv = CalibrationSplit(n_windows=4)
    curve = learning_curve(pipe, windows, n_subjects=(1, None), cv=cv, progress=False)
    real = curve.scores.query("protocol == 'TRTR'").groupby("n_training_subjects")["n_real"]
    assert real.unique().map(list).to_dict() == {1: [14 + 4], 5: [5 * 14 + 4]}
    assert "By design, the training sets also contain the first 4 windows" in curve.verdict()
    with pytest.raises(ValueError, match="must be whole numbers from 1 to 5"):
        learning_curve(pipe, windows, n_subjects=(6,), cv=cv, progress=False)


def test_under_scikit_learn_the_warning_says_how_to_silence_it(windows: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())
    message = (
        r"shared on purpose, as by CalibrationSplit, silence it: (warnings\.simplefilter\(.*\))\.$"
    )
    cv = CalibrationSplit(n_windows=4)
    with pytest.warns(SubjectOverlapWarning, match=message) as caught:
        cross_val_score(pipe, windows, windows.y, cv=cv)
    remedy = re.search(message, str(caught[0].message))[1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(remedy, {"warnings": warnings, "skaug": skaug})
        cross_val_score(pipe, windows, windows.y, cv=cv)


def test_nested_in_itself_the_inner_split_needs_fewer_windows(windows: Windows) -> None:
    spectrum = WindowSpectrum(0.5, 4.0, 32)
    grid = {"ridge__alpha": [0.1, 10.0]}
    outer = CalibrationSplit(n_windows=4)
    pipe = make_pipeline(SynthefyAugmenter(), spectrum, Ridge())
    search = GridSearchCV(
        pipe, grid, cv=CalibrationSplit(n_windows=2), scoring=MAE, error_score="raise"
    )
    comparison = compare_protocols(search, windows, cv=outer, progress=False)  # without a warning
    assert comparison.details["warnings"] == []
    search.set_params(cv=outer)
    with pytest.raises(ValueError, match="'S1' has 4 windows"):
        compare_protocols(search, windows, cv=outer, progress=False)


def test_scikit_learn_cross_validates_with_calibration(windows: Windows) -> None:
    pipe = make_pipeline(WindowStatistics(), StandardScaler(), Ridge())
    cv = CalibrationSplit(n_windows=2)
    with pytest.warns(SubjectOverlapWarning):
        scores = cross_val_score(pipe, windows, windows.y, cv=cv)
    assert len(scores) == 6


def test_a_learning_curve_keeps_subjects_apart(windows: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    with pytest.raises(ValueError, match=r"KFold.* on both sides"):
        learning_curve(pipe, windows, cv=KFold(4), progress=False)


def test_a_lasso_is_calibrated_behind_the_windows(windows: Windows) -> None:
    lasso = LassoCV(cv=CalibrationSplit(n_windows=2))
    steps = [WindowSpectrum(0.5, 4.0, 32), StandardScaler()]
    pipe = skaug.make_pipeline(*steps, lasso).fit(windows)
    values = StandardScaler().fit_transform(steps[0].fit_transform(windows).to_numpy())
    folds = list(CalibrationSplit(n_windows=2).split(windows))
    assert pipe[-1].alpha_ == pytest.approx(LassoCV(cv=folds).fit(values, windows.y).alpha_)
    with pytest.raises(ValueError, match=r"n_rows=5 .* windows: pass n_windows"):
        skaug.make_pipeline(*steps, LassoCV(cv=CalibrationSplit(n_rows=5))).fit(windows)
