"""The files of a published data set: in a folder, a zip, or a zip in a zip."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

Content = TypeVar("Content")

# Bytes. The largest published inner zip, that of PPG-DaLiA, has 2.9 GB.
_MAX_INNER_ZIP = 8 * 2**30


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Parameters
    ----------
    parts : dict
        What the groups of the pattern of the data set matched, such as ``{"subject": "S1"}``.
    name : str
        The path of the file, through zips too.
    size : int
        Bytes, unpacked.
    stamp : bytes
        Differs once the file does.
    open : callable
        Opens the file for reading bytes.
    """

    parts: dict[str, str]
    name: str
    size: int
    stamp: bytes
    open: Callable[[], Any]

    @property
    def subject(self) -> str:
        """The subject in the name of the file."""
        return self.parts["subject"]


@dataclass(frozen=True)
class DataSet:
    """The names of the files of a data set, and where to get them.

    Parameters
    ----------
    name : str
        The name of the data set.
    pattern : re.Pattern
        Finds the end of the path of a file, with a group ``subject`` and, if a subject has several files,
        further groups that distinguish them.
    example : str
        Names of files, for messages.
    origin : str
        What to pass instead, for messages: such as "the zip from https://...".
    largest : int
        Bytes: larger files are not opened.
    inner_zip : str or None, default=None
        The name of the zip in the published zip that holds the files.
    """

    name: str
    pattern: re.Pattern[str]
    example: str
    origin: str
    largest: int = 4 * 2**30
    inner_zip: str | None = None

    def find(self, path: Path, stack: ExitStack) -> list[DataFile]:
        """Find the files of the data set, at any depth.

        Parameters
        ----------
        path : Path
            A folder, a zip of one, or a zip with the inner zip in it.
        stack : ExitStack
            Closes the zips; the files can be opened until then.

        Returns
        -------
        list of DataFile

        Raises
        ------
        FileNotFoundError
            If `path` does not exist.
        ValueError
            If `path` is neither a folder nor a zip, or there are no such files in it.
        """
        if not path.exists():
            raise FileNotFoundError(
                f"There is no file or folder {str(path)!r}: pass the downloaded zip or its folder."
            )
        files = self._in_folder(path) if path.is_dir() else self._in_zips(path, stack)
        if not files:
            raise ValueError(
                f"There is no {self.example} in {str(path)!r}: pass {self.origin} or the folder it was "
                "unpacked to."
            )
        return files

    def choose(
        self, files: list[DataFile], subjects: str | Iterable[str] | None, path: Path
    ) -> list[DataFile]:
        """Return the files of some subjects, or of all (None), in natural order: S2 before S10.

        Raises
        ------
        ValueError
            If a subject has no file, or two files have the same parts.
        """
        files = sorted(files, key=_order)
        for file, after in pairwise(files):
            if file.parts == after.parts:
                which = ", ".join(f"{key} {value}" for key, value in file.parts.items())
                raise ValueError(
                    f"There are two files of {which}, {file.name!r} and {after.name!r}: remove one, or pass "
                    "a folder inside."
                )
        names = list(dict.fromkeys(file.subject for file in files))
        is_one = isinstance(subjects, str) or not isinstance(subjects, Iterable)
        wanted = names if subjects is None else [subjects] if is_one else [*subjects]
        missing = [name for name in wanted if name not in names]
        if missing or not wanted:
            raise ValueError(
                f"subjects={wanted!r} "
                + (f"names {missing[0]!r}, which is not" if missing else "names none")
                + f" among the subjects in {str(path)!r}: choose from {', '.join(map(repr, names))}."
            )
        return [file for file in files if file.subject in wanted]

    def read(self, file: DataFile, parse: Callable[[Any], Content]) -> Content:
        """Return what `parse` makes of the opened file.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is larger than any published file, or `parse` fails.
        """
        if file.size > self.largest:
            raise ValueError(
                f"the file has {file.size} bytes, more than any published file: it is not a file of "
                f"{self.name}."
            )
        try:
            with file.open() as raw, io.BufferedReader(raw, 2**20) as stream:
                return parse(stream)
        except OSError:
            raise
        except Exception as error:  # a damaged length may also request more memory than there is
            raise ValueError(
                f"the file cannot be read ({str(error)[:200] or type(error).__name__}): it is cut short, "
                f"damaged, or not a file of {self.name}. Download it again."
            ) from error

    def _in_folder(self, folder: Path) -> list[DataFile]:
        files = []
        for path in folder.rglob("*"):
            match = self.pattern.search(path.absolute().as_posix())
            if match and path.is_file():
                seen = path.stat()
                stamp = json.dumps([seen.st_size, seen.st_mtime_ns]).encode()
                reader = partial(open, path, "rb", buffering=0)
                files.append(DataFile(match.groupdict(), str(path), seen.st_size, stamp, reader))
        return files

    def _in_zips(self, path: Path, stack: ExitStack) -> list[DataFile]:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            files = self._in_zip(archive, path, path.stat())
            inner = [
                each for each in archive.infolist() if Path(each.filename).name == self.inner_zip
            ]
            if files or not inner:
                return files
            if inner[0].file_size > _MAX_INNER_ZIP:
                raise ValueError(
                    f"{inner[0].filename!r} in {str(path)!r} would unpack to over 8 GiB."
                )
            stream = stack.enter_context(archive.open(inner[0]))
            archive = stack.enter_context(zipfile.ZipFile(stream))
            return self._in_zip(archive, path / inner[0].filename, path.stat())
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise ValueError(
                f"{str(path)!r} is neither a folder nor a readable zip ({error}), such as after an "
                "interrupted download: download it again."
            ) from error

    def _in_zip(self, archive: zipfile.ZipFile, path: Path, seen: os.stat_result) -> list[DataFile]:
        files = []
        for member in archive.infolist():
            if match := self.pattern.search(member.filename):
                state = [seen.st_size, seen.st_mtime_ns, member.filename, member.CRC]
                stamp, name = json.dumps(state).encode(), str(path / member.filename)
                reader = partial(archive.open, member)
                files.append(DataFile(match.groupdict(), name, member.file_size, stamp, reader))
        return files


def _order(file: DataFile) -> list[list[str | int]]:
    return [_natural(name) for name in (file.subject, *file.parts.values())]


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split("([0-9]+)", name)]
