"""Did synthetic windows help? TRTR, TRSTR and TSTR on a table of recordings.

Run it on simulated recordings or on your own table:

    python benchmark_trtr_trstr.py
    python benchmark_trtr_trstr.py recordings.parquet --features BVP ECG --target heart_rate
"""

import argparse

import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_protocols

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("table", nargs="?", help="a parquet file; simulated recordings by default")
parser.add_argument("--features", nargs="+", default=["BVP", "ECG"])
parser.add_argument("--target", default="heart_rate")
parser.add_argument("--subject", default="subject")
parser.add_argument("--window-size", type=int, default=512)
parser.add_argument("--sampling-rate", type=float, default=64.0)
parser.add_argument(
    "--ratio", type=float, default=1.0, help="number of synthetic windows per real one"
)
options = parser.parse_args()

table = options.table
recordings = pd.read_parquet(table) if table else simulate_ppg(n_subjects=6, minutes=4)

# Cut the recordings once. All that follows works on these windows and copies none.
windower = SubjectWindower(
    options.window_size,
    stride=options.window_size // 2,
    features=options.features,
    target=options.target,
    subject=options.subject,
)
windows = windower.fit_transform(recordings)
print(windows)

models = {
    "ridge": Ridge(),
    "extra trees": ExtraTreesRegressor(n_estimators=100, min_samples_leaf=3, random_state=0),
}
for name, model in models.items():
    pipe = make_pipeline(
        SynthefyAugmenter(ratio=options.ratio),
        WindowSpectrum(low=0.5, high=4.0, sampling_rate=options.sampling_rate),
        StandardScaler(),
        model,
    )
    comparison = compare_protocols(pipe, windows, protocols=("TRTR", "TRSTR", "TSTR", "TRRTR"))
    summary = comparison.summary().droplevel("metric")
    errors = pd.DataFrame(
        {
            "MAE": -summary["mean"],
            "sd": summary["sd"],
            "difference from TRTR": -summary["difference"],  # below zero is better
            "from": -summary["ci_high"],
            "to": -summary["ci_low"],
            "p": summary["p_holm"],
        }
    )
    print(f"\n{name}: MAE of {options.target} over left-out subjects")
    print((errors.astype(float).round(2) + 0.0).to_string(na_rep=""))
    print(comparison.verdict())
