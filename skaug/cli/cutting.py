"""Options that say how a table is cut into windows."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from skaug._choices import LAST, MISSING
from skaug.cli.completion import add_column
from skaug.cli.option_types import OneTarget, gap, number, whole_number

if TYPE_CHECKING:
    from skaug import SubjectWindower


def add_cutting(parser: argparse.ArgumentParser, target: str, *, needs_target: bool) -> Any:
    """Add the options about the table and its windows; return both groups."""
    table = parser.add_argument_group("the table")
    add_column(
        table,
        "--feature",
        action="append",
        help="a channel; repeat for more (default: every numeric column without another role that does "
        "not number or date the rows; they are printed)",
    )
    add_column(table, "--target", action=OneTarget, required=needs_target, help=target)
    add_column(
        table,
        "--subject",
        default="subject",
        help="the subject of each row (default: subject)",
    )
    add_column(
        table,
        "--boundary",
        action="append",
        default=[],
        help="a new recording begins where this column changes; repeat for more (default: a column "
        "called recording or session, if there is one; none: no column)",
    )
    add_column(
        table,
        "--time",
        help="the time of each row: numbers, or dates and times (as text: ISO 8601, such as "
        "2026-01-31T12:00:00.5)",
    )
    table.add_argument(
        "--max-gap",
        type=gap,
        metavar="GAP",
        help="a new recording begins after a step in time longer than this: in the unit of --time, or in "
        "seconds if it holds dates and times (or 2min, 500ms)",
    )
    windows = parser.add_argument_group("the windows")
    windows.add_argument(
        "--window-size",
        type=whole_number(1),
        default=512,
        metavar="ROWS",
        help="rows per window (default: 512, which is 8 s at 64 samples per second)",
    )
    windows.add_argument(
        "--stride",
        type=whole_number(1),
        metavar="ROWS",
        help="rows from one window to the next (default: the window size)",
    )
    windows.add_argument(
        "--missing",
        choices=MISSING,
        default="raise",
        help="where values are missing: stop with an error (raise), leave windows out (drop), repeat "
        "the value before (ffill), or leave NaN in the windows (keep) (default: raise)",
    )
    windows.add_argument(
        "--purity",
        type=number(above=0),
        metavar="SHARE",
        help="for classes: leave out windows in which no class fills this share of the rows, such as 0.8",
    )
    windows.add_argument(
        "--last",
        choices=LAST,
        default="drop",
        help="rows at the end of a recording that do not fill a window: leave them out (drop), or cut "
        "one more window that ends at the last row (align) (default: drop)",
    )
    return table, windows


def windower_of(options: argparse.Namespace, **parameters: Any) -> SubjectWindower:
    """Build the windower that the options of `add_cutting` describe."""
    from skaug import SubjectWindower

    if options.max_gap is not None and options.time is None:
        raise ValueError("--max-gap needs the column of the time: pass --time COLUMN.")
    return SubjectWindower(
        options.window_size,
        options.stride,
        features=options.feature,
        target=options.target,
        subject=options.subject,
        boundaries=options.boundary,
        time=options.time,
        max_gap=options.max_gap,
        missing=options.missing,
        purity=options.purity,
        last=options.last,
        **parameters,
    )
