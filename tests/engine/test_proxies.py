"""Proxies of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing

import httpx
import pytest

from pytest_llmeval.engine.call import Endpoint, EngineRules, Response
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.engine.connections import Connections
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from tests.server import Server


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(Engine(EngineRules(attempts=2))) as running:
        yield running


def asked(engine: Engine, url: str) -> Future[Response]:
    request = OpenAIChat().request("m", Prompt(messages=({"role": "user", "content": "?"},)))
    return engine.submit(request, Endpoint(base_url=url, provider=OpenAIChat()))


def test_a_proxy_of_the_environment_is_used(server: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://user:pass@127.0.0.1:{server.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    asked(engine, "http://model.test/v1").result(timeout=20)
    assert (server.requests[0].path, server.requests[0].headers["proxy-authorization"]) == (
        "http://model.test/v1/chat/completions",
        "Basic dXNlcjpwYXNz",
    )


def test_no_proxy_is_used_for_this_machine(server: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert asked(engine, server.base_url).result(timeout=20).answer.text == "Paris"


@pytest.mark.parametrize("exempt", ["model.test", ".model.test", "other.test, model.test:1", "test", "*"])
def test_no_proxy_names_hosts_that_are_reached_directly(
    server: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch, exempt: str
) -> None:
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{server.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "odel.test, example.com")
    asked(engine, "http://llm.model.test:1/v1").result(timeout=20)
    monkeypatch.setenv("no_proxy", exempt)
    url = httpx.URL("http://model.test:1/v1")
    assert ([request.path for request in server.requests], Connections().proxy_for(url)) == (
        ["http://llm.model.test:1/v1/chat/completions"],
        None,
    )


@pytest.mark.parametrize("proxy", ["ftp://127.0.0.1:1", "http://127.0.0.1:port", "socks5://127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_says_so(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    error = asked(engine, "http://model.test/v1").exception(timeout=20)
    assert isinstance(error, ProviderError)
    assert (error.kind, "attempts" in str(error)) == ("connection", False)
    assert "; check HTTP_PROXY and HTTPS_PROXY" in str(error)
