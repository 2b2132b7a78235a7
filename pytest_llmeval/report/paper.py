"""Lay out lines and tables to fit a terminal."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.text import harmless

_TYPOGRAPHY = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "→": "->", "×": "x"}  # noqa: RUF001
)

_BETWEEN_WORDS = re.compile("(?<!=) (?!=)")  # never inside "p = 0.02"


class Line(NamedTuple):
    """One line of a report.

    Attributes:
        text: what it says; harmless, and no wider than the paper.
        style: names of pytest's markup, as in ``("red", "bold")``; the words say the same without it.
    """

    text: str
    style: tuple[str, ...] = ()


class Paper(NamedTuple):
    """The terminal a report is laid out for.

    Attributes:
        width: in columns.
        ascii: whether only ASCII may be written.
        verbosity: as pytest counts it: 0 is normal, 1 is ``-v``, -1 is ``-q``.
        show: the option that lists a category's cases here: ``--llm-show`` or ``--show``.
        listed: whether the cases are listed after the report, so that it need not show them too.
        secrets: API keys that are not shown, by the names of their environment variables.
        page: the HTML report that the session has written, "" when none was asked for, None where none can be.
        asks_all: the session's mode, where it asks for every answer again, else "".
    """

    width: int = 80
    ascii: bool = False
    verbosity: int = 0
    show: str = "--llm-show"
    listed: bool = False
    secrets: Mapping[str, str] = MappingProxyType({})
    page: str | None = None
    asks_all: str = ""

    @property
    def arrow(self) -> str:
        """What separates before and after."""
        return "->" if self.ascii else "→"

    @property
    def times(self) -> str:
        """What separates cases and samples."""
        return "x" if self.ascii else "×"  # noqa: RUF001

    @property
    def dot(self) -> str:
        """What separates the facts of a line."""
        return "|" if self.ascii else "·"

    @property
    def plus_minus(self) -> str:
        """What precedes half of an interval."""
        return "+/-" if self.ascii else "±"

    def clean(self, text: str) -> str:
        """Untrusted text as one harmless line."""
        return self.harmless(" ".join(text.split()))

    def harmless(self, text: str) -> str:
        """Untrusted text made harmless, without secrets; line breaks and spaces stay."""
        text = harmless(hide_secrets(text, self.secrets))
        if self.ascii and not text.isascii():
            text = text.translate(_TYPOGRAPHY).encode("ascii", "backslashreplace").decode("ascii")
        return text

    def write(self, text: str, *style: str, indent: int = 0, hang: int = 0) -> list[Line]:
        """Wrap untrusted text of any length into lines.

        Args:
            text: on one line or several.
            style: names of pytest's markup.
            indent: columns left free before every line.
            hang: more columns left free before every line but the first.
        """
        first, *rest = wrap(self.clean(text), self.width - indent - hang, more=hang)
        return [
            Line(" " * indent + first, style),
            *(Line(" " * (indent + hang) + line, style) for line in rest),
        ]


def writes_unicode() -> bool:
    """Whether standard output can show more than ASCII."""
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
    return encoding.replace("-", "") in ("utf8", "utf16", "utf32", "gb18030")


def terminal_paper(
    columns: int,
    *,
    verbosity: int = 0,
    show: str = "--llm-show",
    listed: bool = False,
    secrets: Mapping[str, str] = MappingProxyType({}),
) -> Paper:
    """The paper for standard output: at least 24 columns, at most 100."""
    width = max(24, min(columns, 100))
    return Paper(width, not writes_unicode(), verbosity, show, listed, secrets)


def joined(sections: Iterable[Sequence[Line]]) -> list[Line]:
    """The lines of all sections, with an empty line between each two; an empty section is left out."""
    lines: list[Line] = []
    for section in sections:
        lines += [Line(""), *section] if lines and section else section
    return lines


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.east_asian_width(character) in "FW":
        return 2
    return 0 if unicodedata.combining(character) else 1


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with spaces to a width in columns, aligned left or right."""
    filling = " " * (width - columns(text))
    return filling + text if right else text + filling


def clip(text: str, width: int) -> str:
    """The text cut to a width in columns, with ``...`` for its middle."""
    if columns(text) <= width:
        return text
    if width <= 5:
        return _head(text, width)
    tail = (width - 3) // 2
    end = _head(text[::-1], tail)[::-1]
    return _head(text, width - 3 - tail) + "..." + end


def _head(text: str, width: int) -> str:
    used = 0
    for index, character in enumerate(text):
        used += _columns_of(character)
        if used > width:
            return text[:index]
    return text


