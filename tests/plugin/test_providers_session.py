"""Providers as a user meets them: a table in the configuration, a test, a session."""

from __future__ import annotations

import pytest

from tests.formats.test_new_provider import source_of_the_format
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


def test_an_application_is_captured_in_a_format_of_its_own(pytester: pytest.Pytester, server: Server) -> None:
    pytester.makepyfile(salon=source_of_the_format())
    pytester.makeconftest(
        "from salon import Salon\n"
        "def pytest_llmeval_providers(): return {'salon': Salon('salon', 'https://salon.example/v1', 'SALON_KEY')}"
    )
    pytester.makefile(".toml", pyproject='[tool.llmeval]\nmodel = "salon/prod-1"\n')
    pytester.makepyfile(f"""
import httpx
import pytest

@pytest.mark.parametrize("stream", [False, True])
def test_weather(llm_capture, stream):
    body = {{"model": "prod-1", "talk": [{{"role": "user", "content": "Does it rain?"}}], "stream": stream}}
    headers = {{"X-Salon-Key": "my-key-of-the-salon"}}
    response = httpx.post("http://127.0.0.1:{server.port}/v1/salon/talk", json=body, headers=headers)
    assert "It rains." in response.text
    (call,) = llm_capture.calls
    assert (call.reply, call.reply.usage.input_tokens) == ("It rains.", 7)
    assert stream == ("ndjson" in response.headers["content-type"])
""")
    said = {"said": "It rains.", "calls": [], "tokens": {"in": 7, "out": 2}, "ended": "stop"}
    rest = {name: value for name, value in said.items() if name != "said"}
    streamed = Reply(chunks=lines([{"piece": "It rains."}, rest]), headers={"content-type": "application/x-ndjson"})
    server.answer = lambda request: streamed if request.json["stream"] else said
    arguments = ("-pno:cacheprovider", "-pno:asyncio", "-pno:anyio", "-pno:xdist")
    result = pytester.runpytest_subprocess(*arguments, "--llm-record", "--llm-mode=auto", "--llm-model=salon/new-2")
    result.assert_outcomes(passed=2)
    assert [request.json["model"] for request in server.requests] == ["new-2", "new-2"]
    pytester.runpytest_subprocess(*arguments, "--llm-mode=replay", "--llm-model=salon/new-2").assert_outcomes(passed=2)
    assert len(server.requests) == 2
    recorded = "".join(file.read_text() for file in pytester.path.rglob("*.jsonl"))
    assert "It rains." in recorded
    assert "my-key-of-the-salon" not in recorded
