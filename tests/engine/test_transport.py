"""The engine's own HTTP connection: the same bytes and the same errors as httpx's, whatever a server sends."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.engine.transport import Connection

T = TypeVar("T")
CLOSE = b"<close>"


@contextmanager
def serving(*answers: Sequence[bytes | Callable[[], object]]) -> Iterator[tuple[str, list[bytes]]]:
    """A server that sends these pieces to its requests, one sequence each. Gives its URL and the requests.

    `CLOSE` hangs up; a function is called in between.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(10)
    requests: list[bytes] = []

    def run() -> None:
        waiting = list(answers)
        while waiting:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.settimeout(10)
                while waiting and (request := received(connection)):
                    requests.append(request)
                    hangs_up = False
                    for piece in waiting.pop(0):
                        if piece == CLOSE:
                            hangs_up = True
                            break
                        if callable(piece):
                            piece()
                        else:
                            connection.sendall(piece)
                    if hangs_up:
                        break

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1/x?a=b", requests
    finally:
        listening.close()
        thread.join(10)


def received(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            piece = connection.recv(65536)
        except OSError:
            return b""
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(20):
            return await coroutine

    return asyncio.run(limited())


async def until(condition: Callable[[], bool]) -> None:
    """Let the event loop work until something is so; `run` limits the time."""
    while not condition():  # noqa: ASYNC110 (bytes come without an event that could be awaited)
        await asyncio.sleep(0)


def request(url: str, content: bytes = b"{}") -> httpx.Request:
    return httpx.Request("POST", url, headers={"x-one": "1"}, content=content, extensions={"timeout": {"connect": 5}})


async def exchanged(transport: httpx.AsyncBaseTransport, *requests: httpx.Request) -> list[Any]:
    """Per request the status, the headers and the body, or the error."""
    found: list[Any] = []
    for each in requests:
        try:
            response = await transport.handle_async_request(each)
            try:
                body = b"".join([chunk async for chunk in response.aiter_bytes()])
            finally:
                await response.aclose()
            found.append((response.status_code, sorted(response.headers.multi_items()), body))
        except httpx.TransportError as error:
            found.append(type(error))
    await transport.aclose()
    return found


def both(*answers: Sequence[bytes]) -> tuple[list[Any], list[Any]]:
    """What comes of one request per answer on our connection, and on httpx's."""
    results = []
    for transport in (Connection(None), httpx.AsyncHTTPTransport()):
        with serving(*answers) as (url, _):
            results.append(run(exchanged(transport, *[request(url) for _ in answers])))
    return results[0], results[1]


def response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"content-length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*pieces: bytes, headers: bytes = b"") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n" + headers + b"\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


ANSWERS = {
    "whole": response(b'{"a": 1}', b"content-type: application/json", b"set-cookie: a=b", b"set-cookie: c=d"),
    "empty": response(b""),
    "chunked": chunked(b"data: 1\n\n", b"data: 2\n\n"),
    "trailers": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-late: 1\r\n\r\n",
    "gzip": response(gzip.compress(b"hello " * 999), b"content-encoding: gzip"),
    "informational": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + response(b"late"),
    "error": response(b'{"error": {}}', status=b"503 Service Unavailable"),
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "1.0": b"HTTP/1.0 200 OK\r\n\r\nold",
    "until the end": b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall that comes",
    "cut body": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc",
    "cut chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\nabc",
    "cut head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "nothing": b"",
    "no http": b"SSH-2.0-OpenSSH_9.6\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "not a number": b"HTTP/1.1 200 OK\r\ncontent-length: ab\r\n\r\nab",
    "huge head": b"HTTP/1.1 200 OK\r\nx-large: " + b"a" * 200_000 + b"\r\n\r\n",
    "switched": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
}


@pytest.mark.parametrize("name", [name for name in ANSWERS if name != "switched"])
def test_every_response_is_read_as_httpx_reads_it(name: str) -> None:
    ours, theirs = both([ANSWERS[name], CLOSE])
    assert ours == theirs


def test_a_server_that_switches_to_another_protocol_is_refused() -> None:
    with serving([ANSWERS["switched"], CLOSE]) as (url, _):
        assert run(exchanged(Connection(None), request(url))) == [httpx.RemoteProtocolError]


@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(1, 40), max_size=30))
@settings(max_examples=60, deadline=None)
def test_where_a_response_is_split_changes_nothing(name: str, sizes: list[int]) -> None:
    whole = ANSWERS[name]
    pieces, rest = [], whole
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    with serving([whole, CLOSE]) as (url, _):
        expected = run(exchanged(Connection(None), request(url)))
    with serving([*filter(None, pieces), rest, CLOSE]) as (url, _):
        assert run(exchanged(Connection(None), request(url))) == expected


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_whatever_bytes_come_end_as_a_response_or_as_an_error(data: bytes) -> None:
    with serving([data or b"\0", CLOSE]) as (url, _):
        (found,) = run(exchanged(Connection(None), request(url)))
    assert isinstance(found, tuple) or issubclass(found, httpx.TransportError)


def test_a_server_that_hangs_up_without_a_word_is_told_in_plain_words() -> None:
    with serving([CLOSE]) as (url, _), pytest.raises(httpx.RemoteProtocolError, match="without an answer"):
        run(Connection(None).handle_async_request(request(url)))


