"""Steps that make one row of features per window: samples, statistics, or a spectrum."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
import scipy.fft
import scipy.signal
from numpy.typing import ArrayLike, NDArray
from sklearn import get_config
from sklearn.utils.validation import check_is_fitted

from skaug._checks import is_number
from skaug.base import WindowStep
from skaug.windows.base import WindowArray
from skaug.windows.container import Windows, as_windows, plain_values, require_alike
from skaug.windows.feature_arrays import FeatureFrame, WindowFeatures, frame_with_provenance


class WindowFeatureExtractor(WindowStep):
    """Base class of steps that make one row of features per window.

    A subclass names the features (`_names`) and computes them (`_compute`).
    """

    @abstractmethod
    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        """Return the names of the features."""

    @abstractmethod
    def _compute(self, windows: Windows) -> NDArray:
        """Compute the features, of shape (n_windows, n_features)."""

    def _check_parameters(self, window_size: int) -> None:
        """Raise if a parameter does not suit windows of this length."""

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the length and the channels of the windows.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The training windows.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `X` is not 3-D, or a parameter does not suit the windows.
        """
        if not isinstance(X, WindowArray):
            X = Windows.from_arrays(plain_values(X))
        if not isinstance(X, Windows):
            raise ValueError(
                f"{type(self).__name__} works on windows, got features of shape {X.shape}: use one such "
                "step per pipeline, or join several in a FeatureUnion."
            )
        self._check_parameters(X.window_size)
        self.n_features_in_ = X.shape[2]
        self.window_size_ = X.window_size
        self._channels = X.feature_names
        return self

    def fit_transform(
        self, X: Windows | ArrayLike, y: ArrayLike | None = None
    ) -> WindowFeatures | FeatureFrame | NDArray:
        """Fit, and return the features that the next steps are fitted on.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            The training windows.
        y : array-like of shape (n_windows,), optional
            Labels that replace those of the windows, if all of them are real.

        Returns
        -------
        WindowFeatures, FeatureFrame or ndarray of shape (n_windows, n_features)
            As for `transform`.
        """
        self.fit(X)
        return self.transform(X.relabel(y) if isinstance(X, Windows) else X)

    def transform(self, X: Windows | ArrayLike) -> WindowFeatures | FeatureFrame | NDArray:
        """Compute the features of each window.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            Windows of the length and the channels seen in `fit`.

        Returns
        -------
        WindowFeatures, FeatureFrame or ndarray of shape (n_windows, n_features)
            For `Windows`: `WindowFeatures`, or a data frame if pandas output was chosen and all windows
            are real. For an array: an array, or a data frame.

        Raises
        ------
        ValueError
            If the windows have another shape, or other channels.
        """
        check_is_fitted(self)
        windows = as_windows(X)
        require_alike(windows, self.window_size_, self._channels, type(self).__name__)
        names = self._names(self._channels, self.window_size_)
        values = (
            self._compute(windows) if len(windows) else np.empty((0, len(names)), windows.dtype)
        )
        is_frame = self._output() == "pandas"
        if not isinstance(X, Windows):
            return pd.DataFrame(values, columns=names) if is_frame else values
        features = WindowFeatures(values, windows.provenance, names, plain_is_frame=is_frame)
        if not is_frame or windows.provenance.holds_synthetic:
            return features
        return frame_with_provenance(values, windows.provenance, names)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the features.

        Parameters
        ----------
        input_features : array-like of str of shape (n_channels,), optional
            The channels; by default those seen in `fit`.

        Returns
        -------
        ndarray of str of shape (n_features,)

        Raises
        ------
        ValueError
            If `input_features` has the wrong length.
        """
        check_is_fitted(self)
        channels = self._channels if input_features is None else list(np.asarray(input_features))
        if len(channels) != self.n_features_in_:
            raise ValueError(
                f"input_features must name {self.n_features_in_} channels, got {len(channels)}."
            )
        return np.asarray(self._names(channels, self.window_size_), dtype=object)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose the container that `transform` returns.

        Parameters
        ----------
        transform : {"default", "pandas"} or None
            "default": `WindowFeatures` for `Windows`, an array for an array. "pandas": a data frame,
            unless some windows are synthetic, because a frame would lose their labels. None changes
            nothing.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `transform` is anything else.
        """
        if transform not in (None, "default", "pandas"):
            raise ValueError(f"transform={transform!r} is unknown: use 'default' or 'pandas'.")
        if transform is not None:
            self._chosen_output = transform
        return self

    def _output(self) -> str:
        return getattr(self, "_chosen_output", None) or get_config()["transform_output"]

    def __sklearn_clone__(self) -> Self:
        copy = super().__sklearn_clone__()
        if hasattr(self, "_chosen_output"):
            copy._chosen_output = self._chosen_output
        return copy


