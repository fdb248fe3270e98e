"""Learning curves over the ratio of synthetic windows, and over real training subjects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.linear_model import Ridge

from skaug import SynthefyAugmenter, Windows, WindowSpectrum, make_pipeline
from skaug.evaluation import compare_protocols, learning_curve
from skaug.model_selection import SubjectKFold
from skaug.synthesis import Synthesizer


def pipeline(synthesizer: Synthesizer | None = None, **amount: Any) -> Any:
    augmenter = SynthefyAugmenter(synthesizer, **amount)
    return make_pipeline(augmenter, WindowSpectrum(0.5, 4.0, 32), Ridge())


def test_each_ratio_has_the_scores_of_a_comparison_with_that_ratio(windows: Windows) -> None:
    curve = learning_curve(
        pipeline(), windows, ratios=(0, 0.5, 2), cv=SubjectKFold(3), progress=False
    )
    assert curve.scores["ratio"].unique().tolist() == [0, 0.5, 2]
    for ratio in (0.5, 2.0):
        scores = compare_protocols(
            pipeline(ratio=ratio), windows, cv=SubjectKFold(3), progress=False
        ).scores.set_index("protocol")
        at = curve.scores.set_index("ratio")
        assert_array_equal(at.loc[ratio, "score"], scores.loc["TRSTR", "score"])
        assert_array_equal(at.loc[0, "score"], scores.loc["TRTR", "score"])
        assert_array_equal(at.loc[ratio, "n_synthetic"], scores.loc["TRSTR", "n_synthetic"])


class SubjectRecorder(Synthesizer):
    """A synthesizer that records the training subjects of each fit in `seen`."""

    seen: list[set[str]] = []

    def fit(self, windows: Windows) -> SubjectRecorder:
        self.seen.append(set(windows.groups))
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        return conditions.synthesized(conditions.to_numpy())


def test_more_training_subjects_include_fewer(windows: Windows) -> None:
    SubjectRecorder.seen.clear()
    curve = learning_curve(
        pipeline(SubjectRecorder()), windows, n_subjects=(1, 3, 5), progress=False, random_state=1
    )
    assert len(SubjectRecorder.seen) == 6 * 3
    for fold in range(6):
        one, three, five = SubjectRecorder.seen[3 * fold : 3 * fold + 3]
        assert (len(one), len(three), len(five)) == (1, 3, 5)
        assert one < three < five
    whole = compare_protocols(pipeline(SubjectRecorder()), windows, progress=False).scores
    of_five = curve.scores.query("n_training_subjects == 5").set_index("protocol")
    for protocol in ("TRTR", "TRSTR"):
        expected = whole.loc[whole["protocol"] == protocol, "score"]
        assert_allclose(of_five.loc[protocol, "score"], expected)


def test_another_seed_trains_on_other_subjects(windows: Windows) -> None:
    chosen = []
    for seed in (0, 0, 1):
        SubjectRecorder.seen.clear()
        learning_curve(
            pipeline(SubjectRecorder()), windows, n_subjects=(2,), random_state=seed, progress=False
        )
        chosen.append(list(SubjectRecorder.seen))
    assert chosen[0] == chosen[1] != chosen[2]


def test_the_summary_describes_subjects(windows: Windows) -> None:
    curve = learning_curve(pipeline(), windows, ratios=(0, 1), progress=False)
    metric = "neg_mean_absolute_error"
    zero, one = (of["score"].to_numpy() for _, of in curve.scores.groupby("ratio"))
    summary = curve.summary()
    row = summary.loc[(metric, 1.0, "TRSTR")]
    assert_allclose([row["mean"], row["sd"]], [one.mean(), one.std(ddof=1)])
    assert_allclose(row["difference"], (one - zero).mean())
    interval = stats.ttest_1samp(one - zero, 0).confidence_interval()
    assert_allclose([row["ci_low"], row["ci_high"]], interval)
    assert np.isnan(summary.loc[(metric, 0.0, "TRTR"), "difference"])


def test_a_curve_prints_as_a_table_and_a_sentence(windows: Windows) -> None:
    curve = learning_curve(
        pipeline(), windows, ratios=(0, 1, 2), cv=SubjectKFold(3), progress=False
    )
    lines = repr(curve).splitlines()
    assert lines[0].split()[:3] == ["ratio", "protocol", "MAE"]
    errors = -curve.summary()["mean"].droplevel(["metric", "protocol"])
    assert f"{errors[1.0]:.4g}" in lines[2]
    best = errors.idxmin()
    assert lines[-1].startswith(
        f"MAE is best at {best:g} synthetic windows per real one "
        f"({'TRSTR' if best else 'TRTR'}): {errors.min():.3g}"
    )
    assert lines[-1] in curve._repr_html_()


def test_a_curve_of_noise_in_place_of_windows_is_best_without_them(windows: Windows) -> None:
    curve = learning_curve(pipeline(Noise()), windows, ratios=(0, 1), progress=False)
    assert curve.verdict().endswith(
        "No amount of synthetic windows has a better mean over subjects."
    )


class Noise(Synthesizer):
    """A synthesizer of noise with the labels of other windows."""

    def synthesize(self, conditions: Windows) -> Windows:
        noise = np.random.default_rng(0).normal(size=conditions.shape)
        return conditions.synthesized(noise, y=200 - np.asarray(conditions.y))


def test_differences_are_from_real_windows_of_as_many_subjects(windows: Windows) -> None:
    curve = learning_curve(pipeline(), windows, n_subjects=(2, 4), progress=False)
    by_subject = curve.scores.pivot_table(
        index="subject", columns=["n_training_subjects", "protocol"], values="score"
    )
    summary = curve.summary().loc["neg_mean_absolute_error"]
    for n in (2, 4):
        gain = by_subject[n, "TRSTR"] - by_subject[n, "TRTR"]
        interval = stats.ttest_1samp(gain, 0).confidence_interval()
        found = summary.loc[(n, "TRSTR"), ["difference", "ci_low", "ci_high"]]
        assert_allclose(found, [gain.mean(), *interval])
        assert summary.loc[(n, "TRTR"), ["difference", "ci_low", "ci_high"]].isna().all()
    assert not np.allclose(by_subject[2, "TRTR"], by_subject[4, "TRTR"])


def test_without_real_windows_alone_there_is_no_difference(windows: Windows) -> None:
    curve = learning_curve(pipeline(), windows, ratios=(0.5,), cv=SubjectKFold(2), progress=False)
    assert curve.summary()["difference"].isna().all()


def test_two_processes_give_the_scores_of_one(windows: Windows) -> None:
    one, two = (
        learning_curve(
            pipeline(), windows, ratios=(0, 1), cv=SubjectKFold(2), n_jobs=n, progress=False
        ).scores["score"]
        for n in (1, 2)
    )
    assert_array_equal(one, two)


@pytest.mark.parametrize("varied", [{"ratios": (1,)}, {"n_subjects": (2, 4)}])
def test_a_number_of_windows_in_all_has_no_learning_curve(
    windows: Windows, varied: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"n_synthetic=10 is a number in all.* n_synthetic=None"):
        learning_curve(pipeline(n_synthetic=10), windows, **varied, progress=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"ratios": (0, -1)}, "0 or more"),
        ({"ratios": (True,)}, "must be numbers"),
        ({"ratios": ()}, "holds no ratio"),
        ({"n_subjects": (2, 9)}, "from 1 to 5"),
        ({"n_subjects": (0,)}, "from 1 to 5"),
        ({"n_subjects": (1.5,)}, "whole numbers"),
        ({"n_subjects": ()}, "holds no number"),
        ({"random_state": -1}, "random_state=-1"),
        ({"random_state": True}, "random_state=True"),
    ],
)
def test_wrong_parameters_are_refused(
    windows: Windows, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        learning_curve(pipeline(), windows, progress=False, **wrong)
