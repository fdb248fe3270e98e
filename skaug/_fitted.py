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
    if isinstance(estimator, kind):
        return estimator
    inner = [step for _, step in getattr(estimator, "steps", ())]
    inner += _steps_of_learner(estimator) if hasattr(estimator, "find_fitted_estimator") else []
    inner += [getattr(estimator, name) for name in _HOLDERS if hasattr(estimator, name)]
    for part in inner:
        found = find_fitted(part, kind)
        if found is not None:
            return found
    return None


def _steps_of_learner(learner: Any) -> list[Any]:
    """Return the fitted estimators of a learner of skrub."""
    nodes: list[Any] = []
    learner.data_op.skb.find(nodes.append)  # a predicate that is never true: all nodes
    steps = []
    for node in nodes:
        try:
            steps.append(learner.find_fitted_estimator(lambda other, node=node: other is node))
        except (TypeError, ValueError):  # a node without an estimator
            continue
    return steps
