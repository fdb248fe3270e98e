"""``skaug demo``: the protocols compared on simulated recordings."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from skaug import SubjectWindower, WindowSpectrum
from skaug.cli.comparisons import DEFAULT_PROTOCOLS, pipeline_of, print_comparison, print_windows
from skaug.cli.pages import add_report, check_can_report, write_report
from skaug.cli.serve import import_server
from skaug.datasets import simulate_ppg
from skaug.evaluation import compare_protocols
from skaug.synthesis import SynthefyAPI, Synthesizer


def add_to(commands: Any) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "demo",
        help="simulate recordings and compare the protocols on them",
        description="Simulate PPG and ECG recordings, and compare training on real, on real and "
        "synthetic, and on synthetic windows, each subject left out in turn.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--subjects", type=int, default=8, help="how many to simulate (default: 8)")
    parser.add_argument(
        "--minutes", type=float, default=5.0, help="length of each recording (default: 5)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the simulation (default: 0)")

    parser.add_argument(
        "--service",
        action="store_true",
        help="have a local service synthesise, over HTTP, as the Synthefy service would",
    )
    add_report(parser)


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    check_can_report(options.report)
    recordings = simulate_ppg(options.subjects, options.minutes, random_state=options.seed)
    windower = SubjectWindower(512, 256, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    print(f"Simulated {options.minutes:g} minutes of each of {options.subjects} subjects at 64 Hz.")
    print_windows(windows)
    representation = WindowSpectrum(low=0.5, high=4.0, sampling_rate=64)
    with _local_service() if options.service else contextlib.nullcontext() as synthesizer:
        pipeline = pipeline_of(synthesizer, representation, "ridge", 1.0, 0)
        comparison = compare_protocols(
            pipeline, windows, protocols=DEFAULT_PROTOCOLS, progress=True
        )
        print_comparison(comparison, "heart_rate")
        if options.report is not None:
            write_report(
                options.report, comparison, pipeline, windows, sampling_rate=64.0, rate="BVP"
            )


@contextlib.contextmanager
def _local_service() -> Iterator[Synthesizer]:
    """Give a synthesizer that asks a service on this machine, and keeps its windows as long as this."""
    server = import_server()
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
