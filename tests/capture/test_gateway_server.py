"""The loopback gateway as a server: whom it turns away, what it reads, what it passes on."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pytest_llmeval.capture.gateway
import pytest_llmeval.capture.http_server
from pytest_llmeval.capture.addresses import Addresses, without_proxy
from pytest_llmeval.capture.clients import Asked, OwnCall, Replacement
from pytest_llmeval.capture.gateway import Gateway, refusal
from pytest_llmeval.capture.http_server import Refused, _head
from pytest_llmeval.formats.replay import Delivery
from tests.server import Reply, Server


class Answering:
    """A listener that says what it is asked, and passes on what asks no model."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.broke: list[str] = []

    def answer(self, asked: Asked) -> Delivery | OwnCall:
        self.asked.append(asked)
        if asked.what.model == "breaks":
            raise LookupError("of all things")
        if asked.what.stream:
            return Delivery(status=200, headers={"content-type": "text/event-stream"}, chunks=(b"a", b"", b"bc"))
        return Delivery(status=200, headers={}, chunks=(json.dumps(asked.what.body).encode(),))

    def other(self, method: str, target: str, headers: Mapping[str, str]) -> Delivery | None:
        return refusal(424, "kind", "no") if "refused" in target else None

    def nowhere(self, words: str) -> Delivery:
        return refusal(424, "kind", words)

    def broken(self, words: str) -> None:
        self.broke.append(words)


class Line:
    """A connection to the gateway, byte by byte."""

    def __init__(self, gateway: Gateway, root: str) -> None:
        self.port = int(root.split(":")[2].partition("/")[0])
        self.path = "/" + root.rpartition("/")[2]
        self.gateway = gateway
        self.listener = Answering()

    def say(self, request: str | bytes, *, whole: bool = True) -> str:
        """What comes back for these bytes until the gateway hangs up."""
        raw = request.encode("latin-1") if isinstance(request, str) else request
        raw = raw.replace(b"ROOT", self.path.encode()).replace(b"HERE", f"127.0.0.1:{self.port}".encode())
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            for piece in [raw] if whole else [raw[place : place + 1] for place in range(len(raw))]:
                connection.sendall(piece)
            received = b""
            while piece := connection.recv(65_536):
                received += piece
        return received.decode("latin-1")

    def post(self, body: object, *, head: str = "", path: str = "/openai/v1/chat/completions") -> str:
        """What a request with this body gets."""
        content = json.dumps(body)
        lines = f"POST ROOT{path} HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n{head}"
        return self.say(f"{lines}Content-Length: {len(content)}\r\n\r\n{content}")


@pytest.fixture
def upstream() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def line(upstream: Server) -> Iterator[Line]:
    gateway = Gateway()
    listener = Answering()
    with gateway.serving(listener, Addresses.of({"OPENAI_BASE_URL": upstream.base_url})) as root:
        made = Line(gateway, root)
        made.listener = listener
        yield made
    gateway.close()


CHAT = {"model": "m", "messages": [{"role": "user", "content": "?"}]}


def test_it_listens_on_this_machine_alone(line: Line) -> None:
    with socket.socket() as other:
        other.settimeout(5)
        other.bind(("127.0.0.2", 0))
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", line.port), timeout=5):
            pass


@pytest.mark.parametrize("path", ["/", "/openai/v1/models", "/secret-of-somebody-else/openai/v1/models", "//", "/?a"])
def test_without_the_token_nobody_is_served(line: Line, upstream: Server, path: str) -> None:
    said = line.say(f"GET {path} HTTP/1.1\r\nHost: HERE\r\nAuthorization: Bearer sk-1\r\n\r\n")
    assert said.startswith("HTTP/1.1 403 Forbidden\r\n")
    assert "secret-of" not in said
    assert "sk-1" not in said
    assert line.path[1:] not in said
    assert upstream.requests == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:PORT", "127.0.0.1", "127.0.0.1.evil.example:PORT", ""])
