"""Is a difference between two protocols more than chance? The subject is the unit, not the window.

Windows of one subject are not independent, and repeats of a comparison say nothing about other subjects.
Scores are therefore averaged over a subject's windows and over repeats first, and the tests here see one
difference per subject. ``benchmarks/inference.py`` simulates how often each test errs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from numpy.typing import ArrayLike

from skaug.evaluation.paired_tests import (
    ALPHA,
    check_rope,
    corrected_t,
    finite_differences,
    rope_probabilities,
    sign_flip_p,
    standard_deviation,
    student_interval,
    t_interval,
    wilcoxon_p,
    without_rounding,
)

#: With fewer subjects no exact two-sided test can reach `ALPHA`: five give 2 / 2**5 = 0.0625 at best.
FEWEST_SUBJECTS = 6

Verdict = Literal[
    "helped",
    "harmed",
    "no difference within the rope",
    "undecided",
    "undecided: too few subjects",
]


@dataclass(frozen=True)
class PairedInference:
    """Estimates and tests of the difference between a protocol and a reference, as returned by `infer`.

    Differences are in units of the score. Above zero the protocol was better.

    Attributes
    ----------
    n_subjects : int
        Number of subjects.
    mean : float
        Mean difference over subjects.
    sd : float
        Standard deviation over subjects (with n - 1); NaN for a single one.
    ci_low, ci_high : float
        95 % t interval of the mean (`t_interval`).
    n_better, n_worse : int
        Number of subjects with a better and with a worse score. The others have equal scores.
    p_sign_flip, p_wilcoxon : float
        Two-sided p-values over subjects (`sign_flip_p`, `wilcoxon_p`); NaN with fewer than
        `FEWEST_SUBJECTS` subjects.
    p_corrected : float
        Two-sided p-value over folds, the strictest one (`corrected_t`). NaN with too few subjects or
        without folds.
    p_worse, p_within, p_better : float
        Posterior probabilities that the difference lies below, within and above the rope
        (`rope_probabilities`); NaN with too few subjects, without folds or without a rope.
    rope : float or None
        Half width of the region of practical equivalence, in units of the score.
    """

    n_subjects: int
    mean: float
    sd: float
    ci_low: float
    ci_high: float
    n_better: int
    n_worse: int
    p_sign_flip: float
    p_wilcoxon: float
    p_corrected: float
    p_worse: float
    p_within: float
    p_better: float
    rope: float | None

    @property
    def p_value(self) -> float:
        """The p-value that decides the verdict: that of the sign flips, which test the reported mean.

        Wilcoxon's signed ranks test the center of symmetry instead, and are reported beside it.
        """
        return self.p_sign_flip

    def verdict(self, p_adjusted: float | None = None) -> Verdict:
        """Return a verdict in words.

        Parameters
        ----------
        p_adjusted : float, optional
            `p_value`, adjusted for the other protocols that were compared (`holm`); by default
            `p_value` itself.

        Returns
        -------
        str
            - ``"undecided: too few subjects"``: there are fewer than `FEWEST_SUBJECTS`.
            - ``"no difference within the rope"``: the 90 % t interval lies within the rope. This is
              the same as two one-sided tests at 5 % (Schuirmann, "A comparison of the two one-sided
              tests procedure and the power approach", J. Pharmacokinet. Biopharm. 15, 657, 1987). It
              takes precedence over the next two, because a difference may be significant and too small
              to matter.
            - ``"helped"``, ``"harmed"``: the p-value is below 0.05 and the mean lies outside the rope,
              if there is one. This means that there is a difference. It does not mean that the
              difference exceeds the rope, unless the whole interval does.
            - ``"undecided"``: anything else. The data show neither a difference that matters nor its
              absence.
        """
        if self.n_subjects < FEWEST_SUBJECTS:
            return "undecided: too few subjects"
        rope = 0.0 if self.rope is None else self.rope
        scale = self.sd / math.sqrt(self.n_subjects)
        low, high = student_interval(self.mean, scale, self.n_subjects - 1, 1 - 2 * ALPHA)
        if -rope < low and high < rope:
            return "no difference within the rope"
        p_value = self.p_value if p_adjusted is None else p_adjusted
        if p_value < ALPHA and abs(self.mean) > rope:
            return "helped" if self.mean > 0 else "harmed"
        return "undecided"


def infer(
    differences: pd.Series | ArrayLike,
    fold_differences: ArrayLike | None = None,
    test_share: float | None = None,
    *,
    rope: float | None = None,
    random_state: int = 0,
) -> PairedInference:
    """Test whether a protocol differs from the reference, over subjects.

    Parameters
    ----------
    differences : Series or array-like of shape (n_subjects,)
        Score of the protocol minus that of the reference, one per subject, averaged over the subject's
        windows and over repeats. Above zero is better. The index of a Series names the subjects in
        error messages.
    fold_differences : array-like of shape (n_folds,), optional
        The same per fold, as for `corrected_t`. Required for `p_corrected` and for the probabilities of
        the rope.
    test_share : float, optional
        The share of the subjects that a fold tests. Required with `fold_differences`.
    rope : float, optional
        Half width of the region of practical equivalence, in units of the score: a difference that is
        not larger does not matter.
    random_state : int, default=0
        Seed of the random sign flips that are used with more than 16 subjects.

    Returns
    -------
    PairedInference

    Raises
    ------
    ValueError
        If there are no subjects, a difference is NaN or infinite (the error names the subject or the
        fold), `rope` is not above zero, `test_share` does not lie between 0 and 1, only one of
        `fold_differences` and `test_share` is given, or `random_state` is not a whole number.

    Notes
    -----
    The tests over subjects take the trained models as given. They test whether the protocol's models are
    better for other subjects too, not whether models trained on another training set, or with other
    synthetic windows, would be. In ``benchmarks/inference.py`` they reject at most 10 % of true null
    hypotheses at a nominal 5 %, but up to 22 % where models differ by luck, because the generator is poor
    or there are more features than the subjects support. `p_corrected` rejects up to 8 % there, and less
    than 2 % elsewhere.

    Examples
    --------
    In Darwin's 15 pairs of plants, how much taller the cross-fertilized plant grew than the
    self-fertilized one, in eighths of an inch (Fisher, The Design of Experiments, 1935, section 17):

    >>> from skaug.evaluation.inference import infer
    >>> taller = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    >>> inference = infer(taller)
    >>> round(inference.mean, 2), inference.n_better, inference.n_worse
    (20.93, 13, 2)
    >>> round(inference.p_value, 4)
    0.0527
    >>> inference.verdict()
    'undecided'
    """
    d = without_rounding(finite_differences(differences, "subject"))
    if (fold_differences is None) != (test_share is None):
        raise ValueError("Pass fold_differences and test_share together, or neither of them.")
    if rope is not None:
        check_rope(rope)
    chances = {"p_sign_flip": sign_flip_p(d, random_state), "p_wilcoxon": wilcoxon_p(d)}
    chances |= dict.fromkeys(("p_corrected", "p_worse", "p_within", "p_better"), math.nan)
    if fold_differences is not None and test_share is not None:
        chances["p_corrected"] = corrected_t(fold_differences, test_share).p_value
        if rope is not None:
            posterior = rope_probabilities(fold_differences, test_share, rope)
            chances |= {f"p_{name}": chance for name, chance in posterior._asdict().items()}
    if d.size < FEWEST_SUBJECTS:
        chances = dict.fromkeys(chances, math.nan)
    low, high = t_interval(d)
    return PairedInference(
        n_subjects=d.size,
        mean=float(d.mean()),
        sd=standard_deviation(d),
        ci_low=low,
        ci_high=high,
        n_better=int((d > 0).sum()),
        n_worse=int((d < 0).sum()),
        rope=rope,
        **chances,
    )
