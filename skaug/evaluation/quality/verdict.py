"""Plain sentences about what the measures of synthetic windows show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.measure import format_number as number

# The AUC of a classifier of real and synthetic windows, and what to call it.
_DISTINGUISHED = ((0.95, "almost perfectly"), (0.8, "well"), (0.6, "in part"))

# A difference between two AUCs that means nothing.
_SAME_AUC = 0.05

# Labels are judged if real windows show them with at most this share of the error of shuffled ones.
_SHOWN = 0.8

# Positions between floor and ceiling from which labels are kept, and kept in part.
_KEPT, _PARTLY_KEPT = 0.8, 0.3

# Up to this many times the error of real windows, labels show nearly as well.
_NEARLY_AS_WELL = 1.5

# Shares of the coverage of other real windows from which windows vary like those, and in part.
_COVERED, _PARTLY_COVERED = 0.8, 0.4

# More near duplicates than other real windows have, by this share of all windows, are repetition.
_REPEATED = 0.2

# AUCs from which training windows can be recognized if the interval excludes 0.5, and in any case.
_RECOGNIZED, _SURELY_RECOGNIZED = 0.6, 0.95


class Finding(NamedTuple):
    """What the measures of one family show, in a few words and in a sentence."""

    short: str
    sentence: str


def findings(measures: Sequence[Measure]) -> dict[str, Finding]:
    """Say what each family of measures shows.

    Parameters
    ----------
    measures : sequence of Measure
        The measures of a report.

    Returns
    -------
    dict of str to Finding
        One entry per family, without the families that cannot be judged.
    """
    by_name = {measure.name: measure for measure in measures}
    labels = [measure for measure in measures if measure.family == "adherence"]
    found = {
        "fidelity": _fidelity(by_name),
        "adherence": _adherence(labels),
        "diversity": _diversity(by_name),
        "memorization": _memorization(by_name),
    }
    return {family: finding for family, finding in found.items() if finding is not None}


def verdict(found: Mapping[str, Finding]) -> str:
    """Say in one sentence what all measures show.

    Parameters
    ----------
    found : dict of str to Finding
        The findings of each family.

    Returns
    -------
    str
    """
    if not found:
        return "Nothing can be said about these synthetic windows."
    return f"Synthetic windows: {', '.join(finding.short for finding in found.values())}."


def _fidelity(measures: Mapping[str, Measure]) -> Finding | None:
    auc, mmd = measures.get("discriminative AUC"), measures.get("MMD")
    if auc is not None:
        return _discrimination(auc)
    if mmd is None or np.isnan(mmd.position()):
        return None
    figures = f"(MMD {number(mmd.value)}; noise {number(mmd.floor)}, real {number(mmd.ceiling)})"
    if mmd.position() >= _KEPT:
        return Finding(
            "about as close to real windows as other real windows",
            f"They are about as close to the training windows as other real windows are {figures}.",
        )
    return Finding(
        "between noise and real windows",
        f"They are less close to the training windows than other real windows are {figures}.",
    )


def _discrimination(auc: Measure) -> Finding:
    of_real = (
        "" if np.isnan(auc.ceiling) else f"; {number(auc.ceiling)} for two sets of real subjects"
    )
    figures = f"(AUC {number(auc.value)}; 0.5 is chance{of_real})"
    how_well = next((words for least, words in _DISTINGUISHED if auc.value >= least), None)
    if how_well is None:
        return Finding(
            "hardly distinguished from real ones",
            f"A classifier can hardly tell them apart from real windows {figures}.",
        )
    if auc.value <= auc.ceiling + _SAME_AUC:
        return Finding(
            "distinguished from real ones no better than real subjects from each other",
            "A classifier tells them apart from real windows no better than two sets of real subjects "
            f"{figures}.",
        )
    return Finding(
        f"distinguished from real ones {how_well}",
        f"A classifier tells them apart from real windows {how_well} {figures}.",
    )


def _adherence(measures: Sequence[Measure]) -> Finding | None:
    measures = [measure for measure in measures if not np.isnan(measure.ceiling)]
    if not measures:
        return None
    # The measure by which real windows show their labels best.
    best = min(measures, key=lambda each: each.ceiling / each.floor if each.floor > 0 else np.inf)
    figures = (
        f"({best.name} {number(best.value)}; real windows {number(best.ceiling)}, shuffled labels "
        f"{number(best.floor)})"
    )
    if best.ceiling > _SHOWN * best.floor or not best.tells_apart():
        return Finding(
            "labels cannot be judged",
            f"Their labels cannot be judged: even real windows hardly show theirs {figures}.",
        )
    position = best.position()
    if position >= _KEPT:
        how_well = "nearly as well as real windows do"
        if best.value > _NEARLY_AS_WELL * best.ceiling:
            how_well = "far better than with shuffled labels, but less well than real windows do"
        return Finding("keep their labels", f"They show their labels {how_well} {figures}.")
    if position >= _PARTLY_KEPT:
        return Finding(
            "keep their labels in part",
            f"They show their labels less well than real windows do {figures}.",
        )
    return Finding("do not show their labels", f"They hardly show their labels {figures}.")


def _diversity(measures: Mapping[str, Measure]) -> Finding | None:
    coverage, duplicates = measures.get("coverage"), measures.get("near duplicates")
    if coverage is None or duplicates is None:
        return None
    if duplicates.value > np.nan_to_num(duplicates.ceiling) + _REPEATED:
        return Finding(
            "repeat themselves",
            f"{_percent(duplicates.value)} of them are near duplicates of each other"
            f"{_of_real(duplicates)}.",
        )
    figures = f"(coverage {_percent(coverage.value)}{_of_real(coverage)})"
    share = coverage.value / coverage.ceiling if coverage.ceiling > 0 else coverage.value
    if share >= _COVERED:
        short, how_much = "vary like real windows", "most"
    elif share >= _PARTLY_COVERED:
        short, how_much = "cover part of the variety", "part"
    else:
        short, how_much = "cover little of the variety", "little"
    if coverage.ceiling > 0:
        sentence = f"They cover {how_much} of the variety that other real windows cover"
    else:
        sentence = f"They cover {how_much} of the variety of the training windows"
    return Finding(short, f"{sentence} {figures}.")


def _memorization(measures: Mapping[str, Measure]) -> Finding | None:
    copies = measures.get("exact copies")
    if copies is None:
        return None
    if copies.value > np.nan_to_num(copies.ceiling):
        share = _percent(copies.value)
        return Finding(f"{share} copies", f"{share} of them are exact copies of training windows.")
    attacks = [
        (measures[name], where)
        for name, where in (
            ("membership inference AUC: samples", "between samples"),
            ("membership inference AUC: embedding", "in the embedding"),
        )
        if name in measures
    ]
    if not attacks:
        return Finding(
            "no exact copies",
            "None is an exact copy of a training window. To find near copies, pass windows of held-out "
            "subjects as holdout.",
        )
    attack, where = max(attacks, key=lambda pair: (_is_recognized(pair[0]), pair[0].value))
    figures = f"AUC {number(attack.value)}; 0.5 is chance"
    by_distance = f"by their distance to the nearest synthetic window {where}"
    if attack.value < _RECOGNIZED:
        return Finding(
            "no copies",
            "None is an exact copy of a training window, and training windows cannot be recognized "
            f"{by_distance} ({figures}).",
        )
    if _is_recognized(attack):
        return Finding(
            "reveal training windows",
            "None is an exact copy of a training window, but training windows can be recognized "
            f"{by_distance} ({figures}).",
        )
    return Finding(
        "no exact copies",
        "None is an exact copy of a training window. Whether training windows can be recognized "
        f"{by_distance} is uncertain with so few subjects ({figures}).",
    )


def _is_recognized(attack: Measure) -> bool:
    if attack.value >= _SURELY_RECOGNIZED:
        return True
    return attack.value >= _RECOGNIZED and attack.low > 0.5


def _of_real(measure: Measure) -> str:
    return "" if np.isnan(measure.ceiling) else f"; other real windows {_percent(measure.ceiling)}"


def _percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.01 else f"{100 * share:.0f} %"
