"""Cross-validation: estimators fitted on training sets and scored on each subject of test sets."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from tqdm.auto import tqdm

from skaug._fitted import find_fitted
from skaug._warnings import DataWarning, collected
from skaug.augmenter import SynthefyAugmenter
from skaug.cutting import NoWindowsError
from skaug.evaluation.baselines import FittedBaselines, windows_of
from skaug.evaluation.folds import Samples
from skaug.evaluation.leaks import warn_of_leaks
from skaug.evaluation.outputs import Outputs, column_of
from skaug.evaluation.protocol_variants import Duplicates, SyntheticTestSet, replaced
from skaug.evaluation.scores import score_subject
from skaug.evaluation.strata import window_modes
from skaug.model_selection.scorers import Scorer, scored_windows
from skaug.predictions import KnownPredictions
from skaug.synthesis.surrogate import synthesizer_or_default
from skaug.windows.container import Windows
from skaug.windows.provenance import Provenance
from skaug.windows.subject_overlap import SubjectOverlapWarning

_TREE_PACKAGES = ("xgboost", "lightgbm", "catboost")


@dataclass(frozen=True)
class Trial:
    """An estimator to fit on a training set and to score on each subject of a test set.

    Parameters
    ----------
    labels : dict
        Names and values of the first columns of the trial's rows, which identify it.
    estimator : estimator
        Not fitted.
    train, test : ndarray of int
        Positions among the samples.
    is_tested_on_synthetic : bool, default=False
        Whether to test on synthetic windows made from the test set, instead of the test set itself.
    baselines : dict of str to estimator, optional
        Score these and the naive baseline too, on the real windows of the same fold.
    """

    labels: dict[str, Any]
    estimator: Any
    train: NDArray
    test: NDArray
    is_tested_on_synthetic: bool = False
    baselines: Mapping[str, Any] | None = None


def run_trials(
    trials: Sequence[Trial],
    samples: Samples,
    scorers: Mapping[str, Scorer],
    *,
    n_jobs: int | None = None,
    progress: bool | None = None,
    may_share: bool = False,
    strata: Sequence[str] = (),
    outputs: Outputs = None,
    label: str = "fits",
) -> Outcome:
    """Fit and score the trials, and show progress.

    Parameters
    ----------
    trials : sequence of Trial
        What to fit and score.
    samples : Samples
        The samples from which the trials take theirs.
    scorers : dict of str to scorer
        A scorer for each metric, by name.
    n_jobs : int, optional
        Number of fits that run in parallel. A worker receives only the samples of its own trial.
    progress : bool, optional
        Whether to show a progress bar; by default in a terminal, and in a notebook that has ipywidgets.
    may_share : bool, default=False
        Whether a subject may be in both the training and the test set of a trial.
    strata : sequence of str, default=()
        Columns of the context to keep beside the predictions.
    outputs : tuple of str, optional
        The names of several labels per window.
    label : str, default="fits"
        What the progress bar is called.

    Returns
    -------
    Outcome

    Raises
    ------
    ValueError
        If no window can be cut from any test set.
    """
    largest = max(range(len(trials)), key=lambda i: len(trials[i].train))
    # With larger batches a worker would receive the samples of several trials at once.
    results = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)(
        delayed(_run)(
            trial.estimator,
            samples.take(trial.train),
            list(samples.by_subject(trial.test)),
            scorers,
            trial.is_tested_on_synthetic,
            may_share,
            trial.baselines,
            strata,
            outputs,
            i == largest,
        )
        for i, trial in enumerate(trials)
    )
    scores, predictions, of_baselines, too_short, sizes = [], [], [], set(), []
    messages: dict[str, None] = {}
    synthesizers: list[str] = []
    bar = None
    try:
        for trial, result in zip(trials, results, strict=True):
            # Not before the first result: an error in the first fit then starts on a line of its own.
            bar = bar or tqdm(
                desc=label,
                total=len(trials),
                disable=None if progress is None else not progress,
                unit="fit",
            )
            bar.update()
            scores += [trial.labels | row for row in result.scores]
            predictions += [part.assign(**trial.labels) for part in result.predictions]
            known = {name: value for name, value in trial.labels.items() if name != "protocol"}
            of_baselines += [part.assign(**known) for part in result.of_baselines]
            too_short |= result.too_short
            messages |= dict.fromkeys(result.warnings)
            sizes.append((result.n_features, result.n_trained))
            synthesizers.append(result.synthesizer)
    finally:
        if bar is not None:
            bar.close()
    if too_short:
        warnings.warn(
            f"These subjects are not tested, because no window could be cut from their recordings: "
            f"{', '.join(sorted(too_short))}.",
            UserWarning,
            stacklevel=3,
        )
    if not predictions:
        raise ValueError("There are no windows to test on in any fold: check window_size and cv.")
    first = [*trials[0].labels]
    crowded = [(k, n) for k, n in sizes if k > n]
    return Outcome(
        pd.DataFrame(scores),
        _joined(predictions, first),
        _joined(of_baselines, first) if of_baselines else pd.DataFrame(),
        crowded[0] if crowded else None,
        list(messages),
        synthesizers,
    )


class Outcome(NamedTuple):
    """What trials returned.

    Attributes
    ----------
    scores : DataFrame
        One row per trial, subject and metric.
    predictions : DataFrame
        One row per trial and window.
    of_baselines : DataFrame
        The same of the baselines.
    crowded : (int, int) or None
        The numbers of features and of training windows of the first model that has more features than
        training windows. Trees, which do not suffer from that, do not count.
    warnings : list of str
        The messages of each `DataWarning` of all fits and workers, each once. They were not shown.
    synthesizers : list of str
        The synthesizer of each trial, with its parameters: the one that was chosen, if there is a search.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    of_baselines: pd.DataFrame
    crowded: tuple[int, int] | None
    warnings: list[str]
    synthesizers: list[str]


