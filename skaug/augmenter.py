"""Synthetic windows join the real ones while fitting, never while predicting."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skaug._random import combine, text_key
from skaug.base import WindowStep
from skaug.synthesis import SurrogateSynthesizer, Synthesizer
from skaug.synthesis.variations import Variation, check_variations, vary
from skaug.windows.container import Windows, as_windows, require_alike

TRAIN_ON = ("real+synthetic", "real", "synthetic")


class SynthefyAugmenter(WindowStep):
    """Add synthetic windows to the windows that the next steps are fitted on.

    When predicting, windows pass through unchanged and nothing is synthesised.

    Parameters
    ----------
    synthesizer : Synthesizer, optional
        Where synthetic windows come from; the embedded `SurrogateSynthesizer` by default, which sends
        nothing and costs nothing.
    n_synthetic : float or int, default=1.0
        How many: a float is the ratio to the real windows, applied subject by subject; an int is a
        number of windows, spread over the subjects in proportion to theirs. More than there are
        conditions asks for further draws of the same ones. A window that is there several times, as
        in a bootstrap sample, counts once.
    train_on : {"real+synthetic", "real", "synthetic"}, default="real+synthetic"
        What the next steps are fitted on: the protocols TRSTR, TRTR (nothing is synthesised) and TSTR.
    subjects : sequence, optional
        Whose windows may be conditions; everybody's by default. Those who are not among the windows
        it is fitted on are skipped.
    variations : list of dict, optional
        What-if edits of the conditions: column -> new value, or ``("add" | "subtract" | "multiply" |
        "divide", number)``. Each dict gives a synthetic window for every chosen condition, so that
        two of them double the number. An edited target moves the label along.
    random_state : int, default=0
        Decides which windows are conditions. A larger request holds the smaller one, and the choice
        among a subject's windows does not depend on the other subjects.
    first_draw : int, default=0
        The draw of each condition that is asked for first: another number gives other synthetic
        windows of the same conditions, as `skaug.evaluation.compare_protocols` does to repeat itself.

    Attributes
    ----------
    n_real_ : int
        Real windows that it was fitted on.
    n_synthetic_ : int
        Synthetic windows that it made.
    synthetic_windows_ : Windows of shape (n_synthetic_, window_size, n_features)
        These.
    synthesizer_ : Synthesizer or None
        The fitted synthesizer; None if nothing was asked for.
    synthesis_seconds_ : float
        What fitting the synthesizer and synthesising took.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SynthefyAugmenter, Windows
    >>> X = np.random.default_rng(0).normal(size=(6, 64, 1))
    >>> windows = Windows.from_arrays(X, y=[60, 62, 64, 80, 82, 84], groups=list("AAABBB"))
    >>> augmented = SynthefyAugmenter(n_synthetic=2).fit_transform(windows)
    >>> augmented
    Windows(8 of 64 x 1: x0; 2 subjects, labelled, 2 synthetic)
    >>> augmented[augmented.is_synthetic].origins
      subject  first_row  draw
    0       A         64     0
    1       B        128     0
    """

    def __init__(
        self,
        synthesizer: Synthesizer | None = None,
        *,
        n_synthetic: float | int = 1.0,
        train_on: str = "real+synthetic",
        subjects: Sequence[Any] | None = None,
        variations: Sequence[Variation] | None = None,
        random_state: int = 0,
        first_draw: int = 0,
    ) -> None:
        self.synthesizer = synthesizer
        self.n_synthetic = n_synthetic
        self.train_on = train_on
        self.subjects = subjects
        self.variations = variations
        self.random_state = random_state
        self.first_draw = first_draw

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Synthesise windows conditioned on these.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_features)
            Real windows.
        y : array-like of shape (n_windows,), optional
            Labels that win over those of the windows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is invalid, no condition is left, or nothing is left to fit.
        """
        self._augment(X, y)
        return self

    def fit_transform(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Windows:
        """Synthesise windows, and give those that the next steps are fitted on.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_features)
            Real windows.
        y : array-like of shape (n_windows,), optional
            Labels that win over those of the windows.

        Returns
        -------
        Windows of shape (n_real_ + n_synthetic_, window_size, n_features)
            Real windows first. With ``train_on="synthetic"`` the synthetic ones alone.

        Raises
        ------
        ValueError
            As `fit` does.
        """
        real = self._augment(X, y)
        if self.train_on == "real":
            return real
        if self.train_on == "synthetic":
            return self.synthetic_windows_
        return Windows.concatenate([real, self.synthetic_windows_])

    def transform(self, X: Any) -> Any:
        """Pass windows through unchanged.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_features)

        Returns
        -------
        X
            The same object.

        Raises
        ------
        ValueError
            If the windows have other channels or another length than those seen in `fit`.
        """
        check_is_fitted(self)
        require_alike(X, self._window_size, self._feature_names, type(self).__name__)
        return X

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Give the channels, which are those that came in."""
        check_is_fitted(self)
        return np.asarray(self._feature_names, dtype=object)

    def _augment(self, X: Any, y: ArrayLike | None) -> Windows:
        """Fit, and give the real windows with the labels that count."""
        self._check_parameters()
        real = as_windows(X)
        if real.provenance.holds_synthetic:
            raise ValueError(
                f"{int(real.is_synthetic.sum())} of the windows are synthetic already: one "
                "SynthefyAugmenter a pipeline, fitted on real windows."
            )
        if len(real) == 0:
            raise ValueError("There are no windows to augment: check the split that made them.")
        real = real.relabel(y)
        self._window_size = real.window_size
        self._feature_names = real.feature_names
        self.n_features_in_ = real.shape[2]
        self.n_real_ = len(real)
        self.synthesizer_: Synthesizer | None = None
        self.synthetic_windows_ = real[:0]
        began = time.perf_counter()
        if self.train_on != "real":
            self.synthetic_windows_ = self._synthesize(real)
        self.synthesis_seconds_ = time.perf_counter() - began
        self.n_synthetic_ = len(self.synthetic_windows_)
        if self.train_on == "synthetic" and self.n_synthetic_ == 0:
            raise ValueError(
                f"train_on='synthetic' with n_synthetic={self.n_synthetic!r} gives no synthetic window of "
                f"{self.n_real_} real ones, which leaves nothing to fit: ask for more."
            )
        return real

    def _check_parameters(self) -> None:
        if self.train_on not in TRAIN_ON:
            raise ValueError(
                f"train_on={self.train_on!r} is unknown: take one of {', '.join(map(repr, TRAIN_ON))}."
            )
        n = self.n_synthetic
        if not isinstance(n, Real) or isinstance(n, bool) or not math.isfinite(n) or n < 0:
            raise ValueError(
                f"n_synthetic={n!r} must be a ratio to the real windows (a float such as 0.5) or a "
                "number of windows (an int such as 10), not below zero."
            )
        if self.subjects is not None and (
            isinstance(self.subjects, str) or not isinstance(self.subjects, Iterable)
        ):
            raise ValueError(f"subjects={self.subjects!r} must be a list: [{self.subjects!r}].")
        if not isinstance(self.random_state, Integral):
            raise ValueError(
                f"random_state={self.random_state!r} must be a whole number: the choice of conditions "
                "is the same in every fold, so that a paid window serves all of them."
            )
        if not isinstance(self.first_draw, Integral) or self.first_draw < 0:
            raise ValueError(f"first_draw={self.first_draw!r} must be a whole number, 0 or more.")

    def _synthesize(self, real: Windows) -> Windows:
        synthesizer = SurrogateSynthesizer() if self.synthesizer is None else self.synthesizer
        if self.variations is not None and not getattr(synthesizer, "supports_variations", False):
            raise ValueError(
                f"{type(synthesizer).__name__} cannot honour variations: it keeps what the recorded "
                "window shows, whatever the edited condition says. Leave variations out, or use a "
                "synthesizer that is conditioned on them."
            )
        check_variations(self.variations, real)
        if self.n_synthetic == 0:
            return real[:0]
        fitted: Synthesizer = clone(synthesizer).fit(real)
        conditions = self._conditions(real, fitted)
        if len(conditions) == 0:
            return real[:0]
        self.synthesizer_ = fitted
        synthetic = fitted.synthesize(conditions)
        _check_synthetic(synthetic, conditions, type(synthesizer).__name__)
        return synthetic

    def _conditions(self, real: Windows, synthesizer: Synthesizer) -> Windows:
        candidates = real[self._candidates(real)]
        candidates = candidates[synthesizer.can_condition(candidates)]
        if len(candidates) == 0:
            raise ValueError(
                f"{type(synthesizer).__name__} knows none of the subjects to fit on: no condition is left."
            )
        windows, draws = choose_conditions(candidates, self.n_synthetic, int(self.random_state))
        conditions = candidates[windows]._drawn(draws + int(self.first_draw))
        if self.variations is None or len(conditions) == 0:
            return conditions
        return Windows.concatenate([vary(conditions, variation) for variation in self.variations])

    def _candidates(self, real: Windows) -> NDArray[np.intp]:
        """Give the windows that may be conditions: each origin once, of the subjects asked for."""
        _, once = np.unique(
            np.stack([real.provenance.codes, real.provenance.first_row]), axis=1, return_index=True
        )
        if self.subjects is None:
            return once
        if real.groups is None:
            raise ValueError(
                f"subjects={list(self.subjects)!r} cannot be told apart: the windows have no subjects. "
                "Cut them with a subject column, or pass groups to Windows.from_arrays."
            )
        chosen = once[np.isin(real.groups[once], np.asarray(list(self.subjects), dtype=object))]
        if len(chosen) == 0:
            present = ", ".join(str(subject) for subject in dict.fromkeys(real.groups))
            raise ValueError(
                f"None of subjects={list(self.subjects)!r} is among the windows to fit on, which are of "
                f"{present}: no condition is left."
            )
        return chosen


def choose_conditions(
    candidates: Windows, n_synthetic: float | int, random_state: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Choose the windows to condition synthetic ones on.

    Window ``j`` (0, 1, ...) in the order of a subject with ``m`` windows is asked for as soon as the
    ratio reaches ``(j + 1/2) / m``, beyond ``m`` as a further draw. Requests in this order are nested:
    the first ``k`` of a larger request are the smaller one. The order of a subject's windows, and their
    number at a given ratio, depend on that subject alone.

    Parameters
    ----------
    candidates : Windows
        Windows of distinct origins.
    n_synthetic : float or int
        Ratio or number.
    random_state : int
        Seed of the order.

    Returns
    -------
    windows : ndarray of shape (n_requests,)
        Positions among the candidates.
    draws : ndarray of shape (n_requests,)
        How often the same window was asked for before.
    """
    codes, first_row = candidates.provenance.codes, candidates.provenance.first_row
    subjects = [None] if candidates.provenance.subjects is None else candidates.provenance.subjects
    keys = np.array([text_key("condition", random_state, s) for s in subjects], dtype=np.uint64)
    order = np.lexsort((combine(keys[codes], first_row), codes))
    of_subject = keys[codes[order]]
    _, firsts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(firsts, sizes)
    size = np.repeat(sizes, sizes)

    is_count = isinstance(n_synthetic, Integral)
    n_rounds = int(np.ceil(n_synthetic / len(order) if is_count else n_synthetic)) + 1
    nth = (rank + np.arange(n_rounds)[:, None] * size).ravel()
    reached_at = (nth + 0.5) / np.tile(size, n_rounds)
    requests = np.lexsort((np.tile(of_subject, n_rounds), reached_at))
    if is_count:
        requests = requests[: int(n_synthetic)]
    else:
        requests = requests[: np.searchsorted(reached_at[requests], n_synthetic, side="right")]
    return order[requests % len(order)], (requests // len(order)).astype(np.int64)


def _check_synthetic(synthetic: Any, conditions: Windows, name: str) -> None:
    if not isinstance(synthetic, Windows):
        raise TypeError(
            f"{name}.synthesize must give skaug.Windows, got {type(synthetic).__name__}: return "
            "conditions.synthesized(X)."
        )
    alike = [
        (part.shape[1:], part.feature_names, part.y is None) for part in (synthetic, conditions)
    ]
    if alike[0] != alike[1] or not synthetic.is_synthetic.all():
        raise ValueError(
            f"{name}.synthesize was given {conditions!r}, and must give synthetic windows of the same "
            f"length and channels, with labels if those have some; it gave {synthetic!r}. Return "
            "conditions.synthesized(X)."
        )
    subjects = set() if synthetic.groups is None else set(synthetic.groups)
    if conditions.groups is not None and not (subjects and subjects <= set(conditions.groups)):
        strangers = sorted(str(subject) for subject in subjects - set(conditions.groups))
        raise ValueError(
            f"{name}.synthesize gave windows of {', '.join(strangers) or 'nobody'}, whom it was not asked "
            "for: they could be test subjects. Return conditions.synthesized(X)."
        )
