"""Chat completions: prompts become requests, responses become answers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event, ModelRequest, Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from pytest_llmeval.reply import Answer, ToolCall, Usage
from tests.server import completion

USER = {"role": "user", "content": "Capital of France?"}
provider = OpenAIChat()


def body_of(**prompt: Any) -> dict[str, Any]:
    return dict(provider.request("m", Prompt(**{"messages": (USER,), **prompt})).body)


def test_a_plain_prompt_sends_the_model_and_the_messages_and_nothing_else() -> None:
    assert provider.request("gpt-5.6", Prompt(messages=(USER,))) == ModelRequest(
        provider="openai", model="gpt-5.6", path="/chat/completions", body={"model": "gpt-5.6", "messages": [USER]}
    )


def test_a_stream_asks_for_its_usage() -> None:
    request = provider.request("m", Prompt(messages=(USER,), stream=True))
    assert (request.stream, request.body["stream"], request.body["stream_options"]) == (
        True,
        True,
        {"include_usage": True},
    )


def test_parameters_are_passed_on_untranslated() -> None:
    assert body_of(params={"temperature": 0, "top_k": 3}) == {
        "model": "m",
        "messages": [USER],
        "temperature": 0,
        "top_k": 3,
    }


def test_tools_are_wrapped_unless_they_are() -> None:
    tool = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    wrapped = {"type": "function", "function": tool}
    assert body_of(tools=(tool, wrapped))["tools"] == [wrapped, wrapped]


def test_a_schema_becomes_a_response_format_without_strict() -> None:
    assert body_of(schema={"type": "object", "title": "My order!"})["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "My_order_", "schema": {"type": "object", "title": "My order!"}},
    }


def test_a_schema_with_a_name_and_strict_is_passed_on() -> None:
    schema = {"name": "order", "strict": True, "schema": {"type": "object"}}
    assert body_of(schema=schema)["response_format"] == {"type": "json_schema", "json_schema": schema}


def test_images_join_the_last_user_message_and_leave_the_prompt_alone() -> None:
    messages = (USER, {"role": "assistant", "content": "Paris"})
    assert body_of(messages=messages, images=("https://x/a.png",))["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Capital of France?"},
                {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
            ],
        },
        {"role": "assistant", "content": "Paris"},
    ]
    assert USER["content"] == "Capital of France?"


def test_an_image_alone_is_a_user_message() -> None:
    assert body_of(messages=(), images=("data:image/png;base64,AA==",))["messages"] == [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
    ]


def test_the_key_is_a_bearer_token() -> None:
    assert provider.authorization("sk-1") == {"Authorization": "Bearer sk-1"}


def test_an_answer_in_normal_form() -> None:
    body = completion("Paris")
    body["usage"] = {
        "prompt_tokens": 1000,
        "completion_tokens": 100,
        "total_tokens": 1100,
        "prompt_tokens_details": {"cached_tokens": 800, "cache_write_tokens": 5},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }
    assert provider.answer(body) == Answer(
        text="Paris",
        usage=Usage(
            input_tokens=1000,
            output_tokens=100,
            cache_read_tokens=800,
            cache_write_tokens=5,
            reasoning_tokens=60,
        ),
        finish_reason="stop",
        response_model="m",
        response_id="c1",
    )


@pytest.mark.parametrize("usage", [None, {}, [], "7", {"prompt_tokens": None}, {"prompt_tokens": True}])
def test_missing_counts_are_unknown_not_zero(usage: Any) -> None:
    assert provider.answer({**completion(), "usage": usage}).usage == Usage()


def test_content_null_is_an_empty_text() -> None:
    assert provider.answer(completion(None, refusal="I cannot help.")) == Answer(
        text="",
        refusal="I cannot help.",
        usage=Usage(input_tokens=7, output_tokens=3),
        finish_reason="stop",
        response_model="m",
        response_id="c1",
    )


def test_content_in_parts_is_joined_without_the_thinking() -> None:
    parts: Any = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "Pa"}, {"type": "text", "text": "ris"}]
    assert provider.answer(completion(parts)).text == "Paris"


@pytest.mark.parametrize(
    ("raw", "arguments"), [('{"a": 1}', {"a": 1}), ('{"a": ', None), ("[1]", None), ("", None), ("[" * 100_000, None)]
)
def test_arguments_of_a_tool_call_are_kept_as_text_even_when_they_are_no_json(raw: str, arguments: Any) -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": raw}}
    answer = provider.answer(completion(None, tool_calls=[call]))
    assert answer.tool_calls == (ToolCall(name="f", arguments=arguments, raw_arguments=raw, id="t1"),)
    assert answer.finish_reason == "tool_calls"


def test_arguments_that_came_as_an_object_are_taken() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    assert provider.answer(completion(None, tool_calls=[call])).tool_calls == (
        ToolCall(name="f", arguments={"a": 1}, raw_arguments='{"a": 1}'),
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "the response has no choices, it is empty"),
        ({"id": "c1", "object": "x"}, "the response has no choices, only id, object"),
        ({"choices": []}, "the response has no choices, only choices"),
        ({"choices": "Paris"}, "the response has no choices, only choices"),
        ({"choices": ["Paris"]}, "the response's choice is not an object but str"),
        ({"choices": [{"index": 0}]}, "the response's choice has no message, only index"),
        ({"choices": [{"message": {"content": 7}}]}, "the message's content is not text but int"),
        ({"choices": [{"message": {"tool_calls": {}}}]}, "tool_calls is not a list but dict"),
        ({"choices": [{"message": {"tool_calls": [{}]}}]}, "a tool call has no function name"),
    ],
)
def test_a_body_without_an_answer_says_what_is_missing(body: dict[str, Any], message: str) -> None:
    with pytest.raises(ProviderError) as caught:
        provider.answer(body)
    assert (str(caught.value), caught.value.kind) == (message, "malformed")


def test_an_error_in_place_of_the_answer_is_an_error() -> None:
    with pytest.raises(ProviderError) as caught:
        provider.answer({"error": {"code": 429, "message": "slow down"}})
    assert (caught.value.kind, str(caught.value)) == ("rate_limit", "an error within the answer: slow down")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "tool_calls",
                    "function",
                    "name",
                    "arguments",
                    "usage",
                    "error",
                    "delta",
                    "logprobs",
                    "reasoning",
                    "index",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage", "error", "model"]), _JSON))
def test_any_body_gives_an_answer_or_a_provider_error(body: dict[str, Any]) -> None:
    with suppress(ProviderError):
        assert isinstance(provider.answer(body).text, str)


def put_together(*chunks: Any) -> dict[str, Any]:
    reader = provider.stream()
    for chunk in chunks:
        reader.feed(Event("message", chunk if isinstance(chunk, str) else json.dumps(chunk)))
    return reader.body()


def delta(finish: str | None = None, index: int = 0, **fields: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": fields, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def test_a_stream_gives_the_body_the_request_gives_unstreamed() -> None:
    usage = completion()["usage"]
    assert put_together(
        delta(role="assistant", content=""),
        delta(content="Pa"),
        delta(content="ris"),
        delta("stop"),
        {"id": "c1", "choices": [], "usage": usage},
        "[DONE]",
    ) == completion("Paris")


def test_the_pieces_of_tool_calls_are_put_together() -> None:
    body = put_together(
        delta(role="assistant", content=None),
        delta(tool_calls=[{"index": 0, "id": "t1", "type": "function", "function": {"name": "f", "arguments": ""}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"a"'}}]),
        delta(tool_calls=[{"index": 1, "id": "t2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ": 1}"}}]),
        delta("tool_calls"),
        "[DONE]",
    )
    assert provider.answer(body).tool_calls == (
        ToolCall(name="f", arguments={"a": 1}, raw_arguments='{"a": 1}', id="t1"),
        ToolCall(name="g", arguments={}, raw_arguments="{}", id="t2"),
    )


def test_tool_calls_without_an_index_are_told_apart_by_their_ids() -> None:
    body = put_together(
        delta(tool_calls=[{"id": "t1", "function": {"name": "f", "arguments": "{}"}}]),
        delta(tool_calls=[{"id": "t2", "function": {"name": "g", "arguments": "{"}}]),
        delta(tool_calls=[{"function": {"arguments": "}"}}]),
        delta("tool_calls"),
    )
    assert [(call.name, call.raw_arguments) for call in provider.answer(body).tool_calls] == [("f", "{}"), ("g", "{}")]


def test_several_choices_are_kept_apart() -> None:
    body = put_together(delta(index=1, content="b"), delta(index=0, content="a"), delta("stop", 0), delta("stop", 1))
    assert [choice["message"]["content"] for choice in body["choices"]] == ["a", "b"]


def test_a_refusal_is_streamed_too() -> None:
    body = put_together(delta(refusal="I can"), delta(refusal="not."), delta("stop"), "[DONE]")
    assert (provider.answer(body).refusal, provider.answer(body).text) == ("I cannot.", "")


def test_only_events_with_content_carry_the_first_token() -> None:
    reader = provider.stream()
    pieces = [
        delta(role="assistant", content=""),
        delta(reasoning_content="hm"),
        delta(content="a"),
        delta(refusal="b"),
        delta(tool_calls=[{"index": 0, "function": {"name": "f"}}]),
        delta("stop"),
    ]
    carries = [reader.feed(Event("message", json.dumps(piece))) for piece in pieces]
    assert carries == [False, False, True, True, True, False]


def test_logprobs_of_a_stream_are_joined() -> None:
    first, second = delta(content="a"), delta("stop", content="b")
    first["choices"][0]["logprobs"] = {"content": [{"token": "a"}], "refusal": None}
    second["choices"][0]["logprobs"] = {"content": [{"token": "b"}], "refusal": None}
    body = put_together(first, second)
    assert body["choices"][0]["logprobs"] == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None}


def test_a_stream_that_stops_in_the_middle_was_cut() -> None:
    with pytest.raises(ProviderError) as caught:
        put_together(delta(content="Pari"))
    assert (caught.value.kind, str(caught.value)) == (
        "malformed",
        "the stream was cut: it ended after 4 characters, without a finish_reason or [DONE]",
    )


def test_a_stream_with_a_finish_reason_is_whole_without_done_and_its_usage_unknown() -> None:
    answer = provider.answer(put_together(delta(content="Paris"), delta("stop")))
    assert (answer.text, answer.usage) == ("Paris", Usage())


def test_a_stream_with_one_of_two_choices_unfinished_was_cut() -> None:
    with pytest.raises(ProviderError, match="was cut"):
        put_together(delta(index=0, content="a"), delta(index=1, content="b"), delta("stop", 0))


def test_an_error_within_a_stream_is_an_error() -> None:
    with pytest.raises(ProviderError) as caught:
        put_together(delta(content="Pa"), {"error": {"message": "out of capacity", "type": "server_error"}})
    assert (caught.value.kind, str(caught.value)) == (
        "overloaded",
        "an error within the answer (server_error): out of capacity",
    )


def test_an_event_that_is_no_json_is_malformed_and_shown_harmless() -> None:
    with pytest.raises(ProviderError) as caught:
        put_together("\x1b[31m<html>")
    assert str(caught.value) == "an event of the stream is not JSON: \\x1b[31m<html>"


def test_events_nobody_knows_are_ignored() -> None:
    assert put_together("7", "[]", {"type": "ping"}, delta("stop", content="a"))["choices"][0]["message"] == {
        "role": "assistant",
        "content": "a",
    }


@given(st.lists(_JSON.map(lambda value: {"choices": [value], "usage": value}) | _JSON, max_size=5))
def test_any_events_give_a_body_or_a_provider_error(chunks: list[Any]) -> None:
    with suppress(ProviderError):
        assert isinstance(put_together(*(json.dumps(chunk) for chunk in chunks), "[DONE]"), dict)