class WindowFlattener(WindowFeatureExtractor):
    """Use every sample of a window as a feature, in order of time.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowFlattener, Windows
    >>> windows = Windows.from_arrays(np.arange(8.0).reshape(2, 2, 2), feature_names=["BVP", "ECG"])
    >>> flattener = WindowFlattener()
    >>> flattener.fit_transform(windows).to_numpy()
    array([[0., 1., 2., 3.],
           [4., 5., 6., 7.]])
    >>> flattener.get_feature_names_out()
    array(['BVP_t0', 'ECG_t0', 'BVP_t1', 'ECG_t1'], dtype=object)
    """

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        return [f"{channel}_t{t}" for t in range(window_size) for channel in channels]

    def _compute(self, windows: Windows) -> NDArray:
        return windows.to_numpy().reshape(len(windows), -1)


class WindowStatistics(WindowFeatureExtractor):
    """Compute the mean, standard deviation, minimum and maximum of each channel.

    The standard deviation divides by ``window_size``, not by ``window_size - 1``.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowStatistics, Windows
    >>> windows = Windows.from_arrays([[[1.0], [2.0], [3.0], [2.0]]], feature_names=["BVP"])
    >>> WindowStatistics().set_output(transform="pandas").fit_transform(windows)
       BVP_mean   BVP_std  BVP_min  BVP_max
    0       2.0  0.707107      1.0      3.0
    """

    _STATISTICS = ("mean", "std", "min", "max")

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        return [f"{channel}_{name}" for channel in channels for name in self._STATISTICS]

    def _compute(self, windows: Windows) -> NDArray:
        return windows.map_blocks(self._of_block)

    def _of_block(self, values: NDArray) -> NDArray:
        each = [getattr(values, name)(axis=1) for name in self._STATISTICS]
        return np.stack(each, axis=2).reshape(len(values), -1)


