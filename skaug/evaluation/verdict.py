"""The verdict on a protocol, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed
from skaug.evaluation.paired_tests import ALPHA, sign_flip_p
from skaug.evaluation.scores import score_differences

TOO_FEW_SUBJECTS = "undecided: too few subjects"

_WHAT = {
    "TRSTR": "Adding synthetic windows",
    "TSTR": "Training on synthetic windows alone",
}
_OUTCOMES = {
    "helped": " helped",
    "harmed": " harmed",
    "no difference within the rope": " made no practical difference",
    "undecided": ": undecided, the difference may be chance",
    TOO_FEW_SUBJECTS: ": undecided, there are too few subjects to tell",
}


@dataclass(frozen=True)
class Baseline:
    """A baseline beside a protocol and its reference, over the subjects that all of them have scores of.

    Attributes
    ----------
    words : str
        What it does, such as "predicting the mean".
    is_naive : bool
        Whether it is the naive baseline, not one that the user passed.
    mean, reference_mean : float
        Mean scores of the baseline and of the reference.
    is_beaten : bool
        Whether the protocol's mean is better and the p-value of sign flips is below 0.05.
    """

    words: str
    is_naive: bool
    mean: float
    reference_mean: float
    is_beaten: bool

    @property
    def beats_reference(self) -> bool:
        """Whether the reference is worse than the baseline on average."""
        return self.reference_mean < self.mean

    @classmethod
    def of(
        cls,
        words: str,
        scores: pd.Series,
        protocol: pd.Series,
        reference: pd.Series,
        *,
        is_naive: bool,
        random_state: int,
    ) -> Baseline | None:
        """Compare over subjects; None if there is no subject with all three scores."""
        table = pd.DataFrame({"baseline": scores, "protocol": protocol, "reference": reference})
        table = table.dropna()
        if table.empty:
            return None
        gains = score_differences(table, ["protocol", "reference"], "baseline")
        p_value = sign_flip_p(gains["protocol"], random_state)
        mean = float(table["baseline"].mean())
        return cls(
            words,
            is_naive,
            mean,
            mean + float(gains["reference"].mean()),
            bool(gains["protocol"].mean() > 0 and p_value < ALPHA),
        )


def with_baselines(verdict: str, baselines: Sequence[Baseline], reference: str) -> str:
    """Return the verdict on a protocol, which is "helped" only if the baselines are beaten too.

    Parameters
    ----------
    verdict : str
        The verdict on the difference from the reference alone.
    baselines : sequence of Baseline
        The baselines beside the protocol.
    reference : str
        The protocol that it is compared with.

    Returns
    -------
    str
    """
    if verdict != "helped":
        return verdict
    if any(baseline.beats_reference for baseline in baselines):
        return _weak_model(baselines, reference)
    unbeaten = [baseline.words for baseline in baselines if not baseline.is_beaten]
    if unbeaten:
        return f"better than {reference}, not shown to beat {' and '.join(unbeaten)}"
    return verdict


def in_words(
    protocol: str,
    metric: ReadableMetric,
    row: pd.Series,
    baselines: Sequence[Baseline] = (),
    doubts: Sequence[str] = (),
) -> str:
    """Return the verdict on a protocol and its caveats, in sentences.

    Parameters
    ----------
    protocol : str
        The protocol, which is compared with TRTR.
    metric : ReadableMetric
        The metric.
    row : Series
        The protocol's row of `ProtocolComparison.summary`, as it is shown.
    baselines : sequence of Baseline
        The baselines beside the protocol.
    doubts : sequence of str
        Further sentences.

    Returns
    -------
    str
        One sentence, and one more per doubt.
    """
    what = _WHAT[protocol]
    if not row["n_subjects"]:
        return " ".join(
            [f"{what}: undecided, {metric.label} is not defined for any subject.", *doubts]
        )
    ends = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"
    interval = f" (95 % interval {ends})" if row["n_subjects"] > 1 else ""
    numbers = (
        f": {metric.label} {signed(row['difference'])} on average{interval}, {counts_of(row)} of "
        f"{row['n_subjects']} subjects."
    )
    losses = [baseline for baseline in baselines if baseline.beats_reference]
    is_replaced = row["verdict"] not in _OUTCOMES
    weak_model = [_weak_model_in_words(metric, baselines)] if losses else []
    if losses and is_replaced:
        sentences = [*weak_model, f"{what}{numbers}"]
    elif is_replaced:
        sentences = [f"{what}: {row['verdict']}{numbers}"]
    else:
        sentences = [f"{what}{_OUTCOMES[row['verdict']]}{numbers}", *weak_model]
    if row["verdict"] in ("helped", "harmed") and row["p_corrected"] >= ALPHA:
        sentences.append(
            f"The stricter corrected t does not confirm it (p = {row['p_corrected']:.2f})."
        )
    return " ".join([*sentences, *doubts])


def counts_of(row: pd.Series) -> str:
    """Return for how many subjects a protocol is better, worse and equal: "better 8, worse 1, equal 11"."""
    n_equal = row["n_subjects"] - row["n_better"] - row["n_worse"]
    return f"better {row['n_better']}, worse {row['n_worse']}" + (
        f", equal {n_equal}" if n_equal else ""
    )


def _weak_model_in_words(metric: ReadableMetric, baselines: Sequence[Baseline]) -> str:
    """Say that the model is worse than a baseline, with numbers."""
    lost = next(baseline for baseline in baselines if baseline.beats_reference)
    ours, theirs = (number(metric.shown(mean)) for mean in (lost.reference_mean, lost.mean))
    if ours == theirs:
        return (
            f"The model trained on real windows does no better than {lost.words} ({metric.label} {ours}): "
            "it has learned nothing that carries over to other subjects."
        )
    what, semicolon, remedy = _weak_model(baselines, "TRTR").partition(";")
    return (
        f"{what[0].upper()}{what[1:]} ({metric.label} {ours} against {theirs}){semicolon}{remedy}."
    )


def _weak_model(baselines: Sequence[Baseline], reference: str) -> str:
    lost = [baseline for baseline in baselines if baseline.beats_reference]
    model = "the model trained on real windows" if reference == "TRTR" else f"{reference}"
    words = f"{model} is worse than {' and '.join(baseline.words for baseline in lost)}"
    if any(baseline.is_naive for baseline in lost):
        words += "; compare again with a regularized model"
    return words
