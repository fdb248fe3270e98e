"""WESAD: files of its structure, made here, become one table."""

from __future__ import annotations

import math
import os
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal

from skaug import SubjectWindower
from skaug.datasets import load_wesad

SUBJECTS = {"S2": 24, "S10": 16}  # seconds
STATES = [
    "transient",
    "baseline",
    "stress",
    "amusement",
    "meditation",
    "ignore",
    "ignore",
    "ignore",
]


def content(subject="S2", seconds=24):
    """Make what a file of the data set holds, with the types of the published ones."""
    rng = np.random.default_rng(int(subject[1:]))
    n_chest = 700 * seconds
    chest = np.arange(n_chest) / 700
    return {
        "signal": {
            "chest": {
                "ACC": np.tile([0.9554, -0.2220, -0.5580], (n_chest, 1)),
                "ECG": np.sin(2 * np.pi * 1.2 * chest)[:, None],
                "EMG": np.sin(2 * np.pi * 40 * chest)[:, None],
                "EDA": np.full((n_chest, 1), 5.25),
                "Temp": np.full((n_chest, 1), 34.1, dtype=np.float32),
                "Resp": 3 + np.sin(2 * np.pi * 0.25 * chest)[:, None],
            },
            "wrist": {
                "ACC": np.tile([62.0, -21.0, 107.0], (32 * seconds, 1)),
                "BVP": rng.normal(size=(64 * seconds, 1)),
                "EDA": rng.uniform(0.2, 5, size=(4 * seconds, 1)),
                "TEMP": rng.uniform(31, 34, size=(4 * seconds, 1)),
            },
        },
        "label": np.repeat(np.arange(8, dtype=np.int32), n_chest // 8),
        "subject": subject,
    }


def put(folder, subject, file):
    path = folder / "WESAD" / subject / f"{subject}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(file, protocol=2))
    path.with_name(f"{subject}_readme.txt").write_text("### Personal information ###")
    path.with_name(f"{subject}_E4_Data.zip").write_bytes(b"")
    return path


def changed(key, change):
    made = content()
    *way, last = key.split("/")
    place = made
    for part in way:
        place = place[part]
    if change is None:
        del place[last]
    else:
        place[last] = change(place[last])
    return made


@pytest.fixture(scope="module")
def files():
    return {name: content(name, seconds) for name, seconds in SUBJECTS.items()}


@pytest.fixture
def archive(tmp_path, files):
    for name, file in files.items():
        put(tmp_path / "data", name, file)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def table(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("data")
    for name, file in files.items():
        put(folder, name, file)
    return load_wesad(folder)


def of(table, subject):
    return table[table["subject"] == subject].reset_index(drop=True)


def test_the_columns_are_those_of_the_docstring(table):
    assert list(table.columns) == [
        *(
            "BVP",
            "ACC_wrist_idx_0",
            "ACC_wrist_idx_1",
            "ACC_wrist_idx_2",
            "EDA_wrist",
            "TEMP_wrist",
        ),
        *("ACC_chest_idx_0", "ACC_chest_idx_1", "ACC_chest_idx_2", "ECG", "EMG"),
        *("EDA_chest", "TEMP_chest", "RESP_chest", "state", "subject"),
    ]
    assert all(isinstance(table[name].dtype, pd.CategoricalDtype) for name in table.columns[-2:])
    assert all(table[name].dtype == np.float32 for name in table.columns[:-2])
    assert not table.isna().any(axis=None)
    assert table["subject"].value_counts(sort=False).to_dict() == {"S2": 64 * 24, "S10": 64 * 16}


def test_signals_follow_the_rows(table, files):
    one, wrist = of(table, "S2"), files["S2"]["signal"]["wrist"]
    assert_array_equal(one["BVP"], wrist["BVP"][:, 0].astype(np.float32))
    assert_array_equal(one["EDA_wrist"], wrist["EDA"].repeat(16).astype(np.float32))
    assert_array_equal(one["TEMP_wrist"], wrist["TEMP"].repeat(16).astype(np.float32))
    # Published in 1/64 g; resampling does not move offsets.
    acceleration = [f"ACC_wrist_idx_{axis}" for axis in range(3)]
    assert_allclose(one[acceleration], np.tile([62 / 64, -21 / 64, 107 / 64], (len(one), 1)))
    assert_allclose(one[["EDA_chest", "TEMP_chest"]], np.tile([5.25, 34.1], (len(one), 1)))


def test_what_the_rate_cannot_hold_is_removed_from_the_chest(table):
    inside = slice(32, -32)
    time = np.arange(64 * 24) / 64
    one = of(table, "S2")
    assert_allclose(one["ECG"][inside], np.sin(2 * np.pi * 1.2 * time)[inside], atol=0.01)
    assert one["EMG"][inside].abs().max() < 0.01  # 40 Hz would show at 24 Hz


@pytest.mark.parametrize("rate", [64, 10])
def test_rows_hold_the_latest_state(archive, rate):
    one = load_wesad(archive, "S2", rate)
    codes = [math.floor(row / rate * 700) * 8 // (700 * 24) for row in range(24 * rate)]
    assert list(one["state"]) == [STATES[code] for code in codes]
    assert list(one["state"].cat.categories) == list(dict.fromkeys(STATES))


def test_windows_of_one_state_are_cut_as_the_docstring_says(table):
    windower = SubjectWindower(
        64, features=["BVP"], target="state", target_agg="mode", boundaries=["state"]
    )
    windows = windower.fit_transform(table[table["state"].isin(["baseline", "stress"])])
    # An eighth of each recording: 3 s of S2 and 2 s of S10 per state.
    assert pd.Series(windows.y).value_counts().to_dict() == {"baseline": 5, "stress": 5}
    assert pd.Series(windows.groups).value_counts().to_dict() == {"S2": 6, "S10": 4}


def test_a_zip_is_read_where_it_is_and_kept_as_copies(tmp_path, archive, table):
    path = tmp_path / "WESAD.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(archive.rglob("*.*")):
            packed.write(file, file.relative_to(archive).as_posix())
    assert_frame_equal(load_wesad(path), table)
    copies = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*.parquet")}
    folder = "WESAD-skaug-wesad-v1-64hz"
    assert copies == {f"{folder}/S2.parquet", f"{folder}/S10.parquet"}
    assert_frame_equal(load_wesad(path), table)
    assert_frame_equal(load_wesad(path, "S10"), of(table, "S10"), check_categorical=False)


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("signal/chest/Resp", None, "there is no signal/chest/Resp"),
        ("signal/wrist/BVP", lambda bvp: bvp[::2], "lasts 24 s, signal/wrist/BVP only 12 s"),
        ("signal/wrist/ACC", lambda acc: acc[:, :2], r"signal/wrist/ACC has shape \(768, 2\)"),
        (
            "signal/chest/ECG",
            lambda ecg: ecg * np.nan,
            "signal/chest/ECG is NaN or infinite in 16800",
        ),
        ("label", lambda codes: codes[: 700 * 20], "lasts 24 s, label only 20 s"),
        ("label", lambda codes: codes + 1, "label has the code 8, where 0 to 7"),
        ("label", None, "there is no label"),
        ("subject", lambda _: "S3", "subject is 'S3', not 'S2'"),
    ],
)
def test_an_error_names_file_and_key(tmp_path, key, change, words):
    put(tmp_path, "S2", changed(key, change))
    with pytest.raises(ValueError, match=words) as caught:
        load_wesad(tmp_path)
    assert "S2.pkl" in str(caught.value)


def test_a_file_of_ppg_dalia_is_told_where_to_go(tmp_path):
    put(tmp_path, "S2", content() | {"activity": np.zeros((96, 1))})
    with pytest.raises(ValueError, match=r"S2\.pkl.*PPG-DaLiA: read it with load_ppg_dalia"):
        load_wesad(tmp_path)


class Call:
    """An object whose pickle makes a folder when it is read the usual way."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def test_nothing_of_a_malicious_file_runs(tmp_path):
    put(tmp_path, "S2", content() | {"label": Call(tmp_path / "marker")})
    with pytest.raises(ValueError, match=r"S2\.pkl.*\.mkdir, which is refused"):
        load_wesad(tmp_path)
    assert not (tmp_path / "marker").exists()


def test_a_truncated_file_is_reported(tmp_path):
    path = put(tmp_path, "S2", content())
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(
        ValueError, match=r"S2\.pkl': the file cannot be read .* not a file of WESAD"
    ):
        load_wesad(tmp_path)


def test_a_wrong_path_says_what_to_pass(tmp_path, archive):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        load_wesad(tmp_path / "missing.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"no S2/S2\.pkl, .* and so on in .*C57K5T"):
        load_wesad(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"'S12', which is not among .* choose from 'S2', 'S10'"):
        load_wesad(archive, ["S2", "S12"])
