"""Windows, synthetic windows and honest comparisons for models of sensor recordings."""

from skaug._versions import __version__
from skaug._warnings import DataWarning
from skaug.augmenter import SynthefyAugmenter
from skaug.estimators import WindowClassifier, WindowRegressor
from skaug.features import (
    WindowAutocorrelation,
    WindowFlattener,
    WindowSpectrum,
    WindowStatistics,
)
from skaug.normalizer import WindowNormalizer
from skaug.online import OnlineWindower
from skaug.pipeline import Pipeline, make_pipeline
from skaug.predictions import predict_rows
from skaug.recording_steps import PerRecording
from skaug.sampler import SynthefySampler
from skaug.spectral_peak import SpectralPeakRegressor
from skaug.transformer import WindowTransformer
from skaug.windower import SubjectWindower
from skaug.windows.container import Windows
from skaug.windows.feature_arrays import WindowFeatures
from skaug.windows.subject_overlap import SubjectOverlapWarning

__all__ = [
    "DataWarning",
    "OnlineWindower",
    "PerRecording",
    "Pipeline",
    "SpectralPeakRegressor",
    "SubjectOverlapWarning",
    "SubjectWindower",
    "SynthefyAugmenter",
    "SynthefySampler",
    "WindowAutocorrelation",
    "WindowClassifier",
    "WindowFeatures",
    "WindowFlattener",
    "WindowNormalizer",
    "WindowRegressor",
    "WindowSpectrum",
    "WindowStatistics",
    "WindowTransformer",
    "Windows",
    "__version__",
    "make_pipeline",
    "predict_rows",
]
