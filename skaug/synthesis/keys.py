"""Random keys of synthetic windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug._random import combine, text_key
from skaug.windows.container import Windows


def condition_keys(conditions: Windows, name: str, random_state: Any) -> NDArray[np.uint64]:
    """Return one key per condition, for `skaug._random`.

    Parameters
    ----------
    conditions : Windows of shape (n_windows, window_size, n_features)
        Windows with their draws.
    name : str
        What the numbers are for: other names lead to independent keys.
    random_state : int
        Seed.

    Returns
    -------
    ndarray of uint64 of shape (n_windows,)
        They depend on the name, the seed, and the origin and draw of the condition, on nothing else: the
        same condition has the same synthetic window in every fold, batch and process.
    """
    provenance = conditions.provenance
    subjects = [None] if provenance.subjects is None else provenance.subjects
    of_subject = [text_key(name, random_state, subject) for subject in subjects]
    keys = np.array(of_subject, dtype=np.uint64)[provenance.codes]
    return combine(combine(keys, provenance.first_row), provenance.draw)
