"""Which synthesizer helps, with which model and how few training subjects, on any table of recordings.

    python benchmarks/synthesizers.py TABLE --target heart_rate --sampling-rate 25 --rate-channel PPG
    python benchmarks/synthesizers.py --simulate
    python benchmarks/synthesizers.py --simulate-motion

Each subject is tested once per draw, by models that are trained on 2, 4, 8 or all others. The training
subjects are drawn anew for each test subject, from a seed, and are the same for all protocols, models and
synthesizers. The draws are averaged per subject before the tests. TABLE is a parquet or CSV file; with
`--resample` it is brought to another sampling rate first. `--simulate` takes `simulate_ppg`,
`--simulate-motion` adds running, which leaks from the wrist's acceleration into the pulse. In both the true
heart rate is known.

The features are the log power of each channel less its mean over the band, per window, standardized. Each
row of the table is one variant, and all of them are printed: the error of predicting the mean or median
(naive), of the untrained spectral peak, and under each protocol; the change from TRTR to TRSTR, and for how
many subjects it is for the better; p-values of sign flips against TRTR and TRRTR, of the corrected t-test
against TRTR with a test share of 1 / (training subjects + 1) and of 1 / subjects (`benchmarks/inference.py`
says why); and the seconds of a fit with synthetic windows, synthesis included. At the end, the changes are
printed again in a table with a column per synthesizer.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skaug import (
    DataWarning,
    SpectralPeakRegressor,
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug._warnings import without_repeats
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_synthesizers
from skaug.evaluation.paired_tests import ALPHA, corrected_t, sign_flip_p
from skaug.synthesis import (
    ChoiceSynthesizer,
    MixupSynthesizer,
    RateSynthesizer,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    Synthesizer,
    TransformSynthesizer,
)
from skaug.synthesis.transforms import Drift, Jitter, MagnitudeWarp, Mask, Scale

MODELS = ("trees", "boosting", "lightgbm", "mlp", "ridge")
SYNTHESIZERS = ("rate", "surrogate", "transform", "mixup", "spectral", "choice")
LONGEST_GAP = 0.5  # seconds, within which samples are interpolated
COLUMNS = {
    "n": 3,
    "model": 8,
    "synthesizer": 11,
    "naive": 5,
    "peak": 5,
    "TRTR": 5,
    "TRRTR": 5,
    "TRPTR": 5,
    "TRSTR": 5,
    "change": 6,
    "better": 8,
    "p TRTR": 6,
    "p TRRTR": 7,
    "p 1/(n+1)": 9,
    "p 1/all": 7,
    "s": 4,
}


def main(options: argparse.Namespace) -> None:
    """Print the table row by row, and what to keep in mind when reading it."""
    began = time.perf_counter()
    windows = cut(options)
    n_subjects = len(np.unique(windows.groups))
    print(
        f"{windows!r}, {options.sampling_rate:g} Hz; ratio {options.ratio:g}, {options.draws} draws"
    )
    print(" ".join(sys.argv[1:]), end="\n\n")
    print(
        _row({name: name for name in COLUMNS}),
        _row({n: "-" * w for n, w in COLUMNS.items()}),
        sep="\n",
    )
    rows: list[dict[str, Any]] = []
    messages: list[str] = []
    warnings.simplefilter("ignore", DataWarning)  # they are printed at the end
    for n in options.subjects:
        for model in options.models:
            if n is None or n < n_subjects:
                for row in _rows(windows, options, n, model, messages):
                    print(_row(_in_words(row)), flush=True)
                    rows.append(row)
    significant = [row for row in rows if row["p TRTR"] < ALPHA]
    harmed = [row for row in significant if row["TRSTR"] > row["TRTR"]]
    print(
        f"\n{len(rows)} variants, p-values not adjusted for their number. Against TRTR, "
        f"{len(significant) - len(harmed)} are significantly better and {len(harmed)} significantly worse"
        + "".join(f"; worse: {row['n']} {row['model']} {row['synthesizer']}" for row in harmed)
        + f". {time.perf_counter() - began:.0f} s in all."
    )
    print("", *summary(rows), "", sep="\n")
    for message in without_repeats(messages):
        print(f"- {message}")


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Return the changes in lines of a table with a column per synthesizer. A star marks p TRTR < 0.05."""
    names = list(dict.fromkeys(row["synthesizer"] for row in rows))
    lines = [f"| n | model | TRTR | {' | '.join(names)} |", f"|{'---|' * (3 + len(names))}"]
    for n, model in dict.fromkeys((row["n"], row["model"]) for row in rows):
        cells = {
            row["synthesizer"]: f"{100 * row['change']:+.0f} %" + "*" * (row["p TRTR"] < ALPHA)
            for row in rows
            if (row["n"], row["model"]) == (n, model)
        }
        real = next(row["TRTR"] for row in rows if (row["n"], row["model"]) == (n, model))
        in_order = " | ".join(cells.get(name, "") for name in names)
        lines.append(f"| {n} | {model} | {real:.2f} | {in_order} |")
    return lines


