"""A choice of synthesizers: who makes which window, and nested parameters."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener, Windows, make_pipeline
from skaug.model_selection import SubjectKFold
from skaug.synthesis import (
    AgentArchive,
    ChoiceSynthesizer,
    MixupSynthesizer,
    SurrogateSynthesizer,
    Synthesizer,
)
from skaug.synthesis.variations import refuse_edits_except

CHANCE = 1e-9  # of a false alarm; the seed is fixed


class Constant(Synthesizer):
    """Windows that hold one value, and remember how they were made."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def fit(self, windows: Windows) -> Self:
        self.n_fitted_ = len(windows)
        self.calls_: list[int] = []
        return self

    def synthesize(self, conditions: Windows) -> Windows:
        self.calls_.append(len(conditions))
        return conditions.synthesized(np.full(conditions.shape, self.value))


class Kept(Constant):
    keeps = frozenset({"rate", "class"})


class Moved(Constant):
    keeps = frozenset({"class"})
    moves = frozenset({"rate", "level"})
    supports_variations = True

    def check_edited(self, columns: Any, target: str | None) -> None:
        refuse_edits_except([str(target)], columns, "Moved", "do something else")


class OnlyFirst(Constant):
    def can_condition(self, windows: Windows) -> np.ndarray:
        return windows.origins["first_row"].to_numpy() == 0


def windows_of(n: int = 40) -> Windows:
    X = np.random.default_rng(0).normal(size=(n, 8, 1)).astype("float32")
    return Windows.from_arrays(X, y=np.linspace(60, 90, n), groups=np.resize(["A", "B"], n))


def values(synthesizer: Synthesizer, conditions: Windows) -> np.ndarray:
    """The value that each synthetic window holds."""
    synthetic = synthesizer.fit(windows_of()).synthesize(conditions)
    assert synthetic.origins.equals(conditions.origins)
    return synthetic.to_numpy()[:, 0, 0]


def of_three(**parameters: Any) -> ChoiceSynthesizer:
    members = [("one", Constant(1)), ("two", Constant(2)), ("three", Constant(3))]
    return ChoiceSynthesizer(members, **parameters)


# Who makes which window


