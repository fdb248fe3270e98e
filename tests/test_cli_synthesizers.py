"""Synthesizers and learning curves on the command line."""

from __future__ import annotations

import argparse
import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skaug import Windows
from skaug.cli import main
from skaug.cli.curves import curve_of
from skaug.cli.models import LogPowerBands, model_of, pipeline_of
from skaug.cli.synthesizers import SYNTHESIZERS, choice, synthesizers_of
from skaug.evaluation import compare_synthesizers
from skaug.synthesis import MixupSynthesizer, RateSynthesizer, SurrogateSynthesizer

CUT = ["--window-size", "256", "--stride", "128"]
RATE = ["--sampling-rate", "32"]
KNOWN: dict[str, Any] = {"sampling_rate": 32.0, "rate_channel": None, "seed": 7}

pytestmark = pytest.mark.filterwarnings(
    "ignore:The rates of the training windows differ too little"
)


@pytest.fixture
def command(tmp_path: Path, recordings: pd.DataFrame) -> list[str]:
    """Compare on recordings of six subjects."""
    path = tmp_path / "recordings.parquet"
    recordings[["BVP", "ECG", "subject", "heart_rate"]].to_parquet(path)
    return ["compare", str(path), "--target", "heart_rate", *CUT]


def labels_of(output: str) -> list[str]:
    """Return the labels of the protocols in the printed table."""
    return re.findall(r"^(T[RS]\w+(?:, \S+)?) +\d", output, flags=re.M)


def test_values_are_python_literals_or_text() -> None:
    parsed = choice("rate:method=shift,local=0.3,check=False,max_factor=1e1,labels=None")
    assert parsed.name == "rate"
    assert parsed.values == {
        "method": "shift",
        "local": 0.3,
        "check": False,
        "max_factor": 10.0,
        "labels": None,
    }
    assert choice("mixup: alpha = -2 , bandwidth = 5").values == {"alpha": -2, "bandwidth": 5}
    assert choice("surrogate").values == choice("surrogate:").values == {}
    assert choice("mixup:alpha=2 ") == choice("mixup:alpha=2")  # also as names of what is compared


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.booleans() | st.none())
def test_every_number_is_read_as_python_writes_it(value: Any) -> None:
    (read,) = choice(f"mixup:alpha={value!r}").values.values()
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["BVP,ECG", "['BVP', 'ECG']", "BVP, ECG", "[BVP, ECG]"])
def test_channels_are_a_list_of_names(text: str) -> None:
    parsed = choice(f"rate:channels={text},method=stretch")
    assert parsed.values == {"channels": ["BVP", "ECG"], "method": "stretch"}
    assert choice("rate:channels=1").values == {"channels": ["1"]}
    assert choice("spectral:columns=AGE,n_components=5").values == {
        "columns": ["AGE"],
        "n_components": 5,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rte", "'rte' is not a synthesizer: use surrogate or rate or mixup or spectral"),
        ("", "'' is not a synthesizer"),
        (
            "rate:speed=2",
            "'speed=2' sets no parameter of rate: use KEY=VALUE with channels or unit or",
        ),
        ("rate:sampling_rate=2", "'sampling_rate=2' sets no parameter of rate"),
        ("rate:local", "'local' sets no parameter of rate: use KEY=VALUE"),
        (
            "surrogate:random_state=1",
            "'random_state=1' sets no parameter of surrogate: it has none",
        ),
        ("mixup:alpha=1,alpha=2", "sets alpha twice"),
    ],
)
def test_unknown_names_and_keys_are_errors_that_list_what_exists(text: str, message: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=re.escape(message)):
        choice(text)


def test_synthesizers_are_built_with_the_other_options() -> None:
    built = synthesizers_of([choice("rate:local=0.1"), choice("surrogate")], **KNOWN)
    assert repr(built) == repr(
        {
            "rate": RateSynthesizer(32.0, local=0.1, random_state=7),
            "surrogate": SurrogateSynthesizer(random_state=7),
        }
    )
    both = [choice("rate"), choice("spectral")]
    with_channel = synthesizers_of(both, **KNOWN | {"rate_channel": "BVP"})
    assert with_channel["rate"].channels == ["BVP"]
    assert with_channel["spectral"].rate_channels == ["BVP"]
    chosen = synthesizers_of([choice("rate:channels=ECG")], **KNOWN | {"rate_channel": "BVP"})
    assert chosen["rate"].channels == ["ECG"]
    assert repr(synthesizers_of([], **KNOWN)) == repr(
        {"surrogate": SurrogateSynthesizer(random_state=7)}
    )


def test_synthesizers_of_one_name_are_told_apart_by_what_was_typed() -> None:
    texts = ["mixup:alpha=1", "surrogate", "mixup"]
    built = synthesizers_of([choice(text) for text in texts], **KNOWN)
    assert list(built) == texts
    with pytest.raises(ValueError, match="--synthesizer mixup was passed twice"):
        synthesizers_of([choice("mixup"), choice("mixup")], **KNOWN)


def test_every_synthesizer_of_the_command_line_can_be_built() -> None:
    built = synthesizers_of([choice(name) for name in SYNTHESIZERS], **KNOWN)
    for name, synthesizer in built.items():
        assert type(synthesizer) is SYNTHESIZERS[name]
        assert synthesizer.random_state == 7


