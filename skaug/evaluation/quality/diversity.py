"""Diversity: whether synthetic windows vary as real ones do, or repeat themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances

from skaug.evaluation.quality.comparison import Comparison
from skaug.evaluation.quality.measure import HIGHER, LOWER, Measure
from skaug.evaluation.quality.sample import FEWEST_WINDOWS, Sample

# Neighbors that make a neighborhood, as Naeem et al. recommend.
_K = FEWEST_WINDOWS - 1

_NEAR_DUPLICATE_AMONG_REAL = 0.05


class PRDC(NamedTuple):
    """Precision, recall, density and coverage."""

    precision: float
    recall: float
    density: float
    coverage: float


def diversity(comparison: Comparison) -> list[Measure]:
    """Measure precision, recall, density, coverage and the share of near duplicates.

    Parameters
    ----------
    comparison : Comparison
        Samples of equal size.

    Returns
    -------
    list of Measure
    """

    def numbers(real: Sample, other: Sample) -> list[float]:
        points = real.embedded, other.embedded
        return [*prdc(*points), near_duplicates(*points)]

    meanings = (
        f"Share of synthetic windows in the neighborhood ({_K} neighbors) of a real window.",
        "Share of real windows in the neighborhood of a synthetic window.",
        "Mean number of neighborhoods of real windows that contain a synthetic window, over "
        f"{_K}: about 1 if both sets have one distribution, more if synthetic windows crowd together.",
        "Share of real windows with a synthetic window in their neighborhood.",
    )
    *columns, duplicates = comparison.columns(numbers)
    return [
        *(
            Measure("diversity", name, better=HIGHER, meaning=meaning, **of_one._asdict())
            for name, meaning, of_one in zip(PRDC._fields, meanings, columns, strict=True)
        ),
        Measure(
            "diversity",
            "near duplicates",
            better=LOWER,
            meaning="Share of windows that are as close to another window of their set as the closest "
            f"{100 * _NEAR_DUPLICATE_AMONG_REAL:.0f} % of training windows are to another. Floor: the same "
            "window over and over.",
            **duplicates._replace(floor=1.0)._asdict(),
        ),
    ]


def prdc(real: NDArray, other: NDArray, k: int = _K) -> PRDC:
    """Compute precision, recall, density and coverage of points.

    The neighborhood of a point is the ball around it that reaches to its k-th nearest neighbor in its
    own set. Precision and recall: Kynkaanniemi et al., "Improved precision and recall metric for assessing
    generative models", NeurIPS 2019, section 2. Density and coverage: Naeem et al., "Reliable fidelity
    and diversity metrics for generative models", ICML 2020, section 3. For two large sets of independent
    points from one distribution, the expected density is 1 and the expected coverage ``1 - 1 / 2**k``.

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        The points of two sets in the embedding, more than `k` in each.
    k : int, default=5
        The number of neighbors.

    Returns
    -------
    PRDC
    """
    distances = euclidean_distances(real, other)
    in_real = distances <= _radii(real, k)[:, None]
    in_other = distances <= _radii(other, k)
    return PRDC(
        precision=float(in_real.any(axis=0).mean()),
        recall=float(in_other.any(axis=1).mean()),
        density=float(in_real.sum(axis=0).mean() / k),
        coverage=float(in_real.any(axis=1).mean()),
    )


def near_duplicates(real: NDArray, other: NDArray) -> float:
    """Compute the share of points that are very close to another point of their own set.

    Very close is the distance within which 5 % of the real points have another real point. Near
    duplicates in a sample show how many different windows a generator can make (Arora and Zhang, "Do
    GANs learn the distribution? Some theory and empirics", ICLR 2018, who look at single pairs).

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        The points of two sets in the embedding, the same number in each.

    Returns
    -------
    float
    """
    near = np.quantile(_radii(real, 1), _NEAR_DUPLICATE_AMONG_REAL)
    rounding = 1e-6 * np.abs(real).max()
    return float((_radii(other, 1) <= near + rounding).mean())


def _radii(points: NDArray, k: int) -> NDArray:
    """Return the distance from each point to its k-th nearest neighbor."""
    distances = euclidean_distances(points)
    np.fill_diagonal(distances, np.inf)
    return np.partition(distances, k - 1, axis=1)[:, k - 1]
