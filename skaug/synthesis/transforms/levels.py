"""Transforms of the values of samples: noise, gains, offsets, rotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from skaug._random import noise, normal, uniform
from skaug.synthesis.transforms.base import Transform, by_channel, require_count, require_positive
from skaug.synthesis.transforms.curves import curves
from skaug.windows.container import Windows


class Jitter(Transform):
    """Add white noise to every channel.

    **When it keeps the label.** Rates, classes and the timing of events are kept as long as the noise is
    small compared with the component that shows them. A power or a variance is not kept: noise raises the
    variance of a channel by the factor ``1 + sigma ** 2``.

    Parameters
    ----------
    sigma : float, default=0.05
        Standard deviation of the noise, in units of the channel's standard deviation within windows.

    Attributes
    ----------
    deviations_ : ndarray of shape (n_features,)
        The standard deviation of each channel within a window, as the root mean square over the training
        windows.

    See Also
    --------
    Drift : Slow noise.

    Notes
    -----
    Jittering of Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring
    using convolutional neural networks", ICMI 2017. The noise has single precision.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Jitter, TransformSynthesizer
    >>> windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(50, 200, 1)))
    >>> noisy = TransformSynthesizer([Jitter(sigma=0.5)]).fit(windows).synthesize(windows)
    >>> print(f"{np.std(noisy.to_numpy() - windows.to_numpy()):.1f}")
    0.5
    """

    keeps = frozenset({"rate", "class", "shape", "time"})

    def __init__(self, sigma: float = 0.05) -> None:
        self.sigma = sigma

    def fit(self, windows: Windows) -> Self:
        """Check `sigma`, and learn the standard deviation of each channel."""
        require_positive(self, "sigma")
        self.deviations_ = _deviations(windows)
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Add noise."""
        samples = by_channel(values)
        of_channel = (self.sigma * self.deviations_).astype(samples.dtype)
        drawn = noise(keys, samples[0].size).reshape(samples.shape)
        samples += drawn * of_channel[:, None]
        return samples.transpose(0, 2, 1)


class Scale(Transform):
    """Multiply each channel by a random gain, about its mean in the window.

    **When it keeps the label.** Rates, classes and the timing of events are kept. Levels are not: power and
    variance are multiplied by the square of the gain. Ratios between channels are not kept either, nor
    classes that differ in strength only, such as walking and running if `sigma` is large.

    Parameters
    ----------
    sigma : float, default=0.1
        Standard deviation of the logarithm of the gain: at 0.1, two thirds of the gains are within 10 % of 1.

    See Also
    --------
    MagnitudeWarp : A gain that changes within the window.

    Notes
    -----
    Scaling of Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using
    convolutional neural networks", ICMI 2017, with two differences. The gain is log-normal, so that it is
    never negative, and it acts about the mean of the window: otherwise the offset of a channel such as
    temperature would change by more than its signal.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Scale, TransformSynthesizer
    >>> windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(5, 100, 2)))
    >>> scaled = TransformSynthesizer([Scale(sigma=0.2)]).fit(windows).synthesize(windows)
    >>> gains = scaled.to_numpy().std(axis=1) / windows.to_numpy().std(axis=1)
    >>> gains.shape, bool((gains > 0.5).all() and (gains < 2).all())
    ((5, 2), True)
    """

    keeps = frozenset({"rate", "class", "shape", "time"})

    def __init__(self, sigma: float = 0.1) -> None:
        self.sigma = sigma

    def fit(self, windows: Windows) -> Self:
        """Check `sigma`."""
        require_positive(self, "sigma")
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Multiply by gains."""
        samples = by_channel(values)
        gains = np.exp(self.sigma * normal(keys, samples.shape[1])).astype(samples.dtype)
        return _multiplied(samples, gains[:, :, None]).transpose(0, 2, 1)


class Drift(Transform):
    """Add a slow random curve to every channel: baseline wander.

    **When it keeps the label.** Rates, classes and the timing of events are kept if the component that shows
    them is faster than the drift, which has about ``n_points / 2`` cycles per window. Levels are not kept,
    because the mean and the variance of the window change, nor is anything read off the raw waveform.

    Parameters
    ----------
    max_drift : float, default=0.5
        The largest excursion of the curve, in units of the channel's standard deviation within windows. For
        each window and channel, the excursion is drawn uniformly between 0 and this.
    n_points : int, default=4
        Number of random points, evenly spaced over the window, that a natural cubic spline connects; 2 or
        more. More points make a faster drift.

    Attributes
    ----------
    deviations_ : ndarray of shape (n_features,)
        The standard deviation of each channel within a window, as the root mean square over the training
        windows.

    See Also
    --------
    Jitter : Fast noise.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Drift, TransformSynthesizer
    >>> windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(5, 100, 2)))
    >>> drifting = TransformSynthesizer([Drift(max_drift=2)]).fit(windows).synthesize(windows)
    >>> drift = drifting.to_numpy() - windows.to_numpy()
    >>> bool(np.abs(drift).max() < 2.1), bool(np.abs(np.diff(drift, axis=1)).max() < 0.2)
    (True, True)
    """

    keeps = frozenset({"rate", "class", "time"})

    def __init__(self, max_drift: float = 0.5, n_points: int = 4) -> None:
        self.max_drift = max_drift
        self.n_points = n_points

    def fit(self, windows: Windows) -> Self:
        """Check the parameters, and learn the standard deviation of each channel."""
        require_positive(self, "max_drift")
        require_count(self, "n_points", 2, windows.window_size)
        self.deviations_ = _deviations(windows)
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Add curves."""
        samples = by_channel(values)
        n, n_features, size = samples.shape
        drawn = uniform(keys, n_features * (1 + self.n_points)).reshape(n, n_features, -1)
        drift = curves(2 * drawn[:, :, 1:] - 1, size, samples.dtype)
        largest = np.maximum(drift.max(axis=2), -drift.min(axis=2))
        reach = self.max_drift * self.deviations_ * drawn[:, :, 0] / largest
        drift *= reach.astype(samples.dtype)[:, :, None]
        samples += drift
        return samples.transpose(0, 2, 1)


