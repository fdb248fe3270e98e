"""Features in frequency: the power of each channel at single frequencies, or in bands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from skaug._checks import is_number
from skaug.features.base import WindowFeatureExtractor
from skaug.windows.container import Windows


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
