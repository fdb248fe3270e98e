"""Faults of the network, the service, or an impostor, and what the client makes of them."""

from __future__ import annotations

import copy
import email.utils
import gzip
import importlib.util
import inspect
import json
import logging
import pickle
import random
import re
import socket
import time
import traceback
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import anyio
import httpx
import numpy as np
import pytest
from fault_server import (
    KEY,
    SIZE,
    Exchange,
    FaultServer,
    Step,
    answer_of,
    api_of,
    buy,
    ok,
    samples,
    status,
    tls_context,
    window,
    windows,
)
from numpy.testing import assert_array_equal

from skaug.synthesis import (
    AuthenticationError,
    BadResponse,
    BudgetExceeded,
    ConnectionFailed,
    OutcomeUnknown,
    RateLimited,
    RequestRejected,
    ServerError,
    SynthefyAPI,
    SynthefyError,
    WindowStore,
)
from skaug.synthesis.synthefy import client, errors

WINDOW = answer_of(samples(1, SIZE))
GOOD = json.dumps(WINDOW).encode()
SAMPLES = np.array(list(samples(1, SIZE).values())).T


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHEFY_API_KEY", KEY)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def failure_of(api: SynthefyAPI, n: int = 1) -> SynthefyError:
    """The error that a fit ends with. It must hold no key, request or response."""
    with pytest.raises(SynthefyError) as caught:
        buy(api, n)
    assert_harmless(caught.value)
    return caught.value


