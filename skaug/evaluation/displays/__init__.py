"""Plots of comparisons, learning curves and synthetic windows, drawn from plain frames and arrays."""

from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.learning_curve import LearningCurveDisplay
from skaug.evaluation.displays.strata import StrataDisplay
from skaug.evaluation.displays.windows import SyntheticWindowsDisplay

__all__ = [
    "LearningCurveDisplay",
    "ProtocolComparisonDisplay",
    "StrataDisplay",
    "SyntheticWindowsDisplay",
]
