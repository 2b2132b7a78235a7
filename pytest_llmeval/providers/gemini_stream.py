"""Streamed generateContent, put together to what the same request gives unstreamed."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.providers.base import Event
from pytest_llmeval.providers.reading import (
    event_object,
    failure_in_answer,
    is_answer,
    malformed,
    object_or_empty,
    objects,
)

__all__ = ["ContentStream"]


class ContentStream:
    """Reads the chunks of one streamed response, each a response with a part of the content; see `StreamReader`.

    The stream has no last event, unless that is an error: it ends with the connection.
    """

    def __init__(self) -> None:
        self.done = False
        self._response: dict[str, Any] = {}
        self._candidates: dict[int, dict[str, Any]] = {}
        self._characters = 0

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text that is no thought, or a function call.

        Raises:
            ProviderError: the event is an error, or no JSON.
        """
        chunk = event_object(event)
        if chunk.get("error"):
            if not is_answer(chunk["error"]):
                raise failure_in_answer(chunk["error"])
            self.done = True
        # What is said again, such as the usage so far, counts as it was said last.
        self._response.update((name, value) for name, value in chunk.items() if name != "candidates")
        carries = False
        for candidate in objects(chunk.get("candidates")):
            carries |= self._take(candidate)
        return carries

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it.

        Raises:
            ProviderError: kind ``malformed``: the stream ended before every candidate was finished.
        """
        finished = self._candidates and all("finishReason" in one for one in self._candidates.values())
        blocked = object_or_empty(self._response.get("promptFeedback")).get("blockReason")
        if not finished and not blocked and not self.done:
            raise malformed(f"the stream was cut: it ended after {self._characters} characters, without a finishReason")
        if not self._candidates:
            return self._response
        return {**self._response, "candidates": [self._candidates[number] for number in sorted(self._candidates)]}

    def _take(self, piece: dict[str, Any]) -> bool:
        number = piece.get("index")
        candidate = self._candidates.setdefault(number if isinstance(number, int) else 0, {})
        candidate.update((name, value) for name, value in piece.items() if name != "content" and value is not None)
        content = piece.get("content")
        if not isinstance(content, dict):
            return False
        whole = candidate.setdefault("content", {name: value for name, value in content.items() if name != "parts"})
        parts = whole.setdefault("parts", [])
        carries = False
        for part in objects(content.get("parts")):
            carries |= self._add(parts, part)
        return carries

    def _add(self, parts: list[dict[str, Any]], part: dict[str, Any]) -> bool:
        text = part.get("text")
        if not isinstance(text, str):
            parts.append(part)
            return "functionCall" in part
        last = parts[-1] if parts else {}
        if isinstance(last.get("text"), str) and last.get("thought") == part.get("thought"):
            parts[-1] = {**last, **part, "text": last["text"] + text}
        else:
            parts.append(part)
        if part.get("thought") is True:
            return False
        self._characters += len(text)
        return bool(text)
