"""Searches over the pipeline of a comparison: what they may vary of the augmenter, and what they try."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from skaug.synthesis import Synthesizer

_GRIDS = ("param_grid", "param_distributions")


def check_searches(estimator: Any, path: str) -> None:
    """Raise if a search varies what the protocols set.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a search over one.
    path : str
        The parameter that is the augmenter.

    Raises
    ------
    ValueError
        If a search replaces the augmenter or a step that contains it, varies a parameter other than its
        synthesizer, or draws synthesizers from something that is not a list.
    """
    own = estimator.get_params(deep=True)[path].synthesizer
    for inner, grid in _grids(estimator, path):
        synthesizer = f"{inner}__synthesizer"
        for name, values in grid.items():
            if name == synthesizer:
                if hasattr(values, "rvs"):
                    raise ValueError(
                        f"The search draws {name!r} from a distribution: pass a list of synthesizers."
                    )
            elif name.startswith(f"{synthesizer}__"):
                if own is None and synthesizer not in grid:
                    raise ValueError(
                        f"The search varies {name!r}, but the augmenter has no synthesizer to set it on: "
                        "pass one, SynthefyAugmenter(SurrogateSynthesizer())."
                    )
            elif f"{inner}__".startswith(f"{name}__") or name.startswith(f"{inner}__"):
                raise ValueError(
                    f"The search varies {name!r}, but the protocols set the parameters of the augmenter "
                    "except its synthesizer: leave it out of the search. To vary ratio, use "
                    "learning_curve."
                )


def refuse_searched_synthesizer(estimator: Any, path: str, function: str) -> None:
    """Raise if a search varies the synthesizer, which a function sets.

    Raises
    ------
    ValueError
        Names the parameter that is varied.
    """
    for name in searched_parameters(estimator, path):
        raise ValueError(
            f"The search varies {name!r}, but {function} sets the synthesizer: leave it out of the search, "
            "or pass the search to compare_protocols, which chooses in every fold."
        )


def searched_parameters(estimator: Any, path: str) -> list[str]:
    """Return the parameters that searches vary and that are the synthesizer, or belong to it."""
    return [
        name
        for inner, grid in _grids(estimator, path)
        for name in grid
        if f"{name}__".startswith(f"{inner}__synthesizer__")
    ]


def synthesizers_of(estimator: Any, path: str) -> list[Any]:
    """Return the synthesizer of the augmenter, and those that searches try in its place."""
    found = [estimator.get_params(deep=True)[path].synthesizer]
    for inner, grid in _grids(estimator, path):
        found += grid.get(f"{inner}__synthesizer", [])
    return found


def wrap_synthesizers(
    estimator: Any, path: str, wrap: Callable[[Synthesizer | None], Synthesizer]
) -> None:
    """Wrap the synthesizer of the augmenter, and those that searches try, in another one.

    Parameters
    ----------
    estimator : estimator
        A pipeline, or a search over one. It is changed.
    path : str
        The parameter that is the augmenter.
    wrap : callable
        Returns a synthesizer that holds the one it is passed as its parameter `synthesizer`.
    """
    augmenter = estimator.get_params(deep=True)[path]
    augmenter.set_params(synthesizer=wrap(augmenter.synthesizer))
    for search, inner in _searches(estimator, path):
        for attribute in _GRIDS:
            grids = getattr(search, attribute, None)
            if grids is None:
                continue
            is_one = isinstance(grids, Mapping)
            wrapped = [_wrapped(grid, inner, wrap) for grid in ([grids] if is_one else grids)]
            search.set_params(**{attribute: wrapped[0] if is_one else wrapped})


def _wrapped(grid: Mapping[str, Any], path: str, wrap: Callable) -> dict[str, Any]:
    synthesizer = f"{path}__synthesizer"
    wrapped = {}
    for name, values in grid.items():
        if name == synthesizer:
            wrapped[name] = [wrap(value) for value in values]
        elif name.startswith(f"{synthesizer}__"):  # a parameter of the synthesizer inside
            wrapped[f"{synthesizer}__{name.removeprefix(f'{path}__')}"] = values
        else:
            wrapped[name] = values
    return wrapped


def _grids(estimator: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each grid of the searches, and the path of the augmenter in the estimator that they vary."""
    for search, inner in _searches(estimator, path):
        for attribute in _GRIDS:
            grids = getattr(search, attribute, {})
            for grid in [grids] if isinstance(grids, Mapping) else grids:
                yield inner, grid


def _searches(estimator: Any, path: str) -> Iterator[tuple[Any, str]]:
    """Yield what wraps an estimator that contains the augmenter, and the augmenter's path in the latter."""
    for owner, search in [("", estimator), *estimator.get_params(deep=True).items()]:
        inner = path.removeprefix(f"{owner}__estimator__" if owner else "estimator__")
        if inner != path:
            yield search, inner
