"""Text that may be shown: answers of models and rows of datasets are untrusted input."""

from __future__ import annotations

import re

__all__ = ["first_line", "harmless", "shortened", "without_addresses"]

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
