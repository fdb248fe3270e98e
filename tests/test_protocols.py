"""Comparisons of protocols: fits, folds, scores, predictions and what is refused."""

from __future__ import annotations

import time
import warnings
from inspect import signature
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import ExtraTreesRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import (
    brier_score_loss,
    make_scorer,
    max_error,
    mean_absolute_error,
    precision_score,
    r2_score,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from skaug import (
    DataWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    make_pipeline,
)
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_protocols
from skaug.evaluation.details import fingerprint
from skaug.evaluation.protocol_variants import under_protocol
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold, row_scorer, window_scorer
from skaug.server import running
from skaug.synthesis import SynthefyAPI, Synthesizer

MAE = "neg_mean_absolute_error"


def pipeline(*first: Any, **amount: Any) -> Any:
    spectrum = WindowSpectrum(0.5, 4.0, 32)
    augmenter = SynthefyAugmenter(**amount)
    return make_pipeline(*first, augmenter, spectrum, StandardScaler(), Ridge())


def test_scores_are_those_of_cross_validation(windows: Windows) -> None:
    scores = compare_protocols(
        pipeline(), windows, protocols=("TRTR", "TRSTR", "TSTR"), progress=False
    ).scores
    for protocol, train_on in (
        ("TRTR", "real"),
        ("TRSTR", "real+synthetic"),
        ("TSTR", "synthetic"),
    ):
        expected = cross_val_score(
            pipeline().set_params(synthefyaugmenter__train_on=train_on),
            windows,
            windows.y,
            cv=LeaveOneSubjectOut(),
            scoring=MAE,
        )
        assert_array_equal(scores.loc[scores["protocol"] == protocol, "score"], expected)


def test_rows_name_the_tested_subject_and_count_training_windows(windows: Windows) -> None:
    scores = compare_protocols(
        pipeline(n_synthetic=10),
        windows,
        protocols=("TRTR", "TRSTR", "TSTR"),
        cv=SubjectKFold(3),
        progress=False,
    ).scores.query("protocol != 'naive'")
    assert scores["protocol"].tolist() == ["TRTR"] * 6 + ["TRSTR"] * 6 + ["TSTR"] * 6
    assert scores["fold"].tolist() == [0, 0, 1, 1, 2, 2] * 3
    of_subject = pd.Series(windows.groups).value_counts()
    for (protocol, _), rows in scores.groupby(["protocol", "fold"]):
        n_real = len(windows) - of_subject[rows["subject"]].sum()
        assert (rows["n_real"] == (0 if protocol == "TSTR" else n_real)).all()
        assert (rows["n_synthetic"] == (0 if protocol == "TRTR" else 10)).all()
    for _, of_protocol in scores.groupby("protocol"):
        assert sorted(of_protocol["subject"]) == sorted(of_subject.index)


def test_scores_are_the_same_for_tables_windows_both_doors_and_searches(
    recordings: pd.DataFrame, windows: Windows
) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    scaled = sklearn_pipeline.make_pipeline(StandardScaler(), Ridge())
    second = sklearn_pipeline.make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), WindowRegressor(scaled)
    )
    search = GridSearchCV(
        pipeline(), {"ridge__alpha": [1.0]}, cv=SubjectKFold(2), scoring=window_scorer(MAE)
    )
    expected = compare_protocols(pipeline(), windows, cv=SubjectKFold(3), progress=False).scores
    for estimator, X in (
        (pipeline(windower), recordings),
        (second, windows),
        (search, windows),
    ):
        scores = compare_protocols(estimator, X, cv=SubjectKFold(3), progress=False).scores
        assert_allclose(scores["score"], expected["score"])
        assert_array_equal(scores["n_synthetic"], expected["n_synthetic"])


class Slow(Synthesizer):
    """Copies its conditions, and takes longer than any other step."""

    def synthesize(self, conditions: Windows) -> Windows:
        time.sleep(0.5)
        return conditions.synthesized(conditions.to_numpy())


def test_fits_from_the_cache_of_the_pipeline_take_no_negative_time(
    windows: Windows, tmp_path: Path
) -> None:
    estimator = pipeline().set_params(
        memory=str(tmp_path / "cache"), synthefyaugmenter__synthesizer=Slow()
    )
    first, again = (
        compare_protocols(
            estimator, windows, protocols=["TRSTR"], cv=SubjectKFold(2), progress=False
        ).scores
        for _ in range(2)
    )
    trained = first["protocol"] == "TRSTR"
    assert (first[trained]["synthesis_seconds"] >= 0.5).all()
    # The cached augmenter keeps the seconds of the first fit, which are not part of the second one.
    assert (again["fit_seconds"] >= 0).all()


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one(windows: Windows) -> None:
    one, two = (
        compare_protocols(pipeline(), windows, cv=SubjectKFold(2), n_jobs=n, progress=False).scores
        for n in (1, 2)
    )
    times = ["fit_seconds", "synthesis_seconds"]
    pd.testing.assert_frame_equal(one.drop(columns=times), two.drop(columns=times))


