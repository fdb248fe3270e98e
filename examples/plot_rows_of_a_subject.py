"""
=============================================
Predictions on the rows of a held-out subject
=============================================

A model of windows is fitted and scored on windows, but used on recordings. :func:`skaug.predict_rows` lays
the predictions of overlapping windows back onto the rows of the table, where they can be drawn beside the
truth.
"""

# %%
# A pipeline, and a subject it has not seen
# -----------------------------------------
# Windows of 8 s, one every 2 s, of nine simulated subjects. The tenth is held out.
import matplotlib.pyplot as plt
from sklearn.ensemble import ExtraTreesRegressor

from skaug import SubjectWindower, WindowAutocorrelation, make_pipeline, predict_rows
from skaug.datasets import simulate_ppg

RATE = 32
recordings = simulate_ppg(n_subjects=10, minutes=8, sampling_rate=RATE)
is_held_out = recordings["subject"] == "S10"
held_out = recordings[is_held_out].reset_index(drop=True)
pipeline = make_pipeline(
    SubjectWindower(8 * RATE, stride=2 * RATE, features=["BVP"], target="heart_rate"),
    WindowAutocorrelation(max_lag=48),
    ExtraTreesRegressor(60, min_samples_leaf=3, random_state=0),
)
pipeline.fit(recordings[~is_held_out])
held_out["predicted"] = predict_rows(pipeline, held_out)
print(held_out[["heart_rate", "predicted"]].iloc[:: 60 * RATE].round(1).to_string())

# %%
# How far off?
# ------------
# The limits of agreement of Bland and Altman (1986): 95 % of the differences would lie between them if they
# were normally distributed. One value per 2 s is used, because neighboring rows have the same windows. The
# values of one subject are not independent: the limits describe this recording, they do not test it.
by_step = held_out.iloc[RATE :: 2 * RATE].dropna(subset="predicted")
difference = by_step["predicted"] - by_step["heart_rate"]
mean = (by_step["predicted"] + by_step["heart_rate"]) / 2
bias, spread = difference.mean(), 1.96 * difference.std()
is_moving = by_step["activity"].isin([2, 3, 4, 7])  # stairs, table soccer, cycling, walking
print(f"bias {bias:+.1f} bpm, limits of agreement {bias - spread:+.1f} to {bias + spread:+.1f} bpm")
print(
    f"mean absolute error: {difference[is_moving].abs().mean():.1f} bpm moving, "
    f"{difference[~is_moving].abs().mean():.1f} bpm otherwise"
)

# %%
# The track, and the differences
# ------------------------------
# Left, the recording over time. Right, each difference over the mean of both values, after Bland and
# Altman.
TRUE, STILL, MOVING = "#8a8f98", "#2b83ba", "#d55e00"
figure, (track, ax) = plt.subplots(
    1, 2, figsize=(8.5, 4.6), width_ratios=[1.7, 1], layout="constrained"
)
minutes = by_step.index / (60 * RATE)
track.plot(minutes, by_step["heart_rate"], color=TRUE, linewidth=4)
track.plot(minutes, by_step["predicted"].where(~is_moving), color=STILL, linewidth=1.6)
track.plot(minutes, by_step["predicted"].where(is_moving), color=MOVING, linewidth=1.6)
track.set_xlabel("Time (min)")
track.set_ylabel("Heart rate (bpm)")
for y, text, color in (
    (0.97, "true", TRUE),
    (0.90, "predicted, still", STILL),
    (0.83, "predicted, moving", MOVING),
):
    track.text(0.02, y, text, color=color, weight="bold", va="top", transform=track.transAxes)
for here, color in ((~is_moving, STILL), (is_moving, MOVING)):
    ax.scatter(mean[here], difference[here], s=14, color=color, alpha=0.7)
for y, text in (
    (bias + spread, f"{bias + spread:+.1f}\n+1.96 SD"),
    (bias, f"{bias:+.1f} mean"),
    (bias - spread, f"{bias - spread:+.1f}\n-1.96 SD"),
):
    ax.axhline(y, color="#5c6570", linestyle="-" if y == bias else "--", linewidth=1)
    ax.annotate(
        text,
        (1, y),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        color="#5c6570",
    )
ax.set_xlabel("Mean of predicted and true (bpm)")
ax.set_ylabel("Predicted - true (bpm)")
for panel in (track, ax):
    panel.spines[["top", "right"]].set_visible(False)
still, moving = (difference[here].abs().mean() for here in (~is_moving, is_moving))
figure.suptitle(
    f"Subject S10, never seen: {still:.1f} bpm off while still, {moving:.1f} bpm while moving",
    size=15,
)
