"""What the README, the guide and the citation say is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import skaug
from skaug.cli import main

README = Path(__file__).parents[1] / "README.md"
GUIDE = README.parent / "docs" / "guide.md"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to an empty folder, because the pages write files."""
    monkeypatch.chdir(tmp_path)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.M | re.S)


def run(page: Path) -> int:
    """Run all Python blocks of a page, and return how many there are."""
    code = blocks(page, "python")
    exec(compile("\n".join(code), page.name, "exec"), {})
    return len(code)


def test_the_python_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(README) == 2
    scores, verdict, *_ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"\{'TRTR': [\d.]+, 'TRSTR': [\d.]+, 'TSTR': [\d.]+\}", scores)
    assert verdict.endswith("of 6 subjects.")


@pytest.mark.slow
def test_the_demo_prints_the_table_and_the_verdict_of_the_readme(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["demo"]) == 0
    printed = capsys.readouterr().out
    table = blocks(README, "text")[0].splitlines()
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


@pytest.mark.slow
def test_the_guide_runs_from_top_to_bottom(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(GUIDE) >= 5
    assert "TSTR" in capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "comparison", "subjects.png"} <= written


def test_files_that_the_readme_links_to_exist() -> None:
    names = re.findall(r"\]\(([\w/.]+\.md)\)", README.read_text())
    assert len(names) >= 2
    for name in names:
        assert (README.parent / name).is_file()


def test_sections_that_pages_link_to_exist() -> None:
    """GitHub spells the address of a section in lower case, without punctuation, with hyphens for spaces."""
    n_links = 0
    for page in (README, *GUIDE.parent.glob("*.md")):
        for name, section in re.findall(r"\]\(([\w/.]*)#([\w-]+)\)", page.read_text()):
            target = page.parent / name if name else page
            titles = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.M)
            assert section in [re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles]
            n_links += 1
    assert n_links >= 3


def test_the_citation_has_the_version_of_the_package() -> None:
    lines = (README.parent / "CITATION.cff").read_text().splitlines()
    assert f"version: {skaug.__version__}" in lines
