"""The chunks of a streamed chat completion put together, in whatever dialect a server sends them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pytest_llmeval.formats import reading
from pytest_llmeval.formats.base import Event
from pytest_llmeval.json_text import sent_json

JOINED = ("content", "refusal", "reasoning", "reasoning_content")
"""The fields of a message whose text comes in pieces."""


class ChatStream:
    """Reads the chunks of one streamed chat completion; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self._head: dict[str, Any] = {}
        self._usage: Any = None
        self._choices: dict[int, dict[str, Any]] = {}
        self._calls: dict[int, CallPieces] = {}  # by the number of the choice

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text, a refusal or a tool call."""
        if event.data.strip() == "[DONE]":
            self.done = True
            return False
        chunk = reading.event_object(event)
        if chunk.get("error") or event.name == "error":
            error = chunk.get("error") or chunk
            reading.answer_in_error(error)
            self._head["error"] = error
            self.done = True
            return False
        for name, value in chunk.items():
            if name not in ("choices", "usage") and value is not None:
                self._head.setdefault(name, value)
        if usage := chunk.get("usage") or reading.object_or_empty(chunk.get("x_groq")).get("usage"):
            self._usage = usage
        carries = False
        for choice in reading.objects(chunk.get("choices")):
            carries |= self._take(choice)
        return carries

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it."""
        finished = self._choices and all(choice["finish_reason"] for choice in self._choices.values())
        if not self.done and not finished:
            got = sum(len(text_in(choice["message"]["content"])) for choice in self._choices.values())
            raise reading.cut(got, "without a finish_reason or [DONE]")
        body = {**self._head, "choices": [self._whole(index) for index in sorted(self._choices)]}
        if "object" in body:
            body["object"] = "chat.completion"
        if self._usage is not None:
            body["usage"] = self._usage
        return body

    def _whole(self, index: int) -> dict[str, Any]:
        choice, calls = self._choices[index], self._calls[index].whole()
        return {**choice, "message": {**choice["message"], "tool_calls": calls}} if calls else choice

    def _take(self, piece: dict[str, Any]) -> bool:
        number = piece.get("index")
        index = number if isinstance(number, int) else 0
        choice = self._choices.get(index)
        if choice is None:
            message = {"role": "assistant", "content": None}
            choice = self._choices[index] = {"index": index, "message": message, "finish_reason": None}
            self._calls[index] = CallPieces()
        for name, value in piece.items():
            if name == "logprobs":
                if isinstance(value, dict):
                    _merge_lists(choice.setdefault("logprobs", {}), value)
            elif name not in ("index", "delta", "message") and value is not None:
                choice[name] = value
        return _merge_delta(choice["message"], self._calls[index], reading.object_or_empty(piece.get("delta")))


def text_in(content: Any) -> str:
    """The text of a message's content: a text, or parts as Mistral sends them; those that think are not the answer."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in reading.objects(content) if part.get("type") in ("text", "output_text"))
    return "".join(text for text in texts if isinstance(text, str))


def _merge_delta(message: dict[str, Any], calls: CallPieces, delta: dict[str, Any]) -> bool:
    carries = False
    for name, value in delta.items():
        before = message.get(name)
        if name == "tool_calls":
            carries |= sum(map(calls.take, reading.objects(value))) > 0
        elif name == "content" and isinstance(value, list):
            message[name] = _with_parts(before, value)
            carries |= bool(text_in(value))
        elif name in JOINED:
            if isinstance(value, str):
                message[name] = _with_parts(before, [{"type": "text", "text": value}])
                carries |= bool(value) and name in ("content", "refusal")
        elif name == "function_call" and isinstance(value, dict):  # of the years before tool calls
            message[name] = _with_texts(before, value, ("arguments",))
            carries |= any(value.values())
        elif name == "audio" and isinstance(value, dict):
            message[name] = _with_texts(before, value, ("data", "transcript"))
            carries |= bool(value.get("transcript"))
        elif name == "reasoning_details" and isinstance(value, list):  # OpenRouter's
            message[name] = _with_details(before, value)
        elif value is not None:
            message[name] = value
    return carries


def _with_parts(before: Any, parts: list[Any]) -> str | list[dict[str, Any]]:
    """Content with more parts; it stays a text as long as it has no other part."""
    content: str | list[dict[str, Any]] = before if isinstance(before, (str, list)) else ""
    for part in reading.objects(parts):
        text = part.get("text")
        if part.get("type") != "text" or not isinstance(text, str):
            content = [{"type": "text", "text": content}] if content and isinstance(content, str) else content or []
            content = _with_part(content, part) if isinstance(content, list) else [part]
        elif isinstance(content, str):
            content += text
        elif content and content[-1].get("type") == "text":
            content = [*content[:-1], {**content[-1], "text": content[-1]["text"] + text}]
        else:
            content = [*content, part]
    return content


def _with_part(parts: list[dict[str, Any]], part: dict[str, Any]) -> list[dict[str, Any]]:
    last = parts[-1] if parts else {}
    before, more = last.get("thinking"), part.get("thinking")
    if last.get("type") == part.get("type") == "thinking" and isinstance(before, list) and isinstance(more, list):
        return [*parts[:-1], {**last, **part, "thinking": [*before, *more]}]
    return [*parts, part]


def _with_texts(before: Any, piece: dict[str, Any], joined: tuple[str, ...]) -> dict[str, Any]:
    """An object with another piece of it: some of its texts grow, the rest is what was said last."""
    whole = dict(before) if isinstance(before, dict) else {}
    for name, value in piece.items():
        if name in joined and isinstance(value, str) and isinstance(whole.get(name), str):
            whole[name] += value
        elif value is not None and (value != "" or name not in whole):
            whole[name] = value
    return whole


def _with_details(before: Any, pieces: list[Any]) -> list[dict[str, Any]]:
    details = list(before) if isinstance(before, list) else []
    for piece in reading.objects(pieces):
        last = details[-1] if details else {}
        if details and all(last.get(name) == piece.get(name) for name in ("type", "index")):
            details[-1] = _with_texts(last, piece, ("text", "summary", "data"))
        else:
            details.append(dict(piece))
    return details


@dataclass(slots=True)
class _Call:
    index: int | None
    id: str | None = None
    kind: str = "function"
    name: str = ""
    text: str = ""  # the arguments so far
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether its arguments are a JSON object, to which nothing can be added."""
        if not self.text.rstrip().endswith("}"):
            return False
        try:
            return isinstance(sent_json(self.text), dict)
        except ValueError:
            return False


