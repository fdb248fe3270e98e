"""`purity`: training windows without a clear class are left out, and windows to predict are kept."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from skaug import (
    DataWarning,
    OnlineWindower,
    SubjectWindower,
    SynthefyAugmenter,
    WindowStatistics,
    make_pipeline,
    predict_rows,
)
from skaug.cutting import NoWindowsError
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer
from skaug.tables.aggregation import mode_shares

pytestmark = pytest.mark.filterwarnings("ignore:.* are left out")


def windower_of(window_size: int = 4, purity: Any = 0.75, **parameters: Any) -> SubjectWindower:
    parameters = {"target": "activity", "target_agg": "mode", "features": ["BVP"]} | parameters
    return SubjectWindower(window_size, purity=purity, **parameters)


def table_of(activities: Any, subjects: Any = "A") -> pd.DataFrame:
    table = pd.DataFrame({"BVP": np.arange(len(activities), dtype=float), "activity": activities})
    return table.assign(subject=subjects if isinstance(subjects, str) else list(subjects))


@pytest.fixture
def table() -> pd.DataFrame:
    """Windows of four rows with the shares 1, 0.5, 0.75 and 1 of their most frequent class."""
    return table_of(list("rrrr" "rrww" "wwwr" "wwww"))  # fmt: skip


@pytest.fixture
def recordings() -> pd.DataFrame:
    """Six subjects who rest, walk and rest; the signal of walking is stronger."""
    rng = np.random.default_rng(0)
    parts = []
    for i in range(6):
        activity = np.repeat(["rest", "walk", "rest"], [30 + i, 41, 33])
        signal = rng.normal(size=len(activity)) * np.where(activity == "walk", 5, 1)
        parts.append(pd.DataFrame({"BVP": signal, "activity": activity, "subject": f"S{i}"}))
    return pd.concat(parts, ignore_index=True)


# Which windows are left out ---------------------------------------------------------------------


def test_windows_in_which_no_class_reaches_the_share_are_left_out_and_counted(
    table: pd.DataFrame,
) -> None:
    message = (
        r"1 of 4 windows are left out, because no class of 'activity' fills purity=0\.75 of their "
        r"rows\. A lower purity keeps more"
    )
    with pytest.warns(DataWarning, match=message):
        windows = windower_of().fit_transform(table)
    assert windows.y.tolist() == ["r", "w", "w"]
    assert windows.provenance.first_row.tolist() == [0, 8, 12]
    with pytest.warns(DataWarning, match=r"2 of 4 .* purity=1\.0"):
        assert len(windower_of(purity=1).fit_transform(table)) == 2
    assert len(windower_of(purity=0.5).fit_transform(table)) == 4


@pytest.mark.parametrize("kind", ["text", "categories", "numbers", "booleans"])
def test_classes_may_be_of_any_kind(kind: str, table: pd.DataFrame) -> None:
    is_walk = table["activity"] == "w"
    table["activity"] = {
        "text": table["activity"],
        "categories": table["activity"].astype("category"),
        "numbers": is_walk.astype(int),
        "booleans": is_walk,
    }[kind]
    windows = windower_of().fit_transform(table)
    assert windows.provenance.first_row.tolist() == [0, 8, 12]


def test_classes_of_each_row_that_are_passed_win_over_the_column(table: pd.DataFrame) -> None:
    with pytest.warns(DataWarning, match="no class of 'y' fills"):
        windows = windower_of().fit_transform(table, list("abab" "aaab" "aaaa" "aabb"))  # fmt: skip
    assert windows.provenance.first_row.tolist() == [4, 8]


@given(
    values=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=3, max_size=40),
    size=st.integers(1, 3),
)
def test_the_share_is_that_of_the_most_frequent_class_among_all_rows(
    values: list[str | None], size: int
) -> None:
    starts = np.arange(len(values) - size + 1)
    expected = [
        max(values[start : start + size].count(name) for name in "abc") / size for start in starts
    ]
    assert_array_equal(mode_shares(pd.Series(values, dtype=object), starts, size), expected)


def test_hundreds_of_classes_have_shares_too() -> None:
    values = np.r_[np.zeros(300), np.arange(1, 101)]
    assert_array_equal(mode_shares(values, np.array([0, 100]), 300), [1.0, 200 / 300])


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("AB"), st.sampled_from(["r", "w", None]), st.booleans()),
        min_size=1,
        max_size=40,
    ),
    size=st.integers(1, 5),
    purity=st.sampled_from([0.4, 0.6, 0.8, 1.0]),
    last=st.sampled_from(["drop", "align"]),
    missing=st.sampled_from(["keep", "drop", "ffill"]),
)
def test_labels_and_counts_are_those_of_the_windows_that_would_be_cut(
    rows: list[tuple[str, str | None, bool]], size: int, purity: float, last: str, missing: str
) -> None:
    subjects, activities, holes = zip(*rows, strict=True)
    table = table_of(pd.Series(activities, dtype=object), subjects)
    table.loc[list(holes), "BVP"] = np.nan
    windower = windower_of(size, purity, last=last, missing=missing)
    cutting = windower.fit(table.assign(BVP=0.0)).cutting_
    counts = cutting.count(table).set_index("subject")["n_windows"]
    if not counts.any():
        for method in (cutting.cut, cutting.labels):
            with pytest.raises(NoWindowsError):
                method(table)
        return
    windows, known = cutting.cut(table), cutting.labels(table)
    assert_array_equal(known.y, windows.y)
    assert_frame_equal(known.origins(), windows.origins)
    assert counts[counts > 0].to_dict() == pd.Series(windows.groups).value_counts().to_dict()
    every = windower.transform(table)
    filled = every.context["activity"].to_numpy()
    labels = [filled[start : start + size].tolist() for start in range(0, len(filled), size)]
    is_pure = [max(of.count(name) for name in "rw") / size >= purity for of in labels]
    assert_frame_equal(every[np.array(is_pure)].origins, windows.origins)


def test_counting_reads_the_column_of_classes(table: pd.DataFrame) -> None:
    cutting = windower_of().fit(table).cutting_
    assert cutting.count_columns() == {"subject", "activity"}
    assert cutting.count(table)["n_windows"].tolist() == [3]


# Predicting -------------------------------------------------------------------------------------


def test_windows_to_predict_are_kept_whether_or_not_the_table_holds_their_classes(
    table: pd.DataFrame,
) -> None:
    windower = pickle.loads(pickle.dumps(windower_of().fit(table)))
    assert windower.transform(table).y.tolist() == ["r", "r", "w", "w"]
    assert len(windower.transform(table.drop(columns="activity"))) == 4


def test_a_pipeline_is_fitted_on_clear_windows_and_predicts_all(recordings: pd.DataFrame) -> None:
    is_test = recordings["subject"].isin(["S4", "S5"])
    train, test = recordings[~is_test], recordings[is_test]
    pipe = make_pipeline(windower_of(10, 0.9), WindowStatistics(), LogisticRegression()).fit(train)
    clear = windower_of(10, 0.9).fit_transform(train)
    alone = make_pipeline(WindowStatistics(), LogisticRegression()).fit(clear)
    every = windower_of(10, None).fit_transform(test)
    assert len(windower_of(10, 0.9).fit_transform(test)) < len(every)
    assert_array_equal(pipe.predict(test), alone.predict(every))
    assert pipe.score(test) == alone.score(every, every.y)
    rows = predict_rows(pipe, test)
    assert rows.equals(predict_rows(pipe, test.drop(columns="activity")))
    assert rows.notna().sum() == 10 * len(every)


def test_all_windows_are_predicted_while_rows_arrive(recordings: pd.DataFrame) -> None:
    is_test = recordings["subject"] == "S5"
    pipe = make_pipeline(windower_of(10, 0.9), WindowStatistics(), LogisticRegression())
    pipe.fit(recordings[~is_test])
    expected = pipe.predict(recordings[is_test])
    assert_array_equal(OnlineWindower(pipe).push(recordings[is_test]), expected)


@pytest.mark.parametrize("make_scorer", [window_scorer, row_scorer])
def test_scores_are_of_all_windows_however_the_classes_are_passed(
    make_scorer: Any, recordings: pd.DataFrame
) -> None:
    pipe = make_pipeline(windower_of(10, 0.9), WindowStatistics(), LogisticRegression())
    options = {"cv": SubjectKFold(3), "scoring": make_scorer("accuracy"), "error_score": "raise"}
    scores = cross_val_score(pipe, recordings, **options)
    y = recordings["activity"]
    pipe.set_params(subjectwindower__target=None)
    without = recordings.drop(columns="activity")
    assert_array_equal(cross_val_score(pipe, without, y, **options), scores)


def test_purity_can_be_searched_because_every_value_is_scored_on_the_same_windows(
    recordings: pd.DataFrame,
) -> None:
    pipe = make_pipeline(windower_of(10), WindowStatistics(), DummyClassifier(strategy="prior"))
    search = GridSearchCV(
        pipe,
        {"subjectwindower__purity": [None, 0.6, 1.0]},
        scoring=window_scorer("accuracy"),
        cv=SubjectKFold(3),
        error_score="raise",
    ).fit(recordings)
    assert len(set(search.cv_results_["mean_test_score"])) == 1, "resting prevails in all"


def test_protocols_and_their_baselines_are_trained_on_the_same_windows(
    recordings: pd.DataFrame,
) -> None:
    pipe = make_pipeline(
        windower_of(10, 0.9), SynthefyAugmenter(), WindowStatistics(), LogisticRegression()
    )
    comparison = compare_protocols(
        pipe,
        recordings,
        cv=SubjectKFold(3),
        protocols=("TRTR",),
        baselines={"dummy": make_pipeline(WindowStatistics(), DummyClassifier())},
    )
    counts = comparison.scores.groupby("protocol")["n_real"].unique()
    assert counts["TRTR"].tolist() == counts["naive"].tolist() == counts["dummy"].tolist()
    every = windower_of(10, None).fit_transform(recordings)
    tested = comparison.predictions.query("protocol == 'TRTR'")
    assert len(tested) == len(every)


# What is refused --------------------------------------------------------------------------------


def test_an_error_says_that_no_window_is_clear(table: pd.DataFrame) -> None:
    mixed = table.assign(activity=list("rw") * 8)
    with pytest.raises(
        NoWindowsError,
        match=r"Every window of 4 rows lacks a class that fills purity=0\.75 of its rows: use a "
        "smaller window_size, or a lower purity",
    ):
        windower_of().fit_transform(mixed)
    with pytest.raises(NoWindowsError, match="contains a missing value or lacks a class"):
        windower_of(missing="drop").fit_transform(mixed)


def test_labels_of_windows_have_no_purity(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"purity=0\.75 needs the class of each row: name the"):
        windower_of().fit_transform(table, list("rrww"))
    with pytest.raises(ValueError, match=r"purity=0\.75 needs the class of each row: name the"):
        windower_of(target=None).fit_transform(table)
