"""Windows: what they carry, how they are selected, joined, converted, hashed and pickled."""

from __future__ import annotations

import copy
import pickle
import tracemalloc
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GroupKFold,
    StratifiedKFold,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import resample, shuffle

from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener, WindowRegressor, Windows

# Three subjects, eight rows each; every value tells its row and subject.
N_ROWS = 24
SIZE = 4
STRIDE = 2


def table() -> pd.DataFrame:
    """A context column of every kind."""
    rows = np.arange(N_ROWS)
    gaps = [None if row % 5 == 2 else row for row in rows]
    return pd.DataFrame(
        {
            "BVP": np.sin(rows),
            "ECG": rows + 0.5,
            "subject": np.repeat(["Ada", "Ben", "Cyd"], 8),
            "heart_rate": 60.0 + rows,
            "age": np.repeat([41, 52, 63], 8),
            "steps": pd.array(gaps, dtype="Int64"),
            "weight": pd.array(gaps, dtype="Float64"),
            "smoker": pd.array([None if row % 5 == 2 else row % 2 == 0 for row in rows], "boolean"),
            "resting": rows % 3 == 0,
            "count": pd.array(gaps, dtype="int64[pyarrow]"),
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rows, unit="s"),
            "local": pd.date_range("2026-10-25", periods=N_ROWS, freq="20min", tz="Europe/Paris"),
            "arrow_time": pd.Series(pd.date_range("2026", periods=N_ROWS, freq="s")).astype(
                "timestamp[us][pyarrow]"
            ),
            "since": pd.to_timedelta(rows, unit="s"),
            "place": np.repeat(["attic", "beach", "cellar"], 8),
            "sport": pd.Categorical(np.repeat([3, 1, 2], 8)),
            "note": ["hop", None, "hop", "run"] * 6,
        }
    )


def cut(frame: pd.DataFrame | None = None, **changed: Any) -> Windows:
    """Nine windows that overlap by half, three of each subject."""
    options = {"features": ["BVP", "ECG"], "target": "heart_rate"} | changed
    return SubjectWindower(SIZE, STRIDE, **options).fit_transform(
        table() if frame is None else frame
    )


@pytest.fixture
def nine() -> Windows:
    return cut()


def made(n: int = 6, **labels: Any) -> Windows:
    """Windows from an array, whose samples count on."""
    return Windows.from_arrays(np.arange(n * 6.0).reshape(n, 3, 2), **labels)


def augmented(windows: Windows) -> Windows:
    """The windows, and behind them as many synthetic ones, of twice the samples."""
    return Windows.concatenate(
        [windows, windows._drawn(np.zeros(len(windows))).synthesized(2 * windows.to_numpy())]
    )


def assert_same(left: Windows, right: Windows, *, dtypes: bool = True) -> None:
    assert_array_equal(left.to_numpy(), right.to_numpy())
    assert left.feature_names == right.feature_names
    assert_array_equal(left.is_synthetic, right.is_synthetic)
    pd.testing.assert_frame_equal(left.origins, right.origins)
    pd.testing.assert_frame_equal(left.context, right.context, check_dtype=dtypes)
    for name in ("y", "groups"):
        values = getattr(left, name), getattr(right, name)
        assert (values[0] is None) == (values[1] is None)
        if values[0] is not None:
            assert_array_equal(*values)


# What they are


def test_windows_have_the_shape_of_their_array() -> None:
    windows = made(6)
    assert (windows.shape, windows.ndim, len(windows), windows.window_size) == ((6, 3, 2), 3, 6, 3)
    assert windows.dtype == np.float64
    assert windows.feature_names == ["x0", "x1"]
    assert (windows.y, windows.groups) == (None, None)
    assert not windows.is_synthetic.any()
    assert windows.context.shape == (18, 0)


def test_windows_are_no_ndarray(nine: Windows) -> None:
    assert not isinstance(nine, np.ndarray)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats_keep_their_precision(dtype: str) -> None:
    assert Windows.from_arrays(np.ones((2, 3, 1), dtype=dtype)).dtype == dtype


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "bool"])
def test_whole_numbers_become_float64(dtype: str) -> None:
    windows = Windows.from_arrays(np.ones((2, 3, 1), dtype=dtype))
    assert windows.dtype == np.float64
    assert (windows.to_numpy() == 1).all()


def test_origins_count_as_if_each_subject_was_recorded_end_to_end() -> None:
    origins = made(5, groups=list("ABAAB")).origins
    assert origins.columns.tolist() == ["subject", "first_row", "draw"]
    assert origins["subject"].tolist() == list("ABAAB")
    assert origins["first_row"].tolist() == [0, 0, 3, 6, 3]
    assert origins["draw"].tolist() == [-1] * 5


def test_origins_of_a_table_count_the_rows_of_each_subject(nine: Windows) -> None:
    assert nine.origins["first_row"].tolist() == [0, 2, 4] * 3
    shuffled = table().iloc[np.argsort(np.arange(N_ROWS) % 8, kind="stable")]
    pd.testing.assert_frame_equal(cut(shuffled).origins, nine.origins)


def test_without_subjects_origins_count_the_rows_of_the_table() -> None:
    windows = cut(subject=None)
    assert windows.groups is None
    assert windows.origins["subject"].isna().all()
    assert windows.origins["first_row"].tolist() == list(range(0, N_ROWS - SIZE + 1, STRIDE))


@pytest.mark.parametrize(
    "groups",
    [
        [1, 1, 2],
        np.array([1.5, 2.0, 2.0]),
        ["b", "a", "b"],
        np.array([1, "1", "x"], dtype=object),
        pd.Series(["b", "a", "b"], index=[7, 8, 9]),
        pd.Series(["b", "a", "b"], dtype="category"),
        pd.array([3, 1, 3], dtype="Int64"),
        np.array(["2026-01-01", "2026-01-02", "2026-01-01"], dtype="datetime64[D]"),
    ],
)
def test_subjects_may_be_of_any_kind(groups: Any) -> None:
    windows = made(3, groups=groups)
    assert list(windows.groups) == list(np.asarray(groups))
    assert list(windows[[2, 0]].groups) == list(np.asarray(groups)[[2, 0]])


