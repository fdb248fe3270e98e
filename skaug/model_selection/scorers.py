"""Scorers for pipelines that cut windows: one prediction per window, or one per row."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils.metadata_routing import get_routing_for_object

from skaug.fitting.fit_params import weights_to_score
from skaug.predictions import KnownPredictions, cut_table
from skaug.windows.base import WindowArray
from skaug.windows.container import Windows
from skaug.windows.feature_arrays import require_labels
from skaug.windows.provenance import Provenance

Scorer = Callable[..., float]


def window_scorer(metric: str | Callable) -> Scorer:
    """Make a scorer that compares one prediction with one label per window.

    Where rows are the samples (`X` is a table that the pipeline cuts), scikit-learn's own scorers
    would compare windows with rows. This one aggregates the labels of rows as the pipeline's
    `SubjectWindower` does, from the table as it reaches the windower.

    To choose a `window_size` use `row_scorer`: longer windows average their labels, which improves every
    score of windows, even on noise.

    With several targets, the score is the average over outputs, as scikit-learn's metrics compute it.

    Parameters
    ----------
    metric : str, scorer or callable
        A name such as "neg_mean_absolute_error", a scorer made by ``sklearn.metrics.make_scorer``, or a
        callable ``scorer(estimator, X, y)`` that returns a number, greater being better. A metric function
        ``metric(y_true, y_pred)`` is refused, because it does not say whether greater is better.

    Returns
    -------
    callable
        A scorer ``scorer(estimator, X, y=None)`` for `cross_val_score`, `GridSearchCV` and the like.

    Raises
    ------
    ValueError
        If scikit-learn knows no scorer of that name, or `metric` is a metric function.

    See Also
    --------
    row_scorer : One prediction per row; the fair score for choosing a window size.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import cross_val_score
    >>> from skaug import SubjectWindower, WindowStatistics, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.model_selection import SubjectKFold, window_scorer
    >>> windower = SubjectWindower(512, features=["BVP"], target="heart_rate")
    >>> pipe = make_pipeline(windower, WindowStatistics(), Ridge())
    >>> scorer = window_scorer("neg_mean_absolute_error")
    >>> table = simulate_ppg(n_subjects=4, minutes=1)
    >>> cross_val_score(pipe, table, cv=SubjectKFold(2), scoring=scorer).shape
    (2,)
    """
    as_scorer(metric)
    return WindowScorer(metric)


def row_scorer(metric: str | Callable) -> Scorer:
    """Make a scorer that compares one prediction with one label per row.

    A row is predicted by the mean over the windows that hold it, as in `skaug.predict_rows`. Rows that lie in
    no window, and rows that miss a value of the target, are left out. With several targets, the score is the
    average over outputs, as scikit-learn's metrics compute it. Pipelines that change the
    rows before they cut windows, by resampling, are refused. It is the fair score for choosing `window_size`
    and `stride`, because the labels do not depend on them.

    Parameters
    ----------
    metric : str, scorer or callable
        As in `window_scorer`.

    Returns
    -------
    callable
        A scorer ``scorer(estimator, X, y=None)`` for tables.

    Raises
    ------
    ValueError
        If scikit-learn knows no scorer of that name, or `metric` is a metric function.

    See Also
    --------
    window_scorer : One prediction per window.
    skaug.predict_rows : The predictions that are scored.
    """
    as_scorer(metric)
    return RowScorer(metric)


class WindowScorer(BaseEstimator):
    """Score the predictions of windows, for windows or for the table that they are cut from."""

    def __init__(self, metric: Any) -> None:
        self.metric = metric

    def __call__(self, estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> float:
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted pipeline, or a search over one.
        X : DataFrame, Windows or array-like
            Recordings, or windows.
        y : array-like, optional
            One label per row or per window; by default the target column, or the labels of the windows.
        **kwargs : dict
            Passed to the metric's scorer. `sample_weight`: one per window, or one per row; the weight of a
            window is the mean over its rows.

        Returns
        -------
        float
        """
        windows = scored_windows(estimator, X, y)
        if kwargs.get("sample_weight") is not None:
            kwargs["sample_weight"] = weights_to_score(windows, kwargs["sample_weight"])
        return as_scorer(self.metric)(estimator, X, windows.y, **kwargs)

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the metric requests, for scikit-learn's metadata routing."""
        return get_routing_for_object(as_scorer(self.metric))


