"""Synthetic windows join the real ones while fitting, never while predicting."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skaug._checks import (
    is_finite_number,
    require_choice,
    require_list,
    require_random_state,
    require_whole_number,
)
from skaug.base import WindowStep
from skaug.synthesis import Synthesizer
from skaug.synthesis.balance import choose_balanced, require_one_label
from skaug.synthesis.conditions import (
    candidate_windows,
    check_synthetic,
    choose_conditions,
    refuse_several_labels,
)
from skaug.synthesis.surrogate import synthesizer_or_default
from skaug.synthesis.variations import Variation, check_variations, vary
from skaug.windows.container import Windows, as_windows, require_alike

TRAIN_ON = ("real+synthetic", "real", "synthetic")


class SynthefyAugmenter(WindowStep):
    """Add synthetic windows to the windows that the next steps are fitted on.

    While predicting, windows pass through unchanged and nothing is synthesized.

    Parameters
    ----------
    synthesizer : Synthesizer, optional
        Where synthetic windows come from. The default is `SurrogateSynthesizer`, which needs no network
        and costs nothing.
    ratio : float, default=1.0
        Number of synthetic windows per real window, 0 or more, applied subject by subject. Above 1,
        further windows are drawn from the same conditions. A window that occurs several times, as in a
        bootstrap sample, counts once.
    n_synthetic : int, optional
        Number of synthetic windows in all, in place of `ratio`. They are spread over the subjects in
        proportion to their windows. If there are fewer conditions, further windows are drawn from them.
    balance : {None, "label"}, default=None
        "label": choose conditions so that labels are evenly represented among real and synthetic windows.
        Each synthetic window is made from the class with the fewest windows so far, from its subjects in
        turns; a rare window is drawn many times. Labels that are numbers with fractions, or more than 20
        different ones, are put into ten bins of equal width between the 1st and the 99th percentile of the
        training labels, and those beyond into the outer bins. `ratio` then counts over all subjects.
    train_on : {"real+synthetic", "real", "synthetic"}, default="real+synthetic"
        What the next steps are fitted on. In this order, these are the protocols TRSTR, TRTR (nothing
        is synthesized) and TSTR.
    subjects : sequence, optional
        The subjects whose windows may be conditions; all of them by default. Subjects without a window
        in ``fit`` are skipped.
    variations : list of dict, optional
        What-if edits of the conditions: column -> new value, or ``("add" | "subtract" | "multiply" |
        "divide", number)``. Each dict adds one synthetic window per chosen condition, so two dicts
        double the number. If the target is edited, the label follows.
    random_state : int, default=0
        Seed for the choice of conditions. A larger `ratio` or `n_synthetic` includes the conditions of a
        smaller one, and the choice within a subject does not depend on the other subjects (with `balance` it
        does, so that another fold may need other windows; each is still paid for once).
    first_draw : int, default=0
        The number of the first draw from each condition. Another number gives other synthetic windows of the
        same conditions: this is how `skaug.evaluation.compare_protocols` draws its repeats.
    synthetic_weight : float, default=1.0
        Factor on the weights of synthetic windows. The weight of a synthetic window is that of the window it
        was made from (1 if ``fit`` gets no `sample_weight`) times this factor. If it is not 1, the last step
        is fitted with `sample_weight` even if ``fit`` gets none, and must accept it.

    Attributes
    ----------
    n_real_ : int
        Number of real windows seen in ``fit``.
    n_synthetic_ : int
        Number of synthetic windows made.
    synthetic_windows_ : Windows of shape (n_synthetic, window_size, n_features)
        The synthetic windows. They are not pickled with the augmenter, so that a saved model contains counts
        and origins, but no recordings of people.
    synthetic_origins_ : DataFrame with one row per synthetic window
        ``subject``, ``first_row`` and ``draw`` of each synthetic window.
    synthesizer_ : Synthesizer or None
        The fitted synthesizer; None if no synthetic window was needed.
    synthesis_seconds_ : float
        Seconds spent on fitting the synthesizer and synthesizing.

    Notes
    -----
    Balance is that of the labels of conditions. A synthesizer that moves labels, such as `RateSynthesizer` or
    `MixupSynthesizer`, moves them afterwards.

    See Also
    --------
    SynthefySampler : The same for pipelines of imbalanced-learn.
    skaug.synthesis.Synthesizer : Base class for a source of synthetic windows of your own.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SynthefyAugmenter, Windows
    >>> X = np.random.default_rng(0).normal(size=(6, 64, 1))
    >>> windows = Windows.from_arrays(X, y=[60, 62, 64, 80, 82, 84], groups=list("AAABBB"))
    >>> augmented = SynthefyAugmenter(n_synthetic=2).fit_transform(windows)
    >>> augmented
    Windows(8 of 64 x 1: x0; 2 subjects, labeled, 2 synthetic)
    >>> augmented[augmented.is_synthetic].origins
      subject  first_row  draw
    0       A         64     0
    1       B        128     0
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
        first_draw: int = 0,
        synthetic_weight: float = 1.0,
    ) -> None:
        self.synthesizer = synthesizer
        self.ratio = ratio
        self.n_synthetic = n_synthetic
        self.balance = balance
        self.train_on = train_on
        self.subjects = subjects
        self.variations = variations
        self.random_state = random_state
        self.first_draw = first_draw
        self.synthetic_weight = synthetic_weight

    def fit(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Self:
        """Synthesize windows conditioned on real ones.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_features)
            Real windows.
        y : array-like of shape (n_windows,), optional
            Labels that replace those of the windows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is invalid, no window may be a condition, or nothing is left to fit the next
            steps on.
        """
        self._augment(X, y)
        return self

    def fit_transform(self, X: Windows | ArrayLike, y: ArrayLike | None = None) -> Windows:
        """Synthesize windows and return those that the next steps are fitted on.

        Parameters
        ----------
        X : Windows or array-like of shape (n_windows, window_size, n_features)
            Real windows.
        y : array-like of shape (n_windows,), optional
            Labels that replace those of the windows.

        Returns
        -------
        Windows of shape (n_real + n_synthetic, window_size, n_features)
            Real windows first. With ``train_on="synthetic"``, only the synthetic ones.

        Raises
        ------
        ValueError
            As in `fit`.
        """
        real = self._augment(X, y)
        if self.train_on == "real":
            return real
        if self.train_on == "synthetic":
            return self.synthetic_windows_
        return Windows.concatenate([real, self.synthetic_windows_])

    def transform(self, X: Any) -> Any:
        """Return the windows unchanged.

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
            If the channels or the length of the windows differ from those seen in `fit`.
        """
        check_is_fitted(self)
        require_alike(X, self._window_size, self._feature_names, type(self).__name__)
        return X

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray:
        """Return the names of the channels, which do not change."""
        check_is_fitted(self)
        return np.asarray(self._feature_names, dtype=object)

    def _augment(self, X: Any, y: ArrayLike | None) -> Windows:
        """Fit, and return the real windows with the labels in use."""
        self._check_parameters()
        real = as_windows(X)
        if real.provenance.holds_synthetic:
            raise ValueError(
                f"{int(real.is_synthetic.sum())} of the windows are synthetic already: use one "
                "SynthefyAugmenter per pipeline, and fit it on real windows."
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
        self.synthetic_origins_ = self.synthetic_windows_.origins
        if self.train_on == "synthetic" and self.n_synthetic_ == 0:
            name = "ratio" if self.n_synthetic is None else "n_synthetic"
            raise ValueError(
                f"train_on='synthetic' with {name}={getattr(self, name)!r} makes no synthetic windows from "
                f"{self.n_real_} real ones, which leaves nothing to fit: use a larger {name}."
            )
        return real

    def __getattr__(self, name: str) -> Any:
        if name == "synthetic_windows_" and "n_synthetic_" in self.__dict__:
            raise AttributeError(
                "The synthetic windows were not pickled with the augmenter, so that saved models contain no "
                "recordings of people. Fit it again, or save synthetic_windows_ before you pickle it."
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("synthetic_windows_", None)
        for name in ("synthesizer", "synthesizer_"):
            if isinstance(state.get(name), Synthesizer):
                state[name] = clone(state[name])
        return state

    def __copy__(self) -> Self:
        return self._copied(dict(self.__dict__))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self._copied(copy.deepcopy(self.__dict__, memo))

    def _copied(self, attributes: dict[str, Any]) -> Self:
        """Return a copy in this process, which keeps everything."""
        new = type(self).__new__(type(self))
        new.__dict__.update(attributes)
        return new

    def _check_parameters(self) -> None:
        require_choice("balance", self.balance, (None, "label"))
        require_choice("train_on", self.train_on, TRAIN_ON)
        is_class = isinstance(self.synthesizer, type)
        if self.synthesizer is not None and (
            is_class or not hasattr(self.synthesizer, "synthesize")
        ):
            raise TypeError(
                f"synthesizer={self.synthesizer!r} must be a Synthesizer, such as "
                "SurrogateSynthesizer(), or None."
            )
        self._check_amount()
        if self.subjects is not None:
            require_list("subjects", self.subjects)
        require_random_state(
            self.random_state,
            "every fold must choose the same conditions, so that a paid window serves all of them",
        )
        require_whole_number("first_draw", self.first_draw, 0)
        if not is_finite_number(self.synthetic_weight) or self.synthetic_weight < 0:
            raise ValueError(
                f"synthetic_weight={self.synthetic_weight!r} must be a number, 0 or more."
            )

    def _check_amount(self) -> None:
        """Raise unless `ratio` and `n_synthetic` say how many windows to synthesize."""
        if not is_finite_number(self.ratio) or self.ratio < 0:
            raise ValueError(
                f"ratio={self.ratio!r} must be a number, 0 or more: the number of synthetic windows per "
                "real one."
            )
        if self.n_synthetic is None:
            return
        require_whole_number(
            "n_synthetic",
            self.n_synthetic,
            0,
            "it counts synthetic windows in all. For a number per real window, use ratio",
        )
        if self.ratio != 1.0:
            raise ValueError(
                f"ratio={self.ratio!r} cannot be used beside n_synthetic={self.n_synthetic!r}: pass one of "
                "them. A search over ratio needs n_synthetic=None."
            )

    def _synthesize(self, real: Windows) -> Windows:
        synthesizer = synthesizer_or_default(self.synthesizer)
        if self.balance is not None:
            require_one_label(real)
        if self.variations is not None and not getattr(synthesizer, "supports_variations", False):
            raise ValueError(
                f"{synthesizer._why_no_variations()} Pass variations=None, or use a synthesizer that is "
                "conditioned on labels and context."
            )
        check_variations(self.variations, real)
        if self.variations is not None:
            if getattr(synthesizer, "follows_one_label", False):
                refuse_several_labels(real, type(synthesizer).__name__)
            edited = {name for variation in self.variations for name in variation}
            synthesizer.check_edited(sorted(edited), real.provenance.target)
            targets = edited.intersection(real.provenance.targets)
            if self.balance is not None and targets:
                raise ValueError(
                    f"balance='label' cannot be used beside variations of {min(targets)!r}, which "
                    "change the labels: pass balance=None, or vary other columns."
                )
        if (self.ratio if self.n_synthetic is None else self.n_synthetic) == 0:
            return real[:0]
        fitted: Synthesizer = clone(synthesizer).fit(real)
        conditions = self._conditions(real, fitted)
        if len(conditions) == 0:
            return real[:0]
        self.synthesizer_ = fitted
        synthetic = fitted.synthesize(conditions)
        check_synthetic(synthetic, conditions, type(synthesizer).__name__)
        if self.synthetic_weight == 1:
            return synthetic
        weights = np.full(len(synthetic), float(self.synthetic_weight))
        return synthetic._with_provenance(replace(synthetic.provenance, weights=weights))

    def _conditions(self, real: Windows, synthesizer: Synthesizer) -> Windows:
        candidates = candidate_windows(real, self.subjects)
        candidates = candidates[synthesizer.can_condition(candidates)]
        if len(candidates) == 0:
            raise ValueError(
                f"{type(synthesizer).__name__} cannot be conditioned on any training window: choose "
                "other subjects, or another synthesizer."
            )
        amount = (float(self.ratio), self.n_synthetic, int(self.random_state))
        if self.balance is None:
            windows, draws = choose_conditions(candidates, *amount)
        else:
            windows, draws = choose_balanced(candidates, real, *amount)
        conditions = candidates[windows]._drawn(draws + int(self.first_draw))
        if self.variations is None or len(conditions) == 0:
            return conditions
        return Windows.concatenate([vary(conditions, variation) for variation in self.variations])