def cut(options: argparse.Namespace) -> Windows:
    """Return labeled windows of the chosen table."""
    boundaries: list[str] = options.recording
    if options.simulate or options.simulate_motion:
        options.sampling_rate, options.target, options.subject = 25.0, "heart_rate", "subject"
        options.features = ["BVP", *(f"ACC_wrist_idx_{axis}" for axis in range(3))]
        options.rate_channel, boundaries = ["BVP"], []
        table = simulate_ppg(n_subjects=20, minutes=3, sampling_rate=options.sampling_rate)
        if options.simulate_motion:
            table = with_running(table, options.sampling_rate)
    else:
        path = Path(options.table)
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        if options.resample is not None:
            table = resampled(table, options)
            options.sampling_rate, boundaries = options.resample, ["recording"]
    size = options.window_size or round(8 * options.sampling_rate)
    windower = SubjectWindower(
        size,
        options.stride or size // 4,
        features=options.features,
        target=options.target,
        subject=options.subject,
        boundaries=boundaries,
        missing="drop",
    )
    return windower.fit_transform(table)


def resampled(table: pd.DataFrame, options: argparse.Namespace) -> pd.DataFrame:
    """Interpolate each recording on an even grid; gaps part recordings.

    Recordings with a much higher sampling rate are low-passed first, forwards and backwards.
    """
    rate, parts = options.resample, []
    keys = [options.subject, *options.recording]
    for key, recording in table.groupby(keys, observed=True, sort=False):
        times = recording[options.time].to_numpy(float)
        ends = np.flatnonzero(np.diff(times) > LONGEST_GAP) + 1
        for number, part in enumerate(np.split(np.arange(len(times)), ends)):
            t = times[part]
            if len(t) < 2 or t[-1] - t[0] < 1:
                continue
            grid = t[0] + np.arange(int((t[-1] - t[0]) * rate) + 1) / rate
            own_rate = 1 / np.median(np.diff(t))
            columns = {options.subject: key[0], "recording": f"{key}, {number}"}
            for name in options.features:
                samples = recording[name].to_numpy(float)[part]
                if own_rate > 1.5 * rate:
                    samples = sosfiltfilt(butter(8, 0.4 * rate, fs=own_rate, output="sos"), samples)
                columns[name] = CubicSpline(t, samples)(grid)
            labels = recording[options.target].to_numpy(float)[part]
            columns[options.target] = np.interp(grid, t, labels)
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def with_running(table: pd.DataFrame, sampling_rate: float) -> pd.DataFrame:
    """Add running: steps, their harmonic and the arm swing, in the accelerations and in the pulse.

    The cadence is near the heart rate or its multiples, and stronger in the pulse than the pulse itself, as
    in the recordings of Zhang et al. ("TROIKA", IEEE Trans. Biomed. Eng. 62(2), 2015).
    """
    parts = []
    for number, (_, recording) in enumerate(table.groupby("subject", sort=False)):
        rng = np.random.default_rng(number)
        seconds = np.arange(len(recording)) / sampling_rate
        knots = np.arange(0, seconds[-1] + 40, 20)
        wander = [CubicSpline(knots, rng.normal(size=len(knots)))(seconds) for _ in range(2)]
        cadence = rng.uniform(2.2, 2.9) * np.exp(0.04 * wander[0])  # steps per second
        phase = 2 * np.pi * np.cumsum(cadence) / sampling_rate
        vigor = np.exp(0.3 * wander[1]) * (seconds > 20)  # who starts running after a rest
        waves = [np.sin(k * phase + rng.uniform(0, 2 * np.pi)) for k in (0.5, 1, 2)]
        motion = vigor[:, None] * np.stack(waves, axis=1)
        recording = recording.copy()
        for axis in range(3):
            gains = rng.normal(scale=[0.3, 0.5, 0.2])
            recording[f"ACC_wrist_idx_{axis}"] += motion @ gains
        leak = motion @ np.abs(rng.normal(scale=[1.0, 1.0, 0.3]))
        recording["BVP"] += rng.uniform(1, 2) * recording["BVP"].std() * leak
        parts.append(recording)
    return pd.concat(parts, ignore_index=True)


