"""The display of windows over a recording."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import Ridge

from skaug import PerRecording, SubjectWindower, WindowFlattener, make_pipeline
from skaug.cutting import NoWindowsError
from skaug.evaluation import RecordingDisplay
from skaug.model_selection import SubjectKFold
from skaug.signal import standardize

show = RecordingDisplay.from_recording


@pytest.fixture(autouse=True)
def pyplot() -> Iterator[Any]:
    pyplot = pytest.importorskip("matplotlib.pyplot")
    yield pyplot
    pyplot.close("all")


def make_table() -> pd.DataFrame:
    """Subject A: rows at 0 to 9 s and 15 to 26 s, a second session from 21 s on. Subject B: 8 rows."""
    seconds = [*range(10), *range(15, 27), *range(8)]
    return pd.DataFrame(
        {
            "x": np.arange(30.0) ** 2,
            "subject": ["A"] * 22 + ["B"] * 8,
            "seconds": np.array(seconds, dtype=float),
            "session": [1] * 16 + [2] * 6 + [1] * 8,
            "rate": np.arange(30.0),
        }
    )


def windower(**changed: Any) -> SubjectWindower:
    known: dict[str, Any] = {
        **{"features": ["x"], "target": "rate", "time": "seconds", "max_gap": 2},
        "boundaries": "session",
    }
    return SubjectWindower(4, **(known | changed))


def bars(ax: Any) -> list[tuple[float, float]]:
    """Return the ends of the bars in a panel of windows, from left to right."""
    boxes = [path.vertices[:, 0] for bar in ax.collections for path in bar.get_paths()]
    return sorted((float(box.min()), float(box.max())) for box in boxes)


def test_windows_lie_where_the_windower_cuts_them() -> None:
    table = make_table()
    step = windower().fit(table)
    display = show(step, table)
    # A gap after 10 s, and a session that ends after 6 of 12 rows: 10, 6 and 6 rows, each cut by itself.
    assert bars(display.axes_[1]) == [(0, 4), (4, 8), (15, 19), (21, 25)]
    assert display.windows["label[rate]"].tolist() == step.transform(table).y[:4].tolist()
    segments = np.array(display.axes_[2].collections[0].get_segments())
    assert_array_equal(segments[:, 0], [[0, 1.5], [4, 5.5], [15, 11.5], [21, 17.5]])
    assert_array_equal(segments[:, 1, 0], [4, 8, 19, 25])


def test_every_row_is_drawn_and_those_in_windows_stand_out() -> None:
    table = make_table()
    display = show(windower().fit(table), table)
    lines = display.axes_[0].lines[:6]  # the last line is the end of a session
    everything, used = lines[::2], lines[1::2]
    assert [len(line.get_xdata()) for line in everything] == [10, 6, 6]
    assert_array_equal(np.concatenate([line.get_ydata() for line in everything]), table["x"][:22])
    in_window = ~np.isnan(np.concatenate([line.get_ydata() for line in used]))
    assert np.flatnonzero(~in_window).tolist() == [8, 9, 14, 15, 20, 21]
    track = np.concatenate([line.get_ydata() for line in display.axes_[2].lines[:3]])
    assert_array_equal(track, table["rate"][:22])


def test_each_target_has_a_panel_of_its_own() -> None:
    table = make_table().assign(breath=np.arange(30.0) / 4)
    table.loc[5, "breath"] = np.nan
    display = show(windower(target=["rate", "breath"], missing="drop").fit(table), table)
    assert [ax.get_ylabel() for ax in display.axes_] == ["x", "windows", "rate", "breath"]
    heights = [
        [line[0, 1] for line in ax.collections[0].get_segments()] for ax in display.axes_[2:]
    ]
    assert_array_equal(heights, [[1.5, 11.5, 17.5], np.array([1.5, 11.5, 17.5]) / 4])
    assert display.windows["left_out"].tolist() == ["", "missing values", "", ""]


def test_gaps_are_shaded_and_boundaries_are_lines_with_their_value() -> None:
    table = make_table()
    display = show(windower().fit(table), table)
    assert display.recordings["begins"].tolist() == ["", "gap", "session 2"]
    for ax in display.axes_:
        (span,) = ax.patches
        assert (span.get_x(), span.get_width()) == (10, 5)
        assert ax.lines[-1].get_xdata() == [21, 21]
    assert [text.get_text() for text in display.axes_[0].texts] == ["gap", "session 2"]
    assert display.axes_[0].get_title(loc="left") == "subject A"
    assert display.axes_[-1].get_xlabel() == "seconds"


def test_a_window_with_missing_values_is_left_out_with_the_reason() -> None:
    table = make_table()
    table.loc[5, "x"] = np.nan
    display = show(windower(missing="drop").fit(table), table)
    assert display.windows["left_out"].tolist() == ["", "missing values", "", ""]
    assert display.windows["label[rate]"].isna().tolist() == [False, True, False, False]
    names = [text.get_text() for text in display.axes_[1].get_legend().get_texts()]
    assert names == ["windows (3)", "left out: missing values (1)"]
    assert len(display.axes_[2].collections[0].get_segments()) == 3
    with pytest.raises(ValueError, match="'x' \\(1\\)"):
        show(windower().fit(table), table)


def test_a_window_of_two_classes_is_left_out_as_while_fitting() -> None:
    table = make_table().assign(rate=["sit"] * 6 + ["walk"] * 24)
    step = windower(target_agg="mode", purity=0.8)
    with pytest.warns(UserWarning, match="1 of 6 windows are left out"):
        step.fit_transform(table)
    display = show(step, table)
    assert display.windows["left_out"].tolist() == ["", "no class fills purity=0.8", "", ""]
    ax = display.axes_[2]
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["sit", "walk"]
    assert [line[0, 1] for line in ax.collections[0].get_segments()] == [0, 1, 1]
    assert ax.lines[0].get_ydata().tolist() == [0] * 6 + [1] * 4


def test_a_picture_shows_that_every_window_is_left_out() -> None:
    table = make_table().assign(x=np.nan)
    display = show(windower(missing="drop").fit(table), table)
    assert set(display.windows["left_out"]) == {"missing values"}
    assert display.axes_[2].collections[0].get_segments() == []


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_overlapping_windows_lie_in_lanes_and_do_not_cover_each_other(stride: int) -> None:
    table = make_table()
    display = show(windower(stride=stride).fit(table), table)
    boxes = [
        (path.vertices[:, 1].min(), path.vertices[:, 0].min(), path.vertices[:, 0].max())
        for bar in display.axes_[1].collections
        for path in bar.get_paths()
    ]
    assert len(boxes) == len(display.windows)
    boxes.sort()
    assert all(
        lane != before or start >= end for (before, _, end), (lane, start, _) in pairwise(boxes)
    )
    assert len({lane for lane, _, _ in boxes}) == -(-4 // stride)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_rows_of_a_subject_that_are_not_adjacent_are_gathered(library: str) -> None:
    table = make_table()
    mixed = pd.concat([table[22:26], table[:22], table[26:]])
    X = pl.from_pandas(mixed) if library == "polars" else mixed.reset_index(drop=True)
    display = show(windower().fit(X), X, subject="B")
    assert_array_equal(display.signals["x"], table["x"][22:])
    assert bars(display.axes_[1]) == [(0, 4), (4, 8)]


def test_the_grid_of_the_table_is_drawn() -> None:
    table = make_table()
    step = windower(alignment="table", time=None, max_gap=None, boundaries=())
    display = show(step.fit(table), table, subject="B", sampling_rate=2)
    # Rows 24 to 28 and 28 to 32 of the table: the second would end outside, the first window is row 2 of B.
    assert display.windows["first_row"].tolist() == [2]
    assert bars(display.axes_[1]) == [(1, 3)]
    assert display.axes_[-1].get_xlabel() == "Time (s)"


def test_times_may_be_dates_and_durations() -> None:
    table = make_table()
    since = pd.to_timedelta(table["seconds"], unit="s")
    dates = table.assign(seconds=pd.Timestamp("2026-01-01") + since)
    display = show(windower(max_gap="2s").fit(dates), dates)
    assert display.recordings["start"].iloc[1] == pd.Timestamp("2026-01-01 00:00:15")
    assert len(bars(display.axes_[1])) == 4
    assert display.axes_[-1].get_xlabel() == "seconds"
    display.figure_.canvas.draw()
    zoned = dates.assign(seconds=dates["seconds"].dt.tz_localize("Europe/Berlin"))
    display = show(windower(max_gap="2s").fit(zoned), zoned)
    assert display.recordings["start"].iloc[0] == pd.Timestamp("2025-12-31 23:00")
    assert display.axes_[-1].get_xlabel() == "seconds (UTC)"
    durations = table.assign(seconds=since)
    display = show(windower(max_gap="2s").fit(durations), durations)
    assert display.axes_[-1].get_xlabel() == "seconds (s)"
    assert bars(display.axes_[1]) == [(0, 4), (4, 8), (15, 19), (21, 25)]


def test_times_that_begin_again_are_counted_in_rows() -> None:
    table = make_table()
    table.loc[16:21, "seconds"] = np.arange(6.0)
    display = show(windower().fit(table), table)
    assert display.axes_[-1].get_xlabel() == "Time (samples)"
    assert bars(display.axes_[1])[-1] == (16, 20)


def test_recordings_are_drawn_as_they_reach_the_windower() -> None:
    table = make_table()
    scale = PerRecording(standardize(), ["x"], boundaries="session")
    pipe = make_pipeline(scale, windower(), WindowFlattener(), Ridge()).fit(table)
    drawn = show(pipe, table, subject="A").signals["x"].to_numpy()
    first_session = table["x"][:16]
    expected = (first_session - first_session.mean()) / first_session.std(ddof=0)
    assert_allclose(drawn[:16], expected)


def test_without_a_target_there_is_no_panel_of_labels(pyplot: Any) -> None:
    table = make_table().drop(columns="rate")
    step = windower(target=None).fit(table)
    figure, axes = pyplot.subplots(3)
    display = show(step, table, axes=axes)
    assert len(display.axes_) == 2
    assert display.figure_ is figure
    with pytest.raises(ValueError, match="needs 2 Axes, but axes holds 1"):
        display.plot(axes=axes[0])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"subject": "C"}, "subject='C' is not in the table: its subjects are 'A', 'B'"),
        ({"features": ["y"]}, "must be a list of channels: 'x'"),
        ({"features": "x"}, "must be a list"),
        ({"features": []}, "must be a list"),
        ({"sampling_rate": 0}, "sampling_rate=0 must be a positive number"),
    ],
)
def test_parameters_are_checked(changed: dict, message: str) -> None:
    table = make_table()
    with pytest.raises(ValueError, match=message):
        show(windower().fit(table), table, **changed)


def test_what_cannot_be_drawn_is_refused() -> None:
    table = make_table()
    step = windower().fit(table)
    with pytest.raises(TypeError, match="pass the table"):
        show(step, step.transform(table))
    with pytest.raises(ValueError, match="SubjectKFold has no SubjectWindower"):
        show(SubjectKFold(), table)
    long = windower(boundaries=())
    long.set_params(window_size=10)
    with pytest.raises(NoWindowsError, match=r"No recording of subject B .* the longest has 8"):
        show(long.fit(table), table, subject="B")


def test_without_matplotlib_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "skaug\[plot\]"'):
        show(windower().fit(make_table()), make_table())
