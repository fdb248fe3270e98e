"""Both kinds of pipeline, each with rows and with windows as samples, under scikit-learn's tools."""

from __future__ import annotations

import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LogisticRegression, Ridge, RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    permutation_test_score,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils.fixes import parse_version

import skaug
from skaug import (
    SubjectOverlapWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowClassifier,
    WindowFlattener,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
)
from skaug.base import WindowStep
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer
from skaug.synthesis import SurrogateSynthesizer, Synthesizer

MAE = "neg_mean_absolute_error"
FOLDS = SubjectKFold(3)


class CountingSurrogates(Synthesizer):
    """Surrogates that append a line to a file for each call, whichever process makes it."""

    def __init__(self, log: str) -> None:
        self.log = log

    def synthesize(self, conditions: Windows) -> Windows:
        with Path(self.log).open("a") as file:
            file.write(f"{len(conditions)}\n")
        return SurrogateSynthesizer().synthesize(conditions)


def spectrum() -> WindowSpectrum:
    return WindowSpectrum(low=0.5, high=4.0, sampling_rate=32)


@dataclass
class Case:
    """One of the four ways to call: a kind of pipeline (door), and its input."""

    door: str
    samples: str
    X: Any
    y: Any
    scoring: Any

    def pipe(self, synthesizer: Synthesizer | None = None, **settings: Any) -> Any:
        windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
        steps = [windower] if self.samples == "rows" else []
        steps += [SynthefyAugmenter(synthesizer), spectrum()]
        if self.door == "skaug.Pipeline":
            pipe = skaug.make_pipeline(*steps, StandardScaler(), Ridge(), **settings)
        else:
            last = WindowRegressor(sklearn_pipeline.make_pipeline(StandardScaler(), Ridge()))
            pipe = sklearn_pipeline.make_pipeline(*steps, last, **settings)
        return pipe

    @property
    def alpha(self) -> str:
        """The name of the parameter of the last estimator."""
        return (
            "ridge__alpha"
            if self.door == "skaug.Pipeline"
            else ("windowregressor__estimator__ridge__alpha")
        )


@pytest.fixture(params=["skaug.Pipeline", "WindowRegressor"])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["rows", "windows"])
def case(
    request: pytest.FixtureRequest, door: str, recordings: pd.DataFrame, windows: Windows
) -> Case:
    if request.param == "rows":
        return Case(door, "rows", recordings, None, window_scorer(MAE))
    return Case(door, "windows", windows, windows.y, MAE)


def by_hand(train: Windows, test: Windows, *, alpha: float = 1.0, synthetic: bool = True) -> float:
    """Window, augment, transform, fit and score without any pipeline; the negative MAE."""
    X, y = train.to_numpy(), train.y
    if synthetic:
        surrogates = SurrogateSynthesizer().synthesize(train._drawn(np.zeros(len(train))))
        X, y = np.concatenate([X, surrogates.to_numpy()]), np.concatenate([y, y])
    features = spectrum().fit_transform(X)
    scaler = StandardScaler().fit(features)
    ridge = Ridge(alpha=alpha).fit(scaler.transform(features), y)
    of_test = scaler.transform(spectrum().fit_transform(test.to_numpy()))
    return -mean_absolute_error(test.y, ridge.predict(of_test))


# scikit-learn's tools, with each of the four ways


def test_cross_val_score_equals_a_loop_written_by_hand(case: Case, windows: Windows) -> None:
    scores = cross_val_score(case.pipe(), case.X, case.y, cv=FOLDS, scoring=case.scoring)
    expected = [by_hand(windows[train], windows[test]) for train, test in FOLDS.split(windows)]
    assert_allclose(scores, expected, rtol=1e-6)


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one(case: Case) -> None:
    one = cross_val_score(case.pipe(), case.X, case.y, cv=FOLDS, scoring=case.scoring)
    two = cross_val_score(case.pipe(), case.X, case.y, cv=FOLDS, scoring=case.scoring, n_jobs=2)
    assert_array_equal(one, two)


def test_a_grid_search_tunes_every_step(case: Case, windows: Windows) -> None:
    grid = {
        "synthefyaugmenter__train_on": ["real", "real+synthetic"],
        "synthefyaugmenter__ratio": [1.0, 0.5],
        case.alpha: [1.0, 100.0],
    }
    if case.samples == "rows":
        grid["subjectwindower__window_size"] = [256, 192]
    search = GridSearchCV(case.pipe(), grid, cv=FOLDS, scoring=case.scoring, error_score="raise")
    search.fit(case.X, case.y)
    results = pd.DataFrame(search.cv_results_)
    assert len(results) == 8 * (2 if case.samples == "rows" else 1)
    for synthetic, alpha in ((False, 1.0), (True, 100.0)):
        found = results[
            (
                results["param_synthefyaugmenter__train_on"]
                == ("real+synthetic" if synthetic else "real")
            )
            & (results["param_synthefyaugmenter__ratio"] == 1.0)
            & (results[f"param_{case.alpha}"] == alpha)
        ]
        if case.samples == "rows":
            found = found[found["param_subjectwindower__window_size"] == 256]
        expected = np.mean(
            [
                by_hand(windows[train], windows[test], alpha=alpha, synthetic=synthetic)
                for train, test in FOLDS.split(windows)
            ]
        )
        assert_allclose(found["mean_test_score"], [expected], rtol=1e-6)