def test_a_page_that_rebinds_its_name_is_turned_away(line: Line, upstream: Server, host: str) -> None:
    host = host.replace("PORT", str(line.port))
    said = line.say(f"GET ROOT/openai/v1/models HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert said.startswith("HTTP/1.1 421 ")
    assert upstream.requests == []


def test_an_address_is_of_no_use_after_its_test(upstream: Server) -> None:
    gateway = Gateway()
    with gateway.serving(Answering(), Addresses.of({})) as root:
        line = Line(gateway, root)
    assert line.post(CHAT).startswith("HTTP/1.1 410 Gone\r\n")
    gateway.close()


def test_two_addresses_have_two_tokens(line: Line) -> None:
    assert len({line.gateway.open(Addresses.of({}), None) for _ in range(10)}) == 10


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET ROOT/openai HTTP/2.0\r\nHost: HERE\r\n\r\n", 400),
        ("GET http://HEREROOT/openai HTTP/1.1\r\nHost: HERE\r\n\r\n", 400),
        ("CONNECT api.openai.com:443 HTTP/1.1\r\nHost: HERE\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nHost: HERE\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nbad header\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: \x00\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\n folded: x\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: a\ny: b\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: a\ry: b\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: a\n\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: a\r\n b\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx : a\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx\x00y: a\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: \x1b[2J\r\n\r\n", 400),
        ("GET ROOT/openai\x00 HTTP/1.1\r\nHost: HERE\r\n\r\n", 400),
        ("GET ROOT/openai  HTTP/1.1\r\nHost: HERE\r\n\r\n", 400),
        ("\r\nGET ROOT/openai HTTP/1.1\r\nHost: HERE\r\n\r\n", 400),
        ("GET ROOT/openai HTTP/1.1\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 1, 2\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: +1\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 0x1\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\ncontent-length: 3\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
        (
            "POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\x00: a\r\n\r\n",
            400,
        ),
        ("POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 99999999999\r\n\r\n", 413),
        (f"POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: {'0' * 20}{'9' * 20}\r\n\r\n", 400),
        (f"GET ROOT/openai HTTP/1.1\r\nHost: HERE\r\nx: {'a' * 70_000}\r\n\r\n", 431),
        ("hello\r\n\r\n", 400),
    ],
)
def test_what_is_no_clear_request_is_refused(line: Line, head: str, status: int) -> None:
    assert line.say(head).startswith(f"HTTP/1.1 {status} ")
    assert line.listener.asked == []


@given(st.binary(max_size=200))
def test_a_head_is_read_or_refused(raw: bytes) -> None:
    with suppress(Refused, h11.RemoteProtocolError):
        assert _head(h11.Connection(h11.SERVER), raw + b"\r\n\r\n").target.startswith("/")


def test_a_connection_serves_several_requests(line: Line) -> None:
    content = json.dumps(CHAT)
    head = "POST ROOT/openai/v1/chat/completions HTTP/1.1\r\nHost: HERE\r\n"
    one = f"{head}Content-Length: {len(content)}\r\n\r\n{content}"
    in_chunks = f"{head}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\n{content[:3]}\r\n{len(content) - 3:X}\r\n"
    last = f"{head}Connection: close\r\nContent-Length: {len(content)}\r\nExpect: 100-continue\r\n\r\n{content}"
    said = line.say(f"{one}{in_chunks}{content[3:]}\r\n0\r\ntrailer: x\r\n\r\n{last}")
    assert said.count("HTTP/1.1 200 OK") == 3
    assert said.count("HTTP/1.1 100 Continue\r\n\r\n") == 1
    assert [asked.what.body for asked in line.listener.asked] == [CHAT] * 3


def test_a_request_may_come_byte_by_byte(line: Line) -> None:
    content = json.dumps(CHAT)
    head = "POST ROOT/openai/v1/chat/completions HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n"
    one = line.say(f"{head}Content-Length: {len(content)}\r\n\r\n{content}", whole=False)
    other = line.say(f"{head}Transfer-Encoding: chunked\r\n\r\n{len(content):x}\r\n{content}\r\n0\r\n\r\n", whole=False)
    assert [said.partition("\r\n\r\n")[2] for said in (one, other)] == [content, content]


