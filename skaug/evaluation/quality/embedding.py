"""Embeddings: the spaces in which windows are points, and sets of windows are compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skaug.features import WindowFeatureExtractor
from skaug.features.autocorrelation import autocorrelation, spread
from skaug.features.flatness import center
from skaug.features.spectrum import mean_in_bands, power_density
from skaug.windows.container import Windows, as_windows

#: The name of the default embedding.
SPECTRUM_ACF = "spectrum+acf"


class SpectrumAutocorrelation(WindowFeatureExtractor):
    r"""Log power in frequency bands and autocorrelation at some lags, for each channel.

    Parameters
    ----------
    n_bands : int, default=24
        Number of bands between the lowest frequency of a window and the Nyquist frequency, of equal
        width on a logarithmic scale; fewer where a window has fewer frequencies.
    n_lags : int, default=16
        Number of lags between one sample and half a window, spaced in the same way.

    Notes
    -----
    The power in a band is the mean of the periodogram over its frequencies (Hann window, mean removed;
    Welch, IEEE Trans. Audio Electroacoust. 15(2), 1967). Power is floored at -100 dB of the mean power
    of the channel in the windows of `fit`. The autocorrelation at lag :math:`l` is
    :math:`\sum_t x_t x_{t+l} / \sum_t x_t^2` after removing the mean of the window, and 0 where a
    window is flat. Neither depends on the phases of the spectrum: windows with waves of another shape
    but the same power lie close together.

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
        """Learn the channels, the length of the windows and the least power.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            Training windows.
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
            raise ValueError(
                "There are no windows to learn the least power from: pass at least one."
            )
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
        ends = list(pairwise(edges))
        bands = mean_in_bands(_power(values), ends, 1)
        logs = np.log(np.maximum(bands, self.least_power_[:, None]))
        shape = np.moveaxis(autocorrelation(values, size // 2)[:, lags], 1, 2)
        return np.concatenate([logs, shape], axis=2).reshape(len(values), -1)

    def _edges(self, window_size: int) -> NDArray[np.intp]:
        """Return the first frequency of each band in cycles per window, and the end of the last band."""
        return spread(1, window_size // 2 + 1, self.n_bands + 1)

    def _lags(self, window_size: int) -> NDArray[np.intp]:
        return spread(1, window_size // 2, self.n_lags)


class WaveformStatistics(WindowFeatureExtractor):
    """Mean, standard deviation, skewness and kurtosis of each channel and of its differences.

    They show what `SpectrumAutocorrelation` leaves out: the level and the shape of waves. A wave that
    rises faster than it falls has skewed differences; its phase-randomized surrogate does not. The
    skewness and kurtosis of a flat window are 0.

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
    """Fit an embedding to the training windows.

    Parameters
    ----------
    embedding : "spectrum+acf" or transformer
        The default, or a transformer from windows to an array of shape (n_windows, n_dimensions).
    windows : Windows
        The training windows.

    Returns
    -------
    fitted : transformer
        A fitted clone.
    name : str
        What to call it in a report.

    Raises
    ------
    ValueError
        If `embedding` is another string.
    TypeError
        If `embedding` is not a transformer.
    """
    if isinstance(embedding, str):
        if embedding != SPECTRUM_ACF:
            raise ValueError(
                f"embedding={embedding!r} is unknown: use {SPECTRUM_ACF!r}, or pass a transformer."
            )
        return make_pipeline(SpectrumAutocorrelation(), StandardScaler()).fit(windows), embedding
    if isinstance(embedding, type) or not (
        hasattr(embedding, "fit") and hasattr(embedding, "transform")
    ):
        raise TypeError(
            f"embedding={embedding!r} must be {SPECTRUM_ACF!r} or a transformer from windows to rows, "
            "such as make_pipeline(WindowSpectrum(), StandardScaler())."
        )
    name = " ".join(repr(embedding).split())
    fitted = clone(embedding, safe=False).fit(windows)
    return fitted, name


def embed(embedding: Any, windows: Windows) -> NDArray:
    """Compute the points of windows in an embedding.

    Parameters
    ----------
    embedding : transformer
        A fitted embedding.
    windows : Windows
        Windows that are not marked as synthetic.

    Returns
    -------
    ndarray of shape (n_windows, n_dimensions)

    Raises
    ------
    ValueError
        If the transformer returns an array of another shape, or NaN or infinity.
    """
    points = np.asarray(embedding.transform(windows), dtype=np.float64)
    if points.ndim != 2 or len(points) != len(windows):
        raise ValueError(
            f"The embedding returned an array of shape {points.shape} for {len(windows)} windows: it must "
            "return one row per window, (n_windows, n_dimensions)."
        )
    if not np.isfinite(points).all():
        window = int(np.argwhere(~np.isfinite(points))[0, 0])
        raise ValueError(f"The embedding returned NaN or infinity for window {window}.")
    return points


def _power(values: NDArray) -> NDArray:
    """Return the periodogram without frequency zero, (n_windows, n_frequencies, n_channels)."""
    return power_density(center(values), 1, values.shape[1] // 2 + 1)


def _moments(values: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    centered = center(values)
    sd = np.sqrt((centered**2).mean(axis=1))
    shaped = np.divide(centered, sd[:, None], out=np.zeros_like(centered), where=sd[:, None] > 0)
    squared = shaped * shaped
    return sd, (squared * shaped).mean(axis=1), (squared * squared).mean(axis=1)
