"""What synthesizers declare about labels, beside what their windows show."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from skaug import SynthefyAugmenter, Windows
from skaug.evaluation import synthetic_quality
from skaug.evaluation.quality.claims import contradictions
from skaug.evaluation.quality.measure import Measure
from skaug.synthesis import MixupSynthesizer, SurrogateSynthesizer, Synthesizer


class Keeper(Synthesizer):
    """Declares that it keeps rates and classes."""

    keeps = frozenset({"rate", "class"})

    def synthesize(self, conditions: Windows) -> Windows:
        raise NotImplementedError


class Noise(Keeper):
    """Noise in place of the rhythm."""

    def synthesize(self, conditions: Windows) -> Windows:
        return conditions.synthesized(np.random.default_rng(0).normal(size=conditions.shape))


def errors(value: float, ceiling: float, name: str = "spectral peak against label: BVP") -> Measure:
    """An error whose floor is 10."""
    return Measure("adherence", name, value, 10.0, ceiling, "lower", "So much.")


@pytest.mark.parametrize(
    ("value", "ceiling", "differs"),
    [
        (6.0, 2.0, True),
        (2.9, 2.0, False),  # within 1.5 times the error of real windows
        (0.5, 0.1, False),  # nearly as good as real windows
        (9.9, 8.5, False),  # real windows do not show the rate either
        (9.9, np.nan, False),
    ],
)
def test_a_rate_that_differs_contradicts_a_declaration(
    value: float, ceiling: float, differs: bool
) -> None:
    said = contradictions(Keeper(), [errors(value, ceiling)], is_class=False)
    assert len(said) == differs
    if differs:
        assert said[0].startswith("Keeper declares that it keeps the rate, but the rate of its")
        assert "BVP 6.00; real windows 2.00" in said[0]


def test_a_class_is_checked_by_the_error_of_the_classifier() -> None:
    wrong = errors(8.0, 2.0, "label error")
    assert contradictions(Keeper(), [wrong], is_class=False) == []
    (said,) = contradictions(Keeper(), [wrong], is_class=True)
    assert said.startswith("Keeper declares that it keeps the class, but")
    assert contradictions(SurrogateSynthesizer(), [wrong], is_class=True) == []


def test_a_rate_that_is_not_declared_to_hold_is_pointed_out() -> None:
    (said,) = contradictions(MixupSynthesizer(), [errors(2.0, 2.0)], is_class=False)
    assert "MixupSynthesizer does not declare that it keeps or moves rates (only class" in said


@pytest.mark.parametrize(
    ("synthesizer", "said"),
    [
        (Noise(), "Noise declares that it keeps the rate, but the rate of its windows differs"),
        (MixupSynthesizer(), "The label is a rate, and MixupSynthesizer does not declare that"),
        (None, None),
    ],
)
@pytest.mark.slow
def test_notes_say_what_contradicts_the_synthesizer(
    windows: Windows, synthesizer: Any, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    synthetic = SynthefyAugmenter(synthesizer).fit(windows).synthetic_windows_
    report = synthetic_quality(
        windows,
        synthetic,
        sampling_rate=32,
        rate_channel="BVP",
        synthesizer=synthesizer,
        progress=True,
    )
    of_which = "" if synthesizer is None else f" of {type(synthesizer).__name__}"
    assert f"quality{of_which}: 100%" in capsys.readouterr().err
    about = [note for note in report.notes if "declare" in note]
    assert len(about) == (said is not None)
    if said is not None:
        assert about[0].startswith(said)
        assert about[0] in str(report)
