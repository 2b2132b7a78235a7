"""A model on 127.0.0.1: OpenAI chat completions, answered after a set time; counts what it is asked.

``python mock_server.py`` prints its port and serves until it is ended. ``GET /reset?latency=0.2`` sets the counters to
zero and the latency in seconds; ``GET /counts`` tells them, ``GET /took`` how long each case's answer took.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from typing import Any

_CASE = re.compile(rb"This is case (\d+)\.")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


class Counts:
    """What the server has been asked since the last reset.

    Attributes:
        latency: seconds from the last byte of a request to the first of its answer.
        took: what it really was, by the number of the case.
    """

    def __init__(self) -> None:
        self.reset(0.2)

    def reset(self, latency: float) -> None:
        """Begin again."""
        self.latency = latency
        self.took: dict[str, float] = {}
        self.calls = self.in_flight = self.most_in_flight = self.connections = 0
        self.started = time.process_time()

    def begin(self) -> None:
        """A call has come."""
        self.calls += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def told(self) -> dict[str, Any]:
        """The counters; `cpu` is what the server itself has used, in seconds."""
        return {
            "calls": self.calls,
            "most_in_flight": self.most_in_flight,
            "connections": self.connections,
            "cpu": time.process_time() - self.started,
        }


class Connection(asyncio.Protocol):
    """One client; its requests are answered in order (no client here sends a second one before)."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._counts.connections += 1

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end + 2)
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            head, body = self._received[:end], self._received[end + 4 : size]
            self._received = self._received[size:]
            self._take(head, body)

    def _take(self, head: bytes, body: bytes) -> None:
        counts = self._counts
        method, path, _ = head.split(b" ", 2)
        if method == b"POST":
            counts.begin()
            loop = asyncio.get_running_loop()
            loop.call_later(counts.latency, self._answer, body, loop.time())
        elif path.startswith(b"/reset?latency="):
            counts.reset(float(path.partition(b"=")[2]))
            self._send(counts.told())
        elif path == b"/took":
            self._send(counts.took)
        else:
            self._send(counts.told())

    def _answer(self, body: bytes, begun: float) -> None:
        self._counts.in_flight -= 1
        found = _CASE.search(body)
        if found:
            self._counts.took[found[1].decode()] = asyncio.get_running_loop().time() - begun
        content = f"answer {found[1].decode()}" if found else "no case"
        self._send(
            {
                "id": f"chatcmpl-{self._counts.calls}",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": "mock-1",
                "choices": [
                    {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
                ],
                "usage": {"prompt_tokens": 250, "completion_tokens": 3, "total_tokens": 253},
            }
        )

    def _send(self, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        if not self._transport.is_closing():
            self._transport.write(_HEAD % len(content) + content)


async def main() -> None:
    """Serve."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(counts), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
