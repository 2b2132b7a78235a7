"""How the arguments of a tool call are compared with those expected, which may be forms such as ``one_of``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from pytest_llmeval.checks.json_value import MOST_PROBLEMS, differences
from pytest_llmeval.checks.pattern import compiled_pattern, search
from pytest_llmeval.checks.structure.json_parts import json_path, same_value
from pytest_llmeval.differences import ABSENT, paired
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.text import first_line, json_words, one_line, quoted, shortened, shown

FORMS = ("one_of", "matches", "if_given", "equal")
"""What an expected value may be instead of itself, written as an object with this one key."""

_Place = tuple[Any, ...]
__tracebackhide__ = True


def argument_problems(expected: Mapping[str, Any], actual: Mapping[str, Any], *, exact: bool) -> list[str]:
    """Where the arguments are not what was expected, as in ``$.amount: expected 84, got 48``.

    Args:
        expected: by name a value, a form, a compiled regular expression, a class, or a function that takes the value
            and returns whether it is right; objects within may hold the same.
        actual: what the model gave.
        exact: whether further arguments, and further fields of objects within, are problems.
    """
    found = (
        f"{json_path(place)}: {problem}"
        for name in {**expected, **actual}
        for place, problem in _differing((name,), expected.get(name, ABSENT), actual.get(name, ABSENT), exact)
    )
    return list(islice(found, MOST_PROBLEMS + 1))


def mistakes_in_forms(expected: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the forms of expected arguments, such as an invalid regular expression."""
    todo: list[tuple[_Place, Any]] = [((name,), value) for name, value in reversed(list(expected.items()))]
    while todo:
        place, value = todo.pop()
        form = form_of(value)
        if form is not None:
            if problem := _mistake(form, value[form]):
                yield f"{json_path(place)}: {problem}"
            elif form == "if_given":
                todo.append((place, value[form]))
            elif form == "one_of":
                todo += [(place, one) for one in reversed(value[form])]
        elif isinstance(value, Mapping):
            if len(value) > 1 and set(value) <= set(FORMS):
                words = " and ".join(str(name) for name in value)
                yield f'{json_path(place)}: {words} in one object; one goes into the other: {{"if_given": {{...}}}}'
            todo += [((*place, name), below) for name, below in reversed(list(value.items()))]
        elif isinstance(value, (list, tuple)):
            todo += [((*place, index), below) for index, below in reversed(list(enumerate(value)))]


def form_of(expected: object) -> str | None:
    """The form that an expected value is, None for a value that is meant as it is."""
    if not isinstance(expected, Mapping) or len(expected) != 1:
        return None
    name = next(iter(expected))
    return name if name in FORMS else None


def call_in_words(name: str, args: Mapping[str, Any] | None, width: int) -> str:
    """An expected call on one harmless line of at most a width in characters: ``refund(amount=one of 84, 85)``."""
    if args is None:
        return quoted(name, width - 2)
    words = (f"{shortened(str(argument), 30)}={_wanted(value)}" for argument, value in args.items())
    return shortened(one_line(f"{shortened(name, 60)}({', '.join(words)})"), width)


def _mistake(form: str, given: Any) -> str | None:
    if form == "one_of" and not (isinstance(given, (list, tuple)) and given):
        return f"one_of takes a list of values, not {shown(given)}"
    if form == "matches":
        try:
            compiled_pattern("matches", given)
        except LlmevalError as error:
            return str(error)
    return None


def _differing(place: _Place, expected: Any, actual: Any, exact: bool) -> Iterator[tuple[_Place, str]]:
    for below, wanted, value in paired(expected, actual, whole=form_of):
        path = (*place, *below)
        form = form_of(wanted)
        if form is not None:
            yield from _differing_form(path, form, wanted[form], value, exact)
        elif exact or wanted is not ABSENT or isinstance(path[-1], int):
            problem = _problem(wanted, value)
            if problem is not None:
                yield path, problem


def _differing_form(path: _Place, form: str, given: Any, value: Any, exact: bool) -> Iterator[tuple[_Place, str]]:
    if form == "if_given":
        if value is not ABSENT:
            yield from _differing(path, given, value, exact)
    elif value is ABSENT:
        yield path, f"missing, expected {_wanted({form: given})}"
    elif form == "matches":
        pattern = compiled_pattern("matches", given)
        if not isinstance(value, str) or search(pattern, value, "an argument") is None:
            yield path, f"expected {_wanted(pattern)}, got {json_words(value)}"
    elif form == "one_of":
        if all(any(True for _ in _differing(path, one, value, exact)) for one in given):
            yield path, f"expected {_wanted({form: given})}, got {json_words(value)}"
    elif differences(given, value, limit=1):
        yield path, f"expected {_wanted({form: given})}, got {json_words(value)}"


def _problem(expected: Any, value: Any) -> str | None:
    if expected is ABSENT:
        return f"not expected, got {json_words(value)}"
    if value is ABSENT:
        return f"missing, expected {_wanted(expected)}"
    if isinstance(expected, re.Pattern):
        right, why = isinstance(value, str) and search(expected, value, "an argument") is not None, ""
    elif isinstance(expected, type):
        # JSON's 3 is a right float; true is not a number.
        kinds = (int, float) if expected is float else expected
        right, why = isinstance(value, kinds) and (expected in (bool, object) or not isinstance(value, bool)), ""
    elif callable(expected):
        right, why = _says(expected, value)
    else:
        right, why = same_value(expected, value), ""
    return None if right else f"expected {_wanted(expected)}, got {json_words(value)}{why}"


def _says(function: Any, value: Any) -> tuple[bool, str]:
    try:
        return bool(function(value)), ""
    except LlmevalError:
        raise  # a judge that got no reply: an error, not a failure
    except Exception as error:  # the model may have given a value of another type than the function can take
        return False, f": {type(error).__name__}: {first_line(str(error), 60)}"


def _wanted(expected: Any) -> str:
    form = form_of(expected)
    if form == "one_of":
        several = expected[form]
        rest = f" and {len(several) - 5} more" if len(several) > 5 else ""
        return ("one of " if len(several) > 1 else "") + ", ".join(map(_wanted, several[:5])) + rest
    if form == "matches":
        return f"a match of {quoted(expected[form], 60)}"
    if form == "if_given":
        return f"{_wanted(expected[form])} if given"
    if form == "equal":
        return json_words(expected[form])
    if isinstance(expected, re.Pattern):
        return f"a match of {quoted(expected.pattern, 60)}"
    if callable(expected):
        return f"what {getattr(expected, '__name__', type(expected).__name__)} accepts"
    return shown(expected, 60)
