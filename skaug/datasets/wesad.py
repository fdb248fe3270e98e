"""The WESAD recordings as one table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from skaug.datasets.array_pickle import load_arrays
from skaug.datasets.data_files import DataFile, DataSet
from skaug.datasets.recordings import load_recordings
from skaug.datasets.signals import (
    Stored,
    as_fraction,
    count_rows,
    hold,
    name_of_rate,
    read_numbers,
    read_signals,
    require_subject,
    resample,
)

__all__ = ["load_wesad"]

_DATA_SET = DataSet(
    name="WESAD",
    pattern=re.compile(r"(?:^|/)(?P<subject>S[0-9]+)/(?P=subject)\.pkl$"),
    example="S2/S2.pkl, S3/S3.pkl and so on",
    origin="the zip that https://doi.org/10.24432/C57K5T leads to",
)

# Format of the copies: raise it whenever the same file gives another table.
_FORMAT = 1

# The code of a label in the files is its place here.
_STATES = ("transient", "baseline", "stress", "amusement", "meditation", *3 * ("ignore",))

_WRIST_ACC = [f"ACC_wrist_idx_{axis}" for axis in range(3)]
_SIGNALS: tuple[Stored, ...] = (
    ("signal/wrist/BVP", ["BVP"], 64, resample),
    ("signal/wrist/ACC", _WRIST_ACC, 32, resample),
    ("signal/wrist/EDA", ["EDA_wrist"], 4, hold),
    ("signal/wrist/TEMP", ["TEMP_wrist"], 4, hold),
    ("signal/chest/ACC", [f"ACC_chest_idx_{axis}" for axis in range(3)], 700, resample),
    ("signal/chest/ECG", ["ECG"], 700, resample),
    ("signal/chest/EMG", ["EMG"], 700, resample),
    ("signal/chest/EDA", ["EDA_chest"], 700, resample),
    ("signal/chest/Temp", ["TEMP_chest"], 700, resample),
    ("signal/chest/Resp", ["RESP_chest"], 700, resample),
)
_LABEL_RATE = 700


def load_wesad(
    path: str | os.PathLike[str],
    subjects: str | Iterable[str] | None = None,
    sampling_rate: float = 64,
) -> pd.DataFrame:
    """Load WESAD: wrist and chest recordings of 15 people at rest, under stress and amused.

    The data set [1]_ is free to download; https://doi.org/10.24432/C57K5T leads to it. Its zip, or the
    folder it was unpacked to, is read into one table at one sampling rate. A copy of the table is
    written beside the data as parquet, from which the next call reads in seconds.

    *License*: the page of the authors permits scientific, non-commercial use with credit to them, and asks
    to cite [1]_.

    Parameters
    ----------
    path : str or path-like
        The downloaded zip, or the folder that it was unpacked to: anything with ``S2/S2.pkl``,
        ``S3/S3.pkl`` and so on in it, at any depth. The other files in it are not read, and nothing is
        unpacked to disk.
    subjects : str or iterable of str, optional
        The subjects to load, such as ``["S2", "S10"]``; only their files are read. All by default.
    sampling_rate : float, default=64
        Rows per second (Hz). A fraction such as ``100 / 3`` may have a denominator up to 1000.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, 16)
        Recordings of the subjects one below the other, S2 before S10, rows in order of time, with
        the columns

        ======================  =========================================================
        BVP                     blood volume pulse at the wrist, arbitrary units
        ACC_wrist_idx_0, 1, 2   acceleration of the wrist, g
        EDA_wrist, TEMP_wrist   electrodermal activity, uS, and skin temperature, degrees C
        ACC_chest_idx_0, 1, 2   acceleration of the chest, g
        ECG, EMG                electrocardiogram and electromyogram, mV
        EDA_chest, TEMP_chest   electrodermal activity, uS, and skin temperature, degrees C
        RESP_chest              respiration, % of the range of the chest belt
        state                   what the study asked for: "transient", "baseline", "stress",
                                "amusement", "meditation" or "ignore", see Notes
        subject                 "S2", "S3", ...: one recording each
        ======================  =========================================================

        State and subject are categorical, all other columns float32. The 24 hours of all subjects are
        5.6 million rows at 64 Hz and take 0.3 GB, twice that while they are joined. Reading a file takes
        1 GB.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `path` is neither a folder nor a zip or has no such files in it; if a subject is not among
        them; if `sampling_rate` is not such a fraction; or if a file is damaged, larger than 4 GiB,
        contains anything but numbers, text and arrays of them, or differs from the published form.
        The message names the file and the place in it.

    Warns
    -----
    UserWarning
        If the copy cannot be written beside the data. The returned table is complete all the same.

    See Also
    --------
    load_ppg_dalia : The same devices in daily life, with heart rates. Rows, copies and safety are as there.
    load_pamap2 : Movement of three parts of the body during 18 activities.

    Notes
    -----
    *State* is code 0 (transient or not defined) to 4 of the files; "ignore" joins the codes 5, 6 and 7,
    which the authors say to ignore. Rows hold the latest code. Neither "transient" nor "ignore" is a
    state without stress: leave them out before cutting windows,
    ``recordings[recordings["state"].isin(["baseline", "stress"])]``, and make the state a boundary,
    ``SubjectWindower(..., target="state", target_agg="mode", boundaries=["state"])``.

    *Rows*: signals are resampled and held as by :func:`load_ppg_dalia`, chest temperature and chest EDA
    resampled too. The acceleration of the wrist, whose unit in the files is 1/64 g, is divided by 64.
    There are no heart rates in the files.

    *Not checked against the published files*, which are too large to come with this library: the
    structure of the pickles was taken from the authors' description, from public code that reads
    them, and from a public audit of all 15. The units are those of the authors' description. It
    also says that the chest thermometer of S2 and S17 was not fully attached.

    References
    ----------
    .. [1] Schmidt, P., Reiss, A., Duerichen, R., Marberger, C. and Van Laerhoven, K., "Introducing
       WESAD, a Multimodal Dataset for Wearable Stress and Affect Detection", ICMI 2018,
       doi:10.1145/3242969.3242985.

    Examples
    --------
    >>> from skaug.datasets import load_wesad
    >>> recordings = load_wesad("WESAD.zip", subjects=["S2", "S3"])  # doctest: +SKIP
    """
    rate = as_fraction(sampling_rate)

    def read(file: DataFile) -> pd.DataFrame:
        return _tabulate(_DATA_SET.read(file, load_arrays), file.subject, rate)

    copies = f"skaug-wesad-v{_FORMAT}-{name_of_rate(rate)}"
    table = load_recordings(_DATA_SET, path, subjects, read, copies, keys=["subject"])
    names = list(dict.fromkeys(_STATES))
    codes = np.array([names.index(state) for state in _STATES], dtype=np.int8)
    table["state"] = pd.Categorical.from_codes(codes[table["state"].to_numpy()], names)
    return table


def _tabulate(content: Any, subject: str, rate: Fraction) -> pd.DataFrame:
    if isinstance(content, dict) and "activity" in content:
        raise ValueError("this is a file of PPG-DaLiA: read it with load_ppg_dalia.")
    require_subject(content, subject)
    columns, seconds = read_signals(content, _SIGNALS, rate, np.float32)
    for name in _WRIST_ACC:
        columns[name] = columns[name] / np.float32(64)
    codes = read_numbers(content, "label", 1)[:, 0]
    unknown = np.setdiff1d(codes, range(len(_STATES)))
    if len(unknown):
        raise ValueError(f"label has the code {unknown[0]:g}, where 0 to 7 are published.")
    seconds["label"] = Fraction(len(codes), _LABEL_RATE)
    columns["state"] = hold(codes.astype(np.int8), _LABEL_RATE, rate)
    n_rows = count_rows(seconds, rate, tolerance=2)
    return pd.DataFrame({name: values[:n_rows] for name, values in columns.items()})
