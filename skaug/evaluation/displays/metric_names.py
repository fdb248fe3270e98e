"""Metrics as a reader knows them: the mean absolute error, not its negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

from skaug.evaluation.displays.drawn_text import drawn_text

_KNOWN = {
    "mean_absolute_error": "MAE",
    "root_mean_squared_error": "RMSE",
    "mean_squared_error": "MSE",
    "median_absolute_error": "median absolute error",
    "mean_absolute_percentage_error": "MAPE",
    "log_loss": "log loss",
    "brier_score": "Brier score",
    "brier_score_loss": "Brier score",
    "r2": "R²",
    "r2_score": "R²",
    "roc_auc": "ROC AUC",
    "roc_auc_score": "ROC AUC",
    "accuracy_score": "accuracy",
    "balanced_accuracy_score": "balanced accuracy",
}

_Scores = TypeVar("_Scores", float, pd.Series, pd.DataFrame)


@dataclass(frozen=True)
class ReadableMetric:
    """How a metric is shown.

    Parameters
    ----------
    name : str
        The name of the metric, as scikit-learn's scorers or its functions are called.
    sign : {1, -1}, optional
        -1 if the scores, for which greater is better, are negative errors. By default this follows from
        the name, which begins with ``neg_`` then.
    """

    name: str
    sign: int | None = None

    @property
    def label(self) -> str:
        """The name in plots and tables."""
        plain = self.name.removeprefix("neg_") if self.is_error else self.name
        metric, bracket, output = plain.partition("[")  # of one of several outputs
        return _KNOWN.get(metric, metric.replace("_", " ")) + bracket + output

    @property
    def drawn(self) -> str:
        """The label for matplotlib, in which a bare dollar would start a formula."""
        return drawn_text(self.label)

    @property
    def is_error(self) -> bool:
        """Whether smaller values are better, as they are shown."""
        return self.name.startswith("neg_") if self.sign is None else self.sign < 0

    @property
    def better_side(self) -> str:
        """The side of zero on which a difference, as it is shown, is an improvement."""
        return "below" if self.is_error else "above"

    def shown(self, scores: _Scores) -> _Scores:
        """Return scores, or differences between scores, as they are shown: errors are positive.

        Parameters
        ----------
        scores : float, Series or DataFrame
            Greater is better.

        Returns
        -------
        float, Series or DataFrame
            Never minus zero, which would be printed as "-0".
        """
        return (-scores if self.is_error else scores) + 0.0

    def shown_summary(self, summary: pd.DataFrame) -> pd.DataFrame:
        """Return a summary of this metric as it is shown, with the ends of intervals in order.

        Parameters
        ----------
        summary : DataFrame
            With the columns ``mean``, ``difference``, ``ci_low`` and ``ci_high``; other columns are
            left as they are.

        Returns
        -------
        DataFrame
        """
        # The lower end of a score's interval is the upper end of the error's.
        low, high = ("ci_high", "ci_low") if self.is_error else ("ci_low", "ci_high")
        return summary.assign(
            mean=self.shown(summary["mean"]),
            difference=self.shown(summary["difference"]),
            ci_low=self.shown(summary[low]),
            ci_high=self.shown(summary[high]),
        )


def number(value: float) -> str:
    """Write a number with three significant digits."""
    return f"{value:#.3g}".removesuffix(".").replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Write a difference with three significant digits and its sign."""
    return f"{value:+#.3g}".removesuffix(".").replace("-", "\N{MINUS SIGN}")