class MagnitudeWarp(Transform):
    """Multiply each channel by a gain that changes slowly within the window, about its mean.

    **When it keeps the label.** Rates, classes and the timing of events are kept if the component that shows
    them is faster than the gain. Levels are not kept, nor is anything read off the waveform: amplitudes
    change from beat to beat.

    Parameters
    ----------
    sigma : float, default=0.2
        Standard deviation of the logarithm of the gain at the knots.
    n_knots : int, default=4
        Number of knots, evenly spaced over the window, of the natural cubic spline that is the logarithm of
        the gain; 2 or more.

    See Also
    --------
    Scale : A gain that is constant within the window.

    Notes
    -----
    Magnitude warping of Um et al., "Data augmentation of wearable sensor data for Parkinson's disease
    monitoring using convolutional neural networks", ICMI 2017, with two differences: here the spline is the
    logarithm of the gain, which is never negative, and the gain acts about the mean of the window, as in
    `Scale`.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import MagnitudeWarp, TransformSynthesizer
    >>> square = np.tile([1.0, -1.0], 50)[None, :, None]
    >>> windows = Windows.from_arrays(square)
    >>> warped = TransformSynthesizer([MagnitudeWarp()]).fit(windows).synthesize(windows)
    >>> gains = (warped.to_numpy() / square).ravel()
    >>> bool((gains > 0).all() and (np.abs(np.diff(gains)) < 0.05).all())
    True
    """

    keeps = frozenset({"rate", "class", "time"})

    def __init__(self, sigma: float = 0.2, n_knots: int = 4) -> None:
        self.sigma = sigma
        self.n_knots = n_knots

    def fit(self, windows: Windows) -> Self:
        """Check the parameters."""
        require_positive(self, "sigma")
        require_count(self, "n_knots", 2, windows.window_size)
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Multiply by gains."""
        samples = by_channel(values)
        n, n_features, size = samples.shape
        knots = self.sigma * normal(keys, n_features * self.n_knots).reshape(n, n_features, -1)
        gains = curves(knots, size, samples.dtype)
        return _multiplied(samples, np.exp(gains, out=gains)).transpose(0, 2, 1)


class Rotate(Transform):
    """Turn the axes of a sensor, such as an accelerometer, by a random rotation in space.

    The window then looks as if the sensor had been worn in another orientation. Every orientation is equally
    likely.

    **When it keeps the label.** Anything that does not depend on the orientation is kept: the rate of a
    movement, the timing of events, an activity, and the magnitude of the vector, sample by sample. The level
    and the waveform of a single axis are not kept, nor are classes that are orientations themselves, such as
    lying and standing, which an accelerometer tells apart by the direction of gravity.

    Parameters
    ----------
    axes : sequence of three str, or list of such sequences, default=("ACC_x", "ACC_y", "ACC_z")
        The channels of the axes x, y and z of a sensor. Each of several sensors gets a rotation of its own.
        Other channels do not change.

    Attributes
    ----------
    channels_ : ndarray of int of shape (n_sensors, 3)
        The positions of these channels.

    Notes
    -----
    Rotation of Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring using
    convolutional neural networks", ICMI 2017. Rotations are uniform: Shoemake, "Uniform random rotations",
    Graphics Gems III, 1992.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Rotate, TransformSynthesizer
    >>> X = np.random.default_rng(0).normal(size=(5, 100, 3))
    >>> windows = Windows.from_arrays(X, feature_names=["ACC_x", "ACC_y", "ACC_z"])
    >>> rotated = TransformSynthesizer([Rotate()]).fit(windows).synthesize(windows)
    >>> magnitudes = [np.linalg.norm(Z, axis=2) for Z in (X, rotated.to_numpy())]
    >>> bool(np.allclose(*magnitudes))
    True
    """

    keeps = frozenset({"rate", "class", "time"})

    def __init__(
        self, axes: Sequence[str] | Sequence[Sequence[str]] = ("ACC_x", "ACC_y", "ACC_z")
    ) -> None:
        self.axes = axes

    def fit(self, windows: Windows) -> Self:
        """Look up the channels."""
        sensors = _sensors(self.axes)
        names = windows.feature_names
        channels = [name for sensor in sensors for name in sensor]
        for name in channels:
            if name not in names:
                raise ValueError(
                    f"axes={self.axes!r} of Rotate: the windows have no channel {name!r}, but "
                    f"{', '.join(map(repr, names))}. Name the three axes of the sensor."
                )
            if channels.count(name) > 1:
                raise ValueError(f"axes={self.axes!r} of Rotate names the channel {name!r} twice.")
        self.channels_ = np.array([[names.index(name) for name in sensor] for sensor in sensors])
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Rotate the axes of each sensor."""
        samples = by_channel(values)
        turns = uniform(keys, 3 * len(self.channels_)).reshape(len(keys), -1, 3)
        for nth, channels in enumerate(self.channels_):
            matrices = _rotations(turns[:, nth]).astype(samples.dtype)[..., None]
            before = [samples[:, channel].copy() for channel in channels]
            for row, channel in enumerate(channels):
                samples[:, channel] = sum(
                    matrices[:, row, column] * before[column] for column in range(3)
                )
        return samples.transpose(0, 2, 1)


