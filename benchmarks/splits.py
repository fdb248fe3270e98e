"""What the splits by subject do: balance of labels, dependence on the seed, personal calibration.

    python benchmarks/splits.py [TABLE --target heart_rate --sampling-rate 125 --channel PLETH]

By default recordings are simulated: 20 subjects, 5 minutes each. TABLE is a parquet or CSV file with a column
`subject`. Windows last 8 s and overlap by half; the features are the log power of one channel from 0.5 to
4 Hz, the model is made of extremely randomized trees.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import mean_absolute_error

from skaug import SubjectWindower, Windows, WindowSpectrum
from skaug.datasets import simulate_ppg
from skaug.model_selection import (
    CalibrationSplit,
    LeaveOneSubjectOut,
    RepeatedSubjectKFold,
    StratifiedSubjectKFold,
    SubjectKFold,
    SubjectShuffleSplit,
)

N_SPLITS = 5
N_SEEDS = 20
CALIBRATED_WITH = (1, 2, 4, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--target", default="heart_rate")
    parser.add_argument("--channel", default="BVP")
    parser.add_argument("--sampling-rate", type=float, default=64)
    parser.add_argument("--boundary", help="a column that tells the recordings of a subject apart")
    options = parser.parse_args()
    windows = windows_of(options)
    spectrum = WindowSpectrum(low=0.5, high=4, sampling_rate=options.sampling_rate)
    values = spectrum.fit_transform(windows).to_numpy()
    n_subjects = len(np.unique(windows.groups))
    print(f"{len(windows)} windows of {n_subjects} subjects\n")
    show_balance(windows)
    show_seeds(windows, values)
    show_calibration(windows, values)


def windows_of(options: argparse.Namespace) -> Windows:
    if options.table is None:
        table = simulate_ppg(n_subjects=20, minutes=5)
    else:
        is_csv = options.table.suffix == ".csv"
        table = pd.read_csv(options.table) if is_csv else pd.read_parquet(options.table)
        table = table.dropna(subset=[options.target, options.channel]).reset_index(drop=True)
    size = round(8 * options.sampling_rate)
    windower = SubjectWindower(
        size,
        size // 2,
        features=[options.channel],
        target=options.target,
        boundaries=[options.boundary] if options.boundary else (),
    )
    return windower.fit_transform(table)


def show_balance(windows: Windows) -> None:
    print(f"{N_SPLITS} folds: how unlike are the labels of their test sets?")
    for splitter in (SubjectKFold(N_SPLITS), StratifiedSubjectKFold(N_SPLITS)):
        labels = [windows.y[test] for _, test in splitter.split(windows)]
        means = [fold.mean() for fold in labels]
        bins = np.quantile(windows.y, [0.2, 0.4, 0.6, 0.8])
        shares = np.array(
            [np.bincount(np.searchsorted(bins, y), minlength=5) / len(y) for y in labels]
        )
        print(
            f"  {type(splitter).__name__:22} mean label {min(means):5.1f} to {max(means):5.1f}, share of a "
            f"fifth of the labels {shares.min():4.0%} to {shares.max():4.0%}"
        )


def show_seeds(windows: Windows, values: np.ndarray) -> None:
    print(
        f"\nMean absolute error: mean and standard deviation over {N_SEEDS} seeds of the division"
    )
    for make in (
        lambda seed: SubjectKFold(N_SPLITS, shuffle=True, random_state=seed),
        lambda seed: RepeatedSubjectKFold(N_SPLITS, n_repeats=5, random_state=seed),
        lambda seed: SubjectShuffleSplit(N_SPLITS, random_state=seed),
    ):
        errors = [error(windows, values, make(seed)) for seed in range(N_SEEDS)]
        splitter = make(0)
        print(
            f"  {type(splitter).__name__:22} {splitter.get_n_splits():2} fits: {np.mean(errors):.2f} ± "
            f"{np.std(errors, ddof=1):.2f}"
        )


def show_calibration(windows: Windows, values: np.ndarray) -> None:
    print("\nMean absolute error over subjects, on the windows that the largest calibration tests")
    print("  calibrated with   model   mean label of these windows")
    tested = np.concatenate(
        [test for _, test in CalibrationSplit(CALIBRATED_WITH[-1]).split(windows)]
    )
    print(f"  none              {error(windows, values, LeaveOneSubjectOut(), tested):5.2f}")
    for n in CALIBRATED_WITH:
        splitter = CalibrationSplit(n)
        model, mean = error(windows, values, splitter, tested), of_means(windows, splitter, tested)
        print(f"  {n} {'windows' if n > 1 else 'window ':14}  {model:5.2f}   {mean:5.2f}")


def of_means(windows: Windows, splitter: CalibrationSplit, among: np.ndarray) -> float:
    """Return the mean over subjects of the error of predicting the mean label of the calibration windows."""
    errors = []
    for train, test in splitter.split(windows):
        is_own = windows.groups[train] == windows.groups[test[0]]
        test = np.intersect1d(test, among)
        errors.append(np.abs(windows.y[test] - windows.y[train][is_own].mean()).mean())
    return float(np.mean(errors))


def error(windows: Windows, values: np.ndarray, splitter: Any, among: Any = None) -> float:
    """Return the mean over subjects of the mean absolute error, in the windows `among` only."""
    rows = []
    for train, test in splitter.split(windows):
        if among is not None:
            test = np.intersect1d(test, among)
        model = ExtraTreesRegressor(50, min_samples_leaf=2, random_state=0)
        predicted = model.fit(values[train], windows.y[train]).predict(values[test])
        for subject in np.unique(windows.groups[test]):
            is_own = windows.groups[test] == subject
            rows.append((subject, mean_absolute_error(windows.y[test][is_own], predicted[is_own])))
    by_subject = pd.DataFrame(rows, columns=["subject", "error"]).groupby("subject")["error"].mean()
    return float(by_subject.mean())


if __name__ == "__main__":
    main()
