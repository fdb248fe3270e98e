"""The requests of an experiment, predicted by a dry run, and compared with what it then pays."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from fault_server import FaultServer
from sklearn.base import BaseEstimator, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, ExtraTreesRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    ParameterSampler,
    RandomizedSearchCV,
    ShuffleSplit,
    check_cv,
    cross_validate,
)
from sklearn.pipeline import Pipeline

import skaug
from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowFlattener,
    WindowRegressor,
    Windows,
    make_pipeline,
)
from skaug.base import WindowStep
from skaug.model_selection import LeaveOneSubjectOut, SubjectKFold, window_scorer
from skaug.synthesis import (
    CallEstimate,
    SurrogateSynthesizer,
    SynthefyAPI,
    WindowStore,
    estimate_calls,
)

SIZE = 8
N_SUBJECTS, N_WINDOWS = 4, 6
MAE = window_scorer("neg_mean_absolute_error")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Four subjects with six windows each, all different."""
    n = N_SUBJECTS * N_WINDOWS * SIZE
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "BVP": rng.normal(size=n),
            "ECG": rng.normal(size=n),
            "subject": np.repeat([f"S{i + 1}" for i in range(N_SUBJECTS)], N_WINDOWS * SIZE),
            "heart_rate": rng.uniform(50, 150, n),
        }
    )


