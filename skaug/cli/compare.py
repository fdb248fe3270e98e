"""``skaug compare``: the protocols compared on a table of recordings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from skaug import WindowFlattener, Windows, WindowSpectrum, WindowStatistics
from skaug.cli.columns import choose_columns, without_labels
from skaug.cli.comparisons import DEFAULT_PROTOCOLS, print_comparison, print_windows
from skaug.cli.cutting import add_cutting, windower_of
from skaug.cli.messages import say
from skaug.cli.models import REGRESSORS, pipeline_of
from skaug.cli.option_types import n_jobs, number, number_of_windows, whole_number
from skaug.cli.outputs import check_output, write_csv
from skaug.cli.pages import add_report, check_report, write_report
from skaug.cli.tables import read_table
from skaug.evaluation import ProtocolComparison, compare_protocols
from skaug.evaluation.protocol_variants import PROTOCOLS
from skaug.synthesis import SurrogateSynthesizer
from skaug.windower import ALIGNMENTS

REPRESENTATIONS = ("spectrum", "statistics", "flatten")

SUMMARY = "compare the protocols on a table of recordings"
DESCRIPTION = (
    "Compare training on real windows (TRTR), on real and synthetic windows (TRSTR) and on synthetic "
    "windows (TSTR) on recordings of several subjects. Each subject is left out in turn; tests use real "
    "windows of subjects that were left out. Synthetic windows are phase-randomized surrogates, made on "
    "this machine."
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "table", type=Path, help="a .parquet, .csv or .csv.gz file, one row per sample"
    )
    windows = add_cutting(parser, "the column to predict", needs_target=True)
    windows.add_argument(
        "--alignment",
        choices=ALIGNMENTS,
        default="subject",
        help="where windows begin: with the first row of each recording (subject), or on a grid over "
        "all rows (table) (default: subject)",
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--representation",
        choices=REPRESENTATIONS,
        default="spectrum",
        help="features of a window: log power spectrum, statistics of each channel, or all its samples "
        "(default: spectrum)",
    )
    model.add_argument(
        "--sampling-rate",
        type=number(above=0),
        default=1.0,
        metavar="RATE",
        help="samples per second; with the default, 1, --low and --high are cycles per sample",
    )
    model.add_argument(
        "--low",
        type=number(least=0),
        metavar="FREQUENCY",
        help="lowest frequency of the spectrum (default: the lowest above 0)",
    )
    model.add_argument(
        "--high",
        type=number(above=0),
        metavar="FREQUENCY",
        help="highest frequency of the spectrum (default: half the sampling rate)",
    )
    model.add_argument(
        "--model",
        choices=tuple(REGRESSORS),
        default="ridge",
        help="regressor on the features (default: ridge)",
    )
    comparison = parser.add_argument_group("the comparison")
    comparison.add_argument(
        "--protocol",
        action="append",
        choices=tuple(PROTOCOLS),
        help=f"a protocol to compare; repeat for more (default: {', '.join(DEFAULT_PROTOCOLS)}). TRTS "
        "is tested on synthetic windows; TRRTR adds repeated real windows in place of synthetic ones",
    )
    amount = comparison.add_mutually_exclusive_group()
    amount.add_argument(
        "--ratio",
        type=number(least=0),
        default=1.0,
        help="number of synthetic windows per real one, for each subject (default: 1.0)",
    )
    amount.add_argument(
        "--n-synthetic",
        type=number_of_windows,
        metavar="N",
        help="number of synthetic windows in all, in place of --ratio",
    )
    comparison.add_argument(
        "--repeats",
        type=whole_number(1),
        default=1,
        help="how often synthetic windows are drawn; scores are averaged (default: 1)",
    )
    comparison.add_argument(
        "--rope",
        type=number(above=0),
        metavar="WIDTH",
        help="differences of the MAE up to this size do not matter in practice",
    )
    comparison.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        help="seed of the synthetic windows (default: 0)",
    )
    comparison.add_argument(
        "--jobs",
        type=n_jobs,
        default=1,
        metavar="N",
        help="number of fits at the same time; -1 is one per processor (default: 1)",
    )
    comparison.add_argument(
        "--output",
        type=Path,
        metavar="CSV",
        help="also write the score of each subject in each fold",
    )
    add_report(comparison)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    protocols = options.protocol or DEFAULT_PROTOCOLS
    _check_missing(options, protocols)
    check_output(options.output, options.table)
    check_report(options.report, options.table)
    recordings = read_table(options.table)
    windows = _cut(recordings, options)
    print_windows(windows)
    pipeline = pipeline_of(
        SurrogateSynthesizer(random_state=options.seed),
        _representation(options),
        options.model,
        ratio=options.ratio,
        n_synthetic=options.n_synthetic,
        seed=options.seed,
    )
    comparison = compare_protocols(
        pipeline,
        windows,
        protocols=protocols,
        n_repeats=options.repeats,
        n_jobs=options.jobs,
        rope=options.rope,
        progress=True,
    )
    print_comparison(comparison, options.target)
    if options.output is not None:
        _write_scores(comparison, options.output)
    if options.report is not None:
        write_report(
            options.report,
            comparison,
            pipeline,
            windows,
            sampling_rate=options.sampling_rate,
            n_jobs=options.jobs,
        )


def _check_missing(options: argparse.Namespace, protocols: Any) -> None:
    if options.missing == "keep" and (
        options.model != "extra-trees"
        or options.representation == "spectrum"
        or set(protocols) != {"TRTR"}
    ):
        raise ValueError(
            "--missing keep leaves NaN in the windows, which only --model extra-trees with "
            "--representation statistics or flatten and --protocol TRTR accepts: use --missing drop or "
            "--missing ffill."
        )


def _cut(recordings: pd.DataFrame, options: argparse.Namespace) -> Windows:
    has_default_channels = options.feature is None
    choose_columns(options, recordings)
    _check_target(recordings, options.target)
    windows = windower_of(options, alignment=options.alignment).fit_transform(recordings)
    if has_default_channels:
        channels = without_labels(options.feature, windows, options.target)
        if channels != options.feature:
            options.feature = channels
            return windower_of(options, alignment=options.alignment).fit_transform(recordings)
    return windows


def _check_target(recordings: pd.DataFrame, target: str) -> None:
    if target in recordings and not pd.api.types.is_numeric_dtype(recordings[target]):
        raise ValueError(
            f"The target {target!r} does not hold numbers: choose another column with --target, or turn "
            "it into numbers in the table."
        )


def _representation(options: argparse.Namespace) -> Any:
    if options.representation == "spectrum":
        return WindowSpectrum(options.low, options.high, options.sampling_rate)
    return WindowStatistics() if options.representation == "statistics" else WindowFlattener()


def _write_scores(comparison: ProtocolComparison, path: Path) -> None:
    metric = comparison.readable(comparison.metrics[0])
    scores = comparison.scores.drop(columns="metric").rename(columns={"score": metric.label})
    scores[metric.label] = metric.shown(scores[metric.label])
    write_csv(scores, path)
    say(f"The score of each subject in each fold is in {path}.")
