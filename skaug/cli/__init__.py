"""The command line: ``skaug demo``, ``compare``, ``windows`` and ``serve``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

import skaug
from skaug.cli import compare, demo, serve, windows
from skaug.cli.tables import one_line
from skaug.synthesis import SynthefyError

#: What reading a file or checking the user's table raises: told in one line, without a traceback.
USER_ERRORS = (OSError, ValueError, TypeError, SynthefyError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit code: 0, or 2 after an error that the user can mend.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except USER_ERRORS as error:
        print(f"skaug: error: {one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skaug: stopped", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"skaug: error: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="skaug", description=skaug.__doc__)
    parser.add_argument("--version", action="version", version=f"skaug {skaug.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (demo, compare, windows, serve):
        command.add_to(commands)
    return parser
