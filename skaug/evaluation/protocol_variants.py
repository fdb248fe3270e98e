"""The protocols, and the changes to an estimator that put one into effect."""

from __future__ import annotations

import copy
import math
from collections.abc import Collection, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skaug._choices import PROTOCOLS
from skaug.augmenter import SynthefyAugmenter
from skaug.base import WindowStep
from skaug.evaluation.searches import check_searches, wrap_synthesizers
from skaug.synthesis import Synthesizer
from skaug.synthesis.conditions import check_synthetic
from skaug.synthesis.surrogate import synthesizer_or_default
from skaug.windows.container import Windows, as_windows
from skaug.windows.provenance import Target

#: Protocols that show where an effect comes from: from more windows, or from windows without information
#: on the labels. They are not judged.
CONTROLS = {
    "TRRTR": "repeated real windows",
    "TRPTR": "synthetic windows with permuted labels",
}

#: Protocols that are tested on synthetic windows made from the test set. Their scores are not compared
#: with scores on real windows: better ones do not mean help, nor worse ones harm.
TESTED_ON_SYNTHETIC = ("TRTS",)

#: Between the protocol and the synthesizer in the label "TRSTR, rate".
_BETWEEN = ", "

# A window of a rare label is drawn many times under `balance`: repeats begin further apart than that.
_MOST_DRAWS = 1_000_000

_TRAIN_ON = {
    "TRTR": "real",
    "TRSTR": "real+synthetic",
    "TSTR": "synthetic",
    "TRTS": "real",
    "TRRTR": "real+synthetic",
    "TRPTR": "real+synthetic",
}


def protocol_of(label: str) -> tuple[str, str | None]:
    """Return the protocol that a label names, and the synthesizer where there are several.

    Parameters
    ----------
    label : str
        A protocol ("TRSTR"), a protocol with one of several synthesizers ("TRSTR, rate"), or the name of a
        baseline.

    Returns
    -------
    protocol : str
        One of `PROTOCOLS`, or the whole label of a baseline.
    synthesizer : str or None
        None if the label names no synthesizer.
    """
    protocol, _, synthesizer = label.partition(_BETWEEN)
    return (protocol, synthesizer) if synthesizer and protocol in PROTOCOLS else (label, None)


def label_of(protocol: str, synthesizer: str) -> str:
    """Return the label of a protocol with one of several synthesizers."""
    return f"{protocol}{_BETWEEN}{synthesizer}"


def is_protocol(label: str) -> bool:
    """Whether a label is that of a protocol, not of a baseline."""
    return protocol_of(label)[0] in PROTOCOLS


def is_control(label: str) -> bool:
    """Whether a label is that of a control, which is not judged."""
    return protocol_of(label)[0] in CONTROLS


def meaning_of(label: str) -> str:
    """Return what a protocol trains on and is tested on, and by which synthesizer."""
    protocol, synthesizer = protocol_of(label)
    meaning = PROTOCOLS[protocol]
    return meaning if synthesizer is None else f"{meaning}; synthetic windows from {synthesizer!r}"


def augmenter_path(estimator: Any) -> str:
    """Return the name of the parameter that is the only augmenter.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a search over one.

    Returns
    -------
    str
        A name for ``set_params``.

    Raises
    ------
    ValueError
        If there is no augmenter or more than one, or a search varies what the protocols set.
    """
    params = estimator.get_params(deep=True)
    paths = [name for name, value in params.items() if isinstance(value, SynthefyAugmenter)]
    if len(paths) != 1:
        found = "none" if not paths else f"{len(paths)}: {', '.join(paths)}"
        raise ValueError(
            "The estimator must contain exactly one SynthefyAugmenter, because protocols differ in its "
            f"train_on; found {found}. Build it with skaug.make_pipeline(..., SynthefyAugmenter(), ...)."
        )
    (path,) = paths
    check_searches(estimator, path)
    return path


def under_protocol(
    estimator: Any, path: str, protocol: str, repeat: int = 0, seed: Sequence[int] = (0,)
) -> Any:
    """Return a copy of an estimator that trains according to a protocol.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a search over one. It is not changed.
    path : str
        The parameter that is the augmenter (`augmenter_path`).
    protocol : str
        One of `PROTOCOLS`. TRTS trains as TRTR does, and is then tested on a `SyntheticTestSet`.
    repeat : int, default=0
        The draws of synthetic windows: each repeat uses those after the draws of the one before.
    seed : sequence of int, default=(0,)
        Seed of the permutation of labels under TRPTR.

    Returns
    -------
    estimator
        Not fitted.
    """
    estimator = clone(estimator)
    augmenter: SynthefyAugmenter = estimator.get_params(deep=True)[path]
    augmenter._check_amount()
    amount = augmenter.ratio if augmenter.n_synthetic is None else augmenter.n_synthetic
    draws_per_repeat = max(1, math.ceil(amount)) if augmenter.balance is None else _MOST_DRAWS
    augmenter.set_params(
        first_draw=augmenter.first_draw + repeat * draws_per_repeat,
        train_on=_TRAIN_ON[protocol],
    )
    if protocol == "TRPTR":
        wrap_synthesizers(estimator, path, lambda inner: PermutedLabels(inner, tuple(seed)))
    if protocol == "TRRTR":
        wrap_synthesizers(estimator, path, Duplicates)
        edits = augmenter.variations
        augmenter.set_params(variations=None if edits is None else [{} for _ in edits])
    return estimator