def test_more_than_twenty_subjects_are_tested_in_ten_folds() -> None:
    rng = np.random.default_rng(0)
    for n_subjects, n_folds in ((20, 20), (21, 10)):
        windows = Windows.from_arrays(
            rng.normal(size=(2 * n_subjects, 16, 1)),
            y=rng.normal(size=2 * n_subjects),
            groups=np.repeat(np.arange(n_subjects), 2),
        )
        simple = make_pipeline(SynthefyAugmenter(), WindowSpectrum(), Ridge())
        scores = compare_protocols(simple, windows, protocols=["TRTR"], progress=False).scores
        assert scores["fold"].nunique() == n_folds


def test_the_subject_column_may_have_another_name(recordings: pd.DataFrame) -> None:
    table = recordings.rename(columns={"subject": "wearer"})
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate", subject="wearer")
    scores = compare_protocols(pipeline(windower), table, progress=False).scores
    assert scores.loc[scores["protocol"] == "TRTR", "subject"].tolist() == [
        f"S{i}" for i in range(1, 7)
    ]


def test_groups_may_be_passed(windows: Windows) -> None:
    pairs = (pd.factorize(windows.groups)[0] // 2).astype(str)
    scores = compare_protocols(pipeline(), windows, groups=pairs, progress=False).scores
    assert sorted(set(scores["subject"])) == ["0", "1", "2"]


def test_a_subject_on_both_sides_is_refused(windows: Windows) -> None:
    with pytest.raises(ValueError, match="subject 'S1' on both sides"):
        compare_protocols(pipeline(), windows, cv=KFold(2, shuffle=True, random_state=0))


def test_exactly_one_augmenter_is_required(windows: Windows) -> None:
    with pytest.raises(ValueError, match="found none"):
        compare_protocols(make_pipeline(WindowSpectrum(), Ridge()), windows)
    with pytest.raises(ValueError, match="found 2: synthefyaugmenter-1, synthefyaugmenter-2"):
        compare_protocols(
            make_pipeline(SynthefyAugmenter(), SynthefyAugmenter(), WindowSpectrum(), Ridge()),
            windows,
        )


@pytest.mark.parametrize("protocols", [(), ("TRTR", "RTTR")])
def test_unknown_protocols_are_refused(windows: Windows, protocols: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="one or more of 'TRTR', 'TRSTR', 'TSTR', 'TRTS'"):
        compare_protocols(pipeline(), windows, protocols=protocols)


def test_an_error_in_a_fit_reaches_the_user(windows: Windows) -> None:
    with pytest.raises(ValueError, match="n_synthetic=-1"):
        compare_protocols(pipeline(n_synthetic=-1), windows, progress=False)


def test_the_scores_of_a_subject_are_those_of_its_predictions(windows: Windows) -> None:
    comparison = compare_protocols(
        pipeline(), windows, cv=SubjectKFold(2), scoring=[MAE, "r2"], progress=False
    )
    predictions = dict(list(comparison.predictions.groupby(["protocol", "subject"])))
    for row in comparison.scores.query("protocol != 'naive'").itertuples():
        of = predictions[row.protocol, row.subject]
        error = -mean_absolute_error(of["y_true"], of["y_pred"])
        fit = r2_score(of["y_true"], of["y_pred"])
        assert_allclose(row.score, {MAE: error, "r2": fit}[row.metric])


def test_each_window_is_predicted_once(windows: Windows) -> None:
    predictions = compare_protocols(
        pipeline(), windows, protocols=["TRTR"], cv=SubjectKFold(3), progress=False
    ).predictions
    origins = windows.origins.assign(y_true=windows.y).drop(columns="draw")
    found = predictions[["subject", "first_row", "y_true"]]
    keys = ["subject", "first_row"]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True), origins.sort_values(keys, ignore_index=True)
    )


def test_metrics_may_be_named_by_the_user(windows: Windows) -> None:
    worst = make_scorer(max_error, greater_is_better=False)
    scores = compare_protocols(
        pipeline(),
        windows,
        protocols=["TRTR"],
        scoring={"mae": window_scorer(MAE), "worst": worst, "best": make_scorer(r2_score)},
        progress=False,
    ).scores
    scores = scores[scores["protocol"] == "TRTR"]
    by_metric = {name: of["score"].to_numpy() for name, of in scores.groupby("metric")}
    assert list(by_metric) == ["best", "mae", "worst"]
    assert (by_metric["worst"] <= by_metric["mae"]).all()
    real = pipeline().set_params(synthefyaugmenter__train_on="real")
    expected = cross_val_score(real, windows, windows.y, cv=LeaveOneSubjectOut(), scoring="r2")
    assert_allclose(by_metric["best"], expected)


