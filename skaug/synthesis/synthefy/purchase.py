"""Buying the windows that are not stored yet: each is paid for once, and stored before the next."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf

import anyio
import anyio.from_thread
import anyio.to_thread
import numpy as np
from filelock import Timeout
from numpy.typing import NDArray
from tqdm.auto import tqdm

from skaug.synthesis.synthefy.client import Client, Service
from skaug.synthesis.synthefy.connection import connect
from skaug.synthesis.synthefy.errors import (
    AuthenticationError,
    BadResponse,
    BudgetExceeded,
    OutcomeUnknown,
    RateLimited,
    SynthefyError,
)
from skaug.synthesis.synthefy.requests import Requests
from skaug.synthesis.synthefy.store import WindowStore
from skaug.synthesis.synthefy.wire import decode

logger = logging.getLogger(__name__)

_MAX_FAILURES_IN_A_ROW = 3
_LOCK_POLL_SECONDS = 0.05
_SILENT_WAIT_SECONDS = 5.0

# Addresses at which a fit of this process ended with failures in a row. A search goes on to its next
# fit nevertheless (scikit-learn's error_score=nan): that fit may try a single request.
_failing: set[str] = set()


@dataclass(repr=False)
class Purchase:
    """The windows that one fit buys.

    Parameters
    ----------
    requests : Requests
        The requests of the fit, stored ones included.
    store : WindowStore
        Where bought windows go.
    service : Service
        How the service is reached.
    max_new_windows : int or None
        The most windows to pay for.
    """

    requests: Requests
    store: WindowStore
    service: Service
    max_new_windows: int | None
    bought: dict[str, NDArray] = field(default_factory=dict, init=False)
    failures: list[SynthefyError] = field(default_factory=list, init=False)
    n_paid: int = field(default=0, init=False)
    n_in_a_row: int = field(default=0, init=False)
    n_locked_in_a_row: int = field(default=0, init=False)
    locked_since: float = field(default=inf, init=False)
    is_stopped: bool = field(default=False, init=False)
    fatal: Exception | None = field(default=None, init=False)

    def run(self, missing: Sequence[str]) -> dict[str, NDArray]:
        """Buy windows, and store each before the next is requested.

        The requests run on an event loop in a thread of its own, so that this works in a notebook and in
        a worker as well. The first Ctrl-C waits for the requests under way.

        Parameters
        ----------
        missing : sequence of str
            The keys of these windows.

        Returns
        -------
        dict
            Key -> samples of shape (window_size, n_features).

        Raises
        ------
        SynthefyError
            If windows failed.
        OSError
            If one could not be stored.
        """
        first = {key: position for position, key in reversed(list(enumerate(self.requests.keys)))}
        n_stored = len(first) - len(missing)
        bar = tqdm(total=len(first), initial=n_stored, unit="window", disable=None)
        bar.set_postfix_str(f"{n_stored} from the store")
        queue = deque((key, first[key]) for key in missing)
        with bar, anyio.from_thread.start_blocking_portal() as portal:
            task = portal.start_task_soon(self._buy_all, queue, bar)
            try:
                task.result()
            except KeyboardInterrupt:
                self.is_stopped = True
                logger.warning(
                    "Stopping: waiting for the requests under way, to store the windows."
                )
                task.result()
                raise
        if self.fatal is not None or self.failures:
            raise self._final_error(len(missing))
        return self.bought

    async def _buy_all(self, queue: deque[tuple[str, int]], bar: tqdm) -> None:
        service, url = self.service, self.service.url
        async with connect(url, service.max_concurrency, service.timeout) as http:
            client = Client(http, service, is_stopped=lambda: self.is_stopped)
            cautious = client
            if url in _failing:
                cautious = replace(client, service=replace(service, max_retries=0))
                self.n_in_a_row = _MAX_FAILURES_IN_A_ROW - 1
            # One request alone first: the service may have to load the model.
            while queue and not self.is_stopped and not self.bought:
                await self._buy_next(cautious, queue, bar)

            async def worker() -> None:
                while queue and not self.is_stopped:
                    await self._buy_next(client, queue, bar)

            async with anyio.create_task_group() as group:
                for _ in range(min(service.max_concurrency, len(queue))):
                    group.start_soon(worker)

    async def _buy_next(self, client: Client, queue: deque[tuple[str, int]], bar: tqdm) -> None:
        """Buy the next window. If another process is buying it, put it back, to look again later.

        Errors are noted instead of raised, because other requests are under way.
        """
        key, position = queue.popleft()
        try:
            lock = self.store.lock(key)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                queue.append((key, position))
                await self._wait_for_locks(len(queue))
                return
            self.n_locked_in_a_row = 0
            try:
                window = self.store.get(key)  # another process may have paid meanwhile
                if window is None:
                    self.store.check_writable(key)
                    window = await self._request(client, self.requests.body(position))
                    # In a thread: flushing to the disk must not hold up the other requests.
                    await anyio.to_thread.run_sync(self._put, key, window)
                    _failing.discard(self.service.url)
            finally:
                lock.release()
        except SynthefyError as error:
            self._note(error, position)
        except Exception as error:
            self.is_stopped = True
            self.fatal = self.fatal or error
        else:
            self.bought[key] = window
            self.n_in_a_row = 0
            bar.update()

    async def _wait_for_locks(self, n_left: int) -> None:
        """Wait if other processes are buying all that is left."""
        self.n_locked_in_a_row += 1
        if self.n_locked_in_a_row == 1:
            self.locked_since = anyio.current_time()
        if self.n_locked_in_a_row >= n_left:
            await anyio.sleep(_LOCK_POLL_SECONDS)
        if anyio.current_time() - self.locked_since > _SILENT_WAIT_SECONDS:
            self.locked_since = inf  # said once
            logger.warning(
                "Waiting for other processes that are buying windows of this fit: %d left.", n_left
            )

    async def _request(self, client: Client, body: bytes) -> NDArray:
        most = self.max_new_windows
        if most is not None and self.n_paid >= most:
            raise BudgetExceeded(
                f"max_new_windows={most} windows were paid for in this fit, and the next one would exceed "
                "that. They are stored: raise max_new_windows, or request fewer windows (see "
                "skaug.synthesis.estimate_calls)."
            )
        self.n_paid += 1
        try:
            answer = await client.post(body)
        except SynthefyError as error:
            if not isinstance(error, OutcomeUnknown | BadResponse):  # these are, or may be, billed
                self.n_paid -= 1
            raise
        conditions = self.requests.conditions
        try:
            return decode(answer.content, conditions.window_size, conditions.feature_names)
        except BadResponse as error:
            error.status, error.request_id, error.attempts = 200, answer.request_id, answer.attempts
            raise

    def _put(self, key: str, window: NDArray) -> None:
        try:
            self.store.put(key, window)
        except OSError as error:
            raise OSError(
                f"A window that was paid for could not be stored in {str(self.store.folder)!r} "
                f"({error.strerror or error}), so no further one was requested: free some space, and call "
                "fit again. Windows paid for before are stored."
            ) from error

    def _note(self, error: SynthefyError, position: int) -> None:
        origin = self.requests.conditions[position : position + 1].origins.iloc[0]
        subject = origin["subject"]
        error.subject = subject.item() if isinstance(subject, np.generic) else subject
        error.first_row = int(origin["first_row"])
        # Without the traceback, because its variables hold the request and the windows.
        self.failures.append(error.with_traceback(None))
        self.n_in_a_row += 1
        logger.info("A window failed: %s", error)
        if isinstance(error, AuthenticationError | BudgetExceeded | RateLimited):
            self.fatal = self.fatal or error
            self.is_stopped = True
        elif self.n_in_a_row >= _MAX_FAILURES_IN_A_ROW:
            _failing.add(self.service.url)
            self.is_stopped = True

    def _final_error(self, n_missing: int) -> Exception:
        """Return the error to raise: the one that ended the fit, or else one of unknown outcome."""
        unknown = [error for error in self.failures if isinstance(error, OutcomeUnknown)]
        error = self.fatal or (unknown or self.failures)[0]
        if not isinstance(error, SynthefyError):
            return error
        if not isinstance(error, BudgetExceeded):
            n_failed = len(self.failures)
            error.message += (
                f" {n_failed} window{'s' if n_failed > 1 else ''} failed, {len(self.bought)} of {n_missing} "
                "are stored now."
            )
        if isinstance(error, OutcomeUnknown):
            error.windows_at_risk = len(unknown)
        elif unknown:
            error.message += (
                f" {len(unknown)} of them may have been billed, because their outcome is unknown."
            )
        return error
