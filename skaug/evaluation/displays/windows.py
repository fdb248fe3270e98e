"""Synthetic windows drawn over the real ones that they are made from, and the spectra of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skaug._checks import require_random_state, require_whole_number
from skaug.evaluation.displays.drawn_text import drawn_text
from skaug.evaluation.displays.pyplot import import_pyplot
from skaug.evaluation.window_sets import require_real, require_synthetic
from skaug.features import WindowSpectrum
from skaug.windows.base import plain
from skaug.windows.container import Windows, as_windows, require_alike

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Distinct for color-blind readers, with a contrast of at least 3 to white and to black paper.
_REAL, _SYNTHETIC = "#2b83ba", "#d55e00"

# The spectra of larger sets are those of this many windows.
_MOST_WINDOWS = 2000

_BAND = (10, 90)


class SyntheticWindowsDisplay:
    """Synthetic windows drawn over the real windows that they are conditioned on, and mean spectra.

    There is one row per channel: some windows, then the mean log power spectra of all real and all
    synthetic windows, with a band that contains 80 % of the windows at each frequency. Use
    `from_windows` to make one.

    Parameters
    ----------
    real, synthetic : ndarray of shape (n_windows, window_size, n_channels)
        The windows to draw, in pairs.
    titles : sequence of str
        One title per pair.
    frequencies : ndarray of shape (n_frequencies,)
        The frequencies of the spectra.
    real_power, synthetic_power : ndarray of shape (n_all_windows, n_channels, n_frequencies)
        The power of all windows in dB.
    feature_names : sequence of str
        The channels.
    sampling_rate : float, default=1.0
        The sampling rate in Hz. At 1, time is shown in samples.

    Attributes
    ----------
    figure_ : Figure
        The figure that was drawn on.
    axes_ : ndarray of Axes of shape (n_channels, n_windows + 1)
        The axes that were drawn on.

    See Also
    --------
    synthetic_quality : Measures of how synthetic windows differ from real ones.

    Examples
    --------
    >>> from skaug import SubjectWindower, SynthefyAugmenter
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import SyntheticWindowsDisplay
    >>> windower = SubjectWindower(256, features=["BVP", "ECG"], target="heart_rate")
    >>> windows = windower.fit_transform(simulate_ppg(n_subjects=2, minutes=1))
    >>> synthetic = SynthefyAugmenter().fit(windows).synthetic_windows_
    >>> display = SyntheticWindowsDisplay.from_windows(windows, synthetic, sampling_rate=64)
    >>> display.axes_.shape, display.axes_[0, 0].get_ylabel()
    ((2, 3), 'BVP (as recorded)')
    """

    def __init__(
        self,
        real: NDArray,
        synthetic: NDArray,
        titles: Sequence[str],
        frequencies: NDArray,
        real_power: NDArray,
        synthetic_power: NDArray,
        feature_names: Sequence[str],
        sampling_rate: float = 1.0,
    ) -> None:
        self.real = real
        self.synthetic = synthetic
        self.titles = list(titles)
        self.frequencies = frequencies
        self.real_power = real_power
        self.synthetic_power = synthetic_power
        self.feature_names = list(feature_names)
        self.sampling_rate = sampling_rate

    @classmethod
    def from_windows(
        cls,
        real: Windows | ArrayLike,
        synthetic: Windows | ArrayLike,
        *,
        sampling_rate: float = 1.0,
        n_windows: int = 2,
        features: Sequence[str] | None = None,
        axes: Any = None,
        random_state: int = 0,
    ) -> Self:
        """Draw some synthetic windows, each over the real window with the same origin.

        Parameters
        ----------
        real : Windows or array-like of shape (n_real, window_size, n_channels)
            The real windows that the augmenter was fitted on.
        synthetic : Windows or array-like of shape (n_synthetic, window_size, n_channels)
            Synthetic windows, such as ``augmenter.synthetic_windows_``. Windows of an array have no
            origin: they are drawn over real windows chosen at random.
        sampling_rate : float, default=1.0
            The sampling rate in Hz.
        n_windows : int, default=2
            The number of pairs, of different subjects if there are enough.
        features : sequence of str, optional
            The channels to draw; all by default.
        axes : array of matplotlib Axes of shape (n_channels, n_windows + 1), optional
            The axes to draw on; a new figure by default.
        random_state : int, default=0
            The seed for the choice of windows.

        Returns
        -------
        SyntheticWindowsDisplay

        Raises
        ------
        ValueError
            If there are no windows; if they differ in length or channels; if some of `real` are
            synthetic or some of `synthetic` recorded; if no synthetic window has its origin in `real`;
            or if a parameter is invalid.
        ImportError
            If matplotlib is not installed.
        """
        real, synthetic = as_windows(real), as_windows(synthetic)
        n_windows = require_whole_number("n_windows", n_windows, 1)
        random_state = require_random_state(random_state)
        _require_pairs(real, synthetic)
        rng = np.random.default_rng(random_state)
        names = real.feature_names
        if features is None:
            features = names
        unknown = [name for name in features if name not in names]
        if unknown or isinstance(features, str) or not len(features):
            raise ValueError(
                f"features={features!r} must be a list of channels: {', '.join(map(repr, names))}."
            )
        channels = [names.index(name) for name in features]
        pairs = _pairs(real, synthetic, rng)[:n_windows]
        spectrum = WindowSpectrum(sampling_rate=sampling_rate).fit(real)
        first, second = (
            _power(spectrum, windows, rng)[:, channels] for windows in (real, synthetic)
        )
        return cls(
            real[pairs[:, 0]].to_numpy()[:, :, channels],
            synthetic[pairs[:, 1]].to_numpy()[:, :, channels],
            [_title(real, synthetic, *pair) for pair in pairs.tolist()],
            np.arange(1, first.shape[2] + 1) * (sampling_rate / real.window_size),
            first,
            second,
            features,
            sampling_rate,
        ).plot(axes=axes)

    def plot(self, axes: Any = None) -> Self:
        """Draw the windows and spectra.

        Parameters
        ----------
        axes : array of matplotlib Axes of shape (n_channels, n_windows + 1), optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `axes` has another shape.
        ImportError
            If matplotlib is not installed.
        """
        shape = len(self.feature_names), len(self.titles) + 1
        if axes is None:
            pyplot = import_pyplot("SyntheticWindowsDisplay")
            _, axes = pyplot.subplots(
                *shape,
                figsize=(2.8 * shape[1], 0.6 + 1.9 * shape[0]),
                sharex="col",
                squeeze=False,
                layout="constrained",
            )
        axes = np.asarray(axes)
        if axes.shape != shape:
            raise ValueError(
                f"axes must have the shape {shape}: one row per channel, one column per window and one for "
                f"the spectra; got {axes.shape}."
            )
        self.axes_ = axes
        self.figure_ = axes[0, 0].figure
        in_samples = self.sampling_rate == 1
        for channel, name in enumerate(self.feature_names):
            for nth, title in enumerate(self.titles):
                ax = axes[channel, nth]
                self._draw_windows(ax, nth, channel)
                if channel == 0:
                    lines = [drawn_text(line) for line in title.split("\n")]
                    ax.set_title("\n".join(lines), fontsize="medium")
            axes[channel, 0].set_ylabel(f"{drawn_text(name)} (as recorded)")
            self._draw_spectra(axes[channel, -1], channel)
            axes[channel, -1].set_ylabel(f"{drawn_text(name)}, power (dB)")
        axes[0, -1].set_title("All windows: mean and 80 %", fontsize="medium")
        for ax in axes[-1, :-1]:
            ax.set_xlabel("Time (samples)" if in_samples else "Time (s)")
        axes[-1, -1].set_xlabel("Frequency (cycles per sample)" if in_samples else "Frequency (Hz)")
        axes[0, -1].legend(frameon=False, fontsize="small")
        for ax in axes.ravel():
            ax.spines[["top", "right"]].set_visible(False)
        return self

    def _draw_windows(self, ax: Axes, nth: int, channel: int) -> None:
        time = np.arange(self.real.shape[1]) / self.sampling_rate
        ax.plot(time, self.real[nth, :, channel], color=_REAL, linewidth=2.0)
        ax.plot(time, self.synthetic[nth, :, channel], color=_SYNTHETIC, linewidth=1.0)

    def _draw_spectra(self, ax: Axes, channel: int) -> None:
        for label, power, color, style in (
            ("real", self.real_power, _REAL, "-"),
            ("synthetic", self.synthetic_power, _SYNTHETIC, "--"),
        ):
            of_channel = power[:, channel]
            low, high = np.percentile(of_channel, _BAND, axis=0)
            ax.fill_between(self.frequencies, low, high, color=color, alpha=0.2, linewidth=0)
            mean = of_channel.mean(axis=0)
            ax.plot(self.frequencies, mean, style, color=color, linewidth=1.5, label=label)
        ax.set_xscale("log")


def _require_pairs(real: Windows, synthetic: Windows) -> None:
    for name, windows in (("real", real), ("synthetic", synthetic)):
        if len(windows) == 0:
            raise ValueError(f"{name} has no windows to draw.")
    require_alike(
        synthetic, real.window_size, real.feature_names, "the display of the real windows"
    )
    require_real("real", real)
    require_synthetic("synthetic", synthetic)


def _pairs(real: Windows, synthetic: Windows, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the positions of a real and a synthetic window of each common origin, in random order."""
    if not synthetic.provenance.holds_synthetic:
        n = min(len(real), len(synthetic))
        return np.stack([rng.permutation(len(part))[:n] for part in (real, synthetic)], axis=1)
    origins = [
        part.origins[["subject", "first_row"]].assign(position=np.arange(len(part)))
        for part in (real, synthetic)
    ]
    of_real = origins[0].drop_duplicates(["subject", "first_row"])
    pairs = origins[1].merge(of_real, on=["subject", "first_row"], suffixes=("_synthetic", "_real"))
    if len(pairs) == 0:
        raise ValueError(
            "No synthetic window has its origin in real: pass the windows that the augmenter was fitted "
            "on."
        )
    pairs = pairs.iloc[rng.permutation(len(pairs))]
    # One window of each subject comes before a second one of any.
    nth_of_subject = pairs.groupby("subject", sort=False, dropna=False).cumcount()
    pairs = pairs.iloc[nth_of_subject.argsort(kind="stable")]
    return pairs[["position_real", "position_synthetic"]].to_numpy(dtype=np.intp)


