"""A regular expression of JavaScript, which ECMA 262 defines, as Python's `re` has it."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata

# White space and line ends by ECMA 262, sections 12.2 and 12.3, as members of a class.
_SPACES = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_LINE_ENDS = r"\n\r\u2028\u2029"
_IDENTITY = frozenset("wWdDsSbBnrtfv0")
_CATEGORIES = {
    "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll", "Mark": "M", "Number": "N", "digit": "Nd",
    "Decimal_Number": "Nd", "Punctuation": "P", "punct": "P", "Symbol": "S", "Separator": "Z", "Space_Separator": "Zs",
}  # fmt: skip
"""General categories of Unicode by their long names."""


def python_pattern(pattern: str, *, exact: bool = False) -> str | None:
    r"""The pattern that finds the same in Python, None when there is none.

    ``$`` without a flag is the very end, ``\w``, ``\d`` and ``\b`` know only ASCII, and named groups are written
    differently. What only one of the two has is not guessed.

    Args:
        exact: as with JavaScript's flag ``u``: rare spaces and line ends count too, ``\p{L}`` is known, and an escaped
            letter without a meaning is no pattern. The result is for no eyes.
    """
    made, place, in_class = ["(?a)" if re.search(r"\\[wWdDbB]", pattern) else ""], 0, False
    while place < len(pattern):
        character = pattern[place]
        if character == "\\":
            step = _escape(pattern, place, in_class=in_class, exact=exact)
            if step is None:
                return None
            text, place = step
            made.append(text)
            continue
        if in_class:
            in_class = character != "]"
            made.append(f"\\{character}" if character in "[&~|" else character)
        elif pattern.startswith(("[]", "[^]"), place):
            if not exact:
                return None  # nothing and anything, where Python reads a class that holds "]"
            anything = pattern[place + 1] == "^"
            made.append(r"[\s\S]" if anything else "(?!)")
            place += 1 + anything
        elif character == "[":
            in_class = True
            made.append(character)
        elif character == "$":
            made.append(r"\Z")
        elif character == "." and exact:
            made.append(f"[^{_LINE_ENDS}]")
        elif pattern.startswith("(?<", place) and pattern[place + 3 : place + 4] not in ("=", "!"):
            made.append("(?P<")
            place += 2
        elif re.match(r"\(\?[^:=!<]", pattern[place:]) or pattern.startswith("{,", place):
            return None  # a flag or a form that JavaScript does not have, or reads as text
        else:
            made.append(character)
        place += 1
    text = "".join(made)
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return None
    return text


def _escape(pattern: str, place: int, *, in_class: bool, exact: bool) -> tuple[str, int] | None:
    """What an escape becomes, and where the pattern goes on."""
    letter = pattern[place + 1 : place + 2]
    if letter == "k" and (name := re.match(r"\\k<(\w+)>", pattern[place:])):
        return f"(?P={name[1]})", place + name.end()
    if letter == "b" and in_class:
        return r"\x08", place + 2
    if not letter:
        return None
    if letter in "ux":
        return _code_point(pattern, place, exact=exact)
    if letter == "c" and exact and (control := re.match(r"\\c([A-Za-z])", pattern[place:])):
        return f"\\x{ord(control[1]) % 32:02x}", place + control.end()
    if letter in "pP" and exact and (named := re.match(r"\\[pP]\{(?:General_Category=|gc=)?(\w+)\}", pattern[place:])):
        members = _of_category(_CATEGORIES.get(named[1], named[1]))
        if not members or (letter == "P" and in_class):
            return None
        return members if in_class else f"[{'^' * (letter == 'P')}{members}]", place + named.end()
    if letter in "pPkc":
        return None
    if letter == "s" and exact:
        return _SPACES if in_class else f"[{_SPACES}]", place + 2
    if letter == "S" and exact and not in_class:
        return f"[^{_SPACES}]", place + 2
    if letter.isascii() and letter.isalpha() and letter not in _IDENTITY:
        return None if exact else (letter, place + 2)  # an escape that means the letter itself
    return f"\\{letter}", place + 2


def _code_point(pattern: str, place: int, *, exact: bool) -> tuple[str, int] | None:
    fixed = re.match(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})", pattern[place:])
    if not exact:
        return (fixed[0], place + fixed.end()) if fixed else None
    pair = re.match(r"\\u([dD][89abAB][0-9A-Fa-f]{2})\\u([dD][c-fC-F][0-9A-Fa-f]{2})", pattern[place:])
    braced = re.match(r"\\u\{0*([0-9A-Fa-f]{1,6})\}", pattern[place:])
    if pair:
        number = 0x10000 + ((int(pair[1], 16) - 0xD800) << 10) + int(pair[2], 16) - 0xDC00
        return f"\\U{number:08x}", place + pair.end()
    if braced:
        return f"\\U{int(braced[1], 16):08x}", place + braced.end()
    return (fixed[0], place + fixed.end()) if fixed else None


@functools.cache
def _of_category(name: str) -> str:
    """The characters of a general category of Unicode, such as ``L`` or ``Lu``, as members of a class; "" for none."""
    if not re.fullmatch("[CLMNPSZ][a-z]?", name):
        return ""
    points = (point for point in range(sys.maxunicode + 1) if unicodedata.category(chr(point)).startswith(name))
    ranges: list[list[int]] = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


class Translated(str):
    """A pattern as Python has it.

    Attributes:
        original: as ECMA 262 has it.
    """

    __slots__ = ("original",)
    original: str


_OF_SCHEMAS = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"})
_OF_VALUES = frozenset({"const", "enum", "default", "examples"})


def in_pythons_words(schema: object) -> object:
    """A JSON Schema with its patterns as Python has them; those that ECMA 262 does not know stay as they are."""
    if isinstance(schema, list):
        return [in_pythons_words(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _value(key, value) for key, value in schema.items()}


def _value(key: str, value: object) -> object:
    if key == "pattern" and isinstance(value, str):
        return _translated(value)
    if key in _OF_VALUES:
        return value
    if key in _OF_SCHEMAS and isinstance(value, dict):
        names = map(_translated, value) if key == "patternProperties" else value
        return {name: in_pythons_words(each) for name, each in zip(names, value.values(), strict=True)}
    return in_pythons_words(value)


def _translated(pattern: str) -> Translated:
    made = python_pattern(pattern, exact=True)
    told = Translated(pattern if made is None else made)
    told.original = pattern
    return told
