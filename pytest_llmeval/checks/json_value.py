"""Checks of a JSON reply against a value, and the paths where two JSON values differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pytest_llmeval.checks.score import Score, Unfit, check, failed, passed
from pytest_llmeval.checks.text import text_of
from pytest_llmeval.checks.wording import quoted, shown
from pytest_llmeval.reply import unfenced
from pytest_llmeval.report.text import harmless, shortened

__all__ = ["assert_json", "differences", "json_path", "parsed", "place", "same_value", "several", "walked"]

ANYTHING: Final = object()
MOST_PROBLEMS = 20

__tracebackhide__ = True


@check
def assert_json(reply: str, expected: Any = ANYTHING, *, category: str | None = None) -> Score:
    """Check that the reply is JSON, and equal to a value when one is given.

    A Markdown code fence around it is ignored, and so is the order of keys; ``3`` equals ``3.0``, but neither ``"3"``
    nor ``true``.

    Args:
        reply: the answer.
        expected: the value it must be.
        category: the error category of a failure; without it ``format`` for what is not JSON, else ``wrong_answer``.
    """
    value = parsed(reply)
    if expected is ANYTHING:
        return passed("format")
    problems = differences(expected, value, limit=MOST_PROBLEMS + 1)
    return failed(several("the JSON differs", problems)) if problems else passed()


def parsed(reply: object) -> Any:
    """The reply as a JSON value.

    Raises:
        Unfit: it is not JSON; ``NaN`` and ``Infinity`` are not.
    """
    text = unfenced(text_of(reply))
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise Unfit("the reply is not JSON: it is nested too deeply") from None
    except ValueError as error:
        own_words = isinstance(error, json.JSONDecodeError) or len(str(error)) < 60
        detail = str(error) if own_words else "a number is too long"
        raise Unfit(f"the reply is not JSON: {detail}: {quoted(text)}" if text else "the reply is empty") from None


def _no_constant(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value")


def several(what: str, problems: list[str]) -> str:
    """A message of one problem, or of a list of them, the first of which is on the first line."""
    if len(problems) == 1:
        return problems[0]
    more = len(problems) - 1
    count = f"{more} more" if len(problems) <= MOST_PROBLEMS else f"at least {more} more"
    lines = [f"{problems[0]} ({count})", *problems[1:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        lines.append(f"... {what} in more places")
    return "\n".join(lines)


def differences(expected: Any, actual: Any, *, limit: int) -> list[str]:
    """Where two JSON values differ, as in ``$.a.b: expected 3, got "3"``; the first ones, up to a limit."""
    return walked(expected, actual, most=limit, keys=_keys, leaf=_unlike)[:limit]


def walked(
    expected: Any,
    actual: Any,
    *,
    most: int,
    keys: Callable[[str, Mapping[Any, Any], Mapping[Any, Any]], list[str]],
    leaf: Callable[[Any, Any], str | None],
) -> list[str]:
    """What is found where two JSON values differ, in the order of the expected one.

    Args:
        expected: what is wanted.
        actual: what came.
        most: once so many are found, no further place is looked at.
        keys: what is wrong with the keys of two objects at a path.
        leaf: what is wrong with two values that are no objects or lists both, None for nothing.
    """
    found: list[str] = []
    # An explicit stack: a reply may be nested deeper than Python calls.
    todo: list[tuple[str, Any, Any]] = [("$", expected, actual)]
    while todo and len(found) < most:
        path, left, right = todo.pop()
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            found += keys(path, left, right)
            todo += [(path + json_path(key), left[key], right[key]) for key in reversed(left) if key in right]
        elif isinstance(left, (list, tuple)) and isinstance(right, list):
            if len(left) != len(right):
                found.append(f"{place(path)}: expected {len(left)} items, got {len(right)}")
            pairs = list(zip(left, right, strict=False))
            todo += [(f"{path}[{index}]", *pairs[index]) for index in range(len(pairs) - 1, -1, -1)]
        elif (problem := leaf(left, right)) is not None:
            found.append(f"{place(path)}: {problem}")
    return found


def _unlike(left: Any, right: Any) -> str | None:
    return None if same_value(left, right) else f"expected {shown(left, 60)}, got {shown(right, 60)}"


def _keys(path: str, left: Mapping[Any, Any], right: Mapping[Any, Any]) -> list[str]:
    missing = [
        f"{place(path + json_path(key))}: missing, expected {shown(left[key])}" for key in left if key not in right
    ]
    unexpected = [
        f"{place(path + json_path(key))}: not expected, got {shown(right[key])}" for key in right if key not in left
    ]
    return missing + unexpected


def same_value(left: Any, right: Any) -> bool:
    """Whether two JSON values that hold no others are the same; ``3`` and ``3.0`` are, ``1`` and ``true`` are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    return type(left) is type(right) and bool(left == right)


def json_path(key: object) -> str:
    """One step of a path: ``.name``, ``[3]`` or ``["any text"]``."""
    if isinstance(key, int):
        return f"[{key}]"
    text = shortened(str(key), 60)
    return f".{text}" if text.isidentifier() and text.isascii() else f"[{json.dumps(text)}]"


def place(path: str) -> str:
    """A path as it is shown: harmless and short."""
    return harmless(shortened(path, 100))
