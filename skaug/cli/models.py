"""The models that the commands compare: from windows to predictions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from skaug import Pipeline, SynthefyAugmenter, WindowSpectrum, make_pipeline
from skaug.model_selection import SubjectKFold
from skaug.synthesis import Synthesizer

_MOST_BANDS = 64
_MOST_INNER_FOLDS = 5

# From hardly any regularization to hardly any model, for features of variance 1.
_ALPHAS = tuple(np.logspace(-2, 6, 17).tolist())

# As in benchmarks/synthesizers.py: a table of 20 subjects takes less than a minute.
_TREES = {"n_estimators": 50, "max_features": 0.33, "min_samples_leaf": 3, "random_state": 0}

N_NEIGHBORS = 5

REGRESSORS: dict[str, Callable[[int], Any]] = {
    "ridge": lambda n_subjects: _ridge(n_subjects),
    "extra-trees": lambda _: ExtraTreesRegressor(**_TREES),
    "neighbors": lambda _: KNeighborsRegressor(N_NEIGHBORS),
}
CLASSIFIERS: dict[str, Callable[[int], Any]] = {
    "logistic": lambda _: LogisticRegression(C=0.1, max_iter=1000),
    "extra-trees": lambda _: ExtraTreesClassifier(**_TREES),
    "neighbors": lambda _: KNeighborsClassifier(N_NEIGHBORS),
}


def model_of(name: str | None, n_training_subjects: int, *, classes: bool) -> Any:
    """Return the model of this name, or the default one.

    Raises
    ------
    ValueError
        If the model does not suit the target.
    """
    models = CLASSIFIERS if classes else REGRESSORS
    name = next(iter(models)) if name is None else name
    if name not in models:
        what = "classes" if classes else "numbers"
        raise ValueError(
            f"--model {name} does not predict {what}, which the target holds: use --model "
            f"{' or '.join(models)}."
        )
    return models[name](n_training_subjects)


def pipeline_of(
    synthesizer: Synthesizer | None,
    representation: Any,
    model: Any,
    *,
    ratio: float = 1.0,
    n_synthetic: int | None = None,
    seed: int = 0,
) -> Pipeline:
    """Build the pipeline from windows to predictions."""
    return make_pipeline(
        SynthefyAugmenter(synthesizer, ratio=ratio, n_synthetic=n_synthetic, random_state=seed),
        representation,
        StandardScaler(),
        model,
    )


class LogPowerBands(WindowSpectrum):
    """Compute the logarithm of the mean power of each channel in at most 64 bands of equal width.

    With up to 64 frequencies between `low` and `high` each is a band, as in `WindowSpectrum`. More
    features than there are windows would be too many for a linear model.

    Parameters
    ----------
    low, high, sampling_rate
        As in `WindowSpectrum`.
    """

    def _bands(self, window_size: int) -> list[tuple[int, int]]:
        bins = self._bins(window_size)
        n_bands = min(len(bins), _MOST_BANDS)
        first = bins[np.arange(n_bands) * len(bins) // n_bands]
        return list(zip(first, [*first[1:], bins[-1] + 1], strict=True))

    def _names(self, channels: Sequence[str], window_size: int) -> list[str]:
        names = np.array(super()._names(channels, window_size)).reshape(len(channels), -1)
        starts = [start for start, _ in self._bands(window_size)]
        return names[:, starts - self._bins(window_size)[0]].ravel().tolist()


class InnerFolds(SubjectKFold):
    """At most `n_splits` folds of subjects; of a single subject, folds of its windows."""

    def split(
        self, X: Any, y: Any = None, groups: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray, NDArray]]:
        """Yield the indices of training and test set of each fold."""
        n_subjects, n = len(np.unique(np.asarray(groups))), len(X)
        if n_subjects > 1:
            yield from SubjectKFold(min(self.n_splits, n_subjects)).split(X, y, groups)
        elif n > 1:
            yield from KFold(min(self.n_splits, n)).split(np.zeros(n))
        else:
            yield np.arange(n), np.arange(n)


def _ridge(n_training_subjects: int) -> RidgeCV:
    if n_training_subjects < 2:
        return RidgeCV(_ALPHAS)
    folds = InnerFolds(min(_MOST_INNER_FOLDS, n_training_subjects))
    return RidgeCV(_ALPHAS, cv=folds, scoring="neg_mean_squared_error")
