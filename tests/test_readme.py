"""What the README and the citation say is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from run_blocks import read_page, run_page

import skaug
from skaug.cli import main

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), flags=re.M | re.S)


def test_the_python_of_the_readme_prints_scores_and_a_verdict(tmp_path: Path) -> None:
    result = run_page(read_page(README), tmp_path)
    assert result.error == ""
    search, comparison = result.outputs
    assert re.fullmatch(
        r"\{'TRTR': [\d.]+, 'TRSTR': [\d.]+, 'TSTR': [\d.]+\}", search.printed.strip()
    )
    assert comparison.printed.splitlines()[0].endswith("of 6 subjects.")


@pytest.mark.slow
def test_the_demo_prints_the_table_and_the_verdict_of_the_readme(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    table = blocks("text")[0].splitlines()
    start = printed.splitlines().index(table[0])
    number = r"[+-]?\d+(?:\.\d+)?"
    for shown, line in zip(table, printed.splitlines()[start:], strict=False):
        assert re.split(number, shown) == re.split(number, line)
        # Other versions of NumPy and SciPy may round the last digit otherwise.
        expected = [float(text) for text in re.findall(number, shown)]
        assert [float(text) for text in re.findall(number, line)] == pytest.approx(
            expected, abs=0.011
        )
    verdict = re.search(r"here \*(.+?)\*", README.read_text(), flags=re.S)
    assert verdict is not None
    for name in ("surrogate", "rate"):
        assert f"Adding synthetic windows from {name!r}: {verdict[1]}" in printed


def test_the_citation_has_the_version_of_the_package() -> None:
    lines = (README.parent / "CITATION.cff").read_text().splitlines()
    assert f"version: {skaug.__version__}" in lines