def test_caching_changes_no_score_and_avoids_syntheses(case: Case, tmp_path: Path) -> None:
    grid = {case.alpha: [0.1, 1.0, 10.0]}
    scores, calls = [], []
    for name, memory in (("without", None), ("with", str(tmp_path / "cache"))):
        log = tmp_path / name
        pipe = case.pipe(CountingSurrogates(str(log)), memory=memory)
        # The log is a parameter, hence part of the cache's key: each way has its own.
        search = GridSearchCV(pipe, grid, cv=FOLDS, scoring=case.scoring).fit(case.X, case.y)
        scores.append(search.cv_results_["mean_test_score"])
        calls.append(len(log.read_text().splitlines()))
    assert_array_equal(*scores)
    assert calls == [3 * 3 + 1, 3 + 1]  # every fold and grid point, and the refit; every fold


def test_clones_pickles_and_dumps_predict_the_same(case: Case, tmp_path: Path) -> None:
    pipe = case.pipe().fit(case.X, case.y)
    expected = pipe.predict(case.X)
    joblib.dump(pipe, tmp_path / "pipe.joblib")
    for copy in (
        pickle.loads(pickle.dumps(pipe)),
        joblib.load(tmp_path / "pipe.joblib"),
        clone(pipe).fit(case.X, case.y),
    ):
        assert_array_equal(copy.predict(case.X), expected)


def test_a_clone_is_not_fitted(case: Case) -> None:
    pipe = clone(case.pipe().fit(case.X, case.y))
    with pytest.raises(NotFittedError):
        pipe.predict(case.X)


def test_a_slice_gives_the_features_of_the_windows(case: Case, windows: Windows) -> None:
    pipe = case.pipe().fit(case.X, case.y)
    up_to_spectrum = pipe[: len(pipe) - 1 - (case.door == "skaug.Pipeline")]
    features = up_to_spectrum.transform(case.X)
    assert_array_equal(features, spectrum().fit_transform(windows.to_numpy()))
    assert_array_equal(features.y, windows.y)


def test_a_step_may_be_passed_through(case: Case, windows: Windows) -> None:
    pipe = case.pipe().set_params(synthefyaugmenter="passthrough")
    scores = cross_val_score(pipe, case.X, case.y, cv=FOLDS, scoring=case.scoring)
    expected = [
        by_hand(windows[train], windows[test], synthetic=False)
        for train, test in FOLDS.split(windows)
    ]
    assert_allclose(scores, expected, rtol=1e-6)


# Trained on synthetic windows only, the model predicts their conditions, which is not a training score.
@pytest.mark.filterwarnings("ignore:.*synthetic windows made from:skaug.SubjectOverlapWarning")
@pytest.mark.parametrize("train_on", ["real+synthetic", "real", "synthetic"])
def test_pandas_output_changes_no_prediction(case: Case, train_on: str) -> None:
    pipe = case.pipe().set_params(synthefyaugmenter__train_on=train_on)
    expected = clone(pipe).fit(case.X, case.y).predict(case.X)
    pipe.set_output(transform="pandas").fit(case.X, case.y)
    assert_allclose(pipe.predict(case.X), expected)
    ridge = pipe[-1] if case.door == "skaug.Pipeline" else pipe[-1].estimator_[-1]
    scaler = pipe[-2] if case.door == "skaug.Pipeline" else pipe[-1].estimator_[0]
    assert scaler.feature_names_in_[0] == "BVP_0.5Hz"
    assert ridge.n_features_in_ == scaler.n_features_in_


def test_pandas_output_chosen_globally_changes_no_prediction(case: Case) -> None:
    expected = case.pipe().fit(case.X, case.y).predict(case.X)
    with sklearn.config_context(transform_output="pandas"):
        assert_allclose(case.pipe().fit(case.X, case.y).predict(case.X), expected)


def test_the_html_diagram_shows_every_step(case: Case) -> None:
    page = case.pipe()._repr_html_()
    assert "SynthefyAugmenter" in page
    assert "Ridge" in page


def test_metadata_routing_leaves_scores_alone(case: Case) -> None:
    expected = cross_val_score(case.pipe(), case.X, case.y, cv=FOLDS, scoring=case.scoring)
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_val_score(
            case.pipe(), case.X, case.y, cv=FOLDS, scoring=case.scoring, params={}
        )
    assert_array_equal(scores, expected)


def test_weights_are_routed_to_the_last_estimator(door: str, windows: Windows) -> None:
    weights = np.linspace(0.1, 1.0, len(windows))
    features = spectrum().fit_transform(windows.to_numpy())
    expected = Ridge().fit(features, windows.y, sample_weight=weights)
    with sklearn.config_context(enable_metadata_routing=True):
        ridge = Ridge().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        steps = [SynthefyAugmenter(train_on="real"), spectrum()]
        if door == "skaug.Pipeline":
            pipe = skaug.make_pipeline(*steps, ridge)
        else:
            pipe = sklearn_pipeline.make_pipeline(*steps, WindowRegressor(ridge))
        pipe.fit(windows, windows.y, sample_weight=weights)
        score = pipe.score(windows, windows.y, sample_weight=weights)
    assert_allclose(pipe.predict(windows), expected.predict(features))
    assert_allclose(score, expected.score(features, windows.y, sample_weight=weights))


