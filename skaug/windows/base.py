"""Arrays that carry labels and provenance along, and refuse to lose them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from skaug.windows.provenance import Provenance


class WindowArray(ABC):
    """Base class of `Windows` and `WindowFeatures`: an array-like with one row per window, and provenance.

    scikit-learn's own tools index, split, hash and convert it like an array. It is not a subclass of
    ``numpy.ndarray``, because joblib's hash, on which every cache relies, would overlook the labels.
    """

    provenance: Provenance

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the array, windows first."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype:
        """Data type of the values."""

    @abstractmethod
    def to_numpy(self) -> NDArray:
        """Return the values as an array, without labels and provenance."""

    @abstractmethod
    def _to_plain(self) -> Any:
        """Return the plain array or DataFrame to pass to an estimator that is not window-aware."""

    @abstractmethod
    def _take(self, index: Any) -> Self:
        """Select windows by a slice, a mask or integers."""

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def y(self) -> NDArray | None:
        """The label of each window, of shape (n_windows,); several, (n_windows, n_outputs); or None."""
        return self.provenance.y

    @property
    def groups(self) -> NDArray | None:
        """The subject of each window, of shape (n_windows,), or None."""
        return self.provenance.groups

    @property
    def is_synthetic(self) -> NDArray[np.bool_]:
        """Whether each window is synthetic, of shape (n_windows,)."""
        return self.provenance.is_synthetic

    @property
    def origins(self) -> pd.DataFrame:
        """Where each window comes from, one row per window.

        ``subject``; ``first_row``, counted among the rows of that subject; and ``draw``, the number of the
        synthetic window among those of the same origin, or -1 for a recorded window.
        """
        return self.provenance.origins()

    def __len__(self) -> int:
        return len(self.provenance)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):  # X[index, ...], as in scikit-learn's _safe_indexing
            if not all(part is Ellipsis or _is_everything(part) for part in key[1:]):
                return np.asarray(self)[key]
            key = key[0] if key else slice(None)
        if key is Ellipsis:
            return self
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexError(f"The index {key} is out of range: there are {len(self)} windows.")
            key = int(key) % len(self)
            return self._take(slice(key, key + 1)).to_numpy()[0]
        if not isinstance(key, slice):
            key = np.asarray(key)
            if key.size == 0 and key.dtype != bool:
                key = key.astype(np.intp)
            if key.ndim != 1 or key.dtype.kind not in "biu":
                raise IndexError(
                    "Select windows by a slice, a boolean mask or integers, got "
                    f"an index of dtype {key.dtype} and shape {key.shape}."
                )
            if key.dtype == bool and len(key) != len(self):
                raise IndexError(f"The mask has {len(key)} entries for {len(self)} windows.")
        return self._take(key)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        if self.provenance.holds_synthetic:
            raise TypeError(
                f"{int(self.is_synthetic.sum())} of these {len(self)} windows are synthetic, and only this "
                "object knows their labels: as a bare array, they would be fitted to the labels of other "
                "windows. Either build the pipeline with skaug.make_pipeline, which a FeatureUnion needs, or "
                "end a scikit-learn Pipeline in skaug.WindowRegressor(...) or skaug.WindowClassifier(...), "
                "which the searches of dask-ml need. Call .to_numpy() if you do want the bare array (the "
                "labels are in .y)."
            )
        if copy is False:
            raise ValueError(
                "The array is made on request and cannot be a view: use copy=None or copy=True."
            )
        values = self.to_numpy()
        return values if dtype is None else values.astype(dtype, copy=False)


def _is_everything(key: Any) -> bool:
    return isinstance(key, slice) and key == slice(None)


class ValuesWithProvenance:
    """Whatever a step computed from windows, such as a sparse matrix, on its way to the next step.

    It lives inside a running pipeline only.

    Parameters
    ----------
    values : array-like, sparse matrix or DataFrame of n_windows rows
        What an estimator that is not window-aware works on.
    provenance : Provenance
        The provenance of the rows.
    fingerprints : ndarray of shape (n_windows,)
        A number per window that depends on its values, for `FittedSubjects`.
    """

    def __init__(self, values: Any, provenance: Provenance, fingerprints: NDArray) -> None:
        require_one_row_per_window(values, provenance)
        self.values = values
        self.provenance = provenance
        self.fingerprints = fingerprints

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "provenance": self.provenance.compact()}


def plain(X: Any) -> Any:
    """Return what an estimator that is not window-aware works on: an array or a data frame."""
    if isinstance(X, ValuesWithProvenance):
        return X.values
    return X._to_plain() if isinstance(X, WindowArray) else X


def require_one_row_per_window(values: Any, provenance: Provenance) -> None:
    """Raise unless there is one row per window.

    Raises
    ------
    ValueError
        Says how many rows there are, and which steps may change their number.
    """
    n_rows = values.shape[0] if hasattr(values, "shape") else len(values)
    if n_rows != len(provenance):
        raise ValueError(
            f"A step made {n_rows} rows of {len(provenance)} windows: only window-aware steps "
            "(skaug.base.WindowStep) may change their number."
        )
