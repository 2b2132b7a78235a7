"""The arguments of a tool call beside those that were expected: values, or what tells a right one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from pytest_llmeval.checks.json_value import json_path, place, same_value, walked
from pytest_llmeval.checks.limits import SECONDS, TimedOut, within_time
from pytest_llmeval.checks.pattern import find
from pytest_llmeval.checks.wording import quoted, shown
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.report.steps import json_words
from pytest_llmeval.report.text import first_line

__all__ = ["argument_problems"]

MOST = 50  # problems that are looked for

__tracebackhide__ = True


def argument_problems(expected: Mapping[str, Any], actual: Mapping[str, Any], *, exact: bool) -> list[str]:
    """Where the arguments are not what was expected, as in ``$.amount: expected 84, got 48``.

    Args:
        expected: by name a value, a compiled regular expression, a class, or a function that is given the value and
            says whether it is right; objects within may hold the same.
        actual: what the model gave.
        exact: whether there may be no further arguments, nor fields of objects within.
    """
    return walked(expected, actual, most=MOST, keys=partial(_keys, exact=exact), leaf=_problem)


def _keys(path: str, left: Mapping[Any, Any], right: Mapping[Any, Any], *, exact: bool) -> list[str]:
    missing = [key for key in left if key not in right]
    found = [f"{place(path + json_path(key))}: missing, expected {_wanted(left[key])}" for key in missing]
    extra = [key for key in right if key not in left] if exact else []
    return found + [f"{place(path + json_path(key))}: not expected, got {json_words(right[key])}" for key in extra]


def _problem(expected: Any, value: Any) -> str | None:
    if isinstance(expected, re.Pattern):
        right, why = isinstance(value, str) and _matches(expected, value), ""
    elif isinstance(expected, type):
        # JSON's 3 is a right float; true is no number.
        kinds = (int, float) if expected is float else expected
        right, why = isinstance(value, kinds) and (expected in (bool, object) or not isinstance(value, bool)), ""
    elif callable(expected):
        right, why = _says(expected, value)
    else:
        right, why = same_value(expected, value), ""
    return None if right else f"expected {_wanted(expected)}, got {json_words(value)}{why}"


def _matches(pattern: re.Pattern[str], value: str) -> bool:
    try:
        return within_time(find, pattern.pattern, pattern.flags, value) is not None
    except TimedOut:
        raise LlmevalError(
            f"regex timed out: {quoted(pattern.pattern, 60)} took more than {SECONDS:g} s on an argument; "
            "nested repeats such as (a+)+ are the usual cause"
        ) from None


def _says(function: Any, value: Any) -> tuple[bool, str]:
    try:
        return bool(function(value)), ""
    except LlmevalError:
        raise  # of a judge without a reply: an error, not a failure
    except Exception as error:  # the model may have given a value of another type than the function can take
        return False, f": {type(error).__name__}: {first_line(str(error), 60)}"


def _wanted(expected: Any) -> str:
    if isinstance(expected, re.Pattern):
        return f"a match of {quoted(expected.pattern, 60)}"
    if callable(expected):
        return f"what {getattr(expected, '__name__', type(expected).__name__)} accepts"
    return shown(expected, 60)
