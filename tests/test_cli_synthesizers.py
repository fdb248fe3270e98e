"""Synthesizers and learning curves on the command line."""

from __future__ import annotations

import argparse
import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from skaug import Windows
from skaug.cli import main
from skaug.cli.curves import curve_of
from skaug.cli.messages import KEYS
from skaug.cli.models import LogPowerBands, model_of, pipeline_of
from skaug.cli.synthesizers import (
    SYNTHESIZERS,
    TRANSFORMS,
    choice,
    keys_of,
    synthesizers_of,
)
from skaug.evaluation import compare_synthesizers
from skaug.synthesis import (
    ChoiceSynthesizer,
    Drift,
    Jitter,
    MixupSynthesizer,
    RateSynthesizer,
    Rotate,
    SurrogateSynthesizer,
    TimeWarp,
    Transform,
    TransformSynthesizer,
    transforms,
)

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
        (
            "rte",
            "'rte' is not a synthesizer: use surrogate or rate or mixup or spectral or transform, or "
            "MODULE:OBJECT for your own",
        ),
        ("./my.py:Mine", "or MODULE:OBJECT for your own"),
        ("rate+surogate", "'surogate' is not a synthesizer"),
        ("rate+", "'' is not a synthesizer"),
        ("mixup+mixup", "'mixup+mixup' names mixup twice"),
        ("transform", "transform needs at least one of jitter, scale, drift, "),
        ("transform:p=0.5", "such as transform:jitter=0.1,scale"),
        ("transform:jiter=0.1", "use KEY=VALUE with jitter or scale or drift"),
        ("transform:jitter=strong", "'jitter=strong' of transform must be a number"),
        ("transform:jitter,jitter=1", "sets jitter twice"),
        ("transform:p", "'p' sets no parameter of transform"),
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


def test_errors_say_of_which_option_a_key_is() -> None:
    assert {key for name in SYNTHESIZERS for key in keys_of(name)} - {*TRANSFORMS} == {*KEYS}


def test_transforms_are_applied_in_the_order_in_which_they_are_named() -> None:
    text = "transform:drift=0.5, jitter , rotate=ACC_x,ACC_y,ACC_z, p=0.5,time_warp"
    (built,) = synthesizers_of([choice(text)], **KNOWN).values()
    expected = [Drift(0.5), Jitter(), Rotate(["ACC_x", "ACC_y", "ACC_z"]), TimeWarp()]
    assert repr(built) == repr(TransformSynthesizer(expected, p=0.5, random_state=7))


def test_every_transform_can_be_named_with_and_without_its_first_parameter() -> None:
    assert {kind.__name__ for kind in TRANSFORMS.values()} == {
        kind.__name__ for kind in vars(transforms).values() if is_transform(kind)
    }
    for name, kind in TRANSFORMS.items():
        assert name.replace("_", "") == kind.__name__.lower()
        value = "a,b,c" if name == "rotate" else "3"
        for text, expected in {
            f"transform:{name}": kind(),
            f"transform:{name}={value}": kind(["a", "b", "c"] if name == "rotate" else 3),
        }.items():
            (built,) = synthesizers_of([choice(text)], **KNOWN).values()
            assert repr(built.transforms) == repr([expected])


def is_transform(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Transform) and kind is not Transform


def test_a_plus_makes_each_window_by_one_of_several() -> None:
    texts = ["rate+surrogate", "mixup:alpha=1e+1 + transform:jitter", "rate:unit=1+rate"]
    built = synthesizers_of([choice(text) for text in texts], **KNOWN | {"rate_channel": "BVP"})
    rate = RateSynthesizer(32.0, channels=["BVP"], random_state=7)
    pairs = [
        [("rate", rate), ("surrogate", SurrogateSynthesizer(7))],
        [
            ("mixup", MixupSynthesizer(alpha=10.0, random_state=7)),
            ("transform", TransformSynthesizer([Jitter()], random_state=7)),
        ],
        [("rate 1", clone(rate).set_params(unit=1)), ("rate 2", rate)],
    ]
    assert list(built) == ["rate+surrogate", "mixup+transform", "rate+rate"]
    assert repr(list(built.values())) == repr(
        [ChoiceSynthesizer(members, random_state=7) for members in pairs]
    )
    # A plus within a value joins nothing.
    assert choice("rate:channels=A+B").values == {"channels": ["A+B"]}