def test_rows_may_be_scored(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, 128, features=["BVP"], target="heart_rate")
    scores = compare_protocols(
        pipeline(windower),
        recordings,
        protocols=["TRTR"],
        scoring=row_scorer(MAE),
        progress=False,
    ).scores
    expected = cross_val_score(
        pipeline(windower).set_params(synthefyaugmenter__train_on="real"),
        recordings,
        cv=LeaveOneSubjectOut(),
        scoring=row_scorer(MAE),
    )
    assert_allclose(scores.query("protocol == 'TRTR'")["score"], expected)


class Recorder(Synthesizer):
    """Records what it is fitted on and conditioned on in `seen`, and returns the conditions minus 1."""

    seen: ClassVar[list[tuple[str, list[str], list[int]]]] = []

    def fit(self, windows: Windows) -> Recorder:
        self._note("fit", windows)
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        self._note("synthesize", conditions)
        return conditions.synthesized(conditions.to_numpy() - 1)

    def _note(self, what: str, windows: Windows) -> None:
        self.seen.append((what, sorted(set(windows.groups)), windows.origins["draw"].tolist()))


def test_synthetic_test_windows_are_made_from_the_test_subject_only(windows: Windows) -> None:
    Recorder.seen.clear()
    estimator = pipeline().set_params(synthefyaugmenter__synthesizer=Recorder())
    comparison = compare_protocols(
        estimator, windows, protocols=["TRTS"], cv=SubjectKFold(3), progress=False
    )
    tested = comparison.scores.query("protocol == 'TRTS'")["subject"]
    assert [who for what, who, _ in Recorder.seen if what == "synthesize"] == [
        [subject] for subject in tested
    ]
    assert all(len(who) == 1 for _, who, _ in Recorder.seen)
    assert comparison.predictions["is_synthetic"].all()
    assert (comparison.scores["n_synthetic"] == 0).all()
    fitted = pipeline().set_params(synthefyaugmenter__train_on="real")
    test = windows.groups == comparison.scores["subject"][0]
    fold = comparison.scores["fold"] == 0
    train = ~np.isin(windows.groups, comparison.scores.loc[fold, "subject"])
    fitted.fit(windows[train])
    expected = fitted.predict(windows[test].to_numpy() - 1)
    found = comparison.predictions.query("subject == @comparison.scores['subject'][0]")
    order = windows[test].origins["first_row"].argsort()
    assert_allclose(found.sort_values("first_row")["y_pred"], expected[order])


def test_a_search_validates_on_real_windows_before_it_is_tested_on_synthetic_ones(
    windows: Windows,
) -> None:
    search = GridSearchCV(
        pipeline().set_params(synthefyaugmenter__synthesizer=Recorder()),
        {"ridge__alpha": [1.0, 10.0]},
        cv=SubjectKFold(2),
        scoring=window_scorer(MAE),
    )
    Recorder.seen.clear()
    compare_protocols(search, windows, protocols=["TRTS"], cv=SubjectKFold(2), progress=False)
    assert sum(what == "synthesize" for what, _, _ in Recorder.seen) == 6  # subjects


def test_synthetic_tests_are_the_same_wherever_the_augmenter_is(
    recordings: pd.DataFrame, windows: Windows, tmp_path: Path
) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    scaled = sklearn_pipeline.make_pipeline(StandardScaler(), Ridge())
    second = sklearn_pipeline.make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), WindowRegressor(scaled)
    )
    grid = {"ridge__alpha": [1.0]}
    search = GridSearchCV(pipeline(), grid, cv=SubjectKFold(2), scoring=window_scorer(MAE))
    cached = pipeline().set_params(memory=str(tmp_path / "cache"))

    def predictions(estimator: Any, X: Any) -> pd.DataFrame:
        return compare_protocols(
            estimator, X, protocols=["TRTS"], cv=SubjectKFold(3), progress=False
        ).predictions

    expected = predictions(pipeline(), windows)
    assert expected["is_synthetic"].all()
    for estimator, X in (
        (pipeline(windower), recordings),
        (second, windows),
        (search, windows),
        (TransformedTargetRegressor(search), windows),
        (cached, windows),
        (cached, windows),
    ):
        pd.testing.assert_frame_equal(predictions(estimator, X), expected)


