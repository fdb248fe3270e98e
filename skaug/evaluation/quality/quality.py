"""How synthetic windows differ from real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from tqdm.auto import tqdm

from skaug._checks import is_finite_number, require_random_state
from skaug.evaluation.quality.adherence import adherence, rate_adherence
from skaug.evaluation.quality.claims import contradictions
from skaug.evaluation.quality.comparison import Comparison
from skaug.evaluation.quality.diversity import diversity
from skaug.evaluation.quality.draw_keys import drawn, in_key_order
from skaug.evaluation.quality.embedding import SPECTRUM_ACF, fitted_embedding
from skaug.evaluation.quality.fidelity import fidelity
from skaug.evaluation.quality.inputs import channel_names, require_comparable
from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.memorization import memorization
from skaug.evaluation.quality.report import QualityReport
from skaug.evaluation.quality.sample import Sample
from skaug.windows.container import Windows, as_windows
from skaug.windows.values import are_classes

#: Larger sets are cut to this many windows.
MOST_WINDOWS = 2000

_FEW_SUBJECTS = 5


def synthetic_quality(
    real: Windows | ArrayLike,
    synthetic: Windows | ArrayLike,
    *,
    holdout: Windows | ArrayLike | None = None,
    sampling_rate: float = 1.0,
    embedding: Any = SPECTRUM_ACF,
    rate_channel: str | None = None,
    synthesizer: Any = None,
    random_state: int = 0,
    progress: bool | None = None,
) -> QualityReport:
    """Measure the fidelity, adherence, diversity and memorization of synthetic windows.

    No number stands alone. Each value stands between the same measure of noise (the *floor*) and of real
    windows of held-out subjects (the *ceiling*: as good as real). All three compare the same number of
    windows. Plain sentences say what each family of measures shows, and what they show together.

    Parameters
    ----------
    real : Windows or array-like of shape (n_windows, window_size, n_channels)
        The training windows, which the generator has seen.
    synthetic : Windows or array-like of shape (n_synthetic, window_size, n_channels)
        The synthetic windows, such as ``augmenter.synthetic_windows_``.
    holdout : Windows or array-like of shape (n_holdout, window_size, n_channels), optional
        Real windows of subjects that the generator has not seen. Without them the ceiling of fidelity
        and diversity compares two halves of the real subjects, and closeness to training windows and
        membership inference are left out.
    sampling_rate : float, default=1.0
        The sampling rate in Hz. Only `rate_channel` needs it.
    embedding : "spectrum+acf" or transformer, default="spectrum+acf"
        The space in which windows are points, for the Frechet distance, MMD, diversity and memorization.
        The default is the log power in 24 bands and the autocorrelation at 16 lags of each channel,
        standardized over the training windows. A transformer from windows to rows, such as
        ``make_pipeline(WindowFlattener(), PCA(10))``, is cloned and fitted to the training windows.
        Results of different embeddings cannot be compared.
    rate_channel : str, optional
        If the label is a rate per minute (heartbeats, breaths), the channel with a spectral peak at
        that rate.
    synthesizer : Synthesizer, optional
        The synthesizer that made the windows. The ``notes`` then say where they contradict what it declares
        to keep or move: the rate, if there is a `rate_channel`, and the class, if labels are classes.
    random_state : int, default=0
        The seed for the choice of windows, the noise, folds and forests.
    progress : bool, optional
        Whether to show a progress bar; by default in a terminal, and in a notebook that has ipywidgets.

    Returns
    -------
    QualityReport
        Prints as sentences and a table, and has ``verdict``, ``sentences``, ``to_frame()`` and
        ``plot()``. Its ``notes`` list what was left out.

    Raises
    ------
    ValueError
        If windows differ in length or channels, contain NaN or infinity, or are fewer than 6; if some of
        `real` or `holdout` are synthetic, or some of `synthetic` recorded; if a subject of `holdout` is
        in another set as well; or if a parameter is invalid.
    TypeError
        If `embedding` is not a transformer.

    See Also
    --------
    compare_protocols : Whether synthetic windows help a model.
    SyntheticWindowsDisplay : Synthetic windows drawn over real ones.

    Notes
    -----
    Each set is cut to at most 2,000 windows; closeness to training windows, membership inference and
    copies search all windows. Fidelity and diversity compare sets of equal size, at most 1,000 windows
    each. Where sets are larger than that, or than the smallest of them, the results are means over 20
    random subsets, and ``spread`` is the standard deviation over the subsets. Windows are drawn by
    their origin, so that their order does not matter, and two generators are compared on windows of
    the same origins. Windows of arrays, which have no origin, are drawn by their samples.

    *Noise* is white, with the mean and standard deviation of each channel. Where something else is the
    worst there can be, that is the floor: shuffled labels for adherence, the same window over and over
    for near duplicates, copies of training windows for memorization.

    *Beating the ceiling* is not a good sign: the synthetic windows are closer to the training windows
    than windows of other subjects are. Copies would be, too, and so are most windows that are made from
    training windows.

    Fidelity
        Wasserstein distance (Vallender 1974, in standard deviations of the real channel) and
        Kolmogorov-Smirnov distance (Smirnov 1948) of the samples of each channel; log-spectral distance
        between mean log spectra in dB (Gray and Markel 1976); mean absolute difference between the mean
        autocorrelations (Ang et al. 2023) and between the mean correlations of channels (Ni et al.
        2020); discriminative score ``|accuracy - 0.5|`` (Yoon et al. 2019) and AUC of a forest on unseen
        subjects, where the ceiling compares two halves of all real subjects; Frechet distance (Heusel et
        al. 2017, eq. 6); MMD with a Gaussian kernel of median width (Gretton et al. 2012, eq. 5), and
        its p-value under swaps of whole subjects.
    Adherence
        Error on synthetic windows of a forest trained on real windows of other subjects (train on real,
        test on synthetic: Esteban et al. 2017); distance of the spectral peak from a rate.
    Diversity
        Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020) with 5
        neighbors; share of near duplicates (after Arora and Zhang 2018).
    Memorization
        Share of synthetic windows that are closer to a training than to a held-out window (Platzer and
        Reutterer 2021); exact copies; AUC of a membership inference by the distance to the nearest
        synthetic window (Chen et al. 2020), with an interval over subjects (Obuchowski 1997). Distances
        are measured in the embedding and between samples, where noise does not hide a copy.

    The functions in `skaug.evaluation.quality` document the formulas.

    Examples
    --------
    >>> from skaug import SubjectWindower, SynthefyAugmenter
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import synthetic_quality
    >>> windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    >>> windows = windower.fit_transform(simulate_ppg(n_subjects=6, minutes=1, sampling_rate=32))
    >>> held_out = (windows.groups == "S5") | (windows.groups == "S6")
    >>> synthetic = SynthefyAugmenter().fit(windows[~held_out]).synthetic_windows_
    >>> report = synthetic_quality(windows[~held_out], synthetic, holdout=windows[held_out])
    >>> report.embedding
    'spectrum+acf'
    >>> report.to_frame()["family"].unique().tolist()
    ['fidelity', 'adherence', 'diversity', 'memorization']
    >>> list(report.sentences)
    ['fidelity', 'adherence', 'diversity', 'memorization']
    """
    if not (is_finite_number(sampling_rate) and sampling_rate > 0):
        raise ValueError(f"sampling_rate={sampling_rate!r} must be a positive number of Hz.")
    random_state = require_random_state(random_state)
    given = {"real": real, "synthetic": synthetic}
    if holdout is not None:
        given["holdout"] = holdout
    parts = {part: as_windows(windows) for part, windows in given.items()}
    require_comparable(parts)
    noise_seed, model_seed = np.random.SeedSequence(random_state).generate_state(2).tolist()
    keys = {}
    for part, windows in parts.items():
        has_origins = isinstance(given[part], Windows)
        parts[part], keys[part] = in_key_order(windows, has_origins, random_state)
    everything, embedding_name = _samples(parts, keys, embedding)
    some = {part: sample.draw(MOST_WINDOWS, "judged") for part, sample in everything.items()}
    for sample in some.values():
        sample.prepare("features", "log_power", "autocorrelation", "correlation")
    comparison = Comparison(some["real"], some["synthetic"], some.get("holdout"), noise_seed)
    labeled = some["real"], some["synthetic"]
    target_agg = parts["real"].provenance.target_agg
    steps: list[Callable[[], tuple[list[Measure], list[str]]]] = [
        lambda: fidelity(comparison, model_seed),
        lambda: adherence(*labeled, target_agg, model_seed),
        lambda: (diversity(comparison), []),
        lambda: memorization(everything, some),
    ]
    if rate_channel is not None:
        channel = rate_channel
        steps.insert(2, lambda: (rate_adherence(*labeled, channel, sampling_rate), []))
    is_silent = None if progress is None else not progress
    label = "quality" if synthesizer is None else f"quality of {type(synthesizer).__name__}"
    results = [step() for step in tqdm(steps, desc=label, unit="part", disable=is_silent)]
    measures = [measure for group, _ in results for measure in group]
    claims = []
    if synthesizer is not None:
        labels = parts["real"].y
        is_class = labels is not None and (
            target_agg == "mode" or are_classes(labels[~pd.isna(labels)])
        )
        claims = contradictions(synthesizer, measures, is_class)
    left_out = [reason for _, reasons in results for reason in reasons]
    return QualityReport(
        measures=tuple(measures),
        embedding=embedding_name,
        n_compared=comparison.n_compared,
        n_subsets=comparison.n_subsets,
        windows={part: _describe(windows) for part, windows in parts.items()},
        ceiling=comparison.ceiling,
        notes=(*claims, *left_out, *_cautions(measures, comparison, parts, embedding_name)),
    )


def _samples(
    parts: Mapping[str, Windows], keys: Mapping[str, NDArray[np.uint64]], embedding: Any
) -> tuple[dict[str, Sample], str]:
    """Return all windows in the embedding, and the name of the embedding."""
    names = channel_names(parts)
    # Real windows in double precision, which every transformer accepts.
    plain = {
        part: Windows.from_arrays(
            windows.to_numpy(np.float64), feature_names=names, channels_first=False
        )
        for part, windows in parts.items()
    }
    training = plain["real"][drawn(keys["real"], MOST_WINDOWS, "judged")]
    fitted, name = fitted_embedding(embedding, training)
    samples = {
        part: Sample(plain[part], fitted, windows.groups, windows.y, keys[part])
        for part, windows in parts.items()
    }
    for sample in samples.values():
        sample.prepare("embedded")
    return samples, name


def _describe(windows: Windows) -> str:
    groups = windows.groups
    if groups is None:
        return f"{len(windows):,} windows of unknown subjects"
    return f"{len(windows):,} windows of {_count_subjects(len(pd.unique(groups)))}"


def _count_subjects(n: int, kind: str = "") -> str:
    return f"{n} {kind}subject{'' if n == 1 else 's'}"


def _cautions(
    measures: Sequence[Measure],
    comparison: Comparison,
    parts: Mapping[str, Windows],
    embedding: str,
) -> list[str]:
    cautions = []
    blind = [measure.name for measure in measures if measure.tells_apart() is False]
    if blind:
        cautions.append(
            "These measures show nothing here, because their floor is no worse than their ceiling: "
            f"{', '.join(blind)}."
        )
    n, n_dimensions = comparison.n_compared, comparison.real.embedded.shape[1]
    if n <= n_dimensions:
        cautions.append(
            f"{n} windows are few for an embedding of {n_dimensions} dimensions: the Frechet distance "
            "is inflated in all three columns."
        )
    if embedding == SPECTRUM_ACF:
        cautions.append(
            "This embedding ignores the phases of the spectrum: windows with waves of another shape but "
            "the same power lie close together. The discriminative score and the label error also use "
            "statistics of the shape."
        )
    holdout = parts.get("holdout")
    if holdout is not None and holdout.groups is not None:
        n_subjects = len(pd.unique(holdout.groups))
        if n_subjects < _FEW_SUBJECTS:
            cautions.append(
                f"The ceiling rests on {_count_subjects(n_subjects, 'held-out ')}: other subjects would "
                "move it."
            )
    if holdout is not None and any(part.groups is None for part in parts.values()):
        cautions.append(
            "The subjects of some windows are unknown, so it could not be checked that the held-out "
            "windows are of other subjects."
        )
    return cautions
