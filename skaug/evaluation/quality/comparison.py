"""The sets of windows that fidelity and diversity compare, all of the same size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from skaug.evaluation.quality.sample import FEWEST_WINDOWS, Sample

#: If sets differ in size, or are too large, results are averaged over this many random subsets.
N_SUBSETS = 20

#: The greatest number of windows in each set of a subset.
MOST_COMPARED = 1000

# A deal is even if its smaller half is at least this share of that of the most even deal.
_EVEN = 0.75


class Columns(NamedTuple):
    """One measure in the columns of a report.

    The value is a mean over subsets, and `spread` their standard deviation: NaN where all windows are
    compared at once. Ceiling and floor are means over the same subsets.
    """

    value: float
    floor: float
    ceiling: float
    spread: float


class Subset(NamedTuple):
    """Sets of windows to compare with each other.

    `ceiling` is a pair of real windows and real windows of other subjects; `dealt` is a pair of all real
    windows, held-out ones included, with half of the subjects in each. They are None if there are no
    such windows.
    """

    real: Sample
    synthetic: Sample
    ceiling: tuple[Sample, Sample] | None
    dealt: tuple[Sample, Sample] | None


class Comparison:
    """Subsets of real and synthetic windows, all of the same size.

    Parameters
    ----------
    real, synthetic : Sample
        The two sets.
    holdout : Sample or None
        Windows of held-out subjects.
    seed : int
        For the noise and for dealing subjects.

    Attributes
    ----------
    n_compared : int
        The number of windows in each set of a subset.
    n_subsets : int
        1 if all windows are compared at once, otherwise 20.
    noise : Sample
        As many windows of noise.
    ceiling : str
        What the ceiling compares.
    """

    def __init__(self, real: Sample, synthetic: Sample, holdout: Sample | None, seed: int) -> None:
        self.real = real
        self.synthetic = synthetic
        self._holdout = holdout
        self._everybody = real if holdout is None else Sample.concatenate([real, holdout])
        self._deal_seeds, n_dealt = _even_deals(self._everybody, seed)
        sizes = [len(real), len(synthetic)]
        if holdout is not None:
            sizes.append(len(holdout))
            self.ceiling = "real windows of held-out subjects against the training windows"
        elif self._deal_seeds:
            sizes.append(n_dealt)
            self.ceiling = "one half of the real subjects against the other half"
        else:
            self.ceiling = (
                "none, because it needs windows of held-out subjects, or two or more known real subjects "
                f"with {FEWEST_WINDOWS} windows in either half"
            )
        self.n_compared = min(MOST_COMPARED, *sizes)
        self.n_subsets = 1 if max(sizes) == self.n_compared else N_SUBSETS
        self.noise = _white_noise(real, self.n_compared, seed)

    def subset(self, nth: int) -> Subset:
        """Draw the subset with this number: each number draws other windows and deals the subjects again."""
        real, synthetic = self._draw(self.real, nth), self._draw(self.synthetic, nth)
        dealt = None
        if self._deal_seeds:
            first, second = deal(self._everybody, self._deal_seeds[nth % len(self._deal_seeds)])
            dealt = self._draw(first, nth), self._draw(second, nth)
        if self._holdout is None:
            return Subset(real, synthetic, dealt, dealt)
        return Subset(real, synthetic, (real, self._draw(self._holdout, nth)), dealt)

    def columns(self, function: Callable[[Sample, Sample], Sequence[float]]) -> list[Columns]:
        """Compute numbers of a reference and a candidate, averaged over the subsets.

        Parameters
        ----------
        function : callable
            Returns some numbers for a reference and a candidate.

        Returns
        -------
        list of Columns
            One entry per number.
        """
        values, floors, ceilings = [], [], []
        # These matrices are small: threads would spend most of their time waiting for each other.
        with threadpool_limits(1):
            for nth in range(self.n_subsets):
                subset = self.subset(nth)
                values.append(function(subset.real, subset.synthetic))
                floors.append(function(subset.real, self.noise))
                if subset.ceiling is not None:
                    ceilings.append(function(*subset.ceiling))
        nothing = np.full(len(values[0]), np.nan)
        is_drawn = max(len(self.real), len(self.synthetic)) > self.n_compared
        numbers = (
            np.mean(values, axis=0),
            np.mean(floors, axis=0),
            np.mean(ceilings, axis=0) if ceilings else nothing,
            np.std(values, axis=0, ddof=1) if is_drawn else nothing,
        )
        return [Columns(*each) for each in np.transpose(numbers).tolist()]

    def _draw(self, sample: Sample, nth: int) -> Sample:
        return sample.draw(self.n_compared, "subset", nth)


def deal(sample: Sample, seed: int) -> tuple[Sample, Sample]:
    """Deal whole subjects into two sets with about the same number of windows.

    Parameters
    ----------
    sample : Sample
        Windows of known subjects.
    seed : int
        For the order in which the subjects are dealt.

    Returns
    -------
    pair of Sample
        The second one is empty if there is only one subject.
    """
    codes, subjects = pd.factorize(sample.groups)
    sizes = np.bincount(codes)
    in_second = np.zeros(len(subjects), dtype=bool)
    n_windows = [0, 0]
    for subject in np.random.default_rng(seed).permutation(len(subjects)):
        in_second[subject] = n_windows[1] < n_windows[0]
        n_windows[int(in_second[subject])] += sizes[subject]
    return sample.take(~in_second[codes]), sample.take(in_second[codes])


def _even_deals(sample: Sample, seed: int) -> tuple[list[int], int]:
    """Return the seeds of deals with large enough halves, and the size of the smallest half.

    Where recordings differ in length some deals are uneven. They would make every set as small.
    """
    if sample.groups is None:
        return [], 0
    seeds = [seed + nth for nth in range(N_SUBSETS)]
    sizes = np.array([min(map(len, deal(sample, each))) for each in seeds])
    is_even = sizes >= max(FEWEST_WINDOWS, _EVEN * sizes.max())
    return [each for each, even in zip(seeds, is_even, strict=True) if even], (
        int(sizes[is_even].min()) if is_even.any() else 0
    )


def _white_noise(real: Sample, n: int, seed: int) -> Sample:
    """Draw noise with the mean and standard deviation of each channel; a flat channel stays flat."""
    values = real.values
    mean, sd = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    noise = mean + sd * np.random.default_rng(seed).normal(size=(n, *values.shape[1:]))
    is_flat = values.max(axis=(0, 1)) == values.min(axis=(0, 1))
    noise = np.where(is_flat, values[0, 0], noise)
    return real.replaced(noise)
