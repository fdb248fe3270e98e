"""Predictions row by row: those of the whole table, with little kept in between."""

from __future__ import annotations

import pickle
import tracemalloc
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal, assert_series_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import FunctionTransformer

from skaug import (
    OnlineWindower,
    SubjectOverlapWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowClassifier,
    WindowFlattener,
    WindowRegressor,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug.cutting import NoWindowsError
from skaug.model_selection import SubjectKFold

# Whole tables are cut too, some of them into few windows.
pytestmark = pytest.mark.filterwarnings("ignore::skaug.DataWarning")

DOORS = {"skaug": make_pipeline, "sklearn": sklearn_pipeline.make_pipeline}


class Seen(BaseEstimator):
    """Predicts a number for everything that a step may read of a window."""

    window_aware = True

    def fit(self, X: Windows, y: Any = None) -> Seen:
        self.is_fitted_ = True
        return self

    def predict(self, X: Windows) -> NDArray:
        samples = X.to_numpy().reshape(len(X), -1)
        context = X.context.to_numpy(dtype=object).reshape(len(X), -1)
        texts = [float(hash(tuple(map(str, rows))) % 10**6) for rows in context]
        origin = [X.provenance.first_row, X.provenance.recording]
        return np.column_stack([samples, texts, *origin])


def all_at_once(pipeline: Any, table: pd.DataFrame, method: str = "predict") -> Any:
    """Return what the pipeline predicts for a table, indexed by the origins of the windows."""
    origins = pipeline[0].transform(table).origins
    index = pd.MultiIndex.from_frame(origins[["subject", "first_row"]])
    values = getattr(pipeline, method)(table)
    return pd.DataFrame(values.reshape(len(values), -1), index=index)


def in_parts(online: OnlineWindower, table: Any, cuts: list[int], **options: Any) -> list[Any]:
    bounds = [0, *sorted(cuts), len(table)]
    return [online.push(table[begin:end], **options) for begin, end in pairwise(bounds)]


# Any chopping -----------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn, *, has_boundaries: bool, has_gaps: bool) -> pd.DataFrame:
    """Return rows of three subjects in the order of their arrival."""
    row = st.tuples(
        st.sampled_from("ABC"),
        st.sampled_from([0.0, 0.1, 0.1, 0.1, 0.5]),
        st.integers(0, 9),  # 0 begins a session
        st.integers(0, 9 if has_gaps else 8),  # 9 is missing
    )
    rows = draw(st.lists(row, min_size=1, max_size=60))
    table = pd.DataFrame(rows, columns=["subject", "step", "session", "gap"])
    assume((table["step"] == 0.5).sum() <= 5)  # or it is the usual step, and max_gap is refused
    by_subject = table["subject"]
    table["session"] = (table["session"] == 0).groupby(by_subject).cumsum()
    keys = [by_subject, table["session"]] if has_boundaries else [by_subject]
    table["time"] = table["step"].groupby(keys).cumsum()  # goes back where a session begins
    table["a"] = np.arange(len(table)) + 0.5
    table["b"] = np.where(table["gap"] == 9, np.nan, -table["a"])
    table["posture"] = np.where(table["gap"] > 4, "sitting", "standing")
    return table.drop(columns=["step", "gap"])


@settings(max_examples=150)
@given(
    data=st.data(),
    door=st.sampled_from(sorted(DOORS)),
    size=st.integers(1, 4),
    stride=st.integers(1, 6),
    missing=st.sampled_from(["raise", "keep", "drop"]),
    boundaries=st.sampled_from([(), ("session",)]),
    max_gap=st.sampled_from([None, 0.1]),
    is_clock=st.booleans(),
)
@pytest.mark.slow
def test_predictions_do_not_depend_on_how_the_table_is_chopped(
    data: st.DataObject,
    door: str,
    size: int,
    stride: int,
    missing: str,
    boundaries: tuple[str, ...],
    max_gap: Any,
    is_clock: bool,
) -> None:
    table = data.draw(tables(has_boundaries=bool(boundaries), has_gaps=missing != "raise"))
    if is_clock:
        table["time"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(table["time"], "s")
        max_gap = None if max_gap is None else "150ms"
    cuts = data.draw(st.lists(st.integers(0, len(table)), max_size=8))
    windower = SubjectWindower(
        size,
        stride,
        features=["a", "b"],
        boundaries=boundaries,
        time="time",
        max_gap=max_gap,
        missing=missing,
    )
    example = pd.concat([table.assign(b=0.0, subject="X", time=table["time"].iloc[0])] * 4)
    pipe = DOORS[door](windower, Seen()).fit(example.assign(session=0))
    parts = [part for part in in_parts(OnlineWindower(pipe), table, cuts) if len(part)]
    try:
        expected = all_at_once(pipe, table)
    except NoWindowsError:
        assert parts == []
        return
    found = pd.concat(parts).sort_index()
    np.testing.assert_array_equal(found.to_numpy(), expected.sort_index().to_numpy())
    assert found.index.tolist() == expected.sort_index().index.tolist()


@pytest.mark.parametrize("door", sorted(DOORS))
@pytest.mark.slow
def test_a_fitted_model_predicts_one_row_at_a_time(door: str, recordings: pd.DataFrame) -> None:
    train, test = recordings["subject"].isin(["S1", "S2", "S3"]), recordings["subject"] == "S4"
    windower = SubjectWindower(256, 64, features=["BVP", "ECG"], target="heart_rate")
    last = Ridge() if door == "skaug" else WindowRegressor(Ridge())
    pipe = DOORS[door](windower, SynthefyAugmenter(), WindowStatistics(), last)
    pipe.fit(recordings[train])
    table = recordings[test].iloc[:600]
    found = pd.concat(in_parts(OnlineWindower(pipe), table, list(range(1, 600))))
    expected = all_at_once(pipe, table)[0].rename("predict")
    assert_series_equal(found, expected)


def test_a_search_predicts_with_its_best_pipeline(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    pipe = make_pipeline(windower, WindowStatistics(), Ridge())
    search = GridSearchCV(pipe, {"ridge__alpha": [1e6]}, cv=SubjectKFold(2), error_score="raise")
    train = recordings[recordings["subject"] < "S5"]
    test = recordings[recordings["subject"] == "S5"]
    found = OnlineWindower(search.fit(train)).push(test)
    np.testing.assert_allclose(found, search.predict(test), rtol=1e-12)


# What push returns ------------------------------------------------------------------------------


def small(n: int = 12, subjects: str = "AB") -> pd.DataFrame:
    """Rows of some subjects in turns."""
    rows = np.arange(n * len(subjects))
    return pd.DataFrame(
        {
            "x": np.sin(rows) + rows / 9,
            "subject": [subjects[row % len(subjects)] for row in rows],
            "time": rows // len(subjects) * 0.1,
            "rate": 60.0 + rows,
        }
    )


def fitted(**parameters: Any) -> Any:
    windower = SubjectWindower(
        **({"window_size": 4, "features": ["x"], "target": "rate"} | parameters)
    )
    table = small(20, "TU").sort_values("subject", kind="stable")
    return make_pipeline(windower, WindowFlattener(), Ridge()).fit(table)


def test_predictions_are_indexed_by_subject_and_first_row() -> None:
    online = OnlineWindower(fitted(stride=2))
    assert online.push(small(3)).empty
    found = online.push(small(6).iloc[6:])
    assert found.name == "predict"
    assert found.index.names == ["subject", "first_row"]
    assert found.index.tolist() == [("A", 0), ("A", 2), ("B", 0), ("B", 2)]


def test_without_subjects_predictions_are_indexed_by_first_row() -> None:
    pipe = fitted(subject=None)
    online = OnlineWindower(pipe)
    rows = small(10, "A").drop(columns="subject")
    parts = in_parts(online, rows, [3, 5])
    assert [part.index.tolist() for part in parts] == [[], [0], [4]]
    assert parts[0].index.names == ["first_row"]
    np.testing.assert_allclose(pd.concat(parts), pipe.predict(rows))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("states", [["sit", "walk"], ["sit", "walk", "run"]])
def test_classes_are_predicted_in_the_form_of_the_whole_table(
    method: str, states: list[str]
) -> None:
    table = small(30, "ABC").assign(state=np.resize(np.repeat(states, 12), 90))
    windower = SubjectWindower(4, features=["x"], target="state", target_agg="mode")
    last = WindowClassifier(LogisticRegression())
    pipe = sklearn_pipeline.make_pipeline(windower, WindowFlattener(), last).fit(table)
    found = pd.concat(in_parts(OnlineWindower(pipe), table, [1, 2, 30, 31], method=method))
    expected = all_at_once(pipe, table, method)
    if len(expected.columns) == 1:
        expected = expected[0].rename(method)
        assert_series_equal(found.sort_index(), expected.sort_index())
    else:
        expected.columns = sorted(states)
        assert_frame_equal(found.sort_index(), expected.sort_index())


def test_several_outputs_are_columns() -> None:
    table = small(20)
    windower = SubjectWindower(4, features=["x"])
    windows = windower.fit_transform(table)
    y = np.column_stack([np.arange(len(windows)), np.ones(len(windows))])
    pipe = make_pipeline(windower, WindowFlattener(), LinearRegression()).fit(table, y)
    online = OnlineWindower(pipe)
    found = online.push(table)
    assert list(found.columns) == ["predict_0", "predict_1"]
    np.testing.assert_allclose(found["predict_1"], 1.0)
    assert list(online.push(table.iloc[:1]).columns) == ["predict_0", "predict_1"]


def test_polars_rows_are_predicted_like_pandas_rows() -> None:
    pl = pytest.importorskip("polars")
    pipe, table = fitted(stride=1, time="time", max_gap=1.0), small()
    expected = OnlineWindower(pipe).push(table)
    parts = in_parts(OnlineWindower(pipe), pl.from_pandas(table), [5, 6, 20])
    assert_series_equal(pd.concat(parts).sort_index(), expected.sort_index())


def test_an_empty_push_predicts_nothing() -> None:
    online = OnlineWindower(fitted())
    assert online.push(small().iloc[:0]).empty
    assert len(online.push(small(4))) == 2
    assert online.push(small().iloc[:0]).empty


def test_purity_leaves_out_training_windows_only() -> None:
    table = small(20, "A").assign(state=["sit"] * 6 + ["walk"] * 7 + ["sit"] * 7)
    windower = SubjectWindower(4, 2, features=["x"], target="state", target_agg="mode", purity=1.0)
    pipe = make_pipeline(windower, WindowFlattener(), LogisticRegression()).fit(table)
    table = table.assign(subject="B")
    found = pd.concat(in_parts(OnlineWindower(pipe), table, [3, 4, 11]))
    assert found.tolist() == pipe.predict(table).tolist()


def test_labels_are_not_read() -> None:
    pipe, table = fitted(), small()
    expected = OnlineWindower(pipe).push(table.drop(columns="rate"))
    found = OnlineWindower(pipe).push(table.assign(rate=np.nan))
    assert_series_equal(found, expected)


@pytest.mark.filterwarnings("error::skaug.DataWarning")
def test_parts_of_a_recording_raise_no_warning_of_tables() -> None:
    rows = small().set_index(np.arange(24) % 5)
    parts = in_parts(OnlineWindower(fitted(time="time")), rows, [2, 3, 9, 17])
    assert sum(map(len, parts)) == 6


@pytest.mark.parametrize("door", sorted(DOORS))
def test_other_windows_of_a_fitted_subject_are_noticed(door: str) -> None:
    table = small(20, "TU").sort_values("subject", kind="stable")
    last = WindowRegressor(Ridge()) if door == "sklearn" else Ridge()
    windower = SubjectWindower(4, features=["x"], target="rate")
    pipe = DOORS[door](windower, WindowFlattener(), last).fit(table)
    rows = table[table["subject"] == "T"].iloc[1:]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for online in (OnlineWindower(pipe), OnlineWindower(pipe)):
            assert [len(part) for part in in_parts(online, rows, [4, 8, 12])] == [1, 1, 1, 1]
    assert [warning.category for warning in caught] == [SubjectOverlapWarning] * 2  # one per object
    assert all("1 of the subjects" in str(warning.message) for warning in caught)
    assert {warning.filename for warning in caught} == {__file__}


def test_an_overlap_that_is_made_an_error_is_one_at_each_push() -> None:
    pipe, rows = fitted(), small(20, "T").iloc[1:]
    online = OnlineWindower(pipe)
    with warnings.catch_warnings(action="error"):
        for _ in range(2):
            with pytest.raises(SubjectOverlapWarning):
                online.push(rows.iloc[:4])
    assert "0 subjects, 0 rows held" in repr(online)


@pytest.mark.parametrize("train_on", ["real", "real+synthetic", "synthetic"])
def test_pipelines_of_both_kinds_notice_the_same_windows(train_on: str) -> None:
    table = small(20, "TU").sort_values("subject", kind="stable")
    said = []
    for door, last in (("skaug", Ridge()), ("sklearn", WindowRegressor(Ridge()))):
        windower = SubjectWindower(4, features=["x"], target="rate")
        steps = windower, SynthefyAugmenter(train_on=train_on), WindowFlattener(), last
        online = OnlineWindower(DOORS[door](*steps).fit(table))
        seen = table[table["subject"] == "T"]
        parts = [seen.iloc[first : first + 5] for first in range(0, 20, 5)]
        messages = []
        for part in [*parts, seen.iloc[1:]]:  # the windows that it was fitted on, then others
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                online.push(part)
            messages.append([str(each.message) for each in caught])
        said.append(messages)
    assert said[0] == said[1]
    first_other = 0 if train_on == "synthetic" else 4
    assert [len(messages) for messages in said[0]] == [int(i == first_other) for i in range(5)]


# What is kept -----------------------------------------------------------------------------------


@given(size=st.integers(1, 5), stride=st.integers(1, 8), cuts=st.lists(st.integers(0, 48)))
@pytest.mark.slow
def test_fewer_rows_are_kept_than_a_window_and_a_stride_of_each_subject(
    size: int, stride: int, cuts: list[int]
) -> None:
    online = OnlineWindower(fitted(window_size=size, stride=stride))
    table, bounds = small(24), [0, *sorted(cuts), 48]
    for begin, end in pairwise(bounds):
        online.push(table.iloc[begin:end])
        held = {name: len(held.rows) for name, held in online._held.items()}
        assert all(n < size + stride for n in held.values())
        assert repr(online) == (
            f"OnlineWindower({size} rows every {stride}; {len(held)} subjects, "
            f"{sum(held.values())} rows held)"
        )


def test_a_long_push_does_not_stay_in_memory() -> None:
    online = OnlineWindower(fitted(window_size=20))
    rows = small(500_000, "A")[["x", "subject"]]
    online.push(rows.iloc[:10])
    tracemalloc.start()
    online.push(rows.iloc[10:])
    left, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak > 2**22
    assert left < 2**20


def test_rows_that_are_overwritten_later_were_copied() -> None:
    pipe, table = fitted(subject=None), small(8, "A")
    expected = OnlineWindower(pipe).push(table[["x"]])
    buffer, online = np.empty((2, 1)), OnlineWindower(pipe)
    parts = []
    for begin in range(0, 8, 2):
        buffer[:, 0] = table["x"].iloc[begin : begin + 2]
        parts.append(online.push(pd.DataFrame(buffer, columns=["x"], copy=False)))
    assert_series_equal(pd.concat(parts), expected)


def test_a_pickled_windower_continues() -> None:
    pipe, table = fitted(stride=1), small()
    expected = OnlineWindower(pipe).push(table)
    online = OnlineWindower(pipe)
    parts = [online.push(table.iloc[:7])]
    parts.append(pickle.loads(pickle.dumps(online)).push(table.iloc[7:]))
    assert_series_equal(pd.concat(parts).sort_index(), expected.sort_index())


# What is refused --------------------------------------------------------------------------------


def test_rows_that_are_refused_do_not_count() -> None:
    pipe = fitted(time="time", max_gap=5.0)
    online, table = OnlineWindower(pipe), small()
    expected = OnlineWindower(pipe).push(table)
    parts = [online.push(table.iloc[:6])]
    with pytest.raises(
        ValueError, match=r"'time' of subject 'B' goes back in row 1: if it starts again"
    ):
        online.push(table.iloc[[6, 3]])
    with pytest.raises(ValueError, match=r"missing or infinite in 'x' \(1\), of subject 'A'\."):
        online.push(table.iloc[6:7].assign(x=np.nan))
    with pytest.raises(
        ValueError, match=r"subject column 'subject' is missing in 1 rows, first in row 1"
    ):
        online.push(table.iloc[6:8].assign(subject=["A", None]))
    with pytest.raises(ValueError, match=r"'time' is missing in row 1"):
        online.push(table.iloc[6:8].assign(time=[0.3, np.nan]))
    with pytest.raises(ValueError, match=r"no column 'x' for the windows\. The nearest is 'X'"):
        online.push(table.iloc[6:].rename(columns={"x": "X"}))
    with pytest.raises(ValueError, match="no column 'subject' for the windows"):
        online.push(table.iloc[6:].drop(columns="subject"))
    with pytest.raises(ValueError, match="'posture' was not among those of the rows before"):
        online.push(table.iloc[6:].assign(posture="sitting"))
    parts.append(online.push(table.iloc[6:]))
    assert_series_equal(pd.concat(parts).sort_index(), expected.sort_index())


def test_a_column_of_the_context_that_disappears_is_refused() -> None:
    online = OnlineWindower(fitted())
    online.push(small(2))
    with pytest.raises(ValueError, match="'time' was among those of the rows before"):
        online.push(small(2).drop(columns="time"))


def test_methods_are_those_of_the_pipeline() -> None:
    online = OnlineWindower(fitted())
    with pytest.raises(AttributeError, match="predict_proba"):
        online.push(small(), method="predict_proba")
    with pytest.raises(ValueError, match="method='score' is unknown"):
        online.push(small(), method="score")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alignment": "table"}, r"alignment='table', where windows begin .* alignment='subject'"),
        ({"last": "align"}, r"last='align', .* not known before it ends: .* last='drop'"),
        ({"missing": "ffill"}, r"missing='ffill', .* missing='drop', or 'keep'"),
    ],
)
def test_windows_that_depend_on_other_rows_are_refused(
    parameters: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        OnlineWindower(fitted(**parameters))


def test_other_estimators_are_refused() -> None:
    windower = SubjectWindower(4, features=["x"], target="rate")
    before = make_pipeline(FunctionTransformer(), windower, WindowFlattener(), Ridge()).fit(small())
    with pytest.raises(TypeError, match=r"steps before the windower see whole recordings"):
        OnlineWindower(before)
    with pytest.raises(TypeError, match=r"got one that begins with Ridge"):
        OnlineWindower(Ridge())
    with pytest.raises(NotFittedError):
        OnlineWindower(make_pipeline(windower, WindowFlattener(), Ridge()))
