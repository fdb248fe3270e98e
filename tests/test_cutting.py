"""Cutting: what is known of windows without cutting them, and how often tables are cut."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    WindowStatistics,
    make_pipeline,
    predict_rows,
)
from skaug.cutting import Cutting, NoWindowsError
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer
from skaug.tables.table import Table

SIGNALS = ["BVP", "ECG"]

# Tests of these warnings are in test_data_warnings.py.
pytestmark = pytest.mark.filterwarnings("ignore::skaug.DataWarning")


def table_of(subjects: Any) -> pd.DataFrame:
    """Two signals and a heart rate that tell every row from every other."""
    rows = np.arange(len(subjects), dtype=np.float64)
    return pd.DataFrame(
        {"BVP": rows, "ECG": rows + 0.25, "heart_rate": 60.0 + rows, "subject": subjects}
    )


def cutting_for(table: pd.DataFrame, window_size: int = 3, **parameters: Any) -> Cutting:
    windower = SubjectWindower(window_size, features=SIGNALS, target="heart_rate", **parameters)
    return windower.fit(table).cutting_


# What is known without cutting ------------------------------------------------------------------


@given(
    subjects=st.lists(st.sampled_from("ABC"), min_size=1, max_size=30),
    gaps=st.lists(st.tuples(st.integers(0, 29), st.sampled_from([*SIGNALS, "heart_rate"]))),
    size=st.integers(1, 4),
    stride=st.integers(1, 5),
    grid=st.sampled_from([("subject", "drop"), ("subject", "align"), ("table", "drop")]),
    missing=st.sampled_from(["keep", "drop", "ffill"]),
)
def test_labels_and_counts_are_those_of_the_windows_that_would_be_cut(
    subjects: list[str],
    gaps: list[tuple[int, str]],
    size: int,
    stride: int,
    grid: tuple[str, str],
    missing: str,
) -> None:
    table = table_of(subjects)
    for row, column in gaps:
        if row < len(table):
            table.loc[row, column] = np.nan
    alignment, last = grid
    cutting = cutting_for(
        table, size, stride=stride, alignment=alignment, missing=missing, last=last
    )
    if not cutting.count(table)["n_windows"].any():
        with pytest.raises(NoWindowsError) as when_cut:
            cutting.cut(table)
        with pytest.raises(NoWindowsError) as when_labeled:
            cutting.labels(table)
        assert str(when_cut.value) == str(when_labeled.value)
        return
    windows, known = cutting.cut(table), cutting.labels(table)
    assert_array_equal(known.y, windows.y)
    assert_frame_equal(known.origins(), windows.origins)
    assert_array_equal(known.rows.indices(), windows.provenance.rows.indices())
    counts = cutting.count(table).set_index("subject")
    assert counts["n_windows"].to_dict() == {
        name: int((windows.groups == name).sum()) for name in dict.fromkeys(subjects)
    }
    assert counts["n_rows"].to_dict() == table["subject"].value_counts().to_dict()


def test_labels_that_are_passed_win_over_the_target_column() -> None:
    table = table_of(list("AAAAAABBB"))
    cutting = cutting_for(table)
    assert_array_equal(cutting.labels(table, table["BVP"]).y, [1.0, 4.0, 7.0])
    assert_array_equal(cutting.labels(table, [10, 20, 30]).y, [10, 20, 30])


def test_labels_are_read_without_a_copy_of_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Table, *args: Any) -> None:
        raise AssertionError("the channels were copied")

    table = table_of(list("AAAAAABBB"))
    cutting = cutting_for(table)
    monkeypatch.setattr(Table, "matrix", refuse)
    assert_array_equal(cutting.labels(table).y, [61.0, 64.0, 67.0])
    with pytest.raises(AssertionError, match="copied"):
        cutting.cut(table)


def test_a_missing_label_is_refused_without_cutting_too() -> None:
    table = table_of(list("AAAAAABBB"))
    cutting = cutting_for(table)
    table.loc[4, "heart_rate"] = np.nan
    with pytest.raises(
        ValueError, match=r"missing or infinite in 'heart_rate' \(1\), of subject 'A'"
    ):
        cutting.labels(table)


def test_the_columns_that_are_read_are_those_with_a_role() -> None:
    table = table_of(list("AAABBB")).assign(session=1, seconds=range(6), weight=70)
    cutting = cutting_for(table, boundaries="session", time="seconds")
    assert cutting.columns() == {*SIGNALS, "heart_rate", "subject", "session", "seconds"}
    assert cutting.count_columns() == {"subject", "session", "seconds"}
    assert cutting_for(table, missing="drop").count_columns() == {*SIGNALS, "heart_rate", "subject"}
    alone = SubjectWindower(3, features=["BVP"], subject=None).fit(table).cutting_
    assert alone.count_columns() == {"BVP"}, "rows have to be counted by some column"


def test_the_target_of_each_row_is_returned_in_the_order_of_the_table() -> None:
    table = table_of(list("AAAAAABBB"))
    cutting = cutting_for(table)
    shuffled = table.sample(frac=1.0, random_state=0)
    assert_array_equal(cutting.row_labels(shuffled), shuffled["heart_rate"])
    assert cutting.row_labels(table.drop(columns="heart_rate")) is None
    without_target = SubjectWindower(3).fit(table).cutting_
    assert without_target.row_labels(table) is None


def test_a_cutting_cannot_change_and_survives_pickling() -> None:
    table = table_of(list("AAAAAABBB"))
    cutting = cutting_for(table)
    with pytest.raises(FrozenInstanceError):
        cutting.window_size = 5  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(cutting)) == cutting


# How often tables are cut -----------------------------------------------------------------------


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The number of rows of each table that is cut."""
    counted: list[int] = []
    cut = Cutting.cut

    def counting(self: Cutting, X: Any, y: Any = None) -> Any:
        windows = cut(self, X, y)
        counted.append(windows.provenance.rows.n_rows)
        return windows

    monkeypatch.setattr(Cutting, "cut", counting)
    return counted


