"""One exchange with the synthesis service, within one deadline, retried where nothing was computed."""

from __future__ import annotations

import email.utils
import ipaddress
import logging
import os
import random
import re
import ssl
import time
import uuid
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import httpx

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

DEFAULT_URL = "https://prod.synthefy.com"
MAX_RESPONSE_BYTES = 8 * 2**20
MAX_WAIT_SECONDS = 120.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0
_CONNECT_SECONDS = 30.0
_POLL_SECONDS = 0.1
_jitter = random.Random()  # one of our own: `random.seed` is the caller's
_PATH_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]*")


def stream_url(base_url: str, user_id: str, dataset_name: str, training_job_id: str) -> str:
    """Give the address of the stream endpoint.

    Raises
    ------
    ValueError
        If a part could lead to another address, or the key would travel without TLS beyond this machine.
    """
    parts = {"user_id": user_id, "dataset_name": dataset_name, "training_job_id": training_job_id}
    for name, part in parts.items():
        if not isinstance(part, str) or not _PATH_PART.fullmatch(part):
            raise ValueError(
                f"{name}={part!r} must begin with a letter or digit and hold only letters, digits and "
                "the signs . _ ~ - : copy it from the page of the model."
            )
    try:
        url = httpx.URL(base_url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ValueError(f"base_url={base_url!r} is no address: {error}.") from None
    if url.userinfo or not url.host or "?" in str(url) or "#" in str(url):
        raise ValueError(f"The base_url must be a plain address such as {DEFAULT_URL!r}.")
    if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url)):
        raise ValueError(
            f"base_url={base_url!r} must begin with https://, because the API key travels along (http:// is "
            "for a service on this machine)."
        )
    return f"{str(url).rstrip('/')}/api/synthesis/{user_id}/{dataset_name}/{training_job_id}/stream"


def is_loopback(url: httpx.URL) -> bool:
    """Whether an address is on this machine."""
    try:
        return ipaddress.ip_address(url.host).is_loopback
    except ValueError:  # a name
        return url.host == "localhost"


def connect(url: str, max_concurrency: int, timeout: float) -> httpx.AsyncClient:
    """Give the connections for requests to one address.

    Proxies of the environment are heeded, except on the way to this machine itself, where the key would
    reach the proxy in the clear.
    """
    # Within the deadline of an exchange, for TCP and for TLS: in a handshake that the deadline itself
    # cancels, httpcore forgets to close the connection.
    longest = min(_CONNECT_SECONDS, timeout / 2)
    return httpx.AsyncClient(
        timeout=httpx.Timeout(None, connect=longest),
        limits=httpx.Limits(max_connections=max_concurrency),
        trust_env=not is_loopback(httpx.URL(url)),
        verify=_certificates(url),
        follow_redirects=False,
    )


def _certificates(url: str) -> ssl.SSLContext:
    if url.startswith(
        "http:"
    ):  # to this machine: it trusts nobody, and spares reading certificates
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()  # heeds SSL_CERT_FILE also where proxies are not heeded