def relative(features: NDArray, n_channels: int) -> NDArray:
    """Subtract from the log powers of each channel their mean, window by window: gain does not matter."""
    powers = features.reshape(len(features), n_channels, -1)
    return (powers - powers.mean(axis=2, keepdims=True)).reshape(features.shape)


def model_of(name: str) -> Any:
    """Return a model."""
    if name == "trees":
        return ExtraTreesRegressor(50, min_samples_leaf=3, max_features=0.33, random_state=0)
    if name == "boosting":
        return HistGradientBoostingRegressor(random_state=0)
    if name == "lightgbm":
        from lightgbm import LGBMRegressor

        return LGBMRegressor(random_state=0, n_jobs=1, verbose=-1)
    if name == "mlp":
        return TransformedTargetRegressor(
            MLPRegressor(random_state=0), transformer=StandardScaler()
        )
    return Ridge(10.0)


def synthesizers_of(options: argparse.Namespace) -> dict[str, Synthesizer]:
    """Return the chosen synthesizers by name."""
    rate_channels, unit = options.rate_channel, options.unit
    rate = RateSynthesizer(options.sampling_rate, channels=rate_channels, unit=unit)
    spectral = SpectralSynthesizer(options.sampling_rate, rate_channels=rate_channels, unit=unit)
    every: dict[str, Synthesizer] = {
        "rate": rate,
        "surrogate": SurrogateSynthesizer(),
        # All of those that keep the rate of a single channel.
        "transform": TransformSynthesizer(
            [Jitter(), Scale(), Drift(), MagnitudeWarp(), Mask()], p=0.5
        ),
        "mixup": MixupSynthesizer(),
        "spectral": spectral,
        "choice": ChoiceSynthesizer([("rate", rate), ("surrogate", SurrogateSynthesizer())]),
    }
    return {name: every[name] for name in options.synthesizers}


def _rows(
    windows: Windows, options: argparse.Namespace, n: int | None, model: str, messages: list[str]
) -> Iterator[dict[str, Any]]:
    """Yield a row per synthesizer. What does not depend on the synthesizer is fitted once."""
    band = (options.low, options.high)
    pipe = make_pipeline(
        SynthefyAugmenter(ratio=options.ratio),
        WindowSpectrum(*band, options.sampling_rate),
        FunctionTransformer(relative, kw_args={"n_channels": windows.shape[2]}),
        StandardScaler(),
        model_of(model),
    )
    settings = {"sampling_rate": options.sampling_rate, "channel": options.rate_channel[0]}
    comparison = compare_synthesizers(
        pipe,
        windows,
        synthesizers_of(options),
        controls=("TRRTR", "TRPTR"),
        cv=_folds(windows.groups, n, options.draws),
        baselines={"peak": SpectralPeakRegressor(*band, unit=options.unit, **settings)},
        n_jobs=options.n_jobs,
    )
    messages += comparison.details["warnings"]
    by_protocol = comparison.scores.groupby("protocol")
    seconds = by_protocol[["fit_seconds", "synthesis_seconds"]].mean().sum(axis=1)
    # A subject is tested once per draw of the training subjects.
    errors = -comparison.scores.groupby(["protocol", "subject"])["score"].mean().unstack("protocol")
    n_subjects = len(errors)
    share = 1 / (n_subjects if n is None else n + 1)
    for name in options.synthesizers:
        error = errors[f"TRSTR, {name}"]
        gain = errors["TRTR"] - error
        yield {
            "n": "all" if n is None else n,
            "model": model,
            "synthesizer": name,
            **errors[["naive", "peak", "TRTR", "TRRTR"]].mean(),
            "TRPTR": errors[f"TRPTR, {name}"].mean(),
            "TRSTR": error.mean(),
            "change": error.mean() / errors["TRTR"].mean() - 1,
            "better": f"{(gain > 0).sum()} of {n_subjects}",
            "p TRTR": sign_flip_p(gain),
            "p TRRTR": sign_flip_p(errors["TRRTR"] - error),
            "p 1/(n+1)": corrected_t(gain, share).p_value,
            "p 1/all": corrected_t(gain, 1 / n_subjects).p_value,
            "s": seconds[f"TRSTR, {name}"],
        }


