"""The WildPPG recordings as one table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from skaug.datasets.data_files import DataFile, DataSet
from skaug.datasets.electrocardiogram import heart_rates
from skaug.datasets.mat_files import mat_variables
from skaug.datasets.recordings import load_recordings
from skaug.datasets.signals import count_rows, hold

__all__ = ["load_wildppg"]

_DATA_SET = DataSet(
    name="WildPPG",
    pattern=re.compile(r"(?:^|/)WildPPG_Part_(?P<subject>[0-9A-Za-z]+)\.mat$"),
    example="WildPPG_Part_an0.mat and so on",
    origin=(
        "a zip of the participants' files, which https://siplab.org/projects/WildPPG leads to "
        "(WildPPG.mat holds windows that were cut before),"
    ),
)

# Format of the copies: raise it whenever the same file gives another table.
_FORMAT = 1

_LOCATIONS = ("sternum", "head", "wrist", "ankle")
_RATE = 128
# The fields of a location in a file, and their columns. The last two have another rate.
_FIELDS = {
    "ppg_g": "PPG_green_{}",
    "ppg_ir": "PPG_infrared_{}",
    "ppg_r": "PPG_red_{}",
    "acc_x": "ACC_{}_idx_0",
    "acc_y": "ACC_{}_idx_1",
    "acc_z": "ACC_{}_idx_2",
    "temperature": "TEMP_{}",
    "altitude": "altitude_{}",
}
_SLOW = ("temperature", "altitude")
# Seconds by which signals may end apart: the authors' own windows of 8 s need about as much.
_TOLERANCE = 10
# Samples without a recording, according to the authors' analysis.
_INTERRUPTED = {
    ("l38", "wrist"): slice(4_337_572, 4_545_543),
    ("k2s", "wrist"): slice(3_786_939, 4_194_810),
    ("an0", "ankle"): slice(284_543, 286_400),
}


def load_wildppg(
    path: str | os.PathLike[str],
    subjects: str | Iterable[str] | None = None,
    locations: str | Iterable[str] = "wrist",
) -> pd.DataFrame:
    """Load WildPPG: PPG of four parts of the body of 16 people on a trip to a mountain, with ECG.

    The data set [1]_ is free to download; https://siplab.org/projects/WildPPG leads to it. Its folder of
    .mat files, one per participant, is read into one table. A copy of the table is written beside
    the data as parquet, from which the next call reads in seconds.

    *License*: CC BY-NC-SA 4.0, according to the repository of the authors: not for commercial use.

    Parameters
    ----------
    path : str or path-like
        A folder, or a zip of one, with ``WildPPG_Part_an0.mat`` and so on in it, at any depth. The file
        ``WildPPG.mat`` of the authors holds windows that were cut and normalized before, and is not read.
    subjects : str or iterable of str, optional
        The subjects to load, such as ``["an0", "e61"]``; only their files are read. All by default.
    locations : str or iterable of str, default="wrist"
        The parts of the body to load: "sternum", "head", "wrist" and "ankle".

    Returns
    -------
    pandas.DataFrame of shape (n_rows, 3 + 8 * n_locations)
        One recording per subject, one below the other, 128 rows per second, in order of time, with
        the columns

        ==========================  =====================================================
        PPG_green_wrist,            photoplethysmogram by color, as in the files
        PPG_infrared_wrist,
        PPG_red_wrist
        ACC_wrist_idx_0, 1, 2       acceleration, as in the files
        TEMP_wrist                  temperature, degrees C
        altitude_wrist              altitude by barometer, m
        PPG_green_ankle, ...        the same of further locations
        ECG                         electrocardiogram at the sternum, as in the files
        heart_rate                  beats per minute from the ECG, see Notes
        subject                     "an0", "e61", ...
        ==========================  =====================================================

        Subject is categorical, all other columns are float32. A recording of 12.3 hours has 5.7
        million rows: 0.23 GB with one location, 3.7 GB for 16 subjects, twice that while they are joined.
        Load some of the subjects, or one location at a time.

    Raises
    ------
    FileNotFoundError
        If `path` does not exist.
    ValueError
        If `path` is neither a folder nor a zip or has no such files in it; if a subject or a location
        is not among them; or if a file is damaged, larger than 4 GiB, or differs from the published
        form. The message names the file and the place in it.

    Warns
    -----
    UserWarning
        If the copy cannot be written beside the data. The returned table is complete all the same.

    See Also
    --------
    load_ppg_dalia : Wrist PPG in daily life, with published heart rates.
    load_ieee_spc : Wrist PPG while running, with published heart rates.

    Notes
    -----
    *Heart rate*: the files hold an ECG and no heart rates, so they are computed here. Beats are found by
    the energy of the slope between 5 and 15 Hz [2]_, and counted where six times between beats in a row
    differ by at most a quarter. The rate of the seconds [2k, 2k + 8) is assigned to the rows of the two
    seconds in the middle, so that ``SubjectWindower(1024, stride=256, target_agg="center")`` gives the
    rate over each window. It is NaN where regular beats cover less than three quarters of the 8 s:
    better no label than a wrong one. Use ``missing="drop"`` to leave such windows out. The labels differ
    from those in the authors' ``WildPPG.mat``: their code has a window every 8 s, and other thresholds.

    *Rows*: temperature and altitude (0.5 Hz) hold their latest sample. A recording ends with the last
    window of 8 s that all signals cover; signals that end 10 s or more apart are an error. Missing samples
    stay NaN. The columns of a location are NaN too in three stretches that the authors' analysis leaves
    out because the device did not record: at the wrist of l38 (27 minutes) and k2s (53 minutes), and at
    the ankle of an0 (15 s).

    *Not checked against the published files*, which are too large to come with this library: their
    structure was taken from the authors' code, which reads each signal as ``v`` and its sampling rate as
    ``fs``, and from other public code. The units of acceleration and PPG are not stated there. The card
    of ``WildPPG.mat`` names another license, MIT. The heart rates were tested on simulated ECG only:
    compare some with the ECG before you rely on them.

    References
    ----------
    .. [1] Meier, M., Demirel, B. U. and Holz, C., "WildPPG: A Real-World PPG Dataset of Long Continuous
       Recordings", NeurIPS 2024 Datasets and Benchmarks, arXiv:2412.17540.
    .. [2] Pan, J. and Tompkins, W. J., "A Real-Time QRS Detection Algorithm", IEEE Transactions on
       Biomedical Engineering 32(3):230-236, 1985.

    Examples
    --------
    >>> from skaug.datasets import load_wildppg
    >>> recordings = load_wildppg("WildPPG", subjects=["an0", "e61"])  # doctest: +SKIP
    """
    places = [locations] if isinstance(locations, str) else list(dict.fromkeys(locations))
    unknown = [place for place in places if place not in _LOCATIONS]
    if unknown or not places:
        raise ValueError(
            f"locations={locations!r} "
            + (f"names {unknown[0]!r}, which is unknown" if unknown else "names none")
            + f": choose from {', '.join(_LOCATIONS)}."
        )

    def read(file: DataFile) -> pd.DataFrame:
        names = list(dict.fromkeys(["id", "sternum", *places]))
        content = _DATA_SET.read(file, lambda stream: mat_variables(stream, names))
        return _tabulate(content, file.subject, places)

    copies = f"skaug-wildppg-v{_FORMAT}-{'-'.join(places)}"
    return load_recordings(_DATA_SET, path, subjects, read, copies, keys=["subject"])


def _tabulate(content: dict[str, Any], subject: str, places: list[str]) -> pd.DataFrame:
    named = "".join(map(str, np.ravel(content["id"])))
    if named != subject:
        raise ValueError(f"id is {named!r}, not {subject!r}.")
    columns: dict[str, npt.NDArray[Any]] = {}
    seconds: dict[str, Fraction] = {}
    for place in places:
        for field, column in _FIELDS.items():
            values, hertz = _signal(content, place, field)
            seconds[f"{place}/{field}"] = len(values) / hertz
            if field in _SLOW:
                values = hold(values, hertz, Fraction(_RATE))
            if (subject, place) in _INTERRUPTED:
                values[_INTERRUPTED[subject, place]] = np.nan
            columns[column.format(place)] = values
    columns["ECG"], hertz = _signal(content, "sternum", "ecg")
    seconds["sternum/ecg"] = len(columns["ECG"]) / hertz
    n_rows = count_rows(seconds, Fraction(_RATE), _TOLERANCE)
    rates = heart_rates(columns["ECG"][:n_rows], _RATE).astype(np.float32)
    if not len(rates):
        raise ValueError(f"the recording lasts {n_rows / _RATE:g} s, less than one window of 8 s.")
    columns["heart_rate"] = rates
    return pd.DataFrame({name: values[: len(rates)] for name, values in columns.items()})


def _signal(content: dict[str, Any], place: str, field: str) -> tuple[Any, Fraction]:
    """Return a new array of samples, and their rate."""
    key = f"{place}/{field}"
    try:
        stored = content[place][0, 0][field][0, 0]
        values, hertz = np.ravel(stored["v"]), np.ravel(stored["fs"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"there is no {key} with v and fs: the file is damaged.") from error
    if values.dtype.kind not in "biuf" or not len(values):
        raise ValueError(f"{key}/v has shape {values.shape} of {values.dtype}, not numbers.")
    expected = None if field in _SLOW else _RATE
    if hertz.dtype.kind not in "biuf" or len(hertz) != 1 or not hertz[0] > 0:
        raise ValueError(f"{key}/fs is {hertz}, not a sampling rate.")
    if hertz[0] != (expected or hertz[0]):
        raise ValueError(f"{key}/fs is {hertz[0]:g} Hz, where {expected} Hz are published.")
    return values.astype(np.float32), Fraction(float(hertz[0])).limit_denominator(1000)
