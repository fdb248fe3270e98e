"""Synthetic windows with another rate: of the heart, of breathing, of steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._checks import (
    is_finite_number,
    require_choice,
    require_list,
    require_random_state,
)
from skaug._random import uniform
from skaug._warnings import warn
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import require_finite_samples
from skaug.synthesis.keys import condition_keys
from skaug.synthesis.lock_in import take_apart
from skaug.synthesis.rate_labels import (
    channel_positions,
    rates_of,
    require_below_nyquist,
    require_rhythm,
    window_in_words,
)
from skaug.synthesis.resampling import Reading, read
from skaug.windows.container import Windows

_METHODS = ("stretch", "shift", "both")
_LABELS = ("local", "flat", "mix")

# Until the spacing at which the labels of the rows read average to an edited label has settled.
_ITERATIONS = 20


class RateSynthesizer(Synthesizer):
    r"""Windows with another rate, made from the recording around a training window.

    For labels that are the rate of a periodic component of the signal: heart rate, breathing rate,
    cadence. The samples get another rate, and the label moves with them, so that rates that are rare
    among the training subjects are seen in training.

    **Which labels it moves, and which it breaks.** It moves the rate. Power and variance are roughly
    kept. Everything else that depends on time is not: durations, pulse widths, transit times, the rate
    of another rhythm (stretching a window also stretches breathing and steps), and classes that depend
    on any of these, such as activities. For such labels, its windows are mislabeled.

    **When it helps.** With few training subjects and a flexible model (trees, networks) on spectra. A
    linear model of the spectrum gains little and can lose. Where the rate can be read off a clean
    spectrum, `skaug.SpectralPeakRegressor` needs no training at all: compare with it first.

    Parameters
    ----------
    sampling_rate : float
        Samples per second (Hz).
    channels : list of str, optional
        The channels that carry the rhythm; by default all. "shift" changes only these, "stretch" all.
    unit : float, default=60.0
        The label of a rhythm of 1 Hz: 60 for a rate per minute, 1 for Hz.
    method : {"both", "stretch", "shift"}, default="both"
        How the rate is changed:

        - ``"stretch"``: `window_size` samples are read at another spacing from the recording around the
          window (its center moves by up to a quarter of a window). The label is the mean of the labels
          of the rows read, times the spacing;
        - ``"shift"``: the rhythm with its harmonics is demodulated along the labels of the recording,
          taken out, and put back at another rate. Motion, noise and other channels stay;
        - ``"both"``: half of the windows each; what the shifted rhythm is put back into is stretched
          by a factor of its own (up to `local`).
    labels : {"mix", "local", "flat"}, default="mix"
        The rates of the synthetic windows:

        - ``"local"``: the label of the condition times :math:`e^u`, :math:`u \sim U(-local, local)`;
        - ``"flat"``: evenly spread over the training labels, widened by `margin`, within a factor of
          `max_factor` of the condition's label;
        - ``"mix"``: half of the windows each.
    max_factor : float, default=2.0
        The largest factor between the rate of a condition and that of its synthetic window.
    local : float, default=0.2
        Width of the local factor, on a logarithmic scale.
    margin : float, default=0.2
        How far flat labels go beyond the range of the training labels, relative to its ends.
    check : bool, default=True
        Whether to test that the channels contain the rhythm (see Notes).
    random_state : int, default=0
        Seed. A window depends on it, on the origin of its condition, its draw, and the training windows.

    Attributes
    ----------
    check_ : RhythmCheck or None
        Shares of power at the labels' frequencies and at permuted ones, and the p-value. None without
        `check`, or where it cannot be tested.

    See Also
    --------
    SurrogateSynthesizer : Keeps the rate; needs nothing but the window.
    skaug.SpectralPeakRegressor : Reads the rate off the spectrum, without training.
    skaug.Windows.recordings : The stretches that rows are read from.

    Notes
    -----
    Rows beside a window come from the training windows only, stitched back to the recordings that they
    were cut from. A window that cannot be stitched (from an array, or with samples that a step replaced) has
    no rows beside it: it can be shifted to any rate, but stretched to lower rates only.

    `check` compares the power within 10 % of label / unit, relative to the power in the range of all
    labels, with the same at labels permuted among the windows (one-sided, 499 permutations). Training
    labels that differ by less than 22 % cannot be tested; this is warned of.

    Edits of the target column (``variations=[{"heart_rate": ("add", 10)}]``) set the rate exactly.
    The demodulation is that of a lock-in amplifier whose reference is the label track.

    Examples
    --------
    >>> from skaug import SubjectWindower, SynthefyAugmenter
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.synthesis import RateSynthesizer
    >>> table = simulate_ppg(n_subjects=4, minutes=2)
    >>> windows = SubjectWindower(512, features=["BVP"], target="heart_rate").fit_transform(table)
    >>> augmenter = SynthefyAugmenter(RateSynthesizer(64, labels="flat"), ratio=2)
    >>> augmented = augmenter.fit_transform(windows)
    >>> is_wider = augmented.y.max() > windows.y.max() and augmented.y.min() < windows.y.min()
    >>> len(augmented), bool(is_wider)
    (180, True)
    """

    supports_variations = True
    keeps = frozenset({"level"})
    moves = frozenset({"rate"})

    def __init__(
        self,
        sampling_rate: float,
        *,
        channels: Sequence[str] | None = None,
        unit: float = 60.0,
        method: str = "both",
        labels: str = "mix",
        max_factor: float = 2.0,
        local: float = 0.2,
        margin: float = 0.2,
        check: bool = True,
        random_state: int = 0,
    ) -> None:
        self.sampling_rate = sampling_rate
        self.channels = channels
        self.unit = unit
        self.method = method
        self.labels = labels
        self.max_factor = max_factor
        self.local = local
        self.margin = margin
        self.check = check
        self.random_state = random_state

    def check_edited(self, columns: Collection[str], target: str | None) -> None:
        """Raise unless only the target column is edited.

        Parameters
        ----------
        columns : collection of str
            The columns that are edited.
        target : str, or None
            The column that the labels are computed from.

        Raises
        ------
        ValueError
            Names the column.
        """
        others = [name for name in columns if name != target]
        if others:
            raise ValueError(
                f"RateSynthesizer changes the rate only, so that an edit of {others[0]!r} would change no "
                f"sample: edit {'the target column' if target is None else repr(target)}, or use another "
                "synthesizer."
            )

    def fit(self, windows: Windows) -> Self:
        """Stitch the recordings of the training windows, and check that they have the rhythm.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is invalid; if labels are missing, not positive numbers, or were passed in place of
            those of the target column; if a sample is NaN or infinite; if the channels do not contain
            the rhythm.

        Warns
        -----
        DataWarning
            If the rhythm cannot be tested; if most windows have no rows beside them, which stretching needs.
        """
        self._check_parameters()
        channels = channel_positions(windows, self.channels)
        labels = rates_of(windows, type(self).__name__)
        if windows.window_size < 8:
            raise ValueError(
                f"Windows of {windows.window_size} samples are too short for a rhythm: use 8 samples or more."
            )
        for which, block in windows.blocks():
            require_finite_samples(block.to_numpy(), windows, which.start)
        self.check_ = None
        require_below_nyquist(labels, self.unit, self.sampling_rate)
        if self.check:
            self.check_ = require_rhythm(windows, channels, labels, self.unit, self.sampling_rate)
        self._stretches = stretches = windows.recordings()
        assert stretches.labels is not None
        self._cumulative = np.concatenate([[0.0], np.cumsum(stretches.labels)])
        self._position_of = _Positions(windows)
        self._range = (labels.min() * (1 - self.margin), labels.max() * (1 + self.margin))
        first, last = stretches.limits()
        is_alone = last - first + 1 == windows.window_size
        if self.method == "stretch" and is_alone.mean() > 0.5:
            warn(
                f"{int(is_alone.sum())} of {len(windows)} training windows have no rows beside them in the "
                "same recording, so that RateSynthesizer(method='stretch') can only lower their rate: cut "
                "windows from a table, without a step that replaces samples, or use method='shift'."
            )
        self._rhythm = None
        if self.method != "stretch":
            turns = self._cumulative / (self.unit * self.sampling_rate)
            self._rhythm = take_apart(
                stretches.signals, turns, stretches.firsts, channels, self.sampling_rate
            )
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        """Make one window per condition, with another rate.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Training windows.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With labels of their own.

        Raises
        ------
        ValueError
            If a condition is not a training window, or an edited label is out of reach.
        """
        plan = self._plan(conditions)
        samples = np.empty(conditions.shape, dtype=self._stretches.signals.dtype)
        for is_shifted in (False, True):
            which = np.flatnonzero(plan.is_shifted == is_shifted)
            if len(which) == 0:
                continue
            reading = plan.reading.take(which)
            if self._rhythm is None or not is_shifted:
                read(self._stretches.signals, self._stretches.firsts, reading, samples, which)
            else:
                read(self._rhythm.rest, self._stretches.firsts, reading, samples, which)
                hertz = plan.labels[which] / self.unit
                self._rhythm.add(samples, which, reading, hertz, plan.phase[which])
        return conditions.synthesized(samples, plan.labels)

    def _plan(self, conditions: Windows) -> _Plan:
        """Choose where each window is read, and its label."""
        size, n = conditions.window_size, len(conditions)
        window = self._position_of.of(conditions)
        first, last = (limit[window] for limit in self._stretches.limits())
        middle = self._stretches.starts[window].astype(np.float64) + (size - 1) / 2
        u = uniform(condition_keys(conditions, "rate", self.random_state), 6)
        is_shifted = {
            "stretch": np.zeros(n, dtype=bool),
            "shift": np.ones(n, dtype=bool),
            "both": u[:, 0] < 0.5,
        }[self.method]
        widest = np.minimum(self.max_factor, (last - first) / (size - 1))
        known = self._mean_labels(middle, np.ones(n), size)
        factor = self._factors(known, np.where(is_shifted, self.max_factor, widest), u)
        is_edited = conditions.provenance.is_edited
        edited = np.flatnonzero(np.zeros(n, dtype=bool) if is_edited is None else is_edited)
        if len(edited):
            factor[edited] = conditions.y[edited] / known[edited]  # type: ignore[index]
            if (
                self.method == "both"
            ):  # a stretch that is nearly too short may not hold the exact rate
                is_shifted[edited] |= factor[edited] > 0.9 * widest[edited]
            self._require_reach(conditions, edited, factor, np.where(is_shifted, np.inf, widest))
        spacing = factor.copy()
        if self.method == "shift":
            spacing[:] = 1.0
        elif self.method == "both":
            spacing[is_shifted] = _between(-self.local, self.local, widest, u[:, 3])[is_shifted]
        away = np.round((2 * u[:, 4] - 1) * size / 4)
        away[edited] = 0.0
        center = _inside(middle + away, spacing, size, first, last)
        labels = np.where(
            is_shifted, factor * known, spacing * self._mean_labels(center, spacing, size)
        )
        exact = edited[~is_shifted[edited]]
        for _ in range(_ITERATIONS if len(exact) else 0):
            means = self._mean_labels(center[exact], spacing[exact], size)
            spacing[exact] = np.minimum(conditions.y[exact] / means, widest[exact])  # type: ignore[index]
            center[exact] = _inside(middle[exact], spacing[exact], size, first[exact], last[exact])
        if len(edited):
            labels[edited] = conditions.y[edited]  # type: ignore[index]
        return _Plan(Reading(center, spacing, first, last, size), is_shifted, labels, u[:, 5])

    def _factors(
        self, known: NDArray[np.float64], widest: NDArray[np.float64], u: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what the rate of each window is multiplied by, at most `widest`."""
        local = _between(-self.local, self.local, widest, u[:, 1])
        lowest, highest = self._range
        low = np.maximum(lowest / known, 1 / self.max_factor)
        high = np.maximum(np.minimum(highest / known, widest), low)
        flat = low + u[:, 1] * (high - low)
        if self.labels == "mix":
            return np.where(u[:, 2] < 0.5, local, flat)
        return local if self.labels == "local" else flat

    def _mean_labels(
        self, center: NDArray[np.float64], spacing: NDArray[np.float64], size: int
    ) -> NDArray[np.float64]:
        """Return the mean of the label track over the rows that are read."""
        half = size / 2 * spacing
        # Row r counts from r - 1/2 to r + 1/2.
        ends = np.arange(len(self._cumulative)) - 0.5
        low, high = center - half, center + half
        total = np.interp(high, ends, self._cumulative) - np.interp(low, ends, self._cumulative)
        return total / (np.minimum(high, ends[-1]) - np.maximum(low, ends[0]))

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
            if 1 / most <= factor[window] <= min(most, widest[window]):
                continue
            label = conditions.y[window]  # type: ignore[index]
            what = f"The edited label {label:g} of the window {window_in_words(conditions, window)}"
            if not 1 / most <= factor[window] <= most:
                raise ValueError(
                    f"{what} is {factor[window]:.3g} times its recorded one: edit it by a factor of at most "
                    f"max_factor={self.max_factor!r}, or raise that."
                )
            raise ValueError(
                f"{what} needs {factor[window] * conditions.window_size:.0f} rows of its recording, more "
                "than the training windows cover there: use method='shift' or 'both'."
            )

    def _check_parameters(self) -> None:
        require_choice("method", self.method, _METHODS)
        require_choice("labels", self.labels, _LABELS)
        require_random_state(self.random_state)
        for name in ("sampling_rate", "unit"):
            value = getattr(self, name)
            if not is_finite_number(value) or value <= 0:
                raise ValueError(f"{name}={value!r} must be a number above 0.")
        if not is_finite_number(self.max_factor) or self.max_factor <= 1:
            raise ValueError(f"max_factor={self.max_factor!r} must be a number above 1.")
        for name, below in (("local", np.log(self.max_factor)), ("margin", 1.0)):
            value = getattr(self, name)
            if not is_finite_number(value) or not 0 <= value < below + 1e-12:
                reason = " (log(max_factor))" if name == "local" else ""
                raise ValueError(
                    f"{name}={value!r} must be a number from 0 to {below:.3g}{reason}."
                )
        if not isinstance(self.check, bool | np.bool_):
            raise ValueError(f"check={self.check!r} must be True or False.")
        if self.channels is not None:
            require_list("channels", self.channels)


class _Plan(NamedTuple):
    """Where each synthetic window is read, whether its rhythm is shifted, its label, and its phase."""

    reading: Reading
    is_shifted: NDArray[np.bool_]
    labels: NDArray[np.float64]
    phase: NDArray[np.float64]


class _Positions:
    """The training window of each condition."""

    def __init__(self, windows: Windows) -> None:
        self.index = self._keys(windows)
        self.once = ~self.index.duplicated()
        self.window = np.flatnonzero(self.once)

    def of(self, conditions: Windows) -> NDArray[np.intp]:
        """Return the position of the training window with the origin of each condition."""
        found = self.index[self.once].get_indexer(self._keys(conditions))
        if (found < 0).any():
            window = int(np.flatnonzero(found < 0)[0])
            raise ValueError(
                f"The window {window_in_words(conditions, window)} is not among the training windows: fit "
                "the synthesizer on the windows that it is conditioned on."
            )
        return self.window[found]

    @staticmethod
    def _keys(windows: Windows) -> pd.MultiIndex:
        return pd.MultiIndex.from_frame(windows.origins[["subject", "first_row"]])


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
