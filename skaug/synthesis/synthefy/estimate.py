"""What an experiment will request and pay for, counted by a dry run."""

from __future__ import annotations

import warnings
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import wraps
from itertools import chain, count
from pathlib import Path
from pickle import PicklingError
from typing import Any, Self

import joblib
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline

from skaug.synthesis.synthefy.api import SynthefyAPI
from skaug.synthesis.synthefy.store import WindowStore
from skaug.windows.container import Windows

#: Seconds per window in the published run.
PUBLISHED_SECONDS = 7.2


@dataclass(frozen=True)
class CallEstimate:
    """The number of windows that an experiment will request.

    Which candidate of a search wins and is refitted is not known beforehand. The refit is counted for the
    candidate that requests most, so that the numbers are upper bounds.

    Attributes
    ----------
    requested : int
        Windows requested, summed over all fits.
    distinct : int
        Different windows among them.
    stored : int
        Distinct windows that are in the store.
    new : int
        Distinct windows that the service will make and bill.
    seconds : float
        Time that the service needs for these, one after the other.
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
    """Count the windows that an experiment will request from the service. Nothing is sent.

    The experiment is run dry: ``cross_validate`` if `cv` is given, otherwise ``fit``, with a copy of the
    estimator in which every `SynthefyAPI` records the keys of its requests, and returns its conditions as
    if they were synthetic. The last steps of pipelines are not fitted, and nothing is predicted or scored,
    so this takes about as long as cutting windows and computing features does in the experiment. It is
    done twice, to find out whether the requests depend on chance or on scores.

    Parameters
    ----------
    estimator : estimator
        Anything with a ``fit`` in which a `SynthefyAugmenter` may use `SynthefyAPI`: a pipeline, a search,
        a meta-estimator. Other synthesizers cost nothing.
    X : DataFrame or Windows
        Recordings, or windows.
    y : array-like, optional
        Labels, as passed to the experiment.
    cv : splitter, int or list of (train, test), optional
        As passed to ``cross_validate``; None for a single ``fit`` on all of `X`.
    groups : array-like, optional
        As passed to ``cross_validate``, or to the ``fit`` of a search.
    seconds_per_window : float, default=7.2
        Time that the service needs per window; by default that of the published run.

    Returns
    -------
    CallEstimate

    Raises
    ------
    ValueError
        If the requests cannot be predicted: they depend on chance, because a splitter or a search has no
        random_state, or on scores, as in a search that drops candidates as it goes. Other errors are
        those that the experiment would raise.

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
    ...     SynthefyAugmenter(SynthefyAPI("user-1", "ppg_hr", "job-1"), ratio=0.5),
    ...     WindowFlattener(),
    ...     Ridge(),
    ... )
    >>> search = GridSearchCV(pipe, {"ridge__alpha": [1, 10, 100]}, cv=SubjectKFold(4))
    >>> estimate = estimate_calls(search, simulate_ppg(n_subjects=4, minutes=1))
    >>> estimate.requested, estimate.distinct
    (160, 16)
    """
    known: dict[str, list[_Key]] = {}
    requests = _run_dry(estimator, X, y, cv, groups, _Ranking(1), known)
    if requests.all():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the first run has shown them
            again = _run_dry(estimator, X, y, cv, groups, _Ranking(-1), known)
        if requests.counted() != again.counted():
            raise ValueError(
                "The requests cannot be predicted, because a second dry run requested other windows. They "
                "depend on chance (pass a random_state to whatever draws numbers) or on scores (as in "
                "HalvingGridSearchCV: estimate a GridSearchCV over its candidates)."
            )
    return requests.estimate(seconds_per_window)


# The folder of the store, and the key of the entry.
_Key = tuple[Path, str]


def _run_dry(
    estimator: Any,
    X: Any,
    y: Any,
    cv: Any,
    groups: Any,
    ranking: _Ranking,
    known: dict[str, list[_Key]],
) -> _Requests:
    """Run an experiment without the service, and return its requests."""
    requests = _Requests()
    run = _DryRun(requests, ranking, known)
    copied, splits = run.copy(estimator), run.copy(cv)
    # In threads, because what is recorded in another process would be lost.
    with joblib.parallel_config(backend="threading"):
        if not requests.n_recorders:
            return requests
        if cv is None:
            copied.fit(X, y, **({} if groups is None else {"groups": groups}))
        else:
            cross_validate(
                copied, X, y, cv=splits, groups=groups, scoring=_no_score, error_score="raise"
            )
    return requests


@dataclass
class _Requests:
    """The requests of fits; and of each refit, the requests of every candidate that may win."""

    certain: list[_Key] = field(default_factory=list)
    refits: list[list[list[_Key]]] = field(default_factory=list)
    n_recorders: int = 0

    def all(self) -> list[_Key]:
        return [*self.certain, *chain.from_iterable(chain.from_iterable(self.refits))]

    def counted(self) -> tuple[Counter, Counter]:
        """Return what two runs are compared by: threads may have changed the order."""
        refits = (tuple(tuple(sorted(keys)) for keys in refit) for refit in self.refits)
        return Counter(self.certain), Counter(refits)

    def estimate(self, seconds_per_window: float) -> CallEstimate:
        certain = set(self.certain)
        stored = {(folder, key) for folder, key in set(self.all()) if key in WindowStore(folder)}
        requested = len(self.certain) + sum(max(map(len, refit)) for refit in self.refits)
        distinct = len(certain) + self._most_beside(certain)
        new = len(certain - stored) + self._most_beside(certain | stored)
        return CallEstimate(requested, distinct, distinct - new, new, new * seconds_per_window)

    def _most_beside(self, known: set[_Key]) -> int:
        """Return the most further windows that the refits can request, whichever candidates win."""
        further = [[set(keys) - known for keys in refit] for refit in self.refits]
        one_by_one = sum(max(map(len, refit)) for refit in further)
        return min(one_by_one, len(set().union(*chain.from_iterable(further))))


@dataclass(frozen=True)
class _DryRun:
    """Copies an experiment such that its requests are recorded instead of sent."""

    requests: _Requests
    ranking: _Ranking
    known: dict[str, list[_Key]]  # of conditions that were requested before

    def copy(self, value: Any) -> Any:
        """Return an unfitted copy of an estimator, or a copy of what may hold one.

        `SynthefyAPI` becomes a recorder, wherever it is a parameter or a candidate of a search.
        """
        if hasattr(value, "__next__"):
            raise ValueError(
                f"A dry run would use up this {type(value).__name__}: pass a list of its items, such as a "
                "list of (train, test) as cv."
            )
        if isinstance(value, dict):
            return {name: self.copy(item) for name, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(map(self.copy, value))
        if isinstance(value, type) or not hasattr(value, "get_params"):
            if hasattr(value, "get_n_splits") and getattr(value, "shuffle", True):
                _require_seed(value, getattr(value, "random_state", 0))
            return deepcopy(value)
        own_clone = getattr(type(value), "__sklearn_clone__", BaseEstimator.__sklearn_clone__)
        if own_clone is not BaseEstimator.__sklearn_clone__:
            return clone(value)  # such as FrozenEstimator, which is not fitted again
        return self._copy_estimator(value)

    def _copy_estimator(self, estimator: Any) -> Any:
        kind = getattr(estimator, "_plain_type", type(estimator))
        parameters = {k: self.copy(v) for k, v in estimator.get_params(deep=False).items()}
        if issubclass(kind, SynthefyAPI):
            self.requests.n_recorders += 1
            return self._derived(kind, _Recorder)(**parameters)
        if parameters.keys() >= _SEARCH_PARAMETERS:
            _require_seed(estimator, parameters.get("random_state", 0))
            parameters |= {"scoring": self.ranking, "error_score": "raise"}
            return self._derived(kind, _Search)(**parameters)
        if issubclass(kind, Pipeline):
            parameters["memory"] = None  # a cached step requests nothing
            parameters["steps"] = [*parameters["steps"][:-1], self._copy_last(*estimator.steps[-1])]
        return kind(**parameters)

    def _copy_last(self, name: str, step: Any) -> tuple[str, Any]:
        """Return the copy of the last step of a pipeline, not to be fitted if no request depends on it."""
        before = self.requests.n_recorders
        copied = self.copy(step)
        is_model = hasattr(step, "predict") and not hasattr(step, "transform")
        if is_model and self.requests.n_recorders == before:
            kind = getattr(step, "_plain_type", type(step))
            copied = self._derived(kind, fit=wraps(kind.fit)(_fit_nothing))(
                **copied.get_params(deep=False)
            )
        return name, copied

    def _derived(self, kind: type, *mixins: type, **changed: Any) -> Any:
        """Return a type with the name and the parameters of another, and some methods changed."""
        changed |= {"_run": self, "_plain_type": kind}
        return type(kind.__name__, (*mixins, kind), changed)


def _require_seed(thing: Any, random_state: Any) -> None:
    if random_state is None:
        raise ValueError(
            f"The requests cannot be predicted, because {type(thing).__name__} depends on chance: pass it a "
            "random_state."
        )


def _fit_nothing(self: Any, X: Any, y: Any = None, **parameters: Any) -> Any:
    return self


class _Recorder:
    """What `SynthefyAPI` does in a dry run."""

    _run: _DryRun

    def synthesize(self: Any, conditions: Windows) -> Windows:
        try:  # hashing the conditions is far faster than encoding their requests
            same = joblib.hash([self.get_params(), conditions])
        except PicklingError:  # of a lambda, for example
            same = None
        keys = None if same is None else self._run.known.get(same)
        if keys is None:
            folder = self.window_store().folder
            keys = [(folder, key) for key in self.keys(conditions)]
            if same is not None:
                self._run.known[same] = keys
        self._run.requests.certain.extend(keys)
        return conditions.synthesized(conditions.to_numpy())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return clone(self)

    def __reduce__(self) -> Any:
        raise ValueError(
            "The requests of fits in other processes cannot be recorded: estimate this with n_jobs=1."
        )


# The parameters by which a search over candidates is recognized.
_SEARCH_PARAMETERS = {"estimator", "scoring", "refit", "cv", "error_score"}


class _Search:
    """What a search does in a dry run: it refits every candidate, because any of them may win."""

    _run: _DryRun

    def fit(self: Any, X: Any, y: Any = None, **parameters: Any) -> Any:
        refit, self.refit = self.refit, False
        super().fit(X, y, **parameters)  # type: ignore[misc]
        self.refit = refit
        if refit:
            parameters.pop("groups", None)
            candidates = []
            for chosen in self.cv_results_["params"]:
                estimator = clone(self.estimator).set_params(**clone(chosen, safe=False))
                requests = _Requests()
                copied = replace(self._run, requests=requests).copy(estimator)
                self.best_estimator_ = copied.fit(X, y, **parameters)
                candidates.append(requests.all())
            self._run.requests.refits.append(candidates)
        return self


class _Ranking:
    """A scorer that ranks later candidates first, or earlier ones.

    A search that drops candidates as it goes drops different ones in these two cases.
    """

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.numbers = count(1)

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        return float(self.sign * next(self.numbers))


def _no_score(estimator: Any, X: Any, y: Any = None) -> float:
    return 0.0
