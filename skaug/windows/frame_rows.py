"""Where windows lie in the frame that they were cut from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skaug._arrays import covered_rows, plain_layout
from skaug.tables.aggregation import Aggregation, aggregate, refuse_classes
from skaug.tables.columns import as_column, columns_of


@dataclass(frozen=True, eq=False)
class FrameRows:
    """Where windows lie in the frame that they were cut from.

    Parameters
    ----------
    starts : ndarray of shape (n_windows,)
        First row of each window.
    size : int
        Rows per window.
    n_rows : int
        Rows of the frame.
    positions : ndarray of shape (n_sorted_rows,), optional
        If the rows of some subject are not adjacent: the position in the frame of each row sorted by
        subject, in which `starts` counts. None if the order is the frame's.
    n_rows_before : int, optional
        How many rows there were before a step of the pipeline changed them.
    """

    starts: NDArray[np.intp]
    size: int
    n_rows: int
    positions: NDArray[np.intp] | None = None
    n_rows_before: int | None = None

    def take(self, index: Any) -> FrameRows:
        """Return the rows of some of the windows."""
        return replace(self, starts=self.starts[index])

    def indices(self) -> NDArray[np.intp]:
        """Return the position of each row of each window, of shape (n_windows, size)."""
        rows = self.starts[:, None] + np.arange(self.size)
        return rows if self.positions is None else self.positions[rows]

    def compact(self) -> FrameRows:
        """Return a copy without the positions that no window covers."""
        starts, positions = self.starts, self.positions
        if positions is not None:
            starts, stretches = covered_rows(starts, self.size)
            kept = [positions[:0], *(positions[stretch] for stretch in stretches)]
            positions = plain_layout(np.concatenate(kept))
        return replace(self, starts=plain_layout(starts), positions=positions)

    def aggregate(self, values: Any, how: Aggregation, name: str = "y") -> NDArray:
        """Aggregate values of rows of the frame to values of windows, column by column if they are 2-D."""
        if np.ndim(values) == 2:
            columns = columns_of(values)
            return np.stack([self.aggregate(column, how, name) for column in columns], axis=1)
        if self.positions is not None:
            values = as_column(values, name).take(self.positions)
        refuse_classes(values, how, name)
        return aggregate(values, self.starts, self.size, how, name)


@dataclass(frozen=True, eq=False)
class Entry:
    """Which of the windows that entered a pipeline each window is, or was made from.

    Steps may add, drop, repeat and reorder windows while fitting. With this, values that were passed to
    ``fit`` per window or per row follow them.

    Parameters
    ----------
    positions : ndarray of shape (n_windows,)
        The position of each window among those that entered.
    n_entered : int
        How many entered.
    rows : FrameRows or None
        Where these windows lie in the frame that they were cut from.
    """

    positions: NDArray[np.intp]
    n_entered: int
    rows: FrameRows | None

    @property
    def is_unchanged(self) -> bool:
        """Whether the windows are those that entered, in the same order."""
        return np.array_equal(self.positions, np.arange(self.n_entered))

    def take(self, index: Any) -> Entry:
        """Return the entry of some of the windows."""
        rows = None if self.rows is None else self.rows.take(index)
        return replace(self, positions=self.positions[index], rows=rows)

    def compact(self) -> Entry:
        """Return a copy of plain arrays, without rows that no window covers."""
        rows = None if self.rows is None else self.rows.compact()
        return replace(self, positions=plain_layout(self.positions), rows=rows)

    def spread(self, values: Any, name: str) -> NDArray:
        """Return one value per window, from one per window that entered or the mean of one per row.

        Raises
        ------
        ValueError
            If there are neither as many values as windows entered nor as the frame has rows.
        """
        n_values = len(values) if hasattr(values, "__len__") else 0
        require_same_rows(None if self.rows is None else self.rows.n_rows_before, n_values, name)
        if self.rows is not None and n_values == self.rows.n_rows:
            return self.rows.aggregate(values, "mean", name)
        if n_values == self.n_entered:
            return np.asarray(values)[self.positions]
        per_row = "" if self.rows is None else f", or {self.rows.n_rows}, one per row"
        raise ValueError(
            f"{name} has {n_values} values: pass {self.n_entered}, one per window{per_row}."
        )


def require_same_rows(n_rows_before: int | None, n_values: int, name: str) -> None:
    """Raise if values are one per row of a table whose rows a step of the pipeline has changed.

    Parameters
    ----------
    n_rows_before : int or None
        How many rows there were before; None if they are the same.
    n_values : int
        How many values were passed.
    name : str
        What they are called.

    Raises
    ------
    ValueError
        If there are as many values as there were rows.
    """
    if n_values == n_rows_before:
        raise ValueError(
            f"{name} has {n_values} values, one per row of a table whose rows a step before the windower "
            "changes, so they belong to no window: put them into a column of the table, which follows. "
            "Labels: name it, SubjectWindower(target=...)."
        )
