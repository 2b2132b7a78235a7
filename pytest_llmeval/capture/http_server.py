"""A small HTTP/1.1 server on 127.0.0.1, on a thread of its own, whose responses go out piece by piece.

h11 reads the requests and writes the responses. It is more lenient than a server has to be: a head that two readers
could read in two ways is refused before h11 sees it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from http.client import responses
from typing import Any

import h11  # httpx brings it, by httpcore

LARGEST_HEAD = 65_536  # bytes of a request before its body
LARGEST_BODY = 64 * 2**20
_LINGER = 1.0  # seconds a refused client may go on sending, unread, before the server hangs up

_PIECE = 65_536  # bytes that are read at once

# What h11 takes and another reader may read in another way: bare line ends, folded lines, control characters.
_UNCLEAR = re.compile(rb"(?<!\r)\n|\r(?!\n)|\n[ \t]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_LENGTH = re.compile(rb"\n(?:content-length|transfer-encoding):", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A request without its body.

    Attributes:
        target: path and query, as they came.
        headers: names in lower case; several of one name are joined by commas.
    """

    method: str
    target: str
    headers: Mapping[str, str]


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

    def __init__(self, head: Head, body: bytes, connection: h11.Connection, writer: asyncio.StreamWriter) -> None:
        self.head = head
        self.body = body
        self._connection = connection
        self._writer = writer
        self._has_body = head.method != "HEAD"

    @property
    def started(self) -> bool:
        """Whether part of the response is out already."""
        return self._connection.our_state is not h11.SEND_RESPONSE

    @property
    def goes_on(self) -> bool:
        """Whether the client may send another request, once this one is answered."""
        return self._connection.our_state is h11.DONE

    async def respond(self, status: int, headers: Mapping[str, str], content: bytes) -> None:
        """Send a whole response."""
        await self.begin(status, {**headers, "content-length": str(len(content))})
        await self.write(content)
        await self.end()

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of a response whose body follows in pieces."""
        self._has_body = self._has_body and status not in (204, 304)
        await self._send(_response(status, headers))

    async def write(self, piece: bytes) -> None:
        """Send a piece of the body."""
        if piece and self._has_body:
            await self._send(h11.Data(data=piece))

    async def end(self) -> None:
        """Say that the body is complete."""
        await self._send(h11.EndOfMessage())

    def abort(self) -> None:
        """Hang up, so that the client knows that what it has is not all."""
        self._connection.send_failed()
        self._writer.transport.abort()

    async def _send(self, event: h11.Event) -> None:
        try:
            self._writer.write(self._connection.send(event) or b"")
            await self._writer.drain()
        except ConnectionError:
            raise HungUp from None


class HttpServer:
    """Serves from its making until it is closed.

    Args:
        admit: looks at a request before its body is read; raises `Refused` if it is not for us.
        handle: answers a request, on the server's loop; cancelled when the client hangs up.
        finish: releases what `handle` uses, at the end.

    Attributes:
        port: where it listens, on 127.0.0.1 alone.
        peers: the clients that are connected.
        loop: all of it runs on this one.
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
        self.peers: set[_Peer] = set()
        self.loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        listening: Future[int] = Future()
        # Some threads inherit the context of their maker, which names an event loop that is not theirs.
        serve = (self._run, listening)
        self._thread = threading.Thread(target=Context().run, args=serve, name="llmeval-gateway", daemon=True)
        self._thread.start()
        self.port = listening.result()

    def call_soon(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call a function on the server's loop."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> None:
        """Hang up on everyone and end the thread."""
        if not self.loop.is_closed():
            self.call_soon(self._closing.set)
            self._thread.join()

    def _run(self, listening: Future[int]) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            try:
                runner.run(self._until_closed(listening))
            except OSError as error:  # no port is free
                listening.set_exception(error)

    async def _until_closed(self, listening: Future[int]) -> None:
        server = await self.loop.create_server(lambda: _Peer(self), "127.0.0.1", 0, backlog=1024)
        listening.set_result(server.sockets[0].getsockname()[1])
        await self._closing.wait()
        with suppress(NotImplementedError):  # of Windows' loop
            for listener in server.sockets:
                self.loop.remove_reader(listener.fileno())
        # Also on those that were accepted but have no protocol yet, for whom the loop has a task: closed before it has
        # run, the server would forget them, and they would wait.
        while (tasks := asyncio.all_tasks() - {asyncio.current_task()}) or self.peers:
            for peer in list(self.peers):
                peer.hang_up()
            if tasks:
                await asyncio.wait(tasks, timeout=0.01)
            else:  # a peer goes when its connection is lost, in the loop's next rounds
                await asyncio.sleep(0)
        server.close()
        await self._finish()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a client until it goes."""
        rest: bytes | None = b""
        try:
            while rest is not None:
                connection = h11.Connection(h11.SERVER)
                try:
                    exchange = await self._received(connection, rest, reader, writer)
                except h11.RemoteProtocolError:  # its words quote the request
                    raise Refused(400, "this is not an HTTP request") from None
                await self._handle(exchange)
                rest = connection.trailing_data[0] if exchange.goes_on else None
        except Refused as refused:
            await _turn_away(refused, connection, reader, writer)
        except (HungUp, ConnectionError, EOFError):
            pass  # the client is gone, most often after its last request
        finally:
            writer.close()

    async def _received(
        self, connection: h11.Connection, rest: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Exchange:
        while (end := rest.find(b"\r\n\r\n", 0, LARGEST_HEAD)) < 0:
            if len(rest) >= LARGEST_HEAD:
                raise Refused(431, f"the head of the request is longer than {LARGEST_HEAD} bytes")
            rest += await _more(reader)
        head = _head(connection, rest[: end + 4])
        if rest := rest[end + 4 :]:  # nothing would mean that the client has gone
            connection.receive_data(rest)
        self._admit(head)
        if int(head.headers.get("content-length", 0)) > LARGEST_BODY:
            raise _too_large()
        if connection.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")
            writer.write(connection.send(go_on) or b"")
        body = bytearray()
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > LARGEST_BODY:
                    raise _too_large()
            else:
                connection.receive_data(await _more(reader))
        return Exchange(head, bytes(body), connection, writer)


class _Peer(asyncio.StreamReaderProtocol):
    """A client: what is done for it ends when it hangs up."""

    def __init__(self, server: HttpServer) -> None:
        self.serving: asyncio.Task[Any] | None = None
        self._server = server
        self._connection: asyncio.BaseTransport | None = None
        loop = server.loop
        super().__init__(asyncio.StreamReader(limit=LARGEST_HEAD, loop=loop), self._connected, loop=loop)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving = asyncio.current_task()
        with suppress(asyncio.CancelledError):
            await self._server.serve(reader, writer)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._server.peers.add(self)
        self._connection = transport
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        self._stop()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.peers.discard(self)
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


def _head(connection: h11.Connection, raw: bytes) -> Head:
    """The head of a request.

    Raises:
        Refused: it can be read in more than one way.
        h11.RemoteProtocolError: it is not HTTP.
    """
    if _UNCLEAR.search(raw) or len(_LENGTH.findall(raw)) > 1:
        raise Refused(400, "the head of the request is not clear")
    connection.receive_data(raw)
    request = connection.next_event()
    if not isinstance(request, h11.Request) or request.http_version > b"1.1":
        raise Refused(400, "this is not HTTP/1.1")
    if request.method == b"CONNECT" or not request.target.startswith(b"/"):
        raise Refused(400, "this server is no proxy")
    headers: dict[str, str] = {}
    for name, value in ((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers):
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Head(method=request.method.decode("ascii"), target=request.target.decode("ascii"), headers=headers)


async def _more(reader: asyncio.StreamReader) -> bytes:
    """The next bytes of a client.

    Raises:
        EOFError: there are no more.
    """
    if piece := await reader.read(_PIECE):
        return piece
    raise EOFError


def _too_large() -> Refused:
    return Refused(413, f"the request is larger than {LARGEST_BODY >> 20} MB")


async def _turn_away(
    refused: Refused, connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Say why, and let the client send what it has begun to: hung up on at once, it would not read the reason."""
    content = f"{refused}\n".encode()
    headers = {"content-type": "text/plain; charset=utf-8", "content-length": str(len(content)), "connection": "close"}
    for event in (_response(refused.status, headers), h11.Data(data=content), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    with suppress(TimeoutError, ConnectionError, RuntimeError):
        async with asyncio.timeout(_LINGER):
            await writer.drain()
            writer.write_eof()
            while await reader.read(_PIECE):
                pass


def _response(status: int, headers: Mapping[str, str]) -> h11.Response:
    lines = [(name.encode("ascii"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return h11.Response(status_code=status, headers=lines, reason=responses.get(status, "-").encode())
