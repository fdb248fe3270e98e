"""Adherence: whether synthetic windows show the labels that they carry."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import GroupKFold

from skaug.evaluation.quality.measure import LOWER, Measure
from skaug.evaluation.quality.sample import Sample
from skaug.spectral_peak import peak_frequencies
from skaug.windows.values import are_classes

# The spectral peak is sought this far beyond the labels of the training windows.
_MARGIN = 1.25

#: How the name of the measure of `rate_adherence` begins.
RATE_MEASURE = "spectral peak against label"


def adherence(
    real: Sample, synthetic: Sample, target_agg: Any, seed: int
) -> tuple[list[Measure], list[str]]:
    """Measure the error on synthetic windows of a model trained on other subjects.

    Parameters
    ----------
    real, synthetic : Sample
        The two sets. Windows without a label are ignored.
    target_agg : str or callable
        How the labels were aggregated from the rows.
    seed : int
        For the forests.

    Returns
    -------
    measures : list of Measure
    notes : list of str
        What was left out, and why.
    """
    labels = known_labels(real, synthetic)
    if isinstance(labels, str):
        return [], [f"No adherence: {labels}"]
    real, synthetic, y_real, y_synthetic = labels
    is_class = target_agg == "mode" or are_classes(y_real)
    errors = label_errors(real, synthetic, y_real, y_synthetic, is_class, seed)
    if errors is None:
        return [], [
            "No label error: its model is tested on subjects that it was not trained on, which needs real "
            "windows of at least two known subjects, and synthetic windows of known subjects."
        ]
    error, of_real, shuffled = errors
    kind = "share of wrong classes" if is_class else "mean absolute, in the unit of the label"
    return [
        Measure(
            "adherence",
            "label error",
            value=error,
            floor=shuffled,
            ceiling=of_real,
            better=LOWER,
            meaning=f"Error ({kind}) of a model trained on real windows of other subjects. Ceiling: its "
            "error on real windows of the same subjects. Floor: with the labels of the synthetic windows "
            "shuffled.",
        )
    ], []


def rate_adherence(
    real: Sample, synthetic: Sample, channel: str, sampling_rate: float
) -> list[Measure]:
    """Measure how far the spectral peak of a channel is from a label that is a rate per minute.

    Parameters
    ----------
    real, synthetic : Sample
        The two sets. Windows without a label are ignored.
    channel : str
        The channel that shows the rate.
    sampling_rate : float
        The sampling rate in Hz.

    Returns
    -------
    list of Measure

    Raises
    ------
    ValueError
        If there are no labels or no such channel, or the labels are not positive rates below half the
        sampling rate.
    """
    names = real.windows.feature_names
    if channel not in names:
        raise ValueError(
            f"rate_channel={channel!r} is not a channel: use one of {', '.join(map(repr, names))}."
        )
    labels = known_labels(real, synthetic)
    if isinstance(labels, str):
        raise ValueError(f"rate_channel={channel!r} needs labels that are rates: {labels}")
    real, synthetic, y_real, y_synthetic = labels
    if y_real.dtype.kind not in "iuf" or y_real.min() <= 0:
        raise ValueError(
            f"rate_channel={channel!r} needs labels that are rates per minute, above zero, but they "
            f"include {y_real.min()!r}: leave rate_channel out."
        )
    low, high = y_real.min() / _MARGIN, y_real.max() * _MARGIN
    if high / 60 >= sampling_rate / 2:
        raise ValueError(
            f"Labels of up to {y_real.max():g} per minute are {y_real.max() / 60:.3g} Hz, too fast for "
            f"sampling_rate={sampling_rate:g}: pass the sampling rate of the recordings in Hz."
        )
    nth = names.index(channel)
    peak_real, peak_synthetic = (
        60 * peak_frequencies(sample.values[:, :, nth], sampling_rate, low / 60, high / 60)
        for sample in (real, synthetic)
    )
    return [
        Measure(
            "adherence",
            f"{RATE_MEASURE}: {channel}",
            value=float(np.abs(peak_synthetic - y_synthetic).mean()),
            floor=_error_if_shuffled(peak_synthetic, y_synthetic, is_class=False),
            ceiling=float(np.abs(peak_real - y_real).mean()),
            better=LOWER,
            meaning=f"Mean absolute difference per minute, for peaks from {low:.0f} to {high:.0f}. "
            "Ceiling: the difference for real windows. Floor: with the labels of the synthetic windows "
            "shuffled.",
        )
    ]


def known_labels(real: Sample, synthetic: Sample) -> tuple[Sample, Sample, NDArray, NDArray] | str:
    """Return the windows with a label and their labels, or the reason why there are none."""
    for name, sample in (("real", real), ("synthetic", synthetic)):
        y = sample.y
        if y is None:
            return f"the {name} windows have no labels (y)."
        if y.ndim != 1:
            return f"the {name} windows have {y.shape[1]} labels each, but only one is supported."
    known = [sample.take(~pd.isna(sample.y)) for sample in (real, synthetic)]
    if min(map(len, known)) == 0:
        return "the real or the synthetic windows have only missing labels."
    y_real, y_synthetic = (_as_numbers_or_text(sample.y) for sample in known)
    if (y_real.dtype.kind in "OUS") != (y_synthetic.dtype.kind in "OUS"):
        return "the labels of one set are text, those of the other numbers."
    return known[0], known[1], y_real, y_synthetic


def label_errors(
    real: Sample,
    synthetic: Sample,
    y_real: NDArray,
    y_synthetic: NDArray,
    is_class: bool,
    seed: int,
) -> tuple[float, float, float] | None:
    """Compute the errors of models of real windows on windows of unseen subjects.

    The subjects are dealt into up to 5 folds. For each fold, a forest of 100 extremely randomized trees
    is trained on the embedding and `WaveformStatistics` of the real windows of all other folds. It
    predicts the synthetic windows of the fold, which is "train on real, test on synthetic" (Esteban,
    Hyland and Ratsch, "Real-valued (medical) time series generation with recurrent conditional GANs",
    2017, section 4), and the real windows of the fold for comparison.

    Parameters
    ----------
    real, synthetic : Sample
        The two sets.
    y_real, y_synthetic : ndarray of shape (n_windows,)
        The label of each window.
    is_class : bool
        Whether the error is the share of wrong classes; otherwise it is the mean absolute difference.
    seed : int
        For the forests.

    Returns
    -------
    synthetic, real, shuffled : float
        The error on synthetic windows, on real windows of the same subjects, and on synthetic windows
        with shuffled labels (mean over all permutations). None if the subjects are unknown, or there
        is only one.
    """
    if real.groups is None or synthetic.groups is None:
        return None
    codes, subjects = pd.factorize(real.groups)
    if len(subjects) < 2:
        return None
    fold_of = np.empty(len(subjects), dtype=np.intp)
    folds = list(GroupKFold(min(5, len(subjects))).split(codes, groups=codes))
    for fold, (_, test) in enumerate(folds):
        fold_of[codes[test]] = fold
    of_synthetic = pd.Index(subjects).get_indexer(synthetic.groups)
    # No model was trained on a subject without real windows: any fold will do, so they take turns.
    turns = np.arange(len(synthetic)) % len(folds)
    fold_of_synthetic = np.where(of_synthetic < 0, turns, fold_of[of_synthetic])
    predicted_real = np.empty(len(real), dtype=y_real.dtype if is_class else float)
    predicted_synthetic = np.empty(len(synthetic), dtype=predicted_real.dtype)
    for fold, (train, test) in enumerate(folds):
        model = _forest(is_class, seed).fit(real.features[train], y_real[train])
        predicted_real[test] = model.predict(real.features[test])
        in_fold = fold_of_synthetic == fold
        if in_fold.any():
            predicted_synthetic[in_fold] = model.predict(synthetic.features[in_fold])
    same = np.isin(codes, of_synthetic)
    same = same if same.any() else np.ones(len(codes), dtype=bool)
    return (
        _error(predicted_synthetic, y_synthetic, is_class),
        _error(predicted_real[same], y_real[same], is_class),
        _error_if_shuffled(predicted_synthetic, y_synthetic, is_class),
    )


def _as_numbers_or_text(y: Any) -> NDArray:
    """Return labels as numbers, or as text if they are anything else."""
    return y if y.dtype.kind in "iufb" else np.asarray([str(label) for label in y], dtype=object)


def _forest(is_class: bool, seed: int) -> ExtraTreesClassifier | ExtraTreesRegressor:
    if is_class:
        return ExtraTreesClassifier(100, min_samples_leaf=2, random_state=seed)
    return ExtraTreesRegressor(100, min_samples_leaf=2, max_features=1 / 3, random_state=seed)


def _error(predicted: NDArray, y: NDArray, is_class: bool) -> float:
    return float((predicted != y).mean() if is_class else np.abs(predicted - y).mean())


def _error_if_shuffled(predicted: NDArray, y: NDArray, is_class: bool) -> float:
    """Return the mean error over all permutations, which is that over all pairs of prediction and label."""
    if is_class:
        return float((predicted[:, None] != y).mean())
    return float(np.abs(predicted[:, None] - y).mean())
