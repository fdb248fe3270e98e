"""Views of windows into rows, and the rows that windows cover."""

from __future__ import annotations

import threading
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from skaug._arrays import covered_rows, in_halves, window_views

N_ROWS = 60


def gathered(rows: NDArray, starts: NDArray, size: int) -> NDArray:
    return rows[np.asarray(starts, dtype=np.intp)[:, None] + np.arange(size)]


# Even steps, as the windower gives; and any, as selections of windows do.
even_starts = st.builds(
    lambda first, step, n: np.arange(n) * step + first,
    st.integers(0, 5),
    st.integers(0, 6),
    st.integers(0, 8),
)
runs_of_starts = st.lists(even_starts, max_size=5).map(
    lambda runs: np.concatenate([np.empty(0, dtype=np.intp), *runs]).astype(np.intp)
)
any_starts = st.lists(st.integers(0, N_ROWS - 8), max_size=50).map(
    lambda starts: np.array(starts, dtype=np.intp)
)
all_starts = st.one_of(
    runs_of_starts, any_starts, any_starts.map(np.sort), even_starts.map(lambda s: s[::-1].copy())
)
sizes = st.integers(1, 8)


@given(all_starts, sizes, st.sampled_from([(), (1,), (3,)]))
def test_blocks_hold_the_rows_of_every_window_in_order(
    starts: NDArray, size: int, columns: tuple[int, ...]
) -> None:
    rows = np.arange(N_ROWS * int(np.prod(columns)), dtype=np.float64).reshape(N_ROWS, *columns)
    blocks = list(window_views(rows, starts, size))
    assert [i for which, _ in blocks for i in range(which.start, which.stop)] == [
        *range(len(starts))
    ]
    for which, block in blocks:
        assert_array_equal(block, gathered(rows, starts[which], size))


def test_evenly_stepping_windows_are_one_view_that_cannot_be_written() -> None:
    rows = np.arange(20.0)
    for step in (1, 2, 5):
        [(which, block)] = window_views(rows, np.arange(0, 11, step), 10)
        assert (which.start, which.stop) == (0, len(range(0, 11, step)))
        assert np.shares_memory(block, rows)
        with pytest.raises(ValueError, match="read-only"):
            block[0] = -1.0


def test_windows_of_a_few_recordings_are_a_view_each() -> None:
    rows = np.arange(N_ROWS)
    starts = np.concatenate([np.arange(0, 16, 4), np.arange(21, 37, 4), np.arange(42, 50, 4)])
    blocks = list(window_views(rows, starts, 4))
    assert [(which.start, which.stop) for which, _ in blocks] == [(0, 4), (4, 8), (8, 10)]
    assert all(np.shares_memory(block, rows) for _, block in blocks)


def test_windows_at_random_are_gathered_in_a_few_large_blocks() -> None:
    rows = np.arange(5000)
    starts = np.random.default_rng(0).integers(0, 4000, 1000)
    blocks = list(window_views(rows, starts, 1000))
    assert len(blocks) < 10
    assert_array_equal(np.concatenate([block for _, block in blocks]), gathered(rows, starts, 1000))


def test_rows_that_are_no_contiguous_array_are_viewed_rightly() -> None:
    rows = np.arange(40.0).reshape(20, 2)
    for held in (np.asfortranarray(rows), rows[:, ::-1], rows[::2], rows[:, 0]):
        starts = np.array([0, 2, 4])
        [(_, block)] = window_views(held, starts, 3)
        assert_array_equal(block, gathered(held, starts, 3))


@given(all_starts, sizes)
def test_covered_rows_are_those_of_the_windows_and_no_others(starts: NDArray, size: int) -> None:
    rows = np.arange(N_ROWS)
    new_starts, stretches = covered_rows(starts, size)
    kept = np.concatenate([rows[:0], *(rows[stretch] for stretch in stretches)])
    windows = gathered(rows, starts, size)
    assert_array_equal(kept, np.unique(windows))
    assert_array_equal(gathered(kept, new_starts, size), windows)


def halves_of(n: int, n_bytes: int) -> list[tuple[int, int]]:
    return in_halves(lambda which: (which.start, which.stop), n, n_bytes)


def test_large_work_is_done_in_two_halves_in_order() -> None:
    assert halves_of(7, 1 << 30) == [(0, 3), (3, 7)]
    assert halves_of(2, 1 << 30) == [(0, 1), (1, 2)]


def test_small_work_is_done_as_a_whole() -> None:
    assert halves_of(7, 1000) == [(0, 7)]
    assert halves_of(1, 1 << 30) == [(0, 1)]
    assert halves_of(0, 0) == [(0, 0)]


def test_the_halves_are_done_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=10)  # which neither passes alone
    assert len(in_halves(lambda which: both.wait(), 2, 1 << 30)) == 2


@pytest.mark.parametrize("half", [0, 1])
def test_an_error_in_either_half_is_raised(half: int) -> None:
    def work(which: slice) -> None:
        if which.start == half:
            raise ValueError("of this half")

    with pytest.raises(ValueError, match="of this half"):
        in_halves(work, 2, 1 << 30)


def test_both_halves_heed_how_numpy_is_to_treat_errors() -> None:
    def work(which: slice) -> None:
        np.float64(1.0) / np.zeros(1)

    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("error")
        in_halves(work, 2, 1 << 30)
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        in_halves(work, 2, 1 << 30)
