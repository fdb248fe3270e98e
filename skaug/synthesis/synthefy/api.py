"""Synthetic windows from the Synthefy service, each paid once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skaug._checks import is_finite_number, require_whole_number
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.synthefy.client import Service
from skaug.synthesis.synthefy.connection import DEFAULT_URL, read_key, stream_url
from skaug.synthesis.synthefy.purchase import Purchase
from skaug.synthesis.synthefy.requests import Requests
from skaug.synthesis.synthefy.store import WindowStore
from skaug.synthesis.synthefy.wire import Encoder
from skaug.synthesis.variations import refuse_edits_except
from skaug.windows.container import Windows
from skaug.windows.provenance import Target


class SynthefyAPI(Synthesizer):
    """Synthetic windows from the Synthefy service: one request per window, at its stream endpoint.

    Every window is on disk before it is used, and every later fold, grid point and run finds it there:
    see `WindowStore`. Constructing, cloning, showing or pickling this object sends nothing, nor does a
    fit with ``train_on="real"``, and a stored window is never requested again.

    Parameters
    ----------
    user_id, dataset_name, training_job_id : str
        The owner of the model, the data set it was trained on, and the training job: copy them from the
        page of the model.
    base_url : str, default="https://prod.synthefy.com"
        Where the service is. Only https, except on this machine.
    api_key_env : str, default="SYNTHEFY_API_KEY"
        The environment variable that holds the API key. It is read when a request is made, and the key
        is kept nowhere.
    columns : list of str, optional
        The columns to send: all that the model needs, and no more than may leave this machine. By
        default every channel and the whole context. Windows whose requests are identical count as
        further draws of one request.
    constraints : dict, optional
        Bounds that the service respects, ``{"BVP": {"min": -300, "max": 300}, "projection":
        "clipping"}``; "strict" also knows "argmin" and "argmax".
    max_concurrency : int, default=1
        Requests at a time. A worker of the service computes one window at a time: requests beyond the
        number of workers only wait in line.
    timeout : float, default=300.0
        Seconds for a whole exchange, from connecting to the last byte.
    max_retries : int, default=2
        Further attempts where nothing can have been computed: no connection, 429, 500, 503. If the
        outcome is unknown, the request is not sent again.
    store : WindowStore, str or Path, optional
        Where paid windows are kept; ``WindowStore()`` by default.
    max_new_windows : int, optional
        The most windows that one fit may pay for. A request that would exceed it is not sent.

    See Also
    --------
    estimate_calls : Count the windows of an experiment before anything is sent.
    skaug.server.running : A local service with the same interface, to try things out.

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

    def check_edited(self, columns: Collection[str], target: Target) -> None:
        """Raise if an edited column is not among those that are sent.

        Parameters
        ----------
        columns : collection of str
            The edited columns.
        target : str, tuple of str, or None
            The column, or columns, of the labels.

        Raises
        ------
        ValueError
            Names the column.
        """
        if self.columns is not None:
            refuse_edits_except(self.columns, columns, "SynthefyAPI", "add it to columns")

    def synthesize(self, conditions: Windows) -> Windows:
        """Return a synthetic window for each condition, from the store or else from the service.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows, cut from a table: their context is sent to the service.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With the labels of the conditions, computed from the target that was sent.

        Raises
        ------
        ValueError
            If the service would fail on a parameter or a window: before anything is sent.
        OSError
            If the store cannot be written: before anything is sent.
        SynthefyError
            If windows failed; the others are stored. Three failures in a row end the fit.
        """
        service, requests = self._service(), self._requests(conditions)
        store = self.window_store()
        found = {key: store.get(key) for key in dict.fromkeys(requests.keys)}
        missing = [key for key, window in found.items() if window is None]
        if missing:
            store.check_writable()
            read_key(self.api_key_env)
            purchase = Purchase(requests, store, service, self.max_new_windows)
            found |= purchase.run(missing)
        samples = np.array([found[key] for key in requests.keys]).reshape(conditions.shape)
        return conditions.synthesized(samples)

    def keys(self, conditions: Windows) -> list[str]:
        """Return the key in the store of the request for each condition. Nothing is sent.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows, cut from a table.

        Returns
        -------
        list of str

        Raises
        ------
        ValueError
            If the service would fail on a parameter or a window.
        """
        return self._requests(conditions).keys

    def window_store(self) -> WindowStore:
        """Return the store of paid windows.

        Returns
        -------
        WindowStore
        """
        return self.store if isinstance(self.store, WindowStore) else WindowStore(self.store)

    def _requests(self, conditions: Windows) -> Requests:
        url = self._service().url
        if not len(conditions[:1].context_rows.columns):
            raise ValueError(
                "These windows have no context, and the service synthesizes what the context says (subject, "
                "target and so on): cut them from a table with SubjectWindower."
            )
        return Requests(conditions, Encoder(self.columns, self.constraints), url)

    def _service(self) -> Service:
        """Return how the service is reached, from parameters that are checked."""
        if self.max_new_windows is not None:
            require_whole_number("max_new_windows", self.max_new_windows, 0)
        if not is_finite_number(self.timeout) or self.timeout <= 0:
            raise ValueError(f"timeout={self.timeout!r} must be a number of seconds above 0.")
        return Service(
            stream_url(self.base_url, self.user_id, self.dataset_name, self.training_job_id),
            self.api_key_env,
            float(self.timeout),
            require_whole_number("max_retries", self.max_retries, 0),
            require_whole_number("max_concurrency", self.max_concurrency, 1),
        )
