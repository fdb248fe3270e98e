"""How well a linear model predicts a rate from each kind of features, and how long the features take.

    python benchmarks/features.py [TABLE --target heart_rate --channels PLETH --sampling-rate 125]

By default the recordings are those of the guide: 6 simulated subjects, tested in three folds. TABLE is a
parquet file with a column `subject`, of which each is tested by a model of the others. Windows last 8 s and
overlap by half; the model is a ridge regression with generalized cross-validation. Per kind of features:
their number in all, the mean over folds of the mean absolute error, and the time of ``transform`` per
window, best of several. Catch22 and MiniRocket are included if aeon is installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import StandardScaler

from skaug import (
    SubjectWindower,
    WindowAutocorrelation,
    WindowNormalizer,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    WindowTransformer,
    make_pipeline,
)
from skaug.datasets import simulate_ppg
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold

ROUNDS = 7
BANDS = {"30-60": (0.5, 1), "60-90": (1, 1.5), "90-120": (1.5, 2), "above": (2, 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--target", default="heart_rate")
    parser.add_argument("--channels", nargs="+", default=["BVP", "ECG"])
    parser.add_argument("--sampling-rate", type=float, default=64)
    parser.add_argument("--boundary", help="a column that tells the recordings of a subject apart")
    options = parser.parse_args()
    windows = windows_of(options)
    cv = SubjectKFold(3) if options.table is None else LeaveOneSubjectOut()
    n, size, channels = windows.shape
    print(f"{n:,} windows of {size} x {channels}\n")
    print("| features | number | MAE | µs per window |")
    print("|---|---|---|---|")
    for name, steps in kinds(options.sampling_rate):
        report(name, steps, windows, cv)


def windows_of(options: argparse.Namespace) -> Windows:
    table = simulate_ppg(n_subjects=6) if options.table is None else pd.read_parquet(options.table)
    size = round(8 * options.sampling_rate)
    windower = SubjectWindower(
        size,
        size // 2,
        features=options.channels,
        target=options.target,
        boundaries=[options.boundary] if options.boundary else (),
    )
    kept = table.dropna(subset=[options.target, *options.channels]).reset_index(drop=True)
    return windower.fit_transform(kept)


def kinds(rate: float) -> Iterator[tuple[str, list[Any]]]:
    yield "statistics", [WindowStatistics()]
    yield "spectrum", [WindowSpectrum(0.5, 4, rate)]
    yield "bands", [WindowSpectrum(sampling_rate=rate, bands=BANDS)]
    yield "autocorrelation", [WindowAutocorrelation(max_lag=round(1.5 * rate), n_lags=48)]
    crossings = WindowTransformer(zero_crossings)
    yield "normalized, zero crossings", [WindowNormalizer(), crossings]
    yield "zero crossings", [crossings]
    if find_spec("aeon"):
        from aeon.transformations.collection.convolution_based import MiniRocket
        from aeon.transformations.collection.feature_based import Catch22

        yield "Catch22", [WindowTransformer(Catch22(), channels_first=True)]
        rocket = MiniRocket(n_kernels=2000, random_state=0)
        yield "MiniRocket", [WindowTransformer(rocket, channels_first=True)]


def zero_crossings(X: NDArray) -> NDArray:
    return (np.diff(np.sign(X), axis=1) != 0).mean(axis=1)


def report(name: str, steps: list[Any], windows: Windows, cv: Any) -> None:
    model = make_pipeline(*steps, StandardScaler(), RidgeCV(np.logspace(-2, 6, 17)))
    scores = cross_val_score(
        model, windows, windows.y, cv=cv, scoring="neg_mean_absolute_error", error_score="raise"
    )
    features = make_pipeline(*steps).fit(windows)
    seconds = []
    for _ in range(ROUNDS):
        began = perf_counter()
        made = features.transform(windows)
        seconds.append(perf_counter() - began)
    print(
        f"| {name} | {made.shape[1]:,} | {-scores.mean():.1f} | {1e6 * min(seconds) / len(windows):,.0f} |"
    )


if __name__ == "__main__":
    main()