def test_passed_labels_are_those_of_synthetic_test_windows(windows: Windows) -> None:
    y = windows.y + 100
    predictions = compare_protocols(
        pipeline(), windows, y, protocols=["TRTS"], progress=False
    ).predictions
    assert predictions["y_true"].min() > 100


def test_the_control_repeats_as_many_real_windows(windows: Windows) -> None:
    comparison = compare_protocols(
        pipeline(ratio=0.5), windows, protocols=["TRSTR", "TRRTR"], progress=False
    )
    of_protocol = dict(list(comparison.scores.groupby("protocol")))
    synthetic, repeated = of_protocol["TRSTR"], of_protocol["TRRTR"]
    assert_array_equal(
        repeated["n_real"].to_numpy(), (synthetic["n_real"] + synthetic["n_synthetic"]).to_numpy()
    )
    assert (repeated["n_synthetic"] == 0).all()

    doubled = pipeline(ratio=1.0)
    weighted = compare_protocols(doubled, windows, protocols=["TRRTR"], progress=False).scores
    weighted = weighted[weighted["protocol"] == "TRRTR"]
    for subject, score in zip(weighted["subject"], weighted["score"], strict=True):
        train = windows[windows.groups != subject]
        twice = Windows.concatenate([train, train])
        alone = make_pipeline(WindowSpectrum(0.5, 4.0, 32), StandardScaler(), Ridge()).fit(twice)
        test = windows[windows.groups == subject]
        assert_allclose(-mean_absolute_error(test.y, alone.predict(test)), score)


def test_only_windows_that_may_be_conditions_are_duplicated(windows: Windows) -> None:
    class OfOne(Recorder):
        def can_condition(self, windows: Windows) -> np.ndarray:
            return windows.groups == "S1"

    estimator = pipeline(ratio=2.0).set_params(synthefyaugmenter__synthesizer=OfOne())
    counts = compare_protocols(
        estimator,
        windows,
        protocols=["TRTR", "TRSTR", "TRRTR"],
        cv=[(np.flatnonzero(windows.groups != "S2"), np.flatnonzero(windows.groups == "S2"))],
        progress=False,
    ).scores.set_index("protocol")
    added = 2 * (windows.groups == "S1").sum()
    assert counts.loc["TRSTR", "n_synthetic"] == added
    assert counts.loc["TRRTR", "n_real"] - counts.loc["TRTR", "n_real"] == added


@pytest.mark.parametrize("amount", [{"ratio": x} for x in (0.5, 1.0, 1.5)] + [{"n_synthetic": 7}])
def test_repeats_use_further_draws(windows: Windows, amount: dict[str, float]) -> None:
    Recorder.seen.clear()
    estimator = pipeline(**amount)
    estimator.set_params(synthefyaugmenter__synthesizer=Recorder())
    compare_protocols(
        estimator, windows, protocols=["TSTR"], cv=SubjectKFold(2), n_repeats=3, progress=False
    )
    draws = [set(draw) for what, _, draw in Recorder.seen if what == "synthesize"]
    first, second, third = (set().union(*draws[i : i + 2]) for i in (0, 2, 4))
    assert 0 in first
    assert max(first) < min(second) <= max(second) < min(third)


def test_repeats_use_other_synthetic_windows_on_the_same_folds(windows: Windows) -> None:
    scores = compare_protocols(
        pipeline(), windows, cv=SubjectKFold(3), n_repeats=2, progress=False
    ).scores
    by_repeat = scores.pivot_table(
        index=["protocol", "fold", "subject"], columns="repeat", values="score"
    )
    assert_array_equal(*by_repeat.loc["TRTR"].to_numpy().T)
    assert (by_repeat.loc["TRSTR"][0] != by_repeat.loc["TRSTR"][1]).all()


def test_an_undefined_metric_is_nan_for_that_subject(windows: Windows) -> None:
    above = windows.y > np.median(windows.y)
    above[windows.groups == "S1"] = True
    classifier = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), StandardScaler(), LogisticRegression()
    )
    comparison = compare_protocols(
        classifier, windows, above, scoring=["accuracy", "roc_auc"], progress=False
    )
    missing = comparison.scores.query("score.isna()")
    assert set(missing["metric"]) == {"roc_auc"}
    assert set(missing["subject"]) == set(comparison.left_out("roc_auc")) >= {"S1"}
    n_subjects = comparison.summary()["n_subjects"]
    assert (n_subjects.xs("accuracy", level="metric") == 6).all()
    assert (n_subjects.xs("roc_auc", level="metric") < 6).all()


def test_shared_subjects_may_be_allowed(windows: Windows) -> None:
    cv = KFold(2, shuffle=True, random_state=0)
    comparison = compare_protocols(
        pipeline(), windows, cv=cv, allow_shared_subjects=True, progress=False
    )
    assert comparison.details["shared_subjects"]
    assert not compare_protocols(pipeline(), windows, progress=False).details["shared_subjects"]


