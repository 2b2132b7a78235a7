"""A stored answer as the response an SDK expects: what all wire formats have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llmeval.formats.base import Event, WireFormat
from pytest_llmeval.formats.clouds.frames import KIND, frame
from pytest_llmeval.formats.framing import framing_of
from pytest_llmeval.reply import ToolCall, Usage

UNNAMED = "saved"
"""The id of a response whose own id is not known."""

_MOST_PIECES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A response for the application, its body decoded."""

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]


def delivered(
    format_: WireFormat, body: Mapping[str, Any], *, stream: bool, pieces: int = 1, status: int = 200
) -> Delivery:
    """The response with a stored answer: one JSON body, or the events of a stream made from it.

    Args:
        format_: in which the application asked.
        body: the answer, as the same request gives it unstreamed.
        stream: whether it was asked for as a stream.
        pieces: into how many a text is cut, as many as it came in.
        status: of HTTP; errors are never streamed.
    """
    if not stream or status >= 400:
        content = json.dumps(body).encode()
        return Delivery(status=status, headers={"content-type": "application/json"}, chunks=(content,))
    framing = framing_of(format_.stream())
    events = list(format_.events(body, max(1, min(pieces, _MOST_PIECES))))
    if framing == "frames":
        return Delivery(status=200, headers={"content-type": KIND}, chunks=tuple(map(frame, events)))
    lines = framing == "lines"
    if format_.in_array:
        frames = [f"{',' if place else '['}{event.data}{format_.line_end}" for place, event in enumerate(events)]
        frames[-1] += "]"
        kind = "application/json; charset=utf-8"
    else:
        frames = [f"{event.data}\n" if lines else _frame(event, format_.line_end) for event in events]
        kind = "application/x-ndjson" if lines else "text/event-stream; charset=utf-8"
    chunks = tuple(frame.encode("utf-8", "surrogatepass") for frame in frames)
    return Delivery(status=200, headers={"content-type": kind}, chunks=chunks)


def _frame(event: Event, end: str) -> str:
    name = f"event: {event.name}{end}" if event.name else ""
    return f"{name}data: {event.data}{end}{end}"


def unnamed(content: Mapping[str, Any]) -> Event:
    """An event without a name."""
    return Event("", json.dumps(content))


def named(content: Mapping[str, Any]) -> Event:
    """An event that is named by its type."""
    return Event(str(content["type"]), json.dumps(content))


def pieces_of(text: str, count: int) -> list[str]:
    """A text cut into about so many pieces of the same length; none of an empty one."""
    size = -(-len(text) // count) or 1
    return [text[start : start + size] for start in range(0, len(text), size)]


def call_id(call: ToolCall, place: int) -> str:
    """The id of a tool call; one made of its place where the provider gave none."""
    return call.id or f"call_saved_{place}"


def total_tokens(usage: Usage) -> int | None:
    """Input and output together, None unless both are known."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return usage.input_tokens + usage.output_tokens


def known(fields: Mapping[str, int | None]) -> dict[str, int]:
    """The counts that are known."""
    return {name: value for name, value in fields.items() if value is not None}


def usage_field(
    name: str, counts: Mapping[str, int | None], details: Mapping[str, Mapping[str, int]] | None = None
) -> dict[str, Any]:
    """The field of a body with the counts that are known; an empty object when all are unknown."""
    counted = known(counts)
    more = {key: value for key, value in (details or {}).items() if value}
    return {name: {**counted, **more}} if counted else {}
