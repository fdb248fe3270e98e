"""TRTR, TRSTR, TSTR, TRTS and TRRTR on the same folds of subjects."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skaug._versions import versions
from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.cross_validation import (
    Samples,
    Scoring,
    Trial,
    named_scorers,
    run_trials,
)
from skaug.evaluation.details import fingerprint, n_stored, now
from skaug.evaluation.protocol_variants import PROTOCOLS, augmenter_path, under_protocol
from skaug.model_selection.scorers import RowScorer
from skaug.windows.container import Windows


def compare_protocols(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    protocols: Sequence[str] = ("TRTR", "TRSTR"),
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: Scoring = "neg_mean_absolute_error",
    n_repeats: int = 1,
    n_jobs: int | None = None,
    random_state: int = 0,
    rope: float | Mapping[str, float] | None = None,
    progress: bool | None = None,
    allow_shared_subjects: bool = False,
) -> ProtocolComparison:
    """Compare training on real, on real and synthetic, and on synthetic windows.

    Every protocol is fitted and scored on the same folds with the same seeds, on subjects that it was
    not fitted on.

    Parameters
    ----------
    estimator : pipeline
        A pipeline of either door that holds one `SynthefyAugmenter`, or a search over one.
    X : DataFrame or Windows
        Recordings, or windows.
    y : array-like, optional
        Labels of rows or windows; the target column, or the windows' own, by default.
    protocols : sequence of str, default=("TRTR", "TRSTR")
        Trained on real windows (TRTR), on real and synthetic ones (TRSTR), on synthetic ones (TSTR), on
        real ones and as many duplicates of them as TRSTR has synthetic ones (TRRTR, the control: what
        mere repetition does); all tested on real windows. TRTS is trained on real windows, and tested on
        synthetic ones that are made of the test subjects' windows by a synthesizer fitted on them.
    cv : splitter or iterable of (train, test), optional
        By default each subject is left out in turn, or, of more than 20 subjects, a tenth of them.
    groups : array-like, optional
        The subject of each row or window, if `X` does not tell.
    scoring : str, callable, list of str or dict of str to either, default="neg_mean_absolute_error"
        One metric or several, each as for `window_scorer`.
    n_repeats : int, default=1
        How often the comparison is made, each time with further draws of the synthetic windows. (An
        `AgentArchive` has none: it gives the same windows again.)
    n_jobs : int, optional
        Fits at a time, as in joblib.
    random_state : int, default=0
        Of the sign flips that are drawn of more than 16 subjects. What is random in the pipeline has
        seeds of its own.
    rope : float or dict of metric to float, optional
        Region of practical equivalence: a difference that is not larger does not matter, in units of the
        metric.
    progress : bool, optional
        Whether to show a progress bar; by default if this is a terminal.
    allow_shared_subjects : bool, default=False
        Whether a subject may be on both sides of a fold. Scores then say little about new subjects.

    Returns
    -------
    ProtocolComparison

    Raises
    ------
    ValueError
        If the estimator does not hold exactly one augmenter, a protocol or metric is unknown, or a fold
        has a subject on both sides.

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
    ['reference', 'undecided: too few subjects']
    """
    path = augmenter_path(estimator)
    protocols = list(dict.fromkeys(protocols))
    scorers = named_scorers(scoring)
    augmenter = estimator.get_params(deep=True)[path]
    _check(protocols, n_repeats, random_state, rope, list(scorers))
    _check_synthetic_tests(protocols, scorers, augmenter.n_synthetic)
    samples = Samples.of(estimator, X, y, groups)
    folds = samples.folds(cv, may_share=allow_shared_subjects)
    trials = [
        Trial(
            {"protocol": protocol, "repeat": repeat, "fold": fold},
            under_protocol(estimator, path, protocol, repeat),
            train,
            test,
        )
        for repeat in range(int(n_repeats))
        for fold, (train, test) in enumerate(folds)
        for protocol in protocols
    ]
    synthesizer = augmenter.synthesizer
    stored_before = n_stored(synthesizer)
    scores, predictions = run_trials(
        trials,
        samples,
        scorers,
        path,
        n_jobs=n_jobs,
        progress=progress,
        may_share=allow_shared_subjects,
    )
    stored = n_stored(synthesizer)
    fits = scores.drop_duplicates(["protocol", "repeat", "fold"])
    tested = [len(np.unique(samples.codes[test])) for _, test in folds]
    shared = any(np.isin(samples.codes[test], samples.codes[train]).any() for train, test in folds)
    details = {
        "created": now(),
        "estimator": estimator.__repr__(N_CHAR_MAX=10**6),
        "n_windows": len(
            X if isinstance(X, Windows) else predictions.drop_duplicates(["subject", "first_row"])
        ),
        "n_subjects": len(samples.subjects),
        "data_sha256": fingerprint(X, y),
        "cv": _describe(cv, tested),
        "n_folds": len(folds),
        "test_share": float(np.mean([len(b) / (len(a) + len(b)) for a, b in folds])),
        "shared_subjects": bool(shared),
        "n_repeats": int(n_repeats),
        "random_state": int(random_state),
        "rope": _plain_rope(rope),
        "synthesizer": "SurrogateSynthesizer()" if synthesizer is None else repr(synthesizer),
        "windows_requested": int(fits["n_synthetic"].sum() + predictions["is_synthetic"].sum()),
        "windows_paid": None if stored is None else stored - (stored_before or 0),
        "versions": versions(),
    }
    order = {protocol: i for i, protocol in enumerate(protocols)}
    return ProtocolComparison(_sorted(scores, order), _sorted(predictions, order), details)


def _check(
    protocols: list[str], n_repeats: Any, random_state: Any, rope: Any, metrics: list[str]
) -> None:
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown or not protocols:
        raise ValueError(
            f"protocols={protocols!r} must name some of {', '.join(PROTOCOLS)}, and no others."
        )
    if not isinstance(n_repeats, int | np.integer) or isinstance(n_repeats, bool) or n_repeats < 1:
        raise ValueError(f"n_repeats={n_repeats!r} must be a whole number, 1 or more.")
    if not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(
            f"random_state={random_state!r} must be a whole number, 0 or more: the same seed gives the "
            "same numbers."
        )
    if isinstance(rope, bool):
        raise ValueError(f"rope={rope!r} must be a number above 0, in units of {metrics[0]}.")
    ropes = rope if isinstance(rope, Mapping) else {} if rope is None else {metrics[0]: rope}
    for metric, width in ropes.items():
        if metric not in metrics:
            raise ValueError(
                f"rope names {metric!r}, which is not scored: {', '.join(metrics)} are."
            )
        if not isinstance(width, Real) or not 0 < float(width) < math.inf:
            raise ValueError(f"rope={width!r} must be a number above 0, in units of {metric}.")
    if isinstance(rope, Real) and len(metrics) > 1:
        raise ValueError(
            f"rope={rope!r} is one width for {len(metrics)} metrics of their own units: pass a dict, "
            f"{{{metrics[0]!r}: {rope!r}}}."
        )


def _check_synthetic_tests(
    protocols: list[str], scorers: Mapping[str, Any], n_synthetic: float | int
) -> None:
    if "TRTS" not in protocols:
        return
    by_row = [name for name, scorer in scorers.items() if isinstance(scorer, RowScorer)]
    if by_row:
        raise ValueError(
            f"TRTS is tested on synthetic windows, which lie on no rows: leave it out, or {by_row[0]!r}."
        )
    if isinstance(n_synthetic, int | np.integer):
        raise ValueError(
            f"TRTS makes synthetic windows of each test subject, for whom n_synthetic={n_synthetic} in "
            "all says nothing: pass a ratio, such as n_synthetic=1.0."
        )


def _plain_rope(rope: float | Mapping[str, float] | None) -> float | dict[str, float] | None:
    if isinstance(rope, Mapping):
        return {name: float(width) for name, width in rope.items()}
    return None if rope is None else float(rope)


def _describe(cv: Any, tested: list[int]) -> str:
    if cv is None:
        return "one subject left out in turn" if max(tested) == 1 else "SubjectKFold(10)"
    if not hasattr(cv, "split"):
        return f"{len(tested)} splits that were given"
    return repr(cv)


def _sorted(table: pd.DataFrame, order: dict[str, int]) -> pd.DataFrame:
    by_protocol = table["protocol"].map(order)
    return table.iloc[by_protocol.argsort(kind="stable")].reset_index(drop=True)
