"""Every estimator under scikit-learn's own checks, and the wrappers of the second door."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import parametrize_with_checks

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowClassifier,
    WindowFlattener,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
)
from skaug.synthesis import SurrogateSynthesizer


@parametrize_with_checks(
    [
        # Fed 2-D arrays, of which each row is a window; values are looked at in transform only.
        SubjectWindower(window_size=1, subject=None, missing="keep"),
        SynthefyAugmenter(),
        WindowFlattener(),
        WindowStatistics(),
        WindowSpectrum(),
        SurrogateSynthesizer(),
        WindowRegressor(Ridge()),
        WindowClassifier(LogisticRegression()),
    ]
)
def test_scikit_learn_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


def test_the_wrappers_are_what_they_wrap() -> None:
    assert is_regressor(WindowRegressor(Ridge()))
    assert is_classifier(WindowClassifier(LogisticRegression()))


def test_labels_of_windows_are_fitted_and_scored(windows: Windows) -> None:
    features = WindowStatistics().fit_transform(windows)
    direct = Ridge().fit(features.to_numpy(), windows.y)
    wrapped = WindowRegressor(Ridge()).fit(features)
    assert_array_equal(wrapped.predict(features), direct.predict(features.to_numpy()))
    assert wrapped.score(features) == direct.score(features.to_numpy(), windows.y)


def test_labels_that_are_passed_win_over_those_of_real_windows(windows: Windows) -> None:
    features = WindowStatistics().fit_transform(windows)
    wrapped = WindowRegressor(LinearRegression()).fit(features, windows.y + 1000.0)
    assert wrapped.predict(features).mean() == pytest.approx(windows.y.mean() + 1000.0)


def test_labels_that_are_passed_do_not_touch_synthetic_windows(windows: Windows) -> None:
    """Whichever their number: it is that of the real windows, or, by chance, of all."""
    augmented = WindowStatistics().fit_transform(SynthefyAugmenter().fit_transform(windows))
    expected = LinearRegression().fit(augmented.to_numpy(), augmented.y)
    for stale in (windows.y + 1000.0, np.zeros(len(augmented))):
        wrapped = WindowRegressor(LinearRegression()).fit(augmented, stale)
        assert_allclose(wrapped.estimator_.coef_, expected.coef_)


def test_fitting_without_labels_is_an_error(windows: Windows) -> None:
    unlabeled = Windows.from_arrays(windows.to_numpy())
    with pytest.raises(ValueError, match="no labels to fit"):
        WindowRegressor(Ridge()).fit(WindowStatistics().fit_transform(unlabeled))


def test_predicting_before_fitting_is_an_error(windows: Windows) -> None:
    with pytest.raises(NotFittedError):
        WindowRegressor(Ridge()).predict(WindowStatistics().fit_transform(windows))


def test_a_classifier_offers_what_its_estimator_does(windows: Windows) -> None:
    y = np.where(windows.y > np.median(windows.y), "fast", "slow")
    features = WindowStatistics().fit_transform(windows)
    logistic = WindowClassifier(LogisticRegression(max_iter=5000)).fit(features, y)
    assert_allclose(logistic.predict_proba(features).sum(axis=1), 1.0)
    svm = WindowClassifier(LinearSVC()).fit(features, y)
    assert svm.decision_function(features).shape == (len(windows),)
    assert not hasattr(svm, "predict_proba")


def test_scikit_learns_grouped_folds_take_the_groups_of_windows(windows: Windows) -> None:
    for train, test in GroupKFold(3).split(windows, windows.y, windows.groups):
        assert not set(windows.groups[train]) & set(windows.groups[test])
