"""Several labels per window: each is what it is alone, through every step, and is scored by itself."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import make_scorer, mean_absolute_error
from sklearn.model_selection import cross_val_score, train_test_split

from skaug import (
    OnlineWindower,
    SpectralPeakRegressor,
    SubjectOverlapWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    Windows,
    WindowStatistics,
    make_pipeline,
    predict_rows,
)
from skaug.cli import main
from skaug.evaluation import (
    ProtocolComparison,
    compare_protocols,
    compare_synthesizers,
    learning_curve,
)
from skaug.evaluation.displays.metric_names import signed
from skaug.model_selection import StratifiedSubjectKFold, SubjectKFold, row_scorer, window_scorer
from skaug.synthesis import (
    ChoiceSynthesizer,
    Jitter,
    MixupSynthesizer,
    RateSynthesizer,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    Synthesizer,
    TimeShift,
    TransformSynthesizer,
)

TARGETS = ["heart_rate", "breaths"]
MAE = "neg_mean_absolute_error"


@pytest.fixture(scope="module")
def table(recordings: pd.DataFrame) -> pd.DataFrame:
    """With a second rate, which is not that of the heart."""
    slow = np.sin(np.arange(len(recordings)) / 700)
    return recordings.assign(breaths=12 + 3 * slow + recordings["AGE"] / 40)


@pytest.fixture(scope="module")
def both(table: pd.DataFrame) -> Windows:
    return windower().fit_transform(table)


def windower(target: Any = TARGETS, **parameters: Any) -> SubjectWindower:
    return SubjectWindower(256, 128, features=["BVP", "ECG"], target=target, **parameters)


def pipeline(target: Any = TARGETS, **augmenter: Any) -> Any:
    steps = SynthefyAugmenter(**augmenter), WindowStatistics(), Ridge()
    return make_pipeline(windower(target), *steps)


# Labels


@pytest.mark.parametrize("aggregation", ["mean", "median", "first", "center", "last", "max"])
@pytest.mark.parametrize("is_polars", [False, True])
def test_each_label_is_that_of_its_target_alone(
    aggregation: str, is_polars: bool, table: pd.DataFrame
) -> None:
    cut = pl.from_pandas(table) if is_polars else table
    windows = windower(target_agg=aggregation).fit_transform(cut)
    for i, name in enumerate(TARGETS):
        alone = windower(name, target_agg=aggregation).fit_transform(cut)
        assert_array_equal(windows.y[:, i], alone.y)
        assert_array_equal(windows.to_numpy(), alone.to_numpy())
    assert windows.provenance.outputs == tuple(TARGETS)
    assert repr(windows).endswith("6 subjects, labeled with heart_rate, breaths)")
    assert "mean of breaths" in windows._repr_html_()


def test_a_callable_aggregates_each_target(table: pd.DataFrame) -> None:
    windows = windower(target_agg=lambda rows: np.ptp(rows, axis=1)).fit_transform(table)
    for i, name in enumerate(TARGETS):
        alone = windower(name, target_agg=lambda rows: np.ptp(rows, axis=1)).fit_transform(table)
        assert_array_equal(windows.y[:, i], alone.y)


def test_a_list_of_one_target_makes_a_column_as_in_scikit_learn(table: pd.DataFrame) -> None:
    windows = windower(["breaths"]).fit_transform(table)
    assert_array_equal(windows.y, windower("breaths").fit_transform(table).y[:, None])
    assert windows.provenance.outputs == ("breaths",)
    rows = predict_rows(pipeline(["breaths"]).fit(table), table)
    # Whether a model returns one column or none depends on the model, and on the version of scikit-learn.
    assert_allclose(np.ravel(rows), predict_rows(pipeline("breaths").fit(table), table))


def test_columns_of_an_array_are_targets_by_position() -> None:
    X = np.column_stack([np.arange(8.0), np.arange(8.0) + 50, np.arange(8.0) - 5])
    windows = SubjectWindower(4, features=[0], subject=None, target=[2, 1]).fit_transform(X)
    assert_array_equal(windows.y, [[-3.5, 51.5], [0.5, 55.5]])
    step = SubjectWindower(4, features=[0], subject=None, target=[2, 1]).fit(X)
    assert step.n_features_in_ == 1
    assert step.transform(X[:, :1]).y is None


def test_classes_of_several_targets_stay_classes(table: pd.DataFrame) -> None:
    table = table.assign(
        posture=np.where(table["heart_rate"] > 80, "up", "down"), rests=table["heart_rate"] < 75
    )
    windows = windower(["posture", "rests"], target_agg="mode").fit_transform(table)
    assert windows.y.dtype == object
    assert set(windows.y[:, 0]) == {"up", "down"}
    assert set(windows.y[:, 1]) == {True, False}
    step = windower(["posture", "rests"], target_agg="mode")
    forest = RandomForestClassifier(5, random_state=0)
    text = table.assign(rests=table["rests"].astype(str))
    pipe = make_pipeline(step, WindowStatistics(), forest).fit(text)
    assert pipe.predict(text).shape == windows.y.shape
    online = OnlineWindower(pipe)
    assert list(online.push(text.iloc[:9]).columns) == ["posture", "rests"]
    found = online.push(text.iloc[9:])
    assert_array_equal(found, pipe.predict(text))
    assert list(found.columns) == ["posture", "rests"]
    message = "predicts several classes per window, .*: fit a pipeline for each target"
    for method in ("predict", "predict_proba"):
        with pytest.raises(ValueError, match=message):
            predict_rows(pipe, text, method)
    with pytest.raises(ValueError, match=message):
        OnlineWindower(pipe).push(text, "predict_proba")


@pytest.mark.filterwarnings("ignore:.* windows are left out. values are missing")
@pytest.mark.parametrize("missing", ["drop", "ffill", "keep"])
def test_windows_that_miss_any_target_are_treated_as_those_that_miss_one(
    missing: str, table: pd.DataFrame
) -> None:
    table = table.copy()
    table.loc[10:12, "breaths"] = np.nan
    table.loc[3000:3300, "heart_rate"] = np.nan
    windows = windower(missing=missing).fit_transform(table)
    alone = [windower(name, missing=missing).fit_transform(table) for name in TARGETS]
    origins = [set(part.origins.itertuples(index=False, name=None)) for part in alone]
    kept = list(windows.origins.itertuples(index=False, name=None))
    assert set(kept) == origins[0] & origins[1]
    for i, part in enumerate(alone):
        of_each = dict(zip(part.origins.itertuples(index=False, name=None), part.y, strict=True))
        assert_array_equal(windows.y[:, i], [of_each[origin] for origin in kept])
        if missing == "ffill":
            label = windows.context[TARGETS[i]].groupby("window").mean()
            assert_allclose(label, windows.y[:, i])
    labels = windower(missing=missing).fit(table).cutting_.labels(table)
    assert_array_equal(labels.y, windows.y)
    counts = windower(missing=missing).fit(table).cutting_.count(table)
    assert counts["n_windows"].sum() == len(windows)


def test_the_error_names_the_targets_that_are_missing(table: pd.DataFrame) -> None:
    gappy = table.copy()
    gappy.loc[[10, 12], "breaths"] = np.nan
    message = r"missing or infinite in 'breaths' \(2\), of subject 'S1'"
    with pytest.raises(ValueError, match=message):
        windower().fit_transform(gappy)
    with pytest.raises(ValueError, match=message):
        windower().fit(table).cutting_.labels(gappy)
    y = gappy[TARGETS].to_numpy()
    with pytest.raises(ValueError, match=r"missing or infinite in 'y\[1\]' \(2\)"):
        windower().fit_transform(table, y)


@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, partial(pl.DataFrame, schema=TARGETS)])
def test_labels_of_rows_are_aggregated_like_columns(
    form: Any, table: pd.DataFrame, both: Windows
) -> None:
    y = form(table[TARGETS].to_numpy())
    assert_array_equal(windower(None).fit_transform(table, y).y, both.y)
    assert_array_equal(both.relabel(y).y, both.y)
    assert_array_equal(windower(None).fit_transform(table, both.y).y, both.y)


def test_passed_labels_of_both_kinds_are_refused(table: pd.DataFrame) -> None:
    y = table[["heart_rate"]].assign(posture="up")
    with pytest.raises(ValueError, match=r"'y\[1\]' holds text, and 'y\[0\]' numbers"):
        windower(None).fit_transform(table, y)


def test_names_of_labels_that_were_passed_are_those_of_a_data_frame() -> None:
    y = pd.DataFrame({"one": [1.0, 2.0], "two": [3.0, 4.0]})
    X = np.zeros((2, 8, 1))
    assert Windows.from_arrays(X, y).provenance.outputs == ("one", "two")
    assert Windows.from_arrays(X, y.to_numpy()).provenance.outputs == ("0", "1")
    assert Windows.from_arrays(X, y).relabel(y.to_numpy() + 1).provenance.outputs == ("0", "1")


# Through scikit-learn


def test_labels_stay_with_their_windows(both: Windows) -> None:
    assert_array_equal(both[::3].y, both.y[::3])
    assert_array_equal(both[both.groups == "S2"].y, both.y[both.groups == "S2"])
    copied = pickle.loads(pickle.dumps(both[4:9]))
    assert_array_equal(copied.y, both.y[4:9])
    assert copied.provenance.outputs == tuple(TARGETS)
    assert joblib.hash(copied) == joblib.hash(both[4:9])
    joined = Windows.concatenate([both[7:], both[:7]])
    assert_array_equal(joined.y, np.roll(both.y, -7, axis=0))
    train, test, y_train, y_test = train_test_split(both, both.y, random_state=0)
    assert_array_equal(train.y, y_train)
    assert_array_equal(test.y, y_test)


def test_windows_with_other_labels_cannot_be_joined(table: pd.DataFrame, both: Windows) -> None:
    swapped = windower(TARGETS[::-1]).fit_transform(table)
    message = "labeled with heart_rate, breaths cannot join windows labeled with breaths, heart"
    with pytest.raises(ValueError, match=message):
        Windows.concatenate([both, swapped])
    with pytest.raises(ValueError, match="cannot join windows labeled with one label"):
        Windows.concatenate([both, windower("heart_rate").fit_transform(table)])


@pytest.mark.filterwarnings("ignore::skaug.SubjectOverlapWarning")
@pytest.mark.parametrize("train_on", ["real", "real+synthetic", "synthetic"])
def test_a_ridge_of_both_equals_two_ridges_through_both_doors(
    train_on: str, table: pd.DataFrame
) -> None:
    alone = [pipeline(name, train_on=train_on).fit(table).predict(table) for name in TARGETS]
    pipe = pipeline(train_on=train_on)
    assert_allclose(pipe.fit(table).predict(table), np.stack(alone, axis=1))
    *steps, last = [step for _, step in clone(pipe).steps]
    other = sklearn_pipeline.make_pipeline(*steps, WindowRegressor(last)).fit(table)
    assert_allclose(other.predict(table), np.stack(alone, axis=1))
    assert_allclose(pipe.score(table), other.score(table))


def test_transformed_targets_are_transformed_together(both: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    logs = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp).fit(both, both.y)
    alone = [
        TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp).fit(both, y)
        for y in both.y.T
    ]
    assert_allclose(logs.predict(both), np.stack([one.predict(both) for one in alone], axis=1))


# Predictions and scores


@pytest.mark.parametrize("is_polars", [False, True])
def test_rows_are_predicted_by_name(is_polars: bool, table: pd.DataFrame) -> None:
    asked = pl.from_pandas(table) if is_polars else table
    rows = predict_rows(pipeline().fit(table), asked)
    assert list(rows.columns) == TARGETS
    for name in TARGETS:
        alone = predict_rows(pipeline(name).fit(table), table)
        assert_allclose(rows[name].to_numpy(), alone.to_numpy())


@pytest.mark.parametrize("is_polars", [False, True])
def test_labels_in_another_order_are_not_predicted_under_the_names_of_the_targets(
    is_polars: bool, table: pd.DataFrame
) -> None:
    asked = pl.from_pandas(table) if is_polars else table
    message = "y has the columns breaths, heart_rate, but target names heart_rate, breaths"
    with pytest.raises(ValueError, match=message):
        pipeline().fit(asked, asked[TARGETS[::-1]])
    fitted = pipeline().fit(asked, asked[TARGETS])
    with pytest.raises(ValueError, match=message):
        fitted.score(asked, asked[TARGETS[::-1]])
    rows = predict_rows(fitted, asked)
    assert_allclose(rows.to_numpy(), predict_rows(pipeline().fit(asked), asked).to_numpy())


@pytest.mark.filterwarnings("ignore::skaug.SubjectOverlapWarning")
def test_rows_that_arrive_are_predicted_by_name(table: pd.DataFrame) -> None:
    online = OnlineWindower(pipeline().fit(table))
    parts = [online.push(table.iloc[first : first + 900]) for first in range(0, len(table), 900)]
    parts = [OnlineWindower(pipeline().fit(table)).push(table.iloc[:5]), *parts]
    assert all(list(part.columns) == TARGETS for part in parts)
    found = pd.concat(parts)
    for name in TARGETS:
        alone = OnlineWindower(pipeline(name).fit(table)).push(table)
        assert_allclose(found[name], alone)
        assert found.index.equals(alone.index)


@pytest.mark.parametrize("metric", [MAE, "r2", "neg_root_mean_squared_error"])
def test_scorers_average_over_outputs(metric: str, table: pd.DataFrame) -> None:
    for make in (window_scorer, row_scorer):
        scorer = make(metric)
        alone = [scorer(pipeline(name).fit(table), table) for name in TARGETS]
        assert_allclose(scorer(pipeline().fit(table), table), np.mean(alone))


def test_scorers_of_scikit_learn_work_on_windows(both: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    parameters = {"cv": SubjectKFold(3), "scoring": MAE}
    alone = [cross_val_score(pipe, both.relabel(y), y, **parameters) for y in both.y.T]
    assert_allclose(cross_val_score(pipe, both, both.y, **parameters), np.mean(alone, axis=0))


def test_rows_that_miss_a_target_are_left_out_of_scores_of_rows(table: pd.DataFrame) -> None:
    gappy = table.copy()
    gappy.loc[:99, "breaths"] = np.nan
    pipe = pipeline().set_params(subjectwindower__missing="keep").fit(table)
    predicted, truth = predict_rows(pipe, table).to_numpy(), table[TARGETS].to_numpy()
    known = np.arange(len(table)) >= 100
    expected = -np.abs(predicted - truth)[known].mean()
    assert_allclose(row_scorer(MAE)(pipe, gappy), expected)


# Synthetic windows


@pytest.mark.parametrize(
    "synthesizer",
    [
        SurrogateSynthesizer(),
        TransformSynthesizer([Jitter()]),
        ChoiceSynthesizer([("one", SurrogateSynthesizer()), ("two", MixupSynthesizer())]),
    ],
)
def test_synthetic_windows_have_both_labels(synthesizer: Synthesizer, both: Windows) -> None:
    augmented = SynthefyAugmenter(synthesizer, ratio=2).fit_transform(both)
    synthetic = augmented[augmented.is_synthetic]
    assert synthetic.y.shape == (2 * len(both), 2)
    assert synthetic.provenance.outputs == tuple(TARGETS)
    context = synthetic.context[TARGETS].groupby("window").mean()
    assert_allclose(context, synthetic.y)
    if not isinstance(synthesizer, ChoiceSynthesizer):
        of_origin = {
            key: tuple(y)
            for key, y in zip(zip(both.groups, both.provenance.first_row), both.y)  # noqa: B905
        }
        origins = zip(synthetic.groups, synthetic.provenance.first_row, strict=True)
        assert_array_equal(synthetic.y, [of_origin[key] for key in origins])


def shares_of(labels: NDArray, draws: int) -> NDArray:
    """The share of each training window in each mixture of windows with these labels."""
    n = len(labels)
    windows = Windows.from_arrays(np.eye(n)[:, None, :], labels, channels_first=False)
    repeated = windows[np.repeat(np.arange(n), draws)]
    conditions = repeated._drawn(np.tile(np.arange(draws), n))
    mixed = MixupSynthesizer().fit(windows).synthesize(conditions)
    shares = mixed.to_numpy()[:, 0]
    assert_allclose(mixed.y, shares @ labels)
    return shares


def test_partners_of_mixtures_have_the_probabilities_of_the_kernel_over_both_labels() -> None:
    rng = np.random.default_rng(0)
    labels = rng.normal(size=(15, 2)) * [10.0, 2.0]
    spread = [min(y.std(ddof=1), scipy.stats.iqr(y) / 1.34) for y in labels.T]
    widths = 0.9 * np.array(spread) * 15 ** (-1 / 6)  # Silverman's rule in two dimensions
    kernel = np.exp(-0.5 * (((labels[0] - labels) / widths) ** 2).sum(axis=1))
    kernel[0] = 0.0
    draws = 4000
    partners = (shares_of(labels, draws)[:draws, 1:] > 0).sum(axis=0)
    expected = kernel[1:] / kernel.sum() * draws
    often = expected > 5
    found = [*partners[often], partners[~often].sum()]
    hoped = [*expected[often], expected[~often].sum()]
    assert scipy.stats.chisquare(found, hoped).pvalue > 1e-6


@given(st.lists(st.tuples(st.floats(40, 180), st.floats(5, 40)), min_size=2, max_size=8))
def test_mixtures_are_of_two_windows_and_their_labels(labels: list[tuple[float, float]]) -> None:
    shares = shares_of(np.array(labels) + 0.123, 3)
    assert_array_equal((shares > 0).sum(axis=1), 2)


def test_mixtures_of_classes_have_all_classes_in_common() -> None:
    labels = np.array([["a", "x"], ["a", "x"], ["a", "y"], ["b", "y"], ["b", "y"]], dtype=object)
    windows = Windows.from_arrays(np.eye(5)[:, None, :], labels, channels_first=False)
    mixup = MixupSynthesizer().fit(windows)
    assert mixup.can_condition(windows).tolist() == [True, True, False, True, True]
    mixed = mixup.synthesize(windows[[0, 1, 3, 4]]._drawn(np.zeros(4)))
    assert_array_equal(mixed.y, labels[[0, 1, 3, 4]])
    assert_array_equal(mixed.to_numpy()[:, 0, [0, 1]].sum(axis=1) > 0, [True, True, False, False])


def test_a_bandwidth_is_refused_for_several_labels(both: Windows) -> None:
    with pytest.raises(ValueError, match=r"bandwidth=2.0 is in the unit of a label, and these"):
        MixupSynthesizer(bandwidth=2.0).fit(both)


class Follower(Synthesizer):
    """Holds the labels of its condition, one per channel."""

    supports_variations = True

    def synthesize(self, conditions: Windows) -> Windows:
        samples = np.repeat(conditions.y[:, None, :], conditions.window_size, axis=1)
        return conditions.synthesized(samples)


def test_an_edited_target_changes_its_own_label(table: pd.DataFrame, both: Windows) -> None:
    edits = [{"breaths": ("add", 2)}, {"heart_rate": 100.0, "AGE": 20}, {"AGE": 30}]
    augmenter = SynthefyAugmenter(Follower(), variations=edits).fit(both)
    synthetic = augmenter.synthetic_windows_
    once = SynthefyAugmenter(SurrogateSynthesizer()).fit(both).synthetic_windows_.y
    expected = [once + [0, 2], np.column_stack([np.full(len(once), 100.0), once[:, 1]]), once]
    assert_allclose(synthetic.y, np.concatenate(expected))
    assert_allclose(synthetic.to_numpy()[:, 0], synthetic.y)
    moved = both.relabel(both.y[:, ::-1])
    with pytest.raises(ValueError, match="not those of the target column 'breaths'"):
        SynthefyAugmenter(Follower(), variations=edits[:1]).fit(moved)


# What needs a single label


@pytest.mark.parametrize(
    "synthesizer",
    [
        RateSynthesizer(32),
        SpectralSynthesizer(32),
        ChoiceSynthesizer([("one", SurrogateSynthesizer()), ("two", RateSynthesizer(32))]),
    ],
)
@pytest.mark.parametrize("variations", [None, [{"breaths": ("add", 1)}]])
def test_synthesizers_that_follow_one_label_are_refused(
    synthesizer: Synthesizer, variations: Any, both: Windows
) -> None:
    if variations is not None and isinstance(synthesizer, ChoiceSynthesizer):
        variations = None  # surrogates do not support them
    augmenter = SynthefyAugmenter(synthesizer, variations=variations)
    message = (
        r"2 labels each \(heart_rate, breaths\), but .* needs a single one.*target='heart_rate'"
    )
    with pytest.raises(ValueError, match=message):
        augmenter.fit(both)


def test_balance_and_stratified_folds_are_refused(both: Windows, table: pd.DataFrame) -> None:
    with pytest.raises(
        ValueError, match=r"2 labels each \(heart_rate, breaths\): pass balance=None"
    ):
        SynthefyAugmenter(balance="label").fit(both)
    message = r"balances one label, and these samples have 2 each: .*windows.y\[:, 0\]"
    with pytest.raises(ValueError, match=message):
        list(StratifiedSubjectKFold(2).split(both))
    assert len(list(StratifiedSubjectKFold(2).split(both, both.y[:, 0]))) == 2


def test_predicting_other_windows_of_a_subject_warns_as_ever(both: Windows) -> None:
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge()).fit(both[:10])
    with pytest.warns(SubjectOverlapWarning):
        pipe.score(both[:14])


# Comparisons


@pytest.fixture(scope="module")
def comparison(table: pd.DataFrame) -> ProtocolComparison:
    return compare_protocols(pipeline(), table, **COMPARED)


COMPARED: dict[str, Any] = {
    "protocols": ("TRTR", "TRSTR", "TRPTR"),
    "cv": SubjectKFold(3),
    "scoring": [MAE, "neg_root_mean_squared_error"],
    "strata": ["activity"],
    "progress": False,
}


def test_each_output_is_scored_as_it_is_alone_and_the_average_first(
    comparison: ProtocolComparison, table: pd.DataFrame
) -> None:
    metrics = COMPARED["scoring"]
    names = [[name, *(f"{name}[{target}]" for target in TARGETS)] for name in metrics]
    assert comparison.metrics == [name for part in names for name in part]
    alone = [compare_protocols(pipeline(name), table, **COMPARED) for name in TARGETS]
    for metric, *of_outputs in names:
        for of_output, one in zip(of_outputs, alone, strict=True):
            columns = ["protocol", "fold", "subject", "score", "n_real", "n_synthetic"]
            found, expected = (
                part.scores[part.scores["metric"] == name][columns].reset_index(drop=True)
                for part, name in ((comparison, of_output), (one, metric))
            )
            is_kept = found["protocol"] != "TRPTR"  # its permutation moves both labels
            assert_frame_equal(found[is_kept], expected[is_kept])
            assert comparison.details["naive"][of_output] == one.details["naive"][metric]
        means = np.mean([comparison.by_subject(name) for name in of_outputs], axis=0)
        assert_allclose(comparison.by_subject(metric), means)


def test_a_comparison_of_windows_is_that_of_the_table(
    comparison: ProtocolComparison, both: Windows, table: pd.DataFrame
) -> None:
    pipe = pipeline()[1:]
    for X, y in ((both, None), (both, both.y)):
        other = compare_protocols(pipe, X, y, **COMPARED)
        assert_frame_equal(other.summary(), comparison.summary())
        assert_frame_equal(other.predictions, comparison.predictions)
    passed = compare_protocols(pipeline(), table, table[TARGETS].to_numpy(), **COMPARED)
    assert passed.metrics[:3] == [MAE, f"{MAE}[0]", f"{MAE}[1]"]
    assert_allclose(passed.summary()["mean"], comparison.summary()["mean"])


@pytest.mark.parametrize("form", [pd.DataFrame, pl.from_pandas])
def test_columns_of_a_frame_of_labels_name_the_scores(
    form: Any, table: pd.DataFrame, both: Windows
) -> None:
    options = COMPARED | {"protocols": ["TRTR"], "scoring": MAE, "strata": ()}
    names = [MAE, f"{MAE}[one]", f"{MAE}[two]"]
    of_rows = form(table[TARGETS].set_axis(["one", "two"], axis=1))
    found = compare_protocols(pipeline(None), table, of_rows, **options)
    assert found.metrics == names
    assert {"y_true[one]", "y_pred[two]"} <= set(found.predictions.columns)
    of_windows = form(pd.DataFrame(both.y, columns=["one", "two"]))
    bare = Windows.from_arrays(both.to_numpy(), groups=both.groups)
    assert compare_protocols(pipeline()[1:], bare, of_windows, **options).metrics == names


def test_predictions_have_a_column_per_output(comparison: ProtocolComparison) -> None:
    predictions = comparison.predictions
    names = [f"{what}[{name}]" for what in ("y_true", "y_pred") for name in TARGETS]
    assert predictions.columns.tolist() == [
        *("protocol", "repeat", "fold", "subject", "first_row", "is_synthetic"),
        *names,
        "activity",
    ]
    errors = [predictions[name] - predictions[f"y_pred{name[6:]}"] for name in names[:2]]
    keys = [predictions["protocol"], predictions["subject"]]
    of_subjects = np.abs(errors).mean(axis=0)
    expected = -pd.Series(of_subjects).groupby(keys).mean().unstack("protocol")
    found = comparison.by_subject().sort_index()
    assert_frame_equal(found[["TRTR", "TRSTR"]], expected[["TRTR", "TRSTR"]])


def test_tables_verdict_and_page_name_the_outputs(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    text = repr(comparison)
    heads = [line for line in text.splitlines() if line.startswith("protocol")]
    assert [head.split("trained on")[1].split()[0] for head in heads] == [
        "MAE",
        "MAE[heart_rate]",
        "MAE[breaths]",
    ]
    summary = comparison.summary()
    of_each = []
    for name in TARGETS:
        row = summary.loc[("TRSTR", f"{MAE}[{name}]")]
        of_each.append(f"{name} {signed(-row['difference'])} ({row['verdict']})")
    assert f"MAE is the average over 2 outputs. Of each alone: {', '.join(of_each)}." in text
    page = tmp_path / "page.html"
    comparison.to_html(page)
    html = page.read_text()
    assert "<h2>MAE[breaths]</h2>" in html
    assert "<h3>By label heart_rate</h3>" in html
    assert "heart_rate, breaths" in html
    assert comparison.plot(f"{MAE}[breaths]").metric == f"{MAE}[breaths]"


def test_a_comparison_with_several_outputs_is_saved_and_read(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    comparison.save(tmp_path)
    loaded = ProtocolComparison.load(tmp_path)
    assert repr(loaded) == repr(comparison)
    assert loaded.details["outputs"] == TARGETS
    metric = f"{MAE}[breaths]"
    of_output = [one.by("activity", metric=metric) for one in (loaded, comparison)]
    assert_frame_equal(*of_output)


def test_parts_of_the_windows_are_those_of_one_label(
    comparison: ProtocolComparison, table: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match=r"group them by one, 'y_true\[heart_rate\]' or 'y_true"):
        comparison.by("y_true", bins=[80])
    alone = compare_protocols(pipeline("breaths"), table, **COMPARED)
    expected = alone.by("y_true", bins=[13]).loc[["TRTR", "TRSTR"]]
    found = comparison.by("y_true[breaths]", bins=[13], metric=f"{MAE}[breaths]")
    assert_allclose(found.loc[["TRTR", "TRSTR"], "mean"], expected["mean"])
    average = comparison.by("y_true[breaths]", bins=[13])
    heart = comparison.by("y_true[breaths]", bins=[13], metric=f"{MAE}[heart_rate]")
    assert_allclose(average["mean"], (found["mean"] + heart["mean"]) / 2)


def test_scores_of_rows_are_also_those_of_each_output(table: pd.DataFrame) -> None:
    parameters = COMPARED | {"scoring": row_scorer(MAE), "protocols": ("TRTR",), "strata": ()}
    found = compare_protocols(pipeline(), table, **parameters)
    for name in TARGETS:
        alone = compare_protocols(pipeline(name), table, **parameters)
        assert_allclose(found.by_subject(f"{MAE}[{name}]"), alone.by_subject())


def test_weights_of_outputs_count_in_the_average_only(table: pd.DataFrame) -> None:
    weighted = make_scorer(mean_absolute_error, greater_is_better=False, multioutput=[0.25, 0.75])
    parameters = COMPARED | {"scoring": {"mae": weighted}, "protocols": ("TRTR",)}
    found = compare_protocols(pipeline(), table, **parameters)
    average, *of_outputs = (found.by_subject(name)["TRTR"] for name in found.metrics)
    assert_allclose(average, 0.25 * of_outputs[0] + 0.75 * of_outputs[1])
    with pytest.raises(ValueError, match=r"Two metrics are called 'mae\[breaths\]'"):
        compare_protocols(
            pipeline(), table, **parameters | {"scoring": {"mae": MAE, "mae[breaths]": MAE}}
        )


def test_a_width_of_no_difference_is_that_of_one_metric(table: pd.DataFrame) -> None:
    parameters = COMPARED | {"scoring": MAE}
    with pytest.raises(ValueError, match="is one width for 3 metrics"):
        compare_protocols(pipeline(), table, rope=1.0, **parameters)
    rope = {f"{MAE}[heart_rate]": 100.0}
    found = compare_protocols(pipeline(), table, rope=rope, **parameters).summary()
    assert found.loc[("TRSTR", f"{MAE}[heart_rate]"), "p_rope_within"] > 0.9
    assert np.isnan(found.loc[("TRSTR", f"{MAE}[breaths]"), "p_rope_within"])


def test_synthesizers_and_curves_are_scored_on_each_output(both: Windows) -> None:
    pipe = pipeline()[1:]
    synthesizers = {"surrogate": SurrogateSynthesizer(), "mixup": MixupSynthesizer()}
    parameters = {"cv": SubjectKFold(3), "progress": False}
    metrics = [MAE, f"{MAE}[heart_rate]", f"{MAE}[breaths]"]
    found = compare_synthesizers(pipe, both, synthesizers, **parameters)
    assert found.metrics == metrics
    assert found.details["described"]["target"] == "heart_rate, breaths"
    curve = learning_curve(pipe, both, n_subjects=(2, None), **parameters)
    alone = learning_curve(pipe, both.relabel(both.y[:, 1]), n_subjects=(2, None), **parameters)
    summary, expected = curve.summary(), alone.summary()
    assert summary.index.unique("metric").tolist() == metrics
    assert "MAE is the average over 2 outputs, heart_rate, breaths, which may differ." in repr(
        curve
    )
    assert repr(curve).count("MAE[breaths]") == 1
    protocols = ["TRTR", "TRRTR", "TRSTR", "naive"]
    for amount in summary.index.unique(1):
        for protocol in protocols:
            assert_allclose(
                summary.loc[(metrics[2], amount, protocol), "mean"],
                expected.loc[(MAE, amount, protocol), "mean"],
            )


def test_tests_on_synthetic_windows_score_each_output(both: Windows) -> None:
    parameters = COMPARED | {"protocols": ("TRTR", "TRTS"), "strata": (), "scoring": MAE}
    found = compare_protocols(pipeline()[1:], both, **parameters)
    alone = compare_protocols(pipeline()[1:], both.relabel(both.y[:, 0]), **parameters)
    assert_allclose(found.by_subject(f"{MAE}[heart_rate]"), alone.by_subject())


class Unfitted(Ridge):
    """Fails if it is fitted."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        raise AssertionError("It was fitted.")


