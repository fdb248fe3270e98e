"""One number of a quality report, with the two numbers that it is read against."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from skaug.evaluation.quality.sample import Sample

LOWER, HIGHER, HALF = "lower", "higher", "0.5"


@dataclass(frozen=True)
class Measure:
    """A measure of synthetic windows.

    Parameters
    ----------
    family : {"fidelity", "adherence", "diversity", "memorisation"}
        What it is about.
    name : str
        What it is called.
    value : float
        Of the synthetic windows.
    ceiling : float
        Of real windows in their place; NaN where there is nothing to compute it from.
    floor : float
        Of noise, or of what else is worst, in their place.
    better : {"lower", "higher", "0.5", ""}
        Which way is better.
    meaning : str
        A sentence.
    low, high : float, optional
        The interval around the value, where there is one.
    is_distance : bool, default=False
        Whether it has no upper end, and so is drawn on a scale of logarithms.
    """

    family: str
    name: str
    value: float
    ceiling: float
    floor: float
    better: str
    meaning: str
    low: float = np.nan
    high: float = np.nan
    is_distance: bool = False

    def tells_apart(self) -> bool | None:
        """Say whether the floor is worse than the ceiling; None where one of them is missing."""
        if np.isnan(self.ceiling) or np.isnan(self.floor):
            return None
        if self.better == HALF:
            return abs(self.floor - 0.5) > abs(self.ceiling - 0.5)
        return self.floor < self.ceiling if self.better == HIGHER else self.floor > self.ceiling

    def position(self) -> float:
        """Give where the value lies from the floor (0) to the ceiling (1), or NaN."""
        if not self.tells_apart() or np.isnan(self.value):
            return np.nan
        value, ceiling, floor = self.value, self.ceiling, self.floor
        if self.better == HALF:
            value, ceiling, floor = (abs(number - 0.5) for number in (value, ceiling, floor))
        if self.is_distance:
            if ceiling <= 0:
                return np.nan
            if value <= 0:
                return np.inf
            value, ceiling, floor = np.log(value), np.log(ceiling), np.log(floor)
        return float((value - floor) / (ceiling - floor))


@dataclass(frozen=True)
class Comparison:
    """Samples of equal size, for the three columns of a report.

    Parameters
    ----------
    real, synthetic, noise : Sample
        Training windows, and what is compared with them.
    ceiling : pair of Sample, or None
        Real windows, and real windows of other subjects that are compared with them.
    deals : sequence of pairs of Sample
        All the real subjects, held-out ones too, dealt into two sets in several ways.
    """

    real: Sample
    synthetic: Sample
    noise: Sample
    ceiling: tuple[Sample, Sample] | None
    deals: Sequence[tuple[Sample, Sample]] = ()

    def columns(
        self, function: Callable[[Sample, Sample], Any], missing: Any = np.nan
    ) -> tuple[Any, Any, Any]:
        """Compute a function of a reference and a candidate for value, ceiling and floor."""
        return (
            function(self.real, self.synthetic),
            missing if self.ceiling is None else function(*self.ceiling),
            function(self.real, self.noise),
        )
