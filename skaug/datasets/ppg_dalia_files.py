"""The file of each PPG-DaLiA subject: in a folder, a zip, or a zip in a zip."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from skaug.datasets.array_pickle import ArrayUnpickler

# Bytes. A published pickle has about 1.5 GB, the published inner zip 2.9 GB.
_MAX_PICKLE, _MAX_INNER_ZIP = 4 * 2**30, 8 * 2**30

_PATH = re.compile(r"(?:^|/)(S[0-9]+)/\1\.pkl$")


@dataclass(frozen=True)
class SubjectFile:
    """The pickle of a subject.

    Parameters
    ----------
    subject : str
        Such as ``"S1"``.
    name : str
        The path of the file, through zips too.
    size : int
        Bytes, unpacked.
    stamp : bytes
        Differs once the file does.
    open : callable
        Opens the file for reading bytes.
    """

    subject: str
    name: str
    size: int
    stamp: bytes
    open: Callable[[], Any]

    def read(self) -> Any:
        """Return what the pickle holds: numbers, text, containers and stand-ins for arrays.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is larger than any published file, damaged, or not a pickle of arrays.
        """
        if self.size > _MAX_PICKLE:
            raise ValueError(
                f"the file has {self.size} bytes, where published files have about 1.5e9."
            )
        try:
            with self.open() as raw, io.BufferedReader(raw, 2**20) as stream:
                return ArrayUnpickler(stream, encoding="latin1").load()
        except OSError:
            raise
        except Exception as error:  # a damaged length may also request more memory than there is
            raise ValueError(
                f"the file cannot be read ({str(error)[:200] or type(error).__name__}): it is cut short, "
                "damaged, or not a file of PPG-DaLiA. Download it again."
            ) from error


def find_files(path: Path, stack: ExitStack) -> list[SubjectFile]:
    """Find the files ``S1/S1.pkl``, ``S2/S2.pkl`` and so on, at any depth.

    Parameters
    ----------
    path : Path
        A folder, a zip of one, or a zip with a ``data.zip`` in it.
    stack : ExitStack
        Closes the zips; the files can be opened until then.

    Returns
    -------
    list of SubjectFile

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `path` is neither a folder nor a zip.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file or folder {str(path)!r}: pass the downloaded zip or its folder."
        )
    if path.is_dir():
        return _files_in_folder(path)
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        files = _files_in_zip(archive, path, path.stat())
        inner = [each for each in archive.infolist() if Path(each.filename).name == "data.zip"]
        if files or not inner:
            return files
        if inner[0].file_size > _MAX_INNER_ZIP:
            raise ValueError(f"{inner[0].filename!r} in {str(path)!r} would unpack to over 8 GiB.")
        stream = stack.enter_context(archive.open(inner[0]))
        archive = stack.enter_context(zipfile.ZipFile(stream))
        return _files_in_zip(archive, path / inner[0].filename, path.stat())
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(
            f"{str(path)!r} is neither a folder nor a readable zip ({error}), such as after an interrupted "
            "download: download it again."
        ) from error


def _files_in_folder(folder: Path) -> list[SubjectFile]:
    files = []
    for path in folder.rglob("S*.pkl"):
        if _PATH.search(path.absolute().as_posix()) and path.is_file():
            seen = path.stat()
            stamp = json.dumps([seen.st_size, seen.st_mtime_ns]).encode()
            reader = partial(open, path, "rb", buffering=0)
            files.append(SubjectFile(path.stem, str(path), seen.st_size, stamp, reader))
    return files


def _files_in_zip(archive: zipfile.ZipFile, path: Path, seen: os.stat_result) -> list[SubjectFile]:
    files = []
    for member in archive.infolist():
        if match := _PATH.search(member.filename):
            state = [seen.st_size, seen.st_mtime_ns, member.filename, member.CRC]
            stamp, name = json.dumps(state).encode(), str(path / member.filename)
            reader = partial(archive.open, member)
            files.append(SubjectFile(match[1], name, member.file_size, stamp, reader))
    return files
