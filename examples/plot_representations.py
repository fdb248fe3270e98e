"""
==================================
Four representations, one protocol
==================================

The same ridge regression estimates the heart rate from the samples of a window, from statistics, from its
spectrum and from its autocorrelation. It is always tested on the same unseen subjects: only the
representation of a window differs.
"""

# %%
# The windows
# -----------
# The pulse of twelve simulated subjects, in windows of 8 s.
from timeit import repeat

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowAutocorrelation,
    WindowFlattener,
    WindowSpectrum,
    WindowStatistics,
    make_pipeline,
)
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold

recordings = simulate_ppg(n_subjects=12, minutes=5, sampling_rate=32)
windows = SubjectWindower(256, features=["BVP"], target="heart_rate").fit_transform(recordings)
representations = {
    "samples": WindowFlattener(),
    "statistics": WindowStatistics(),
    "spectrum": WindowSpectrum(0.5, 4, sampling_rate=32),
    "autocorrelation": WindowAutocorrelation(max_lag=48),
}

# %%
# One protocol
# ------------
# TRTR trains on real windows of all subjects but one and tests on that one. How strongly the regression is
# regularized is chosen in inner folds of subjects. The naive baseline predicts the mean or the median of
# the training labels.
scores, seconds, n_numbers = {}, {}, {}
for name, representation in representations.items():
    ridge = RidgeCV(np.logspace(-2, 6, 9), cv=SubjectKFold(5))
    pipeline = make_pipeline(SynthefyAugmenter(), representation, StandardScaler(), ridge)
    comparison = compare_protocols(pipeline, windows, protocols=("TRTR",))
    scores[name] = -comparison.by_subject()["TRTR"]
    seconds[name] = min(repeat(lambda step=representation: step.fit_transform(windows), number=1))
    n_numbers[name] = representation.fit_transform(windows).shape[1]
naive = -comparison.summary()["mean"].xs("naive").item()
errors = pd.DataFrame(scores)
margins = scipy.stats.t.ppf(0.975, len(errors) - 1) * errors.sem()
table = pd.DataFrame(
    {
        "numbers per window": n_numbers,
        "MAE (bpm)": errors.mean(),
        "+/-": margins,
        "ms": 1000 * pd.Series(seconds),
    }
)
print(f"naive baseline: {naive:.1f} bpm\n{table.round(2).to_string()}")

# %%
# The picture
# -----------
# Bars are means over subjects with 95 % intervals, dots the subjects. The milliseconds are those that
# computing the representation of all windows took when this page was built.
figure, ax = plt.subplots(figsize=(8, 4.8), layout="constrained")
colors = ["#8a8f98", "#8a8f98", "#5a9bc4", "#2b83ba"]
for place, (name, color) in enumerate(zip(errors, colors, strict=True)):
    ax.barh(place, errors[name].mean(), xerr=margins[name], color=color, capsize=5, height=0.7)
    ax.scatter(errors[name], np.full(len(errors), place) + 0.22, s=14, color="#d55e00", zorder=3)
ax.axvline(naive, color="#5c6570", linestyle="--")
ax.annotate(
    "naive",
    (naive, 1),
    (0, 3),
    xycoords=("data", "axes fraction"),
    textcoords="offset points",
    ha="center",
)
ax.set_yticks(
    range(len(errors.columns)),
    [f"{name}\n{n_numbers[name]} numbers, {1000 * seconds[name]:.1f} ms" for name in errors],
    size=11,
)
ax.invert_yaxis()
ax.set_xlabel("Mean absolute error (beats per minute) for subjects that the model has not seen")
ax.spines[["top", "right"]].set_visible(False)
best = errors["autocorrelation"].mean()
figure.suptitle(
    f"From guessing to {best:.1f} bpm: the same ridge regression, other features", size=14
)
