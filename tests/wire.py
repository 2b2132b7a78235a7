"""Answers as the providers' documentation shows them, whole and streamed."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from pytest_llmeval.engine.answer_reader import AnswerReader
from pytest_llmeval.engine.call import Response
from pytest_llmeval.formats.base import Event
from pytest_llmeval.formats.clouds.frames import frame
from pytest_llmeval.formats.registry import find_provider


def named_events(events: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Server-sent events that are named by their type."""
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def plain_events(chunks: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Server-sent events without names, their lines ended as Google ends them."""
    return [f"data: {json.dumps(chunk)}\r\n\r\n".encode() for chunk in chunks]


def lines(chunks: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """One JSON object a line."""
    return [json.dumps(chunk).encode() + b"\n" for chunk in chunks]


def frames(events: Iterable[tuple[str, Mapping[str, Any]]]) -> list[bytes]:
    """Amazon's event stream."""
    return [frame(Event(name, json.dumps(content))) for name, content in events]


def chunk_frames(events: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """Amazon's event stream around Anthropic's events, as of InvokeModelWithResponseStream."""
    inside = ({"bytes": b64encode(json.dumps(event).encode()).decode(), "p": "abcd"} for event in events)
    return frames(("chunk", content) for content in inside)


CHAT_BODY: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-5.6",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "refusal": None,
                "tool_calls": [
                    {
                        "id": "call_2",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                    }
                ],
            },
            "logprobs": None,
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 800, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 60},
    },
}

_MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}],
}
_CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_2",
    "name": "weather",
    "arguments": '{"city":"Rome"}',
    "status": "completed",
}
_RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": "gpt-5.6",
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
}
RESPONSES_USAGE = {
    "input_tokens": 1000,
    "input_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 0},
    "output_tokens": 100,
    "output_tokens_details": {"reasoning_tokens": 60},
    "total_tokens": 1100,
}
RESPONSES_BODY: dict[str, Any] = {
    **_RESPONSE,
    "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, _MESSAGE, _CALL],
    "usage": RESPONSES_USAGE,
}
_OPEN = {**_RESPONSE, "status": "in_progress", "output": [], "usage": None}
_EMPTY_PART = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def _numbered(*events: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _part(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "item_id": "msg_1", "output_index": 0, "content_index": 0, **fields}


RESPONSES_EVENTS = _numbered(
    {"type": "response.created", "response": _OPEN},
    {"type": "response.in_progress", "response": _OPEN},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**_MESSAGE, "status": "in_progress", "content": []},
    },
    _part("content_part.added", part=_EMPTY_PART),
    _part("output_text.delta", delta="Let me ", logprobs=[]),
    _part("output_text.delta", delta="see.", logprobs=[]),
    _part("output_text.done", text="Let me see.", logprobs=[]),
    _part("content_part.done", part=_MESSAGE["content"][0]),
    {"type": "response.output_item.done", "output_index": 0, "item": _MESSAGE},
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {**_CALL, "status": "in_progress", "arguments": ""},
    },
    {
        "type": "response.function_call_arguments.delta",
        "item_id": "fc_1",
        "output_index": 1,
        "delta": '{"city":"Rome"}',
    },
    {
        "type": "response.function_call_arguments.done",
        "item_id": "fc_1",
        "output_index": 1,
        "name": "weather",
        "arguments": '{"city":"Rome"}',
    },
    {"type": "response.output_item.done", "output_index": 1, "item": _CALL},
    {
        "type": "response.completed",
        "response": {**_RESPONSE, "output": [_MESSAGE, _CALL], "usage": RESPONSES_USAGE},
    },
)

ANTHROPIC_USAGE = {
    "input_tokens": 150,
    "cache_read_input_tokens": 800,
    "cache_creation_input_tokens": 50,
    "output_tokens": 100,
    "output_tokens_details": {"thinking_tokens": 60},
}
ANTHROPIC_BODY: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Rome"}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "stop_details": None,
    "usage": ANTHROPIC_USAGE,
}


def _block(number: int, block: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": number, "content_block": block},
        *({"type": "content_block_delta", "index": number, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": number},
    ]


ANTHROPIC_EVENTS: list[dict[str, Any]] = [
    {
        "type": "message_start",
        "message": {
            **ANTHROPIC_BODY,
            "content": [],
            "stop_reason": None,
            "usage": {**ANTHROPIC_USAGE, "output_tokens": 1, "output_tokens_details": None},
        },
    },
    {"type": "ping"},
    *_block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Hm."},
        {"type": "signature_delta", "signature": "c2ln"},
    ),
    *_block(
        1,
        {"type": "text", "text": ""},
        {"type": "text_delta", "text": "Let me "},
        {"type": "text_delta", "text": "see."},
    ),
    *_block(
        2,
        {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}},
        {"type": "input_json_delta", "partial_json": ""},
        {"type": "input_json_delta", "partial_json": '{"city": "Ro'},
        {"type": "input_json_delta", "partial_json": 'me"}'},
    ),
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None, "stop_details": None},
        "usage": {"output_tokens": 100, "output_tokens_details": {"thinking_tokens": 60}},
    },
    {"type": "message_stop"},
]