def test_details_count_the_windows_requested_and_paid_for(
    windows: Windows, tmp_path: Path, monkeypatch: Any
) -> None:
    windower = SubjectWindower(256, features=["BVP", "ECG"], target="heart_rate")
    table = simulate_ppg(n_subjects=3, minutes=0.5, sampling_rate=32, random_state=3)
    monkeypatch.setenv("SYNTHEFY_API_KEY", "key")
    with running(256, api_key="key") as service:
        api = SynthefyAPI("u", "d", "j", base_url=service.base_url, store=tmp_path / "store")
        estimator = pipeline(windower).set_params(synthefyaugmenter__synthesizer=api)
        first, again = (
            compare_protocols(estimator, table, progress=False).details for _ in range(2)
        )
        n_windows = len(windower.fit_transform(table))
        assert (first["windows_requested"], first["windows_paid"]) == (2 * n_windows, n_windows)
        assert (again["windows_requested"], again["windows_paid"]) == (2 * n_windows, 0)
        assert service.computed == n_windows
        assert "key" not in first["estimator"].replace("api_key_env", "")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"protocols": "TRTR"}, r"must be a list: \['TRTR'\]"),
        ({"n_repeats": 0}, "n_repeats=0"),
        ({"n_repeats": True}, "n_repeats=True"),
        ({"random_state": -1}, "random_state=-1"),
        ({"random_state": True}, "random_state=True"),
        ({"rope": -1.0}, "rope=-1.0"),
        ({"rope": True}, "rope=True"),
        ({"rope": {"r2": 0.1}}, "'r2', which is not scored"),
        ({"rope": 1.0, "scoring": [MAE, "r2"]}, "pass a dict"),
        ({"scoring": []}, "no metric"),
        ({"scoring": "mae"}, "mae"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_fitted(
    windows: Windows, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare_protocols(pipeline(n_synthetic=-1), windows, **wrong)


# Labels, groups and searches


def test_labels_of_rows_become_those_of_windows(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, 128, features=["BVP"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    by_row, by_window = (
        compare_protocols(pipeline(), windows, y, protocols=["TRTR"], progress=False).scores
        for y in (recordings["heart_rate"].to_numpy(), None)
    )
    assert_allclose(by_row["score"], by_window["score"])


@pytest.mark.parametrize("what", ["y", "groups"])
def test_labels_and_groups_of_another_length_are_refused(
    windows: Windows, recordings: pd.DataFrame, what: str
) -> None:
    windower = SubjectWindower(256, 128, features=["BVP"], target="heart_rate")
    for estimator, X, n in (
        (pipeline(), windows, len(windows)),
        (pipeline(windower), recordings, len(recordings)),
    ):
        for wrong in (np.zeros(n - 1), np.zeros(n + 1)):
            with pytest.raises(ValueError, match=rf"{len(wrong)} (entries|labels)"):
                compare_protocols(estimator, X, **{what: wrong}, progress=False)


@pytest.mark.parametrize(
    "name",
    [
        "synthefyaugmenter__train_on",
        "synthefyaugmenter__ratio",
        "synthefyaugmenter__n_synthetic",
        "synthefyaugmenter",
    ],
)
def test_a_search_over_parameters_that_the_protocols_set_is_refused(
    windows: Windows, name: str
) -> None:
    search = GridSearchCV(pipeline(), {name: [1]}, cv=SubjectKFold(2))
    nested = sklearn_pipeline.Pipeline([("inner", search)])
    for estimator in (search, nested):
        with pytest.raises(ValueError, match=f"varies '{name}'"):
            compare_protocols(estimator, windows)


def test_a_class_that_is_never_predicted_is_a_score(windows: Windows) -> None:
    y = np.where(windows.y > np.median(windows.y), "fast", "slow")

    class AllSlow(Synthesizer):
        def synthesize(self, conditions: Windows) -> Windows:
            return conditions.synthesized(conditions.to_numpy(), np.full(len(conditions), "slow"))

    classifier = make_pipeline(
        SynthefyAugmenter(AllSlow(), ratio=5.0),
        WindowSpectrum(0.5, 4, 32),
        RandomForestClassifier(5, random_state=0),
    )
    comparison = compare_protocols(
        classifier, windows, y, scoring="precision_macro", progress=False
    )
    assert comparison.left_out() == []
    predictions = comparison.predictions.query("protocol == 'TRSTR'")
    for row in comparison.scores.query("protocol == 'TRSTR'").itertuples():
        of = predictions[predictions["subject"] == row.subject]
        expected = precision_score(of["y_true"], of["y_pred"], average="macro", zero_division=0.0)
        assert_allclose(row.score, expected)


def test_classifiers_without_a_decision_function_have_an_area_under_the_curve(
    windows: Windows,
) -> None:
    y = (np.arange(len(windows)) % 3 == 0).astype(int)
    forest = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4, 32), RandomForestClassifier(5, random_state=0)
    )
    found = compare_protocols(
        forest, windows, y, protocols=["TRTR"], scoring="roc_auc", progress=False
    )
    real = forest.set_params(synthefyaugmenter__train_on="real")
    expected = cross_val_score(real, windows, y, cv=LeaveOneSubjectOut(), scoring="roc_auc")
    assert_allclose(found.scores.query("protocol == 'TRTR'")["score"], expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_subject_that_lacks_a_class_has_probability_scores(
    windows: Windows, n_classes: int
) -> None:
    y = np.where(windows.groups == "S1", 0, np.arange(len(windows)) % n_classes)
    y = np.array(["a", "b", "c"], dtype=object)[y]
    classifier = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4, 32), StandardScaler(), LogisticRegression()
    )
    scoring = ["neg_log_loss", "neg_brier_score"]
    if n_classes == 3 and "labels" not in signature(brier_score_loss).parameters:
        scoring = scoring[:1]  # scikit-learn before 1.7
    comparison = compare_protocols(
        classifier, windows, y, protocols=["TRTR"], scoring=scoring, progress=False
    )
    real = classifier.set_params(synthefyaugmenter__train_on="real")
    is_test = windows.groups == "S1"
    real.fit(windows[~is_test], y[~is_test])
    chances = real.predict_proba(windows[is_test])
    truth = real.classes_ == "a"
    squares = ((chances - truth) ** 2).sum(axis=1).mean()
    expected = [-np.log(chances[:, 0]).mean(), squares / (2 if n_classes == 2 else 1)]
    for metric, error in zip(scoring, expected, strict=False):
        assert comparison.left_out(metric) == []
        assert comparison.by_subject(metric).loc["S1", "TRTR"] == pytest.approx(-error)


def test_every_comparison_has_the_naive_baseline(windows: Windows) -> None:
    comparison = compare_protocols(pipeline(), windows, n_repeats=2, progress=False)
    assert comparison.protocols == ["TRTR", "TRSTR"]
    assert comparison.baselines == ["naive"]
    errors = {}
    for subject in set(windows.groups):
        test = windows.groups == subject
        center = {"mean": np.mean, "median": np.median}
        for kind, of in center.items():
            errors.setdefault(kind, []).append(
                np.abs(windows.y[test] - of(windows.y[~test])).mean()
            )
    kind = min(errors, key=lambda name: np.mean(errors[name]))
    assert comparison.details["naive"] == {MAE: kind}
    naive = comparison.scores.query("protocol == 'naive'")
    assert naive.groupby("repeat")["score"].sum().to_numpy() == pytest.approx(-sum(errors[kind]))
    assert (naive[["n_synthetic", "fit_seconds", "synthesis_seconds"]] == 0).all(axis=None)
    row = comparison.summary().loc[("naive", MAE)]
    assert row["verdict"] == "baseline"
    assert row[["p_value", "p_holm", "p_wilcoxon", "p_corrected"]].isna().all()
    assert row["mean"] == pytest.approx(-np.mean(errors[kind]))


def test_baselines_of_tables_and_rows_are_those_of_windows(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    ours = {"statistics": make_pipeline(WindowStatistics(), Ridge())}
    of_windows, of_tables = (
        compare_protocols(
            pipe, X, protocols=["TRTR"], baselines=ours, cv=SubjectKFold(3), progress=False
        )
        for pipe, X in ((pipeline(), windows), (pipeline(windower), recordings))
    )
    assert of_tables.baselines == ["naive", "statistics"]
    assert_allclose(of_tables.scores["score"], of_windows.scores["score"])
    real = ours["statistics"]
    expected = cross_val_score(real, windows, windows.y, cv=LeaveOneSubjectOut(), scoring=MAE)
    of_rows = compare_protocols(
        pipeline(windower),
        recordings,
        protocols=["TRTR"],
        scoring={"windows": MAE, "rows": row_scorer(MAE)},
        baselines=ours,
        progress=False,
    )
    found = of_rows.scores.query("protocol == 'statistics'").pivot_table(
        index="subject", columns="metric", values="score", sort=False
    )
    assert_allclose(found["windows"], expected)
    assert len(of_rows.scores.query("protocol == 'naive' and metric == 'rows'")) == 6
    first = recordings[recordings["subject"] == "S1"]["heart_rate"]
    others = windows.y[windows.groups != "S1"]
    center = {"mean": np.mean, "median": np.median}[of_rows.details["naive"]["rows"]](others)
    covered = first.iloc[: len(first) // 256 * 256]
    score = of_rows.scores.query("protocol == 'naive' and metric == 'rows' and subject == 'S1'")
    assert score["score"].item() == pytest.approx(-np.abs(covered - center).mean())


def test_a_metric_that_needs_the_samples_has_no_naive_baseline(windows: Windows) -> None:
    def per_sample(estimator: Any, X: Any, y: Any) -> float:
        return -float(np.abs(estimator.predict(X) - y).mean()) / X.shape[1]

    comparison = compare_protocols(pipeline(), windows, scoring=per_sample, progress=False)
    assert comparison.baselines == []
    assert comparison.details["naive"] == {"per_sample": None}
    assert "no naive baseline, because per sample needs the samples" in comparison.verdict()


@pytest.mark.parametrize(
    "metric",
    [
        "accuracy",
        "neg_log_loss",
        "roc_auc",
        make_scorer(roc_auc_score, response_method="decision_function"),
    ],
)
def test_scorers_of_classes_probabilities_and_decisions_have_a_naive_baseline(
    windows: Windows, metric: Any
) -> None:
    y = np.where(np.arange(len(windows)) % 3 == 0, "yes", "no")
    classifier = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4, 32), StandardScaler(), LogisticRegression()
    )
    comparison = compare_protocols(
        classifier, windows, y, protocols=["TRTR"], scoring=metric, progress=False
    )
    assert list(comparison.details["naive"].values()) == ["prior"]
    assert comparison.summary().loc["naive", "mean"].notna().all()


@pytest.mark.parametrize("name", ["TRSTR", "naive", 3])
def test_baselines_have_names_of_their_own(windows: Windows, name: Any) -> None:
    with pytest.raises(ValueError, match="cannot have the name"):
        compare_protocols(pipeline(), windows, baselines={name: DummyRegressor()})
    with pytest.raises(ValueError, match="'mine' contains a SynthefyAugmenter"):
        compare_protocols(pipeline(), windows, baselines={"mine": pipeline()})


def test_more_features_than_windows_are_said_once(windows: Windows) -> None:
    with pytest.warns(DataWarning, match="58 features for 56 training windows") as said:
        compare_protocols(pipeline(), windows, cv=SubjectKFold(3), progress=False)
    assert len([w for w in said if issubclass(w.category, DataWarning)]) == 1
    trees = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4, 32), ExtraTreesRegressor(3, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare_protocols(trees, windows, cv=SubjectKFold(3), progress=False)
        pipeline().fit(windows)


def test_permuted_labels_are_those_of_the_same_windows(windows: Windows) -> None:
    Recorder.seen.clear()
    estimator = pipeline(ratio=0.5).set_params(synthefyaugmenter__synthesizer=Recorder())
    fitted = {}
    for protocol in ("TRSTR", "TRPTR"):
        fitted[protocol] = under_protocol(
            estimator, "synthefyaugmenter", protocol, 1, (0, 2, 1)
        ).fit(windows)
    assert Recorder.seen[: len(Recorder.seen) // 2] == Recorder.seen[len(Recorder.seen) // 2 :]
    plain, permuted = (fitted[name][0].synthetic_windows_ for name in ("TRSTR", "TRPTR"))
    assert_array_equal(plain.to_numpy(), permuted.to_numpy())
    pd.testing.assert_frame_equal(plain.origins, permuted.origins)
    assert sorted(plain.y) == sorted(permuted.y)
    assert not np.array_equal(plain.y, permuted.y)
    again = under_protocol(estimator, "synthefyaugmenter", "TRPTR", 1, (0, 2, 1)).fit(windows)
    assert_array_equal(again[0].synthetic_windows_.y, permuted.y)


def test_classifiers_are_scored_by_accuracy_and_regressors_by_error(windows: Windows) -> None:
    y = np.where(np.arange(len(windows)) % 3 == 0, "yes", "no")
    classifier = make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4, 32), StandardScaler(), LogisticRegression()
    )
    found = compare_protocols(classifier, windows, y, protocols=["TRTR"], progress=False)
    assert found.metrics == ["accuracy", "balanced_accuracy"]
    assert compare_protocols(
        pipeline(), windows, protocols=["TRTR"], cv=SubjectKFold(2), progress=False
    ).metrics == [MAE]