@pytest.mark.parametrize(
    "y",
    [
        np.arange(3.0),
        np.arange(3),
        np.array(["rest", "walk", "rest"]),
        np.array(["rest", None, 3], dtype=object),
        np.arange(6.0).reshape(3, 2),
        np.array([True, False, True]),
    ],
)
def test_labels_may_be_of_any_kind(y: np.ndarray) -> None:
    windows = made(3, y=y)
    assert_array_equal(windows.y, y)
    assert_array_equal(windows[[2, 0, 0]].y, y[[2, 0, 0]])
    assert_array_equal(Windows.concatenate([windows, windows[:1]]).y, np.concatenate([y, y[:1]]))
    assert_array_equal(pickle.loads(pickle.dumps(windows)).y, y)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X": np.zeros((4, 3))}, "3-D.*SubjectWindower"),
        ({"X": np.zeros(4)}, "3-D"),
        ({"X": np.full((2, 3, 1), "a")}, "numbers"),
        ({"X": np.full((2, 3, 1), None)}, "numbers"),
        ({"X": np.zeros((2, 3, 1), dtype=complex)}, "numbers"),
        ({"X": np.zeros((2, 0, 1))}, "samples and features"),
        ({"X": np.zeros((2, 3, 0))}, "samples and features"),
        ({"y": [1, 2, 3]}, "y must have one entry for each of 2 windows, got 3"),
        ({"y": 1.0}, "y .* a scalar"),
        ({"groups": ["A"]}, "groups .* 2 windows, got 1"),
        ({"groups": [["A"], ["B"]]}, r"groups .* shape \(2, 1\)"),
        ({"groups": ["A", None]}, "The subject of window 1 is missing"),
        ({"groups": [np.nan, 1.0]}, "The subject of window 0 is missing"),
        ({"feature_names": ["a", "b"]}, "1 features, but feature_names has 2"),
        ({"X": np.zeros((2, 3, 2)), "feature_names": ["a", "a"]}, "Two features are called 'a'"),
    ],
)
def test_arrays_that_are_no_windows_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Windows.from_arrays(**({"X": np.zeros((2, 3, 1))} | arguments))


def test_repr_says_how_many_of_what() -> None:
    windows = made(4, y=[1, 2, 3, 4], groups=list("AAAB"))
    assert repr(windows) == "Windows(4 of 3 x 2: x0, x1; 2 subjects, labeled)"
    assert repr(windows[:2]) == "Windows(2 of 3 x 2: x0, x1; 1 subject, labeled)"
    assert repr(made(1)) == "Windows(1 of 3 x 2: x0, x1; no labels)"
    assert repr(augmented(windows)).endswith("; 2 subjects, labeled, 4 synthetic)")
    wide = Windows.from_arrays(np.zeros((1, 7, 6)), feature_names=range(6))
    assert repr(wide) == "Windows(1 of 7 x 6: 0, 1, 2, 3, ...; no labels)"


def test_html_counts_the_windows_of_each_subject() -> None:
    windows = augmented(made(3, y=[60.0, 70.0, 81.0], groups=["A", "A", "<b>"]))
    shown = windows._repr_html_()
    cells = [row.split("</t") for row in shown.replace(" ", "").split("<tr>")]
    cells = [[cell.rsplit(">", 1)[-1] for cell in row] for row in cells]
    assert [cell for cell in cells[-2] if cell.strip()][:4] == ["A", "2", "2", "65"]
    assert [cell for cell in cells[-1] if cell.strip()][:4] == ["&lt;b&gt;", "1", "1", "81"]
    assert "<b>" not in shown


def test_html_of_many_subjects_stays_short() -> None:
    assert "and 3 more subjects" in made(23, groups=range(23))._repr_html_()


@pytest.mark.parametrize(
    "windows", [made(2), made(2, groups=["A", "B"])[:0], made(2, y=["a", "b"])]
)
def test_html_needs_neither_subjects_nor_labels_nor_windows(windows: Windows) -> None:
    assert repr(windows) in windows._repr_html_()


# Arrays that they are made of


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda values: np.repeat(values, 2, axis=1)[:, ::2],
        lambda values: values[::-1][::-1],
        lambda values: values.tolist(),
        lambda values: values.astype(">f8"),
    ],
)
def test_any_layout_of_an_array_gives_its_values(layout: Any) -> None:
    values = np.arange(24.0).reshape(4, 3, 2)
    assert_array_equal(Windows.from_arrays(layout(values)).to_numpy(), values)


def test_read_only_arrays_are_read(nine: Windows) -> None:
    values = np.arange(24.0).reshape(4, 3, 2)
    y, groups = np.arange(4.0), np.array(list("ABAB"))
    for array in (values, y, groups):
        array.flags.writeable = False
    windows = augmented(Windows.from_arrays(values, y, groups)[[3, 0]])
    assert windows.to_numpy()[:2].tolist() == values[[3, 0]].tolist()
    assert windows.y.tolist() == [3.0, 0.0, 3.0, 0.0]


def test_a_contiguous_array_is_not_copied() -> None:
    values = np.zeros((2, 3, 1))
    windows = Windows.from_arrays(values)
    values[0, 0, 0] = 7.0
    assert windows.to_numpy()[0, 0, 0] == 7.0


def test_labels_do_not_change_with_the_arrays_that_they_were_made_of() -> None:
    y, groups = np.array([60.0, 70.0]), np.array(["A", "B"])
    windows = made(2, y=y, groups=groups)
    other = made(2).relabel(y)
    y[:], groups[:] = 0.0, "Z"
    for labels in (windows.y, other.y):
        assert labels.tolist() == [60.0, 70.0]
    assert windows.groups.tolist() == ["A", "B"]


def test_windows_of_a_table_do_not_change_with_it() -> None:
    frame = table()
    windows = cut(frame)
    frame["BVP"] = 0.0
    frame.loc[:, "age"] = 0
    frame.loc[:, ["heart_rate", "place"]] = [0.0, "moon"]
    assert_same(windows, cut())


def test_single_precision_is_converted_while_it_is_copied() -> None:
    windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(500, 100, 2)))
    tracemalloc.start()
    converted = np.asarray(windows, dtype=np.float32)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_array_equal(converted, windows.to_numpy().astype(np.float32))
    assert peak < 1.5 * converted.nbytes


