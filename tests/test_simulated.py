"""Simulated recordings: the published table's columns, and signals that carry the heart rate."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.signal import find_peaks
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug.datasets import simulate_ppg

WRIST = ["ACC_wrist_idx_0", "ACC_wrist_idx_1", "ACC_wrist_idx_2"]
CHEST = ["ACC_chest_idx_0", "ACC_chest_idx_1", "ACC_chest_idx_2"]
STILL = [1, 5, 6, 8]  # sitting, driving, lunch, working
MOVING = [2, 3, 4, 7]  # stairs, table soccer, cycling, walking


@pytest.fixture(scope="module")
def recordings():
    return simulate_ppg()


def windows_of(recordings, seconds=8.0, sampling_rate=64):
    """Cut windows side by side which do not cross from one subject to the next."""
    size = round(seconds * sampling_rate)
    for _, recording in recordings.groupby("subject", sort=False):
        for start in range(0, len(recording) - size + 1, size):
            yield recording.iloc[start : start + size]


def peak_bpm(signal, sampling_rate=64):
    """Return the highest peak of the Hann power spectrum from 0.6 to 3.5 Hz, per minute."""
    n_padded = 8 * len(signal)
    tapered = (signal - signal.mean()) * np.hanning(len(signal))
    power = np.abs(np.fft.rfft(tapered, n_padded)) ** 2
    frequency = np.fft.rfftfreq(n_padded, 1 / sampling_rate)
    inside = (frequency >= 0.6) & (frequency <= 3.5)
    return 60 * frequency[inside][power[inside].argmax()]


def match_rate(windows, sampling_rate=64):
    """Return the share of windows whose BVP peaks within 2 bpm of the heart rate."""
    errors = [
        peak_bpm(window["BVP"].to_numpy(), sampling_rate) - window["heart_rate"].mean()
        for window in windows
    ]
    assert errors, "no window was selected"
    return np.mean(np.abs(errors) <= 2)


def r_waves(ecg):
    """Return the rows of the R waves of an ECG at 64 Hz."""
    # R is the narrowest wave: taking the slow part away leaves it alone.
    slow = pd.Series(ecg).rolling(9, center=True, min_periods=1).median().to_numpy()
    return find_peaks(ecg - slow, height=0.2, distance=64 * 60 / 200)[0]


def test_table_has_the_published_columns_in_their_order(recordings, published_columns):
    assert list(recordings.columns) == published_columns


def test_table_has_one_row_per_sample_and_subjects_one_below_the_other():
    recordings = simulate_ppg(n_subjects=3, minutes=0.5, sampling_rate=32)
    assert recordings.index.equals(pd.RangeIndex(3 * 30 * 32))
    assert recordings["subject"].tolist() == [s for s in ("S1", "S2", "S3") for _ in range(30 * 32)]


def test_numbers_are_float64_except_the_whole_numbered_traits(recordings):
    text = ["Gender", "subject"]
    whole = ["AGE", "SKIN", "SPORT"]
    assert (recordings[whole].dtypes == np.int64).all()
    assert (recordings.drop(columns=text + whole).dtypes == np.float64).all()
    for column in text:
        assert recordings[column].map(type).eq(str).all()
    assert set(recordings["Gender"]) <= {"m", "f"}


def test_every_value_is_finite_and_traits_are_constant_per_subject(recordings):
    assert np.isfinite(recordings.select_dtypes("number")).all(axis=None)
    traits = ["WEIGHT", "Gender", "AGE", "HEIGHT", "SKIN", "SPORT"]
    assert (recordings.groupby("subject")[traits].nunique() == 1).all(axis=None)


@pytest.mark.parametrize(
    ("column", "low", "high"),
    [
        ("activity", 0, 8),
        ("EDA_wrist", 0.01, 30),
        ("EDA_chest", 0.01, 30),
        ("TEMP_wrist", 28, 37),
        ("TEMP_chest", 30, 38),
        ("ECG", -2, 3),
        ("EMG", -1, 1),
        ("RESP_chest", -20, 20),
        ("WEIGHT", 40, 130),
        ("AGE", 18, 70),
        ("HEIGHT", 140, 210),
        ("SKIN", 1, 6),
        ("SPORT", 1, 6),
        ("heart_rate", 40, 180),
    ],
)
def test_values_are_plausible_in_the_units_of_the_column(recordings, column, low, high):
    assert recordings[column].between(low, high).all()


@pytest.mark.parametrize("axes", [WRIST, CHEST])
def test_a_still_accelerometer_measures_gravity(recordings, axes):
    still = recordings[recordings["activity"] == 1]
    assert np.linalg.norm(still[axes], axis=1).mean() == pytest.approx(1.0, abs=0.02)


def test_heart_rates_spread_over_subjects_and_time(recordings):
    assert recordings["heart_rate"].max() - recordings["heart_rate"].min() > 50
    assert recordings.groupby("subject")["heart_rate"].mean().std() > 5
    assert (recordings.groupby("subject")["heart_rate"].std() > 1).all()


def test_heart_rate_is_higher_when_moving(recordings):
    of_subject = recordings.groupby("subject")["heart_rate"].transform("mean")
    over_mean = recordings["heart_rate"] - of_subject
    moving = recordings["activity"].isin(MOVING)
    still = recordings["activity"].isin(STILL)
    assert over_mean[moving].mean() > over_mean[still].mean() + 5


@pytest.mark.parametrize("sampling_rate", [16, 50, 64])
def test_heart_rate_is_held_for_two_seconds(sampling_rate):
    rate = simulate_ppg(2, 1.0, sampling_rate)["heart_rate"].to_numpy()
    held = rate.reshape(-1, 2 * sampling_rate)
    assert (held == held[:, :1]).all()
    # Neighbors share 6 s of their 8 s, and no heart races by 10 bpm in 2 s.
    of_subject = held[:, 0].reshape(2, -1)
    assert (np.diff(of_subject) != 0).all()
    assert (np.abs(np.diff(of_subject)) < 10).all()


def test_heart_rate_is_the_beats_per_minute_of_the_eight_seconds_around(recordings):
    # Interpolating the number of the R wave in time counts the beats, fractions included.
    ecg = recordings.loc[recordings["subject"] == "S1", "ECG"].to_numpy()
    beats = r_waves(ecg) / 64
    label = recordings.loc[recordings["subject"] == "S1", "heart_rate"].to_numpy()[::128]
    begins = 2.0 * np.arange(len(label))
    window = np.array([begins - 3, begins + 5]).clip(0, len(ecg) / 64)
    counted = np.diff(np.interp(window, beats, np.arange(len(beats))), axis=0)[0]
    expected = 60 * counted / (window[1] - window[0])
    # Between the first and the last beat only, where there is something to interpolate.
    inner = slice(2, -3)
    assert np.abs(label - expected)[inner].max() < 1


def test_r_waves_are_as_many_as_the_heart_rate_says(recordings):
    for subject, recording in recordings.groupby("subject", sort=False):
        ecg = recording["ECG"].to_numpy()
        minutes = len(ecg) / 64 / 60
        beats = r_waves(ecg)
        expected = recording["heart_rate"].mean() * minutes
        assert len(beats) == pytest.approx(expected, rel=0.02), subject


def test_spectrum_of_bvp_peaks_at_the_heart_rate_when_still(recordings):
    still = (w for w in windows_of(recordings) if w["activity"].isin(STILL).all())
    assert match_rate(still) >= 0.98


@pytest.mark.parametrize("seconds", [8, 16, 30])
@pytest.mark.parametrize(
    ("sampling_rate", "random_state"), [(32, 1), (64, 2), (128, 3)], ids=["32Hz", "64Hz", "128Hz"]
)
def test_still_windows_match_whatever_their_length_rate_and_seed(
    seconds, sampling_rate, random_state
):
    recordings = simulate_ppg(4, 6.0, sampling_rate, random_state)
    windows = windows_of(recordings, seconds, sampling_rate)
    still = (w for w in windows if w["activity"].isin(STILL).all())
    assert match_rate(still, sampling_rate) >= 0.95


def test_windows_with_a_quiet_wrist_match(recordings):
    quiet = (w for w in windows_of(recordings) if np.sqrt(w[WRIST].var().sum()) < 0.05)
    assert match_rate(quiet) >= 0.95


def test_movement_hurts_but_does_not_drown_the_pulse(recordings):
    windows = list(windows_of(recordings))
    moving = [w for w in windows if w["activity"].isin(MOVING).all()]
    assert 0.5 <= match_rate(moving) <= 0.9
    assert match_rate(windows) >= 0.75


def test_respiration_modulates_the_ecg_baseline(recordings):
    # Medians over 1 s leave the baseline; the same breath moves it and the chest belt.
    for _, recording in recordings.groupby("subject", sort=False):
        slow = recording[["ECG", "RESP_chest"]].rolling(64, center=True).median().dropna()
        assert slow.corr().iloc[0, 1] > 0.5


def test_muscles_are_louder_when_moving(recordings):
    moving = recordings["activity"].isin(MOVING)
    still = recordings["activity"].isin(STILL)
    assert recordings.loc[moving, "EMG"].std() > 1.5 * recordings.loc[still, "EMG"].std()


def test_ridge_on_spectra_beats_the_mean_predictor_on_unseen_subjects(recordings):
    frequency = np.fft.rfftfreq(512, 1 / 64)
    band = (frequency >= 0.5) & (frequency <= 4)
    windows = list(windows_of(recordings))
    signals = np.array([w[["BVP", "ECG"]].to_numpy().T for w in windows])
    signals -= signals.mean(axis=2, keepdims=True)
    power = np.abs(np.fft.rfft(signals * np.hanning(512))) ** 2
    X = np.log(power[:, :, band]).reshape(len(windows), -1)
    y = np.array([w["heart_rate"].mean() for w in windows])
    subjects = np.array([w["subject"].iloc[0] for w in windows])

    def error(model):
        scores = cross_val_score(
            model,
            X,
            y,
            groups=subjects,
            cv=LeaveOneGroupOut(),
            scoring="neg_mean_absolute_error",
        )
        return -scores.mean()

    ridge = make_pipeline(StandardScaler(), Ridge())
    assert error(ridge) <= 0.6 * error(DummyRegressor(strategy="mean"))


def test_the_same_seed_gives_the_same_recordings():
    pd.testing.assert_frame_equal(simulate_ppg(2, 0.5), simulate_ppg(2, 0.5, random_state=0))


@pytest.mark.parametrize("random_state", [1, np.int64(7), None])
def test_another_seed_gives_other_recordings(random_state):
    other = simulate_ppg(1, 0.5, random_state=random_state)
    assert not np.allclose(other["BVP"], simulate_ppg(1, 0.5)["BVP"])


def test_a_subject_stays_the_same_when_others_are_added():
    few = simulate_ppg(2, 0.5)
    many = simulate_ppg(5, 0.5)
    pd.testing.assert_frame_equal(few, many.iloc[: len(few)])


def test_subjects_differ():
    recordings = simulate_ppg(2, 0.5)
    first, second = (r["BVP"].to_numpy() for _, r in recordings.groupby("subject"))
    assert not np.allclose(first, second)


def test_the_sampling_rate_changes_the_rows_but_not_the_person():
    coarse, fine = simulate_ppg(1, 2.0, 32), simulate_ppg(1, 2.0, 128)
    assert coarse["activity"].tolist() == fine["activity"].tolist()[::4]
    np.testing.assert_allclose(coarse["heart_rate"], fine["heart_rate"][::4], atol=0.2)


def test_ten_seconds_are_enough():
    recordings = simulate_ppg(1, 10 / 60)
    assert recordings.shape == (640, 23)
    assert recordings["heart_rate"].nunique() == 5


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_subjects": 0}, "n_subjects=0 must be a whole number, 1 or more"),
        ({"n_subjects": 2.5}, "n_subjects=2.5 must be a whole number"),
        ({"n_subjects": True}, "n_subjects=True must be a whole number"),
        ({"minutes": 0.1}, "minutes=0.1 must be 10 s or more"),
        ({"minutes": float("nan")}, "minutes=nan must be"),
        ({"minutes": "1"}, "minutes='1' must be"),
        ({"sampling_rate": 8}, "sampling_rate=8 Hz must be 16 Hz or more"),
        ({"sampling_rate": float("inf")}, "sampling_rate=inf Hz must be"),
        ({"random_state": -1}, "random_state=-1 must be a whole number, 0 or more"),
        ({"random_state": "seed"}, "random_state='seed' must be"),
        ({"random_state": True}, "random_state=True must be"),
    ],
)
def test_a_parameter_out_of_range_is_refused_with_a_remedy(parameters, message):
    with pytest.raises(ValueError, match=message):
        simulate_ppg(**parameters)
