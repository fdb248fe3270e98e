"""What the local service was asked."""

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
    path : str
        As it travelled: percent-encoded.
    headers : mapping of str to str
        Names in lower case. The value of ``x-api-key`` is hidden.
    body : bytes
    status : int, or None
        Of the answer; None as long as there is none.
    reason : str, or None
        Why the request was refused, in words. The service's own answer does not tell.
    started, finished : float, or None
        When the computation of the window began and ended, in seconds of ``time.monotonic``. None
        where nothing was computed.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None = None
    reason: str | None = None
    started: float | None = None
    finished: float | None = None


class RequestLog:
    """The requests received, written by the service's thread and read by any other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[ReceivedRequest] = []

    def add(self, request: ReceivedRequest) -> int:
        """Note a request, and give its number."""
        with self._lock:
            self._requests.append(request)
            return len(self._requests) - 1

    def change(self, number: int, **changes: Any) -> None:
        """Note what became of a request."""
        with self._lock:
            self._requests[number] = replace(self._requests[number], **changes)

    def snapshot(self) -> tuple[ReceivedRequest, ...]:
        """Give all requests so far; what happens later does not change them."""
        with self._lock:
            return tuple(self._requests)
