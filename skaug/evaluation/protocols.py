"""TRTR, TRSTR and TSTR on the same folds of subjects."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import check_cv, cross_validate
from tqdm.auto import tqdm

from skaug.augmenter import SynthefyAugmenter
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold, subjects_of, window_scorer

#: What each protocol trains on. All of them are tested on real windows.
PROTOCOLS = {"TRTR": "real", "TRSTR": "real+synthetic", "TSTR": "synthetic"}

# Up to so many subjects each is left out in turn, beyond they are tested in 10 groups.
_MOST_LEFT_OUT_ONE_BY_ONE = 20


@dataclass(frozen=True)
class ProtocolComparison:
    """Scores of protocols on the same folds.

    Attributes
    ----------
    scores : DataFrame
        One row per protocol and fold: ``protocol``, ``fold``, ``subjects`` (tested on), ``metric``,
        ``score`` (the greater the better, as in scikit-learn), ``n_real`` and ``n_synthetic`` (windows
        trained on), ``fit_seconds``.
    """

    scores: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Give mean and standard deviation over folds for each protocol.

        Returns
        -------
        DataFrame
            Indexed by protocol: ``mean`` and ``sd`` of the score over folds, and
            ``difference_to_TRTR``, the mean over folds of the difference (above zero: better than
            real windows alone; missing where TRTR was not compared).
        """
        by_fold = self.scores.pivot(index="fold", columns="protocol", values="score")
        protocols = list(dict.fromkeys(self.scores["protocol"]))
        by_fold = by_fold[protocols]
        reference = by_fold["TRTR"] if "TRTR" in protocols else np.nan
        return pd.DataFrame(
            {
                "mean": by_fold.mean(),
                "sd": by_fold.std(ddof=1),
                "difference_to_TRTR": by_fold.sub(reference, axis=0).mean(),
            }
        )


def compare_protocols(
    estimator: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    protocols: Sequence[str] = ("TRTR", "TRSTR"),
    cv: Any = None,
    groups: ArrayLike | None = None,
    scoring: str | Callable = "neg_mean_absolute_error",
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> ProtocolComparison:
    """Compare training on real, on real and synthetic, and on synthetic windows.

    Every protocol is fitted and scored on the same folds, and always tested on real windows of
    subjects it was not fitted on.

    Parameters
    ----------
    estimator : pipeline
        A pipeline of either door that holds one `SynthefyAugmenter`, or a search over one.
    X : DataFrame or Windows
        Recordings, or windows.
    y : array-like, optional
        Labels of rows or windows; the target column, or the windows' own, by default.
    protocols : sequence of {"TRTR", "TRSTR", "TSTR"}, default=("TRTR", "TRSTR")
        Train on real, on real and synthetic, on synthetic windows; test on real ones.
    cv : splitter or iterable of (train, test), optional
        By default each subject is left out in turn, or, of more than 20 subjects, a tenth of them.
    groups : array-like, optional
        The subject of each row or window, if `X` does not tell.
    scoring : str or callable, default="neg_mean_absolute_error"
        A metric as for `window_scorer`.
    n_jobs : int, optional
        Fits at a time, as in joblib.
    progress : bool, optional
        Whether to show a progress bar; by default if this is a terminal.

    Returns
    -------
    ProtocolComparison

    Raises
    ------
    ValueError
        If the estimator does not hold exactly one augmenter, a protocol is unknown, or a fold has a
        subject on both sides.

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
    >>> compare_protocols(pipe, recordings, progress=False).summary().index.tolist()
    ['TRTR', 'TRSTR']
    """
    path = _augmenter_path(estimator)
    unknown = [name for name in protocols if name not in PROTOCOLS]
    if unknown or not len(protocols):
        raise ValueError(
            f"protocols={list(protocols)!r} must name some of {', '.join(PROTOCOLS)}, and no others."
        )
    subjects, names = _subjects(estimator, X, groups)
    folds = _folds(X, y, cv, subjects, names)
    tasks = [
        (protocol, fold, train, test)
        for fold, (train, test) in enumerate(folds)
        for protocol in dict.fromkeys(protocols)
    ]
    results = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(_fit_and_score)(
            clone(estimator).set_params(**{f"{path}__train_on": PROTOCOLS[protocol]}),
            X,
            y,
            (train, test),
            scoring,
            path,
        )
        for protocol, _, train, test in tasks
    )
    rows = []
    bar = None
    try:
        for (protocol, fold, _, test), result in zip(tasks, results, strict=True):
            # Only now, so that what ends the first fit stands on a line of its own.
            bar = bar or tqdm(
                total=len(tasks), disable=None if progress is None else not progress, unit="fit"
            )
            bar.update()
            tested = [str(names[code]) for code in dict.fromkeys(subjects[test].tolist())]
            metric = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
            rows.append(
                {
                    "protocol": protocol,
                    "fold": fold,
                    "subjects": ", ".join(tested),
                    "metric": metric,
                    **result,
                }
            )
    finally:
        if bar is not None:
            bar.close()
    order = {protocol: i for i, protocol in enumerate(dict.fromkeys(protocols))}
    scores = pd.DataFrame(rows)
    by_protocol = scores["protocol"].map(order)
    return ProtocolComparison(
        scores.iloc[by_protocol.argsort(kind="stable")].reset_index(drop=True)
    )


