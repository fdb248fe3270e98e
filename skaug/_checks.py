"""Checks of arguments: one rule and one wording for each kind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any


def is_whole_number(value: Any) -> bool:
    """Whether a value is a whole number; a boolean is not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether a value is a real number, which may be infinite or NaN; a boolean is not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_finite_number(value: Any) -> bool:
    """Whether a value is a finite real number; a boolean is not."""
    return is_number(value) and math.isfinite(value)


def require_whole_number(name: str, value: Any, least: int, why: str = "") -> int:
    """Return a whole number that is not below `least`.

    Parameters
    ----------
    name : str
        What the argument is called.
    value : object
        What was passed.
    least : int
        The smallest number allowed.
    why : str, optional
        What to add to the error, such as the reason for the rule.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If `value` is anything else, a boolean or a float included.
    """
    if not is_whole_number(value) or value < least:
        raise ValueError(
            f"{name}={value!r} must be a whole number, {least} or more{f': {why}' if why else ''}."
        )
    return int(value)


def require_random_state(value: Any, why: str = "the same seed gives the same numbers") -> int:
    """Return a seed: a whole number, 0 or more.

    Raises
    ------
    ValueError
        If `value` is anything else, a boolean or None included.
    """
    return require_whole_number("random_state", value, 0, why)


def require_choice(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise unless a value is one of a few.

    Raises
    ------
    ValueError
        Names the choices.
    """
    if value not in choices:
        raise ValueError(
            f"{name}={value!r} is unknown: use one of {', '.join(map(repr, choices))}."
        )


def require_list(name: str, value: Any) -> None:
    """Raise unless a value is a collection; one text or number stands for a list of one.

    Raises
    ------
    ValueError
        Shows the value as a list.
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name}={value!r} must be a list: [{value!r}].")
