"""Simulated wearable recordings with the columns of the PPG-DaLiA table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.signal import lfilter

from skaug._checks import is_finite_number, require_random_state, require_whole_number

__all__ = ["simulate_ppg"]

Signal = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Wander = Callable[[float, float], Signal]

_COLUMNS = (
    *("BVP", "activity", "ACC_wrist_idx_0", "ACC_wrist_idx_1", "ACC_wrist_idx_2"),
    *("EDA_wrist", "TEMP_wrist", "ACC_chest_idx_0", "ACC_chest_idx_1", "ACC_chest_idx_2"),
    *("ECG", "EMG", "EDA_chest", "TEMP_chest", "RESP_chest"),
    *("WEIGHT", "Gender", "AGE", "HEIGHT", "SKIN", "SPORT", "subject", "heart_rate"),
)

# One row per activity code, so that each array below is indexed by the code.
_RISE, _CADENCE, _SWING, _FIDGET, _TRUNK = np.array(
    [
        # bpm over rest, steps/s, wrist regular g, wrist irregular g, chest per wrist
        [10.0, 1.4, 0.050, 0.050, 0.5],  # 0 transient
        [0.0, 1.0, 0.000, 0.004, 0.5],  # 1 sitting
        [52.0, 1.6, 0.220, 0.060, 0.9],  # 2 stairs
        [26.0, 1.2, 0.120, 0.200, 0.3],  # 3 table soccer
        [60.0, 1.2, 0.090, 0.050, 0.6],  # 4 cycling
        [6.0, 1.0, 0.000, 0.010, 0.7],  # 5 driving
        [10.0, 1.0, 0.000, 0.012, 0.3],  # 6 lunch
        [28.0, 1.8, 0.180, 0.050, 0.8],  # 7 walking
        [3.0, 1.0, 0.000, 0.008, 0.3],  # 8 working
    ]
).T

# Table I of McSharry et al. (2003): angle, a and b of the waves P, Q, R, S and T.
_PQRST = np.array(
    [
        [-math.pi / 3, 1.2, 0.25],
        [-math.pi / 12, -5.0, 0.1],
        [0.0, 30.0, 0.1],
        [math.pi / 12, -7.5, 0.1],
        [math.pi / 2, 0.75, 0.4],
    ]
)

# Seconds; Reiss et al. (2019).
_LABEL_WINDOW, _LABEL_STRIDE = 8.0, 2.0


def simulate_ppg(
    n_subjects: int = 10,
    minutes: float = 5.0,
    sampling_rate: float = 64,
    random_state: int | None = 0,
) -> pd.DataFrame:
    """Simulate wrist and chest recordings of people going about their day.

    The result has the columns of the published PPG-DaLiA table [1]_, all at one sampling rate, so
    code written for that table runs on this one without a download.

    Parameters
    ----------
    n_subjects : int, default=10
        Number of subjects, named "S1", "S2", and so on.
    minutes : float, default=5.0
        Length of each subject's recording in minutes, at least 10 s.
    sampling_rate : float, default=64
        Rows per second (Hz) of every signal, at least 16.
    random_state : int or None, default=0
        Seed, 0 or more. Subject ``k`` depends only on the seed and ``k``: with more subjects, the
        earlier ones stay the same. None draws a new seed in every call.

    Returns
    -------
    pandas.DataFrame of shape (n_subjects * round(minutes * 60 * sampling_rate), 23)
        Recordings of the subjects one below the other, rows in order of time, with the columns

        ======================  =========================================================
        BVP                     blood volume pulse at the wrist, arbitrary units
        activity                0 transient, 1 sitting, 2 stairs, 3 table soccer,
                                4 cycling, 5 driving, 6 lunch, 7 walking, 8 working
        ACC_wrist_idx_0, 1, 2   acceleration of the wrist, g
        EDA_wrist, TEMP_wrist   electrodermal activity, uS, and skin temperature, degrees C
        ACC_chest_idx_0, 1, 2   acceleration of the chest, g
        ECG                     electrocardiogram, mV
        EMG                     electromyogram, mV
        EDA_chest, TEMP_chest   electrodermal activity, uS, and skin temperature, degrees C
        RESP_chest              respiration, % of the range of the chest belt
        WEIGHT, HEIGHT          kg and cm
        Gender, AGE             "m" or "f", and whole years
        SKIN, SPORT             Fitzpatrick skin type and frequency of sports, each 1 to 6
        subject                 "S1", "S2", ...
        heart_rate              beats per minute, see Notes
        ======================  =========================================================

        Gender and subject are text, AGE, SKIN and SPORT int64, all other columns float64.

    Raises
    ------
    ValueError
        If ``n_subjects``, ``minutes``, ``sampling_rate`` or ``random_state`` is out of range.

    See Also
    --------
    load_ppg_dalia : The published recordings with the same columns.

    Notes
    -----
    *Activities* follow the order of the PPG-DaLiA protocol from a random start, in bouts of
    30 to 60 s (moving) or 30 to 90 s (sitting, driving, lunch, working) with transients of 6 to
    12 s between them. In recordings shorter than three minutes all of them shrink, down to a third.

    *Heart rate* relaxes with a time constant of 60 s to a level which depends on the activity
    and the subject, and wanders around it. Respiration adds a sinus arrhythmia of 1 to 2 bpm.
    As in [1]_, the column ``heart_rate`` is the mean of this instantaneous rate over windows of
    8 s, one every 2 s: the rows of the seconds [2k, 2k + 2) all hold the mean over the 8 s
    around them, [2k - 3, 2k + 5). Windows that extend beyond an end of the recording are cut
    there.

    *Beats*: the integral of the instantaneous rate is the cardiac phase from which both heart
    signals are made. ECG is a sum of Gaussians in that phase, with the angles, heights and
    widths of P, Q, R, S and T from [2]_. The heights are those of its integrated Gaussians
    (``a * b**2``), scaled to an R wave of about 1 mV. The waves are then blurred to what the
    sampling rate can represent, which lowers R at low rates. BVP is a systolic and a dicrotic wave (von Mises
    bells in phase) of subject-specific width, delay and height.

    *Respiration* is one signal: it is seen in RESP_chest, drives the sinus arrhythmia, scales the
    pulses, and shifts the baselines of BVP and ECG and the chest acceleration.

    *Movement* is gravity in a slowly turning direction plus swings at the cadence of the
    activity plus irregular movement. The wrist's movement leaks into BVP, so that windows of
    stairs, table soccer, cycling and walking often have their spectral peak away from the heart
    rate. EMG is noise that grows with movement. EDA and TEMP drift slowly.

    Unlike the devices of [1]_, the slow signals are neither quantized nor held.

    References
    ----------
    .. [1] Reiss, A., Indlekofer, I., Schmidt, P. and Van Laerhoven, K., "Deep PPG: Large-Scale
       Heart Rate Estimation with Convolutional Neural Networks", Sensors 19(14):3079, 2019.
    .. [2] McSharry, P. E., Clifford, G. D., Tarassenko, L. and Smith, L. A., "A dynamical model
       for generating synthetic electrocardiogram signals", IEEE Transactions on Biomedical
       Engineering 50(3):289-294, 2003.

    Examples
    --------
    >>> from skaug.datasets import simulate_ppg
    >>> recordings = simulate_ppg(n_subjects=2, minutes=1.0)
    >>> recordings.shape
    (7680, 23)
    >>> list(recordings["subject"].unique())
    ['S1', 'S2']
    """
    _check_parameters(n_subjects, minutes, sampling_rate, random_state)
    time = np.arange(round(minutes * 60 * sampling_rate)) / sampling_rate
    seeds = np.random.SeedSequence(random_state).spawn(int(n_subjects))
    recordings = [
        _record(f"S{number}", time, np.random.default_rng(seed))
        for number, seed in enumerate(seeds, start=1)
    ]
    return pd.concat(recordings, ignore_index=True)


def _check_parameters(n_subjects: Any, minutes: Any, sampling_rate: Any, random_state: Any) -> None:
    require_whole_number("n_subjects", n_subjects, 1)
    if not is_finite_number(minutes) or minutes < 10 / 60:
        raise ValueError(
            f"minutes={minutes!r} must be 10 s or more, which is minutes=0.17: a heart rate is a mean over "
            "8 s."
        )
    if not is_finite_number(sampling_rate) or sampling_rate < 16:
        raise ValueError(
            f"sampling_rate={sampling_rate!r} Hz must be 16 Hz or more, to hold the pulse waves and the ECG "
            "(the published table has 64 Hz)."
        )
    if random_state is not None:
        require_random_state(random_state, "None gives new recordings in every call")


def _record(subject: str, time: Signal, rng: np.random.Generator) -> pd.DataFrame:
    def wander(every: float, scale: float) -> Signal:
        # Knots on a grid in seconds draw the same curve at every sampling rate.
        knots = every * np.arange(math.ceil(time[-1] / every) + 4)
        values = CubicSpline(knots, rng.normal(scale=scale, size=len(knots)))(time + every)
        return np.asarray(values, dtype=np.float64)

    person = _draw_person(rng)
    activity = _draw_activities(time, rng)
    breath = _breathe(time, activity, wander, rng)
    rate = _heart_rate(time, activity, breath, wander, rng)
    phase = rng.uniform(0, 2 * np.pi) + _integrate(time, 2 * np.pi * rate / 60)
    swing, fidget = _move(time, activity, wander, rng)
    wrist = swing + fidget
    chest = _TRUNK[activity][:, None] * swing + 0.3 * fidget
    effort = _lag(time, _RISE[activity] / 60, 60.0)
    signals: dict[str, Any] = {
        "BVP": _pulse(phase, breath, wrist, wander, rng),
        "ECG": _electrocardiogram(time, phase, rate, breath, wander, rng),
        "EDA_wrist": rng.uniform(0.3, 5) * np.exp(0.4 * effort + wander(60, 0.1)),
        "EDA_chest": rng.uniform(1, 10) * np.exp(0.4 * effort + wander(60, 0.1)),
        "TEMP_wrist": rng.uniform(31, 34) - 0.5 * effort + wander(120, 0.3),
        "TEMP_chest": rng.uniform(33, 35) + 0.3 * effort + wander(120, 0.1),
    }
    wrist_pose = _gravity(rng.normal(size=3), wander)
    chest_pose = _gravity(np.array([0.9, 0.0, -0.3]) + rng.normal(scale=0.1, size=3), wander)
    chest_pose[:, 2] += 0.01 * breath
    # Noise of every sample is drawn last: its count depends on the sampling rate.
    noise = rng.normal(size=(10, len(time)))
    strain = np.linalg.norm(chest, axis=1)
    signals["BVP"] += noise[0]
    signals["ECG"] += 0.02 * noise[1]
    signals["EMG"] = (0.005 + 0.05 * strain) * noise[2]
    signals["RESP_chest"] = 4 * breath + 0.1 * noise[3]
    for axis in range(3):
        signals[f"ACC_wrist_idx_{axis}"] = (wrist_pose + wrist)[:, axis] + 0.004 * noise[4 + axis]
        signals[f"ACC_chest_idx_{axis}"] = (chest_pose + chest)[:, axis] + 0.004 * noise[7 + axis]
    signals["activity"] = activity.astype(np.float64)
    signals["heart_rate"] = _label(time, rate)
    return pd.DataFrame({**signals, **person, "subject": subject})[list(_COLUMNS)]


def _draw_person(rng: np.random.Generator) -> dict[str, Any]:
    gender = str(rng.choice(["m", "f"]))
    height = float(round(rng.normal(180.0 if gender == "m" else 167.0, 6.0)))
    return {
        "WEIGHT": float(round(rng.uniform(19, 28) * (height / 100) ** 2)),
        "Gender": gender,
        "AGE": int(rng.integers(21, 56)),
        "HEIGHT": height,
        "SKIN": int(rng.integers(2, 5)),
        "SPORT": int(rng.integers(1, 7)),
    }


def _draw_activities(time: Signal, rng: np.random.Generator) -> Codes:
    """Walk through the protocol, a transient before each bout."""
    # A short recording still gets several activities, though none too short for a window.
    shrink = np.clip((time[-1] + time[1]) / 180, 1 / 3, 1)
    n_bouts = math.ceil(time[-1] / (36 * shrink)) + 2  # none shorter than 36 s with transient
    codes = np.zeros(2 * n_bouts, dtype=np.int64)
    codes[1::2] = (rng.integers(8) + np.arange(n_bouts)) % 8 + 1
    seconds = np.empty(2 * n_bouts)
    seconds[0::2] = rng.uniform(6, 12, n_bouts)
    # As in the protocol, most of the day is spent sitting.
    seconds[1::2] = rng.uniform(30, np.where(_SWING[codes[1::2]] > 0, 60, 90))
    # The recording starts anywhere in its first transient and bout.
    start = rng.uniform(0, seconds[:2].sum())
    ends = np.cumsum(shrink * seconds) - shrink * start
    return codes[np.searchsorted(ends, time, side="right")]


def _breathe(time: Signal, activity: Codes, wander: Wander, rng: np.random.Generator) -> Signal:
    """Return a respiration of amplitude about 1, deeper and faster with effort."""
    effort = _lag(time, _RISE[activity] / 60, 30.0)
    breaths_per_second = rng.uniform(0.2, 0.28) * (1 + 0.5 * effort) * np.exp(wander(15, 0.08))
    depth = (0.9 + 0.4 * effort) * np.exp(wander(10, 0.1))
    start = rng.uniform(0, 2 * np.pi)
    breath: Signal = depth * np.sin(start + _integrate(time, 2 * np.pi * breaths_per_second))
    return breath


def _heart_rate(
    time: Signal, activity: Codes, breath: Signal, wander: Wander, rng: np.random.Generator
) -> Signal:
    """Return the instantaneous heart rate in beats per minute."""
    level = rng.uniform(50, 85) + rng.uniform(0.7, 1.3) * _RISE[activity]
    arrhythmia = rng.uniform(1, 2) * breath
    return np.maximum(_lag(time, level, 60.0) + wander(50, 3.5) + arrhythmia, 40.0)


def _lag(time: Signal, target: Signal, constant: float) -> Signal:
    """Follow the target with a first-order lag (time constant in s), from its first value."""
    keep = math.exp(-(time[1] - time[0]) / constant)
    followed, _ = lfilter([1 - keep], [1, -keep], target, zi=[keep * target[0]])
    return np.asarray(followed, dtype=np.float64)


def _integrate(time: Signal, rate: Signal) -> Signal:
    integral: Signal = np.cumsum(rate) * (time[1] - time[0])
    return integral


def _move(
    time: Signal, activity: Codes, wander: Wander, rng: np.random.Generator
) -> tuple[Signal, Signal]:
    """Return the regular and the irregular movement in g, each of shape (n_rows, 3)."""
    cadence = _lag(time, _CADENCE[activity], 1.0) * rng.uniform(0.9, 1.1) * np.exp(wander(8, 0.04))
    step = _integrate(time, 2 * np.pi * cadence)
    # Vigor comes and goes, so that only some windows of a bout are unusable.
    vigor = np.exp(wander(6, 0.4))
    axes = rng.normal(size=(3, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    # Steps, their harmonic, and the arm swing at every other step.
    waves = np.stack([np.sin(step), 0.4 * np.sin(2 * step + 1), 0.5 * np.sin(step / 2)], axis=1)
    swing = (_lag(time, _SWING[activity], 0.5) * vigor)[:, None] * (np.sqrt(2) * waves @ axes)
    shakes = np.stack([wander(0.25, 1.0) for _ in range(3)], axis=1)
    fidget = (_lag(time, _FIDGET[activity], 0.5) * vigor)[:, None] * shakes
    return swing, fidget


def _pulse(
    phase: Signal, breath: Signal, wrist: Signal, wander: Wander, rng: np.random.Generator
) -> Signal:
    """Return the blood volume pulse, with the wrist's movement leaked into it."""
    systole = rng.uniform(1.1, 1.6)  # rad after the R wave: the pulse travels to the wrist
    dicrotic = systole + rng.uniform(1.9, 2.3)
    width, second_width = rng.uniform(2.0, 3.0), rng.uniform(3.0, 5.0)  # concentrations
    height = rng.uniform(0.25, 0.45)

    def wave(angle: Signal) -> Signal:
        first: Signal = np.exp(width * (np.cos(angle - systole) - 1))
        return first + height * np.exp(second_width * (np.cos(angle - dicrotic) - 1))

    one_beat = wave(np.linspace(0, 2 * np.pi, 256, endpoint=False))
    pulse = (wave(phase) - one_beat.mean()) / one_beat.std()
    pulse *= (1 + 0.1 * breath) * np.exp(wander(20, 0.1))
    baseline = 0.12 * breath + wander(12, 0.15)
    direction = rng.normal(size=3)
    artifact = rng.uniform(3, 9) * wrist @ (direction / np.linalg.norm(direction))
    bvp: Signal = rng.uniform(30, 70) * (pulse + baseline + artifact)
    return bvp


