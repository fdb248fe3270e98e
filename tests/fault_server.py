"""A server on raw sockets that answers each request as a test says, and records the requests.

    with FaultServer(status(503), window()) as server:
        ...  # the first request gets status 503, every later one a window

A step is a function of the `Exchange`. The last step answers all further requests.
"""

from __future__ import annotations

import functools
import itertools
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from skaug import SubjectWindower, SynthefyAugmenter, Windows
from skaug.synthesis import SynthefyAPI

CHANNELS = ("BVP", "ECG")
# A client that waits for this, instead of for its own deadline, fails the test.
_LONGEST_HOLD = 60.0


@dataclass(frozen=True)
class Received:
    """A request. The names of its headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def columns(self) -> dict[str, Any]:
        return json.loads(self.body)


class Exchange:
    """A request, its number (from 1), and its connection."""

    def __init__(self, server: FaultServer, connection: socket.socket, request: Received) -> None:
        self.server = server
        self.connection = connection
        self.request = request
        self.number = server.enter(request)
        self._is_under_way = True

    @property
    def has_id(self) -> bool:
        return "x-request-id" in self.request.headers

    def send(self, data: bytes) -> None:
        self.leave()
        self.connection.sendall(data)

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        echoed = {"X-Request-ID": self.request.headers["x-request-id"]} if self.has_id else {}
        fields = {"Content-Length": str(len(body)), **echoed, **(headers or {})}
        lines = [f"HTTP/1.1 {status} So", *(f"{name}: {value}" for name, value in fields.items())]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def hold(self) -> None:
        """Wait until the test lets go."""
        self.server.let_go.wait(_LONGEST_HOLD)

    def drip(self, data: bytes) -> None:
        """Send one byte at a time, for a minute."""
        for byte in data:
            self.send(bytes([byte]))
            if self.server.let_go.wait(_LONGEST_HOLD / len(data)):
                return

    def close(self) -> None:
        self.leave()
        with suppress(OSError):  # the other side may have closed already
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def reset(self) -> None:
        self.leave()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def leave(self) -> None:
        """Count the request as answered: from the first byte, because the next may arrive early."""
        if self._is_under_way:
            self._is_under_way = False
            self.server.leave()


Step = Callable[[Exchange], None]


class FaultServer:
    """A server on a free port of this machine, for the time of a ``with`` block.

    Attributes
    ----------
    requests : list of Received
        In the order of arrival.
    n_connections : int
        Connections made.
    n_finished : int
        Steps completed.
    most_at_once : int
        The most requests under way at a time.
    let_go : threading.Event
        Ends the waiting of steps that hold or drip.
    """

    def __init__(self, *steps: Step, tls: ssl.SSLContext | None = None) -> None:
        self.steps = steps or (window(),)
        self.requests: list[Received] = []
        self.n_connections = 0
        self.n_finished = 0
        self.most_at_once = 0
        self.let_go = threading.Event()
        self._tls = tls
        self._under_way = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{self.port}"

    def wait_for_requests(self, n: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= n, timeout=60)

    def enter(self, request: Received) -> int:
        with self._changed:
            self.requests.append(request)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            self._changed.notify_all()
            return len(self.requests)

    def leave(self) -> None:
        with self._changed:
            self._under_way -= 1

    def __enter__(self) -> FaultServer:
        self._start(self._accept)
        return self

    def __exit__(self, *args: object) -> None:
        self.let_go.set()
        self._is_closing = True
        # Closing a socket does not wake accept(): a last connection does.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._threads[0].join()
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _start(self, target: Callable[..., None], *args: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._is_closing:
                connection.close()
                return
            self.n_connections += 1
            self._connections.append(connection)
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client left, or does not trust the certificate
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._connections.append(connection)
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (request := _read(connection)) is not None:
                    exchange = Exchange(self, connection, request)
                    try:
                        self.steps[min(exchange.number, len(self.steps)) - 1](exchange)
                        self.n_finished += 1
                    finally:
                        exchange.leave()


def _read(connection: socket.socket) -> Received | None:
    """Read a request, or return None if the connection was closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return None
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {n.lower(): v for n, v in (line.split(": ", 1) for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        chunk = connection.recv(65536)
        if not chunk:
            return None
        body += chunk
    return Received(method, path, headers, body)


def samples(number: int, size: int, channels: tuple[str, ...] = CHANNELS) -> dict[str, list[float]]:
    """The samples of the window that answers the request with this number."""
    return {
        name: [number + row / 1000 + 100_000 * nth for row in range(size)]
        for nth, name in enumerate(channels)
    }


def answer_of(columns: dict[str, list[Any]]) -> dict[str, dict[str, Any]]:
    """The answer of the service with these samples."""
    laid_out = {
        f"{name}_synthetic": {str(row): value for row, value in enumerate(values)}
        for name, values in columns.items()
    }
    size = len(next(iter(columns.values())))
    return {**laid_out, "index": {str(row): row for row in range(size)}}


def window() -> Step:
    """Answer with the window of `samples`."""

    def step(exchange: Exchange) -> None:
        sent = exchange.request.columns
        size = max(len(rows) for rows in sent.values() if isinstance(rows, dict))
        exchange.answer(200, json.dumps(answer_of(samples(exchange.number, size))).encode())

    return step


def status(code: int, body: bytes = b"", **headers: str) -> Step:
    """Answer with a status; ``Retry_After`` becomes the header Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda exchange: exchange.answer(code, body, named)


def ok(body: bytes, **headers: str) -> Step:
    """Answer with status 200 and this body."""
    return status(200, body, **headers)


def held(step: Step) -> Step:
    """Delay a step until the test lets go."""

    def waiting(exchange: Exchange) -> None:
        exchange.hold()
        step(exchange)

    return waiting


# What tests of the client share: recordings, a key, and an API with an address of its own.

KEY = "sk-a-very-secret-key-0123456789"
SIZE = 8
_jobs = itertools.count()


def recordings(n_subjects: int = 2, n_windows: int = 8) -> pd.DataFrame:
    """A table of windows of 8 rows, all different."""
    n = n_subjects * n_windows * SIZE
    return pd.DataFrame(
        {
            "BVP": np.sin(np.arange(n)),
            "ECG": np.cos(np.arange(n) * 0.7),
            "subject": np.repeat([f"S{i + 1}" for i in range(n_subjects)], n_windows * SIZE),
            "heart_rate": 60 + np.arange(n) / 64,
            "activity": np.arange(n) % 3,
        }
    )


@functools.cache
def windows(**options: int) -> Windows:
    windower = SubjectWindower(SIZE, features=list(CHANNELS), target="heart_rate")
    return windower.fit_transform(recordings(**options))


def api_of(server: FaultServer | str, store: Path, **options: Any) -> SynthefyAPI:
    """An API with an address of its own, because a process remembers addresses that fail."""
    options.setdefault("base_url", server if isinstance(server, str) else server.url)
    options.setdefault("max_retries", 0)
    return SynthefyAPI("me", "ppg_hr", f"job-{next(_jobs)}", store=store, **options)


def buy(api: SynthefyAPI, n: int = 1, of: Windows | None = None, **options: Any) -> Windows:
    """Buy `n` synthetic windows."""
    augmenter = SynthefyAugmenter(api, n_synthetic=n, **options)
    return augmenter.fit(windows() if of is None else of).synthetic_windows_


# An untrusted certificate for 127.0.0.1, with its key: of use in these tests only.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBbzCCARagAwIBAgIBATAKBggqhkjOPQQDAjAWMRQwEgYDVQQDDAtza2F1ZyB0
ZXN0czAgFw0yMDAxMDEwMDAwMDBaGA8yMTIwMDEwMTAwMDAwMFowFjEUMBIGA1UE
AwwLc2thdWcgdGVzdHMwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATHf7bwKoxk
1i1EPlG7Dt8HfM5p/dZBiQ1hXcSww/nfXBR3VjtBjczFOgkjoX43UtWvP3Yh41r1
99YuqXsKmh5Ao1MwUTAPBgNVHRMBAf8EBTADAQH/MA4GA1UdDwEB/wQEAwIChDAd
BgNVHQ4EFgQUidvHHm7JZAc/OF/1+qh8s0ERs/EwDwYDVR0RBAgwBocEfwAAATAK
BggqhkjOPQQDAgNHADBEAiAG6gfsX4HMNljg4u8ZonK1Tf5GJVc2V6H/EeMA128u
fwIgWBTx+IDXYUqNV62xS0mZBbUmtCvXudbLRiXihpFheAM=
-----END CERTIFICATE-----
"""
_PRIVATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgrQoSRmtN5F7UZ5/3
+ic05ayKLW9+nKkiCQuVqoVgXvyhRANCAATHf7bwKoxk1i1EPlG7Dt8HfM5p/dZB
iQ1hXcSww/nfXBR3VjtBjczFOgkjoX43UtWvP3Yh41r199YuqXsKmh5A
-----END PRIVATE KEY-----
"""


def tls_context(folder: Path) -> ssl.SSLContext:
    """The TLS context of a server with this certificate, which is written to cert.pem in the folder."""
    (folder / "cert.pem").write_text(CERTIFICATE)
    (folder / "key.pem").write_text(_PRIVATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context
