"""WindowTransformer: transformers of 3-D arrays as steps that keep labels."""

from __future__ import annotations

import pickle
from typing import Any, Self

import joblib
import numpy as np
import pandas as pd
import polars
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline as sklearn_make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skaug import (
    SynthefyAugmenter,
    WindowFeatures,
    WindowRegressor,
    Windows,
    WindowStatistics,
    WindowTransformer,
    make_pipeline,
)
from skaug.model_selection import SubjectKFold


class TopMoments(TransformerMixin, BaseEstimator):
    """Means of powers of the samples of each channel, standardized; the best ones if there are labels."""

    def __init__(self, n_moments: int = 2) -> None:
        self.n_moments = n_moments

    def fit(self, X: NDArray, y: Any = None) -> Self:
        self.fitted_on_ = (len(X), None if y is None else np.sum(y))
        self.scaler_ = StandardScaler().fit(self._moments(X))
        return self

    def transform(self, X: NDArray) -> NDArray:
        return self.scaler_.transform(self._moments(X))

    def _moments(self, X: NDArray) -> NDArray:
        moments = [(X**power).mean(axis=1) for power in range(1, self.n_moments + 1)]
        return np.concatenate(moments, axis=1)


class Named(TopMoments):
    def get_feature_names_out(self, input_features: Any = None) -> list[str]:
        return [f"m{power}_{c}" for power in range(1, self.n_moments + 1) for c in "ab"]


class WithoutLabels:
    """Knows nothing of scikit-learn."""

    def fit(self, X: NDArray) -> None:
        self.level = X.mean()

    def transform(self, X: NDArray) -> NDArray:
        return X - self.level


def mean(X: NDArray) -> NDArray:
    return X.mean(axis=1)


@pytest.fixture
def twelve() -> Windows:
    """Twelve windows of 16 samples of two channels, of three subjects."""
    return Windows.from_arrays(
        np.random.default_rng(0).normal(size=(12, 16, 2)),
        y=np.linspace(60, 71, 12),
        groups=list("AAAABBBBCCCC"),
        feature_names=["BVP", "ECG"],
    )


@pytest.fixture
def augmented(twelve: Windows) -> Windows:
    return SynthefyAugmenter(ratio=0.5).fit_transform(twelve)


# What the transformer is given


def test_a_clone_is_fitted_on_all_windows_and_their_labels(augmented: Windows) -> None:
    for method in ("fit", "fit_transform"):
        step = WindowTransformer(TopMoments())
        getattr(step, method)(augmented, np.zeros(12))
        assert step.transformer_.fitted_on_ == (18, augmented.y.sum())
        assert not hasattr(step.transformer, "fitted_on_")


def test_labels_that_are_passed_replace_those_of_real_windows(twelve: Windows) -> None:
    step = WindowTransformer(TopMoments())
    features = step.fit_transform(twelve, np.arange(12))
    assert step.transformer_.fitted_on_ == (12, 66)
    assert_array_equal(features.y, np.arange(12))
    assert step.fit(twelve.to_numpy(), np.arange(12)).transformer_.fitted_on_ == (12, 66)
    assert step.fit(twelve.to_numpy()).transformer_.fitted_on_ == (12, None)


def test_a_transformer_whose_fit_takes_no_labels_gets_none(twelve: Windows) -> None:
    windows = WindowTransformer(WithoutLabels()).fit_transform(twelve)
    assert isinstance(windows, Windows)
    assert_allclose(windows.to_numpy(), twelve.to_numpy() - twelve.to_numpy().mean())


def test_its_own_fit_transform_is_used(twelve: Windows) -> None:
    class Twofold(TopMoments):
        def fit_transform(self, X: NDArray, y: Any = None) -> NDArray:
            return 100 + self.fit(X, y).transform(X)

    step = WindowTransformer(Twofold())
    assert_allclose(step.fit_transform(twelve).to_numpy(), 100 + step.transform(twelve).to_numpy())