class Duplicates(Synthesizer):
    """Return the conditions themselves instead of synthetic windows: the control for repetition.

    Edits of conditions (`variations`) must be empty: each of them adds one duplicate.

    Parameters
    ----------
    synthesizer : Synthesizer or None
        The synthesizer that is replaced. It decides which windows may be conditions.
    """

    supports_variations = True

    def __init__(self, synthesizer: Synthesizer | None) -> None:
        self.synthesizer = synthesizer

    def fit(self, windows: Windows) -> Self:
        """Fit the synthesizer, if it restricts which windows may be conditions."""
        self._chooser: Synthesizer | None = None
        if self.synthesizer is not None and _restricts(self.synthesizer):
            self._chooser = clone(self.synthesizer).fit(windows)
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Return whether the synthesizer could be conditioned on each window."""
        if self._chooser is None:
            return super().can_condition(windows)
        return self._chooser.can_condition(windows)

    def synthesize(self, conditions: Windows) -> Windows:
        """Return the conditions themselves."""
        return conditions.synthesized(conditions.to_numpy())


class PermutedLabels(Synthesizer):
    """Permute the labels among the synthetic windows: the control for regularization.

    The windows are those that the synthesizer makes without this.

    Parameters
    ----------
    synthesizer : Synthesizer or None
        What makes the windows; surrogates by default.
    seed : tuple of int
        Seed of the permutation.
    """

    def __init__(self, synthesizer: Synthesizer | None, seed: tuple[int, ...]) -> None:
        self.synthesizer = synthesizer
        self.seed = seed

    @property
    def supports_variations(self) -> bool:  # type: ignore[override]
        """Whether the synthesizer may be conditioned on edited windows."""
        return bool(getattr(self.synthesizer, "supports_variations", False))

    def check_edited(self, columns: Collection[str], target: Target) -> None:
        """Raise if edits of some columns would not change the windows of the synthesizer."""
        synthesizer_or_default(self.synthesizer).check_edited(columns, target)

    def fit(self, windows: Windows) -> Self:
        """Fit the synthesizer."""
        self.synthesizer_ = clone(synthesizer_or_default(self.synthesizer)).fit(windows)
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Return whether the synthesizer could be conditioned on each window."""
        return self.synthesizer_.can_condition(windows)

    def synthesize(self, conditions: Windows) -> Windows:
        """Return the synthesizer's windows, each with the label of another one."""
        windows = self.synthesizer_.synthesize(conditions)
        check_synthetic(windows, conditions, type(self.synthesizer_).__name__)
        if windows.y is None:
            return windows
        order = np.random.default_rng(self.seed).permutation(len(windows))
        return windows.synthesized(windows.to_numpy(), windows.y[order])


def _restricts(synthesizer: Synthesizer) -> bool:
    return type(synthesizer).can_condition is not Synthesizer.can_condition


class SyntheticTestSet(WindowStep):
    """Replace windows with synthetic ones, made from them by a synthesizer fitted on them.

    In a fitted estimator it takes the place of the augmenter (`replaced`), so that the estimator predicts
    synthetic windows of the test set.

    Parameters
    ----------
    augmenter : SynthefyAugmenter
        The fitted augmenter, whose parameters decide which windows are made.
    y : array-like or None
        Labels that were passed for the samples to predict, one per window or one per row.

    Attributes
    ----------
    synthetic_windows_ : Windows
        The synthetic windows that were made last.
    """

    def __init__(self, augmenter: SynthefyAugmenter, y: ArrayLike | None) -> None:
        self.augmenter = augmenter
        self.y = y

    def transform(self, X: Any) -> Windows:
        """Return synthetic windows made from `X`."""
        windows = as_windows(self.augmenter.transform(X)).relabel(self.y)
        maker = clone(self.augmenter).set_params(train_on="synthetic", subjects=None)
        self.synthetic_windows_: Windows = maker.fit(windows).synthetic_windows_
        return self.synthetic_windows_


def replaced(fitted: Any, step: Any, replacement: Any) -> Any:
    """Return a copy of a fitted estimator in which one step is replaced.

    Parameters
    ----------
    fitted : estimator
        A pipeline, a search, or another estimator that contains `step`, at any depth. It is not changed.
    step : estimator
        The fitted step.
    replacement : estimator
        The step to put in its place. It is not copied.

    Returns
    -------
    estimator
    """
    # deepcopy keeps the copies it has made by the id of the original. Here the replacement is entered as
    # the copy of the step, so it appears wherever the step is referenced: in pipelines of both kinds, in
    # searches and in other meta-estimators such as TransformedTargetRegressor.
    return copy.deepcopy(fitted, {id(step): replacement})
