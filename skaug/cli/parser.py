"""The parser of a command: examples before its options, and errors in one line."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from skaug.cli.messages import one_line, printable


class Parser(argparse.ArgumentParser):
    """A parser with examples at the top of its help.

    Parameters
    ----------
    examples : str, default=""
        Commands, with comments in lines that begin with ``#``.
    **parameters : dict
        Those of `argparse.ArgumentParser`. In texts, indented lines stay as they are. The description of a
        group may be a function, which is called if the help is printed.
    """

    def __init__(self, *, examples: str = "", **parameters: Any) -> None:
        super().__init__(formatter_class=_Formatter, **parameters)
        self.examples = examples

    def format_help(self) -> str:
        """Return the examples, and what argparse says."""
        for group in self._action_groups:
            if callable(group.description):  # because it takes long
                group.description = group.description()
        examples = f"examples:\n{textwrap.indent(self.examples, '  ')}\n" if self.examples else ""
        return f"{examples}{super().format_help()}"

    def refuse(self, unknown: Sequence[str]) -> NoReturn:
        """Print which arguments are unknown, with the nearest option, and exit."""
        first = unknown[0].partition("=")[0]
        near = difflib.get_close_matches(first, self._option_string_actions, n=1, cutoff=0.75)
        hint = "pass one value per option, and repeat the option for more"
        if first.startswith("-"):
            hint = f"did you mean {near[0]}?" if near else "options are listed in the help"
        self.error(f"unrecognized arguments: {' '.join(unknown)}; {hint}")

    def error(self, message: str) -> NoReturn:
        """Print an error in one line, and exit."""
        self.exit(2, f"skaug: error: {printable(one_line(message))} (see {self.prog} --help)\n")


class _Formatter(argparse.HelpFormatter):
    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = [
            f"{indent}{line}" if line.startswith(" ") else _filled(line, width, indent)
            for line in text.splitlines()
        ]
        return "\n".join(lines)


def _filled(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
