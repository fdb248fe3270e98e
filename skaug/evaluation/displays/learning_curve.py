"""The plot of a learning curve: means, and the differences that synthetic windows make."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from skaug.evaluation.displays.drawn_text import drawn_text
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.pyplot import (
    BASELINE_LINES,
    protocol_colors,
    side_by_side,
    write_numbers_in_full,
)
from skaug.evaluation.protocol_variants import is_protocol

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AMOUNT_LABELS = {
    "ratio": "synthetic windows per real one",
    "n_training_subjects": "real subjects trained on",
}


def amount_in_words(amount: float, names: Mapping[float, str] | None = None) -> str:
    """Return how an amount is written: its name, such as "all 19", or its number."""
    return (names or {}).get(amount, f"{amount:g}")


class LearningCurveDisplay:
    """A learning curve: mean over subjects, and the difference that synthetic windows make.

    Parameters
    ----------
    summary : DataFrame
        One row per amount and protocol, with the columns ``protocol``, ``mean``, ``difference``,
        ``ci_low``, ``ci_high`` and the one named by `amount`: one metric of `LearningCurve.summary`,
        with its index reset.
    metric : str
        The name of the metric.
    amount : {"ratio", "n_training_subjects"}
        The column that varies.
    sign : {1, -1}, optional
        -1 if the scores are negative errors, which are drawn as positive numbers. By default this follows
        from the name of the metric, which begins with ``neg_`` then.
    names : dict of float to str, optional
        How amounts are written, such as "all 19", where it is not the number.

    Attributes
    ----------
    figure_ : Figure
        The figure, after `plot`.
    axes_ : ndarray of Axes
        Means and differences.

    See Also
    --------
    LearningCurve.plot : Build and draw the display of a learning curve.
    """

    def __init__(
        self,
        summary: pd.DataFrame,
        metric: str,
        amount: str,
        sign: int | None = None,
        names: Mapping[float, str] | None = None,
    ) -> None:
        self.summary = summary
        self.metric = metric
        self.amount = amount
        self.sign = sign
        self.names = names

    def amount_in_words(self, amount: float) -> str:
        """Return how an amount is written."""
        return amount_in_words(amount, self.names)

    def plot(self, *, axes: Any = None) -> Self:
        """Draw the means and the differences.

        Parameters
        ----------
        axes : sequence of two Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are too few axes.
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        metric = ReadableMetric(self.metric, self.sign)
        shown = metric.shown_summary(self.summary)
        amounts = sorted(set(shown[self.amount]))
        # Few subjects matter most: from 2 to 4 is as far as from 8 to 16.
        places = range(len(amounts)) if self.amount == "ratio" else np.log2(amounts)
        shown["place"] = shown[self.amount].map(dict(zip(amounts, places, strict=True)))
        self.figure_, self.axes_ = side_by_side(2, axes, type(self).__name__)
        self._draw_means(self.axes_[0], shown, metric)
        self._draw_differences(self.axes_[1], shown, metric)
        for ax in self.axes_:
            ax.set_xticks(places, [self.amount_in_words(amount) for amount in amounts])
            ax.set_xlim(min(places) - 0.3, max(places) + 0.3)
            ax.set_xlabel(AMOUNT_LABELS[self.amount])
        return self

    def _draw_means(self, ax: Axes, shown: pd.DataFrame, metric: ReadableMetric) -> None:
        labels = list(dict.fromkeys(shown["protocol"]))
        colors = protocol_colors(labels)
        # Over ratios, the first point of every curve is without synthetic windows.
        is_start = (shown["protocol"] == "TRTR") & (self.amount == "ratio")
        drawn = [label for label in labels if label != "TRTR" or self.amount != "ratio"]
        lines = cycle(BASELINE_LINES)
        for label in drawn or ["TRTR"]:
            part = shown[is_start | (shown["protocol"] == label)]
            style = "o-" if is_protocol(label) else next(lines)
            ax.plot(
                part["place"], part["mean"], style, color=colors[label], label=drawn_text(label)
            )
        if len(drawn) > 1:
            ax.legend(frameon=False, fontsize="small")
        write_numbers_in_full(ax)
        ax.set_ylabel(metric.drawn)
        ax.set_title("mean over subjects", fontsize="medium")

    def _draw_differences(self, ax: Axes, shown: pd.DataFrame, metric: ReadableMetric) -> None:
        known = shown[shown["difference"].notna() & shown["protocol"].map(is_protocol)]
        labels = list(dict.fromkeys(known["protocol"]))
        colors = protocol_colors(labels)
        ax.axhline(0, color="#8a8f98", linewidth=1)
        for i, label in enumerate(labels):
            part = known[known["protocol"] == label]
            ends = part[["ci_low", "ci_high"]].sub(part["difference"], axis=0)
            ax.errorbar(
                part["place"] + 0.08 * (i - (len(labels) - 1) / 2),
                part["difference"],
                yerr=ends.abs().to_numpy().T,  # abs: rounding must not make a length negative
                fmt="o",
                color=colors[label],
                capsize=4,
                label=drawn_text(label),
            )
        if len(labels) > 1:
            ax.legend(frameon=False, fontsize="small")
        ax.set_ylabel(f"difference in {metric.drawn} from real alone")
        ax.set_title(f"{metric.better_side} zero: better; mean, 95 % interval", fontsize="medium")
