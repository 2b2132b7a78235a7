"""A stored answer → the response an SDK expects: one JSON body, or the events of a stream made anew from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llmeval.capture.frames_of_items import message_events, pieces_of, response_events
from pytest_llmeval.capture.recognise import Format
from pytest_llmeval.providers.reading import object_or_empty, objects

__all__ = ["Delivery", "delivered"]

_MOST_PIECES = 64
_JOINED = ("content", "refusal", "reasoning", "reasoning_content")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A response for the application.

    Attributes:
        chunks: the body, decoded.
    """

    status: int
    headers: Mapping[str, str]
    chunks: tuple[bytes, ...]


def delivered(
    format_: Format, body: Mapping[str, Any], *, stream: bool, pieces: int = 1, status: int = 200
) -> Delivery:
    """The response with a stored answer.

    Args:
        format_: the wire format.
        body: the answer, as the same request gives it unstreamed.
        stream: whether it was asked for as a stream.
        pieces: into how many a text is cut, as many as it came in.
        status: of HTTP; an error is no stream.
    """
    if not stream or status >= 400:
        content = json.dumps(body).encode()
        return Delivery(status=status, headers={"content-type": "application/json"}, chunks=(content,))
    pieces = max(1, min(pieces, _MOST_PIECES))
    match format_:
        case "chat":
            events = [json.dumps(chunk) for chunk in _chat(body, pieces)]
            events.append(json.dumps({"error": body["error"]}) if body.get("error") else "[DONE]")
            return _sent([f"data: {event}\n\n" for event in events])
        case "responses":
            return _sent([_named(event) for event in response_events(body, pieces)])
        case "messages":
            return _sent([_named(event) for event in message_events(body, pieces)])
        case "content":
            return _sent([f"data: {json.dumps(chunk)}\r\n\r\n" for chunk in _content(body, pieces)])
        case "ollama":
            return _sent([f"{json.dumps(line)}\n" for line in _ollama(body, pieces)], "application/x-ndjson")


def _sent(frames: list[str], kind: str = "text/event-stream; charset=utf-8") -> Delivery:
    chunks = tuple(frame.encode("utf-8", "surrogatepass") for frame in frames)
    return Delivery(status=200, headers={"content-type": kind}, chunks=chunks)


def _named(event: Mapping[str, Any]) -> str:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _chat(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    head = {name: value for name, value in body.items() if name not in ("choices", "error", "usage")}
    if "object" in head:
        head["object"] = "chat.completion.chunk"

    def chunk(index: object, delta: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None, **more}]}

    for place, choice in enumerate(objects(body.get("choices"))):
        index = choice.get("index", place)
        message = object_or_empty(choice.get("message"))
        texts = {name: value for name, value in message.items() if name in _JOINED and isinstance(value, str)}
        first = {name: value for name, value in message.items() if name not in texts and name != "tool_calls"}
        yield chunk(index, {**first, **dict.fromkeys(texts, "")})
        for name, text in texts.items():
            for piece in pieces_of(text, pieces):
                yield chunk(index, {name: piece})
        for number, call in enumerate(objects(message.get("tool_calls"))):
            function = object_or_empty(call.get("function"))
            yield chunk(index, {"tool_calls": [{**call, "index": number, "function": {**function, "arguments": ""}}]})
            arguments = function.get("arguments")
            for piece in pieces_of(arguments, pieces) if isinstance(arguments, str) else ():
                yield chunk(index, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        ending = {name: value for name, value in choice.items() if name not in ("index", "message")}
        if ending.get("finish_reason") or not body.get("error"):  # an error ends a stream without one
            yield chunk(index, {}, **ending)
    if "usage" in body:
        yield {**head, "choices": [], "usage": body["usage"]}


def _content(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    rest = {name: value for name, value in body.items() if name not in ("candidates", "error")}
    about: dict[str, Any] = {name: rest[name] for name in ("modelVersion", "responseId") if name in rest}
    ends = []
    for candidate in objects(body.get("candidates")):
        content = candidate.get("content")
        if isinstance(content, dict):
            parts = [piece for part in objects(content.get("parts")) for piece in _pieces_of_part(part, pieces)]
            place = {"index": candidate["index"]} if "index" in candidate else {}
            for part in parts[:-1]:
                yield {"candidates": [{**place, "content": {**content, "parts": [part]}}], **about}
            # The last chunk too has content: applications look for it in each.
            candidate = {**candidate, "content": {**content, "parts": parts[-1:]}}
        ends.append(candidate)
    if ends or rest:
        yield {"candidates": ends, **rest} if ends else rest
    if "error" in body:
        yield {"error": body["error"]}


def _pieces_of_part(part: Mapping[str, Any], pieces: int) -> list[Mapping[str, Any]]:
    text = part.get("text")
    return [{**part, "text": piece} for piece in pieces_of(text, pieces)] if isinstance(text, str) and text else [part]


def _ollama(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    about = {name: body[name] for name in ("model", "created_at") if name in body}
    message = object_or_empty(body.get("message"))
    role = {name: message[name] for name in ("role",) if name in message}
    texts = {n: v for n, v in message.items() if n in ("thinking", "content") and isinstance(v, str)}
    for name in sorted(texts, reverse=True):  # thinking comes first
        for piece in pieces_of(texts[name], pieces) or [""]:
            yield {**about, "message": {**role, name: piece}, "done": False}
    if calls := objects(message.get("tool_calls")):
        yield {**about, "message": {**role, "tool_calls": calls}, "done": False}
    if "error" in body:
        yield {"error": body["error"]}
        return
    last = {name: value for name, value in message.items() if name not in texts and name != "tool_calls"}
    yield {**body, "message": last}
