"""The steps of a `skaug.Pipeline` as scikit-learn's own Pipeline runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
from sklearn import pipeline as sklearn_pipeline
from sklearn.base import clone
from sklearn.utils import Tags, get_tags

from skaug.fitting.fit_params import params_in_pipeline, weights_to_score
from skaug.fitting.inner_folds import inner_folds_by_subject
from skaug.tables.notes import Notes, notes_of, with_notes
from skaug.windows.base import ValuesWithProvenance, WindowArray, plain
from skaug.windows.container import Windows
from skaug.windows.feature_arrays import (
    attach_provenance,
    entering,
    features_needed,
    provenance_of,
    relabeled,
    require_labels,
    with_provenance,
)
from skaug.windows.frame_rows import Entry
from skaug.windows.subject_overlap import FittedSubjects, fingerprints

Steps = list[tuple[str, Any]]


def worker_of(pipeline: Any, fitted: FittedSubjects | None = None) -> Any:
    """Return a copy of a pipeline with its steps adapted to scikit-learn's Pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        Its steps may be adapted already.
    fitted : FittedSubjects, optional
        What the last step was fitted on, which is compared with what it predicts.

    Returns
    -------
    Pipeline
        With scikit-learn's callbacks. The steps have the same names and are the same objects, adapted.
    """
    worker = object.__new__(type(pipeline))
    worker.__dict__.update(pipeline.__dict__)
    with suppress(TypeError, ValueError):  # if it is not a list of pairs, scikit-learn says so
        worker.steps = _adapted(pipeline.steps, fitted)
    return worker


def _adapted(steps: Sequence[tuple[str, Any]], fitted: FittedSubjects | None) -> Steps:
    plain_steps = release(steps)
    aware = [i for i, (_, step) in enumerate(plain_steps) if _is_window_transformer(step)]
    n_head = aware[-1] + 1 if aware else 0
    adapted: Steps = []
    for i, (name, step) in enumerate(plain_steps):
        if step is None or isinstance(step, str):
            adapted.append((name, step))
        elif i in aware:
            is_plain = type(step) is sklearn_pipeline.Pipeline
            adapted.append((name, _PlainPipeline(step) if is_plain else _WindowStep(step)))
        elif i < n_head:
            adapted.append((name, _BetweenWindowSteps(step)))
        else:
            is_last = i == len(plain_steps) - 1
            adapted.append((name, _BehindWindowSteps(step, fitted, is_last=is_last)))
    return adapted


def _is_window_aware(step: Any) -> bool:
    if isinstance(step, sklearn_pipeline.Pipeline):
        return any(_is_window_aware(inner) for _, inner in step.steps)
    return bool(getattr(step, "window_aware", False))


def _is_window_transformer(step: Any) -> bool:
    return _is_window_aware(step) and (hasattr(step, "transform") or hasattr(step, "fit_transform"))


def release(steps: Sequence[tuple[str, Any]]) -> Steps:
    """Return the steps themselves, without what was wrapped around them."""
    return [(name, step.released() if type(step) in _ADAPTERS else step) for name, step in steps]


def fitted_subjects_of(step: Any) -> FittedSubjects | None:
    """Return what an adapted last step was fitted on; None for a window-aware one."""
    return step.fitted_subjects if type(step) is _BehindWindowSteps else None


def handed_out(result: Any) -> Any:
    """Return a result in the form that a user gets, instead of the one that flows between steps."""
    if isinstance(result, ValuesWithProvenance):
        return attach_provenance(result.values, result)
    return result


class _Adapter:
    """Base class of adapters, which convert what flows through the pipeline before a step gets it.

    In every other respect an adapter is its step: class, parameters, attributes, representation and metadata
    requests. Whatever inspects a running pipeline, such as a callback or an experiment tracker, sees the
    steps that the user built. Pickles and copies hold the step alone.
    """

    __slots__ = ("_adapted",)
    _methods: ClassVar[dict[str, Callable]] = {}

    def __init__(self, step: Any) -> None:
        object.__setattr__(self, "_adapted", step)

    def released(self) -> Any:
        """Return the step."""
        return self._adapted

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self._adapted)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._adapted, name)
        method = self._methods.get(name)
        return attribute if method is None else partial(method, self, attribute)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._adapted, name, value)

    def __delattr__(self, name: str) -> None:
        # scikit-learn leaves a note on a step while it is fitted: another thread that fits the same
        # step may have removed it already.
        vars(self._adapted).pop(name, None)

    def __repr__(self) -> str:
        return repr(self._adapted)

    def __sklearn_clone__(self) -> Any:
        return type(self)(clone(self._adapted))

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self._adapted)

    def __reduce_ex__(self, protocol: Any) -> tuple:
        # The first argument keeps apart, in the keys of a cache, what a step does in different places.
        return _step_of, (type(self).__name__, self._adapted)


def _step_of(adapter: str, step: Any) -> Any:
    return step


class _WindowStep(_Adapter):
    """A window-aware step: its windows carry the labels."""

    __slots__ = ()

    def _fit(self, fit: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        fit(X, _labels_of(X, y), **params)
        return self

    def _fit_transform(self, fit_transform: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        if (provenance := provenance_of(X)) is None:
            transformed = fit_transform(X, y, **params)
            return relabeled(entering(transformed, from_table=True), y)
        X = entering(X, from_table=False)  # as a pipeline within this one would have it
        transformed = fit_transform(X, _labels_of(X, y), **params)
        return _entered_as(_attached(transformed, X), provenance.entry)

    def _transform(self, transform: Callable, X: Any, **params: Any) -> Any:
        transformed = transform(X, **params)
        if provenance_of(X) is not None:
            return _attached(transformed, X)
        return entering(transformed, from_table=True)

    _methods = {"fit": _fit, "fit_transform": _fit_transform, "transform": _transform}


def _attached(values: Any, source: Any) -> Any:
    """Return values with the provenance of their windows, which a user-defined step may lose."""
    return attach_provenance(values, source) if provenance_of(values) is None else values


def _entered_as(X: Any, entry: Entry | None) -> Any:
    """Return what a step made of windows, with their entry counted from the enclosing pipeline."""
    provenance = provenance_of(X)
    if provenance is None:
        return X
    within = provenance.entry
    entry = None if entry is None or within is None else entry.take(within.positions)
    return with_provenance(X, replace(provenance, entry=entry))


class _PlainPipeline(_WindowStep):
    """A scikit-learn Pipeline with window-aware steps: those are adapted as well."""

    __slots__ = ()

    def _fit_plain(self, fit: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        return self._fit(partial(self._work, "fit"), X, y, **params)

    def _fit_transform_plain(self, fit: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        return self._fit_transform(partial(self._work, "fit_transform"), X, y, **params)

    def _transform_plain(self, transform: Callable, X: Any, **params: Any) -> Any:
        return self._transform(partial(self._work, "transform"), X, **params)

    def _work(self, method: str, *args: Any, **params: Any) -> Any:
        worker = worker_of(self._adapted)
        result = getattr(worker, method)(*args, **params)
        self._adapted.steps = release(worker.steps)
        return handed_out(result)

    _methods = {
        "fit": _fit_plain,
        "fit_transform": _fit_transform_plain,
        "transform": _transform_plain,
    }


class _BetweenWindowSteps(_Adapter):
    """A transformer before or between window-aware steps: it gets a table, or bare arrays.

    The provenance of windows, and what steps noted on a table, bypass it.
    """

    __slots__ = ()

    def _fit(self, fit: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        self._fitted(fit, X, y, params)
        return self

    def _fit_transform(self, fit_transform: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        return _rejoined(self._fitted(fit_transform, X, y, params), X)

    def _fitted(self, fit: Callable, X: Any, y: Any, params: dict[str, Any]) -> Any:
        params = params_in_pipeline(self._adapted, X, params, is_last=False)
        return fit(plain(X), _labels_of(X, y), **params)

    def _transform(self, transform: Callable, X: Any, **params: Any) -> Any:
        return _rejoined(transform(plain(X), **params), X)

    _methods = {"fit": _fit, "fit_transform": _fit_transform, "transform": _transform}


def _rejoined(values: Any, source: Any) -> Any:
    """Return what a step made of windows or of a table, with what bypassed the step."""
    if notes_of(values) == Notes():
        values = with_notes(values, notes_of(source))
    return attach_provenance(values, source)


class _BehindWindowSteps(_Adapter):
    """A step after the transformers of windows: it gets arrays and the matching labels.

    A predictor that is window-aware gets the windows.
    """

    __slots__ = ("_is_last", "fitted_subjects")

    def __init__(
        self, step: Any, fitted: FittedSubjects | None = None, *, is_last: bool = False
    ) -> None:
        super().__init__(step)
        object.__setattr__(self, "fitted_subjects", fitted)
        object.__setattr__(self, "_is_last", is_last)

    def _fit(self, fit: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        self._fitted(fit, X, y, params)
        self._remember(X)
        return self

    def _fit_transform(self, fit_transform: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        return _carry(self._fitted(fit_transform, X, y, params), X)

    def _fit_predict(self, fit_predict: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        predicted = self._fitted(fit_predict, X, y, params)
        self._remember(X)
        return predicted

    def _fitted(self, fit: Callable, X: Any, y: Any, params: dict[str, Any]) -> Any:
        labels, provenance = _labels_of(X, y), provenance_of(X)
        if (
            labels is None
            and provenance is not None
            and get_tags(self._adapted).target_tags.required
        ):
            raise ValueError(
                f"There are no labels to fit {type(self._adapted).__name__} to: pass y, or name the column "
                "of the target, SubjectWindower(target=...)."
            )
        params = params_in_pipeline(self._adapted, X, params, is_last=self._is_last)
        with (
            inner_folds_by_subject(self._adapted, provenance, labels),
            features_needed(X, self._adapted),
        ):
            return fit(self._seen(X), labels, **params)

    def _transform(self, transform: Callable, X: Any, **params: Any) -> Any:
        return _carry(transform(plain(X), **params), X)

    def _predict(self, predict: Callable, X: Any, **params: Any) -> Any:
        self._compare(X)
        return predict(self._seen(X), **params)

    def _score(self, score: Callable, X: Any, y: Any = None, **params: Any) -> Any:
        self._compare(X)
        if "sample_weight" in params:
            params["sample_weight"] = weights_to_score(provenance_of(X), params["sample_weight"])
        provenance = provenance_of(X)
        labels = y if provenance is None else provenance.relabel(y).y
        if get_tags(self._adapted).target_tags.required:
            require_labels(labels)
        return score(self._seen(X), labels, **params)

    def _seen(self, X: Any) -> Any:
        """Return what the step works on."""
        is_aware = isinstance(X, Windows) and getattr(self._adapted, "window_aware", False)
        return X if is_aware else plain(X)

    def _remember(self, X: Any) -> None:
        """Keep what the step was fitted on, unless it learns nothing."""
        subjects = FittedSubjects(X) if get_tags(self._adapted).requires_fit else None
        object.__setattr__(self, "fitted_subjects", subjects)

    def _compare(self, X: Any) -> None:
        if self.fitted_subjects is not None:
            self.fitted_subjects.compare(X)

    _methods = {
        "fit": _fit,
        "fit_transform": _fit_transform,
        "fit_predict": _fit_predict,
        "transform": _transform,
        "predict": _predict,
        "predict_proba": _predict,
        "predict_log_proba": _predict,
        "decision_function": _predict,
        "score_samples": _predict,
        "score": _score,
    }


def _labels_of(X: Any, y: Any) -> Any:
    """Return the labels to fit on.

    Windows with labels follow `y` once, where a pipeline gets or cuts them (`relabeled`). Afterwards steps
    may drop, repeat or reorder them, and `y` no longer fits.
    """
    provenance = provenance_of(X)
    if provenance is None:
        return y
    return provenance.relabel(y).y if provenance.y is None else provenance.y


def _carry(values: Any, source: Any) -> Any:
    """Return the result of a step together with the provenance of its windows."""
    provenance = provenance_of(source)
    if provenance is None or isinstance(values, WindowArray):
        return values
    if isinstance(source, Windows) and np.ndim(values) == 3:
        return attach_provenance(values, source)
    return ValuesWithProvenance(values, provenance, fingerprints(source))


_ADAPTERS = (_WindowStep, _PlainPipeline, _BetweenWindowSteps, _BehindWindowSteps)
