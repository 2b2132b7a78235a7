"""Streamed Responses, put together to what the same request gives unstreamed."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.providers.base import Event
from pytest_llmeval.providers.reading import (
    event_object,
    failure_in_answer,
    is_answer,
    malformed,
    objects,
    text_or_none,
)

__all__ = ["ResponsesStream"]

_CONTENT = {
    "response.output_text.delta",
    "response.refusal.delta",
    "response.function_call_arguments.delta",
    "response.custom_tool_call_input.delta",
}
_LAST = {"response.completed", "response.incomplete", "response.failed"}


class ResponsesStream:
    """Reads the events of one streamed response; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._characters = 0

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text, a refusal or a tool call.

        Raises:
            ProviderError: the event is an error, or no JSON.
        """
        if event.data.strip() == "[DONE]":  # some gateways send it
            return False
        content = event_object(event)
        kind = text_or_none(content.get("type")) or event.name
        if kind == "error":
            error = content.get("error") or content
            if not is_answer(error):
                raise failure_in_answer(error)
            self._response = {"output": [], "error": error}
            self.done = True
        elif kind in _LAST:
            response = content.get("response")
            if not isinstance(response, dict):
                raise malformed("the last event of the stream holds no response")
            self._response = response
            self.done = True
        elif kind == "response.output_item.done":
            number, item = content.get("output_index"), content.get("item")
            if isinstance(item, dict):
                self._items[number if isinstance(number, int) else len(self._items)] = item
        elif kind in _CONTENT:
            delta = content.get("delta")
            self._characters += len(delta) if isinstance(delta, str) else 0
            return bool(delta)
        return False

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it.

        Raises:
            ProviderError: kind ``malformed``: the stream ended before the response was completed.
        """
        if not self.done:
            raise malformed(f"the stream was cut: it ended after {self._characters} characters, before its last event")
        if objects(self._response.get("output")) or not self._items:
            return self._response
        # The last event may leave out what was sent before.
        return {**self._response, "output": [self._items[number] for number in sorted(self._items)]}
