"""Transforms of the time of samples: warped, shifted, permuted."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from skaug._checks import is_number, is_whole_number
from skaug._random import normal, uniform
from skaug._warnings import warn
from skaug.synthesis.conditions import alone_in_words
from skaug.synthesis.origins import TrainingOrigins
from skaug.synthesis.transforms.base import Transform, by_channel, require_count, require_positive
from skaug.synthesis.transforms.curves import curves
from skaug.windows.container import Windows


class TimeWarp(Transform):
    """Let time run faster and slower within the window, smoothly, in all channels alike.

    The first and the last sample stay where they are.

    **When it keeps the label.** Mean and variance are nearly kept (``keeps = {"level"}``). A class is kept
    only if it does not show in the speed or rhythm of the signal, as many activities and tremors do, so it is
    not declared. A rate is not kept exactly. The window contains as many cycles as before, so the mean rate
    is the same, but the rate varies within the window, by a factor of ``exp(sigma)`` at the knots, so that
    the peak of the spectrum widens and may move. The timing of events is not kept.

    Parameters
    ----------
    sigma : float, default=0.2
        Standard deviation of the logarithm of the speed at the knots.
    n_knots : int, default=4
        Number of knots, evenly spaced over the window, of the natural cubic spline that is the logarithm of
        the speed; 2 or more.

    See Also
    --------
    TimeShift : Moves the window in its recording.

    Notes
    -----
    Time warping of Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring
    using convolutional neural networks", ICMI 2017. Samples are interpolated by cubic convolution (Keys,
    "Cubic convolution interpolation for digital image processing", IEEE Trans. Acoust. 29, 1981), without a
    filter against aliasing where time runs faster.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import TimeWarp, TransformSynthesizer
    >>> ramp = np.arange(100.0)[None, :, None]
    >>> windows = Windows.from_arrays(ramp)
    >>> warped = TransformSynthesizer([TimeWarp()]).fit(windows).synthesize(windows).to_numpy()
    >>> bool((np.diff(warped, axis=1) > 0).all()), bool(np.allclose(warped[:, [0, -1]], ramp[:, [0, -1]]))
    (True, True)
    """

    keeps = frozenset({"level"})

    def __init__(self, sigma: float = 0.2, n_knots: int = 4) -> None:
        self.sigma = sigma
        self.n_knots = n_knots

    def fit(self, windows: Windows) -> Self:
        """Check the parameters."""
        require_positive(self, "sigma")
        require_count(self, "n_knots", 2, windows.window_size)
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Interpolate at the warped times."""
        knots = self.sigma * normal(keys, self.n_knots)[:, None, :]
        speed = np.exp(curves(knots, values.shape[1], values.dtype)[:, 0])
        times = np.zeros(speed.shape)
        np.cumsum(speed[:, 1:] + speed[:, :-1], axis=1, out=times[:, 1:])
        times *= (values.shape[1] - 1) / times[:, -1:]
        return _interpolated(by_channel(values), times).transpose(0, 2, 1)


