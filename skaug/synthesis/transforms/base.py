"""The interface of a transform of windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from skaug._checks import is_finite_number, is_whole_number
from skaug.windows.container import Windows


class Transform(BaseEstimator, ABC):
    """Base class for a random transform of windows, one of those that `TransformSynthesizer` composes.

    Derive from it to use your own: only `apply` must be written. As in any scikit-learn estimator,
    ``__init__`` only stores its parameters, `fit` checks them, and what `fit` learns ends in an underscore.

    Attributes
    ----------
    keeps : frozenset of str
        Class attribute: the kinds of labels ("rate", "level", "class", "shape", "time") that hold for a
        transformed window as they do for the recorded one; none by default. See
        `skaug.synthesis.Synthesizer`.
    moves : frozenset of str
        Class attribute: the kinds of labels that change with the samples and that `labels` returns; none by
        default.
    reads_recording : bool
        Class attribute, False by default: whether `apply` reads samples of the recording in place of those it
        is given. Such a transform is first in the list, because it would undo those before it.

    See Also
    --------
    TransformSynthesizer : Composes transforms.

    Examples
    --------
    A transform that turns some windows upside down:

    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import Transform, TransformSynthesizer
    >>> class Flip(Transform):
    ...     keeps = frozenset({"rate", "time"})
    ...
    ...     def apply(self, values, keys, conditions):
    ...         signs = [np.random.default_rng(key).choice([-1, 1]) for key in keys]
    ...         return values * np.array(signs, dtype=values.dtype)[:, None, None]
    >>> windows = Windows.from_arrays(np.ones((6, 4, 1)))
    >>> flipped = TransformSynthesizer([Flip()]).fit(windows).synthesize(windows)
    >>> np.unique(np.abs(flipped.to_numpy())).tolist()
    [1.0]
    """

    keeps: frozenset[str] = frozenset()
    moves: frozenset[str] = frozenset()
    reads_recording = False
    follows_one_label = False

    def fit(self, windows: Windows) -> Self:
        """Check the parameters, and learn from the training windows; by default neither.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self
        """
        return self

    @abstractmethod
    def apply(self, values: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Transform a block of windows.

        Parameters
        ----------
        values : ndarray of shape (n_block, window_size, n_features)
            Samples, as the transforms before left them. They may be overwritten. The samples of a channel lie
            one after the other in memory.
        keys : ndarray of uint64 of shape (n_block,)
            A seed per window, for example of ``np.random.default_rng(key)``. Whatever is random should
            depend on the key of the window alone, so that a synthetic window does not depend on the others.
        conditions : Windows of shape (n_block, window_size, n_features)
            The recorded windows, with their labels, subjects and context.

        Returns
        -------
        ndarray of shape (n_block, window_size, n_features)
            `values`, or a new array.
        """

    def labels(self, y: NDArray, keys: NDArray[np.uint64], conditions: Windows) -> NDArray:
        """Return the labels of a block of windows; by default they do not change.

        Parameters
        ----------
        y : ndarray of shape (n_block,)
            The labels, as the transforms before left them.
        keys : ndarray of uint64 of shape (n_block,)
            The keys passed to `apply`.
        conditions : Windows of shape (n_block, window_size, n_features)
            The recorded windows.

        Returns
        -------
        ndarray of shape (n_block,)
        """
        return y


def require_positive(transform: Transform, name: str, most: float = np.inf) -> None:
    """Raise unless a parameter is a finite number above 0, and not above `most`.

    Raises
    ------
    ValueError
        Names the transform and the parameter.
    """
    value: Any = getattr(transform, name)
    if not is_finite_number(value) or not 0 < value <= most:
        bound = "" if most == np.inf else f" and at most {most:g}"
        raise ValueError(
            f"{name}={value!r} of {type(transform).__name__} must be a number above 0{bound}."
        )


def require_count(transform: Transform, name: str, least: int, size: int) -> None:
    """Raise unless a parameter is a whole number between `least` and the samples of a window.

    Raises
    ------
    ValueError
        Names the transform and the parameter.
    """
    value: Any = getattr(transform, name)
    if not is_whole_number(value) or not least <= value <= size:
        raise ValueError(
            f"{name}={value!r} of {type(transform).__name__} must be a whole number from {least} to {size}, "
            "the samples of a window."
        )


def by_channel(values: NDArray) -> NDArray:
    """Return the samples of windows with the channels before the samples, without a copy if laid out so.

    Parameters
    ----------
    values : ndarray of shape (n_block, window_size, n_features)

    Returns
    -------
    ndarray of shape (n_block, n_features, window_size)
        C-contiguous.
    """
    return np.ascontiguousarray(values.transpose(0, 2, 1))
