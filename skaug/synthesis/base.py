"""What a source of synthetic windows is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from skaug.windows.container import Windows


class Synthesizer(BaseEstimator, ABC):
    """A source of synthetic windows. Derive from it to plug in one's own.

    `SynthefyAugmenter` clones the synthesizer, fits it to the training windows, and hands it the
    windows that synthetic ones are conditioned on. It never sees a window of a test subject.

    Attributes
    ----------
    supports_variations : bool
        Whether the synthesizer heeds conditions that were edited (the ``variations`` of
        `SynthefyAugmenter`). Where it does not, asking for one is an error.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SynthefyAugmenter, Windows
    >>> from skaug.synthesis import Synthesizer
    >>> class Mirror(Synthesizer):
    ...     def synthesize(self, conditions):
    ...         return conditions.synthesized(-conditions.to_numpy())
    >>> windows = Windows.from_arrays(np.ones((2, 4, 1)), y=[60, 61])
    >>> SynthefyAugmenter(Mirror()).fit_transform(windows)
    Windows(4 of 4 x 1: x0; labelled, 2 synthetic)
    """

    supports_variations = False

    def fit(self, windows: Windows) -> Self:
        """Learn from the training windows; by default nothing.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self
        """
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Say which windows the fitted synthesizer can be conditioned on; by default all of them.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            Real windows of the training fold.

        Returns
        -------
        ndarray of bool of shape (n_windows,)
        """
        return np.ones(len(windows), dtype=bool)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    @abstractmethod
    def synthesize(self, conditions: Windows) -> Windows:
        """Make one synthetic window for each condition.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows with their labels and context. ``conditions.origins["draw"]`` tells the
            requests for one and the same window apart.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            Made by ``conditions.synthesized(X)``, which keeps labels and origins.
        """
