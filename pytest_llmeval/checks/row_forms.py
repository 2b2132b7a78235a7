"""The registry of the checks a dataset's row may carry: their names, functions and forms, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

from pytest_llmeval.checks.categories import is_category
from pytest_llmeval.checks.grounded import assert_grounded
from pytest_llmeval.checks.json_value import assert_json, assert_schema
from pytest_llmeval.checks.measured import (
    assert_cost,
    assert_finish,
    assert_latency,
    assert_no_secrets,
    assert_not_refusal,
)
from pytest_llmeval.checks.number import assert_number
from pytest_llmeval.checks.pattern import assert_matches, assert_not_matches, compiled_pattern
from pytest_llmeval.checks.plain_text import (
    assert_contains,
    assert_equal,
    assert_not_contains,
    assert_starts_with,
    assert_words,
)
from pytest_llmeval.checks.similar import METHODS, assert_similar
from pytest_llmeval.checks.tools import assert_no_tool_called, assert_steps, assert_tool_called, assert_tool_order
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import nearest, quoted, shown

# Kinds of values, by the words that name them in a message.
TEXT = "a text"
TEXTS = "a list of texts"
NUMBER = "a number"
COUNT = "a whole number"
FROM_ONE = "a whole number from 1"
SHARE = "a number above 0 and up to 1"
FLAG = "true or false"
TRUE = "true"
OBJECT = "an object"
PATTERN = "a regular expression"
METHOD = "one of " + ", ".join(METHODS)
WHICH = "one of only, first, last"
ANY = "any JSON value"


@dataclass(frozen=True, slots=True)
class Form:
    """How a row writes one check: ``{name: value}`` or ``{name: {option: value}}``.

    Attributes:
        main: the option that a plain value sets, None when there are only options.
        plain: the kinds of a plain value; ``true`` means "with what the case says".
        options: the options of the long form and the kinds of their values; empty when there is no long form.
        from_case: the case's field that a missing `main` is taken from, None when the long form must have it.
        of_calls: whether it judges the model's tool calls instead of its text.
    """

    function: Callable[..., Score]
    _: KW_ONLY
    main: str | None = None
    plain: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    from_case: str | None = None
    of_calls: bool = False


_CASE: Mapping[str, tuple[str, ...]] = {"ignore_case": (FLAG,)}
_TEXT: Mapping[str, tuple[str, ...]] = {"text": (TEXT, TEXTS), **_CASE}

FORMS: Mapping[str, Form] = {
    "equal": Form(
        assert_equal,
        main="expected",
        plain=(TEXT, TEXTS, TRUE),
        options={"expected": (TEXT, TEXTS), **_CASE},
        from_case="expected",
    ),
    "contains": Form(
        assert_contains,
        main="text",
        plain=(TEXT, TEXTS, TRUE),
        options={"text": (TEXT,), "all": (TEXTS,), "any": (TEXTS,), **_CASE},
        from_case="expected",
    ),
    "not_contains": Form(assert_not_contains, main="text", plain=(TEXT, TEXTS), options=_TEXT),
    "starts_with": Form(assert_starts_with, main="text", plain=(TEXT, TEXTS), options=_TEXT),
    "matches": Form(assert_matches, main="pattern", plain=(PATTERN,)),
    "not_matches": Form(assert_not_matches, main="pattern", plain=(PATTERN,)),
    "similar": Form(
        assert_similar,
        main="expected",
        plain=(TEXT, TEXTS, TRUE),
        options={"expected": (TEXT, TEXTS), "at_least": (SHARE,), "method": (METHOD,), **_CASE},
        from_case="expected",
    ),
    "json": Form(assert_json, main="expected", plain=(TRUE, ANY)),
    "schema": Form(assert_schema, main="schema", plain=(OBJECT,)),
    "number": Form(
        assert_number,
        main="expected",
        plain=(NUMBER, TRUE),
        options={"expected": (NUMBER,), "abs": (NUMBER,), "rel": (NUMBER,), "which": (WHICH,)},
        from_case="expected",
    ),
    "words": Form(assert_words, options={"at_least": (COUNT,), "at_most": (COUNT,)}),
    "max_words": Form(assert_words, main="at_most", plain=(COUNT,)),
    "min_words": Form(assert_words, main="at_least", plain=(COUNT,)),
    "finish": Form(assert_finish, plain=(TRUE,)),
    "not_refusal": Form(assert_not_refusal, plain=(TRUE,)),
    "no_secrets": Form(assert_no_secrets, plain=(TRUE,)),
    "grounded": Form(
        assert_grounded,
        main="context",
        plain=(TRUE, TEXT, TEXTS),
        options={"context": (TEXT, TEXTS), "allow": (TEXT, TEXTS)},
        from_case="context",
    ),
    "latency": Form(assert_latency, main="at_most", plain=(NUMBER,)),
    "cost": Form(assert_cost, main="at_most", plain=(NUMBER,)),
    "tool_called": Form(
        assert_tool_called,
        main="name",
        plain=(TEXT,),
        options={"name": (TEXT,), "args": (OBJECT,), "exact": (FLAG,), "times": (FROM_ONE,), "at_most": (FROM_ONE,)},
        of_calls=True,
    ),
    "no_tool_called": Form(assert_no_tool_called, main="names", plain=(TRUE, TEXT, TEXTS), of_calls=True),
    "tool_order": Form(
        assert_tool_order, main="names", plain=(TEXTS,), options={"names": (TEXTS,), "exact": (FLAG,)}, of_calls=True
    ),
    "steps": Form(assert_steps, options={"at_most": (FROM_ONE,), "tool_calls_at_most": (FROM_ONE,)}, of_calls=True),
    "max_steps": Form(assert_steps, main="at_most", plain=(FROM_ONE,), of_calls=True),
}


def validate_checks(checks: object) -> list[str]:
    """What is wrong with the ``checks`` of a row, one line each; empty when they are right.

    Args:
        checks: a list of objects, each with one check and perhaps a ``category``.
    """
    if isinstance(checks, (str, Mapping)) or not isinstance(checks, Sequence):
        return [f'checks is a list such as [{{"contains": "30 days"}}], not {shown(checks)}']
    return [f"check {number}: {problem}" for number, one in enumerate(checks, start=1) for problem in _problems_of(one)]


def _problems_of(one: object) -> Iterator[str]:
    if not isinstance(one, Mapping):
        yield f'expected an object such as {{"contains": "30 days"}}, got {shown(one)}'
        return
    category = one.get("category")
    if "category" in one and not (isinstance(category, str) and is_category(category)):
        yield f"category is a short name, not {shown(category)}"
    names = [name for name in one if name != "category"]
    known = [name for name in names if name in FORMS]
    for name in names:
        if name not in FORMS:
            yield f"unknown check {_unknown(name, [*FORMS, 'category'])}"
    if len(known) > 1:
        yield f"one check each, and not {' and '.join(known)} in one; a list may hold any number"
    if not names:
        yield f"no check in it; there are {', '.join(FORMS)}"
    for name in known:
        yield from (f"{name}: {problem}" for problem in _problems_of_value(FORMS[name], one[name]))


def _problems_of_value(form: Form, value: object) -> Iterator[str]:
    if form.options and isinstance(value, Mapping):
        for option in value:
            if option not in form.options:
                yield f"unknown option {_unknown(option, list(form.options))}"
            elif problem := _problem_of_kind(form.options[option], value[option]):
                yield f"{option} {problem}"
        if not value:
            yield f"no options in it; there are {', '.join(form.options)}"
        elif form.main and form.main not in value and not form.from_case:
            yield f"{form.main} is missing"
    elif not form.plain:
        yield f"it takes an object with {' or '.join(form.options)}, not {shown(value)}"
    elif problem := _problem_of_kind(form.plain, value):
        yield problem


def _problem_of_kind(kinds: tuple[str, ...], value: object) -> str | None:
    if not any(_is(kind, value) for kind in kinds):
        return f"takes {' or '.join(kinds)}, not {shown(value)}"
    if PATTERN in kinds:
        try:
            compiled_pattern("it", value)
        except LlmevalError as error:
            return f"takes a regular expression: {str(error).removeprefix('it: ')}"
    return None


def _is(kind: str, value: object) -> bool:
    if kind in (NUMBER, SHARE, COUNT, FROM_ONE):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if kind == COUNT:
            return isinstance(value, int) and value >= 0
        if kind == FROM_ONE:
            return isinstance(value, int) and value >= 1
        return 0 < value <= 1 if kind == SHARE else abs(value) < float("inf")
    if kind == TEXTS:
        return isinstance(value, (list, tuple)) and bool(value) and all(_is(TEXT, one) for one in value)
    if kind in (TEXT, PATTERN):
        return isinstance(value, str) and bool(value.strip())
    if kind == FLAG:
        return isinstance(value, bool)
    if kind == TRUE:
        return value is True
    if kind == OBJECT:
        return isinstance(value, Mapping)
    if kind == ANY:
        return True
    return isinstance(value, str) and value in kind.removeprefix("one of ").split(", ")


def _unknown(name: object, known: list[str]) -> str:
    given = str(name)[:80]
    similar = nearest(given.removeprefix("assert_"), known)
    return f"{quoted(given)}; " + (f'did you mean "{similar}"?' if similar else f"there are {', '.join(known)}")
