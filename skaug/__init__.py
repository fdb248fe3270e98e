"""Windows, synthetic windows and honest comparisons for models of sensor recordings."""

from skaug.augmenter import SynthefyAugmenter
from skaug.estimators import WindowClassifier, WindowRegressor
from skaug.feature_arrays import WindowFeatures
from skaug.features import WindowFlattener, WindowSpectrum, WindowStatistics
from skaug.pipeline import Pipeline, make_pipeline
from skaug.sampler import SynthefySampler
from skaug.subject_overlap import SubjectOverlapWarning
from skaug.windower import SubjectWindower
from skaug.windows import Windows

__version__ = "0.1.0"

__all__ = [
    "Pipeline",
    "SubjectOverlapWarning",
    "SubjectWindower",
    "SynthefyAugmenter",
    "SynthefySampler",
    "WindowClassifier",
    "WindowFeatures",
    "WindowFlattener",
    "WindowRegressor",
    "WindowSpectrum",
    "WindowStatistics",
    "Windows",
    "make_pipeline",
]
