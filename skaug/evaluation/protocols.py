"""TRTR, TRSTR, TSTR, TRTS and the controls TRRTR and TRPTR on the same folds of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skaug._checks import (
    require_list,
    require_random_state,
    require_whole_number,
)
from skaug._versions import versions
from skaug._warnings import collected, warn, without_repeats
from skaug.evaluation.baselines import NAIVE, check_baselines, choose_naive
from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.cross_validation import Trial, run_trials
from skaug.evaluation.details import described, fingerprint, n_stored, now
from skaug.evaluation.folds import Samples
from skaug.evaluation.paired_tests import check_rope
from skaug.evaluation.protocol_variants import (
    PROTOCOLS,
    TESTED_ON_SYNTHETIC,
    augmenter_path,
    under_protocol,
)
from skaug.evaluation.scores import Scoring, described_scorer, named_scorers
from skaug.evaluation.strata import check_strata
from skaug.model_selection.scorers import RowScorer, scorer_sign
from skaug.windows.container import Windows


def compare_protocols(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    protocols: Sequence[str] = ("TRTR", "TRSTR"),
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: Scoring | None = None,
    baselines: Mapping[str, Any] | None = None,
    strata: Sequence[str] = (),
    n_repeats: int = 1,
    n_jobs: int | None = None,
    random_state: int = 0,
    rope: float | Mapping[str, float] | None = None,
    progress: bool | None = None,
    allow_shared_subjects: bool = False,
) -> ProtocolComparison:
    """Compare training on real, on real and synthetic, and on synthetic windows.

    All protocols are fitted and scored on the same folds with the same seeds, and tested on subjects
    they were not fitted on.

    Parameters
    ----------
    estimator : pipeline
        A pipeline that contains one `SynthefyAugmenter`, or a search over such a pipeline. It may be a
        `skaug.Pipeline` or a scikit-learn pipeline that ends in `WindowRegressor` or `WindowClassifier`.
    X : DataFrame or Windows
        Recordings or windows.
    y : array-like, optional
        Labels of rows or windows; by default the target column, or the labels of the windows.
    protocols : sequence of str, default=("TRTR", "TRSTR")
        What to train on, and what to test on:

        - ``"TRTR"``: train on real windows;
        - ``"TRSTR"``: train on real and synthetic windows;
        - ``"TSTR"``: train on synthetic windows;
        - ``"TRRTR"``: train on real windows and as many duplicates of them as TRSTR has synthetic
          windows. This control shows the effect of mere repetition;
        - ``"TRPTR"``: train on the windows of TRSTR, with labels permuted among all synthetic windows of
          the fold. This control shows the effect of mere regularization.

        These five are tested on real windows. Controls are reported, but not judged.

        - ``"TRTS"``: train on real windows and test on synthetic ones. They are made from the windows
          of each test subject, by a synthesizer fitted on those windows.
    cv : splitter or iterable of (train, test), optional
        By default each subject is left out in turn. With more than 20 subjects, a tenth of them is left
        out at a time.
    groups : array-like, optional
        The subject of each row or window, if `X` does not contain it.
    scoring : str, callable, list of str or dict of str to either, optional
        One metric or several, each as for `skaug.model_selection.window_scorer`; the first decides the
        verdict. By default accuracy and balanced accuracy for classifiers, and the mean absolute error for
        regressors.
    baselines : dict of str to estimator, optional
        Further baselines beside the naive one, by name: estimators that are fitted on the real training
        windows (`Windows`) of each fold and predict one value per window. The verdict is "helped" only if a
        protocol beats all baselines.
    strata : sequence of str, default=()
        Context columns of the windows, such as "activity", to keep in `predictions`: the most frequent value
        of the rows of each window. `ProtocolComparison.by` compares the protocols within each value.
    n_repeats : int, default=1
        Number of repeats on the same folds, each with further draws of the synthetic windows. (An
        `AgentArchive` has no further draws and returns the same windows again.)
    n_jobs : int, optional
        Number of fits that run in parallel, as in joblib.
    random_state : int, default=0
        Seed of the random sign flips that are used with more than 16 subjects, and of the permutations
        of TRPTR. Random steps of the pipeline have their own seeds.
    rope : float or dict of metric to float, optional
        Region of practical equivalence, in units of the metric: a difference that is not larger does
        not matter.
    progress : bool, optional
        Whether to show a progress bar; by default in a terminal only.
    allow_shared_subjects : bool, default=False
        Whether a subject may be in both the training and the test set of a fold. Scores then say little
        about new subjects.

    Returns
    -------
    ProtocolComparison

    Raises
    ------
    ValueError
        If the estimator does not contain exactly one augmenter, a protocol or metric is unknown, the
        windows do not have a column of `strata`, a baseline adds synthetic windows, or a subject is in both
        the training and the test set of a fold.

    Warns
    -----
    DataWarning
        If the model, unless it is made of trees, has more features than training windows: it then fits
        noise, and any further windows regularize it. Warnings of this category from all fits and workers
        are collected; those that differ only in numbers or the subject they name are shown once.
        ``details["warnings"]`` holds what is shown.

    Notes
    -----
    Every comparison contains a naive baseline, scikit-learn's Dummy fitted on the training labels of the
    fold: for regressors the mean or the median, whichever is better on average over subjects, for classifiers
    the class frequencies. A metric that needs the samples themselves has none.

    See Also
    --------
    learning_curve : Score several amounts of synthetic windows, or of training subjects.
    synthetic_quality : Measure how synthetic windows differ from real ones.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import compare_protocols
    >>> pipe = make_pipeline(
    ...     SubjectWindower(features=["BVP"], target="heart_rate"),
    ...     SynthefyAugmenter(),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=64),
    ...     Ridge(),
    ... )
    >>> recordings = simulate_ppg(n_subjects=3, minutes=1)
    >>> comparison = compare_protocols(pipe, recordings, progress=False)
    >>> comparison.summary()["verdict"].tolist()
    ['reference', 'undecided: too few subjects', 'baseline']
    """
    path = augmenter_path(estimator)
    require_list("protocols", protocols)
    protocols = list(dict.fromkeys(protocols))
    scorers = named_scorers(scoring, estimator)
    augmenter = estimator.get_params(deep=True)[path]
    baselines = check_baselines(baselines)
    _check_parameters(protocols, n_repeats, random_state, rope, list(scorers))
    _check_synthetic_tests(protocols, scorers, augmenter.n_synthetic)
    with collected() as messages:
        samples = Samples.of(estimator, X, y, groups)
    strata = check_strata(strata, samples.X)
    folds = samples.folds(cv, may_share=allow_shared_subjects)
    beside = "TRTR" if "TRTR" in protocols else protocols[0]
    trials = [
        Trial(
            {"protocol": protocol, "repeat": repeat, "fold": fold},
            under_protocol(estimator, path, protocol, repeat, (random_state, fold, repeat)),
            train,
            test,
            is_tested_on_synthetic=protocol in TESTED_ON_SYNTHETIC,
            baselines=baselines if protocol == beside else None,
        )
        for repeat in range(int(n_repeats))
        for fold, (train, test) in enumerate(folds)
        for protocol in protocols
    ]
    synthesizer = augmenter.synthesizer
    stored_before = n_stored(synthesizer)
    scores, predictions, of_baselines, crowded, of_fits = run_trials(
        trials,
        samples,
        scorers,
        n_jobs=n_jobs,
        progress=progress,
        may_share=allow_shared_subjects,
        strata=strata,
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
    stored = n_stored(synthesizer)
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
        "n_repeats": int(n_repeats),
        "random_state": int(random_state),
        "rope": _plain_rope(rope),
        "naive": naive,
        "signs": {name: scorer_sign(scorer) for name, scorer in scorers.items()},
        "scorers": {name: described_scorer(scorer) for name, scorer in scorers.items()},
        "strata": strata,
        "warnings": messages,
        "synthesizer": "SurrogateSynthesizer()" if synthesizer is None else repr(synthesizer),
        "windows_requested": int(fits["n_synthetic"].sum() + predictions["is_synthetic"].sum()),
        "windows_paid": None if stored is None else stored - (stored_before or 0),
        "versions": versions(),
    }
    order = {name: i for i, name in enumerate([*protocols, NAIVE, *baselines])}
    return ProtocolComparison(
        _sorted(scores, order), _sorted(predictions, order), details, of_baselines
    )


def _check_parameters(
    protocols: list[str], n_repeats: Any, random_state: Any, rope: Any, metrics: list[str]
) -> None:
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown or not protocols:
        raise ValueError(
            f"protocols={protocols!r} must be one or more of {', '.join(map(repr, PROTOCOLS))}."
        )
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


def _check_synthetic_tests(
    protocols: list[str], scorers: Mapping[str, Any], n_synthetic: int | None
) -> None:
    if "TRTS" not in protocols:
        return
    by_row = [name for name, scorer in scorers.items() if isinstance(scorer, RowScorer)]
    if by_row:
        raise ValueError(
            "TRTS is tested on synthetic windows, which do not lie on rows of the table: leave out TRTS, "
            f"or score {by_row[0]!r} with window_scorer."
        )
    if n_synthetic is not None:
        raise ValueError(
            f"TRTS makes synthetic windows for each test subject, but n_synthetic={n_synthetic} is a total "
            "over subjects: use ratio=1.0 and n_synthetic=None."
        )


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