MY_MODULE = """
from skaug.synthesis import Synthesizer, SurrogateSynthesizer

class Mine(Synthesizer):
    def __init__(self, random_state=3):
        self.random_state = random_state

    def synthesize(self, conditions):
        return conditions.synthesized(-conditions.to_numpy())

one = SurrogateSynthesizer(5)
number = 3

def make():
    return Mine(4)

def needs(rate):
    return Mine(rate)
"""


@pytest.fixture
def my_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module in the current folder."""
    name = f"module_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MY_MODULE)
    (tmp_path / "broken_module.py").write_text("import no_such_library")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield name
    sys.modules.pop(name, None)


def test_a_synthesizer_of_your_own_is_imported_from_the_current_folder(my_module: str) -> None:
    texts = [f"{my_module}:{name}" for name in ("one", "Mine", "make")]
    built = synthesizers_of([choice(text) for text in texts], **KNOWN)
    assert list(built) == texts
    assert [repr(one) for one in built.values()] == [
        "SurrogateSynthesizer(random_state=5)",
        "Mine()",
        "Mine(random_state=4)",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such_module:x", "there is no module 'no_such_module' in the current folder"),
        ("no.such.module:x", "Run the command where 'no/such/module.py' is"),
        ("my_module.py:Mine", "names a file: name the module, my_module:Mine."),
        ("{my_module}:Yours", "has no 'Yours'"),
        ("{my_module}:number", "is 3, not a synthesizer: name an instance or a subclass of"),
        ("{my_module}:needs", "missing 1 required positional argument: 'rate'. Name a function"),
        ("broken_module:x", "importing 'broken_module' failed: ModuleNotFoundError: No module"),
    ],
)
def test_what_cannot_be_imported_is_reported_with_the_option(
    my_module: str, command: list[str], text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = text.format(my_module=my_module)
    assert main([*command, "--synthesizer", text]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"skaug: error: --synthesizer {text}")
    assert message in error


@pytest.mark.slow
def test_other_processes_find_a_synthesizer_of_your_own(
    my_module: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--synthesizer", f"{my_module}:Mine", "--model", "neighbors"]
    shown = []
    for n_jobs in ("1", "2"):
        assert main([*command, *options, "--jobs", n_jobs]) == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_every_synthesizer_of_the_command_line_can_be_built() -> None:
    texts = [name.replace("transform", "transform:jitter") for name in SYNTHESIZERS]
    built = synthesizers_of([choice(text) for text in texts], **KNOWN)
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
        (
            [*RATE, "--synthesizer", "rate:method=x"],
            "method='x' of --synthesizer is unknown: use one of ",
        ),
        (
            [*RATE, "--synthesizer", "rate:channels=EKG"],
            "channels of --synthesizer names 'EKG', but the channels of the windows are ",
        ),
        (
            ["--sampling-rate", "64", "--synthesizer", "rate"],
            "Check --sampling-rate and unit of --synthesizer, name the channels that carry the rhythm in "
            "channels of --synthesizer, or use another synthesizer. check=False of --synthesizer skips",
        ),
        (
            [*RATE, "--synthesizer", "spectral:columns=age"],
            "There is no column 'age' for columns of --synthesizer.",
        ),
        (
            ["--synthesizer", "transform:jitter,time_shift"],
            "put it first in transforms of --synthesizer.",
        ),
        (
            ["--synthesizer", "transform:time_shift=-1"],
            "max_shift=-1 of --synthesizer transform:time_shift must be a whole number",
        ),
        (
            ["--synthesizer", "transform:rotate"],
            "axes=('ACC_x', 'ACC_y', 'ACC_z') of --synthesizer transform:rotate: the windows have no",
        ),
        (["--synthesizer", "mixup:alpha=-1"], "alpha=-1 of --synthesizer must be a number above 0"),
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
    assert main([*command, *options, "--n-synthetic", "20"]) == 0
    out = capsys.readouterr().out
    assert "adds --ratio 1 synthetic windows per real one, not --n-synthetic 20." in out
    assert (
        "The learning curve has no point at 8 training subjects: one fold trains on only 5." in out
    )
    assert "from 6 subjects, 8 s each." in out
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
    assert "no point at 8 training subjects: one fold trains on only 4" in capsys.readouterr().out


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
    for name in ("mixup", "surrogate"):
        assert text.count(f"<h3>Synthesizer {name}</h3>") == 2  # drawn, and measured
    (verdict,) = [line for line in capsys.readouterr().out.splitlines() if "of 6 subjects." in line]
    assert verdict in text
