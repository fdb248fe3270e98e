"""``skaug demo``: synthesizers compared on simulated recordings."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Iterator

from skaug import SpectralPeakRegressor, SubjectWindower, WindowSpectrum
from skaug.cli.comparisons import (
    SPECTRAL_PEAK,
    compare,
    print_comparison,
    print_windows,
)
from skaug.cli.curves import curve_of
from skaug.cli.messages import say
from skaug.cli.models import model_of, pipeline_of
from skaug.cli.pages import check_report, write_report
from skaug.cli.serve import import_server
from skaug.datasets import simulate_ppg
from skaug.evaluation.protocol_variants import CONTROLS
from skaug.synthesis import RateSynthesizer, SurrogateSynthesizer, SynthefyAPI, Synthesizer


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    check_report(options.report)
    recordings = simulate_ppg(options.subjects, options.minutes, random_state=options.seed)
    windower = SubjectWindower(512, 256, features=["BVP", "ECG"], target="heart_rate")
    windows = windower.fit_transform(recordings)
    say(f"Simulated {options.subjects} subjects, {options.minutes:g} minutes each, at 64 Hz.")
    print_windows(windows, 64)
    representation = WindowSpectrum(low=0.5, high=4.0, sampling_rate=64)
    with _local_service() if options.service else contextlib.nullcontext() as service:
        synthesizers: dict[str, Synthesizer] = (
            {"surrogate": SurrogateSynthesizer()} if service is None else {"service": service}
        )
        # Both channels contain the heart rate; very short recordings have too few windows to test that.
        synthesizers["rate"] = RateSynthesizer(64, check=False)
        model = model_of("ridge", options.subjects - 1, classes=False)
        pipeline = pipeline_of(next(iter(synthesizers.values())), representation, model)
        picker = SpectralPeakRegressor(0.5, 4.0, sampling_rate=64, channel="BVP")
        baselines = {SPECTRAL_PEAK: picker}
        comparison = compare(
            pipeline,
            windows,
            synthesizers,
            protocols=["TRTR", "TRSTR", *(CONTROLS if options.report is not None else ("TRRTR",))],
            baselines=baselines,
        )
        print_comparison(comparison, "heart_rate")
        if options.report is not None:
            write_report(
                options.report,
                comparison,
                curve_of("subjects", pipeline, windows, synthesizers, baselines=baselines),
                pipeline,
                windows,
                synthesizers,
                sampling_rate=64.0,
                rate="BVP",
                about={
                    "data": "simulated PPG and ECG at 64 Hz",
                    "boundaries": "none",
                },
            )


@contextlib.contextmanager
def _local_service() -> Iterator[Synthesizer]:
    """Run a service on this machine; its windows are stored only as long as it runs."""
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
        say(f"The service at {service.base_url} computed {service.computed} windows.")
