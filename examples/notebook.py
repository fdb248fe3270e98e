"""The published notebook, cell by cell, in a third of its lines.

    python notebook.py                   # simulated recordings
    python notebook.py PPG_FieldStudy    # the UCI archive of PPG-DaLiA, or its zip

A local service that returns surrogates stands in for the Synthefy service.
"""

import os
import sys
import tempfile
import zipfile
from pathlib import Path

from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error

from skaug import SubjectWindower, SynthefyAugmenter, WindowFlattener
from skaug.datasets import load_ppg_dalia, simulate_ppg
from skaug.model_selection import split_by_column
from skaug.server import running
from skaug.synthesis import AgentArchive, SynthefyAPI

# Loading and preparing the data: subjects 1 to 10, split by the column "custom_split"
subjects = [f"S{i}" for i in range(1, 11)]
path = sys.argv[1] if len(sys.argv) > 1 else None
df = load_ppg_dalia(path, subjects=subjects) if path else simulate_ppg(n_subjects=10, minutes=2)
df["custom_split"] = df["subject"].map(lambda s: {"S9": "val", "S10": "test"}.get(s, "train"))
parts = split_by_column(df, "custom_split")

# Creating training, validation and test sets, on the notebook's own grid
windower = SubjectWindower(512, features=["BVP", "ECG"], target="heart_rate", alignment="table")
train = windower.fit_transform(parts["train"])
val, test = windower.transform(parts["val"]), windower.transform(parts["test"])
for name, windows in (("Training", train), ("Validation", val), ("Test", test)):
    print(f"{name} set shape: {windows.shape}, {windows.y.shape}")

with tempfile.TemporaryDirectory() as folder, running(window_size=512) as service:
    # Method 1: the API, conditioned on windows of subject 1. Each window is paid for once and stored.
    os.environ.setdefault("SYNTHEFY_API_KEY", "any-key-will-do")
    api = SynthefyAPI("user", "ppg_hr", "job", base_url=service.base_url, store=folder)
    augmenter = SynthefyAugmenter(api, n_synthetic=10, subjects=["S1"])
    method_1 = augmenter.fit_transform(train)

    # Method 2: an archive of the Synthetic Data Agent. This one is written here, from other draws.
    other = SynthefyAugmenter(n_synthetic=10, subjects=["S1"], random_state=1).fit(train)
    rows = other.synthetic_windows_.to_frame()[["BVP", "ECG", "heart_rate"]]
    rows = rows.reset_index("window", names="window_idx")
    with zipfile.ZipFile(Path(folder) / "subject-1-synthetic_data.zip", "w") as archive:
        archive.writestr("synthetic_data.parquet", rows.to_parquet(index=False))
    source = AgentArchive(Path(folder) / "subject-1-synthetic_data.zip", subject="S1")
    method_2 = SynthefyAugmenter(source, n_synthetic=10).fit_transform(train)
print(f"Enhanced training set shape: {method_1.shape}, {method_1.y.shape}")

# Preparing data for model training, and computing the scores that the notebook leaves to its reader
flattener = WindowFlattener().fit(train)
X_test = flattener.transform(test)
for name, windows in (
    ("TRTR", train),
    ("TRSTR - method 1", method_1),
    ("TRSTR - method 2", method_2),
):
    X_train, y_train = flattener.transform(windows).to_numpy(), windows.y
    error = mean_absolute_error(test.y, Ridge().fit(X_train, y_train).predict(X_test))
    print(f"Train data for {name}: {X_train.shape=}, {y_train.shape=}, MAE on test: {error:.2f}")
