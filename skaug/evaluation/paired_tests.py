"""Paired tests of the differences between two protocols, over subjects or over folds."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from skaug._checks import is_finite_number, require_random_state

#: Level of every test, and of both sides of the equivalence test.
ALPHA = 0.05

# Up to this many subjects all sign flips are enumerated; for more, some are drawn at random.
_MOST_ENUMERATED = 16
_N_FLIPS = 100_000
_FLIPS_AT_A_TIME = 2_000

# Differences that are smaller, as a share of the largest one, are due to rounding.
_ROUNDING = 1e-11


def t_interval(differences: ArrayLike) -> tuple[float, float]:
    r"""Return Student's 95 % interval of the mean.

    Parameters
    ----------
    differences : array-like of shape (n_subjects,)
        One per subject.

    Returns
    -------
    low, high : float
        :math:`\bar d \mp t_{n-1} s / \sqrt n`; NaN for a single difference.
    """
    d = finite_differences(differences, "subject")
    return student_interval(
        float(d.mean()), standard_deviation(d) / math.sqrt(d.size), d.size - 1, 1 - ALPHA
    )


def sign_flip_p(differences: ArrayLike, random_state: int = 0) -> float:
    r"""Test whether the mean differs from zero, by flipping signs.

    If differences are symmetric about zero, each of them could as well have had the other sign. The
    p-value is the share of all sign assignments for which the mean is at least as far from zero as the
    observed one.

    Parameters
    ----------
    differences : array-like of shape (n_subjects,)
        One per subject.
    random_state : int, default=0
        Seed of the random sign assignments.

    Returns
    -------
    float
        Two-sided p-value. It is exact for up to 16 non-zero differences. For more, 100,000 assignments
        are drawn; the observed one counts as one of them, so that the test keeps its level.

    Raises
    ------
    ValueError
        If there are no differences, one is NaN or infinite, or `random_state` is not a whole number.

    Notes
    -----
    Fisher, The Design of Experiments, 1935, section 21. If :math:`b` of :math:`m` draws are as far out,
    :math:`p = (b + 1) / (m + 1)` (Phipson and Smyth, "Permutation p-values should never be zero",
    Stat. Appl. Genet. Mol. Biol. 9, 39, 2010). Means that differ only by rounding count as equal.
    """
    require_random_state(random_state)
    d = without_rounding(finite_differences(differences, "subject"))
    d = d[d != 0]
    as_far = abs(d.sum()) - _ROUNDING * np.abs(d).sum()
    if d.size <= _MOST_ENUMERATED:
        return float((np.abs(_sums_of_all_signs(d)) >= as_far).mean())
    rng = np.random.default_rng(random_state)
    n_as_far = 1  # the observed assignment
    for _ in range(_N_FLIPS // _FLIPS_AT_A_TIME):
        positive = rng.integers(0, 2, size=(_FLIPS_AT_A_TIME, d.size), dtype=bool)
        n_as_far += int(np.count_nonzero(np.abs(2 * (positive @ d) - d.sum()) >= as_far))
    return n_as_far / (_N_FLIPS + 1)


def wilcoxon_p(differences: ArrayLike) -> float:
    """Test whether the differences are symmetric about zero, by Wilcoxon's signed ranks.

    Parameters
    ----------
    differences : array-like of shape (n_subjects,)
        One per subject.

    Returns
    -------
    float
        Two-sided p-value, exact for any number of differences, also with ties and zeros.

    Notes
    -----
    Zeros are dropped, as Wilcoxon did, and equal magnitudes share the mean of their ranks. The p-value
    is from the conditional distribution: given the ranks, each has either sign with equal probability.
    It is computed rank by rank (Streitberg and Röhmel, "Exact distributions for permutation and rank
    tests", Stat. Softw. Newsl. 12, 10, 1986), while ``scipy.stats.wilcoxon(method="exact")`` uses the
    distribution without ties. Magnitudes that differ only by rounding count as equal.
    """
    d = without_rounding(finite_differences(differences, "subject"))
    d = d[np.argsort(np.abs(d))][np.count_nonzero(d == 0) :]
    if not d.size:
        return 1.0
    is_larger = np.diff(np.abs(d), prepend=0) > _ROUNDING * np.abs(d[-1])
    # Twice a rank is a whole number, also where ranks are shared.
    ranks = (2 * stats.rankdata(np.cumsum(is_larger))).astype(np.intp)
    positive = int(ranks[d > 0].sum())
    chances = _chances_of_rank_sums(ranks)
    lower_tail = chances[: min(positive, int(ranks.sum()) - positive) + 1]
    return min(1.0, 2 * float(lower_tail.sum()))


class CorrectedT(NamedTuple):
    """Nadeau and Bengio's t: statistic, two-sided p-value and 95 % interval of the mean difference."""

    statistic: float
    p_value: float
    ci_low: float
    ci_high: float


def corrected_t(fold_differences: ArrayLike, test_share: float) -> CorrectedT:
    r"""Test the mean over folds, with the variance corrected for overlapping training sets.

    This is stricter than the tests over subjects, because it also allows for another training set.

    Parameters
    ----------
    fold_differences : array-like of shape (n_folds,)
        Score of the protocol minus that of the reference, one per fold. Average repeats on the same folds
        (such as other seeds) first; repeats on other folds count as further folds.
    test_share : float
        The share of the subjects that a fold tests: 1 / k if k folds test each subject once.

    Returns
    -------
    CorrectedT
        All NaN for a single fold.

    Notes
    -----
    For the differences of :math:`r` repeats of :math:`k` folds, with mean :math:`\bar d` and variance
    :math:`s^2` (with :math:`k r - 1` in the denominator),

    .. math:: t = \bar d \, / \sqrt{s^2 \left(\frac{1}{k r} + \frac{n_{test}}{n_{train}}\right)}

    has about :math:`k r - 1` degrees of freedom (Nadeau and Bengio, "Inference for the generalization
    error", Mach. Learn. 52, 239, 2003; for repeated cross-validation Bouckaert and Frank, "Evaluating
    the replicability of significance tests for comparing learning algorithms", PAKDD 2004). With the test
    share :math:`\rho`, :math:`n_{test} / n_{train} = \rho / (1 - \rho)`, counted in subjects. The
    formula assumes that repeats use other folds: counted on the same folds it would not be stricter
    than the tests over subjects.
    """
    mean, scale, df = _corrected(fold_differences, test_share)
    statistic = mean / scale if scale else math.copysign(math.inf, mean) if mean else 0.0
    p_value = 2 * float(stats.t.sf(abs(statistic), df)) if df else math.nan
    return CorrectedT(statistic, p_value, *student_interval(mean, scale, df, 1 - ALPHA))


class RopeProbabilities(NamedTuple):
    """Probabilities that the mean difference lies below, within and above the rope."""

    worse: float
    within: float
    better: float


def rope_probabilities(
    fold_differences: ArrayLike, test_share: float, rope: float
) -> RopeProbabilities:
    r"""Compute the probabilities that a protocol is worse, practically equal and better.

    Parameters
    ----------
    fold_differences : array-like of shape (n_folds,)
        As for `corrected_t`.
    test_share : float
        As for `corrected_t`.
    rope : float
        Half width of the region of practical equivalence, in units of the score.

    Returns
    -------
    RopeProbabilities
        They add up to 1. All NaN for a single fold.

    Notes
    -----
    The Bayesian correlated t-test (Corani and Benavoli, "A Bayesian approach for comparing
    cross-validated algorithms on multiple data sets", Mach. Learn. 100, 285, 2015). Under a flat
    prior, and with the test share :math:`\rho` for the correlation between any two folds, the
    posterior of the mean difference is Student's t with :math:`k r - 1` degrees of freedom, location
    :math:`\bar d` and squared scale :math:`s^2 (1 / (k r) + \rho / (1 - \rho))`: the scale of
    `corrected_t`.
    """
    check_rope(rope)
    mean, scale, df = _corrected(fold_differences, test_share)
    if scale == 0:
        return RopeProbabilities(float(mean < -rope), float(abs(mean) <= rope), float(mean > rope))
    if not df:
        return RopeProbabilities(math.nan, math.nan, math.nan)
    posterior = stats.t(df, loc=mean, scale=scale)
    worse, not_better = (float(chance) for chance in posterior.cdf([-rope, rope]))
    return RopeProbabilities(worse, not_better - worse, float(posterior.sf(rope)))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Adjust p-values for the number of tests, to control the chance of any false positive.

    Parameters
    ----------
    p_values : array-like of shape (n_tests,)
        NaN where no test was made.

    Returns
    -------
    ndarray of shape (n_tests,)
        The smallest of m p-values times m, the next one times m - 1, and so on, made non-decreasing and
        capped at 1. NaN stays NaN and does not count.

    Notes
    -----
    Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6, 65, 1979.

    Examples
    --------
    >>> from skaug.evaluation.paired_tests import holm
    >>> holm([0.01, float("nan"), 0.03]).tolist()
    [0.02, nan, 0.03]
    """
    p = np.array(p_values, dtype=np.float64)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # NaN sorts last
    factors = np.arange(order.size, 0, -1)
    p[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return p


def check_rope(rope: Any, metric: str = "the score") -> None:
    """Raise unless a rope is a number above zero.

    Raises
    ------
    ValueError
        The message names the metric that sets the unit of the rope.
    """
    if not is_finite_number(rope) or not rope > 0:
        raise ValueError(
            f"rope={rope!r} must be a number above zero: the largest difference that does not matter, in "
            f"units of {metric}."
        )


def finite_differences(values: pd.Series | ArrayLike, unit: str) -> NDArray[np.float64]:
    """Return differences as an array.

    Raises
    ------
    ValueError
        If there are none, or one is NaN or infinite: names the subject or fold.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not array.size:
        raise ValueError(
            f"Pass at least one difference, and one per {unit}, as a one-dimensional array; got an array "
            f"of shape {array.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        names = values.index.tolist() if isinstance(values, pd.Series) else range(array.size)
        raise ValueError(
            f"The difference of {unit} {names[bad[0]]!r} is {array[bad[0]]}. Leave the {unit} out of both "
            "protocols, or choose a metric that is defined for it."
        )
    return array


def without_rounding(d: NDArray[np.float64]) -> NDArray[np.float64]:
    """Set to zero what rounding leaves of equal scores."""
    return np.where(np.abs(d) <= _ROUNDING * np.abs(d).max(), 0.0, d)


def standard_deviation(d: NDArray[np.float64]) -> float:
    """Return the standard deviation, with n - 1; NaN for a single value."""
    return float(d.std(ddof=1)) if d.size > 1 else math.nan


def student_interval(mean: float, scale: float, df: int, confidence: float) -> tuple[float, float]:
    """Return Student's interval of a mean with this standard error; NaN without degrees of freedom."""
    half = float(stats.t.isf((1 - confidence) / 2, df)) * scale if df else math.nan
    return mean - half, mean + half


def _sums_of_all_signs(d: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = np.zeros(1)
    for value in d:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _chances_of_rank_sums(ranks: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the probability of each sum of ranks, if each rank is included with probability 1/2."""
    chances = np.ones(1)
    for rank in ranks:
        longer = np.zeros(chances.size + rank)
        longer[: chances.size] = chances
        longer[rank:] += chances
        chances = longer / 2
    return chances


def _corrected(fold_differences: ArrayLike, test_share: float) -> tuple[float, float, int]:
    """Return mean, corrected standard error and degrees of freedom."""
    d = finite_differences(fold_differences, "fold")
    if not 0 < test_share < 1:
        raise ValueError(
            f"test_share={test_share!r} must lie between 0 and 1: it is the share of the subjects that a "
            "fold tests."
        )
    variance_factor = 1 / d.size + test_share / (1 - test_share)
    return float(d.mean()), standard_deviation(d) * math.sqrt(variance_factor), d.size - 1
