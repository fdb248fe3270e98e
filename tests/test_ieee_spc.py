"""IEEE Signal Processing Cup 2015: files of its structure, made here, become one table."""

from __future__ import annotations

import zipfile

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from scipy.io import savemat

from skaug import SubjectWindower
from skaug.datasets import load_ieee_spc

# Where each recording lies, and how many samples it has; the published ones have 25,754 to 40,803.
RECORDINGS = {
    "Training_data/DATA_02_TYPE02": ("Training_data/DATA_02_TYPE02_BPMtrace", 4_249),
    "Training_data/DATA_10_TYPE02": ("Training_data/DATA_10_TYPE02_BPMtrace", 3_000),
    "Extra_TrainingData/DATA_S04_T01": ("Extra_TrainingData/BPM_S04_T01", 1_000),
    "TestData/TEST_S02_T01": ("TrueBPM/True_S02_T01", 2_000),
    "TestData/TEST_S04_T02": ("TrueBPM/True_S04_T02", 2_111),
}
CHANNELS = ["ECG", "PPG_1", "PPG_2", "ACC_wrist_idx_0", "ACC_wrist_idx_1", "ACC_wrist_idx_2"]


def n_windows(n_samples):
    return (n_samples - 8 * 125) // (2 * 125) + 1


def content():
    """Make what the files hold: the signals of integers and halves, as in the published ones."""
    rng = np.random.default_rng(0)
    made = {}
    for name, (labels, n_samples) in RECORDINGS.items():
        n_channels = 5 if "TEST" in name else 6
        made[name] = {"sig": rng.integers(-2048, 2048, (n_channels, n_samples)) / 2}
        made[labels] = {"BPM0": rng.uniform(60, 180, (n_windows(n_samples), 1))}
    return made


def write(folder, files):
    for name, variables in files.items():
        path = folder / f"{name}.mat"
        path.parent.mkdir(parents=True, exist_ok=True)
        savemat(path, variables, do_compression=True)
    (folder / "Training_data" / "Readme.pdf").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def files():
    return content()


@pytest.fixture
def folder(tmp_path, files):
    return write(tmp_path / "spc", files)


@pytest.fixture(scope="module")
def table(tmp_path_factory, files):
    return load_ieee_spc(write(tmp_path_factory.mktemp("spc"), files))


def of(table, subject, session):
    rows = (table["subject"] == subject) & (table["session"] == session)
    return table[rows].reset_index(drop=True)


def test_recordings_stand_one_below_the_other_by_subject(table):
    assert list(table.columns) == [*CHANNELS, "heart_rate", "subject", "session"]
    runs = table.drop_duplicates(["subject", "session"])[["subject", "session"]]
    assert runs.to_numpy().tolist() == [
        ["02", "TYPE02"],
        ["10", "TYPE02"],
        ["S02", "T01"],
        ["S04", "T01"],
        ["S04", "T02"],
    ]
    assert all(isinstance(table[name].dtype, pd.CategoricalDtype) for name in runs)
    assert all(table[name].dtype == np.float32 for name in CHANNELS)
    assert isinstance(table.index, pd.RangeIndex)


def test_signals_are_those_of_the_files_and_the_test_data_have_no_ecg(table, files):
    run = of(table, "02", "TYPE02")
    expected = files["Training_data/DATA_02_TYPE02"]["sig"]
    assert_array_equal(run[CHANNELS].to_numpy().T, expected[:, : len(run)])
    test = of(table, "S04", "T02")
    assert test["ECG"].isna().all()
    expected = files["TestData/TEST_S04_T02"]["sig"]
    assert_array_equal(test[CHANNELS[1:]].to_numpy().T, expected[:, : len(test)])


def test_a_recording_ends_with_its_last_labeled_window(table):
    for name, (_, n_samples) in RECORDINGS.items():
        subject, session = name.split("_")[-2:]
        assert len(of(table, subject, session)) == 1000 + 250 * (n_windows(n_samples) - 1)


def test_the_labels_of_centered_windows_are_bpm0_exactly(table, files):
    windower = SubjectWindower(
        1000,
        stride=250,
        features=CHANNELS[1:],
        target="heart_rate",
        target_agg="center",
        boundaries=["session"],
    )
    windows = windower.fit_transform(table)
    order = [
        "Training_data/DATA_02_TYPE02_BPMtrace",
        "Training_data/DATA_10_TYPE02_BPMtrace",
        "TrueBPM/True_S02_T01",
        "Extra_TrainingData/BPM_S04_T01",
        "TrueBPM/True_S04_T02",
    ]
    assert_array_equal(windows.y, np.concatenate([files[name]["BPM0"][:, 0] for name in order]))
    counts = pd.Series(windows.groups).value_counts()
    assert counts.to_dict() == {"02": 13, "10": 9, "S02": 5, "S04": 1 + 5}


