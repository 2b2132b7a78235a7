"""Lines and tables that fit a terminal: how wide text is, where it breaks, which columns are cut."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

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
    """What a report is written on.

    Attributes:
        width: columns of the terminal.
        ascii: whether only ASCII may be written.
        verbosity: as pytest counts it: 0 is normal, 1 is ``-v``, -1 is ``-q``.
        show: the option that lists a category's cases, where this is printed.
        listed: whether the cases of a category are listed behind what is printed.
    """

    width: int = 80
    ascii: bool = False
    verbosity: int = 0
    show: str = "--llm-show"
    listed: bool = False

    @property
    def arrow(self) -> str:
        """Between what was and what is."""
        return "->" if self.ascii else "→"

    @property
    def times(self) -> str:
        """Between cases and samples."""
        return "x" if self.ascii else "×"  # noqa: RUF001

    @property
    def dot(self) -> str:
        """Between the facts of one line."""
        return "|" if self.ascii else "·"

    def clean(self, text: str) -> str:
        """Text from outside as one harmless line."""
        return self.harmless(" ".join(text.split()))

    def harmless(self, text: str) -> str:
        """Text from outside, harmless, its line breaks and spaces as they are."""
        text = harmless(text)
        if self.ascii and not text.isascii():
            text = text.translate(_TYPOGRAPHY).encode("ascii", "backslashreplace").decode("ascii")
        return text

    def write(self, text: str, *style: str, indent: int = 0, hang: int = 0) -> list[Line]:
        """Text of any length as lines.

        Args:
            text: text from outside, or with such in it.
            style: names of pytest's markup.
            indent: columns left free before every line.
            hang: columns left free as well before every line but the first.
        """
        first, *rest = wrap(self.clean(text), self.width - indent - hang, more=hang)
        return [
            Line(" " * indent + first, style),
            *(Line(" " * (indent + hang) + line, style) for line in rest),
        ]


def columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if unicodedata.east_asian_width(character) in "FW":
        return 2
    return 0 if unicodedata.combining(character) else 1


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text filled up with spaces to a width in columns, before it when it is to stand on the right."""
    filling = " " * (width - columns(text))
    return filling + text if right else text + filling


def clip(text: str, width: int) -> str:
    """The text cut to a width in columns, ``...`` in place of its middle when it is wider."""
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
    """One harmless line broken into several, none of which a CI runner would take for a command.

    Args:
        text: without line breaks.
        width: columns of a line.
        more: columns the first line may be wider.
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

_SHORTEST_NAME = 13


class Column(NamedTuple):
    """One column of numbers or words beside the names.

    Attributes:
        head: its heading.
        cells: one per row.
        short: the cells without what the other columns tell too, for when the table is too wide.
        right: whether it is aligned on the right.
        gap: columns left free before it.
    """

    head: str
    cells: Sequence[str]
    short: Sequence[str] = ()
    right: bool = True
    gap: int = 2

    @property
    def width(self) -> int:
        """Columns it takes without the gap."""
        return max(columns(self.head), *map(columns, self.cells))

    def shortened(self) -> Column:
        """The column with its short cells, if it has any."""
        return Column(head=self.head, cells=self.short or self.cells, right=self.right, gap=self.gap)


def table_width(names: Sequence[str], body: Sequence[Column]) -> int:
    """Columns the table would take with all names as long as they are."""
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
    """Rows of a name and cells, as a table, or as a paragraph for each row where no table fits.

    Args:
        paper: what it is written on.
        head: the heading of the names.
        names: one per row, harmless.
        body: the columns beside the names, their cells harmless.
        marks: one character per row before its name, " " for none.
        styles: one per row.
        rules: the rows that have a rule above them.
    """
    marks = marks or [" "] * len(names)
    styles = styles or [()] * len(names)
    wanted = max(columns(head), *map(columns, names))
    needed = min(wanted, max(_SHORTEST_NAME, columns(head)))
    for columns_of_body in (body, [column.shortened() for column in body]):
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