@pytest.mark.parametrize("channels_first", [False, True])
def test_axes_are_turned_for_libraries_with_channels_first(
    twelve: Windows, channels_first: bool
) -> None:
    seen = []

    def doubled(X: NDArray) -> NDArray:
        seen.append((X.shape, X.flags.c_contiguous))
        return 2 * X

    made = WindowTransformer(doubled, channels_first).fit_transform(twelve)
    assert seen == [((12, 2, 16) if channels_first else (12, 16, 2), True)]
    assert_array_equal(made.to_numpy(), 2 * twelve.to_numpy())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_are_given_and_features_kept_in_their_precision(dtype: Any) -> None:
    X = np.random.default_rng(1).normal(size=(5, 8, 2)).astype(dtype)
    for made in (mean, np.copy):
        result = WindowTransformer(made).fit_transform(Windows.from_arrays(X))
        assert result.dtype == dtype


def test_windows_do_not_change_if_a_transformer_writes_to_its_input(twelve: Windows) -> None:
    def zero(X: NDArray) -> NDArray:
        X[:] = 0
        return X

    X = twelve.to_numpy()
    for windows in (twelve, X):
        assert not np.asarray(WindowTransformer(zero).fit_transform(windows)).any()
    assert X.all()
    assert_array_equal(twelve.to_numpy(), X)


# What it returns


def test_a_2d_array_becomes_features_with_labels(augmented: Windows) -> None:
    step = WindowTransformer(mean)
    features = step.fit_transform(augmented)
    assert isinstance(features, WindowFeatures)
    assert_array_equal(features.to_numpy(), augmented.to_numpy().mean(axis=1))
    assert_array_equal(features.y, augmented.y)
    assert_array_equal(features.groups, augmented.groups)
    assert_array_equal(features.is_synthetic, augmented.is_synthetic)
    pd.testing.assert_frame_equal(features.origins, augmented.origins)
    assert_array_equal(step.transform(augmented).to_numpy(), features.to_numpy())


def test_a_3d_array_becomes_windows_with_labels(augmented: Windows) -> None:
    made = WindowTransformer(lambda X: X[:, ::2]).fit_transform(augmented)
    assert isinstance(made, Windows)
    assert made.feature_names == ["BVP", "ECG"]
    assert_array_equal(made.to_numpy(), augmented.to_numpy()[:, ::2])
    assert_array_equal(made.y, augmented.y)
    assert_array_equal(made.groups, augmented.groups)
    assert_array_equal(made.is_synthetic, augmented.is_synthetic)
    pd.testing.assert_frame_equal(made.origins, augmented.origins)


@pytest.mark.parametrize("channels_first", [False, True])
def test_other_channels_have_names_of_their_own(twelve: Windows, channels_first: bool) -> None:
    def tripled(X: NDArray) -> NDArray:
        return np.concatenate([X, X, X], axis=1 if channels_first else 2)

    step = WindowTransformer(tripled, channels_first)
    made = step.fit_transform(twelve)
    assert made.shape == (12, 16, 6)
    assert made.feature_names == [f"tripled{i}" for i in range(6)]
    assert step.get_feature_names_out().tolist() == made.feature_names
    assert_array_equal(made.to_numpy()[:, :, 2:4], twelve.to_numpy())


def test_arrays_become_arrays(twelve: Windows) -> None:
    X = twelve.to_numpy()
    assert_array_equal(WindowTransformer(mean).fit_transform(X), X.mean(axis=1))
    assert_array_equal(WindowTransformer(np.negative).fit_transform(X), -X)


def test_features_have_the_names_that_the_transformer_tells(twelve: Windows) -> None:
    step = WindowTransformer(Named())
    features = step.fit_transform(twelve)
    assert features.feature_names == ["m1_a", "m1_b", "m2_a", "m2_b"]
    assert step.get_feature_names_out().tolist() == features.feature_names


@pytest.mark.parametrize("library", [pd, polars], ids=["pandas", "polars"])
def test_features_have_the_names_of_the_columns_of_a_frame(twelve: Windows, library: Any) -> None:
    def to_frame(X: NDArray) -> Any:
        return library.DataFrame({"first": X[:, 0, 0], "one": np.ones(len(X))})

    features = WindowTransformer(to_frame).fit_transform(twelve)
    assert features.feature_names == ["first", "one"]
    assert_array_equal(features.to_numpy()[:, 0], twelve.to_numpy()[:, 0, 0])