@pytest.fixture
def api(server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SynthefyAPI:
    """An API of a service that counts. There is no key until the experiment runs."""
    monkeypatch.delenv("SYNTHEFY_API_KEY", raising=False)
    return SynthefyAPI("me", "ppg_hr", "job", base_url=server.url, store=tmp_path / "store")


def windower() -> SubjectWindower:
    return SubjectWindower(SIZE, features=["BVP", "ECG"], target="heart_rate")


def pipeline_of(
    api: SynthefyAPI, *, door: str = "skaug", head: bool = True, **parameters: Any
) -> Pipeline:
    if "n_synthetic" not in parameters:
        parameters.setdefault("ratio", 0.5)
    augmenter = SynthefyAugmenter(api, **parameters)
    steps = [("window", windower())] * head + [
        ("augment", augmenter),
        ("flatten", WindowFlattener()),
    ]
    if door == "skaug":
        return skaug.Pipeline([*steps, ("ridge", Ridge())])
    return Pipeline([*steps, ("ridge", WindowRegressor(Ridge()))])


def run(estimator: Any, X: Any, y: Any = None, **parameters: Any) -> Any:
    """Run the experiment: a fit, or a cross-validation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNTHEFY_API_KEY", "key")
        if "cv" not in parameters:
            return estimator.fit(X, y, **parameters)
        parameters.setdefault("scoring", MAE)
        return cross_validate(estimator, X, y, error_score="raise", **parameters)


def check(
    server: FaultServer,
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    at_most: bool = False,
    **parameters: Any,
) -> CallEstimate:
    """Estimate, run and compare; then estimate again, when everything is stored."""
    before = len(server.requests)
    estimate = estimate_calls(estimator, X, y, **parameters)
    assert len(server.requests) == before
    assert estimate.stored + estimate.new == estimate.distinct <= estimate.requested
    run(clone(estimator), X, y, **parameters)
    paid = len(server.requests) - before
    assert paid <= estimate.new
    if not at_most:
        assert paid == estimate.new
        again = estimate_calls(estimator, X, y, **parameters)
        assert (again.requested, again.distinct) == (estimate.requested, estimate.distinct)
        assert (again.stored, again.new, again.seconds) == (estimate.distinct, 0, 0)
    return estimate


# Single fits and cross-validation


@pytest.mark.parametrize("head", [True, False], ids=["rows", "windows"])
@pytest.mark.parametrize("door", ["skaug", "scikit-learn"])
def test_a_fit_requests_the_ratio(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, door: str, head: bool
) -> None:
    X = table if head else windower().fit_transform(table)
    estimate = check(server, pipeline_of(api, door=door, head=head), X)
    n = N_SUBJECTS * N_WINDOWS // 2
    assert estimate == CallEstimate(n, n, 0, n, pytest.approx(n * 7.2))


@pytest.mark.parametrize(("door", "head"), [("skaug", False), ("scikit-learn", True)])
def test_folds_share_the_windows_of_a_subject(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, door: str, head: bool
) -> None:
    X = table if head else windower().fit_transform(table)
    estimate = check(server, pipeline_of(api, door=door, head=head), X, cv=LeaveOneSubjectOut())
    assert estimate.requested == N_SUBJECTS * (N_SUBJECTS - 1) * N_WINDOWS // 2
    assert estimate.distinct == N_SUBJECTS * N_WINDOWS // 2


@pytest.mark.filterwarnings("ignore::skaug.SubjectOverlapWarning")
@pytest.mark.parametrize("cv", [3, KFold(3), GroupKFold(2), SubjectKFold(2)], ids=repr)
def test_splits_are_those_of_cross_validation(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, cv: Any
) -> None:
    windows = windower().fit_transform(table)
    groups = {"groups": windows.groups} if isinstance(cv, GroupKFold) else {}
    pipe = pipeline_of(api, head=False, n_synthetic=7)
    estimate = check(server, pipe, windows, cv=cv, **groups)
    assert estimate.requested == 7 * check_cv(cv).get_n_splits(windows, None, windows.groups)


def test_splits_may_be_a_list(server: FaultServer, api: SynthefyAPI, table: pd.DataFrame) -> None:
    cv = list(LeaveOneSubjectOut().split(table))[:2]
    estimate = check(server, pipeline_of(api, ratio=1.0), table, cv=cv)
    assert estimate.distinct == N_SUBJECTS * N_WINDOWS


def test_labels_may_be_passed_per_row_or_per_window(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    for y in (table["heart_rate"], table["heart_rate"].to_list()):
        assert estimate_calls(pipeline_of(api), table, y, cv=SubjectKFold(2)).distinct == 12
    windows = windower().fit_transform(table)
    pipe = pipeline_of(api, head=False)
    assert check(server, pipe, windows, windows.y, cv=SubjectKFold(2)).distinct == 12


def test_a_polars_table_is_accepted(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    polars = pytest.importorskip("polars")
    assert check(server, pipeline_of(api), polars.from_pandas(table), cv=SubjectKFold(2)).new == 12


def test_further_draws_and_variations_count(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    variations = [{"heart_rate": ("add", 10)}, {"heart_rate": ("add", 20)}]
    pipe = pipeline_of(api, ratio=2.0, variations=variations)
    assert check(server, pipe, table).new == 4 * N_SUBJECTS * N_WINDOWS


def test_a_stored_window_is_not_new(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    run(pipeline_of(api, ratio=0.5), table)
    paid = len(server.requests)
    estimate = check(server, pipeline_of(api, ratio=1.0), table)
    assert (estimate.stored, estimate.new) == (paid, N_SUBJECTS * N_WINDOWS - paid)


def test_a_damaged_window_is_new(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    run(pipeline_of(api), table)
    store = WindowStore(api.store)
    for path in sorted(store.folder.glob("??/*.window"))[:3]:
        path.write_bytes(b"damaged")
    assert check(server, pipeline_of(api), table).new == 3


@pytest.mark.parametrize(
    "parameters",
    [{"train_on": "real"}, {"ratio": 0}, {"synthesizer": SurrogateSynthesizer()}],
)
def test_no_request_costs_nothing(
    api: SynthefyAPI, table: pd.DataFrame, parameters: dict[str, Any]
) -> None:
    pipe = pipeline_of(api).set_params(**{f"augment__{k}": v for k, v in parameters.items()})
    nothing = CallEstimate(0, 0, 0, 0, 0)
    assert estimate_calls(pipe, table, cv=SubjectKFold(2)) == nothing
    assert estimate_calls(pipe.set_params(augment="passthrough"), table) == nothing
    assert estimate_calls(BaggingRegressor(Ridge()), table) == nothing


def test_the_augmenter_may_be_in_a_nested_pipeline(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    inner = pipeline_of(api)[:2]
    assert check(server, make_pipeline(inner, WindowFlattener(), Ridge()), table).new == 12


def test_an_augmenter_may_be_estimated_alone(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    windows = windower().fit_transform(table)
    assert check(server, SynthefyAugmenter(api, n_synthetic=5), windows).new == 5


# Searches


@pytest.mark.parametrize(
    ("door", "head", "refit"), [("skaug", True, True), ("scikit-learn", False, False)]
)
@pytest.mark.slow
def test_a_grid_pays_for_its_largest_candidate(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, door: str, head: bool, refit: bool
) -> None:
    alpha = "ridge__alpha" if door == "skaug" else "ridge__estimator__alpha"
    search = GridSearchCV(
        pipeline_of(api, door=door, head=head),
        {"augment__ratio": [0.2, 0.5, 1.0], alpha: [1.0, 10.0]},
        cv=SubjectKFold(2),
        scoring=MAE,
        refit=refit,
        error_score="raise",
    )
    estimate = check(server, search, table if head else windower().fit_transform(table))
    assert estimate.new == N_SUBJECTS * N_WINDOWS
    # Of 6 windows each: 1, 3 and 6, of 2 of the subjects in each of the 2 folds, with 2 penalties.
    assert estimate.requested == 2 * 2 * 2 * (1 + 3 + 6) + (N_SUBJECTS * 6 if refit else 0)


def test_a_grid_may_vary_windows_channels_and_synthesizers(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    other = clone(api).set_params(training_job_id="job-2", store=WindowStore(f"{api.store}-2"))
    grid = [
        {"window__window_size": [4, 8]},
        {"window__features": [["BVP"], ["ECG", "BVP"]]},
        {"augment__synthesizer": [other, SurrogateSynthesizer(), None]},
        {"augment__synthesizer__columns": [["heart_rate", "subject"]]},
        {"augment": ["passthrough"]},
    ]
    search = GridSearchCV(
        pipeline_of(api), grid, cv=SubjectKFold(2), scoring=MAE, refit=False, error_score="raise"
    )
    estimate = check(server, search, table)
    # Half of 12 windows of 4 rows and of 6 of 8 rows, of each of 4 subjects; then others of 8 rows.
    assert estimate.new == 24 + 12 + 12 + 12 + 12 + 12
    assert len(WindowStore(f"{api.store}-2")) == 12


@pytest.mark.filterwarnings("ignore::skaug.SubjectOverlapWarning")
def test_the_default_splits_of_a_search_are_predicted(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    # Five folds of rows: not recommended, because they split recordings, but the default.
    # They leave 1; 4 and 2; 3 and 3; 2 and 4; 1 window of the subjects that they touch and 6 of the others,
    # of which half, rounded up, are requested.
    search = GridSearchCV(pipeline_of(api), {"ridge__alpha": [1, 2]}, scoring=MAE)
    assert check(server, search, table).requested == 2 * (10 + 9 + 10 + 9 + 10) + 12


def test_groups_for_the_fit_of_a_search_reach_its_splits(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    search = GridSearchCV(pipeline_of(api), {"ridge__alpha": [1]}, cv=GroupKFold(2), scoring=MAE)
    groups = table["subject"].map({"S1": 0, "S2": 1, "S3": 1, "S4": 1})
    estimate = check(server, search, table, groups=groups)
    # Half of the windows of two subjects in each fold, and of all four in the refit.
    assert (estimate.requested, estimate.distinct) == (6 + 6 + 12, 12)


class _Winners:
    """Make candidates win in a given order, whatever their scores."""

    def __init__(self, *order: int) -> None:
        self.order = iter(order)

    def __call__(self, results: Any) -> int:
        return next(self.order)

    def __deepcopy__(self, memo: Any) -> _Winners:
        return self  # clones share the order


@pytest.mark.parametrize("winner", [0, 3])
def test_the_refit_is_counted_for_the_candidate_that_requests_most(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, winner: int
) -> None:
    # A single split: two subjects are left for the refit, and the scores decide which candidate wins.
    cv = [tuple(np.flatnonzero(table["subject"].isin(who)) for who in (["S1", "S2"], ["S3", "S4"]))]
    grid = {"augment__ratio": [0.5, 1.0], "augment__random_state": [0, 1]}
    search = GridSearchCV(pipeline_of(api), grid, cv=cv, scoring=MAE, refit=_Winners(winner))
    estimate = check(server, search, table, at_most=True)
    assert (
        estimate.new == 4 * N_WINDOWS
    )  # half of them are of the two subjects that only the refit sees
    assert (len(server.requests) == estimate.new) == (winner == 3)


@pytest.mark.filterwarnings("ignore::skaug.SubjectOverlapWarning")
@pytest.mark.parametrize("winners", [(0, 1), (1, 1)])
def test_refits_in_folds_never_pay_more_than_predicted(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, winners: tuple[int, int]
) -> None:
    # Two outer folds of the same rows. Both candidates request 7 windows, but different ones.
    everything = np.arange(len(table))
    inner = [(everything[: 2 * SIZE], everything)]
    search = GridSearchCV(
        pipeline_of(api, n_synthetic=7),
        {"augment__random_state": [0, 1]},
        cv=inner,
        scoring=MAE,
        refit=_Winners(*winners),
    )
    estimate = check(server, search, table, cv=[(everything, everything)] * 2, at_most=True)
    assert (len(server.requests) == estimate.new) == (winners == (0, 1))


@pytest.mark.parametrize("seed", [3, np.random.RandomState(3)], ids=["number", "generator"])
def test_a_randomized_search_is_predicted_from_its_seed(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, seed: Any
) -> None:
    search = RandomizedSearchCV(
        pipeline_of(api, n_synthetic=1),
        {"augment__n_synthetic": list(range(1, 25)), "ridge__alpha": [1, 2]},
        n_iter=3,
        cv=SubjectKFold(2),
        scoring=MAE,
        refit=False,
        random_state=seed,
    )
    if isinstance(seed, int):
        estimate = check(server, search, table)
        sampled = ParameterSampler(search.param_distributions, 3, random_state=seed)
        assert estimate.requested == 2 * sum(point["augment__n_synthetic"] for point in sampled)
    else:  # the generator advances when it is used, but not by the estimate
        state = copy.deepcopy(seed.get_state())
        estimate = estimate_calls(search, table)
        np.testing.assert_equal(seed.get_state(), state)
        run(search, table)
        assert len(server.requests) == estimate.new


def test_a_search_within_folds_is_predicted(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    search = GridSearchCV(
        pipeline_of(api, n_synthetic=1),
        {"augment__n_synthetic": [1, 4]},
        cv=SubjectKFold(2),
        scoring=MAE,
    )
    estimate = check(server, search, table, cv=SubjectKFold(2), at_most=True)
    # Two outer folds; in each of them two inner ones of 1 + 4 windows, and a refit of 4.
    assert estimate.requested == 2 * (2 * (1 + 4) + 4)


# Wrappers


def test_a_transformed_target_changes_no_request(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    scaled = TransformedTargetRegressor(pipeline_of(api), func=np.log, inverse_func=np.exp)
    assert check(server, scaled, table, table["heart_rate"]).new == 12


def test_searches_and_transformed_targets_may_be_nested(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    scaled = TransformedTargetRegressor(
        pipeline_of(api, head=False, n_synthetic=1), func=np.log, inverse_func=np.exp
    )
    windows = windower().fit_transform(table)
    grid = {"regressor__augment__n_synthetic": [2, 8]}
    search = GridSearchCV(scaled, grid, cv=SubjectKFold(2), scoring="neg_mean_absolute_error")
    # In each of two folds 2 and 8, and the refit at most 8.
    assert check(server, search, windows, windows.y, at_most=True).requested == 2 * (2 + 8) + 8
    within = GridSearchCV(
        pipeline_of(api, head=False, n_synthetic=1),
        {"augment__n_synthetic": [2, 8]},
        cv=SubjectKFold(2),
        scoring=MAE,
    )
    around = TransformedTargetRegressor(within, func=np.log, inverse_func=np.exp)
    assert check(server, around, windows, windows.y, at_most=True).requested == 2 * (2 + 8) + 8


# Requests that cannot be predicted


GRID = {"augment__ratio": [0.25, 0.5, 0.75, 1.0]}


@pytest.mark.parametrize(
    ("wrap", "message"),
    [
        (lambda p: RandomizedSearchCV(p, GRID, n_iter=1), "RandomizedSearchCV depends on chance"),
        (lambda p: HalvingGridSearchCV(p, GRID), "HalvingGridSearchCV depends on chance"),
        (lambda p: GridSearchCV(p, GRID, cv=KFold(3, shuffle=True)), "KFold depends on chance"),
        (lambda p: GridSearchCV(p, GRID, cv=ShuffleSplit(3)), "ShuffleSplit depends on chance"),
        (
            lambda p: GridSearchCV(p, GRID, cv=iter([([0], [1])])),
            r"use up this list_iterator: pass a list",
        ),
    ],
    ids=["search", "halving", "shuffled folds", "shuffled splits", "iterator"],
)
def test_chance_without_a_seed_is_an_error(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, wrap: Callable, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        estimate_calls(wrap(pipeline_of(api, ratio=1.0)), table)
    assert server.requests == []


def test_candidates_that_depend_on_scores_are_an_error(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    search = HalvingGridSearchCV(
        pipeline_of(api, ratio=1.0).set_params(ridge=ExtraTreesRegressor(random_state=0)),
        GRID,
        factor=2,
        resource="ridge__n_estimators",
        min_resources=1,
        max_resources=4,
        cv=SubjectKFold(2),
        random_state=0,
    )
    with pytest.raises(
        ValueError, match=r"depend on chance .* or on scores .* HalvingGridSearchCV"
    ):
        estimate_calls(search, table)
    # Which candidates are dropped does not matter where all of them request the same.
    search.set_params(param_grid={"ridge__max_depth": [1, 2, 3, 4]}, scoring=MAE)
    check(server, search, table)


class RandomWindows(WindowStep):
    """Drop half of the windows at random, without a seed."""

    def fit(self, X: Windows, y: Any = None) -> RandomWindows:
        return self

    def fit_transform(self, X: Windows, y: Any = None) -> Windows:
        return X[np.random.default_rng().permutation(len(X))[: len(X) // 2]]

    def transform(self, X: Windows) -> Windows:
        return X


def test_a_random_step_without_a_seed_is_an_error(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    pipe = pipeline_of(api)
    pipe.steps.insert(1, ("random", RandomWindows()))
    with pytest.raises(ValueError, match="a second dry run requested other windows"):
        estimate_calls(pipe, table)
    assert server.requests == []


def test_an_error_of_the_experiment_is_an_error_of_the_dry_run(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    bagging = BaggingRegressor(pipeline_of(api))
    with pytest.raises(ValueError, match="An array has no column called") as in_fit:
        clone(bagging).fit(table, table["heart_rate"])
    with pytest.raises(ValueError, match="An array has no column called") as in_dry_run:
        estimate_calls(bagging, table, table["heart_rate"])
    assert str(in_dry_run.value) == str(in_fit.value)
    assert server.requests == []


class InProcesses(BaseEstimator):
    """Fit an estimator in a process of its own, whatever the backend."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any = None) -> InProcesses:
        tasks = [joblib.delayed(clone(self.estimator).fit)(X, y) for _ in range(2)]
        joblib.Parallel(n_jobs=2, backend="loky")(tasks)
        return self


def test_requests_in_other_processes_are_an_error(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    with pytest.raises(Exception, match="ickle") as caught:
        estimate_calls(InProcesses(pipeline_of(api)), table)
    assert "in other processes cannot be recorded" in str(caught.value.__cause__)
    assert server.requests == []


def test_random_splits_are_an_error_and_a_generator_is_not_advanced(
    api: SynthefyAPI, table: pd.DataFrame
) -> None:
    pipe = pipeline_of(api)
    with pytest.raises(ValueError, match="KFold depends on chance: pass it a random_state"):
        estimate_calls(pipe, table, cv=KFold(3, shuffle=True))
    with pytest.raises(ValueError, match="would use up this generator: pass a list"):
        estimate_calls(pipe, table, cv=LeaveOneSubjectOut().split(table))
    seed = np.random.RandomState(0)
    state = copy.deepcopy(seed.get_state())
    estimate_calls(pipe, table, cv=SubjectKFold(2, shuffle=True, random_state=seed))
    np.testing.assert_equal(seed.get_state(), state)


def test_a_request_that_the_service_would_fail_on_is_an_error(
    api: SynthefyAPI, table: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match=r"no column 'hart_rate'.*nearest is 'heart_rate'"):
        estimate_calls(pipeline_of(api.set_params(columns=["hart_rate"])), table)
    windows = Windows.from_arrays(np.zeros((3, SIZE, 2)), y=[1, 2, 3])
    with pytest.raises(ValueError, match="have no context"):
        estimate_calls(pipeline_of(api.set_params(columns=None), head=False), windows)


# The dry run


@pytest.mark.parametrize("door", ["skaug", "scikit-learn"])
def test_models_are_not_fitted(api: SynthefyAPI, table: pd.DataFrame, door: str) -> None:
    pipe = pipeline_of(api, door=door)
    pipe.set_params(ridge=Unwilling() if door == "skaug" else WindowRegressor(Unwilling()))
    with pytest.raises(RuntimeError, match="unwilling"):
        clone(pipe).set_params(augment__train_on="real").fit(table)
    assert estimate_calls(pipe, table).new == 12
    assert estimate_calls(pipe, table, cv=SubjectKFold(2)).new == 12
    search = GridSearchCV(pipe, {"augment__random_state": [0, 0]}, cv=SubjectKFold(2))
    assert estimate_calls(search, table, cv=SubjectKFold(4)).new == 12


class Unwilling(Ridge):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        raise RuntimeError("unwilling")


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_parallel_fits_are_counted(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, backend: str
) -> None:
    pipe = pipeline_of(api, head=False, n_synthetic=1)
    grid = {"augment__n_synthetic": [1, 2, 3, 4]}
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(2), scoring=MAE, n_jobs=2)
    with joblib.parallel_config(backend, n_jobs=2):
        estimate = estimate_calls(search, windower().fit_transform(table))
        assert estimate.requested == 2 * (1 + 2 + 3 + 4) + 4
        as_a_step = Pipeline([("window", windower()), ("search", search)])
        assert estimate_calls(as_a_step, table) == estimate
    assert server.requests == []


def test_the_estimator_is_not_changed(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    pipe = pipeline_of(api).set_params(memory=str(cache))
    grid = {"augment__ratio": [0.5, 1.0], "ridge__alpha": [1, 10]}
    search = GridSearchCV(pipe, grid, cv=SubjectKFold(2), scoring=MAE)
    before = repr(search.get_params())
    first, second = estimate_calls(search, table), estimate_calls(search, table)
    assert first == second
    assert repr(search.get_params()) == before
    assert not hasattr(pipe[0], "features_")
    assert not cache.exists()
    assert not WindowStore(api.store).folder.exists()
    assert pipe.get_params()["augment__synthesizer"] is api
    assert check(server, search, table) == first


def test_the_budget_does_not_limit_the_estimate(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    assert estimate_calls(pipeline_of(api.set_params(max_new_windows=1)), table).new == 12


def test_a_lambda_may_be_a_parameter(
    server: FaultServer, api: SynthefyAPI, table: pd.DataFrame
) -> None:
    pipe = pipeline_of(api).set_params(window__target_agg=lambda block: block.max(axis=1))
    grid = {"augment__ratio": [0.5, 1.0]}
    estimate = check(server, GridSearchCV(pipe, grid, cv=SubjectKFold(2), scoring=MAE), table)
    # Half of the 12 windows of each of two folds, all of them, and the refit on at most all 24.
    assert (estimate.requested, estimate.distinct) == (2 * (6 + 12) + 24, 24)


def test_an_estimate_reads_as_a_sentence() -> None:
    estimate = CallEstimate(800, 100, 20, 80, 576.0)
    assert str(estimate) == (
        "800 windows requested, 100 distinct: 20 stored, 80 to be paid, about 10 min"
    )


def test_the_seconds_per_window_may_be_given(api: SynthefyAPI, table: pd.DataFrame) -> None:
    assert estimate_calls(pipeline_of(api), table, seconds_per_window=2).seconds == 24
