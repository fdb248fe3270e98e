"""Windows as plain arrays of only the rows that they cover, for pickles and hashes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._arrays import plain_layout
from skaug.tables.columns import encode, is_text, plain_array

Packed = tuple[NDArray, Any]


def pack(column: pd.Series) -> Packed:
    """Return a column as plain arrays: pandas does not always pickle equal columns to equal bytes."""
    if is_text(column):
        codes, classes = encode(column)
        return codes.astype(np.min_scalar_type(-max(1, len(classes)))), classes
    values = plain_layout(plain_array(column))
    if isinstance(column.dtype, np.dtype):
        return values, None
    kind = column.dtype
    if isinstance(kind, pd.ArrowDtype):
        kind = kind.pyarrow_dtype  # pandas' own holds a cache
    elif not isinstance(kind, pd.DatetimeTZDtype):
        kind = str(kind)
    # As bytes: otherwise a hash distinguishes an object that two columns share from two equal ones.
    return values, pickle.dumps(kind)


def unpack(packed: Packed) -> pd.Series:
    """Return the column that `pack` turned into plain arrays."""
    values, kind = packed
    if isinstance(kind, np.ndarray):
        categories = pd.Index(kind, dtype=object)
        return pd.Series(pd.Categorical.from_codes(values, categories=categories), copy=False)
    column = pd.Series(values, copy=False)
    if kind is None:
        return column
    dtype = pickle.loads(kind)
    if not isinstance(dtype, str | pd.DatetimeTZDtype):
        dtype = pd.ArrowDtype(dtype)
    if values.dtype.kind == "M" and pd.Series(dtype=dtype).dt.tz is not None:
        column = column.dt.tz_localize("UTC")
    return column.astype(dtype)


def pack_frame(frame: pd.DataFrame) -> dict[str, Packed]:
    """Return the columns of a context as plain arrays."""
    return {name: pack(column) for name, column in frame.items()}


def unpack_frame(packed: dict[str, Packed], n_rows: int) -> pd.DataFrame:
    """Return the context that `pack_frame` turned into plain arrays."""
    columns = {name: unpack(column) for name, column in packed.items()}
    return pd.DataFrame(columns, index=range(n_rows), copy=False)
