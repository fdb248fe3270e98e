"""The command line: ``skaug demo``, ``compare``, ``windows`` and ``serve``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import (
    Pipeline,
    SubjectWindower,
    SynthefyAugmenter,
    WindowFlattener,
    Windows,
    WindowSpectrum,
    WindowStatistics,
    make_pipeline,
)
from skaug.aggregation import AGGREGATIONS
from skaug.datasets import simulate_ppg
from skaug.evaluation import (
    ProtocolComparison,
    compare_protocols,
    learning_curve,
    synthetic_quality,
)
from skaug.evaluation.inference import FEWEST_SUBJECTS
from skaug.evaluation.protocols import PROTOCOLS
from skaug.synthesis import SurrogateSynthesizer, SynthefyAPI, SynthefyError, Synthesizer
from skaug.windower import ALIGNMENTS, MISSING

MODELS = {
    "ridge": lambda: Ridge(),
    "extra-trees": lambda: ExtraTreesRegressor(
        n_estimators=200, min_samples_leaf=3, random_state=0
    ),
    "neighbours": lambda: KNeighborsRegressor(),
}
DEFAULT_PROTOCOLS = ("TRTR", "TRSTR", "TSTR")
REPRESENTATIONS = ("spectrum", "statistics", "flatten")

#: What reading a file or checking the user's table raises: told in one line, without a traceback.
USER_ERRORS = (OSError, ValueError, TypeError, SynthefyError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        The exit code: 0, or 2 after an error that the user can mend.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except USER_ERRORS as error:
        print(f"skaug: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("skaug: stopped", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"skaug: error: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="skaug", description=skaug.__doc__)
    parser.add_argument("--version", action="version", version=f"skaug {skaug.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser(
        "demo",
        help="simulate recordings and compare the protocols on them",
        description="Simulate PPG and ECG recordings, and compare training on real, on real and "
        "synthetic, and on synthetic windows, each subject left out in turn.",
    )
    demo.set_defaults(run=_demo)
    demo.add_argument("--subjects", type=int, default=8, help="how many to simulate (default: 8)")
    demo.add_argument(
        "--minutes", type=float, default=5.0, help="length of each recording (default: 5)"
    )
    demo.add_argument("--seed", type=int, default=0, help="of the simulation (default: 0)")

    demo.add_argument(
        "--service",
        action="store_true",
        help="have a local service synthesise, over HTTP, as the Synthefy service would",
    )
    _add_report(demo)

    compare = commands.add_parser(
        "compare",
        help="compare the protocols on a table of recordings",
        description="Compare training on real (TRTR), on real and synthetic (TRSTR) and on synthetic "
        "windows (TSTR) on recordings of several subjects; always tested on real windows of subjects "
        "that were left out. Synthetic windows are phase-randomised surrogates, made on this machine.",
    )
    compare.set_defaults(run=_compare)
    compare.add_argument(
        "table", type=Path, help="a .parquet, .csv or .csv.gz file, one row a sample"
    )
    cutting = _add_table(compare, "what to predict", needs_target=True)
    cutting.add_argument(
        "--alignment",
        choices=ALIGNMENTS,
        default="subject",
        help="start at each recording's first row, or on the table's grid (default: subject)",
    )
    model = compare.add_argument_group("the model")
    model.add_argument(
        "--representation", choices=REPRESENTATIONS, default="spectrum", help="default: spectrum"
    )
    model.add_argument(
        "--sampling-rate",
        type=float,
        default=1.0,
        help="samples a second, the unit of --low and --high (default: 1)",
    )
    model.add_argument("--low", type=float, help="lowest frequency of the spectrum")
    model.add_argument("--high", type=float, help="highest frequency of the spectrum")
    model.add_argument("--model", choices=tuple(MODELS), default="ridge", help="default: ridge")
    comparison = compare.add_argument_group("the comparison")
    comparison.add_argument(
        "--protocol",
        action="append",
        choices=tuple(PROTOCOLS),
        help=f"repeat for more (default: {', '.join(DEFAULT_PROTOCOLS)})",
    )
    comparison.add_argument(
        "--repeats", type=int, default=1, help="draws of the synthetic windows (default: 1)"
    )
    comparison.add_argument(
        "--rope",
        type=float,
        metavar="WIDTH",
        help="a difference of the MAE that is not larger does not matter",
    )
    comparison.add_argument(
        "--n-synthetic",
        type=_ratio_or_count,
        default=1.0,
        metavar="N",
        help="synthetic windows: a ratio to the real ones (0.5), or a count (10); default: 1.0",
    )
    comparison.add_argument(
        "--seed", type=int, default=0, help="of choice and synthesis (default: 0)"
    )
    comparison.add_argument("--jobs", type=int, default=1, help="fits at a time (default: 1)")
    comparison.add_argument(
        "--output", type=Path, metavar="CSV", help="write the score of each subject in each fold"
    )
    _add_report(comparison)

    windows = commands.add_parser(
        "windows",
        help="cut a table that is larger than memory into windows on disk",
        description="Cut a folder of .parquet files, each of which holds whole recordings, into windows: "
        "a shard a file, on the processors of this machine or on a Dask cluster. A run that was stopped "
        "goes on where it was when it is started again.",
    )
    windows.set_defaults(run=_windows)
    windows.add_argument(
        "table", type=Path, metavar="TABLE_DIR", help="the folder of .parquet files"
    )
    windows.add_argument("folder", type=Path, metavar="OUT_DIR", help="where the shards go")
    cutting = _add_table(windows, "what windows are labelled with", needs_target=False)
    cutting.add_argument("--target-agg", choices=AGGREGATIONS, default="mean", help="default: mean")
    cutting.add_argument(
        "--dtype", choices=("float64", "float32"), default="float64", help="default: float64"
    )
    cluster = windows.add_argument_group("the cluster")
    cluster.add_argument(
        "--workers", type=int, metavar="N", help="processes (default: a core each)"
    )
    cluster.add_argument(
        "--memory", default="auto", metavar="SIZE", help="of each, such as 2GiB (default: a share)"
    )
    cluster.add_argument(
        "--scheduler", metavar="ADDRESS", help="of a cluster that is running already"
    )

    local = commands.add_parser(
        "serve",
        help="run a local synthesis service",
        description="Answer the stream endpoint of the Synthefy service on this machine, with surrogates "
        "in place of a model, one window at a time.",
    )
    local.set_defaults(run=_serve)
    local.add_argument("--window-size", type=int, default=512, metavar="ROWS", help="default: 512")
    local.add_argument("--port", type=int, default=8000, help="0 takes a free one (default: 8000)")
    local.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    local.add_argument(
        "--feature", action="append", metavar="COLUMN", help="repeat for more (default: BVP, ECG)"
    )
    local.add_argument(
        "--delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="that a window takes (default: 0)",
    )
    local.add_argument(
        "--key-env", metavar="NAME", help="the environment variable that holds the key to ask for"
    )
    return parser


def _add_table(parser: Any, target: str, *, needs_target: bool) -> Any:
    """Add what says how a table is cut; give the group of options about windows."""
    table = parser.add_argument_group("the table")
    table.add_argument(
        "--feature",
        action="append",
        metavar="COLUMN",
        help="a channel; repeat for more (default: every numeric column that has no other role)",
    )
    table.add_argument("--target", required=needs_target, metavar="COLUMN", help=target)
    table.add_argument(
        "--subject",
        default="subject",
        metavar="COLUMN",
        help="whose each row is (default: subject)",
    )
    table.add_argument(
        "--boundary",
        action="append",
        default=[],
        metavar="COLUMN",
        help="a column whose change ends a recording; repeat for more",
    )
    table.add_argument("--time", metavar="COLUMN", help="the time of each row")
    table.add_argument("--max-gap", metavar="GAP", help="longest step in time within a window")
    cutting = parser.add_argument_group("the windows")
    cutting.add_argument(
        "--window-size", type=int, default=512, metavar="ROWS", help="default: 512"
    )
    cutting.add_argument("--stride", type=int, metavar="ROWS", help="default: the window size")
    cutting.add_argument("--missing", choices=MISSING, default="raise", help="default: raise")
    return cutting


def _add_report(parser: Any) -> None:
    parser.add_argument(
        "--report",
        type=Path,
        nargs="?",
        const=Path("report.html"),
        metavar="HTML",
        help="write a page: verdict, plots, tables, and how they were made (default name: report.html)",
    )


def _ratio_or_count(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{text!r} is neither a ratio such as 0.5 nor a count such as 10"
            ) from None


def _demo(options: argparse.Namespace) -> None:
    _check_can_report(options.report)
    recordings = simulate_ppg(options.subjects, options.minutes, random_state=options.seed)
    windower = SubjectWindower(512, 256, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    print(f"Simulated {options.minutes:g} minutes of each of {options.subjects} subjects at 64 Hz.")
    _print_windows(windows)
    representation = WindowSpectrum(low=0.5, high=4.0, sampling_rate=64)
    with _local_service() if options.service else contextlib.nullcontext() as synthesizer:
        pipeline = _pipeline(synthesizer, representation, "ridge", 1.0, 0)
        comparison = compare_protocols(
            pipeline, windows, protocols=DEFAULT_PROTOCOLS, progress=True
        )
        _print_comparison(comparison, "heart_rate")
        if options.report is not None:
            _write_report(
                options.report, comparison, pipeline, windows, sampling_rate=64.0, rate="BVP"
            )


def _compare(options: argparse.Namespace) -> None:
    _check_can_write(options.output, options.table)
    _check_can_report(options.report, options.table)
    recordings = read_table(options.table)
    windower = _windower(options, alignment=options.alignment)
    windows = windower.fit_transform(recordings)
    _print_windows(windows)
    representation = {
        "flatten": WindowFlattener(),
        "statistics": WindowStatistics(),
        "spectrum": WindowSpectrum(options.low, options.high, options.sampling_rate),
    }[options.representation]
    synthesizer = SurrogateSynthesizer(random_state=options.seed)
    pipeline = _pipeline(
        synthesizer, representation, options.model, options.n_synthetic, options.seed
    )
    comparison = compare_protocols(
        pipeline,
        windows,
        protocols=options.protocol or DEFAULT_PROTOCOLS,
        n_repeats=options.repeats,
        n_jobs=options.jobs,
        rope=options.rope,
        progress=True,
    )
    if options.output is not None:
        scores = comparison.scores.drop(columns="metric").rename(columns={"score": "MAE"})
        scores.assign(MAE=-scores["MAE"]).to_csv(options.output, index=False)
    _print_comparison(comparison, options.target)
    if options.output is not None:
        print(f"The score of each subject in each fold is in {options.output}.")
    if options.report is not None:
        _write_report(
            options.report,
            comparison,
            pipeline,
            windows,
            sampling_rate=options.sampling_rate,
            n_jobs=options.jobs,
        )


def _windower(options: argparse.Namespace, **parameters: Any) -> SubjectWindower:
    return SubjectWindower(
        options.window_size,
        options.stride,
        features=options.feature,
        target=options.target,
        subject=options.subject,
        boundaries=options.boundary,
        time=options.time,
        max_gap=_gap(options.max_gap),
        missing=options.missing,
        **parameters,
    )


def _windows(options: argparse.Namespace) -> None:
    try:
        from skaug.shards import cut_on_cluster
    except ImportError as error:  # the extra is not installed
        raise ValueError(f'{error}: pip install "skaug[dask]"') from error
    manifest = cut_on_cluster(
        options.table,
        options.folder,
        _windower(options, target_agg=options.target_agg, dtype=options.dtype),
        scheduler=options.scheduler,
        n_workers=options.workers,
        memory=options.memory,
    )
    print(
        f"{manifest['windows']} windows of {options.window_size} samples of "
        f"{', '.join(manifest['parameters']['features'])}, of {len(manifest['subjects'])} subjects, in "
        f"{len(manifest['shards'])} shards in {options.folder}."
    )


def _check_can_write(path: Path | None, *read: Path) -> None:
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder for {str(path)!r}, or it is one: name a file.")
    if any(path.absolute() == other.absolute() for other in read):
        raise ValueError(f"{str(path)!r} is the table itself: write to another file.")


def _check_can_report(path: Path | None, *read: Path) -> None:
    _check_can_write(path, *read)
    if path is not None and not all(map(find_spec, ("jinja2", "matplotlib"))):
        raise ValueError('The page needs an extra: pip install "skaug[report]".')


def _write_report(
    path: Path,
    comparison: ProtocolComparison,
    pipeline: Pipeline,
    windows: Windows,
    *,
    sampling_rate: float,
    rate: str | None = None,
    n_jobs: int = 1,
) -> None:
    """Add what only a page can show: the learning curve, and what the synthetic windows are like."""
    curve = learning_curve(pipeline, windows, n_jobs=n_jobs, progress=True)
    held_out, rest = _divide(windows)
    synthetic = clone(pipeline.steps[0][1]).fit(rest).synthetic_windows_
    parts: dict[str, Any] = {"learning_curve": curve, "sampling_rate": sampling_rate}
    try:
        parts["quality"] = synthetic_quality(
            rest, synthetic, holdout=held_out, sampling_rate=sampling_rate, rate_channel=rate
        )
    except ValueError as error:  # too few of them, for instance
        print(f"The page does not say what the synthetic windows are like: {_one_line(error)}")
    if len(synthetic):
        parts["windows"] = (rest, synthetic)
    comparison.to_html(path, **parts)
    print(f"The page is {path}.")


def _divide(windows: Windows) -> tuple[Windows | None, Windows]:
    """Set a third of the subjects aside to compare the others with, three if there are twice as many."""
    subjects = list(dict.fromkeys(windows.groups))  # type: ignore[arg-type]
    n_aside = max(len(subjects) // 3, 3 if len(subjects) >= 6 else 0)
    if n_aside == 0:
        return None, windows
    aside = np.isin(windows.groups, subjects[-n_aside:])  # type: ignore[arg-type]
    return windows[aside], windows[~aside]


@contextlib.contextmanager
def _local_service() -> Iterator[Synthesizer]:
    """Give a synthesizer that asks a service on this machine, and keeps its windows as long as this."""
    server = _import_server()
    variable = "SKAUG_DEMO_KEY"
    with tempfile.TemporaryDirectory() as folder, server.running(512, api_key="demo") as service:
        os.environ[variable] = "demo"
        yield SynthefyAPI(
            "demo",
            "ppg",
            "surrogates",
            base_url=service.base_url,
            api_key_env=variable,
            store=folder,
        )
        print(f"The service at {service.base_url} computed {service.computed} windows.")


def _serve(options: argparse.Namespace) -> None:
    key = None
    if options.key_env is not None:
        key = os.environ.get(options.key_env)
        if not key:
            raise ValueError(f"The environment variable {options.key_env!r} holds no key: set it.")
    _import_server().serve(
        options.window_size,
        port=options.port,
        host=options.host,
        features=options.feature or ("BVP", "ECG"),
        delay=options.delay,
        api_key=key,
    )


def _import_server() -> Any:
    try:
        from skaug import server
    except ImportError as error:  # the extra is not installed
        raise ValueError(str(error)) from error
    return server


def _pipeline(
    synthesizer: Synthesizer | None,
    representation: Any,
    model: str,
    n_synthetic: float | int,
    seed: int,
) -> Pipeline:
    return make_pipeline(
        SynthefyAugmenter(synthesizer, n_synthetic=n_synthetic, random_state=seed),
        representation,
        StandardScaler(),
        MODELS[model](),
    )


def _gap(text: str | None) -> float | str | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text  # "2s": of a column of dates and times


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of recordings.

    Parameters
    ----------
    path : Path
        A file that ends in .parquet, .csv or .csv.gz.

    Returns
    -------
    DataFrame

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is of another kind, or cannot be read as what its name says.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {str(path)!r}: check the path.")
    kind = "".join(path.suffixes[-2:]).lower()
    if kind.endswith((".parquet", ".pq")):
        read, name = pd.read_parquet, "a parquet file"
    elif kind.endswith((".csv", ".csv.gz")):
        read, name = pd.read_csv, "a CSV file"
    else:
        raise ValueError(f"{str(path)!r} must end in .parquet, .csv or .csv.gz.")
    try:
        return read(path)
    except (ValueError, OSError) as error:
        raise ValueError(f"{str(path)!r} cannot be read as {name}: {_one_line(error)}") from error


def _print_windows(windows: Windows) -> None:
    n_subjects = len(set(windows.groups))  # type: ignore[arg-type]
    print(
        f"{len(windows)} windows of {windows.window_size} samples of "
        f"{', '.join(windows.feature_names)}, of {n_subjects} subjects.",
        flush=True,
    )


def _print_comparison(comparison: ProtocolComparison, target: str) -> None:
    summary = comparison.summary().droplevel("metric")
    counts = comparison.scores.groupby("protocol")[["n_real", "n_synthetic"]].mean()
    n_subjects = int(summary["n_subjects"].max())
    is_compared = "TRTR" in summary.index and len(summary) > 1
    has_p_values = is_compared and n_subjects >= FEWEST_SUBJECTS
    digits = _decimals(summary["mean"].abs().max())
    lines = [["protocol", "trained on", "MAE"]]
    lines[0] += ["difference to TRTR", "95 % interval", "better for"] if is_compared else []
    lines[0] += ["p"] if has_p_values else []
    for protocol, row in summary.iterrows():
        line = [str(protocol), _trained_on(counts.loc[protocol])]
        line.append(f"{-row['mean']:.{digits}f} ± {row['sd']:.{digits}f}")
        if is_compared and not pd.isna(row["difference"]):
            # + 0.0: never minus nothing.
            change, high, low = (
                f"{round(-float(row[name]), digits) + 0.0:+.{digits}f}"
                for name in ("difference", "ci_low", "ci_high")
            )
            line += [change, f"{low} to {high}"]
            line.append(f"{row['n_better']} of {row['n_subjects']}")
            line += [f"{row['p_holm']:.3f}"] if has_p_values else []
        lines.append(line + [""] * (len(lines[0]) - len(line)))
    print(f"\nMAE of {target}, mean ± sd over {n_subjects} left-out subjects:\n")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for first, *others in lines:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("   ".join([first.ljust(widths[0]), *cells]).rstrip())
    print("\nWindows trained on are means over folds.", end="")
    if is_compared:
        print(" A difference below zero: better than real windows alone.", end="")
    if has_p_values:
        print(" p: exact sign flips over subjects, adjusted for the protocols compared.", end="")
    print(f"\n{comparison.verdict()}" if is_compared else "")


def _trained_on(counts: pd.Series) -> str:
    kinds = (("real", counts["n_real"]), ("synthetic", counts["n_synthetic"]))
    return " + ".join(f"{count:.0f} {kind}" for kind, count in kinds if count)


def _decimals(largest: float) -> int:
    """Give two decimals, or as many as show three digits of a number that is small or large."""
    if not 0 < largest < np.inf or 1 <= largest < 1000:
        return 2
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 9))


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
