"""The archive of the Synthetic Data Agent: its windows, subjects and labels, and malformed files."""

from __future__ import annotations

import decimal
import io
import pickle
import re
import struct
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_validate, permutation_test_score
from sklearn.pipeline import Pipeline

from skaug import (
    DataWarning,
    SubjectWindower,
    SynthefyAugmenter,
    WindowClassifier,
    WindowFlattener,
    WindowRegressor,
    Windows,
    make_pipeline,
)
from skaug.model_selection import LeaveOneSubjectOut, window_scorer
from skaug.synthesis import AgentArchive
from skaug.synthesis.archive_file import ENTRY
from skaug.synthesis.parquet_pages import pages_of
from skaug.windows.provenance import same_labels

SIZE = 16
FEATURES = ["BVP", "ECG"]


def table_of(
    subjects: Sequence[Any], n_windows: int, seed: int = 0, *, numbered: bool = False
) -> pd.DataFrame:
    """`n_windows` windows per subject, end to end, as in recordings or in an archive."""
    rng = np.random.default_rng(seed)
    n = len(subjects) * n_windows
    table = pd.DataFrame(
        {
            "BVP": rng.normal(size=n * SIZE),
            "ECG": rng.normal(size=n * SIZE),
            "activity": np.repeat(rng.choice(["rest", "walk"], n), SIZE),
            "AGE": np.repeat(rng.integers(20, 60, n), SIZE),
            "heart_rate": rng.uniform(50, 150, n * SIZE).round(1),
            "subject": np.repeat(np.array(subjects, dtype=object), n_windows * SIZE),
        }
    )
    return table.assign(window_idx=np.repeat(range(n), SIZE)) if numbered else table


def parquet(table: pd.DataFrame | pa.Table) -> bytes:
    buffer = io.BytesIO()
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table)
    pq.write_table(table, buffer)
    return buffer.getvalue()


