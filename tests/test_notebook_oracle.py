"""The published notebook's `create_windows` is the oracle of ``alignment="table"``."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from skaug import SubjectWindower, WindowFlattener

FEATURES = ["BVP", "ECG"]
TARGET = "heart_rate"
WINDOW_SIZE = 512


def create_windows(
    df_for_windows: pd.DataFrame,
    window_size: int,
    stride: int,
    target_column: str,
    feature_columns: list[str],
    train_or_val_or_test: str | None = None,
    should_check_same_subject: bool = True,
) -> tuple[NDArray, NDArray]:
    """Cut windows as published: the notebook's own lines, without its progress bar."""
    if train_or_val_or_test is not None:
        df_for_windows = df_for_windows[df_for_windows["custom_split"] == train_or_val_or_test]

    # Precompute valid window indices
    valid_indices = []
    for i in range(0, len(df_for_windows) - window_size + 1, stride):
        start_index = i
        end_index = i + window_size - 1
        if should_check_same_subject:
            # Windows should only include data from the same subject
            if (
                df_for_windows.iloc[start_index]["subject"]
                == df_for_windows.iloc[end_index]["subject"]
            ):
                valid_indices.append((start_index, end_index + 1))
        else:
            valid_indices.append((start_index, end_index + 1))

    # Convert to numpy arrays for faster slicing
    feature_data = df_for_windows[feature_columns].values
    target_data = df_for_windows[target_column].values

    # Create arrays using numpy slicing
    X = np.array([feature_data[start:end] for start, end in valid_indices])
    y = np.array([target_data[start:end].mean() for start, end in valid_indices])
    return np.array(X), np.array(y)


def assert_same_bits(actual: NDArray, expected: NDArray) -> None:
    assert actual.dtype == expected.dtype
    assert_array_equal(actual.view(np.uint64), expected.view(np.uint64))


@st.composite
def contiguous_tables(draw: st.DrawFn) -> pd.DataFrame:
    """Draw a table with the recordings of one to five subjects, each of any length."""
    lengths = draw(st.lists(st.integers(1, 40), min_size=1, max_size=5))
    n_rows = sum(lengths)
    samples = st.lists(
        st.floats(allow_nan=False, allow_infinity=False), min_size=n_rows, max_size=n_rows
    )
    rates = st.lists(st.floats(30.0, 220.0), min_size=n_rows, max_size=n_rows)
    return pd.DataFrame(
        {
            "BVP": draw(samples),
            "ECG": draw(samples),
            "subject": np.repeat([f"S{i}" for i in range(1, len(lengths) + 1)], lengths),
            TARGET: draw(rates),
        }
    )


@pytest.mark.filterwarnings("ignore:.* recordings are left out:skaug.DataWarning")
@settings(max_examples=60, deadline=None)
@given(contiguous_tables(), st.integers(1, 12), st.integers(1, 15))
def test_windows_on_the_grid_of_the_table_equal_the_notebooks(
    table: pd.DataFrame, size: int, stride: int
) -> None:
    X, y = create_windows(table, size, stride, TARGET, FEATURES)
    windower = SubjectWindower(size, stride, features=FEATURES, target=TARGET, alignment="table")
    if len(X) == 0:
        with pytest.raises(ValueError, match="No recording is long enough"):
            windower.fit_transform(table)
        return
    windows = windower.fit_transform(table)
    assert_same_bits(windows.to_numpy(), X)
    assert_allclose(windows.y, y, rtol=1e-14)


@settings(max_examples=30, deadline=None)
@given(contiguous_tables(), st.integers(1, 12), st.integers(1, 15))
def test_windows_without_a_subject_column_equal_the_notebooks(
    table: pd.DataFrame, size: int, stride: int
) -> None:
    X, y = create_windows(table, size, stride, TARGET, FEATURES, should_check_same_subject=False)
    windower = SubjectWindower(size, stride, features=FEATURES, target=TARGET, subject=None)
    if len(X) == 0:
        with pytest.raises(ValueError, match="No recording is long enough"):
            windower.fit_transform(table)
        return
    windows = windower.fit_transform(table)
    assert_same_bits(windows.to_numpy(), X)
    assert_allclose(windows.y, y, rtol=1e-14)


