"""scikit-learn's checks of every estimator, and WindowRegressor and WindowClassifier."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold
from sklearn.svm import LinearSVC
from sklearn.utils import Tags
from sklearn.utils import estimator_checks as checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skaug import (
    SpectralPeakRegressor,
    SynthefyAugmenter,
    SynthefySampler,
    WindowAutocorrelation,
    WindowClassifier,
    WindowFlattener,
    WindowNormalizer,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    WindowTransformer,
)
from skaug.synthesis import (
    AgentArchive,
    ChoiceSynthesizer,
    Drift,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    Mask,
    MixupSynthesizer,
    Permute,
    RateSynthesizer,
    Rotate,
    Scale,
    SurrogateSynthesizer,
    SynthefyAPI,
    TimeShift,
    TimeWarp,
    TransformSynthesizer,
)


def windows_of_rows(X: Any, shape: Any = 1) -> Any:
    """Turn each value of a 2-D array into the amplitude of a channel; by default it is its only sample."""
    X = np.asarray(X)
    return X[:, None] * np.reshape(shape, (-1, 1)) if X.ndim == 2 else X


SINE = np.sin(1 + np.arange(64) / 4)


def on_rows(step: type, shape: Any = 1) -> type:
    """Derive a step that takes 2-D arrays, because scikit-learn's checks feed nothing else."""

    class OnRows(step):  # type: ignore[misc, valid-type]
        def fit(self, X: Any, y: Any = None) -> Any:
            return super().fit(windows_of_rows(X, shape), None if y is None else np.asarray(y))

        def fit_transform(self, X: Any, y: Any = None) -> Any:
            return self.fit(X, y).transform(X)

        def transform(self, X: Any) -> Any:
            values = np.asarray(super().transform(windows_of_rows(X, shape)))
            return values.reshape(len(values), -1)

        def __sklearn_tags__(self) -> Tags:
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = True
            return tags

    OnRows.__name__ = OnRows.__qualname__ = f"{step.__name__}OnRows"
    globals()[OnRows.__name__] = OnRows  # where pickle looks for it
    return OnRows


