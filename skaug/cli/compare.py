"""``skaug compare``: the protocols compared on a table of recordings."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skaug import (
    SpectralPeakRegressor,
    SubjectWindower,
    WindowFlattener,
    Windows,
    WindowStatistics,
)
from skaug.cli.columns import choose_columns, with_index, without_labels
from skaug.cli.compare_options import DEFAULT_PROTOCOLS
from skaug.cli.comparisons import (
    SPECTRAL_PEAK,
    compare,
    print_comparison,
    print_curve,
    print_windows,
)
from skaug.cli.curves import curve_of
from skaug.cli.cutting import windower_of
from skaug.cli.messages import one_line, printable, say
from skaug.cli.models import N_NEIGHBORS, REGRESSORS, LogPowerBands, model_of, pipeline_of
from skaug.cli.outputs import check_output, write_csv
from skaug.cli.pages import check_report, write_report
from skaug.cli.synthesizers import synthesizers_of
from skaug.cli.tables import read_table
from skaug.cli.times import set_unit_of_gap
from skaug.evaluation import ProtocolComparison
from skaug.evaluation.protocol_variants import CONTROLS
from skaug.tables.columns import is_text
from skaug.tables.times import with_times


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    synthesizers = synthesizers_of(
        options.synthesizer,
        sampling_rate=options.sampling_rate,
        rate_channel=options.rate_channel,
        seed=options.seed,
    )
    protocols = _protocols(options, n_synthesizers=len(synthesizers))
    _check_missing(options, protocols)
    _check_rate(options)
    check_output(options.output, options.table)
    check_report(options.report, options.table)
    recordings = read_table(options.table, options.separator, options.decimal)
    windows = _cut(recordings, options)
    print_windows(windows, options.sampling_rate)
    has_classes = _has_classes(recordings, options)
    baselines = _baselines(options, windows, has_classes=has_classes)
    _check_windows(windows, options, has_classes=has_classes)
    n_training_subjects = len(set(windows.groups)) - 1  # type: ignore[arg-type]
    pipeline = pipeline_of(
        next(iter(synthesizers.values())),
        _representation(options),
        model_of(options.model, n_training_subjects, classes=has_classes),
        ratio=options.ratio,
        n_synthetic=options.n_synthetic,
        seed=options.seed,
    )
    try:
        comparison = compare(
            pipeline,
            windows,
            synthesizers,
            protocols=protocols,
            scoring=options.metric,
            n_repeats=options.repeats,
            n_jobs=options.jobs,
            rope=_rope(options, has_classes=has_classes),
            baselines=baselines,
            strata=options.strata,
        )
    except ValueError as error:
        raise _of_metric(error, options.metric, has_classes=has_classes) from error
    print_comparison(comparison, options.target)
    if options.output is not None:
        _write_scores(comparison, options.output)
    if options.curve is None and options.report is None:
        return
    curve = curve_of(
        options.curve or "ratio",
        pipeline,
        windows,
        synthesizers,
        baselines=baselines,
        scoring=options.metric,
        n_jobs=options.jobs,
    )
    if options.curve is not None:
        print_curve(curve, options.target)
    if options.report is not None:
        write_report(
            options.report,
            comparison,
            curve,
            pipeline,
            windows,
            synthesizers,
            sampling_rate=options.sampling_rate or 1.0,
            rate=options.rate_channel,
            about={
                "file": printable(one_line(options.table)),
                "boundaries": printable(one_line(", ".join(options.boundary))) or "none",
            },
        )


def _of_metric(error: ValueError, metric: str | None, *, has_classes: bool) -> ValueError:
    """Return the error, with the remedy if it is that of a metric that the user chose."""
    if metric is None or not str(error).startswith(f"{metric} of subject "):
        return error
    what = (
        "classes, such as accuracy" if has_classes else "numbers, such as neg_mean_absolute_error"
    )
    return ValueError(f"--metric {error}: choose one for {what}, or leave --metric out.")


def _protocols(options: argparse.Namespace, *, n_synthesizers: int) -> list[str]:
    if n_synthesizers == 1:
        return [*(options.protocol or DEFAULT_PROTOCOLS), *(CONTROLS if options.control else ())]
    if options.protocol is not None:
        raise ValueError(
            "--protocol is for one synthesizer, but several are compared, under TRSTR: leave --protocol "
            "out, or pass --synthesizer once."
        )
    return ["TRTR", "TRSTR", *(CONTROLS if options.control else ("TRRTR",))]


def _check_missing(options: argparse.Namespace, protocols: Any) -> None:
    if options.missing == "keep" and (
        options.model != "extra-trees"
        or options.representation == "spectrum"
        or set(protocols) != {"TRTR"}
    ):
        raise ValueError(
            "--missing keep leaves NaN in the windows, which only --model extra-trees with "
            "--representation statistics or flatten and --protocol TRTR accepts: use --missing drop or "
            "--missing ffill."
        )


def _check_rate(options: argparse.Namespace) -> None:
    names = ("sampling_rate", "low", "high")
    missing = [f"--{name.replace('_', '-')}" for name in names if not getattr(options, name)]
    if options.rate_channel is not None and missing:
        raise ValueError(
            f"--rate-channel needs the sampling rate and the band of the rates, in Hz: pass "
            f"{' and '.join(missing)}."
        )


def _baselines(
    options: argparse.Namespace, windows: Windows, *, has_classes: bool
) -> dict[str, SpectralPeakRegressor]:
    if options.rate_channel is None:
        return {}
    if has_classes:
        raise ValueError(
            "--rate-channel needs a rate as the target, but the target has classes: leave --rate-channel out."
        )
    picker = SpectralPeakRegressor(
        options.low,
        options.high,
        sampling_rate=options.sampling_rate,
        channel=options.rate_channel,
    )
    return {SPECTRAL_PEAK: picker.fit(windows)}  # which raises what each fold would raise


def _cut(recordings: pd.DataFrame, options: argparse.Namespace) -> Windows:
    has_default_channels = options.feature is None
    recordings = with_times(with_index(options, recordings), options.time)
    set_unit_of_gap(options, recordings)
    choose_columns(options, recordings)
    _check_target(recordings, options.target, options.subject)
    if _has_classes(recordings, options) and recordings[options.target].nunique() < 2:
        raise ValueError(
            f"The target {options.target!r} holds a single class: choose another column with --target."
        )
    if options.target_agg is None:
        options.target_agg = "mode" if _has_classes(recordings, options) else "mean"
    if has_default_channels:
        windows = _with_missing(recordings, options)
        options.feature = without_labels(options.feature, windows, options.target)
    return _windower_of(options).fit_transform(recordings)


def _with_missing(recordings: pd.DataFrame, options: argparse.Namespace) -> Windows:
    """Return the windows with missing values: a channel that is left out need not be complete."""
    windower = _windower_of(options).fit(recordings)
    cutting = replace(windower.cutting_, missing="keep")
    table = cutting.read(recordings)
    return cutting.windows_of(table, cutting.recordings_of(table))


def _check_windows(windows: Windows, options: argparse.Namespace, *, has_classes: bool) -> None:
    """Raise if the windows of the other subjects cannot train a model for one of them."""
    subjects, labels = np.asarray(windows.groups), np.asarray(windows.y)
    names, counts = np.unique(subjects, return_counts=True)
    if len(names) < 2:
        raise ValueError(
            f"The windows are of a single subject, {str(names[0])!r}, so none is left to test on: add "
            f"recordings of others, or name another column than {options.subject!r} with --subject."
        )
    n_training = len(windows) - counts.max()
    if options.model == "neighbors" and n_training < N_NEIGHBORS:
        raise ValueError(
            f"--model neighbors needs {N_NEIGHBORS} training windows, but there are {n_training} without the "
            f"subject {str(names[counts.argmax()])!r}: use a smaller --window-size or --stride, or another "
            "--model."
        )
    if has_classes:
        _check_classes(subjects, labels, options)


def _check_classes(subjects: NDArray, labels: NDArray, options: argparse.Namespace) -> None:
    n_classes = len(np.unique(labels))
    if n_classes > len(labels) / 2:
        raise ValueError(
            f"The target {options.target!r} has {n_classes} different values in {len(labels)} windows, too "
            "many for classes: choose another column with --target, turn it into numbers, or, if "
            f"it holds numbers, use --model {' or '.join(REGRESSORS)}."
        )
    for name in np.unique(subjects):
        classes = np.unique(labels[subjects != name])
        if len(classes) < 2:
            raise ValueError(
                f"Without the subject {str(name)!r}, which is left out in turn, all windows have the class "
                f"{str(classes[0])!r} of {options.target!r}, and no model can be trained: add recordings of "
                "further subjects, or choose another column with --target."
            )


def _windower_of(options: argparse.Namespace) -> SubjectWindower:
    return windower_of(options, alignment=options.alignment, target_agg=options.target_agg)


def _check_target(recordings: pd.DataFrame, target: str, subject: str) -> None:
    if target == subject:
        raise ValueError(
            f"The target {target!r} is the column of subjects, and no model can predict a subject that it "
            "has not seen: choose another column with --target."
        )
    if target in recordings and _holds_times(recordings[target]):
        raise ValueError(
            f"The target {target!r} holds dates or times, not numbers or classes: choose another column "
            "with --target, or turn it into numbers in the table."
        )


def _holds_times(column: pd.Series) -> bool:
    return pd.api.types.is_datetime64_any_dtype(column.dtype) or column.dtype.kind == "m"


def _has_classes(recordings: pd.DataFrame, options: argparse.Namespace) -> bool:
    """Whether the target holds text, booleans or categories, or numbers that a classifier predicts."""
    if options.target not in recordings:
        return False
    if options.model is not None and options.model not in REGRESSORS:
        return True
    column = recordings[options.target]
    return bool(
        is_text(column)
        or isinstance(column.dtype, pd.CategoricalDtype)
        or pd.api.types.is_bool_dtype(column.dtype)
    )


def _rope(options: argparse.Namespace, *, has_classes: bool) -> dict[str, float] | None:
    if options.rope is None:
        return None
    default = "accuracy" if has_classes else "neg_mean_absolute_error"
    return {options.metric or default: options.rope}


def _representation(options: argparse.Namespace) -> Any:
    if options.representation == "spectrum":
        return LogPowerBands(options.low, options.high, options.sampling_rate or 1.0)
    return WindowStatistics() if options.representation == "statistics" else WindowFlattener()


def _write_scores(comparison: ProtocolComparison, path: Path) -> None:
    keys = ["protocol", "repeat", "fold", "subject"]
    first, *others = comparison.metrics
    scores = comparison.scores
    table = scores.drop_duplicates(keys).drop(columns=["metric", "score"])
    for i, name in enumerate([first, *others]):
        metric = comparison.readable(name)
        of_metric = scores[scores["metric"] == name].set_index(keys)["score"].rename(metric.label)
        values = metric.shown(table[keys].join(of_metric, on=keys)[metric.label])
        table.insert(len(keys) + i, metric.label, values)
    write_csv(table, path)
    say(f"The score of each subject in each fold is in {path}.")
