"""Streams made anew from a stored answer: whoever reads them gets that very answer, and SDKs take them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.formats.framing import parser_for
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import delivered
from pytest_llmeval.reply import Answer, ToolCall, Usage
from tests.server import completion, streamed
from tests.wire import (
    ANTHROPIC_EVENTS,
    GEMINI_CHUNKS,
    OLLAMA_LINES,
    RESPONSES_EVENTS,
    lines,
    named_events,
    plain_events,
)

PROVIDERS: dict[str, str] = {
    "chat": "openai",
    "responses": "openai-responses",
    "messages": "anthropic",
    "content": "gemini",
    "ollama": "ollama",
}


def read(format_: str, chunks: list[bytes] | tuple[bytes, ...]) -> tuple[dict[str, Any], int]:
    """What a stream says, and in how many pieces its content came."""
    reader = find_provider(PROVIDERS[format_]).stream()
    parser = parser_for(reader)
    events = [event for chunk in chunks for event in parser.feed(chunk)] + parser.close()
    return (sum([reader.feed(event) for event in events if not reader.done]), reader.body())[::-1]


def again(format_: str, body: Mapping[str, Any], pieces: int = 3) -> tuple[dict[str, Any], int]:
    """What a stream made of a body says."""
    delivery = delivered(find_provider(PROVIDERS[format_]), body, stream=True, pieces=pieces)
    return read(format_, delivery.chunks)


@pytest.mark.parametrize(
    ("format_", "chunks"),
    [
        ("chat", streamed("Par", "is")),
        ("chat", streamed("Paris", usage=False)),
        ("chat", streamed()),
        ("responses", named_events(RESPONSES_EVENTS)),
        ("messages", named_events(ANTHROPIC_EVENTS)),
        ("content", plain_events(GEMINI_CHUNKS)),
        ("ollama", lines(OLLAMA_LINES)),
    ],
)
@pytest.mark.parametrize("pieces", [1, 3, 100])
def test_a_stream_read_and_made_anew_says_the_same(format_: str, chunks: list[bytes], pieces: int) -> None:
    body, _ = read(format_, chunks)
    assert again(format_, body, pieces)[0] == body


def test_a_text_comes_in_as_many_pieces_as_it_came_in() -> None:
    assert again("chat", completion("abcdefghi"), 3)[1] == 3
    assert again("chat", completion("ab"), 50)[1] == 2
    assert delivered(find_provider("openai"), completion("ab"), stream=True).chunks[-1] == b"data: [DONE]\n\n"


@pytest.mark.parametrize("format_", PROVIDERS)
def test_what_was_not_asked_as_a_stream_comes_whole(format_: str) -> None:
    delivery = delivered(find_provider(PROVIDERS[format_]), {"any": "\ud800"}, stream=False)
    assert json.loads(b"".join(delivery.chunks)) == {"any": "\ud800"}
    assert delivery.headers["content-type"] == "application/json"


text = st.text(max_size=30)
tool = st.fixed_dictionaries(
    {
        "id": text,
        "type": st.just("function"),
        "function": st.fixed_dictionaries({"name": st.text(min_size=1), "arguments": text}),
    }
)
chat_bodies = st.fixed_dictionaries(
    {
        "id": text,
        "object": st.just("chat.completion"),
        "choices": st.lists(
            st.fixed_dictionaries(
                {
                    "message": st.fixed_dictionaries(
                        {"role": st.just("assistant"), "content": text | st.none()},
                        optional={"refusal": text, "tool_calls": st.lists(tool, min_size=1, max_size=3)},
                    ),
                    "finish_reason": st.sampled_from(["stop", "length", "tool_calls"]),
                }
            ),
            min_size=1,
            max_size=3,
        ),
    },
    optional={"usage": st.just({"prompt_tokens": 1, "completion_tokens": 2})},
)


@given(chat_bodies, st.integers(1, 70))
def test_any_chat_completion(body: dict[str, Any], pieces: int) -> None:
    for index, choice in enumerate(body["choices"]):
        choice["index"] = index
        for call in choice["message"].get("tool_calls", ()):
            call["id"] = call["id"] or None
    assert again("chat", body, pieces)[0] == body


block = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": text}),
    st.fixed_dictionaries({"type": st.just("text"), "text": text, "citations": st.lists(st.just({"cited_text": "x"}))}),
    st.fixed_dictionaries({"type": st.just("thinking"), "thinking": text, "signature": text}),
    st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": text}),
    st.fixed_dictionaries(
        {"type": st.just("tool_use"), "id": text, "name": text, "input": st.dictionaries(text, text, max_size=2)}
    ),
)


@given(st.lists(block, max_size=4), st.integers(1, 70))
def test_any_message(blocks: list[dict[str, Any]], pieces: int) -> None:
    body = {
        "type": "message",
        "content": blocks,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"output_tokens": 3},
    }
    assert again("messages", body, pieces)[0] == body


item = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("message"),
            "content": st.lists(st.fixed_dictionaries({"type": st.just("output_text"), "text": text}), max_size=2),
        }
    ),
    st.fixed_dictionaries({"type": st.just("function_call"), "name": text, "arguments": text}),
    st.fixed_dictionaries({"type": st.just("custom_tool_call"), "name": text, "input": text}),
    st.fixed_dictionaries({"type": st.just("reasoning"), "summary": st.just([])}),
)


@given(st.lists(item, max_size=3), st.sampled_from(["completed", "incomplete"]), st.integers(1, 70))
def test_any_response(items: list[dict[str, Any]], status: str, pieces: int) -> None:
    body = {"id": "r", "status": status, "output": items, "usage": None}
    assert again("responses", body, pieces)[0] == body


part = st.one_of(
    st.fixed_dictionaries({"functionCall": st.just({"name": "f", "args": {}})}),
    st.fixed_dictionaries({"text": st.text(min_size=1, max_size=30)}, optional={"thought": st.just(True)}),
)


@given(
    st.lists(part, max_size=4, unique_by=lambda one: str("text" in one) + str(one.get("thought"))), st.integers(1, 70)
)
def test_any_content(parts: list[dict[str, Any]], pieces: int) -> None:
    body = {
        "candidates": [{"index": 0, "content": {"role": "model", "parts": parts}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1},
    }
    assert again("content", body, pieces)[0] == body


@given(text, text | st.none(), st.integers(1, 70))
def test_any_ollama_chat(content: str, thinking: str | None, pieces: int) -> None:
    message = {"role": "assistant", "content": content} | ({} if thinking is None else {"thinking": thinking})
    body = {"model": "m", "message": message, "done": True, "done_reason": "stop"}
    assert again("ollama", body, pieces)[0] == body


@pytest.mark.slow
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner)
    )
)
def test_a_stored_answer_of_any_shape_makes_some_stream(body: Any) -> None:
    """What a recordings file holds may have been written by anybody."""
    names = ("choices", "output", "content", "candidates", "message", "usage")
    for provider in PROVIDERS.values():
        assert delivered(find_provider(provider), dict.fromkeys(names, body), stream=True, pieces=2).status == 200


def test_the_official_clients_read_a_body_that_was_made() -> None:
    from anthropic.types import Message
    from google.genai.types import GenerateContentResponse
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    call = ToolCall(name="find", arguments={"order": 7}, raw_arguments='{"order": 7}', id="t1")
    called = Answer(
        text="", tool_calls=(call,), finish_reason="tool_calls", usage=Usage(input_tokens=9, output_tokens=4)
    )
    for answer in (called, Answer(text="Paris", finish_reason="stop", usage=Usage(input_tokens=1, output_tokens=2))):
        ChatCompletion.model_validate(find_provider("openai").body_of(answer, "m"), strict=True)
        Response.model_validate(find_provider("openai-responses").body_of(answer, "m"))
        Message.model_validate(find_provider("anthropic").body_of(answer, "m"))
        GenerateContentResponse.model_validate(find_provider("gemini").body_of(answer, "m"))
