"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
GUIDE = README.parent / "docs" / "guide.md"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what the texts write be written to a folder of its own."""
    monkeypatch.chdir(tmp_path)


def run(text: Path) -> int:
    """Run all the Python of a text, and give how many blocks that is."""
    blocks = re.findall(r"^```python\n(.*?)^```", text.read_text(), flags=re.M | re.S)
    exec(compile("\n".join(blocks), text.name, "exec"), {})
    return len(blocks)


def test_the_lines_of_python_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(README) == 2
    shown = capsys.readouterr().out
    scores, verdict, *_ = shown.splitlines()
    assert re.fullmatch(r"\{'TRTR': [\d.]+, 'TRSTR': [\d.]+, 'TSTR': [\d.]+\}", scores)
    assert verdict.endswith("of 6 subjects.")


def test_the_guide_runs_from_top_to_bottom(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(GUIDE) >= 5
    assert "TSTR" in capsys.readouterr().out
    written = {path.name for path in tmp_path.iterdir()}
    assert {"report.html", "comparison", "subjects.png"} <= written


def test_files_that_the_readme_names_are_there() -> None:
    names = re.findall(r"\]\(([\w/.]+\.md)\)", README.read_text())
    assert len(names) >= 2
    for name in names:
        assert (README.parent / name).is_file()
