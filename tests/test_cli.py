"""The command line, run as a person would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import SubjectWindower, SynthefyAugmenter, WindowSpectrum, make_pipeline
from skaug.cli import main
from skaug.evaluation import compare_protocols

COLUMNS = ["BVP", "ECG", "subject", "heart_rate", "Gender"]
CUT = ["--window-size", "256", "--stride", "128"]


@pytest.fixture
def table(tmp_path: Path, recordings: pd.DataFrame) -> Path:
    path = tmp_path / "recordings.parquet"
    recordings[COLUMNS].to_parquet(path)
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    command = [sys.executable, "-m", "skaug.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "100"}
    )


def rows_of(output: str) -> dict[str, list[float]]:
    """Read the printed table: protocol to the numbers behind it."""
    lines = [line for line in output.splitlines() if re.match(r"T\w+ ", line)]
    return {
        line.split()[0]: [float(x) for x in re.findall(r"[-+]?\d+\.?\d*", line)] for line in lines
    }


@pytest.mark.parametrize("command", ["demo", "compare"])
def test_a_page_may_be_asked_for(
    command: str, tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("jinja2")
    page, table = tmp_path / "page.html", tmp_path / "table.parquet"
    recordings[COLUMNS].to_parquet(table)
    arguments = {
        "demo": ["demo", "--subjects", "3", "--minutes", "1"],
        "compare": ["compare", str(table), "--target", "heart_rate", *CUT],
    }[command]
    assert main([*arguments, "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert f"The page is {page}." in out
    (verdict,) = [line for line in out.splitlines() if "on average" in line]
    assert verdict in page.read_text()


@pytest.mark.parametrize("option", ["--output", "--report"])
def test_the_table_is_never_written_over(tmp_path: Path, table: Path, option: str) -> None:
    before = table.read_bytes()
    done = run("compare", table, "--target", "heart_rate", option, table)
    assert done.returncode == 2
    assert "is the table itself" in done.stderr
    assert table.read_bytes() == before


def test_a_page_without_synthetic_windows_says_what_it_cannot(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    wanted = ["--target", "heart_rate", *CUT, "--n-synthetic", "0", "--report", str(page)]
    assert main(["compare", str(table), *wanted, "--protocol", "TRTR", "--protocol", "TRSTR"]) == 0
    out = capsys.readouterr().out
    assert "does not say what the synthetic windows are like" in out
    assert "No synthetic windows were added" in page.read_text()
    # Without synthetic windows the protocols are the same, and a difference of zero has no minus.
    (row,) = [line for line in out.splitlines() if line.startswith("TRSTR")]
    assert "+0.00" in row
    assert "-0.00" not in row


@pytest.mark.parametrize("factor", [1e-4, 1e6])
def test_three_digits_are_printed_of_whatever_size(
    tmp_path: Path,
    recordings: pd.DataFrame,
    factor: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "table.parquet"
    scaled = recordings[COLUMNS].assign(heart_rate=recordings["heart_rate"] * factor)
    scaled.to_parquet(path)
    wanted = ["--target", "heart_rate", *CUT, "--model", "neighbours", "--protocol", "TRTR"]
    assert main(["compare", str(path), *wanted]) == 0
    small = rows_of(capsys.readouterr().out)["TRTR"][1]
    recordings[COLUMNS].to_parquet(path)
    assert main(["compare", str(path), *wanted]) == 0
    plain = rows_of(capsys.readouterr().out)["TRTR"][1]
    assert small == pytest.approx(plain * factor, rel=0.005)


def test_a_page_that_cannot_be_written_is_told_before_anything_is_fitted(tmp_path: Path) -> None:
    done = run("demo", "--report", tmp_path / "nowhere" / "page.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no folder" in done.stderr


def test_the_demo_compares_three_protocols_and_shows_progress() -> None:
    done = run("demo", "--subjects", "3", "--minutes", "1")
    assert done.returncode == 0, done.stderr
    assert "100%" in done.stderr
    rows = rows_of(done.stdout)
    assert list(rows) == ["TRTR", "TRSTR", "TSTR"]
    n_real, error, _ = rows["TRTR"]
    both = rows["TRSTR"]
    assert both[:2] == [n_real, n_real]
    assert both[4] == pytest.approx(both[2] - error, abs=0.011)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz"])
def test_compare_prints_and_writes_the_scores_of_python(
    tmp_path: Path, recordings: pd.DataFrame, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, scores = tmp_path / f"table{suffix}", tmp_path / "scores.csv"
    if suffix == ".parquet":
        recordings[COLUMNS].to_parquet(path)
    else:
        recordings[COLUMNS].to_csv(path, index=False)
    code = main(
        [
            *("compare", str(path), "--feature", "BVP", "--feature", "ECG"),
            *(
                "--target",
                "heart_rate",
                *CUT,
                "--sampling-rate",
                "32",
                "--low",
                "0.5",
                "--high",
                "4",
            ),
            *("--protocol", "TRTR", "--protocol", "TRSTR", "--n-synthetic", "0.5"),
            *("--output", str(scores)),
        ]
    )
    assert code == 0
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    expected = compare_protocols(
        make_pipeline(
            SynthefyAugmenter(n_synthetic=0.5),
            WindowSpectrum(0.5, 4, 32),
            StandardScaler(),
            Ridge(),
        ),
        windower.fit_transform(recordings),
        progress=False,
    )
    written = pd.read_csv(scores)
    assert written["protocol"].tolist() == expected.scores["protocol"].tolist()
    assert_allclose(written["MAE"], -expected.scores["score"], rtol=1e-6)
    out = capsys.readouterr().out
    rows, summary = rows_of(out), expected.summary().droplevel("metric")
    assert rows["TRTR"][1] == pytest.approx(-summary.loc["TRTR", "mean"], abs=0.006)
    both = summary.loc["TRSTR"]
    shown = [-both["difference"], -both["ci_high"], -both["ci_low"]]
    assert rows["TRSTR"][4:7] == pytest.approx(shown, abs=0.006)
    assert rows["TRSTR"][-1] == pytest.approx(both["p_holm"], abs=0.0006)
    assert f"{both['n_better']} of 6" in out
    assert out.rstrip().splitlines()[-2] == expected.verdict()


def test_a_count_is_not_a_ratio(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["compare", str(table), "--feature", "BVP", "--target", "heart_rate", *CUT]
    assert main([*options, "--protocol", "TSTR", "--n-synthetic", "10"]) == 0
    shown = capsys.readouterr().out
    assert rows_of(shown)["TSTR"][0] == 10
    assert "difference" not in shown
    assert main([*options, "--protocol", "TSTR", "--n-synthetic", "1.0"]) == 0
    windows_a_subject = (60 * 32 - 256) // 128 + 1
    assert rows_of(capsys.readouterr().out)["TSTR"][0] == 5 * windows_a_subject


@pytest.mark.parametrize("representation", ["spectrum", "statistics", "flatten"])
@pytest.mark.parametrize("model", ["ridge", "extra-trees", "neighbours"])
def test_every_representation_goes_with_every_model(
    table: Path, representation: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--representation", representation, "--model", model, "--protocol", "TRTR"]
    assert (
        main(["compare", str(table), "--feature", "BVP", "--target", "heart_rate", *options]) == 0
    )
    assert "TRTR" in rows_of(capsys.readouterr().out)


def test_help_names_every_option() -> None:
    done = run("compare", "--help")
    assert done.returncode == 0
    for option in ("--feature", "--boundary", "--n-synthetic", "--protocol", "--output"):
        assert option in done.stdout


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert skaug.__version__ in capsys.readouterr().out


def bad_files(folder: Path, recordings: pd.DataFrame) -> None:
    (folder / "bad.parquet").write_bytes(b"no parquet at all")
    (folder / "bad.csv").write_bytes(b'\xff\xfe\x00"')
    (folder / "empty.csv").write_bytes(b"")
    (folder / "table.xlsx").write_bytes(b"")
    recordings[recordings["subject"] == "S1"].to_parquet(folder / "one.parquet")
    recordings.assign(BVP=np.where(recordings.index == 7, np.nan, recordings["BVP"])).to_parquet(
        folder / "gap.parquet"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.parquet", "--target", "heart_rate"], "no file 'nowhere.parquet'"),
        (["bad.parquet", "--target", "heart_rate"], "cannot be read as a parquet file"),
        (["bad.csv", "--target", "heart_rate"], "cannot be read as a CSV file"),
        (["empty.csv", "--target", "heart_rate"], "cannot be read as a CSV file"),
        (["table.xlsx", "--target", "heart_rate"], "must end in .parquet, .csv or .csv.gz"),
        ([".", "--target", "heart_rate"], "is a folder: name one file, or cut a folder of them"),
        (["recordings.parquet", "--target", "heartrate"], "nearest is 'heart_rate'"),
        (["recordings.parquet", "--target", "heart_rate", "--feature", "BVB"], "nearest is 'BVP'"),
        (["recordings.parquet", "--target", "heart_rate", "--subject", "subjct"], "is 'subject'"),
        (["recordings.parquet", "--target", "heart_rate", "--boundary", "session"], "boundaries"),
        (["recordings.parquet", "--target", "heart_rate", "--feature", "Gender"], "'Gender' holds"),
        (["recordings.parquet", "--target", "Gender"], "text"),
        (["recordings.parquet", "--target", "heart_rate", "--window-size", "9999"], "has 1920"),
        (["recordings.parquet", "--target", "heart_rate", "--window-size", "0"], "window_size=0"),
        (
            ["recordings.parquet", "--target", "heart_rate", "--output", "no/such/x.csv"],
            "no folder",
        ),
        (["recordings.parquet", "--target", "heart_rate", "--high", "9"], "highest frequency"),
        (["one.parquet", "--target", "heart_rate", "--feature", "BVP"], "single subject"),
        (["gap.parquet", "--target", "heart_rate", "--feature", "BVP"], "missing in 'BVP' (1)"),
        (["recordings.parquet"], "required: --target"),
        (["recordings.parquet", "--target", "heart_rate", "--n-synthetic", "x"], "neither a ratio"),
        (["recordings.parquet", "--target", "heart_rate", "--n-synthetic=-1"], "n_synthetic=-1"),
        (["recordings.parquet", "--target", "heart_rate", "--protocol", "RTTR"], "invalid choice"),
    ],
)
def test_what_the_user_can_mend_is_told_in_one_line(
    tmp_path: Path,
    table: Path,
    recordings: pd.DataFrame,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad_files(tmp_path, recordings)
    monkeypatch.chdir(tmp_path)
    if "--high" in arguments:
        arguments = [*arguments, "--low", "8"]
    try:
        code = main(["compare", *arguments])
    except SystemExit as stop:  # as argparse ends
        code = stop.code
    shown = capsys.readouterr()
    assert code == 2
    (line,) = shown.err.splitlines()
    assert line.startswith("skaug: error: ")
    assert message in line
    assert "MAE" not in shown.out


def test_an_error_has_no_traceback_and_leaves_with_two(tmp_path: Path) -> None:
    done = run("compare", tmp_path / "nowhere.csv", "--target", "heart_rate")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
