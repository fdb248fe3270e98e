"""Plots of a comparison and of a learning curve: subjects in pairs, and differences with intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.pyplot import import_pyplot
from skaug.evaluation.inference import t_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from skaug.evaluation.comparison import ProtocolComparison
    from skaug.evaluation.learning_curves import LearningCurve

#: Readable on white and on black, and told apart by the colour-blind.
COLORS = {
    "TRTR": "#8a8f98",
    "TRSTR": "#2f8fdd",
    "TSTR": "#e0812b",
    "TRTS": "#b05fc4",
    "TRRTR": "#2aa67a",
}


class ProtocolComparisonDisplay:
    """Subjects' scores under each protocol, joined by a line, and their differences to TRTR.

    Parameters
    ----------
    scores : DataFrame
        Indexed by subject, a column per protocol, as `ProtocolComparison.by_subject` gives it.
    metric : str
        As scikit-learn calls it. Of errors (``neg_...``) the positive value is drawn.
    reference : str, default="TRTR"
        The protocol that differences are to.

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes
        Scores, and differences if there is a reference.

    Examples
    --------
    >>> import pandas as pd
    >>> from skaug.evaluation import ProtocolComparisonDisplay
    >>> scores = pd.DataFrame({"TRTR": [-4.0, -5.0], "TRSTR": [-3.5, -5.2]}, index=["S1", "S2"])
    >>> display = ProtocolComparisonDisplay(scores, "neg_mean_absolute_error").plot()
    >>> display.axes_[0].get_ylabel()
    'MAE'
    """

    def __init__(self, scores: pd.DataFrame, metric: str, reference: str = "TRTR") -> None:
        self.scores = scores
        self.metric = metric
        self.reference = reference

    @classmethod
    def from_comparison(
        cls, comparison: ProtocolComparison, metric: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw a comparison.

        Parameters
        ----------
        comparison : ProtocolComparison
        metric : str, optional
            The first one by default.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ProtocolComparisonDisplay
        """
        metric = comparison.metrics[0] if metric is None else metric
        return cls(comparison.by_subject(metric), metric).plot(**kwargs)

    def plot(self, *, axes: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        axes : sequence of two Axes, optional
            Where to; a new figure by default.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without the extra ``plot``.
        """
        metric = ReadableMetric(self.metric)
        # TRTS is tested on other windows: its scores make no pairs with those of the others.
        shown = self.scores.drop(columns="TRTS", errors="ignore") * metric.sign
        shown = self.scores * metric.sign if shown.empty else shown
        others = [name for name in shown if name != self.reference]
        has_differences = self.reference in shown and bool(others)
        self.figure_, self.axes_ = _axes(axes, 2 if has_differences else 1)
        self._draw_scores(self.axes_[0], shown, metric)
        if has_differences:
            differences = shown[others].sub(shown[self.reference], axis=0)
            self._draw_differences(self.axes_[1], differences, metric)
        return self

    def _draw_scores(self, ax: Axes, shown: pd.DataFrame, metric: ReadableMetric) -> None:
        places = np.arange(shown.shape[1])
        for _, of_subject in shown.iterrows():
            ax.plot(places, of_subject, color="#8a8f98", alpha=0.5, linewidth=0.8, zorder=1)
        for place, name in zip(places, shown, strict=True):
            ax.scatter(np.full(len(shown), place), shown[name], s=18, color=COLORS[name], zorder=2)
            ax.hlines(
                shown[name].mean(), place - 0.22, place + 0.22, color=COLORS[name], linewidth=2.5
            )
        ax.set_xticks(places, list(shown))
        ax.set_xlim(-0.5, len(places) - 0.5)
        ax.set_ylabel(metric.drawn)
        ax.set_title(f"each of {len(shown)} subjects; bar: mean", fontsize="medium")

    def _draw_differences(
        self, ax: Axes, differences: pd.DataFrame, metric: ReadableMetric
    ) -> None:
        ax.axhline(0, color="#8a8f98", linewidth=1)
        for place, name in enumerate(differences):
            values, color = differences[name].to_numpy(), COLORS[name]
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
        ax.set_xticks(range(differences.shape[1]), list(differences))
        ax.set_xlim(-0.5, differences.shape[1] - 0.4)
        ax.set_ylabel(f"difference in {metric.drawn} to {self.reference}")
        better = "below" if metric.is_error else "above"
        ax.set_title(f"{better} zero: better; mean, 95 % interval", fontsize="medium")


class LearningCurveDisplay:
    """A learning curve: mean over subjects, and the difference that synthetic windows make.

    Parameters
    ----------
    summary : DataFrame
        Of one metric, as `LearningCurve.summary` gives it, with the amount and the protocol as columns.
    metric : str
        As scikit-learn calls it. Of errors (``neg_...``) the positive value is drawn.
    amount : {"ratio", "n_training_subjects"}

    Attributes
    ----------
    figure_ : Figure
    axes_ : ndarray of Axes
        Means, and differences.
    """

    def __init__(self, summary: pd.DataFrame, metric: str, amount: str) -> None:
        self.summary = summary
        self.metric = metric
        self.amount = amount

    @classmethod
    def from_curve(cls, curve: LearningCurve, metric: str | None = None, **kwargs: Any) -> Self:
        """Draw a learning curve.

        Parameters
        ----------
        curve : LearningCurve
        metric : str, optional
            The first one by default.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        LearningCurveDisplay
        """
        summary = curve.summary()
        metric = summary.index[0][0] if metric is None else metric
        return cls(summary.loc[metric].reset_index(), metric, curve.amount).plot(**kwargs)

    def plot(self, *, axes: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        axes : sequence of two Axes, optional
            Where to; a new figure by default.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            Without the extra ``plot``.
        """
        metric = ReadableMetric(self.metric)
        self.figure_, self.axes_ = _axes(axes, 2)
        amounts = sorted(set(self.summary[self.amount]))
        place = {amount: i for i, amount in enumerate(amounts)}
        self._draw_means(self.axes_[0], place, metric)
        self._draw_differences(self.axes_[1], place, metric)
        names = {
            "ratio": "synthetic windows per real one",
            "n_training_subjects": "real subjects trained on",
        }
        for ax in self.axes_:
            ax.set_xticks(range(len(amounts)), [f"{amount:g}" for amount in amounts])
            ax.set_xlabel(names[self.amount])
        return self

    def _draw_means(self, ax: Axes, place: dict[Any, int], metric: ReadableMetric) -> None:
        parts = self.summary.groupby("protocol", sort=False)
        if self.amount == "ratio":  # one curve, whose first point has no synthetic windows
            parts = [("TRSTR", self.summary)]
        for protocol, part in parts:
            at = part[self.amount].map(place)
            ax.plot(at, part["mean"] * metric.sign, "o-", color=COLORS[protocol], label=protocol)
        if self.amount != "ratio":
            ax.legend(frameon=False)
        ax.set_ylabel(metric.drawn)
        ax.set_title("mean over subjects", fontsize="medium")

    def _draw_differences(self, ax: Axes, place: dict[Any, int], metric: ReadableMetric) -> None:
        known = self.summary.dropna(subset="difference")
        shown = known[["difference", "ci_low", "ci_high"]] * metric.sign
        sides = np.abs(shown[["ci_low", "ci_high"]].sub(shown["difference"], axis=0)).to_numpy().T
        ax.axhline(0, color="#8a8f98", linewidth=1)
        ax.errorbar(
            known[self.amount].map(place),
            shown["difference"],
            yerr=sides[:: metric.sign],  # of an error the upper end is the lower one of the score
            fmt="o",
            color=COLORS["TRSTR"],
            capsize=4,
        )
        ax.set_ylabel(f"difference in {metric.drawn} to real alone")
        better = "below" if metric.is_error else "above"
        ax.set_title(f"{better} zero: better; mean, 95 % interval", fontsize="medium")


def _axes(axes: Any, n: int) -> tuple[Figure, Any]:
    if axes is not None:
        axes = np.atleast_1d(axes)
        if len(axes) < n:
            raise ValueError(f"axes must hold {n} Axes, got {len(axes)}.")
        return axes[0].figure, axes
    pyplot = import_pyplot("A display")
    figure, axes = pyplot.subplots(
        1, n, figsize=(4.5 * n, 3.8), layout="constrained", squeeze=False
    )
    axes = axes[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _spread(values: np.ndarray) -> np.ndarray:
    """Shift dots sideways, the same in every drawing, so that equal ones can be told apart."""
    return np.linspace(-0.12, 0.12, len(values))
