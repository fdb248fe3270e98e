"""What synthetic windows are like beside real ones: fidelity, adherence, diversity, memorization."""

from skaug.evaluation.quality.quality import synthetic_quality
from skaug.evaluation.quality.report import QualityReport

__all__ = ["QualityReport", "synthetic_quality"]
