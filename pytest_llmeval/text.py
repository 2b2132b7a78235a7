"""Text that may be shown: made harmless, shortened, quoted, compared.

Answers of models and rows of datasets are untrusted input.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

SHORT = 60
"""Characters of a text that is shown whole next to another."""

_FIRST_LINE, _MOST_LINES = 200, 40

# CI runners obey these wherever a line holds them (GitHub's old form, Azure's), or when a line starts with "::".
_ANYWHERE = re.compile(r"##(?=\[|vso\[)")
_LINE_START = re.compile(r"^(?=\s*::)", re.MULTILINE)
_ADDRESS = re.compile(r"(?<= at )0x[0-9A-Fa-f]{4,16}\b")
_JOINERS = "\u200c\u200d"  # part of ordinary words and emoji

_PLAIN: Final = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u2032\u2039\u203a\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\uff02", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d", "-"),
        # What nobody sees: soft hyphens, places where a line may break, how an emoji is drawn.
        **dict.fromkeys("\u00ad\u200b\u2060\ufe0e\ufe0f\ufeff", ""),
        "\u2026": "...",
    }
)
# French sets spaces within its guillemets, German and Danish turn the marks round and set none.
_SPACED_GUILLEMETS = re.compile(r"(?<![^\s(\[\"'])\u00ab (?=\S)|(?<=\S) \u00bb(?!\w)")
_GUILLEMETS: Final = str.maketrans("\u00ab\u00bb", '""')


def harmless(text: str) -> str:
    r"""Escape everything that a terminal or a CI runner would obey.

    Control characters (escape sequences among them), bidirectional marks, line separators and lone surrogates
    become their escapes, as in ``\x1b``; newline and tab stay. A line that a CI runner would take for a command
    gets a visible ``| `` in front, and ``##[`` is broken up.
    """
    text = printable(text)
    if "##" in text:
        text = _ANYWHERE.sub("# #", text)
    if "::" in text:
        text = _LINE_START.sub("| ", text)
    return text


def printable(text: str) -> str:
    r"""Escape control characters, bidirectional marks, line separators and lone surrogates, as in ``\x1b``.

    Newline and tab stay.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" or c in _JOINERS else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    if code == 0xA0 or (0x2000 <= code <= 0x200A) or code in (0x202F, 0x205F, 0x3000, 0x1680):
        return " "  # spaces of other widths: harmless, and escapes would make French unreadable
    if code < 0x100:
        return f"\\x{code:02x}" if character != "\r" else "\\r"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(text: str) -> str:
    r"""The harmless text on one line, with newlines and tabs as ``\n`` and ``\t``."""
    return harmless(text).replace("\n", "\\n").replace("\t", "\\t")


def one_line(text: str) -> str:
    """The harmless text on one line, with each run of white space as one space."""
    return " ".join(harmless(text).split())


def first_line(text: str, width: int = 200) -> str:
    """The first line that is not blank, harmless and cut to a width in characters."""
    line = next((line for line in text.splitlines() if line.strip()), "").strip()
    line = harmless(line[: 4 * width])
    return line if len(line) <= width else line[: width - 3] + "..."


