"""Splitters that keep subjects apart, scorers, and division by a column."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import (
    accuracy_score,
    fbeta_score,
    log_loss,
    make_scorer,
    mean_absolute_error,
)
from sklearn.model_selection import GridSearchCV, GroupKFold, LeaveOneGroupOut

from skaug import SubjectWindower, Windows, WindowStatistics, make_pipeline
from skaug.model_selection import (
    LeaveOneSubjectOut,
    SubjectKFold,
    row_scorer,
    split_by_column,
    window_scorer,
)
from skaug.model_selection.scorers import scorer_sign

MAE = "neg_mean_absolute_error"


@st.composite
def subject_labels(draw: st.DrawFn) -> list[str]:
    subjects = draw(st.lists(st.sampled_from("ABCDEFG"), min_size=6, max_size=60))
    return subjects + list("ABC")


@given(subject_labels(), st.booleans())
def test_every_subject_is_tested_once_and_never_trained_on_in_its_fold(
    subjects: list[str], shuffle: bool
) -> None:
    windows = Windows.from_arrays(np.zeros((len(subjects), 4, 1)), groups=subjects)
    splitter = SubjectKFold(3, shuffle=shuffle, random_state=0 if shuffle else None)
    tested = []
    for train, test in splitter.split(windows):
        assert not set(windows.groups[train]) & set(windows.groups[test])
        assert sorted([*train, *test]) == list(range(len(subjects)))
        tested += test.tolist()
    assert sorted(tested) == list(range(len(subjects)))


def test_folds_are_those_of_scikit_learn_with_groups_passed() -> None:
    subjects = np.array(list("AABBBCDDEEEEF"))
    windows = Windows.from_arrays(np.zeros((len(subjects), 4, 1)), groups=subjects)
    codes = pd.factorize(subjects)[0]
    expected = list(GroupKFold(3).split(codes, groups=codes))
    for found, split in zip(SubjectKFold(3).split(windows), expected, strict=True):
        assert_array_equal(found[0], split[0])
        assert_array_equal(found[1], split[1])
    expected = list(LeaveOneGroupOut().split(codes, groups=codes))
    for found, split in zip(LeaveOneSubjectOut().split(windows), expected, strict=True):
        assert_array_equal(found[1], split[1])
    assert LeaveOneSubjectOut().get_n_splits(windows) == 6


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame])
def test_the_subjects_of_a_table_are_read_from_its_column(container: type) -> None:
    table = container({"wearer": [1, 1, 2, 3, 3, 3], "BVP": np.arange(6.0)})
    tested = [test.tolist() for _, test in LeaveOneSubjectOut(subject="wearer").split(table)]
    assert tested == [[0, 1], [2], [3, 4, 5]]


def test_groups_that_are_passed_win() -> None:
    windows = Windows.from_arrays(np.zeros((4, 4, 1)), groups=list("ABCD"))
    tested = [test.tolist() for _, test in LeaveOneSubjectOut().split(windows, groups=[7, 7, 8, 8])]
    assert tested == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (pd.DataFrame({"subjekt": ["a", "b"]}), "nearest is 'subjekt'"),
        (pd.DataFrame({"subject": ["a", None]}), "subject of sample 1 is missing"),
        (np.zeros((4, 2)), "pass groups"),
        (Windows.from_arrays(np.zeros((4, 4, 1))), "have no subjects"),
        (Windows.from_arrays(np.zeros((2, 4, 1)), groups=["a", "a"]), "only one subject"),
    ],
)
@pytest.mark.parametrize("splitter", [SubjectKFold(2), LeaveOneSubjectOut()])
def test_unknown_subjects_are_an_error(splitter: object, X: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        next(iter(splitter.split(X)))


def test_more_folds_than_subjects_are_an_error() -> None:
    windows = Windows.from_arrays(np.zeros((3, 4, 1)), groups=list("ABC"))
    with pytest.raises(ValueError, match=r"3 subjects for 5 folds: pass n_splits=3"):
        next(SubjectKFold(5).split(windows))


def test_splitters_are_cloned_and_shown_like_those_of_scikit_learn() -> None:
    splitter = SubjectKFold(4, shuffle=True, random_state=1, subject="wearer")
    assert "subject='wearer'" in repr(splitter)
    assert clone(splitter, safe=False).subject == "wearer"
    search = GridSearchCV(Ridge(), {"alpha": [1.0]}, cv=splitter)
    assert clone(search).cv.subject == "wearer"


# Scorers


@pytest.fixture(scope="module")
def ramp() -> pd.DataFrame:
    """Two subjects whose target is the mean of BVP in a window, plus something."""
    time = np.arange(20.0)
    table = pd.DataFrame({"BVP": np.tile(time, 2), "subject": np.repeat(["A", "B"], 20)})
    return table.assign(rate=table["BVP"] * 2.0)


def regression(window_size: int = 4, stride: int = 2) -> object:
    return make_pipeline(
        SubjectWindower(window_size, stride, features=["BVP"], target="rate"),
        WindowStatistics(),
        Ridge(),
    )


def test_window_scores_compare_windows_with_aggregated_rows(ramp: pd.DataFrame) -> None:
    pipe = regression().fit(ramp)
    labels = SubjectWindower(4, 2, features=["BVP"], target="rate").fit_transform(ramp).y
    expected = -mean_absolute_error(labels, pipe.predict(ramp))
    assert window_scorer(MAE)(pipe, ramp) == pytest.approx(expected)
    assert window_scorer(MAE)(pipe, ramp, ramp["rate"]) == pytest.approx(expected)
    error = make_scorer(mean_absolute_error, greater_is_better=False)
    assert window_scorer(error)(pipe, ramp) == pytest.approx(expected)


@pytest.mark.parametrize("make", [window_scorer, row_scorer])
def test_a_metric_function_is_refused_with_the_scorer_to_use(make: Callable) -> None:
    def own(y_true: Any, y_pred: Any) -> float:
        return 0.0

    for metric, remedy in [
        (mean_absolute_error, "'neg_mean_absolute_error'"),
        (accuracy_score, "'accuracy'"),
        (partial(fbeta_score, beta=2), r"make_scorer\(fbeta_score\)"),
        (own, r"make_scorer\(own\), or make_scorer\(own, greater_is_better=False\)"),
    ]:
        with pytest.raises(ValueError, match=f"does not say whether greater is better.*{remedy}"):
            make(metric)


def test_a_callable_of_estimator_samples_and_labels_is_a_scorer(ramp: pd.DataFrame) -> None:
    def score(estimator: Any, X: Any, y: Any = None) -> float:
        return -np.abs(estimator.predict(X) - y).mean()

    pipe = regression().fit(ramp)
    for make in (window_scorer, row_scorer):
        assert make(score)(pipe, ramp) == pytest.approx(make(MAE)(pipe, ramp))


def test_the_sign_of_a_scorer_is_that_of_scikit_learn() -> None:
    error = make_scorer(mean_absolute_error, greater_is_better=False)
    assert [scorer_sign(s) for s in (MAE, error, window_scorer(error), row_scorer(MAE))] == [-1] * 4
    assert [scorer_sign(s) for s in ("r2", lambda estimator, X, y: 0.0)] == [1, 1]


def test_row_scores_lay_the_mean_of_overlapping_windows_back_onto_rows(ramp: pd.DataFrame) -> None:
    short = ramp.iloc[:39]  # the last window of B does not reach row 38
    pipe = regression().fit(ramp)
    predictions = pipe.predict(short)
    starts = [*range(0, 17, 2), *range(20, 35, 2)]
    sums, counts = np.zeros(39), np.zeros(39)
    for start, prediction in zip(starts, predictions, strict=True):
        sums[start : start + 4] += prediction
        counts[start : start + 4] += 1
    assert counts[38] == 0
    covered = counts > 0
    truth = short["rate"].to_numpy()[covered]
    expected = -mean_absolute_error(truth, sums[covered] / counts[covered])
    assert row_scorer(MAE)(pipe, short) == pytest.approx(expected)
    assert row_scorer(MAE)(pipe, short, short["rate"]) == pytest.approx(expected)


def test_row_scores_find_rows_of_subjects_that_are_not_neighbours(ramp: pd.DataFrame) -> None:
    shuffled = ramp.sort_values("BVP", kind="stable")
    pipe = regression().fit(ramp)
    assert row_scorer(MAE)(pipe, shuffled) == pytest.approx(row_scorer(MAE)(pipe, ramp))


def test_row_scores_do_not_reward_longer_windows_for_noise() -> None:
    """Of noise, windows of any length predict their mean; the score of rows stays where it is."""
    noise = np.random.default_rng(0).normal(size=4000)
    table = pd.DataFrame({"BVP": noise, "rate": np.roll(noise, 7), "subject": "A"})
    rows, windows = [], []
    for size in (5, 50):
        pipe = make_pipeline(
            SubjectWindower(size, features=["BVP"], target="rate"),
            WindowStatistics(),
            DummyRegressor(),
        ).fit(table)
        rows.append(-row_scorer(MAE)(pipe, table))
        windows.append(-window_scorer(MAE)(pipe, table))
    mean_of_normal = np.sqrt(
        2 / np.pi
    )  # E|x| of a standard normal; of a mean of n, by sqrt(n) less
    assert_allclose(rows, mean_of_normal, rtol=0.05)
    assert_allclose(windows, mean_of_normal / np.sqrt([5, 50]), rtol=0.25)


def test_classes_of_rows_follow_mean_probabilities() -> None:
    rng = np.random.default_rng(1)
    pace = np.repeat(["walk", "run", "walk", "run"], 25)
    table = pd.DataFrame({"ACC": rng.normal(size=100) + 2.0 * (pace == "run"), "pace": pace})
    windower = SubjectWindower(5, 3, subject=None, target="pace", target_agg="mode")
    pipe = make_pipeline(windower, WindowStatistics(), LogisticRegression(max_iter=1000)).fit(table)
    rows = windower.fit_transform(table).provenance.rows.indices()
    sums, counts = np.zeros((100, 2)), np.zeros(100)
    for window, probabilities in zip(rows, pipe.predict_proba(table), strict=True):
        sums[window] += probabilities
        counts[window] += 1
    covered = counts > 0
    mean = sums[covered] / counts[covered, None]
    predicted = pipe.classes_[mean.argmax(axis=1)]
    assert row_scorer("accuracy")(pipe, table) == np.mean(predicted == pace[covered])
    assert row_scorer("neg_log_loss")(pipe, table) == pytest.approx(-log_loss(pace[covered], mean))


def test_a_classifier_without_probabilities_votes() -> None:
    walk = np.array([1, 1, 0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    table = pd.DataFrame({"ACC": walk * 5.0, "pace": np.where(walk, "walk", "run")})
    windower = SubjectWindower(4, 1, subject=None, target="pace", target_agg="mode")
    pipe = make_pipeline(windower, WindowStatistics(), RidgeClassifier()).fit(table)
    votes = np.zeros((10, 2))
    for start, label in enumerate(pipe.predict(table)):
        votes[start : start + 4, int(label == "walk")] += 1
    expected = np.mean((votes[:, 1] > votes[:, 0]) == walk)  # a tie goes to "run", the first class
    assert row_scorer("accuracy")(pipe, table) == expected


def test_rows_without_a_label_are_left_out_of_row_scores(ramp: pd.DataFrame) -> None:
    partly = ramp.assign(rate=ramp["rate"].where(ramp.index % 7 != 3))
    pipe = make_pipeline(
        SubjectWindower(4, features=["BVP"], target="rate", missing="ffill"),
        WindowStatistics(),
        Ridge(),
    ).fit(partly)
    of_rows = np.repeat(pipe.predict(partly), 4)
    known = partly["rate"].notna().to_numpy()
    expected = -mean_absolute_error(partly["rate"][known], of_rows[known])
    assert row_scorer(MAE)(pipe, partly) == pytest.approx(expected)


def test_scorers_choose_in_a_search_over_window_sizes(ramp: pd.DataFrame) -> None:
    grid = {"subjectwindower__window_size": [2, 4]}
    for scorer in (row_scorer(MAE), window_scorer(MAE)):
        search = GridSearchCV(
            regression(stride=2), grid, cv=LeaveOneSubjectOut(), scoring=scorer, error_score="raise"
        ).fit(ramp)
        assert scorer(search, ramp) == pytest.approx(scorer(search.best_estimator_, ramp))


def test_scorers_say_what_they_lack(ramp: pd.DataFrame) -> None:
    pipe = regression().fit(ramp)
    unlabeled = ramp.drop(columns="rate")
    with pytest.raises(ValueError, match="no labels to score against"):
        window_scorer(MAE)(pipe, unlabeled)
    with pytest.raises(ValueError, match="no labels to score against"):
        row_scorer(MAE)(pipe, unlabeled)
    with pytest.raises(ValueError, match="3 labels for 40 rows"):
        row_scorer(MAE)(pipe, ramp, [1, 2, 3])
    with pytest.raises(ValueError, match="For windows use window_scorer"):
        row_scorer(MAE)(pipe, pipe[0].transform(ramp))
    with pytest.raises(ValueError, match="neg_mean_absolute_eror"):
        window_scorer("neg_mean_absolute_eror")
    with pytest.raises(ValueError, match="metric=3"):
        row_scorer(3)


# Division by a column


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame])
def test_a_table_is_divided_by_a_column(container: type) -> None:
    table = container({"BVP": [1, 2, 3, 4], "custom_split": ["train", "val", "train", "test"]})
    parts = split_by_column(table, "custom_split")
    assert list(parts) == ["train", "val", "test"]
    assert type(parts["train"]) is type(table)
    assert parts["train"]["BVP"].to_list() == [1, 3]


def test_windows_are_divided_by_a_column_of_their_context() -> None:
    table = pd.DataFrame(
        {
            "BVP": np.arange(12.0),
            "subject": np.repeat(list("ABC"), 4),
            "fold": np.repeat([1, 2, 1], 4),
        }
    )
    windows = SubjectWindower(2, features=["BVP"]).fit_transform(table)
    parts = split_by_column(windows, "fold")
    assert list(parts) == [1, 2]
    assert parts[1].groups.tolist() == ["A", "A", "C", "C"]
    assert split_by_column(windows[:2], "fold").keys() == {1}


def test_a_window_in_two_parts_is_an_error() -> None:
    table = pd.DataFrame({"BVP": np.arange(4.0), "subject": "A", "part": list("xxxy")})
    windows = SubjectWindower(2, features=["BVP"]).fit_transform(table)
    with pytest.raises(ValueError, match=r"subject 'A' at row 2.*boundaries=\['part'\]"):
        split_by_column(windows, "part")


def test_rows_in_no_part_are_an_error() -> None:
    table = pd.DataFrame({"BVP": [1, 2], "custom_split": ["train", None]})
    with pytest.raises(ValueError, match="'custom_split' is missing in 1"):
        split_by_column(table, "custom_split")
    with pytest.raises(ValueError, match="nearest is 'custom_split'"):
        split_by_column(table, "customsplit")
    with pytest.raises(TypeError, match="DataFrame or Windows"):
        split_by_column([1, 2], "custom_split")
