"""What a text puts in quotation marks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_FEWEST_WORDS = 3
_FEWEST_SIGNS = 8  # of a script without spaces
_SPACELESS = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
_MARKED = re.compile(
    "[\u201c\u201e]([^\u201c-\u201f\n]{1,1000})[\u201c\u201d]|\u00ab([^\u00ab\u00bb\n]{1,1000})\u00bb"
    "|\u00bb([^\u00ab\u00bb\n]{1,1000})\u00ab|\u300c([^\u300c\u300d\n]{1,1000})\u300d|\u300e([^\u300e\u300f\n]{1,1000})\u300f"
    "|(?<!\\w)\u2018([^\u2018\n]{1,1000}?)\u2019(?!\\w)|``([^`\n]{1,1000}?)''"
)
_LEFT_OUT = re.compile(r"\.\.\.|\u2026|\[[^\]\n]{0,100}\]")


class Quotation(NamedTuple):
    """A part of a text in quotation marks, without these."""

    start: int
    end: int
    text: str


def quotations(text: str) -> Iterator[Quotation]:
    """The quotations of three words and more, in pieces where something is left out.

    A text that stands in quotation marks as a whole is not one.
    """
    for start, end in sorted([*_marked(text), *_straight(text)]):
        if not text[:start].strip("\u201c\u201e\u00ab\u00bb\u300c\u300e\u2018\"'` \n") and not text[end:].strip(
            "\u201c\u201d\u00ab\u00bb\u300d\u300f\u2019\"'` .\n"
        ):
            continue
        last = start
        for gap in (*_LEFT_OUT.finditer(text, start, end), None):
            stop = gap.start() if gap else end
            piece = text[last:stop].strip()
            if len(piece.split()) >= _FEWEST_WORDS or len(_SPACELESS.findall(piece)) >= _FEWEST_SIGNS:
                place = text.index(piece, last)
                yield Quotation(place, place + len(piece), piece)
            last = gap.end() if gap else end


def _marked(text: str) -> Iterator[tuple[int, int]]:
    for found in _MARKED.finditer(text):
        yield found.span(found.lastindex or 1)


def _straight(text: str) -> Iterator[tuple[int, int]]:
    """What stands between straight quotation marks of one line.

    A mark that can only close, such as that of 5'10", opens nothing; marks between spaces count only in pairs.
    """
    for line in re.finditer(r"[^\n]+", text):
        places = [found.start() for found in re.finditer('"', line.group())]
        words = line.group()
        spaced = {
            place for place in places if words[place - 1 : place].isspace() and words[place + 1 : place + 2].isspace()
        }
        if len(spaced) % 2:
            places = [place for place in places if place not in spaced]
        opened: int | None = None
        for place in places:
            before, after = words[place - 1 : place] if place else "", words[place + 1 : place + 2]
            closes = bool(before) and not before.isspace() and before not in "([{\u2014-/"
            if opened is None:
                if not closes or (after and after.isalnum()):
                    opened = place
            elif closes or before.isspace():
                if 0 < place - opened - 1 <= 1000:
                    yield line.start() + opened + 1, line.start() + place
                opened = None


def letters(text: str) -> str:
    """The letters and digits of a text alone, small."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())
