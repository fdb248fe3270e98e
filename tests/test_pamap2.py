"""PAMAP2: files of its structure, made here, become one table."""

from __future__ import annotations

import os
import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from skaug import SubjectWindower
from skaug.datasets import load_pamap2

FILES = {"Protocol/subject101": 900, "Protocol/subject102": 700, "Optional/subject101": 500}
ACTIVITIES = [0, 1, 24, 7]
NAMES = ["transient", "lying", "rope jumping", "Nordic walking"]


def content(name):
    """Make the 54 columns of a file: time, activity, heart rate, and 17 of each sensor."""
    n_rows = FILES[name]
    rng = np.random.default_rng(n_rows)
    values = rng.normal(scale=10, size=(n_rows, 54)).round(5)
    values[rng.random(n_rows) < 0.01, 3:20] = np.nan  # lost by the sensor at the hand
    values[:, 0] = 5.64 + np.arange(n_rows) / 100
    values[:, 1] = np.repeat(ACTIVITIES, -(-n_rows // 4))[:n_rows]
    beats = np.full(n_rows, np.nan)
    beats[5::11] = rng.integers(60, 180, len(beats[5::11]))
    values[:, 2] = beats
    return values


def write(folder, name, values):
    path = folder / "PAMAP2_Dataset" / f"{name}.dat"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        " ".join(
            "NaN" if np.isnan(value) else f"{value:.2f}" if column == 0 else f"{value:g}"
            for column, value in enumerate(row)
        )
        for row in values
    ]
    path.write_text("\n".join(lines) + "\n", newline="\n")
    return path


def pack(folder, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.dat")):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.fixture(scope="module")
def files():
    return {name: content(name) for name in FILES}


@pytest.fixture
def archive(tmp_path, files):
    folder = tmp_path / "archive"
    for name, values in files.items():
        write(folder, name, values)
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("archive")
    for name, values in files.items():
        write(folder, name, values)
    return load_pamap2(folder)


def of(table, subject, session):
    rows = (table["subject"] == subject) & (table["session"] == session)
    return table[rows].reset_index(drop=True)


def test_the_columns_are_those_of_the_sensors_without_orientation(table, files):
    assert table.shape == (sum(FILES.values()), 44)
    run, values = of(table, "102", "Protocol"), files["Protocol/subject102"].astype(np.float32)
    for first, place in ((3, "hand"), (20, "chest"), (37, "ankle")):
        names = [f"TEMP_{place}"] + [
            f"{kind}_{place}_idx_{axis}"
            for kind in ("ACC", "ACC_6g", "GYRO", "MAG")
            for axis in range(3)
        ]
        np.testing.assert_allclose(run[names], values[:, first : first + 13], rtol=1e-4)
        assert all(run[name].dtype == np.float32 for name in names)
    assert_array_equal(run["time"], (5.64 + np.arange(700) / 100).round(2))


def test_recordings_stand_one_below_the_other_by_subject(table):
    runs = table.drop_duplicates(["subject", "session"])[["subject", "session"]]
    assert runs.to_numpy().tolist() == [
        ["101", "Optional"],
        ["101", "Protocol"],
        ["102", "Protocol"],
    ]
    assert all(isinstance(table[name].dtype, pd.CategoricalDtype) for name in runs)


def test_activities_are_named(table, files):
    codes = files["Protocol/subject101"][:, 1]
    names = of(table, "101", "Protocol")["activity"]
    assert isinstance(names.dtype, pd.CategoricalDtype)
    assert len(names.cat.categories) == 19
    assert list(names) == [dict(zip(ACTIVITIES, NAMES, strict=True))[code] for code in codes]


def test_a_heart_rate_holds_until_the_next_but_at_most_a_second(tmp_path):
    values = content("Protocol/subject102")
    values[:, 2] = np.nan
    values[[10, 15, 400], 2] = [80, 90, 100]
    write(tmp_path, "Protocol/subject102", values)
    expected = np.full(700, np.nan)
    expected[10:15], expected[15:115], expected[400:500] = 80, 90, 100
    assert_array_equal(load_pamap2(tmp_path)["heart_rate"], expected)


def test_a_heart_rate_does_not_hold_over_a_gap_in_time(tmp_path):
    values = content("Protocol/subject102")
    values[:, 2] = np.nan
    values[10, 2] = 80
    values[30:, 0] += 0.5  # half a second: 20 rows before, and 30 after the gap
    write(tmp_path, "Protocol/subject102", values)
    assert_array_equal(np.flatnonzero(load_pamap2(tmp_path)["heart_rate"] == 80), np.arange(10, 60))
    values[30:, 0] += 60
    write(tmp_path, "Protocol/subject102", values)
    assert_array_equal(np.flatnonzero(load_pamap2(tmp_path)["heart_rate"] == 80), np.arange(10, 30))


def test_windows_of_one_activity_are_cut_as_the_docstring_says(table):
    windower = SubjectWindower(
        100,
        features=["ACC_chest_idx_0", "ACC_chest_idx_1"],
        target="activity",
        target_agg="mode",
        time="time",
        boundaries=["session", "activity"],
    )
    windows = windower.fit_transform(table[table["activity"] != "transient"])
    # A quarter of each recording is one activity, the last up to three rows shorter.
    counts = pd.Series(windows.y).value_counts()
    assert counts.to_dict() == dict.fromkeys(NAMES[1:], 1 + 2 + 1)
    assert pd.Series(windows.groups).value_counts().to_dict() == {"101": 9, "102": 3}


def test_a_zip_in_a_zip_and_a_folder_inside_are_read_where_they_are(tmp_path, archive, table):
    inner = pack(archive, tmp_path / "PAMAP2_Dataset.zip")
    outer = tmp_path / "pamap2+physical+activity+monitoring.zip"
    with zipfile.ZipFile(outer, "w") as each:
        each.writestr("readme.pdf", b"")
        each.write(inner, "PAMAP2_Dataset.zip")
    assert_frame_equal(load_pamap2(outer), table)
    assert_frame_equal(load_pamap2(inner), table)
    protocol = load_pamap2(archive / "PAMAP2_Dataset" / "Protocol", "101")
    assert list(protocol["session"].unique()) == ["Protocol"]
    assert len(protocol) == FILES["Protocol/subject101"]


def test_the_next_call_reads_the_copy_until_the_file_changes(archive, table, files):
    load_pamap2(archive)
    copies = {each.relative_to(archive).as_posix() for each in archive.rglob("*.parquet")}
    folder = "skaug-pamap2-v2"
    assert copies == {
        f"{folder}/Optional-101.parquet",
        f"{folder}/Protocol-101.parquet",
        f"{folder}/Protocol-102.parquet",
    }
    path = archive / "PAMAP2_Dataset" / "Protocol" / "subject102.dat"
    seen = path.stat()
    path.write_bytes(b"x" * seen.st_size)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert_frame_equal(load_pamap2(archive), table)
    write(archive, "Protocol/subject102", files["Protocol/subject102"][:100])
    assert len(load_pamap2(archive, "102")) == 100


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:-40], r"cannot be read .*Expected 54 columns.* cut short"),
        (lambda text: text.replace(" ", ","), "cannot be read .*Expected 54 columns"),
        (lambda text: "", "cannot be read .*cut short, damaged, or not a file of PAMAP2"),
        (
            lambda text: text.replace("10.14 24 ", "10.14 8 "),
            "activity in line 451 is 8, which is not",
        ),
        (
            lambda text: text.replace("10.14 24 ", "10.14 NaN "),
            "activity in line 451 is nan, which is",
        ),
        (lambda text: text.replace("10.14 24 ", "10.14 jump "), "cannot be read .*jump"),
    ],
)
def test_an_error_names_the_file_and_what_is_wrong(archive, change, words):
    path = archive / "PAMAP2_Dataset" / "Protocol" / "subject101.dat"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=words) as caught:
        load_pamap2(archive)
    assert "subject101.dat" in str(caught.value)


def test_a_wrong_path_says_what_to_pass(tmp_path, archive):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        load_pamap2(tmp_path / "missing.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no Protocol/subject101\.dat .*archive\.ics\.uci\.edu"):
        load_pamap2(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"'103', which is not among .* choose from '101', '102'"):
        load_pamap2(archive, "103")
    for number in (101, [101]):
        with pytest.raises(
            ValueError, match=r"=\[101\] names 101, which .* choose from '101', '102'"
        ):
            load_pamap2(archive, number)