PICKER = SpectralPeakRegressor(0.5, 4, sampling_rate=32, channel="BVP")


@pytest.mark.parametrize(
    ("augmenter", "parameters", "message"),
    [
        ({"synthesizer": RateSynthesizer(32)}, {}, "RateSynthesizer needs a single one"),
        ({"synthesizer": SpectralSynthesizer(32)}, {}, "SpectralSynthesizer needs a single one"),
        (
            {"synthesizer": TransformSynthesizer([TimeShift()])},
            {},
            "TransformSynthesizer needs a single one",
        ),
        ({"balance": "label"}, {}, "balance='label' needs one label per window, and these have 2"),
        (
            {},
            {"baselines": {"peak": PICKER}},
            "SpectralPeakRegressor of the baseline 'peak' predicts one label per window, not several",
        ),
        (
            {},
            {"scoring": "neg_max_error"},
            r"neg_max_error is defined for one label per window, not for several \(heart_rate, breaths",
        ),
        (
            {},
            {"cv": StratifiedSubjectKFold(2)},
            "balances one label, and these samples have 2 each",
        ),
    ],
)
def test_what_needs_a_single_label_is_refused_before_anything_is_fitted(
    augmenter: dict, parameters: dict, message: str, both: Windows
) -> None:
    pipe = make_pipeline(SynthefyAugmenter(**augmenter), WindowStatistics(), Unfitted())
    with pytest.raises(ValueError, match=message):
        compare_protocols(pipe, both, progress=False, **parameters)
    with pytest.raises(ValueError, match=message):
        learning_curve(pipe, both, n_subjects=(2,), progress=False, **parameters)


def test_several_classes_and_a_peak_as_the_model_are_refused(both: Windows) -> None:
    message = r"Pipeline predicts classes, .* not several \(heart_rate, breaths\)"
    with pytest.raises(ValueError, match=message):
        compare_protocols(
            make_pipeline(SynthefyAugmenter(), DummyClassifier()), both, progress=False
        )
    with pytest.raises(ValueError, match="SpectralPeakRegressor predicts one label per window"):
        compare_protocols(make_pipeline(SynthefyAugmenter(), PICKER), both, progress=False)


def test_a_list_of_one_target_is_compared_as_that_target(table: pd.DataFrame) -> None:
    found = compare_protocols(pipeline(["breaths"]), table, **COMPARED)
    alone = compare_protocols(pipeline("breaths"), table, **COMPARED)
    assert_frame_equal(found.summary(), alone.summary())
    assert_frame_equal(found.predictions, alone.predictions)


def test_the_command_line_takes_one_target(capsys: pytest.CaptureFixture) -> None:
    command = ["compare", "table.parquet", "--target", "heart_rate", "--target", "breaths"]
    with pytest.raises(SystemExit):
        main(command)
    assert "names 'breaths' beside 'heart_rate', but commands take one" in capsys.readouterr().err
