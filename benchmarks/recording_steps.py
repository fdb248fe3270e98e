"""How long `PerRecording` takes, beside a loop that calls SciPy on arrays in the same run.

    python benchmarks/recording_steps.py [--rows 2000000] [--subjects 15] [--text]

The table has two channels, a column of subjects, a target, and six further columns. The loop has one array
per subject and makes no table: it is what the filter alone costs. Contestants take turns; the figures are
medians. With --text, the subjects are text instead of categories.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import butter, resample_poly, sosfiltfilt

from skaug import PerRecording
from skaug.signal import bandpass, resample, standardize

RATE = 64
CHANNELS = ["BVP", "ECG"]
ROUNDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--subjects", type=int, default=15)
    parser.add_argument("--text", action="store_true")
    options = parser.parse_args()
    table = recorded(options.rows, options.subjects, text=options.text)
    arrays = [
        rows[CHANNELS].to_numpy() for _, rows in table.groupby("subject", sort=False, observed=True)
    ]
    print(f"{len(table):,} rows of {options.subjects} subjects, 2 channels; median of {ROUNDS}\n")
    print("| step | PerRecording | SciPy | ratio |")
    print("|---|---|---|---|")
    report("bandpass(0.5, 4)", bandpass(0.5, 4, RATE), table, arrays, filtered)
    report("resample(64, to=25)", resample(RATE, 25), table, arrays, resampled)
    report("standardize()", standardize(), table, arrays, standardized)


def recorded(n_rows: int, n_subjects: int, *, text: bool) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [*CHANNELS, "heart_rate", *(f"other_{i}" for i in range(6))]
    table = pd.DataFrame(rng.normal(size=(n_rows, len(names))), columns=names)
    subjects = pd.Series([f"S{i}" for i in range(n_subjects)])
    column = subjects.repeat(-(-n_rows // n_subjects)).iloc[:n_rows].reset_index(drop=True)
    return table.assign(subject=column if text else column.astype("category"))


def filtered(X: np.ndarray) -> np.ndarray:
    sections = butter(4, (0.5, 4), "bandpass", fs=RATE, output="sos")
    return sosfiltfilt(sections, X, axis=0)


def resampled(X: np.ndarray) -> np.ndarray:
    return resample_poly(X, 25, RATE, padtype="line")


def standardized(X: np.ndarray) -> np.ndarray:
    return (X - X.mean(axis=0)) / X.std(axis=0)


def report(
    name: str,
    transformer: Any,
    table: pd.DataFrame,
    arrays: list[np.ndarray],
    function: Callable[[np.ndarray], np.ndarray],
) -> None:
    step = PerRecording(transformer, CHANNELS)
    ours, scipys = [], []
    for _ in range(ROUNDS):
        began = perf_counter()
        step.fit_transform(table)
        ours.append(perf_counter() - began)
        began = perf_counter()
        for array in arrays:
            function(array)
        scipys.append(perf_counter() - began)
    a, b = median(ours), median(scipys)
    print(f"| {name} | {1e3 * a:.0f} ms | {1e3 * b:.0f} ms | {a / b:.2f} |")


if __name__ == "__main__":
    main()
