"""The command line, run as a person would."""

from __future__ import annotations

import gzip
import html
import itertools
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

import skaug
from skaug import (
    DataWarning,
    SpectralPeakRegressor,
    SubjectWindower,
    SynthefyAugmenter,
    Windows,
    WindowSpectrum,
    make_pipeline,
)
from skaug.cli import main
from skaug.cli.columns import without_labels
from skaug.cli.messages import plain_line
from skaug.cli.models import LogPowerBands
from skaug.cli.option_types import n_jobs
from skaug.evaluation import compare_protocols
from skaug.model_selection import SubjectKFold

COLUMNS = ["BVP", "ECG", "subject", "heart_rate", "Gender"]
CUT = ["--window-size", "256", "--stride", "128"]
NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")


@pytest.fixture
def table(tmp_path: Path, recordings: pd.DataFrame) -> Path:
    path = tmp_path / "recordings.parquet"
    recordings[COLUMNS].to_parquet(path)
    return path


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the installed command in a process of its own."""
    command = [sys.executable, "-m", "skaug.cli", *map(str, arguments)]
    env = {**os.environ, "COLUMNS": "100"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, **options)


def rows_of(output: str) -> dict[str, list[float]]:
    """Read the printed table: protocol to the numbers behind it."""
    lines = [line for line in output.splitlines() if re.match(r"T[RS]\w+,? ", line)]
    return {
        re.split(" {2,}", line)[0]: [float(x) for x in re.findall(r"[-+]?\d+\.?\d*", line)]
        for line in lines
    }


@pytest.mark.parametrize("command", ["demo", "compare"])
@pytest.mark.slow
def test_a_page_is_written_with_the_verdict(
    command: str, tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("jinja2")
    page, table = tmp_path / "page.html", tmp_path / "table.parquet"
    recordings[[*COLUMNS, "activity"]].to_parquet(table)
    arguments = {
        "demo": ["demo", "--subjects", "3", "--minutes", "1"],
        "compare": ["compare", str(table), "--target", "heart_rate", *CUT, "--strata", "activity"],
    }[command]
    assert main([*arguments, "--report", str(page)]) == 0
    out = capsys.readouterr().out
    assert f"The page is {page}." in out
    (verdict,) = [line for line in out.splitlines() if "on average" in line]
    assert ("TRSTR, rate" in page.read_text()) == (command == "demo")
    assert ("real subjects trained on" in page.read_text()) == (command == "demo")
    assert verdict in html.unescape(page.read_text())
    assert ("By activity" in page.read_text()) == (command == "compare")


@pytest.mark.parametrize("option", ["--output", "--report"])
def test_the_table_is_never_written_over(tmp_path: Path, table: Path, option: str) -> None:
    before = table.read_bytes()
    done = run("compare", table, "--target", "heart_rate", option, table)
    assert done.returncode == 2
    assert "is the table itself" in done.stderr
    assert table.read_bytes() == before


@pytest.mark.slow
def test_a_page_without_synthetic_windows_says_what_is_left_out(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    wanted = ["--target", "heart_rate", *CUT, "--n-synthetic", "0", "--report", str(page)]
    assert main(["compare", str(table), *wanted, "--protocol", "TRTR", "--protocol", "TRSTR"]) == 0
    out = capsys.readouterr().out
    assert "no section about the quality of the synthetic windows" in out
    assert "No synthetic windows were added" in page.read_text()
    # Without synthetic windows the protocols are the same, and a difference of zero has no minus.
    (row,) = [line for line in out.splitlines() if line.startswith("TRSTR")]
    assert "+0.00" in row
    assert "-0.00" not in row


@pytest.mark.parametrize("factor", [1e-4, 1e6])
def test_scores_are_printed_with_three_digits(
    tmp_path: Path,
    recordings: pd.DataFrame,
    factor: float,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "table.parquet"
    scaled = recordings[COLUMNS].assign(heart_rate=recordings["heart_rate"] * factor)
    scaled.to_parquet(path)
    wanted = ["--target", "heart_rate", *CUT, "--model", "neighbors", "--protocol", "TRTR"]
    assert main(["compare", str(path), *wanted]) == 0
    small = rows_of(capsys.readouterr().out)["TRTR"][1]
    recordings[COLUMNS].to_parquet(path)
    assert main(["compare", str(path), *wanted]) == 0
    plain = rows_of(capsys.readouterr().out)["TRTR"][1]
    assert small == pytest.approx(plain * factor, rel=0.005)


@pytest.mark.parametrize(
    ("command", "option"),
    [("compare", "--output"), ("compare", "--report"), ("demo", "--report")],
)
@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("nowhere/file", "There is no folder for"),
        (".", "is not a file: name a file"),
        pytest.param("/proc/file", "cannot be written", marks=NEEDS_PROC),
    ],
)
def test_a_file_that_cannot_be_written_is_reported_before_anything_is_computed(
    table: Path,
    command: str,
    option: str,
    place: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(table.parent)
    arguments = [str(table), "--target", "heart_rate"] if command == "compare" else []
    error = error_of([command, *arguments, option, place], capsys)
    assert message in error
    assert repr(place) in error


def test_the_table_is_printed_before_a_file_is_written(table: Path) -> None:
    resource = pytest.importorskip("resource")
    scores = table.with_name("scores.csv")
    arguments = ["--target", "heart_rate", *CUT, "--protocol", "TRTR", "--output", scores]

    def fill_the_disk() -> None:
        # Enough for what looks for a folder of temporary files, not for a table.
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))

    done = run("compare", table, *arguments, preexec_fn=fill_the_disk)
    assert done.returncode == 2
    assert "TRTR" in rows_of(done.stdout)
    assert done.stderr.splitlines()[-1] == f"skaug: error: '{scores}': File too large."
    assert not scores.exists()


def test_names_reach_neither_a_terminal_nor_a_spreadsheet_raw(
    tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    path, scores = tmp_path / "table.parquet", tmp_path / "scores.csv"
    names = {"S1": "=1+1", "S2": "@cmd", "S3": "S3\x1b[2J"}
    recordings = recordings[COLUMNS].replace({"subject": names})
    recordings.rename(columns={"BVP": "BVP\x1b[31m", "heart_rate": "rate\u202e"}).to_parquet(path)
    arguments = ["--target", "rate\u202e", *CUT, "--protocol", "TRTR", "--output", str(scores)]
    assert main(["compare", str(path), *arguments]) == 0
    out = capsys.readouterr().out
    assert "BVP\\x1b[31m" in out
    assert "MAE of rate\\u202e" in out
    assert "\x1b" not in out
    assert set(pd.read_csv(scores)["subject"]) >= {"'=1+1", "'@cmd", "S4"}
    assert main(["compare", str(path), "--target", "x\x1b[2J"]) == 2
    assert "'x\\x1b[2J'" in capsys.readouterr().err


def test_a_warning_is_one_line_that_names_an_option() -> None:
    command = [sys.executable, "-m", "skaug.cli", "serve", "--host", "0.0.0.0", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as serving:
        try:
            assert serving.stdout.readline().startswith("Synthesizing windows of 512 rows")
            serving.send_signal(signal.SIGINT)
            _, errors = serving.communicate(timeout=20)
        finally:
            serving.kill()  # if it has not ended, the test has failed, and must not wait for it
    assert serving.returncode == 0
    assert errors.startswith("skaug: warning: --host 0.0.0.0 lets other machines on the network")
    assert len(errors.splitlines()) == 1


@pytest.mark.slow
def test_the_demo_compares_two_synthesizers_and_shows_progress(tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    done = run("demo", "--subjects", "3", "--minutes", "1", "--report", tmp_path / "page.html")
    assert done.returncode == 0, done.stderr
    qualities = ("quality of SurrogateSynthesizer", "quality of RateSynthesizer")
    for label in ("protocols", "learning curve", *qualities):
        assert f"{label}: 100%" in done.stderr
    rows = rows_of(done.stdout.partition("The page is")[0])
    assert list(rows) == [
        *("TRTR", "TRRTR", "TRSTR, surrogate", "TRSTR, rate"),
        *("TRPTR, surrogate", "TRPTR, rate"),
    ]
    n_real, error, _ = rows["TRTR"]
    both = rows["TRSTR, rate"]
    assert both[:2] == [n_real, n_real]
    assert both[4] == pytest.approx(both[2] - error, abs=0.011)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.slow
def test_redirected_output_may_have_an_encoding_without_the_minus_sign(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = run("demo", "--subjects", "3", "--minutes", "1", encoding=encoding)
    assert done.returncode == 0, done.stderr
    assert ("+/-" if encoding == "ascii" else "±") in done.stdout
    assert re.search(r"95 % interval -\d", done.stdout)


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz"])
@pytest.mark.slow
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
            *("--protocol", "TRTR", "--protocol", "TRSTR", "--ratio", "0.5"),
            *("--output", str(scores)),
        ]
    )
    assert code == 0
    windower = SubjectWindower(256, 128, features=["BVP", "ECG"], target="heart_rate")
    squared_error = "neg_mean_squared_error"
    expected = compare_protocols(
        make_pipeline(
            SynthefyAugmenter(ratio=0.5),
            WindowSpectrum(0.5, 4, 32),
            StandardScaler(),
            RidgeCV(np.logspace(-2, 6, 17), cv=SubjectKFold(5), scoring=squared_error),
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
    assert f"better {both['n_better']}, worse {both['n_worse']}" in out
    assert out.count("\nnaive ") == 1
    assert out.rstrip().splitlines()[-2] == expected.verdict()


# Columns that are not named


@pytest.fixture
def show(
    tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Compare on a table with further columns, and return what is printed above the scores."""

    def show(*options: str, **columns: Any) -> str:
        path = tmp_path / "table.parquet"
        recordings[COLUMNS].assign(**columns).to_parquet(path)
        arguments = ["compare", str(path), "--target", "heart_rate", *CUT, "--protocol", "TRTR"]
        assert main([*arguments, *options]) == 0
        return capsys.readouterr().out.partition("\nMAE")[0]

    return show


