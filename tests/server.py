"""A real HTTP server on 127.0.0.1 that answers as a test tells it to.

def test_something(server):
    server.say("Paris")                                   # the next answer; streamed when the request asks for it
    server.then(Reply(status=429, headers={"retry-after": "1"}))
    server.then(Reply(body="<html>…", headers={"content-type": "text/html"}))
    server.answer = lambda request: completion(request.json["messages"][-1]["content"])   # when nothing is scripted
    ... server.base_url ... server.requests ... server.most_in_flight
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self


def completion(text: str | None = "Paris", **message: Any) -> dict[str, Any]:
    """A chat completion's body; more fields of the message by keyword."""
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": reason}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def event(data: Any) -> bytes:
    """A server-sent event with this data."""
    return b"data: " + (data if isinstance(data, str) else json.dumps(data)).encode() + b"\n\n"


def streamed(*pieces: str, usage: bool = True, done: bool = True) -> list[bytes]:
    """The events of a streamed chat completion with these pieces of text."""
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    events = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces)]
    events.append(chunk({}, "stop"))
    if usage:
        counts = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        events.append(event({**head, "choices": [], "usage": counts}))
    return [*events, event("[DONE]")] if done else events


class Gate:
    """Replies with this gate wait until it is open."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._event = asyncio.Event()

    def open(self) -> None:
        """Let them go."""
        self._loop.call_soon_threadsafe(self._event.set)

    async def passed(self) -> None:
        """Wait until it is open."""
        await self._event.wait()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a client sent; names of headers in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer.

    Attributes:
        body: bytes, text, or anything that becomes JSON.
        chunks: a streamed body instead, each chunk sent by itself; server-sent events unless the headers say otherwise.
        bytewise: every byte of the chunks is sent by itself.
        delay: seconds before anything is sent.
        gate: nothing is sent before it is open.
        at_once: nothing is sent before this many requests have been in flight at once.
        cut_after: bytes of the body after which the connection is closed; negative closes it before the status line.
        reset: the cut is a reset, not an end.
        stall: the end never comes; with ``cut_after`` it is there that nothing more comes.
        endless: the last chunk is repeated until the client hangs up.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = b""
    chunks: Sequence[bytes] | None = None
    bytewise: bool = False
    delay: float = 0.0
    gate: Gate | None = None
    at_once: int = 0
    cut_after: int | None = None
    reset: bool = False
    stall: bool = False
    endless: bool = False


class Server:
    """See the module; also a context manager. All addresses are 127.0.0.1.

    Attributes:
        base_url: as a configuration would name it, ``http://127.0.0.1:PORT/v1``.
        requests: all there were, in order of arrival.
        in_flight: requests that are being answered.
        most_in_flight: the most of them at once.
        connections: how many were opened.
        answer: makes the answer when none is scripted: a `Reply`, or a body.
        delivered: told of each request whose answer was written to its end, and of the answer.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.connections = 0
        self.answer: Callable[[Request], Any] = lambda _: completion("Paris")
        self.delivered: Callable[[Request, Reply], Any] = lambda request, reply: None
        self._script: deque[Any] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._arrived: list[tuple[int, threading.Event]] = []
        self._crowds: dict[int, Gate] = {}
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listening.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="test-server", daemon=True)
        self._thread.start()
        self._ready.wait()

    def say(self, text: str, **message: Any) -> None:
        """Answer the next request with this text."""
        self.then(completion(text, **message))

    def then(self, *replies: Any) -> None:
        """Answer the next requests with these: a `Reply`, or a body."""
        self._script.extend(replies)

    def gate(self) -> Gate:
        """A gate that is closed."""
        return Gate(self._loop)

    def wait_for_requests(self, count: int, timeout: float = 10.0) -> None:
        """Wait until this many requests have arrived since the start."""
        arrived = threading.Event()
        self._loop.call_soon_threadsafe(self._tell_when, count, arrived)
        if not arrived.wait(timeout):
            raise TimeoutError(f"{len(self.requests)} requests came instead of {count}")

    def wait_until_idle(self, timeout: float = 10.0) -> None:
        """Wait until no request is being answered, as when a client has hung up."""
        idle = threading.Event()
        self._loop.call_soon_threadsafe(self._tell_when, 0, idle)
        if not idle.wait(timeout):
            raise TimeoutError(f"{self.in_flight} requests are still being answered")

    def close(self) -> None:
        """Hang up on everyone and end the thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._listening, limit=2**24)
        self._ready.set()
        await self._stopped.wait()
        # Who was let in just now starts first. Else nobody closes that connection, and the garbage collector complains
        # of it in whatever test runs then.
        self._loop.remove_reader(self._listening)
        for _ in range(5):
            await asyncio.sleep(0)
        server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            ahead: bytes | None = b""
            while ahead is not None:
                ahead = await self._one(reader, writer, ahead)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError, ValueError):
            pass  # a ValueError: what came was no HTTP
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ahead: bytes) -> bytes | None:
        """Answer one request; returns what was read of the next one, None when there will be none."""
        line = ahead + await reader.readline()
        if not line:
            return None
        method, path, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while (raw := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = raw.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(method=method, path=path, headers=headers, body=body)
        self.requests.append(request)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        self._tell()
        # A client that hangs up while it waits ends its request here too.
        gone = asyncio.ensure_future(reader.read(1))
        send = asyncio.ensure_future(self._send(writer, request))
        try:
            await asyncio.wait([gone, send], return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not gone.result():
                return None
            goes_on = await send
            return (gone.result() if gone.done() else b"") if goes_on else None
        finally:
            for part in (gone, send):
                part.cancel()
            await asyncio.gather(gone, send, return_exceptions=True)
            self.in_flight -= 1
            self._tell()

    async def _send(self, writer: asyncio.StreamWriter, request: Request) -> bool:
        reply = self._script.popleft() if self._script else self.answer(request)
        if not isinstance(reply, Reply):
            reply = self._of_body(reply, request)
        if reply.delay:
            await asyncio.sleep(reply.delay)
        if reply.gate is not None:
            await reply.gate.passed()
        if reply.at_once:
            crowd = self._crowds.setdefault(reply.at_once, Gate(self._loop))
            if self.in_flight >= reply.at_once:
                crowd.open()
            try:
                await asyncio.wait_for(crowd.passed(), 20)
            except TimeoutError:  # a failing test must not take as long as the engine's patience
                reply = Reply(status=418, body=f"only {self.in_flight} requests came at once")
        if reply.cut_after is not None and reply.cut_after < 0:
            return self._cut(writer, reply)
        goes_on = await self._write(writer, reply)
        if reply.cut_after is None:
            self.delivered(request, reply)
        return goes_on

    async def _write(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        headers = {name.lower(): value for name, value in reply.headers.items()}
        if reply.chunks is None:
            body = reply.body
            if not isinstance(body, bytes):
                body = (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "surrogatepass")
            headers = {"content-type": "application/json", "content-length": str(len(body)), **headers}
            writer.write(_head(reply.status, headers) + body[: reply.cut_after])
        else:
            headers = {"content-type": "text/event-stream", "transfer-encoding": "chunked", **headers}
            writer.write(_head(reply.status, headers))
            left = float("inf") if reply.cut_after is None else reply.cut_after
            for chunk in reply.chunks:
                part = chunk if left == float("inf") else chunk[: int(left)]
                left -= len(part)
                for piece in [part[i : i + 1] for i in range(len(part))] if reply.bytewise else [part]:
                    if piece:
                        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                        await writer.drain()
            while reply.endless:
                last = reply.chunks[-1]
                writer.write(b"%x\r\n%b\r\n" % (len(last), last))
                await writer.drain()
        await writer.drain()
        if reply.stall:
            await asyncio.Event().wait()
        if reply.cut_after is not None:
            return self._cut(writer, reply)
        if reply.chunks is not None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return headers.get("connection") != "close"

    def _of_body(self, body: Any, request: Request) -> Reply:
        """A completion is streamed when that was asked for, as a provider does."""
        wants = request.body.startswith(b"{") and request.json.get("stream")
        if wants and isinstance(body, dict) and "choices" in body:
            text = body["choices"][0]["message"].get("content") or ""
            return Reply(chunks=streamed(*(text[i : i + 4] for i in range(0, len(text), 4))))
        return Reply(body=body)

    def _cut(self, writer: asyncio.StreamWriter, reply: Reply) -> bool:
        if reply.reset:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return False

    def _tell_when(self, count: int, event: threading.Event) -> None:
        self._arrived.append((count, event))
        self._tell()

    def _tell(self) -> None:
        for count, event in self._arrived:
            if (count and len(self.requests) >= count) or (count == 0 and self.in_flight == 0):
                event.set()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
