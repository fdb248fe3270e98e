"""The command line: ``skaug demo``, ``compare``, ``windows`` and ``serve``."""

from __future__ import annotations

import argparse
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import skaug
from skaug.cli import compare_options, demo_options, serve, windows
from skaug.cli.completion import complete
from skaug.cli.messages import plain_line
from skaug.cli.parser import Parser

COMMANDS = {
    "demo": demo_options,
    "compare": compare_options,
    "windows": windows,
    "serve": serve,
}

_EXAMPLES = """\
# Try it on simulated recordings
skaug demo
# Did synthetic windows help, on your own table?
skaug compare recordings.parquet --target heart_rate
# All options of a command, with examples
skaug compare --help
"""
_EPILOG = (
    "Completion of options and columns in bash and zsh: pip install 'skaug[completion]', and add to "
    "~/.bashrc or ~/.zshrc:\n"
    '  eval "$(register-python-argcomplete skaug)"'
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit code: 0, 2 after an error that the user can mend or without a command, or 130 after Ctrl-C.
    """
    parser = build_parser()
    complete(parser)
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments:
        parser.print_help()
        return 2
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        options.parser.refuse(unknown)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    # What follows takes long to import, and a shell waits for help and completion.
    from threadpoolctl import threadpool_limits

    from skaug.synthesis import SynthefyError

    command = import_module(f"skaug.cli.{options.command}")
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            # The matrices of these models are small: threads would wait for each other most of the time.
            with threadpool_limits(1, user_api="blas"):
                command.run(options)
        except (OSError, ValueError, TypeError, SynthefyError) as error:  # which the user can mend
            if options.debug:
                traceback.print_exc()
            print(f"skaug: error: {plain_line(error)}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("skaug: stopped", file=sys.stderr)
            return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = Parser(
        prog="skaug",
        usage="%(prog)s COMMAND [options]",
        description=skaug.__doc__,
        examples=_EXAMPLES,
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"skaug {skaug.__version__}")
    commands = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", prog=parser.prog
    )
    for name, command in COMMANDS.items():
        options = commands.add_parser(
            name,
            help=command.SUMMARY,
            description=command.DESCRIPTION,
            usage=command.USAGE,
            examples=command.EXAMPLES,
        )
        options.set_defaults(command=name, parser=options)
        options.add_argument("--debug", action="store_true", help="print the traceback of an error")
        command.add_options(options)
    return parser


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"skaug: warning: {plain_line(message)}", file=sys.stderr)
