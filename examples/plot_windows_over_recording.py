"""
=========================================
Which rows of a recording become windows?
=========================================

No window crosses a gap in time or the end of a session, and no window holds missing values unless you ask
for it. :class:`~skaug.evaluation.RecordingDisplay` shows what is cut, what is left out, and why, before any
model is fitted.
"""

# %%
# A recording with three defects
# ------------------------------
# Four simulated minutes of one subject at 64 Hz. The connection was lost for 25 seconds, the sensor dropped
# out for two, and after that the device was taken off and put on again, which began a new session.
import numpy as np
import pandas as pd

from skaug import SubjectWindower
from skaug.datasets import simulate_ppg
from skaug.evaluation import RecordingDisplay

recording = simulate_ppg(n_subjects=1, minutes=4, random_state=1)
recording["time"] = pd.Timestamp("2026-01-01 09:00") + pd.to_timedelta(
    np.arange(len(recording)) / 64, unit="s"
)
recording["session"] = np.where(recording.index < 170 * 64, 1, 2)
recording.loc[115 * 64 : 117 * 64, "BVP"] = np.nan
recording = recording.drop(index=range(45 * 64, 70 * 64))

# %%
# Windows of 8 s, one every 4 s
# -----------------------------
# Two parameters say where a recording ends: at a step in ``time`` of more than a second, and where
# ``session`` changes.
windower = SubjectWindower(
    window_size=512,
    stride=256,
    features=["BVP"],
    target="heart_rate",
    time="time",
    max_gap="1s",
    boundaries="session",
    missing="drop",
)
windows = windower.fit_transform(recording)
print(windows)

# %%
# The picture
# -----------
# Blue rows lie in a window. Gray rows do not: they are too few to fill a window before a gap or an end, or
# lie beside missing values. Windows overlap by half, so they are drawn in two lanes. Below, the label of
# each window is the mean heart rate of its rows.
display = RecordingDisplay.from_recording(windower, recording)
display.figure_.suptitle("No window crosses a gap or a session, or holds missing values", size=13)

# %%
# The same as a table, to count or to look up.
print(display.windows["left_out"].replace("", "kept").value_counts().to_string())
print(display.windows[display.windows["left_out"] != ""][["start", "end", "left_out"]].to_string())
print(display.recordings[["start", "end", "begins"]].to_string())