class CallPieces:
    """The tool calls of one message, put together from their pieces.

    OpenAI numbers the calls from 0 and sends the id and the name once. Other servers number from elsewhere or not at
    all, give all calls one number, or repeat the name or the id in each piece. So a piece begins another call when it
    has another id, another name, or comes after a call that is whole; else it belongs to the call of its number.
    """

    def __init__(self) -> None:
        self._calls: list[_Call] = []

    def take(self, piece: dict[str, Any]) -> bool:
        """Take the next piece; False when it is empty."""
        kind = "custom" if isinstance(piece.get("custom"), dict) else "function"
        function = reading.object_or_empty(piece.get(kind))
        name, identity = reading.text_or_none(function.get("name")), reading.text_or_none(piece.get("id"))
        given = function.get("input" if kind == "custom" else "arguments")
        text = json.dumps(given) if isinstance(given, dict) else given if isinstance(given, str) else ""
        number = piece.get("index")
        index = number if type(number) is int else None
        call = self._called(index, identity, name)
        if call is None or _begins_another(call, index, identity, name, text):
            call = _Call(index, kind=kind)
            self._calls.append(call)
        if name and (not call.name or name.startswith(call.name)):
            call.name = name  # once, or the same again, or as far as it has come
        elif name and not call.text:
            call.name += name
        call.id = call.id or identity
        if call.text.strip() == "{}" and text.lstrip().startswith("{"):
            call.text = text  # the first was only a placeholder
        elif not (call.is_whole and text == call.text):
            call.text += text
        known = ("index", "id", "function", "custom")
        call.more.update((key, value) for key, value in piece.items() if key not in known and value)
        return bool(name or identity or text)

    def whole(self) -> list[dict[str, Any]]:
        """The calls as the non-streaming API would have given them, without those that say nothing."""
        return [
            {
                "id": call.id,
                "type": call.kind,
                call.kind: {"name": call.name, "input" if call.kind == "custom" else "arguments": call.text},
                **call.more,
            }
            for call in self._calls
            if call.name or call.text
        ]

    def _called(self, index: int | None, identity: str | None, name: str | None) -> _Call | None:
        """The call that a piece belongs to, unless it begins another."""
        same = next((call for call in reversed(self._calls) if identity and call.id == identity), None)
        if index is not None:
            under = [call for call in self._calls if call.index == index]
            if under:
                return same if same in under else under[-1]
            return None if name or same is None or same.is_whole else same
        return same or (self._calls[-1] if self._calls else None)


def _begins_another(call: _Call, index: int | None, identity: str | None, name: str | None, text: str) -> bool:
    if identity and call.id and identity != call.id:
        return bool(name) or call.is_whole  # some servers make up a new id for each piece
    is_same = bool(identity) and identity == call.id
    if not name or not call.name or is_same:
        return False
    if name == call.name:
        return call.is_whole and bool(text.strip())
    return bool(call.text) or index is None  # else a piece of the name


def _merge_lists(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, value in source.items():
        if isinstance(value, list):
            before = target.get(name)
            target[name] = [*before, *value] if isinstance(before, list) else value
        else:
            target.setdefault(name, value)
