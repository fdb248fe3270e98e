"""Settings of the gallery that its processes import by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

# The order of the gallery: from the question to the details. Examples that are not listed come last.
ORDER = [
    "plot_verdict",
    "plot_strata",
    "plot_synthesizers",
]


def position(filename: str) -> tuple[int, str]:
    """Return the sort key of an example."""
    stem = Path(filename).stem
    return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)


_filters = warnings.catch_warnings()


def warnings_are_errors(gallery: dict[str, Any], file: str, when: str) -> None:
    """Turn warnings into errors while an example runs."""
    global _filters
    if when == "before":
        _filters = warnings.catch_warnings()
        _filters.__enter__()
        warnings.simplefilter("error")
    else:
        _filters.__exit__(None, None, None)