def presentable(reason: str) -> str:
    """A failure's message, harmless: at most 40 lines of at most 200 characters."""
    lines = harmless(reason[:20_000]).strip("\n").split("\n")
    kept = [shortened(line, _FIRST_LINE) for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES or len(reason) > 20_000:
        kept.append("...")
    return "\n".join(kept)


def without_addresses(text: str) -> str:
    """Replace memory addresses, as in ``<object at 0x7f...>``, which differ in each process."""
    return _ADDRESS.sub("0x...", text) if " at 0x" in text else text


def shortened(text: str, width: int, mark: str = "...") -> str:
    """Leave out the middle of a text that is longer than a width in characters."""
    if len(text) <= width:
        return text
    if width <= len(mark) + 2:
        return text[:width]
    tail = (width - len(mark)) // 3
    return text[: width - len(mark) - tail] + mark + text[len(text) - tail :]


def folded(text: str, *, ignore_case: bool = False, exact: bool = False) -> str:
    """The text as checks compare it: in Unicode's composed form, stripped, with plain hyphens, quotes and spaces.

    Args:
        exact: whether only the composed form counts, and every character as it is.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not exact:
        text = plain_typography(text)
    return text.casefold() if ignore_case else text


def plain_typography(text: str) -> str:
    """The text with plain hyphens, quotes and spaces.

    Dashes of every length become hyphens, quotes of every language straight ones, an ellipsis three points, and each
    run of white space one space. Soft hyphens and other characters without width go.
    """
    if text.isascii():
        return " ".join(text.split())
    text = " ".join(text.translate(_PLAIN).split())
    if "\u00ab" in text or "\u00bb" in text:
        text = _SPACED_GUILLEMETS.sub('"', text).translate(_GUILLEMETS)
    return text


def plural(number: int, noun: str) -> str:
    """A number with its noun: ``1 case``, ``2 cases``, ``2 new misses``, ``2 replies``, ``2 days``."""
    if number == 1:
        return f"1 {noun}"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{number} {noun[:-1]}ies"
    return f"{number} {noun}es" if noun.endswith("s") else f"{number} {noun}s"


def were(number: int, noun: str) -> str:
    """A number with its noun and verb: ``1 test was``, ``2 tests were``."""
    return f"{plural(number, noun)} {'was' if number == 1 else 'were'}"


def quoted(text: str, width: int = 70) -> str:
    """The text in quotes on one line, harmless and shortened to a width in characters."""
    return '"' + shortened(visible(shortened(text, width)), 2 * width) + '"'


def quoted_ascii(text: str) -> str:
    """A short text in quotes with escapes for everything but ASCII, so that a look-alike letter shows."""
    return json.dumps(shortened(text, SHORT))


def both_quoted(expected: str, actual: str) -> tuple[str, str]:
    """Two texts in quotes; if one is long, the part where they begin to differ."""
    if len(expected) <= SHORT and len(actual) <= SHORT:
        return quoted(expected, SHORT), quoted(actual, SHORT)
    same = common_start(expected, actual)
    start = max(0, same - 20) if same > 30 else 0
    return _from(expected, start), _from(actual, start)


def _from(text: str, start: int) -> str:
    end = start + SHORT - 5
    return quoted(("..." if start else "") + text[start:end] + ("..." if end < len(text) else ""), SHORT + 6)


def common_start(one: Sequence[Any], other: Sequence[Any]) -> int:
    """How many items two texts or lists share at their start, found by halving: a loop over megabytes is slow."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def excerpt(text: str, start: int, end: int, around: int = 30) -> str:
    """A place in a text with the characters around it, in quotes."""
    end = min(end, start + 60)
    left, right = max(0, start - around), min(len(text), end + around)
    piece = " ".join(text[left:right].split())
    return quoted(("..." if left else "") + piece + ("..." if right < len(text) else ""), 2 * around + 70)


def listed(texts: Sequence[str], limit: int = 3, width: int = 40) -> str:
    """The first texts in quotes, and how many more there are."""
    rest = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(quoted(text, width) for text in texts[:limit]) + rest


def json_words(value: object, width: int = SHORT) -> str:
    """A JSON value on one line, shortened to a width in characters."""
    if isinstance(value, str):
        value = shortened(value, width)
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = "..."
    return one_line(shortened(text, width + 2))


def shown(value: object, width: int = 70) -> str:
    """A JSON value on one line; only the size of an object or array."""
    if isinstance(value, str):
        return quoted(value, width)
    if isinstance(value, Mapping):
        return f"an object with {plural(len(value), 'key')}" if value else "{}"
    if isinstance(value, (list, tuple)):
        return f"an array of {len(value)}" if value else "[]"
    try:
        return shortened(json.dumps(value), width)
    except (TypeError, ValueError):
        return shortened(harmless(type(value).__name__), width)


def described(value: Any, *, mapping: str = "an object") -> str:
    """What kind of JSON or TOML value it is, for a message such as ``tags is <this>; allowed: ...``.

    Args:
        mapping: what the file's format calls a mapping.
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
            return f"the text {json.dumps(shortened(value, SHORT), ensure_ascii=False)}"
        case list():
            return "a list" if value else "an empty list"
        case dict():
            return mapping
        case _:
            return "a date or time"


def nearest(given: str, allowed: Iterable[str]) -> str | None:
    """The allowed name most like the given one, upper and lower case alike; None when none is similar."""
    from difflib import get_close_matches

    by_lower = {name.lower(): name for name in allowed}
    matches = get_close_matches(given[:200].lower(), by_lower, n=1)
    return by_lower[matches[0]] if matches else None


def did_you_mean(given: str, allowed: Iterable[str]) -> str:
    """The end of a message, as in ``; did you mean "input"?``; empty when no name is similar."""
    name = nearest(given, allowed)
    return f'; did you mean "{name}"?' if name is not None else ""


def toml_key(key: str) -> str:
    """A key as TOML writes it, in quotes if it needs them."""
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else quoted_ascii(key)


def in_table(*keys: str) -> str:
    """The head of a table below [tool.llmeval], as ``pyproject.toml`` writes it."""
    return f"[{'.'.join(('tool', 'llmeval', *map(toml_key, keys)))}]"