def test_columns_that_are_channels_and_those_that_are_not_are_printed(
    show: Callable[..., str],
) -> None:
    out = show(when=pd.Timestamp(0), worn=True, time=np.arange(6 * 60 * 32))
    assert "Channels: BVP, ECG (numeric columns without another role)." in out
    assert "Gender (text), when (dates or times), worn (true or false), time (by its name)." in out
    assert "windows of 256 samples of BVP, ECG from 6 subjects." in out


def test_a_column_that_rises_in_each_row_of_a_recording_is_not_a_channel(
    show: Callable[..., str], recordings: pd.DataFrame
) -> None:
    row = np.arange(6 * 60 * 32)
    again = recordings.groupby("subject").cumcount().to_numpy()
    out = show(seconds=row / 32, elapsed=again, drift=np.where(row == 99, 0, row))
    assert "Channels: BVP, ECG, drift (" in out
    assert "seconds (rises in each row, like a time), elapsed (rises in each row," in out
    assert "samples of BVP, elapsed from" in show(
        "--feature", "BVP", "--feature", "elapsed", elapsed=again
    )


@pytest.mark.parametrize(
    "name", ["Unnamed: 0", "index", "level_1", "row", "time", "Timestamp", "date", "datetime", "t"]
)
@pytest.mark.slow
def test_a_column_that_numbers_or_dates_the_rows_is_not_a_channel(
    show: Callable[..., str], name: str
) -> None:
    column = {name: np.random.default_rng(0).normal(size=6 * 60 * 32)}
    assert "samples of BVP, ECG from" in show(**column)
    assert f"samples of BVP, {name} from" in show("--feature", "BVP", "--feature", name, **column)


