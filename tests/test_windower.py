"""SubjectWindower: which rows a window holds, how it is labeled, and what is refused."""

from __future__ import annotations

import pickle
import struct
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from pandas.testing import assert_frame_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from skaug import (
    DataWarning,
    SubjectWindower,
    WindowFlattener,
    Windows,
    make_pipeline,
    predict_rows,
)

# What is left out, and gaps, are announced; tests of that are in test_data_warnings.py.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.* are left out.* (no window|fills shorter holes)",
    "ignore:.* windows contain a gap",
    "ignore:.* many rows (have the time|are copies) of the row before",
)

SIGNALS = ["BVP", "ECG"]


def table_of(subjects: Any, **columns: Any) -> pd.DataFrame:
    """Two signals and a heart rate that tell every row from every other."""
    rows = np.arange(len(subjects), dtype=np.float64)
    table = pd.DataFrame({"BVP": rows, "ECG": rows + 0.25, "subject": subjects})
    return table.assign(heart_rate=60.0 + rows, **columns)


@pytest.fixture
def table() -> pd.DataFrame:
    """Six rows of A, five of B, three of C."""
    return table_of(list("AAAAAABBBBBCCC"))


def cut(table: Any, window_size: int = 3, stride: int | None = None, **parameters: Any) -> Windows:
    parameters = {"features": SIGNALS, "target": "heart_rate"} | parameters
    return SubjectWindower(window_size, stride, **parameters).fit_transform(table)


def rows_of(windows: Windows) -> list[list[int]]:
    """The rows of the table that each window holds."""
    return windows.provenance.rows.indices().tolist()


def assert_same_windows(actual: Windows, expected: Windows) -> None:
    assert_array_equal(actual.to_numpy(), expected.to_numpy())
    assert actual.dtype == expected.dtype
    assert_frame_equal(actual.origins, expected.origins)
    assert_array_equal(actual.y, expected.y)
    assert actual.y.dtype == expected.y.dtype


# Which rows a window holds ----------------------------------------------------------------------


def defined_windows(
    table: pd.DataFrame, size: int, stride: int, alignment: str, max_gap: float
) -> list[tuple[str, int, list[int]]]:
    """Subject, first row and rows of each window, row by row from the definition."""
    subject, session, time = (table[name].tolist() for name in ("subject", "session", "time"))
    nth = table.groupby("subject").cumcount().tolist()

    def belong_together(before: int, after: int) -> bool:
        return (
            subject[before] == subject[after]
            and session[before] == session[after]
            and time[after] - time[before] <= max_gap
        )

    order = list(range(len(table)))
    if alignment == "subject":
        order.sort(key=lambda row: subject.index(subject[row]))
    stretches = [order[:1]]
    for row in order[1:]:
        if belong_together(stretches[-1][-1], row):
            stretches[-1].append(row)
        else:
            stretches.append([row])
    found = []
    if alignment == "subject":
        for stretch in stretches:
            for start in range(0, len(stretch) - size + 1, stride):
                found.append(stretch[start : start + size])
    else:
        for start in range(0, len(table) - size + 1, stride):
            rows = order[start : start + size]
            if any(set(rows) <= set(stretch) for stretch in stretches):
                found.append(rows)
    return [(subject[rows[0]], nth[rows[0]], rows) for rows in found]


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """Subjects in any order of rows, with sessions and with gaps in time."""
    runs = draw(
        st.lists(
            st.tuples(st.sampled_from("CAB"), st.integers(1, 12), st.integers(0, 1)),
            min_size=1,
            max_size=8,
        )
    )
    subjects = [subject for subject, length, _ in runs for _ in range(length)]
    sessions = [session for _, length, session in runs for _ in range(length)]
    steps = draw(
        st.lists(
            st.sampled_from([0, 1, 1, 1, 1, 1, 5]), min_size=len(subjects), max_size=len(subjects)
        )
    )
    table = table_of(subjects, session=sessions, time=np.cumsum(steps))
    for order in (table, table.sort_values("subject", kind="stable")):
        same = order[["subject", "session"]].eq(order[["subject", "session"]].shift()).all(axis=1)
        forward = order["time"].diff()[same & (order["time"].diff() > 0)]
        assume(len(forward) < 10 or forward.median() <= 1)  # or the smallest max_gap is refused
    return table


ALIGNMENTS = st.sampled_from(["subject", "table"])
SIZES = st.integers(1, 6)
STRIDES = st.integers(1, 8)
RECORDED = {"boundaries": "session", "time": "time"}


@settings(max_examples=150, deadline=None)
@given(tables(), SIZES, STRIDES, ALIGNMENTS, st.sampled_from([1, 3, 100]))
def test_windows_hold_the_rows_of_the_definition(
    table: pd.DataFrame, size: int, stride: int, alignment: str, max_gap: int
) -> None:
    parameters = {**RECORDED, "max_gap": max_gap, "alignment": alignment}
    expected = defined_windows(table, size, stride, alignment, max_gap)
    if not expected:
        with pytest.raises(ValueError, match="No recording is long enough"):
            cut(table, size, stride, **parameters)
        return
    windows = cut(table, size, stride, **parameters)
    subjects, first_rows, rows = zip(*expected, strict=True)
    assert windows.groups.tolist() == list(subjects)
    assert windows.origins["first_row"].tolist() == list(first_rows)
    assert (windows.origins["draw"] == -1).all()
    assert not windows.is_synthetic.any()
    assert rows_of(windows) == list(rows)


@settings(max_examples=60, deadline=None)
@given(tables(), SIZES, STRIDES, ALIGNMENTS)
def test_windows_hold_the_values_of_their_rows(
    table: pd.DataFrame, size: int, stride: int, alignment: str
) -> None:
    if not defined_windows(table, size, stride, alignment, np.inf):
        return
    windows = cut(table, size, stride, alignment=alignment, **RECORDED)
    indices = windows.provenance.rows.indices()
    assert_array_equal(windows.to_numpy(), table[SIGNALS].to_numpy()[indices])
    assert_array_equal(windows.y, table["heart_rate"].to_numpy()[indices].mean(axis=1))
    assert_array_equal(windows.context["time"], table["time"].to_numpy()[indices].ravel())
    assert_array_equal(windows.context["subject"], table["subject"].to_numpy()[indices].ravel())
    assert_array_equal(windows.groups, table["subject"].to_numpy()[indices[:, -1]])


@settings(max_examples=60, deadline=None)
@given(tables(), SIZES, STRIDES, st.randoms(use_true_random=False))
def test_windows_of_a_subject_do_not_depend_on_who_else_is_in_the_table(
    table: pd.DataFrame, size: int, stride: int, random: Any
) -> None:
    """Nor on how the rows of subjects are interleaved, as long as each keeps its own order."""
    queues = {name: list(rows) for name, rows in table.groupby("subject").groups.items()}
    turns = table["subject"].tolist()
    random.shuffle(turns)
    interleaved = table.loc[[queues[name].pop(0) for name in turns]]
    for name, own in table.groupby("subject"):
        if not defined_windows(own, size, stride, "subject", np.inf):
            continue
        expected = cut(own, size, stride, **RECORDED)
        for other in (table, interleaved):
            windows = cut(other, size, stride, **RECORDED)
            assert_same_windows(windows[windows.groups == name], expected)


