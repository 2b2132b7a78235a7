"""The engine against a real server: answers, streams, failures, retries."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pytest_llmeval.engine.call import Endpoint, EngineRules, Response, Timeouts
from pytest_llmeval.engine.client import Engine
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import ModelRequest, Prompt
from pytest_llmeval.formats.openai_chat import OpenAIChat
from tests.engine.test_transport import CLOSE, serving
from tests.engine.test_transport import response as sent
from tests.server import Reply, Server, completion, event, streamed

KEY = "sk-secret-0123456789"
LIMITED = Reply(status=429, body={"error": {"message": "slow down"}}, headers={"retry-after": "7"})


class Waits(list[float]):
    """Stands in for sleeping."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def make_engine(waits: Waits) -> Iterator[Callable[..., Engine]]:
    engines: list[Engine] = []

    def make(**settings: Any) -> Engine:
        engines.append(Engine(EngineRules(**{"sleep": waits, "random": lambda: 0.5, **settings})))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine()


def endpoint(address: Server | str, api_key: str | None = KEY) -> Endpoint:
    url = address if isinstance(address, str) else address.base_url
    return Endpoint(base_url=url, api_key=api_key, provider=OpenAIChat(), api_key_env="MY_KEY")


def asked(text: str = "Capital of France?", **prompt: Any) -> ModelRequest:
    return OpenAIChat().request("m", Prompt(messages=({"role": "user", "content": text},), **prompt))


def ask(engine: Engine, address: Server | str, **prompt: Any) -> Response:
    return engine.submit(asked(**prompt), endpoint(address)).result(timeout=20)


