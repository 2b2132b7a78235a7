"""A regular expression of JavaScript as Python's `re` has it."""

from __future__ import annotations

import re


def python_pattern(pattern: str) -> str | None:
    r"""The pattern that finds the same in Python, None when there is none.

    ``$`` without a flag is the very end, ``\w``, ``\d`` and ``\b`` know only ASCII, and named groups are written
    differently. What only one of the two has, as ``\p{L}``, is not guessed.
    """
    made, place, in_class = ["(?a)" if re.search(r"\\[wWdDbB]", pattern) else ""], 0, False
    while place < len(pattern):
        character = pattern[place]
        if character == "\\":
            step = _escape(pattern, place, in_class=in_class)
            if step is None:
                return None
            text, place = step
            made.append(text)
            continue
        if in_class:
            in_class = character != "]"
            made.append(f"\\{character}" if character in "[&~|" else character)
        elif pattern.startswith(("[]", "[^]"), place):
            return None  # nothing and anything, where Python reads a class that holds "]"
        elif character == "[":
            in_class = True
            made.append(character)
        elif character == "$":
            made.append(r"\Z")
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


def _escape(pattern: str, place: int, *, in_class: bool) -> tuple[str, int] | None:
    """What an escape becomes, and where the pattern goes on."""
    letter = pattern[place + 1 : place + 2]
    if letter == "k" and (name := re.match(r"\\k<(\w+)>", pattern[place:])):
        return f"(?P={name[1]})", place + name.end()
    if letter == "b" and in_class:
        return r"\x08", place + 2
    if not letter:
        return None
    if letter in "ux":
        fixed = re.match(r"\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})", pattern[place:])
        return (fixed[0], place + fixed.end()) if fixed else None
    if letter in "pPkc":
        return None
    if letter.isascii() and letter.isalpha() and letter not in "wWdDsSbBnrtfv":
        return letter, place + 2  # an escape that means the letter itself
    return f"\\{letter}", place + 2
