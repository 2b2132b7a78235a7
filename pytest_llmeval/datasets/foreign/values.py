"""Values of other tools as a row has them."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pytest_llmeval.json_text import parsed_row

_LONGEST_LITERAL = 50_000  # characters
_TEXT_KEYS = ("text", "content", "page_content", "passage", "document")


def unwrapped(value: Any) -> Any:
    """The one value of an object with one key, which other tools have around a text or messages."""
    if isinstance(value, dict) and len(value) == 1:
        [only] = value.values()
        return only if isinstance(only, (str, list, int, float)) else value
    return value


def of_cell(value: Any) -> Any:
    """The value that a cell holds as JSON, or as Python writes a list; any other as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return parsed_row(value.strip())
    except ValueError:
        pass
    if len(value) > _LONGEST_LITERAL:
        return value
    try:
        found = ast.literal_eval(value.strip())
        json.dumps(found)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return value
    return found if isinstance(found, (list, dict)) else value


def passages(value: Any) -> list[str]:
    """The texts of what answers are to be grounded in."""
    value = of_cell(value)
    if value is None or value == "":
        return []
    items = value if isinstance(value, list) else [value]
    texts = []
    for item in items:
        if isinstance(item, dict):
            item = next((item[key] for key in _TEXT_KEYS if isinstance(item.get(key), str)), item)
        texts.append(item if isinstance(item, str) else json.dumps(item, ensure_ascii=False))
    return [text for text in texts if text.strip()]


def labels(value: Any) -> list[str]:
    """The texts of a list, or of a cell that separates them."""
    value = of_cell(value)
    if isinstance(value, str):
        separator = next((mark for mark in ("|", ";", ",") if mark in value), None)
        value = value.split(separator) if separator else [value]
    return [str(one).strip() for one in value if str(one).strip()] if isinstance(value, list) else []


def joined(*objects: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of objects in one; a name that is there already gets a number."""
    made: dict[str, Any] = {}
    for one in objects:
        for name, value in one.items():
            free, number = name, 2
            while free in made:
                free, number = f"{name}_{number}", number + 1
            made[free] = value
    return made


def without(fields: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """The names of the fields that are not known, in the order of the file."""
    return [name for name in fields if name not in {*known}]


def rest_of(fields: Mapping[str, Any], used: Iterable[str | None]) -> dict[str, Any]:
    """The fields that have no place of their own, without those that are empty."""
    taken = set(used)
    return {name: value for name, value in fields.items() if name not in taken and value not in (None, "", [], {})}


def as_object(value: Any) -> dict[str, Any]:
    """Metadata as an object."""
    value = of_cell(value)
    if isinstance(value, dict):
        return dict(value)
    return {} if value in (None, "", []) else {"metadata": value}
