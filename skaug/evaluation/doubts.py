"""Caveats of a verdict, as sentences."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric, signed
from skaug.evaluation.inference import FEWEST_SUBJECTS
from skaug.evaluation.paired_tests import ALPHA, sign_flip_p
from skaug.evaluation.protocol_variants import CONTROLS, label_of, protocol_of
from skaug.evaluation.scores import score_differences

_MEANINGS = {
    "TRRTR": "more windows alone have this effect, regardless of what they contain",
    "TRPTR": "the effect is regularization, not what the synthetic windows show about the label",
}


def of_controls(protocol: str, scores: pd.DataFrame, random_state: int) -> list[str]:
    """Explain what it means if a control does as well as a protocol, or may do so.

    Parameters
    ----------
    protocol : str
        A column of `scores`, alone or with the name of a synthesizer, which may have controls of its own.
    scores : DataFrame
        One row per subject, one column per protocol.
    random_state : int
        Seed of the random sign flips.

    Returns
    -------
    list of str
        Empty where the protocol is not better than TRTR, because there is nothing to explain then.
    """
    if protocol not in scores or "TRTR" not in scores or scores.empty:
        return []
    if score_differences(scores, [protocol], "TRTR")[protocol].mean() <= 0:
        return []
    sentences = []
    synthesizer = protocol_of(protocol)[1]
    judged = protocol if synthesizer is None else repr(protocol)
    for name, what in CONTROLS.items():
        control = name
        if synthesizer is not None and label_of(name, synthesizer) in scores:
            control = label_of(name, synthesizer)
        if control not in scores:
            continue
        ahead = score_differences(scores, [protocol], control)[protocol]
        if ahead.mean() <= 0:
            than = "" if synthesizer is None else f" as {judged}"
            sentences.append(f"The control {name} ({what}) does as well{than}: {_MEANINGS[name]}.")
        elif len(ahead) >= FEWEST_SUBJECTS and sign_flip_p(ahead, random_state) >= ALPHA:
            sentences.append(
                f"{judged} is not shown to beat the control {name} ({what}): perhaps "
                f"{_MEANINGS[name]}."
            )
    return sentences


def of_average(metric: ReadableMetric, outputs: Mapping[str, pd.Series]) -> list[str]:
    """Return the difference and the verdict of each output that a metric averages over, as a sentence.

    Parameters
    ----------
    metric : ReadableMetric
        The metric that is averaged.
    outputs : dict of str to Series
        The row of the summary of each output, as it is shown.

    Returns
    -------
    list of str
        Empty where there is one output.
    """
    if not outputs:
        return []
    of_each = [
        name + ("" if pd.isna(row["difference"]) else f" {signed(row['difference'])}")
        for name, row in outputs.items()
    ]
    verdicts = [row["verdict"] for row in outputs.values()]
    listed = [f"{one} ({verdict})" for one, verdict in zip(of_each, verdicts, strict=True)]
    return [
        f"{metric.label} is the average over {len(outputs)} outputs. Of each alone: {', '.join(listed)}."
    ]


def of_calibration(shared: str) -> str:
    """Return the sentence for models that are trained on a part of each test subject by design."""
    return (
        f"By design, the training sets also contain {shared}: these scores are about people the model is "
        "calibrated to, not about new subjects."
    )


def of_undefined_scores(
    metric: ReadableMetric, n_defined: int, n_subjects: int, *, is_classifier: bool
) -> list[str]:
    """Say for how many subjects a metric is defined, if not for all, and which metrics to use instead."""
    if n_defined == n_subjects:
        return []
    sentences = [f"{metric.label} is defined for {n_defined} of {n_subjects} subjects."]
    if is_classifier:
        sentences.append(
            "Log loss, Brier score and accuracy are also defined for subjects with a single class: use "
            "'neg_log_loss', 'neg_brier_score' or 'accuracy'."
        )
    return sentences
