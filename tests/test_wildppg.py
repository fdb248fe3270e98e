"""WildPPG: files of its structure, made here, become one table."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.io import savemat

from skaug import SubjectWindower
from skaug.datasets import load_wildppg, simulate_ppg

FIELDS = ["ppg_g", "ppg_ir", "ppg_r", "acc_x", "acc_y", "acc_z"]
SECONDS = 61
WRIST = [
    *("PPG_green_wrist", "PPG_infrared_wrist", "PPG_red_wrist"),
    *("ACC_wrist_idx_0", "ACC_wrist_idx_1", "ACC_wrist_idx_2", "TEMP_wrist", "altitude_wrist"),
]


def signal(values, hertz):
    return {"v": values[None, :], "fs": hertz}


def content(subject="e61"):
    """Make what a file holds; temperature and altitude end a few seconds early, as in one published."""
    seed = sum(map(ord, subject))
    rng = np.random.default_rng(seed)
    made = {"id": subject, "notes": ""}
    for place in ("sternum", "head", "wrist", "ankle"):
        made[place] = {
            name: signal(rng.integers(0, 2**19, SECONDS * 128).astype(float), 128.0)
            for name in FIELDS
        }
        for name in ("altitude", "temperature"):
            made[place][name] = signal(rng.uniform(10, 30, SECONDS // 2 - 2), 0.5)
    ecg = simulate_ppg(1, 1.1, sampling_rate=128, random_state=seed)["ECG"].to_numpy()
    made["sternum"]["ecg"] = signal(ecg[: SECONDS * 128], 128.0)
    return made


def put(folder, subject, file):
    path = folder / f"WildPPG_Part_{subject}.mat"
    savemat(path, file, do_compression=True)
    return path


@pytest.fixture(scope="module")
def files():
    return {name: content(name) for name in ("e61", "an0")}


@pytest.fixture
def folder(tmp_path, files):
    (tmp_path / "data").mkdir()
    for name, file in files.items():
        put(tmp_path / "data", name, file)
    return tmp_path / "data"


@pytest.fixture(scope="module")
def table(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("data")
    for name, file in files.items():
        put(folder, name, file)
    return load_wildppg(folder)


def of(table, subject):
    return table[table["subject"] == subject].reset_index(drop=True)


def test_the_columns_are_those_of_the_docstring(table):
    assert list(table.columns) == [*WRIST, "ECG", "heart_rate", "subject"]
    assert isinstance(table["subject"].dtype, pd.CategoricalDtype)
    assert all(table[name].dtype == np.float32 for name in table.columns[:-1])
    # 28 slow samples last 56 s, in which windows of 8 s begin at 0, 2, ..., 48 s.
    assert table["subject"].value_counts(sort=False).to_dict() == {"an0": 56 * 128, "e61": 56 * 128}


def test_signals_are_those_of_the_files_and_slow_ones_are_held(table, files):
    one, wrist = of(table, "e61"), files["e61"]["wrist"]
    for column, name in zip(WRIST[:6], FIELDS, strict=True):
        assert_array_equal(one[column], wrist[name]["v"][0, : 56 * 128])
    for column, name in [("TEMP_wrist", "temperature"), ("altitude_wrist", "altitude")]:
        assert_array_equal(one[column], wrist[name]["v"][0].astype(np.float32).repeat(256))
    ecg = files["e61"]["sternum"]["ecg"]["v"][0, : 56 * 128]
    assert_array_equal(one["ECG"], ecg.astype(np.float32))


def test_the_heart_rate_is_that_of_the_ecg(table):
    truth = simulate_ppg(1, 1.1, sampling_rate=128, random_state=sum(map(ord, "e61")))
    rates = of(table, "e61")["heart_rate"]
    # See test_electrocardiogram.py for closer tests.
    assert rates.to_numpy() == pytest.approx(truth["heart_rate"][: len(rates)], abs=2)
    windower = SubjectWindower(
        1024, stride=256, features=WRIST, target="heart_rate", target_agg="center"
    )
    windows = windower.fit_transform(table)
    assert len(windows) == 2 * 25
    assert (np.diff(of(table, "e61")["heart_rate"]) != 0).sum() <= 24  # one label per 2 s


def test_further_locations_are_further_columns(folder, table, files):
    both = load_wildppg(folder, "e61", locations=["wrist", "ankle"])
    assert both.shape[1] == 3 + 8 * 2
    assert_frame_equal(both[[*WRIST, "ECG"]], of(table, "e61")[[*WRIST, "ECG"]])
    expected = files["e61"]["ankle"]["ppg_r"]["v"][0, : len(both)]
    assert_array_equal(both["PPG_red_ankle"], expected)
    for wrong in ("hip", ["wrist", "hip"], []):
        with pytest.raises(
            ValueError, match=r"'hip', which is unknown|none.* sternum, head, wrist"
        ):
            load_wildppg(folder, locations=wrong)


def test_a_stretch_that_was_not_recorded_is_missing(tmp_path):
    n_samples = 2240 * 128
    file = content("an0")
    for place in ("sternum", "ankle"):
        for name, each in file[place].items():
            hertz = each["fs"]
            file[place][name] = signal(np.ones(int(n_samples * hertz / 128)), hertz)
    put(tmp_path, "an0", file)
    one = load_wildppg(tmp_path, locations="ankle")
    missing = one.filter(like="ankle").isna()
    # From the authors' analysis: 14.5 s after 37 minutes.
    assert missing[284_543:286_400].all(axis=None)
    assert missing.sum().sum() == (286_400 - 284_543) * 8
    assert not one["ECG"].isna().any()


def test_a_zip_is_read_where_it_is_and_kept_as_copies(tmp_path, folder, table):
    path = tmp_path / "WildPPG.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in folder.glob("*.mat"):
            packed.write(file, f"data/{file.name}")
    assert_frame_equal(load_wildppg(path), table)
    copies = {each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("*.parquet")}
    name = "WildPPG-skaug-wildppg-v1-wrist"
    assert copies == {f"{name}/an0.parquet", f"{name}/e61.parquet"}
    assert_frame_equal(load_wildppg(path), table)


def without(file, place, name):
    return file | {place: {key: value for key, value in file[place].items() if key != name}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file | {"id": "an0"}, "id is 'an0', not 'e61'"),
        (lambda file: without(file, "wrist", "acc_y"), "there is no wrist/acc_y with v and fs"),
        (lambda file: without(file, "sternum", "ecg"), "there is no sternum/ecg with v and fs"),
        (lambda file: file | {"wrist": np.zeros(3)}, "there is no wrist/ppg_g with v and fs"),
        (
            lambda file: {key: value for key, value in file.items() if key != "wrist"},
            "cannot be read .*has no variable wrist",
        ),
        (
            lambda file: file | {"wrist": file["wrist"] | {"ppg_g": signal(np.ones(9), 64.0)}},
            "wrist/ppg_g/fs is 64 Hz, where 128 Hz are published",
        ),
        (
            lambda file: file | {"wrist": file["wrist"] | {"ppg_g": signal(np.ones(9), 128.0)}},
            "lasts 61 s, wrist/ppg_g only",
        ),
        (
            lambda file: file | {"wrist": file["wrist"] | {"altitude": signal(np.ones(9), 0.0)}},
            "wrist/altitude/fs is .* not a sampling rate",
        ),
        (
            lambda file: file | {"wrist": file["wrist"] | {"acc_x": {"v": "text", "fs": 128.0}}},
            r"wrist/acc_x/v has shape \(1,\) of <U4, not numbers",
        ),
    ],
)
def test_an_error_names_file_and_place(tmp_path, change, words):
    put(tmp_path, "e61", change(content()))
    with pytest.raises(ValueError, match=words) as caught:
        load_wildppg(tmp_path)
    assert "WildPPG_Part_e61.mat" in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.01, 0.2, 0.5, 0.7])
def test_a_truncated_file_is_reported(tmp_path, share):
    path = put(tmp_path, "e61", content())
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(ValueError, match=r"e61\.mat': the file cannot be read .* of WildPPG"):
        load_wildppg(tmp_path)


def test_a_wrong_path_says_what_to_pass(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        load_wildppg(tmp_path / "missing.zip")
    savemat(tmp_path / "WildPPG.mat", {"data_bpm_values": np.zeros(3)})
    (tmp_path / "windows").mkdir()
    (tmp_path / "WildPPG.mat").rename(tmp_path / "windows" / "WildPPG.mat")
    with pytest.raises(
        ValueError, match=r"no WildPPG_Part_an0\.mat .* \(WildPPG\.mat holds windows"
    ):
        load_wildppg(tmp_path / "windows")
    with pytest.raises(ValueError, match=r"'k2s', which is not among .* choose from 'an0', 'e61'"):
        load_wildppg(folder, "k2s")