@pytest.mark.parametrize("key", [slice(None), slice(None, None, -3), "at random", "in two pieces"])
def test_many_windows_are_copied_like_few(key: Any) -> None:
    """By two threads, from 8 MB on, whichever windows were chosen."""
    rows = np.random.default_rng(0).normal(size=400_000)
    windows = SubjectWindower(256, 64).fit_transform(pd.DataFrame({"BVP": rows, "subject": "A"}))
    chosen = np.arange(len(windows))
    if key == "at random":
        chosen = np.random.default_rng(1).permutation(chosen)
    elif key == "in two pieces":
        chosen = np.concatenate([chosen[4000:], chosen[:3000]])
    else:
        chosen = chosen[key]
    if len(chosen) == len(windows):
        assert windows[chosen].to_numpy().nbytes > 1 << 23
    expected = np.stack([rows[first : first + 256] for first in 64 * chosen])
    assert_array_equal(windows[chosen].to_numpy()[:, :, 0], expected)


def test_what_they_give_is_theirs_no_more(nine: Windows) -> None:
    nine.to_numpy()[:] = 0.0
    np.asarray(nine)[:] = 0.0
    nine[0][:] = 0.0
    for context in (nine.context, nine.context_rows):
        context["age"] = 0
        context.loc[context.index[0], "heart_rate"] = 0.0
    assert_same(nine, cut())


# Selecting


KEYS = [
    slice(None),
    slice(2, 5),
    slice(None, None, -1),
    slice(7, 1, -3),
    slice(5, 5),
    slice(100, 200),
    [0],
    [],
    [3, 3, 3, 1],
    [-1, -9],
    np.array([8, 0], dtype=np.uint8),
    np.arange(9) % 2 == 0,
    [True] * 8 + [False],
    np.zeros(9, dtype=bool),
    pd.Series(np.arange(9) > 4, index=list("abcdefghi")),
    np.array([], dtype=float),
]


@pytest.mark.parametrize("key", KEYS, ids=str)
def test_selecting_windows_selects_their_labels(nine: Windows, key: Any) -> None:
    index = np.asarray(key) if not isinstance(key, slice) else key
    positions = np.arange(9)[index.astype(int) if np.size(key) == 0 else index]
    chosen = nine[key]
    assert isinstance(chosen, Windows)
    assert_array_equal(chosen.to_numpy(), nine.to_numpy()[positions])
    assert_array_equal(chosen.y, nine.y[positions])
    assert_array_equal(chosen.groups, nine.groups[positions])
    assert_array_equal(chosen.is_synthetic, np.zeros(len(positions), bool))
    expected = nine.origins.iloc[positions].reset_index(drop=True)
    pd.testing.assert_frame_equal(chosen.origins, expected, check_dtype=len(positions) > 0)
    rows = (positions[:, None] * SIZE + np.arange(SIZE)).ravel()
    assert_array_equal(chosen.context["heart_rate"], nine.context["heart_rate"].iloc[rows])


NINE = cut()


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.slices(9),
            st.lists(st.integers(-1, 0), max_size=6),
            st.lists(st.integers(0, 2), max_size=4).map(np.array),
        ),
        max_size=4,
    )
)
def test_selections_of_selections_are_those_of_an_array(keys: list[Any]) -> None:
    windows, positions = NINE, np.arange(9)
    values, y = windows.to_numpy(), windows.y
    for key in keys:
        if not isinstance(key, slice) and len(positions) < 3:
            key = []
        windows = windows[key]
        positions = positions[key if isinstance(key, slice) else np.asarray(key, dtype=int)]
    assert windows.shape == (len(positions), SIZE, 2)
    assert_array_equal(windows.to_numpy(), values[positions])
    assert_array_equal(windows.y, y[positions])
    assert_array_equal(pickle.loads(pickle.dumps(windows)).to_numpy(), values[positions])


@pytest.mark.parametrize(
    "key",
    [
        (slice(1, 4), ...),
        ([1, 2, 3], ...),
        (slice(1, 4), slice(None), slice(None)),
        (slice(1, 4),),
        (np.arange(9) % 4 > 0, slice(None)),
    ],
    ids=str,
)
def test_an_ellipsis_selects_windows_too(nine: Windows, key: Any) -> None:
    assert isinstance(nine[key], Windows)
    assert_array_equal(nine[key].y, nine.y[key[0]])


def test_everything_is_the_same_windows(nine: Windows) -> None:
    for chosen in (nine[...], nine[()], nine[..., :]):
        assert_same(chosen, nine)


@pytest.mark.parametrize("position", [0, -1, np.int64(4), np.uint8(8)])
def test_one_window_is_a_matrix(nine: Windows, position: int) -> None:
    window = nine[position]
    assert isinstance(window, np.ndarray)
    assert_array_equal(window, nine.to_numpy()[position])
    assert_array_equal(nine[position, ...], window)


def test_they_iterate_over_matrices(nine: Windows) -> None:
    assert_array_equal(np.stack(list(nine)), nine.to_numpy())


@pytest.mark.parametrize(
    "key", [(slice(None), 0), (..., 1), ([0, 1], 2, 1), (2, slice(1, 3), -1)], ids=str
)
def test_samples_and_channels_are_selected_as_of_an_array(nine: Windows, key: Any) -> None:
    assert_array_equal(nine[key], nine.to_numpy()[key])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (9, "The index 9 is out of range: there are 9 windows"),
        (-10, "index -10"),
        ([9], "out of bounds"),
        ([True, False], "mask has 2 entries for 9"),
        (np.zeros(0, dtype=bool), "mask has 0 entries for 9"),
        (np.zeros((9, 1), dtype=bool), "a boolean mask or integers"),
        ([[0], [1]], "shape"),
        ([0.0, 1.0], "dtype float64"),
        ("a", "a boolean mask or integers"),
        (None, "a boolean mask or integers"),
        (True, "a boolean mask or integers"),
        (np.True_, "a boolean mask or integers"),
    ],
    ids=str,
)
def test_what_selects_no_windows_is_refused(nine: Windows, key: Any, message: str) -> None:
    with pytest.raises(IndexError, match=message):
        nine[key]


