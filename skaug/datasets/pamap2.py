"""The PAMAP2 recordings as one table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from skaug.datasets.data_files import DataFile, DataSet
from skaug.datasets.recordings import load_recordings

__all__ = ["load_pamap2"]

_DATA_SET = DataSet(
    name="PAMAP2",
    pattern=re.compile(r"(?:^|/)(?P<session>Protocol|Optional)/subject(?P<subject>[0-9]+)\.dat$"),
    example="Protocol/subject101.dat and so on",
    origin="the zip from https://archive.ics.uci.edu/dataset/231/pamap2+physical+activity+monitoring",
    inner_zip="PAMAP2_Dataset.zip",
)

# Format of the copies: raise it whenever the same file gives another table.
_FORMAT = 2

_ACTIVITIES = {
    **{0: "transient", 1: "lying", 2: "sitting", 3: "standing", 4: "walking", 5: "running"},
    **{6: "cycling", 7: "Nordic walking", 9: "watching TV", 10: "computer work"},
    **{11: "car driving", 12: "ascending stairs", 13: "descending stairs"},
    **{16: "vacuum cleaning", 17: "ironing", 18: "folding laundry", 19: "house cleaning"},
    **{20: "playing soccer", 24: "rope jumping"},
}

_AXES = range(3)
# The columns of a file, in order.
_COLUMNS = ["time", "activity", "heart_rate"] + [
    column
    for place in ("hand", "chest", "ankle")
    for column in (
        f"TEMP_{place}",
        *(f"ACC_{place}_idx_{axis}" for axis in _AXES),
        *(f"ACC_6g_{place}_idx_{axis}" for axis in _AXES),
        *(f"GYRO_{place}_idx_{axis}" for axis in _AXES),
        *(f"MAG_{place}_idx_{axis}" for axis in _AXES),
        *(f"orientation_{place}_{part}" for part in range(4)),
    )
]
_KEPT = [name for name in _COLUMNS if not name.startswith("orientation")]
_TYPES = {
    name: {"time": pa.float64(), "activity": pa.int64()}.get(name, pa.float32())
    for name in _COLUMNS
}
# One second, and half a row less, so that the rounding of times does not matter.
_HELD_SECONDS = 0.995


def load_pamap2(
    path: str | os.PathLike[str], subjects: str | Iterable[str] | None = None
) -> pd.DataFrame:
    """Load PAMAP2: movement of hand, chest and ankle of 9 people during 18 activities, with heart rates.

    The archive [1]_ is free to download from
    https://archive.ics.uci.edu/dataset/231/pamap2+physical+activity+monitoring. Its zip, or the folder
    it was unpacked to, is read into one table. A copy of the table is written beside the data as
    parquet, from which the next call reads in seconds.

    *License*: CC BY 4.0, according to the archive.

    Parameters
    ----------
    path : str or path-like
        The downloaded zip, the ``PAMAP2_Dataset.zip`` in it, or the folder that either was unpacked to:
        anything with ``Protocol/subject101.dat`` and so on in it, at any depth. Nothing is unpacked to
        disk. Pass the folder ``Protocol`` to leave out the optional activities.
    subjects : str or iterable of str, optional
        The subjects to load, such as ``["101", "105"]``; only their files are read. All by default.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, 44)
        One recording below the other, 100 rows per second, in order of time, with the columns

        ==========================  =====================================================
        time                        seconds since the start of the session
        activity                    "transient", "lying", "sitting", "standing", "walking",
                                    "running", "cycling", "Nordic walking", "watching TV",
                                    "computer work", "car driving", "ascending stairs",
                                    "descending stairs", "vacuum cleaning", "ironing", "folding
                                    laundry", "house cleaning", "playing soccer" or "rope jumping"
        heart_rate                  beats per minute, see Notes
        TEMP_hand                   temperature, degrees C
        ACC_hand_idx_0, 1, 2        acceleration, m/s^2, in the range of 16 g
        ACC_6g_hand_idx_0, 1, 2     acceleration, m/s^2, in the range of 6 g, see Notes
        GYRO_hand_idx_0, 1, 2       angular velocity, rad/s
        MAG_hand_idx_0, 1, 2        magnetic field, uT
        TEMP_chest, ...             the same of the chest
        TEMP_ankle, ...             the same of the ankle
        session                     "Protocol" or "Optional": one recording each
        subject                     "101" to "109"
        ==========================  =====================================================

        Activity, session and subject are categorical, time is float64, all other columns are float32.
        Values that the wireless sensors lost are NaN. The recordings of all subjects are 3.9 million
        rows and take 0.7 GB, twice that while they are joined.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `path` is neither a folder nor a zip or has no such files in it; if a subject is not among
        them; or if a file is damaged, larger than 4 GiB, or differs from the published form. The
        message names the file.

    Warns
    -----
    UserWarning
        If the copy cannot be written beside the data. The returned table is complete all the same.

    See Also
    --------
    load_wesad : Wrist and chest recordings at rest and under stress.
    load_ppg_dalia : Wrist and chest recordings during 8 activities, with heart rates.

    Notes
    -----
    *Windows*: a subject may have two recordings, so pass ``boundaries=["session"]`` to the windower, with
    ``time="time"`` to see gaps and ``missing="ffill"`` to fill holes. The authors say to discard
    "transient", in which parts of interrupted recordings were put together: leave these rows out and
    make the activity a boundary,
    ``SubjectWindower(..., target="activity", target_agg="mode", boundaries=["session", "activity"])``.

    *Heart rate*: the files hold about nine values per second and NaN in the other rows. Here each row
    holds the latest value, for at most one second, also where times leave a gap. Rows without one stay NaN:
    the first ones, and those in which the monitor had lost contact.

    *Acceleration*: the authors recommend the sensor with the range of 16 g. That of 6 g saturates, and
    is not precisely calibrated with the other. Orientation, which they call invalid, is left out.

    *Not checked against the published files*, which are too large to come with this library: the
    structure of the files, the codes of the activities and the units were taken from the authors'
    readme, and from public code that reads the files.

    References
    ----------
    .. [1] Reiss, A., "PAMAP2 Physical Activity Monitoring", UCI Machine Learning Repository 231, 2012,
       doi:10.24432/C5NW2H. Described in Reiss, A. and Stricker, D., "Introducing a New Benchmarked
       Dataset for Activity Monitoring", ISWC 2012, pp. 108-109, doi:10.1109/ISWC.2012.13.

    Examples
    --------
    >>> from skaug.datasets import load_pamap2
    >>> recordings = load_pamap2("PAMAP2_Dataset.zip", subjects="101")  # doctest: +SKIP
    """
    table = load_recordings(
        _DATA_SET,
        path,
        subjects,
        _tabulate,
        copies=f"skaug-pamap2-v{_FORMAT}",
        keys=["session", "subject"],
    )
    codes = pd.Index(list(_ACTIVITIES)).get_indexer(table["activity"])
    table["activity"] = pd.Categorical.from_codes(codes, list(_ACTIVITIES.values()))
    return table


def _tabulate(file: DataFile) -> pd.DataFrame:
    table = _DATA_SET.read(file, _parse)
    unknown = table.index[~table["activity"].isin(_ACTIVITIES)]
    if len(unknown):
        raise ValueError(
            f"the activity in line {unknown[0] + 1} is {table['activity'][unknown[0]]}, which is not a "
            "published one. Download the file again."
        )
    table["activity"] = table["activity"].astype("int8")
    seen = table["time"].where(table["heart_rate"].notna()).ffill()
    is_recent = (table["time"] - seen).abs() < _HELD_SECONDS
    table["heart_rate"] = table["heart_rate"].ffill().where(is_recent)
    return table


def _parse(stream: BinaryIO) -> pd.DataFrame:
    table = csv.read_csv(
        stream,
        csv.ReadOptions(column_names=_COLUMNS),
        csv.ParseOptions(delimiter=" "),
        csv.ConvertOptions(column_types=_TYPES, include_columns=_KEPT, null_values=["NaN"]),
    )
    return table.to_pandas()
