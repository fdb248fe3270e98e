"""Conditions among the training windows, by their origins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug.windows.container import Windows


class TrainingOrigins:
    """Finds conditions among the training windows; holds their origins only.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
        The training windows.
    """

    def __init__(self, windows: Windows) -> None:
        provenance = windows.provenance
        self._codes = {subject: code for code, subject in enumerate(_subjects(windows))}
        self._n_rows = int(provenance.first_row.max(initial=0)) + 1
        keys = provenance.codes * self._n_rows + provenance.first_row
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def find(self, conditions: Windows) -> NDArray[np.intp]:
        """Return the position of each condition among the training windows.

        Parameters
        ----------
        conditions : Windows of shape (n_conditions, window_size, n_features)

        Returns
        -------
        ndarray of shape (n_conditions,)
            That of the first with the subject and the first row of the condition; -1 if there is none.
        """
        if len(self._keys) == 0:
            return np.full(len(conditions), -1)
        provenance = conditions.provenance
        codes = np.array([self._codes.get(subject, -1) for subject in _subjects(conditions)])
        codes = codes[provenance.codes]
        keys = codes * self._n_rows + provenance.first_row
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        is_known = (codes >= 0) & (provenance.first_row < self._n_rows) & (self._keys[at] == keys)
        return np.where(is_known, self._order[at], -1)


def _subjects(windows: Windows) -> list[Any]:
    subjects = windows.provenance.subjects
    return [None] if subjects is None else list(subjects)
