"""matplotlib, asked for only when something is drawn."""

from __future__ import annotations

from typing import Any


def import_pyplot(what: str) -> Any:
    """Give ``matplotlib.pyplot``.

    Parameters
    ----------
    what : str
        What needs it.

    Returns
    -------
    module

    Raises
    ------
    ImportError
        If matplotlib is not installed; says how to install it.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            f'{what} draws with matplotlib, which is not installed: pip install "skaug[plot]".'
        ) from error
    return pyplot