@settings(max_examples=40, deadline=None)
@given(tables(), SIZES, STRIDES, ALIGNMENTS, st.data())
def test_pickled_windows_are_equal_and_hold_no_row_outside_them(
    table: pd.DataFrame, size: int, stride: int, alignment: str, data: st.DataObject
) -> None:
    n_windows = len(defined_windows(table, size, stride, alignment, np.inf))
    if n_windows == 0:
        return
    chosen = data.draw(st.lists(st.integers(0, n_windows - 1), min_size=1, max_size=n_windows))
    held = np.zeros(len(table), dtype=bool)
    held[
        cut(table, size, stride, alignment=alignment, **RECORDED).provenance.rows.indices()[chosen]
    ] = 1
    secret = 8675309.0625
    table = table.assign(note=np.where(held, "told", "confidential"))
    table.loc[~held, [*SIGNALS, "heart_rate"]] = secret
    windows = cut(table, size, stride, alignment=alignment, **RECORDED)[chosen]

    pickled = pickle.dumps(windows)
    assert struct.pack("<d", secret) not in pickled
    assert b"confidential" not in pickled

    returned = pickle.loads(pickled)
    assert_same_windows(returned, windows)
    assert_frame_equal(returned.context, windows.context, check_categorical=False)
    assert rows_of(returned) == rows_of(windows)


def test_windows_lie_side_by_side_unless_a_stride_is_given(table: pd.DataFrame) -> None:
    assert rows_of(cut(table)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [11, 12, 13]]
    assert rows_of(cut(table, stride=2))[:3] == [[0, 1, 2], [2, 3, 4], [6, 7, 8]]


def test_a_stride_may_leave_rows_between_windows(table: pd.DataFrame) -> None:
    assert rows_of(cut(table, 2, 4)) == [[0, 1], [4, 5], [6, 7], [11, 12]]


