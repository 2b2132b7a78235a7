"""One connection to a server over HTTP/1.1, one request at a time, made of h11 and asyncio's transports.

Users' tests patch httpx, httpcore and sockets in the process that the engine runs in. None of that reaches this module:
it uses neither httpx's nor httpcore's connections, and sockets that keep the methods they had when it was imported. It
is also faster than httpx's, and knows when a byte arrived rather than when a task got round to it.
"""

from __future__ import annotations

import _thread
import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, cast

import h11  # httpx brings it, by httpcore
import httpx

from pytest_llmeval.engine.loop import EngineLoop

KEEP_ALIVE = 15.0  # seconds; longer, and servers close the connection just when it is used again
_LARGEST_HEAD = 100 * 1024  # bytes of a status line with its headers
_FULL = 2**20  # bytes received and not yet read, from which on the server has to wait
_NEXT_ADDRESS = 0.25  # seconds until the next address of a host is tried as well: RFC 8305's connection attempt delay

Address = tuple[Any, ...]


# A socket whose methods stay what they are when a test replaces those of `socket.socket`, or that class itself.
_Socket: type[socket.socket] = type(
    "_Socket",
    (socket.socket,),
    {
        "__slots__": (),
        "__init__": socket.socket.__init__,
        **{
            name: method
            for name in dir(socket.socket)
            if not name.startswith("__") and callable(method := getattr(socket.socket, name))
        },
    },
)


class _Lookup:
    """The lookup of names, kept in a class, where tools that patch the names of modules do not find it."""

    getaddrinfo = staticmethod(socket.getaddrinfo)
    start_thread = staticmethod(_thread.start_new_thread)


class Connection(httpx.AsyncBaseTransport):
    """A connection that opens with its first request, and again when the server has closed it meanwhile.

    Args:
        trusting: for https; None for http.

    Attributes:
        received_at: when the piece that was last handed on arrived, on the event loop's clock.
    """

    def __init__(self, trusting: ssl.SSLContext | None) -> None:
        self.received_at = 0.0
        self._trusting = trusting
        self._wire: _Wire | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since = 0.0
        self._patience: float | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response as soon as the head is there.

        Of the ``timeout`` extension ``connect`` and ``read`` count; the ``trace`` extension is told when the request
        goes out, by httpcore's name for that step.

        Raises:
            httpx.TransportError: there is no connection, it broke, or what came is not HTTP.
        """
        timeouts = request.extensions.get("timeout", {})
        self._patience = timeouts.get("read")
        wire = await self._open(request.url, timeouts.get("connect"))
        try:
            asked = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
            content = self._http.send(asked) or b""
            body = b"".join([chunk async for chunk in cast("httpx.AsyncByteStream", request.stream)])
            if body:
                content += self._http.send(h11.Data(data=body)) or b""
            content += self._http.send(h11.EndOfMessage()) or b""
        except h11.LocalProtocolError as error:
            await self.aclose()
            raise httpx.LocalProtocolError(str(error)) from error
        if (trace := request.extensions.get("trace")) is not None:
            await trace("http11.send_request_headers.started", {})
        wire.write(content)
        response = await self._response()
        return httpx.Response(
            response.status_code,
            headers=list(response.headers.raw_items()),
            stream=_Body(self),
            extensions={"http_version": b"HTTP/" + response.http_version, "reason_phrase": bytes(response.reason)},
        )

    async def aclose(self) -> None:
        """Close the connection; nobody waits for the server's goodbye."""
        if self._wire is not None:
            self._wire.abort()
            self._wire = None

    async def next_piece(self) -> bytes | None:
        """The next piece of a response's body, None at its end."""
        event = await self._event()
        if isinstance(event, h11.Data):
            return bytes(event.data)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._idle_since = asyncio.get_running_loop().time()
        else:
            await self.aclose()
        return None

    @property
    def is_at_rest(self) -> bool:
        """Whether no response is under way."""
        return self._wire is not None and self._http.our_state is h11.IDLE

    async def _open(self, url: httpx.URL, seconds: float | None) -> _Wire:
        wire, now = self._wire, asyncio.get_running_loop().time()
        # What nobody asked for is not the next answer, whether it came behind the last one or with it.
        stray = wire is not None and (wire.is_over or bool(self._http.trailing_data[0]))
        if stray or not self.is_at_rest or now - self._idle_since > KEEP_ALIVE:
            await self.aclose()
            wire = None
        if wire is None:
            self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
            wire = self._wire = await _connected(url, self._trusting, seconds)
        return wire

    async def _response(self) -> h11.Response:
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event
            if not isinstance(event, h11.InformationalResponse) or event.status_code == 101:
                raise httpx.RemoteProtocolError("the server switched to another protocol, which nobody asked for")

    async def _event(self) -> Any:
        wire = self._wire
        if wire is None:
            raise httpx.ReadError("the connection is closed")
        while True:
            unanswered = self._http.their_state is h11.SEND_RESPONSE and not self._http.trailing_data[0]
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                if unanswered and wire.is_over:
                    raise httpx.RemoteProtocolError("the server closed the connection without an answer") from error
                raise httpx.RemoteProtocolError(str(error)) from error
            if event is not h11.NEED_DATA:
                return event
            try:
                if self._patience is None:
                    self.received_at, data = await wire.read()
                else:
                    async with asyncio.timeout(self._patience):
                        self.received_at, data = await wire.read()
            except TimeoutError as error:
                raise httpx.ReadTimeout("no further byte in time") from error
            except OSError as error:
                raise httpx.ReadError(str(error) or type(error).__name__) from error
            self._http.receive_data(data)


