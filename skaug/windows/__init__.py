"""What flows through the pipelines: windows, and features of windows, that carry their provenance."""

from skaug.windows.container import Windows
from skaug.windows.feature_arrays import WindowFeatures
from skaug.windows.subject_overlap import SubjectOverlapWarning

__all__ = ["SubjectOverlapWarning", "WindowFeatures", "Windows"]
