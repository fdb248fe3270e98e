"""The interface of a synthesizer, a source of synthetic windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import Tags

from skaug.windows.container import Windows
from skaug.windows.provenance import Target

#: What a label may depend on, in `Synthesizer.keeps` and `Synthesizer.moves`.
LABEL_KINDS = ("rate", "level", "class", "shape", "time")


class Synthesizer(BaseEstimator, ABC):
    """Base class for a source of synthetic windows.

    Derive from it to use your own generator: only `synthesize` must be written. `SynthefyAugmenter`
    clones the synthesizer, calls `fit` with the training windows, calls `can_condition` to find out which of
    them may be conditions, and calls `synthesize` once with those that were chosen. None of these methods
    ever sees a window of a test subject.

    Rules to follow:

    - As in any scikit-learn estimator, ``__init__`` only stores its parameters, and what `fit` learns
      ends in an underscore.
    - `synthesize` returns ``conditions.synthesized(X)``, or ``conditions.synthesized(X, y)`` if the
      synthetic windows have labels of their own. This keeps subjects, origins and context. Windows
      of subjects that are not among the conditions are refused, and so are samples or labels that are
      NaN or infinite where the condition is finite.
    - Samples and labels are finite, unless those of the condition are not.
    - The samples should depend on the parameters, the origin of the condition and its draw only, not on
      the other conditions. Then every fold and grid point gets the same window for the same condition,
      and a larger request contains the smaller one.

    Attributes
    ----------
    supports_variations : bool
        Class attribute, False by default. Set it to True if the samples follow the labels and the context
        of the conditions. Only then may these be edited (the ``variations`` of `SynthefyAugmenter`). If it
        follows some of the columns only, `check_edited` should refuse the others.
    follows_one_label : bool
        Class attribute or property, False by default. Set it to True if the samples follow the label of the
        condition in a way that needs a single one: windows with several labels are then refused.
    keeps : frozenset of str
        Class attribute or property: the kinds of labels (`LABEL_KINDS`) that hold for a synthetic window as
        they do for its condition.
    moves : frozenset of str
        The kinds of labels that change with the samples: the synthetic windows have labels of their own.

        The kinds are "rate" (of a periodic component, such as the heart rate), "level" (power, variance or
        mean), "class" (a category of the whole window), "shape" (anything read off the waveform) and "time"
        (where in the window something happens). Kinds in neither set are not known to hold. A comparison
        reports both.

    See Also
    --------
    SurrogateSynthesizer : The default synthesizer, without a model and without a network.
    skaug.SynthefyAugmenter : The pipeline step that uses a synthesizer.

    Examples
    --------
    A synthesizer that adds noise to its conditions, scaled to the training windows:

    >>> import zlib
    >>> import numpy as np
    >>> from skaug import SynthefyAugmenter, Windows
    >>> from skaug.synthesis import Synthesizer
    >>> class Jitter(Synthesizer):
    ...     def __init__(self, strength=0.1):
    ...         self.strength = strength
    ...
    ...     def fit(self, windows):
    ...         self.scale_ = self.strength * windows.to_numpy().std(axis=(0, 1))
    ...         return self
    ...
    ...     def synthesize(self, conditions):
    ...         X = conditions.to_numpy()
    ...         for window, origin in zip(X, conditions.origins.itertuples(index=False)):
    ...             seed = zlib.crc32("{} {} {}".format(*origin).encode())
    ...             window += np.random.default_rng(seed).normal(scale=self.scale_, size=window.shape)
    ...         return conditions.synthesized(X)
    >>> windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(2, 4, 1)), y=[60, 61])
    >>> augmented = SynthefyAugmenter(Jitter()).fit_transform(windows)
    >>> augmented.is_synthetic.tolist(), augmented.y.tolist()
    ([False, False, True, True], [60, 61, 60, 61])
    """

    supports_variations = False
    follows_one_label: bool = False
    keeps: frozenset[str] = frozenset()
    moves: frozenset[str] = frozenset()

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

    def check_edited(self, columns: Collection[str], target: Target) -> None:
        """Raise if edits of some columns would not change the samples; by default never.

        It is called before anything is fitted, if conditions are to be edited.

        Parameters
        ----------
        columns : collection of str
            The columns of the context that the ``variations`` of `SynthefyAugmenter` edit.
        target : str, tuple of str, or None
            The column that the labels are computed from, or the columns of several labels per window; None if
            they were passed.

        Raises
        ------
        ValueError
            Should name the column.
        """
        return

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Return which windows can be conditions; by default all of them.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            Real windows of the training fold.

        Returns
        -------
        ndarray of bool of shape (n_windows,)
        """
        return np.ones(len(windows), dtype=bool)

    @abstractmethod
    def synthesize(self, conditions: Windows) -> Windows:
        """Make one synthetic window per condition.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows with their labels and context. A window may be a condition several times:
            ``conditions.origins["draw"]`` counts its draws from 0. It is -1 for windows that were not drawn:
            those that `fit` gets, and those of a table that you pass here yourself.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            The result of ``conditions.synthesized(X)``.
        """

    def _why_no_variations(self) -> str:
        """Return why conditions may not be edited, as a sentence."""
        return (
            f"{type(self).__name__} does not support variations: its windows follow the recorded samples, "
            "not the edited condition."
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags
