"""The options of ``skaug compare``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skaug._choices import AGGREGATIONS, ALIGNMENTS, PROTOCOLS
from skaug.cli.completion import add_column
from skaug.cli.cutting import add_cutting
from skaug.cli.option_types import (
    metric_name,
    n_jobs,
    number,
    number_of_windows,
    separator,
    whole_number,
)
from skaug.cli.outputs import add_report

SUMMARY = "compare the protocols on a table of recordings"
DESCRIPTION = (
    "Compare training on real windows (TRTR), on real and synthetic windows (TRSTR) and on synthetic "
    "windows (TSTR) on recordings of several subjects. Each subject is left out in turn; tests use real "
    "windows of subjects that were left out. Synthetic windows are made on this machine: phase-randomized "
    "surrogates, unless --synthesizer names others."
)
USAGE = "%(prog)s TABLE --target COLUMN [options]"
EXAMPLES = """\
# Did surrogates help? All numeric columns are channels, unless they are named.
skaug compare recordings.parquet --target heart_rate
# A rate per minute, beside an untrained baseline, with a page to share
skaug compare recordings.parquet --feature BVP --target heart_rate --sampling-rate 64 \\
    --low 0.5 --high 4 --rate-channel BVP --report page.html
# Two synthesizers on the same folds, with trees
skaug compare recordings.parquet --feature BVP --target heart_rate --sampling-rate 64 \\
    --synthesizer transform:jitter=0.1,scale --synthesizer rate --model extra-trees
# Classes, in a CSV file with semicolons, decimal commas and dates
skaug compare recordings.csv --separator ';' --decimal , --time date --max-gap 1 \\
    --feature BVP --target activity
"""

DEFAULT_PROTOCOLS = ("TRTR", "TRSTR", "TSTR")
CURVES = ("ratio", "subjects")
MODELS = ("ridge", "extra-trees", "neighbors", "logistic")  # those of skaug.cli.models
REPRESENTATIONS = ("spectrum", "statistics", "flatten")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "table",
        type=Path,
        metavar="TABLE",
        help="a .parquet, .csv, .tsv or .txt file (the latter also .gz), one row per sample",
    )
    table, windows = add_cutting(parser, "the column to predict", needs_target=True)
    add_column(
        table,
        "--strata",
        action="append",
        default=[],
        help="a column, such as the activity: the page of --report compares the protocols for each of its "
        "values; repeat for more. It is not a channel by default",
    )
    _add_reading(table)
    windows.add_argument(
        "--alignment",
        choices=ALIGNMENTS,
        default="subject",
        help="where windows begin: with the first row of each recording (subject), or on a grid over "
        "all rows (table) (default: subject)",
    )
    windows.add_argument(
        "--target-agg",
        choices=AGGREGATIONS,
        help="how the targets of the rows make the label of a window (default: mean of numbers, mode of "
        "text, booleans and categories)",
    )
    _add_model(parser.add_argument_group("the model"))
    synthetic = parser.add_argument_group("the synthetic windows")
    _add_synthesizers(synthetic)
    amount = synthetic.add_mutually_exclusive_group()
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
    synthetic.add_argument(
        "--repeats",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="number of times that synthetic windows are drawn; scores are averaged (default: 1)",
    )
    synthetic.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        help="seed of the synthetic windows, except those of a synthesizer of your own (default: 0)",
    )
    _add_comparison(parser.add_argument_group("the comparison"))
    output = parser.add_argument_group("the output")
    output.add_argument(
        "--output",
        type=Path,
        metavar="CSV",
        help="also write the score of each subject in each fold",
    )
    add_report(output)


def _add_reading(table: argparse._ArgumentGroup) -> None:
    table.add_argument(
        "--separator",
        type=separator,
        metavar="CHARACTER",
        help="what stands between the columns of a text file, such as ';' or tab (default: a comma; a tab "
        "in .tsv files)",
    )
    table.add_argument(
        "--decimal",
        choices=(".", ","),
        default=".",
        metavar="CHARACTER",
        help="what stands before the decimals of numbers in a text file: . or , (default: .)",
    )


def _add_synthesizers(group: Any) -> None:
    group.description = _list_synthesizers
    group.add_argument(
        "--synthesizer",
        type=_choice,
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="what makes synthetic windows, as listed above; repeat to compare several on the same folds "
        "(default: surrogate)",
    )


def _list_synthesizers() -> str:
    from skaug.cli.synthesizers import listed

    return listed()


def _choice(text: str) -> Any:
    from skaug.cli.synthesizers import choice

    return choice(text)


def _add_model(model: argparse._ArgumentGroup) -> None:
    model.add_argument(
        "--representation",
        choices=REPRESENTATIONS,
        default="spectrum",
        help="features of a window, each standardized: log power in at most 64 bands per channel, "
        "statistics of each channel, or all its samples (default: spectrum)",
    )
    model.add_argument(
        "--sampling-rate",
        type=number(above=0),
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
        choices=MODELS,
        help="model on the features (default: ridge, which chooses its regularization by inner folds of "
        "subjects, for numbers; logistic for classes); extra-trees are 50 trees that try a third of the "
        "features per split",
    )
    add_column(
        model,
        "--rate-channel",
        help="the channel with the rhythm whose rate per minute is the target. Adds the baseline 'spectral "
        "peak', the frequency from --low to --high with the most power, without training; the page of "
        "--report also checks the rates of synthetic windows. Needs --sampling-rate, --low and --high, in Hz",
    )


def _add_comparison(comparison: argparse._ArgumentGroup) -> None:
    comparison.add_argument(
        "--protocol",
        action="append",
        choices=tuple(PROTOCOLS),
        help=f"a protocol to compare; repeat for more (default: {', '.join(DEFAULT_PROTOCOLS)}). TRTS "
        "is tested on synthetic windows; for TRRTR and TRPTR see --control",
    )
    comparison.add_argument(
        "--control",
        action="store_true",
        help="also run both controls: TRRTR adds repeated real windows in place of synthetic ones, TRPTR "
        "synthetic windows with permuted labels",
    )
    comparison.add_argument(
        "--metric",
        type=metric_name,
        metavar="NAME",
        help="scikit-learn's name of the score (default: neg_mean_absolute_error for numbers; accuracy, "
        "with balanced_accuracy beside it, for classes)",
    )
    comparison.add_argument(
        "--rope",
        type=number(above=0),
        metavar="WIDTH",
        help="differences of the score up to this size do not matter in practice",
    )
    comparison.add_argument(
        "--curve",
        choices=CURVES,
        help="also print a learning curve, which the page of --report then shows: over the number of "
        "synthetic windows per real one (ratio), or over 2, 4, 8 and all training subjects (subjects)",
    )
    comparison.add_argument(
        "--jobs",
        type=n_jobs,
        default=1,
        metavar="N",
        help="number of fits at the same time; -1 is one per processor (default: 1)",
    )
