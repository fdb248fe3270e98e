"""Where synthetic data pays off: scores at several ratios, or numbers of real training subjects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skaug._checks import (
    is_finite_number,
    is_whole_number,
    require_choice,
    require_random_state,
)
from skaug._warnings import collected, warn, without_repeats
from skaug.augmenter import SynthefyAugmenter
from skaug.evaluation.cross_validation import Trial, run_trials
from skaug.evaluation.displays.learning_curve import AMOUNT_LABELS, LearningCurveDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed
from skaug.evaluation.folds import Samples
from skaug.evaluation.paired_tests import t_interval
from skaug.evaluation.protocol_variants import augmenter_path, under_protocol
from skaug.evaluation.scores import Scoring, complete_scores, named_scorers, score_differences
from skaug.model_selection.scorers import scorer_sign


@dataclass(frozen=True, repr=False)
class LearningCurve:
    """Scores at several amounts of training data, as returned by `learning_curve`.

    Attributes
    ----------
    scores : DataFrame
        One row per amount, protocol, fold, subject and metric. The amount is ``ratio`` (synthetic
        windows per real one) or ``n_training_subjects``; the other columns are as in
        `ProtocolComparison`.
    details : dict
        ``signs``: for each metric -1 if its scores are negative errors, else 1. ``warnings``: the
        `skaug.DataWarning` of all fits, each once.
    """

    scores: pd.DataFrame
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def amount(self) -> str:
        """The column that varies: "ratio" or "n_training_subjects"."""
        return str(self.scores.columns[0])

    def summary(self) -> pd.DataFrame:
        """Compute the mean over subjects at each amount, and the difference synthetic windows make.

        Returns
        -------
        DataFrame
            Indexed by metric, amount and protocol: ``mean`` and ``sd`` over subjects, ``difference``
            from real windows alone (with the same number of training subjects; above zero is better)
            and its 95 % t interval ``ci_low``, ``ci_high``. Intervals are per amount and not adjusted
            for multiple comparisons: among several, one that excludes zero is weak evidence.

        Raises
        ------
        ValueError
            If a metric is not defined for any subject under all amounts.
        """
        rows = []
        for metric, of_metric in self.scores.groupby("metric", sort=False):
            by_subject = complete_scores(of_metric, [self.amount, "protocol"])
            if by_subject.empty:
                raise ValueError(
                    f"{metric} is not defined for any subject under all amounts: choose another metric."
                )
            for amount, protocol in by_subject.columns:
                scores = by_subject[amount, protocol]
                row = {"metric": metric, self.amount: amount, "protocol": protocol}
                row |= {"mean": scores.mean(), "sd": scores.std(ddof=1)}
                reference = (0.0 if self.amount == "ratio" else amount, "TRTR")
                if protocol != "TRTR" and reference in by_subject.columns:
                    here = (amount, protocol)
                    difference = score_differences(by_subject, [here], reference)[here]
                    row["difference"] = difference.mean()
                    row["ci_low"], row["ci_high"] = t_interval(difference)
                rows.append(row)
        columns = ["mean", "sd", "difference", "ci_low", "ci_high"]
        table = pd.DataFrame(rows).set_index(["metric", self.amount, "protocol"])
        return table.reindex(columns=columns)

    def verdict(self) -> str:
        """Return a sentence that says at which amount the first metric is best.

        Returns
        -------
        str
        """
        display = self.display()
        metric = ReadableMetric(display.metric, display.sign)
        shown = metric.shown_summary(display.summary)
        best = shown.loc[shown["mean"].idxmin() if metric.is_error else shown["mean"].idxmax()]
        of = f"{best[self.amount]:g} {AMOUNT_LABELS[self.amount]} ({best['protocol']})"
        sentence = f"{metric.label} is best at {of}: {number(best['mean'])}"
        if pd.isna(best["difference"]):
            return f"{sentence}. No amount of synthetic windows has a better mean over subjects."
        ends = (
            ""
            if pd.isna(best["ci_low"])
            else f" (95 % interval {signed(best['ci_low'])} to {signed(best['ci_high'])})"
        )
        return (
            f"{sentence}, {signed(best['difference'])}{ends} from real windows alone. The best of several "
            "amounts looks better than it is."
        )

    def plot(self, metric: str | None = None, *, axes: Any = None) -> LearningCurveDisplay:
        """Draw the curve: mean over subjects, and the difference that synthetic windows make.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.
        axes : sequence of two Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        LearningCurveDisplay

        Raises
        ------
        ValueError
            If the metric was not scored.
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        return self.display(metric).plot(axes=axes)

    def display(self, metric: str | None = None) -> LearningCurveDisplay:
        """Build the display of the curve without drawing it.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.

        Returns
        -------
        LearningCurveDisplay

        Raises
        ------
        ValueError
            If the metric was not scored.
        """
        summary = self.summary()
        metrics = list(summary.index.unique("metric"))
        metric = metrics[0] if metric is None else metric
        require_choice("metric", metric, metrics)
        of_metric = summary.loc[metric].reset_index()
        sign = self.details.get("signs", {}).get(metric)
        return LearningCurveDisplay(of_metric, metric, self.amount, sign)

    def __repr__(self) -> str:
        display = self.display()
        metric = ReadableMetric(display.metric, display.sign)
        shown = metric.shown_summary(display.summary).rename(columns={"mean": metric.label})
        table = shown.to_string(index=False, na_rep="", float_format="{:.4g}".format)
        return f"{table}\n\n{self.verdict()}"

    def _repr_html_(self) -> str:
        return (
            f"<p><b>{escape(self.verdict())}</b></p>{self.summary().to_html(na_rep='', border=0)}"
        )


