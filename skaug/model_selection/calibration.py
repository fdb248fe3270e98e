"""Personal calibration: the first windows of each test subject join the training set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray

from skaug._checks import require_whole_number
from skaug.model_selection.splitters import LeaveOneSubjectOut, SubjectSplitter, subjects_of
from skaug.windows.feature_arrays import provenance_of
from skaug.windows.provenance import Provenance


class CalibrationSplit(SubjectSplitter):
    """Folds in which the model is also trained on the beginning of each test subject's recordings.

    This is the protocol of a device that its wearer calibrates. The scores are about the rest of the
    recordings of people who did that; they say little about people the model does not know.

    Parameters
    ----------
    n_windows : int, optional
        Number of windows per test subject that join the training set. Windows that overlap the last of them
        are left out, so that no row is in both sets.
    n_rows : int, optional
        Number of rows per test subject that join the training set, to split a table before it is cut into
        windows. The rest is cut by itself: origins (``first_row``) of its windows count from its first row.
        Pass either `n_windows` or `n_rows`.
    cv : splitter, optional
        Which subjects are tested together; by default each in turn, `LeaveOneSubjectOut`.
    subject : str, default="subject"
        The column of a data frame that holds the subject of each row. `Windows` know their subjects.

    See Also
    --------
    SubjectKFold : Folds for scores that are about new subjects.

    Notes
    -----
    Windows are ordered by their origin, the first row within their subject, over all recordings of the
    subject. Synthetic windows go where their origin is: those made from later windows of a test subject are
    not trained on. Windows from an array count as recorded end to end, so that overlap between them cannot
    be seen.

    `skaug.evaluation.compare_protocols` and `skaug.evaluation.learning_curve` accept these folds and say in
    words that subjects are shared by design. Under scikit-learn's own functions, where a model does not know
    which splitter chose its windows, one that predicts its calibrated subjects raises
    `skaug.SubjectOverlapWarning`, which says how to silence it. Within the training set of such a fold,
    the test subject has only its calibration windows: nested in itself, the inner `CalibrationSplit`
    needs a smaller number.

    Examples
    --------
    >>> from skaug import SubjectWindower
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.model_selection import CalibrationSplit
    >>> windower = SubjectWindower(512, 256, features=["BVP"], target="heart_rate")
    >>> windows = windower.fit_transform(simulate_ppg(n_subjects=2, minutes=1))
    >>> len(windows)
    28
    >>> for train, test in CalibrationSplit(n_windows=4).split(windows):
    ...     print(len(train), windows.groups[test[0]], windows.origins["first_row"][test].tolist())
    18 S1 [1280, 1536, 1792, 2048, 2304, 2560, 2816, 3072, 3328]
    18 S2 [1280, 1536, 1792, 2048, 2304, 2560, 2816, 3072, 3328]
    """

    def __init__(
        self,
        n_windows: int | None = None,
        n_rows: int | None = None,
        cv: Any = None,
        subject: str = "subject",
    ) -> None:
        super().__init__()
        if (n_windows is None) == (n_rows is None):
            raise ValueError(
                "Pass either n_windows, to split windows, or n_rows, to split a table of recordings."
            )
        if cv is not None and not hasattr(cv, "split"):
            raise ValueError(f"cv={cv!r} must be a splitter, such as SubjectKFold(5).")
        if n_windows is not None:
            require_whole_number("n_windows", n_windows, 1)
        if n_rows is not None:
            require_whole_number("n_rows", n_rows, 1)
        self.n_windows = n_windows
        self.n_rows = n_rows
        self.cv = cv
        self.subject = subject

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Count the folds.

        Parameters
        ----------
        X, y, groups
            As in `split`.

        Returns
        -------
        int
        """
        if self.cv is None or X is not None or groups is not None:
            groups = subjects_of(X, groups, self.subject)[0]
        return int(self._cv().get_n_splits(X, y, groups))

    @property
    def shared_by_design(self) -> str:
        """What the training set contains of the test subjects, in words."""
        n, unit = (self.n_rows, "row") if self.n_windows is None else (self.n_windows, "window")
        return f"the first {unit if n == 1 else f'{n:,} {unit}s'} of each test subject"

    def _cv(self) -> Any:
        return LeaveOneSubjectOut() if self.cv is None else self.cv

    def _folds(
        self, codes: NDArray[np.intp], names: NDArray, X: Any, y: Any
    ) -> Iterator[tuple[NDArray, NDArray]]:
        provenance = provenance_of(X)
        self._check_kind(X, provenance)
        n, n_groups = len(codes), len(names)
        persons, names = self._persons(codes, names, X)
        order, counts = np.argsort(persons, kind="stable"), np.bincount(persons)
        of_person = np.split(order, np.cumsum(counts)[:-1])
        for train, test in self._cv().split(X, y, groups=codes):
            if (_mask(codes[train], n_groups) & _mask(codes[test], n_groups)).any():
                raise ValueError(
                    f"cv={self.cv!r} puts a subject on both sides of a fold: pass one that keeps subjects "
                    "apart, such as SubjectKFold. CalibrationSplit adds their first windows or rows itself."
                )
            is_train, is_candidate = _mask(train, n), _mask(test, n)
            is_test = np.zeros(n, dtype=bool)
            for person in np.flatnonzero(_mask(persons[test], len(names))):
                members = of_person[person]
                begin, rest = self._divide(
                    members[is_candidate[members]], provenance, names[person]
                )
                is_train[begin] = True
                is_test[rest] = True
            yield np.flatnonzero(is_train), np.flatnonzero(is_test)

    def _persons(
        self, codes: NDArray[np.intp], names: NDArray, X: Any
    ) -> tuple[NDArray[np.intp], NDArray]:
        """Return who is calibrated: the subjects of X, also if other groups were passed to test together."""
        try:
            return subjects_of(X, None, self.subject)
        except ValueError:
            return codes, names

    def _check_kind(self, X: Any, provenance: Provenance | None) -> None:
        if self.n_rows is not None and (provenance is not None or np.ndim(X) == 3):
            raise ValueError(
                f"n_rows={self.n_rows} counts rows of a table, but X consists of windows: pass n_windows "
                "instead."
            )
        if self.n_windows is None or provenance is not None:
            return
        if nw.dependencies.is_into_dataframe(X):
            raise ValueError(
                f"n_windows={self.n_windows} counts windows, but X is a table: pass n_rows instead, or split "
                "the windows that SubjectWindower cuts."
            )
        raise ValueError(
            f"n_windows={self.n_windows} needs to know which windows overlap, and {type(X).__name__} does "
            "not show it: pass Windows, such as Windows.from_arrays(X, y, groups), or their features."
        )

    def _divide(
        self, members: NDArray[np.intp], provenance: Provenance | None, name: Any
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Divide the samples of a test subject into those to train on and those to test on."""
        if provenance is None or self.n_windows is None:
            if len(members) <= (self.n_rows or 0):
                raise ValueError(
                    f"Subject {name!r} has {len(members)} rows, so none is left to test on after the first "
                    f"{self.n_rows}: use a smaller n_rows, or leave the subject out."
                )
            return members[: self.n_rows], members[self.n_rows :]
        first_row, is_real = provenance.first_row[members], ~provenance.is_synthetic[members]
        origins = np.unique(first_row[is_real] if is_real.any() else first_row)
        last = origins[min(self.n_windows, len(origins)) - 1]
        is_later = first_row >= last + provenance.size
        if len(origins) < self.n_windows or not is_later.any():
            raise ValueError(
                f"Subject {name!r} has {len(origins)} windows, so none is left to test on after the first "
                f"{self.n_windows} and those that overlap them: use a smaller n_windows, or leave the "
                "subject out."
            )
        return members[first_row <= last], members[is_later]


def _mask(positions: NDArray[np.intp], n: int) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=bool)
    mask[positions] = True
    return mask
