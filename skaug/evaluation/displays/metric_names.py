"""Metrics as a reader knows them: the mean absolute error, not its negative."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True)
class ReadableMetric:
    """How a metric is shown.

    Parameters
    ----------
    name : str
        As scikit-learn calls it: the greater the better.
    """

    name: str

    @property
    def label(self) -> str:
        """What a reader calls it."""
        plain = self.name.removeprefix("neg_").replace("_", " ")
        return _KNOWN.get(self.name, plain)

    @property
    def drawn(self) -> str:
        """The label as matplotlib takes it, for whom dollars enclose a formula."""
        return self.label.replace("$", r"\$")

    @property
    def is_error(self) -> bool:
        """Whether smaller values are better, as they are shown."""
        return self.name.startswith("neg_")

    @property
    def sign(self) -> int:
        """What a score is multiplied by to be shown."""
        return -1 if self.is_error else 1


def number(value: float) -> str:
    """Write a number to three digits."""
    return f"{value + 0.0:.3g}".replace("-", "\N{MINUS SIGN}")  # + 0.0: never minus nothing


def signed(value: float) -> str:
    """Write a difference to three digits, with its sign."""
    return f"{value + 0.0:+.3g}".replace("-", "\N{MINUS SIGN}")