@pytest.mark.parametrize("stride", [1, 3, 200, 512, 700])
def test_labels_of_overlapping_windows_equal_the_notebooks_means(stride: int) -> None:
    random = np.random.default_rng(0)
    lengths = [2000, 1700, 1300]
    table = pd.DataFrame(
        {
            "BVP": random.normal(size=sum(lengths)),
            "ECG": random.normal(size=sum(lengths)),
            "subject": np.repeat(["S1", "S2", "S3"], lengths),
            TARGET: random.uniform(40.0, 200.0, sum(lengths)),
        }
    )
    X, y = create_windows(table, WINDOW_SIZE, stride, TARGET, FEATURES)
    windows = SubjectWindower(
        WINDOW_SIZE, stride, features=FEATURES, target=TARGET, alignment="table"
    ).fit_transform(table)
    assert_same_bits(windows.to_numpy(), X)
    assert_allclose(windows.y, y, rtol=1e-14)


def test_synthetic_windows_end_to_end_are_cut_as_the_notebook_cuts_the_output_of_the_agent() -> (
    None
):
    random = np.random.default_rng(1)
    n_rows = 10 * WINDOW_SIZE  # the ten windows of the notebook's second method
    table = pd.DataFrame(random.normal(size=(n_rows, 2)), columns=FEATURES)
    table[TARGET] = random.uniform(40.0, 200.0, n_rows)
    X, y = create_windows(
        table, WINDOW_SIZE, WINDOW_SIZE, TARGET, FEATURES, should_check_same_subject=False
    )
    windows = SubjectWindower(features=FEATURES, target=TARGET, subject=None).fit_transform(table)
    assert windows.shape == (10, 512, 2)
    assert_same_bits(windows.to_numpy(), X)
    assert_allclose(windows.y, y, rtol=1e-14)


@pytest.fixture(scope="module")
def published_table() -> pd.DataFrame:
    """Return a table with as many rows as the published one: its last index is 5,535,615.

    The notebook prints 8,410 candidate windows of 512 rows for training, 1,070 for validation and 1,331
    for testing: 5,535,232 rows, which leaves 384 rows in three remainders.
    """
    n_train, n_val, n_test = 8410 * 512 + 128, 1070 * 512 + 128, 1331 * 512 + 128
    assert n_train + n_val + n_test == 5_535_616
    # No subject of the first seven ends where a window does, so each end costs one window.
    lengths = [n_train // 8 + 1000 * i + 1 for i in range(-3, 4)]
    lengths += [n_train - sum(lengths), n_val, n_test]
    n_rows = sum(lengths)
    random = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "BVP": random.normal(size=n_rows),
            "ECG": random.normal(size=n_rows),
            "subject": pd.Categorical.from_codes(
                np.repeat(np.arange(10), lengths), categories=[f"S{i}" for i in range(1, 11)]
            ),
            TARGET: random.uniform(40.0, 200.0, n_rows),
            "custom_split": pd.Categorical.from_codes(
                np.repeat([0] * 8 + [1, 2], lengths), categories=["train", "val", "test"]
            ),
        }
    )


@pytest.mark.parametrize(
    ("split", "n_candidates", "n_windows"),
    [("train", 8410, 8403), ("val", 1070, 1070), ("test", 1331, 1331)],
)
def test_a_table_of_the_published_size_is_cut_into_the_published_number_of_windows(
    published_table: pd.DataFrame, split: str, n_candidates: int, n_windows: int
) -> None:
    recordings = published_table[published_table["custom_split"] == split]
    assert len(range(0, len(recordings) - WINDOW_SIZE + 1, WINDOW_SIZE)) == n_candidates
    windows = SubjectWindower(features=FEATURES, target=TARGET, alignment="table").fit_transform(
        recordings
    )
    assert windows.shape == (n_windows, 512, 2)
    assert WindowFlattener().fit_transform(windows).shape == (n_windows, 1024)

    X, y = create_windows(published_table, WINDOW_SIZE, WINDOW_SIZE, TARGET, FEATURES, split)
    assert_same_bits(windows.to_numpy(), X)
    assert_allclose(windows.y, y, rtol=1e-14)
