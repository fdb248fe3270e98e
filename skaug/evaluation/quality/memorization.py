"""Memorisation: whether the synthetic windows give training windows away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min

from skaug.evaluation.quality.measure import HALF, LOWER, Measure
from skaug.evaluation.quality.sample import Sample
from skaug.windows.container import Windows

#: Where the nearest window is looked for. In the embedding it is near whatever the phases; among the
#: samples, each channel divided by its standard deviation, noise on top of a copy does not hide it.
SPACES = ("embedding", "samples")

# Within so many standard deviations of a channel two samples are the same number, written twice.
_SAME = 1e-5

_FEWEST_CLUSTERS = 3


def memorization(
    real: Sample, synthetic: Sample, holdout: Sample | None, most: int, seed: int
) -> tuple[list[Measure], list[str]]:
    """Measure how much closer the synthetic windows are to the training windows than to others.

    Parameters
    ----------
    real, synthetic : Sample
        All the windows.
    holdout : Sample or None
        All the windows of held-out subjects.
    most : int
        How many windows of each are asked about; distances are to all.
    seed : int
        Which.

    Returns
    -------
    measures : list of Measure
    notes : list of str
        What was left out, and why.
    """
    copied = Measure(
        "memorisation",
        "exact copies",
        exact_copies(real.windows, synthetic.windows),
        np.nan if holdout is None else exact_copies(real.windows, holdout.windows),
        1.0,
        LOWER,
        "Share of synthetic windows that are a training window, number by number. Floor: copies.",
    )
    if holdout is None:
        return [copied], [
            "No closeness to training windows and no membership inference: without windows of held-out "
            "subjects (holdout) nothing can be said of them."
        ]
    asked_real, asked_synthetic, asked_holdout = (
        sample.draw(most, seed) for sample in (real, synthetic, holdout)
    )
    measures, notes = [], []
    for space in SPACES:
        measures.append(
            Measure(
                "memorisation",
                f"closer to training: {space}",
                closer_to_training(asked_synthetic, real, holdout, space),
                closer_if_left_out(asked_real, real, holdout, space),
                1.0,
                LOWER,
                "Share of synthetic windows that are nearer to a training than to a held-out window. "
                "Ceiling: of real subjects, each left out of the training windows. Floor: copies. "
                "Taking after the training subjects counts as well as taking after their windows.",
            )
        )
    measures.append(copied)
    for space in SPACES:
        attack = membership_auc(asked_real, asked_holdout, synthetic, space)
        if np.isnan(attack.low):
            notes.append(
                f"No interval of the membership inference AUC ({space}): it needs three known subjects or "
                "more on either side, and windows that do not part completely."
            )
        measures.append(
            Measure(
                "memorisation",
                f"membership inference AUC: {space}",
                attack.auc,
                0.5,
                1.0,
                HALF,
                "How well the distance to the nearest synthetic window tells training windows from "
                "those of held-out subjects; low and high are a 95 % interval over subjects. Ceiling: "
                "chance. Floor: copies.",
                low=attack.low,
                high=attack.high,
            )
        )
    return measures, notes


def closer_to_training(
    asked: Sample, real: Sample, holdout: Sample, space: str = "embedding"
) -> float:
    """Give the share of windows whose nearest training window is nearer than the nearest held-out one.

    (Platzer and Reutterer, "Holdout-based empirical assessment of mixed-type synthetic data", Front.
    Big Data 4, 2021, who expect one half. Here more or other subjects may be on one side: see
    `closer_if_left_out`.) Equally near counts half.

    Parameters
    ----------
    asked, real, holdout : Sample
        Windows that are asked about, training windows, windows of other subjects.
    space : {"embedding", "samples"}
        Where distances are measured: see `SPACES`.

    Returns
    -------
    float
    """
    return float(_is_closer(*_points(space, real, asked, real, holdout)).mean())


def closer_if_left_out(
    asked: Sample, real: Sample, holdout: Sample, space: str = "embedding"
) -> float:
    """Give what `closer_to_training` is of real windows of people who are on neither side.

    Each training subject in turn is left out of the training windows, and asked about.

    Parameters
    ----------
    asked, real, holdout : Sample
        Some of the training windows, all of them, windows of other subjects.
    space : {"embedding", "samples"}
        Where distances are measured.

    Returns
    -------
    float
        NaN where the subjects are not known, or there is only one.
    """
    if asked.groups is None or real.groups is None:
        return np.nan
    points, of_real, of_holdout = _points(space, real, asked, real, holdout)
    closer = []
    for subject in pd.unique(asked.groups):
        others = real.groups != subject
        if not others.any():
            return np.nan
        closer.append(_is_closer(points[asked.groups == subject], of_real[others], of_holdout))
    return float(np.concatenate(closer).mean())


def exact_copies(real: Windows, asked: Windows) -> float:
    """Give the share of windows that equal a training window, sample by sample.

    A hundred thousandth of the standard deviation of a channel is no difference, so that numbers
    written with few digits are recognised. A copy that begins elsewhere in the recording is not found
    here, but in `closer_to_training`.

    Parameters
    ----------
    real, asked : Windows
        Training windows, and windows that are asked about.

    Returns
    -------
    float
    """
    values = real.to_numpy()
    tolerance = np.maximum(_SAME * values.std(axis=(0, 1)), 1e-12 * np.abs(values).max(axis=(0, 1)))
    # A sum with random weights is nearly the same where every sample is: few pairs are left to compare.
    weights = np.random.default_rng(0).normal(size=values.shape[1:])
    slack = (np.abs(weights) * tolerance).sum()
    sums = np.tensordot(values, weights, 2)
    order = np.argsort(sums)
    n_copies = 0
    for _, block in asked.blocks():
        others = block.to_numpy()
        of_block = np.tensordot(others, weights, 2)
        first = np.searchsorted(sums[order], of_block - slack, side="left")
        last = np.searchsorted(sums[order], of_block + slack, side="right")
        for nth in np.flatnonzero(last > first):
            candidates = values[order[first[nth] : last[nth]]]
            near = (np.abs(candidates - others[nth]) <= tolerance).all(axis=(1, 2))
            n_copies += bool(near.any())
    return n_copies / len(asked)


class Attack(NamedTuple):
    """The AUC of a membership inference, and its interval."""

    auc: float
    low: float
    high: float


def membership_auc(
    members: Sample, others: Sample, synthetic: Sample, space: str = "embedding"
) -> Attack:
    """Tell training windows from held-out ones by the distance to the nearest synthetic window.

    It is the attack of somebody who has the synthetic windows and nothing else (Chen et al., "GAN-Leaks:
    a taxonomy of membership inference attacks against generative models", CCS 2020, section 5.2). The
    interval takes subjects, not windows, as drawn at random: see `clustered_auc`.

    Parameters
    ----------
    members, others : Sample
        Training windows, and windows of held-out subjects.
    synthetic : Sample
        All the synthetic windows.
    space : {"embedding", "samples"}
        Where distances are measured.

    Returns
    -------
    Attack
        Without an interval where subjects are not known.
    """
    of_members, of_others, targets = _points(space, members, members, others, synthetic)
    near_members, near_others = -_nearest(of_members, targets), -_nearest(of_others, targets)
    return clustered_auc(near_members, near_others, members.groups, others.groups)


def clustered_auc(
    positive: NDArray,
    negative: NDArray,
    positive_groups: NDArray | None,
    negative_groups: NDArray | None,
) -> Attack:
    r"""Give an AUC with a 95 % interval for scores that come in clusters.

    The variance is that of Obuchowski, "Nonparametric analysis of clustered ROC curve data",
    Biometrics 53(2), 1997, for clusters of one class each. With few clusters the normal quantile is too
    small: that of Student's t is taken, with degrees of freedom after Welch and Satterthwaite.

    Parameters
    ----------
    positive, negative : ndarray of shape (n_positive,), (n_negative,)
        Scores, greater for the positive.
    positive_groups, negative_groups : ndarray, or None
        Their clusters.

    Returns
    -------
    Attack
        The interval is NaN for fewer than three clusters on either side, of which it would hold too
        little, or if no scores overlap.
    """
    above = _placements(positive, negative)
    below = 1 - _placements(negative, positive)
    auc = float(above.mean())
    if positive_groups is None or negative_groups is None:
        return Attack(auc, np.nan, np.nan)
    parts = []
    for placements, groups in ((above, positive_groups), (below, negative_groups)):
        codes, clusters = pd.factorize(groups)
        n = len(clusters)
        if n < _FEWEST_CLUSTERS:
            return Attack(auc, np.nan, np.nan)
        sums = np.bincount(codes, weights=placements - auc)
        parts.append((n / (n - 1) * (sums**2).sum() / len(codes) ** 2, n - 1))
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Attack(auc, np.nan, np.nan)
    freedom = variance**2 / sum(part**2 / n for part, n in parts)
    reach = scipy.stats.t.ppf(0.975, freedom) * np.sqrt(variance)
    return Attack(auc, float(max(auc - reach, 0.0)), float(min(auc + reach, 1.0)))


def _points(space: str, real: Sample, *samples: Sample) -> Iterator[NDArray]:
    """Give windows as points, of shape (n_windows, n_dimensions) each."""
    if space == "embedding":
        return (sample.embedded for sample in samples)
    sd = real.values.std(axis=(0, 1))
    scale = np.where(sd > 0, sd, 1.0)
    return ((sample.values / scale).reshape(len(sample), -1) for sample in samples)


def _is_closer(asked: NDArray, real: NDArray, holdout: NDArray) -> NDArray[np.float64]:
    to_real, to_holdout = _nearest(asked, real), _nearest(asked, holdout)
    return np.where(to_real == to_holdout, 0.5, to_real < to_holdout)


def _nearest(asked: NDArray, points: NDArray) -> NDArray[np.float64]:
    return pairwise_distances_argmin_min(asked, points)[1]


def _placements(scores: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Share of the others that lie below each score, ties counted half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, side="left")
    up_to = np.searchsorted(ordered, scores, side="right")
    return (below + up_to) / (2 * len(others))