def test_weights_are_passed_by_the_name_of_the_step(windows: Windows) -> None:
    weights = np.linspace(0.1, 1.0, len(windows))
    pipe = skaug.make_pipeline(SynthefyAugmenter(train_on="real"), spectrum(), Ridge())
    pipe.fit(windows, windows.y, ridge__sample_weight=weights)
    features = spectrum().fit_transform(windows.to_numpy())
    expected = Ridge().fit(features, windows.y, sample_weight=weights)
    assert_allclose(pipe[-1].coef_, expected.coef_)


def test_nested_cross_validation_needs_no_groups(case: Case) -> None:
    search = GridSearchCV(
        case.pipe(), {case.alpha: [1.0, 10.0]}, cv=SubjectKFold(2), scoring=case.scoring
    )
    result = cross_validate(
        search,
        case.X,
        case.y,
        cv=FOLDS,
        scoring=case.scoring,
        return_estimator=True,
        return_indices=True,
        error_score="raise",
    )
    groups = case.X["subject"].to_numpy() if case.samples == "rows" else case.X.groups
    for fitted, train, test in zip(
        result["estimator"], result["indices"]["train"], result["indices"]["test"], strict=True
    ):
        augmenter = fitted.best_estimator_.named_steps["synthefyaugmenter"]
        assert set(augmenter.synthetic_windows_.groups) == set(groups[train])
        assert not set(augmenter.synthetic_windows_.groups) & set(groups[test])


def test_synthetic_windows_never_come_from_a_test_subject(case: Case) -> None:
    groups = case.X["subject"].to_numpy() if case.samples == "rows" else case.X.groups
    for train, test in FOLDS.split(case.X):
        pipe = case.pipe()
        X_train = case.X.iloc[train] if case.samples == "rows" else case.X[train]
        pipe.fit(X_train, None if case.y is None else case.y[train])
        origins = pipe.named_steps["synthefyaugmenter"].synthetic_windows_.origins
        assert len(origins) > 0
        assert not set(origins["subject"]) & set(groups[test])


def test_training_scores_raise_no_warning(case: Case) -> None:
    result = cross_validate(
        case.pipe(), case.X, case.y, cv=FOLDS, scoring=case.scoring, return_train_score=True
    )
    assert (result["train_score"] > result["test_score"]).all()


def test_a_training_score_on_synthetic_windows_only_raises_a_warning(case: Case) -> None:
    pipe = case.pipe().set_params(synthefyaugmenter__train_on="synthetic").fit(case.X, case.y)
    with pytest.warns(SubjectOverlapWarning, match="synthetic windows made from 6 of the subjects"):
        pipe.score(case.X, case.y)


def test_predicting_synthesizes_nothing(case: Case, tmp_path: Path) -> None:
    log = tmp_path / "log"
    pipe = case.pipe(CountingSurrogates(str(log))).fit(case.X, case.y)
    before = log.read_text()
    pipe.predict(case.X)
    pipe.score(case.X, case.y)
    pipe[:-1].transform(case.X)
    assert log.read_text() == before


def test_the_protocols_are_a_parameter_of_the_search(case: Case) -> None:
    grid = {"synthefyaugmenter__train_on": ["real", "real+synthetic", "synthetic"]}
    search = GridSearchCV(case.pipe(), grid, cv=FOLDS, scoring=case.scoring).fit(case.X, case.y)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == 3


def test_score_takes_the_labels_from_the_data(case: Case, windows: Windows) -> None:
    pipe = case.pipe().fit(case.X, case.y)
    assert pipe.score(case.X) == pytest.approx(
        sklearn.metrics.r2_score(windows.y, pipe.predict(case.X))
    )


# Labels that are passed


def test_a_transformed_target_reaches_the_synthetic_windows(
    door: str, windows: Windows, recordings: pd.DataFrame
) -> None:
    case = Case(door, "windows", windows, windows.y, MAE)
    meta = TransformedTargetRegressor(case.pipe(), func=np.log, inverse_func=np.exp)
    meta.fit(windows, windows.y)
    direct = case.pipe().fit(windows, np.log(windows.y))
    assert_allclose(meta.predict(windows), np.exp(direct.predict(windows)))
    synthetic = meta.regressor_.named_steps["synthefyaugmenter"].synthetic_windows_
    assert synthetic.y.max() < np.log(windows.y.max()) + 1e-9


def test_labels_of_rows_take_precedence_over_the_target_column(
    door: str, recordings: pd.DataFrame, windows: Windows
) -> None:
    case = Case(door, "rows", recordings, None, None)
    rows = recordings["heart_rate"].to_numpy() + 100.0
    higher = case.pipe().fit(recordings, rows)
    assert_allclose(
        higher.predict(recordings), case.pipe().fit(recordings).predict(recordings) + 100.0
    )
    assert higher.score(recordings, rows) == pytest.approx(
        sklearn.metrics.r2_score(windows.y + 100.0, higher.predict(recordings))
    )


@pytest.mark.parametrize("target", ["y", None])
def test_labels_of_windows_of_one_row(door: str, target: str | None) -> None:
    """With a table they are one per row, with windows one per window, which are in another order."""
    table = pd.DataFrame({"subject": list("ABABAB"), "a": np.arange(6.0), "y": np.arange(6.0) ** 2})
    windower = SubjectWindower(1, features=["a"], target=target)
    last = Ridge(alpha=1e-9) if door == "skaug.Pipeline" else WindowRegressor(Ridge(alpha=1e-9))
    make = skaug.make_pipeline if door == "skaug.Pipeline" else sklearn_pipeline.make_pipeline
    pipe = make(windower, WindowFlattener(), last)
    rows = 3 * table["a"] + 1
    predicted = pipe.fit(table, rows).predict(table)
    assert_allclose(predicted, 3 * windower.transform(table).to_numpy()[:, 0, 0] + 1)
    cut = windower.fit_transform(table)
    per_window = 3 * cut.to_numpy()[:, 0, 0] + 1
    assert_array_equal(cut.relabel(per_window).y, per_window)
    pipe = make(WindowFlattener(), last).fit(cut, per_window)
    assert_allclose(pipe.predict(cut), per_window)
    assert pipe.score(cut, per_window) == pytest.approx(1)
    if door == "skaug.Pipeline":
        pipe = make(windower, WindowFlattener(), last).fit(table, rows)
        assert pipe.score(table, rows) == pytest.approx(1)


