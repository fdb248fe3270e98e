"""Discrimination: how well a classifier can tell synthetic windows from real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from skaug.evaluation.quality.comparison import N_SUBSETS, Comparison
from skaug.evaluation.quality.measure import HALF, LOWER, Measure
from skaug.evaluation.quality.sample import Sample

# Noise is easily found: a few subsets are enough.
_NOISE_SUBSETS = 4


def discrimination(comparison: Comparison, seed: int) -> tuple[list[Measure], list[str]]:
    """Measure how well a classifier tells real and synthetic windows apart.

    The value is a mean over 20 subsets, each tested on another fold of subjects. The ceiling is a mean
    over 20 deals of all real subjects into two sets. With few subjects the result of a single split of
    the subjects is a matter of luck.

    Parameters
    ----------
    comparison : Comparison
        Samples of equal size.
    seed : int
        For folds and forests.

    Returns
    -------
    measures : list of Measure
    notes : list of str
        What was left out, and why.
    """
    synthetic, noise, dealt = [], [], []
    for nth in range(N_SUBSETS):
        subset = comparison.subset(nth)
        synthetic.append(discriminate(subset.real, subset.synthetic, nth, seed))
        if subset.dealt is not None:
            dealt.append(discriminate(*subset.dealt, nth, seed))
        if nth < _NOISE_SUBSETS:
            of_noise = comparison.noise.of_subjects(subset.real.groups)
            noise.append(discriminate(subset.real, of_noise, nth, seed))
    found = [[each for each in part if each is not None] for part in (synthetic, noise, dealt)]
    if not found[0]:
        return [], [
            "No discriminative score: its classifier is tested on subjects that it was not trained on, "
            "which needs real and synthetic windows of at least two known subjects."
        ]
    notes = (
        [] if found[2] else ["No ceiling of the discriminative score: it needs four real subjects."]
    )
    return list(_rows(*found)), notes


class Discrimination(NamedTuple):
    """How well a classifier tells two sets apart."""

    accuracy: float
    auc: float


def discriminate(real: Sample, other: Sample, nth: int, seed: int) -> Discrimination | None:
    """Train a classifier to tell two sets of windows apart, and test it on unseen subjects.

    The classifier is a forest of 50 extremely randomized trees on the embedding and
    `WaveformStatistics`. It is tested on one of up to 5 folds of whole subjects: real and synthetic
    windows of a subject are in the same fold. (Yoon, Jarrett and van der Schaar, "Time-series generative
    adversarial networks", NeurIPS 2019, section 5, train a recurrent network and split windows at
    random.)

    Parameters
    ----------
    real, other : Sample
        The two sets.
    nth : int
        Which fold to test. After all folds of a split, the subjects are split again.
    seed : int
        For splits and forests.

    Returns
    -------
    Discrimination, or None
        The accuracy is the mean over both sets. None if the subjects are unknown, or a set has fewer
        than two.
    """
    if real.groups is None or other.groups is None:
        return None
    groups = pd.factorize(np.concatenate([real.groups, other.groups]))[0]
    n_folds = min(5, *(len(np.unique(part)) for part in (groups[: len(real)], groups[len(real) :])))
    if n_folds < 2:
        return None
    X = np.concatenate([real.features, other.features])
    is_other = np.repeat([False, True], [len(real), len(other)])
    split = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed + nth // n_folds)
    folds = [
        (train, test)
        for train, test in split.split(X, is_other, groups)
        if all(len(np.unique(is_other[part])) == 2 for part in (train, test))
    ]
    if not folds:
        return None
    train, test = folds[nth % len(folds)]
    forest = ExtraTreesClassifier(
        50, min_samples_leaf=2, class_weight="balanced", random_state=seed + nth
    )
    share = forest.fit(X[train], is_other[train]).predict_proba(X[test])[:, 1]
    return Discrimination(
        accuracy=float(balanced_accuracy_score(is_other[test], share > 0.5)),
        auc=float(roc_auc_score(is_other[test], share)),
    )


def _rows(
    synthetic: Sequence[Discrimination],
    noise: Sequence[Discrimination],
    dealt: Sequence[Discrimination],
) -> Iterator[Measure]:
    unknown = Discrimination(np.nan, np.nan)
    value, floor, ceiling = (
        Discrimination(*np.mean(part, axis=0).tolist()) if part else unknown
        for part in (synthetic, noise, dealt)
    )
    # Rounded, because perfect scores differ in their last bit: that is not a spread.
    deviations = np.std(synthetic, axis=0, ddof=min(1, len(synthetic) - 1)).round(12)
    spread = Discrimination(*deviations.tolist())
    yield Measure(
        "fidelity",
        "discriminative score",
        value=abs(value.accuracy - 0.5),
        floor=abs(floor.accuracy - 0.5),
        ceiling=abs(ceiling.accuracy - 0.5),
        better=LOWER,
        meaning="|accuracy - 0.5| of a classifier of real and synthetic windows, on unseen subjects. "
        "Ceiling: all real subjects dealt into two sets.",
        spread=spread.accuracy,
    )
    yield Measure(
        "fidelity",
        "discriminative AUC",
        value=value.auc,
        floor=floor.auc,
        ceiling=ceiling.auc,
        better=HALF,
        meaning="AUC of the same classifier, with the same ceiling.",
        spread=spread.auc,
    )
