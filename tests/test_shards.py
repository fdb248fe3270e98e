"""Windows on disk: whole or not at all, and a run that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal

from skaug import SubjectWindower, Windows
from skaug.cli import main

pytest.importorskip("distributed")
dask = pytest.importorskip("dask")

from distributed import Client  # noqa: E402

from skaug.shards import read_manifest, read_shards, write_shards  # noqa: E402

FEATURES = ["BVP", "ECG"]


pytestmark = [
    pytest.mark.usefixtures("cluster"),
    # The fourth recording is too short.
    pytest.mark.filterwarnings("ignore:1 of \\d+ recordings are left out:skaug.DataWarning"),
    pytest.mark.filterwarnings(
        "ignore:.* windows are left out, because no class:skaug.DataWarning"
    ),
]


def recordings_of(lengths: list[int], seed: int = 0) -> pd.DataFrame:
    n = sum(lengths)
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "BVP": rng.normal(size=n),
            "ECG": rng.normal(size=n),
            "activity": rng.choice(["rest", "walk"], n),
            "heart_rate": rng.uniform(50, 150, n),
            "subject": np.repeat([f"S{i + 1}" for i in range(len(lengths))], lengths),
        }
    )


@pytest.fixture(scope="module")
def recordings() -> pd.DataFrame:
    """Twelve subjects; the fourth has fewer rows than a window."""
    return recordings_of([40, 33, 64, 7, 50, 41, 42, 43, 44, 45, 46, 47])


@pytest.fixture
def table(tmp_path: Path, recordings: pd.DataFrame) -> Path:
    """A file a subject."""
    return written(recordings, tmp_path / "table")


def written(recordings: pd.DataFrame, folder: Path) -> Path:
    folder.mkdir()
    for i, (_, rows) in enumerate(recordings.groupby("subject", sort=False)):
        rows.to_parquet(folder / f"part.{i}.parquet", index=False)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "shards"


def windower_of(**parameters: Any) -> SubjectWindower:
    return SubjectWindower(
        **{"window_size": 8, "stride": 4, "features": FEATURES, "target": "heart_rate"} | parameters
    )


def all_of(folder: Path, **options: Any) -> Windows:
    return Windows.concatenate(list(read_shards(folder, **options)))


def assert_same(given: Windows, expected: Windows) -> None:
    assert_array_equal(given.to_numpy(), expected.to_numpy())
    assert given.dtype == expected.dtype
    assert given.feature_names == expected.feature_names
    assert_frame_equal(given.origins, expected.origins)
    assert_array_equal(given.provenance.recording, expected.provenance.recording)
    assert (given.y is None) == (expected.y is None)
    assert given.provenance.target == expected.provenance.target
    if expected.y is not None:
        assert_array_equal(given.y, expected.y)
        assert given.y.dtype == expected.y.dtype


def written_at(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("shard-*.parquet")}


# What is written is what is read


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"stride": None, "dtype": "float32"},
        {"target": None},
        {"target": "activity", "target_agg": "mode"},
        {"target": "activity", "target_agg": "mode", "purity": 0.7},
        {"target": ["heart_rate", "ECG"], "features": ["BVP"]},
        {"target": ["heart_rate", "ECG"], "features": ["BVP"], "missing": "keep"},
        {"target": ["activity", "subject"], "target_agg": "mode"},
        {"target": ["heart_rate"]},
        {"features": None},
        {"missing": "drop"},
        {"missing": "keep"},
        {"last": "align"},
    ],
    ids=str,
)
def test_windows_come_back_as_they_were_cut(
    tmp_path: Path, out: Path, recordings: pd.DataFrame, parameters: dict[str, Any]
) -> None:
    if "missing" in parameters:
        recordings = recordings.copy()
        recordings.loc[[3, 90, 200], "BVP"] = np.nan
        recordings.loc[[5, 100], "ECG"] = np.nan
    table = written(recordings, tmp_path / "table")
    expected = windower_of(**parameters).fit_transform(recordings)
    manifest = write_shards(table, out, windower_of(**parameters))
    assert_same(all_of(out), expected)
    assert manifest == read_manifest(out)
    assert manifest["rows"] == len(recordings)
    assert manifest["windows"] == len(expected)
    assert manifest["parameters"]["window_size"] == 8
    assert {"skaug", "python", "pyarrow"} <= manifest["versions"][0].keys()
    counted = {held["subject"]: held["windows"] for held in manifest["subjects"]}
    assert counted["S4"] == 0
    counted = {name: n_windows for name, n_windows in counted.items() if n_windows}
    assert counted == pd.Series(expected.groups).value_counts().to_dict()


def test_shards_are_plain_parquet_that_other_tools_read(table: Path, out: Path) -> None:
    manifest = write_shards(table, out, windower_of())
    dataset = ds.dataset(sorted(out.glob("shard-*.parquet")), format="parquet")
    assert dataset.count_rows() == manifest["windows"]
    assert dataset.schema.names == ["subject", "first_row", "recording", "y", "BVP", "ECG"]
    assert dataset.schema.field("BVP").type == pa.list_(pa.float64(), 8)


@pytest.mark.parametrize("subjects", [["S1", "S2", "S10"], [1, 2, 10]], ids=["text", "numbers"])
def test_a_dataset_may_be_partitioned_by_folders(
    tmp_path: Path, out: Path, recordings: pd.DataFrame, subjects: list[Any]
) -> None:
    named = {f"S{i}": subject for i, subject in zip([1, 2, 10], subjects, strict=True)}
    recordings = recordings[recordings["subject"].isin(named)]
    recordings = recordings.assign(subject=recordings["subject"].map(named))
    recordings.to_parquet(tmp_path / "table", partition_cols=["subject"])
    write_shards(tmp_path / "table", out, windower_of())
    if subjects == [1, 2, 10]:  # names of folders are read as numbers of 32 bits
        recordings = recordings.astype({"subject": np.int32})
    assert_same(all_of(out), windower_of().fit_transform(recordings))


def test_windows_of_some_subjects_are_read_few_at_a_time(
    table: Path, out: Path, recordings: pd.DataFrame
) -> None:
    write_shards(table, out, windower_of())
    (out / "shard-000004.parquet").unlink()  # of somebody else
    parts = list(read_shards(out, subjects=["S3", "S12"], n_rows=3 * 8))
    assert max(map(len, parts)) == 3
    some = recordings[recordings["subject"].isin(["S3", "S12"])]
    assert_same(Windows.concatenate(parts), windower_of().fit_transform(some))
    with pytest.raises(ValueError, match="no subject 'S99'"):
        all_of(out, subjects=["S1", "S99"])
    with pytest.raises(ValueError, match=re.escape("must be a list: ['S1']")):
        all_of(out, subjects="S1")


# Runs that were stopped


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, recordings: pd.DataFrame) -> None:
    table, out = tmp_path / "table", tmp_path / "shards"
    recordings = recordings_of([20_000] * 24)
    written(recordings, table)
    command = [sys.executable, "-m", "skaug.cli", "windows", str(table), str(out), "--workers", "1"]
    command += ["--feature", "BVP", "--feature", "ECG", "--target", "heart_rate"]
    command += ["--window-size", "8", "--stride", "4"]
    with open(tmp_path / "log", "w") as log:
        run = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        while len(written_at(out)) < 3 and run.poll() is None:
            time.sleep(0.002)
        os.killpg(run.pid, signal.SIGKILL)  # the workers too
        run.wait()
    before = written_at(out)
    assert 3 <= len(before) < 24
    for name in before:  # none is half-written
        assert pq.read_table(out / name).num_rows == 4_999
    with pytest.raises(FileNotFoundError, match="not finished"):
        read_manifest(out)
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        read_manifest(out / "nowhere")
    (out / ".shard-000023.parquet.123.part").write_bytes(b"what the killed run left")
    write_shards(table, out, windower_of())
    after = written_at(out)
    assert len(after) == 24
    assert before == {name: after[name] for name in before}
    assert not list(out.glob(".shard-*"))
    assert_same(all_of(out), windower_of().fit_transform(recordings))


def test_finished_shards_are_kept_and_the_others_made_again(
    table: Path, out: Path, recordings: pd.DataFrame
) -> None:
    write_shards(table, out, windower_of())
    before = written_at(out)
    shards = sorted(out.glob("shard-*.parquet"))
    shards[2].write_bytes(shards[2].read_bytes()[:-20])  # damaged
    shards[5].unlink()
    changed = recordings[recordings["subject"] == "S8"].assign(BVP=1.0)
    changed.to_parquet(table / "part.7.parquet", index=False)
    write_shards(table, out, windower_of())
    after = written_at(out)
    again = {name for name in after if after[name] != before[name]}
    assert again == {shards[i].name for i in (2, 5, 7)}
    expected = recordings.copy()
    expected.loc[expected["subject"] == "S8", "BVP"] = 1.0
    assert_same(all_of(out), windower_of().fit_transform(expected))


def test_a_file_that_cannot_be_cut_is_named_and_the_rest_is_kept(
    table: Path, out: Path, recordings: pd.DataFrame
) -> None:
    good = pq.read_table(table / "part.11.parquet")
    broken = good.to_pandas()
    broken.loc[5, "ECG"] = np.nan
    broken.to_parquet(table / "part.11.parquet", index=False)
    with pytest.raises(
        ValueError, match=r"In 'part.11.parquet': Values are missing or infinite in 'ECG' \(1\)"
    ):
        write_shards(table, out, windower_of())
    assert not (out / "manifest.json").exists()
    kept = written_at(out)
    assert "shard-000011.parquet" not in kept
    pq.write_table(good, table / "part.11.parquet")
    write_shards(table, out, windower_of())
    assert kept.items() <= written_at(out).items()
    assert_same(all_of(out), windower_of().fit_transform(recordings))


def test_a_manifest_never_tells_of_shards_that_are_gone(table: Path, out: Path) -> None:
    write_shards(table, out, windower_of())
    (out / "shard-000000.parquet").unlink()
    (table / "part.0.parquet").write_bytes(b"")
    with pytest.raises(ValueError, match=r"part\.0\.parquet"):
        write_shards(table, out, windower_of())
    rows = pd.read_parquet(table / "part.1.parquet").assign(subject="S1", ECG=np.nan)
    rows.to_parquet(table / "part.0.parquet", index=False)
    with pytest.raises(ValueError, match="Values are missing"):
        write_shards(table, out, windower_of())
    assert not (out / "manifest.json").exists()


# Damage


def flip(path: Path, at: int, mask: int = 255) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= mask
    path.write_bytes(content)


def test_a_flipped_bit_anywhere_in_a_shard_is_noticed(table: Path, out: Path) -> None:
    write_shards(table, out, windower_of())
    shard = out / "shard-000001.parquet"
    size = shard.stat().st_size
    for at in range(0, size, size // 200):
        flip(shard, at, 1 << at % 8)
        with pytest.raises(
            ValueError, match=r"shard-000001\.parquet' is .*run skaug windows again"
        ):
            all_of(out)
        flip(shard, at, 1 << at % 8)
    all_of(out)


def test_pages_carry_checksums_that_other_tools_verify(table: Path, out: Path) -> None:
    write_shards(table, out, windower_of())
    shard = out / "shard-000001.parquet"
    column = pq.read_metadata(shard).row_group(0).column(3)
    flip(shard, column.data_page_offset + column.total_compressed_size - 1)
    with pytest.raises(OSError, match="CRC checksum verification"):
        pq.read_table(shard, page_checksum_verification=True)


def test_shards_that_change_places_are_noticed(table: Path, out: Path) -> None:
    write_shards(table, out, windower_of())
    first, second = out / "shard-000000.parquet", out / "shard-000001.parquet"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"not the shard in the manifest, .* from 'part\.0\.parquet'"
    ):
        all_of(out)


def test_a_shard_that_is_missing_is_named(table: Path, out: Path) -> None:
    write_shards(table, out, windower_of())
    (out / "shard-000001.parquet").unlink()
    with pytest.raises(FileNotFoundError, match=r"no '.*shard-000001\.parquet'.* in the manifest"):
        all_of(out)


@pytest.mark.parametrize("has_manifest", [True, False])
def test_damaged_shards_are_made_again(
    table: Path, out: Path, recordings: pd.DataFrame, has_manifest: bool
) -> None:
    write_shards(table, out, windower_of())
    before = written_at(out)
    shard = out / "shard-000001.parquet"
    column = pq.read_metadata(shard).row_group(0).column(3)
    flip(shard, column.data_page_offset + column.total_compressed_size - 1)
    if has_manifest:
        # In the footer, which has no checksum of its own.
        flip(out / "shard-000002.parquet", -9)
    else:
        (out / "manifest.json").unlink()
    (out / "shard-000003 (copy).parquet").write_bytes(b"of somebody else")
    write_shards(table, out, windower_of())
    again = {name for name, at in before.items() if written_at(out)[name] != at}
    assert again == {f"shard-00000{i}.parquet" for i in ((1, 2) if has_manifest else (1,))}
    assert_same(all_of(out), windower_of().fit_transform(recordings))


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: b"",
        lambda manifest: b"\xff\xfe",
        lambda manifest: b"[" * 100_000,
        lambda manifest: json.dumps(manifest).encode()[:-9],
        lambda manifest: [],
        lambda manifest: None,
        lambda manifest: {},
        lambda manifest: manifest | {"parameters": 3},
        lambda manifest: manifest | {"parameters": manifest["parameters"] | {"window_size": "8"}},
        lambda manifest: manifest | {"parameters": manifest["parameters"] | {"features": None}},
        lambda manifest: manifest | {"subjects": 3},
        lambda manifest: manifest | {"subjects": [{"subject": "S1"}]},
        lambda manifest: manifest | {"shards": manifest["shards"][1:]},
        lambda manifest: manifest | {"shards": [{"file": name} for name in ("a", "b")]},
    ],
)
def test_a_damaged_manifest_is_one_clear_error(table: Path, out: Path, change: Any) -> None:
    write_shards(table, out, windower_of())
    before, whole = written_at(out), read_manifest(out)
    made = change(whole)
    made = made if isinstance(made, bytes) else json.dumps(made).encode()
    (out / "manifest.json").write_bytes(made)
    with pytest.raises(ValueError, match=r"manifest\.json' is damaged: run skaug windows again"):
        all_of(out)
    assert write_shards(table, out, windower_of()) == whole
    assert written_at(out) == before


@pytest.mark.parametrize(
    "name", ["../secret.parquet", "/secret.parquet", "shard-1.parquet", 3, None]
)
def test_a_manifest_names_shards_in_its_folder_only(table: Path, out: Path, name: Any) -> None:
    write_shards(table, out, windower_of())
    manifest = read_manifest(out)
    shard, held = manifest["shards"][0], manifest["subjects"][0]
    manifest["shards"][0], manifest["subjects"][0] = shard | {"file": name}, held | {"file": name}
    (out / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"manifest\.json' is damaged"):
        all_of(out)


def test_shards_of_another_format_are_refused(table: Path, out: Path) -> None:
    write_shards(table, out, windower_of())
    (out / "manifest.json").write_text(json.dumps(read_manifest(out) | {"format": 1}))
    with pytest.raises(
        ValueError, match="are of format 1, but this version of skaug reads format 3"
    ):
        all_of(out)


# What is refused


def test_a_folder_of_other_shards_is_left_alone(
    tmp_path: Path, table: Path, out: Path, recordings: pd.DataFrame
) -> None:
    write_shards(table, out, windower_of())
    before = written_at(out)
    with pytest.raises(ValueError, match="holds shards of stride=4, not 8"):
        write_shards(table, out, windower_of(stride=8))
    other = written(recordings, tmp_path / "other")
    with pytest.raises(ValueError, match="holds shards of table="):
        write_shards(other, out, windower_of())
    (table / "part.11.parquet").unlink()
    with pytest.raises(ValueError, match="holds fewer files now"):
        write_shards(table, out, windower_of())
    assert written_at(out) == before
    strange = tmp_path / "strange"
    strange.mkdir()
    recordings.to_parquet(strange / "shard-000000.parquet")
    with pytest.raises(ValueError, match="not a shard of windows"):
        write_shards(table, strange, windower_of())


def test_a_subject_in_two_files_is_refused_before_anything_is_written(
    table: Path, out: Path, recordings: pd.DataFrame
) -> None:
    recordings[recordings["subject"] == "S2"].to_parquet(table / "part.12.parquet", index=False)
    message = r"'S2' are in 'part.1.parquet' and in 'part.12.parquet'.*Write all rows of a subject"
    with pytest.raises(ValueError, match=message):
        write_shards(table, out, windower_of())
    assert not written_at(out)


def test_two_runs_do_not_write_into_one_folder(table: Path, out: Path) -> None:
    out.mkdir()
    with (
        FileLock(out / ".lock"),
        pytest.raises(ValueError, match="Another run is writing shards into"),
    ):
        write_shards(table, out, windower_of())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"window_size": 65}, "long enough for a window of 65 rows"),
        (
            {"window_size": 30, "target": "activity", "target_agg": "mode", "purity": 1.0},
            "window of 30 rows, with a class that fills purity=1.0 of it: .* or a lower purity",
        ),
        ({"alignment": "table"}, "use alignment='subject'"),
        ({"target_agg": np.mean}, "target_agg must be a name"),
        ({"subject": None, "target": None}, "has 12 parts"),
        ({"features": ["BVP", "y"]}, "no column 'y' for features"),
    ],
)
def test_what_shards_cannot_hold_is_refused(
    table: Path, out: Path, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_shards(table, out, windower_of(**parameters))


def test_a_channel_named_like_a_column_of_shards_is_refused(
    tmp_path: Path, out: Path, recordings: pd.DataFrame
) -> None:
    table = written(recordings.rename(columns={"BVP": "y"}), tmp_path / "table")
    with pytest.raises(ValueError, match="rename the channel"):
        write_shards(table, out, windower_of(features=["y", "ECG"]))


def test_shards_do_not_go_into_the_table(table: Path) -> None:
    for folder in (table, table / "shards"):
        with pytest.raises(ValueError, match="is inside the folder of the table"):
            write_shards(table, folder, windower_of())


def test_a_table_of_one_recording_is_one_file(
    tmp_path: Path, out: Path, recordings: pd.DataFrame
) -> None:
    (tmp_path / "table").mkdir()
    recordings.to_parquet(tmp_path / "table" / "all.parquet", index=False)
    write_shards(tmp_path / "table", out, windower_of(subject=None))
    windows = all_of(out)
    assert windows.groups is None
    assert_same(windows, windower_of(subject=None).fit_transform(recordings))


# From the command line


def test_the_command_cuts_a_folder(
    table: Path,
    out: Path,
    recordings: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    cluster: Client,
) -> None:
    arguments = ["windows", str(table), str(out), "--scheduler", cluster.scheduler.address]
    arguments += ["--feature", "BVP", "--feature", "ECG", "--target", "heart_rate"]
    assert main([*arguments, "--window-size", "8", "--stride", "4", "--dtype", "float32"]) == 0
    expected = windower_of(dtype="float32").fit_transform(recordings)
    assert capsys.readouterr().out.startswith(
        f"{len(expected)} windows of 8 samples of BVP, ECG from 12 subjects, in 12 shards in "
    )
    assert_same(all_of(out), expected)
    assert json.loads((out / "manifest.json").read_text())["windows"] == len(expected)


def test_the_command_chooses_channels_and_boundaries_as_skaug_compare_does(
    table: Path,
    out: Path,
    recordings: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    cluster: Client,
) -> None:
    further = {"session": (recordings.groupby("subject").cumcount() >= 20) * 1, "row": 0.0}
    recordings = recordings.assign(**further)
    written(recordings, table.with_name("sessions"))
    arguments = ["windows", str(table.with_name("sessions")), str(out), "--target", "heart_rate"]
    arguments += ["--window-size", "8", "--scheduler", cluster.scheduler.address]
    assert main(arguments) == 0
    expected = windower_of(stride=None, boundaries=["session"]).fit_transform(recordings)
    shown = capsys.readouterr().out
    assert "A new recording begins where session changes. --boundary none turns" in shown
    assert "Channels: BVP, ECG (numeric columns without another role)." in shown
    assert "not channels: activity (text), row (by its name)." in shown
    assert_same(all_of(out), expected)


def test_times_that_are_text_are_parsed_as_skaug_compare_does(
    tmp_path: Path, out: Path, recordings: pd.DataFrame, cluster: Client
) -> None:
    nth = recordings.groupby("subject").cumcount()
    when = pd.Timestamp("2026-01-31") + pd.to_timedelta(nth * 0.25 + (nth >= 20) * 60, unit="s")
    folder = written(recordings.assign(when=when.map(pd.Timestamp.isoformat)), tmp_path / "text")
    arguments = ["windows", str(folder), str(out), "--target", "heart_rate", "--time", "when"]
    arguments += ["--feature", "BVP", "--feature", "ECG", "--max-gap", "1"]
    arguments += ["--window-size", "8", "--scheduler", cluster.scheduler.address]
    assert main(arguments) == 0
    cut = windower_of(stride=None, time="when", max_gap="1s")
    assert_same(all_of(out), cut.fit_transform(recordings.assign(when=when)))


def test_a_time_that_cannot_be_parsed_is_named_with_its_file(
    tmp_path: Path,
    out: Path,
    recordings: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    cluster: Client,
) -> None:
    folder = written(recordings.assign(when="2026-01-31T12:00:00"), tmp_path / "text")
    path = folder / "part.3.parquet"
    table = pd.read_parquet(path)
    table.loc[table.index[2], "when"] = "noon"
    table.to_parquet(path)
    arguments = ["windows", str(folder), str(out), "--target", "heart_rate", "--time", "when"]
    arguments += ["--window-size", "8", "--scheduler", cluster.scheduler.address]
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "'part.3.parquet': The time column 'when' holds 'noon' in row 2" in told
    assert told.endswith("correct it in the table, or name another column in --time.")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "out"], "There is no folder"),
        (["table/part.0.parquet", "out"], "is a file: pass the folder that contains it"),
        (["empty", "out"], "holds no .parquet file"),
        (["table", "out", "--feature", "ECGG"], "The nearest is 'ECG'"),
        (["table", "out", "--memory", "much"], "memory"),
    ],
)
def test_errors_of_the_command_are_one_line(
    tmp_path: Path,
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["windows", *arguments]) == 2
    told = capsys.readouterr().err
    assert told.startswith("skaug: error: ")
    assert message in told
    assert told.count("\n") == 1


def test_a_worker_that_dies_is_told_of_in_one_line(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # An allowance that a worker has passed before it begins: it is killed over whatever it is given.
    arguments = ["windows", str(table), str(tmp_path / "out"), "--workers", "1"]
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        assert main([*arguments, "--memory", "60MiB"]) == 2
    told = capsys.readouterr().err
    assert "because memory ran out" in told


def test_without_a_client_the_error_says_how_to_start_one(table: Path, out: Path) -> None:
    code = (
        "import sys; from skaug import SubjectWindower; from skaug.shards import write_shards; "
        "write_shards(*sys.argv[1:], SubjectWindower(8, features=['BVP']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(table), str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "client = distributed.Client()" in done.stderr.splitlines()[-1]
