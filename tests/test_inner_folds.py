"""The `cv` of an estimator behind the windows splits by subject, and never tests on synthetic windows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import clone
from sklearn.ensemble import StackingRegressor
from sklearn.feature_selection import RFECV
from sklearn.linear_model import LassoCV, LogisticRegression, Ridge, RidgeCV
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    StratifiedGroupKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import (
    DataWarning,
    SynthefyAugmenter,
    WindowClassifier,
    WindowRegressor,
    Windows,
    WindowSpectrum,
)
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold

NEIGHBORS = {"n_neighbors": [2, 5, 20]}


def spectrum() -> WindowSpectrum:
    return WindowSpectrum(low=0.5, high=4.0, sampling_rate=32)


@pytest.fixture(params=["skaug.Pipeline", "WindowRegressor"])
def door(request: pytest.FixtureRequest) -> str:
    return request.param


def pipeline(door: str, *last: Any, train_on: str = "real+synthetic") -> Any:
    steps = [SynthefyAugmenter(train_on=train_on), spectrum()]
    if door == "skaug.Pipeline":
        return skaug.make_pipeline(*steps, *last)
    inner = sklearn_pipeline.make_pipeline(*last) if len(last) > 1 else last[0]
    return sklearn_pipeline.make_pipeline(*steps, WindowRegressor(inner))


def last_step(pipe: Any) -> Any:
    last = getattr(pipe[-1], "estimator_", pipe[-1])
    return last[-1] if isinstance(last, sklearn_pipeline.Pipeline) else last


def by_hand(last: Any, windows: Windows, splitter: Any, train_on: str = "real+synthetic") -> Any:
    """Fit on features, with folds by subject whose test sets hold real windows where there are any."""
    augmented = SynthefyAugmenter(train_on=train_on).fit_transform(windows)
    values = StandardScaler().fit_transform(spectrum().fit_transform(augmented).to_numpy())
    folds = []
    for train, test in splitter.split(values, augmented.y, augmented.groups):
        is_kept = augmented.is_synthetic[test] == (train_on == "synthetic")
        folds.append((train, test[is_kept]))
    return clone(last).set_params(cv=folds).fit(values, augmented.y)


@pytest.mark.parametrize("train_on", ["real+synthetic", "real", "synthetic"])
@pytest.mark.parametrize("splitter", [SubjectKFold(3), LeaveOneSubjectOut(), GroupKFold(2)])
def test_a_lasso_chooses_its_penalty_by_subject(
    door: str, windows: Windows, splitter: Any, train_on: str
) -> None:
    pipe = pipeline(door, StandardScaler(), LassoCV(cv=splitter), train_on=train_on).fit(windows)
    expected = by_hand(LassoCV(), windows, splitter, train_on)
    assert last_step(pipe).alpha_ == pytest.approx(expected.alpha_)
    assert_allclose(last_step(pipe).mse_path_, expected.mse_path_)
    assert last_step(pipe).cv is splitter or door == "WindowRegressor"


@pytest.mark.parametrize(
    "search",
    [
        GridSearchCV(KNeighborsRegressor(), NEIGHBORS, cv=SubjectKFold(3)),
        RidgeCV(alphas=[0.1, 1.0, 10.0, 1000.0], cv=SubjectKFold(3)),
        GridSearchCV(KNeighborsRegressor(), NEIGHBORS, cv=LeaveOneGroupOut()),
    ],
)
def test_a_search_chooses_by_subject(door: str, windows: Windows, search: Any) -> None:
    pipe = pipeline(door, StandardScaler(), clone(search)).fit(windows)
    expected = by_hand(search, windows, search.cv)
    assert last_step(pipe).best_score_ == pytest.approx(expected.best_score_)


def test_classes_are_stratified_by_subject(windows: Windows) -> None:
    y = np.where(windows.y > np.median(windows.y), "fast", "slow")
    splitter = StratifiedGroupKFold(3)
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1.0]}, cv=splitter)
    expected = by_hand(search, windows.relabel(y), splitter)
    steps = [SynthefyAugmenter(), spectrum()]
    first = skaug.make_pipeline(*steps, StandardScaler(), clone(search)).fit(windows, y)
    assert first[-1].best_score_ == pytest.approx(expected.best_score_)
    inner = sklearn_pipeline.make_pipeline(StandardScaler(), clone(search))
    second = sklearn_pipeline.make_pipeline(*steps, WindowClassifier(inner)).fit(windows, y)
    assert second[-1].estimator_[-1].best_score_ == pytest.approx(expected.best_score_)


def test_a_selector_chooses_by_subject_and_is_cached(windows: Windows, tmp_path: Any) -> None:
    selector = RFECV(Ridge(), step=5, cv=SubjectKFold(3))
    steps = [SynthefyAugmenter(), spectrum(), StandardScaler(), selector, Ridge()]
    expected = by_hand(RFECV(Ridge(), step=5), windows, SubjectKFold(3))
    for _ in range(2):
        pipe = skaug.make_pipeline(*steps, memory=str(tmp_path)).fit(windows)
        assert_array_equal(pipe[3].support_, expected.support_)
        assert isinstance(pipe[3].cv, SubjectKFold)


def test_the_splitter_is_back_after_the_fit(door: str, windows: Windows) -> None:
    splitter = SubjectKFold(3)
    pipe = pipeline(door, LassoCV(cv=splitter)).fit(windows)
    assert type(last_step(pipe).cv) is SubjectKFold
    assert "SubjectKFold" in repr(clone(pipe))
    failing = LassoCV(cv=splitter, eps=-1)
    with pytest.raises(ValueError, match="eps"):
        pipeline(door, failing).fit(windows)
    assert failing.cv is splitter


def test_nested_cross_validation_splits_by_subject_twice(door: str, windows: Windows) -> None:
    pipe = pipeline(door, StandardScaler(), LassoCV(cv=SubjectKFold(2)))
    scores = cross_val_score(pipe, windows, windows.y, cv=SubjectKFold(3), n_jobs=2)
    for score, (train, test) in zip(scores, SubjectKFold(3).split(windows), strict=True):
        fitted = clone(pipe).fit(windows[train])
        assert score == pytest.approx(fitted.score(windows[test]))


def test_a_stack_predicts_synthetic_windows_too(door: str, windows: Windows) -> None:
    """It needs a prediction of each window that its last step is fitted on."""
    stack = StackingRegressor([("ridge", Ridge())], Ridge(), cv=SubjectKFold(3))
    pipe = pipeline(door, stack).fit(windows)
    augmented = SynthefyAugmenter().fit_transform(windows)
    values = spectrum().fit_transform(augmented).to_numpy()
    left_out = cross_val_predict(
        Ridge(), values, augmented.y, cv=GroupKFold(3), groups=augmented.groups
    )
    expected = Ridge().fit(left_out[:, None], augmented.y)
    assert_allclose(last_step(pipe).final_estimator_.coef_, expected.coef_)


@pytest.mark.parametrize(
    ("last", "name"),
    [
        (GridSearchCV(LassoCV(cv=SubjectKFold(2)), {"eps": [1e-3]}, cv=3), "estimator__cv"),
        (StackingRegressor([("lasso", LassoCV(cv=SubjectKFold(2)))]), "lasso__cv"),
    ],
)
def test_deeper_splitters_are_refused_by_name(
    door: str, windows: Windows, last: Any, name: str
) -> None:
    with pytest.raises(ValueError, match=rf"{name}=SubjectKFold.* of {type(last).__name__}"):
        pipeline(door, last).fit(windows)


def test_windows_without_subjects_cannot_be_split_by_subject(door: str, windows: Windows) -> None:
    nameless = Windows.from_arrays(windows.to_numpy(), windows.y)
    with pytest.raises(ValueError, match=r"cv=SubjectKFold.* these windows have no subjects"):
        pipeline(door, LassoCV(cv=SubjectKFold(3))).fit(nameless)


def warnings_of(pipe: Any, windows: Windows) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipe.fit(windows)
    return [str(warning.message) for warning in caught if warning.category is DataWarning]


@pytest.mark.parametrize(
    "last",
    [
        LassoCV(cv=3),
        LassoCV(),
        RidgeCV(cv=3),
        GridSearchCV(KNeighborsRegressor(), NEIGHBORS, cv=KFold(3)),
        sklearn_pipeline.make_pipeline(StandardScaler(), LassoCV(cv=3)),
    ],
)
def test_inner_folds_that_ignore_subjects_are_noticed(
    door: str, windows: Windows, last: Any
) -> None:
    (message,) = warnings_of(pipeline(door, last), windows)
    assert "ignore subjects: windows of each of the 6 subjects" in message
    assert "cv=SubjectKFold(...)" in message
    one = windows[windows.groups == windows.groups[0]]
    nameless = Windows.from_arrays(windows.to_numpy(), windows.y)
    for quiet in (one, nameless):
        assert warnings_of(pipeline(door, last), quiet) == []


@pytest.mark.parametrize(
    "last",
    [
        Ridge(),
        RidgeCV(),  # leaves one window out, without folds
        LassoCV(cv=SubjectKFold(3)),
        GridSearchCV(KNeighborsRegressor(), NEIGHBORS, cv=GroupKFold(3)),
        LassoCV(cv=PredefinedSplit(np.arange(168) % 2)),
        LassoCV(cv=[(np.arange(80), np.arange(80, 168))]),
    ],
)
def test_other_inner_folds_raise_no_warning(door: str, windows: Windows, last: Any) -> None:
    assert warnings_of(pipeline(door, last), windows) == []
