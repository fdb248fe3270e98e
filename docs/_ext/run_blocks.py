"""Run the Python blocks of a Markdown page as one program, and collect what each block prints and draws.

This needs no Sphinx; the extension `page_outputs` does it for each page of the site. The program has the line
numbers of the page: blocks stand where they stand in the page, all other lines are blank, and the fence that
closes a block becomes a call of `end_of_block.end`.

Front matter of a page may say

- ``requires: [aeon]``: libraries without which the page is shown but not run,
- ``publishes: [report.html]``: files that the blocks write, copied into the site beside the page.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

HOOK = Path(__file__).with_name("end_of_block.py")
TIME_LIMIT = 600  # seconds, against pages that hang
FENCE = re.compile(r"^(?P<indent>\s*)(?P<fence>`{3,}|~{3,})(?P<info>.*)$")


@dataclasses.dataclass(frozen=True)
class Block:
    """A block of Python of a page: its code, and the lines of its opening and closing fences, from 1."""

    code: str
    opens: int
    closes: int


@dataclasses.dataclass(frozen=True)
class Page:
    """The blocks of a page that are run, and its front matter."""

    path: Path
    blocks: tuple[Block, ...]
    requires: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        """The libraries that the page requires and that are not installed."""
        return [name for name in self.requires if importlib.util.find_spec(name) is None]

    @property
    def program(self) -> str:
        """The blocks as a script with the line numbers of the page."""
        lines = [""] * max((block.closes for block in self.blocks), default=0)
        for number, block in enumerate(self.blocks):
            lines[block.opens : block.closes - 1] = block.code.splitlines()
            lines[block.closes - 1] = f"import end_of_block; end_of_block.end({number}, __name__)"
        return "\n".join(lines) + "\n"


@dataclasses.dataclass
class Output:
    """The text that a block printed, and the names and descriptions of the figures it left open."""

    printed: str
    figures: list[tuple[str, str]]


@dataclasses.dataclass
class Result:
    """The outputs of the blocks of a page, up to a failure, and the traceback of that failure."""

    outputs: list[Output]
    error: str = ""
    messages: str = ""
    seconds: float = 0.0  # of processor time


def read_page(path: Path) -> Page:
    """Read the blocks that are run, fenced as ```` ```python ````, and the front matter of a page."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    start = 0
    front_matter: dict[str, list[str]] = {}
    if lines and lines[0] == "---" and "---" in lines[1:]:
        start = lines.index("---", 1) + 1
        front_matter = yaml.safe_load("\n".join(lines[1 : start - 1])) or {}

    blocks = []
    opened: tuple[re.Match[str], int] | None = None  # the outermost fence, and its line
    for number, line in enumerate(lines[start:], start + 1):
        found = FENCE.match(line)
        if found is None:
            continue
        if opened is None:
            opened = found, number
            continue
        opening, first = opened
        if not found["fence"].startswith(opening["fence"]) or found["info"].strip():
            continue
        if opening["info"].strip() == "python":
            indent = len(opening["indent"])
            code = [
                row[indent:] if row[:indent].isspace() else row for row in lines[first : number - 1]
            ]
            blocks.append(Block("\n".join(code), first, number))
        opened = None
    return Page(
        path,
        tuple(blocks),
        tuple(front_matter.get("requires", ())),
        tuple(front_matter.get("publishes", ())),
    )


def run_page(page: Page, folder: Path) -> Result:
    """Run the blocks of a page as a script in a new process and an empty folder.

    Parameters
    ----------
    page : Page
        See `read_page`.
    folder : Path
        Where the figures and the published files go. It is made if it does not exist.

    Returns
    -------
    Result
        The outputs of the blocks. If a block failed, `error` says which and why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        # With a prefix: a page may have the name of the library it imports.
        script = Path(temporary, "program", f"page_{page.path.stem}.py")
        empty = Path(temporary, "empty")
        script.parent.mkdir()
        empty.mkdir()
        script.write_text(page.program, encoding="utf-8")
        shutil.copy(HOOK, script.parent)
        environment = {
            **os.environ,
            "MPLBACKEND": "Agg",
            "PYTHONIOENCODING": "utf-8",
            "TQDM_DISABLE": "1",
            "END_OF_BLOCK_FOLDER": str(folder.resolve()),
            "END_OF_BLOCK_NAME": page.path.stem,
        }
        before = os.times()
        try:
            ran = subprocess.run(
                [sys.executable, str(script)],
                cwd=empty,
                env=environment,
                capture_output=True,
                encoding="utf-8",
                timeout=TIME_LIMIT,
            )
            error = "" if ran.returncode == 0 else ran.stderr or f"exit status {ran.returncode}"
            printed, messages = ran.stdout, ran.stderr
        except subprocess.TimeoutExpired:
            printed, messages, error = "", "", f"did not end within {TIME_LIMIT} s"
        after = os.times()
        for name in page.publishes:
            if (empty / name).is_file():
                shutil.copy(empty / name, folder / name)
            elif not error:
                error = f"The page is to publish {name!r}, but its blocks wrote no such file."
        warned = re.findall(r"(?:Data|Overlap)Warning: .*", messages)
        if warned and not error:
            error = "The library warns: catch what the page wants to show.\n" + "\n".join(warned)
        error = error.replace(str(script), str(page.path)).replace(str(empty), ".")
    return Result(
        outputs=split_outputs(printed),
        error=error,
        messages=messages,
        seconds=sum(after[2:4]) - sum(before[2:4]),
    )


def split_outputs(printed: str) -> list[Output]:
    """Split what a program printed into the outputs of its blocks, at the marks of `end_of_block`."""
    outputs = []
    *pieces, _ = re.split(r"\x1e(.*?)\x1e\n", printed, flags=re.S)
    for text, mark in zip(pieces[::2], pieces[1::2], strict=True):
        outputs.append(Output(text, [(name, alt) for name, alt in json.loads(mark)]))
    return outputs
