"""What a request asked, as a case can ask it again: of each wire format."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.report.prompts import prompt_of

SAID = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is my parcel?"},
    {"role": "assistant", "content": "Which one?"},
    {"role": "user", "content": "LK-17."},
)
TOOL = {"name": "track", "description": "d", "parameters": {"type": "object", "properties": {}}}


@pytest.mark.parametrize("name", ["openai", "openai-responses", "anthropic", "gemini", "ollama", "bedrock"])
def test_messages_of_text_come_back_from_every_format(name: str) -> None:
    prompt = Prompt(messages=SAID, tools=(TOOL,), params={"max_tokens": 9} if name == "anthropic" else {})
    body = find_provider(name).request("m", prompt).body
    asked = prompt_of(body)
    assert asked["messages"] == [*SAID]
    assert asked["beside"] == ([] if name == "bedrock" else ["tools track"])  # whose tools have a place of their own


def test_of_chat_completions_images_and_tool_calls_stay() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"id": "1", "type": "function", "function": {"name": "track", "arguments": "{}"}}
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": [{"type": "text", "text": "Read it."}, image]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "at the door"},
    ]
    assert prompt_of({"messages": messages})["messages"] == messages
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert prompt_of({"messages": [{"role": "user", "content": parts}]})["messages"][0]["content"] == "ab"


def test_of_another_format_what_is_no_text_is_named_by_its_size() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 4000}
    content = [{"type": "text", "text": "Read it."}, {"type": "image", "source": source}]
    asked = prompt_of({"messages": [{"role": "user", "content": content}]})
    assert asked["messages"] == [{"role": "user", "content": "Read it.\n[image, 3 kB]"}]


@pytest.mark.parametrize("body", [{}, {"messages": 5}, {"messages": [5, None]}, {"prompt": ""}, {"contents": [{}]}])
def test_odd_bodies_are_no_crash(body: dict[str, Any]) -> None:
    assert isinstance(prompt_of(body)["messages"], list)
