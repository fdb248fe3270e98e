"""Features of windows, with the labels of their windows, and how the two part and meet again."""

from __future__ import annotations

from collections.abc import Sequence
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

    Like `Windows` it refuses ``np.asarray`` if any window is synthetic.

    Attributes
    ----------
    y, groups, is_synthetic, origins
        As those of `Windows`.
    feature_names : list of str
        Names of the columns.
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
        """Data type of the features."""
        return self._values.dtype

    def to_numpy(self) -> NDArray:
        """Give the features as a new array of shape (n_windows, n_features)."""
        return self._values.copy()

    def to_frame(self) -> pd.DataFrame:
        """Give the features as a data frame with named columns."""
        return pd.DataFrame(self._values.copy(), columns=self.feature_names)

    def _to_plain(self) -> NDArray | pd.DataFrame:
        """Give what estimators that know nothing of windows work on, as `set_output` chose."""
        return self.to_frame() if self._plain_is_frame else self._values

    def relabel(self, y: ArrayLike | None) -> WindowFeatures:
        """Give the windows other labels, as `Windows.relabel` does."""
        return self._with(self._values, self.provenance.relabel(y))

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
    """The data frame that ``set_output(transform="pandas")`` gives of real windows.

    It knows the labels of its rows until something is computed from it: what pandas makes of it is a
    plain DataFrame.
    """

    _metadata = ["provenance", "described_rows"]

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame


def plain_xy(X: Any, y: ArrayLike | None) -> tuple[Any, ArrayLike | None]:
    """Part windows, or features of windows, into what any estimator works on.

    Parameters
    ----------
    X : Windows, WindowFeatures, FeatureFrame or array-like
        The windows.
    y : array-like or None
        Labels that were passed with them.

    Returns
    -------
    X : ndarray or DataFrame
        Without labels.
    y : array-like or None
        The labels that count: see `Provenance.relabel`.

    Raises
    ------
    ValueError
        If `y` has another length.
    """
    provenance = provenance_of(X)
    return plain(X), y if provenance is None else provenance.relabel(y).y


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


def provenance_of(X: Any) -> Provenance | None:
    """Return the provenance of windows, or of features of windows; None for anything else."""
    if isinstance(X, FeatureFrame) and not X.index.equals(X.described_rows):
        return None  # its rows were sorted or dropped in place
    known = WindowArray | FeatureFrame | ValuesWithProvenance
    return X.provenance if isinstance(X, known) else None


def attach_provenance(values: Any, source: Any) -> Any:
    """Give values computed of windows, one row a window, the labels of those windows again.

    Parameters
    ----------
    values : ndarray, DataFrame or sparse matrix of n_windows rows
        What a transformer made of them.
    source : Windows, WindowFeatures, FeatureFrame or anything else
        Where the values come from. What has no labels gives none.

    Returns
    -------
    Windows, WindowFeatures, FeatureFrame, or `values` as they are

    Raises
    ------
    ValueError
        If there are more or fewer rows than windows.
    TypeError
        If there are synthetic windows, and the values are nothing that can carry labels.
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
            f"A step made {type(values).__name__} of windows some of which are synthetic, and it cannot "
            "carry their labels: have the step give a dense array."
        )
    return values


def frame_with_provenance(
    values: Any, provenance: Provenance, columns: Sequence[str] | None = None
) -> FeatureFrame:
    """Give features as a data frame that knows the labels of its rows."""
    frame = FeatureFrame(values, columns=columns)
    frame.provenance = provenance.compact()
    frame.described_rows = frame.index
    return frame
