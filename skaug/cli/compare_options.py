"""The options of ``skaug compare``."""

from __future__ import annotations

import argparse
from pathlib import Path

from skaug.cli.comparisons import DEFAULT_PROTOCOLS
from skaug.cli.completion import add_column
from skaug.cli.curves import CURVES
from skaug.cli.cutting import add_cutting
from skaug.cli.models import MODELS
from skaug.cli.option_types import metric_name, n_jobs, number, number_of_windows, whole_number
from skaug.cli.pages import add_report
from skaug.cli.synthesizers import add_synthesizers
from skaug.cli.tables import add_reading
from skaug.evaluation.protocol_variants import PROTOCOLS
from skaug.tables.aggregation import AGGREGATIONS
from skaug.windower import ALIGNMENTS

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
    add_reading(table)
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
    add_synthesizers(synthetic)
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