# Converting


def test_real_windows_convert_freely(nine: Windows) -> None:
    values = nine.to_numpy()
    assert_array_equal(np.asarray(nine), values)
    assert np.asarray(nine, dtype=np.float32).dtype == np.float32
    assert_array_equal(np.array(nine, copy=True), values)
    assert_array_equal(np.mean(nine, axis=1), values.mean(axis=1))
    assert_array_equal(np.concatenate([nine, nine]), np.concatenate([values, values]))


def test_a_conversion_without_a_copy_is_refused_as_numpy_asks(nine: Windows) -> None:
    with pytest.raises(ValueError, match="cannot be a view"):
        np.array(nine, copy=False)


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        np.array,
        np.mean,
        lambda windows: np.concatenate([windows, windows]),
        lambda windows: np.add(windows, 1),
        lambda windows: windows[:, 0],
        Windows.from_arrays,
        lambda windows: WindowFlattener().fit(np.asarray(windows)),
        lambda windows: StandardScaler().fit(windows[:, :, 0]),
    ],
)
def test_synthetic_windows_refuse_and_name_both_doors(nine: Windows, convert: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"9 of these 18 windows are synthetic.*skaug\.make_pipeline.*WindowRegressor",
    ) as info:
        convert(augmented(nine))
    assert "skaug.WindowClassifier" in str(info.value)
    assert ".to_numpy()" in str(info.value)


def test_a_single_synthetic_window_is_enough_to_refuse(nine: Windows) -> None:
    with pytest.raises(TypeError, match="1 of these 2 windows are synthetic"):
        np.asarray(augmented(nine)[[0, 9]])


def test_the_real_ones_among_synthetic_windows_convert(nine: Windows) -> None:
    both = augmented(nine)
    assert_array_equal(np.asarray(both[~both.is_synthetic]), nine.to_numpy())


def test_to_numpy_is_the_explicit_way(nine: Windows) -> None:
    values = nine.to_numpy()
    assert_array_equal(augmented(nine).to_numpy(), np.concatenate([values, 2 * values]))


# Joining


def test_joined_windows_keep_their_order(nine: Windows) -> None:
    parts = [nine[5:7], nine[[0]], nine[::-4]]
    joined = Windows.concatenate(iter(parts))
    assert_same(joined, nine[[5, 6, 0, 8, 4, 0]])


def test_windows_of_several_sources_join(nine: Windows) -> None:
    elsewhere = table().assign(
        subject=np.repeat(["Dan", "Eve", "Ada"], 8), place=np.repeat(["roof", "beach", "pier"], 8)
    )
    other = cut(elsewhere)
    joined = Windows.concatenate([nine[6:], other])
    assert_array_equal(joined.to_numpy(), np.concatenate([nine[6:].to_numpy(), other.to_numpy()]))
    assert joined.groups.tolist() == nine.groups.tolist()[6:] + other.groups.tolist()
    assert_array_equal(joined.y, np.concatenate([nine.y[6:], other.y]))
    for name, dtype in nine.context.dtypes.items():
        expected = nine.context[name].iloc[24:].tolist() + other.context[name].tolist()
        expected = pd.Series(expected, dtype=object if dtype == "category" else dtype)
        assert joined.context[name].isna().tolist() == expected.isna().tolist()
        assert joined.context[name].dropna().tolist() == expected.dropna().tolist()
    assert isinstance(joined.context["place"].dtype, pd.CategoricalDtype)


def test_what_one_context_lacks_is_missing() -> None:
    left, right = cut(), cut(table().drop(columns=["age", "place"]))
    context = Windows.concatenate([left, right]).context
    assert context["age"].notna().tolist() == [True] * 36 + [False] * 36
    assert context["place"].notna().tolist() == [True] * 36 + [False] * 36
    assert context["time"].notna().all()


def test_the_same_windows_in_other_contexts_join(nine: Windows) -> None:
    older = nine._with_context(nine.context_rows.assign(age=99), nine.y)
    joined = Windows.concatenate([nine, older])
    assert joined.context["age"].tolist() == [*nine.context["age"], *[99] * 36]
    assert_array_equal(joined.to_numpy(), np.concatenate([nine.to_numpy()] * 2))


def test_real_and_synthetic_windows_join(nine: Windows) -> None:
    both = augmented(nine)
    assert both.is_synthetic.tolist() == [False] * 9 + [True] * 9
    assert both.origins["draw"].tolist() == [-1] * 9 + [0] * 9
    assert_array_equal(both.y, np.tile(nine.y, 2))
    assert_array_equal(both.groups, np.tile(nine.groups, 2))


@pytest.mark.parametrize("n_before", [0, 1, 2])
@pytest.mark.parametrize("n_behind", [0, 1])
def test_empty_parts_change_nothing(nine: Windows, n_before: int, n_behind: int) -> None:
    empty = Windows.from_arrays(np.empty((0, SIZE, 2)), feature_names=["BVP", "ECG"])
    joined = Windows.concatenate([empty] * n_before + [nine] + [nine[:0], empty] * n_behind)
    assert_same(joined, nine)
    assert_same(joined.relabel(np.arange(float(N_ROWS))), nine.relabel(np.arange(float(N_ROWS))))
    assert joined.provenance.target == "heart_rate"
    single = cut(dtype="float32")
    assert Windows.concatenate([empty, single, empty]).dtype == np.float32


