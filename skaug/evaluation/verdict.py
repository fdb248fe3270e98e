"""The verdict on protocols, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed
from skaug.evaluation.paired_tests import ALPHA, sign_flip_p
from skaug.evaluation.protocol_variants import protocol_of
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
    is_trained : bool
        Whether it learns from the training windows.
    mean, reference_mean : float
        Mean scores of the baseline and of the reference.
    is_beaten : bool
        Whether the protocol's mean is better and the p-value of sign flips is below 0.05.
    """

    words: str
    is_naive: bool
    is_trained: bool
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
        is_trained: bool,
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
            is_trained,
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


@dataclass(frozen=True)
class Judged:
    """A protocol that is judged, as the verdict needs it.

    Attributes
    ----------
    label : str
        The protocol, alone or with the name of a synthesizer. It is compared with TRTR.
    row : Series
        Its row of `ProtocolComparison.summary`, as it is shown.
    has_synthetic : bool
        Whether it was trained on synthetic windows at all.
    baselines : sequence of Baseline
        The baselines beside it.
    doubts : sequence of str
        Sentences on this protocol alone.
    """

    label: str
    row: pd.Series
    has_synthetic: bool
    baselines: Sequence[Baseline] = ()
    doubts: Sequence[str] = ()

    @property
    def what(self) -> str:
        """What the protocol does, to begin a sentence with."""
        protocol, synthesizer = protocol_of(self.label)
        return _WHAT[protocol] + ("" if synthesizer is None else f" from {synthesizer!r}")


def in_words(metric: ReadableMetric, judged: Sequence[Judged], doubts: Sequence[str] = ()) -> str:
    """Return the verdict on each protocol and the caveats, in sentences.

    Parameters
    ----------
    metric : ReadableMetric
        The metric.
    judged : sequence of Judged
        The protocols.
    doubts : sequence of str
        Sentences on all of them.

    Returns
    -------
    str
        At least one sentence per protocol. None of several is called the best.
    """
    sentences = []
    weak_model = next((words for one in judged if (words := _weak_model_of(one, metric))), "")
    has_outcome = any(one.has_synthetic and one.row["verdict"] in _OUTCOMES for one in judged)
    # Whether to train at all is the first question.
    is_needless = any(
        b.beats_reference and not b.is_trained for one in judged for b in one.baselines
    )
    is_first = is_needless or not has_outcome
    if weak_model and is_first:
        sentences.append(weak_model)
    for one in judged:
        sentences += [*_outcome(one, metric), *one.doubts]
    if weak_model and not is_first:
        sentences.append(weak_model)
    if len(judged) > 1:
        sentences.append("The best of several synthesizers looks better than it is.")
    return " ".join([*sentences, *doubts])


def _outcome(judged: Judged, metric: ReadableMetric) -> list[str]:
    """Return the outcome with numbers, and what the stricter test says."""
    row, what = judged.row, judged.what
    if not judged.has_synthetic:
        _, synthesizer = protocol_of(judged.label)
        source = "" if synthesizer is None else f" from {synthesizer!r}"
        return [f"No synthetic windows{source} were added: use a larger ratio."]
    if not row["n_subjects"]:
        return [f"{what}: undecided, {metric.label} is not defined for any subject."]
    ends = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"
    interval = f" (95 % interval {ends})" if row["n_subjects"] > 1 else ""
    numbers = (
        f": {metric.label} {signed(row['difference'])} on average{interval}, {counts_of(row)} of "
        f"{row['n_subjects']} subjects."
    )
    verdict = row["verdict"]
    if verdict in _OUTCOMES:
        sentences = [f"{what}{_OUTCOMES[verdict]}{numbers}"]
    elif any(baseline.beats_reference for baseline in judged.baselines):
        sentences = [f"{what}{numbers}"]  # a sentence on the model says why
    else:
        sentences = [f"{what}: {verdict}{numbers}"]
    if verdict in ("helped", "harmed") and row["p_corrected"] >= ALPHA:
        sentences.append(
            f"The stricter corrected t does not confirm it (p = {number(row['p_corrected'])})."
        )
    return sentences


def counts_of(row: pd.Series) -> str:
    """Return for how many subjects a protocol is better, worse and equal: "better 8, worse 1, equal 11"."""
    n_equal = row["n_subjects"] - row["n_better"] - row["n_worse"]
    return f"better {row['n_better']}, worse {row['n_worse']}" + (
        f", equal {n_equal}" if n_equal else ""
    )


def _weak_model_of(judged: Judged, metric: ReadableMetric) -> str:
    """Say that the model does no better than a baseline, with numbers; nothing if it is not."""
    losses = [baseline for baseline in judged.baselines if baseline.beats_reference]
    if not losses or not judged.has_synthetic:
        return ""
    ours = number(metric.shown(losses[0].reference_mean))
    theirs = [number(metric.shown(baseline.mean)) for baseline in losses]
    if theirs == [ours]:
        lost = losses[0]
        words = f"The model trained on real windows does no better than {lost.words} ({metric.label} {ours})"
        if lost.is_naive:
            return f"{words}: it has learned nothing that carries over to other subjects."
    else:
        words = _no_better_than(losses, "TRTR")
        words += f" ({metric.label} {ours} against {' and '.join(theirs)})"
    return f"{words[0].upper()}{words[1:]}{_remedy(losses)}."


def _weak_model(baselines: Sequence[Baseline], reference: str) -> str:
    losses = [baseline for baseline in baselines if baseline.beats_reference]
    return _no_better_than(losses, reference) + _remedy(losses)


def _no_better_than(losses: Sequence[Baseline], reference: str) -> str:
    model = "the model trained on real windows" if reference == "TRTR" else reference
    return f"{model} does no better than {' and '.join(baseline.words for baseline in losses)}"


def _remedy(losses: Sequence[Baseline]) -> str:
    """Return what follows for the model from the baselines that are better."""
    remedies = []
    if not all(baseline.is_trained for baseline in losses):
        remedies.append("perhaps no training is needed")
    if any(baseline.is_naive for baseline in losses):
        remedies.append("compare again with a regularized model")
    return f"; {', or else '.join(remedies)}" if remedies else ""
