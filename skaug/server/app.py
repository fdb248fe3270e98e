"""The stream endpoint over HTTP: statuses, the key, and one window at a time."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
import traceback
import uuid
from contextlib import suppress
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from skaug._checks import is_finite_number
from skaug.server.log import ReceivedRequest, RequestLog
from skaug.server.model import LocalModel
from skaug.server.request_body import parse_columns, read_body

logger = logging.getLogger(__name__)

_STREAM = re.compile(r"/api/synthesis/[^/]+/[^/]+/[^/]+/stream")
_KEY = "x-api-key"
_SHUTTING_DOWN = "The local service is shutting down"


class SynthesisApp:
    """The stream endpoint as an ASGI application.

    Parameters
    ----------
    model : LocalModel
        Reads the columns of a request and makes the window.
    delay : float
        Seconds that a window takes.
    api_key : str or None
        The key that requests must have; None requires none.
    log : RequestLog or None
        Where requests are recorded; None records nothing.
    """

    def __init__(
        self, model: LocalModel, *, delay: float, api_key: str | None, log: RequestLog | None
    ) -> None:
        if not is_finite_number(delay) or delay < 0:
            raise ValueError(f"delay={delay!r} must be a number of seconds, 0 or more.")
        if api_key == "":
            raise ValueError("api_key is empty: pass a key, or None to require none.")
        self._model = model
        self._delay = delay
        self._api_key = api_key
        self._log = log
        self._turn = asyncio.Lock()  # first come, first served
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Refuse all requests that have no window yet. Called in the event loop."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        entry = _LogEntry(request, self._log)
        try:
            response = await self._answer(request, entry)
        except ClientDisconnect:
            return
        except HTTPException as refusal:
            response = JSONResponse(
                {"detail": refusal.detail}, refusal.status_code, refusal.headers
            )
        except Exception as error:
            # Neither the message nor the traceback is logged: they could hold what was sent.
            place = traceback.extract_tb(error.__traceback__)[-1]
            kind = type(error).__name__
            logger.error("%s in %s, line %s", kind, place.filename, place.lineno)
            entry.note(reason=f"an unexpected {kind}")
            response = _internal_error()
        response.headers["X-Request-ID"] = request.headers.get("X-Request-ID") or str(uuid.uuid4())
        entry.note(status=response.status_code)
        await response(scope, receive, send)

    async def _answer(self, request: Request, entry: _LogEntry) -> Response:
        self._check_head(
            request
        )  # first: an unauthenticated client must not make the service read a body
        body = await read_body(request)
        entry.note(body=body)
        columns = parse_columns(body, request.headers.get("content-type"))
        try:
            condition = self._model.read(columns)
        except ValueError as error:
            entry.note(reason=str(error))
            detail = "Internal server error occurred during stream synthesis"
            raise HTTPException(500, detail) from None
        async with self._turn:
            if self._closing.is_set():
                raise HTTPException(503, _SHUTTING_DOWN)
            entry.note(started=time.monotonic())
            window = self._model.synthesize(condition)
            if self._delay:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), self._delay)
                    raise HTTPException(503, _SHUTTING_DOWN)
            entry.note(finished=time.monotonic())
        try:
            return JSONResponse(window)
        except ValueError:  # NaN is not JSON, and the service fails on it as on an unexpected error
            entry.note(reason="the window holds NaN or infinity")
            return _internal_error()

    def _check_head(self, request: Request) -> None:
        if not _STREAM.fullmatch(request.url.path):
            raise HTTPException(404, "Not Found")
        if request.method != "POST":
            raise HTTPException(405, "Method Not Allowed", {"Allow": "POST"})
        if self._api_key is None:
            return
        sent = request.headers.get(_KEY)
        if not sent:
            raise HTTPException(401, "API Key is missing.")
        # Latin-1 restores the bytes of a header. The time that `==` takes reveals how many agree.
        if not secrets.compare_digest(sent.encode("latin-1"), self._api_key.encode()):
            raise HTTPException(401, "Invalid API key")


def _internal_error() -> Response:
    """Return the service's answer to an unexpected error."""
    return PlainTextResponse("Internal Server Error", 500)


class _LogEntry:
    """The entry of one request in the log, added with its first note."""

    def __init__(self, request: Request, log: RequestLog | None) -> None:
        self._request = request
        self._log = log
        self._number: int | None = None

    def note(self, **changes: Any) -> None:
        if self._log is None:
            return
        if self._number is None:
            headers = dict(self._request.headers)
            if _KEY in headers:
                headers[_KEY] = "(hidden)"
            path = self._request.scope["raw_path"].decode("ascii")
            self._number = self._log.add(ReceivedRequest(self._request.method, path, headers))
        self._log.change(self._number, **changes)
