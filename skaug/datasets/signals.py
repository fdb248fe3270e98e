"""Signals of several sampling rates, as PPG-DaLiA and WESAD store them, as rows of one table."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from skaug._checks import is_finite_number
from skaug.datasets.array_pickle import StoredArray

Signal = npt.NDArray[np.float64]
#: The key of a signal in a file, its columns, its rate in Hz, and how rows follow it.
Stored = tuple[str, list[str], int, Callable[[Signal, int, Fraction], Signal]]


def as_fraction(sampling_rate: Any) -> Fraction:
    """Return a sampling rate in Hz as a fraction.

    Raises
    ------
    ValueError
        If it is not a positive fraction with a denominator up to 1000.
    """
    if is_finite_number(sampling_rate) and sampling_rate > 0:
        rate = Fraction(float(sampling_rate)).limit_denominator(1000)
        if rate and float(rate) == float(sampling_rate):
            return rate
    raise ValueError(
        f"sampling_rate={sampling_rate!r} Hz must be a positive fraction with a denominator up to 1000, "
        "which resampling needs: use a number such as 64, 12.5 or 100 / 3."
    )


def name_of_rate(rate: Fraction) -> str:
    """Return a sampling rate as part of the name of a folder."""
    return f"{rate}hz".replace("/", "_")


def resample(samples: Signal, hertz: int, rate: Fraction) -> Signal:
    """Filter and resample, without a shift in phase; each end is continued as a constant."""
    ratio = rate / hertz
    if ratio == 1:
        return samples
    start = samples[:1]
    filtered = resample_poly(
        samples - start, ratio.numerator, ratio.denominator, axis=0, padtype="edge"
    )
    return np.asarray(filtered + start, dtype=np.float64)


def hold(samples: npt.NDArray[Any], hertz: int | Fraction, rate: Fraction) -> npt.NDArray[Any]:
    """Return the latest sample at each row."""
    ratio = Fraction(hertz) / rate
    rows = np.arange(math.ceil(len(samples) / ratio))
    return samples[rows * ratio.numerator // ratio.denominator]


def read_signals(
    content: Any, signals: Iterable[Stored], rate: Fraction, dtype: npt.DTypeLike = np.float64
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Fraction]]:
    """Read signals at one rate.

    Parameters
    ----------
    content : dict
        What the file of a subject holds.
    signals : iterable of Stored
        What to read.
    rate : Fraction
        Rows per second.
    dtype : dtype, default=float64
        Of the columns. Resampling is done in float64.

    Returns
    -------
    columns : dict of {str: ndarray}
        Their lengths may differ.
    seconds : dict of {str: Fraction}
        How long the signal of each key lasts.

    Raises
    ------
    ValueError
        If a signal is missing or not of the published form; the message names its key.
    """
    columns: dict[str, npt.NDArray[Any]] = {}
    seconds: dict[str, Fraction] = {}
    for key, names, hertz, follow in signals:
        samples = read_numbers(content, key, len(names))
        seconds[key] = Fraction(len(samples), hertz)
        rows = follow(samples, hertz, rate).astype(dtype, copy=False)
        columns.update(zip(names, rows.T, strict=True))
    return columns, seconds


def count_rows(seconds: dict[str, Fraction], rate: Fraction, tolerance: int) -> int:
    """Return the number of rows that all signals cover.

    Raises
    ------
    ValueError
        If the signals end `tolerance` seconds or more apart.
    """
    shortest, longest = min(seconds, key=seconds.__getitem__), max(seconds, key=seconds.__getitem__)
    if seconds[longest] - seconds[shortest] >= tolerance:
        raise ValueError(
            f"{longest} lasts {float(seconds[longest]):g} s, {shortest} only "
            f"{float(seconds[shortest]):g} s at the published rates: one is cut short or sampled at "
            "another rate. Download the file again."
        )
    return math.ceil(seconds[shortest] * rate)


def read_numbers(content: Any, key: str, n_columns: int) -> Signal:
    """Read an array of shape (n_samples, n_columns) without gaps.

    Raises
    ------
    ValueError
        If there is no such array at the key.
    """
    value = find(content, key)
    if not isinstance(value, StoredArray):
        raise ValueError(f"{key} is {reprlib.repr(value)}, not an array.")
    try:
        array = np.atleast_1d(value.read())
        array = array[:, None] if array.ndim == 1 else array
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{key} is a damaged array ({str(error)[:200]}).") from error
    if array.dtype.kind not in "biuf" or array.shape != (len(array), n_columns) or not len(array):
        raise ValueError(
            f"{key} has shape {array.shape} of {array.dtype}, not numbers of shape "
            f"(n_samples, {n_columns})."
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{key} is NaN or infinite in {len(bad)} of {len(array)} samples, first in sample {bad[0]}."
        )
    return np.asarray(array, dtype=np.float64)


def read_answer(content: Any, key: str, kind: type) -> Any:
    """Read one text or number.

    Raises
    ------
    ValueError
        If what lies at the key is not of this kind.
    """
    value = find(content, key)
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
    words = {str: "text", int: "a whole number", float: "a number"}
    raise ValueError(f"{key} is {reprlib.repr(value)}, not {words[kind]}.")


def require_subject(content: Any, subject: str) -> None:
    """Raise unless the file names the subject that its path names.

    Raises
    ------
    ValueError
        If it names another.
    """
    named = read_answer(content, "subject", str)
    if named != subject:
        raise ValueError(f"subject is {named!r}, not {subject!r}.")


def find(content: Any, key: str) -> Any:
    """Return the value at a path of keys.

    Raises
    ------
    ValueError
        If there is none.
    """
    for part in key.split("/"):
        if not isinstance(content, dict) or part not in content:
            raise ValueError(f"there is no {key}: the file is damaged, or of another data set.")
        content = content[part]
    return content
