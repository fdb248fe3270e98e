"""The rows of a comparison's summary: scores, differences, p-values and verdicts of one metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from skaug.evaluation.inference import FEWEST_SUBJECTS, PairedInference, infer
from skaug.evaluation.paired_tests import ALPHA, holm
from skaug.evaluation.protocol_variants import TESTED_ON_SYNTHETIC, is_control
from skaug.evaluation.scores import score_differences
from skaug.evaluation.verdict import TOO_FEW_SUBJECTS, Baseline, with_baselines

_COLUMNS = [
    *("protocol", "metric", "n_subjects", "mean", "sd", "difference", "ci_low", "ci_high"),
    *("n_better", "n_worse", "p_value", "p_holm", "p_wilcoxon", "p_corrected"),
    *("p_rope_worse", "p_rope_within", "p_rope_better", "verdict"),
]


class Family(NamedTuple):
    """A family of tests, whose p-values are adjusted together by Holm's method.

    Attributes
    ----------
    adjusted : dict of str to float
        The adjusted p-value of each protocol that is judged.
    n_tests : int
        Number of tests in the family, of other strata included.
    """

    adjusted: dict[str, float]
    n_tests: int


def families(parts: Sequence[Mapping[str, PairedInference]]) -> list[Family]:
    """Adjust the p-values of the protocols that are judged, in all strata together.

    Parameters
    ----------
    parts : sequence of dict of str to PairedInference
        The inferences of each stratum, by protocol. Controls are not in the family.

    Returns
    -------
    list of Family
        One per stratum.
    """
    tests = [
        (i, name, part.p_value)
        for i, inferences in enumerate(parts)
        for name, part in inferences.items()
        if not is_control(name)
    ]
    adjusted = holm([p_value for _, _, p_value in tests])
    n_tests = sum(not np.isnan(p_value) for _, _, p_value in tests)
    found = [Family({}, n_tests) for _ in parts]
    for (i, name, _), p_value in zip(tests, adjusted, strict=True):
        found[i].adjusted[name] = float(p_value)
    return found


def summary_rows(
    metric: str,
    scores: pd.DataFrame,
    inferences: Mapping[str, PairedInference],
    reference: str,
    baselines: Mapping[str, Sequence[Baseline]],
    family: Family,
) -> list[dict[str, Any]]:
    """Return one row per protocol.

    Parameters
    ----------
    metric : str
        The metric of the scores.
    scores : DataFrame
        One row per subject, one column per protocol.
    inferences : dict of str to PairedInference
        The differences of the protocols that are judged and of the controls; empty if there are no scores.
    reference : str
        The protocol that the differences are from.
    baselines : dict of str to sequence of Baseline
        The baselines beside each protocol that is judged.
    family : Family
        The tests that p-values are adjusted for.

    Returns
    -------
    list of dict
        NaN where a column does not apply to a protocol.
    """
    # With this many tests even the most extreme outcome could be chance.
    is_hopeless = 2 / 2.0 ** len(scores) * family.n_tests >= ALPHA
    rows = []
    for protocol in scores:
        row: dict[str, Any] = {
            "protocol": protocol,
            "metric": metric,
            "n_subjects": len(scores),
            "mean": scores[protocol].mean(),
            "sd": scores[protocol].std(ddof=1),
        }
        if protocol in inferences:
            row |= _difference(inferences[protocol], family.adjusted.get(protocol, np.nan))
            row["verdict"] = with_baselines(row["verdict"], baselines.get(protocol, ()), reference)
            if is_control(protocol):
                row["verdict"] = "control"
            elif row["verdict"] == "undecided" and is_hopeless:
                row["verdict"] = TOO_FEW_SUBJECTS
        elif protocol in TESTED_ON_SYNTHETIC:
            row["verdict"] = "not judged: tested on synthetic windows"
        elif reference not in scores:
            row["verdict"] = ""
        else:
            row["verdict"] = "reference" if protocol == reference else TOO_FEW_SUBJECTS
        rows.append({**dict.fromkeys(_COLUMNS, np.nan), **row})
    return rows


def baseline_rows(
    metric: str, baselines: pd.DataFrame, scores: pd.DataFrame, reference: str
) -> list[dict[str, Any]]:
    """Return one row per baseline.

    Parameters
    ----------
    metric : str
        The metric of the scores.
    baselines, scores : DataFrame
        One row per subject, one column per baseline or protocol.
    reference : str
        The protocol that the differences are from.

    Returns
    -------
    list of dict
        Without p-values: a baseline is not judged.
    """
    rows = []
    for name, of_baseline in baselines.items():
        pairs = pd.DataFrame({"baseline": of_baseline}).dropna()
        inference = None
        if reference in scores and len(pairs):
            pairs[reference] = scores[reference]
            inference = infer(score_differences(pairs, ["baseline"], reference)["baseline"])
        rows.append(_baseline_row(str(name), metric, pairs["baseline"], inference))
    return rows


def _baseline_row(
    name: str, metric: str, scores: pd.Series, inference: PairedInference | None
) -> dict[str, Any]:
    row = dict.fromkeys(_COLUMNS, np.nan) | {
        "protocol": name,
        "metric": metric,
        "n_subjects": len(scores),
        "mean": scores.mean(),
        "sd": scores.std(ddof=1),
        "verdict": "baseline",
    }
    if inference is not None:
        known = _difference(inference, np.nan)
        row |= {key: known[key] for key in _DIFFERENCE}
    return row


_DIFFERENCE = ("difference", "ci_low", "ci_high", "n_better", "n_worse")


def _difference(inference: PairedInference, p_adjusted: float) -> dict[str, Any]:
    """Return the columns that describe the difference from the reference."""
    has_p = inference.n_subjects >= FEWEST_SUBJECTS
    return {
        "difference": inference.mean,
        "ci_low": inference.ci_low,
        "ci_high": inference.ci_high,
        "n_better": inference.n_better,
        "n_worse": inference.n_worse,
        "p_value": inference.p_value,
        "p_holm": p_adjusted if has_p else np.nan,
        "p_wilcoxon": inference.p_wilcoxon,
        "p_corrected": inference.p_corrected,
        "p_rope_worse": inference.p_worse,
        "p_rope_within": inference.p_within,
        "p_rope_better": inference.p_better,
        "verdict": inference.verdict(p_adjusted),
    }
