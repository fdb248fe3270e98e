"""Where synthetic windows come from."""

from skaug.synthesis.api import SynthefyAPI
from skaug.synthesis.archive import AgentArchive
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.errors import (
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
from skaug.synthesis.estimate import CallEstimate, estimate_calls
from skaug.synthesis.store import WindowStore
from skaug.synthesis.surrogate import SurrogateSynthesizer

__all__ = [
    "AgentArchive",
    "AuthenticationError",
    "BadResponse",
    "BudgetExceeded",
    "CallEstimate",
    "ConnectionFailed",
    "OutcomeUnknown",
    "RateLimited",
    "RequestRejected",
    "ServerError",
    "SurrogateSynthesizer",
    "SynthefyAPI",
    "SynthefyError",
    "Synthesizer",
    "WindowStore",
    "estimate_calls",
]
