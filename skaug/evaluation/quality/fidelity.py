"""Fidelity: whether the synthetic windows are distributed like the real ones."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
import scipy.linalg
import scipy.stats
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from skaug.evaluation.quality.discrimination import discrimination
from skaug.evaluation.quality.measure import LOWER, Comparison, Measure
from skaug.evaluation.quality.sample import Sample

#: Swaps of fewer subjects cannot give a p below 0.05: there are 2 ** (n - 1) of them.
FEWEST_SWAPPED = 6

_MOST_SWAPS = 999


def fidelity(comparison: Comparison, seed: int) -> tuple[list[Measure], list[str]]:
    """Measure the fidelity of synthetic windows.

    Parameters
    ----------
    comparison : Comparison
        Samples of equal size.
    seed : int
        Of forests, folds and swaps.

    Returns
    -------
    measures : list of Measure
    notes : list of str
        What was left out, and why.
    """
    measures = [*_of_samples(comparison), *_of_second_order(comparison)]
    notes = [
        f"No {m.name}: a channel is flat in every window." for m in measures if np.isnan(m.value)
    ]
    measures = [measure for measure in measures if not np.isnan(measure.value)]
    told_apart, reasons = discrimination(comparison, seed)
    measures += told_apart
    notes += reasons
    bandwidth = median_distance(comparison.real.embedded)
    measures.append(
        Measure(
            "fidelity",
            "Frechet distance",
            *comparison.columns(lambda a, b: frechet_distance(a.embedded, b.embedded)),
            LOWER,
            "Distance between the Gaussians that fit the two sets in the embedding.",
            is_distance=True,
        )
    )
    measures.append(
        Measure(
            "fidelity",
            "MMD",
            *comparison.columns(
                lambda a, b: maximum_mean_discrepancy(a.embedded, b.embedded, bandwidth)
            ),
            LOWER,
            "Maximum mean discrepancy in the embedding: how far the most telling smooth function "
            "parts the two sets.",
            is_distance=True,
        )
    )
    p = [
        swap_p(comparison.real, other, bandwidth, seed)
        for other in (comparison.synthetic, comparison.noise)
    ]
    if p[0] is None:
        notes.append(
            f"No p of the MMD: whole subjects are swapped, and fewer than {FEWEST_SWAPPED} with real and "
            "synthetic windows could not give a p below 0.05."
        )
    else:
        measures.append(
            Measure(
                "fidelity",
                "MMD, permutation p",
                p[0],
                np.nan,
                np.nan if p[1] is None else p[1],
                "",
                "How often the MMD would be so large if the real and the synthetic windows of a "
                "subject could change places. Below 0.05 the two differ; a large p proves nothing.",
            )
        )
    return measures, notes


def wasserstein_distance(real: NDArray, other: NDArray) -> float:
    r"""Give the Wasserstein-1 distance between two sets of samples, in standard deviations of the real.

    :math:`\int |F(x) - G(x)| dx / s` of the distribution functions of all samples of the windows
    (Vallender, "Calculation of the Wasserstein distance between probability distributions on the
    line", Theory Probab. Appl. 18(4), 1974). Where the real samples are all equal, :math:`s` is 1.

    Parameters
    ----------
    real, other : ndarray of shape (n_samples,)
        Samples of one channel.

    Returns
    -------
    float
    """
    scale = real.std() if real.max() > real.min() else 1.0
    return float(scipy.stats.wasserstein_distance(real / scale, other / scale))


def kolmogorov_smirnov(real: NDArray, other: NDArray) -> float:
    """Give the largest difference between the distribution functions of two sets of samples.

    (Smirnov, "Table for estimating the goodness of fit of empirical distributions", Ann. Math.
    Statist. 19(2), 1948.) No p comes with it: the samples of a window depend on each other.

    Parameters
    ----------
    real, other : ndarray of shape (n_samples,)
        Samples of one channel.

    Returns
    -------
    float
        From 0 to 1.
    """
    return float(scipy.stats.ks_2samp(real, other, method="asymp").statistic)


def log_spectral_distance(real: NDArray, other: NDArray) -> float:
    r"""Give the distance between two mean log power spectra in dB.

    :math:`\sqrt{\overline{(10 \log_{10} P(f) - 10 \log_{10} Q(f))^2}}` over frequencies and channels
    (Gray and Markel, "Distance measures for speech processing", IEEE Trans. Acoust. Speech Signal
    Process. 24(5), 1976, with p = 2), where the logarithms are means over the windows of a set. What
    lies 100 dB below the mean power of the real channel counts as that.

    Parameters
    ----------
    real, other : ndarray of shape (n_windows, n_channels, n_frequencies)
        Natural logarithm of power.

    Returns
    -------
    float
    """
    least = np.log(1e-10) + np.log(np.exp(real).mean(axis=(0, 2)))[:, None]
    difference = np.maximum(real, least).mean(axis=0) - np.maximum(other, least).mean(axis=0)
    return float(10 / np.log(10) * np.sqrt((difference**2).mean()))


def mean_difference(real: NDArray, other: NDArray) -> float:
    """Give the mean absolute difference between the mean of one set and that of another.

    Of autocorrelations it is the autocorrelation difference (as in Ang et al., "TSGBench: time series
    generation benchmark", PVLDB 17(3), 2023), of correlations within windows the cross-channel
    correlation difference (after the correlation metric of Ni et al., "Conditional Sig-Wasserstein GANs
    for time series generation", arXiv:2006.05421).

    Parameters
    ----------
    real, other : ndarray of shape (n_windows, ...)
        What was computed of each window. Windows with NaN do not count; places with NaN in every
        window of a set are left out.

    Returns
    -------
    float
        NaN if nothing is left.
    """
    difference = np.abs(_mean_of_known(real) - _mean_of_known(other))
    known = difference[~np.isnan(difference)]
    return float(known.mean()) if known.size else np.nan


def frechet_distance(real: NDArray, other: NDArray) -> float:
    r"""Give the Frechet distance between the Gaussians that fit two sets of points.

    :math:`|\mu_1 - \mu_2|^2 + \mathrm{tr}(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2})`
    (Dowson and Landau, J. Multivariate Anal. 12(3), 1982; Heusel et al., "GANs trained by a two
    time-scale update rule converge to a local Nash equilibrium", NIPS 2017, eq. 6). It is a squared
    distance, and grows as there are fewer points.

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        Points in the embedding.

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
    """Give the median distance between two of the points, or 1 where that is 0."""
    first, second = np.triu_indices(len(points), k=1)
    return float(np.median(euclidean_distances(points)[first, second])) or 1.0


def maximum_mean_discrepancy(real: NDArray, other: NDArray, bandwidth: float) -> float:
    r"""Give the maximum mean discrepancy of two sets of points.

    :math:`\sqrt{\overline{k(x, x')} + \overline{k(y, y')} - 2 \overline{k(x, y)}}` with
    :math:`k(x, y) = e^{-|x - y|^2 / 2 \sigma^2}` (Gretton et al., "A kernel two-sample test", JMLR 13,
    2012, eq. 5). The bandwidth :math:`\sigma` is the median distance between training windows, so
    that all columns of a report have one kernel.

    Parameters
    ----------
    real, other : ndarray of shape (n_points, n_dimensions)
        Points in the embedding.
    bandwidth : float
        Of the kernel.

    Returns
    -------
    float
    """
    gamma = 1 / (2 * bandwidth**2)
    squared = rbf_kernel(real, gamma=gamma).mean() + rbf_kernel(other, gamma=gamma).mean()
    squared -= 2 * rbf_kernel(real, other, gamma=gamma).mean()
    return float(np.sqrt(max(squared, 0.0)))


def swap_p(real: Sample, other: Sample, bandwidth: float, seed: int) -> float | None:
    """Test whether two sets of windows of the same subjects differ.

    The MMD is compared with what it is when the two sets of windows of some subjects change places
    (Gretton et al., JMLR 13, 2012, permute single points). Windows of one subject are alike,
    and permuting them one by one would call equal sets different. As many windows of each subject count
    from either set, so that a swap changes nothing else. All swaps of up to 10 subjects are tried, 999
    of more.

    Parameters
    ----------
    real, other : Sample
        The two sets.
    bandwidth : float
        Of the kernel.
    seed : int
        Which windows count, and which swaps are tried.

    Returns
    -------
    float, or None
        None for fewer than 6 subjects in both sets.
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
    # The squared MMD is s' M s / n^2, where s is -1 for a subject whose sets change places, else 1.
    of_subjects = np.add.reduceat(np.add.reduceat(kernel, ends, axis=0), ends, axis=1)
    signs = _signs(len(shared), rng)
    discrepancies = np.einsum("ns,st,nt->n", signs, of_subjects, signs)
    rounding = 1e-9 * len(x) ** 2
    return float((discrepancies >= discrepancies[0] - rounding).mean())


def _of_samples(comparison: Comparison) -> Iterator[Measure]:
    for what, function, meaning in (
        (
            "Wasserstein distance",
            wasserstein_distance,
            "How far the samples would have to be moved, in standard deviations of the training "
            "windows.",
        ),
        (
            "Kolmogorov-Smirnov",
            kolmogorov_smirnov,
            "Largest difference between the distribution functions of the samples.",
        ),
    ):
        for channel, name in enumerate(comparison.real.windows.feature_names):

            def distance(
                real: Sample, other: Sample, channel: int = channel, function: Any = function
            ) -> float:
                samples = (part.values[:, :, channel].ravel() for part in (real, other))
                return float(function(*samples))

            columns = comparison.columns(distance)
            yield Measure("fidelity", f"{what}: {name}", *columns, LOWER, meaning, is_distance=True)


def _of_second_order(comparison: Comparison) -> Iterator[Measure]:
    def compare(function: Any, attribute: str) -> tuple[float, float, float]:
        return comparison.columns(
            lambda real, other: function(getattr(real, attribute), getattr(other, attribute))
        )

    rows = [
        (
            "log-spectral distance",
            compare(log_spectral_distance, "log_power"),
            "Between the mean log power spectra, in dB.",
        ),
        (
            "autocorrelation difference",
            compare(mean_difference, "autocorrelation"),
            "Mean difference of the mean autocorrelation, at lags up to half a window.",
        ),
    ]
    if comparison.real.windows.shape[2] > 1:
        rows.append(
            (
                "cross-channel correlation difference",
                compare(mean_difference, "correlation"),
                "Mean difference of the mean correlation between channels within a window.",
            )
        )
    for name, columns, meaning in rows:
        yield Measure("fidelity", name, *columns, LOWER, meaning, is_distance=True)


def _mean_of_known(values: NDArray) -> NDArray:
    known = ~np.isnan(values)
    n_known = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, n_known, out=np.full(total.shape, np.nan), where=n_known > 0)


def _signs(n: int, rng: np.random.Generator) -> NDArray:
    """Give which of n subjects are swapped, the first row none; swapping all is swapping none."""
    if 2 ** (n - 1) <= _MOST_SWAPS:
        return np.array([(1, *rest) for rest in product((1, -1), repeat=n - 1)], dtype=float)
    return np.vstack([np.ones(n), rng.choice([-1.0, 1.0], size=(_MOST_SWAPS, n))])
