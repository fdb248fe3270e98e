"""Synthetic windows in pipelines of imbalanced-learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from skaug.augmenter import SynthefyAugmenter
from skaug.synthesis import Synthesizer
from skaug.synthesis.variations import Variation
from skaug.windows.container import Windows


class SynthefySampler(BaseEstimator):
    """Add synthetic windows in a pipeline of imbalanced-learn.

    Such a pipeline calls `fit_resample` while fitting and skips samplers while predicting. It passes X
    and y on separately, so the windows are returned as a bare array. There is no ``transform``, because
    imbalanced-learn accepts no step that has both.

    Parameters
    ----------
    synthesizer, ratio, n_synthetic, balance, train_on, subjects, variations, random_state
        As in `SynthefyAugmenter`.

    Attributes
    ----------
    augmenter_ : SynthefyAugmenter
        The fitted augmenter, with the synthetic windows and their origins.

    See Also
    --------
    SynthefyAugmenter : The step for scikit-learn's pipelines and for `skaug.Pipeline`.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SynthefySampler, Windows
    >>> X = np.random.default_rng(0).normal(size=(4, 64, 1))
    >>> windows = Windows.from_arrays(X, y=[60, 62, 80, 82], groups=list("AABB"))
    >>> samples, labels = SynthefySampler(n_synthetic=2).fit_resample(windows, windows.y)
    >>> samples.shape, labels.shape
    ((6, 64, 1), (6,))
    """

    def __init__(
        self,
        synthesizer: Synthesizer | None = None,
        *,
        ratio: float = 1.0,
        n_synthetic: int | None = None,
        balance: str | None = None,
        train_on: str = "real+synthetic",
        subjects: Sequence[Any] | None = None,
        variations: Sequence[Variation] | None = None,
        random_state: int = 0,
    ) -> None:
        self.synthesizer = synthesizer
        self.ratio = ratio
        self.n_synthetic = n_synthetic
        self.balance = balance
        self.train_on = train_on
        self.subjects = subjects
        self.variations = variations
        self.random_state = random_state

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Run `fit_resample` and keep its attributes.

        Parameters
        ----------
        X, y
            As in `fit_resample`.

        Returns
        -------
        self
        """
        self.fit_resample(X, y)
        return self

    def fit_resample(
        self, X: Windows | ArrayLike, y: ArrayLike | None = None
    ) -> tuple[NDArray, NDArray | None]:
        """Return windows and labels to fit the next steps on.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_features)
            Real windows.
        y : array-like of shape (n_windows,), optional
            Labels that replace those of the windows: one per window, or one per row of their table.

        Returns
        -------
        X : ndarray of shape (n_windows + n_synthetic, window_size, n_features)
            Real windows first.
        y : ndarray of shape (n_windows + n_synthetic,), or None
            Their labels.

        Raises
        ------
        ValueError
            As in `SynthefyAugmenter.fit`.
        """
        self.augmenter_ = SynthefyAugmenter(**self.get_params(deep=False))
        augmented = self.augmenter_.fit_transform(X, y)
        return augmented.to_numpy(), augmented.y

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
