"""The picture in README.md: what a run of the example project prints, with its colours, as an SVG terminal.

`python docs/tools/generate.py` writes docs/picture.svg. What differs from day to day is left out: the seconds a run
takes and the age of the baseline. The picture is the same on every machine, so a test compares all of it.

No library draws it. rich would, but it refers to a font on a server, numbers its styles by a hash, and would be one
more package to pin, for the sixty lines below.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from docs.tools.pages import CUT, ROOT, Page, Project

__all__ = ["COMMAND", "PICTURE", "fresh_picture", "svg"]

PICTURE = ROOT / "docs" / "picture.svg"
COMMAND = "pytest --llm-model=candidate"

_COLUMNS = 80
_WIDTH, _HEIGHT = 8.4, 18  # of a character and of a line, in pixels
_MARGIN = 18
_CODE = re.compile(r"\x1b\[([0-9;]*)m")
_STYLES = {"1": "bold", "31": "red", "32": "green", "33": "yellow"}
_SECONDS = re.compile(r" in \d+\.\d\ds(?: \([0-9:]+\))?")
_MISS = re.compile(r"  \w+: tests/")
_MISSES_SHOWN = 2

# A dark terminal with a border of its own, which is as readable on a white page as on a black one.
_HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{title}</title>
<style>
text {{ font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d1d7e0; }}
.bold {{ font-weight: bold; }}
.dim {{ fill: #8b949e; }}
.red {{ fill: #ff7b72; }}
.green {{ fill: #7ee787; }}
.yellow {{ fill: #e3b341; }}
</style>
<rect x="0.5" y="0.5" width="{inner_width}" height="{inner_height}" rx="8" fill="#0d1117" stroke="#3d444d"/>
"""


def fresh_picture() -> str:
    """The picture as it should be."""
    with tempfile.TemporaryDirectory() as folder, Project(Path(folder), Page(ROOT / "README.md")) as project:
        output = project.run(f"{COMMAND} --color=yes", within="example_project")
    lines = [[("$ ", "dim"), (COMMAND, "bold")], *map(_runs, _shown(output.splitlines()))]
    return svg(
        lines, title="pytest prints which kind of error the candidate makes more often, and that the gate failed"
    )


def svg(lines: Sequence[Sequence[tuple[str, str]]], *, title: str) -> str:
    """Lines of text as a terminal.

    Args:
        lines: each a list of texts with their styles, as CSS classes with spaces between them.
        title: what the picture shows, for those who cannot see it.
    """
    width = round(_COLUMNS * _WIDTH + 2 * _MARGIN)
    height = len(lines) * _HEIGHT + 2 * _MARGIN
    head = _HEAD.format(
        width=width, height=height, inner_width=width - 1, inner_height=height - 1, title=escape(title, quote=False)
    )
    texts = (text for number, line in enumerate(lines) for text in _texts(line, _MARGIN + (number + 0.75) * _HEIGHT))
    return f"{head}{''.join(texts)}</svg>\n"


def _texts(line: Sequence[tuple[str, str]], y: float) -> Iterator[str]:
    column = 0
    for text, style in line:
        kind = f' class="{style}"' if style else ""
        # The columns of a table are texts of their own and have a length, so they stay in line in whatever font.
        for words in re.finditer(r"\S+(?: \S+)*", text):
            x, length = _MARGIN + (column + words.start()) * _WIDTH, len(words[0]) * _WIDTH
            place = f'x="{x:.1f}" y="{y:g}" textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"'
            yield f"<text {place}{kind}>{escape(words[0], quote=False)}</text>\n"
        column += len(text)


def _runs(line: str) -> list[tuple[str, str]]:
    """A line of a terminal as texts with their styles."""
    if line == CUT:
        return [(line, "dim")]
    runs, styles = [], list[str]()
    text, *rest = _CODE.split(line)
    runs.append((text, ""))
    for codes, text in zip(rest[::2], rest[1::2], strict=True):
        for code in codes.split(";"):
            styles = [] if code in ("", "0") else [*styles, _STYLES[code]]
        # Of two colours the last one counts; bold goes with any.
        colour = [style for style in styles if style != "bold"][-1:]
        runs.append((text, " ".join([*(["bold"] if "bold" in styles else []), *colour])))
    return runs


def _shown(lines: Sequence[str]) -> list[str]:
    """The summary as far as its second miss, and how it ends."""
    plain = [_CODE.sub("", line) for line in lines]
    start = next(number for number, line in enumerate(plain) if "= language model evaluation =" in line)
    end = [number for number, line in enumerate(plain) if _MISS.match(line)][_MISSES_SHOWN]
    last = next(number for number, line in enumerate(plain) if line.startswith("next: "))
    shown = [*lines[start:end], CUT, "", *lines[last:]]
    without_seconds = _SECONDS.sub("", shown[-1])
    # pytest fills its last line up to the width of the terminal, which the seconds are part of.
    length = _COLUMNS - len(_CODE.sub("", without_seconds).strip("= ")) - 2
    fill = iter([length // 2, length - length // 2])
    shown[-1] = re.sub(r"=+", lambda _: "=" * next(fill), without_seconds)
    return [line for line in shown if not line.startswith("the baseline is ")]
