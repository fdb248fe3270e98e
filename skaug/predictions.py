"""Predictions of windows, mapped back to the rows of the table, and shared by several scorers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import Tags, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skaug._checks import require_choice
from skaug._fitted import find_fitted_path
from skaug.cutting import Cutting
from skaug.recording_steps import PerRecording
from skaug.windower import SubjectWindower
from skaug.windows.base import WindowArray
from skaug.windows.container import Windows
from skaug.windows.frame_rows import FrameRows
from skaug.windows.provenance import Provenance, Target

METHODS = ("predict", "predict_proba", "decision_function")

_SEVERAL_CLASSES = (
    "The model predicts several classes per window, each with probabilities of its own: fit a pipeline for "
    "each target."
)


def predict_rows(estimator: Any, X: Any, method: str = "predict") -> Any:
    """Predict each row of a table by the mean over the windows that hold it.

    Regressors: the mean of the predicted values. Classifiers: the class with the largest mean probability or,
    without probabilities, the most frequent class.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline with a `SubjectWindower`, skaug's or scikit-learn's, or a search over one.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The recordings.
    method : {"predict", "predict_proba", "decision_function"}, default="predict"
        What to compute.

    Returns
    -------
    Series, DataFrame or ndarray of n_rows rows
        In the library of `X`, with its index. A Series where there is one value per row; a DataFrame of one
        column per class, or per output, where there are several: outputs have the names of the columns of
        the target. For arrays: an array of shape (n_rows,) or (n_rows, n_outputs). Rows that lie in no
        window are NaN (None where classes are text).

    Raises
    ------
    TypeError
        If `X` is already cut into windows.
    ValueError
        If the estimator has no `SubjectWindower` or lacks the method; `X` cannot be cut; a step before the
        windower changes the rows; or each window has several classes.

    See Also
    --------
    skaug.model_selection.row_scorer : Scores these predictions.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SubjectWindower, WindowStatistics, make_pipeline, predict_rows
    >>> from skaug.datasets import simulate_ppg
    >>> table = simulate_ppg(n_subjects=3, minutes=1)
    >>> windower = SubjectWindower(512, stride=256, features=["BVP"], target="heart_rate")
    >>> pipe = make_pipeline(windower, WindowStatistics(), Ridge()).fit(table)
    >>> rows = predict_rows(pipe, table)
    >>> len(rows) == len(table), int(rows.isna().sum())
    (True, 0)
    """
    require_choice("method", method, METHODS)
    if isinstance(X, WindowArray):
        raise TypeError(
            "predict_rows maps predictions back to the rows of a table, but these are windows: pass the "
            "table, or call estimator.predict(windows) for one prediction per window."
        )
    cut = cut_table(estimator, X)
    if cut is None:
        raise ValueError(
            f"This {type(estimator).__name__} has no SubjectWindower to say which rows a window holds: "
            "pass a pipeline with one."
        )
    cut.require_same_rows(
        "predictions of windows cannot be mapped back to the rows of this table. Transform it first, "
        "table = pipe[:k].transform(table) with the k steps before the windower, and predict the rows of "
        "that, predict_rows(pipe[k:], table)"
    )
    rows = cut.cutting.labels(cut.table).rows
    assert rows is not None  # of one table
    known = KnownPredictions(estimator, X, rows)
    if not hasattr(known, method):
        getattr(estimator, method)  # for the estimator's own message
    values = _spread(getattr(known, method)(X), known.covered, rows.n_rows)
    if not nw.dependencies.is_into_dataframe(X):
        return values
    return _like(X, named_columns(values, estimator, method, cut.cutting.target), values.ndim == 1)


def cut_table(estimator: Any, X: Any, *, to_fit: bool = False) -> CutTable | None:
    """Return a table as it reaches the windower of a fitted estimator; None if it has no windower.

    Parameters
    ----------
    estimator : estimator
        A fitted pipeline, or a search over one.
    X : DataFrame or array-like of shape (n_rows, n_columns)
        The recordings, as they are passed to the estimator.
    to_fit : bool, default=False
        Whether to cut the windows that the estimator is fitted on, instead of those it predicts.

    Returns
    -------
    CutTable or None
    """
    found = find_fitted_path(estimator, SubjectWindower)
    if found is None:
        return None
    before, windower = found
    check_is_fitted(windower)
    changing = None
    for step in before:
        if isinstance(step, PerRecording):
            transformed, is_changed = step.transform_and_compare(X)
        else:
            transformed = step.transform(X)
            is_changed = _has_other_rows(transformed, X)
        changing = step if is_changed and changing is None else changing
        X = transformed
    cutting = windower.cutting_ if to_fit else windower.cutting_.for_prediction()
    return CutTable(cutting, X, changing)


@dataclass(frozen=True)
class CutTable:
    """A table as it reaches the windower, whatever stands before it.

    Parameters
    ----------
    cutting : Cutting
        How it is cut.
    table : DataFrame or array-like of shape (n_rows, n_columns)
        The output of the last step before the windower.
    changing : transformer or None
        The first step that changes rows: their number, their order, or their place in time. None if no step
        does, so that the rows are those of the table that was passed.
    """

    cutting: Cutting
    table: Any
    changing: Any

    def require_same_rows(self, why: str) -> None:
        """Raise if the rows are not those of the table that was passed.

        Parameters
        ----------
        why : str
            What therefore cannot be done, and the remedy.

        Raises
        ------
        ValueError
        """
        if self.changing is not None:
            name = " ".join(repr(self.changing).split())
            raise ValueError(f"{name} changes the rows before they are cut, so {why}.")

    def labels(self, y: Any = None) -> Provenance:
        """Return the labels and the provenance of the windows, without copying their samples.

        Parameters
        ----------
        y : array-like, optional
            Labels that take precedence over the target column.

        Raises
        ------
        ValueError
            If labels are passed for rows that are not those of the table.
        """
        self._require_no_labels(y)
        return self.cutting.labels(self.table, y)

    def windows(self, y: Any = None) -> Windows:
        """Return the windows, labeled by the target column or by `y` as in `labels`."""
        self._require_no_labels(y)
        return self.cutting.cut(self.table, y)

    def _require_no_labels(self, y: Any) -> None:
        if y is not None:
            self.require_same_rows(
                "y cannot follow: put the labels into a column of the table, name it in "
                "SubjectWindower(target=...), and pass no y"
            )


def _has_other_rows(transformed: Any, X: Any) -> bool:
    """Whether a step returned other rows: another number or, in pandas, another index."""
    if isinstance(transformed, pd.DataFrame) and isinstance(X, pd.DataFrame):
        return not transformed.index.equals(X.index)
    return len(transformed) != len(X)


class KnownPredictions(BaseEstimator):
    """The predictions of a fitted estimator for one `X`, each computed once, as an estimator.

    It lets several of scikit-learn's scorers share one prediction.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    X : DataFrame, Windows or array-like
        The only samples that it predicts.
    rows : FrameRows, optional
        Where the windows lie in `X`: predictions are then averaged over the windows that hold a row.
    without : ndarray of bool of shape (n_rows,), optional
        Rows to leave out.

    Attributes
    ----------
    covered : ndarray of shape (n_predictions,)
        The rows that predictions are for, if there are `rows`.
    """

    def __init__(
        self,
        estimator: Any,
        X: Any,
        rows: FrameRows | None = None,
        without: NDArray[np.bool_] | None = None,
    ) -> None:
        self.estimator = estimator
        self.X = X
        self.rows = rows
        self.without = without
        self._known: dict[str, NDArray] = {}
        if rows is not None:
            self._of_windows = rows.indices()
            self._counts = np.bincount(self._of_windows.ravel(), minlength=rows.n_rows)
            is_kept = self._counts > 0
            self.covered = np.flatnonzero(is_kept if without is None else is_kept & ~without)

    @property
    def classes_(self) -> NDArray:
        """The classes of the estimator."""
        return self.estimator.classes_

    def predict(self, X: Any) -> NDArray:
        """Return the predictions."""
        if self.rows is None:
            return self._once("predict")
        if not is_classifier(self.estimator):
            return self._mean(np.asarray(self._once("predict"), dtype=np.float64))
        if self._once("predict").ndim > 1:
            raise ValueError(_SEVERAL_CLASSES)
        if hasattr(self.estimator, "predict_proba"):
            return self.classes_[self.predict_proba(X).argmax(axis=1)]
        classes, votes = np.unique(self._once("predict"), return_inverse=True)
        return classes[self._mean(np.eye(len(classes))[votes]).argmax(axis=1)]

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X: Any) -> NDArray:
        """Return the probabilities of the classes."""
        return self._mean(self._once("predict_proba"))

    @available_if(lambda self: hasattr(self.estimator, "decision_function"))
    def decision_function(self, X: Any) -> NDArray:
        """Return the values of the decision function."""
        return self._mean(self._once("decision_function"))

    def _once(self, method: str) -> NDArray:
        if method not in self._known:
            self._known[method] = one_array(getattr(self.estimator, method)(self.X))
        return self._known[method]

    def _mean(self, values: NDArray) -> NDArray:
        """Average over the windows that hold each covered row, if predictions are for rows."""
        if self.rows is None:
            return values
        flat = values.reshape(len(values), -1)
        rows = self._of_windows.ravel()
        sums = [
            np.bincount(rows, np.repeat(column, self._of_windows.shape[1]), self.rows.n_rows)
            for column in flat.T
        ]
        means = np.stack(sums, axis=1)[self.covered] / self._counts[self.covered, None]
        return means.reshape(len(self.covered), *values.shape[1:])

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def _spread(values: NDArray, covered: NDArray[np.intp], n_rows: int) -> NDArray:
    """Return one entry per row of the table, missing where no window lies."""
    if len(covered) == n_rows:
        return values
    missing, kind = (np.nan, np.float64) if values.dtype.kind in "biuf" else (None, object)
    out = np.full((n_rows, *values.shape[1:]), missing, dtype=kind)
    out[covered] = values
    return out


def _like(X: Any, data: dict[str, NDArray], is_one: bool) -> Any:
    """Return values of rows as a column or a frame of the library that holds the table."""
    name = next(iter(data))
    if isinstance(X, pd.DataFrame):
        frame = pd.DataFrame(data, index=X.index)
        return frame[name] if is_one else frame
    backend = nw.from_native(X, eager_only=True).implementation
    like = nw.from_dict(data, backend=backend)
    return (like[name] if is_one else like).to_native()


def named_columns(
    values: NDArray, estimator: Any, method: str, target: Target
) -> dict[str, NDArray]:
    """Return predictions by name: of the method, or of each class or output where there are several.

    Parameters
    ----------
    values : ndarray of shape (n,) or (n, n_columns)
        What the method returned.
    estimator : estimator
        Fitted.
    method : str
        The method.
    target : str, tuple of str, or None
        The column, or columns, that the labels come from, which name outputs.
    """
    if values.ndim == 1:
        return {method: values}
    names = [f"{method}_{i}" for i in range(values.shape[1])]
    if method == "predict":
        if isinstance(target, tuple) and len(target) == len(names):
            names = list(target)
    elif is_classifier(estimator) and len(estimator.classes_) == len(names):
        names = [str(name) for name in estimator.classes_]
    return dict(zip(names, values.T, strict=True))


def one_array(values: Any) -> NDArray:
    """Return predictions as an array.

    Raises
    ------
    ValueError
        If they are a list of arrays, the probabilities of several classes per window.
    """
    if isinstance(values, list) and len(values) and np.ndim(values[0]) > 1:
        raise ValueError(_SEVERAL_CLASSES)
    return np.asarray(values)
