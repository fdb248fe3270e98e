"""The page of a comparison: one file that opens without a network, on a screen, a phone or paper."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.learning_curve import LearningCurveDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed
from skaug.evaluation.displays.p_values import p_in_words
from skaug.evaluation.displays.pyplot import import_pyplot
from skaug.evaluation.displays.strata import (
    StrataDisplay,
    column_in_words,
    stratum_in_words,
)
from skaug.evaluation.displays.windows import SyntheticWindowsDisplay
from skaug.evaluation.inference import FEWEST_SUBJECTS
from skaug.evaluation.text_table import training_windows
from skaug.evaluation.verdict import counts_of
from skaug.windows.container import Windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A color that nothing is drawn in. Where it stands in a plot, the page puts the color of its text.
_INK = "#010203"

_P_OF_CURVE = {
    "p_value": "p against TRTR",
    "p_holm": "p against TRTR, Holm",
    "p_repeated": "p against TRRTR",
    "p_baselines": "p against baselines",
    "p_corrected": "p, corrected t, share 1 / (n + 1)",
    "p_left_out": "p, corrected t, share 1 / subjects",
}


def report_page(
    *,
    verdict: str,
    details: Mapping[str, Any],
    protocols: Mapping[str, str],
    summary: pd.DataFrame,
    displays: Mapping[str, ProtocolComparisonDisplay],
    trained_on: pd.DataFrame,
    n_windows: pd.Series,
    curve: LearningCurveDisplay | None = None,
    curve_verdict: str | None = None,
    windows: Mapping[str, tuple[Windows, Windows]],
    sampling_rate: float = 1.0,
    quality: Mapping[str, str],
    strata: Sequence[StrataDisplay] = (),
    about: Mapping[str, str] | None = None,
) -> str:
    """Build the page of a comparison.

    Parameters
    ----------
    verdict : str
        The sentence at the top.
    details : dict
        How the comparison was made, as in `ProtocolComparison.details`.
    protocols : dict of str to str
        What each protocol means.
    summary : DataFrame
        As returned by `ProtocolComparison.summary`.
    displays : dict of str to ProtocolComparisonDisplay
        For each metric, its plot, with the scores of the subjects for which the metric is defined.
    trained_on : DataFrame
        Mean ``n_real`` and ``n_synthetic`` of each protocol and baseline.
    n_windows : Series
        The number of windows of each subject that was tested.
    curve : LearningCurveDisplay, optional
        A learning curve.
    curve_verdict : str, optional
        What it says, in sentences.
    windows : dict of str to tuple of Windows
        Real and synthetic windows, to be drawn over each other, by the synthesizer; an empty name is not
        shown. If there are several, one window of each is drawn.
    sampling_rate : float, default=1.0
        Sampling rate of `windows` in Hz.
    quality : dict of str to str
        HTML that describes the synthetic windows, by the synthesizer.
    strata : sequence of StrataDisplay, default=()
        The comparison within parts of the windows.
    about : dict of str to str, optional
        What the user says about the data.

    Returns
    -------
    str
        HTML that refers to nothing outside itself.

    Raises
    ------
    ImportError
        If jinja2 and matplotlib (the extra ``report``) are not installed.
    """
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError as error:
        raise ImportError('The page needs jinja2: pip install "skaug[report]".') from error
    environment = Environment(
        loader=PackageLoader("skaug.evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    metrics = [
        _metric(display, summary.xs(name, level="metric"), trained_on, n_windows, f"{i}")
        for i, (name, display) in enumerate(displays.items())
    ]
    return environment.get_template("report.html.j2").render(
        verdict=verdict,
        details=details,
        rope=_rope(details["rope"], displays),
        compared="synthesizers" if "synthesizers" in details else "protocols",
        synthesizers=_synthesizers(details),
        protocols=protocols,
        metrics=metrics,
        fewest_subjects=FEWEST_SUBJECTS,
        curve=None if curve is None else _curve(curve) | {"verdict": curve_verdict},
        windows=[
            _windows(name, *pair, sampling_rate, n_pairs=1 if len(windows) > 1 else 2, salt=f"{i}")
            for i, (name, pair) in enumerate(windows.items())
        ],
        quality=quality,
        strata=[_strata(display, f"strata-{i}") for i, display in enumerate(strata)],
        about=(about or {})
        | details.get("described", {})
        | {"windows per subject": _span(n_windows)},
    )


def _metric(
    display: ProtocolComparisonDisplay,
    summary: pd.DataFrame,
    trained_on: pd.DataFrame,
    n_windows: pd.Series,
    salt: str,
) -> dict[str, Any]:
    """Return what the page shows of one metric."""
    metric, scores = ReadableMetric(display.metric, display.sign), display.scores
    shown = metric.shown_summary(summary)
    rows = [
        {
            "protocol": protocol,
            "verdict": row["verdict"],
            "score": _score(row),
            "difference": _signed(row["difference"]),
            "interval": _interval(row),
            "better": "" if pd.isna(row["n_better"]) else counts_of(row),
            "p_values": [
                p_in_words(row[key]) for key in ("p_value", "p_holm", "p_wilcoxon", "p_corrected")
            ],
            "rope": [
                "" if math.isnan(row[key]) else f"{row[key]:.2f}"
                for key in ("p_rope_better", "p_rope_within", "p_rope_worse")
            ],
            "trained_on": training_windows(trained_on.loc[protocol]),
        }
        for protocol, row in shown.iterrows()
    ]
    return {
        "label": metric.label,
        "is_error": metric.is_error,
        "rows": rows,
        "n_subjects": len(scores),
        "left_out": [str(name) for name in n_windows.index.difference(scores.index, sort=False)],
        "has_rope": any(any(row["rope"]) for row in rows),
        "figures": [] if scores.empty else _panels(display, f"comparison-{salt}"),
        "alt": _alt(metric, shown),
        "subjects": _subjects(metric.shown(scores), n_windows),
    }


def _score(row: pd.Series) -> str:
    return f"{number(row['mean'])} ± {row['sd']:.2g}"


def _interval(row: pd.Series) -> str:
    if math.isnan(row["ci_low"]):
        return ""
    return f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"


def _signed(value: float) -> str:
    return "" if math.isnan(value) else signed(value)


def _alt(metric: ReadableMetric, shown: pd.DataFrame) -> str:
    parts = [
        f"{protocol} {row['mean']:.3g}"
        + ("" if math.isnan(row["difference"]) else f" (difference {signed(row['difference'])})")
        for protocol, row in shown.iterrows()
    ]
    return f"{metric.label} of each subject under each protocol. Means: {', '.join(parts)}."


def _subjects(shown: pd.DataFrame, n_windows: pd.Series) -> dict[str, Any]:
    rows = [
        {
            "subject": subject,
            "n_windows": int(n_windows[subject]),
            "scores": [number(score) for score in scores],
        }
        for subject, scores in zip(shown.index, shown.to_numpy(), strict=True)
    ]
    return {"protocols": list(shown), "rows": rows}


def _synthesizers(details: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what made the synthetic windows, and what is declared of their labels, by the name shown."""
    several, declared = details.get("synthesizers"), details.get("declared", {})
    if several is None:
        of_one: Mapping[str, Any] = next(iter(declared.values()), {})
        chosen = details.get("chosen", {})
        n_fits = sum(chosen.values())
        counts = "".join(f"; {name}: {n} of {n_fits} fits" for name, n in chosen.items())
        named = {"Synthesizer": (details["synthesizer"] + counts, of_one)}
    else:
        named = {
            f"Synthesizer {name!r}": (made_by, declared.get(name, {}))
            for name, made_by in several.items()
        }
    return {
        name: {
            "made_by": made_by,
            "declared": [
                f"{what} the {', '.join(kinds)}" for what, kinds in of_one.items() if kinds
            ],
        }
        for name, (made_by, of_one) in named.items()
    }


