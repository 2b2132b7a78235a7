"""Metrics of other packages as checks, with objects of the same kind; `make adapters` asks the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.checks.foreign_metrics import check_of
from pytest_llmeval.errors import CheckFailed, LlmevalError
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall
from tests.adapters.found_metrics import load, mistakes

CASE = Case(
    id="bike", input="Which bike?", expected="the red one", context=("The red one is here.",), metadata={"n": 1}
)


class Metric:
    """As deepeval's: a score, a threshold, a reason."""

    __name__ = "Colour Match"

    def __init__(self, score: Any = 1.0, *, reason: str | None = "as it is", error: str | None = None) -> None:
        self.score, self.reason, self.error = score, reason, error
        self.seen: Any = None

    def measure(self, test_case: Any, _show_indicator: bool = True) -> Any:
        assert not _show_indicator
        self.seen = test_case
        return self.score

    def is_successful(self) -> bool:
        return bool(self.score and self.score >= 0.5)


class Scorer:
    """As autoevals': a score of what comes out beside what is expected."""

    def __init__(self, score: Any, **told: Any) -> None:
        self.score, self.told = score, told
        self.seen: Mapping[str, Any] = {}

    def eval(self, output: Any, expected: Any = None, **options: Any) -> Any:
        self.seen = {"output": output, "expected": expected, **options}
        return SimpleNamespace(name="Scorer", score=self.score, **self.told)


class Evaluator:
    """As those of pydantic-evals: anything that says how good an output is."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.seen: Any = None

    def evaluate(self, context: Any) -> Any:
        self.seen = context
        return self.result


def test_a_metric_sees_the_case_and_keeps_score_reason_and_category() -> None:
    metric = Metric(0.75)
    assert_colour = check_of(metric, category="hallucination")
    score = assert_colour("the red one", CASE)
    assert (score.check, score.value, score.category) == ("colour_match", 0.75, "hallucination")
    seen = metric.seen
    assert (seen.input, seen.actual_output, seen.expected_output) == ("Which bike?", "the red one", "the red one")
    assert seen.context == seen.retrieval_context == ["The red one is here."]

    metric.score = 0.25
    with pytest.raises(CheckFailed, match=r"^as it is \(score 0.25\)$") as caught:
        assert_colour("blue", input="Which?", context=["a"])
    assert (caught.value.category, caught.value.score, caught.value.check) == ("hallucination", 0.25, "colour_match")
    assert (metric.seen.input, metric.seen.expected_output, metric.seen.context) == ("Which?", None, ["a"])
    with pytest.raises(CheckFailed) as caught:
        assert_colour("blue", CASE, category="colour")
    assert caught.value.category == "colour"


def test_a_metric_sees_the_tools_that_were_called() -> None:
    metric = Metric()
    call = ToolCall(name="find", arguments={"id": 7})
    check_of(metric)(Reply(Answer(text="", tool_calls=(call,)), Measures(latency=2.5), "m"), CASE)
    assert [(tool.name, tool.input_parameters) for tool in metric.seen.tools_called] == [("find", {"id": 7})]


def test_a_scorer_passes_from_its_limit_on() -> None:
    scorer = Scorer(0.8, metadata={"rationale": "mostly right"})
    assert check_of(scorer, at_least=0.8)("red", CASE).value == 0.8
    assert scorer.seen == {
        "output": "red", "expected": "the red one", "input": "Which bike?", "context": ["The red one is here."]
    }  # fmt: skip
    with pytest.raises(CheckFailed, match=r"^mostly right \(score 0.80, at least 0.9 required\)$"):
        check_of(scorer, at_least=0.9)("red", CASE)


def test_a_scorer_of_numbers_gets_numbers() -> None:
    scorer = Scorer(1)
    check_of(scorer, at_least=1)(" 12.5 ", expected=12)
    assert scorer.seen == {"output": 12.5, "expected": 12}
    with pytest.raises(CheckFailed, match='expected a number, got "twelve"') as caught:
        check_of(scorer, at_least=1)("twelve", expected=12)
    assert caught.value.category == "format"


@pytest.mark.parametrize(
    ("result", "passes"),
    [
        (True, True),
        (False, False),
        (0.7, True),
        (0.2, False),
        (SimpleNamespace(value=False, reason="too short"), False),
        ({"long": True, "kind": SimpleNamespace(value=0.1, reason=None)}, False),
        ({"long": True, "kind": 0.9}, True),
    ],
)
def test_an_evaluator_says_yes_or_no_or_how_much(result: Any, passes: bool) -> None:
    evaluator = Evaluator(result)
    assert_evaluated = check_of(evaluator, at_least=0.5)
    if passes:
        assert assert_evaluated("red", CASE).passed
    else:
        with pytest.raises(CheckFailed):
            assert_evaluated("red", CASE)
    seen = evaluator.seen
    assert (seen.name, seen.inputs, seen.output, seen.expected_output) == ("bike", "Which bike?", "red", "the red one")
    assert seen.metadata == {"n": 1}


async def _awaited() -> bool:
    return True


class Raising(Metric):
    def measure(self, test_case: Any, _show_indicator: bool = True) -> Any:
        raise TimeoutError("the \x1b[1mjudge is away")


@pytest.mark.parametrize(
    ("metric", "options", "told"),
    [
        (Raising(), {}, r"colour_match could not judge: TimeoutError: the \\x1b\[1mjudge is away"),
        (Metric(1.0, error="no verdict"), {}, "colour_match could not judge: no verdict"),
        (Metric(None), {}, "colour_match gave null, which is no score from 0 to 1"),
        (Metric(float("nan")), {}, "colour_match gave NaN, which is no score"),
        (Metric(7), {}, "colour_match gave 7, which is no score"),
        (Scorer(None), {"at_least": 1}, "scorer gave null, which is no score"),
        (Scorer(1.0, error=ValueError("broken")), {"at_least": 1}, "scorer could not judge: broken"),
        (Evaluator(0.9), {}, r"evaluator gave the score 0.9: say with check_of\(..., at_least=...\) what passes"),
        (Evaluator("good"), {}, 'the evaluator gave the label "good", which does not say what passes'),
        (Evaluator({}), {}, "evaluator gave no score"),
    ],
)
def test_what_could_not_judge_is_an_error_and_never_a_pass(metric: Any, options: Any, told: str) -> None:
    with pytest.raises(LlmevalError, match=f"^{told}"):
        check_of(metric, **options)("red", CASE)


def test_an_evaluator_that_must_be_awaited_is_an_error() -> None:
    with pytest.raises(LlmevalError, match="evaluator must be awaited"):
        check_of(Evaluator(_awaited()))("red", CASE)


@pytest.mark.parametrize(
    ("metric", "options", "told"),
    [
        (Metric, {}, "takes an object, not the class Metric"),
        (object(), {}, "knows no way to ask a object"),
        (Metric(), {"at_least": 0.5}, "a metric of deepeval has a threshold of its own"),
        (Scorer(1), {}, "a scorer of autoevals gives a score alone; give at_least="),
        (Evaluator(1), {"at_least": 2}, "at_least=2 is not a score from 0 to 1"),
        (Evaluator(1), {"category": ""}, "is not an error category"),
    ],
)
def test_what_cannot_become_a_check_is_told_at_once(metric: Any, options: Any, told: str) -> None:
    with pytest.raises(LlmevalError, match=told):
        check_of(metric, **options)


def test_what_the_real_ones_said_was_right_when_they_were_last_asked() -> None:
    asked = load()
    assert set(asked["versions"]) == {"deepeval", "autoevals", "pydantic-evals"}
    assert mistakes(asked["found"]) == []
