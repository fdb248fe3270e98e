"""How long the steps after the windows take, beside NumPy and SciPy doing the same.

    python benchmarks/steps.py [--windows 4000] [--size 512] [--channels 2] [--dtype float64]

For each step, on windows that overlap by half: microseconds per window of ``transform`` and of the same in
plain NumPy and SciPy, from the same windows as one array, measured in turns in the same run; and the ratio.
The results are compared first.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray
from transforms import recorded

from skaug import (
    WindowAutocorrelation,
    WindowFlattener,
    WindowNormalizer,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    WindowTransformer,
)

ROUNDS = 7
RATE = 64.0
BANDS = {"very low": (0.125, 0.5), "pulse": (0.5, 4), "high": (4, 32)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=4000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--channels", type=int, default=2)
    parser.add_argument("--dtype", default="float64")
    options = parser.parse_args()
    windows = recorded(options.windows, options.size, options.channels, options.dtype)
    n, size, channels = windows.shape
    print(
        f"{n:,} windows of {size} x {channels}, {windows.dtype}; µs per window, best of {ROUNDS}\n"
    )
    print("| step | skaug | NumPy/SciPy | ratio |")
    print("|---|---|---|---|")
    report(WindowFlattener(), flatten, windows)
    report(WindowStatistics(), statistics, windows)
    report(WindowSpectrum(0.5, 4, RATE), lambda X: log_power(X)[:, bins(X, 0.5, 4)], windows)
    report(WindowSpectrum(sampling_rate=RATE), lambda X: log_power(X)[:, 1:], windows)
    report(WindowSpectrum(sampling_rate=RATE, bands=BANDS), log_power_in_bands, windows)
    report(WindowAutocorrelation(), autocorrelation, windows)
    report(WindowNormalizer(), normalized, windows)
    report(WindowNormalizer("median", "iqr"), normalized_robustly, windows)
    report(WindowTransformer(statistics), statistics, windows)
    report(WindowTransformer(first_differences, channels_first=True), turned, windows)


def report(step: Any, by_hand: Callable[[NDArray], NDArray], windows: Windows) -> None:
    step.fit(windows[:10])
    expected = by_hand(windows.to_numpy())
    made = step.transform(windows).to_numpy()
    expected = np.moveaxis(expected, 1, 2) if made.ndim < expected.ndim else expected
    tolerance = 1e-8 if windows.dtype == np.float64 else 1e-2
    np.testing.assert_allclose(made, expected.reshape(made.shape), rtol=tolerance, atol=tolerance)
    ours, plain = [], []
    for _ in range(ROUNDS):
        began = perf_counter()
        by_hand(windows.to_numpy())
        plain.append(perf_counter() - began)
        began = perf_counter()
        step.transform(windows)
        ours.append(perf_counter() - began)
    each = 1e6 / len(windows)
    name = " ".join(re.sub(r" at 0x\w+", "", repr(step)).split())
    print(
        f"| `{name}` | {each * min(ours):.1f} | {each * min(plain):.1f} "
        f"| {min(ours) / min(plain):.2f} |"
    )


def flatten(X: NDArray) -> NDArray:
    return X.reshape(len(X), -1)


def statistics(X: NDArray) -> NDArray:
    each = [X.mean(axis=1), X.std(axis=1), X.min(axis=1), X.max(axis=1)]
    return np.stack(each, axis=2).reshape(len(X), -1)


def log_power(X: NDArray) -> NDArray:
    _, power = scipy.signal.periodogram(X, RATE, window="hann", detrend="constant", axis=1)
    return np.log(np.maximum(power, 1e-30))


def bins(X: NDArray, low: float, high: float) -> NDArray[np.bool_]:
    frequencies = np.fft.rfftfreq(X.shape[1], 1 / RATE)
    return (frequencies >= low) & (frequencies <= high)


def log_power_in_bands(X: NDArray) -> NDArray:
    _, power = scipy.signal.periodogram(X, RATE, window="hann", detrend="constant", axis=1)
    means = [power[:, bins(X, *ends)].mean(axis=1) for ends in BANDS.values()]
    return np.log(np.stack(means, axis=1))


def autocorrelation(X: NDArray) -> NDArray:
    X = X - X.mean(axis=1, keepdims=True)
    last = X.shape[1] // 2
    n = scipy.fft.next_fast_len(X.shape[1] + last, real=True)
    spectrum = scipy.fft.rfft(X, n, axis=1)
    products = scipy.fft.irfft(np.abs(spectrum) ** 2, n, axis=1)[:, 1 : last + 1]
    return products / (X**2).sum(axis=1, keepdims=True)


def normalized(X: NDArray) -> NDArray:
    return (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)


def normalized_robustly(X: NDArray) -> NDArray:
    low, middle, high = np.quantile(X, [0.25, 0.5, 0.75], axis=1, keepdims=True)
    return (X - middle) / (high - low)


def first_differences(X: NDArray) -> NDArray:
    return np.diff(X, axis=2)


def turned(X: NDArray) -> NDArray:
    made = first_differences(np.ascontiguousarray(np.moveaxis(X, 1, 2)))
    return np.ascontiguousarray(np.moveaxis(made, 1, 2))


if __name__ == "__main__":
    main()
