"""The PPG-DaLiA recordings as one table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

import pandas as pd

from skaug.datasets.array_pickle import load_arrays
from skaug.datasets.data_files import DataFile, DataSet
from skaug.datasets.ppg_dalia_table import tabulate
from skaug.datasets.recordings import load_recordings
from skaug.datasets.signals import as_fraction, name_of_rate

__all__ = ["load_ppg_dalia"]

_DATA_SET = DataSet(
    name="PPG-DaLiA",
    pattern=re.compile(r"(?:^|/)(?P<subject>S[0-9]+)/(?P=subject)\.pkl$"),
    example="S1/S1.pkl, S2/S2.pkl and so on",
    origin="the zip from https://archive.ics.uci.edu/dataset/495/ppg+dalia",
    inner_zip="data.zip",
)

# Format of the copies: raise it whenever the same file gives another table.
_FORMAT = 1


def load_ppg_dalia(
    path: str | os.PathLike[str],
    subjects: str | Iterable[str] | None = None,
    sampling_rate: float = 64,
) -> pd.DataFrame:
    """Load PPG-DaLiA: wrist and chest recordings of 15 people, with heart rates from the ECG.

    The archive [1]_ is free to download from https://archive.ics.uci.edu/dataset/495/ppg+dalia. Its
    zip, or the folder it was unpacked to, is read into one table at one sampling rate, with the
    columns of :func:`~skaug.datasets.simulate_ppg`. A copy of the table is written beside the data as
    parquet, from which the next call reads in seconds.

    *License*: CC BY 4.0, according to the archive.

    Parameters
    ----------
    path : str or path-like
        The downloaded zip, the ``data.zip`` in it, or the folder that either was unpacked to: anything
        with ``S1/S1.pkl``, ``S2/S2.pkl`` and so on in it, at any depth. Nothing is unpacked to disk.
        A zip in a zip takes longest, because it has to be searched from its start.
    subjects : str or iterable of str, optional
        The subjects to load, such as ``["S1", "S10"]``; only their files are read. All by default.
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
    simulate_ppg : Recordings with the same columns, without a download.
    load_wesad : The same devices, under stress.
    load_ieee_spc : Wrist PPG while running, with heart rates.
    load_wildppg : PPG of four parts of the body on a trip, with ECG.
    load_pamap2 : Movement during 18 activities, with heart rates.

    Notes
    -----
    *Rows*: row ``i`` of a recording holds all signals at ``i / sampling_rate`` seconds. The recording
    ends with the last row that all signals and the window of a label cover. In the published files
    these end together. If they end 2 s or more apart, a signal is cut short or has another rate, which
    is an error.

    *Resampled* are the signals that change between two rows: wrist BVP (64 Hz) and acceleration
    (32 Hz), chest acceleration, ECG, EMG and respiration (700 Hz). A polyphase filter
    (:func:`scipy.signal.resample_poly`) first removes what the new rate cannot represent, which would
    otherwise fold into the band of the heart rate. It does not shift phases. The first value is
    subtracted before and added afterwards, and each end is continued as a constant, so that gravity
    and other offsets do not ring. A signal that already has the requested rate, such as BVP at 64 Hz,
    is unchanged.

    *Held* are the others: each row holds the latest sample up to its time. Activities are codes with
    nothing in between. EDA and temperature of the wrist (4 Hz) change slowly, and interpolation would
    suggest a resolution that the sensor does not have. EDA and temperature of the chest (700 Hz)
    have nothing fast to filter out. Users of the archive report that both, and EMG, are constant
    there, as if the sensors had not been worn.

    *Heart rate*: label ``k`` of a file is the mean over the seconds [2k, 2k + 8). It is assigned to the
    rows of the two seconds in the middle, [2k + 3, 2k + 5), so each row holds the mean over the 8 s
    around it, as in :func:`~skaug.datasets.simulate_ppg`, and the mean of the column over a window is
    centered on that window. The first label also applies to the 3 s before, the last one to the 3 s
    after, up to the end of its window. In the 8 s that begin at second 2k, the middle row holds label
    ``k`` itself: ``target_agg="center"``.

    *Copies* are in a folder named after their format and sampling rate, inside `path` or next to the
    zip, one parquet file per subject. Each records the size and the modification time of its source
    and is made again when these differ. The folder may be deleted at any time.

    *Safety*: a pickle can run any code. These are read by an unpickler that knows only numbers, text,
    containers and arrays of numbers or text, and that refuses pickles which take longer than their size
    justifies.

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
    rate = as_fraction(sampling_rate)

    def read(file: DataFile) -> pd.DataFrame:
        return tabulate(_DATA_SET.read(file, load_arrays), file.subject, rate)

    copies = f"skaug-v{_FORMAT}-{name_of_rate(rate)}"
    return load_recordings(_DATA_SET, path, subjects, read, copies)
