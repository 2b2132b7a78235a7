"""A function of the user's as a provider, called by the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.config.settings import ModelSettings
from pytest_llmeval.engine.call import Endpoint, EngineRules, Response, Timeouts
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.engine.fulfilled import Draw
from pytest_llmeval.engine.pipeline import Pipeline
from pytest_llmeval.errors import ConfigError, ProviderError
from pytest_llmeval.formats.base import Prompt, is_called
from pytest_llmeval.formats.registry import find_provider
from pytest_llmeval.reply import ToolCall, Usage
from pytest_llmeval.store.cache import Cache
from pytest_llmeval.store.recordings import Recordings
from pytest_llmeval.store.store import Store

USER = {"role": "user", "content": "Capital of France?"}
Ask = Callable[..., Response]
Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Write:
    """Write a user's module; gives the provider's name of its function ``ask``."""
    monkeypatch.syspath_prepend(tmp_path)
    module = "client_" + "".join(c if c.isalnum() else "_" for c in request.node.name)

    def written(source: str) -> str:
        (tmp_path / f"{module}.py").write_text(source)
        return f"python:{module}.ask"

    return written


@pytest.fixture
def ask() -> Iterator[Ask]:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with closing(Engine(EngineRules(sleep=sleep, timeouts=Timeouts(total=20)))) as engine:

        def asked(name: str, model: str = "", **prompt: Any) -> Response:
            provider = find_provider(name)
            request = provider.request(model, Prompt(**{"messages": (USER,), **prompt}))
            return engine.submit(request, Endpoint(base_url="", provider=provider)).result(timeout=20)

        yield asked


def failure(ask: Ask, name: str, **prompt: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(name, **prompt)
    return caught.value


def test_a_function_that_returns_a_text_is_a_provider(ask: Ask, write: Write) -> None:
    response = ask(write("def ask(messages): return messages[-1]['content'].upper()"))
    assert (response.answer.text, response.body, response.ttft) == (
        "CAPITAL OF FRANCE?",
        {"text": "CAPITAL OF FRANCE?"},
        None,
    )
    assert response.answer.usage == Usage()


def test_it_gets_the_parameters_and_only_what_there_is_besides(ask: Ask, write: Write) -> None:
    name = write("def ask(messages, **rest): return repr(sorted(rest.items()))")
    assert ask(name, params={"temperature": 0, "stream": True}).answer.text == "[('temperature', 0)]"
    tool = {"name": "f", "description": "d", "parameters": {}}
    everything = ask(name, "gpt-9", tools=(tool,), schema={"type": "object"}, images=("https://x/a.png",)).answer.text
    expected = {"images": ["https://x/a.png"], "model": "gpt-9", "schema": {"type": "object"}, "tools": [tool]}
    assert everything == repr(sorted(expected.items()))


def test_it_may_know_tokens_and_tool_calls(ask: Ask, write: Write) -> None:
    answer = ask(
        write("""
