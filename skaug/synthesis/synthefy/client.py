"""Exchanges with the synthesis service: one deadline each, retried where nothing was computed."""

from __future__ import annotations

import email.utils
import logging
import random
import re
import time
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

from skaug.synthesis.synthefy.connection import read_key, uses_proxy
from skaug.synthesis.synthefy.errors import (
    AuthenticationError,
    BadResponse,
    ConnectionFailed,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    ServerError,
    SynthefyError,
)

logger = logging.getLogger(__name__)

MAX_RESPONSE_BYTES = 8 * 2**20
MAX_WAIT_SECONDS = 120.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_POLL_SECONDS = 0.1
_jitter = random.Random()  # our own: `random.seed` belongs to the caller


@dataclass(frozen=True)
class Answer:
    """The body of a successful answer, with the id of the request and the number of attempts."""

    content: bytes
    request_id: str
    attempts: int


@dataclass(frozen=True)
class Service:
    """How the service is reached.

    Parameters
    ----------
    url : str
        The address of the stream endpoint.
    api_key_env : str
        The environment variable that holds the key.
    timeout : float
        Seconds for a whole exchange, from connecting to the last byte.
    max_retries : int
        Further attempts where nothing can have been computed.
    max_concurrency : int
        Requests at a time.
    """

    url: str
    api_key_env: str
    timeout: float
    max_retries: int
    max_concurrency: int


@dataclass(frozen=True)
class Client:
    """A client that sends request bodies to the service.

    Parameters
    ----------
    http : httpx.AsyncClient
        The connections.
    service : Service
        Where and how to send them.
    is_stopped : callable
        Returns whether to stop waiting for the next attempt.
    """

    http: httpx.AsyncClient
    service: Service
    is_stopped: Callable[[], bool]

    async def post(self, body: bytes) -> Answer:
        """Send one request, again where that is safe, and return the answer.

        Parameters
        ----------
        body : bytes
            JSON.

        Returns
        -------
        Answer

        Raises
        ------
        SynthefyError
            Of the kind that says what happened, with status, request id and attempts.
        """
        attempt = 0
        while True:
            attempt += 1
            request_id = uuid.uuid4().hex
            outcome = await self._exchange(body, request_id)
            if isinstance(outcome, bytes):
                return Answer(outcome, request_id, attempt)
            error, wait = outcome.error, outcome.retry_after
            error.request_id, error.attempts = request_id, attempt
            if not outcome.is_safe:
                raise error
            if wait is not None and wait > MAX_WAIT_SECONDS:
                raise RateLimited(
                    f"The service asked us to wait {wait:.0f} s, more than the limit of "
                    f"{MAX_WAIT_SECONDS:.0f} s. Call fit again later; windows already paid for are stored.",
                    status=error.status,
                    request_id=request_id,
                    attempts=attempt,
                )
            if attempt > self.service.max_retries:
                raise error
            wait = _waiting_time(attempt, wait)
            logger.info("Attempt %d failed (%s), next in %.1f s", attempt, error, wait)
            if not await self._wait(wait):
                raise error

    async def _wait(self, seconds: float) -> bool:
        """Wait for the next attempt, and return whether to make it."""
        end = anyio.current_time() + seconds
        while not self.is_stopped():
            left = end - anyio.current_time()
            if left <= 0:
                return True
            await anyio.sleep(min(left, _POLL_SECONDS))
        return False

    async def _exchange(self, body: bytes, request_id: str) -> bytes | _Failure:
        # Errors of httpx hold the request, and the request holds the key. They end here: our own errors
        # are not raised while one of them is handled, or they would carry it as their context.
        sending = _Sending()
        try:
            with anyio.fail_after(self.service.timeout):
                return await self._send(body, request_id, sending)
        except SynthefyError as error:
            return _Failure(error.with_traceback(None))  # its frames hold the request
        except TimeoutError:
            why, is_safe = "no connection in time", True
            unknown = OutcomeUnknown(
                f"The service did not answer within {self.service.timeout:g} s. Wait longer with "
                "SynthefyAPI(timeout=...): a worker computes one window at a time, and requests queue for it."
            )
        except Exception as failure:  # such as UnicodeError, for a name that no host can have
            is_safe = isinstance(failure, httpx.TransportError)
            why = str(failure) or type(failure).__name__
            unknown = OutcomeUnknown(
                f"The connection broke before the answer was complete ({type(failure).__name__}). Call fit "
                "again; windows already paid for are stored."
            )
        if sending.begun:
            return _Failure(unknown)
        proxy = ", the proxy in HTTPS_PROXY or ALL_PROXY" if uses_proxy(self.service.url) else ""
        refused = ConnectionFailed(
            f"No connection to {httpx.URL(self.service.url).host} ({why}): check base_url{proxy} and the "
            "network. Nothing was billed."
        )
        return _Failure(refused, is_safe)

    async def _send(self, body: bytes, request_id: str, sending: _Sending) -> bytes | _Failure:
        request = self.http.build_request(
            "POST",
            self.service.url,
            content=body,
            headers={
                "X-API-Key": read_key(self.service.api_key_env),
                "X-Request-ID": request_id,
                "Content-Type": "application/json",
                "Accept-Encoding": "gzip",
            },
            extensions={"trace": sending},
        )
        response = await self.http.send(request, stream=True)
        try:
            if response.headers.get("X-Request-ID", request_id) != request_id:
                raise BadResponse(
                    "The answer belongs to another request, by its X-Request-ID: call fit again. If this "
                    "happens again, check base_url, and proxies on the way.",
                    status=response.status_code,
                )
            if response.status_code != 200:
                return self._failure(response)  # its body is not read: it may echo what was sent
            content = await _read(response)
            if _may_hold_more(response):  # which the next request would take for its answer
                await response.extensions["network_stream"].aclose()
            return content
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()

    def _failure(self, response: httpx.Response) -> _Failure:
        error = _error(response.status_code, self.service.api_key_env)
        error.status = response.status_code
        if error.status in (429, 500, 503):
            return _Failure(error, is_safe=True, retry_after=_retry_after(response.headers))
        return _Failure(error)