def test_empty_windows_join_to_empty_windows(nine: Windows) -> None:
    other = Windows.from_arrays(np.empty((0, SIZE, 2)), feature_names=["BVP", "ECG"])
    for parts in ([nine[:0]], [nine[:0], nine[[]]], [other, nine[:0]], [nine[:0], other]):
        joined = Windows.concatenate(parts)
        assert joined.shape == (0, SIZE, 2)
        assert joined.context.shape[0] == 0


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], ValueError, "no windows to join"),
        ([made(2), made(2).with_samples(np.zeros((2, 4, 2)))], ValueError, "4 samples.*3 samples"),
        (
            [made(2), Windows.from_arrays(np.zeros((2, 3, 2)), feature_names=["a", "b"])],
            ValueError,
            "of a, b cannot join windows of 3 samples of x0, x1",
        ),
        ([made(2), made(2, y=[1, 2])], ValueError, "have labels"),
        ([made(2), made(2, groups=[1, 2])], ValueError, "have subjects"),
        ([np.zeros((2, 3, 2))], TypeError, "got ndarray"),
        ([made(2), np.zeros((2, 3, 2))], TypeError, "from_arrays"),
    ],
)
def test_windows_that_do_not_fit_together_are_refused(
    parts: list[Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Windows.concatenate(parts)


# The context


def test_the_context_has_a_row_for_each_sample_of_each_window(nine: Windows) -> None:
    context = nine.context
    assert context.index.names == ["window", "sample"]
    frame = table()
    for window, first in enumerate([0, 2, 4, 8, 10, 12, 16, 18, 20]):
        rows = frame.iloc[first : first + SIZE]
        shown = context.loc[window]
        assert set(shown) == set(frame) - {"BVP", "ECG"}
        for name in shown:
            assert shown[name].isna().tolist() == rows[name].isna().tolist()
            assert shown[name].dropna().tolist() == rows[name].dropna().tolist()


def test_text_is_held_as_categories(nine: Windows) -> None:
    dtypes = nine.context.dtypes
    assert dtypes[["subject", "place", "note", "sport"]].eq("category").all()
    assert nine.context["time"].dtype.kind == nine.context["local"].dtype.kind == "M"
    assert nine.context["since"].dtype.kind == "m"
    assert nine.context["resting"].dtype == bool


def test_context_rows_hold_each_row_once(nine: Windows) -> None:
    for windows in (nine, nine[[8, 1, 2, 2]], nine[3:6], nine[:0]):
        rows, firsts = windows.context_rows, windows.first_context_rows
        assert not rows["heart_rate"].duplicated().any()
        assert len(firsts) == len(windows)
        assert rows.index.tolist() == list(range(len(rows)))
        for window, first in enumerate(firsts):
            left = rows.iloc[first : first + SIZE].reset_index(drop=True)
            pd.testing.assert_frame_equal(left, windows.context.loc[window], check_names=False)


@pytest.mark.parametrize("ask", [lambda w: w.context, lambda w: w.context_rows])
def test_a_selection_gives_no_way_to_other_rows(nine: Windows, ask: Any) -> None:
    of_ben = ask(nine[3:5])
    assert of_ben["heart_rate"].between(68, 73).all()
    assert set(of_ben["subject"].cat.categories) == {"Ben"}
    assert set(of_ben["place"].cat.categories) == {"beach"}
    assert len(ask(nine[:0])) == 0


# Pickling


SLICES = [slice(None), slice(3, 6), [8, 0, 0, 4], slice(0, 0), slice(None, None, -1)]


@pytest.mark.parametrize("which", SLICES, ids=str)
@pytest.mark.parametrize("rounds", [1, 2])
def test_pickling_keeps_everything(nine: Windows, which: Any, rounds: int) -> None:
    chosen = thawed = nine[which]
    for _ in range(rounds):
        thawed = pickle.loads(pickle.dumps(thawed))
    assert_same(thawed, chosen)
    assert_array_equal(thawed.relabel(np.arange(24.0)).y, chosen.relabel(np.arange(24.0)).y)


def test_pickling_keeps_where_the_rows_of_an_unsorted_table_lay() -> None:
    order = np.argsort(np.arange(N_ROWS) % 8, kind="stable")
    chosen = cut(table().iloc[order])[3:6]
    of_rows = table()["age"].iloc[order].to_numpy() * 1000.0 + np.arange(N_ROWS)
    thawed = pickle.loads(pickle.dumps(chosen))
    assert_array_equal(thawed.relabel(of_rows).y, chosen.relabel(of_rows).y)
    assert (thawed.relabel(of_rows).y // 1000 == 52).all()


def test_copies_are_equal(nine: Windows) -> None:
    assert_same(copy.deepcopy(nine[2:5]), nine[2:5])
    assert_same(copy.copy(nine[2:5]), nine[2:5])
    assert_same(clone(nine[2:5], safe=False), nine[2:5])


def test_pickled_synthetic_windows_stay_synthetic(nine: Windows) -> None:
    both = pickle.loads(pickle.dumps(augmented(nine)))
    assert_same(both, augmented(nine))
    with pytest.raises(TypeError, match="synthetic"):
        np.asarray(both)


@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_pickle_holds_no_trace_of_what_it_does_not_cover(is_sorted: bool) -> None:
    """Not the samples, subjects, categories, labels or times of anybody else."""
    rows = np.arange(24)
    secret = 1.0e6 * np.pi + rows  # each a bit pattern of its own
    stamps = pd.Timestamp("2031-03-03") + pd.to_timedelta(rows, unit="h")
    frame = pd.DataFrame(
        {
            "BVP": secret,
            "subject": np.repeat(["subject-Ada", "subject-Ben", "subject-Cyd"], 8),
            "heart_rate": secret * 3,
            "weight": secret * 5,
            "steps": pd.array((secret * 7).astype(int), dtype="Int64"),
            "time": stamps,
            "local": stamps.tz_localize("UTC"),
            "place": np.repeat(["place-attic", "place-beach", "place-cellar"], 8),
        }
    )
    if not is_sorted:
        frame = frame.iloc[np.argsort(rows % 8, kind="stable")]
    frozen = pickle.dumps(cut(frame, features=["BVP"])[3:5])
    kept, lost = rows[8:14], np.r_[rows[:8], rows[14:]]
    times = frame.sort_index()["time"].to_numpy().view(np.int64)
    numbers = [secret, secret * 5, (secret * 7).astype(np.int64), times]
    for values in numbers:
        assert any(values[row].tobytes() in frozen for row in kept)
        assert not any(values[row].tobytes() in frozen for row in lost)
    labels = [np.mean(secret[row : row + 4] * 3).tobytes() for row in range(0, 21, 2)]
    assert [label in frozen for label in labels] == [row in (8, 10) for row in range(0, 21, 2)]
    assert b"subject-Ben" in frozen
    assert b"place-beach" in frozen
    for name in (b"Ada", b"Cyd", b"attic", b"cellar"):
        assert name not in frozen


def test_a_slice_is_pickled_in_proportion() -> None:
    windows = Windows.from_arrays(np.zeros((1000, 100, 2)), y=np.zeros(1000), groups=range(1000))
    one, hundred = (len(pickle.dumps(windows[:n])) for n in (1, 100))
    samples = 100 * 2 * 8
    provenance = 8 * 8  # at most eight numbers a window besides its samples
    assert (hundred - one) / 99 <= samples + provenance
    assert one <= samples + 4096


def test_overlapping_windows_are_pickled_once() -> None:
    frame = pd.DataFrame({"BVP": np.arange(2000.0), "subject": "A"})
    windows = SubjectWindower(100, 1).fit_transform(frame)
    apart = sum(len(pickle.dumps(windows[[i]])) for i in range(0, 1901, 100))
    assert len(pickle.dumps(windows)) < 2000 * 8 + len(windows) * 8 * 8 + apart / 20


def test_synthetic_windows_are_pickled_with_the_context_of_their_conditions_once(
    nine: Windows,
) -> None:
    twice = nine[np.repeat(range(9), 200)]
    one, many = (
        len(pickle.dumps(w._drawn(np.zeros(len(w))).synthesized(w.to_numpy())))
        for w in (nine, twice)
    )
    samples, provenance = SIZE * 2 * 8, 8 * 8
    assert many - one < (len(twice) - 9) * (samples + provenance)


def test_windows_that_are_sent_to_several_workers_are_the_same_arrays(nine: Windows) -> None:
    """joblib writes an array to shared memory once, if it is the same object."""
    for windows in (nine, nine[2:5]):
        first, second = windows.__getstate__(), windows.__getstate__()
        for name in ("_signals", "_starts"):
            assert first[name] is second[name]
        for name in first["_context"]:
            assert first["_context"][name][0] is second["_context"][name][0]


def test_windows_of_an_array_that_changed_are_pickled_as_they_are_now() -> None:
    values = np.zeros((4, 3, 1))
    windows = Windows.from_arrays(values)[1:3]
    before = joblib.hash(windows)
    values[1, 0, 0] = 7.0
    assert pickle.loads(pickle.dumps(windows)).to_numpy()[0, 0, 0] == 7.0
    assert joblib.hash(windows) != before


# Hashing


ROUTES = {
    "slice": lambda w: w[2:7],
    "integers": lambda w: w[[2, 3, 4, 5, 6]],
    "mask": lambda w: w[(np.arange(9) >= 2) & (np.arange(9) < 7)],
    "negative": lambda w: w[[-7, -6, -5, -4, -3]],
    "twice": lambda w: w[1:8][1:6],
    "reversed": lambda w: w[::-1][2:7][::-1],
    "pickled": lambda w: pickle.loads(pickle.dumps(w))[2:7],
    "slice of a pickle": lambda w: pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(w[2:7])))),
    "copied": lambda w: copy.deepcopy(w)[2:7],
    "strided": lambda w: w[[0, 0, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]][2::2],
}


