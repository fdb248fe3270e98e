"""Augmenters and synthesizers that stand in for the user's own, for the protocols that need it."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skaug.augmenter import SynthefyAugmenter
from skaug.synthesis import Synthesizer
from skaug.windows.container import Windows, as_windows


class Duplicates(Synthesizer):
    """Give each condition itself instead of a synthetic window: what mere repetition does.

    Edits of conditions (`variations`) must be empty: they stand for one copy each.

    Parameters
    ----------
    synthesizer : Synthesizer or None
        The one that it stands in for, which says what it could be conditioned on.
    """

    supports_variations = True

    def __init__(self, synthesizer: Synthesizer | None) -> None:
        self.synthesizer = synthesizer

    def fit(self, windows: Windows) -> Self:
        """Learn which windows the synthesizer could be conditioned on."""
        self._chooser: Synthesizer | None = None
        if self.synthesizer is not None and _chooses(self.synthesizer):
            self._chooser = clone(self.synthesizer).fit(windows)
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Say which windows the synthesizer could be conditioned on."""
        if self._chooser is None:
            return super().can_condition(windows)
        return self._chooser.can_condition(windows)

    def synthesize(self, conditions: Windows) -> Windows:
        """Give the conditions themselves."""
        return conditions.synthesized(conditions.to_numpy())


def _chooses(synthesizer: Synthesizer) -> bool:
    return type(synthesizer).can_condition is not Synthesizer.can_condition


def duplicating(augmenter: SynthefyAugmenter) -> SynthefyAugmenter:
    """Give an augmenter that adds as many duplicates as this one adds synthetic windows."""
    edits = augmenter.variations
    variations: list[dict] | None = None if edits is None else [{} for _ in edits]
    return clone(augmenter).set_params(
        synthesizer=Duplicates(augmenter.synthesizer),
        variations=variations,
        train_on="real+synthetic",
    )


class TestSetSynthesis(SynthefyAugmenter):
    """Fit the next steps on real windows, and have them predict synthetic ones made of those to test on.

    Takes the parameters of the augmenter that it stands in for. Until it is told to synthesise, as
    while a search validates its candidates, it passes windows through.

    Attributes
    ----------
    tested_windows_ : Windows
        The synthetic windows that were predicted last.
    """

    __test__ = False  # no test, whatever pytest makes of the name
    _is_told = False

    def synthesize_for(self, y: ArrayLike | None) -> None:
        """Synthesise from now on.

        Parameters
        ----------
        y : array-like or None
            Labels that were passed for the windows to predict, one a window or one a row.
        """
        self._is_told, self._y = True, y

    def transform(self, X: Any) -> Any:
        """Give synthetic windows made of those to predict."""
        windows = super().transform(X)
        if not self._is_told:
            return windows
        maker = SynthefyAugmenter(**self.get_params(deep=False))
        maker.set_params(train_on="synthetic", subjects=None)
        self.tested_windows_ = maker.fit(as_windows(windows).relabel(self._y)).synthetic_windows_
        return self.tested_windows_


def synthesizing_test_set(augmenter: SynthefyAugmenter) -> TestSetSynthesis:
    """Give an augmenter that makes synthetic windows of those to predict, as this one would."""
    params = clone(augmenter).get_params(deep=False)
    return TestSetSynthesis(**params).set_params(train_on="real")