def test_the_tables_grid_counts_strides_from_the_tables_first_row(table: pd.DataFrame) -> None:
    windows = cut(table, alignment="table")
    assert rows_of(windows) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]  # 9 to 11 are of B and C
    assert windows.origins["first_row"].tolist() == [0, 3, 0]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    size=st.integers(1, 9),
    stride=st.integers(1, 12),
)
def test_the_last_window_of_each_recording_may_end_at_its_last_row(
    lengths: list[int], size: int, stride: int
) -> None:
    assume(max(lengths) >= size)
    session = np.repeat(np.arange(len(lengths)), lengths)
    recordings = pd.DataFrame({"BVP": np.arange(len(session)), "session": session, "subject": "A"})
    parameters = {"features": ["BVP"], "boundaries": "session"}
    ends = np.cumsum(lengths)
    expected = [
        start
        for first, end in zip(ends - lengths, ends, strict=True)
        if end - first >= size
        for start in sorted({*range(first, end - size + 1, stride), end - size})
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        aligned = SubjectWindower(size, stride, last="align", **parameters).fit_transform(
            recordings
        )
    assert aligned.provenance.first_row.tolist() == expected
    assert aligned.to_numpy()[:, 0, 0].tolist() == expected


def test_a_gap_in_time_ends_the_recording_that_the_last_window_is_aligned_with() -> None:
    time = np.r_[np.arange(5.0), 100 + np.arange(4.0)]
    recordings = pd.DataFrame({"BVP": time, "time": time})
    windower = SubjectWindower(3, subject=None, time="time", max_gap=2, last="align")
    assert windower.fit_transform(recordings).provenance.first_row.tolist() == [0, 2, 5, 6]


def test_rows_that_the_last_window_adds_are_predicted_and_averaged_with_the_window_before() -> None:
    values = np.array([1.0, 2, 3, 4, 9])
    recordings = pd.DataFrame({"BVP": values, "heart_rate": values})
    windower = SubjectWindower(3, target="heart_rate", subject=None, last="align")
    pipe = make_pipeline(windower, WindowFlattener(), LinearRegression()).fit(recordings)
    first, last = pipe.predict(recordings)
    expected = [first, first, (first + last) / 2, last, last]
    assert_allclose(predict_rows(pipe, recordings), expected)


def test_aligned_windows_are_stitched_to_the_whole_recording() -> None:
    values = np.arange(11.0)
    recordings = pd.DataFrame({"BVP": values, "heart_rate": values})
    windower = SubjectWindower(4, target="heart_rate", subject=None, last="align")
    stretches = windower.fit_transform(recordings).recordings()
    assert stretches.signals[:, 0].tolist() == values.tolist()
    assert stretches.labels.tolist() == values.tolist()
    assert stretches.starts.tolist() == [0, 4, 7]


def test_the_tables_grid_leaves_out_windows_that_hold_two_recordings_of_one_subject() -> None:
    returned = table_of(list("AABAAA"))  # the window of rows 1 to 3 starts and ends with A
    assert rows_of(cut(returned, 3, 1, alignment="table")) == [[3, 4, 5]]
    assert rows_of(cut(returned, 3, 1)) == [[0, 1, 3], [1, 3, 4], [3, 4, 5]]


def test_a_recording_of_exactly_one_window_is_cut(table: pd.DataFrame) -> None:
    assert rows_of(cut(table, 6, 1)) == [[0, 1, 2, 3, 4, 5]]


def test_recordings_that_are_too_short_are_passed_over() -> None:
    table = table_of(list("abAAAAcdBBBBe"))
    assert cut(table, 4).groups.tolist() == ["A", "B"]


def test_a_table_of_one_row_makes_a_window_of_one_row() -> None:
    windows = cut(table_of(["A"]), 1)
    assert windows.to_numpy().tolist() == [[[0.0, 0.25]]]
    assert windows.y.tolist() == [60.0]


def test_very_many_subjects_have_their_windows_each() -> None:
    n_subjects = 20_000
    shuffled = np.random.default_rng(0).permutation(np.repeat(np.arange(n_subjects), 3))
    windows = cut(table_of(shuffled), 2)
    assert len(windows) == n_subjects
    assert (windows.origins["first_row"] == 0).all()
    assert_array_equal(windows.groups, pd.unique(shuffled))
    assert (shuffled[windows.provenance.rows.indices()] == windows.groups[:, None]).all()


def test_without_subjects_the_table_is_one_recording(table: pd.DataFrame) -> None:
    windows = cut(table, 4, subject=None)
    assert rows_of(windows) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert windows.groups is None
    assert windows.origins["first_row"].tolist() == [0, 4, 8]


def test_several_boundaries_end_recordings_each() -> None:
    table = table_of(["A"] * 9, file=[1] * 4 + [2] * 5, posture=["lies"] * 6 + ["sits"] * 3)
    assert rows_of(cut(table, 2, boundaries=["file", "posture"])) == [
        *([0, 1], [2, 3]),
        [4, 5],
        [6, 7],
    ]


def test_a_missing_boundary_is_a_value_of_its_own() -> None:
    table = table_of(["A"] * 6, file=[1.0, 1.0, np.nan, np.nan, 2.0, 2.0])
    assert rows_of(cut(table, 2, 1, boundaries="file")) == [[0, 1], [2, 3], [4, 5]]


# What holds the table ---------------------------------------------------------------------------


def with_unused_categories(table: pd.DataFrame) -> pd.DataFrame:
    categories = pd.CategoricalDtype(["nobody", "C", "B", "A", "no one"])
    return table.astype({"subject": categories})


HOLDERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "nullable": lambda table: table.convert_dtypes(),
    "arrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "categories": with_unused_categories,
    "objects": lambda table: table.astype(object),
    "equal text, another object in each row": lambda table: table.assign(
        subject=pd.Series(["".join(["S", name]) for name in table["subject"]], dtype=object).str[1:]
    ),
    "arrow in chunks": lambda table: pd.concat(
        [HOLDERS["arrow"](table[:5]), HOLDERS["arrow"](table[5:6]), HOLDERS["arrow"](table[6:])]
    ),
    "polars": pl.from_pandas,
    "polars in chunks": lambda table: pl.concat(
        [pl.from_pandas(table[:5]), pl.from_pandas(table[5:])], rechunk=False
    ),
    "polars categories": lambda table: pl.from_pandas(with_unused_categories(table)),
    "polars enum": lambda table: pl.from_pandas(table).with_columns(
        pl.col("subject").cast(pl.Enum(["nobody", "C", "B", "A"]))
    ),
    "polars decimals": lambda table: pl.from_pandas(table).with_columns(
        pl.col("ECG").cast(pl.Decimal(12, 4))
    ),
    "an index of text": lambda table: table.set_axis([f"row {i}" for i in range(len(table))]),
    "an index of equal numbers": lambda table: table.set_axis([7] * len(table)),
    "an index from the last row to the first": lambda table: table.set_axis(
        range(len(table), 0, -1)
    ),
    "an index called like a column": lambda table: table.set_index("BVP", drop=False),
    "a part of another frame": lambda table: pd.concat([table, table])[: len(table)],
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_windows_are_the_same_whatever_holds_the_table(holder: str, table: pd.DataFrame) -> None:
    shuffled = table.sample(frac=1.0, random_state=0).reset_index(drop=True)
    for rows in (table, shuffled):
        held = HOLDERS[holder](rows)
        with warnings.catch_warnings():  # an index that goes back is right to warn
            warnings.simplefilter("ignore", DataWarning)
            windows = SubjectWindower(2, target="heart_rate").fit_transform(held)
        expected = SubjectWindower(2, target="heart_rate").fit_transform(rows)
        assert windows.feature_names == SIGNALS
        assert_same_windows(windows, expected)
        assert windows.groups.dtype == expected.groups.dtype


def test_missing_values_are_the_same_whatever_holds_the_table(table: pd.DataFrame) -> None:
    table.loc[[1, 7], "BVP"] = np.nan
    table.loc[[9], "heart_rate"] = np.nan
    expected = cut(table, 2, missing="keep")
    assert np.isnan(expected.to_numpy()).sum() == 2
    assert np.isnan(expected.y).sum() == 1
    for holder in ("nullable", "arrow", "objects", "polars"):
        assert_same_windows(cut(HOLDERS[holder](table), 2, missing="keep"), expected)


def test_columns_of_an_array_are_given_by_position(table: pd.DataFrame) -> None:
    expected = cut(table)
    for values in (
        table[["subject", "BVP", "ECG", "heart_rate"]].to_numpy(),  # objects, text among them
        table.assign(subject=table["subject"].map(ord)).iloc[:, [2, 0, 1, 3]].to_numpy(),
    ):
        windower = SubjectWindower(3, subject=0, target=3)
        windows = windower.fit_transform(values)
        assert windows.feature_names == ["x1", "x2"]
        assert_array_equal(windows.to_numpy(), expected.to_numpy())
        assert_array_equal(windows.y, expected.y)
        assert rows_of(windows) == rows_of(expected)
        assert SubjectWindower(3, subject=0, features=[2]).fit_transform(values).shape == (4, 3, 1)


def test_an_array_may_be_in_any_order_of_bytes_and_of_axes() -> None:
    values = np.column_stack([np.arange(6.0), np.full(6, 60.0), np.tile([1.0, 2.0], 3)])
    windower = SubjectWindower(2, subject=2, target=1)
    for same in (values.astype(">f8"), np.asfortranarray(values), values.astype("f2"), values[:]):
        windows = windower.fit_transform(same)
        assert_array_equal(windows.to_numpy()[:, :, 0], [[0.0, 2.0], [1.0, 3.0]])
        assert windows.dtype == np.float64
        assert windows.y.dtype == np.float64


def test_the_target_column_of_an_array_may_be_absent_when_predicting() -> None:
    values = np.column_stack([np.arange(6.0), np.full(6, 60.0), np.repeat([1.0, 2.0], 3)])
    windower = SubjectWindower(3, subject=2, target=1).fit(values)
    for unlabeled in (np.delete(values, 1, axis=1), np.delete(values, 1, axis=1).tolist()):
        windows = windower.transform(unlabeled)
        assert windows.y is None
        assert windows.feature_names == ["x0"]
        assert windows.groups.tolist() == [1.0, 2.0]
        assert_array_equal(windows.to_numpy(), windower.transform(values).to_numpy())
    assert windower.n_features_in_ == 2


def test_an_array_stands_in_for_the_frame_that_was_fitted_as_in_scikit_learn() -> None:
    table = table_of([1, 1, 2, 2])
    windower = SubjectWindower(2, target="heart_rate").fit(table)
    expected = windower.transform(table)
    for values in (table.to_numpy(), table.drop(columns="heart_rate").to_numpy()):
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            windows = windower.transform(values)
        assert_array_equal(windows.to_numpy(), expected.to_numpy())
        assert windows.groups.tolist() == [1, 2]


def test_columns_may_be_called_by_numbers() -> None:
    table = table_of(list("AABB")).set_axis([10, 11, 12, 13], axis=1)
    windows = SubjectWindower(2, features=[11], subject=12, target=13).fit_transform(table)
    assert windows.feature_names == ["11"]
    assert windows.y.tolist() == [60.5, 62.5]


def test_features_are_by_default_the_numeric_columns_without_another_role(
    table: pd.DataFrame,
) -> None:
    table = table.assign(
        subject=table["subject"].map(ord),
        sex="f",
        awake=True,
        session=1,
        time=np.arange(len(table)),
        date=pd.Timestamp("2024-01-01"),
    )
    windower = SubjectWindower(3, target="heart_rate", boundaries=["session"], time="time")
    assert windower.fit(table).features_ == SIGNALS
    assert windower.get_feature_names_out().tolist() == SIGNALS
    assert windower.fit(table.iloc[:, ::-1]).features_ == SIGNALS[::-1]
    everything = SubjectWindower(3, subject=None).fit(table).features_
    assert everything == [*SIGNALS, "subject", "heart_rate", "session", "time"]


def test_booleans_and_integers_may_be_features(table: pd.DataFrame) -> None:
    table = table.assign(awake=table["BVP"] % 2 == 0, steps=table["BVP"].astype("uint8"))
    windows = cut(table, features=["awake", "steps"])
    assert windows.dtype == np.float64
    assert windows.to_numpy()[0].tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 2.0]]


def test_samples_may_be_held_in_single_precision(table: pd.DataFrame) -> None:
    windows = cut(table, dtype="float32")
    assert windows.dtype == np.float32
    assert_array_equal(windows.to_numpy(), cut(table).to_numpy().astype(np.float32))
    assert windows.y.dtype == np.float64


@pytest.mark.parametrize(
    "labels",
    [[3, 1, 2], [0.5, 0.25, 0.75], ["S10", "S9", "S1"], [True, False], [("a", 1), ("b", 2)]],
)
def test_subjects_may_be_labeled_by_anything(labels: list[Any]) -> None:
    subjects = pd.Series([label for label in labels for _ in range(2)])
    windows = cut(table_of(subjects), 2)
    assert windows.groups.tolist() == labels


def test_windows_do_not_change_when_the_table_does(table: pd.DataFrame) -> None:
    table["pulse"] = np.arange(len(table))
    windows = cut(table, target_agg="first")
    before = pickle.dumps(windows)
    table.loc[:, [*SIGNALS, "heart_rate", "pulse"]] = -1
    table["subject"] = "X"
    assert pickle.dumps(windows) == before


