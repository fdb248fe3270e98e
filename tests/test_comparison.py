"""Comparisons: summary, verdict, saving and loading."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skaug.evaluation import ProtocolComparison
from skaug.evaluation.paired_tests import corrected_t, holm, sign_flip_p

MAE = "neg_mean_absolute_error"
DETAILS = {
    "created": "2026-01-01T00:00:00+00:00",
    "estimator": "Pipeline()",
    "n_windows": 40,
    "n_subjects": 8,
    "data_sha256": "0" * 64,
    "cv": "one subject left out in turn",
    "n_folds": 8,
    "test_share": 0.125,
    "shared_subjects": False,
    "n_repeats": 1,
    "random_state": 0,
    "rope": None,
    "synthesizer": "SurrogateSynthesizer()",
    "windows_requested": 40,
    "windows_paid": None,
    "versions": {"skaug": "0"},
}


def comparison_of(
    scores: dict[str, Any], *, metric: str = MAE, n_folds: int | None = None, **details: Any
) -> ProtocolComparison:
    """Build a comparison from the scores of subjects: per protocol an array, or a list of repeats."""
    rows = []
    for protocol, values in scores.items():
        for repeat, of_repeat in enumerate(np.atleast_2d(values)):
            for subject, score in enumerate(of_repeat):
                rows.append(
                    {
                        "protocol": protocol,
                        "repeat": repeat,
                        "fold": subject % (n_folds or len(of_repeat)),
                        "subject": f"S{subject}",
                        "metric": metric,
                        "score": score,
                        "n_real": 0 if protocol == "TSTR" else 30,
                        "n_synthetic": 0 if protocol == "TRTR" else 30,
                        "fit_seconds": 0.1,
                        "synthesis_seconds": 0.0,
                    }
                )
    table = pd.DataFrame(rows)
    predictions = table[["protocol", "repeat", "fold", "subject"]].assign(
        first_row=0, is_synthetic=False, y_true=60.0, y_pred=61.0
    )
    n = table["subject"].nunique()
    made = DETAILS | {"n_subjects": n, "test_share": 1 / (n_folds or n)} | details
    return ProtocolComparison(table, predictions, made)


@pytest.fixture
def real() -> np.ndarray:
    return -np.array([4.0, 5.5, 3.2, 8.1, 4.4, 6.0, 5.1, 4.9])


@pytest.fixture
def gain() -> np.ndarray:
    return np.array([0.4, 0.2, -0.3, 1.1, 0.5, 0.6, 0.1, 0.35])


def test_the_summary_describes_subjects(real: np.ndarray, gain: np.ndarray) -> None:
    summary = comparison_of({"TRTR": real, "TRSTR": real + gain}).summary()
    assert summary.index.tolist() == [("TRTR", MAE), ("TRSTR", MAE)]
    reference, row = summary.loc[("TRTR", MAE)], summary.loc[("TRSTR", MAE)]
    assert_allclose([reference["mean"], reference["sd"]], [real.mean(), real.std(ddof=1)])
    assert reference["verdict"] == "reference"
    assert pd.isna(reference["difference"])
    assert_allclose(row["difference"], gain.mean())
    interval = stats.ttest_1samp(gain, 0).confidence_interval()
    assert_allclose([row["ci_low"], row["ci_high"]], interval)
    assert (row["n_subjects"], row["n_better"], row["n_worse"]) == (8, 7, 1)
    assert_allclose(row["p_value"], sign_flip_p(gain))
    assert_allclose(row["p_wilcoxon"], stats.wilcoxon(gain, method="exact").pvalue)
    assert_allclose(row["p_corrected"], corrected_t(gain, 1 / 8).p_value)
    assert np.isnan(row["p_rope_within"])


def test_repeats_are_averaged_before_they_are_tested(real: np.ndarray, gain: np.ndarray) -> None:
    noise = np.array([[1], [-1]]) * np.linspace(0, 3, 8)
    once = comparison_of({"TRTR": real, "TRSTR": real + gain}).summary()
    twice = comparison_of({"TRTR": [real, real], "TRSTR": real + gain + noise}).summary()
    columns = once.columns.drop("verdict")
    assert_allclose(
        twice[columns].astype(float).to_numpy(), once[columns].astype(float).to_numpy(), atol=1e-12
    )


def test_p_values_are_adjusted_for_the_protocols_compared(
    real: np.ndarray, gain: np.ndarray
) -> None:
    summary = comparison_of(
        {"TRTR": real, "TRSTR": real + gain, "TSTR": real - 2 + gain, "TRTS": real, "TRRTR": real}
    ).summary()
    rows = summary.droplevel("metric").loc[["TRSTR", "TSTR"]]
    assert_allclose(rows["p_holm"], holm(rows["p_value"]))
    control = summary.loc[("TRRTR", MAE)]
    assert (control["verdict"], control["p_value"]) == ("control", 1)
    assert pd.isna(control["p_holm"])
    trts = summary.loc[("TRTS", MAE)]
    assert trts["verdict"] == "not judged: tested on synthetic windows"
    assert pd.isna(trts["p_value"])


def test_the_corrected_test_is_over_folds(real: np.ndarray, gain: np.ndarray) -> None:
    row = comparison_of({"TRTR": real, "TRSTR": real + gain}, n_folds=4).summary().iloc[1]
    of_folds = gain.reshape(2, 4).mean(axis=0)
    assert_allclose(row["p_corrected"], corrected_t(of_folds, 1 / 4).p_value)
    assert_allclose(row["p_value"], sign_flip_p(gain))


def test_another_protocol_may_be_the_reference(real: np.ndarray, gain: np.ndarray) -> None:
    comparison = comparison_of({"TRTR": real, "TRSTR": real + gain, "TRRTR": real + 0.5})
    summary = comparison.summary(reference="TRRTR").droplevel("metric")
    assert_allclose(summary.loc["TRSTR", "difference"], gain.mean() - 0.5)
    assert summary.loc["TRRTR", "verdict"] == "reference"
    with pytest.raises(
        ValueError, match=r"'TSTR' was not compared: use one of 'TRTR', 'TRSTR', 'TRRTR'"
    ):
        comparison.summary(reference="TSTR")


def test_without_trtr_there_is_no_difference(real: np.ndarray) -> None:
    comparison = comparison_of({"TSTR": real})
    assert comparison.summary()["difference"].isna().all()
    assert "nothing to judge" in comparison.verdict()


def test_with_five_subjects_no_p_value_is_reported(real: np.ndarray, gain: np.ndarray) -> None:
    few = comparison_of({"TRTR": real[:5], "TRSTR": real[:5] + 3})
    row = few.summary().loc[("TRSTR", MAE)]
    assert row["verdict"] == "undecided: too few subjects"
    assert row[["p_value", "p_holm", "p_wilcoxon", "p_corrected"]].isna().all()
    six = comparison_of({"TRTR": real[:6], "TRSTR": real[:6] + gain[:6]})
    assert six.summary().loc[("TRSTR", MAE), "p_value"] > 0


def test_a_subject_without_a_score_is_left_out_under_all_protocols(
    real: np.ndarray, gain: np.ndarray
) -> None:
    holed = real + gain
    holed[3] = np.nan
    summary = comparison_of({"TRTR": real, "TRSTR": holed}).summary()
    assert (summary["n_subjects"] == 7).all()
    assert_allclose(summary["difference"].iloc[1], np.delete(gain, 3).mean())
    assert_allclose(summary["mean"].iloc[0], np.delete(real, 3).mean())
    undefined = comparison_of({"TRTR": real, "TRSTR": np.full(8, np.nan)})
    assert undefined.summary()["n_subjects"].tolist() == [0, 0]
    assert "MAE is not defined for any subject" in undefined.verdict()


@pytest.mark.parametrize(
    ("difference", "rope", "verdict", "sentence"),
    [
        (1.0, None, "helped", "Adding synthetic windows helped: MAE \N{MINUS SIGN}1.00 on average"),
        (-1.0, None, "harmed", "Adding synthetic windows harmed: MAE +1.00 on average"),
        (
            0.0,
            None,
            "undecided",
            "Adding synthetic windows: undecided, the difference may be chance",
        ),
        (0.0, 0.5, "no difference within the rope", "made no practical difference"),
        (1.0, 0.5, "helped", "helped"),
    ],
)
def test_the_verdict_is_a_sentence(
    real: np.ndarray, difference: float, rope: float | None, verdict: str, sentence: str
) -> None:
    spread = np.array([0.2, -0.2, 0.1, -0.1, 0.3, -0.3, 0.25, -0.25])
    comparison = comparison_of({"TRTR": real, "TRSTR": real + difference + spread}, rope=rope)
    assert comparison.summary()["verdict"].iloc[1] == verdict
    assert sentence in comparison.verdict()
    assert comparison.verdict() in comparison._repr_html_()
    assert repr(comparison) == f"{comparison.table()}\n\n{comparison.verdict()}"


SPREAD = np.array([0.2, -0.2, 0.1, -0.1, 0.3, -0.3, 0.25, -0.25])


@pytest.mark.parametrize(
    ("naive", "verdict", "sentence"),
    [
        (-2.0, "helped", "Adding synthetic windows helped: MAE"),
        (
            0.5 + 8 * SPREAD,
            "better than TRTR, not shown to beat predicting the mean",
            "Adding synthetic windows: better than TRTR, not shown to beat predicting the mean: MAE",
        ),
        (
            1.5,
            "the model trained on real windows does no better than predicting the mean; compare again with a "
            "regularized model",
            "The model trained on real windows does no better than predicting the mean (MAE 5.15 "
            "against 3.65); compare again with a regularized model. Adding synthetic windows: MAE",
        ),
    ],
)
def test_helped_is_said_only_of_what_beats_the_baselines(
    real: np.ndarray, naive: Any, verdict: str, sentence: str
) -> None:
    # The first naive baseline is far behind, the second one between TRTR and TRSTR on average.
    scores = {"TRTR": real, "TRSTR": real + 1 + SPREAD / 10}
    second = real + naive - (1.0 if np.ndim(naive) else 0.0)
    comparison = comparison_of(scores | {"naive": second})
    row = comparison.summary().loc[("TRSTR", MAE)]
    assert row["p_holm"] < 0.05
    assert row["verdict"] == verdict
    assert comparison.verdict().startswith(sentence)
    assert ("helped" in str(comparison).lower()) == (verdict == "helped")


def test_baselines_of_the_user_must_be_beaten_too(real: np.ndarray) -> None:
    scores = {"TRTR": real, "TRSTR": real + 1, "naive": real - 3, "spectral peak": real + 2}
    comparison = comparison_of(scores)
    assert comparison.baselines == ["naive", "spectral peak"]
    assert comparison.protocols == list(comparison.by_subject()) == ["TRTR", "TRSTR"]
    verdict = "the model trained on real windows does no better than the baseline 'spectral peak'"
    assert comparison.summary().loc[("TRSTR", MAE), "verdict"] == verdict


def test_an_untrained_baseline_that_is_better_comes_first(real: np.ndarray) -> None:
    scores = {"TRTR": real, "naive": real - 3, "spectral peak": real + 1.5}
    worse = (
        "The model trained on real windows does no better than the untrained baseline 'spectral peak' "
        "(MAE 5.15 against 3.65); perhaps no training is needed. "
    )
    for gain, rest in (
        (1, "Adding synthetic windows: MAE"),
        (-1, "Adding synthetic windows harmed"),
    ):
        comparison = comparison_of(
            scores | {"TRSTR": real + gain}, untrained_baselines=["spectral peak"]
        )
        assert comparison.verdict().startswith(worse + rest)
    equal = comparison_of(
        scores | {"TRSTR": real + 1, "spectral peak": real + 1e-4},
        untrained_baselines=["spectral peak"],
    )
    assert equal.verdict().startswith(
        "The model trained on real windows does no better than the untrained baseline 'spectral peak' (MAE "
        "5.15); perhaps no training is needed. "
    )
    both = comparison_of(
        scores | {"TRSTR": real + 1, "naive": real + 0.5}, untrained_baselines=["spectral peak"]
    )
    assert both.verdict().startswith(
        "The model trained on real windows does no better than predicting the mean and the untrained "
        "baseline 'spectral peak' (MAE 5.15 against 4.65 and 3.65); perhaps no training is needed, or else "
        "compare again with a regularized model. "
    )


def test_a_weak_model_is_said_of_every_verdict(real: np.ndarray) -> None:
    comparison = comparison_of({"TRTR": real, "TRSTR": real - 1, "naive": real + 1})
    assert comparison.summary().loc[("TRSTR", MAE), "verdict"] == "harmed"
    assert "does no better than predicting the mean" in comparison.verdict()


def test_baselines_do_not_decide_which_subjects_are_compared(real: np.ndarray) -> None:
    naive = real - 2
    naive[:2] = np.nan
    without = comparison_of({"TRTR": real, "TRSTR": real + 1 + SPREAD})
    comparison = comparison_of({"TRTR": real, "TRSTR": real + 1 + SPREAD, "naive": naive})
    rows = ["TRTR", "TRSTR"]
    pd.testing.assert_frame_equal(comparison.summary().loc[rows], without.summary().loc[rows])
    assert comparison.summary().loc[("naive", MAE), "n_subjects"] == 6
    assert comparison.left_out() == []


@pytest.mark.parametrize(
    ("control", "gain", "sentence"),
    [
        (
            "TRPTR",
            1.2,
            "TRPTR (synthetic windows with permuted labels) does as well: the effect is regul",
        ),
        ("TRRTR", 1.2, "TRRTR (repeated real windows) does as well: more windows alone"),
        ("TRPTR", 0.9, "TRSTR is not shown to beat the control TRPTR"),
        ("TRPTR", 0.0, None),
    ],
)
def test_a_control_that_does_as_well_is_explained(
    real: np.ndarray, control: str, gain: float, sentence: str | None
) -> None:
    comparison = comparison_of({"TRTR": real, "TRSTR": real + 1, control: real + gain + 2 * SPREAD})
    if sentence is None:
        assert "control" not in comparison.verdict()
    else:
        assert sentence in comparison.verdict()


def test_controls_do_not_make_a_verdict_impossible() -> None:
    real = np.arange(6.0)
    scores = {"TRTR": real, "TRSTR": real + 1, "TRRTR": real, "TRPTR": real}
    assert comparison_of(scores).summary().loc[("TRSTR", MAE), "verdict"] == "helped"


def test_what_is_printed_has_the_table_and_the_verdict(real: np.ndarray) -> None:
    gains = np.array([1, 1, 1, 1, 1, -1, 0, 0])
    comparison = comparison_of(
        {"TRTR": real, "TRSTR": real + gains, "TRRTR": real + 1, "naive": real - 3}
    )
    text = str(comparison)
    assert "better 5, worse 1, equal 2" in text
    assert "better 5, worse 1, equal 2 of 8 subjects" in comparison.verdict()
    assert text.endswith(comparison.verdict())
    assert [line.split()[0] for line in text.splitlines()[:5]] == [
        *("protocol", "TRTR", "TRSTR", "TRRTR", "naive")
    ]
    assert "of controls, unadjusted" in text


def test_a_p_value_is_never_printed_as_zero() -> None:
    real = np.linspace(0, 1, 16)
    comparison = comparison_of({"TRTR": real, "TRSTR": real + 1})
    assert comparison.summary()["p_holm"].iloc[1] < 0.0005
    assert "< 0.001" in str(comparison)
    assert "0.000" not in str(comparison)


def test_signs_of_scorers_decide_which_way_is_better(real: np.ndarray) -> None:
    name = "mean_absolute_error"
    scores = {"TRTR": real, "TRSTR": real + 1 + SPREAD, "naive": real - 2}
    ours = comparison_of(scores, metric=name, signs={name: -1})
    theirs = comparison_of(scores)
    assert ours.verdict() == theirs.verdict()
    assert str(ours) == str(theirs)


def test_undefined_scores_of_classifiers_name_metrics_that_are_defined(real: np.ndarray) -> None:
    partly = real.copy()
    partly[3] = np.nan
    comparison = comparison_of(
        {"TRTR": partly, "TRSTR": partly + 1}, metric="roc_auc", naive={"roc_auc": "prior"}
    )
    assert "ROC AUC is defined for 7 of 8 subjects" in comparison.verdict()
    for name in ("neg_log_loss", "neg_brier_score", "accuracy"):
        assert name in comparison.verdict()


def test_the_verdict_on_a_score_that_should_be_large(real: np.ndarray) -> None:
    comparison = comparison_of({"TRTR": real, "TSTR": real + 1}, metric="r2")
    assert comparison.verdict().startswith(
        "Training on synthetic windows alone helped: R² +1.00 on average (95 % interval +1.00 to +1.00), "
        "better 8, worse 0 of 8 subjects"
    )


def test_a_rope_may_apply_to_one_metric_only(real: np.ndarray, gain: np.ndarray) -> None:
    first = comparison_of({"TRTR": real, "TRSTR": real + gain}, rope={"r2": 5.0})
    second = comparison_of({"TRTR": real, "TRSTR": real + gain}, metric="r2")
    both = ProtocolComparison(
        pd.concat([first.scores, second.scores]), first.predictions, first.details
    )
    verdicts = both.summary()["verdict"]
    assert verdicts["TRSTR", "r2"] == "no difference within the rope"
    assert verdicts["TRSTR", MAE] != "no difference within the rope"


def test_a_saved_comparison_is_loaded_unchanged(
    tmp_path: Path, real: np.ndarray, gain: np.ndarray
) -> None:
    comparison = comparison_of({"TRTR": real, "TRSTR": real + gain}, rope={MAE: 0.5})
    comparison.save(tmp_path / "made" / "here")
    found = ProtocolComparison.load(tmp_path / "made" / "here")
    pd.testing.assert_frame_equal(found.scores, comparison.scores)
    pd.testing.assert_frame_equal(found.predictions, comparison.predictions)
    pd.testing.assert_frame_equal(found.to_frame(), comparison.to_frame())
    assert found.details == comparison.details
    assert sorted(path.suffix for path in (tmp_path / "made" / "here").iterdir()) == [
        ".json",
        ".parquet",
        ".parquet",
    ]


def test_saving_replaces_what_was_saved_there(tmp_path: Path, real: np.ndarray) -> None:
    comparison = comparison_of({"TRTR": real})
    baseline = comparison.predictions.assign(protocol="naive")
    replace(comparison, baseline_predictions=baseline).save(tmp_path)
    assert len(ProtocolComparison.load(tmp_path).baseline_predictions) == len(baseline)
    comparison.save(tmp_path)
    assert ProtocolComparison.load(tmp_path).baseline_predictions.empty


def test_a_place_to_save_that_is_not_a_folder_is_refused(tmp_path: Path, real: np.ndarray) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="file' is not a folder: name a folder"):
        comparison_of({"TRTR": real}).save(tmp_path / "file")
    (tmp_path / "comparison.json").mkdir()
    with pytest.raises(IsADirectoryError, match=r"comparison\.json' is not a file"):
        comparison_of({"TRTR": real}).save(tmp_path)
    assert not [*tmp_path.glob("*.parquet")]


def test_a_newer_format_is_refused(tmp_path: Path, real: np.ndarray) -> None:
    comparison_of({"TRTR": real}).save(tmp_path)
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 3}))
    with pytest.raises(ValueError, match="cannot read"):
        ProtocolComparison.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        ProtocolComparison.load(tmp_path / "nowhere")


def test_a_metric_that_was_not_scored_is_an_error(real: np.ndarray) -> None:
    comparison = comparison_of({"TRTR": real, "TRSTR": real + 1})
    with pytest.raises(ValueError, match=f"'r2' was not scored: use one of {MAE}"):
        comparison.by_subject("r2")
    assert_array_equal(comparison.differences()["TRSTR"], (real + 1) - real)


def test_folds_contain_only_the_subjects_that_are_compared(
    real: np.ndarray, gain: np.ndarray
) -> None:
    holed = real + gain
    holed[1] = np.nan
    comparison = comparison_of({"TRTR": real, "TRSTR": holed}, n_folds=4)
    assert comparison.left_out() == ["S1"]
    # Subjects 1 and 5 share a fold. Without subject 1 its difference is that of subject 5.
    of_folds = [gain[[0, 4]].mean(), gain[5], gain[[2, 6]].mean(), gain[[3, 7]].mean()]
    found = comparison.summary().loc[("TRSTR", MAE), "p_corrected"]
    assert_allclose(found, corrected_t(of_folds, 1 / 4).p_value)


def test_a_fold_without_a_score_is_left_out_of_both_protocols(real: np.ndarray) -> None:
    # Each subject is tested in two folds. In the second one TRTR has no score for the first subject.
    comparison = comparison_of({"TRTR": [real, real - 5], "TRSTR": [real + 1, real + 4]})
    scores = comparison.scores.assign(
        fold=lambda table: table["fold"] + 8 * table["repeat"], repeat=0
    )
    hole = (scores["protocol"] == "TRTR") & (scores["fold"] == 8) & (scores["subject"] == "S0")
    scores.loc[hole, "score"] = np.nan
    found = ProtocolComparison(scores, comparison.predictions, comparison.details).differences()
    assert_allclose(found["TRSTR"], [1] + [5] * 7)


def test_rounding_is_not_a_difference(real: np.ndarray) -> None:
    noise = np.array([1, -1, 1, 1, -1, 1, 1, 1]) * 4e-16
    row = comparison_of({"TRTR": real, "TRRTR": real + noise}).summary().iloc[1]
    assert (row["n_better"], row["n_worse"], row["difference"], row["p_value"]) == (0, 0, 0, 1)


def test_subjects_are_too_few_if_no_outcome_could_be_significant(real: np.ndarray) -> None:
    six = real[:6]
    far = comparison_of({"TRTR": six, "TRSTR": six - 400 + six / 10, "TSTR": six - 1 + six / 20})
    row = far.summary().loc[("TRSTR", MAE)]
    assert row["p_value"] == 2 / 2**6
    assert row["verdict"] == "undecided: too few subjects"
    assert "too few subjects to tell: MAE +401" in far.verdict()


def test_trts_is_neither_a_reference_nor_compared(real: np.ndarray) -> None:
    comparison = comparison_of({"TRTR": real, "TRTS": real + 1, "TSTR": real - 1})
    assert list(comparison.differences()) == ["TSTR"]
    for wrong in (
        lambda: comparison.summary("TRTS"),
        lambda: comparison.infer("TRTS"),
        lambda: comparison.infer("TRTR"),
        lambda: comparison.infer("TSTR", reference="TRSTR"),
    ):
        with pytest.raises(ValueError, match=r"use one of '(TRTR|TSTR)'"):
            wrong()


def test_the_verdict_mentions_doubts(real: np.ndarray) -> None:
    gain = np.array([0.1, 0.2, 0.1, 3.0, 0.2, 0.1, 0.15, 0.1])
    helped = comparison_of({"TRTR": real, "TRSTR": real + gain})
    row = helped.summary().loc[("TRSTR", MAE)]
    assert (row["verdict"], row["p_corrected"] > 0.05) == ("helped", True)
    assert f"corrected t does not confirm it (p = {row['p_corrected']:#.3g})" in helped.verdict()
    shared = comparison_of({"TRTR": real, "TRSTR": real + gain}, shared_subjects=True)
    assert "subjects are on both sides" in shared.verdict()
    none = comparison_of({"TRTR": real, "TRSTR": real})
    none.scores["n_synthetic"] = 0
    assert none.verdict() == "No synthetic windows were added: use a larger ratio."
