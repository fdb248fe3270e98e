"""What the commands print about windows and comparisons."""

from __future__ import annotations

from skaug import Windows
from skaug.cli.messages import say
from skaug.evaluation import ProtocolComparison

DEFAULT_PROTOCOLS = ("TRTR", "TRSTR", "TSTR")

#: The name of `skaug.SpectralPeakRegressor` among the baselines.
SPECTRAL_PEAK = "spectral peak"


def print_windows(windows: Windows) -> None:
    """Print the number of windows, their channels and the number of subjects."""
    n_subjects = len(set(windows.groups))  # type: ignore[arg-type]
    say(
        f"{len(windows)} windows of {windows.window_size} samples of "
        f"{', '.join(windows.feature_names)} from {n_subjects} subjects."
    )


def print_comparison(comparison: ProtocolComparison, target: str) -> None:
    """Print the score of each protocol, the differences and the verdict."""
    for name in comparison.metrics:
        label, n_subjects = comparison.readable(name).label, len(comparison.by_subject(name))
        say(f"\n{label} of {target}, mean ± sd over {n_subjects} left-out subjects:\n")
        say(comparison.table(name))
    if "TRTR" in comparison.protocols and len(comparison.protocols) > 1:
        say(comparison.verdict())
