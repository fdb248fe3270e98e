"""Sources of synthetic windows."""

from skaug.synthesis.archive import AgentArchive
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.choice import ChoiceSynthesizer
from skaug.synthesis.mixup import MixupSynthesizer
from skaug.synthesis.rate import RateSynthesizer
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

__all__ = [
    "AgentArchive",
    "AuthenticationError",
    "BadResponse",
    "BudgetExceeded",
    "CallEstimate",
    "ChoiceSynthesizer",
    "ConnectionFailed",
    "MixupSynthesizer",
    "OutcomeUnknown",
    "RateLimited",
    "RateSynthesizer",
    "RequestRejected",
    "ServerError",
    "SurrogateSynthesizer",
    "SynthefyAPI",
    "SynthefyError",
    "Synthesizer",
    "WindowStore",
    "estimate_calls",
]
