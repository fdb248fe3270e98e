"""Metrics as a reader knows them: the mean absolute error, not its negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import pandas as pd

_KNOWN = {
    "neg_mean_absolute_error": "MAE",
    "neg_root_mean_squared_error": "RMSE",
    "neg_mean_squared_error": "MSE",
    "neg_median_absolute_error": "median absolute error",
    "neg_mean_absolute_percentage_error": "MAPE",
    "neg_log_loss": "log loss",
    "neg_brier_score": "Brier score",
    "r2": "R²",
    "roc_auc": "ROC AUC",
}

_Scores = TypeVar("_Scores", float, pd.Series, pd.DataFrame)


@dataclass(frozen=True)
class ReadableMetric:
    """How a metric is shown.

    Parameters
    ----------
    name : str
        scikit-learn's name of the metric, for which greater is better.
    """

    name: str

    @property
    def label(self) -> str:
        """The name in plots and tables."""
        plain = self.name.removeprefix("neg_").replace("_", " ")
        return _KNOWN.get(self.name, plain)

    @property
    def drawn(self) -> str:
        """The label for matplotlib, in which a bare dollar would start a formula."""
        return self.label.replace("$", r"\$")

    @property
    def is_error(self) -> bool:
        """Whether smaller values are better, as they are shown."""
        return self.name.startswith("neg_")

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
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Write a difference with three significant digits and its sign."""
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")