@pytest.mark.parametrize("holder", ["numpy", "nullable", "arrow", "categories", "objects"])
def test_no_column_of_the_context_changes_when_the_table_does(holder: str) -> None:
    """Though windows hold the table's own columns, as long as nobody writes to them."""
    table = table_of(list("AAABBB"), note=["x", "y"] * 3, age=[30, 40] * 3, tall=[True, False] * 3)
    held = table if holder == "numpy" else HOLDERS[holder](table)
    windows = SubjectWindower(3, features=SIGNALS, target="heart_rate").fit_transform(held)
    for name, value in (("note", "x"), ("age", 30), ("tall", True), ("heart_rate", 60)):
        held.loc[held.index[1:3], name] = value
        held.iloc[0, held.columns.get_loc(name)] = held[name].iloc[3]
    del held["ECG"]
    assert windows.context["note"].tolist() == ["x", "y"] * 3
    assert windows.context["age"].tolist() == [30, 40] * 3
    assert windows.context["tall"].tolist() == [True, False] * 3
    assert windows.context["heart_rate"].tolist() == [60, 61, 62, 63, 64, 65]


def test_windows_do_not_change_when_the_array_or_the_labels_do() -> None:
    values = np.column_stack([np.arange(6.0), np.arange(6.0), np.repeat([1.0, 2.0], 3)])
    labels = np.arange(60.0, 66.0)
    windower = SubjectWindower(3, subject=2, features=[0], target_agg="first")
    windows = windower.fit_transform(values, labels)
    before = pickle.dumps(windows)
    values[:], labels[:] = -1.0, -1.0
    assert pickle.dumps(windows) == before


@pytest.mark.parametrize("missing", ["drop", "ffill", "keep"])
def test_the_table_and_the_labels_are_left_as_they_are(missing: str, table: pd.DataFrame) -> None:
    table.loc[[1, 7], ["BVP", "heart_rate"]] = np.nan
    labels = table["heart_rate"].to_numpy(copy=True)
    for held, subject, target in (
        (table, "subject", "heart_rate"),
        (pl.from_pandas(table), "subject", "heart_rate"),
        (table.to_numpy(), 2, 3),
    ):
        before = pickle.dumps(held)
        windower = SubjectWindower(3, subject=subject, target=target, missing=missing)
        windower.fit_transform(held)
        windower.fit_transform(held, labels)
        assert pickle.dumps(held) == before
    assert_array_equal(labels, table["heart_rate"])


def test_a_table_that_may_not_be_written_is_cut(table: pd.DataFrame) -> None:
    table.loc[1, ["BVP", "heart_rate"]] = np.nan
    values = table[[*SIGNALS, "heart_rate"]].to_numpy(copy=True)
    values.flags.writeable = False
    windows = SubjectWindower(3, subject=None, target=2, missing="ffill").fit_transform(values)
    assert windows.to_numpy()[0, :, 0].tolist() == [0.0, 0.0, 2.0]
    assert windows.y[0] == (60.0 + 60.0 + 62.0) / 3


# Time -------------------------------------------------------------------------------------------

SECONDS = np.array([0, 1, 2, 3, 10, 11, 12, 13])
DATES = pd.Timestamp("2024-03-01") + pd.to_timedelta(SECONDS, unit="s")
NUMBERS: dict[str, Any] = {
    "integers": SECONDS,
    "unsigned": SECONDS.astype("uint8"),
    "unsigned from the end of their range": SECONDS.astype("uint64") + (2**64 - 20),
    "floats": SECONDS.astype(np.float64),
    "nullable": pd.array(SECONDS, dtype="UInt16"),
    "arrow": pd.array(SECONDS, dtype="double[pyarrow]"),
    "objects": SECONDS.astype(object),
}
CLOCKS: dict[str, Any] = {
    "dates": DATES,
    "dates with a zone": DATES.tz_localize("Asia/Tokyo"),
    "durations": DATES - DATES[0],
    "arrow dates": pd.array(DATES, dtype="timestamp[ms][pyarrow]"),
    "arrow dates with a zone": pd.array(
        DATES.tz_localize("UTC"), dtype="timestamp[us, tz=America/Lima][pyarrow]"
    ),
    "arrow durations": pd.array(DATES - DATES[0], dtype="duration[ms][pyarrow]"),
    "objects": pd.Series(list(DATES), dtype=object),
}
SPLIT_BY_THE_GAP = [[0, 1, 2], [4, 5, 6]]


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("max_gap", [1, 2.5, np.float32(6), np.int8(6)])
def test_a_gap_in_times_that_are_numbers_ends_a_recording(kind: str, max_gap: Any) -> None:
    table = table_of(["A"] * 8, time=NUMBERS[kind])
    assert rows_of(cut(table, time="time", max_gap=max_gap)) == SPLIT_BY_THE_GAP
    assert rows_of(cut(table, time="time", max_gap=7)) == [[0, 1, 2], [3, 4, 5]]
    assert rows_of(cut(table, time="time")) == [[0, 1, 2], [3, 4, 5]]
    if kind != "objects":
        assert rows_of(cut(pl.from_pandas(table), time="time", max_gap=1)) == SPLIT_BY_THE_GAP


@pytest.mark.parametrize("kind", CLOCKS)
@pytest.mark.parametrize(
    "max_gap",
    ["1s", "2500ms", timedelta(seconds=6), np.timedelta64(6, "s"), pd.Timedelta(6, "s")],
)
def test_a_gap_in_times_of_the_clock_ends_a_recording(kind: str, max_gap: Any) -> None:
    table = table_of(["A"] * 8, time=CLOCKS[kind])
    assert rows_of(cut(table, time="time", max_gap=max_gap)) == SPLIT_BY_THE_GAP
    assert rows_of(cut(table, time="time", max_gap="7s")) == [[0, 1, 2], [3, 4, 5]]
    assert rows_of(cut(table, time="time")) == [[0, 1, 2], [3, 4, 5]]
    assert rows_of(cut(pl.from_pandas(table), time="time", max_gap="1s")) == SPLIT_BY_THE_GAP


@pytest.mark.parametrize("start", ["2024-10-27 00:30", "2024-03-31 00:30"])
def test_a_change_of_the_clocks_is_neither_a_gap_nor_a_step_back(start: str) -> None:
    times = pd.date_range(start, periods=8, freq="30min", tz="Europe/Berlin")
    table = table_of(["A"] * 8, time=times)
    for held in (table, HOLDERS["arrow"](table), pl.from_pandas(table)):
        assert rows_of(cut(held, 8, time="time", max_gap="30min")) == [list(range(8))]


def test_time_may_go_back_from_one_recording_to_the_next() -> None:
    table = table_of(list("AAABBB"), time=[5, 6, 7, 1, 2, 3])
    assert len(cut(table, time="time")) == 2
    table = table_of(["A"] * 6, time=[5, 6, 7, 1, 2, 3], file=[1, 1, 1, 2, 2, 2])
    assert len(cut(table, time="time", boundaries="file")) == 2


def test_time_may_stand_still() -> None:
    assert len(cut(table_of(["A"] * 3, time=[1, 1, 1]), time="time", max_gap=1)) == 1


@pytest.mark.parametrize("alignment", ["subject", "table"])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "UInt64", "datetime64[s]"])
def test_time_that_goes_back_is_refused_and_the_subject_named(alignment: str, dtype: str) -> None:
    table = table_of(list("AAABBB"), time=pd.Series([1, 2, 3, 1, 3, 2]).astype(dtype))
    with pytest.raises(ValueError, match="The time 'time' of subject 'B' goes back in row 5"):
        cut(table, time="time", alignment=alignment)
    with pytest.raises(ValueError, match=r"The time 'time' goes back in row 3: .* sort the table"):
        cut(table, time="time", subject=None)