def _power(spectrum: WindowSpectrum, windows: Windows, rng: np.random.Generator) -> NDArray:
    """Return the power in dB, of shape (n_windows, n_channels, n_frequencies)."""
    if len(windows) > _MOST_WINDOWS:
        windows = windows[np.sort(rng.permutation(len(windows))[:_MOST_WINDOWS])]
    logs = np.asarray(plain(spectrum.transform(windows)))
    return (10 / np.log(10) * logs).reshape(len(windows), windows.shape[2], -1)


def _title(real: Windows, synthetic: Windows, nth_real: int, nth_synthetic: int) -> str:
    if not synthetic.provenance.holds_synthetic:
        return "unrelated windows"
    origin = real.origins.iloc[nth_real]
    title = f"row {origin.first_row}"
    if not pd.isna(origin.subject):
        title = f"{origin.subject}, {title}"
    if real.y is None or synthetic.y is None or real.y.ndim > 1:
        return title
    labels = [_label(real.y[nth_real]), _label(synthetic.y[nth_synthetic])]
    same = labels[0] == labels[1]
    return f"{title}\nlabel {labels[0] if same else f'{labels[0]}, synthetic {labels[1]}'}"


def _label(label: Any) -> str:
    return f"{label:.4g}" if isinstance(label, float | np.floating) else str(label)
