"""Tune the window size and the synthetic windows like any other parameter.

The samples are rows, so that the window size can be searched. The score is per row, because errors per window
fall with the length of the windows, even on pure noise.
"""

import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
from skaug.datasets import simulate_ppg
from skaug.model_selection import SubjectKFold, row_scorer

recordings = simulate_ppg(n_subjects=6, minutes=3)
pipe = make_pipeline(
    SubjectWindower(features=["BVP", "ECG"], target="heart_rate"),
    SynthefyAugmenter(),
    WindowSpectrum(low=0.5, high=4.0, sampling_rate=64),
    StandardScaler(),
    Ridge(),
)
search = GridSearchCV(
    pipe,
    {
        "subjectwindower__window_size": [256, 512, 1024],
        "synthefyaugmenter__ratio": [0.0, 0.5, 1.0],
    },
    cv=SubjectKFold(3),
    scoring=row_scorer("neg_mean_absolute_error"),
)
search.fit(recordings)

results = pd.DataFrame(search.cv_results_)
table = results.pivot_table(
    index="param_subjectwindower__window_size",
    columns="param_synthefyaugmenter__ratio",
    values="mean_test_score",
)
print("MAE of heart_rate per row, in bpm:")
print((-table).round(2).to_string())
print("best:", search.best_params_)
