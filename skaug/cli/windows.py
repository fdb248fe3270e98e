"""``skaug windows``: a table that is larger than memory, cut into windows on disk."""

from __future__ import annotations

import argparse
from pathlib import Path

from skaug._choices import AGGREGATIONS
from skaug.cli.cutting import add_cutting, windower_of
from skaug.cli.messages import say
from skaug.cli.option_types import whole_number

SUMMARY = "cut a table that is larger than memory into windows on disk"
DESCRIPTION = (
    "Cut a folder of .parquet files, each with whole recordings, into windows on disk: one file of windows "
    "(a shard) per file of the table, on the processors of this machine or on a Dask cluster. A run that "
    "was stopped continues where it was when it is started again."
)
USAGE = "%(prog)s TABLE_DIR OUT_DIR [options]"
EXAMPLES = """\
# Cut a folder of parquet files into windows of 8 s at 64 Hz, half of which overlap
skaug windows recordings/ windows/ --window-size 512 --stride 256 --target heart_rate
# On a Dask cluster
skaug windows recordings/ windows/ --target heart_rate --scheduler tcp://10.0.0.1:8786
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("table", type=Path, metavar="TABLE_DIR", help="folder of .parquet files")
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="folder for the shards")
    _, windows = add_cutting(parser, "column of the labels of the windows", needs_target=False)
    windows.add_argument(
        "--target-agg",
        choices=AGGREGATIONS,
        default="mean",
        help="how the rows of the target make the label of a window (default: mean)",
    )
    windows.add_argument(
        "--dtype",
        choices=("float64", "float32"),
        default="float64",
        help="type of the samples (default: float64)",
    )
    cluster = parser.add_argument_group("the cluster")
    cluster.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="number of processes (default: one per processor)",
    )
    cluster.add_argument(
        "--memory",
        default="auto",
        metavar="SIZE",
        help="memory limit of each process, such as 2GiB (default: an equal share)",
    )
    cluster.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="scheduler of a Dask cluster that is running already, such as tcp://10.0.0.1:8786",
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    from skaug.cli.columns import choose_columns
    from skaug.cli.times import set_unit_of_gap

    try:
        from skaug.out_of_core.shard_files import made_up_row
        from skaug.out_of_core.shard_job import open_dataset
        from skaug.shards import cut_on_cluster
    except ImportError as error:  # the extra is not installed
        raise ValueError(str(error)) from error
    row = made_up_row(open_dataset(options.table), options.time)
    choose_columns(options, row)
    set_unit_of_gap(options, row)
    manifest = cut_on_cluster(
        options.table,
        options.folder,
        windower_of(options, target_agg=options.target_agg, dtype=options.dtype),
        scheduler=options.scheduler,
        n_workers=options.workers,
        memory=options.memory,
    )
    say(
        f"{manifest['windows']} windows of {options.window_size} samples of "
        f"{', '.join(manifest['parameters']['features'])} from {len(manifest['subjects'])} subjects, in "
        f"{len(manifest['shards'])} shards in {options.folder}."
    )
