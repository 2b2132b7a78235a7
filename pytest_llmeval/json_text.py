"""JSON as text: read strictly, and written in one form for hashing and in one for people and diffs.

Reading refuses what would get lost or break later: repeated keys, NaN, infinities, lone surrogates, deep nesting.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

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


# Control characters, bidirectional marks and overrides, line separators, invisible fillers, lone surrogates, tags.
# The joiners U+200C and U+200D stay: they are part of ordinary words and emoji.
_INVISIBLE = (  # compiled when it is first looked for: replaying does not
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def canonical_json(value: object) -> str:
    """The value as ASCII JSON that is the same whatever the order of its keys; bytes count by their hash.

    Raises:
        TypeError, ValueError: the value is no JSON.
    """
    return _CANONICAL.encode(value)


def lenient_json(value: object) -> str:
    """The value as ASCII JSON with sorted keys, for digests; what JSON does not know stands as its ``str``."""
    return _LENIENT.encode(value)


def readable_json(value: object) -> str:
    """The value as one line of sorted JSON in which people can read any language and nothing is hidden.

    Raises:
        ValueError: the value is no JSON: NaN, an infinity, a foreign type, or too deeply nested.
    """
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, default=as_json)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    return re.sub(_INVISIBLE, _escaped, text)


def parsed_json(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, holds NaN or an infinity, or is too deeply nested.
    """
    try:
        return _STRICT.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def visible(text: str) -> str:
    r"""The text on one line with every control, bidirectional or invisible character as its escape."""
    return re.sub(_INVISIBLE, lambda match: _SHORT.get(match[0]) or _escaped(match), text)


def as_json(value: Any) -> Any:
    """A mapping that is no ``dict`` as one, and bytes as their hash; for ``json.dumps(default=...)``.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes | bytearray):
        return {"bytes-sha256": hashlib.sha256(value).hexdigest()}
    raise TypeError(f"{type(value).__name__} is not JSON")


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


# Made once: json.dumps and json.loads with arguments make one for every call.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=as_json)

_LENIENT = json.JSONEncoder(sort_keys=True, default=str)

_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)

_STEP = re.compile(r'\.?([^.\[\]"\s]+)|\[(\d+|\*)\]|\["([^"]+)"\]')


def check_path(path: str) -> None:
    """Raise unless this can stand in ``ignore``.

    Raises:
        ValueError: it cannot be understood.
    """
    path_steps(path)


def path_steps(path: str) -> list[str | int]:
    """The keys and indexes of a JSON path; ``*`` stands for every index."""
    steps: list[str | int] = []
    position = len("$") if path.startswith("$") else 0
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            break
        name, index, quoted = match.groups()
        steps.append(quoted or name or (index if index == "*" else int(index)))
        position = match.end()
    if not steps or position < len(path):
        raise ValueError(f'{path!r} is not a path like messages[0].name, tools[*].description or ["a.b"]')
    return steps


def without_path(value: Any, steps: list[str | int]) -> Any:
    """A copy of the value without what the steps lead to; an element of a list becomes null, so that none moves."""
    step, rest = steps[0], steps[1:]
    if isinstance(value, Mapping):
        if step not in value:
            return value
        if rest:
            return {**value, step: without_path(value[step], rest)}
        return {name: item for name, item in value.items() if name != step}
    if isinstance(value, list | tuple) and (step == "*" or isinstance(step, int)):
        return [
            (without_path(item, rest) if rest else None) if step in ("*", index) else item
            for index, item in enumerate(value)
        ]
    return value
