"""The page of a comparison: one file that opens without a network, on a screen, a phone or paper."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed
from skaug.evaluation.displays.pyplot import import_pyplot
from skaug.evaluation.inference import FEWEST_SUBJECTS
from skaug.evaluation.learning_curves import LearningCurve
from skaug.evaluation.protocols import PROTOCOLS
from skaug.windows.container import Windows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skaug.evaluation.quality.quality import QualityReport

# A colour that nothing is drawn in: where it stands in a plot, the page puts the colour of its text.
_INK = "#010203"


def report_page(
    comparison: ProtocolComparison,
    *,
    title: str = "Did the synthetic windows help?",
    learning_curve: LearningCurve | None = None,
    windows: tuple[Windows, Windows] | None = None,
    sampling_rate: float = 1.0,
    quality: QualityReport | None = None,
) -> str:
    """Make the page.

    Parameters
    ----------
    comparison : ProtocolComparison
    title : str
        The heading.
    learning_curve : LearningCurve, optional
    windows : tuple of Windows, optional
        Real and synthetic windows, to be drawn over each other.
    sampling_rate : float, default=1.0
        Of these windows, in samples a second.
    quality : QualityReport, optional
        What `synthetic_quality` found.

    Returns
    -------
    str
        HTML that refers to nothing outside itself.

    Raises
    ------
    ImportError
        Without the extra ``report``.
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
    template = environment.get_template("report.html.j2")
    return template.render(
        title=title,
        verdict=comparison.verdict(),
        details=comparison.details,
        rope=_rope(comparison),
        protocols={name: PROTOCOLS[name] for name in comparison.protocols},
        metrics=[_metric(comparison, i, name) for i, name in enumerate(comparison.metrics)],
        fewest_subjects=FEWEST_SUBJECTS,
        curve=None if learning_curve is None else _curve(learning_curve),
        windows=None if windows is None else _windows(*windows, sampling_rate),
        quality=None if quality is None else quality._repr_html_(),
    )


def _metric(comparison: ProtocolComparison, position: int, name: str) -> dict[str, Any]:
    """Give what the page says of one metric."""
    metric = ReadableMetric(name)
    summary = comparison.summary().xs(name, level="metric")
    trained = comparison.scores.groupby("protocol", sort=False)[["n_real", "n_synthetic"]].mean()
    rows = []
    for protocol, row in summary.iterrows():
        # Of an error the interval is turned round with its sign.
        low, high = sorted((metric.sign * row["ci_low"], metric.sign * row["ci_high"]))
        rows.append(
            {
                "protocol": protocol,
                "trained": _trained_on(trained.loc[protocol]),
                "score": f"{number(metric.sign * row['mean'])} ± {row['sd']:.2g}",
                "difference": _signed(metric.sign * row["difference"]),
                "interval": f"{_signed(low)} to {_signed(high)}" if not math.isnan(low) else "",
                "better": ""
                if pd.isna(row["n_better"])
                else f"{row['n_better']} of {row['n_subjects']}",
                "p_values": [
                    _p(row[key]) for key in ("p_value", "p_holm", "p_wilcoxon", "p_corrected")
                ],
                "rope": [
                    "" if math.isnan(row[key]) else f"{row[key]:.2f}"
                    for key in ("p_rope_better", "p_rope_within", "p_rope_worse")
                ],
                "verdict": row["verdict"],
            }
        )
    return {
        "name": name,
        "label": metric.label,
        "is_error": metric.is_error,
        "rows": rows,
        "n_subjects": int(summary["n_subjects"].max()),
        "left_out": comparison.left_out(name),
        "has_rope": any(any(row["rope"]) for row in rows),
        "figures": []
        if comparison.by_subject(name).empty
        else _panels(comparison.plot, f"comparison-{position}", name),
        "alt": _alt(metric, summary),
        "subjects": _subjects(comparison, metric),
    }


def _rope(comparison: ProtocolComparison) -> str:
    rope = comparison.details["rope"]
    widths = (
        rope if isinstance(rope, dict) else {} if rope is None else {comparison.metrics[0]: rope}
    )
    return ", ".join(f"± {width:g} {ReadableMetric(name).label}" for name, width in widths.items())


