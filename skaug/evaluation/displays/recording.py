"""The recordings of a subject, and the windows that are cut from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import cycle, islice, pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug._checks import is_finite_number
from skaug.evaluation.displays.drawn_text import drawn_text
from skaug.evaluation.displays.pyplot import import_pyplot
from skaug.evaluation.displays.subject_rows import GAP, SubjectRows
from skaug.predictions import cut_table
from skaug.tables.columns import is_text
from skaug.windows.base import WindowArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Distinct for color-blind readers, with a contrast of at least 3 to white and to black paper.
_KEPT, _NEXT_KEPT, _UNUSED, _BREAK = "#2b83ba", "#5a9bc4", "#8a8f98", "#8a8f98"
_LEFT_OUT = ("#d55e00", "#b05fc4")


class RecordingDisplay:
    """The recordings of one subject, and which windows are cut from them.

    There is one panel per channel, in which rows that lie in a window are blue and the others gray; a panel
    of the windows, and which of them are left out for which reason; and a panel of the label of each row and
    of each window. Gaps in time are shaded, and dashed lines separate recordings. Use `from_recording` to
    make one.

    Parameters
    ----------
    signals : DataFrame of n_rows rows
        The channels, indexed by time.
    recordings : DataFrame
        One row per stretch that windows may be cut from, with the columns ``start`` and ``end``, in time;
        ``first_row``, counted in `signals`; and ``begins``: what separates it from the stretch before,
        "gap" or the new value of a boundary. It is empty for the first.
    windows : DataFrame
        One row per window of the grid, with the columns ``start``, ``end``, ``first_row``, ``left_out`` (the
        reason, or an empty text if the window is kept) and, for each target, the label, such as
        ``label[heart_rate]``.
    labels : DataFrame of n_rows rows, optional
        The target of each row, one column per target.
    window_size : int
        Rows per window.
    title : str, default=""
        The subject.
    time_label : str, default="Time (samples)"
        What time is counted in.

    Attributes
    ----------
    figure_ : Figure
        The figure that was drawn on.
    axes_ : ndarray of Axes of shape (n_channels + 1 + n_targets,)
        The axes that were drawn on: channels, windows and labels. They share the axis of
        time, so ``axes_[0].set_xlim(0, 60)`` shows the first minute.

    See Also
    --------
    skaug.SubjectWindower : Cuts the windows.
    SyntheticWindowsDisplay : Synthetic windows over the real ones that they are made from.

    Examples
    --------
    >>> from skaug import SubjectWindower
    >>> from skaug.datasets import simulate_ppg
    >>> from skaug.evaluation import RecordingDisplay
    >>> table = simulate_ppg(n_subjects=2, minutes=1).drop(index=range(1000, 1400))
    >>> table["seconds"] = table.index / 64
    >>> windower = SubjectWindower(512, features=["BVP"], target="heart_rate", time="seconds", max_gap=1.0)
    >>> display = RecordingDisplay.from_recording(windower.fit(table), table, subject="S1")
    >>> display.recordings[["start", "end", "begins"]].round(1)
       start   end begins
    0    0.0  15.6
    1   21.9  60.0    gap
    >>> display.windows["label[heart_rate]"].round(1).tolist()
    [...]
    """

    def __init__(
        self,
        signals: pd.DataFrame,
        recordings: pd.DataFrame,
        windows: pd.DataFrame,
        labels: pd.DataFrame | None = None,
        *,
        window_size: int,
        title: str = "",
        time_label: str = "Time (samples)",
    ) -> None:
        self.signals = signals
        self.recordings = recordings
        self.windows = windows
        self.labels = pd.DataFrame(index=signals.index) if labels is None else labels
        self.window_size = window_size
        self.title = title
        self.time_label = time_label

    @classmethod
    def from_recording(
        cls,
        estimator: Any,
        X: Any,
        *,
        subject: Any = None,
        features: Sequence[str] | None = None,
        sampling_rate: float = 1.0,
        axes: Any = None,
    ) -> Self:
        """Draw the recordings of a subject, and the windows that an estimator is fitted on.

        Parameters
        ----------
        estimator : SubjectWindower or pipeline
            Fitted. The recordings are drawn as they reach the `SubjectWindower` of the pipeline.
        X : DataFrame or array-like of shape (n_rows, n_columns)
            The recordings.
        subject : object, optional
            Which subject; the first of the table by default.
        features : sequence of str, optional
            The channels to draw; all by default.
        sampling_rate : float, default=1.0
            Rows per second (Hz), to count time by. Not used if the windower has a column of `time`, unless
            that begins again in a later recording of the subject.
        axes : sequence of matplotlib Axes, optional
            One per channel, one for the windows and one per target that is a column of `X`. A new figure by
            default.

        Returns
        -------
        RecordingDisplay

        Raises
        ------
        TypeError
            If `X` is already cut into windows.
        ValueError
            If the estimator has no `SubjectWindower`, no row is of this subject, `X` cannot be cut, a
            parameter is invalid, or there are too few axes.
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        if isinstance(X, WindowArray):
            raise TypeError(
                "RecordingDisplay draws the rows around windows, but these are windows: pass the table."
            )
        if not is_finite_number(sampling_rate) or sampling_rate <= 0:
            raise ValueError(f"sampling_rate={sampling_rate!r} must be a positive number of Hz.")
        cut = cut_table(estimator, X, to_fit=True)
        if cut is None:
            raise ValueError(
                f"This {type(estimator).__name__} has no SubjectWindower to say where windows lie: pass one, "
                "or a pipeline with one."
            )
        rows = SubjectRows(cut.cutting, cut.table, subject, sampling_rate)
        return cls(
            rows.signals(features),
            rows.recordings(),
            rows.windows(),
            rows.labels(),
            window_size=cut.cutting.window_size,
            title=rows.name,
            time_label=rows.time_label,
        ).plot(axes=axes)

    def plot(self, *, axes: Any = None) -> Self:
        """Draw the recordings and the windows.

        Parameters
        ----------
        axes : sequence of matplotlib Axes, optional
            As in `from_recording`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are too few axes.
        ImportError
            If matplotlib is not installed.
        """
        self.axes_ = self._axes(axes)
        self.figure_ = self.axes_[0].figure
        channels = self.signals.columns
        is_used = self._is_used()
        for ax, name in zip(self.axes_, channels, strict=False):
            self._draw_signal(ax, self.signals[name].to_numpy(), is_used)
            ax.set_ylabel(drawn_text(name))
        self._draw_windows(self.axes_[len(channels)])
        for ax, name in zip(self.axes_[len(channels) + 1 :], self.labels.columns, strict=True):
            self._draw_labels(ax, name)
        self._draw_breaks()
        self.axes_[0].set_title(drawn_text(self.title), fontsize="medium", loc="left")
        self.axes_[-1].set_xlabel(drawn_text(self.time_label))
        for ax in self.axes_:
            ax.spines[["top", "right"]].set_visible(False)
        return self

    def _axes(self, axes: Any) -> NDArray:
        n_signals = self.signals.shape[1]
        heights = [2.0] * n_signals + [1.0] + [1.5] * self.labels.shape[1]
        if axes is None:
            _, axes = import_pyplot(type(self).__name__).subplots(
                len(heights),
                figsize=(9, 0.8 + 0.8 * sum(heights)),
                sharex=True,
                layout="constrained",
                height_ratios=heights,
            )
        axes = np.ravel(axes)
        if len(axes) < len(heights):
            raise ValueError(
                f"RecordingDisplay needs {len(heights)} Axes, but axes holds {len(axes)}: pass one per "
                "channel, one for the windows and one per target."
            )
        return axes[: len(heights)]

    def _is_used(self) -> NDArray[np.bool_]:
        """Return which rows lie in a window that is kept."""
        kept = self.windows.loc[self.windows["left_out"] == "", "first_row"].to_numpy()
        n_begun, n_ended = (
            np.bincount(kept + shift, minlength=len(self.signals) + 1)
            for shift in (0, self.window_size)
        )
        return np.cumsum(n_begun - n_ended)[:-1] > 0

    def _draw_signal(self, ax: Axes, values: NDArray, is_used: NDArray[np.bool_]) -> None:
        for part in self._stretches():
            time, y = self.signals.index[part], values[part]
            ax.plot(time, y, color=_UNUSED, linewidth=0.8)
            ax.plot(time, np.where(is_used[part], y, np.nan), color=_KEPT, linewidth=0.9)

    def _draw_windows(self, ax: Axes) -> None:
        lanes = _lanes(self.windows["first_row"].to_numpy(), self.window_size)
        reasons = [reason for reason in self.windows["left_out"].unique() if reason]
        kinds = {"": (_KEPT, _NEXT_KEPT)} | {
            reason: (_LEFT_OUT[nth % len(_LEFT_OUT)],) for nth, reason in enumerate(reasons)
        }
        for reason, colors in kinds.items():
            of_kind = (self.windows["left_out"] == reason).to_numpy()
            for lane in np.unique(lanes[of_kind]):
                shown = self.windows[of_kind & (lanes == lane)]
                ax.broken_barh(
                    list(zip(shown["start"], shown["end"] - shown["start"], strict=True)),
                    (lane + 0.1, 0.8),
                    facecolors=list(islice(cycle(colors), len(shown))),
                    edgecolors="none" if reason == "" else "white",
                    hatch=None if reason == "" else "////",
                )
            name = f"left out: {reason}" if reason else "windows"
            ax.broken_barh([], (0, 0), facecolors=colors[0], label=f"{name} ({of_kind.sum()})")
        ax.set_ylim(lanes.max() + 1.1, -0.1)
        ax.set_yticks([])
        ax.set_ylabel("windows")
        ax.legend(
            frameon=False,
            fontsize="small",
            ncols=len(kinds),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            borderpad=0,
            borderaxespad=0.1,
        )

    def _draw_labels(self, ax: Axes, name: str) -> None:
        of_windows = self.windows[self.windows["left_out"] == ""]
        rows, values = self.labels[name], of_windows[f"label[{name}]"]
        if is_text(rows) or is_text(values.infer_objects()):
            classes = sorted({*rows.dropna(), *values}, key=str)
            places = {value: place for place, value in enumerate(classes)}
            rows, values = rows.map(places), values.map(places)
            ax.set_yticks(range(len(classes)), [drawn_text(value) for value in classes])
        for part in self._stretches():
            track = rows.iloc[part].to_numpy(np.float64, na_value=np.nan)
            ax.plot(
                self.signals.index[part], track, color=_UNUSED, linewidth=1, drawstyle="steps-post"
            )
        ax.hlines(
            values.to_numpy(np.float64),
            of_windows["start"].to_numpy(),
            of_windows["end"].to_numpy(),
            colors=_KEPT,
            linewidth=2.5,
        )
        ax.set_ylabel(drawn_text(name))

    def _draw_breaks(self) -> None:
        ends = self.recordings["end"].shift()
        for end, row in zip(ends, self.recordings.itertuples(), strict=True):
            if not row.begins:
                continue
            for ax in self.axes_:
                if row.begins == GAP:
                    ax.axvspan(end, row.start, color=_BREAK, alpha=0.25, linewidth=0)
                else:
                    ax.axvline(row.start, color=_BREAK, linestyle="--", linewidth=1)
            self.axes_[0].annotate(
                drawn_text(row.begins),
                (row.start, 1),
                (2, 2),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                fontsize="small",
            )

    def _stretches(self) -> list[slice]:
        firsts = [*self.recordings["first_row"], len(self.signals)]
        return [slice(*bounds) for bounds in pairwise(firsts)]


def _lanes(first_rows: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return the lane of each window, from the first row on, so that windows in one lane do not overlap."""
    lanes = np.empty(len(first_rows), dtype=np.intp)
    busy: deque[tuple[int, int]] = (
        deque()
    )  # the end and the lane of windows, the first to end first
    for nth, row in enumerate(first_rows.tolist()):
        if busy and busy[-1][0] <= row:
            busy.clear()
        is_free = bool(busy) and busy[0][0] <= row
        lanes[nth] = busy.popleft()[1] if is_free else len(busy)
        busy.append((row + size, lanes[nth]))
    return lanes
