"""How often each test finds a difference between protocols where there is none.

    python benchmarks/inference.py [number of runs, 1,000 by default]

Subjects differ in the level of their features, in the effect of the features on the label, and in a level of
their own that no model sees. The windows of a subject are consecutive: features and noise are correlated
(AR(1)). Three ridge regressions, a reference and two others, are trained without the subjects they are tested
on, and scored by the mean absolute error per subject. The null hypothesis holds exactly, by symmetry:

A   each model sees another of three exchangeable blocks of features;
B   each model is trained on the real windows and on one of three exchangeable draws of synthetic windows:
    another part of each recording, with errors of the generator in features and labels.

Every comparison has five repeats: in A each model trains on another random half of the windows, in B each
protocol uses another draw. 10 and 15 subjects are left out one by one, 30 one by one and in 10 groups.
The rope is half the standard deviation of the differences of subjects; power is for a true difference of one
standard deviation.

The tests over subjects take the trained models as given. If two models differ by the luck of their training
sets or draws, the tests detect that. The third table shows when this matters, and that it mostly does not for
the corrected t-test, which allows for other training sets.

The last table is about another design: each of 20 or 40 subjects is tested by models that are trained on 2,
4 or 8 others, drawn anew for each test subject, the same for both models. In its rows "3 draws", the scores
of each subject are averaged over three such draws first. With n training subjects, a fold tests 1 / (n + 1)
of its subjects, and the corrected t-test with this share assumes that the differences of two subjects
correlate by as much. But the training sets overlap less. So 1 / (number of subjects) is tried too, the
share if each subject were left out in turn. Below the table are the true correlation and the least mean
difference that is significant, in standard deviations of the differences of subjects.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from skaug.evaluation.inference import infer
from skaug.evaluation.paired_tests import ALPHA, corrected_t, holm, sign_flip_p

SETTINGS = [(10, 10), (15, 15), (30, 30), (30, 10)]  # subjects, folds
DRAWN = [(20, 2), (20, 4), (20, 8), (40, 2), (40, 4), (40, 8)]  # subjects, training subjects
N_DRAWS = 3
N_WINDOWS = 20
PENALTY = 1.0
RUNS_AT_A_TIME = 50


@dataclass(frozen=True)
class World:
    """A simulated population and its models.

    Attributes
    ----------
    null : {"A", "B"}
        Why the null hypothesis holds: see the top of this file.
    n_features : int
        The number of features that a model sees.
    generator_error : float
        The standard deviation of the generator's errors within a subject, in units of that of the features
        and of the noise; in B only.
    n_models, n_repeats : int
        The number of models, of which the first is the reference, and of repeats.
    """

    null: str
    n_features: int = 6
    generator_error: float = 0.7
    n_models: int = 3
    n_repeats: int = 5

    def absolute_errors(
        self, rng: np.random.Generator, n_runs: int, training: NDArray[np.bool_]
    ) -> NDArray:
        """Return errors of shape (n_runs, n_models, n_repeats, n_subjects, N_WINDOWS).

        The last two axes of `training` are the test subjects and whether each subject trains their models.
        The axes before them, if any, are those of the result.
        """
        n_subjects = training.shape[-1]
        size, blocks = self.n_features, self.n_models if self.null == "A" else 1
        subjects = (n_runs, blocks, 1, n_subjects)
        draws = (n_runs, self.n_models, self.n_repeats, n_subjects)
        level = _levels(rng, (*subjects, size))
        slopes = (1 + 0.5 * rng.normal(size=(*subjects, size, 1))) / np.sqrt(size)
        unseen = _levels(rng, (n_runs, 1, 1, n_subjects, 1))
        x = level + _series(rng, (*subjects, size))
        y = (
            (x @ slopes).sum(axis=1, keepdims=True)
            + unseen
            + _series(rng, (n_runs, 1, 1, n_subjects, 1))
        )
        if self.null == "A":
            seen = rng.random((*draws, N_WINDOWS, 1)) < 0.5
            return _test(_with_intercept(x) * seen, y * seen, _with_intercept(x), y, training)
        drawn_x = level + _series(rng, (*draws, size))
        drawn_y = drawn_x @ slopes + unseen + _series(rng, (*draws, 1))
        drawn_x += self.generator_error * (
            _levels(rng, (*draws, size)) + _series(rng, (*draws, size))
        )
        drawn_y += self.generator_error * (_levels(rng, (*draws, 1)) + _series(rng, (*draws, 1)))
        train_x = np.concatenate([np.broadcast_to(x, drawn_x.shape), drawn_x], axis=-2)
        train_y = np.concatenate([np.broadcast_to(y, drawn_y.shape), drawn_y], axis=-2)
        return _test(_with_intercept(train_x), train_y, _with_intercept(x), y, training)


def _levels(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
    """Draw a level per series of a subject, with an axis of length 1 for its windows."""
    return 0.7 * rng.normal(size=(*shape[:-1], 1, shape[-1]))


def _series(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray:
    """Draw series of windows with variance 1 and a correlation of 0.6 between neighbors."""
    series = rng.normal(size=(*shape[:-1], N_WINDOWS, shape[-1]))
    for i in range(1, N_WINDOWS):
        series[..., i, :] = 0.6 * series[..., i - 1, :] + 0.8 * series[..., i, :]
    return series


def _with_intercept(x: NDArray) -> NDArray:
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def _test(
    train_x: NDArray,
    train_y: NDArray,
    test_x: NDArray,
    test_y: NDArray,
    training: NDArray[np.bool_],
) -> NDArray:
    """Test each subject: sum the normal equations of the subjects that train its model, and solve them."""
    both = np.concatenate([train_x, np.broadcast_to(train_y, (*train_x.shape[:-1], 1))], axis=-1)
    products = np.swapaxes(train_x, -1, -2) @ both
    flat = training.astype(float) @ products.reshape(*products.shape[:-2], -1)
    sums = flat.reshape(*flat.shape[:-1], *products.shape[-2:])
    gram = sums[..., :-1] + PENALTY * np.eye(train_x.shape[-1])
    coefficients = np.linalg.solve(gram, sums[..., -1:])
    return np.abs(test_x @ coefficients - test_y)[..., 0]


def main(n_runs: int) -> None:
    """Print false-positive rates, power, and what the rates depend on."""
    began = time.perf_counter()
    error = np.sqrt(ALPHA * (1 - ALPHA) / n_runs)
    print(f"{n_runs:,} runs; the standard error of a rate of {ALPHA} is {error:.4f}.\n")
    for world in (World("A"), World("B")):
        rates = {_title(n, k): _rates(world, n, k, n_runs) for n, k in SETTINGS}
        print(f"Null {world.null}", _table(rates, n_runs), sep="\n", end="\n\n")
    rates = {}
    for n, k in SETTINGS:
        for title, world in EXTREMES.items():
            world = replace(world, n_models=2, n_repeats=1)
            which = rates.setdefault(_title(n, k), {})
            for test, rate in _rates_of_two(world, n, k, n_runs).items():
                which[f"{title}: {test}"] = rate
    print("What the rates depend on", _table(rates, n_runs), sep="\n", end="\n\n")
    rates, figures = {}, {}
    for n, k in DRAWN:
        title = f"{k} of {n} subjects"
        rates[title], figures[title] = _rates_drawn(n, k, n_runs)
    print("Training subjects drawn anew for each test subject", _table(rates, n_runs), sep="\n")
    print(pd.DataFrame(figures).to_string(float_format="{:.2f}".format), end="\n\n")
    print(f"{time.perf_counter() - began:.0f} s")


EXTREMES = {
    "A, 2 features": World("A", n_features=2),
    "A, 24 features": World("A", n_features=24),
    "B, 24 features": World("B", n_features=24),
    "B, generator without error": World("B", generator_error=0.0),
    "B, generator with errors of 1.5": World("B", generator_error=1.5),
}


def _title(n_subjects: int, n_folds: int) -> str:
    return f"{n_subjects} subjects" + ("" if n_folds == n_subjects else f", {n_folds} folds")


def _table(rates: dict[str, dict[str, float]], n_runs: int) -> str:
    frame = pd.DataFrame(rates)
    error = np.sqrt(frame * (1 - frame) / n_runs)
    shown = frame.map("{:.3f}".format) + error.map(" ±{:.3f}".format)
    return shown.to_string()


def _runs(
    world: World, n_subjects: int, n_folds: int, n_runs: int
) -> Iterator[tuple[NDArray, NDArray[np.intp]]]:
    """Yield the absolute errors of each run, and the fold in which each subject was tested."""
    rng = np.random.default_rng([n_subjects, n_folds])
    fold = np.arange(n_subjects) % n_folds
    training = fold[:, None] != fold
    for start in range(0, n_runs, RUNS_AT_A_TIME):
        for errors in world.absolute_errors(rng, min(RUNS_AT_A_TIME, n_runs - start), training):
            yield errors, fold


def _by_fold(differences: NDArray, fold: NDArray[np.intp]) -> NDArray:
    """Average the differences of the subjects of each fold."""
    in_fold = np.eye(fold.max() + 1)[:, fold]
    return differences @ (in_fold / in_fold.sum(axis=1, keepdims=True)).T


def _rates(world: World, n_subjects: int, n_folds: int, n_runs: int) -> dict[str, float]:
    """Return the share of runs in which each test finds a difference."""
    spread = _spread_of_a_difference(world, n_subjects, n_folds)
    found = [
        _found(errors, fold, spread) for errors, fold in _runs(world, n_subjects, n_folds, n_runs)
    ]
    return pd.DataFrame(found).mean().to_dict()


def _spread_of_a_difference(world: World, n_subjects: int, n_folds: int) -> float:
    runs = _runs(world, n_subjects, n_folds, RUNS_AT_A_TIME)
    return float(
        np.mean([np.std(np.diff(errors[:2, 0].mean(axis=-1), axis=0)) for errors, _ in runs])
    )


def _found(errors: NDArray, fold: NDArray[np.intp], spread: float) -> dict[str, bool]:
    scores = -errors.mean(axis=-1)
    share = 1 / (fold.max() + 1)
    rope, effect = spread / 2, spread
    repeats = scores[1] - scores[0]
    both = [
        infer(d, _by_fold(d, fold), share, rope=rope)
        for d in (repeats[0], scores[2, 0] - scores[0, 0])
    ]
    first = both[0]
    adjusted = holm([inference.p_value for inference in both])
    repeats_by_fold = _by_fold(repeats, fold)
    averaged = infer(repeats.mean(axis=0), repeats_by_fold.mean(axis=0), share)
    moved = replace(first, mean=first.mean + rope)
    better = infer(repeats[0] + effect, _by_fold(repeats[0] + effect, fold), share)
    return {
        "sign flips: decides": first.p_sign_flip < ALPHA,
        "Wilcoxon's signed ranks": first.p_wilcoxon < ALPHA,
        "95 % t interval without zero": first.ci_low > 0 or first.ci_high < 0,
        "corrected t": first.p_corrected < ALPHA,
        "posterior: worse or better, over 0.95": max(first.p_worse, first.p_better) > 0.95,
        "verdict, no rope: helped or harmed": _decided(replace(first, rope=None).verdict()),
        "verdict, rope: helped or harmed": _decided(first.verdict()),
        "either of 2 protocols, Holm: helped or harmed": any(
            _decided(replace(inference, rope=None).verdict(p))
            for inference, p in zip(both, adjusted, strict=True)
        ),
        "5 repeats: sign flips of their means": averaged.p_sign_flip < ALPHA,
        "5 repeats: corrected t of their means": averaged.p_corrected < ALPHA,
        "true difference of one rope: no difference": moved.verdict().startswith("no difference"),
        "WRONG pooled windows: t": _t(errors[0, 0] - errors[1, 0]) < ALPHA,
        "WRONG 5 repeats as subjects: t": _t(repeats) < ALPHA,
        "WRONG 5 repeats as folds: corrected t": (
            corrected_t(repeats_by_fold.ravel(), share).p_value < ALPHA
        ),
        "WRONG either of 2 protocols, not adjusted": min(i.p_value for i in both) < ALPHA,
        "POWER sign flips": better.p_sign_flip < ALPHA,
        "POWER corrected t": better.p_corrected < ALPHA,
    }


def _decided(verdict: str) -> bool:
    return verdict in ("helped", "harmed")


def _t(differences: NDArray) -> float:
    return stats.ttest_1samp(differences, 0, axis=None).pvalue


def _rates_of_two(world: World, n_subjects: int, n_folds: int, n_runs: int) -> dict[str, float]:
    """Return the rates of the test that decides, and of the stricter one."""
    found = []
    for errors, fold in _runs(world, n_subjects, n_folds, n_runs):
        d = np.diff(-errors[:2, 0].mean(axis=-1), axis=0)[0]
        strict = corrected_t(_by_fold(d, fold), 1 / (fold.max() + 1)).p_value
        found.append({"sign flips": sign_flip_p(d) < ALPHA, "corrected t": strict < ALPHA})
    return pd.DataFrame(found).mean().to_dict()


def _rates_drawn(
    n_subjects: int, n_training: int, n_runs: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return rates, and what explains them, where training subjects are drawn anew."""
    shares = {"1 / (n + 1)": 1 / (n_training + 1), "1 / subjects": 1 / n_subjects}
    t = stats.t.ppf(1 - ALPHA / 2, n_subjects - 1)
    rates, figures = {}, {"t over subjects: least mean": t / np.sqrt(n_subjects)}
    for name, share in shares.items():
        figures[f"corrected t, {name}: least mean"] = t * np.sqrt(
            1 / n_subjects + share / (1 - share)
        )
        figures[f"corrected t, {name}: assumed correlation"] = share
    for title, world in {"A": World("A"), "B": World("B"), **EXTREMES}.items():
        world = replace(world, n_models=2, n_repeats=N_DRAWS)
        differences = _differences_drawn(world, n_subjects, n_training, n_runs)
        first, averaged = differences[:, 0], differences.mean(axis=1)
        tested = {f"{title}, {N_DRAWS} draws": averaged}
        if title not in EXTREMES:
            tested = {title: first, **tested, f"POWER {title}": first + first.std()}
        for what, each in tested.items():
            rates[f"{what}: sign flips"] = np.mean([sign_flip_p(d) < ALPHA for d in each])
            for name, share in shares.items():
                strict = [corrected_t(d, share).p_value < ALPHA for d in each]
                rates[f"{what}: corrected t, {name}"] = np.mean(strict)
        figures[f"{title}: correlation"] = _correlation(first)
        figures[f"{title}, {N_DRAWS} draws: correlation"] = _correlation(averaged)
    return rates, figures


def _differences_drawn(world: World, n_subjects: int, n_training: int, n_runs: int) -> NDArray:
    """Return the differences between two models, of shape (n_runs, n_repeats, n_subjects)."""
    rng = np.random.default_rng([n_subjects, n_training])
    differences = []
    for start in range(0, n_runs, RUNS_AT_A_TIME):
        n = min(RUNS_AT_A_TIME, n_runs - start)
        order = rng.random((n, 1, world.n_repeats, n_subjects, n_subjects))
        order[..., np.eye(n_subjects, dtype=bool)] = 1  # the test subject itself comes last
        training = order.argsort(axis=-1).argsort(axis=-1) < n_training
        scores = -world.absolute_errors(rng, n, training).mean(axis=-1)
        differences.append(scores[:, 1] - scores[:, 0])
    return np.concatenate(differences)


def _correlation(differences: NDArray) -> float:
    """Estimate the correlation of the differences of two subjects, whose expectation is zero."""
    n = differences.shape[1]
    return (n * (differences.mean(axis=1) ** 2).mean() / (differences**2).mean() - 1) / (n - 1)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
