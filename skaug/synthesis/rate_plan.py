"""Which rate each synthetic window gets, and where in the recordings it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skaug._random import uniform
from skaug.synthesis.keys import condition_keys
from skaug.synthesis.origins import TrainingOrigins
from skaug.synthesis.rate_labels import window_in_words
from skaug.synthesis.resampling import Reading
from skaug.windows.container import Windows
from skaug.windows.stretches import Stretches

# Fixed-point iterations for the spacing: the labels of the rows that are read must average to an edited
# label, but the spacing decides which rows these are.
_ITERATIONS = 20


@dataclass(frozen=True)
class RatePlan:
    """Where synthetic windows are read, and their rates.

    Attributes
    ----------
    reading : Reading
    is_shifted : ndarray of bool of shape (n_windows,)
        Whether the rhythm is taken out and put back at another rate.
    labels : ndarray of shape (n_windows,)
        Their labels.
    phase : ndarray of shape (n_windows,)
        Where in its period a shifted rhythm begins.
    """

    reading: Reading
    is_shifted: NDArray[np.bool_]
    labels: NDArray[np.float64]
    phase: NDArray[np.float64]


class RatePlanner:
    """Plans windows from the recordings of the training windows.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
        The training windows, with labels.
    stretches : Stretches
        Their recordings.
    method, labels, max_factor, local, margin
        As in `RateSynthesizer`.
    highest : float
        The highest label that samples can have.
    shortest : int
        The rows of a stretch below which its windows are not shifted.

    Attributes
    ----------
    cumulative : ndarray of shape (n_rows + 1,)
        The sum of the label track up to each row.
    """

    def __init__(
        self,
        windows: Windows,
        stretches: Stretches,
        *,
        method: str,
        labels: str,
        max_factor: float,
        local: float,
        margin: float,
        highest: float,
        shortest: int,
    ) -> None:
        assert windows.y is not None
        assert stretches.labels is not None
        self.method = method
        self.labels = labels
        self.max_factor = max_factor
        self.local = local
        self.highest = highest
        self.shortest = shortest
        self.cumulative = np.concatenate([[0.0], np.cumsum(stretches.labels)])
        self._range = (windows.y.min() * (1 - margin), windows.y.max() * (1 + margin))
        self._starts = stretches.starts
        self._limits = stretches.limits()
        self._origins = TrainingOrigins(windows)

    def plan(self, conditions: Windows, random_state: int) -> RatePlan:
        """Choose where each window is read, and its label.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Training windows.
        random_state : int
            Seed.

        Raises
        ------
        ValueError
            If a condition is not a training window, or an edited label is out of reach.
        """
        size, n = conditions.window_size, len(conditions)
        window = self._find(conditions)
        first, last = (limit[window] for limit in self._limits)
        middle = self._starts[window].astype(np.float64) + (size - 1) / 2
        u = uniform(condition_keys(conditions, "rate", random_state), 6)
        can_shift = last - first + 1 >= self.shortest
        is_shifted = {
            "stretch": np.zeros(n, dtype=bool),
            "shift": np.ones(n, dtype=bool),
            "both": (u[:, 0] < 0.5) & can_shift,
        }[self.method]
        widest = np.minimum(self.max_factor, (last - first) / (size - 1))
        known = self._mean_labels(middle, np.ones(n), size)
        largest = np.minimum(np.where(is_shifted, self.max_factor, widest), self.highest / known)
        factor, lowest, highest = self._factors(known, largest, u)
        is_edited = conditions.provenance.is_edited
        edited = np.flatnonzero(np.zeros(n, dtype=bool) if is_edited is None else is_edited)
        if len(edited):
            factor[edited] = conditions.y[edited] / known[edited]  # type: ignore[index]
            if (
                self.method == "both"
            ):  # a stretch that is nearly too short may not hold the exact rate
                is_short = factor[edited] > 0.9 * widest[edited]
                is_shifted[edited] |= is_short & can_shift[edited]
            self._require_reach(conditions, edited, factor, np.where(is_shifted, np.inf, widest))
        spacing = factor.copy()
        if self.method == "shift":
            spacing[:] = 1.0
        elif self.method == "both":
            spacing[is_shifted] = _between(-self.local, self.local, widest, u[:, 3])[is_shifted]
        away = np.round((2 * u[:, 4] - 1) * size / 4)
        away[edited] = 0.0
        middle += away
        center = _inside(middle, spacing, size, first, last)
        labels = np.where(
            is_shifted, factor * known, spacing * self._mean_labels(center, spacing, size)
        )
        wanted = np.clip(labels, lowest * known, highest * known)
        wanted[edited] = conditions.y[edited]  # type: ignore[index]
        # Rows beside the condition have other labels, so that the factor alone can lead too far.
        exact = np.flatnonzero(~is_shifted & (np.abs(wanted / labels - 1) > 1e-9))
        for _ in range(_ITERATIONS if len(exact) else 0):
            means = self._mean_labels(center[exact], spacing[exact], size)
            spacing[exact] = np.minimum(wanted[exact] / means, widest[exact])
            center[exact] = _inside(middle[exact], spacing[exact], size, first[exact], last[exact])
        labels[exact] = spacing[exact] * self._mean_labels(center[exact], spacing[exact], size)
        if len(edited):
            labels[edited] = conditions.y[edited]  # type: ignore[index]
        return RatePlan(Reading(center, spacing, first, last, size), is_shifted, labels, u[:, 5])

    def _factors(
        self, known: NDArray[np.float64], largest: NDArray[np.float64], u: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return what the rate of each window is multiplied by, and between which limits it was drawn."""
        is_local = u[:, 2] < {"local": 1.0, "flat": 0.0, "mix": 0.5}[self.labels]
        local = _between(-self.local, self.local, largest, u[:, 1])
        lowest, highest = self._range
        low = np.maximum(lowest / known, 1 / self.max_factor)
        high = np.maximum(np.minimum(highest / known, largest), low)
        flat = low + u[:, 1] * (high - low)
        most = np.minimum(np.exp(self.local), largest)
        least = np.minimum(np.exp(-self.local), most)
        return (
            np.where(is_local, local, flat),
            np.where(is_local, least, low),
            np.where(is_local, most, high),
        )

    def _mean_labels(
        self, center: NDArray[np.float64], spacing: NDArray[np.float64], size: int
    ) -> NDArray[np.float64]:
        """Return the mean of the label track over the rows that are read."""
        half = size / 2 * spacing
        n_rows = len(self.cumulative) - 1
        # Row r counts from r - 1/2 to r + 1/2.
        low = np.maximum(center - half + 0.5, 0)
        high = np.minimum(center + half + 0.5, n_rows)

        def label_sum(position: NDArray[np.float64]) -> NDArray[np.float64]:
            row = np.minimum(position.astype(np.intp), n_rows - 1)
            before, after = self.cumulative[row], self.cumulative[row + 1]
            return before + (position - row) * (after - before)

        return (label_sum(high) - label_sum(low)) / (high - low)

    def _find(self, conditions: Windows) -> NDArray[np.intp]:
        found = self._origins.find(conditions)
        if (found < 0).any():
            window = int(np.flatnonzero(found < 0)[0])
            raise ValueError(
                f"The window {window_in_words(conditions, window)} is not among the training windows: fit "
                "the synthesizer on the windows that it is conditioned on."
            )
        return found

    def _require_reach(
        self,
        conditions: Windows,
        edited: NDArray[np.intp],
        factor: NDArray[np.float64],
        widest: NDArray[np.float64],
    ) -> None:
        """Raise if the rate of an edited condition is not positive, too far away, or needs further rows."""
        for window in edited:
            most = self.max_factor * (1 + 1e-9)
            label = conditions.y[window]  # type: ignore[index]
            what = f"The edited label {label:g} of the window {window_in_words(conditions, window)}"
            if label <= 0:
                raise ValueError(
                    f"{what} is not a rate, which is a positive number: edit it by less."
                )
            if label > self.highest:
                raise ValueError(
                    f"{what} is above {self.highest:g}, the highest rate that samples can have at this "
                    "sampling_rate and unit: edit it by less."
                )
            if 1 / most <= factor[window] <= min(most, widest[window]):
                continue
            if not 1 / most <= factor[window] <= most:
                raise ValueError(
                    f"{what} is {factor[window]:.3g} times its recorded one: edit it by a factor of at most "
                    f"max_factor={self.max_factor!r}, or raise that."
                )
            can_shift = self.method == "stretch" and conditions.window_size >= self.shortest
            remedy = "use method='shift' or 'both'" if can_shift else "edit it by less"
            raise ValueError(
                f"{what} needs {factor[window] * conditions.window_size:.0f} rows of its recording, more "
                f"than the training windows cover there: {remedy}."
            )


def _between(
    low: float, high: float, widest: NDArray[np.float64], u: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return exp of a uniform number between two limits, at most `widest`."""
    highest = np.minimum(high, np.log(widest))
    lowest = np.minimum(low, highest)
    return np.exp(lowest + u * (highest - lowest))


def _inside(
    center: NDArray[np.float64],
    spacing: NDArray[np.float64],
    size: int,
    first: NDArray[np.intp],
    last: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Move centers so that all samples lie in the stretch."""
    half = (size - 1) / 2 * spacing
    return np.clip(center, first + half, np.maximum(last - half, first + half))
