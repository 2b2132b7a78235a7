"""A conversation goes on: a reply and the results of its tools in the next request, as each provider's SDK sends it.

The SDK is given back its own objects, as its documentation has it, and sends them to a real server; what we send for
``reply.message`` and ``call.result(...)`` must be the same, less what an SDK adds of its own.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_llmeval.formats.base import Event, Prompt
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall
from tests.formats.test_sdks import anthropic, genai, openai, root, without
from tests.server import Server
from tests.wire import ANTHROPIC_BODY, CHAT_BODY, GEMINI_BODY, OLLAMA_BODY, RESPONSES_BODY

USER = {"role": "user", "content": "Weather in Rome?"}


def replied(name: str, body: Any) -> Reply:
    return Reply(find_provider(name).answer(body), Measures(latency=1.0), "m")


def second(name: str, body: Any, result: Any = None, **params: Any) -> Any:
    """Our second request after that first answer."""
    reply = replied(name, body)
    messages = (USER, reply.message, *(call.result(result or {"celsius": 21}) for call in reply.tool_calls))
    return dict(find_provider(name).request("m", Prompt(messages=messages, params=params)).body)


def test_chat_completions(server: Server) -> None:
    server.then(CHAT_BODY, CHAT_BODY)
    with openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        messages = [USER]
        message = client.chat.completions.create(model="m", messages=messages).choices[0].message
        result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": '{"celsius": 21}'}
        client.chat.completions.create(model="m", messages=[*messages, message, result])
    assert second("openai", CHAT_BODY) == without(server.requests[1].json, {"refusal"})


def test_responses(server: Server) -> None:
    server.then(RESPONSES_BODY, RESPONSES_BODY)
    with openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        output = client.responses.create(model="m", input=[USER]).output
        result = {"type": "function_call_output", "call_id": output[-1].call_id, "output": '{"celsius": 21}'}
        client.responses.create(model="m", input=[USER, *output, result])
    user, _, message, call, told = server.requests[1].json["input"]  # the second is the reasoning, which is optional
    assert second("openai-responses", RESPONSES_BODY)["input"] == [
        user,
        {"role": "assistant", "content": message["content"][0]["text"]},
        without(call, {"id", "status"}),
        told,
    ]


def test_anthropic_gets_its_thinking_back(server: Server) -> None:
    server.then(ANTHROPIC_BODY, ANTHROPIC_BODY)
    with anthropic.Anthropic(api_key="k", base_url=root(server), max_retries=0) as client:
        content = client.messages.create(model="m", max_tokens=9, messages=[USER]).content
        result = {"type": "tool_result", "tool_use_id": content[-1].id, "content": '{"celsius": 21}'}
        turns = [USER, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}]
        client.messages.create(model="m", max_tokens=9, messages=turns)
    assert second("anthropic", ANTHROPIC_BODY, max_tokens=9) == without(
        server.requests[1].json, {"citations", "caller"}
    )


def test_gemini_gets_its_signature_back(server: Server) -> None:
    server.then(GEMINI_BODY, GEMINI_BODY)
    types = genai.types
    with genai.Client(api_key="k", http_options={"base_url": root(server), "api_version": "v1beta"}) as client:
        first = types.Content(role="user", parts=[types.Part(text=USER["content"])])
        content = client.models.generate_content(model="m", contents=[first]).candidates[0].content
        result = types.Part.from_function_response(name="weather", response={"celsius": 21})
        turns = [first, content, types.Content(role="user", parts=[result])]
        client.models.generate_content(model="m", contents=turns)
    theirs = server.requests[1].json["contents"]
    theirs[1]["parts"] = [part for part in theirs[1]["parts"] if not part.get("thought")]
    assert second("gemini", GEMINI_BODY)["contents"] == theirs
    assert theirs[1]["parts"][1]["thoughtSignature"] == "c2ln"


def test_parallel_calls_of_gemini_without_ids_keep_their_names() -> None:
    parts: list[Any] = [{"functionCall": {"name": name, "args": {}}} for name in ("weather", "time")]
    body = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}
    _, calls, results = second("gemini", body, "no JSON")["contents"]
    assert [part["functionCall"]["name"] for part in calls["parts"]] == ["weather", "time"]
    assert [part["functionResponse"] for part in results["parts"]] == [
        {"name": "weather", "response": {"output": "no JSON"}},
        {"name": "time", "response": {"output": "no JSON"}},
    ]


def test_googles_chat_completions_get_the_signature_back() -> None:
    signed = {"google": {"thought_signature": "c2ln"}}
    call = {**CHAT_BODY["choices"][0]["message"]["tool_calls"][0], "extra_content": signed}
    body = {"choices": [{"message": {"content": None, "tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    assert second("openai", body)["messages"][1]["tool_calls"] == [call]
    reader = find_provider("openai").stream()
    piece = {"choices": [{"delta": {"tool_calls": [{"index": 0, **call}]}, "finish_reason": "tool_calls"}]}
    reader.feed(Event("message", json.dumps(piece)))
    assert reader.body()["choices"][0]["message"]["tool_calls"] == [call]


def test_ollama_is_told_the_name_of_the_tool() -> None:
    assert second("ollama", OLLAMA_BODY)["messages"] == [
        USER,
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [{"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}],
        },
        {"role": "tool", "tool_name": "weather", "content": '{"celsius": 21}'},
    ]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(text="Paris"), {"role": "assistant", "content": "Paris"}),
        (Answer(text=""), {"role": "assistant", "content": ""}),
        (Answer(text="", refusal="I cannot."), {"role": "assistant", "content": "I cannot."}),
        (
            Answer(text="", tool_calls=(ToolCall(name="f", arguments=None, id="1"),)),
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
            },
        ),
    ],
)
def test_a_reply_as_a_message(answer: Answer, message: dict[str, Any]) -> None:
    assert Reply(answer, Measures(latency=1.0), "m").message == message


def test_the_result_of_a_tool_is_a_text_or_json() -> None:
    call = ToolCall(name="f", arguments={}, id="c1")
    assert call.result("größer") == {"role": "tool", "tool_call_id": "c1", "content": "größer"}
    assert call.result(["größer", None])["content"] == '["größer", null]'
