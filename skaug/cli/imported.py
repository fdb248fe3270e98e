"""A synthesizer of the user's own, from a module in the current folder: ``module:object``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any

from skaug.cli.messages import one_line
from skaug.synthesis import Synthesizer

_PLACE = re.compile(r"[^\W\d][\w.]*:[^\W\d]\w*")


def is_place(text: str) -> bool:
    """Whether a text is spelled as a module and a name in it."""
    return _PLACE.fullmatch(text) is not None


def imported(place: str) -> Synthesizer:
    """Import a synthesizer, or call the class or function of this name to make one.

    Parameters
    ----------
    place : str
        A module and a name in it, with a colon between them.

    Raises
    ------
    ValueError
        If there is no such module or name, importing or calling it fails, or it is not a synthesizer.
    """
    found = _object(place)
    if isinstance(found, type) or (callable(found) and not isinstance(found, Synthesizer)):
        try:
            found = found()
        except Exception as error:
            raise ValueError(
                f"--synthesizer {place} is called without arguments, which failed: {_in_words(error)}. "
                "Name a function without arguments that returns the synthesizer."
            ) from error
    if not isinstance(found, Synthesizer):
        raise ValueError(
            f"--synthesizer {place} is {one_line(repr(found))}, not a synthesizer: name an instance or a "
            "subclass of 'skaug.synthesis.Synthesizer', or a function without arguments that returns one."
        )
    return found


def _object(place: str) -> Any:
    module_name, _, name = place.partition(":")
    if module_name.endswith(".py"):
        raise ValueError(
            f"--synthesizer {place} names a file: name the module, {module_name[:-3]}:{name}."
        )
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.insert(0, folder)  # stays, because the processes of --jobs import the module, too
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(
            f"{error.name}."
        ):
            raise ValueError(
                f"--synthesizer {place}: there is no module {module_name!r} in the current folder. Run the "
                f"command where '{module_name.replace('.', '/')}.py' is, or correct the name."
            ) from error
        raise ValueError(
            f"--synthesizer {place}: importing {module_name!r} failed: {_in_words(error)}. Correct it."
        ) from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        raise ValueError(
            f"--synthesizer {place}: the module {module_name!r}, {str(module.__file__)!r}, has no {name!r}."
        ) from error


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {one_line(error)}".rstrip(".")
