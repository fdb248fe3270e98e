"""`synthetic_quality`: what it compares, refuses and leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skaug import SynthefyAugmenter, WindowFlattener, Windows
from skaug.evaluation.quality.quality import synthetic_quality
from skaug.evaluation.quality.report import QualityReport

ALWAYS = ["Frechet distance", "MMD", "precision", "recall", "density", "coverage"]


def arrays(n: int, size: int = 32, n_channels: int = 1, seed: int = 0) -> NDArray:
    return np.random.default_rng(seed).normal(size=(n, size, n_channels)).cumsum(axis=1)


def by_measure(report: QualityReport) -> pd.DataFrame:
    return report.to_frame().set_index("measure")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    # In many small searches for neighbors, threads spend most of their time waiting for each other.
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def parts(windows: Windows) -> dict[str, Windows]:
    """Windows of three training subjects, their surrogates, and windows of three held-out subjects."""
    held_out = np.isin(windows.groups, ["S2", "S4", "S6"])
    real = windows[~held_out]
    synthetic = SynthefyAugmenter().fit(real).synthetic_windows_
    return {"real": real, "synthetic": synthetic, "holdout": windows[held_out]}


@pytest.fixture(scope="module")
def report(parts: dict[str, Windows]) -> QualityReport:
    return synthetic_quality(**parts, sampling_rate=32, rate_channel="BVP")


def test_every_measure_has_a_row_with_ceiling_floor_direction_and_meaning(
    report: QualityReport,
) -> None:
    frame = report.to_frame()
    assert frame["measure"].tolist() == [
        "Wasserstein distance: BVP",
        "Wasserstein distance: ECG",
        "Kolmogorov-Smirnov: BVP",
        "Kolmogorov-Smirnov: ECG",
        "log-spectral distance",
        "autocorrelation difference",
        "cross-channel correlation difference",
        "discriminative score",
        "discriminative AUC",
        "Frechet distance",
        "MMD",
        "label error",
        "spectral peak against label: BVP",
        "precision",
        "recall",
        "density",
        "coverage",
        "near duplicates",
        "closer to training: embedding",
        "closer to training: samples",
        "exact copies",
        "membership inference AUC: embedding",
        "membership inference AUC: samples",
    ]
    assert np.isfinite(frame[["floor", "value", "ceiling"]].to_numpy()).all()
    assert frame["better"].isin(["lower", "higher", "0.5"]).all()
    assert frame["meaning"].str.endswith(".").all()
    attacks = frame[frame["measure"].str.startswith("membership")]
    assert (attacks["low"] <= attacks["value"]).all()
    assert (attacks["value"] <= attacks["high"]).all()
    assert frame[["low", "high"]].notna().all(axis=1).sum() == 2


def test_notes_say_what_is_left_out_and_why(report: QualityReport) -> None:
    assert any("No p-value of the MMD" in note and "fewer than 6" in note for note in report.notes)
    assert any("rests on 3 held-out subjects" in note for note in report.notes)
    assert any("ignores the phases" in note for note in report.notes)


def test_noise_is_worse_than_real_windows_of_other_subjects(report: QualityReport) -> None:
    rows = by_measure(report)
    for name in ("log-spectral distance", "Frechet distance", "MMD"):
        assert rows.loc[name, "ceiling"] < rows.loc[name, "floor"]
    for name in ("precision", "recall", "density", "coverage"):
        assert rows.loc[name, "ceiling"] > rows.loc[name, "floor"] == 0
    assert rows.loc["discriminative AUC", "floor"] == 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_report(
    parts: dict[str, Windows], report: QualityReport
) -> None:
    again = synthetic_quality(**parts, sampling_rate=32, rate_channel="BVP", random_state=0)
    pd.testing.assert_frame_equal(again.to_frame(), report.to_frame())
    first, other = (
        synthetic_quality(arrays(9), arrays(9), random_state=seed).to_frame() for seed in (3, 4)
    )
    assert not first["floor"].equals(other["floor"])


def test_all_columns_compare_the_same_number_of_windows(
    parts: dict[str, Windows], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def spy(comparison: Any) -> list:
        for nth in range(comparison.n_subsets):
            real, synthetic, ceiling, dealt = comparison.subset(nth)
            seen.extend(map(len, (real, synthetic, comparison.noise, *ceiling, *(dealt or ()))))
        return []

    monkeypatch.setattr("skaug.evaluation.quality.quality.diversity", spy)
    report = synthetic_quality(
        parts["real"].to_numpy(), parts["synthetic"][:30], holdout=parts["holdout"].to_numpy()[:23]
    )
    assert set(seen) == {23}
    assert (report.n_compared, report.n_subsets) == (23, 20)


@pytest.mark.parametrize("as_arrays", [False, True], ids=["windows", "arrays"])
@pytest.mark.slow
def test_the_order_of_the_windows_changes_nothing(
    parts: dict[str, Windows], as_arrays: bool
) -> None:
    rng = np.random.default_rng(0)
    given = parts | {"synthetic": parts["synthetic"][:30], "holdout": parts["holdout"][:20]}
    shuffled = {part: windows[rng.permutation(len(windows))] for part, windows in given.items()}
    if as_arrays:
        given, shuffled = (
            {part: windows.to_numpy() for part, windows in each.items()}
            for each in (given, shuffled)
        )
    expected, other = synthetic_quality(**given), synthetic_quality(**shuffled)
    pd.testing.assert_frame_equal(other.to_frame(), expected.to_frame(), check_exact=True)
    assert repr(other) == repr(expected)
    assert expected.to_frame()["spread"].notna().any()


def test_large_sets_are_subsampled_but_copies_are_sought_in_all_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("skaug.evaluation.quality.quality.MOST_WINDOWS", 20)
    real, synthetic = arrays(60), arrays(60, seed=1)
    synthetic[::2] = real[7]
    report = synthetic_quality(real, synthetic)
    assert report.n_compared == 20
    assert by_measure(report).loc["exact copies", "value"] == 0.5


@pytest.mark.slow
def test_without_holdout_the_ceiling_is_the_other_half_and_membership_is_left_out(
    parts: dict[str, Windows],
) -> None:
    both = Windows.concatenate([parts["real"], parts["holdout"]])
    synthetic = SynthefyAugmenter().fit(both).synthetic_windows_
    report = synthetic_quality(both, synthetic)
    rows = by_measure(report)
    assert "one half of the real subjects against the other half" in report.ceiling
    assert report.n_compared == 42
    memorization = rows.index[rows["family"] == "memorization"]
    assert memorization.tolist() == ["exact copies"]
    assert any("both need windows of held-out" in note for note in report.notes)
    assert rows.loc[ALWAYS, "ceiling"].notna().all()
    assert np.isnan(rows.loc["exact copies", "ceiling"])
    # The surrogates of all six subjects differ from them: no swap makes the sets differ as much.
    assert rows.loc["MMD, permutation p", "value"] == 1 / 32
    assert np.isnan(rows.loc["MMD, permutation p", "ceiling"])


def test_arrays_get_the_measures_that_need_neither_subjects_nor_labels() -> None:
    report = synthetic_quality(arrays(20), arrays(30, seed=1), holdout=arrays(12, seed=2))
    rows = by_measure(report)
    assert rows.loc[ALWAYS, ["value", "ceiling", "floor"]].notna().all(axis=None)
    assert {"discriminative score", "label error", "MMD, permutation p"}.isdisjoint(rows.index)
    assert "cross-channel correlation difference" not in rows.index
    assert any("could not be checked" in note for note in report.notes)
    assert any("No adherence: the real windows have no labels" in note for note in report.notes)


def test_a_single_subject_gets_recall_and_coverage() -> None:
    one = Windows.from_arrays(arrays(20), y=np.arange(20.5)[:20], groups=["A"] * 20)
    report = synthetic_quality(one, SynthefyAugmenter().fit(one).synthetic_windows_)
    rows = by_measure(report)
    assert rows.loc[["recall", "coverage"], "value"].notna().all()
    assert rows["ceiling"].isna().all()
    assert report.ceiling.startswith("none")
    for left_out in ("No discriminative score", "No label error", "No closeness"):
        assert any(note.startswith(left_out) for note in report.notes)


def test_flat_channels_are_no_error() -> None:
    real, synthetic = arrays(20, n_channels=2), arrays(20, n_channels=2, seed=1)
    real[:, :, 1] = synthetic[:, :, 1] = 0.1
    report = synthetic_quality(real, synthetic, holdout=real[:8])
    rows = by_measure(report)
    assert rows.loc["Wasserstein distance: x1", ["value", "ceiling", "floor"]].tolist() == [0] * 3
    assert any("No cross-channel correlation difference" in note for note in report.notes)
    synthetic_quality(np.ones((8, 16, 1)), np.ones((8, 16, 1)))
    assert by_measure(synthetic_quality(real, arrays(20, n_channels=2))).loc["recall", "value"] == 0


def test_a_note_names_measures_with_a_floor_no_worse_than_their_ceiling(
    parts: dict[str, Windows],
) -> None:
    far = parts["holdout"].to_numpy() + 1e4
    report = synthetic_quality(parts["real"].to_numpy(), parts["synthetic"], holdout=far)
    (note,) = (note for note in report.notes if "show nothing" in note)
    assert "Wasserstein distance: BVP" in note


def test_a_note_warns_of_the_frechet_distance_of_few_windows_in_many_dimensions() -> None:
    few, enough = (synthetic_quality(arrays(n), arrays(n, seed=1)).notes for n in (20, 200))
    assert any("inflated" in note for note in few)
    assert not any("inflated" in note for note in enough)


def test_another_embedding_changes_the_values_and_is_named() -> None:
    real, synthetic = arrays(30), Windows.from_arrays(arrays(30, seed=1))
    own = make_pipeline(WindowFlattener(), PCA(3, random_state=0))
    default = synthetic_quality(real, synthetic)
    other = synthetic_quality(real, synthetic, embedding=own)
    assert default.embedding == "spectrum+acf"
    assert "PCA(n_components=3" in other.embedding
    assert "PCA" in repr(other)
    values = [by_measure(report).loc["Frechet distance", "value"] for report in (default, other)]
    assert values[0] != values[1]
    assert not any("phases" in note for note in other.notes)


def test_pandas_output_as_a_global_setting_changes_nothing() -> None:
    expected = synthetic_quality(arrays(20), arrays(20, seed=1)).to_frame()
    with config_context(transform_output="pandas"):
        given = synthetic_quality(arrays(20), arrays(20, seed=1)).to_frame()
    pd.testing.assert_frame_equal(given, expected)


def test_arrays_get_the_channel_names_of_the_windows(parts: dict[str, Windows]) -> None:
    report = synthetic_quality(parts["real"].to_numpy(), parts["synthetic"])
    assert "Wasserstein distance: ECG" in by_measure(report).index


def synthetic_of(windows: Windows) -> Windows:
    return SynthefyAugmenter().fit(windows).synthetic_windows_


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"real": arrays(5)}, "real has 5 windows, but at least 6 are needed"),
        ({"synthetic": arrays(0)}, "synthetic has 0 windows"),
        ({"holdout": arrays(5)}, "holdout has 5 windows"),
        ({"synthetic": arrays(9, size=31)}, "synthetic has windows of 31 samples"),
        ({"synthetic": arrays(9, n_channels=2)}, "samples of x0, x1"),
        ({"synthetic": np.full((9, 32, 1), np.nan)}, "synthetic contains NaN or infinity"),
        ({"real": arrays(9, size=4)}, "at least 8 samples"),
        ({"real": arrays(9)[:, :, 0]}, "3-D"),
        ({"sampling_rate": 0}, "sampling_rate=0 must be a positive number of Hz"),
        ({"sampling_rate": np.inf}, "sampling_rate=inf must be"),
        ({"sampling_rate": True}, "sampling_rate=True must be"),
        ({"sampling_rate": "64"}, "sampling_rate='64' must be"),
        ({"random_state": -1}, "random_state=-1 must be a whole number, 0 or more"),
        ({"random_state": None}, "random_state=None must be"),
        ({"random_state": True}, "random_state=True must be"),
        ({"random_state": 1.0}, "random_state=1.0 must be"),
        ({"embedding": "spectrum"}, "embedding='spectrum' is unknown"),
        ({"rate_channel": "BVP"}, "not a channel: use one of 'x0'"),
    ],
)
def test_invalid_windows_and_parameters_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic_quality(**({"real": arrays(9), "synthetic": arrays(9)} | changed))


def test_an_embedding_that_is_not_a_transformer_from_windows_to_rows_is_refused() -> None:
    class Sum:
        def fit(self, X: Any) -> Any:
            return self

        def transform(self, X: Any) -> Any:
            return np.asarray(X).sum(axis=(1, 2))

    class Holes(Sum):
        def transform(self, X: Any) -> Any:
            return np.full((len(X), 2), np.nan)

    for embedding, kind, message in (
        (PCA, TypeError, "must be 'spectrum"),
        (3, TypeError, "must be 'spectrum"),
        (Sum(), ValueError, "one row per window"),
        (Holes(), ValueError, "NaN or infinity for window 0"),
    ):
        with pytest.raises(kind, match=message):
            synthetic_quality(arrays(9), arrays(9), embedding=embedding)


def test_the_error_names_the_window_with_nan(windows: Windows) -> None:
    values = windows.to_numpy()
    values[20, 3, 1] = np.inf
    broken = Windows.from_arrays(values, groups=windows.groups, feature_names=windows.feature_names)
    subject = windows.groups[20]  # type: ignore[index]
    with pytest.raises(
        ValueError, match=f"first in window 20 of subject '{subject}', channel 'ECG'"
    ):
        synthetic_quality(broken, windows)


def test_the_error_names_held_out_subjects_that_the_generator_has_seen(
    parts: dict[str, Windows],
) -> None:
    with pytest.raises(ValueError, match="holdout and real share the subjects 'S1', 'S3'"):
        synthetic_quality(parts["real"], parts["synthetic"], holdout=parts["real"][:20])
    leaked = synthetic_of(parts["holdout"])
    with pytest.raises(ValueError, match="holdout and synthetic share the subjects 'S2'"):
        synthetic_quality(parts["real"], leaked, holdout=parts["holdout"])


def test_mixed_real_and_synthetic_windows_are_refused(parts: dict[str, Windows]) -> None:
    mixed = SynthefyAugmenter().fit_transform(parts["real"])
    for given, message in (
        ({"real": mixed}, "of the 84 windows in real are synthetic"),
        ({"holdout": synthetic_of(parts["holdout"])}, "in holdout are synthetic"),
        ({"synthetic": mixed}, "42 of the 84 windows in synthetic are recorded"),
    ):
        with pytest.raises(ValueError, match=message):
            synthetic_quality(**(parts | given))
