"""Texts that were written to break something, and what every check of a row does on each of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any

from pytest_llmeval.case import Case
from pytest_llmeval.checks.judges.asker import JudgeModel, Messages, asker
from pytest_llmeval.checks.rows import row_forms
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import FORMS, name_of, needed_options
from pytest_llmeval.checks.time_limit import within_time
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall
from pytest_llmeval.score import Labels

TEXTS: Mapping[str, str] = {
    "makes a pattern backtrack": "a" * 40 + "!",
    "JSON that makes a pattern backtrack": '{"text": "' + "a" * 40 + '!"}',
    "100,000 characters": ("Order 17 of 3 May costs 4.90 EUR, see a@example.com. " * 2_000)[:100_000],
    "5 MB": ("Order 17 of 3 May costs 4.90 EUR, see a@example.com. " * 100_000)[:5_000_000],
    "20,000 brackets": "[" * 20_000,
    "escape sequences and text that runs backwards": "\x1b[31mred\x1b]0;title\x07 \u202e30 days\u2066 \x9b1m",
    "half a surrogate": "\ud800 30 days \udc00",
    "NUL": "30\x00days\x00",
    "lines of a CI": "::error file=a.py,line=1::no\n::add-mask::30\n##vso[task.complete result=Failed]",
    "a script": '<script>alert(1)</script><a href="javascript:alert(1)">30 days</a></script>',
    "pipes and backticks": "| a | b |\n|---|---|\n| ````` | @you | #1 |\n```",
    "a formula": "=cmd|' /C calc'!A0",
    "numbers that are none": "[NaN, Infinity, -Infinity, 1e999]",
    "nothing": "",
}
"""By what they are."""

_SCHEMAS = (
    {"$ref": "https://example.invalid/order.json"},
    {"$ref": "#"},
    {"type": "array", "items": {"$ref": "#"}},
    {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
    {"type": "string", "pattern": "^(a+)+$"},
    {"type": "object", "properties": {"text": {"pattern": "^(a+)+$"}}, "required": ["text"]},
)
_EXPECTED = {"number": "30", "json_fields": '{"text": "30 days"}'}
_FEW_ROWS = ((1_000_000, 1), (20_000, 2))  # characters of the text, and rows
_TOOL = {"name": "find", "parameters": _SCHEMAS[-1]}


def values_of(kind: str, text: str) -> Sequence[Any]:
    """Values of a kind that a row may hold, some with the text itself.

    Raises:
        KeyError: nobody has said yet what a hostile value of this kind is.
    """
    said = (text.strip() and text) or "30 days"
    known: Mapping[str, Sequence[Any]] = {
        row_forms.TEXT: [said],
        row_forms.TEXTS: [[said, "30 days"]],
        row_forms.NUMBER: [30],
        row_forms.COUNT: [0, 3],
        row_forms.FROM_ONE: [1],
        row_forms.SHARE: [0.5],
        row_forms.FLAG: [True],
        row_forms.TRUE: [True],
        row_forms.OBJECT: _SCHEMAS,
        row_forms.OBJECT_OF_TEXTS: [{"a": said}],
        row_forms.LIST: [[said]],
        row_forms.ARGUMENTS: [{"text": said}, {"text": {"matches": "^(a+)+$"}}],
        row_forms.CALLS: [["find", {"name": "find", "args": {"text": said}}]],
        row_forms.TOOLS: [[_TOOL]],
        row_forms.PATTERN: [r"^(a+)+$", r"\b30\b"],
        row_forms.PERSONAL: [["email", "phone"]],
        row_forms.RUBRIC: ["tone"],
        row_forms.VOTES: [1],
        row_forms.ANY: [{"text": said}, [1, said]],
    }
    if kind == row_forms.LANGUAGE:
        return ["python", "json"]  # SQL needs a package of its own
    return kind.removeprefix("one of ").split(", ") if kind.startswith("one of ") else known[kind]


def rows_of(name: str, text: str) -> Iterator[Mapping[str, Any]]:
    """What rows may ask of a check; of one for a long text, few."""
    yield from islice(_every_row(name, text), next((few for size, few in _FEW_ROWS if len(text) > size), None))


def _every_row(name: str, text: str) -> Iterator[Mapping[str, Any]]:
    form = FORMS[name]
    for kind in form.plain:
        values = ["en", "ja"] if name == "language" else values_of(kind, text)
        yield from ({name: value} for value in values)
    needed = {option: values_of(form.options[option][0], text)[0] for option in needed_options(form) if form.options}
    for option, kinds in form.options.items():
        for kind in kinds if option != "dialect" else ():  # of SQL alone
            yield from ({name: {**needed, option: value}} for value in values_of(kind, text))


class _Judge:
    """A judge that repeats what it is to judge."""

    def __init__(self, text: str) -> None:
        self._text = text

    def model(self, judge: str) -> JudgeModel:
        return JudgeModel(f"here/{judge}"[:50], {})

    def ask(
        self,
        judge: str,
        prompts: Sequence[Messages],
        schema: Mapping[str, Any],
        votes: int,
        usable: Callable[[Answer], bool],
    ) -> Any:
        verdict = schema["properties"]["verdict"]["enum"][-1]
        said = {"evidence": [self._text[:50]] if self._text else [], "reason": self._text or "-", "verdict": verdict}
        return [[Answer(text=json.dumps(said))] * votes for _ in prompts]

    def labels(self, model: str, prompt: str) -> Labels | None:
        return Labels(20, 2, 3, 35)

    def uncalibrated(self, *_: Any) -> None:
        pass

    def failed(self, error: Exception) -> None:
        pass


def outcomes(name: str, text: str) -> list[tuple[str, str]]:
    """What a check does on an answer, and what it says, for each row that may ask it."""
    with hurried():
        return [outcome(row, text) for row in rows_of(name, text)]


@cache
def told() -> list[tuple[str, str]]:
    """A line for each check: its name, and the texts on which some row with it is an error."""
    return [
        (
            f"`{name}`",
            "; ".join(what for what, text in TEXTS.items() if any(word == "error" for word, _ in outcomes(name, text))),
        )
        for name in FORMS
    ]


@contextmanager
def hurried() -> Iterator[None]:
    """Give patterns and schemas less time than they have: what is stopped is stopped all the same."""
    limits = within_time.__kwdefaults__
    assert limits is not None
    before = limits["seconds"]
    limits["seconds"] = 0.05
    try:
        yield
    finally:
        limits["seconds"] = before


def outcome(row: Mapping[str, Any], text: str) -> tuple[str, str]:
    """What a check of a row does on an answer that is a text, and what it says: pass, fail or error."""
    call = ToolCall(name="find", arguments={"text": text}, raw_arguments=text)
    answer = Answer(text=text, finish_reason="stop", tool_calls=(call,))
    reply = Reply(answer, Measures(latency=1.0, cost=0.1), "m")
    case = Case(
        id="c",
        input="How long?",
        expected=_EXPECTED.get(name_of(row), "30 days"),
        context=("Within 30 days, for 4.90 EUR.", text),
        metadata={"request": {"tools": [_TOOL]}},
        checks=(row,),
    )
    token = asker.set(_Judge(text))
    try:
        assert_case(reply, case)
    except CheckFailed as failure:
        return "fail", str(failure)
    except LlmevalError as error:
        return "error", str(error)
    finally:
        asker.reset(token)
    return "pass", ""
