"""Paid windows on disk: each one is requested once, and never lost."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
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

from skaug._checks import is_finite_number
from skaug._files import file_lock, make_private_folder, whole_file

logger = logging.getLogger(__name__)

FORMAT = 1
_MAGIC = b"skaug window 1\n"


class WindowStore:
    """A folder of paid windows, shared by folds, grid points, reruns and processes.

    The key of an entry is the SHA-256 of format version, address, exact request and number of the draw.
    An entry is written to a temporary file, flushed to disk and renamed, so that it is complete or absent,
    even after a crash; a checksum of key and samples reveals a damaged entry, or one that belongs to another
    key. A lock per entry, which the system releases when a process dies, keeps two processes from paying for
    one window.

    Parameters
    ----------
    path : str or Path, optional
        The folder. By default the value of the environment variable ``SKAUG_STORE``, or ``windows`` in
        the user's cache folder. If it does not exist, it is made for this user alone.

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
        """The folder, from `path`, the environment or the default."""
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
        """Return the key of the entry for a request.

        Parameters
        ----------
        url : str
            The address that the request is sent to.
        body : bytes
            Its exact body.
        draw : int
            How many windows of the same request come before: the service is stochastic.

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
            A result of `key`.

        Returns
        -------
        ndarray of shape (window_size, n_features), or None
            None if there is no entry, or a damaged one, which is set aside: request the window again.

        Raises
        ------
        OSError
            If the entry cannot be read, or is not a file.
        """
        content = self._read(key)
        if content is None:
            return None
        window = _unpack(key, content)
        if window is None:
            self._put_aside(key)
        return window

    def put(self, key: str, window: NDArray[np.float64]) -> None:
        """Write an entry, and return when it is on disk.

        Parameters
        ----------
        key : str
            A result of `key`.
        window : ndarray of shape (window_size, n_features)
            The synthetic samples.

        Raises
        ------
        ValueError
            If `window` is not 2-D, or empty.
        OSError
            If it cannot be written. No incomplete file is left.
        """
        path, content = self._path(key), _pack(key, window)
        make_private_folder(path.parent)
        with whole_file(path, mode=0o600) as file:
            file.write(content)

    def lock(self, key: str) -> FileLock:
        """Return the lock of an entry, which all processes that use this folder share.

        Parameters
        ----------
        key : str
            A result of `key`.

        Returns
        -------
        FileLock
            Not acquired yet. The system releases it when its holder dies.

        Raises
        ------
        OSError
            As in `check_writable`.
        """
        name = self._path(key).stem
        with self._unwritable():
            return self._lock(name)

    def check_writable(self, key: str | None = None) -> None:
        """Raise unless entries can be locked and written. Call this before anything is paid for.

        Parameters
        ----------
        key : str, optional
            A result of `key`. The folder of its entry is checked in place of the folder of the store.

        Raises
        ------
        OSError
            Names the folder and the remedy.
        """
        folder = self.folder if key is None else self._path(key).parent
        with self._unwritable():
            make_private_folder(folder)
            with contextlib.suppress(Timeout), self._lock("check").acquire(blocking=False):
                pass
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"\0" * 65536)
                file.flush()
                os.fsync(file.fileno())

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("??/*.window"))

    @property
    def nbytes(self) -> int:
        """Size of the entries on disk, in bytes."""
        return sum(status.st_size for _, status in self._files("??/*.window"))

    def prune(self, older_than: timedelta | float) -> int:
        """Remove old entries, and files that killed processes left.

        Parameters
        ----------
        older_than : timedelta or float
            The least age of entries to remove; a number is in days.

        Returns
        -------
        int
            Number of entries removed.

        Raises
        ------
        ValueError
            If the age is not finite.
        """
        days = older_than / timedelta(days=1) if isinstance(older_than, timedelta) else older_than
        if not is_finite_number(days):
            raise ValueError(f"older_than={older_than!r} must be a timedelta or a number of days.")
        before = time.time() - 86_400 * days
        removed = 0
        for path, status in self._files("??/*.window"):
            if status.st_mtime < before:
                path.unlink(missing_ok=True)
                removed += 1
        for path, status in [*self._files("??/.*.part"), *self._files("damaged/*")]:
            if status.st_mtime < min(before, time.time() - 3600):  # younger ones may be in use
                path.unlink(missing_ok=True)
        for path, status in self._files("locks/*.lock"):
            if status.st_mtime < before:  # when it was made: the lock may be held now
                with contextlib.suppress(OSError), self._lock(path.stem).acquire(blocking=False):
                    path.unlink()
        return removed

    def __repr__(self) -> str:
        return "WindowStore()" if self.path is None else f"WindowStore({str(self.path)!r})"

    def _path(self, key: str) -> Path:
        if len(key) != 64 or not set(key) <= set("0123456789abcdef"):
            raise ValueError(
                f"{key!r} is not a key of an entry: make one with WindowStore.key(...)."
            )
        return self.folder / key[:2] / f"{key}.window"

    def _read(self, key: str) -> bytes | None:
        path = self._path(key)
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # such as a FIFO, which would block
                raise OSError(f"{str(path)!r} is not a file: remove it from the window store.")
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _files(self, pattern: str) -> Iterator[tuple[Path, os.stat_result]]:
        for path in list(self.folder.glob(pattern)):
            with contextlib.suppress(FileNotFoundError):  # another process removed it
                yield path, path.stat()

    def _lock(self, name: str) -> FileLock:
        folder = self.folder / "locks"
        make_private_folder(folder)
        return file_lock(folder / f"{name}.lock")

    @contextlib.contextmanager
    def _unwritable(self) -> Iterator[None]:
        """Turn errors of the file system into one that names the folder and the remedy."""
        try:
            yield
        except OSError as error:
            raise OSError(
                f"The window store {str(self.folder)!r} cannot be written ({error.strerror or error}), and "
                "paid windows would be lost: free some space, or choose another folder with "
                "WindowStore(path) or SKAUG_STORE."
            ) from error

    def _put_aside(self, key: str) -> None:
        """Move a damaged entry away, unless another process has replaced it meanwhile or is about to."""
        path, folder = self._path(key), self.folder / "damaged"
        # OSError: the lock is held, or the folder is read-only. Then the entry stays, and is ignored.
        with contextlib.suppress(OSError), self.lock(key).acquire(blocking=False):
            if _unpack(key, path.read_bytes()) is None:
                make_private_folder(folder)
                aside = folder / f"{path.name}.{time.time_ns()}"
                os.replace(path, aside)
                logger.warning("A stored window is damaged and was set aside: %s", aside)


def _pack(key: str, window: NDArray[np.float64]) -> bytes:
    values = np.ascontiguousarray(window, dtype="<f8")
    if values.ndim != 2 or values.size == 0:
        raise ValueError(
            f"A window is an array of shape (window_size, n_features), got the shape {np.shape(window)}."
        )
    content = struct.pack("<2Q", *values.shape) + values.tobytes()
    return _MAGIC + hashlib.sha256(key.encode() + content).digest() + content


def _unpack(key: str, content: bytes) -> NDArray[np.float64] | None:
    # Not numpy's .npy format: it parses its header with `ast`, which Python 3.11 cannot do in two threads
    # at once (SystemError, python/cpython#106905).
    start = len(_MAGIC) + 32
    digest, rest = content[len(_MAGIC) : start], content[start:]
    if not content.startswith(_MAGIC) or len(rest) < 16:
        return None
    if hashlib.sha256(key.encode() + rest).digest() != digest:
        return None
    n_rows, n_features = struct.unpack_from("<2Q", rest)
    if not n_rows * n_features or len(rest) != 16 + 8 * n_rows * n_features:
        return None
    values = np.frombuffer(rest, dtype="<f8", offset=16).reshape(n_rows, n_features)
    return values.astype(np.float64)