@dataclass(frozen=True)
class _Result:
    scores: list[dict[str, Any]]
    predictions: list[pd.DataFrame]
    of_baselines: list[pd.DataFrame]
    too_short: set[str]
    n_features: int
    n_trained: int
    warnings: list[str]
    synthesizer: str


def _run(
    estimator: Any,
    train: tuple[Any, Any],
    tests: list[tuple[str, Any, Any]],
    scorers: Mapping[str, Scorer],
    is_tested_on_synthetic: bool,
    may_share: bool,
    baselines: Mapping[str, Any] | None,
    strata: Sequence[str],
    outputs: Outputs,
    checks_channels: bool,
) -> _Result:
    with collected() as messages:
        if may_share:
            warnings.simplefilter("ignore", SubjectOverlapWarning)
        if is_tested_on_synthetic:
            warnings.filterwarnings("ignore", r".* windows to predict are synthetic", DataWarning)
        began = time.perf_counter()
        fitted = clone(estimator).fit(*train)
        seconds = time.perf_counter() - began
        if checks_channels:
            warn_of_leaks(windows_of(fitted, *train, to_fit=True))
        augmenter = _fitted_augmenter(fitted)
        trained = _counts(augmenter) | _times(augmenter, seconds)
        n_trained = trained["n_real"] + trained["n_synthetic"]
        made_by = repr(synthesizer_or_default(augmenter.synthesizer))
        result = _Result([], [], [], set(), _n_features(fitted), int(n_trained), messages, made_by)
        others = None if baselines is None else FittedBaselines(fitted, train, baselines)
        for subject, X, y in tests:
            try:
                predicted, truth, tested = _predict(fitted, augmenter, X, y, is_tested_on_synthetic)
            except NoWindowsError:
                result.too_short.add(subject)
                continue
            for metric, scorer in scorers.items():
                try:
                    score = score_subject(scorer, predicted, truth.y, y)
                except ValueError as error:
                    raise ValueError(f"{metric} of subject {subject!r} failed: {error}") from error
                result.scores.append(
                    {"subject": subject, "metric": metric, "score": score} | trained
                )
            if others is not None:
                real = truth if not is_tested_on_synthetic else scored_windows(fitted, X, y)
                result.scores.extend(others.scores(scorers, subject, X, y, real))
                kept = window_modes(windows_of(fitted, X, y), strata) if strata else None
                result.of_baselines.extend(
                    _prediction_table(subject, real, values, outputs, kept).assign(protocol=name)
                    for name, values in others.predictions(X, y, real)
                )
            if strata:
                kept = window_modes(windows_of(fitted, X, y) if tested is None else tested, strata)
            values = predicted.predict(X)
            result.predictions.append(
                _prediction_table(subject, truth, values, outputs, kept if strata else None)
            )
    return result


