"""What the README shows is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
GUIDE = README.parent / "docs" / "guide.md"


def test_the_lines_of_python_run(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), flags=re.M | re.S)
    exec(compile(code, "README.md", "exec"), {})
    assert re.fullmatch(
        r"\{'TRTR': [\d.]+, 'TRSTR': [\d.]+, 'TSTR': [\d.]+\}\n", capsys.readouterr().out
    )


def test_the_guide_runs_from_top_to_bottom(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), flags=re.M | re.S)
    exec(compile("\n".join(blocks), "guide.md", "exec"), {})
    shown = capsys.readouterr().out
    assert len(blocks) >= 5
    assert "TSTR" in shown


def test_files_that_the_readme_names_are_there() -> None:
    names = re.findall(r"\]\(([\w/.]+\.md)\)", README.read_text())
    assert len(names) >= 2
    for name in names:
        assert (README.parent / name).is_file()
