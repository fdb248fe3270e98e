"""Windows stitched back to the stretches of recordings that they were cut from."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skaug import SubjectWindower, SynthefyAugmenter, Windows


def table_of(lengths: dict[str, list[int]], seed: int = 0) -> pd.DataFrame:
    """Return recordings of random numbers: of each subject, some of given lengths."""
    rng = np.random.default_rng(seed)
    parts = [
        pd.DataFrame(
            {
                "subject": subject,
                "recording": number,
                "a": rng.normal(size=n),
                "b": rng.normal(size=n),
                "rate": 60 + rng.normal(size=n).cumsum(),
            }
        )
        for subject, sizes in lengths.items()
        for number, n in enumerate(sizes)
    ]
    return pd.concat(parts, ignore_index=True)


def windower(**changed: object) -> SubjectWindower:
    parameters = {
        "window_size": 10,
        "features": ["a", "b"],
        "target": "rate",
        "boundaries": ["recording"],
    }
    return SubjectWindower(**(parameters | changed))


@settings(deadline=None, max_examples=60)
@given(
    lengths=st.lists(st.lists(st.integers(10, 60), min_size=1, max_size=3), min_size=1, max_size=3),
    size=st.integers(2, 10),
    stride=st.integers(1, 12),
    data=st.data(),
)
def test_stretches_hold_the_rows_that_windows_were_cut_from(
    lengths: list[list[int]], size: int, stride: int, data: st.DataObject
) -> None:
    table = table_of({f"S{i}": sizes for i, sizes in enumerate(lengths)})
    windows = windower(window_size=size, stride=stride).fit_transform(table)
    chosen = data.draw(st.lists(st.integers(0, len(windows) - 1), min_size=1))
    windows = windows[np.array(chosen)]
    found = windows.recordings()
    rows = windows.provenance.rows.indices()
    covered = np.unique(rows)
    recording = table.groupby(["subject", "recording"], sort=False).ngroup().to_numpy()
    begins = np.ones(len(covered), dtype=bool)
    begins[1:] = (np.diff(covered) > 1) | (np.diff(recording[covered]) != 0)
    np.testing.assert_array_equal(found.signals, table[["a", "b"]].to_numpy()[covered])
    np.testing.assert_allclose(found.labels, table["rate"].to_numpy()[covered])
    np.testing.assert_array_equal(found.firsts, np.append(np.flatnonzero(begins), len(covered)))
    np.testing.assert_array_equal(
        found.signals[found.starts[:, None] + np.arange(size)], windows.to_numpy()
    )
    first, last = found.limits()
    assert (first <= found.starts).all()
    assert (found.starts + size - 1 <= last).all()


def test_adjacent_windows_are_stitched_and_boundaries_are_not() -> None:
    windows = windower().fit_transform(table_of({"A": [30, 25], "B": [20]}))
    assert windows.recordings().firsts.tolist() == [0, 30, 50, 70]
    assert windows.provenance.recording.tolist() == [0, 0, 0, 1, 1, 0, 0]


def test_a_gap_in_time_ends_a_stretch() -> None:
    table = table_of({"A": [40]})
    table["t"] = np.arange(40.0) + 5 * (np.arange(40) >= 20)
    windows = windower(time="t", max_gap=2).fit_transform(table)
    assert windows.recordings().firsts.tolist() == [0, 20, 40]


def test_rows_of_a_window_that_was_left_out_are_not_covered() -> None:
    table = table_of({"A": [40]})
    table.loc[15, "a"] = np.nan
    windows = windower(missing="drop").fit_transform(table)
    assert windows.recordings().firsts.tolist() == [0, 10, 30]
    assert np.isfinite(windows.recordings().signals).all()


def test_pickled_and_shuffled_windows_have_the_same_stretches() -> None:
    windows = windower(stride=3).fit_transform(table_of({"A": [40, 40], "B": [30]}))
    order = np.random.default_rng(0).permutation(len(windows))
    expected, found = windows.recordings(), pickle.loads(pickle.dumps(windows[order])).recordings()
    np.testing.assert_array_equal(found.signals, expected.signals)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.starts, expected.starts[order])


def test_other_labels_are_interpolated_between_the_centers_of_windows() -> None:
    windows = windower().fit_transform(table_of({"A": [30], "B": [10]}))
    labels = windows.relabel([10, 20, 40, 70]).recordings().labels
    centers = [4.5, 14.5, 24.5]
    np.testing.assert_allclose(labels[:30], np.interp(np.arange(30), centers, [10, 20, 40]))
    np.testing.assert_allclose(labels[30:], 70)


@pytest.mark.parametrize("how", ["median", "center"])
def test_labels_that_are_not_means_are_interpolated(how: str) -> None:
    windows = windower(target_agg=how).fit_transform(table_of({"A": [30]}))
    labels = windows.recordings().labels
    np.testing.assert_allclose(labels[[0, -1]], windows.y[[0, -1]])


def test_labels_that_are_not_numbers_have_no_track() -> None:
    table = table_of({"A": [20]}).assign(activity="walking")
    windows = windower(target="activity", target_agg="mode").fit_transform(table)
    assert windows.recordings().labels is None
    assert windower(target=None).fit_transform(table).recordings().labels is None


def test_windows_of_arrays_are_not_stitched() -> None:
    windows = Windows.from_arrays(np.random.default_rng(0).normal(size=(3, 10, 1)), [1.0, 2.0, 4.0])
    assert windows.recordings().firsts.tolist() == [0, 10, 20, 30]
    np.testing.assert_allclose(windows.recordings().labels, np.repeat([1.0, 2.0, 4.0], 10))


def test_samples_that_a_step_replaced_are_not_stitched() -> None:
    windows = windower().fit_transform(table_of({"A": [30]}))
    changed = windows.with_samples(windows.to_numpy() * 2)
    assert len(windows.recordings()) == 1
    assert len(changed.recordings()) == 3


def test_sessions_that_were_cut_one_by_one_are_recordings_of_their_own() -> None:
    sessions = [
        windower(boundaries=()).fit_transform(table_of({"A": [20]}, seed)) for seed in (0, 1)
    ]
    joined = Windows.concatenate(sessions)
    assert joined.provenance.first_row.tolist() == [0, 10, 20, 30]
    assert joined.provenance.recording.tolist() == [0, 0, 1, 1]
    assert joined.recordings().firsts.tolist() == [0, 20, 40]


def test_synthetic_windows_belong_to_no_recording() -> None:
    augmented = SynthefyAugmenter().fit_transform(windower().fit_transform(table_of({"A": [30]})))
    with pytest.raises(ValueError, match=r"3 of the windows are synthetic .*of windows\[~windows"):
        augmented.recordings()
    assert len(augmented[~augmented.is_synthetic].recordings()) == 1


def test_no_windows_have_no_stretches() -> None:
    windows = Windows.from_arrays(np.ones((2, 4, 3)), y=[60.0, 70.0], channels_first=False)[:0]
    stretches = windows.recordings()
    assert len(stretches) == 0
    assert stretches.signals.shape == (0, 3)
    assert stretches.labels is not None
    assert len(stretches.labels) == 0
