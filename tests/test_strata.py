"""Strata: comparisons within parts of the windows, by context and by label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import make_scorer, mean_pinball_loss
from test_comparison import DETAILS

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    make_pipeline,
)
from skaug.evaluation import ProtocolComparison, StrataDisplay, compare_protocols
from skaug.evaluation.displays.strata import stratum_in_words
from skaug.evaluation.paired_tests import holm, sign_flip_p
from skaug.model_selection import SubjectKFold, row_scorer

MAE = "neg_mean_absolute_error"


def windower() -> SubjectWindower:
    return SubjectWindower(256, 128, features=["BVP"], target="heart_rate")


def pipeline(*first: Any) -> Any:
    return make_pipeline(*first, SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge())


@pytest.fixture(scope="module")
def table(recordings: pd.DataFrame) -> pd.DataFrame:
    """The recordings with further columns that change within a recording."""
    row = recordings.groupby("subject").cumcount().to_numpy()
    return recordings.assign(
        phase=(row // 600 % 2).astype("int8"),
        place=np.where(row // 900 % 2, "indoors", "outdoors"),
        one=1.5,
        BVP_side=row,
    )


@pytest.fixture(scope="module")
def comparison(table: pd.DataFrame) -> ProtocolComparison:
    return compare_protocols(
        pipeline(),
        windower().fit_transform(table),
        protocols=["TRTR", "TRSTR", "TSTR", "TRTS", "TRRTR"],
        scoring=[MAE, "r2"],
        strata=["phase", "place", "one"],
        n_repeats=2,
        rope={MAE: 0.5},
        progress=False,
    )


def test_predictions_keep_the_most_frequent_value_of_each_window(
    comparison: ProtocolComparison, table: pd.DataFrame
) -> None:
    windows = windower().fit_transform(table)
    context = windows.context.groupby(level="window")
    expected = windows.origins.assign(
        subject=windows.groups,
        phase=context["phase"].agg(lambda rows: rows.mode()[0]).to_numpy(),
        place=context["place"].agg(lambda rows: rows.mode()[0]).to_numpy(),
    ).drop(columns="draw")
    found = comparison.predictions.query("protocol == 'TSTR' and repeat == 1")
    assert found["phase"].dtype == np.int8
    both = found.merge(expected, on=["subject", "first_row"], validate="one_to_one")
    assert len(both) == len(windows)
    assert_array_equal(both["phase_x"], both["phase_y"])
    assert_array_equal(both["place_x"], both["place_y"])


def test_a_table_keeps_the_values_that_its_windows_keep(table: pd.DataFrame) -> None:
    of_table, of_windows = (
        compare_protocols(
            estimator, X, cv=SubjectKFold(2), strata=["phase", "place"], progress=False
        )
        for estimator, X in (
            (pipeline(windower()), table),
            (pipeline(), windower().fit_transform(table)),
        )
    )
    pd.testing.assert_frame_equal(of_table.predictions, of_windows.predictions)


@pytest.mark.parametrize("metric", [MAE, "r2"])
@pytest.mark.parametrize("reference", ["TRTR", "TRRTR"])
def test_a_single_stratum_has_the_summary_of_all_windows(
    comparison: ProtocolComparison, metric: str, reference: str
) -> None:
    summary = comparison.summary(reference).xs(metric, level="metric").drop("TRTS")
    found = comparison.by("one", metric=metric, reference=reference)
    assert (found["n_windows"] == len(comparison.predictions) // 10).all()
    found = found.drop(columns="n_windows").droplevel("one")
    pd.testing.assert_frame_equal(found, summary, atol=1e-12)


def test_values_keep_their_dtype(comparison: ProtocolComparison) -> None:
    assert comparison.by("phase").index.levels[1].dtype == np.int8
    assert comparison.by("place").index.names == ["protocol", "place"]
    assert list(comparison.by("place").index.unique("place")) == ["indoors", "outdoors"]
    assert comparison.by("one").index.unique("one")[0] == 1.5


def test_a_stratum_has_the_scores_of_its_predictions(comparison: ProtocolComparison) -> None:
    found = comparison.by("phase")
    windows = comparison.predictions.query("phase == 1 and not is_synthetic")
    keys = ["protocol", "repeat", "subject"]
    errors = (windows["y_true"] - windows["y_pred"]).abs().groupby([windows[k] for k in keys])
    scores = -errors.mean().groupby(level=["protocol", "subject"]).mean().unstack("protocol")
    row = found.loc["TRSTR", 1]
    assert_allclose(row["mean"], scores["TRSTR"].mean())
    assert_allclose(row["difference"], (scores["TRSTR"] - scores["TRTR"]).mean())
    assert row["n_windows"] == len(windows[["subject", "first_row"]].drop_duplicates())
    judged = found.loc[["TRSTR", "TSTR"]]
    assert_allclose(judged["p_holm"], holm(judged["p_value"]))
    assert found.loc["TRRTR", "p_holm"].isna().all()


def made(gain_above: float, *, y_of_last: float = 160.0, naive: float = 0.0) -> ProtocolComparison:
    """Build the comparison of ten subjects whose predictions are better only above 150."""
    rng = np.random.default_rng(0)
    rows, of_baselines = [], []
    for subject in range(10):
        for i, y in enumerate([80.0, 85.0, 130.0, y_of_last]):
            error = 5 + rng.uniform()
            known = {"repeat": 0, "fold": subject, "subject": f"S{subject}", "first_row": i}
            known |= {"is_synthetic": False, "y_true": y}
            gain = gain_above + 0.1 * rng.uniform() if y > 150 else 0.0
            rows.append(known | {"protocol": "TRTR", "y_pred": y + error})
            rows.append(known | {"protocol": "TRSTR", "y_pred": y + error - gain})
            of_baselines.append(known | {"protocol": "naive mean", "y_pred": y + naive})
    predictions, naive_ones = pd.DataFrame(rows), pd.DataFrame(of_baselines)
    every = pd.concat([predictions, naive_ones.assign(protocol="naive")])
    errors = (every["y_true"] - every["y_pred"]).abs()
    scores = every.assign(metric=MAE, score=-errors, n_real=9, n_synthetic=9)
    keys = ["protocol", "repeat", "fold", "subject", "metric"]
    scores = scores.groupby(keys, sort=False)["score"].mean().reset_index()
    return ProtocolComparison(scores, predictions, DETAILS | {"test_share": 0.1}, naive_ones)


def test_an_effect_within_one_stratum_is_found_there() -> None:
    comparison = made(2.0, naive=40.0)
    found = comparison.by("y_true", bins=[90, 120, 150]).loc["TRSTR"]
    assert list(found.index) == [
        pd.Interval(-np.inf, 90),
        pd.Interval(120, 150),
        pd.Interval(150, np.inf),
    ]
    assert found["verdict"].tolist() == ["undecided", "undecided", "helped"]
    assert found["n_windows"].tolist() == [20, 10, 10]
    p_values = [1.0, 1.0, sign_flip_p(np.ones(10))]
    assert_allclose(found["p_value"], p_values)
    assert_allclose(found["p_holm"], holm(p_values))


def test_help_within_a_stratum_must_beat_its_baseline() -> None:
    found = made(2.0, naive=1.0).by("y_true", bins=[150])
    verdict = found.loc[("TRSTR", pd.Interval(150, np.inf)), "verdict"]
    assert verdict.startswith(
        "the model trained on real windows does no better than predicting the mean"
    )
    assert_allclose(found.loc["naive", "mean"], -1)


def test_only_subjects_with_windows_in_a_stratum_count() -> None:
    comparison = made(2.0)
    kept = comparison.predictions.query("y_true < 150 or subject in ['S0', 'S1']")
    part = ProtocolComparison(comparison.scores, kept, comparison.details)
    row = part.by("y_true", bins=[150]).loc[("TRSTR", pd.Interval(150, np.inf))]
    assert (row["n_subjects"], row["n_windows"]) == (2, 2)
    assert row["verdict"] == "undecided: too few subjects"


def test_windows_without_a_value_are_left_out() -> None:
    comparison = made(2.0)
    known = comparison.predictions["y_true"] < 150
    kept = comparison.predictions.assign(
        place=np.where(known, "here", None), level=np.where(known, 1.0, np.nan)
    )
    part = ProtocolComparison(comparison.scores, kept, comparison.details)
    assert part.by("place").loc["TRTR", "n_windows"].tolist() == [30]
    assert part.by("level", bins=[2]).loc["TRTR", "n_windows"].tolist() == [30]


def test_a_saved_comparison_has_the_same_strata(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    comparison.save(tmp_path)
    found = ProtocolComparison.load(tmp_path)
    assert found.details == comparison.details
    pd.testing.assert_frame_equal(found.by("phase"), comparison.by("phase"))


def test_arguments_of_a_metric_are_kept(table: pd.DataFrame, tmp_path: Path) -> None:
    pinball = make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.9)
    made = compare_protocols(
        pipeline(),
        windower().fit_transform(table),
        scoring={"high": pinball},
        strata=["one"],
        progress=False,
    )
    made.save(tmp_path)
    found = ProtocolComparison.load(tmp_path).by("one").droplevel("one")
    summary = made.summary().xs("high", level="metric")
    assert_allclose(found["mean"], summary["mean"])


def test_classes_are_strata_of_a_classifier(table: pd.DataFrame) -> None:
    cut = SubjectWindower(
        256, 128, features=["BVP"], target="place", target_agg="mode"
    ).fit_transform(table)
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), LogisticRegression(max_iter=2000))
    made = compare_protocols(pipe, cut, scoring=["accuracy", "neg_log_loss"], progress=False)
    found = made.by("y_true")
    hits = made.predictions.query("protocol == 'TRSTR' and y_true == 'indoors'")
    by_subject = (hits["y_pred"] == "indoors").groupby(hits["subject"]).mean()
    assert_allclose(found.loc[("TRSTR", "indoors"), "mean"], by_subject.mean())
    with pytest.raises(ValueError, match=r"'neg_log_loss' cannot .* needs probabilities"):
        made.by("y_true", metric="neg_log_loss")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"column": "y_true"}, r"'y_true' holds \d+ different numbers.*bins=\["),
        ({"column": "y_true", "bins": 90}, "bins=90 must be a list"),
        ({"column": "y_true", "bins": []}, r"bins=\[\] must be a list"),
        ({"column": "y_true", "bins": [90, 80]}, "in ascending order"),
        ({"column": "y_true", "bins": [90, np.nan]}, "finite numbers"),
        ({"column": "place", "bins": [90]}, "'place' does not hold numbers"),
        (
            {"column": "AGE"},
            r"no column 'AGE'.*'phase', 'place', 'one', 'y_true'.*strata=\['AGE'\]",
        ),
        ({"column": "y_pred"}, "no column 'y_pred'"),
        ({"column": "phase", "metric": "mse"}, "metric='mse' was not scored"),
        ({"column": "phase", "reference": "TRTS"}, "reference='TRTS' was not compared"),
    ],
)
def test_wrong_parameters_are_refused(
    comparison: ProtocolComparison, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        comparison.by(**arguments)


@pytest.mark.parametrize(
    ("strata", "message"),
    [
        ("phase", r"strata='phase' must be a list"),
        (["phases"], "There is no column 'phases' for strata.*'phase'"),
        (["subject"], "strata cannot name 'subject'"),
        (["BVP"], "There is no column 'BVP' for strata"),
    ],
)
def test_columns_that_windows_do_not_have_are_refused_before_a_fit(
    table: pd.DataFrame, strata: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        compare_protocols(pipeline(), windower().fit_transform(table), strata=strata)


def test_a_channel_of_a_table_is_not_a_stratum(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="There is no column 'BVP' for strata"):
        compare_protocols(pipeline(windower()), table, strata=["BVP"], progress=False)


@pytest.mark.parametrize(
    ("scoring", "reason"),
    [
        (row_scorer(MAE), "it scores rows"),
        (lambda estimator, X, y: 0.0, "function of the estimator"),
        (make_scorer(lambda y, predicted: 1.0), "not a function of scikit-learn"),
    ],
)
def test_metrics_that_need_more_than_predictions_are_refused(
    table: pd.DataFrame, scoring: Any, reason: str
) -> None:
    made = compare_protocols(
        pipeline(windower()), table, scoring={"mine": scoring}, strata=["phase"], progress=False
    )
    with pytest.raises(ValueError, match=f"metric='mine' cannot .* {reason}"):
        made.by("phase")


def test_arrays_have_no_strata(windows: Windows) -> None:
    estimator = make_pipeline(SubjectWindower(256, features=[0], target=1, subject=2), *pipeline())
    values = np.zeros((600, 3))
    values[:, 2] = np.repeat([0, 1, 2], 200)
    with pytest.raises(ValueError, match="an array has none: pass a DataFrame or Windows"):
        compare_protocols(estimator, values, groups=values[:, 2], strata=["phase"])


def test_strata_are_named_as_one_would_write_them() -> None:
    values = [
        2.0,
        np.float32(2.5),
        "2.0",
        True,
        pd.Interval(-np.inf, 90.0),
        pd.Interval(90.0, 120.0),
    ]
    named = ["2", "2.5", "2.0", "True", "up to 90", "90 to 120"]
    assert [stratum_in_words(value) for value in values] == named


def test_a_forest_plot_shows_each_stratum_and_which_way_is_better() -> None:
    pytest.importorskip("matplotlib")
    comparison = made(2.0)
    display = comparison.plot_by("y_true", bins=[90, 120, 150])
    assert isinstance(display, StrataDisplay)
    labels = [label.get_text().split("\n")[0] for label in display.ax_.get_yticklabels()]
    assert labels == ["up to 90", "120 to 150", "above 150"]
    assert display.ax_.get_ylim() == (2.5, -0.5)  # from top to bottom
    (container,) = display.ax_.containers
    found = comparison.by("y_true", bins=[90, 120, 150]).loc["TRSTR"]
    drawn = np.asarray(container[0].get_xdata(), dtype=np.float64)
    assert_allclose(drawn, -found["difference"])
    assert "below zero: better" in display.ax_.get_xlabel()
    assert "exploratory" in display.ax_.get_title(loc="right")
    ax = display.figure_.add_subplot()
    assert comparison.plot_by("y_true", bins=[90], ax=ax).ax_ is ax
