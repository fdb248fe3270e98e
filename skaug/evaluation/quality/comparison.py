"""The sets of windows that fidelity and diversity compare, all of the same size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.evaluation.quality.sample import FEWEST_WINDOWS, Sample

_DEALS = 5


@dataclass(frozen=True)
class Comparison:
    """Samples of equal size, for the three columns of a report.

    Parameters
    ----------
    real, synthetic, noise : Sample
        Training windows, and what is compared with them.
    ceiling : pair of Sample, or None
        Real windows, and real windows of other subjects to compare with them.
    deals : sequence of pairs of Sample
        All real subjects, held-out ones included, dealt into two sets in several ways.
    """

    real: Sample
    synthetic: Sample
    noise: Sample
    ceiling: tuple[Sample, Sample] | None
    deals: Sequence[tuple[Sample, Sample]] = ()

    def columns(
        self, function: Callable[[Sample, Sample], Any], missing: Any = np.nan
    ) -> tuple[Any, Any, Any]:
        """Compute a function of a reference and a candidate for value, ceiling and floor."""
        return (
            function(self.real, self.synthetic),
            missing if self.ceiling is None else function(*self.ceiling),
            function(self.real, self.noise),
        )


def compare(
    real: Sample, synthetic: Sample, holdout: Sample | None, most: int, seeds: Sequence[int]
) -> tuple[Comparison, str]:
    """Draw samples of equal size.

    Parameters
    ----------
    real, synthetic : Sample
        All windows of each set.
    holdout : Sample or None
        All windows of held-out subjects.
    most : int
        The greatest size of a sample.
    seeds : sequence of int
        Four seeds: for real, synthetic and other real windows, and for noise.

    Returns
    -------
    comparison : Comparison
    ceiling : str
        What the ceiling compares.
    """
    pair: tuple[Sample, Sample] | None
    if holdout is not None:
        pair = (real, holdout)
        ceiling = "real windows of held-out subjects against the training windows"
        everybody = Sample.concatenate([real, holdout])
    else:
        pair = deal(real, seeds[2])
        ceiling = "one half of the real subjects against the other half"
        everybody = real
    if pair is None:
        ceiling = (
            "none, because it needs windows of held-out subjects, or two or more known real subjects "
            f"with {FEWEST_WINDOWS} windows in either half"
        )
    n = min(most, *map(len, (real, synthetic, *(pair or ()))))
    first = real.draw(n, seeds[0])
    halves = [deal(everybody, seeds[2] + nth) for nth in range(_DEALS)]
    comparison = Comparison(
        real=first,
        synthetic=synthetic.draw(n, seeds[1]),
        noise=first.replaced(_white_noise(real.values, len(first), seeds[3])),
        ceiling=None
        if pair is None
        else (
            first if pair[0] is real else pair[0].draw(n, seeds[0]),
            pair[1].draw(n, seeds[2]),
        ),
        deals=[(half[0].draw(n, seeds[0]), half[1].draw(n, seeds[2])) for half in halves if half],
    )
    return comparison, ceiling


def deal(sample: Sample, seed: int) -> tuple[Sample, Sample] | None:
    """Deal the subjects into two sets with about the same number of windows.

    Parameters
    ----------
    sample : Sample
        The windows.
    seed : int
        For the order in which the subjects are dealt.

    Returns
    -------
    pair of Sample, or None
        None if the subjects are unknown, or a set would have fewer than 6 windows.
    """
    if sample.groups is None:
        return None
    codes, subjects = pd.factorize(sample.groups)
    sizes = np.bincount(codes)
    in_second = np.zeros(len(subjects), dtype=bool)
    n_windows = [0, 0]
    for subject in np.random.default_rng(seed).permutation(len(subjects)):
        in_second[subject] = n_windows[1] < n_windows[0]
        n_windows[int(in_second[subject])] += sizes[subject]
    if min(n_windows) < FEWEST_WINDOWS:
        return None
    return sample.take(~in_second[codes]), sample.take(in_second[codes])


def _white_noise(values: NDArray, n: int, seed: int) -> NDArray:
    """Draw noise with the mean and standard deviation of each channel; a flat channel stays flat."""
    mean, sd = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    noise = mean + sd * np.random.default_rng(seed).normal(size=(n, *values.shape[1:]))
    is_flat = values.max(axis=(0, 1)) == values.min(axis=(0, 1))
    return np.where(is_flat, values[0, 0], noise)
