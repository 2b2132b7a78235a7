"""The parts of JSON values: their paths, whether two are equal, and which fields of a value are right."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pytest_llmeval.differences import ABSENT, paired
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.reply import unfenced
from pytest_llmeval.score import FieldCount
from pytest_llmeval.text import harmless, shortened

MOST_FIELDS = 200
OTHERS = "(other fields)"


def json_of(text: str) -> object:
    """The object or array that a text is as JSON, None where it is none; a code fence is ignored."""
    inner = unfenced(text)
    if not inner.startswith(("{", "[")):
        return None
    try:
        value = parsed_json(inner)
    except ValueError:
        return None
    return value if isinstance(value, dict | list) else None


def json_path(steps: Iterable[object]) -> str:
    """The path that keys and indexes make, harmless and short: ``$.name[3]["any text"]``."""
    return harmless(shortened("$" + "".join(map(_step, steps)), 100))


def _step(key: object) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    text = shortened(str(key), 60)
    return f".{text}" if text.isidentifier() and text.isascii() else f"[{json.dumps(text)}]"


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values that hold no others are equal; ``3`` and ``3.0`` are, ``1`` and ``true`` are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and bool(left == right)


def field_counts(expected: Any, actual: Any) -> tuple[FieldCount, ...]:
    """How often each field of a JSON value is right in another; items of lists count for one field.

    A field is a value that holds no others. One that only the other value has is wrong.

    Returns:
        In the order of the first value. What comes after 200 fields is counted under `OTHERS`.
    """
    counts: dict[str, list[int]] = {}
    for steps, right in _fields(expected, actual):
        path = folded_path(steps)
        if path not in counts and len(counts) >= MOST_FIELDS:
            path = OTHERS
        count = counts.setdefault(path, [0, 0])
        count[0] += right
        count[1] += 1
    return tuple(FieldCount(path, *count) for path, count in counts.items())


def _fields(expected: Any, actual: Any) -> Iterator[tuple[tuple[Any, ...], bool]]:
    for steps, left, right in paired(expected, actual, whole=_is_empty):
        if left is ABSENT or _holds_others(left):
            for inner in _leaves(right if left is ABSENT else left):
                yield (*steps, *inner), False
        else:
            yield steps, right is not ABSENT and same_value(left, right)


def _leaves(value: Any) -> Iterator[tuple[Any, ...]]:
    """The steps to each part of a value that holds no others."""
    todo: list[tuple[tuple[Any, ...], Any]] = [((), value)]
    while todo:
        steps, part = todo.pop()
        if not _holds_others(part):
            yield steps
            continue
        inner = part.items() if isinstance(part, Mapping) else enumerate(part)
        todo += [((*steps, key), below) for key, below in reversed(list(inner))]


def _is_empty(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) and not value


def _holds_others(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) and bool(value)


def folded_path(steps: Iterable[object]) -> str:
    """A path without indexes, as in ``lines[].sku``."""
    path = "".join("[]" if isinstance(step, int) else _step(step) for step in steps)
    return harmless(shortened(path.removeprefix(".") or "$", 100))
