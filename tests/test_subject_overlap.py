"""The warning when a model predicts other windows of a subject it was fitted on."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline as make_plain_pipeline
from sklearn.preprocessing import StandardScaler

from skaug import (
    DataWarning,
    SubjectOverlapWarning,
    SynthefyAugmenter,
    WindowFlattener,
    WindowRegressor,
    Windows,
    WindowStatistics,
    make_pipeline,
)
from skaug.windows.subject_overlap import FittedSubjects


@pytest.fixture
def twelve() -> Windows:
    """Four windows of each of three subjects."""
    X = np.random.default_rng(0).normal(size=(12, 32, 2))
    return Windows.from_arrays(X, y=np.arange(12.0), groups=np.repeat(["A", "B", "C"], 4))


def warned(fitted: Any, X: Any) -> list[type[Warning]]:
    """Return the categories of the warnings when what is fitted on one set predicts another."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        FittedSubjects(fitted).compare(X)
    return [warning.category for warning in caught]


def is_warned(fitted: Any, X: Any) -> bool:
    return SubjectOverlapWarning in warned(fitted, X)


FORMS = {
    "windows": lambda windows: windows,
    "features": lambda windows: WindowStatistics().fit_transform(windows),
    "frame": lambda windows: (
        WindowStatistics().set_output(transform="pandas").fit_transform(windows)
    ),
    "pickled": lambda windows: pickle.loads(pickle.dumps(windows)),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> Any:
    return FORMS[request.param]


def test_other_windows_of_a_fitted_subject_are_noticed(twelve: Windows, form: Any) -> None:
    assert is_warned(form(twelve[:6]), form(twelve[6:]))
    assert is_warned(form(twelve[:6]), form(twelve[4:8]))  # two of them fitted, two not
    assert is_warned(form(twelve[[0, 4, 8]]), form(twelve[[11]]))


def test_the_training_windows_raise_no_warning(twelve: Windows, form: Any) -> None:
    for chosen in (slice(None), slice(2, 5), [3, 3, 0], slice(None, None, -1), []):
        assert not is_warned(form(twelve), form(twelve[chosen]))


def test_new_subjects_raise_no_warning(twelve: Windows, form: Any) -> None:
    assert not is_warned(form(twelve[:8]), form(twelve[8:]))


def test_training_windows_beside_new_subjects_raise_no_warning(twelve: Windows) -> None:
    assert not is_warned(twelve[:8], twelve)


def test_inputs_without_subjects_are_not_compared(twelve: Windows) -> None:
    nameless = Windows.from_arrays(twelve.to_numpy(), y=twelve.y)
    for fitted, X in (
        (nameless[:6], nameless[6:]),
        (nameless[:6], twelve[6:]),
        (twelve[:6], nameless[6:]),
        (twelve[:6], twelve[6:].to_numpy()),
        (twelve[:6].to_numpy(), twelve[6:]),
        (pd.DataFrame({"x": [1.0]}), twelve),
        (twelve, [[1.0]]),
    ):
        assert not is_warned(fitted, X)


def test_empty_sets_are_not_compared(twelve: Windows) -> None:
    assert not is_warned(twelve, twelve[:0])
    assert not is_warned(twelve[:0], twelve)


def test_synthetic_windows_belong_to_the_subject_of_their_condition(twelve: Windows) -> None:
    of_two = SynthefyAugmenter().fit_transform(twelve[:8])
    synthetic = of_two[of_two.is_synthetic]
    assert warned(synthetic, twelve[:4]) == [SubjectOverlapWarning]  # TSTR's training score
    assert warned(SynthefyAugmenter(subjects=["A"]).fit_transform(twelve[:8]), twelve[:8]) == []
    beside = Windows.concatenate([twelve[8:], synthetic])
    assert warned(beside, twelve[4:8]) == [SubjectOverlapWarning]  # B was synthesized only
    assert warned(beside, twelve[8:]) == []
    assert warned(synthetic, twelve[8:]) == []


def test_augmenting_before_the_split_is_noticed(twelve: Windows) -> None:
    augmented = SynthefyAugmenter().fit_transform(twelve)
    assert warned(augmented[::2], augmented[1::2]) == [SubjectOverlapWarning, DataWarning]
    assert warned(augmented, augmented) == []  # a training score


def test_synthetic_windows_to_predict_are_noticed(twelve: Windows) -> None:
    augmented = SynthefyAugmenter().fit_transform(twelve[8:])
    assert warned(twelve[:8], augmented) == [DataWarning]
    nameless = SynthefyAugmenter().fit_transform(Windows.from_arrays(twelve.to_numpy()))
    assert warned(twelve.to_numpy(), nameless) == [DataWarning]
    with pytest.warns(DataWarning, match="4 of the 8 windows to predict are synthetic"):
        FittedSubjects(twelve[:8]).compare(augmented)


def test_the_warning_says_what_the_model_was_fitted_on(twelve: Windows) -> None:
    synthetic = SynthefyAugmenter().fit(twelve[:8]).synthetic_windows_
    with pytest.warns(SubjectOverlapWarning, match="synthetic windows made from 2 of the subjects"):
        FittedSubjects(synthetic).compare(twelve)
    with pytest.warns(SubjectOverlapWarning, match=r"other windows of 1 of the subjects .*\(A\)"):
        FittedSubjects(twelve[:2]).compare(twelve)


@pytest.mark.parametrize(
    "groups", [[1, 1, 2], [1.5, 1.5, 2.0], np.array([1, 1, "1"], dtype=object)]
)
def test_subjects_of_any_kind_are_compared(groups: Any) -> None:
    X = np.random.default_rng(1).normal(size=(3, 8, 1))
    windows = Windows.from_arrays(X, groups=groups)
    assert is_warned(windows[[0]], windows[[1]])
    assert not is_warned(windows[[0]], windows[[2]])


def test_the_warning_names_subjects_and_the_remedy() -> None:
    groups = [f"S{i}" for i in range(5)] * 2
    windows = Windows.from_arrays(np.arange(40.0).reshape(10, 4, 1), groups=groups)
    with pytest.warns(SubjectOverlapWarning) as caught:
        FittedSubjects(windows[:5]).compare(windows[5:])
    message = str(caught[0].message)
    assert "5 of the subjects" in message
    assert "(S0, S1, S2, ...)" in message
    assert "SubjectKFold" in message


@pytest.mark.parametrize("levels", [2, 3, 256])
def test_windows_of_whole_numbers_are_told_apart(levels: int) -> None:
    """Among 5000 and 500 windows of small integers, hardly any occurs twice.

    Windows are compared by 16 of their samples. With two levels, a new window is among n fitted ones
    with probability n / 2^16 or less, and all of 500 with the 500th power of it.
    """
    X = np.random.default_rng(2).integers(0, levels, size=(5500, 64, 1)).astype(float)
    windows = Windows.from_arrays(X, groups=np.zeros(5500))
    known = FittedSubjects(windows[:5000]).windows
    new = FittedSubjects(windows[5000:]).windows
    assert is_warned(windows[:5000], windows[5000:])
    # 5000 / 65536 of 500 are 38, with a standard deviation of 6.
    assert np.isin(new, known).sum() <= 38 + 5 * 6


@pytest.mark.parametrize("door", ["skaug.Pipeline", "WindowRegressor"])
def test_both_kinds_of_pipeline_warn(twelve: Windows, door: str) -> None:
    steps = [SynthefyAugmenter(), WindowFlattener()]
    if door == "skaug.Pipeline":
        pipe = make_pipeline(*steps, StandardScaler(), Ridge())
    else:
        pipe = make_plain_pipeline(*steps, WindowRegressor(Ridge()))
    pipe.fit(twelve[:6])
    with pytest.warns(SubjectOverlapWarning):
        pipe.predict(twelve[6:8])
    with pytest.warns(SubjectOverlapWarning):
        pipe.score(twelve[6:])
    with pytest.warns(SubjectOverlapWarning):
        pipe[1:].predict(twelve[6:8])
    pipe.predict(twelve[8:])
    pipe[1:].predict(twelve[8:])
    pipe.score(twelve[:6])
    leaking = SynthefyAugmenter(first_draw=1).fit_transform(twelve[:6])
    with pytest.warns(SubjectOverlapWarning), pytest.warns(DataWarning):
        pipe.predict(leaking)
    with pytest.warns(SubjectOverlapWarning):
        pickle.loads(pickle.dumps(pipe)).predict(twelve[6:8])
