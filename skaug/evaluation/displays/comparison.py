"""The plot of a comparison: the scores of each subject, and their differences with an interval."""

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
    set_protocol_ticks,
    side_by_side,
    write_numbers_in_full,
)
from skaug.evaluation.paired_tests import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class ProtocolComparisonDisplay:
    """The scores of each subject under each protocol, joined by a line, and differences to a reference.

    Parameters
    ----------
    scores : DataFrame
        Indexed by subject, with one column per protocol, as returned by
        `ProtocolComparison.by_subject`. Greater is better.
    metric : str
        The name of the metric.
    reference : str, default="TRTR"
        The protocol that the others are compared with. If `scores` does not contain it, no differences
        are drawn.
    sign : {1, -1}, optional
        -1 if the scores are negative errors, which are drawn as positive numbers. By default this follows
        from the name of the metric, which begins with ``neg_`` then.
    baselines : dict of str to float, optional
        The mean score of each baseline, which is drawn as a line.

    Attributes
    ----------
    figure_ : Figure
        The figure, after `plot`.
    axes_ : ndarray of Axes
        Scores and, if there is a reference, differences.

    See Also
    --------
    ProtocolComparison.plot : Build and draw the display of a comparison.

    Examples
    --------
    >>> import pandas as pd
    >>> from skaug.evaluation import ProtocolComparisonDisplay
    >>> scores = pd.DataFrame({"TRTR": [-4.0, -5.0], "TRSTR": [-3.5, -5.2]}, index=["S1", "S2"])
    >>> display = ProtocolComparisonDisplay(scores, "neg_mean_absolute_error").plot()
    >>> display.axes_[0].get_ylabel()
    'MAE'
    """

    def __init__(
        self,
        scores: pd.DataFrame,
        metric: str,
        reference: str = "TRTR",
        *,
        sign: int | None = None,
        baselines: Mapping[str, float] | None = None,
    ) -> None:
        self.scores = scores
        self.metric = metric
        self.reference = reference
        self.sign = sign
        self.baselines = baselines

    def plot(self, *, axes: Any = None) -> Self:
        """Draw the scores and the differences.

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
        # TRTS is tested on other windows, so its scores do not pair with those of the others.
        paired = self.scores.drop(columns="TRTS", errors="ignore")
        shown = metric.shown(self.scores if paired.empty else paired)
        others = [name for name in shown if name != self.reference]
        has_differences = self.reference in shown and bool(others)
        self.figure_, self.axes_ = side_by_side(
            2 if has_differences else 1, axes, type(self).__name__
        )
        self._draw_scores(self.axes_[0], shown, metric)
        if has_differences:
            differences = shown[others].sub(shown[self.reference], axis=0)
            self._draw_differences(self.axes_[1], differences, metric)
        return self

    def _draw_scores(self, ax: Axes, shown: pd.DataFrame, metric: ReadableMetric) -> None:
        places, colors = np.arange(shown.shape[1]), protocol_colors(shown)
        for _, of_subject in shown.iterrows():
            ax.plot(places, of_subject, color="#8a8f98", alpha=0.5, linewidth=0.8, zorder=1)
        for place, name in zip(places, shown, strict=True):
            color = colors[name]
            ax.scatter(np.full(len(shown), place), shown[name], s=18, color=color, zorder=2)
            ax.hlines(shown[name].mean(), place - 0.22, place + 0.22, color=color, linewidth=2.5)
        set_protocol_ticks(ax, shown)
        ax.set_xlim(-0.5, len(places) - 0.5)
        for (name, score), style in zip(
            (self.baselines or {}).items(), cycle(BASELINE_LINES), strict=False
        ):
            label = drawn_text(name)
            ax.axhline(
                metric.shown(score), color="#8a8f98", linestyle=style, linewidth=1.2, label=label
            )
        if self.baselines:
            ax.legend(frameon=False, fontsize="small")
        write_numbers_in_full(ax)
        ax.set_ylabel(metric.drawn)
        ax.set_title(f"each of {len(shown)} subjects; bar: mean", fontsize="medium")

    def _draw_differences(
        self, ax: Axes, differences: pd.DataFrame, metric: ReadableMetric
    ) -> None:
        colors = protocol_colors(differences)
        ax.axhline(0, color="#8a8f98", linewidth=1)
        for place, name in enumerate(differences):
            values, color = differences[name].to_numpy(), colors[name]
            ax.scatter(place + _spread(values), values, s=14, color=color, alpha=0.6)
            low, high = t_interval(values)
            ax.errorbar(
                place + 0.32,
                values.mean(),
                yerr=[[values.mean() - low], [high - values.mean()]],
                fmt="o",
                color=color,
                capsize=4,
                linewidth=2,
            )
        set_protocol_ticks(ax, differences)
        ax.set_xlim(-0.5, differences.shape[1] - 0.4)
        ax.set_ylabel(f"difference in {metric.drawn} from {self.reference}")
        ax.set_title(f"{metric.better_side} zero: better; mean, 95 % interval", fontsize="medium")


def _spread(values: np.ndarray) -> np.ndarray:
    """Return a sideways shift for each dot, the same in every drawing, so that equal ones stay visible."""
    return np.linspace(-0.12, 0.12, len(values))