@pytest.mark.parametrize("weights", [None, [1, 1, 1], [6, 3, 1], (0.1, 0, 0.4)])
def test_each_synthesizer_makes_its_share(weights: Any) -> None:
    """Pearson's chi-square against the weights."""
    n = 6000
    conditions = windows_of()[np.resize(np.arange(40), n)]._drawn(np.arange(n) // 40)
    made = values(of_three(weights=weights), conditions)
    shares = np.array([1, 1, 1] if weights is None else weights, dtype=float)
    expected = n * shares / shares.sum()
    counts = np.array([(made == value).sum() for value in (1, 2, 3)])
    used = expected > 0
    assert not counts[~used].any()
    chi_square = ((counts - expected)[used] ** 2 / expected[used]).sum()
    assert chi_square < scipy.stats.chi2.isf(CHANCE, used.sum() - 1)


def test_the_choice_depends_on_seed_origin_and_draw_only() -> None:
    conditions = windows_of()[np.repeat(np.arange(40), 5)]._drawn(np.tile(np.arange(5), 40))
    every = values(of_three(), conditions)
    order = np.random.default_rng(1).permutation(200)[:70]
    assert_array_equal(values(of_three(), conditions[order]), every[order])
    assert (values(of_three(random_state=1), conditions) != every).any()
    draws = every.reshape(40, 5)
    assert (draws != draws[:, :1]).any()


def test_a_choice_within_a_choice_is_independent_of_it() -> None:
    inner = ChoiceSynthesizer([("two", Constant(2)), ("three", Constant(3))])
    outer = ChoiceSynthesizer([("one", Constant(1)), ("inner", inner)])
    n = 4000
    conditions = windows_of()[np.resize(np.arange(40), n)]._drawn(np.arange(n) // 40)
    counts = np.bincount(values(outer, conditions).astype(int), minlength=4)[1:]
    expected = n * np.array([0.5, 0.25, 0.25])
    assert ((counts - expected) ** 2 / expected).sum() < scipy.stats.chi2.isf(CHANCE, 2)


def test_windows_are_those_of_the_synthesizers() -> None:
    windows = windows_of()
    members = [("mixup", MixupSynthesizer()), ("surrogate", SurrogateSynthesizer())]
    synthetic = ChoiceSynthesizer(members).fit(windows).synthesize(windows._drawn(np.zeros(40)))
    candidates = [each.fit(windows).synthesize(windows._drawn(np.zeros(40))) for _, each in members]
    same = np.array(
        [(synthetic.to_numpy() == each.to_numpy()).all(axis=(1, 2)) for each in candidates]
    )
    assert_array_equal(same.sum(axis=0), 1)
    assert same.any(axis=1).all()
    assert_array_equal(synthetic.y, np.where(same[0], candidates[0].y, candidates[1].y))
    assert synthetic.dtype == "float32"


def test_each_is_fitted_on_all_training_windows_and_called_once() -> None:
    synthesizer = of_three(weights=[1, 0, 1])
    augmenter = SynthefyAugmenter(synthesizer, ratio=3).fit(windows_of())
    fitted = augmenter.synthesizer_.synthesizers_
    assert [name for name, _ in fitted] == ["one", "three"]
    assert [each.n_fitted_ for _, each in fitted] == [40, 40]
    assert [len(each.calls_) for _, each in fitted] == [1, 1]
    assert sum(each.calls_[0] for _, each in fitted) == 120
    assert not hasattr(synthesizer.synthesizers[0][1], "calls_")


def test_a_condition_must_be_possible_for_all() -> None:
    members = [("any", Constant(1)), ("first", OnlyFirst(2))]
    synthetic = SynthefyAugmenter(ChoiceSynthesizer(members), n_synthetic=30).fit(windows_of())
    assert set(synthetic.synthetic_origins_["first_row"]) == {0}
    left_out = ChoiceSynthesizer(members, weights=[1, 0])
    augmenter = SynthefyAugmenter(left_out).fit(windows_of())
    assert set(augmenter.synthetic_origins_["first_row"]) > {0}


def test_no_conditions_are_no_error() -> None:
    assert of_three().fit(windows_of()).synthesize(windows_of()[:0]).shape == (0, 8, 1)


def test_what_a_synthesizer_returns_is_checked() -> None:
    class Bare(Constant):
        def synthesize(self, conditions: Windows) -> Any:
            return conditions.to_numpy()

    synthesizer = ChoiceSynthesizer([("bare", Bare()), ("one", Constant())]).fit(windows_of())
    with pytest.raises(TypeError, match=r"Bare.synthesize must return skaug.Windows"):
        synthesizer.synthesize(windows_of())


# Which labels hold


def test_a_label_holds_if_it_holds_for_all() -> None:
    both = ChoiceSynthesizer([("kept", Kept()), ("moved", Moved())])
    assert both.keeps == {"class"}
    # The level is moved by one and broken by the other; the rate is moved or kept, and always right.
    assert both.moves == {"rate"}
    alone = both.set_params(weights=[0, 1])
    assert (alone.keeps, alone.moves) == (Moved.keeps, Moved.moves)
    assert ChoiceSynthesizer([("kept", Kept()), ("none", Constant())]).keeps == frozenset()


def test_edits_must_be_followed_by_all() -> None:
    table = pd.DataFrame(
        {"x": np.arange(80.0), "subject": "A", "rate": np.arange(80) / 7, "age": 30}
    )
    windows = SubjectWindower(8, features=["x"], target="rate").fit_transform(table)
    variations = [{"rate": ("add", 5)}]
    mixture = ChoiceSynthesizer([("moved", Moved()), ("kept", Kept())])
    with pytest.raises(
        ValueError,
        match="ChoiceSynthesizer does not support variations because of 'kept': Kept does not",
    ):
        SynthefyAugmenter(mixture, variations=variations).fit(windows)
    moved = ChoiceSynthesizer([("moved", Moved()), ("other", Moved(1))])
    augmenter = SynthefyAugmenter(moved, variations=variations).fit(windows)
    assert_array_equal(np.sort(augmenter.synthetic_windows_.y), np.sort(windows.y + 5))
    with pytest.raises(ValueError, match="windows of Moved do not follow 'age'"):
        augmenter.set_params(variations=[{"age": 5}]).fit(windows)


# Parameters


def test_nested_parameters_are_read_and_set() -> None:
    choice = ChoiceSynthesizer(
        [("mixup", MixupSynthesizer()), ("surrogate", SurrogateSynthesizer())]
    )
    params = choice.get_params()
    assert params["mixup"] is choice.synthesizers[0][1]
    assert (params["mixup__alpha"], params["surrogate__random_state"]) == (2.0, 0)
    assert set(choice.get_params(deep=False)) == {"synthesizers", "weights", "random_state"}
    copy = clone(choice).set_params(mixup__alpha=4.0, surrogate=Constant(1), surrogate__value=5.0)
    assert copy.synthesizers[0][1].alpha == 4.0
    assert copy.synthesizers[1][1].value == 5.0
    assert choice.synthesizers[0][1].alpha == 2.0
    assert isinstance(choice.synthesizers[1][1], SurrogateSynthesizer)
    copy.set_params(synthesizers=[("new", Constant())], new__value=7.0)
    assert copy.get_params()["new__value"] == 7.0
    with pytest.raises(ValueError, match="Invalid parameter 'rate'"):
        copy.set_params(rate__local=0.1)


def test_replacing_a_synthesizer_does_not_change_the_list_that_was_passed() -> None:
    members = [("one", Constant(1))]
    ChoiceSynthesizer(members).set_params(one=Constant(2))
    assert members[0][1].value == 1


def test_nested_parameters_are_tuned_in_a_grid() -> None:
    windows = windows_of()
    choice = ChoiceSynthesizer(
        [("mixup", MixupSynthesizer()), ("surrogate", SurrogateSynthesizer())]
    )
    pipe = make_pipeline(SynthefyAugmenter(choice), WindowFlattener(), Ridge())
    grid = {
        "synthefyaugmenter__synthesizer__mixup__bandwidth": [0.5, 5.0],
        "synthefyaugmenter__synthesizer__weights": [[1, 0], [1, 1]],
    }
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(2)).fit(windows, windows.y)
    assert len(set(search.cv_results_["mean_test_score"])) == 4


@pytest.mark.parametrize(
    ("members", "error", "message"),
    [
        ([], TypeError, r"synthesizers=\[\] must be a list of names and synthesizers"),
        ({"one": Constant()}, TypeError, "must be a list of names and synthesizers"),
        ([Constant()], TypeError, "must be a list of names and synthesizers"),
        ([("one", Constant)], TypeError, "'one' is <class .*not a Synthesizer"),
        ([("one", None)], TypeError, "'one' is None, which is not a Synthesizer"),
        ([(1, Constant())], ValueError, "name 1 of a synthesizer must be text"),
        ([("", Constant())], ValueError, "name '' of a synthesizer must be text"),
        ([("a__b", Constant())], ValueError, "name 'a__b' of a synthesizer .* without '__'"),
        ([("weights", Constant())], ValueError, "other than 'synthesizers', 'weights', 'random"),
        ([("a", Constant()), ("a", Constant())], ValueError, r"must differ, got \['a', 'a'\]"),
    ],
)
def test_invalid_synthesizers_are_refused(
    members: Any, error: type[Exception], message: str
) -> None:
    choice = ChoiceSynthesizer(members)
    assert choice.get_params()["synthesizers"] is members
    with pytest.raises(error, match=message):
        choice.fit(windows_of())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights": [1, 2]}, r"weights=\[1, 2\] must hold one number for each of the 3"),
        ({"weights": 1}, r"weights=1 must be a list: \[1\]"),
        ({"weights": [1, 2, -1]}, "must be numbers, 0 or more, and not all 0"),
        ({"weights": [0, 0, 0]}, "must be numbers, 0 or more, and not all 0"),
        ({"weights": [1, 1, np.nan]}, "must be numbers, 0 or more, and not all 0"),
        ({"random_state": -1}, "random_state=-1 must be a whole number, 0 or more"),
    ],
)
def test_invalid_weights_and_seeds_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of_three(**parameters).fit(windows_of())


def test_an_archive_may_be_one_of_them() -> None:
    """Its files are opened while fitting, not before."""
    choice = ChoiceSynthesizer([("archive", AgentArchive("none.zip")), ("one", Constant())])
    assert choice.supports_variations is False
    with pytest.raises(FileNotFoundError):
        choice.fit(windows_of())