_GEMINI_USAGE = {
    "promptTokenCount": 1000,
    "candidatesTokenCount": 40,
    "thoughtsTokenCount": 60,
    "cachedContentTokenCount": 800,
    "totalTokenCount": 1100,
}
GEMINI_BODY: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"text": "Hm.", "thought": True},
                    {"text": "Let me see."},
                    {"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"},
                ],
            },
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": _GEMINI_USAGE,
    "modelVersion": "gemini-2.5-pro",
    "responseId": "r1",
}


def _chunk(*parts: dict[str, Any], usage: dict[str, int] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": list(parts)}, "index": 0, **fields}],
        "usageMetadata": usage or {"promptTokenCount": 1000, "totalTokenCount": 1000},
        "modelVersion": "gemini-2.5-pro",
        "responseId": "r1",
    }


GEMINI_CHUNKS: list[dict[str, Any]] = [
    _chunk({"text": "Hm", "thought": True}),
    _chunk({"text": ".", "thought": True}),
    _chunk({"text": "Let me "}),
    _chunk({"text": "see."}),
    _chunk({"functionCall": {"name": "weather", "args": {"city": "Rome"}}, "thoughtSignature": "c2ln"}),
    _chunk({"text": ""}, usage=_GEMINI_USAGE, finishReason="STOP"),
]

OLLAMA_BODY: dict[str, Any] = {
    "model": "llama",
    "created_at": "2026-11-01T00:00:00Z",
    "message": {
        "role": "assistant",
        "content": "Let me see.",
        "thinking": "Hm.",
        "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}],
    },
    "done": True,
    "done_reason": "stop",
    "total_duration": 5_000_000_000,
    "prompt_eval_count": 1000,
    "eval_count": 100,
}


def _line(**message: Any) -> dict[str, Any]:
    head = {"model": "llama", "created_at": "2026-11-01T00:00:00Z"}
    return {**head, "message": {"role": "assistant", "content": "", **message}, "done": False}


OLLAMA_LINES: list[dict[str, Any]] = [
    _line(thinking="Hm."),
    _line(content="Let me "),
    _line(content="see."),
    _line(tool_calls=[{"function": {"name": "weather", "arguments": {"city": "Rome"}}}]),
    {**_line(), **{name: value for name, value in OLLAMA_BODY.items() if name != "message"}},
]

CONVERSE_USAGE = {
    "inputTokens": 150,
    "outputTokens": 100,
    "totalTokens": 1100,
    "cacheReadInputTokens": 800,
    "cacheWriteInputTokens": 50,
}
CONVERSE_BODY: dict[str, Any] = {
    "output": {
        "message": {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
                {"text": "Let me see."},
                {"toolUse": {"toolUseId": "tooluse_1", "name": "weather", "input": {"city": "Rome"}}},
            ],
        }
    },
    "stopReason": "tool_use",
    "usage": CONVERSE_USAGE,
    "metrics": {"latencyMs": 812},
}
CONVERSE_EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messageStart", {"role": "assistant", "p": "abcdefghij"}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm."}}, "contentBlockIndex": 0, "p": "ab"}),
    ("contentBlockDelta", {"delta": {"reasoningContent": {"signature": "c2ln"}}, "contentBlockIndex": 0}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("contentBlockDelta", {"delta": {"text": "Let me "}, "contentBlockIndex": 1, "p": "abcd"}),
    ("contentBlockDelta", {"delta": {"text": "see."}, "contentBlockIndex": 1}),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    (
        "contentBlockStart",
        {"start": {"toolUse": {"toolUseId": "tooluse_1", "name": "weather"}}, "contentBlockIndex": 2},
    ),
    ("contentBlockDelta", {"delta": {"toolUse": {"input": ""}}, "contentBlockIndex": 2}),
    ("contentBlockDelta", {"delta": {"toolUse": {"input": '{"city": "Ro'}}, "contentBlockIndex": 2}),
    ("contentBlockDelta", {"delta": {"toolUse": {"input": 'me"}'}}, "contentBlockIndex": 2}),
    ("contentBlockStop", {"contentBlockIndex": 2}),
    ("messageStop", {"stopReason": "tool_use"}),
    ("metadata", {"usage": CONVERSE_USAGE, "metrics": {"latencyMs": 812}, "p": "abc"}),
]


def read_in_pieces(name: str, content: bytes, kind: str, places: Sequence[int] = ()) -> Response:
    """What is read of a stream that comes cut at these places."""
    reader = AnswerReader(find_provider(name), stream=True)
    reader.begins(200, {"content-type": kind})
    cuts = [0, *sorted(place % (len(content) + 1) for place in places), len(content)]
    for start, end in pairwise(cuts):
        reader.take(content[start:end], 0.1)
    return reader.response(0.1)
