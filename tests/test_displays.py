"""Plots of comparisons and learning curves show the right numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from skaug.evaluation import LearningCurve, LearningCurveDisplay, ProtocolComparisonDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed

pyplot = pytest.importorskip("matplotlib.pyplot")

MAE = "neg_mean_absolute_error"
SCORES = pd.DataFrame(
    {
        "TRTR": [-4.0, -5.0, -6.0, -3.0],
        "TRSTR": [-3.5, -5.2, -5.0, -2.9],
        "TRTS": [-9.0, -9.0, -9.0, -9.0],
    },
    index=["S1", "S2", "S3", "S4"],
)


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    pyplot.close("all")


def test_errors_are_shown_as_positive_numbers_with_the_ends_of_intervals_in_order() -> None:
    summary = pd.DataFrame(
        {"mean": [-4.0], "sd": [1.0], "difference": [0.5], "ci_low": [0.0], "ci_high": [2.0]}
    )
    shown = ReadableMetric(MAE).shown_summary(summary).iloc[0]
    expected = {"mean": 4, "sd": 1, "difference": -0.5, "ci_low": -2, "ci_high": 0}
    assert shown.to_dict() == expected
    assert signed(shown["ci_high"]) == "+0.00"  # not minus zero
    pd.testing.assert_frame_equal(ReadableMetric("r2").shown_summary(summary), summary)


@pytest.mark.parametrize(
    ("value", "written"), [(12, "12.0"), (9.996, "10.0"), (250, "250"), (0.5, "0.500")]
)
def test_numbers_have_three_digits_also_where_they_end_in_zeros(value: float, written: str) -> None:
    assert number(value) == written
    assert (signed(value), signed(-value)) == (f"+{written}", f"\N{MINUS SIGN}{written}")


def test_the_scores_of_a_subject_are_joined_and_errors_are_positive() -> None:
    display = ProtocolComparisonDisplay(SCORES, MAE).plot()
    scores, _ = display.axes_
    assert [label.get_text() for label in scores.get_xticklabels()] == ["TRTR", "TRSTR"]
    pairs = [line.get_ydata() for line in scores.lines]
    assert_allclose(pairs, -SCORES[["TRTR", "TRSTR"]])
    assert scores.get_ylabel() == "MAE"


def test_differences_have_an_interval_and_say_which_way_is_better() -> None:
    display = ProtocolComparisonDisplay(SCORES, MAE).plot()
    _, differences = display.axes_
    gain = SCORES["TRSTR"] - SCORES["TRTR"]
    dots = differences.collections[0].get_offsets()[:, 1]
    assert_allclose(sorted(dots), sorted(-gain))
    assert "below zero: better" in differences.get_title()
    (mean,) = [line for line in differences.lines if line.get_marker() == "o"]
    assert_allclose(np.asarray(mean.get_ydata(), dtype=float), -gain.mean())
    greater = ProtocolComparisonDisplay(SCORES, "r2").plot()
    assert "above zero: better" in greater.axes_[1].get_title()
    assert_allclose(sorted(greater.axes_[1].collections[0].get_offsets()[:, 1]), sorted(gain))


def test_without_a_reference_only_scores_are_drawn() -> None:
    assert len(ProtocolComparisonDisplay(SCORES[["TRSTR"]], MAE).plot().axes_) == 1
    assert len(ProtocolComparisonDisplay(SCORES[["TRTS"]], MAE).plot().axes_) == 1


def test_a_plot_may_be_drawn_on_given_axes() -> None:
    figure, axes = pyplot.subplots(1, 2)
    display = ProtocolComparisonDisplay(SCORES, MAE).plot(axes=axes)
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="needs 2 Axes, but axes holds 1"):
        ProtocolComparisonDisplay(SCORES, MAE).plot(axes=axes[0])


def curve_of(amount: str, amounts: list[float], protocols: list[str]) -> LearningCurve:
    rng = np.random.default_rng(0)
    rows = [
        {
            amount: x,
            "protocol": p,
            "fold": s,
            "subject": f"S{s}",
            "metric": MAE,
            "score": -rng.random(),
        }
        for x in amounts
        for p in (protocols if amount != "ratio" else ["TRSTR" if x else "TRTR"])
        for s in range(5)
    ]
    return LearningCurve(pd.DataFrame(rows))


def test_a_curve_over_ratios_is_one_line_that_begins_with_real_windows_only() -> None:
    curve = curve_of("ratio", [0.0, 0.5, 2.0], [])
    display = curve.plot()
    assert isinstance(display, LearningCurveDisplay)
    means, differences = display.axes_
    (line,) = means.lines
    summary = curve.summary().loc[MAE]
    assert_allclose(line.get_ydata(), -summary["mean"])
    assert [label.get_text() for label in means.get_xticklabels()] == ["0", "0.5", "2"]
    (bars,) = differences.containers
    ends = np.array([segment[:, 1] for segment in bars[2][0].get_segments()])
    known = summary.dropna()
    assert_allclose(np.sort(ends), np.sort(-known[["ci_low", "ci_high"]]))


def test_a_curve_over_subjects_has_a_line_with_and_one_without_synthetic_windows() -> None:
    display = curve_of("n_training_subjects", [2, 4], ["TRTR", "TRSTR"]).plot()
    means, _ = display.axes_
    assert [text.get_text() for text in means.get_legend().get_texts()] == ["TRTR", "TRSTR"]
    assert means.get_xlabel() == "real subjects trained on"


def test_the_sign_of_a_scorer_decides_how_its_scores_are_drawn() -> None:
    name = "mean_absolute_error"
    ours = ProtocolComparisonDisplay(SCORES, name, sign=-1).plot()
    theirs = ProtocolComparisonDisplay(SCORES, MAE).plot()
    for mine, other in zip(ours.axes_, theirs.axes_, strict=True):
        assert mine.get_ylabel() == other.get_ylabel()
        assert mine.get_title() == other.get_title()
        assert mine.get_ylim() == other.get_ylim()
    assert ReadableMetric("neg_own", 1).label == "neg own"
    assert ReadableMetric("neg_own", 1).better_side == "above"


def test_scores_that_hardly_differ_are_written_in_full() -> None:
    scores = pd.DataFrame({"TRTR": [-11.38001], "TRSTR": [-11.38002]}, index=["S1"])
    display = ProtocolComparisonDisplay(scores, "neg_mean_absolute_error").plot()
    display.figure_.canvas.draw()
    ax = display.axes_[0]
    assert ax.yaxis.get_offset_text().get_text() == ""
    assert all(label.get_text().startswith("11.38") for label in ax.get_yticklabels())
    ax.set_yscale("log")  # an axis of the user's without such numbers
    ProtocolComparisonDisplay(scores[["TRTR"]], "neg_mean_absolute_error").plot(axes=[ax])


def test_baselines_are_lines() -> None:
    baselines = {"naive": -11.0, "spectral peak": -3.0}
    display = ProtocolComparisonDisplay(SCORES, MAE, baselines=baselines).plot()
    legend = display.axes_[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(baselines)
    heights = [line.get_ydata()[0] for line in legend.axes.lines if line.get_label() in baselines]
    assert heights == [11.0, 3.0]