def test_permuted_labels_destroy_the_score(door: str, windows: Windows) -> None:
    case = Case(door, "windows", windows, windows.y, MAE)
    score, permuted, p = permutation_test_score(
        case.pipe(), windows, windows.y, cv=FOLDS, scoring=MAE, n_permutations=9, random_state=0
    )
    assert score > permuted.max()
    assert p == pytest.approx(1 / 10)


def test_left_out_predictions_need_windows_as_samples(
    door: str, recordings: pd.DataFrame, windows: Windows
) -> None:
    with pytest.raises(IndexError):
        cross_val_predict(Case(door, "rows", recordings, None, MAE).pipe(), recordings, cv=FOLDS)
    pipe = Case(door, "windows", windows, windows.y, MAE).pipe()
    left_out = cross_val_predict(pipe, windows, windows.y, cv=FOLDS)
    for train, test in FOLDS.split(windows):
        assert_allclose(left_out[test], pipe.fit(windows[train]).predict(windows[test]))


def test_a_stack_learns_from_predictions_of_left_out_subjects(door: str, windows: Windows) -> None:
    case = Case(door, "windows", windows, windows.y, MAE)
    stack = StackingRegressor([("windows", case.pipe())], final_estimator=Ridge(), cv=FOLDS)
    stack.fit(windows, windows.y)
    left_out = cross_val_predict(case.pipe(), windows, windows.y, cv=FOLDS)
    final = Ridge().fit(left_out[:, None], windows.y)
    expected = final.predict(case.pipe().fit(windows).predict(windows)[:, None])
    assert_allclose(stack.predict(windows), expected)


# What only skaug.Pipeline can do


def test_a_supervised_selector_sees_synthetic_labels(windows: Windows) -> None:
    pipe = skaug.make_pipeline(
        SynthefyAugmenter(), spectrum(), SelectKBest(f_regression, k=5), Ridge()
    ).fit(windows)
    augmented = SynthefyAugmenter().fit_transform(windows)
    features = spectrum().fit_transform(augmented).to_numpy()
    expected = SelectKBest(f_regression, k=5).fit(features, augmented.y)
    assert_array_equal(pipe[2].get_support(), expected.get_support())


def test_features_may_be_joined_behind_the_augmenter(windows: Windows) -> None:
    union = FeatureUnion([("spectrum", spectrum()), ("statistics", WindowStatistics())])
    pipe = skaug.make_pipeline(SynthefyAugmenter(), union, Ridge()).fit(windows)
    assert pipe[-1].n_features_in_ == 2 * (29 + 4)


@pytest.mark.parametrize(
    ("augmenter", "error", "message"),
    [
        ([], ValueError, "If a step such as FeatureUnion made it from windows"),
        ([SynthefyAugmenter()], TypeError, "skaug.make_pipeline, which a FeatureUnion needs"),
    ],
)
def test_features_joined_in_a_plain_pipeline_are_refused_with_the_remedy(
    recordings: pd.DataFrame, augmenter: list[Any], error: type[Exception], message: str
) -> None:
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    union = FeatureUnion([("spectrum", spectrum()), ("statistics", WindowStatistics())])
    last = WindowRegressor(Ridge())
    plain = sklearn_pipeline.make_pipeline(windower, *augmenter, union, last)
    with pytest.raises(error, match=message):
        plain.fit(recordings)


def test_a_foreign_transformer_may_stand_between_window_aware_steps(windows: Windows) -> None:
    halved = FunctionTransformer(lambda X: X / 2)
    pipe = skaug.make_pipeline(halved, SynthefyAugmenter(), WindowStatistics(), Ridge())
    pipe.fit(windows)
    synthetic = pipe["synthefyaugmenter"].synthetic_windows_
    assert set(synthetic.groups) == set(windows.groups)
    plain = skaug.make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge(alpha=4.0))
    assert_allclose(pipe.predict(windows), plain.fit(windows).predict(windows))
    assert pipe["functiontransformer"] is halved


def test_pipelines_nest(windows: Windows) -> None:
    flat = skaug.make_pipeline(SynthefyAugmenter(), spectrum(), StandardScaler(), Ridge())
    inner = skaug.make_pipeline(SynthefyAugmenter(), spectrum(), StandardScaler())
    plain_inner = sklearn_pipeline.make_pipeline(SynthefyAugmenter(), spectrum())
    expected = flat.fit(windows).predict(windows)
    assert_allclose(skaug.make_pipeline(inner, Ridge()).fit(windows).predict(windows), expected)
    nested = skaug.make_pipeline(plain_inner, StandardScaler(), Ridge())
    assert_allclose(nested.fit(windows).predict(windows), expected)
    scaling = sklearn_pipeline.make_pipeline(SynthefyAugmenter(), spectrum(), StandardScaler())
    nested = skaug.make_pipeline(scaling, Ridge())
    assert_allclose(nested.fit(windows).predict(windows), expected)
    assert [type(step) for _, step in scaling.steps] == [
        SynthefyAugmenter,
        WindowSpectrum,
        StandardScaler,
    ]


