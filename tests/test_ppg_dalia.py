"""PPG-DaLiA: files of its structure, made here, become the published table; others are refused."""

from __future__ import annotations

import math
import os
import pickle
import struct
import tracemalloc
import zipfile
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from skaug.datasets import load_ppg_dalia

GRAVITY = [0.87, -0.08, -0.32]
SUBJECTS = {"S1": 24, "S2": 20, "S10": 21}  # seconds
# The ripple of resample_poly's default filter, a Kaiser window of beta 5, in its pass and stop bands:
# Kaiser's formula beta = 0.1102 (A - 8.7), A in dB.
RIPPLE = 10 ** (-(8.7 + 5 / 0.1102) / 20)


def clock(hertz, seconds):
    return np.arange(int(hertz * seconds)) / hertz


def wave(time, hertz, phase=0.4):
    return np.sin(2 * np.pi * hertz * time + phase)


def content(subject="S1", seconds=20):
    """Make what a file of the archive holds."""
    rng = np.random.default_rng(int(subject[1:]))
    chest, bvp = clock(700, seconds), clock(64, seconds)
    slow = lambda *limits: rng.uniform(*limits, size=(4 * seconds, 1))  # noqa: E731
    return {
        "signal": {
            "chest": {
                "ACC": np.tile(GRAVITY, (len(chest), 1)),
                "ECG": wave(chest, 1.2)[:, None],
                "EMG": wave(chest, 40)[:, None],
                "EDA": np.arange(len(chest), dtype=np.float64)[:, None],
                "Temp": np.full((len(chest), 1), 34.1),
                "Resp": 3 + wave(chest, 0.27)[:, None],
            },
            "wrist": {
                "ACC": np.tile([-49 / 64, -5 / 64, 43 / 64], (32 * seconds, 1)),
                "BVP": 60 * wave(bvp, 1.2)[:, None],
                "EDA": slow(0.2, 5),
                "TEMP": slow(31, 34),
            },
        },
        "label": rng.uniform(50, 120, size=(seconds - 8) // 2 + 1),
        "activity": rng.integers(0, 9, size=(4 * seconds, 1)).astype(np.float64),
        "rpeaks": np.arange(0, 700 * seconds, 583, dtype=np.int32),
        "questionnaire": {
            **{"WEIGHT": 78.0, "Gender": " m", "AGE": 34},
            **{"HEIGHT": 182.0, "SKIN": 3, "SPORT": 6},
        },
        "subject": subject,
    }


def python2_pickle(value, protocol=2):
    """Write what Python 2 would: text as bytes, whole and escaped in protocol 2 and 0."""
    out = [b"\x80\x02" if protocol else b""]

    def name(module, attribute):
        out.append(f"c{module}\n{attribute}\n".encode())

    def write(value):
        if isinstance(value, np.generic):
            name("numpy.core.multiarray", "scalar")
            write((value.dtype, value.tobytes()))
            out.append(b"R")
        elif isinstance(value, dict):
            out.append(b"}" if protocol else b"(d")
            for key, each in value.items():
                write(key)
                write(each)
                out.append(b"s")
        elif isinstance(value, str | bytes):
            raw = value.encode("latin1") if isinstance(value, str) else value
            escaped = b"S" + repr(raw)[1:].encode() + b"\n"
            out.append(b"T" + struct.pack("<i", len(raw)) + raw if protocol else escaped)
        elif isinstance(value, int):
            out.append(b"I%d\n" % value)
        elif isinstance(value, float):
            out.append(b"G" + struct.pack(">d", value) if protocol else b"F%a\n" % value)
        elif value is None:
            out.append(b"N")
        elif isinstance(value, tuple):
            out.append(b"(")
            for each in value:
                write(each)
            out.append(b"t")
        elif isinstance(value, np.dtype):
            name("numpy", "dtype")
            write((value.str[1:], 0, 1))
            out.append(b"R")
            write((3, value.byteorder.replace("=", "<"), None, None, None, -1, -1, 0))
            out.append(b"b")
        elif isinstance(value, np.ndarray):
            name("numpy.core.multiarray", "_reconstruct")
            out.append(b"(")
            name("numpy", "ndarray")
            write((0,))
            write("b")
            out.append(b"tR")
            write((1, value.shape, value.dtype, 0, value.tobytes()))
            out.append(b"b")

    write(value)
    return b"".join([*out, b"."])


def put(folder, subject, raw):
    """Write a file to its place in the archive."""
    path = folder / "PPG_FieldStudy" / subject / f"{subject}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def pack(folder, path, compression=zipfile.ZIP_DEFLATED):
    """Zip a folder."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*.pkl")):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


def damage(parts, value=None):
    """Replace, or without a value remove, what lies at a path of keys."""
    made = content()
    *way, last = parts.split("/")
    place = made
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value(place[last]) if callable(value) else value
    return made


@pytest.fixture(scope="module")
def files():
    return {name: content(name, seconds) for name, seconds in SUBJECTS.items()}


@pytest.fixture(scope="module")
def pickles(files):
    return {name: python2_pickle(file) for name, file in files.items()}


@pytest.fixture
def archive(tmp_path, pickles):
    folder = tmp_path / "archive"
    for name, raw in pickles.items():
        put(folder, name, raw)
    return folder


@pytest.fixture(scope="module")
def table(tmp_path_factory, pickles):
    folder = tmp_path_factory.mktemp("archive")
    for name, raw in pickles.items():
        put(folder, name, raw)
    return load_ppg_dalia(folder)


def of(table, subject="S1"):
    return table[table["subject"] == subject].reset_index(drop=True)


# The table


def test_the_columns_are_those_of_the_published_table(table, published_columns):
    assert list(table.columns) == published_columns
    assert isinstance(table.index, pd.RangeIndex)
    whole = ["AGE", "SKIN", "SPORT"]
    assert all(table[name].dtype == np.int64 for name in whole)
    text = ["Gender", "subject"]
    assert all(pd.api.types.is_string_dtype(table[name].dtype) for name in text)
    numbers = table.columns.difference(whole + text)
    assert all(table[name].dtype == np.float64 for name in numbers)
    assert not table.isna().any(axis=None)


def test_subjects_stand_one_below_the_other_in_natural_order(table):
    runs = table["subject"][table["subject"] != table["subject"].shift()]
    assert list(runs) == ["S1", "S2", "S10"]


def test_a_recording_ends_with_its_last_complete_window(table):
    # 21 s hold the windows from 0, 2, ..., 12 s, the last of which ends at 20 s.
    rows = {name: 64 * (8 + 2 * ((seconds - 8) // 2)) for name, seconds in SUBJECTS.items()}
    assert (
        table["subject"].value_counts().to_dict() == rows == {"S1": 1536, "S2": 1280, "S10": 1280}
    )


def test_each_row_has_the_answers_of_its_subject(table):
    answers = ["WEIGHT", "Gender", "AGE", "HEIGHT", "SKIN", "SPORT"]
    person = table.drop_duplicates("subject")[answers]
    assert (person == [78.0, "m", 34, 182.0, 3, 6]).all(axis=None)


def test_labels_hold_for_the_two_seconds_in_the_middle_of_their_window(table, files):
    labels, rate = files["S1"]["label"], of(table)["heart_rate"].to_numpy()
    for k, label in enumerate(labels):
        assert (rate[64 * (2 * k + 3) : 64 * (2 * k + 5)] == label).all()
    assert (rate[: 64 * 3] == labels[0]).all()
    assert (rate[-64 * 3 :] == labels[-1]).all()


def test_the_middle_row_of_a_published_window_holds_its_label(table, files):
    from skaug import SubjectWindower

    windower = SubjectWindower(
        512,
        128,
        features=["BVP"],
        target="heart_rate",
        target_agg=lambda rows: rows[:, rows.shape[1] // 2],
    )
    windows = windower.fit_transform(of(table))
    assert list(windows.y) == list(files["S1"]["label"])


# Resampling


def test_bvp_at_its_own_rate_is_unchanged(table, files):
    assert (of(table)["BVP"] == files["S1"]["signal"]["wrist"]["BVP"][:, 0]).all()


@pytest.mark.parametrize(
    ("column", "rate", "height"), [("ECG", 64, 1), ("ECG", 100 / 3, 1), ("BVP", 32, 60)]
)
def test_the_heart_beat_keeps_height_and_phase(archive, column, rate, height):
    signal = load_ppg_dalia(archive, "S1", rate)[column].to_numpy()
    inside = slice(math.ceil(0.5 * rate), -math.ceil(0.5 * rate))  # away from the filter's ends
    time = np.arange(len(signal))[inside] / rate
    basis = np.stack([wave(time, 1.2), wave(time, 1.2, 0.4 + np.pi / 2)], axis=1)
    (same, quadrature), *_ = np.linalg.lstsq(basis, signal[inside] / height)
    assert same == pytest.approx(1, abs=RIPPLE)
    assert quadrature == pytest.approx(0, abs=RIPPLE)


def test_what_the_rate_cannot_hold_is_removed(table):
    # 40 Hz lie over 32 Hz: picking samples would show them, whole, at 24 Hz.
    assert of(table)["EMG"][32:-32].abs().max() <= RIPPLE


@pytest.mark.parametrize("rate", [64, 50, 12.5])
def test_offsets_stay_constant_to_the_ends(archive, rate):
    table = load_ppg_dalia(archive, "S1", rate)
    acceleration = table[[f"ACC_chest_idx_{axis}" for axis in range(3)]]
    assert (acceleration == GRAVITY).all(axis=None)
    assert (table["ACC_wrist_idx_0"] == -49 / 64).all()
    assert (table["TEMP_chest"] == 34.1).all()


def test_an_offset_does_not_ring_at_the_ends(table):
    # Zeros beyond the ends would halve the values there: an error of 1.7, or of 0.3 if only the first
    # value were subtracted. A constant there changes a slope of 1.7 per second within 1/64 s.
    breath = of(table)["RESP_chest"].to_numpy()
    assert breath == pytest.approx(3 + wave(clock(64, 24), 0.27), abs=2 * np.pi * 0.27 / 64)


@pytest.mark.parametrize("rate", [64, 7, 100 / 3])
def test_slow_signals_hold_their_latest_sample(archive, files, rate):
    table, file = load_ppg_dalia(archive, "S2", rate), files["S2"]
    exact = Fraction(rate).limit_denominator(1000)
    assert len(table) == math.ceil(20 * exact)
    for name, samples, hertz in [
        ("activity", file["activity"], 4),
        ("EDA_wrist", file["signal"]["wrist"]["EDA"], 4),
        ("TEMP_wrist", file["signal"]["wrist"]["TEMP"], 4),
        ("EDA_chest", file["signal"]["chest"]["EDA"], 700),
    ]:
        latest = [math.floor(row / exact * hertz) for row in range(len(table))]
        assert (table[name] == samples[latest, 0]).all()


@pytest.mark.parametrize("rate", [0, -64, math.nan, math.inf, math.pi, "64", None, True])
def test_a_rate_that_is_not_a_positive_fraction_is_refused(archive, rate):
    with pytest.raises(ValueError, match="sampling_rate="):
        load_ppg_dalia(archive, sampling_rate=rate)


# Where the files lie


@pytest.mark.parametrize("protocol", [0, 2])
def test_files_of_python_2_and_of_python_3_give_the_same_table(tmp_path, files, table, protocol):
    put(tmp_path / "old", "S1", python2_pickle(files["S1"], protocol))
    put(tmp_path / "new", "S1", pickle.dumps(files["S1"], protocol=2))
    assert_frame_equal(load_ppg_dalia(tmp_path / "old"), of(table))
    assert_frame_equal(load_ppg_dalia(tmp_path / "new"), of(table))


def test_answers_may_be_numbers_of_numpy(tmp_path, table):
    file = content(seconds=24)
    file["questionnaire"].update(AGE=np.int64(34), WEIGHT=np.float32(78), Gender=np.bytes_(b" m"))
    put(tmp_path, "S1", python2_pickle(file))
    assert_frame_equal(load_ppg_dalia(tmp_path), of(table))


def test_arrays_may_lie_in_any_order_of_bytes_and_axes(tmp_path, table):
    file = content(seconds=24)
    file["label"] = file["label"].astype(">f8")
    file["signal"]["chest"]["ACC"] = np.asfortranarray(file["signal"]["chest"]["ACC"])
    put(tmp_path, "S1", pickle.dumps(file, protocol=2))
    assert_frame_equal(load_ppg_dalia(tmp_path), of(table))


@pytest.mark.parametrize("inner", [None, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_and_a_zip_in_a_zip_are_read_where_they_are(tmp_path, archive, table, inner):
    path = pack(archive, tmp_path / "data.zip")
    if inner is not None:
        with zipfile.ZipFile(tmp_path / "ppg+dalia.zip", "w", inner) as outer:
            outer.writestr("readme.pdf", b"")
            outer.write(path, "data.zip")
        path = tmp_path / "ppg+dalia.zip"
    before = set(tmp_path.rglob("*"))
    assert_frame_equal(load_ppg_dalia(path), table)
    assert {each.suffix for each in set(tmp_path.rglob("*")) - before} == {"", ".parquet"}
    assert_frame_equal(load_ppg_dalia(path), table)


def test_the_folder_of_one_subject_is_enough(archive, table):
    assert_frame_equal(load_ppg_dalia(archive / "PPG_FieldStudy" / "S2"), of(table, "S2"))


def test_only_the_files_of_the_chosen_subjects_are_read(archive, table):
    put(archive, "S2", b"damaged")
    chosen = load_ppg_dalia(str(archive), subjects=("S10", "S1"))
    assert_frame_equal(chosen, table[table["subject"] != "S2"].reset_index(drop=True))
    assert_frame_equal(load_ppg_dalia(archive, "S10"), of(table, "S10"))


@pytest.mark.parametrize("subjects", [["S1", "S3"], "S3", ["1"], []])
def test_an_unknown_subject_is_named_with_those_there_are(archive, subjects):
    with pytest.raises(ValueError, match=r"S3|'1'|names none") as caught:
        load_ppg_dalia(archive, subjects)
    assert "'S1', 'S2', 'S10'" in str(caught.value)


def test_two_files_of_a_subject_are_refused(archive, pickles):
    put(archive / "again", "S2", pickles["S2"])
    with pytest.raises(ValueError, match="two files of subject S2"):
        load_ppg_dalia(archive, "S1")


def test_a_path_without_files_says_where_to_get_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        load_ppg_dalia(tmp_path / "missing.zip")
    with pytest.raises(ValueError, match=r"no S1/S1\.pkl.*archive\.ics\.uci\.edu"):
        load_ppg_dalia(tmp_path)
    cut = tmp_path / "cut.zip"
    cut.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ValueError, match="interrupted download"):
        load_ppg_dalia(cut)


# The copy beside the data


def replace_unnoticed(path, raw):
    """Change a file's content but neither its size nor its time."""
    seen = path.stat()
    path.write_bytes(raw)
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (seen.st_size, seen.st_mtime_ns)


def test_the_next_call_reads_the_copy_until_the_file_changes(archive, table):
    load_ppg_dalia(archive)
    path = archive / "PPG_FieldStudy" / "S1" / "S1.pkl"
    changed = content(seconds=24)
    changed["label"] += 1
    replace_unnoticed(path, python2_pickle(changed))
    assert_frame_equal(load_ppg_dalia(archive), table)  # from the copy
    os.utime(path)
    again = load_ppg_dalia(archive)
    assert (of(again)["heart_rate"] == of(table)["heart_rate"] + 1).all()
    assert_frame_equal(of(again, "S2"), of(table, "S2"))
    time = path.stat().st_mtime_ns
    path.write_bytes(python2_pickle(content(seconds=20)))  # another size at the same time
    os.utime(path, ns=(time, time))
    assert len(load_ppg_dalia(archive, "S1")) == 64 * 20


def test_a_changed_zip_is_read_again(tmp_path, archive, table):
    path = pack(archive, tmp_path / "data.zip", zipfile.ZIP_STORED)
    load_ppg_dalia(path)
    put(archive, "S1", python2_pickle(content(seconds=20)))
    pack(archive, path, zipfile.ZIP_STORED)
    assert len(of(load_ppg_dalia(path))) == 64 * 20


def test_copies_are_named_after_format_and_rate(archive):
    load_ppg_dalia(archive, "S1")
    load_ppg_dalia(archive, ["S2"], 100 / 3)
    copies = {each.relative_to(archive).as_posix() for each in archive.rglob("*.parquet")}
    assert copies == {"skaug-v1-64hz/S1.parquet", "skaug-v1-100_3hz/S2.parquet"}


def test_a_damaged_copy_is_made_again(archive, table):
    load_ppg_dalia(archive, "S1")
    copy = archive / "skaug-v1-64hz" / "S1.parquet"
    whole = copy.read_bytes()
    for damaged in (b"", whole[:-9], whole[: len(whole) // 2]):
        copy.write_bytes(damaged)
        assert_frame_equal(load_ppg_dalia(archive, "S1"), of(table))
    assert len(copy.read_bytes()) == len(whole)
    assert [each.name for each in copy.parent.iterdir()] == ["S1.parquet"]  # nothing half-written


def test_a_copy_that_cannot_be_written_is_only_a_warning(archive, table):
    (archive / "skaug-v1-64hz").write_text("in the way")
    with pytest.warns(UserWarning, match="No copy of the table could be kept") as caught:
        assert_frame_equal(load_ppg_dalia(archive), table)
    assert len(caught) == 1


def test_no_progress_bar_is_written_to_a_log(archive, capfd):
    load_ppg_dalia(archive, "S1")
    assert capfd.readouterr() == ("", "")


# Files that are not what they should be


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("signal", None, "there is no signal/wrist/BVP"),
        ("signal", 3, "there is no signal/wrist/BVP"),
        ("signal/wrist/ACC", None, "there is no signal/wrist/ACC"),
        ("signal/chest/Resp", None, "there is no signal/chest/Resp"),
        ("label", None, "there is no label"),
        ("activity", None, "there is no activity"),
        ("questionnaire/SKIN", None, "there is no questionnaire/SKIN"),
        ("subject", None, "there is no subject"),
        ("subject", "S2", "subject is 'S2', not 'S1'"),
        ("questionnaire/AGE", 34.5, "questionnaire/AGE is 34.5, not a whole number"),
        ("questionnaire/WEIGHT", math.nan, "questionnaire/WEIGHT is nan, not a number"),
        ("questionnaire/HEIGHT", "tall", "questionnaire/HEIGHT is 'tall', not a number"),
        ("questionnaire/SPORT", {}, "questionnaire/SPORT is {}, not a whole number"),
        ("questionnaire/Gender", " ", "questionnaire/Gender is ' ', not text"),
        ("questionnaire/Gender", 1, "questionnaire/Gender is 1, not text"),
        ("signal/chest/ECG", "text", "signal/chest/ECG is 'text', not an array"),
        ("signal/chest/ECG", lambda ecg: ecg[:0], r"signal/chest/ECG has shape \(0, 1\)"),
        ("signal/chest/ECG", lambda ecg: ecg.astype("S4"), "signal/chest/ECG has shape .* of"),
        ("signal/chest/ACC", lambda acc: acc[:, :2], r"signal/chest/ACC has shape \(14000, 2\)"),
        ("signal/wrist/ACC", lambda acc: acc[:, 0], r"signal/wrist/ACC has shape \(640, 1\)"),
        ("signal/wrist/BVP", lambda bvp: bvp[None], r"signal/wrist/BVP has shape \(1, 1280, 1\)"),
        ("signal/wrist/BVP", np.float64(3), "lasts 20 s, signal/wrist/BVP only 0.015625 s"),
        (
            "signal/wrist/BVP",
            lambda bvp: np.where(np.arange(1280)[:, None] == 7, np.nan, bvp),
            "signal/wrist/BVP is NaN or infinite in 1 of 1280 samples, first in sample 7",
        ),
        ("label", lambda label: label * np.inf, "label is NaN or infinite in 7 of 7"),
        ("label", lambda label: label[:-1], r"signal/wrist/BVP lasts 20 s, label only 18 s"),
        ("signal/wrist/BVP", lambda bvp: bvp[::2], "lasts 20 s, signal/wrist/BVP only 10 s"),
        ("signal/wrist/EDA", lambda eda: eda[:-8], "lasts 20 s, signal/wrist/EDA only 18 s"),
        ("activity", lambda codes: np.repeat(codes, 2, axis=0), "activity lasts 40 s, .* 20 s"),
    ],
)
def test_an_error_names_file_and_key(tmp_path, key, change, words):
    put(tmp_path, "S1", python2_pickle(damage(key, change)))
    with pytest.raises(ValueError, match=words) as caught:
        load_ppg_dalia(tmp_path)
    assert "S1.pkl" in str(caught.value)
    assert not list(tmp_path.rglob("*.parquet"))


def test_signals_that_end_within_two_seconds_are_cut_to_the_shortest(tmp_path):
    file = damage("signal/chest/ECG", lambda ecg: ecg[: 700 * 19])
    put(tmp_path, "S1", python2_pickle(file))
    assert len(load_ppg_dalia(tmp_path)) == 64 * 19


@pytest.mark.parametrize("share", [0, 1e-5, 0.01, 0.5, 0.999])
@pytest.mark.parametrize("protocol", [0, 2])
def test_a_truncated_file_is_reported(tmp_path, share, protocol):
    raw = python2_pickle(content(), protocol)
    put(tmp_path, "S1", raw[: int(share * len(raw))])
    with pytest.raises(ValueError, match=r"S1\.pkl': the file cannot be read .* cut short"):
        load_ppg_dalia(tmp_path)


def test_files_larger_than_any_published_are_not_opened(tmp_path):
    path = put(tmp_path, "S1", b"")
    os.truncate(path, 4 * 2**30 + 1)  # sparse: takes no space
    with pytest.raises(ValueError, match="has 4294967297 bytes"):
        load_ppg_dalia(tmp_path)


@pytest.mark.parametrize(
    ("name", "size", "words"),
    [
        ("S1/S1.pkl", 2**40, "has 1099511627776 bytes"),
        ("data.zip", 2**40, "would unpack to over 8 GiB"),
        ("S1/S1.pkl", 1000, "cannot be read"),  # less than there is
    ],
)
def test_zip_members_that_lie_about_their_size_or_are_bombs_are_refused(
    tmp_path, pickles, name, size, words
):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, pickles["S1"])
        archive.infolist()[0].file_size = size  # what the directory of the zip will say
    with pytest.raises(ValueError, match=words):
        load_ppg_dalia(tmp_path / "bomb.zip")


