"""Plots of comparisons, learning curves and synthetic windows."""

from skaug.evaluation.displays.comparison import LearningCurveDisplay, ProtocolComparisonDisplay
from skaug.evaluation.displays.windows import SyntheticWindowsDisplay

__all__ = ["LearningCurveDisplay", "ProtocolComparisonDisplay", "SyntheticWindowsDisplay"]
