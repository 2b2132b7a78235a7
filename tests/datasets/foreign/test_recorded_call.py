"""What a log tells of a call, in the forms that logs have."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.datasets.foreign.calls.logged_calls import call_of
from pytest_llmeval.datasets.foreign.recorded_call import metadata_of

CHAT = {
    "choices": [
        {
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "function": {"name": "find", "arguments": '{"order": "LK-1"}'}}],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 4},
}
ANTHROPIC = {
    "content": [
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "1", "name": "find", "input": {"order": "LK-1"}},
    ],
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 10, "output_tokens": 4},
}
RESPONSES = {
    "output": [
        {"type": "message", "content": [{"type": "output_text", "text": "I look."}]},
        {"type": "function_call", "name": "find", "arguments": '{"order": "LK-1"}'},
    ],
    "usage": {"input_tokens": 10, "output_tokens": 4},
}
GEMINI = {
    "candidates": [
        {
            "content": {
                "parts": [{"text": "I look."}, {"functionCall": {"name": "find", "args": {"order": "LK-1"}}}],
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 4},
}
SPAN = [
    {
        "role": "assistant",
        "parts": [
            {"type": "text", "content": "I look."},
            {"type": "tool_call", "id": "1", "name": "find", "arguments": {"order": "LK-1"}},
        ],
        "finish_reason": "tool_call",
    }
]


def metadata(answered: Any = "Yes.", asked: Any = None, **fields: Any) -> dict[str, Any]:
    """What a row keeps of an entry of a log."""
    body = {"messages": [{"role": "user", "content": "Where is it?"}], **(asked or {})}
    entry = {"request_body": body, "response_body": answered, "response_status": 200, "model": "large-1", **fields}
    call = call_of(entry)
    assert call is not None
    return metadata_of(call, entry)


@pytest.mark.parametrize(
    ("answered", "text", "ended"),
    [
        (CHAT, "", "tool_calls"),
        (ANTHROPIC, "I look.", "tool_use"),
        (RESPONSES, "I look.", None),
        (GEMINI, "I look.", "STOP"),
        (SPAN, "I look.", "tool_call"),
    ],
)
def test_an_answer_of_any_provider_is_kept(answered: Any, text: str, ended: str | None) -> None:
    recorded = metadata(answered)["recorded"]
    assert recorded.get("output", "") == text
    assert recorded["tool_calls"] == [{"name": "find", "args": {"order": "LK-1"}}]
    assert (recorded["model"], recorded.get("finish_reason")) == ("large-1", ended)


@pytest.mark.parametrize(
    ("fields", "latency", "ttft", "cost"),
    [
        ({"delay_ms": 1200, "time_to_first_token": 300, "cost": 0.01}, 1.2, 0.3, 0.01),
        ({"delay_ms": "soon", "cost": None, "request_created_at": "yesterday"}, None, None, None),
        ({"delay_ms": -3, "cost": True}, None, None, None),
    ],
)
def test_times_and_money_are_told_in_seconds_and_dollars(
    fields: dict[str, Any], latency: float | None, ttft: float | None, cost: float | None
) -> None:
    recorded = metadata(**fields)["recorded"]
    assert (recorded.get("latency"), recorded.get("ttft"), recorded.get("cost")) == (latency, ttft, cost)


@pytest.mark.parametrize("start", [1793491200.0, "2026-11-01T00:00:00Z", "2026-11-01T01:00:00+01:00", 1793491200000])
def test_it_is_told_when_production_answered(start: Any) -> None:
    assert metadata(request_created_at=start)["recorded"]["at"] == "2026-11-01T00:00:00+00:00"


def test_what_went_with_a_request_is_kept() -> None:
    tool = {"type": "function", "function": {"name": "find"}}
    schema = {"type": "object"}
    asked = {
        "temperature": 0,
        "top_p": None,
        "user": "u-17",
        "tools": [tool],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    assert metadata(asked=asked)["request"] == {"temperature": 0, "tools": [tool], "schema": schema}
    assert "request" not in metadata()


@pytest.mark.parametrize("hostile", [3, [], {}, [[]], {"choices": []}, {"choices": [{}]}, {"content": {"text": []}}])
def test_nothing_that_is_no_answer_breaks_the_reading(hostile: Any) -> None:
    metadata(hostile, asked={"tools": hostile, "response_format": hostile}, usage=hostile)
