"""How long RateSynthesizer takes beside its interpolation alone, and how much memory it needs.

    python benchmarks/rate_synthesizer.py [--subjects 8] [--minutes 20] [--ratio 4] [--repeats 5]

Each line is one run in which they take turns; the figures are medians. The second ratio is against an
interpolation that filters what it reads at a spacing above 1, as synthesis does. Memory is the peak that
Python and NumPy allocate while fitting and synthesizing, as a multiple of the synthetic windows.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from skaug import SubjectWindower, SynthefyAugmenter, Windows
from skaug._arrays import in_halves
from skaug.datasets import simulate_ppg
from skaug.synthesis import RateSynthesizer
from skaug.synthesis.resampling import interpolate, read

SAMPLING_RATE = 64


def main() -> None:
    """Print one line per method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--ratio", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    table = simulate_ppg(n_subjects=options.subjects, minutes=options.minutes)
    windower = SubjectWindower(512, features=["BVP"], target="heart_rate")
    windows = windower.fit_transform(table)
    print(
        f"{len(windows):,} windows of 512 rows, {options.ratio} synthetic per real one\n"
        f"{'method':10} {'fit':>9} {'synthesize':>11} {'interpolate':>12} {'ratio':>6} "
        f"{'if filtered':>11} {'memory':>7}"
    )
    for method in ("stretch", "shift", "both"):
        print(line(windows, method, options.ratio, options.repeats))


def line(windows: Windows, method: str, ratio: int, repeats: int) -> str:
    """Return the figures of a method: the aims are ratios of at most 2.5, and memory below 3."""
    synthesizer = RateSynthesizer(SAMPLING_RATE, channels=["BVP"], method=method)
    conditions = Windows.concatenate(
        [windows._drawn(np.full(len(windows), draw)) for draw in range(ratio)]
    )
    fitting = [seconds(lambda: synthesizer.fit(windows)) for _ in range(repeats)]
    reading = synthesizer._planner.plan(conditions, 0).reading
    signals, out = synthesizer._signals, np.empty(conditions.shape)
    order = np.argsort(reading.center)

    def alone(half: slice) -> None:
        interpolate(signals, reading.take(order[half]), out, order[half])

    def filtered(half: slice) -> None:
        read(signals, reading.take(order[half]), out, order[half])

    works: list[Callable[[], object]] = [
        lambda: synthesizer.synthesize(conditions),
        lambda: in_halves(alone, len(order), out.nbytes),
        lambda: in_halves(filtered, len(order), out.nbytes),
    ]
    rounds = np.array([[seconds(work) for work in works] for _ in range(repeats + 1)])
    whole, interpolation, reading_all = np.median(rounds[1:], axis=0)  # the first does not count
    memory = peak_memory(windows, method, ratio) / (len(conditions) * windows[:1].to_numpy().nbytes)
    return (
        f"{method:10} {np.median(fitting) * 1e3:6.0f} ms {whole * 1e3:8.0f} ms {interpolation * 1e3:9.0f} ms "
        f"{whole / interpolation:6.2f} {whole / reading_all:11.2f} {memory:7.2f}"
    )


def seconds(work: Callable[[], object]) -> float:
    """Return the time of a call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def peak_memory(windows: Windows, method: str, ratio: int) -> float:
    """Return the bytes allocated at most while an augmenter is fitted."""
    synthesizer = RateSynthesizer(SAMPLING_RATE, channels=["BVP"], method=method)
    augmenter = SynthefyAugmenter(synthesizer, ratio=ratio)
    tracemalloc.start()
    augmenter.fit(windows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


if __name__ == "__main__":
    main()