@dataclass(frozen=True)
class _Failure:
    """The error of an exchange, and whether the request may be sent again."""

    error: SynthefyError
    is_safe: bool = False  # to send it again: nothing can have been computed
    retry_after: float | None = None


class _Sending:
    """A trace that notices when a request begins to leave this machine: from then on it may be computed."""

    def __init__(self) -> None:
        self.begun = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        # CONNECT asks a proxy for a tunnel, and does not reach the service.
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.begun = True


async def _read(response: httpx.Response) -> bytes:
    """Read a body up to the cap; decompress it in pieces, so that the result stays below the cap too."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "deflate", ""):
        raise BadResponse(
            f"The service answered in the encoding {encoding[:20]!r}, which the request does not accept: "
            "check base_url.",
            status=200,
        )
    unpack = zlib.decompressobj(wbits=47) if encoding in ("gzip", "deflate") else None
    content, n_received, is_damaged = bytearray(), 0, False
    async for chunk in response.stream:  # type: ignore[union-attr]
        n_received += len(chunk)
        try:
            content += (
                chunk
                if unpack is None
                else unpack.decompress(chunk, MAX_RESPONSE_BYTES + 1 - len(content))
            )
        except zlib.error:
            is_damaged = True
            break
        if max(len(content), n_received) > MAX_RESPONSE_BYTES:
            raise BadResponse(
                f"The service answered with more than {MAX_RESPONSE_BYTES // 2**20} MiB, more than any "
                "window takes: check base_url.",
                status=200,
            )
    if is_damaged:
        raise BadResponse("The service answered with damaged gzip: check base_url.", status=200)
    if unpack is not None and not unpack.eof:
        raise httpx.RemoteProtocolError("the compressed body is incomplete")
    return bytes(content)


def _may_hold_more(response: httpx.Response) -> bool:
    """Whether further bytes arrived on the connection after a complete answer.

    The connection pool notices bytes that are still in the socket. Bytes received together with the end of
    the answer are in the parser, which has no public attribute. If a new version of httpx keeps the parser
    elsewhere, every connection is closed after its answer, at the cost of a handshake.
    """
    part: Any = response.stream
    while part is not None and not hasattr(part, "trailing_data"):
        names = ("_stream", "_httpcore_stream", "_connection", "_h11_state")
        part = next((getattr(part, name) for name in names if hasattr(part, name)), None)
    return part is None or bool(part.trailing_data[0])


def _error(status: int, api_key_env: str) -> SynthefyError:
    """Return the error for a status other than 200."""
    if status in (401, 403):
        return AuthenticationError(
            f"The service rejected the API key in {api_key_env}: check the key, and that it may use this "
            "training job."
        )
    if status == 429:
        return RateLimited("The service is limiting requests: call fit again later.")
    if status in (500, 503):
        return ServerError(
            "The service failed. It answers nearly all bad input this way: check that window_size is the "
            "model's own, and that every column the model needs is in the table."
        )
    if status > 500:
        return OutcomeUnknown(
            "A proxy gave up waiting for the service, which may still compute the window. Call fit again "
            "later; windows already paid for are stored."
        )
    if status < 300:
        return BadResponse("The service answered without a window: check base_url.")
    if status < 400:
        return RequestRejected(
            "The service redirected to another address, which is never followed because the API key would "
            "be sent there: check base_url."
        )
    hints = {
        404: "check user_id, dataset_name and training_job_id",
        413: "the window is too large: send fewer columns with SynthefyAPI(columns=[...])",
        422: "the request does not have the form that this service expects: check base_url",
    }
    hint = hints.get(status, "sending it again would not help; check base_url")
    return RequestRejected(f"The service rejected the request: {hint}.")


def _retry_after(headers: httpx.Headers) -> float | None:
    """Read how long to wait, in seconds: the headers hold milliseconds, seconds or a date."""
    try:
        if "Retry-After-Ms" in headers:
            return float(headers["Retry-After-Ms"]) / 1000
        value = headers.get("Retry-After")
        if value is None:
            return None
        if re.fullmatch(r"\s*\d+(\.\d*)?\s*", value):
            return float(value)
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _waiting_time(attempt: int, retry_after: float | None) -> float:
    if retry_after is not None and retry_after >= 0:
        return retry_after
    longest = min(_FIRST_WAIT * 2 ** min(attempt - 1, 16), _LONGEST_WAIT)
    return longest * _jitter.uniform(0.75, 1.0)
