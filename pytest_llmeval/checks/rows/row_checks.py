"""`assert_case`: the checks that come with a dataset's row."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from pytest_llmeval.case import Case
from pytest_llmeval.checks.agents.tool_calls import Calls
from pytest_llmeval.checks.all_checks import AllOf
from pytest_llmeval.checks.categories import valid_category
from pytest_llmeval.checks.check import is_number
from pytest_llmeval.checks.judges.rubrics import rubric_of
from pytest_llmeval.checks.rows.combined import all_of, any_of, assert_any, assert_not, branch_of, not_of
from pytest_llmeval.checks.rows.row_forms import FORMS, TRUE, Form, name_of, validate_checks
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.score import Score
from pytest_llmeval.text import harmless, quoted, shown

__tracebackhide__ = True


def assert_case(reply: str, case: Case, *, calls: Calls | None = None, category: str | None = None) -> None:
    """Check a reply by what the case says: its ``checks``, or, without any, that it equals ``expected``.

    All checks run, and the answer fails in the category of each that failed. An ``expected`` that is a list of texts
    allows any of them; another list, or an object, is compared as JSON.

    Args:
        case: a row of a dataset.
        calls: what checks of tools look at, as in `assert_tool_called`: all replies of an agent, or
            ``llm_capture.calls``; by default the reply.
        category: the error category of checks that name none; by default each check's own.

    Raises:
        CheckFailed: a check failed. The category is that of the first, the score the lowest.
        LlmevalError: the case has neither checks nor ``expected``, or one of its checks is wrong.
    """
    explicit = valid_category(category)
    problems = validate_checks(case.checks)
    if problems:
        raise LlmevalError(f"{_named(case)}: {problems[0]}")
    judged = _Judged(reply, calls, case)
    with AllOf():
        for one in case.checks or (_by_expected(case),):
            judged.run(one, explicit)


@dataclass(frozen=True, slots=True)
class _Judged:
    """A reply, and the case whose checks judge it."""

    reply: str
    calls: Calls | None
    case: Case

    def run(self, one: Mapping[str, Any], category: str | None) -> None:
        """Run a check, which keeps its scores and fails as an assertion does.

        Args:
            category: of a check that names none.
        """
        __tracebackhide__ = True
        name, category = name_of(one), one.get("category") or category
        if name == "all":
            for each in one[name]:
                self.run(each, category)
        elif name == "any":
            assert_any(one[name], self.measured, category=category)
        elif name == "not":
            assert_not(self.reply, one[name], self.measured, category=category)
        elif name == "if":
            branch = branch_of(one[name], self.measured, category)
            if branch is not None and branch in one:
                self.run(one[branch], category)
        else:
            FORMS[name].function(self._looked_at(name), **self._options(name, one[name]), category=category)

    def measured(self, one: Mapping[str, Any]) -> Score:
        """What a check finds, without that a score is kept or a failure raised.

        Raises:
            Unfit: the reply fails before it could be measured.
            LlmevalError: it cannot be measured.
        """
        name = name_of(one)
        if name == "all":
            return all_of([self.measured(each) for each in one[name]])
        if name == "any":
            return any_of(one[name], self.measured)
        if name == "not":
            return not_of(self.reply, one[name], self.measured)
        function = inspect.unwrap(FORMS[name].function)
        score: Score = function(self._looked_at(name), **self._options(name, one[name]))
        return replace(score, check=name)

    def _looked_at(self, name: str) -> Any:
        if not FORMS[name].of_calls:
            return self.reply
        if self.calls is None and not hasattr(self.reply, "tool_calls"):
            raise LlmevalError(
                f"{_named(self.case)}: its check {name!r} needs the tool calls, which a text does not hold; "
                "use assert_case(answer, case, calls=replies) or calls=llm_capture.calls"
            )
        return self.reply if self.calls is None else self.calls

    def _options(self, name: str, value: Any) -> dict[str, Any]:
        return _options(name, FORMS[name], value, self.case)


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
    if form.asks:
        options.update(_material(name, options, case))
    return {**options, **form.always}


def _from_case(name: str, form: Form, case: Case) -> dict[str, Any]:
    value = getattr(case, form.from_case or "")
    if form.from_case == "request":
        if "tools" not in value:
            raise LlmevalError(f"{_named(case)}: its check {name!r} needs tools, and metadata.request holds none")
        return {"tools": value["tools"]}
    if form.from_case == "context":
        if not value:
            raise LlmevalError(f"{_named(case)}: its check {name!r} needs context, and the case has none")
        return {form.main or "": value}
    if value is None or value == "":
        raise LlmevalError(f"{_named(case)}: its check {name!r} needs expected, and the case has none")
    if name == "json_fields":
        return {"expected": _json(case, value)}
    if name == "number":
        return {"expected": _number(case, value)}
    texts = _texts(value)
    if name == "contains":
        return {"any": texts}
    if name == "preferred":
        if len(texts) != 1:
            raise LlmevalError(f"{_named(case)}: its check 'preferred' needs one answer, and expected has several")
        return {"other": texts[0]}
    return {form.main or "": texts}


def _texts(value: Any) -> list[str]:
    several = value if isinstance(value, (list, tuple)) else [value]
    return [one if isinstance(one, str) else json.dumps(one) for one in several]


def _material(name: str, options: Mapping[str, Any], case: Case) -> dict[str, Any]:
    """What a judge sees of the case: the parts that are ``true``, and those that its rubric needs and the row omits."""
    needs = rubric_of(name, options["rubric"]).needs
    known = {"question": case.input, "context": case.context, "expected": case.expected}
    found: dict[str, Any] = {}
    for part, value in known.items():
        if options.get(part, part in needs) is not True:
            continue
        if value in (None, "", (), []):
            raise LlmevalError(f"{_named(case)}: its check {name!r} needs {part}, and the case has none")
        if part == "question" and not isinstance(value, str):
            raise LlmevalError(
                f"{_named(case)}: its check {name!r} needs the question as a text, and the input is "
                f"{shown(value)}; write question beside rubric"
            )
        found[part] = value if part == "question" else _texts(value)
    return found


def _number(case: Case, value: object) -> float | Decimal:
    if is_number(value):
        return value
    if isinstance(value, str):  # a CSV file holds only texts
        with suppress(InvalidOperation):
            return Decimal(value)
    raise LlmevalError(f"{_named(case)}: its check 'number' needs a number as expected, not {shown(value)}")


def _json(case: Case, value: object) -> object:
    if isinstance(value, str):  # a CSV file holds only texts
        try:
            return parsed_json(value)
        except ValueError:
            raise LlmevalError(
                f"{_named(case)}: its check 'json_fields' needs JSON as expected, not {shown(value)}"
            ) from None
    return value


def _named(case: Case) -> str:
    place = f" ({harmless(case.dataset)}:{case.line})" if case.dataset and case.line else ""
    return f"case {quoted(case.id)}{place}"
