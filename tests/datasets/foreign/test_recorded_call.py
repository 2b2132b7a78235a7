"""What a log tells of a call, in the forms that logs have."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.datasets.foreign.recorded_call import output_of, recorded_of, request_of, system_of

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


@pytest.mark.parametrize(
    ("answered", "text"),
    [(CHAT, ""), (ANTHROPIC, "I look."), (RESPONSES, "I look."), (GEMINI, "I look."), (SPAN, "I look.")],
)
def test_an_answer_of_any_provider_is_read(answered: Any, text: str) -> None:
    recorded = recorded_of({}, answered, "large-1")
    assert recorded.get("output", "") == text
    assert recorded["tool_calls"] == [{"name": "find", "arguments": {"order": "LK-1"}}]
    assert recorded["model"] == "large-1"
    if answered is not SPAN:
        assert (recorded["input_tokens"], recorded["output_tokens"]) == (10, 4)


@pytest.mark.parametrize(
    ("fields", "latency", "ttft", "cost"),
    [
        ({"delay_ms": 1200, "time_to_first_token": 300, "cost": 0.01}, 1.2, 0.3, 0.01),
        ({"response_time": 1.2, "startTime": 1.8e9, "completionStartTime": 1.8e9 + 0.3}, 1.2, 0.3, None),
        ({"start_time": "2026-11-01T00:00:00", "end_time": "2026-11-01T00:00:01.2", "total_cost": 1}, 1.2, None, 1),
        ({"startTime": "2026-11-01T00:00:00Z", "endTime": "2026-11-01T01:00:01.2+01:00"}, 1.2, None, None),
        ({"startTimeUnixNano": "1793491200000000000", "endTimeUnixNano": "1793491201200000000"}, 1.2, None, None),
        ({"start_time": "2026-11-01T00:00:01", "end_time": "2026-11-01T00:00:00"}, None, None, None),
        ({"delay_ms": "soon", "cost": None, "start_time": "yesterday"}, None, None, None),
        ({"latency": float("inf"), "cost": True}, None, None, None),
    ],
)  # fmt: skip
def test_times_and_money_are_told_in_seconds_and_dollars(
    fields: dict[str, Any], latency: float | None, ttft: float | None, cost: float | None
) -> None:
    recorded = recorded_of(fields, "yes", "large-1")
    assert recorded.get("latency") == pytest.approx(latency, abs=1e-5) if latency else "latency" not in recorded
    assert recorded.get("ttft") == pytest.approx(ttft, abs=1e-5) if ttft else "ttft" not in recorded
    assert recorded.get("cost") == cost


def test_what_went_with_a_request_is_kept() -> None:
    tool = {"type": "function", "function": {"name": "find"}}
    schema = {"type": "object"}
    body = {
        "messages": [],
        "temperature": 0,
        "top_p": None,
        "user": "u-17",
        "tools": [tool],
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}},
    }
    wanted = {"temperature": 0, "tools": [tool], "schema": schema}
    assert request_of({"request_body": body}) == wanted
    assert request_of({"extra": {"invocation_params": body}}) == wanted
    assert request_of({"attributes": {"gen_ai.request.temperature": 0.5, "gen_ai.request.model": "x"}}) == {
        "temperature": 0.5
    }
    assert request_of({"attributes": {"llm.invocation_parameters": '{"max_tokens": 5}'}}) == {"max_tokens": 5}
    assert request_of({"request_body": "none"}) == {}


def test_a_system_prompt_beside_the_messages_is_found() -> None:
    assert system_of({"request_body": {"system": [{"type": "text", "text": "Be brief."}]}}) == "Be brief."
    assert system_of({"request_body": {"instructions": "Be brief."}}) == "Be brief."
    assert system_of({"request_body": {"messages": []}}) == ""


@pytest.mark.parametrize(
    "hostile", [None, 3, [], {}, [[]], {"choices": []}, {"choices": [{}]}, {"content": {"text": []}}]
)
def test_nothing_that_is_no_answer_breaks_the_reading(hostile: Any) -> None:
    recorded_of({"attributes": [], "extra": 3, "usage": "x"}, hostile, None)
    output_of(hostile)
    request_of({"request_body": hostile, "attributes": hostile, "extra": hostile})
    system_of({"request_body": hostile, "inputs": hostile})
