"""Inner folds: the `cv` of an estimator in a pipeline, such as a search, made to respect subjects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, StackingRegressor
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import PredefinedSplit
from sklearn.pipeline import Pipeline

from skaug._checks import is_whole_number
from skaug._warnings import warn
from skaug.windows.feature_arrays import WindowFeatures
from skaug.windows.provenance import Provenance

Folds = list[tuple[NDArray[np.intp], NDArray[np.intp]]]


@contextmanager
def inner_folds_by_subject(estimator: Any, provenance: Provenance | None, y: Any) -> Iterator[None]:
    """Replace splitters by subject, in the `cv` of an estimator, by the folds that they make.

    The estimator gets bare arrays, which do not contain the subjects. Within the context its `cv`, or that of
    a step of a plain Pipeline, is the list of (train, test) positions; afterwards it is the splitter again.
    Synthetic windows are used for training only, unless all windows are synthetic.

    Parameters
    ----------
    estimator : estimator
        What is fitted in the context.
    provenance : Provenance or None
        The provenance of the windows it is fitted on. None: nothing happens.
    y : array-like or None
        The labels it is fitted on, for splitters that stratify.

    Raises
    ------
    ValueError
        If the windows have no subjects to split by, or a splitter by subject stands where the estimator
        fits parts of the windows: there the positions do not apply.

    Warns
    -----
    DataWarning
        If there are several subjects, and inner folds do not respect them.
    """
    found = [] if provenance is None else list(_estimators_with_cv(estimator))
    splitters = []
    if provenance is not None:
        _refuse_deeper_splitters(estimator, {name for name, _ in found})
        n_subjects = 0 if provenance.subjects is None else len(np.unique(provenance.codes))
        for name, owner in found:
            if _splits_by_group(owner.cv):
                splitters.append((owner, owner.cv, _folds(name, owner, provenance, y)))
            elif n_subjects > 1 and _ignores_subjects(owner):
                warn(
                    f"The inner folds of {type(owner).__name__}(cv={owner.cv!r}) ignore subjects: windows "
                    f"of each of the {n_subjects} subjects are on both sides, so that what it chooses "
                    "looks better than it is. Pass cv=SubjectKFold(...) of skaug.model_selection."
                )
    try:
        for owner, _, folds in splitters:
            owner.set_params(cv=folds)
        yield
    finally:
        for owner, splitter, _ in splitters:
            owner.set_params(cv=splitter)


def _estimators_with_cv(estimator: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Find the estimators that are fitted on all windows and have a `cv`, and its parameter's name."""
    if isinstance(estimator, Pipeline):
        for name, step in estimator.steps:
            yield from _estimators_with_cv(step, f"{prefix}{name}__")
    elif hasattr(estimator, "get_params") and "cv" in estimator.get_params(deep=False):
        yield f"{prefix}cv", estimator


def _refuse_deeper_splitters(estimator: Any, reachable: set[str]) -> None:
    params = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    for name, value in params.items():
        if name.rpartition("__")[2] == "cv" and name not in reachable and _splits_by_group(value):
            raise ValueError(
                f"{name}={value!r} of {type(estimator).__name__} cannot know the subjects, because it "
                "splits parts of the windows, as bare arrays. Split by subject at one level only: in "
                f"{type(estimator).__name__} itself, or in a search over the whole pipeline."
            )


def _splits_by_group(cv: Any) -> bool:
    if not hasattr(cv, "split") or not hasattr(cv, "get_metadata_routing"):
        return False
    return bool(cv.get_metadata_routing().consumes("split", ["groups"]))


def _ignores_subjects(owner: Any) -> bool:
    if owner.cv is None:
        return not isinstance(owner, RidgeCV | RidgeClassifierCV)  # these leave one window out
    if hasattr(owner.cv, "split"):
        return not isinstance(owner.cv, PredefinedSplit)
    return is_whole_number(owner.cv)


def _folds(name: str, owner: Any, provenance: Provenance, y: Any) -> Folds:
    if provenance.groups is None:
        raise ValueError(
            f"{name}={owner.cv!r} splits by subject, but these windows have no subjects: cut them with a "
            "subject column, or pass groups to Windows.from_arrays."
        )
    # Not bare zeros: CalibrationSplit orders windows by their origins.
    features = WindowFeatures(np.zeros((len(provenance), 1)), provenance, ["x0"])
    folds = list(owner.cv.split(features, y, groups=provenance.groups))
    if provenance.is_synthetic.all() or _predicts_each_window(owner):
        return folds
    return [(train, test[~provenance.is_synthetic[test]]) for train, test in folds]


def _predicts_each_window(owner: Any) -> bool:
    """Whether an estimator needs a prediction of each window, synthetic ones included."""
    if isinstance(owner, CalibratedClassifierCV):
        return owner.ensemble is False
    return isinstance(owner, StackingClassifier | StackingRegressor)
