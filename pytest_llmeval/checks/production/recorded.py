"""What production answered to a request, as a row of a dataset keeps it in ``metadata.recorded``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pytest_llmeval.case import Case
from pytest_llmeval.json_text import readable_json
from pytest_llmeval.reply import Answer, ToolCall, Usage, ending


class Recorded(NamedTuple):
    """An answer of production.

    Attributes:
        answer: in the form of a model's answer.
        latency: seconds, None when the log does not tell.
        ttft: seconds to the first token, None when the log does not tell.
        cost: USD, None when the log does not tell.
        at: when it was given, ISO date and time; None when the log does not tell.
    """

    answer: Answer
    latency: float | None = None
    ttft: float | None = None
    cost: float | None = None
    at: str | None = None

    @property
    def model(self) -> str:
        """The model that answered, "" when the log does not tell."""
        return self.answer.response_model or ""


def recorded_of(case: Case) -> Recorded | None:
    """What production answered to a case; None when the case does not tell."""
    told = case.metadata.get("recorded")
    if not isinstance(told, Mapping) or "category" in told:  # of an answer that was found wrong
        return None
    calls = told.get("tool_calls")
    tool_calls = tuple(map(_tool_call, calls)) if isinstance(calls, list | tuple) else ()
    output = told.get("output")
    if not isinstance(output, str):
        output = "" if output is None else readable_json(output)
    if not output and not tool_calls and not told.get("refusal"):
        return None
    answer = Answer(
        text=output,
        tool_calls=tool_calls,
        usage=Usage(input_tokens=_count(told.get("input_tokens")), output_tokens=_count(told.get("output_tokens"))),
        finish_reason=ending(_text(told.get("finish_reason"))),
        refusal=_text(told.get("refusal")),
        response_model=_text(told.get("model")),
    )
    latency, ttft, cost = (_amount(told.get(name)) for name in ("latency", "ttft", "cost"))
    return Recorded(answer, latency, ttft, cost, _text(told.get("at")))


def _tool_call(told: Any) -> ToolCall:
    told = told if isinstance(told, Mapping) else {}
    arguments = told.get("args", told.get("arguments"))
    parsed = arguments if isinstance(arguments, Mapping) else None
    raw = arguments if isinstance(arguments, str) else readable_json(arguments)
    return ToolCall(name=str(told.get("name", "")), arguments=parsed, raw_arguments=raw)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _amount(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _count(value: Any) -> int | None:
    amount = _amount(value)
    return None if amount is None else int(amount)
