"""One example of each wire format, as its provider really answers: whoever adds a format adds a row here.

All say the same: a thought where the format shows one, "Let me see.", and a call of the tool ``weather`` for Rome.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_llmeval.reply import Usage
from tests.server import event
from tests.wire import (
    ANTHROPIC_BODY,
    ANTHROPIC_EVENTS,
    CHAT_BODY,
    GEMINI_BODY,
    GEMINI_CHUNKS,
    OLLAMA_BODY,
    OLLAMA_LINES,
    RESPONSES_BODY,
    RESPONSES_EVENTS,
    lines,
    named_events,
    plain_events,
)

EVENTS, LINES = "text/event-stream", "application/x-ndjson"


@dataclass(frozen=True, kw_only=True)
class Example:
    """What a provider answers in one format.

    Attributes:
        body: a whole answer.
        chunks: the stream of an answer, and `streamed` the same answer whole, where that is not `body`.
        kind: the stream's content type.
        usage: the tokens of `body`; `total` is what it states itself, None where it states none.
        thinking: what it shows of its thoughts.
        calls: whether it calls the tool.
        refusal: an answer that the model refuses.
        filtered: one that a filter stopped.
        cut: one that ended for want of tokens.
        broken: the end of a stream that fails, and `failure` the kind of that error.
        goes_back: texts that the next request has to hold, beside what was said.
    """

    body: dict[str, Any]
    chunks: Sequence[bytes]
    usage: Usage
    broken: bytes
    failure: str
    filtered: dict[str, Any]
    cut: dict[str, Any]
    streamed: dict[str, Any] | None = None
    kind: str = EVENTS
    total: int | None = None
    thinking: str = "Hm."
    calls: bool = True
    refusal: dict[str, Any] | None = None
    goes_back: Sequence[str] = field(default_factory=tuple)


_MESSAGE = {**CHAT_BODY["choices"][0]["message"], "content": "Let me see.", "reasoning_content": "Hm."}
_CHAT = {**CHAT_BODY, "choices": [{**CHAT_BODY["choices"][0], "message": _MESSAGE}]}  # as DeepSeek answers


def _choice(**fields: Any) -> dict[str, Any]:
    choice = CHAT_BODY["choices"][0]
    return {**CHAT_BODY, "choices": [{**choice, "message": {"role": "assistant", "content": "Let"}, **fields}]}


def _chat_chunks() -> list[bytes]:
    head = {name: CHAT_BODY[name] for name in ("id", "created", "model")} | {"object": "chat.completion.chunk"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    call = CHAT_BODY["choices"][0]["message"]["tool_calls"][0]
    begun = {"index": 0, "id": call["id"], "type": "function", "function": {"name": "weather", "arguments": ""}}
    return [
        chunk({"role": "assistant", "content": ""}),
        chunk({"reasoning_content": "Hm."}),
        chunk({"content": "Let me "}),
        chunk({"content": "see."}),
        chunk({"tool_calls": [begun]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"Rome"}'}}]}),
        chunk({}, "tool_calls"),
        event({**head, "choices": [], "usage": CHAT_BODY["usage"]}),
        event("[DONE]"),
    ]


def _candidate(reason: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {**GEMINI_BODY, "candidates": [{"content": {"role": "model", "parts": [*parts]}, "finishReason": reason}]}


def _response(*content: dict[str, Any], **fields: Any) -> dict[str, Any]:
    message = {"type": "message", "id": "m", "status": "completed", "role": "assistant", "content": [*content]}
    return {**RESPONSES_BODY, "output": [message], **fields}


_SUMMARY = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
_THOUGHT = {**RESPONSES_BODY, "output": [_SUMMARY, *RESPONSES_BODY["output"][1:]]}


def _said(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


_SPENT = Usage(
    input_tokens=1000, output_tokens=100, cache_read_tokens=800, cache_write_tokens=None, reasoning_tokens=60
)
_GENERATED: dict[str, Any] = {
    **{name: value for name, value in OLLAMA_BODY.items() if name != "message"},
    "response": "Let me see.",
    "thinking": "Hm.",
    "context": [1, 2, 3],
}
_GENERATING = {"model": "llama", "created_at": "2026-11-01T00:00:00Z", "response": "", "done": False}

EXAMPLES: dict[str, Example] = {
    "openai": Example(
        body=_CHAT,
        chunks=_chat_chunks(),
        usage=_SPENT,
        total=1100,
        broken=event({"error": {"code": "rate_limit_exceeded", "message": "slow"}}),
        failure="rate_limit",
        refusal=_choice(message={"role": "assistant", "content": None, "refusal": "No."}, finish_reason="stop"),
        filtered=_choice(finish_reason="content_filter"),
        cut=_choice(finish_reason="length"),
        goes_back=[_MESSAGE["tool_calls"][0]["id"], "Hm."],
    ),
    "openai-responses": Example(
        body=_THOUGHT,
        chunks=named_events(RESPONSES_EVENTS),
        streamed={**RESPONSES_BODY, "output": RESPONSES_BODY["output"][1:]},  # a model that does not think aloud
        usage=replace(_SPENT, cache_write_tokens=0),
        total=1100,
        broken=named_events([{"type": "error", "code": "server_is_overloaded", "message": "busy", "param": None}])[0],
        failure="overloaded",
        refusal=_response({"type": "refusal", "refusal": "No."}),
        filtered=_response(_said("Let"), status="incomplete", incomplete_details={"reason": "content_filter"}),
        cut=_response(_said("Let"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        goes_back=["call_2", "rs_1"],
    ),
    "anthropic": Example(
        body=ANTHROPIC_BODY,
        chunks=named_events(ANTHROPIC_EVENTS),
        usage=Usage(
            input_tokens=1000, output_tokens=100, cache_read_tokens=800, cache_write_tokens=50, reasoning_tokens=60
        ),
        broken=named_events([{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}])[0],
        failure="overloaded",
        refusal={**ANTHROPIC_BODY, "content": [], "stop_reason": "refusal"},
        filtered={**ANTHROPIC_BODY, "content": [{"type": "text", "text": "Let"}], "stop_reason": "refusal"},
        cut={**ANTHROPIC_BODY, "content": [{"type": "text", "text": "Let"}], "stop_reason": "max_tokens"},
        goes_back=["toolu_1", "c2ln", "Hm."],
    ),
    "gemini": Example(
        body=GEMINI_BODY,
        chunks=plain_events(GEMINI_CHUNKS),
        usage=_SPENT,
        total=1100,
        broken=event({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}),
        failure="rate_limit",
        refusal={"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": GEMINI_BODY["usageMetadata"]},
        filtered=_candidate("SAFETY", {"text": "Let"}),
        cut=_candidate("MAX_TOKENS", {"text": "Let"}),
        goes_back=["c2ln"],
    ),
    "ollama": Example(
        body=OLLAMA_BODY,
        chunks=lines(OLLAMA_LINES),
        kind=LINES,
        usage=Usage(input_tokens=1000, output_tokens=100),
        broken=b'{"error": "out of memory"}\n',
        failure="overloaded",
        filtered={**OLLAMA_BODY, "message": {"role": "assistant", "content": "Let"}, "done_reason": "content_filter"},
        cut={**OLLAMA_BODY, "message": {"role": "assistant", "content": "Let"}, "done_reason": "length"},
        goes_back=["Hm."],
    ),
    "ollama-generate": Example(
        body=_GENERATED,
        chunks=lines(
            [
                {**_GENERATING, "thinking": "Hm."},
                {**_GENERATING, "response": "Let me "},
                {**_GENERATING, "response": "see."},
                {name: "" if name == "response" else value for name, value in _GENERATED.items() if name != "thinking"},
            ]
        ),
        kind=LINES,
        usage=Usage(input_tokens=1000, output_tokens=100),
        calls=False,
        broken=b'{"error": "out of memory"}\n',
        failure="overloaded",
        filtered={**_GENERATED, "response": "Let", "done_reason": "content_filter"},
        cut={**_GENERATED, "response": "Let", "done_reason": "length"},
    ),
}
