"""What is cross-validated: samples, the subject of each, and folds that keep subjects apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import check_cv

from skaug.model_selection.calibration import CalibrationSplit
from skaug.model_selection.splitters import (
    LeaveOneSubjectOut,
    SubjectKFold,
    SubjectSplitter,
    subjects_of,
)
from skaug.windows.container import Windows
from skaug.windows.rows import take_rows

# Up to this many subjects each is left out in turn; more are tested in 10 groups.
_MOST_LEFT_OUT_IN_TURN = 20


@dataclass(frozen=True)
class Samples:
    """Recordings or windows, and the subject of each row or window.

    Parameters
    ----------
    X : DataFrame, Windows or array
        Recordings or windows.
    y : array-like or None
        One label per sample.
    codes : ndarray of int of shape (n_samples,)
        The subject of each sample, as a position in `subjects`.
    subjects : ndarray of shape (n_subjects,)
        The subjects, in order of appearance.
    """

    X: Any
    y: Any
    codes: NDArray[np.intp]
    subjects: NDArray

    @classmethod
    def of(cls, estimator: Any, X: Any, y: Any, groups: ArrayLike | None) -> Samples:
        """Look up the subject of each sample in `groups`, the windows or the windower's column.

        Raises
        ------
        ValueError
            If the number of labels or groups is not the number of samples, if the subjects are unknown,
            or if two of them have the same name.
        """
        if np.ndim(X) == 3 and not isinstance(X, Windows):
            X = Windows.from_arrays(X, y, groups)
        if isinstance(X, Windows):
            # Also without y: an estimator around the pipeline, such as a search, may need labels.
            y = X.relabel(y).y
        columns = [
            value
            for name, value in estimator.get_params(deep=True).items()
            if name.rpartition("__")[2] == "subject" and isinstance(value, str)
        ]
        codes, subjects = subjects_of(X, groups, columns[0] if columns else "subject")
        for what, values in (("groups", codes), ("y", y)):
            if values is not None and len(values) != len(X):
                raise ValueError(
                    f"{what} has {len(values)} entries for {len(X)} samples: pass one per sample."
                )
        names = pd.Series(subjects).astype(str)
        if names.duplicated().any():
            raise ValueError(
                f"Two subjects are called {names[names.duplicated()].iloc[0]!r}, for example one as a "
                "number and one as text: rename one."
            )
        return cls(X, y, codes, subjects)

    def take(self, index: NDArray) -> tuple[Any, Any]:
        """Return some of the samples and their labels."""
        return take_rows(self.X, index), take_rows(self.y, index)

    def by_subject(self, index: NDArray) -> Iterator[tuple[str, Any, Any]]:
        """Yield the name, the samples and the labels of each subject of a test set."""
        for code in dict.fromkeys(self.codes[index].tolist()):
            yield str(self.subjects[code]), *self.take(index[self.codes[index] == code])

    def folds(self, cv: Any, *, may_share: bool = False) -> list[tuple[NDArray, NDArray]]:
        """Split into training and test sets.

        Parameters
        ----------
        cv : splitter, iterable of (train, test) or None
            By default each subject is left out in turn; more than 20 subjects are tested in 10 groups.
        may_share : bool, default=False
            Whether a subject may be in both the training and the test set of a fold.

        Returns
        -------
        list of (train, test)
            Positions among the samples.

        Raises
        ------
        ValueError
            If a subject is on both sides of a fold without permission, or there is no fold.
        """
        if cv is None:
            is_few = len(self.subjects) <= _MOST_LEFT_OUT_IN_TURN
            cv = LeaveOneSubjectOut() if is_few else SubjectKFold(10)
        # Others, such as scikit-learn's, need subjects that can be sorted. These name them in errors.
        groups = self.subjects[self.codes] if isinstance(cv, SubjectSplitter) else self.codes
        with warnings.catch_warnings():
            # From splitters that ignore groups. Whether they divide subjects is checked below.
            warnings.filterwarnings("ignore", message="The groups parameter is ignored by")
            folds = [
                (_positions(train), _positions(test))
                for train, test in check_cv(cv).split(self.X, self.y, groups=groups)
            ]
        if not folds:
            raise ValueError("cv holds no split: pass a splitter, or a list of (train, test).")
        if not may_share:
            self._check_apart(folds, cv)
        return folds

    def shared_subjects(self, train: NDArray, test: NDArray) -> NDArray:
        """Return the subjects that are in both the training and the test set of a fold."""
        return self.subjects[np.intersect1d(self.codes[train], self.codes[test])]

    def _check_apart(self, folds: list[tuple[NDArray, NDArray]], cv: Any) -> None:
        for train, test in folds:
            shared = self.shared_subjects(train, test)
            if len(shared):
                raise ValueError(
                    f"cv={cv!r} puts subject {shared[0]!r} on both sides of a fold, so the "
                    "scores would say little about new subjects: split with SubjectKFold or "
                    "LeaveOneSubjectOut."
                )


def shared_by_design(cv: Any) -> str | None:
    """Return what a splitter trains on of the test subjects, in words; None if it keeps subjects apart."""
    return cv.shared_by_design if isinstance(cv, CalibrationSplit) else None


def _positions(index: Any) -> NDArray[np.intp]:
    index = np.asarray(index)
    return np.flatnonzero(index) if index.dtype == bool else index.astype(np.intp)