@pytest.mark.slow
def test_a_column_that_never_changes_within_a_recording_is_a_channel_only_where_it_is_named(
    show: Callable[..., str], recordings: pd.DataFrame
) -> None:
    age = recordings["subject"].str[1:].astype(int) + 30.0
    half = np.arange(len(recordings)) % (60 * 32) // (30 * 32)
    out = show(AGE=age, gain=half)
    assert "AGE (constant within each recording)." in out
    assert "samples of BVP, ECG, gain from" in out
    out = show("--boundary", "gain2", AGE=age, gain=2.0 * half, gain2=half)
    assert "AGE (constant within each recording), gain (constant within each recording)." in out
    named = ["--feature", "BVP", "--feature", "AGE"]
    assert "samples of BVP, AGE from" in show(*named, AGE=age)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.filterwarnings("ignore:The mean in each window of 'rate':skaug.DataWarning")
@pytest.mark.slow
def test_a_column_that_follows_the_target_is_a_channel_only_where_it_is_named(
    show: Callable[..., str], recordings: pd.DataFrame, sign: int
) -> None:
    rng = np.random.default_rng(0)
    # A window averages the noise of 256 rows, of which 2 remain; the rates spread by more than 10.
    rate = sign * recordings["heart_rate"] + rng.normal(0, 32, len(recordings))
    out = show(rate=rate)
    assert "follows heart_rate, which would give the answer away" in out
    assert re.search(
        rf"correlation in parentheses\): rate \({'-' if sign < 0 else ''}0\.9[5-9]", out
    )
    assert "samples of BVP, ECG from" in out
    assert "samples of rate from" in show("--feature", "rate", rate=rate)


