"""Weights, and other parameters of ``fit``, through steps that add and select windows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowFlattener,
    WindowRegressor,
    Windows,
    WindowStatistics,
)
from skaug.base import WindowStep
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer
from skaug.synthesis import SurrogateSynthesizer, Synthesizer

TRAIN_ON = ["real", "synthetic", "real+synthetic"]


class Recorder(RegressorMixin, BaseEstimator):
    """Keep what was passed to ``fit``."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **others: Any) -> Any:
        self.X_, self.y_, self.weight_, self.others_ = np.asarray(X), y, sample_weight, others
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X))


class Counting(Synthesizer):
    """Surrogates that append a line to a file for each call."""

    def __init__(self, log: str) -> None:
        self.log = log

    def synthesize(self, conditions: Windows) -> Windows:
        with Path(self.log).open("a") as log:
            log.write("call\n")
        return SurrogateSynthesizer().synthesize(conditions)


class Redraw(WindowStep):
    """Fit the next steps on a bootstrap sample."""

    def fit(self, X: Windows, y: Any = None) -> Any:
        return self

    def fit_transform(self, X: Windows, y: Any = None) -> Windows:
        return X[np.random.default_rng(0).integers(len(X), size=len(X))]

    def transform(self, X: Windows) -> Windows:
        return X

    def __sklearn_is_fitted__(self) -> bool:
        return True


@pytest.fixture
def twelve() -> Windows:
    """Windows with the labels 1 to 12, of four subjects."""
    X = np.random.default_rng(0).normal(size=(12, 64, 1))
    return Windows.from_arrays(X, np.arange(1.0, 13.0), np.repeat(list("ABCD"), 3))


@pytest.fixture
def table() -> pd.DataFrame:
    """Two subjects, whose rows alternate: 8 windows of 16 rows each, the label one per window."""
    rng = np.random.default_rng(0)
    label = np.arange(16.0).reshape(2, 8).repeat(16, axis=1).T.ravel()
    return pd.DataFrame(
        {"subject": np.tile(["A", "B"], 128), "BVP": rng.normal(size=256), "rate": label}
    )


def windower(**settings: Any) -> SubjectWindower:
    return SubjectWindower(16, features=["BVP"], target="rate", **settings)


def plain(*steps: Any) -> sklearn_pipeline.Pipeline:
    return sklearn_pipeline.make_pipeline(*steps, WindowRegressor(Recorder()))


# skaug.Pipeline: each window has a weight that is a function of its label


@pytest.mark.parametrize("train_on", TRAIN_ON)
def test_weights_per_window_follow_their_windows(twelve: Windows, train_on: str) -> None:
    augmenter = SynthefyAugmenter(train_on=train_on, n_synthetic=17)
    pipe = skaug.make_pipeline(augmenter, Redraw(), WindowStatistics(), Recorder())
    pipe.fit(twelve, recorder__sample_weight=twelve.y * 100)
    assert_allclose(pipe[-1].weight_, pipe[-1].y_ * 100)


@pytest.mark.parametrize("train_on", TRAIN_ON)
@pytest.mark.parametrize("make", [skaug.make_pipeline, sklearn_pipeline.make_pipeline])
def test_weights_follow_through_a_pipeline_within(
    twelve: Windows, train_on: str, make: Any
) -> None:
    inner = make(SynthefyAugmenter(train_on=train_on), Redraw(), WindowStatistics())
    pipe = skaug.make_pipeline(Redraw(), inner, Recorder())
    pipe.fit(twelve, recorder__sample_weight=twelve.y * 100)
    assert len(set(pipe[-1].y_)) > 3
    assert_allclose(pipe[-1].weight_, pipe[-1].y_ * 100)


@pytest.mark.parametrize("train_on", TRAIN_ON)
def test_weights_per_row_are_averaged_over_each_window(table: pd.DataFrame, train_on: str) -> None:
    """Their mean over a window is 100 times its label."""
    weights = table["rate"] * 100 + np.tile(np.repeat([-1, 1], 2), 64)
    augmenter = SynthefyAugmenter(train_on=train_on, n_synthetic=17)
    pipe = skaug.make_pipeline(windower(), augmenter, Redraw(), WindowStatistics(), Recorder())
    pipe.fit(table, recorder__sample_weight=weights)
    assert len(set(pipe[-1].y_)) > 5
    assert_allclose(pipe[-1].weight_, pipe[-1].y_ * 100)


