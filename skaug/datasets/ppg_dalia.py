"""The PPG-DaLiA recordings, read from the files of the archive they are published in."""

from __future__ import annotations

import io
import json
import math
import os
import re
import reprlib
import uuid
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.signal import resample_poly
from tqdm.auto import tqdm

from skaug.datasets.array_pickle import ArrayUnpickler, StoredArray

__all__ = ["load_ppg_dalia"]

Signal = npt.NDArray[np.float64]

# Of the copies: raise it whenever the same file gives another table.
_FORMAT = 1

# Bytes. A published pickle has about 1.5 GB, the published inner zip 2.9 GB.
_MAX_PICKLE, _MAX_INNER_ZIP = 4 * 2**30, 8 * 2**30

_SUBJECT_FILE = re.compile(r"(?:^|/)(S[0-9]+)/\1\.pkl$")

# Seconds. A label is the mean over 8 s, and there is one every 2 s.
_LABEL_WINDOW, _LABEL_STRIDE = 8, 2

_ANSWERS = {"WEIGHT": float, "Gender": str, "AGE": int, "HEIGHT": float, "SKIN": int, "SPORT": int}


def load_ppg_dalia(
    path: str | os.PathLike[str],
    subjects: str | Iterable[str] | None = None,
    sampling_rate: float = 64,
) -> pd.DataFrame:
    """Load PPG-DaLiA: a day of 15 people, wrist and chest, with heart rates from the ECG.

    The archive [1]_ is free to download from https://archive.ics.uci.edu/dataset/495/ppg+dalia. Its
    zip is read as it is, or its folder once unpacked, and becomes one table at one sampling rate:
    the columns of :func:`~skaug.datasets.simulate_ppg`. What was read is kept beside the data as
    parquet, from which the next call reads in seconds.

    Parameters
    ----------
    path : str or path-like
        The downloaded zip, the ``data.zip`` in it, or the folder either was unpacked to: whatever
        holds ``S1/S1.pkl``, ``S2/S2.pkl`` and so on, at any depth. Nothing is unpacked to disk.
        From the zip in the zip, reading takes longest: it has to be searched from its start.
    subjects : str or iterable of str, optional
        Whom to load, such as ``["S1", "S10"]``; only their files are read. All by default.
    sampling_rate : float, default=64
        Rows per second (Hz). A fraction such as ``100 / 3`` may have a denominator up to 1000.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, 23)
        Recordings of the subjects one below the other, S2 before S10, rows in order of time, with
        the columns

        ======================  =========================================================
        BVP                     blood volume pulse at the wrist, arbitrary units
        activity                0 transient, 1 sitting, 2 stairs, 3 table soccer,
                                4 cycling, 5 driving, 6 lunch, 7 walking, 8 working
        ACC_wrist_idx_0, 1, 2   acceleration of the wrist, g
        EDA_wrist, TEMP_wrist   electrodermal activity, uS, and skin temperature, degrees C
        ACC_chest_idx_0, 1, 2   acceleration of the chest, g
        ECG                     electrocardiogram, mV
        EMG                     electromyogram, mV; see Notes
        EDA_chest, TEMP_chest   electrodermal activity, uS, and skin temperature, degrees C;
                                see Notes
        RESP_chest              respiration, % of the range of the chest belt
        WEIGHT, HEIGHT          kg and cm
        Gender, AGE             "m" or "f", and whole years
        SKIN, SPORT             Fitzpatrick skin type and frequency of sports, each 1 to 6
        subject                 "S1", "S2", ...
        heart_rate              beats per minute, see Notes
        ======================  =========================================================

        Gender and subject are text, AGE, SKIN and SPORT int64, all other columns float64. All 15
        subjects at 64 Hz are 8.3 million rows and take 1.6 GB, twice that while they are joined.

    Raises
    ------
    FileNotFoundError
        If nothing is at `path`.
    ValueError
        If `path` is neither a folder nor a zip or holds no such files; if a subject is not among
        them; if `sampling_rate` is not positive or no such fraction; or if a file is damaged,
        larger than 4 GiB, asks for anything but numbers, text and arrays of them, or differs from
        the published form: the error says which file and where in it.

    Warns
    -----
    UserWarning
        If the copy cannot be written beside the data. The table is complete all the same.

    Notes
    -----
    *Rows*: row ``i`` of a recording shows all signals at ``i / sampling_rate`` seconds. It ends with
    the last row that all signals and a label's window cover. In the published files these end
    together; if they lie 2 s or more apart, a signal is cut short or has another rate: an error.

    *Resampled* are the signals in which the samples between two rows count: wrist BVP (64 Hz) and
    acceleration (32 Hz), chest acceleration, ECG, EMG and respiration (700 Hz). A polyphase filter
    (:func:`scipy.signal.resample_poly`) first removes what the new rate cannot hold, which would
    otherwise fold into the band of the heart rate; it shifts no phase. Its first value is set aside
    and beyond its ends a signal is taken to stay as it was, so that gravity and other offsets do not
    ring. A signal that has the asked rate already, as BVP at 64 Hz, is unchanged.

    *Held* are the others: each row shows the latest sample up to its time. Activities are codes with
    nothing in between. EDA and temperature of the wrist (4 Hz) change slowly, and interpolation
    would pretend to a resolution that the sensor lacks. EDA and temperature of the chest (700 Hz)
    have nothing fast to filter out: users of the archive report that both, and EMG, are constants
    there, as of sensors that were not worn.

    *Heart rate*: label ``k`` of a file is the mean over the seconds [2k, 2k + 8). It is given to the
    rows of the two seconds in the middle, [2k + 3, 2k + 5), so every row holds the mean over the
    8 s around it, as in :func:`~skaug.datasets.simulate_ppg`, and the mean of the column over a
    window is centred on that window. The first label also holds for the 3 s before, the last one
    for the 3 s after, to the end of its window. Of the 8 s from second 2k on, the middle row holds
    label ``k`` itself: ``target_agg=lambda rows: rows[:, rows.shape[1] // 2]``.

    *Copies* lie in a folder named after their format and sampling rate, inside `path` or next to the
    zip, one parquet file a subject. Each knows the size and the time of change of what it was made
    from; if these differ, it is made anew. The folder may be deleted at any time.

    *Safety*: pickles can in general run any code. These are read by an unpickler that knows numbers,
    text, containers and arrays of numbers or text, and nothing else.

    References
    ----------
    .. [1] Reiss, A., Indlekofer, I. and Schmidt, P., "PPG-DaLiA", UCI Machine Learning Repository
       495, 2019, doi:10.24432/C53890. Described in Reiss, A., Indlekofer, I., Schmidt, P. and
       Van Laerhoven, K., "Deep PPG: Large-Scale Heart Rate Estimation with Convolutional Neural
       Networks", Sensors 19(14):3079, 2019.

    Examples
    --------
    >>> from skaug.datasets import load_ppg_dalia
    >>> recordings = load_ppg_dalia("ppg+dalia.zip", subjects=["S1", "S2"])  # doctest: +SKIP
    """
    rate = _as_fraction(sampling_rate)
    path = Path(path)
    copies = _copies_folder(path, rate)
    recordings, failure = [], None
    with ExitStack() as stack:
        files = _choose(_find_files(path, stack), subjects, path)
        for file in tqdm(files, desc="PPG-DaLiA", unit="subject", disable=None):
            copy = copies / f"{file.subject}.parquet"
            recording = _read_copy(copy, file.stamp)
            if recording is None:
                recording = _tabulate(file, rate)
                failure = failure or _write_copy(recording, copy, file.stamp)
            recordings.append(recording)
    if failure is not None:
        warnings.warn(
            f"No copy of the table could be kept in {str(copies)!r} ({failure}): the next call will "
            "take as long as this one. Let it be written there, or keep the table yourself.",
            stacklevel=2,
        )
    return pd.concat(recordings, ignore_index=True)


