"""Where a grid search over window sizes and ratios of synthetic windows spends its time.

    python benchmarks/pipeline.py [--scale 1] [--text str] [--profile profile.txt]

5 folds x 4 window sizes x 3 ratios on a table like the published one, with surrogates, in one process: once
with rows as samples, once with windows as samples. Then surrogates are compared with the Fourier transforms
they consist of.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import time
from pathlib import Path
from typing import Any

import pandas as pd
import scipy.fft
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from windowing import TARGET, TWO, published_table, show, take_turns

from skaug import SubjectWindower, SynthefyAugmenter, Windows, WindowSpectrum, make_pipeline
from skaug.model_selection import SubjectKFold, window_scorer
from skaug.synthesis import SurrogateSynthesizer

SIZES = [128, 256, 512, 1024]
RATIOS = [0.0, 0.5, 1.0]

# The functions that do each part of the work, by module and name. None of them calls another.
PARTS = {
    "rows of each fold (scikit-learn, pandas)": [("metaestimators.py", "_safe_split")],
    "windows cut": [("cutting.py", "cut")],
    "conditions chosen": [("augmenter.py", "_conditions")],
    "surrogates made": [("surrogate.py", "synthesize")],
    "real and synthetic joined": [("container.py", "concatenate")],
    "spectra": [("features.py", "transform")],
    "Ridge": [("_ridge.py", "fit"), ("_base.py", "predict")],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiple of the rows of the published table"
    )
    parser.add_argument(
        "--text", default="str", help="dtype of text: object, category, str, pyarrow"
    )
    parser.add_argument("--profile", type=Path, help="write the whole profile to this file")
    options = parser.parse_args()
    table = published_table(options.scale, options.text)
    print(f"{len(table):,} rows: 5 folds x {len(SIZES)} window sizes x {len(RATIOS)} ratios\n")
    texts = [
        profiled("Rows as samples", lambda: search_rows(table)),
        profiled("Windows as samples", lambda: search_windows(table)),
    ]
    if options.profile is not None:
        options.profile.write_text("\n".join(texts))
    compare_surrogates(table)


def search_rows(table: pd.DataFrame) -> None:
    pipe = make_pipeline(SubjectWindower(features=TWO, target=TARGET), *steps())
    grid = {"subjectwindower__window_size": SIZES, "synthefyaugmenter__ratio": RATIOS}
    search(pipe, grid, window_scorer("neg_mean_absolute_error")).fit(table)


def search_windows(table: pd.DataFrame) -> None:
    for size in SIZES:
        windows = SubjectWindower(size, features=TWO, target=TARGET).fit_transform(table)
        grid = {"synthefyaugmenter__ratio": RATIOS}
        search(make_pipeline(*steps()), grid, "neg_mean_absolute_error").fit(windows, windows.y)


def steps() -> tuple[Any, ...]:
    return SynthefyAugmenter(), WindowSpectrum(0.5, 4, sampling_rate=64), Ridge()


def search(pipe: Any, grid: dict[str, list], scoring: Any) -> GridSearchCV:
    return GridSearchCV(
        pipe, grid, cv=SubjectKFold(5), scoring=scoring, refit=False, error_score="raise"
    )


def profiled(title: str, work: Any) -> str:
    profile = cProfile.Profile()
    began = time.perf_counter()
    profile.runcall(work)
    took = time.perf_counter() - began
    text = io.StringIO()
    stats = pstats.Stats(profile, stream=text)
    print(f"{title}: {took:.1f} s")
    rest = took
    for part, functions in PARTS.items():
        calls = {
            key: entry[4]
            for key, entry in stats.stats.items()  # type: ignore[attr-defined]
            if (Path(key[0]).name, key[2]) in functions
        }
        if not calls:
            raise LookupError(f"{part}: none of {functions} was called; correct PARTS.")
        # A method that calls the one it overrides counts once.
        seconds = sum(
            call[3]
            for callers in calls.values()
            for caller, call in callers.items()
            if caller not in calls
        )
        rest -= seconds
        print(f"  {part:<42}{seconds:>8.1f} s {seconds / took:>5.0%}")
    print(f"  {'the rest':<42}{rest:>8.1f} s {rest / took:>5.0%}\n")
    stats.sort_stats("cumulative").print_stats(60)
    stats.sort_stats("tottime").print_stats(40)
    return f"{title}\n{text.getvalue()}"


def compare_surrogates(table: pd.DataFrame) -> None:
    cut = SubjectWindower(512, features=TWO, target=TARGET).fit_transform(table)
    windows = Windows.from_arrays(cut.to_numpy(), cut.y, cut.groups)
    X = windows.to_numpy()

    def transforms() -> NDArray:
        spectra = scipy.fft.rfft(X, axis=1, workers=-1)
        return scipy.fft.irfft(spectra, n=512, axis=1, workers=-1, overwrite_x=True)

    synthesizer = SurrogateSynthesizer()
    figures = take_turns(
        {
            "scipy.fft alone": transforms,
            "SurrogateSynthesizer": lambda: synthesizer.synthesize(windows),
        },
        repeats=9,
    )
    print(f"Surrogates of {len(X):,} windows of 512 x 2")
    show(figures, "scipy.fft alone")
    seconds, peak = figures["SurrogateSynthesizer"]
    times = f"{seconds / figures['scipy.fft alone'][0]:.2f} times (aim 2)"
    memory = f"{peak / X.nbytes:.2f} times its output (aim 3)"
    show(figures, "SurrogateSynthesizer", f"{times}; memory {memory}")


if __name__ == "__main__":
    main()
