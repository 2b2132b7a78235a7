"""An ASGI application whose answers differ in how they are sent; run by hypercorn."""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable
from typing import Any

JSON = (b"content-type", b"application/json")
TEXT = b'{"text": "Paris"}'


async def app(
    scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[Any]]
) -> None:
    """Answer by the path."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    await _ANSWERS.get(scope["path"], _gone)(send)


async def _whole(send: Any, status: int = 200, body: bytes = TEXT, *headers: tuple[bytes, bytes]) -> None:
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [JSON, *length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def _gone(send: Any) -> None:
    await _whole(send, 404)


async def _pieces(send: Any) -> None:
    head = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    for number in range(20):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _large(send: Any) -> None:
    await _whole(send, 200, b"x" * 3_000_000)


async def _compressed(send: Any) -> None:
    await _whole(
        send, 200, gzip.compress(json.dumps(["Paris"] * 999).encode(), mtime=0), (b"content-encoding", b"gzip")
    )


async def _late_head(send: Any) -> None:
    await _whole(send, 200, TEXT, (b"x-long", b"y" * 20_000))


async def _error(send: Any) -> None:
    await _whole(send, 503, b'{"error": {"message": "busy"}}')


async def _empty(send: Any) -> None:
    await _whole(send, 204, b"")


async def _broken(send: Any) -> None:
    head = [JSON, (b"content-length", b"100")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("the server breaks off")


_ANSWERS: dict[str, Callable[[Any], Awaitable[None]]] = {
    "/whole": _whole,
    "/pieces": _pieces,
    "/large": _large,
    "/compressed": _compressed,
    "/late-head": _late_head,
    "/error": _error,
    "/empty": _empty,
    "/broken": _broken,
}
