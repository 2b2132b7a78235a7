"""Lines of text that fit a terminal: what is written on, how wide text is, where it breaks."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from pytest_llmeval.report.text import harmless

__all__ = ["Line", "Paper", "clip", "columns", "pad"]

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
