"""The events of those streams whose answers are made of items: OpenAI's Responses and Anthropic's Messages."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.providers.reading import object_or_empty, objects

__all__ = ["message_events", "pieces_of", "response_events"]


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
