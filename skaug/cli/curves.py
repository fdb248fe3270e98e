"""The learning curve, which ``--curve`` chooses: over ratios or over numbers of training subjects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone

from skaug import Pipeline, Windows
from skaug.cli.messages import say
from skaug.evaluation import LearningCurve, learning_curve
from skaug.evaluation.folds import Samples
from skaug.synthesis import Synthesizer

_NUMBERS = (2, 4, 8)


def curve_of(
    kind: str,
    pipeline: Pipeline,
    windows: Windows,
    synthesizers: Mapping[str, Synthesizer],
    *,
    baselines: Mapping[str, Any] | None = None,
    scoring: str | None = None,
    n_jobs: int = 1,
) -> LearningCurve:
    """Compute a learning curve, and print where it differs from what was asked for.

    Parameters
    ----------
    kind : {"ratio", "subjects"}
        What varies: the number of synthetic windows per real one, or the number of training subjects.
    pipeline : Pipeline
        Its first step is the augmenter.
    windows : Windows
        Labeled windows of several subjects.
    synthesizers : dict of str to Synthesizer
        With several, there is a curve for each.
    baselines, scoring, n_jobs
        As for `learning_curve`; baselines are beside a curve over subjects only.
    """
    name, augmenter = pipeline.steps[0]
    amounts: dict[str, Any] = {}
    if kind == "subjects":
        samples = Samples.of(pipeline, windows, None, None)
        fewest = min(len(np.unique(samples.codes[train])) for train, _ in samples.folds(None))
        left_out = [str(n) for n in _NUMBERS if n > fewest]
        if left_out:
            say(
                f"The learning curve has no point at {' or '.join(left_out)} training subjects: one fold "
                f"trains on only {fewest}."
            )
        amounts = {
            "n_subjects": (*(n for n in _NUMBERS if n <= fewest), None),
            "baselines": baselines,
        }
        if augmenter.n_synthetic is not None:
            say(
                f"The learning curve adds --ratio {augmenter.ratio:g} synthetic windows per real one, not "
                f"--n-synthetic {augmenter.n_synthetic}."
            )
    return learning_curve(
        clone(pipeline).set_params(**{f"{name}__n_synthetic": None}),
        windows,
        synthesizers=synthesizers if len(synthesizers) > 1 else None,
        scoring=scoring,
        n_jobs=n_jobs,
        progress=True,
        **amounts,
    )