def test_the_row_where_time_goes_back_is_counted_in_the_table_as_it_was_given() -> None:
    table = table_of(list("ABABAB"), time=[1, 1, 3, 2, 2, 3])
    with pytest.raises(ValueError, match="of subject 'A' goes back in row 4"):
        cut(table, time="time")


@pytest.mark.parametrize("holder", ["numpy", "nullable", "arrow", "polars"])
def test_missing_times_are_refused(holder: str) -> None:
    dates = DATES.to_series(index=range(8)).where(SECONDS != 10)
    table = table_of(["A"] * 8, time=dates)
    held = table if holder == "numpy" else HOLDERS[holder](table)
    with pytest.raises(ValueError, match="The time column 'time' is missing in row 4"):
        cut(held, time="time")


def test_times_that_are_text_are_refused() -> None:
    table = table_of(["A"] * 8, time=DATES.astype(str))
    with pytest.raises(ValueError, match=r"'time' holds .* not times or numbers.*pandas.to_dateti"):
        cut(table, time="time")


@pytest.mark.parametrize(
    ("times", "max_gap", "message"),
    [
        (DATES, 2, "max_gap=2 needs a unit: pass '2s'"),
        (DATES, "soon", "max_gap='soon' is not a length of time"),
        (DATES, "-1s", "max_gap='-1s' must be positive"),
        (DATES, pd.NaT, "max_gap=NaT must be positive"),
        (SECONDS, "2s", "'time' holds numbers, so max_gap='2s' must be a number"),
        (SECONDS, timedelta(seconds=2), "'time' holds numbers"),
        (SECONDS, np.timedelta64(2, "s"), "'time' holds numbers"),
        (SECONDS, 0, "max_gap=0 must be positive"),
        (SECONDS, np.nan, "max_gap=nan must be positive"),
    ],
)
def test_a_gap_that_does_not_fit_the_times_is_refused(
    times: Any, max_gap: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        cut(table_of(["A"] * 8, time=times), time="time", max_gap=max_gap)


# Labels -----------------------------------------------------------------------------------------


def test_the_target_may_be_absent_when_predicting(table: pd.DataFrame) -> None:
    windower = SubjectWindower(3, target="heart_rate").fit(table)
    windows = windower.transform(table.drop(columns="heart_rate"))
    assert windows.y is None
    assert_array_equal(windows.to_numpy(), windower.transform(table).to_numpy())
    assert "heart_rate" not in windows.context
    assert windower.feature_names_in_.tolist() == ["BVP", "ECG", "subject"]


def test_without_a_target_windows_have_no_labels(table: pd.DataFrame) -> None:
    assert cut(table, target=None).y is None


def in_order(values: NDArray) -> NDArray:
    return values[:, -1] - values[:, 0]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [61.0, 64.0, 67.0, 72.0]),
        ("median", [61.0, 64.0, 67.0, 72.0]),
        ("first", [60.0, 63.0, 66.0, 71.0]),
        ("last", [62.0, 65.0, 68.0, 73.0]),
        ("max", [62.0, 65.0, 68.0, 73.0]),
        ("mode", [60.0, 63.0, 66.0, 71.0]),
        (in_order, [2.0, 2.0, 2.0, 2.0]),
    ],
)
def test_the_target_of_rows_is_aggregated(how: Any, expected: list, table: pd.DataFrame) -> None:
    assert cut(table, target_agg=how).y.tolist() == expected


def test_text_is_a_label_by_mode_first_or_last(table: pd.DataFrame) -> None:
    table["activity"] = ["walk", "sit", "sit"] + ["walk"] * 11
    for how, first in (("mode", "sit"), ("first", "walk"), ("last", "sit")):
        for held in (
            table,
            *(HOLDERS[holder](table) for holder in ("nullable", "arrow", "polars")),
        ):
            labels = cut(held, target="activity", target_agg=how).y
            assert labels.tolist() == [first, "walk", "walk", "walk"]
            assert labels.dtype == object
    with pytest.raises(ValueError, match="The target 'activity' holds text, which has no 'mean'"):
        cut(table, target="activity")


def test_classes_that_are_numbers_stay_numbers(table: pd.DataFrame) -> None:
    activity = pd.Series([3] * 6 + [1] * 8)
    for column in (activity, activity.astype("category"), activity.astype(object)):
        labels = cut(table.assign(activity=column), target="activity", target_agg="mode").y
        assert labels.dtype == np.int64
        assert labels.tolist() == [3, 3, 1, 1]
    labels = cut(table.assign(awake=activity == 3), target="awake", target_agg="mode").y
    assert labels.dtype == bool
    assert labels.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    "given_as",
    [
        np.asarray,
        list,
        lambda y: pd.Series(y, index=range(len(y), 0, -1)),
        lambda y: pd.Series(y, index=["same"] * len(y)),
        lambda y: pd.array(y, dtype="Float64"),
        lambda y: y.astype(object),
        pl.Series,
    ],
)
def test_labels_of_rows_win_over_the_target_column(given_as: Any, table: pd.DataFrame) -> None:
    shuffled = table.sample(frac=1.0, random_state=1).reset_index(drop=True)
    y = np.random.default_rng(0).normal(size=len(table))
    windows = SubjectWindower(3, target="heart_rate").fit_transform(shuffled, given_as(y))
    assert_array_equal(windows.y, y[windows.provenance.rows.indices()].mean(axis=1))
    assert windows.feature_names == SIGNALS


@pytest.mark.parametrize("target", ["heart_rate", None])
def test_labels_of_windows_are_taken_as_they_are(target: str | None, table: pd.DataFrame) -> None:
    labels = ["a", "b", "c", "d"]
    windower = SubjectWindower(3, target=target, features=SIGNALS)
    assert windower.fit_transform(table, labels).y.tolist() == labels
    assert windower.fit_transform(table, np.eye(4)).y.tolist() == np.eye(4).tolist()


def test_labels_of_windows_need_no_target_without_missing_values(table: pd.DataFrame) -> None:
    table["heart_rate"] = np.nan
    windows = SubjectWindower(3, target="heart_rate").fit_transform(table, [1, 2, 3, 4])
    assert windows.y.tolist() == [1, 2, 3, 4]


def test_windows_may_be_labeled_with_their_subject(table: pd.DataFrame) -> None:
    windows = cut(table, target="subject", target_agg="mode")
    assert windows.y.tolist() == windows.groups.tolist() == ["A", "A", "B", "C"]


def test_labels_of_another_length_are_refused(table: pd.DataFrame) -> None:
    windower = SubjectWindower(3, target="heart_rate")
    message = "y has 5 labels, but there are 4 windows: pass one label for each, or 14 for the rows"
    with pytest.raises(ValueError, match=message):
        windower.fit_transform(table, range(5))
    with pytest.raises(ValueError, match="scalar"):
        windower.fit_transform(table, 60.0)


# Missing values ---------------------------------------------------------------------------------


def test_missing_values_are_refused_by_column_number_and_subject(table: pd.DataFrame) -> None:
    table.loc[[1, 2, 7], "BVP"] = np.nan
    table.loc[8, "heart_rate"] = np.nan
    message = r"infinite in 'BVP' \(3\), 'heart_rate' \(1\), of subject 'A', subject 'B'\."
    with pytest.raises(ValueError, match=message):
        cut(table)
    with pytest.raises(ValueError, match=r"missing or infinite in 'y' \(2\), of subject 'A'\."):
        SubjectWindower(3, target="heart_rate", features=["ECG"]).fit_transform(
            table, [np.nan, None] + [60.0] * 12
        )