def chain_of(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def assert_harmless(error: BaseException) -> None:
    """Check that an error holds no key, no request and no response, and survives pickling."""
    for link in chain_of(error):
        assert not type(link).__module__.startswith(("httpx", "httpcore", "h11", "json"))
        for name, value in {**link.__dict__, "args": link.args}.items():
            plain = (str, int, type(None))
            assert isinstance(value, plain) or set(map(type, value)) <= set(plain), name
            assert KEY not in str(value)
    # Some tools show or upload the variables of every frame.
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in "".join(shown.format())
    for frame, _ in traceback.walk_tb(error.__traceback__):
        kinds = {type(value).__module__.partition(".")[0] for value in frame.f_locals.values()}
        assert not kinds & {"httpx", "httpcore"}
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is type(error)
    assert copied.__dict__ == error.__dict__
    assert str(copied) == str(error)
    assert str(copy.copy(error)) == str(error)


# The request


def test_a_request_has_the_form_that_the_service_expects(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        synthetic = buy(api)
    (request,) = server.requests
    assert request.method == "POST"
    assert request.path == f"/api/synthesis/me/ppg_hr/{api.training_job_id}/stream"
    assert request.headers["x-api-key"] == KEY
    assert request.headers["content-type"] == "application/json"
    assert re.fullmatch("[0-9a-f]{32}", request.headers["x-request-id"])
    rows = [str(row) for row in range(SIZE)]
    assert {name: list(column) for name, column in request.columns.items()} == dict.fromkeys(
        ["BVP", "ECG", "subject", "heart_rate", "activity"], rows
    )
    assert_array_equal(synthetic.to_numpy(), [SAMPLES])


def test_the_condition_is_sent(store: Path) -> None:
    with FaultServer() as server:
        synthetic = buy(api_of(server, store))
    origin = synthetic.origins.iloc[0]
    real = windows()
    which = (real.groups == origin.subject) & (real.origins.first_row == origin.first_row)
    (condition,) = real[which.to_numpy()].to_numpy()
    columns = server.requests[0].columns
    assert_array_equal(list(columns["BVP"].values()), condition[:, 0])
    assert_array_equal(list(columns["ECG"].values()), condition[:, 1])
    assert set(columns["subject"].values()) == {origin.subject}
    assert synthetic.y == [np.mean(list(columns["heart_rate"].values()))]


def test_constraints_are_sent(store: Path) -> None:
    bounds = {"BVP": {"min": -300, "max": 300}, "projection": "clipping"}
    with FaultServer() as server:
        buy(api_of(server, store, constraints=bounds, columns=["subject"]))
    columns = server.requests[0].columns
    assert set(columns) == {"subject", "_constraints_"}
    assert json.loads(columns["_constraints_"]) == {
        "BVP": {"min": -300, "max": 300},
        "_projection_type_": "clipping",
    }


def test_every_request_has_its_own_id(store: Path) -> None:
    with FaultServer(status(503, Retry_After="0"), window()) as server:
        buy(api_of(server, store, max_retries=1), 2)
    assert len({request.headers["x-request-id"] for request in server.requests}) == 3


# Answers that are not a window


def chunked(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for start in range(0, len(GOOD), 100):
        part = GOOD[start : start + 100]
        exchange.send(f"{len(part):x}\r\n".encode() + part + b"\r\n")
    exchange.send(b"0\r\n\r\n")


def until_it_is_closed(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n\r\n" + GOOD)
    exchange.close()


SHUFFLED = {name: dict(reversed(rows.items())) for name, rows in reversed(WINDOW.items())}
FURTHER = {**WINDOW, "BVP": None, "window_idx": {"0": 1}, "note": "x"}


@pytest.mark.parametrize(
    "step",
    [
        ok(GOOD),
        ok(b"\xef\xbb\xbf" + GOOD),
        ok(json.dumps(SHUFFLED).encode()),
        ok(json.dumps(FURTHER).encode()),
        ok(gzip.compress(GOOD), Content_Encoding="gzip"),
        ok(zlib.compress(GOOD), Content_Encoding="deflate"),
        ok(GOOD, Content_Encoding="identity"),
        ok(GOOD, Content_Type="text/html"),
        chunked,
        until_it_is_closed,
    ],
    ids=["plain", "bom", "shuffled", "further", "gzip", "deflate", "identity", "html-type"]
    + ["chunked", "until-closed"],
)
def test_a_window_is_read_in_every_encoding_and_order(step: Step, store: Path) -> None:
    with FaultServer(step) as server:
        assert_array_equal(buy(api_of(server, store)).to_numpy(), [SAMPLES])


def replaced(text: str) -> bytes:
    return json.dumps(WINDOW).replace("1.002", text).encode()


def without(name: str) -> bytes:
    return json.dumps({k: v for k, v in WINDOW.items() if k != name}).encode()


def rows(n: int) -> bytes:
    return json.dumps(answer_of(samples(1, n))).encode()


@pytest.mark.parametrize(
    "step",
    [
        ok(b"<html><body>Welcome</body></html>", Content_Type="text/html"),
        ok(b""),
        ok(b"[]"),
        ok(b"{}"),
        ok(b"null"),
        ok(b"[" * 100_000),
        ok(GOOD[:100]),
        ok(rows(SIZE - 1)),
        ok(rows(SIZE + 1)),
        ok(without("ECG_synthetic")),
        ok(replaced("null")),
        ok(replaced("NaN")),
        ok(replaced("Infinity")),
        ok(replaced("1e999")),
        ok(replaced('"1.5"')),
        ok(replaced("true")),
        ok(b"no gzip at all", Content_Encoding="gzip"),
        ok(gzip.compress(GOOD)[:10] + b"\xff" * 50, Content_Encoding="gzip"),
        ok(GOOD, Content_Encoding="br"),
        ok(gzip.compress(gzip.compress(GOOD)), Content_Encoding="gzip, gzip"),
        status(201, GOOD),
        status(206, GOOD),
    ],
)
def test_an_answer_that_is_not_a_window_is_refused(step: Step, store: Path) -> None:
    with FaultServer(step) as server:
        error = failure_of(api_of(server, store, max_retries=2))
    assert type(error) is BadResponse
    assert len(server.requests) == error.attempts == 1
    assert error.status in (200, 201, 206)
    assert error.request_id == server.requests[0].headers["x-request-id"]
    assert len(WindowStore(store)) == 0


def test_an_answer_without_content_is_refused(store: Path) -> None:
    def nothing(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    with FaultServer(nothing) as server:
        error = failure_of(api_of(server, store))
    assert (type(error), error.status) == (BadResponse, 204)


def endless(piece: bytes, headers: bytes = b"") -> Step:
    """Send the same bytes until the connection closes."""

    def step(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")
        while not exchange.server.let_go.is_set():
            exchange.send(piece)

    return step


def bomb(n_bytes: int) -> bytes:
    return gzip.compress(b" " * n_bytes, compresslevel=9)


IN_GZIP = b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    "step",
    [
        endless(b" " * 65536),
        ok(bomb(100 * 2**20), Content_Encoding="gzip"),
        # Bytes behind the end of the compressed data decompress to nothing, and are endless.
        endless(gzip.compress(GOOD) * 100, IN_GZIP),
        # Empty blocks of a compressed stream that never ends.
        endless(b"\x00\x00\x00\xff\xff" * 10_000, IN_GZIP + b"\r\n" + bomb(0)[:10]),
    ],
    ids=["plain", "bomb", "behind-gzip", "empty-blocks"],
)
def test_no_answer_is_read_beyond_the_cap(step: Step, store: Path) -> None:
    with FaultServer(step) as server:
        error = failure_of(api_of(server, store))
        assert type(error) is BadResponse
        assert "8 MiB" in str(error) or "gzip" in str(error)
        assert len(server.requests) == 1


def test_a_compressed_bomb_is_not_decompressed_into_memory(store: Path) -> None:
    packed = bomb(200 * 2**20)
    with FaultServer(ok(packed, Content_Encoding="gzip")) as server:
        tracemalloc.start()
        try:
            failure_of(api_of(server, store))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # The 8 MiB that are kept, and room for the pieces and for growing.
    assert peak < 32 * 2**20


def test_an_answer_just_below_the_cap_is_read(store: Path) -> None:
    padded = GOOD + b" " * (client.MAX_RESPONSE_BYTES - len(GOOD))
    with FaultServer(ok(gzip.compress(padded), Content_Encoding="gzip")) as server:
        assert_array_equal(buy(api_of(server, store)).to_numpy(), [SAMPLES])
    with FaultServer(ok(padded + b" ")) as server:
        assert type(failure_of(api_of(server, store))) is BadResponse


# Answers to other requests


def answer_with(content: bytes, request_id: str | None = None) -> bytes:
    """The bytes of an answer."""
    header = "" if request_id is None else f"X-Request-ID: {request_id}\r\n"
    return f"HTTP/1.1 200 OK\r\n{header}Content-Length: {len(content)}\r\n\r\n".encode() + content


STRAY = json.dumps(answer_of({name: [-777.0] * SIZE for name in ("BVP", "ECG")})).encode()


@pytest.mark.parametrize("stray_id", [None, "another"])
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "later"])
@pytest.mark.parametrize("echoes", [True, False], ids=["echoed id", "no id"])
def test_bytes_behind_an_answer_do_not_become_the_next_answer(
    echoes: bool, apart: bool, stray_id: str | None, store: Path
) -> None:
    def step(exchange: Exchange) -> None:
        content = json.dumps(answer_of(samples(exchange.number, SIZE))).encode()
        own_id = exchange.request.headers["x-request-id"] if echoes else None
        stray = answer_with(STRAY, stray_id) if exchange.number == 1 else b""
        if apart:
            exchange.send(answer_with(content, own_id))
            exchange.send(stray)
        else:
            exchange.send(answer_with(content, own_id) + stray)

    with FaultServer(step) as server:
        bought = buy(api_of(server, store), 4).to_numpy()
        assert_array_equal(bought[:, 0, 0], [1, 2, 3, 4])
        assert len(server.requests) == 4
        assert server.n_connections == 2  # one for the first request, another for the rest


@pytest.mark.parametrize("code", [200, 500])
def test_an_answer_with_another_id_is_refused(code: int, store: Path) -> None:
    step = status(code, GOOD, X_Request_ID="another")
    with FaultServer(step, window()) as server:
        error = failure_of(api_of(server, store, max_retries=2))
        assert (type(error), error.status, error.attempts) == (BadResponse, code, 1)
        assert "another request" in str(error)
        assert len(WindowStore(store)) == 0
        server.steps = (step, step, window())
        with pytest.raises(BudgetExceeded):  # it may have been billed
            buy(api_of(server, store, max_new_windows=1), 2)


# Refusals


@pytest.mark.parametrize("code", [401, 403])
def test_a_rejected_key_ends_the_fit_at_once(code: int, store: Path) -> None:
    with FaultServer(status(code, b'{"detail": "Invalid API key"}')) as server:
        error = failure_of(api_of(server, store, max_retries=2, max_concurrency=3), 5)
    assert type(error) is AuthenticationError
    assert "the API key in SYNTHEFY_API_KEY" in str(error)
    assert len(server.requests) == 1
    assert (error.status, error.attempts) == (code, 1)


@pytest.mark.parametrize("code", [400, 404, 405, 413, 422])
def test_a_rejected_request_is_not_sent_again(
    code: int, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    # As at the service, the body of a 422 echoes the request.
    body = json.dumps({"detail": [{"loc": ["body"], "msg": "bad", "input": "echo-of-S1"}]})
    with FaultServer(status(code, body.encode())) as server:
        error = failure_of(api_of(server, store, max_retries=2))
    assert type(error) is RequestRejected
    assert len(server.requests) == 1
    assert error.status == code
    everything = "".join(traceback.format_exception(error)) + caplog.text + repr(error.__dict__)
    assert "echo-of-S1" not in everything


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_are_never_followed(code: int, store: Path) -> None:
    with FaultServer() as other, FaultServer(status(code, Location=f"{other.url}/x")) as server:
        error = failure_of(api_of(server, store, max_retries=2))
        # Not even on the same server.
        to_itself = FaultServer(status(code, Location="/other"))
        with to_itself:
            failure_of(api_of(to_itself, store))
    assert type(error) is RequestRejected
    assert other.n_connections == 0
    assert len(server.requests) == len(to_itself.requests) == 1


@pytest.mark.parametrize(
    "location",
    [
        "https://[::1",
        "http://x.com:abc",
        "https://xn--",
        "javascript:1",
        "https://x/" + "a" * 70_000,
    ],
)
def test_a_redirect_to_an_invalid_address_is_a_rejected_request(location: str, store: Path) -> None:
    with FaultServer(status(307, Location=location)) as server:
        error = failure_of(api_of(server, store))
    assert type(error) is RequestRejected
    assert len(server.requests) == 1


# Retries


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_request_is_sent_again_where_nothing_was_computed(code: int, store: Path) -> None:
    with FaultServer(status(code, Retry_After_Ms="1"), window()) as server:
        assert len(buy(api_of(server, store, max_retries=1))) == 1
    assert len(server.requests) == 2
    one, other = server.requests
    assert one.body == other.body


@pytest.mark.parametrize(
    ("code", "kind"), [(429, RateLimited), (500, ServerError), (503, ServerError)]
)
@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_request_is_sent_again_up_to_max_retries_times(
    code: int, kind: type[SynthefyError], max_retries: int, store: Path
) -> None:
    with FaultServer(status(code, Retry_After_Ms="1")) as server:
        error = failure_of(api_of(server, store, max_retries=max_retries))
    assert type(error) is kind
    assert len(server.requests) == error.attempts == max_retries + 1
    assert error.status == code
    assert error.request_id == server.requests[-1].headers["x-request-id"]


def test_the_body_of_a_failure_does_not_matter(store: Path) -> None:
    def cut_off(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 503 Busy\r\nContent-Length: 99\r\nRetry-After: 0\r\n\r\nshort")
        exchange.close()

    def damaged(exchange: Exchange) -> None:
        exchange.answer(500, b"no gzip", {"Content-Encoding": "gzip", "Retry-After": "0"})

    with FaultServer(cut_off, damaged, window()) as server:
        buy(api_of(server, store, max_retries=2))
    assert len(server.requests) == 3


@pytest.mark.parametrize("code", [501, 502, 504, 505, 520, 524, 599])
def test_a_request_that_may_have_been_computed_is_not_sent_again(code: int, store: Path) -> None:
    with FaultServer(status(code, Retry_After="0")) as server:
        error = failure_of(api_of(server, store, max_retries=2))
    assert type(error) is OutcomeUnknown
    assert len(server.requests) == error.attempts == 1
    assert (error.status, error.windows_at_risk) == (code, 1)


def far_ahead() -> str:
    return email.utils.formatdate(time.time() + 86_400, usegmt=True)


@pytest.mark.parametrize("code", [429, 500, 503])
@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "99999"},
        {"Retry_After": "121"},
        {"Retry_After": far_ahead()},
        {"Retry_After_Ms": "120001"},
        {"Retry_After_Ms": "1e400"},
    ],
)
def test_a_longer_wait_than_the_limit_ends_the_fit(
    code: int, headers: dict[str, str], store: Path
) -> None:
    with FaultServer(status(code, **headers)) as server:
        error = failure_of(api_of(server, store, max_retries=2), 5)
    assert type(error) is RateLimited
    assert len(server.requests) == error.attempts == 1
    assert error.status == code


@pytest.mark.parametrize("header", ["Retry_After_Ms", "Retry_After"])
def test_the_client_waits_as_long_as_the_service_asks(header: str, store: Path) -> None:
    arrivals = []

    def busy_once(exchange: Exchange) -> None:
        arrivals.append(time.monotonic())
        if exchange.number == 1:
            wait = "300" if header == "Retry_After_Ms" else "0.3"
            exchange.answer(503, b"", {header.replace("_", "-"): wait})
        else:
            window()(exchange)

    with FaultServer(busy_once) as server:
        buy(api_of(server, store, max_retries=1))
    assert arrivals[1] - arrivals[0] >= 0.3


def test_a_fit_that_ends_does_not_wait_for_a_retry(store: Path) -> None:
    # One worker waits for a minute, while the key of the other one is rejected.
    with FaultServer(window(), status(503, Retry_After="60"), status(401)) as server:
        error = failure_of(api_of(server, store, max_retries=5, max_concurrency=2), 6)
    assert type(error) is AuthenticationError
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": " 7 "}, 7),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After-Ms": "250"}, 0.25),
        ({"Retry-After-Ms": "250", "Retry-After": "7"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After-Ms": "soon"}, None),
    ],
)
def test_retry_after_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    assert client._retry_after(client.httpx.Headers(headers)) == seconds


