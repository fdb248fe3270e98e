"""Learning curves over the ratio of synthetic windows, and over real training subjects."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor

from skaug import SynthefyAugmenter, Windows, WindowSpectrum, WindowStatistics, make_pipeline
from skaug.evaluation import (
    LearningCurve,
    compare_protocols,
    compare_synthesizers,
    learning_curve,
)
from skaug.evaluation.paired_tests import corrected_t, holm, sign_flip_p
from skaug.model_selection import SubjectKFold
from skaug.synthesis import Synthesizer

MAE = "neg_mean_absolute_error"


# In `level_windows`, the label is the level of the channel.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The mean in each window of 'x0' .* follows the label:skaug.DataWarning"
)


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
        f"({'TRSTR' if best else 'TRTR'}): {errors.min():#.3g}"
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
    assert curve.verdict().endswith(". To compare with real windows alone, add the ratio 0.")
    assert "No amount" not in curve.verdict()


@pytest.mark.parametrize("amounts", [{"ratios": (0,)}, {"n_subjects": (2, None)}])
def test_a_curve_without_synthetic_windows_says_so(
    windows: Windows, amounts: dict[str, Any]
) -> None:
    curve = learning_curve(
        pipeline(ratio=0.0), windows, cv=SubjectKFold(2), progress=False, **amounts
    )
    assert curve.verdict() == "No synthetic windows were added: use a larger ratio."


@pytest.mark.slow
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
        ({"ratios": ()}, r"ratios=\(\) is empty"),
        ({"n_subjects": (2, 9)}, "from 1 to 5"),
        ({"n_subjects": (0,)}, "from 1 to 5"),
        ({"n_subjects": (1.5,)}, "whole numbers"),
        ({"n_subjects": ()}, r"n_subjects=\(\) is empty"),
        ({"n_subjects": 4}, r"n_subjects=4 must be a list: \[4\]"),
        ({"ratios": 0.5}, r"must be a list: \[0.5\]"),
        ({"random_state": -1}, "random_state=-1"),
        ({"random_state": True}, "random_state=True"),
    ],
)
def test_wrong_parameters_are_refused(
    windows: Windows, wrong: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        learning_curve(pipeline(), windows, progress=False, **wrong)


# Several synthesizers


class Louder(Synthesizer):
    """Its conditions, amplified."""

    def __init__(self, gain: float = 2.0) -> None:
        self.gain = gain

    def synthesize(self, conditions: Windows) -> Windows:
        return conditions.synthesized(self.gain * conditions.to_numpy())


TWO = {"louder": Louder(), "noise": Noise()}


def test_each_synthesizer_has_a_curve_over_ratios(windows: Windows) -> None:
    options = {"cv": SubjectKFold(3), "progress": False}
    curve = learning_curve(pipeline(), windows, ratios=(0, 0.5), synthesizers=TWO, **options)
    pairs = curve.scores[["ratio", "protocol"]].drop_duplicates().to_numpy().tolist()
    assert pairs == [[0.0, "TRTR"], [0.5, "TRSTR, louder"], [0.5, "TRSTR, noise"]]
    whole = compare_synthesizers(pipeline(ratio=0.5), windows, TWO, controls=(), **options)
    for label in ("TRTR", "TRSTR, louder", "TRSTR, noise"):
        found, expected = (
            of.loc[of["protocol"] == label, "score"] for of in (curve.scores, whole.scores)
        )
        assert_array_equal(found, expected)
    verdict = curve.verdict()
    assert verdict.count("With 'louder', MAE is best at ") == 1
    assert verdict.count("With 'noise', MAE is best at ") == 1
    pytest.importorskip("matplotlib")
    lines = curve.plot().axes_[0].get_lines()
    assert [line.get_label() for line in lines] == ["TRSTR, louder", "TRSTR, noise"]
    for line in lines:
        assert_array_equal(line.get_xdata(), [0, 1])


def test_each_synthesizer_has_a_curve_over_subjects(windows: Windows) -> None:
    options = {"cv": SubjectKFold(3), "progress": False}
    curve = learning_curve(pipeline(), windows, n_subjects=(None,), synthesizers=TWO, **options)
    whole = compare_synthesizers(pipeline(), windows, TWO, **options)
    labels = ["TRTR", "TRRTR", "TRSTR, louder", "TRSTR, noise", "naive"]
    assert curve.scores["protocol"].unique().tolist() == labels
    for label in labels:
        found, expected = (
            of.loc[of["protocol"] == label, "score"] for of in (curve.scores, whole.scores)
        )
        assert_allclose(found, expected)


def test_synthesizers_of_a_curve_are_checked(windows: Windows) -> None:
    with pytest.raises(ValueError, match="synthesizer 'model' is Ridge"):
        learning_curve(pipeline(), windows, synthesizers={"model": Ridge()})
    search = GridSearchCV(
        pipeline(), {"synthefyaugmenter__synthesizer": [Louder(), Noise()]}, cv=SubjectKFold(2)
    )
    with pytest.raises(
        ValueError, match=r"learning_curve\(synthesizers=...\) sets the synthesizer"
    ):
        learning_curve(search, windows, synthesizers=TWO)


# With how few subjects synthetic windows pay


def level_windows(n_subjects: int = 9, n_windows: int = 5) -> Windows:
    """Windows of a constant level, which is the label. Each subject has a level of its own."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.linspace(0, 100, n_subjects), n_windows)
    y += rng.uniform(-3, 3, y.size)
    X = np.repeat(y[:, None, None], 8, axis=1) + rng.normal(scale=0.1, size=(y.size, 8, 1))
    return Windows.from_arrays(X, y, np.repeat([f"S{i}" for i in range(n_subjects)], n_windows))


