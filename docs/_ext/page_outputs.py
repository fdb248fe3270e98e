"""An extension of Sphinx: run the Python blocks of each Markdown page, and show what they print and draw.

A page is run again if its blocks or skaug have changed. A block that fails fails the build, after all
pages are read.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import textwrap
from pathlib import Path
from typing import Any

import run_blocks
from docutils import nodes
from run_blocks import Output, Page, Result, read_page, run_page
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

import skaug

logger = logging.getLogger(__name__)

LINE_LENGTH = 88  # of the code that is shown


@dataclasses.dataclass
class PageRun:
    """The facts about the run of a page that the end of the build reports."""

    n_blocks: int
    seconds: float = 0.0
    missing: list[str] = dataclasses.field(default_factory=list)
    publishes: dict[str, str] = dataclasses.field(default_factory=dict)  # name: path
    error: str = ""
    library: str = ""


class InsertOutputs(SphinxTransform):
    """Run the page that was just parsed, and insert outputs and figures."""

    default_priority = 400

    def apply(self, **kwargs: Any) -> None:
        """Run the page if it is Markdown and has blocks."""
        path = self.env.doc2path(self.env.docname)
        if path.suffix != ".md":
            return
        page = read_page(path)
        if not page.blocks:
            return
        run = PageRun(len(page.blocks), missing=page.missing, library=library_hash())
        page_runs(self.env)[self.env.docname] = run
        shown = self.shown_blocks(page)
        if run.missing:
            for first in shown[:1]:
                first.parent.insert(first.parent.index(first), not_run(run.missing))
            return

        folder = Path(self.app.doctreedir, "run_blocks", page_hash(page, run.library))
        result = cached_run(page, folder)
        run.seconds, run.error = result.seconds, result.error
        run.publishes = {name: str(folder / name) for name in page.publishes}
        if result.error:
            line = failing_line(result.error, page)
            logger.error(
                "a block of this page failed:\n%s",
                result.error.rstrip(),
                location=(self.env.docname, line),
                type="run_blocks",
            )
        for literal, output in zip(shown, result.outputs, strict=False):
            position = literal.parent.index(literal) + 1
            literal.parent.insert(position, self.output_nodes(output, folder))

    def shown_blocks(self, page: Page) -> list[nodes.literal_block]:
        """Return the nodes of the blocks that are run, which are on the page in the same order."""
        candidates = iter(self.document.findall(nodes.literal_block))
        found = []
        for block in page.blocks:
            for node in candidates:
                if node.get("language") == "python" and node.astext().strip() == block.code.strip():
                    found.append(node)
                    break
            else:
                logger.error(
                    "this block is run but not shown", location=(self.env.docname, block.opens)
                )
                break
        return found

    def output_nodes(self, output: Output, folder: Path) -> list[nodes.Node]:
        """Return what is shown below a block."""
        made: list[nodes.Node] = []
        if output.printed.strip():
            text = wrapped(output.printed.rstrip())
            literal = nodes.literal_block(text, text, language="none", classes=["block-output"])
            made.append(literal)
        here = self.env.doc2path(self.env.docname).parent
        for name, alt in output.figures:
            uri = Path(os.path.relpath(folder / name, here)).as_posix()
            made.append(nodes.image(uri=uri, alt=alt, classes=["block-figure"]))
        return made


def wrapped(text: str) -> str:
    """Wrap long lines of sentences as a notebook does. Lines of tables stay as they are."""
    return "\n".join(
        line if "  " in line.strip() else textwrap.fill(line, LINE_LENGTH, break_on_hyphens=False)
        for line in text.splitlines()
    )


def not_run(missing: list[str]) -> nodes.Node:
    """Say that the blocks of a page were not run."""
    text = f"The blocks of this page were not run in this build: it lacks {' and '.join(missing)}."
    return nodes.note("", nodes.paragraph(text, text))


def cached_run(page: Page, folder: Path) -> Result:
    """Run a page, or return what a run of the same blocks has stored. Failures are not stored."""
    stored = folder / "result.json"
    if stored.is_file():
        content = json.loads(stored.read_text(encoding="utf-8"))
        outputs = [Output(**output) for output in content.pop("outputs")]
        return Result(outputs, **content)
    result = run_page(page, folder)
    if not result.error:
        stored.write_text(json.dumps(dataclasses.asdict(result)), encoding="utf-8")
    return result


def page_hash(page: Page, library: str) -> str:
    """Return a name for the blocks of a page and the library they are run with."""
    content = json.dumps([page.path.stem, page.program, page.publishes, library])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def library_hash() -> str:
    """Return a name for the source of skaug and of the code that runs pages."""
    digest = hashlib.sha256()
    library = sorted(Path(skaug.__file__).parent.rglob("*.py"))
    for path in (*library, Path(run_blocks.__file__), run_blocks.HOOK):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def failing_line(error: str, page: Page) -> int | None:
    """Return the line of the page in a traceback."""
    lines = re.findall(rf'File "{re.escape(str(page.path))}", line (\d+)', error)
    return int(lines[0]) if lines else None


# The state of the build: one entry per page that has blocks


def page_runs(env: BuildEnvironment) -> dict[str, PageRun]:
    """Return the run of each page with blocks, by the name of its document."""
    runs: dict[str, PageRun] = vars(env).setdefault("page_runs", {})
    return runs


def forget(app: Sphinx, env: BuildEnvironment, docname: str) -> None:
    """Forget a page that is read again or was removed."""
    page_runs(env).pop(docname, None)


def merge(app: Sphinx, env: BuildEnvironment, docnames: set[str], other: BuildEnvironment) -> None:
    """Take over the pages that another process has read."""
    page_runs(env).update({name: run for name, run in page_runs(other).items() if name in docnames})


def outdated(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> list[str]:
    """Return the pages that failed, or were run with another version of the library."""
    library = library_hash()
    return [name for name, run in page_runs(env).items() if run.error or run.library != library]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Copy published files, say how many blocks ran, and fail the build if one failed."""
    if exception is not None:
        return
    runs = page_runs(app.env)
    for docname, run in runs.items():
        for name, path in run.publishes.items():
            if Path(path).is_file():
                shutil.copy(path, Path(app.outdir, docname).with_name(name))
    ran = [run for run in runs.values() if not run.missing and not run.error]
    logger.info(
        "blocks of pages: %d ran, on %d pages, in %.0f s of processor time",
        sum(run.n_blocks for run in ran),
        len(ran),
        sum(run.seconds for run in ran),
    )
    slowest = sorted(runs.items(), key=lambda item: -item[1].seconds)[:3]
    logger.info("slowest: %s", ", ".join(f"{name} {run.seconds:.0f} s" for name, run in slowest))
    for docname, run in runs.items():
        if run.missing:
            logger.info("not run: %s, which needs %s", docname, ", ".join(run.missing))
        if run.error:
            app.statuscode = 1


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect the extension to a build."""
    app.add_transform(InsertOutputs)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    app.connect("env-get-outdated", outdated)
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
