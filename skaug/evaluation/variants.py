"""Variants of an estimator on the same folds of subjects: the body of every comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skaug._checks import require_random_state, require_whole_number
from skaug._versions import versions
from skaug._warnings import collected, warn, without_repeats
from skaug.evaluation.baselines import NAIVE, check_baselines, choose_naive, untrained
from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.cross_validation import Trial, run_trials
from skaug.evaluation.details import described, fingerprint, n_stored, now
from skaug.evaluation.folds import Samples, shared_by_design
from skaug.evaluation.outputs import check_outputs, outputs_of, scorers_by_output
from skaug.evaluation.paired_tests import check_rope
from skaug.evaluation.protocol_variants import TESTED_ON_SYNTHETIC, protocol_of, under_protocol
from skaug.evaluation.scores import Scoring, described_scorer, named_scorers
from skaug.evaluation.searches import refuse_searched_synthesizer, searched_parameters
from skaug.evaluation.strata import check_strata
from skaug.model_selection.scorers import RowScorer, scorer_sign
from skaug.windows.container import Windows


class Variant(NamedTuple):
    """What is fitted under a label.

    Attributes
    ----------
    label : str
        A protocol, alone or with the name of a synthesizer (`protocol_of`).
    estimator : estimator
        A pipeline, or a search over one, whose augmenter has the synthesizer.
    """

    label: str
    estimator: Any


def compare_variants(
    estimator: Any,
    X: Any,
    y: ArrayLike | None,
    path: str,
    variants: Sequence[Variant],
    synthesizers: Sequence[Any],
    made_by: Mapping[str, Any],
    *,
    cv: Any,
    groups: ArrayLike | None,
    scoring: Scoring | None,
    baselines: Mapping[str, Any] | None,
    strata: Sequence[str],
    n_repeats: int,
    n_jobs: int | None,
    random_state: int,
    rope: float | Mapping[str, float] | None,
    progress: bool | None,
    allow_shared_subjects: bool,
) -> ProtocolComparison:
    """Fit and score variants of an estimator on the same folds with the same seeds.

    Parameters
    ----------
    estimator : estimator
        A pipeline that contains one augmenter, or a search over one, as it is described in the details.
    X, y
        As for `compare_protocols`.
    path : str
        The parameter that is the augmenter.
    variants : sequence of Variant
        What to compare.
    synthesizers : sequence of Synthesizer or None
        All that may be used. The windows paid for are counted in their stores.
    made_by : dict
        Details to add: which synthesizers were used.
    cv, groups, scoring, baselines, strata, n_repeats, n_jobs, random_state, rope, progress
        As for `compare_protocols`.
    allow_shared_subjects : bool
        As for `compare_protocols`.

    Returns
    -------
    ProtocolComparison

    Raises
    ------
    ValueError
        As `compare_protocols` does.
    """
    scorers = named_scorers(scoring, estimator)
    baselines = check_baselines(baselines)
    with collected() as messages:
        samples = Samples.of(estimator, X, y, groups)
    outputs = outputs_of(estimator, samples, y)
    augmenter = estimator.get_params(deep=True)[path]
    check_outputs(outputs, estimator, augmenter, synthesizers, baselines)
    scorers = scorers_by_output(scorers, outputs)
    _check_parameters(n_repeats, random_state, rope, list(scorers))
    labels = [variant.label for variant in variants]
    if set(labels) & set(TESTED_ON_SYNTHETIC):
        _check_synthetic_tests(scorers, estimator, path)
    strata = check_strata(strata, samples.X)
    by_design = shared_by_design(cv)
    may_share = allow_shared_subjects or by_design is not None
    folds = samples.folds(cv, may_share=may_share)
    beside = "TRTR" if "TRTR" in labels else labels[0]
    trials = [
        Trial(
            {"protocol": label, "repeat": repeat, "fold": fold},
            under_protocol(
                varied, path, protocol_of(label)[0], repeat, (random_state, fold, repeat)
            ),
            train,
            test,
            is_tested_on_synthetic=label in TESTED_ON_SYNTHETIC,
            baselines=baselines if label == beside else None,
        )
        for repeat in range(int(n_repeats))
        for fold, (train, test) in enumerate(folds)
        for label, varied in variants
    ]
    stored_before = n_stored(synthesizers)
    scores, predictions, of_baselines, crowded, of_fits, used = run_trials(
        trials,
        samples,
        scorers,
        n_jobs=n_jobs,
        progress=progress,
        may_share=may_share,
        strata=strata,
        outputs=outputs,
        label="protocols",
    )
    messages = without_repeats([*messages, *of_fits])
    if crowded is not None:
        messages.append(
            f"The model has {crowded[0]} features for {crowded[1]} training windows: it can fit noise, and "
            "any further windows regularize it, synthetic or not. Use fewer features or more windows; the "
            "control TRPTR shows what regularization alone does."
        )
    for message in messages:
        warn(message)
    scores, naive = choose_naive(scores)
    stored = n_stored(synthesizers)
    fits = scores.drop_duplicates(["protocol", "repeat", "fold"])
    tested = [len(np.unique(samples.codes[test])) for _, test in folds]
    details = {
        "created": now(),
        "estimator": estimator.__repr__(N_CHAR_MAX=10**6),
        "described": described(estimator, samples.X),
        "n_windows": len(
            X if isinstance(X, Windows) else predictions.drop_duplicates(["subject", "first_row"])
        ),
        "n_subjects": len(samples.subjects),
        "data_sha256": fingerprint(X, y),
        "cv": _describe(cv, tested),
        "n_folds": len(folds),
        "test_share": float(np.mean([len(b) / (len(a) + len(b)) for a, b in folds])),
        "shared_subjects": any(len(samples.shared_subjects(*fold)) for fold in folds),
        "shared_by_design": by_design,
        "n_repeats": int(n_repeats),
        "random_state": int(random_state),
        "rope": _plain_rope(rope),
        "outputs": None if outputs is None else list(outputs),
        "naive": naive,
        "untrained_baselines": untrained(baselines),
        "signs": {name: scorer_sign(scorer) for name, scorer in scorers.items()},
        "scorers": {name: described_scorer(scorer) for name, scorer in scorers.items()},
        "strata": strata,
        "warnings": messages,
        **made_by,
        **_chosen(estimator, path, trials, used),
        "windows_requested": int(fits["n_synthetic"].sum() + predictions["is_synthetic"].sum()),
        "windows_paid": None if stored is None else stored - (stored_before or 0),
        "versions": versions(),
    }
    order = {name: i for i, name in enumerate([*labels, NAIVE, *baselines])}
    return ProtocolComparison(
        _sorted(scores, order), _sorted(predictions, order), details, of_baselines
    )


def _check_parameters(n_repeats: Any, random_state: Any, rope: Any, metrics: list[str]) -> None:
    require_whole_number("n_repeats", n_repeats, 1)
    require_random_state(random_state)
    if rope is None:
        return
    if not isinstance(rope, Mapping):
        check_rope(rope, metrics[0])
        if len(metrics) > 1:
            raise ValueError(
                f"rope={rope!r} is one width for {len(metrics)} metrics, which have different units: pass "
                f"a dict, {{{metrics[0]!r}: {rope!r}}}."
            )
        return
    for metric, width in rope.items():
        if metric not in metrics:
            raise ValueError(
                f"rope names {metric!r}, which is not scored: use one of {', '.join(metrics)}."
            )
        check_rope(width, metric)


def _check_synthetic_tests(scorers: Mapping[str, Any], estimator: Any, path: str) -> None:
    by_row = [name for name, scorer in scorers.items() if isinstance(scorer, RowScorer)]
    if by_row:
        raise ValueError(
            "TRTS is tested on synthetic windows, which do not lie on rows of the table: leave out TRTS, "
            f"or score {by_row[0]!r} with window_scorer."
        )
    n_synthetic = estimator.get_params(deep=True)[path].n_synthetic
    if n_synthetic is not None:
        raise ValueError(
            f"TRTS makes synthetic windows for each test subject, but n_synthetic={n_synthetic} is a total "
            "over subjects: use ratio=1.0 and n_synthetic=None."
        )
    refuse_searched_synthesizer(
        estimator, path, "TRTS, which trains on real windows and so cannot choose one,"
    )


def _chosen(
    estimator: Any, path: str, trials: Sequence[Trial], used: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return in how many fits a search chose each synthesizer; nothing if no search could."""
    if not searched_parameters(estimator, path):
        return {}
    judged = ("TRSTR", "TSTR")
    chosen = Counter(
        name for trial, name in zip(trials, used, strict=True) if trial.labels["protocol"] in judged
    )
    return {"chosen": dict(chosen)}


def _plain_rope(rope: float | Mapping[str, float] | None) -> float | dict[str, float] | None:
    if isinstance(rope, Mapping):
        return {name: float(width) for name, width in rope.items()}
    return None if rope is None else float(rope)


def _describe(cv: Any, tested: list[int]) -> str:
    if cv is None:
        return "one subject left out in turn" if max(tested) == 1 else "SubjectKFold(10)"
    if not hasattr(cv, "split"):
        return f"{len(tested)} given splits"
    return repr(cv)


def _sorted(table: pd.DataFrame, order: dict[str, int]) -> pd.DataFrame:
    by_protocol = table["protocol"].map(order)
    return table.iloc[by_protocol.argsort(kind="stable")].reset_index(drop=True)
