"""Keys by which windows are drawn, so that a draw does not depend on the order of the windows."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._random import combine, text_key
from skaug.windows.container import Windows


def in_key_order(
    windows: Windows, has_origins: bool, random_state: int
) -> tuple[Windows, NDArray[np.uint64]]:
    """Put windows in an order that does not depend on the order in which they were passed.

    The key of a window comes from its origin (subject, first row and draw), so that two synthesizers
    are compared on windows of the same origins. Windows of bare arrays have no origin: their key comes
    from their samples. Copies of a window get different keys.

    Parameters
    ----------
    windows : Windows
        The windows, in any order.
    has_origins : bool
        Whether the origins mean anything.
    random_state : int
        The seed: another one gives other keys, and so other draws.

    Returns
    -------
    windows : Windows
        The same windows in another order.
    keys : ndarray of shape (n_windows,)
        The key of each window, in the new order.
    """
    samples = _sample_keys(windows)
    keys = _origin_keys(windows) if has_origins else samples
    order = np.lexsort((samples, keys))
    keys = keys[order]
    copy = pd.Series(keys).groupby(keys).cumcount().to_numpy()
    return windows[order], combine(combine(keys, copy), _scalar("quality", random_state))


def drawn(keys: NDArray[np.uint64], n: int, *draw: Any) -> NDArray[np.intp]:
    """Draw up to `n` windows by their keys.

    Parameters
    ----------
    keys : ndarray of shape (n_windows,)
        The key of each window.
    n : int
        The number of windows.
    *draw : objects
        The name of the draw: another one gives other windows.

    Returns
    -------
    ndarray of shape (min(n, n_windows),)
        Positions in ascending order.
    """
    return np.sort(np.argsort(combine(keys, _scalar(*draw)), kind="stable")[:n])


def _origin_keys(windows: Windows) -> NDArray[np.uint64]:
    provenance = windows.provenance
    subjects = [None] if provenance.subjects is None else provenance.subjects
    of_subject = np.array([text_key(subject) for subject in subjects], dtype=np.uint64)
    keys = combine(of_subject[provenance.codes], provenance.first_row)
    return combine(keys, provenance.draw)


def _sample_keys(windows: Windows) -> NDArray[np.uint64]:
    keys = []
    for _, block in windows.blocks():
        for values in block.to_numpy(np.float64):
            digest = hashlib.blake2b(values.tobytes(), digest_size=8).digest()
            keys.append(int.from_bytes(digest, "little"))
    return np.array(keys, dtype=np.uint64)


def _scalar(*parts: Any) -> NDArray[np.uint64]:
    return np.full(1, text_key(*parts), dtype=np.uint64)
