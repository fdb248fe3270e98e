"""TRTR, TRSTR, TSTR, TRTS and the controls TRRTR and TRPTR on the same folds of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from skaug._checks import require_list
from skaug._choices import PROTOCOLS
from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.details import declared
from skaug.evaluation.protocol_variants import augmenter_path
from skaug.evaluation.scores import Scoring
from skaug.evaluation.searches import synthesizers_of
from skaug.evaluation.variants import Variant, compare_variants
from skaug.synthesis.surrogate import synthesizer_or_default


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
        `skaug.Pipeline` or a scikit-learn pipeline that ends in `WindowRegressor` or `WindowClassifier`. Of
        the augmenter, a search may vary the synthesizer and its parameters only.
    X : DataFrame or Windows
        Recordings or windows.
    y : array-like, optional
        Labels of rows or windows; by default the target column, or the labels of the windows. Several
        labels per window are named after the columns if `y` is a data frame, and 0, 1, ... otherwise.
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
        regressors. Where windows have several labels, each metric is scored on the average over them first,
        as scikit-learn's metrics compute it, and then for each, as ``metric[output]``.
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
        Whether to show a progress bar; by default in a terminal, and in a notebook that has ipywidgets.
    allow_shared_subjects : bool, default=False
        Whether a subject may be in both the training and the test set of a fold. Scores then say little
        about new subjects. `skaug.model_selection.CalibrationSplit` needs no permission: the verdict says
        that it shares subjects by design.

    Returns
    -------
    ProtocolComparison

    Raises
    ------
    ValueError
        If the estimator does not contain exactly one augmenter, a protocol or metric is unknown, the
        windows do not have a column of `strata`, a baseline adds synthetic windows, or a subject is in both
        the training and the test set of a fold; or if windows have several labels, and the estimator is a
        classifier, or the synthesizer, `balance` or a baseline needs a single label.

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
    compare_synthesizers : Compare several synthesizers.
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
    if not protocols or not set(protocols) <= set(PROTOCOLS):
        raise ValueError(
            f"protocols={protocols!r} must be one or more of {', '.join(map(repr, PROTOCOLS))}."
        )
    synthesizers = synthesizers_of(estimator, path)
    return compare_variants(
        estimator,
        X,
        y,
        path,
        [Variant(name, estimator) for name in protocols],
        synthesizers,
        _made_by([synthesizer_or_default(synthesizer) for synthesizer in synthesizers]),
        cv=cv,
        groups=groups,
        scoring=scoring,
        baselines=baselines,
        strata=strata,
        n_repeats=n_repeats,
        n_jobs=n_jobs,
        random_state=random_state,
        rope=rope,
        progress=progress,
        allow_shared_subjects=allow_shared_subjects,
    )


def _made_by(synthesizers: Sequence[Any]) -> dict[str, Any]:
    """Return the details on the synthesizer: the augmenter's own comes first, then those of a search."""
    first, *searched = synthesizers
    if searched:
        among = ", ".join(map(repr, searched))
        return {"synthesizer": f"chosen by the search in every fold, among {among}"}
    return {"synthesizer": repr(first), "declared": declared({type(first).__name__: first})}
