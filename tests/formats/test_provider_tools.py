"""Tools that ran at the provider are told apart from the functions an application has to call, in every format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_llmeval.formats.registry import find_provider
from tests.server import Reply as HttpReply
from tests.server import Server
from tests.sessions import Session

MESSAGES: dict[str, Any] = {
    "id": "m-1",
    "role": "assistant",
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 1},
    "content": [
        {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "opening hours"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
        {"type": "mcp_tool_use", "id": "s2", "name": "close_ticket", "server_name": "desk", "input": {"ticket": 4}},
        {"type": "text", "text": "One moment."},
        {"type": "tool_use", "id": "t1", "name": "refund", "input": {"amount": 84}},
    ],
}
RESPONSES: dict[str, Any] = {
    "id": "r-1",
    "status": "completed",
    "output": [
        {"type": "mcp_list_tools", "id": "l1", "server_label": "desk", "tools": []},
        {"type": "web_search_call", "id": "w1", "status": "completed", "action": {"type": "search", "query": "hours"}},
        {"type": "file_search_call", "id": "f1", "queries": ["returns"], "results": None, "status": "completed"},
        {"type": "code_interpreter_call", "id": "c1", "code": "84 / 2", "container_id": "x", "outputs": []},
        {"type": "mcp_call", "id": "m1", "name": "close_ticket", "server_label": "d", "arguments": '{"ticket": 4}'},
        {"type": "mcp_approval_request", "id": "a1", "name": "delete_ticket", "arguments": "{}"},
        {"type": "function_call", "call_id": "t1", "name": "refund", "arguments": '{"amount": 84}'},
    ],
}
CONTENT: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"executableCode": {"language": "PYTHON", "code": "84 / 2"}},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "42"}},
                    {"toolCall": {"toolType": "FILE_SEARCH", "args": {"q": "returns"}, "id": "f1"}},
                    {"text": "One moment."},
                    {"functionCall": {"name": "refund", "args": {"amount": 84}}},
                ]
            },
            "finishReason": "STOP",
            "groundingMetadata": {"webSearchQueries": ["opening hours"]},
            "urlContextMetadata": {"urlMetadata": [{"retrievedUrl": "https://shop.example/hours"}]},
        }
    ]
}
CHAT: dict[str, Any] = {
    "choices": [
        {
            "message": {
                "content": "One moment.",
                "tool_calls": [{"id": "t1", "function": {"name": "refund", "arguments": '{"amount": 84}'}}],
                "executed_tools": [{"index": 0, "type": "search", "arguments": '{"query": "hours"}', "output": "9"}],
            },
            "finish_reason": "tool_calls",
        }
    ]
}
WANTED: list[tuple[str, dict[str, Any], list[tuple[str, Any]]]] = [
    ("anthropic", MESSAGES, [("web_search", {"query": "opening hours"}), ("close_ticket", {"ticket": 4})]),
    (
        "openai-responses",
        RESPONSES,
        [
            ("web_search", {"type": "search", "query": "hours"}),
            ("file_search", {"queries": ["returns"]}),
            ("code_interpreter", {"code": "84 / 2"}),
            ("close_ticket", {"ticket": 4}),
            ("delete_ticket", {}),
        ],
    ),
    (
        "gemini",
        CONTENT,
        [
            ("code_execution", {"language": "PYTHON", "code": "84 / 2"}),
            ("file_search", {"q": "returns"}),
            ("google_search", {"queries": ["opening hours"]}),
            ("url_context", {"urls": ["https://shop.example/hours"]}),
        ],
    ),
    ("openai", CHAT, [("search", {"query": "hours"})]),
]


@pytest.mark.parametrize(("provider", "body", "wanted"), WANTED, ids=[provider for provider, _, _ in WANTED])
def test_calls_at_the_provider_and_of_the_application_are_told_apart(
    provider: str, body: dict[str, Any], wanted: list[tuple[str, Any]]
) -> None:
    answer = find_provider(provider).answer(body)

    assert [(call.name, call.arguments) for call in answer.provider_tool_calls] == wanted
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [("refund", {"amount": 84})]
    assert answer.every_tool_call == (*answer.provider_tool_calls, *answer.tool_calls)


@pytest.mark.parametrize("provider", ["anthropic", "openai-responses", "gemini"])
def test_a_stream_says_the_same(provider: str) -> None:
    body = next(body for name, body, _ in WANTED if name == provider)
    form = find_provider(provider)
    reader = form.stream()
    for event in form.events(body, 3):
        reader.feed(event)

    assert form.answer(reader.body()).every_tool_call == form.answer(body).every_tool_call


@pytest.mark.parametrize("odd", [None, 7, "x", [], {}, [7], [[]], {"a": 1}])
def test_odd_blocks_are_no_crash(odd: Any) -> None:
    blocks = [{"type": "mcp_tool_use", "name": odd, "input": odd, "id": odd}, {"type": odd}]
    message = {"content": "x", "executed_tools": odd}
    parts = [{"executableCode": odd, "toolCall": odd, "text": "x"}]
    candidate = {"content": {"parts": parts}, "groundingMetadata": odd, "urlContextMetadata": {"urlMetadata": odd}}
    bodies: dict[str, Any] = {
        "anthropic": {"content": blocks, "stop_reason": "end_turn"},
        "openai-responses": {"output": [{"type": "mcp_call", "name": odd, "arguments": odd}, {"type": odd}]},
        "gemini": {"candidates": [{**candidate, "finishReason": "STOP"}]},
        "openai": {"choices": [{"message": message, "finish_reason": "stop"}]},
    }
    for provider, body in bodies.items():
        for call in find_provider(provider).answer(body).provider_tool_calls:
            assert call.name


def test_every_check_of_tools_sees_them_and_so_does_a_saved_run(session: Session, server: Server) -> None:
    session.configure(f"""
        [tool.llmeval]
        model = "m"
        [tool.llmeval.models.m]
        model = "anthropic/m-1"
        base_url = "{server.base_url}"
        params = {{ max_tokens = 100 }}
        """)
    server.answer = lambda _: HttpReply(body=MESSAGES)
    session.write("""
        import pytest
        from pytest_llmeval import assert_no_tool_called, assert_steps, assert_tool_called, assert_tool_order
        from pytest_llmeval import assert_valid_tool_calls

        TOOLS = [{"type": "function", "function": {"name": "refund", "parameters": {"type": "object"}}}]

        def test_they_count(llm):
            reply = llm("Close ticket 4.")
            assert [call.name for call in reply.tool_calls] == ["refund"]
            assert [call.name for call in reply.provider_tool_calls] == ["web_search", "close_ticket"]
            assert_tool_called(reply, "close_ticket", {"ticket": 4}, times=1)
            assert_tool_order(reply, ["web_search", "close_ticket", "refund"], exact=True)
            assert_valid_tool_calls(reply, TOOLS)
            assert_steps(reply, tool_calls_at_most=3)

        @pytest.mark.parametrize("check", [
            lambda reply: assert_no_tool_called(reply, "close_ticket"),
            lambda reply: assert_no_tool_called(reply),
            lambda reply: assert_steps(reply, tool_calls_at_most=2),
        ])
        def test_they_are_not_overlooked(llm, check):
            check(llm("Close ticket 4."))
        """)

    session.run()

    lines = [json.loads(line) for line in session.report.read_text().splitlines()[1:-1]]
    assert sorted((line["test"].partition("::")[2], line["outcome"]) for line in lines) == [
        ("test_they_are_not_overlooked", "fail"),
        ("test_they_are_not_overlooked", "fail"),
        ("test_they_are_not_overlooked", "fail"),
        ("test_they_count", "pass"),
    ]
    [call] = lines[0]["samples"][0]["calls"]
    assert [tool["name"] for tool in call["provider_tool_calls"]] == ["web_search", "close_ticket"]