class TimeShift(Transform):
    """Move the window in its recording by a random number of samples.

    The samples are read from the recording of the condition, as far as the training windows cover it
    (`Windows.recordings`), so that a shifted window is a real one between two training windows. Numeric
    labels follow: the label of the condition changes by as much as the mean of the label track differs
    between the rows that are read and the rows of the condition. The track is the target column if the
    labels are its means, otherwise the labels of the windows, interpolated between their centers. Labels
    that are, or may be, classes do not change: text, booleans, integers, and whole numbers that are not
    means.

    Windows that no training window overlaps or adjoins, such as those of arrays, have no rows beside them.
    They are shifted circularly: samples that leave at one end enter at the other, and the label does not
    change.

    **When it keeps the label.** Rates and levels follow the recording as described. Classes are kept
    if they last longer than the shift. A circular shift leaves a seam, which damages what is read off the
    waveform. The timing of events is not kept.

    It must be the first transform in a list, because it reads the recording, without the changes that earlier
    transforms made.

    Parameters
    ----------
    max_shift : int or float, default=0.25
        The largest shift in either direction: a whole number of samples, 1 or more, or a fraction of the
        window, above 0 and at most 1. Each shift that the recording allows is equally likely.

    Raises
    ------
    ValueError
        In ``fit``, if `max_shift` is invalid, or windows that can be shifted along the recording have several
        floating-point labels each, which would not follow.

    Warns
    -----
    DataWarning
        In ``fit``, if most training windows can only be shifted circularly.

    See Also
    --------
    skaug.Windows.recordings : The recordings that are read.

    Examples
    --------
    >>> from skaug import SubjectWindower
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.synthesis import TimeShift, TransformSynthesizer
    >>> table = simulate_ppg(n_subjects=2, minutes=1)
    >>> windows = SubjectWindower(512, features=["BVP"], target="heart_rate").fit_transform(table)
    >>> shifted = TransformSynthesizer([TimeShift(max_shift=64)]).fit(windows).synthesize(windows)
    >>> shifted
    Windows(14 of 512 x 1: BVP; 2 subjects, labeled, 14 synthetic)
    """

    keeps = frozenset({"class"})
    moves = frozenset({"rate", "level"})
    reads_recording = True
    follows_one_label = True

    def __init__(self, max_shift: int | float = 0.25) -> None:
        self.max_shift = max_shift

    def fit(self, windows: Windows) -> Self:
        """Check `max_shift` and the labels, and stitch the training windows to recordings."""
        size, shift = windows.window_size, self.max_shift
        is_count = is_whole_number(shift)
        if not is_number(shift) or not (shift >= 1 if is_count else 0 < shift <= 1):
            raise ValueError(
                f"max_shift={shift!r} of TimeShift must be a whole number of samples, 1 or more, or a "
                "fraction of the window, above 0 and at most 1."
            )
        self._reach = int(shift) if is_count else max(1, round(shift * size))
        stretches = windows.recordings()
        self._signals, self._starts = stretches.signals, stretches.starts
        first, last = stretches.limits()
        self._before, self._after = self._starts - first, last + 1 - size - self._starts
        y = windows.y
        is_alone = (self._before == 0) & (self._after == 0)
        if y is not None and y.ndim > 1 and y.dtype.kind == "f" and not is_alone.all():
            raise ValueError(
                f"These windows have {y.shape[1]} labels each, but TimeShift moves one along the "
                "recording: cut windows with one target, or leave out TimeShift."
            )
        self._labels = stretches.labels if _are_quantities(windows) else None
        self._known = TrainingOrigins(windows)
        n_alone = int(is_alone.sum())
        if 2 * n_alone > len(windows):
            warn(
                f"{alone_in_words(n_alone, len(windows))}: TimeShift shifts these circularly. Cut them from "
                "a table, with a stride up to the window size, and shift before other steps."
            )
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Read the shifted rows."""
        size = values.shape[1]
        which, shifts, is_circular = self._shifts(keys, conditions)
        samples = by_channel(values)
        if is_circular.any():
            at = (np.arange(size) + shifts[is_circular, None]) % size
            samples[is_circular] = _taken(samples[is_circular], at)
        if not is_circular.all():
            inside = ~is_circular
            rows = np.lib.stride_tricks.sliding_window_view(self._signals, size, axis=0)
            samples[inside] = rows[self._starts[which[inside]] + shifts[inside]]
        return samples.transpose(0, 2, 1)

    def labels(self, y: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Follow the label track."""
        if self._labels is None:
            return y
        which, shifts, is_circular = self._shifts(keys, conditions)
        moved = y.copy()
        inside = np.flatnonzero(~is_circular)
        here = self._starts[which[inside]][:, None] + np.arange(conditions.window_size)
        there = here + shifts[inside, None]
        change = self._labels[there].mean(axis=1) - self._labels[here].mean(axis=1)
        moved[inside] += change.astype(y.dtype)
        return moved

    def _shifts(
        self, keys: NDArray[np.uint64], conditions: Windows
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """Return the training window of each condition, its shift, and whether it is circular."""
        which = self._known.find(conditions)
        before = np.minimum(self._before[which], self._reach)
        after = np.minimum(self._after[which], self._reach)
        is_circular = (which < 0) | (before + after == 0)
        before[is_circular] = after[is_circular] = self._reach
        shifts = (uniform(keys, 1)[:, 0] * (before + after + 1)).astype(np.intp) - before
        return which, shifts, is_circular


class Permute(Transform):
    """Cut the window into segments and put them together in random order, in all channels alike.

    **When it keeps the label.** Levels are kept exactly: the samples are the same. Classes are kept if they
    do not depend on the order of events, and each segment is long enough to show them: several cycles of a
    rhythm. A rate is kept within each segment, but the seams break the rhythm and widen its peak in the
    spectrum, especially if a segment contains few cycles. The timing of events is not kept.

    Parameters
    ----------
    n_segments : int, default=4
        Number of segments, 2 or more; their lengths differ by one sample at most. One of the
        ``n_segments!`` orders is the original one, which makes a copy.

    Notes
    -----
    Permutation of Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring
    using convolutional neural networks", ICMI 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Permute, TransformSynthesizer
    >>> windows = Windows.from_arrays(np.arange(6.0)[None, :, None])
    >>> permuted = TransformSynthesizer([Permute(n_segments=3)]).fit(windows).synthesize(windows)
    >>> sorted(permuted.to_numpy().ravel().tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    keeps = frozenset({"level", "class"})

    def __init__(self, n_segments: int = 4) -> None:
        self.n_segments = n_segments

    def fit(self, windows: Windows) -> Self:
        """Check `n_segments`."""
        require_count(self, "n_segments", 2, windows.window_size)
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Permute the segments."""
        n, size = values.shape[:2]
        limits = np.arange(self.n_segments + 1) * size // self.n_segments
        order = np.argsort(uniform(keys, self.n_segments), axis=1, kind="stable")
        lengths = np.diff(limits)[order]
        ends = np.cumsum(lengths, axis=1)
        # Segments begin `moved` samples earlier than they did.
        moved = limits[order] - (ends - lengths)
        at = np.arange(size) + np.repeat(moved.ravel(), lengths.ravel()).reshape(n, size)
        return _taken(by_channel(values), at).transpose(0, 2, 1)


def _are_quantities(windows: Windows) -> bool:
    """Whether labels are numbers to compute with; whole ones may be classes, unless they are means."""
    y = windows.y
    if y is None or y.ndim > 1 or y.dtype.kind != "f":
        return False
    return windows.provenance.target_agg == "mean" or bool((y != np.rint(y)).any())


def _interpolated(samples: NDArray, times: NDArray[np.float64]) -> NDArray:
    """Interpolate by cubic convolution; before the first and after the last sample, these are repeated.

    Parameters
    ----------
    samples : ndarray of shape (n_windows, n_features, size)
    times : ndarray of shape (n_windows, size)
        In samples.

    Returns
    -------
    ndarray of shape (n_windows, n_features, size)
    """
    n, n_features, size = samples.shape
    padded = np.empty((n, n_features, size + 3), dtype=samples.dtype)
    padded[:, :, 1:-2] = samples
    padded[:, :, 0] = samples[:, :, 0]
    padded[:, :, -2:] = samples[:, :, -1:]
    left = np.minimum(times.astype(np.intp), size - 2)  # times are not negative
    firsts = (np.arange(n * n_features) * (size + 3)).reshape(n, n_features, 1)
    at = firsts + left[:, None]
    f = (times - left).astype(samples.dtype)
    weights = [
        ((2 - f) * f - 1) * f / 2,
        ((3 * f - 5) * f * f + 2) / 2,
        ((4 - 3 * f) * f + 1) * f / 2,
        (f - 1) * f * f / 2,
    ]
    flat = padded.ravel()
    total = np.zeros_like(samples)
    part = np.empty_like(samples)
    for step, weight in enumerate(weights):
        flat[step:].take(at, out=part, mode="clip")
        part *= weight[:, None]
        total += part
    return total


def _taken(samples: NDArray, at: NDArray[np.intp]) -> NDArray:
    """Return samples of shape (n_windows, n_features, size) in the order `at`, of shape (n_windows, size)."""
    n, n_features, size = samples.shape
    firsts = (np.arange(n * n_features) * size).reshape(n, n_features, 1)
    return samples.ravel().take(firsts + at[:, None], mode="clip")