class RowScorer(BaseEstimator):
    """Score predictions that are mapped back to the rows of the table."""

    def __init__(self, metric: Any) -> None:
        self.metric = metric

    def __call__(self, estimator: Any, X: Any, y: Any = None, **kwargs: Any) -> float:
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted pipeline with a `SubjectWindower`, or a search over one.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            Recordings.
        y : array-like of shape (n_rows,), optional
            One label per row; the target column by default.
        **kwargs : dict
            Passed to the metric's scorer. `sample_weight`: one per row.

        Returns
        -------
        float
        """
        cut = None if isinstance(X, WindowArray) else cut_table(estimator, X)
        if cut is None:
            raise ValueError(
                "row_scorer maps predictions back to the rows of a table: score a pipeline that has a "
                "SubjectWindower, on the table. For windows use window_scorer."
            )
        cut.require_same_rows(
            "predictions of windows cannot be compared with the labels of rows: use window_scorer"
        )
        table = cut.cutting.read(cut.table)
        rows = cut.cutting.labels(table).rows
        assert rows is not None  # of one table
        truth = require_labels(cut.cutting.row_labels(table) if y is None else np.asarray(y))
        if len(truth) != rows.n_rows:
            raise ValueError(
                f"y has {len(truth)} labels for {rows.n_rows} rows: pass one for each row."
            )
        without = None
        if y is None:
            without = np.asarray(np.any(pd.isna(truth).reshape(len(truth), -1), axis=1))
        known = KnownPredictions(estimator, X, rows, without=without)
        if kwargs.get("sample_weight") is not None:
            kwargs["sample_weight"] = np.asarray(kwargs["sample_weight"])[known.covered]
        return as_scorer(self.metric)(known, X, truth[known.covered], **kwargs)

    def get_metadata_routing(self) -> Any:
        """Return the metadata that the metric requests, for scikit-learn's metadata routing."""
        return get_routing_for_object(as_scorer(self.metric))


def as_scorer(metric: Any) -> Scorer:
    """Return a scorer of one prediction per window (or per row, if `row_scorer` made it).

    Raises
    ------
    ValueError
        If it is not a metric that scikit-learn knows, or a function of labels and predictions.
    """
    if isinstance(metric, WindowScorer):
        return as_scorer(metric.metric)
    if isinstance(metric, str) or hasattr(metric, "get_metadata_routing"):
        return get_scorer(metric)
    if not callable(metric):
        raise ValueError(
            f"metric={metric!r} must be the name of a scorer, a scorer made by "
            "sklearn.metrics.make_scorer, or a callable of (estimator, X, y)."
        )
    if _is_metric_function(metric):
        raise ValueError(
            f"{_name(metric)} is a function of labels and predictions, which does not say whether greater "
            f"is better: pass {_remedy(metric)}."
        )
    return metric


def scorer_sign(metric: Any) -> int:
    """Return -1 for a scorer that negates an error, and 1 for every other.

    Parameters
    ----------
    metric : str, scorer or callable
        As for `window_scorer`, or what `window_scorer` or `row_scorer` returned.

    Returns
    -------
    int
        Times the score, this is the metric as its function computes it.
    """
    if isinstance(metric, WindowScorer | RowScorer):
        return scorer_sign(metric.metric)
    # scikit-learn has no public name for it.
    return -1 if getattr(as_scorer(metric), "_sign", 1) < 0 else 1


def scored_windows(estimator: Any, X: Any, y: Any, *, to_fit: bool = False) -> Provenance:
    """Return the labels and the provenance of the windows that a fitted estimator predicts, or is fitted on.

    A table is not cut for them.

    Raises
    ------
    ValueError
        If there are no labels.
    """
    if isinstance(X, WindowArray):
        provenance = X.provenance.relabel(y)
    else:
        cut = cut_table(estimator, X, to_fit=to_fit)
        provenance = (
            Windows.from_arrays(X, y, channels_first=False).provenance
            if cut is None
            else cut.labels(y)
        )
    require_labels(provenance.y)
    return provenance


def _is_metric_function(metric: Callable) -> bool:
    """Whether a callable takes labels and predictions, not an estimator, samples and labels."""
    if (getattr(metric, "__module__", None) or "").startswith("sklearn.metrics"):
        return True
    try:
        parameters = inspect.signature(metric).parameters.values()
    except (TypeError, ValueError):  # without a signature
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    n_required = sum(p.default is p.empty for p in positional)
    # (estimator, X, y=None) is a scorer too.
    return n_required == 2 and [p.name for p in positional[2:3]] != ["y"]


def _name(metric: Callable) -> str:
    function = metric.func if isinstance(metric, functools.partial) else metric
    return str(getattr(function, "__name__", function))


def _remedy(metric: Callable) -> str:
    """Return what to pass in place of a metric function: scikit-learn's scorers of it, if any."""
    scorers = {name: get_scorer(name) for name in get_scorer_names()}
    names = [name for name, scorer in scorers.items() if scorer._score_func is metric]
    by_default = [name for name in names if not scorers[name]._kwargs]
    if names:
        return f"the name of its scorer, {(by_default or names)[0]!r}"
    name = _name(metric)
    return f"make_scorer({name}), or make_scorer({name}, greater_is_better=False) if it is an error"
