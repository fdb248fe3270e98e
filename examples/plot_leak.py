"""
========
The leak
========

Does skin temperature predict the heart rate of a person that the model has never seen? In these
recordings it does not. Random folds claim that it does, almost to the beat: overlapping windows share rows,
so nearly every test window has a twin in the training set. Folds of subjects tell the truth.
"""

# %%
# Slow signals of eight people
# ----------------------------
# Skin temperature and electrodermal activity are simulated. They drift slowly, and say little about the
# heart rate, but much about who is wearing the sensor, and when.
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import KFold, cross_val_predict

from skaug import SubjectOverlapWarning, SubjectWindower, WindowStatistics, make_pipeline
from skaug.datasets import simulate_ppg
from skaug.model_selection import SubjectKFold

recordings = simulate_ppg(n_subjects=8, minutes=5, sampling_rate=32)
pipeline = make_pipeline(
    WindowStatistics(), ExtraTreesRegressor(25, max_features=0.33, random_state=0)
)

# %%
# The same model, more and more overlap
# -------------------------------------
# Windows of 8 s, from one every 8 s to one every half second. skaug warns when a model predicts other
# windows of a subject that it was fitted on; here the warning is kept, to be printed.
folds = {"random folds": KFold(4, shuffle=True, random_state=0), "new people": SubjectKFold(4)}
rows, predictions = [], {}
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", SubjectOverlapWarning)
    for stride in (256, 128, 64, 32, 16):
        windower = SubjectWindower(
            window_size=256,
            stride=stride,
            features=["TEMP_wrist", "EDA_wrist"],
            target="heart_rate",
        )
        windows = windower.fit_transform(recordings)
        row = {"overlap": 1 - stride / 256, "n_windows": len(windows)}
        for name, cv in folds.items():
            predictions[name] = cross_val_predict(pipeline, windows, windows.y, cv=cv)
            row[name] = mean_absolute_error(windows.y, predictions[name])
        row["mean label"] = np.abs(windows.y - windows.y.mean()).mean()
        rows.append(row)
errors = pd.DataFrame(rows)
print(errors.round(2).to_string(index=False))
print(f"{len(caught)} warnings, the first: {caught[0].message}")

# %%
# The picture
# -----------
# On the left, one person at the largest overlap: random folds retrace the heart rate, but someone new gets
# nothing of the kind. On the right, the error that each kind of folds claims. Even without overlap the
# neighbors of a window, and its wearer, give it away. Overlap does the rest. The truth does not move: worse
# than always predicting the mean.
leaky, honest = "#d55e00", "#2f8fdd"
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.6), layout="constrained")
is_shown = windows.groups == "S2"
seconds = 4 + 0.5 * np.arange(is_shown.sum())
for name, color in (("new people", honest), ("random folds", leaky)):
    left.plot(seconds, predictions[name][is_shown], ".", color=color, markersize=5, label=name)
left.plot(seconds, windows.y[is_shown], color="black", linewidth=1)
left.set_xlabel("seconds of subject S2")
left.set_ylabel("heart rate and predictions (bpm)")

places = range(len(errors))
right.axhline(errors["mean label"].mean(), color="#5c6570", linestyle="--")
right.text(0, errors["mean label"].mean() + 0.2, "always the mean", color="#5c6570")
right.fill_between(places, errors["random folds"], errors["new people"], color=leaky, alpha=0.1)
for name, color in (("new people", honest), ("random folds", leaky)):
    right.plot(places, errors[name], "o-", color=color, linewidth=2.5, markersize=7)
right.text(0, errors["new people"].iloc[0] + 0.4, "folds of subjects", color=honest)
right.text(0, errors["random folds"].iloc[0] + 0.5, "random folds", color=leaky)
right.set_ylim(0, 16)
right.set_xticks(places, [f"{overlap:.0%}" for overlap in errors["overlap"]])
right.set_xlabel("overlap of neighboring windows")
right.set_ylabel("MAE of the heart rate in bpm")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
last = errors.iloc[-1]
figure.suptitle(
    f"Random folds promise {last['random folds']:.1f} bpm. For new people it is "
    f"{last['new people']:.0f} bpm",
    size=13,
)
