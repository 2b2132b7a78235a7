"""Text that may be shown: made harmless, shortened, quoted, compared.

Answers of models and rows of datasets are untrusted input.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

_VALUE = 60  # characters of one argument


def json_words(value: object, width: int = _VALUE) -> str:
    """A JSON value on one line, its middle left out when it is longer than a width in characters."""
    if isinstance(value, str):
        value = shortened(value, width)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = "..."
    return one_line(shortened(text, width + 2))


def one_line(text: str) -> str:
    """The text on one line, harmless, any run of white space one space."""
    return " ".join(harmless(text).split())


# CI runners obey these wherever a line holds them (GitHub's old form, Azure's), or when a line starts with "::".
_ANYWHERE = re.compile(r"##(?=\[|vso\[)")

_LINE_START = re.compile(r"^(?=\s*::)", re.MULTILINE)

_ADDRESS = re.compile(r"(?<= at )0x[0-9A-Fa-f]{4,16}\b")

_JOINERS = "\u200c\u200d"  # part of ordinary words and emoji


def harmless(text: str) -> str:
    r"""The text with everything escaped that a terminal or a CI runner would obey.

    Control characters (escape sequences among them), bidirectional marks, line separators and lone surrogates
    become their escapes, as in ``\x1b``; newline and tab stay. A line that a CI runner would take for a command
    gets a visible ``| `` in front, and ``##[`` is broken up.
    """
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in "\n\t" or c in _JOINERS else _escape(c) for c in text)
    if "##" in text:
        text = _ANYWHERE.sub("# #", text)
    if "::" in text:
        text = _LINE_START.sub("| ", text)
    return text


def _escape(character: str) -> str:
    code = ord(character)
    if code == 0xA0 or (0x2000 <= code <= 0x200A) or code in (0x202F, 0x205F, 0x3000, 0x1680):
        return " "  # spaces of other widths: harmless, and escapes would make French unreadable
    if code < 0x100:
        return f"\\x{code:02x}" if character != "\r" else "\\r"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def without_addresses(text: str) -> str:
    """The text with memory addresses, as in ``<object at 0x7f...>``, made alike: they differ each time."""
    return _ADDRESS.sub("0x...", text) if " at 0x" in text else text


def shortened(text: str, width: int, mark: str = "...") -> str:
    """The text cut to a width in characters, the middle left out when it is longer."""
    if len(text) <= width:
        return text
    if width <= len(mark) + 2:
        return text[:width]
    tail = (width - len(mark)) // 3
    return text[: width - len(mark) - tail] + mark + text[len(text) - tail :]


def first_line(text: str, width: int = 200) -> str:
    """The first line with anything on it, harmless, cut at its end to a width in characters."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    line = harmless(line[: 4 * width])
    return line if len(line) <= width else line[: width - 3] + "..."


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


_WIDTH = 60


def quoted_ascii(text: str) -> str:
    """A text in quotes, escapes for everything but ASCII, cut to a readable length."""
    return json.dumps(_cut(text))


def described(value: Any, *, mapping: str = "an object") -> str:
    """What a value of JSON or TOML is, for a message such as ``tags is <this>; allowed is ...``.

    Args:
        value: the value; of a text only the beginning is shown.
        mapping: what a mapping is called in the file's format.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return f"the number {value}" if abs(value) < 10**20 else "a very large number"
        case float():
            return f"the number {value}"
        case str():
            return f"the text {json.dumps(_cut(value), ensure_ascii=False)}"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return mapping
        case _:
            return "a date or time"


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The allowed name most like the one given, None when none is near; case does not matter."""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in allowed}
    matches = get_close_matches(given[:200].lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """The end of a message, as in ``; did you mean "input"?``; empty when no name is near."""
    name = nearest(given, allowed)
    return f'; did you mean "{name}"?' if name is not None else ""


def in_table(*keys: str) -> str:
    """The head of a table below [tool.llmeval], as it stands in ``pyproject.toml``."""
    parts = (key if re.fullmatch("[A-Za-z0-9_-]+", key) else quoted_ascii(key) for key in keys)
    return f"[{'.'.join(('tool', 'llmeval', *parts))}]"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
