"""Several labels per window: their names, a score for each, and what needs a single one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import make_scorer
from sklearn.utils import Tags, get_tags

from skaug.evaluation.folds import Samples
from skaug.model_selection.scorers import RowScorer, Scorer, as_scorer
from skaug.synthesis.balance import not_one_label
from skaug.synthesis.conditions import several_labels
from skaug.windower import SubjectWindower, names_several
from skaug.windows.container import Windows
from skaug.windows.provenance import names_of_labels, target_names

Outputs = tuple[str, ...] | None


def outputs_of(estimator: Any, samples: Samples, y: Any) -> Outputs:
    """Return the names of the labels of each window, or None if there is one.

    Parameters
    ----------
    estimator : estimator
        Not fitted.
    samples : Samples
        What it is fitted on.
    y : array-like or None
        The labels that were passed.

    Returns
    -------
    tuple of str, or None
        The columns of the target, or of labels that were passed as a data frame; "0", "1", ... for others.
    """
    outputs: Outputs = None
    if isinstance(samples.X, Windows):
        outputs = samples.X.provenance.relabel(samples.y).outputs
    elif samples.y is not None:
        shape = np.shape(samples.y)
        outputs = _numbered(shape[1]) if len(shape) > 1 else None
    else:
        parts = estimator.get_params(deep=True).values()
        targets = [part.target for part in parts if isinstance(part, SubjectWindower)]
        if targets and names_several(targets[0]):
            outputs = target_names([str(name) for name in targets[0]])
    if outputs is not None and outputs == _numbered(len(outputs)):
        outputs = names_of_labels(y) or outputs
    return outputs if outputs is not None and len(outputs) > 1 else None


def _numbered(n: int) -> tuple[str, ...]:
    return tuple(map(str, range(n)))


def check_outputs(
    outputs: Outputs,
    estimator: Any,
    augmenter: Any,
    synthesizers: Iterable[Any],
    baselines: Mapping[str, Any],
) -> None:
    """Raise, before anything is fitted, if something in a comparison needs a single label per window.

    Parameters
    ----------
    outputs : tuple of str, or None
        The names of several labels per window.
    estimator : estimator
        What is compared.
    augmenter : SynthefyAugmenter
        Its augmenter.
    synthesizers : iterable of Synthesizer or None
        All that may be used.
    baselines : dict of str to estimator
        The user's baselines.

    Raises
    ------
    ValueError
        Names what needs a single label, and the remedy.
    """
    if outputs is None:
        return
    names = ", ".join(outputs)
    if is_classifier(estimator):
        raise ValueError(
            f"{type(estimator).__name__} predicts classes, and scikit-learn scores one class per window, not "
            f"several ({names}): compare one target at a time."
        )
    if augmenter.balance is not None:
        raise ValueError(not_one_label(outputs))
    for synthesizer in synthesizers:
        if getattr(synthesizer, "follows_one_label", False):
            raise ValueError(several_labels(outputs, type(synthesizer).__name__))
    for name, model in {"": estimator, **baselines}.items():
        for part in (model, *model.get_params(deep=True).values()):
            if isinstance(part, BaseEstimator) and get_tags(part).target_tags.one_d_labels:
                where = f" of the baseline {name!r}" if name else ""
                raise ValueError(
                    f"{type(part).__name__}{where} predicts one label per window, not several ({names}): "
                    "compare one target at a time, or leave it out."
                )


def scorers_by_output(scorers: Mapping[str, Scorer], outputs: Outputs) -> dict[str, Scorer]:
    """Add to each scorer, which averages over outputs, one for each output.

    Parameters
    ----------
    scorers : dict of str to scorer
        By the name of the metric.
    outputs : tuple of str, or None
        The names of several labels per window. None: nothing is added.

    Returns
    -------
    dict of str to scorer
        Each metric, followed by ``metric[output]`` for each output.

    Raises
    ------
    ValueError
        If a metric has the name of one that is added, or does not average over outputs.
    """
    if outputs is not None:
        for metric, scorer in scorers.items():
            _require_average(metric, scorer, outputs)
    found: dict[str, Scorer] = {}
    for metric, scorer in scorers.items():
        added = {f"{metric}[{name}]": of_output(scorer, i) for i, name in enumerate(outputs or ())}
        for name in added:
            if name in scorers:
                raise ValueError(
                    f"Two metrics are called {name!r}, the score of an output: rename yours in scoring."
                )
        found |= {metric: scorer, **added}
    return found


def _require_average(metric: str, scorer: Scorer, outputs: tuple[str, ...]) -> None:
    """Raise if a function of scikit-learn is defined for one output only."""
    inner = as_scorer(scorer.metric) if isinstance(scorer, RowScorer) else scorer
    function = getattr(inner, "_score_func", None)
    if not (getattr(function, "__module__", None) or "").startswith("sklearn."):
        return
    some = np.ones((2, len(outputs)))
    try:
        with warnings.catch_warnings(action="ignore"):  # nothing is read off these values
            function(some, some, **getattr(inner, "_kwargs", {}))  # type: ignore[misc]
    except ValueError as error:
        if "multioutput not supported" in str(error).lower():
            raise ValueError(
                f"{metric} is defined for one label per window, not for several ({', '.join(outputs)}): "
                "choose a metric that averages over outputs, such as 'neg_mean_absolute_error', or compare "
                "one target at a time."
            ) from error


def of_output(scorer: Scorer, output: int) -> Scorer:
    """Return a scorer of one of several outputs."""
    if isinstance(scorer, RowScorer):
        return RowScorer(of_output(as_scorer(scorer.metric), output))
    return OutputScorer(scorer, output)


class OutputScorer:
    """Score the predictions of one of several outputs.

    Parameters
    ----------
    scorer : scorer
        Of a single output, or of several: then without the average over them.
    output : int
        The position of the output.
    """

    def __init__(self, scorer: Scorer, output: int) -> None:
        arguments = dict(getattr(scorer, "_kwargs", {}))
        if arguments.pop("multioutput", None) is not None:
            is_better = scorer._sign > 0  # type: ignore[attr-defined]
            function = scorer._score_func  # type: ignore[attr-defined]
            scorer = make_scorer(function, greater_is_better=is_better, **arguments)
        self.scorer = scorer
        self.output = output

    def __call__(self, estimator: Any, X: Any, y: Any, **kwargs: Any) -> float:
        """Score one column of the predictions against one column of the labels."""
        of_output = _OneOutput(estimator, self.output)
        return self.scorer(of_output, X, np.asarray(y)[:, self.output], **kwargs)

    @property
    def _sign(self) -> int:
        return getattr(self.scorer, "_sign", 1)


class _OneOutput(BaseEstimator):
    """One output of a fitted estimator."""

    def __init__(self, estimator: Any, output: int) -> None:
        self.estimator = estimator
        self.output = output

    def predict(self, X: Any) -> NDArray:
        return np.asarray(self.estimator.predict(X))[:, self.output]

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        return get_tags(self.estimator)


def column_of(values: str, output: str) -> str:
    """Return the column of predictions that holds the labels (``y_true``) or predictions of an output."""
    return f"{values}[{output}]"


def output_in(column: str) -> str | None:
    """Return the output whose labels or predictions a column of predictions holds; None for others."""
    values, _, rest = column.partition("[")
    return rest[:-1] if values in ("y_true", "y_pred") and rest.endswith("]") else None