def wrap(text: str, width: int, *, more: int = 0) -> list[str]:
    """Break one harmless line into several; a CI runner takes none of them for a command.

    Args:
        text: without line breaks.
        width: of a line, in columns.
        more: how many columns wider the first line may be.
    """
    width = max(width, 8)
    lines: list[str] = []
    current = ""
    room = width + more
    for word in _BETWEEN_WORDS.split(text):
        if current and columns(current) + 1 + columns(word) <= room:
            current += " " + word
            continue
        if current:
            lines.append(current)
            room = width
        current = _start(word)
        while len(piece := _head(current, room)) < len(current):
            piece = piece or current[0]
            lines.append(piece)
            room = width
            current = _start(current[len(piece) :])
    return [*lines, current] if current or not lines else lines


def _start(word: str) -> str:
    return f"| {word}" if word.lstrip().startswith("::") else word


_MARGIN = 2  # the mark and a space
_SHORTEST_NAME, _WHOLE_NAME = 13, 20  # columns; a name that is longer than the second is cut before cells are


class Column(NamedTuple):
    """One column of numbers or words next to the names.

    Attributes:
        head: the heading.
        cells: one per row.
        short: shorter cells for when the table is too wide; they leave out what other columns say too.
        right: whether cells are aligned right.
        gap: columns left free before it.
    """

    head: str
    cells: Sequence[str]
    short: Sequence[str] = ()
    right: bool = True
    gap: int = 2

    @property
    def width(self) -> int:
        """In columns of the terminal, without the gap."""
        return max(columns(self.head), *map(columns, self.cells))


def table_width(names: Sequence[str], body: Sequence[Column]) -> int:
    """The width of the table in columns if no name is cut."""
    return _MARGIN + max(map(columns, names)) + _body_width(body)


def table(
    paper: Paper,
    head: str,
    names: Sequence[str],
    body: Sequence[Column],
    *,
    marks: Sequence[str] = (),
    styles: Sequence[tuple[str, ...]] = (),
    rules: Collection[int] = (),
) -> list[Line]:
    """Lay out rows as a table, or as a paragraph per row where no table fits.

    Args:
        paper: the terminal.
        head: the heading of the names.
        names: one per row, harmless.
        body: the other columns, with harmless cells.
        marks: one character per row, printed before its name.
        styles: one per row.
        rules: indices of the rows that have a line above them.
    """
    marks = marks or [" "] * len(names)
    styles = styles or [()] * len(names)
    wanted = max(columns(head), *map(columns, names))
    short = [column._replace(cells=column.short or column.cells) for column in body]
    for least in (_WHOLE_NAME, _SHORTEST_NAME):
        needed = min(wanted, max(least, columns(head)))
        for columns_of_body in (body, short):
            room = paper.width - _MARGIN - _body_width(columns_of_body)
            if room >= needed:
                return _aligned(head, names, columns_of_body, min(room, wanted), marks, styles, rules)
    return _paragraphs(paper, names, body, marks, styles)


def _body_width(body: Sequence[Column]) -> int:
    return sum(column.gap + column.width for column in body)


def _aligned(
    head: str,
    names: Sequence[str],
    body: Sequence[Column],
    name_width: int,
    marks: Sequence[str],
    styles: Sequence[tuple[str, ...]],
    rules: Collection[int],
) -> list[Line]:
    def row(mark: str, name: str, cells: Sequence[str]) -> str:
        text = f"{mark} {pad(clip(name, name_width), name_width)}"
        for column, cell in zip(body, cells, strict=True):
            text += " " * column.gap + pad(cell, column.width, right=column.right)
        return text.rstrip()

    rule = Line(" " * _MARGIN + "-" * (name_width + _body_width(body)))
    lines = [Line(row(" ", head, [column.head for column in body])), rule]
    for index, name in enumerate(names):
        if index in rules:
            lines.append(rule)
        lines.append(Line(row(marks[index], name, [column.cells[index] for column in body]), styles[index]))
    return lines


def _paragraphs(
    paper: Paper,
    names: Sequence[str],
    body: Sequence[Column],
    marks: Sequence[str],
    styles: Sequence[tuple[str, ...]],
) -> list[Line]:
    lines = []
    for index, name in enumerate(names):
        lines.append(Line(f"{marks[index]} {clip(name, paper.width - _MARGIN)}", styles[index]))
        facts = [(column.head, " ".join(column.cells[index].split())) for column in body]
        text = ", ".join(f"{head} {cell}" for head, cell in facts if cell not in ("", "-"))
        lines += paper.write(text, *styles[index], indent=_MARGIN + 2) if text else []
    return lines
