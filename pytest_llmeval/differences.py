"""The changed words between two texts, as plain text: ``refund within [-30-]{+60+} days``."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.text import harmless, shortened

MOST_WORDS = 10_000  # a side, from the first difference on; the time grows with the product of the two sides

AROUND = 6  # unchanged words kept on each side of a change

LONGEST_RUN = 40  # changed words in a row that are shown

WORD_WIDTH = 200


def word_diff(expected: str, actual: str, *, width: int = 76, lines: int = 20) -> list[str]:
    """The words that differ, with a few unchanged ones around them.

    White space is not compared. Of long texts only the first `MOST_WORDS` words from the first difference on are
    compared, and of long differences the first lines are given; either is said.

    Args:
        expected: its own words stand in ``[-...-]``.
        actual: its own words stand in ``{+...+}``.
        width: columns of a line.
        lines: the most lines to give.

    Returns:
        Harmless lines; none when no word differs.
    """
    left, right = expected.split(), actual.split()
    start = _common(left, right)
    left, right = left[start:], right[start:]
    if not left and not right:
        return []
    end = _common(left[::-1], right[::-1])
    before = _words(expected, start)
    after = left[len(left) - end :] if end else []
    left, right = left[: len(left) - end], right[: len(right) - end]
    cut = len(left) > MOST_WORDS or len(right) > MOST_WORDS
    pieces = _elided(before, first=True, last=False) + _changes(left[:MOST_WORDS], right[:MOST_WORDS])
    pieces += ["..."] if cut else _elided(after, first=False, last=True)
    wrapped = _wrapped(pieces, width, lines)
    if cut:
        wrapped.append(f"(only {MOST_WORDS:,} words from the first difference on were compared)")
    return wrapped


def _words(text: str, count: int) -> list[str]:
    return text.split()[:count]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


def _changes(left: list[str], right: list[str]) -> list[str]:
    from rapidfuzz.distance import Indel

    pieces: list[str] = []
    removed: list[str] = []
    added: list[str] = []
    for operation in Indel.opcodes(left, right):
        if operation.tag == "equal":
            pieces += _marked(removed, added)
            removed, added = [], []
            pieces += _elided(left[operation.src_start : operation.src_end], first=False, last=False)
        else:
            removed += left[operation.src_start : operation.src_end]
            added += right[operation.dest_start : operation.dest_end]
    return pieces + _marked(removed, added)


def _marked(removed: list[str], added: list[str]) -> list[str]:
    text = ("[-" + _run(removed) + "-]" if removed else "") + ("{+" + _run(added) + "+}" if added else "")
    return text.split()


def _run(words: list[str]) -> str:
    return " ".join(words if len(words) <= LONGEST_RUN else [*words[: LONGEST_RUN - AROUND], "...", *words[-AROUND:]])


def _elided(words: list[str], *, first: bool, last: bool) -> list[str]:
    """Unchanged words with their middle left out, or their start or end at the start or end of the text."""
    if first:
        return words if len(words) <= AROUND + 1 else ["...", *words[-AROUND:]]
    if last:
        return words if len(words) <= AROUND + 1 else [*words[:AROUND], "..."]
    return words if len(words) <= 2 * AROUND + 1 else [*words[:AROUND], "...", *words[-AROUND:]]


def _wrapped(pieces: list[str], width: int, most: int) -> list[str]:
    lines: list[str] = []
    line = ""
    for piece in pieces:
        word = shortened(harmless(shortened(piece, WORD_WIDTH)), WORD_WIDTH)
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
