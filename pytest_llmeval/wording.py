"""How messages on mistakes name what was given and the nearest right name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["described", "did_you_mean", "in_table", "nearest", "quoted_ascii"]

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
