"""The public names and the paths to import them from, written out."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from skaug import Windows
from skaug.windows.feature_arrays import WindowFeatures

PUBLIC = {
    "skaug": [
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
    ],
    "skaug.base": ["WindowStep"],
    "skaug.datasets": [
        "load_ieee_spc",
        "load_pamap2",
        "load_ppg_dalia",
        "load_wesad",
        "load_wildppg",
        "simulate_ppg",
    ],
    "skaug.evaluation": [
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
    ],
    "skaug.model_selection": [
        "CalibrationSplit",
        "LeaveOneSubjectOut",
        "RepeatedSubjectKFold",
        "StratifiedSubjectKFold",
        "SubjectKFold",
        "SubjectShuffleSplit",
        "row_scorer",
        "split_by_column",
        "window_scorer",
    ],
    "skaug.server": ["ReceivedRequest", "RunningService", "running", "serve"],
    "skaug.shards": ["read_shards", "write_shards"],
    "skaug.signal": ["bandpass", "interpolate_gaps", "resample", "standardize"],
    "skaug.synthesis": [
        "AgentArchive",
        "AuthenticationError",
        "BadResponse",
        "BudgetExceeded",
        "CallEstimate",
        "ChoiceSynthesizer",
        "ConnectionFailed",
        "Drift",
        "FrequencyMask",
        "Jitter",
        "MagnitudeWarp",
        "Mask",
        "MixupSynthesizer",
        "OutcomeUnknown",
        "Permute",
        "RateLimited",
        "RateSynthesizer",
        "RequestRejected",
        "Rotate",
        "Scale",
        "ServerError",
        "SpectralSynthesizer",
        "SurrogateSynthesizer",
        "SynthefyAPI",
        "SynthefyError",
        "Synthesizer",
        "TimeShift",
        "TimeWarp",
        "Transform",
        "TransformSynthesizer",
        "WindowStore",
        "estimate_calls",
    ],
}
EXTRAS = {"skaug.server": ["starlette", "uvicorn"], "skaug.shards": ["dask", "distributed"]}


@pytest.mark.parametrize("path", PUBLIC)
def test_a_package_exports_its_public_names_and_no_others(path: str) -> None:
    for dependency in EXTRAS.get(path, []):
        pytest.importorskip(dependency)
    package = importlib.import_module(path)
    assert sorted(package.__all__) == PUBLIC[path]
    for name in PUBLIC[path]:
        assert hasattr(package, name)


def test_names_that_are_imported_late_are_listed_and_the_rest_is_unknown() -> None:
    code = """
import skaug
print(set(skaug.__all__) <= set(dir(skaug)), hasattr(skaug, "Window"))
print(skaug.synthesis.Jitter.__name__, skaug.evaluation.learning_curve.__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "Jitter", "learning_curve"]
    with pytest.raises(ImportError, match="cannot import name 'Window' from 'skaug'"):
        exec("from skaug import Window")


def test_modules_are_reached_from_the_package_without_another_import() -> None:
    code = (
        "import skaug\n"
        "skaug.synthesis.RateSynthesizer, skaug.features.WindowSpectrum, skaug.windower.SubjectWindower\n"
        "print(hasattr(skaug, 'no_such_module'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def public(owner: type) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def test_windows_show_what_a_user_may_use() -> None:
    assert public(Windows) == [
        "blocks",
        "concatenate",
        "context",
        "context_rows",
        "dtype",
        "first_context_rows",
        "from_arrays",
        "groups",
        "is_synthetic",
        "map_blocks",
        "ndim",
        "origins",
        "recordings",
        "relabel",
        "shape",
        "synthesized",
        "to_frame",
        "to_numpy",
        "with_samples",
        "y",
    ]


def test_features_show_what_a_user_may_use() -> None:
    assert public(WindowFeatures) == [
        "copy",
        "dtype",
        "groups",
        "is_synthetic",
        "ndim",
        "origins",
        "relabel",
        "shape",
        "to_frame",
        "to_numpy",
        "y",
    ]
