"""Windows are of the table as it was, whatever is written to it afterwards."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from skaug import SubjectWindower, Windows

N_ROWS = 40


def table_of(dtype: str) -> pd.DataFrame:
    values = np.random.default_rng(0).integers(0, 9, (N_ROWS, 3))
    frame = pd.DataFrame(values, columns=["BVP", "ECG", "AGE"]).astype(dtype)
    return frame.assign(heart_rate=np.arange(N_ROWS) + 60.0)


def cut(table: Any) -> Windows:
    windower = SubjectWindower(5, 2, features=["BVP", "ECG"], target="heart_rate", subject=None)
    return windower.fit_transform(table)


def assert_unchanged_by(write: Callable[[], None], windows: Windows) -> None:
    samples, labels, context = windows.to_numpy(), windows.y.copy(), windows.context.copy()  # type: ignore[union-attr]
    some = windows[[3, 1]]
    write()
    assert_array_equal(windows.to_numpy(), samples)
    assert_array_equal(windows.y, labels)
    assert_frame_equal(windows.context, context)
    assert_array_equal(some.to_numpy(), samples[[3, 1]])
    assert_array_equal(pickle.loads(pickle.dumps(windows)).to_numpy(), samples)


def set_a_column(table: pd.DataFrame) -> None:
    table.loc[:, "BVP"] = 0


def set_all(table: pd.DataFrame) -> None:
    table.iloc[:, :4] = 0


def scale(table: pd.DataFrame) -> None:
    table *= 2


@pytest.mark.parametrize("write", [set_a_column, set_all, scale])
@pytest.mark.parametrize("dtype", ["float64", "int32", "Float64", "Int64", "double[pyarrow]"])
def test_a_table_may_be_written_to(write: Callable[[pd.DataFrame], None], dtype: str) -> None:
    table = table_of(dtype)
    assert_unchanged_by(lambda: write(table), cut(table))


@pytest.mark.parametrize("dtype", ["Float64", "Int64", "Float32"])
def test_arrays_of_nullable_columns_may_be_written_to(dtype: str) -> None:
    """`to_numpy` of one that misses nothing is its own memory, which pandas does not guard."""
    table = table_of(dtype)

    def write() -> None:
        for name in ("BVP", "AGE"):
            table[name].to_numpy()[:] = 0

    assert_unchanged_by(write, cut(table))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("is_frame", [True, False])
def test_the_array_that_a_table_was_made_of_may_be_written_to(order: Any, is_frame: bool) -> None:
    values = np.asarray(np.random.default_rng(0).normal(size=(N_ROWS, 3)), order=order)
    table = pd.DataFrame(values, columns=list("abc"), copy=False) if is_frame else values
    windower = SubjectWindower(
        5, features=[0, 1, 2] if not is_frame else ["a", "b", "c"], subject=None
    )
    windows = windower.fit_transform(table)
    samples = windows.to_numpy()
    values[:] = 0.0
    assert_array_equal(windows.to_numpy(), samples)


def test_a_file_in_memory_may_be_written_to(tmp_path: Path) -> None:
    values = np.memmap(tmp_path / "buffer", dtype="float64", mode="w+", shape=(N_ROWS, 2))
    values[:] = np.random.default_rng(0).normal(size=values.shape)
    table = pd.DataFrame(values, columns=["BVP", "ECG"], copy=False)
    windows = SubjectWindower(5, subject=None).fit_transform(table)
    samples = windows.to_numpy()
    values[:] = 0.0  # the next recording
    assert_array_equal(windows.to_numpy(), samples)


def test_arrays_that_polars_took_over_may_be_written_to() -> None:
    values = {name: np.random.default_rng(0).normal(size=N_ROWS) for name in ("BVP", "ECG")}
    windows = SubjectWindower(5, subject=None).fit_transform(pl.DataFrame(values))
    samples = windows.to_numpy()
    for column in values.values():
        column[:] = 0.0
    assert_array_equal(windows.to_numpy(), samples)


def test_an_array_that_windows_gave_may_be_written_to() -> None:
    windows = cut(table_of("float64"))
    samples = windows.to_numpy()
    np.asarray(windows)[:] = 0.0
    windows[0][:] = 0.0
    frame = windows.to_frame()
    frame.loc[:, "BVP"] = 0.0
    assert_array_equal(windows.to_numpy(), samples)
