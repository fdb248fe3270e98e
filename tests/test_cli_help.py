"""The help of the command line, tracebacks, and completion in a shell."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from skaug.cli import COMMANDS, build_parser, main
from skaug.cli.compare_options import MODELS
from skaug.cli.messages import TRANSFORMS
from skaug.cli.models import CLASSIFIERS, REGRESSORS
from skaug.synthesis import transforms

HELP_OF = [[], *([name] for name in COMMANDS)]


def help_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    return capsys.readouterr().out


def examples_of(text: str) -> list[list[str]]:
    """Return the arguments of each example in a help."""
    assert text.startswith("examples:\n")
    examples = text.removeprefix("examples:\n").partition("\nusage: ")[0]
    lines = examples.replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("  skaug ")]


@pytest.mark.parametrize("arguments", HELP_OF)
def test_help_begins_with_examples_that_can_be_parsed(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    examples = examples_of(help_of(arguments, capsys))
    assert len(examples) >= 2
    for example in examples:
        assert example[: len(arguments)] == arguments
        if example[-1] != "--help":
            build_parser().parse_args(example)


def test_without_a_command_the_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of([], capsys)
    assert main([]) == 2
    assert capsys.readouterr().out == text


def test_options_of_compare_are_in_groups(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = help_of(["compare"], capsys)
    assert "\nusage: skaug compare TABLE --target COLUMN [options]\n" in text
    titles = ["the table", "the windows", "the model", "the synthetic windows", "the comparison"]
    places = [text.index(f"\n{title}:\n") for title in [*titles, "the output"]]
    assert places == sorted(places)
    assert max(map(len, text.splitlines())) < 98
    for option in ("--target", "--strata", "--separator", "--n-synthetic", "--curve", "--report"):
        assert f"\n  {option} " in text
    for named in ("time_warp", "rate+surrogate", "MODULE:OBJECT", "max_factor"):
        assert places[3] < text.index(named) < text.index("  --synthesizer NAME")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::skaug.DataWarning")
def test_the_examples_of_compare_run(
    tmp_path: Path,
    recordings: pd.DataFrame,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("jinja2")
    monkeypatch.chdir(tmp_path)
    seconds = recordings.groupby("subject").cumcount() / 32
    dates = pd.Timestamp("2026-01-31") + pd.to_timedelta(seconds, unit="s")
    table = recordings[["BVP", "ECG", "subject", "heart_rate"]]
    table.to_parquet("recordings.parquet")
    activity = seconds.ge(30).map({False: "sit", True: "walk"})
    table = table.assign(date=dates, activity=activity)
    table.to_csv("recordings.csv", index=False, sep=";", decimal=",")
    for example in examples_of(help_of(["compare"], capsys)):
        assert main([*example, "--window-size", "256", "--sampling-rate", "32"]) == 0, example
        assert "TRTR" in capsys.readouterr().out
    assert Path("page.html").exists()


def test_a_traceback_is_printed_before_the_error_if_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", str(tmp_path / "nowhere.csv"), "--target", "heart_rate"]
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert main([*arguments, "--debug"]) == 2
    shown = capsys.readouterr().err.splitlines()
    assert shown[0] == "Traceback (most recent call last):"
    assert any("in read_table" in at for at in shown)
    assert shown[-1] == line


def test_the_models_that_are_offered_are_those_that_there_are() -> None:
    assert list(MODELS) == list(dict.fromkeys([*REGRESSORS, *CLASSIFIERS]))


def test_errors_know_every_transform() -> None:
    assert {*TRANSFORMS, "Transform"} == set(transforms.__all__)


@pytest.mark.parametrize("arguments", ["--version", "--help", "windows --help"])
def test_what_a_shell_waits_for_imports_no_library_of_numbers(arguments: str) -> None:
    code = f"""
import atexit, sys
slow = {{"numpy", "pandas", "pyarrow", "scipy", "sklearn"}}
atexit.register(lambda: print("slow:", slow.intersection(sys.modules)))
from skaug.cli import build_parser, main
build_parser()  # of all commands, as for completion
main({arguments.split()})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "slow: set()"


# Completion


def completions(line: str, folder: Path) -> list[str]:
    """Return what a shell offers after a line, by the protocol of argcomplete."""
    pytest.importorskip("argcomplete")
    answer = folder / "answer"
    env = {
        **os.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line.encode())),
    }
    command = [sys.executable, "-m", "skaug.cli"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=folder)
    assert (done.returncode, done.stdout) == (0, "")
    return [word.strip() for word in answer.read_text().splitlines()]


def test_a_shell_completes_commands_options_and_choices(tmp_path: Path) -> None:
    assert completions("skaug comp", tmp_path) == ["compare"]
    assert completions("skaug compare --rep", tmp_path) == [
        "--representation",
        "--repeats",
        "--report",
    ]
    assert set(completions("skaug compare t.csv --curve ", tmp_path)) == {"ratio", "subjects"}


@pytest.mark.parametrize(
    ("name", "options"), [("t.parquet", ""), ("t.csv", "--separator ; "), ("t.tsv", "")]
)
def test_a_shell_completes_columns_of_the_table(tmp_path: Path, name: str, options: str) -> None:
    table = pd.DataFrame({"heart_rate": [60.0], "heat": [1.0], "BVP": [1.0]})
    path = tmp_path / name
    if name == "t.parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, sep=";" if options else "\t")
    line = f"skaug compare {name} {options}--target hea"
    assert completions(line, tmp_path) == ["heart_rate", "heat"]


def test_a_shell_completes_nothing_of_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    assert completions("skaug compare bad.parquet --target BV", tmp_path) == []
