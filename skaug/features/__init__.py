"""Steps that make one row of features per window."""

from skaug.features.autocorrelation import WindowAutocorrelation
from skaug.features.base import WindowFeatureExtractor
from skaug.features.spectrum import WindowSpectrum
from skaug.features.statistics import WindowFlattener, WindowStatistics

__all__ = [
    "WindowAutocorrelation",
    "WindowFeatureExtractor",
    "WindowFlattener",
    "WindowSpectrum",
    "WindowStatistics",
]
