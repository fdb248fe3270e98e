"""The outcome of a comparison: scores, inference over subjects, and how to draw, report and save it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd

from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.inference import PairedInference, infer
from skaug.evaluation.protocol_variants import PROTOCOLS, TESTED_ON_SYNTHETIC
from skaug.evaluation.report import report_page
from skaug.evaluation.scores import complete_scores, score_differences
from skaug.evaluation.summary import summary_rows
from skaug.evaluation.verdict import in_words
from skaug.windows.container import Windows

if TYPE_CHECKING:
    from skaug.evaluation.learning_curves import LearningCurve
    from skaug.evaluation.quality.report import QualityReport

_FORMAT = 1


@dataclass(frozen=True, repr=False)
class ProtocolComparison:
    """Protocols compared on the same folds, as returned by `compare_protocols`.

    Attributes
    ----------
    scores : DataFrame
        One row per protocol, repeat, fold, subject and metric: ``score`` (greater is better, as in
        scikit-learn; NaN where the metric is not defined), ``n_real`` and ``n_synthetic`` (numbers of
        training windows), ``fit_seconds`` (without synthesis) and ``synthesis_seconds``.
    predictions : DataFrame
        One row per protocol, repeat, fold and window: ``subject``, ``first_row`` (within the subject's
        recording), ``is_synthetic``, ``y_true`` and ``y_pred``.
    details : dict
        How the comparison was made: parameters, versions, a fingerprint of the data, and the numbers of
        synthetic windows requested and paid for.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    details: dict[str, Any]

    @property
    def protocols(self) -> list[str]:
        """The protocols, in the order in which they were passed."""
        return list(dict.fromkeys(self.scores["protocol"]))

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
        return complete_scores(self._of_metric(metric), "protocol")[self.protocols]

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
        by_fold = complete_scores(self._of_metric(metric), "protocol", per="fold")
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
              strictest);
            - ``p_rope_worse``, ``p_rope_within``, ``p_rope_better``: posterior probabilities, if there
              is a rope;
            - ``verdict``.

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
            scores = self.by_subject(metric)
            judged = self._judged(reference) if len(scores) else []
            inferences = {protocol: self.infer(protocol, metric, reference) for protocol in judged}
            rows += summary_rows(metric, scores, inferences, reference)
        order = {protocol: i for i, protocol in enumerate(self.protocols)}
        rows.sort(key=lambda row: order[row["protocol"]])
        table = pd.DataFrame(rows).set_index(["protocol", "metric"])
        return table.astype({"n_better": "Int64", "n_worse": "Int64"})

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
        metric, judged = ReadableMetric(self.metrics[0]), self._judged("TRTR")
        if not judged:
            return "There is nothing to judge: compare TRTR with TRSTR or TSTR."
        protocol = "TRSTR" if "TRSTR" in judged else judged[0]
        of_metric = self.summary().xs(metric.name, level="metric")
        row = metric.shown_summary(of_metric).loc[protocol]
        trained = self.scores[self.scores["protocol"] == protocol]
        if protocol == "TRSTR" and not trained["n_synthetic"].any():
            return "No synthetic windows were added: use a larger ratio."
        return in_words(protocol, metric, row, has_shared_subjects=self.details["shared_subjects"])

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
        return ProtocolComparisonDisplay(self.by_subject(metric), metric).plot(axes=axes)

    def to_html(
        self,
        path: str | Path,
        *,
        learning_curve: LearningCurve | None = None,
        windows: tuple[Windows, Windows] | None = None,
        sampling_rate: float = 1.0,
        quality: QualityReport | None = None,
    ) -> None:
        """Write a self-contained page: verdict, plots, tables, and how the comparison was made.

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
            by_subject={name: self.by_subject(name) for name in self.metrics},
            trained_on=self.scores.groupby("protocol")[["n_real", "n_synthetic"]].mean(),
            n_windows=tested.groupby("subject", sort=False).size(),
            curve=None if learning_curve is None else learning_curve.summary(),
            windows=windows,
            sampling_rate=sampling_rate,
            quality=None if quality is None else quality._repr_html_(),
        )
        Path(path).write_text(page, encoding="utf-8")

    def save(self, folder: str | Path) -> None:
        """Write scores, predictions and details to a folder: two parquet files and a JSON file.

        Parameters
        ----------
        folder : str or Path
            The folder, which is created if it does not exist.

        See Also
        --------
        load : Read them again.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.scores.to_parquet(folder / "scores.parquet", index=False)
        self.predictions.to_parquet(folder / "predictions.parquet", index=False)
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
        return cls(scores, predictions, details)

    def __repr__(self) -> str:
        n_subjects = self.scores["subject"].nunique()
        return f"ProtocolComparison({', '.join(self.protocols)}; {n_subjects} subjects)"

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

    def _judged(self, reference: str) -> list[str]:
        if reference not in self.protocols:
            return []
        return [p for p in self.protocols if p not in (reference, *TESTED_ON_SYNTHETIC)]
