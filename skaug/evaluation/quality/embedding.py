"""Where windows become points: the spaces in which their sets are compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug.features import WindowFeatureExtractor
from skaug.windows.container import Windows, as_windows

#: The embedding that is taken where none is passed.
SPECTRUM_ACF = "spectrum+acf"


class SpectrumAutocorrelation(WindowFeatureExtractor):
    r"""Log power in bands of frequency, and the autocorrelation at some lags, of each channel.

    Parameters
    ----------
    n_bands : int, default=24
        Bands between the lowest frequency of a window and the Nyquist frequency, of equal width on a
        scale of logarithms; fewer where the frequencies are.
    n_lags : int, default=16
        Lags between one sample and half of the window, spread likewise.

    Notes
    -----
    The power in a band is the mean of the periodogram over its frequencies (Hann window, mean removed;
    Welch, IEEE Trans. Audio Electroacoust. 15(2), 1967), and nothing below a ten thousand millionth
    (-100 dB) of the mean power of the channel in the windows it was fitted on counts. The
    autocorrelation at lag :math:`l` is :math:`\sum_t x_t x_{t+l} / \sum_t x_t^2` of the window with
    its mean removed, and 0 where a window is flat. Neither sees the phases of a spectrum: windows
    whose waves have another shape, but the same power, lie close to each other.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.evaluation.quality.embedding import SpectrumAutocorrelation
    >>> X = np.random.default_rng(0).normal(size=(4, 128, 1))
    >>> SpectrumAutocorrelation(n_bands=6, n_lags=4).fit_transform(X).shape
    (4, 10)
    """

    def __init__(self, n_bands: int = 24, n_lags: int = 16) -> None:
        self.n_bands = n_bands
        self.n_lags = n_lags

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Learn the channels, the length of the windows, and what counts as no power.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            Windows.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are no windows.
        """
        super().fit(X)
        windows = as_windows(X)
        if len(windows) == 0:
            raise ValueError("There are no windows to learn the least power from: pass some.")
        power = windows.map_blocks(lambda values: _power(values).mean(axis=1))
        self.least_power_ = np.maximum(1e-10 * power.mean(axis=0), 1e-30)
        return self

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        edges, lags = self._edges(window_size), self._lags(window_size)
        return [
            f"{channel}_{kind}{at}"
            for channel in channels
            for kind, positions in (("band", edges[:-1]), ("lag", lags))
            for at in positions
        ]

    def _compute(self, windows: Windows) -> NDArray:
        return windows.map_blocks(self._of_block)

    def _of_block(self, values: NDArray) -> NDArray:
        size = values.shape[1]
        edges, lags = self._edges(size), self._lags(size)
        widths = np.diff(edges)[:, None]
        bands = np.add.reduceat(_power(values), edges[:-1] - 1, axis=1) / widths
        logs = np.log(np.maximum(bands, self.least_power_))
        both = np.concatenate([logs, autocorrelation(values)[:, lags]], axis=1)
        return np.moveaxis(both, 2, 1).reshape(len(values), -1)

    def _edges(self, window_size: int) -> NDArray[np.intp]:
        """First frequency of each band, counted in cycles a window, and the end of the last."""
        return _spread(1, window_size // 2 + 1, self.n_bands + 1)

    def _lags(self, window_size: int) -> NDArray[np.intp]:
        return _spread(1, window_size // 2, self.n_lags)


class WaveformStatistics(WindowFeatureExtractor):
    """Mean, standard deviation, skewness and kurtosis of each channel, and of its differences.

    They see what `SpectrumAutocorrelation` does not: the level, and the shape of waves. A wave that
    rises faster than it falls has skew differences, its phase-randomised surrogate has not. Skewness
    and kurtosis of what is flat are 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug.evaluation.quality.embedding import WaveformStatistics
    >>> WaveformStatistics().fit_transform(np.zeros((1, 8, 1))).tolist()
    [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    """

    _STATISTICS = (
        "mean",
        "sd",
        "skewness",
        "kurtosis",
        "step_sd",
        "step_skewness",
        "step_kurtosis",
    )

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        return [f"{channel}_{name}" for channel in channels for name in self._STATISTICS]

    def _compute(self, windows: Windows) -> NDArray:
        return windows.map_blocks(self._of_block)

    def _of_block(self, values: NDArray) -> NDArray:
        each = [values.mean(axis=1), *_moments(values), *_moments(np.diff(values, axis=1))]
        return np.stack(each, axis=2).reshape(len(values), -1)


def fitted_embedding(embedding: Any, windows: Windows) -> tuple[Any, str]:
    """Fit an embedding to training windows, and name it.

    Parameters
    ----------
    embedding : "spectrum+acf" or transformer
        A transformer gets windows and gives an array of shape (n_windows, n_dimensions).
    windows : Windows
        The training windows.

    Returns
    -------
    fitted : transformer
    name : str

    Raises
    ------
    ValueError
        If it is another text.
    TypeError
        If it is no transformer.
    """
    if isinstance(embedding, str):
        if embedding != SPECTRUM_ACF:
            raise ValueError(
                f"embedding={embedding!r} is unknown: take {SPECTRUM_ACF!r}, or pass a transformer."
            )
        return make_pipeline(SpectrumAutocorrelation(), StandardScaler()).fit(windows), embedding
    if isinstance(embedding, type) or not (
        hasattr(embedding, "fit") and hasattr(embedding, "transform")
    ):
        raise TypeError(
            f"embedding={embedding!r} must be {SPECTRUM_ACF!r} or a transformer that makes rows of "
            "windows, such as make_pipeline(WindowSpectrum(), StandardScaler())."
        )
    name = " ".join(repr(embedding).split())
    fitted = clone(embedding, safe=False).fit(windows)
    return fitted, name


def embed(embedding: Any, windows: Windows) -> NDArray:
    """Give windows as points.

    Parameters
    ----------
    embedding : transformer
        Fitted.
    windows : Windows
        None of them flagged as synthetic.

    Returns
    -------
    ndarray of shape (n_windows, n_dimensions)

    Raises
    ------
    ValueError
        If the transformer gives another shape, or what is not finite.
    """
    points = np.asarray(embedding.transform(windows), dtype=np.float64)
    if points.ndim != 2 or len(points) != len(windows):
        raise ValueError(
            f"The embedding made an array of shape {points.shape} of {len(windows)} windows: it must give "
            "one row a window, (n_windows, n_dimensions)."
        )
    if not np.isfinite(points).all():
        raise ValueError(
            f"The embedding gives NaN or infinity for window {int(np.argwhere(~np.isfinite(points))[0, 0])}."
        )
    return points


def autocorrelation(values: NDArray) -> NDArray:
    """Give the autocorrelation of windows at lags from 0 to half of their length.

    Parameters
    ----------
    values : ndarray of shape (n_windows, window_size, n_channels)
        Samples.

    Returns
    -------
    ndarray of shape (n_windows, window_size // 2 + 1, n_channels)
        0 at every lag but the first where a window is flat.
    """
    size = values.shape[1]
    centred = centre(values)
    n_padded = scipy.fft.next_fast_len(size + size // 2, real=True)
    spectrum = scipy.fft.rfft(centred, n=n_padded, axis=1)
    products = scipy.fft.irfft(np.abs(spectrum) ** 2, n=n_padded, axis=1)[:, : size // 2 + 1]
    energy = (centred**2).sum(axis=1, keepdims=True)
    shape = np.zeros_like(products)
    shape[:, 0] = 1
    return np.divide(products, energy, out=shape, where=energy > 0)


def centre(values: NDArray) -> NDArray:
    """Remove the mean of each window and channel; what is flat becomes 0, without rounding error."""
    is_flat = values.max(axis=1, keepdims=True) == values.min(axis=1, keepdims=True)
    return np.where(is_flat, 0.0, values - values.mean(axis=1, keepdims=True))


def _power(values: NDArray) -> NDArray:
    """Periodogram without the zero frequency, (n_windows, n_frequencies, n_channels)."""
    _, power = scipy.signal.periodogram(centre(values), window="hann", detrend=False, axis=1)
    return power[:, 1:]


def _spread(first: int, last: int, n: int) -> NDArray[np.intp]:
    return np.unique(np.round(np.geomspace(first, last, n)).astype(np.intp))


def _moments(values: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    centred = centre(values)
    sd = np.sqrt((centred**2).mean(axis=1))
    shaped = np.divide(centred, sd[:, None], out=np.zeros_like(centred), where=sd[:, None] > 0)
    squared = shaped * shaped
    return sd, (squared * shaped).mean(axis=1), (squared * squared).mean(axis=1)
