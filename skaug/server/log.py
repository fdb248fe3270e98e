"""The requests that the local service has received."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class ReceivedRequest:
    """One request, as the service received it.

    Attributes
    ----------
    method : str
        Such as ``"POST"``.
    path : str
        Percent-encoded, as it was sent.
    headers : mapping of str to str
        Names in lower case. The value of ``x-api-key`` is hidden.
    body : bytes
        Empty where the request was refused before its body was read.
    status : int or None
        Status of the answer; None while there is none.
    reason : str or None
        Why there is no window, where the answer itself does not say it.
    started, finished : float or None
        When the computation of the window began and ended, in seconds of ``time.monotonic``; None
        where nothing was computed.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    status: int | None = None
    reason: str | None = None
    started: float | None = None
    finished: float | None = None


class RequestLog:
    """The requests received, written by the thread of the service and read by any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[ReceivedRequest] = []

    def add(self, request: ReceivedRequest) -> int:
        """Add a request and return its number."""
        with self._lock:
            self._requests.append(request)
            return len(self._requests) - 1

    def change(self, number: int, **changes: Any) -> None:
        """Change fields of a request."""
        with self._lock:
            self._requests[number] = replace(self._requests[number], **changes)

    def snapshot(self) -> tuple[ReceivedRequest, ...]:
        """Return all requests so far; later changes do not reach the tuple."""
        with self._lock:
            return tuple(self._requests)
