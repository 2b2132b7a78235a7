"""Prompts become requests and bodies become answers, in every format that is not chat completions."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event, ModelRequest, Prompt
from pytest_llmeval.formats.framing import LineParser
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import Answer, ToolCall, Usage
from tests.wire import ANTHROPIC_BODY, GEMINI_BODY, OLLAMA_BODY, RESPONSES_BODY

USER = {"role": "user", "content": "Capital of France?"}
SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "7"}
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object"}}
PNG = "data:image/png;base64,AA=="
NAMES = ("openai-responses", "anthropic", "gemini", "ollama")


def asked(name: str, *messages: Any, **prompt: Any) -> ModelRequest:
    params = {"max_tokens": 9} if name == "anthropic" else {}
    params |= prompt.pop("params", {})
    return find_provider(name).request("m", Prompt(messages=messages or (USER,), params=params, **prompt))


def body_of(name: str, *messages: Any, **prompt: Any) -> dict[str, Any]:
    return dict(asked(name, *messages, **prompt).body)


def answer(name: str, body: Any) -> Answer:
    return find_provider(name).answer(body)


def test_a_plain_prompt_is_sent_with_nothing_that_was_not_asked_for() -> None:
    assert [(asked(name).path, body_of(name)) for name in NAMES] == [
        ("/responses", {"model": "m", "input": [USER]}),
        ("/messages", {"model": "m", "messages": [USER], "max_tokens": 9}),
        ("/models/m:generateContent", {"contents": [{"role": "user", "parts": [{"text": "Capital of France?"}]}]}),
        ("/api/chat", {"model": "m", "messages": [USER], "stream": False}),  # which streams unless told not to
    ]


def test_a_stream_is_asked_for_in_the_formats_own_way() -> None:
    requests = [asked(name, stream=True) for name in NAMES]
    assert [(request.stream, request.body.get("stream")) for request in requests] == [
        (True, True),
        (True, True),
        (True, None),
        (True, True),
    ]
    assert requests[2].path == "/models/m:streamGenerateContent?alt=sse"


def test_the_system_message_goes_where_the_format_wants_it() -> None:
    assert body_of("openai-responses", SYSTEM, USER) == {"model": "m", "input": [USER], "instructions": "Be brief."}
    assert body_of("anthropic", SYSTEM, SYSTEM, USER)["system"] == "Be brief.\n\nBe brief."
    assert body_of("gemini", SYSTEM, USER)["systemInstruction"] == {"role": "user", "parts": [{"text": "Be brief."}]}
    assert body_of("ollama", SYSTEM, USER)["messages"] == [SYSTEM, USER]


def test_system_messages_that_are_more_than_text_keep_it() -> None:
    cached = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    assert body_of("anthropic", {"role": "system", "content": [cached]}, USER)["system"] == [cached]
    assert body_of("openai-responses", {"role": "system", "content": [cached]}, USER)["input"][0] == {
        "role": "system",
        "content": [{**cached, "type": "input_text"}],
    }


def test_later_system_messages_stay_where_they_are() -> None:
    for name in ("openai-responses", "anthropic"):
        turns = body_of(name, USER, SYSTEM, USER)
        assert turns.get("input", turns.get("messages")) == [USER, SYSTEM, USER]


def test_tools_are_spelled_as_the_format_spells_them() -> None:
    wrapped = {"type": "function", "function": TOOL}
    own = {"type": "web_search"}
    schema = TOOL["parameters"]
    assert body_of("openai-responses", tools=(TOOL, wrapped, own))["tools"] == [
        {"type": "function", **TOOL},
        {"type": "function", **TOOL},
        own,
    ]
    spelled = {"name": "f", "description": "d", "input_schema": schema}
    assert body_of("anthropic", tools=(TOOL, wrapped, spelled, own))["tools"] == [spelled, spelled, spelled, own]
    declared = {"name": "f", "description": "d", "parametersJsonSchema": schema}
    assert body_of("gemini", tools=(TOOL, wrapped, {"googleSearch": {}}))["tools"] == [
        {"functionDeclarations": [declared, declared]},
        {"googleSearch": {}},
    ]
    assert body_of("ollama", tools=(TOOL, wrapped))["tools"] == [wrapped, wrapped]


def test_two_tool_results_in_a_row_are_one_turn() -> None:
    calls = [CALL, {**CALL, "id": "c2"}]
    messages = (
        USER,
        {"role": "assistant", "content": None, "tool_calls": calls},
        RESULT,
        {**RESULT, "tool_call_id": "c2"},
    )
    assert body_of("anthropic", *messages)["messages"][1:] == [
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": i, "name": "f", "input": {"a": 1}} for i in ("c1", "c2")],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": i, "content": "7"} for i in ("c1", "c2")],
        },
    ]
    assert body_of("gemini", *messages)["contents"][1:] == [
        {"role": "model", "parts": [{"functionCall": {"id": i, "name": "f", "args": {"a": 1}}} for i in ("c1", "c2")]},
        {
            "role": "user",
            "parts": [{"functionResponse": {"id": i, "name": "f", "response": {"output": 7}}} for i in ("c1", "c2")],
        },
    ]


def test_a_tool_result_for_ollama_names_the_function() -> None:
    messages = body_of("ollama", USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}, RESULT)["messages"]
    assert messages[1]["tool_calls"][0]["function"] == {"name": "f", "arguments": {"a": 1}}
    assert messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "7", "tool_name": "f"}


def test_gemini_gets_its_thought_signature_back() -> None:
    signed = {**CALL, "extra_content": {"google": {"thought_signature": "c2ln"}}}
    (turn,) = body_of("gemini", {"role": "assistant", "content": "", "tool_calls": [signed]})["contents"]
    assert turn["parts"][0]["thoughtSignature"] == "c2ln"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "call", [{}, {"function": {"name": "f", "arguments": "[1]"}}, {"function": {"arguments": "{}"}}]
)
def test_a_tool_call_in_the_messages_that_is_none_is_refused(name: str, call: Any) -> None:
    with pytest.raises(ProviderError, match="tool call") as caught:
        body_of(name, USER, {"role": "assistant", "content": "", "tool_calls": [call]})
    assert caught.value.kind == "bad_request"


def test_images_are_parts_of_the_last_user_message() -> None:
    url = "https://example.com/a.png?x=1"
    assert body_of("openai-responses", images=(url,))["input"][0]["content"][1:] == [
        {"type": "input_image", "image_url": url}
    ]
    assert body_of("anthropic", images=(url, PNG))["messages"][0]["content"] == [
        {"type": "text", "text": "Capital of France?"},
        {"type": "image", "source": {"type": "url", "url": url}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
    ]
    assert body_of("gemini", images=(url, PNG))["contents"][0]["parts"][1:] == [
        {"fileData": {"fileUri": url, "mimeType": "image/png"}},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
    ]
    assert body_of("ollama", images=(PNG,))["messages"] == [{**USER, "images": ["AA=="]}]


def test_ollama_cannot_fetch_an_image() -> None:
    with pytest.raises(ProviderError, match="data: URL") as caught:
        body_of("ollama", images=("https://example.com/a.png",))
    assert caught.value.kind == "bad_request"


def test_a_schema_is_structured_output() -> None:
    schema = {"type": "object", "title": "My order!"}
    strict = {"name": "order", "strict": True, "schema": schema}
    assert body_of("openai-responses", schema=schema)["text"] == {
        "format": {"type": "json_schema", "name": "My_order_", "schema": schema}
    }
    assert body_of("openai-responses", schema=strict)["text"]["format"] == {"type": "json_schema", **strict}
    for given_schema in (schema, strict):
        assert body_of("anthropic", schema=given_schema)["output_config"] == {
            "format": {"type": "json_schema", "schema": schema}
        }
        assert body_of("gemini", schema=given_schema)["generationConfig"] == {
            "responseMimeType": "application/json",
            "responseJsonSchema": schema,
        }
        assert body_of("ollama", schema=given_schema)["format"] == schema


def test_parameters_keep_their_names_and_go_where_the_format_has_them() -> None:
    params = {"temperature": 0, "top_k": 3}
    for name in ("openai-responses", "anthropic"):
        assert {**body_of(name), **params} == body_of(name, params=params)
    assert body_of("gemini", params={**params, "safetySettings": []}) == {
        **body_of("gemini"),
        "generationConfig": params,
        "safetySettings": [],
    }
    assert body_of("gemini", params={"seed": 1, "generationConfig": {"topK": 2}})["generationConfig"] == {
        "seed": 1,
        "topK": 2,
    }
    assert body_of("ollama", params={**params, "think": True, "options": {"seed": 1}}) == {
        **body_of("ollama"),
        "options": {**params, "seed": 1},
        "think": True,
    }


def test_anthropic_wants_max_tokens_and_the_error_says_where_to_set_them() -> None:
    with pytest.raises(ProviderError) as caught:
        find_provider("anthropic").request("claude", Prompt(messages=(USER,)))
    assert caught.value.kind == "bad_request"
    assert str(caught.value) == (
        "anthropic/claude: Anthropic wants max_tokens and none was given; set params = { max_tokens = 1024 } "
        "for this model in [tool.llmeval.models], or ask llm(..., max_tokens=1024)"
    )


def test_the_version_of_anthropic_is_a_header_and_no_part_of_the_body() -> None:
    old = asked("anthropic", params={"anthropic_version": "2023-06-01", "temperature": 0})
    assert (asked("anthropic").headers, old.headers) == (
        {"anthropic-version": "2026-10-21"},
        {"anthropic-version": "2023-06-01"},
    )
    assert dict(old.body) == {"model": "m", "messages": [USER], "max_tokens": 9, "temperature": 0}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-flash", "/models/gemini-3-flash:generateContent"),
        ("tunedModels/mine", "/tunedModels/mine:generateContent"),
        ("a b?c#d", "/models/a%20b%3Fc%23d:generateContent"),
    ],
)
def test_the_name_of_a_gemini_model_is_part_of_the_path(model: str, path: str) -> None:
    assert find_provider("gemini").request(model, Prompt(messages=(USER,))).path == path


TOKENS = {"input_tokens": 1000, "output_tokens": 100, "cache_read_tokens": 800, "reasoning_tokens": 60}
ROME = {"city": "Rome"}


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        (
            "openai-responses",
            RESPONSES_BODY,
            Answer(
                text="Let me see.",
                tool_calls=(ToolCall(name="weather", arguments=ROME, raw_arguments='{"city":"Rome"}', id="call_2"),),
                usage=Usage(**TOKENS, cache_write_tokens=0),
                finish_reason="tool_calls",
                response_model="gpt-5.6",
                response_id="resp_1",
                goes_back={"own_form": {"format": "responses", "content": RESPONSES_BODY["output"]}},
            ),
        ),
        (
            "anthropic",
            ANTHROPIC_BODY,
            Answer(
                text="Let me see.",
                tool_calls=(ToolCall(name="weather", arguments=ROME, raw_arguments='{"city": "Rome"}', id="toolu_1"),),
                usage=Usage(**TOKENS, cache_write_tokens=50),
                finish_reason="tool_calls",
                response_model="claude-opus-5-5",
                response_id="msg_1",
                thinking="Hm.",
                goes_back={"own_form": {"format": "messages", "content": ANTHROPIC_BODY["content"]}},
            ),
        ),
        (
            "gemini",
            GEMINI_BODY,
            Answer(
                text="Let me see.",
                tool_calls=(
                    ToolCall(name="weather", arguments=ROME, raw_arguments='{"city": "Rome"}', signature="c2ln"),
                ),
                usage=Usage(**TOKENS),
                finish_reason="tool_calls",
                response_model="gemini-2.5-pro",
                response_id="r1",
                thinking="Hm.",
                goes_back={
                    "own_form": {
                        "format": "content",
                        "content": GEMINI_BODY["candidates"][0]["content"]["parts"],
                    }
                },
            ),
        ),
        (
            "ollama",
            OLLAMA_BODY,
            Answer(
                text="Let me see.",
                tool_calls=(ToolCall(name="weather", arguments=ROME, raw_arguments='{"city": "Rome"}'),),
                usage=Usage(input_tokens=1000, output_tokens=100),
                finish_reason="tool_calls",
                response_model="llama",
                thinking="Hm.",
                goes_back={"thinking": "Hm."},
            ),
        ),
    ],
)
def test_an_answer_in_normal_form(name: str, body: Any, expected: Answer) -> None:
    assert answer(name, body) == expected


SAID: dict[str, dict[str, Any]] = {
    "openai-responses": {"output": []},
    "anthropic": {"content": []},
    "gemini": {"candidates": [{}]},
    "ollama": {"message": {"content": ""}},
}
USAGE_KEY = {"gemini": "usageMetadata"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("usage", [None, {}, [], "7", {"input_tokens": None}, {"input_tokens": True}])
def test_missing_counts_are_unknown_not_zero(name: str, usage: Any) -> None:
    assert answer(name, {**SAID[name], USAGE_KEY.get(name, "usage"): usage}).usage == Usage()


@pytest.mark.parametrize(
    ("body", "finish_reason"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": {"reason": "steered"}}, "steered"),
    ],
)
def test_why_a_response_ended(body: dict[str, Any], finish_reason: str) -> None:
    assert answer("openai-responses", {**SAID["openai-responses"], **body}).finish_reason == finish_reason


@pytest.mark.parametrize("status", ["queued", "in_progress", "cancelled"])
def test_a_response_that_is_not_finished_is_no_answer(status: str) -> None:
    with pytest.raises(ProviderError, match=status):
        answer("openai-responses", {**SAID["openai-responses"], "status": status})


def test_a_failed_response_is_an_error() -> None:
    failed = {**SAID["openai-responses"], "status": "failed", "error": {"code": "rate_limit_exceeded", "message": "x"}}
    with pytest.raises(ProviderError) as caught:
        answer("openai-responses", failed)
    assert caught.value.kind == "rate_limit"


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_why_a_message_ended(stop_reason: str, finish_reason: str) -> None:
    assert answer("anthropic", {"content": [], "stop_reason": stop_reason}).finish_reason == finish_reason


@pytest.mark.parametrize(
    ("finish", "finish_reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("SPII", "content_filter"),
        ("OTHER", "OTHER"),
    ],
)
def test_why_a_candidate_ended(finish: str, finish_reason: str) -> None:
    assert answer("gemini", {"candidates": [{"finishReason": finish}]}).finish_reason == finish_reason


def test_refusals_are_marked() -> None:
    refused = {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "I cannot."}]}]}
    assert answer("openai-responses", refused).refusal == "I cannot."
    stopped = {"content": [], "stop_reason": "refusal"}
    assert [
        answer("anthropic", {**stopped, "stop_details": details}).refusal
        for details in ({"explanation": "No.", "category": "bio"}, {"category": "bio"}, None)
    ] == ["No.", "refused: bio", "refused"]
    blocked = answer("gemini", {"promptFeedback": {"blockReason": "SAFETY"}})
    assert (blocked.text, blocked.finish_reason, blocked.refusal) == (
        "",
        "content_filter",
        "the prompt was blocked: SAFETY",
    )


def test_arguments_that_max_tokens_cut_off_are_kept_as_text() -> None:
    reader = find_provider("anthropic").stream()
    for data in (
        {"type": "message_start", "message": {"content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "name": "f", "input": {}}},
        {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": '{"a": '}},
        {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
    ):
        reader.feed(Event("message", json.dumps(data)))
    (call,) = answer("anthropic", reader.body()).tool_calls
    assert (call.arguments, call.raw_arguments) == (None, '{"a": ')


def test_items_that_the_last_event_leaves_out_are_those_sent_before() -> None:
    reader = find_provider("openai-responses").stream()
    item = RESPONSES_BODY["output"][1]
    reader.feed(Event("m", json.dumps({"type": "response.output_item.done", "output_index": 0, "item": item})))
    reader.feed(Event("m", json.dumps({"type": "response.completed", "response": {"status": "completed"}})))
    assert answer("openai-responses", reader.body()).text == "Let me see."


@pytest.mark.parametrize(
    ("name", "status", "error", "kind"),
    [
        ("anthropic", 429, {"type": "rate_limit_error"}, "rate_limit"),
        (
            "anthropic",
            429,
            {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}},
            "billing",
        ),
        ("anthropic", 400, {"type": "invalid_request_error", "message": "credit balance is too low"}, "billing"),
        ("anthropic", 529, {"type": "overloaded_error"}, "overloaded"),
        ("gemini", 429, {"status": "RESOURCE_EXHAUSTED", "message": "slow"}, "rate_limit"),
        (
            "gemini",
            429,
            {"status": "RESOURCE_EXHAUSTED", "details": [{"violations": [{"quotaId": "GenerateRequestsPerDay"}]}]},
            "billing",
        ),
        ("gemini", 400, {"status": "INVALID_ARGUMENT", "message": "Unknown name"}, "bad_request"),
        ("ollama", 404, "model 'x' not found", "not_found"),
    ],
)
def test_waiting_helps_against_a_rate_limit_and_not_against_an_empty_account(
    name: str, status: int, error: Any, kind: str
) -> None:
    page = json.dumps({"error": error}).encode()
    assert find_provider(name).error(status, {}, page).kind == kind


def test_a_bad_key_at_google_is_no_bad_request() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    page = {"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT", "details": details}}
    assert find_provider("gemini").error(400, {}, json.dumps(page).encode()).kind == "authentication"


def test_the_wait_google_asks_for_is_in_the_details() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"}]
    page = {"error": {"message": "slow", "status": "RESOURCE_EXHAUSTED", "details": details}}
    assert find_provider("gemini").error(429, {}, json.dumps(page).encode()).retry_after == 36.0


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_where_the_chunks_end(content: bytes, cuts: list[int]) -> None:
    whole = LineParser()
    expected = [*whole.feed(content), *whole.close()]
    parser, start, events = LineParser(), 0, []
    for cut in [*sorted(cuts), len(content)]:
        events += parser.feed(content[start:cut])
        start = max(start, cut)
    assert [*events, *parser.close()] == expected


WORDS = [
    *("type", "content", "output", "message", "candidates", "parts", "text", "delta", "index", "usage", "item"),
    *("response", "content_block", "tool_use", "functionCall", "done", "tool_calls", "function", "name", "input"),
    *("message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop", "thought"),
    *("input_json_delta", "citations_delta", "text_delta", "response.completed", "response.output_item.done"),
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@given(body=st.dictionaries(st.sampled_from(WORDS), json_values, max_size=5))
def test_no_body_is_worse_than_an_error_that_says_so(name: str, body: dict[str, Any]) -> None:
    with suppress(ProviderError):
        assert isinstance(answer(name, body), Answer)


@pytest.mark.parametrize("name", NAMES)
@given(events=st.lists(json_values, max_size=5))
def test_no_stream_is_worse_than_an_error_that_says_so(name: str, events: list[Any]) -> None:
    reader = find_provider(name).stream()
    with suppress(ProviderError):
        for data in events:
            assert reader.feed(Event("message", json.dumps(data))) in (True, False)
        assert isinstance(answer(name, reader.body()), Answer)
