"""An agent in a test: the model asks for a tool, the test runs it, the model answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_llmeval.commands.main import main
from tests.server import Request, Server, completion
from tests.sessions import Session
from tests.wire import ANTHROPIC_BODY, CHAT_BODY, GEMINI_BODY, OLLAMA_BODY, RESPONSES_BODY

AGENT = """
import pytest
from pytest_llmeval import (
    assert_case, assert_contains, assert_steps, assert_tool_called, assert_tool_order, assert_valid_tool_calls
)

TOOLS = [
    {"name": "find_order", "parameters": {"type": "object", "required": ["id"]}},
    {
        "name": "refund",
        "parameters": {"type": "object", "properties": {"order": {"type": "string"}, "amount": {"type": "number"}}},
    },
]
RUN = {"find_order": lambda id: {"id": id, "total": 84}, "refund": lambda order, amount: "done"}

def conversation(llm, question):
    messages, replies = [{"role": "user", "content": question}], []
    while True:
        reply = llm(messages, tools=TOOLS)
        replies.append(reply)
        assert_valid_tool_calls(reply, TOOLS)
        if not reply.tool_calls or len(replies) == 5:
            return replies
        messages.append(reply.message)
        messages += [call.result(RUN[call.name](**call.arguments)) for call in reply.tool_calls]
"""
ONE_TEST = """
@pytest.mark.llm_samples(2)
def test_refund(llm):
    replies = conversation(llm, "Refund LK-17.")
    assert_tool_order(replies, ["find_order", "refund"], exact=True)
    assert_tool_called(replies, "refund", {"amount": 84}, times=1)
    assert_steps(replies, at_most=3)
    assert_contains(replies[-1], "84")
"""


def wants(name: str, arguments: Any, identity: str) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"id": identity, "type": "function", "function": {"name": name, "arguments": text}}
    return completion(None, tool_calls=[call])


def agent(wrong: str = "") -> Callable[[Request], Any]:
    """A model that finds the order, refunds what it cost, or less, and says so."""

    def answer(request: Request) -> Any:
        messages = request.json["messages"]
        results = [one for one in messages if one["role"] == "tool"]
        amount = 48 if request.json["model"] == wrong else 84
        if not results:
            return wants("find_order", {"id": "LK-17"}, "call_1")
        if len(results) == 1:
            assert json.loads(results[0]["content"]) == {"id": "LK-17", "total": 84}
            return wants("refund", {"order": "LK-17", "amount": amount}, "call_2")
        return completion(f"I refunded {amount} EUR.")

    return answer


def test_an_agent_is_tested_recorded_and_replayed(session: Session, server: Server) -> None:
    server.answer = agent()
    session.write(AGENT + ONE_TEST)
    session.run("--llm-record").assert_outcomes(passed=1)
    assert len(server.requests) == 6
    session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 6
    (result,) = session.results()
    for sample in result.samples:
        assert [[(tool.name, tool.arguments, tool.id) for tool in call.answer.tool_calls] for call in sample.calls] == [
            [("find_order", {"id": "LK-17"}, "call_1")],
            [("refund", {"order": "LK-17", "amount": 84}, "call_2")],
            [],
        ]
        assert sample.calls[-1].answer.text == "I refunded 84 EUR."
    assert server.requests[-1].json["messages"] == [
        {"role": "user", "content": "Refund LK-17."},
        {"role": "assistant", **wants("find_order", {"id": "LK-17"}, "call_1")["choices"][0]["message"]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"id": "LK-17", "total": 84}'},
        {
            "role": "assistant",
            **wants("refund", {"order": "LK-17", "amount": 84}, "call_2")["choices"][0]["message"],
        },
        {"role": "tool", "tool_call_id": "call_2", "content": "done"},
    ]


def test_a_failing_agent_tells_its_steps(session: Session, server: Server) -> None:
    server.answer = agent(wrong="prod-1")
    session.write(AGENT + ONE_TEST.replace("(2)", "(1)"))
    result = session.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            'E*CheckFailed: "refund" (step 2): $.amount: expected 84, got 48',
            'E*step 1: find_order(id="LK-17")',
            'E*step 2: refund(order="LK-17", amount=48)',
            'E*step 3: "I refunded 48 EUR."',
            'FAILED test_it.py::test_refund - [[]tool_call] "refund" (step 2): $.amount: *',
        ]
    )
    assert session.results()[0].category == "tool_call"


def test_arguments_that_are_no_json_are_a_failure_of_the_model(plain_session: Session, server: Server) -> None:
    server.answer = lambda _: wants("refund", '{"amount": \x1b[31m', "call_1")
    plain_session.write(AGENT + ONE_TEST)
    plain_session.run().assert_outcomes(failed=1)
    (result,) = plain_session.results()
    assert (result.outcome, result.category) == ("fail", "tool_call")
    assert result.samples[0].reason == r'"refund": the arguments are not a JSON object: "{\"amount\": \u001b[31m"'


def test_the_steps_of_a_new_miss_stand_beside_the_baselines(
    plain_session: Session, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answer = agent(wrong="cand-2")
    plain_session.write(AGENT + ONE_TEST)
    result = plain_session.run("--llm-model=candidate", "--llm-baseline=production")
    steps = [
        '| find_order(id="LK-17") → refund(order="LK-17",',
        "| [-amount=84)-]{+amount=48)+} → answer",
        "| I refunded [-84-]{+48+} EUR.",
    ]
    assert [line.strip() for line in result.outlines if line.strip().startswith("|")] == steps
    listed = plain_session.run("--llm-model=candidate", "--llm-baseline=production", "--llm-show=tool_call")
    assert [line.strip() for line in listed.outlines if line.strip().startswith("|")] == steps
    capsys.readouterr()
    assert main(["show", str(plain_session.report)]) == 0
    shown = capsys.readouterr().out
    assert all(step in shown for step in steps)


def test_rows_say_what_the_agent_must_do(plain_session: Session, server: Server) -> None:
    server.answer = agent()
    checks: list[dict[str, Any]] = [
        {"tool_called": {"name": "refund", "args": {"amount": 84}}},
        {"tool_order": ["find_order", "refund"]},
        {"max_steps": 3},
        {"contains": "84"},
    ]
    rows = [
        {"id": "right", "input": "Refund LK-17.", "checks": checks},
        {"id": "wrong", "input": "Refund LK-17.", "checks": [{"no_tool_called": ["refund"]}]},
    ]
    (plain_session.path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    plain_session.write(
        AGENT
        + """
