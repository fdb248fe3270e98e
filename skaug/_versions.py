"""Versions of what the numbers depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version

__version__ = "0.1.0"

_PACKAGES = ("scikit-learn", "numpy", "pandas", "scipy")


def versions() -> dict[str, str]:
    """Return the versions of Python, of this library and of what it computes with."""
    return {
        "skaug": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }
