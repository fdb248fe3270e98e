"""The options of ``skaug demo``."""

from __future__ import annotations

import argparse

from skaug.cli.option_types import number, whole_number
from skaug.cli.outputs import add_report

SUMMARY = "compare synthesizers on simulated recordings"
DESCRIPTION = (
    "Simulate PPG and ECG recordings and compare training on real windows (TRTR) with adding synthetic "
    "windows (TRSTR) from two synthesizers: surrogates, which keep the heart rate, and windows with another "
    "rate. Each subject is left out and tested in turn."
)
USAGE = "%(prog)s [options]"
EXAMPLES = """\
# Two synthesizers on simulated recordings, which takes about a minute
skaug demo
# With a page of plots and tables
skaug demo --report demo.html
# Windows over HTTP, from a service on this machine that answers like the Synthefy service
skaug demo --service
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--subjects", type=whole_number(2), default=8, help="number of subjects (default: 8)"
    )
    parser.add_argument(
        "--minutes",
        type=number(least=0.17),
        default=5.0,
        help="length of each recording, 0.17 or more (default: 5)",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, help="seed of the simulation (default: 0)"
    )
    parser.add_argument(
        "--service",
        action="store_true",
        help="get windows over HTTP from a service on this machine that answers like the Synthefy service, "
        "in place of surrogates",
    )
    add_report(parser)
