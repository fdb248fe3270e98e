"""Strata: windows grouped by activity, age or label, because an average over all of them hides answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from skaug._checks import is_finite_number, require_list
from skaug.evaluation.baselines import choose_naive
from skaug.evaluation.outputs import output_in
from skaug.evaluation.protocol_variants import TESTED_ON_SYNTHETIC
from skaug.evaluation.scores import restored_scorer, score_subject
from skaug.predictions import KnownPredictions
from skaug.tables.aggregation import aggregate
from skaug.tables.columns import require_column
from skaug.windows.container import Windows

_COLUMNS = (
    "protocol",
    "repeat",
    "fold",
    "subject",
    "first_row",
    "is_synthetic",
    "y_true",
    "y_pred",
)

# A column of more different numbers than this must be divided by bins.
_MOST_NUMBERS = 20


class Stratum(NamedTuple):
    """The windows that share a value of a column.

    Attributes
    ----------
    scores : DataFrame
        Scores on these windows: one row per protocol or baseline, repeat, fold and subject.
    naive : dict of metric to str or None
        What the naive baseline predicts, as in `ProtocolComparison.details`.
    n_windows : Series
        The number of windows of each subject.
    """

    scores: pd.DataFrame
    naive: dict[str, str | None]
    n_windows: pd.Series


def check_strata(strata: Sequence[str], X: Any) -> list[str]:
    """Return the columns to keep, or raise before anything is fitted.

    Raises
    ------
    ValueError
        Names the column that the table or the windows do not have.
    """
    require_list("strata", strata)
    if not len(strata):
        return []
    if isinstance(X, Windows):
        columns = list(X.context_rows.columns)
    elif nw.dependencies.is_into_dataframe(X):
        columns = [str(name) for name in nw.from_native(X, eager_only=True).columns]
    else:
        raise ValueError(
            f"strata={list(strata)!r} names columns, but an array has none: pass a DataFrame or Windows."
        )
    for name in strata:
        if name in _COLUMNS or output_in(name) is not None:
            raise ValueError(
                f"strata cannot name {name!r}, which is a column of every comparison's predictions: rename "
                "the column of the table."
            )
        require_column(name, columns, "strata")
    return list(dict.fromkeys(strata))


def window_modes(windows: Windows, columns: Sequence[str]) -> pd.DataFrame:
    """Return the most frequent value of context columns in each window.

    Parameters
    ----------
    windows : Windows
        The windows.
    columns : sequence of str
        Columns of their context.

    Returns
    -------
    DataFrame of n_windows rows
        Values keep their dtype. Among equally frequent values the first in sorted order.

    Raises
    ------
    ValueError
        If the context does not have a column.
    """
    if not columns:
        return pd.DataFrame(index=range(len(windows)))
    context, starts = windows.context_rows, windows.first_context_rows
    modes = {}
    for name in columns:
        require_column(name, context.columns, "strata")
        column = context[name]
        values = aggregate(column, starts, windows.window_size, "mode", name)
        modes[name] = pd.Series(values).infer_objects()
        if not isinstance(column.dtype, pd.CategoricalDtype) and not modes[name].isna().any():
            modes[name] = modes[name].astype(column.dtype)
    return pd.DataFrame(modes)


def kept_columns(predictions: pd.DataFrame) -> list[str]:
    """Return the context columns that a comparison kept in its predictions."""
    return [
        str(name) for name in predictions if name not in _COLUMNS and output_in(str(name)) is None
    ]


def label_columns(predictions: pd.DataFrame) -> list[str]:
    """Return the columns of predictions that hold the labels: one, or one per output."""
    return [str(name) for name in predictions if str(name).partition("[")[0] == "y_true"]


def strata_of(
    predictions: pd.DataFrame,
    baselines: pd.DataFrame,
    column: str,
    bins: Sequence[float] | None,
    metric: str,
    description: Any,
) -> tuple[pd.Index, list[Stratum]]:
    """Divide the windows by a column, and score the predictions for each part again.

    Parameters
    ----------
    predictions, baselines : DataFrame
        Predictions of the protocols and of the baselines.
    column : str
        A column that was kept, or one of the labels: "y_true" or, of several, "y_true[output]".
    bins : sequence of float or None
        Limits between strata.
    metric : str
        The metric.
    description : dict, str or None
        What `described_scorer` returned for the metric, if it is known.

    Returns
    -------
    values : Index
        The value of each stratum, in ascending order.
    strata : list of Stratum

    Raises
    ------
    ValueError
        If the windows do not have the column, its values need other bins, or the metric cannot be computed
        from labels and predictions.
    """
    scorer = restored_scorer(metric, description)
    predictions = predictions[~predictions["protocol"].isin(TESTED_ON_SYNTHETIC)]
    values = _divided(_column(predictions, column), column, bins)
    codes, found = pd.factorize(values, sort=True)
    if not len(found):
        raise ValueError(
            f"There is no value of {column!r} to group windows by: choose another column."
        )
    codes_of_baselines = np.array([], dtype=np.intp)
    if len(baselines):
        divided = _divided(_column(baselines, column), column, bins)
        codes_of_baselines = found.get_indexer(divided)
    strata = []
    for code in range(len(found)):
        part = predictions[codes == code]
        both = pd.concat([part, baselines[codes_of_baselines == code]]) if len(baselines) else part
        scores, naive = choose_naive(_scored(both, scorer, metric))
        windows = part.drop_duplicates(["subject", "first_row"])
        strata.append(Stratum(scores, naive, windows.groupby("subject").size()))
    return found, strata


def page_bins(values: pd.Series) -> list[float] | None:
    """Return limits that divide numbers into thirds; None if each value is a stratum of its own."""
    if not _is_continuous(values):
        return None
    exact = [float(limit) for limit in values.quantile([1 / 3, 2 / 3])]
    for limits in ([float(f"{limit:.3g}") for limit in exact], exact):
        inside = [limit for limit in dict.fromkeys(limits) if values.min() <= limit < values.max()]
        if inside:
            return inside
    return [float(values[values < values.max()].max())]  # most values are the largest one


def _column(predictions: pd.DataFrame, column: str) -> pd.Series:
    kept, labels = kept_columns(predictions), label_columns(predictions)
    if column in (*kept, *labels):
        return predictions[column]
    if column == "y_true":
        raise ValueError(
            f"These windows have several labels: group them by one, {' or '.join(map(repr, labels))}."
        )
    known = [*kept, *labels]
    raise ValueError(
        f"The predictions have no column {column!r} to group windows by: use one of "
        f"{', '.join(map(repr, known))}, or pass strata=[{column!r}] to compare_protocols."
    )


def _divided(values: pd.Series, column: str, bins: Sequence[float] | None) -> pd.Index:
    """Return the stratum of each window: its value, or the interval that holds it."""
    if bins is None:
        if _is_continuous(values):
            raise ValueError(
                f"{column!r} holds {values.nunique()} different numbers: pass the limits between strata, "
                f"such as bins={page_bins(values)}."
            )
        return pd.Index(values)
    if not _is_number(values):
        raise ValueError(f"{column!r} does not hold numbers: use bins=None.")
    is_list = isinstance(bins, list | tuple | np.ndarray) and len(bins) > 0
    if (
        not is_list
        or not all(is_finite_number(limit) for limit in bins)
        or np.any(np.diff(bins) <= 0)
    ):
        raise ValueError(
            f"bins={bins!r} must be a list of finite numbers in ascending order, such as [90, 120]."
        )
    edges = np.array([-np.inf, *bins, np.inf], dtype=np.float64)
    return pd.IntervalIndex(pd.cut(values, pd.IntervalIndex.from_breaks(edges)))


def _is_number(values: pd.Series) -> bool:
    kind = values.dtype
    return pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)


def _is_continuous(values: pd.Series) -> bool:
    return _is_number(values) and values.nunique() > _MOST_NUMBERS


def _scored(predictions: pd.DataFrame, scorer: Any, metric: str) -> pd.DataFrame:
    """Score the predictions of each protocol, repeat, fold and subject."""
    keys = ["protocol", "repeat", "fold", "subject"]
    labels, predicted = (_values(predictions, name) for name in ("y_true", "y_pred"))
    is_number = labels.dtype.kind == "f" or labels.ndim > 1
    classes = None if is_number else np.unique(labels)
    rows = [
        {
            **dict(zip(keys, key, strict=True)),
            "metric": metric,
            "score": score_subject(
                scorer, _known(predicted[where], classes), labels[where], labels[where]
            ),
        }
        for key, where in predictions.groupby(keys, sort=False).indices.items()
    ]
    order = {name: i for i, name in enumerate(dict.fromkeys(predictions["protocol"]))}
    return pd.DataFrame(rows).sort_values(
        "protocol", key=lambda names: names.map(order), kind="stable", ignore_index=True
    )


def _values(predictions: pd.DataFrame, name: str) -> NDArray:
    if name in predictions:
        return predictions[name].to_numpy()
    return predictions[[c for c in predictions if str(c).startswith(f"{name}[")]].to_numpy()


def _known(predicted: NDArray, classes: NDArray | None) -> KnownPredictions:
    recorded = _RecordedRegressor(predicted) if classes is None else _RecordedClassifier(predicted)
    recorded.classes_ = classes
    return KnownPredictions(recorded, predicted)


class _RecordedRegressor(RegressorMixin, BaseEstimator):
    """An estimator that returns predictions made earlier."""

    classes_: NDArray | None

    def __init__(self, predicted: NDArray) -> None:
        self.predicted = predicted

    def predict(self, X: Any) -> NDArray:
        return self.predicted


class _RecordedClassifier(ClassifierMixin, _RecordedRegressor):
    """The same for classes."""
