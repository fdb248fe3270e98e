"""Splitters that keep each subject on one side of every split."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator, GroupKFold, LeaveOneGroupOut

from skaug.tables.columns import encode, require_column
from skaug.windows.container import Windows
from skaug.windows.feature_arrays import provenance_of


class SubjectSplitter(BaseCrossValidator):
    """A splitter by groups, which are the subjects."""

    subject: str

    # Splitters of scikit-learn that divide groups request them like this.
    __metadata_request__split = {"groups": True}

    def split(
        self, X: Any, y: Any = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the indices of training and test set of each fold.

        Parameters
        ----------
        X : Windows, DataFrame or array-like
            What to split.
        y : array-like of shape (n_samples,), optional
            The labels, for splitters that balance them. Others ignore it.
        groups : array-like of shape (n_samples,), optional
            The subject of each sample; by default that of the `Windows`, or the `subject` column.

        Yields
        ------
        train, test : ndarray of int

        Raises
        ------
        ValueError
            If the subjects are not known, there is only one, or there are fewer than folds.
        """
        codes, names = subjects_of(X, groups, self.subject)
        self._check(len(names))
        yield from self._folds(codes, names, X, y)

    def _folds(
        self, codes: NDArray[np.intp], names: NDArray, X: Any, y: Any
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the folds of samples of known subjects."""
        return super().split(np.zeros(len(codes)), None, codes)

    def _check(self, n_subjects: int) -> None:
        """Raise if so many subjects cannot be split."""
        if n_subjects < 2:
            raise ValueError(
                "There is only one subject, so none is left to test on: collect recordings of at least two."
            )


class SubjectKFold(SubjectSplitter, GroupKFold):
    """K folds, each subject in the test set of exactly one.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of subjects.
    shuffle : bool, default=False
        Whether to assign subjects at random; otherwise folds are as equal in size as possible.
    random_state : int, RandomState or None, default=None
        Seed of the random assignment.
    subject : str, default="subject"
        The column of a data frame that holds the subject of each row. `Windows` know their subjects.

    Notes
    -----
    Folds are balanced by the number of samples: windows in `Windows`, rows in a table. If a subject's share
    of the windows differs from its share of the rows, because windows are left out or recordings are short,
    a table and its windows may be split into different folds, with different scores.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.model_selection import SubjectKFold
    >>> windows = Windows.from_arrays(np.zeros((4, 8, 1)), groups=list("ABAC"))
    >>> for train, test in SubjectKFold(n_splits=3).split(windows):
    ...     print(windows.groups[train], windows.groups[test])
    ['B' 'C'] ['A' 'A']
    ['A' 'B' 'A'] ['C']
    ['A' 'A' 'C'] ['B']
    """

    def __init__(
        self,
        n_splits: int = 5,
        shuffle: bool = False,
        random_state: Any = None,
        subject: str = "subject",
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        self.subject = subject

    def _check(self, n_subjects: int) -> None:
        super()._check(n_subjects)
        require_subjects(n_subjects, self.n_splits)


class LeaveOneSubjectOut(SubjectSplitter, LeaveOneGroupOut):
    """One fold for each subject, tested on that subject alone (LOSO).

    Parameters
    ----------
    subject : str, default="subject"
        The column of a data frame that holds the subject of each row. `Windows` know their subjects.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.model_selection import LeaveOneSubjectOut
    >>> windows = Windows.from_arrays(np.zeros((4, 8, 1)), groups=list("ABAC"))
    >>> LeaveOneSubjectOut().get_n_splits(windows)
    3
    """

    def __init__(self, subject: str = "subject") -> None:
        super().__init__()
        self.subject = subject

    def get_n_splits(self, X: Any = None, y: Any = None, groups: ArrayLike | None = None) -> int:
        """Count the folds: the subjects.

        Parameters
        ----------
        X, y, groups
            As in `split`.

        Returns
        -------
        int
        """
        return len(subjects_of(X, groups, self.subject)[1])


def require_subjects(n_subjects: int, n_splits: int) -> None:
    """Raise if there are fewer subjects than folds.

    Raises
    ------
    ValueError
        Says how many folds there may be.
    """
    if n_subjects < n_splits:
        raise ValueError(
            f"There are {n_subjects} subjects for {n_splits} folds: pass n_splits={n_subjects} or fewer."
        )


def subjects_of(
    X: Any, groups: ArrayLike | None = None, subject: str = "subject"
) -> tuple[NDArray[np.intp], NDArray]:
    """Return the subject of each row or window.

    Parameters
    ----------
    X : Windows, WindowFeatures, DataFrame or array-like
        Recordings or windows.
    groups : array-like of shape (n_samples,), optional
        The subjects, which take precedence over those of `X`.
    subject : str, default="subject"
        The column of a data frame that holds them.

    Returns
    -------
    codes : ndarray of int of shape (n_samples,)
        The subject of each sample, as a position in `names`.
    names : ndarray of shape (n_subjects,)
        The subjects, in order of appearance.

    Raises
    ------
    ValueError
        If the subjects are not known, or missing for some samples.
    """
    if groups is not None:
        column = pd.Series(np.asarray(groups))
    elif (provenance := provenance_of(X)) is not None:
        if provenance.groups is None:
            raise ValueError(
                "These windows have no subjects to split by: cut them with a subject column, or pass "
                "groups."
            )
        column = pd.Series(provenance.groups)
    elif nw.dependencies.is_dask_dataframe(X):
        raise TypeError(
            "A dask frame cannot be split by subject: cut it with SubjectWindower, and split the windows "
            "that .compute() returns, or a table that fits into memory (frame.compute())."
        )
    elif nw.dependencies.is_into_dataframe(X):
        frame = nw.from_native(X, eager_only=True)
        require_column(subject, frame.columns, "subject")
        column = frame[subject].to_pandas()
    else:
        raise ValueError(
            f"The subjects of {type(X).__name__} are not known: pass groups, a DataFrame with a column "
            f"{subject!r}, or Windows."
        )
    codes, names = encode(column)
    if (codes < 0).any():
        sample = int(np.flatnonzero(codes < 0)[0])
        raise ValueError(
            f"The subject of sample {sample} is missing: fill it in or drop the sample."
        )
    return codes, names


def split_by_column(X: Any, column: str) -> dict[Hashable, Any]:
    """Divide recordings or windows by the values of a column, such as "custom_split".

    Parameters
    ----------
    X : DataFrame or Windows
        Recordings, or windows with this column in their context.
    column : str
        The part of each row: "train", "val", "test", for instance.

    Returns
    -------
    dict of value to DataFrame or Windows
        In order of appearance; parts keep the order of rows.

    Raises
    ------
    TypeError
        If `X` is neither.
    ValueError
        If the column does not exist or has missing values, or a window lies in two parts.

    Examples
    --------
    >>> import pandas as pd
    >>> from skaug.model_selection import split_by_column
    >>> table = pd.DataFrame({"BVP": [1, 2, 3], "custom_split": ["train", "train", "test"]})
    >>> parts = split_by_column(table, "custom_split")
    >>> list(parts), len(parts["train"])
    (['train', 'test'], 2)
    """
    if isinstance(X, Windows):
        require_column(column, X.context_rows.columns, "split_by_column")
        codes, values = encode(X.context_rows[column])
        of_rows = codes[X.first_context_rows[:, None] + np.arange(X.window_size)]
        codes = of_rows[:, 0]
        mixed = (of_rows != codes[:, None]).any(axis=1)
        if mixed.any():
            origin = X.origins.iloc[int(np.flatnonzero(mixed)[0])]
            raise ValueError(
                f"{int(mixed.sum())} windows lie in two parts of {column!r}, the first of subject "
                f"{origin.subject!r} at row {origin.first_row}: cut them with "
                f"SubjectWindower(boundaries=[{column!r}])."
            )
        parts = {value: X[codes == code] for code, value in enumerate(values)}
        parts = {value: part for value, part in parts.items() if len(part)}
    elif nw.dependencies.is_into_dataframe(X):
        frame = nw.from_native(X, eager_only=True)
        require_column(column, frame.columns, "split_by_column")
        codes, values = encode(frame[column].to_pandas())
        parts = {
            value: frame.filter((codes == code).tolist()).to_native()
            for code, value in enumerate(values)
        }
    else:
        raise TypeError(f"X must be a DataFrame or Windows, got {type(X).__name__}.")
    if (codes < 0).any():
        raise ValueError(
            f"{column!r} is missing in {int((codes < 0).sum())} places, which would belong to no part: "
            "fill it in."
        )
    return parts