def _as_fraction(sampling_rate: Any) -> Fraction:
    if isinstance(sampling_rate, Real) and 0 < float(sampling_rate) < math.inf:
        rate = Fraction(float(sampling_rate)).limit_denominator(1000)
        if rate and float(rate) == float(sampling_rate):
            return rate
    raise ValueError(
        f"sampling_rate={sampling_rate!r} Hz is no positive fraction with a denominator up to 1000, "
        "as resampling needs it: use a number such as 64, 12.5 or 100 / 3."
    )


def _copies_folder(path: Path, rate: Fraction) -> Path:
    name = f"skaug-v{_FORMAT}-{rate}hz".replace("/", "_")
    return path / name if path.is_dir() else path.with_name(f"{path.stem}-{name}")


@dataclass(frozen=True)
class _File:
    """The pickle of a subject, wherever it lies."""

    subject: str
    name: str
    size: int
    stamp: bytes  # differs once the file does
    open: Callable[[], Any]


def _find_files(path: Path, stack: ExitStack) -> list[_File]:
    if not path.exists():
        raise FileNotFoundError(
            f"Nothing is at {str(path)!r}: give the downloaded zip or a folder."
        )
    if path.is_dir():
        return _files_in_folder(path)
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
        files = _files_in_zip(archive, path, path.stat())
        within = [each for each in archive.infolist() if Path(each.filename).name == "data.zip"]
        if files or not within:
            return files
        if within[0].file_size > _MAX_INNER_ZIP:
            raise ValueError(f"{within[0].filename!r} in {str(path)!r} would unpack to over 8 GiB.")
        stream = stack.enter_context(archive.open(within[0]))
        archive = stack.enter_context(zipfile.ZipFile(stream))
        return _files_in_zip(archive, path / within[0].filename, path.stat())
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ValueError(
            f"{str(path)!r} is neither a folder nor a zip that can be read ({error}): an interrupted "
            "download ends like this. Load it again."
        ) from error


