"""What the commands print about windows and comparisons."""

from __future__ import annotations

from skaug import Windows
from skaug.cli.messages import say
from skaug.evaluation import ProtocolComparison

DEFAULT_PROTOCOLS = ("TRTR", "TRSTR", "TSTR")


def print_windows(windows: Windows) -> None:
    """Print how many windows there are, of which channels and of how many subjects."""
    n_subjects = len(set(windows.groups))  # type: ignore[arg-type]
    say(
        f"{len(windows)} windows of {windows.window_size} samples of "
        f"{', '.join(windows.feature_names)} from {n_subjects} subjects."
    )


def print_comparison(comparison: ProtocolComparison, target: str) -> None:
    """Print the score of each protocol, the differences and the verdict."""
    metric = comparison.readable(comparison.metrics[0])
    n_subjects = len(comparison.by_subject())
    say(f"\n{metric.label} of {target}, mean ± sd over {n_subjects} left-out subjects:\n")
    say(comparison.table())
    if "TRTR" in comparison.protocols and len(comparison.protocols) > 1:
        say(comparison.verdict())
