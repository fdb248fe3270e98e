"""Synthetic windows that are mixtures of two windows with similar labels."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import betaincinv
from sklearn.utils.validation import check_is_fitted

from skaug._arrays import blocks_of, in_halves
from skaug._checks import is_finite_number, require_random_state
from skaug._random import combine, uniform
from skaug.synthesis.base import Synthesizer
from skaug.synthesis.conditions import candidate_windows, require_finite_samples
from skaug.synthesis.keys import condition_keys
from skaug.synthesis.origins import TrainingOrigins
from skaug.windows.container import Windows, require_alike
from skaug.windows.values import are_classes

# Bytes of windows to mix at a time: they stay in the cache.
_BLOCK_BYTES = 1 << 19

# The kernel is cut off at this many bandwidths, where it is 1.5e-8.
_REACH = 6.0

# Partners that are proposed before the kernel is computed over all candidates of a window; the square of it
# for several labels, where fewer candidates are near.
_N_PROPOSALS = 32


class MixupSynthesizer(Synthesizer):
    r"""Mix each window and its label with those of another training window (C-Mixup).

    The partner of a window is drawn from the other windows of the training fold; windows with similar labels
    are more likely. If the labels are classes, it is drawn from the windows of the same class, and the label
    does not change.

    **Which labels it keeps or moves.** It keeps a class (``keeps = {"class"}``) and moves a level, which is
    mixed when the samples are mixed (``moves = {"level"}``): a mean exactly; a power or variance roughly,
    because a mixture of two unrelated windows has less power than the mixture of their powers, by up to half.
    The power or variance of a mixture is therefore below its label, most of all between windows that have
    nothing in common. It breaks a rate: a mixture of two rhythms has two spectral peaks and none in between,
    unless the bandwidth is below what the window can resolve. It also breaks labels read off the shape or the
    timing of a waveform.

    Parameters
    ----------
    bandwidth : float, optional
        Standard deviation of the Gaussian kernel, in the unit of the label. By default it is computed from
        the labels of the training windows by Silverman's rule, :math:`0.9 \min(s, r / 1.34) n^{-1/5}`, with
        their standard deviation :math:`s` and interquartile range :math:`r`. If it is passed, whole
        numbers are mixed as numbers, however few distinct values there are. It cannot be passed for several
        labels per window, which differ in their units.
    alpha : float, default=2.0
        The share of the condition in the mixture has the distribution Beta(alpha, alpha): near 1/2 for a
        large `alpha`, near 0 or 1 for a small one.
    random_state : int, default=0
        Seed. Share and partner depend on it, on the origin of the condition, on its draw and on the training
        windows, not on the other conditions.

    Attributes
    ----------
    bandwidth_ : float, ndarray of shape (n_labels,), or None
        The bandwidth that is used, of each label where there are several; None if labels are classes.

    See Also
    --------
    skaug.SynthefyAugmenter : The pipeline step that uses a synthesizer.
    SurrogateSynthesizer : Keeps a label that is a rate.

    Notes
    -----
    With :math:`\lambda \sim \mathrm{Beta}(\alpha, \alpha)`, window :math:`x_i` and label :math:`y_i` become
    :math:`\lambda x_i + (1 - \lambda) x_j` and :math:`\lambda y_i + (1 - \lambda) y_j`, with a partner

    .. math:: P(j \mid i) \propto \exp\left(-\frac{(y_i - y_j)^2}{2 \sigma^2}\right), \quad j \neq i

    (Yao, Wang, Zhang, Zou and Finn, "C-Mixup: Improving generalization in regression", NeurIPS 2022, eq. 6
    and algorithm 1). The kernel is cut off at 6 bandwidths; if no other label is that close, the bandwidth
    is the distance to the nearest one. A window that occurs several times, as in a bootstrap sample, counts
    once, and is never its own partner. Silverman's rule is that of "Density estimation for
    statistics and data analysis" (1986), eq. 3.31.

    Several labels per window are compared together: distances are divided by the bandwidth of each label,
    with :math:`n^{-1/(4+d)}` for :math:`d` labels in the rule, and added up as squares; the cut-off is that
    of the first label. Windows are of the same class if all their classes agree.

    Labels are classes if they are text, booleans, the modes of a target (``target_agg="mode"``), or whole
    numbers with at most 20 distinct values. Subject, origin and context are those of the condition.

    Examples
    --------
    >>> import numpy as np
    >>> from skaug import Windows
    >>> from skaug.synthesis import MixupSynthesizer
    >>> levels = np.linspace(1.0, 2.0, 30)
    >>> windows = Windows.from_arrays(np.tile(levels[:, None, None], (1, 16, 1)), y=levels)
    >>> mixed = MixupSynthesizer(bandwidth=0.1).fit(windows).synthesize(windows)
    >>> np.allclose(mixed.to_numpy()[:, 0, 0], mixed.y)
    True
    >>> float(np.abs(mixed.y - levels).mean().round(2))
    0.05
    """

    keeps = frozenset({"class"})
    moves = frozenset({"level"})

    def __init__(
        self, bandwidth: float | None = None, alpha: float = 2.0, random_state: int = 0
    ) -> None:
        self.bandwidth = bandwidth
        self.alpha = alpha
        self.random_state = random_state

    def fit(self, windows: Windows) -> Self:
        """Keep the training windows, sorted by label.

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
            If a parameter is invalid; if there are no labels; if a window holds NaN or infinity (the error
            names it); if fewer than two windows have a label; or if a bandwidth is passed and the labels are
            classes, or several per window.
        """
        self._check_parameters()
        labels = windows.y
        if labels is None:
            raise ValueError(
                "These windows have no labels to choose similar windows by: cut them with a target, pass y "
                "to fit, or use SurrogateSynthesizer."
            )
        if labels.ndim != 1 and self.bandwidth is not None:
            raise ValueError(
                f"bandwidth={self.bandwidth!r} is in the unit of a label, and these windows have "
                f"{labels.shape[1]} labels each: use bandwidth=None, which computes one for each."
            )
        known = candidate_windows(windows[_has_labels(windows)], None)
        if len(known) < 2:
            raise ValueError(
                f"A mixture needs two windows, but {len(known)} of the training windows have a label."
            )
        for which, block in known.blocks():
            require_finite_samples(block.to_numpy(), known, which.start)
        is_class = windows.provenance.target_agg == "mode" or labels.dtype.kind not in "fiu"
        if is_class and self.bandwidth is not None:
            raise ValueError(
                f"bandwidth={self.bandwidth!r} is a distance between labels, but these labels are classes: "
                "use bandwidth=None, which mixes windows of the same class."
            )
        self._classes: pd.Index | None = None
        self.bandwidth_: float | NDArray | None = None
        labels = known.y
        assert labels is not None
        if is_class or (self.bandwidth is None and are_classes(labels)):
            self._classes = _index_of(labels).unique()
        elif labels.ndim == 1:
            self.bandwidth_ = float(self.bandwidth or _silverman(labels))
        else:
            n_labels = labels.shape[1]
            self.bandwidth_ = np.array([_silverman(one, n_labels) for one in labels.T])
        order = np.argsort(self._coordinates(known)[:, 0], kind="stable")
        self._windows = known[order]
        return self

    def can_condition(self, windows: Windows) -> NDArray[np.bool_]:
        """Return which windows have a label and, if labels are classes, another window of their class.

        Parameters
        ----------
        windows : Windows of shape (n_windows, window_size, n_features)
            Real windows of the training fold.

        Returns
        -------
        ndarray of bool of shape (n_windows,)
        """
        if self._classes is None:
            return _has_labels(windows)
        of_class = np.bincount(self._coordinates(self._windows)[:, 0].astype(np.intp))
        classes = self._classes.get_indexer(_index_of(windows.y))
        return (classes >= 0) & (of_class[classes] > 1)

    def synthesize(self, conditions: Windows) -> Windows:
        """Mix each condition with a training window.

        Parameters
        ----------
        conditions : Windows of shape (n_windows, window_size, n_features)
            Training windows with a label.

        Returns
        -------
        Windows of shape (n_windows, window_size, n_features)
            With mixed labels, or the labels of the conditions if these are classes.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            If a condition has no label, or is of a class without another window, or if the windows differ
            from those of `fit` in length or channels.
        """
        check_is_fitted(self)
        known = self._windows
        require_alike(conditions, known.window_size, known.feature_names, type(self).__name__)
        possible = self.can_condition(conditions)
        if not possible.all():
            raise ValueError(
                f"{int((~possible).sum())} of the conditions have no label, or are of a class without "
                "another training window: leave out the windows that can_condition refuses."
            )
        keys = condition_keys(conditions, "mixup", self.random_state)
        share = betaincinv(self.alpha, self.alpha, uniform(keys, 1)[:, 0])
        partners = draw_partners(
            self._coordinates(self._windows),
            self._coordinates(conditions),
            TrainingOrigins(self._windows).find(conditions),
            self._width,
            keys,
        )
        samples = conditions.to_numpy()
        n_block = max(1, _BLOCK_BYTES // max(1, samples[:1].nbytes))

        def work(half: slice) -> None:
            for block in blocks_of(half, n_block):
                of_condition = share[block, None, None].astype(samples.dtype)
                samples[block] *= of_condition
                samples[block] += (1 - of_condition) * self._windows[partners[block]].to_numpy()

        in_halves(work, len(conditions), samples.nbytes)
        if self._classes is not None:
            return conditions.synthesized(samples)
        assert conditions.y is not None
        share = share if conditions.y.ndim == 1 else share[:, None]
        labels = share * conditions.y + (1 - share) * self._windows.y[partners]
        is_float = conditions.y.dtype.kind == "f"
        return conditions.synthesized(
            samples, labels.astype(conditions.y.dtype) if is_float else labels
        )

    @property
    def _width(self) -> float:
        """The bandwidth in the unit of the coordinates."""
        if self.bandwidth_ is None:
            return 1 / (2 * _REACH)  # classes are 1 apart, so that this reaches no other one
        return 1.0 if isinstance(self.bandwidth_, np.ndarray) else self.bandwidth_

    def _coordinates(self, windows: Windows) -> NDArray[np.float64]:
        """Return labels as rows of numbers: classes are counted, several labels divided by bandwidths."""
        if self._classes is not None:
            return self._classes.get_indexer(_index_of(windows.y))[:, None].astype(np.float64)
        labels = np.asarray(windows.y, dtype=np.float64)
        return labels[:, None] if labels.ndim == 1 else labels / np.asarray(self.bandwidth_)

    def _check_parameters(self) -> None:
        for name in ("bandwidth", "alpha"):
            value = getattr(self, name)
            is_default = name == "bandwidth" and value is None
            if not is_default and not (is_finite_number(value) and value > 0):
                raise ValueError(f"{name}={value!r} must be a number above 0.")
        require_random_state(
            self.random_state, "a condition must have the same mixtures whatever the batch"
        )


def draw_partners(
    labels: NDArray[np.float64],
    at: NDArray[np.float64],
    own: NDArray[np.intp],
    bandwidth: float,
    keys: NDArray[np.uint64],
) -> NDArray[np.intp]:
    """Draw windows with probabilities proportional to a Gaussian kernel of the distance of labels.

    Parameters
    ----------
    labels : ndarray of shape (n_windows, n_labels)
        The labels of the windows to draw from, the first of them in ascending order.
    at : ndarray of shape (n_draws, n_labels)
        The labels from which each distance is measured.
    own : ndarray of shape (n_draws,)
        The position of a window that must not be drawn; -1 for none.
    bandwidth : float
        The standard deviation of the kernel, which is cut off at 6 of them in the first label. If no other
        first label is that close, it is the distance to the nearest.
    keys : ndarray of uint64 of shape (n_draws,)

    Returns
    -------
    ndarray of shape (n_draws,)
        Positions among `labels`.
    """
    widths = np.full(len(at), bandwidth)
    first, stop = _candidates(labels[:, 0], at[:, 0], widths)
    is_alone = stop - first <= (own >= 0)
    padded = np.concatenate([[-np.inf], labels[:, 0], [np.inf]])
    below, above = padded[first[is_alone]], padded[stop[is_alone] + 1]
    widths[is_alone] = np.minimum(at[is_alone, 0] - below, above - at[is_alone, 0])
    first, stop = _candidates(labels[:, 0], at[:, 0], widths)

    # By rejection: the kernel need not be computed for every pair of windows.
    partners = np.empty(len(at), dtype=np.intp)
    left = np.arange(len(at))
    for nth in range(_N_PROPOSALS if labels.shape[1] == 1 else _N_PROPOSALS**2):
        if len(left) == 0:
            break
        numbers = uniform(combine(keys[left], np.full(len(left), nth)), 2)
        proposed = first[left] + (numbers[:, 0] * (stop - first)[left]).astype(np.intp)
        kernel = np.exp(-_exponents(labels[proposed], at[left], widths[left]))
        accepted = (numbers[:, 1] < kernel) & (proposed != own[left])
        partners[left[accepted]] = proposed[accepted]
        left = left[~accepted]
    # The few that are left have the same distribution whichever way they are drawn.
    for draw, number in zip(
        left, uniform(combine(keys[left], np.full(len(left), -1)), 1)[:, 0], strict=True
    ):
        candidates = np.arange(first[draw], stop[draw])
        candidates = candidates[candidates != own[draw]]
        exponents = _exponents(labels[candidates], at[draw], widths[draw, None])
        sums = np.cumsum(np.exp(exponents.min() - exponents))
        partners[draw] = candidates[np.searchsorted(sums, number * sums[-1], side="right")]
    return partners


def _exponents(
    labels: NDArray[np.float64], at: NDArray[np.float64], widths: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return minus the logarithm of the kernel between rows of labels."""
    return 0.5 * (((labels - at) / widths[:, None]) ** 2).sum(axis=1)


def _candidates(
    labels: NDArray[np.float64], at: NDArray[np.float64], widths: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the range of the labels that the kernel reaches, for each draw."""
    first = np.searchsorted(labels, at - _REACH * widths, side="left")
    return first, np.searchsorted(labels, at + _REACH * widths, side="right")


def _has_labels(windows: Windows) -> NDArray[np.bool_]:
    """Return which windows miss no label."""
    is_missing = np.asarray(pd.isna(windows.y))
    return np.asarray(~is_missing.any(axis=tuple(range(1, is_missing.ndim))))


def _index_of(labels: NDArray | None) -> pd.Index:
    """Return classes as an index, the combinations of several per window as tuples."""
    assert labels is not None
    return pd.Index(labels) if labels.ndim == 1 else pd.MultiIndex.from_arrays(list(labels.T))


def _silverman(labels: NDArray, n_labels: int = 1) -> float:
    """Return the bandwidth of Silverman's rule for one of several labels; 1 if all labels are equal."""
    deviation = float(np.std(labels, ddof=1))
    low, high = np.percentile(labels, [25, 75])
    spread = min(deviation, (high - low) / 1.34) or deviation
    return 0.9 * spread * len(labels) ** (-1 / (4 + n_labels)) or 1.0
