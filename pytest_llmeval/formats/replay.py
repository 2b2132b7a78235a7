"""A stored answer → the response an SDK expects: one JSON body, or the events of a stream made from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_llmeval.formats.reading import object_or_empty, objects
from pytest_llmeval.formats.recognise import Format

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


def pieces_of(text: str, count: int) -> list[str]:
    """A text cut into about so many pieces of the same length; none of an empty one."""
    size = -(-len(text) // count) or 1
    return [text[start : start + size] for start in range(0, len(text), size)]


def response_events(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    """The events of a streamed response, each with its number.

    Args:
        body: the response.
        pieces: into how many a text is cut.
    """
    for number, event in enumerate(_response_events(body, pieces)):
        yield {**event, "sequence_number": number}


def _response_events(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    if "status" not in body and body.get("error"):  # an error that came as an event of its own
        error = object_or_empty(body["error"])
        yield error if error.get("type") == "error" else {"type": "error", **error}
        return
    begun = {**body, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, item in enumerate(objects(body.get("output"))):
        about = {"output_index": place, "item_id": item.get("id")}
        empty: dict[str, Any] = {"content": []} if item.get("type") == "message" else {}
        empty |= {name: "" for name in ("arguments", "input") if isinstance(item.get(name), str)}
        status = {"status": "in_progress"} if "status" in item else {}
        yield {"type": "response.output_item.added", "output_index": place, "item": {**item, **status, **empty}}
        if item.get("type") == "message":
            for part_place, part in enumerate(objects(item.get("content"))):
                yield from _part_events(part, {**about, "content_index": part_place}, pieces)
        elif isinstance(arguments := item.get("arguments"), str):
            for piece in pieces_of(arguments, pieces):
                yield {"type": "response.function_call_arguments.delta", **about, "delta": piece}
            named = {"name": item.get("name"), "arguments": arguments}
            yield {"type": "response.function_call_arguments.done", **about, **named}
        elif item.get("type") == "custom_tool_call" and isinstance(given := item.get("input"), str):
            for piece in pieces_of(given, pieces):
                yield {"type": "response.custom_tool_call_input.delta", **about, "delta": piece}
            yield {"type": "response.custom_tool_call_input.done", **about, "input": given}
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    end = body.get("status")
    last = end if end in ("incomplete", "failed") else "completed"
    yield {"type": f"response.{last}", "response": dict(body)}


def _part_events(part: Mapping[str, Any], about: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    kind, name = ("output_text", "text") if part.get("type") == "output_text" else ("refusal", "refusal")
    text = part.get(name)
    if not isinstance(text, str):
        return
    logprobs: dict[str, Any] = {"logprobs": []} if name == "text" else {}
    yield {"type": "response.content_part.added", **about, "part": {**part, name: ""}}
    for piece in pieces_of(text, pieces):
        yield {"type": f"response.{kind}.delta", **about, "delta": piece, **logprobs}
    yield {"type": f"response.{kind}.done", **about, name: text, **logprobs}
    yield {"type": "response.content_part.done", **about, "part": dict(part)}


def message_events(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    """The events of a streamed message.

    Args:
        body: the message.
        pieces: into how many a text is cut.
    """
    ending = {
        name: body[name] for name in ("stop_reason", "stop_sequence", "stop_details", "container") if name in body
    }
    usage = object_or_empty(body.get("usage"))
    start = {**body, **dict.fromkeys(ending), "content": []}
    error = start.pop("error", None)
    if error is None or "role" in start:  # else the error was all that came
        yield {"type": "message_start", "message": start}
    for index, block in enumerate(objects(body.get("content"))):
        empty, deltas = _deltas(block, pieces)
        yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    if error is not None:
        yield {"type": "error", "error": error}
        return
    yield {"type": "message_delta", "delta": ending, "usage": usage}
    yield {"type": "message_stop"}


def _deltas(block: Mapping[str, Any], pieces: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What of a block is empty at its start, and what then fills it."""
    empty: dict[str, Any] = {}
    deltas: list[dict[str, Any]] = []
    for name in ("thinking", "text"):
        if isinstance(block.get(name), str):
            empty[name] = ""
            deltas += [{"type": f"{name}_delta", name: piece} for piece in pieces_of(block[name], pieces)]
    if block.get("type") == "thinking" and isinstance(block.get("signature"), str):
        empty["signature"] = ""
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    if isinstance(block.get("citations"), list):
        empty["citations"] = []
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block["citations"]]
    if block.get("input"):  # {} is what a block starts with anyway
        given = block["input"]
        text = given if isinstance(given, str) else json.dumps(given)
        empty["input"] = {}
        deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in pieces_of(text, pieces)]
    return empty, deltas
