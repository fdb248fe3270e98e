"""Synthetic windows without a model and without a network."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from skaug.keyed_random import combine, text_key, uniform
from skaug.slicing import in_halves
from skaug.synthesis.base import Synthesizer
from skaug.windows import Windows

# Rows that are worked on at once: few enough for windows and spectra to stay in the cache.
_BLOCK_ROWS = 1 << 16


class SurrogateSynthesizer(Synthesizer):
    r"""Phase-randomised surrogates of the windows they are conditioned on.

    Each surrogate keeps the amplitude spectrum and the mean of every channel of its window, and the
    cross-spectra between channels, exactly up to rounding; the phases are drawn anew. It is a draw from
    the stationary Gaussian process with that spectrum.

    **When it keeps the label.** A label that lives in the second-order statistics of the window is
    kept: a heart or breathing rate (the spectral peak), power in a band, variance, mean. A label that
    lives in the shape or timing of events is not: arrhythmia classes, pulse transit times relative to
    one beat, anything read off a waveform, or a trend within the window. For those, surrogates carry
    wrong labels.

    Parameters
    ----------
    random_state : int, default=0
        Together with the origin of a window and the number of its draw, this decides on the phases:
        the same window gives the same surrogates in every fold, batch and process.

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

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def synthesize(self, conditions: Windows) -> Windows:
        """Make a surrogate of each condition.

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
            If a window holds NaN or infinity (the error names it), or fewer than 3 samples, which
            leave no phase to draw; if `random_state` is no whole number.
        """
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"random_state={self.random_state!r} must be a whole number: surrogates are the same "
                "in every fold and process because they depend on nothing else."
            )
        if conditions.window_size < 3:
            raise ValueError(
                f"Windows of {conditions.window_size} samples have no phase to draw: a surrogate would "
                "be a copy. Use windows of 3 samples or more."
            )
        keys = self._keys(conditions)
        surrogates = np.empty(conditions.shape, dtype=conditions.dtype)

        def work(half: slice) -> None:
            windows, its_keys, its_surrogates = conditions[half], keys[half], surrogates[half]
            for which, block in windows.blocks(_BLOCK_ROWS):
                values = block.to_numpy()
                _check_finite(values, block)
                its_surrogates[which] = _randomise_phases(values, its_keys[which])

        in_halves(work, len(conditions), surrogates.nbytes)
        return conditions.synthesized(surrogates)

    def _keys(self, conditions: Windows) -> NDArray[np.uint64]:
        labels = conditions.labels
        subjects = [None] if labels.subjects is None else labels.subjects
        of_subject = [text_key("surrogate", self.random_state, subject) for subject in subjects]
        keys = np.array(of_subject, dtype=np.uint64)[labels.codes]
        return combine(combine(keys, labels.first_row), labels.draw)


def _randomise_phases(values: NDArray, keys: NDArray[np.uint64]) -> NDArray:
    size = values.shape[1]
    spectrum = scipy.fft.rfft(values, axis=1, overwrite_x=True)
    last = (size - 1) // 2  # the highest frequency below Nyquist
    rotations = _unit_numbers(uniform(keys, last))
    for channel in range(values.shape[2]):
        spectrum[:, 1 : last + 1, channel] *= rotations
    return scipy.fft.irfft(spectrum, n=size, axis=1, overwrite_x=True)


def _unit_numbers(turns: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Give exp(2 pi i turns), of modulus 1 up to rounding."""
    # From the tangent of half the angle, which takes a fifth of the time of a complex exponential.
    tangent = np.tan(np.pi * turns)
    square = tangent * tangent
    numbers = np.empty(turns.shape, dtype=np.complex128)
    np.divide(1 - square, 1 + square, out=numbers.real)
    np.divide(2 * tangent, 1 + square, out=numbers.imag)
    return numbers


def _check_finite(values: NDArray, windows: Windows) -> None:
    bad = ~np.isfinite(values)
    if bad.any():
        window, sample, channel = np.argwhere(bad)[0]
        origin = windows.origins.iloc[window]
        whose = "" if origin.subject is None else f" of subject {origin.subject!r}"
        value = values[window, sample, channel]
        remedy = (
            "cut the windows with missing='drop' or 'ffill'"
            if np.isnan(value)
            else "replace what is infinite by NaN, and cut the windows with missing='drop' or 'ffill'"
        )
        raise ValueError(
            f"The window{whose} that begins at row {origin.first_row} of its recording holds {value} in "
            f"{windows.feature_names[channel]!r}, of which no spectrum can be taken: {remedy}."
        )