def test_retry_after_may_be_a_date() -> None:
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    seconds = client._retry_after(client.httpx.Headers({"Retry-After": date}))
    assert seconds is not None
    assert 30 < seconds <= 60


def test_waits_double_from_half_a_second_to_eight() -> None:
    for attempt in [1, 2, 3, 4, 5, 6, 50, 5000]:
        longest = min(0.5 * 2.0 ** min(attempt - 1, 100), 8.0)
        waits = [client._waiting_time(attempt, None) for _ in range(200)]
        assert all(0.75 * longest <= wait <= longest for wait in waits)
        assert (
            max(waits) - min(waits) > 0.1 * longest
        )  # spread, so that clients do not retry at the same time


@pytest.mark.parametrize("seconds", [0.0, 0.2, 60.0, 119.0])
def test_the_wait_that_the_service_asks_for_is_used(seconds: float) -> None:
    assert client._waiting_time(1, seconds) == seconds


@pytest.mark.parametrize("nonsense", [-1.0, float("nan")])
def test_an_invalid_wait_is_ignored(nonsense: float) -> None:
    assert 0.375 <= client._waiting_time(1, nonsense) <= 0.5


def test_waiting_does_not_use_the_random_numbers_of_the_caller() -> None:
    random.seed(3)
    expected = random.random()
    random.seed(3)
    client._waiting_time(1, None)
    assert random.random() == expected