@pytest.mark.llm_cases("rows.jsonl")
def test_agent(llm, case):
    replies = conversation(llm, case.input)
    assert_case(replies[-1], case, calls=replies)
"""
    )
    plain_session.run().assert_outcomes(passed=1, failed=1)
    assert {result.key.case: result.category for result in plain_session.results()} == {
        "right": None,
        "wrong": "tool_call",
    }


TEXT = {
    "openai": completion("21 degrees"),
    "openai-responses": {**RESPONSES_BODY, "output": [{**RESPONSES_BODY["output"][1]}]},
    "anthropic": {**ANTHROPIC_BODY, "content": [{"type": "text", "text": "21 degrees"}], "stop_reason": "end_turn"},
    "gemini": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "21 degrees"}]}, "finishReason": "STOP"}]
    },
    "ollama": {"model": "llama", "message": {"role": "assistant", "content": "21 degrees"}, "done": True},
}
FIRST = {
    "openai": CHAT_BODY,
    "openai-responses": RESPONSES_BODY,
    "anthropic": ANTHROPIC_BODY,
    "gemini": GEMINI_BODY,
    "ollama": OLLAMA_BODY,
}


@pytest.mark.parametrize("provider", FIRST)
def test_the_same_test_with_every_provider(
    plain_session: Session, server: Server, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = server.base_url.removesuffix(
        "/v1" if provider == "ollama" else ""
    )  # with it Ollama speaks OpenAI's form
    server.answer = lambda request: TEXT[provider] if b"celsius" in request.body else FIRST[provider]
    plain_session.configure(
        f"""
        [tool.llmeval]
        model = "trial"
        [tool.llmeval.models.trial]
        model = "{provider}/m"
        base_url = "{base_url}"
        api_key_env = "SOME_KEY"
        params = {{ max_tokens = 9 }}
        """
    )
    plain_session.pytester._monkeypatch.setenv("SOME_KEY", "k")
    plain_session.write(
        """
        from pytest_llmeval import assert_tool_order

        TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}

        def test_weather(llm):
            messages = [{"role": "user", "content": "Weather in Rome?"}]
            first = llm(messages, tools=[TOOL])
            assert first.tool_calls[0].arguments == {"city": "Rome"}
            messages += [first.message, first.tool_calls[0].result({"celsius": 21})]
            last = llm(messages, tools=[TOOL])
            assert last and not last.tool_calls
            assert_tool_order([first, last], ["weather"], exact=True)
        """
    )
    plain_session.run("--llm-record").assert_outcomes(passed=1)
    assert len(server.requests) == 2
    plain_session.run("--llm-mode=replay").assert_outcomes(passed=1)
    assert len(server.requests) == 2
