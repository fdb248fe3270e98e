"""Starting and ending the local service."""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import uvicorn

from skaug._checks import require_whole_number
from skaug.server.app import SynthesisApp
from skaug.server.log import ReceivedRequest, RequestLog
from skaug.server.model import FEATURES, SUBJECT, WINDOW_SIZE, LocalModel

LOOPBACK = "127.0.0.1"

# Without a handler, Python would print uvicorn's errors into the output of tests.
logging.getLogger("uvicorn").addHandler(logging.NullHandler())


class RunningService:
    """A service that runs in the background of this process, and the requests it has received.

    Attributes
    ----------
    base_url : str
        Its address, such as ``"http://127.0.0.1:49152"``.
    """

    def __init__(self, base_url: str, log: RequestLog) -> None:
        self.base_url = base_url
        self._log = log

    @property
    def requests(self) -> tuple[ReceivedRequest, ...]:
        """All requests so far, in order of arrival, those that still wait in line included."""
        return self._log.snapshot()

    @property
    def computed(self) -> int:
        """The number of windows computed, which are those that a service would bill.

        A window counts once it is ready, even if the client no longer waits for it.
        """
        return sum(request.finished is not None for request in self.requests)

    def __repr__(self) -> str:
        return f"RunningService({self.base_url!r})"


@contextmanager
def running(
    window_size: int = WINDOW_SIZE,
    *,
    features: Sequence[str] = FEATURES,
    subject: str = SUBJECT,
    delay: float = 0.0,
    api_key: str | None = None,
) -> Iterator[RunningService]:
    """Run a local synthesis service on a free port of this machine while a ``with`` block lasts.

    For tests of code that uses the Synthefy service: real HTTP, no network, nothing printed. The
    service has its own thread, so it works inside pytest and Jupyter, and several can run at once.

    Parameters
    ----------
    window_size : int, default=512
        Rows that every column of a request must have; 3 or more.
    features : sequence of str, default=("BVP", "ECG")
        The time-series columns, which are synthesized. A request may leave them out.
    subject : str, default="subject"
        The column of the subject, which must be constant within a window where it is sent.
    delay : float, default=0.0
        Seconds that a window takes. One is computed at a time; other requests wait in line.
    api_key : str, optional
        The key that the header ``X-API-Key`` must hold. By default no key is required.

    Yields
    ------
    RunningService
        With ``base_url``, ``requests`` and ``computed``. It keeps the bodies of all requests in
        memory.

    Raises
    ------
    ValueError
        If a parameter is invalid.

    See Also
    --------
    serve : The same service for other programs, until it is interrupted.
    skaug.synthesis.SynthefyAPI : The client of the service.

    Notes
    -----
    Phase-randomized surrogates (`SurrogateSynthesizer`) of the time-series columns that were sent
    stand in for the model, new ones each time. They do not depend on the metadata. A time-series
    column that was not sent becomes a sine at the rate of the column ``heart_rate`` (beats per
    minute, at 64 samples per second) with a tenth of white noise, or white noise alone without such
    a column. Infinite numbers result in a window of NaN, to which the service answers with status 500 and
    the plain text ``Internal Server Error``.

    Other columns are ignored, but must have `window_size` rows and no null. A body of more than 32 MiB
    is refused with status 413.

    When the block ends, requests that still wait are answered with status 503.

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
    model = LocalModel(window_size, features, subject)
    app = SynthesisApp(model, delay=delay, api_key=api_key, log=log)
    with _listen(LOOPBACK, 0) as listener, _in_background(app, listener):
        yield RunningService(_url(listener), log)


def serve(
    window_size: int = WINDOW_SIZE,
    *,
    port: int = 8000,
    host: str = LOOPBACK,
    features: Sequence[str] = FEATURES,
    subject: str = SUBJECT,
    delay: float = 0.0,
    api_key: str | None = None,
) -> None:
    """Run a local synthesis service until it is interrupted (Ctrl-C), and print its address.

    It neither stores nor logs what it receives. Requests that wait when it is interrupted are answered
    with status 503.

    Parameters
    ----------
    window_size, features, subject, delay, api_key
        As in `running`.
    port : int, default=8000
        The port to listen on; 0 is any free one.
    host : str, default="127.0.0.1"
        The address to listen on. There is a warning if other machines can reach it.

    Raises
    ------
    OSError
        If the port is taken or the address is not one of this machine.
    ValueError
        If a parameter is invalid.

    See Also
    --------
    running : The same service within a test or a notebook.
    """
    if not 0 <= require_whole_number("port", port, 0) <= 65535:
        raise ValueError(f"port={port} must be between 0 and 65535.")
    model = LocalModel(window_size, features, subject)
    app = SynthesisApp(model, delay=delay, api_key=api_key, log=None)
    with _listen(host, port) as listener:
        if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            keyless = "" if api_key else ", without a key"
            warnings.warn(
                f"host={host!r} lets other machines on the network use the service{keyless}.",
                stacklevel=2,
            )
        with suppress(KeyboardInterrupt), _in_background(app, listener) as server:
            names = (name if name.isprintable() else repr(name) for name in model.features)
            print(
                f"Synthesizing windows of {window_size} rows of {', '.join(names)} at "
                f"{_url(listener)} (press Ctrl-C to stop)",
                flush=True,
            )
            while not server.ended.wait(1.0):  # without a timeout, Windows would not notice Ctrl-C
                pass


def _listen(host: str, port: int) -> socket.socket:
    # A socket that listens already: the port is known, and no request comes too early.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise OSError(
            f"Port {port} of {host} cannot be used ({error.strerror}): choose another one, or 0 for any "
            "free one."
        ) from error
    # Connections inherit it. Without it, a body waits 40 ms for the client to acknowledge the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _in_background(app: SynthesisApp, listener: socket.socket) -> Iterator[_Server]:
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
        # Clients in tests keep connections open: closing one just then would look like an outage.
        timeout_keep_alive=60,
        # For a client that began to send and never ends. `app.close` answers all others.
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, app)
    # A daemon, because otherwise Python would never exit if the block is never left.
    threading.Thread(
        target=server.run, args=([listener],), name="skaug.server", daemon=True
    ).start()
    try:
        while not server.started:
            if server.ended.wait(0.005):
                raise RuntimeError("The local service stopped before it was ready.")
        yield server
    finally:
        server.should_exit = True
        server.ended.wait()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, app: SynthesisApp) -> None:
        super().__init__(config)
        self._app = app
        # To wait for in place of the thread: before Python 3.13, a `join` that Ctrl-C interrupts marks the
        # thread as finished, and the process would exit before the answers are sent.
        self.ended = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            self.ended.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.close()
        await super().shutdown(sockets)
