"""The outcome of a comparison: scores, inference over subjects, and how to draw, report and save it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from skaug.evaluation import doubts
from skaug.evaluation.baselines import NAIVE, NAIVE_IN_WORDS
from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.displays.strata import StrataDisplay
from skaug.evaluation.inference import PairedInference, infer
from skaug.evaluation.protocol_variants import CONTROLS, PROTOCOLS, TESTED_ON_SYNTHETIC
from skaug.evaluation.report import report_page
from skaug.evaluation.scores import complete_scores, is_restorable, score_differences
from skaug.evaluation.strata import kept_columns, page_bins, strata_of
from skaug.evaluation.summary import Family, baseline_rows, families, summary_rows
from skaug.evaluation.text_table import comparison_table
from skaug.evaluation.verdict import Baseline, in_words
from skaug.windows.container import Windows

if TYPE_CHECKING:
    from skaug.evaluation.learning_curves import LearningCurve
    from skaug.evaluation.quality.report import QualityReport

_FORMAT = 2
_OF_BASELINES = "baseline_predictions.parquet"


@dataclass(frozen=True, repr=False)
class ProtocolComparison:
    """Protocols compared on the same folds, as returned by `compare_protocols`.

    Attributes
    ----------
    scores : DataFrame
        One row per protocol, repeat, fold, subject and metric: ``score`` (greater is better, as in
        scikit-learn; NaN where the metric is not defined), ``n_real`` and ``n_synthetic`` (numbers of
        training windows), ``fit_seconds`` (without synthesis) and ``synthesis_seconds``. Baselines have
        such rows too: ``naive`` and those of the user.
    predictions : DataFrame
        One row per protocol, repeat, fold and window: ``subject``, ``first_row`` (within the subject's
        recording), ``is_synthetic``, ``y_true``, ``y_pred``, and the columns of `strata`.
    details : dict
        How the comparison was made: parameters, versions, a fingerprint of the data, and the numbers of
        synthetic windows requested and paid for. For each metric, ``signs`` holds -1 if its scores are
        negative errors, and ``naive`` what the naive baseline predicts: the mean, the median or the prior
        of the training labels; None if the metric has no such baseline. ``warnings`` holds the
        `skaug.DataWarning` of all fits, each once.
    baseline_predictions : DataFrame
        Predictions of the baselines, in the same columns. For regressors, the naive baseline appears twice:
        "naive mean" and "naive median".
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    details: dict[str, Any]
    baseline_predictions: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def protocols(self) -> list[str]:
        """The protocols, in the order in which they were passed."""
        return [name for name in dict.fromkeys(self.scores["protocol"]) if name in PROTOCOLS]

    @property
    def baselines(self) -> list[str]:
        """The baselines: "naive", and those of the user."""
        return [name for name in dict.fromkeys(self.scores["protocol"]) if name not in PROTOCOLS]

    @property
    def metrics(self) -> list[str]:
        """The metrics, in the order in which they were passed."""
        return list(dict.fromkeys(self.scores["metric"]))

    def by_subject(self, metric: str | None = None) -> pd.DataFrame:
        """Average the scores of each subject over folds and repeats.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.

        Returns
        -------
        DataFrame
            Indexed by subject, with one column per protocol. Subjects for which the metric is not
            defined under some protocol are left out.

        Raises
        ------
        ValueError
            If the metric was not scored.
        """
        scores = self._of_metric(metric)
        is_protocol = scores["protocol"].isin(self.protocols)
        return complete_scores(scores[is_protocol], "protocol")[self.protocols]

    def left_out(self, metric: str | None = None) -> list[str]:
        """List the subjects for which the metric is not defined under some protocol.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.

        Returns
        -------
        list of str
            Their scores are not used for inference.
        """
        kept = self.by_subject(metric).index
        return [str(name) for name in self.scores["subject"].unique() if name not in kept]

    def differences(self, metric: str | None = None, reference: str = "TRTR") -> pd.DataFrame:
        """Compute how much better each subject is predicted than under a reference protocol.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.
        reference : str, default="TRTR"
            The protocol to compare with.

        Returns
        -------
        DataFrame
            Indexed by subject, with one column per other protocol, except TRTS, which is tested on
            other windows. Above zero is better.

        Raises
        ------
        ValueError
            If the metric was not scored, or the reference was not compared or is TRTS.
        """
        self._check_reference(reference)
        scores = self.by_subject(metric)
        others = [
            name for name in self.protocols if name != reference and name not in TESTED_ON_SYNTHETIC
        ]
        return score_differences(scores, others, reference)

    def infer(
        self, protocol: str, metric: str | None = None, reference: str = "TRTR"
    ) -> PairedInference:
        """Test a protocol against a reference, over subjects.

        Parameters
        ----------
        protocol : str
            The protocol to test.
        metric : str, optional
            The first metric by default.
        reference : str, default="TRTR"
            The protocol to compare with.

        Returns
        -------
        PairedInference

        Raises
        ------
        ValueError
            If one of the two protocols was not compared or is TRTS, if both are the same, or if the
            metric was not scored.
        """
        metric = self.metrics[0] if metric is None else metric
        differences = self.differences(metric, reference)
        if protocol not in differences:
            raise ValueError(
                f"protocol={protocol!r} cannot be compared with {reference}: use one of "
                f"{', '.join(differences)}."
            )
        # Repeats draw other synthetic windows on the same folds. They are averaged first, because the
        # correction of Nadeau and Bengio must count each fold once.
        scores = self._of_metric(metric)
        scores = scores[scores["protocol"].isin(self.protocols)]
        by_fold = complete_scores(scores, "protocol", per="fold")
        folds = score_differences(by_fold, [protocol], reference)[protocol]
        is_several = len(folds) > 1
        rope = self.details["rope"]
        return infer(
            differences[protocol],
            folds if is_several else None,
            self.details["test_share"] if is_several else None,
            rope=rope.get(metric) if isinstance(rope, dict) else rope,
            random_state=self.details["random_state"],
        )

    def summary(self, reference: str = "TRTR") -> pd.DataFrame:
        """Summarize each protocol and metric, and test whether differences are more than chance.

        The subject is the unit: scores are averaged over a subject's windows and over repeats, and the
        differences are tested over subjects (see `skaug.evaluation.inference`).

        Parameters
        ----------
        reference : str, default="TRTR"
            The protocol to compare the others with. "TRRTR" shows what synthetic windows do beyond mere
            repetition.

        Returns
        -------
        DataFrame
            Indexed by protocol and metric, with the columns

            - ``n_subjects``, and ``mean`` and ``sd`` of the score over subjects;
            - ``difference`` from the reference (above zero is better) and its 95 % t interval
              ``ci_low``, ``ci_high``;
            - ``n_better``, ``n_worse``: numbers of subjects;
            - ``p_value`` (exact sign flips), ``p_holm`` (the same, adjusted for the protocols compared;
              Holm 1979), ``p_wilcoxon``, and ``p_corrected`` (Nadeau and Bengio's t over folds, the
              strictest). Controls (TRRTR, TRPTR) are not among the protocols compared and have no
              ``p_holm``, baselines no p-value at all;
            - ``p_rope_worse``, ``p_rope_within``, ``p_rope_better``: posterior probabilities, if there
              is a rope;
            - ``verdict``: "helped" only if the protocol is better than the reference and than every
              baseline (a better mean over subjects, and a p-value of sign flips below 0.05).

            With five or fewer subjects no p-value is reported, because none of the exact tests could
            reach 0.05.

        Raises
        ------
        ValueError
            If the reference was not compared.
        """
        if reference != "TRTR":
            self._check_reference(reference)
        rows: list[dict[str, Any]] = []
        for metric in self.metrics:
            inferences = self._inferences(metric, reference)
            rows += self._summary_rows(metric, reference, inferences, families([inferences])[0])
        return self._sorted_rows(rows).set_index(["protocol", "metric"])

    def by(
        self,
        column: str,
        *,
        bins: Sequence[float] | None = None,
        metric: str | None = None,
        reference: str = "TRTR",
    ) -> pd.DataFrame:
        """Summarize each protocol on parts of the windows: by activity, age or label.

        An average can hide that synthetic windows help on some windows only. This is exploratory: a
        stratum that stands out is a hypothesis to test on other recordings, and subjects who have few
        windows in a stratum count as much as others.

        Parameters
        ----------
        column : str
            A column that `compare_protocols` kept (`strata`), or "y_true" for the labels.
        bins : sequence of float, optional
            Limits between strata of a column of numbers, in ascending order: ``[90, 120]`` makes three
            strata, up to 90, above 90 up to 120, and above 120. By default each value is a stratum.
        metric : str, optional
            The first metric by default. It is computed again from the labels and predictions of the windows.
        reference : str, default="TRTR"
            The protocol to compare the others with.

        Returns
        -------
        DataFrame
            Indexed by protocol and by the values of `column` (intervals if there are `bins`). Columns are
            those of `summary` and ``n_windows``. ``n_subjects`` counts the subjects who have windows in the
            stratum, and ``p_holm`` is adjusted for all strata and the protocols compared. TRTS, which is
            tested on other windows, and windows without a value are left out.

        Raises
        ------
        ValueError
            If the windows do not have the column, a column of many different numbers comes without `bins`,
            the metric was not scored or cannot be computed from labels and predictions (it needs
            probabilities, or scores rows), or the reference was not compared.

        See Also
        --------
        plot_by : Draw it.
        """
        metric = self.metrics[0] if metric is None else metric
        self._of_metric(metric)
        if reference != "TRTR" or set(self.protocols) <= set(TESTED_ON_SYNTHETIC):
            self._check_reference(reference)
        description = self.details.get("scorers", {}).get(metric)
        values, strata = strata_of(
            self.predictions, self.baseline_predictions, column, bins, metric, description
        )
        parts = [
            replace(self, scores=stratum.scores, details=self.details | {"naive": stratum.naive})
            for stratum in strata
        ]
        inferences = [part._inferences(metric, reference) for part in parts]
        rows: list[dict[str, Any]] = []
        tests = zip(parts, inferences, families(inferences), strict=True)
        for i, (part, of_part, family) in enumerate(tests):
            n_windows = strata[i].n_windows.reindex(part.by_subject(metric).index).sum()
            counted = {column: i, "n_windows": int(n_windows)}
            rows += [
                counted | row for row in part._summary_rows(metric, reference, of_part, family)
            ]
        table = self._sorted_rows(rows).drop(columns="metric")
        index = pd.MultiIndex.from_arrays(
            [table["protocol"], values.take(table[column])], names=["protocol", column]
        )
        table = table.drop(columns=["protocol", column]).set_axis(index)
        return table[["n_subjects", "n_windows", *table.columns.drop(["n_subjects", "n_windows"])]]

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

    def to_frame(self) -> pd.DataFrame:
        """Return the summary as a flat table, with protocol and metric as columns."""
        return self.summary().reset_index()

    def verdict(self) -> str:
        """Return a sentence that says whether synthetic windows helped.

        Returns
        -------
        str
            On the first metric, and on TRSTR or, if that was not compared, on the first other protocol.
        """
        metric = self.readable(self.metrics[0])
        judged = [name for name in self._compared("TRTR") if name not in CONTROLS]
        if not judged:
            return "There is nothing to judge: compare TRTR with TRSTR or TSTR."
        protocol = "TRSTR" if "TRSTR" in judged else judged[0]
        of_metric = self.summary().xs(metric.name, level="metric")
        row = metric.shown_summary(of_metric).loc[protocol]
        trained = self.scores[self.scores["protocol"] == protocol]
        if protocol == "TRSTR" and not trained["n_synthetic"].any():
            return "No synthetic windows were added: use a larger ratio."
        beside = self._beside(protocol, metric.name, "TRTR") if row["n_subjects"] else []
        return in_words(protocol, metric, row, beside, self._doubts(protocol, metric))

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
        windows: tuple[Windows, Windows] | None = None,
        sampling_rate: float = 1.0,
        quality: QualityReport | None = None,
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
        windows : tuple of Windows, optional
            Real and synthetic windows, to be drawn over each other.
        sampling_rate : float, default=1.0
            Sampling rate of `windows` in Hz.
        quality : QualityReport, optional
            The quality of the synthetic windows, as returned by `skaug.evaluation.synthetic_quality`.
        about : dict of str to str, optional
            More to say about the data, by name, such as ``{"file": "ride.parquet"}``.

        Raises
        ------
        ImportError
            If jinja2 and matplotlib (the extra ``report``) are not installed.
        """
        tested = self.predictions.drop_duplicates(["subject", "first_row"])
        page = report_page(
            verdict=self.verdict(),
            details=self.details,
            protocols={name: PROTOCOLS[name] for name in self.protocols},
            summary=self.summary(),
            displays={name: self._display(name) for name in self.metrics},
            trained_on=self.scores.groupby("protocol")[["n_real", "n_synthetic"]].mean(),
            n_windows=tested.groupby("subject", sort=False).size(),
            curve=None if learning_curve is None else learning_curve.display(),
            windows=windows,
            sampling_rate=sampling_rate,
            quality=None if quality is None else quality._repr_html_(),
            strata=self._strata_displays(),
            about=about,
        )
        Path(path).write_text(page, encoding="utf-8")

    def save(self, folder: str | Path) -> None:
        """Write scores, predictions and details to a folder: parquet files and a JSON file.

        Parameters
        ----------
        folder : str or Path
            The folder, which is created if it does not exist.

        See Also
        --------
        load : Read them back.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.scores.to_parquet(folder / "scores.parquet", index=False)
        self.predictions.to_parquet(folder / "predictions.parquet", index=False)
        if len(self.baseline_predictions):
            self.baseline_predictions.to_parquet(folder / _OF_BASELINES, index=False)
        text = json.dumps({"format": _FORMAT, **self.details}, indent=2)
        (folder / "comparison.json").write_text(text, encoding="utf-8")

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
        details = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
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
        return f"{self.table()}\n\n{self.verdict()}"

    def _repr_html_(self) -> str:
        return (
            f"<p><b>{escape(self.verdict())}</b></p>{self.summary().to_html(na_rep='', border=0)}"
        )

    def _of_metric(self, metric: str | None) -> pd.DataFrame:
        metric = self.metrics[0] if metric is None else metric
        if metric not in self.metrics:
            raise ValueError(
                f"metric={metric!r} was not scored: use one of {', '.join(self.metrics)}."
            )
        return self.scores[self.scores["metric"] == metric]

    def _check_reference(self, reference: str) -> None:
        known = [name for name in self.protocols if name not in TESTED_ON_SYNTHETIC]
        if reference not in known:
            raise ValueError(
                f"reference={reference!r} was not compared: use one of {', '.join(known)}."
            )

    def _strata_displays(self) -> list[StrataDisplay]:
        """Return the plots of the strata that the page shows."""
        scorers = self.details.get("scorers", {})
        metrics = [name for name in self.metrics if is_restorable(name, scorers.get(name))]
        if not metrics or not self._compared("TRTR"):
            return []
        columns = kept_columns(self.predictions)
        if "y_true" in self.predictions:
            columns = ["y_true", *columns]
        summaries = [
            self.by(name, bins=page_bins(self.predictions[name]), metric=metrics[0])
            for name in columns
            if self.predictions[name].nunique() > 1
        ]
        sign = self.readable(metrics[0]).sign
        shown = [name for name in self._compared("TRTR") if name not in CONTROLS]
        return [
            StrataDisplay(summary.loc[["TRTR", *shown]], metrics[0], sign=sign)
            for summary in summaries
        ]

    def _inferences(self, metric: str, reference: str) -> dict[str, PairedInference]:
        """Test each protocol that is compared with a reference, controls included."""
        compared = self._compared(reference) if len(self.by_subject(metric)) else []
        return {name: self.infer(name, metric, reference) for name in compared}

    def _summary_rows(
        self,
        metric: str,
        reference: str,
        inferences: dict[str, PairedInference],
        family: Family,
    ) -> list[dict[str, Any]]:
        scores = self.by_subject(metric)
        beside = {name: self._beside(name, metric, reference) for name in inferences}
        rows = summary_rows(metric, scores, inferences, reference, beside, family)
        return rows + baseline_rows(
            metric, self._baseline_scores(metric, scores), scores, reference
        )

    def _sorted_rows(self, rows: list[dict[str, Any]]) -> pd.DataFrame:
        """Return rows of the summary as a table, protocol by protocol."""
        order = {name: i for i, name in enumerate([*self.protocols, *self.baselines])}
        table = pd.DataFrame(sorted(rows, key=lambda row: order[row["protocol"]]))
        return table.astype({"n_better": "Int64", "n_worse": "Int64"})

    def _compared(self, reference: str) -> list[str]:
        """Return the protocols that are compared with a reference, controls included."""
        if reference not in self.protocols:
            return []
        return [p for p in self.protocols if p not in (reference, *TESTED_ON_SYNTHETIC)]

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

    def _baseline_scores(self, metric: str, scores: pd.DataFrame) -> pd.DataFrame:
        """Return the scores of the baselines for the subjects of the protocols' scores."""
        found = self._of_metric(metric)
        found = found[found["protocol"].isin(self.baselines)]
        means = found.groupby(["subject", "protocol"])["score"].mean().unstack("protocol")
        names = [name for name in self.baselines if name in means]
        return means.reindex(index=scores.index, columns=names)

    def _beside(self, protocol: str, metric: str, reference: str) -> list[Baseline]:
        """Return the baselines beside a protocol."""
        scores = self.by_subject(metric)
        found = [
            Baseline.of(
                self._baseline_in_words(str(name), metric),
                of_baseline,
                scores[protocol],
                scores[reference],
                is_naive=name == NAIVE,
                random_state=self.details["random_state"],
            )
            for name, of_baseline in self._baseline_scores(metric, scores).items()
        ]
        return [baseline for baseline in found if baseline is not None]

    def _baseline_in_words(self, name: str, metric: str) -> str:
        if name != NAIVE:
            return f"the baseline {name!r}"
        kind = self.details.get("naive", {}).get(metric) or "mean"
        return NAIVE_IN_WORDS[kind]

    def _doubts(self, protocol: str, metric: ReadableMetric) -> list[str]:
        """Return the caveats of a verdict, as sentences."""
        scores, naive = self.by_subject(metric.name), self.details.get("naive", {})
        sentences = doubts.of_controls(protocol, scores, self.details["random_state"])
        sentences += doubts.of_undefined_scores(
            metric,
            len(scores),
            self.scores["subject"].nunique(),
            is_classifier=naive.get(metric.name) == "prior",
        )
        if metric.name in naive and naive[metric.name] is None:
            sentences.append(
                f"There is no naive baseline, because {metric.label} needs the samples themselves."
            )
        if self.details["shared_subjects"]:
            sentences.append(
                "But subjects are on both sides of the folds, so this says little about new subjects."
            )
        return sentences