def learning_curve(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    ratios: Sequence[float] = (0, 0.25, 0.5, 1, 2, 4),
    n_subjects: Sequence[int] | None = None,
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: Scoring | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: bool | None = None,
) -> LearningCurve:
    """Score a pipeline with more and more synthetic windows, or with more and more real subjects.

    Amounts are nested in every fold: a larger ratio includes the conditions of a smaller one, and more
    training subjects include fewer.

    Parameters
    ----------
    estimator : pipeline
        As for `compare_protocols`. Its augmenter must have ``n_synthetic=None``.
    X : DataFrame or Windows
        Recordings or windows.
    y : array-like, optional
        Labels of rows or windows; by default the target column, or the labels of the windows.
    ratios : sequence of float, default=(0, 0.25, 0.5, 1, 2, 4)
        Synthetic windows per real one. Ignored if `n_subjects` is passed.
    n_subjects : sequence of int, optional
        Numbers of real training subjects, chosen at random in each fold. Each number is scored with real
        windows alone and with the synthetic windows that the pipeline's augmenter adds to them.
    cv, groups, scoring, n_jobs, progress
        As for `compare_protocols`.
    random_state : int, default=0
        Seed of the choice of training subjects.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError
        If the augmenter has `n_synthetic`, a ratio is negative, a fold has fewer training subjects than
        `n_subjects` requires, or as `compare_protocols` does.

    Warns
    -----
    DataWarning
        The warnings of this category from all fits and workers. Those that differ only in numbers or the
        subject they name are shown once.

    See Also
    --------
    compare_protocols : Compare protocols at one amount, with tests over subjects.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import learning_curve
    >>> pipe = make_pipeline(
    ...     SubjectWindower(features=["BVP"], target="heart_rate"),
    ...     SynthefyAugmenter(),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=64),
    ...     Ridge(),
    ... )
    >>> recordings = simulate_ppg(n_subjects=3, minutes=1)
    >>> curve = learning_curve(pipe, recordings, ratios=(0, 1), progress=False)
    >>> curve.scores.groupby("ratio")["n_synthetic"].mean().tolist()
    [0.0, 14.0]
    """
    path = augmenter_path(estimator)
    _check_augmenter(estimator.get_params(deep=True)[path])
    scorers = named_scorers(scoring, estimator)
    require_random_state(random_state)
    with collected() as messages:
        samples = Samples.of(estimator, X, y, groups)
    folds = samples.folds(cv)
    if n_subjects is None:
        trials = list(_by_ratio(estimator, path, ratios, folds))
    else:
        trials = list(_by_subjects(estimator, path, n_subjects, folds, samples, random_state))
    outcome = run_trials(
        trials, samples, scorers, n_jobs=n_jobs, progress=progress, label="learning curve"
    )
    messages = without_repeats([*messages, *outcome.warnings])
    for message in messages:
        warn(message)
    scores = outcome.scores
    keys = [scores.columns[0], "protocol"]
    signs = {name: scorer_sign(scorer) for name, scorer in scorers.items()}
    details = {"signs": signs, "warnings": messages}
    return LearningCurve(scores.sort_values(keys, kind="stable", ignore_index=True), details)


def _check_augmenter(augmenter: SynthefyAugmenter) -> None:
    if augmenter.n_synthetic is not None:
        raise ValueError(
            f"A learning curve adds synthetic windows in proportion to the real ones, but n_synthetic="
            f"{augmenter.n_synthetic!r} is a number in all: use ratio and n_synthetic=None."
        )


def _by_ratio(
    estimator: Any, path: str, ratios: Sequence[float], folds: list[tuple[NDArray, NDArray]]
) -> Iterator[Trial]:
    if not len(ratios):
        raise ValueError("ratios=() holds no ratio: pass some, such as (0, 1).")
    if not all(is_finite_number(ratio) and ratio >= 0 for ratio in ratios):
        raise ValueError(f"ratios={list(ratios)!r} must be numbers, 0 or more.")
    for fold, (train, test) in enumerate(folds):
        for ratio in dict.fromkeys(map(float, ratios)):
            protocol = "TRSTR" if ratio else "TRTR"
            varied = clone(estimator).set_params(**{f"{path}__ratio": ratio})
            labels = {"ratio": ratio, "protocol": protocol, "fold": fold}
            yield Trial(labels, under_protocol(varied, path, protocol), train, test)


def _by_subjects(
    estimator: Any,
    path: str,
    n_subjects: Sequence[int],
    folds: list[tuple[NDArray, NDArray]],
    samples: Samples,
    random_state: int,
) -> Iterator[Trial]:
    if not len(n_subjects):
        raise ValueError("n_subjects=() holds no number: pass some, such as (2, 4).")
    for fold, (train, test) in enumerate(folds):
        present = np.unique(samples.codes[train])
        order = np.random.default_rng([random_state, fold]).permutation(present)
        for n in dict.fromkeys(n_subjects):
            if not is_whole_number(n) or not 1 <= n <= len(order):
                raise ValueError(
                    f"n_subjects={list(n_subjects)!r} must be whole numbers from 1 to {len(order)}, the "
                    f"number of training subjects in fold {fold}."
                )
            chosen = train[np.isin(samples.codes[train], order[:n])]
            for protocol in ("TRTR", "TRSTR"):
                labels = {"n_training_subjects": int(n), "protocol": protocol, "fold": fold}
                yield Trial(labels, under_protocol(estimator, path, protocol), chosen, test)
