"""Sessions that were cut one by one: recordings of one subject that all count their rows from 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug.windows.provenance import NO_RECORDING, Provenance

# Windows that are compared at a time.
_BLOCK = 1024


def count_sessions_on(
    parts: Sequence[Provenance],
    samples: Sequence[Callable[[NDArray[np.intp]], NDArray]],
    size: int,
) -> list[Provenance]:
    """Return the provenance of parts to be joined, with an origin of its own for every recorded window.

    Recorded windows with the same subject and first row but different samples are of different sessions. The
    origins and recordings of the later part, those of its synthetic windows included, are then renumbered to
    follow the earlier ones, subject by subject. Equal windows, as in slices and bootstrap samples, keep their
    origins.

    Parameters
    ----------
    parts : sequence of Provenance
        The provenance of each part, none of them empty.
    samples : sequence of callables
        For each part: maps positions to samples of shape (n_positions, size, n_features).
    size : int
        Rows per window.
    """
    names = [np.zeros(len(p), dtype=object) if p.groups is None else p.groups for p in parts]
    counted: list[Provenance] = []
    earlier = pd.DataFrame(columns=["subject", "first_row", "recording", "part", "window"])
    for number, (part, subjects) in enumerate(zip(parts, names, strict=True)):
        own = pd.DataFrame(
            {"subject": subjects, "first_row": part.first_row, "recording": part.recording}
        )
        own = own.assign(part=number, window=np.arange(len(part)))[~part.is_synthetic]
        if len(earlier) and len(own):
            other = _of_another_session(own, earlier, samples)
            if other:
                part = _counted_on(part, subjects, other, earlier, size)
                own["first_row"] = part.first_row[own["window"].to_numpy()]
                own["recording"] = part.recording[own["window"].to_numpy()]
        counted.append(part)
        if number + 1 < len(parts) and len(own):
            known = own.drop_duplicates(["subject", "first_row"])
            earlier = pd.concat([earlier, known]) if len(earlier) else known
    return counted


def _of_another_session(
    own: pd.DataFrame,
    earlier: pd.DataFrame,
    samples: Sequence[Callable[[NDArray[np.intp]], NDArray]],
) -> set:
    """Return the subjects with a recorded window that differs from an earlier one of the same origin."""
    pairs = own.merge(earlier, on=["subject", "first_row"], suffixes=("", "_earlier"))
    found: set = set()
    for (number, before), matched in pairs.groupby(["part", "part_earlier"], sort=False):
        for first in range(0, len(matched), _BLOCK):
            block = matched.iloc[first : first + _BLOCK]
            ours = samples[number](block["window"].to_numpy(dtype=np.intp))
            theirs = samples[before](block["window_earlier"].to_numpy(dtype=np.intp))
            is_equal = ((ours == theirs) | (np.isnan(ours) & np.isnan(theirs))).all(axis=(1, 2))
            found |= set(block["subject"].to_numpy()[~is_equal])
    return found


def _counted_on(
    part: Provenance, subjects: NDArray, which: set, earlier: pd.DataFrame, size: int
) -> Provenance:
    first_row, recording = part.first_row.copy(), part.recording.copy()
    last = earlier.groupby("subject", sort=False)[["first_row", "recording"]].max()
    for subject in which:
        is_own = subjects == subject
        first_row[is_own] += int(last["first_row"][subject]) + size
        recording[is_own & (recording != NO_RECORDING)] += int(last["recording"][subject]) + 1
    return replace(part, first_row=first_row, recording=recording)