def zipped(
    path: Path, content: Any, names: Sequence[str] = (ENTRY,), method: int = zipfile.ZIP_STORED
) -> Path:
    if not isinstance(content, bytes):
        content = parquet(content)
    with zipfile.ZipFile(path, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two entries of one name
        for name in names:
            archive.writestr(name, content)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "subject-1-synthetic_data.zip"


@pytest.fixture(scope="module")
def recordings() -> pd.DataFrame:
    """Eight subjects with twelve windows each."""
    return table_of([f"S{i}" for i in range(1, 9)], 12)


@pytest.fixture(scope="module")
def of_s1() -> pd.DataFrame:
    """Ten windows in the form of the agent: numbered, and without the subject."""
    return table_of(["S1"], 10, seed=1, numbered=True).drop(columns="subject")


def windower(**parameters: Any) -> SubjectWindower:
    return SubjectWindower(SIZE, features=FEATURES, **({"target": "heart_rate"} | parameters))


def augmented(
    archive: AgentArchive,
    table: pd.DataFrame,
    n: int | None = 10,
    ratio: float = 1.0,
    **parameters: Any,
) -> Windows:
    """The synthetic windows added to those of the recordings."""
    return (
        SynthefyAugmenter(archive, ratio=ratio, n_synthetic=n)
        .fit(windower(**parameters).fit_transform(table))
        .synthetic_windows_
    )


def notebook_windows(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Windows and labels, made like in the published notebook."""
    starts = range(0, len(table) - SIZE + 1, SIZE)
    features, target = table[FEATURES].to_numpy(), table["heart_rate"].to_numpy()
    X = np.array([features[start : start + SIZE] for start in starts])
    return X, np.array([target[start : start + SIZE].mean() for start in starts])


# The notebook's second method


def test_the_windows_are_those_of_the_notebook(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    X, y = notebook_windows(of_s1)
    synthetic = augmented(AgentArchive(zipped(path, of_s1), subject="S1"), recordings)
    assert_array_equal(synthetic.to_numpy(), X)
    assert_allclose(synthetic.y, y, rtol=1e-14)
    assert synthetic.is_synthetic.all()
    assert set(synthetic.groups) == {"S1"}


@pytest.mark.parametrize("as_windows", [False, True], ids=["rows", "windows"])
@pytest.mark.parametrize("door", ["skaug", "scikit-learn"])
def test_both_doors_fit_the_notebooks_training_set(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, door: str, as_windows: bool
) -> None:
    real, synthetic = notebook_windows(recordings), notebook_windows(of_s1)
    X, y = (np.concatenate(parts) for parts in zip(real, synthetic, strict=True))
    expected = Ridge().fit(X.reshape(len(X), -1), y)

    archive = AgentArchive(str(zipped(path, of_s1)), subject="S1")
    head = [] if as_windows else [("windower", windower())]
    middle = [
        ("augmenter", SynthefyAugmenter(archive, n_synthetic=10)),
        ("flattener", WindowFlattener()),
    ]
    pipe = (
        make_pipeline(*(step for _, step in [*head, *middle]), Ridge())
        if door == "skaug"
        else Pipeline([*head, *middle, ("regressor", WindowRegressor(Ridge()))])
    )
    samples = windower().fit_transform(recordings) if as_windows else recordings
    predicted = pipe.fit(samples).predict(samples)
    assert_allclose(predicted, expected.predict(real[0].reshape(len(real[0]), -1)))


def test_a_bare_parquet_file_is_accepted(
    tmp_path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(tmp_path / ENTRY, subject="S1")
    of_s1.to_parquet(tmp_path / ENTRY, write_page_checksum=True)
    synthetic = augmented(archive, recordings)
    assert_array_equal(synthetic.to_numpy(), notebook_windows(of_s1)[0])
    of_s1.to_parquet(tmp_path / ENTRY)
    with pytest.warns(DataWarning, match="would not be noticed, because .* has no checksums"):
        synthetic = augmented(archive, recordings)
    assert_array_equal(synthetic.to_numpy(), notebook_windows(of_s1)[0])


def test_damage_to_a_bare_parquet_file_with_checksums_is_noticed(
    tmp_path: Path, of_s1: pd.DataFrame
) -> None:
    path, windows = tmp_path / ENTRY, windower(subject=None).fit_transform(of_s1)
    of_s1.to_parquet(path, write_page_checksum=True, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    at = content.index(of_s1["BVP"].to_numpy()[20:22].tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be read .*(CRC|checksum)"):
        AgentArchive(path).fit(windows)


def test_nothing_is_written_to_disk(
    tmp_path: Path,
    recordings: pd.DataFrame,
    of_s1: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, temporary = tmp_path / "archive", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    monkeypatch.chdir(temporary)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    archive = zipped(folder / "a.zip", of_s1)
    folder.chmod(0o500)
    augmented(AgentArchive(archive, subject="S1"), recordings)
    folder.chmod(0o700)
    assert list(temporary.iterdir()) == []
    assert list(folder.iterdir()) == [archive]


def test_a_tilde_is_the_home_folder(
    tmp_path: Path,
    recordings: pd.DataFrame,
    of_s1: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    zipped(tmp_path / "a.zip", of_s1)
    assert len(augmented(AgentArchive("~/a.zip", subject="S1"), recordings)) == 10


def test_the_file_is_read_only_if_windows_are_needed(recordings: pd.DataFrame) -> None:
    archive = AgentArchive("not-there.zip", subject="S1")
    windows = windower().fit_transform(recordings)
    for parameters in ({"n_synthetic": 0}, {"train_on": "real"}):
        assert SynthefyAugmenter(archive, **parameters).fit(windows).n_synthetic_ == 0
    with pytest.raises(FileNotFoundError, match=r"There is no file 'not-there\.zip'"):
        SynthefyAugmenter(archive).fit(windows)
    with pytest.raises(FileNotFoundError, match="There is no file"):
        AgentArchive(".", subject="S1").fit(windows)


# As an estimator


def test_it_can_be_cloned_shown_and_pickled(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(str(zipped(path, of_s1)), subject="S1", target="heart_rate")
    assert clone(archive).get_params() == archive.get_params()
    assert repr(AgentArchive("a.zip", subject="S1")) == "AgentArchive(path='a.zip', subject='S1')"
    windows = windower().fit_transform(recordings)
    conditions = windows[windows.groups == "S1"][:3]._drawn([0, 0, 0])
    fitted = archive.fit(windows)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.n_windows_, again.subjects_) == (10, ["S1"])
    assert_array_equal(
        again.synthesize(conditions).to_numpy(), fitted.synthesize(conditions).to_numpy()
    )


def test_a_fitted_pipeline_predicts_after_pickling_without_the_file(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    pipe = make_pipeline(
        windower(), SynthefyAugmenter(archive, n_synthetic=10), WindowFlattener(), Ridge()
    )
    train, test = recordings[recordings.subject != "S8"], recordings[recordings.subject == "S8"]
    predicted = pipe.fit(train).predict(test)
    path.unlink()
    assert_array_equal(pickle.loads(pickle.dumps(pipe)).predict(test), predicted)


def test_a_pickled_augmenter_holds_no_window_of_the_archive(
    path: Path, recordings: pd.DataFrame
) -> None:
    table = table_of(["S1", "S2"], 5, seed=1, numbered=True)
    table["activity"] = "doing what " + table["subject"] + " does"
    archive = AgentArchive(zipped(path, table))
    train = recordings[recordings.subject != "S2"]
    augmenter = SynthefyAugmenter(archive, n_synthetic=3).fit(windower().fit_transform(train))
    assert set(augmenter.synthetic_windows_.context["activity"]) == {"doing what S1 does"}
    kept = pickle.dumps(augmenter)
    assert b"doing what" not in kept
    assert not any(value.tobytes() in kept for value in table["BVP"].to_numpy()[:, None])


def test_a_fitted_archive_holds_no_windows_of_other_subjects(
    path: Path, recordings: pd.DataFrame
) -> None:
    table = table_of(["S1", "S2"], 5, seed=1, numbered=True)
    table["activity"] = "doing what " + table["subject"] + " does"
    train = windower().fit_transform(recordings[recordings.subject != "S2"])
    kept = pickle.dumps(AgentArchive(zipped(path, table)).fit(train))
    assert b"doing what S1 does" in kept
    assert b"doing what S2 does" not in kept
    of_s2 = table[table.subject == "S2"]["BVP"].to_numpy()
    assert of_s2[:1].tobytes() not in kept
    assert table["BVP"].to_numpy()[:1].tobytes() in kept


# How windows are cut


def test_rows_of_windows_may_be_interleaved(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    shuffled = of_s1.assign(nth=np.tile(range(SIZE), 10)).sort_values(["nth", "window_idx"])
    assert shuffled["window_idx"].head(10).tolist() == list(range(10))
    synthetic = augmented(AgentArchive(zipped(path, shuffled), subject="S1"), recordings)
    X, y = notebook_windows(of_s1)
    assert_array_equal(synthetic.to_numpy(), X)
    assert_allclose(synthetic.y, y, rtol=1e-14)


@pytest.mark.parametrize(
    "renumber",
    [
        lambda numbers: numbers + 7,
        lambda numbers: 9 - numbers,
        lambda numbers: numbers.astype(str),
        lambda numbers: numbers.astype(float),
    ],
    ids=["from 7", "downwards", "as text", "as floats"],
)
def test_windows_keep_the_order_of_the_archive_whatever_their_numbers(
    path: Path,
    recordings: pd.DataFrame,
    of_s1: pd.DataFrame,
    renumber: Callable[[pd.Series], pd.Series],
) -> None:
    table = of_s1.assign(window_idx=renumber(of_s1["window_idx"]))
    synthetic = augmented(AgentArchive(zipped(path, table), subject="S1"), recordings)
    assert_array_equal(synthetic.to_numpy(), notebook_windows(of_s1)[0])


def test_older_archives_are_cut_by_the_length(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    zipped(path, of_s1.drop(columns="window_idx"))
    synthetic = augmented(AgentArchive(path, subject="S1"), recordings)
    assert_array_equal(synthetic.to_numpy(), notebook_windows(of_s1)[0])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.iloc[:-1], "has windows of 15 rows instead of 16"),
        (lambda t: t.assign(window_idx=t.window_idx // 2), "has windows of 32 rows instead of 16"),
        (
            lambda t: t.assign(window_idx=t.window_idx.where(t.index > 0)),
            "1 of the 160 rows of the archive .* have no 'window_idx'",
        ),
        (lambda t: t.iloc[:0], "0 of the 0 rows"),
        (lambda t: t.drop(columns="window_idx").iloc[:-1], "159 rows .* not whole windows of 16"),
        (lambda t: t.drop(columns="window_idx").iloc[:0], "0 rows .* not whole windows"),
    ],
)
def test_windows_of_another_length_are_an_error(
    path: Path,
    recordings: pd.DataFrame,
    of_s1: pd.DataFrame,
    spoil: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
) -> None:
    zipped(path, spoil(of_s1))
    with pytest.raises(ValueError, match=message):
        augmented(AgentArchive(path, subject="S1"), recordings)


# Numbers that arrive as something else


@pytest.mark.parametrize(
    "disguise",
    [
        lambda column: column.map(repr),
        lambda column: column.map(lambda v: decimal.Decimal(repr(v))),
        lambda column: column.astype("Float64"),
        lambda column: " " + column.map(repr),
    ],
    ids=["text", "decimals", "nullable", "padded text"],
)
def test_numbers_may_arrive_as_text_or_objects(
    path: Path,
    recordings: pd.DataFrame,
    of_s1: pd.DataFrame,
    disguise: Callable[[pd.Series], pd.Series],
) -> None:
    numbers = [*FEATURES, "heart_rate", "AGE"]
    table = of_s1.round(dict.fromkeys(FEATURES, 6))
    zipped(path, table.assign(**{name: disguise(table[name]) for name in numbers}))
    synthetic = augmented(AgentArchive(path, subject="S1"), recordings)
    X, y = notebook_windows(table)
    assert_array_equal(synthetic.to_numpy(), X)
    assert_allclose(synthetic.y, y, rtol=1e-14)
    assert_array_equal(synthetic.context["AGE"].to_numpy(dtype=float), table["AGE"])


def test_text_is_read_to_the_last_digit(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    zipped(path, of_s1.assign(BVP=of_s1["BVP"].map(repr)))
    synthetic = augmented(AgentArchive(path, subject="S1"), recordings)
    assert_array_equal(synthetic.to_numpy(), notebook_windows(of_s1)[0])


@pytest.mark.parametrize("name", ["BVP", "heart_rate"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "holds NaN or infinity in 1 rows"),
        (np.inf, "holds NaN or infinity in 1 rows"),
        (-np.inf, "holds NaN or infinity in 1 rows"),
        ("nan", "holds NaN or infinity in 1 rows"),
        (None, "holds NaN or infinity in 1 rows"),
        ("walk", "does not hold numbers: .*walk"),
    ],
)
def test_a_value_that_is_not_a_number_is_an_error(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, name: str, value: Any, message: str
) -> None:
    column = of_s1[name].astype(object)
    if isinstance(value, str):
        column = column.map(str)
    column[40] = value
    zipped(path, of_s1.assign(**{name: column}))
    with pytest.raises(ValueError, match=f"'{name}' of the archive .*{message}"):
        augmented(AgentArchive(path, subject="S1"), recordings)


def test_times_are_not_numbers(path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame) -> None:
    zipped(path, of_s1.assign(BVP=pd.date_range("2026-01-01", periods=160)))
    with pytest.raises(ValueError, match=r"'BVP' .* does not hold numbers: it holds times"):
        augmented(AgentArchive(path, subject="S1"), recordings)


@pytest.mark.parametrize(
    ("missing", "nearest"), [("ECG", "ecg"), ("heart_rate", "heart-rate"), ("BVP", "bvp_synthetic")]
)
def test_a_missing_column_is_an_error_that_names_a_similar_one(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, missing: str, nearest: str
) -> None:
    zipped(path, of_s1.rename(columns={missing: nearest}))
    with pytest.raises(ValueError, match=f"no column '{missing}' for .*'{nearest}'"):
        augmented(AgentArchive(path, subject="S1"), recordings)


def test_channels_and_target_may_have_other_names(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    table = of_s1.rename(columns={"BVP": "a", "ECG": "b", "heart_rate": "c"})
    archive = AgentArchive(zipped(path, table), subject="S1", features=["a", "b"], target="c")
    X, y = notebook_windows(of_s1)
    assert_array_equal(augmented(archive, recordings).to_numpy(), X)
    assert_allclose(augmented(archive, recordings).y, y, rtol=1e-14)
    archive.set_params(features=["b", "a"])
    assert_array_equal(augmented(archive, recordings).to_numpy(), X[:, :, ::-1])
    with pytest.raises(ValueError, match="must name one column for each of the channels BVP, ECG"):
        augmented(archive.set_params(features=["a"]), recordings)


# Labels


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("median", lambda block: np.median(block, axis=1)),
        ("last", lambda block: block[:, -1]),
        ("max", lambda block: block.max(axis=1)),
        (lambda block: block.min(axis=1), lambda block: block.min(axis=1)),
    ],
    ids=["median", "last", "max", "a function"],
)
def test_labels_are_aggregated_like_in_the_windower(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, how: Any, expected: Callable
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    synthetic = augmented(archive, recordings, target_agg=how)
    assert_array_equal(synthetic.y, expected(of_s1["heart_rate"].to_numpy().reshape(10, SIZE)))


def test_labels_follow_metadata_that_were_varied(path: Path, recordings: pd.DataFrame) -> None:
    # One set of changes after another, each of all the chosen windows.
    of_real = recordings[recordings.subject == "S1"].drop(columns="subject").iloc[: 5 * SIZE]
    parts = [of_real.assign(heart_rate=of_real["heart_rate"] + add) for add in (0, 10, 20)]
    table = pd.concat(parts, ignore_index=True).assign(window_idx=np.repeat(range(15), SIZE))
    synthetic = augmented(AgentArchive(zipped(path, table), subject="S1"), recordings, 12)
    assert_allclose(synthetic.y, notebook_windows(table)[1][:12], rtol=1e-14)


def test_labels_may_be_classes(path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    cut = windower(target="activity", target_agg="mode")
    synthetic = SynthefyAugmenter(archive, n_synthetic=10).fit(cut.fit_transform(recordings))
    assert synthetic.synthetic_windows_.y.tolist() == of_s1["activity"][::SIZE].tolist()
    classifier = WindowClassifier(LogisticRegression())
    pipe = Pipeline(
        [("cut", cut), ("add", synthetic), ("flat", WindowFlattener()), ("fit", classifier)]
    )
    assert pipe.fit(recordings)[-1].classes_.tolist() == ["rest", "walk"]


@pytest.mark.parametrize("as_text", [False, True], ids=["as numbers", "as text"])
def test_classes_that_are_whole_numbers_stay_whole_numbers(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, as_text: bool
) -> None:
    table = of_s1.assign(AGE=of_s1["AGE"].map(str)) if as_text else of_s1
    archive = AgentArchive(zipped(path, table), subject="S1")
    synthetic = augmented(archive, recordings, target="AGE", target_agg="mode")
    assert synthetic.y.dtype == np.int64
    assert synthetic.y.tolist() == of_s1["AGE"][::SIZE].tolist()


def test_labels_that_do_not_fit_the_recorded_type_keep_their_value(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1.assign(AGE=of_s1["AGE"] * 10 - 300)), subject="S1")
    small = recordings.assign(AGE=recordings["AGE"].astype(np.int8))
    synthetic = augmented(archive, small, target="AGE", target_agg="mode")
    assert synthetic.y.tolist() == (of_s1["AGE"][::SIZE] * 10 - 300).tolist()


def test_classes_that_are_text_stay_text(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1.assign(AGE=of_s1["AGE"].astype(float))), subject="S1")
    as_text = recordings.assign(AGE=recordings["AGE"].map(str))
    synthetic = augmented(archive, as_text, target="AGE", target_agg="mode")
    assert synthetic.y.tolist() == of_s1["AGE"][::SIZE].map(str).tolist()


def test_a_missing_class_is_an_error(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    table = of_s1.assign(activity=of_s1["activity"].where(of_s1.index > 3))
    archive = AgentArchive(zipped(path, table), subject="S1")
    with pytest.raises(ValueError, match="'activity' is missing in rows of the archive"):
        augmented(archive, recordings, target="activity", target_agg="mode")


def test_windows_without_labels_get_windows_without_labels(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1.drop(columns="heart_rate")), subject="S1")
    assert augmented(archive, recordings, target=None).y is None


def test_windows_made_of_arrays_need_a_target(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    X, y = notebook_windows(recordings)
    windows = Windows.from_arrays(
        X, y, np.repeat([f"S{i}" for i in range(1, 9)], 12), feature_names=FEATURES
    )
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    with pytest.raises(ValueError, match=r"were passed as y.*pass target"):
        SynthefyAugmenter(archive, n_synthetic=10).fit(windows)
    named = SynthefyAugmenter(archive.set_params(target="heart_rate"), n_synthetic=10)
    assert_allclose(named.fit(windows).synthetic_windows_.y, notebook_windows(of_s1)[1], rtol=1e-14)


PASSED = "labels of these windows are not those of the column 'heart_rate': a y was passed"


@pytest.mark.parametrize("target", [None, "heart_rate"])
@pytest.mark.parametrize("named", [True, False], ids=["with a target", "without a target"])
def test_labels_of_the_archive_do_not_join_transformed_labels(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, target: Any, named: bool
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1", target=target)
    cut = windower(target="heart_rate" if named else None)
    pipe = make_pipeline(
        cut, SynthefyAugmenter(archive, n_synthetic=10), WindowFlattener(), Ridge()
    )
    scaled = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp)
    with pytest.raises(ValueError, match=PASSED if named or target else "pass target"):
        scaled.fit(recordings, recordings["heart_rate"])


def test_transformed_labels_of_arrays_are_an_error(path: Path, of_s1: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    y = rng.uniform(50, 150, size=12)
    windows = Windows.from_arrays(
        rng.normal(size=(12, SIZE, 2)), y, np.repeat(["S1", "S2"], 6), feature_names=FEATURES
    )
    archive = AgentArchive(zipped(path, of_s1), subject="S1", target="heart_rate")
    pipe = make_pipeline(SynthefyAugmenter(archive, n_synthetic=5), WindowFlattener(), Ridge())
    scaled = TransformedTargetRegressor(pipe, func=np.log, inverse_func=np.exp)
    for subset in (windows, windows[3:], Windows.concatenate([windows[:6], windows[6:]])):
        with pytest.raises(ValueError, match=PASSED):
            scaled.fit(subset, subset.y)
    pipe.fit(windows, y)
    pipe.fit(windows)
    kept = TransformedTargetRegressor(pipe, func=np.positive, inverse_func=np.positive)
    kept.fit(windows, y)


def test_replaced_labels_stay_replaced_when_they_are_passed_again(
    path: Path, of_s1: pd.DataFrame
) -> None:
    X, y = notebook_windows(of_s1)
    windows = Windows.from_arrays(X, y, ["S1"] * len(X), feature_names=FEATURES)
    archive = AgentArchive(zipped(path, of_s1), subject="S1", target="heart_rate")
    again = windows.relabel(np.log(y)).relabel(np.log(y))
    assert again.provenance.is_replaced
    with pytest.raises(ValueError, match=PASSED):
        archive.fit(again)
    archive.fit(windows.relabel(y * (1 + 1e-12)))  # apart by rounding only: not replaced


@pytest.mark.parametrize(
    ("labels", "expected", "same"),
    [
        ([1.0, 2.0], [1.0, 2.0 + 1e-9], True),
        ([1.0, 2.0], [1.0, 2.0 + 1e-8], False),
        ([1e-12, 2e-12], [1e-12, 3e-12], False),
        ([1, 2], [1.0, 2.0], True),
        ([True, False], [True, True], False),
        ([1.0, np.nan], [1.0, np.nan], True),
        ([1.0, np.nan], [np.nan, 1.0], False),
        ([1.0, np.inf], [1.0, np.inf], True),
        (["a", None], ["a", None], True),
        (["a", "b"], ["a", None], False),
        (["1", "2"], [1, 2], False),
        ([1.0, 2.0], [[1.0], [2.0]], False),
        ([], [], True),
    ],
)
def test_labels_are_the_same_if_they_are_equal_up_to_rounding(
    labels: Any, expected: Any, same: bool
) -> None:
    assert same_labels(np.array(labels), np.array(expected)) == same


def test_shuffled_or_other_labels_are_an_error(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    pipe = make_pipeline(SynthefyAugmenter(archive, n_synthetic=10), WindowFlattener(), Ridge())
    windows = windower().fit_transform(recordings)
    for y in (windows.y + 1, windows.y[::-1], np.stack([windows.y, windows.y], axis=1)):
        with pytest.raises(ValueError, match=PASSED):
            pipe.fit(windows, y)
    with pytest.raises(ValueError, match=PASSED):
        permutation_test_score(
            pipe,
            windows,
            windows.y,
            groups=windows.groups,
            cv=[(np.arange(48), np.arange(48, 96))],
            n_permutations=1,
        )


def test_the_same_labels_may_be_passed(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    augmenter = SynthefyAugmenter(archive, n_synthetic=10)
    windows = windower().fit_transform(recordings)
    expected = augmenter.fit(windows).synthetic_windows_.y
    assert_array_equal(augmenter.fit(windows, windows.y).synthetic_windows_.y, expected)
    of_rows = recordings["heart_rate"]
    assert_array_equal(augmenter.fit(windows, of_rows).synthetic_windows_.y, expected)


def test_labels_may_have_been_filled_in(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    gaps = recordings.assign(heart_rate=recordings["heart_rate"].where(recordings.index % 50 > 0))
    gaps.loc[gaps.subject == "S1", "heart_rate"] = recordings["heart_rate"]
    synthetic = augmented(archive, gaps, missing="ffill")
    assert_allclose(synthetic.y, notebook_windows(of_s1)[1], rtol=1e-14)


# Context


def test_the_context_is_that_of_the_archive(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    table = of_s1.assign(mood="calm", activity="swim")
    archive = AgentArchive(zipped(path, table.drop(columns="AGE")), subject="S1")
    synthetic = augmented(archive, recordings)
    context = synthetic.context
    assert set(context.columns) == {"activity", "heart_rate", "subject"}  # no column of its own
    assert_array_equal(context["heart_rate"], of_s1["heart_rate"])
    assert set(context["activity"]) == {"swim"}
    assert set(context["subject"]) == {"S1"}
    real = windower().fit_transform(recordings)
    joined = Windows.concatenate([real, synthetic]).context
    assert joined["AGE"][: len(recordings)].tolist() == recordings["AGE"].tolist()
    assert joined["AGE"][len(recordings) :].isna().all()


def test_text_is_converted_to_the_types_of_the_recordings(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    times = pd.date_range("2026-01-01", periods=len(recordings), freq="s")
    table = of_s1.assign(
        AGE=of_s1["AGE"].map(str),
        when=times[: len(of_s1)].map(lambda time: time.isoformat()),
        code="7",
        note="n/a",
    )
    real = recordings.assign(when=times, code="7", note=1.0)
    synthetic = augmented(AgentArchive(zipped(path, table), subject="S1"), real)
    context = synthetic.context
    assert context["AGE"].dtype == np.float64
    assert context["when"].dtype.kind == "M"
    assert set(context["code"]) == {"7"}
    assert set(context["note"]) == {"n/a"}  # not a number: it stays text
    joined = Windows.concatenate([windower().fit_transform(real), synthetic])
    assert joined.context["when"].dtype.kind == "M"
    assert joined.context["AGE"].dtype.kind == "f"


def test_origins_are_those_of_the_conditions(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    synthetic = augmented(AgentArchive(zipped(path, of_s1), subject="S1"), recordings)
    assert (synthetic.origins["draw"] == 0).all()
    assert synthetic.origins["first_row"].is_unique
    assert pickle.loads(pickle.dumps(synthetic)).context.equals(synthetic.context)


# Subjects


def test_a_larger_request_contains_the_smaller_one_subject_by_subject(
    path: Path, recordings: pd.DataFrame
) -> None:
    table = table_of(["S2", "S1"], 12, seed=1, numbered=True)
    archive = AgentArchive(zipped(path, table))
    X = notebook_windows(table)[0]
    before: list[np.ndarray] = []
    for n, ratio in ((1, 1.0), (4, 1.0), (9, 1.0), (None, 0.5), (None, 1.0)):
        synthetic = augmented(archive, recordings, n, ratio)
        windows = list(synthetic.to_numpy())
        for earlier in before:
            assert any(np.array_equal(earlier, window) for window in windows)
        before = windows
        for subject, of_subject in (("S2", X[:12]), ("S1", X[12:])):
            got = synthetic[synthetic.groups == subject].to_numpy()
            assert_array_equal(got, of_subject[: len(got)])
    assert len(before) == 24


def test_a_ratio_counts_only_subjects_in_the_archive(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    synthetic = augmented(AgentArchive(zipped(path, of_s1), subject="S1"), recordings, None, 0.5)
    assert len(synthetic) == 6  # of the 12 windows of S1


def test_no_window_of_a_test_subject_is_ever_used(path: Path, recordings: pd.DataFrame) -> None:
    subjects = ["S1", "S2", "S3"]
    recordings = recordings[recordings.subject.isin([*subjects, "S4"])]
    table = table_of(subjects, 12, seed=1, numbered=True)
    pipe = make_pipeline(
        windower(), SynthefyAugmenter(AgentArchive(zipped(path, table))), WindowFlattener(), Ridge()
    )
    result = cross_validate(
        pipe,
        recordings,
        cv=LeaveOneSubjectOut(),
        scoring=window_scorer("neg_mean_absolute_error"),
        return_estimator=True,
        error_score="raise",
    )
    X = dict(zip(subjects, np.split(notebook_windows(table)[0], 3), strict=True))
    for left_out, fitted in zip([*subjects, "S4"], result["estimator"], strict=True):
        synthetic = fitted[1].synthetic_windows_
        assert set(synthetic.groups) == set(subjects) - {left_out}
        for subject in set(synthetic.groups):
            assert_array_equal(synthetic[synthetic.groups == subject].to_numpy(), X[subject])
        assert fitted[1].synthesizer_.subjects_ == subjects


def test_a_fold_without_the_subject_is_an_error(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    without = recordings[recordings.subject != "S1"]
    with pytest.raises(
        ValueError,
        match=r"holds windows of S1, but none of these subjects is in the training fold \(S2, S3, .*2 more\)",
    ):
        augmented(archive, without)


def test_a_search_works_if_every_fold_trains_on_the_subject(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    pipe = make_pipeline(
        windower(),
        SynthefyAugmenter(AgentArchive(zipped(path, of_s1), subject="S1")),
        WindowFlattener(),
        Ridge(),
    )
    rows = {
        name: np.flatnonzero(recordings["subject"] == name) for name in recordings.subject.unique()
    }
    cv = [
        (np.concatenate([rows[name] for name in rows if name != left_out]), rows[left_out])
        for left_out in ("S7", "S8")
    ]
    search = GridSearchCV(
        pipe,
        {"synthefyaugmenter__n_synthetic": [0, 5, 10]},
        cv=cv,
        scoring=window_scorer("neg_mean_absolute_error"),
        error_score="raise",
    )
    assert np.isfinite(search.fit(recordings).cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(("n", "n_requested"), [(11, 11), (100, 100), (None, 12)])
def test_requesting_more_windows_than_the_archive_holds_is_an_error(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame, n: int | None, n_requested: int
) -> None:
    archive = AgentArchive(zipped(path, of_s1), subject="S1")
    with pytest.raises(
        ValueError, match=f"10 windows of subject 'S1', fewer than the {n_requested} requested"
    ):
        augmented(archive, recordings, n)


def test_the_subject_must_be_known(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1))
    with pytest.raises(
        ValueError, match=r"does not name the subjects of its windows.*pass subject"
    ):
        augmented(archive, recordings)
    X, y = notebook_windows(recordings)
    windows = Windows.from_arrays(X, y, ["S1"] * len(X), feature_names=FEATURES)
    with pytest.raises(ValueError, match="does not name the subjects of its windows"):
        SynthefyAugmenter(archive.set_params(target="heart_rate")).fit(windows)


def test_recordings_without_subjects_get_all_windows(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    archive = AgentArchive(zipped(path, of_s1))
    fitted = SynthefyAugmenter(archive, n_synthetic=10).fit(
        windower(subject=None).fit_transform(recordings.drop(columns="subject"))
    )
    assert_array_equal(fitted.synthetic_windows_.to_numpy(), notebook_windows(of_s1)[0])
    assert fitted.synthesizer_.subjects_ == []


def test_the_subjects_of_the_archive_must_agree_with_the_parameter(
    path: Path, recordings: pd.DataFrame
) -> None:
    table = table_of(["S1", "S2"], 5, seed=1, numbered=True)
    with pytest.raises(ValueError, match="holds windows of S1, S2, not only of subject='S1'"):
        augmented(AgentArchive(zipped(path, table), subject="S1"), recordings)
    only = table[table.subject == "S2"]
    assert set(augmented(AgentArchive(zipped(path, only), subject="S2"), recordings, 5).groups) == {
        "S2"
    }
    # Windows made of arrays have no column of subjects, but the archive has one.
    X, y = notebook_windows(recordings)
    groups = np.repeat([f"S{i}" for i in range(1, 9)], 12)
    windows = Windows.from_arrays(X, y, groups, feature_names=FEATURES)
    archive = AgentArchive(path, subject="S1", target="heart_rate")
    with pytest.raises(ValueError, match="holds windows of S2, not only of subject='S1'"):
        SynthefyAugmenter(archive).fit(windows)


@pytest.mark.parametrize("spelling", [str, float, lambda i: str(float(i)), int])
@pytest.mark.parametrize("recorded", [int, float, str])
def test_subjects_that_are_numbers_match_in_every_spelling(
    path: Path, recordings: pd.DataFrame, spelling: Callable, recorded: Callable
) -> None:
    table = table_of([2, 1], 12, seed=1, numbered=True)
    table["subject"] = table["subject"].map(spelling)
    numbered = recordings.assign(subject=recordings["subject"].str[1:].map(recorded))
    synthetic = augmented(AgentArchive(zipped(path, table)), numbered, 6)
    assert set(synthetic.groups) == {recorded(1), recorded(2)}
    X = notebook_windows(table)[0]
    assert_array_equal(synthetic[synthetic.groups == recorded(1)].to_numpy(), X[12:15])
    joined = Windows.concatenate([windower().fit_transform(numbered), synthetic])
    assert len(set(joined.groups)) == 8


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.assign(window_idx=t.window_idx.where(t.index % 80 != 0, 0)), "instead of 16"),
        (
            lambda t: t.assign(subject=t.subject.where(t.index != 5, "S2")),
            "A window of the archive .* has several values of 'subject'",
        ),
        (
            lambda t: t.assign(subject=t.subject.where(t.index != 5)),
            "The column 'subject' of the archive .* is missing in 1 rows",
        ),
    ],
)
def test_a_window_without_a_single_subject_is_an_error(
    path: Path, recordings: pd.DataFrame, spoil: Callable, message: str
) -> None:
    zipped(path, spoil(table_of(["S1", "S2"], 10, seed=1, numbered=True)))
    with pytest.raises(ValueError, match=message):
        augmented(AgentArchive(path), recordings)


def test_conditions_cannot_be_varied(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    augmenter = SynthefyAugmenter(
        AgentArchive(zipped(path, of_s1), subject="S1"), variations=[{"heart_rate": ("add", 10)}]
    )
    with pytest.raises(ValueError, match="AgentArchive does not support variations"):
        augmenter.fit(windower().fit_transform(recordings))


# Malformed files


def refusal(path: Path, features: Sequence[str] = FEATURES) -> str:
    """The reason why these columns of a file are not read."""
    X = np.zeros((2, SIZE, len(features)))
    windows = Windows.from_arrays(X, feature_names=features, channels_first=False)
    with pytest.raises(ValueError, match="cannot be read as an archive of the agent") as caught:
        AgentArchive(path).fit(windows)
    message = str(caught.value)
    assert repr(str(path)) in message
    return message.split("or a parquet file): ")[1]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["other.parquet"],
        [ENTRY, "readme.txt"],
        [ENTRY, ENTRY],
        [f"folder/{ENTRY}"],
        [f"/{ENTRY}"],
        [f"../{ENTRY}"],
        [f"C:\\{ENTRY}"],
        [f"{ENTRY}/"],
        ["folder/", ENTRY],
        [ENTRY.upper()],
    ],
    ids=str,
)
def test_a_zip_that_holds_anything_else_is_refused(
    path: Path, of_s1: pd.DataFrame, names: list[str]
) -> None:
    zipped(path, of_s1, names)
    assert refusal(path).startswith(f"it holds {names[0] if names else 'nothing'}")


def patched(path: Path, offset: int, value: bytes, record: bytes = b"PK\x01\x02") -> None:
    """Change a field of a record of the zip: of the central directory, which readers go by."""
    content = bytearray(path.read_bytes())
    at = content.rindex(record) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)


SIZES = {"packed": 20, "unpacked": 24}


def test_an_encrypted_zip_is_refused(path: Path, of_s1: pd.DataFrame) -> None:
    zipped(path, of_s1)
    patched(path, 8, b"\1\0")
    patched(path, 6, b"\1\0", b"PK\x03\x04")
    assert refusal(path) == "it is encrypted."


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_entry_is_refused(path: Path, method: int) -> None:
    zipped(path, bytes(2**24), method=method)
    assert refusal(path) == "its entry is compressed, which the agent does not do."


def peak_of(call: Callable[[], Any]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "lie",
    [
        {},
        {"unpacked": 1000},
        {"unpacked": 2**24},
        {"packed": 2**31 - 1, "unpacked": 2**31 - 1},
        {"packed": 2**26, "unpacked": 2**30},
    ],
    ids=str,
)
def test_a_compressed_bomb_is_not_decompressed_whatever_sizes_it_claims(
    path: Path, lie: dict[str, int]
) -> None:
    zipped(path, bytes(2**26), method=zipfile.ZIP_DEFLATED)  # of 64 MiB, in 64 KiB
    for name, value in lie.items():
        patched(path, SIZES[name], struct.pack("<I", value))
    assert peak_of(lambda: refusal(path)) < 2**25


@pytest.mark.parametrize("unpacked", [100, 10**6])
def test_an_entry_that_claims_another_size_is_refused(
    path: Path, of_s1: pd.DataFrame, unpacked: int
) -> None:
    zipped(path, of_s1)
    patched(path, SIZES["unpacked"], struct.pack("<I", unpacked))
    assert refusal(path)


def test_a_parquet_file_that_is_not_a_table_of_windows_is_refused(path: Path) -> None:
    nested = pa.table({"BVP": pa.array([[1.0]] * SIZE)})
    zipped(path, nested)
    assert refusal(path, ["BVP"]) == "its column 'BVP' holds list<element: double>."
    twice = pa.Table.from_arrays([pa.array([1.0] * SIZE)] * 2, names=["BVP", "BVP"])
    zipped(path, twice)
    assert refusal(path) == "two of its columns have the same name."


def varint(number: int, length: int) -> bytes:
    """A number in the encoding of the footer of a parquet file, in `length` bytes."""
    doubled = 2 * number
    groups = [doubled >> 7 * i & 127 for i in range(length)]
    return b"\x16" + bytes([*(group | 128 for group in groups[:-1]), groups[-1]])


def claim(path: Path, n_rows: int, instead_of: int) -> None:
    """Change the first number of rows in the footer: that of the whole file."""
    content = path.read_bytes()
    length = -(-(2 * instead_of).bit_length() // 7)
    footer = len(content) - 8 - struct.unpack("<I", content[-8:-4])[0]
    at = content.index(varint(instead_of, length), footer)
    path.write_bytes(content[:at] + varint(n_rows, length) + content[at + length + 1 :])
    assert pq.read_metadata(path).num_rows == n_rows


def test_a_file_that_claims_too_many_rows_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / ENTRY
    rows = pa.table({"BVP": pa.nulls(5_000_000, pa.int8())})
    with pq.ParquetWriter(path, rows.schema, write_statistics=False) as writer:
        for _ in range(40):
            writer.write_table(rows, row_group_size=len(rows))
    assert path.stat().st_size < 10**6
    assert peak_of(lambda: refusal(path)) < 2**21
    assert refusal(path) == "it claims to hold 200,000,000 rows."
    claim(path, 160, instead_of=200_000_000)
    assert refusal(path) == "it claims to hold 200,000,000 rows."


def test_a_file_that_claims_too_many_values_is_refused_unread(tmp_path: Path) -> None:
    path, names = tmp_path / ENTRY, [f"x{i}" for i in range(1100)]
    pq.write_table(pa.table({name: pa.nulls(12_345, pa.int8()) for name in names}), path)
    claim(path, 1_000_000, instead_of=12_345)
    assert refusal(path, names) == "it claims to hold 1,000,000 rows of 1100 columns."


def write(path: Path, column: Any, **options: Any) -> None:
    """Write a parquet file with one column."""
    pq.write_table(pa.table({"BVP": column}), path, store_schema=False, **options)


@pytest.mark.parametrize(
    ("column", "options"),
    [
        (np.zeros(20_000_000), {}),
        (pa.array(np.zeros(2_000_000)).cast(pa.decimal256(76, 30)), {}),
        (["a" * 10_000] * 15_000, {"compression": "zstd", "use_dictionary": False}),
        (
            ["a" * 10_000] * 15_000,
            {"use_dictionary": False, "column_encoding": {"BVP": "DELTA_BYTE_ARRAY"}},
        ),
    ],
    ids=["zeros", "decimals", "compressed text", "text by prefixes"],
)
def test_a_small_file_cannot_take_much_memory(
    tmp_path: Path, column: Any, options: dict[str, Any]
) -> None:
    path = tmp_path / ENTRY
    write(path, column, **options)
    assert path.stat().st_size < 10**6
    pool = pa.default_memory_pool()
    before = pool.bytes_allocated()
    reason = refusal(path, ["BVP"])
    assert pool.bytes_allocated() == before
    assert re.search("would take .* bytes of memory|in an encoding without bounds", reason)


def test_columns_that_are_not_read_do_not_count(
    path: Path, recordings: pd.DataFrame, of_s1: pd.DataFrame
) -> None:
    table = pa.Table.from_pandas(of_s1)
    long = pa.DictionaryArray.from_arrays(np.zeros(160, np.int32), ["a" * 10**7])
    for i in range(20):
        table = table.append_column(f"x{i}", long)
    table = table.append_column("nested", pa.array([[1.0]] * 160))
    zipped(path, table)
    synthetic = augmented(AgentArchive(path, subject="S1"), recordings)
    assert_array_equal(synthetic.to_numpy(), notebook_windows(of_s1)[0])


@pytest.mark.parametrize("options", [{}, {"data_page_version": "2.0"}, {"use_dictionary": False}])
def test_pages_are_found_as_readers_find_them(tmp_path: Path, options: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    for column in (rng.normal(size=100_000), [str(i % 7) for i in range(100_000)], [None] * 10):
        path = tmp_path / ENTRY
        write(path, column, data_page_size=4096, write_page_checksum=True, **options)
        chunk = pq.read_metadata(path).row_group(0).column(0)
        pages = list(pages_of(path.read_bytes(), chunk))
        assert all(page.has_checksum for page in pages)
        # The footer counts the headers of pages as well, of some 20 to 60 bytes.
        headers = chunk.total_uncompressed_size - sum(page.size for page in pages)
        assert 10 * len(pages) < headers < 100 * len(pages)


def test_a_long_text_in_every_row_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / ENTRY
    notes = pa.DictionaryArray.from_arrays(np.zeros(1000 * SIZE, np.int32), ["long " * 20_000])
    table = pa.Table.from_pandas(table_of(["S1"], 1000, numbered=True)).append_column("note", notes)
    pq.write_table(table, path, store_schema=False, write_page_checksum=True)
    assert pq.read_schema(path).field("note").type == pa.string()
    archive = AgentArchive(path)
    windows = windower().fit_transform(table_of(["S1"], 3).assign(note="short"))
    pool = pa.default_memory_pool()
    most = pool.max_memory()
    assert peak_of(lambda: archive.fit(windows)) < 2**26
    assert pool.max_memory() < most + 2**26  # in every row it would be 1.6 GB
    assert archive.n_windows_ == 1000


def test_a_file_that_is_not_a_zip_is_refused(path: Path, of_s1: pd.DataFrame) -> None:
    path.write_text("this is not a zip")
    assert refusal(path) == "File is not a zip file."
    path.write_bytes(b"")
    assert refusal(path) == "File is not a zip file."
    zipped(path, b"this is not parquet")
    assert refusal(path).startswith("Parquet magic bytes not found")
    path.write_bytes(b"PAR1 but not parquet")
    assert refusal(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, None])
@pytest.mark.filterwarnings("ignore:Damage to .* would not be noticed")
def test_a_damaged_file_is_read_correctly_or_refused(
    tmp_path: Path, of_s1: pd.DataFrame, method: int | None
) -> None:
    path = tmp_path / "archive"
    content = parquet(of_s1)
    if method is not None:
        content = zipped(path, content, method=method).read_bytes()
    windows = windower(subject=None).fit_transform(of_s1)
    expected = notebook_windows(of_s1)[0]
    rng = np.random.default_rng(0)
    for length in rng.integers(0, len(content), 30):
        path.write_bytes(content[:length])
        assert refusal(path)
    for at in rng.integers(0, len(content), 100):
        flipped = bytearray(content)
        flipped[at] ^= 1 << rng.integers(8)
        path.write_bytes(flipped)
        try:
            archive = AgentArchive(path).fit(windows)
        except ValueError:
            continue
        if method is not None:  # parquet alone has no checksum
            conditions = windows[:10]._drawn(np.zeros(10))
            assert_array_equal(archive.synthesize(conditions).to_numpy(), expected)
