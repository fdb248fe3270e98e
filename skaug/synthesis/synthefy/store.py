"""Paid windows on disk: each one is asked for once, and is never lost."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import platformdirs
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from skaug._files import file_lock, make_private_folder, whole_file

logger = logging.getLogger(__name__)

FORMAT = 1
_MAGIC = b"skaug window 1\n"


class WindowStore:
    """A folder of paid windows, shared by folds, grid points, reruns and processes.

    An entry is found by what was asked for: the SHA-256 of format version, address, exact request and
    number of the draw. It is written to a temporary file, flushed to the disk and renamed, so that it
    is there whole or not at all, also after a crash; a checksum inside tells damage. A lock per entry,
    which the system releases when a process dies, keeps two processes from paying for one window.

    Parameters
    ----------
    path : str or Path, optional
        The folder. By default what the environment variable ``SKAUG_STORE`` says, or ``windows`` in
        the user's cache folder. It is made where it does not exist, for this user alone.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skaug.synthesis import WindowStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = WindowStore(folder)
    ...     key = store.key("https://example.org/stream", b"{}", draw=0)
    ...     store.put(key, np.zeros((512, 2)))
    ...     len(store), store.get(key).shape
    (1, (512, 2))
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = None if path is None else Path(path)

    @property
    def folder(self) -> Path:
        """The folder, wherever it was chosen."""
        if self.path is not None:
            return self.path.expanduser()
        chosen = os.environ.get("SKAUG_STORE")
        return (
            Path(chosen).expanduser()
            if chosen
            else platformdirs.user_cache_path("skaug") / "windows"
        )

    @staticmethod
    def key(url: str, body: bytes, draw: int) -> str:
        """Give the name of the entry for a request.

        Parameters
        ----------
        url : str
            The address that the request is sent to.
        body : bytes
            Its exact body.
        draw : int
            How often the same is asked for before: the service is stochastic.

        Returns
        -------
        str of 64 hexadecimal digits
        """
        digest = hashlib.sha256()
        for part in (str(FORMAT).encode(), url.encode(), body, str(int(draw)).encode()):
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.hexdigest()

    def get(self, key: str) -> NDArray[np.float64] | None:
        """Read an entry.

        Parameters
        ----------
        key : str
            As given by `key`.

        Returns
        -------
        ndarray of shape (window_size, n_features), or None
            None if there is none, or if it is damaged: then it is put aside, and may be asked for again.
        """
        try:
            window = _unpack(self._path(key).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        if window is None:
            self._put_aside(key)
        return window

    def put(self, key: str, window: NDArray[np.float64]) -> None:
        """Write an entry, and return when it is on the disk.

        Parameters
        ----------
        key : str
            As given by `key`.
        window : ndarray of shape (window_size, n_features)
            The synthetic samples.

        Raises
        ------
        OSError
            If it cannot be written. Nothing half-written is left.
        """
        path, content = self._path(key), _pack(window)
        make_private_folder(path.parent)
        with whole_file(path, mode=0o600) as file:
            file.write(content)

    def lock(self, key: str) -> FileLock:
        """Give the one lock of an entry, among all processes that use this folder.

        Parameters
        ----------
        key : str
            As given by `key`.

        Returns
        -------
        FileLock
            Not acquired yet. The system releases it when its holder dies.

        Raises
        ------
        OSError
            As `check_writable` does.
        """
        name = self._path(key).stem
        with self._explaining():
            return self._lock(name)

    def check_writable(self) -> None:
        """Raise unless an entry can be locked and written: to be called before anything is paid for.

        Raises
        ------
        OSError
            Names the folder, and says what to do.
        """
        with self._explaining():
            make_private_folder(self.folder)
            with contextlib.suppress(Timeout), self._lock("check").acquire(blocking=False):
                pass
            with tempfile.TemporaryFile(dir=self.folder) as file:
                file.write(b"\0" * 65536)
                file.flush()
                os.fsync(file.fileno())

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("??/*.window"))

    @property
    def nbytes(self) -> int:
        """Bytes on disk."""
        return sum(stat.st_size for _, stat in self._files("??/*.window"))

    def prune(self, older_than: timedelta | float) -> int:
        """Remove entries that were written long ago, and what killed processes left.

        Parameters
        ----------
        older_than : timedelta or float
            Their age, at least; a number is in days.

        Returns
        -------
        int
            How many entries were removed.
        """
        age = older_than if isinstance(older_than, timedelta) else timedelta(days=older_than)
        before = time.time() - age.total_seconds()
        removed = 0
        for path, stat in self._files("??/*.window"):
            if stat.st_mtime < before:
                path.unlink(missing_ok=True)
                removed += 1
        for path, stat in [*self._files("??/.*.part"), *self._files("damaged/*")]:
            if stat.st_mtime < min(before, time.time() - 3600):  # younger ones may be in the making
                path.unlink(missing_ok=True)
        for path, stat in self._files("locks/*.lock"):
            if stat.st_mtime < before:  # of its making: the lock may be held now
                with contextlib.suppress(OSError), self._lock(path.stem).acquire(blocking=False):
                    path.unlink()
        return removed

    def __repr__(self) -> str:
        return "WindowStore()" if self.path is None else f"WindowStore({str(self.path)!r})"

    def _path(self, key: str) -> Path:
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            raise ValueError(f"{key!r} is no key of an entry: make one with WindowStore.key(...).")
        return self.folder / key[:2] / f"{key}.window"

    def _files(self, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
        for path in list(self.folder.glob(pattern)):
            with contextlib.suppress(FileNotFoundError):  # another process removed it
                yield path, path.stat()

    def _lock(self, name: str) -> FileLock:
        folder = self.folder / "locks"
        make_private_folder(folder)
        return file_lock(folder / f"{name}.lock")

    @contextlib.contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                f"The window store {str(self.folder)!r} cannot be written ({error.strerror or error}), so "
                "that paid windows would be lost: free some space, or choose another folder with "
                "WindowStore(path) or SKAUG_STORE."
            ) from error

    def _put_aside(self, key: str) -> None:
        """Move a damaged entry away, unless another has replaced it meanwhile, or is about to."""
        path, folder = self._path(key), self.folder / "damaged"
        # OSError: the lock is held, or this is a folder that may only be read. The entry stays, as none.
        with contextlib.suppress(OSError), self.lock(key).acquire(blocking=False):
            if _unpack(path.read_bytes()) is None:
                make_private_folder(folder)
                aside = folder / f"{path.name}.{time.time_ns()}"
                os.replace(path, aside)
                logger.warning("A stored window is damaged and was put aside: %s", aside)


def _pack(window: NDArray[np.float64]) -> bytes:
    values = np.ascontiguousarray(window, dtype="<f8")
    content = struct.pack("<2Q", *values.shape) + values.tobytes()
    return _MAGIC + hashlib.sha256(content).digest() + content


def _unpack(content: bytes) -> NDArray[np.float64] | None:
    # Not numpy's .npy: it parses its header with `ast`, which Python 3.11 cannot do in two threads at once
    # (SystemError, python/cpython#106905).
    start = len(_MAGIC) + 32
    digest, rest = content[len(_MAGIC) : start], content[start:]
    if not content.startswith(_MAGIC) or hashlib.sha256(rest).digest() != digest or len(rest) < 16:
        return None
    n_rows, n_features = struct.unpack_from("<2Q", rest)
    if len(rest) != 16 + 8 * n_rows * n_features:
        return None
    values = np.frombuffer(rest, dtype="<f8", offset=16).reshape(n_rows, n_features)
    return values.astype(np.float64)