def test_weights_per_window_may_be_passed_with_a_table(table: pd.DataFrame) -> None:
    pipe = skaug.make_pipeline(windower(), SynthefyAugmenter(), WindowStatistics(), Recorder())
    pipe.fit(table, recorder__sample_weight=np.arange(16.0) * 100)
    assert_allclose(pipe[-1].weight_, pipe[-1].y_ * 100)
    with pytest.raises(
        ValueError, match=r"has 15 values: pass 16, one per window, or 256, one per"
    ):
        pipe.fit(table, recorder__sample_weight=np.ones(15))


def test_weights_per_row_of_windows_of_one_row_are_those_of_the_rows(table: pd.DataFrame) -> None:
    """The rows of the table alternate between subjects, the windows do not."""
    one = windower().set_params(window_size=1)
    pipe = skaug.make_pipeline(
        one, SynthefyAugmenter(train_on="real"), WindowFlattener(), Recorder()
    )
    pipe.fit(table, recorder__sample_weight=table["rate"] * 100)
    assert_allclose(pipe[-1].weight_, pipe[-1].y_ * 100)
    cut = one.fit_transform(table)
    pipe[1:].fit(cut, recorder__sample_weight=cut.y * 100)
    assert_allclose(pipe[-1].weight_, pipe[-1].y_ * 100)


def test_weights_are_routed_by_any_name_to_any_step(twelve: Windows) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = skaug.make_pipeline(
            SynthefyAugmenter(),
            WindowStatistics(),
            StandardScaler().set_fit_request(sample_weight="trust"),
            Recorder().set_fit_request(sample_weight="trust"),
        ).fit(twelve, trust=twelve.y)
    assert_allclose(pipe[-1].weight_, pipe[-1].y_)
    features = WindowStatistics().fit_transform(SynthefyAugmenter().fit_transform(twelve))
    expected = StandardScaler().fit(features.to_numpy(), sample_weight=features.y)
    assert_allclose(pipe["standardscaler"].mean_, expected.mean_)


def test_weights_reach_a_step_of_a_pipeline_within(twelve: Windows) -> None:
    inner = sklearn_pipeline.make_pipeline(StandardScaler(), Recorder())
    pipe = skaug.make_pipeline(SynthefyAugmenter(), WindowStatistics(), inner)
    pipe.fit(twelve, pipeline__recorder__sample_weight=twelve.y * 100)
    assert_allclose(inner[-1].weight_, inner[-1].y_ * 100)


def test_weights_are_sliced_with_the_folds(twelve: Windows) -> None:
    pipe = skaug.make_pipeline(SynthefyAugmenter(), WindowStatistics(), Recorder())
    result = cross_validate(
        pipe,
        twelve,
        twelve.y,
        cv=SubjectKFold(4),
        params={"recorder__sample_weight": twelve.y * 100},
        scoring="r2",
        return_estimator=True,
    )
    for fitted in result["estimator"]:
        assert len(fitted[-1].weight_) == 18
        assert_allclose(fitted[-1].weight_, fitted[-1].y_ * 100)


def test_other_weights_synthesize_nothing_again(twelve: Windows, tmp_path: Path) -> None:
    pipe = skaug.make_pipeline(
        SynthefyAugmenter(Counting(str(tmp_path / "log"))),
        WindowStatistics(),
        Recorder(),
        memory=str(tmp_path / "cache"),
    )
    for factor in (1, 2):
        pipe.fit(twelve, recorder__sample_weight=twelve.y * factor)
        assert_allclose(pipe[-1].weight_, pipe[-1].y_ * factor)
    assert (tmp_path / "log").read_text() == "call\n"


# synthetic_weight


def test_synthetic_weight_multiplies_the_weight_of_the_condition(twelve: Windows) -> None:
    for steps in ([], [Redraw()]):
        augmenter = SynthefyAugmenter(synthetic_weight=0.5)
        pipe = skaug.make_pipeline(augmenter, *steps, WindowFlattener(), Recorder())
        pipe.fit(twelve, recorder__sample_weight=twelve.y * 100)
        is_real = np.isin(pipe[-1].X_[:, 0], twelve.to_numpy()[:, 0])
        assert_allclose(pipe[-1].weight_, pipe[-1].y_ * np.where(is_real, 100, 50))


@pytest.mark.parametrize(
    "door", ["skaug.Pipeline", "WindowRegressor", "Pipeline in WindowRegressor"]
)
def test_synthetic_weight_is_passed_on_alone(twelve: Windows, door: str) -> None:
    steps = [SynthefyAugmenter(synthetic_weight=0.25, n_synthetic=5), WindowStatistics()]
    if door == "skaug.Pipeline":
        last = skaug.make_pipeline(*steps, StandardScaler(), Recorder()).fit(twelve)[-1]
    elif door == "WindowRegressor":
        last = plain(*steps).fit(twelve)[-1].estimator_
    else:
        inner = sklearn_pipeline.make_pipeline(StandardScaler(), Recorder())
        last = sklearn_pipeline.make_pipeline(*steps, WindowRegressor(inner)).fit(twelve)[-1]
        last = last.estimator_[-1]
    assert_array_equal(last.weight_, np.repeat([1, 0.25], [12, 5]))


