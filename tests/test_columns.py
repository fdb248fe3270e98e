"""Columns as plain arrays and as categories, whatever type holds them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from skaug.tables.columns import (
    all_finite,
    as_column,
    as_context,
    concatenate_contexts,
    encode,
    hold_context,
    is_text,
    plain_array,
    require_column,
    runs,
)
from skaug.windows.pickling import pack, unpack

DATES = pd.Series(pd.to_datetime(["2024-07-01 12:00", "2024-12-01 12:00"]))
TEXTS = {
    "text": pd.Series(["b", "a", "b"]),
    "text as objects": pd.Series(["b", "a", "b"], dtype=object),
    "text of pandas": pd.Series(["b", "a", "b"], dtype="string"),
    "text of Arrow": pd.Series(["b", "a", "b"], dtype="string[pyarrow]"),
    "Arrow's text": pd.Series(["b", "a", "b"], dtype=pd.ArrowDtype(pa.large_string())),
    "Arrow's categories": pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(["b", "a", "b"]).dictionary_encode())
    ),
    "categories": pd.Series(pd.Categorical(["b", "a", "b"], categories=["z", "a", "b"])),
    "ordered categories": pd.Series(
        pd.Categorical(["b", "a", "b"], categories=["z", "a", "b"], ordered=True)
    ),
}
NUMBERS = ["int8", "uint64", "float32", "Int16", "Float64", "int32[pyarrow]", "double[pyarrow]"]


@pytest.mark.parametrize("kind", TEXTS)
def test_text_is_encoded_in_order_of_appearance(kind: str) -> None:
    assert is_text(TEXTS[kind])
    codes, classes = encode(TEXTS[kind])
    assert codes.tolist() == [0, 1, 0]
    assert codes.dtype == np.intp
    assert classes.tolist() == ["b", "a"]
    assert classes.dtype == object


@pytest.mark.parametrize("kind", TEXTS)
def test_missing_text_has_no_class(kind: str) -> None:
    codes, classes = encode(TEXTS[kind].reindex([0, 7, 1]))
    assert codes.tolist() == [0, -1, 1]
    assert classes.tolist() == ["b", "a"]


def test_categories_of_numbers_have_numbers_as_classes() -> None:
    codes, classes = encode(pd.Series(pd.Categorical([3, 1, 3], categories=[1, 2, 3])))
    assert codes.tolist() == [0, 1, 0]
    assert classes.tolist() == [3, 1]
    assert classes.dtype == np.int64


# Equal neighbors, of which each column that a windower looks at has many.
KINDS: dict[str, Any] = {
    "objects": lambda labels: pd.Series(labels, dtype=object),
    "objects that are equal but not the same": lambda labels: pd.Series(
        [None if label is None else "".join(["su", label]) for label in labels], dtype=object
    ),
    "objects of a strided array": lambda labels: pd.Series(
        np.repeat(np.array([*labels, None], dtype=object), 2)[: 2 * len(labels) : 2], copy=False
    ),
    "missing in three ways": lambda labels: pd.Series(
        [[None, np.nan, pd.NA][i % 3] if x is None else x for i, x in enumerate(labels)],
        dtype=object,
    ),
    "text": lambda labels: pd.Series(labels, dtype="str" if pd.__version__ >= "3" else "string"),
    "text of Python": lambda labels: pd.Series(labels, dtype="string[python]"),
    "text of Arrow": lambda labels: pd.Series(labels, dtype="string[pyarrow]"),
    "Arrow in chunks": lambda labels: pd.Series(
        pd.arrays.ArrowExtensionArray(
            pa.chunked_array(
                [
                    chunk
                    for label in labels
                    for chunk in (pa.array([label], pa.string()), pa.array([], pa.string()))
                ],
                pa.string(),
            )
        )
    ),
    "Arrow's categories": lambda labels: pd.Series(
        pd.arrays.ArrowExtensionArray(pa.array(labels, pa.string()).dictionary_encode())
    ),
    "categories": lambda labels: pd.Series(pd.Categorical(labels, categories=["z", *"cab"])),
    "categories of numbers": lambda labels: pd.Series(
        pd.Categorical([None if x is None else ord(x) for x in labels], categories=[0, 98, 97, 99])
    ),
    "polars": lambda labels: pl.Series(labels, dtype=pl.String).to_pandas(),
    "floats": lambda labels: pd.Series(
        [np.nan if x is None else ord(x) for x in labels], dtype=float
    ),
    "nullable numbers": lambda labels: pd.Series(
        [None if x is None else ord(x) for x in labels], dtype="Int16"
    ),
    "dates": lambda labels: pd.Series(
        [pd.NaT if x is None else pd.Timestamp(ord(x), unit="D") for x in labels],
        dtype="datetime64[ns]",
    ),
    "tuples": lambda labels: pd.Series(
        [None if x is None else (x, 1) for x in labels], dtype=object
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@given(labels=st.lists(st.sampled_from(["a", "a", "b", "c", None]), max_size=20))
def test_runs_are_those_of_a_look_at_every_row(kind: str, labels: list[str | None]) -> None:
    column = KINDS[kind](labels)
    every, expected_classes = pd.factorize(column)
    breaks = [row for row in range(len(labels)) if row == 0 or labels[row] != labels[row - 1]]
    firsts, codes, classes = runs(column)
    assert firsts.tolist() == breaks
    assert codes.tolist() == every[breaks].tolist()
    assert list(classes) == list(expected_classes)
    of_rows, same_classes = encode(column)
    assert of_rows.tolist() == every.tolist()
    assert list(same_classes) == list(classes)
    assert firsts.dtype == codes.dtype == of_rows.dtype == np.intp


def test_labels_that_cannot_be_compared_are_still_told_apart() -> None:
    unsure = np.array([*"aabb", pd.NA, pd.NA, "b"], dtype=object)  # pandas.NA != "a" is no answer
    apart = pd.Series([x if x is pd.NA else "".join(["su", x]) for x in unsure], dtype=object)
    for column in (pd.Series(unsure), apart):
        assert runs(column)[0].tolist() == [0, 2, 4, 6]
        assert runs(column)[1].tolist() == [0, 1, -1, 1]


def test_labels_that_have_no_hash_are_refused() -> None:
    for lists in ([[1], [1]], [np.zeros(2), np.zeros(2)], [{1: 2}, {1: 2}]):
        with pytest.raises(TypeError):
            runs(pd.Series(lists, dtype=object))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_rows", [1, 10, 3_000_000])  # the last by two threads
def test_a_missing_number_is_found_wherever_it_is(dtype: str, n_rows: int) -> None:
    values = np.full(n_rows, np.finfo(dtype).max, dtype=dtype)
    values[::3] = np.finfo(dtype).min
    assert all_finite(values)
    for row in {0, n_rows // 2, n_rows - 1}:
        for missing in (np.nan, np.inf, -np.inf):
            values[row] = missing
            assert not all_finite(values)
        values[row] = 0.0


def test_neither_whole_numbers_nor_no_numbers_miss_any() -> None:
    assert all_finite(np.arange(3))
    assert all_finite(np.empty((0, 2)))


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_are_plain_numbers(dtype: str) -> None:
    column = pd.Series([3, 1, 3], dtype=dtype)
    assert not is_text(column)
    values = plain_array(column)
    assert isinstance(values, np.ndarray)
    assert values.dtype.kind in "iuf"
    assert values.tolist() == [3, 1, 3]
    codes, classes = encode(column)
    assert codes.tolist() == [0, 1, 0]
    assert classes.tolist() == [3, 1]
    assert classes.dtype == values.dtype


@pytest.mark.parametrize(
    "dtype", ["Int16", "Float64", "boolean", "int32[pyarrow]", "bool[pyarrow]"]
)
def test_missing_numbers_are_nan(dtype: str) -> None:
    values = plain_array(pd.Series([1, None, 0], dtype=dtype))
    assert values.dtype == np.float64
    assert_array_equal(values, [1.0, np.nan, 0.0])


def test_decimals_are_floats() -> None:
    for held in ([1.5, 2.25], [1.5, None]):
        decimals = [None if value is None else Decimal(str(value)) for value in held]
        column = pd.Series(decimals, dtype=pd.ArrowDtype(pa.decimal128(6, 2)))
        assert not is_text(column)
        values = plain_array(column)
        assert values.dtype == np.float64
        assert_array_equal(values, np.array(held, dtype=np.float64))


def test_sparse_numbers_are_dense() -> None:
    for held in ([0.0, 1.5], [0.0, np.nan]):
        assert_array_equal(plain_array(pd.Series(held, dtype="Sparse[float64]")), held)


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]"])
def test_booleans_are_booleans(dtype: str) -> None:
    column = pd.Series([True, False], dtype=dtype)
    assert not is_text(column)
    assert plain_array(column).dtype == bool


@pytest.mark.parametrize(
    "dates",
    [
        DATES,
        DATES.astype(pd.ArrowDtype(pa.timestamp("us"))),
        DATES.dt.tz_localize("UTC"),
        DATES.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        DATES.dt.tz_localize("UTC").astype(pd.ArrowDtype(pa.timestamp("us", tz="Asia/Tokyo"))),
    ],
)
def test_dates_are_those_of_universal_time(dates: pd.Series) -> None:
    assert not is_text(dates)
    values = plain_array(dates)
    assert values.dtype.kind == "M"
    assert_array_equal(values, DATES.to_numpy())


@pytest.mark.parametrize("dtype", ["timedelta64[ns]", pd.ArrowDtype(pa.duration("ms"))])
def test_durations_are_durations(dtype: Any) -> None:
    column = pd.Series(pd.to_timedelta(["1s", "1h"])).astype(dtype)
    assert not is_text(column)
    values = plain_array(column)
    assert values.dtype.kind == "m"
    assert_array_equal(values, np.array([1, 3600], dtype="timedelta64[s]"))


@pytest.mark.parametrize(
    "values",
    [
        np.array([2, 1]),
        [2, 1],
        np.array([2, 1], dtype=object),
        pd.Series([2, 1], index=[5, 5]),
        pd.Series([2, 1]).astype("category"),
        pd.Series([2, 1], dtype=object).astype("category"),
        pd.Index([2, 1]),
        pd.Categorical([2, 1], categories=[1, 2, 3]),
        pl.Series([2, 1]),
    ],
)
def test_one_value_a_row_is_a_column_of_numbers_whatever_holds_it(values: Any) -> None:
    column = as_column(values)
    assert column.dtype == np.int64
    assert column.to_dict() == {0: 2, 1: 1}


def test_one_missing_value_a_row_is_still_a_number_or_text() -> None:
    assert_array_equal(as_column([1, None]), [1.0, np.nan])
    assert_array_equal(as_column(pd.Categorical([1, None])), [1.0, np.nan])
    for texts in (["a", None], ["a", np.nan], pd.Categorical(["a", None])):
        assert as_column(texts).isna().tolist() == [False, True]


@pytest.mark.parametrize("values", [np.zeros((2, 1)), pd.DataFrame({"y": [1, 2]}), 3.0])
def test_anything_but_one_value_a_row_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match=r"rate has the shape .*: pass a single column"):
        as_column(values, "rate")


def test_a_context_holds_text_as_categories_and_counts_rows_from_0() -> None:
    frame = pd.DataFrame(
        {"sex": ["f", "m"], "self": ["x", None], "age": [30, 40], "when": DATES}, index=[4, 4]
    )
    context = as_context(frame)
    expected = frame.reset_index(drop=True).astype({"sex": "category", "self": "category"})
    assert_frame_equal(context, expected, check_categorical=False)
    assert context["sex"].cat.categories.tolist() == ["f", "m"]
    assert context["self"].cat.categories.tolist() == ["x"]
    assert not isinstance(frame["sex"].dtype, pd.CategoricalDtype)


def test_a_context_keeps_only_the_categories_that_occur() -> None:
    column = pd.Categorical(["m", "f"], categories=["unknown", "f", "m"])
    context = as_context(pd.DataFrame({"sex": column}))
    assert context["sex"].cat.categories.tolist() == ["m", "f"]


def test_a_context_of_lists_is_refused_by_the_name_of_its_column() -> None:
    arrow = pd.arrays.ArrowExtensionArray(pa.array([[1], [2]]))
    for lists in ([[1], [2]], [{"a": 1}, {"a": 2}], arrow):
        with pytest.raises(
            TypeError, match=r"The column 'tags' holds values that are neither .*: drop it"
        ):
            as_context(pd.DataFrame({"tags": lists}))


def test_a_context_is_held_as_the_table_holds_it_and_shown_as_categories() -> None:
    frame = pd.DataFrame({"sex": ["f", "m"], "age": [30, 40]}, index=[4, 4], dtype=object)
    held = hold_context(frame)
    assert held["sex"].dtype == object
    assert_frame_equal(as_context(held), as_context(frame))
    assert as_context(held)["sex"].cat.categories.tolist() == ["f", "m"]


def test_a_context_that_begins_with_a_list_is_refused_before_it_is_asked_for() -> None:
    for lists in ([[1], [2]], [None, [2]]):
        with pytest.raises(
            TypeError, match=r"The column 'tags' holds values that are neither .*: drop it"
        ):
            hold_context(pd.DataFrame({"tags": pd.Series(lists, dtype=object)}))
    later = hold_context(pd.DataFrame({"tags": pd.Series(["a", [2]], dtype=object)}))
    with pytest.raises(TypeError, match="The column 'tags' holds values that are neither"):
        as_context(later)


@pytest.mark.parametrize("kind", TEXTS)
def test_text_is_packed_as_few_bytes_and_its_classes(kind: str) -> None:
    codes, classes = pack(TEXTS[kind].reindex([0, 1, 7]))
    assert codes.dtype == np.int8
    assert codes.tolist() == [0, 1, -1]
    assert classes.tolist() == ["b", "a"]
    assert unpack((codes, classes)).isna().tolist() == [False, False, True]
    assert unpack((codes, classes)).tolist()[:2] == ["b", "a"]


def test_text_of_many_classes_is_packed_without_mixing_them_up() -> None:
    for n_classes in (127, 128, 129, 40_000):
        texts = pd.Series([f"note {i}" for i in range(n_classes)])
        assert unpack(pack(texts)).tolist() == texts.tolist()


def test_a_context_of_what_pandas_has_types_for_is_categories_of_it() -> None:
    days = pd.period_range("2024-01-01", periods=2, freq="D")
    again = as_context(as_context(pd.DataFrame({"day": days})))
    assert again["day"].cat.categories.tolist() == days.tolist()


def test_contexts_of_different_categories_and_columns_are_joined() -> None:
    first = as_context(pd.DataFrame({"sex": ["f", "f"], "age": [30, 31]}))
    second = as_context(pd.DataFrame({"sex": ["m"], "pace": [2.5]}))
    joined = concatenate_contexts([first, second])
    assert joined["sex"].tolist() == ["f", "f", "m"]
    assert isinstance(joined["sex"].dtype, pd.CategoricalDtype)
    assert_array_equal(joined["age"], [30, 31, np.nan])
    assert_array_equal(joined["pace"], [np.nan, np.nan, 2.5])
    assert concatenate_contexts([first]) is first


def test_a_column_that_is_not_there_is_refused_naming_the_nearest_or_all() -> None:
    require_column("BVP", ["ECG", "BVP"], "features")
    with pytest.raises(ValueError, match=r"no column 'bvp' for features. The nearest is 'BVP'"):
        require_column("bvp", ["ECG", "BVP"], "features")
    with pytest.raises(ValueError, match=r"for time\. The columns are 'ECG', 'BVP'\.$"):
        require_column("q", ["ECG", "BVP"], "time")
    with pytest.raises(ValueError, match=r"The columns are 'c0', .*, 'c11' and 3 more\.$"):
        require_column("q", [f"c{i}" for i in range(15)], "time")
    with pytest.raises(ValueError, match=r"no column 'q' for time. The table has no columns"):
        require_column("q", [], "time")
