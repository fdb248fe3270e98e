"""Random divisions of subjects, repeated: further folds for the same subjects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import GroupKFold, GroupShuffleSplit
from sklearn.utils import check_random_state

from skaug._checks import require_whole_number
from skaug.model_selection.splitters import SubjectSplitter, require_subjects


class RepeatedSubjectKFold(SubjectSplitter):
    """K folds of subjects, divided anew in each repeat, never in the same way twice.

    Each subject is in the test set of exactly one fold per repeat.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of subjects. All folds have the same number of
        subjects, or one more.
    n_repeats : int, default=10
        Number of divisions.
    random_state : int, RandomState or None, default=None
        Seed of the random divisions.
    subject : str, default="subject"
        The column of a data frame that holds the subject of each row. `Windows` know their subjects.

    See Also
    --------
    SubjectKFold : A single division.
    SubjectShuffleSplit : Test sets drawn independently of each other.

    Notes
    -----
    Nadeau and Bengio's corrected t, which `skaug.evaluation.compare_protocols` reports as ``p_corrected``,
    counts every fold of every repeat, which is right only if repeats divide the subjects differently. A
    draw that repeats an earlier division is therefore discarded.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.model_selection import RepeatedSubjectKFold
    >>> windows = Windows.from_arrays(np.zeros((4, 8, 1)), groups=list("ABCD"))
    >>> for _, test in RepeatedSubjectKFold(n_splits=2, n_repeats=3, random_state=0).split(windows):
    ...     print(windows.groups[test])
    ['C' 'D']
    ['A' 'B']
    ['A' 'C']
    ['B' 'D']
    ['A' 'D']
    ['B' 'C']
    """

    def __init__(
        self,
        n_splits: int = 5,
        n_repeats: int = 10,
        random_state: Any = None,
        subject: str = "subject",
    ) -> None:
        super().__init__()
        self.n_splits = require_whole_number("n_splits", n_splits, 2)
        self.n_repeats = require_whole_number("n_repeats", n_repeats, 1)
        self.random_state = random_state
        self.subject = subject

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Count the folds of all repeats.

        Parameters
        ----------
        X, y, groups : ignored

        Returns
        -------
        int
        """
        return self.n_splits * self.n_repeats

    def _check(self, n_subjects: int) -> None:
        super()._check(n_subjects)
        require_subjects(n_subjects, self.n_splits)
        n_ways = _n_divisions(n_subjects, self.n_splits)
        if n_ways < self.n_repeats:
            ways = "one way" if n_ways == 1 else f"{n_ways} ways"
            raise ValueError(
                f"{n_subjects} subjects can be divided into {self.n_splits} folds in {ways} only: pass "
                f"n_repeats={n_ways} or fewer, or another n_splits."
            )

    def _folds(
        self, codes: NDArray[np.intp], names: NDArray, X: Any, y: Any
    ) -> Iterator[tuple[NDArray, NDArray]]:
        samples, rng = np.zeros(len(codes)), check_random_state(self.random_state)
        known: set[frozenset[bytes]] = set()
        while len(known) < self.n_repeats:
            splitter = GroupKFold(self.n_splits, shuffle=True, random_state=rng)
            folds = list(splitter.split(samples, None, codes))
            division = frozenset(np.unique(codes[test]).tobytes() for _, test in folds)
            if division not in known:
                known.add(division)
                yield from folds


def _n_divisions(n_subjects: int, n_splits: int) -> int:
    """Count the ways to divide subjects into folds of sizes that differ by at most one."""
    sizes = [len(part) for part in np.array_split(np.arange(n_subjects), n_splits)]
    same = prod(factorial(count) for count in Counter(sizes).values())
    return factorial(n_subjects) // (prod(map(factorial, sizes)) * same)


class SubjectShuffleSplit(SubjectSplitter):
    """Test sets of subjects drawn at random, each independently of the others.

    A subject may be tested several times, or never.

    Parameters
    ----------
    n_splits : int, default=10
        Number of random test sets.
    test_size : float or int, optional
        The share of the subjects to test on, or their number; by default what `train_size` leaves, or a
        fifth.
    train_size : float or int, optional
        The share of the subjects to train on, or their number; by default those that are not tested.
    random_state : int, RandomState or None, default=None
        Seed of the draws.
    subject : str, default="subject"
        The column of a data frame that holds the subject of each row. `Windows` know their subjects.

    See Also
    --------
    RepeatedSubjectKFold : Random folds that test each subject equally often.

    Notes
    -----
    The splits are those of scikit-learn's `GroupShuffleSplit`. Sizes count subjects, not windows or rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.model_selection import SubjectShuffleSplit
    >>> windows = Windows.from_arrays(np.zeros((4, 8, 1)), groups=list("ABCD"))
    >>> for _, test in SubjectShuffleSplit(n_splits=2, test_size=1, random_state=0).split(windows):
    ...     print(windows.groups[test])
    ['C']
    ['A']
    """

    def __init__(
        self,
        n_splits: int = 10,
        test_size: float | None = None,
        train_size: float | None = None,
        random_state: Any = None,
        subject: str = "subject",
    ) -> None:
        super().__init__()
        self.n_splits = require_whole_number("n_splits", n_splits, 1)
        self.test_size = test_size
        self.train_size = train_size
        self.random_state = random_state
        self.subject = subject

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Count the splits.

        Parameters
        ----------
        X, y, groups : ignored

        Returns
        -------
        int
        """
        return self.n_splits

    def _folds(
        self, codes: NDArray[np.intp], names: NDArray, X: Any, y: Any
    ) -> Iterator[tuple[NDArray, NDArray]]:
        splitter = GroupShuffleSplit(
            self.n_splits,
            test_size=self.test_size,
            train_size=self.train_size,
            random_state=self.random_state,
        )
        try:
            yield from splitter.split(np.zeros(len(codes)), None, codes)
        except ValueError as error:  # scikit-learn speaks of samples
            raise ValueError(
                f"{len(names)} subjects cannot be divided into test_size={self.test_size!r} and "
                f"train_size={self.train_size!r}: pass a number of subjects, or a share between 0 and 1, so "
                "that at least one is left to train on and one to test on."
            ) from error
