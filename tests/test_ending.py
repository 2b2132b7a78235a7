"""How answers end: the words of all providers, and the model's own failures that are told as errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.checks.categories import category_of
from pytest_llmeval.checks.measured import assert_finish, assert_not_refusal
from pytest_llmeval.engine.answer_reader import answer_told_as_error
from pytest_llmeval.errors import CheckFailed, ProviderError
from pytest_llmeval.formats.framing import parser_for
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.formats.replay import delivered
from pytest_llmeval.reply import Answer, Measures, Reply, ToolCall, Usage, ending, ending_category, without_answer

CHAT, BLOCKED = "acme", {"message": "That prompt is not let through.", "code": "content_filter"}


def provider_of(name: str) -> Any:
    return find_provider(name, "http://127.0.0.1:1/v1" if name in (CHAT, "azure") else None)


def reply(text: str = "", **fields: Any) -> Reply:
    return Reply(Answer(text=text, **fields), Measures(latency=0.1), "m")


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("stop", "stop"),
        ("end_turn", "stop"),
        ("STOP", "stop"),
        ("eos", "stop"),
        ("MAX_TOKENS", "length"),
        ("model_length", "length"),
        ("token_limit", "length"),
        ("LANGUAGE", "content_filter"),
        ("model_context_window_exceeded", "length"),
        ("function_call", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("SAFETY", "content_filter"),
        ("refusal", "content_filter"),
        ("guardrail_intervened", "content_filter"),
        ("content_filter: PROHIBITED_CONTENT", "content_filter"),
        ("MALFORMED_FUNCTION_CALL", "invalid_tool_call"),
        ("function_call_filter: UNEXPECTED_TOOL_CALL", "invalid_tool_call"),
        ("malformed_tool_use", "invalid_tool_call"),
        ("pause_turn", "pause_turn"),
        ("OTHER", "OTHER"),
        (None, None),
    ],
)
def test_all_providers_words_become_ours(word: str | None, ours: str | None) -> None:
    assert ending(word) == ours


@given(st.none() | st.text())
def test_our_own_words_stay(word: str | None) -> None:
    assert ending(ending(word)) == ending(word)


@pytest.mark.parametrize(
    ("answer", "category"),
    [
        (Answer(text="", refusal="No.", finish_reason="stop"), "refusal"),
        (Answer(text="Well", finish_reason="content_filter"), "refusal"),
        (Answer(text="<call>", finish_reason="invalid_tool_call"), "tool_call"),
        (Answer(text='{"a": ', finish_reason="invalid_json"), "format"),
        (Answer(text="Once upon", finish_reason="length"), "truncated"),
        (Answer(text="Paris", finish_reason="stop"), None),
        (Answer(text="Paris", finish_reason="OTHER"), None),
        (Answer(text="Paris"), None),
    ],
)
def test_an_ending_explains_a_failure(answer: Answer, category: str | None) -> None:
    assert ending_category(answer) == category


@pytest.mark.parametrize(
    ("answer", "lacking"),
    [
        (
            Answer(text=" \n", refusal="Not\x1b this.", finish_reason="stop"),
            ("refusal", "the model gave no answer but a refusal: Not\\x1b this."),
        ),
        (
            Answer(text="", finish_reason="length", usage=Usage(reasoning_tokens=900)),
            ("truncated", "the limit of tokens was reached before the answer began, 900 of them for thinking"),
        ),
        (
            Answer(text="find(", finish_reason="invalid_tool_call"),
            ("tool_call", 'the provider refused what the model wrote, an invalid tool call: "find("'),
        ),
        (
            Answer(text="", finish_reason="pause_turn"),
            ("truncated", "the model gave no answer; it ended with 'pause_turn'"),
        ),
        (Answer(text="", finish_reason="stop"), None),
        (Answer(text=""), None),
        (Answer(text="Once", finish_reason="length"), None),
        (Answer(text="", tool_calls=(ToolCall(name="find", arguments={}),), finish_reason="length"), None),
    ],
)
def test_an_answer_that_is_none_is_told_from_a_poor_one(answer: Answer, lacking: tuple[str, str] | None) -> None:
    assert without_answer(answer) == lacking


# An HTTP status and a body per provider, and what they are.
TOLD: dict[str, tuple[str, int, Any, str]] = {
    "azure": (
        "azure",
        400,
        {"error": {**BLOCKED, "param": "prompt", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
        "content_filter",
    ),
    "openai": ("openai", 400, {"error": {"message": "No.", "code": "content_policy_violation"}}, "content_filter"),
    "openai-in-words": (
        "openai",
        400,
        {
            "error": {
                "message": "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
                "type": "invalid_request_error",
                "code": "invalid_prompt",
            }
        },
        "content_filter",
    ),
    "responses": ("openai-responses", 400, {"error": {"message": "No.", "code": "bio_policy"}}, "content_filter"),
    "openrouter": (
        "openrouter",
        403,
        {"error": {"code": 403, "message": "Flagged.", "metadata": {"reasons": ["violence"], "flagged_input": "x"}}},
        "content_filter",
    ),
    "openrouter-of-azure": (
        "openrouter",
        400,
        {
            "error": {
                "code": 400,
                "message": "Provider returned error",
                "metadata": {"raw": json.dumps({"error": BLOCKED}), "provider_name": "Azure"},
            }
        },
        "content_filter",
    ),
    "anthropic": (
        "anthropic",
        400,
        {
            "type": "error",
            "error": {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"},
        },
        "content_filter",
    ),
    "xai": (
        "xai",
        403,
        {"code": "The caller does not have permission", "error": "Content violates usage guidelines. Failed check: X"},
        "content_filter",
    ),
    "deepseek": (
        "deepseek",
        400,
        {"error": {"message": "Content Exists Risk", "type": "invalid_request_error", "code": "invalid_request_error"}},
        "content_filter",
    ),
    "message-alone": (
        CHAT,
        400,
        {"object": "error", "message": "Not let through.", "code": "content_filter"},
        "content_filter",
    ),
    "groq": (
        "groq",
        400,
        {
            "error": {
                "message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more.",
                "type": "invalid_request_error",
                "code": "tool_use_failed",
                "failed_generation": "<function=find>{id: 7}",
            }
        },
        "invalid_tool_call",
    ),
    "groq-json": (
        "groq",
        400,
        {"error": {"message": "Failed to generate JSON.", "code": "json_validate_failed", "failed_generation": "Hm"}},
        "invalid_json",
    ),
    "groq-json-cut": (
        "groq",
        400,
        {
            "error": {
                "message": "max completion tokens reached before generating a valid document",
                "code": "json_validate_failed",
                "failed_generation": '{"a": ',
            }
        },
        "length",
    ),
    "ollama": (
        "ollama",
        500,
        {"error": "error parsing tool call: raw='{\"id\": ', err=unexpected end of JSON input"},
        "invalid_tool_call",
    ),
    "thought-too-long": (
        "openai",
        400,
        {"error": {"message": "Could not finish the message because max_tokens or model output limit was reached."}},
        "length",
    ),
}


@pytest.mark.parametrize("case", TOLD)
def test_a_failure_of_the_model_told_as_an_error_is_an_answer(case: str) -> None:
    name, status, body, reason = TOLD[case]
    provider, content = provider_of(name), json.dumps(body).encode()
    told = answer_told_as_error(provider, provider.error(status, {}, content), content)
    assert told is not None
    kept, answer = told
    assert (kept, answer.finish_reason, answer.tool_calls) == (body, reason, ())
    assert (answer.refusal is not None) == (reason == "content_filter")
    assert answer.text == (body["error"].get("failed_generation", "") if name == "groq" else "")
    assert provider.answer(kept) == answer  # as it is replayed


@pytest.mark.parametrize(
    ("name", "status", "error"),
    [
        ("openai", 401, {"message": "Incorrect API key", "code": "invalid_api_key"}),
        ("openai", 429, {"message": "No money", "code": "insufficient_quota"}),
        ("openai", 400, {"message": "max_tokens is too large", "code": "invalid_request_error"}),
        ("openai", 400, {"message": "messages[0] has no role", "type": "invalid_request_error"}),
        ("openai", 403, {"message": "Project has no access", "code": "model_not_found"}),
        ("openai", 500, {"message": "content_filter is down", "code": "content_filter"}),
        ("openrouter", 403, {"code": 403, "message": "Key limit exceeded"}),
        ("groq", 400, {"message": "tools[0].name is missing", "type": "invalid_request_error"}),
        ("ollama", 500, "model runner has unexpectedly stopped"),
    ],
)
def test_every_other_error_stays_one(name: str, status: int, error: Any) -> None:
    provider, content = provider_of(name), json.dumps({"error": error}).encode()
    assert answer_told_as_error(provider, provider.error(status, {}, content), content) is None


@given(st.binary(max_size=200), st.sampled_from(["openai", "anthropic", "gemini", "ollama", "openai-responses"]))
def test_no_body_of_an_error_makes_it_fail(content: bytes, name: str) -> None:
    error = ProviderError("blocked", kind="content_filter", status=400)
    assert answer_told_as_error(provider_of(name), error, content) is None or b"{" in content


@pytest.mark.parametrize(
    ("name", "body"),
    [
        (CHAT, {"choices": [{"message": {"content": "You can"}, "finish_reason": "error"}]}),
        ("mistral", {"choices": [{"finish_reason": "error"}]}),
        ("openrouter", {"choices": [{"error": {"code": 502, "message": "gone"}, "message": {"content": "You"}}]}),
        ("openai-responses", {"status": "failed", "output": []}),
        ("gemini", {"candidates": [{"content": {"parts": [{"text": "You"}]}, "finishReason": "ERROR"}]}),
        ("python:shop.bot", {"text": "You can", "finish_reason": "error"}),
    ],
)
def test_half_an_answer_is_asked_for_again(name: str, body: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        provider_of(name).answer(body)
    assert caught.value.kind == "overloaded"


WHOLE = {"role": "assistant", "content": "Well"}


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        (CHAT, {"choices": [{"message": WHOLE, "finish_reason": "content_filter"}]}, ("Well", "content_filter", True)),
        (
            CHAT,
            {"choices": [{"message": {"content": None}, "finish_reason": "length"}]},
            ("", "length", False),
        ),
        (
            "openrouter",
            {"choices": [{"error": {"code": 403, "metadata": {"reasons": ["x"]}}}]},
            ("", "content_filter", True),
        ),
        (
            "openai-responses",
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []},
            ("", "length", False),
        ),
        (
            "openai-responses",
            {"status": "failed", "error": {"code": "content_filter", "message": "No."}, "output": []},
            ("", "content_filter", True),
        ),
        ("anthropic", {"content": [], "stop_reason": "refusal"}, ("", "content_filter", True)),
        (
            "anthropic",
            {"content": [{"type": "thinking", "thinking": "Hm"}], "stop_reason": "max_tokens"},
            ("", "length", False),
        ),
        ("anthropic", {"content": [], "stop_reason": "model_context_window_exceeded"}, ("", "length", False)),
        ("gemini", {"promptFeedback": {"blockReason": "BLOCKLIST"}}, ("", "content_filter", True)),
        ("gemini", {"candidates": [{"finishReason": "SAFETY"}]}, ("", "content_filter", True)),
        (
            "gemini",
            {"candidates": [{"finishReason": "MAX_TOKENS", "content": {"role": "model"}}]},
            ("", "length", False),
        ),
        (
            "gemini",
            {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "Malformed: find(id:"}]},
            ("Malformed: find(id:", "invalid_tool_call", False),
        ),
        ("ollama", {"message": {"content": "", "thinking": "Hm"}, "done_reason": "length"}, ("", "length", False)),
        ("python:shop.bot", {"text": "", "finish_reason": "end_turn"}, ("", "stop", False)),
    ],
)
def test_endings_under_a_status_of_success(name: str, body: dict[str, Any], expected: tuple[str, str, bool]) -> None:
    answer = provider_of(name).answer(body)
    assert (answer.text, answer.finish_reason, bool(answer.refusal)) == expected


def sse(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {each.get('type', 'message')}\ndata: {json.dumps(each)}\n\n".encode() for each in events)


PIECE = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "You"}, "finish_reason": None}]}
START = {"type": "message_start", "message": {"role": "assistant", "id": "m1"}}
BLOCK = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "You"}}
POLICY = {"type": "invalid_request_error", "message": "Output blocked by content filtering policy"}
# Streams that an error ends, which is the model's own failure.
STREAMS: dict[str, tuple[str, bytes]] = {
    "chat": (CHAT, sse(PIECE, {"error": BLOCKED})),
    "chat-at-once": (CHAT, sse({"error": {"code": "tool_use_failed", "failed_generation": "<f"}})),
    "responses": (
        "openai-responses",
        sse({"type": "error", "code": "content_filter", "sequence_number": 0}),
    ),
    "responses-failed": (
        "openai-responses",
        sse({"type": "response.failed", "response": {"status": "failed", "output": [], "error": BLOCKED}}),
    ),
    "messages": ("anthropic", sse(START, BLOCK, {"type": "error", "error": POLICY})),
    "messages-at-once": ("anthropic", sse({"type": "error", "error": POLICY})),
    "content": (
        "gemini",
        sse({"candidates": [{"content": {"parts": [{"text": "You"}]}}]}, {"error": BLOCKED}),
    ),
    "ollama": (
        "ollama",
        b'{"message": {"content": "You"}, "done": false}\n{"error": "error parsing tool call: raw=x, err=y"}\n',
    ),
}


def put_together(name: str, content: bytes) -> Any:
    reader = provider_of(name).stream()
    parser = parser_for(reader)
    for event in [*parser.feed(content), *parser.close()]:
        if not reader.done:
            reader.feed(event)
    return reader.body()


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_that_such_an_error_ends_is_an_answer_and_is_replayed_as_it_was(case: str) -> None:
    name, content = STREAMS[case]
    body = put_together(name, content)
    answer = provider_of(name).answer(body)
    assert answer.finish_reason in ("content_filter", "invalid_tool_call")
    again = delivered(provider_of(name), body, stream=True)
    assert again.status == 200
    assert put_together(name, b"".join(again.chunks)) == body
    assert b"error" in again.chunks[-1]
    assert b"[DONE]" not in again.chunks[-1]


def test_an_error_with_a_status_is_no_stream() -> None:
    body = {"error": BLOCKED}
    delivery = delivered(find_provider("openai"), body, stream=True, status=400)
    assert (delivery.status, delivery.headers["content-type"]) == (400, "application/json")
    assert json.loads(b"".join(delivery.chunks)) == body


@pytest.mark.parametrize(
    ("reason", "category", "words"),
    [
        ("length", "truncated", "cut off at the limit"),
        ("content_filter", "refusal", "stopped by the provider's filter"),
        ("invalid_tool_call", "tool_call", "an invalid tool call"),
        ("invalid_json", "format", "invalid JSON"),
        ("pause_turn", "truncated", 'ended with "pause_turn"'),
        ("\x1b[31mODD", "truncated", 'ended with "\\x1b[31mODD"'),
    ],
)
def test_what_is_not_finished_says_how_it_ended(reason: str, category: str, words: str) -> None:
    with pytest.raises(CheckFailed) as caught:
        assert_finish(reply("Well", finish_reason=reason))
    assert words in str(caught.value)
    assert category_of(caught.value) == category


def test_a_check_of_ours_does_not_count_as_having_read_the_ending() -> None:
    whole = reply("Paris", finish_reason="stop")
    assert_finish(whole)
    assert_not_refusal(whole)
    assert whole.ending_was_read is False


@pytest.mark.parametrize("name", ["finish_reason", "refusal"])
def test_who_reads_the_ending_is_noted(name: str) -> None:
    whole = reply("Paris", finish_reason="stop")
    getattr(whole, name)
    assert whole.ending_was_read
