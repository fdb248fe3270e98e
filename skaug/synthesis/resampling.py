"""Rows of recordings read at another spacing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from scipy.signal import firwin

from skaug._arrays import blocks_of, in_halves

# Bytes of windows in a block: few enough for the rows that are read to stay in the cache.
_BLOCK_BYTES = 1 << 18

# Spacings above 1 are read from signals that were filtered for the next of these steps of the spacing.
_STEPS_PER_OCTAVE = 4

# Half the length of the filter at a spacing of 1, in samples.
_HALF_TAPS = 12


@dataclass(frozen=True)
class Reading:
    """Where to read windows: `size` rows around a center, at a spacing.

    Attributes
    ----------
    center : ndarray of shape (n_windows,)
        The row in the middle of each window, which may lie between two rows.
    spacing : ndarray of shape (n_windows,)
        Rows from one sample to the next.
    first, last : ndarray of shape (n_windows,)
        The rows between which samples lie.
    size : int
        Samples per window.
    """

    center: NDArray[np.float64]
    spacing: NDArray[np.float64]
    first: NDArray[np.intp]
    last: NDArray[np.intp]
    size: int

    def __len__(self) -> int:
        return len(self.center)

    def take(self, index: NDArray) -> Reading:
        """Return some of the windows."""
        return Reading(
            self.center[index], self.spacing[index], self.first[index], self.last[index], self.size
        )

    def positions(self, which: slice) -> NDArray[np.float64]:
        """Return the position of each sample of some windows, of shape (n, size)."""
        offsets = np.arange(self.size) - (self.size - 1) / 2
        return self.center[which, None] + offsets * self.spacing[which, None]


def read(signals: NDArray, reading: Reading, out: NDArray, where: NDArray[np.intp]) -> None:
    """Read windows from signals by cubic interpolation.

    Where rows are skipped (a spacing above 1), the signals are low-pass filtered first, so that what the
    new samples cannot represent does not return as another frequency.

    Parameters
    ----------
    signals : ndarray of shape (n_rows, n_features)
    reading : Reading
        Of n_windows.
    out : ndarray of shape (n_out, size, n_features)
        Where the samples are written.
    where : ndarray of shape (n_windows,)
        The windows of `out` that are read.

    Notes
    -----
    The 4-point cubic convolution of Keys ("Cubic convolution interpolation for digital image processing",
    IEEE Trans. Acoust., Speech, Signal Process. 29, 1153-1160, 1981, eq. 15). The filter is a windowed sinc.
    """
    steps = np.ceil(_STEPS_PER_OCTAVE * np.log2(np.maximum(reading.spacing, 1)) - 1e-9)
    for step in np.unique(steps):
        which = np.flatnonzero(steps == step)
        source = signals
        if step > 0:
            source = _low_passed(signals, 2 ** (step / _STEPS_PER_OCTAVE), reading.take(which))
        interpolate(source, reading.take(which), out, where[which])


def interpolate(signals: NDArray, reading: Reading, out: NDArray, where: NDArray[np.intp]) -> None:
    """Interpolate windows between the rows of signals, as `read` does at spacings up to 1."""
    n_block = max(1, _BLOCK_BYTES // max(1, out[:1].nbytes))

    def work(half: slice) -> None:
        for block in blocks_of(half, n_block):
            out[where[block]] = _cubic(signals, reading, block)

    in_halves(work, len(reading), len(reading) * out[:1].nbytes)


def _cubic(signals: NDArray, reading: Reading, block: slice) -> NDArray:
    positions = reading.positions(block)
    rows = np.floor(positions)
    t = (positions - rows).astype(signals.dtype)[..., None]
    rows = rows.astype(np.intp)
    low, high = reading.first[block, None], reading.last[block, None]

    def at(offset: int) -> NDArray:
        return signals.take(np.clip(rows + offset, low, high), axis=0)

    before, here, following, last = at(-1), at(0), at(1), at(2)
    cubic = 3 * (here - following) + last - before
    cubic *= t
    cubic += 2 * before - 5 * here + 4 * following - last
    cubic *= t
    cubic += following - before
    cubic *= t
    cubic *= 0.5
    cubic += here
    return cubic


def _low_passed(signals: NDArray, spacing: float, reading: Reading) -> NDArray:
    """Return signals without the frequencies that samples at this spacing cannot represent.

    Only the rows that are read are computed; the others are undefined.
    """
    half = int(np.ceil(_HALF_TAPS * spacing))
    taps = firwin(2 * half + 1, 1 / spacing).astype(signals.dtype)
    out = np.empty_like(signals)
    for run, limits in _runs_read(reading):
        # Rows of the stretch beside the run count. Beyond the stretch it is mirrored.
        padded = slice(max(limits.start, run.start - half), min(limits.stop, run.stop + half))
        filtered = scipy.ndimage.convolve1d(signals[padded], taps, axis=0, mode="mirror")
        out[run] = filtered[run.start - padded.start : run.stop - padded.start]
    return out


def _runs_read(reading: Reading) -> Iterator[tuple[slice, slice]]:
    """Yield the runs of rows that windows are interpolated between, and the stretch of each run."""
    reach = (reading.size - 1) / 2 * reading.spacing
    begin = np.maximum(np.floor(reading.center - reach).astype(np.intp) - 1, reading.first)
    end = np.minimum(np.floor(reading.center + reach).astype(np.intp) + 2, reading.last) + 1
    order = np.argsort(begin)
    begin, end = begin[order], np.maximum.accumulate(end[order])
    heads = np.flatnonzero(np.concatenate([[True], begin[1:] >= end[:-1]]))
    tails = np.append(heads[1:], len(begin)) - 1
    for head, tail in zip(heads, tails, strict=True):
        limits = slice(reading.first[order[head]], reading.last[order[head]] + 1)
        yield slice(begin[head], end[tail]), limits
