"""The channels of recordings as a table holds them, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from skaug.columns import holds_nan, plain_array
from skaug.slicing import in_halves, window_views

# Bytes that are filled at once, channel by channel: few enough to stay in the cache, and enough for
# the work on each block not to count.
_BLOCK_BYTES = 1 << 21


class ColumnSignals:
    """Channels of recordings that are not copied from their table until samples are asked for.

    A table holds its columns one after the other, windows want the channels side by side. To turn one into
    the other costs as much as a copy, so it is done while the windows are copied.

    Parameters
    ----------
    columns : sequence of Series of shape (n_rows,)
        The channels: numbers or booleans. They must not change with the table (pandas 3 sees to it that they
        do not, as long as they are held; earlier ones need a copy).
    dtype : data type
        Of the samples that are given.

    Attributes
    ----------
    dtype : numpy.dtype
    shape : tuple of int
        (n_rows, n_channels)
    """

    def __init__(self, columns: Sequence[pd.Series], dtype: DTypeLike) -> None:
        # As long as somebody holds the series, pandas copies the column when its table is written to.
        self._held = list(columns)
        self._columns = [plain_array(column) for column in columns]
        self.dtype = np.dtype(dtype)
        self.shape = (len(columns[0]), len(columns))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def is_exact(self) -> bool:
        """Whether the dtype of the samples holds all values that the columns may hold."""
        return all(np.can_cast(column.dtype, self.dtype) for column in self._columns)

    def holds_nan(self) -> bool:
        """Whether a sample is missing."""
        return holds_nan(*self._columns)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> NDArray:
        """Give some of the rows as a C-contiguous matrix."""
        n_rows = len(range(len(self))[rows]) if isinstance(rows, slice) else len(rows)
        out = np.empty((n_rows, self.shape[1]), dtype=self.dtype)
        self.copy_rows(rows, out)
        return out

    def copy_rows(self, rows: slice | NDArray[np.intp], out: NDArray) -> None:
        """Write some of the rows: `out` is of shape (n_chosen, n_channels)."""
        columns, order = self._columns, None
        if isinstance(rows, slice):
            columns = [column[rows] for column in columns]
        else:
            order = rows
        n_block = max(1, _BLOCK_BYTES // (len(columns) * self.dtype.itemsize))

        def fill(half: slice) -> None:
            for first in range(half.start, half.stop, n_block):
                block = slice(first, min(first + n_block, half.stop))
                for j, column in enumerate(columns):
                    out[block, j] = column[block if order is None else order[block]]

        in_halves(fill, len(out), out.nbytes)

    def copy_windows(self, starts: NDArray[np.intp], out: NDArray) -> None:
        """Write the windows that begin at these rows: `out` is of (n_windows, window_size, n_channels)."""
        size = out.shape[1]
        n_block = max(1, _BLOCK_BYTES // max(1, out[:1].nbytes))
        views = [window_views(column, starts, size, n_block) for column in self._columns]
        for blocks in zip(*views, strict=True):
            for j, (which, block) in enumerate(blocks):
                out[which, :, j] = block


#: The rows of recordings: a matrix of shape (n_rows, n_channels), or what stands for one.
Signals = NDArray | ColumnSignals
