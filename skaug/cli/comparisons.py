"""What the commands print about windows and comparisons."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skaug import Windows
from skaug.cli.messages import say
from skaug.evaluation import ProtocolComparison
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.inference import FEWEST_SUBJECTS
from skaug.evaluation.report import training_windows

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
    metric = ReadableMetric(comparison.metrics[0])
    summary = metric.shown_summary(comparison.summary().droplevel("metric"))
    counts = comparison.scores.groupby("protocol")[["n_real", "n_synthetic"]].mean()
    n_subjects = int(summary["n_subjects"].max())
    is_compared = "TRTR" in summary.index and len(summary) > 1
    has_p_values = is_compared and n_subjects >= FEWEST_SUBJECTS
    digits = _decimals(summary["mean"].abs().max())
    lines = [["protocol", "trained on", metric.label]]
    lines[0] += ["difference from TRTR", "95 % interval", "better for"] if is_compared else []
    lines[0] += ["p"] if has_p_values else []
    for protocol, row in summary.iterrows():
        line = [str(protocol), training_windows(counts.loc[protocol])]
        line.append(f"{row['mean']:.{digits}f} ± {row['sd']:.{digits}f}")
        if is_compared and not pd.isna(row["difference"]):
            # + 0.0: what is rounded to zero must not be printed as "-0".
            change, low, high = (
                f"{round(row[name], digits) + 0.0:+.{digits}f}"
                for name in ("difference", "ci_low", "ci_high")
            )
            line += [change, f"{low} to {high}"]
            line.append(f"{row['n_better']} of {row['n_subjects']}")
            line += [f"{row['p_holm']:.3f}"] if has_p_values else []
        lines.append(line + [""] * (len(lines[0]) - len(line)))
    say(f"\n{metric.label} of {target}, mean ± sd over {n_subjects} left-out subjects:\n")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        say("   ".join([first.ljust(widths[0]), *cells]).rstrip())
    notes = ["Numbers of windows are means over folds."]
    if is_compared:
        notes.append("A difference below zero is better than training on real windows alone.")
    if has_p_values:
        notes.append("p: exact sign flips over subjects, adjusted for the protocols compared.")
    say(f"\n{' '.join(notes)}")
    if is_compared:
        say(comparison.verdict())


def _decimals(largest: float) -> int:
    """Return two decimals, or as many as show three digits of a small number; none of a large one."""
    if not 0 < largest < np.inf or 1 <= largest < 1000:
        return 2
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 9))