def test_a_stream_comes_in_chunks_or_to_the_end_of_an_old_connection(line: Line) -> None:
    said = line.post({**CHAT, "stream": True})
    assert said.endswith("\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
    content = json.dumps({**CHAT, "stream": True})
    old = f"POST ROOT/openai/v1/chat/completions HTTP/1.0\r\nHost: HERE\r\nContent-Length: {len(content)}\r\n\r\n"
    said = line.say(old + content)
    assert "transfer-encoding" not in said
    assert said.endswith("\r\n\r\nabc")


def test_a_mistake_of_ours_is_told_to_both_sides(line: Line) -> None:
    said = line.post({**CHAT, "model": "breaks"})
    assert said.startswith("HTTP/1.1 500 ")
    assert line.listener.broke == ["LookupError: of all things"]


def test_what_concerns_one_connection_is_not_passed_on(line: Line, upstream: Server) -> None:
    upstream.then(
        Reply(body="x", headers={"x-kept": "1", "Keep-Alive": "5", "connection": "keep-alive, x-hop", "x-hop": "1"})
    )
    said = line.say(
        "GET ROOT/openai/v1/x?a=%20b HTTP/1.1\r\nHost: HERE\r\nX-Mine: \xe9\r\nTE: trailers\r\n"
        "Connection: close, x-own-hop\r\nX-Own-Hop: 1\r\n\r\n"
    )
    [request] = upstream.requests
    assert (request.path, request.headers["x-mine"]) == ("/v1/x?a=%20b", "\xe9")
    assert not {"te", "x-own-hop"} & set(request.headers)
    assert request.headers["host"] == f"127.0.0.1:{upstream.port}"
    assert "authorization" not in request.headers
    assert "x-kept: 1" in said
    assert "x-hop: " not in said.lower()
    assert "keep-alive: " not in said.lower()


def test_a_redirect_is_not_followed(line: Line, upstream: Server) -> None:
    upstream.then(Reply(status=302, headers={"location": "http://127.0.0.1:9/"}))
    said = line.say("GET ROOT/openai/v1/x HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n\r\n")
    assert said.startswith("HTTP/1.1 302 ")
    assert len(upstream.requests) == 1


class Sent:
    """A call that the gateway sends itself."""

    def __init__(self) -> None:
        self.instead: Replacement | None = None
        self.seen: list[object] = []
        self.complete = False

    def begins(self, status: int, headers: Mapping[str, str]) -> None:
        self.seen.append(status)

    def take(self, chunk: bytes) -> None:
        pass

    def ends(self, *, whole: bool) -> None:
        self.seen.append(whole)

    def breaks(self, error: BaseException) -> None:
        self.seen.append(type(error).__name__)


@pytest.mark.parametrize("chunks", [True, False])
def test_an_endless_answer_is_cut(line: Line, upstream: Server, monkeypatch: pytest.MonkeyPatch, chunks: bool) -> None:
    monkeypatch.setattr(pytest_llmeval.capture.gateway, "LARGEST_RESPONSE", 100_000)
    sent = Sent()
    monkeypatch.setattr(line.listener, "answer", lambda _: sent)
    kind = "text/event-stream" if chunks else "application/json"
    upstream.then(Reply(chunks=[b": x\n" * 1000], endless=True, headers={"content-type": kind}))
    said = line.post(CHAT)
    assert said.startswith("HTTP/1.1 200 OK" if chunks else "HTTP/1.1 502 Bad Gateway")
    assert not said.endswith("0\r\n\r\n")
    assert sent.seen == [200, "ValueError"]
    upstream.wait_until_idle()


def test_a_large_request_is_refused_before_it_is_read(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest_llmeval.capture.http_server, "LARGEST_BODY", 10)
    said = line.post(CHAT, head="Expect: 100-continue\r\n")
    assert said.startswith("HTTP/1.1 413 ")


def test_a_large_request_in_chunks_is_refused_while_it_is_read(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest_llmeval.capture.http_server, "LARGEST_BODY", 10)
    head = "POST ROOT/openai/v1/chat/completions HTTP/1.1\r\nHost: HERE\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert line.say(f"{head}6\r\nabcdef\r\n6\r\nghijkl\r\n0\r\n\r\n").startswith("HTTP/1.1 413 ")
    assert line.say(f"{head}fffffff\r\n{'a' * 11}").startswith("HTTP/1.1 413 ")


def test_an_answer_to_head_has_no_body(line: Line, upstream: Server) -> None:
    upstream.then(Reply(body="", headers={"x-kept": "1"}), Reply(status=204))
    head = "HEAD ROOT/openai/v1/models HTTP/1.1\r\nHost: HERE\r\n\r\n"
    last = "GET ROOT/openai/v1/models HTTP/1.1\r\nHost: HERE\r\nConnection: close\r\n\r\n"
    said = line.say(head + last)
    assert "x-kept: 1" in said
    assert said.count("HTTP/1.1 20") == 2
    assert [part.startswith("HTTP/1.1 ") for part in said.split("\r\n\r\n")] == [True, True, False]


def test_what_follows_a_refused_request_is_not_read(line: Line) -> None:
    content = json.dumps(CHAT)
    wrong = (
        "POST ROOT/openai HTTP/1.1\r\nHost: HERE\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    right = f"POST ROOT/openai/v1/chat/completions HTTP/1.1\r\nHost: HERE\r\nContent-Length: {len(content)}\r\n\r\n"
    said = line.say(f"{wrong}{right}{content}")
    assert said.startswith("HTTP/1.1 400 ")
    assert said.count("HTTP/1.1 ") == 1
    assert line.listener.asked == []


def test_closing_it_hangs_up_on_everyone(upstream: Server) -> None:
    gateway = Gateway()
    with (
        gateway.serving(Answering(), Addresses.of({})) as root,
        socket.create_connection(("127.0.0.1", Line(gateway, root).port), timeout=20) as idle,
    ):
        idle.sendall(b"GET /half")
        gateway.close()
        with suppress(ConnectionResetError):  # when it had not read all that was sent
            assert idle.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", Line(gateway, root).port), timeout=20)
    gateway.close()


URLS = st.builds(
    lambda host, path: f"https://{host}.example{path}",
    st.sampled_from(["a", "b.c"]),
    st.lists(st.sampled_from(["proxy", "openai", "v1", "v1beta"]), max_size=3).map(lambda parts: "/" + "/".join(parts)),
)


@given(
    st.sampled_from(["OPENAI_BASE_URL", "GROQ_BASE_URL", "MISTRAL_API_BASE", "OLLAMA_HOST", "AZURE_OPENAI_ENDPOINT"]),
    URLS,
    st.sampled_from(["/chat/completions", "/models?a=b&c", "/v1/x"]),
)
def test_an_address_leads_where_the_variable_did(name: str, url: str, path: str) -> None:
    url = url.rstrip("/")
    addresses = Addresses.of({name: url})
    there = addresses.environment("http://127.0.0.1:1/token")[name]
    assert addresses.upstream(f"{there}{path}".removeprefix("http://127.0.0.1:1/token")) == f"{url}{path}"


@pytest.mark.parametrize(
    ("environment", "target", "url"),
    [
        ({}, "/openai/v1/models", "https://api.openai.com/v1/models"),
        ({}, "/groq/openai/v1/models", "https://api.groq.com/openai/v1/models"),
        ({}, "/anthropic/v1/messages", "https://api.anthropic.com/v1/messages"),
        ({}, "/anthropic/messages", "https://api.anthropic.com/v1/messages"),
        ({"ANTHROPIC_BASE_URL": "https://x.example/a"}, "/anthropic/a/messages", "https://x.example/a/v1/messages"),
        (
            {},
            "/gemini/v1beta/models/m:generateContent",
            "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
        ),
        ({"OLLAMA_HOST": "0.0.0.0"}, "/ollama/api/chat", "http://127.0.0.1:11434/api/chat"),  # noqa: S104
        ({"OLLAMA_HOST": ":7"}, "/ollama/api/chat", "http://127.0.0.1:7/api/chat"),
        ({"OLLAMA_HOST": "there:7"}, "/ollama/api/chat", "http://there:7/api/chat"),
        ({"OPENAI_API_BASE": "https://old.example/v1"}, "/openai/v1/models", "https://old.example/v1/models"),
        ({}, "/azure/openai/v1", None),
        ({}, "/", None),
        ({}, "", None),
        ({}, "/openai", None),
    ],
)
def test_where_requests_go(environment: dict[str, str], target: str, url: str | None) -> None:
    assert Addresses.of(environment).upstream(target) == url


@pytest.mark.parametrize("address", ["nonsense", "ftp://a.example", "http://[", "https://"])
def test_a_variable_that_names_no_address_stays_as_it_is(address: str) -> None:
    assert "OPENAI_BASE_URL" not in Addresses.of({"OPENAI_BASE_URL": address}).environment("x")


def test_the_address_of_every_sdk_is_named() -> None:
    named = Addresses.of({}).environment("R")
    assert named["OPENAI_BASE_URL"] == named["OPENAI_API_BASE"] == "R/openai/v1"
    assert named["ANTHROPIC_BASE_URL"] == "R/anthropic"
    assert named["GOOGLE_GEMINI_BASE_URL"] == "R/gemini"
    assert (named["GROQ_BASE_URL"], named["GROQ_API_BASE"]) == ("R/groq", "R/groq/openai/v1")
    assert named["OLLAMA_HOST"] == "R/ollama"


def test_no_proxy_keeps_what_it_had() -> None:
    assert without_proxy({}) == {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    assert without_proxy({"no_proxy": "a, b", "NO_PROXY": "a,127.0.0.1"})["NO_PROXY"] == "a,127.0.0.1,b"


def test_no_loop_of_the_test_is_needed(upstream: Server) -> None:
    """It starts and ends within an async test as well."""

    async def within() -> None:
        Gateway().close()

    asyncio.run(within())