def test_a_damaged_zip_member_is_noticed(tmp_path, archive):
    path = pack(archive, tmp_path / "data.zip", zipfile.ZIP_STORED)
    raw = bytearray(path.read_bytes())
    raw[100_000] ^= 1  # a sample of the first subject
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"S1\.pkl': the file cannot be read .*CRC"):
        load_ppg_dalia(path)


# Malicious pickles


class Call:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def harm(marker):
    """Yield what is refused, and a pickle that makes the marker when it is read the usual way."""
    script = f"__import__('os').mkdir({str(marker)!r})"
    system, evaluate = Call(os.system, f'mkdir "{marker}"'), Call(eval, script)
    argument = python2_pickle(script)[2:-1]
    yield r"calls for \w+\.system", pickle.dumps({"signal": system}, protocol=2)
    yield "calls for __builtin__.eval", pickle.dumps(damage("label", evaluate), protocol=2)
    yield "calls for builtins.exec", pickle.dumps([Call(exec, script)], protocol=4)
    yield r"calls for \w+\.mkdir", pickle.dumps(Call(os.mkdir, str(marker)), protocol=0)
    yield "the opcode INST is", b"(" + argument + b"i__builtin__\neval\n."
    yield "calls for __builtin__.eval", b"(c__builtin__\neval\n" + argument + b"o."  # OBJ
    yield "calls for __builtin__.eval", b"\x80\x02c__builtin__\neval\n" + argument + b"\x85R."
    yield "dtype 'O8' is", pickle.dumps({"label": np.array([system], dtype=object)}, protocol=2)