def _fitted_augmenter(fitted: Any) -> SynthefyAugmenter:
    augmenter = find_fitted(fitted, SynthefyAugmenter)
    if augmenter is None or not hasattr(augmenter, "n_real_"):
        raise ValueError(
            f"No fitted SynthefyAugmenter was found in this {type(fitted).__name__}: compare a pipeline, a "
            "search over one, or a TransformedTargetRegressor of one."
        )
    return augmenter


def _n_features(fitted: Any) -> int:
    """Return the number of features that the model is fitted on; 0 for trees."""
    while True:
        if type(fitted).__module__.split(".")[0] in _TREE_PACKAGES or type(
            fitted
        ).__module__.startswith(("sklearn.tree", "sklearn.ensemble")):
            return 0
        if getattr(fitted, "steps", None):
            fitted = fitted.steps[-1][1]
            continue
        holders = ("best_estimator_", "regressor_", "classifier_", "estimator_")
        inner = [getattr(fitted, name) for name in holders if hasattr(fitted, name)]
        if not inner:
            return int(getattr(fitted, "n_features_in_", 0))
        fitted = inner[0]


def _counts(augmenter: SynthefyAugmenter) -> dict[str, int]:
    """Return the numbers of real and synthetic windows that the model was trained on."""
    if isinstance(augmenter.synthesizer_, Duplicates):
        return {"n_real": augmenter.n_real_ + augmenter.n_synthetic_, "n_synthetic": 0}
    n_real = 0 if augmenter.train_on == "synthetic" else augmenter.n_real_
    return {"n_real": n_real, "n_synthetic": augmenter.n_synthetic_}


def _times(augmenter: SynthefyAugmenter, seconds: float) -> dict[str, float]:
    """Divide the time of a fit into synthesis and the rest."""
    synthesis = augmenter.synthesis_seconds_
    if synthesis > seconds:  # of an earlier fit, from the cache of the pipeline
        synthesis = 0.0
    return {"fit_seconds": seconds - synthesis, "synthesis_seconds": synthesis}


def _predict(
    fitted: Any, augmenter: SynthefyAugmenter, X: Any, y: Any, is_tested_on_synthetic: bool
) -> tuple[KnownPredictions, Provenance, Windows | None]:
    """Predict the windows of a subject; return their provenance, and the windows if they are synthetic."""
    if not is_tested_on_synthetic:
        predicted = KnownPredictions(fitted, X)
        predicted.predict(X)
        return predicted, scored_windows(fitted, X, y), None
    test_set = SyntheticTestSet(augmenter, y)
    predicted = KnownPredictions(replaced(fitted, augmenter, test_set), X)
    predicted.predict(X)
    synthetic = test_set.synthetic_windows_
    return predicted, synthetic.provenance, synthetic


def _joined(parts: list[pd.DataFrame], first: list[str]) -> pd.DataFrame:
    """Join tables, with some columns at the front."""
    table = pd.concat(parts, ignore_index=True)
    return table[[*first, *table.columns.drop(first)]]


def _prediction_table(
    subject: str, truth: Provenance, predicted: NDArray, outputs: Outputs, kept: pd.DataFrame | None
) -> pd.DataFrame:
    table = pd.DataFrame(
        {"subject": subject, "first_row": truth.first_row, "is_synthetic": truth.is_synthetic}
    )
    for name, values in (("y_true", truth.y), ("y_pred", predicted)):
        if outputs is None:
            table[name] = np.asarray(values).ravel()  # also of a column, as scikit-learn may return
        else:
            table[[column_of(name, output) for output in outputs]] = np.asarray(values)
    return table if kept is None else pd.concat([table, kept], axis=1)