@pytest.fixture
def four_subjects() -> pd.DataFrame:
    table = table_of(np.repeat(list("ABCD"), [20, 24, 28, 32]))
    noise = np.random.default_rng(0).normal(size=(2, len(table)))
    return table.assign(BVP=noise[0], ECG=noise[1])


def pipeline(**parameters: Any) -> Any:
    windower = SubjectWindower(4, features=SIGNALS, target="heart_rate", **parameters)
    return make_pipeline(windower, SynthefyAugmenter(), WindowStatistics(), Ridge())


@pytest.mark.parametrize("make_scorer", [window_scorer, row_scorer])
def test_cross_validation_cuts_each_table_once_per_fit_and_per_prediction(
    make_scorer: Any, cuts: list[int], four_subjects: pd.DataFrame
) -> None:
    scorer = make_scorer("neg_mean_absolute_error")
    cross_val_score(pipeline(), four_subjects, cv=SubjectKFold(2), scoring=scorer)
    assert len(cuts) == 4, "two fits, two predictions"


@pytest.mark.parametrize("missing", ["raise", "drop"])
@pytest.mark.parametrize(
    "scoring",
    [
        "neg_mean_absolute_error",
        {"one": row_scorer("neg_mean_absolute_error"), "other": row_scorer("r2")},
    ],
)
def test_a_comparison_cuts_each_test_table_once_per_prediction(
    scoring: Any, missing: str, cuts: list[int], four_subjects: pd.DataFrame
) -> None:
    pipe = pipeline(missing=missing)
    compare_protocols(pipe, four_subjects, scoring=scoring, progress=False)
    tested = [n_rows for n_rows in cuts if n_rows <= 32]
    assert sorted(tested) == [20, 20, 24, 24, 28, 28, 32, 32], "4 folds, 2 protocols"
    assert len(cuts) - len(tested) == 9, "and as many fits, and a look at the channels"


