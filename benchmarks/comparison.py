"""What a comparison costs on top of fitting and synthesizing.

    python benchmarks/comparison.py

Prints the ratio of its wall time to the time of fitting and synthesizing, for a cheap model and an expensive
one. The rest is predicting, scoring and the summary.
"""

from __future__ import annotations

import statistics
import time

from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_protocols

N_RUNS = 5
MODELS = {
    "ridge": Ridge(),
    "extra trees": ExtraTreesRegressor(n_estimators=20, min_samples_leaf=3, random_state=0),
}


def main() -> None:
    """Print the figures."""
    windower = SubjectWindower(512, 256, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(simulate_ppg(n_subjects=12, minutes=10))
    print(f"{windows!r}; TRTR, TRSTR and TSTR, each subject left out, medians of {N_RUNS} runs:")
    for name, model in MODELS.items():
        spectrum = WindowSpectrum(0.5, 4, 64)
        pipe = make_pipeline(SynthefyAugmenter(), spectrum, StandardScaler(), model)
        walls, ratios = [], []
        for _ in range(N_RUNS):
            began = time.perf_counter()
            comparison = compare_protocols(
                pipe, windows, protocols=("TRTR", "TRSTR", "TSTR"), progress=False
            )
            comparison.summary()
            walls.append(time.perf_counter() - began)
            fits = comparison.scores.drop_duplicates(["protocol", "fold"])
            ratios.append(walls[-1] / fits[["fit_seconds", "synthesis_seconds"]].to_numpy().sum())
        print(
            f"  {name:12s} {statistics.median(walls):6.2f} s, {statistics.median(ratios):.3f} times its fits "
            "and syntheses (aim: 1.10)"
        )


if __name__ == "__main__":
    main()
