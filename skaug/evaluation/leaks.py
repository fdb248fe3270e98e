"""Channels that give the labels away, such as a second column of heart rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._warnings import warn
from skaug.windows.container import Windows

# A channel follows the labels if its window means correlate with them by more than this.
_MOST_CORRELATED = 0.95

_FEWEST_WINDOWS = 8  # with fewer, chance alone gives such correlations
_MOST_WINDOWS = 2000  # more change nothing

# With fewer subjects their levels alone may agree by chance, so the channel must also follow the labels
# within subjects. There, two devices that measure the same correlate by less than over all windows.
_FEWEST_SUBJECTS = 5
_WITHIN_SUBJECTS = 0.5


def channels_like_labels(windows: Windows) -> dict[str, float]:
    """Return the channels whose mean in each window follows the label.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
        Labeled. Missing values are skipped. At most 2,000 windows, evenly spread, are read.

    Returns
    -------
    dict of str to float
        The correlation by channel: with the label, with one of several labels, or with being of a class.
    """
    windows = windows[np.unique(np.linspace(0, len(windows) - 1, _MOST_WINDOWS).astype(int))]
    labels = _as_numbers(np.asarray(windows.y))
    with np.errstate(invalid="ignore"):  # of infinite samples, which count as missing
        means = windows.to_numpy().mean(axis=1, dtype=np.float64)
    subjects = windows.groups
    codes = np.zeros(len(windows), dtype=int) if subjects is None else pd.factorize(subjects)[0]
    found = {}
    for name, mean in zip(windows.feature_names, means.T, strict=True):
        known = np.isfinite(mean) & np.isfinite(labels).all(axis=1)
        if known.sum() < _FEWEST_WINDOWS:
            continue
        mean, label, code = mean[known], labels[known], codes[known]
        correlations = _correlations(mean, label)
        best = int(np.abs(correlations).argmax())
        if abs(correlations[best]) <= _MOST_CORRELATED:
            continue
        if 1 < len(np.unique(code)) < _FEWEST_SUBJECTS:
            within = _correlations(_centered(mean, code), _centered(label, code))[best]
            if within * np.sign(correlations[best]) < _WITHIN_SUBJECTS:
                continue
        found[name] = float(correlations[best])
    return found


def warn_of_leaks(windows: Windows) -> None:
    """Warn about channels that give the labels away.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
        Labeled.
    """
    found = channels_like_labels(windows)
    if found:
        which = ", ".join(f"{name!r} ({r:.3f})" for name, r in found.items())
        warn(
            f"The mean in each window of {which} follows the label (correlation in parentheses), so the "
            "scores may only show that the answer is among the channels. Remove such columns from features; "
            "keep them only if they are measured wherever the model is used."
        )


def _correlations(values: NDArray, labels: NDArray) -> NDArray[np.float64]:
    """Return the correlation of a column with each column of labels; 0 where either does not vary."""
    varies = values.std() > 1e-9 * np.abs(values).max()
    values, labels = values - values.mean(), labels - labels.mean(axis=0)
    scale = np.sqrt((values**2).sum() * (labels**2).sum(axis=0))
    found = np.zeros(labels.shape[1])
    return np.divide(labels.T @ values, scale, out=found, where=varies & (scale > 0))


def _centered(values: NDArray, codes: NDArray) -> NDArray[np.float64]:
    """Return values less their mean in each subject."""
    frame = pd.DataFrame(values)
    return (frame - frame.groupby(codes).transform("mean")).to_numpy().reshape(values.shape)


def _as_numbers(labels: NDArray) -> NDArray[np.float64]:
    """Return one column per label of numbers, and one column per class: 1 where a window is of it."""
    if labels.dtype.kind in "iuf":
        return labels.astype(np.float64).reshape(len(labels), -1)
    columns = []
    for column in labels.reshape(len(labels), -1).T:
        codes, classes = pd.factorize(column)
        is_of = (codes[:, None] == np.arange(max(1, len(classes)))).astype(np.float64)
        is_of[codes < 0] = np.nan
        columns.append(is_of)
    return np.concatenate(columns, axis=1)
