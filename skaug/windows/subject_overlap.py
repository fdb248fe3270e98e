"""Warn when a model predicts subjects that it was fitted on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug._random import combine
from skaug.windows.base import ValuesWithProvenance, plain
from skaug.windows.feature_arrays import provenance_of


class SubjectOverlapWarning(UserWarning):
    """A model predicts other windows of a subject that it was fitted on.

    Windows of one subject resemble each other, so that such scores say little about new subjects.
    """


class FittedSubjects:
    """The subjects and windows that a model was fitted on.

    Parameters
    ----------
    X : Windows, WindowFeatures, FeatureFrame or anything else
        What the last step was fitted on. What knows of no subjects is not compared, nor are synthetic
        windows alone: they do not tell which real ones their training score is of.
    """

    def __init__(self, X: Any) -> None:
        provenance = provenance_of(X)
        self.subjects: frozenset[Any] = frozenset()
        if (
            provenance is not None
            and provenance.subjects is not None
            and not provenance.is_synthetic.all()
        ):
            real = ~provenance.is_synthetic
            self.subjects = frozenset(provenance.subjects[np.unique(provenance.codes[real])])
            self.windows = np.unique(fingerprints(X)[real])

    def compare(self, X: Any) -> None:
        """Warn if these are other windows of the same subjects.

        The windows that the model was fitted on may be predicted without a warning, as for a training
        score.
        """
        provenance = provenance_of(X)
        if (
            not self.subjects
            or provenance is None
            or provenance.subjects is None
            or provenance.holds_synthetic
        ):
            return
        shared = self.subjects.intersection(provenance.subjects[np.unique(provenance.codes)])
        if not shared:
            return
        of_shared = np.isin(
            provenance.codes, np.flatnonzero([s in shared for s in provenance.subjects])
        )
        if np.isin(fingerprints(X)[of_shared], self.windows).all():
            return
        names = ", ".join(sorted(map(str, shared))[:3]) + (", ..." if len(shared) > 3 else "")
        warnings.warn(
            f"This model was fitted on other windows of {len(shared)} of the subjects that it predicts "
            f"({names}): the score says little about new subjects. Split with "
            "skaug.model_selection.SubjectKFold or LeaveOneSubjectOut.",
            SubjectOverlapWarning,
            stacklevel=2,
        )


def fingerprints(X: Any) -> NDArray[np.uint64]:
    """Return a number per window that depends on a few of its values."""
    if isinstance(X, ValuesWithProvenance):
        return X.fingerprints
    values = np.asarray(plain(X), dtype=np.float64)
    values = values.reshape(len(values), -1)
    some = np.linspace(0, values.shape[1] - 1, num=min(values.shape[1], 16)).astype(int)
    bits = np.ascontiguousarray(values[:, some]).view(np.uint64)
    prints = np.zeros(len(values), dtype=np.uint64)
    for column in bits.T:
        prints = combine(prints, column)
    return prints