@pytest.mark.parametrize("route", ROUTES)
def test_equal_windows_have_equal_hashes(nine: Windows, route: str) -> None:
    assert joblib.hash(ROUTES[route](nine)) == joblib.hash(nine[2:7])
    assert joblib.hash(ROUTES[route](cut())) == joblib.hash(nine[2:7])


@pytest.mark.parametrize("n", [0, 1, 9])
def test_hashes_do_not_depend_on_how_few_were_chosen(nine: Windows, n: int) -> None:
    expected = joblib.hash(nine[:n])
    assert joblib.hash(nine[list(range(n))]) == expected
    assert joblib.hash(nine[np.repeat(range(n), 2).astype(int)][::2]) == expected
    both = augmented(nine)
    assert joblib.hash(both[: 2 * n : 2]) == joblib.hash(both[list(range(0, 2 * n, 2))])


def test_a_window_of_a_strided_array_hashes_like_its_copy() -> None:
    values = np.arange(60.0).reshape(10, 6, 1)
    first = Windows.from_arrays(values[::2][:1])
    assert joblib.hash(first) == joblib.hash(Windows.from_arrays(values[:1].copy()))


def test_windows_that_were_given_samples_hash_like_windows_made_of_them() -> None:
    X = np.random.default_rng(0).normal(size=(4, 6, 2))
    assert joblib.hash(Windows.from_arrays(0 * X).with_samples(X)) == joblib.hash(
        Windows.from_arrays(X)
    )


@pytest.mark.parametrize("again", [lambda w: pickle.loads(pickle.dumps(w)), copy.deepcopy])
def test_columns_that_share_a_type_hash_like_columns_that_do_not(nine: Windows, again: Any) -> None:
    context = nine.context_rows
    for name in ("local", "arrow_time", "steps", "smoker", "count"):
        context[f"{name} shifted"] = context[name].shift(1)
        context[f"{name} of its own"] = again(context[name])
    windows = nine._with_context(context, nine.y)
    assert joblib.hash(again(windows)) == joblib.hash(windows)
    assert joblib.hash(again(windows)[2:5]) == joblib.hash(windows[[2, 3, 4]])


def test_columns_of_one_array_hash_like_columns_of_their_own(nine: Windows) -> None:
    """Side by side in memory they have other strides."""
    values = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    together = pd.DataFrame(values, columns=["weight", "age"])
    apart = pd.DataFrame({name: together[name].to_numpy().copy() for name in together})
    hashes = {joblib.hash(nine._with_context(frame, nine.y)) for frame in (together, apart)}
    assert len(hashes) == 1


def test_memory_mapped_windows_hash_like_those_in_memory(nine: Windows, tmp_path: Any) -> None:
    """As they are in the workers of joblib, which share large arrays."""
    joblib.dump(nine, tmp_path / "windows")
    mapped = joblib.load(tmp_path / "windows", mmap_mode="r")
    assert joblib.hash(mapped) == joblib.hash(nine)
    assert joblib.hash(mapped[2:5]) == joblib.hash(nine[2:5])


