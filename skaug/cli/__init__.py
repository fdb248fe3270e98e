"""The command line: ``skaug demo``, ``compare``, ``windows`` and ``serve``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

from threadpoolctl import threadpool_limits

import skaug
from skaug.cli import compare, demo, serve, windows
from skaug.cli.messages import one_line, plain_line, printable
from skaug.synthesis import SynthefyError

_COMMANDS = {"demo": demo, "compare": compare, "windows": windows, "serve": serve}

#: Errors that the user can mend: they are printed in one line, without a traceback.
_USER_ERRORS = (OSError, ValueError, TypeError, SynthefyError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit code: 0, 2 after an error that the user can mend, or 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            # The matrices of these models are small: threads would wait for each other most of the time.
            with threadpool_limits(1, user_api="blas"):
                options.run(options)
        except _USER_ERRORS as error:
            print(f"skaug: error: {plain_line(error)}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("skaug: stopped", file=sys.stderr)
            return 130
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"skaug: error: {printable(one_line(message))} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="skaug", description=skaug.__doc__)
    parser.add_argument("--version", action="version", version=f"skaug {skaug.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, command in _COMMANDS.items():
        options = commands.add_parser(name, help=command.SUMMARY, description=command.DESCRIPTION)
        options.set_defaults(run=command.run)
        command.add_options(options)
    return parser


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"skaug: warning: {plain_line(message)}", file=sys.stderr)
