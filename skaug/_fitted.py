"""Find a fitted step inside pipelines, searches, learners of skrub and other meta-estimators."""

from __future__ import annotations

from typing import Any, TypeVar

_Step = TypeVar("_Step")

# What holds the fitted estimator in searches, TransformedTargetRegressor and other wrappers; then, for what
# is wrapped as it is, the parameter itself.
_HOLDERS = ("best_estimator_", "regressor_", "estimator_", "classifier_", "estimator")


def find_fitted(estimator: Any, kind: type[_Step]) -> _Step | None:
    """Find the fitted step of a kind in a pipeline, a search over one, or a wrapper of either.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    kind : type
        The class of the step.

    Returns
    -------
    step of this class, or None
        The first one, in order of the steps.
    """
    found = find_fitted_path(estimator, kind)
    return None if found is None else found[1]


def find_fitted_path(estimator: Any, kind: type[_Step]) -> tuple[list[Any], _Step] | None:
    """Find the fitted step of a kind, and the fitted steps of pipelines that come before it.

    Parameters
    ----------
    estimator, kind
        As in `find_fitted`.

    Returns
    -------
    (list of transformers, step of this class), or None
        The transformers that a table passes through on its way to the step, in order. A plan of skrub counts
        as the chain of its estimators; what it computes otherwise is not known.
    """
    if isinstance(estimator, kind):
        return [], estimator
    before: list[Any] = []
    is_learner = hasattr(estimator, "find_fitted_estimator")
    steps = _steps_of_learner(estimator) if is_learner else getattr(estimator, "steps", ())
    for _, step in steps:
        if (found := find_fitted_path(step, kind)) is not None:
            return [*before, *found[0]], found[1]
        before += _leaves(step)
    for part in [getattr(estimator, name) for name in _HOLDERS if hasattr(estimator, name)]:
        if (found := find_fitted_path(part, kind)) is not None:
            return found
    return None


def _leaves(step: Any) -> list[Any]:
    """Return the transformers of a step, which may be a pipeline or "passthrough"."""
    if step is None or isinstance(step, str):
        return []
    if not hasattr(step, "steps"):
        return [step]
    return [leaf for _, inner in step.steps for leaf in _leaves(inner)]


def _steps_of_learner(learner: Any) -> list[tuple[str, Any]]:
    """Return the fitted estimators of a learner of skrub, like the steps of a pipeline."""
    nodes: list[Any] = []
    learner.data_op.skb.find(
        nodes.append
    )  # a predicate that is never true: all nodes, the last one first
    steps = []
    for node in reversed(nodes):
        try:
            step = learner.find_fitted_estimator(lambda other, node=node: other is node)
        except (AttributeError, TypeError, ValueError):  # a choice, or a node without an estimator
            continue
        steps.append(("", step))
    return steps
