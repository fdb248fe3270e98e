"""How a comparison was made: what a reader needs to repeat it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import joblib
import narwhals as nw
import numpy as np
import pandas as pd

from skaug.windows.container import Windows


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def fingerprint(X: Any, y: Any = None) -> str:
    """Return a SHA-256 of the data, by which a reader recognizes them.

    Parameters
    ----------
    X : DataFrame, Windows or array
        Recordings or windows.
    y : array-like, optional
        Labels that were passed beside them.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    if isinstance(X, Windows):
        digest.update(f"{X.shape} {X.feature_names}".encode())
        for _, block in X.blocks():
            digest.update(np.ascontiguousarray(block.to_numpy()).tobytes())
        _add_table(digest, X.origins.assign(subject=X.origins["subject"].astype(str)))
        _add_table(digest, X.context_rows)
        digest.update(joblib.hash(X.y).encode())
    elif nw.dependencies.is_into_dataframe(X):
        _add_table(digest, nw.from_native(X, eager_only=True).to_pandas())
    else:
        digest.update(joblib.hash(np.asarray(X)).encode())
    if y is not None:
        digest.update(joblib.hash(np.asarray(y)).encode())
    return digest.hexdigest()


def _add_table(digest: Any, table: pd.DataFrame) -> None:
    digest.update(repr([(str(name), str(kind)) for name, kind in table.dtypes.items()]).encode())
    if table.shape[1] == 0:
        return
    try:
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    except TypeError:  # for example cells that hold lists
        digest.update(joblib.hash(table).encode())


def n_stored(synthesizer: Any) -> int | None:
    """Count the windows in a synthesizer's store; None if it keeps no store, because it costs nothing."""
    store = getattr(synthesizer, "window_store", None)
    return None if store is None else len(store())
