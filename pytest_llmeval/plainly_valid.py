"""Whether a value plainly obeys a JSON Schema, without the half of a tenth of a second jsonschema takes to import.

Most tables are right. Only one that is not, or that uses what is not known here, is worth asking jsonschema, which
knows what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["plainly_valid"]

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
}
_ANNOTATIONS = frozenset({"$schema", "$defs", "title", "description", "writeOnly", "properties"})


def plainly_valid(value: Any, schema: Mapping[str, Any]) -> bool:
    """Whether a value obeys a schema; False also where that is not known.

    Args:
        value: of the types JSON has.
        schema: a JSON Schema of draft 2020-12.
    """
    return _valid(value, schema, schema.get("$defs", {}))


def _valid(value: Any, rules: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    for keyword, rule in rules.items():
        if keyword in _ANNOTATIONS:
            continue
        obeyed = _KEYWORDS.get(keyword)
        if obeyed is None or not obeyed(value, rule, definitions):
            return False
    if not isinstance(value, dict):
        return True
    known: Mapping[str, Any] = rules.get("properties", {})
    others: Any = rules.get("additionalProperties", True)
    for key, inner in value.items():
        rule = known.get(key, others)
        if rule is True:
            continue
        if rule is False or not _valid(inner, rule, definitions):
            return False
    return True


def _of_type(value: Any, name: Any, _: Mapping[str, Any]) -> bool:
    return isinstance(name, str) and name in _TYPES and isinstance(value, _TYPES[name]) and not isinstance(value, bool)


def _matches(value: Any, pattern: str, _: Mapping[str, Any]) -> bool:
    return not isinstance(value, str) or re.search(pattern, value) is not None


def _is_one_of(value: Any, allowed: list[Any], _: Mapping[str, Any]) -> bool:
    return isinstance(value, str) and value in allowed  # JSON's 1 and true are not Python's


def _has_all(value: Any, names: list[str], _: Mapping[str, Any]) -> bool:
    return not isinstance(value, dict) or all(name in value for name in names)


def _named_so(value: Any, rules: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    return not isinstance(value, dict) or all(_valid(name, rules, definitions) for name in value)


def _items(value: Any, rules: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    return not isinstance(value, list) or all(_valid(item, rules, definitions) for item in value)


def _at_least(value: Any, least: float, _: Mapping[str, Any]) -> bool:
    return not isinstance(value, (int, float)) or value >= least


def _at_most(value: Any, most: float, _: Mapping[str, Any]) -> bool:
    return not isinstance(value, (int, float)) or value <= most


def _referred(value: Any, place: str, definitions: Mapping[str, Any]) -> bool:
    name = place.removeprefix("#/$defs/")
    return name in definitions and _valid(value, definitions[name], definitions)


_KEYWORDS: Mapping[str, Callable[[Any, Any, Mapping[str, Any]], bool]] = {
    "type": _of_type,
    "pattern": _matches,
    "enum": _is_one_of,
    "required": _has_all,
    "propertyNames": _named_so,
    "items": _items,
    "minimum": _at_least,
    "maximum": _at_most,
    "$ref": _referred,
    "additionalProperties": lambda *_: True,  # with the properties, in `_valid`
}
