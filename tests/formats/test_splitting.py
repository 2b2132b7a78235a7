"""Property: splitting a stream anywhere changes nothing, in every form that an answer can have."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import delivered
from tests.server import completion
from tests.wire import ANTHROPIC_BODY, CONVERSE_BODY, GEMINI_BODY, OLLAMA_BODY, RESPONSES_BODY, read_in_pieces

CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Zürich"}'}}
CUSTOM = {"id": "c2", "type": "custom", "custom": {"name": "sql", "input": "SELECT 'é'"}}
THOUGHT = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm…"}]}, {"type": "text", "text": "Schön."}]
SEARCHED = [
    {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "Zürich"}},
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
]
ROUNDS = {"input_tokens": 1, "output_tokens": 2, "iterations": [{"input_tokens": 8, "output_tokens": 9}]}
PARTS = [
    {"text": "Hm…", "thought": True},
    {"text": "Schön.", "thoughtSignature": "c2ln"},
    {"text": "Und?", "thoughtSignature": "b3Ro"},
    {"executableCode": {"code": "print('é')"}},
]
CITED = {"content": [{"text": "Schön."}], "citations": [{"title": "A"}, {"title": "B"}]}
BLOCKS = [
    {"reasoningContent": {"redactedContent": "c2ln"}},
    {"citationsContent": CITED},
    {"toolUse": {"toolUseId": "s1", "name": "web", "type": "server_tool_use", "input": {}}},
    {"toolUse": {"toolUseId": "t1", "name": "weather", "input": '{"city": "Zür'}},
]
SUMMARY = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm…"}]}

FORMS: list[tuple[str, dict[str, Any]]] = [
    ("openai", completion("Schön.", reasoning_content="Hm…", reasoning="Hm…", tool_calls=[CALL, CUSTOM])),
    ("openai", completion("Schön.", reasoning_details=[{"type": "reasoning.text", "index": 0, "text": "Hm…"}])),
    ("openai", completion(None, audio={"id": "a1", "data": "AAAA", "transcript": "Schön."})),
    ("openai", completion(None, function_call=CALL["function"])),
    ("openai", completion("<think>Hm…</think>Schön.")),
    ("openai", {**completion(), "choices": [{**completion()["choices"][0], "message": {"content": THOUGHT}}]}),
    ("anthropic", {**ANTHROPIC_BODY, "content": [*ANTHROPIC_BODY["content"], *SEARCHED], "usage": ROUNDS}),
    ("openai-responses", {**RESPONSES_BODY, "output": [SUMMARY, *RESPONSES_BODY["output"]]}),
    ("gemini", {**GEMINI_BODY, "candidates": [{**GEMINI_BODY["candidates"][0], "content": {"parts": PARTS}}]}),
    ("ollama", OLLAMA_BODY),
    ("bedrock", CONVERSE_BODY),
    ("bedrock", {**CONVERSE_BODY, "output": {"message": {"role": "assistant", "content": BLOCKS}}}),
    ("bedrock-messages", ANTHROPIC_BODY),
]


@pytest.mark.parametrize(("name", "body"), FORMS, ids=lambda value: value if isinstance(value, str) else "")
@given(pieces=st.integers(1, 9), places=st.lists(st.integers(0, 9999), max_size=12))
def test_splitting_a_stream_anywhere_changes_nothing(
    name: str, body: dict[str, Any], pieces: int, places: list[int]
) -> None:
    sent = delivered(find_provider(name), body, stream=True, pieces=pieces)
    response = read_in_pieces(name, b"".join(sent.chunks), sent.headers["content-type"], places)
    assert response.answer == find_provider(name).answer(json.loads(json.dumps(body)))
