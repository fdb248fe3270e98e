"""Features of windows together with the provenance of the windows; how the two are separated and rejoined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skaug._arrays import plain_layout
from skaug.windows.base import (
    ValuesWithProvenance,
    WindowArray,
    plain,
    require_one_row_per_window,
)
from skaug.windows.container import Windows
from skaug.windows.provenance import Provenance


class WindowFeatures(WindowArray):
    """Features of windows: an array-like of shape (n_windows, n_features) that keeps their labels.

    Like `Windows`, it refuses ``np.asarray`` if any window is synthetic.

    Attributes
    ----------
    y, groups, is_synthetic, origins
        As for `Windows`.
    feature_names : list of str
        The names of the columns.
    """

    def __init__(
        self,
        values: NDArray,
        provenance: Provenance,
        feature_names: Sequence[str],
        *,
        plain_is_frame: bool = False,
    ) -> None:
        self._values = values
        self.provenance = provenance
        self.feature_names = list(feature_names)
        self._plain_is_frame = plain_is_frame

    @property
    def shape(self) -> tuple[int, int]:
        """(n_windows, n_features)."""
        return self._values.shape[0], self._values.shape[1]

    @property
    def dtype(self) -> np.dtype:
        """The data type of the features."""
        return self._values.dtype

    def to_numpy(self) -> NDArray:
        """Return the features as a new array of shape (n_windows, n_features)."""
        return self._values.copy()

    def to_frame(self) -> pd.DataFrame:
        """Return the features as a data frame with named columns."""
        return pd.DataFrame(self._values.copy(), columns=self.feature_names)

    def copy(self) -> WindowFeatures:
        """Return the features with an array of their own; the labels are the same."""
        return self._with(self._values.copy(), self.provenance)

    def _to_plain(self) -> NDArray | pd.DataFrame:
        """Return the array or data frame to pass to an estimator that is not window-aware."""
        return self.to_frame() if self._plain_is_frame else self._values

    def relabel(self, y: ArrayLike | None) -> WindowFeatures:
        """Return the features with other labels, as `Windows.relabel` does."""
        return self._with_provenance(self.provenance.relabel(y))

    def _with_provenance(self, provenance: Provenance) -> WindowFeatures:
        return self._with(self._values, provenance)

    def _with(self, values: NDArray, provenance: Provenance) -> WindowFeatures:
        return WindowFeatures(
            values, provenance, self.feature_names, plain_is_frame=self._plain_is_frame
        )

    def _take(self, index: Any) -> Self:
        return self._with(self._values[index], self.provenance.take(index))  # type: ignore[return-value]

    def __getstate__(self) -> dict[str, Any]:
        values = plain_layout(self._values)
        return {**self.__dict__, "_values": values, "provenance": self.provenance.compact()}

    def __repr__(self) -> str:
        n, n_features = self.shape
        return (
            f"WindowFeatures({n} x {n_features}: {', '.join(self.feature_names[:3])}"
            f"{', ...' if n_features > 3 else ''}; {int(self.is_synthetic.sum())} synthetic)"
        )


class FeatureFrame(pd.DataFrame):
    """The data frame that ``set_output(transform="pandas")`` yields for real windows.

    It carries the provenance of its rows. What pandas computes from it is a plain DataFrame, which does
    not.
    """

    _metadata = ["provenance", "described_rows"]

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame


def plain_xy(X: Any, y: ArrayLike | None) -> tuple[Any, ArrayLike | None]:
    """Split windows, or features of windows, into the X and y that any estimator works on.

    Parameters
    ----------
    X : Windows, WindowFeatures, FeatureFrame or array-like
        The windows.
    y : array-like or None
        Labels that were passed along with them.

    Returns
    -------
    X : ndarray or DataFrame
        The values alone.
    y : array-like or None
        The labels that count: see `Provenance.relabel`.

    Raises
    ------
    ValueError
        If `y` has the wrong length.
    """
    provenance = provenance_of(X)
    return plain(X), y if provenance is None else provenance.relabel(y).y


def entering(X: Any, *, from_table: bool) -> Any:
    """Return windows, or features of windows, that enter a pipeline; anything else as it is.

    See `Provenance.as_entry`.
    """
    provenance = provenance_of(X)
    if provenance is None:
        return X
    return with_provenance(X, replace(provenance, entry=provenance.as_entry(from_table=from_table)))


def relabeled(X: Any, y: ArrayLike | None) -> Any:
    """Return windows, or features of windows, with labels that were passed; anything else as it is.

    Raises
    ------
    ValueError
        If `y` has the wrong length.
    """
    provenance = provenance_of(X)
    return X if y is None or provenance is None else with_provenance(X, provenance.relabel(y))


def with_provenance(X: Any, provenance: Provenance) -> Any:
    """Return windows, or features of windows, with another provenance.

    Parameters
    ----------
    X : Windows, WindowFeatures or FeatureFrame
    provenance : Provenance
        Of as many windows.
    """
    if isinstance(X, FeatureFrame):
        return frame_with_provenance(X, provenance)
    return X._with_provenance(provenance)


def require_labels(y: Any) -> Any:
    """Return the labels to score against.

    Raises
    ------
    ValueError
        If there are none.
    """
    if y is None:
        raise ValueError(
            "There are no labels to score against: pass y, or name the target column in SubjectWindower "
            "and keep it in the table."
        )
    return y


@contextmanager
def features_needed(X: Any, step: Any) -> Iterator[None]:
    """Explain the error of an estimator that gets windows where it needs one row of features for each.

    Parameters
    ----------
    X : Windows or anything else
        What the estimator is fitted on.
    step : estimator
    """
    try:
        yield
    except ValueError as error:
        if not isinstance(X, Windows) or "dim 3" not in str(error):
            raise
        raise ValueError(
            f"{type(step).__name__} needs one row of features per window, got windows of shape {X.shape}: "
            "add WindowSpectrum(), WindowStatistics() or WindowFlattener() before it."
        ) from error


def provenance_of(X: Any) -> Provenance | None:
    """Return the provenance of windows, or of features of windows; None for anything else."""
    if isinstance(X, FeatureFrame) and not X.index.equals(X.described_rows):
        return None  # its rows were sorted or dropped in place
    known = WindowArray | FeatureFrame | ValuesWithProvenance
    return X.provenance if isinstance(X, known) else None


def attach_provenance(values: Any, source: Any) -> Any:
    """Return values computed from windows together with the provenance of those windows.

    Parameters
    ----------
    values : ndarray, DataFrame or sparse matrix of n_windows rows
        One row per window.
    source : Windows, WindowFeatures, FeatureFrame or anything else
        What the values were computed from. If it has no provenance, the values are returned as they are.

    Returns
    -------
    Windows, WindowFeatures, FeatureFrame, or `values` as they are

    Raises
    ------
    ValueError
        If the number of rows is not that of the windows.
    TypeError
        If some windows are synthetic and the values cannot carry labels.
    """
    provenance = provenance_of(source)
    if provenance is None or isinstance(values, WindowArray):
        return values
    require_one_row_per_window(values, provenance)
    if isinstance(values, pd.DataFrame):
        if provenance.holds_synthetic:
            names = [str(name) for name in values.columns]
            return WindowFeatures(values.to_numpy(), provenance, names, plain_is_frame=True)
        return frame_with_provenance(values, provenance)
    if isinstance(values, np.ndarray) and values.ndim == 2:
        return WindowFeatures(values, provenance, [f"x{i}" for i in range(values.shape[1])])
    if isinstance(values, np.ndarray) and values.ndim == 3 and isinstance(source, Windows):
        return source.with_samples(values)
    if provenance.holds_synthetic:
        raise TypeError(
            f"A step made {type(values).__name__} from windows, some of them synthetic, and it cannot carry "
            "their labels: have the step return a dense array."
        )
    return values


def frame_with_provenance(
    values: Any, provenance: Provenance, columns: Sequence[str] | None = None
) -> FeatureFrame:
    """Return features as a data frame that carries the provenance of its rows."""
    frame = FeatureFrame(values, columns=columns)
    frame.provenance = provenance.compact()
    frame.described_rows = frame.index
    return frame
