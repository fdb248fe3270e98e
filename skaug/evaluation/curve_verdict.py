"""The verdict on a learning curve, in sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from skaug.evaluation.displays.learning_curve import AMOUNT_LABELS, amount_in_words
from skaug.evaluation.displays.metric_names import ReadableMetric, number, signed
from skaug.evaluation.paired_tests import ALPHA
from skaug.evaluation.protocol_variants import is_control, is_protocol, protocol_of

_N = "n_training_subjects"


def best_ratio(shown: pd.DataFrame, metric: ReadableMetric) -> str:
    """Say at which ratio the mean over subjects is best, for each synthesizer.

    Parameters
    ----------
    shown : DataFrame
        The summary of a metric over ratios, as it is shown, with the columns ``ratio`` and ``protocol``.
    metric : ReadableMetric
        The metric.

    Returns
    -------
    str
    """
    sentences: list[str] = []
    gains = False
    for label in _judged(shown) or ["TRTR"]:
        synthesizer = protocol_of(label)[1]
        prefix = "" if synthesizer is None else f"With {synthesizer!r}, "
        curve = shown[shown["protocol"].isin(["TRTR", label])]
        best = curve.loc[curve["mean"].idxmin() if metric.is_error else curve["mean"].idxmax()]
        of = f"{best['ratio']:g} {AMOUNT_LABELS['ratio']} ({best['protocol']})"
        sentences.append(f"{prefix}{metric.label} is best at {of}: {number(best['mean'])}")
        if pd.isna(best["difference"]):
            sentences[-1] += "."
            if best["protocol"] == "TRTR":
                sentences.append("No amount of synthetic windows has a better mean over subjects.")
            continue
        gains = True
        ends = (
            ""
            if pd.isna(best["ci_low"])
            else f" (95 % interval {signed(best['ci_low'])} to {signed(best['ci_high'])})"
        )
        sentences[-1] += f", {signed(best['difference'])}{ends} compared with real windows alone."
    if gains:
        sentences.append("The best of several amounts looks better than it is.")
    if "TRTR" not in set(shown["protocol"]):
        sentences.append("To compare with real windows alone, add the ratio 0.")
    return " ".join(sentences)


def where_it_pays(
    shown: pd.DataFrame,
    metric: ReadableMetric,
    n_subjects: int,
    names: Mapping[float, str] | None = None,
) -> str:
    """Say with how many training subjects synthetic windows pay.

    Parameters
    ----------
    shown : DataFrame
        The summary of a metric over numbers of training subjects, as it is shown, with the columns
        ``n_training_subjects`` and ``protocol``.
    metric : ReadableMetric
        The metric.
    n_subjects : int
        The number of test subjects.
    names : dict of float to str, optional
        Names of numbers of training subjects, such as "all 19".

    Returns
    -------
    str
        One sentence per synthesizer or more.
    """
    judged = _judged(shown)
    n_tests = int(shown.loc[shown["protocol"].isin(judged), "p_value"].notna().sum())
    # With this many tests even the most extreme outcome could be chance.
    is_hopeless = n_tests == 0 or 2 / 2.0**n_subjects * n_tests >= ALPHA
    sentences = _better_baselines(shown, metric, names)
    for label in judged:
        points = shown[shown["protocol"] == label]
        synthesizer = protocol_of(label)[1]
        what = "Adding synthetic windows" + (
            "" if synthesizer is None else f" from {synthesizer!r}"
        )
        if is_hopeless:
            sentences.append(
                f"{what}: undecided, there are too few test subjects ({n_subjects}) to tell; "
                f"{_with_changes(points, metric, names)}."
            )
        else:
            sentences += _points(what, points, _pays(points, shown, metric), metric, names)
    return " ".join(sentences)


def _points(
    what: str,
    points: pd.DataFrame,
    pays: pd.Series,
    metric: ReadableMetric,
    names: Mapping[float, str] | None,
) -> list[str]:
    """Return the sentences on one synthesizer."""
    harms = (points["p_holm"] < ALPHA) & (_gain(points["difference"], metric) < 0)
    sentences = []
    if pays.any():
        rest = points.loc[~pays & ~harms, _N]
        others = f"; it is not shown to pay with {_numbers(rest, names)}" if len(rest) else ""
        sentences.append(
            f"{what} pays with {_subjects(points.loc[pays, _N], names)} "
            f"({_with_changes(points[pays], metric, names)}){others}."
        )
        confirmed = points.loc[pays & (points["p_left_out"] < ALPHA), _N]
        stricter = "The corrected t, which allows for other training sets,"
        if not len(confirmed):
            sentences.append(f"{stricter} does not confirm it.")
        elif len(confirmed) < pays.sum():
            sentences.append(f"{stricter} confirms it only with {_numbers(confirmed, names)}.")
    else:
        sentences.append(
            f"{what} is not shown to pay with {_subjects(points[_N], names, 'or')} "
            f"({_with_changes(points, metric, names)})."
        )
    if harms.any():
        sentences.append(
            f"It harms with {_subjects(points.loc[harms, _N], names)} "
            f"({_with_changes(points[harms], metric, names)})."
        )
    return sentences


def _judged(shown: pd.DataFrame) -> list[str]:
    """Return the labels that are judged: TRSTR, alone or with each synthesizer."""
    labels = dict.fromkeys(shown["protocol"])
    return [
        name for name in labels if is_protocol(name) and not is_control(name) and name != "TRTR"
    ]


def _pays(points: pd.DataFrame, shown: pd.DataFrame, metric: ReadableMetric) -> pd.Series:
    """Return at which points synthetic windows beat real ones alone, repeated ones and the baselines."""
    pays = (points["p_holm"] < ALPHA) & (_gain(points["difference"], metric) > 0)
    for name in dict.fromkeys(shown["protocol"]):
        if name == "TRRTR" or not is_protocol(name):
            ahead = points["mean"] - points[_N].map(_means(shown, name))
            p_value = points["p_repeated" if name == "TRRTR" else "p_baselines"]
            pays &= (p_value < ALPHA) & (_gain(ahead, metric) > 0)
    return pays


def _better_baselines(
    shown: pd.DataFrame, metric: ReadableMetric, names: Mapping[float, str] | None
) -> list[str]:
    """Say with how many training subjects a baseline is better than the model trained on real windows."""
    sentences = []
    of_model = _means(shown, "TRTR")
    for name in dict.fromkeys(shown["protocol"]):
        if is_protocol(name):
            continue
        means = _means(shown, name)
        better = means[_gain(means - of_model, metric) > 0]
        if len(better):
            scores = ", ".join(number(score) for score in dict.fromkeys(better))
            sentences.append(
                f"With {_subjects(better.index, names)} the baseline {name!r} is better on average than the "
                f"model trained on real windows ({metric.label} {scores})."
            )
    return sentences


def _means(shown: pd.DataFrame, label: str) -> pd.Series:
    return shown[shown["protocol"] == label].set_index(_N)["mean"]


def _gain(differences: pd.Series, metric: ReadableMetric) -> pd.Series:
    return -differences if metric.is_error else differences


def _with_changes(
    points: pd.DataFrame, metric: ReadableMetric, names: Mapping[float, str] | None
) -> str:
    """Return "MAE -3.2 with 2, -1.1 with 4"."""
    parts = [
        f"{signed(row['difference'])} with {amount_in_words(row[_N], names)}"
        for _, row in points.iterrows()
    ]
    return f"{metric.label} {', '.join(parts)}"


def _numbers(
    amounts: Iterable[float], names: Mapping[float, str] | None, conjunction: str = "and"
) -> str:
    """Return "2, 4 and all 19"."""
    *others, last = [amount_in_words(amount, names) for amount in amounts]
    return f"{', '.join(others)} {conjunction} {last}" if others else last


def _subjects(
    amounts: Iterable[float], names: Mapping[float, str] | None, conjunction: str = "and"
) -> str:
    numbers = _numbers(amounts, names, conjunction)
    return f"{numbers} training subject{'' if numbers == '1' else 's'}"
