"""Steps before the windows: each recording by itself, rows that change, and labels that follow."""

from __future__ import annotations

import json
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import skaug
from skaug import (
    DataWarning,
    PerRecording,
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    WindowStatistics,
    predict_rows,
)
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer
from skaug.signal import bandpass, interpolate_gaps, resample, standardize

MAE = "neg_mean_absolute_error"
CONTAINERS = [pd.DataFrame, pl.DataFrame]


def cumulative(X: NDArray) -> NDArray:
    """A function in which each row depends on all rows before it."""
    return np.cumsum(X, axis=0)


def every_other(X: NDArray) -> NDArray:
    return X[::2]


class Halfway(TransformerMixin, BaseEstimator):
    """As many rows as before, each halfway to the next one."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return np.concatenate([(X[1:] + X[:-1]) / 2, X[-1:]])

    def row_positions(self, n_rows: int, times: Any) -> NDArray:
        return np.arange(n_rows) + 0.5


class Slow(TransformerMixin, BaseEstimator):
    """Every other row."""

    def fit(self, X: Any, y: Any = None) -> Any:
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        return X[::2]

    def row_positions(self, n_rows: int, times: Any) -> NDArray:
        return np.arange(0, n_rows, 2)


def table_of(subjects: str, **columns: Any) -> pd.DataFrame:
    table = pd.DataFrame({"x": np.arange(1.0, len(subjects) + 1), "subject": list(subjects)})
    return table.assign(**columns)


# ---------------------------------------------------------------------------- scikit-learn


BY_POSITION = {
    "check_dataframe_column_names_consistency": "the columns of a data frame have names, not positions",
}


@parametrize_with_checks(
    [
        PerRecording(StandardScaler(), [0], subject=None),
        PerRecording(StandardScaler(), [0], subject=None, fit_on="each"),
    ],
    expected_failed_checks=lambda estimator: (
        BY_POSITION
        | (
            {"check_methods_subset_invariance": "each call is fitted on its own rows"}
            if estimator.fit_on == "each"
            else {}
        )
    ),
)
def test_scikit_learn_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


def test_clones_and_pickles_transform_the_same(recordings: pd.DataFrame) -> None:
    step = PerRecording(bandpass(0.5, 4, 32), ["BVP"]).fit(recordings)
    expected = step.transform(recordings)
    assert_frame_equal(pickle.loads(pickle.dumps(step)).transform(recordings), expected)
    assert_frame_equal(clone(step).fit_transform(recordings), expected)


def test_parameters_of_the_transformer_are_searched(recordings: pd.DataFrame) -> None:
    search = GridSearchCV(
        pipeline_of("skaug.Pipeline", PerRecording(bandpass(0.5, 4, 32), ["BVP"])),
        {"perrecording__transformer__low": [0.5, 1.0]},
        cv=SubjectKFold(2),
        scoring=window_scorer(MAE),
        error_score="raise",
    ).fit(recordings)
    assert search.best_params_["perrecording__transformer__low"] in (0.5, 1.0)
    assert len(set(search.cv_results_["mean_test_score"])) == 2


# ---------------------------------------------------------------------------- each by itself


@given(
    st.lists(
        st.tuples(st.sampled_from("ABC"), st.sampled_from("12"), st.integers(1, 4)), min_size=1
    ),
    st.sampled_from(CONTAINERS),
)
def test_no_row_depends_on_another_recording(rows: list[Any], container: type) -> None:
    """Against a loop: rows of a subject in order, a new sum at each boundary and gap."""
    subject, session, step = zip(*rows, strict=True)
    time = np.cumsum(step)
    values = np.arange(1.0, len(rows) + 1)
    table = container({"x": values, "subject": subject, "session": session, "time": time})
    last: dict[str, Any] = {}
    expected = []
    for value, who, which, when in zip(values, subject, session, time, strict=True):
        total, before, at = last.get(who, (0.0, which, when))
        total = value + (total if before == which and when - at <= 12 else 0)
        last[who] = total, which, when
        expected.append(total)
    step = PerRecording(cumulative, "x", boundaries="session", time="time", max_gap=12)
    transformed = step.fit_transform(table)
    assert type(transformed) is container
    assert_array_equal(transformed["x"].to_numpy(), expected)
    for name in ("subject", "session", "time"):
        assert transformed[name].to_list() == table[name].to_list()


def test_index_order_and_other_columns_stay_where_rows_stay(recordings: pd.DataFrame) -> None:
    table = recordings.set_index(recordings.index * 2 + 7)
    result = PerRecording(bandpass(0.5, 4, 32), ["BVP", "ECG"]).fit_transform(table)
    others = [name for name in table if name not in ("BVP", "ECG")]
    assert list(result) == list(table)
    assert_frame_equal(result[others], table[others])
    for subject, rows in table.groupby("subject"):
        alone = bandpass(0.5, 4, 32).fit_transform(rows[["BVP", "ECG"]].to_numpy(dtype=np.float64))
        assert_allclose(result.loc[result["subject"] == subject, ["BVP", "ECG"]], alone, atol=1e-12)


def test_columns_of_an_array_are_given_by_position() -> None:
    X = np.array([[1.0, 0, 5], [2, 0, 5], [3, 1, 5]])
    result = PerRecording(cumulative, [0], subject=1).fit_transform(X)
    assert result.tolist() == [[1, 0, 5], [3, 0, 5], [3, 1, 5]]


def test_the_table_that_was_passed_is_not_changed(recordings: pd.DataFrame) -> None:
    before = recordings.copy(deep=True)
    for transformer in (standardize(), resample(32, 16)):
        PerRecording(transformer, ["BVP"]).fit_transform(recordings)
    assert_frame_equal(recordings, before)
    assert recordings.attrs == {}


# ---------------------------------------------------------------------------- state


def test_state_is_learned_from_all_training_recordings_or_from_each() -> None:
    train, test = table_of("AABB"), table_of("CC", x=[10.0, 30.0])
    step = PerRecording(StandardScaler(), ["x"]).fit(train)
    assert step.transformer_.mean_.tolist() == [2.5]
    assert_allclose(step.transform(test)["x"], (test["x"] - 2.5) / np.sqrt(1.25))
    each = PerRecording(StandardScaler(), ["x"], fit_on="each").fit(train)
    assert not hasattr(each, "transformer_")
    assert each.transform(test)["x"].tolist() == [-1, 1]
    assert each.fit_transform(train)["x"].tolist() == [-1, 1, -1, 1]


# ---------------------------------------------------------------------------- times


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_times_reach_the_transformer_in_seconds(container: type, zone: str | None) -> None:
    """Also where summer time ends."""
    begin = pd.Timestamp("2026-10-25 00:59:59.5", tz="UTC")
    times = begin + pd.to_timedelta([0, 0.25, 0.75, 10], unit="s")
    table = container(
        {"x": np.zeros(4), "subject": list("AAAB"), "t": times.tz_convert(zone).as_unit("us")}
    )

    def seconds(X: NDArray, times: NDArray) -> NDArray:
        return times[:, None]

    result = PerRecording(seconds, "x", time="t").fit_transform(table)
    assert result["x"].to_list() == [0, 0.25, 0.75, 0]


def test_times_that_are_numbers_stay_what_they_are() -> None:
    table = table_of("AAB", t=[5, 7, 1])
    step = PerRecording(lambda X, times: times[:, None], ["x"], time="t")
    assert step.fit_transform(table)["x"].tolist() == [5, 7, 1]


def test_gaps_are_interpolated_through_time() -> None:
    table = table_of("AAAAB", x=[0, np.nan, 3, np.nan, np.nan], t=[0, 1, 3, 4, 0])
    result = PerRecording(interpolate_gaps(3), ["x"], time="t").fit_transform(table)
    assert_array_equal(result["x"], [0, 1, 3, np.nan, np.nan])
    windower = SubjectWindower(1, features=["x"], missing="drop")
    with pytest.warns(DataWarning, match="1 of 2 recordings are left out"):
        assert len(windower.fit_transform(result)) == 3


def test_a_transformer_that_needs_times_says_so(recordings: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"'BVP' of subject 'S1'.*time="):
        PerRecording(resample(None, 16), ["BVP"]).fit(recordings)


# ---------------------------------------------------------------------------- rows that change


def test_other_columns_follow_the_rows_by_the_rules_of_the_docstring() -> None:
    table = table_of(
        "AAAAAB",
        x=np.arange(6.0),
        level=[1.0, 2, 4, np.nan, 7, 9],
        unknown=[np.nan] * 6,
        count=[1, 2, 3, 4, 5, 6],
        name=list("pqrstu"),
        t=[0.0, 1, 2, 3, 5, 0],
    )
    result = PerRecording(Slow(), ["x"], time="t").fit_transform(table)
    # Of A, new rows lie at the old rows 0, 2 and 4; row 1 is halfway and belongs to 0, row 3 to 2.
    assert result["subject"].tolist() == list("AAAB")
    assert result["x"].tolist() == [0, 2, 4, 5]
    assert result["level"].tolist() == [1.5, 4, 7, 9]
    assert result["unknown"].isna().all()
    assert result["count"].tolist() == [1, 3, 5, 6]
    assert result["name"].tolist() == list("prtu")
    assert result["t"].tolist() == [0, 2, 5, 0]
    assert result.index.tolist() == [0, 1, 2, 3]
    assert result["count"].dtype == table["count"].dtype


def test_more_rows_than_before_repeat_the_nearest_value() -> None:
    table = table_of("AAA", level=[1.0, 2.0, 3.0], t=[0.0, 1.0, 2.0])
    result = PerRecording(resample(1, 2), ["x"], time="t").fit_transform(table)
    assert result["t"].tolist() == [0, 0.5, 1, 1.5, 2, 2.5]
    assert result["level"].tolist() == [1, 1, 2, 2, 3, 3]


@pytest.mark.parametrize("container", CONTAINERS)
def test_whole_numbers_are_not_averaged_if_some_are_missing(container: type) -> None:
    codes = pd.array([1, 4, 4, 1, None, 4], dtype="Int64")
    whole = container(table_of("AAAAAA", code=codes))
    result = PerRecording(Slow(), ["x"]).fit_transform(whole)
    assert result["code"].to_list() == [1, 4, pd.NA if container is pd.DataFrame else None]
    assert result["code"].dtype == whole["code"].dtype


@given(
    st.lists(st.sampled_from("ABC"), min_size=1, max_size=40),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(CONTAINERS),
)
def test_columns_that_are_constant_in_a_recording_stay_constant(
    subjects: list[str], rate: int, to: int, container: type
) -> None:
    age = {"A": 0.1, "B": 0.7, "C": 35.0}
    table = container(
        {
            "x": np.arange(float(len(subjects))),
            "subject": subjects,
            "age": [age[name] for name in subjects],
            "kind": [f"kind {name}" for name in subjects],
        }
    )
    result = PerRecording(resample(rate, to), ["x"]).fit_transform(table)
    names = result["subject"].to_list()
    assert result["age"].to_list() == [age[name] for name in names]
    assert result["kind"].to_list() == [f"kind {name}" for name in names]
    for name in set(subjects):
        assert names.count(name) == -(-subjects.count(name) * to // rate)


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_dates_follow_the_new_grid(container: type, zone: str | None) -> None:
    begin = pd.Timestamp("2026-03-29 00:59:59", tz="UTC")
    times = begin + pd.to_timedelta(np.arange(64) / 16, unit="s")
    table = container(
        {"x": np.arange(64.0), "subject": ["A"] * 64, "t": times.tz_convert(zone).as_unit("us")}
    )
    result = PerRecording(resample(16, 5), ["x"], time="t").fit_transform(table)
    expected = (begin + pd.to_timedelta(np.arange(20) / 5, unit="s")).tz_convert(zone)
    assert [pd.Timestamp(time) for time in result["t"].to_list()] == list(expected)


def test_a_function_may_change_the_number_of_rows() -> None:
    table = table_of("AAAABB", level=np.arange(6.0), t=[0.0, 1, 2, 3, 0, 1])
    result = PerRecording(every_other, ["x"], time="t").fit_transform(table)
    assert result["x"].tolist() == [1, 3, 5]
    assert result["level"].tolist() == [0.5, 2.5, 4.5]
    assert result["t"].tolist() == [0, 2, 0]


def test_irregular_recordings_come_to_a_grid_of_their_own_between_gaps() -> None:
    steps = np.random.default_rng(0).uniform(0.03, 0.04, size=900)
    steps[400] = 5.0
    times = np.cumsum(steps)
    table = pd.DataFrame({"x": np.sin(6 * times), "subject": "A", "t": times})
    step = PerRecording(resample(None, 25), ["x"], time="t", max_gap=0.5)
    result = step.fit_transform(table)
    new = np.diff(result["t"])
    assert (np.abs(new - 0.04) < 1e-9).sum() == len(result) - 2
    assert new.max() > 5
    within = slice(20, 300)
    assert_allclose(result["x"][within], np.sin(6 * result["t"][within]), atol=0.02)
    with pytest.warns(DataWarning, match=r"1 gaps in 't'.*subject 'A'.*max_gap"):
        PerRecording(resample(None, 25), ["x"], time="t").fit_transform(table)


# ---------------------------------------------------------------------------- from step to step


WHEN = {"time": "t", "max_gap": 0.5}


def with_a_gap(seconds: float = 0.8) -> pd.DataFrame:
    """Two recordings of 40 s at 25 Hz, the second with a gap before row 1490."""
    times = np.tile(np.arange(1000) / 25, 2)
    times[1490:] += seconds
    return pd.DataFrame(
        {"x": np.sin(6 * times), "subject": np.repeat(list("AB"), 1000), "t": times, "file": 1}
    )


@pytest.fixture(params=["pandas", "polars", "array"])
def gap_table(request: pytest.FixtureRequest) -> Any:
    table = with_a_gap().assign(subject=np.repeat([1.0, 2.0], 1000))
    return {"pandas": table, "polars": pl.from_pandas(table), "array": table.to_numpy()}[
        request.param
    ]


def columns_of(table: Any) -> dict[str, Any]:
    """Names for a data frame, positions for an array."""
    names = ("x", "subject", "t")
    return dict(zip(names, range(3) if isinstance(table, np.ndarray) else names, strict=True))


@pytest.mark.parametrize("first", [standardize(), resample(25, 20)], ids=["same", "other rows"])
def test_a_step_that_works_across_the_gaps_of_the_step_before_says_so(
    first: Any, gap_table: Any
) -> None:
    of = columns_of(gap_table)
    when = {"time": of["t"], "max_gap": 0.5}
    before = PerRecording(first, of["x"], subject=of["subject"], **when)
    table = before.fit_transform(gap_table)
    name = "x2" if isinstance(gap_table, np.ndarray) else "t"
    later = PerRecording(standardize(), of["x"], subject=of["subject"])
    windower = SubjectWindower(60, features=[of["x"]], subject=of["subject"])
    row = 1490 if isinstance(first, standardize) else 1000 * 20 // 25 + 490 * 20 // 25
    for step, what in ((later, r"standardize\(\) works across them"), (windower, "1 windows")):
        with pytest.warns(DataWarning, match=what) as caught:
            step.fit_transform(table)
        assert len(caught) == 1
        message = str(caught[0].message)
        assert (
            f"in '{name}' at which an earlier step, with max_gap=0.5, ended recordings" in message
        )
        assert f"before row {row}" in message
        assert f"Pass time='{name}' and max_gap=0.5 here too" in message
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # both remedies
            step.set_params(**when).fit_transform(table)
            step.set_params(max_gap=np.inf).fit_transform(table)
    with pytest.warns(DataWarning, match="Pass max_gap=0.5 here too"):
        later.set_params(max_gap=None).fit_transform(table)


def test_gaps_travel_through_other_steps_until_a_step_says_that_they_do_not_matter() -> None:
    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(table.to_dict("series"))  # without attributes

    def pipeline_of(*between: Any) -> Any:
        resampled = PerRecording(resample(None, 20), "x", **WHEN)
        windower = SubjectWindower(60, features=["x"])
        return skaug.make_pipeline(resampled, FunctionTransformer(renamed), *between, windower)

    with pytest.warns(DataWarning, match="1 windows contain a gap in 't' at which an earlier step"):
        pipeline_of().fit_transform(with_a_gap())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        unlimited = PerRecording(standardize(), "x", time="t", max_gap=np.inf)
        pipeline_of(unlimited).fit_transform(with_a_gap())


@pytest.mark.parametrize("clock", [False, True])
def test_notes_of_a_step_are_plain_values(clock: bool) -> None:
    """pandas writes them into Parquet files as JSON."""
    table = with_a_gap()
    if clock:
        table["t"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(table["t"], unit="s")
    max_gap = pd.Timedelta("0.5s") if clock else np.float32(0.5)
    step = PerRecording(resample(25, 20), "x", time="t", max_gap=max_gap, boundaries="file")
    result = step.fit_transform(table)
    result.attrs = json.loads(json.dumps(result.attrs))
    with pytest.warns(
        DataWarning, match=r"1 gaps in 't' .*earlier step, with max_gap=(0.5|'0 days)"
    ):
        PerRecording(standardize(), "x").fit_transform(result)


def test_nothing_is_said_without_gaps_or_where_rows_are_further_apart_than_the_gap() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for table, to in ((with_a_gap(0), 20), (with_a_gap(), 1)):
            result = PerRecording(resample(25, to), "x", **WHEN).fit_transform(table)
            PerRecording(standardize(), "x").fit_transform(result)
        result = PerRecording(resample(25, 20), "x", **WHEN).fit_transform(with_a_gap())
        PerRecording(standardize(), "x").fit_transform(result.drop(columns="t"))
        PerRecording(standardize(), "x").fit_transform(result.assign(t=result["t"].astype(str)))
    assert [str(each.message) for each in caught] == []


def test_a_step_that_works_across_the_boundaries_of_the_step_before_says_so() -> None:
    table = with_a_gap(0).assign(file=np.arange(2000) // 400)
    result = PerRecording(standardize(), "x", boundaries="file").fit_transform(table)
    message = r"'file' changes within subject 'A', first in row 400.*boundaries=\['file'\]"
    for step in (PerRecording(cumulative, "x"), SubjectWindower(60, features=["x"])):
        with pytest.warns(DataWarning, match=message):
            step.fit_transform(result)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            step.fit_transform(table)  # which no step has cut into files
            step.set_params(boundaries="file").fit_transform(result)


def test_gaps_that_an_earlier_step_without_time_worked_across_are_announced() -> None:
    table = with_a_gap()
    filtered = PerRecording(bandpass(0.5, 4, 25), "x").fit_transform(table)
    message = (
        r"1 gaps in 't' longer than max_gap=0.5.*'B'\) before row 1490.*earlier step, bandpass\("
    )
    for step in (
        PerRecording(standardize(), "x", **WHEN),
        SubjectWindower(60, features=["x"], **WHEN),
    ):
        with pytest.warns(DataWarning, match=message):
            step.fit_transform(filtered)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            step.fit_transform(PerRecording(standardize(), "x").fit_transform(table))  # no times
            step.fit_transform(PerRecording(bandpass(0.5, 4, 25), "x", **WHEN).fit_transform(table))


def test_a_step_without_time_is_announced_once() -> None:
    pipe = skaug.make_pipeline(
        PerRecording(resample(25, 20), "x"),
        PerRecording(bandpass(0.5, 4, 20), "x", **WHEN),
        SubjectWindower(60, features=["x"], **WHEN),
    )
    with pytest.warns(DataWarning, match=r"earlier step, resample\(") as caught:
        pipe.fit_transform(with_a_gap(10))
    assert len(caught) == 1


def test_a_wrong_rate_of_an_earlier_step_without_time_is_among_the_reasons() -> None:
    """25 Hz taken for 30 become 25 / 30 * 25 = 20.83 where 25 were meant."""
    resampled = PerRecording(resample(30, 25), "x").fit_transform(with_a_gap(0))
    later = PerRecording(bandpass(0.5, 4, 25), "x", time="t")
    with pytest.warns(DataWarning, match=r"There are 20\.8\d rows.*earlier step without time"):
        later.fit_transform(resampled)
    slower = PerRecording(resample(100, 25), "x").fit_transform(with_a_gap(0))
    with pytest.raises(ValueError, match=r"bandpass.*pass 6\.25,.*earlier step that resampled"):
        later.fit_transform(slower)
    with pytest.raises(ValueError, match="not a sampling rate of 30: pass 25"):
        PerRecording(resample(30, 25), "x", time="t").fit_transform(with_a_gap(0))


# ---------------------------------------------------------------------------- labels and scores


def pipeline_of(door: str, *before: Any, **windower: Any) -> Any:
    options = {"features": ["BVP"], "target": "heart_rate"} | windower
    steps = [*before, SubjectWindower(128, **options), WindowStatistics()]
    if door == "skaug.Pipeline":
        return skaug.make_pipeline(*steps, Ridge())
    return sklearn_pipeline.make_pipeline(*steps, WindowRegressor(Ridge()))


@pytest.fixture(params=["skaug.Pipeline", "WindowRegressor"])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


def half(X: Any) -> Any:
    return X / 2


def halved_rate(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(heart_rate=table["heart_rate"] / 2)


@pytest.mark.parametrize(
    "step",
    [
        FunctionTransformer(halved_rate),
        ColumnTransformer(
            [("half", FunctionTransformer(half), ["heart_rate"])],
            remainder="passthrough",
            verbose_feature_names_out=False,
        ).set_output(transform="pandas"),
        PerRecording(half, ["heart_rate"]),
        sklearn_pipeline.make_pipeline(FunctionTransformer(halved_rate), "passthrough"),
    ],
    ids=["function", "columns", "recordings", "pipeline"],
)
def test_scores_use_the_labels_that_reach_the_windower(
    door: str, step: Any, recordings: pd.DataFrame
) -> None:
    by_hand = halved_rate(recordings)
    plain = pipeline_of(door).fit(by_hand)
    pipe = pipeline_of(door, step).fit(recordings)
    assert_allclose(pipe.predict(recordings), plain.predict(by_hand))
    for scorer in (window_scorer(MAE), row_scorer(MAE), window_scorer("r2")):
        assert scorer(pipe, recordings) == pytest.approx(scorer(plain, by_hand))
    assert pipe.score(recordings) == pytest.approx(plain.score(by_hand))
    assert_allclose(predict_rows(pipe, recordings), predict_rows(plain, by_hand))


def test_scores_after_resampling_are_those_of_the_resampled_table(
    door: str, recordings: pd.DataFrame
) -> None:
    step = PerRecording(resample(32, 25), ["BVP"])
    by_hand = step.fit_transform(recordings)
    pipe, plain = pipeline_of(door, step), pipeline_of(door)
    scores = cross_val_score(
        pipe, recordings, cv=SubjectKFold(3), scoring=window_scorer(MAE), error_score="raise"
    )
    expected = cross_val_score(plain, by_hand, cv=SubjectKFold(3), scoring=window_scorer(MAE))
    assert_allclose(scores, expected)
    windows = SubjectWindower(128, features=["BVP"], target="heart_rate").fit_transform(by_hand)
    fitted = pipe.fit(recordings)
    error = mean_absolute_error(windows.y, fitted.predict(recordings))
    assert window_scorer(MAE)(fitted, recordings) == pytest.approx(-error)


@pytest.mark.parametrize(
    "step", [PerRecording(resample(32, 16), ["BVP"]), PerRecording(Halfway(), ["BVP"])]
)
def test_rows_that_change_are_never_paired_with_the_rows_of_the_table(
    door: str, step: Any, recordings: pd.DataFrame
) -> None:
    """Not even if there are as many."""
    pipe = pipeline_of(door, step).fit(recordings)
    y = recordings["heart_rate"].to_numpy()
    with pytest.raises(ValueError, match=r"changes the rows.*pipe\[:k\]"):
        predict_rows(pipe, recordings)
    with pytest.raises(ValueError, match="use window_scorer"):
        row_scorer(MAE)(pipe, recordings)
    for refused in (
        lambda: pipe.fit(recordings, y),
        lambda: window_scorer(MAE)(pipe, recordings, y),
        lambda: pipe.score(recordings, y),
    ):
        with pytest.raises(ValueError, match=r"target="):
            refused()
    pipe.fit(recordings)
    table = pipe[:1].transform(recordings)
    assert predict_rows(pipe[1:], table).notna().sum() > 0  # the remedy of the error


@pytest.mark.parametrize("container", [pd.DataFrame, pl.DataFrame, np.asarray])
def test_as_many_labels_as_rows_before_are_not_labels_of_the_new_rows(container: Any) -> None:
    X = np.column_stack([np.repeat([0.0, 1.0], 32), np.random.default_rng(0).normal(size=64)])
    X = np.column_stack([X, X[:, 1]])
    table = (
        X if container is np.asarray else container(dict(zip(["x0", "x1", "x2"], X.T, strict=True)))
    )
    pipe = skaug.make_pipeline(
        PerRecording(Halfway(), "x1", subject="x0"),
        SubjectWindower(4, features=["x1"], subject="x0", target="x2"),
        WindowStatistics(),
        Ridge(),
    ).fit(table)
    assert pipe.score(table) <= 1
    with pytest.raises(ValueError, match="belong to no window"):
        pipe.score(table, X[:, 2])


def test_weights_of_rows_that_change_are_refused(recordings: pd.DataFrame) -> None:
    weights = np.ones(len(recordings))
    pipe = pipeline_of("skaug.Pipeline", PerRecording(Halfway(), ["BVP"]))
    with pytest.raises(ValueError, match="belong to no window"):
        pipe.fit(recordings, ridge__sample_weight=weights)
    between = FunctionTransformer(lambda table: pd.DataFrame(table.to_dict("series")))
    pipe = pipeline_of("skaug.Pipeline", PerRecording(Halfway(), ["BVP"]), between)
    with pytest.raises(ValueError, match="belong to no window"):
        pipe.fit(recordings, ridge__sample_weight=weights)


def test_a_step_that_drops_or_sorts_rows_has_other_rows(recordings: pd.DataFrame) -> None:
    for change in (
        lambda table: table.iloc[::-1],
        lambda table: table.iloc[: len(table) // 2],
    ):
        pipe = pipeline_of("skaug.Pipeline", FunctionTransformer(change))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            pipe.fit(recordings)
            with pytest.raises(ValueError, match="changes the rows"):
                predict_rows(pipe, recordings)


def test_labels_may_be_passed_where_rows_stay(door: str, recordings: pd.DataFrame) -> None:
    y = recordings["heart_rate"].to_numpy()
    step = PerRecording(bandpass(0.5, 4, 32), ["BVP"])
    named = pipeline_of(door, step).fit(recordings)
    passed = pipeline_of(door, step, target=None).fit(recordings.drop(columns="heart_rate"), y)
    assert_allclose(passed.predict(recordings), named.predict(recordings))


def test_a_resampled_table_is_a_table_like_any_other(recordings: pd.DataFrame) -> None:
    table = PerRecording(resample(32, 25), ["BVP"]).fit_transform(recordings)
    y = table["heart_rate"].to_numpy()
    pipe = pipeline_of("skaug.Pipeline").fit(table, y)
    assert pipe.score(table, y) == pytest.approx(pipe.score(table))
    assert len(predict_rows(pipe, table)) == len(table)


def test_polars_tables_pass_through_both_doors(door: str, recordings: pd.DataFrame) -> None:
    table = pl.from_pandas(recordings)
    for step in (PerRecording(bandpass(0.5, 4, 32), ["BVP"]), PerRecording(Halfway(), ["BVP"])):
        of_pandas = pipeline_of(door, step).fit(recordings)
        pipe = pipeline_of(door, step).fit(table)
        assert_allclose(pipe.predict(table), of_pandas.predict(recordings))
        assert window_scorer(MAE)(pipe, table) == window_scorer(MAE)(of_pandas, recordings)
    with pytest.raises(ValueError, match="target="):
        pipe.score(table, recordings["heart_rate"].to_numpy())


def test_cached_steps_give_the_same_predictions(tmp_path: Any, recordings: pd.DataFrame) -> None:
    pipe = pipeline_of("skaug.Pipeline", PerRecording(resample(32, 25), ["BVP"])).fit(recordings)
    cached = clone(pipe).set_params(memory=str(tmp_path))
    for _ in range(2):
        assert_array_equal(cached.fit(recordings).predict(recordings), pipe.predict(recordings))


def test_protocols_compare_pipelines_that_resample(recordings: pd.DataFrame) -> None:
    pipe = skaug.make_pipeline(
        PerRecording(resample(32, 25), ["BVP"]),
        SubjectWindower(128, features=["BVP"], target="heart_rate"),
        SynthefyAugmenter(),
        WindowStatistics(),
        LinearRegression(),
    )
    comparison = compare_protocols(
        pipe,
        recordings,
        cv=SubjectKFold(3),
        baselines={"statistics": skaug.make_pipeline(WindowStatistics(), Ridge())},
        progress=False,
    )
    tested = comparison.predictions.query("protocol == 'TRTR'")
    assert len(tested) == 6 * (60 * 25 // 128)
    described = comparison.details["described"]["before the windows"]
    assert described.startswith("PerRecording(columns=['BVP']")
    labels = SubjectWindower(128, features=["BVP"], target="heart_rate").fit_transform(
        PerRecording(resample(32, 25), ["BVP"]).fit_transform(recordings)
    )
    assert_allclose(np.sort(tested["y_true"]), np.sort(labels.y))


# ---------------------------------------------------------------------------- warnings and errors


def test_short_recordings_are_counted_in_one_warning(recordings: pd.DataFrame) -> None:
    short = pd.concat([recordings, table_of("ab" * 20).rename(columns={"x": "BVP"})])
    short = short.reset_index(drop=True)
    message = r"In 2 of 8 recordings, first of subject 'a'.*: 20 rows are fewer than the 64"
    with pytest.warns(DataWarning, match=message) as caught:
        PerRecording(bandpass(0.5, 4, 32), ["BVP"]).fit_transform(short)
    assert len(caught) == 1


def test_recordings_of_which_no_row_is_left_are_counted() -> None:
    with pytest.warns(DataWarning, match="left no row of 1 of 2 recordings, first of subject 'B'"):
        result = PerRecording(lambda X: X[2:], ["x"]).fit_transform(table_of("AAAAB"))
    assert result["subject"].tolist() == ["A", "A"]


def test_other_warnings_of_a_transformer_are_counted_and_keep_their_kind() -> None:
    def deprecated(X: NDArray) -> NDArray:
        warnings.warn("old", FutureWarning, stacklevel=1)
        return X

    with pytest.warns(FutureWarning, match="In 2 of 2 recordings, first of subject 'A'.*: old"):
        PerRecording(deprecated, ["x"]).fit_transform(table_of("AABB"))


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (PerRecording(standardize(), []), "columns="),
        (PerRecording(standardize(), ["x", "x"]), "named twice"),
        (PerRecording(standardize(), ["z"]), "no column 'z' for columns"),
        (PerRecording(standardize(), ["subject"]), "named in subject"),
        (PerRecording(standardize(), ["x"], subject="who"), "no column 'who' for subject"),
        (PerRecording(standardize(), ["x"], max_gap=1), "pass time"),
        (PerRecording(standardize(), ["x"], fit_on="all"), "fit_on='all'"),
        (PerRecording("filter", ["x"]), "transformer='filter'"),
        (
            PerRecording(bandpass(0.5, 40, 64), ["x"]),
            r"bandpass.*'x' of all recordings.*low < high",
        ),
        (PerRecording(lambda X: X[:, :0], ["x"]), r"'x' of subject 'A', rows 0 to 1.*\(2, 0\)"),
        (PerRecording(lambda X: 1 / 0, ["x"]), "'x' of subject 'A'.*division"),
        (PerRecording(lambda X: X[:0], ["x"]), "left no row"),
        (PerRecording(PCA(1), ["x", "w"]), r"shape \(2, 1\) for \(2, 2\)"),
        (PerRecording(bandpass(5, 10, 64), ["gap"]), "'gap' of subject 'B'.*interpolate_gaps"),
        (PerRecording(standardize(), ["name"]), "'name' holds"),
    ],
)
def test_errors_say_what_to_change(step: Any, message: str) -> None:
    table = table_of(
        "AABB" + "B" * 20, w=np.arange(24.0), gap=[1.0] * 23 + [np.nan], name=["p"] * 24
    )
    with pytest.raises(ValueError, match=message):
        step.fit(table)


def test_a_missing_column_is_named_when_transforming() -> None:
    step = PerRecording(standardize(), ["x"]).fit(table_of("AAB"))
    with pytest.raises(ValueError, match="subject"):
        step.transform(table_of("AAB").drop(columns="subject"))


def test_a_dask_frame_is_refused_with_the_remedy(recordings: pd.DataFrame) -> None:
    dask = pytest.importorskip("dask.dataframe")
    with pytest.raises(TypeError, match=r"map_partitions.*compute"):
        PerRecording(standardize(), ["BVP"]).fit(dask.from_pandas(recordings, npartitions=2))
