"""Discrimination: how well a classifier can tell synthetic windows from real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from skaug.evaluation.quality.comparison import Comparison
from skaug.evaluation.quality.measure import HALF, LOWER, Measure
from skaug.evaluation.quality.sample import Sample

# Larger sets are cut to this many windows.
_MOST_WINDOWS = 1000


def discrimination(comparison: Comparison, seed: int) -> tuple[list[Measure], list[str]]:
    """Measure how well a classifier tells real and synthetic windows apart.

    The ceiling is the mean over several deals of all real subjects into two sets, because with few
    subjects the result of a single deal is a matter of luck.

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
    value, floor = (
        discriminate(comparison.real, other, seed)
        for other in (comparison.synthetic, comparison.noise)
    )
    if value is None:
        return [], [
            "No discriminative score: its classifier is tested on subjects that it was not trained on, "
            "which needs real and synthetic windows of at least two known subjects."
        ]
    dealt = [score for deal in comparison.deals if (score := discriminate(*deal, seed))]
    notes = (
        [] if dealt else ["No ceiling of the discriminative score: it needs four real subjects."]
    )
    return list(_rows(value, dealt, floor)), notes


class Discrimination(NamedTuple):
    """How well a classifier tells two sets apart."""

    score: float
    auc: float


def discriminate(real: Sample, other: Sample, seed: int) -> Discrimination | None:
    """Train a classifier to tell two sets of windows apart, and test it on unseen subjects.

    The score is ``|accuracy - 0.5|`` (Yoon, Jarrett and van der Schaar, "Time-series generative
    adversarial networks", NeurIPS 2019, section 5). The accuracy is the mean over both sets, and the
    AUC is the mean over folds. Yoon et al. train a recurrent network and split windows at random. Here
    the classifier is a forest of 100 extremely randomized trees on the embedding and
    `WaveformStatistics`, in up to 5 folds of whole subjects: real and synthetic windows of a subject
    are in the same fold.

    Parameters
    ----------
    real, other : Sample
        The two sets.
    seed : int
        For folds and forests.

    Returns
    -------
    Discrimination, or None
        None if the subjects are unknown, or a set has fewer than two.
    """
    real, other = (sample.draw(_MOST_WINDOWS, seed) for sample in (real, other))
    if real.groups is None or other.groups is None:
        return None
    groups = pd.factorize(np.concatenate([real.groups, other.groups]))[0]
    n_folds = min(5, *(len(np.unique(part)) for part in (groups[: len(real)], groups[len(real) :])))
    if n_folds < 2:
        return None
    X = np.concatenate([real.features, other.features])
    is_other = np.repeat([False, True], [len(real), len(other)])
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    share = np.full(len(X), np.nan)
    aucs = []
    for train, test in folds.split(X, is_other, groups):
        if len(np.unique(is_other[train])) < 2:
            continue
        forest = ExtraTreesClassifier(
            100, min_samples_leaf=2, class_weight="balanced", random_state=seed
        )
        share[test] = forest.fit(X[train], is_other[train]).predict_proba(X[test])[:, 1]
        if len(np.unique(is_other[test])) == 2:
            aucs.append(roc_auc_score(is_other[test], share[test]))
    judged = ~np.isnan(share)
    if not aucs:
        return None
    accuracy = balanced_accuracy_score(is_other[judged], share[judged] > 0.5)
    return Discrimination(float(abs(accuracy - 0.5)), float(np.mean(aucs)))


def _rows(
    value: Discrimination, dealt: Sequence[Discrimination], floor: Discrimination | None
) -> Iterator[Measure]:
    unknown = Discrimination(np.nan, np.nan)
    floor = floor or unknown
    ceiling = Discrimination(*np.mean(dealt, axis=0).tolist()) if dealt else unknown
    for name, nth, better, meaning in (
        (
            "discriminative score",
            0,
            LOWER,
            "|accuracy - 0.5| of a classifier of real and synthetic windows, on unseen subjects. "
            "Ceiling: all real subjects dealt into two sets, mean over several deals.",
        ),
        ("discriminative AUC", 1, HALF, "AUC of the same classifier, with the same ceiling."),
    ):
        yield Measure("fidelity", name, value[nth], ceiling[nth], floor[nth], better, meaning)
