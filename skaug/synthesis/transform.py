"""Synthetic windows that are transformed real ones: noise, gains, warped time, rotated axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skaug._arrays import blocks_of, in_halves
from skaug._checks import is_finite_number, require_random_state
from skaug._random import uniform
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import require_finite_samples
from skaug.synthesis.keys import condition_keys
from skaug.synthesis.transforms.base import Transform, by_channel
from skaug.windows.container import Windows, require_alike

# Bytes of windows in a block: few enough for them and their random numbers to stay in the cache.
_BLOCK_BYTES = 1 << 18


class TransformSynthesizer(Synthesizer):
    """Real windows, changed by random transforms that are applied one after the other.

    **When it keeps the label.** A kind of label is kept if every transform keeps it: see `keeps`, and the
    docstring of each transform for its limits.

    Parameters
    ----------
    transforms : list of Transform
        `Jitter`, `Scale`, `Drift`, `MagnitudeWarp`, `TimeWarp`, `TimeShift`, `Permute`, `Mask`, `Rotate`,
        `FrequencyMask`, or your own, in the order in which they are applied.
    p : float, default=1.0
        Probability with which each transform is applied to a window, independently of the others. Below 1,
        some synthetic windows are copies of real ones: ``(1 - p) ** len(transforms)`` of them.
    random_state : int, default=0
        Seed. A synthetic window depends on it, on the transforms and their places in the list, on what they
        learned in ``fit``, and on the origin of the condition and its draw, not on the other conditions.

    Attributes
    ----------
    transforms_ : list of Transform
        The fitted transforms. Each learned from the recorded training windows, not from those that the
        transforms before it made.
    keeps, moves : frozenset of str
        The kinds of labels that every transform keeps, and those that at least one moves and the others keep
        or move. See `Synthesizer`.

    See Also
    --------
    Transform : Base class for a transform of your own.
    SurrogateSynthesizer : Keeps the spectrum of a window, not its waveform.

    Notes
    -----
    Which transforms help depends on the data and the label. Iwana and Uchida measured many: "An empirical
    survey of data augmentation for time series classification with neural networks", PLoS ONE 16, 2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SynthefyAugmenter, Windows
    >>> from skaug.synthesis import Jitter, Permute, Scale, TransformSynthesizer
    >>> X = np.random.default_rng(0).normal(size=(6, 64, 1))
    >>> windows = Windows.from_arrays(X, y=[60, 62, 64, 80, 82, 84], groups=list("AAABBB"))
    >>> synthesizer = TransformSynthesizer([Jitter(sigma=0.1), Scale()])
    >>> sorted(synthesizer.keeps)
    ['class', 'rate', 'shape', 'time']
    >>> SynthefyAugmenter(synthesizer, ratio=2).fit_transform(windows)
    Windows(18 of 64 x 1: x0; 2 subjects, labeled, 12 synthetic)
    >>> sorted(TransformSynthesizer([Jitter(), Permute()]).keeps)
    ['class']
    """

    def __init__(
        self, transforms: Sequence[Transform], p: float = 1.0, random_state: int = 0
    ) -> None:
        self.transforms = transforms
        self.p = p
        self.random_state = random_state

    @property
    def keeps(self) -> frozenset[str]:  # type: ignore[override]
        """The kinds of labels that every transform keeps."""
        return frozenset.intersection(*(one.keeps for one in self._checked()))

    @property
    def follows_one_label(self) -> bool:  # type: ignore[override]
        """Whether a transform needs a single label per window."""
        return any(one.follows_one_label for one in self._checked())

    @property
    def moves(self) -> frozenset[str]:  # type: ignore[override]
        """The kinds of labels that at least one transform moves, and the others keep or move."""
        right = (one.keeps | one.moves for one in self._checked())
        return frozenset.intersection(*right) - self.keeps

    def fit(self, windows: Windows) -> Self:
        """Fit the transforms.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `transforms` is not a list or is empty, one that reads recordings is not the first, a parameter
            of one of them is invalid, `p` is not between 0 and 1, or `random_state` is not a whole number, 0
            or more.
        TypeError
            If something in the list is not a transform.
        """
        transforms = self._checked()
        if not is_finite_number(self.p) or not 0 <= self.p <= 1:
            raise ValueError(f"p={self.p!r} must be a probability, a number between 0 and 1.")
        require_random_state(
            self.random_state, "it makes synthetic windows the same in every batch and process"
        )
        self.transforms_ = [clone(one).fit(windows) for one in transforms]
        self._window_size, self._feature_names = windows.window_size, windows.feature_names
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        """Transform each condition.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With the subjects, context and origins of the conditions, and their labels unless a transform
            moves these.

        Raises
        ------
        ValueError
            If a window holds NaN or infinity (the error names it), if the windows differ from those of `fit`
            in length or channels, or if a transform returns another shape.
        """
        check_is_fitted(self)
        name = type(self).__name__
        require_alike(conditions, self._window_size, self._feature_names, name)
        samples = np.empty(conditions.shape, dtype=conditions.dtype)
        labels = None if conditions.y is None else conditions.y.copy()
        steps = [self._step(nth, conditions) for nth in range(len(self.transforms_))]
        n_block = max(1, _BLOCK_BYTES // max(1, samples[:1].nbytes))

        def work(half: slice) -> None:
            for block in blocks_of(half, n_block):
                part = conditions[block]
                values = part.to_numpy()
                require_finite_samples(values, conditions, block.start)
                values = _channel_major(values)
                for transform, (keys, is_chosen) in zip(self.transforms_, steps, strict=True):
                    which = np.flatnonzero(is_chosen[block])
                    if len(which) == 0:
                        continue
                    chosen = part if len(which) == len(part) else part[which]
                    of_chosen = keys[block][which]
                    if labels is not None:
                        y = labels[block][which]
                        labels[block][which] = transform.labels(y, of_chosen, chosen)
                    if chosen is part:
                        values = _applied(transform, values, of_chosen, part)
                    else:
                        some = _channel_major(values[which])
                        values[which] = _applied(transform, some, of_chosen, chosen)
                samples[block] = values

        in_halves(work, len(conditions), samples.nbytes)
        return conditions.synthesized(samples, labels)

    def _step(self, nth: int, conditions: Windows) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """Return the keys of the n-th transform, and the conditions that it is applied to."""
        keys = condition_keys(conditions, f"transform {nth}", self.random_state)
        chances = condition_keys(conditions, f"chance of transform {nth}", self.random_state)
        return keys, uniform(chances, 1)[:, 0] < self.p

    def _checked(self) -> list[Transform]:
        """Return the transforms, or raise."""
        transforms = self.transforms
        if isinstance(transforms, Transform) or not isinstance(transforms, list | tuple):
            raise ValueError(
                f"transforms={transforms!r} must be a list of transforms, such as [Jitter(), Scale()]."
            )
        if not transforms:
            raise ValueError(
                "transforms=[] would make copies of real windows: name at least one, such as [Jitter()]."
            )
        for nth, one in enumerate(transforms):
            if not isinstance(one, Transform):
                raise TypeError(
                    f"{one!r} in transforms is not a transform: use instances such as Jitter(), or of a "
                    "subclass of skaug.synthesis.Transform."
                )
            if one.reads_recording and nth > 0:
                raise ValueError(
                    f"{type(one).__name__} reads the recording, which would undo the transforms before it: "
                    "put it first in transforms."
                )
        return list(transforms)


def _channel_major(values: NDArray) -> NDArray:
    """Return values of shape (n_block, window_size, n_features), the samples of a channel side by side."""
    return by_channel(values).transpose(0, 2, 1)


def _applied(
    transform: Transform, values: NDArray, keys: NDArray[np.uint64], conditions: Windows
) -> NDArray:
    shape, dtype = values.shape, values.dtype
    values = np.asarray(transform.apply(values, keys, conditions), dtype=dtype)
    if values.shape != shape:
        raise ValueError(
            f"{type(transform).__name__}.apply returned the shape {values.shape} for {shape}: a transform "
            "keeps the shape of the windows."
        )
    return _channel_major(values)
