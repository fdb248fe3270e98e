"""``skaug windows``: a table that is larger than memory cut into windows on disk."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from skaug.cli.tables import add_table, windower_of
from skaug.tables.aggregation import AGGREGATIONS


def add_to(commands: Any) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "windows",
        help="cut a table that is larger than memory into windows on disk",
        description="Cut a folder of .parquet files, each of which holds whole recordings, into windows: "
        "a shard a file, on the processors of this machine or on a Dask cluster. A run that was stopped "
        "goes on where it was when it is started again.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "table", type=Path, metavar="TABLE_DIR", help="the folder of .parquet files"
    )
    parser.add_argument("folder", type=Path, metavar="OUT_DIR", help="where the shards go")
    cutting = add_table(parser, "what windows are labelled with", needs_target=False)
    cutting.add_argument("--target-agg", choices=AGGREGATIONS, default="mean", help="default: mean")
    cutting.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="default: float64"
    )
    cluster = parser.add_argument_group("the cluster")
    cluster.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: a core each)"
    )
    cluster.add_argument(
        "--memory", default="auto", metavar="SIZE", help="of each, such as 2GiB (default: a share)"
    )
    cluster.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a cluster that is running already"
    )


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    try:
        from skaug.shards import cut_on_cluster
    except ImportError as error:  # the extra is not installed
        raise ValueError(str(error)) from error
    manifest = cut_on_cluster(
        options.table,
        options.folder,
        windower_of(options, target_agg=options.target_agg, dtype=options.dtype),
        scheduler=options.scheduler,
        n_workers=options.workers,
        memory=options.memory,
    )
    print(
        f"{manifest['windows']} windows of {options.window_size} samples of "
        f"{', '.join(manifest['parameters']['features'])}, of {len(manifest['subjects'])} subjects, in "
        f"{len(manifest['shards'])} shards in {options.folder}."
    )