# One deadline


def slow_headers(exchange: Exchange) -> None:
    exchange.drip(f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD)


def endless_headers(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\n")
    exchange.drip(b"X-Slow: 1\r\n" * 20)


def slow_body(exchange: Exchange) -> None:
    exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode())
    exchange.drip(GOOD)


def half_a_body(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + GOOD)
    exchange.hold()


def promises(exchange: Exchange) -> None:
    while not exchange.server.let_go.wait(0.02):
        exchange.send(b"HTTP/1.1 102 Processing\r\n\r\n")


@pytest.mark.parametrize(
    "step", [Exchange.hold, slow_headers, endless_headers, slow_body, half_a_body, promises]
)
def test_the_deadline_is_for_the_whole_exchange(step: Step, store: Path) -> None:
    with FaultServer(step) as server:
        error = failure_of(api_of(server, store, timeout=0.4, max_retries=2))
        assert server.n_finished == 0  # the step of the server takes a minute
        assert len(server.requests) == 1
    assert type(error) is OutcomeUnknown
    assert (error.status, error.attempts, error.windows_at_risk) == (None, 1, 1)
    assert error.request_id == server.requests[0].headers["x-request-id"]
    assert "timeout" in str(error)


def test_a_slow_answer_before_the_deadline_is_read(store: Path) -> None:
    def piece_by_piece(exchange: Exchange) -> None:
        exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode())
        for start in range(0, len(GOOD), 50):
            time.sleep(0.02)
            exchange.send(GOOD[start : start + 50])

    with FaultServer(piece_by_piece) as server:
        assert_array_equal(buy(api_of(server, store, timeout=60)).to_numpy(), [SAMPLES])