def test_of_many_subjects_with_missing_values_three_are_named() -> None:
    table = table_of(np.repeat(list("EDCBA"), 2)).assign(BVP=np.nan)
    with pytest.raises(ValueError, match="of subject 'E', subject 'D', subject 'C' and 2 more"):
        cut(table, 2)


def test_missing_values_may_be_kept(table: pd.DataFrame) -> None:
    table.loc[1, "BVP"] = np.nan
    table.loc[3, "heart_rate"] = np.nan
    windows = cut(table, missing="keep")
    assert_array_equal(windows.to_numpy()[0, :, 0], [0.0, np.nan, 2.0])
    assert_array_equal(windows.y, [61.0, np.nan, 67.0, 72.0])


def test_windows_with_a_missing_value_may_be_left_out(table: pd.DataFrame) -> None:
    table.loc[1, "BVP"] = np.nan
    table.loc[12, "heart_rate"] = np.nan
    table.loc[9, "ECG"] = np.nan  # in no window
    windows = cut(table, missing="drop")
    assert rows_of(windows) == [[3, 4, 5], [6, 7, 8]]
    assert windows.origins["first_row"].tolist() == [3, 0]
    assert rows_of(cut(table, missing="drop", target=None)) == [[3, 4, 5], [6, 7, 8], [11, 12, 13]]


def test_labels_of_windows_are_those_of_the_windows_that_are_left(table: pd.DataFrame) -> None:
    table.loc[1, "BVP"] = np.nan
    windower = SubjectWindower(3, features=SIGNALS, missing="drop")
    assert windower.fit_transform(table, [10, 20, 30]).y.tolist() == [10, 20, 30]


@settings(max_examples=60, deadline=None)
@given(tables(), SIZES, STRIDES, ALIGNMENTS, st.data())
def test_missing_values_are_filled_from_the_same_recording(
    table: pd.DataFrame, size: int, stride: int, alignment: str, data: st.DataObject
) -> None:
    n_rows = len(table)
    for name in (*SIGNALS, "heart_rate"):
        lost = data.draw(st.lists(st.booleans(), min_size=n_rows, max_size=n_rows))
        table[name] = table[name].mask(np.array(lost))

    # Where recordings break, row by row; a subject's rows are gathered when it is aligned to them.
    steady = table.sort_values("subject", kind="stable") if alignment == "subject" else table
    breaks = (
        (steady[["subject", "session"]] != steady[["subject", "session"]].shift()).any(axis=1)
    ) | (steady["time"].diff() > 1)

    def fill(column: pd.Series) -> pd.Series:
        """Repeat the last value over holes that are shorter than a window."""
        is_lost = column.isna()
        length = is_lost.groupby((is_lost != is_lost.shift()).cumsum()).transform("size")
        return column.ffill().where(~is_lost | (length < size))

    parts = steady.groupby(breaks.cumsum())[[*SIGNALS, "heart_rate"]]
    filled = parts.transform(fill).loc[table.index]
    whole = filled.notna().all(axis=1)
    expected = [
        (subject, first_row, rows)
        for subject, first_row, rows in defined_windows(table, size, stride, alignment, 1)
        if whole[rows].all()
    ]
    parameters = {**RECORDED, "max_gap": 1, "alignment": alignment, "missing": "ffill"}
    if not expected:
        with pytest.raises(
            ValueError, match=r"No recording is long enough|contains a missing value"
        ):
            cut(table, size, stride, **parameters)
        return
    windows = cut(table, size, stride, **parameters)
    indices = windows.provenance.rows.indices()
    assert indices.tolist() == [rows for *_, rows in expected]
    assert windows.origins["first_row"].tolist() == [first_row for _, first_row, _ in expected]
    assert_array_equal(windows.to_numpy(), filled[SIGNALS].to_numpy()[indices])
    assert_array_equal(windows.y, filled["heart_rate"].to_numpy()[indices].mean(axis=1))


def test_missing_text_is_filled_from_the_same_recording() -> None:
    table = table_of(list("AAABBB"), activity=["sit", None, "walk", None, "run", "run"])
    with pytest.warns(DataWarning, match="1 windows are left out"):
        windows = cut(table, 2, 1, target="activity", target_agg="first", missing="ffill")
    assert windows.y.tolist() == ["sit", "sit", "run"]
    assert rows_of(windows) == [[0, 1], [1, 2], [4, 5]]


def test_an_error_says_that_every_window_contains_a_missing_value(table: pd.DataFrame) -> None:
    table["BVP"] = np.nan
    for missing in ("drop", "ffill"):
        with pytest.raises(ValueError, match="Every window of 3 rows contains a missing value"):
            cut(table, missing=missing)


@pytest.mark.parametrize("nobody", [None, np.nan, pd.NA])
def test_rows_of_nobody_are_refused(nobody: Any) -> None:
    table = table_of(["A", "A", nobody, nobody])
    with pytest.raises(ValueError, match="'subject' is missing in 2 rows, first in row 2"):
        cut(table, 2)
    with pytest.raises(ValueError, match="'subject' is missing in 1 rows, first in row 1"):
        cut(table_of(pd.array([1, None, 2], dtype="Int64")), 1)


# Large tables -----------------------------------------------------------------------------------

N_LARGE = 700_000  # 11 MB of two channels: several blocks of rows, shared by two threads


@pytest.fixture(scope="module")
def large_table() -> pd.DataFrame:
    """Three subjects, none of which ends where a window does."""
    return table_of(np.repeat(["A", "B", "C"], [300_001, 250_003, N_LARGE - 550_004]))