class WindowSpectrum(WindowFeatureExtractor):
    r"""Compute the logarithm of the power of each channel at each frequency.

    The features are the natural logarithm of the one-sided power spectral density, after the mean of the
    window is removed and a Hann window applied.

    Parameters
    ----------
    low, high : float, optional
        The band of frequencies to keep, both ends included, in the unit of `sampling_rate`. By default
        all frequencies above zero, because the mean is removed.
    sampling_rate : float, default=1.0
        Samples per unit of time: in Hz if `low` and `high` are in Hz.

    Notes
    -----
    :math:`P(f) = 2 |\sum_t h_t (x_t - \bar x) e^{-2 \pi i f t}|^2 / (r \sum_t h_t^2)` with the periodic
    Hann window :math:`h` and the sampling rate :math:`r` (Welch, "The use of fast Fourier transform for
    the estimation of power spectra", IEEE Trans. Audio Electroacoust. 15(2), 1967, for one segment). The
    factor 2 is absent at zero and at the Nyquist frequency. Power below 1e-30 counts as 1e-30, so that a
    flat channel has a finite logarithm.

    See Also
    --------
    scipy.signal.periodogram : The same density, without the logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowSpectrum, Windows
    >>> t = np.arange(128) / 64
    >>> windows = Windows.from_arrays(np.sin(2 * np.pi * 1.5 * t)[None, :, None], feature_names=["BVP"])
    >>> spectrum = WindowSpectrum(low=0.5, high=3.0, sampling_rate=64)
    >>> power = spectrum.fit_transform(windows).to_numpy()[0]
    >>> spectrum.get_feature_names_out()
    array(['BVP_0.5Hz', 'BVP_1Hz', 'BVP_1.5Hz', 'BVP_2Hz', 'BVP_2.5Hz',
           'BVP_3Hz'], dtype=object)
    >>> spectrum.get_feature_names_out()[power.argmax()]
    'BVP_1.5Hz'
    """

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        sampling_rate: float = 1.0,
    ) -> None:
        self.low = low
        self.high = high
        self.sampling_rate = sampling_rate

    def _check_parameters(self, window_size: int) -> None:
        for name, frequency in (("low", self.low), ("high", self.high)):
            if frequency is not None and not is_number(frequency):
                raise ValueError(f"{name}={frequency!r} must be a frequency, or None for no limit.")
        if not is_number(self.sampling_rate) or not 0 < self.sampling_rate < np.inf:
            raise ValueError(
                f"sampling_rate={self.sampling_rate!r} must be a number above 0: the samples per unit of "
                "time."
            )
        if self.high is not None and self.high > self.sampling_rate / 2 * (1 + 1e-9):
            raise ValueError(
                f"high={self.high:g} is above {self.sampling_rate / 2:g}, the highest frequency at "
                f"sampling_rate={self.sampling_rate:g}: pass the sampling rate of the recordings."
            )
        if len(self._bins(window_size)) == 0:
            raise ValueError(
                f"No frequency of a window of {window_size} samples at sampling_rate="
                f"{self.sampling_rate:g} lies between low={self.low} and high={self.high}: they are "
                f"{self.sampling_rate / window_size:g} apart, up to {self.sampling_rate / 2:g}. Widen the "
                "band, or use longer windows."
            )

    def _frequencies(self, window_size: int) -> NDArray:
        return np.arange(window_size // 2 + 1) * (self.sampling_rate / window_size)

    def _bins(self, window_size: int) -> NDArray[np.intp]:
        frequencies = self._frequencies(window_size)
        rounding = 1e-9 * self.sampling_rate
        low = 0.5 * self.sampling_rate / window_size if self.low is None else self.low - rounding
        high = np.inf if self.high is None else self.high + rounding
        return np.flatnonzero((frequencies >= low) & (frequencies <= high))

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        chosen = self._frequencies(window_size)[self._bins(window_size)]
        digits = 6
        while len({f"{frequency:.{digits}g}" for frequency in chosen}) < len(chosen):
            digits += 1
        return [f"{channel}_{f:.{digits}g}Hz" for channel in channels for f in chosen]

    def _compute(self, windows: Windows) -> NDArray:
        size = windows.window_size
        hann = scipy.signal.windows.hann(size, sym=False).astype(windows.dtype)
        bins = self._bins(size)
        scale = np.full((len(bins), 1), 2 / (self.sampling_rate * (hann**2).sum()), windows.dtype)
        scale[(bins == 0) | (2 * bins == size)] /= 2

        def of_block(values: NDArray) -> NDArray:
            values -= values.mean(axis=1, keepdims=True)
            values *= hann[:, None]
            spectrum = scipy.fft.rfft(values, axis=1, overwrite_x=True)[:, bins[0] : bins[-1] + 1]
            power = spectrum.real**2
            power += spectrum.imag**2
            power *= scale
            logs = np.log(np.maximum(power, 1e-30, out=power), out=power)
            return np.moveaxis(logs, 2, 1).reshape(len(values), -1)

        return windows.map_blocks(of_block)
