"""How replies and expected values are compared and shown: normal form, quotes, excerpts."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal

from pytest_llmeval.report.text import harmless, shortened

__all__ = ["SHORT", "both_quoted", "excerpt", "folded", "listed", "presentable", "quoted", "shown"]

FIRST_LINE = 200
MOST_LINES = 40
SHORT = 60
"""Characters of a text that is shown whole beside another."""


def folded(text: str, *, ignore_case: bool = False) -> str:
    """The text as checks compare it: Unicode's composed form, any run of white space one space, none at the ends."""
    text = " ".join(text.split()) if text.isascii() else " ".join(unicodedata.normalize("NFC", text).split())
    return text.casefold() if ignore_case else text


def quoted(text: str, width: int = 70) -> str:
    """The text in quotes on one line, harmless, its middle left out when it is longer than a width in characters."""
    text = harmless(shortened(text, width))
    return '"' + shortened(text.replace("\n", "\\n").replace("\t", "\\t"), 2 * width) + '"'


def both_quoted(expected: str, actual: str) -> tuple[str, str]:
    """Two texts in quotes; of long ones the part where they begin to differ."""
    if len(expected) <= SHORT and len(actual) <= SHORT:
        return quoted(expected, SHORT), quoted(actual, SHORT)
    low, high = 0, min(len(expected), len(actual))  # of the common start: halving, since a loop over megabytes is slow
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if expected[low:middle] == actual[low:middle] else (low, middle - 1)
    start = max(0, low - 20) if low > 30 else 0
    return _from(expected, start), _from(actual, start)


def _from(text: str, start: int) -> str:
    end = start + SHORT - 5
    return quoted(("..." if start else "") + text[start:end] + ("..." if end < len(text) else ""), SHORT + 6)


def shown(value: object, width: int = 70) -> str:
    """A JSON value on one line; of an object or array only its size."""
    if isinstance(value, str):
        return quoted(value, width)
    if isinstance(value, Mapping):
        return f"an object with {len(value)} {'key' if len(value) == 1 else 'keys'}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"an array of {len(value)}" if value else "[]"
    if isinstance(value, Decimal):
        return str(value)
    try:
        return shortened(json.dumps(value), width)
    except (TypeError, ValueError):
        return shortened(harmless(type(value).__name__), width)


def listed(texts: Sequence[str], limit: int = 3, width: int = 40) -> str:
    """Some texts in quotes, and how many more there are."""
    rest = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(quoted(text, width) for text in texts[:limit]) + rest


def excerpt(text: str, start: int, end: int, around: int = 30) -> str:
    """What stands around a place in a text, in quotes."""
    end = min(end, start + 60)
    left, right = max(0, start - around), min(len(text), end + around)
    piece = " ".join(text[left:right].split())
    return quoted(("..." if left else "") + piece + ("..." if right < len(text) else ""), 2 * around + 70)


def presentable(reason: str) -> str:
    """A failure's message, harmless and of bounded size: a first line of at most 200 characters, some 40 lines."""
    lines = harmless(reason[:20_000]).strip("\n").split("\n")
    kept = [shortened(lines[0], FIRST_LINE), *(shortened(line, FIRST_LINE) for line in lines[1:MOST_LINES])]
    if len(lines) > MOST_LINES or len(reason) > 20_000:
        kept.append("...")
    return "\n".join(kept)
