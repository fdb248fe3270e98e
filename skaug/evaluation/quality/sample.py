"""A set of windows, and what is computed for each of them once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug.evaluation.quality.draw_keys import drawn
from skaug.evaluation.quality.embedding import WaveformStatistics, embed
from skaug.features import WindowSpectrum
from skaug.features.autocorrelation import autocorrelation
from skaug.features.flatness import center
from skaug.windows.container import Windows

#: The size of the smallest sample: some measures look for 5 neighbors of each window in its own set.
FEWEST_WINDOWS = 6


def _per_window(compute: Callable[[Sample], NDArray]) -> cached_property[NDArray]:
    """Return a cached property that a part of a sample selects from the whole, if it is known there."""
    name = compute.__name__

    def get(sample: Sample) -> NDArray:
        if sample._whole is not None and sample._whole.knows(name):
            return getattr(sample._whole, name)[sample._index]
        return compute(sample)

    get.__doc__ = compute.__doc__
    return cached_property(get)


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
    keys : ndarray of shape (n_windows,), optional
        The key of each window, by which it is drawn; by default its position.
    """

    def __init__(
        self,
        windows: Windows,
        embedding: Any,
        groups: NDArray | None = None,
        y: NDArray | None = None,
        keys: NDArray[np.uint64] | None = None,
    ) -> None:
        self.windows = windows
        self.groups = groups
        self.y = y
        self._embedding = embedding
        self._keys = np.arange(len(windows), dtype=np.uint64) if keys is None else keys
        self._whole: Sample | None = None
        self._index: NDArray | slice = slice(None)

    @staticmethod
    def concatenate(parts: Sequence[Sample]) -> Sample:
        """Join samples, without their labels."""
        groups = [part.groups for part in parts if part.groups is not None]
        joined = Sample(
            Windows.concatenate([part.windows for part in parts]),
            parts[0]._embedding,
            np.concatenate(groups) if len(groups) == len(parts) else None,
            keys=np.concatenate([part._keys for part in parts]),
        )
        for name in ("embedded", "features"):
            if all(part.knows(name) for part in parts):
                joined.__dict__[name] = np.concatenate([getattr(part, name) for part in parts])
        return joined

    def __len__(self) -> int:
        return len(self.windows)

    def knows(self, name: str) -> bool:
        """Return whether an attribute of each window is already computed."""
        return name in self.__dict__ or (self._whole is not None and self._whole.knows(name))

    def prepare(self, *names: str) -> None:
        """Compute attributes once for all samples that are taken from this one."""
        for name in names:
            getattr(self, name)

    def take(self, index: NDArray) -> Sample:
        """Select some of the windows."""
        taken = Sample(
            self.windows[index],
            self._embedding,
            None if self.groups is None else self.groups[index],
            None if self.y is None else self.y[index],
            self._keys[index],
        )
        taken._whole, taken._index = self, index
        return taken

    def draw(self, n: int, *draw: Any) -> Sample:
        """Draw up to `n` windows by their keys; a draw of another name holds other windows."""
        return self if n >= len(self) else self.take(drawn(self._keys, n, *draw))

    def replaced(self, values: NDArray) -> Sample:
        """Return other windows with the same channels, without subjects or labels."""
        windows = Windows.from_arrays(
            values, feature_names=self.windows.feature_names, channels_first=False
        )
        return Sample(windows, self._embedding)

    def of_subjects(self, groups: NDArray | None) -> Sample:
        """Return the same windows assigned to other subjects, without labels."""
        other = Sample(self.windows, self._embedding, groups)
        other._whole = self
        return other

    @_per_window
    def values(self) -> NDArray:
        """Return the samples, of shape (n_windows, window_size, n_channels)."""
        return self.windows.to_numpy()

    @cached_property
    def sorted_values(self) -> NDArray:
        """All samples of each channel in ascending order, of shape (n_channels, n_samples)."""
        n_channels = self.values.shape[2]
        return np.sort(self.values.reshape(-1, n_channels).T, axis=1)

    @_per_window
    def embedded(self) -> NDArray:
        """Return the windows in the embedding, of shape (n_windows, n_dimensions)."""
        return embed(self._embedding, self.windows)

    @_per_window
    def features(self) -> NDArray:
        """Return the features for models: the embedding and statistics of the waveform."""
        statistics = WaveformStatistics().fit_transform(self.windows)
        return np.hstack([self.embedded, np.asarray(statistics)])

    @_per_window
    def log_power(self) -> NDArray:
        """Return the natural log power spectra, of shape (n_windows, n_channels, n_frequencies)."""
        power = np.asarray(WindowSpectrum().fit_transform(self.windows))
        return power.reshape(len(self), self.windows.shape[2], -1)

    @_per_window
    def autocorrelation(self) -> NDArray:
        """Return the autocorrelation up to half a window, of shape (n_windows, n_lags, n_channels)."""
        return autocorrelation(self.values, self.windows.window_size // 2)[:, 1:]

    @_per_window
    def correlation(self) -> NDArray:
        """Return the correlation between channels, (n_windows, n_pairs); NaN where one is flat."""
        centered = center(self.values)
        covariance = np.einsum("nti,ntj->nij", centered, centered)
        sd = np.sqrt(np.einsum("nii->ni", covariance))
        first, second = np.triu_indices(self.values.shape[2], k=1)
        scale = sd[:, first] * sd[:, second]
        missing = np.full(scale.shape, np.nan)
        return np.divide(covariance[:, first, second], scale, out=missing, where=scale > 0)
