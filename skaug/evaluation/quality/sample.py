"""A set of windows, and what is computed of each of them once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug.evaluation.quality.embedding import WaveformStatistics, autocorrelation, centre, embed
from skaug.features import WindowSpectrum
from skaug.windows.container import Windows

_KEPT = ("embedded", "features")


class Sample:
    """Windows, described as the measures need them.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_channels)
        The windows. Their own labels and subjects do not count.
    embedding : transformer
        Fitted to the training windows.
    groups : ndarray of shape (n_windows,), or None
        Their subjects.
    y : ndarray of shape (n_windows,), or None
        Their labels.
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
        """Join samples; their labels are left behind."""
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
        """Compute once what is handed on to the windows that are taken and drawn."""
        for known in _KEPT:
            getattr(self, known)

    def take(self, index: NDArray) -> Sample:
        """Give some of the windows, and what is known of them already."""
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
        """Give the same subjects other samples."""
        windows = Windows.from_arrays(values, feature_names=self.windows.feature_names)
        return Sample(windows, self._embedding, self.groups)

    def draw(self, n: int, seed: int) -> Sample:
        """Give up to `n` of the windows, drawn at random, in their order."""
        if n >= len(self):
            return self
        return self.take(np.sort(np.random.default_rng(seed).permutation(len(self))[:n]))

    @cached_property
    def values(self) -> NDArray:
        """The samples, (n_windows, window_size, n_channels)."""
        return self.windows.to_numpy()

    @cached_property
    def embedded(self) -> NDArray:
        """The windows in the embedding, (n_windows, n_dimensions)."""
        return embed(self._embedding, self.windows)

    @cached_property
    def features(self) -> NDArray:
        """What models are given: the embedding and statistics of the waveform."""
        statistics = WaveformStatistics().fit_transform(self.windows)
        return np.hstack([self.embedded, np.asarray(statistics)])

    @cached_property
    def log_power(self) -> NDArray:
        """Natural logarithm of the power spectrum, (n_windows, n_channels, n_frequencies)."""
        power = np.asarray(WindowSpectrum().fit_transform(self.windows))
        return power.reshape(len(self), self.windows.shape[2], -1)

    @cached_property
    def autocorrelation(self) -> NDArray:
        """Of each window at lags from 1 to half of its length, (n_windows, n_lags, n_channels)."""
        return autocorrelation(self.values)[:, 1:]

    @cached_property
    def correlation(self) -> NDArray:
        """Of each pair of channels within a window, (n_windows, n_pairs); NaN beside a flat channel."""
        centred = centre(self.values)
        covariance = np.einsum("nti,ntj->nij", centred, centred)
        sd = np.sqrt(np.einsum("nii->ni", covariance))
        first, second = np.triu_indices(self.values.shape[2], k=1)
        scale = sd[:, first] * sd[:, second]
        missing = np.full(scale.shape, np.nan)
        return np.divide(covariance[:, first, second], scale, out=missing, where=scale > 0)
