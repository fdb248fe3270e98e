"""Synthetic windows with another rate: of the heart, of breathing, of steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from skaug._arrays import in_halves
from skaug._checks import (
    is_finite_number,
    require_choice,
    require_list,
    require_random_state,
)
from skaug._warnings import warn
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import alone_in_words, require_finite_samples
from skaug.synthesis.lock_in import highest_rate, shortest_stretch, take_apart
from skaug.synthesis.rate_labels import (
    channel_positions,
    rates_of,
    require_below_nyquist,
    require_positive_track,
    require_rhythm,
    window_in_words,
)
from skaug.synthesis.rate_plan import RatePlan, RatePlanner
from skaug.synthesis.resampling import read
from skaug.synthesis.variations import refuse_edits_except
from skaug.windows.container import Windows, require_alike
from skaug.windows.provenance import Target, target_names
from skaug.windows.stretches import Stretches

_METHODS = ("stretch", "shift", "both")
_LABELS = ("local", "flat", "mix")

# The highest rate, relative to half of the sampling rate: above it, the filter of `read` weakens the rhythm.
_OF_NYQUIST = 0.9


class RateSynthesizer(Synthesizer):
    r"""Make windows with another rate from the recording around a training window.

    For labels that are the rate of a periodic component of the signal: heart rate, breathing rate,
    cadence. The samples get another rate and a label to match, so that the model also sees rates
    that are rare among the training subjects.

    **Which labels it moves, and which it breaks.** It moves the rate. Power and variance are roughly
    kept. Everything else that depends on time is not: durations, pulse widths, transit times, the rate
    of another rhythm (stretching a window also stretches breathing and steps), and classes that depend
    on any of these, such as activities. For such labels, its windows are mislabeled.

    **How well the rate shows.** About as well as in the rows that a window is read from, motion included: a
    peak of motion that is larger than that of the rhythm stays larger. A stretch moves both, so an arm swing
    below the band in which you look for a heart rate can end up within it. ``method="shift"`` leaves motion
    where it is.

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
        - ``"both"``: one half of the windows by each method. The signal that a shifted rhythm is put back
          into is also stretched, by a factor of its own (within `local`).
    labels : {"mix", "local", "flat"}, default="mix"
        The rates of the synthetic windows:

        - ``"local"``: the label of the condition times :math:`e^u`, :math:`u \sim U(-local, local)`;
        - ``"flat"``: uniform over the range of the training labels, widened by `margin`, within a factor of
          `max_factor` of the condition's label, and below 90 % of half the sampling rate;
        - ``"mix"``: one half of the windows each way.
    max_factor : float, default=2.0
        The largest factor between the rate of a condition and that of its synthetic window.
    local : float, default=0.2
        Width of the local factor, on a logarithmic scale.
    margin : float, default=0.2
        How far ``"flat"`` labels go beyond the range of the training labels, relative to its ends.
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
    no rows beside it: it can be shifted to any rate, but stretched to lower rates only. A stretch of less
    than 2.7 s is too short to shift its windows: "shift" refuses it, "both" stretches them all.

    `check` compares the power within 10 % of label / unit, relative to the power in the range of all
    labels, with the same share at permuted labels (one-sided, 499 permutations). With 5 or more subjects,
    labels are exchanged between subjects, because the windows of a subject are not independent; otherwise
    between windows. Labels that differ by less than 22 % cannot be tested, which raises a warning.

    Edits of the target column (``variations=[{"heart_rate": ("add", 10)}]``) set the rate exactly.
    The rhythm is demodulated as in a lock-in amplifier, with the label track as the reference.

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
    follows_one_label = True
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

    def check_edited(self, columns: Collection[str], target: Target) -> None:
        """Raise unless only the target column is edited.

        Parameters
        ----------
        columns : collection of str
            The columns that are edited.
        target : str, tuple of str, or None
            The column that the labels are computed from.

        Raises
        ------
        ValueError
            Names the column.
        """
        followed = target_names(target)
        remedy = f"edit the rate, {followed[0]!r}" if followed else "use another synthesizer"
        refuse_edits_except(followed, columns, type(self).__name__, remedy)

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
            If a parameter is invalid; if a label, or a row of the target column, is missing or not a positive
            number; if labels were passed in place of those of this column; if a sample is NaN or infinite;
            if the channels do not contain the rhythm; if a stretch is too short for "shift".

        Warns
        -----
        DataWarning
            If the rhythm cannot be tested, or there is one at half the labels too; if most windows have no
            rows beside them, which stretching needs.
        """
        self._check_parameters()
        if len(windows) == 0:
            raise ValueError("There are no windows to fit: check the split that made them.")
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
        highest = self._highest_label(labels)
        if self.check:
            self.check_ = require_rhythm(
                windows,
                channels,
                labels,
                self.unit,
                self.sampling_rate,
                name=type(self).__name__,
                remedy="name the channels that carry the rhythm in channels, or use another synthesizer",
                skip=" check=False skips this check.",
                if_steps=", and method='shift' would leave a part of the rhythm where it is: use "
                "method='stretch'",
            )
        self._window_size, self._feature_names = windows.window_size, windows.feature_names
        stretches = windows.recordings()
        require_positive_track(windows, stretches)
        self._planner = RatePlanner(
            windows,
            stretches,
            method=self.method,
            labels=self.labels,
            max_factor=self.max_factor,
            local=self.local,
            margin=self.margin,
            highest=highest,
            shortest=shortest_stretch(self.sampling_rate),
        )
        self._require_rows(windows, stretches)
        # Without the labels, which the planner holds as sums: they take as much memory as a channel.
        self._signals, firsts = stretches.signals, stretches.firsts
        del stretches
        self._rhythm = None
        if self.method != "stretch":
            turns = self._planner.cumulative / (self.unit * self.sampling_rate)
            self._rhythm = take_apart(self._signals, turns, firsts, channels, self.sampling_rate)
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
        NotFittedError
            Before `fit`.
        ValueError
            If a condition is not a training window, the windows differ from those of `fit` in length or
            channels, or an edited label is out of reach.
        """
        check_is_fitted(self)
        require_alike(conditions, self._window_size, self._feature_names, type(self).__name__)
        plan = self._planner.plan(conditions, self.random_state)
        samples = np.empty(conditions.shape, dtype=self._signals.dtype)
        # Neighbors in a recording stay together: what they read is filtered once.
        order = np.argsort(plan.reading.center)
        in_halves(lambda half: self._write(samples, plan, order[half]), len(order), samples.nbytes)
        return conditions.synthesized(samples, plan.labels)

    def _write(self, samples: NDArray, plan: RatePlan, which: NDArray[np.intp]) -> None:
        """Read some of the windows, and put the rhythm back into those that are shifted."""
        is_shifted = plan.is_shifted[which]
        if (rhythm := self._rhythm) is not None:

            def add_rhythm(block: NDArray, some: NDArray[np.intp]) -> None:
                hertz = plan.labels[some] / self.unit
                rhythm.add(block, plan.reading.take(some), hertz, plan.phase[some])

            shifted = which[is_shifted]
            read(rhythm.rest, plan.reading.take(shifted), samples, shifted, add_rhythm)
        stretched = which[~is_shifted]
        read(self._signals, plan.reading.take(stretched), samples, stretched)

    def _highest_label(self, labels: NDArray[np.float64]) -> float:
        """Return the highest label that samples can have, or raise if a training window is above it."""
        hertz = _OF_NYQUIST * self.sampling_rate / 2
        if self.method != "stretch":
            hertz = min(hertz, highest_rate(self.sampling_rate))
        if labels.max() / self.unit > hertz:
            other = "" if self.method == "stretch" else ", or use method='stretch'"
            raise ValueError(
                f"A label of {labels.max():g} is {labels.max() / self.unit:.3g} Hz at unit={self.unit!r}, "
                f"above the {max(hertz, 0):.3g} Hz up to which RateSynthesizer(method={self.method!r}) can "
                f"change rates at sampling_rate={self.sampling_rate!r}: check both, leave out these "
                f"windows{other}."
            )
        return hertz * self.unit

    def _require_rows(self, windows: Windows, stretches: Stretches) -> None:
        """Raise if windows that have to be shifted lie in too few rows; warn if most cannot be sped up."""
        first, last = stretches.limits()
        n_rows, shortest = last - first + 1, self._planner.shortest
        is_short = n_rows < shortest
        if self.method == "shift" and is_short.any():
            window = int(np.flatnonzero(is_short)[0])
            raise ValueError(
                f"{int(is_short.sum())} of {len(windows)} training windows lie in stretches of their "
                f"recording of less than {shortest} rows ({shortest / self.sampling_rate:.3g} s), such as "
                f"that {window_in_words(windows, window)}: too short to take the rhythm out. Cut longer "
                "windows, or use method='both', which stretches these."
            )
        is_stretched = self.method == "stretch" or (self.method == "both") & is_short
        is_slowed = (n_rows == windows.window_size) & is_stretched
        if is_slowed.mean() > 0.5:
            instead = ", or use method='shift'" if windows.window_size >= shortest else ""
            warn(
                f"{alone_in_words(int(is_slowed.sum()), len(windows))}: "
                f"RateSynthesizer(method={self.method!r}) can only lower their rate. Cut them from a table, "
                f"with a stride up to the window size{instead}."
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
