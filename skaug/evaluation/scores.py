"""Scores: the metrics by name, the score of a subject, means, and differences in pairs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Mapping, Sequence
from inspect import signature
from typing import Any

import numpy as np
import pandas as pd
import sklearn.metrics
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import brier_score_loss, get_scorer_names, log_loss, make_scorer

from skaug.evaluation.outputs import OutputScorer
from skaug.model_selection.scorers import RowScorer, Scorer, as_scorer, scorer_sign
from skaug.predictions import KnownPredictions

Scoring = str | Callable | Sequence[str] | Mapping[str, Any]

# What is scored by default.
_OF_CLASSIFIERS = ("accuracy", "balanced_accuracy")
_OF_REGRESSORS = ("neg_mean_absolute_error",)

# Differences between scores that are smaller, as a share of the scores, are due to rounding.
_ROUNDING = 1e-12


def named_scorers(scoring: Scoring | None, estimator: Any) -> dict[str, Scorer]:
    """Return a scorer for each metric, by name.

    Parameters
    ----------
    scoring : str, callable, list of str or dict of str to either, or None
        The metrics, each as for `skaug.model_selection.window_scorer`. None: accuracy and balanced accuracy
        for classifiers, mean absolute error for others.
    estimator : estimator
        What is scored.

    Returns
    -------
    dict of str to scorer

    Raises
    ------
    ValueError
        If scikit-learn does not know a name, two metrics have the same name, or there is no metric.
    """
    if scoring is None:
        scoring = _OF_CLASSIFIERS if is_classifier(estimator) else _OF_REGRESSORS
    if isinstance(scoring, Mapping):
        named = [(str(name), metric) for name, metric in scoring.items()]
    elif isinstance(scoring, str) or callable(scoring):
        named = [(_metric_name(scoring), scoring)]
    else:
        named = [(_metric_name(metric), metric) for metric in scoring]
    if not named:
        raise ValueError("scoring names no metric: pass one, such as 'neg_mean_absolute_error'.")
    names = [name for name, _ in named]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(
            f"Two metrics are called {repeated[0]!r}: name them with a dict, "
            "scoring={'one': ..., 'other': ...}."
        )
    return {name: as_scorer(metric) for name, metric in named}


def _metric_name(metric: Any) -> str:
    inner = getattr(metric, "metric", metric)  # of a window_scorer
    if isinstance(inner, str):
        return inner
    function = getattr(inner, "_score_func", inner)  # of a scorer made by scikit-learn
    return str(getattr(function, "__name__", function))


def described_scorer(scorer: Scorer) -> dict[str, Any] | str:
    """Describe a scorer so that `restored_scorer` finds it again.

    Parameters
    ----------
    scorer : scorer
        As returned by `named_scorers`.

    Returns
    -------
    dict or str
        The function of scikit-learn, the sign and further arguments, all of them plain values for JSON, and
        the position of the output that is scored, if it is one of several; or why scores cannot be computed
        from labels and predictions alone.
    """
    if isinstance(scorer, RowScorer):
        return "it scores rows, not windows"
    if isinstance(scorer, OutputScorer):
        inner = described_scorer(scorer.scorer)
        return inner if isinstance(inner, str) else inner | {"output": scorer.output}
    function = getattr(scorer, "_score_func", None)
    if function is None:
        return "it is a function of the estimator"
    if getattr(scorer, "_response_method", "predict") != "predict":
        return "it needs probabilities or decision values"
    name, arguments = function.__name__, dict(getattr(scorer, "_kwargs", {}))
    if getattr(sklearn.metrics, name, None) is not function or not _is_plain(arguments):
        return "it is not a function of scikit-learn with plain arguments"
    return {"function": name, "sign": scorer_sign(scorer), "arguments": arguments}


def restored_scorer(metric: str, description: dict[str, Any] | str | None) -> Scorer:
    """Return a scorer for labels and predictions.

    Parameters
    ----------
    metric : str
        The name of the metric.
    description : dict, str or None
        As returned by `described_scorer`. If it is None, `metric` must be a name that scikit-learn knows.

    Returns
    -------
    scorer

    Raises
    ------
    ValueError
        If the metric cannot be computed from labels and predictions.
    """
    if description is None:
        is_known = metric in get_scorer_names()
        description = (
            described_scorer(as_scorer(metric)) if is_known else "scikit-learn does not know it"
        )
    if isinstance(description, str):
        raise ValueError(
            f"metric={metric!r} cannot be computed from the labels and predictions of windows, because "
            f"{description}: choose another metric that was scored."
        )
    scorer = make_scorer(
        getattr(sklearn.metrics, description["function"]),
        greater_is_better=description["sign"] > 0,
        **description["arguments"],
    )
    return OutputScorer(scorer, description["output"]) if "output" in description else scorer


def is_restorable(metric: str, description: dict[str, Any] | str | None) -> bool:
    """Whether `restored_scorer` finds a scorer."""
    if description is None:
        is_known = metric in get_scorer_names()
        return is_known and not isinstance(described_scorer(as_scorer(metric)), str)
    return not isinstance(description, str)


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def score_subject(scorer: Scorer, predicted: KnownPredictions, labels: Any, y: Any) -> float:
    """Score the predictions for a subject.

    Parameters
    ----------
    scorer : scorer
        As returned by `named_scorers`.
    predicted : KnownPredictions
        The predictions.
    labels : array-like
        The labels of the windows that were predicted.
    y : array-like or None
        The labels that were passed for the samples of the subject, for scores of rows.

    Returns
    -------
    float
        NaN if the metric is not defined for these labels, such as an area under the curve of one class.

    Raises
    ------
    ValueError
        If the scorer fails for another reason.
    """
    truth = y if isinstance(scorer, RowScorer) else labels
    if is_classifier(predicted.estimator) and hasattr(predicted.estimator, "classes_"):
        scorer = _with_all_classes(scorer, predicted.classes_)
    with warnings.catch_warnings():
        # scikit-learn warns that a metric is 0 if a class is never predicted. That is a score.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        # A subject need not have windows of every class.
        warnings.filterwarnings("ignore", "A single label was found in", UserWarning)
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true", UserWarning)
        try:
            return float(scorer(predicted, predicted.X, truth))
        except ValueError:
            if is_classifier(predicted.estimator) and _lacks_classes(predicted, labels):
                return np.nan
            raise


def _with_all_classes(scorer: Scorer, classes: NDArray) -> Scorer:
    """Return a scorer of probabilities that knows all classes, even those a subject does not have."""
    if isinstance(scorer, RowScorer):
        return RowScorer(_with_all_classes(as_scorer(scorer.metric), classes))
    function = getattr(scorer, "_score_func", None)
    if function not in (log_loss, brier_score_loss) or getattr(scorer, "_kwargs", None):
        return scorer
    is_binary = len(classes) == 2 and function is brier_score_loss
    if not is_binary and "labels" not in signature(function).parameters:
        return scorer  # before scikit-learn 1.7 the Brier score knows two classes only
    known = {"pos_label": classes[1]} if is_binary else {"labels": classes}
    return make_scorer(function, greater_is_better=False, response_method="predict_proba", **known)


def _lacks_classes(predicted: KnownPredictions, labels: Any) -> bool:
    y = np.asarray(labels)
    return y.ndim == 1 and len(np.unique(y)) < len(predicted.classes_)


def complete_scores(
    scores: pd.DataFrame, columns: str | list[str], per: str = "subject"
) -> pd.DataFrame:
    """Average scores per subject or fold, over the entries that every column has.

    Parameters
    ----------
    scores : DataFrame
        Scores of one metric, one row per fold, subject, repeat or draw (if there are any) and value of
        `columns`.
    columns : str or list of str
        The column, or columns, of `scores` whose values become the columns of the result.
    per : {"subject", "fold"}, default="subject"
        What a row of the result stands for.

    Returns
    -------
    DataFrame
        A score that is missing in one column is left out of all of them, so that columns can be
        compared in pairs.
    """
    keys = [name for name in ("subject", "fold", "repeat", "draw") if name in scores]
    columns = [columns] if isinstance(columns, str) else columns
    pairs = scores.set_index([*keys, *columns])["score"].unstack(columns)
    in_order = [scores.set_index(names).index.unique() for names in (keys, columns)]
    pairs = pairs.reindex(index=in_order[0], columns=in_order[1])
    return pairs.dropna().groupby(level=per, sort=False).mean()


def score_differences(
    scores: pd.DataFrame, columns: Sequence[Hashable], reference: Hashable
) -> pd.DataFrame:
    """Subtract the reference's scores, and set what rounding leaves of equal scores to zero.

    Parameters
    ----------
    scores : DataFrame
        As returned by `complete_scores`.
    columns : sequence
        The columns to compare with the reference.
    reference
        A column.

    Returns
    -------
    DataFrame
        One column per name in `columns`.
    """
    compared = scores[list(columns)]
    differences = compared.sub(scores[reference], axis=0)
    sizes = np.maximum(compared.abs(), scores[[reference]].abs().to_numpy())
    return differences.where(differences.abs() > _ROUNDING * sizes, 0.0)
