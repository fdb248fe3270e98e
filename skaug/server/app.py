"""The HTTP side of the local service: statuses, bodies, the key and the line."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
import time
import uuid
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from skaug.server.form import NOT_READABLE, form_errors, read_body
from skaug.server.log import ReceivedRequest, RequestLog
from skaug.server.model import Condition, LocalModel

_STREAM = re.compile(r"/api/synthesis/[^/]+/[^/]+/[^/]+/stream")
_KEY = "x-api-key"


class SynthesisApp:
    """The stream endpoint as an ASGI application.

    Parameters
    ----------
    model : LocalModel
        Reads the columns of a request, and makes the window.
    delay : float
        Seconds that a window takes.
    api_key : str, or None
        None asks for no key.
    log : RequestLog, or None
        Where requests are noted. None keeps nothing.
    """

    def __init__(
        self, model: LocalModel, *, delay: float, api_key: str | None, log: RequestLog | None
    ) -> None:
        if not (math.isfinite(delay) and delay >= 0):
            raise ValueError(f"delay={delay!r} must be a number of seconds, 0 or more.")
        if api_key == "":
            raise ValueError("api_key is empty: give one, or None to ask for none.")
        self._model = model
        self._delay = delay
        self._api_key = api_key
        self._log = log
        self._turn = asyncio.Lock()  # first come, first served
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Let go of those who wait in line. Called in the event loop."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        try:
            body = await request.body()
        except ClientDisconnect:
            return
        exchange = _Exchange(request, body, self._log)
        try:
            response = await self._answer(exchange)
        except Exception:
            # What the service answers where nobody foresaw the error. Nothing is logged: a message or
            # a traceback would hold what was sent.
            response = PlainTextResponse("Internal Server Error", 500)
        response.headers["X-Request-ID"] = request.headers.get("X-Request-ID") or str(uuid.uuid4())
        exchange.note(status=response.status_code)
        await response(scope, receive, send)

    async def _answer(self, exchange: _Exchange) -> Response:
        request = exchange.request
        if not _STREAM.fullmatch(request.url.path):
            return _refusal(404, "Not Found")
        if request.method != "POST":
            return _refusal(405, "Method Not Allowed", {"Allow": "POST"})
        if self._api_key is not None:
            sent = request.headers.get(_KEY)
            if not sent:
                return _refusal(401, "API Key is missing.")
            # Latin-1 gives back the bytes of a header. The time that `==` takes tells how many agree.
            if not secrets.compare_digest(sent.encode("latin-1"), self._api_key.encode()):
                return _refusal(401, "Invalid API key")
        columns, errors = read_body(exchange.body, request.headers.get("content-type"))
        errors = errors or form_errors(columns)
        if errors:
            return _form_refusal(errors)
        try:
            condition = self._model.read(columns)
        except ValueError as error:
            exchange.note(reason=str(error))
            return _refusal(500, "Internal server error occurred during stream synthesis")
        return await self._compute(condition, exchange)

    async def _compute(self, condition: Condition, exchange: _Exchange) -> Response:
        async with self._turn:
            if self._closing.is_set():
                return _refusal(503, "The local service is shutting down")
            exchange.note(started=time.monotonic())
            window = self._model.synthesize(condition)
            if self._delay:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), self._delay)
                    return _refusal(503, "The local service is shutting down")
            exchange.note(finished=time.monotonic())
        # NaN is not JSON: as in the service itself, this raises, and the plain text is the answer.
        return JSONResponse(window)


class _Exchange:
    """A request, with what is noted of it."""

    def __init__(self, request: Request, body: bytes, log: RequestLog | None) -> None:
        self.request = request
        self.body = body
        self._log = log
        if log is not None:
            headers = dict(request.headers)
            if _KEY in headers:
                headers[_KEY] = "(hidden)"
            path = request.scope["raw_path"].decode("ascii")
            self._number = log.add(ReceivedRequest(request.method, path, headers, body))

    def note(self, **changes: Any) -> None:
        if self._log is not None:
            self._log.change(self._number, **changes)


def _refusal(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": detail}, status, headers)


def _form_refusal(errors: list[dict[str, Any]]) -> Response:
    try:
        return JSONResponse({"detail": errors}, 422)
    except RecursionError:  # it could just be read, but what is nested so deeply cannot be echoed
        return JSONResponse({"detail": [NOT_READABLE]}, 422)
