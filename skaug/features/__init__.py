"""Steps that make one row of features per window."""

from skaug.features.autocorrelation import WindowAutocorrelation
from skaug.features.base import FeatureStep, ShapedStep, WindowFeatureExtractor
from skaug.features.spectrum import WindowSpectrum
from skaug.features.statistics import WindowFlattener, WindowStatistics

__all__ = [
    "FeatureStep",
    "ShapedStep",
    "WindowAutocorrelation",
    "WindowFeatureExtractor",
    "WindowFlattener",
    "WindowSpectrum",
    "WindowStatistics",
]