def test_a_synthetic_weight_of_one_passes_nothing_on(twelve: Windows) -> None:
    pipe = skaug.make_pipeline(SynthefyAugmenter(), WindowStatistics(), Recorder()).fit(twelve)
    assert pipe[-1].weight_ is None


def test_synthetic_weight_may_be_searched(twelve: Windows) -> None:
    pipe = skaug.make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    grid = {"synthefyaugmenter__synthetic_weight": [0, 0.5, 1]}
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(4), scoring="r2").fit(twelve, twelve.y)
    without = pipe.set_params(synthefyaugmenter__train_on="real")
    expected = cross_validate(without, twelve, twelve.y, cv=SubjectKFold(4), scoring="r2")
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == pytest.approx(expected["test_score"].mean())
    assert len(set(scores)) == 3


def test_an_estimator_that_accepts_no_weights_cannot_use_synthetic_weight(twelve: Windows) -> None:
    steps = [SynthefyAugmenter(synthetic_weight=0.5), WindowStatistics()]
    for pipe in (
        skaug.make_pipeline(*steps, KNeighborsRegressor()),
        sklearn_pipeline.make_pipeline(*steps, WindowRegressor(KNeighborsRegressor())),
    ):
        with pytest.raises(ValueError, match="KNeighborsRegressor does not accept sample_weight"):
            pipe.fit(twelve)


@pytest.mark.parametrize("weight", [-1, np.nan, np.inf, True, "half", None])
def test_an_invalid_synthetic_weight_is_refused(twelve: Windows, weight: Any) -> None:
    with pytest.raises(ValueError, match="synthetic_weight="):
        SynthefyAugmenter(synthetic_weight=weight).fit(twelve)


# WindowRegressor: weights are assigned by origin


@pytest.mark.parametrize("train_on", ["real", "real+synthetic"])
def test_a_plain_pipeline_assigns_weights_by_origin(twelve: Windows, train_on: str) -> None:
    augmenter = SynthefyAugmenter(train_on=train_on, n_synthetic=17, synthetic_weight=0.5)
    pipe = plain(augmenter, WindowStatistics())
    pipe.fit(twelve, twelve.y, windowregressor__sample_weight=twelve.y * 100)
    last = pipe[-1].estimator_
    factor = np.ones(len(last.y_))
    factor[12:] = 0.5
    assert_allclose(last.weight_, last.y_ * 100 * factor)


def test_a_plain_pipeline_averages_weights_of_rows_for_real_windows(table: pd.DataFrame) -> None:
    pipe = plain(windower(), SynthefyAugmenter(train_on="real"), WindowStatistics())
    pipe.fit(table, windowregressor__sample_weight=table["rate"] * 100)
    assert_allclose(pipe[-1].estimator_.weight_, pipe[-1].estimator_.y_ * 100)
    with pytest.raises(ValueError, match="has 256 values: pass 16"):
        pipe.set_params(synthefyaugmenter__train_on="real+synthetic").fit(
            table, windowregressor__sample_weight=table["rate"]
        )


def test_a_plain_pipeline_refuses_weights_that_it_cannot_assign(twelve: Windows) -> None:
    only = plain(SynthefyAugmenter(train_on="synthetic"), WindowStatistics())
    with pytest.raises(ValueError, match=r"all windows are synthetic.*skaug\.make_pipeline"):
        only.fit(twelve, windowregressor__sample_weight=twelve.y)
    twice = twelve[[0, 0, 1, 2]]
    pipe = plain(SynthefyAugmenter(), WindowStatistics())
    with pytest.raises(ValueError, match=r"only ones of their origin.*skaug\.make_pipeline"):
        pipe.fit(twice, windowregressor__sample_weight=[1, 2, 3, 4])


# Other parameters


def test_other_parameters_are_passed_on_to_unchanged_windows(twelve: Windows) -> None:
    ages = np.arange(12)
    pipe = skaug.make_pipeline(
        SynthefyAugmenter(train_on="real"), WindowStatistics(), Recorder()
    ).fit(twelve, recorder__ages=ages, recorder__kind="x" * 12, recorder__depth=3)
    assert pipe[-1].others_ == {"ages": ages, "kind": "x" * 12, "depth": 3}
    steps = [SynthefyAugmenter(train_on="real"), WindowStatistics()]
    assert plain(*steps).fit(twelve, windowregressor__ages=ages)[-1].estimator_.others_ == {
        "ages": ages
    }


