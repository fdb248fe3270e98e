"""One row of a quality report: a number and the two numbers to read it against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LOWER, HIGHER, HALF = "lower", "higher", "0.5"


@dataclass(frozen=True)
class Measure:
    """A measure of synthetic windows.

    Parameters
    ----------
    family : {"fidelity", "adherence", "diversity", "memorization"}
        The group of measures that it belongs to.
    name : str
        The name of the measure.
    value : float
        The measure of the synthetic windows.
    floor : float
        The measure of noise, or of the worst windows there can be, in their place.
    ceiling : float
        The measure of real windows in their place. NaN where there are no such windows.
    better : {"lower", "higher", "0.5", ""}
        Which values are better. Empty where neither is, as for a p-value.
    meaning : str
        An explanation in a sentence or two.
    spread : float, optional
        The standard deviation of the value over random subsets, if it is a mean over subsets.
    low, high : float, optional
        The interval around the value, where there is one.
    is_distance : bool, default=False
        Whether the measure has no upper limit, so that it is drawn on a logarithmic scale.
    """

    family: str
    name: str
    value: float
    floor: float
    ceiling: float
    better: str
    meaning: str
    spread: float = np.nan
    low: float = np.nan
    high: float = np.nan
    is_distance: bool = False

    def tells_apart(self) -> bool | None:
        """Return whether the floor is worse than the ceiling, or None if either is missing."""
        if np.isnan(self.ceiling) or np.isnan(self.floor):
            return None
        if self.better == HALF:
            return abs(self.floor - 0.5) > abs(self.ceiling - 0.5)
        return self.floor < self.ceiling if self.better == HIGHER else self.floor > self.ceiling

    def position(self, away: float = 0.0) -> float:
        """Return where the value lies between the floor (0) and the ceiling (1), or NaN.

        Parameters
        ----------
        away : float, default=0.0
            What to add to the value, such as its spread.
        """
        if not self.tells_apart() or np.isnan(self.value):
            return np.nan
        value, ceiling, floor = self.value + away, self.ceiling, self.floor
        if self.better == HALF:
            value, ceiling, floor = (abs(number - 0.5) for number in (value, ceiling, floor))
        if self.is_distance:
            if ceiling <= 0:
                return np.nan
            if value <= 0:
                return np.inf
            value, ceiling, floor = np.log(value), np.log(ceiling), np.log(floor)
        return float((value - floor) / (ceiling - floor))


def format_number(value: float) -> str:
    """Return a number with about three digits, or a dash for NaN."""
    if np.isnan(value):
        return "-"
    if value == 0 or 0.001 <= abs(value) < 1e5:
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
        return f"{value:,.{digits}f}"
    return f"{value:.1e}"