def test_nothing_of_a_malicious_file_runs(tmp_path):
    marker = tmp_path / "marker"
    for number, (refused, raw) in enumerate(harm(marker)):
        folder = tmp_path / str(number)
        put(folder, "S1", raw)
        for path in (folder, pack(folder, tmp_path / f"{number}.zip")):
            with pytest.raises(ValueError, match=refused + ".* refused"):
                load_ppg_dalia(path)
            assert not marker.exists()
        pickle.loads(raw)
        marker.rmdir()  # it was harmful


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.array([1.0, None], dtype=object), "dtype 'O8' is refused"),
        (np.zeros(3, dtype=[("a", "f8")]), "dtype 'V8' is refused"),
        (np.zeros(3, dtype="M8[s]"), "dtype 'M8' is refused"),
        (np.zeros(3, dtype=complex), "dtype 'c16' is refused"),
        (Fraction(1, 2), r"fractions\.Fraction, which is refused"),
        (pd.Series([1.0]), r"which is refused"),
    ],
)
def test_arrays_of_other_types_are_refused(tmp_path, value, words):
    put(tmp_path, "S1", pickle.dumps(damage("label", lambda _: value), protocol=2))
    with pytest.raises(ValueError, match=words):
        load_ppg_dalia(tmp_path)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x02cnumpy\nndarray\n(Ncnumpy\ndtype\ntb.",  # sets the state of what is admitted
        b"\x80\x02c_codecs\nencode\nN}U\x04textNs\x86b.",
        b"\x80\x02cnumpy\nndarray\n)\x81.",
        b"\x80\x02Pevil\n.",
        b"\x80\x02\x82\x01.",
        b"not a pickle",
        pickle.dumps([1, 2]),
    ],
)
def test_odd_pickles_end_in_the_same_error(tmp_path, raw):
    put(tmp_path, "S1", raw)
    with pytest.raises(ValueError, match=r"S1\.pkl'"):
        load_ppg_dalia(tmp_path)


