"""Data that probably is not what the caller thinks: what is announced, and where nothing is said."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, train_test_split

from skaug import (
    DataWarning,
    OnlineWindower,
    PerRecording,
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug._warnings import collected, without_repeats
from skaug.evaluation import compare_protocols, learning_curve
from skaug.signal import standardize

SIGNALS = ["BVP", "ECG"]


@pytest.fixture
def table() -> pd.DataFrame:
    """Three subjects of 200 rows, in order, with an index that counts them."""
    noise = np.random.default_rng(0).normal(size=(2, 600))
    subjects = np.repeat(list("ABC"), 200)
    rate = 70 + np.sin(np.arange(600))
    return pd.DataFrame({"BVP": noise[0], "ECG": noise[1], "heart_rate": rate, "subject": subjects})


def cut(table: Any, window_size: int = 10, **parameters: Any) -> Windows:
    parameters = {"features": SIGNALS, "target": "heart_rate"} | parameters
    return SubjectWindower(window_size, **parameters).fit_transform(table)


def augmented_pipeline() -> Any:
    windower = SubjectWindower(10, features=SIGNALS, target="heart_rate")
    return make_pipeline(windower, SynthefyAugmenter(), WindowStatistics(), Ridge())


def with_time(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(seconds=table.groupby("subject").cumcount() / 64)


# Collected ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.slow
def test_a_comparison_shows_the_warnings_of_its_fits_once(n_jobs: int, table: pd.DataFrame) -> None:
    shuffled = table.sample(frac=1.0, random_state=0)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        comparison = compare_protocols(
            augmented_pipeline(), shuffled, n_jobs=n_jobs, progress=False
        )
        curve = learning_curve(
            augmented_pipeline(), shuffled, ratios=(0, 1), n_jobs=n_jobs, progress=False
        )
    messages = [str(w.message) for w in shown if issubclass(w.category, DataWarning)]
    assert len(messages) == 2
    assert all(message.startswith("The rows look shuffled") for message in messages)
    assert [*comparison.details["warnings"], *curve.details["warnings"]] == messages


def test_collected_warnings_follow_the_filters_of_the_caller(table: pd.DataFrame) -> None:
    shuffled = table.sample(frac=1.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DataWarning)
        comparison = compare_protocols(augmented_pipeline(), shuffled, progress=False)
    assert len(comparison.details["warnings"]) == 1


def test_other_warnings_are_not_collected() -> None:
    with collected() as messages:
        for name in "AB":
            warnings.warn(f"row 3 of subject '{name}' begins again", DataWarning, stacklevel=1)
        with pytest.warns(RuntimeWarning, match="other"):
            warnings.warn("other", RuntimeWarning, stacklevel=1)
    assert without_repeats(messages) == ["row 3 of subject 'A' begins again"]


# The order of rows ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shuffle",
    [
        lambda table: table.sample(frac=1.0, random_state=0),
        lambda table: train_test_split(table, random_state=0)[0],
        lambda table: table.set_index(pd.date_range("2026-01-01", periods=600, freq="s")).sample(
            frac=1.0, random_state=0
        ),
        lambda table: table[::-1],
    ],
)
def test_shuffled_rows_are_noticed(shuffle: Callable, table: pd.DataFrame) -> None:
    with pytest.warns(DataWarning, match=r"The rows look shuffled.*time.*reset_index"):
        cut(shuffle(table))


def test_the_place_where_a_recording_begins_again_is_named(table: pd.DataFrame) -> None:
    sessions = [
        part.reset_index(drop=True).assign(subject="A") for _, part in table.groupby("subject")
    ]
    joined = pd.concat(sessions)
    with pytest.warns(DataWarning, match="row 200 of subject 'A' begins again.*boundaries"):
        cut(joined)
    named = joined.assign(session=np.repeat([1, 2, 3], 200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut(named, boundaries="session")


@pytest.mark.parametrize(
    "arrange",
    [
        lambda table: table,
        lambda table: table.reset_index(drop=True),
        lambda table: pd.concat([p.reset_index(drop=True) for _, p in table.groupby("subject")]),
        lambda table: with_time(table).sort_values(["seconds", "subject"]),
        lambda table: (
            with_time(table).sample(frac=1.0, random_state=0).sort_values(["subject", "seconds"])
        ),
        lambda table: table.sample(frac=1.0, random_state=0).set_axis(
            [f"row{i}" for i in range(600)]
        ),
        lambda table: table.sample(frac=1.0, random_state=0).reset_index(drop=True),
        lambda table: table.iloc[next(KFold(3, shuffle=True, random_state=0).split(table))[0]],
        lambda table: table.iloc[:0:-1].sort_index(),
    ],
)
def test_nothing_is_said_of_rows_in_order(arrange: Callable, table: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        windows = cut(arrange(table))
    assert set(windows.groups) == {"A", "B", "C"}


def test_where_time_is_named_disorder_is_an_error_and_the_index_is_not_read(
    table: pd.DataFrame,
) -> None:
    timed = with_time(table)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut(timed.set_axis(range(600, 0, -1)), time="seconds")
    with pytest.raises(ValueError, match=r"The time 'seconds' of subject .* goes back"):
        cut(timed.sample(frac=1.0, random_state=0), time="seconds")


# Recordings, holes and gaps ---------------------------------------------------------------------


def test_recordings_without_a_window_are_counted_and_the_first_is_named(
    table: pd.DataFrame,
) -> None:
    short = table.drop(index=range(205, 400))
    message = r"1 of 3 recordings.*no window of 10 rows: the first \(subject 'B'\) has 5 rows, from row 200"
    with pytest.warns(DataWarning, match=message):
        cut(short)
    with pytest.warns(DataWarning, match=message):
        SubjectWindower(10, features=SIGNALS).fit(table).transform(short)


@pytest.mark.parametrize("name", ["session", "Recording"])
def test_a_session_that_changes_within_a_subject_is_noticed(name: str, table: pd.DataFrame) -> None:
    sessions = table.assign(**{name: np.repeat([1, 2, 3, 4], 150)})
    message = rf"'{name}' changes within subject 'A', first in row 150.*boundaries=\['{name}'\]"
    with pytest.warns(DataWarning, match=message):
        cut(sessions)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cut(sessions, boundaries=name)
        cut(table.assign(**{name: np.repeat([1, 2, 3], 200)}))


def test_pieces_between_gaps_count_to_their_recording(table: pd.DataFrame) -> None:
    timed = with_time(table)
    timed.loc[3:, "seconds"] += 100.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        windows = cut(timed, time="seconds", max_gap=1)
    assert np.unique(windows.groups, return_counts=True)[1].tolist() == [19, 20, 20]


def test_infinite_samples_are_treated_as_missing(table: pd.DataFrame) -> None:
    table.loc[7, "BVP"] = np.inf
    table.loc[25, "ECG"] = -np.inf
    with pytest.raises(ValueError, match=r"infinite in 'BVP' \(1\), 'ECG' \(1\), of subject 'A'"):
        cut(table)
    assert len(cut(table, missing="drop")) == 58
    filled = cut(table, missing="ffill")
    assert filled.to_numpy()[0, 7, 0] == table.loc[6, "BVP"]
    assert np.isinf(cut(table, missing="keep").to_numpy()).sum() == 2


def test_holes_as_long_as_a_window_are_not_filled(table: pd.DataFrame) -> None:
    shorter, longer = table.copy(), table.copy()
    shorter.loc[15:23, "BVP"] = np.nan  # nine rows
    longer.loc[15:24, "BVP"] = np.nan  # ten
    filled = cut(shorter, missing="ffill")
    assert len(filled) == 60
    assert_array_equal(filled.to_numpy()[1, 5:, 0], np.full(5, table.loc[14, "BVP"]))
    with pytest.warns(DataWarning, match="2 windows are left out.*for 10 rows or more"):
        left = cut(longer, missing="ffill")
    assert len(left) == 58


@pytest.mark.parametrize("unit", ["seconds", "clock"])
def test_a_gap_within_a_window_is_noticed_unless_max_gap_says_it_does_not_matter(
    unit: str, table: pd.DataFrame
) -> None:
    timed = with_time(table)
    timed.loc[205:, "seconds"] += 1.0
    if unit == "clock":
        timed["seconds"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(timed["seconds"], unit="s")
    message = r"1 windows contain a gap in 'seconds'.*\(subject 'B'\) before row 205\. Pass max_gap"
    with pytest.warns(DataWarning, match=message):
        cut(timed, time="seconds")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(cut(timed, time="seconds", max_gap=np.inf)) == 60
        assert len(cut(timed, time="seconds", max_gap="0.5s" if unit == "clock" else 0.5)) == 59


def two_devices(table: pd.DataFrame) -> pd.DataFrame:
    """Rows at the same times of two devices, in the order of time."""
    both = [with_time(table).assign(device=name) for name in ("left", "right")]
    return pd.concat(both).sort_values(["subject", "seconds"], ignore_index=True)


@pytest.mark.parametrize("device", ["text", "number"])
def test_devices_that_take_turns_are_noticed_by_their_repeated_times(
    device: str, table: pd.DataFrame
) -> None:
    turns = two_devices(table)
    if device == "number":
        turns["device"] = (turns["device"] == "right").astype(float)
    message = (
        r"In 3 of 3 recordings .* 'seconds', but another 'device': 200 of 400 rows of the first "
        r"\(subject 'A'\).*boundaries=\['device'\]"
    )
    for cut_or_step in (
        lambda: cut(turns, time="seconds"),
        lambda: PerRecording(standardize(), SIGNALS, time="seconds").fit(turns),
    ):
        with pytest.warns(DataWarning, match=message):
            cut_or_step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        in_order = turns.sort_values(["subject", "device", "seconds"], ignore_index=True)
        assert len(cut(in_order, time="seconds", boundaries="device")) == 2 * 3 * 20
        assert len(cut(turns[turns["device"] == turns["device"][0]], time="seconds")) == 3 * 20


def test_rows_that_are_copies_are_noticed(table: pd.DataFrame) -> None:
    timed = with_time(table)
    copied = timed.loc[timed.index.repeat(1 + (timed.index % 5 == 0))].reset_index(drop=True)
    message = (
        r"In 3 of 3 .* copies .* 'seconds' included: 40 of 240 rows of the first \(subject 'A'\)"
    )
    with pytest.warns(DataWarning, match=message):
        cut(copied, time="seconds")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(cut(copied.drop_duplicates(), time="seconds")) == 60
        still = copied.assign(BVP=1.0, ECG=2.0, heart_rate=70.0)  # a copy says nothing there
        assert len(cut(still, time="seconds")) == 72


@pytest.mark.parametrize(
    "times",
    [
        lambda seconds: np.floor(seconds),  # 64 rows have the same
        lambda seconds: np.floor(16 * seconds) / 16,  # four rows, as of 4 Hz with times in seconds
        lambda seconds: np.round(seconds, 2),
        lambda seconds: np.where(np.arange(len(seconds)) % 20 == 1, seconds - 1 / 64, seconds),
        lambda seconds: seconds * 0,
    ],
    ids=["seconds", "four rows", "two decimals", "one in twenty", "constant"],
)
def test_nothing_is_said_of_rounded_times_and_of_single_copies(
    times: Callable, table: pd.DataFrame
) -> None:
    timed = with_time(table).assign(activity=np.repeat(["rest", "walk"] * 15, 20), row=range(600))
    timed["seconds"] = times(timed["seconds"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(cut(timed, time="seconds")) == 60
        lists = timed.assign(annotations=[[]] * 600)  # which cannot be compared
        PerRecording(standardize(), SIGNALS, time="seconds").fit(lists)


@pytest.mark.parametrize(("unit", "max_gap"), [("seconds", 0.01), ("clock", "10ms")])
def test_a_gap_that_is_shorter_than_the_usual_step_is_refused(
    unit: str, max_gap: Any, table: pd.DataFrame
) -> None:
    """Rows are 1/64 s apart."""
    timed = with_time(table)
    if unit == "clock":
        timed["seconds"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(timed["seconds"], unit="s")
    usual = "'0.015625s'" if unit == "clock" else "0.015625"
    message = rf"max_gap={max_gap!r} is shorter than the usual step of 'seconds', which is {usual}"
    windower = SubjectWindower(10, features=SIGNALS, time="seconds", max_gap=max_gap).fit(timed)
    for refused in (
        windower.transform,
        windower.cutting_.labels,
        windower.cutting_.count,
        PerRecording(standardize(), SIGNALS, time="seconds", max_gap=max_gap).fit,
    ):
        with pytest.raises(ValueError, match=message):
            refused(timed)
    few = timed.iloc[:6]
    short = clone(windower).set_params(window_size=1)
    assert len(short.fit_transform(few)) == 6  # of six rows no step is usual


def test_a_gap_is_compared_with_the_steps_of_rounded_times_too(table: pd.DataFrame) -> None:
    rounded = with_time(table).assign(seconds=np.arange(600) // 20)
    with pytest.raises(ValueError, match="the usual step of 'seconds', which is 1,"):
        cut(rounded, time="seconds", max_gap=0.5)
    assert len(cut(rounded, time="seconds", max_gap=1)) == 60


def test_rows_that_arrive_are_never_refused_for_their_gaps(table: pd.DataFrame) -> None:
    timed = with_time(table)
    windower = SubjectWindower(2, features=SIGNALS, target="heart_rate", time="seconds", max_gap=1)
    online = OnlineWindower(make_pipeline(windower, WindowStatistics(), Ridge()).fit(timed))
    late = timed[timed["subject"] == "A"].assign(subject="D", seconds=2.0 * np.arange(200))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(online.push(late)) == 0


def test_a_warning_points_at_the_line_of_the_caller(table: pd.DataFrame) -> None:
    with pytest.warns(DataWarning) as caught:
        cut(table[::-1])
    assert caught[0].filename == __file__


# Arrays of windows ------------------------------------------------------------------------------


def test_axes_that_seem_swapped_are_noticed() -> None:
    X = np.random.default_rng(0).normal(size=(6, 3, 20))
    with pytest.warns(DataWarning, match="20 features of 3 samples each.*channels_first=True"):
        as_it_is = Windows.from_arrays(X)
    assert as_it_is.shape == (6, 3, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        turned = Windows.from_arrays(X, channels_first=True)
        assert_array_equal(turned.to_numpy(), X.transpose(0, 2, 1))
        assert Windows.from_arrays(X, channels_first=False).shape == (6, 3, 20)
        Windows.from_arrays(X.transpose(0, 2, 1))
        Windows.from_arrays(np.zeros((2, 4, 4)))


def test_arrays_that_are_passed_to_pipelines_are_looked_at_too() -> None:
    X, y = np.random.default_rng(0).normal(size=(6, 8, 20)), np.arange(6.0)
    pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge())
    with pytest.warns(DataWarning, match="channels_first"):
        pipe.fit(X, y)


def test_windows_of_many_channels_that_were_cut_are_right(table: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        windows = cut(
            table.assign(**{f"c{i}": table["BVP"] * i for i in range(9)}),
            4,
            features=[f"c{i}" for i in range(9)],
        )
        pipe = make_pipeline(SynthefyAugmenter(), WindowStatistics(), Ridge()).fit(windows)
    assert windows.shape[1:] == (4, 9)
    assert pipe.predict(windows).shape == (len(windows),)


def test_windows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length or in the number of channels"):
        Windows.from_arrays([np.zeros((4, 1)), np.zeros((5, 1))])


# Sessions that were cut one by one --------------------------------------------------------------


def session(seed: int, n: int = 4, groups: Any = "AABB") -> Windows:
    X = np.random.default_rng(seed).normal(size=(n, 8, 1))
    y = seed * 10 + np.arange(n)
    return Windows.from_arrays(X, y=y, groups=None if groups is None else list(groups))


@pytest.mark.parametrize("groups", ["AABB", None])
def test_sessions_that_are_joined_count_on(groups: Any) -> None:
    joined = Windows.concatenate([session(seed, groups=groups) for seed in (0, 1, 2)])
    first_rows = joined.origins["first_row"].tolist()
    if groups is None:
        assert first_rows == list(range(0, 96, 8))
    else:
        assert first_rows == [0, 8, 0, 8, 16, 24, 16, 24, 32, 40, 32, 40]
    synthetic = SynthefyAugmenter().fit(joined).synthetic_windows_
    assert sorted(synthetic.y) == sorted(joined.y), "each window is a condition"


def test_synthetic_windows_count_on_with_their_session() -> None:
    one, two = (SynthefyAugmenter().fit_transform(session(seed)) for seed in (0, 1))
    joined = Windows.concatenate([one, two])
    assert joined[joined.is_synthetic].origins["first_row"].tolist()[4:] == [
        row + 16 for row in two[two.is_synthetic].origins["first_row"]
    ]


def test_parts_of_the_same_windows_keep_their_origins() -> None:
    whole = session(0)
    augmented = SynthefyAugmenter().fit_transform(whole)
    halves = Windows.concatenate([whole[:2], whole[2:]])
    assert_array_equal(halves.origins["first_row"], whole.origins["first_row"])
    assert joblib.hash(halves) == joblib.hash(whole)
    bootstrap = Windows.concatenate([whole[[0, 0, 1]], whole[[1, 3]]])
    assert_array_equal(bootstrap.origins["first_row"], [0, 0, 8, 8, 8])
    again = Windows.concatenate([whole, augmented[augmented.is_synthetic]])
    assert_array_equal(again.origins["first_row"], augmented.origins["first_row"])


def test_missing_samples_do_not_make_another_session() -> None:
    X = np.zeros((2, 4, 1))
    X[0, 1] = np.nan
    windows = Windows.from_arrays(X)
    copied = Windows.from_arrays(X.copy())
    joined = Windows.concatenate([windows, copied])
    assert joined.origins["first_row"].tolist() == [0, 4, 0, 4]
