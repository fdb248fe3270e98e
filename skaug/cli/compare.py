"""``skaug compare``: the protocols compared on a table of recordings."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skaug import WindowFlattener, WindowSpectrum, WindowStatistics
from skaug.cli.comparisons import (
    DEFAULT_PROTOCOLS,
    MODELS,
    pipeline_of,
    print_comparison,
    print_windows,
)
from skaug.cli.pages import add_report, check_can_report, write_report
from skaug.cli.tables import add_table, check_can_write, read_table, windower_of
from skaug.evaluation import compare_protocols
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.protocol_variants import PROTOCOLS
from skaug.synthesis import SurrogateSynthesizer
from skaug.windower import ALIGNMENTS

REPRESENTATIONS = ("spectrum", "statistics", "flatten")


def add_to(commands: Any) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "compare",
        help="compare the protocols on a table of recordings",
        description="Compare training on real (TRTR), on real and synthetic (TRSTR) and on synthetic "
        "windows (TSTR) on recordings of several subjects; always tested on real windows of subjects "
        "that were left out. Synthetic windows are phase-randomised surrogates, made on this machine.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "table", type=Path, help="a .parquet, .csv or .csv.gz file, one row a sample"
    )
    cutting = add_table(parser, "what to predict", needs_target=True)
    cutting.add_argument(
        "--alignment",
        choices=ALIGNMENTS,
        default="subject",
        help="start at each recording's first row, or on the table's grid (default: subject)",
    )
    model = parser.add_argument_group("the model")
    model.add_argument(
        "--representation", choices=REPRESENTATIONS, default="spectrum", help="default: spectrum"
    )
    model.add_argument(
        "--sampling-rate",
        type=float,
        default=1.0,
        help="samples a second, the unit of --low and --high (default: 1)",
    )
    model.add_argument("--low", type=float, help="lowest frequency of the spectrum")
    model.add_argument("--high", type=float, help="highest frequency of the spectrum")
    model.add_argument("--model", choices=tuple(MODELS), default="ridge", help="default: ridge")
    comparison = parser.add_argument_group("the comparison")
    comparison.add_argument(
        "--protocol",
        action="append",
        choices=tuple(PROTOCOLS),
        help=f"repeat for more (default: {', '.join(DEFAULT_PROTOCOLS)})",
    )
    comparison.add_argument(
        "--repeats", type=int, default=1, help="draws of the synthetic windows (default: 1)"
    )
    comparison.add_argument(
        "--rope",
        type=float,
        metavar="WIDTH",
        help="a difference of the MAE that is not larger does not matter",
    )
    comparison.add_argument(
        "--n-synthetic",
        type=_ratio_or_count,
        default=1.0,
        metavar="N",
        help="synthetic windows: a ratio to the real ones (0.5), or a count (10); default: 1.0",
    )
    comparison.add_argument(
        "--seed", type=int, default=0, help="of choice and synthesis (default: 0)"
    )
    comparison.add_argument("--jobs", type=int, default=1, help="fits at a time (default: 1)")
    comparison.add_argument(
        "--output", type=Path, metavar="CSV", help="write the score of each subject in each fold"
    )
    add_report(comparison)


def _ratio_or_count(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is neither a ratio such as 0.5 nor a count such as 10"
            ) from None


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    check_can_write(options.output, options.table)
    check_can_report(options.report, options.table)
    recordings = read_table(options.table)
    windower = windower_of(options, alignment=options.alignment)
    windows = windower.fit_transform(recordings)
    print_windows(windows)
    representation = {
        "flatten": WindowFlattener(),
        "statistics": WindowStatistics(),
        "spectrum": WindowSpectrum(options.low, options.high, options.sampling_rate),
    }[options.representation]
    synthesizer = SurrogateSynthesizer(random_state=options.seed)
    pipeline = pipeline_of(
        synthesizer, representation, options.model, options.n_synthetic, options.seed
    )
    comparison = compare_protocols(
        pipeline,
        windows,
        protocols=options.protocol or DEFAULT_PROTOCOLS,
        n_repeats=options.repeats,
        n_jobs=options.jobs,
        rope=options.rope,
        progress=True,
    )
    if options.output is not None:
        metric = ReadableMetric(comparison.metrics[0])
        scores = comparison.scores.drop(columns="metric").rename(columns={"score": metric.label})
        scores[metric.label] = metric.shown(scores[metric.label])
        scores.to_csv(options.output, index=False)
    print_comparison(comparison, options.target)
    if options.output is not None:
        print(f"The score of each subject in each fold is in {options.output}.")
    if options.report is not None:
        write_report(
            options.report,
            comparison,
            pipeline,
            windows,
            sampling_rate=options.sampling_rate,
            n_jobs=options.jobs,
        )