@pytest.mark.parametrize("is_sorted", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_large_tables_are_cut_like_small_ones(
    is_sorted: bool, dtype: str, large_table: pd.DataFrame
) -> None:
    turns = np.argsort(np.arange(N_LARGE) % 1000, kind="stable")  # of subjects, hundreds of times
    table = large_table if is_sorted else large_table.iloc[turns].reset_index(drop=True)
    windows = cut(table, 512, 300, dtype=dtype)
    rows = windows.provenance.rows.indices()
    samples = table[SIGNALS].to_numpy()[rows].astype(dtype)
    assert_array_equal(windows.to_numpy(), samples)
    assert_array_equal(np.asarray(windows, dtype=np.float32), samples.astype(np.float32))
    assert_array_equal(windows.y, table["heart_rate"].to_numpy()[rows].mean(axis=1))
    subjects = table["subject"].to_numpy()[rows]
    assert (subjects == windows.groups[:, None]).all()
    nth = table.groupby("subject").cumcount().to_numpy()
    assert_array_equal(windows.origins["first_row"], nth[rows[:, 0]])


@pytest.mark.parametrize("row", [0, 131_072, 350_000, N_LARGE - 1])
@pytest.mark.parametrize("name", [*SIGNALS, "heart_rate"])
def test_a_value_that_is_missing_anywhere_is_seen(
    row: int, name: str, large_table: pd.DataFrame
) -> None:
    table = large_table.copy()
    table.loc[row, name] = np.nan
    with pytest.raises(ValueError, match=rf"missing or infinite in '{name}' \(1\)"):
        cut(table, 512)


def test_a_warning_about_a_sample_is_heeded_wherever_it_is_made(large_table: pd.DataFrame) -> None:
    table = large_table.copy()
    table.loc[[0, N_LARGE - 1], "BVP"] = 1e300  # beyond single precision
    with np.errstate(over="ignore"), pytest.raises(ValueError, match=r"infinite in 'BVP' \(2\)"):
        cut(table, 512, dtype="float32")
    for row in (0, N_LARGE - 1):
        table = large_table.copy()
        table.loc[row, "BVP"] = 1e300
        with np.errstate(over="raise"), pytest.raises(FloatingPointError, match="overflow"):
            cut(table, 512, dtype="float32")


# What is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"subject": "Subjet"}, "no column 'Subjet' for subject. The nearest is 'subject'"),
        ({"target": "heartrate"}, "no column 'heartrate' for target. The nearest is 'heart_rate'"),
        ({"features": ["bvp"]}, "no column 'bvp' for features. The nearest is 'BVP'"),
        ({"boundaries": "bpv"}, "no column 'bpv' for boundaries. The nearest is 'BVP'"),
        ({"time": "EKG"}, "no column 'EKG' for time. The nearest is 'ECG'"),
        ({"window_size": 0}, "window_size=0 must be a whole number, 1 or more"),
        ({"window_size": 2.0}, "window_size=2.0 must be a whole number"),
        ({"window_size": True}, "window_size=True must be a whole number"),
        ({"window_size": None}, "window_size=None must be a whole number"),
        ({"stride": 0}, "stride=0 must be a whole number"),
        ({"stride": "1"}, "stride='1' must be a whole number"),
        ({"alignment": "rows"}, "alignment='rows' is unknown: use one of 'subject', 'table'"),
        ({"missing": "fill"}, "missing='fill' is unknown: use one of 'raise', 'keep', 'drop'"),
        ({"target": []}, r"target=\[\] names no column"),
        ({"target": ["heart_rate", "heartrate"]}, "no column 'heartrate' for target"),
        ({"target": ["heart_rate", "heart_rate"]}, "The target 'heart_rate' is named twice"),
        (
            {"target": ["heart_rate", "sex"], "target_agg": "mode"},
            "The target 'sex' holds text, and 'heart_rate' numbers.*fit a pipeline for each kind",
        ),
        (
            {"target": ["heart_rate"], "target_agg": "mode", "purity": 0.8},
            "purity=0.8 is the share of a class of one target: name it, target='heart_rate'",
        ),
        ({"purity": 0}, "purity=0 must be a share .* above 0 and up to 1"),
        ({"purity": True}, "purity=True must be a share"),
        ({"purity": "0.8"}, "purity='0.8' must be a share"),
        ({"purity": 80, "target_agg": "mode"}, "purity=80 must be a share"),
        ({"purity": 0.8}, "purity=0.8 .* needs target_agg='mode', not 'mean'"),
        ({"last": "keep"}, "last='keep' is unknown: use one of 'drop', 'align'"),
        (
            {"last": "align", "alignment": "table"},
            "off the grid of alignment='table': use alignment='subject', or last='drop'",
        ),
        ({"target_agg": "min"}, "target_agg='min' is unknown: use one of 'mean', 'median'"),
        ({"dtype": "int64"}, "dtype='int64' must be 'float64' or 'float32'"),
        ({"max_gap": 1.0}, "max_gap=1.0 needs the column of times"),
        ({"features": "BVP"}, r"features='BVP' must be a list: \['BVP'\]"),
        ({"features": 0}, r"features=0 must be a list: \[0\]"),
        ({"features": []}, r"features=\[\] leaves nothing to cut"),
        ({"features": ["BVP", "BVP"]}, "The feature 'BVP' is named twice"),
        ({"features": ["BVP", "heart_rate"]}, "The target 'heart_rate' is among the features"),
        ({"features": ["sex"]}, "The feature 'sex' holds .*, not numbers: remove it"),
        ({"features": ["date"]}, "The feature 'date' holds datetime64.*, not numbers"),
        ({"features": ["phase"]}, "The feature 'phase' holds complex128, not numbers"),
    ],
)
def test_parameters_are_checked_in_fit(parameters: dict, message: str, table: pd.DataFrame) -> None:
    table = table.assign(sex="f", date=pd.Timestamp("2024-01-01"), phase=1j)
    windower = SubjectWindower(3, target="heart_rate").set_params(**parameters)
    with pytest.raises(ValueError, match=message):
        windower.fit(table)


def test_a_table_without_numbers_has_nothing_to_cut() -> None:
    table = pd.DataFrame({"subject": ["A"], "heart_rate": [60.0]})
    with pytest.raises(ValueError, match="No numeric column is left as a feature"):
        SubjectWindower(1, target="heart_rate").fit(table)


@pytest.mark.parametrize("alignment", ["subject", "table"])
def test_when_no_recording_is_long_enough_the_longest_is_named(
    alignment: str, table: pd.DataFrame
) -> None:
    message = (
        "No recording is long enough for a window of 7 rows: the longest \\(subject 'A'\\) has 6"
    )
    with pytest.raises(ValueError, match=message):
        cut(table, 7, alignment=alignment)
    with pytest.raises(ValueError, match=r"window of 15 rows: the longest \(the table\) has 14"):
        cut(table, 15, subject=None, alignment=alignment)


def test_an_error_says_that_the_tables_grid_cuts_every_recording() -> None:
    with pytest.raises(
        ValueError, match="Or use alignment='subject': the table's grid may cut every"
    ):
        cut(table_of(list("AABBBB")), 4, alignment="table")


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_a_table_without_rows_is_refused(frame: Any) -> None:
    with pytest.raises(ValueError, match="The table has no rows: check the filter"):
        SubjectWindower(1).fit(frame({"BVP": [], "subject": []}))


def test_two_columns_of_one_name_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="Two columns are called 'BVP': rename one"):
        cut(table.rename(columns={"ECG": "BVP"}))
    numbers = pd.DataFrame([[1.0, 2.0]], columns=[1, "1"])
    with pytest.raises(ValueError, match="Two columns are called '1'"):
        SubjectWindower(1, subject=None).fit(numbers)


def test_columns_of_lists_are_refused(table: pd.DataFrame) -> None:
    table["spectrum"] = [[1.0, 2.0]] * len(table)
    with pytest.raises(
        TypeError, match="The column 'spectrum' holds values that are neither numbers"
    ):
        cut(table)


def test_a_list_among_text_is_refused_when_the_context_is_asked_for(table: pd.DataFrame) -> None:
    table["note"] = pd.Series(["a"] * 13 + [["b"]], dtype=object)
    windows = cut(table)
    assert len(windows[:2].context) == 6
    with pytest.raises(TypeError, match="The column 'note' holds values that are neither numbers"):
        _ = cut(table, 1).context


def test_what_is_no_table_is_refused(table: pd.DataFrame) -> None:
    windower = SubjectWindower(1, subject=None)
    with pytest.raises(ValueError, match="Windows that are already cut need no SubjectWindower"):
        windower.fit(cut(table))
    with pytest.raises(ValueError, match="2-dimensional container"):
        windower.fit(table["BVP"])
    with pytest.raises(TypeError, match="got a polars LazyFrame: call"):
        windower.fit(pl.from_pandas(table).lazy())
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        windower.fit(scipy.sparse.eye_array(3, format="csr"))
    with pytest.raises(ValueError, match="Complex data not supported"):
        windower.fit(np.ones((2, 2), dtype=complex))


def test_an_array_needs_its_subject_by_position() -> None:
    with pytest.raises(ValueError, match="An array has no column called 'subject'"):
        SubjectWindower(1).fit(np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"no column 'x7' for subject. The columns are 'x"):
        SubjectWindower(1, subject=7).fit(np.zeros((4, 2)))


