"""The wire format of requests and answers. The oracles are pandas and json."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from skaug import SubjectWindower, Windows
from skaug.synthesis import BadResponse
from skaug.synthesis.synthefy.wire import Encoder, decode, encode_constraints

SIZE = 4
finite = st.floats(allow_nan=False, allow_infinity=False)


def windows_of(table: dict[str, Any], size: int = SIZE, **options: Any) -> Windows:
    """Windows of a channel BVP and subject S1, unless other columns are given."""
    frame = pd.DataFrame(table)
    if "BVP" not in frame:
        frame["BVP"] = np.arange(len(frame)) / 8
    if "subject" not in frame:
        frame["subject"] = "S1"
    return SubjectWindower(size, **{"features": ["BVP"], **options}).fit_transform(frame)


def sent(windows: Windows, columns: list[str] | None = None) -> list[dict[str, Any]]:
    return [json.loads(body) for body in Encoder(columns, None).encode(windows)]


def column_of(values: Any) -> list[Any]:
    """The values of a column of the context in the bodies of its windows, row after row."""
    windows = windows_of({"column": values})
    return [value for body in sent(windows) for value in body["column"].values()]


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


# Layout


def test_a_body_has_the_layout_of_pandas() -> None:
    frame = pd.DataFrame(
        {
            "BVP": [0.5, -1.25, 3.0, 7.75],
            "ECG": [1.0, 2.0, 3.0, 4.5],
            "activity": [1, 2, 2, 1],
            "is_moving": [True, False, False, True],
            'an "odd" näme\n': [0.125, 0.25, 0.5, 1.0],
            "note": ["plain", 'quoted "so"', "new\nline \\ back", "ünïcode 心 \u2028"],
            "subject": "S1",
        }
    )
    (body,) = sent(windows_of(frame, features=["BVP", "ECG"]))
    # Channels come first; in each column, the rows "0" to "3" are in order.
    expected = json.loads(frame.astype({"is_moving": str}).to_json())
    assert body == expected
    assert [list(rows) for rows in body.values()] == [["0", "1", "2", "3"]] * len(expected)
    types = [{type(value) for value in rows.values()} for rows in body.values()]
    assert types == [{float}, {float}, {int}, {str}, {float}, {str}, {str}]


def test_the_body_of_a_window_holds_its_own_rows() -> None:
    table = {"BVP": np.arange(12) / 2, "heart_rate": np.arange(12) + 60.5}
    first, second = sent(windows_of(table, stride=8, target="heart_rate"))
    assert list(first["BVP"].values()) == [0.0, 0.5, 1.0, 1.5]
    assert list(second["BVP"].values()) == [4.0, 4.5, 5.0, 5.5]
    assert list(second["heart_rate"].values()) == [68.5, 69.5, 70.5, 71.5]
    assert list(second["subject"].values()) == ["S1"] * 4


@pytest.mark.parametrize("stride", [1, 4, 7])
def test_a_body_does_not_depend_on_other_windows_of_the_block(stride: int) -> None:
    rng = np.random.default_rng(0)
    table = {
        "BVP": rng.normal(size=40),
        "age": np.repeat([30.0, 41.0], 20),
        "note": rng.choice(["a", "b"], 40),
        "dose": np.where(rng.random(40) < 0.3, np.nan, rng.normal(size=40)),
        "time": pd.Timestamp("2024-05-01") + pd.to_timedelta(np.arange(40) * 500, unit="ms"),
        "subject": np.repeat(["S1", "S2"], 20),
    }
    windows = windows_of(table, stride=stride)
    encoder = Encoder(None, {"BVP": {"min": -1}})
    together = encoder.encode(windows)
    alone = [encoder.encode(windows[i : i + 1])[0] for i in range(len(windows))]
    backwards = encoder.encode(windows[np.arange(len(windows))[::-1]])
    assert together == alone == backwards[::-1]


# Numbers


@given(st.lists(finite, min_size=16, max_size=16))
@settings(deadline=None, derandomize=True)
def test_any_finite_double_parses_to_itself(numbers: list[float]) -> None:
    (body,) = sent(windows_of({"BVP": numbers, "column": numbers}, size=16))
    for name in ("BVP", "column"):
        assert [bits(value) for value in body[name].values()] == [bits(value) for value in numbers]


@pytest.mark.parametrize(
    "number",
    [0.0, -0.0, 5e-324, -2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 1e15, 1e16]
    + [2.0**53, -(2.0**53), 123456789012345680.0, 1e22, 1e23, 1e-5, 1e-7, 100.0],
)
@pytest.mark.parametrize("is_constant", [True, False])
def test_unusual_doubles_parse_to_themselves_and_stay_floats(
    number: float, is_constant: bool
) -> None:
    others = [number] * 3 if is_constant else [-number, 0.5, -0.5]
    got = column_of([number, *others])
    assert [bits(value) for value in got] == [bits(value) for value in [number, *others]]
    assert {type(value) for value in got} == {float}


def test_zeros_of_both_signs_are_not_constant() -> None:
    assert [bits(value) for value in column_of([0.0, -0.0, 0.0, -0.0])] == [
        bits(0.0),
        bits(-0.0),
    ] * 2


def test_whole_floats_keep_their_decimal_point() -> None:
    # A discrete column becomes text: "3" and "3.0" are two categories.
    (body,) = Encoder(["dose"], None).encode(windows_of({"dose": [3.0, 3.0, -0.0, 80.0]}))
    assert body == b'{"dose":{"0":3.0,"1":3.0,"2":-0.0,"3":80.0}}'


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4, max_size=4))
@settings(deadline=None, derandomize=True)
def test_float32_signals_parse_to_themselves(numbers: list[float]) -> None:
    (body,) = sent(windows_of({"BVP": numbers}, dtype="float32"))
    assert [bits(value) for value in body["BVP"].values()] == [bits(value) for value in numbers]


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        ("int64", [-(2**63), 2**63 - 1, 2**53 + 1, 0]),
        ("uint64", [2**64 - 1, 0, 1, 2]),
        ("int8", [-128, 127, 0, 1]),
        ("Int64", [2**53 + 1, -5, 0, 1]),
        ("int64[pyarrow]", [2**53 + 1, -5, 0, 1]),
    ],
)
def test_whole_numbers_are_exact(dtype: str, numbers: list[Any]) -> None:
    got = column_of(pd.Series(numbers, dtype=dtype))
    assert got == numbers
    assert {type(value) for value in got} == {type(numbers[0])}


# pandas 3 cannot hold half of a surrogate pair, and pandas 2 reads "\0" as "".
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(st.lists(any_text, min_size=SIZE, max_size=SIZE))
@settings(deadline=None, derandomize=True)
def test_any_text_parses_to_itself(texts: list[str]) -> None:
    assert column_of(pd.Series(texts, dtype=object)) == texts


def test_categories_that_are_numbers_stay_numbers() -> None:
    # As in a column of numbers, and as pandas writes categories.
    assert column_of(pd.Categorical([3, 1, 3, 3])) == [3, 1, 3, 3]
    assert column_of(pd.Categorical([0.5, 2.0, 2.0, 0.5])) == [0.5, 2.0, 2.0, 0.5]


# Categories that become text at the service: as `str` spells the values of the training data


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", "category", object])
def test_booleans_are_spelled_as_text(dtype: Any) -> None:
    column = pd.Series([True, False, True, True], dtype=dtype)
    assert (
        column_of(column) == [str(value) for value in column] == ["True", "False", "True", "True"]
    )


@pytest.mark.parametrize("dtype", ["float32", "Float32", "float[pyarrow]"])
@given(st.floats(2**-20, 2**20, width=32))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_floats_of_32_bits_are_spelled_with_their_own_digits(dtype: str, number: float) -> None:
    values = np.array([number, 0.1, 3.0, -number], dtype=np.float32)
    sent_values = column_of(pd.Series(values, dtype=dtype))
    assert np.array_equal(np.array(sent_values, dtype=np.float32), values)
    assert sent_values[1:3] == [0.1, 3.0]
    if number < 2**16:  # NumPy writes larger ones with an exponent
        assert str(sent_values[0]) == str(values[0])


@pytest.mark.parametrize("dtype", ["float32", "Float32"])
def test_categories_that_are_short_floats_are_spelled_like_a_column_of_them(dtype: str) -> None:
    values = pd.Series([0.1, 2.5, 3.0, 0.1], dtype=dtype)
    assert column_of(values.astype("category")) == column_of(values) == [0.1, 2.5, 3.0, 0.1]


def test_times_are_spelled_as_text_of_pandas() -> None:
    times = pd.Series(pd.to_datetime(["2026-01-01"] * 4))
    assert column_of(times) == [str(times[0])] * 4 == ["2026-01-01 00:00:00"] * 4
    lengths = pd.Series(pd.to_timedelta([1, 1, 90_000, 1], unit="s"))
    assert column_of(lengths) == [str(length) for length in lengths]


# Times


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("step", "unit"),
    [("1s", "ns"), ("1s", "us"), ("15625us", "ns"), ("15625us", "us"), ("1ns", "ns")],
)
def test_times_parse_to_themselves_and_have_one_format(
    zone: str | None, step: str, unit: str
) -> None:
    times = pd.date_range("2024-05-01 10:00", periods=SIZE, freq=step, tz=zone).as_unit(unit)
    texts = column_of(times)
    assert [pd.Timestamp(text) for text in texts] == list(times)
    # The service may infer the format of all from the first.
    assert len({len(text) for text in texts}) == 1


def test_lengths_of_time_are_sent_as_text() -> None:
    lengths = pd.to_timedelta([0, 1, 1500, 2000], unit="ms")
    assert [pd.Timedelta(text) for text in column_of(lengths)] == list(lengths)


# Missing values

ABSENT = [None, 1, None, 2, 3, None, None, None]
FILLED = [1, 1, 1, 2, 3, 3, 3, 3]


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "Float64", "Int64", "double[pyarrow]", "int64[pyarrow]"]
)
def test_missing_numbers_are_filled_forward_then_backward_inside_the_window(dtype: str) -> None:
    got = column_of(pd.array([np.nan if v is None else v for v in ABSENT], dtype=dtype))
    assert got == FILLED
    assert {type(value) for value in got} == {int if "int" in dtype.lower() else float}


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["", "a", "b", "c"], dtype=object),
        pd.Series(["", "a", "b", "c"], dtype="string"),
        pd.Series([False, True, False, True], dtype="boolean"),
        pd.Series([0, 2**53 + 1, 5, 6], dtype="Int64"),
        pd.Series(pd.date_range("2024-01-01", periods=4, freq="1s")),
        pd.Series(pd.date_range("2024-01-01", periods=4, freq="1s", tz="Asia/Tokyo")),
        pd.Series(pd.to_timedelta([0, 1, 2, 3], unit="s")),
    ],
    ids=lambda values: str(values.dtype),
)
def test_missing_values_of_any_type_are_filled_inside_the_window(values: pd.Series) -> None:
    whole = values.take(FILLED).reset_index(drop=True)
    holed = whole.mask([value is None for value in ABSENT])
    assert column_of(holed) == column_of(whole)


def test_missing_samples_are_filled_inside_the_window_like_in_pandas() -> None:
    rng = np.random.default_rng(4)
    values = np.where(rng.random(64) < 0.5, np.nan, rng.normal(size=64))
    windows = windows_of({"BVP": values}, size=8, missing="keep")
    for body, window in zip(sent(windows), values.reshape(-1, 8), strict=True):
        expected = pd.Series(window).ffill().bfill()
        assert_array_equal(list(body["BVP"].values()), expected)


@pytest.mark.parametrize("empty", [[None] * 4, [pd.NaT] * 4, [np.nan] * 4])
def test_a_window_without_any_value_of_a_column_is_refused_by_name(empty: list[Any]) -> None:
    there = {None: "x", pd.NaT: pd.Timestamp("2024-01-01"), np.nan: 1.5}[empty[0]]
    windows = windows_of({"dose": [there] * 4 + empty})
    with pytest.raises(ValueError, match=r"'dose' has no value.*subject 'S1' at row 4.*columns="):
        sent(windows)
    assert len(sent(windows, ["BVP", "subject"])) == 2


@pytest.mark.parametrize("name", ["BVP", "dose"])
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinity_is_refused_by_name(name: str, infinity: float) -> None:
    windows = windows_of({name: [0.0] * 6 + [infinity, 0.0]}, missing="keep")
    with pytest.raises(ValueError, match=rf"'{name}' holds infinity.*at row 4"):
        sent(windows)


def test_a_type_without_json_is_refused_by_name() -> None:
    windows = windows_of({"impedance": [1 + 2j] * 4})
    with pytest.raises(ValueError, match=r"'impedance' holds complex128"):
        sent(windows)


@pytest.mark.parametrize("names", [["S1", "S2"], [1, 2], [0.5, 1.5]])
def test_a_window_of_two_subjects_is_refused(names: list[Any]) -> None:
    windows = windows_of({"BVP": np.zeros(8), "subject": [names[0]] * 8})
    context = windows.context_rows.assign(subject=pd.Series([names[0]] * 6 + [names[1]] * 2))
    context = context.astype({"subject": "category"}) if names == ["S1", "S2"] else context
    with pytest.raises(ValueError, match=r"Several subjects are in .* at row 4"):
        sent(windows._with_context(context, None))


# Columns


def test_only_named_columns_are_sent() -> None:
    table = {"heart_rate": [60.5] * 4, "diagnosis": ["secret"] * 4}
    (body,) = Encoder(["subject", "heart_rate"], None).encode(windows_of(table))
    assert set(json.loads(body)) == {"subject", "heart_rate"}
    assert b"secret" not in body
    assert b"diagnosis" not in body


def test_the_order_of_named_columns_does_not_change_the_request() -> None:
    windows = windows_of({"heart_rate": [60.5] * 4})
    one = Encoder(["subject", "BVP"], None).encode(windows)
    assert Encoder(["BVP", "subject"], None).encode(windows) == one
    assert Encoder(("BVP", "subject", "BVP"), None).encode(windows) == one


@pytest.mark.parametrize("columns", [[], (), "BVP"])
def test_columns_must_be_a_list_that_is_not_empty(columns: Any) -> None:
    with pytest.raises(ValueError, match="must be a list"):
        Encoder(columns, None)


def test_a_column_called_like_an_answer_is_refused() -> None:
    windows = windows_of({"BVP": [1.0] * SIZE, "BVP_synthetic": [2.0] * SIZE})
    with pytest.raises(ValueError, match=r"'BVP_synthetic' has the name of a column of an answer"):
        sent(windows)
    (body,) = sent(windows, columns=["BVP"])
    assert set(body) == {"BVP"}


def test_an_unknown_column_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"no column 'heartrate'.*'heart_rate'"):
        sent(windows_of({"heart_rate": [60.5] * 4}), ["heartrate"])


def test_a_column_cannot_be_called_like_the_constraints() -> None:
    with pytest.raises(ValueError, match="rename the column"):
        sent(windows_of({"_constraints_": ["{}"] * 4}))


# Constraints


def test_constraints_are_sent_as_json_in_a_string() -> None:
    constraints = {"BVP": {"min": -300, "max": 300}, "projection": "clipping"}
    (body,) = Encoder(None, constraints).encode(windows_of({"dose": [1.0] * 4}))
    text = json.loads(body)["_constraints_"]
    assert isinstance(text, str)
    assert json.loads(text) == {
        "BVP": {"min": -300, "max": 300},
        "_projection_type_": "clipping",
    }


def test_the_projection_is_clipping_by_default() -> None:
    assert json.loads(encode_constraints({"BVP": {"min": 0}}))["_projection_type_"] == "clipping"
    strict = {"projection": "strict", "BVP": {"argmin": 2, "argmax": 3}}
    assert json.loads(encode_constraints(strict)) == {
        "BVP": {"argmin": 2, "argmax": 3},
        "_projection_type_": "strict",
    }


def test_equal_constraints_make_equal_requests() -> None:
    one = encode_constraints({"BVP": {"min": -1, "max": 1}, "ECG": {"max": 2}})
    assert encode_constraints({"ECG": {"max": 2}, "BVP": {"max": 1, "min": -1}}) == one
    of_numpy = {"ECG": {"max": np.int64(2)}, "BVP": {"max": np.float32(1), "min": np.int8(-1)}}
    assert json.loads(json.loads(json.dumps(encode_constraints(of_numpy)))) == json.loads(one)


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ({"BVP": {"least": 0}}, "has no bound 'least'"),
        ({"BVP": {"argmin": 0}}, "'clipping' has no bound 'argmin'"),
        ({"BVP": {"min": 0}, "projection": "soft"}, "projection='soft' is unknown"),
        ({"BVP": {"min": np.nan}}, "must be a number"),
        ({"BVP": {"max": np.inf}}, "must be a number"),
        ({"BVP": {"min": "0"}}, "must be a number"),
        ({"BVP": {"min": True}}, "must be a number"),
        ({"BVP": {"min": 2, "max": 1}}, "min above max"),
        ({"BVP": {}}, "must be bounds"),
        ({"BVP": 3}, "must be bounds"),
        ("BVP", "must be a dict"),
    ],
)
def test_constraints_that_the_service_would_ignore_are_refused(
    constraints: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Encoder(None, constraints)


def test_constraints_of_an_unknown_channel_are_refused() -> None:
    encoder = Encoder(None, {"BPV": {"min": 0}})
    with pytest.raises(ValueError, match=r"no column 'BPV'.*'BVP'"):
        encoder.encode(windows_of({"dose": [1.0] * 4}))


# Answers


def answer(**changes: Any) -> dict[str, Any]:
    good = {
        "BVP_synthetic": {str(row): row + 0.5 for row in range(SIZE)},
        "ECG_synthetic": {str(row): -row for row in range(SIZE)},
        "index": {str(row): row for row in range(SIZE)},
    }
    return {name: column for name, column in {**good, **changes}.items() if column is not None}


def decoded(content: Any) -> np.ndarray:
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    return decode(content, SIZE, ["BVP", "ECG"])


EXPECTED = np.array([[0.5, 0], [1.5, -1], [2.5, -2], [3.5, -3]])


def test_an_answer_is_read_by_name_and_row() -> None:
    window = decoded(answer())
    assert_array_equal(window, EXPECTED)
    assert window.dtype == np.float64
    assert window.flags.c_contiguous
    assert_array_equal(decode(json.dumps(answer()).encode(), SIZE, ["ECG"]), EXPECTED[:, 1:])


def test_the_order_of_columns_and_rows_does_not_matter() -> None:
    shuffled = {
        name: dict(sorted(rows.items(), key=lambda item: item[0], reverse=True))
        for name, rows in reversed(answer().items())
    }
    assert list(shuffled["BVP_synthetic"]) == ["3", "2", "1", "0"]
    assert_array_equal(decoded(shuffled), EXPECTED)


def test_rows_are_ordered_by_number_not_by_text() -> None:
    column = {str(row): float(row) for row in sorted(range(25), key=str)}
    assert list(column)[:3] == ["0", "1", "10"]
    window = decode(json.dumps({"BVP_synthetic": column}).encode(), 25, ["BVP"])
    assert_array_equal(window[:, 0], np.arange(25))


def test_further_columns_are_ignored_whatever_their_content() -> None:
    further = {"BVP": None, "window_idx": {"0": None}, "note": "x", "time": {"0": "2024"}, "n": 3}
    assert_array_equal(decoded({**answer(), **further}), EXPECTED)


def test_a_byte_order_mark_is_ignored() -> None:
    assert_array_equal(decoded(b"\xef\xbb\xbf" + json.dumps(answer()).encode()), EXPECTED)


@given(st.lists(finite, min_size=SIZE, max_size=SIZE))
@settings(deadline=None, derandomize=True)
def test_any_finite_double_of_an_answer_is_read_exactly(numbers: list[float]) -> None:
    column = {str(row): number for row, number in enumerate(numbers)}
    window = decode(json.dumps({"BVP_synthetic": column}).encode(), SIZE, ["BVP"])
    assert [bits(value) for value in window[:, 0]] == [bits(value) for value in numbers]


def replaced(text: str) -> bytes:
    """An answer with this text in place of a number."""
    return json.dumps(answer()).replace("2.5", text).encode()


ROWS = {str(row): 0.0 for row in range(SIZE)}
BAD_ANSWERS = {
    "a missing row": answer(BVP_synthetic={"0": 1, "1": 2, "2": 3}),
    "an extra row": answer(BVP_synthetic={**ROWS, "4": 1.0}),
    "rows of other names": answer(BVP_synthetic={str(row + 1): 0.0 for row in range(SIZE)}),
    "no rows": answer(BVP_synthetic={}),
    "a list of rows": answer(BVP_synthetic=[0.0] * SIZE),
    "a row that is there twice": replaced('2.5, "2": 2.6'),
    "a column that is there twice": json.dumps(answer()).encode()[:-1] + b', "index": {}}',
    "no such column": answer(BVP_synthetic=None),
    "a plain name": {"BVP": ROWS, "ECG": ROWS},
    "null": replaced("null"),
    "NaN": replaced("NaN"),
    "Infinity": replaced("Infinity"),
    "-Infinity": replaced("-Infinity"),
    "overflow": replaced("1e999"),
    "negative overflow": replaced("-1e999"),
    "a whole number beyond a double": replaced("1" + "0" * 400),
    "a whole number beyond Python's limit": replaced("1" + "0" * 10_000),
    "a string": replaced('"2.5"'),
    "true": replaced("true"),
    "a list": replaced("[2.5]"),
    "an object": replaced("{}"),
    "an empty body": b"",
    "a body of blanks": b" \n ",
    "a list for an object": b"[]",
    "a number": b"1.5",
    "a string for an object": b'"BVP_synthetic"',
    "null for an object": b"null",
    "HTML": b"<!doctype html><html><body>Gateway</body></html>",
    "half of it": json.dumps(answer()).encode()[:40],
    "something behind it": json.dumps(answer()).encode() + b"{}",
    "deep nesting": b"[" * 100_000,
    "deep nesting of objects": b'{"a":' * 100_000,
    "no text": b"\xff\x00\xfe",
}


@pytest.mark.parametrize("content", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_is_not_a_window_is_refused(content: Any) -> None:
    with pytest.raises(BadResponse) as caught:
        decoded(content)
    # An error of the parser would hold the answer.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_refused_answer_is_an_error_with_a_remedy() -> None:
    with pytest.raises(BadResponse, match=r"'BVP_synthetic'.*SubjectWindower\(features="):
        decoded(answer(BVP_synthetic=None))
    with pytest.raises(BadResponse, match=r"5 rows.*rows 0 to 3: window_size must be the model's"):
        decoded(answer(BVP_synthetic={**ROWS, "4": 1.0}))
    with pytest.raises(BadResponse, match="null in 'BVP_synthetic', not a number"):
        decoded(replaced("null"))
