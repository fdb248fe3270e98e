"""A comparison as a table of text: what is printed, on the command line and in Python."""

from __future__ import annotations

import numpy as np
import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.p_values import p_in_words
from skaug.evaluation.inference import FEWEST_SUBJECTS
from skaug.evaluation.protocol_variants import is_control, protocol_of
from skaug.evaluation.verdict import counts_of


def comparison_table(summary: pd.DataFrame, counts: pd.DataFrame, metric: ReadableMetric) -> str:
    """Return one line per protocol and baseline, and notes below.

    Parameters
    ----------
    summary : DataFrame
        The rows of `ProtocolComparison.summary` of a metric, indexed by protocol.
    counts : DataFrame
        Mean ``n_real`` and ``n_synthetic`` of each protocol and baseline.
    metric : ReadableMetric
        The metric.

    Returns
    -------
    str
    """
    summary = metric.shown_summary(summary)
    is_compared = (summary["verdict"] == "reference").any() and summary["difference"].notna().any()
    has_p_values = is_compared and summary["p_value"].notna().any()
    digits = _decimals(summary["mean"].abs().max())
    lines = [["protocol", "trained on", metric.label]]
    lines[0] += ["difference from TRTR", "95 % interval", "subjects"] if is_compared else []
    lines[0] += ["p"] if has_p_values else []
    for name, row in summary.iterrows():
        line = [str(name), training_windows(counts.loc[name])]
        line.append(f"{row['mean']:.{digits}f} ± {row['sd']:.{digits}f}")
        if is_compared and not pd.isna(row["difference"]):
            # + 0.0: what is rounded to zero must not be printed as "-0".
            change, low, high = (
                f"{round(row[key], digits) + 0.0:+.{digits}f}"
                for key in ("difference", "ci_low", "ci_high")
            )
            line += [change, f"{low} to {high}", counts_of(row)]
            p_value = row["p_value" if is_control(str(name)) else "p_holm"]
            line += [p_in_words(p_value)] if has_p_values else []
        lines.append(line + [""] * (len(lines[0]) - len(line)))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = []
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        texts.append("   ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join([*texts, "", " ".join(_notes(summary, metric, is_compared, has_p_values))])


def training_windows(counts: pd.Series) -> str:
    """Write how many windows a protocol or baseline trains on: "518 real + 518 synthetic", or "nothing"."""
    kinds = (("real", counts["n_real"]), ("synthetic", counts["n_synthetic"]))
    return " + ".join(f"{count:.0f} {kind}" for kind, count in kinds if count) or "nothing"


def _notes(
    summary: pd.DataFrame, metric: ReadableMetric, is_compared: bool, has_p_values: bool
) -> list[str]:
    notes = ["Numbers of windows are means over folds."]
    if is_compared:
        notes.append(
            f"A difference {metric.better_side} zero is better than training on real windows alone."
        )
    has_controls = any(map(is_control, summary.index))
    if has_p_values:
        has_several = any(protocol_of(name)[1] is not None for name in summary.index)
        compared = "synthesizers" if has_several else "protocols"
        notes.append(f"p: exact sign flips over subjects, adjusted for the {compared} compared")
        notes[-1] += "; of controls, unadjusted." if has_controls else "."
    elif is_compared and summary["n_subjects"].max() < FEWEST_SUBJECTS:
        notes.append(f"With fewer than {FEWEST_SUBJECTS} subjects no p-value is reported.")
    return notes


def _decimals(largest: float) -> int:
    """Return two decimals, or as many as show three digits of a small number; none of a large one."""
    if not 0 < largest < np.inf or 1 <= largest < 1000:
        return 2
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 9))