def test_requests_follow_one_another_on_one_connection() -> None:
    with serving(*[[response(b"%d" % n)] for n in range(5)]) as (url, requests):
        found = run(exchanged(Connection(None), *[request(url, b"n" * n) for n in range(5)]))
    assert [body for _, _, body in found] == [b"0", b"1", b"2", b"3", b"4"]
    assert [each.partition(b"\r\n\r\n")[2] for each in requests] == [b"", b"n", b"nn", b"nnn", b"nnnn"]
    assert requests[1].startswith(b"POST /v1/x?a=b HTTP/1.1\r\n")
    assert b"\r\nx-one: 1\r\n" in requests[1].lower()


def test_a_connection_that_the_server_has_closed_is_opened_again() -> None:
    async def scenario(url: str) -> list[Any]:
        connection = Connection(None)
        first = await connection.handle_async_request(request(url))
        found = [await first.aread()]
        await until(lambda: connection._wire is None or connection._wire.is_over)
        second = await connection.handle_async_request(request(url))
        found.append(await second.aread())
        await connection.aclose()
        return found

    with serving([response(b"one"), CLOSE], [response(b"two")]) as (url, _):
        assert run(scenario(url)) == [b"one", b"two"]


def test_a_response_that_nobody_asked_for_is_not_taken_for_the_next_answer() -> None:
    async def scenario(url: str) -> bytes:
        connection = Connection(None)
        first = await connection.handle_async_request(request(url))
        await first.aread()
        await until(lambda: connection._wire is None or connection._wire.is_over)
        second = await connection.handle_async_request(request(url))
        return await second.aread()

    with serving([response(b"one"), response(b"stray"), CLOSE], [response(b"two")]) as (url, _):
        assert run(scenario(url)) == b"two"


def test_a_stray_response_that_came_with_the_answer_is_not_taken_for_the_next_one() -> None:
    with serving([response(b"one") + response(b"stray")], [response(b"two")]) as (url, requests):
        found = run(exchanged(Connection(None), request(url), request(url)))
    assert [body for _, _, body in found] == [b"one", b"two"]
    assert len(requests) == 2


def test_a_response_left_half_read_closes_its_connection() -> None:
    async def scenario(url: str) -> list[bytes]:
        connection = Connection(None)
        first = await connection.handle_async_request(request(url))
        pieces = [await anext(aiter(first.aiter_raw()))]
        await first.aclose()
        second = await connection.handle_async_request(request(url))
        pieces.append(await second.aread())
        await connection.aclose()
        return pieces

    half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"
    with serving([half], [response(b"whole")]) as (url, requests):
        assert run(scenario(url)) == [b"abc", b"whole"]
    assert len(requests) == 2


def test_a_large_request_meets_an_early_refusal() -> None:
    content = b"x" * 5_000_000
    refused = response(b"too large", b"connection: close", status=b"413 Content Too Large")
    with serving([refused, CLOSE]) as (url, requests):
        ((status, _, body),) = run(exchanged(Connection(None), request(url, content)))
    assert (status, body, len(requests[0])) == (
        413,
        b"too large",
        len(requests[0].partition(content)[0]) + len(content),
    )


def test_a_large_response_is_read_piece_by_piece_and_whole() -> None:
    body = bytes(range(256)) * 40_000
    with serving([response(body)]) as (url, _):
        ((_, _, found),) = run(exchanged(Connection(None), request(url)))
    assert found == body


def test_nobody_listening_is_an_error_of_the_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert run(exchanged(Connection(None), request(f"http://127.0.0.1:{port}/"))) == [httpx.ConnectError]


def test_a_host_that_answers_no_connection_times_out() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listening.getsockname()
    filling = [socket.socket() for _ in range(8)]
    try:
        for each in filling:  # the queue is full then, and a further connection waits for ever
            each.setblocking(False)
            each.connect_ex(address)
        slow = httpx.Request("POST", f"http://127.0.0.1:{address[1]}/", extensions={"timeout": {"connect": 0.2}})
        assert run(exchanged(Connection(None), slow)) == [httpx.ConnectTimeout]
    finally:
        for each in (*filling, listening):
            each.close()


def test_a_cancelled_request_leaves_nothing_behind() -> None:
    async def scenario(url: str) -> bool:
        connection = Connection(None)
        task = asyncio.ensure_future(connection.handle_async_request(request(url)))
        await until(lambda: connection._wire is not None and bool(requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await connection.aclose()
        return connection._wire is None

    with serving([b""]) as (url, requests):
        assert run(scenario(url))


def test_the_trace_is_told_when_the_request_goes_out() -> None:
    steps: list[str] = []

    async def trace(step: str, _: Any) -> None:
        steps.append(step)

    with serving([response(b"")]) as (url, _):
        traced = request(url)
        traced.extensions["trace"] = trace
        run(exchanged(Connection(None), traced))
    assert steps == ["http11.send_request_headers.started"]


def test_the_time_of_a_piece_is_when_it_came_not_when_it_was_read() -> None:
    async def scenario(url: str) -> tuple[float, float]:
        connection = Connection(None)
        now = asyncio.get_running_loop().time
        found = await connection.handle_async_request(request(url))
        pieces = aiter(found.aiter_raw())
        await anext(pieces)
        read.set()
        wire = connection._wire
        assert wire is not None
        await until(lambda: b"cd" in b"".join(data for _, data in wire._pieces))
        came = now()
        end = came + 0.05
        while now() < end:  # a test that computes while the piece lies there
            pass
        await anext(pieces)
        await connection.aclose()
        return connection.received_at, came

    read = threading.Event()
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n"
    with serving([head, lambda: read.wait(10), b"2\r\ncd\r\n0\r\n\r\n"]) as (url, _):
        received_at, came = run(scenario(url))
    assert received_at <= came
