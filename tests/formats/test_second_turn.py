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
    assert second("openai-responses", RESPONSES_BODY)["input"] == server.requests[1].json["input"]


def test_responses_that_were_not_stored_get_back_only_encrypted_thoughts() -> None:
    body = {**RESPONSES_BODY, "store": False}
    kinds = [item.get("type") for item in second("openai-responses", body)["input"]]
    assert kinds == [None, None, "function_call", "function_call_output"]
    output = [{**item, "encrypted_content": "x"} if item["type"] == "reasoning" else item for item in body["output"]]
    kinds = [item.get("type") for item in second("openai-responses", {**body, "output": output})["input"]]
    assert kinds == [None, "reasoning", "message", "function_call", "function_call_output"]


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
    assert second("gemini", GEMINI_BODY)["contents"] == theirs
    assert theirs[1]["parts"][2]["thoughtSignature"] == "c2ln"


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
            "thinking": "Hm.",
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


def test_chat_completions_get_back_what_the_model_thought() -> None:
    call = CHAT_BODY["choices"][0]["message"]["tool_calls"][0]
    details = [{"type": "reasoning.text", "text": "I should look.", "index": 0, "signature": "s"}]
    told = {"reasoning_content": "I should look.", "reasoning": "I should look.", "reasoning_details": details}
    message = {"role": "assistant", "content": None, "tool_calls": [call], **told}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    assert second("openai", body)["messages"][1] == message
    assert replied("openai", body).thinking == "I should look."
    reader = find_provider("openai").stream()
    pieces: list[dict[str, Any]] = [
        {"reasoning_content": "I should ", "reasoning": "I should "},
        {"reasoning_content": "look.", "reasoning": "look."},
        {"reasoning_details": [{**details[0], "text": "I should ", "signature": None}]},
        {"reasoning_details": [{**details[0], "text": "look."}]},
        {"tool_calls": [{"index": 0, **call}]},
    ]
    for piece in pieces:
        reader.feed(Event("", json.dumps({"choices": [{"delta": piece}]})))
    reader.feed(Event("", json.dumps({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})))
    assert second("openai", reader.body())["messages"][1] == message


def test_thoughts_among_the_parts_of_a_text_go_back_in_their_place() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm, "}, {"type": "text", "text": "Rome."}]},
        {"type": "text", "text": "Sunny."},
    ]
    body = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}]}
    assert second("mistral", body)["messages"][1] == {"role": "assistant", "content": parts}
    assert (replied("mistral", body), replied("mistral", body).thinking) == ("Sunny.", "Hm, Rome.")
    reader = find_provider("mistral").stream()
    pieces: list[Any] = [[{**parts[0], "thinking": [half]}] for half in parts[0]["thinking"]]
    for piece in [*pieces, "Sun", [{"type": "text", "text": "ny."}]]:
        reader.feed(Event("", json.dumps({"choices": [{"delta": {"content": piece}}]})))
    reader.feed(Event("", json.dumps({"choices": [{"delta": {"content": ""}, "finish_reason": "stop"}]})))
    assert reader.body()["choices"][0]["message"]["content"] == parts


def test_the_blocks_of_the_provider_go_back_as_they_came_and_in_order() -> None:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "Search first.", "signature": "c2ln"},
        {"type": "text", "text": "I look it up."},
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "Rome"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "text", "text": "\n"},
        {"type": "redacted_thinking", "data": "eA=="},
        {"type": "text", "text": "Now the tool.", "citations": [{"url": "https://example.com"}]},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}},
    ]
    body = {"content": content, "stop_reason": "tool_use", "usage": {}}
    _, assistant, results = second("anthropic", body, max_tokens=9)["messages"]
    assert assistant == {"role": "assistant", "content": [*content[:4], *content[5:]]}
    assert [block["tool_use_id"] for block in results["content"]] == ["t1"]


def test_a_message_that_the_test_has_changed_goes_back_as_changed() -> None:
    message = {**replied("anthropic", ANTHROPIC_BODY).message, "content": "Another text."}
    prompt = Prompt(messages=(USER, message), params={"max_tokens": 9})
    _, assistant = find_provider("anthropic").request("m", prompt).body["messages"]
    assert [block["type"] for block in assistant["content"]] == ["text", "tool_use"]
    assert assistant["content"][0]["text"] == "Another text."


NO_TEXT: list[Any] = ["", None, " \n", []]
NO_PARTS: list[dict[str, Any]] = [
    {},
    {"role": "model"},
    {"role": "model", "parts": [{"text": ""}]},
    {"role": "model", "parts": [{"text": "Hm.", "thought": True}, {"text": "", "thoughtSignature": "s"}]},
]
NOTHING: dict[str, list[dict[str, Any]]] = {
    "openai": [
        {"choices": [{"message": {"content": content, **more}, "finish_reason": "stop"}]}
        for content in NO_TEXT
        for more in ({}, {"reasoning_content": "Hm."}, {"function_call": {"name": "", "arguments": ""}})
    ],
    "openai-responses": [
        {"status": "completed", "output": output}
        for output in (
            [],
            [{"type": "reasoning", "id": "r", "summary": []}],
            [
                {"type": "reasoning", "id": "r", "summary": []},
                {"type": "message", "content": [{"type": "output_text", "text": ""}]},
            ],
        )
    ],
    "anthropic": [
        {"content": content, "stop_reason": "end_turn"}
        for content in (
            [],
            [{"type": "text", "text": ""}],
            [{"type": "thinking", "thinking": "Hm.", "signature": "s"}],
            [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "\n\n"}],
        )
    ],
    "gemini": [{"candidates": [{"content": content, "finishReason": "STOP"}]} for content in NO_PARTS],
    "ollama": [{"message": {"content": "", "thinking": "Hm."}, "done": True}],
}


@pytest.mark.parametrize(("name", "body"), [(name, body) for name in NOTHING for body in NOTHING[name]], ids=str)
def test_an_answer_without_a_word_is_left_out_of_the_next_request(name: str, body: Any) -> None:
    messages = (USER, replied(name, body).message, {"role": "user", "content": "Please?"})
    sent = dict(find_provider(name).request("m", Prompt(messages=messages, params={"max_tokens": 9})).body)
    plain = Prompt(messages=(USER, {"role": "user", "content": "Please?"}), params={"max_tokens": 9})
    assert sent == dict(find_provider(name).request("m", plain).body)


@pytest.mark.parametrize("name", NOTHING)
def test_what_says_nothing_in_a_message_is_not_sent(name: str) -> None:
    nothing: dict[str, Any] = {
        "function_call": {"name": "", "arguments": ""},
        "tool_calls": [],
        "refusal": None,
        "audio": None,
    }
    params = {"max_tokens": 9}
    provider = find_provider(name)
    said = provider.request("m", Prompt(messages=(USER, {"role": "assistant", "content": "Sunny."}), params=params))
    with_nothing = {"role": "assistant", "content": "Sunny.", **nothing}
    assert provider.request("m", Prompt(messages=(USER, with_nothing), params=params)) == said
    refused = {"role": "assistant", "content": None, "refusal": "Sunny.", "tool_calls": None}
    assert provider.request("m", Prompt(messages=(USER, refused), params=params)) == said
