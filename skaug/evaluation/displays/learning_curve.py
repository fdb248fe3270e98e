"""The plot of a learning curve: means, and the differences that synthetic windows make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.pyplot import protocol_colors, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AMOUNT_LABELS = {
    "ratio": "synthetic windows per real one",
    "n_training_subjects": "real subjects trained on",
}


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
        self, summary: pd.DataFrame, metric: str, amount: str, sign: int | None = None
    ) -> None:
        self.summary = summary
        self.metric = metric
        self.amount = amount
        self.sign = sign

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
        shown["place"] = shown[self.amount].map({amount: i for i, amount in enumerate(amounts)})
        self.figure_, self.axes_ = side_by_side(2, axes, type(self).__name__)
        self._draw_means(self.axes_[0], shown, metric)
        self._draw_differences(self.axes_[1], shown, metric)
        for ax in self.axes_:
            ax.set_xticks(range(len(amounts)), [f"{amount:g}" for amount in amounts])
            ax.set_xlim(-0.3, len(amounts) - 0.7)
            ax.set_xlabel(AMOUNT_LABELS[self.amount])
        return self

    def _draw_means(self, ax: Axes, shown: pd.DataFrame, metric: ReadableMetric) -> None:
        parts = shown.groupby("protocol", sort=False)
        if self.amount == "ratio":  # one curve: its first point is without synthetic windows
            parts = [("TRSTR", shown)]
        for protocol, part in parts:
            color = protocol_colors([protocol])[protocol]
            ax.plot(part["place"], part["mean"], "o-", color=color, label=protocol)
        if self.amount != "ratio":
            ax.legend(frameon=False)
        ax.set_ylabel(metric.drawn)
        ax.set_title("mean over subjects", fontsize="medium")

    def _draw_differences(self, ax: Axes, shown: pd.DataFrame, metric: ReadableMetric) -> None:
        known = shown.dropna(subset="difference")
        ends = known[["ci_low", "ci_high"]].sub(known["difference"], axis=0)
        ax.axhline(0, color="#8a8f98", linewidth=1)
        ax.errorbar(
            known["place"],
            known["difference"],
            yerr=ends.abs().to_numpy().T,  # abs: rounding must not make a length negative
            fmt="o",
            color=protocol_colors(["TRSTR"])["TRSTR"],
            capsize=4,
        )
        ax.set_ylabel(f"difference in {metric.drawn} from real alone")
        ax.set_title(f"{metric.better_side} zero: better; mean, 95 % interval", fontsize="medium")
