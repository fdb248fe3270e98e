"""Comparisons of synthesizers: labels, folds, controls, what is shown, and the search that may choose one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug._choices import PROTOCOLS
from skaug.evaluation import ProtocolComparison, compare_protocols, compare_synthesizers
from skaug.evaluation.paired_tests import holm
from skaug.evaluation.protocol_variants import label_of, protocol_of
from skaug.model_selection import SubjectKFold, window_scorer
from skaug.server import running
from skaug.synthesis import SurrogateSynthesizer, SynthefyAPI, Synthesizer

MAE = "neg_mean_absolute_error"


class Shifted(Synthesizer):
    """Its conditions plus a constant, with the labels of the conditions plus another."""

    keeps = frozenset({"shape", "rate"})
    moves = frozenset({"level"})

    def __init__(self, samples: float = 0.0, label: float = 0.0) -> None:
        self.samples = samples
        self.label = label

    def synthesize(self, conditions: Windows) -> Windows:
        return conditions.synthesized(
            conditions.to_numpy() + self.samples, conditions.y + self.label
        )


class OfOneSubject(Shifted):
    """Cannot be conditioned on windows of anyone but one subject."""

    def can_condition(self, windows: Windows) -> np.ndarray:
        return windows.groups == "S1"


def pipeline(synthesizer: Synthesizer | None = None, *first: Any, **amount: Any) -> Any:
    return make_pipeline(
        *first,
        SynthefyAugmenter(synthesizer, **amount),
        WindowSpectrum(0.5, 4.0, 32),
        StandardScaler(),
        Ridge(),
    )


SYNTHESIZERS = {"surrogate": SurrogateSynthesizer(), "wrong, by 40": Shifted(label=40.0)}
LABELS = ["TRTR", "TRRTR", "TRSTR, surrogate", "TRSTR, wrong, by 40"]


@pytest.fixture(scope="module")
def comparison(windows: Windows) -> ProtocolComparison:
    return compare_synthesizers(pipeline(), windows, SYNTHESIZERS, progress=False)


def scores_of(comparison: ProtocolComparison, label: str) -> np.ndarray:
    scores = comparison.scores
    return scores.loc[scores["protocol"] == label, "score"].to_numpy()


def test_each_synthesizer_has_the_scores_of_its_own_comparison(
    windows: Windows, comparison: ProtocolComparison
) -> None:
    assert comparison.protocols == LABELS
    assert comparison.baselines == ["naive"]
    for name, synthesizer in SYNTHESIZERS.items():
        alone = compare_protocols(
            pipeline(synthesizer), windows, protocols=["TRTR", "TRSTR", "TRRTR"], progress=False
        )
        for label, protocol in ((f"TRSTR, {name}", "TRSTR"), ("TRTR", "TRTR"), ("TRRTR", "TRRTR")):
            assert_array_equal(scores_of(comparison, label), scores_of(alone, protocol))


def test_what_does_not_depend_on_the_synthesizer_is_fitted_once(
    comparison: ProtocolComparison,
) -> None:
    fits = comparison.scores[comparison.scores["metric"] == MAE].groupby("protocol").size()
    assert fits.to_dict() == dict.fromkeys([*LABELS, "naive"], 6)


def test_p_values_are_adjusted_for_the_synthesizers_but_not_for_controls(
    comparison: ProtocolComparison,
) -> None:
    summary = comparison.summary().droplevel("metric")
    of_synthesizers = summary.loc[LABELS[2:]]
    assert_allclose(of_synthesizers["p_holm"], holm(of_synthesizers["p_value"]))
    assert summary.loc["TRRTR", "verdict"] == "control"
    assert pd.isna(summary.loc["TRRTR", "p_holm"])
    assert "adjusted for the synthesizers compared; of controls" in comparison.table()
    differences = comparison.summary("TRRTR").droplevel("metric")["difference"]
    expected = scores_of(comparison, LABELS[2]) - scores_of(comparison, "TRRTR")
    assert_allclose(differences[LABELS[2]], expected.mean())


def test_the_verdict_has_a_sentence_for_each_synthesizer_and_names_no_winner(
    comparison: ProtocolComparison,
) -> None:
    verdict = comparison.verdict()
    assert verdict.count("Adding synthetic windows from 'surrogate'") == 1
    assert verdict.count("Adding synthetic windows from 'wrong, by 40'") == 1
    assert verdict.count("The best of several synthesizers looks better than it is.") == 1
    assert verdict in repr(comparison)
    summary = comparison.summary().droplevel("metric")
    change = -summary.loc["TRSTR, wrong, by 40", "difference"]
    assert change > 1
    assert f"'wrong, by 40'{_outcome(summary)}: MAE {change:+#.3g} on average" in verdict


def _outcome(summary: pd.DataFrame) -> str:
    # Twice 1 / 32 after Holm's adjustment: six subjects cannot reach 0.05 with two synthesizers.
    assert summary.loc["TRSTR, wrong, by 40", "p_holm"] >= 2 / 32
    return ": undecided, there are too few subjects to tell"


def test_the_verdict_says_once_that_the_model_is_worse_than_the_mean(windows: Windows) -> None:
    estimator = make_pipeline(SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), Ridge(1e-6))
    verdict = compare_synthesizers(
        estimator, windows, {"a": Shifted(), "b": Shifted(1.0)}, controls=(), progress=False
    ).verdict()
    assert verdict.count("The model trained on real windows does no better than predicting") == 1
    assert "windows from 'a'" in verdict
    assert "windows from 'b'" in verdict


def test_a_single_synthesizer_is_judged_without_a_word_on_several(windows: Windows) -> None:
    comparison = compare_synthesizers(
        pipeline(), windows, {"one": Shifted()}, cv=SubjectKFold(2), progress=False
    )
    assert "Adding synthetic windows from 'one'" in comparison.verdict()
    assert "several" not in comparison.verdict()


def test_without_synthetic_windows_there_is_nothing_to_judge(windows: Windows) -> None:
    comparison = compare_synthesizers(
        pipeline(ratio=0.0), windows, SYNTHESIZERS, cv=SubjectKFold(2), progress=False
    )
    assert comparison.verdict() == "No synthetic windows were added: use a larger ratio."


def test_parts_of_the_windows_are_compared_for_each_synthesizer(
    comparison: ProtocolComparison,
) -> None:
    parts = comparison.by("y_true", bins=[80])
    assert list(parts.index.unique("protocol")) == [*LABELS, "naive"]
    pytest.importorskip("matplotlib")
    display = comparison.plot_by("y_true", bins=[80])
    drawn = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert drawn == LABELS[1:]


def test_a_comparison_is_saved_and_loaded_with_its_labels(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    comparison.save(tmp_path)
    loaded = ProtocolComparison.load(tmp_path)
    assert loaded.protocols == LABELS
    assert loaded.details == comparison.details
    assert repr(loaded) == repr(comparison)


@pytest.mark.slow
def test_details_and_page_show_each_synthesizer_and_what_it_declares(
    comparison: ProtocolComparison, tmp_path: Path
) -> None:
    assert comparison.details["synthesizers"] == {
        name: repr(synthesizer) for name, synthesizer in SYNTHESIZERS.items()
    }
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    comparison.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    shown = "<dt>Synthesizer &#39;wrong, by 40&#39;</dt><dd>Shifted(label=40.0)"
    assert f"{shown}; keeps the rate, shape; moves the level</dd>" in page
    assert "adjusted\nfor the synthesizers compared" in page
    for label in LABELS[2:]:
        assert f'<th scope="row">{label}</th>' in page


def test_controls_are_hollow_in_the_color_of_their_synthesizer() -> None:
    pytest.importorskip("matplotlib")
    from skaug.evaluation.displays.strata import StrataDisplay

    labels = ["TRSTR, a", "TRSTR, b", "TRPTR, a", "TRPTR, b"]
    index = pd.MultiIndex.from_product([labels, ["rest", "run"]], names=["protocol", "activity"])
    columns = {
        "mean": 3.0,
        "difference": 1.0,
        "ci_low": 0.5,
        "ci_high": 2.0,
        "verdict": "undecided",
    }
    summary = pd.DataFrame(columns | {"n_subjects": 8, "n_windows": 80}, index=index)
    ax = StrataDisplay(summary, "neg_mean_absolute_error").plot().ax_
    drawn = {bar.get_label(): bar.lines[0] for bar in ax.containers}
    for name in "ab":
        helped, control = drawn[f"TRSTR, {name}"], drawn[f"TRPTR, {name}"]
        assert control.get_color() == helped.get_color()
        faces = helped.get_markerfacecolor(), control.get_markerfacecolor()
        assert faces == (helped.get_color(), "none")
    assert drawn["TRSTR, a"].get_color() != drawn["TRSTR, b"].get_color()


def test_the_plot_has_a_place_and_a_color_for_each_synthesizer(
    comparison: ProtocolComparison,
) -> None:
    pytest.importorskip("matplotlib")
    axes = comparison.plot().axes_
    ticks = [text.get_text() for text in axes[0].get_xticklabels()]
    assert ticks == ["TRTR", "TRRTR", "TRSTR\nsurrogate", "TRSTR\nwrong, by 40"]
    colors = [tuple(dots.get_facecolor()[0][:3]) for dots in axes[0].collections[::2]]
    assert len(set(colors)) == 4


def test_repeated_windows_follow_the_ratio_and_no_synthesizer(windows: Windows) -> None:
    is_test = windows.groups == "S2"
    scores = compare_synthesizers(
        pipeline(ratio=2.0),
        windows,
        {"any": Shifted(), "one": OfOneSubject()},
        cv=[(np.flatnonzero(~is_test), np.flatnonzero(is_test))],
        progress=False,
    ).scores.set_index("protocol")
    n_real = np.count_nonzero(~is_test)
    assert scores.loc["TRRTR", "n_real"] == 3 * n_real
    assert scores.loc["TRSTR, any", "n_synthetic"] == 2 * n_real
    assert scores.loc["TRSTR, one", "n_synthetic"] == 2 * np.count_nonzero(windows.groups == "S1")


def test_permuted_labels_are_a_control_of_each_synthesizer(windows: Windows) -> None:
    options = {"cv": SubjectKFold(3), "random_state": 4, "progress": False}
    comparison = compare_synthesizers(
        pipeline(), windows, SYNTHESIZERS, controls=["TRPTR"], **options
    )
    permuted = [label_of("TRPTR", name) for name in SYNTHESIZERS]
    assert comparison.protocols == ["TRTR", *LABELS[2:], *permuted]
    for label, synthesizer in zip(permuted, SYNTHESIZERS.values(), strict=True):
        alone = compare_protocols(pipeline(synthesizer), windows, protocols=["TRPTR"], **options)
        assert_array_equal(scores_of(comparison, label), scores_of(alone, "TRPTR"))
    assert set(comparison.summary().droplevel("metric").loc[permuted, "verdict"]) == {"control"}


def test_the_verdict_says_which_synthesizer_a_control_equals(
    comparison: ProtocolComparison,
) -> None:
    gain = {"TRTR": 0.0, "TRSTR, a": 1.0, "TRSTR, b": 1.0, "TRPTR, a": 2.0, "TRPTR, b": 0.5}
    first = comparison.scores.query("protocol == 'TRTR'")
    scores = [first.assign(protocol=label, score=first["score"] + x) for label, x in gain.items()]
    scores = pd.concat(scores).assign(n_synthetic=1)
    verdict = ProtocolComparison(scores, comparison.predictions, comparison.details).verdict()
    assert verdict.count("does as well") == 1
    assert "labels) does as well as 'TRSTR, a': the effect is regularization" in verdict


def test_the_synthesizer_of_the_augmenter_is_replaced(windows: Windows) -> None:
    class Broken(Synthesizer):
        def synthesize(self, conditions: Windows) -> Windows:
            raise AssertionError

    comparison = compare_synthesizers(
        pipeline(Broken()), windows, {"one": Shifted()}, cv=SubjectKFold(2), progress=False
    )
    assert "Broken" not in comparison.details["estimator"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "one or more names"),
        ([SurrogateSynthesizer()], "one or more names"),
        ({"": Shifted()}, "cannot have the name ''"),
        ({"  ": Shifted()}, "cannot have the name '  '"),
        ({"a\nb": Shifted()}, "without control characters"),
        ({"rate": Shifted(), " rate": Shifted()}, "cannot have the name ' rate'"),
        ({3: Shifted()}, "cannot have the name 3"),
        ({"none": None}, "synthesizer 'none' is None: pass a Synthesizer"),
        ({"class": Shifted}, "synthesizer 'class' is <class"),
        ({"model": Ridge()}, r"synthesizer 'model' is Ridge\(\)"),
    ],
)
def test_wrong_synthesizers_are_refused_by_name(windows: Windows, wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compare_synthesizers(pipeline(), windows, wrong, progress=False)


def test_other_protocols_are_not_controls(windows: Windows) -> None:
    with pytest.raises(ValueError, match=r"controls=\['TSTR'\] must be among 'TRRTR', 'TRPTR'"):
        compare_synthesizers(pipeline(), windows, SYNTHESIZERS, controls=["TSTR"])
    with pytest.raises(ValueError, match="must be a list"):
        compare_synthesizers(pipeline(), windows, SYNTHESIZERS, controls="TRRTR")


def test_baselines_cannot_have_the_label_of_a_synthesizer(windows: Windows) -> None:
    with pytest.raises(ValueError, match="cannot have the name 'TRSTR, rate'"):
        compare_synthesizers(pipeline(), windows, SYNTHESIZERS, baselines={"TRSTR, rate": Ridge()})


@given(st.sampled_from(list(PROTOCOLS)), st.text(min_size=1))
def test_a_label_names_its_protocol_and_its_synthesizer(protocol: str, name: str) -> None:
    assert protocol_of(label_of(protocol, name)) == (protocol, name)
    assert protocol_of(protocol) == (protocol, None)
    assert protocol_of(f"spectral {protocol}, {name}") == (f"spectral {protocol}, {name}", None)


def test_paid_windows_are_counted_over_all_synthesizers(
    recordings: pd.DataFrame, tmp_path: Path, monkeypatch: Any
) -> None:
    table = recordings[recordings["subject"].isin(["S1", "S2"])]
    windower = SubjectWindower(512, features=["BVP", "ECG"], target="heart_rate")
    monkeypatch.setenv("SYNTHEFY_API_KEY", "key")
    with running(512, api_key="key") as service:

        def api(dataset: str, store: str) -> SynthefyAPI:
            return SynthefyAPI("u", dataset, "j", base_url=service.base_url, store=tmp_path / store)

        synthesizers = {"a": api("a", "one"), "b": api("b", "one"), "c": api("c", "two")}
        comparison = compare_synthesizers(
            pipeline(None, windower), table, synthesizers | {"free": Shifted()}, progress=False
        )
        n_windows = len(windower.fit_transform(table))
        assert service.computed == comparison.details["windows_paid"] == 3 * n_windows


# A search that chooses the synthesizer

GOOD_OR_WRONG = [Shifted(label=60.0), SurrogateSynthesizer()]
CHOOSE = {"synthefyaugmenter__synthesizer": GOOD_OR_WRONG}


def search(estimator: Any, grid: Any = CHOOSE) -> GridSearchCV:
    return GridSearchCV(estimator, grid, cv=SubjectKFold(2), scoring=window_scorer(MAE))


def door(name: str) -> Any:
    if name == "skaug":
        return pipeline()
    scaled = sklearn_pipeline.make_pipeline(StandardScaler(), Ridge())
    return sklearn_pipeline.make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), WindowRegressor(scaled)
    )


@pytest.mark.parametrize("name", ["skaug", "sklearn"])
@pytest.mark.slow
def test_a_search_chooses_the_synthesizer_in_every_fold(
    windows: Windows, tmp_path: Path, name: str
) -> None:
    protocols = ["TRTR", "TRSTR", "TRRTR", "TRPTR"]
    options = {"cv": SubjectKFold(3), "progress": False}
    comparison = compare_protocols(search(door(name)), windows, protocols=protocols, **options)
    nested = cross_val_score(
        search(door(name)), windows, windows.y, cv=SubjectKFold(3), scoring=MAE
    )
    predictions = comparison.predictions.query("protocol == 'TRSTR'")
    found = [
        -mean_absolute_error(of["y_true"], of["y_pred"]) for _, of in predictions.groupby("fold")
    ]
    assert_allclose(found, nested)
    alone = compare_protocols(
        pipeline(SurrogateSynthesizer()), windows, protocols=protocols, **options
    )
    for protocol in ("TRTR", "TRSTR", "TRRTR"):
        assert_allclose(scores_of(comparison, protocol), scores_of(alone, protocol))
    assert comparison.details["synthesizer"] == (
        "chosen by the search in every fold, among Shifted(label=60.0), SurrogateSynthesizer()"
    )
    # The scores above are those of surrogates.
    assert comparison.details["chosen"] == {"SurrogateSynthesizer()": 3}
    assert "chosen" not in alone.details
    comparison.to_html(tmp_path / "page.html")
    assert "; SurrogateSynthesizer(): 3 of 3 fits" in (tmp_path / "page.html").read_text()
    counts = comparison.scores.groupby("protocol")["n_synthetic"].mean()
    assert counts["TRTR"] == counts["TRRTR"] == 0
    assert counts["TRPTR"] == counts["TRSTR"] > 0
    assert (scores_of(comparison, "TRPTR") != scores_of(comparison, "TRSTR")).all()


def test_a_search_over_a_table_chooses_too(recordings: pd.DataFrame, windows: Windows) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    options = {"protocols": ["TRSTR"], "cv": SubjectKFold(3), "progress": False}
    of_table = compare_protocols(search(pipeline(None, windower)), recordings, **options)
    of_windows = compare_protocols(search(pipeline()), windows, **options)
    assert_allclose(of_table.scores["score"], of_windows.scores["score"])
    assert of_table.details["chosen"] == of_windows.details["chosen"]


def test_parameters_that_a_search_chose_are_kept(windows: Windows) -> None:
    grid = {"synthefyaugmenter__synthesizer__label": [60.0, 5.0]}
    estimator, cv = search(pipeline(Shifted()), grid), SubjectKFold(2)
    comparison = compare_protocols(estimator, windows, cv=cv, progress=False)
    folds = cv.split(windows, windows.y, windows.groups)
    fitted = [clone(estimator).fit(windows[train], windows.y[train]) for train, _ in folds]
    best = [one.best_params_["synthefyaugmenter__synthesizer__label"] for one in fitted]
    assert comparison.details["chosen"] == Counter(f"Shifted(label={label})" for label in best)


@pytest.mark.parametrize("protocol", ["TRRTR", "TRPTR"])
def test_a_search_varies_parameters_of_the_synthesizer_under_controls_too(
    windows: Windows, protocol: str
) -> None:
    grid = [
        {"synthefyaugmenter__synthesizer__label": [0.0, 60.0], "ridge__alpha": [1.0]},
        CHOOSE,
    ]
    options = {"protocols": [protocol], "cv": SubjectKFold(2), "progress": False}
    comparison = compare_protocols(search(pipeline(Shifted()), grid), windows, **options)
    if protocol == "TRRTR":
        alone = compare_protocols(pipeline(Shifted()), windows, **options)
        assert_allclose(scores_of(comparison, protocol), scores_of(alone, protocol))
    else:
        assert (comparison.scores.query("protocol == 'TRPTR'")["n_synthetic"] > 0).all()


@pytest.mark.parametrize("grid", [CHOOSE, {"synthefyaugmenter__synthesizer__random_state": [0, 1]}])
def test_a_search_over_what_the_comparison_sets_is_refused(
    windows: Windows, grid: dict[str, Any]
) -> None:
    searched = search(pipeline(SurrogateSynthesizer()), grid)
    with pytest.raises(ValueError, match=r"compare_synthesizers sets .* to compare_protocols"):
        compare_synthesizers(searched, windows, SYNTHESIZERS)
    with pytest.raises(ValueError, match="TRTS, which trains on real windows"):
        compare_protocols(searched, windows, protocols=["TRTR", "TRTS"])


def test_searches_that_cannot_vary_the_synthesizer_say_so(windows: Windows) -> None:
    nothing_to_vary = search(pipeline(), {"synthefyaugmenter__synthesizer__random_state": [1]})
    with pytest.raises(ValueError, match="has no synthesizer to set it on"):
        compare_protocols(nothing_to_vary, windows)
    drawn = RandomizedSearchCV(
        pipeline(), {"synthefyaugmenter__synthesizer": scipy.stats.uniform()}, n_iter=1
    )
    with pytest.raises(ValueError, match="pass a list of synthesizers"):
        compare_protocols(drawn, windows)
