"""What users write, for type checkers: mypy reads it in `make test`, basedpyright in `make types`.

It is not run. A type that changes here changes what users see in their editor, and may break their own checks.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, assert_type

import pytest

from pytest_llmeval import (
    Case,
    CheckFailed,
    Llm,
    Reply,
    Score,
    ToolCall,
    Usage,
    all_checks,
    assert_case,
    assert_contains,
    assert_equal,
    assert_grounded,
    assert_json,
    assert_schema,
    assert_similar,
    assert_tool_called,
    category,
    check,
    load_run,
    needle_cases,
    perturbed,
)


@pytest.mark.llm_cases("tickets.jsonl")
@pytest.mark.llm_samples(5, min_pass_rate=0.8)
def typical(llm: Llm, case: Case) -> None:
    reply = llm(f"Answer: {case.input}", temperature=0.2)
    assert_type(reply, Reply)
    assert_type(reply.usage, Usage)
    assert_type(reply.latency, float)
    assert_type(reply.ttft, float | None)
    assert_type(reply.cost, float | None)
    assert_type(reply.model, str)
    assert_type(reply.tool_calls, tuple[ToolCall, ...])
    assert_type(assert_equal(reply, "Paris"), Score)
    assert_type(assert_contains(reply, "Paris"), Score)
    assert_type(assert_similar(reply, ["Paris", "paris"], at_least=0.9, category="tone"), Score)
    assert_type(assert_grounded(reply, case.context), Score)
    assert_type(assert_json(reply), Score)
    assert_type(assert_tool_called(reply, "search"), Score)
    assert_case(reply, case)
    with category("refund_amount"), all_checks():
        assert reply.json()["amount"] == case.metadata["amount"]
    assert re.search("Par", reply)
    assert reply + "!"


async def asynchronous(llm: Llm) -> None:
    assert_type(await llm.acall("Capital of France?"), Reply)


def replies_side_by_side(llm: Llm) -> None:
    messages = [{"role": "user", "content": "hello"}]
    assert_type(llm(messages), Reply)


@check
def assert_polite(reply: str, *, word: str = "please", category: str | None = None) -> Score:
    """A check of one's own keeps its parameters."""
    return Score(value=float(word in reply), passed=word in reply, reason="no word of thanks")


def own_check(llm: Llm) -> None:
    assert_type(assert_polite(llm("Write a letter."), word="thanks", category="tone"), Score)
    try:
        assert_polite("hey")
    except CheckFailed as failed:
        assert_type(failed.score, float)


def runs_and_cases(path: Path) -> None:
    run = load_run(path)
    assert_type([result.key.case for result in run.results], list[str])
    for case in needle_cases("The code is 7.", "Which code?", "hay " * 9, expected="7"):
        assert_type(case, Case)
    assert_type(perturbed("hello", "typos"), str)
    assert_type(Case(id="one", input="hello").input, Any)
    assert_schema('{"a": 1}', {"type": "object"})