def test_tests_on_synthetic_windows_need_window_scores_and_a_ratio(windows: Windows) -> None:
    with pytest.raises(ValueError, match="do not lie on rows"):
        compare_protocols(pipeline(), windows, protocols=["TRTS"], scoring=row_scorer(MAE))
    with pytest.raises(ValueError, match=r"n_synthetic=10 .*use ratio=1\.0"):
        compare_protocols(pipeline(n_synthetic=10), windows, protocols=["TRTS"])


def test_arrays_have_the_scores_of_windows_in_meta_estimators(windows: Windows) -> None:
    search = GridSearchCV(
        pipeline(), {"ridge__alpha": [1e-3, 1e3]}, cv=SubjectKFold(2), scoring=MAE
    )
    scaled = TransformedTargetRegressor(pipeline(), func=np.log, inverse_func=np.exp)
    X, y, groups = windows.to_numpy(), windows.y, windows.groups
    made = Windows.from_arrays(X, y, groups)
    for estimator in (search, scaled):
        expected = compare_protocols(estimator, made, cv=SubjectKFold(3), progress=False).scores
        for array in (X, X.tolist()):
            found = compare_protocols(
                estimator, array, y, groups=groups, cv=SubjectKFold(3), progress=False
            ).scores
            assert_allclose(found["score"], expected["score"])


