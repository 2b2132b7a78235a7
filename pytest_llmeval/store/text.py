"""JSON as text: one form for hashing, one for people and diffs, and text made safe to show."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["as_json", "canonical_json", "lenient_json", "parsed_json", "readable_json", "visible"]

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