def test_other_parameters_of_that_length_are_refused(twelve: Windows, table: pd.DataFrame) -> None:
    steps = [SynthefyAugmenter(), WindowStatistics()]
    pipe = skaug.make_pipeline(*steps, Recorder())
    message = "ages of Recorder has one value per window or row"
    with pytest.raises(ValueError, match=message):
        pipe.fit(twelve, recorder__ages=np.arange(12))
    with pytest.raises(ValueError, match=message):
        plain(*steps).fit(twelve, windowregressor__ages=np.arange(12))
    of_rows = skaug.make_pipeline(windower(), WindowStatistics(), Recorder())
    with pytest.raises(ValueError, match=message):
        of_rows.fit(table, recorder__ages=np.arange(256))
    assert pipe.fit(twelve, recorder__ages=np.arange(5))[-1].others_["ages"].shape == (5,)


def test_transform_input_passes_through_every_step(table: pd.DataFrame) -> None:
    """Steps behind the windows transform it too, and the last one gets an array."""
    halves = [table.iloc[:128], table.iloc[128:]]
    with sklearn.config_context(enable_metadata_routing=True):

        class Validating(Recorder):
            def fit(self, X: Any, y: Any, X_val: Any = None) -> Any:
                return super().fit(X, y, X_val=X_val)

        pipe = skaug.make_pipeline(
            windower(),
            SynthefyAugmenter(),
            WindowStatistics(),
            StandardScaler(),
            Validating().set_fit_request(X_val=True),
            transform_input=["X_val"],
        ).fit(halves[0], X_val=halves[1])
    validation = pipe[-1].others_["X_val"]
    assert type(validation) is np.ndarray
    assert_allclose(validation, pipe[:-1].transform(halves[1]).to_numpy())


# Scores


@pytest.mark.parametrize("door", ["skaug.Pipeline", "WindowRegressor"])
def test_scores_weigh_windows_or_the_mean_of_their_rows(table: pd.DataFrame, door: str) -> None:
    steps = [windower(), WindowStatistics()]
    if door == "skaug.Pipeline":
        pipe = skaug.make_pipeline(*steps, Ridge()).fit(table)
    else:
        pipe = sklearn_pipeline.make_pipeline(*steps, WindowRegressor(Ridge())).fit(table)
    y = pipe[0].transform(table).y
    expected = r2_score(y, pipe.predict(table), sample_weight=y)
    assert pipe.score(table, sample_weight=y) == pytest.approx(expected)
    assert pipe.score(table, sample_weight=table["rate"]) == pytest.approx(expected)
    with pytest.raises(ValueError, match="has 3 values"):
        pipe.score(table, sample_weight=[1, 2, 3])


def test_window_scorers_weigh_windows_or_the_mean_of_their_rows(table: pd.DataFrame) -> None:
    pipe = skaug.make_pipeline(windower(), WindowStatistics(), Ridge()).fit(table)
    y = pipe[0].transform(table).y
    expected = -mean_absolute_error(y, pipe.predict(table), sample_weight=y)
    scorer = window_scorer("neg_mean_absolute_error")
    for weights in (y, table["rate"]):
        assert scorer(pipe, table, sample_weight=weights) == pytest.approx(expected)


def test_row_scorers_weigh_rows(table: pd.DataFrame) -> None:
    short = windower().set_params(window_size=48, stride=48)  # the last 32 rows lie in no window
    pipe = skaug.make_pipeline(short, WindowStatistics(), Ridge()).fit(table)
    rows = skaug.predict_rows(pipe, table)
    is_covered = rows.notna()
    assert (~is_covered).sum() == 64
    weights = np.linspace(1, 10, len(table))
    expected = -mean_absolute_error(
        table["rate"][is_covered], rows[is_covered], sample_weight=weights[is_covered]
    )
    scorer = row_scorer("neg_mean_absolute_error")
    assert scorer(pipe, table, sample_weight=weights) == pytest.approx(expected)


def test_window_scorers_request_what_their_metric_requests(twelve: Windows) -> None:
    mae = make_scorer(mean_absolute_error, greater_is_better=False)
    with sklearn.config_context(enable_metadata_routing=True):
        mae.set_score_request(sample_weight=True)
        ridge = Ridge().set_fit_request(sample_weight=True)
        pipe = skaug.make_pipeline(WindowStatistics(), ridge)
        scores = [
            cross_validate(
                pipe,
                twelve,
                twelve.y,
                cv=SubjectKFold(4),
                scoring=scoring,
                params={"sample_weight": twelve.y},
            )["test_score"]
            for scoring in (mae, window_scorer(mae))
        ]
    assert_allclose(*scores)
