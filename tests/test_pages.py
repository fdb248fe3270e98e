"""The Python of the README and of each page of the site runs as a script, and links lead somewhere."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest
from run_blocks import read_page, run_page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GENERATED = {"_build", "gallery", "generated"}
PAGES = [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if GENERATED.isdisjoint(page.relative_to(DOCS).parts)
]
CHAPTERS = [page for page in PAGES if page.parent.name == "guide" and page.stem != "index"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", DOCS / "get_started.md", *CHAPTERS], ids=name_of
)
def test_a_page_that_teaches_has_python_that_needs_no_other_library(page: Path) -> None:
    assert read_page(page).blocks
    assert not read_page(page).requires


def test_libraries_of_pages_are_integrations_or_too_heavy_to_run() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    listed = extras["optional-dependencies"]["integrations"]
    integrations = {re.split("[^a-z-]", requirement)[0] for requirement in listed}
    required = {name for page in PAGES for name in read_page(page).requires}
    required = {{"imblearn": "imbalanced-learn"}.get(name, name) for name in required}
    assert required - integrations == {"mlflow"}
    assert required - {"mlflow"} == integrations


def test_the_guide_has_nine_chapters() -> None:
    assert len(CHAPTERS) == 9


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PAGES if read_page(path).blocks], ids=name_of)
@pytest.mark.skipif("SKAUG_SKIP_PAGES" in os.environ, reason="the build of the site runs them")
def test_the_python_of_a_page_runs_as_a_script_without_a_warning_of_the_library(
    path: Path, tmp_path: Path
) -> None:
    page = read_page(path)
    if page.missing:
        pytest.skip(f"needs {', '.join(page.missing)}")
    result = run_page(page, tmp_path)
    assert result.error == ""
    assert len(result.outputs) == len(page.blocks)


def test_a_page_on_which_the_library_warns_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\nimport warnings, skaug\nwarnings.warn('too few', skaug.DataWarning)\n```\n"
    )
    assert "DataWarning: too few" in run_page(read_page(page), tmp_path / "made").error


def test_files_that_the_readme_links_to_exist() -> None:
    names = re.findall(r"\]\(([\w/.]+\.(?:md|png|py))[#)]", (ROOT / "README.md").read_text())
    assert len(names) >= 2
    for name in names:
        assert (ROOT / name).is_file()


def test_sections_that_pages_link_to_exist() -> None:
    """GitHub spells the address of a section in lower case, without punctuation, with hyphens for spaces."""
    n_links = 0
    for page in (ROOT / "README.md", *PAGES):
        for name, section in re.findall(r"\]\(([\w/.]*)#([\w-]+)\)", page.read_text()):
            target = page.parent / name if name else page
            titles = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.M)
            assert section in [re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles]
            n_links += 1
    assert n_links >= 3
