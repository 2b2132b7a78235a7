"""A loopback server between applications and their models, for those whose HTTP client is not in this process.

Its addresses hold a random token, by which it also knows whose requests they are: another process of this machine, or
a page in a browser, cannot use it. What it sends on carries the key that came with the request, or one that the
configuration names for that model; it adds none of its own.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import httpx

from pytest_llmeval.capture.addresses import Addresses, Anywhere
from pytest_llmeval.capture.clients import Asked, OwnCall, Replacement
from pytest_llmeval.capture.http_server import Exchange, Head, HttpServer, HungUp, Refused
from pytest_llmeval.engine.aws_signature import is_signed, signed
from pytest_llmeval.engine.connections import Connections
from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.recognise import recognised
from pytest_llmeval.formats.replay import Delivery
from pytest_llmeval.text import first_line

LARGEST_RESPONSE = 64 * 2**20  # bytes of an answer; an endless one is cut
_TIMEOUTS = {"connect": 10.0, "read": 120.0, "write": 60.0, "pool": 10.0}  # seconds
_HANGS_UP = 2.0  # seconds that it may take to end a call that was hung up on
_OF_ONE_CONNECTION = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)

_BROKEN = (ProviderError, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError)


class GatewayListener(Protocol):
    """What answers for a test; called on threads of the server."""

    def answer(self, asked: Asked) -> Delivery | OwnCall:
        """The answer to a call of a model, or leave to send it."""

    def other(self, method: str, target: str, headers: Mapping[str, str]) -> Delivery | None:
        """The answer to a request that asks no model; None to pass it on."""

    def nowhere(self, words: str) -> Delivery:
        """The answer to a request that must not go on, for want of an address."""

    def broken(self, words: str) -> None:
        """The gateway itself could not go on."""


class Gateway:
    """Serves from its making until it is closed; one per process."""

    def __init__(self) -> None:
        self._connections = Connections()
        self._lines: dict[str, tuple[Addresses | Anywhere, GatewayListener | None]] = {}
        self._ended: set[str] = set()
        self._current: GatewayListener | None = None
        self._under_way: dict[GatewayListener, set[asyncio.Task[None]]] = {}
        self._changed = threading.Condition()
        self._server = HttpServer(self._admit, self._handle, self._connections.close)
        self._hosts = {f"{host}:{self._server.port}" for host in ("127.0.0.1", "localhost")}

    def open(self, addresses: Addresses | Anywhere, listener: GatewayListener | None) -> str:
        """Make an address.

        Args:
            addresses: where requests go.
            listener: answers them; None for the one that is `serving` then.

        Returns:
            The URL, to which the provider's name and a path are added.
        """
        token = secrets.token_urlsafe(24)
        self._lines[token] = addresses, listener
        return f"http://127.0.0.1:{self._server.port}/{token}"

    @contextmanager
    def serving(self, listener: GatewayListener, addresses: Addresses | Anywhere) -> Iterator[str]:
        """Hand requests to a listener while inside; yields its address, which works only then."""
        root = self.open(addresses, listener)
        before = self._current
        if addresses.moves:  # else nobody but this process knows of it
            self._current = listener
        try:
            yield root
        finally:
            self._current = before
            token = root.rpartition("/")[2]
            del self._lines[token]
            self._ended.add(token)
            self.wait(listener, seconds=0)

    def wait(self, listener: GatewayListener, *, seconds: float) -> int:
        """Wait until nothing of a listener is under way any more; what takes longer is hung up on.

        Returns:
            How many requests were.
        """
        with self._changed:
            self._changed.wait_for(lambda: listener not in self._under_way, seconds)
            left = list(self._under_way.get(listener, ()))
        for task in left:
            self._server.call_soon(task.cancel)
        if left and seconds:
            with self._changed:
                self._changed.wait_for(lambda: listener not in self._under_way, _HANGS_UP)
        return len(left)

    def close(self) -> None:
        """Hang up on everyone."""
        self._server.close()

    def _admit(self, head: Head) -> None:
        """Look at a request's head.

        Raises:
            Refused: it is not for us, or not for anybody who is still there.
        """
        if head.headers.get("host", "").lower() not in self._hosts:
            raise Refused(421, "this server answers to 127.0.0.1 only")
        token = head.target.split("/", 2)[1].partition("?")[0]
        if token in self._ended:
            raise Refused(410, "the test with llm_gateway that this address was made for is over")
        if token not in self._lines:
            raise Refused(403, "llm_gateway: the address needs the test's token, as llm_gateway.base_url has it")

    async def _handle(self, exchange: Exchange) -> None:
        token, _, rest = exchange.head.target[1:].partition("/")
        addresses, listener = self._lines.get(token, (None, None))
        listener = listener or self._current
        if addresses is None or listener is None:
            await _deliver(exchange, refusal(410, "no_test", "no test that uses llm_gateway is running"))
            return
        url = addresses.upstream(f"/{rest}")
        if url is None:
            served = ", ".join(f"/{provider}" for provider in addresses.providers)
            words = f"llm_gateway does not serve this path; it serves paths that begin with one of {served}"
            await _deliver(exchange, refusal(404, "not_found", words))
            return
        target, head = f"/{rest}", exchange.head
        exchange.head = replace(head, headers=addresses.headers(target, head.headers))
        with self._counted(listener):
            try:
                if words := addresses.nowhere(target):
                    await _deliver(exchange, await _on_thread(listener.nowhere, words))
                    return
                await self._answer(exchange, listener, url, moves=addresses.moves)
            except HungUp:
                raise
            except Exception as error:
                # A bug of this plugin: what the application makes of it must not be judged.
                words = f"{type(error).__name__}: {first_line(str(error), 200)}"
                listener.broken(words)
                await _broken_off(exchange, 500, "gateway", words)

    @contextmanager
    def _counted(self, listener: GatewayListener) -> Iterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("requests are handled in tasks")
        with self._changed:
            self._under_way.setdefault(listener, set()).add(task)
        try:
            yield
        finally:
            with self._changed:
                self._under_way[listener].discard(task)
                if not self._under_way[listener]:
                    del self._under_way[listener]
                self._changed.notify_all()

    async def _answer(self, exchange: Exchange, listener: GatewayListener, url: str, *, moves: bool) -> None:
        head, body = exchange.head, exchange.body
        what = recognised(head.method, url, head.headers, body)
        if what is None:
            step: Delivery | OwnCall | None = await _on_thread(listener.other, head.method, head.target, head.headers)
        else:
            step = await _on_thread(listener.answer, Asked(what=what, headers=head.headers, plain=True))
        if step is None:
            await self._pass_on(exchange, url)
        elif isinstance(step, Delivery):
            await _deliver(exchange, step)
        else:
            await self._send(exchange, url, step, moves=moves)

    async def _send(self, exchange: Exchange, url: str, call: OwnCall, *, moves: bool) -> None:
        """Send a call of a model, and pass its answer on as it comes."""
        own = Replacement(url=url, headers=exchange.head.headers, content=exchange.body)
        sent = call.instead or own
        try:
            if sent is own and moves and is_signed(own.headers):  # for our own address
                headers = await asyncio.to_thread(signed, url, own.headers, own.content)
                sent = Replacement(url=url, headers=headers, content=own.content)
            # Uncompressed: a compressed stream arrives in lumps, which would distort the time to the first token.
            headers = {**_of_message(sent.headers), "accept-encoding": "identity"}
            async with self._response("POST", sent.url, headers, sent.content) as response:
                await _watched(exchange, response, call)
        except _BROKEN as error:
            call.breaks(error)
            late = isinstance(error, httpx.TimeoutException)
            words = first_line(str(error), 200) or type(error).__name__
            await _broken_off(exchange, 504 if late else 502, "upstream", f"no answer: {words}")
        except BaseException:  # most often the client has hung up
            call.ends(whole=False)
            raise

    async def _pass_on(self, exchange: Exchange, url: str) -> None:
        """Send a request that asks no model as it is, and its response as it is."""
        head = exchange.head
        try:
            async with self._response(head.method, url, _of_message(head.headers), exchange.body) as response:
                headers = _of_message(dict(response.headers.multi_items()))
                await exchange.begin(response.status_code, headers)
                async for piece in response.aiter_raw():
                    await exchange.write(piece)
                await exchange.end()
        except _BROKEN as error:
            words = first_line(str(error), 200) or type(error).__name__
            await _broken_off(exchange, 502, "upstream", f"no answer: {words}")

    @asynccontextmanager
    async def _response(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes
    ) -> AsyncIterator[httpx.Response]:
        """The response of a provider, around the reading of its body."""
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        timeouts = {"timeout": _TIMEOUTS}
        request = httpx.Request(method, httpx.URL(url), headers=lines, content=content or None, extensions=timeouts)
        connection = self._connections.take(request.url)
        whole = False
        try:
            response = await connection.handle_async_request(request)
            try:
                yield response
                whole = response.is_closed
            finally:
                await response.aclose()
        finally:
            if whole:
                self._connections.give_back(request.url, connection)
            else:
                await connection.aclose()


async def _watched(exchange: Exchange, response: httpx.Response, call: OwnCall) -> None:
    """Pass a response on.

    The last piece goes out after the call has ended: then a client that has the whole answer finds it among the
    test's calls.
    """
    headers = _of_message(dict(response.headers.multi_items()))
    headers.pop("content-encoding", None)  # it is passed on decoded
    call.begins(response.status_code, headers)
    kind = headers.get("content-type", "").lower()
    pieces = response.aiter_bytes()
    size = 0
    whole: list[bytes] | None = None
    if response.status_code >= 300 or ("json" in kind and "ndjson" not in kind):
        whole = []
    else:
        await exchange.begin(response.status_code, headers)
    async for piece in pieces:
        size += len(piece)
        if size > LARGEST_RESPONSE:
            raise ValueError(f"the response is larger than {LARGEST_RESPONSE >> 20} MB")
        call.take(piece)
        if whole is not None:
            whole.append(piece)
            continue
        if call.complete:
            call.ends(whole=True)
        await exchange.write(piece)
    call.ends(whole=True)
    if whole is None:
        await exchange.end()
    else:
        await exchange.respond(response.status_code, headers, b"".join(whole))


def refusal(status: int, kind: str, message: str) -> Delivery:
    """An error as the SDKs of all providers read it; none tries again.

    Args:
        status: of HTTP.
        kind: one word for programs.
        message: for people.
    """
    error = {"type": kind, "code": kind, "status": kind, "message": message}
    content = json.dumps({"type": "error", "error": error}).encode()
    return Delivery(
        status=status, headers={"content-type": "application/json", "x-should-retry": "false"}, chunks=(content,)
    )


async def _deliver(exchange: Exchange, delivery: Delivery) -> None:
    if len(delivery.chunks) == 1:
        await exchange.respond(delivery.status, delivery.headers, delivery.chunks[0])
        return
    await exchange.begin(delivery.status, delivery.headers)
    for chunk in delivery.chunks:
        await exchange.write(chunk)
    await exchange.end()


async def _broken_off(exchange: Exchange, status: int, kind: str, words: str) -> None:
    if exchange.started:
        exchange.abort()
        return
    delivery = refusal(status, kind, f"llm_gateway: {words}")
    headers = {name: value for name, value in delivery.headers.items() if name != "x-should-retry"}
    await _deliver(exchange, Delivery(status=status, headers=headers, chunks=delivery.chunks))


_Step = TypeVar("_Step", bound=Delivery | OwnCall | None)


async def _on_thread(function: Callable[..., _Step], *arguments: Any) -> _Step:
    """What a function returns that may wait, as for a disk; when the client hangs up meanwhile, what it began ends."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        with suppress(Exception):
            step = await running
            if step is not None and not isinstance(step, Delivery):
                step.ends(whole=False)
        raise


def _of_message(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers without those that concern one connection."""
    named = {name.strip().lower() for name in headers.get("connection", "").split(",")}
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_CONNECTION | named}
