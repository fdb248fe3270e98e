"""
====================
A service, paid once
====================

Every window that :class:`~skaug.synthesis.SynthefyAPI` buys is on disk before it is used. Later folds,
other models and larger requests find it there, and so does a run that goes on after a crash.
"""

# %%
# A study that buys windows
# -------------------------
# It cuts the recordings of six simulated subjects into 42 windows, buys ``ratio`` synthetic windows for
# each of those it trains on, and leaves out one subject after the other. It prints when a window was found
# in the store. Nothing leaves this machine: the service is a local one.
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt

from skaug.server import running

STUDY = """
import json, sys, time
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_validate
from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
from skaug.datasets import simulate_ppg
from skaug.model_selection import LeaveOneSubjectOut
from skaug.synthesis import SynthefyAPI, WindowStore

class TimedStore(WindowStore):
    def get(self, key):
        window = super().get(key)
        if window is not None:
            found.append(time.monotonic())
        return window

url, folder, model, ratio = sys.argv[1:]
found = []
api = SynthefyAPI("user", "ppg_hr", "job", base_url=url, store=TimedStore(folder))
models = {"ridge": Ridge(), "trees": ExtraTreesRegressor(50, random_state=0)}
pipeline = make_pipeline(
    SubjectWindower(512, features=["BVP"], target="heart_rate"),
    SynthefyAugmenter(api, ratio=float(ratio)),
    WindowSpectrum(0.5, 4, sampling_rate=64),
    models[model],
)
recordings = simulate_ppg(n_subjects=6, minutes=1)
cross_validate(pipeline, recordings, cv=LeaveOneSubjectOut(), scoring=lambda *_: 0.0, error_score="raise")
print(json.dumps(found))
"""

# %%
# Four runs, the first of them killed
# -----------------------------------
# The first process is killed while it waits for a window. Then the same command is given again.
os.environ.setdefault("SYNTHEFY_API_KEY", "any-key-will-do")
runs = {
    "ridge, killed": ("ridge", "1"),
    "ridge, again": ("ridge", "1"),
    "other model": ("trees", "1"),
    "twice as many": ("ridge", "2"),
}
paid, found = {}, {}
with (
    running(window_size=512, features=["BVP"], delay=0.04) as service,
    tempfile.TemporaryDirectory() as folder,
):
    script, store = Path(folder) / "study.py", Path(folder) / "store"
    script.write_text(STUDY)
    for name, options in runs.items():
        n_before = len(service.requests)
        command = [sys.executable, str(script), service.base_url, str(store), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            if "killed" in name:
                while service.computed < 15 and process.poll() is None:
                    time.sleep(0.01)
                process.kill()
            output, _ = process.communicate()
        if "killed" in name:
            time.sleep(0.5)  # the service completes a window that no client waits for any more
        elif process.returncode:
            raise RuntimeError(f"The run {name!r} failed: see its messages.")
        paid[name] = [
            request.finished for request in service.requests[n_before:] if request.finished
        ]
        found[name] = json.loads(output or "[]")
        print(f"{name:14} paid for {len(paid[name]):3} windows, found {len(found[name]):3} stored")

# %%
# The runs, window by window
# --------------------------
# Each run on its own line, window by window in the order in which it had them. A complete run needs 35
# windows in each of its six folds, or 70 if twice as many. A window that was being computed when the
# process was killed has reached no client and is paid for again, so that the first two runs together may pay
# for one window more than the 42 there are.
n_paid, n_found = (sum(map(len, of_runs.values())) for of_runs in (paid, found))
print(f"{n_paid + n_found} windows needed, {n_paid} paid for")
PAID, FOUND = "#d55e00", "#2b83ba"
figure, ax = plt.subplots(figsize=(8.5, 4.4), layout="constrained")
for place, name in enumerate(runs):
    events = sorted([(t, PAID) for t in paid[name]] + [(t, FOUND) for t in found[name]])
    ax.broken_barh(
        [(nth, 1) for nth in range(len(events))],
        (place - 0.3, 0.6),
        facecolors=[color for _, color in events],
    )
    if "killed" in name:
        ax.plot(len(events) + 8, place, "X", color="black", markersize=14)
    counts = {PAID: f"{len(paid[name])} paid for", FOUND: f"{len(found[name])} stored"}
    for (color, text), shift in zip(counts.items(), (-0.16, 0.16), strict=True):
        ax.annotate(
            text,
            (1.01, place + shift),
            xycoords=("axes fraction", "data"),
            color=color,
            weight="bold",
            va="center",
        )
ax.set_yticks(range(len(runs)), runs, size=12)
ax.set_ylim(len(runs) - 0.5, -0.5)
ax.set_xlabel("Windows that the run needed, in order")
ax.spines[["top", "right", "left"]].set_visible(False)
ax.tick_params(axis="y", length=0)
figure.suptitle(
    f"{n_paid + n_found} windows needed, {n_paid} paid for: a killed run goes on where it stopped",
    size=14,
)