def ask(messages):
    call = {"name": "f", "arguments": {"a": 1}, "id": "c1"}
    usage = {"input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 2}
    return {"text": "", "tool_calls": [call], "usage": usage, "finish_reason": "tool_calls", "model": "m1"}
""")
    ).answer
    assert answer.tool_calls == (ToolCall(name="f", arguments={"a": 1}, raw_arguments='{"a": 1}', id="c1"),)
    assert answer.usage == Usage(input_tokens=7, output_tokens=3, cache_read_tokens=2)
    assert (answer.text, answer.finish_reason, answer.response_model) == ("", "tool_calls", "m1")


def test_it_may_be_async_and_all_calls_share_one_loop(ask: Ask, write: Write) -> None:
    name = write("""
import asyncio
seen = set()
async def ask(messages):
    seen.add(id(asyncio.get_running_loop()))
    return str(len(seen))
""")
    assert [ask(name).answer.text, ask(name).answer.text] == ["1", "1"]


def test_calls_run_beside_each_other(write: Write) -> None:
    name = write("""
import threading
meeting = threading.Barrier(12, timeout=15)
def ask(messages):
    meeting.wait()
    return threading.current_thread().name
""")
    provider = find_provider(name)
    with closing(Engine(EngineRules(concurrency=12))) as engine:
        request = provider.request("", Prompt(messages=(USER,)))
        futures = [engine.submit(request, Endpoint(base_url="", provider=provider)) for _ in range(12)]
        assert {future.result(timeout=20).answer.text for future in futures} == {"llmeval-call"}
    assert threading.current_thread() is threading.main_thread()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("None", "returned NoneType; it should return a text or a dict"),
        ("{'answer': 'x'}", "returned dict with answer; it should return a text or a dict"),
        ("{'text': 'x', 'txt': 1}", "returned the unknown keys txt; known are text, tool_calls, usage"),
        ("{'text': 'x', 'usage': {'tokens': 1}}", "returned the unknown keys usage.tokens; known are"),
        ("{'text': 'x', 'usage': {'input_tokens': object()}}", "returned what is not JSON"),
        ("{'text': 'x', 'usage': {'input_tokens': float('nan')}}", "returned what is not JSON"),
        ("{'tool_calls': [{'arguments': {}}]}", "a tool call has no function name"),
    ],
)
def test_another_result_is_an_error_that_says_what_was_expected(
    ask: Ask, write: Write, result: str, message: str
) -> None:
    error = failure(ask, write(f"def ask(messages): return {result}"))
    assert (error.kind, message in str(error)) == ("malformed", True)


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        ("ValueError('no such thing')", "bad_request", "ValueError: no such thing"),
        ("TimeoutError()", "timeout", "TimeoutError"),
        ("ConnectionResetError('gone')", "connection", "ConnectionResetError: gone"),
        ("SystemExit(3)", "bad_request", "SystemExit: 3"),
        ("StopIteration('x')", "bad_request", "StopIteration: x"),
        ("ValueError('key sk-abcdefghijklmnop1234 is wrong')", "bad_request", "ValueError: key [hidden] is wrong"),
    ],
)
def test_an_exception_is_an_error_without_a_traceback(
    ask: Ask, write: Write, raised: str, kind: str, words: str
) -> None:
    error = failure(ask, write(f"def ask(messages): raise {raised}"))
    assert (error.kind, words in str(error)) == (kind, True)
    assert "(python/client_" in str(error)


def test_an_sdks_exception_says_whether_waiting_helps(ask: Ask, write: Write) -> None:
    name = write("""
import httpx
calls = []
def ask(messages):
    calls.append(1)
    codes = {1: "rate_limit_exceeded", 2: "insufficient_quota"}
    error = {"message": "no", "code": codes[len(calls)]}
    request = httpx.Request("POST", "https://example.com")
    httpx.Response(429, json={"error": error}, request=request).raise_for_status()
""")
    error = failure(ask, name)
    assert (error.kind, error.status, "2 attempts" in str(error)) == ("billing", 429, True)


def test_a_function_that_never_returns_is_given_up(write: Write) -> None:
    name = write("import threading\ndef ask(messages): threading.Event().wait()")
    provider = find_provider(name)
    with closing(Engine(EngineRules(timeouts=Timeouts(total=0.2)))) as engine:
        request = provider.request("", Prompt(messages=(USER,)))
        future = engine.submit(request, Endpoint(base_url="", provider=provider))
        with pytest.raises(ProviderError, match=r"no answer within 0\.2 s") as caught:
            future.result(timeout=20)
    assert caught.value.kind == "timeout"


def test_a_module_or_function_there_is_not_is_said_with_what_helps(ask: Ask, write: Write) -> None:
    assert "the module 'no.such' cannot be imported" in str(failure(ask, "python:no.such.ask"))
    name = write("def ask(messages): return ''")
    text = str(failure(ask, name.removesuffix("ask") + "aks"))
    assert "has no function 'aks'; did you mean 'ask'?" in text


@pytest.mark.parametrize("name", ["python:", "python:ask", "python:a b.c", "python:a..b"])
def test_a_name_that_names_no_function_is_a_config_error(name: str) -> None:
    with pytest.raises(ConfigError, match=r"should look like python:package\.module\.function"):
        find_provider(name)


def test_a_function_takes_no_base_url() -> None:
    with pytest.raises(ConfigError, match="takes no base_url"):
        find_provider("python:a.b", "https://example.com")


def test_a_wire_format_is_not_called() -> None:
    assert is_called(find_provider("python:a.b"))
    assert not is_called(find_provider("openai"))


def test_its_answers_are_kept_and_replayed_without_importing_it(tmp_path: Path, write: Write) -> None:
    name = write("def ask(messages, n): return {'text': 'Paris', 'usage': {'input_tokens': 7}}")
    model = ModelSettings(name="mine", provider=name, model="")
    prompt = Prompt(messages=(USER,), params={"n": 1})
    draw = Draw(case="t.py::t", module="t.py")

    def got(mode: Any) -> tuple[str, str, int | None]:
        notes: list[str] = []
        cache = Cache(tmp_path / "cache", notes.append)
        store = Store(lambda: cache, Recordings(tmp_path / "recordings", notes.append))
        pipeline = Pipeline(mode=mode, store=store)
        try:
            done = pipeline.submit(pipeline.lookups.of_prompt(model, prompt), draw).result(timeout=20)
        finally:
            pipeline.close()
        return done.answer.text, done.measures.source, done.answer.usage.input_tokens

    assert got("auto") == ("Paris", "live", 7)
    (tmp_path / f"{name.split(':')[1].split('.')[0]}.py").write_text("raise RuntimeError")
    assert got("replay") == ("Paris", "cache", 7)
