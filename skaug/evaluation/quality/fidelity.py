"""Fidelity: whether synthetic windows have the same distribution as real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from skaug.evaluation.quality.comparison import Comparison
from skaug.evaluation.quality.discrimination import discrimination
from skaug.evaluation.quality.measure import LOWER, Measure
from skaug.evaluation.quality.sample import Sample
from skaug.evaluation.quality.swap_test import FEWEST_SWAPPED, swap_p


def fidelity(comparison: Comparison, seed: int) -> tuple[list[Measure], list[str]]:
    """Measure the fidelity of synthetic windows.

    Parameters
    ----------
    comparison : Comparison
        Samples of equal size.
    seed : int
        For forests, folds and swaps.

    Returns
    -------
    measures : list of Measure
    notes : list of str
        What was left out, and why.
    """
    bandwidth = median_distance(comparison.real.embedded)
    measures = [*_of_samples(comparison), *_of_second_order(comparison)]
    notes = [
        f"No {m.name}: one channel is flat in every window." for m in measures if np.isnan(m.value)
    ]
    measures = [measure for measure in measures if not np.isnan(measure.value)]
    discriminated, reasons = discrimination(comparison, seed)
    measures += [*discriminated, *_of_points(comparison, bandwidth)]
    notes += reasons
    p = swap_p(comparison.real, comparison.synthetic, bandwidth, seed)
    if p is None:
        notes.append(
            "No p-value of the MMD: whole subjects are swapped, and with real and synthetic windows of "
            f"fewer than {FEWEST_SWAPPED} subjects p cannot be below 0.05."
        )
    else:
        real = comparison.subset(0).real
        noise_p = swap_p(real, comparison.noise.of_subjects(real.groups), bandwidth, seed)
        measures.append(
            Measure(
                "fidelity",
                "MMD, permutation p",
                value=p,
                floor=np.nan if noise_p is None else noise_p,
                ceiling=np.nan,
                better="",
                meaning="Share of swaps of the real and synthetic windows of some subjects that make the "
                "MMD at least as large. Below 0.05 the two sets differ; a large p is no evidence that they "
                "do not.",
            )
        )
    return measures, notes


def wasserstein_distance(real: NDArray, other: NDArray) -> float:
    r"""Compute the Wasserstein-1 distance between two sets of samples, in standard deviations.

    :math:`\int |F(x) - G(x)| dx / s` for the distribution functions of all samples of the windows
    (Vallender, "Calculation of the Wasserstein distance between probability distributions on the
    line", Theory Probab. Appl. 18(4), 1974), where :math:`s` is the standard deviation of the real
    samples, or 1 if they are all equal. For sets of equal size the integral is the mean absolute
    difference between the sorted samples.

    Parameters
    ----------
    real, other : ndarray of shape (n_samples,)
        The samples of one channel in ascending order, the same number in each.

    Returns
    -------
    float
    """
    scale = real.std() if real[-1] > real[0] else 1.0
    return float(np.abs(real - other).mean() / scale)


def kolmogorov_smirnov(real: NDArray, other: NDArray) -> float:
    """Compute the largest difference between the distribution functions of two sets of samples.

    (Smirnov, "Table for estimating the goodness of fit of empirical distributions", Ann. Math.
    Statist. 19(2), 1948.) There is no p-value, because the samples of a window are not independent.

    Parameters
    ----------
    real, other : ndarray of shape (n_samples,)
        The samples of one channel in ascending order.

    Returns
    -------
    float
        From 0 to 1.
    """
    # Each function exceeds the other by most just after a step of its own.
    excess = []
    for steps, others in ((real, other), (other, real)):
        after = np.arange(1, len(steps) + 1) / len(steps)
        excess.append((after - np.searchsorted(others, steps, side="right") / len(others)).max())
    return float(max(excess))


def log_spectral_distance(real: NDArray, other: NDArray) -> float:
    r"""Compute the distance between two mean log power spectra in dB.

    :math:`\sqrt{\overline{(10 \log_{10} P(f) - 10 \log_{10} Q(f))^2}}` over frequencies and channels
    (Gray and Markel, "Distance measures for speech processing", IEEE Trans. Acoust. Speech Signal
    Process. 24(5), 1976, with p = 2), where the logarithms are means over the windows of a set. Power
    is floored at -100 dB of the mean power of the real channel.

    Parameters
    ----------
    real, other : ndarray of shape (n_windows, n_channels, n_frequencies)
        The natural logarithm of the power of each window.

    Returns
    -------
    float
    """
    least = np.log(1e-10) + np.log(np.exp(real).mean(axis=(0, 2)))[:, None]
    difference = np.maximum(real, least).mean(axis=0) - np.maximum(other, least).mean(axis=0)
    return float(10 / np.log(10) * np.sqrt((difference**2).mean()))


def mean_difference(real: NDArray, other: NDArray) -> float:
    """Compute the mean absolute difference between the means of two sets.

    For autocorrelations this is the autocorrelation difference (as in Ang et al., "TSGBench: time
    series generation benchmark", PVLDB 17(3), 2023), for correlations within windows the cross-channel
    correlation difference (after the correlation metric of Ni et al., "Conditional Sig-Wasserstein GANs
    for time series generation", arXiv:2006.05421).

    Parameters
    ----------
    real, other : ndarray of shape (n_windows, ...)
        Some numbers of each window. NaN is left out of the means, and so are numbers that are NaN for
        every window of a set.

    Returns
    -------
    float
        NaN if nothing is left.
    """
    difference = np.abs(_mean_of_known(real) - _mean_of_known(other))
    known = difference[~np.isnan(difference)]
    return float(known.mean()) if known.size else np.nan


def frechet_distance(real: NDArray, other: NDArray) -> float:
    r"""Compute the Frechet distance between the Gaussians fitted to two sets of points.

    :math:`|\mu_1 - \mu_2|^2 + \mathrm{tr}(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2})`
    (Dowson and Landau, J. Multivariate Anal. 12(3), 1982; Heusel et al., "GANs trained by a two
    time-scale update rule converge to a local Nash equilibrium", NIPS 2017, eq. 6). It is a squared
    distance, and it is larger for fewer points.

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        The points of two sets in the embedding.

    Returns
    -------
    float
    """
    first, second = (np.atleast_2d(np.cov(points, rowvar=False)) for points in (real, other))
    # (S1 S2)^(1/2) has the trace of (R S2 R)^(1/2) with R = S1^(1/2), which is symmetric.
    eigenvalues, vectors = scipy.linalg.eigh(first)
    root = (vectors * np.sqrt(eigenvalues.clip(min=0))) @ vectors.T
    of_product = np.sqrt(scipy.linalg.eigvalsh(root @ second @ root).clip(min=0)).sum()
    distance = ((real.mean(axis=0) - other.mean(axis=0)) ** 2).sum()
    distance += np.trace(first) + np.trace(second) - 2 * of_product
    return float(max(distance, 0.0))


def median_distance(points: NDArray) -> float:
    """Return the median distance between two of the points, or 1 if that is 0."""
    first, second = np.triu_indices(len(points), k=1)
    return float(np.median(euclidean_distances(points)[first, second])) or 1.0


def maximum_mean_discrepancy(real: NDArray, other: NDArray, bandwidth: float) -> float:
    r"""Compute the maximum mean discrepancy between two sets of points.

    :math:`\sqrt{\overline{k(x, x')} + \overline{k(y, y')} - 2 \overline{k(x, y)}}` with
    :math:`k(x, y) = e^{-|x - y|^2 / 2 \sigma^2}` (Gretton et al., "A kernel two-sample test", JMLR 13,
    2012, eq. 5). A report uses one bandwidth :math:`\sigma` throughout: the median distance between
    training windows.

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        The points of two sets in the embedding.
    bandwidth : float
        The width of the kernel.

    Returns
    -------
    float
    """
    gamma = 1 / (2 * bandwidth**2)
    squared = rbf_kernel(real, gamma=gamma).mean() + rbf_kernel(other, gamma=gamma).mean()
    squared -= 2 * rbf_kernel(real, other, gamma=gamma).mean()
    return float(np.sqrt(max(squared, 0.0)))


def _of_samples(comparison: Comparison) -> Iterator[Measure]:
    def distances(real: Sample, other: Sample) -> list[float]:
        pairs = list(zip(real.sorted_values, other.sorted_values, strict=True))
        return [
            function(*pair)
            for function in (wasserstein_distance, kolmogorov_smirnov)
            for pair in pairs
        ]

    rows = [
        (f"{what}: {name}", meaning)
        for what, meaning in (
            (
                "Wasserstein distance",
                "How far samples would have to move on average, in standard deviations of the "
                "training windows.",
            ),
            (
                "Kolmogorov-Smirnov",
                "Largest difference between the distribution functions of the samples.",
            ),
        )
        for name in comparison.real.windows.feature_names
    ]
    yield from _distances(comparison, distances, rows)


def _of_second_order(comparison: Comparison) -> Iterator[Measure]:
    def distances(real: Sample, other: Sample) -> list[float]:
        of_channels = [
            log_spectral_distance(real.log_power, other.log_power),
            mean_difference(real.autocorrelation, other.autocorrelation),
        ]
        if real.windows.shape[2] == 1:
            return of_channels
        return [*of_channels, mean_difference(real.correlation, other.correlation)]

    rows = [
        ("log-spectral distance", "Between the mean log power spectra, in dB."),
        (
            "autocorrelation difference",
            "Mean absolute difference between the mean autocorrelations, at lags up to half a window.",
        ),
        (
            "cross-channel correlation difference",
            "Mean absolute difference between the mean correlations of channels within a window.",
        ),
    ]
    yield from _distances(comparison, distances, rows)


def _of_points(comparison: Comparison, bandwidth: float) -> Iterator[Measure]:
    def distances(real: Sample, other: Sample) -> list[float]:
        points = real.embedded, other.embedded
        return [frechet_distance(*points), maximum_mean_discrepancy(*points, bandwidth)]

    rows = [
        (
            "Frechet distance",
            "Distance between Gaussians fitted to the two sets in the embedding.",
        ),
        (
            "MMD",
            "Maximum mean discrepancy in the embedding: the largest difference between the means of a "
            "smooth function over the two sets.",
        ),
    ]
    yield from _distances(comparison, distances, rows)


def _distances(
    comparison: Comparison,
    function: Callable[[Sample, Sample], list[float]],
    rows: Sequence[tuple[str, str]],
) -> Iterator[Measure]:
    """Compute a measure for each number that the function returns, named and explained by the rows."""
    for columns, (name, meaning) in zip(comparison.columns(function), rows, strict=False):
        numbers = columns._asdict()
        yield Measure("fidelity", name, better=LOWER, meaning=meaning, is_distance=True, **numbers)


def _mean_of_known(values: NDArray) -> NDArray:
    known = ~np.isnan(values)
    n_known = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, n_known, out=np.full(total.shape, np.nan), where=n_known > 0)
