"""Errors that say where they happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def prefix_errors(place: str) -> Iterator[None]:
    """Put the place at which a ValueError happened in front of its message; its class is kept.

    Parameters
    ----------
    place : str
        Such as ``"partition 3"`` or the name of a file.
    """
    try:
        yield
    except ValueError as error:
        error.args = (f"In {place}: {error}",)
        raise
