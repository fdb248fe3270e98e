"""Features of single channels in time: their samples, or statistics of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skaug.features.base import WindowFeatureExtractor
from skaug.windows.container import Windows


class WindowFlattener(WindowFeatureExtractor):
    """Use every sample of a window as a feature, in order of time.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowFlattener, Windows
    >>> windows = Windows.from_arrays(np.arange(8.0).reshape(2, 2, 2), feature_names=["BVP", "ECG"])
    >>> flattener = WindowFlattener()
    >>> flattener.fit_transform(windows).to_numpy()
    array([[0., 1., 2., 3.],
           [4., 5., 6., 7.]])
    >>> flattener.get_feature_names_out()
    array(['BVP_t0', 'ECG_t0', 'BVP_t1', 'ECG_t1'], dtype=object)
    """

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        return [f"{channel}_t{t}" for t in range(window_size) for channel in channels]

    def _compute(self, windows: Windows) -> NDArray:
        return windows.to_numpy().reshape(len(windows), -1)


class WindowStatistics(WindowFeatureExtractor):
    """Compute the mean, standard deviation, minimum and maximum of each channel.

    The standard deviation divides by ``window_size``, not by ``window_size - 1``.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import WindowStatistics, Windows
    >>> windows = Windows.from_arrays([[[1.0], [2.0], [3.0], [2.0]]], feature_names=["BVP"])
    >>> WindowStatistics().set_output(transform="pandas").fit_transform(windows)
       BVP_mean   BVP_std  BVP_min  BVP_max
    0       2.0  0.707107      1.0      3.0
    """

    _STATISTICS = ("mean", "std", "min", "max")

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        return [f"{channel}_{name}" for channel in channels for name in self._STATISTICS]

    def _compute(self, windows: Windows) -> NDArray:
        return windows.map_blocks(self._of_block)

    def _of_block(self, values: NDArray) -> NDArray:
        each = [getattr(values, name)(axis=1) for name in self._STATISTICS]
        return np.stack(each, axis=2).reshape(len(values), -1)