def test_few_windows_or_constant_columns_do_not_follow_the_target(windows: Windows) -> None:
    follows = np.repeat(windows.y[:, None], windows.window_size, axis=1)[..., None]
    constant = np.full_like(follows, 0.1)
    both = Windows.from_arrays(np.concatenate([follows, constant], axis=2), y=windows.y)
    assert without_labels(["x0", "x1"], both, "y") == ["x1"]
    assert without_labels(["x0", "x1"], both[:7], "y") == ["x0", "x1"]


def test_a_column_that_follows_the_target_is_named_before_missing_values(
    tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    path, gap = tmp_path / "table.parquet", np.arange(len(recordings)) == 700
    table = recordings[COLUMNS].assign(rate=recordings["heart_rate"].mask(gap))
    arguments = ["compare", str(path), "--target", "heart_rate", *CUT, "--protocol", "TRTR"]
    table.to_parquet(path)
    assert main(arguments) == 0  # nothing else is missing
    assert "which would give the answer away (correlation in parentheses): rate" in (
        capsys.readouterr().out
    )
    table.assign(ECG=table["ECG"].mask(gap)).to_parquet(path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert "parentheses): rate" in out
    assert "missing or infinite in 'ECG' (1)" in err


RATES = ["--sampling-rate", "32", "--low", "0.5", "--high", "4"]


@pytest.mark.slow
def test_a_rate_channel_adds_the_untrained_baseline(
    table: Path, windows: Windows, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "compare",
        str(table),
        "--target",
        "heart_rate",
        *CUT,
        "--protocol",
        "TRTR",
        *RATES,
    ]
    assert main([*arguments, "--rate-channel", "BVP"]) == 0
    out = capsys.readouterr().out
    picker = SpectralPeakRegressor(0.5, 4, sampling_rate=32, channel="BVP")
    errors = pd.Series(np.abs(picker.predict(windows) - windows.y))
    expected = errors.groupby(windows.groups).mean()
    (line,) = [line for line in out.splitlines() if line.startswith("spectral peak")]
    assert f" {expected.mean():.2f} ± {expected.std():.2f} " in line
    assert main(arguments) == 0
    assert "spectral peak" not in capsys.readouterr().out


@pytest.mark.slow
def test_a_page_checks_the_labels_by_the_rate_channel(table: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    page = tmp_path / "page.html"
    options = ["compare", str(table), "--target", "heart_rate", *CUT, *RATES, "--report", str(page)]
    assert main([*options, "--rate-channel", "BVP"]) == 0
    assert "spectral peak against label: BVP" in page.read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--low", "0.5"], "pass --sampling-rate and --high."),
        (["--low", "0", *RATES[:2], "--high", "4"], "pass --low."),
        (
            [*RATES[:2], "--low", "0.5", "--high", "16"],
            "must lie between 0 and half of --sampling-rate 32",
        ),
        (
            [*RATES, "--rate-channel", "BVB"],
            "--rate-channel BVB is not a channel: use one of 'BVP', 'ECG'.",
        ),
        ([*RATES, "--model", "logistic"], "the target has classes: leave --rate-channel out"),
        ([*RATES[:4], "--high", "0.55"], "narrower than 0.125 Hz"),
    ],
)
def test_a_rate_channel_needs_rates_and_a_band(
    table: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["compare", str(table), "--target", "heart_rate", *CUT, "--rate-channel", "BVP"]
    assert message in error_of([*arguments, *options], capsys)


@pytest.mark.parametrize("name", ["recording", "Session"])
@pytest.mark.slow
def test_a_column_of_recordings_is_a_boundary_unless_it_is_turned_off(
    show: Callable[..., str], recordings: pd.DataFrame, name: str
) -> None:
    # Of 60 s a window of 8 s every 4 s has 14; of twice 30 s it has twice 6.
    column = {name: recordings.groupby("subject").cumcount() // 960}
    out = show(**column)
    assert f"A new recording begins where {name} changes. --boundary none turns this off." in out
    assert f"{6 * 12} windows of 256 samples of BVP, ECG from" in out
    off = show("--boundary", "none", **column)
    assert "A new recording begins" not in off
    assert f"{6 * 14} windows of 256 samples of BVP, ECG from" in off
    with pytest.raises(DataWarning, match=f"The column '{name}' changes within"):
        show("--boundary", "Gender", **column)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert f"{6 * 14} windows" in show("--boundary", "Gender", **column)


def test_a_count_is_not_a_ratio(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["compare", str(table), "--feature", "BVP", "--target", "heart_rate", *CUT]
    assert main([*options, "--protocol", "TSTR", "--n-synthetic", "10"]) == 0
    shown = capsys.readouterr().out
    assert rows_of(shown)["TSTR"][0] == 10
    assert "difference" not in shown
    assert main([*options, "--protocol", "TSTR", "--ratio", "1"]) == 0
    windows_a_subject = (60 * 32 - 256) // 128 + 1
    assert rows_of(capsys.readouterr().out)["TSTR"][0] == 5 * windows_a_subject


@pytest.mark.parametrize("representation", ["spectrum", "statistics", "flatten"])
@pytest.mark.parametrize("model", ["ridge", "extra-trees", "neighbors"])
@pytest.mark.slow
def test_every_representation_goes_with_every_model(
    table: Path, representation: str, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--representation", representation, "--model", model, "--protocol", "TRTR"]
    assert (
        main(["compare", str(table), "--feature", "BVP", "--target", "heart_rate", *options]) == 0
    )
    assert "TRTR" in rows_of(capsys.readouterr().out)


def test_a_spectrum_has_at_most_64_bands_of_mean_power(windows: Windows) -> None:
    spectrum = WindowSpectrum(0.5, 16, sampling_rate=32)
    bands = LogPowerBands(0.5, 16, sampling_rate=32)
    power = np.exp(spectrum.fit_transform(windows).to_numpy()).reshape(len(windows), 2, -1)
    found = bands.fit_transform(windows).to_numpy().reshape(len(windows), 2, -1)
    assert (power.shape[2], found.shape[2]) == (125, 64)
    edges = np.arange(65) * 125 // 64
    for i, (first, end) in enumerate(itertools.pairwise(edges)):
        assert_allclose(found[:, :, i], np.log(power[:, :, first:end].mean(axis=2)), rtol=1e-5)
    names = spectrum.get_feature_names_out().reshape(2, -1)[:, edges[:-1]]
    assert bands.get_feature_names_out().tolist() == names.ravel().tolist()
    narrow = [kind(0.5, 4, 32).fit_transform(windows) for kind in (WindowSpectrum, LogPowerBands)]
    assert_allclose(narrow[1].to_numpy(), narrow[0].to_numpy(), rtol=1e-5)


@pytest.mark.parametrize("kind", ["text", "bool", "category"])
def test_classes_are_classified_and_scored_by_accuracy(
    tmp_path: Path, recordings: pd.DataFrame, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    is_fast = recordings["heart_rate"] > recordings["heart_rate"].median()
    names = is_fast.map({True: "fast", False: "slow"})
    level = {"text": names, "bool": is_fast, "category": names.astype("category")}[kind]
    path, scores = tmp_path / "table.parquet", tmp_path / "scores.csv"
    recordings[COLUMNS].drop(columns="heart_rate").assign(level=level).to_parquet(path)
    wanted = ["compare", str(path), "--feature", "BVP", "--target", "level", *CUT]
    assert main([*wanted, "--protocol", "TRTR", "--output", str(scores)]) == 0
    out = capsys.readouterr().out
    assert "\naccuracy of level" in out
    assert "\nbalanced accuracy of level" in out
    assert {"accuracy", "balanced accuracy"} < set(pd.read_csv(scores))
    assert main([*wanted, "--protocol", "TRTR", "--metric", "neg_log_loss"]) == 0
    assert "\nlog loss of level" in capsys.readouterr().out
    assert main([*wanted, "--target-agg", "mean"]) == 2
    assert "--target-agg mode" in capsys.readouterr().err
    assert main([*wanted, "--model", "ridge"]) == 2
    assert "use --model logistic or extra-trees or neighbors" in capsys.readouterr().err


@pytest.mark.slow
def test_controls_stand_beside_the_protocols(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--feature", "BVP", "--target", "heart_rate", *CUT, "--protocol", "TRTR"]
    assert main(["compare", str(table), *options, "--protocol", "TRSTR", "--control"]) == 0
    out = capsys.readouterr().out
    assert list(rows_of(out)) == ["TRTR", "TRSTR", "TRRTR", "TRPTR"]
    assert "of controls, unadjusted" in out


def test_one_training_subject_is_enough_for_a_ridge(
    tmp_path: Path, recordings: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.parquet"
    recordings[recordings["subject"].isin(["S1", "S2"])][COLUMNS].to_parquet(path)
    options = ["--feature", "BVP", "--target", "heart_rate", *CUT, "--low", "0.01", "--high", "0.1"]
    assert main(["compare", str(path), *options, "--protocol", "TRTR"]) == 0
    assert "naive" in capsys.readouterr().out


def test_a_metric_is_named_as_scikit_learn_names_it(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["compare", str(table), "--target", "heart_rate", "--metric", "mean_absolute_error"])
    assert "did you mean neg_mean_absolute_error" in capsys.readouterr().err


def test_a_metric_that_does_not_suit_the_target_is_reported(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*CUT, "--protocol", "TRTR", "--model", "neighbors", "--metric", "accuracy"]
    assert main(["compare", str(table), "--target", "heart_rate", *options]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "--metric accuracy of subject 'S1' failed" in error
    assert "choose one for numbers, such as neg_mean_absolute_error" in error


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert skaug.__version__ in capsys.readouterr().out


@pytest.fixture
def folder(
    tmp_path: Path, table: Path, recordings: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The working directory, with files that the command line cannot use."""
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    (tmp_path / "bad.csv").write_bytes(b'\xff\xfe\x00"')
    (tmp_path / "empty.csv").write_bytes(b"")
    whole = gzip.compress(recordings[:200].to_csv(index=False).encode())
    (tmp_path / "cut.csv.gz").write_bytes(whole[: len(whole) // 2])
    for name, text in {
        "semicolons.csv": "subject;BVP\nS1;3,5\n",
        "tabs.txt": "subject\tBVP\nS1\t3\n",
        "one.csv": "BVP\n3\n",
        "header.csv": "subject,BVP,heart_rate\n",
        "ragged.csv": "subject,BVP,heart_rate\nS1,1,60\nS1,2,60,3\n",
        "trailing.csv": "subject,BVP,heart_rate\nS1,1,60,\nS1,2,60,\n",
        "commas.csv": "subject,BVP,heart_rate\nS1,1,5,60\nS1,2,5,60\n",
        "quoted.csv": 'subject,BVP,heart_rate\nS1,"1,5",60\nS1,"2,5",60\n',
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "table.xlsx").write_bytes(b"")
    first_row = recordings.index == 0
    time = recordings.groupby("subject").cumcount() / 32
    for name, frame in {
        "one": recordings[recordings["subject"] == "S1"],
        "few": recordings[recordings["subject"].isin(["S1", "S2", "S3"])],
        "gap": recordings.assign(BVP=recordings["BVP"].mask(first_row)),
        "nobody": recordings.assign(subject=recordings["subject"].mask(first_row)),
        "nosubject": recordings[["BVP", "ECG", "heart_rate", "Gender"]],
        "astext": recordings.assign(heart_rate=(recordings["heart_rate"] + 0.5).astype(str)),
        "classes": recordings.assign(
            when=time.astype(str) + recordings["subject"],
            level=recordings["subject"].eq("S2").map({True: "b", False: "a"}),
        ),
        "timed": recordings.assign(time=time),
        "backwards": recordings.assign(time=time[::-1].to_numpy()),
        "dated": recordings.assign(date=pd.Timestamp(0) + pd.to_timedelta(time, unit="s")),
        "text": recordings[["subject", "heart_rate", "Gender"]],
        "mixed": recordings.assign(BVP=recordings["BVP"].astype(str).mask(first_row, "oops")),
    }.items():
        frame.to_parquet(tmp_path / f"{name}.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


#: Parameters of Python, which nobody can set from the command line.
PYTHON = re.compile(
    r"\w=|\b(window_size|max_gap|target_agg|n_\w+|sampling_rate|random_state|\w+\()"
)


def error_of(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that fails and return its error, which is one line of plain words."""
    try:
        code = main(arguments)
    except SystemExit as stop:  # as argparse ends
        code = stop.code
    shown = capsys.readouterr()
    assert code == 2
    (line,) = shown.err.splitlines()
    assert line.startswith("skaug: error: ")
    assert "MAE" not in shown.out
    assert not PYTHON.search(re.sub(r"'[^']*'", "", line)), line
    return line


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("nowhere.parquet", "There is no file 'nowhere.parquet': check the path"),
        ("bad.parquet", "'bad.parquet' cannot be read as a parquet file"),
        ("bad.csv", "'bad.csv' cannot be read as a CSV file"),
        ("cut.csv.gz", "'cut.csv.gz' cannot be read as a CSV file"),
        ("bad.csv", "it is not in UTF-8"),
        ("empty.csv", "is empty: name a file with recordings"),
        ("header.csv", "'header.csv' has no rows"),
        ("semicolons.csv", "has a single column, 'subject;BVP': pass --separator ';'."),
        ("tabs.txt", "pass --separator tab."),
        (
            "one.csv",
            "has a single column, 'BVP': name the character between the columns with --sep",
        ),
        ("ragged.csv", "saw 4. Check the file and --separator"),
        ("trailing.csv", "has more values per row than names of columns: remove what stands after"),
        (
            "commas.csv",
            "if numbers have a decimal comma, put another character between the columns",
        ),
        ("quoted.csv", "'BVP' holds text with commas, first '1,5' in row 0 (counted from 0)"),
        ("table.xlsx", "must end in .parquet, or in .csv, .tsv or .txt, which .gz may follow"),
        (".", "is a folder: name one file, or cut a folder of files with skaug windows"),
        ("one.parquet", "are of a single subject, 'S1', so none is left to test on"),
        (
            "nosubject.parquet",
            "There is no column 'subject': name the column of subjects with --subject",
        ),
        ("nosubject.parquet", "The table has 'BVP', 'ECG', 'heart_rate', 'Gender'."),
        ("astext.parquet", "'heart_rate' holds numbers as text"),
        ("nobody.parquet", "The subject column 'subject' is missing in 1 rows, first in row 0"),
        ("text.parquet", "No column is a channel: Gender (text): name the channels with --feature"),
        ("gap.parquet", "--missing drop"),
    ],
)
def test_a_table_that_cannot_be_used_is_reported(
    file: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert message in error_of(["compare", file, "--target", "heart_rate"], capsys)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("recordings", "--target heartrate", "no column 'heartrate' for --target. The nearest is"),
        ("recordings", "--feature BVB", "no column 'BVB' for --feature. The nearest is 'BVP'"),
        ("recordings", "--subject subjct", "for --subject. The nearest is 'subject'"),
        ("recordings", "--boundary sesion", "no column 'sesion' for --boundary"),
        ("recordings", "--time tme", "no column 'tme' for --time"),
        ("recordings", "--feature Gender", "'Gender' holds"),
        ("recordings", "--feature heart_rate", "remove it from --feature"),
        ("recordings", "--target Gender", "choose another column with --target"),
        ("recordings", "--max-gap 2", "pass --time COLUMN"),
        ("timed", "--time time --max-gap 2s", "--max-gap 2s must be a number"),
        (
            "classes",
            "--target when",
            "'when' has 18 different values in 18 windows, too many for classes",
        ),
        (
            "recordings",
            "--model logistic",
            "if it holds numbers, use --model ridge or extra-trees or ",
        ),
        (
            "few",
            "--model neighbors --window-size 1900",
            "needs 5 training windows, but there are 2",
        ),
        ("recordings", "--feature BVP,ECG", "takes one column: pass --feature BVP --feature ECG."),
        ("recordings", "--strata nope", "There is no column 'nope' for --strata."),
        (
            "recordings",
            "--target BVP --target ECG",
            "names 'ECG' beside 'BVP', but commands take one",
        ),
        ("recordings", "--target subject", "'subject' is the column of subjects"),
        (
            "recordings",
            "--features BVP",
            "--features BVP; did you mean --feature? (see skaug compare",
        ),
        (
            "recordings",
            "--feature BVP ECG",
            "arguments: ECG; pass one value per option, and repeat",
        ),
        (
            "recordings",
            "--xyzzy",
            "--xyzzy; options are listed in the help (see skaug compare --help)",
        ),
        ("recordings", "--separator ;", "'recordings.parquet' is a parquet file: leave them out"),
        ("recordings", "--decimal ,", "'recordings.parquet' is a parquet file: leave them out"),
        ("classes", "--target level", "Without the subject 'S2', which is left out in turn, all"),
        ("backwards", "--time time", "in --boundary"),
        ("recordings", "--window-size 9999", "has 1920. Use a smaller --window-size"),
        ("recordings", "--high 9 --low 8", "--high 9 is above 0.5"),
        ("recordings", "--n-synthetic 0 --protocol TSTR", "use a larger --n-synthetic"),
        ("mixed", "", "'BVP' has text among its numbers, first 'oops' in row 0 (counted from 0)"),
        ("mixed", "--feature BVP", "name other columns with --feature"),
        ("mixed", "--feature ECG --target BVP", "first 'oops' in row 0"),
        ("recordings", "--boundary none --boundary Gender", "use one or the other"),
        ("gap", "--missing keep", "use --missing drop or --missing ffill"),
        (
            "recordings",
            "--purity 0.8",
            "--purity 0.8 is the share of the most frequent class, so it",
        ),
        ("recordings", "--purity 0.8", "needs --target-agg mode, not 'mean'"),
        ("recordings", "--last align --alignment table", "use --alignment subject, or --last drop"),
    ],
)
def test_an_error_names_options_of_the_command(
    file: str, options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = [] if "--target" in options else ["--target", "heart_rate"]
    arguments = ["compare", f"{file}.parquet", *target, *options.split()]
    assert message in error_of(arguments, capsys)


@pytest.mark.parametrize(
    ("command", "option", "value", "message"),
    [
        ("compare", "--window-size", "0", "'0' must be a whole number, 1 or more"),
        ("compare", "--window-size", "x", "'x' must be a whole number, 1 or more"),
        ("compare", "--stride", "-3", "'-3' must be a whole number, 1 or more"),
        ("compare", "--max-gap", "0", "'0' must be above 0"),
        ("compare", "--separator", ";;", "';;' must be one character that is neither a letter"),
        ("compare", "--separator", "x", "'x' must be one character that is neither a letter"),
        ("compare", "--decimal", ";", "invalid choice: ';'"),
        ("compare", "--sampling-rate", "0", "'0' must be a number above 0"),
        ("compare", "--high", "nan", "'nan' must be a number above 0"),
        ("compare", "--ratio", "x", "'x' must be a number, 0 or more"),
        ("compare", "--ratio", "-0.5", "'-0.5' must be a number, 0 or more"),
        ("compare", "--n-synthetic", "-1", "'-1' must be a whole number, 0 or more"),
        (
            "compare",
            "--n-synthetic",
            "0.5",
            "'0.5' must be a whole number, 0 or more; for a number ",
        ),
        ("compare", "--repeats", "0", "'0' must be a whole number, 1 or more"),
        ("compare", "--rope", "inf", "'inf' must be a number above 0"),
        ("compare", "--seed", "-1", "'-1' must be a whole number, 0 or more"),
        ("compare", "--jobs", "0", "'0' must be a whole number, 1 or more, or -1"),
        ("compare", "--protocol", "RTTR", "invalid choice: 'RTTR'"),
        ("demo", "--subjects", "1", "'1' must be a whole number, 2 or more"),
        ("demo", "--minutes", "0.1", "'0.1' must be a number, 0.17 or more"),
        ("serve", "--port", "70000", "'70000' must be a whole number, 0 to 65535"),
        ("serve", "--delay", "-1", "'-1' must be a number, 0 or more"),
        ("windows", "--workers", "0", "'0' must be a whole number, 1 or more"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_option(
    command: str, option: str, value: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    error = error_of([command, f"{option}={value}"], capsys)
    assert f"argument {option}: {message}" in error
    assert error.endswith(f"(see skaug {command} --help)")


def test_a_key_that_is_not_set_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'NO_SUCH_KEY' of --key-env" in error_of(["serve", "--key-env", "NO_SUCH_KEY"], capsys)


def test_the_target_is_required(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "required: --target" in error_of(["compare", str(table)], capsys)


def test_jobs_may_be_one_per_processor() -> None:
    assert n_jobs("-1") == -1


def test_names_of_the_user_stay_as_they_are_in_errors() -> None:
    error = ValueError("There is no column 'n_jobs=3' for features. The table's grid: stride=2.")
    assert plain_line(error) == (
        "There is no column 'n_jobs=3' for --feature. The table's grid: --stride 2."
    )


def test_an_error_has_no_traceback_and_exit_code_2(tmp_path: Path) -> None:
    done = run("compare", tmp_path / "nowhere.csv", "--target", "heart_rate")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
