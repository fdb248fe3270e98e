"""The ``_constraints_`` of a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BOUNDS = {"min": np.argmin, "max": np.argmax}
_PLACES = {"argmin", "argmax"}


@dataclass(frozen=True)
class Constraints:
    """What a window must keep to.

    Parameters
    ----------
    of_channel : mapping of str to mapping of str to float
        By channel: ``min`` and ``max``; where they are strict, ``argmin`` and ``argmax`` too.
    strict : bool, default=False
        Whether the extremes are to be met, not only kept within.
    """

    of_channel: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    strict: bool = False

    def apply(self, channel: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Make a channel keep to them: clip it; if strict, also move its extremes.

        Parameters
        ----------
        channel : str
        values : ndarray of shape (window_size,)

        Returns
        -------
        ndarray of shape (window_size,)
        """
        wanted = self.of_channel.get(channel, {})
        values = np.clip(values, wanted.get("min", -np.inf), wanted.get("max", np.inf))
        if self.strict:
            for bound, find in _BOUNDS.items():
                at = int(find(values))
                if f"arg{bound}" in wanted:
                    place = int(wanted[f"arg{bound}"])
                    values[[place, at]] = values[[at, place]]
                    at = place
                if bound in wanted:
                    values[at] = wanted[bound]
        return values


def read_constraints(sent: Any, window_size: int) -> Constraints:
    """Read the constraints of a request.

    Parameters
    ----------
    sent : object
        A string of JSON. One that is no JSON counts as none, as the service has it.
    window_size : int
        Where ``argmin`` and ``argmax`` must lie.

    Returns
    -------
    Constraints
        Without the kinds that the service does not know.

    Raises
    ------
    ValueError
        If they are no object of objects of numbers, or ask for what their projection cannot do.
    """
    if isinstance(sent, str):
        try:
            sent = json.loads(sent)
        except json.JSONDecodeError:
            return Constraints()
        except RecursionError:
            raise ValueError("_constraints_ is nested too deeply") from None
    if not sent:
        return Constraints()
    if not isinstance(sent, dict):
        raise ValueError("_constraints_ is not a JSON object")
    projection = sent.get("_projection_type_", "clipping")
    of_channel = {
        channel: _read_channel(channel, wanted, window_size)
        for channel, wanted in sent.items()
        if channel != "_projection_type_"
    }
    if any(of_channel.values()) and projection not in ("clipping", "strict"):
        raise ValueError(
            "_constraints_ has a _projection_type_ that is neither clipping nor strict"
        )
    is_strict = projection == "strict"
    if not is_strict and any(_PLACES & set(wanted) for wanted in of_channel.values()):
        raise ValueError("_constraints_ can ask for argmin and argmax only where they are strict")
    return Constraints(of_channel, is_strict)


def _read_channel(channel: str, wanted: Any, window_size: int) -> dict[str, float]:
    if not isinstance(wanted, dict):
        raise ValueError(f"_constraints_ of {channel!r} is not an object")
    return {
        kind: _read_value(channel, kind, value, window_size)
        for kind, value in wanted.items()
        if kind in _BOUNDS or kind in _PLACES
    }


def _read_value(channel: str, kind: str, value: Any, window_size: int) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"_constraints_ of {channel!r}: {kind} is not a number") from None
    if kind in _PLACES and not 0 <= number < window_size:
        raise ValueError(f"_constraints_ of {channel!r}: {kind} lies outside the window")
    return number
