"""Sources of synthetic windows."""

from skaug.synthesis.archive import AgentArchive
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.choice import ChoiceSynthesizer
from skaug.synthesis.mixup import MixupSynthesizer
from skaug.synthesis.rate import RateSynthesizer
from skaug.synthesis.spectral import SpectralSynthesizer
from skaug.synthesis.surrogate import SurrogateSynthesizer
from skaug.synthesis.synthefy.api import SynthefyAPI
from skaug.synthesis.synthefy.errors import (
    AuthenticationError,
    BadResponse,
    BudgetExceeded,
    ConnectionFailed,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    ServerError,
    SynthefyError,
)
from skaug.synthesis.synthefy.estimate import CallEstimate, estimate_calls
from skaug.synthesis.synthefy.store import WindowStore
from skaug.synthesis.transform import TransformSynthesizer
from skaug.synthesis.transforms import (
    Drift,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    Mask,
    Permute,
    Rotate,
    Scale,
    TimeShift,
    TimeWarp,
    Transform,
)

__all__ = [
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
]
