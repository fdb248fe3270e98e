"""A test of whether real and synthetic windows of the same subjects differ."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics.pairwise import rbf_kernel

from skaug.evaluation.quality.sample import Sample

#: With fewer subjects p cannot be below 0.05: n subjects can be swapped in 2 ** (n - 1) ways.
FEWEST_SWAPPED = 6

_MOST_SWAPS = 999


def swap_p(real: Sample, other: Sample, bandwidth: float, seed: int) -> float | None:
    """Compute a p-value for the difference between two sets of windows of the same subjects.

    The maximum mean discrepancy is compared with its values after swapping the two sets of windows of
    some subjects. (Gretton et al., JMLR 13, 2012, permute single points. Windows of one subject resemble
    each other, so permuting single windows would find differences between equal sets.) Both sets
    contribute the same number of windows of each subject, so that a swap changes nothing else. All
    swaps of up to 10 subjects are tried, and 999 random ones of more.

    Parameters
    ----------
    real, other : Sample
        The two sets.
    bandwidth : float
        The width of the kernel.
    seed : int
        For the choice of windows and swaps.

    Returns
    -------
    float, or None
        None if fewer than 6 subjects are in both sets.
    """
    if real.groups is None or other.groups is None:
        return None
    codes, _ = pd.factorize(np.concatenate([real.groups, other.groups]))
    of_real, of_other = codes[: len(real)], codes[len(real) :]
    shared = np.intersect1d(of_real, of_other)
    if len(shared) < FEWEST_SWAPPED:
        return None
    rng = np.random.default_rng(seed)
    chosen: tuple[list, list] = ([], [])
    sizes = []
    for code in shared:
        of_subject = [np.flatnonzero(part == code) for part in (of_real, of_other)]
        sizes.append(min(map(len, of_subject)))
        for part, windows in zip(chosen, of_subject, strict=True):
            part.append(rng.permutation(windows)[: sizes[-1]])
    x, y = (
        sample.embedded[np.concatenate(part)]
        for sample, part in zip((real, other), chosen, strict=True)
    )
    gamma = 1 / (2 * bandwidth**2)
    between = rbf_kernel(x, y, gamma=gamma)
    kernel = rbf_kernel(x, gamma=gamma) + rbf_kernel(y, gamma=gamma) - between - between.T
    ends = np.cumsum([0, *sizes[:-1]])
    # The squared MMD is s' M s / n^2, where s is -1 for a swapped subject and 1 for any other.
    of_subjects = np.add.reduceat(np.add.reduceat(kernel, ends, axis=0), ends, axis=1)
    signs = _signs(len(shared), rng)
    discrepancies = np.einsum("ns,st,nt->n", signs, of_subjects, signs)
    rounding = 1e-9 * len(x) ** 2
    return float((discrepancies >= discrepancies[0] - rounding).mean())


def _signs(n: int, rng: np.random.Generator) -> NDArray:
    """Return one row of signs per swap, the first without any; swapping all equals swapping none."""
    if 2 ** (n - 1) <= _MOST_SWAPS:
        return np.array([(1, *rest) for rest in product((1, -1), repeat=n - 1)], dtype=float)
    return np.vstack([np.ones(n), rng.choice([-1.0, 1.0], size=(_MOST_SWAPS, n))])
