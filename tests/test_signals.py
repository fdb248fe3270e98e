"""Channels held as columns of a table: their samples are those of the table as it was."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skaug import SubjectWindower, Windows
from skaug.signals import ColumnSignals

N_ROWS = 40


def columns(*dtypes: str) -> list[pd.Series]:
    values = np.random.default_rng(0).integers(-9, 9, (N_ROWS, len(dtypes)))
    return [pd.Series(values[:, j], dtype=dtype) for j, dtype in enumerate(dtypes)]


def matrix_of(held: list[pd.Series]) -> np.ndarray:
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in held])


KINDS = [
    ("float64",),
    ("float64", "float32", "int16", "bool"),
    ("Float64", "Int32", "double[pyarrow]"),
]


@pytest.mark.parametrize("dtypes", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@given(starts=st.lists(st.integers(0, N_ROWS - 6), max_size=30), size=st.integers(1, 6))
def test_windows_of_columns_are_those_of_the_matrix(
    dtypes: tuple[str, ...], dtype: str, starts: list[int], size: int
) -> None:
    held = columns(*dtypes)
    signals, matrix = ColumnSignals(held, dtype), matrix_of(held).astype(dtype)
    out = np.empty((len(starts), size, len(dtypes)), dtype=dtype)
    signals.copy_windows(np.array(starts, dtype=np.intp), out)
    assert_array_equal(out, matrix[np.array(starts, dtype=np.intp)[:, None] + np.arange(size)])


@pytest.mark.parametrize("n_rows", [1, N_ROWS, 3_000_000])  # the last in blocks, by two threads
def test_rows_of_columns_are_those_of_the_matrix(n_rows: int) -> None:
    values = np.arange(2.0 * n_rows).reshape(2, n_rows)
    signals = ColumnSignals([pd.Series(row) for row in values], "float64")
    assert signals.shape == (n_rows, 2)
    assert len(signals) == n_rows
    for rows in (slice(None), slice(n_rows // 3, n_rows // 2 + 1), np.arange(n_rows)[::-1]):
        matrix = signals[rows]
        assert matrix.flags.c_contiguous
        assert_array_equal(matrix, values.T[rows])


def test_columns_that_do_not_lie_close_in_memory_are_read_rightly() -> None:
    values = np.arange(60.0).reshape(20, 3)
    frame = pd.DataFrame(values, columns=list("abc"), copy=False)
    signals = ColumnSignals([frame["c"], frame["a"]], "float64")
    out = np.empty((3, 4, 2))
    signals.copy_windows(np.array([0, 5, 10]), out)
    assert_array_equal(out, values[[0, 5, 10], None][:, :, [2, 0]] + 3.0 * np.arange(4)[:, None])


def test_what_a_dtype_cannot_hold_is_known() -> None:
    assert ColumnSignals(columns("float64", "int64", "bool"), "float64").is_exact
    assert ColumnSignals(columns("float32", "int16"), "float32").is_exact
    assert not ColumnSignals(columns("float32", "int32"), "float32").is_exact


@pytest.mark.parametrize("kind", ["float64", "Float64", "float32", "int64"])
def test_a_missing_sample_is_found_in_any_column(kind: str) -> None:
    held = columns("float64", kind, "float64")
    assert not ColumnSignals(held, "float64").holds_nan()
    for column in held:
        if column.dtype.kind == "f":
            column.iloc[-1] = np.nan
            assert ColumnSignals(held, "float64").holds_nan()
            column.iloc[-1] = 0.0


# A table that is written to afterwards -----------------------------------------------------------


def small_table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "BVP": random.normal(size=N_ROWS),
            "ECG": random.normal(size=N_ROWS),
            "n": random.integers(0, 9, N_ROWS),
            "subject": np.repeat(["A", "B"], N_ROWS // 2),
            "heart_rate": random.uniform(60, 90, N_ROWS),
        }
    )


def replace_a_value(table: pd.DataFrame) -> None:
    table.loc[:, "BVP"] = 0.0


def replace_all_values(table: pd.DataFrame) -> None:
    table.iloc[:, :2] = 0.0


def scale_in_place(table: pd.DataFrame) -> None:
    table[["BVP", "ECG"]] *= 0.0


WRITES = [replace_a_value, replace_all_values, scale_in_place]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("dtype", ["float64", "Float64", "double[pyarrow]"])
def test_windows_stay_when_their_table_is_written_to(
    write: Callable[[pd.DataFrame], None], dtype: str
) -> None:
    table = small_table()[["BVP", "ECG"]].astype(dtype)
    windows = SubjectWindower(5, 2, subject=None).fit_transform(table)
    before, some = windows.to_numpy(), windows[[3, 1]]
    write(table)
    assert_array_equal(windows.to_numpy(), before)
    assert_array_equal(some.to_numpy(), before[[3, 1]])
    assert_array_equal(pickle.loads(pickle.dumps(windows)).to_numpy(), before)


@pytest.mark.parametrize("order", ["C", "F"])
def test_windows_stay_when_their_array_is_written_to(order: Any) -> None:
    values = np.asarray(np.random.default_rng(0).normal(size=(N_ROWS, 3)), order=order)
    windows = SubjectWindower(5, subject=None).fit_transform(values)
    before = windows.to_numpy()
    values[:] = 0.0
    assert_array_equal(windows.to_numpy(), before)


def test_windows_stay_when_an_array_made_of_them_is_written_to() -> None:
    windows = SubjectWindower(5, target="heart_rate").fit_transform(small_table())
    before = windows.to_numpy()
    np.asarray(windows)[:] = 0.0
    windows[0][:] = 0.0
    frame = windows.to_frame()
    frame.loc[:, "BVP"] = 0.0
    assert_array_equal(windows.to_numpy(), before)


# Windows of columns and windows of a matrix ------------------------------------------------------


def cut_from_both() -> tuple[Windows, Windows]:
    """Cut the same windows from columns, and from rows that had to be sorted."""
    table = small_table()
    interleaved = table.iloc[np.arange(N_ROWS).reshape(2, -1).T.ravel()]
    windower = SubjectWindower(5, 2, target="heart_rate")
    return windower.fit_transform(table), windower.transform(interleaved)


def test_rows_that_had_to_be_sorted_give_the_same_windows() -> None:
    of_columns, of_rows = cut_from_both()
    assert_array_equal(of_columns.to_numpy(), of_rows.to_numpy())
    assert_array_equal(of_columns.y, of_rows.y)


def test_windows_of_columns_join_those_of_rows() -> None:
    of_columns, of_rows = cut_from_both()
    halves = [of_columns[:3], of_rows[3:7], of_columns[7:]]
    assert_array_equal(Windows.concatenate(halves).to_numpy(), of_columns.to_numpy())


def test_a_polars_table_gives_the_same_windows() -> None:
    table = small_table()
    windower = SubjectWindower(5, 2, target="heart_rate").fit(table)
    expected = windower.transform(table)
    for frame in (
        pl.from_pandas(table),
        pl.concat([pl.from_pandas(table)[:11], pl.from_pandas(table)[11:]], rechunk=False),
    ):
        windows = windower.transform(frame)
        assert_array_equal(windows.to_numpy(), expected.to_numpy())
        assert_array_equal(
            pickle.loads(pickle.dumps(windows))[2:4].to_numpy(), expected.to_numpy()[2:4]
        )


def test_only_the_rows_of_the_windows_are_pickled() -> None:
    windows = SubjectWindower(500).fit(big := _many_rows()).transform(big)
    assert len(pickle.dumps(windows[:2])) < len(pickle.dumps(windows)) / 20


def _many_rows() -> pd.DataFrame:
    return pd.DataFrame({"BVP": np.random.default_rng(0).normal(size=50_000), "subject": "A"})
