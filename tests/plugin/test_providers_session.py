"""Providers as a user meets them: a table in the configuration, a test, a session."""

from __future__ import annotations

import pytest

from tests.server import Reply, Server
from tests.wire import ANTHROPIC_BODY, OLLAMA_LINES, lines

CONFIGURATION = """
[tool.llmeval]
model = "mine"
[tool.llmeval.models.mine]
model = "{model}"
base_url = "{base_url}"
params = {params}
"""


def run(pytester: pytest.Pytester, test: str, model: str, base_url: str, params: str) -> pytest.RunResult:
    configuration = CONFIGURATION.format(model=model, base_url=base_url, params=params)
    pytester.makefile(".toml", pyproject=configuration)
    pytester.makepyfile(test)
    return pytester.runpytest_subprocess("-pno:cacheprovider", "-pno:asyncio", "-pno:anyio", "-pno:xdist")


def test_a_tool_call_of_anthropic_is_the_replys(pytester: pytest.Pytester, server: Server) -> None:
    server.then(ANTHROPIC_BODY)
    test = """
def test_weather(llm):
    reply = llm("Weather in Rome?", system="Be brief.")
    assert reply == "Let me see."
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("weather", {"city": "Rome"})]
    assert (reply.usage.input_tokens, reply.finish_reason) == (1000, "tool_calls")
"""
    params = '{ max_tokens = 99, anthropic_version = "2023-06-01" }'
    run(pytester, test, "anthropic/claude", server.base_url, params).assert_outcomes(passed=1)
    (request,) = server.requests
    assert (request.path, request.headers["anthropic-version"]) == ("/v1/messages", "2023-06-01")
    assert request.json["system"] == "Be brief."


def test_what_anthropic_wants_is_asked_for_before_anything_is_sent(pytester: pytest.Pytester, server: Server) -> None:
    test = "def test_hello(llm): llm('Hello')"
    result = run(pytester, test, "anthropic/claude", server.base_url, "{ top_k = 1 }")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*Anthropic wants max_tokens and none was given; set params = { max_tokens = 1024 }*"])
    assert server.requests == []


def test_a_stream_of_ollama_measures_the_first_token(pytester: pytest.Pytester, server: Server) -> None:
    server.then(Reply(chunks=lines(OLLAMA_LINES), headers={"content-type": "application/x-ndjson"}))
    test = """
def test_hello(llm):
    reply = llm("Hello", seed=1)
    assert reply == "Let me see."
    assert 0 < reply.ttft <= reply.latency
"""
    address = f"http://127.0.0.1:{server.port}"
    run(pytester, test, "ollama/llama", address, "{ stream = true }").assert_outcomes(passed=1)
    assert server.requests[0].json["options"] == {"seed": 1}
