"""
=============
Is it a copy?
=============

Put each synthetic window beside the training window that is nearest to it. Do it twice, sample by sample
and by spectrum: a window that looks new may still give away which recording it was made from.
"""

# %%
# Three ways to make a window
# ---------------------------
# The pulse of eight simulated subjects, in windows of 8 s, and one synthetic window from each by three
# synthesizers: noise is added, phases are drawn anew, or the window is drawn from a model that saw all
# training windows.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import pairwise_distances

from skaug import SubjectWindower, SynthefyAugmenter
from skaug.datasets import simulate_ppg
from skaug.synthesis import Jitter, SpectralSynthesizer, SurrogateSynthesizer, TransformSynthesizer

recordings = simulate_ppg(n_subjects=8, minutes=4)
windower = SubjectWindower(512, features=["BVP"], target="heart_rate")
windows = windower.fit_transform(recordings)
synthesizers = {
    "noise added\nJitter(0.3)": TransformSynthesizer([Jitter(0.3)]),
    "phases drawn anew\nSurrogateSynthesizer": SurrogateSynthesizer(),
    "drawn from a model\nSpectralSynthesizer": SpectralSynthesizer(sampling_rate=64),
}
synthetic = {
    name: SynthefyAugmenter(synthesizer).fit(windows).synthetic_windows_
    for name, synthesizer in synthesizers.items()
}

# %%
# The nearest training window
# ---------------------------
# A synthetic window carries its origin: the subject and the first row of the window it was made from, or
# whose label it was given. How often is the nearest training window that one?


def samples(windows):
    return windows.to_numpy()[:, :, 0]


def amplitudes(windows):
    return np.abs(np.fft.rfft(samples(windows), axis=1))[:, 1:80]


views = {"sample by sample": samples, "by spectrum": amplitudes}
nearest, found = {}, {}
own = windows.origins[["subject", "first_row"]].apply(tuple, axis=1)
for name, made in synthetic.items():
    origins = made.origins[["subject", "first_row"]].apply(tuple, axis=1)
    for view, of in views.items():
        nearest[name, view] = pairwise_distances(of(made), of(windows)).argmin(axis=1)
        is_origin = own.iloc[nearest[name, view]].to_numpy() == origins.to_numpy()
        found[name, view] = is_origin.mean()
        print(
            f"{name.splitlines()[1]:22} {view:17} origin found for {is_origin.mean():4.0%} of windows"
        )

# %%
# One window of each, with its nearest
# ------------------------------------
# A surrogate has exactly the amplitudes of its origin, so comparing amplitudes finds the origin of every
# one of them.
TRAINING, SYNTHETIC = "#8a8f98", "#d55e00"
shown = 40
seconds, hertz = np.arange(512) / 64, np.arange(1, 80) / 8
figure, axes = plt.subplots(3, 2, figsize=(8.5, 6), sharex="col", layout="constrained")
for row, (name, made) in zip(axes, synthetic.items(), strict=True):
    for ax, (view, of), x in zip(row, views.items(), (seconds, hertz), strict=True):
        ax.plot(x, of(windows)[nearest[name, view][shown]], color=TRAINING, linewidth=3)
        ax.plot(x, of(made)[shown], color=SYNTHETIC, linewidth=1.2)
        share = found[name, view]
        ax.set_title(
            f"{view}: {share:.0%} traced to their origin",
            fontsize="medium",
            loc="left",
            color=SYNTHETIC if share > 0.5 else "black",
            weight="bold" if share > 0.5 else "normal",
        )
        ax.set_yticks([])
        ax.spines[["top", "right", "left"]].set_visible(False)
    row[0].set_ylabel(name)
axes[-1, 0].set_xlabel("Time (s)")
axes[-1, 1].set_xlabel("Frequency (Hz)")
axes[0, 0].text(
    0.99,
    0.98,
    "nearest training window",
    color=TRAINING,
    ha="right",
    va="top",
    transform=axes[0, 0].transAxes,
    weight="bold",
)
axes[0, 0].text(
    0.99,
    0.86,
    "synthetic window",
    color=SYNTHETIC,
    ha="right",
    va="top",
    transform=axes[0, 0].transAxes,
    weight="bold",
)
figure.suptitle("A surrogate looks new, but its spectrum is a copy", size=15)

# %%
# A copy is not wrong: windows with noise or new phases may help a model. But they are not anonymous. To
# judge synthetic windows against those of subjects that no generator has seen, pass ``holdout`` to
# :func:`skaug.evaluation.synthetic_quality`.
