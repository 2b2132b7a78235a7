"""JSON without what would get lost or break later: repeated keys, NaN, infinities, lone surrogates, deep nesting."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

__all__ = ["DEEPEST", "has_lone_surrogate", "parse_json"]

DEEPEST = 100
"""Levels of lists and objects a row may have."""


def parse_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: its message says in one line what is wrong.
    """
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    # Cheap tests of the text first: few rows can have either fault.
    if text.count("[") + text.count("{") > DEEPEST and _depth_over(value, DEEPEST):
        raise ValueError(_TOO_DEEP)
    if ("\\ud" in text or "\\uD" in text) and _holds_lone_surrogate(value):
        raise ValueError("a \\ud800-\\udfff escape stands alone: half a character, which no text can hold")
    return value


_TOO_DEEP = f"nested too deep; at most {DEEPEST} levels of lists and objects are allowed"


def has_lone_surrogate(text: str) -> bool:
    """Whether the text holds half a character, and so cannot be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in made if keys.count(key) > 1)
        raise ValueError(f"the key {json.dumps(twice[:60])} stands twice in one object; only one value can be kept")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number; use null, or text")


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:60]} is too large")
    return number


def _int(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"a number of {len(digits)} digits is too large") from None


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int)


def _depth_over(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [outer for outer in level if isinstance(outer, list | dict)]
        if not level:
            return False
        level = [inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer)]
    return True


def _holds_lone_surrogate(value: Any) -> bool:
    rest = [value]
    while rest:
        match rest.pop():
            case str() as text:
                if has_lone_surrogate(text):
                    return True
            case list() as items:
                rest.extend(items)
            case dict() as fields:
                rest.extend(fields)
                rest.extend(fields.values())
    return False
