"""The models that the commands compare: from windows to predictions."""

from __future__ import annotations

from typing import Any

from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from skaug import Pipeline, SynthefyAugmenter, make_pipeline
from skaug.synthesis import Synthesizer

REGRESSORS = {
    "ridge": lambda: Ridge(),
    "extra-trees": lambda: ExtraTreesRegressor(
        n_estimators=200, min_samples_leaf=3, random_state=0
    ),
    "neighbors": lambda: KNeighborsRegressor(),
}


def pipeline_of(
    synthesizer: Synthesizer | None,
    representation: Any,
    model: str = "ridge",
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
        REGRESSORS[model](),
    )