def test_columns_that_differ_from_fit_are_scikit_learns_own_error(table: pd.DataFrame) -> None:
    windower = SubjectWindower(3, target="heart_rate").fit(table)
    for other in (table.drop(columns="ECG"), table.rename(columns={"ECG": "EMG"})):
        for held in (other, pl.from_pandas(other)):
            with pytest.raises(
                ValueError, match=r"feature names should match[\s\S]*missing:\n- ECG"
            ):
                windower.transform(held)


def test_only_what_is_used_is_required_when_predicting(table: pd.DataFrame) -> None:
    fitted_on = table.assign(session=1, seconds=range(len(table)), note="x", weight=70.0)
    parameters = {"features": SIGNALS, "boundaries": "session", "time": "seconds"}
    windower = SubjectWindower(3, target="heart_rate", **parameters).fit(fitted_on)
    needed = ["BVP", "ECG", "subject", "session", "seconds"]
    assert windower.feature_names_in_.tolist() == needed
    assert windower.n_features_in_ == 5
    expected = windower.transform(fitted_on)
    for columns in (needed, needed[::-1], [*needed, "weight"], fitted_on.columns[::-1]):
        for held in (fitted_on[list(columns)], pl.from_pandas(fitted_on[list(columns)])):
            windows = windower.transform(held.assign(more=0) if held is fitted_on else held)
            assert_array_equal(windows.to_numpy(), expected.to_numpy())
            assert_array_equal(windows.groups, expected.groups)


def test_a_table_without_subjects_counts_as_one_recording_when_predicting(
    table: pd.DataFrame,
) -> None:
    windower = SubjectWindower(3, target="heart_rate").fit(table)
    alone = table[table["subject"] == "A"].drop(columns="subject")
    with pytest.warns(
        DataWarning, match="no column of subjects 'subject': the table counts as one"
    ):
        windows = windower.transform(alone)
    assert windows.groups is None
    assert_array_equal(windows.to_numpy(), cut(table).to_numpy()[:2])
    with pytest.raises(ValueError, match="There is no column 'subject' for subject"):
        SubjectWindower(3, target="heart_rate").fit(alone)


def test_an_array_of_another_width_is_refused(table: pd.DataFrame) -> None:
    numbers = table.assign(subject=pd.factorize(table["subject"])[0])
    windower = SubjectWindower(3, target="heart_rate").fit(numbers)
    with pytest.raises(ValueError, match="array of 2 columns, but the table in fit had 4"):
        windower.transform(numbers[SIGNALS].to_numpy())


def test_a_column_that_turned_into_text_is_refused(table: pd.DataFrame) -> None:
    windower = SubjectWindower(3, target="heart_rate").fit(table)
    with pytest.raises(ValueError, match="The feature 'ECG' holds"):
        windower.transform(table.astype({"ECG": str}))


def test_transforming_before_fitting_is_an_error(table: pd.DataFrame) -> None:
    for method in ("transform", "to_windows"):
        with pytest.raises(NotFittedError):
            getattr(SubjectWindower(3), method)(table)


# scikit-learn -----------------------------------------------------------------------------------


# The checks pass arrays that have no subjects, and compare samples with what comes out row by row. Some
# hold NaN where the estimator takes it.
@parametrize_with_checks([SubjectWindower(window_size=1, subject=None, missing="keep")])
def test_scikit_learn_checks_hold(estimator: Any, check: Any) -> None:
    check(estimator)


def test_parameters_survive_cloning_and_pickling(table: pd.DataFrame) -> None:
    parameters = {
        "window_size": 3,
        "stride": 2,
        "features": ["ECG"],
        "target": "heart_rate",
        "subject": "subject",
        "boundaries": ("subject",),
        "time": "BVP",
        "max_gap": 1.5,
        "target_agg": "mode",
        "purity": 0.5,
        "alignment": "table",
        "missing": "drop",
        "last": "drop",
        "dtype": "float32",
    }
    windower = SubjectWindower(**parameters)
    assert windower.get_params() == parameters
    assert clone(windower).get_params() == parameters
    table["heart_rate"] = 60.0
    windows = windower.fit_transform(table)
    assert_same_windows(clone(windower).fit_transform(table), windows)
    assert_same_windows(pickle.loads(pickle.dumps(windower)).transform(table), windows)
    assert windower.get_params() == parameters


def test_an_output_container_leaves_windows_windows(table: pd.DataFrame) -> None:
    windower = SubjectWindower(3, target="heart_rate").set_output(transform="pandas")
    assert isinstance(windower.fit_transform(table), Windows)


def test_only_a_windower_that_does_something_about_missing_values_says_it_takes_them() -> None:
    for missing, takes in (("raise", False), ("keep", True), ("drop", True), ("ffill", True)):
        tags = SubjectWindower(missing=missing).__sklearn_tags__()
        assert tags.input_tags.allow_nan is takes


def test_a_filled_target_is_what_the_context_says() -> None:
    table = pd.DataFrame(
        {"BVP": np.arange(6.0), "subject": "A", "rate": [1.0, np.nan, 3.0, np.nan, np.nan, 6.0]}
    )
    windower = SubjectWindower(3, features=["BVP"], target="rate", missing="ffill")
    windows = windower.fit_transform(table)
    assert windows.context["rate"].tolist() == [1.0, 1.0, 3.0, 3.0, 3.0, 6.0]
    assert windows.y.tolist() == pytest.approx([5 / 3, 4.0])


def test_a_gap_as_long_as_allowed_is_no_gap_whatever_floats_make_of_it() -> None:
    time = np.arange(10) / 10  # steps are 0.1 up to rounding
    assert (np.diff(time) > 0.1).any()
    table = pd.DataFrame({"BVP": time, "subject": "A", "t": time})
    windower = SubjectWindower(5, features=["BVP"], time="t", max_gap=0.1)
    assert len(windower.fit_transform(table)) == 2
    table.loc[5:, "t"] += 0.05
    with pytest.raises(ValueError, match=r"has 5 between gaps longer than 0\.1.*longer max_gap"):
        windower.set_params(window_size=6).fit_transform(table)


def test_a_subject_that_is_a_number_is_named_as_one() -> None:
    table = pd.DataFrame({"BVP": [1.0, 2.0], "subject": [7.0, 7.0]})
    with pytest.raises(ValueError, match=r"subject 7\.0\) has 2"):
        SubjectWindower(5, features=["BVP"]).fit_transform(table)


@pytest.mark.parametrize(
    "kind", ["bool", "boolean", "bool[pyarrow]", pd.CategoricalDtype([0, 1]), "text", "category"]
)
@pytest.mark.parametrize("how", ["mean", "median"])
def test_classes_have_no_mean(kind: Any, how: str) -> None:
    table = pd.DataFrame({"subject": ["A"] * 8, "x": np.arange(8.0), "y": [0, 1] * 4})
    if kind in ("text", "category"):
        classes = table["y"].map({0: "low", 1: "high"})
        table["y"] = classes if kind == "text" else classes.astype("category")
    else:
        table["y"] = table["y"].astype(kind)
    with pytest.raises(ValueError, match=r"'y' holds .*use target_agg='mode'"):
        SubjectWindower(4, features=["x"], target="y", target_agg=how).fit_transform(table)
    windows = SubjectWindower(4, features=["x"], target_agg=how).fit_transform(table)
    if kind == "bool":
        with pytest.raises(ValueError, match="holds booleans"):
            windows.relabel(table["y"])
    labels = (
        SubjectWindower(4, features=["x"], target="y", target_agg="mode").fit_transform(table).y
    )
    assert len(set(labels)) == 1
