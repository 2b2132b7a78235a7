"""Which parts of two texts differ, for a page to mark."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pytest_llmeval.text import common_start

MOST_TOKENS = 8_000
"""Of one side, between the first difference and the last; of a longer part all is marked."""

_ALIKE = 0.3  # the share of equal characters from which marks help to read; below, both texts are read whole
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

Places = list[tuple[int, int]]
"""Start and end of each marked part, in characters."""


class Piece(NamedTuple):
    """A part of a text, and whether it is marked."""

    text: str
    marked: bool = False


def changed(old: str, new: str) -> tuple[Places, Places]:
    """The parts of both texts that the other does not have; none where hardly a word is the same."""
    if old == new or not old or not new:
        return [], []
    left, right = _TOKEN.findall(old), _TOKEN.findall(new)
    start = common_start(left, right)
    end = common_start(left[start:][::-1], right[start:][::-1])
    removed, added = _differing(left, right, start, end)
    equal = len(old) - sum(len(left[place]) for place in removed)
    if equal < _ALIKE * max(len(old), len(new)):
        return [], []
    return _places(left, removed), _places(right, added)


def _differing(left: Sequence[str], right: Sequence[str], start: int, end: int) -> tuple[list[int], list[int]]:
    """The tokens of each side that are not on the other, by their places."""
    inner_left, inner_right = left[start : len(left) - end], right[start : len(right) - end]
    if len(inner_left) > MOST_TOKENS or len(inner_right) > MOST_TOKENS:
        return list(range(start, len(left) - end)), list(range(start, len(right) - end))
    from rapidfuzz.distance import Indel

    removed: list[int] = []
    added: list[int] = []
    for operation in Indel.opcodes(inner_left, inner_right):
        if operation.tag != "equal":
            removed += range(start + operation.src_start, start + operation.src_end)
            added += range(start + operation.dest_start, start + operation.dest_end)
    return removed, added


def _places(tokens: Sequence[str], marked: Iterable[int]) -> Places:
    """The places of tokens in characters; marks with nothing but white space between them become one.

    White space at the ends of a mark is left out, unless there is nothing else in it.
    """
    found: Places = []
    chosen, position = set(marked), 0
    blank_since: int | None = None  # the end of the last mark, where only white space follows it so far
    for place, token in enumerate(tokens):
        end = position + len(token)
        if place in chosen:
            if blank_since is not None:
                found[-1] = found[-1][0], end
            else:
                found.append((position, end))
            blank_since = end
        elif not token.isspace():
            blank_since = None
        position = end
    text = "".join(tokens)
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
