"""What an experiment will ask for and pay, before anything is sent."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.pipeline import Pipeline

from skaug.synthesis.base import Synthesizer
from skaug.synthesis.synthefy.api import SynthefyAPI
from skaug.synthesis.synthefy.store import WindowStore
from skaug.windows.container import Windows
from skaug.windows.rows import take_rows

#: Seconds a window took in the published run.
PUBLISHED_SECONDS = 7.2


@dataclass(frozen=True)
class CallEstimate:
    """What an experiment will ask for.

    Which candidate of a search wins, and is fitted again, is not known before. The refit is counted for
    the one that asks for most, so that the numbers are what it can come to.

    Attributes
    ----------
    requested : int
        Windows asked for, summed over all fits.
    distinct : int
        Different ones among them.
    stored : int
        Of these, how many are in the store.
    new : int
        Of these, how many will be asked of the service, and billed.
    seconds : float
        How long that will take, one after the other.
    """

    requested: int
    distinct: int
    stored: int
    new: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"{self.requested} windows requested, {self.distinct} distinct: {self.stored} stored, "
            f"{self.new} to be paid, about {self.seconds / 60:.0f} min"
        )


def estimate_calls(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    cv: Any = None,
    groups: ArrayLike | None = None,
    seconds_per_window: float = PUBLISHED_SECONDS,
) -> CallEstimate:
    """Count the windows that an experiment will ask the service for. Sends nothing.

    Every fit is made up to the augmenter, so that what is counted is what will be asked for.

    Parameters
    ----------
    estimator : pipeline, GridSearchCV, RandomizedSearchCV or TransformedTargetRegressor
        With a `SynthefyAugmenter` that asks `SynthefyAPI`. Other synthesizers cost nothing.
    X : DataFrame or Windows
        Recordings, or windows.
    y : array-like, optional
        Labels, as they will be passed to ``fit``.
    cv : splitter, int or list of (train, test), optional
        As it will be passed to ``cross_validate``; None for a single ``fit`` on all of `X`.
    groups : array-like, optional
        As they will be passed to ``cross_validate``, or to the ``fit`` of a search.
    seconds_per_window : float, default=7.2
        How long a window takes; by default as in the published run.

    Returns
    -------
    CallEstimate

    Raises
    ------
    ValueError
        If it cannot be foreseen what the estimator will ask for: it is of another kind, or chooses splits
        or candidates at random without a seed.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.model_selection import SubjectKFold
    >>> from skaug.synthesis import SynthefyAPI, estimate_calls
    >>> pipe = make_pipeline(
    ...     SubjectWindower(features=["BVP"], target="heart_rate"),
    ...     SynthefyAugmenter(SynthefyAPI("user-1", "ppg_hr", "job-1"), n_synthetic=0.5),
    ...     WindowFlattener(),
    ...     Ridge(),
    ... )
    >>> search = GridSearchCV(pipe, {"ridge__alpha": [1, 10, 100]}, cv=SubjectKFold(4))
    >>> estimate = estimate_calls(search, simulate_ppg(n_subjects=4, minutes=1))
    >>> estimate.requested, estimate.distinct
    (160, 16)
    """
    requests = _Requests()
    if cv is None:
        requests.add(_foresee(estimator, X, y, groups))
    else:
        for train in _splits(estimator, X, y, cv, groups):
            requests.add(_foresee(estimator, take_rows(X, train), take_rows(y, train)))
    return requests.count(seconds_per_window)


# The folder of the store that is looked into, and the key of the entry.
_Key = tuple[Path, str]


@dataclass
class _Requests:
    """What fits will ask for, and, of each refit, what each candidate would ask for."""

    certain: list[_Key] = field(default_factory=list)
    refits: list[list[list[_Key]]] = field(default_factory=list)

    def add(self, other: _Requests) -> None:
        self.certain += other.certain
        self.refits += other.refits

    def all(self) -> list[_Key]:
        return [*self.certain, *chain.from_iterable(chain.from_iterable(self.refits))]

    def count(self, seconds_per_window: float) -> CallEstimate:
        certain = set(self.certain)
        stored = {(folder, key) for folder, key in set(self.all()) if key in WindowStore(folder)}
        requested = len(self.certain) + sum(max(map(len, refit)) for refit in self.refits)
        distinct = len(certain) + self._most_beside(certain)
        new = len(certain - stored) + self._most_beside(certain | stored)
        return CallEstimate(requested, distinct, distinct - new, new, new * seconds_per_window)

    def _most_beside(self, known: set[_Key]) -> int:
        """Give how many further windows the refits ask for at most, whoever wins each of them."""
        further = [[set(keys) - known for keys in refit] for refit in self.refits]
        one_by_one = sum(max(map(len, refit)) for refit in further)
        return min(one_by_one, len(set().union(*chain.from_iterable(further))))


def _foresee(
    estimator: Any,
    X: Any,
    y: Any,
    groups: Any = None,
    known: dict[str | None, list[_Key]] | None = None,
) -> _Requests:
    """Give what fitting an estimator will ask for. `known` is of other estimators on the same data."""
    if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
        return _foresee_search(estimator, X, y, groups)
    if isinstance(estimator, TransformedTargetRegressor):
        return _foresee(estimator.regressor, X, y, groups, known)
    if not any(isinstance(v, SynthefyAPI) for v in estimator.get_params(deep=True).values()):
        return _Requests()
    if isinstance(getattr(estimator, "synthesizer", None), SynthefyAPI):
        estimator = Pipeline([("augmenter", estimator)])
    if not isinstance(estimator, Pipeline):
        raise _unforeseeable(estimator)
    return _Requests(_keys(estimator, X, y, {} if known is None else known))


def _foresee_search(search: Any, X: Any, y: Any, groups: Any) -> _Requests:
    candidates = [
        clone(search.estimator).set_params(**clone(parameters, safe=False))
        for parameters in _parameters(search)
    ]
    splits = _splits(search.estimator, X, y, 5 if search.cv is None else search.cv, groups)
    requests = _Requests()
    for train in splits:
        part = take_rows(X, train), take_rows(y, train)
        known: dict[str | None, list[_Key]] = {}
        for candidate in candidates:
            requests.add(_foresee(candidate, *part, known=known))
    if search.refit:
        known = {}
        of_all = [_foresee(candidate, X, y, known=known).all() for candidate in candidates]
        requests.refits.append(of_all)
    return requests


def _parameters(search: Any) -> list[dict[str, Any]]:
    if isinstance(search, GridSearchCV):
        return list(ParameterGrid(search.param_grid))
    if search.random_state is None:
        raise ValueError(
            "Which candidates RandomizedSearchCV takes cannot be foreseen: pass it a random_state."
        )
    seed = deepcopy(search.random_state)  # a generator moves on when it is drawn from
    return list(ParameterSampler(search.param_distributions, search.n_iter, random_state=seed))


def _splits(estimator: Any, X: Any, y: Any, cv: Any, groups: Any) -> Sequence[NDArray]:
    """Give the training sets as scikit-learn will make them, and leave the splitter as it was."""
    if hasattr(cv, "__next__"):
        raise ValueError("cv would be used up by looking at it: pass a list of (train, test).")
    splitter = check_cv(cv, y, classifier=is_classifier(estimator))
    first, second = (
        [np.asarray(train) for train, _ in deepcopy(splitter).split(X, y, groups)] for _ in range(2)
    )
    if not all(map(np.array_equal, first, second)):
        raise ValueError(
            f"Which splits {splitter!r} makes cannot be foreseen: pass it a random_state."
        )
    return first


def _keys(pipeline: Pipeline, X: Any, y: Any, known: dict[str | None, list[_Key]]) -> list[_Key]:
    """Fit a pipeline up to its augmenter, and give what that asked for."""
    params = pipeline.get_params(deep=True)
    apis = {name: value for name, value in params.items() if isinstance(value, SynthefyAPI)}
    for name in apis:
        _check_path(pipeline, name)
    steps = [name for name, _ in pipeline.steps]
    head = clone(pipeline[: 1 + max(steps.index(name.split("__")[0]) for name in apis)])
    try:
        same = joblib.hash(head)
    except pickle.PicklingError:  # of a lambda, for one
        same = None
    if same is None or same not in known:
        recorders = {name: _Recorder(api) for name, api in apis.items()}
        caches = [name for name in head.get_params() if name.split("__")[-1] == "memory"]
        head.set_params(**recorders, **dict.fromkeys(caches))  # from a cache nothing is asked
        head.fit(X, y)
        known[same] = [key for recorder in recorders.values() for key in recorder.keys]
    return known[same]


def _check_path(pipeline: Pipeline, path: str) -> None:
    """Raise unless the augmenter is a step of this pipeline, or of a pipeline in it."""
    for step in path.split("__")[:-2]:
        pipeline = pipeline.named_steps[step]
        if not isinstance(pipeline, Pipeline):
            raise _unforeseeable(pipeline)


def _unforeseeable(estimator: Any) -> ValueError:
    return ValueError(
        f"How often {type(estimator).__name__} fits cannot be foreseen: estimate the pipeline in it."
    )


class _Recorder(Synthesizer):
    """Stands in for the service: notes what would be asked for, and gives the windows back."""

    supports_variations = True

    def __init__(self, api: SynthefyAPI) -> None:
        self.api = api
        self.keys: list[_Key] = []

    def synthesize(self, conditions: Windows) -> Windows:
        folder = self.api.window_store().folder
        self.keys += [(folder, key) for key in self.api.keys(conditions)]
        return conditions.synthesized(conditions.to_numpy())

    def __sklearn_clone__(self) -> _Recorder:
        return self  # the augmenter fits a clone, and the notes are wanted here
