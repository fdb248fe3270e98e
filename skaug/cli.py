"""The command line: ``skaug demo``, ``skaug compare`` and ``skaug serve``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
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
from skaug.datasets import simulate_ppg
from skaug.evaluation import ProtocolComparison, compare_protocols
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

    compare = commands.add_parser(
        "compare",
        help="compare the protocols on a table of recordings",
        description="Compare training on real (TRTR), on real and synthetic (TRSTR) and on synthetic "
        "windows (TSTR) on recordings of several subjects; always tested on real windows of subjects "
        "that were left out. Synthetic windows are phase-randomised surrogates, made on this machine.",
    )
    compare.set_defaults(run=_compare)
    table = compare.add_argument_group("the table")
    table.add_argument(
        "table", type=Path, help="a .parquet, .csv or .csv.gz file, one row a sample"
    )
    table.add_argument(
        "--feature",
        action="append",
        metavar="COLUMN",
        help="a channel; repeat for more (default: every numeric column that has no other role)",
    )
    table.add_argument("--target", required=True, metavar="COLUMN", help="what to predict")
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
    cutting = compare.add_argument_group("the windows")
    cutting.add_argument(
        "--window-size", type=int, default=512, metavar="ROWS", help="default: 512"
    )
    cutting.add_argument("--stride", type=int, metavar="ROWS", help="default: the window size")
    cutting.add_argument(
        "--alignment",
        choices=ALIGNMENTS,
        default="subject",
        help="start at each recording's first row, or on the table's grid (default: subject)",
    )
    cutting.add_argument("--missing", choices=MISSING, default="raise", help="default: raise")
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
        help="repeat for more (default: all of them)",
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
        "--output", type=Path, metavar="CSV", help="write the score of each fold"
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
    recordings = simulate_ppg(options.subjects, options.minutes, random_state=options.seed)
    windower = SubjectWindower(512, 256, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    print(f"Simulated {options.minutes:g} minutes of each of {options.subjects} subjects at 64 Hz.")
    _print_windows(windows)
    representation = WindowSpectrum(low=0.5, high=4.0, sampling_rate=64)
    with _local_service() if options.service else contextlib.nullcontext() as synthesizer:
        pipeline = _pipeline(synthesizer, representation, "ridge", 1.0, 0)
        comparison = compare_protocols(pipeline, windows, protocols=tuple(PROTOCOLS), progress=True)
    _print_comparison(comparison, "heart_rate")


def _compare(options: argparse.Namespace) -> None:
    if options.output is not None and not options.output.absolute().parent.is_dir():
        raise FileNotFoundError(f"There is no folder for {str(options.output)!r}: make it first.")
    recordings = read_table(options.table)
    windower = SubjectWindower(
        options.window_size,
        options.stride,
        features=options.feature,
        target=options.target,
        subject=options.subject,
        boundaries=options.boundary,
        time=options.time,
        max_gap=_gap(options.max_gap),
        alignment=options.alignment,
        missing=options.missing,
    )
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
        protocols=options.protocol or tuple(PROTOCOLS),
        n_jobs=options.jobs,
        progress=True,
    )
    if options.output is not None:
        scores = comparison.scores.drop(columns="metric").rename(columns={"score": "MAE"})
        scores.assign(MAE=-scores["MAE"]).to_csv(options.output, index=False)
    _print_comparison(comparison, options.target)
    if options.output is not None:
        print(f"The score of each fold is in {options.output}.")


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
    summary = comparison.summary()
    counts = comparison.scores.groupby("protocol")[["n_real", "n_synthetic"]].mean()
    n_folds = comparison.scores["fold"].nunique()
    print(f"\nMAE of {target}, mean ± sd over {n_folds} folds of left-out subjects:\n")
    is_compared = "TRTR" in summary.index and len(summary) > 1
    heading = f"{'difference to TRTR':>21}" if is_compared else ""
    print(f"{'protocol':9}{'trained on':>26}{'MAE':>18}{heading}")
    for protocol, row in summary.iterrows():
        trained = " + ".join(
            f"{count:.0f} {kind}"
            for kind, count in (
                ("real", counts.loc[protocol, "n_real"]),
                ("synthetic", counts.loc[protocol, "n_synthetic"]),
            )
            if count
        )
        error = f"{-row['mean']:.2f} ± {row['sd']:.2f}"
        difference = -row["difference_to_TRTR"]
        shown = f"{difference:>+21.2f}" if is_compared and protocol != "TRTR" else ""
        print(f"{protocol:9}{trained:>26}{error:>18}{shown}")
    print("\nWindows trained on are means over folds.", end="")
    print(" A difference below zero: better than real windows alone." if is_compared else "")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


if __name__ == "__main__":
    sys.exit(main())
