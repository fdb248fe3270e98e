"""Scorers for pipelines that cut windows: one score a window, or one a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import get_scorer, make_scorer
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if

from skaug.windower import SubjectWindower
from skaug.windows.base import WindowArray
from skaug.windows.container import Windows
from skaug.windows.provenance import FrameRows, Provenance

Scorer = Callable[..., float]


class WindowScorer(BaseEstimator):
    """Score the predictions of windows, given windows or the table that they are cut from."""

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
            One label a row or a window; the target column, or the windows' own, by default.

        Returns
        -------
        float
        """
        return as_scorer(self.metric)(estimator, X, window_provenance(estimator, X, y).y, **kwargs)


def window_scorer(metric: str | Callable) -> Scorer:
    """Make a scorer that compares one prediction with one label a window.

    Where rows are the samples (`X` is a table that the pipeline cuts), scikit-learn's own scorers
    would compare windows with rows. This one aggregates the labels of rows as the pipeline's
    `SubjectWindower` does.

    To choose a `window_size` use `row_scorer`: longer windows average their labels, which makes every
    score of windows better, even on noise.

    Parameters
    ----------
    metric : str, scorer or callable
        A name such as "neg_mean_absolute_error", a scorer made by ``sklearn.metrics.make_scorer``, or a
        metric function ``metric(y_true, y_pred)``, whose value is taken as it is, the greater the
        better: for an error pass the name, or a scorer made with ``greater_is_better=False``.

    Returns
    -------
    callable
        A scorer ``scorer(estimator, X, y=None)`` for `cross_val_score`, `GridSearchCV` and the like.

    Raises
    ------
    ValueError
        If the name is none that scikit-learn knows.
    """
    as_scorer(metric)
    return WindowScorer(metric)


class RowScorer(BaseEstimator):
    """Score predictions that are laid back onto the rows of the table."""

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
            One label a row; the target column by default.

        Returns
        -------
        float
        """
        windower = _find_windower(estimator)
        if windower is None or isinstance(X, WindowArray):
            raise ValueError(
                "row_scorer lays predictions back onto the rows of a table: score a pipeline that has a "
                "SubjectWindower, on the table. For windows use window_scorer."
            )
        lie_in = windower.to_windows(X).provenance.rows
        assert lie_in is not None  # of one table
        truth = windower.row_targets(X) if y is None else np.asarray(y)
        if truth is None:
            raise ValueError(
                "There are no labels to score against: pass y, or give SubjectWindower the target "
                "column and keep it in the table."
            )
        if len(truth) != lie_in.n_rows:
            raise ValueError(
                f"y has {len(truth)} labels for {lie_in.n_rows} rows: pass one for each row."
            )
        rows = _RowPredictions(estimator, lie_in, pd.isna(truth) & (y is None))
        return as_scorer(self.metric)(rows, X, truth[rows.covered], **kwargs)


def row_scorer(metric: str | Callable) -> Scorer:
    """Make a scorer that compares one prediction with one label a row.

    A row is predicted by the mean over the windows that hold it: of the values that a regressor
    predicts, of the probabilities of a classifier (of one without probabilities, the most frequent
    class). Rows that no window holds, and rows without a label, are left out. It is the fair score for
    choosing `window_size` and `stride`, because the labels do not depend on them.

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
        If the name is none that scikit-learn knows.
    """
    as_scorer(metric)
    return RowScorer(metric)


class _RowPredictions(BaseEstimator):
    """A fitted estimator whose predictions are those of the covered rows."""

    def __init__(self, estimator: Any, rows: FrameRows, without: NDArray[np.bool_]) -> None:
        self.estimator = estimator
        self.rows = rows
        self.without = without
        self._of_windows = rows.indices()
        self._counts = np.bincount(self._of_windows.ravel(), minlength=rows.n_rows)
        self.covered = np.flatnonzero((self._counts > 0) & ~without)

    @property
    def classes_(self) -> NDArray:
        return self.estimator.classes_

    def predict(self, X: Any) -> NDArray:
        if not is_classifier(self.estimator):
            return self._mean(np.asarray(self.estimator.predict(X), dtype=np.float64))
        if hasattr(self.estimator, "predict_proba"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        classes, votes = np.unique(self.estimator.predict(X), return_inverse=True)
        return classes[self._mean(np.eye(len(classes))[votes]).argmax(axis=1)]

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X: Any) -> NDArray:
        return self._mean(self.estimator.predict_proba(X))

    @available_if(lambda self: hasattr(self.estimator, "decision_function"))
    def decision_function(self, X: Any) -> NDArray:
        return self._mean(self.estimator.decision_function(X))

    def _mean(self, values: NDArray) -> NDArray:
        """Average values of windows over the windows that hold each covered row."""
        flat = values.reshape(len(values), -1)
        of_rows = self._of_windows.ravel()
        sums = [
            np.bincount(of_rows, np.repeat(column, self._of_windows.shape[1]), self.rows.n_rows)
            for column in flat.T
        ]
        means = np.stack(sums, axis=1)[self.covered] / self._counts[self.covered, None]
        return means.reshape(len(self.covered), *values.shape[1:])

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def as_scorer(metric: Any) -> Scorer:
    """Give a scorer of one prediction a window (or, made by `row_scorer`, one a row).

    Raises
    ------
    ValueError
        If it is no metric that scikit-learn knows.
    """
    if isinstance(metric, WindowScorer):
        return as_scorer(metric.metric)
    if isinstance(metric, str) or hasattr(metric, "get_metadata_routing"):
        return get_scorer(metric)
    if not callable(metric):
        raise ValueError(
            f"metric={metric!r} must be the name of a scorer, a scorer, or a function of y_true, y_pred."
        )
    return make_scorer(metric)


def window_provenance(estimator: Any, X: Any, y: Any) -> Provenance:
    """Give the labels of the windows that a fitted estimator predicts.

    Raises
    ------
    ValueError
        If there are none.
    """
    if isinstance(X, WindowArray):
        provenance = X.provenance.relabel(y)
    else:
        windower = _find_windower(estimator)
        windows = Windows.from_arrays(X, y) if windower is None else windower.to_windows(X, y)
        provenance = windows.provenance
    if provenance.y is None:
        raise ValueError(
            "There are no labels to score against: pass y, or give SubjectWindower the target column "
            "and keep it in the table."
        )
    return provenance


def _find_windower(estimator: Any) -> SubjectWindower | None:
    """Find the fitted windower in a pipeline, in a search over one, or in a wrapper of either."""
    if isinstance(estimator, SubjectWindower):
        return estimator
    inner = [step for _, step in getattr(estimator, "steps", ())]
    names = ("best_estimator_", "regressor_", "estimator_", "classifier_", "estimator")
    inner += [getattr(estimator, name) for name in names if hasattr(estimator, name)]
    for part in inner:
        found = _find_windower(part)
        if found is not None:
            return found
    return None
