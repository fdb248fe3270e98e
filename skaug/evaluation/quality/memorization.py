"""Memorization: whether synthetic windows reveal training windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min

from skaug.evaluation.quality.measure import HALF, LOWER, Measure
from skaug.evaluation.quality.sample import Sample
from skaug.windows.container import Windows

#: Where distances are measured: in the embedding, where the default one ignores the phases, and between
#: samples (each channel divided by its standard deviation), where noise does not hide a copy.
SPACES = ("embedding", "samples")

# Two samples are equal if they differ by at most this many standard deviations of the channel.
_SAME = 1e-5

_FEWEST_CLUSTERS = 3


def memorization(
    everything: Mapping[str, Sample], judged: Mapping[str, Sample]
) -> tuple[list[Measure], list[str]]:
    """Measure whether synthetic windows are closer to the training windows than they should be.

    Parameters
    ----------
    everything : dict of str to Sample
        All windows: ``real``, ``synthetic`` and, where there are held-out windows, ``holdout``.
    judged : dict of str to Sample
        Some of the windows in `everything`. Their distances to all windows are measured.

    Returns
    -------
    measures : list of Measure
    notes : list of str
        What was left out, and why.
    """
    real, synthetic = everything["real"], everything["synthetic"]
    holdout = everything.get("holdout")
    copied = Measure(
        "memorization",
        "exact copies",
        value=exact_copies(real.windows, synthetic.windows),
        floor=1.0,
        ceiling=np.nan if holdout is None else exact_copies(real.windows, holdout.windows),
        better=LOWER,
        meaning="Share of synthetic windows that equal a training window in every sample. Ceiling: the "
        "share of held-out windows. Floor: copies of training windows.",
    )
    if holdout is None:
        return [copied], [
            "No closeness to training windows and no membership inference: both need windows of held-out "
            "subjects (holdout)."
        ]
    measures, notes = [], []
    for space in SPACES:
        measures.append(
            Measure(
                "memorization",
                f"closer to training: {space}",
                value=closer_to_training(judged["synthetic"], real, holdout, space),
                floor=1.0,
                ceiling=closer_if_left_out(judged["real"], real, holdout, space),
                better=LOWER,
                meaning="Share of synthetic windows that are closer to a training window than to any "
                "held-out window. Ceiling: the share of real windows, with their own subject left out of "
                "the training windows. Floor: copies of training windows. Resembling the training "
                "subjects raises it as much as resembling their windows.",
            )
        )
    measures.append(copied)
    for space in SPACES:
        attack = membership_auc(judged["real"], judged["holdout"], synthetic, space)
        if np.isnan(attack.low):
            notes.append(
                f"No interval of the membership inference AUC ({space}): it needs at least three known "
                "training subjects and three held-out ones, and distances that overlap."
            )
        measures.append(
            Measure(
                "memorization",
                f"membership inference AUC: {space}",
                value=attack.auc,
                floor=1.0,
                ceiling=0.5,
                better=HALF,
                meaning="How well the distance to the nearest synthetic window tells training windows from "
                "windows of held-out subjects, with a 95 % interval over subjects. Ceiling: chance. "
                "Floor: copies of training windows.",
                low=attack.low,
                high=attack.high,
            )
        )
    return measures, notes


def closer_to_training(
    judged: Sample, real: Sample, holdout: Sample, space: str = "embedding"
) -> float:
    """Compute the share of windows that are closer to a training window than to any held-out window.

    (Platzer and Reutterer, "Holdout-based empirical assessment of mixed-type synthetic data", Front.
    Big Data 4, 2021.) Ties count one half. They expect a share of one half; with more subjects, or
    other ones, on one side it differs: see `closer_if_left_out`.

    Parameters
    ----------
    judged, real, holdout : Sample
        The windows to judge, the training windows, and windows of other subjects.
    space : {"embedding", "samples"}
        Where distances are measured: see `SPACES`.

    Returns
    -------
    float
    """
    return float(_is_closer(*_points(space, real, judged, real, holdout)).mean())


def closer_if_left_out(
    judged: Sample, real: Sample, holdout: Sample, space: str = "embedding"
) -> float:
    """Compute `closer_to_training` for real windows of subjects who are in neither set.

    Each training subject in turn is left out of the training windows, and judged.

    Parameters
    ----------
    judged, real, holdout : Sample
        Some of the training windows, all of them, and windows of other subjects.
    space : {"embedding", "samples"}
        Where distances are measured.

    Returns
    -------
    float
        NaN if the subjects are unknown, or there is only one.
    """
    if judged.groups is None or real.groups is None:
        return np.nan
    points, of_real, of_holdout = _points(space, real, judged, real, holdout)
    closer = []
    for subject in pd.unique(judged.groups):
        others = real.groups != subject
        if not others.any():
            return np.nan
        closer.append(_is_closer(points[judged.groups == subject], of_real[others], of_holdout))
    return float(np.concatenate(closer).mean())


def exact_copies(real: Windows, judged: Windows) -> float:
    """Compute the share of windows that equal a training window in every sample.

    Samples are equal if they differ by at most a hundred-thousandth of the standard deviation of the
    channel, so that copies with rounded numbers are found. A copy that begins elsewhere in the
    recording is not found here, but by `closer_to_training`.

    Parameters
    ----------
    real, judged : Windows
        The training windows, and the windows to judge.

    Returns
    -------
    float
    """
    values = real.to_numpy()
    tolerance = np.maximum(_SAME * values.std(axis=(0, 1)), 1e-12 * np.abs(values).max(axis=(0, 1)))
    # Equal windows have nearly equal sums with random weights, so that only few pairs need comparing.
    weights = np.random.default_rng(0).normal(size=values.shape[1:])
    slack = (np.abs(weights) * tolerance).sum()
    sums = np.tensordot(values, weights, 2)
    order = np.argsort(sums)
    n_copies = 0
    for _, block in judged.blocks():
        others = block.to_numpy()
        of_block = np.tensordot(others, weights, 2)
        first = np.searchsorted(sums[order], of_block - slack, side="left")
        last = np.searchsorted(sums[order], of_block + slack, side="right")
        for nth in np.flatnonzero(last > first):
            candidates = values[order[first[nth] : last[nth]]]
            near = (np.abs(candidates - others[nth]) <= tolerance).all(axis=(1, 2))
            n_copies += bool(near.any())
    return n_copies / len(judged)


class Attack(NamedTuple):
    """The AUC of a membership inference, and its interval."""

    auc: float
    low: float
    high: float


def membership_auc(
    members: Sample, others: Sample, synthetic: Sample, space: str = "embedding"
) -> Attack:
    """Tell training windows from held-out ones by the distance to the nearest synthetic window.

    This is the attack of someone who has nothing but the synthetic windows (Chen et al., "GAN-Leaks: a
    taxonomy of membership inference attacks against generative models", CCS 2020, section 5.2). The
    interval treats subjects, not windows, as the random sample: see `clustered_auc`.

    Parameters
    ----------
    members, others : Sample
        Training windows, and windows of held-out subjects.
    synthetic : Sample
        All synthetic windows.
    space : {"embedding", "samples"}
        Where distances are measured.

    Returns
    -------
    Attack
        Without an interval if the subjects are unknown.
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
    """Compute an AUC with a 95 % interval for scores that come in clusters.

    The variance is that of Obuchowski, "Nonparametric analysis of clustered ROC curve data",
    Biometrics 53(2), 1997, for clusters of one class each. With few clusters the normal quantile is too
    small. The quantile used here is that of Student's t, with degrees of freedom after Welch and
    Satterthwaite.

    Parameters
    ----------
    positive, negative : ndarray of shape (n_positive,), (n_negative,)
        The scores of the two classes.
    positive_groups, negative_groups : ndarray, or None
        The cluster of each score.

    Returns
    -------
    Attack
        The interval is NaN if a class has fewer than three clusters, where it would be too narrow, or
        if the classes do not overlap.
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
    """Return the points of each sample, of shape (n_windows, n_dimensions)."""
    if space == "embedding":
        return (sample.embedded for sample in samples)
    sd = real.values.std(axis=(0, 1))
    scale = np.where(sd > 0, sd, 1.0)
    return ((sample.values / scale).reshape(len(sample), -1) for sample in samples)


def _is_closer(judged: NDArray, real: NDArray, holdout: NDArray) -> NDArray[np.float64]:
    to_real, to_holdout = _nearest(judged, real), _nearest(judged, holdout)
    return np.where(to_real == to_holdout, 0.5, to_real < to_holdout)


def _nearest(judged: NDArray, points: NDArray) -> NDArray[np.float64]:
    return pairwise_distances_argmin_min(judged, points)[1]


def _placements(scores: NDArray, others: NDArray) -> NDArray[np.float64]:
    """Return the share of the others that lie below each score; ties count one half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, scores, side="left")
    up_to = np.searchsorted(ordered, scores, side="right")
    return (below + up_to) / (2 * len(others))
