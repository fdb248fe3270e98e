"""Windows with the level and the scale of each channel removed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skaug._checks import require_choice
from skaug.features import ShapedStep
from skaug.features.flatness import is_flat
from skaug.windows.container import Windows

_CENTERS = ("mean", "median", None)
_SCALES = ("std", "iqr", None)


class WindowNormalizer(ShapedStep):
    """Center and scale each channel of each window by itself.

    Offset and gain often differ between subjects and sensors for reasons that have nothing to do with the
    label. Do not use it for a label that depends on the level or the power of a channel: it removes both.
    Nothing is learned from other windows, so nothing leaks from training to test windows.

    Parameters
    ----------
    center : {"mean", "median"} or None, default="mean"
        What to subtract; None subtracts nothing.
    scale : {"std", "iqr"} or None, default="std"
        What to divide by: the standard deviation (which divides by ``window_size``), or the distance
        between the quartiles, which single large artifacts hardly change. None divides by nothing.

    See Also
    --------
    sklearn.preprocessing.StandardScaler : Centers and scales features over all windows.

    Notes
    -----
    Where the scale of a channel is zero, it is not divided: a flat channel becomes exactly 0, or stays as it
    is if `center` is None. The distance between the quartiles is zero as soon as half of the samples are
    equal. A channel with a missing sample becomes missing as a whole: fill holes beforehand,
    ``SubjectWindower(missing="ffill")``.

    The windows that it returns no longer lie in a recording. Put it after `SynthefyAugmenter`: before it,
    synthesizers that read the recording beside a window (`RateSynthesizer`, `TimeShift`) find none, and warn,
    and all of them see windows without their units.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowNormalizer, Windows
    >>> windows = Windows.from_arrays(np.array([[1.0, 3, 1, 3], [5, 5, 5, 5]])[:, :, None])
    >>> WindowNormalizer().fit_transform(windows).to_numpy()[:, :, 0]
    array([[-1.,  1., -1.,  1.],
           [ 0.,  0.,  0.,  0.]])

    In a pipeline:

    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SynthefyAugmenter, WindowFlattener, make_pipeline
    >>> make_pipeline(SynthefyAugmenter(), WindowNormalizer(), WindowFlattener(), Ridge())[1]
    WindowNormalizer()
    """

    def __init__(self, center: str | None = "mean", scale: str | None = "std") -> None:
        self.center = center
        self.scale = scale

    def _check_parameters(self, window_size: int) -> None:
        require_choice("center", self.center, _CENTERS)
        require_choice("scale", self.scale, _SCALES)

    def transform(self, X: Windows | ArrayLike) -> Windows | NDArray:
        """Center and scale windows.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_channels)
            Windows of the length and the channels seen in `fit`.

        Returns
        -------
        Windows or ndarray of shape (n_windows, window_size, n_channels)
            An array for an array.

        Raises
        ------
        ValueError
            If the windows have another shape, or other channels.
        """
        values = self._alike(X).map_blocks(self._of_block)
        return X.with_samples(values) if isinstance(X, Windows) else values

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the channels.

        Parameters
        ----------
        input_features : array-like of str of shape (n_channels,), optional
            The channels; by default those seen in `fit`.

        Returns
        -------
        ndarray of str of shape (n_channels,)

        Raises
        ------
        ValueError
            If `input_features` has the wrong length.
        """
        return np.asarray(self._named_channels(input_features), dtype=object)

    def _of_block(self, values: NDArray) -> NDArray:
        flat = is_flat(values)
        level, scale = self._level_and_scale(values)
        if level is not None:
            values -= level
            np.copyto(values, 0, where=flat)  # the mean of equal samples is rounded
        if scale is not None:
            values /= np.where(flat | (scale == 0), 1, scale)
        return values

    def _level_and_scale(self, values: NDArray) -> tuple[NDArray | None, NDArray | None]:
        level = scale = None
        if self.center == "mean":
            level = values.mean(axis=1, keepdims=True)
        if self.scale == "std":
            scale = values.std(axis=1, keepdims=True)
        if self.center == "median" or self.scale == "iqr":
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], axis=1, keepdims=True)
            level = middle if self.center == "median" else level
            scale = high - low if self.scale == "iqr" else scale
        return level, scale
