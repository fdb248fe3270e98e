"""Transforms that remove a part of the window: a stretch of time, a band of frequencies."""

from __future__ import annotations

from typing import Self

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from skaug._random import uniform
from skaug.synthesis.transforms.base import Transform, by_channel, require_positive
from skaug.windows.container import Windows


class Mask(Transform):
    """Replace a random stretch of the window, in all channels, by the mean of the channel in the window.

    **When it keeps the label.** Rates and classes are kept if the rest of the window still shows them: keep
    `fraction` small if windows span few cycles. Levels are not kept, because power is lost, nor is anything
    that is read off the waveform or happens within the stretch.

    Parameters
    ----------
    fraction : float, default=0.1
        The length of the stretch as a fraction of the window, above 0 and at most 1: one sample at least.

    See Also
    --------
    FrequencyMask : Removes a band of frequencies.

    Notes
    -----
    Time masking of Park et al., "SpecAugment: a simple data augmentation method for automatic speech
    recognition", Interspeech 2019, on samples.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Mask, TransformSynthesizer
    >>> windows = Windows.from_arrays(np.arange(10.0)[None, :, None])
    >>> masked = TransformSynthesizer([Mask(fraction=0.3)]).fit(windows).synthesize(windows)
    >>> int((masked.to_numpy() == 4.5).sum())
    3
    """

    keeps = frozenset({"rate", "class"})

    def __init__(self, fraction: float = 0.1) -> None:
        self.fraction = fraction

    def fit(self, windows: Windows) -> Self:
        """Check `fraction`."""
        require_positive(self, "fraction", 1)
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Replace a stretch of each window."""
        samples = by_channel(values)
        first, stop = _places(keys, samples.shape[2], self.fraction)
        at = np.arange(samples.shape[2])
        is_masked = (at >= first[:, None]) & (at < stop[:, None])
        means = samples.mean(axis=2, keepdims=True)
        np.copyto(samples, means, where=is_masked[:, None, :])
        return samples.transpose(0, 2, 1)


class FrequencyMask(Transform):
    """Remove a random band of frequencies from all channels.

    The mean of the window is never removed.

    **When it keeps the label.** Classes are kept if the rest of the spectrum still shows them. A class that
    shows in one or two bands as narrow as the mask is lost in some windows. A rate is not kept: the band may
    be that of the rate. Neither are levels, because power is lost, nor is what is read off the waveform.

    Only rounding errors remain in the band, and their logarithm is an extreme value. If the features are log
    spectra, add a `Jitter` after it, with a `sigma` like the noise of the sensor, to fill the band.

    Parameters
    ----------
    width : float, default=0.1
        The width of the band as a fraction of all frequencies up to Nyquist, half the sampling rate; above 0
        and at most 1, at least one frequency of the discrete Fourier transform. At 64 Hz, 0.1 is 3.2 Hz.

    See Also
    --------
    Mask : Removes a stretch of time.

    Notes
    -----
    Frequency masking of Park et al., "SpecAugment: a simple data augmentation method for automatic speech
    recognition", Interspeech 2019, on the discrete Fourier transform of the window in place of a spectrogram.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import FrequencyMask, TransformSynthesizer
    >>> windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(1, 200, 1)))
    >>> masked = TransformSynthesizer([FrequencyMask(width=0.1)]).fit(windows).synthesize(windows)
    >>> int((np.abs(np.fft.rfft(masked.to_numpy(), axis=1)) < 1e-9).sum())
    10
    """

    keeps = frozenset({"class"})

    def __init__(self, width: float = 0.1) -> None:
        self.width = width

    def fit(self, windows: Windows) -> Self:
        """Check `width`."""
        require_positive(self, "width", 1)
        if windows.window_size < 2:
            raise ValueError(
                "Windows of 1 sample have no frequencies that FrequencyMask could remove: use longer windows."
            )
        return self

    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Remove a band from each window."""
        samples = by_channel(values)
        size = samples.shape[2]
        spectra = scipy.fft.rfft(samples, axis=2)
        first, stop = _places(keys, size // 2, self.width)
        at = np.arange(size // 2)
        is_kept = (at < first[:, None]) | (at >= stop[:, None])
        spectra[:, :, 1:] *= is_kept[:, None, :]
        return scipy.fft.irfft(spectra, n=size, axis=2, overwrite_x=True).transpose(0, 2, 1)


def _places(
    keys: NDArray[np.uint64], size: int, fraction: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Choose a stretch of `size` samples for each key: the first sample, and the one after the last."""
    length = max(1, round(fraction * size))
    first = (uniform(keys, 1)[:, 0] * (size - length + 1)).astype(np.intp)
    return first, first + length
