"""How sphinx makes the site of README.md, the pages beside it and docs/: ``make site``. It asks no network."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from pygments.lexers.data import JsonLexer
from pygments.lexers.special import TextLexer

from docs.tools.pages import ROOT

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "pytest-llmeval"
extensions = ["myst_parser"]
root_doc = "README"
include_patterns = ["*.md", "docs/**.md", "example_project/README.md"]
exclude_patterns = [".*", "benchmarks", "pytest_llmeval", "tests", "**/__pycache__"]
myst_heading_anchors = 4
nitpicky = True
smartquotes = False  # "" is an empty text, not a pair of quotes

html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False

_LISTED = re.compile(r"^## (.+)$|\]\(([a-z/-]+)\.md\)", re.MULTILINE)


def _toctrees() -> str:
    """What stands at the left of each page, in the order of docs/README.md: plain Markdown has no word for it."""
    trees = ["```{toctree}\n:hidden:\n\n/docs/README"]
    for heading, page in _LISTED.findall((ROOT / "docs" / "README.md").read_text(encoding="utf-8")):
        trees += [f"```\n\n```{{toctree}}\n:hidden:\n:caption: {heading}\n"] if heading else [f"/docs/{page}"]
    trees.append("```\n\n```{toctree}\n:hidden:\n:caption: The project\n")
    trees += [f"/{name}" for name in ("CHANGELOG", "CONTRIBUTING", "RELEASING", "SECURITY", "AGENTS")]
    return "\n".join([*trees, "/example_project/README", "```"])


def _read(app: Sphinx, name: str, source: list[str]) -> None:
    if name == root_doc:
        source[0] += "\n\n" + _toctrees()


def _finish(app: Sphinx, raised: Exception | None) -> None:
    """A site starts at index.html, while a code host starts at README.md."""
    if raised is None:
        shutil.copyfile(app.outdir / f"{root_doc}.html", app.outdir / "index.html")


def setup(app: Sphinx) -> None:
    """What sphinx calls."""
    app.add_lexer("jsonl", JsonLexer)
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", _read)
    app.connect("build-finished", _finish)
