"""Settings of the gallery that its processes import by name."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

# The order of the gallery: from the question to the details.
ORDER = [
    "plot_did_it_help",
    "plot_where_did_it_help",
    "plot_synthesizers",
    "plot_few_subjects",
    "plot_which_label_survives",
    "plot_leak",
    "plot_window_size_trap",
    "plot_windows_over_recording",
    "plot_balance_activities",
    "plot_is_it_a_copy",
    "plot_representations",
    "plot_paid_once",
    "plot_rows_of_a_subject",
]


def position(filename: str) -> int:
    """Return the sort key of an example."""
    return ORDER.index(Path(filename).stem)


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
