"""The page of a comparison: ``--report``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from skaug import Pipeline, Windows
from skaug.cli.tables import check_can_write, one_line
from skaug.evaluation import ProtocolComparison, learning_curve, synthetic_quality


def add_report(parser: Any) -> None:
    """Add the option that asks for a page."""
    parser.add_argument(
        "--report",
        type=Path,
        nargs="?",
        const=Path("report.html"),
        metavar="HTML",
        help="write a page: verdict, plots, tables, and how they were made (default name: report.html)",
    )


def check_can_report(path: Path | None, *read: Path) -> None:
    """Raise where no page can be written, or an extra is not installed."""
    check_can_write(path, *read)
    if path is not None and not all(map(find_spec, ("jinja2", "matplotlib"))):
        raise ValueError('The page needs an extra: pip install "skaug[report]".')


def write_report(
    path: Path,
    comparison: ProtocolComparison,
    pipeline: Pipeline,
    windows: Windows,
    *,
    sampling_rate: float,
    rate: str | None = None,
    n_jobs: int = 1,
) -> None:
    """Add what only a page can show: the learning curve, and what the synthetic windows are like."""
    curve = learning_curve(pipeline, windows, n_jobs=n_jobs, progress=True)
    held_out, rest = _divide(windows)
    synthetic = clone(pipeline.steps[0][1]).fit(rest).synthetic_windows_
    parts: dict[str, Any] = {"learning_curve": curve, "sampling_rate": sampling_rate}
    try:
        parts["quality"] = synthetic_quality(
            rest, synthetic, holdout=held_out, sampling_rate=sampling_rate, rate_channel=rate
        )
    except ValueError as error:  # too few of them, for instance
        print(f"The page does not say what the synthetic windows are like: {one_line(error)}")
    if len(synthetic):
        parts["windows"] = (rest, synthetic)
    comparison.to_html(path, **parts)
    print(f"The page is {path}.")


def _divide(windows: Windows) -> tuple[Windows | None, Windows]:
    """Set a third of the subjects aside to compare the others with, three if there are twice as many."""
    subjects = list(dict.fromkeys(windows.groups))  # type: ignore[arg-type]
    n_aside = max(len(subjects) // 3, 3 if len(subjects) >= 6 else 0)
    if n_aside == 0:
        return None, windows
    aside = np.isin(windows.groups, subjects[-n_aside:])  # type: ignore[arg-type]
    return windows[aside], windows[~aside]
