"""The warning about data that is probably not what the caller thinks."""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

_INSIDE = ("skaug", "sklearn", "joblib")

# What differs between messages of the same kind: counts, and the subject that is named as an example.
_DETAILS = re.compile(r"subject '[^']*'|\d[\d.,]*")


class DataWarning(UserWarning):
    """The data is probably not what the caller thinks: axes swapped, rows shuffled, recordings too short.

    Each warning says what was found and what to do. If the data is right, silence it::

        import warnings
        from skaug import DataWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            windows = windower.fit_transform(table)

    See Also
    --------
    skaug.SubjectOverlapWarning : A model predicts subjects that it was fitted on.
    """


def warn(message: str, category: type[Warning] = DataWarning) -> None:
    """Warn about data, from wherever the user called the library."""
    warnings.warn(message, category, stacklevel=_first_frame_outside())


@contextmanager
def collected(kind: type[Warning] = DataWarning) -> Iterator[list[str]]:
    """Collect the messages of a category, each once, in place of showing them.

    Filters do not apply while messages are collected. They apply where the caller passes the messages to
    `warn`. Warnings of other categories are shown as usual.

    Parameters
    ----------
    kind : type, default=DataWarning
        The category.

    Yields
    ------
    list of str
        The messages, in the order in which they came.
    """
    messages: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", kind)
        show_others = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **how: Any) -> None:
            if not issubclass(category, kind):
                show_others(message, category, *where, **how)
            elif str(message) not in messages:
                messages.append(str(message))

        warnings.showwarning = show
        yield messages


def without_repeats(messages: Iterable[str]) -> list[str]:
    """Return the first of the messages that differ only in numbers and in the subject they name."""
    first: dict[str, str] = {}
    for message in messages:
        first.setdefault(_DETAILS.sub("", message), message)
    return list(first.values())


def _first_frame_outside() -> int:
    """Return the stacklevel, for `warn`, of the nearest caller outside of this library and scikit-learn."""
    frame, level = sys._getframe(2), 2
    while frame is not None and frame.f_globals.get("__name__", "").split(".")[0] in _INSIDE:
        frame, level = frame.f_back, level + 1  # type: ignore[assignment]
    return level
