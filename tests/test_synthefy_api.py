"""Synthetic windows from the service: what is requested, paid and stored, and how a fit ends."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from fault_server import (
    CHANNELS,
    KEY,
    SIZE,
    Exchange,
    FaultServer,
    Step,
    api_of,
    buy,
    held,
    ok,
    recordings,
    samples,
    status,
    window,
    windows,
)
from joblib.externals.loky import get_reusable_executor
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, cross_validate

import skaug
from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener, Windows, make_pipeline
from skaug.model_selection import SubjectKFold
from skaug.synthesis import (
    AuthenticationError,
    BadResponse,
    BudgetExceeded,
    OutcomeUnknown,
    RequestRejected,
    ServerError,
    SynthefyAPI,
    SynthefyError,
    WindowStore,
    estimate_calls,
)
from skaug.synthesis.synthefy.client import MAX_RESPONSE_BYTES


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNTHEFY_API_KEY", KEY)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def pipeline_of(
    api: SynthefyAPI, n_synthetic: int | None = 4, ratio: float = 1.0, **options: Any
) -> Any:
    return make_pipeline(
        SubjectWindower(SIZE, features=list(CHANNELS), target="heart_rate"),
        SynthefyAugmenter(api, ratio=ratio, n_synthetic=n_synthetic),
        WindowFlattener(),
        Ridge(),
        **options,
    )


def column(server: FaultServer, name: str) -> list[set[Any]]:
    """The values that the requests sent in a column, one set per request."""
    return [set(request.columns[name].values()) for request in server.requests]


def numbers_of(synthetic: Windows) -> list[int]:
    """The number of the request that each window answers: see `samples`."""
    return [round(value) for value in synthetic.to_numpy()[:, 0, 0]]


# Requests


def test_only_windows_of_the_chosen_subjects_are_sent(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        augmenter = SynthefyAugmenter(api, n_synthetic=5, subjects=["S1"]).fit(windows())
    assert column(server, "subject") == [{"S1"}] * 5
    assert set(augmenter.synthetic_windows_.groups) == {"S1"}
    assert len(set(augmenter.synthetic_windows_.origins.first_row)) == 5


def test_a_stored_window_is_not_requested_again(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        first = buy(api, 3)
        assert len(server.requests) == 3
        assert_array_equal(buy(clone(api), 3).to_numpy(), first.to_numpy())
        assert len(server.requests) == 3
        more = buy(api, 5)
        assert len(server.requests) == 5
    assert_array_equal(more.to_numpy()[:3], first.to_numpy())
    # The server is gone.
    assert_array_equal(buy(api, 5).to_numpy(), more.to_numpy())


def test_further_draws_of_a_condition_are_other_windows(store: Path) -> None:
    real = windows(n_subjects=1, n_windows=2)
    with FaultServer() as server:
        synthetic = buy(api_of(server, store), 6, of=real)
    assert numbers_of(synthetic) == [1, 2, 3, 4, 5, 6]
    bodies = [request.body for request in server.requests]
    assert len(set(bodies)) == 2
    assert sorted(synthetic.origins.draw) == [0, 0, 1, 1, 2, 2]


def test_conditions_with_identical_requests_get_different_windows(store: Path) -> None:
    # Only the subject is sent, which is the same for all of these windows.
    with FaultServer() as server:
        api = api_of(server, store, columns=["subject"])
        synthetic = buy(api, 4, subjects=["S1"])
        assert len(server.requests) == 4
        assert len({request.body for request in server.requests}) == 1
        assert sorted(numbers_of(synthetic)) == [1, 2, 3, 4]
        more = buy(api, 6, subjects=["S1"])
        assert len(server.requests) == 6
    assert numbers_of(more)[:4] == numbers_of(synthetic)
    assert len(set(numbers_of(more))) == 6


def test_many_identical_requests_have_different_keys(store: Path) -> None:
    # So many that a search for each free number from 0 would not end in time.
    real = windows(n_subjects=1, n_windows=100_000)
    keys = api_of("https://service.invalid", store, columns=["subject"]).keys(real)
    assert len(set(keys)) == 100_000


def test_a_condition_that_occurs_twice_is_paid_once(store: Path) -> None:
    conditions = windows()[[3, 5, 3]]._drawn([0, 0, 0])
    with FaultServer() as server:
        synthetic = api_of(server, store).synthesize(conditions)
    assert len(server.requests) == 2
    assert_array_equal(synthetic.to_numpy()[0], synthetic.to_numpy()[2])


def test_windows_of_other_channels_are_requested_again(store: Path) -> None:
    def cut(features: list[str]) -> Windows:
        windower = SubjectWindower(SIZE, features=features, target="heart_rate")
        return windower.fit_transform(recordings(n_subjects=1, n_windows=1))

    expected = samples(1, SIZE)
    with FaultServer() as server:
        # The bodies of these requests are equal: channels that are not synthesized are context.
        api = api_of(server, store)
        one = buy(api, of=cut(["BVP"]))
        both = buy(api, of=cut(["BVP", "ECG"]))
        turned = buy(api, of=cut(["ECG", "BVP"]))
        only = buy(clone(api).set_params(columns=["subject"]), of=cut(["ECG"]))
    assert len(server.requests) == 4
    assert [w.shape[2] for w in (one, both, turned, only)] == [1, 2, 2, 1]
    for nth, (synthetic, names) in enumerate(
        [(one, ["BVP"]), (both, ["BVP", "ECG"]), (turned, ["ECG", "BVP"]), (only, ["ECG"])]
    ):
        samples_of_it = np.array([expected[name] for name in names]).T
        # The n-th answer is the first one plus n - 1.
        assert_array_equal(np.round(synthetic.to_numpy()[0] - nth, 6), samples_of_it)


def test_conditions_in_float32_get_windows_in_float32(store: Path) -> None:
    windower = SubjectWindower(SIZE, features=["BVP"], target="heart_rate", dtype="float32")
    real = windower.fit_transform(recordings())
    with FaultServer() as server:
        synthetic = buy(api_of(server, store), of=real)
    assert synthetic.dtype == np.float32
    sent = list(server.requests[0].columns["BVP"].values())
    origin = synthetic.origins.iloc[0]
    same = (real.groups == origin.subject) & (real.origins.first_row == origin.first_row).to_numpy()
    assert sent == real.to_numpy()[same][0, :, 0].astype(float).tolist()


def test_only_a_fit_that_needs_windows_sends_requests(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        augmenter = SynthefyAugmenter(api)
        repr(clone(api)), repr(pickle.loads(pickle.dumps(api))), api._repr_html_()
        repr(augmenter), augmenter._repr_html_(), augmenter.get_params(deep=True)
        api.keys(windows())
        estimate_calls(pipeline_of(api), recordings())
        api.synthesize(windows()[:0])
        SynthefyAugmenter(api, train_on="real").fit(windows())
        SynthefyAugmenter(api, n_synthetic=0).fit(windows())
    assert server.n_connections == 0
    assert not store.exists()


# Checked before anything is sent

IDS = ["..", ".", "", "a/b", "a\\b", "%2e%2e", "a%2fb", "a\n", "\na", "a\nb", "a b", "a?b", "a#b"]
IDS += ["-a", "~a", ".hidden", "ä", "a;b", "a:b", "a@b", "\uff11", None, 3]


@pytest.mark.parametrize("which", ["user_id", "dataset_name", "training_job_id"])
@pytest.mark.parametrize("name", IDS)
def test_an_id_that_could_lead_elsewhere_is_refused(which: str, name: Any, store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store).set_params(**{which: name})
        with pytest.raises(ValueError, match=which):
            buy(api)
    assert server.n_connections == 0


@pytest.mark.parametrize("name", ["a", "0", "user-1", "ppg_hr", "a.b..c", "A~b", "x" * 200])
def test_an_id_may_contain_letters_digits_and_a_few_signs(name: str, store: Path) -> None:
    with FaultServer() as server:
        buy(api_of(server, store).set_params(user_id=name))
    assert server.requests[0].path.startswith(f"/api/synthesis/{name}/ppg_hr/")


@pytest.mark.parametrize(
    "base_url",
    [
        "http://prod.synthefy.com",
        "http://127.0.0.1.evil.com:{port}",
        "http://127.0.0.1@evil.com",
        "http://localhost.evil.com",
        "http://evil.com/127.0.0.1",
        "http://evil.com#127.0.0.1",
        "http://128.0.0.1",
        "http://127.999.0.1",
        "http://0.0.0.0:{port}",
        "http://[::]:{port}",
        "http://10.0.0.1",
        "ftp://127.0.0.1:{port}",
        "//127.0.0.1:{port}",
        "127.0.0.1:{port}",
        "http://127.0.0.1:{port}/?x=",
        "http://127.0.0.1:{port}?",
        "http://127.0.0.1:{port}#",
        "http://me:pass@127.0.0.1:{port}",
        "http://127.0.0.1:{port}\n",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "https://xn--zzzz--.invalid",
        "https://",
        "",
        None,
    ],
)
def test_a_base_url_that_would_expose_the_key_is_refused(base_url: str | None, store: Path) -> None:
    with FaultServer() as server:
        given = base_url and base_url.format(port=server.port)
        with pytest.raises(ValueError, match="base_url") as caught:
            buy(api_of(server, store).set_params(base_url=given))
    assert "pass@" not in str(caught.value)
    assert server.n_connections == 0


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1",
        "http://127.1.2.3:80",
        "http://localhost",
        "HTTP://LOCALHOST:1/",
        "http://[::1]:8",
    ]
    + ["https://prod.synthefy.com", "https://prod.synthefy.com/some/where/"],
)
def test_this_machine_and_https_are_accepted(base_url: str, store: Path) -> None:
    assert len(api_of(base_url, store).keys(windows())) == 16


def test_a_slash_at_the_end_of_base_url_changes_nothing(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        buy(api)
        buy(clone(api).set_params(base_url=server.url + "/"))
    assert len(server.requests) == 1
    assert "//" not in server.requests[0].path


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"max_concurrency": 0}, "max_concurrency=0"),
        ({"max_concurrency": 1.5}, "max_concurrency=1.5"),
        ({"max_concurrency": True}, "max_concurrency=True"),
        ({"max_retries": -1}, "max_retries=-1"),
        ({"max_new_windows": -1}, "max_new_windows=-1"),
        ({"timeout": 0}, "timeout=0"),
        ({"timeout": float("inf")}, "timeout=inf"),
        ({"timeout": float("nan")}, "timeout=nan"),
        ({"timeout": "5"}, "timeout='5'"),
        ({"timeout": None}, "timeout=None"),
        ({"columns": ["heartrate"]}, "'heart_rate'"),
        ({"columns": []}, "columns="),
        ({"columns": "subject"}, "columns="),
        ({"constraints": {"BVP": {"least": 1}}}, "'least'"),
        ({"constraints": {"BPV": {"min": 1}}}, "'BVP'"),
    ],
)
def test_an_invalid_parameter_is_refused(params: dict[str, Any], says: str, store: Path) -> None:
    with FaultServer() as server, pytest.raises(ValueError, match=says):
        buy(api_of(server, store, **params))
    assert server.n_connections == 0


@pytest.mark.parametrize(
    ("name", "values", "says"),
    [
        ("BVP", [np.inf] * SIZE, "'BVP' holds infinity"),
        ("dose", [np.nan] * SIZE, "'dose' has no value at all"),
        ("dose", [-np.inf] + [0.0] * (SIZE - 1), "'dose' holds infinity"),
        ("note", [None] * SIZE, "'note' has no value at all"),
    ],
)
def test_one_invalid_window_of_many_is_refused_before_any_is_sent(
    name: str, values: list[Any], says: str, store: Path
) -> None:
    table = recordings(n_subjects=1).assign(dose=1.5, note="x").astype({"note": object})
    table.loc[len(table) - SIZE :, name] = pd.Series(values, index=table.index[-SIZE:])
    windower = SubjectWindower(SIZE, features=list(CHANNELS), target="heart_rate", missing="keep")
    with FaultServer() as server, pytest.raises(ValueError, match=says):
        buy(api_of(server, store), 8, of=windower.fit_transform(table))
    assert server.n_connections == 0


def test_windows_without_context_cannot_be_conditions(store: Path) -> None:
    bare = Windows.from_arrays(np.zeros((2, SIZE, 2)), y=[60, 61], feature_names=CHANNELS)
    with FaultServer() as server, pytest.raises(ValueError, match="SubjectWindower"):
        buy(api_of(server, store), of=bare)
    assert server.n_connections == 0


def test_a_store_that_cannot_be_written_is_noticed_before_anything_is_sent(store: Path) -> None:
    store.write_text("a file")
    with FaultServer() as server, pytest.raises(OSError, match="store"):
        buy(api_of(server, store))
    assert server.n_connections == 0


# Labels


def test_the_label_of_a_synthetic_window_is_that_of_its_condition(store: Path) -> None:
    with FaultServer() as server:
        synthetic = buy(api_of(server, store), 4)
    sent = [np.mean(list(r.columns["heart_rate"].values())) for r in server.requests]
    assert synthetic.y.tolist() == sent
    assert synthetic.is_synthetic.all()


def test_a_variation_of_the_target_changes_the_label_and_the_request(store: Path) -> None:
    assert SynthefyAPI.supports_variations
    with FaultServer() as server:
        api = api_of(server, store)
        plain = buy(api, 3)
        raised = buy(api, 3, variations=[{"heart_rate": ("add", 10)}, {"activity": 2}])
    assert len(server.requests) == 9
    assert_array_equal(raised.y, [*(plain.y + 10), *plain.y])
    sent = [np.mean(list(r.columns["heart_rate"].values())) for r in server.requests]
    assert_array_equal(sent, [*plain.y, *(plain.y + 10), *plain.y])
    assert column(server, "activity") == [{0, 1, 2}] * 6 + [{2}] * 3


# Windows that fail


def failing(*numbers: int, otherwise: Step | None = None, code: int = 500) -> Step:
    """Fail the requests with these numbers."""

    def step(exchange: Exchange) -> None:
        if exchange.number in numbers:
            exchange.answer(code, headers={"Retry-After": "0"})
        else:
            (otherwise or window())(exchange)

    return step


@pytest.mark.parametrize("numbers", [(1,), (3,), (6,), (1, 2), (2, 3), (1, 3, 5), (1, 2, 4, 5)])
def test_a_failed_window_does_not_stop_the_others(numbers: tuple[int, ...], store: Path) -> None:
    with FaultServer(failing(*numbers)) as server:
        api = api_of(server, store)
        with pytest.raises(ServerError) as caught:
            buy(api, 6)
        assert len(server.requests) == 6
        assert len(WindowStore(store)) == 6 - len(numbers)
        plural = "s" if len(numbers) > 1 else ""
        says = f"{len(numbers)} window{plural} failed, {6 - len(numbers)} of 6 are stored now"
        assert says in str(caught.value)
        failed = [server.requests[number - 1].body for number in numbers]
        # A rerun requests only those that failed.
        assert len(buy(api, 6)) == 6
    assert [request.body for request in server.requests[6:]] == failed


@pytest.mark.parametrize("max_retries", [0, 2])
def test_three_failures_in_a_row_end_the_fit(max_retries: int, store: Path) -> None:
    with FaultServer(window(), status(500, Retry_After="0")) as server:
        with pytest.raises(ServerError, match="3 windows failed, 1 of 10 are stored now"):
            buy(api_of(server, store, max_retries=max_retries), 10)
        assert len(server.requests) == 1 + 3 * (max_retries + 1)


def test_the_next_fits_try_a_single_request_until_one_succeeds(store: Path) -> None:
    # The first eleven requests fail, the thirteenth once, and so does everything after the 22nd.
    fails = failing(*range(1, 12), 13, *range(23, 99))
    with FaultServer(fails) as server:
        api = api_of(server, store, max_retries=2)
        n_sent = []
        for _ in range(3):
            with pytest.raises(ServerError):
                buy(api, 10)
            n_sent.append(len(server.requests))
        assert n_sent == [9, 10, 11]
        # The twelfth succeeds: the fit goes on, with retries.
        assert len(buy(api, 10)) == 10
        assert len(server.requests) == 22
        # The count starts over: again it takes three windows in a row.
        with pytest.raises(ServerError):
            buy(api, 16)
        assert len(server.requests) == 22 + 9


def test_a_success_resets_the_count_of_failures_in_a_row(store: Path) -> None:
    bad, good = status(500, Retry_After="0"), window()
    with FaultServer(bad, bad, bad, good, bad, bad, good, bad, bad, bad) as server:
        api = api_of(server, store)
        for n in (3, 10):
            with pytest.raises(ServerError):
                buy(api, 10)
            assert len(server.requests) == n


def test_a_failing_address_does_not_slow_down_another(store: Path) -> None:
    with FaultServer(status(500, Retry_After="0")) as server:
        for _ in range(2):
            with pytest.raises(ServerError):
                buy(api_of(server, store), 5)
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("step", "kind"),
    [(status(404), RequestRejected), (ok(b"<html>"), BadResponse), (status(502), OutcomeUnknown)],
)
def test_three_failures_of_any_kind_in_a_row_end_the_fit(
    step: Step, kind: type[SynthefyError], store: Path
) -> None:
    with FaultServer(step) as server:
        with pytest.raises(kind):
            buy(api_of(server, store, max_retries=2), 10)
        assert len(server.requests) == 3


def test_windows_that_may_have_been_billed_are_counted(store: Path) -> None:
    step = failing(2, 5, otherwise=failing(3, code=404), code=504)
    with FaultServer(step) as server, pytest.raises(OutcomeUnknown) as caught:
        buy(api_of(server, store), 6)
    assert caught.value.windows_at_risk == 2
    assert caught.value.request_id == server.requests[1].headers["x-request-id"]
    assert "3 windows failed, 3 of 6 are stored now" in str(caught.value)
    assert "Windows that may have been billed: 2." in str(caught.value)


def test_a_rejected_key_does_not_hide_windows_that_may_have_been_billed(store: Path) -> None:
    says = "2 windows failed, .* 1 of them may have been billed"
    with (
        FaultServer(window(), status(504), status(401)) as server,
        pytest.raises(AuthenticationError, match=says),
    ):
        buy(api_of(server, store), 6)
    assert len(server.requests) == 3


def test_a_window_that_cannot_be_stored_ends_the_fit(store: Path) -> None:
    def breaks_the_store(exchange: Exchange) -> None:
        if exchange.number == 2:
            for folder in store.glob("??"):
                shutil.rmtree(folder)
            for number in range(256):
                (store / f"{number:02x}").write_text("no folder")
        window()(exchange)

    with FaultServer(breaks_the_store) as server:
        with pytest.raises(
            OSError, match=r"paid for could not be stored .*free some space"
        ) as caught:
            buy(api_of(server, store), 6)
        assert len(server.requests) == 2
    assert isinstance(caught.value.__cause__, OSError)
    assert not isinstance(caught.value, SynthefyError)


def test_the_folder_of_an_entry_is_checked_before_its_request(store: Path) -> None:
    conditions = windows()[:2]._drawn([0, 0])
    with FaultServer() as server:
        api = api_of(server, store)
        folders = [store / key[:2] for key in api.keys(conditions)]
        assert folders[0] != folders[1]
        store.mkdir()
        folders[1].write_text("not a folder")
        with pytest.raises(OSError, match=r"cannot be written .*free some space"):
            api.synthesize(conditions)
        assert len(server.requests) == 1
    assert len(WindowStore(store)) == 1


def test_windows_under_way_when_a_fit_ends_are_stored(store: Path) -> None:
    # Three at a time: one is refused while two are computed. The fit waits for these.
    def refuses_the_third(exchange: Exchange) -> None:
        if exchange.number == 3:
            exchange.server.wait_for_requests(4)
            exchange.answer(401)
            return
        if exchange.number in (2, 4):
            exchange.server.wait_for_requests(4)
            time.sleep(0.2)
        window()(exchange)

    says = "3 of 10 are stored now"
    with FaultServer(refuses_the_third) as server, pytest.raises(AuthenticationError, match=says):
        buy(api_of(server, store, max_concurrency=3), 10)
    assert len(server.requests) == 4
    assert len(WindowStore(store)) == 3


# Budget


def test_a_budget_ends_the_fit_before_it_is_exceeded(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store, max_new_windows=4)
        for n in (4, 8):
            with pytest.raises(BudgetExceeded, match="max_new_windows=4"):
                buy(api, 10)
            assert len(server.requests) == len(WindowStore(store)) == n
        assert len(buy(api, 10)) == 10
    assert len(server.requests) == 10


def test_a_sufficient_budget_changes_nothing(store: Path) -> None:
    with FaultServer() as server:
        assert len(buy(api_of(server, store, max_new_windows=5), 5)) == 5
        assert len(server.requests) == 5


def test_a_budget_holds_for_concurrent_requests(store: Path) -> None:
    with FaultServer() as server:
        with pytest.raises(BudgetExceeded):
            buy(api_of(server, store, max_new_windows=5, max_concurrency=4), 12)
        assert len(server.requests) == len(WindowStore(store)) == 5


def test_a_failure_that_is_not_billed_does_not_count(store: Path) -> None:
    with FaultServer(failing(2)) as server:
        with pytest.raises(BudgetExceeded):
            buy(api_of(server, store, max_new_windows=3), 8)
        assert len(server.requests) == 4
    assert len(WindowStore(store)) == 3


@pytest.mark.parametrize(
    "step",
    [
        status(504),
        ok(b"<html>"),
        ok(b"not gzip", Content_Encoding="gzip"),
        ok(b" " * (MAX_RESPONSE_BYTES + 1)),
        ok(b"{}", Content_Encoding="br"),
    ],
    ids=["proxy", "html", "damaged gzip", "over the cap", "another encoding"],
)
def test_a_failure_that_may_have_been_billed_counts(step: Step, store: Path) -> None:
    with FaultServer(window(), step, window()) as server:
        with pytest.raises(BudgetExceeded):
            buy(api_of(server, store, max_new_windows=3), 8)
        assert len(server.requests) == 3
    assert len(WindowStore(store)) == 2


def test_a_budget_of_zero_is_enough_for_stored_windows(store: Path) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        buy(api, 2)
        assert len(buy(api.set_params(max_new_windows=0), 2)) == 2
        with pytest.raises(BudgetExceeded):
            buy(api, 3)
        assert len(server.requests) == 2


# Several at a time


@pytest.mark.parametrize("max_concurrency", [1, 2, 3])
def test_the_first_request_is_alone_and_concurrency_is_bounded(
    max_concurrency: int, store: Path
) -> None:
    n_beside_the_first = []

    def step(exchange: Exchange) -> None:
        if exchange.number == 1:
            time.sleep(0.2)  # time for others to arrive
            n_beside_the_first.append(len(server.requests))
        elif exchange.number == 2:
            server.wait_for_requests(1 + max_concurrency)
        time.sleep(0.02)
        window()(exchange)

    with FaultServer(step) as server:
        synthetic = buy(api_of(server, store, max_concurrency=max_concurrency), 10)
    assert n_beside_the_first == [1]
    assert server.most_at_once == max_concurrency
    assert server.n_connections <= max_concurrency
    assert sorted(numbers_of(synthetic)) == list(range(1, 11))


def test_waiting_for_another_process_ends_with_the_fit(store: Path) -> None:
    conditions = windows()[:3]._drawn([0] * 3)
    with FaultServer(window(), status(401)) as server:
        api = api_of(server, store, max_concurrency=2)
        # Another process holds the lock of the second window, and does not release it.
        with (
            WindowStore(store).lock(api.keys(conditions)[1]),
            pytest.raises(AuthenticationError, match="1 of 3 are stored now"),
        ):
            api.synthesize(conditions)
    assert len(server.requests) == 2


@pytest.mark.slow
def test_a_long_wait_for_another_process_is_logged(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    conditions = windows()[:1]._drawn([0])
    with FaultServer() as server:
        api = api_of(server, store)
        lock = WindowStore(store).lock(api.keys(conditions)[0])
        lock.acquire()
        threading.Timer(6, lock.release).start()
        with caplog.at_level(logging.WARNING, logger="skaug"):
            api.synthesize(conditions)
    assert [record.getMessage() for record in caplog.records] == [
        "Waiting for other processes that are buying windows of this fit: 1 left."
    ]


def test_a_window_that_another_process_bought_meanwhile_is_not_requested(store: Path) -> None:
    conditions = windows()[:3]._drawn([0] * 3)
    elsewhere = np.full((SIZE, 2), 7.0)

    def while_the_first_is_computed(exchange: Exchange) -> None:
        WindowStore(store).put(api.keys(conditions)[1], elsewhere)
        window()(exchange)

    with FaultServer(while_the_first_is_computed, window()) as server:
        api = api_of(server, store)
        synthetic = api.synthesize(conditions)
    assert len(server.requests) == 2
    assert_array_equal(synthetic.to_numpy()[1], elsewhere)


def test_answers_out_of_order_are_matched_to_their_requests(store: Path) -> None:
    def slower_at_first(exchange: Exchange) -> None:
        time.sleep(0.1 / exchange.number)
        window()(exchange)

    with FaultServer(slower_at_first) as server:
        synthetic = buy(api_of(server, store, max_concurrency=4), 8)
    by_label = {
        np.mean(list(request.columns["heart_rate"].values())): number
        for number, request in enumerate(server.requests, 1)
    }
    assert numbers_of(synthetic) == [by_label[label] for label in synthetic.y]


def test_requests_are_made_one_by_one_until_one_succeeds(store: Path) -> None:
    with FaultServer(status(500), status(500), held(window())) as server:
        server.let_go.set()
        with pytest.raises(ServerError):
            buy(api_of(server, store, max_concurrency=3), 8)
        assert len(server.requests) == 8


# In notebooks and workers


def test_a_fit_inside_a_running_event_loop_works(store: Path) -> None:
    async def cell_of_a_notebook(api: SynthefyAPI) -> Windows:
        return buy(api, 3)

    with FaultServer() as server:
        assert len(asyncio.run(cell_of_a_notebook(api_of(server, store)))) == 3
        with pytest.raises(RequestRejected), FaultServer(status(404)) as other:
            asyncio.run(cell_of_a_notebook(api_of(other, store)))


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.slow
def test_cross_validation_in_parallel_pays_every_window_once(backend: str, store: Path) -> None:
    table = recordings(n_subjects=4)
    get_reusable_executor().shutdown(wait=True)  # workers of another test have no API key
    with FaultServer() as server:
        api = api_of(server, store)
        pipe = pipeline_of(api, None, 0.5)
        estimate = estimate_calls(pipe, table, cv=SubjectKFold(4))
        with joblib.parallel_config(backend=backend, n_jobs=2):
            together = cross_validate(pipe, table, cv=SubjectKFold(4))
        assert len(server.requests) == estimate.new == estimate.distinct
        one_by_one = cross_validate(pipe, table, cv=SubjectKFold(4))
        assert len(server.requests) == estimate.new
        assert_array_equal(together["test_score"], one_by_one["test_score"])
        # Errors of workers keep their type.
        with FaultServer(status(401)) as other, joblib.parallel_config(backend=backend, n_jobs=2):
            refused = pipeline_of(api_of(other, store))
            with pytest.raises(AuthenticationError) as caught:
                cross_validate(refused, table, cv=SubjectKFold(4), error_score="raise")
    assert caught.value.status == 401
    assert KEY not in "".join(_everything(caught.value))


def _everything(error: BaseException | None) -> list[str]:
    if error is None:
        return []
    own = [str(error), repr(error), repr(error.args), repr(error.__dict__)]
    return own + _everything(error.__cause__) + _everything(error.__context__)


def test_a_search_at_a_failing_service_sends_few_requests(store: Path) -> None:
    table = recordings(n_subjects=4, n_windows=4)
    with FaultServer(status(500, Retry_After="0")) as server:
        pipe = pipeline_of(api_of(server, store, max_retries=2))
        grid = {
            "synthefyaugmenter__train_on": ["real", "real+synthetic", "synthetic"],
            "synthefyaugmenter__n_synthetic": [4, 6, 8],
        }
        search = GridSearchCV(pipe, grid, cv=SubjectKFold(4), error_score=np.nan)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            search.fit(table)
    assert FitFailedWarning in {warning.category for warning in warned}
    # 24 of the fits need windows: the first one retries, the others send one request each.
    assert len(server.requests) == 9 + 23
    assert search.best_params_["synthefyaugmenter__train_on"] == "real"
    assert KEY not in str(search.cv_results_)
    assert KEY not in "".join(str(warning.message) for warning in warned)
    assert np.isnan(search.cv_results_["mean_test_score"]).sum() == 6


# The key


def test_a_cache_on_disk_does_not_hold_the_key(store: Path, tmp_path: Path) -> None:
    table = recordings()
    cache = tmp_path / "cache"
    with FaultServer() as server:
        pipe = pipeline_of(api_of(server, store), memory=joblib.Memory(cache, verbose=0))
        pipe.fit(table)
        clone(pipe).fit(table)
        assert len(server.requests) == 4
    files = [path for folder in (cache, store) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".pkl" for path in files)
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


def test_no_representation_or_pickle_holds_the_key(store: Path) -> None:
    with FaultServer() as server:
        pipe = pipeline_of(api_of(server, store)).fit(recordings())
    augmenter = pipe[1]
    for thing in (pipe, augmenter, augmenter.synthesizer, augmenter.synthesizer_):
        texts = [repr(thing), str(thing), thing._repr_html_(), str(thing.get_params(deep=True))]
        assert not [text for text in texts if KEY in text]
        pickled = pickle.dumps(thing)
        assert KEY.encode() not in pickled
        assert repr(pickle.loads(pickled)) == repr(thing)
    assert "SYNTHEFY_API_KEY" not in repr(augmenter)


def test_clones_and_pickles_are_equal(store: Path) -> None:
    options = {
        "columns": ["subject"],
        "constraints": {"BVP": {"min": 0.0}},
        "timeout": 7,
        "max_new_windows": 3,
    }
    api = api_of("https://prod.synthefy.com", store, **options)
    for copied in (clone(api), pickle.loads(pickle.dumps(api))):
        assert copied.get_params() == api.get_params()
        assert repr(copied) == repr(api)
        assert copied.keys(windows()) == api.keys(windows())
        assert joblib.hash(copied) == joblib.hash(api)
    assert "max_new_windows=3" in repr(api)
    assert clone(api.set_params(store=WindowStore(store))).store.path == store


# Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer() as server:
        api = api_of(server, store)
        buy(api, 2)
        monkeypatch.setattr(sys, "stderr", terminal := Terminal())
        buy(api, 5)
    assert "5/5" in terminal.getvalue()
    assert "2 from the store" in terminal.getvalue()


def test_nothing_is_printed_without_a_terminal(
    store: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with FaultServer(status(503, Retry_After="0"), window()) as server:
        buy(api_of(server, store, max_retries=1), 5)
    with pytest.raises(RequestRejected), FaultServer(status(404)) as server:
        buy(api_of(server, store))
    assert capfd.readouterr() == ("", "")


def test_failures_are_logged_under_the_name_of_the_library(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="skaug")
    script = [status(503, Retry_After="0"), status(404), window()]
    with FaultServer(*script) as server, pytest.raises(RequestRejected):
        buy(api_of(server, store, max_retries=1), 2)
    ours = [record for record in caplog.records if record.name.startswith("skaug.")]
    assert ["Attempt 1 failed" in ours[0].getMessage(), "A window failed" in ours[1].getMessage()]
    assert server.requests[0].headers["x-request-id"] in ours[0].getMessage()


# Ctrl-C

CHILD = """
from pathlib import Path
from fault_server import api_of, buy
buy(api_of({url!r}, Path({store!r}), max_concurrency={n}, max_retries=3, timeout=60), 10)
"""


def start(server: FaultServer, store: Path, n: int = 1) -> subprocess.Popen[str]:
    script = CHILD.format(url=server.url, store=str(store), n=n)
    folders = [Path(skaug.__file__).parents[1], Path(__file__).parent]
    paths = [*map(str, folders), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "SYNTHEFY_API_KEY": KEY}
    command = [sys.executable, "-c", script]
    return subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)


needs_signals = pytest.mark.skipif(os.name == "nt", reason="sends SIGINT to a process")


@pytest.mark.slow
@needs_signals
def test_the_first_ctrl_c_waits_for_the_requests_under_way_and_stores_the_windows(
    store: Path,
) -> None:
    def step(exchange: Exchange) -> None:
        if exchange.number > 1:
            exchange.hold()
        window()(exchange)

    with FaultServer(step) as server, start(server, store, n=3) as child:
        server.wait_for_requests(4)
        child.send_signal(signal.SIGINT)
        first_line = child.stderr.readline()
        assert child.poll() is None
        server.let_go.set()
        rest = child.stderr.read()
        assert child.wait(60) not in (0, 1)
    assert "waiting for the requests under way" in first_line
    assert rest.rstrip().endswith("KeyboardInterrupt")
    assert len(server.requests) == len(WindowStore(store)) == 4
    assert KEY not in first_line + rest


@pytest.mark.slow
@needs_signals
def test_after_the_first_ctrl_c_no_request_is_sent_again(store: Path) -> None:
    with FaultServer(window(), status(503, Retry_After="100")) as server:
        with start(server, store) as child:
            server.wait_for_requests(2)
            time.sleep(0.2)  # now it waits for its second attempt
            child.send_signal(signal.SIGINT)
            assert child.stderr.read().rstrip().endswith("KeyboardInterrupt")
            child.wait(60)
        assert len(server.requests) == 2
    assert len(WindowStore(store)) == 1


@pytest.mark.slow
@needs_signals
def test_the_second_ctrl_c_stops_at_once(store: Path) -> None:
    with FaultServer(window(), Exchange.hold) as server, start(server, store) as child:
        server.wait_for_requests(2)
        child.send_signal(signal.SIGINT)
        assert "under way" in child.stderr.readline()
        child.send_signal(signal.SIGINT)
        assert child.stderr.read().rstrip().endswith("KeyboardInterrupt")
        child.wait(60)
        assert server.n_finished == 1  # the other one is still held
        assert len(server.requests) == 2
    assert len(WindowStore(store)) == 1


# In a pipeline


def test_a_pipeline_is_fitted_with_the_windows_of_the_service(store: Path) -> None:
    table = recordings()
    with FaultServer() as server:
        pipe = pipeline_of(api_of(server, store), 10).fit(table)
        predicted = pipe.predict(table)
    assert len(server.requests) == 10
    assert pipe[1].n_synthetic_ == 10
    assert predicted.shape == (16,)
    assert json.loads(server.requests[0].body).keys() == {*table.columns}
