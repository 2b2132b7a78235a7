"""Streamed Messages, put together to what the same request gives unstreamed."""

from __future__ import annotations

import json
from typing import Any

from pytest_llmeval.providers.base import Event
from pytest_llmeval.providers.reading import event_object, failure_in_answer, is_answer, malformed, object_or_empty

__all__ = ["MessagesStream"]

# What a delta of each type adds to, and whether that is content a user sees.
_DELTAS = {
    "text_delta": ("text", True),
    "thinking_delta": ("thinking", False),
    "signature_delta": ("signature", False),
}


class MessagesStream:
    """Reads the events of one streamed message; see `StreamReader`.

    Attributes:
        answered: whether all of the answer was seen, and nothing but the word that this is the end follows.
    """

    def __init__(self) -> None:
        self.done = False
        self.answered = False
        self._message: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}  # of tools, as JSON, as far as they have come

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text or a tool call.

        Raises:
            ProviderError: the event is an error, or no JSON.
        """
        content = event_object(event)
        kind = content.get("type") or event.name
        if kind == "error" or content.get("error"):
            error = content.get("error") or content
            if not is_answer(error):
                raise failure_in_answer(error)
            self._message = {**(self._message or {}), "error": error}
            self.done = True
            return False
        number = content.get("index")
        number = number if isinstance(number, int) else 0
        if kind == "message_start":
            self._message = dict(object_or_empty(content.get("message")))
            self._usage.update(object_or_empty(self._message.get("usage")))
        elif kind == "content_block_start":
            self._blocks[number] = dict(object_or_empty(content.get("content_block")))
            return self._blocks[number].get("type") == "tool_use"
        elif kind == "content_block_delta":
            return self._add(number, object_or_empty(content.get("delta")))
        elif kind == "message_delta" and self._message is not None:
            self._message.update(object_or_empty(content.get("delta")))
            # Cumulative; what is left out is what the start of the message said.
            usage = object_or_empty(content.get("usage"))
            self._usage.update((name, value) for name, value in usage.items() if value is not None)
            self.answered = bool(self._message.get("stop_reason"))
        elif kind == "message_stop":
            self.done = True
        return False

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it.

        Raises:
            ProviderError: kind ``malformed``: the stream ended before the message did.
        """
        if self._message is None or not (self.done or self._message.get("stop_reason")):
            texts = [block.get("text") for block in self._blocks.values()]
            got = sum(len(text) for text in texts if isinstance(text, str))
            raise malformed(f"the stream was cut: it ended after {got} characters, without a stop_reason")
        content = [self._finished(number) for number in sorted(self._blocks)]
        return {**self._message, "content": content, "usage": self._usage}

    def _add(self, number: int, delta: dict[str, Any]) -> bool:
        block = self._blocks.setdefault(number, {})
        kind = delta.get("type")
        if kind == "input_json_delta":
            piece = delta.get("partial_json")
            self._inputs[number] = self._inputs.get(number, "") + (piece if isinstance(piece, str) else "")
            return bool(piece)
        if kind == "citations_delta":
            before = block.get("citations")
            block["citations"] = [*(before if isinstance(before, list) else ()), delta.get("citation")]
            return False
        name, seen = _DELTAS.get(kind if isinstance(kind, str) else "", ("", False))
        piece = delta.get(name)
        if not isinstance(piece, str):
            return False
        before = block.get(name)
        block[name] = (before if isinstance(before, str) else "") + piece
        return seen and bool(piece)

    def _finished(self, number: int) -> dict[str, Any]:
        block, text = self._blocks[number], self._inputs.get(number)
        if not text:
            return block
        try:
            return {**block, "input": json.loads(text)}
        except (ValueError, RecursionError):  # max_tokens ended the call in the middle of its arguments
            return {**block, "input": text}
