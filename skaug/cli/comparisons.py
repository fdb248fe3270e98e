"""Comparisons of the commands, and what they print about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skaug import Pipeline, Windows
from skaug.cli.messages import say
from skaug.evaluation import (
    LearningCurve,
    ProtocolComparison,
    compare_protocols,
    compare_synthesizers,
)
from skaug.evaluation.protocol_variants import CONTROLS
from skaug.synthesis import Synthesizer

#: The name of `skaug.SpectralPeakRegressor` among the baselines.
SPECTRAL_PEAK = "spectral peak"


def compare(
    pipeline: Pipeline,
    windows: Windows,
    synthesizers: Mapping[str, Synthesizer],
    *,
    protocols: Sequence[str],
    **parameters: Any,
) -> ProtocolComparison:
    """Compare protocols with the pipeline's synthesizer or, if there are several, the synthesizers."""
    if len(synthesizers) == 1:
        return compare_protocols(
            pipeline, windows, protocols=protocols, progress=True, **parameters
        )
    controls = [name for name in protocols if name in CONTROLS]
    return compare_synthesizers(
        pipeline, windows, synthesizers, controls=controls, progress=True, **parameters
    )


def print_windows(windows: Windows, sampling_rate: float | None) -> None:
    """Print the number of windows, their channels, the number of subjects and, given a rate, the duration."""
    n_subjects = len(set(windows.groups))  # type: ignore[arg-type]
    seconds = "" if sampling_rate is None else f", {windows.window_size / sampling_rate:.3g} s each"
    say(
        f"{len(windows)} windows of {windows.window_size} samples of "
        f"{', '.join(windows.feature_names)} from {n_subjects} subjects{seconds}."
    )


def print_comparison(comparison: ProtocolComparison, target: str) -> None:
    """Print the score of each protocol, the differences and the verdict."""
    for name in comparison.metrics:
        label, n_subjects = comparison.readable(name).label, len(comparison.by_subject(name))
        say(f"\n{label} of {target}, mean ± sd over {n_subjects} left-out subjects:\n")
        say(comparison.table(name))
    if "TRTR" in comparison.protocols and len(comparison.protocols) > 1:
        say(comparison.verdict())


def print_curve(curve: LearningCurve, target: str) -> None:
    """Print the scores at each amount, and what they say."""
    say(f"\nLearning curve for {target}:\n")
    say(repr(curve))
