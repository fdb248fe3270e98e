"""The label of a window from the labels of its rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from skaug._choices import AGGREGATIONS
from skaug.tables.aggregation import aggregate, check_aggregation

NAN = np.nan


def windows_of(values: Any, starts: NDArray, size: int) -> list[pd.Series]:
    return [pd.Series(values[start : start + size]) for start in starts]


@st.composite
def starts_and_size(draw: st.DrawFn, n_rows: int) -> tuple[NDArray, int]:
    size = draw(st.integers(1, n_rows))
    starts = draw(st.lists(st.integers(0, n_rows - size), min_size=1, max_size=40))
    return np.array(starts, dtype=np.intp), size


def expected_mode(window: pd.Series) -> Any:
    """The first in sorted order of the most frequent values; None or NaN where all are missing."""
    modes = window.mode()  # sorted, missing values left out
    return window.iloc[0] if modes.empty else modes.iloc[0]


@given(st.data())
def test_windows_of_numbers_are_aggregated_as_pandas_does_one_by_one(data: st.DataObject) -> None:
    values = np.array(data.draw(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)))
    starts, size = data.draw(starts_and_size(len(values)))
    windows = windows_of(values, starts, size)
    for how in ("mean", "median", "max"):
        expected = [getattr(window, how)() for window in windows]
        assert_allclose(aggregate(values, starts, size, how), expected, rtol=1e-13, atol=1e-8)
    assert_array_equal(aggregate(values, starts, size, "first"), values[starts])
    assert_array_equal(aggregate(values, starts, size, "last"), values[starts + size - 1])


@pytest.mark.parametrize("n_classes", [3, 1000])  # few are counted, many are sorted
@given(data=st.data())
def test_the_mode_is_the_first_of_the_most_frequent_classes(
    n_classes: int, data: st.DataObject
) -> None:
    labels = st.integers(0, n_classes - 1)
    values = np.array(data.draw(st.lists(labels, min_size=1, max_size=60)))
    if n_classes > 64:
        values = np.concatenate([values, np.arange(80)])  # no fewer than 64 in a window of all
    starts, size = data.draw(starts_and_size(len(values)))
    starts, size = np.append(starts, 0), size
    expected = [expected_mode(window) for window in windows_of(values, starts, size)]
    assert aggregate(values, starts, size, "mode").tolist() == expected
    letters = np.array([f"{value:04d}" for value in values], dtype=object)
    expected_letters = [f"{value:04d}" for value in expected]
    assert aggregate(letters, starts, size, "mode").tolist() == expected_letters


@pytest.mark.parametrize("n_more", [0, 100])  # few classes, and many
@given(data=st.data())
def test_missing_values_are_no_class_unless_a_window_holds_nothing_else(
    n_more: int, data: st.DataObject
) -> None:
    labels = st.sampled_from([NAN, NAN, 1.0, 2.0])
    _drawn = data.draw(st.lists(labels, min_size=4, max_size=40))
    values = np.concatenate([_drawn, np.arange(3.0, 3.0 + n_more)])
    size = data.draw(st.integers(1, 4))
    starts = np.arange(len(values) - size + 1)
    windows = windows_of(values, starts, size)
    expected = np.array([expected_mode(window) for window in windows])
    assert_array_equal(aggregate(values, starts, size, "mode"), expected)

    texts = np.array([None if np.isnan(value) else f"{value:06.1f}" for value in values])
    as_text = [None if np.isnan(value) else f"{value:06.1f}" for value in expected]
    assert aggregate(texts, starts, size, "mode").tolist() == as_text


def test_missing_dates_are_no_class() -> None:
    dates = pd.to_datetime(["2024-01-02", None, "2024-01-01", None, None, None])
    modes = aggregate(dates, np.array([0, 3]), 3, "mode")
    assert_array_equal(modes, np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"))


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        *(("mean", [NAN, 4.0]), ("median", [NAN, 4.0]), ("max", [NAN, 5.0])),
        *(("first", [1.0, 3.0]), ("last", [2.0, 5.0]), ("mode", [1.0, 3.0])),
    ],
)
def test_the_statistics_of_a_window_with_a_missing_value_are_missing(
    how: str, expected: list[float]
) -> None:
    values = [1.0, NAN, 2.0, 3.0, 4.0, 5.0]
    assert_array_equal(aggregate(values, np.array([0, 3]), 3, how), expected)


@pytest.mark.parametrize("how", AGGREGATIONS)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "bool"])
def test_means_and_medians_are_floats_and_the_rest_keeps_its_type(how: str, dtype: str) -> None:
    labels = aggregate(np.array([1, 0, 1, 1], dtype=dtype), np.array([0, 1]), 3, how)
    if how == "mean":
        assert labels.dtype == np.float64
        assert_allclose(labels, [2 / 3, 2 / 3])
    elif how == "median":
        assert labels.dtype.kind == "f"
        assert labels.tolist() == [1.0, 1.0]
    else:
        assert labels.dtype == dtype
        assert labels.tolist() == [1, 0] if how == "first" else [1, 1]


def test_the_mean_of_small_integers_does_not_overflow() -> None:
    values = np.full(1000, 250, dtype=np.uint8)
    assert aggregate(values, np.array([0]), 1000, "mean").tolist() == [250.0]


def test_a_callable_is_given_arrays_of_windows_by_rows() -> None:
    shapes = []

    def spread(windows: NDArray) -> NDArray:
        shapes.append(windows.shape)
        return windows.max(axis=1) - windows.min(axis=1)

    values = np.array([1.0, 5.0, 2.0, 8.0, 3.0, 3.0])
    assert aggregate(values, np.array([0, 2, 4]), 2, spread).tolist() == [4.0, 6.0, 0.0]
    assert sum(n_windows for n_windows, _ in shapes) == 3
    assert {size for _, size in shapes} == {2}
    assert aggregate(values > 4, np.array([0, 4]), 2, spread).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("wrong", [np.mean, lambda windows: windows, lambda w: w.mean(axis=0)])
def test_a_callable_must_give_one_label_a_window(wrong: Any) -> None:
    with pytest.raises(
        ValueError, match=r"target_agg must map the target 'rate' of 2 windows.*axis=1"
    ):
        aggregate(np.arange(6.0), np.array([0, 3]), 3, wrong, "rate")


@pytest.mark.parametrize("how", ["mean", "median", "max", len])
@pytest.mark.parametrize("dtype", [object, "string", "category", "string[pyarrow]"])
def test_text_has_neither_mean_nor_maximum(how: Any, dtype: str) -> None:
    text = pd.Series(["a", "b", "a"], dtype=dtype)
    with pytest.raises(
        ValueError, match=r"'mood' holds text, which has no .*: use target_agg='mode'"
    ):
        aggregate(text, np.array([0]), 3, how, "mood")


@pytest.mark.parametrize("how", ["mean", "median"])
def test_dates_have_no_mean(how: str) -> None:
    with pytest.raises(ValueError, match=f"'when' holds datetime64.*, which has no '{how}'"):
        aggregate(pd.date_range("2024", periods=3), np.array([0]), 3, how, "when")


def test_dates_have_a_first_a_last_and_a_latest() -> None:
    dates = pd.date_range("2024-01-01", periods=4)
    for how, nth in (("first", 0), ("last", 2), ("max", 2)):
        assert aggregate(dates, np.array([0, 1]), 3, how).tolist() == (
            dates[[nth, nth + 1]].to_numpy().tolist()
        )


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
@pytest.mark.parametrize("size", [1, 7, 63, 64, 100, 512, 4096, 5000])
def test_the_mean_of_a_window_does_not_depend_on_the_other_windows(size: int, dtype: str) -> None:
    """To the last bit, however they overlap: labels are compared, and hashed by caches."""
    random = np.random.default_rng(size)
    values = (random.normal(size=9000) * 10.0 ** random.integers(-3, 4, 9000)).astype(dtype)
    last = len(values) - size
    alone = {}
    for starts in (
        np.arange(0, last, 1),
        np.arange(3, last, 32),
        np.arange(0, last, size),
        np.arange(last, 0, -5),
        np.full(3, 17),
        random.integers(0, last, 200),
    ):
        means = aggregate(values, starts, size, "mean")
        for start, mean in zip(starts[::37].tolist(), means[::37].tolist(), strict=True):
            if start not in alone:
                alone[start] = aggregate(values, np.array([start]), size, "mean")[0]
            assert mean == alone[start]


@pytest.mark.parametrize("size", [32, 64, 512, 4096, 100_000])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_means_are_exact_to_rounding(size: int, offset: float) -> None:
    """As the exact sum of math.fsum; a cumulative sum of so many rows would lose digits."""
    values = np.random.default_rng(0).normal(size=200_000) + offset
    starts = np.array([0, 1, 50_000, len(values) - size])
    exact = [math.fsum(values[start : start + size]) / size for start in starts]
    magnitude = np.abs(values).mean()
    error = np.abs(aggregate(values, starts, size, "mean") - exact).max()
    assert error < 16 * np.finfo(float).eps * magnitude


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_many_windows_have_the_labels_of_few(how: str) -> None:
    values = np.random.default_rng(0).integers(0, 9, 1_200_000).astype(np.float64)  # two threads
    starts = np.arange(0, len(values) - 64, 600)
    expected = [aggregate(values, starts[i : i + 500], 64, how) for i in range(0, len(starts), 500)]
    assert_array_equal(aggregate(values, starts, 64, how), np.concatenate(expected))


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_no_windows_have_no_labels(how: str) -> None:
    assert aggregate(np.arange(3.0), np.array([], dtype=np.intp), 2, how).shape == (0,)


def test_an_index_does_not_matter() -> None:
    values = pd.Series([1.0, 2.0, 3.0, 4.0], index=[9, 9, 0, 1])
    assert aggregate(values, np.array([0, 2]), 2, "mean").tolist() == [1.5, 3.5]


def test_an_unknown_aggregation_is_refused_naming_the_known() -> None:
    with pytest.raises(
        ValueError, match="target_agg='avg' is unknown: use one of 'mean', 'median'"
    ):
        check_aggregation("avg")
    with pytest.raises(ValueError, match="target_agg='avg' is unknown"):
        aggregate([1.0], np.array([0]), 1, "avg")


def test_more_than_one_value_a_row_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"rate has the shape \(4, 2\), but needs one value per row"
    ):
        aggregate(np.zeros((4, 2)), np.array([0]), 2, "mean", "rate")


@pytest.mark.parametrize(("size", "expected"), [(1, [0, 4]), (2, [1, 5]), (5, [2, 6])])
def test_the_center_is_the_row_of_half_the_window(size: int, expected: list[int]) -> None:
    starts = np.array([0, 4])
    assert aggregate(np.arange(10), starts, size, "center").tolist() == expected
    texts = np.array(list("abcdefghij"), dtype=object)
    assert aggregate(texts, starts, size, "center").tolist() == texts[expected].tolist()
