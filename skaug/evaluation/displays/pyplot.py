"""matplotlib, imported only when something is drawn, and what the displays share."""

from __future__ import annotations

from typing import Any

import numpy as np

#: Readable on white and on black, and distinct for readers who are color-blind.
PROTOCOL_COLORS = {
    "TRTR": "#8a8f98",
    "TRSTR": "#2f8fdd",
    "TSTR": "#e0812b",
    "TRTS": "#b05fc4",
    "TRRTR": "#2aa67a",
    "TRPTR": "#c2497b",
}


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
