"""Where two JSON values differ, and which words of two texts: ``refund within [-30-]{+60+} days``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, Final

from pytest_llmeval.text import common_start, harmless, shortened

MOST_WORDS = 10_000  # a side, from the first difference on; the time grows with the product of the two sides
_AROUND = 6  # unchanged words kept on each side of a change
_LONGEST_RUN = 40  # changed words in a row that are shown
_WORD_WIDTH = 200
ABSENT: Final = object()
"""Stands for a key or an index that one of two JSON values does not have."""


def paired(
    one: Any, other: Any, *, whole: Callable[[Any], object] = lambda value: None
) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    """Pair up the parts of two JSON values down to where they are not both objects or both lists.

    Args:
        whole: whether a part of the first value is not to be taken apart.

    Yields:
        The keys and indexes that lead to the place, and both values there, one of which may be `ABSENT`; in the order
        of the first value.
    """
    # An explicit stack: a reply may be nested deeper than Python calls.
    todo: list[tuple[tuple[Any, ...], Any, Any]] = [((), one, other)]
    while todo:
        path, left, right = todo.pop()
        opened = not whole(left)
        if opened and isinstance(left, Mapping) and isinstance(right, Mapping):
            inner = [(key, left.get(key, ABSENT), right.get(key, ABSENT)) for key in {**left, **right}]
        elif opened and isinstance(left, list | tuple) and isinstance(right, list | tuple):
            inner = [(place, *pair) for place, pair in enumerate(zip_longest(left, right, fillvalue=ABSENT))]
        else:
            yield path, left, right
            continue
        todo += [((*path, key), below, across) for key, below, across in reversed(inner)]


def word_diff(expected: str, actual: str, *, width: int = 76, lines: int = 20) -> list[str]:
    """The words that differ, with a few unchanged ones around them; white space is not compared.

    Only the first `MOST_WORDS` words from the first difference on are compared, and only the first lines are given;
    the result says so.

    Args:
        expected: its own words are shown in ``[-...-]``.
        actual: its own words are shown in ``{+...+}``.
        width: of a line, in columns.
        lines: the most lines to give.

    Returns:
        Harmless lines; empty when no word differs.
    """
    left, right = expected.split(), actual.split()
    start = common_start(left, right)
    before, left, right = left[:start], left[start:], right[start:]
    if not left and not right:
        return []
    end = common_start(left[::-1], right[::-1])
    after = left[len(left) - end :]
    left, right = left[: len(left) - end], right[: len(right) - end]
    cut = len(left) > MOST_WORDS or len(right) > MOST_WORDS
    pieces = _elided(before, head=False) + _changes(left[:MOST_WORDS], right[:MOST_WORDS])
    pieces += ["..."] if cut else _elided(after, tail=False)
    wrapped = _wrapped(pieces, width, lines)
    if cut:
        wrapped.append(f"(only {MOST_WORDS:,} words from the first difference on were compared)")
    return wrapped


def _changes(left: list[str], right: list[str]) -> list[str]:
    from rapidfuzz.distance import Indel

    pieces: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    for operation in Indel.opcodes(left, right):
        if operation.tag == "equal":
            pieces += _marked(removed, added)
            removed, added = [], []
            pieces += _elided(left[operation.src_start : operation.src_end])
        else:
            removed += left[operation.src_start : operation.src_end]
            added += right[operation.dest_start : operation.dest_end]
    return pieces + _marked(removed, added)


def _marked(removed: list[str], added: list[str]) -> list[str]:
    text = ("[-" + _run(removed) + "-]" if removed else "") + ("{+" + _run(added) + "+}" if added else "")
    return text.split()


def _run(words: list[str]) -> str:
    if len(words) > _LONGEST_RUN:
        words = [*words[: _LONGEST_RUN - _AROUND], "...", *words[-_AROUND:]]
    return " ".join(words)


def _elided(words: list[str], *, head: bool = True, tail: bool = True) -> list[str]:
    """Unchanged words without those that are far from a change, which may precede the head and follow the tail."""
    kept = _AROUND * (head + tail)
    if len(words) <= kept + 1:
        return words
    return [*(words[:_AROUND] if head else []), "...", *(words[-_AROUND:] if tail else [])]


def _wrapped(pieces: list[str], width: int, most: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for piece in pieces:
        word = shortened(harmless(shortened(piece, _WORD_WIDTH)), _WORD_WIDTH)
        while len(word) > width:
            if line:
                lines.append(line)
                line = ""
            lines.append(word[:width])
            word = word[width:]
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
        if len(lines) >= most:
            return [*lines[:most], "..."]
    return [*lines, line] if line else lines