def test_first_and_last_label_apply_to_the_ends_of_their_windows(table, files):
    rates = files["Training_data/DATA_02_TYPE02_BPMtrace"]["BPM0"][:, 0]
    rows = of(table, "02", "TYPE02")["heart_rate"].to_numpy()
    assert (rows[: 5 * 125] == rates[0]).all()
    assert (rows[5 * 125 : 7 * 125] == rates[1]).all()
    assert (rows[-5 * 125 :] == rates[-1]).all()


def test_a_zip_is_read_where_it_is(tmp_path, folder, table):
    path = tmp_path / "spc.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*.mat")):
            archive.write(file, file.relative_to(folder).as_posix())
    before = set(tmp_path.rglob("*"))
    assert_frame_equal(load_ieee_spc(path), table)
    assert set(tmp_path.rglob("*")) == before


def test_only_the_files_of_the_chosen_subjects_are_read(folder, table):
    (folder / "TestData" / "TEST_S02_T01.mat").write_bytes(b"damaged")
    chosen = load_ieee_spc(folder, subjects=["S04", "02"])
    assert list(chosen["subject"].cat.categories) == ["02", "S04"]
    expected = table[table["subject"].isin(["02", "S04"])].reset_index(drop=True)
    assert_frame_equal(chosen, expected, check_categorical=False)
    with pytest.raises(
        ValueError, match=r"'S01', which is not among.*choose from '02', '10', 'S02', 'S04'"
    ):
        load_ieee_spc(folder, ["S01"])


def test_missing_heart_rates_are_named_with_the_file_to_add(folder):
    (folder / "TrueBPM" / "True_S02_T01.mat").unlink()
    with pytest.raises(ValueError, match=r"no heart rates for .*TEST_S02_T01\.mat.*True_S02_T01"):
        load_ieee_spc(folder)
    for path in folder.rglob("*.mat"):
        if path.name.endswith("BPMtrace.mat") or path.name.startswith(("True", "BPM")):
            path.unlink()
    with pytest.raises(ValueError, match=r"There is no DATA_01_TYPE01_BPMtrace\.mat"):
        load_ieee_spc(folder)


@pytest.mark.parametrize(
    ("name", "variables", "words"),
    [
        ("TestData/TEST_S02_T01", {"sig": np.zeros((4, 2000))}, r"sig has shape \(4, 2000\)"),
        ("TestData/TEST_S02_T01", {"sig": np.zeros((2000, 5))}, r"sig has shape \(2000, 5\)"),
        ("TestData/TEST_S02_T01", {"sig": "text"}, r"sig has shape \(1,\)"),
        ("TestData/TEST_S02_T01", {"ppg": np.zeros((5, 2000))}, "has no variable sig"),
        ("TestData/TEST_S02_T01", {"sig": np.full((5, 2000), np.nan)}, "in 10000 of 10000 values"),
        ("TestData/TEST_S02_T01", {"sig": np.zeros((5, 900))}, "5 values, but .* holds 0 windows"),
        (
            "TrueBPM/True_S02_T01",
            {"BPM0": np.ones((4, 1))},
            "4 values, but .* holds 5 windows of 8",
        ),
        (
            "TrueBPM/True_S02_T01",
            {"BPM0": np.ones((6, 1))},
            "6 values, but .* holds 5 windows of 8",
        ),
        ("TrueBPM/True_S02_T01", {"BPM0": np.array([[1, 2, 3, 4, np.inf]])}, "in 1 of 5 values"),
        ("TrueBPM/True_S02_T01", {"BPM0": np.arange(5.0)[:, None]}, "holds 0, .* not a heart rate"),
        ("TrueBPM/True_S02_T01", {"bpm": np.ones((5, 1))}, "has no variable BPM0"),
    ],
)
def test_an_error_names_the_file_and_what_is_wrong(folder, name, variables, words):
    savemat(folder / f"{name}.mat", variables)
    with pytest.raises(ValueError, match=words) as caught:
        load_ieee_spc(folder)
    assert f"{name.split('/')[1]}.mat" in str(caught.value)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_reported(folder, share):
    path = folder / "TestData" / "TEST_S02_T01.mat"
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(
        ValueError, match=r"TEST_S02_T01\.mat': the file cannot be read .* cut short"
    ):
        load_ieee_spc(folder)


def test_a_file_of_matlab_7_3_is_refused_with_a_remedy(folder):
    header = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM"
    (folder / "TestData" / "TEST_S02_T01.mat").write_bytes(header + b"\x00" * 512)
    with pytest.raises(
        ValueError, match=r"TEST_S02_T01\.mat.*version 7\.3.*save it again with -v7"
    ):
        load_ieee_spc(folder)


def test_a_wrong_folder_says_what_to_pass(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        load_ieee_spc(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"no DATA_01_TYPE01\.mat, TEST_S01_T01\.mat and so on in"):
        load_ieee_spc(tmp_path)


def test_two_files_of_a_recording_are_refused(folder, files):
    write(folder / "again", {"Training_data/DATA_10_TYPE02": files["Training_data/DATA_10_TYPE02"]})
    with pytest.raises(ValueError, match="two files of subject 10, session TYPE02"):
        load_ieee_spc(folder)
