"""Features in time lag: how much a channel resembles itself a while later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from skaug._checks import require_whole_number
from skaug.features.base import WindowFeatureExtractor
from skaug.features.flatness import center
from skaug.windows.container import Windows


class WindowAutocorrelation(WindowFeatureExtractor):
    r"""Compute the autocorrelation of each channel at lags from one sample on.

    It depends neither on the level and the gain of a channel nor on the moment at which the window begins: a
    rhythm shows as a peak at the lag of its period. Windows are centered, so a slow drift raises every lag.

    Parameters
    ----------
    max_lag : int, optional
        The largest lag in samples; by default half a window.
    n_lags : int, optional
        How many lags between 1 and `max_lag`, evenly spaced on a logarithmic scale and rounded to whole
        samples; those that coincide count once. By default every lag.

    Notes
    -----
    :math:`\sum_t x_t x_{t+l} / \sum_t x_t^2` at lag :math:`l`, after the mean of the window is removed (Box,
    Jenkins and Reinsel, "Time Series Analysis", 3rd ed. 1994, eq. 2.1.11). The sum of products has
    :math:`l` fewer terms than the sum of squares, so the values of a steady rhythm fall linearly with the
    lag. A flat channel has 0 at every lag.

    See Also
    --------
    WindowSpectrum : The counterpart in frequency.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowAutocorrelation, Windows
    >>> t = np.arange(128) / 64
    >>> windows = Windows.from_arrays(np.sin(2 * np.pi * 4 * t)[None, :, None], feature_names=["BVP"])
    >>> step = WindowAutocorrelation(max_lag=16)
    >>> values = step.fit_transform(windows).to_numpy()[0]
    >>> step.get_feature_names_out()[[0, -1]], values[[7, 15]].round(3)
    (array(['BVP_lag1', 'BVP_lag16'], dtype=object), array([-0.938,  0.875]))
    >>> WindowAutocorrelation(n_lags=5).fit(windows).get_feature_names_out()
    array(['BVP_lag1', 'BVP_lag3', 'BVP_lag8', 'BVP_lag23', 'BVP_lag64'],
          dtype=object)
    """

    def __init__(self, max_lag: int | None = None, n_lags: int | None = None) -> None:
        self.max_lag = max_lag
        self.n_lags = n_lags

    def _check_parameters(self, window_size: int) -> None:
        if self.n_lags is not None:
            require_whole_number("n_lags", self.n_lags, 1)
        if self.max_lag is not None:
            require_whole_number("max_lag", self.max_lag, 1)
        if window_size < 2 or (self.max_lag is not None and self.max_lag >= window_size):
            raise ValueError(
                f"A window of {window_size} samples has lags up to {window_size - 1}, none up to "
                f"max_lag={self.max_lag}: use longer windows"
                f"{'.' if window_size < 2 else ', or a smaller max_lag.'}"
            )

    def _lags(self, window_size: int) -> NDArray[np.intp]:
        last = window_size // 2 if self.max_lag is None else self.max_lag
        return np.arange(1, last + 1) if self.n_lags is None else spread(1, last, self.n_lags)

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        return [f"{channel}_lag{lag}" for channel in channels for lag in self._lags(window_size)]

    def _compute(self, windows: Windows) -> NDArray:
        lags = self._lags(windows.window_size)

        def of_block(values: NDArray) -> NDArray:
            chosen = autocorrelation(values, int(lags[-1]))[:, lags]
            return np.moveaxis(chosen, 2, 1).reshape(len(values), -1)

        return windows.map_blocks(of_block)


def autocorrelation(values: NDArray, max_lag: int) -> NDArray:
    """Compute the autocorrelation of windows at lags from 0 on.

    Parameters
    ----------
    values : ndarray of shape (n_windows, window_size, n_channels)
        The samples.
    max_lag : int
        The largest lag, below `window_size`.

    Returns
    -------
    ndarray of shape (n_windows, max_lag + 1, n_channels)
        1 at lag 0. Where a window is flat, 0 at every other lag.
    """
    centered = center(values)
    n_padded = scipy.fft.next_fast_len(values.shape[1] + max_lag, real=True)
    spectrum = scipy.fft.rfft(centered, n=n_padded, axis=1)
    products = scipy.fft.irfft(np.abs(spectrum) ** 2, n=n_padded, axis=1)[:, : max_lag + 1]
    energy = (centered**2).sum(axis=1, keepdims=True)
    shape = np.zeros_like(products)
    shape[:, 0] = 1
    return np.divide(products, energy, out=shape, where=energy != 0)


def spread(first: int, last: int, n: int) -> NDArray[np.intp]:
    """Return up to `n` distinct whole numbers, evenly spaced on a logarithmic scale."""
    return np.unique(np.round(np.geomspace(first, last, n)).astype(np.intp))
