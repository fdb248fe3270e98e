"""Spectra of windows whose rhythm always lies at the same place of the axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.fft
from numpy.typing import NDArray


class Periods(NamedTuple):
    """A stretch of samples that holds a whole number of periods of a rhythm.

    Frequency k of its discrete Fourier transform is k / `n_periods` times the rate, so that the rhythm
    and its harmonics lie on frequencies of the transform, and do not leak into others.
    """

    n_periods: int
    n_samples: int


class RateAxis:
    """The frequencies of a spectrum relative to a rate: the multiples of 1 / n of the rate.

    Parameters
    ----------
    lowest, highest : float
        The range of rates, in cycles per sample.
    window_size : int
        Samples per window.
    """

    def __init__(self, lowest: float, highest: float, window_size: int) -> None:
        self._window_size = window_size
        # Fine enough for a window of the highest rate, up to the Nyquist frequency at the lowest.
        self._n = int(np.ceil(window_size * highest))
        self.n_frequencies = int(0.5 / lowest * self._n)

    def within(self, rates: NDArray[np.float64]) -> Iterator[tuple[Periods, NDArray[np.intp]]]:
        """Walk over the most whole periods that fit into a window, with the windows that hold them."""
        n_periods = np.floor(self._window_size * rates + 1e-9)
        n_samples = np.minimum(np.round(n_periods / rates), self._window_size)
        return _groups(n_periods, n_samples)

    def around(self, rates: NDArray[np.float64]) -> Iterator[tuple[Periods, NDArray[np.intp]]]:
        """Walk over the fewest whole periods that hold a window, with the windows that need them."""
        n_periods = np.ceil(self._window_size * rates - 1e-9)
        n_samples = np.maximum(np.round(n_periods / rates), self._window_size)
        return _groups(n_periods, n_samples)

    def onto(self, spectra: NDArray[np.float64], periods: Periods) -> NDArray[np.float64]:
        """Interpolate spectra of whole periods to this axis, along their last axis."""
        wanted = np.arange(1, self.n_frequencies + 1) * (periods.n_periods / self._n)
        return _interpolated(spectra, wanted - 1)

    def back(self, spectra: NDArray[np.float64], periods: Periods) -> NDArray[np.float64]:
        """Interpolate spectra on this axis to the frequencies of whole periods."""
        wanted = np.arange(1, periods.n_samples // 2 + 1) * (self._n / periods.n_periods)
        return _interpolated(spectra, wanted - 1)


def log_power(samples: NDArray) -> NDArray[np.float64]:
    """Return the logarithm of the squared amplitude at each frequency above zero.

    Parameters
    ----------
    samples : ndarray of shape (n_windows, n_samples, n_channels)

    Returns
    -------
    ndarray of shape (n_windows, n_channels, n_samples // 2)
        No less than the smallest positive number.
    """
    spectrum = scipy.fft.rfft(samples, axis=1)[:, 1:] / samples.shape[1]
    power = spectrum.real**2 + spectrum.imag**2
    return np.log(np.maximum(power, np.finfo(np.float64).tiny)).transpose(0, 2, 1)


def samples_of(log_powers: NDArray, turns: NDArray, n_samples: int) -> NDArray[np.float64]:
    """Return samples with the given spectra and phases, and a mean of zero.

    Parameters
    ----------
    log_powers : ndarray of shape (n_windows, n_channels, n_samples // 2)
        As `log_power` returns them.
    turns : ndarray of the same shape
        Phases, in turns.
    n_samples : int

    Returns
    -------
    ndarray of shape (n_windows, n_samples, n_channels)
    """
    spectrum = np.zeros((*log_powers.shape[:2], n_samples // 2 + 1), dtype=np.complex128)
    spectrum[:, :, 1:] = n_samples * np.exp(log_powers / 2 + 2j * np.pi * turns)
    return scipy.fft.irfft(spectrum, n=n_samples, axis=2).transpose(0, 2, 1)


def _groups(
    n_periods: NDArray[np.float64], n_samples: NDArray[np.float64]
) -> Iterator[tuple[Periods, NDArray[np.intp]]]:
    both = np.stack([n_periods, n_samples], axis=1).astype(np.intp)
    distinct, of_each = np.unique(both, axis=0, return_inverse=True)
    of_each = of_each.ravel()
    for nth, (periods, samples) in enumerate(distinct.tolist()):
        yield Periods(periods, samples), np.flatnonzero(of_each == nth)


def _interpolated(values: NDArray, positions: NDArray) -> NDArray[np.float64]:
    """Interpolate linearly along the last axis; beyond its ends, repeat the values there."""
    last = values.shape[-1] - 1
    positions = np.clip(positions, 0, last)
    below = np.minimum(positions.astype(np.intp), max(last - 1, 0))
    above = np.minimum(below + 1, last)
    share = positions - below
    return values[..., below] * (1 - share) + values[..., above] * share
