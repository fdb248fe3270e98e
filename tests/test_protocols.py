"""The comparison of protocols."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import pipeline as sklearn_pipeline
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.preprocessing import StandardScaler

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowRegressor,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug.evaluation import compare_protocols
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold, window_scorer

MAE = "neg_mean_absolute_error"


def pipeline(*first: Any, n_synthetic: float | int = 1.0) -> Any:
    spectrum = WindowSpectrum(0.5, 4.0, 32)
    augmenter = SynthefyAugmenter(n_synthetic=n_synthetic)
    return make_pipeline(*first, augmenter, spectrum, StandardScaler(), Ridge())


def test_scores_are_those_of_cross_validation(windows: Windows) -> None:
    scores = compare_protocols(
        pipeline(), windows, protocols=("TRTR", "TRSTR", "TSTR"), progress=False
    ).scores
    for protocol, train_on in (
        ("TRTR", "real"),
        ("TRSTR", "real+synthetic"),
        ("TSTR", "synthetic"),
    ):
        expected = cross_val_score(
            pipeline().set_params(synthefyaugmenter__train_on=train_on),
            windows,
            windows.y,
            cv=LeaveOneSubjectOut(),
            scoring=MAE,
        )
        assert_array_equal(scores.loc[scores["protocol"] == protocol, "score"], expected)


def test_each_fold_tells_what_was_trained_on_and_who_was_tested(windows: Windows) -> None:
    scores = compare_protocols(
        pipeline(n_synthetic=10),
        windows,
        protocols=("TRTR", "TRSTR", "TSTR"),
        cv=SubjectKFold(3),
        progress=False,
    ).scores
    assert scores["protocol"].tolist() == ["TRTR"] * 3 + ["TRSTR"] * 3 + ["TSTR"] * 3
    assert scores["fold"].tolist() == [0, 1, 2] * 3
    of_subject = pd.Series(windows.groups).value_counts()
    for row in scores.itertuples():
        tested = row.subjects.split(", ")
        assert len(tested) == 2
        n_real = len(windows) - of_subject[tested].sum()
        assert row.n_real == (0 if row.protocol == "TSTR" else n_real)
        assert row.n_synthetic == (0 if row.protocol == "TRTR" else 10)


def test_the_summary_pairs_folds(windows: Windows) -> None:
    comparison = compare_protocols(pipeline(), windows, cv=SubjectKFold(3), progress=False)
    real, both = (
        comparison.scores.loc[comparison.scores["protocol"] == name, "score"].to_numpy()
        for name in ("TRTR", "TRSTR")
    )
    summary = comparison.summary()
    assert summary.index.tolist() == ["TRTR", "TRSTR"]
    assert_allclose(summary["mean"], [real.mean(), both.mean()])
    assert_allclose(summary["sd"], [real.std(ddof=1), both.std(ddof=1)])
    assert_allclose(summary["difference_to_TRTR"], [0.0, (both - real).mean()])


def test_without_trtr_there_is_no_difference(windows: Windows) -> None:
    comparison = compare_protocols(
        pipeline(), windows, protocols=("TSTR",), cv=SubjectKFold(2), progress=False
    )
    assert comparison.summary()["difference_to_TRTR"].isna().all()


def test_tables_and_windows_both_doors_and_searches_score_alike(
    recordings: pd.DataFrame, windows: Windows
) -> None:
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    scaled = sklearn_pipeline.make_pipeline(StandardScaler(), Ridge())
    second = sklearn_pipeline.make_pipeline(
        SynthefyAugmenter(), WindowSpectrum(0.5, 4.0, 32), WindowRegressor(scaled)
    )
    search = GridSearchCV(
        pipeline(), {"ridge__alpha": [1.0]}, cv=SubjectKFold(2), scoring=window_scorer(MAE)
    )
    expected = compare_protocols(pipeline(), windows, cv=SubjectKFold(3), progress=False).scores
    for estimator, X in (
        (pipeline(windower), recordings),
        (second, windows),
        (search, windows),
    ):
        scores = compare_protocols(estimator, X, cv=SubjectKFold(3), progress=False).scores
        assert_allclose(scores["score"], expected["score"])
        assert_array_equal(scores["n_synthetic"], expected["n_synthetic"])


def test_two_processes_give_the_scores_of_one(windows: Windows) -> None:
    one, two = (
        compare_protocols(pipeline(), windows, cv=SubjectKFold(2), n_jobs=n, progress=False).scores
        for n in (1, 2)
    )
    pd.testing.assert_frame_equal(one.drop(columns="fit_seconds"), two.drop(columns="fit_seconds"))


def test_more_than_twenty_subjects_are_tested_in_ten_folds() -> None:
    rng = np.random.default_rng(0)
    for n_subjects, n_folds in ((20, 20), (21, 10)):
        windows = Windows.from_arrays(
            rng.normal(size=(2 * n_subjects, 16, 1)),
            y=rng.normal(size=2 * n_subjects),
            groups=np.repeat(np.arange(n_subjects), 2),
        )
        simple = make_pipeline(SynthefyAugmenter(), WindowSpectrum(), Ridge())
        scores = compare_protocols(simple, windows, protocols=["TRTR"], progress=False).scores
        assert scores["fold"].nunique() == n_folds


def test_a_table_may_call_its_subjects_otherwise(recordings: pd.DataFrame) -> None:
    table = recordings.rename(columns={"subject": "wearer"})
    windower = SubjectWindower(256, features=["BVP"], target="heart_rate", subject="wearer")
    scores = compare_protocols(pipeline(windower), table, progress=False).scores
    assert scores.loc[scores["protocol"] == "TRTR", "subjects"].tolist() == [
        f"S{i}" for i in range(1, 7)
    ]


def test_groups_may_be_passed(windows: Windows) -> None:
    pairs = (pd.factorize(windows.groups)[0] // 2).astype(str)
    scores = compare_protocols(pipeline(), windows, groups=pairs, progress=False).scores
    assert sorted(set(scores["subjects"])) == ["0", "1", "2"]


def test_a_subject_on_both_sides_is_refused(windows: Windows) -> None:
    with pytest.raises(ValueError, match="subject 'S1' on both sides"):
        compare_protocols(pipeline(), windows, cv=KFold(2, shuffle=True, random_state=0))


def test_one_augmenter_is_needed(windows: Windows) -> None:
    with pytest.raises(ValueError, match="found none"):
        compare_protocols(make_pipeline(WindowSpectrum(), Ridge()), windows)
    with pytest.raises(ValueError, match="found 2: synthefyaugmenter-1, synthefyaugmenter-2"):
        compare_protocols(
            make_pipeline(SynthefyAugmenter(), SynthefyAugmenter(), WindowSpectrum(), Ridge()),
            windows,
        )


@pytest.mark.parametrize("protocols", [(), ("TRTR", "RTTR")])
def test_unknown_protocols_are_refused(windows: Windows, protocols: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="TRTR, TRSTR, TSTR"):
        compare_protocols(pipeline(), windows, protocols=protocols)


def test_an_error_in_a_fit_is_the_users_to_see(windows: Windows) -> None:
    with pytest.raises(ValueError, match="n_synthetic=-1"):
        compare_protocols(pipeline(n_synthetic=-1), windows, progress=False)
