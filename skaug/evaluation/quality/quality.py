"""How the synthetic windows differ from the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from skaug.evaluation.quality.adherence import adherence, rate_adherence
from skaug.evaluation.quality.diversity import K, diversity
from skaug.evaluation.quality.embedding import SPECTRUM_ACF, fitted_embedding
from skaug.evaluation.quality.fidelity import fidelity
from skaug.evaluation.quality.measure import Comparison, Measure
from skaug.evaluation.quality.memorization import memorization
from skaug.evaluation.quality.report import QualityReport
from skaug.evaluation.quality.sample import Sample
from skaug.windows.container import Windows, as_windows

#: Of more windows than this, so many are drawn.
MOST_WINDOWS = 2000

FEWEST_WINDOWS = K + 1
FEWEST_SAMPLES = 8

_DEALS = 5
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
    """Say how synthetic windows differ from real ones: fidelity, adherence, diversity, memorisation.

    No number stands alone. Beside each are the same measure of real windows of held-out subjects (the
    *ceiling*: as good as real), and of noise (the *floor*). All three compare equally many windows.

    Parameters
    ----------
    real : Windows or array-like of shape (n_windows, window_size, n_channels)
        The training windows, which the generator has seen.
    synthetic : Windows or array-like of shape (n_synthetic, window_size, n_channels)
        Synthetic windows, such as ``augmenter.synthetic_windows_``.
    holdout : Windows or array-like of shape (n_holdout, window_size, n_channels), optional
        Real windows of subjects that the generator has not seen. Without them the ceiling of fidelity
        and diversity compares two halves of the real subjects, and what membership needs is left out.
    sampling_rate : float, default=1.0
        In Hz. Only `rate_channel` needs it.
    embedding : "spectrum+acf" or transformer, default="spectrum+acf"
        Where windows become points for the Frechet distance, MMD, diversity and memorisation. By
        default the log power of 24 bands and the autocorrelation at 16 lags of each channel, each with
        mean 0 and standard deviation 1 over the training windows. A transformer, such as
        ``make_pipeline(WindowFlattener(), PCA(10))``, is cloned, fitted to the training windows, and
        given windows to make rows of. The scores of two embeddings cannot be compared.
    rate_channel : str, optional
        If the label is a rate per minute (heart beats, breaths), the channel whose spectral peak
        should show it. Nothing in the windows says so, hence you do.
    random_state : int, default=0
        Decides which windows are drawn, the noise, folds and forests.

    Returns
    -------
    QualityReport
        Shows itself as a table, ``to_frame()`` and ``plot()``. Its ``notes`` say what was left out.

    Raises
    ------
    ValueError
        If windows differ in length or channels, hold NaN or infinity, or are fewer than 6; if some of
        `real` or `holdout` are synthetic, or some of `synthetic` recorded; if a subject of `holdout` is
        among the others; or a parameter is invalid.
    TypeError
        If `embedding` is no transformer.

    Notes
    -----
    Of more than 2,000 windows of a kind so many are drawn, and of the kinds that are compared no more
    than there are of the fewest. Closeness to training windows, membership and copies look at all.

    *Noise* is white, with the mean and standard deviation of each channel. Where it is not what is
    worst, the floor is: shuffled labels for adherence, the same window over and over for near duplicates,
    copies of training windows for memorisation.

    *Better than the ceiling* is no praise: the synthetic windows are nearer to the training windows than
    new people are, as copies would be. Windows that were made of the training subjects' own often are.

    Fidelity
        Wasserstein distance (Vallender 1974, in standard deviations of the real channel) and
        Kolmogorov-Smirnov distance (Smirnov 1948) of the samples of each channel; log-spectral distance
        of the mean log spectra in dB (Gray and Markel 1976); mean absolute difference of the mean
        autocorrelation (Ang et al. 2023) and of the mean correlation between channels (Ni et al. 2020);
        discriminative score ``|accuracy - 0.5|`` (Yoon et al. 2019) and AUC of a forest on subjects it
        has not seen, where the ceiling is a mean over deals of all real subjects into two sets; Frechet
        distance (Heusel et al. 2017, eq. 6); MMD with a Gaussian kernel of median
        width (Gretton et al. 2012, eq. 5), and its p when whole subjects change places.
    Adherence
        Error on the labels of the synthetic windows of a forest trained on real windows of other
        subjects (train on real, test on synthetic: Esteban et al. 2017); distance of the spectral peak
        from a rate.
    Diversity
        Precision and recall (Kynkaanniemi et al. 2019), density and coverage (Naeem et al. 2020) with 5
        neighbours; share of near duplicates (after Arora and Zhang 2018).
    Memorisation
        Share of synthetic windows that are nearer to a training than to a held-out window (Platzer and
        Reutterer 2021); exact copies; AUC of a membership inference by the distance to the nearest
        synthetic window (Chen et al. 2020), with an interval over subjects (Obuchowski 1997). Distances
        are taken in the embedding, and between samples, where noise on top of a copy does not hide it.

    The functions in `skaug.evaluation.quality` have the formulas.

    Examples
    --------
    >>> from skaug import SubjectWindower, SynthefyAugmenter
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation.quality.quality import synthetic_quality
    >>> windower = SubjectWindower(256, features=["BVP"], target="heart_rate")
    >>> windows = windower.fit_transform(simulate_ppg(n_subjects=6, minutes=1, sampling_rate=32))
    >>> held_out = (windows.groups == "S5") | (windows.groups == "S6")
    >>> synthetic = SynthefyAugmenter().fit(windows[~held_out]).synthetic_windows_
    >>> report = synthetic_quality(windows[~held_out], synthetic, holdout=windows[held_out])
    >>> report.embedding
    'spectrum+acf'
    >>> report.to_frame()["family"].unique().tolist()
    ['fidelity', 'adherence', 'diversity', 'memorisation']
    """
    _check_parameters(sampling_rate, random_state)
    real, synthetic = as_windows(real), as_windows(synthetic)
    holdout = None if holdout is None else as_windows(holdout)
    parts = {"real": real, "synthetic": synthetic}
    if holdout is not None:
        parts["holdout"] = holdout
    for name, windows in parts.items():
        _check_windows(name, windows, real)
    _check_provenance(parts)
    seeds = np.random.SeedSequence(int(random_state)).generate_state(6).tolist()
    names = _channels(parts)
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
    comparison, ceiling = _comparison(samples, seeds)
    measures, notes = fidelity(comparison, seeds[3])
    asked = all_real.draw(MOST_WINDOWS, seeds[0]), all_synthetic.draw(MOST_WINDOWS, seeds[1])
    for more, reasons in (
        adherence(*asked, real.provenance.target_agg, seeds[3]),
        ([], [])
        if rate_channel is None
        else (rate_adherence(*asked, rate_channel, sampling_rate), []),
        (diversity(comparison), []),
        memorization(all_real, all_synthetic, samples.get("holdout"), MOST_WINDOWS, seeds[4]),
    ):
        measures += more
        notes += reasons
    return QualityReport(
        measures=tuple(measures),
        embedding=embedding_name,
        n_compared=len(comparison.real),
        windows={part: _describe(windows) for part, windows in parts.items()},
        ceiling=ceiling,
        notes=(*notes, *_cautions(measures, comparison, parts, embedding_name)),
    )


def _check_parameters(sampling_rate: Any, random_state: Any) -> None:
    if (
        not isinstance(sampling_rate, int | float | np.number)
        or isinstance(sampling_rate, bool)
        or not 0 < sampling_rate < np.inf
    ):
        raise ValueError(f"sampling_rate={sampling_rate!r} must be a number of Hz, above zero.")
    is_whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not is_whole or random_state < 0:
        raise ValueError(
            f"random_state={random_state!r} must be a whole number, not below zero: the same report "
            "comes of the same windows."
        )


def _check_windows(name: str, windows: Windows, real: Windows) -> None:
    if len(windows) < FEWEST_WINDOWS:
        raise ValueError(
            f"{name} holds {len(windows)} windows: it takes {FEWEST_WINDOWS} or more to look for {K} "
            "neighbours of each."
        )
    if windows.window_size < FEWEST_SAMPLES:
        raise ValueError(
            f"Windows of {windows.window_size} samples have no spectrum to speak of: take windows of "
            f"{FEWEST_SAMPLES} samples or more."
        )
    given, named = windows.feature_names, real.feature_names
    has_others = given != named and _is_named(windows) and _is_named(real)
    if windows.shape[1:] != real.shape[1:] or has_others:
        raise ValueError(
            f"{name} holds windows of {windows.window_size} samples of {', '.join(given)}, and real of "
            f"{real.window_size} samples of {', '.join(named)}: cut both alike."
        )
    for which, block in windows.blocks():
        bad = np.argwhere(~np.isfinite(block.to_numpy()))
        if len(bad):
            window, _, channel = bad[0]
            groups = block.groups
            subject = "" if groups is None else f" of subject {groups[window]!r}"
            raise ValueError(
                f"{name} holds NaN or infinity: first window {which.start + window}{subject}, channel "
                f"{given[channel]!r}. Cut the windows with missing='drop' or 'ffill', or leave these out."
            )


def _check_provenance(parts: dict[str, Windows]) -> None:
    for name, windows in parts.items():
        n_synthetic = int(windows.is_synthetic.sum())
        if name == "synthetic" and 0 < n_synthetic < len(windows):
            raise ValueError(
                f"synthetic holds {len(windows) - n_synthetic} recorded windows among {len(windows)}: pass "
                "windows[windows.is_synthetic]."
            )
        if name != "synthetic" and n_synthetic:
            raise ValueError(
                f"{n_synthetic} of the {len(windows)} windows in {name} are synthetic, and everything is "
                "measured against them: pass windows[~windows.is_synthetic]."
            )
    if "holdout" not in parts or parts["holdout"].groups is None:
        return
    for name in ("real", "synthetic"):
        groups = parts[name].groups
        both = (
            []
            if groups is None
            else [s for s in pd.unique(parts["holdout"].groups) if s in set(groups)]
        )
        if both:
            raise ValueError(
                f"holdout and {name} share the subjects {', '.join(map(repr, both))}: held-out subjects are "
                "such as the generator has not seen. Split with SubjectKFold."
            )


def _is_named(windows: Windows) -> bool:
    return windows.feature_names != [f"x{i}" for i in range(windows.shape[2])]


def _channels(parts: dict[str, Windows]) -> list[str]:
    """Give the names of the channels, which arrays do not know."""
    named = [windows.feature_names for windows in parts.values() if _is_named(windows)]
    return named[0] if named else parts["real"].feature_names


def _plain(windows: Windows, feature_names: Sequence[str]) -> Windows:
    """Give the windows as real ones, which every transformer accepts, in double precision."""
    values = windows.to_numpy().astype(np.float64, copy=False)
    return Windows.from_arrays(values, feature_names=feature_names)


def _comparison(samples: dict[str, Sample], seeds: Sequence[int]) -> tuple[Comparison, str]:
    """Draw samples of equal size, and say what the ceiling is."""
    real, synthetic, holdout = samples["real"], samples["synthetic"], samples.get("holdout")
    pair: tuple[Sample, Sample] | None
    if holdout is not None:
        pair = (real, holdout)
        ceiling = "real windows of held-out subjects against the training windows"
        everybody = Sample.concatenate([real, holdout])
    else:
        pair = deal(real, seeds[2])
        ceiling = "one half of the real subjects against the other half"
        everybody = real
    if pair is None:
        ceiling = (
            "none, which takes windows of held-out subjects, or real ones of two known subjects or more "
            f"with {FEWEST_WINDOWS} windows in either half"
        )
    n = min(MOST_WINDOWS, *map(len, (real, synthetic, *(pair or ()))))
    first = real.draw(n, seeds[0])
    halves = [deal(everybody, seeds[2] + nth) for nth in range(_DEALS)]
    comparison = Comparison(
        real=first,
        synthetic=synthetic.draw(n, seeds[1]),
        noise=first.replaced(_white_noise(real.values, len(first), seeds[5])),
        ceiling=None
        if pair is None
        else (
            first if pair[0] is real else pair[0].draw(n, seeds[0]),
            pair[1].draw(n, seeds[2]),
        ),
        deals=[(half[0].draw(n, seeds[0]), half[1].draw(n, seeds[2])) for half in halves if half],
    )
    return comparison, ceiling


def _white_noise(values: NDArray, n: int, seed: int) -> NDArray:
    """Give noise with the mean and standard deviation of each channel; a flat one stays flat."""
    mean, sd = values.mean(axis=(0, 1)), values.std(axis=(0, 1))
    noise = mean + sd * np.random.default_rng(seed).normal(size=(n, *values.shape[1:]))
    is_flat = values.max(axis=(0, 1)) == values.min(axis=(0, 1))
    return np.where(is_flat, values[0, 0], noise)


def deal(sample: Sample, seed: int) -> tuple[Sample, Sample] | None:
    """Deal subjects into two sets of about as many windows.

    Parameters
    ----------
    sample : Sample
        Windows.
    seed : int
        Of the order in which the subjects are dealt.

    Returns
    -------
    pair of Sample, or None
        None where the subjects are not known, or a set would have fewer than 6 windows.
    """
    if sample.groups is None:
        return None
    codes, subjects = pd.factorize(sample.groups)
    sizes = np.bincount(codes)
    in_second = np.zeros(len(subjects), dtype=bool)
    n_windows = [0, 0]
    for subject in np.random.default_rng(seed).permutation(len(subjects)):
        in_second[subject] = n_windows[1] < n_windows[0]
        n_windows[int(in_second[subject])] += sizes[subject]
    if min(n_windows) < FEWEST_WINDOWS:
        return None
    return sample.take(~in_second[codes]), sample.take(in_second[codes])


def _describe(windows: Windows) -> str:
    groups = windows.groups
    if groups is None:
        return f"{len(windows):,} windows of unknown subjects"
    n_subjects = len(pd.unique(groups))
    return f"{len(windows):,} windows of {n_subjects} subject{'s' if n_subjects > 1 else ''}"


def _cautions(
    measures: Sequence[Measure], comparison: Comparison, parts: dict[str, Windows], embedding: str
) -> list[str]:
    cautions = []
    blind = [measure.name for measure in measures if measure.tells_apart() is False]
    if blind:
        cautions.append(
            "These tell nothing here, because their floor is no worse than their ceiling: "
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
            "This embedding does not see the phases of a spectrum: windows whose waves have another "
            "shape but the same power lie close to each other in it. The discriminative score and the "
            "label error are given statistics of the shape as well."
        )
    holdout = parts.get("holdout")
    if holdout is not None and holdout.groups is not None:
        n_subjects = len(pd.unique(holdout.groups))
        if n_subjects < _FEW_SUBJECTS:
            cautions.append(
                f"The ceiling rests on {n_subjects} held-out subject{'s' if n_subjects > 1 else ''}: with "
                "others it would be another."
            )
    if "holdout" in parts and any(part.groups is None for part in parts.values()):
        cautions.append(
            "Some of these windows do not say whose they are: that the held-out ones are of other "
            "subjects is taken on trust."
        )
    return cautions
