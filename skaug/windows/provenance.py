"""Provenance: what is known about each window besides its samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._arrays import plain_layout
from skaug.tables.aggregation import Aggregation
from skaug.windows.frame_rows import Entry, FrameRows, require_same_rows

#: The column of the labels, or the columns where there may be several labels per window.
Target = str | tuple[str, ...] | None

#: The draw of a window that was recorded.
REAL = -1

#: The recording of windows that do not lie in one: of arrays, and of samples that were replaced.
NO_RECORDING = -1


@dataclass(frozen=True, eq=False)
class Provenance:
    """Subject, origin, draw, label and rows of windows.

    Parameters
    ----------
    codes : ndarray of shape (n_windows,)
        The subject of each window, as a position in `subjects`.
    subjects : ndarray of shape (n_subjects,), or None
        The subjects; None without subjects.
    first_row : ndarray of shape (n_windows,)
        First row of each window, counted among all the rows of its subject.
    draw : ndarray of shape (n_windows,)
        The number of the synthetic window among those of the same origin; `REAL` for a recorded one.
    is_synthetic : ndarray of shape (n_windows,)
        Whether the samples are synthetic.
    recording : ndarray of shape (n_windows,)
        The uninterrupted recording that each window was cut from, counted among those of its subject;
        `NO_RECORDING` if its samples are not rows of a recording.
    size : int
        How many rows of its subject each window covers, from `first_row` on.
    y : ndarray of shape (n_windows,) or (n_windows, n_outputs), or None
        The label of each window, or its labels.
    rows : FrameRows or None
        Where the windows lay in the frame that was transformed; None if there is none, or several.
    subject : str or None
        The column that the subjects were read from.
    target : str, tuple of str, or None
        The column that the labels were aggregated from; a tuple if there may be several per window.
    target_agg : str or callable
        How they were aggregated.
    is_replaced : bool
        Whether labels that were passed, such as transformed ones, replaced different ones of the windows.
    weights : ndarray of shape (n_windows,), or None
        What the sample weight of each window is multiplied by; None for 1.
    is_edited : ndarray of shape (n_windows,), or None
        Whether each window is a condition with an edited label; None if none is.
    entry : Entry or None
        Which windows they were when they entered a `skaug.Pipeline`; None outside of one.
    """

    codes: NDArray[np.intp]
    subjects: NDArray | None
    first_row: NDArray[np.int64]
    draw: NDArray[np.int64]
    is_synthetic: NDArray[np.bool_]
    recording: NDArray[np.int64]
    size: int
    y: NDArray | None = None
    rows: FrameRows | None = None
    subject: str | None = None
    target: Target = None
    target_agg: Aggregation = "mean"
    is_replaced: bool = False
    weights: NDArray | None = None
    is_edited: NDArray[np.bool_] | None = None
    entry: Entry | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def groups(self) -> NDArray | None:
        """The subject of each window, or None."""
        return None if self.subjects is None else self.subjects[self.codes]

    @property
    def holds_synthetic(self) -> bool:
        """Whether any window is synthetic."""
        return bool(self.is_synthetic.any())

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that the labels were aggregated from."""
        return target_names(self.target)

    @property
    def outputs(self) -> tuple[str, ...] | None:
        """The names of several labels per window: their columns, or else "0", "1", ...; None for one."""
        if self.y is None or self.y.ndim == 1:
            return None
        is_own = not self.is_replaced and len(self.targets) == self.y.shape[1]
        return self.targets if is_own else tuple(map(str, range(self.y.shape[1])))

    def origins(self) -> pd.DataFrame:
        """Return one row per window: subject, first_row, draw."""
        subject = np.full(len(self), None) if self.groups is None else self.groups
        return pd.DataFrame({"subject": subject, "first_row": self.first_row, "draw": self.draw})

    def take(self, index: Any) -> Provenance:
        """Return the provenance of some of the windows."""
        return replace(
            self,
            codes=self.codes[index],
            first_row=self.first_row[index],
            draw=self.draw[index],
            is_synthetic=self.is_synthetic[index],
            recording=self.recording[index],
            y=None if self.y is None else self.y[index],
            rows=None if self.rows is None else self.rows.take(index),
            weights=None if self.weights is None else self.weights[index],
            is_edited=None if self.is_edited is None else self.is_edited[index],
            entry=None if self.entry is None else self.entry.take(index),
        )

    def compact(self) -> Provenance:
        """Return a copy without the subjects and rows that no window refers to, which may be pickled."""
        present, codes = np.unique(self.codes, return_inverse=True)
        return replace(
            self,
            codes=plain_layout(codes.astype(np.intp)),
            subjects=None if self.subjects is None else plain_layout(self.subjects[present]),
            first_row=plain_layout(self.first_row),
            draw=plain_layout(self.draw),
            is_synthetic=plain_layout(self.is_synthetic),
            recording=plain_layout(self.recording),
            y=None if self.y is None else plain_layout(self.y),
            rows=None if self.rows is None else self.rows.compact(),
            weights=None if self.weights is None else plain_layout(self.weights),
            is_edited=None if self.is_edited is None else plain_layout(self.is_edited),
            entry=None if self.entry is None else self.entry.compact(),
        )

    def as_entry(self, *, from_table: bool = False) -> Entry:
        """Return the entry of windows that enter a pipeline now.

        Parameters
        ----------
        from_table : bool, default=False
            Whether the pipeline cuts them itself. If not, and there are as many windows as rows, values that
            are passed along are one per window.
        """
        rows = self.rows
        if rows is not None and rows.n_rows == len(self) and not from_table:
            rows = None
        return Entry(np.arange(len(self)), len(self), rows)

    def relabel(self, y: Any) -> Provenance:
        """Return the provenance with the labels that were passed to ``fit`` or ``score``.

        Labels that are passed take precedence over those of the windows, with one exception: if some windows
        are synthetic, they were made while fitting, and no `y` from outside has an entry for them.

        Parameters
        ----------
        y : array-like of shape (n_windows,) or (n_rows_of_the_frame,), or 2-D for several labels, or None
            One label per window, or one per row, which are then aggregated; None keeps the labels. Where
            there are as many windows as rows, which need not be in the same order, they are one per row if a
            pipeline cut the table, and one per window otherwise.

        Returns
        -------
        Provenance

        Raises
        ------
        ValueError
            If `y` has the wrong length, or is a data frame with names other than those of several targets.
        """
        if y is None or y is self.y or self.holds_synthetic:
            return self
        n_rows = None if self.rows is None else self.rows.n_rows
        if np.ndim(y) == 0:
            raise ValueError(f"y must hold one label per window, got the scalar {y!r}.")
        require_names_of_targets(y, self.targets)
        require_same_rows(None if self.rows is None else self.rows.n_rows_before, len(y), "y")
        per_row = self.rows is not None and n_rows == len(y)
        if per_row and n_rows == len(self):
            per_row = self._were_cut_with(y)
        if per_row and self.rows is not None:
            return self._replace_labels(self.rows.aggregate(y, self.target_agg))
        if len(y) == len(self):
            return self._replace_labels(np.array(y))
        rows = "" if n_rows is None else f", or {n_rows} for the rows they were cut from"
        raise ValueError(
            f"y has {len(y)} labels, but there are {len(self)} windows: pass one label for each"
            f"{rows}. If a step of a scikit-learn Pipeline dropped or repeated windows, build the "
            "pipeline with skaug.make_pipeline, or pass no y: the windows carry their labels."
        )

    def _were_cut_with(self, y: Any) -> bool:
        """Whether labels are one per row of the table, which has as many rows as there are windows."""
        if self.entry is not None:
            return self.entry.rows is not None
        if self.y is None or self.rows is None:
            return False
        return same_labels(self.rows.aggregate(y, self.target_agg), self.y)

    def _replace_labels(self, y: NDArray) -> Provenance:
        is_other = self.y is not None and not same_labels(y, self.y)
        return replace(self, y=y, is_replaced=self.is_replaced or is_other)