class Moved(Synthesizer):
    """Moves the level of a window and its label alike, anywhere from -100 to 100."""

    moves = frozenset({"level"})

    def synthesize(self, conditions: Windows) -> Windows:
        origins = conditions.origins.to_numpy().tolist()
        moved = [np.random.default_rng(crc32(repr(o).encode())).uniform(-100, 100) for o in origins]
        X = conditions.to_numpy() + np.array(moved)[:, None, None]
        return conditions.synthesized(X, conditions.y + np.array(moved))


def neighbor(synthesizer: Synthesizer | None = None, ratio: float = 8.0) -> Any:
    return make_pipeline(
        SynthefyAugmenter(synthesizer, ratio=ratio), WindowStatistics(), KNeighborsRegressor(1)
    )


@pytest.fixture(scope="module")
def over_subjects() -> LearningCurve:
    return learning_curve(
        neighbor(),
        level_windows(),
        n_subjects=(2, None),
        n_draws=2,
        synthesizers={"moved": Moved(), "noise": Noise()},
        random_state=3,
        progress=False,
    )


def test_synthetic_windows_that_move_labels_pay_with_few_subjects(
    over_subjects: LearningCurve,
) -> None:
    summary = over_subjects.summary().loc[MAE]
    row = summary.loc[(2, "TRSTR, moved")]
    assert row["difference"] > 10
    assert row[["p_value", "p_holm", "p_repeated", "p_baselines"]].max() < 0.05
    first = over_subjects.verdict().split(". ")[0]
    assert (
        first.endswith("; it is not shown to pay with all 8")
        or " and all 8 training subjects" in first
    )
    change = f"MAE \N{MINUS SIGN}{row['difference']:#.3g} with 2"
    assert first.startswith("Adding synthetic windows from 'moved' pays with 2")
    assert change in first
    assert "synthetic windows from 'noise' is not shown to pay with 2 or all 8" in (
        over_subjects.verdict()
    )
    assert over_subjects.verdict() in repr(over_subjects)


