"""The outcome of a learning curve: summary, tests at each amount, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from skaug._checks import require_choice
from skaug.evaluation import doubts
from skaug.evaluation.curve_verdict import best_ratio, where_it_pays
from skaug.evaluation.displays.learning_curve import LearningCurveDisplay
from skaug.evaluation.displays.metric_names import ReadableMetric
from skaug.evaluation.inference import PairedInference, infer
from skaug.evaluation.paired_tests import corrected_t, holm
from skaug.evaluation.protocol_variants import is_control, is_protocol
from skaug.evaluation.scores import complete_scores, score_differences

_P_VALUES = ["p_value", "p_holm", "p_repeated", "p_baselines", "p_corrected", "p_left_out"]


@dataclass(frozen=True, repr=False)
class LearningCurve:
    """Scores at several amounts of training data, as returned by `learning_curve`.

    Attributes
    ----------
    scores : DataFrame
        One row per amount, protocol, fold, subject and metric. The amount is ``ratio`` (synthetic
        windows per real one) or ``n_training_subjects``; then ``draw`` numbers the draws of training
        subjects, and the protocols include the control TRRTR and the baselines. The other columns
        are as in `ProtocolComparison`.
    details : dict
        ``signs``: for each metric -1 if its scores are negative errors, else 1. ``warnings``: the
        `skaug.DataWarning` of all fits, each once. ``random_state``: the seed. ``amount_names``: how an
        amount is shown where its number does not say it, such as "all 19". ``shared_by_design``: what
        `CalibrationSplit` trains on of the test subjects; None for other splits. ``outputs``: the names of
        several labels per window, if there are any.
    """

    scores: pd.DataFrame
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def amount(self) -> str:
        """The column that varies: "ratio" or "n_training_subjects"."""
        return str(self.scores.columns[0])

    def summary(self) -> pd.DataFrame:
        """Compute the mean over subjects at each amount, and the difference synthetic windows make.

        Scores are averaged over the draws of training subjects before anything is tested.

        Returns
        -------
        DataFrame
            Indexed by metric, amount and protocol: ``mean`` and ``sd`` over subjects, ``difference``
            from real windows alone (with the same number of training subjects; above zero is better)
            and its 95 % t interval ``ci_low``, ``ci_high``. Intervals are per amount and not adjusted
            for multiple comparisons: among several, one that excludes zero is weak evidence.

            If the number of training subjects varies, there are p-values too, all at the same number of
            training subjects, and NaN with five or fewer test subjects:

            - ``p_value``: against real windows alone (exact sign flips over subjects);
            - ``p_holm``: the same, adjusted for all numbers of training subjects and all synthesizers (Holm
              1979); controls are not adjusted for;
            - ``p_repeated``: against the control TRRTR (sign flips);
            - ``p_baselines``: against the naive baseline and those of the user (sign flips; the largest of
              the p-values);
            - ``p_corrected``: against real windows alone, by Nadeau and Bengio's t over folds. With n
              training and on average m test subjects in a fold, the share of test subjects is
              m / (n + m);
            - ``p_left_out``: the same with the share m / N of all N subjects, as if those who are tested
              were left out in turn.

        Raises
        ------
        ValueError
            If a metric is not defined for any subject under all amounts.

        Notes
        -----
        The sign flips take the training sets that were drawn as given. The corrected t allows for others,
        but the correction assumes a correlation between folds as large as the share of test subjects, and
        few training subjects, drawn anew for each fold, overlap less. In ``benchmarks/inference.py``,
        ``p_corrected`` hardly ever errs in this design, but with four training subjects it finds only half
        as many true differences as the sign flips; ``p_left_out`` keeps its level and finds nearly as many.
        But the sign flips reject up to 17 % of true null hypotheses at a nominal 5 %. Quote both ``p_value``
        and ``p_left_out``.
        """
        rows = []
        for metric in self.scores["metric"].unique():
            rows += self._rows_of(str(metric))
        columns = ["mean", "sd", "difference", "ci_low", "ci_high"]
        columns += [] if self.amount == "ratio" else _P_VALUES
        table = pd.DataFrame(rows).set_index(["metric", self.amount, "protocol"])
        return table.reindex(columns=columns)

    def verdict(self) -> str:
        """Return what the curve says of the first metric, in sentences.

        Returns
        -------
        str
            Over ratios, at which one the mean over subjects is best, for each synthesizer.

            Over numbers of training subjects, with how many of them synthetic windows pay: they are better
            than real windows alone (``p_holm`` below 0.05), than repeated real windows and than every
            baseline (a better mean, and unadjusted p-values of sign flips below 0.05).
        """
        if not self.scores["n_synthetic"].any():
            return "No synthetic windows were added: use a larger ratio."
        display = self.display()
        metric = ReadableMetric(display.metric, display.sign)
        shown = metric.shown_summary(display.summary)
        if self.amount == "ratio":
            said = best_ratio(shown, metric)
        else:
            n_subjects = len(self._by(display.metric)[0])
            said = where_it_pays(shown, metric, n_subjects, display.names)
        sentences = [said]
        if outputs := self.details.get("outputs"):
            sentences.append(
                f"{metric.label} is the average over {len(outputs)} outputs, {', '.join(outputs)}, which may "
                "differ."
            )
        by_design = self.details.get("shared_by_design")
        if by_design is not None:
            sentences.append(doubts.of_calibration(by_design))
        return " ".join(sentences)

    def plot(self, metric: str | None = None, *, axes: Any = None) -> LearningCurveDisplay:
        """Draw the curve: mean over subjects, and the difference that synthetic windows make.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.
        axes : sequence of two Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        LearningCurveDisplay

        Raises
        ------
        ValueError
            If the metric was not scored.
        ImportError
            If matplotlib (the extra ``plot``) is not installed.
        """
        return self.display(metric).plot(axes=axes)

    def display(self, metric: str | None = None) -> LearningCurveDisplay:
        """Build the display of the curve without drawing it.

        Parameters
        ----------
        metric : str, optional
            The first metric by default.

        Returns
        -------
        LearningCurveDisplay

        Raises
        ------
        ValueError
            If the metric was not scored.
        """
        summary = self.summary()
        metrics = list(summary.index.unique("metric"))
        metric = metrics[0] if metric is None else metric
        require_choice("metric", metric, metrics)
        of_metric = summary.loc[metric].reset_index()
        sign = self.details.get("signs", {}).get(metric)
        names = self.details.get("amount_names")
        return LearningCurveDisplay(of_metric, metric, self.amount, sign, names)

    def __repr__(self) -> str:
        first = str(self.scores["metric"].iloc[0])
        of_outputs = [f"{first}[{name}]" for name in self.details.get("outputs") or ()]
        return "\n\n".join([*map(self._table, [first, *of_outputs]), self.verdict()])

    def _table(self, metric_name: str) -> str:
        display = self.display(metric_name)
        metric = ReadableMetric(display.metric, display.sign)
        shown = metric.shown_summary(display.summary).rename(columns={"mean": metric.label})
        shown[self.amount] = shown[self.amount].map(display.amount_in_words)
        return shown.to_string(index=False, na_rep="", float_format="{:.4g}".format)

    def _repr_html_(self) -> str:
        return (
            f"<p><b>{escape(self.verdict())}</b></p>{self.summary().to_html(na_rep='', border=0)}"
        )

    def _rows_of(self, metric: str) -> list[dict[str, Any]]:
        by_subject, by_fold = self._by(metric)
        if by_subject.empty:
            raise ValueError(
                f"{metric} is not defined for any subject under all amounts: choose another metric."
            )
        rows = []
        for amount, protocol in by_subject.columns:
            here = (amount, protocol)
            scores = by_subject[here]
            row = {"metric": metric, self.amount: amount, "protocol": protocol}
            row |= {"mean": scores.mean(), "sd": scores.std(ddof=1)}
            reference = (0.0 if self.amount == "ratio" else amount, "TRTR")
            if protocol != "TRTR" and reference in by_subject.columns:
                test = self._test(here, reference, by_subject, by_fold)
                row |= {"difference": test.mean, "ci_low": test.ci_low, "ci_high": test.ci_high}
                if self.amount != "ratio" and is_protocol(protocol):
                    row |= {"p_value": test.p_value, "p_corrected": test.p_corrected}
                    row["p_left_out"] = self._left_out_p(here, reference, by_fold, test)
                    beside = [at for at in by_subject.columns if at[0] == amount and at != here]
                    controls = [at for at in beside if at[1] == "TRRTR"]
                    baselines = [at for at in beside if not is_protocol(at[1])]
                    for name, others in (("p_repeated", controls), ("p_baselines", baselines)):
                        tests = [self._test(here, other, by_subject, by_fold) for other in others]
                        row[name] = max((one.p_value for one in tests), default=np.nan)
            rows.append(row)
        judged = [row for row in rows if "p_value" in row and not is_control(row["protocol"])]
        adjusted = holm([row["p_value"] for row in judged])
        for row, p_value in zip(judged, adjusted, strict=True):
            row["p_holm"] = p_value
        return rows

    def _by(self, metric: str) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the scores per subject and per fold, with a column per amount and protocol."""
        scores = self.scores[self.scores["metric"] == metric]
        columns = [self.amount, "protocol"]
        if "draw" in scores:  # where all subjects are trained on there is a single draw
            draws = scores.groupby([*columns, "fold", "subject"], sort=False)["score"]
            scores = draws.agg(lambda score: score.mean(skipna=False)).reset_index()
        return complete_scores(scores, columns), complete_scores(scores, columns, per="fold")

    def _test(
        self,
        here: tuple[float, str],
        reference: tuple[float, str],
        by_subject: pd.DataFrame,
        by_fold: pd.DataFrame,
    ) -> PairedInference:
        """Test a point of the curve against another."""
        differences, folds = (
            score_differences(scores, [here], reference)[here] for scores in (by_subject, by_fold)
        )
        has_folds = self.amount != "ratio" and len(folds) > 1
        n_tested = self._n_tested
        return infer(
            differences,
            np.asarray(folds) if has_folds else None,
            n_tested / (n_tested + here[0]) if has_folds else None,
            random_state=self.details.get("random_state", 0),
        )

    def _left_out_p(
        self,
        here: tuple[float, str],
        reference: tuple[float, str],
        by_fold: pd.DataFrame,
        test: PairedInference,
    ) -> float:
        """Return the p-value of the corrected t with the share of all subjects; NaN without the others."""
        if np.isnan(test.p_corrected):
            return np.nan
        folds = score_differences(by_fold, [here], reference)[here]
        return corrected_t(folds, self._n_tested / self.scores["subject"].nunique()).p_value

    @property
    def _n_tested(self) -> float:
        """The mean number of test subjects of a fold."""
        return float(self.scores.groupby("fold")["subject"].nunique().mean())