def target_names(target: Target | Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the labels as a tuple."""
    return () if target is None else (target,) if isinstance(target, str) else tuple(target)


def names_of_labels(y: Any) -> tuple[str, ...] | None:
    """Return the columns of labels that are a data frame; None for others."""
    columns = getattr(y, "columns", None) if np.ndim(y) == 2 else None
    return None if columns is None else tuple(map(str, columns))


def require_names_of_targets(y: Any, targets: tuple[str, ...]) -> None:
    """Raise if labels that are passed have names other than those of several targets.

    Parameters
    ----------
    y : array-like
        With names if it is a data frame.
    targets : tuple of str
        The columns of the labels, after which predictions are named.

    Raises
    ------
    ValueError
        Names both.
    """
    names = tuple(name for name in getattr(y, "columns", ()) if isinstance(name, str))
    if len(names) == len(targets) > 1 and names != targets:
        raise ValueError(
            f"y has the columns {', '.join(names)}, but target names {', '.join(targets)}, after which "
            "predictions are named: pass no y, or y with these columns in this order."
        )


def same_labels(labels: NDArray, expected: NDArray) -> bool:
    """Whether labels are equal, up to rounding if they are numbers.

    Numbers may differ by 1e-9 of the largest expected one, or by the rounding of their data types. A missing
    label equals a missing label.
    """
    if labels.shape != expected.shape:
        return False
    if labels.dtype.kind in "fiub" and expected.dtype.kind in "fiub":
        dtypes = [values.dtype for values in (labels, expected) if values.dtype.kind == "f"]
        relative = max([1e-9, *(np.finfo(dtype).eps for dtype in dtypes)])
        rounding = relative * np.abs(expected[np.isfinite(expected)]).max(initial=0)
        return bool(np.allclose(labels, expected, rtol=0, atol=rounding, equal_nan=True))
    return bool(((labels == expected) | (pd.isna(labels) & pd.isna(expected))).all())


def concatenate_provenance(parts: Sequence[Provenance]) -> Provenance:
    """Join the provenance of several sets of windows.

    Raises
    ------
    ValueError
        If some have labels or subjects and others have none.
    """
    first = parts[0]
    for what in ("y", "subjects"):
        known = [getattr(part, what) is not None for part in parts if len(part)]
        if any(known) and not all(known):
            noun = "labels (y)" if what == "y" else "subjects (groups)"
            raise ValueError(
                f"Some of these windows have {noun} and others have none: pass them for all."
            )
    _require_same_outputs([part for part in parts if len(part)])
    filled = [part for part in parts if len(part)] or [first]
    subjects, codes = _concatenate_subjects(filled)
    return replace(
        filled[0],
        codes=codes,
        subjects=subjects,
        first_row=np.concatenate([part.first_row for part in filled]),
        draw=np.concatenate([part.draw for part in filled]),
        is_synthetic=np.concatenate([part.is_synthetic for part in filled]),
        recording=np.concatenate([part.recording for part in filled]),
        y=None if filled[0].y is None else np.concatenate([part.y for part in filled]),  # type: ignore[misc]
        rows=filled[0].rows if len(filled) == 1 else None,
        is_replaced=any(part.is_replaced for part in filled),
        weights=_concatenate_optional([part.weights for part in filled], filled, 1.0),
        is_edited=_concatenate_optional([part.is_edited for part in filled], filled, False),
        entry=_concatenate_entries(filled),
    )


def _require_same_outputs(parts: Sequence[Provenance]) -> None:
    """Raise if windows differ in the number of labels, or in the names of several."""
    labeled = [part for part in parts if part.y is not None]
    shapes = {part.y.shape[1:] for part in labeled}  # type: ignore[union-attr]
    names = {part.targets for part in labeled if part.outputs is not None and part.targets}
    if len(shapes) > 1 or len(names) > 1:
        found = dict.fromkeys(", ".join(part.outputs or ("one label",)) for part in labeled)
        one, other = list(found)[:2]
        raise ValueError(
            f"Windows labeled with {one} cannot join windows labeled with {other}: cut them with the same "
            "target, in the same order."
        )


def _concatenate_optional(
    values: Sequence[NDArray | None], parts: Sequence[Provenance], default: float | bool
) -> NDArray | None:
    if all(value is None for value in values):
        return None
    filled = [
        np.full(len(part), default) if value is None else value
        for value, part in zip(values, parts, strict=True)
    ]
    return np.concatenate(filled)


def _concatenate_entries(parts: Sequence[Provenance]) -> Entry | None:
    """Join the entries of windows that entered together; None for others."""
    entries = [part.entry for part in parts if part.entry is not None]
    if len(entries) < len(parts) or len({entry.n_entered for entry in entries}) > 1:
        return None
    rows = [entry.rows for entry in entries if entry.rows is not None]
    joined = None
    if len(rows) == len(parts) and all(one.positions is rows[0].positions for one in rows):
        joined = replace(rows[0], starts=np.concatenate([one.starts for one in rows]))
    positions = np.concatenate([entry.positions for entry in entries])
    return Entry(positions, entries[0].n_entered, joined)


def _concatenate_subjects(parts: Sequence[Provenance]) -> tuple[NDArray | None, NDArray[np.intp]]:
    if parts[0].subjects is None:
        return None, np.concatenate([part.codes for part in parts])
    if all(part.subjects is parts[0].subjects for part in parts):
        return parts[0].subjects, np.concatenate([part.codes for part in parts])
    codes, subjects = pd.factorize(np.concatenate([part.groups for part in parts]))  # type: ignore[misc]
    return subjects, codes.astype(np.intp)
