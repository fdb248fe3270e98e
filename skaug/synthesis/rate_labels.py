"""Labels that are the rate of a rhythm in some of the channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skaug._warnings import warn
from skaug.synthesis.conditions import labels_are_replaced, refuse_several_labels
from skaug.synthesis.rhythm_check import RhythmCheck, check_rhythm
from skaug.windows.container import Windows
from skaug.windows.stretches import Stretches

_ALPHA = 0.05

# A rhythm at half the label stands out at least so much as that at the label if this is its harmonic. In
# recordings of pulse, ECG and breathing it does not stand out at all.
_AS_WELL = 0.7


def channel_positions(
    windows: Windows, channels: Sequence[str] | None, parameter: str = "channels"
) -> NDArray[np.intp]:
    """Return the positions of the channels that `parameter` names; of all of them for None.

    Raises
    ------
    ValueError
        Names a channel that the windows do not have.
    """
    names = windows.feature_names
    chosen = names if channels is None else list(channels)
    for name in chosen:
        if name not in names:
            raise ValueError(
                f"{parameter} names {name!r}, but the channels of the windows are {', '.join(names)}."
            )
    if not chosen:
        raise ValueError("channels=[] names no channel that carries the rhythm: pass None for all.")
    return np.array([names.index(name) for name in dict.fromkeys(chosen)], dtype=np.intp)


def rates_of(windows: Windows, name: str) -> NDArray[np.float64]:
    """Return the labels of windows, which have to be rates of their own.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
    name : str
        The synthesizer, for errors.

    Returns
    -------
    ndarray of shape (n_windows,)

    Raises
    ------
    ValueError
        If there are no labels, one is not a positive number, or they were passed in place of those of the
        target column.
    """
    y = windows.y
    if y is None:
        raise ValueError(
            f"{name} changes the labels of windows, but these have none: cut them with a target "
            "column, or pass y."
        )
    refuse_several_labels(windows, name)
    if y.dtype.kind not in "fiu":
        raise ValueError(
            f"{name} needs one number per window as the label, a rate; got {y.dtype}. Use another "
            "synthesizer for other labels."
        )
    column = next(iter(windows.provenance.targets), None)
    if labels_are_replaced(windows, y, column):
        own = "their own" if column is None else f"those of the column {column!r}"
        raise ValueError(
            f"The labels of these windows are not {own}: a y was passed to fit, or a meta-estimator such as "
            "TransformedTargetRegressor transformed it. Multiplying the rate would not multiply these "
            "labels: leave y out."
        )
    is_wrong = ~(np.isfinite(y) & (y > 0))
    if is_wrong.any():
        window = int(np.flatnonzero(is_wrong)[0])
        raise ValueError(
            f"The label of the window {window_in_words(windows, window)} is {y[window]}, and a rate is a "
            "positive number: check the labels, or cut windows with missing='drop'."
        )
    return y.astype(np.float64)


def require_positive_track(windows: Windows, stretches: Stretches) -> None:
    """Raise if a row of the label track is not positive: a window that is read elsewhere may have its label.

    Raises
    ------
    ValueError
        Names the column, the subject and the row.
    """
    assert stretches.labels is not None
    is_wrong = ~(stretches.labels > 0)
    if not is_wrong.any():
        return
    row = int(is_wrong.argmax())
    away = row - stretches.starts
    window = int(np.flatnonzero((away >= 0) & (away < windows.window_size))[0])
    origin = windows.origins.iloc[window]
    of_subject = "" if origin.subject is None else f" of subject {origin.subject!r}"
    raise ValueError(
        f"{windows.provenance.target!r} is {stretches.labels[row]:g} in row "
        f"{origin.first_row + away[window]}{of_subject}, and not positive in {int(is_wrong.sum())} rows in "
        "all, but a rate is a positive number: set such rows to NaN, and cut windows with missing='drop'."
    )


def require_below_nyquist(labels: NDArray[np.float64], unit: float, sampling_rate: float) -> None:
    """Raise if a rate is more than the samples can represent.

    Raises
    ------
    ValueError
    """
    highest = labels.max() / unit
    if highest >= sampling_rate / 2:
        raise ValueError(
            f"A label of {labels.max():g} is {highest:g} Hz at unit={unit!r}, above half of "
            f"sampling_rate={sampling_rate!r}: check both."
        )


def require_rhythm(
    windows: Windows,
    channels: NDArray[np.intp],
    labels: NDArray[np.float64],
    unit: float,
    sampling_rate: float,
    *,
    name: str,
    remedy: str,
    skip: str = "",
    if_steps: str = "",
) -> RhythmCheck | None:
    """Raise unless the channels contain the rhythm; warn where that cannot be tested.

    Parameters
    ----------
    windows : Windows of shape (n_windows, window_size, n_features)
    channels : ndarray of int
        The channels that should carry the rhythm.
    labels : ndarray of shape (n_windows,)
    unit : float
        The label of a rhythm of 1 Hz.
    sampling_rate : float
        Samples per second.
    name : str
        The synthesizer, for messages.
    remedy : str
        What to do if the channels do not contain the rhythm.
    skip : str, default=""
        How to skip the check, as a sentence after a space.
    if_steps : str, default=""
        What to do if the label counts both halves of a cycle.

    Returns
    -------
    RhythmCheck or None
        None where it cannot be tested.

    Raises
    ------
    ValueError
        If no window contains a full period; or with the shares of power at the labels and at permuted labels.

    Warns
    -----
    DataWarning
        If the rhythm cannot be tested, or there is one at half the labels too.
    """
    seconds = windows.window_size / sampling_rate
    if labels.max() / unit * seconds < 1:
        raise ValueError(
            f"No window contains a full period: the labels are up to {labels.max() / unit:.3g} Hz at "
            f"unit={unit!r}, and windows of {windows.window_size} samples are {seconds:.3g} s long. Check "
            "unit, sampling_rate and the labels (their logarithm is not a rate), or cut longer "
            f"windows.{skip}"
        )
    check = check_rhythm(windows, channels, labels / unit, sampling_rate)
    names = ", ".join(windows.feature_names[channel] for channel in channels)
    if check is None:
        warn(
            f"The rates of the training windows differ too little (from {labels.min():.4g} to "
            f"{labels.max():.4g}), or there are too few windows, to test whether {names} contain the "
            f"rhythm of the label, which {name} relies on: check sampling_rate and unit.{skip}"
        )
    elif check.p_value > _ALPHA:
        share, permuted, p_value = check
        raise ValueError(
            f"{name} needs the rhythm of the label, but {names} do not seem to contain a rhythm at the "
            f"label: {share:.3g} of the power lies within 10 % of label / {unit:g} Hz, and {permuted:.3g} at "
            f"permuted labels (p = {p_value:.2g}). Check sampling_rate and unit, {remedy}.{skip}"
        )
    else:
        half = check_rhythm(windows, channels, labels / unit / 2, sampling_rate)
        if half is not None and half.p_value <= _ALPHA and _shows(half) > _AS_WELL * _shows(check):
            warn(
                f"{names} contain a rhythm at half the labels too: {half.share:.3g} of the power there, and "
                f"{half.permuted:.3g} at permuted labels. Perhaps sampling_rate={sampling_rate!r} or "
                f"unit={unit!r} is too small by a factor of 2; or the label counts both halves of a cycle, "
                f"as steps do of strides{if_steps}.{skip}"
            )
    return check


def _shows(check: RhythmCheck) -> float:
    """Return how far the share of power at the labels is above that at permuted labels."""
    return check.share - check.permuted


def window_in_words(windows: Windows, window: int) -> str:
    """Return the origin of a window, for an error."""
    origin = windows.origins.iloc[window]
    of_subject = "" if origin.subject is None else f"of subject {origin.subject!r} "
    return f"{of_subject}at row {origin.first_row}"
