"""The table, the page and the picture of `synthetic_quality`."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import pandas as pd

from skaug.evaluation.displays.pyplot import import_pyplot
from skaug.evaluation.quality.measure import HALF, HIGHER, LOWER, Measure
from skaug.evaluation.quality.measure import format_number as number
from skaug.evaluation.quality.verdict import Finding, findings, verdict

_HINTS = {LOWER: "lower is better", HIGHER: "higher is better", HALF: "0.5 is best"}

# Beyond these positions a dot becomes an arrow.
_LEFT, _RIGHT = -0.25, 1.25


@dataclass(frozen=True, eq=False, repr=False)
class QualityReport:
    """The result of `synthetic_quality`: sentences, a table and a picture.

    It prints as sentences and a table, also in notebooks.

    Attributes
    ----------
    measures : tuple of Measure
        The rows of the table.
    embedding : str
        The space in which windows were compared. Results of different embeddings cannot be compared.
    n_compared : int
        The number of windows in each set that fidelity and diversity compare at once.
    n_subsets : int
        The number of random subsets of that size, over which they are averaged; 1 if all windows are
        compared at once.
    windows : dict of str to str
        A description of the windows that were passed.
    ceiling : str
        What the ceiling of fidelity and diversity compares.
    notes : tuple of str
        Where the windows contradict what their synthesizer declares, what was left out and why, and cautions.

    Notes
    -----
    The sentences follow fixed rules.

    Fidelity
        From an AUC of 0.95 synthetic windows are distinguished from real ones almost perfectly, from 0.8
        well, from 0.6 in part; "no better than real subjects from each other" up to 0.05 above the AUC of
        the ceiling. Without a classifier the MMD decides.
    Adherence
        Labels are kept from 80 % of the way between floor and ceiling, and kept in part from 30 %. The
        measure by which real windows show their labels best decides.
    Diversity
        Windows vary like real ones from 80 % of the coverage of other real windows, and cover part of
        the variety from 40 %. They repeat themselves if near duplicates are more frequent than among
        other real windows by 20 % of all windows.
    Memorization
        Exact copies are counted. Training windows are revealed from a membership inference AUC of 0.6
        if its interval excludes 0.5, and from 0.95 in any case.
    """

    measures: tuple[Measure, ...]
    embedding: str
    n_compared: int
    n_subsets: int
    windows: dict[str, str]
    ceiling: str
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """One sentence about all measures, in the order of the table.

        For example "Synthetic windows: distinguished from real ones in part, keep their labels, no copies."
        """
        return verdict(self._findings())

    @property
    def sentences(self) -> dict[str, str]:
        """One sentence per family of measures; families that cannot be judged are missing."""
        return {family: finding.sentence for family, finding in self._findings().items()}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per measure.

        Returns
        -------
        DataFrame
            ``family``; ``measure``; ``floor``, of noise; ``value``, of the synthetic windows;
            ``ceiling``, of real windows in their place (floor and ceiling are NaN if they cannot be
            computed); ``spread``, the standard deviation of the value over random subsets, if it is a
            mean over subsets; ``low`` and ``high``, a 95 % interval where there is one; ``better``:
            "lower", "higher", "0.5" or ""; ``meaning``.
        """
        return pd.DataFrame(
            {
                "family": [measure.family for measure in self.measures],
                "measure": [measure.name for measure in self.measures],
                **{
                    column: np.array([getattr(measure, column) for measure in self.measures])
                    for column in ("floor", "value", "ceiling", "spread", "low", "high")
                },
                "better": [measure.better for measure in self.measures],
                "meaning": [measure.meaning for measure in self.measures],
            }
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw each measure as a dot between its floor (left) and its ceiling (right).

        Distances are drawn on a logarithmic scale: on a linear one, noise a thousand times as far away
        as real windows would make everything look good. Measures without a ceiling or a floor, or with
        a floor that is no worse than their ceiling, are left out.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            The axes to draw on; a new figure by default.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If no measure has both a ceiling and a floor.
        """
        pyplot = import_pyplot("QualityReport.plot")
        drawn = [measure for measure in self.measures if not np.isnan(measure.position())]
        if not drawn:
            raise ValueError(
                "No measure has both a ceiling and a floor: pass windows of held-out subjects as holdout."
            )
        if ax is None:
            _, ax = pyplot.subplots(figsize=(8, 1.2 + 0.3 * len(drawn)), layout="constrained")
        ink = pyplot.rcParams["text.color"]
        rows = np.arange(len(drawn))
        for at, style in ((0, ":"), (1, "-")):
            ax.axvline(at, color=ink, linestyle=style, linewidth=1, alpha=0.6, zorder=1)
        for row, measure in zip(rows, drawn, strict=True):
            shown, tip = _shown(measure.position())
            ax.plot([0, shown], [row, row], color=_BLUE, linewidth=1, alpha=0.5, zorder=2)
            ax.plot(_spread(measure), [row, row], color=_BLUE, linewidth=4, alpha=0.4, zorder=2)
            ax.plot(shown, row, {-1: "<", 0: "o", 1: ">"}[tip], color=_BLUE, markersize=7, zorder=3)
            ax.annotate(
                _value(measure),
                (1.01, row),
                xycoords=ax.get_yaxis_transform(),
                va="center",
                fontsize="small",
            )
        ax.set_yticks(rows, [measure.name for measure in drawn])
        ax.set_ylim(len(drawn) - 0.4, -0.6)
        ax.set_xlim(_LEFT - 0.05, _RIGHT + 0.05)
        ax.set_xticks([0, 1], ["floor", "ceiling"])
        ax.set_xlabel("Position between floor and ceiling (distances: logarithmic)")
        ax.set_title("Synthetic windows (values on the right)", loc="left", fontsize="medium")
        for before, after in pairwise(drawn):
            if before.family != after.family:
                ax.axhline(drawn.index(after) - 0.5, color=ink, linewidth=0.5, alpha=0.4)
        for side in ("top", "right", "left"):
            ax.spines[side].set_visible(False)
        ax.tick_params(axis="y", length=0)
        return ax

    def __repr__(self) -> str:
        width = max(len(measure.name) for measure in self.measures)
        sentences = [
            f"{family.capitalize()}: {sentence}" for family, sentence in self.sentences.items()
        ]
        lines = [
            self.verdict,
            *sentences,
            "",
            f"{'':{width}}  {'floor':>9}  {'value':>15}  {'ceiling':>9}",
        ]
        for family, measures in self._families():
            lines.append(family.capitalize())
            for measure in measures:
                hint = _HINTS.get(measure.better, "")
                if not np.isnan(measure.low):
                    hint += f"; 95 % interval {_interval(measure)}"
                lines.append(
                    f"{measure.name:{width}}  {number(measure.floor):>9}  {_value(measure):>15}  "
                    f"{number(measure.ceiling):>9}  {hint}".rstrip()
                )
        return "\n".join([*lines, "", *self._explanation(), *self.notes])

    def _repr_html_(self) -> str:
        sentences = "".join(
            f"<li><b>{family.capitalize()}</b>: {html.escape(sentence)}</li>"
            for family, sentence in self.sentences.items()
        )
        rows = []
        for family, measures in self._families():
            meanings = [(measure.meaning, measure.better) for measure in measures]
            # A meaning is not repeated for every channel.
            is_new = [nth == 0 or meanings[nth - 1] != each for nth, each in enumerate(meanings)]
            cells = "".join(map(_html_row, measures, is_new))
            rows.append(
                f'<tbody><tr><th scope="rowgroup" colspan="5" class="family">{family.capitalize()}</th>'
                f"</tr>{cells}</tbody>"
            )
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return (
            f"<div class='skaug-quality'><style>{_STYLE}</style>"
            f'<p class="verdict">{html.escape(self.verdict)}</p><ul>{sentences}</ul>'
            "<table><caption>Synthetic windows compared with real ones</caption><thead><tr>"
            '<th scope="col">measure</th><th scope="col">floor</th><th scope="col">value</th>'
            '<th scope="col">ceiling</th><th scope="col" class="place">floor to ceiling</th></tr></thead>'
            f"{''.join(rows)}</table>"
            f"{''.join(f'<p>{html.escape(line)}</p>' for line in self._explanation())}"
            f"{f'<ul>{notes}</ul>' if notes else ''}</div>"
        )

    def _findings(self) -> dict[str, Finding]:
        return findings(self.measures)

    def _families(self) -> Iterator[tuple[str, list[Measure]]]:
        for family, measures in groupby(self.measures, key=lambda measure: measure.family):
            yield family, list(measures)

    def _explanation(self) -> list[str]:
        parts = "; ".join(f"{part}: {what}" for part, what in self.windows.items())
        subsets = f"in {self.n_subsets} random subsets" if self.n_subsets > 1 else "at once"
        return [
            f"{parts[0].upper()}{parts[1:]}. Fidelity and diversity compare {self.n_compared:,} windows with "
            f"{self.n_compared:,}, {subsets}. ± is the standard deviation over subsets and splits of "
            f"subjects. Embedding: {self.embedding}.",
            "Floor: white noise with the mean and standard deviation of each channel. Ceiling: "
            f"{self.ceiling}. Other floors and ceilings are explained with their measure. A value beyond the "
            "ceiling is closer to the training windows than other subjects are, as copies would be.",
        ]


_BLUE = "#2b83ba"

# Inherits the colors of the page around it, light or dark.
_STYLE = (
    ".skaug-quality{max-width:60rem;font-size:.9rem;line-height:1.4}"
    ".skaug-quality table{border-collapse:collapse;width:100%;color:inherit}"
    ".skaug-quality caption{text-align:left;font-weight:600;padding:.4rem 0;color:inherit}"
    ".skaug-quality th,.skaug-quality td{padding:.3rem .5rem;text-align:right;vertical-align:top;"
    "font-variant-numeric:tabular-nums;border-bottom:1px solid rgba(128,128,128,.35);"
    "background:transparent;white-space:nowrap}"
    ".skaug-quality th[scope]:first-child{text-align:left;white-space:normal}"
    ".skaug-quality th[scope=row]{font-weight:400}"
    ".skaug-quality thead th,.skaug-quality th.family{font-weight:600}"
    ".skaug-quality th.family{padding-top:.9rem}"
    ".skaug-quality small{display:block;opacity:.8;max-width:34rem}"
    ".skaug-quality svg{vertical-align:middle}"
    ".skaug-quality p.verdict{font-weight:600;font-size:1.05rem}"
    ".skaug-quality p{margin:.6rem 0;max-width:50rem}"
    ".skaug-quality ul{margin:.6rem 0;padding-left:1.2rem;max-width:50rem}"
    "@media(max-width:40rem){.skaug-quality .place{display:none}"
    ".skaug-quality th,.skaug-quality td{padding:.3rem .25rem}}"
)


def _html_row(measure: Measure, with_meaning: bool) -> str:
    meaning = ""
    if with_meaning:
        hint = _HINTS.get(measure.better)
        hint = f" {hint[0].upper()}{hint[1:]}." if hint else ""
        meaning = f"<small>{html.escape(measure.meaning)}{hint}</small>"
    details = []
    if not np.isnan(measure.spread):
        details.append(f"± {number(measure.spread)}")
    if not np.isnan(measure.low):
        details.append(_interval(measure))
    small = "".join(f"<small>{detail}</small>" for detail in details)
    return (
        f'<tr><th scope="row">{html.escape(measure.name)}{meaning}</th>'
        f"<td>{number(measure.floor)}</td><td>{number(measure.value)}{small}</td>"
        f'<td>{number(measure.ceiling)}</td><td class="place">{_strip(measure)}</td></tr>'
    )


def _strip(measure: Measure) -> str:
    """Draw where the value lies. Screen readers skip it: the cells beside it hold the numbers."""
    position = measure.position()
    if np.isnan(position):
        return ""
    shown, tip = _shown(position)
    x = 30 + 80 * shown
    dot = (
        f"M{x - 5 * tip:.0f} 2V12L{x + 5 * tip:.0f} 7Z"
        if tip
        else f"M{x - 4:.0f} 7a4 4 0 1 0 8 0a4 4 0 1 0-8 0"
    )
    low, high = (30 + 80 * end for end in _spread(measure))
    return (
        '<svg width="140" height="14" aria-hidden="true"><path d="M30 7H110M30 2V12M110 2V12" '
        f'stroke="currentColor" opacity=".6" fill="none"/><path d="M{low:.0f} 7H{high:.0f}" '
        f'stroke="{_BLUE}" stroke-width="4" opacity=".4"/><path d="{dot}" fill="{_BLUE}"/></svg>'
    )


def _shown(position: float) -> tuple[float, int]:
    """Return the position within the limits of the strip, and -1 or 1 where it is cut."""
    shown = float(np.clip(position, _LEFT, _RIGHT))
    return shown, int(np.sign(position - shown))


def _spread(measure: Measure) -> list[float]:
    """Return the ends of the spread around the value, as positions within the strip."""
    spread = float(np.nan_to_num(measure.spread))
    return sorted(_shown(measure.position(away))[0] for away in (-spread, spread))


def _value(measure: Measure) -> str:
    spread = "" if np.isnan(measure.spread) else f" ± {number(measure.spread)}"
    return f"{number(measure.value)}{spread}"


def _interval(measure: Measure) -> str:
    return f"{number(measure.low)} to {number(measure.high)}"
