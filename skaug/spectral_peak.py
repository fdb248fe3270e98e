"""A rate read off the spectrum of each window, without training."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, assert_all_finite, column_or_1d

from skaug._checks import is_finite_number, is_whole_number
from skaug._warnings import warn
from skaug.fitting.fit_params import weights_to_score
from skaug.windows.container import Windows, as_windows, require_alike
from skaug.windows.feature_arrays import require_labels

# Spacing of the zero-padded spectrum, relative to the resolution of a window: the parabola through three
# values of the logarithm is then off by less than a thousandth of the resolution.
_FINER = 8


class SpectralPeakRegressor(RegressorMixin, BaseEstimator):
    r"""Predict the rate at which the power of a channel is greatest; nothing is learned.

    The baseline for labels that are the rate of a rhythm, such as a heart, breathing or step rate: where it
    does well, no training may be needed. It is the last step behind windows, in a `skaug.Pipeline` or in
    scikit-learn's own, and one of the `baselines` of `skaug.evaluation.compare_protocols`.

    Parameters
    ----------
    low, high : float
        The band in which the peak is sought, in Hz, both ends included.
    sampling_rate : float
        The sampling rate in Hz.
    channel : str or int
        The channel that shows the rhythm: its name, or its position among the channels, from 0.
    unit : float, default=60.0
        The rate that corresponds to 1 Hz, in the unit of the labels: 60 for rates per minute.

    Attributes
    ----------
    n_features_in_ : int
        The number of channels seen in `fit`.

    Notes
    -----
    The mean of a window is removed and a Hann window applied. The power spectrum is computed by an FFT,
    padded with zeros until its frequencies are an eighth of the resolution (sampling rate / window size)
    apart. With the logarithms :math:`a, b, c` of the power at the largest peak in the band, at frequency
    :math:`f`, and at the frequencies beside it, :math:`d` apart, the estimate is

    .. math:: f + \frac{d}{2} \frac{a - c}{a - 2 b + c}

    (Smith and Serra, "PARSHL: an analysis/synthesis program for non-harmonic sounds based on a sinusoidal
    representation", Proc. Int. Computer Music Conf., 1987; for the logarithm, Gasior and Gonzalez,
    "Improving FFT frequency measurement resolution by parabolic and Gaussian spectrum interpolation", AIP
    Conf. Proc. 732, 2004). It never leaves the band: where the power is greatest at an end of the band and
    greater beyond, the estimate is that end.

    A window in which the channel is constant has no peak. The prediction is then the middle of the band,
    ``unit * (low + high) / 2``, with a `DataWarning`.

    See Also
    --------
    WindowSpectrum : The log power of each channel, as features for a model.
    skaug.evaluation.compare_protocols : Compares models with baselines.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SpectralPeakRegressor, Windows
    >>> t = np.arange(200) / 25
    >>> rates = np.array([[50.0], [72.5], [130.0]])
    >>> windows = Windows.from_arrays(np.sin(2 * np.pi * rates / 60 * t)[:, :, None], y=rates[:, 0])
    >>> picker = SpectralPeakRegressor(0.5, 4, sampling_rate=25, channel=0).fit(windows)
    >>> picker.predict(windows).round(1)
    array([ 50. ,  72.5, 130. ])
    """

    window_aware = True

    def __init__(
        self,
        low: float,
        high: float,
        *,
        sampling_rate: float,
        channel: str | int,
        unit: float = 60.0,
    ) -> None:
        self.low = low
        self.high = high
        self.sampling_rate = sampling_rate
        self.channel = channel
        self.unit = unit

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Check that the parameters suit the windows and their labels. Nothing is learned.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The training windows.
        y : array-like of shape (n_windows,), optional
            Their rates; the labels of the windows by default. No labels are needed.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the band is not between 0 and half the sampling rate, or narrower than the resolution of the
            windows; if a window is shorter than two periods of `low`; if there is no such channel; if a
            sample is NaN or infinite, which names the first such window; or if labels are missing, or
            are not one number per window.

        Warns
        -----
        DataWarning
            If no label lies in the band: `unit` probably does not match the labels.
        """
        windows = as_windows(X).relabel(y)
        channel = self._checked_channel(windows)
        largest = windows.map_blocks(lambda values: np.abs(values[:, :, channel]).max(axis=1))
        self._require_finite(windows, largest)
        self._check_labels(windows.y)
        self.n_features_in_ = windows.shape[2]
        self._channels = windows.feature_names
        return self

    def predict(self, X: Windows | ArrayLike) -> NDArray[np.float64]:
        """Predict the rate of each window, in the unit of the labels.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The windows.

        Returns
        -------
        ndarray of shape (n_windows,)

        Raises
        ------
        ValueError
            As `fit` does, except for labels; and if it was fitted on windows of other channels, or in another
            order.

        Warns
        -----
        DataWarning
            If the channel is constant in a window: the middle of the band is predicted.
        """
        windows = as_windows(X)
        if hasattr(self, "n_features_in_"):  # it predicts unfitted too
            require_alike(windows, windows.window_size, self._channels, type(self).__name__)
        channel = self._checked_channel(windows)

        def of_block(values: NDArray) -> NDArray:
            samples = values[:, :, channel].astype(np.float64)
            peaks = peak_frequencies(samples, self.sampling_rate, self.low, self.high)
            return np.column_stack([peaks, np.ptp(samples, axis=1)])

        with np.errstate(invalid="ignore"):  # what is not finite is an error below
            peaks, spreads = windows.map_blocks(of_block).T
        self._require_finite(windows, spreads)
        n_flat = int((spreads == 0).sum())
        if n_flat:
            warn(
                f"{windows.feature_names[channel]!r} is constant in {n_flat} of {len(windows)} windows, "
                f"first in {_named(windows, int(spreads.argmin()))}, which has no spectral peak: the middle "
                "of the band is predicted. Leave such windows out if the sensor was off."
            )
        return self.unit * peaks

    def score(
        self, X: Windows | ArrayLike, y: ArrayLike | None = None, sample_weight: Any = None
    ) -> float:
        """Compute the coefficient of determination of the predictions.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The windows.
        y : array-like of shape (n_windows,), optional
            Their rates; the labels of the windows by default.
        sample_weight : array-like of shape (n_windows,) or (n_rows,), optional
            One weight per window, or one per row of the table, averaged over each window.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If there are no labels, or `y` has the wrong length.
        """
        windows = as_windows(X).relabel(y)
        weights = weights_to_score(windows.provenance, sample_weight)
        return super().score(windows, require_labels(windows.y), weights)

    def _checked_channel(self, windows: Windows) -> int:
        """Return the position of the channel, after checking all parameters."""
        for name in ("low", "high", "sampling_rate", "unit"):
            value = getattr(self, name)
            if not is_finite_number(value) or value <= 0:
                raise ValueError(f"{name}={value!r} must be a number above 0.")
        if not self.low < self.high < self.sampling_rate / 2:
            raise ValueError(
                f"The band from low={self.low:g} to high={self.high:g} must lie between 0 and half of "
                f"sampling_rate={self.sampling_rate:g}, and low below high: pass all three in Hz."
            )
        seconds = windows.window_size / self.sampling_rate
        if seconds * self.low < 2:
            raise ValueError(
                f"Windows of {windows.window_size} samples are {seconds:.3g} s long, less than two periods "
                f"of low={self.low:g}: use windows of {np.ceil(2 * self.sampling_rate / self.low):.0f} "
                "samples or more, or a higher low."
            )
        if seconds * (self.high - self.low) < 1:
            raise ValueError(
                f"The band from low={self.low:g} to high={self.high:g} is narrower than {1 / seconds:.3g} "
                f"Hz, the resolution of windows of {windows.window_size} samples: widen it, or use longer "
                "windows."
            )
        names, channel = windows.feature_names, self.channel
        if isinstance(channel, str):
            if channel not in names:
                known = ", ".join(map(repr, names))
                raise ValueError(f"channel={channel!r} is not a channel: use one of {known}.")
            return names.index(channel)
        if not is_whole_number(channel) or not 0 <= channel < len(names):
            raise ValueError(
                f"channel={channel!r} must be the name of a channel, or a position from 0 to "
                f"{len(names) - 1}."
            )
        return int(channel)

    def _require_finite(self, windows: Windows, values: NDArray) -> None:
        """Raise if a value per window is not finite, as where one of its samples is not."""
        unusable = np.flatnonzero(~np.isfinite(values))
        if len(unusable):
            raise ValueError(
                f"Samples of channel {self.channel!r} are NaN or infinite in {len(unusable)} of "
                f"{len(windows)} windows, first in {_named(windows, int(unusable[0]))}: leave these windows "
                "out (pass missing='drop' where they are cut), or fill the samples."
            )

    def _check_labels(self, y: NDArray | None) -> None:
        if y is None:
            return
        if y.dtype.kind not in "iuf":
            raise ValueError(
                f"The labels must be rates, which are numbers, got labels of dtype {y.dtype}: "
                "SpectralPeakRegressor does not predict classes."
            )
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        low, high = self.unit * self.low, self.unit * self.high
        if len(y) and not ((y >= low) & (y <= high)).any():
            warn(
                f"No label lies between {low:g} and {high:g}, which is the band from low={self.low:g} to "
                f"high={self.high:g} in Hz, times {self.unit:g}; the labels are from {y.min():g} to "
                f"{y.max():g}. Check the band and the unit of the labels."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.required = False
        tags.target_tags.one_d_labels = True
        tags.requires_fit = False
        tags.regressor_tags.poor_score = True  # on anything but rates
        return tags


def peak_frequencies(
    samples: NDArray, sampling_rate: float, low: float, high: float
) -> NDArray[np.float64]:
    """Return the frequency at which the power of each window is greatest within a band.

    See the notes of `SpectralPeakRegressor` for the method.

    Parameters
    ----------
    samples : ndarray of shape (n_windows, window_size)
        The samples of one channel.
    sampling_rate : float
        The sampling rate in Hz.
    low, high : float
        The band in Hz, above 0 and below half the sampling rate.

    Returns
    -------
    ndarray of shape (n_windows,)
        In Hz. The middle of the band where a window is constant.
    """
    size = samples.shape[1]
    spacing = min(sampling_rate / size, high - low) / _FINER
    n_half = scipy.fft.next_fast_len(int(np.ceil(sampling_rate / spacing / 2)), real=True)
    spacing = sampling_rate / (2 * n_half)
    first, last = int(np.ceil(low / spacing)), int(high / spacing)
    tapered = samples - samples.mean(axis=1, keepdims=True)
    tapered *= scipy.signal.windows.hann(size, sym=False)
    spectrum = scipy.fft.rfft(tapered, n=2 * n_half, axis=1)[:, first - 1 : last + 2]
    power = np.maximum(spectrum.real**2 + spectrum.imag**2, np.finfo(np.float64).tiny)
    peak = 1 + power[:, 1:-1].argmax(axis=1)
    rows = np.arange(len(samples))
    a, b, c = (np.log(power[rows, peak + step]) for step in (-1, 0, 1))
    curvature = a - 2 * b + c
    is_peak = (a <= b) & (c <= b) & (curvature < 0)
    shift = np.divide((a - c) / 2, curvature, out=np.zeros(len(samples)), where=is_peak)
    found = np.clip((first - 1 + peak + shift) * spacing, low, high)
    return np.where(np.ptp(samples, axis=1) == 0, (low + high) / 2, found)


def _named(windows: Windows, position: int) -> str:
    """Return which window is at a position, in words."""
    groups = windows.groups
    return f"window {position}" + (
        "" if groups is None else f" (subject {str(groups[position])!r})"
    )
