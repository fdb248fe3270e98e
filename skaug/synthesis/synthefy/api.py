"""Synthetic windows from the Synthefy service, each paid once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.to_thread
import numpy as np
from filelock import Timeout
from numpy.typing import NDArray
from tqdm.auto import tqdm

from skaug.synthesis.base import Synthesizer
from skaug.synthesis.synthefy.client import DEFAULT_URL, Client, connect, read_key, stream_url
from skaug.synthesis.synthefy.errors import (
    AuthenticationError,
    BadResponse,
    BudgetExceeded,
    OutcomeUnknown,
    RateLimited,
    SynthefyError,
)
from skaug.synthesis.synthefy.store import WindowStore
from skaug.synthesis.synthefy.wire import Encoder, decode
from skaug.windows.container import Windows

logger = logging.getLogger(__name__)

_MOST_FAILURES_IN_A_ROW = 3
_LOCK_POLL_SECONDS = 0.05
_ENCODED_ROWS = 1 << 15
_KEPT_BYTES = 64 * 2**20

# Addresses at which a fit of this process ended with failures in a row. A search goes on to its next
# fit all the same (scikit-learn's error_score=nan): that one may try a single request.
_failing: set[str] = set()


class SynthefyAPI(Synthesizer):
    """The stream endpoint of the Synthefy service: a synthetic window for each condition.

    Every window is on disk before it is used, and is found there by every later fold, grid point and
    run: see `WindowStore`. Nothing is sent when it is constructed, cloned, shown, pickled, or fitted with
    ``train_on="real"``, and nothing that is stored is asked for again.

    Parameters
    ----------
    user_id, dataset_name, training_job_id : str
        Whose model, of which data set, trained by which job: as on the model's page.
    base_url : str, default="https://prod.synthefy.com"
        Where the service is. Only https, except on this machine.
    api_key_env : str, default="SYNTHEFY_API_KEY"
        The environment variable that holds the API key. It is read when a request is made and kept
        nowhere.
    columns : list of str, optional
        The columns that are sent: all the model needs, and no more than may leave this machine. By default
        every channel and the whole context. Windows that are told alike are draws of one request.
    constraints : dict, optional
        Bounds that the service keeps, ``{"BVP": {"min": -300, "max": 300}, "projection": "clipping"}``;
        "strict" also knows "argmin" and "argmax".
    max_concurrency : int, default=1
        Requests at a time. A worker of the service computes one window at a time: more than it has workers
        only wait in line.
    timeout : float, default=300.0
        Seconds for a whole exchange, from connecting to the last byte.
    max_retries : int, default=2
        Further attempts where nothing can have been computed: no connection, 429, 500, 503. Where the
        outcome is unknown there is none.
    store : WindowStore, str or Path, optional
        Where paid windows are kept; ``WindowStore()`` by default.
    max_new_windows : int, optional
        The most windows that one fit may pay for. The request that would pass it is not sent.

    Examples
    --------
    >>> from skaug import SynthefyAugmenter
    >>> from skaug.synthesis import SynthefyAPI
    >>> api = SynthefyAPI("user-1", "ppg_hr", "job-1", max_new_windows=10)
    >>> augmenter = SynthefyAugmenter(api, n_synthetic=10, subjects=["S1"])
    """

    supports_variations = True

    def __init__(
        self,
        user_id: str,
        dataset_name: str,
        training_job_id: str,
        *,
        base_url: str = DEFAULT_URL,
        api_key_env: str = "SYNTHEFY_API_KEY",
        columns: Sequence[str] | None = None,
        constraints: Mapping[str, Any] | None = None,
        max_concurrency: int = 1,
        timeout: float = 300.0,
        max_retries: int = 2,
        store: WindowStore | str | Path | None = None,
        max_new_windows: int | None = None,
    ) -> None:
        self.user_id = user_id
        self.dataset_name = dataset_name
        self.training_job_id = training_job_id
        self.base_url = base_url
        self.api_key_env = api_key_env
        self.columns = columns
        self.constraints = constraints
        self.max_concurrency = max_concurrency
        self.timeout = timeout
        self.max_retries = max_retries
        self.store = store
        self.max_new_windows = max_new_windows

    def synthesize(self, conditions: Windows) -> Windows:
        """Give a synthetic window for each condition: from the store, or else from the service.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows, cut from a table: their context is what the service is told.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            Labelled with the target that was sent.

        Raises
        ------
        ValueError
            If a parameter or a window is such that the service would fail on it: before anything is sent.
        OSError
            If the store cannot be written: before anything is sent.
        SynthefyError
            If windows failed; those that did not are stored. Three failures in a row end it.
        """
        keys, bodies = [], {}
        for position, (key, body) in enumerate(self._requests(conditions)):
            keys.append(key)
            if (position + 1) * len(body) <= _KEPT_BYTES:  # the others are encoded again
                bodies[position] = body
        store = self.window_store()
        stored = {key: store.get(key) for key in dict.fromkeys(keys)}
        found = {key: window for key, window in stored.items() if window is not None}
        missing = [key for key in stored if key not in found]
        if missing:
            store.check_writable()
            read_key(self.api_key_env)
            positions = {key: position for position, key in reversed(list(enumerate(keys)))}
            wanted = [(key, positions[key]) for key in missing]
            found |= _Purchase(self, conditions, store, len(found), bodies).run(wanted)
        samples = np.array([found[key] for key in keys]).reshape(conditions.shape)
        return conditions.synthesized(samples)

    def keys(self, conditions: Windows) -> list[str]:
        """Give the key in the store of the request for each condition. Sends nothing.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)

        Returns
        -------
        list of str

        Raises
        ------
        ValueError
            If a parameter or a window is such that the service would fail on it.
        """
        return [key for key, _ in self._requests(conditions)]

    def window_store(self) -> WindowStore:
        """Give the store of paid windows.

        Returns
        -------
        WindowStore
        """
        return self.store if isinstance(self.store, WindowStore) else WindowStore(self.store)

    def _requests(self, conditions: Windows) -> Iterator[tuple[str, bytes]]:
        """Give the key and the body of the request for each condition."""
        encoder, labels = self._encoder(conditions), conditions.provenance
        # The same request is another entry where other channels are read out of its answer.
        address = f"{self._url()}#{json.dumps(conditions.feature_names)}"
        draws = np.maximum(labels.draw, 0)
        origins = np.stack([labels.codes, labels.first_row, draws], axis=1).tolist()
        asked: dict[tuple[bytes, int], list[int]] = {}
        for which, block in conditions.blocks(_ENCODED_ROWS):
            for body, origin in zip(encoder.encode(block), origins[which], strict=True):
                # Windows of which the same is told, such as the same subject and activity, are further
                # draws of one request: they must not become copies of one synthetic window.
                digest, draw = hashlib.sha256(body).digest(), origin[-1]
                while asked.setdefault((digest, draw), origin) != origin:
                    draw += 1
                yield WindowStore.key(address, body, draw), body

    def _url(self) -> str:
        return stream_url(self.base_url, self.user_id, self.dataset_name, self.training_job_id)

    def _encoder(self, conditions: Windows) -> Encoder:
        whole = {"max_concurrency": 1, "max_retries": 0, "max_new_windows": 0}
        for name, least in whole.items():
            value = getattr(self, name)
            if name == "max_new_windows" and value is None:
                continue
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise ValueError(f"{name}={value!r} must be a whole number, {least} or more.")
        if not isinstance(self.timeout, Real) or not 0 < self.timeout < np.inf:
            raise ValueError(f"timeout={self.timeout!r} must be a number of seconds above 0.")
        if not len(conditions[:1].context_rows.columns):
            raise ValueError(
                "These windows have no context, and the service synthesises what the context says (subject, "
                "target and so on): cut them from a table with SubjectWindower."
            )
        return Encoder(self.columns, self.constraints)


@dataclass(repr=False)
class _Purchase:
    """The windows of one fit that are not stored yet."""

    api: SynthefyAPI
    conditions: Windows
    store: WindowStore
    n_stored: int
    bodies: dict[int, bytes]
    wanted: list[int] = field(default_factory=list)
    bought: dict[str, NDArray] = field(default_factory=dict)
    failures: list[SynthefyError] = field(default_factory=list)
    n_paid: int = 0
    n_in_a_row: int = 0
    n_locked_in_a_row: int = 0
    is_stopped: bool = False
    fatal: Exception | None = None

    def run(self, wanted: list[tuple[str, int]]) -> dict[str, NDArray]:
        """Ask for windows, given as keys and positions, and store each before the next.

        The requests run on an event loop in a thread of its own, so that it works wherever it is called:
        in a notebook, in a worker. The first Ctrl-C waits for what is under way.
        """
        self.wanted = [position for _, position in wanted]
        bar = tqdm(
            total=self.n_stored + len(wanted), initial=self.n_stored, unit="window", disable=None
        )
        bar.set_postfix_str(f"{self.n_stored} from the store")
        with bar, anyio.from_thread.start_blocking_portal() as portal:
            task = portal.start_task_soon(self._buy_all, wanted, bar)
            try:
                task.result()
            except KeyboardInterrupt:
                self.is_stopped = True
                logger.warning(
                    "Stopping: waiting for the windows that are under way, to store them."
                )
                task.result()
                raise
        if self.fatal is not None or self.failures:
            raise self._verdict(len(wanted))
        return self.bought

    async def _buy_all(self, wanted: list[tuple[str, int]], bar: tqdm) -> None:
        url, n_concurrent = self.api._url(), int(self.api.max_concurrency)
        timeout = float(self.api.timeout)
        async with connect(url, n_concurrent, timeout) as http:
            max_retries = int(self.api.max_retries)
            client = Client(
                http,
                url,
                self.api.api_key_env,
                timeout,
                0 if url in _failing else max_retries,
                is_stopped=lambda: self.is_stopped,
            )
            if url in _failing:
                self.n_in_a_row = _MOST_FAILURES_IN_A_ROW - 1
            queue = deque(wanted)
            # One request alone first: the service may have to load the model.
            while queue and not self.is_stopped and not self.bought:
                await self._buy_next(client, queue, bar)
            client = replace(client, max_retries=max_retries)

            async def worker() -> None:
                while queue and not self.is_stopped:
                    await self._buy_next(client, queue, bar)

            async with anyio.create_task_group() as group:
                for _ in range(min(n_concurrent, len(queue))):
                    group.start_soon(worker)

    async def _buy_next(self, client: Client, queue: deque[tuple[str, int]], bar: tqdm) -> None:
        """Buy the next window, unless another process has or is about to: then look again later.

        What goes wrong is noted: others are under way.
        """
        key, position = queue.popleft()
        try:
            lock = self.store.lock(key)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                queue.append((key, position))
                self.n_locked_in_a_row += 1
                if self.n_locked_in_a_row >= len(queue):
                    await anyio.sleep(_LOCK_POLL_SECONDS)
                return
            self.n_locked_in_a_row = 0
            try:
                window = self.store.get(key)  # another process may have paid meanwhile
                if window is None:
                    window = await self._request(client, self._body(position))
                    # In a thread: flushing to the disk must not hold up the other requests.
                    await anyio.to_thread.run_sync(self._put, key, window)
                    _failing.discard(client.url)
            finally:
                lock.release()
        except SynthefyError as error:
            self._note(error, position, client.url)
        except Exception as error:
            self.is_stopped = True
            self.fatal = self.fatal or error
        else:
            self.bought[key] = window
            self.n_in_a_row = 0
            bar.update()

    async def _request(self, client: Client, body: bytes) -> NDArray:
        most = self.api.max_new_windows
        if most is not None and self.n_paid >= most:
            raise BudgetExceeded(
                f"max_new_windows={most} windows were paid for in this fit, and the next would pass it. They "
                "are stored: raise the budget, or ask for fewer (see skaug.synthesis.estimate_calls)."
            )
        self.n_paid += 1
        try:
            answer = await client.post(body)
        except SynthefyError as error:
            if not isinstance(error, OutcomeUnknown | BadResponse):  # these are, or may be, billed
                self.n_paid -= 1
            raise
        try:
            return decode(
                answer.content, self.conditions.window_size, self.conditions.feature_names
            )
        except BadResponse as error:
            error.status, error.request_id, error.attempts = 200, answer.request_id, answer.attempts
            raise

    def _put(self, key: str, window: NDArray) -> None:
        try:
            self.store.put(key, window)
        except OSError as error:
            raise OSError(
                f"A window that was paid for could not be stored in {str(self.store.folder)!r} "
                f"({error.strerror or error}), so no further one is asked for: free some space, and fit "
                "again. What was paid before is stored."
            ) from error

    def _body(self, position: int) -> bytes:
        """Give the body of a request. Bodies are made by the dozen, which is far cheaper than singly."""
        if position not in self.bodies:
            at = self.wanted.index(position)
            block = self.wanted[at : at + max(1, _ENCODED_ROWS // self.conditions.window_size)]
            encoded = self.api._encoder(self.conditions).encode(self.conditions[np.array(block)])
            self.bodies = dict(zip(block, encoded, strict=True))
        return self.bodies[position]

    def _note(self, error: SynthefyError, position: int, url: str) -> None:
        origin = self.conditions[position : position + 1].origins.iloc[0]
        subject = origin["subject"]
        error.subject = subject.item() if isinstance(subject, np.generic) else subject
        error.first_row = int(origin["first_row"])
        # Without the traceback, whose variables are the request and the windows.
        self.failures.append(error.with_traceback(None))
        self.n_in_a_row += 1
        logger.info("A window failed: %s", error)
        if isinstance(error, AuthenticationError | BudgetExceeded | RateLimited):
            self.fatal = self.fatal or error
            self.is_stopped = True
        elif self.n_in_a_row >= _MOST_FAILURES_IN_A_ROW:
            _failing.add(url)
            self.is_stopped = True

    def _verdict(self, n_wanted: int) -> Exception:
        """Give the error to raise: that which ended the fit, or a window whose outcome is unknown."""
        unknown = [error for error in self.failures if isinstance(error, OutcomeUnknown)]
        error = self.fatal or (unknown or self.failures)[0]
        if not isinstance(error, SynthefyError):
            return error
        if not isinstance(error, BudgetExceeded):
            n_failed = len(self.failures)
            error.message += (
                f" {n_failed} window{'s' if n_failed > 1 else ''} failed, {len(self.bought)} of {n_wanted} "
                "are stored now."
            )
        if isinstance(error, OutcomeUnknown):
            error.windows_at_risk = len(unknown)
        elif unknown:
            error.message += (
                f" Of {len(unknown)} the outcome is unknown: they may have been billed."
            )
        return error
