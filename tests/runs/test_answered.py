"""Who answers under a name, then and now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_llmeval.runs.answered import answered_now, answered_under_one_name
from pytest_llmeval.runs.results import CaseResult
from tests.analysis.test_compare import call, case


def answered(*models: str | None, asked: str = "m") -> list[CaseResult]:
    calls = [call() for _ in models]
    named = [
        one._replace(request_model=asked, answer=replace(one.answer, response_model=model))
        for one, model in zip(calls, models, strict=True)
    ]
    return [case("c0", [""], calls=named)]


@pytest.mark.parametrize(
    ("before", "after", "drift"),
    [
        (answered("m-1"), answered("m-1", "m-1"), "none"),
        (answered("m-1", "m-2"), answered("m-2"), "none"),
        (answered("m-1"), answered("m-1", "m-2"), "another-model"),
        (answered(None), answered("m-2"), "unknown"),
        (answered("m-1"), answered(None), "unknown"),
        (answered("m-1"), answered("m-1", None), "unknown"),
        (answered("m-1"), answered("m-2", None), "another-model"),
        (answered("m-1"), answered("n-1", asked="n"), "unknown"),
        (answered("m-1") + answered("j-1", asked="j"), answered("m-1") + answered("j-2", asked="j"), "another-model"),
        ([], answered("m-1"), "unknown"),
    ],
)
def test_a_model_that_answers_now_and_did_not_then_is_another(
    before: list[CaseResult], after: list[CaseResult], drift: str
) -> None:
    found = answered_now(before, after)
    assert found.drift == drift
    assert bool(found.lines) == (drift == "another-model")


def test_both_models_are_named() -> None:
    (line,) = answered_now(answered("m-1", "m-1"), answered("m-2", "m-2", "m-1")).lines
    assert line == "another model answers under openai/m: m-2 (2); in the baseline it was m-1"
    assert answered_under_one_name(answered("m-1", "m-2", "m-2", None)) == [
        "openai/m was answered by 2 models: m-2 (2), m-1 (1)"
    ]