def test_subjects_with_the_same_name_are_refused(windows: Windows) -> None:
    groups = np.where(windows.groups == "S1", 1, windows.groups.astype(object))
    groups[windows.groups == "S2"] = "1"
    with pytest.raises(ValueError, match="Two subjects are called '1'"):
        compare_protocols(pipeline(), windows, groups=groups)


def test_the_control_counts_variations(recordings: pd.DataFrame) -> None:
    windows = SubjectWindower(256, 128, features=["BVP"], target="heart_rate").fit_transform(
        recordings
    )
    estimator = pipeline(ratio=0.1).set_params(
        synthefyaugmenter__synthesizer=Varied(),
        synthefyaugmenter__variations=[{"heart_rate": ("add", x)} for x in (1, 2, 3)],
    )
    counts = (
        compare_protocols(estimator, windows, protocols=["TRTR", "TRSTR", "TRRTR"], progress=False)
        .scores.groupby("protocol")[["n_real", "n_synthetic"]]
        .sum()
    )
    added = counts.loc["TRRTR", "n_real"] - counts.loc["TRTR", "n_real"]
    assert added == counts.loc["TRSTR", "n_synthetic"] > 0


class Varied(Synthesizer):
    """Accepts edited conditions, and returns them."""

    supports_variations = True

    def synthesize(self, conditions: Windows) -> Windows:
        return conditions.synthesized(conditions.to_numpy())