def _files_in_folder(folder: Path) -> list[_File]:
    files = []
    for path in folder.rglob("S*.pkl"):
        if _SUBJECT_FILE.search(path.absolute().as_posix()) and path.is_file():
            seen = path.stat()
            stamp = json.dumps([seen.st_size, seen.st_mtime_ns]).encode()
            reader = partial(open, path, "rb", buffering=0)
            files.append(_File(path.stem, str(path), seen.st_size, stamp, reader))
    return files


def _files_in_zip(archive: zipfile.ZipFile, path: Path, seen: os.stat_result) -> list[_File]:
    files = []
    for member in archive.infolist():
        if match := _SUBJECT_FILE.search(member.filename):
            state = [seen.st_size, seen.st_mtime_ns, member.filename, member.CRC]
            stamp, name = json.dumps(state).encode(), str(path / member.filename)
            reader = partial(archive.open, member)
            files.append(_File(match[1], name, member.file_size, stamp, reader))
    return files


def _choose(files: list[_File], subjects: str | Iterable[str] | None, path: Path) -> list[_File]:
    files = sorted(files, key=lambda file: int(file.subject[1:]))
    names = [file.subject for file in files]
    if not files:
        raise ValueError(
            f"{str(path)!r} holds no S1/S1.pkl, S2/S2.pkl and so on: give the zip from "
            "https://archive.ics.uci.edu/dataset/495/ppg+dalia, or the folder it was unpacked to."
        )
    for file, after in pairwise(files):
        if file.subject == after.subject:
            raise ValueError(f"Two files are {file.subject}: {file.name!r} and {after.name!r}.")
    wanted = [subjects] if isinstance(subjects, str) else names if subjects is None else [*subjects]
    missing = [name for name in wanted if name not in names]
    if missing or not wanted:
        raise ValueError(
            f"subjects={wanted!r}: "
            + (f"there is no {missing[0]!r}" if missing else "nobody")
            + f" among those in {str(path)!r}, which are {', '.join(names)}."
        )
    return [file for file in files if file.subject in wanted]


def _read_copy(copy: Path, stamp: bytes) -> pd.DataFrame | None:
    try:
        with pq.ParquetFile(copy) as parquet:
            if (parquet.schema_arrow.metadata or {}).get(b"skaug") == stamp:
                return parquet.read().to_pandas()
    except (OSError, pa.ArrowException):  # not there yet, or damaged
        pass
    return None


def _write_copy(recording: pd.DataFrame, copy: Path, stamp: bytes) -> OSError | None:
    table = pa.Table.from_pandas(recording, preserve_index=False)
    # Written aside and renamed, so that nobody ever reads half a copy.
    aside = copy.with_name(f"{copy.name}.{uuid.uuid4().hex}.tmp")
    try:
        copy.parent.mkdir(exist_ok=True)
        pq.write_table(table.replace_schema_metadata({b"skaug": stamp}), aside)
        aside.replace(copy)
    except OSError as error:
        return error
    finally:
        with suppress(OSError):  # renamed already, or never written
            aside.unlink()
    return None


def _tabulate(file: _File, rate: Fraction) -> pd.DataFrame:
    content = _unpickle(file)
    subject = _answer(content, "subject", str, file)
    if subject != file.subject:
        raise ValueError(f"{file.name!r}: subject is {subject!r}, not {file.subject!r}.")
    columns: dict[str, Any] = {}
    seconds: dict[str, Fraction] = {}
    for key, names, hertz, follow in _SIGNALS:
        samples = _numbers(content, key, len(names), file)
        seconds[key] = Fraction(len(samples), hertz)
        columns.update(zip(names, follow(samples, hertz, rate).T, strict=True))
    labels = _numbers(content, "label", 1, file)[:, 0]
    seconds["label"] = Fraction(_LABEL_WINDOW + _LABEL_STRIDE * (len(labels) - 1))
    shortest, longest = min(seconds, key=seconds.__getitem__), max(seconds, key=seconds.__getitem__)
    if seconds[longest] - seconds[shortest] >= _LABEL_STRIDE:
        raise ValueError(
            f"{file.name!r}: {longest} lasts {float(seconds[longest]):g} s, {shortest} only "
            f"{float(seconds[shortest]):g} s at the published rates: one is cut short or sampled at "
            "another rate. Load the file again."
        )
    rows = np.arange(math.ceil(seconds[shortest] * rate))
    columns = {name: values[: len(rows)] for name, values in columns.items()}
    for name, kind in _ANSWERS.items():
        columns[name] = _answer(content, f"questionnaire/{name}", kind, file)
    columns["subject"] = file.subject
    # The rows from 3 s after the start of a window on are its middle; in whole numbers, exactly.
    middle = (rows * rate.denominator - 3 * rate.numerator) // (_LABEL_STRIDE * rate.numerator)
    columns["heart_rate"] = labels[middle.clip(0, len(labels) - 1)]
    return pd.DataFrame(columns)


