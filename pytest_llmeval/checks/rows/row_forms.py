"""The registry of the checks a dataset's row may carry: their names, functions and forms, and what can be wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, cast

from pytest_llmeval.checks import (
    cites,
    grounded,
    json_value,
    kept_facts,
    measured,
    number,
    pattern,
    plain_text,
    similar,
)
from pytest_llmeval.checks.agents import matched_calls, tool_schema, tools
from pytest_llmeval.checks.agents.arguments import mistakes_in_forms
from pytest_llmeval.checks.agents.tool_listing import tools_of
from pytest_llmeval.checks.categories import is_category
from pytest_llmeval.checks.check import is_number
from pytest_llmeval.checks.judges import judged, preferred
from pytest_llmeval.checks.judges.rubrics import rubric_of
from pytest_llmeval.checks.judges.votes import MOST_VOTES
from pytest_llmeval.checks.languages.language import assert_language
from pytest_llmeval.checks.personal import personal_check
from pytest_llmeval.checks.personal.personal_data import KINDS
from pytest_llmeval.checks.structure import characters, code, markdown_checks
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
OBJECT_OF_TEXTS = "an object of texts by name"
LIST = "a list"
ARGUMENTS = "an object of arguments"
CALLS = "a list of calls"
TOOLS = "a list of tools"
PATTERN = "a regular expression"
METHOD = "one of " + ", ".join(similar.METHODS)
WHICH = "one of only, first, last"
LANGUAGE = "one of " + ", ".join(code.LANGUAGES)
PERSONAL = "a list of " + ", ".join(KINDS)
RUBRIC = "the name or the text of a rubric"
VOTES = f"an odd number from 1 to {MOST_VOTES}"
ANY = "any JSON value"


@dataclass(frozen=True, slots=True)
class Form:
    """How a row writes one check: ``{name: value}`` or ``{name: {option: value}}``.

    Attributes:
        main: the option that a plain value sets, None when there are only options.
        plain: the kinds of a plain value; ``true`` means "with what the case says".
        options: the options of the long form and the kinds of their values; empty when there is no long form.
        from_case: the case's field that a missing `main` is taken from, None when the long form must have it.
        needs_main: whether the long form must have `main` where the case has none.
        needed: further options that the long form must have.
        always: options that are not for the row to say.
        of_calls: whether it judges the model's tool calls instead of its text.
        unsure: how the check fails without that the opposite of it holds; such a check cannot be turned round.
        asks: whether it asks another model, whose verdict may not count: no other verdict can be made of it.
    """

    function: Callable[..., Score]
    _: KW_ONLY
    main: str | None = None
    plain: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    from_case: str | None = None
    needs_main: bool = True
    needed: tuple[str, ...] = ()
    always: Mapping[str, Any] = field(default_factory=dict)
    of_calls: bool = False
    unsure: str = ""
    asks: bool = False


_CASE: Mapping[str, tuple[str, ...]] = {"ignore_case": (FLAG,)}
_TEXT: Mapping[str, tuple[str, ...]] = {"text": (TEXT, TEXTS), **_CASE}
_JUDGE: Mapping[str, tuple[str, ...]] = {
    "rubric": (RUBRIC,),
    "judge": (TEXT,),
    "question": (TRUE, TEXT),
    "context": (TRUE, TEXT, TEXTS),
    "expected": (TRUE, TEXT, TEXTS),
    "votes": (VOTES,),
}

FORMS: Mapping[str, Form] = {
    "equal": Form(
        plain_text.assert_equal,
        main="expected",
        plain=(TEXT, TEXTS, TRUE),
        options={"expected": (TEXT, TEXTS), **_CASE},
        from_case="expected",
    ),
    "contains": Form(
        plain_text.assert_contains,
        main="text",
        plain=(TEXT, TEXTS, TRUE),
        options={"text": (TEXT,), "all": (TEXTS,), "any": (TEXTS,), **_CASE},
        from_case="expected",
    ),
    "not_contains": Form(plain_text.assert_not_contains, main="text", plain=(TEXT, TEXTS), options=_TEXT),
    "starts_with": Form(plain_text.assert_starts_with, main="text", plain=(TEXT, TEXTS), options=_TEXT),
    "matches": Form(pattern.assert_matches, main="pattern", plain=(PATTERN,)),
    "not_matches": Form(pattern.assert_not_matches, main="pattern", plain=(PATTERN,)),
    "similar": Form(
        similar.assert_similar,
        main="expected",
        plain=(TEXT, TEXTS, TRUE),
        options={"expected": (TEXT, TEXTS), "at_least": (SHARE,), "method": (METHOD,), **_CASE},
        from_case="expected",
    ),
    "facts": Form(
        kept_facts.assert_facts,
        main="expected",
        plain=(TEXT, TEXTS, TRUE),
        options={"expected": (TEXT, TEXTS)},
        from_case="expected",
    ),
    "json": Form(json_value.assert_json, main="expected", plain=(TRUE, ANY)),
    "json_fields": Form(
        json_value.assert_json,
        main="expected",
        plain=(TRUE, OBJECT, LIST),
        from_case="expected",
        always={"per_field": True},
    ),
    "schema": Form(json_value.assert_schema, main="schema", plain=(OBJECT,)),
    "number": Form(
        number.assert_number,
        main="expected",
        plain=(NUMBER, TRUE),
        options={"expected": (NUMBER,), "abs": (NUMBER,), "rel": (NUMBER,), "which": (WHICH,)},
        from_case="expected",
        unsure="a reply with no number or with several fails it",
    ),
    "words": Form(plain_text.assert_words, options={"at_least": (COUNT,), "at_most": (COUNT,)}),
    "max_words": Form(plain_text.assert_words, main="at_most", plain=(COUNT,)),
    "min_words": Form(plain_text.assert_words, main="at_least", plain=(COUNT,)),
    "sentences": Form(plain_text.assert_sentences, options={"at_least": (COUNT,), "at_most": (COUNT,)}),
    "max_sentences": Form(plain_text.assert_sentences, main="at_most", plain=(COUNT,)),
    "language": Form(assert_language, main="language", plain=(TEXT,)),
    "characters": Form(characters.assert_characters, options={"at_least": (COUNT,), "at_most": (COUNT,)}),
    "max_characters": Form(characters.assert_characters, main="at_most", plain=(COUNT,)),
    "markdown_table": Form(
        markdown_checks.assert_markdown_table,
        main="columns",
        plain=(TRUE, TEXTS),
        options={"columns": (TEXTS,), "at_least": (COUNT,), "at_most": (COUNT,)},
        needs_main=False,
    ),
    "markdown_list": Form(
        markdown_checks.assert_markdown_list,
        plain=(TRUE,),
        options={"numbered": (FLAG,), "at_least": (COUNT,), "at_most": (COUNT,)},
    ),
    "no_markdown": Form(markdown_checks.assert_no_markdown, plain=(TRUE,)),
    "code": Form(
        code.assert_code, main="language", plain=(LANGUAGE,), options={"language": (LANGUAGE,), "dialect": (TEXT,)}
    ),
    "finish": Form(measured.assert_finish, plain=(TRUE,)),
    "not_refusal": Form(measured.assert_not_refusal, plain=(TRUE,)),
    "no_secrets": Form(measured.assert_no_secrets, plain=(TRUE,)),
    "no_personal_data": Form(
        personal_check.assert_no_personal_data,
        plain=(TRUE,),
        options={"allow": (TEXT, TEXTS), "kinds": (PERSONAL,)},
    ),
    "grounded": Form(
        grounded.assert_grounded,
        main="context",
        plain=(TRUE, TEXT, TEXTS),
        options={"context": (TEXT, TEXTS), "allow": (TEXT, TEXTS), "names": (FLAG,), "words": (SHARE,)},
        from_case="context",
    ),
    "cites": Form(
        cites.assert_cites,
        main="sources",
        plain=(TRUE, TEXTS),
        options={
            "sources": (TEXTS, OBJECT_OF_TEXTS),
            "required": (FLAG,),
            "every": (FLAG,),
            "allow": (TEXT, TEXTS),
        },
        from_case="context",
    ),
    "latency": Form(measured.assert_latency, main="at_most", plain=(NUMBER,)),
    "cost": Form(measured.assert_cost, main="at_most", plain=(NUMBER,)),
    "tool_called": Form(
        tools.assert_tool_called,
        main="name",
        plain=(TEXT,),
        options={"name": (TEXT,), "args": (ARGUMENTS,), "exact": (FLAG,), "times": (FROM_ONE,), "at_most": (FROM_ONE,)},
        of_calls=True,
        unsure="a call whose arguments cannot be read fails it",
    ),
    "tool_calls": Form(
        matched_calls.assert_tool_calls,
        main="expected",
        plain=(CALLS,),
        options={"expected": (CALLS,), "exact": (FLAG,), "in_order": (FLAG,)},
        of_calls=True,
        unsure="a call whose arguments cannot be read fails it",
    ),
    "no_tool_called": Form(tools.assert_no_tool_called, main="names", plain=(TRUE, TEXT, TEXTS), of_calls=True),
    "tool_order": Form(
        tools.assert_tool_order,
        main="names",
        plain=(TEXTS,),
        options={"names": (TEXTS,), "exact": (FLAG,)},
        of_calls=True,
    ),
    "steps": Form(
        tools.assert_steps, options={"at_most": (FROM_ONE,), "tool_calls_at_most": (FROM_ONE,)}, of_calls=True
    ),
    "max_steps": Form(tools.assert_steps, main="at_most", plain=(FROM_ONE,), of_calls=True),
    "valid_tool_calls": Form(
        tool_schema.assert_valid_tool_calls, main="tools", plain=(TRUE, TOOLS), from_case="request", of_calls=True
    ),
    "judged": Form(judged.assert_judged, main="rubric", options=_JUDGE, needed=("judge",), asks=True),
    "preferred": Form(
        preferred.assert_preferred,
        main="other",
        options={"other": (TEXT,), **_JUDGE},
        from_case="expected",
        needed=("rubric", "judge"),
        asks=True,
    ),
}

COMBINED: Mapping[str, str] = {
    "all": "a list of checks, which must all hold",
    "any": "a list of checks; one of them must hold",
    "not": "a check, which must not hold",
    "if": "a check; when it holds, `then` must hold, otherwise `else`, where there is one",
}
"""The words that make one check of others, and what they take."""

BRANCHES = ("then", "else")
_NAMES = (*FORMS, *COMBINED)
_DEEPEST = 10  # checks within checks


def validate_checks(checks: object) -> list[str]:
    """What is wrong with the ``checks`` of a row, one line each; empty when they are right.

    Args:
        checks: a list of objects, each with one check and perhaps a ``category``.
    """
    if isinstance(checks, (str, Mapping)) or not isinstance(checks, Sequence):
        return [f'checks is a list such as [{{"contains": "30 days"}}], not {shown(checks)}']
    return list(_problems_of_several(checks))


def plain_checks(checks: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Every check among right ones that may name a category, also those within others."""
    for one in checks:
        yield one
        inner = [*one.get("all", ()), *one.get("any", ()), *(one[word] for word in ("not", *BRANCHES) if word in one)]
        yield from plain_checks(inner)


