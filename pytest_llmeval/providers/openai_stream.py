"""Streamed chat completions, put together to what the same request gives unstreamed."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.providers.base import Event
from pytest_llmeval.providers.reading import event_object, failure_in_answer, is_answer, malformed

__all__ = ["ChatStream"]

_JOINED = {"content", "refusal", "reasoning", "reasoning_content"}


class ChatStream:
    """Reads the chunks of one streamed chat completion; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self._head: dict[str, Any] = {}
        self._usage: Any = None
        self._choices: dict[int, dict[str, Any]] = {}

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text, a refusal or a tool call.

        Raises:
            ProviderError: the event is an error, or no JSON.
        """
        if event.data.strip() == "[DONE]":
            self.done = True
            return False
        chunk = event_object(event)
        if chunk.get("error") or event.name == "error":
            error = chunk.get("error") or chunk
            if not is_answer(error):
                raise failure_in_answer(error)
            self._head["error"] = error
            self.done = True
            return False
        for name, value in chunk.items():
            if name not in ("choices", "usage") and value is not None:
                self._head.setdefault(name, value)
        extra = chunk.get("x_groq")
        usage = chunk.get("usage") or (extra.get("usage") if isinstance(extra, dict) else None)
        if usage:
            self._usage = usage
        choices = chunk.get("choices")
        carries = False
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                carries |= self._take(choice)
        return carries

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it.

        Raises:
            ProviderError: kind ``malformed``: the stream ended before ``[DONE]`` and before every choice was finished.
        """
        finished = self._choices and all(choice["finish_reason"] for choice in self._choices.values())
        if not self.done and not finished:
            got = sum(len(choice["message"]["content"] or "") for choice in self._choices.values())
            raise malformed(f"the stream was cut: it ended after {got} characters without a finish_reason or [DONE]")
        body = {**self._head, "choices": [self._choices[index] for index in sorted(self._choices)]}
        if "object" in body:
            body["object"] = "chat.completion"
        if self._usage is not None:
            body["usage"] = self._usage
        return body

    def _take(self, piece: dict[str, Any]) -> bool:
        number = piece.get("index")
        index = number if isinstance(number, int) else 0
        choice = self._choices.get(index)
        if choice is None:
            message = {"role": "assistant", "content": None}
            choice = self._choices[index] = {"index": index, "message": message, "finish_reason": None}
        for name, value in piece.items():
            if name == "logprobs":
                if isinstance(value, dict):
                    _merge_lists(choice.setdefault("logprobs", {}), value)
            elif name not in ("index", "delta", "message") and value is not None:
                choice[name] = value
        delta = piece.get("delta")
        return _merge_delta(choice["message"], delta) if isinstance(delta, dict) else False


def _merge_delta(message: dict[str, Any], delta: dict[str, Any]) -> bool:
    carries = False
    for name, value in delta.items():
        if name == "tool_calls":
            for call in value if isinstance(value, list) else ():
                if isinstance(call, dict):
                    _merge_call(message.setdefault("tool_calls", []), call)
                    carries = True
        elif name in _JOINED:
            text = _text(value)
            if text is not None:
                message[name] = (message.get(name) or "") + text
                carries |= bool(text) and name in ("content", "refusal")
        elif value is not None:
            message[name] = value
    return carries


def _text(value: Any) -> str | None:
    if isinstance(value, list):  # parts, as Mistral sends them; those that think are not the answer
        parts = [part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text"]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else None


def _merge_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    function = piece.get("function")
    function = function if isinstance(function, dict) else {}
    number = piece.get("index")
    if not isinstance(number, int):  # some servers leave it out and send each call whole
        number = len(calls) if piece.get("id") or function.get("name") or not calls else len(calls) - 1
    if not 0 <= number <= len(calls):
        number = len(calls)
    if number == len(calls):
        calls.append({"id": None, "type": "function", "function": {"name": "", "arguments": ""}})
    call = calls[number]
    for field in ("id", "extra_content"):  # the latter from Google's servers, with a signature to be sent back
        if piece.get(field):
            call[field] = piece[field]
    if isinstance(name := function.get("name"), str):
        call["function"]["name"] += name
    if isinstance(arguments := function.get("arguments"), str):
        call["function"]["arguments"] += arguments


def _merge_lists(target: dict[str, Any], source: dict[str, Any]) -> None:
    for name, value in source.items():
        if isinstance(value, list):
            before = target.get(name)
            target[name] = [*before, *value] if isinstance(before, list) else value
        else:
            target.setdefault(name, value)
