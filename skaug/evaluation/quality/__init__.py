"""Measures of synthetic windows: fidelity, adherence, diversity and memorization."""

from skaug.evaluation.quality.quality import synthetic_quality
from skaug.evaluation.quality.report import QualityReport

__all__ = ["QualityReport", "synthetic_quality"]
