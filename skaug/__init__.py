"""Windows, synthetic windows and honest comparisons for models of sensor recordings."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from skaug._versions import __version__

if TYPE_CHECKING:
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

# Imported when they are first used, so that the command line answers a shell at once.
_HOMES = {
    "DataWarning": "skaug._warnings",
    "OnlineWindower": "skaug.online",
    "PerRecording": "skaug.recording_steps",
    "Pipeline": "skaug.pipeline",
    "SpectralPeakRegressor": "skaug.spectral_peak",
    "SubjectOverlapWarning": "skaug.windows.subject_overlap",
    "SubjectWindower": "skaug.windower",
    "SynthefyAugmenter": "skaug.augmenter",
    "SynthefySampler": "skaug.sampler",
    "WindowAutocorrelation": "skaug.features",
    "WindowClassifier": "skaug.estimators",
    "WindowFeatures": "skaug.windows.feature_arrays",
    "WindowFlattener": "skaug.features",
    "WindowNormalizer": "skaug.normalizer",
    "WindowRegressor": "skaug.estimators",
    "WindowSpectrum": "skaug.features",
    "WindowStatistics": "skaug.features",
    "WindowTransformer": "skaug.transformer",
    "Windows": "skaug.windows.container",
    "make_pipeline": "skaug.pipeline",
    "predict_rows": "skaug.predictions",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value
    if find_spec(f"skaug.{name}") is not None:
        return import_module(f"skaug.{name}")
    raise AttributeError(f"module 'skaug' has no attribute {name!r}")


def __dir__() -> list[str]:
    packages = ("base", "datasets", "evaluation", "model_selection", "signal", "synthesis")
    return sorted({*globals(), *__all__, *packages})
