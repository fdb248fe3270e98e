"""The plot of a comparison within strata: one difference with its interval per stratum and protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from skaug.evaluation.displays.drawn_text import drawn_text
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.pyplot import import_pyplot, protocol_colors
from skaug.evaluation.protocol_variants import CONTROLS, protocol_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class StrataDisplay:
    """A forest plot: the difference from a reference within each stratum, with a 95 % t interval.

    Parameters
    ----------
    summary : DataFrame
        Indexed by protocol and stratum, as returned by `ProtocolComparison.by`.
    metric : str
        The name of the metric.
    reference : str, default="TRTR"
        The protocol that the others are compared with.
    sign : {1, -1}, optional
        -1 if the scores are negative errors, which are drawn as positive numbers. By default this follows
        from the name of the metric, which begins with ``neg_`` then.

    Attributes
    ----------
    figure_ : Figure
        The figure, after `plot`.
    ax_ : Axes
        Strata from top to bottom.

    See Also
    --------
    ProtocolComparison.plot_by : Build and draw the display of a comparison.
    """

    def __init__(
        self,
        summary: pd.DataFrame,
        metric: str,
        reference: str = "TRTR",
        *,
        sign: int | None = None,
    ) -> None:
        self.summary = summary
        self.metric = metric
        self.reference = reference
        self.sign = sign

    def plot(self, *, ax: Any = None) -> Self:
        """Draw the differences.

        Parameters
        ----------
        ax : Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        metric = ReadableMetric(self.metric, self.sign)
        shown = metric.shown_summary(self.summary)
        values = shown.index.unique(1)
        if ax is None:
            n_protocols = len(shown.index.unique(0))
            size = (6.4, 1.6 + max(0.55, 0.12 * n_protocols) * len(values))
            _, ax = import_pyplot(type(self).__name__).subplots(figsize=size, layout="constrained")
            ax.spines[["top", "right"]].set_visible(False)
        self.figure_, self.ax_ = ax.figure, ax
        drawn = shown[shown["difference"].notna() & (shown["verdict"] != "baseline")]
        self._draw(ax, drawn, values)
        ax.set_yticks(range(len(values)), [self._label(value) for value in values])
        ax.set_ylim(len(values) - 0.5, -0.5)
        column = drawn_text(column_in_words(str(self.summary.index.names[1])))
        ax.set_xlabel(
            f"difference in {metric.drawn} from {self.reference}\n{metric.better_side} zero: better"
        )
        ax.set_title(
            f"by {column}: mean, 95 % interval (exploratory)", fontsize="medium", loc="right"
        )
        return self

    def _draw(self, ax: Axes, drawn: pd.DataFrame, values: pd.Index) -> None:
        ax.axvline(0, color="#8a8f98", linewidth=1)
        protocols = list(drawn.index.unique(0))
        colors = protocol_colors(protocols)
        shifts = np.linspace(-0.2, 0.2, len(protocols)) if len(protocols) > 1 else [0.0]
        for protocol, shift in zip(protocols, shifts, strict=True):
            part = drawn.loc[protocol]
            ends = part[["ci_low", "ci_high"]].sub(part["difference"], axis=0)
            ax.errorbar(
                part["difference"],
                values.get_indexer(part.index) + shift,
                xerr=ends.abs().to_numpy().T,  # abs: rounding must not make a length negative
                fmt="o",
                color=colors[protocol],
                markerfacecolor="none" if protocol_of(protocol)[0] in CONTROLS else None,
                capsize=4,
                label=drawn_text(protocol),
            )
        if len(protocols) > 1:
            legend = ax.legend(frameon=False, fontsize="small")
            if len(protocols) > 3:  # beside the plot, where it hides nothing
                legend.set_loc("upper left")
                legend.set_bbox_to_anchor((1, 1))

    def _label(self, value: Any) -> str:
        row = self.summary.xs(value, level=1).iloc[0]
        name = drawn_text(stratum_in_words(value))
        return f"{name}\n{row['n_subjects']} subjects, {row['n_windows']} windows"


def column_in_words(column: str) -> str:
    """Return what divides the windows: "label", of several "label heart_rate", or a column of the context."""
    values, _, output = column.partition("[")
    return f"label {output[:-1]}".strip() if values == "y_true" else column


def stratum_in_words(value: Any) -> str:
    """Return the name of a stratum: its value, or "up to 90", "90 to 120", "above 120"."""
    if not isinstance(value, pd.Interval):
        is_whole = isinstance(value, float | np.floating) and value.is_integer()
        return f"{value:.0f}" if is_whole else str(value)
    if np.isinf(value.left):
        return f"up to {value.right:g}" if np.isfinite(value.right) else "all"
    return (
        f"above {value.left:g}" if np.isinf(value.right) else f"{value.left:g} to {value.right:g}"
    )