def failure(engine: Engine, address: Server | str, **prompt: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        ask(engine, address, **prompt)
    return caught.value


def test_a_request_is_sent_as_the_provider_built_it(server: Server, engine: Engine) -> None:
    response = ask(engine, server)
    (request,) = server.requests
    assert (request.method, request.path, request.json) == ("POST", "/v1/chat/completions", dict(asked().body))
    assert (request.headers["authorization"], request.headers["host"]) == (f"Bearer {KEY}", f"127.0.0.1:{server.port}")
    assert (response.body, response.answer.text, response.attempts, response.retry_wait) == (
        completion("Paris"),
        "Paris",
        1,
        0.0,
    )
    assert response.ttft is None
    assert response.latency > 0


def test_without_a_key_no_authorization_is_sent(server: Server, engine: Engine) -> None:
    engine.submit(asked(), endpoint(server, None)).result(timeout=20)
    assert "authorization" not in server.requests[0].headers


def test_a_query_of_the_base_url_is_kept(server: Server, engine: Engine) -> None:
    ask(engine, server.base_url + "/?api-version=1")
    assert server.requests[0].path == "/v1/chat/completions?api-version=1"


def test_a_stream_gives_the_body_and_the_time_to_the_first_token(server: Server, engine: Engine) -> None:
    server.then(Reply(chunks=streamed("Pa", "ris")))
    response = ask(engine, server, stream=True)
    assert response.body == completion("Paris")
    assert response.ttft is not None
    assert len(response.chunk_offsets) == 2
    assert 0 < response.ttft == response.chunk_offsets[0] <= response.chunk_offsets[1] <= response.latency


def test_a_stream_sent_byte_by_byte_is_the_same(server: Server, engine: Engine) -> None:
    server.then(Reply(chunks=streamed("Zürich 東京 ", "🙂"), bytewise=True))
    assert ask(engine, server, stream=True).answer.text == "Zürich 東京 🙂"


def test_comments_and_unknown_events_of_a_stream_do_no_harm(server: Server, engine: Engine) -> None:
    server.then(Reply(chunks=[b": PROCESSING\n\n", b"event: ping\ndata: {}\n\n", *streamed("Paris")]))
    assert ask(engine, server, stream=True).answer.text == "Paris"


def test_a_streamed_event_of_a_megabyte_is_whole(server: Server, engine: Engine) -> None:
    server.then(Reply(chunks=streamed("x" * 2**20)))
    assert len(ask(engine, server, stream=True).answer.text) == 2**20


def test_a_server_that_does_not_stream_although_asked_is_understood(server: Server, engine: Engine) -> None:
    server.then(Reply(body=completion("Paris")))
    response = ask(engine, server, stream=True)
    assert (response.answer.text, response.ttft) == ("Paris", None)


def test_connections_are_used_again_after_answers_and_streams(server: Server, engine: Engine) -> None:
    for stream in (False, True, False, True):
        ask(engine, server, stream=stream)
    assert server.connections == 1


def test_connections_are_used_again_after_errors(server: Server, engine: Engine) -> None:
    server.then(LIMITED, Reply(status=500), Reply(body="no json"), Reply(body={"choices": []}))
    ask_and_fail = failure(engine, server)
    ask(engine, server)
    assert (ask_and_fail.kind, len(server.requests), server.connections) == ("malformed", 5, 1)


NOTHING = {
    "empty": Reply(),
    "a page": Reply(body="<html><h1>Try later</h1></html>", headers={"content-type": "text/html"}),
    "a page that says it is JSON": Reply(body="<html></html>", headers={"content-type": "application/json"}),
    "white space": Reply(body=" \n"),
    "half": Reply(body='{"choices": [{"mess', headers={"content-type": "application/json"}),
    "null": Reply(body="null", headers={"content-type": "application/json"}),
    "no event": Reply(chunks=[b": working\n\n"]),
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
def test_a_success_without_an_answer_is_asked_for_again(
    server: Server, engine: Engine, waits: Waits, nothing: Reply, stream: bool
) -> None:
    server.then(nothing, nothing)
    response = ask(engine, server, stream=stream)
    assert (response.answer.text, response.attempts, len(server.requests), len(waits)) == ("Paris", 3, 3, 2)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_says_nothing_is_not_paid_for_twice(server: Server, engine: Engine, stream: bool) -> None:
    server.then(completion(""))
    assert ask(engine, server, stream=stream).answer.text == ""
    assert len(server.requests) == 1


def test_no_log_holds_the_key_or_the_prompt(server: Server, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    ask(engine, server, stream=True)
    assert KEY not in caplog.text
    assert "Capital" not in caplog.text


def test_a_stream_that_goes_on_after_its_end_is_not_waited_for(server: Server, engine: Engine) -> None:
    server.then(Reply(chunks=streamed("Paris"), stall=True))
    assert ask(engine, server, stream=True).answer.text == "Paris"


def test_an_error_carries_what_the_provider_said(server: Server, engine: Engine) -> None:
    server.then(Reply(status=422, body={"error": {"message": "no such tool"}}, headers={"x-request-id": "r1"}))
    said = failure(engine, server).response
    assert said is not None
    assert (said.status, said.headers["x-request-id"]) == (422, "r1")
    assert json.loads(said.body) == {"error": {"message": "no such tool"}}


def test_an_error_within_a_stream_carries_the_stream_up_to_it(server: Server, engine: Engine) -> None:
    first, second = streamed("Pa", "ris")[:2]
    broken = event({"error": {"message": "out of breath", "code": "invalid_request_error"}})
    server.then(Reply(chunks=[first, second, broken]))
    said = failure(engine, server, stream=True).response
    assert said is not None
    assert (said.status, said.body) == (200, first + second + broken)
    server.then(*[Reply(chunks=[first])] * 5)  # cut off, of which the provider says nothing
    assert failure(engine, server, stream=True).response is None


def test_the_headers_of_an_application_go_in_place_of_the_key(server: Server, engine: Engine) -> None:
    where = Endpoint(
        base_url=server.base_url,
        provider=OpenAIChat(),
        api_key=KEY,
        headers={"Authorization": "Basic eA==", "x-a": "b"},
    )
    engine.submit(asked(), where).result(timeout=20)
    assert (server.requests[0].headers["authorization"], server.requests[0].headers["x-a"]) == ("Basic eA==", "b")
    assert "eA==" not in repr(where)


def test_a_compressed_answer_is_read(server: Server, engine: Engine) -> None:
    body = gzip.compress(json.dumps(completion("Paris")).encode())
    server.then(Reply(body=body, headers={"content-encoding": "gzip"}))
    assert ask(engine, server).answer.text == "Paris"


@pytest.mark.parametrize("encoding", ["gzip, gzip", "zstd"])
def test_an_answer_compressed_as_nobody_asked_for_is_an_error(server: Server, engine: Engine, encoding: str) -> None:
    body = gzip.compress(gzip.compress(json.dumps(completion("Paris")).encode()))
    server.answer = lambda _: Reply(body=body, headers={"content-encoding": encoding})
    error = failure(engine, server)
    assert (error.kind, len(server.requests)) == ("malformed", 1)
    assert f"the response is compressed as '{encoding}', which was not asked for" in str(error)


def test_a_broken_compression_is_asked_for_again(server: Server, engine: Engine) -> None:
    server.then(Reply(body=b"no gzip", headers={"content-encoding": "gzip"}))
    assert ask(engine, server).attempts == 2


@pytest.mark.parametrize("body", [b"x" * 5000, gzip.compress(b"x" * 10_000_000)], ids=["long", "compressed bomb"])
def test_a_response_over_the_cap_is_an_error_and_not_asked_for_again(
    server: Server, make_engine: Callable[..., Engine], body: bytes
) -> None:
    encoding = {"content-encoding": "gzip"} if body[:2] == b"\x1f\x8b" else {}
    server.answer = lambda _: Reply(body=body, headers=encoding)
    error = failure(make_engine(largest_response=4000), server)
    assert (error.kind, len(server.requests)) == ("malformed", 1)
    assert "the response is larger than 4000 bytes" in str(error)


def test_an_endless_stream_ends_at_the_cap(server: Server, make_engine: Callable[..., Engine]) -> None:
    server.answer = lambda _: Reply(chunks=streamed("x" * 1000, done=False)[1:2], endless=True)
    assert "larger than 1 MB" in str(failure(make_engine(largest_response=2**20), server, stream=True))
    server.wait_until_idle()


def test_a_429_is_tried_again_after_the_wait_the_server_asks_for(server: Server, engine: Engine, waits: Waits) -> None:
    server.then(LIMITED, LIMITED)
    response = ask(engine, server)
    assert (response.answer.text, response.attempts) == ("Paris", 3)
    assert waits == pytest.approx([7.35, 7.35])
    assert response.retry_wait == pytest.approx(14.7)


@pytest.mark.parametrize("hint", ["-1", "soon", "", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_hint_that_is_no_time_is_ignored(server: Server, engine: Engine, waits: Waits, hint: str) -> None:
    server.then(Reply(status=429, headers={"retry-after": hint}))
    ask(engine, server)
    assert waits == [0.25]


def test_a_wait_beyond_the_total_is_not_begun(server: Server, make_engine: Callable[..., Engine], waits: Waits) -> None:
    server.then(Reply(status=429, headers={"retry-after": "1000000000"}))
    error = failure(make_engine(timeouts=Timeouts(total=60)), server)
    assert (error.kind, error.retry_after, waits) == ("rate_limit", 1e9, [])


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 529])
def test_what_may_pass_is_tried_again(server: Server, engine: Engine, status: int, waits: Waits) -> None:
    server.then(Reply(status=status, body="<html>oops</html>"))
    assert (ask(engine, server).attempts, waits) == (2, [0.25])


def test_it_gives_up_after_five_attempts_with_growing_waits(server: Server, engine: Engine, waits: Waits) -> None:
    server.answer = lambda _: Reply(status=500, body={"error": {"message": "boom"}})
    error = failure(engine, server)
    place = f"127.0.0.1:{server.port}"
    assert str(error) == f"HTTP 500: boom (openai/m at {place}, 5 attempts); try again later"
    assert (len(server.requests), waits) == (5, [0.25, 0.5, 1.0, 2.0])


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, {"message": "bad"}, "bad_request"),
        (401, {"message": "bad key"}, "authentication"),
        (404, {"message": "no model"}, "not_found"),
        (429, {"message": "no money", "code": "insufficient_quota"}, "billing"),
    ],
)
def test_what_cannot_pass_is_sent_once(
    server: Server, engine: Engine, status: int, error: dict[str, str], kind: str
) -> None:
    server.answer = lambda _: Reply(status=status, body={"error": error})
    assert (failure(engine, server).kind, len(server.requests)) == (kind, 1)


