"""
===========================
Six synthesizers, one table
===========================

Which synthesizer helps? :func:`~skaug.evaluation.compare_synthesizers` fits real windows alone once, and
adds the windows of each synthesizer on the same folds, with controls and a naive baseline. Here the label is
a heart rate, and what counts is whether a synthesizer moves it.
"""

# %%
# Twenty people run
# -----------------
# The recordings are simulated. Steps shake the sensor: they show in the acceleration of the wrist, and in
# the pulse signal as strongly as the pulse itself.
import textwrap

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from skaug import (
    SpectralPeakRegressor,
    SubjectWindower,
    SynthefyAugmenter,
    WindowNormalizer,
    WindowSpectrum,
    make_pipeline,
)
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_synthesizers
from skaug.model_selection import SubjectKFold
from skaug.synthesis import (
    ChoiceSynthesizer,
    Jitter,
    MagnitudeWarp,
    Mask,
    MixupSynthesizer,
    RateSynthesizer,
    Scale,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    TransformSynthesizer,
)

recordings = simulate_ppg(n_subjects=20, minutes=2, sampling_rate=25)
cadences = np.random.default_rng(0).uniform(2.2, 2.9, size=20)  # steps per second
for cadence, (_, rows) in zip(cadences, recordings.groupby("subject", sort=False), strict=True):
    steps = 2 * np.pi * cadence * np.arange(len(rows)) / 25
    leak = rows["BVP"].std() * (np.sin(steps) + np.sin(steps / 2))
    recordings.loc[rows.index, "BVP"] += leak
    recordings.loc[rows.index, "ACC_wrist_idx_0"] += 0.5 * np.sin(steps)
    recordings.loc[rows.index, "ACC_wrist_idx_1"] += 0.3 * np.sin(steps / 2)

windower = SubjectWindower(
    window_size=200,
    stride=100,
    features=["BVP", "ACC_wrist_idx_0", "ACC_wrist_idx_1"],
    target="heart_rate",
)
windows = windower.fit_transform(recordings)
print(windows)

# %%
# Six ways to make windows
# ------------------------
# Each declares which kinds of labels it keeps, and which it moves along with the samples.
rate = RateSynthesizer(sampling_rate=25, channels=["BVP"])
synthesizers = {
    "rate": rate,
    "rate or surrogate": ChoiceSynthesizer([("rate", rate), ("surrogate", SurrogateSynthesizer())]),
    "spectral": SpectralSynthesizer(sampling_rate=25, rate_channels=["BVP"]),
    "surrogate": SurrogateSynthesizer(),
    "mixup": MixupSynthesizer(),
    "transform": TransformSynthesizer([Jitter(), Scale(), MagnitudeWarp(), Mask()], p=0.5),
}
for name, synthesizer in synthesizers.items():
    print(f"{name:18} keeps {sorted(synthesizer.keeps)}, moves {sorted(synthesizer.moves)}")

# %%
# The same folds for all
# ----------------------
# Four people train, sixteen test, five times. Each synthesizer adds eight windows per real one. The control
# ``TRRTR`` repeats real windows instead; ``TRPTR`` adds the windows of a synthesizer with their labels
# permuted.
pipeline = make_pipeline(
    SynthefyAugmenter(ratio=8),
    WindowNormalizer(),
    WindowSpectrum(low=0.5, high=4, sampling_rate=25),
    ExtraTreesRegressor(30, min_samples_leaf=3, max_features=0.33, random_state=0),
)
peak = SpectralPeakRegressor(low=0.5, high=4, sampling_rate=25, channel="BVP")
comparison = compare_synthesizers(
    pipeline,
    windows,
    synthesizers,
    controls=("TRRTR", "TRPTR"),
    cv=[(four, others) for others, four in SubjectKFold(5).split(windows)],
    baselines={"spectral peak": peak},
    progress=False,
)
print(comparison.table())
print(textwrap.fill(comparison.verdict(), width=90))

# %%
# The picture
# -----------
# Blue: what the windows of a synthesizer change. Hollow: the same windows with permuted labels, which say
# nothing about the heart rate. The p-values are those of Holm, adjusted for six synthesizers. The
# intervals are not adjusted, and the best of six looks better than it is: to quote a score, choose the
# synthesizer by a search inside the folds.
summary = comparison.summary().droplevel("metric")
errors = -summary[["difference", "ci_low", "ci_high"]].astype(float)  # below zero: better
figure, ax = plt.subplots(figsize=(9.5, 5), layout="constrained")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.axvline(0, color="#8a8f98", linewidth=1)


def draw(label, place, **style):
    """Draw a difference and its interval."""
    middle, high, low = errors.loc[label]
    ends = [[middle - low], [high - middle]]
    ax.errorbar(middle, place, xerr=ends, capsize=4, linewidth=2, markersize=8, **style)


helped = [name for name in synthesizers if summary.loc[f"TRSTR, {name}", "verdict"] == "helped"]
names = []
for place, (name, synthesizer) in enumerate(synthesizers.items()):
    row = summary.loc[f"TRSTR, {name}"]
    draw(f"TRPTR, {name}", place + 0.22, fmt="o", color="#c2497b", markerfacecolor="white")
    draw(f"TRSTR, {name}", place - 0.1, fmt="o", color="#2f8fdd")
    p_value = "p < 0.001" if row["p_holm"] < 0.001 else f"p = {row['p_holm']:.3f}"
    text = (
        f"{row['verdict']}, {p_value}\nbetter for {row['n_better']:.0f} of {row['n_subjects']:.0f}"
    )
    ax.text(4.2, place, text, va="center", weight="bold" if name in helped else None)
    moves = "moves the rate" if "rate" in synthesizer.moves else "does not move it"
    names.append(f"{name}\n({moves})")
draw("TRRTR", len(names), fmt="s", color="#2aa67a")
names.append("real windows repeated\n(control)")
ax.set_yticks(range(len(names)), names)
ax.tick_params(axis="y", length=0)
ax.invert_yaxis()

first = errors["difference"]["TRSTR, rate"], errors["difference"]["TRPTR, rate"]
ax.text(first[0], -0.35, "real + synthetic windows", color="#2f8fdd", ha="center")
ax.text(first[1], -0.05, "labels permuted", color="#c2497b", ha="center")
naive = errors["difference"]["naive"]
ax.axvline(naive, color="#5c6570", linestyle="--")
ax.text(naive + 0.06, 6.05, "naive", color="#5c6570")
ax.set_xlabel("change of the MAE (bpm) from real windows alone; below zero: better")
figure.suptitle(
    f"{len(helped)} of {len(synthesizers)} synthesizers helped: those that move the heart rate",
    size=13,
)