def _sensors(axes: Sequence[str] | Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the channels of each sensor."""
    parts: list[Any] = list(axes) if isinstance(axes, list | tuple) else []
    sensors = [parts] if parts and all(isinstance(part, str) for part in parts) else parts
    are_triples = all(isinstance(sensor, list | tuple) and len(sensor) == 3 for sensor in sensors)
    if not sensors or not are_triples:
        raise ValueError(
            f"axes={axes!r} of Rotate must be three channels, or a list of such triples: "
            "('ACC_x', 'ACC_y', 'ACC_z')."
        )
    return [list(sensor) for sensor in sensors]


def _rotations(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return uniform rotation matrices, made of three uniform numbers each, of shape (n, 3, 3)."""
    outer, inner = np.sqrt(1 - numbers[:, 0]), np.sqrt(numbers[:, 0])
    first, second = 2 * np.pi * numbers[:, 1], 2 * np.pi * numbers[:, 2]
    x, y = outer * np.sin(first), outer * np.cos(first)
    z, w = inner * np.sin(second), inner * np.cos(second)
    entries = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(entries).transpose(2, 0, 1)


def _multiplied(samples: NDArray, gains: NDArray) -> NDArray:
    """Multiply the deviations from the mean of each window and channel, in place."""
    means = samples.mean(axis=2, keepdims=True)
    samples -= means
    samples *= gains
    samples += means
    return samples


def _deviations(windows: Windows) -> NDArray[np.float64]:
    """Return the root mean square over windows of each channel's standard deviation within a window.

    Windows that are not finite do not count: they cannot be conditions either.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        variances = windows.map_blocks(lambda values: values.var(axis=1, dtype=np.float64))
    is_finite = np.isfinite(variances)
    total = np.where(is_finite, variances, 0).sum(axis=0)
    return np.sqrt(total / np.maximum(1, is_finite.sum(axis=0)))
