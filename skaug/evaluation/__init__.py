"""Whether synthetic windows helped, and what they are like."""

from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.displays import LearningCurveDisplay, ProtocolComparisonDisplay
from skaug.evaluation.learning_curves import LearningCurve, learning_curve
from skaug.evaluation.protocols import compare_protocols
from skaug.evaluation.quality import synthetic_quality
from skaug.evaluation.quality_report import QualityReport
from skaug.evaluation.window_display import SyntheticWindowsDisplay

__all__ = [
    "LearningCurve",
    "LearningCurveDisplay",
    "ProtocolComparison",
    "ProtocolComparisonDisplay",
    "QualityReport",
    "SyntheticWindowsDisplay",
    "compare_protocols",
    "learning_curve",
    "synthetic_quality",
]