def test_p_values_are_over_subjects_after_draws_are_averaged(over_subjects: LearningCurve) -> None:
    summary = over_subjects.summary().loc[MAE]
    means = over_subjects.scores.pivot_table(
        index="subject", columns=["n_training_subjects", "protocol"], values="score"
    )
    for n in (2, 8):
        for label in ("TRSTR, moved", "TRSTR, noise", "TRRTR"):
            row = summary.loc[(n, label)]
            gain = means[n, label] - means[n, "TRTR"]
            assert_allclose(row["difference"], gain.mean())
            assert_allclose(row["p_value"], sign_flip_p(gain))
            # One subject in n + 1 is tested.
            assert_allclose(row["p_corrected"], corrected_t(gain, 1 / (n + 1)).p_value)
            assert_allclose(row["p_left_out"], corrected_t(gain, 1 / 9).p_value)
            assert_allclose(row["p_baselines"], sign_flip_p(means[n, label] - means[n, "naive"]))
            if label != "TRRTR":
                ahead = means[n, label] - means[n, "TRRTR"]
                assert_allclose(row["p_repeated"], sign_flip_p(ahead))
    points = [(n, f"TRSTR, {name}") for n in (2, 8) for name in ("moved", "noise")]
    judged = summary.loc[points]
    assert_allclose(judged["p_holm"], holm(judged["p_value"]))
    assert summary["p_holm"].notna().sum() == 4
    assert pd.isna(summary.loc[(8, "TRRTR"), "p_repeated"])
    assert summary.loc[(2, "naive"), "p_value":].isna().all()


def test_draws_train_on_other_subjects_and_are_nested(windows: Windows) -> None:
    SubjectRecorder.seen.clear()
    learning_curve(
        pipeline(SubjectRecorder()), windows, n_subjects=(1, 2, None), n_draws=3, progress=False
    )
    # In each fold one and two subjects three times, and all five once.
    per_fold = [SubjectRecorder.seen[i : i + 7] for i in range(0, 42, 7)]
    assert len(SubjectRecorder.seen) == 42
    for seen in per_fold:
        assert [len(names) for names in seen] == [1, 2, 5, 1, 2, 1, 2]
        assert seen[0] < seen[1]
        assert seen[3] < seen[4]
        assert seen[5] < seen[6]
    assert any(seen[1] != seen[4] for seen in per_fold)


def test_the_naive_baseline_is_that_of_the_training_subjects(over_subjects: LearningCurve) -> None:
    windows = level_windows()
    of_all = over_subjects.scores.query("n_training_subjects == 8 and protocol == 'naive'")
    kinds = []
    for center in (np.mean, np.median):
        errors = {
            name: np.abs(
                windows.y[windows.groups == name] - center(windows.y[windows.groups != name])
            ).mean()
            for name in dict.fromkeys(windows.groups)
        }
        kinds.append(-of_all["subject"].map(errors))
    best = max(kinds, key=lambda scores: scores.mean())
    assert_allclose(of_all["score"], best)


def test_repeats_of_real_windows_are_a_control_at_each_number(
    over_subjects: LearningCurve,
) -> None:
    for n, of in over_subjects.scores.groupby("n_training_subjects"):
        counts = of.groupby("protocol")[["n_real", "n_synthetic"]].mean()
        assert counts.loc["TRTR"].tolist() == [5 * n, 0]
        assert counts.loc["TRRTR"].tolist() == [5 * n * 9, 0]
        assert counts.loc["TRSTR, moved"].tolist() == [5 * n, 5 * n * 8]


def test_with_few_test_subjects_nothing_is_said_to_pay() -> None:
    curve = learning_curve(
        neighbor(Moved()), level_windows(4), n_subjects=(1, None), progress=False
    )
    summary = curve.summary().loc[MAE]
    assert summary.loc[(1, "TRSTR"), "p_value":].isna().all()
    assert curve.verdict().startswith(
        "Adding synthetic windows: undecided, there are too few test subjects (4) to tell; MAE "
    )


