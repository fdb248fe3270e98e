"""Tables that are larger than memory, and computations on a real cluster of two worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn.linear_model import Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.preprocessing import FunctionTransformer

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowAutocorrelation,
    WindowFlattener,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    make_pipeline,
)
from skaug.evaluation import compare_protocols
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold
from skaug.synthesis import SynthefyAPI, WindowStore, estimate_calls

pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")

from distributed import Client  # noqa: E402

from skaug.out_of_core.lazy_windows import LazyWindows  # noqa: E402

MAE = "neg_mean_absolute_error"


pytestmark = [
    pytest.mark.usefixtures("cluster"),
    # Of fits that are sent in batches. As an error in joblib's event loop it leaves them waiting for ever.
    pytest.mark.filterwarnings("ignore:Sending large graph:UserWarning"),
    pytest.mark.filterwarnings("ignore:.* (are left out|windows contain a gap):skaug.DataWarning"),
]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Subjects of different lengths, in two sessions each, with a gap in time and a few missing values."""
    rng = np.random.default_rng(0)
    parts = []
    for i, n in enumerate([90, 41, 64, 7, 120]):
        time = np.arange(n) / 10
        time[n // 3 :] += 5.0
        parts.append(
            pd.DataFrame(
                {
                    "BVP": rng.normal(size=n),
                    "ECG": rng.normal(size=n),
                    "part": np.arange(n) // 50,
                    "time": time,
                    "activity": rng.choice(["rest", "walk"], n),
                    "heart_rate": rng.uniform(50, 150, n),
                    "subject": f"S{i + 1}",
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def frame_of(table: pd.DataFrame, parts: tuple[tuple[str, ...], ...]) -> Any:
    """Give a dask frame with a partition for each of these groups of subjects."""
    return dd.concat(
        [
            dd.from_pandas(table[table["subject"].isin(names)], npartitions=1, sort=False)
            for names in parts
        ]
    )


PARTS = (("S1", "S2"), ("S3",), ("S4",), ("S5",))
FEATURES = ["BVP", "ECG"]


def windower_of(**parameters: Any) -> SubjectWindower:
    return SubjectWindower(
        **{"window_size": 8, "features": FEATURES, "target": "heart_rate"} | parameters
    )


def assert_same(given: Windows, expected: Windows) -> None:
    assert_array_equal(given.to_numpy(), expected.to_numpy())
    assert_array_equal(given.groups, expected.groups)
    assert_frame_equal(given.origins, expected.origins)
    if expected.y is None:
        assert given.y is None
    else:
        assert_array_equal(given.y, expected.y)
    assert_frame_equal(given.context, expected.context, check_categorical=False, check_dtype=False)


# Windows of partitions are those of the whole table


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"stride": 3},
        {"last": "align", "boundaries": "part"},
        {"boundaries": "part"},
        {"time": "time", "max_gap": 1.0},
        {"target": None},
        {"target": "activity", "target_agg": "mode"},
        {"target": "activity", "target_agg": "mode", "purity": 0.7},
        {"target": ["heart_rate", "ECG"], "features": ["BVP"]},
        {"target": ["activity", "subject"], "target_agg": "mode"},
        {"features": None, "time": "time"},
        {"dtype": "float32", "window_size": 41},
    ],
    ids=str,
)
def test_windows_of_partitions_are_those_of_the_whole_table(
    table: pd.DataFrame, parameters: dict[str, Any]
) -> None:
    windower = windower_of(**parameters)
    expected = windower.fit_transform(table)
    lazy = windower_of(**parameters).fit_transform(frame_of(table, PARTS))
    assert isinstance(lazy, LazyWindows)
    assert lazy.shape == expected.shape
    assert len(lazy) == len(expected)
    assert_same(lazy.compute(), expected)
    counted = lazy.counts.set_index("subject")["n_windows"]
    present = counted[counted > 0].to_dict()
    assert present == pd.Series(expected.groups).value_counts().to_dict()


@pytest.mark.parametrize("missing", ["keep", "drop", "ffill"])
def test_missing_values_are_treated_alike(table: pd.DataFrame, missing: str) -> None:
    holed = table.copy()
    holed.loc[[0, 20, 95, 150], "BVP"] = np.nan
    holed.loc[[30, 200], "heart_rate"] = np.nan
    windower = windower_of(missing=missing, stride=4)
    expected = windower.fit_transform(holed)
    assert_same(windower.transform(frame_of(holed, PARTS)).compute(), expected)


def test_columns_that_differ_from_those_fitted_are_refused_at_once(table: pd.DataFrame) -> None:
    windower = windower_of().fit(table)
    with pytest.raises(ValueError, match="feature names"):
        windower.transform(frame_of(table.drop(columns="ECG"), PARTS))


def test_without_its_target_a_table_gives_windows_without_labels(table: pd.DataFrame) -> None:
    windower = windower_of().fit(table)
    lazy = windower.transform(frame_of(table.drop(columns="heart_rate"), PARTS))
    assert lazy.y is None
    assert lazy.compute().y is None


def test_nothing_is_read_before_something_is_asked_for(table: pd.DataFrame) -> None:
    def fail() -> pd.DataFrame:
        raise OSError("the disk was read")

    frame = dd.from_delayed([dask.delayed(fail)()], meta=table.head(0), verify_meta=False)
    lazy = windower_of().fit_transform(frame)
    assert repr(lazy) == "LazyWindows(of 8 x 2: BVP, ECG; 1 partition)"
    with pytest.raises(OSError, match="the disk was read"):
        lazy.compute()


def test_counting_reads_only_the_columns_that_recordings_break_at(table: pd.DataFrame) -> None:
    def fail(column: pd.Series) -> pd.Series:
        raise OSError("a channel was read")

    frame = frame_of(table, PARTS)
    broken = frame["BVP"].map_partitions(fail, meta=("BVP", "f8"))
    lazy = windower_of(time="time").fit_transform(frame.assign(BVP=broken))
    assert lazy.n_windows == len(windower_of(time="time").fit_transform(table))
    with pytest.raises(OSError, match="a channel was read"):
        lazy.compute()


def test_small_files_are_not_read_as_one_partition(table: pd.DataFrame, tmp_path: Path) -> None:
    # Dask does so where few of the columns are read: windows of one file would be taken for another's.
    wide = table.assign(**{f"unused_{i}": 0.0 for i in range(30)})
    for i, (_, rows) in enumerate(wide.groupby("subject")):
        rows.to_parquet(tmp_path / f"part.{i}.parquet", index=False)
    frame = dd.read_parquet(tmp_path)
    frame = frame.assign(BVP=frame["BVP"] * 2)
    assert frame[["BVP", "subject"]].optimize().npartitions < frame.npartitions == 5
    lazy = windower_of().fit_transform(frame)
    expected = windower_of().fit_transform(wide.assign(BVP=wide["BVP"] * 2))
    assert_same(lazy.compute(), expected)
    X, y = dask.compute(lazy.to_dask_array(), lazy.y)
    assert_array_equal(X, WindowFlattener().fit_transform(expected).to_numpy())
    assert_array_equal(y, expected.y)


# Partitions that do not do


def test_a_subject_in_two_partitions_is_refused_and_the_remedy_works(table: pd.DataFrame) -> None:
    frame = dd.from_pandas(table, npartitions=4, sort=False)
    lazy = windower_of(time="time").fit_transform(frame)
    with pytest.raises(ValueError, match="'S1' are in partition 0 and in partition 1") as error:
        lazy.compute()
    assert str(error.value).endswith(
        "frame.shuffle('subject').map_partitions(lambda part: part.sort_values(['subject', 'time']))."
    )
    mended = frame.shuffle("subject").map_partitions(
        lambda part: part.sort_values(["subject", "time"])
    )
    given = windower_of(time="time").fit_transform(mended).compute()
    expected = windower_of(time="time").fit_transform(table)
    order = given.origins.sort_values(["subject", "first_row"]).index.to_numpy()
    assert_same(given[order], expected)


def test_partitions_without_windows_are_left_out(table: pd.DataFrame) -> None:
    frame = frame_of(table, (*PARTS, ("nobody",)))
    lazy = windower_of(window_size=50).fit_transform(frame)
    assert lazy.npartitions == 5
    assert len(lazy.partitions) == 3
    assert [len(windows) for windows in lazy] == [1, 1, 2]
    assert lazy.to_dask_array().chunks[0] == (1, 1, 2)
    assert lazy.groups.compute().tolist() == ["S1", "S3", "S5", "S5"]


def test_no_window_at_all_is_an_error_that_says_why(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"the longest \(subject 'S5'\) has 120"):
        windower_of(window_size=121).fit_transform(frame_of(table, PARTS)).compute()
    empty = windower_of(missing="drop").fit_transform(frame_of(table.assign(BVP=np.nan), PARTS))
    with pytest.raises(ValueError, match="Every window of 8 rows contains a missing value"):
        empty.compute()
    with pytest.raises(ValueError, match="The table has no rows"):
        windower_of().fit_transform(frame_of(table, (("nobody",),))).compute()


def test_an_error_says_in_which_partition_it_is(table: pd.DataFrame) -> None:
    holed = table.copy()
    holed.loc[table.index[table["subject"] == "S3"][5], "ECG"] = np.nan
    with pytest.raises(
        ValueError, match=r"In partition 1: Values are missing or infinite in 'ECG' \(1\)"
    ):
        windower_of().fit_transform(frame_of(holed, PARTS)).compute()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alignment": "table"}, "use alignment='subject'"),
        ({"subject": None, "target": None}, r"frame.repartition\(npartitions=1\)"),
    ],
)
def test_what_partitions_cannot_do_is_refused_at_once(
    table: pd.DataFrame, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        windower_of(**parameters).fit_transform(frame_of(table, PARTS))


def test_labels_of_ones_own_are_refused(table: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="name it in target"):
        windower_of().fit_transform(frame_of(table, PARTS), np.zeros(len(table)))


def test_a_table_of_one_recording_is_one_partition(table: pd.DataFrame) -> None:
    windower = windower_of(subject=None)
    lazy = windower.fit_transform(dd.from_pandas(table, npartitions=1))
    assert lazy.groups is None
    assert_array_equal(lazy.compute().to_numpy(), windower.fit_transform(table).to_numpy())


@pytest.mark.parametrize("known", [True, False])
def test_subjects_may_be_categories(table: pd.DataFrame, known: bool) -> None:
    coded = table.astype({"subject": "category"})
    frame = frame_of(coded, PARTS)
    if not known:
        frame["subject"] = frame["subject"].cat.as_unknown()
    assert_same(windower_of().fit_transform(frame).compute(), windower_of().fit_transform(coded))


# What other libraries take


@pytest.mark.parametrize(
    "step",
    [
        None,
        WindowStatistics(),
        WindowSpectrum(0.5, 4, sampling_rate=10),
        WindowSpectrum(sampling_rate=10, bands={"pulse": (0.5, 4)}),
        WindowAutocorrelation(n_lags=5),
    ],
    ids=repr,
)
def test_features_are_a_dask_array_of_known_chunks(table: pd.DataFrame, step: Any) -> None:
    expected = (step or WindowFlattener()).fit_transform(windower_of().fit_transform(table))
    lazy = windower_of().fit_transform(frame_of(table, PARTS))
    features = lazy.to_dask_array(step)
    assert features.shape == expected.shape
    assert features.chunks == ((16, 8, 15), expected.shape[1:])
    assert features.dtype == expected.dtype
    # Of blocks of another length NumPy adds in another order.
    assert_allclose(features.compute(), expected.to_numpy(), rtol=1e-12)
    assert lazy.y.chunks == (features.chunks[0],) == lazy.groups.chunks
    assert_array_equal(lazy.y.compute(), expected.y)
    assert_array_equal(lazy.groups.compute(), expected.groups)


def test_a_step_that_learns_from_values_is_refused(table: pd.DataFrame) -> None:
    lazy = windower_of().fit_transform(frame_of(table, PARTS))
    with pytest.raises(TypeError, match="such as WindowSpectrum"):
        lazy.to_dask_array(SGDRegressor())


def test_features_and_labels_together_cut_each_partition_once(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    def counted(block: np.ndarray) -> np.ndarray:
        with open(tmp_path / "cuts", "a") as file:
            file.write("cut\n")
        return block.mean(axis=1)

    lazy = windower_of(target_agg=counted).fit_transform(frame_of(table, PARTS[1:2]))
    X, y = lazy.to_dask_array(), lazy.y
    (tmp_path / "cuts").unlink()  # of the window that is made up to learn the type of labels
    dask.compute(X, y)
    assert (tmp_path / "cuts").read_text() == "cut\n"


def test_a_model_is_fitted_partition_by_partition(table: pd.DataFrame) -> None:
    lazy = windower_of().fit_transform(frame_of(table, PARTS))
    by_partition, at_hand = SGDRegressor(random_state=0), SGDRegressor(random_state=0)
    for windows in lazy:
        by_partition.partial_fit(WindowFlattener().fit_transform(windows)._to_plain(), windows.y)
    whole = windower_of().fit_transform(table)
    for names in PARTS:
        part = whole[np.isin(whole.groups, names)]
        if len(part):
            at_hand.partial_fit(part.to_numpy().reshape(len(part), -1), part.y)
    assert_array_equal(by_partition.coef_, at_hand.coef_)


def test_partitions_are_augmented_with_the_windows_that_the_whole_table_is(
    table: pd.DataFrame,
) -> None:
    augmenter = SynthefyAugmenter(ratio=0.5)
    lazy = windower_of().fit_transform(frame_of(table, PARTS))
    parts = dask.compute(*map(dask.delayed(augmenter.fit_transform), lazy.partitions))
    given = Windows.concatenate([part[part.is_synthetic] for part in parts])
    whole = augmenter.fit_transform(windower_of().fit_transform(table))
    expected = whole[whole.is_synthetic]
    assert len(expected) > 0
    order = given.origins.sort_values(["subject", "first_row"]).index.to_numpy()
    expected_order = expected.origins.sort_values(["subject", "first_row"]).index.to_numpy()
    assert_array_equal(given[order].to_numpy(), expected[expected_order].to_numpy())
    assert_array_equal(given[order].y, expected[expected_order].y)


def test_a_pipeline_says_what_to_do_with_a_dask_frame(table: pd.DataFrame) -> None:
    pipe = make_pipeline(windower_of(), WindowFlattener(), Ridge())
    with pytest.raises(TypeError, match=r"\.to_dask_array\(\)"):
        pipe.fit(frame_of(table, PARTS))


def test_the_package_and_its_command_line_do_not_import_dask() -> None:
    code = "import sys, skaug.cli, skaug.evaluation; sys.exit('dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Folds and grid points on the cluster


def pipeline_of(synthesizer: Any = None) -> Any:
    return make_pipeline(
        SynthefyAugmenter(synthesizer),
        WindowSpectrum(0.5, 4, sampling_rate=32),
        Ridge(),
    )


def test_folds_and_grid_points_on_the_cluster_score_as_in_this_process(
    windows: Windows, cluster: Client, tmp_path: Path
) -> None:
    def noted(features: np.ndarray) -> np.ndarray:
        (tmp_path / str(os.getpid())).touch()
        return features

    pipe, cv = pipeline_of(), SubjectKFold(3)
    pipe.steps.insert(2, ("noted", FunctionTransformer(noted)))
    here = cross_validate(pipe, windows, windows.y, cv=cv, scoring=MAE)["test_score"]
    grid = {"ridge__alpha": [0.1, 10.0], "synthefyaugmenter__ratio": [0.5, 1.0]}
    search = GridSearchCV(pipe, grid, cv=cv, scoring=MAE, error_score="raise")
    search_here = search.fit(windows, windows.y).cv_results_["mean_test_score"]
    (tmp_path / str(os.getpid())).unlink()
    with joblib.parallel_config("dask"):
        there = cross_validate(pipe, windows, windows.y, cv=cv, scoring=MAE)["test_score"]
        search_there = search.fit(windows, windows.y).cv_results_["mean_test_score"]
    assert_allclose(there, here, rtol=1e-10)
    assert_allclose(search_there, search_here, rtol=1e-10)
    at_work = {int(path.name) for path in tmp_path.iterdir()}
    assert at_work <= set(cluster.run(os.getpid).values()) | {os.getpid()}
    assert at_work - {os.getpid()}  # the best pipeline is refitted in this process


def test_a_dask_frame_cannot_be_split_as_it_is(table: pd.DataFrame) -> None:
    frame = frame_of(table, PARTS)
    with pytest.raises(TypeError, match="cut it with SubjectWindower"):
        next(SubjectKFold(2).split(frame))


def test_protocols_on_the_cluster_score_as_in_this_process(windows: Windows) -> None:
    protocols = ("TRTR", "TRSTR", "TSTR")
    options: dict[str, Any] = {"protocols": protocols, "cv": SubjectKFold(3), "progress": False}
    here = compare_protocols(pipeline_of(), windows, **options)
    with joblib.parallel_config("dask"):
        there = compare_protocols(pipeline_of(), windows, **options)
    same = [name for name in here.scores if not name.endswith("_seconds")]
    assert_frame_equal(there.scores[same], here.scores[same])


def test_folds_and_grid_points_on_the_cluster_pay_for_each_window_once(
    windows: Windows, tmp_path: Path
) -> None:
    server = pytest.importorskip("skaug.server")
    windows = windows[np.isin(windows.groups, ["S1", "S2", "S3"])][::3]
    with server.running(window_size=256) as service:
        api = SynthefyAPI("me", "ppg", "job", base_url=service.base_url, store=tmp_path)
        search = GridSearchCV(
            pipeline_of(api),
            {"ridge__alpha": [0.1, 10.0], "synthefyaugmenter__ratio": [0.5, 1.0]},
            cv=LeaveOneSubjectOut(),
            scoring=MAE,
            error_score="raise",
        )
        foreseen = estimate_calls(search, windows, windows.y)
        with joblib.parallel_config("dask"):
            search.fit(windows, windows.y)
            assert service.computed == foreseen.distinct == len(windows)
            compare_protocols(
                pipeline_of(api), windows, protocols=("TRTR", "TRSTR", "TSTR"), progress=False
            )
            cross_validate(pipeline_of(api), windows, windows.y, cv=SubjectKFold(3), scoring=MAE)
        assert service.computed == len(windows) == len(WindowStore(tmp_path))
