"""JSON as text: read strictly, and written in one form for hashing and in one for people and diffs.

The readers refuse what would get lost or break later: NaN, infinities and numbers too large to compute with. Rows of
datasets may not hold repeated keys, lone surrogates or deep nesting either.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

DEEPEST = 100
"""Levels of lists and objects a row may have."""

_TOO_DEEP = f"nested too deep; at most {DEEPEST} levels of lists and objects are allowed"


def parsed_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is not JSON, holds NaN, an infinity or a number that is too large, or is nested too deep.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    try:
        return _STRICT.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def sent_json(text: str | bytes) -> Any:
    """The value of a JSON text that a server sent. Some write NaN for nothing, so it is None, as infinities are.

    Raises:
        ValueError: it is not JSON, holds a number that is too large, or is nested too deep.
    """
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text), "surrogatepass")
    try:
        return _SENT.decode(text.removeprefix("\ufeff"))
    except RecursionError:
        raise ValueError("nested too deep") from None


def parsed_row(text: str) -> Any:
    """The value of a row, a cell or a whole file of a dataset, which is JSON.

    Raises:
        ValueError: its message says in one line what is wrong.
    """
    try:
        value = _ROW.decode(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise ValueError(f"not JSON: {error.msg} at {line}column {error.colno}") from None
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    # Cheap tests of the text first: few rows can have either fault.
    if text.count("[") + text.count("{") > DEEPEST and _depth_over(value, DEEPEST):
        raise ValueError(_TOO_DEEP)
    if ("\\ud" in text or "\\uD" in text) and _holds_lone_surrogate(value):
        raise ValueError("a \\ud800-\\udfff escape stands alone: half a character, which no text can hold")
    return value


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
        raise ValueError(f"the key {json.dumps(twice[:60])} appears twice in one object; only one value can be kept")
    return made


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number; use null, or text")


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


# Made once: json.dumps and json.loads with arguments make one for every call.
_STRICT = json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=_int)
_SENT = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_float, parse_int=_int)
_ROW = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int)


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
_INVISIBLE = (  # compiled when first needed: replaying does not need it
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def canonical_json(value: object) -> str:
    """The value as ASCII JSON with sorted keys; bytes are replaced by their hash.

    Raises:
        TypeError, ValueError: the value is not JSON.
    """
    return _CANONICAL.encode(value)


def lenient_json(value: object) -> str:
    """The value as ASCII JSON with sorted keys, for digests; what JSON does not know is its ``str``."""
    return _LENIENT.encode(value)


def readable_json(value: object) -> str:
    """The value as one line of sorted JSON in which people can read any language and nothing is hidden.

    Raises:
        ValueError: the value is not JSON: NaN, an infinity, a foreign type, or nested too deep.
    """
    try:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, default=as_json)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None
    return re.sub(_INVISIBLE, _escaped, text)


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def as_json(value: Any) -> Any:
    """Any mapping as a ``dict``, and bytes as their hash; for ``json.dumps(default=...)``.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes | bytearray):
        import hashlib

        return {"bytes-sha256": hashlib.sha256(value).hexdigest()}
    raise TypeError(f"{type(value).__name__} is not JSON")


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, default=as_json)
_LENIENT = json.JSONEncoder(sort_keys=True, default=str)
_STEP = re.compile(r'\.?([^.\[\]"\s]+)|\[(\d+|\*)\]|\["([^"]+)"\]')


def path_steps(path: str) -> list[str | int]:
    """The keys and indexes of a JSON path; ``*`` means every index.

    Raises:
        ValueError: it is not a path.
    """
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
    """A copy without the value at a path; an element of a list becomes null, so that the others keep their index."""
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