@pytest.mark.parametrize(
    ("transformer", "names"),
    [
        (TopMoments(1), ["topmoments0", "topmoments1"]),
        (mean, ["mean0", "mean1"]),
        (lambda X: X[:, 0], ["lambda0", "lambda1"]),
        (FunctionTransformer(mean), ["functiontransformer0", "functiontransformer1"]),
        (sklearn_make_pipeline(TopMoments(1), StandardScaler()), ["pipeline0", "pipeline1"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_features_are_named_after_their_transformer(
    twelve: Windows, transformer: Any, names: list[str]
) -> None:
    step = WindowTransformer(transformer).fit(twelve)
    assert step.get_feature_names_out().tolist() == names
    assert step.get_feature_names_out(["one", "two"]).tolist() == names
    with pytest.raises(ValueError, match="2 channels, got 1"):
        step.get_feature_names_out(["one"])


def test_names_of_another_number_are_an_error(twelve: Windows) -> None:
    class Misnamed(Named):
        def get_feature_names_out(self, input_features: Any = None) -> list[str]:
            return ["only"]

    with pytest.raises(ValueError, match="Misnamed returned 4 features, but names 1"):
        WindowTransformer(Misnamed()).fit(twelve)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda X: X[1:], "returned 11 samples for 12 windows.*WindowStep may drop"),
        (lambda X: np.vstack([X, X]).mean(axis=1), "returned 24 samples for 12 windows"),
        (lambda X: X.mean(axis=(1, 2)), r"returned ndarray of shape \(12,\) for 12 windows"),
        (lambda X: X[..., None], r"ndarray of shape \(12, 16, 2, 1\).*\(window_size, n_channels\)"),
        (lambda X: X[:, :0, 0], r"ndarray of shape \(12, 0\)"),
        (lambda X: X.mean(axis=1).astype(str), "it must return an array of numbers"),
        (lambda X: [x[: i + 1] for i, x in enumerate(X)], "returned list for 12 windows"),
        (lambda X: scipy.sparse.csr_matrix(X[:, 0]), r"returned csr_matrix of shape \(12, 2\)"),
        (lambda X: None, "returned NoneType for 12 windows"),
    ],
)
def test_what_is_not_one_row_or_window_for_each_is_refused(
    twelve: Windows, made: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=f"lambda .*{message}"):
        WindowTransformer(made).fit_transform(twelve)


def test_rows_of_another_length_than_while_fitting_are_refused(twelve: Windows) -> None:
    step = WindowTransformer(lambda X: X[:, : len(X), 0]).fit(twelve)
    with pytest.raises(ValueError, match=r"lambda returned \(2,\) numbers per window, but \(1,\)"):
        step.transform(twelve[:2])


def test_no_windows_have_no_features(twelve: Windows) -> None:
    """Also if the transformer refuses them."""
    step = WindowTransformer(lambda X: X / len(X) if len(X) else 1 / 0).fit(twelve)
    assert step.transform(twelve[:0]).shape == (0, 16, 2)
    features = WindowTransformer(TopMoments()).fit(twelve).transform(twelve[:0])
    assert isinstance(features, WindowFeatures)
    assert features.shape == (0, 4)


def test_pandas_output_is_a_data_frame_of_real_windows_only(
    twelve: Windows, augmented: Windows
) -> None:
    step = WindowTransformer(Named()).set_output(transform="pandas")
    frame = step.fit_transform(twelve)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == ["m1_a", "m1_b", "m2_a", "m2_b"]
    assert type(step.transform(twelve.to_numpy())) is pd.DataFrame
    assert isinstance(step.fit_transform(augmented), WindowFeatures)
    assert isinstance(clone(step).fit_transform(twelve), pd.DataFrame)
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(WindowTransformer(Named()).fit_transform(twelve), pd.DataFrame)
        doubled = FunctionTransformer(np.copy)
        assert isinstance(WindowTransformer(doubled).fit_transform(twelve), Windows)


# As an estimator


@pytest.mark.parametrize("transformer", [TopMoments, 5, "mean", None, Ridge()])
def test_what_is_no_transformer_is_refused(twelve: Windows, transformer: Any) -> None:
    with pytest.raises(TypeError, match="must be a function, or have fit and transform"):
        WindowTransformer(transformer).fit(twelve)


def test_transformers_of_libraries_with_channels_first_need_to_be_told(twelve: Windows) -> None:
    like_aeon = type("Catch22", (TopMoments,), {"__module__": "aeon.transformations"})()
    with pytest.raises(ValueError, match=r"Catch22 of aeon reads.*channels_first=True"):
        WindowTransformer(like_aeon).fit(twelve)
    assert WindowTransformer(like_aeon, channels_first=True).fit(twelve).window_size_ == 16


def test_windows_of_another_shape_or_other_channels_are_refused(twelve: Windows) -> None:
    step = WindowTransformer(mean).fit(twelve)
    with pytest.raises(ValueError, match=r"shape \(8, 2\), but WindowTransformer.*\(16, 2\)"):
        step.transform(np.zeros((5, 8, 2)))
    swapped = Windows.from_arrays(twelve.to_numpy(), feature_names=["ECG", "BVP"])
    with pytest.raises(ValueError, match=r"windows of ECG, BVP, but .* of BVP, ECG"):
        step.transform(swapped)
    with pytest.raises(ValueError, match="works on windows, got features"):
        step.fit(WindowStatistics().fit_transform(twelve))
    with pytest.raises(NotFittedError):
        clone(step).transform(twelve)


def test_parameters_of_the_transformer_are_parameters_of_the_pipeline(augmented: Windows) -> None:
    pipe = make_pipeline(WindowTransformer(TopMoments()), Ridge())
    assert pipe.get_params()["windowtransformer__transformer__n_moments"] == 2
    search = GridSearchCV(
        pipe,
        {"windowtransformer__transformer__n_moments": [1, 3]},
        cv=SubjectKFold(3),
        error_score="raise",
    )
    real = augmented[:12]
    best = search.fit(real, real.y).best_estimator_
    n_moments = search.best_params_["windowtransformer__transformer__n_moments"]
    assert best[-1].n_features_in_ == 2 * n_moments
    assert clone(best).get_params()["windowtransformer__transformer__n_moments"] == n_moments


def test_both_pipelines_predict_what_the_transformer_alone_does(windows: Windows) -> None:
    augmented = SynthefyAugmenter(ratio=0.5).fit_transform(windows)
    alone = sklearn_make_pipeline(TopMoments(), SelectKBest(f_regression, k=3), Ridge())
    expected = alone.fit(augmented.to_numpy(), augmented.y).predict(windows.to_numpy())
    steps = [SynthefyAugmenter(ratio=0.5), WindowTransformer(TopMoments())]
    ours = make_pipeline(*steps, SelectKBest(f_regression, k=3), Ridge())
    theirs = sklearn_make_pipeline(
        *steps, WindowRegressor(sklearn_make_pipeline(SelectKBest(f_regression, k=3), Ridge()))
    )
    for pipe in (ours, theirs):
        assert_allclose(pipe.fit(windows).predict(windows), expected)
        predicted = cross_val_predict(pipe, windows, windows.y, cv=SubjectKFold(3))
        assert predicted.shape == (len(windows),)


def test_pickles_hold_no_windows(twelve: Windows) -> None:
    step = WindowTransformer(TopMoments()).fit(twelve)
    frozen = pickle.dumps(step)
    values = step.transform(twelve)
    for sample in (*twelve.to_numpy().ravel(), *values.to_numpy().ravel(), *twelve.y):
        assert np.float64(sample).tobytes() not in frozen
    thawed = pickle.loads(frozen)
    assert joblib.hash(thawed.transform(twelve)) == joblib.hash(values)
    assert_array_equal(thawed.get_feature_names_out(), step.get_feature_names_out())