@pytest.mark.slow
def test_several_synthesizers_are_compared_as_in_python(
    command: list[str], windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*RATE, "--synthesizer", "mixup:alpha=1", "--synthesizer", "surrogate", "--seed", "3"]
    assert main([*command, *options, "--model", "neighbors"]) == 0
    out = capsys.readouterr().out
    assert labels_of(out) == ["TRTR", "TRRTR", "TRSTR, mixup", "TRSTR, surrogate"]
    synthesizers = {
        "mixup": MixupSynthesizer(alpha=1, random_state=3),
        "surrogate": SurrogateSynthesizer(random_state=3),
    }
    pipeline = pipeline_of(
        None, LogPowerBands(None, None, 32), model_of("neighbors", 5, classes=False), seed=3
    )
    expected = compare_synthesizers(pipeline, windows, synthesizers, progress=False)
    assert expected.table() in out
    assert expected.verdict() in out


def test_one_synthesizer_is_compared_with_the_protocols_of_its_own(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--synthesizer", "mixup", "--model", "neighbors"]) == 0
    assert labels_of(capsys.readouterr().out) == ["TRTR", "TRSTR", "TSTR"]


@pytest.mark.slow
def test_controls_are_run_for_each_synthesizer(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["--synthesizer", "mixup", "--synthesizer", "surrogate"]
    assert main([*command, *names, "--control", "--model", "neighbors"]) == 0
    labels = labels_of(capsys.readouterr().out)
    assert labels[:2] == ["TRTR", "TRRTR"]
    assert {"TRPTR, mixup", "TRPTR, surrogate"} <= set(labels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--synthesizer", "rte"], "argument --synthesizer: 'rte' is not a synthesizer"),
        (
            ["--synthesizer", "rate"],
            "--synthesizer rate needs the sampling rate in Hz: pass --sampling-rate.",
        ),
        (["--synthesizer", "mixup"] * 2, "--synthesizer mixup was passed twice"),
        (
            ["--synthesizer", "mixup", "--synthesizer", "surrogate", "--protocol", "TSTR"],
            "leave --protocol out, or pass --synthesizer once",
        ),
        ([*RATE, "--synthesizer", "rate:method=x"], "method='x' is unknown: use one of "),
        ([*RATE, "--synthesizer", "rate:channels=EKG"], "'EKG'"),
        (["--curve", "time"], "argument --curve: invalid choice: 'time'"),
    ],
)
def test_what_cannot_be_compared_is_reported_with_the_option(
    command: list[str], options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main([*command, *options])
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_the_curve_over_subjects_is_printed_without_the_numbers_that_folds_do_not_have(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    peak = [*RATE, "--low", "0.5", "--high", "4", "--rate-channel", "BVP"]
    options = ["--protocol", "TRTR", "--model", "neighbors", "--curve", "subjects", *peak]
    assert main([*command, *options]) == 0
    out = capsys.readouterr().out
    assert (
        "The curve over training subjects leaves out 8: one fold has only 5 training subjects."
        in out
    )
    curve = out.partition("Learning curve for heart_rate:")[2]
    amounts = re.findall(r"^ *(\d|all \d) +TRSTR ", curve, flags=re.M)
    assert amounts == ["2", "4", "all 5"]
    assert "spectral peak" in curve


@pytest.mark.slow
def test_the_curve_over_ratios_is_printed_for_each_synthesizer(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["--synthesizer", "mixup", "--synthesizer", "surrogate"]
    assert main([*command, *names, "--model", "neighbors", "--curve", "ratio"]) == 0
    curve = capsys.readouterr().out.partition("Learning curve for heart_rate:")[2]
    for name in ("mixup", "surrogate"):
        assert len(re.findall(rf"^ *[\d.]+ +TRSTR, {name} ", curve, flags=re.M)) == 5


@pytest.mark.slow
def test_no_number_is_left_out_where_all_folds_have_it(
    windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    other = windows[np.isin(windows.groups, ["S1", "S2", "S3", "S4", "S5"])]
    pipeline = pipeline_of(None, LogPowerBands(), model_of("neighbors", 4, classes=False))
    curve = curve_of("subjects", pipeline, other, {"surrogate": SurrogateSynthesizer()})
    assert sorted(curve.scores["n_training_subjects"].unique()) == [2, 4]
    assert "leaves out 8: one fold has only 4" in capsys.readouterr().out


@pytest.mark.slow
def test_the_page_shows_both_synthesizers_and_the_chosen_curve(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("jinja2")
    page = tmp_path / "page.html"
    names = ["--synthesizer", "mixup", "--synthesizer", "surrogate"]
    options = [*names, "--model", "neighbors", "--curve", "subjects", "--report", str(page)]
    assert main([*command, *options]) == 0
    text = html.unescape(page.read_text())
    assert "real subjects trained on" in text
    assert "TRSTR, mixup" in text
    assert "synthetic windows drawn and measured" in text
    (verdict,) = [line for line in capsys.readouterr().out.splitlines() if "of 6 subjects." in line]
    assert verdict in text
