"""Every wire format through the engine, over real HTTP: whole, streamed, cut, with errors in the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from pytest_llmeval.engine.call import Endpoint, EngineRules, Response
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.registry import find_provider
from tests.server import Reply, Server, completion, event, streamed
from tests.wire import (
    ANTHROPIC_BODY,
    ANTHROPIC_EVENTS,
    CONVERSE_BODY,
    CONVERSE_EVENTS,
    GEMINI_BODY,
    GEMINI_CHUNKS,
    OLLAMA_BODY,
    OLLAMA_LINES,
    RESPONSES_BODY,
    RESPONSES_EVENTS,
    chunk_frames,
    frames,
    lines,
    named_events,
    plain_events,
)

NDJSON = {"content-type": "application/x-ndjson"}
AMAZONS = {"content-type": "application/vnd.amazon.eventstream"}


@dataclass(frozen=True)
class Format:
    """One wire format: its answer whole and streamed, and an error in the middle of a stream."""

    name: str
    base: str
    body: dict[str, Any]
    chunks: list[bytes]
    error: bytes
    kind: str
    headers: dict[str, str] | None = None
    text: str = "Let me see."

    def __str__(self) -> str:
        return self.name


OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
FORMATS = [
    Format(
        "azure",
        "/openai/v1",
        completion("Paris"),
        streamed("Pa", "ris"),
        event({"error": {"code": "rate_limit_exceeded", "message": "slow"}}),
        "rate_limit",
        text="Paris",
    ),
    Format(
        "openai-responses",
        "/v1",
        {**RESPONSES_BODY, "output": RESPONSES_BODY["output"][1:]},
        named_events(RESPONSES_EVENTS),
        named_events([{"type": "error", "code": "server_is_overloaded", "message": "busy", "param": None}])[0],
        "overloaded",
    ),
    Format(
        "anthropic", "/v1", ANTHROPIC_BODY, named_events(ANTHROPIC_EVENTS), named_events([OVERLOADED])[0], "overloaded"
    ),
    Format(
        "gemini",
        "/v1beta",
        GEMINI_BODY,
        plain_events(GEMINI_CHUNKS),
        event({"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}),
        "rate_limit",
    ),
    Format(
        "bedrock",
        "",
        CONVERSE_BODY,
        frames(CONVERSE_EVENTS),
        frames([("exception:throttlingException", {"message": "slow"})])[0],
        "rate_limit",
        headers=AMAZONS,
    ),
    Format(
        "bedrock-messages",
        "",
        ANTHROPIC_BODY,
        chunk_frames(ANTHROPIC_EVENTS),
        frames([("exception:modelTimeoutException", {"message": "slow"})])[0],
        "timeout",
        headers=AMAZONS,
    ),
    Format(
        "ollama", "", OLLAMA_BODY, lines(OLLAMA_LINES), b'{"error": "out of memory"}\n', "overloaded", headers=NDJSON
    ),
]


@pytest.fixture
def engine() -> Iterator[Engine]:
    with closing(Engine(EngineRules(attempts=1))) as running:
        yield running


@pytest.fixture(params=FORMATS, ids=str)
def wire(request: pytest.FixtureRequest) -> Format:
    chosen: Format = request.param
    return chosen


def ask(engine: Engine, server: Server, wire: Format, **prompt: Any) -> Response:
    provider = find_provider(wire.name, f"http://127.0.0.1:{server.port}{wire.base}")
    asked = Prompt(
        messages=({"role": "user", "content": "Hi"},),
        params={"max_tokens": 9} if wire.body is ANTHROPIC_BODY else {},
        **prompt,
    )
    endpoint = Endpoint(base_url=provider.base_url or "", api_key="k-123456789", provider=provider)
    return engine.submit(provider.request("m", asked), endpoint).result(timeout=20)


def failure(engine: Engine, server: Server, wire: Format, **prompt: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(engine, server, wire, **prompt)
    return caught.value


def stream(wire: Format, chunks: list[bytes], **reply: Any) -> Reply:
    return Reply(chunks=chunks, headers=wire.headers or {}, **reply)


def test_an_answer_is_read(server: Server, engine: Engine, wire: Format) -> None:
    server.then(wire.body)
    response = ask(engine, server, wire)
    assert (response.answer.text, response.ttft) == (wire.text, None)
    assert server.requests[0].json.get("stream", False) is False


def test_a_streamed_answer_is_what_the_whole_one_is(server: Server, engine: Engine, wire: Format) -> None:
    server.then(stream(wire, wire.chunks), wire.body)
    in_pieces, whole = ask(engine, server, wire, stream=True), ask(engine, server, wire)
    assert in_pieces.answer == whole.answer
    assert in_pieces.ttft is not None


def test_a_stream_in_single_bytes_is_the_same(server: Server, engine: Engine, wire: Format) -> None:
    server.then(stream(wire, wire.chunks, bytewise=True), stream(wire, wire.chunks))
    assert ask(engine, server, wire, stream=True).body == ask(engine, server, wire, stream=True).body


def test_a_connection_is_used_again_after_a_stream(server: Server, engine: Engine, wire: Format) -> None:
    server.then(stream(wire, wire.chunks), stream(wire, wire.chunks))
    ask(engine, server, wire, stream=True)
    ask(engine, server, wire, stream=True)
    assert server.connections == 1


def test_a_stream_that_ends_early_is_an_error_that_says_so(server: Server, engine: Engine, wire: Format) -> None:
    server.then(stream(wire, wire.chunks[:3]))
    error = failure(engine, server, wire, stream=True)
    assert (error.kind, "the stream was cut" in str(error)) == ("malformed", True)


def test_an_error_within_a_stream_is_an_error(server: Server, engine: Engine, wire: Format) -> None:
    server.then(stream(wire, [*wire.chunks[:2], wire.error]))
    assert failure(engine, server, wire, stream=True).kind == wire.kind


def test_a_rate_limit_passes_and_an_empty_account_does_not(server: Server, wire: Format) -> None:
    limited = {"error": {"type": "rate_limit_error", "message": "slow"}}
    unpaid = {"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": "pay"}}
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    with closing(Engine(EngineRules(sleep=sleep, random=lambda: 0.0))) as engine:
        server.then(Reply(status=429, body=limited, headers={"retry-after": "7"}), Reply(status=429, body=unpaid))
        error = failure(engine, server, wire)
    assert (error.kind, waits, len(server.requests)) == ("billing", [7.0], 2)


def test_the_key_is_in_a_header_and_nowhere_else(server: Server, engine: Engine, wire: Format) -> None:
    server.then(wire.body)
    ask(engine, server, wire)
    (request,) = server.requests
    carriers = {name for name, value in request.headers.items() if "k-123456789" in value}
    expected = {"azure": "api-key", "anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(
        wire.name, "authorization"
    )
    assert carriers == {expected}
    assert "k-123456789" not in request.path
    assert b"k-123456789" not in request.body


def test_an_answer_that_is_none_is_malformed(server: Server, engine: Engine, wire: Format) -> None:
    server.then({"hello": "world"})
    assert failure(engine, server, wire).kind == "malformed"


def test_a_query_of_the_base_url_is_kept_beside_that_of_the_format(server: Server, engine: Engine) -> None:
    provider = find_provider("gemini", f"http://127.0.0.1:{server.port}/v1beta?tenant=a")
    server.then(Reply(chunks=plain_events(GEMINI_CHUNKS)))
    request = provider.request("m", Prompt(messages=({"role": "user", "content": "Hi"},), stream=True))
    engine.submit(request, Endpoint(base_url=provider.base_url or "", provider=provider)).result(timeout=20)
    assert server.requests[0].path == "/v1beta/models/m:streamGenerateContent?alt=sse&tenant=a"
