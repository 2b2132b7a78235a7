"""Tables, lists and other marks of Markdown in a text, by the lines that GitHub's dialect makes them of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})[ \t]*([^\s`]*)[^`]*$")
_DIVIDER = re.compile(r" {0,3}\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_ITEM = re.compile(r"( {0,3})(?:([-*+])|\d{1,9}([.)]))[ \t]+\S")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")
_BLOCK = re.compile(r" {0,3}(?:#{1,6}(?:[ \t]|$)|>|[-*+][ \t]|\d{1,9}[.)][ \t])| {4}")  # what ends a table
_CELL_END = re.compile(r"(?<!\\)\|")
_CODE = "\x00"  # ends a list unless it is indented as an item's
_MARKS = {
    "a heading": re.compile(r" {0,3}#{1,6}[ \t]+\S"),
    "bold text": re.compile(r"(?<![*\w\\])\*\*(?=[^\s*])[^*\n]{0,500}[^\s*\\]\*\*(?!\*)"),
    "italic text": re.compile(r"(?<![*\w\\])\*(?=[^\s*])[^*\n]{0,500}[^\s*\\]\*(?![*\w])"),
    "code": re.compile(r"(?<!`)`[^`\n]{1,500}`(?!`)"),
    "a link": re.compile(
        r"\[[^\]\n]{1,300}\]\((?:<[^>\n]{1,1000}>|[^)\s]{1,1000})(?:[ \t]{1,9}[\"'(][^\n)]{0,300})?\)"
    ),
    "a quotation": re.compile(r" {0,3}>[ \t]?\S"),
}
_UNDERLINE = re.compile(r" {0,3}={3,}[ \t]*")  # of a heading; a line of hyphens is plain text too


class Fenced(NamedTuple):
    """A block of code between fences.

    Attributes:
        language: the first word behind its fence, "" for none.
        closed: whether its end is there.
    """

    language: str
    text: str
    closed: bool


class Table(NamedTuple):
    """A table.

    Attributes:
        columns: the names in its head.
        rows: its cells, row by row; a row may have more or fewer than the head.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class List(NamedTuple):
    """A list.

    Attributes:
        items: those that are not within others.
        numbered: whether they have numbers, and not bullets.
    """

    items: int
    numbered: bool


def parts(text: str) -> tuple[list[str], list[Fenced]]:
    """The lines outside of code between fences, and that code, in whose place a line with `_CODE` stands."""
    outside, fenced = list[str](), list[Fenced]()
    fence, language, margin, inside = "", "", "", list[str]()
    for line in (line.rstrip("\r") for line in text.split("\n")):
        found = _FENCE.match(line)
        if fence and found and found[2].startswith(fence) and not line.strip(" `~\t"):
            fenced.append(Fenced(language, "\n".join(inside), closed=True))
            fence, inside = "", []
        elif fence:
            inside.append(line.removeprefix(margin))
        elif found:
            margin, fence, language = found[1], found[2], found[3]
            outside += ["", margin + _CODE, ""]
        else:
            outside.append(line)
    if fence:
        fenced.append(Fenced(language, "\n".join(inside), closed=False))
    return outside, fenced


def tables(lines: Sequence[str]) -> Iterator[Table]:
    """The tables in lines of Markdown: a head, a line of hyphens with as many cells, and rows up to a blank line.

    A line right below a table is its row, also without a bar.
    """
    place = 0
    while place + 1 < len(lines):
        head, divider = lines[place], lines[place + 1]
        columns = _cells(head)
        if "|" not in head or not _DIVIDER.fullmatch(divider) or len(_cells(divider)) != len(columns):
            place += 1
            continue
        end = place + 2
        while end < len(lines) and lines[end].strip() and not _BLOCK.match(lines[end]):
            end += 1
        yield Table(columns, [_cells(line) for line in lines[place + 2 : end]])
        place = end


def _cells(line: str) -> list[str]:
    line = line.strip()
    line = line.removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in _CELL_END.split(line)]


def lists(lines: Sequence[str]) -> Iterator[List]:
    """The lists in lines of Markdown, without those within an item.

    A list ends at text without indent after a blank line, and where another mark starts another list.
    """
    items, kind, margin, blank = 0, "", 0, False
    for line in [*lines, "", "end"]:
        found = None if _RULE.fullmatch(line) else _ITEM.match(line)
        indent = len(line) - len(line.lstrip())
        if kind and line.strip() and indent > margin:
            blank = False
            continue  # within an item
        name = (found[2] or found[3]) if found else ""
        if found and name == kind:
            items += 1
        elif kind and (found or (blank and line.strip()) or _RULE.fullmatch(line)):
            yield List(items, kind in (".", ")"))
            items, kind = 0, ""
        if found and not kind:
            items, kind, margin = 1, name, len(found[1])
        blank = not line.strip()


def first_mark(text: str) -> str | None:
    """What of Markdown a text holds first, in words; None for plain text. Hyphens before lines are plain text too."""
    lines, fenced = parts(text)
    if fenced:
        return "a block of code"
    if next(tables(lines), None):
        return "a table"
    for above, line in zip(["", *lines], lines, strict=False):
        if above.strip() and _UNDERLINE.fullmatch(line):
            return "a heading"
        for name, mark in _MARKS.items():
            if mark.match(line) if name in ("a heading", "a quotation") else mark.search(line):
                return name
        if re.match(r" {0,3}[*+][ \t]+\S", line):
            return "a list"
    return None
