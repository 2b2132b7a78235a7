"""What follows from an answer of production."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval import CheckFailed, LlmevalError, Unverified, assert_like_production
from pytest_llmeval.case import Case
from pytest_llmeval.checks.check import recorder
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall
from pytest_llmeval.score import Score


def logged(output: str = "", asked: Any = "May I send it back?", **recorded: Any) -> Case:
    return Case(id="r1", input=asked, metadata={"recorded": {"output": output, **recorded}})


def reply(text: str = "", *tools: str, **more: Any) -> Reply:
    calls = tuple(ToolCall(name=name, arguments={}) for name in tools)
    return Reply(Answer(text=text, tool_calls=calls, **more), Measures(latency=1.0), "candidate")


POLICY = "You have 30 days."
LONG = "You may send it back. " * 30


@pytest.mark.parametrize(
    ("output", "answered", "category"),
    [
        ("You may send it back.", reply("I'm sorry, but I can't help with that."), "refusal"),
        ("You may send it back.", reply("You may", finish_reason="length"), "truncated"),
        ("You may send it back.", reply("", "refund"), "tool_call"),
        ('{"days": 30, "paid": true}', reply("30 days, paid"), "format"),
        ('{"days": 30, "paid": true}', reply('{"days": 30}'), "format"),
        ('{"days": 30}', reply('[{"days": 30}]'), "format"),
        ("You may send it back to us.", reply("Вы можете вернуть это нам."), "language"),
        (
            "あなたはそれを私たちに返送することができます。",
            reply("You may send it back to us at any time."),
            "language",
        ),
        ("You may send it back.", reply(LONG), "length"),
        (LONG, reply("You may."), "length"),
        ("Within 30 days.", reply("Within 60 days."), "lost_facts"),
        ("Write to help@example.org.", reply("Write to us."), "lost_facts"),
        (POLICY, reply("You have 60 days."), "lost_facts"),
        ("Please ask for Marlene at the desk.", reply("Please ask at the desk."), "lost_facts"),
    ],
)
def test_an_answer_that_is_worse_fails_in_its_category(output: str, answered: Reply, category: str) -> None:
    case = logged(output)
    if output is POLICY:
        rules = {"role": "system", "content": "Customers have 30 days to send it back."}
        case = logged(output, asked=[rules, {"role": "user", "content": "How long do I have?"}])
    with pytest.raises(CheckFailed) as caught:
        assert_like_production(answered, case)
    assert caught.value.category == category
    with pytest.raises(CheckFailed) as caught:
        assert_like_production(answered, case, category="ours")
    assert caught.value.category == "ours"


@pytest.mark.parametrize(
    ("output", "answered"),
    [
        ("You may send it back.", "you may  send it back."),
        ('{"days": 30}', '```json\n{"days": 30.0}\n```'),
        ("Within 30 days.", "**Within 30 days.**"),
    ],
)
def test_an_answer_that_says_the_same_passes(output: str, answered: str) -> None:
    assert_like_production(reply(answered), logged(output))
    assert_like_production(answered, logged(output))  # of an application


@pytest.mark.parametrize(
    ("case", "answered"),
    [
        (logged("You may send it back."), reply("You may not.")),
        (logged("Yes, within 30 days.", asked="Within 30 days?"), reply("Yes, of course.")),  # it repeats the question
        (logged('{"days": 30}'), reply('{"days": 60}')),
        (logged(LONG + "Within 30 days."), reply(LONG + "Within 60 days.")),  # long texts are told in many ways
        (logged("", tool_calls=[{"name": "refund", "arguments": {"id": 1}}]), reply("", "refund")),
        (logged("I'm sorry, but I can't help with that."), reply("You may send it back.")),
        (logged("You may", finish_reason="length"), reply("You may send it", finish_reason="length")),
    ],
)
def test_an_answer_that_is_no_worse_and_says_something_else_is_not_verified(case: Case, answered: Reply) -> None:
    with pytest.raises(Unverified, match="not verified"):
        assert_like_production(answered, case)


def test_it_is_examined_for_what_follows_from_the_answer() -> None:
    scores: list[Score] = []
    token = recorder.set(scores)
    try:
        assert_like_production(reply('{"days": 30}'), logged('{"days": 30}'))
    finally:
        recorder.reset(token)
    assert {score.category for score in scores} == {"refusal", "truncated", "tool_call", "format"}
    assert all(score.passed for score in scores)


@pytest.mark.parametrize("metadata", [{}, {"recorded": None}, {"recorded": {}}, {"recorded": {"output": ""}}])
def test_a_case_without_an_answer_of_production_is_an_error(metadata: dict[str, Any]) -> None:
    with pytest.raises(LlmevalError, match="no answer of production") as caught:
        assert_like_production(reply("Yes."), Case(id="r1", input="?", metadata=metadata))
    assert not isinstance(caught.value, Unverified)