def _resample(samples: Signal, hertz: int, rate: Fraction) -> Signal:
    ratio = rate / hertz
    if ratio == 1:
        return samples
    start = samples[:1]
    filtered = resample_poly(
        samples - start, ratio.numerator, ratio.denominator, axis=0, padtype="edge"
    )
    return np.asarray(filtered + start, dtype=np.float64)


def _hold(samples: Signal, hertz: int, rate: Fraction) -> Signal:
    rows = np.arange(math.ceil(len(samples) * rate / hertz))
    return samples[rows * (hertz * rate.denominator) // rate.numerator]


# What each signal is called in a file, its columns, its rate in Hz, and how rows follow it.
_SIGNALS = (
    ("signal/wrist/BVP", ["BVP"], 64, _resample),
    ("activity", ["activity"], 4, _hold),
    ("signal/wrist/ACC", [f"ACC_wrist_idx_{axis}" for axis in range(3)], 32, _resample),
    ("signal/wrist/EDA", ["EDA_wrist"], 4, _hold),
    ("signal/wrist/TEMP", ["TEMP_wrist"], 4, _hold),
    ("signal/chest/ACC", [f"ACC_chest_idx_{axis}" for axis in range(3)], 700, _resample),
    ("signal/chest/ECG", ["ECG"], 700, _resample),
    ("signal/chest/EMG", ["EMG"], 700, _resample),
    ("signal/chest/EDA", ["EDA_chest"], 700, _hold),
    ("signal/chest/Temp", ["TEMP_chest"], 700, _hold),
    ("signal/chest/Resp", ["RESP_chest"], 700, _resample),
)


def _numbers(content: Any, key: str, n_columns: int, file: _File) -> Signal:
    """Read an array of shape (n_samples, n_columns) without gaps."""
    value = _find(content, key, file)
    if not isinstance(value, StoredArray):
        raise ValueError(f"{file.name!r}: {key} is {reprlib.repr(value)}, not an array.")
    try:
        array = np.atleast_1d(value.read())
        array = array[:, None] if array.ndim == 1 else array
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{file.name!r}: {key} is a damaged array ({error}).") from error
    if array.dtype.kind not in "biuf" or array.shape != (len(array), n_columns) or not len(array):
        raise ValueError(
            f"{file.name!r}: {key} has shape {array.shape} of {array.dtype}, not numbers of shape "
            f"(n_samples, {n_columns})."
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{file.name!r}: {key} is NaN or infinite in {len(bad)} of {len(array)} samples, first "
            f"in sample {bad[0]}."
        )
    return np.asarray(array, dtype=np.float64)


def _answer(content: Any, key: str, kind: type, file: _File) -> Any:
    value = _find(content, key, file)
    try:
        value = value.read().item() if isinstance(value, StoredArray) else value
        if kind is str:
            text = (value.decode("latin1") if isinstance(value, bytes) else value).strip()
            if text:
                return text
        elif math.isfinite(float(value)) and kind(float(value)) == float(value):
            return kind(float(value))
    except (AttributeError, OverflowError, TypeError, ValueError):
        pass
    words = {str: "a text", int: "a whole number", float: "a number"}
    raise ValueError(f"{file.name!r}: {key} is {reprlib.repr(value)}, not {words[kind]}.")


def _find(content: Any, key: str, file: _File) -> Any:
    for part in key.split("/"):
        if not isinstance(content, dict) or part not in content:
            raise ValueError(f"{file.name!r} has no {key}: it is no file of PPG-DaLiA, or damaged.")
        content = content[part]
    return content


def _unpickle(file: _File) -> Any:
    if file.size > _MAX_PICKLE:
        raise ValueError(f"{file.name!r} has {file.size} bytes, the published about 1.5e9.")
    try:
        with file.open() as raw, io.BufferedReader(raw, 2**20) as stream:
            return ArrayUnpickler(stream, encoding="latin1").load()
    except OSError:
        raise
    except Exception as error:  # a damaged length may also ask for more memory than there is
        raise ValueError(
            f"{file.name!r} cannot be read ({error or type(error).__name__}): it is cut short, "
            "damaged, or no file of PPG-DaLiA. Load it again from its source."
        ) from error