@pytest.mark.filterwarnings("ignore:.* recordings are left out:skaug.DataWarning")
def test_a_subject_with_too_short_a_recording_is_left_out_with_a_warning(
    recordings: pd.DataFrame,
) -> None:
    short = recordings[(recordings["subject"] != "S1") | (recordings.index < 200)]
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    with pytest.warns(UserWarning, match="no window could be cut from their recordings: S1"):
        comparison = compare_protocols(pipeline(windower), short, progress=False)
    assert sorted(comparison.by_subject().index) == ["S2", "S3", "S4", "S5", "S6"]


def test_folds_may_be_masks_and_there_must_be_one(windows: Windows) -> None:
    test = windows.groups == "S1"
    masks, positions = (
        compare_protocols(pipeline(), windows, cv=[split], progress=False).scores["score"]
        for split in ((~test, test), (np.flatnonzero(~test), np.flatnonzero(test)))
    )
    assert_array_equal(masks, positions)
    with pytest.raises(ValueError, match="cv holds no split"):
        compare_protocols(pipeline(), windows, cv=[])


def test_metrics_with_the_same_name_are_refused(windows: Windows) -> None:
    named = make_scorer(mean_absolute_error, greater_is_better=False)
    assert compare_protocols(
        pipeline(), windows, scoring=named, cv=SubjectKFold(2), progress=False
    ).metrics == ["mean_absolute_error"]
    with pytest.raises(ValueError, match="Two metrics are called 'r2'"):
        compare_protocols(pipeline(), windows, scoring=["r2", window_scorer("r2")])


def test_different_data_have_different_fingerprints(windows: Windows) -> None:
    changed = windows.to_numpy()
    changed[3, 5, 1] += 1
    y = windows.y.copy()
    y[7] += 1
    two = np.stack([windows.y, windows.y], axis=1)
    versions = [
        windows,
        windows.with_samples(changed),
        windows.relabel(y),
        windows.relabel(two),
        windows.relabel(two + [0, 1]),
        windows[1:],
    ]
    prints = [fingerprint(version) for version in versions]
    assert len(set(prints)) == len(prints)
    assert fingerprint(windows[:]) == prints[0]
