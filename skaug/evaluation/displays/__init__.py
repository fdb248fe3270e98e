"""Plots of recordings, synthetic windows, comparisons and curves, drawn from plain frames and arrays."""

from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.learning_curve import LearningCurveDisplay
from skaug.evaluation.displays.recording import RecordingDisplay
from skaug.evaluation.displays.strata import StrataDisplay
from skaug.evaluation.displays.windows import SyntheticWindowsDisplay

__all__ = [
    "LearningCurveDisplay",
    "ProtocolComparisonDisplay",
    "RecordingDisplay",
    "StrataDisplay",
    "SyntheticWindowsDisplay",
]
