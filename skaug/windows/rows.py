"""Select rows of anything that is split into folds: tables, windows, features and labels."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from skaug.windows.base import WindowArray


def take_rows(X: Any, index: NDArray | None) -> Any:
    """Return some rows of a table, of windows or of labels; all of them if `index` is None."""
    if X is None or index is None:
        return X
    if hasattr(X, "iloc"):
        return X.iloc[index]
    if nw.dependencies.is_into_dataframe(X) or nw.dependencies.is_into_series(X):
        return nw.from_native(X, allow_series=True)[index].to_native()
    return X[index] if isinstance(X, WindowArray) else np.asarray(X)[index]
