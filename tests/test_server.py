"""The local service over real HTTP. What is expected is what is known of the service itself."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import math
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from numpy.testing import assert_allclose

import skaug.server
from skaug.server import RunningService, running, serve
from skaug.server.app import SynthesisApp
from skaug.server.log import RequestLog
from skaug.server.model import LocalModel

SIZE = 64
PATH = "/api/synthesis/me/ppg_hr/job/stream"
REFUSED = {"detail": "Internal server error occurred during stream synthesis"}
BAD_FORM = {
    "detail": "The body must be a JSON object of columns, each an object of row numbers and values."
}
SHUTTING_DOWN = {"detail": "The local service is shutting down"}

Body = dict[str, Any]


def column(values: Any) -> dict[str, Any]:
    return {str(i): value for i, value in enumerate(values)}


def constant(value: Any, size: int = SIZE) -> dict[str, Any]:
    return column([value] * size)


@pytest.fixture(scope="module")
def signals() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {"BVP": rng.normal(5, 30, SIZE), "ECG": rng.normal(size=SIZE)}


@pytest.fixture
def body(signals: dict[str, np.ndarray]) -> Body:
    return {
        **{name: column(values.tolist()) for name, values in signals.items()},
        "subject": constant("S1"),
        "heart_rate": constant(71.5),
        "activity": constant("walking"),
    }


@pytest.fixture(scope="module")
def service() -> Iterator[RunningService]:
    """A service for the tests that need no other."""
    with running(SIZE) as service:
        yield service


def client_of(service: RunningService, **options: Any) -> httpx.Client:
    # A proxy that the environment names is not for this machine.
    return httpx.Client(base_url=service.base_url, trust_env=False, **options)


@pytest.fixture(scope="module")
def client(service: RunningService) -> Iterator[httpx.Client]:
    with client_of(service) as client:
        yield client


def window_of(response: httpx.Response) -> dict[str, np.ndarray]:
    assert response.status_code == 200, response.text
    # The keys are compared as a list: rows come as "0", "1", ...
    columns = response.json()
    assert all(list(rows) == [str(i) for i in range(len(rows))] for rows in columns.values())
    return {name: np.array(list(rows.values())) for name, rows in columns.items()}


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# The window


def test_a_request_is_answered_with_a_synthetic_window(client: httpx.Client, body: Body) -> None:
    response = client.post(PATH, json=body)
    assert response.headers["content-type"] == "application/json"
    window = window_of(response)
    assert set(window) == {"BVP_synthetic", "ECG_synthetic", "index"}
    assert window["index"].tolist() == list(range(SIZE))
    assert all(type(value) is float for value in response.json()["BVP_synthetic"].values())


def test_surrogates_keep_amplitudes_and_cross_spectra_in_full_precision(
    client: httpx.Client, body: Body, signals: dict[str, np.ndarray]
) -> None:
    window = window_of(client.post(PATH, json=body))
    sent = {name: np.fft.rfft(values) for name, values in signals.items()}
    got = {name: np.fft.rfft(window[f"{name}_synthetic"]) for name in signals}
    for name in signals:
        assert_allclose(np.abs(got[name]), np.abs(sent[name]), rtol=1e-9)
        assert not np.allclose(window[f"{name}_synthetic"], signals[name])
    assert_allclose(got["BVP"] * got["ECG"].conj(), sent["BVP"] * sent["ECG"].conj(), rtol=1e-9)


def test_the_same_request_gives_another_window_each_time(client: httpx.Client, body: Body) -> None:
    windows = [window_of(client.post(PATH, json=body))["BVP_synthetic"] for _ in range(3)]
    for one, other in itertools.combinations(windows, 2):
        assert not np.allclose(one, other)


def test_the_order_of_columns_is_arbitrary(client: httpx.Client, body: Body) -> None:
    # Three columns in one and the same order 30 times over: a chance of 6 ** -29.
    orders = {tuple(client.post(PATH, json=body).json()) for _ in range(30)}
    assert len(orders) > 1


def test_time_series_may_be_left_out_and_then_beat_at_the_heart_rate() -> None:
    # 90 beats per minute are 12 periods in 512 samples at 64 Hz.
    with running(512) as service, client_of(service) as client:
        window = window_of(client.post(PATH, json={"heart_rate": constant(90, 512)}))
        noise = window_of(client.post(PATH, json={}))
    for name in ("BVP_synthetic", "ECG_synthetic"):
        assert np.abs(np.fft.rfft(window[name]))[1:].argmax() + 1 == 12
        # White: the standard deviation of 512 draws errs by about 1 / sqrt(1024).
        assert noise[name].std() == pytest.approx(1, abs=0.25)


def test_one_time_series_may_be_left_out(client: httpx.Client, body: Body) -> None:
    sent = body["BVP"]
    del body["ECG"]
    window = window_of(client.post(PATH, json=body))
    assert window["ECG_synthetic"].shape == (SIZE,)
    assert window["BVP_synthetic"].mean() == pytest.approx(np.mean(list(sent.values())))


def test_other_features_can_be_configured(body: Body) -> None:
    with running(SIZE, features=["activity_level"]) as service, client_of(service) as client:
        window = window_of(client.post(PATH, json=body))
    assert set(window) == {"activity_level_synthetic", "index"}


def test_other_columns_are_accepted_and_numbers_may_be_written_as_text(
    client: httpx.Client, body: Body
) -> None:
    sent = np.array([*body["BVP"].values()])
    body |= {"note": constant("x"), "flag": constant(True), "BVP": column(map(str, sent))}
    window = window_of(client.post(PATH, json=body))
    assert set(window) == {"BVP_synthetic", "ECG_synthetic", "index"}
    assert window["BVP_synthetic"].mean() == pytest.approx(sent.mean())


# Refusals


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"BVP": constant(1.0) | {"3": None}}, "column 'BVP' has a null in row '3'"),
        ({"note": constant("x") | {"0": None}}, "column 'note' has a null in row '0'"),
        ({"note": constant(1.0) | {"0": math.nan}}, "column 'note' has a null in row '0'"),
        ({"subject": constant("S1") | {"9": "S2"}}, "column 'subject' changes within the window"),
        ({"ECG": constant("x")}, "column 'ECG' is not a number in row '0'"),
        ({"ECG": constant(10**400)}, "column 'ECG' is not a number in row '0'"),
        ({"note": constant(1.0, SIZE - 1)}, "column 'note' has 63 rows, not 64"),
        ({"note": constant(1.0, SIZE + 1)}, "column 'note' has 65 rows, not 64"),
        ({"note": {}}, "column 'note' has 0 rows, not 64"),
        ({"note": "x"}, "column 'note' has no rows"),
    ],
)
def test_bad_columns_are_refused_without_a_reason_except_in_the_log(
    service: RunningService, client: httpx.Client, body: Body, change: Body, reason: str
) -> None:
    computed = service.computed
    response = client.post(PATH, content=json.dumps(body | change))
    assert (response.status_code, response.json()) == (500, REFUSED)
    assert (service.requests[-1].status, service.requests[-1].reason) == (500, reason)
    assert service.computed == computed


def test_the_heart_rate_must_be_a_number_only_where_it_is_used(
    client: httpx.Client, body: Body
) -> None:
    fast = {"heart_rate": constant("fast")}
    assert client.post(PATH, json=body | fast).status_code == 200
    assert client.post(PATH, json=fast).json() == REFUSED


def test_the_subject_may_be_in_another_column() -> None:
    changing = column(range(SIZE))
    with running(SIZE, subject="person") as service, client_of(service) as client:
        assert client.post(PATH, json={"subject": changing}).status_code == 200
        assert client.post(PATH, json={"person": changing}).json() == REFUSED


@pytest.mark.parametrize(
    "change",
    [
        {"BVP": constant(math.inf)},
        {"BVP": constant("nan")},
        {"BVP": column([1e308, -1e308] * (SIZE // 2))},  # its spectrum overflows
    ],
)
def test_a_window_of_nan_is_a_plain_text_error_and_was_computed(
    service: RunningService, client: httpx.Client, body: Body, change: Body
) -> None:
    computed = service.computed
    response = client.post(PATH, content=json.dumps(body | change))
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    assert response.headers["content-type"].startswith("text/plain")
    assert service.computed == computed + 1
    assert service.requests[-1].reason == "the window holds NaN or infinity"


@pytest.mark.parametrize(
    "content",
    [
        b"[1]",
        b'"x"',
        b"null",
        b"",
        b'{"BVP": [1]}',
        b'{"BVP": null}',
        b'{"BVP": 3}',
        b'{"BVP": {"0": [1], "1": 2.0}, "subject": {"0": "S1"}}',
        b'{"BVP": {"0": {}}}',
        b'{"BVP": }',
        b"\xff\xfe\xff",
        b'{"BVP": {"0": ' + b"1" * 5000 + b"}}",  # more digits than Python reads
        b"[" * 200_000,
        b'{"BVP": ' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda content: content[:20],
)
def test_a_body_of_another_form_is_refused_without_an_echo(
    client: httpx.Client, content: bytes
) -> None:
    response = client.post(PATH, content=content)
    assert (response.status_code, response.json()) == (422, BAD_FORM)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/geo+json", 200),
        ("text/plain", 422),
        ("application/octet-stream", 422),
    ],
)
def test_only_json_is_read(client: httpx.Client, body: Body, kind: str, status: int) -> None:
    response = client.post(PATH, content=json.dumps(body), headers={"Content-Type": kind})
    assert response.status_code == status


def test_big_bodies_are_read(client: httpx.Client, body: Body) -> None:
    body |= {f"note{i}": constant("x" * 2000) for i in range(80)}
    content = json.dumps(body)
    assert len(content) > 10_000_000
    window_of(client.post(PATH, content=content))


def chunks(n_mib: int) -> Iterator[bytes]:
    yield from itertools.repeat(b"x" * 2**20, n_mib)


@pytest.mark.parametrize("content", [b"x" * 33 * 2**20, chunks(33)], ids=["declared", "chunked"])
def test_a_body_beyond_the_cap_is_refused_and_the_connection_stays_open(
    service: RunningService, client: httpx.Client, content: Any
) -> None:
    response = client.post(PATH, content=content)
    assert response.status_code == 413
    assert response.json() == {"detail": "The body is larger than 32 MiB."}
    assert service.requests[-1].body == b""
    assert client.post(PATH, json={}).status_code == 200


def test_there_is_one_endpoint(client: httpx.Client, body: Body) -> None:
    response = client.get(PATH)
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})
    assert response.headers["allow"] == "POST"
    for path in ("/", "/api/synthesis/me/ppg_hr/stream", PATH + "/", "/api/synthesis//d/j/stream"):
        response = client.post(path, json=body)
        assert (response.status_code, response.json()) == (404, {"detail": "Not Found"})


# Constraints


def constrained(client: httpx.Client, body: Body, constraints: Any) -> httpx.Response:
    return client.post(PATH, json=body | {"_constraints_": constraints})


@pytest.mark.parametrize("projection", [{}, {"_projection_type_": "clipping"}])
def test_constraints_clip_their_channel(client: httpx.Client, body: Body, projection: Body) -> None:
    bounds = {"BVP": {"min": -5, "max": 12.5}, **projection}
    window = window_of(constrained(client, body, json.dumps(bounds)))
    # Of normal draws around 5 with a deviation of 30, many lie beyond either bound.
    assert (window["BVP_synthetic"].min(), window["BVP_synthetic"].max()) == (-5, 12.5)
    assert window["ECG_synthetic"].min() < -1
    assert window["ECG_synthetic"].max() > 1


def test_strict_constraints_also_move_the_extremes(client: httpx.Client, body: Body) -> None:
    bounds = {
        "BVP": {"max": 500, "argmin": 7, "argmax": 40},
        "ECG": {"argmin": 5},
        "_projection_type_": "strict",
    }
    window = window_of(constrained(client, body, json.dumps(bounds)))
    assert (window["BVP_synthetic"].argmin(), window["BVP_synthetic"].argmax()) == (7, 40)
    assert window["ECG_synthetic"].argmin() == 5


@pytest.mark.parametrize(
    "constraints", [{}, {"BVP": {"mean": 3, "argmin": 3}}, {"ACC": {"min": 3}}]
)
def test_unknown_constraints_are_ignored(
    client: httpx.Client, body: Body, signals: dict[str, np.ndarray], constraints: Body
) -> None:
    window = window_of(constrained(client, body, json.dumps(constraints)))
    assert_allclose(window["BVP_synthetic"].std(), signals["BVP"].std())


@pytest.mark.parametrize(
    "constraints",
    [
        "not JSON",
        "[1]",
        '{"BVP": 3}',
        '{"BVP": {"min": null}}',
        '{"BVP": {"min": "low"}}',
        '{"BVP": {"argmin": 64}, "_projection_type_": "strict"}',
        '{"BVP": {"min": 3}, "_projection_type_": "unknown"}',
        {"0": '{"BVP": {"min": 3}}'},
        "[" * 100_000,
    ],
    ids=str,
)
def test_constraints_of_another_form_are_refused(
    service: RunningService, client: httpx.Client, body: Body, constraints: Any
) -> None:
    response = constrained(client, body, constraints)
    assert (response.status_code, response.json()) == (500, REFUSED)
    assert "_constraints_" in str(service.requests[-1].reason)


# The key and the headers


def test_the_key_is_required_and_compared_in_constant_time(
    body: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    compare = secrets.compare_digest

    def spy(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr(secrets, "compare_digest", spy)
    key = "sésame"
    with running(SIZE, api_key=key) as service, client_of(service) as client:
        for sent, status, detail in [
            ({}, 401, "API Key is missing."),
            ({"X-API-Key": ""}, 401, "API Key is missing."),
            ({"X-API-Key": b"open"}, 401, "Invalid API key"),
            ({"X-API-Key": "\xff".encode("latin-1")}, 401, "Invalid API key"),
        ]:
            response = client.post(PATH, json=body, headers=sent)
            assert (response.status_code, response.json()) == (status, {"detail": detail})
        assert service.computed == 0
        window_of(client.post(PATH, json=body, headers={"x-api-key": key.encode()}))
        assert compared == [(sent, key.encode()) for sent in (b"open", b"\xff", key.encode())]
        assert "(hidden)" in {request.headers.get("x-api-key") for request in service.requests}
        assert key not in repr([request.headers for request in service.requests])


def test_the_body_of_a_stranger_is_not_read() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-API-Key: open\r\nContent-Length: 99\r\n"
    with running(SIZE, api_key="sesame") as service:
        address = urlsplit(service.base_url)
        for expectation in ("", "Expect: 100-continue\r\n"):
            with socket.create_connection((address.hostname, address.port)) as stranger:
                stranger.sendall(f"{head}{expectation}\r\n".encode())  # and no body
                assert stranger.recv(1000).startswith(b"HTTP/1.1 401 ")
        with client_of(service) as client:
            response = client.post(PATH, content=b"x" * 33 * 2**20)
        assert (response.status_code, response.json()["detail"]) == (401, "API Key is missing.")
        assert [request.body for request in service.requests] == [b""] * 3


def test_the_request_id_is_echoed_with_every_answer(client: httpx.Client, body: Body) -> None:
    answers = set()
    for content in (body, [], {"BVP": {}}, body | {"BVP": constant("inf")}):
        response = client.post(PATH, json=content, headers={"X-Request-ID": "request 7"})
        assert response.headers["x-request-id"] == "request 7"
        answers.add((response.status_code, response.headers["content-type"][:9]))
    assert len(answers) == 4
    assert client.post(PATH, json=body).headers["x-request-id"]


# The log and the line


def test_the_log_has_what_was_sent_but_its_repr_does_not(
    service: RunningService, client: httpx.Client, body: Body
) -> None:
    before = len(service.requests)
    content = json.dumps(body).encode()
    path = PATH.replace("me", "m%2Ee")
    client.post(path, content=content, headers={"X-API-Key": "secret", "X-Other": "seen"})
    (request,) = service.requests[before:]
    assert (request.method, request.path, request.status) == ("POST", path, 200)
    assert request.body == content
    assert request.headers["x-other"] == "seen"
    assert request.headers["x-api-key"] == "(hidden)"
    assert "walking" not in repr(request)


def test_windows_are_computed_one_at_a_time_in_the_order_of_arrival(body: Body) -> None:
    n = 8
    with running(SIZE, delay=0.05) as service, client_of(service) as client:
        with ThreadPoolExecutor(n) as pool:
            answers = list(pool.map(lambda _: client.post(PATH, json=body), range(n)))
        turns = [(request.started, request.finished) for request in service.requests]
    assert [answer.status_code for answer in answers] == [200] * n
    assert all(following[0] >= turn[1] for turn, following in itertools.pairwise(turns))
    assert len({answer.text for answer in answers}) == n
    assert service.computed == n


def test_a_window_is_computed_even_if_its_client_has_left(body: Body) -> None:
    with running(SIZE, delay=0.2) as service, client_of(service) as client:
        for _ in range(2):
            with pytest.raises(httpx.ReadTimeout):
                client.post(PATH, json=body, timeout=httpx.Timeout(5, read=0.05))
        wait_until(lambda: service.computed == 2)


# Starting and ending


def test_it_runs_beside_a_running_event_loop_as_in_jupyter(body: Body) -> None:
    async def cell() -> int:
        with running(SIZE) as service:
            async with httpx.AsyncClient(trust_env=False) as client:
                response = await client.post(service.base_url + PATH, json=body)
            return response.status_code

    assert asyncio.run(cell()) == 200


def test_several_run_at_once_and_one_after_another() -> None:
    with running(8) as small, running(16) as big:
        assert small.base_url != big.base_url
        for service, size in ((small, 8), (big, 16)):
            with client_of(service) as client:
                assert len(client.post(PATH, json={}).json()["index"]) == size
                assert (len(service.requests), service.computed) == (1, 1)
    with running(8) as again, client_of(again) as client:
        assert client.post(PATH, json={}).status_code == 200


def test_the_port_is_free_after_the_block_even_if_that_fails() -> None:
    with suppress(ZeroDivisionError), running(8) as service, client_of(service) as client:
        client.post(PATH, json={})
        raise ZeroDivisionError
    address = urlsplit(service.base_url)
    assert address.hostname == "127.0.0.1"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port))
    socket.create_server((address.hostname, address.port)).close()


def test_the_end_of_the_block_answers_those_who_wait() -> None:
    with ThreadPoolExecutor(3) as pool:
        with running(8, delay=600) as service:
            url = service.base_url + PATH
            answers = [
                pool.submit(httpx.post, url, json={}, timeout=60, trust_env=False) for _ in range(3)
            ]
            wait_until(lambda: len(service.requests) == 3)
        assert [answer.result().status_code for answer in answers] == [503] * 3
        assert [answer.result().json() for answer in answers] == [SHUTTING_DOWN] * 3
    assert service.computed == 0


def test_the_end_of_the_block_does_not_wait_for_a_body_that_never_comes() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n".encode()
    with running(8) as service:
        address = urlsplit(service.base_url)
        stalled = socket.create_connection((address.hostname, address.port))
        stalled.sendall(head)
        gone = socket.create_connection((address.hostname, address.port))
        gone.sendall(head)
        gone.close()
        with client_of(service) as client:  # once it is answered, the two before have been read
            assert client.post(PATH, json={}).status_code == 200
    stalled.close()
    assert len(service.requests) == 1


def test_nothing_is_printed_and_nothing_logged(
    body: Body, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with running(SIZE, api_key="secret") as service, client_of(service) as client:
        for content in (body, [], {"BVP": {}}, body | {"BVP": constant("inf")}):
            client.post(PATH, json=content, headers={"X-API-Key": "secret"})
    assert capfd.readouterr() == ("", "")
    ours = [record for record in caplog.records if not record.name.startswith("http")]
    assert all(record.levelname in ("DEBUG", "INFO") for record in ours)
    assert "secret" not in str([record.getMessage() for record in ours])
    assert "walking" not in str([record.getMessage() for record in ours])


def test_the_place_of_an_unexpected_error_is_logged_and_nothing_of_what_was_sent(
    body: Body, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(LocalModel):
        def synthesize(self, condition: Any) -> Any:
            raise RuntimeError(str(condition))

    log = RequestLog()
    app = SynthesisApp(Broken(SIZE, ["BVP"], "subject"), delay=0, api_key=None, log=log)

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://local") as client:
            return await client.post(PATH, json=body)

    response = asyncio.run(post())
    assert (response.status_code, response.text) == (500, "Internal Server Error")
    (record,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert record.getMessage().startswith(f"RuntimeError in {__file__}, line ")
    assert record.exc_info is None
    (request,) = log.snapshot()
    assert (request.status, request.reason) == (500, "an unexpected RuntimeError")


@contextmanager
def served(delay: float = 0.0, host: str = "127.0.0.1") -> Iterator[tuple[subprocess.Popen, str]]:
    """Run `serve` in a process of its own."""
    code = f"from skaug.server import serve\nserve(8, port=0, {delay=}, {host=}, api_key='secret')"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            line = process.stdout.readline()
            start = f"Synthesizing windows of 8 rows of BVP, ECG at http://{host}:"
            assert line.startswith(start)
            yield process, f"http://127.0.0.1:{line.removeprefix(start).split()[0]}{PATH}"
        finally:
            process.kill()  # if it has not ended, the test has failed, and must not wait for it


def post(url: str) -> httpx.Response:
    return httpx.post(url, json={}, headers={"X-API-Key": "secret"}, timeout=60, trust_env=False)


@pytest.mark.slow
def test_serve_prints_its_address_and_ends_when_interrupted() -> None:
    with served() as (process, url):
        assert post(url).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


@pytest.mark.slow
def test_serve_warns_where_other_machines_reach_it() -> None:
    with served(host="0.0.0.0") as (process, url):
        assert post(url).status_code == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    (warning,) = [line for line in errors.splitlines() if "Warning" in line]
    assert "host='0.0.0.0' lets other machines on the network use the service." in warning


@pytest.mark.slow
def test_an_interrupt_answers_the_requests_that_wait() -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-API-Key: secret\r\nContent-Length: 2\r\n\r\n"
    with served(delay=600) as (process, url), ExitStack() as stack:
        address = urlsplit(url)
        waiting = [
            stack.enter_context(socket.create_connection((address.hostname, address.port)))
            for _ in range(3)
        ]
        for connection in waiting:
            connection.sendall(f"{head}{{}}".encode())
        # Once a connection that came later is answered, those before have been read.
        assert httpx.post(url, json={}, trust_env=False).status_code == 401
        process.send_signal(signal.SIGINT)
        for connection in waiting:
            with connection.makefile("rb") as answer:
                assert answer.readline().startswith(b"HTTP/1.1 503 ")
                assert json.loads(answer.read().partition(b"\r\n\r\n")[2]) == SHUTTING_DOWN
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0


def test_serve_reports_a_port_that_is_taken() -> None:
    with running(8) as service:
        port = urlsplit(service.base_url).port
        with pytest.raises(OSError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            serve(8, port=port)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window_size": 2}, "window_size=2 must be a whole number, 3 or more"),
        ({"window_size": 8.5}, "window_size=8.5 must be a whole number"),
        ({"window_size": True}, "window_size=True must be a whole number"),
        ({"features": []}, r"features=\[\] leaves nothing to synthesize"),
        ({"features": "BVP"}, r"features='BVP' must be a list: \['BVP'\]"),
        ({"delay": -1}, "delay=-1 must be a number of seconds, 0 or more"),
        ({"delay": math.nan}, "delay=nan must be"),
        ({"api_key": ""}, "api_key is empty"),
        ({"delay": True}, "delay=True must be"),
        ({"port": 70_000}, "port=70000 must be between 0 and 65535"),
        ({"port": 8000.5}, "port=8000.5 must be a whole number"),
    ],
)
def test_invalid_parameters_are_refused(options: Body, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        serve(**options)
    if "port" not in options:
        with pytest.raises(ValueError, match=message), running(**options):
            pass


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_the_extra_the_import_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, skaug.server.__name__)
    with pytest.raises(ImportError, match=r'pip install "skaug\[server\]"'):
        importlib.import_module("skaug.server")
