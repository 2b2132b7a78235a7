"""Asks real metrics through `check_of`, and prints what came of each as JSON; run by their environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from autoevals import ExactMatch, JSONDiff, Levenshtein, NumericDiff, ValidJSON
from deepeval.metrics import BaseMetric, ExactMatchMetric, HallucinationMetric, PatternMatchMetric
from deepeval.models import DeepEvalBaseLLM
from pydantic_evals.evaluators import (
    Contains,
    Equals,
    EqualsExpected,
    EvaluationReason,
    Evaluator,
    EvaluatorContext,
    HasMatchingSpan,
    IsInstance,
    MaxDuration,
)

from pytest_llmeval import Case, CheckFailed, LlmevalError, Reply, ToolCall, check_of
from pytest_llmeval.reply import Answer, Measures

CASE = Case(id="parcel", input="Where is it?", expected="It is in Lyon.", context=("The parcel is in Lyon.",))
RIGHT, WRONG = "It is in Lyon.", "It is in Nice."


class Judge(DeepEvalBaseLLM):  # type: ignore[misc]  # it is not here
    """A model that says of every answer the same, without a network."""

    def __init__(self, verdict: str) -> None:
        self.verdict = verdict
        super().__init__("judge")

    def load_model(self) -> Any:
        return self

    def get_model_name(self) -> str:
        return "judge"

    def generate(self, prompt: str, schema: Any = None) -> Any:
        said = {"verdicts": [{"verdict": self.verdict, "reason": "as it says"}], "reason": "as the judge says"}
        if schema is None:
            return json.dumps(said)
        return schema(**{name: said[name] for name in schema.model_fields})

    async def a_generate(self, prompt: str, schema: Any = None) -> Any:
        return self.generate(prompt, schema)


class Tools(BaseMetric):  # type: ignore[misc]  # it is not here
    """A metric of a user: the tools that the model called."""

    def __init__(self, name: str) -> None:
        self.name, self.threshold = name, 0.5

    def measure(self, test_case: Any) -> float:
        self.score = float(self.name in [tool.name for tool in test_case.tools_called])
        self.reason = f"{self.name} among {[tool.name for tool in test_case.tools_called]}"
        return self.score

    async def a_measure(self, test_case: Any) -> float:
        return self.measure(test_case)

    def is_successful(self) -> bool:
        return self.score >= self.threshold


class Broken(Tools):
    def measure(self, test_case: Any) -> float:
        raise ConnectionError("the judge is away")


@dataclass
class Slow(Evaluator):  # type: ignore[misc]  # it is not here
    """An evaluator of a user that is awaited and gives reasons."""

    async def evaluate(self, ctx: EvaluatorContext) -> dict[str, Any]:
        same = ctx.output == ctx.expected_output
        return {"same": EvaluationReason(value=same, reason="compared"), "share": 1.0 if same else 0.25}


@dataclass
class Label(Evaluator):  # type: ignore[misc]  # it is not here
    def evaluate(self, ctx: EvaluatorContext) -> str:
        return "good"


def outcome(ask: Callable[[], Any]) -> list[Any]:
    """Whether a check passed, failed or could not judge, with its score and reason."""
    try:
        return ["pass", ask().value]
    except CheckFailed as failure:
        return ["fail", failure.score, failure.category, str(failure).splitlines()[0]]
    except LlmevalError as error:
        return ["error", str(error).splitlines()[0]]


def both(metric: Callable[[], Any], *, right: str = RIGHT, wrong: str = WRONG, **options: Any) -> list[list[Any]]:
    """What became of the right answer and of the wrong one."""
    case = options.pop("case", CASE)
    return [outcome(partial(check_of(metric(), **options), text, case)) for text in (right, wrong)]


def called(name: str) -> list[Any]:
    answer = Answer(text="", tool_calls=(ToolCall(name="find", arguments={"id": "LK-1"}),))
    return outcome(lambda: check_of(Tools(name))(Reply(answer, Measures(latency=2.0), "m"), CASE))


def timed(seconds: float) -> list[Any]:
    reply = Reply(Answer(text=RIGHT), Measures(latency=2.0), "m")
    return outcome(lambda: check_of(MaxDuration(seconds=seconds))(reply, CASE))


amount = Case(id="amount", input="How much?", expected=10)
document = Case(id="document", input="JSON?", expected='{"a": 1}')
unknown = Case(id="unknown", input="JSON?")
FOUND = {
    "deepeval": {
        "ExactMatchMetric": both(ExactMatchMetric),
        "PatternMatchMetric": both(lambda: PatternMatchMetric(pattern=r".*Lyon.*")),
        "HallucinationMetric": [
            outcome(partial(check_of(HallucinationMetric(model=Judge(word), async_mode=False)), RIGHT, CASE))
            for word in ("yes", "no")
        ],
        "a metric of a user": [called("find"), called("refund")],
        "a metric that breaks": [outcome(lambda: check_of(Broken("x"))(RIGHT, CASE))],
    },
    "autoevals": {
        "ExactMatch": both(ExactMatch, at_least=1),
        "Levenshtein": both(Levenshtein, at_least=0.9),
        "NumericDiff": both(NumericDiff, right="10", wrong="40", at_least=0.9, case=amount),
        "JSONDiff": both(JSONDiff, right='{"a": 1}', wrong='{"b": 1}', at_least=0.9, case=document),
        "ValidJSON": both(ValidJSON, right="[1]", wrong="[1", at_least=1, category="format", case=unknown),
    },
    "pydantic-evals": {
        "EqualsExpected": both(EqualsExpected),
        "Equals": both(lambda: Equals(value=RIGHT)),
        "Contains": both(lambda: Contains(value="Lyon")),
        "IsInstance": [outcome(partial(check_of(IsInstance(type_name=name)), RIGHT, CASE)) for name in ("str", "int")],
        "MaxDuration": [timed(3), timed(1)],
        "an evaluator of a user, awaited": both(Slow, at_least=0.5),
        "an evaluator that gives a label": [outcome(lambda: check_of(Label())(RIGHT, CASE))],
        "HasMatchingSpan": [outcome(lambda: check_of(HasMatchingSpan(query={"name_equals": "x"}))(RIGHT, CASE))],
    },
}
print(json.dumps({"versions": {name: version(name) for name in FOUND}, "found": FOUND}))
