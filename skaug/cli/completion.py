"""Completion in a shell, by argcomplete."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import Any


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and exit; else do nothing."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    with contextlib.suppress(ImportError):  # the extra is not installed
        import argcomplete

        argcomplete.autocomplete(parser)


def add_column(parser: Any, option: str, **parameters: Any) -> None:
    """Add an option that names a column, which a shell completes from the table."""
    parser.add_argument(option, metavar="COLUMN", **parameters).completer = _columns


def _columns(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    from skaug.cli.tables import column_names

    try:
        return column_names(parsed_args.table, getattr(parsed_args, "separator", None))
    except Exception:  # a shell cannot show it; the command will
        return []
