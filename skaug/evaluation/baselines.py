"""Baselines: what a comparison must beat, such as always predicting the mean of the training labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from skaug.augmenter import SynthefyAugmenter
from skaug.evaluation.protocol_variants import is_protocol
from skaug.evaluation.scores import complete_scores, score_subject
from skaug.model_selection.scorers import RowScorer, Scorer, scored_windows
from skaug.predictions import KnownPredictions, cut_table
from skaug.windows.container import Windows
from skaug.windows.provenance import Provenance

#: The baseline that is part of every comparison.
NAIVE = "naive"

#: What it predicts, in words.
NAIVE_IN_WORDS = {
    "mean": "predicting the mean",
    "median": "predicting the median",
    "prior": "predicting the class frequencies",
}


def check_baselines(baselines: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the user's baselines by name.

    Raises
    ------
    ValueError
        If a name is that of a protocol or of the naive baseline, or a baseline adds synthetic windows.
    """
    if baselines is None:
        return {}
    if not isinstance(baselines, Mapping):
        raise ValueError(f"baselines={baselines!r} must be a dict of names to estimators.")
    for name, estimator in baselines.items():
        if not isinstance(name, str) or is_protocol(name) or name.split(" ")[0] == NAIVE:
            raise ValueError(
                f"baselines cannot have the name {name!r}: choose a text that names neither a protocol nor "
                "the naive baseline."
            )
        parts = [estimator, *estimator.get_params(deep=True).values()]
        if any(isinstance(part, SynthefyAugmenter) for part in parts):
            raise ValueError(
                f"The baseline {name!r} contains a SynthefyAugmenter, but baselines are fitted on real "
                "windows: leave it out."
            )
    return dict(baselines)


def untrained(baselines: Mapping[str, Any]) -> list[str]:
    """Return the names of the baselines that learn nothing, such as `skaug.SpectralPeakRegressor`."""
    return [name for name, model in baselines.items() if not get_tags(model).requires_fit]


class FittedBaselines:
    """Baselines fitted on the real training windows of a fold.

    Parameters
    ----------
    fitted : estimator
        The estimator of the fold, which knows how a table is cut.
    train : tuple
        Samples and labels of the training set.
    baselines : dict of str to estimator
        The user's.
    """

    def __init__(self, fitted: Any, train: tuple[Any, Any], baselines: Mapping[str, Any]) -> None:
        self._fitted = fitted
        labels = np.asarray(scored_windows(fitted, *train, to_fit=True).y)
        none = np.zeros((len(labels), 1))
        self._naive = {
            f"{NAIVE} {kind}": model.fit(none, labels) for kind, model in _naive_models(fitted)
        }
        self._untrained = untrained(baselines)
        self._others: dict[str, Any] = {}
        if baselines:
            windows = windows_of(fitted, *train, to_fit=True)
            self._others = {
                name: clone(model).fit(windows, windows.y) for name, model in baselines.items()
            }
        self.n_real = len(labels)

    def scores(
        self, scorers: Mapping[str, Scorer], subject: str, X: Any, y: Any, truth: Provenance
    ) -> Iterator[dict[str, Any]]:
        """Score each baseline on the windows of a subject, except by a metric that needs the samples.

        Yields
        ------
        dict
            The columns ``protocol`` to ``synthesis_seconds`` of `ProtocolComparison.scores`. The naive
            baseline has one protocol for each of its kinds.
        """
        for name, (model, knows_samples) in self._models(X, y, truth).items():
            for metric, scorer in scorers.items():
                is_seen = knows_samples or isinstance(scorer, RowScorer)
                predicted = KnownPredictions(model, X if is_seen else _Unseen())
                try:
                    score = score_subject(scorer, predicted, truth.y, y)
                except (AttributeError, TypeError):
                    if knows_samples:
                        raise
                    continue
                yield {
                    "protocol": name,
                    "subject": subject,
                    "metric": metric,
                    "score": score,
                    "n_real": 0 if name in self._untrained else self.n_real,
                    "n_synthetic": 0,
                    "fit_seconds": 0.0,
                    "synthesis_seconds": 0.0,
                }

    def predictions(self, X: Any, y: Any, truth: Provenance) -> Iterator[tuple[str, NDArray[Any]]]:
        """Yield the name of each baseline, and its predictions of the windows of a subject."""
        for name, (model, _) in self._models(X, y, truth).items():
            yield name, np.asarray(model.predict(X))

    def _models(self, X: Any, y: Any, truth: Provenance) -> dict[str, tuple[_Stand, bool]]:
        """Return the baselines of these windows, and whether they look at the samples."""
        none = np.zeros((len(truth), 1))
        models = {
            name: (_Stand(model, none, self._fitted), False) for name, model in self._naive.items()
        }
        if self._others:
            windows = windows_of(self._fitted, X, y)
            models |= {
                name: (_Stand(model, windows, self._fitted), True)
                for name, model in self._others.items()
            }
        return models


