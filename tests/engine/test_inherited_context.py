"""Threads that inherit the context of whoever starts them, as pytest-check and some builds of Python make them do.

A test's context says on which event loop the test runs; our threads have loops of their own.
"""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from contextvars import ContextVar, copy_context

import pytest

from pytest_llmeval.capture.http_server import Exchange, Head, HttpServer, Refused
from pytest_llmeval.engine.call import Endpoint
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from tests.server import Server

OF_THE_TEST: ContextVar[str | None] = ContextVar("of_the_test", default=None)


@pytest.fixture(autouse=True)
def _inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def start_with_context(self: threading.Thread) -> None:
        context, run = copy_context(), self.run
        monkeypatch.setattr(self, "run", lambda: context.run(run))
        start(self)

    monkeypatch.setattr(threading.Thread, "start", start_with_context)


@pytest.fixture
def on_trio() -> Iterator[None]:
    sniffio = pytest.importorskip("sniffio", reason="only where sniffio is installed a context names its event loop")
    token = sniffio.current_async_library_cvar.set("trio")
    yield
    sniffio.current_async_library_cvar.reset(token)


@pytest.mark.usefixtures("on_trio")
def test_a_test_on_trio_is_answered(server: Server) -> None:
    request = OpenAIChat().request("m", Prompt(messages=({"role": "user", "content": "?"},)))
    with closing(Engine()) as engine:
        response = engine.submit(request, Endpoint(base_url=server.base_url, provider=OpenAIChat())).result(timeout=20)
    assert response.answer.text == "Paris"


def test_the_gateway_serves_outside_the_context_of_the_test() -> None:
    found: list[str | None] = []

    def admit(_: Head) -> None:
        found.append(OF_THE_TEST.get())
        raise Refused(404, "nothing is here")

    async def handle(_: Exchange) -> None: ...

    async def finish() -> None: ...

    token = OF_THE_TEST.set("trio")
    gateway = HttpServer(admit, handle, finish)
    OF_THE_TEST.reset(token)
    try:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}/", timeout=20)
        caught.value.close()  # or its socket is found open by the garbage collector, in the middle of another test
    finally:
        gateway.close()
    assert found == [None]
