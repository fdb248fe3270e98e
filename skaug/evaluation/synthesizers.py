"""Several synthesizers on the same folds of subjects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike
from sklearn.base import clone

from skaug._checks import require_list
from skaug.evaluation.comparison import ProtocolComparison
from skaug.evaluation.details import declared
from skaug.evaluation.protocol_variants import CONTROLS, augmenter_path, label_of
from skaug.evaluation.scores import Scoring
from skaug.evaluation.searches import refuse_searched_synthesizer
from skaug.evaluation.variants import Variant, compare_variants
from skaug.synthesis import Synthesizer


def compare_synthesizers(
    estimator: Any,
    X: Any,
    synthesizers: Mapping[str, Synthesizer],
    y: ArrayLike | None = None,
    *,
    controls: Sequence[str] = ("TRRTR",),
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
    """Compare training on real windows with adding those of each of several synthesizers.

    Everything is fitted and scored on the same folds with the same seeds: TRTR and the control TRRTR once,
    TRSTR once per synthesizer. The result shows it under the label "TRSTR, rate" if the synthesizer is called
    "rate".

    Parameters
    ----------
    estimator : pipeline
        As for `compare_protocols`. Its augmenter decides how many windows are added; the synthesizer of the
        augmenter is replaced, and is not compared unless it is among `synthesizers`.
    X : DataFrame or Windows
        Recordings or windows.
    synthesizers : dict of str to Synthesizer
        What to compare, by name.
    y : array-like, optional
        Labels of rows or windows; by default the target column, or the labels of the windows. Several
        labels per window are named after the columns if `y` is a data frame, and 0, 1, ... otherwise.
    controls : sequence of str, default=("TRRTR",)
        Controls to fit beside the synthesizers. They are reported, but not judged.

        - ``"TRRTR"``: real windows and duplicates of them. It is fitted once, so it does not
          depend on the synthesizers: the augmenter's `ratio` (or `n_synthetic`) applies to all training
          windows, or to those of the augmenter's `subjects`. A synthesizer that cannot be conditioned on some
          of these windows adds fewer than TRRTR repeats.
        - ``"TRPTR"``: the windows of each synthesizer with permuted labels ("TRPTR, rate"). It needs no
          further synthetic windows, but one more fit per synthesizer.
    cv, groups, scoring, baselines, strata, n_repeats, n_jobs, random_state, rope, progress
        As for `compare_protocols`.
    allow_shared_subjects : bool, default=False
        As for `compare_protocols`.

    Returns
    -------
    ProtocolComparison
        Its verdict has one sentence per synthesizer. ``p_holm`` is adjusted for the number of synthesizers.
        In its details, ``synthesizers`` holds the parameters of each.

    Raises
    ------
    ValueError
        If there is no synthesizer, one of them is not a `Synthesizer`, a name is empty, has control
        characters or begins or ends with a space, a search in the estimator varies the synthesizer, or as
        `compare_protocols` does.

    Warns
    -----
    DataWarning
        As `compare_protocols` does.

    See Also
    --------
    compare_protocols : Compare protocols with one synthesizer, or with one that a search chooses.
    learning_curve : Score synthesizers at several amounts of windows, or of training subjects.

    Notes
    -----
    The table names no winner. The best of several synthesizers looks better than it is: its score is the best
    of several that vary by chance, measured on the same subjects that were used to choose it. To choose a
    synthesizer and quote how well that works, let a search choose inside every fold, by subjects of the
    training set::

        search = GridSearchCV(
            pipeline,
            {"synthefyaugmenter__synthesizer": [SurrogateSynthesizer(), other]},
            cv=SubjectKFold(3),
            scoring=window_scorer("neg_mean_absolute_error"),
        )
        compare_protocols(search, X)

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import compare_synthesizers
    >>> from skaug.synthesis import SurrogateSynthesizer
    >>> pipe = make_pipeline(
    ...     SubjectWindower(features=["BVP"], target="heart_rate"),
    ...     SynthefyAugmenter(ratio=0.5),
    ...     WindowSpectrum(low=0.5, high=4, sampling_rate=64),
    ...     Ridge(),
    ... )
    >>> recordings = simulate_ppg(n_subjects=3, minutes=1)
    >>> synthesizers = {"one": SurrogateSynthesizer(1), "two": SurrogateSynthesizer(2)}
    >>> comparison = compare_synthesizers(pipe, recordings, synthesizers, progress=False)
    >>> comparison.protocols
    ['TRTR', 'TRRTR', 'TRSTR, one', 'TRSTR, two']
    """
    path = augmenter_path(estimator)
    refuse_searched_synthesizer(estimator, path, "compare_synthesizers")
    synthesizers = check_synthesizers(synthesizers)
    require_list("controls", controls)
    if not set(controls) <= set(CONTROLS):
        raise ValueError(
            f"controls={list(controls)!r} must be among {', '.join(map(repr, CONTROLS))}."
        )
    variants = variants_of(estimator, path, synthesizers, controls)
    return compare_variants(
        variants[0].estimator,
        X,
        y,
        path,
        variants,
        list(synthesizers.values()),
        {
            "synthesizers": {name: repr(one) for name, one in synthesizers.items()},
            "declared": declared(synthesizers),
        },
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


def check_synthesizers(synthesizers: Any) -> dict[str, Synthesizer]:
    """Return synthesizers by name.

    Raises
    ------
    ValueError
        If there are none, a name is not printable text or has spaces at its ends, or something is not a
        synthesizer.
    """
    if not isinstance(synthesizers, Mapping) or not synthesizers:
        raise ValueError(
            f"synthesizers={synthesizers!r} must be a dict of one or more names to synthesizers, such as "
            "{'surrogate': SurrogateSynthesizer()}."
        )
    for name, synthesizer in synthesizers.items():
        is_name = isinstance(name, str) and name and name.isprintable() and name == name.strip()
        if not is_name:
            raise ValueError(
                f"synthesizers cannot have the name {name!r}: use text without control characters, and "
                "without spaces at its ends."
            )
        if isinstance(synthesizer, type) or not isinstance(synthesizer, Synthesizer):
            raise ValueError(
                f"The synthesizer {name!r} is {synthesizer!r}: pass a Synthesizer, such as "
                "SurrogateSynthesizer()."
            )
    return dict(synthesizers)


def variants_of(
    estimator: Any, path: str, synthesizers: Mapping[str, Synthesizer], controls: Sequence[str]
) -> list[Variant]:
    """Return TRTR, which comes first, the controls, and TRSTR with each synthesizer.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a search over one. It is not changed.
    path : str
        The parameter that is the augmenter.
    synthesizers : dict of str to Synthesizer
        What to put in place of the augmenter's synthesizer.
    controls : sequence of str
        TRRTR, TRPTR or both.

    Returns
    -------
    list of Variant
    """
    base, *varied = (
        clone(estimator).set_params(**{f"{path}__synthesizer": synthesizer})
        for synthesizer in (None, *synthesizers.values())
    )
    variants = [Variant("TRTR", base)]
    variants += [Variant("TRRTR", base)] if "TRRTR" in controls else []
    for protocol in ("TRSTR", "TRPTR"):
        if protocol not in CONTROLS or protocol in controls:
            variants += [
                Variant(label_of(protocol, name), one)
                for name, one in zip(synthesizers, varied, strict=True)
            ]
    return variants
