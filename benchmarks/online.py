"""Microseconds per `OnlineWindower.push`, and what a model that gets the same windows takes.

    python benchmarks/online.py [--size 512] [--stride 64] [--channels 2] [--seconds 60] [--rate 64]

One subject is recorded for `--seconds` at `--rate` Hz. Its rows are pushed in parts of 1, 16 and 64. Per
library of the rows: the median time of a push that completes no window, that of one which completes some,
and the share of a second of recording that all pushes take. The median of ``pipeline.predict`` for a table
of one window stands beside them.
"""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from sklearn.linear_model import Ridge

from skaug import OnlineWindower, SubjectWindower, WindowSpectrum, make_pipeline


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--stride", type=int, default=64)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=64)
    options = parser.parse_args()
    table = recorded(options.seconds * options.rate, options.channels)
    features = [name for name in table.columns if name.startswith("channel")]
    windower = SubjectWindower(options.size, options.stride, features=features, target="rate")
    pipe = make_pipeline(windower, WindowSpectrum(0.5, 4, options.rate), Ridge()).fit(table)
    rows = table.drop(columns="rate")
    print(f"windows of {options.size} x {options.channels} every {options.stride} rows\n")
    print("| rows per push | library | no window | a window | of real time |")
    print("|---|---|---|---|---|")
    for n in (1, 16, 64):
        for library, pushed in {"pandas": rows, "polars": pl.from_pandas(rows)}.items():
            without, completing = times(OnlineWindower(pipe), pushed, n)
            share = (sum(without) + sum(completing)) / options.seconds
            print(
                f"| {n} | {library} | {median(without)} | {median(completing)} | {100 * share:.1f} % |"
            )
    one = rows.iloc[: options.size]
    print(f"\nThe whole pipeline, for a table of one window: {median(whole(pipe, one))}")


def recorded(n: int, channels: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    names = [f"channel_{i}" for i in range(channels)]
    table = pd.DataFrame(rng.normal(size=(n, channels)), columns=names)
    return table.assign(subject="S1", rate=rng.normal(70, 10, size=n))


def times(online: OnlineWindower, rows: Any, n: int) -> tuple[list[float], list[float]]:
    """Seconds of the pushes that complete no window, and of those that complete some."""
    without, completing = [], []
    for begin in range(0, len(rows), n):
        part = rows[begin : begin + n]
        began = perf_counter()
        predicted = online.push(part)
        (completing if len(predicted) else without).append(perf_counter() - began)
    return without, completing


def whole(pipe: Any, one: pd.DataFrame) -> list[float]:
    seconds = []
    for _ in range(100):
        began = perf_counter()
        pipe.predict(one)
        seconds.append(perf_counter() - began)
    return seconds


def median(seconds: list[float]) -> str:
    return f"{1e6 * np.median(seconds):,.0f} µs" if seconds else "-"


if __name__ == "__main__":
    main()
