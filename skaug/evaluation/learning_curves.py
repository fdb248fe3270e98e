"""Learning curves: scores at several ratios, or numbers of real training subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone

from skaug._checks import (
    is_finite_number,
    is_whole_number,
    require_list,
    require_random_state,
    require_whole_number,
)
from skaug._warnings import collected, warn, without_repeats
from skaug.augmenter import SynthefyAugmenter
from skaug.evaluation.baselines import NAIVE, check_baselines, choose_naive
from skaug.evaluation.cross_validation import Trial, run_trials
from skaug.evaluation.folds import Samples, shared_by_design
from skaug.evaluation.learning_curve_scores import LearningCurve
from skaug.evaluation.outputs import check_outputs, outputs_of, scorers_by_output
from skaug.evaluation.protocol_variants import augmenter_path, protocol_of, under_protocol
from skaug.evaluation.scores import Scoring, named_scorers
from skaug.evaluation.searches import refuse_searched_synthesizer, synthesizers_of
from skaug.evaluation.synthesizers import check_synthesizers, variants_of
from skaug.evaluation.variants import Variant
from skaug.model_selection.scorers import scorer_sign
from skaug.synthesis import Synthesizer


def learning_curve(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    ratios: Sequence[float] = (0, 0.25, 0.5, 1, 2, 4),
    n_subjects: Sequence[int | None] | None = None,
    n_draws: int = 1,
    synthesizers: Mapping[str, Synthesizer] | None = None,
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: Scoring | None = None,
    baselines: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: bool | None = None,
) -> LearningCurve:
    """Score a pipeline with more and more synthetic windows, or with more and more real subjects.

    Amounts are nested in every fold: a larger ratio includes the conditions of a smaller one, and more
    training subjects include fewer.

    Parameters
    ----------
    estimator : pipeline
        As for `compare_protocols`. Its augmenter must have ``n_synthetic=None``.
    X : DataFrame or Windows
        Recordings or windows.
    y : array-like, optional
        Labels of rows or windows; by default the target column, or the labels of the windows. Several
        labels per window are named after the columns if `y` is a data frame, and 0, 1, ... otherwise.
    ratios : sequence of float, default=(0, 0.25, 0.5, 1, 2, 4)
        Synthetic windows per real one. Ignored if `n_subjects` is passed.
    n_subjects : sequence of int or None, optional
        Numbers of real training subjects, chosen at random in each fold; None means all of them. Each
        number is scored with real windows alone (TRTR), with repeated real windows (the control TRRTR) and
        with the synthetic windows that the pipeline's augmenter adds to them (TRSTR), beside the naive
        baseline and the `baselines`.
    n_draws : int, default=1
        How many times training subjects are drawn for each fold. Scores are averaged over the draws
        before they are tested.
    synthesizers : dict of str to Synthesizer, optional
        One curve per synthesizer ("TRSTR, rate"), as for `compare_synthesizers`, in place of the
        synthesizer of the augmenter.
    cv, groups, scoring, n_jobs, progress
        As for `compare_protocols`. With `skaug.model_selection.CalibrationSplit`, `n_subjects` counts other
        subjects: the first windows of the test subjects are always trained on, and the verdict says so.
    baselines : dict of str to estimator, optional
        As for `compare_protocols`, for a curve over `n_subjects`.
    random_state : int, default=0
        Seed of the random sign flips and, together with fold and draw, of the choice of training subjects.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError
        If the augmenter has `n_synthetic`, a ratio is negative, a fold has fewer training subjects than
        `n_subjects` requires, `n_draws` or `baselines` come without `n_subjects`, or as `compare_protocols`
        and `compare_synthesizers` do.

    Warns
    -----
    DataWarning
        The warnings of this category from all fits and workers. Those that differ only in numbers or the
        subject they name are shown once.

    See Also
    --------
    compare_protocols : Compare protocols at one amount, with tests over subjects.
    compare_synthesizers : Compare synthesizers at one amount.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import learning_curve
    >>> pipe = make_pipeline(
    ...     SubjectWindower(features=["BVP"], target="heart_rate"),
    ...     SynthefyAugmenter(),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=64),
    ...     Ridge(),
    ... )
    >>> recordings = simulate_ppg(n_subjects=3, minutes=1)
    >>> curve = learning_curve(pipe, recordings, ratios=(0, 1), progress=False)
    >>> curve.scores.groupby("ratio")["n_synthetic"].mean().tolist()
    [0.0, 14.0]
    """
    path = augmenter_path(estimator)
    _check_augmenter(estimator.get_params(deep=True)[path])
    scorers = named_scorers(scoring, estimator)
    require_random_state(random_state)
    require_whole_number("n_draws", n_draws, 1)
    baselines = check_baselines(baselines)
    if n_subjects is None and (n_draws > 1 or baselines):
        unused = f"n_draws={n_draws}" if n_draws > 1 else f"baselines={list(baselines)!r}"
        raise ValueError(
            f"{unused} is for a curve over numbers of training subjects: pass n_subjects too."
        )
    variants = [Variant(label, estimator) for label in ("TRTR", "TRRTR", "TRSTR")]
    if synthesizers is not None:
        refuse_searched_synthesizer(estimator, path, "learning_curve(synthesizers=...)")
        variants = variants_of(estimator, path, check_synthesizers(synthesizers), ["TRRTR"])
    with collected() as messages:
        samples = Samples.of(estimator, X, y, groups)
    outputs = outputs_of(estimator, samples, y)
    used = synthesizers_of(estimator, path) if synthesizers is None else synthesizers.values()
    check_outputs(outputs, estimator, estimator.get_params(deep=True)[path], used, baselines)
    scorers = scorers_by_output(scorers, outputs)
    by_design = shared_by_design(cv)
    may_share = by_design is not None
    folds = samples.folds(cv, may_share=may_share)
    names: dict[float, str] = {}
    if n_subjects is None:
        trials = list(_by_ratio(variants, path, ratios, folds))
    else:
        # Subjects to draw from: a test subject that shares its first windows is always trained on.
        present = [np.setdiff1d(samples.codes[train], samples.codes[test]) for train, test in folds]
        amounts, names = _amounts(n_subjects, [len(codes) for codes in present])
        trials = list(
            _by_subjects(
                variants, path, amounts, folds, present, samples, baselines, n_draws, random_state
            )
        )
    outcome = run_trials(
        trials,
        samples,
        scorers,
        n_jobs=n_jobs,
        progress=progress,
        may_share=may_share,
        outputs=outputs,
        label="learning curve",
    )
    messages = without_repeats([*messages, *outcome.warnings])
    for message in messages:
        warn(message)
    details = {
        "signs": {name: scorer_sign(scorer) for name, scorer in scorers.items()},
        "warnings": messages,
        "random_state": int(random_state),
        "amount_names": names,
        "shared_by_design": by_design,
        "outputs": None if outputs is None else list(outputs),
    }
    order = [*(variant.label for variant in variants), NAIVE, *baselines]
    return LearningCurve(_sorted(outcome.scores, order), details)


def _check_augmenter(augmenter: SynthefyAugmenter) -> None:
    if augmenter.n_synthetic is not None:
        raise ValueError(
            f"A learning curve adds synthetic windows in proportion to the real ones, but n_synthetic="
            f"{augmenter.n_synthetic!r} is a number in all: use ratio and n_synthetic=None."
        )


def _by_ratio(
    variants: Sequence[Variant],
    path: str,
    ratios: Sequence[float],
    folds: list[tuple[NDArray, NDArray]],
) -> Iterator[Trial]:
    require_list("ratios", ratios)
    if not len(ratios):
        raise ValueError("ratios=() is empty: pass some ratios, such as (0, 1).")
    if not all(is_finite_number(ratio) and ratio >= 0 for ratio in ratios):
        raise ValueError(f"ratios={list(ratios)!r} must be numbers, 0 or more.")
    for fold, (train, test) in enumerate(folds):
        for ratio in dict.fromkeys(map(float, ratios)):
            for label, estimator in variants:
                protocol = protocol_of(label)[0]
                if protocol != ("TRSTR" if ratio else "TRTR"):
                    continue
                varied = clone(estimator).set_params(**{f"{path}__ratio": ratio})
                labels = {"ratio": ratio, "protocol": label, "fold": fold}
                yield Trial(labels, under_protocol(varied, path, protocol), train, test)


def _amounts(
    n_subjects: Sequence[int | None], present: Sequence[int]
) -> tuple[dict[float, int | None], dict[float, str]]:
    """Return the number of training subjects of each amount (None: all), and the names of amounts.

    The amount for all subjects is their number or, if folds differ, its mean over folds.
    """
    require_list("n_subjects", n_subjects)
    if not len(n_subjects):
        raise ValueError("n_subjects=() is empty: pass some numbers, such as (2, 4, None).")
    fewest, most = min(present), max(present)
    for n in n_subjects:
        if n is not None and (not is_whole_number(n) or not 1 <= n <= fewest):
            raise ValueError(
                f"n_subjects={list(n_subjects)!r} must be whole numbers from 1 to {fewest}, the number "
                f"of training subjects in fold {present.index(fewest)}, or None for all of them."
            )
    everyone = fewest if fewest == most else float(np.mean(present))
    amounts = {everyone if n is None else int(n): n for n in n_subjects}
    text = f"all {fewest}" if fewest == most else f"all {fewest} to {most}"
    return amounts, {everyone: text} if None in n_subjects else {}


def _by_subjects(
    variants: Sequence[Variant],
    path: str,
    amounts: Mapping[float, int | None],
    folds: list[tuple[NDArray, NDArray]],
    present: Sequence[NDArray],
    samples: Samples,
    baselines: Mapping[str, Any],
    n_draws: int,
    random_state: int,
) -> Iterator[Trial]:
    for fold, (train, test) in enumerate(folds):
        for draw in range(n_draws):
            order = np.random.default_rng([random_state, fold, draw]).permutation(present[fold])
            for amount, n in amounts.items():
                if draw and (n is None or n == len(order)):
                    continue  # every draw is the same
                among = np.concatenate([order[:n], np.unique(samples.codes[test])])
                chosen = train[np.isin(samples.codes[train], among)]
                for label, estimator in variants:
                    protocol = protocol_of(label)[0]
                    yield Trial(
                        {
                            "n_training_subjects": amount,
                            "protocol": label,
                            "draw": draw,
                            "fold": fold,
                        },
                        under_protocol(estimator, path, protocol),
                        chosen,
                        test,
                        baselines=baselines if label == "TRTR" else None,
                    )


def _sorted(scores: pd.DataFrame, protocols: list[str]) -> pd.DataFrame:
    """Sort by amount and protocol, and keep the better naive baseline at each amount."""
    amount = scores.columns[0]
    parts = [choose_naive(part)[0] for _, part in scores.groupby(amount)]
    order = {name: i for i, name in enumerate(protocols)}
    by_protocol = {"by": "protocol", "key": lambda names: names.map(order), "kind": "stable"}
    return pd.concat([part.sort_values(**by_protocol) for part in parts], ignore_index=True)
