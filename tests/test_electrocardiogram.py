"""Heart rates from an electrocardiogram follow those it was made with, or are missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from skaug.datasets import simulate_ppg
from skaug.datasets.electrocardiogram import find_beats, heart_rates

RATE = 128


@pytest.fixture(scope="module")
def recordings():
    table = simulate_ppg(n_subjects=4, minutes=4, sampling_rate=RATE)
    return [rows.reset_index(drop=True) for _, rows in table.groupby("subject", sort=False)]


def are_close(rates, truth):
    """Return which rates are as true as they can be.

    Beats need to cover only three quarters of a window of 8 s. The missing quarter moves the middle of the
    rest by up to a second, so a rate lies between those around it. Beats are found to within a sample, twice
    1/128 s in 6 s: 0.3 % of 160 per minute, or 0.5 per minute.
    """
    around = pd.Series(truth).rolling(4 * RATE + 1, center=True, min_periods=1)
    lowest, highest = around.min().to_numpy(), around.max().to_numpy()
    return (lowest[: len(rates)] - 0.5 <= rates) & (rates <= highest[: len(rates)] + 0.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_rates_are_those_that_the_ecg_was_made_with(recordings, sign):
    for rows in recordings:
        rates = heart_rates(sign * 500 * rows["ECG"] + 1000, RATE)
        assert len(rates) == len(rows)
        assert are_close(rates, rows["heart_rate"]).all()


def test_beats_of_equal_distance_are_found_where_they_are():
    beats = np.arange(60, RATE * 60, 96)  # 80 per minute
    ecg = np.zeros(RATE * 60)
    for shift, height in zip(range(-3, 4), [0, 0.5, -0.2, 1, -0.4, 0.1, 0], strict=True):
        ecg[beats[1:-1] + shift] = height
    assert find_beats(ecg, RATE) == pytest.approx(beats[1:-1], abs=1)
    rates = heart_rates(ecg, RATE)
    assert rates[8 * RATE : -8 * RATE] == pytest.approx(80)


def test_nothing_is_claimed_where_nothing_can_be_seen(recordings):
    rng = np.random.default_rng(0)
    assert np.isnan(heart_rates(rng.normal(size=RATE * 600), RATE)).mean() > 0.99
    assert np.isnan(heart_rates(np.full(RATE * 20, 3.0), RATE)).all()
    assert np.isnan(heart_rates(np.full(RATE * 20, np.nan), RATE)).all()
    assert not len(heart_rates(np.zeros(RATE * 8 - 1), RATE))


@pytest.mark.parametrize("lost", [0.0, np.nan])
def test_a_gap_costs_the_labels_around_it_only(recordings, lost):
    rows = recordings[0]
    ecg = rows["ECG"].to_numpy().copy()
    ecg[RATE * 60 : RATE * 90] = lost
    rates = heart_rates(ecg, RATE)
    assert np.isnan(rates[RATE * 64 : RATE * 86]).all()
    kept = np.r_[: RATE * 56, RATE * 94 : len(rates)]
    assert are_close(rates, rows["heart_rate"])[kept].all()
