"""Aligned columns: names are cut when the terminal is narrow, numbers never."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from pytest_llmeval.report.lines import Line, Paper, clip, columns, pad

__all__ = ["Column", "table", "table_width"]

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
