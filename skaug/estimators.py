"""The last step of a plain scikit-learn Pipeline: estimators that take their labels from the windows."""

from __future__ import annotations

from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import Bunch, Tags, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skaug.fitting.fit_params import params_by_origin, weights_to_score
from skaug.fitting.inner_folds import inner_folds_by_subject
from skaug.windows.base import plain
from skaug.windows.feature_arrays import features_needed, plain_xy, provenance_of, require_labels
from skaug.windows.subject_overlap import FittedSubjects

_ROUTED = (
    "fit",
    "predict",
    "predict_proba",
    "predict_log_proba",
    "decision_function",
    "score",
)


class _WindowEstimator(MetaEstimatorMixin, BaseEstimator):
    """Base class of `WindowRegressor` and `WindowClassifier`."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Fit a clone of the estimator on the windows and their labels.

        Parameters
        ----------
        X : Windows, WindowFeatures or array-like of n_windows rows
            The training windows.
        y : array-like, optional
            One label per window, or one per row of the table that the windows were cut from. Ignored if
            some windows are synthetic: then only `X` knows the labels.
        **fit_params : dict
            Passed to the estimator's ``fit``, subject to its metadata routing. `sample_weight`: one per
            real window, or, if there are no synthetic ones, one per row of the table, averaged over each
            window. A synthetic window gets the weight of the real window with the same origin.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are no labels; `y` has the wrong length; or weights are passed that cannot be assigned to
            synthetic windows: if all windows are synthetic, or their origins are not unique.
        """
        values, labels = plain_xy(X, y)
        if labels is None:
            remedy = (
                "it is a plain array. If a step such as FeatureUnion made it from windows, build the "
                "pipeline with skaug.make_pipeline, which keeps their labels."
                if provenance_of(X) is None
                else "name the column of the target, SubjectWindower(target=...)."
            )
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None, "
                f"and X holds no labels to fit: {remedy}"
            )
        estimator = clone(self.estimator)
        routed = params_by_origin(estimator, X, self._route("fit", fit_params))
        with (
            inner_folds_by_subject(estimator, provenance_of(X), labels),
            features_needed(X, estimator),
        ):
            self.estimator_ = estimator.fit(values, labels, **routed)
        self.fitted_subjects_ = FittedSubjects(X)
        if hasattr(X, "shape"):
            self.n_features_in_ = X.shape[-1]
        return self

    def predict(self, X: Any, **params: Any) -> NDArray:
        """Predict each window.

        Parameters
        ----------
        X : Windows, WindowFeatures or array-like of n_windows rows
            The windows.
        **params : dict
            Passed to the estimator's ``predict``, subject to its metadata routing.

        Returns
        -------
        ndarray of shape (n_windows,)
        """
        return self._run("predict", X, params)

    def score(
        self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Score the predictions with the estimator's own ``score``.

        Parameters
        ----------
        X : Windows, WindowFeatures or array-like of n_windows rows
            The windows.
        y : array-like, optional
            One label per window, or one per row of the table; the labels of the windows by default.
        sample_weight : array-like of shape (n_windows,) or (n_rows,), optional
            One weight per window, or one per row of the table, averaged over each window.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If there are no labels, or `y` has the wrong length.
        """
        self._compared(X)
        values, labels = plain_xy(X, y)
        weights = weights_to_score(provenance_of(X), sample_weight)
        params = {} if weights is None else {"sample_weight": weights}
        return self.estimator_.score(values, require_labels(labels), **params)

    def get_metadata_routing(self) -> MetadataRouter:
        """Return which metadata the estimator requests, for scikit-learn's metadata routing.

        Returns
        -------
        MetadataRouter
        """
        mapping = MethodMapping()
        for method in _ROUTED:
            if hasattr(self.estimator, method):
                mapping.add(caller=method, callee=method)
        return MetadataRouter(owner=self).add(estimator=self.estimator, method_mapping=mapping)

    def _run(self, method: str, X: Any, params: dict[str, Any]) -> NDArray:
        values = self._compared(X)
        return getattr(self.estimator_, method)(values, **self._route(method, params))

    def _route(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if not get_config()["enable_metadata_routing"]:
            return params
        routed: Bunch = process_routing(self, method, **params)
        return routed.estimator[method]

    def _compared(self, X: Any) -> Any:
        check_is_fitted(self)
        self.fitted_subjects_.compare(X)
        return plain(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags = inner.input_tags
        tags.target_tags = inner.target_tags
        tags.no_validation = inner.no_validation
        tags.non_deterministic = inner.non_deterministic
        tags.regressor_tags = inner.regressor_tags
        tags.classifier_tags = inner.classifier_tags
        return tags


class WindowRegressor(RegressorMixin, _WindowEstimator):
    """Fit a regressor on windows that carry their own labels.

    Use it as the last step of a plain ``sklearn.pipeline.Pipeline`` with a `SynthefyAugmenter`, because
    such a pipeline cannot change ``y`` between its steps. In a `skaug.Pipeline` any regressor will do.

    The ``cv`` of the regressor may be a splitter by subject, such as `SubjectKFold`: synthetic windows are
    then kept out of its test sets, unless all training windows are synthetic.

    Parameters
    ----------
    estimator : regressor
        Any scikit-learn regressor, a pipeline included.

    Attributes
    ----------
    estimator_ : regressor
        The fitted regressor.
    n_features_in_ : int
        The number of features per window, or of channels.

    See Also
    --------
    WindowClassifier : The same for classifiers.
    skaug.make_pipeline : A pipeline that may end in any estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from skaug import SynthefyAugmenter, WindowRegressor, Windows, WindowStatistics
    >>> X = np.random.default_rng(0).normal(size=(20, 64, 1)) + np.arange(20)[:, None, None]
    >>> windows = Windows.from_arrays(X, y=np.arange(20.0))
    >>> pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), WindowRegressor(Ridge()))
    >>> pipe.fit(windows).score(windows) > 0.99
    True
    """

    score = _WindowEstimator.score  # RegressorMixin's comes first, and needs y


class WindowClassifier(ClassifierMixin, _WindowEstimator):
    """Fit a classifier on windows that carry their own labels.

    Use it as the last step of a plain ``sklearn.pipeline.Pipeline`` with a `SynthefyAugmenter`, because
    such a pipeline cannot change ``y`` between its steps. In a `skaug.Pipeline` any classifier will do.

    The ``cv`` of the classifier may be a splitter by subject, such as `SubjectKFold`: synthetic windows are
    then kept out of its test sets, unless all training windows are synthetic.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier, a pipeline included.

    Attributes
    ----------
    estimator_ : classifier
        The fitted classifier.
    classes_ : ndarray of shape (n_classes,)
        The classes.
    n_features_in_ : int
        The number of features per window, or of channels.

    See Also
    --------
    WindowRegressor : The same for regressors.
    skaug.make_pipeline : A pipeline that may end in any estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from skaug import SynthefyAugmenter, WindowClassifier, Windows, WindowStatistics
    >>> X = np.random.default_rng(0).normal(size=(20, 64, 1)) + np.repeat([0, 3], 10)[:, None, None]
    >>> windows = Windows.from_arrays(X, y=np.repeat(["rest", "walk"], 10))
    >>> classifier = WindowClassifier(LogisticRegression())
    >>> pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), classifier)
    >>> pipe.fit(windows).score(windows)
    1.0
    """

    score = _WindowEstimator.score  # ClassifierMixin's comes first, and needs y

    @property
    def classes_(self) -> NDArray:
        """The classes."""
        check_is_fitted(self)
        return self.estimator_.classes_

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> NDArray:
        """Predict the probability of each class for each window.

        Parameters
        ----------
        X : Windows, WindowFeatures or array-like of n_windows rows
            The windows.
        **params : dict
            Passed to the estimator, subject to its metadata routing.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
        """
        return self._run("predict_proba", X, params)

    @available_if(lambda self: hasattr(self.estimator, "predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> NDArray:
        """Predict the logarithm of the probability of each class for each window.

        Parameters
        ----------
        X : Windows, WindowFeatures or array-like of n_windows rows
            The windows.
        **params : dict
            Passed to the estimator, subject to its metadata routing.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
        """
        return self._run("predict_log_proba", X, params)

    @available_if(lambda self: hasattr(self.estimator, "decision_function"))
    def decision_function(self, X: Any, **params: Any) -> NDArray:
        """Compute the decision function for each window.

        Parameters
        ----------
        X : Windows, WindowFeatures or array-like of n_windows rows
            The windows.
        **params : dict
            Passed to the estimator, subject to its metadata routing.

        Returns
        -------
        ndarray of shape (n_windows,) or (n_windows, n_classes)
        """
        return self._run("decision_function", X, params)
