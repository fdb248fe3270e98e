"""An extension of Sphinx: write llms.txt, which tells language models how to use skaug, from a template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from sphinx.application import Sphinx

TEMPLATE = Path(__file__).parents[1] / "_templates" / "llms.txt"


def write(app: Sphinx, exception: Exception | None) -> None:
    """Fill the template with the version and the title of each page."""
    if exception is not None or app.builder.format != "html":
        return
    pages = {
        name: title.astext()
        for name, title in sorted(app.env.titles.items())
        if not name.startswith(("api/generated/", "gallery/sg_"))
    }
    template = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = template.render(version=app.config.release, pages=pages)
    Path(app.outdir, "llms.txt").write_text(text.rstrip() + "\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Write the file at the end of the build."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
