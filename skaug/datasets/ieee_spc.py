"""The recordings of the IEEE Signal Processing Cup 2015 as one table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from skaug._errors import prefix_errors
from skaug.datasets.data_files import DataFile, DataSet
from skaug.datasets.mat_files import mat_variable
from skaug.datasets.recordings import join
from skaug.datasets.window_labels import STRIDE, WINDOW, labels_of_rows

__all__ = ["load_ieee_spc"]

_RECORDING = r"_(?P<subject>S?[0-9]+)_(?P<session>T(?:YPE)?[0-9]+)"
_SIGNALS = DataSet(
    name="the IEEE Signal Processing Cup 2015",
    pattern=re.compile(rf"(?:^|/)(?:DATA|TEST){_RECORDING}\.mat$"),
    example="DATA_01_TYPE01.mat, TEST_S01_T01.mat and so on",
    origin="a zip of signals and labels",
    largest=2**28,
)
_LABELS = DataSet(
    name=_SIGNALS.name,
    pattern=re.compile(rf"(?:^|/)(?:(DATA)|True|BPM){_RECORDING}(?(1)_BPMtrace)\.mat$"),
    example="DATA_01_TYPE01_BPMtrace.mat, True_S01_T01.mat and so on",
    origin="a zip of signals and labels",
    largest=2**20,
)

_RATE = 125
_COLUMNS = ["ECG", "PPG_1", "PPG_2", *(f"ACC_wrist_idx_{axis}" for axis in range(3))]


def load_ieee_spc(
    path: str | os.PathLike[str], subjects: str | Iterable[str] | None = None
) -> pd.DataFrame:
    """Load the IEEE Signal Processing Cup 2015: wrist PPG while running or moving the arms.

    The data [1]_ were published in several zips: training data, one more recording for training, test
    data, and the heart rates of the test data. Unpack those that you have into one folder; all of
    its recordings are read into one table.

    *License*: none is stated in the published Readme. Ask the authors before you pass the data on.

    Parameters
    ----------
    path : str or path-like
        A folder, or a zip of one, with files named ``DATA_01_TYPE01.mat`` and
        ``DATA_01_TYPE01_BPMtrace.mat``, ``DATA_S04_T01.mat`` and ``BPM_S04_T01.mat``, ``TEST_S01_T01.mat``
        and ``True_S01_T01.mat`` in it, at any depth: signals and labels of each recording.
    subjects : str or iterable of str, optional
        The subjects to load, such as ``["01", "S02"]``; only their files are read. All by default.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, 9)
        One recording below the other, 125 rows per second, in order of time, with the columns

        ======================  =========================================================
        ECG                     electrocardiogram of the chest; NaN in the test data, which have
                                none
        PPG_1, PPG_2            photoplethysmogram of two green sensors at the wrist
        ACC_wrist_idx_0, 1, 2   acceleration of the wrist
        heart_rate              beats per minute, see Notes
        subject                 "01" to "12" in the training data; "S01" to "S08" in the test
                                data and in ``DATA_S04_T01.mat``
        session                 "TYPE01", "TYPE02", "T01", "T02": one recording each
        ======================  =========================================================

        Subject and session are categorical, heart_rate is float64, all other columns are float32. The
        signals have the units of the files, which the Readme does not state. All 23 recordings are 0.8
        million rows and take 30 MB.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `path` is neither a folder nor a zip or has no such files in it; if a subject is not among
        them; if the labels of a recording are missing, or do not fit its length; or if a file is
        damaged or differs from the published form. The message names the file.

    See Also
    --------
    load_ppg_dalia : Wrist PPG in daily life, with heart rates.
    load_wildppg : PPG of four parts of the body on a trip, with ECG.

    Notes
    -----
    *Recordings*: a subject may have several, so pass ``boundaries=["session"]`` to the windower. In
    "TYPE01" and "TYPE02" the subjects ran on a treadmill, at up to 15 and 12 km/h; in "T01" they
    exercised their arms, in "T02" with intensive movements. Name the channels, such as
    ``features=["PPG_1", "PPG_2"]``: with the ECG among them, the test data have no complete window.
    Recordings that their names give to one subject (``DATA_S04_T01.mat`` and ``TEST_S04_T02.mat``) share
    that subject here. Whether "01" and "S01" are the same person is not stated in the Readme; papers
    take them for different people.

    *Heart rate*: ``BPM0[k]`` of the files is the heart rate in the seconds [2k, 2k + 8). It is assigned to
    the rows of the two seconds in the middle, [2k + 3, 2k + 5). The first one also applies to the 3 s
    before, the last one to the 3 s after, so no row lacks a label. Rows after the last labeled
    window, less than 2 s, are left out. With
    ``SubjectWindower(1000, stride=250, target="heart_rate", target_agg="center", boundaries=["session"])``
    the labels of the windows are ``BPM0``, exactly.

    *Not checked against the published files*, which may not be passed on: the structure of the files
    was taken from the Readme of the training data, from public code that reads them, and from a
    public listing of the variables and shapes of 22 recordings. All of these have one value of BPM0
    per full window of 8 s. Of ``DATA_S04_T01.mat`` and ``BPM_S04_T01.mat`` only the names and the order of
    the channels are known.

    References
    ----------
    .. [1] Zhang, Z., Pi, Z. and Liu, B., "TROIKA: A General Framework for Heart Rate Monitoring Using
       Wrist-Type Photoplethysmographic Signals During Intensive Physical Exercise", IEEE
       Transactions on Biomedical Engineering 62(2):522-531, 2015, doi:10.1109/TBME.2014.2359372.

    Examples
    --------
    >>> from skaug.datasets import load_ieee_spc
    >>> recordings = load_ieee_spc("spcup2015", subjects=["01", "S02"])  # doctest: +SKIP
    """
    path = Path(path)
    with ExitStack() as stack:
        files = _SIGNALS.choose(_SIGNALS.find(path, stack), subjects, path)
        labels = _LABELS.choose(_LABELS.find(path, stack), None, path)
        labels_of = {tuple(file.parts.values()): file for file in labels}
        tables = [_tabulate(file, labels_of.get(tuple(file.parts.values()))) for file in files]
    return join(tables, files, keys=["subject", "session"])[_ORDER]


_ORDER = [*_COLUMNS, "heart_rate", "subject", "session"]


def _tabulate(file: DataFile, labels: DataFile | None) -> pd.DataFrame:
    if labels is None:
        subject, session = file.parts.values()
        raise ValueError(
            f"There are no heart rates for {file.name!r}: put the published file with them, named "
            f"True_{subject}_{session}.mat, BPM_{subject}_{session}.mat or "
            f"DATA_{subject}_{session}_BPMtrace.mat, into the same folder."
        )
    with prefix_errors(repr(file.name)):
        signals = _read(_SIGNALS, file, "sig")
        if signals.shape[0] not in (5, 6):
            raise ValueError(
                f"sig has shape {signals.shape}, not 6 rows (with ECG) or 5 (without)."
            )
        n_windows = (signals.shape[1] - WINDOW * _RATE) // (STRIDE * _RATE) + 1
    with prefix_errors(repr(labels.name)):
        rates = _read(_LABELS, labels, "BPM0").ravel()
        if len(rates) != n_windows:
            raise ValueError(
                f"BPM0 has {len(rates)} values, but {file.name!r} holds {max(n_windows, 0)} windows of "
                f"{WINDOW} s: one of the two is cut short, or they are of different recordings."
            )
        if rates.min() <= 0:
            raise ValueError(f"BPM0 holds {rates.min():g}, which is not a heart rate.")
    n_rows = (WINDOW + STRIDE * (n_windows - 1)) * _RATE
    columns: dict[str, Any] = {name: np.full(n_rows, np.nan, np.float32) for name in _COLUMNS[:1]}
    columns.update(zip(_COLUMNS[::-1], signals[::-1, :n_rows].astype(np.float32), strict=False))
    columns["heart_rate"] = labels_of_rows(rates, n_rows, Fraction(_RATE))
    return pd.DataFrame(columns)


def _read(data_set: DataSet, file: DataFile, name: str) -> npt.NDArray[np.float64]:
    values = data_set.read(file, lambda stream: mat_variable(stream, name))
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not values.size:
        raise ValueError(f"{name} has shape {values.shape} of {values.dtype}, not a matrix.")
    if not np.isfinite(values).all():
        n_bad = np.count_nonzero(~np.isfinite(values))
        raise ValueError(f"{name} is NaN or infinite in {n_bad} of {values.size} values.")
    return np.asarray(values, dtype=np.float64)
