"""How long the transforms of `TransformSynthesizer` take, relative to drawing as many random numbers.

    python benchmarks/transforms.py [--windows 4000] [--size 512] [--channels 3] [--dtype float32]

For each transform alone, on windows that overlap by half: the time of ``fit`` and of ``synthesize``, and the
latter divided by the time that NumPy takes to draw a normal number per sample and for one pass of
``x * a + b`` over the samples, measured in turns in the same run. Then the peak of memory as a multiple of
the synthetic windows.
"""

from __future__ import annotations

import argparse
import tracemalloc
from time import perf_counter

import numpy as np
import pandas as pd

from skaug import SubjectWindower, Windows
from skaug.synthesis import (
    Drift,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    Mask,
    Permute,
    Rotate,
    Scale,
    TimeShift,
    TimeWarp,
    Transform,
    TransformSynthesizer,
)

ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=4000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--channels", type=int, default=3, help="3 or more")
    parser.add_argument("--dtype", default="float32")
    options = parser.parse_args()
    windows = recorded(options.windows, options.size, options.channels, options.dtype)
    names = tuple(windows.feature_names[:3])
    alone: list[Transform] = [
        Jitter(),
        Scale(),
        Drift(),
        MagnitudeWarp(),
        TimeWarp(),
        TimeShift(),
        Permute(),
        Mask(),
        Rotate(names),
        FrequencyMask(),
    ]
    n, size, channels = windows.shape
    print(f"{n:,} windows of {size} x {channels}, {windows.dtype}; best of {ROUNDS}\n")
    print("| transform | fit | synthesize | NumPy | ratio | memory |")
    print("|---|---|---|---|---|---|")
    for transform in alone:
        report(type(transform).__name__, TransformSynthesizer([transform]), windows)
    report("the first three", TransformSynthesizer(alone[:3]), windows)


def recorded(n: int, size: int, channels: int, dtype: str) -> Windows:
    """Windows of noise of ten subjects, with half a window between them."""
    stride = size // 2
    rows = 10 * ((n // 10 - 1) * stride + size)
    rng = np.random.default_rng(0)
    names = [f"channel_{i}" for i in range(channels)]
    table = pd.DataFrame(rng.normal(size=(rows, channels)).astype(dtype), columns=names)
    table["subject"] = np.repeat([f"S{i}" for i in range(10)], rows // 10)
    table["rate"] = rng.normal(70, 10, size=rows)
    windower = SubjectWindower(size, stride, features=names, target="rate", dtype=dtype)
    return windower.fit_transform(table)


def report(name: str, synthesizer: TransformSynthesizer, windows: Windows) -> None:
    began = perf_counter()
    synthesizer.fit(windows)
    fitting = perf_counter() - began
    ours, numpys = [], []
    for seed in range(ROUNDS):
        began = perf_counter()
        draw_and_pass(windows, seed)
        numpys.append(perf_counter() - began)
        began = perf_counter()
        synthesizer.synthesize(windows)
        ours.append(perf_counter() - began)
    tracemalloc.start()
    synthetic = synthesizer.synthesize(windows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    n_bytes = np.prod(synthetic.shape) * synthetic.dtype.itemsize
    print(
        f"| {name} | {1e3 * fitting:.0f} ms | {1e3 * min(ours):.0f} ms | {1e3 * min(numpys):.0f} ms "
        f"| {min(ours) / min(numpys):.2f} | {peak / n_bytes:.1f} |"
    )


def draw_and_pass(windows: Windows, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(windows.shape, dtype=windows.dtype)
    drawn *= windows.dtype.type(0.1)
    drawn += windows.to_numpy()
    return drawn


if __name__ == "__main__":
    main()