def name_of(one: Mapping[str, Any]) -> str:
    """The name of a right check."""
    return next(name for name in one if name not in ("category", *BRANCHES))


def _problems_of_several(checks: Sequence[object], within: tuple[str, ...] = ()) -> Iterator[str]:
    for place, one in enumerate(checks, start=1):
        yield from (f"check {place}: {problem}" for problem in _problems_of(one, within))


def _problems_of(one: object, within: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(one, Mapping):
        yield f'expected an object such as {{"contains": "30 days"}}, got {shown(one)}'
        return
    if len(within) > _DEEPEST:
        yield f"checks stand within checks more than {_DEEPEST} deep"
        return
    silent = next((word for word in within if word in ("any", "not", "if")), None)
    category = one.get("category")
    if "category" in one and silent:
        yield f'category stands beside "{silent}" and not within it, where no check fails by itself'
    elif "category" in one and not (isinstance(category, str) and is_category(category)):
        yield f"category is a short name, not {shown(category)}"
    branches = [name for name in BRANCHES if name in one]
    if branches and "if" not in one:
        yield f'{branches[0]} stands beside "if", and there is none'
    names = [name for name in one if name not in ("category", *BRANCHES)]
    known = [name for name in names if name in _NAMES]
    for name in names:
        if name not in _NAMES:
            yield f"unknown check {_unknown(name, [*_NAMES, 'category'])}"
    if len(known) > 1:
        yield f"one check each, and not {' and '.join(known)} in one; a list may hold any number"
    if not names and not branches:
        yield f"no check in it; there are {', '.join(_NAMES)}"
    for name in known:
        found = _problems_of_combined(name, one, within) if name in COMBINED else _problems_of_plain(name, one, within)
        yield from (f"{name}: {problem}" for problem in found)


def _problems_of_plain(name: str, one: Mapping[str, object], within: tuple[str, ...]) -> Iterator[str]:
    form, value = FORMS[name], one[name]
    yield from _problems_of_value(form, value)
    if form.asks and (made := next((word for word in within if word in ("any", "not", "if")), None)):
        yield f'it cannot stand within "{made}": while its judge is not calibrated, its verdict counts for nothing'
    turned = next((word for word in within if word in ("not", "if")), None)
    if turned and form.unsure and (not form.of_calls or not isinstance(value, str)):
        yield f'it cannot stand within "{turned}": {form.unsure}, and then the opposite need not hold'


def _problems_of_combined(name: str, one: Mapping[str, object], within: tuple[str, ...]) -> Iterator[str]:
    inner, value = (*within, name), one[name]
    if name in ("all", "any"):
        if not isinstance(value, (list, tuple)) or not value:
            yield f"it takes {COMBINED[name]}, not {shown(value)}"
        else:
            yield from _problems_of_several(value, inner)
        return
    yield from _problems_of(value, inner)
    if name != "if":
        return
    if silent := next((word for word in within if word in ("any", "not", "if")), None):
        yield f'it cannot stand within "{silent}"; put "{silent}" into its then'
    if "then" not in one:
        yield "then is missing: the check that must hold when this one does"
    for branch in BRANCHES:
        if branch in one:
            yield from (f"{branch}: {problem}" for problem in _problems_of(one[branch], (*within, branch)))


def _problems_of_value(form: Form, value: object) -> Iterator[str]:
    if form.options and isinstance(value, Mapping):
        for option in value:
            if option not in form.options:
                yield f"unknown option {_unknown(option, list(form.options))}"
            elif problem := _problem_of_kind(form.options[option], value[option]):
                yield f"{option} {problem}"
        if not value:
            yield f"no options in it; there are {', '.join(form.options)}"
        else:
            yield from (f"{option} is missing" for option in needed_options(form) if option not in value)
    elif not form.plain:
        yield f"it takes an object with {' or '.join(form.options)}, not {shown(value)}"
    elif problem := _problem_of_kind(form.plain, value):
        yield problem


def needed_options(form: Form) -> list[str]:
    """The options that the long form of a check must have."""
    main = [form.main] if form.main and form.needs_main and not form.from_case else []
    return [*main, *form.needed]


def _problem_of_kind(kinds: tuple[str, ...], value: object) -> str | None:
    if not any(_is(kind, value) for kind in kinds):
        return f"takes {' or '.join(kinds)}, not {shown(value)}"
    if ARGUMENTS in kinds:
        return next(mistakes_in_forms(cast("Mapping[str, object]", value)), None)
    if TOOLS in kinds and value is not True:
        return _problem_of_tools(value)
    if CALLS in kinds:
        return next(matched_calls.mistakes_in_calls(value), None)
    if RUBRIC in kinds:
        try:
            rubric_of("it", value)
        except LlmevalError as error:
            return f"takes {RUBRIC}; {str(error).removeprefix('it: ')}"
    if PATTERN in kinds:
        try:
            pattern.compiled_pattern("it", value)
        except LlmevalError as error:
            return f"takes a regular expression: {str(error).removeprefix('it: ')}"
    return None


def _problem_of_tools(value: object) -> str | None:
    try:
        tools_of(value, "it")
    except LlmevalError as error:
        return str(error).removeprefix("it ")
    return None


def _is(kind: str, value: object) -> bool:
    if kind == NUMBER:
        return is_number(value)
    if kind == SHARE:
        return is_number(value, 0, 1) and value > 0
    if kind in (COUNT, FROM_ONE):
        return is_number(value, 0 if kind == COUNT else 1) and isinstance(value, int)
    if kind == TEXTS:
        return isinstance(value, (list, tuple)) and bool(value) and all(_is(TEXT, one) for one in value)
    if kind == VOTES:
        return is_number(value, 1, MOST_VOTES) and isinstance(value, int) and value % 2 == 1
    if kind in (TEXT, PATTERN, RUBRIC):
        return isinstance(value, str) and bool(value.strip())
    if kind in (FLAG, TRUE):
        return value is True or (value is False and kind == FLAG)
    if kind in (OBJECT, ARGUMENTS, OBJECT_OF_TEXTS):
        right = isinstance(value, Mapping)
        if right and kind == OBJECT_OF_TEXTS:
            right = bool(value) and all(_is(TEXT, one) for one in cast("Mapping[str, object]", value).values())
        return right
    if kind == PERSONAL:
        return (
            isinstance(value, (list, tuple))
            and bool(value)
            and all(isinstance(one, str) and one in KINDS for one in value)
        )
    if kind in (LIST, CALLS, TOOLS):
        return isinstance(value, (list, tuple))
    if kind == ANY:
        return True
    return isinstance(value, str) and value in kind.removeprefix("one of ").split(", ")


def _unknown(name: object, known: list[str]) -> str:
    given = str(name)[:80]
    near = nearest(given.removeprefix("assert_"), known)
    return f"{quoted(given)}; " + (f'did you mean "{near}"?' if near else f"there are {', '.join(known)}")