def _rope(rope: Any, displays: Mapping[str, ProtocolComparisonDisplay]) -> str:
    if rope is None:
        return ""
    widths = rope if isinstance(rope, Mapping) else {next(iter(displays)): rope}
    labels = {name: ReadableMetric(name, display.sign).label for name, display in displays.items()}
    return ", ".join(f"± {width:g} {labels[name]}" for name, width in widths.items())


def _curve(display: LearningCurveDisplay) -> dict[str, Any]:
    metric, amount = ReadableMetric(display.metric, display.sign), display.amount
    keys = [
        key for key in _P_OF_CURVE if key in display.summary and display.summary[key].notna().any()
    ]
    rows = [
        {
            "amount": display.amount_in_words(row[amount]),
            "protocol": row["protocol"],
            "score": _score(row),
            "difference": _signed(row["difference"]),
            "interval": _interval(row),
            "p_values": [p_in_words(row[key]) for key in keys],
        }
        for _, row in metric.shown_summary(display.summary).iterrows()
    ]
    label = {"ratio": "synthetic windows per real one"}.get(amount, "training subjects")
    points = "; ".join(f"{row['amount']} {row['protocol']}: {row['score']}" for row in rows)
    return {
        "label": metric.label,
        "amount": label,
        "rows": rows,
        "p_names": [_P_OF_CURVE[key] for key in keys],
        "figures": _panels(display, "curve"),
        "alt": f"{metric.label} against {label}: {points}.",
    }


