"""A rhythm taken out of recordings along the track of its rate, and put back at another rate."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, upfirdn

from skaug._arrays import blocks_of, in_halves
from skaug.synthesis.resampling import Reading

# The rhythm and its harmonics, each with everything within this distance (Hz).
_N_HARMONICS = 3
_HALF_WIDTH = 0.125

# The neighboring band that fills the hole lies this far away (Hz).
_NEIGHBOR = 3 * _HALF_WIDTH

# Amplitudes per second that are kept: eight times their bandwidth.
_AMPLITUDES_PER_SECOND = 2.0

_BLOCK_BYTES = 1 << 19


@dataclass(frozen=True)
class Rhythm:
    r"""Signals taken apart into a rhythm of known rate and the rest.

    Attributes
    ----------
    rest : ndarray of shape (n_rows, n_features)
        The signals without the rhythm; the hole in the spectrum is filled from the neighboring band.
    amplitudes : ndarray of complex of shape (n_harmonics, n_kept, n_channels)
        The slow complex amplitude of each harmonic, on a coarse grid of the rows of each stretch.
    firsts, kept_firsts : ndarray of shape (n_stretches + 1,)
        The first row, and the first amplitude, of each stretch.
    step : int
        Rows from one amplitude to the next.
    channels : ndarray of int of shape (n_channels,)
        The channels that carry the rhythm.
    hertz : ndarray of shape (n_rows,)
        The rate in each row.
    sampling_rate : float
        Rows per second.

    Notes
    -----
    With :math:`\varphi` the integral of the rate, the amplitude of harmonic :math:`k` is
    :math:`A_k = \mathrm{lowpass}(x e^{-i k \varphi})`, and the rhythm is
    :math:`\sum_k 2 \mathrm{Re}(A_k e^{i k \varphi})`: a lock-in amplifier whose reference is the label.
    """

    rest: NDArray
    amplitudes: NDArray[np.complex64]
    firsts: NDArray[np.intp]
    kept_firsts: NDArray[np.intp]
    step: int
    channels: NDArray[np.intp]
    hertz: NDArray[np.float64]
    sampling_rate: float

    def add(
        self,
        out: NDArray,
        where: NDArray[np.intp],
        reading: Reading,
        hertz: NDArray[np.float64],
        phase: NDArray[np.float64],
    ) -> None:
        """Add the rhythm at another rate to windows.

        Parameters
        ----------
        out : ndarray of shape (n_out, size, n_features)
            Windows of the rest.
        where : ndarray of shape (n_windows,)
            Which of them get the rhythm.
        reading : Reading
            The rows whose amplitudes it has.
        hertz : ndarray of shape (n_windows,)
            The mean rate of each window. Within a window the rate changes as in the recording.
        phase : ndarray of shape (n_windows,)
            Where in the period it begins, in periods.
        """
        n_block = max(1, _BLOCK_BYTES // max(1, out[:1].nbytes))

        def work(half: slice) -> None:
            for block in blocks_of(half, n_block):
                rhythm = self._rhythm(reading, block, hertz[block], phase[block])
                out[np.ix_(where[block], np.arange(out.shape[1]), self.channels)] += rhythm

        in_halves(work, len(reading), len(reading) * out[:1].nbytes)

    def _rhythm(
        self,
        reading: Reading,
        block: slice,
        hertz: NDArray[np.float64],
        phase: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        positions = np.clip(
            reading.positions(block), reading.first[block, None], reading.last[block, None]
        )
        rate = self.hertz[np.round(positions).astype(np.intp)]
        rate *= (hertz / rate.mean(axis=1))[:, None]
        turns = np.cumsum(rate, axis=1) / self.sampling_rate + phase[:, None]
        turn = np.exp(2j * np.pi * turns).astype(np.complex64)
        coarse = (positions - reading.first[block, None]) / self.step
        kept = coarse.astype(np.intp)
        weight = (coarse - kept).astype(np.float32)[..., None]
        stretch = np.searchsorted(self.firsts, reading.first[block], side="right") - 1
        kept += self.kept_firsts[stretch][:, None]
        rhythm = np.zeros((*positions.shape, len(self.channels)))
        harmonic = np.ones_like(turn)
        for k, amplitudes in enumerate(self.amplitudes, start=1):
            harmonic *= turn
            amplitude = amplitudes[kept] * (1 - weight) + amplitudes[kept + 1] * weight
            is_below = rate * k < _highest(self.sampling_rate)
            rhythm += 2 * (amplitude * (harmonic * is_below)[..., None]).real
        return rhythm


def take_apart(
    signals: NDArray,
    hertz: NDArray[np.float64],
    firsts: NDArray[np.intp],
    channels: NDArray[np.intp],
    sampling_rate: float,
) -> Rhythm:
    """Take a rhythm out of signals.

    Parameters
    ----------
    signals : ndarray of shape (n_rows, n_features)
    hertz : ndarray of shape (n_rows,)
        The rate of the rhythm in each row, in Hz.
    firsts : ndarray of shape (n_stretches + 1,)
        First row of each stretch, and the number of rows.
    channels : ndarray of int of shape (n_channels,)
        The channels that carry it.
    sampling_rate : float
        Rows per second.

    Returns
    -------
    Rhythm
    """
    step = max(1, int(sampling_rate / _AMPLITUDES_PER_SECOND))
    n_kept = (np.diff(firsts) - 1) // step + 2
    kept_firsts = np.concatenate([[0], np.cumsum(n_kept)])
    amplitudes = np.zeros((_N_HARMONICS, kept_firsts[-1], len(channels)), dtype=np.complex64)
    rest = signals.copy()
    half = max(1, int(sampling_rate / _HALF_WIDTH))
    taps = firwin(2 * half + 1, _HALF_WIDTH, fs=sampling_rate)
    for stretch, (first, end) in enumerate(pairwise(firsts)):
        values = signals[first:end][:, channels].astype(np.float64)
        values -= values.mean(axis=0)
        rate = hertz[first:end]
        turns = np.cumsum(rate) / sampling_rate
        seconds = np.arange(end - first) / sampling_rate
        norm = _smoothed(np.ones((end - first, 1)), taps, step)
        for k in range(1, _N_HARMONICS + 1):
            if rate.max() * k >= _highest(sampling_rate):
                break
            carrier = np.exp(2j * np.pi * k * turns)[:, None]
            kept = _smoothed(values * carrier.conj(), taps, step) / norm
            amplitudes[k - 1, kept_firsts[stretch] : kept_firsts[stretch + 1]] = kept
            # Below a fast rhythm lies motion, and above it noise.
            side = -_NEIGHBOR if k == 1 and rate.mean() > 1 else _NEIGHBOR
            beside = np.exp(-2j * np.pi * side * seconds)[:, None]
            neighbor = _smoothed(values * carrier.conj() * beside, taps, step) / norm
            change = _between(neighbor - kept, np.arange(end - first) / step)
            rest[first:end, channels] += 2 * (change * carrier).real
    return Rhythm(rest, amplitudes, firsts, kept_firsts, step, channels, hertz, sampling_rate)


def _smoothed(values: NDArray, taps: NDArray[np.float64], step: int) -> NDArray:
    """Convolve with a symmetric filter, evaluated at every `step`-th row and once behind the last."""
    half = len(taps) // 2
    padding = -half % step
    padded = np.concatenate([np.zeros((padding, values.shape[1])), values])
    out = upfirdn(taps, padded, down=step, axis=0)
    n_kept = (len(values) - 1) // step + 2
    return out[(half + padding) // step :][:n_kept]


def _between(values: NDArray, at: NDArray[np.float64]) -> NDArray:
    """Interpolate linearly between rows."""
    rows = np.minimum(at.astype(np.intp), len(values) - 2)
    weight = (at - rows)[:, None]
    return values[rows] * (1 - weight) + values[rows + 1] * weight


def _highest(sampling_rate: float) -> float:
    """Return the highest rate of a harmonic, in Hz."""
    return sampling_rate / 2 - 2 * _HALF_WIDTH
