"""The ``_constraints_`` of a request: bounds of the channels of its window."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: What each projection can do; other kinds are ignored.
_KINDS = {"clipping": ("min", "max"), "strict": ("min", "max", "argmin", "argmax")}


@dataclass(frozen=True)
class Constraints:
    """Bounds of the channels of a window.

    Parameters
    ----------
    of_channel : mapping of str to mapping of str to float
        For each channel, any of ``min``, ``max``, ``argmin`` and ``argmax``.
    """

    of_channel: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def apply(self, channel: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clip a channel to its bounds and move its extremes to their rows.

        Parameters
        ----------
        channel : str
        values : ndarray of shape (window_size,)

        Returns
        -------
        ndarray of shape (window_size,)
        """
        bounds = self.of_channel.get(channel, {})
        values = np.clip(values, bounds.get("min", -np.inf), bounds.get("max", np.inf))
        for kind, find in (("argmin", np.argmin), ("argmax", np.argmax)):
            if kind in bounds:
                now, wanted = int(find(values)), int(bounds[kind])
                values[[wanted, now]] = values[[now, wanted]]
        return values


def read_constraints(sent: Any, window_size: int) -> Constraints:
    """Read the constraints of a request.

    Parameters
    ----------
    sent : object
        A string of JSON such as ``{"BVP": {"min": 0}, "_projection_type_": "clipping"}``.
    window_size : int
        The number of rows among which ``argmin`` and ``argmax`` must be.

    Returns
    -------
    Constraints

    Raises
    ------
    ValueError
        If they are anything else.
    """
    try:
        channels = json.loads(sent)
        kinds = _KINDS[channels.pop("_projection_type_", "clipping")]
        of_channel = {
            channel: {kind: float(bounds[kind]) for kind in kinds if kind in bounds}
            for channel, bounds in channels.items()
        }
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise ValueError(
            "_constraints_ is not a string of JSON: numbers by kind by channel"
        ) from None
    for channel, bounds in of_channel.items():
        for kind in {"argmin", "argmax"} & set(bounds):
            if not 0 <= bounds[kind] < window_size:
                raise ValueError(f"_constraints_ of {channel!r}: {kind} lies outside the window")
    return Constraints(of_channel)
