"""The first front door: a scikit-learn pipeline in which the number of samples may change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from sklearn import get_config
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.metaestimators import available_if

from skaug.windows.base import plain
from skaug.windows.feature_arrays import attach_provenance, plain_xy, provenance_of, require_labels
from skaug.windows.subject_overlap import FittedSubjects


class Pipeline(sklearn_pipeline.Pipeline):
    """A scikit-learn Pipeline whose steps may cut windows and add synthetic ones.

    Use it like the one of scikit-learn, with any estimator last. Parameters are called
    ``step__parameter``; caching, slicing, `set_output`, metadata routing and callbacks work.

    Steps up to the last one that knows of windows hand each other labelled `Windows`; the steps
    behind get arrays, and the labels that belong to them.

    Parameters
    ----------
    steps : list of (str, estimator)
        The steps, as in scikit-learn.
    transform_input : list of str, optional
        As in scikit-learn.
    memory : str or joblib.Memory, optional
        Where to keep fitted transformers, so that a grid search cuts and synthesises once.
    verbose : bool, default=False
        Whether to print how long each step took.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_val_score
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.model_selection import SubjectKFold, window_scorer
    >>> recordings = simulate_ppg(n_subjects=4, minutes=2)
    >>> pipe = make_pipeline(
    ...     SubjectWindower(window_size=512, features=["BVP", "ECG"], target="heart_rate"),
    ...     SynthefyAugmenter(n_synthetic=0.5),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=64),
    ...     Ridge(),
    ... )
    >>> scorer = window_scorer("neg_mean_absolute_error")
    >>> cross_val_score(pipe, recordings, cv=SubjectKFold(4), scoring=scorer).shape
    (4,)
    """

    # While fitting, `steps` holds the steps as scikit-learn's own Pipeline has to run them: those up
    # to the last window-aware one as they are, the rest as one last step that parts labels and
    # values first. So caching, routing and callbacks are scikit-learn's, and no private name is used.

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the steps one after the other.

        Parameters
        ----------
        X : DataFrame, Windows or array-like
            Recordings, or windows, as the first step takes them.
        y : array-like, optional
            One label a row, or one a window. They win over the target column.
        **params : dict
            Metadata for the steps, as in scikit-learn.

        Returns
        -------
        self
        """
        self._assembled(super().fit, X, y, params)
        return self

    @available_if(lambda self: self._last_has("transform", "fit_transform"))
    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit the steps, and give what the last one makes of the training windows.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        Windows, WindowFeatures, array or DataFrame
            What a next step would be fitted on, synthetic windows included.
        """
        return self._assembled(
            lambda *a, **k: super(Pipeline, self).fit_transform(*a, **k), X, y, params
        )

    @available_if(lambda self: self._last_has("fit_predict"))
    def fit_predict(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit the steps, and give what the last one predicts of the training windows.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_windows,)
        """
        return self._assembled(
            lambda *a, **k: super(Pipeline, self).fit_predict(*a, **k), X, y, params
        )

    @available_if(lambda self: self._last_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Predict each window; nothing is synthesised.

        Parameters
        ----------
        X : DataFrame, Windows or array-like
            Recordings, or windows.
        **params : dict
            Metadata for the steps, as in scikit-learn.

        Returns
        -------
        ndarray of shape (n_windows,)
        """
        return self._fitted_pipeline().predict(X, **params)

    @available_if(lambda self: self._last_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Predict the probability of each class for each window.

        Parameters
        ----------
        X, **params
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
        """
        return self._fitted_pipeline().predict_proba(X, **params)

    @available_if(lambda self: self._last_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """Predict the logarithm of the probability of each class for each window.

        Parameters
        ----------
        X, **params
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_windows, n_classes)
        """
        return self._fitted_pipeline().predict_log_proba(X, **params)

    @available_if(lambda self: self._last_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> Any:
        """Give the decision function of the last step for each window.

        Parameters
        ----------
        X, **params
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_windows,) or (n_windows, n_classes)
        """
        return self._fitted_pipeline().decision_function(X, **params)

    @available_if(lambda self: self._last_has("score_samples"))
    def score_samples(self, X: Any) -> Any:
        """Give the last step's score of each window.

        Parameters
        ----------
        X
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_windows,)
        """
        return self._fitted_pipeline().score_samples(X)

    @available_if(lambda self: self._last_has("transform"))
    def transform(self, X: Any, **params: Any) -> Any:
        """Transform recordings, or windows; nothing is synthesised.

        Parameters
        ----------
        X, **params
            As in `predict`.

        Returns
        -------
        Windows, WindowFeatures, array or DataFrame
        """
        return self._fitted_pipeline().transform(X, **params)

    @available_if(lambda self: self._last_has("score"))
    def score(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> float:
        """Score the predictions of windows with the last step's own score.

        Parameters
        ----------
        X : DataFrame, Windows or array-like
            Recordings, or windows.
        y : array-like, optional
            One label a row, or one a window; by default the target column, or the windows' own.
        sample_weight : array-like of shape (n_windows,), optional
            Weights.
        **params : dict
            Metadata for the steps, as in scikit-learn.

        Returns
        -------
        float
        """
        return self._fitted_pipeline().score(X, y, sample_weight, **params)

    def _assembled(self, method: Callable, X: Any, y: Any, params: dict[str, Any]) -> Any:
        steps = self._assemble()
        if steps is None:
            return method(X, y, **params)
        flat: list[tuple[str, Any]] = self.steps
        self.steps: list[tuple[str, Any]] = steps
        try:
            result = method(X, y, **self._for_assembled(params))
            last = self.steps[-1][1]
            self.fitted_subjects_ = getattr(last, "fitted_subjects_", None)
        finally:
            self.steps = _flatten(self.steps) if len(_flatten(self.steps)) == len(flat) else flat
        return result

    def _assemble(self) -> list[tuple[str, Any]] | None:
        """Give the steps as scikit-learn's Pipeline has to run them; None if they need no help."""
        try:
            names = [name for name, _ in self.steps]
            aware = [i for i, (_, step) in enumerate(self.steps) if _is_window_transformer(step)]
        except (TypeError, ValueError):  # not a list of pairs: scikit-learn says so
            return None
        if not aware or len(set(names)) < len(names):
            return None
        n_head = aware[-1] + 1
        head = [(name, _wrap(step)) for name, step in self.steps[:n_head]]
        rest = self.steps[n_head:]
        if not rest:
            return head
        last = _LabelParting(list(rest), memory=self.memory, verbose=self.verbose)
        last.fitted_subjects_ = getattr(self, "fitted_subjects_", None)
        return [*head, (_joint_name(rest), last)]

    def _for_assembled(self, params: dict[str, Any]) -> dict[str, Any]:
        """Address ``step__parameter`` of a step behind the windows to the last, assembled step."""
        name, last = self.steps[-1]
        if not isinstance(last, _LabelParting) or get_config()["enable_metadata_routing"]:
            return params
        behind = {step for step, _ in last.steps}
        return {
            f"{name}__{key}" if key.split("__", 1)[0] in behind else key: value
            for key, value in params.items()
        }

    def _fitted_pipeline(self) -> sklearn_pipeline.Pipeline:
        steps = self._assemble()
        return sklearn_pipeline.Pipeline(
            self.steps if steps is None else steps, transform_input=self.transform_input
        )

    def _last_has(self, *methods: str) -> bool:
        last = self.steps[-1][1] if self.steps else None
        if last is None or last == "passthrough":
            return "transform" in methods
        if not any(hasattr(last, method) for method in methods):
            getattr(last, methods[0])  # for the estimator's own message
        return True


class _LabelParting(sklearn_pipeline.Pipeline):
    """The steps behind the windows: a Pipeline that gets arrays, and the labels that count."""

    fitted_subjects_: FittedSubjects | None = None

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        self.fitted_subjects_ = FittedSubjects(X)
        return super().fit(*plain_xy(X, y), **params)

    @available_if(lambda self: _inherited(self, "fit_transform"))
    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        return attach_provenance(super().fit_transform(*plain_xy(X, y), **params), X)

    @available_if(lambda self: _inherited(self, "fit_predict"))
    def fit_predict(self, X: Any, y: Any = None, **params: Any) -> Any:
        self.fitted_subjects_ = FittedSubjects(X)
        return super().fit_predict(*plain_xy(X, y), **params)

    @available_if(lambda self: _inherited(self, "predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        return super().predict(self._compared(X), **params)

    @available_if(lambda self: _inherited(self, "predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        return super().predict_proba(self._compared(X), **params)

    @available_if(lambda self: _inherited(self, "predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        return super().predict_log_proba(self._compared(X), **params)

    @available_if(lambda self: _inherited(self, "decision_function"))
    def decision_function(self, X: Any, **params: Any) -> Any:
        return super().decision_function(self._compared(X), **params)

    @available_if(lambda self: _inherited(self, "score_samples"))
    def score_samples(self, X: Any) -> Any:
        return super().score_samples(plain(X))

    @available_if(lambda self: _inherited(self, "transform"))
    def transform(self, X: Any, **params: Any) -> Any:
        return attach_provenance(super().transform(plain(X), **params), X)

    @available_if(lambda self: _inherited(self, "score"))
    def score(self, X: Any, y: Any = None, sample_weight: Any = None, **params: Any) -> float:
        values, labels = plain_xy(X, y)
        if provenance_of(X) is not None:
            require_labels(labels)
        self._compared(X)
        return super().score(values, labels, sample_weight, **params)

    def _compared(self, X: Any) -> Any:
        if self.fitted_subjects_ is not None:
            self.fitted_subjects_.compare(X)
        return plain(X)


def _inherited(pipeline: _LabelParting, method: str) -> bool:
    return hasattr(super(_LabelParting, pipeline), method)


class _OnValues(TransformerMixin, BaseEstimator):
    """A transformer that knows nothing of windows, between steps that do: the labels go round it."""

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        self.transformer.fit(*plain_xy(X, y), **params)
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        values, labels = plain_xy(X, y)
        if hasattr(self.transformer, "fit_transform"):
            return attach_provenance(self.transformer.fit_transform(values, labels, **params), X)
        return attach_provenance(
            self.transformer.fit(values, labels, **params).transform(values), X
        )

    def transform(self, X: Any, **params: Any) -> Any:
        return attach_provenance(self.transformer.transform(plain(X), **params), X)

    def get_metadata_routing(self) -> Any:
        return get_routing_for_object(self.transformer)

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _is_window_aware(step: Any) -> bool:
    if isinstance(step, sklearn_pipeline.Pipeline):
        return any(_is_window_aware(inner) for _, inner in step.steps)
    return bool(getattr(step, "window_aware", False))


def _is_window_transformer(step: Any) -> bool:
    return _is_window_aware(step) and (hasattr(step, "transform") or hasattr(step, "fit_transform"))


def _wrap(step: Any) -> Any:
    if step is None or step == "passthrough" or _is_window_aware(step):
        return step
    return _OnValues(step) if hasattr(step, "transform") else step


def _joint_name(steps: list[tuple[str, Any]]) -> str:
    return ", ".join(name for name, _ in steps)


def _flatten(steps: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, step in steps:
        if isinstance(step, _LabelParting):
            flat.extend(step.steps)
        else:
            flat.append((name, step.transformer if isinstance(step, _OnValues) else step))
    return flat


def make_pipeline(
    *steps: Any,
    memory: Any = None,
    transform_input: list[str] | None = None,
    verbose: bool = False,
) -> Pipeline:
    """Build a `Pipeline` whose steps are named by their classes, as in scikit-learn.

    Parameters
    ----------
    *steps : estimator
        The steps.
    memory, transform_input, verbose
        As in `Pipeline`.

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SynthefyAugmenter, WindowFlattener, make_pipeline
    >>> make_pipeline(SynthefyAugmenter(), WindowFlattener(), Ridge())[-1]
    Ridge()
    """
    named = sklearn_pipeline.make_pipeline(*steps)
    return Pipeline(named.steps, memory=memory, transform_input=transform_input, verbose=verbose)
