"""Tables that the command line reads: separators, decimals and times."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from skaug import DataWarning
from skaug.cli import main
from skaug.cli.columns import choose_columns, with_index
from skaug.cli.option_types import separator
from skaug.cli.tables import read_table
from skaug.cli.times import set_unit_of_gap
from skaug.tables.times import with_times

#: Numbers that binary fractions hold exactly, so that text loses nothing.
TABLE = pd.DataFrame(
    {
        "subject": ["a", "a", "b", "b"],
        "BVP": [0.5, -1.25, 3.0, 1e-5],
        "heart_rate": [60, 61, 62, 63],
    }
)
COLUMNS: dict[str, Any] = {
    "subject": "subject",
    "target": "heart_rate",
    "time": None,
    "feature": None,
    "boundary": [],
    "strata": [],
    "decimal": ".",
}


@pytest.mark.parametrize(
    ("name", "sep", "decimal", "options"),
    [
        ("a.csv", ",", ".", {}),
        ("a.CSV", ",", ".", {}),
        ("a.csv.gz", ";", ".", {"separator": ";"}),
        ("a.csv", ";", ",", {"separator": ";", "decimal": ","}),
        ("a.csv", "\t", ".", {"separator": "\t"}),
        ("a.tsv", "\t", ".", {}),
        ("a.tsv.gz", "\t", ",", {"decimal": ","}),
        ("a.txt", " ", ".", {"separator": " "}),
        ("a.csv", ",", ",", {"decimal": ","}),  # pandas quotes the numbers
    ],
)
def test_a_text_file_is_read_as_it_was_written(
    tmp_path: Path, name: str, sep: str, decimal: str, options: dict[str, str]
) -> None:
    path = tmp_path / name
    TABLE.to_csv(path, sep=sep, decimal=decimal, index=False)
    pd.testing.assert_frame_equal(read_table(path, **options), TABLE)


@pytest.mark.parametrize(
    ("text", "character"),
    [
        (";", ";"),
        ("tab", "\t"),
        ("TAB", "\t"),
        ("\\t", "\t"),
        ("\t", "\t"),
        ("semicolon", ";"),
        (" ", " "),
    ],
)
def test_a_separator_is_a_character_or_its_name(text: str, character: str) -> None:
    assert separator(text) == character


@pytest.mark.parametrize("text", ["", ";;", "x", "1", '"', "\n"])
def test_no_other_separator_is_accepted(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must be one character"):
        separator(text)


def test_numbers_with_another_decimal_character_are_noticed() -> None:
    table = TABLE.assign(BVP=["0.5", "1.5", "2.5", "3.5"])
    with pytest.raises(ValueError, match=r"'BVP' holds numbers as text, first '0\.5' in row 0"):
        choose_columns(argparse.Namespace(**COLUMNS | {"decimal": ","}), table)
    choose_columns(argparse.Namespace(**COLUMNS | {"feature": ["BVP"]}), TABLE)
    table = TABLE.assign(BVP=["5", "1.234,5", "-2,5", "3,5e-2"])
    with pytest.raises(
        ValueError, match=r"'BVP' holds text with commas, first '1\.234,5' in row 1"
    ):
        choose_columns(argparse.Namespace(**COLUMNS), table)


def test_levels_of_the_index_that_are_needed_become_columns() -> None:
    table = TABLE.assign(session=1, sample=range(4), time=range(4))
    indexed = table.set_index(["subject", "session", "sample", "time"])
    options = argparse.Namespace(**COLUMNS)
    assert set(with_index(options, indexed)) == {"subject", "session", "BVP", "heart_rate"}
    options.time = "time"
    assert "time" in with_index(options, indexed)
    assert with_index(options, table) is table


SECONDS = [0.0, 0.25, 3600.0, 3600.25]


@pytest.mark.parametrize(
    "text",
    [
        [
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00.25",
            "2026-01-31T13:00",
            "2026-01-31T13:00:00.250",
        ],
        [
            "2026-01-31 12:00:00Z",
            " 2026-01-31 12:00:00.25Z",
            "2026-01-31T13Z",
            "20260131T130000.25Z",
        ],
        # The clock goes back when summer ends; the offset says so.
        [
            "2026-10-25T02:30:00+02:00",
            "2026-10-25T02:30:00.25+0200",
            "2026-10-25T02:30:00 +01:00",
            "2026-10-25T02:30:00.25+01",
        ],
        ["0", "0.25", "3600", "3.60025e3"],
    ],
)
@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_text_times_are_parsed(text: list[str], dtype: Any) -> None:
    times = with_times(pd.DataFrame({"t": pd.Series(text, dtype=dtype)}), "t")["t"]
    if pd.api.types.is_datetime64_any_dtype(times):
        times = (times - times[0]).dt.total_seconds()
    assert times.tolist() == SECONDS


def test_times_that_are_missing_stay_missing() -> None:
    times = with_times(pd.DataFrame({"t": ["2026-01-31", None, "2026-02-01"]}), "t")["t"]
    assert times.isna().tolist() == [False, True, False]


def test_other_columns_are_left_as_they_are() -> None:
    table = pd.DataFrame({"t": [0.5], "d": [pd.Timestamp(0)], "x": ["a"]})
    for name in (None, "t", "d", "nowhere"):
        assert with_times(table, name) is table


DAY = "2026-01-31T12:00:00"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            [DAY, DAY, "oops"],
            "'oops' in row 2 (counted from 0), which is not a date and time in ISO",
        ),
        (
            [DAY, "12.5", DAY],
            "'12.5' in row 1 (counted from 0), which is not a date and time in ISO",
        ),
        (
            [DAY, "2026", DAY],
            "'2026' in row 1 (counted from 0), which is not a date and time in ISO",
        ),
        (
            ["31.01.2026 12:00", DAY, DAY],
            "'31.01.2026 12:00' in row 0 (counted from 0), which is not",
        ),
        (["12:00:00", "12:00:01"], "'12:00:00' in row 0 (counted from 0), which is not"),
        (
            ["0.5", "1.0", "oops"],
            "'oops' in row 2 (counted from 0), which is not a number, as most",
        ),
        (["0.5", "1.0", DAY], f"{DAY!r} in row 2 (counted from 0), which is not a number, as most"),
        ([f"{DAY}Z", DAY, f"{DAY}Z"], f"{DAY!r} in row 1 (counted from 0), which has no time zone"),
        (
            [f"{DAY}+01:00", "2026-02-01"],
            "'2026-02-01' in row 1 (counted from 0), which has no time",
        ),
    ],
)
def test_times_that_cannot_be_parsed_are_refused_with_column_and_row(
    text: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match="The time column 't' holds ") as error:
        with_times(pd.DataFrame({"t": text}), "t")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("times", "gap", "expected"),
    [
        (pd.to_datetime(["2026-01-31"]), 2.0, "2s"),
        (pd.to_datetime(["2026-01-31"]), 0.04, "0.04s"),
        (pd.to_datetime(["2026-01-31"]), 1e-5, "0.00001s"),
        (pd.to_datetime(["2026-01-31"]), 600.0, "600s"),
        (pd.to_datetime(["2026-01-31"]), np.inf, np.inf),
        (pd.to_datetime(["2026-01-31"]), "2min", "2min"),
        (pd.to_datetime(["2026-01-31"]), None, None),
        (pd.to_timedelta(["1s"]), 2.0, "2s"),
        ([0.5], 2.0, 2.0),
    ],
)
def test_a_gap_between_dates_and_times_is_in_seconds(times: Any, gap: Any, expected: Any) -> None:
    options = argparse.Namespace(time="t", max_gap=gap)
    set_unit_of_gap(options, pd.DataFrame({"t": times}))
    assert options.max_gap == expected


def test_windows_do_not_cross_gaps_between_text_times(
    tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recordings.csv"
    seconds = recordings.groupby("subject").cumcount() / 32
    times = pd.Timestamp("2026-01-31 12:00") + pd.to_timedelta(
        seconds + 10.0 * (seconds >= 30), unit="s"
    )
    table = recordings[["BVP", "subject", "heart_rate"]].assign(
        when=times.map(pd.Timestamp.isoformat)
    )
    table.to_csv(path, index=False, sep=";", decimal=",")
    arguments = ["compare", str(path), "--target", "heart_rate", "--window-size", "256"]
    arguments += ["--separator", ";", "--decimal", ",", "--time", "when"]
    arguments += ["--protocol", "TRTR", "--model", "neighbors"]
    # Of 60 s there are 7 windows of 8 s; of twice 30 s there are twice 3.
    for gap, n_windows in {"2": 6, "12": 7, "12s": 7, "inf": 7}.items():
        assert main([*arguments, "--max-gap", gap]) == 0
        assert f"{6 * n_windows} windows of 256 samples of BVP from" in capsys.readouterr().out
    with pytest.raises(DataWarning, match="contain a gap"):
        main(arguments)
