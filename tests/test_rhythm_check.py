"""Whether a label is the rate of a rhythm in the channels: level and power of the check."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from skaug import Windows
from skaug.synthesis.rhythm_check import check_rhythm

FS, SIZE = 16.0, 128
N_TABLES = 60


def tones(hertz: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return windows of a tone in noise of the same power, of shape (n_windows, SIZE, 1)."""
    phase = 2 * np.pi * (hertz[:, None] * np.arange(SIZE) / FS + rng.random((len(hertz), 1)))
    return (np.sqrt(2) * np.sin(phase) + rng.normal(size=phase.shape))[:, :, None]


def rates(n: int, rng: np.random.Generator) -> np.ndarray:
    return np.exp(rng.uniform(np.log(0.6), np.log(2.4), n))


def passes(n_subjects: int, rng: np.random.Generator, *, is_rate: bool, spread: float) -> bool:
    """Whether a table passes whose subjects have a rhythm and a label each, which may be its rate."""
    subjects = np.repeat(np.arange(n_subjects), 10)
    of_subject = rates(n_subjects, rng)[subjects] * np.exp(spread * rng.normal(size=len(subjects)))
    labels = of_subject if is_rate else rates(n_subjects, rng)[subjects]
    windows = Windows.from_arrays(tones(of_subject, rng), labels, subjects)
    check = check_rhythm(windows, np.array([0]), labels, FS)
    assert check is not None
    return check.p_value <= 0.05


@pytest.mark.parametrize("n_subjects", [8, 20])
@pytest.mark.slow
def test_labels_of_subjects_that_are_not_rates_pass_at_most_at_the_nominal_level(
    n_subjects: int,
) -> None:
    """Labels such as an age, constant in each subject. Permuting windows lets through a quarter."""
    rng = np.random.default_rng(n_subjects)
    passed = sum(passes(n_subjects, rng, is_rate=False, spread=0.02) for _ in range(N_TABLES))
    assert passed <= scipy.stats.binom.ppf(0.999, N_TABLES, 0.05)


@pytest.mark.parametrize("spread", [0.0, 0.2])
@pytest.mark.parametrize("n_subjects", [5, 8])
@pytest.mark.slow
def test_rates_pass_with_few_subjects(n_subjects: int, spread: float) -> None:
    rng = np.random.default_rng(n_subjects)
    passed = sum(passes(n_subjects, rng, is_rate=True, spread=spread) for _ in range(N_TABLES))
    assert passed >= N_TABLES - 1


def test_rates_pass_where_all_subjects_follow_the_same_protocol() -> None:
    rng = np.random.default_rng(0)
    subjects, hertz = np.repeat(np.arange(6), 10), np.tile(np.linspace(0.8, 2.2, 10), 6)
    windows = Windows.from_arrays(tones(hertz, rng), hertz, subjects)
    check = check_rhythm(windows, np.array([0]), hertz, FS)
    assert check is not None
    assert check.p_value <= 0.01


def test_the_check_does_not_depend_on_the_order_of_the_subjects_windows() -> None:
    rng = np.random.default_rng(0)
    hertz = rates(60, rng)
    windows = Windows.from_arrays(tones(hertz, rng), hertz, np.repeat(np.arange(6), 10))
    order = rng.permutation(60)
    checks = [
        check_rhythm(each, np.array([0]), np.asarray(each.y), FS)
        for each in (windows, windows[order])
    ]
    assert checks[0] == pytest.approx(checks[1], rel=1e-9)
