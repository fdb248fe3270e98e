"""The outcome of a comparison: scores, inference over subjects, and the words for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from skaug.evaluation.displays.comparison import ProtocolComparisonDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric, signed
from skaug.evaluation.inference import FEWEST_SUBJECTS, PairedInference, infer
from skaug.evaluation.paired_tests import ALPHA, holm
from skaug.evaluation.protocol_variants import PROTOCOLS
from skaug.evaluation.report import report_page
from skaug.evaluation.scores import complete_scores, score_differences
from skaug.windows.container import Windows

if TYPE_CHECKING:
    from skaug.evaluation.learning_curves import LearningCurve
    from skaug.evaluation.quality.report import QualityReport

# Tested on synthetic windows: better scores there are no help, and worse ones no harm.
_NOT_JUDGED = ("TRTS",)
_TESTED_ELSEWHERE = "not judged: tested on synthetic windows"
_TOO_FEW = "undecided: too few subjects"
_WHAT = {
    "TRSTR": "Adding synthetic windows",
    "TSTR": "Training on synthetic windows alone",
    "TRRTR": "Adding duplicates of real windows",
}
_FORMAT = 1


@dataclass(frozen=True, repr=False)
class ProtocolComparison:
    """Protocols compared on the same folds, as `compare_protocols` gives it.

    Attributes
    ----------
    scores : DataFrame
        One row per protocol, repeat, fold, subject and metric: ``score`` (the greater the better, as in
        scikit-learn; NaN where the metric is not defined), ``n_real`` and ``n_synthetic`` (windows
        trained on), ``fit_seconds`` (without synthesis) and ``synthesis_seconds``.
    predictions : DataFrame
        One row per protocol, repeat, fold and window: ``subject``, ``first_row`` (within the subject's
        recording), ``is_synthetic``, ``y_true`` and ``y_pred``.
    details : dict
        How it was made: parameters, versions, a fingerprint of the data, windows requested and paid.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    details: dict[str, Any]

    @property
    def protocols(self) -> list[str]:
        """The protocols, in the order in which they were asked for."""
        return list(dict.fromkeys(self.scores["protocol"]))

    @property
    def metrics(self) -> list[str]:
        """The metrics."""
        return list(dict.fromkeys(self.scores["metric"]))

    def by_subject(self, metric: str | None = None) -> pd.DataFrame:
        """Average scores over a subject's windows, folds and repeats.

        Parameters
        ----------
        metric : str, optional
            The first one by default.

        Returns
        -------
        DataFrame
            Indexed by subject, a column per protocol. A subject for whom the metric is not defined
            under some protocol is left out.
        """
        return complete_scores(self._of_metric(metric), "protocol")[self.protocols]

    def left_out(self, metric: str | None = None) -> list[str]:
        """Name the subjects for whom the metric is not defined under some protocol.

        Parameters
        ----------
        metric : str, optional
            The first one by default.

        Returns
        -------
        list of str
            Nothing is inferred from them.
        """
        kept = self.by_subject(metric).index
        return [str(name) for name in self.scores["subject"].unique() if name not in kept]

    def differences(self, metric: str | None = None, reference: str = "TRTR") -> pd.DataFrame:
        """Give how much better each subject is predicted than under a reference.

        Parameters
        ----------
        metric : str, optional
            The first one by default.
        reference : str, default="TRTR"
            A protocol.

        Returns
        -------
        DataFrame
            Indexed by subject, a column per other protocol but TRTS, which is tested on other windows;
            above zero is better.

        Raises
        ------
        ValueError
            If the reference was not compared, or is TRTS.
        """
        self._check_reference(reference)
        scores = self.by_subject(metric)
        others = [name for name in self.protocols if name != reference and name not in _NOT_JUDGED]
        return score_differences(scores, others, reference)

    def infer(
        self, protocol: str, metric: str | None = None, reference: str = "TRTR"
    ) -> PairedInference:
        """Test a protocol against a reference, over subjects.

        Parameters
        ----------
        protocol : str
        metric : str, optional
            The first one by default.
        reference : str, default="TRTR"

        Returns
        -------
        PairedInference

        Raises
        ------
        ValueError
            If one of the two was not compared, is TRTS, or if both are the same.
        """
        metric = self.metrics[0] if metric is None else metric
        differences = self.differences(metric, reference)
        if protocol not in differences:
            raise ValueError(
                f"protocol={protocol!r} cannot be compared with {reference}: take one of "
                f"{', '.join(differences)}."
            )
        # Repeats draw other synthetic windows on the same folds: averaged first, they are no further
        # folds, and the correction of Nadeau and Bengio counts each fold once.
        by_fold = complete_scores(self._of_metric(metric), "protocol", per="fold")
        folds = score_differences(by_fold, [protocol], reference)[protocol]
        several = len(folds) > 1
        rope = self.details["rope"]
        return infer(
            differences[protocol],
            folds if several else None,
            self.details["test_share"] if several else None,
            rope=rope.get(metric) if isinstance(rope, dict) else rope,
            random_state=self.details["random_state"],
        )

    def summary(self, reference: str = "TRTR") -> pd.DataFrame:
        """Say of each protocol and metric how good it was, and whether that is more than chance.

        The subject is the unit: scores are averaged over a subject's windows and over repeats, and the
        differences of subjects are tested (`skaug.evaluation.inference`).

        Parameters
        ----------
        reference : str, default="TRTR"
            The protocol that the others are compared with; "TRRTR" asks what synthetic windows do
            beyond mere repetition.

        Returns
        -------
        DataFrame
            Indexed by protocol and metric. ``n_subjects``; ``mean`` and ``sd`` of the score over
            subjects; ``difference`` to the reference (above zero: better) with its 95 % t interval
            ``ci_low``, ``ci_high``; ``n_better`` and ``n_worse`` subjects; ``p_value`` (exact sign
            flips) and ``p_holm`` (adjusted for the protocols compared, Holm 1979), ``p_wilcoxon``,
            ``p_corrected`` (Nadeau and Bengio's t over folds, the stricter one); ``p_rope_worse``,
            ``p_rope_within``, ``p_rope_better`` (posterior, if there is a rope); ``verdict``. No
            p-value of five subjects or fewer: none of the exact tests could reach 0.05.

        Raises
        ------
        ValueError
            If the reference was not compared.
        """
        if reference != "TRTR":
            self._check_reference(reference)
        rows: list[dict[str, Any]] = []
        for metric in self.metrics:
            rows += self._summary_of(metric, reference)
        order = {protocol: i for i, protocol in enumerate(self.protocols)}
        rows.sort(key=lambda row: order[row["protocol"]])
        table = pd.DataFrame(rows).set_index(["protocol", "metric"])
        return table.astype({"n_better": "Int64", "n_worse": "Int64"})

    def to_frame(self) -> pd.DataFrame:
        """Give the summary as a flat table, with protocol and metric as columns."""
        return self.summary().reset_index()

    def verdict(self) -> str:
        """Say in one sentence whether synthetic windows helped.

        Returns
        -------
        str
            Of the first metric, and of TRSTR, or else of the first other protocol.
        """
        metric, judged = ReadableMetric(self.metrics[0]), self._judged("TRTR")
        if not judged:
            return "There is nothing to judge: compare TRTR with TRSTR or TSTR."
        protocol = "TRSTR" if "TRSTR" in judged else judged[0]
        of_metric = self.summary().xs(metric.name, level="metric")
        row = metric.shown_summary(of_metric).loc[protocol]
        what = _WHAT[protocol]
        trained = self.scores[self.scores["protocol"] == protocol]
        if protocol == "TRSTR" and not trained["n_synthetic"].any():
            return "No synthetic windows were added: ask for more with n_synthetic."
        if not row["n_subjects"]:
            return f"{what}: undecided, {metric.label} is defined for none of the subjects."
        words = {
            "helped": f"{what} helped",
            "harmed": f"{what} harmed",
            "no difference within the rope": f"{what} made no practical difference",
            "undecided": f"{what}: undecided, the difference may be chance",
            _TOO_FEW: f"{what}: undecided, there are too few subjects to tell",
        }[row["verdict"]]
        return " ".join([f"{words}: {self._difference_in_words(row, metric)}.", *self._doubts(row)])

    def _difference_in_words(self, row: pd.Series, metric: ReadableMetric) -> str:
        ends = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}"
        interval = f" (95 % interval {ends})" if row["n_subjects"] > 1 else ""
        return (
            f"{metric.label} {signed(row['difference'])} on average{interval}, better for "
            f"{row['n_better']} of {row['n_subjects']} subjects"
        )

    def _doubts(self, row: pd.Series) -> list[str]:
        """Give what a reader of the verdict must know beside it."""
        doubts = []
        if row["verdict"] in ("helped", "harmed") and row["p_corrected"] >= ALPHA:
            doubts.append(
                f"The stricter corrected t does not confirm it (p = {row['p_corrected']:.2f})."
            )
        if self.details["shared_subjects"]:
            doubts.append(
                "But subjects are on both sides of the folds, so this says little of others."
            )
        return doubts

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
            Made where it does not exist.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.scores.to_parquet(folder / "scores.parquet", index=False)
        self.predictions.to_parquet(folder / "predictions.parquet", index=False)
        text = json.dumps({"format": _FORMAT, **self.details}, indent=2)
        (folder / "comparison.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : str or Path

        Returns
        -------
        ProtocolComparison

        Raises
        ------
        OSError
            If a file is not there.
        ValueError
            If it was written by another version whose format is not known.
        """
        folder = Path(folder)
        details = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
        if details.pop("format", None) != _FORMAT:
            raise ValueError(
                f"{str(folder)!r} was saved in a format that this version cannot read."
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
                f"metric={metric!r} was not scored: take one of {', '.join(self.metrics)}."
            )
        return self.scores[self.scores["metric"] == metric]

    def _check_reference(self, reference: str) -> None:
        known = [name for name in self.protocols if name not in _NOT_JUDGED]
        if reference not in known:
            raise ValueError(
                f"reference={reference!r} was not compared: take one of {', '.join(known)}."
            )

    def _judged(self, reference: str) -> list[str]:
        if reference not in self.protocols:
            return []
        return [p for p in self.protocols if p not in (reference, *_NOT_JUDGED)]

    def _summary_of(self, metric: str, reference: str) -> list[dict[str, Any]]:
        scores = self.by_subject(metric)
        judged = self._judged(reference) if len(scores) else []
        inferences = {protocol: self.infer(protocol, metric, reference) for protocol in judged}
        adjusted = dict(zip(judged, holm([i.p_value for i in inferences.values()]), strict=True))
        # With so many protocols not even the most extreme outcome could be told from chance.
        is_hopeless = 2 / 2.0 ** len(scores) * len(judged) >= ALPHA
        rows = []
        for protocol in self.protocols:
            of_protocol = scores[protocol]
            row: dict[str, Any] = {
                "protocol": protocol,
                "metric": metric,
                "n_subjects": len(of_protocol),
                "mean": of_protocol.mean(),
                "sd": of_protocol.std(ddof=1),
            }
            if protocol in inferences:
                row |= _columns(inferences[protocol], adjusted[protocol])
                if row["verdict"] == "undecided" and is_hopeless:
                    row["verdict"] = _TOO_FEW
            elif protocol in _NOT_JUDGED:
                row["verdict"] = _TESTED_ELSEWHERE
            elif reference not in self.protocols:
                row["verdict"] = ""
            else:
                row["verdict"] = "reference" if protocol == reference else _TOO_FEW
            rows.append({**dict.fromkeys(_COLUMNS, np.nan), **row})
        return rows


_COLUMNS = [
    *("protocol", "metric", "n_subjects", "mean", "sd", "difference", "ci_low", "ci_high"),
    *("n_better", "n_worse", "p_value", "p_holm", "p_wilcoxon", "p_corrected"),
    *("p_rope_worse", "p_rope_within", "p_rope_better", "verdict"),
]


def _columns(inference: PairedInference, p_adjusted: float) -> dict[str, Any]:
    """Give the columns of the summary that are about the difference."""
    has_p = inference.n_subjects >= FEWEST_SUBJECTS
    return {
        "difference": inference.mean,
        "ci_low": inference.ci_low,
        "ci_high": inference.ci_high,
        "n_better": inference.n_better,
        "n_worse": inference.n_worse,
        "p_value": inference.p_value,
        "p_holm": p_adjusted if has_p else np.nan,
        "p_wilcoxon": inference.p_wilcoxon,
        "p_corrected": inference.p_corrected,
        "p_rope_worse": inference.p_worse,
        "p_rope_within": inference.p_within,
        "p_rope_better": inference.p_better,
        "verdict": inference.verdict(p_adjusted),
    }
