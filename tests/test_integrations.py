"""In the pipelines of other libraries."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline as sklearn_make_pipeline
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import (
    PerRecording,
    SubjectWindower,
    SynthefyAugmenter,
    SynthefySampler,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    WindowTransformer,
)
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer


def spectrum() -> WindowSpectrum:
    return WindowSpectrum(0.5, 4.0, 32)


def channels_first(windows: Windows) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(windows.to_numpy(), 1, 2))


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


def half(X: Any) -> Any:
    return X / 2


def test_cross_validation_by_skrub_scores_windows_and_rows(recordings: pd.DataFrame) -> None:
    """Also where a step before the windower changes the labels."""
    skrub = pytest.importorskip("skrub")
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    steps = [
        PerRecording(half, ["heart_rate"]),
        windower,
        SynthefyAugmenter(),
        WindowStatistics(),
    ]
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


def test_a_search_of_skrub_chooses_the_window_size_by_scores_of_rows(
    recordings: pd.DataFrame,
) -> None:
    skrub = pytest.importorskip("skrub")
    sizes = [128, 256]
    plan = skrub.var("recordings", recordings).skb.mark_as_X()
    for step in [
        SubjectWindower(skrub.choose_from(sizes), features=["BVP"], target="heart_rate"),
        WindowStatistics(),
        WindowRegressor(Ridge()),
    ]:
        plan = plan.skb.apply(step, no_wrap=True)
    scoring = row_scorer("neg_mean_absolute_error")
    options = {"cv": SubjectKFold(3), "scoring": scoring, "error_score": "raise"}
    search = plan.skb.make_grid_search(**options).fit({"recordings": recordings})
    windower = SubjectWindower(features=["BVP"], target="heart_rate")
    ours = skaug.make_pipeline(windower, WindowStatistics(), Ridge())
    expected = GridSearchCV(ours, {"subjectwindower__window_size": sizes}, **options)
    assert_allclose(
        np.sort(search.results_["mean_test_score"]),
        np.sort(expected.fit(recordings).cv_results_["mean_test_score"]),
    )


def test_minirocket_of_aeon_is_fitted_on_real_and_synthetic_windows(windows: Windows) -> None:
    rocket = pytest.importorskip("aeon.transformations.collection.convolution_based").MiniRocket
    augmented = SynthefyAugmenter(ratio=0.5).fit_transform(windows)
    step = WindowTransformer(rocket(n_kernels=168, random_state=0), channels_first=True)
    features = step.fit_transform(augmented)
    by_hand = rocket(n_kernels=168, random_state=0)
    expected = by_hand.fit_transform(channels_first(augmented))
    assert_array_equal(features.to_numpy(), expected)
    assert_array_equal(features.y, augmented.y)
    assert features.feature_names[:2] == ["minirocket0", "minirocket1"]
    frozen = pickle.dumps(step)
    for sample in augmented[0].ravel():
        assert sample.tobytes() not in frozen
        assert np.float32(sample).tobytes() not in frozen
    thawed = pickle.loads(frozen)
    assert_array_equal(thawed.transform(windows).to_numpy(), step.transform(windows).to_numpy())


def test_minirocket_of_aeon_is_tuned_in_a_pipeline(windows: Windows) -> None:
    rocket = pytest.importorskip("aeon.transformations.collection.convolution_based").MiniRocket
    pipe = skaug.make_pipeline(
        SynthefyAugmenter(ratio=0.5),
        WindowTransformer(rocket(random_state=0), channels_first=True),
        StandardScaler(),
        RidgeCV(),
    )
    grid = {"windowtransformer__transformer__n_kernels": [84, 168]}
    search = GridSearchCV(
        pipe, grid, cv=SubjectKFold(3), scoring="neg_mean_absolute_error", error_score="raise"
    )
    search.fit(windows, windows.y)
    assert search.best_estimator_[-1].n_features_in_ == search.best_params_[next(iter(grid))]
    theirs = sklearn_make_pipeline(*search.best_estimator_[:2], WindowRegressor(pipe[2:]))
    assert_allclose(
        theirs.fit(windows).predict(windows), search.best_estimator_.predict(windows), rtol=1e-6
    )


def test_catch22_of_aeon_makes_22_features_per_channel(windows: Windows) -> None:
    catch22 = pytest.importorskip("aeon.transformations.collection.feature_based").Catch22
    step = WindowTransformer(catch22(), channels_first=True)
    features = step.fit_transform(windows[:8])
    assert features.shape == (8, 44)
    alone = catch22().fit_transform(channels_first(windows[:8]))
    assert_array_equal(features.to_numpy(), alone)
    with pytest.raises(ValueError, match=r"Catch22 of aeon reads .*channels_first=True"):
        WindowTransformer(catch22()).fit(windows)
