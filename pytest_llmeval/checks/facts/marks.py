"""Marks that are no facts: what cites a source, and what counts a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_MOST_IN_ONE = 50  # sources that one mark like [1-9] may name
_WORDS = (
    "sources?|src|docs?|documents?|refs?|references?|passages?|context|chunks?|cite|citation|"
    "quelle|quellen|fuente|fonte"
)
_NUMBERS = r"\^?\s?\d{1,3}(?:\s?(?:,|;|-|\u2013|&|and|und|et|y|e)\s?\^?\d{1,3}){0,20}"
_SUPERSCRIPTS = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
_DIGITS = str.maketrans(_SUPERSCRIPTS, "0123456789")

_MARKS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\[\s?(?:(?:{_WORDS})\s?[:#.]?\s?)?(?P<numbers>{_NUMBERS})\^?\s?\]",
        r"\u3010\s?(?P<numbers>\d{1,3}(?::\d{1,4})?(?:\s?[,-]\s?\d{1,3}){0,20}(?:\u2020[^\u3010\u3011\n]{0,200})?)\u3011",
        rf"\((?:{_WORDS})\s?[:#.]?\s?(?P<numbers>{_NUMBERS})\)",
        r"\[(?P<numbers>[SD]\d{1,3}(?:,\s?[SD]\d{1,3}){0,20})\]",
        r"<(?:sup|cite)[^<>\n]{0,60}>\s?\[?(?P<numbers>\d{1,3}(?:,\s?\d{1,3}){0,20})\]?\s?</(?:sup|cite)>",
        r"\^(?P<numbers>\d{1,3})\^",
        r"\ue200[^\ue200\ue201\n]{0,200}(?:\ue201|$)(?P<numbers>)",
    )
)
_ROUND = re.compile(r"(?<=[^\s(])\s?\((?P<numbers>\d{1,2}(?:,\s?\d{1,2}){0,10})\)(?=$|[\s.,;:!?(\[])")
_RAISED = re.compile(
    rf"(?<=[^\W\d_]|[.,;:!?)\]\"'\u201d\u2019])(?P<numbers>[{_SUPERSCRIPTS}]{{1,3}}(?:[,\u02d2\u22c5\u00b7][{_SUPERSCRIPTS}]{{1,3}})*)"
)
_FROM_TO = re.compile(r"([A-Za-z]?)(\d{1,3})(?:\s?[-\u2013]\s?(\d{1,3}))?")
_PLACE_IN_SOURCE = re.compile(r"\s?(\d{1,3}:\d{1,4})")
_UNIT_BEFORE = re.compile(r"(?:^|[\d\s/])(?:[kcdm]?m|in|ft|s|k?g)$")

_KEYCAP = re.compile(r"\d\ufe0f?\u20e3")
_LIST_MARK = re.compile(
    r"^[ \t]{0,8}(?:[*>#|_-]{1,8}[ \t]*)?(?:(?:step|schritt|étape|paso|passo|stap|option|question|q)[ \t])?"
    r"[(\[]?\d{1,3}(?:[.)\]:]|\s?[-\u2013](?=\s)|\*\*)(?=[\s*_]|$)",
    re.MULTILINE | re.IGNORECASE,
)
_INLINE_MARK = re.compile(r"(?:(?<=^)|(?<=[\s:;(*]))\(?(?P<number>\d{1,2})[.)](?=\s)", re.MULTILINE)


class Mark(NamedTuple):
    """A mark that cites sources.

    Attributes:
        names: of the sources, such as "1", "S2" or "4:0".
    """

    start: int
    end: int
    names: tuple[str, ...]


def citation_marks(text: str, sources: int = 9) -> list[Mark]:
    """The marks that cite sources, in order: ``[1]``, ``[2, 3]``, ``(2)``, ``¹``, ``【4:0†source】``, ``[doc 1]``.

    Args:
        sources: how many there are; a larger number in round brackets is a figure.
    """
    found = [Mark(*match.span(), _named(match["numbers"])) for pattern in _MARKS for match in pattern.finditer(text)]
    for match in _ROUND.finditer(text):
        names = _named(match["numbers"])
        if all(1 <= int(name) <= max(sources, 9) for name in names):
            found.append(Mark(match.start() + match.group().index("("), match.end(), names))
    for match in _RAISED.finditer(text) if any(sign in text for sign in _SUPERSCRIPTS) else ():
        if not _UNIT_BEFORE.search(text[max(0, match.start() - 4) : match.start()]):
            pieces = re.split(r"[^\d]+", match["numbers"].translate(_DIGITS))
            found.append(Mark(*match.span(), tuple(piece for piece in pieces if piece)))
    return in_order(found)


def in_order(found: Iterable[Mark]) -> list[Mark]:
    """Marks by their places, none that overlaps another."""
    marks: list[Mark] = []
    for mark in sorted(found):
        if not marks or mark.start >= marks[-1].end:
            marks.append(mark)
    return marks


def _named(text: str) -> tuple[str, ...]:
    """The names in a mark; every one of "2-4", and "4:0" of "4:0†source"."""
    if text.isdecimal():
        return (str(int(text)),)
    text = text.split("\u2020", maxsplit=1)[0]
    if found := _PLACE_IN_SOURCE.match(text):
        return (found[1],)
    names: list[str] = []
    for letter, first, last in _FROM_TO.findall(text):
        one, other = int(first), int(last or first)
        numbers = range(one, min(other, one + _MOST_IN_ONE) + 1) if other > one else [one]
        names += [f"{letter}{number}" for number in numbers]
    return tuple(dict.fromkeys(names))


def other_marks(text: str) -> Iterator[tuple[int, int]]:
    """Where numbers count the text's own lines, steps or list."""
    yield from (found.span() for found in _KEYCAP.finditer(text))
    yield from (found.span() for found in _LIST_MARK.finditer(text))
    run: list[re.Match[str]] = []
    for found in _INLINE_MARK.finditer(text):  # "To return: 1. open the app 2. tap Returns"
        if int(found["number"]) == len(run) + 1:
            run.append(found)
        elif len(run) > 1:
            yield from (one.span() for one in run)
            run = []
        if int(found["number"]) == 1:
            run = [found]
    if len(run) > 1:
        yield from (one.span() for one in run)
