"""
=================================================
With how few people do synthetic windows pay off?
=================================================

A curve over the number of real people in training, with and without synthetic windows, on the same folds:
:func:`~skaug.evaluation.learning_curve` with ``n_subjects``. Here synthetic windows pay off with few people,
and the gain is not shown to be there with all of them.
"""

# %%
# Twenty people run
# -----------------
# The recordings are simulated. Steps shake the sensor: they show in the acceleration of the wrist, and in
# the pulse signal as strongly as the pulse itself.
import textwrap

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor

from skaug import (
    SubjectWindower,
    SynthefyAugmenter,
    WindowNormalizer,
    WindowSpectrum,
    make_pipeline,
)
from skaug.datasets import simulate_ppg
from skaug.evaluation import learning_curve
from skaug.model_selection import SubjectKFold
from skaug.synthesis import RateSynthesizer

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
# Two, four, eight or all people
# ------------------------------
# Four people are left out at a time; the others train, or two, four or eight that are drawn from them, three
# times. Scores are averaged over the draws before anything is tested. Each real window gets eight synthetic
# ones with another heart rate. (With two people the heart rates are too alike to check that the pulse signal
# shows them, so the check is off.)
synthesizer = RateSynthesizer(sampling_rate=25, channels=["BVP"], check=False)
pipeline = make_pipeline(
    SynthefyAugmenter(synthesizer, ratio=8),
    WindowNormalizer(),
    WindowSpectrum(low=0.5, high=4, sampling_rate=25),
    ExtraTreesRegressor(20, min_samples_leaf=3, max_features=0.33, random_state=0),
)
curve = learning_curve(
    pipeline,
    windows,
    n_subjects=(2, 4, 8, None),
    n_draws=3,
    cv=SubjectKFold(5),
    progress=False,
)
summary = curve.summary().droplevel("metric")
columns = ["mean", "difference", "ci_low", "ci_high", "p_holm", "p_repeated", "p_left_out"]
print(summary[columns].round(4).to_string(na_rep=""))
print(textwrap.fill(curve.verdict(), width=90))

# %%
# The picture
# -----------
# The arrow is the bargain: half the people, with synthetic windows, make an error as small as all of them
# without. The intervals on the right, and the verdict, say where the gain is more than chance.
display = curve.plot()
figure, (means, differences) = display.figure_, display.axes_
figure.set_size_inches(9.5, 4.8)
errors = -summary["mean"].unstack("protocol")
places = np.log2(errors.index)
means.fill_between(places, errors["TRTR"], errors["TRSTR"], color="#2f8fdd", alpha=0.15)
half, full = (places[-2], errors["TRSTR"].iloc[-2]), (places[-1], errors["TRTR"].iloc[-1])
means.annotate("", full, half, arrowprops={"arrowstyle": "<->", "color": "black", "linewidth": 1.5})
means.get_legend().remove()
means.text(places[0], errors["naive"].iloc[0] + 0.15, "naive", color="#5c6570")
means.text(places[1], errors["TRTR"].iloc[1] + 0.35, "real windows, or repeated", color="#5c6570")
means.text(
    places[1], errors["TRSTR"].iloc[1] - 0.55, "real + synthetic", color="#2f8fdd", ha="center"
)
means.set_ylim(4, None)
means.set_ylabel("error of the heart rate: MAE in bpm")
figure.suptitle("With synthetic windows, eight people teach as much as sixteen", size=13)