def test_other_content_has_another_hash(nine: Windows) -> None:
    aged = cut(table().assign(age=50))
    moved = cut(table().assign(place="roof"))
    timed = cut(table().assign(time=pd.Timestamp("2030")))
    samples = nine.to_numpy()
    samples[4, 1, 0] += 1e-12
    relabeled = nine.y.copy()
    relabeled[3] += 1e-9
    others = [
        nine.relabel(relabeled),
        nine.relabel(nine.y.astype(np.float32)),
        cut(table().replace({"subject": {"Ada": "Abe"}})),
        aged,
        moved,
        timed,
        nine.with_samples(samples),
        nine[::-1],
        nine[:8],
        nine._drawn(np.zeros(9)),
        nine.synthesized(nine.to_numpy()),
        cut(table().rename(columns={"BVP": "PPG"}), features=["PPG", "ECG"]),
    ]
    hashes = [joblib.hash(windows) for windows in [nine, *others]]
    assert len(set(hashes)) == len(hashes)


def test_a_cache_recognises_equal_windows_only(nine: Windows, tmp_path: Any) -> None:
    memory = joblib.Memory(tmp_path, verbose=0)
    calls: list[int] = []

    def work(windows: Windows) -> Windows:
        calls.append(len(windows))
        return windows

    cached = memory.cache(work)
    assert_same(cached(nine[2:5]), nine[2:5])
    assert_same(cached(cut()[[2, 3, 4]]), nine[2:5])
    assert calls == [3]
    cached(nine[2:5].relabel([1.0, 2.0, 3.0]))
    assert calls == [3, 3]


# scikit-learn's own tools


def test_train_test_split_keeps_labels_beside_their_windows(nine: Windows) -> None:
    train, test, y_train, y_test = train_test_split(nine, nine.y, test_size=4, random_state=0)
    assert_array_equal(train.y, y_train)
    assert_array_equal(test.y, y_test)
    # ECG is the row + 0.5 and the heart rate the row + 60: means over a window differ by 59.5.
    assert_array_equal(train.to_numpy()[:, :, 1].mean(axis=1) + 59.5, train.y)
    assert sorted([*train.y, *test.y]) == sorted(nine.y)


def test_shuffle_and_resample_keep_labels_beside_their_windows(nine: Windows) -> None:
    shuffled = shuffle(nine, random_state=0)
    _drawn = resample(nine, n_samples=20, random_state=0, stratify=nine.groups)
    assert sorted(shuffled.y) == sorted(nine.y)
    assert len(_drawn) == 20
    assert pd.Series(_drawn.groups).value_counts().between(6, 7).all()
    for windows in (shuffled, _drawn):
        assert isinstance(windows, Windows)
        assert_array_equal(windows.to_numpy()[:, :, 1].mean(axis=1) + 59.5, windows.y)


def test_grouped_folds_leave_subjects_out(nine: Windows) -> None:
    folds = list(GroupKFold(3).split(nine, groups=nine.groups))
    assert len(folds) == 3
    for train, test in folds:
        assert not set(nine[train].groups) & set(nine[test].groups)


def test_stratified_folds_split_windows(nine: Windows) -> None:
    for _, test in StratifiedKFold(3).split(nine, nine.groups):
        assert sorted(nine[test].groups) == ["Ada", "Ben", "Cyd"]


def test_cross_validation_gives_what_it_gives_of_arrays(nine: Windows) -> None:
    flat = nine.to_numpy().reshape(9, -1)
    options = {"cv": GroupKFold(3), "groups": nine.groups, "scoring": "neg_mean_absolute_error"}
    expected = cross_val_score(Ridge(), flat, nine.y, **options)
    own = make_pipeline(WindowFlattener(), WindowRegressor(Ridge()))
    for estimator in (own, make_pipeline(WindowFlattener(), Ridge())):
        result = cross_validate(estimator, nine, nine.y, **options)
        assert_array_equal(result["test_score"], expected)


# Other labels, samples and context


def test_labels_of_windows_are_taken_as_they_are(nine: Windows) -> None:
    assert nine.relabel(None).y.tolist() == nine.y.tolist()
    assert nine.relabel(list("abcdefghi")).y.tolist() == list("abcdefghi")
    assert nine.relabel(np.zeros((9, 2))).y.shape == (9, 2)
    assert nine[:0].relabel([]).y.tolist() == []


@pytest.mark.parametrize("order", [np.arange(N_ROWS), np.argsort(np.arange(N_ROWS) % 8)])
def test_labels_of_rows_are_aggregated_as_the_windower_would(order: np.ndarray) -> None:
    frame = table().iloc[order]
    y = np.sqrt(np.arange(N_ROWS))[order]
    expected = cut(frame.assign(heart_rate=y))
    for labels in (y, y.tolist(), pd.Series(y, index=frame.index)):
        assert_array_equal(cut(frame).relabel(labels).y, expected.y)
        assert_array_equal(cut(frame)[[7, 2]].relabel(labels).y, expected.y[[7, 2]])
    several = cut(frame).relabel(np.stack([y, -y], axis=1)).y
    assert_array_equal(several, np.stack([expected.y, -expected.y], axis=1))


@pytest.mark.parametrize("y", [np.zeros(8), np.zeros(23), 1.0])
def test_labels_of_another_length_are_refused(nine: Windows, y: Any) -> None:
    with pytest.raises(ValueError, match="label"):
        nine.relabel(y)


def test_labels_from_outside_do_not_touch_synthetic_windows(nine: Windows) -> None:
    both = augmented(nine)
    for y in (np.zeros(9), np.zeros(18), np.zeros(N_ROWS), np.zeros(5)):
        assert_array_equal(both.relabel(y).y, both.y)


def test_synthetic_windows_keep_labels_origins_and_context(nine: Windows) -> None:
    conditions = nine[[4, 4, 0]]._drawn([0, 1, 0])
    synthetic = conditions.synthesized(np.ones((3, SIZE, 2)))
    assert synthetic.is_synthetic.all()
    assert (synthetic.to_numpy() == 1).all()
    assert_array_equal(synthetic.y, nine.y[[4, 4, 0]])
    assert synthetic.origins["subject"].tolist() == ["Ben", "Ben", "Ada"]
    assert synthetic.origins["first_row"].tolist() == [2, 2, 0]
    assert synthetic.origins["draw"].tolist() == [0, 1, 0]
    pd.testing.assert_frame_equal(synthetic.context, conditions.context)
    assert conditions.synthesized(np.ones((3, SIZE, 2)), y=[1, 2, 3]).y.tolist() == [1, 2, 3]
    assert conditions.synthesized(synthetic).is_synthetic.all()
    assert synthetic.provenance.rows is None  # they lie in no frame


