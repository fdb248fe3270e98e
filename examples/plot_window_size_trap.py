"""
====================
The window-size trap
====================

The signal below is noise, and so is the label: there is nothing to learn. Scores per window get better and
better with longer windows all the same, because long windows average their labels. Scores per row, of
:func:`~skaug.model_selection.row_scorer`, stay where they are.
"""

# %%
# Noise of eight subjects
# -----------------------
# The label changes at random every eight rows, whatever the signal does.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from skaug import SubjectWindower, WindowStatistics, make_pipeline
from skaug.model_selection import SubjectKFold, row_scorer, window_scorer

rng = np.random.default_rng(0)
n_rows = 8 * 4096
recordings = pd.DataFrame(
    {
        "subject": np.repeat([f"S{number}" for number in range(1, 9)], 4096),
        "signal": rng.normal(size=n_rows),
        "label": np.repeat(rng.normal(loc=80, scale=10, size=n_rows // 8), 8),
    }
)

# %%
# A search over the window size
# -----------------------------
# Rows are the samples, so that the window size is a parameter like any other. Both scorers see the same
# predictions on the same folds of subjects.
sizes = [16, 32, 64, 128, 256, 512]
pipeline = make_pipeline(
    SubjectWindower(features=["signal"], target="label"), WindowStatistics(), Ridge()
)
search = GridSearchCV(
    pipeline,
    {"subjectwindower__window_size": sizes},
    cv=SubjectKFold(4),
    scoring={
        "windows": window_scorer("neg_mean_absolute_error"),
        "rows": row_scorer("neg_mean_absolute_error"),
    },
    refit="rows",
    error_score="raise",
)
results = pd.DataFrame(search.fit(recordings).cv_results_)
errors = -results[["mean_test_windows", "mean_test_rows"]].set_index(pd.Index(sizes, name="size"))
print(errors.round(2).to_string())

# %%
# The picture
# -----------
# On the left, labels of rows, and of windows of 512 rows: nearly constant, so that predicting the mean is
# nearly right. On the right, what the two scorers make of it. To choose a window size, use ``row_scorer``.
of_windows, of_rows = "#d55e00", "#2f8fdd"
figure, (left, right) = plt.subplots(
    1, 2, figsize=(9.5, 4.6), layout="constrained", width_ratios=(2, 3)
)
shown = recordings[:1536]
left.plot(shown["label"], color="#8a8f98", linewidth=0.8)
windows = SubjectWindower(512, features=["signal"], target="label").fit_transform(shown)
left.stairs(windows.y, range(0, 1537, 512), color=of_windows, linewidth=3, baseline=None, zorder=3)
left.text(20, 118, "labels of rows", color="#5c6570")
left.text(20, 42, "labels of windows of 512 rows", color=of_windows)
left.set_ylim(38, 124)
left.set_xlabel("row of subject S1")
left.set_ylabel("label")

right.plot(sizes, errors["mean_test_rows"], "o-", color=of_rows, linewidth=2.5, markersize=7)
right.plot(sizes, errors["mean_test_windows"], "o-", color=of_windows, linewidth=2.5, markersize=7)
right.text(512, errors["mean_test_rows"].iloc[-1] + 0.3, "error per row", color=of_rows, ha="right")
right.text(
    512,
    errors["mean_test_windows"].iloc[-1] + 0.9,
    "error per window",
    color=of_windows,
    ha="right",
)
right.set_xscale("log", base=2)
right.set_xticks(sizes, sizes)
right.set_ylim(0, 9)
right.set_xlabel("window size in rows")
right.set_ylabel("MAE of the label")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
figure.suptitle("Nothing to learn, yet longer windows score better and better", size=13)
