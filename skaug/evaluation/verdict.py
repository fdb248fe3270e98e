"""The verdict on a protocol, in a sentence."""

from __future__ import annotations

import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric, signed
from skaug.evaluation.paired_tests import ALPHA

TOO_FEW_SUBJECTS = "undecided: too few subjects"

_WHAT = {
    "TRSTR": "Adding synthetic windows",
    "TSTR": "Training on synthetic windows alone",
    "TRRTR": "Adding duplicates of real windows",
}
_OUTCOMES = {
    "helped": " helped",
    "harmed": " harmed",
    "no difference within the rope": " made no practical difference",
    "undecided": ": undecided, the difference may be chance",
    TOO_FEW_SUBJECTS: ": undecided, there are too few subjects to tell",
}


def in_words(
    protocol: str, metric: ReadableMetric, row: pd.Series, *, has_shared_subjects: bool
) -> str:
    """Return what a comparison says of a protocol, with the doubts a reader must know.

    Parameters
    ----------
    protocol : str
        The protocol, which is compared with TRTR.
    metric : ReadableMetric
        The metric.
    row : Series
        The protocol's row of `ProtocolComparison.summary`, as it is shown.
    has_shared_subjects : bool
        Whether subjects are in both the training and the test set of a fold.

    Returns
    -------
    str
        One sentence, and one more per doubt.
    """
    if not row["n_subjects"]:
        return f"{_WHAT[protocol]}: undecided, {metric.label} is not defined for any subject."
    ends = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"
    interval = f" (95 % interval {ends})" if row["n_subjects"] > 1 else ""
    sentences = [
        f"{_WHAT[protocol]}{_OUTCOMES[row['verdict']]}: {metric.label} {signed(row['difference'])} on "
        f"average{interval}, better for {row['n_better']} of {row['n_subjects']} subjects."
    ]
    if row["verdict"] in ("helped", "harmed") and row["p_corrected"] >= ALPHA:
        sentences.append(
            f"The stricter corrected t does not confirm it (p = {row['p_corrected']:.2f})."
        )
    if has_shared_subjects:
        sentences.append(
            "But subjects are on both sides of the folds, so this says little about new subjects."
        )
    return " ".join(sentences)