def test_transforming_keeps_labels_through_steps_that_are_not_window_aware(
    windows: Windows,
) -> None:
    pipe = skaug.make_pipeline(SynthefyAugmenter(), spectrum(), StandardScaler())
    features = pipe.fit_transform(windows)
    assert len(features) == 2 * len(windows)
    assert_array_equal(features.y[: len(windows)], windows.y)
    assert features.is_synthetic.sum() == len(windows)
    assert_allclose(pipe.transform(windows), features[: len(windows)].to_numpy())


def test_steps_before_the_windower_get_rows(recordings: pd.DataFrame) -> None:
    class Without(TransformerMixin, BaseEstimator):
        def fit(self, X: pd.DataFrame, y: Any = None) -> Any:
            assert isinstance(X, pd.DataFrame)
            return self

        def transform(self, X: pd.DataFrame) -> pd.DataFrame:
            return X.drop(columns="ECG")

    pipe = skaug.make_pipeline(
        Without(),
        SubjectWindower(256, features=["BVP"], target="heart_rate"),
        SynthefyAugmenter(),
        spectrum(),
        Ridge(),
    )
    assert pipe.fit(recordings).predict(recordings).shape == (6 * (60 * 32 // 256),)


def test_feature_names_pass_through_every_step(recordings: pd.DataFrame) -> None:
    pipe = skaug.make_pipeline(
        SubjectWindower(256, features=["BVP"], target="heart_rate"),
        SynthefyAugmenter(),
        WindowStatistics(),
        StandardScaler(),
        Ridge(),
    ).fit(recordings)
    names = pipe[:-1].get_feature_names_out()
    assert names.tolist() == ["BVP_mean", "BVP_std", "BVP_min", "BVP_max"]


def test_a_failed_fit_leaves_the_steps_as_they_were(windows: Windows) -> None:
    pipe = skaug.make_pipeline(SynthefyAugmenter(n_synthetic=-1), spectrum(), Ridge())
    steps = [step for _, step in pipe.steps]
    with pytest.raises(ValueError, match="n_synthetic=-1"):
        pipe.fit(windows)
    assert [step for _, step in pipe.steps] == steps


def test_a_running_pipeline_shows_the_steps_that_the_user_built(
    windows: Windows, capsys: pytest.CaptureFixture
) -> None:
    pipe = skaug.Pipeline(
        [
            ("more", SynthefyAugmenter()),
            ("nothing", "passthrough"),
            ("spectrum", spectrum()),
            ("scale", StandardScaler()),
            ("fit", Ridge()),
        ],
        verbose=True,
    ).fit(windows)
    printed = capsys.readouterr().out.splitlines()
    named = [line.split("Processing ")[1].split(",")[0] for line in printed]
    assert named == ["more", "nothing", "spectrum", "scale", "fit"]
    assert "(step 5 of 5)" in printed[-1]
    assert pipe.get_params()["scale"] is pipe["scale"]


def test_threads_that_use_one_pipeline_see_its_own_steps(windows: Windows) -> None:
    """While one thread is in the middle of a fit, another predicts and fits from start to end."""
    reached, go_on = threading.Event(), threading.Event()

    class Waiting(FunctionTransformer):
        def fit(self, X: Any, y: Any = None) -> Any:
            if threading.current_thread() is not threading.main_thread():
                reached.set()
                assert go_on.wait(60)
            return super().fit(X, y)

    pipe = skaug.make_pipeline(SynthefyAugmenter(), spectrum(), Waiting(), Ridge()).fit(windows)
    steps, expected = list(pipe.steps), pipe.predict(windows)
    with ThreadPoolExecutor(1) as pool:
        fit = pool.submit(pipe.fit, windows)
        assert reached.wait(60)
        assert pipe.steps == steps
        assert_allclose(pipe.predict(windows), expected)
        assert_allclose(pipe.fit(windows).predict(windows), expected)
        go_on.set()
        fit.result()
    assert pipe.steps == steps
    assert_allclose(pipe.predict(windows), expected)


def test_a_step_replaced_after_fit_takes_effect_at_once(windows: Windows) -> None:
    """As in scikit-learn, by assignment and by set_params."""
    features = spectrum().fit_transform(windows.to_numpy())
    other = Ridge(alpha=100.0).fit(features, windows.y + 50.0)
    pipe = skaug.make_pipeline(SynthefyAugmenter(), spectrum(), Ridge()).fit(windows)
    before = pipe.predict(windows)
    assert_allclose(pipe.set_params(ridge=other).predict(windows), other.predict(features))
    pipe.fit(windows).steps[-1] = ("ridge", other)
    assert_allclose(pipe.predict(windows), other.predict(features))
    halved = FunctionTransformer(lambda X: X / 2)
    pipe = skaug.make_pipeline(spectrum(), halved, Ridge()).fit(windows)
    expected = pipe[-1].predict(features)
    assert_allclose(pipe.set_params(functiontransformer__func=None).predict(windows), expected)
    assert_allclose(pipe.set_params(functiontransformer=None).predict(windows), expected)
    pipe.set_params(ridge=Ridge())
    with pytest.raises(NotFittedError):
        pipe.predict(windows)
    assert before.shape == expected.shape


def test_a_replaced_model_is_not_mistaken_for_the_fitted_one(windows: Windows) -> None:
    """The fitted one saw other windows of the same subjects; the new one did not."""
    pipe = skaug.make_pipeline(spectrum(), Ridge()).fit(windows[::2])
    with pytest.warns(SubjectOverlapWarning):
        pipe.predict(windows[1::2])
    pipe.set_params(ridge=Ridge().fit(np.eye(58), np.zeros(58))).predict(windows[1::2])


def test_a_pickle_holds_each_step_once(windows: Windows) -> None:
    pipe = skaug.make_pipeline(WindowFlattener(), StandardScaler(), KNeighborsRegressor())
    pipe.fit(windows)
    assert len(pickle.dumps(pipe)) < 1.1 * len(pickle.dumps(pipe.steps))


def test_cached_steps_are_fitted_copies(windows: Windows, tmp_path: Path) -> None:
    """As in scikit-learn, the steps that were passed stay unfitted."""
    scaler = StandardScaler()
    pipe = skaug.make_pipeline(spectrum(), scaler, Ridge(), memory=str(tmp_path)).fit(windows)
    assert not hasattr(scaler, "mean_")
    assert type(pipe["standardscaler"]) is StandardScaler
    features = spectrum().fit_transform(windows.to_numpy())
    assert_allclose(pipe["standardscaler"].mean_, features.mean(axis=0))
    again = clone(pipe).fit(windows)  # from the cache
    assert type(again["windowspectrum"]) is WindowSpectrum
    assert_array_equal(again.predict(windows), pipe.predict(windows))


def test_sparse_matrices_pass_between_steps_behind_the_windows(windows: Windows) -> None:
    encoder = OneHotEncoder(handle_unknown="ignore")
    rounded = FunctionTransformer(np.round)
    pipe = skaug.make_pipeline(
        SynthefyAugmenter(), WindowStatistics(), rounded, encoder, Ridge()
    ).fit(windows)
    augmented = SynthefyAugmenter().fit_transform(windows)
    features = np.round(WindowStatistics().fit_transform(augmented).to_numpy())
    encoded = OneHotEncoder().fit_transform(features)
    ridge = Ridge().fit(encoded, augmented.y)
    assert_allclose(pipe.predict(windows), ridge.predict(encoded[: len(windows)]))
    assert_array_equal(pipe[:-1].transform(windows).toarray(), encoded[: len(windows)].toarray())
    with pytest.raises(TypeError, match="dense array"):
        pipe[:-1].fit_transform(windows)


class Selecting(WindowStep):
    """Fit the next steps on some of the windows, some of them repeated, in another order."""

    def __init__(self, how: str = "redraw") -> None:
        self.how = how

    def fit(self, X: Windows, y: Any = None) -> Any:
        self.labels_ = (y, X.y)
        return self

    def fit_transform(self, X: Windows, y: Any = None) -> Windows:
        return self.fit(X, y).transform(X)[self.selected(len(X))]

    def selected(self, n: int) -> Any:
        return {
            "redraw": np.random.default_rng(0).integers(n, size=n),
            "reverse": np.arange(n)[::-1],
            "filter": np.arange(n) % 3 > 0,
            "repeat": np.repeat(np.arange(n), 2),
        }[self.how]

    def transform(self, X: Windows) -> Windows:
        return X


@pytest.mark.parametrize("how", ["redraw", "reverse", "filter", "repeat"])
@pytest.mark.parametrize("passed", ["nothing", "one per window", "one per row"])
@pytest.mark.parametrize("samples", ["rows", "windows"])
def test_labels_follow_windows_that_a_step_selects(
    recordings: pd.DataFrame, windows: Windows, how: str, passed: str, samples: str
) -> None:
    y_rows = recordings["heart_rate"].to_numpy() + recordings["ECG"].to_numpy()
    y = {"nothing": None, "one per window": windows.y[::-1], "one per row": y_rows}[passed]
    step = Selecting(how)
    steps = [step, WindowStatistics(), StandardScaler(), Ridge()]
    if samples == "rows":
        steps.insert(0, SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate"))
    pipe = skaug.make_pipeline(*steps).fit(recordings if samples == "rows" else windows, y)
    selected = windows.relabel(y)[step.selected(len(windows))]
    features = WindowStatistics().fit_transform(selected.to_numpy())
    expected = Ridge().fit(StandardScaler().fit_transform(features), selected.y)
    assert_allclose(pipe[-1].coef_, expected.coef_)
    assert step.labels_[0] is step.labels_[1]


def test_selected_windows_are_augmented_with_their_labels(windows: Windows) -> None:
    step = Selecting("filter")
    pipe = skaug.make_pipeline(step, SynthefyAugmenter(), WindowStatistics(), Ridge())
    pipe.fit(windows, windows.y + 100.0)
    selected = windows.relabel(windows.y + 100.0)[step.selected(len(windows))]
    augmented = SynthefyAugmenter().fit_transform(selected)
    features = WindowStatistics().fit_transform(augmented.to_numpy())
    assert_allclose(pipe[-1].coef_, Ridge().fit(features, augmented.y).coef_)


def test_a_supervised_step_of_an_inner_pipeline_gets_the_labels(windows: Windows) -> None:
    chosen = SelectKBest(f_regression, k=5)
    inner = sklearn_pipeline.make_pipeline(spectrum(), chosen)
    skaug.make_pipeline(Selecting("repeat"), inner, Ridge()).fit(windows, windows.y)
    repeated = windows[np.repeat(np.arange(len(windows)), 2)]
    expected = clone(chosen).fit(spectrum().fit_transform(repeated.to_numpy()), repeated.y)
    assert_array_equal(chosen.get_support(), expected.get_support())


def test_a_plain_pipeline_that_drops_windows_names_the_remedy(windows: Windows) -> None:
    pipe = sklearn_pipeline.make_pipeline(
        Selecting("filter"), WindowStatistics(), WindowRegressor(Ridge())
    )
    with pytest.raises(ValueError, match=r"skaug\.make_pipeline, or pass no y"):
        pipe.fit(windows, windows.y)
    selected = windows[Selecting("filter").selected(len(windows))]
    features = WindowStatistics().fit_transform(selected.to_numpy())
    expected = Ridge().fit(features, selected.y)
    assert_allclose(pipe.fit(windows)[-1].estimator_.coef_, expected.coef_)


def test_a_pipeline_without_window_aware_steps_uses_the_labels_of_its_input(
    windows: Windows,
) -> None:
    augmented = WindowStatistics().fit_transform(SynthefyAugmenter().fit_transform(windows))
    pipe = skaug.make_pipeline(StandardScaler(), Ridge()).fit(augmented)
    scaled = StandardScaler().fit_transform(augmented.to_numpy())
    assert_allclose(pipe[-1].coef_, Ridge().fit(scaled, augmented.y).coef_)


def test_invalid_pipelines_raise_the_errors_of_scikit_learn(windows: Windows) -> None:
    twice = skaug.Pipeline([("a", SynthefyAugmenter()), ("a", spectrum()), ("b", Ridge())])
    with pytest.raises(ValueError, match="not unique"):
        twice.fit(windows)
    with pytest.raises(TypeError, match="should be transformers"):
        skaug.make_pipeline(Ridge(), spectrum(), Ridge()).fit(windows)
    with pytest.raises(AttributeError, match="predict_proba"):
        skaug.make_pipeline(spectrum(), Ridge()).fit(windows).predict_proba(windows)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"), reason="callbacks came with 1.9"
)
def test_callbacks_reach_the_steps(windows: Windows) -> None:
    class Record:
        max_propagation_depth = None

        def __init__(self) -> None:
            self.begun: list[tuple[str, str]] = []

        def setup(self, estimator: Any, context: Any) -> None: ...

        def teardown(self, estimator: Any, context: Any) -> None: ...

        def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
            self.begun.append((type(estimator).__name__, context.task_name))

        def on_fit_task_end(self, estimator: Any, context: Any) -> None: ...

    y = np.where(windows.y > np.median(windows.y), "fast", "slow")
    last = LogisticRegression(max_iter=1000)
    begun = []
    for make in (skaug.make_pipeline, sklearn_pipeline.make_pipeline):
        record = Record()
        pipe = make(SynthefyAugmenter(train_on="real"), spectrum(), StandardScaler(), last)
        with warnings.catch_warnings():
            # As for scikit-learn's own transformers, most of which do not support callbacks yet.
            warnings.filterwarnings("ignore", message=".*does not support callbacks")
            pipe.set_callbacks(record).fit(windows, y)
        begun.append(record.begun)
    assert begun[0] == begun[1]
    assert ("Pipeline", "fit-transform-windowspectrum") in begun[0]
    assert any(estimator == "LogisticRegression" for estimator, _ in begun[0])
    assert not hasattr(pipe[-1], "_parent_callback_ctx")


# Classifiers


def test_classifiers_learn_from_the_most_frequent_label(recordings: pd.DataFrame) -> None:
    table = recordings.assign(
        pace=np.where(recordings["heart_rate"] > recordings["heart_rate"].median(), "fast", "slow")
    )
    windower = SubjectWindower(256, features=["BVP"], target="pace", target_agg="mode")
    logistic = LogisticRegression(max_iter=1000)
    steps = [windower, SynthefyAugmenter(), spectrum()]
    scaled = sklearn_pipeline.make_pipeline(StandardScaler(), logistic)
    first = skaug.make_pipeline(*steps, StandardScaler(), logistic)
    second = sklearn_pipeline.make_pipeline(*steps, WindowClassifier(scaled))
    accuracies = [
        cross_val_score(pipe, table, cv=FOLDS, scoring=window_scorer("accuracy"))
        for pipe in (first, second)
    ]
    assert_array_equal(*accuracies)
    windows = windower.fit_transform(table)
    for (train, test), accuracy in zip(FOLDS.split(windows), accuracies[0], strict=True):
        augmented = SynthefyAugmenter().fit_transform(windows[train])
        features = spectrum().fit_transform(augmented.to_numpy())
        classifier = clone(scaled).fit(features, augmented.y)
        of_test = spectrum().fit_transform(windows[test].to_numpy())
        assert accuracy == classifier.score(of_test, windows[test].y)
    log_loss = window_scorer("neg_log_loss")
    assert_allclose(
        cross_val_score(first, table, cv=FOLDS, scoring=log_loss),
        cross_val_score(second, table, cv=FOLDS, scoring=log_loss),
    )
    assert second.fit(table).classes_.tolist() == ["fast", "slow"]
    assert_allclose(second.predict_proba(table).sum(axis=1), 1.0)


# What cannot work


@pytest.mark.parametrize("train_on", ["real+synthetic", "synthetic"])
def test_a_plain_pipeline_with_a_bare_regressor_is_refused(windows: Windows, train_on: str) -> None:
    augmenter = SynthefyAugmenter(train_on=train_on)  # "synthetic": as many as real windows
    pipe = sklearn_pipeline.make_pipeline(augmenter, WindowFlattener(), Ridge())
    with pytest.raises(TypeError, match=r"skaug\.make_pipeline.*skaug\.WindowRegressor"):
        pipe.fit(windows, windows.y)


def test_a_plain_pipeline_with_a_bare_regressor_may_train_on_real_windows(windows: Windows) -> None:
    augmenter = SynthefyAugmenter(train_on="real")
    pipe = sklearn_pipeline.make_pipeline(augmenter, WindowFlattener(), Ridge())
    features = windows.to_numpy().reshape(len(windows), -1)
    expected = Ridge().fit(features, windows.y).predict(features)
    assert_allclose(pipe.fit(windows, windows.y).predict(windows), expected)


@pytest.mark.parametrize(
    ("steps", "is_labeled", "words"),
    [
        ([WindowSpectrum()], False, "requires y to be passed, but the target y is None"),
        ([WindowSpectrum()], True, "inconsistent numbers of samples"),
        ([SynthefyAugmenter(), WindowSpectrum()], True, "windows are synthetic, and only this"),
        ([], True, "Found array with dim 3"),
    ],
)
def test_the_guide_quotes_what_a_plain_pipeline_with_a_bare_regressor_says(
    steps: list[Any], is_labeled: bool, words: str, recordings: pd.DataFrame
) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    plain = sklearn_pipeline.make_pipeline(windower, *steps, RidgeCV())
    with pytest.raises((ValueError, TypeError), match=words):
        plain.fit(recordings, recordings["heart_rate"] if is_labeled else None)
    assert words in (Path(__file__).parents[1] / "docs/guide/features.md").read_text()
    remedies = [
        skaug.make_pipeline(windower, *steps, RidgeCV()),
        sklearn_pipeline.make_pipeline(windower, *steps, WindowRegressor(RidgeCV())),
    ]
    for remedy in remedies:
        if steps:
            assert len(remedy.fit(recordings).predict(recordings)) == 84
        else:
            with pytest.raises(ValueError, match=r"RidgeCV needs .* add WindowSpectrum"):
                remedy.fit(recordings)


def test_folds_that_share_subjects_raise_a_warning(case: Case) -> None:
    with pytest.warns(SubjectOverlapWarning, match="SubjectKFold"):
        cross_val_score(
            case.pipe(),
            case.X,
            case.y,
            cv=KFold(2, shuffle=case.samples == "windows", random_state=0)
            if case.samples == "windows"
            else KFold(4),
            scoring=case.scoring,
        )


def test_fitting_without_any_labels_is_an_error(door: str, recordings: pd.DataFrame) -> None:
    case = Case(door, "rows", recordings, None, None)
    pipe = case.pipe().set_params(subjectwindower__target=None)
    message = "no labels|requires y" if door == "skaug.Pipeline" else "no labels to fit"
    with pytest.raises(ValueError, match=message):
        pipe.fit(recordings)


def test_row_scores_and_window_scores_agree_without_overlap(recordings: pd.DataFrame) -> None:
    """If labels are constant within a window, both are the same mean."""
    constant = recordings.assign(
        heart_rate=recordings.groupby("subject")["heart_rate"].transform(
            lambda rate: np.repeat(rate.to_numpy()[::192], 192)[: len(rate)]
        )
    )
    pipe = skaug.make_pipeline(
        SubjectWindower(192, features=["BVP"], target="heart_rate"),
        SynthefyAugmenter(),
        spectrum(),
        Ridge(),
    )
    assert_allclose(
        cross_val_score(pipe, constant, cv=FOLDS, scoring=row_scorer(MAE)),
        cross_val_score(pipe, constant, cv=FOLDS, scoring=window_scorer(MAE)),
    )


def test_scoring_without_labels_names_the_remedy(door: str, windows: Windows) -> None:
    case = Case(door, "windows", windows, windows.y, MAE)
    pipe = case.pipe().fit(windows)
    unlabeled = Windows.from_arrays(windows.to_numpy(), feature_names=windows.feature_names)
    with pytest.raises(ValueError, match=r"no labels to score against: pass y, or name the target"):
        pipe.score(unlabeled)


# Errors with a remedy ---------------------------------------------------------------------------


@pytest.mark.parametrize("door", ["skaug.Pipeline", "WindowRegressor"])
def test_windows_straight_before_an_estimator_of_rows_name_the_missing_step(
    door: str, windows: Windows
) -> None:
    last = Ridge() if door == "skaug.Pipeline" else WindowRegressor(Ridge())
    make = skaug.make_pipeline if door == "skaug.Pipeline" else sklearn.pipeline.make_pipeline
    with pytest.raises(ValueError, match=r"Ridge needs one row of features.*WindowSpectrum\(\)"):
        make(SynthefyAugmenter(), last).fit(windows)


def test_a_pipeline_without_a_target_names_the_parameter(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, features=["BVP"])
    with pytest.raises(ValueError, match=r"no labels to fit Ridge to.*SubjectWindower\(target="):
        skaug.make_pipeline(windower, WindowStatistics(), Ridge()).fit(recordings)


def test_a_synthesizer_that_is_none_is_refused(windows: Windows) -> None:
    with pytest.raises(TypeError, match="'surrogate' must be a Synthesizer"):
        SynthefyAugmenter("surrogate").fit(windows)
