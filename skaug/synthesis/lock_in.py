"""A rhythm taken out of recordings along the track of its rate, and put back at another rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.signal import firwin

from skaug._arrays import blocks_of
from skaug.synthesis.phases import unit_numbers
from skaug.synthesis.resampling import Reading

# The rhythm and its harmonics, each with everything within this distance (Hz).
_N_HARMONICS = 3
_HALF_WIDTH = 0.125

# The neighboring band that fills the hole lies this far away (Hz).
_NEIGHBOR = 3 * _HALF_WIDTH

# Amplitudes per second that are kept: eight times their bandwidth.
_AMPLITUDES_PER_SECOND = 2.0

# Rows that are demodulated at once, if stretches are short.
_FEW_ROWS = 1 << 16


@dataclass(frozen=True)
class Rhythm:
    r"""Signals taken apart into a rhythm of known rate and the rest.

    Attributes
    ----------
    rest : ndarray of shape (n_rows, n_features)
        The signals without the rhythm; the hole in the spectrum is filled from the neighboring band.
    amplitudes : ndarray of complex of shape (n_harmonics, n_channels, n_kept)
        The slow complex amplitude of each harmonic, on a coarse grid of the rows of each stretch.
    firsts, kept_firsts : ndarray of shape (n_stretches + 1,)
        The first row, and the first amplitude, of each stretch.
    step : int
        Rows from one amplitude to the next.
    channels : ndarray of int of shape (n_channels,)
        The channels that carry the rhythm.
    turns : ndarray of shape (n_kept,)
        The integral of the rate up to each row of the coarse grid, in periods.
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
    turns: NDArray[np.float64]
    sampling_rate: float

    @cached_property
    def _changes(self) -> NDArray[np.complex64]:
        """The change from each amplitude to the next."""
        return np.diff(self.amplitudes, append=self.amplitudes[:, :, -1:])

    @cached_property
    def _turns_to_next(self) -> NDArray[np.float64]:
        return np.diff(self.turns, append=self.turns[-1:])

    def add(
        self,
        samples: NDArray,
        reading: Reading,
        hertz: NDArray[np.float64],
        phase: NDArray[np.float64],
    ) -> None:
        """Add the rhythm at another rate to windows, in place.

        Parameters
        ----------
        samples : ndarray of shape (n_windows, size, n_features)
            Windows of the rest.
        reading : Reading
            The rows that its amplitudes come from.
        hertz : ndarray of shape (n_windows,)
            The mean rate of each window. Within a window the rate changes as in the recording.
        phase : ndarray of shape (n_windows,)
            Where in the period it begins, in periods.
        """
        kept, weight = self._on_coarse_grid(reading)
        to_next = self._turns_to_next.take(kept)
        turns = self.turns.take(kept)
        turns += to_next * weight
        turns -= turns[:, :1].copy()
        scale = hertz / self.sampling_rate * (reading.size - 1) / turns[:, -1]
        turns *= scale[:, None]
        turns += phase[:, None]
        turn = unit_numbers(turns, np.float32)
        fastest = scale * to_next.max(axis=1) * reading.spacing / self.step
        highest = highest_rate(self.sampling_rate) / self.sampling_rate
        # Of real and imaginary parts alike.
        weights = np.repeat(weight.astype(np.float32), 2, axis=1)
        for number, channel in enumerate(self.channels):
            total: NDArray | None = None
            for k in range(_N_HARMONICS, 0, -1):
                amplitude = self._changes[k - 1, number].take(kept)
                parts = amplitude.view(np.float32)
                parts *= weights
                amplitude += self.amplitudes[k - 1, number].take(kept)
                if k > 1 and (is_too_fast := fastest * k >= highest).any():
                    amplitude[is_too_fast] = 0
                if total is not None:
                    amplitude += total
                amplitude *= turn
                total = amplitude
            assert total is not None
            samples[:, :, channel] += 2 * total.real

    def _on_coarse_grid(self, reading: Reading) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return, for each sample, the row of the coarse grid before it, and how far it is to the next."""
        first = reading.first[:, None].astype(np.float64)
        position = reading.positions(slice(None))
        position -= first
        np.clip(position, 0, reading.last[:, None] - first, out=position)
        position *= 1 / self.step
        kept = position.astype(np.intp)
        position -= np.floor(position)
        stretch = np.searchsorted(self.firsts, reading.first, side="right") - 1
        kept += self.kept_firsts[stretch][:, None]
        return kept, position


def highest_rate(sampling_rate: float) -> float:
    """Return the highest rate of a rhythm, or of a harmonic, that can be taken out, in Hz."""
    return sampling_rate / 2 - 2 * _HALF_WIDTH


def shortest_stretch(sampling_rate: float) -> int:
    """Return the rows below which the neighboring band is not resolved, and holds the rhythm itself."""
    return math.ceil(sampling_rate / _NEIGHBOR)


def take_apart(
    signals: NDArray,
    turns: NDArray[np.float64],
    firsts: NDArray[np.intp],
    channels: NDArray[np.intp],
    sampling_rate: float,
) -> Rhythm:
    """Take a rhythm out of signals.

    Parameters
    ----------
    signals : ndarray of shape (n_rows, n_features)
    turns : ndarray of shape (n_rows + 1,)
        The integral of the rate up to each row, in periods.
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
    lengths = np.diff(firsts)
    kept_firsts = np.concatenate([[0], np.cumsum((lengths - 1) // step + 2)])
    amplitudes = np.zeros((_N_HARMONICS, len(channels), kept_firsts[-1]), dtype=np.complex64)
    kept_turns = np.empty(kept_firsts[-1])
    rest = signals.copy()
    for length in np.unique(lengths):
        stretches = np.flatnonzero(lengths == length)  # windows of arrays are many of one length
        for some in blocks_of(slice(0, len(stretches)), max(1, _FEW_ROWS // length)):
            chosen = stretches[some]
            rows = firsts[chosen][:, None] + np.arange(length)
            values = signals[rows[..., None], channels].astype(np.float64)
            values -= values.mean(axis=1, keepdims=True)
            phase = turns[rows + 1]
            phase -= turns[rows[:, :1]]
            at_rows = np.arange((length - 1) // step + 2) * step
            kept = kept_firsts[chosen][:, None] + np.arange(len(at_rows))
            inside = np.minimum(at_rows, length)
            last_rate = turns[rows[:, -1:] + 1] - turns[rows[:, -1:]]
            kept_turns[kept] = turns[rows[:, :1] + inside] + last_rate * (at_rows - inside)
            for k in range(1, _N_HARMONICS + 1):
                found, change = _demodulated(values, phase, k, step, sampling_rate)
                amplitudes[k - 1][:, kept] = np.moveaxis(found, 2, 0)
                rest[rows[..., None], channels] += change.astype(rest.dtype)
    return Rhythm(rest, amplitudes, firsts, kept_firsts, step, channels, kept_turns, sampling_rate)


def _demodulated(
    values: NDArray[np.float64],
    turns: NDArray[np.float64],
    k: int,
    step: int,
    sampling_rate: float,
) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Return the amplitudes of a harmonic, and what to add to take it out and fill the hole.

    Parameters
    ----------
    values : ndarray of shape (n_stretches, n_rows, n_channels)
    turns : ndarray of shape (n_stretches, n_rows)
        The phase of the rhythm, in periods.
    k : int
        Which harmonic.
    step : int
        Rows from one amplitude to the next.
    sampling_rate : float
        Rows per second.
    """
    n_rows = values.shape[1]
    half = max(1, int(sampling_rate / _HALF_WIDTH))
    taps = firwin(2 * half + 1, _HALF_WIDTH, fs=sampling_rate)
    n_coarse = scipy.fft.next_fast_len(-(-max(n_rows + half + step, 2 * half + 1) // step))
    n_fft = n_coarse * step
    # Centered at row 0, the filter shifts no phase.
    response = scipy.fft.fft(np.roll(np.pad(taps, (0, n_fft - len(taps))), -half)).real
    bins = np.round(scipy.fft.fftfreq(n_coarse) * n_coarse).astype(np.intp)

    rate = np.diff(turns, axis=1, prepend=0) * sampling_rate
    # Row by row: a glitch of the label must not keep a harmonic in the whole recording.
    is_heard = (k == 1) | (rate * k < highest_rate(sampling_rate))
    # Below a fast rhythm lies motion, and above it noise.
    side = np.where((k == 1) & (rate.mean(axis=1) > 1), -1, 1)
    away = side * round(_NEIGHBOR * n_fft / sampling_rate)

    carrier = (unit_numbers(k * turns) * is_heard)[..., None]
    spectrum = scipy.fft.fft(values * carrier.conj(), n=n_fft, axis=1)
    stretch = np.arange(len(values))[:, None]
    at_rows = np.arange((n_rows - 1) // step + 2)

    def smoothed(first_bin: NDArray[np.intp]) -> NDArray[np.complex128]:
        """Evaluate the filtered signal, with these bins as zero frequency, at the coarse rows only."""
        chosen = spectrum[stretch, (bins + first_bin[:, None]) % n_fft]
        chosen *= response[bins][:, None]
        coarse = scipy.fft.ifft(chosen, axis=1)[:, at_rows] / step
        coarse /= _weight_inside(taps, at_rows * step, n_rows)[:, None]
        return coarse

    found = smoothed(np.zeros_like(away))
    change = smoothed(away) - found
    rows = np.arange(n_rows)
    weight = (rows % step / step)[:, None]
    full = change[:, rows // step] * (1 - weight) + change[:, rows // step + 1] * weight
    return found, 2 * (full * carrier).real


def _weight_inside(
    taps: NDArray[np.float64], rows: NDArray[np.intp], n_rows: int
) -> NDArray[np.float64]:
    """Return the sum of the taps that fall on rows of the stretch, for each row."""
    half = len(taps) // 2
    total = np.concatenate([[0.0], np.cumsum(taps)])
    return (
        total[np.minimum(half, n_rows - 1 - rows) + half + 1] - total[half - np.minimum(half, rows)]
    )
