"""What-if edits: the conditions that the synthesizer gets, and labels that follow the target."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skaug import SubjectWindower, SynthefyAugmenter, Windows
from skaug.synthesis import SurrogateSynthesizer, SynthefyAPI, Synthesizer
from skaug.synthesis.variations import refuse_edits_except

SIZE = 4
N_ROWS = 32


class Obedient(Synthesizer):
    """Return the recorded samples, as if they followed the edited conditions."""

    supports_variations = True

    def synthesize(self, conditions: Windows) -> Windows:
        return conditions.synthesized(conditions.to_numpy())


def table() -> pd.DataFrame:
    """Two subjects, sixteen rows each, and a context column of every kind."""
    rows = np.arange(N_ROWS)
    gaps = [None if row % 5 == 2 else row for row in rows]
    return pd.DataFrame(
        {
            "BVP": np.sin(rows),
            "subject": np.repeat(["A", "B"], 16),
            "heart_rate": 60.0 + rows,
            "AGE": np.repeat([30, 40], 16),
            "WEIGHT": 70.0 + rows / 10,
            "small": (rows + 100).astype(np.int8),
            "unsigned": rows.astype(np.uint8),
            "steps": pd.array(gaps, dtype="Int64"),
            "rested": pd.array([None if gap is None else gap % 2 == 0 for gap in gaps], "boolean"),
            "count": pd.array(gaps, dtype="int64[pyarrow]"),
            "resting": rows % 3 == 0,
            "activity": np.repeat(["walk", "sit"], 16),
            "SPORT": pd.Categorical(np.repeat([3, 1], 16)),
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(rows, unit="s"),
            "since": pd.to_timedelta(rows, unit="s"),
        }
    )


def cut(**changed: Any) -> Windows:
    options = {"features": ["BVP"], "target": "heart_rate"} | changed
    return SubjectWindower(SIZE, **options).fit_transform(table())


def varied(*variations: Any, windows: Windows | None = None, **parameters: Any) -> Windows:
    """The synthetic windows made from the edited conditions."""
    augmenter = SynthefyAugmenter(Obedient(), variations=list(variations), **parameters)
    return augmenter.fit(cut() if windows is None else windows).synthetic_windows_


def recorded_for(synthetic: Windows) -> pd.DataFrame:
    """The rows of the table that synthetic windows are conditioned on."""
    firsts = synthetic.origins["first_row"] + 16 * (synthetic.origins["subject"] == "B")
    rows = (firsts.to_numpy()[:, None] + np.arange(SIZE)).ravel()
    return table().iloc[rows].reset_index(drop=True)


# Edited conditions


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("add", 5), lambda weight: weight + 5),
        (["subtract", 2.5], lambda weight: weight - 2.5),
        (("multiply", 1.1), lambda weight: weight * 1.1),
        (("divide", 2), lambda weight: weight / 2),
        (("add", np.float32(0.5)), lambda weight: weight + 0.5),
        (("multiply", 0), lambda weight: weight * 0),
        (80, lambda weight: weight * 0 + 80),
        (np.int64(80), lambda weight: weight * 0 + 80),
    ],
)
def test_an_edit_is_applied_to_every_row(edit: Any, expected: Any) -> None:
    synthetic = varied({"WEIGHT": edit})
    assert len(synthetic) == 8
    weight = recorded_for(synthetic)["WEIGHT"]
    assert_allclose(synthetic.context["WEIGHT"], expected(weight), rtol=1e-12)


def test_other_columns_stay_as_they_are() -> None:
    synthetic = varied({"WEIGHT": ("add", 5)})
    rows = recorded_for(synthetic)
    for name in synthetic.context.columns.drop("WEIGHT"):
        column = synthetic.context[name]
        assert column.isna().tolist() == rows[name].isna().tolist()
        assert column.dropna().tolist() == rows[name].dropna().tolist()
    assert_array_equal(synthetic.y, rows["heart_rate"].to_numpy().reshape(-1, SIZE).mean(axis=1))


@pytest.mark.parametrize("name", ["small", "unsigned"])
@pytest.mark.parametrize("operation", ["add", "subtract", "multiply"])
@pytest.mark.parametrize("number", [10, 100, 1000])
def test_small_integers_do_not_wrap_around(name: str, operation: str, number: int) -> None:
    synthetic = varied({name: (operation, number)})
    recorded = recorded_for(synthetic)[name].tolist()
    expected = {
        "add": [value + number for value in recorded],
        "subtract": [value - number for value in recorded],
        "multiply": [value * number for value in recorded],
    }
    assert synthetic.context[name].tolist() == expected[operation]


@pytest.mark.parametrize("name", ["steps", "count"])
def test_missing_numbers_stay_missing(name: str) -> None:
    synthetic = varied({name: ("add", 10)})
    recorded = recorded_for(synthetic)[name]
    assert synthetic.context[name].isna().tolist() == recorded.isna().tolist()
    edited = synthetic.context[name].dropna().tolist()
    assert edited == [value + 10 for value in recorded.dropna()]
    assert varied({name: 7}).context[name].tolist() == [7] * 32


@pytest.mark.parametrize("name", ["resting", "rested"])
def test_booleans_can_be_set(name: str) -> None:
    for value in (True, False, np.True_):
        assert varied({name: value}).context[name].tolist() == [value] * 32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("activity", "swim"),
        ("activity", "sit"),
        ("SPORT", 5),
        ("SPORT", 1),
        ("time", pd.Timestamp("2030-05-05")),
        ("since", pd.Timedelta("3s")),
    ],
)
def test_categories_and_times_can_be_set(name: str, value: Any) -> None:
    synthetic = varied({name: value})
    assert synthetic.context[name].tolist() == [value] * 32
    thawed = pickle.loads(pickle.dumps(synthetic))
    assert thawed.context[name].tolist() == [value] * 32


def test_each_variation_is_applied_to_every_condition() -> None:
    variations = [{"WEIGHT": ("add", 5), "AGE": 20}, {"activity": "swim"}, {}]
    plain = SynthefyAugmenter(Obedient(), n_synthetic=5).fit(cut()).synthetic_windows_
    synthetic = varied(*variations, n_synthetic=5)
    assert len(synthetic) == 15
    for i in range(3):
        part = synthetic[5 * i : 5 * i + 5]
        assert part.origins.equals(plain.origins)
        assert_array_equal(part.to_numpy(), plain.to_numpy())
    context = synthetic.context
    assert_allclose(context["WEIGHT"][:20], plain.context["WEIGHT"] + 5)
    assert context["AGE"].tolist() == [20] * 20 + plain.context["AGE"].tolist() * 2
    recorded = plain.context["activity"].tolist()
    assert context["activity"].tolist() == recorded + ["swim"] * 20 + recorded
    assert synthetic[10:].context["activity"].tolist() == recorded


def test_real_windows_are_not_edited() -> None:
    windows = cut()
    augmenter = SynthefyAugmenter(Obedient(), variations=[{"heart_rate": 0, "AGE": 99}])
    augmented = augmenter.fit_transform(windows)
    assert_array_equal(augmented[:8].y, windows.y)
    assert augmented[:8].context["AGE"].tolist() == windows.context["AGE"].tolist()
    assert set(augmented[8:].context["AGE"]) == {99}
    assert not set(windows.context["AGE"]) & {99}


def test_overlapping_windows_are_edited_once() -> None:
    windows = SubjectWindower(SIZE, 1, features=["BVP"], target="heart_rate").fit_transform(table())
    synthetic = varied({"AGE": ("add", 1)}, windows=windows, ratio=2.0)
    assert len(synthetic) == 2 * len(windows)
    assert_array_equal(synthetic.context["AGE"], recorded_for(synthetic)["AGE"] + 1)


def test_variations_of_a_fold_show_no_other_subject() -> None:
    of_a = cut()[:4]
    synthetic = varied({"AGE": 50, "activity": "swim"}, windows=of_a)
    for context in (synthetic.context, synthetic.context_rows):
        assert set(context["subject"].cat.categories) == {"A"}
        assert context["heart_rate"].max() < 60 + 16


# Labels follow the target


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("add", 10), lambda rate: rate + 10),
        (("subtract", 10), lambda rate: rate - 10),
        (("multiply", 2), lambda rate: rate * 2),
        (("divide", 4), lambda rate: rate / 4),
        (100, lambda rate: rate * 0 + 100),
    ],
)
def test_an_edited_target_changes_the_label(edit: Any, expected: Any) -> None:
    synthetic = varied({"heart_rate": edit})
    recorded = recorded_for(synthetic)["heart_rate"].to_numpy().reshape(-1, SIZE)
    assert_allclose(synthetic.y, expected(recorded.mean(axis=1)))
    assert_allclose(synthetic.context["heart_rate"], expected(recorded).ravel())


@pytest.mark.parametrize("how", ["median", "first", "last", "max", lambda rows: rows.min(axis=1)])
def test_the_label_is_aggregated_as_the_windower_does(how: Any) -> None:
    windows = cut(target_agg=how)
    synthetic = varied({"heart_rate": ("multiply", -1)}, windows=windows)
    frame = recorded_for(synthetic)
    rows = -frame["heart_rate"].to_numpy().reshape(-1, SIZE)
    oracle = {"median": np.median, "max": np.max}.get(how)
    if oracle:
        expected = oracle(rows, axis=1)
    else:
        expected = {"first": rows[:, 0], "last": rows[:, -1]}.get(how, rows.min(axis=1))
    assert_allclose(synthetic.y, expected)


def test_an_edited_class_is_the_label() -> None:
    windows = cut(target="activity", target_agg="mode")
    synthetic = varied({"activity": "swim"}, {"AGE": 5}, windows=windows)
    assert synthetic.y.tolist()[:8] == ["swim"] * 8
    assert sorted(synthetic.y[8:]) == ["sit"] * 4 + ["walk"] * 4


def test_the_same_labels_may_be_passed_again() -> None:
    """As cross-validation does, per row or per window."""
    frame, windows = table(), cut()
    for y in (windows.y, frame["heart_rate"], frame["heart_rate"].tolist()):
        augmenter = SynthefyAugmenter(Obedient(), variations=[{"heart_rate": ("add", 10)}])
        augmented = augmenter.fit_transform(windows, y)
        assert_allclose(np.sort(augmented.y[8:]), np.sort(windows.y) + 10)


@pytest.mark.parametrize("scale", [1.0, 1e-12])
@pytest.mark.parametrize(
    "other",
    [
        np.log,
        lambda y: y[::-1],
        lambda y: y + np.eye(8)[3] * y[0],
        lambda y: list("abcdefgh"),
        lambda y: np.stack([y, y], axis=1),
    ],
)
def test_other_labels_passed_as_y_cannot_follow_the_target(scale: float, other: Any) -> None:
    windows = SubjectWindower(SIZE, features=["BVP"], target="heart_rate").fit_transform(
        table().assign(heart_rate=lambda frame: frame["heart_rate"] * scale)
    )
    y = other(windows.y)
    augmenter = SynthefyAugmenter(Obedient(), variations=[{"heart_rate": ("add", 10)}])
    with pytest.raises(
        ValueError, match="not those of the target column 'heart_rate': a y was pas"
    ):
        augmenter.fit(windows, y)
    augmented = augmenter.set_params(variations=[{"AGE": 20}]).fit_transform(windows, y)
    assert_array_equal(augmented.y[:8], y)


def test_without_labels_only_the_context_is_edited() -> None:
    frame = table()
    windower = SubjectWindower(SIZE, features=["BVP"]).fit(frame)
    synthetic = varied({"heart_rate": ("add", 10)}, windows=windower.transform(frame))
    assert synthetic.y is None
    recorded = recorded_for(synthetic)["heart_rate"]
    assert_allclose(synthetic.context["heart_rate"], recorded + 10)


# What cannot be varied


@pytest.mark.parametrize(
    ("variations", "error", "message"),
    [
        ({"AGE": 5}, TypeError, "must be a list of dicts"),
        ("AGE", TypeError, "must be a list of dicts"),
        (["AGE"], TypeError, "must be a list of dicts"),
        ([("AGE", 5)], TypeError, "must be a list of dicts"),
        ([], ValueError, r"variations=\[\] leaves no synthetic window"),
        ([{"BVP": 5}], ValueError, "'BVP' is a channel"),
        ([{"subject": "B"}], ValueError, "'subject' is the subject of the window.*subjects="),
        ([{"Age": 5}], ValueError, "no column 'Age' for variations. The nearest is 'AGE'"),
        ([{"AGE": 5}, {"nope": 5}], ValueError, "no column 'nope'"),
        ([{"AGE": "old"}], ValueError, "'AGE' holds numbers, not 'old'"),
        ([{"activity": 5}], ValueError, "'activity' holds text, not 5"),
        ([{"SPORT": "ski"}], ValueError, "'SPORT' holds numbers, not 'ski'"),
        ([{"time": 5}], ValueError, "'time' holds times, not 5"),
        ([{"since": pd.Timestamp("2026")}], ValueError, "'since' holds lengths of time, not"),
        ([{"AGE": None}], ValueError, "edit None of 'AGE' is not a value"),
        ([{"AGE": np.nan}], ValueError, "edit nan of 'AGE' is not a value"),
        ([{"AGE": np.inf}], ValueError, "edit inf of 'AGE' is not a value"),
        ([{"AGE": {"from": 5}}], ValueError, "of 'AGE' is not a value"),
        ([{"activity": None}], ValueError, "edit None of 'activity' is not a value"),
        ([{"AGE": ("power", 2)}], ValueError, r"'add', 'subtract', 'multiply', 'divide' with a"),
        ([{"AGE": ([], 2)}], ValueError, "must be a value or one of 'add'"),
        ([{"AGE": (20, 30)}], ValueError, "must be a value or one of 'add'"),
        ([{"AGE": ("add",)}], ValueError, "must be a value or one of 'add'"),
        ([{"AGE": ()}], ValueError, "must be a value or one of 'add'"),
        ([{"AGE": ("add", "5")}], ValueError, "of 'AGE' needs a finite number"),
        ([{"AGE": ("add", np.nan)}], ValueError, "of 'AGE' needs a finite number"),
        ([{"AGE": ("add", True)}], ValueError, "of 'AGE' needs a finite number"),
        ([{"AGE": ("add", 1j)}], ValueError, "of 'AGE' needs a finite number"),
        ([{"AGE": ("divide", 0)}], ValueError, "of 'AGE' divides by zero"),
        (
            [{"activity": ("add", 5)}],
            ValueError,
            "'activity' holds text, for which 'add' is not defined",
        ),
        (
            [{"SPORT": ("add", 5)}],
            ValueError,
            "'SPORT' holds categories, for which 'add' is not defined",
        ),
        ([{"time": ("add", 5)}], ValueError, "'time' holds times, for which 'add' is not defined"),
        (
            [{"since": ("divide", 5)}],
            ValueError,
            "'since' holds lengths of time, for which 'divide'",
        ),
    ],
)
def test_an_invalid_edit_is_refused(variations: Any, error: type[Exception], message: str) -> None:
    for ratio in (1.0, 0):
        augmenter = SynthefyAugmenter(Obedient(), ratio=ratio, variations=variations)
        with pytest.raises(error, match=message):
            augmenter.fit(cut())


@pytest.mark.parametrize("synthesizer", [None, SurrogateSynthesizer()])
def test_a_synthesizer_without_support_for_variations_is_refused(synthesizer: Any) -> None:
    augmenter = SynthefyAugmenter(synthesizer, variations=[{"AGE": 5}])
    with pytest.raises(ValueError, match="SurrogateSynthesizer does not support variations"):
        augmenter.fit(cut())


class Follows(Obedient):
    """Follow the target and named columns."""

    def __init__(self, columns: tuple[str, ...] = ()) -> None:
        self.columns = columns

    def check_edited(self, columns: Any, target: str | None) -> None:
        refuse_edits_except([*self.columns, target], columns, "Follows", "name it in columns")


def test_a_column_that_a_synthesizer_does_not_follow_is_refused_before_it_is_fitted() -> None:
    class NeverFitted(Follows):
        def fit(self, windows: Windows) -> Any:
            raise AssertionError("fitted")

    variations = [{"heart_rate": ("add", 5)}, {"AGE": 20, "WEIGHT": 80}]
    augmenter = SynthefyAugmenter(NeverFitted(("AGE",)), variations=variations)
    for step in (augmenter, clone(augmenter).set_params(ratio=0)):
        with pytest.raises(
            ValueError, match=r"Follows do not follow 'WEIGHT'.*, or name it in col"
        ):
            step.fit(cut())
    augmenter = SynthefyAugmenter(Follows(("AGE", "WEIGHT")), variations=variations)
    assert len(augmenter.fit(cut()).synthetic_windows_) == 16


def test_a_column_that_is_not_sent_to_the_service_cannot_be_edited() -> None:
    api = SynthefyAPI("user", "ppg", "job", columns=["BVP", "heart_rate"])
    augmenter = SynthefyAugmenter(api, variations=[{"heart_rate": 70, "AGE": 5}])
    with pytest.raises(
        ValueError, match=r"SynthefyAPI do not follow 'AGE'.*, or add it to columns"
    ):
        augmenter.fit(cut())


def test_windows_of_arrays_have_no_columns_to_vary() -> None:
    windows = Windows.from_arrays(np.zeros((3, SIZE, 1)), y=[1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"no column 'AGE' .* has no columns"):
        varied({"AGE": 5}, windows=windows)


def test_training_on_real_windows_needs_no_variations() -> None:
    augmenter = SynthefyAugmenter(variations=[{"AGE": 5}], train_on="real")
    assert len(augmenter.fit_transform(cut())) == 8
