"""Synthetic windows without a model and without a network."""

from __future__ import annotations

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from skaug._arrays import blocks_of, in_halves
from skaug._checks import require_random_state
from skaug._random import uniform
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import require_finite_samples
from skaug.synthesis.keys import condition_keys
from skaug.synthesis.phases import unit_numbers
from skaug.windows.container import Windows

# Bytes of windows in a block: few enough for the spectra to stay in the cache, and to lie in memory that
# was used before, which the system need not clear.
_BLOCK_BYTES = 1 << 19


class SurrogateSynthesizer(Synthesizer):
    r"""Phase-randomized surrogates of real windows.

    A surrogate keeps the amplitude spectrum and the mean of every channel of its condition, and the
    cross-spectra between channels, exactly up to rounding; its phases are random. It is a draw from the
    stationary Gaussian process with this spectrum.

    **When it keeps the label.** A label that depends on the second-order statistics of the window is
    kept: a heart or breathing rate (the spectral peak), power in a band, variance, mean. A label that
    depends on the shape or timing of events is not: arrhythmia classes, pulse transit times relative to
    one beat, anything read off a waveform, or a trend within the window. For such labels, surrogates
    are mislabeled.

    **How well it keeps a rate.** Only to the resolution of the window. What is kept is the spectrum without a
    taper, at multiples of 1 / the duration of the window (7.5 per minute in 8 s). A rhythm between two of
    these frequencies is held by both, and their random phases do not add up to it: its peak in a tapered
    spectrum, as `skaug.WindowSpectrum` computes it, scatters around the nearer frequency, or splits. Strong
    motion leaks into all frequencies in the same way. `skaug.evaluation.synthetic_quality` with
    `rate_channel` shows how well the rate is kept. Use `RateSynthesizer` for rates.

    Parameters
    ----------
    random_state : int, default=0
        Seed. The phases depend on it, on the origin of the condition and on its draw, and on nothing
        else: the same condition has the same surrogates in every fold, batch and process.

    See Also
    --------
    skaug.SynthefyAugmenter : The pipeline step that uses this synthesizer by default.
    RateSynthesizer : Changes the rate of recorded windows, and keeps their peaks sharp.

    Notes
    -----
    With :math:`X_c(f)` the discrete Fourier transform of channel :math:`c`, the surrogate is the inverse
    transform of :math:`X_c(f) e^{i \varphi(f)}`, with one set of phases
    :math:`\varphi(f) \sim U(0, 2\pi)` for all channels (Prichard and Theiler, "Generating surrogate data
    for time series with several simultaneously measured variables", Phys. Rev. Lett. 73, 951, 1994,
    eq. 2). Zero and Nyquist frequency keep their phase, so that the result is real.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import SurrogateSynthesizer
    >>> windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(3, 64, 2)))
    >>> surrogates = SurrogateSynthesizer().fit(windows).synthesize(windows)
    >>> def amplitudes(X):
    ...     return np.abs(np.fft.rfft(X, axis=1))
    >>> np.allclose(amplitudes(surrogates.to_numpy()), amplitudes(windows.to_numpy()))
    True
    """

    keeps = frozenset({"rate", "level"})

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def synthesize(self, conditions: Windows) -> Windows:
        """Make one surrogate per condition.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With the labels, subjects, context and origins of the conditions.

        Raises
        ------
        ValueError
            If a window holds NaN or infinity (the error names it), or has fewer than 3 samples and so no
            phase to randomize; if `random_state` is not a whole number, 0 or more.
        """
        require_random_state(
            self.random_state, "it makes surrogates the same in every fold and process"
        )
        if conditions.window_size < 3:
            raise ValueError(
                f"Windows of {conditions.window_size} samples have no phase to randomize: a surrogate would "
                "be a copy. Use windows of 3 samples or more."
            )
        keys = condition_keys(conditions, "surrogate", self.random_state)
        samples = conditions.to_numpy()
        n_block = max(1, _BLOCK_BYTES // max(1, samples[:1].nbytes))

        def work(half: slice) -> None:
            for block in blocks_of(half, n_block):
                require_finite_samples(samples[block], conditions, block.start)
                samples[block] = _randomize_phases(samples[block], keys[block])

        in_halves(work, len(conditions), samples.nbytes)
        return conditions.synthesized(samples)


def _randomize_phases(values: NDArray, keys: NDArray[np.uint64]) -> NDArray:
    size = values.shape[1]
    spectrum = scipy.fft.rfft(values, axis=1)
    last = (size - 1) // 2  # the highest frequency below Nyquist
    spectrum[:, 1 : last + 1] *= unit_numbers(uniform(keys, last))[:, :, None]
    return scipy.fft.irfft(spectrum, n=size, axis=1, overwrite_x=True)


def synthesizer_or_default(synthesizer: Synthesizer | None) -> Synthesizer:
    """Return the synthesizer; surrogates if it is None."""
    return SurrogateSynthesizer() if synthesizer is None else synthesizer
