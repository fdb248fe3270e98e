"""matplotlib, imported only when something is drawn, and what the displays share."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import numpy as np

from skaug.evaluation.displays.drawn_text import drawn_text
from skaug.evaluation.protocol_variants import protocol_of

# Readable on white and on black, and distinct for readers who are color-blind.
_PROTOCOL_COLORS = {
    "TRTR": "#8a8f98",
    "TRSTR": "#2f8fdd",
    "TSTR": "#e0812b",
    "TRTS": "#b05fc4",
    "TRRTR": "#2aa67a",
    "TRPTR": "#c2497b",
}


# More characters than this do not fit side by side below an axis.
_MOST_UPRIGHT = 36

_OF_BASELINES = "#5c6570"

#: How the lines of baselines are drawn, one after the other.
BASELINE_LINES = ("--", ":", "-.")

# Of protocols with each of several synthesizers.
_SYNTHESIZER_COLORS = ("#2f8fdd", "#e0812b", "#b05fc4", "#98a02e", "#d6604d", "#3aa6a6")


def protocol_colors(labels: Iterable[str]) -> dict[str, str]:
    """Return a color for each protocol; with several synthesizers, one for each of them."""
    parts = {label: protocol_of(label) for label in labels}
    names = dict.fromkeys(name for _, name in parts.values() if name is not None)
    of_synthesizer = dict(zip(names, cycle(_SYNTHESIZER_COLORS), strict=False))
    return {
        label: _PROTOCOL_COLORS.get(protocol, _OF_BASELINES)
        if name is None
        else of_synthesizer[name]
        for label, (protocol, name) in parts.items()
    }


def set_protocol_ticks(ax: Any, labels: Iterable[str]) -> None:
    """Write protocols below an axis: the name of a synthesizer below its protocol, or all of them slanted."""
    lines = [[drawn_text(part) for part in protocol_of(label) if part] for label in labels]
    is_slanted = sum(max(map(len, parts)) for parts in lines) > _MOST_UPRIGHT
    texts = [(", " if is_slanted else "\n").join(parts) for parts in lines]
    slanted = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if is_slanted else {}
    ax.set_xticks(range(len(texts)), texts, **slanted)


def import_pyplot(what: str) -> Any:
    """Return the module ``matplotlib.pyplot``.

    Parameters
    ----------
    what : str
        What needs it, to begin the error message with.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If matplotlib is not installed. The message says how to install it.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f'{what} draws with matplotlib, which is not installed: pip install "skaug[plot]".'
        ) from error
    return pyplot


def write_numbers_in_full(ax: Any) -> None:
    """Write the numbers at the vertical axis in full, not as differences from an offset."""
    formatter = ax.yaxis.get_major_formatter()
    if hasattr(formatter, "set_useOffset"):  # not that of a logarithmic axis
        formatter.set_useOffset(False)


def side_by_side(n: int, axes: Any, what: str) -> tuple[Any, Any]:
    """Return a figure with `n` axes in a row.

    Parameters
    ----------
    n : int
        How many are needed.
    axes : Axes, sequence of Axes or None
        The axes of the user; a new figure is made if this is None.
    what : str
        What needs them, to begin an error message with.

    Returns
    -------
    figure : Figure
    axes : ndarray of Axes

    Raises
    ------
    ValueError
        If there are fewer axes than needed.
    ImportError
        If matplotlib is not installed.
    """
    if axes is not None:
        axes = np.atleast_1d(axes)
        if len(axes) < n:
            raise ValueError(f"{what} needs {n} Axes, but axes holds {len(axes)}: pass {n}.")
        return axes[0].figure, axes
    figure, axes = import_pyplot(what).subplots(
        1, n, figsize=(4.5 * n, 3.8), layout="constrained", squeeze=False
    )
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes[0]
