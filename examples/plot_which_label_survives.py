"""
=====================================
Which label survives which synthesis?
=====================================

A synthetic window keeps its label only if the synthesis leaves alone what the label is read off. Here five
labels are read off the synthetic windows of fourteen synthesizers, and compared with the labels that the
windows carry: measured, not declared. Frames mark what the synthesizers declare.
"""

# %%
# A signal that has five labels
# -----------------------------
# Waves of a changing rate, height and asymmetry, a tremor in half of the windows, and one spike in each
# window.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.signal import sawtooth
from sklearn.ensemble import ExtraTreesClassifier

from skaug import (
    SpectralPeakRegressor,
    SubjectWindower,
    SynthefyAugmenter,
    WindowNormalizer,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug.synthesis import (
    Drift,
    FrequencyMask,
    Jitter,
    MagnitudeWarp,
    Mask,
    MixupSynthesizer,
    Permute,
    RateSynthesizer,
    Scale,
    SpectralSynthesizer,
    SurrogateSynthesizer,
    TimeShift,
    TimeWarp,
    TransformSynthesizer,
)

SIZE, HZ = 200, 25


def simulate(subject):
    """Return a recording of forty windows."""
    rng = np.random.default_rng(subject)
    seconds = np.arange(40 * SIZE) / HZ
    slow = [np.sin(2 * np.pi * (seconds / rng.uniform(60, 120) + rng.uniform())) for _ in range(2)]
    rate = 85 + 30 * slow[0]
    rising = np.repeat(rng.uniform(0.15, 0.85, size=40), SIZE)
    has_tremor = np.repeat(rng.permutation(40) < 20, SIZE)
    waves = sawtooth(2 * np.pi * np.cumsum(rate) / 60 / HZ, rising)
    tremor = has_tremor * (np.sin(2 * np.pi * 6 * seconds) + np.sin(2 * np.pi * 9 * seconds))
    spikes = np.zeros(40 * SIZE)
    spikes[np.arange(40) * SIZE + rng.integers(20, SIZE - 20, size=40)] = 6
    signal = np.exp(0.6 * slow[1]) * (waves + 0.3 * tremor + spikes)
    signal += rng.normal(scale=0.02, size=len(signal))
    columns = {"subject": f"S{subject}", "signal": signal, "rate": rate}
    return pd.DataFrame(columns | {"class": np.where(has_tremor, "tremor", "none")})


recordings = pd.concat([simulate(subject) for subject in range(8)], ignore_index=True)

# %%
# Rulers
# ------
# Each label has a ruler, which reads it off the samples. The level is the standard deviation, the shape the
# share of time in which waves rise, the time that of the spike. These three labels are what the rulers read
# in the real windows. The rate is known; its ruler is the spectral peak. The ruler of the class is a
# classifier.


def read_level(windows):
    """Return the standard deviation of the samples."""
    return windows.to_numpy()[:, :, 0].std(axis=1)


def read_shape(windows):
    """Return the share of time in which the smoothed signal rises."""
    samples = windows.to_numpy()[:, :, 0]
    smooth = np.lib.stride_tricks.sliding_window_view(samples, 4, axis=1).mean(axis=2)
    return (np.diff(smooth, axis=1) > 0).mean(axis=1)


def read_time(windows):
    """Return the second of the steepest change."""
    return np.abs(np.diff(windows.to_numpy()[:, :, 0], axis=1)).argmax(axis=1) / HZ


def cut(kind):
    """Return windows with a kind of label."""
    target_agg = "mode" if kind == "class" else "mean"
    windower = SubjectWindower(SIZE, features=["signal"], target=kind, target_agg=target_agg)
    return windower.fit_transform(recordings)


windows = {"rate": cut("rate"), "class": cut("class")}
rulers = {"level": read_level, "shape": read_shape, "time": read_time}
for kind, ruler in rulers.items():
    recordings[kind] = np.repeat(ruler(windows["rate"]), SIZE)
    windows[kind] = cut(kind)
peak = SpectralPeakRegressor(low=0.7, high=2.6, sampling_rate=HZ, channel="signal")
rulers["rate"] = peak.fit(windows["rate"]).predict
classifier = make_pipeline(
    WindowNormalizer(),
    WindowSpectrum(low=0.5, high=12, sampling_rate=HZ),
    ExtraTreesClassifier(50, random_state=0),
)
is_trained_on = np.isin(windows["class"].groups, ["S0", "S1", "S2", "S3"])
classifier.fit(windows["class"][is_trained_on])


def read_class(windows):
    """Return the classes. Arrays, because a model warns if it is to predict synthetic windows."""
    return classifier.predict(Windows.from_arrays(windows.to_numpy(), feature_names=["signal"]))


rulers["class"] = read_class

# %%
# Measure
# -------
# One synthetic window per real one, from four of the people. Adherence is 1 if the ruler of the label errs
# no more than on real windows, and 0 if it errs as much as with shuffled labels. Most transforms are stronger
# than by default, so that differences show. Two synthesizers refuse labels that are not rates.
kinds = ["rate", "level", "class", "shape", "time"]
transforms = {
    "Jitter": Jitter(),
    "Drift": Drift(),
    "Scale": Scale(0.5),
    "MagnitudeWarp": MagnitudeWarp(0.5),
    "TimeShift": TimeShift(max_shift=50),
    "Mask": Mask(0.3),
    "FrequencyMask": FrequencyMask(0.2),
    "TimeWarp": TimeWarp(0.4),
    "Permute": Permute(10),
}
synthesizers = {name: TransformSynthesizer([one]) for name, one in transforms.items()}
synthesizers["Surrogate"] = SurrogateSynthesizer()
synthesizers["Mixup"] = MixupSynthesizer()
synthesizers["Spectral"] = SpectralSynthesizer(HZ)
synthesizers["Spectral, of a rate"] = SpectralSynthesizer(HZ, rate_channels=["signal"])
synthesizers["Rate"] = RateSynthesizer(HZ)


def error_of(predicted, labels):
    """Return the share of wrong classes, or the mean absolute error."""
    if labels.dtype.kind in "OUS":
        return np.mean(predicted != labels)
    return np.mean(np.abs(predicted - labels))


def adherence(kind, synthesizer):
    """Return how well synthetic windows show their labels, from 0 to 1; NaN if they are refused."""
    real = windows[kind][~is_trained_on]
    try:
        synthetic = SynthefyAugmenter(synthesizer).fit(real).synthetic_windows_
    except ValueError as error:
        print(f"{kind}: {error}")
        return np.nan
    predicted = rulers[kind](synthetic)
    shuffled = [error_of(predicted, np.roll(synthetic.y, by)) for by in range(1, len(real))]
    of_real = error_of(rulers[kind](real), real.y)
    span = np.mean(shuffled) - of_real
    return 1 - (error_of(predicted, synthetic.y) - of_real) / span


scores = pd.DataFrame(
    {kind: {name: adherence(kind, one) for name, one in synthesizers.items()} for kind in kinds}
)
print(scores.round(2).to_string())

# %%
# The picture
# -----------
# Dark: the label survives. Noise and drift keep all five labels. Each of the others breaks or refuses one. A
# frame around a pale cell is a declaration with a condition, which the docstring of the synthesizer states:
# permuted segments must be long enough to show the class, a class that shows in narrow bands is lost where
# they are masked, mixed windows have less power than the mixed labels say, and windows from a model of
# spectra scatter around their level. Warped time mixes up classes that differ in their rhythm, as with this
# tremor, and does not declare them.
figure, ax = plt.subplots(figsize=(8.5, 6.4), layout="constrained")
shown = scores.clip(0, 1)
ax.imshow(shown, cmap="Blues", vmin=0, vmax=1.1, aspect="auto")
for row, (name, synthesizer) in enumerate(synthesizers.items()):
    for column, kind in enumerate(kinds):
        score = shown.loc[name, kind]
        if np.isnan(score):
            ax.text(
                column, row, "refused", ha="center", va="center", color="#5c6570", style="italic"
            )
            continue
        color = "white" if score > 0.6 else "black"
        ax.text(column, row, f"{score:.1f}", ha="center", va="center", color=color)
        if kind in synthesizer.keeps | synthesizer.moves:
            frame = {"fill": False, "edgecolor": "#d55e00", "linewidth": 2.5}
            ax.add_patch(plt.Rectangle((column - 0.46, row - 0.43), 0.92, 0.86, **frame))
ax.set_xticks(range(len(kinds)), kinds, size="large")
ax.xaxis.tick_top()
ax.set_yticks(range(len(synthesizers)), list(synthesizers))
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
ax.set_xlabel(
    "1: as right as in real windows, 0: as wrong as by chance. Framed: declared", size="medium"
)
figure.suptitle("Only noise and drift keep all five labels", size=13)
