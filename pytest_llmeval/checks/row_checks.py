"""`assert_case`: the checks that come with a dataset's row."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any

from pytest_llmeval.case import Case
from pytest_llmeval.checks.categories import category_of, decided_category, default_category, valid_category
from pytest_llmeval.checks.check import raise_failed
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
from pytest_llmeval.checks.pattern import assert_matches, assert_not_matches
from pytest_llmeval.checks.plain_text import (
    assert_contains,
    assert_equal,
    assert_not_contains,
    assert_starts_with,
    assert_words,
)
from pytest_llmeval.checks.row_forms import FORMS, TRUE, Form, validate_checks
from pytest_llmeval.checks.similar import assert_similar
from pytest_llmeval.checks.tool_calls import Calls
from pytest_llmeval.checks.tools import assert_no_tool_called, assert_steps, assert_tool_called, assert_tool_order
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.score import Score
from pytest_llmeval.text import harmless, presentable, quoted, shortened, shown

__tracebackhide__ = True

_FUNCTIONS: Mapping[str, Callable[..., Score]] = {
    "equal": assert_equal,
    "contains": assert_contains,
    "not_contains": assert_not_contains,
    "starts_with": assert_starts_with,
    "matches": assert_matches,
    "not_matches": assert_not_matches,
    "similar": assert_similar,
    "json": assert_json,
    "schema": assert_schema,
    "number": assert_number,
    "words": assert_words,
    "finish": assert_finish,
    "not_refusal": assert_not_refusal,
    "no_secrets": assert_no_secrets,
    "grounded": assert_grounded,
    "latency": assert_latency,
    "cost": assert_cost,
    "tool_called": assert_tool_called,
    "no_tool_called": assert_no_tool_called,
    "tool_order": assert_tool_order,
    "steps": assert_steps,
}


def assert_case(reply: str, case: Case, *, calls: Calls | None = None, category: str | None = None) -> None:
    """Check a reply by what the case says: its ``checks``, or, without any, that it equals ``expected``.

    All checks are made. An ``expected`` that is an object, or a list of other things than texts, is compared as JSON;
    of a list of texts any will do.

    Args:
        reply: the answer.
        case: a row of a dataset.
        calls: what checks of tools look at, as in `assert_tool_called`: all replies of an agent, or
            ``llm_capture.calls``; without it the reply.
        category: the error category of checks that name none themselves; without it each check's own.

    Raises:
        CheckFailed: one or more checks failed. The category is that of the first, the score the lowest.
        LlmevalError: the case says nothing about a right answer, or one of its checks is wrong.
    """
    explicit = valid_category(category)
    problems = validate_checks(case.checks)
    if problems:
        raise LlmevalError(f"{_named(case)}: {problems[0]}")
    failures: list[CheckFailed] = []
    for one in case.checks or (_by_expected(case),):
        name = next(name for name in one if name != "category")
        form = FORMS[name]
        function = _FUNCTIONS[form.function or name]
        try:
            function(
                _judged(reply, calls, name, form, case),
                **_options(name, form, one[name], case),
                category=one.get("category") or explicit,
            )
        except CheckFailed as failure:
            failures.append(failure)
    if not failures:
        return
    first = failures[0]
    decided = decided_category(first)
    reason = str(first)
    if len(failures) > 1:
        head, *rest = reason.split("\n")
        lines = [f"{shortened(head, 170)} (1 of {len(failures)} failed checks)", *rest[:10]]
        for one_more in failures[1:]:
            lines += [f"{one_more.check} [{_shown_category(one_more)}]: {one_more}".split("\n")[0]]
        reason = "\n".join(lines)
    score = min(failure.score for failure in failures)
    raise_failed(presentable(reason), first.check, score, decided=decided, own=first.category)


def _judged(reply: str, calls: Calls | None, name: str, form: Form, case: Case) -> Any:
    if not form.of_calls:
        return reply
    if calls is None and not hasattr(reply, "tool_calls"):
        raise LlmevalError(
            f"{_named(case)}: its check {name!r} needs to know what was called, and a text does not tell; "
            "assert_case(answer, case, calls=replies) or calls=llm_capture.calls does"
        )
    return reply if calls is None else calls


def _shown_category(failure: CheckFailed) -> str:
    return category_of(failure) or default_category.get()


def _by_expected(case: Case) -> Mapping[str, Any]:
    expected = case.expected
    if expected is None or expected in ("", []):
        raise LlmevalError(f"{_named(case)} says nothing about a right answer: it needs expected or checks")
    if isinstance(expected, str) or (isinstance(expected, (list, tuple)) and all(isinstance(x, str) for x in expected)):
        return {"equal": expected}
    if isinstance(expected, (Mapping, list, tuple)):
        return {"json": expected}
    return {"equal": json.dumps(expected)}


def _options(name: str, form: Form, value: Any, case: Case) -> dict[str, Any]:
    """The keyword arguments of a check."""
    options: dict[str, Any]
    if form.options and isinstance(value, Mapping):
        options = dict(value)
    elif value is True and TRUE in form.plain:
        options = {}
    elif name == "contains" and isinstance(value, (list, tuple)):
        options = {"all": value}
    else:
        options = {form.main: value} if form.main else {}
    if form.from_case and form.main not in options and not (name == "contains" and options.keys() & {"all", "any"}):
        options.update(_from_case(name, form, case))
    return options


def _from_case(name: str, form: Form, case: Case) -> dict[str, Any]:
    value = getattr(case, form.from_case or "")
    if name == "grounded":
        if not value:
            raise LlmevalError(f"{_named(case)}: its check {name!r} needs context, and the case has none")
        return {"context": value}
    if value is None or value == "":
        raise LlmevalError(f"{_named(case)}: its check {name!r} needs something expected, and the case has nothing")
    if name == "number":
        return {"expected": _number(case, value)}
    several = isinstance(value, (list, tuple))
    texts = [one if isinstance(one, str) else json.dumps(one) for one in (value if several else [value])]
    if name == "contains":
        return {"any": texts}
    return {form.main or "": texts}


def _number(case: Case, value: object) -> float | Decimal:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str):  # a CSV file has texts only
        with suppress(InvalidOperation):
            return Decimal(value)
    raise LlmevalError(f"{_named(case)}: its check 'number' needs a number expected, not {shown(value)}")


def _named(case: Case) -> str:
    place = f" ({harmless(case.dataset)}:{case.line})" if case.dataset and case.line else ""
    return f"case {quoted(case.id)}{place}"
