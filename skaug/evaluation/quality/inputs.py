"""The windows that `synthetic_quality` accepts, and the errors for those that it does not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from skaug.evaluation.quality.sample import FEWEST_WINDOWS
from skaug.evaluation.window_sets import require_real, require_synthetic
from skaug.windows.container import Windows

_FEWEST_SAMPLES = 8


def require_comparable(parts: Mapping[str, Windows]) -> None:
    """Raise unless sets of windows can be compared.

    Parameters
    ----------
    parts : dict of str to Windows
        ``real``, ``synthetic`` and, where there are held-out windows, ``holdout``.

    Raises
    ------
    ValueError
        If windows differ in length or channels, contain NaN or infinity, are too few or too short, are
        synthetic among the real ones or recorded among the synthetic ones, or if a held-out subject is
        in another set as well.
    """
    real = parts["real"]
    for name, windows in parts.items():
        _require_enough(name, windows)
        _require_same_shape(name, windows, real)
        _require_finite(name, windows)
    for name, windows in parts.items():
        if name == "synthetic":
            require_synthetic(name, windows)
        else:
            require_real(name, windows)
    if "holdout" in parts:
        for name in ("real", "synthetic"):
            _require_no_shared_subjects(parts["holdout"], name, parts[name])


def channel_names(parts: Mapping[str, Windows]) -> list[str]:
    """Return the names of the channels, which bare arrays do not have."""
    named = [windows.feature_names for windows in parts.values() if _is_named(windows)]
    return named[0] if named else parts["real"].feature_names


def _require_enough(name: str, windows: Windows) -> None:
    if len(windows) < FEWEST_WINDOWS:
        raise ValueError(
            f"{name} has {len(windows)} windows, but at least {FEWEST_WINDOWS} are needed: some measures "
            f"look for {FEWEST_WINDOWS - 1} neighbors of each."
        )
    if windows.window_size < _FEWEST_SAMPLES:
        raise ValueError(
            f"Windows of {windows.window_size} samples are too short for a spectrum: use windows of at "
            f"least {_FEWEST_SAMPLES} samples."
        )


def _require_same_shape(name: str, windows: Windows, real: Windows) -> None:
    given, expected = windows.feature_names, real.feature_names
    has_others = given != expected and _is_named(windows) and _is_named(real)
    if windows.shape[1:] != real.shape[1:] or has_others:
        raise ValueError(
            f"{name} has windows of {windows.window_size} samples of {', '.join(given)}, but real has "
            f"windows of {real.window_size} samples of {', '.join(expected)}: cut both in the same way."
        )


def _require_finite(name: str, windows: Windows) -> None:
    for which, block in windows.blocks():
        bad = np.argwhere(~np.isfinite(block.to_numpy()))
        if len(bad):
            window, _, channel = bad[0]
            groups = block.groups
            subject = "" if groups is None else f" of subject {groups[window]!r}"
            raise ValueError(
                f"{name} contains NaN or infinity, first in window {which.start + window}{subject}, "
                f"channel {windows.feature_names[channel]!r}. Cut the windows with missing='drop' or "
                "'ffill', or remove these windows."
            )


def _require_no_shared_subjects(holdout: Windows, name: str, windows: Windows) -> None:
    if holdout.groups is None or windows.groups is None:
        return
    seen = set(windows.groups)
    shared = [subject for subject in pd.unique(holdout.groups) if subject in seen]
    if shared:
        raise ValueError(
            f"holdout and {name} share the subjects {', '.join(map(repr, shared))}: held-out subjects must "
            "be unknown to the generator. Split with SubjectKFold."
        )


def _is_named(windows: Windows) -> bool:
    return windows.feature_names != [f"x{i}" for i in range(windows.shape[2])]
