"""Synthetic windows drawn from a model of spectra, given the label and metadata."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Self

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted

from skaug._arrays import blocks_of
from skaug._checks import (
    is_finite_number,
    require_list,
    require_random_state,
    require_whole_number,
)
from skaug._random import combine, normal, uniform
from skaug._warnings import warn
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.condition_design import ConditionDesign
from skaug.synthesis.conditions import (
    one_per_origin,
    refuse_several_labels,
    require_finite_samples,
)
from skaug.synthesis.keys import condition_keys
from skaug.synthesis.rate_labels import (
    channel_positions,
    rates_of,
    require_below_nyquist,
    require_rhythm,
)
from skaug.synthesis.rate_spectra import RateAxis, log_power, samples_of
from skaug.synthesis.variations import refuse_edits_except
from skaug.windows.container import Windows, require_alike
from skaug.windows.provenance import Target, target_names

# Windows that the model is fitted on, at most.
_MOST_WINDOWS = 4000

# Windows that are drawn at a time.
_BLOCK = 256

# Powers below this share of their mean at the same frequency are raised to it: -60 dB.
_FLOOR = np.log(1e-6)


class SpectralSynthesizer(Synthesizer):
    r"""Draw windows from a Gaussian model of log spectra, given the label and metadata.

    A generative model that is fitted on the training windows in seconds: the windows have the label of
    their condition, edited or not, and spectra, levels and means that were never recorded but belong to
    it.

    **Which labels it moves, and which it breaks.** Windows follow a label that depends on the power in bands,
    on the variance or on the mean (``moves`` includes "level"), and one that is the rate of a rhythm if its
    channels are named in `rate_channels` ("rate"). They follow it on average: the power of each window is
    drawn, so a level that is read off a single window scatters around its label. So does a rate, without bias
    and by a small part of 1 / the duration of the window, because the frequencies beside its peak have random
    phases. As in phase-randomized surrogates, the shape and timing of a waveform are lost, and so are labels
    read off them. Whether a class shows in the spectrum is for you to judge. Rates near the ends of their
    range, which few training windows have, are the least reliable.

    Parameters
    ----------
    sampling_rate : float
        Samples per second (Hz).
    rate_channels : list of str, default=()
        The channels that carry a rhythm whose rate is the label, such as the pulse for a heart rate. Their
        spectra are modeled on the axis frequency / rate, on which the peaks of all windows coincide.
    unit : float, default=60.0
        The label of a rhythm of 1 Hz: 60 for a rate per minute. Used if there are `rate_channels`.
    columns : list of str, default=()
        Columns of the context that the windows follow too, such as an age or an activity: the mean over
        the rows of the window, or the mode of text, categories and booleans.
    n_components : int, default=30
        The largest number of principal components of the log spectra, over frequencies and channels jointly.
    margin : float, default=0.1
        How far a label or a number in `columns` may be edited beyond the range of the training windows,
        relative to its ends.
    random_state : int, default=0
        Seed. A window depends on it, on the origin of its condition, its draw, its label and `columns`, and
        on the training windows. Two edits of the same condition differ only in what the edits change.

    Attributes
    ----------
    n_components_ : int
        The number of principal components.
    explained_variance_ratio_ : float
        The share they explain of the variance of the log spectra that label and columns do not explain.

    See Also
    --------
    RateSynthesizer : Changes the rate of recorded windows.
    SurrogateSynthesizer : Keeps the spectrum of a recorded window.

    Notes
    -----
    The logarithms of the power at each frequency and channel, and the mean of each channel, are regressed
    on the standardized label, its square, numbers and one-hot categories (ridge). The residuals are
    modeled by principal components with Gaussian scores, limited to the range of the training windows,
    and by independent Gaussian noise (Tipping and Bishop, "Probabilistic principal component analysis", J.
    R. Statist. Soc. B 61, 611, 1999; here with a noise variance per frequency). So that powers have the
    right mean, and not only their logarithms, they are scaled by the mean of the exponentials of the
    residuals (Duan, "Smearing estimate: a nonparametric retransformation method", J. Am. Statist. Assoc.
    78, 605, 1983). At most 4,000 windows, evenly spaced, are used, whatever their order. A window that
    occurs several times, as in a bootstrap sample, counts once.

    The phases are those of the condition plus one random phase per frequency, common to all channels, so
    that their differences between channels are those of the condition.

    Rate channels are analyzed over the largest whole number of periods that fits into a window, and
    synthesized over the smallest that holds it: the rhythm and its harmonics then lie on frequencies of the
    transform, and their peaks stay sharp.

    Examples
    --------
    >>> from skaug import SubjectWindower, SynthefyAugmenter
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.synthesis import SpectralSynthesizer
    >>> table = simulate_ppg(n_subjects=4, minutes=2)
    >>> windows = SubjectWindower(512, features=["BVP"], target="heart_rate").fit_transform(table)
    >>> synthesizer = SpectralSynthesizer(64, rate_channels=["BVP"], columns=["activity"])
    >>> augmenter = SynthefyAugmenter(synthesizer, variations=[{}, {"heart_rate": ("multiply", 1.05)}])
    >>> augmenter.fit_transform(windows)
    Windows(180 of 512 x 1: BVP; 4 subjects, labeled, 120 synthetic)
    """

    supports_variations = True
    follows_one_label = True

    def __init__(
        self,
        sampling_rate: float,
        *,
        rate_channels: Sequence[str] = (),
        unit: float = 60.0,
        columns: Sequence[str] = (),
        n_components: int = 30,
        margin: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.sampling_rate = sampling_rate
        self.rate_channels = rate_channels
        self.unit = unit
        self.columns = columns
        self.n_components = n_components
        self.margin = margin
        self.random_state = random_state

    @property
    def moves(self) -> frozenset[str]:  # type: ignore[override]
        """Level, and rate if there are `rate_channels`."""
        return frozenset({"level", "rate"} if len(self.rate_channels) else {"level"})

    def check_edited(self, columns: Collection[str], target: Target) -> None:
        """Raise if a column is edited that is neither the target nor in `columns`.

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
        followed = [*self.columns, *target_names(target)]
        refuse_edits_except(followed, columns, type(self).__name__, "add it to columns")

    def fit(self, windows: Windows) -> Self:
        """Fit the model of spectra on the training windows.

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
            If a parameter is invalid, a channel or column does not exist, or there are too few windows; if
            a sample, label or value of a column is missing; if there are `rate_channels` and the labels are
            not positive rates of a rhythm in these channels, or were passed in place of those of the target.

        Warns
        -----
        DataWarning
            If there are `rate_channels` and their rhythm cannot be tested, because the labels are too
            similar, or there is one at half the labels too; if a channel is constant in some windows, which
            makes the powers of all that are drawn too low.
        """
        self._check_parameters()
        refuse_several_labels(windows, type(self).__name__)
        if windows.window_size < 2:
            raise ValueError("Windows of 1 sample have no spectrum: use longer windows.")
        windows = windows[one_per_origin(windows, _MOST_WINDOWS)]
        n_flat = np.zeros(windows.shape[2], dtype=np.intp)
        for which, block in windows.blocks():
            samples = block.to_numpy()
            require_finite_samples(samples, windows, which.start)
            n_flat += (np.ptp(samples, axis=1) == 0).sum(axis=0)
        _warn_if_flat(windows, n_flat)
        self._window_size, self._feature_names = windows.window_size, windows.feature_names
        self._of_rate = np.empty(0, dtype=np.intp)
        if len(self.rate_channels):
            self._of_rate = channel_positions(windows, self.rate_channels, "rate_channels")
            self._axis = self._make_axis(windows)
        self._others = np.setdiff1d(np.arange(windows.shape[2]), self._of_rate)
        self._design = ConditionDesign(self.columns, self.margin).fit(windows)
        design = self._design.transform(windows)
        least = design.shape[1] + 8
        if len(windows) < least:
            raise ValueError(
                f"There are {len(windows)} training windows, too few for a model of spectra given "
                f"{design.shape[1]} quantities: use {least} or more, fewer columns, or "
                "SurrogateSynthesizer."
            )
        features = self._features(windows)
        self._regression = Ridge().fit(design, features)
        residuals = features - self._regression.predict(design)
        n_components = min(self.n_components, *np.subtract(residuals.shape, 1))
        with np.errstate(
            invalid="ignore"
        ):  # windows that are all constant have no variance to share
            self._components = PCA(n_components, random_state=0).fit(residuals)
        scores = self._components.transform(residuals)
        self._score_range = scores.min(axis=0), scores.max(axis=0)
        rest = residuals - self._components.inverse_transform(scores)
        self._noise = rest.std(axis=0)
        self._constant = self._regression.intercept_ + self._components.mean_
        self._constant += self._smearing(residuals)
        self.n_components_ = n_components
        shares = np.nan_to_num(self._components.explained_variance_ratio_)
        self.explained_variance_ratio_ = float(shares.sum())
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        """Draw one window per condition.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Windows with labels and context, which may have been edited.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With the labels of the conditions.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If a label or a column of a condition is too far from those of the training windows, which the
            error names, or if the windows differ from those of `fit` in length or channels.
        """
        check_is_fitted(self)
        require_alike(conditions, self._window_size, self._feature_names, type(self).__name__)
        samples = np.empty(conditions.shape, dtype=conditions.dtype)
        design = self._design.transform(conditions)
        keys = condition_keys(conditions, "spectral", self.random_state)
        rates = self._rates(conditions) if len(self._of_rate) else np.zeros(len(conditions))
        order = np.argsort(rates, kind="stable")  # windows of similar rates have the same periods
        for block in blocks_of(slice(0, len(order)), _BLOCK):
            which = order[block]
            recorded = conditions[which].to_numpy()
            require_finite_samples(recorded, conditions[which])
            samples[which] = self._draw(design[which], keys[which], rates[which], recorded)
        return conditions.synthesized(samples)

    def _draw(
        self,
        design: NDArray[np.float64],
        keys: NDArray[np.uint64],
        rates: NDArray[np.float64],
        recorded: NDArray,
    ) -> NDArray[np.float64]:
        """Draw samples, of the shape of those that were recorded."""
        n_windows, size, n_channels = recorded.shape
        of_rate, others, means = self._split(self._draw_features(design, keys))
        shift = uniform(combine(keys, np.full(n_windows, 2)), size)[:, None, :]
        spectrum = scipy.fft.rfft(recorded, axis=1).transpose(0, 2, 1)
        phases = np.angle(spectrum) / (2 * np.pi)  # in turns
        samples = np.empty((n_windows, size, n_channels))
        if len(self._others):
            turns = phases[:, self._others, 1:] + shift[:, :, : size // 2]
            samples[:, :, self._others] = samples_of(others, turns, size)
        if len(self._of_rate):
            for periods, which in self._axis.around(rates):
                powers = self._axis.back(of_rate[which], periods)
                harmonics = np.arange(1, powers.shape[2] + 1)
                nearest = np.round(harmonics * (size / periods.n_samples)).astype(np.intp)
                turns = phases[which][:, self._of_rate][:, :, np.minimum(nearest, size // 2)]
                turns = turns + shift[which][:, :, : powers.shape[2]]
                whole = samples_of(powers, turns, periods.n_samples)
                samples[np.ix_(which, np.arange(size), self._of_rate)] = whole[:, :size]
        samples += (means * self._mean_scale + self._mean_center)[:, None, :]
        return samples

    def _draw_features(
        self, design: NDArray[np.float64], keys: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        """Draw log powers and means, as `_features` returns them."""
        zero = np.zeros(len(keys), dtype=np.int64)
        scores = normal(combine(keys, zero), self.n_components_)
        scores *= np.sqrt(self._components.explained_variance_)
        scores = np.clip(scores, *self._score_range)
        noise = normal(combine(keys, zero + 1), len(self._noise)) * self._noise
        # Sums in a fixed order: those of BLAS depend on the number of windows.
        expected = np.einsum("nq,fq->nf", design, self._regression.coef_)
        varied = np.einsum("nk,kf->nf", scores, self._components.components_)
        return expected + varied + noise + self._constant

    def _make_axis(self, windows: Windows) -> RateAxis:
        """Return the axis frequency / rate, and check that the labels are rates of the channels."""
        labels = rates_of(windows, type(self).__name__)
        require_below_nyquist(labels, self.unit, self.sampling_rate)
        rates = labels / self.unit / self.sampling_rate
        if rates.min() * windows.window_size < 2:
            raise ValueError(
                f"A window of {windows.window_size} samples contains fewer than two periods at the label "
                f"{labels.min():g}: cut longer windows, or check sampling_rate and unit."
            )
        require_rhythm(
            windows,
            self._of_rate,
            labels,
            self.unit,
            self.sampling_rate,
            name=type(self).__name__,
            remedy="name the channels that carry the rhythm in rate_channels, or leave it out",
        )
        lowest, highest = rates.min() * (1 - self.margin), rates.max() * (1 + self.margin)
        return RateAxis(lowest, min(highest, 0.5), windows.window_size)

    def _rates(self, windows: Windows) -> NDArray[np.float64]:
        """Return the labels in periods per sample."""
        return np.asarray(windows.y, dtype=np.float64) / self.unit / self.sampling_rate

    def _features(self, windows: Windows) -> NDArray[np.float64]:
        """Return the log powers and means of each window, and remember how means are standardized."""
        samples = windows.to_numpy(np.float64)
        means = samples.mean(axis=1)
        samples -= means[:, None, :]
        self._mean_center = means.mean(axis=0)
        deviations = means.std(axis=0)
        self._mean_scale = np.where(deviations > 0, deviations, 1.0)
        blocks = []
        if len(self._of_rate):
            of_rate = np.empty((len(windows), len(self._of_rate), self._axis.n_frequencies))
            for periods, which in self._axis.within(self._rates(windows)):
                whole = samples[which, : periods.n_samples][:, :, self._of_rate]
                whole = whole - whole.mean(axis=1, keepdims=True)
                of_rate[which] = self._axis.onto(log_power(whole), periods)
            blocks.append(of_rate.reshape(len(windows), -1))
        if len(self._others):
            blocks.append(log_power(samples[:, :, self._others]).reshape(len(windows), -1))
        powers = np.hstack(blocks)
        mean_powers = logsumexp(powers, axis=0) - np.log(len(windows))
        powers = np.maximum(powers, mean_powers + _FLOOR)
        return np.hstack([powers, (means - self._mean_center) / self._mean_scale])

    def _split(
        self, features: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the log powers of rate channels and of the others, and the standardized means."""
        n_rate, n_others = len(self._of_rate), len(self._others)
        n_relative = self._axis.n_frequencies if n_rate else 0
        n_means = n_rate + n_others
        of_rate, others, means = np.split(
            features, [n_rate * n_relative, features.shape[1] - n_means], axis=1
        )
        n = len(features)
        return (
            of_rate.reshape(n, n_rate, n_relative),
            others.reshape(n, n_others, others.shape[1] // max(1, n_others)),
            means,
        )

    def _smearing(self, residuals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what to add to drawn log powers for the mean of the powers to be right."""
        components = self._components
        variance = (components.explained_variance_[:, None] * components.components_**2).sum(axis=0)
        variance += self._noise**2
        offsets = logsumexp(residuals, axis=0) - np.log(len(residuals)) - variance / 2
        offsets[-len(self._mean_center) :] = 0  # of the means, which are no powers
        return offsets

    def _check_parameters(self) -> None:
        for name in ("sampling_rate", "unit"):
            value = getattr(self, name)
            if not is_finite_number(value) or value <= 0:
                raise ValueError(f"{name}={value!r} must be a number above 0.")
        for name in ("rate_channels", "columns"):
            require_list(name, getattr(self, name))
        require_whole_number("n_components", self.n_components, 1)
        if not is_finite_number(self.margin) or not 0 <= self.margin < 1:
            raise ValueError(f"margin={self.margin!r} must be a number from 0 to below 1.")
        require_random_state(
            self.random_state, "a condition must have the same windows whatever the batch"
        )


def _warn_if_flat(windows: Windows, n_flat: NDArray[np.intp]) -> None:
    """Warn of each channel that is constant in some windows, but not in all."""
    for name, n in zip(windows.feature_names, n_flat.tolist(), strict=True):
        if 0 < n < len(windows):
            warn(
                f"{name!r} is constant in {n} of {len(windows)} training windows. They have no spectrum, and "
                "a model that includes them draws powers that are far too low. If the sensor was off, set "
                "these rows to NaN and cut windows with missing='drop'; otherwise leave out the channel."
            )
