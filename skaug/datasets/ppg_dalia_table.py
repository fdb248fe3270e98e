"""The table of one PPG-DaLiA subject, built from the contents of the subject's file."""

from __future__ import annotations

import math
import reprlib
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.signal import resample_poly

from skaug.datasets.array_pickle import StoredArray

Signal = npt.NDArray[np.float64]

# Seconds. A label is the mean over 8 s, and there is one every 2 s.
_LABEL_WINDOW, _LABEL_STRIDE = 8, 2

_ANSWERS = {"WEIGHT": float, "Gender": str, "AGE": int, "HEIGHT": float, "SKIN": int, "SPORT": int}


def tabulate(content: Any, subject: str, rate: Fraction) -> pd.DataFrame:
    """Bring signals, labels and answers of a subject to one sampling rate.

    Parameters
    ----------
    content : dict
        What the subject's file holds.
    subject : str
        The subject that the file must name.
    rate : Fraction
        Rows per second.

    Returns
    -------
    DataFrame of shape (n_rows, 23)

    Raises
    ------
    ValueError
        If the content differs from the published form; the message names the key.
    """
    named = _answer(content, "subject", str)
    if named != subject:
        raise ValueError(f"subject is {named!r}, not {subject!r}.")
    columns: dict[str, Any] = {}
    seconds: dict[str, Fraction] = {}
    for key, names, hertz, follow in _SIGNALS:
        samples = _numbers(content, key, len(names))
        seconds[key] = Fraction(len(samples), hertz)
        columns.update(zip(names, follow(samples, hertz, rate).T, strict=True))
    labels = _numbers(content, "label", 1)[:, 0]
    seconds["label"] = Fraction(_LABEL_WINDOW + _LABEL_STRIDE * (len(labels) - 1))
    shortest, longest = min(seconds, key=seconds.__getitem__), max(seconds, key=seconds.__getitem__)
    if seconds[longest] - seconds[shortest] >= _LABEL_STRIDE:
        raise ValueError(
            f"{longest} lasts {float(seconds[longest]):g} s, {shortest} only "
            f"{float(seconds[shortest]):g} s at the published rates: one is cut short or sampled at "
            "another rate. Download the file again."
        )
    rows = np.arange(math.ceil(seconds[shortest] * rate))
    columns = {name: values[: len(rows)] for name, values in columns.items()}
    for name, kind in _ANSWERS.items():
        columns[name] = _answer(content, f"questionnaire/{name}", kind)
    columns["subject"] = subject
    # The middle of a window begins 3 s after its start; in whole numbers, exactly.
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


# The key of each signal in a file, its columns, its rate in Hz, and how rows follow it.
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


def _numbers(content: Any, key: str, n_columns: int) -> Signal:
    """Read an array of shape (n_samples, n_columns) without gaps."""
    value = _find(content, key)
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


def _answer(content: Any, key: str, kind: type) -> Any:
    value = _find(content, key)
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


def _find(content: Any, key: str) -> Any:
    for part in key.split("/"):
        if not isinstance(content, dict) or part not in content:
            raise ValueError(f"there is no {key}, so it is damaged or not a file of PPG-DaLiA.")
        content = content[part]
    return content