def read_key(variable: str) -> str:
    """Read the API key from the environment: when a request is made, and never earlier.

    Parameters
    ----------
    variable : str
        Name of the environment variable.

    Returns
    -------
    str

    Raises
    ------
    AuthenticationError
        If it is not set, or holds what no header may hold. The message never holds the key.
    """
    key = os.environ.get(variable, "").strip(" ")
    if not key:
        raise AuthenticationError(
            f"The environment variable {variable} does not hold an API key: set it, for instance with "
            f"`export {variable}=...` before Python is started."
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        del key  # some tools show the variables of a traceback
        raise AuthenticationError(
            f"The API key in {variable} holds characters that no key has, such as a line break: copy it "
            "again. (It is not shown here.)"
        )
    return key


@dataclass(frozen=True)
class Answer:
    """The body of a 200, and what tells its exchange apart."""

    content: bytes
    request_id: str
    attempts: int


@dataclass(frozen=True)
class Client:
    """Sends request bodies to one address.

    Parameters
    ----------
    http : httpx.AsyncClient
        The connections.
    url : str
        The address of the stream endpoint.
    api_key_env : str
        The environment variable that holds the key.
    timeout : float
        Seconds for a whole exchange, from connecting to the last byte.
    max_retries : int
        Further attempts where nothing can have been computed.
    is_stopped : callable
        Whether to give up waiting for the next attempt.
    """

    http: httpx.AsyncClient
    url: str
    api_key_env: str
    timeout: float
    max_retries: int
    is_stopped: Callable[[], bool]

    async def post(self, body: bytes) -> Answer:
        """Send one request, and again where that is safe, and give the answer.

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
            One of its kinds, with status, request id and attempts.
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
                    f"The service asks to wait {wait:.0f} s, longer than is waited here: fit again then. "
                    "What was paid before is stored.",
                    status=error.status,
                    request_id=request_id,
                    attempts=attempt,
                )
            if attempt > self.max_retries:
                raise error
            wait = _waiting_time(attempt, wait)
            logger.info("Attempt %d failed (%s), next in %.1f s", attempt, error, wait)
            if not await self._wait(wait):
                raise error

    async def _wait(self, seconds: float) -> bool:
        """Wait for the next attempt, and say whether there is to be one."""
        end = anyio.current_time() + seconds
        while not self.is_stopped():
            left = end - anyio.current_time()
            if left <= 0:
                return True
            await anyio.sleep(min(left, _POLL_SECONDS))
        return False

    async def _exchange(self, body: bytes, request_id: str) -> bytes | _Failure:
        # What httpx raises holds the request, and that the key. It ends here: no error of ours is
        # raised while one of those is handled, or it would carry it along as its context.
        sending = _Sending()
        try:
            with anyio.fail_after(self.timeout):
                return await self._send(body, request_id, sending)
        except BadResponse as error:
            return _Failure(error)
        except TimeoutError:
            why = "no connection in time"
            unknown = OutcomeUnknown(
                f"The service did not answer within {self.timeout:g} s. Wait longer with "
                "SynthefyAPI(timeout=...); a worker computes one window at a time, so requests wait in line."
            )
        except (httpx.TransportError, httpx.StreamError) as failure:
            why = str(failure) or type(failure).__name__
            unknown = OutcomeUnknown(
                f"The connection broke before the whole answer had come ({type(failure).__name__}). Fit "
                "again: what was paid before is stored."
            )
        if sending.begun:
            return _Failure(unknown)
        refused = ConnectionFailed(
            f"No connection to {httpx.URL(self.url).host} ({why}): check base_url and the network. Nothing "
            "was billed."
        )
        return _Failure(refused, is_safe=True)

    async def _send(self, body: bytes, request_id: str, sending: _Sending) -> bytes | _Failure:
        request = self.http.build_request(
            "POST",
            self.url,
            content=body,
            headers={
                "X-API-Key": read_key(self.api_key_env),
                "X-Request-ID": request_id,
                "Content-Type": "application/json",
                "Accept-Encoding": "gzip",
            },
            extensions={"trace": sending},
        )
        response = await self.http.send(request, stream=True)
        try:
            if response.status_code == 200:
                return await _read(response)
            return _failure(response)  # whose body is not read: it may echo what was sent
        finally:
            with anyio.CancelScope(shield=True):
                await response.aclose()


@dataclass(frozen=True)
class _Failure:
    """What an exchange ended with, and whether the request may be sent again."""

    error: SynthefyError
    is_safe: bool = False  # nothing can have been computed
    retry_after: float | None = None


class _Sending:
    """Notices when a request begins to leave this machine: from then on it may be computed."""

    def __init__(self) -> None:
        self.begun = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        # A proxy is first asked for a tunnel: of that the service knows nothing.
        if event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self.begun = True


async def _read(response: httpx.Response) -> bytes:
    """Read a body up to the cap, unpacking it bit by bit so that a small one cannot become huge."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "deflate", ""):
        raise BadResponse(
            f"The service answered in the encoding {encoding[:20]!r}, which was not asked for.",
            status=200,
        )
    unpack = zlib.decompressobj(wbits=47) if encoding in ("gzip", "deflate") else None
    content, n_received, is_damaged = bytearray(), 0, False
    async for chunk in response.aiter_raw():
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
                f"The service answered with more than {MAX_RESPONSE_BYTES // 2**20} MiB, which no window "
                "has.",
                status=200,
            )
    if is_damaged:
        raise BadResponse("The service answered with damaged gzip.", status=200)
    if unpack is not None and not unpack.eof:
        raise httpx.RemoteProtocolError("the compressed body is cut off")
    return bytes(content)


def _failure(response: httpx.Response) -> _Failure:
    error = _error(response.status_code)
    error.status = response.status_code
    if error.status in (429, 500, 503):
        return _Failure(error, is_safe=True, retry_after=_retry_after(response.headers))
    return _Failure(error)


def _error(status: int) -> SynthefyError:
    """Say what any status but 200 means."""
    if status in (401, 403):
        return AuthenticationError(
            "The service does not accept the API key: check it, and that it may use this training job."
        )
    if status == 429:
        return RateLimited("The service asks to send less: try later.")
    if status in (500, 503):
        return ServerError(
            "The service failed. It answers nearly all bad input so: check that window_size is the model's "
            "own, and that every column the model needs is in the table."
        )
    if status > 500:
        return OutcomeUnknown(
            "A proxy gave up waiting for the service, which may still compute the window: fit again later. "
            "What was paid before is stored."
        )
    if status < 300:
        return BadResponse("The service answered without a window: check base_url.")
    if status < 400:
        return RequestRejected(
            "The service redirects elsewhere, which is never followed because the API key would go along: "
            "check base_url."
        )
    hints = {
        404: "check user_id, dataset_name and training_job_id",
        413: "the window is too large: send fewer columns with SynthefyAPI(columns=[...])",
        422: "the request is not of the form that this service takes: check base_url",
    }
    hint = hints.get(status, "sending it again would not help; check base_url")
    return RequestRejected(f"The service rejects the request: {hint}.")


def _retry_after(headers: httpx.Headers) -> float | None:
    """Read how long to wait, in whichever form: milliseconds, seconds or a date."""
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