def test_all_subjects_are_their_number(over_subjects: LearningCurve) -> None:
    assert over_subjects.scores["n_training_subjects"].unique().tolist() == [2, 8]
    assert over_subjects.details["amount_names"] == {8: "all 8"}
    assert "all 8" in repr(over_subjects)
    twice = learning_curve(
        neighbor(), level_windows(3), n_subjects=(None, 2), cv=SubjectKFold(3), progress=False
    )
    assert twice.scores["n_training_subjects"].unique().tolist() == [2]
    assert len(twice.scores) == 3 * 4


def test_all_subjects_of_folds_that_differ_come_last(windows: Windows) -> None:
    curve = learning_curve(
        pipeline(), windows, n_subjects=(None, 4), cv=SubjectKFold(4), progress=False
    )
    # Six subjects in four folds: two folds test two of them, two folds one.
    assert curve.scores["n_training_subjects"].unique().tolist() == [4, 4.5]
    assert curve.details["amount_names"] == {4.5: "all 4 to 5"}
    with pytest.raises(ValueError, match="from 1 to 4, the number of training subjects in fold"):
        learning_curve(pipeline(), windows, n_subjects=(5,), cv=SubjectKFold(4), progress=False)


def test_the_axis_shows_numbers_of_subjects_where_they_are(over_subjects: LearningCurve) -> None:
    pytest.importorskip("matplotlib")
    means, differences = over_subjects.plot().axes_
    assert [text.get_text() for text in means.get_xticklabels()] == ["2", "all 8"]
    assert_allclose(means.get_xticks(), [1, 3])  # log2
    drawn = [text.get_text() for text in differences.get_legend().get_texts()]
    assert drawn == ["TRRTR", "TRSTR, moved", "TRSTR, noise"]


def test_the_page_has_the_verdict_and_the_p_values_of_the_curve(
    over_subjects: LearningCurve, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    comparison = compare_protocols(neighbor(Moved()), level_windows(), progress=False)
    comparison.to_html(tmp_path / "page.html", learning_curve=over_subjects)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert f"<p>{over_subjects.verdict()}</p>".replace("'", "&#39;") in page
    assert '<th scope="col">p against TRRTR</th>' in page
    assert '<th scope="row">all 8</th>' in page


class Level(RegressorMixin, BaseEstimator):
    """Reads the label off the samples, without training."""

    def fit(self, X: Windows, y: Any = None) -> Level:
        return self

    def predict(self, X: Windows) -> np.ndarray:
        return X.to_numpy().mean(axis=(1, 2))


def test_nothing_pays_that_a_baseline_of_the_user_beats() -> None:
    curve = learning_curve(
        neighbor(Moved()),
        level_windows(),
        n_subjects=(2,),
        baselines={"level": Level()},
        progress=False,
    )
    summary = curve.summary().loc[MAE]
    mean = -summary.loc[(2, "level"), "mean"]
    assert summary.loc[(2, "TRSTR"), ["p_holm", "p_repeated"]].max() < 0.05
    assert curve.verdict().startswith(
        "With 2 training subjects the baseline 'level' is better on average than the model trained on real "
        f"windows (MAE {mean:#.3g}). Adding synthetic windows is not shown to pay with 2 training subjects ("
    )


@pytest.mark.parametrize(
    "wrong",
    [{"n_draws": 2}, {"n_draws": 0, "n_subjects": (2,)}, {"baselines": {"level": Level()}}],
)
def test_what_belongs_to_numbers_of_subjects_is_refused_elsewhere(
    windows: Windows, wrong: dict[str, Any]
) -> None:
    with pytest.raises(
        ValueError, match=r"n_draws=0 must be|(n_draws=2|baselines=\['level'\]) is for a curve"
    ):
        learning_curve(pipeline(), windows, progress=False, **wrong)