def long_for_its_size():
    """Small pickles that an unpickler without bounds takes minutes or gigabytes for."""
    text = python2_pickle("x" * 30_000)[:-1]
    array = b"cnumpy\nndarray\n"
    deep = b"N\x85" + b"2\x86" * 60  # a tuple of twice the tuple before, and so on
    shared = b"N\x85q\x00" + b"h\x00\x86q\x00h\x00".join([b""] * 60)
    # A number and its sum with 2**61 - 1 have one hash.
    alike = b"".join(pickle.dumps(i * (2**61 - 1), protocol=2)[2:-1] + b"N" for i in range(50_000))
    yield "more than 250000 opcodes", b"N" * 300_000
    yield "more than 250000 opcodes", b"Nq\x00" * 150_000
    yield "more than 250000 opcodes", b"]" * 300_000
    yield "more than 250000 opcodes", b"N0" * 150_000
    yield "the opcode DUP", deep + b"}" + b"Ns"
    yield "the operand of an opcode SETITEM", b"}" + shared + b"h\x00Ns"
    yield "the operand of an opcode SETITEMS", b"}(" + alike + b"u"
    yield "the operand of an opcode DICT", b"(" + alike + b"d"
    yield "the operand of an opcode REDUCE", array + text + b"R"
    yield "the operand of an opcode NEWOBJ", array + text + b"\x81"
    yield "the operand of an opcode BUILD", array + b")R" + text + b"b"


@pytest.mark.parametrize(
    ("refused", "raw"), list(long_for_its_size()), ids=lambda it: it if isinstance(it, str) else ""
)
def test_a_pickle_that_takes_long_for_its_size_is_refused(tmp_path, refused, raw):
    put(tmp_path, "S1", b"\x80\x02" + raw + b".")
    with pytest.raises(ValueError, match=refused + ".* refused"):
        load_ppg_dalia(tmp_path)


def test_twenty_megabytes_of_one_opcode_take_little_memory(tmp_path):
    put(tmp_path, "S1", b"\x80\x02" + b"]" * 20_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="more than 250000 opcodes are refused"):
            load_ppg_dalia(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


def test_a_tiny_pickle_does_not_take_a_gigabyte(tmp_path):
    put(tmp_path, "S1", b"\x80\x02Nr\xff\xff\xff\x03.")  # remembers None at place 2**26
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="there is no subject"):
            load_ppg_dalia(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
