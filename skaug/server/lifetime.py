"""Starting and ending the local service."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from skaug.server.app import SynthesisApp
from skaug.server.log import ReceivedRequest, RequestLog
from skaug.server.model import FEATURES, SUBJECT, WINDOW_SIZE, LocalModel

LOOPBACK = "127.0.0.1"

# Without a handler of theirs, Python would print uvicorn's errors to the screen of whoever runs tests.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())


class RunningService:
    """A service that runs in the background of this process, and what it was asked.

    Attributes
    ----------
    base_url : str
        Where it answers, such as ``"http://127.0.0.1:49152"``.
    """

    def __init__(self, base_url: str, log: RequestLog) -> None:
        self.base_url = base_url
        self._log = log

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """Every request received so far, in the order of arrival; those in line too."""
        return self._log.snapshot()

    @property
    def computed(self) -> int:
        """How many windows were computed, and so would have been billed.

        A window is counted when it is ready, whether or not the client still waits for it.
        """
        return sum(request.finished is not None for request in self.requests)

    def __repr__(self) -> str:
        return f"RunningService({self.base_url!r})"


@contextmanager
def running(
    window_size: int = WINDOW_SIZE,
    *,
    features: Sequence[str] = FEATURES,
    continuous: Sequence[str] = (),
    discrete: Sequence[str] = (),
    subject: str = SUBJECT,
    timestamp: str | None = None,
    delay: float = 0.0,
    api_key: str | None = None,
) -> Iterator[RunningService]:
    """Run the local service on a free port of this machine while a ``with`` block lasts.

    For tests of code that talks to the service: real HTTP, no network, nothing printed. It runs in a
    thread of its own, so that it works inside pytest and Jupyter, and several at once.

    Parameters
    ----------
    window_size : int, default=512
        Rows that every column of a request must have; at least 3.
    features : sequence of str, default=("BVP", "ECG")
        The time-series columns: those that are synthesised. A request may leave them out.
    continuous : sequence of str, default=()
        Columns that a request must have, of numbers.
    discrete : sequence of str, default=()
        Columns that a request must have, of anything.
    subject : str, default="subject"
        The group label: constant within a window, if sent. Name it in `discrete` too to require it.
    timestamp : str, optional
        The time column: a request must have it, and it comes back as it went. Without one, the answer
        counts the rows in a column ``index``.
    delay : float, default=0.0
        Seconds that a window takes. One is computed at a time; other requests wait in line.
    api_key : str, optional
        What the header ``X-API-Key`` must hold. By default no key is asked for.

    Yields
    ------
    RunningService
        With ``base_url``, ``requests`` and ``computed``. The bodies of all requests are kept in memory
        as long as it is.

    Raises
    ------
    ValueError
        If a parameter makes no sense.

    Notes
    -----
    In place of the model stand phase-randomised surrogates (`SurrogateSynthesizer`) of the time-series
    columns that are sent, other ones each time. They take no notice of the metadata. For a time-series
    column that is not sent: a sine that beats at the rate of the column ``heart_rate`` (per minute, at
    64 samples a second) with a tenth of white noise, or white noise alone where there is no such column.
    An infinite number among the conditions gives a window of NaN, which the service answers with the
    plain text ``Internal Server Error``.

    At the end of the block, requests that still wait are answered with 503.

    Examples
    --------
    >>> import httpx
    >>> from skaug.server import running
    >>> body = {"BVP": {str(i): i % 7 for i in range(64)}}
    >>> with running(window_size=64, features=["BVP"]) as service:
    ...     url = f"{service.base_url}/api/synthesis/me/ppg_hr/job/stream"
    ...     answer = httpx.post(url, json=body).json()
    >>> sorted(answer), len(answer["BVP_synthetic"]), service.computed
    (['BVP_synthetic', 'index'], 64, 1)
    """
    log = RequestLog()
    model = LocalModel(window_size, features, continuous, discrete, subject, timestamp)
    app = SynthesisApp(model, delay=delay, api_key=api_key, log=log)
    with _listen(LOOPBACK, 0) as listener, _in_background(app, listener):
        yield RunningService(_url(listener), log)


def serve(
    window_size: int = WINDOW_SIZE,
    *,
    port: int = 8000,
    host: str = LOOPBACK,
    features: Sequence[str] = FEATURES,
    continuous: Sequence[str] = (),
    discrete: Sequence[str] = (),
    subject: str = SUBJECT,
    timestamp: str | None = None,
    delay: float = 0.0,
    api_key: str | None = None,
) -> None:
    """Run the local service until it is interrupted (Ctrl-C), and print where it answers.

    It keeps and logs nothing of what it is sent.

    Parameters
    ----------
    window_size, features, continuous, discrete, subject, timestamp, delay, api_key
        As in `running`.
    port : int, default=8000
        0 takes any free one.
    host : str, default="127.0.0.1"
        The address to answer at. Other than this machine's own, there is a warning.

    Raises
    ------
    OSError
        If the port is taken, or the address is none of this machine.
    ValueError
        If a parameter makes no sense.
    """
    if not 0 <= port <= 65535:
        raise ValueError(f"port={port} must lie between 0 and 65535.")
    model = LocalModel(window_size, features, continuous, discrete, subject, timestamp)
    app = SynthesisApp(model, delay=delay, api_key=api_key, log=None)
    with _listen(host, port) as listener:
        if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            keyless = "" if api_key else ", without a key"
            warnings.warn(
                f"host={host!r} lets other machines on the network use the service{keyless}.",
                stacklevel=2,
            )
        with _in_background(app, listener) as thread:
            try:
                print(
                    f"Synthesising windows of {window_size} rows of {', '.join(model.features)} at "
                    f"{_url(listener)} (Ctrl-C ends it)",
                    flush=True,
                )
                while thread.is_alive():
                    thread.join(1.0)  # without a timeout, Ctrl-C would not be heard on Windows
            except KeyboardInterrupt:
                pass


def _listen(host: str, port: int) -> socket.socket:
    # A socket that listens already: the port is known, and no request comes too early.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(
            f"Port {port} of {host} cannot be used ({error.strerror}): choose another one, or 0 for any."
        ) from error
    # Connections inherit it. Without it, a body waits 40 ms for the client to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _in_background(app: SynthesisApp, listener: socket.socket) -> Iterator[threading.Thread]:
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Clients of tests hold on to a connection: one that closes just then would look like an outage.
        timeout_keep_alive=60,
        # For a client that began to send and never ends. All others are let go by `app.close`.
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, app)
    # Python waits in vain at its end for a thread that is no daemon, if the block was never left.
    thread = threading.Thread(
        target=server.run, args=([listener],), name="skaug.server", daemon=True
    )
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("The local service ended before it had begun.")
            time.sleep(0.005)
        yield thread
    finally:
        server.should_exit = True
        thread.join()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: SynthesisApp) -> None:
        super().__init__(config)
        self._app = app

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.close()
        await super().shutdown(sockets)
