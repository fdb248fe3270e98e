"""Features in frequency: the power of each channel at single frequencies, or in bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from skaug._checks import is_number
from skaug.features.base import WindowFeatureExtractor
from skaug.windows.container import Windows


class WindowSpectrum(WindowFeatureExtractor):
    r"""Compute the logarithm of the power of each channel at each frequency, or in each band.

    The features are the natural logarithm of the one-sided power spectral density, after the mean of the
    window is removed and a Hann window applied.

    Parameters
    ----------
    low, high : float, optional
        The range of frequencies to keep, both ends included, in the unit of `sampling_rate`. By default
        all frequencies above zero, because the mean is removed.
    sampling_rate : float, default=1.0
        Samples per unit of time: in Hz if `low` and `high` are in Hz.
    bands : dict of {str: (float, float)}, optional
        Named bands of frequencies, such as ``{"LF": (0.04, 0.15), "HF": (0.15, 0.4)}``. Each is one
        feature per channel, the logarithm of its mean density, in place of one per frequency. Both ends
        are included, so a frequency at which two bands meet counts in both; zero counts in none. Bands
        may overlap. Not together with `low` or `high`.

    Notes
    -----
    :math:`P(f) = 2 |\sum_t h_t (x_t - \bar x) e^{-2 \pi i f t}|^2 / (r \sum_t h_t^2)` with the periodic
    Hann window :math:`h` and the sampling rate :math:`r` (Welch, "The use of fast Fourier transform for
    the estimation of power spectra", IEEE Trans. Audio Electroacoust. 15(2), 1967, for one segment). The
    factor 2 is absent at zero and at the Nyquist frequency. Power below 1e-30 counts as 1e-30, so that a
    flat channel has a finite logarithm.

    The power that a band holds is its mean density times its width: add the logarithm of the width to the
    feature for that.

    See Also
    --------
    scipy.signal.periodogram : The same density, without the logarithm.
    WindowAutocorrelation : The counterpart in time.

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

    In bands:

    >>> bands = WindowSpectrum(bands={"slow": (0.5, 1), "fast": (1.5, 3)}, sampling_rate=64)
    >>> bands.fit_transform(windows).to_frame().round(2)
       BVP_slow  BVP_fast
    0     -2.48     -1.57
    """

    def __init__(
        self,
        low: float | None = None,
        high: float | None = None,
        sampling_rate: float = 1.0,
        *,
        bands: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.low = low
        self.high = high
        self.sampling_rate = sampling_rate
        self.bands = bands

    def _check_parameters(self, window_size: int) -> None:
        for name, frequency in (("low", self.low), ("high", self.high)):
            if frequency is not None and not is_number(frequency):
                raise ValueError(f"{name}={frequency!r} must be a frequency, or None for no limit.")
        if not is_number(self.sampling_rate) or not 0 < self.sampling_rate < np.inf:
            raise ValueError(
                f"sampling_rate={self.sampling_rate!r} must be a number above 0: the samples per unit of "
                "time."
            )
        if self.bands is not None:
            self._check_bands(window_size)
            return
        if self.high is not None:
            self._check_highest("high", self.high)
        if len(self._bins(window_size)) == 0:
            raise ValueError(
                f"No frequency of {self._windows_of(window_size)} lies between low={self.low} and "
                f"high={self.high}: {self._spacing(window_size)}. Widen the band, or use longer windows."
            )

    def _check_bands(self, window_size: int) -> None:
        if self.low is not None or self.high is not None:
            raise ValueError(
                "Pass either bands, or low and high: the features are one or the other."
            )
        if not isinstance(self.bands, Mapping) or not self.bands:
            raise ValueError(
                f"bands={self.bands!r} must name at least one band, such as {{'LF': (0.04, 0.15)}}."
            )
        for name, ends in self.bands.items():
            if (
                not isinstance(ends, Sequence)
                or len(ends) != 2
                or not all(map(is_number, ends))
                or not ends[0] <= ends[1]
            ):
                raise ValueError(
                    f"bands: {name!r} is {ends!r}, but must be two frequencies, (low, high), low first."
                )
            self._check_highest(f"bands: the end of {name!r},", ends[1])
            first, stop = self._band(window_size, *ends)
            if first == stop:
                raise ValueError(
                    f"No frequency of {self._windows_of(window_size)} lies in the band {name!r}, between "
                    f"{ends[0]:g} and {ends[1]:g}: {self._spacing(window_size)}. Widen the band, or use "
                    "longer windows."
                )

    def _check_highest(self, name: str, frequency: float) -> None:
        if frequency > self.sampling_rate / 2 * (1 + 1e-9):
            raise ValueError(
                f"{name}={frequency:g} is above {self.sampling_rate / 2:g}, the highest frequency at "
                f"sampling_rate={self.sampling_rate:g}: pass the sampling rate of the recordings."
            )

    def _windows_of(self, window_size: int) -> str:
        return f"a window of {window_size} samples at sampling_rate={self.sampling_rate:g}"

    def _spacing(self, window_size: int) -> str:
        return (
            f"they are {self.sampling_rate / window_size:g} apart, up to {self.sampling_rate / 2:g}"
        )

    def _frequencies(self, window_size: int) -> NDArray:
        return np.arange(window_size // 2 + 1) * (self.sampling_rate / window_size)

    def _bins(self, window_size: int) -> NDArray[np.intp]:
        """Return the frequencies between `low` and `high`, in cycles per window."""
        return self._between(window_size, self.low, self.high)

    def _between(self, window_size: int, low: float | None, high: float | None) -> NDArray[np.intp]:
        frequencies = self._frequencies(window_size)
        rounding = 1e-9 * self.sampling_rate
        low = 0.5 * self.sampling_rate / window_size if low is None else low - rounding
        high = np.inf if high is None else high + rounding
        return np.flatnonzero((frequencies >= low) & (frequencies <= high))

    def _bands(self, window_size: int) -> list[tuple[int, int]] | None:
        """Return the first frequency of each band in cycles per window, and the one after its last.

        None if each frequency is a feature.
        """
        if self.bands is None:
            return None
        return [self._band(window_size, *ends) for ends in self.bands.values()]

    def _band(self, window_size: int, low: float, high: float) -> tuple[int, int]:
        bins = self._between(window_size, low, high)
        bins = bins[bins > 0]
        return (int(bins[0]), int(bins[-1]) + 1) if len(bins) else (0, 0)

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        if self.bands is not None:
            return [f"{channel}_{name}" for channel in channels for name in self.bands]
        chosen = self._frequencies(window_size)[self._bins(window_size)]
        digits = 6
        while len({f"{frequency:.{digits}g}" for frequency in chosen}) < len(chosen):
            digits += 1
        return [f"{channel}_{f:.{digits}g}Hz" for channel in channels for f in chosen]

    def _compute(self, windows: Windows) -> NDArray:
        bands = self._bands(windows.window_size)
        if bands is None:
            bins = self._bins(windows.window_size)
            first, stop = int(bins[0]), int(bins[-1]) + 1
        else:
            first, stop = min(a for a, _ in bands), max(b for _, b in bands)

        def of_block(values: NDArray) -> NDArray:
            power = power_density(values, first, stop, self.sampling_rate)
            power = (
                np.moveaxis(power, 1, 2) if bands is None else mean_in_bands(power, bands, first)
            )
            logs = np.log(np.maximum(power, 1e-30, out=power), out=power)
            return logs.reshape(len(values), -1)

        return windows.map_blocks(of_block)


def power_density(values: NDArray, first: int, stop: int, sampling_rate: float = 1.0) -> NDArray:
    """Compute the one-sided power spectral density of windows, as `WindowSpectrum` defines it.

    Parameters
    ----------
    values : ndarray of shape (n_windows, window_size, n_channels)
        The samples, which are overwritten.
    first, stop : int
        The frequencies to keep, in cycles per window: from `first` up to the one before `stop`.
    sampling_rate : float, default=1.0
        Samples per unit of time.

    Returns
    -------
    ndarray of shape (n_windows, stop - first, n_channels)
    """
    size = values.shape[1]
    hann = scipy.signal.windows.hann(size, sym=False).astype(values.dtype)
    bins = np.arange(first, stop)
    scale = np.full((len(bins), 1), 2 / (sampling_rate * (hann**2).sum()), values.dtype)
    scale[(bins == 0) | (2 * bins == size)] /= 2
    values -= values.mean(axis=1, keepdims=True)
    values *= hann[:, None]
    spectrum = scipy.fft.rfft(values, axis=1, overwrite_x=True)[:, first:stop]
    power = spectrum.real**2
    power += spectrum.imag**2
    power *= scale
    return power


def mean_in_bands(power: NDArray, bands: Sequence[tuple[int, int]], first: int) -> NDArray:
    """Compute the mean power in bands.

    Parameters
    ----------
    power : ndarray of shape (n_windows, n_frequencies, n_channels)
        The power at each frequency from `first` on.
    bands : sequence of (int, int)
        The first frequency of each band, and the one after its last.
    first : int
        The first frequency of `power`.

    Returns
    -------
    ndarray of shape (n_windows, n_channels, n_bands)
    """
    weights = np.zeros((power.shape[1], len(bands)), power.dtype)
    for band, (start, stop) in enumerate(bands):
        weights[start - first : stop - first, band] = 1 / (stop - start)
    return np.moveaxis(power, 1, 2) @ weights