# Predictions on rows ----------------------------------------------------------------------------


def door(name: str, last: Any, **parameters: Any) -> Any:
    windower = SubjectWindower(4, features=SIGNALS, target="heart_rate", **parameters)
    if name == "skaug.Pipeline":
        return make_pipeline(windower, WindowStatistics(), last)
    from sklearn.pipeline import make_pipeline as make_plain

    return make_plain(windower, WindowStatistics(), WindowRegressor(last))


@pytest.mark.parametrize("name", ["skaug.Pipeline", "WindowRegressor"])
def test_a_row_is_predicted_by_the_mean_of_the_windows_that_hold_it(
    name: str, four_subjects: pd.DataFrame
) -> None:
    table = four_subjects.set_index(four_subjects.index + 1000)
    pipe = door(name, Ridge(), stride=2).fit(table)
    predicted, rows = pipe.predict(table), pipe[0].transform(table).provenance.rows.indices()
    expected = [predicted[(rows == row).any(axis=1)].mean() for row in range(len(table))]
    actual = predict_rows(pipe, table)
    assert isinstance(actual, pd.Series)
    assert actual.index.equals(table.index)
    np.testing.assert_allclose(actual, expected)


def test_rows_in_no_window_are_missing(four_subjects: pd.DataFrame) -> None:
    table = four_subjects[four_subjects["subject"] == "A"].iloc[:18]
    rows = predict_rows(door("skaug.Pipeline", Ridge()).fit(four_subjects), table)
    assert_array_equal(np.flatnonzero(rows.isna()), [16, 17])


def test_arrays_are_predicted_as_arrays_and_polars_as_polars(four_subjects: pd.DataFrame) -> None:
    pl = pytest.importorskip("polars")
    pipe = door("skaug.Pipeline", Ridge()).fit(four_subjects)
    expected = predict_rows(pipe, four_subjects).to_numpy()
    frame = predict_rows(pipe, pl.from_pandas(four_subjects))
    assert isinstance(frame, pl.Series)
    assert_array_equal(frame.to_numpy(), expected)
    codes = four_subjects.assign(subject=pd.factorize(four_subjects["subject"])[0]).to_numpy(float)
    windower = SubjectWindower(4, features=[0, 1], target=2, subject=3)
    array = predict_rows(make_pipeline(windower, WindowStatistics(), Ridge()).fit(codes), codes)
    assert isinstance(array, np.ndarray)
    np.testing.assert_allclose(array, expected)


def test_classes_and_their_probabilities_are_laid_onto_rows(four_subjects: pd.DataFrame) -> None:
    from sklearn.linear_model import LogisticRegression

    table = four_subjects.assign(state=np.where(four_subjects["BVP"] > 0, "up", "down"))
    windower = SubjectWindower(4, stride=2, features=SIGNALS, target="state", target_agg="mode")
    pipe = make_pipeline(windower, WindowStatistics(), LogisticRegression()).fit(table)
    shares = predict_rows(pipe, table, method="predict_proba")
    assert list(shares.columns) == ["down", "up"]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    classes = predict_rows(pipe, table)
    assert_array_equal(classes, np.where(shares["up"] > shares["down"], "up", "down"))


def test_what_cannot_be_laid_onto_rows_is_refused(four_subjects: pd.DataFrame) -> None:
    pipe = door("skaug.Pipeline", Ridge()).fit(four_subjects)
    windows = pipe[0].transform(four_subjects)
    with pytest.raises(TypeError, match=r"these are windows: pass the table"):
        predict_rows(pipe, windows)
    with pytest.raises(ValueError, match="has no SubjectWindower"):
        predict_rows(Ridge().fit([[0.0]], [0.0]), four_subjects)
    with pytest.raises(AttributeError, match="predict_proba"):
        predict_rows(pipe, four_subjects, method="predict_proba")
    with pytest.raises(ValueError, match="method='score' is unknown: use one of 'predict'"):
        predict_rows(pipe, four_subjects, method="score")
