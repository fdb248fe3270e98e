"""Rows of recordings read at another spacing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin

from skaug._arrays import blocks_of

# Bytes of windows in a block: few enough for the rows that are read to stay in the cache.
_BLOCK_BYTES = 1 << 19

# Spacings above 1 are read from signals that were filtered for the next of these steps of the spacing.
_STEPS_PER_OCTAVE = 4

# Half the length of the filter at a spacing of 1, in samples.
_HALF_TAPS = 12

# Rows between runs that take less time to filter than another call.
_NEAR = 2000

Change: TypeAlias = Callable[[NDArray, NDArray[np.intp]], None]


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


def read(
    signals: NDArray,
    reading: Reading,
    out: NDArray,
    where: NDArray[np.intp],
    change: Change | None = None,
) -> None:
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
    change : callable, optional
        Called with the samples of some windows, to change them while they are in the cache, and which windows
        of `out` these are.

    Notes
    -----
    The 4-point cubic convolution of Keys ("Cubic convolution interpolation for digital image processing",
    IEEE Trans. Acoust., Speech, Signal Process. 29, 1153-1160, 1981, eq. 15). The filter is a windowed sinc.
    """
    steps = np.ceil(_STEPS_PER_OCTAVE * np.log2(np.maximum(reading.spacing, 1)) - 1e-9)
    for step in np.unique(steps):
        which = np.flatnonzero(steps == step)
        some = reading.take(which)
        source, n_before = signals, 0
        if step > 0:
            source, n_before = _low_passed(signals, 2 ** (step / _STEPS_PER_OCTAVE), some)
        interpolate(source, some, out, where[which], change, n_before)


def interpolate(
    signals: NDArray,
    reading: Reading,
    out: NDArray,
    where: NDArray[np.intp],
    change: Change | None = None,
    n_before: int = 0,
) -> None:
    """Interpolate windows between the rows of signals, as `read` does at spacings up to 1.

    `n_before` rows before the first of `signals` are counted in `reading`.
    """
    n_block = max(1, _BLOCK_BYTES // max(1, out[:1].nbytes))
    for block in blocks_of(slice(0, len(reading)), n_block):
        samples = _cubic(signals, reading, block, n_before)
        if change is not None:
            change(samples, where[block])
        out[where[block]] = samples


def _cubic(signals: NDArray, reading: Reading, block: slice, n_before: int) -> NDArray:
    """Return some windows, between the rows of `signals`; `n_before` rows before these are counted too."""
    positions = reading.positions(block)
    rows = np.floor(positions)
    t = (positions - rows).astype(signals.dtype)[..., None]
    rows -= n_before
    rows = rows.astype(np.intp)
    low, high = reading.first[block, None] - n_before, reading.last[block, None] - n_before
    low, high = np.maximum(low, 0), np.minimum(high, len(signals) - 1)

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


def _low_passed(signals: NDArray, spacing: float, reading: Reading) -> tuple[NDArray, int]:
    """Return signals without the frequencies that samples at this spacing cannot represent.

    Returns
    -------
    filtered : ndarray of shape (n_filtered, n_features)
        From the first row that is read to the last. Between them, rows that are not read are undefined.
    n_before : int
        The rows of `signals` before the first.
    """
    half = int(np.ceil(_HALF_TAPS * spacing))
    taps = firwin(2 * half + 1, 1 / spacing).astype(signals.dtype)
    runs = list(_runs_read(reading))
    n_before = runs[0][0].start
    out = np.empty((runs[-1][0].stop - n_before, signals.shape[1]), dtype=signals.dtype)
    for run, limits in runs:
        # Rows of the stretch beside the run count. Beyond the stretch it is mirrored.
        start, stop = run.start - half, run.stop + half
        inside = signals[max(limits.start, start) : min(limits.stop, stop)]
        beyond = (max(limits.start - start, 0), max(stop - limits.stop, 0))
        for channel, samples in enumerate(inside.T):
            if any(beyond):
                samples = np.pad(samples, beyond, mode="reflect")
            filtered = np.convolve(samples, taps, mode="valid")
            out[run.start - n_before : run.stop - n_before, channel] = filtered
    return out, n_before


def _runs_read(reading: Reading) -> Iterator[tuple[slice, slice]]:
    """Yield the runs of rows that windows are interpolated between, and the stretch of each run.

    Runs that are near each other are yielded as one.
    """
    reach = (reading.size - 1) / 2 * reading.spacing
    begin = np.maximum(np.floor(reading.center - reach).astype(np.intp) - 1, reading.first)
    end = np.minimum(np.floor(reading.center + reach).astype(np.intp) + 2, reading.last) + 1
    order = np.argsort(begin)
    begin, end = begin[order], np.maximum.accumulate(end[order])
    is_apart = (begin[1:] > end[:-1] + _NEAR) | (np.diff(reading.first[order]) > 0)
    heads = np.flatnonzero(np.concatenate([[True], is_apart]))
    tails = np.append(heads[1:], len(begin)) - 1
    for head, tail in zip(heads, tails, strict=True):
        limits = slice(reading.first[order[head]], reading.last[order[head]] + 1)
        yield slice(begin[head], end[tail]), limits