def test_a_deadline_that_passes_before_the_request_is_sent_costs_nothing(store: Path) -> None:
    # The server never answers the TLS handshake: the request cannot have been sent.
    with FaultServer() as server:
        base_url = f"https://127.0.0.1:{server.port}"
        error = failure_of(api_of(base_url, store, timeout=0.2, max_retries=1))
        assert server.requests == []
    assert type(error) is ConnectionFailed
    assert server.n_connections == error.attempts == 2
    assert "Nothing was billed" in str(error)


# Connections that break


def resets(exchange: Exchange) -> None:
    exchange.reset()


def closes(exchange: Exchange) -> None:
    exchange.close()


def cut_off(exchange: Exchange) -> None:
    exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode() + GOOD[:-9])
    exchange.close()


def cut_off_in_a_chunk(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + GOOD[:50])
    exchange.close()


def cut_off_headers(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    exchange.close()


def reset_in_the_body(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + GOOD)
    exchange.reset()


def no_http(exchange: Exchange) -> None:
    exchange.send(b"220 mail.example ESMTP\r\n")
    exchange.close()


@pytest.mark.parametrize(
    "step",
    [
        resets,
        closes,
        cut_off,
        cut_off_in_a_chunk,
        cut_off_headers,
        reset_in_the_body,
        no_http,
        ok(gzip.compress(GOOD)[:-20], Content_Encoding="gzip"),
        ok(b"", Content_Encoding="gzip"),
    ],
)
def test_the_outcome_of_an_incomplete_answer_is_unknown(step: Step, store: Path) -> None:
    with FaultServer(step) as server:
        error = failure_of(api_of(server, store, max_retries=2))
    assert type(error) is OutcomeUnknown
    assert len(server.requests) == error.attempts == error.windows_at_risk == 1
    assert error.request_id == server.requests[0].headers["x-request-id"]
    assert len(WindowStore(store)) == 0


def test_a_refused_connection_is_tried_again_and_nothing_is_billed(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure_of(api_of(f"http://127.0.0.1:{port}", store, max_retries=1))
    assert type(error) is ConnectionFailed
    assert error.attempts == 2
    assert "127.0.0.1" in str(error)


def test_an_unknown_host_is_a_failed_connection(store: Path) -> None:
    error = failure_of(api_of("https://service.invalid", store))
    assert type(error) is ConnectionFailed
    assert "service.invalid" in str(error)


def test_an_impossible_host_name_is_an_error_without_the_key(store: Path) -> None:
    with pytest.raises((SynthefyError, ValueError)) as caught:
        buy(api_of(f"https://{'a' * 64}.invalid", store))
    assert_harmless(caught.value)


@pytest.mark.parametrize("is_sent", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        UnicodeError("label too long"),
        OverflowError("port must be 0-65535"),
        ExceptionGroup("several", [OSError("one"), OSError("other")]),
        RuntimeError("unexpected"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_other_error_of_an_exchange_is_an_error_of_ours(
    error: Exception, is_sent: bool
) -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        if is_sent:
            sent = SimpleNamespace(method=b"POST")
            await request.extensions["trace"](
                "http11.send_request_headers.started", {"request": sent}
            )
        raise error

    async def post() -> None:
        service = client.Service("https://service.invalid/x", "SYNTHEFY_API_KEY", 5.0, 2, 1)
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
            await client.Client(http, service, is_stopped=lambda: False).post(b"{}")

    with pytest.raises(OutcomeUnknown if is_sent else ConnectionFailed) as caught:
        anyio.run(post)
    assert caught.value.attempts == 1
    for link in chain_of(caught.value):
        assert isinstance(link, SynthefyError)


def test_a_connection_that_the_server_closed_meanwhile_is_opened_again(store: Path) -> None:
    def answers_and_closes(exchange: Exchange) -> None:
        window()(exchange)
        exchange.close()

    with FaultServer(answers_and_closes) as server:
        api = api_of(server, store)
        buy(api)
        buy(api, 2)
    assert len(server.requests) == 2


# TLS


def test_an_untrusted_certificate_is_a_failed_connection(store: Path, tmp_path: Path) -> None:
    with FaultServer(tls=tls_context(tmp_path)) as server:
        error = failure_of(api_of(server, store))
        assert server.requests == []
    assert type(error) is ConnectionFailed
    assert "certificate" in str(error).lower()


def test_ssl_cert_file_is_read_as_by_httpx(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = tls_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with FaultServer(tls=context) as server:
        assert len(buy(api_of(server, store))) == 1
        # The certificate is for 127.0.0.1 only.
        error = failure_of(api_of(f"https://localhost:{server.port}", store))
        assert len(server.requests) == 1
    assert type(error) is ConnectionFailed


@pytest.mark.parametrize("content", [None, b"not a certificate"])
def test_an_unreadable_certificate_file_is_a_failed_connection(
    content: bytes | None, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cert.pem"
    if content is not None:
        path.write_bytes(content)
    elif httpx.__version__.startswith("0.27"):
        pytest.skip("httpx 0.27 ignores a file that does not exist")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with pytest.raises(ConnectionFailed, match="correct or unset SSL_CERT_FILE") as caught:
        buy(api_of("https://service.invalid", store))
    assert_harmless(caught.value)


def test_no_parameter_switches_verification_off() -> None:
    names = set(inspect.signature(SynthefyAPI).parameters)
    assert not [name for name in names if re.search("verify|ssl|tls|cert|insecure|trust", name)]
    with pytest.raises(TypeError):
        SynthefyAPI("me", "ppg_hr", "job", verify=False)


# Proxies


def with_proxy(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, url)
        monkeypatch.setenv(name.lower(), url)
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("proxy", "remedy"),
    [
        ("socks5://127.0.0.1:9", r'pip install "httpx\[socks\]"'),
        ("nonsense://x", "correct or unset"),
        ("http://me:secret@[::1", "correct or unset"),
        ("http://127.0.0.1:9", "check base_url, the proxy in HTTPS_PROXY"),
    ],
)
def test_an_unusable_proxy_is_a_failed_connection(
    proxy: str, remedy: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "socks" in remedy and importlib.util.find_spec("socksio"):
        pytest.skip("proxies of this kind can be used")
    with_proxy(monkeypatch, proxy)
    with pytest.raises(ConnectionFailed, match=remedy) as caught:
        buy(api_of("https://service.invalid", store))
    assert_harmless(caught.value)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_service_on_this_machine_is_reached_without_a_proxy(
    host: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer() as proxy, FaultServer() as server:
        with_proxy(monkeypatch, proxy.url)
        assert len(buy(api_of(f"http://{host}:{server.port}", store))) == 1
    assert proxy.n_connections == 0


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9", "nonsense://x"])
def test_an_unusable_proxy_does_not_matter_on_this_machine(
    proxy: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_proxy(monkeypatch, proxy)
    with FaultServer() as server:
        assert len(buy(api_of(server, store))) == 1


@pytest.mark.parametrize("step", [status(403), status(502), Exchange.hold, closes])
def test_a_proxy_that_refuses_costs_nothing_and_sees_no_key(
    step: Step, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer(step) as proxy:
        with_proxy(monkeypatch, proxy.url)
        error = failure_of(api_of("https://service.invalid", store, timeout=0.5))
        (request,) = proxy.requests
    assert (request.method, request.path) == ("CONNECT", "service.invalid:443")
    assert KEY not in str(request)
    assert type(error) is ConnectionFailed


# The key


def test_the_key_is_read_when_a_request_is_made(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultServer() as server:
        monkeypatch.delenv("SYNTHEFY_API_KEY")
        api = api_of(server, store, api_key_env="OTHER_KEY")
        monkeypatch.setenv("OTHER_KEY", "first")
        buy(api, 1)
        monkeypatch.setenv("OTHER_KEY", " second ")
        buy(api, 2)
        monkeypatch.delenv("OTHER_KEY")
        buy(api, 2)  # all of them are stored: no key is needed
    assert [request.headers["x-api-key"] for request in server.requests] == ["first", "second"]


def test_the_key_may_change_between_two_requests_of_a_fit(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(exchange: Exchange) -> None:
        monkeypatch.setenv("SYNTHEFY_API_KEY", "renewed")
        window()(exchange)

    with FaultServer(changing) as server:
        buy(api_of(server, store), 2)
    assert [request.headers["x-api-key"] for request in server.requests] == [KEY, "renewed"]


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_nothing_is_sent(
    key: str | None, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNTHEFY_API_KEY")
    if key is not None:
        monkeypatch.setenv("SYNTHEFY_API_KEY", key)
    with FaultServer() as server:
        error = failure_of(api_of(server, store))
    assert type(error) is AuthenticationError
    assert "SYNTHEFY_API_KEY" in str(error)
    assert "window" not in str(error)  # none of them failed
    assert server.n_connections == 0


@pytest.mark.parametrize("sign", ["\n", "\r\nX-Other: 1", "\t", "\x7f", "\x1b", " ", "é", "\udcff"])
def test_a_key_with_impossible_characters_is_refused_and_not_shown(
    sign: str, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHEFY_API_KEY", f"{KEY}{sign}{KEY}")
    with FaultServer() as server:
        error = failure_of(api_of(server, store))
    assert type(error) is AuthenticationError
    assert server.n_connections == 0


def test_a_line_break_at_the_end_of_the_key_is_refused(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNTHEFY_API_KEY", KEY + "\n")
    with FaultServer() as server:
        assert type(failure_of(api_of(server, store))) is AuthenticationError
    assert server.n_connections == 0


@pytest.mark.parametrize(
    "step",
    [
        window(),
        status(401),
        status(422, b"x"),
        status(500, Retry_After="0"),
        status(307, Location="https://service.invalid/x"),
        resets,
        closes,
        no_http,
        Exchange.hold,
        ok(b"<html>"),
        ok(b"x", Content_Encoding="gzip"),
    ],
)
def test_the_key_is_not_logged(
    step: Step, store: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "asyncio", "filelock", "skaug"):
        caplog.set_level(logging.DEBUG, logger=name)
    with FaultServer(step) as server:
        try:
            buy(api_of(server, store, timeout=0.5, max_retries=1), 4)
        except SynthefyError as error:
            logging.getLogger("mine").exception("A fit failed")
            assert_harmless(error)
    assert "httpcore.http11" in {record.name for record in caplog.records}
    assert KEY not in caplog.text
    for record in caplog.records:
        assert KEY not in f"{record.getMessage()} {record.args} {record.__dict__}"
    out, err = capfd.readouterr()
    assert KEY not in out + err


# Errors


def test_an_error_names_the_window_and_the_remedy(store: Path) -> None:
    with FaultServer(status(500, Retry_After="0")) as server:
        error = failure_of(api_of(server, store, max_retries=1))
    request = server.requests[-1]
    assert error.subject in ("S1", "S2")
    assert set(request.columns["subject"].values()) == {error.subject}
    assert error.first_row is not None
    assert error.first_row % SIZE == 0
    text = str(error)
    assert f"the window of subject {error.subject!r} at row {error.first_row}" in text
    assert f"status 500, request {request.headers['x-request-id']}, 2 attempts" in text
    assert "check that window_size is the model's own" in text
    assert "1 window failed, 0 of 1 are stored now" in text


ADVICE = {
    "401": status(401),
    "404": status(404),
    "413": status(413),
    "418": status(418),
    "422": status(422),
    "302": status(302),
    "204": lambda exchange: exchange.send(b"HTTP/1.1 204 No\r\n\r\n"),
    "429": status(429),
    "waits": status(429, Retry_After="9999"),
    "503": status(503),
    "504": status(504),
    "closes": closes,
    "hangs": Exchange.hold,
    "html": ok(b"<html>"),
    "length": ok(rows(SIZE + 1)),
    "channel": ok(without("BVP_synthetic")),
}


@pytest.mark.parametrize("step", ADVICE.values(), ids=ADVICE.keys())
def test_every_error_has_a_remedy(step: Step, store: Path) -> None:
    with FaultServer(step) as server:
        error = failure_of(api_of(server, store, timeout=0.4))
    advice = r"check|fit again|try later|wait longer|send fewer|must be|name its|is base_url"
    assert re.search(advice, error.message, re.IGNORECASE)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, Exception)
    ],
)
def test_every_error_survives_pickling(kind: type[SynthefyError]) -> None:
    error = kind(
        "What went wrong.", status=418, request_id="r", subject="S1", first_row=8, attempts=2
    )
    if isinstance(error, OutcomeUnknown):
        error.windows_at_risk = 3
    error.add_note("a note")
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is kind
    assert copied.__dict__ == error.__dict__
    assert str(copied) == str(error)
    assert isinstance(copied, SynthefyError)


def test_an_exceeded_budget_has_no_status(store: Path) -> None:
    with FaultServer() as server:
        error = failure_of(api_of(server, store, max_new_windows=0))
    assert type(error) is BudgetExceeded
    assert (error.status, error.request_id, error.attempts) == (None, None, 0)
    assert server.n_connections == 0
