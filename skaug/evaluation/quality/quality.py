"""How synthetic windows differ from real ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from skaug._checks import is_finite_number, require_random_state
from skaug.evaluation.quality.adherence import adherence, rate_adherence
from skaug.evaluation.quality.comparison import Comparison, compare
from skaug.evaluation.quality.diversity import diversity
from skaug.evaluation.quality.embedding import SPECTRUM_ACF, fitted_embedding
from skaug.evaluation.quality.fidelity import fidelity
from skaug.evaluation.quality.inputs import channel_names, require_comparable
from skaug.evaluation.quality.measure import Measure
from skaug.evaluation.quality.memorization import memorization
from skaug.evaluation.quality.report import QualityReport
from skaug.evaluation.quality.sample import Sample
from skaug.windows.container import Windows, as_windows

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
    random_state: int = 0,
) -> QualityReport:
    """Measure the fidelity, adherence, diversity and memorization of synthetic windows.

    No number stands alone. Next to each value are the same measure of real windows of held-out subjects
    (the *ceiling*: as good as real) and of noise (the *floor*). All three compare the same number of
    windows.

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
    random_state : int, default=0
        The seed for the choice of windows, the noise, folds and forests.

    Returns
    -------
    QualityReport
        Prints as a table and has ``to_frame()`` and ``plot()``. Its ``notes`` list what was left out.

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
    Each set is subsampled to at most 2,000 windows, and all sets being compared are cut to the size of
    the smallest. Closeness to training windows, membership inference and copies search all windows.

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
        subjects, where the ceiling is a mean over deals of all real subjects into two sets; Frechet
        distance (Heusel et al. 2017, eq. 6); MMD with a Gaussian kernel of median width (Gretton et al.
        2012, eq. 5), and its p-value under swaps of whole subjects.
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
    """
    if not (is_finite_number(sampling_rate) and sampling_rate > 0):
        raise ValueError(f"sampling_rate={sampling_rate!r} must be a positive number of Hz.")
    random_state = require_random_state(random_state)
    real, synthetic = as_windows(real), as_windows(synthetic)
    parts = {"real": real, "synthetic": synthetic}
    if holdout is not None:
        parts["holdout"] = as_windows(holdout)
    require_comparable(parts)
    seeds = np.random.SeedSequence(random_state).generate_state(6).tolist()
    names = channel_names(parts)
    plain = {part: _plain(windows, names) for part, windows in parts.items()}
    drawn = Sample(plain["real"], None).draw(MOST_WINDOWS, seeds[0]).windows
    space, embedding_name = fitted_embedding(embedding, drawn)
    samples = {
        part: Sample(plain[part], space, windows.groups, windows.y)
        for part, windows in parts.items()
    }
    for sample in samples.values():
        sample.prepare()
    all_real, all_synthetic = samples["real"], samples["synthetic"]
    all_holdout = samples.get("holdout")
    comparison, ceiling = compare(
        all_real, all_synthetic, all_holdout, MOST_WINDOWS, [*seeds[:3], seeds[5]]
    )
    some_real = all_real.draw(MOST_WINDOWS, seeds[0])
    some_synthetic = all_synthetic.draw(MOST_WINDOWS, seeds[1])
    groups = [
        fidelity(comparison, seeds[3]),
        adherence(some_real, some_synthetic, real.provenance.target_agg, seeds[3]),
    ]
    if rate_channel is not None:
        by_rate = rate_adherence(some_real, some_synthetic, rate_channel, sampling_rate)
        groups.append((by_rate, []))
    groups.append((diversity(comparison), []))
    groups.append(memorization(all_real, all_synthetic, all_holdout, MOST_WINDOWS, seeds[4]))
    measures = [measure for some, _ in groups for measure in some]
    left_out = [reason for _, reasons in groups for reason in reasons]
    return QualityReport(
        measures=tuple(measures),
        embedding=embedding_name,
        n_compared=len(comparison.real),
        windows={part: _describe(windows) for part, windows in parts.items()},
        ceiling=ceiling,
        notes=(*left_out, *_cautions(measures, comparison, parts, embedding_name)),
    )


def _plain(windows: Windows, feature_names: Sequence[str]) -> Windows:
    """Return the windows as real ones, which every transformer accepts, in double precision."""
    values = windows.to_numpy().astype(np.float64, copy=False)
    return Windows.from_arrays(values, feature_names=feature_names)


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
    n, n_dimensions = comparison.real.embedded.shape
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
                "give another ceiling."
            )
    if holdout is not None and any(part.groups is None for part in parts.values()):
        cautions.append(
            "The subjects of some windows are unknown: that the held-out windows are of other subjects "
            "could not be checked."
        )
    return cautions