class _Body(httpx.AsyncByteStream):
    """A response's body, read from its connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (piece := await self._connection.next_piece()) is not None:
            yield piece

    async def aclose(self) -> None:
        """Close the connection of a response that was not read to its end: the rest would come before the next one."""
        if not self._connection.is_at_rest:
            await self._connection.aclose()


class _Wire(asyncio.Protocol):
    """What came over a socket and when; made by the event loop."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._now = loop.woke_at if isinstance(loop, EngineLoop) else loop.time
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._size = 0
        self._over = False
        self._error: BaseException | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._transport: Any = None

    @property
    def is_over(self) -> bool:
        """Whether the server has closed the connection, or said something nobody asked for."""
        return self._over or bool(self._pieces)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the socket's transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._pieces.append((self._now(), data))
        self._size += len(data)
        if self._size > _FULL:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """Nothing more comes; returning None closes the socket."""
        self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._end(exc)

    def write(self, data: bytes) -> None:
        """Send data; what the socket does not take at once waits in memory, where it has been anyway."""
        self._transport.write(data)

    def abort(self) -> None:
        """Close the socket at once."""
        self._transport.abort()

    async def read(self) -> tuple[float, bytes]:
        """When the next piece came, and the piece; no bytes at the end.

        Raises:
            OSError: the connection broke.
        """
        while not self._pieces:
            if self._over:
                if isinstance(self._error, OSError):
                    raise self._error
                return self._now(), b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        moment, data = self._pieces.popleft()
        was_full, self._size = self._size > _FULL, self._size - len(data)
        if was_full and self._size <= _FULL:
            self._transport.resume_reading()
        return moment, data

    def _end(self, error: BaseException | None) -> None:
        self._error = self._error or error
        self._over = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def _connected(url: httpx.URL, trusting: ssl.SSLContext | None, seconds: float | None) -> _Wire:
    host = url.raw_host.decode("ascii")
    port = url.port or {"http": 80, "https": 443}[url.scheme]
    try:
        async with asyncio.timeout(seconds):
            connected = await _first_of(_alternating(await _addresses(host, port)))
            try:
                _, wire = await asyncio.get_running_loop().create_connection(
                    _Wire, sock=connected, ssl=trusting, server_hostname=host.rstrip(".") if trusting else None
                )
            except BaseException:
                connected.close()
                raise
            return wire
    except TimeoutError as error:
        raise httpx.ConnectTimeout("no connection in time") from error
    except OSError as error:  # ssl.SSLError is one too
        raise httpx.ConnectError(str(error) or type(error).__name__) from error


async def _addresses(host: str, port: int) -> list[tuple[Any, ...]]:
    """What the system's resolver knows of a host; on a thread that nobody waits for when Python exits."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[tuple[Any, ...]]] = loop.create_future()

    def look_up() -> None:
        try:
            answer: Any = _Lookup.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except Exception as error:  # a host's name that cannot be encoded is a UnicodeError
            answer = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, str(error))
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, answer)

    def settle(answer: Any) -> None:
        if found.done():
            return
        if isinstance(answer, Exception):
            found.set_exception(answer)
        else:
            found.set_result(answer)

    if host.replace(".", "").isdigit() or ":" in host:  # an address, for which nobody has to be asked
        look_up()
    else:
        _Lookup.start_thread(look_up, ())
    return await found


def _alternating(found: list[tuple[Any, ...]]) -> list[tuple[int, Address]]:
    """The addresses of a host, the families by turns, as RFC 8305 wants it."""
    by_family: dict[int, list[tuple[int, Address]]] = {}
    for family, _, _, _, address in found:
        by_family.setdefault(family, []).append((family, address))
    rows = list(by_family.values())
    longest = max(map(len, rows), default=0)
    return [row[place] for place in range(longest) for row in rows if place < len(row)]


async def _joined(family: int, address: Address) -> socket.socket:
    connecting = _Socket(family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(0)
        await asyncio.get_running_loop().sock_connect(connecting, address)
    except BaseException:
        connecting.close()
        raise
    return connecting


async def _first_of(addresses: list[tuple[int, Address]]) -> socket.socket:
    """The first connection that comes about; the next address is tried when one has failed, or takes long."""
    if len(addresses) == 1:
        return await _joined(*addresses[0])
    tasks: list[asyncio.Task[socket.socket]] = []
    first: asyncio.Task[socket.socket] | None = None
    error: BaseException = OSError("the host has no address")
    waiting = deque(addresses)
    try:
        while first is None and (waiting or not all(task.done() for task in tasks)):
            if waiting:
                tasks.append(asyncio.ensure_future(_joined(*waiting.popleft())))
            pending = [task for task in tasks if not task.done()]
            patience = _NEXT_ADDRESS if waiting else None
            done, _ = await asyncio.wait(pending, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (failed := task.exception()) is not None:
                    error = failed
                else:
                    first = task
    finally:
        for task in tasks:
            if task is not first:
                task.add_done_callback(_closed)
                task.cancel()
    if first is None:
        raise error
    return first.result()


def _closed(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()
