"""A small HTTP/1.1 server on 127.0.0.1, on a thread of its own, whose responses go out piece by piece."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

LARGEST_HEAD = 65_536  # bytes of a request before its body

LARGEST_BODY = 64 * 2**20

_LINGER = 1.0  # seconds in which a refused client may still send what nobody reads, before it is hung up on

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_TARGET = re.compile(r"/[!-~]*")

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request without its body.

    Attributes:
        target: path and query, as they came.
        headers: names in lower case; several of one name are joined by commas.
        old: whether the client speaks HTTP/1.0.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    old: bool


class Refused(Exception):
    """A request that is not read further; the client is told why and hung up on."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class HungUp(Exception):
    """The client is gone."""


class Exchange:
    """A request, and the way back for its response.

    Attributes:
        head: of the request.
        body: of the request, whole.
    """

    def __init__(self, head: Head, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.body = body
        self._writer = writer
        self._started = self._chunked = self._over = False
        self.goes_on = not head.old and "close" not in head.headers.get("connection", "").lower()

    @property
    def started(self) -> bool:
        """Whether part of the response is out already."""
        return self._started

    async def respond(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Send a whole response."""
        self._begin(status, {**headers, "content-length": str(len(content))})
        self._over = True
        await self._send(b"" if self._has_no_body(status) else content)

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of a response whose body follows in pieces."""
        if self._has_no_body(status):
            self._begin(status, headers)
            self._over = True
            return
        self._chunked = not self.head.old
        self.goes_on = self.goes_on and self._chunked
        self._begin(status, {**headers, "transfer-encoding": "chunked"} if self._chunked else headers)
        await self._send(b"")

    async def write(self, piece: bytes) -> None:
        """Send a piece of the body."""
        if piece and not self._over:
            await self._send(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    async def end(self) -> None:
        """Say that the body is complete."""
        if self._chunked and not self._over:
            await self._send(b"0\r\n\r\n")
        self._over = True

    def abort(self) -> None:
        """Hang up, so that the client knows that what it has is not all."""
        self.goes_on = False
        self._writer.transport.abort()

    async def _send(self, content: bytes) -> None:
        try:
            self._writer.write(content)
            await self._writer.drain()
        except ConnectionError:
            raise HungUp from None

    def _has_no_body(self, status: int) -> bool:
        return self.head.method == "HEAD" or status in (204, 304)

    def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        self._started = True
        lines = [f"HTTP/1.1 {status} {_phrase(status)}"]
        lines += [f"{name}: {value}" for name, value in headers.items() if _fits(name, value)]
        lines += ["connection: keep-alive" if self.goes_on else "connection: close", "", ""]
        self._writer.write("\r\n".join(lines).encode("latin-1", "replace"))


class HttpServer:
    """Serves from its making until it is closed.

    Args:
        admit: looks at a request before its body is read; raises `Refused` if it is none of ours.
        handle: answers a request, on the server's loop; cancelled when the client hangs up.
        finish: releases what `handle` uses, at the end.

    Attributes:
        port: where it listens, on 127.0.0.1 alone.
    """

    def __init__(
        self,
        admit: Callable[[Head], None],
        handle: Callable[[Exchange], Awaitable[None]],
        finish: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._admit = admit
        self._handle = handle
        self._finish = finish
        self._peers: set[_Peer] = set()
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        listening: Future[int] = Future()
        # The context of whoever makes it says which event loop is theirs; some threads would inherit it.
        serve = (self._run, listening)
        self._thread = threading.Thread(target=Context().run, args=serve, name="llmeval-gateway", daemon=True)
        self._thread.start()
        self.port = listening.result()

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the server's loop."""
        self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Hang up on everyone and end the thread."""
        if not self._loop.is_closed():
            self.call_soon(self._closing.set)
            self._thread.join()

    def _run(self, listening: Future[int]) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._until_closed(listening))
            except OSError as error:  # no port is free
                listening.set_exception(error)

    async def _until_closed(self, listening: Future[int]) -> None:
        server = await self._loop.create_server(
            lambda: _Peer(self._serve, self._peers, self._loop), "127.0.0.1", 0, backlog=1024
        )
        listening.set_result(server.sockets[0].getsockname()[1])
        await self._closing.wait()
        with suppress(NotImplementedError):  # of Windows' loop
            for listener in server.sockets:
                self._loop.remove_reader(listener.fileno())
        # Also on those that were accepted but have no protocol yet, for whom the loop has a task: closed before it has
        # run, the server would forget them, and they would wait.
        while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) or self._peers:
            for peer in list(self._peers):
                peer.hang_up()
            if tasks:
                await asyncio.wait(tasks, timeout=0.01)
            else:  # a peer goes when its connection is lost, in the loop's next rounds
                await asyncio.sleep(0)
        server.close()
        await self._finish()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        goes_on = True
        try:
            while goes_on:
                exchange = await self._received(reader, writer)
                await self._handle(exchange)
                goes_on = exchange.goes_on
        except Refused as refused:
            await _turn_away(refused, reader, writer)
        except (HungUp, ConnectionError, EOFError):
            pass  # the client is gone, most often after its last request
        finally:
            writer.close()

    async def _received(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
        try:
            head = _head(await reader.readuntil(b"\r\n\r\n"))
        except asyncio.LimitOverrunError:
            raise Refused(431, f"the head of the request is longer than {LARGEST_HEAD} bytes") from None
        self._admit(head)
        chunked = head.headers.get("transfer-encoding", "").lower()
        length = head.headers.get("content-length", "0")
        if chunked not in ("", "chunked") or (chunked and "content-length" in head.headers):
            raise Refused(400, "the request does not say clearly how long it is")
        if not (length.isascii() and length.isdigit()):
            raise Refused(400, "the request's length is no number")
        if len(length) > 12 or int(length) > LARGEST_BODY:
            raise _too_large()
        if head.headers.get("expect", "").lower() == "100-continue":
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = await _chunks(reader) if chunked else await reader.readexactly(int(length))
        return Exchange(head, body, writer)


class _Peer(asyncio.StreamReaderProtocol):
    """A client: what is done for it ends when it hangs up."""

    def __init__(
        self,
        serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
        peers: set[_Peer],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.serving: asyncio.Task[Any] | None = None
        self._serve = serve
        self._peers = peers
        self._connection: asyncio.BaseTransport | None = None
        super().__init__(asyncio.StreamReader(limit=LARGEST_HEAD, loop=loop), self._connected, loop=loop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving = asyncio.current_task()
        with suppress(asyncio.CancelledError):
            await self._serve(reader, writer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._peers.add(self)
        self._connection = transport
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        self._stop()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.discard(self)
        self._stop()
        super().connection_lost(exc)

    def hang_up(self) -> None:
        """Drop the connection."""
        self._stop()
        if isinstance(self._connection, asyncio.WriteTransport):
            self._connection.abort()

    def _stop(self) -> None:
        if self.serving is not None:
            self.serving.cancel()


def _head(raw: bytes) -> Head:
    """The head of a request; strict, since what two readers read differently one of them lets pass."""
    try:
        first, *lines = raw[:-4].decode("latin-1").split("\r\n")
        method, target, version = first.split(" ")
    except ValueError:
        raise Refused(400, "this is no HTTP request") from None
    if not _TOKEN.fullmatch(method) or not _TARGET.fullmatch(target) or version not in ("HTTP/1.1", "HTTP/1.0"):
        raise Refused(400, "this is no HTTP request that is understood here")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise Refused(400, "a header of the request is malformed")
        if name in headers and name in ("host", "content-length", "transfer-encoding"):
            raise Refused(400, f"the request has {name} twice")
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return Head(method=method, target=target, headers=headers, old=version == "HTTP/1.0")


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    try:
        while True:
            line = await reader.readuntil(b"\r\n")
            size = line.partition(b";")[0].strip()
            if not _SIZE.fullmatch(size):
                raise Refused(400, "a chunk of the request has no size")
            if not int(size, 16):
                break
            if len(body) + int(size, 16) > LARGEST_BODY:
                raise _too_large()
            body += await reader.readexactly(int(size, 16))
            if await reader.readexactly(2) != b"\r\n":
                raise Refused(400, "a chunk of the request is longer than it says")
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass  # what follows a chunked body has no meaning here
    except asyncio.LimitOverrunError:
        raise Refused(400, "a line within the request is too long") from None
    return bytes(body)


def _too_large() -> Refused:
    return Refused(413, f"the request is larger than {LARGEST_BODY >> 20} MB")


async def _turn_away(refused: Refused, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say why, and let the client send what it has begun to: hung up on at once, it would not read the reason."""
    content = f"{refused}\n".encode()
    lines = [
        f"HTTP/1.1 {refused.status} {_phrase(refused.status)}",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(content)}",
        "connection: close",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + content)
    with suppress(TimeoutError, ConnectionError, RuntimeError):
        async with asyncio.timeout(_LINGER):
            await writer.drain()
            writer.write_eof()
            while await reader.read(65_536):
                pass


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "-"


def _fits(name: str, value: str) -> bool:
    """Whether a header can be sent on; none may begin another."""
    return _TOKEN.fullmatch(name) is not None and _CONTROL.search(value) is None
