"""Folds of subjects with similar distributions of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from skaug._checks import require_whole_number
from skaug.model_selection.splitters import SubjectSplitter, require_subjects
from skaug.tables.columns import (
    as_column,
    encode,
    is_continuous,
    is_missing,
    is_text,
    plain_array,
    require_column,
)
from skaug.windows.feature_arrays import provenance_of

_BINS = 5


class StratifiedSubjectKFold(SubjectSplitter, StratifiedGroupKFold):
    """K folds of whole subjects with similar labels: similar shares of each class, or of each bin.

    Each subject is in the test set of exactly one fold.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of subjects.
    shuffle : bool, default=False
        Whether subjects with equally uneven labels are assigned in random order.
    random_state : int, RandomState or None, default=None
        Seed of the random assignment.
    n_bins : int, optional
        Number of bins for numeric labels, with edges at their quantiles, so that all bins have about the same
        number of samples. By default, numbers with fractions or more than 20 distinct values are put into 5
        bins, and other labels are classes. Text is never binned.
    target : str, optional
        The column of a data frame that holds the label of each row. `Windows` know their labels, and a `y`
        that is passed to `split` takes precedence.
    subject : str, default="subject"
        The column of a data frame that holds the subject of each row. `Windows` know their subjects.

    See Also
    --------
    SubjectKFold : Balance the number of samples only.

    Notes
    -----
    The folds are those of scikit-learn's `StratifiedGroupKFold` for classes or bins. Subjects are assigned
    one by one, those with the most unevenly distributed labels first, each to the fold that makes the
    counts of classes vary least over folds. The bins are computed from all labels, test labels included, and
    only serve to divide the subjects. Missing labels count as a class.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.model_selection import StratifiedSubjectKFold
    >>> y = np.repeat([61.5, 90.5, 60.5, 91.5], 5)
    >>> windows = Windows.from_arrays(np.zeros((20, 8, 1)), y, groups=np.repeat(list("ABCD"), 5))
    >>> for _, test in StratifiedSubjectKFold(n_splits=2, n_bins=2).split(windows):
    ...     print(np.unique(windows.groups[test]), windows.y[test].mean())
    ['A' 'D'] 76.5
    ['B' 'C'] 75.5
    """

    def __init__(
        self,
        n_splits: int = 5,
        shuffle: bool = False,
        random_state: Any = None,
        n_bins: int | None = None,
        target: str | None = None,
        subject: str = "subject",
    ) -> None:
        super().__init__(n_splits, shuffle=shuffle, random_state=random_state)
        if n_bins is not None:
            require_whole_number("n_bins", n_bins, 2)
        self.n_bins = n_bins
        self.target = target
        self.subject = subject

    def _check(self, n_subjects: int) -> None:
        super()._check(n_subjects)
        require_subjects(n_subjects, self.n_splits)

    def _folds(
        self, codes: NDArray[np.intp], names: NDArray, X: Any, y: Any
    ) -> Iterator[tuple[NDArray, NDArray]]:
        classes = _classes(self._labels(X, y), len(codes), self.n_bins)
        return StratifiedGroupKFold.split(self, np.zeros(len(codes)), classes, codes)

    def _labels(self, X: Any, y: Any) -> Any:
        provenance = provenance_of(X)
        if provenance is not None:
            y = provenance.relabel(y).y
        elif y is None and self.target is not None and nw.dependencies.is_into_dataframe(X):
            frame = nw.from_native(X, eager_only=True)
            require_column(self.target, frame.columns, "target")
            y = frame[self.target].to_pandas()
        if y is None:
            raise ValueError(
                "There are no labels to balance: pass y, split windows with labels, or name the label column "
                "of a table, StratifiedSubjectKFold(target=...)."
            )
        return y


def _classes(y: Any, n_samples: int, n_bins: int | None) -> NDArray[np.intp]:
    """Return the class or the bin of each label; -1 for a missing one."""
    if np.ndim(y) > 1:
        raise ValueError(
            f"StratifiedSubjectKFold balances one label, and these samples have {np.shape(y)[1]} each: pass "
            "one of them, split(windows, windows.y[:, 0]), or use SubjectKFold."
        )
    labels = as_column(y, "y")
    if len(labels) != n_samples:
        raise ValueError(
            f"y has {len(labels)} labels for {n_samples} samples: pass one per sample."
        )
    if is_text(labels) or labels.dtype.kind not in "iuf":
        if n_bins is not None:
            raise ValueError(
                f"n_bins={n_bins} is for labels that are numbers, and these are {labels.dtype}: leave it out."
            )
        return encode(labels)[0]
    values = plain_array(labels)
    known = np.unique(values[~is_missing(values)])
    if n_bins is None and is_continuous(known):
        n_bins = _BINS
    if n_bins is None or len(known) <= n_bins:
        return encode(labels.where(~is_missing(values)))[0]
    bins = pd.qcut(np.where(is_missing(values), np.nan, values), n_bins, duplicates="drop")
    return bins.codes.astype(np.intp)