def test_a_wrong_key_is_never_shown_and_its_variable_is(server: Server, engine: Engine) -> None:
    server.answer = lambda request: Reply(status=401, body={"error": request.headers["authorization"]})
    place = f"127.0.0.1:{server.port}"
    assert str(failure(engine, server)) == f"check the key in MY_KEY; HTTP 401: Bearer [hidden] (openai/m at {place})"


def test_a_key_of_a_few_letters_hides_no_words(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(status=400, body={"error": "the localised model is not loaded"})
    error = engine.submit(asked(), endpoint(server, "local")).exception(timeout=20)
    assert "the localised model is not loaded" in str(error)


def test_a_missing_key_says_which_variable_to_set(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(status=401)
    with pytest.raises(ProviderError, match="no key was sent: set MY_KEY"):
        engine.submit(asked(), endpoint(server, None)).result(timeout=20)


def test_a_key_no_header_may_carry_is_not_sent_and_not_shown(server: Server, engine: Engine) -> None:
    with pytest.raises(ProviderError) as caught:
        engine.submit(asked(), endpoint(server, "abc\r\nx: 1")).result(timeout=20)
    assert (caught.value.kind, server.requests, "abc" in str(caught.value)) == ("authentication", [], False)


def test_the_key_is_in_no_repr(server: Server) -> None:
    assert KEY not in repr(endpoint(server))


def test_a_page_of_a_proxy_is_an_error_that_shows_its_words(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(body="<html><h1>Login\x1b[0m</h1></html>", headers={"content-type": "text/html"})
    error = failure(engine, server, stream=True)
    assert (error.kind, len(server.requests)) == ("malformed", 5)
    assert "HTTP 200 with an HTML page: Login\\x1b[0m" in str(error)


@pytest.mark.parametrize("body", ["[1]", '{"a": ', "[" * 100_000, '{"a": ' + "1" * 5000 + "}", b"\xff\xfe"])
def test_a_body_that_is_no_object_is_malformed(server: Server, engine: Engine, body: Any) -> None:
    server.answer = lambda _: Reply(body=body)
    assert failure(engine, server).kind == "malformed"


def test_an_error_in_a_successful_body_is_an_error(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(body={"error": {"code": 402, "message": "no credits"}})
    assert (failure(engine, server).kind, len(server.requests)) == ("billing", 1)


def test_an_error_in_the_middle_of_a_stream_is_tried_again(server: Server, engine: Engine) -> None:
    broken = [*streamed("Pa", done=False)[:2], event({"error": {"message": "overloaded", "type": "server_error"}})]
    server.then(Reply(chunks=broken))
    response = ask(engine, server, stream=True)
    assert (response.answer.text, response.attempts) == ("Paris", 2)


def test_a_stream_that_ends_in_the_middle_is_thrown_away_and_asked_for_again(server: Server, engine: Engine) -> None:
    server.then(Reply(chunks=streamed("Lon", "don", usage=False, done=False)[:2]))
    response = ask(engine, server, stream=True)
    assert (response.answer.text, response.attempts) == ("Paris", 2)


def test_a_stream_that_always_ends_in_the_middle_is_malformed(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(chunks=streamed("Lon", done=False)[:2])
    error = failure(engine, server, stream=True)
    assert error.kind == "malformed"
    assert "the stream was cut: it ended after 3 characters" in str(error)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cut", [-1, 0, 40])
def test_a_broken_connection_is_tried_again(
    server: Server, engine: Engine, cut: int, stream: bool, reset: bool
) -> None:
    chunks = streamed("London") if stream else None
    server.then(Reply(body=completion("London"), chunks=chunks, cut_after=cut, reset=reset))
    response = ask(engine, server, stream=stream)
    assert (response.answer.text, response.attempts) == ("Paris", 2)


def test_a_connection_that_always_breaks_says_when(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(cut_after=-1)
    error = failure(engine, server)
    assert error.kind == "connection"
    assert "the connection broke before the answer: " in str(error)


def test_nobody_listening_is_found_out_at_once(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = failure(engine, f"http://127.0.0.1:{port}/v1")
    assert str(error) == f"connection refused (openai/m at 127.0.0.1:{port}); is the server running?"
    assert error.kind == "connection"


def test_a_name_that_does_not_exist_is_found_out_at_once(engine: Engine) -> None:
    error = failure(engine, "http://no-such-host.invalid/v1")
    assert error.kind == "connection"
    assert "; check base_url and the network" in str(error)


def test_https_to_a_server_that_speaks_http_says_so(engine: Engine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        future = engine.submit(asked(), endpoint(f"https://127.0.0.1:{listening.getsockname()[1]}/v1"))
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        error = future.exception(timeout=20)
    assert isinstance(error, ProviderError)
    assert (error.kind, "attempts" in str(error)) == ("connection", False)
    assert str(error).endswith("; is it an http server?")


@pytest.mark.parametrize(("days", "told"), [(-2, "certificate has expired"), (2, "certificate is not yet valid")])
def test_a_certificate_of_another_time_asks_for_the_clock(
    make_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, days: int, told: str
) -> None:
    trustme = pytest.importorskip("trustme")
    authority, noon = trustme.CA(), datetime.now(UTC) + timedelta(days=days)
    day = timedelta(days=1)
    certificate = authority.issue_cert("127.0.0.1", not_before=noon - day, not_after=noon + day)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/v1"
        future = make_engine().submit(asked(), endpoint(url))
        connection, _ = listening.accept()
        with suppress(ssl.SSLError), connection:
            context.wrap_socket(connection, server_side=True).recv(1)
        error = future.exception(timeout=20)
    assert isinstance(error, ProviderError)
    assert (error.kind, "attempts" in str(error)) == ("connection", False)
    assert f"the server's certificate is not trusted: {told}" in str(error)
    assert str(error).endswith("; is this machine's clock right?")


def test_a_redirect_is_not_followed(server: Server, engine: Engine) -> None:
    server.answer = lambda _: Reply(status=307, headers={"location": "http://evil.example/v1"})
    assert "HTTP 307, a redirect to evil.example, which is not followed" in str(failure(engine, server))
    assert len(server.requests) == 1


def test_silence_before_the_answer_is_a_timeout(server: Server, make_engine: Callable[..., Engine]) -> None:
    server.answer = lambda _: Reply(gate=server.gate())
    error = failure(make_engine(timeouts=Timeouts(first_byte=0.02), attempts=2), server)
    assert error.kind == "timeout"
    assert "no first byte within 0.02 s (openai/m at " in str(error)
    assert ", 2 attempts)" in str(error)


def test_silence_within_the_answer_is_a_timeout(server: Server, make_engine: Callable[..., Engine]) -> None:
    server.answer = lambda _: Reply(chunks=streamed("Paris")[:1], stall=True)
    error = failure(make_engine(timeouts=Timeouts(idle=0.02), attempts=1), server, stream=True)
    assert "no further byte within 0.02 s" in str(error)


def test_the_total_is_the_end_of_all_attempts(server: Server, make_engine: Callable[..., Engine]) -> None:
    server.answer = lambda _: Reply(gate=server.gate())
    error = failure(make_engine(timeouts=Timeouts(total=0.05)), server)
    assert (error.kind, len(server.requests)) == ("timeout", 1)
    assert "no answer within 0.05 s, all attempts together" in str(error)


def test_what_replaces_httpx_in_a_users_test_does_not_reach_the_engine(
    server: Server, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(httpx.AsyncHTTPTransport, "handle_async_request")
    assert ask(engine, server).answer.text == "Paris"


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}])
def test_a_request_that_is_no_json_is_an_error_of_the_future(server: Server, engine: Engine, value: Any) -> None:
    error = failure(engine, server, params={"x": value})
    assert (error.kind, server.requests) == ("bad_request", [])


def test_lone_surrogates_are_sent_and_received(server: Server, engine: Engine) -> None:
    server.say("\ud800")
    assert ask(engine, server, text="\udfff").answer.text == "\ud800"


def test_an_answer_without_choices_fails_readably_and_is_not_asked_for_again(server: Server, engine: Engine) -> None:
    server.answer = lambda _: {"id": "c1", "object": "chat.completion"}
    error = failure(engine, server)
    assert (error.kind, len(server.requests)) == ("malformed", 1)
    assert "the response has no choices, only id, object" in str(error)


def test_a_mistake_of_a_provider_class_reaches_the_future(server: Server, engine: Engine) -> None:
    class Broken(OpenAIChat):
        def answer(self, body: Any) -> Any:
            raise KeyError("oops")

    future: Future[Response] = engine.submit(asked(), Endpoint(base_url=server.base_url, provider=Broken()))
    with pytest.raises(KeyError, match="oops"):
        future.result(timeout=20)


def test_a_model_with_a_timeout_of_its_own_gets_that_for_all_of_an_answer(server: Server) -> None:
    limits = Timeouts.of(300)
    assert limits is not None
    assert (limits.first_byte, limits.idle, limits.answer, limits.total) == (300, 300, 300, 600)
    longer = Timeouts.of(900)
    assert longer is not None
    assert longer.total == 1800
    assert Timeouts.of(None) is None


def test_an_answer_that_goes_on_for_too_long_is_a_timeout(server: Server, make_engine: Callable[..., Engine]) -> None:
    server.answer = lambda _: Reply(chunks=streamed("Paris")[:1], endless=True)
    own = replace(endpoint(server), entry="slow", timeouts=Timeouts(answer=0.3))
    error = make_engine(attempts=1).submit(asked(stream=True), own).exception(timeout=20)
    assert "no whole answer within 0.3 s (openai/m at" in str(error)
    assert "a slower model gets more time by timeout = 0.6 in [tool.llmeval.models.slow]" in str(error)


def test_a_timeout_names_the_key_that_gives_more_time(server: Server, make_engine: Callable[..., Engine]) -> None:
    server.answer = lambda _: Reply(gate=server.gate())
    own = replace(endpoint(server), entry="slow")
    error = make_engine(timeouts=Timeouts(first_byte=0.02), attempts=1).submit(asked(), own).exception(timeout=20)
    assert "a slower model gets more time by timeout = 300 in [tool.llmeval.models.slow]" in str(error)


def test_a_body_compressed_twice_is_not_unpacked(engine: Engine) -> None:
    """Said in two lines, each of which is asked for; a few kilobytes could hold terabytes."""
    twice = gzip.compress(gzip.compress(b"{}" * 100_000))
    lines = [b"content-encoding: gzip", b"content-encoding: gzip", b"content-type: application/json"]
    with serving([sent(twice, *lines), CLOSE]) as (url, requests):
        error = failure(engine, url.partition("/x")[0])
    assert (error.kind, len(requests)) == ("malformed", 1)
    assert "compressed as 'gzip, gzip'" in str(error)
