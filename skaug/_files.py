"""Files that are complete or absent, and locks that end with the process that holds them."""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

#: Suffix of the temporary file while a file is being written. Its name begins with a dot.
PART_SUFFIX = ".part"


@contextlib.contextmanager
def whole_file(path: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file for writing that appears at its path once it is complete and on disk.

    Parameters
    ----------
    path : Path
        The path of the file. Its folder must exist.
    mode : int, default=0o666
        Permissions, from which the umask is subtracted.

    Yields
    ------
    file
        A temporary file in the same folder, opened for writing bytes.

    Raises
    ------
    OSError
        If it cannot be written; the error names `path`. No incomplete file is left.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}{PART_SUFFIX}")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _BINARY, mode)
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename in (None, str(part)):
            error.filename = str(path)  # the error of a full disk names no file
        raise
    flush_folder(path.parent)


_BINARY = getattr(os, "O_BINARY", 0)  # Windows


def require_writable(path: Path) -> None:
    """Raise unless a file can be written at a path; nothing stays there.

    Call it before a long computation whose result goes to the file.

    Raises
    ------
    OSError
        If `path` is not the path of a file, its folder does not exist, or nothing can be written there.
    """
    if path.exists() and not path.is_file():
        raise IsADirectoryError(f"{str(path)!r} is not a file: name a file to write to.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder for {str(path)!r}: make it first.")
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent):
            pass
        if path.exists():
            path.open("ab").close()
    except OSError as error:
        raise OSError(
            f"{str(path)!r} cannot be written ({error.strerror}): choose another place."
        ) from error


def make_private_folder(folder: Path) -> None:
    """Make a folder and its parents, readable by this user only, and flush them to disk."""
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        flush_folder(folder.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder, so that renames in it survive a power cut, if the system can do so."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_lock(path: Path) -> FileLock:
    """Return a lock, not acquired yet, that all processes share that use this file.

    The system releases it when its holder dies. On a file system without such locks, acquiring it is an
    error: a lock that outlives its holder would block every later run.
    """
    return FileLock(path, thread_local=False, fallback_to_soft=False)
