"""Types of options: numbers in a range, with an error that names it."""

from __future__ import annotations

import argparse
import difflib
import math
from collections.abc import Callable
from typing import Any

_SEPARATORS = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";"}


class OneTarget(argparse.Action):
    """Store a column, and refuse a second one."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        """Store the column that was named."""
        first = getattr(namespace, self.dest)
        if first is not None:
            raise argparse.ArgumentError(
                self,
                f"names {values!r} beside {first!r}, but commands take one target: run the command for each, "
                "or in Python use SubjectWindower with a list of targets",
            )
        setattr(namespace, self.dest, values)


def whole_number(least: int, most: float = math.inf) -> Callable[[str], int]:
    """Return a type for options that are whole numbers in a range."""
    words = f"{least} or more" if most == math.inf else f"{least} to {most}"

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = None
        if value is None or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, {words}")
        return value

    return parse


def number(*, least: float = -math.inf, above: float = -math.inf) -> Callable[[str], float]:
    """Return a type for options that are finite numbers, at least `least` and greater than `above`."""
    words = f", {least:g} or more" if least > above else f" above {above:g}"

    def parse(text: str) -> float:
        value = _float(text)
        if not (least <= value < math.inf and value > above):
            raise argparse.ArgumentTypeError(f"{text!r} must be a number{words}")
        return value

    return parse


def number_of_windows(text: str) -> int:
    """Parse a number of synthetic windows in all."""
    try:
        return whole_number(0)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"{error}; for a number per real window, use --ratio"
        ) from None


def separator(text: str) -> str:
    """Parse one character, or a name such as tab."""
    character = _SEPARATORS.get(text.lower(), text)
    if len(character) != 1 or character.isalnum() or character in "\"'\r\n":
        raise argparse.ArgumentTypeError(
            f"{text!r} must be one character that is neither a letter, a digit nor a quote, such as ';', "
            "or tab"
        )
    return character


def metric_name(text: str) -> str:
    """Parse the name of a scorer of scikit-learn."""
    from sklearn.metrics import get_scorer_names

    names = get_scorer_names()
    if text not in names:
        alike = difflib.get_close_matches(text, names, n=3)
        hint = f"; did you mean {' or '.join(alike)}?" if alike else ", such as r2 or accuracy"
        raise argparse.ArgumentTypeError(
            f"{text!r} is not the name of a scorer of scikit-learn{hint}"
        )
    return text


def gap(text: str) -> float | str:
    """Parse a number in the unit of the time column, or text such as 2s for dates and times."""
    value = _float(text)
    if math.isnan(value):
        return text
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0")
    return value


def n_jobs(text: str) -> int:
    """Parse a number of processes; -1 is one per processor."""
    try:
        return -1 if text == "-1" else whole_number(1)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or -1 for one per processor") from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
