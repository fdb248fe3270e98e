"""Fits and scores: one estimator, fitted on one training set, scored on each subject of a test set."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.exceptions import UndefinedMetricWarning
from tqdm.auto import tqdm

from skaug._fitted import find_fitted
from skaug.augmenter import SynthefyAugmenter
from skaug.cutting import NoWindowsError
from skaug.evaluation.folds import Samples
from skaug.evaluation.protocol_variants import Duplicates, TestSetSynthesis
from skaug.model_selection.scorers import RowScorer, Scorer, scored_windows
from skaug.predictions import KnownPredictions
from skaug.windows.provenance import Provenance
from skaug.windows.subject_overlap import SubjectOverlapWarning


@dataclass(frozen=True)
class Trial:
    """An estimator to be fitted on a training set, and scored on each subject of a test set.

    Parameters
    ----------
    labels : dict
        What tells the trial apart: the first columns of its rows.
    estimator : estimator
        Not fitted.
    train, test : ndarray of int
        Positions among the samples.
    """

    labels: dict[str, Any]
    estimator: Any
    train: NDArray
    test: NDArray


def run_trials(
    trials: Sequence[Trial],
    samples: Samples,
    scorers: Mapping[str, Scorer],
    path: str,
    *,
    n_jobs: int | None = None,
    progress: bool | None = None,
    may_share: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit and score, and show progress.

    Parameters
    ----------
    trials : sequence of Trial
    samples : Samples
    scorers : dict of str to scorer
    path : str
        The parameter of the estimators that is the augmenter.
    n_jobs : int, optional
        Fits at a time. A worker gets the samples of its own trial alone.
    progress : bool, optional
        Whether to show a bar; by default if this is a terminal.
    may_share : bool, default=False
        Whether a subject may be on both sides.

    Returns
    -------
    scores, predictions : DataFrame
        A row per trial, subject and metric, and a row per trial and window.
    """
    # One fit at a time: a batch of them would be sent with the samples of each.
    results = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)(
        delayed(_run)(
            trial.estimator,
            samples.take(trial.train),
            list(samples.by_subject(trial.test)),
            scorers,
            path,
            may_share,
        )
        for trial in trials
    )
    scores, predictions, too_short = [], [], set()
    bar = None
    try:
        for trial, result in zip(trials, results, strict=True):
            # Only now, so that what ends the first fit stands on a line of its own.
            bar = bar or tqdm(
                total=len(trials), disable=None if progress is None else not progress, unit="fit"
            )
            bar.update()
            scores += [trial.labels | row for row in result.scores]
            predictions += [part.assign(**trial.labels) for part in result.predictions]
            too_short |= result.too_short
    finally:
        if bar is not None:
            bar.close()
    if too_short:
        warnings.warn(
            f"No window could be cut of {', '.join(sorted(too_short))}, who are not tested: their "
            "recordings are shorter than a window.",
            UserWarning,
            stacklevel=3,
        )
    if not predictions:
        raise ValueError("There is no window to test on in any fold: check window_size and cv.")
    table = pd.concat(predictions, ignore_index=True)
    first = [*trials[0].labels]
    return pd.DataFrame(scores), table[[*first, *table.columns.drop(first)]]


@dataclass(frozen=True)
class _Result:
    scores: list[dict[str, Any]]
    predictions: list[pd.DataFrame]
    too_short: set[str]


def _run(
    estimator: Any,
    train: tuple[Any, Any],
    tests: list[tuple[str, Any, Any]],
    scorers: Mapping[str, Scorer],
    path: str,
    may_share: bool,
) -> _Result:
    with warnings.catch_warnings():
        if may_share:
            warnings.simplefilter("ignore", SubjectOverlapWarning)
        began = time.perf_counter()
        fitted = clone(estimator).fit(*train)
        seconds = time.perf_counter() - began
        augmenter = find_fitted(fitted, SynthefyAugmenter)
        assert augmenter is not None  # `augmenter_path` found one
        synthesis = augmenter.synthesis_seconds_
        if synthesis > seconds:  # it came out of the pipeline's cache
            synthesis = 0.0
        trained = _counts(augmenter) | {
            "fit_seconds": seconds - synthesis,
            "synthesis_seconds": synthesis,
        }
        result = _Result([], [], set())
        for subject, X, y in tests:
            predicted = KnownPredictions(fitted, X)
            try:
                labels = _predict(predicted, augmenter, y)
            except NoWindowsError:
                result.too_short.add(subject)
                continue
            for metric, scorer in scorers.items():
                try:
                    score = _score(scorer, predicted, labels, y)
                except ValueError as error:
                    raise ValueError(f"{metric} of subject {subject!r} failed: {error}") from error
                result.scores.append(
                    {"subject": subject, "metric": metric, "score": score} | trained
                )
            result.predictions.append(_prediction_table(subject, labels, predicted.predict(X)))
    return result


def _predict(predicted: KnownPredictions, augmenter: SynthefyAugmenter, y: Any) -> Provenance:
    """Predict, and give the labels of what was predicted."""
    is_synthetic = isinstance(augmenter, TestSetSynthesis)
    if is_synthetic:
        augmenter.synthesize_for(y)
    predicted.predict(predicted.X)
    if is_synthetic:
        return augmenter.tested_windows_.provenance
    return scored_windows(predicted.estimator, predicted.X, y)


def _score(scorer: Scorer, predicted: KnownPredictions, labels: Provenance, y: Any) -> float:
    """Score; NaN where the labels do not define the metric, as an area under the curve of one class."""
    truth = y if isinstance(scorer, RowScorer) else labels.y
    with warnings.catch_warnings():
        # Some are 0 where a class is never predicted, as scikit-learn has them: that is a score.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        try:
            return float(scorer(predicted, predicted.X, truth))
        except ValueError:
            if is_classifier(predicted.estimator) and _lacks_classes(predicted, labels):
                return np.nan
            raise


def _lacks_classes(predicted: KnownPredictions, labels: Provenance) -> bool:
    return np.ndim(labels.y) == 1 and len(np.unique(labels.y)) < len(predicted.classes_)  # type: ignore[arg-type]


def _prediction_table(subject: str, labels: Provenance, predicted: NDArray) -> pd.DataFrame:
    table = pd.DataFrame(
        {"subject": subject, "first_row": labels.first_row, "is_synthetic": labels.is_synthetic}
    )
    for name, values in (("y_true", labels.y), ("y_pred", predicted)):
        columns = np.asarray(values)
        if columns.ndim == 1:
            table[name] = columns
        else:
            table[[f"{name}_{i}" for i in range(columns.shape[1])]] = columns
    return table


def _counts(augmenter: SynthefyAugmenter) -> dict[str, int]:
    if isinstance(augmenter.synthesizer_, Duplicates):
        return {"n_real": augmenter.n_real_ + augmenter.n_synthetic_, "n_synthetic": 0}
    n_real = 0 if augmenter.train_on == "synthetic" else augmenter.n_real_
    return {"n_real": n_real, "n_synthetic": augmenter.n_synthetic_}