class Flatten(TransformerMixin, BaseEstimator):
    """A transformer of 3-D arrays. Unlike that of a function, its repr is the same in every process."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def transform(self, X: Any) -> Any:
        return X.reshape(len(X), -1)


# Checks that cannot hold for windows, and why.
OTHER_WORDS = {
    "check_n_features_in_after_fitting": "the error names shape and channels of the windows",
    "check_complex_data": "the error says that windows hold numbers",
    "check_dtype_object": "arrays of objects are refused: windows are cut from tables, which are not",
    "check_estimators_empty_data_messages": "no windows have no features, which is not an error",
    "check_estimator_sparse_tag": "the error says that windows are 3-D, which nothing sparse is",
    "check_estimator_sparse_array": "the error says that windows are 3-D, which nothing sparse is",
    "check_estimator_sparse_matrix": "the error says that windows are 3-D, which nothing sparse is",
    "check_fit2d_predict1d": "the error says how to make windows, not how to reshape rows",
}


@parametrize_with_checks(
    [
        WindowRegressor(Ridge()),
        WindowClassifier(LogisticRegression()),
    ]
)
def test_scikit_learn_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


class PickerOnRows(SpectralPeakRegressor):
    """Takes 2-D arrays: each value is the amplitude of a sine in a channel of its own."""

    def fit(self, X: Any, y: Any = None) -> Any:
        return super().fit(windows_of_rows(X, SINE), None if y is None else np.asarray(y))

    def predict(self, X: Any) -> Any:
        return super().predict(windows_of_rows(X, SINE))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        return super().score(windows_of_rows(X, SINE), y, sample_weight)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


# Neither the labels nor the amplitudes of these checks are rates.
@pytest.mark.filterwarnings("ignore:No label lies|.* is constant in:skaug.DataWarning")
@parametrize_with_checks(
    [PickerOnRows(0.05, 0.4, sampling_rate=1, channel=0)],
    expected_failed_checks=lambda estimator: OTHER_WORDS,
)
def test_scikit_learn_checks_hold_for_the_spectral_peak(estimator: Any, check: Any) -> None:
    check(estimator)


# Rows of several values are windows of one sample of several channels.
@pytest.mark.filterwarnings("ignore:These windows have:skaug.DataWarning")
@parametrize_with_checks(
    [
        # What is added while fitting is what scikit-learn's checks object to.
        on_rows(SynthefyAugmenter)(train_on="real"),
        on_rows(WindowFlattener)(),
        on_rows(WindowStatistics)(),
        on_rows(WindowSpectrum)(low=0),
        on_rows(WindowAutocorrelation, SINE)(n_lags=3),
        on_rows(WindowTransformer)(Flatten()),
        on_rows(WindowNormalizer, SINE)(),
    ],
    expected_failed_checks=lambda estimator: OTHER_WORDS,
)
def test_scikit_learn_checks_hold_for_steps_of_windows(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [
        checks.check_estimator_cloneable,
        checks.check_estimator_repr,
        checks.check_no_attributes_set_in_init,
        checks.check_do_not_raise_errors_in_init_or_set_params,
        checks.check_get_params_invariance,
        checks.check_set_params,
        checks.check_parameters_default_constructible,
        checks.check_valid_tag_types,
    ],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize(
    "estimator",
    [
        SynthefyAugmenter(),
        SynthefySampler(),
        SpectralPeakRegressor(0.5, 4, sampling_rate=64, channel=0),
        WindowFlattener(),
        WindowStatistics(),
        WindowSpectrum(),
        WindowAutocorrelation(),
        WindowTransformer(Flatten()),
        WindowNormalizer(),
        SurrogateSynthesizer(),
        RateSynthesizer(64),
        MixupSynthesizer(),
        ChoiceSynthesizer([("surrogate", SurrogateSynthesizer())]),
        TransformSynthesizer([Jitter(), Scale()]),
        Jitter(),
        Scale(),
        Drift(),
        MagnitudeWarp(),
        TimeWarp(),
        TimeShift(),
        Permute(),
        Mask(),
        Rotate(),
        FrequencyMask(),
        AgentArchive("archive.zip"),
        SynthefyAPI("user", "data", "job"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_scikit_learn_checks_that_need_no_data_hold(estimator: Any, check: Any) -> None:
    """scikit-learn has no other checks for synthesizers, transforms and samplers."""
    check(type(estimator).__name__, clone(estimator))


def test_the_wrappers_are_regressors_and_classifiers() -> None:
    assert is_regressor(WindowRegressor(Ridge()))
    assert is_classifier(WindowClassifier(LogisticRegression()))


def test_labels_of_windows_are_fitted_and_scored(windows: Windows) -> None:
    features = WindowStatistics().fit_transform(windows)
    direct = Ridge().fit(features.to_numpy(), windows.y)
    wrapped = WindowRegressor(Ridge()).fit(features)
    assert_array_equal(wrapped.predict(features), direct.predict(features.to_numpy()))
    assert wrapped.score(features) == direct.score(features.to_numpy(), windows.y)


def test_labels_that_are_passed_replace_those_of_real_windows(windows: Windows) -> None:
    features = WindowStatistics().fit_transform(windows)
    wrapped = WindowRegressor(LinearRegression()).fit(features, windows.y + 1000.0)
    assert wrapped.predict(features).mean() == pytest.approx(windows.y.mean() + 1000.0)


def test_labels_that_are_passed_do_not_touch_synthetic_windows(windows: Windows) -> None:
    """Neither one label per real window nor, by chance, one per window."""
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


def test_a_classifier_has_the_methods_of_its_estimator(windows: Windows) -> None:
    y = np.where(windows.y > np.median(windows.y), "fast", "slow")
    features = WindowStatistics().fit_transform(windows)
    logistic = WindowClassifier(LogisticRegression(max_iter=5000)).fit(features, y)
    assert_allclose(logistic.predict_proba(features).sum(axis=1), 1.0)
    assert_allclose(np.exp(logistic.predict_log_proba(features)), logistic.predict_proba(features))
    svm = WindowClassifier(LinearSVC()).fit(features, y)
    assert svm.decision_function(features).shape == (len(windows),)
    assert not hasattr(svm, "predict_proba")
    assert not hasattr(svm, "predict_log_proba")


def test_grouped_folds_of_scikit_learn_accept_the_groups_of_windows(windows: Windows) -> None:
    for train, test in GroupKFold(3).split(windows, windows.y, windows.groups):
        assert not set(windows.groups[train]) & set(windows.groups[test])
