"""The table of one PPG-DaLiA subject, built from the contents of the subject's file."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pandas as pd

from skaug.datasets.signals import (
    Stored,
    count_rows,
    hold,
    read_answer,
    read_numbers,
    read_signals,
    require_subject,
    resample,
)
from skaug.datasets.window_labels import STRIDE, labels_of_rows, seconds_of_labels

_SIGNALS: tuple[Stored, ...] = (
    ("signal/wrist/BVP", ["BVP"], 64, resample),
    ("activity", ["activity"], 4, hold),
    ("signal/wrist/ACC", [f"ACC_wrist_idx_{axis}" for axis in range(3)], 32, resample),
    ("signal/wrist/EDA", ["EDA_wrist"], 4, hold),
    ("signal/wrist/TEMP", ["TEMP_wrist"], 4, hold),
    ("signal/chest/ACC", [f"ACC_chest_idx_{axis}" for axis in range(3)], 700, resample),
    ("signal/chest/ECG", ["ECG"], 700, resample),
    ("signal/chest/EMG", ["EMG"], 700, resample),
    ("signal/chest/EDA", ["EDA_chest"], 700, hold),
    ("signal/chest/Temp", ["TEMP_chest"], 700, hold),
    ("signal/chest/Resp", ["RESP_chest"], 700, resample),
)

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
    require_subject(content, subject)
    columns: dict[str, Any]
    columns, seconds = read_signals(content, _SIGNALS, rate)
    labels = read_numbers(content, "label", 1)[:, 0]
    seconds["label"] = seconds_of_labels(len(labels))
    n_rows = count_rows(seconds, rate, tolerance=STRIDE)
    columns = {name: values[:n_rows] for name, values in columns.items()}
    for name, kind in _ANSWERS.items():
        columns[name] = read_answer(content, f"questionnaire/{name}", kind)
    columns["subject"] = subject
    columns["heart_rate"] = labels_of_rows(labels, n_rows, rate)
    return pd.DataFrame(columns)
