"""In the pipelines of other libraries."""

from __future__ import annotations

import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score

import skaug
from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    SynthefySampler,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
)
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer


def spectrum() -> WindowSpectrum:
    return WindowSpectrum(0.5, 4.0, 32)


def test_imbalanced_learns_pipeline_scores_like_ours(
    recordings: pd.DataFrame, windows: Windows
) -> None:
    imblearn = pytest.importorskip("imblearn.pipeline")
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    theirs = imblearn.make_pipeline(SynthefySampler(ratio=0.5), spectrum(), Ridge())
    ours = skaug.make_pipeline(SynthefyAugmenter(ratio=0.5), spectrum(), Ridge())
    expected = cross_val_score(
        ours, windows, windows.y, cv=SubjectKFold(3), scoring="neg_mean_absolute_error"
    )
    scores = cross_val_score(
        theirs, windows, windows.y, cv=SubjectKFold(3), scoring="neg_mean_absolute_error"
    )
    assert_allclose(scores, expected)
    of_rows = cross_val_score(
        imblearn.make_pipeline(windower, SynthefySampler(ratio=0.5), spectrum(), Ridge()),
        recordings,
        recordings["heart_rate"],
        cv=SubjectKFold(3),
        scoring=window_scorer("neg_mean_absolute_error"),
    )
    assert_allclose(of_rows, expected)


def test_a_plan_of_skrub_predicts_like_our_pipeline(recordings: pd.DataFrame) -> None:
    skrub = pytest.importorskip("skrub")
    train = recordings[recordings["subject"] != "S6"]
    test = recordings[recordings["subject"] == "S6"]
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    plan = (
        skrub.var("recordings", train)
        .skb.mark_as_X()
        .skb.apply(windower, no_wrap=True)
        .skb.apply(SynthefyAugmenter(), no_wrap=True)
        .skb.apply(WindowStatistics(), no_wrap=True)
        .skb.apply(WindowRegressor(Ridge()), no_wrap=True)
    )
    learner = plan.skb.make_learner().fit({"recordings": train})
    ours = skaug.make_pipeline(windower, SynthefyAugmenter(), WindowStatistics(), Ridge())
    expected = ours.fit(train).predict(test)
    assert_allclose(learner.predict({"recordings": test}), expected)


def test_cross_validation_by_skrub_scores_windows_and_rows(recordings: pd.DataFrame) -> None:
    skrub = pytest.importorskip("skrub")
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    steps = [windower, SynthefyAugmenter(), WindowStatistics()]
    plan = skrub.var("recordings", recordings).skb.mark_as_X()
    for step in [*steps, WindowRegressor(Ridge())]:
        plan = plan.skb.apply(step, no_wrap=True)
    ours = skaug.make_pipeline(*steps, Ridge())
    for scorer in (window_scorer("neg_mean_absolute_error"), row_scorer("r2")):
        result = skrub.cross_validate(
            plan.skb.make_learner(),
            {"recordings": recordings},
            cv=SubjectKFold(3),
            scoring=scorer,
            error_score="raise",
        )
        expected = cross_val_score(ours, recordings, cv=SubjectKFold(3), scoring=scorer)
        assert_allclose(result["test_score"], expected)
