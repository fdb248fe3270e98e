"""Parameters of ``fit`` with one value per sample, such as `sample_weight`, made to follow the windows."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.pipeline import Pipeline

from skaug.windows.base import plain
from skaug.windows.feature_arrays import provenance_of
from skaug.windows.frame_rows import Entry
from skaug.windows.provenance import Provenance

WEIGHT = "sample_weight"


def params_in_pipeline(step: Any, X: Any, params: dict[str, Any], *, is_last: bool) -> dict:
    """Return the parameters to pass to the ``fit`` of a step of a `skaug.Pipeline`.

    Parameters
    ----------
    step : estimator
        The step.
    X : Windows, WindowFeatures or anything else
        What it is fitted on.
    params : dict
        What was passed to ``fit`` for this step. Weights: one per window that entered the pipeline, or one
        per row of the table; the mean over the rows of a window is its weight. Synthetic windows get the
        weight of the window they were made from, times the augmenter's `synthetic_weight`.
    is_last : bool
        Whether to pass weights that differ by `synthetic_weight` alone.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If another parameter than `sample_weight` has one value per sample and the windows have changed, or
        if `synthetic_weight` needs weights that the step does not accept.
    """
    provenance = provenance_of(X)
    if provenance is None:
        return _plain(params)
    weights = _passed_weights(params)
    entry = provenance.entry
    if entry is None:  # a user-defined step made new windows
        if weights and provenance.holds_synthetic:
            raise ValueError(
                f"{WEIGHT} cannot follow the windows to {type(step).__name__}, because a step of the "
                "pipeline made new ones: let it return X[...] or X.with_samples(...)."
            )
        entry = provenance.as_entry()
    _refuse_others(step, params, entry)
    return _plain(params) | _spread(step, weights, entry, provenance, sends_new=is_last)


def params_by_origin(estimator: Any, X: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters to pass to the ``fit`` of the estimator in a `WindowRegressor`.

    A plain Pipeline keeps no record of the windows that entered it. Weights are for the real windows in
    their order, and a synthetic window gets the weight of the real one with the same origin.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    X : Windows, WindowFeatures or anything else
        What it is fitted on.
    params : dict
        What was passed to ``fit``.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If the weights of synthetic windows cannot be determined, or as for `params_in_pipeline`.
    """
    provenance = provenance_of(X)
    if provenance is None:
        return params
    entry = provenance.as_entry()
    if provenance.holds_synthetic:
        n_real = int((~provenance.is_synthetic).sum())
        entry = Entry(_positions_by_origin(provenance), n_real, None)
    _refuse_others(estimator, params, entry)
    weights = _passed_weights(params)
    if weights and (entry.positions < 0).any():
        raise ValueError(
            f"{WEIGHT} cannot be passed on to synthetic windows here: {_why_not(provenance)}. Build the "
            "pipeline with skaug.make_pipeline, which knows the window that each was made from."
        )
    return params | _spread(estimator, weights, entry, provenance, sends_new=True)


def weights_to_score(provenance: Provenance | None, weights: ArrayLike | None) -> Any:
    """Return one weight per window to score, of one per window or of one per row of the table.

    Raises
    ------
    ValueError
        If the number of weights is neither.
    """
    if weights is None or provenance is None:
        return weights
    entry = provenance.as_entry() if provenance.entry is None else provenance.entry
    return entry.spread(weights, WEIGHT)


def _passed_weights(params: dict[str, Any]) -> dict[str, Any]:
    """Return the weights among the parameters; those of a step of a plain Pipeline are called step__..."""
    return {name: value for name, value in params.items() if _is_weight(name) and value is not None}


def _is_weight(name: str) -> bool:
    return name.rpartition("__")[2] == WEIGHT


def _plain(params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters that are windows, made by `transform_input` of the pipeline, as arrays."""
    return {name: plain(value) for name, value in params.items()}


def _refuse_others(step: Any, params: dict[str, Any], entry: Entry) -> None:
    n_rows = None if entry.rows is None else entry.rows.n_rows
    for name, value in params.items():
        if _is_weight(name) or isinstance(value, str) or not hasattr(value, "__len__"):
            continue
        if provenance_of(value) is not None:  # what `transform_input` of the pipeline made of it
            continue
        per_window = len(value) == entry.n_entered and not entry.is_unchanged
        if per_window or (len(value) == n_rows and n_rows != entry.n_entered):
            raise ValueError(
                f"{name} of {type(step).__name__} has one value per window or row, which would end up at "
                f"the wrong windows: only {WEIGHT} follows windows that a pipeline cuts and adds."
            )


def _spread(
    step: Any, weights: dict[str, Any], entry: Entry, provenance: Provenance, *, sends_new: bool
) -> dict[str, NDArray]:
    """Return weights per window, times those that the augmenter set, for a step to be fitted."""
    spread = {name: entry.spread(values, WEIGHT) for name, values in weights.items()}
    factors = provenance.weights
    if factors is None:
        return spread
    spread = {name: values * factors for name, values in spread.items()}
    return spread | ({_weight_of(step): factors} if sends_new and not spread else {})


def _weight_of(step: Any) -> str:
    """Return the name under which a step accepts weights.

    Raises
    ------
    ValueError
        If it accepts none.
    """
    prefix = ""
    while isinstance(step, Pipeline) and not get_config()["enable_metadata_routing"]:
        name, step = step.steps[-1]
        prefix += f"{name}__"
    parameters = signature(step.fit).parameters if hasattr(step, "fit") else {}
    kinds = {parameter.kind for parameter in parameters.values()}
    if WEIGHT not in parameters and Parameter.VAR_KEYWORD not in kinds:
        raise ValueError(
            f"{type(step).__name__} does not accept {WEIGHT}, which synthetic_weight of SynthefyAugmenter "
            "needs: use an estimator that does, or synthetic_weight=1.0."
        )
    return prefix + WEIGHT


def _positions_by_origin(provenance: Provenance) -> NDArray[np.intp]:
    """Return the position among the real windows of each window's origin; -1 where it is not unique."""
    origins = pd.MultiIndex.from_arrays([provenance.codes, provenance.first_row])
    real = origins[~provenance.is_synthetic]
    positions = np.full(len(provenance), -1)
    positions[~provenance.is_synthetic] = np.arange(len(real))
    synthetic = origins[provenance.is_synthetic]
    if real.is_unique:
        positions[provenance.is_synthetic] = real.get_indexer(synthetic)
    return positions


def _why_not(provenance: Provenance) -> str:
    if provenance.is_synthetic.all():
        return "all windows are synthetic, so the windows they were made from are not among them"
    return (
        "the real windows they were made from are not there, or not the only ones of their origin"
    )
