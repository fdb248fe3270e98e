"""Rules that every synthesizer without a network follows."""

from __future__ import annotations

import pickle
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skaug import SubjectWindower, SynthefyAugmenter, Windows, WindowSpectrum, make_pipeline
from skaug.model_selection import SubjectKFold
from skaug.synthesis import (
    ChoiceSynthesizer,
    Drift,
    Jitter,
    MixupSynthesizer,
    Permute,
    RateSynthesizer,
    Scale,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    Synthesizer,
    TimeShift,
    TransformSynthesizer,
)
from skaug.synthesis.base import LABEL_KINDS

RATE = 32
SYNTHESIZERS = {
    "surrogate": SurrogateSynthesizer(),
    "rate": RateSynthesizer(RATE, channels=["BVP"]),
    "transform": TransformSynthesizer([TimeShift(), Permute(), Scale(), Drift(), Jitter()]),
    "mixup": MixupSynthesizer(),
    "spectral": SpectralSynthesizer(RATE, rate_channels=["BVP"], columns=["activity"]),
    "choice": ChoiceSynthesizer(
        [("mixup", MixupSynthesizer()), ("spectral", SpectralSynthesizer(RATE))]
    ),
}
LEARNING = [name for name in SYNTHESIZERS if name != "surrogate"]


@pytest.fixture(params=SYNTHESIZERS)
def synthesizer(request: pytest.FixtureRequest) -> Synthesizer:
    return clone(SYNTHESIZERS[request.param])


def pipeline(synthesizer: Synthesizer) -> Any:
    augmenter = SynthefyAugmenter(synthesizer)
    return make_pipeline(augmenter, WindowSpectrum(0.5, 4, sampling_rate=RATE), Ridge())


def test_a_window_depends_on_seed_origin_and_draw_not_on_the_batch(
    synthesizer: Synthesizer, windows: Windows
) -> None:
    synthesizer.fit(windows)
    conditions = windows[np.tile(np.arange(40), 2)]._drawn(np.repeat([0, 1], 40))
    every = synthesizer.synthesize(conditions)
    order = np.random.default_rng(0).permutation(80)[:31]
    some = synthesizer.synthesize(conditions[order])
    assert_array_equal(some.to_numpy(), every.to_numpy()[order])
    assert_array_equal(some.y, every.y[order])
    assert (every.to_numpy()[:40] != every.to_numpy()[40:]).any(axis=(1, 2)).all()
    other = clone(synthesizer).set_params(random_state=5).fit(windows).synthesize(conditions)
    assert (other.to_numpy() != every.to_numpy()).any()


@pytest.mark.parametrize("synthesizer", LEARNING, indirect=True)
def test_synthesizing_needs_a_fit(synthesizer: Synthesizer, windows: Windows) -> None:
    with pytest.raises(NotFittedError, match=f"This {type(synthesizer).__name__} instance is not"):
        synthesizer.synthesize(windows)


def test_no_conditions_give_no_windows(synthesizer: Synthesizer, windows: Windows) -> None:
    made = synthesizer.fit(windows).synthesize(windows[:0])
    assert made.shape == (0, *windows.shape[1:])


@pytest.mark.parametrize("synthesizer", LEARNING, indirect=True)
def test_windows_of_other_channels_or_length_are_refused(
    synthesizer: Synthesizer, windows: Windows
) -> None:
    synthesizer.fit(windows)
    first, *others = windows.feature_names
    swapped = windows.with_samples(windows.to_numpy()[:, :, ::-1], feature_names=[*others, first])
    with pytest.raises(ValueError, match=f"was fitted on windows of {first}, "):
        synthesizer.synthesize(swapped)
    short = windows.with_samples(windows.to_numpy()[:, :-1])
    with pytest.raises(ValueError, match="was fitted on windows of shape"):
        synthesizer.synthesize(short)


def test_windows_of_32_bits_stay_so(synthesizer: Synthesizer, windows: Windows) -> None:
    single = windows.with_samples(windows.to_numpy())
    single = Windows.from_arrays(single.to_numpy().astype("float32"), windows.y, windows.groups)
    names = {"channels": ["x0"], "rate_channels": ["x0"], "columns": ()}
    known = synthesizer.get_params(deep=False)
    synthesizer.set_params(**{name: value for name, value in names.items() if name in known})
    if isinstance(synthesizer, RateSynthesizer):
        synthesizer.set_params(method="shift")  # arrays have no rows beside the windows
    if isinstance(synthesizer, TransformSynthesizer):
        synthesizer.set_params(transforms=synthesizer.transforms[1:])  # all but TimeShift, likewise
    augmented = SynthefyAugmenter(synthesizer).fit_transform(single)
    assert augmented.dtype == "float32"


def test_pickles_hold_nothing_that_was_learned(synthesizer: Synthesizer, windows: Windows) -> None:
    fitted = pipeline(synthesizer).fit(windows)
    thawed = pickle.loads(pickle.dumps(fitted))
    assert vars(thawed["synthefyaugmenter"].synthesizer_).keys() == (
        clone(synthesizer).get_params(deep=False).keys()
    )
    assert_array_equal(thawed.predict(windows), fitted.predict(windows))
    # Samples would make it about as large as the windows.
    assert len(pickle.dumps(fitted)) < 0.5 * windows.to_numpy().nbytes


def test_a_polars_table_gives_the_same_windows(
    synthesizer: Synthesizer, recordings: pd.DataFrame
) -> None:
    polars = pytest.importorskip("polars")
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    of_each = [
        SynthefyAugmenter(synthesizer).fit_transform(windower.fit_transform(table))
        for table in (recordings, polars.from_pandas(recordings))
    ]
    assert_array_equal(of_each[0].to_numpy(), of_each[1].to_numpy())
    assert_array_equal(of_each[0].y, of_each[1].y)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_processes_of_a_cluster_score_every_synthesizer_as_this_process(windows: Windows) -> None:
    grid = {"synthefyaugmenter__synthesizer": list(SYNTHESIZERS.values())}
    search = GridSearchCV(pipeline(SurrogateSynthesizer()), grid, cv=SubjectKFold(2))
    here = search.fit(windows, windows.y).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        there = search.fit(windows, windows.y).cv_results_["mean_test_score"]
    assert_allclose(there, here, rtol=1e-10)
    assert len(set(here)) == len(SYNTHESIZERS)


def test_each_says_which_labels_hold() -> None:
    for name, synthesizer in SYNTHESIZERS.items():
        assert synthesizer.keeps | synthesizer.moves, name
        assert synthesizer.keeps | synthesizer.moves <= set(LABEL_KINDS)
        assert not synthesizer.keeps & synthesizer.moves


def test_a_search_chooses_a_synthesizer_and_its_parameters(windows: Windows) -> None:
    grid = [
        {"synthefyaugmenter__synthesizer": [SYNTHESIZERS["surrogate"], SYNTHESIZERS["spectral"]]},
        {
            "synthefyaugmenter__synthesizer": [MixupSynthesizer()],
            "synthefyaugmenter__synthesizer__bandwidth": [1.0, 10.0],
        },
    ]
    search = GridSearchCV(pipeline(SurrogateSynthesizer()), grid, cv=SubjectKFold(2))
    search.fit(windows, windows.y)
    assert len(set(search.cv_results_["mean_test_score"])) == 4
