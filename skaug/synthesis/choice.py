"""Several synthesizers, each of which makes a share of the windows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skaug._checks import is_finite_number, require_list, require_random_state
from skaug._random import uniform
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import check_synthetic
from skaug.synthesis.keys import condition_keys
from skaug.windows.container import Windows
from skaug.windows.provenance import Target

_PARAMETERS = ("synthesizers", "weights", "random_state")


class ChoiceSynthesizer(Synthesizer):
    """Make each synthetic window with one of several synthesizers, drawn at random.

    **Which labels it keeps or moves.** It keeps the kinds of labels that all synthesizers keep. It moves the
    kinds that at least one moves and the others keep or move: every window has the right label, which may
    differ from the label of its condition. A kind that any one of them breaks is in neither set.

    Parameters
    ----------
    synthesizers : list of (str, Synthesizer)
        Names and synthesizers. The parameters of a synthesizer are set by ``name__parameter``, and
        the synthesizer itself is replaced by ``name``, as in scikit-learn's Pipeline.
    weights : sequence of float, optional
        The share of each synthesizer, 0 or more; they are divided by their sum. Equal shares by default. A
        synthesizer with a weight of 0 is left out.
    random_state : int, default=0
        Seed. The choice depends on it, on the names, on the origin of the condition and on its draw, and on
        nothing else: the same condition goes to the same synthesizer in every fold, batch and process.

    Attributes
    ----------
    synthesizers_ : list of (str, Synthesizer)
        The fitted synthesizers with a weight above 0.

    See Also
    --------
    skaug.SynthefyAugmenter : The pipeline step that uses a synthesizer.

    Notes
    -----
    All synthesizers are fitted on the same training windows. A window can be a condition only if it can be
    one for each of them, so that the choice does not decide which windows are conditions. Conditions can
    be edited (``variations``) only if every synthesizer follows the edited columns.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import SynthefyAugmenter, Windows
    >>> from skaug.synthesis import ChoiceSynthesizer, MixupSynthesizer, SurrogateSynthesizer
    >>> X = np.random.default_rng(0).normal(size=(40, 64, 1))
    >>> windows = Windows.from_arrays(X, y=np.linspace(60.0, 99.0, 40), groups=np.repeat([1, 2], 20))
    >>> either = ChoiceSynthesizer([("mixup", MixupSynthesizer()), ("surrogate", SurrogateSynthesizer())])
    >>> either.set_params(mixup__bandwidth=2.0, weights=[1, 3])
    ChoiceSynthesizer(synthesizers=[('mixup', MixupSynthesizer(bandwidth=2.0)),
                                    ('surrogate', SurrogateSynthesizer())],
                      weights=[1, 3])
    >>> SynthefyAugmenter(either).fit_transform(windows)
    Windows(80 of 64 x 1: x0; 2 subjects, labeled, 40 synthetic)
    """

    def __init__(
        self,
        synthesizers: Sequence[tuple[str, Synthesizer]],
        weights: Sequence[float] | None = None,
        random_state: int = 0,
    ) -> None:
        self.synthesizers = synthesizers
        self.weights = weights
        self.random_state = random_state

    @property
    def supports_variations(self) -> bool:  # type: ignore[override]
        """Whether conditions may be edited: only if each synthesizer supports it."""
        return all(synthesizer.supports_variations for _, synthesizer in self._used())

    @property
    def keeps(self) -> frozenset[str]:  # type: ignore[override]
        """The kinds of labels that every synthesizer keeps."""
        return frozenset.intersection(*(synthesizer.keeps for _, synthesizer in self._used()))

    @property
    def follows_one_label(self) -> bool:  # type: ignore[override]
        """Whether one of the synthesizers needs a single label per window."""
        return any(synthesizer.follows_one_label for _, synthesizer in self._used())

    @property
    def moves(self) -> frozenset[str]:  # type: ignore[override]
        """The kinds of labels that some synthesizers move, and the others move or keep."""
        known = [synthesizer.keeps | synthesizer.moves for _, synthesizer in self._used()]
        return frozenset.intersection(*known) - self.keeps

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with ``deep`` those of the synthesizers too.

        Parameters
        ----------
        deep : bool, default=True
            Whether to include each synthesizer under its name, and its parameters.

        Returns
        -------
        dict of str to object
        """
        params: dict[str, Any] = dict(super().get_params(deep=False))
        if not deep or self._complaint() is not None:
            return params
        for name, synthesizer in self.synthesizers:
            params[name] = synthesizer
            of_member = synthesizer.get_params(deep=True)
            params.update({f"{name}__{key}": value for key, value in of_member.items()})
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters: of this object, whole synthesizers by name, or ``name__parameter``.

        Parameters
        ----------
        **params : dict
            Names and values.

        Returns
        -------
        self
        """
        if "synthesizers" in params:  # before the names in it
            self.synthesizers = params.pop("synthesizers")
        if self._complaint() is None and any(name in params for name, _ in self.synthesizers):
            # A new list: the old one may be that of another object.
            self.synthesizers = [
                (name, params.pop(name, synthesizer)) for name, synthesizer in self.synthesizers
            ]
        super().set_params(**params)
        return self

    def check_edited(self, columns: Collection[str], target: Target) -> None:
        """Raise if one of the synthesizers does not follow edits of these columns.

        Parameters
        ----------
        columns : collection of str
            The edited columns.
        target : str, tuple of str, or None
            The column, or columns, of the labels.

        Raises
        ------
        ValueError
            As the synthesizer raises it.
        """
        for _, synthesizer in self._used():
            synthesizer.check_edited(columns, target)

    def fit(self, windows: Windows) -> Self:
        """Fit each synthesizer on the same windows.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            The real windows of the training fold.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If one of `synthesizers` is not a synthesizer.
        ValueError
            If names or weights are invalid, or `random_state` is not a whole number, 0 or more.
        """
        require_random_state(self.random_state, "the choice must be the same in every fold")
        used = self._used()
        self.synthesizers_ = [(name, clone(each).fit(windows)) for name, each in used]
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Return which windows can be conditions of each of the synthesizers.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            Real windows of the training fold.

        Returns
        -------
        ndarray of bool of shape (n_windows,)
        """
        possible = [synthesizer.can_condition(windows) for _, synthesizer in self.synthesizers_]
        return np.logical_and.reduce(possible)

    def synthesize(self, conditions: Windows) -> Windows:
        """Make one synthetic window per condition; each synthesizer is called once.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Real windows.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            In the order of the conditions.

        Raises
        ------
        NotFittedError
            Before `fit`.
        TypeError, ValueError
            If a synthesizer raises it, or does not return synthetic windows of its conditions.
        """
        check_is_fitted(self)
        if len(conditions) == 0:
            return conditions.synthesized(conditions.to_numpy())
        chosen = self._choose(conditions)
        parts = []
        for nth, (_, synthesizer) in enumerate(self.synthesizers_):
            its_own = conditions[chosen == nth]
            if len(its_own):
                parts.append(synthesizer.synthesize(its_own))
                check_synthetic(parts[-1], its_own, type(synthesizer).__name__)
        in_order = np.argsort(np.argsort(chosen, kind="stable"), kind="stable")
        return Windows.concatenate(parts)[in_order]

    def _why_no_variations(self) -> str:
        for name, synthesizer in self._used():
            if not synthesizer.supports_variations:
                reason = synthesizer._why_no_variations()
                return f"{type(self).__name__} does not support variations because of {name!r}: {reason}"
        return super()._why_no_variations()

    def _choose(self, conditions: Windows) -> NDArray[np.intp]:
        """Return the position in `synthesizers_` of the synthesizer of each condition."""
        weights = np.array([weight for weight in self._shares() if weight > 0])
        # With the names in the key, a choice within a choice is independent of the outer one.
        names = [name for name, _ in self.synthesizers_]
        keys = condition_keys(conditions, f"choice of {names}", self.random_state)
        bounds = np.cumsum(weights / weights.sum())[:-1]
        return np.searchsorted(bounds, uniform(keys, 1)[:, 0], side="right")

    def _used(self) -> list[tuple[str, Synthesizer]]:
        """Return the synthesizers with a weight above 0."""
        complaint = self._complaint()
        if complaint is not None:
            raise complaint
        pairs = zip(self.synthesizers, self._shares(), strict=True)
        return [(name, synthesizer) for (name, synthesizer), weight in pairs if weight > 0]

    def _shares(self) -> list[float]:
        n = len(self.synthesizers)
        if self.weights is None:
            return [1.0] * n
        require_list("weights", self.weights)
        weights = list(self.weights)
        if not all(is_finite_number(weight) and weight >= 0 for weight in weights) or not any(
            weights
        ):
            raise ValueError(f"weights={self.weights!r} must be numbers, 0 or more, and not all 0.")
        if len(weights) != n:
            raise ValueError(
                f"weights={self.weights!r} must hold one number for each of the {n} synthesizers."
            )
        return [float(weight) for weight in weights]

    def _complaint(self) -> TypeError | ValueError | None:
        """Return what is wrong with the names and synthesizers, if anything."""
        pairs = self.synthesizers
        is_list = isinstance(pairs, list | tuple) and len(pairs) > 0
        if not is_list or not all(
            isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
        ):
            return TypeError(
                f"synthesizers={pairs!r} must be a list of names and synthesizers: "
                '[("surrogate", SurrogateSynthesizer()), ...].'
            )
        names = [name for name, _ in pairs]
        for name, synthesizer in pairs:
            if isinstance(synthesizer, type) or not hasattr(synthesizer, "synthesize"):
                return TypeError(
                    f"{name!r} is {synthesizer!r}, which is not a Synthesizer, such as "
                    "SurrogateSynthesizer()."
                )
            if not isinstance(name, str) or not name or "__" in name or name in _PARAMETERS:
                return ValueError(
                    f"The name {name!r} of a synthesizer must be text without '__', other than "
                    f"{', '.join(map(repr, _PARAMETERS))}."
                )
        if len(set(names)) < len(names):
            return ValueError(f"The names of the synthesizers must differ, got {names}.")
        return None