def _electrocardiogram(
    time: Signal,
    phase: Signal,
    rate: Signal,
    breath: Signal,
    wander: Wander,
    rng: np.random.Generator,
) -> Signal:
    """Return P, Q, R, S and T waves, R at phase 0, in mV."""
    ecg = 0.05 * breath + wander(3, 0.03)
    # Rows cannot hold a wave much narrower than they are apart: smooth as a device would.
    blur = 0.4 * 2 * np.pi * rate / 60 * (time[1] - time[0])
    gain = rng.uniform(0.8, 1.3)
    for (angle, a, b), vary in zip(_PQRST, rng.uniform(0.8, 1.2, len(_PQRST)), strict=True):
        distance = (phase - angle + np.pi) % (2 * np.pi) - np.pi
        width = np.hypot(b, blur)
        height = vary * a * b**2 / 0.3  # 0.3 is a * b**2 of the R wave
        ecg += gain * height * (b / width) * np.exp(-((distance / width) ** 2) / 2)
    return ecg


def _gravity(direction: Signal, wander: Wander) -> Signal:
    """Return 1 g in about this direction, of shape (n_rows, 3)."""
    pose = direction / np.linalg.norm(direction) + np.stack([wander(60, 0.1) for _ in range(3)], 1)
    return np.asarray(pose / np.linalg.norm(pose, axis=1, keepdims=True))


def _label(time: Signal, rate: Signal) -> Signal:
    """Average over 8 s around each stretch of 2 s, and hold the mean there."""
    stretch = (time // _LABEL_STRIDE).astype(int)
    begins = _LABEL_STRIDE * np.arange(stretch[-1] + 1)
    margin = (_LABEL_WINDOW - _LABEL_STRIDE) / 2
    windows = np.array([begins - margin, begins + _LABEL_STRIDE + margin])
    first, last = np.round(windows / (time[1] - time[0])).astype(int).clip(0, len(time))
    total = np.append(0.0, np.cumsum(rate))
    label: Signal = ((total[last] - total[first]) / (last - first))[stretch]
    return label
