"""The outcome of a comparison: how to print, draw, report and save it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from skaug._files import require_writable, whole_file
from skaug.evaluation import doubts
from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.strata import StrataDisplay
from skaug.evaluation.outputs import output_in
from skaug.evaluation.protocol_scores import ProtocolScores
from skaug.evaluation.protocol_variants import is_control, meaning_of, protocol_of
from skaug.evaluation.report import report_page
from skaug.evaluation.scores import is_restorable
from skaug.evaluation.strata import kept_columns, label_columns, page_bins
from skaug.evaluation.text_table import comparison_table
from skaug.evaluation.verdict import Judged, in_words
from skaug.windows.container import Windows

if TYPE_CHECKING:
    from skaug.evaluation.learning_curve_scores import LearningCurve
    from skaug.evaluation.quality.report import QualityReport

_FORMAT = 2
_DETAILS = "comparison.json"
_OF_BASELINES = "baseline_predictions.parquet"


@dataclass(frozen=True, repr=False)
class ProtocolComparison(ProtocolScores):
    """Protocols compared on the same folds, as returned by `compare_protocols` and `compare_synthesizers`.

    Attributes
    ----------
    scores : DataFrame
        One row per protocol, repeat, fold, subject and metric. A protocol is "TRSTR" or, with several
        synthesizers, "TRSTR, rate" for the one called "rate". Where windows have several labels, each metric
        is followed by its score for each output, such as ``neg_mean_absolute_error[heart_rate]``, and is
        itself the average. Columns: ``score`` (greater is better, as in
        scikit-learn; NaN where the metric is not defined), ``n_real`` and ``n_synthetic`` (numbers of
        training windows), ``fit_seconds`` (without synthesis) and ``synthesis_seconds``. Baselines have
        such rows too: ``naive`` and those of the user.
    predictions : DataFrame
        One row per protocol, repeat, fold and window: ``subject``, ``first_row`` (within the subject's
        recording), ``is_synthetic``, ``y_true``, ``y_pred``, and the columns of `strata`. Of several labels:
        ``y_true[heart_rate]``, ``y_pred[heart_rate]``, and so on.
    details : dict
        How the comparison was made: parameters, versions, a fingerprint of the data, and the numbers of
        synthetic windows requested and paid for. ``shared_by_design`` says what `CalibrationSplit` trains on
        of the test subjects; None for other splits. `compare_synthesizers` adds ``synthesizers``, the
        parameters of each. If a search varies the synthesizer, ``chosen`` holds in how many fits with
        synthetic windows it chose each. For each metric, ``signs`` holds -1 if its scores are
        negative errors, and ``naive`` what the naive baseline predicts: the mean, the median or the prior
        of the training labels; None if the metric has no such baseline. ``untrained_baselines`` names the
        baselines that learn nothing, ``outputs`` the several labels of each window, if any. ``warnings``
        holds the `skaug.DataWarning` of all fits, each once.
    baseline_predictions : DataFrame
        Predictions of the baselines, in the same columns. For regressors, the naive baseline appears twice:
        "naive mean" and "naive median".
    """

    def table(self, metric: str | None = None) -> str:
        """Return the table that is printed for a metric: one line per protocol and baseline.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If the metric was not scored.
        """
        metric = self.metrics[0] if metric is None else metric
        counts = self._of_metric(metric).groupby("protocol")[["n_real", "n_synthetic"]].mean()
        summary = self.summary().xs(metric, level="metric")
        return comparison_table(summary, counts, self.readable(metric))

    def verdict(self) -> str:
        """Return a sentence that says whether synthetic windows helped.

        Returns
        -------
        str
            On the first metric, and on TRSTR or, if that was not compared, on the first other protocol.
            Several synthesizers have a sentence each, and none of them is called the best.
        """
        metric = self.readable(self.metrics[0])
        judged = [name for name in self._compared("TRTR") if not is_control(name)]
        if not judged:
            return "There is nothing to judge: compare TRTR with TRSTR or TSTR."
        if all(protocol_of(name)[1] is None for name in judged):
            judged = ["TRSTR"] if "TRSTR" in judged else judged[:1]
        if not self.scores.loc[self.scores["protocol"].isin(judged), "n_synthetic"].any():
            return "No synthetic windows were added: use a larger ratio."
        summary = self.summary()
        return in_words(
            metric,
            [self._judged(name, metric, summary) for name in judged],
            self._doubts(metric),
        )

    def plot(self, metric: str | None = None, *, axes: Any = None) -> ProtocolComparisonDisplay:
        """Draw the scores of each subject, and the differences to TRTR with an interval.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.
        axes : sequence of two Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        ProtocolComparisonDisplay

        Raises
        ------
        ValueError
            If the metric was not scored.
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        metric = self.metrics[0] if metric is None else metric
        return self._display(metric).plot(axes=axes)

    def plot_by(
        self,
        column: str,
        *,
        bins: Sequence[float] | None = None,
        metric: str | None = None,
        reference: str = "TRTR",
        ax: Any = None,
    ) -> StrataDisplay:
        """Draw the differences within parts of the windows: a forest plot, which is exploratory.

        Parameters
        ----------
        column, bins, metric, reference
            As for `by`.
        ax : Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        StrataDisplay

        Raises
        ------
        ValueError
            As `by` does.
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        metric = self.metrics[0] if metric is None else metric
        summary = self.by(column, bins=bins, metric=metric, reference=reference)
        display = StrataDisplay(summary, metric, reference, sign=self.readable(metric).sign)
        return display.plot(ax=ax)

    def to_html(
        self,
        path: str | Path,
        *,
        learning_curve: LearningCurve | None = None,
        windows: tuple[Windows, Windows] | Mapping[str, tuple[Windows, Windows]] | None = None,
        sampling_rate: float = 1.0,
        quality: QualityReport | Mapping[str, QualityReport] | None = None,
        about: Mapping[str, str] | None = None,
    ) -> None:
        """Write a self-contained page: verdict, plots, tables, and how the comparison was made.

        The page also compares the protocols within thirds of the label and within the columns that
        `compare_protocols` kept (`strata`), marked as exploratory.

        Parameters
        ----------
        path : str or Path
            The file to write.
        learning_curve : LearningCurve, optional
            A curve to add, as returned by `skaug.evaluation.learning_curve`.
        windows : tuple of Windows, or dict of str to tuple of Windows, optional
            Real and synthetic windows, to be drawn over each other; for several synthesizers, by their names.
        sampling_rate : float, default=1.0
            Sampling rate of `windows` in Hz.
        quality : QualityReport, or dict of str to QualityReport, optional
            The quality of the synthetic windows, as returned by `skaug.evaluation.synthetic_quality`; for
            several synthesizers, by their names.
        about : dict of str to str, optional
            More to say about the data, by name, such as ``{"file": "ride.parquet"}``.

        Raises
        ------
        OSError
            If the file cannot be written, which is tried before the page is built.
        ImportError
            If jinja2 and matplotlib (the extra ``report``) are not installed.
        """
        require_writable(Path(path))
        tested = self.predictions.drop_duplicates(["subject", "first_row"])
        page = report_page(
            verdict=self.verdict(),
            details=self.details,
            protocols={name: meaning_of(name) for name in self.protocols},
            summary=self.summary(),
            displays={name: self._display(name) for name in self.metrics},
            trained_on=self.scores.groupby("protocol")[["n_real", "n_synthetic"]].mean(),
            n_windows=tested.groupby("subject", sort=False).size(),
            curve=None if learning_curve is None else learning_curve.display(),
            curve_verdict=None if learning_curve is None else learning_curve.verdict(),
            windows=_by_name(windows),
            sampling_rate=sampling_rate,
            quality={name: report._repr_html_() for name, report in _by_name(quality).items()},
            strata=self._strata_displays(),
            about=about,
        )
        with whole_file(Path(path)) as file:
            file.write(page.encode())

    def save(self, folder: str | Path) -> None:
        """Write scores, predictions and details to a folder: parquet files and a JSON file.

        Parameters
        ----------
        folder : str or Path
            The folder, which is created if it does not exist. A comparison that was saved there is
            replaced.

        Raises
        ------
        OSError
            If nothing can be written there.

        See Also
        --------
        load : Read them back.
        """
        folder = Path(folder)
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(f"{str(folder)!r} is not a folder: name a folder to save to.")
        folder.mkdir(parents=True, exist_ok=True)
        require_writable(folder / _DETAILS)
        (folder / _OF_BASELINES).unlink(missing_ok=True)
        self.scores.to_parquet(folder / "scores.parquet", index=False)
        self.predictions.to_parquet(folder / "predictions.parquet", index=False)
        if len(self.baseline_predictions):
            self.baseline_predictions.to_parquet(folder / _OF_BASELINES, index=False)
        text = json.dumps({"format": _FORMAT, **self.details}, indent=2)
        (folder / _DETAILS).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a comparison that `save` wrote.

        Parameters
        ----------
        folder : str or Path
            The folder that was passed to `save`.

        Returns
        -------
        ProtocolComparison

        Raises
        ------
        OSError
            If a file cannot be read.
        ValueError
            If it was written in another format, by another version.
        """
        folder = Path(folder)
        details = json.loads((folder / _DETAILS).read_text(encoding="utf-8"))
        if details.pop("format", None) != _FORMAT:
            raise ValueError(
                f"{str(folder)!r} was saved in a format that this version cannot read: use the version of "
                "skaug that saved it."
            )
        scores, predictions = (
            pd.read_parquet(folder / f"{name}.parquet") for name in ("scores", "predictions")
        )
        path = folder / _OF_BASELINES
        of_baselines = pd.read_parquet(path) if path.exists() else pd.DataFrame()
        return cls(scores, predictions, details, of_baselines)

    def __repr__(self) -> str:
        average, *others = self.metrics
        of_outputs = [name for name in others if name.startswith(f"{average}[")]
        shown = [average, *(of_outputs if self.details.get("outputs") else [])]
        return "\n\n".join([*map(self.table, shown), self.verdict()])

    def _repr_html_(self) -> str:
        return (
            f"<p><b>{escape(self.verdict())}</b></p>{self.summary().to_html(na_rep='', border=0)}"
        )

    def _strata_displays(self) -> list[StrataDisplay]:
        """Return the plots of the strata that the page shows."""
        scorers = self.details.get("scorers", {})
        metrics = [name for name in self.metrics if is_restorable(name, scorers.get(name))]
        if not metrics or not self._compared("TRTR"):
            return []
        columns = [*label_columns(self.predictions), *kept_columns(self.predictions)]
        sign = self.readable(metrics[0]).sign
        shown = [name for name in self._compared("TRTR") if not is_control(name)]
        displays = []
        for name in columns:
            if self.predictions[name].nunique() < 2:
                continue
            output = output_in(name)  # the average over outputs says little about parts of one
            metric = metrics[0] if output is None else f"{metrics[0]}[{output}]"
            summary = self.by(name, bins=page_bins(self.predictions[name]), metric=metric)
            displays.append(StrataDisplay(summary.loc[["TRTR", *shown]], metric, sign=sign))
        return displays

    def readable(self, metric: str) -> ReadableMetric:
        """Return how a metric is shown."""
        return ReadableMetric(metric, self.details.get("signs", {}).get(metric))

    def _display(self, metric: str) -> ProtocolComparisonDisplay:
        scores = self.by_subject(metric)
        return ProtocolComparisonDisplay(
            scores,
            metric,
            sign=self.readable(metric).sign,
            baselines=self._baseline_scores(metric, scores).mean().to_dict(),
        )

    def _judged(self, label: str, metric: ReadableMetric, summary: pd.DataFrame) -> Judged:
        """Collect the numbers and doubts that the verdict on a protocol needs."""
        scores = self.by_subject(metric.name)
        row = metric.shown_summary(summary.xs(metric.name, level="metric")).loc[label]
        outputs = {
            name: self.readable(f"{metric.name}[{name}]")
            for name in self.details.get("outputs") or ()
        }
        of_outputs = {
            name: one.shown_summary(summary.xs(one.name, level="metric")).loc[label]
            for name, one in outputs.items()
        }
        trained = self.scores[self.scores["protocol"] == label]
        return Judged(
            label,
            row,
            has_synthetic=bool(trained["n_synthetic"].any()),
            baselines=self._beside(label, metric.name, "TRTR") if row["n_subjects"] else [],
            doubts=[
                *doubts.of_controls(label, scores, self.details["random_state"]),
                *doubts.of_average(metric, of_outputs),
            ],
        )

    def _doubts(self, metric: ReadableMetric) -> list[str]:
        """Return the caveats of every verdict, as sentences."""
        scores, naive = self.by_subject(metric.name), self.details.get("naive", {})
        sentences = doubts.of_undefined_scores(
            metric,
            len(scores),
            self.scores["subject"].nunique(),
            is_classifier=naive.get(metric.name) == "prior",
        )
        if metric.name in naive and naive[metric.name] is None:
            sentences.append(
                f"There is no naive baseline, because {metric.label} needs the samples themselves."
            )
        by_design = self.details.get("shared_by_design")
        if by_design is not None:
            sentences.append(doubts.of_calibration(by_design))
        elif self.details["shared_subjects"]:
            sentences.append(
                "But subjects are on both sides of the folds, so this says little about new subjects."
            )
        return sentences


def _by_name(value: Any) -> dict[str, Any]:
    """Return a dict by synthesizer; a single value gets an empty name, None an empty dict."""
    if value is None:
        return {}
    return dict(value) if isinstance(value, Mapping) else {"": value}
