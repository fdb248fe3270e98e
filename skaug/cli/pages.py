"""The page of a comparison, which ``--report`` writes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from sklearn.base import clone

from skaug import Pipeline, Windows
from skaug.cli.messages import plain_line, say
from skaug.cli.outputs import check_output
from skaug.evaluation import LearningCurve, ProtocolComparison, QualityReport, synthetic_quality
from skaug.synthesis import Synthesizer


def check_report(path: Path | None, *inputs: Path) -> None:
    """Raise if the page cannot be written or an extra is not installed."""
    check_output(path, *inputs)
    if path is not None and not all(map(find_spec, ("jinja2", "matplotlib"))):
        raise ValueError('--report needs an extra: pip install "skaug[report]".')


def write_report(
    path: Path,
    comparison: ProtocolComparison,
    curve: LearningCurve,
    pipeline: Pipeline,
    windows: Windows,
    synthesizers: Mapping[str, Synthesizer],
    *,
    sampling_rate: float,
    rate: str | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write the page, with windows of each synthesizer and their quality."""
    name_of_augmenter, _ = pipeline.steps[0]
    held_out, rest = _divide(windows)
    drawn: dict[str, tuple[Windows, Windows]] = {}
    quality: dict[str, QualityReport] = {}
    for name, synthesizer in synthesizers.items():
        shown = name if len(synthesizers) > 1 else ""
        augmenter = clone(pipeline.named_steps[name_of_augmenter]).set_params(
            synthesizer=synthesizer
        )
        synthetic = augmenter.fit(rest).synthetic_windows_
        if len(synthetic):
            drawn[shown] = (rest, synthetic)
        try:
            quality[shown] = synthetic_quality(
                rest,
                synthetic,
                holdout=held_out,
                sampling_rate=sampling_rate,
                rate_channel=rate,
                synthesizer=synthesizer,
                progress=True,
            )
        except ValueError as error:  # for example, too few windows
            of_which = f" of {shown}" if shown else ""
            say(
                f"The page has no section about the quality of the synthetic windows{of_which}: "
                f"{plain_line(error)}"
            )
    comparison.to_html(
        path,
        learning_curve=curve,
        windows=drawn,
        sampling_rate=sampling_rate,
        quality=quality,
        about=about,
    )
    say(f"The page is {path}.")


def _divide(windows: Windows) -> tuple[Windows | None, Windows]:
    """Return held-out and other windows: a third of the subjects is held out, or three of six to eight."""
    subjects = list(dict.fromkeys(windows.groups))  # type: ignore[arg-type]
    n_aside = max(len(subjects) // 3, 3 if len(subjects) >= 6 else 0)
    if n_aside == 0:
        return None, windows
    aside = np.isin(windows.groups, subjects[-n_aside:])  # type: ignore[arg-type]
    return windows[aside], windows[~aside]
