"""A synthesis service on this machine that answers like Synthefy's stream endpoint.

Requires the extra ``server``: ``pip install "skaug[server]"``.
"""

try:
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError(
        'The local synthesis service needs starlette and uvicorn: pip install "skaug[server]"'
    ) from error

from skaug.server.lifetime import RunningService, running, serve
from skaug.server.log import ReceivedRequest

__all__ = ["ReceivedRequest", "RunningService", "running", "serve"]
