"""Which parts of two texts differ, for a page to mark."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from pytest_llmeval.text import common_start

MOST_TOKENS = 8_000
"""Of one side, between the first difference and the last; of a longer part all is marked."""

_ALIKE = 0.3  # the share of equal characters from which marks help to read; below, both texts are read whole
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

Places = list[tuple[int, int]]
"""Start and end of each part."""


class Piece(NamedTuple):
    """A part of a text, and whether it is marked."""

    text: str
    marked: bool = False


def changed(old: str, new: str) -> tuple[Places, Places]:
    """The parts of both texts that the other does not have; none where hardly a word is the same."""
    if old == new or not old or not new:
        return [], []
    left, right = _tokens(old), _tokens(new)
    start = common_start(left, right)
    end = common_start(left[start:][::-1], right[start:][::-1])
    removed, added = _differing(left[start : len(left) - end], right[start : len(right) - end])
    offset = sum(map(len, left[:start]))
    before = _in_characters(left[start : len(left) - end], removed, offset)
    after = _in_characters(right[start : len(right) - end], added, offset)
    equal = len(old) - sum(end - start for start, end in before)
    if equal < _ALIKE * max(len(old), len(new)):
        return [], []
    return _joined(old, before), _joined(new, after)


@lru_cache(maxsize=2)  # the baseline's answer beside each of the candidate's
def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)


def _differing(left: Sequence[str], right: Sequence[str]) -> tuple[Places, Places]:
    """The runs of tokens of each side that are not on the other, by their places."""
    if len(left) > MOST_TOKENS or len(right) > MOST_TOKENS:
        return [(0, len(left))], [(0, len(right))]
    from rapidfuzz.distance import Indel

    changes = [each for each in Indel.opcodes(left, right) if each.tag != "equal"]
    return [(each.src_start, each.src_end) for each in changes], [(each.dest_start, each.dest_end) for each in changes]


def _in_characters(tokens: Sequence[str], runs: Places, offset: int) -> Places:
    ends = list(accumulate(map(len, tokens), initial=offset))
    return [(ends[start], ends[end]) for start, end in runs if end > start]


def _joined(text: str, places: Places) -> Places:
    """The places, those with nothing but white space between them as one.

    White space at the ends of a place is left out, unless there is nothing else in it.
    """
    found: Places = []
    for start, end in places:
        between = text[found[-1][1] : start] if found else "-"
        if not between or between.isspace():
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return [_trimmed(text, start, end) for start, end in found]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    if part.isspace():
        return start, end
    return end - len(part.lstrip()), start + len(part.rstrip())


def pieces(text: str, places: Places) -> Iterator[Piece]:
    """The text cut at the marks, which are in order and do not overlap."""
    position = 0
    for start, end in places:
        if start > position:
            yield Piece(text[position:start])
        yield Piece(text[start:end], marked=True)
        position = end
    if position < len(text):
        yield Piece(text[position:])


def in_utf16(text: str, places: Places) -> list[int]:
    """The marks one after the other as a browser counts: a character beyond U+FFFF counts twice."""
    if text.isascii() or max(text, default="") <= "\uffff":
        return [position for place in places for position in place]
    return [len(text[:position].encode("utf-16-le")) // 2 for place in places for position in place]