def _augmenter_path(estimator: Any) -> str:
    """Give the name of the parameter that is the one augmenter."""
    params = estimator.get_params(deep=True)
    paths = [name for name, value in params.items() if isinstance(value, SynthefyAugmenter)]
    if len(paths) != 1:
        found = "none" if not paths else f"{len(paths)}: {', '.join(paths)}"
        raise ValueError(
            "The estimator must hold one SynthefyAugmenter, whose train_on makes the protocols; found "
            f"{found}. Build it with skaug.make_pipeline(..., SynthefyAugmenter(), ...)."
        )
    return paths[0]


def _subjects(estimator: Any, X: Any, groups: ArrayLike | None) -> tuple[NDArray[np.intp], NDArray]:
    """Give the subject of each sample, as a code and by name."""
    columns = [
        value
        for name, value in estimator.get_params(deep=True).items()
        if name.rpartition("__")[2] == "subject" and isinstance(value, str)
    ]
    column = columns[0] if columns else "subject"
    return subjects_of(X, groups, column)


def _folds(
    X: Any, y: Any, cv: Any, subjects: NDArray[np.intp], names: NDArray
) -> list[tuple[NDArray, NDArray]]:
    n_subjects = len(names)
    if cv is None:
        cv = LeaveOneSubjectOut() if n_subjects <= _MOST_LEFT_OUT_ONE_BY_ONE else SubjectKFold(10)
    with warnings.catch_warnings():
        # Of splitters that heed no groups: what they do to subjects is looked at below.
        warnings.filterwarnings("ignore", message="The groups parameter is ignored by")
        folds = [
            (np.asarray(train), np.asarray(test))
            for train, test in check_cv(cv).split(X, y, groups=subjects)
        ]
    for train, test in folds:
        shared = np.intersect1d(subjects[train], subjects[test])
        if len(shared):
            raise ValueError(
                f"cv={cv!r} puts subject {names[shared[0]]!r} on both sides of a fold, so that the "
                "scores would say little about new subjects: split with SubjectKFold or "
                "LeaveOneSubjectOut."
            )
    return folds


def _fit_and_score(
    estimator: Any,
    X: Any,
    y: Any,
    fold: tuple[NDArray, NDArray],
    scoring: str | Callable,
    path: str,
) -> dict[str, float]:
    result = cross_validate(
        estimator,
        X,
        y,
        cv=[fold],
        scoring=window_scorer(scoring),
        return_estimator=True,
        error_score="raise",
    )
    augmenter = _fitted_augmenter(result["estimator"][0], path)
    return {
        "score": float(result["test_score"][0]),
        "n_real": 0 if augmenter.train_on == "synthetic" else augmenter.n_real_,
        "n_synthetic": augmenter.n_synthetic_,
        "fit_seconds": float(result["fit_time"][0]),
    }


def _fitted_augmenter(estimator: Any, path: str) -> SynthefyAugmenter:
    """Follow a parameter's path through a fitted estimator, into what a search found best."""
    for name in path.split("__"):
        fitted = {"estimator": ("best_estimator_", "estimator_"), "regressor": ("regressor_",)}
        for attribute in (*fitted.get(name, ()), name):
            if hasattr(estimator, attribute):
                estimator = getattr(estimator, attribute)
                break
        else:
            estimator = estimator.named_steps[name]
    return estimator
