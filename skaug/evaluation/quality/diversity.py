"""Diversity: whether the synthetic windows show all that the real ones show, or always the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import NearestNeighbors

from skaug.evaluation.quality.measure import HIGHER, LOWER, Comparison, Measure

#: Neighbours that make a neighbourhood, as Naeem et al. recommend.
K = 5

_NEAR_DUPLICATE_AMONG_REAL = 0.05


class PRDC(NamedTuple):
    """Precision, recall, density and coverage."""

    precision: float
    recall: float
    density: float
    coverage: float


def diversity(comparison: Comparison) -> list[Measure]:
    """Measure precision, recall, density, coverage and near duplicates.

    Parameters
    ----------
    comparison : Comparison
        Samples of equal size, of more than 5 windows each.

    Returns
    -------
    list of Measure
    """
    columns = comparison.columns(lambda a, b: prdc(a.embedded, b.embedded), PRDC(*[np.nan] * 4))
    measures = [
        Measure("diversity", name, *values, HIGHER, meaning)
        for name, meaning, values in zip(
            PRDC._fields,
            (
                f"Share of synthetic windows within the neighbourhood ({K} neighbours) of a real one.",
                "Share of real windows within the neighbourhood of a synthetic one.",
                "In how many neighbourhoods of real windows a synthetic one lies, over "
                f"{K}; 1 where both are alike, and more where they crowd.",
                "Share of real windows with a synthetic one in their neighbourhood.",
            ),
            zip(*columns, strict=True),
            strict=True,
        )
    ]
    value, ceiling, _ = comparison.columns(lambda a, b: near_duplicates(a.embedded, b.embedded))
    measures.append(
        Measure(
            "diversity",
            "near duplicates",
            value,
            ceiling,
            1.0,
            LOWER,
            "Share of windows with another of their own set nearer than all but the nearest "
            f"{100 * _NEAR_DUPLICATE_AMONG_REAL:.0f} % of training windows have one. Floor: the same window "
            "over and over.",
        )
    )
    return measures


def prdc(real: NDArray, other: NDArray, k: int = K) -> PRDC:
    """Give precision, recall, density and coverage of points.

    The neighbourhood of a point is the ball that reaches to its k-th nearest neighbour in its own set.
    Precision and recall: Kynkaanniemi et al., "Improved precision and recall metric for assessing
    generative models", NeurIPS 2019, section 2. Density and coverage: Naeem et al., "Reliable fidelity
    and diversity metrics for generative models", ICML 2020, section 3. Of two large sets of independent
    points from one distribution, density is expected to be 1, and coverage ``1 - 1 / 2**k``.

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        Points in the embedding, more than `k` of each.
    k : int, default=5
        Neighbours.

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
    """Give the share of points with another of their own set very near.

    Very near is what 5 % of the real points have another real point within. Counting what is nearly
    twice in a sample tells how many different windows a generator has (Arora and Zhang, "Do GANs learn
    the distribution? Some theory and empirics", ICLR 2018, who look at single pairs).

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        Points in the embedding, as many of each.

    Returns
    -------
    float
    """
    near = np.quantile(_radii(real, 1), _NEAR_DUPLICATE_AMONG_REAL)
    rounding = 1e-6 * np.abs(real).max()
    return float((_radii(other, 1) <= near + rounding).mean())


def _radii(points: NDArray, k: int) -> NDArray:
    """Distance from each point to its k-th nearest neighbour."""
    neighbours = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(points)
    return neighbours.kneighbors()[0][:, -1]
