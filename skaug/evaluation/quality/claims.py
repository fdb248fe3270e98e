"""What a synthesizer declares about labels, beside what its windows show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skaug.evaluation.quality.adherence import RATE_MEASURE
from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.measure import format_number as number

# A declaration is contradicted by errors above this factor of those of real windows, if the windows also
# lie below this position between shuffled labels (0) and real windows (1).
_FACTOR, _POSITION = 1.5, 0.8

# Real windows show a label if their error is at most this share of that of shuffled labels.
_SHOWN = 0.8


def contradictions(synthesizer: Any, measures: Sequence[Measure], is_class: bool) -> list[str]:
    """Say where windows contradict what their synthesizer declares in ``keeps`` and ``moves``.

    Parameters
    ----------
    synthesizer : Synthesizer
        The synthesizer that made the windows.
    measures : sequence of Measure
        The measures of the windows.
    is_class : bool
        Whether the labels are classes.

    Returns
    -------
    list of str
        One sentence per kind of label that can be checked: the rate by the spectral peak, the class by the
        error of a classifier. Another says so if the synthesizer declares nothing about a label that is a
        rate.
    """
    name = type(synthesizer).__name__
    found = []
    for measure in measures:
        kind = _kind(measure, is_class)
        is_shown = measure.ceiling <= _SHOWN * measure.floor
        if kind is None or not is_shown:
            continue
        differs = measure.value > _FACTOR * measure.ceiling and measure.position() < _POSITION
        declared = [what for what in ("keeps", "moves") if kind in getattr(synthesizer, what, ())]
        figures = (
            f"({measure.name} {number(measure.value)}; real windows {number(measure.ceiling)})"
        )
        if declared and differs:
            found.append(
                f"{name} declares that it {declared[0]} the {kind}, but the {kind} of its windows differs "
                f"from their labels {figures}."
            )
        elif not declared and kind == "rate":
            holds = (
                sorted(synthesizer.keeps | synthesizer.moves)
                if hasattr(synthesizer, "keeps")
                else []
            )
            found.append(
                f"The label is a rate, and {name} does not declare that it keeps or moves rates (only "
                f"{', '.join(holds) or 'nothing'}): they may be mislabeled {figures}."
            )
    return found


def _kind(measure: Measure, is_class: bool) -> str | None:
    """Return the kind of label that a measure checks."""
    if measure.name.startswith(RATE_MEASURE):
        return "rate"
    return "class" if is_class and measure.name == "label error" else None
