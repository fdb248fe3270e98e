"""Whether synthetic windows helped, and what they are like."""

from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.learning_curve import LearningCurveDisplay
from skaug.evaluation.displays.recording import RecordingDisplay
from skaug.evaluation.displays.strata import StrataDisplay
from skaug.evaluation.displays.windows import SyntheticWindowsDisplay
from skaug.evaluation.learning_curve_scores import LearningCurve
from skaug.evaluation.learning_curves import learning_curve
from skaug.evaluation.protocols import compare_protocols
from skaug.evaluation.quality.quality import synthetic_quality
from skaug.evaluation.quality.report import QualityReport
from skaug.evaluation.synthesizers import compare_synthesizers

__all__ = [
    "LearningCurve",
    "LearningCurveDisplay",
    "ProtocolComparison",
    "ProtocolComparisonDisplay",
    "QualityReport",
    "RecordingDisplay",
    "StrataDisplay",
    "SyntheticWindowsDisplay",
    "compare_protocols",
    "compare_synthesizers",
    "learning_curve",
    "synthetic_quality",
]