def test_synthetic_samples_need_the_shape_of_their_conditions(nine: Windows) -> None:
    with pytest.raises(ValueError, match=r"shape \(9, 4, 1\), but its conditions have \(9, 4, 2\)"):
        nine.synthesized(np.ones((9, SIZE, 1)))
    with pytest.raises(ValueError, match="y must have one entry"):
        nine.synthesized(np.ones((9, SIZE, 2)), y=[1.0])
    with pytest.raises(ValueError, match="draws must have one entry"):
        nine._drawn([0])


def test_samples_of_another_length_leave_the_context_behind(nine: Windows) -> None:
    halved = nine.with_samples(nine.to_numpy()[:, ::2])
    assert halved.shape == (9, 2, 2)
    assert halved.context.shape == (18, 0)
    assert_array_equal(halved.y, nine.y)
    pd.testing.assert_frame_equal(nine.with_samples(nine.to_numpy() + 1).context, nine.context)
    with pytest.raises(ValueError, match="these windows"):
        nine.with_samples(np.zeros((8, SIZE, 2)))


def test_other_channels_need_names(nine: Windows) -> None:
    with pytest.raises(ValueError, match=r"\(9, 4, 3\).*Name 3 in feature_names"):
        nine.with_samples(np.zeros((9, 4, 3)))
    wider = nine.with_samples(np.ones((9, SIZE, 3)), feature_names=["a", "b", "c"])
    assert wider.feature_names == ["a", "b", "c"]
    assert_array_equal(wider.y, nine.y)
    assert_array_equal(wider.to_numpy(), np.ones((9, SIZE, 3)))


def test_samples_keep_the_precision_of_the_windows(nine: Windows) -> None:
    single = cut(dtype="float32")
    assert single.synthesized(np.ones((9, SIZE, 2))).dtype == np.float32


def test_blocks_cover_the_windows_in_order(nine: Windows) -> None:
    for n_rows in (1, SIZE, 3 * SIZE + 1, 10_000):
        blocks = list(nine.blocks(n_rows))
        assert_same(Windows.concatenate([block for _, block in blocks]), nine)
        assert [nine.y[which].tolist() for which, _ in blocks] == [b.y.tolist() for _, b in blocks]
        assert max(len(block) for _, block in blocks) == min(9, max(1, n_rows // SIZE))
    assert list(nine[:0].blocks()) == []


@pytest.mark.parametrize("n_windows", [1, 600, 5000])  # one block; several; in two threads
def test_blocks_of_samples_are_mapped_in_order(n_windows: int) -> None:
    X = np.random.default_rng(0).normal(size=(n_windows, 128, 2))
    windows = Windows.from_arrays(X)
    shapes = []

    def compute(samples: np.ndarray) -> np.ndarray:
        shapes.append(samples.shape)
        last = samples[:, -1].copy()
        samples[:] = np.nan  # a block is its own
        return last

    assert_array_equal(windows.map_blocks(compute), X[:, -1])
    assert_array_equal(windows.to_numpy(), X)
    assert sum(shape[0] for shape in shapes) == n_windows
    assert {shape[1:] for shape in shapes} == {(128, 2)}


def test_no_windows_are_one_block_of_none() -> None:
    none = Windows.from_arrays(np.zeros((3, 4, 2)))[:0]
    assert none.map_blocks(lambda samples: samples.mean(axis=1)).shape == (0, 2)


def test_an_error_in_any_block_is_raised() -> None:
    X = np.zeros((5000, 128, 2))
    for bad in (0, 4999):
        X[:] = 0.0
        X[bad] = 1.0

        def compute(samples: np.ndarray) -> np.ndarray:
            if samples.any():
                raise RuntimeError("a sample that is not zero")
            return samples[:, 0]

        with pytest.raises(RuntimeError, match="not zero"):
            Windows.from_arrays(X).map_blocks(compute)


# The smallest


@pytest.mark.parametrize("window_size", [1, 2])
def test_windows_of_one_or_two_samples_work(window_size: int) -> None:
    windows = SubjectWindower(window_size, features=["BVP"], target="heart_rate").fit_transform(
        table()
    )
    frame = table()
    assert_array_equal(windows.to_numpy().ravel(), frame["BVP"])
    chosen = windows[[5, 5, 2]]
    assert_same(pickle.loads(pickle.dumps(chosen)), chosen)
    expected = frame["heart_rate"].to_numpy().reshape(-1, window_size).mean(axis=1)
    assert_array_equal(augmented(chosen).y, np.tile(expected[[5, 5, 2]], 2))


def test_empty_windows_have_every_attribute(nine: Windows) -> None:
    for empty in (nine[:0], made(0, y=[], groups=[]), pickle.loads(pickle.dumps(nine[:0]))):
        assert len(empty) == len(empty.y) == len(empty.groups) == len(empty.origins) == 0
        assert np.asarray(empty).shape == empty.shape
        assert len(empty.context) == len(empty.context_rows) == len(empty.first_context_rows) == 0
        assert empty[::2].shape == empty.shape
        assert empty._drawn([]).synthesized(empty.to_numpy()).shape == empty.shape


def test_one_subject_is_a_group_of_its_own() -> None:
    windows = made(3, groups=["A"] * 3)
    assert windows.groups.tolist() == ["A"] * 3
    augmenter = SynthefyAugmenter()
    assert augmenter.fit_transform(windows).groups.tolist() == ["A"] * 6


def test_a_table_of_windows_cuts_into_the_same_windows(recordings: pd.DataFrame) -> None:
    windower = SubjectWindower(256, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    table = windows.to_frame()
    assert table.index.names == ["window", "sample"]
    again = windower.fit_transform(table)
    assert_array_equal(again.to_numpy(), windows.to_numpy())
    assert_array_equal(again.y, windows.y)
    assert set(table.columns) == set(recordings.columns)