def _folds(
    groups: NDArray, n: int | None, n_draws: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Return the training and test windows of each draw and subject.

    More training subjects include fewer. All others are drawn only once.
    """
    subjects = np.unique(groups)
    folds = []
    for draw in range(1 if n is None else n_draws):
        for number, subject in enumerate(subjects):
            others = np.random.default_rng([draw, number]).permutation(np.delete(subjects, number))
            train = np.flatnonzero(np.isin(groups, others[:n]))
            folds.append((train, np.flatnonzero(groups == subject)))
    return folds


def _in_words(row: dict[str, Any]) -> dict[str, str]:
    words = {name: f"{value:.2f}" for name, value in row.items() if isinstance(value, float)}
    words |= {name: _p_in_words(value) for name, value in row.items() if name.startswith("p ")}
    words |= {"change": f"{100 * row['change']:+.0f} %"}
    return {name: words.get(name, str(row[name])) for name in COLUMNS}


def _p_in_words(p: float) -> str:
    return "<.0001" if p < 0.0001 else f"{p:.4f}"[1:] if p < 0.01 else f"{p:.2f}".lstrip("0")


def _row(cells: dict[str, str]) -> str:
    padded = (
        f"{cells[name]:<{width}}" if name in ("model", "synthesizer") else f"{cells[name]:>{width}}"
        for name, width in COLUMNS.items()
    )
    return f"| {' | '.join(padded)} |"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("table", nargs="?", metavar="TABLE", help="a parquet or CSV file")
    add("--simulate", action="store_true", help="use 20 simulated subjects of 3 minutes instead")
    add("--simulate-motion", action="store_true", help="the same, while running")
    add("--target", help="the column of labels, a rate")
    add("--sampling-rate", type=float, help="rows per second; with --resample not needed")
    add("--subject", default="subject", help="the column of subjects")
    add("--recording", nargs="*", default=[], help="columns that part a subject's recordings")
    add("--features", nargs="+", help="the channels")
    add("--time", default="t", help="the column of seconds, for --resample")
    add("--resample", type=float, metavar="HZ", help="interpolate to this sampling rate")
    add("--window-size", type=int, help="in rows; 8 s by default")
    add("--stride", type=int, help="in rows; a quarter of a window by default")
    add("--low", type=float, default=0.5, help="lowest frequency of the features and the peak")
    add("--high", type=float, default=4.0, help="highest frequency of the features and the peak")
    add(
        "--rate-channel",
        nargs="+",
        help="the channels that hold the rhythm; all by default. The peak is that of the first",
    )
    add("--unit", type=float, default=60.0, help="label of 1 Hz: 60 for a rate per minute")
    add("--ratio", type=float, default=8.0, help="synthetic windows per real one")
    add(
        "--subjects", nargs="+", default=["2", "4", "8", "all"], help="numbers of training subjects"
    )
    add("--models", nargs="+", choices=MODELS, default=["trees", "boosting", "mlp", "ridge"])
    add("--synthesizers", nargs="+", choices=SYNTHESIZERS, default=list(SYNTHESIZERS))
    add("--draws", type=int, default=3, help="draws of the training subjects")
    add("--n-jobs", type=int, default=1)
    options = parser.parse_args()
    options.subjects = [None if n == "all" else int(n) for n in options.subjects]
    simulated = options.simulate or options.simulate_motion
    if simulated == (options.table is not None):
        parser.error("name a table, or use --simulate or --simulate-motion")
    if not simulated and not (options.target and options.features):
        parser.error("name the columns: --target and --features")
    if not simulated and options.sampling_rate is None and options.resample is None:
        parser.error("--sampling-rate is missing")
    options.rate_channel = options.rate_channel or options.features
    if "lightgbm" in options.models and importlib.util.find_spec("lightgbm") is None:
        parser.error("lightgbm is not installed")
    return options


if __name__ == "__main__":
    # A fixed number of epochs, for all protocols alike. Workers inherit the environment.
    os.environ["PYTHONWARNINGS"] = "ignore:Stochastic Optimizer"
    warnings.filterwarnings("ignore", "Stochastic Optimizer")
    main(_options())
