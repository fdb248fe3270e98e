"""How a comparison was made: what a reader needs to repeat it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import joblib
import narwhals as nw
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from skaug._fitted import find_fitted_path
from skaug.augmenter import SynthefyAugmenter
from skaug.windower import SubjectWindower
from skaug.windows.container import Windows


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def described(estimator: Any, X: Any) -> dict[str, str]:
    """Describe how windows are cut and what predicts them, for a reader.

    Parameters
    ----------
    estimator : estimator
        Not fitted.
    X : DataFrame, Windows or array
        Recordings or windows.

    Returns
    -------
    dict of str to str
        The target, the window size, the stride, the boundaries, the channels, the steps before the windows,
        the features and the model, as far as they are known: windows do not know the boundaries they were cut
        at.
    """
    found: dict[str, Any] = {}
    parameters = estimator.get_params(deep=True).values()
    windowers = [value for value in parameters if isinstance(value, SubjectWindower)]
    if isinstance(X, Windows):
        found["target"] = ", ".join(X.provenance.targets)
        found["window size"] = _in_rows(X.window_size)
        found["stride"] = _in_rows(_stride(X))
        found["channels"] = ", ".join(map(str, X.feature_names))
    elif windowers:
        windower = windowers[0]
        found["target"] = _listed(windower.target)
        found["window size"] = _in_rows(windower.window_size)
        found["stride"] = _in_rows(windower.stride or windower.window_size)
        found["boundaries"] = _listed(windower.boundaries) or "none"
        found["channels"] = (
            _listed(windower.features) or "every column of numbers without another role"
        )
    path = find_fitted_path(estimator, SubjectWindower)
    if path is not None and not isinstance(X, Windows):
        found["before the windows"] = ", then ".join(map(_in_words, path[0]))
    *features, model = _steps(estimator)
    found["features"] = ", then ".join(map(_in_words, features))
    found["model"] = _in_words(model)
    return {name: str(value) for name, value in found.items() if value not in (None, "")}


def _listed(names: Any) -> str:
    return ", ".join(map(str, [names] if isinstance(names, str | int) else names or ()))


def _in_rows(n: int | None) -> str | None:
    return None if n is None else f"{n} rows"


def _stride(windows: Windows) -> int | None:
    """Return the most frequent step from one window of a subject to the next."""
    origins = windows.origins
    steps = origins.groupby("subject", sort=False, dropna=False)["first_row"].diff()
    steps = steps[steps > 0]
    return None if steps.empty else int(steps.mode().iloc[0])


def _steps(estimator: Any) -> list[Any]:
    """Return the steps after the augmenter, also if the pipeline is inside a search or another wrapper."""
    while not hasattr(estimator, "steps"):
        inner = [
            getattr(estimator, name, None) for name in ("estimator", "regressor", "classifier")
        ]
        estimator = next((part for part in inner if part is not None), None)
        if estimator is None:
            return [None]
    steps = [step for _, step in estimator.steps]
    places = [i for i, step in enumerate(steps) if isinstance(step, SynthefyAugmenter)]
    return steps[places[0] + 1 :] or [None] if places else [steps[-1]]


def _in_words(step: Any) -> str:
    """Return a short representation of an estimator; `details["estimator"]` holds all parameters."""
    if not isinstance(step, BaseEstimator):
        return "" if step is None else str(step)
    return " ".join(step.__repr__(N_CHAR_MAX=80).split())


def fingerprint(X: Any, y: Any = None) -> str:
    """Return a SHA-256 of the data, to recognize it by.

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


def declared(synthesizers: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return, by name, what synthesizers say that they keep of the labels and what they move."""
    return {
        name: {what: sorted(getattr(synthesizer, what, ())) for what in ("keeps", "moves")}
        for name, synthesizer in synthesizers.items()
    }


def n_stored(synthesizers: Iterable[Any]) -> int | None:
    """Count the windows in the stores of synthesizers.

    Parameters
    ----------
    synthesizers : iterable of Synthesizer or None
        They may contain others. A store that several of them share counts once.

    Returns
    -------
    int or None
        None if there is no store, because nothing is paid for.
    """
    stores = {}
    for synthesizer in synthesizers:
        parts = [] if synthesizer is None else synthesizer.get_params(deep=True).values()
        for part in (synthesizer, *parts):
            if hasattr(part, "window_store"):
                store = part.window_store()
                stores[str(store.folder)] = len(store)
    return sum(stores.values()) if stores else None
