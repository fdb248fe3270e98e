"""Names of the caller's, as matplotlib can draw them."""

from __future__ import annotations

from typing import Any


def drawn_text(name: Any) -> str:
    """Return a name in which nothing starts a formula, and no control character breaks a page.

    Parameters
    ----------
    name : object
        The name of a channel, a column, a subject or a baseline.

    Returns
    -------
    str
    """
    printable = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))
    return "".join(printable).replace("$", r"\$")
