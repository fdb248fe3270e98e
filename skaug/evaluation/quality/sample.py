"""A set of windows, and what is computed for each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug.evaluation.quality.embedding import WaveformStatistics, autocorrelation, center, embed
from skaug.features import WindowSpectrum
from skaug.windows.container import Windows

#: The size of the smallest sample: some measures look for 5 neighbors of each window in its own set.
FEWEST_WINDOWS = 6

_KEPT = ("embedded", "features")


class Sample:
    """A set of windows, described as the measures need them.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_channels)
        The windows. Their own labels and subjects are not used.
    embedding : transformer
        The embedding, fitted to the training windows.
    groups : ndarray of shape (n_windows,), or None
        The subject of each window.
    y : ndarray of shape (n_windows,), or None
        The label of each window.
    """

    def __init__(
        self,
        windows: Windows,
        embedding: Any,
        groups: NDArray | None = None,
        y: NDArray | None = None,
    ) -> None:
        self.windows = windows
        self.groups = groups
        self.y = y
        self._embedding = embedding

    @staticmethod
    def concatenate(parts: Sequence[Sample]) -> Sample:
        """Join samples, without their labels."""
        groups = [part.groups for part in parts if part.groups is not None]
        joined = Sample(
            Windows.concatenate([part.windows for part in parts]),
            parts[0]._embedding,
            np.concatenate(groups) if len(groups) == len(parts) else None,
        )
        for known in _KEPT:
            if all(known in part.__dict__ for part in parts):
                joined.__dict__[known] = np.concatenate([part.__dict__[known] for part in parts])
        return joined

    def __len__(self) -> int:
        return len(self.windows)

    def prepare(self) -> None:
        """Compute what is handed on to the windows that are taken from this sample."""
        for known in _KEPT:
            getattr(self, known)

    def take(self, index: NDArray) -> Sample:
        """Select some of the windows, with what is already computed for them."""
        taken = Sample(
            self.windows[index],
            self._embedding,
            None if self.groups is None else self.groups[index],
            None if self.y is None else self.y[index],
        )
        for known in _KEPT:
            if known in self.__dict__:
                taken.__dict__[known] = self.__dict__[known][index]
        return taken

    def replaced(self, values: NDArray) -> Sample:
        """Return windows of the same subjects with other samples."""
        windows = Windows.from_arrays(
            values, feature_names=self.windows.feature_names, channels_first=False
        )
        return Sample(windows, self._embedding, self.groups)

    def draw(self, n: int, seed: int) -> Sample:
        """Draw up to `n` of the windows at random, and keep their order."""
        if n >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:n]))

    @cached_property
    def values(self) -> NDArray:
        """The samples, of shape (n_windows, window_size, n_channels)."""
        return self.windows.to_numpy()

    @cached_property
    def embedded(self) -> NDArray:
        """The windows in the embedding, of shape (n_windows, n_dimensions)."""
        return embed(self._embedding, self.windows)

    @cached_property
    def features(self) -> NDArray:
        """The features that models are fitted on: the embedding and statistics of the waveform."""
        statistics = WaveformStatistics().fit_transform(self.windows)
        return np.hstack([self.embedded, np.asarray(statistics)])

    @cached_property
    def log_power(self) -> NDArray:
        """Natural logarithm of the power spectrum, of shape (n_windows, n_channels, n_frequencies)."""
        power = np.asarray(WindowSpectrum().fit_transform(self.windows))
        return power.reshape(len(self), self.windows.shape[2], -1)

    @cached_property
    def autocorrelation(self) -> NDArray:
        """Autocorrelation at lags from 1 to half a window, of shape (n_windows, n_lags, n_channels)."""
        return autocorrelation(self.values)[:, 1:]

    @cached_property
    def correlation(self) -> NDArray:
        """Correlation between channels, of shape (n_windows, n_pairs); NaN where a channel is flat."""
        centered = center(self.values)
        covariance = np.einsum("nti,ntj->nij", centered, centered)
        sd = np.sqrt(np.einsum("nii->ni", covariance))
        first, second = np.triu_indices(self.values.shape[2], k=1)
        scale = sd[:, first] * sd[:, second]
        missing = np.full(scale.shape, np.nan)
        return np.divide(covariance[:, first, second], scale, out=missing, where=scale > 0)
