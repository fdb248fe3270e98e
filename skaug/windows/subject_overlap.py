"""Warn when a model predicts subjects that it was fitted on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug._random import combine
from skaug._warnings import warn
from skaug.windows.base import ValuesWithProvenance, plain
from skaug.windows.feature_arrays import provenance_of
from skaug.windows.provenance import Provenance


class SubjectOverlapWarning(UserWarning):
    """A model predicts a subject that it was fitted on: on other windows, or on synthetic ones.

    Windows of one subject resemble each other, so such scores say little about new subjects. Split by
    subject, and augment inside the pipeline, after the split. The windows that a model was fitted on may
    be predicted without a warning, as for a training score. Inputs without subjects are not checked.

    If the overlap is intended, silence it::

        import warnings
        from skaug import SubjectOverlapWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SubjectOverlapWarning)
            pipe.score(windows)

    See Also
    --------
    skaug.DataWarning : The data is probably not what the caller thinks.
    skaug.model_selection.SubjectKFold : Folds that keep each subject on one side.
    skaug.model_selection.CalibrationSplit : Folds that share the beginning of recordings, by design.
    """


class FittedSubjects:
    """The subjects and windows that a model was fitted on.

    Parameters
    ----------
    X : Windows, WindowFeatures, FeatureFrame or anything else
        What the last step was fitted on.
    """

    def __init__(self, X: Any) -> None:
        provenance = provenance_of(X)
        self.windows = np.empty(0, np.uint64) if provenance is None else np.unique(fingerprints(X))
        self.real: frozenset[Any] = frozenset()
        self.synthetic: frozenset[Any] = frozenset()
        if provenance is not None:
            self.real = _subjects(provenance, ~provenance.is_synthetic)
            self.synthetic = _subjects(provenance, provenance.is_synthetic)

    def compare(self, X: Any) -> None:
        """Warn about windows to predict that belong to fitted subjects, or that are synthetic.

        Windows that the model was fitted on do not count.
        """
        provenance = provenance_of(X)
        if provenance is None:
            return
        shared = _subjects(provenance) & (self.real | self.synthetic)
        if not shared and not provenance.holds_synthetic:
            return
        is_new = ~np.isin(fingerprints(X), self.windows)
        leaked = shared & _subjects(provenance, is_new)
        if leaked:
            names = ", ".join(sorted(map(str, leaked))[:3]) + (", ..." if len(leaked) > 3 else "")
            windows = "other windows of" if leaked & self.real else "synthetic windows made from"
            warn(
                f"This model was fitted on {windows} {len(leaked)} of the subjects that it predicts "
                f"({names}): the score says little about new subjects. Split with "
                "skaug.model_selection.SubjectKFold or LeaveOneSubjectOut, and augment after the split. If "
                "the subjects are shared on purpose, as by CalibrationSplit, silence it: "
                "warnings.simplefilter('ignore', skaug.SubjectOverlapWarning).",
                SubjectOverlapWarning,
            )
        n_synthetic = int((provenance.is_synthetic & is_new).sum())
        if n_synthetic:
            warn(
                f"{n_synthetic} of the {len(provenance)} windows to predict are synthetic: the score says "
                "little about recordings. Test on real windows, X[~X.is_synthetic], and add synthetic ones "
                "inside the pipeline, with SynthefyAugmenter."
            )


def _subjects(provenance: Provenance, which: Any = slice(None)) -> frozenset[Any]:
    """Return the subjects of some of the windows; none where they have no subjects."""
    if provenance.subjects is None:
        return frozenset()
    return frozenset(provenance.subjects[np.unique(provenance.codes[which])])


def fingerprints(X: Any) -> NDArray[np.uint64]:
    """Return a number per window that depends on a few of its values."""
    if isinstance(X, ValuesWithProvenance):
        return X.fingerprints
    values = np.asarray(plain(X), dtype=np.float64)
    values = values.reshape(len(values), math.prod(values.shape[1:]))
    some = np.linspace(0, values.shape[1] - 1, num=min(values.shape[1], 16)).astype(int)
    bits = np.ascontiguousarray(values[:, some]).view(np.uint64)
    prints = np.zeros(len(values), dtype=np.uint64)
    for column in bits.T:
        prints = combine(prints, column)
    return prints