def _subjects(comparison: ProtocolComparison, metric: ReadableMetric) -> dict[str, Any]:
    shown = comparison.by_subject(metric.name) * metric.sign
    counts = comparison.predictions.drop_duplicates(["subject", "first_row"])[
        "subject"
    ].value_counts()
    return {
        "protocols": list(shown),
        "rows": [
            {
                "subject": subject,
                "n_windows": int(counts[subject]),
                "scores": [number(score) for score in scores],
            }
            for subject, scores in zip(shown.index, shown.to_numpy(), strict=True)
        ],
    }


def _curve(curve: LearningCurve) -> dict[str, Any]:
    summary = curve.summary()
    metric = ReadableMetric(summary.index[0][0])
    rows = []
    for row in summary.loc[metric.name].reset_index().itertuples():
        low, high = sorted((metric.sign * row.ci_low, metric.sign * row.ci_high))
        rows.append(
            {
                "amount": f"{getattr(row, curve.amount):g}",
                "protocol": row.protocol,
                "score": f"{number(metric.sign * row.mean)} ± {row.sd:.2g}",
                "difference": _signed(metric.sign * row.difference),
                "interval": "" if math.isnan(low) else f"{_signed(low)} to {_signed(high)}",
            }
        )
    amount = {"ratio": "synthetic windows per real one"}.get(curve.amount, "training subjects")
    points = "; ".join(f"{row['amount']} {row['protocol']}: {row['score']}" for row in rows)
    return {
        "label": metric.label,
        "amount": amount,
        "rows": rows,
        "figures": _panels(curve.plot, "curve", metric.name),
        "alt": f"{metric.label} against {amount}: {points}.",
    }


def _windows(real: Windows, synthetic: Windows, sampling_rate: float) -> dict[str, Any]:
    from skaug.evaluation.displays.windows import SyntheticWindowsDisplay

    display = SyntheticWindowsDisplay.from_windows(real, synthetic, sampling_rate=sampling_rate)
    return {
        "figures": [_svg(display.figure_, "windows")],
        "alt": f"Some of {len(synthetic)} synthetic windows over the real ones that they were made of, "
        "and the mean spectra of both.",
    }


def _panels(plot: Callable, salt: str, metric: str) -> list[str]:
    """Draw the two parts of a display one by one, so that they stand below each other on a phone."""
    pyplot = import_pyplot("The page")
    parts = [pyplot.subplots(figsize=(4.8, 3.8), layout="constrained") for _ in range(2)]
    plot(metric, axes=[ax for _, ax in parts])
    return [_svg(figure, f"{salt}-{i}") for i, (figure, ax) in enumerate(parts) if ax.has_data()]


def _svg(figure: Figure, salt: str) -> str:
    """Draw a figure as inline SVG whose text and axes have the colour of the page's text."""
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
    # Text stays text; equal figures give equal pages, and no two share the names of their parts.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    import_pyplot("The page").close(figure)
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{salt}-\1"', svg)
    svg = re.sub(r'(url\(|href=")#', rf"\1#{salt}-", svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r' height="[^"]*pt"', "", svg, count=1)
    )


def _alt(metric: ReadableMetric, summary: pd.DataFrame) -> str:
    parts = [
        f"{protocol} {metric.sign * row['mean']:.3g}"
        + (
            ""
            if math.isnan(row["difference"])
            else f" (difference {_signed(metric.sign * row['difference'])})"
        )
        for protocol, row in summary.iterrows()
    ]
    return f"{metric.label} of each subject under each protocol. Means: {', '.join(parts)}."


def _trained_on(counts: pd.Series) -> str:
    kinds = (("real", counts["n_real"]), ("synthetic", counts["n_synthetic"]))
    return " + ".join(f"{count:.0f} {kind}" for kind, count in kinds if count)


def _signed(value: float) -> str:
    return "" if math.isnan(value) else signed(value)


def _p(value: float) -> str:
    if np.isnan(value):
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
