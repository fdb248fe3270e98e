"""Augmenters and synthesizers that stand in for the user's own, for the protocols that need it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skaug.augmenter import SynthefyAugmenter
from skaug.synthesis import Synthesizer
from skaug.windows.container import Windows, as_windows

#: What each protocol trains on, and what it is tested on.
PROTOCOLS = {
    "TRTR": "train on real, test on real windows",
    "TRSTR": "train on real and synthetic, test on real windows",
    "TSTR": "train on synthetic, test on real windows",
    "TRTS": "train on real, test on synthetic windows",
    "TRRTR": "train on real windows and duplicates of them, test on real windows",
}


def augmenter_path(estimator: Any) -> str:
    """Give the name of the parameter that is the one augmenter.

    Raises
    ------
    ValueError
        If there is none, or several, or a search varies what the protocols set.
    """
    params = estimator.get_params(deep=True)
    paths = [name for name, value in params.items() if isinstance(value, SynthefyAugmenter)]
    if len(paths) != 1:
        found = "none" if not paths else f"{len(paths)}: {', '.join(paths)}"
        raise ValueError(
            "The estimator must hold one SynthefyAugmenter, whose train_on makes the protocols; found "
            f"{found}. Build it with skaug.make_pipeline(..., SynthefyAugmenter(), ...)."
        )
    (path,) = paths
    for owner, search in [("", estimator), *params.items()]:
        inner = path.removeprefix(f"{owner}__estimator__" if owner else "estimator__")
        if inner != path:
            _check_search(search, inner)
    return path


def _check_search(search: Any, path: str) -> None:
    """Raise if a search varies the augmenter, or replaces what holds it."""
    grids = getattr(search, "param_grid", getattr(search, "param_distributions", {}))
    for grid in [grids] if isinstance(grids, Mapping) else grids:
        for name in grid:
            if f"{path}__".startswith(f"{name}__") or name.startswith(f"{path}__"):
                raise ValueError(
                    f"The search varies {name!r}, but the protocols are made by setting the augmenter: "
                    "leave it out of the search. (learning_curve varies how many windows are added.)"
                )


def under_protocol(estimator: Any, path: str, protocol: str, repeat: int = 0) -> Any:
    """Give an estimator that trains, and is tested, as a protocol says.

    Parameters
    ----------
    estimator : estimator
        It is not changed.
    path : str
        Its parameter that is the augmenter.
    protocol : str
        One of `PROTOCOLS`.
    repeat : int, default=0
        Which draws of the synthetic windows: those after the ones that earlier repeats asked for.

    Returns
    -------
    estimator
    """
    estimator = clone(estimator)
    augmenter: SynthefyAugmenter = estimator.get_params(deep=True)[path]
    draws_a_repeat = max(1, math.ceil(augmenter.n_synthetic))
    augmenter.set_params(first_draw=augmenter.first_draw + repeat * draws_a_repeat)
    train_on = {"TRTR": "real", "TRSTR": "real+synthetic", "TSTR": "synthetic"}
    if protocol in train_on:
        augmenter.set_params(train_on=train_on[protocol])
        return estimator
    stand_in = {"TRTS": synthesizing_test_set, "TRRTR": duplicating}[protocol]
    return estimator.set_params(**{path: stand_in(augmenter)})


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
