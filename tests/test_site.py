"""The site lists every public name, tells language models the truth, and its check notices what is wrong."""

from __future__ import annotations

import importlib
import inspect
import os
import re
from pathlib import Path
from types import ModuleType

import check_site
import pytest
from gallery_settings import ORDER
from run_blocks import read_page, run_page
from test_public_names import PUBLIC

from skaug import SubjectWindower, SynthefyAugmenter
from skaug.synthesis import SynthefyAPI

ROOT = Path(__file__).parents[1]
LLMS = ROOT / "docs" / "_templates" / "llms.txt"
MODULES = [importlib.import_module(name) for name in PUBLIC if name.count(".") <= 1]


def test_the_api_lists_every_public_name_once() -> None:
    listed: list[str] = []
    module = ""
    for line in (ROOT / "docs" / "api" / "index.md").read_text().splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.fullmatch(r"   (\w+)", line):
            listed.append(f"{module}.{found[1]}")
    public = [f"{path}.{name}" for path, names in PUBLIC.items() for name in names]
    assert sorted([*listed, "skaug.__version__"]) == sorted(public)


def test_every_example_has_a_place_in_the_gallery() -> None:
    examples = {path.stem for path in (ROOT / "examples").glob("plot_*.py")}
    assert examples == set(ORDER)


# llms.txt


def owner_of(name: str) -> ModuleType | None:
    return next((module for module in MODULES if hasattr(module, name)), None)


def test_names_in_the_text_for_language_models_exist() -> None:
    text = re.sub(r"```.*?```", "", LLMS.read_text(), flags=re.S)
    inline = re.findall(r"`([^`]+)`", text)
    classes = {name for code in inline for name in re.findall(r"\b[A-Z]\w*[a-z]\w*\b", code)}
    elsewhere = {"KFold", "Pipeline"}  # of scikit-learn
    assert {"RateSynthesizer", "SubjectKFold"} <= classes
    assert {name for name in classes - elsewhere if owner_of(name) is None} == set()
    functions = {name for code in inline for name in re.findall(r"^([a-z]+_[a-z_]+)\b", code)}
    assert {"estimate_calls", "row_scorer"} <= functions
    owners = (SubjectWindower, SynthefyAugmenter, SynthefyAPI)
    parameters = {name for owner in owners for name in inspect.signature(owner).parameters}
    of_others = {"train_test_split"}
    unknown = {name for name in functions - parameters - of_others if owner_of(name) is None}
    assert {name for name in unknown if "__" not in name} == set()


def test_the_program_for_language_models_runs(tmp_path: Path) -> None:
    result = run_page(read_page(LLMS), tmp_path)
    assert result.error == ""
    assert "TRSTR" in result.outputs[0].printed


# The check of the built site


def site_of(folder: Path, **pages: str) -> Path:
    for name, body in pages.items():
        (folder / f"{name}.html").write_text(f"<!doctype html><title>{name}</title>{body}")
    return folder


def test_links_that_lead_nowhere_are_noticed(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        a="<h1 id='top'>A</h1><a href='b.html#here'>b</a><a href='#top'>up</a>"
        "<a href='c.html'>c</a><a href='b.html#gone'>b</a><a href='https://example.org'>out</a>",
        b="<p id='here'></p><img src='no.png'><img srcset='no.png 2x'>",
    )
    assert list(check_site.broken_links(site)) == [
        "a.html links to c.html, which does not exist",
        "a.html links to b.html#gone, but that page has no 'gone'",
        "b.html links to no.png, which does not exist",
    ]


def test_what_is_loaded_from_elsewhere_is_noticed(tmp_path: Path) -> None:
    site = site_of(tmp_path, a="<script src='https://example.org/a.js'></script>")
    assert list(check_site.broken_links(site)) == ["a.html loads https://example.org/a.js"]


@pytest.mark.slow
@pytest.mark.skipif(
    check_site.BROWSER is None and not os.environ.get("SKAUG_REQUIRE_BROWSER"),
    reason="no Chromium here",
)
def test_what_a_browser_complains_about_is_noticed(tmp_path: Path) -> None:
    site = site_of(
        tmp_path,
        good="<meta name='viewport' content='width=device-width'><p>Good.</p>",
        loud="<script>console.error('alas')</script>",
        wide="<div style='width: 600px'>wide</div>",
        chatty="<script>fetch('http://example.org/a').catch(() => 0)</script>",
        dark="<script>document.documentElement.dataset.theme = 'dark'</script>",
    )
    pages = ["good.html", "loud.html", "wide.html", "chatty.html", "dark.html"]
    complaints = list(check_site.complaints(site, pages))
    assert not any(complaint.startswith("good") for complaint in complaints)
    assert "loud.html at 400 px, dark: console: ['alas']" in complaints
    assert [complaint for complaint in complaints if complaint.startswith("wide")] == [
        f"wide.html at 400 px, {scheme}: scrolls horizontally, as it is 608 px wide"
        for scheme in ("light", "dark")
    ]
    assert "chatty.html at 1280 px, light: requests http://example.org/a" in complaints
    assert [complaint for complaint in complaints if complaint.startswith("dark")] == [
        f"dark.html at {width} px, light: is dark" for width in (1280, 400)
    ]