def _strata(display: StrataDisplay, salt: str) -> dict[str, Any]:
    """Return what the page shows of the parts of the windows that a column makes."""
    metric = ReadableMetric(display.metric, display.sign)
    shown = metric.shown_summary(display.summary)
    column = str(shown.index.names[1])
    rows = [
        {
            "stratum": stratum_in_words(value),
            "protocol": protocol,
            "verdict": row["verdict"],
            "reference": number(shown.loc[(display.reference, value), "mean"]),
            "score": number(row["mean"]),
            "difference": _signed(row["difference"]),
            "interval": _interval(row),
            "better": counts_of(row),
            "p_holm": p_in_words(row["p_holm"]),
            "n_windows": row["n_windows"],
        }
        for (protocol, value), row in shown.sort_index(level=1, sort_remaining=False).iterrows()
        if protocol != display.reference and row["n_subjects"]
    ]
    display.plot(
        ax=import_pyplot("The page").subplots(
            figsize=(4.8, 1.4 + 0.6 * shown.index.unique(1).size), layout="constrained"
        )[1]
    )
    return {
        "name": column_in_words(column),
        "label": metric.label,
        "reference": display.reference,
        "rows": rows,
        "figures": [_svg(display.figure_, salt)],
        "alt": f"Differences in {metric.label} from {display.reference} within parts of the windows, by "
        f"{column}; the table below holds the numbers.",
    }


def _span(n_windows: pd.Series) -> str:
    """Return how many windows the subjects have: "34 to 41 (median 38)"."""
    low, high = n_windows.min(), n_windows.max()
    return f"{low}" if low == high else f"{low} to {high} (median {n_windows.median():g})"


def _windows(
    name: str,
    real: Windows,
    synthetic: Windows,
    sampling_rate: float,
    *,
    n_pairs: int,
    salt: str,
) -> dict[str, Any]:
    display = SyntheticWindowsDisplay.from_windows(
        real, synthetic, sampling_rate=sampling_rate, n_windows=n_pairs
    )
    import_pyplot("The page").close(display.figure_)
    # Each panel is a figure, with its title and the names of its axes, so that none is cut on a phone.
    axes = np.empty(display.axes_.shape, dtype=object)
    for place in np.ndindex(axes.shape):
        _, axes[place] = import_pyplot("The page").subplots(
            figsize=(4.0, 2.7), layout="constrained"
        )
    display.plot(axes)
    for (row, column), ax in np.ndenumerate(axes):
        ax.set(
            title=axes[0, column].get_title(),
            xlabel=axes[-1, column].get_xlabel(),
            ylabel=ax.get_ylabel() or axes[row, 0].get_ylabel(),
        )
    rows = [
        [_svg(ax.figure, f"windows-{salt}-{i}-{j}") for j, ax in enumerate(of_channel)]
        for i, of_channel in enumerate(axes)
    ]
    return {
        "name": name,
        "rows": rows,
        "alt": f"Some of {len(synthetic)} synthetic windows over the real windows they were made from, "
        "and the mean spectra of both.",
    }


def _panels(display: ProtocolComparisonDisplay | LearningCurveDisplay, salt: str) -> list[str]:
    """Draw the parts of a display as separate figures, which stand below each other on a phone."""
    pyplot = import_pyplot("The page")
    parts = [pyplot.subplots(figsize=(4.8, 3.8), layout="constrained") for _ in range(2)]
    display.plot(axes=[ax for _, ax in parts])
    return [_svg(figure, f"{salt}-{i}") for i, (figure, ax) in enumerate(parts) if ax.has_data()]


def _svg(figure: Figure, salt: str) -> str:
    """Draw a figure as inline SVG in which text and axes have the color of the page's text."""
    import matplotlib as mpl
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if text.get_color() == "black":
            text.set_color(_INK)
    for ax in figure.axes:
        ax.set_facecolor("none")
        ax.tick_params(color=_INK, labelcolor=_INK)
        ax.spines[["top", "right"]].set_visible(False)
        for spine in ax.spines.values():
            spine.set_edgecolor(_INK)
    out = io.StringIO()
    # Text stays text. The salt makes equal figures equal, and keeps the ids of two figures apart.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    import_pyplot("The page").close(figure)
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{salt}-\1"', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{salt}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # The page scales a figure by its viewBox.
    svg = re.sub(r' height="[^"]*pt"', "", svg, count=1)
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg)