def choose_naive(scores: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, str | None]]:
    """Keep, for each metric, the kind of naive baseline that is better on average over subjects.

    Parameters
    ----------
    scores : DataFrame
        With the rows of `FittedBaselines.scores`.

    Returns
    -------
    scores : DataFrame
        With one naive baseline.
    kinds : dict of metric to str or None
        Its kind, a key of `NAIVE_IN_WORDS`; None for a metric that needs the samples.
    """
    is_naive = scores["protocol"].str.startswith(f"{NAIVE} ")
    kept, kinds = [scores[~is_naive]], dict.fromkeys(scores["metric"])
    for metric, of_metric in scores[is_naive].groupby("metric", sort=False):
        means = complete_scores(of_metric, "protocol").mean()
        name = of_metric["protocol"].iloc[0] if means.isna().all() else str(means.idxmax())
        kinds[metric] = name.removeprefix(f"{NAIVE} ")
        kept.append(of_metric[of_metric["protocol"] == name].assign(protocol=NAIVE))
    return pd.concat(kept, ignore_index=True), kinds


def windows_of(fitted: Any, X: Any, y: Any, *, to_fit: bool = False) -> Windows:
    """Return the labeled windows that an estimator predicts, or is fitted on."""
    if isinstance(X, Windows):
        return X.relabel(y)
    cut = cut_table(fitted, X, to_fit=to_fit)
    return Windows.from_arrays(X, y) if cut is None else cut.windows(y)


def _naive_models(fitted: Any) -> Iterator[tuple[str, Any]]:
    if is_classifier(fitted):
        yield "prior", DummyClassifier(strategy="prior")
        return
    yield "mean", DummyRegressor(strategy="mean")
    yield "median", DummyRegressor(strategy="median")


class _Stand(BaseEstimator):
    """A fitted baseline that stands in for the estimator of a fold.

    Parameters
    ----------
    baseline : estimator
        Fitted.
    windows : Windows or ndarray
        What it predicts, whatever it is passed.
    estimator : estimator
        The estimator of the fold. `row_scorer` looks up here how the table is cut.
    """

    def __init__(self, baseline: Any, windows: Any, estimator: Any) -> None:
        self.baseline = baseline
        self.windows = windows
        self.estimator = estimator

    @property
    def classes_(self) -> NDArray:
        return self.baseline.classes_

    def predict(self, X: Any) -> NDArray:
        return self.baseline.predict(self.windows)

    @available_if(lambda self: hasattr(self.baseline, "predict_proba"))
    def predict_proba(self, X: Any) -> NDArray:
        return self.baseline.predict_proba(self.windows)

    @available_if(lambda self: _has_decisions(self.baseline))
    def decision_function(self, X: Any) -> NDArray:
        if not isinstance(self.baseline, DummyClassifier):
            return self.baseline.decision_function(self.windows)
        logs = np.log(self.baseline.predict_proba(self.windows))
        return logs[:, 1] - logs[:, 0] if logs.shape[1] == 2 else logs

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.baseline)


def _has_decisions(baseline: Any) -> bool:
    return isinstance(baseline, DummyClassifier) or hasattr(baseline, "decision_function")


class _Unseen:
    """Stand-in for samples, which a naive baseline does not have: a metric that reads them fails."""

    def _refuse(self, *_: Any) -> Any:
        raise TypeError("A naive baseline has no samples.")

    __array__ = __len__ = __getitem__ = __iter__ = _refuse
