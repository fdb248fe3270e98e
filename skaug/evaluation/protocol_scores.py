"""The scores of protocols on the same folds, and the inference over subjects that they allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from skaug.evaluation.baselines import NAIVE, NAIVE_IN_WORDS
from skaug.evaluation.inference import PairedInference, infer
from skaug.evaluation.protocol_variants import TESTED_ON_SYNTHETIC, is_protocol
from skaug.evaluation.scores import complete_scores, score_differences
from skaug.evaluation.strata import strata_of
from skaug.evaluation.summary import Family, baseline_rows, families, summary_rows
from skaug.evaluation.verdict import Baseline


@dataclass(frozen=True, repr=False)
class ProtocolScores:
    """Scores and predictions of protocols: averages, differences and tests over subjects.

    Attributes
    ----------
    scores, predictions, details, baseline_predictions
        As in `ProtocolComparison`, which adds how they are shown and saved.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    details: dict[str, Any]
    baseline_predictions: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def protocols(self) -> list[str]:
        """The protocols, in the order in which they were passed."""
        return [name for name in dict.fromkeys(self.scores["protocol"]) if is_protocol(name)]

    @property
    def baselines(self) -> list[str]:
        """The baselines: "naive", and those of the user."""
        return [name for name in dict.fromkeys(self.scores["protocol"]) if not is_protocol(name)]

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
                f"{', '.join(map(repr, differences))}."
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
            A column that `compare_protocols` kept (`strata`), or "y_true" for the labels. Several labels per
            window have a column each, such as "y_true[heart_rate]".
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
            If the windows do not have the column (with several labels there is no "y_true"), a column of many
            different numbers comes without `bins`, the metric was not scored or cannot be computed from
            labels and predictions (it needs probabilities, or scores rows), or the reference was not
            compared.

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

    def to_frame(self) -> pd.DataFrame:
        """Return the summary as a flat table, with protocol and metric as columns."""
        return self.summary().reset_index()

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
                f"reference={reference!r} was not compared: use one of {', '.join(map(repr, known))}."
            )

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
                is_trained=name not in self._untrained,
                random_state=self.details["random_state"],
            )
            for name, of_baseline in self._baseline_scores(metric, scores).items()
        ]
        return [baseline for baseline in found if baseline is not None]

    @property
    def _untrained(self) -> list[str]:
        return self.details.get("untrained_baselines", [])

    def _baseline_in_words(self, name: str, metric: str) -> str:
        if name != NAIVE:
            kind = "untrained baseline" if name in self._untrained else "baseline"
            return f"the {kind} {name!r}"
        kind = self.details.get("naive", {}).get(metric) or "mean"
        return NAIVE_IN_WORDS[kind]
