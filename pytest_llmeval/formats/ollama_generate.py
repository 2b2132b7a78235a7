"""Ollama's older form of asking: one prompt, and no messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import SplitResult

from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, Recognised, WireFormat
from pytest_llmeval.formats.ollama import OllamaChat
from pytest_llmeval.formats.replay import pieces_of, unnamed
from pytest_llmeval.reply import Answer

_SAID = {"response": "content", "thinking": "thinking", "tool_calls": "tool_calls"}
"""Where a body has what stands in the message of a chat."""


class OllamaGenerate(OllamaChat):
    """The wire format of ``POST {base_url}/api/generate``."""

    address = Address("http://127.0.0.1:11434", None)
    wire_format = "ollama-generate"
    path = "/api/generate"
    fields = ("prompt",)

    @classmethod
    def at(cls, name: str, base_url: str | None, api_key_env: str | None) -> WireFormat:
        """The format at an address."""
        return cls(name, base_url, api_key_env)

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt; parameters go where those of a chat go.

        Raises:
            ProviderError: kind ``bad_request``: it is more than one question, or has tools.
        """
        if prompt.tools:
            raise messages.refused("Ollama's generate takes no tools; ask ollama/..., which speaks its chat")
        body = dict(super().request(model, prompt).body)
        turns = body.pop("messages")
        system = [turn for turn in turns[:-1] if turn.get("role") == "system"]
        if len(system) != len(turns) - 1 or turns[-1].get("role") != "user":
            raise messages.refused("Ollama's generate takes one prompt; ask ollama/..., which speaks its chat")
        if system:
            body["system"] = "\n\n".join(turn["content"] for turn in system)
        images = {"images": turns[-1]["images"]} if turns[-1].get("images") else {}
        body = {"model": model, "prompt": turns[-1]["content"], **images, **body}
        return ModelRequest(provider=self.name, model=model, path=self.path, body=body, stream=bool(body.get("stream")))

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model; None where it only has one loaded or unloaded, which an empty prompt does."""
        return super().recognise(url, headers, body) if body.get("prompt") else None

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if not body.get("error") and not isinstance(body.get("response"), str):
            raise reading.malformed(f"the response has no text, {reading.listed(body)}")
        message = {name: body[said] for said, name in _SAID.items() if said in body}
        return super().answer({**body, "message": message})

    def stream(self) -> GenerateStream:  # type: ignore[override]  # of another form than a chat's
        """A reader for one streamed response."""
        return GenerateStream()

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        about = {name: body[name] for name in ("model", "created_at") if name in body}
        texts = {name: body[name] for name in ("thinking", "response") if isinstance(body.get(name), str)}
        for name, text in texts.items():
            for piece in pieces_of(text, pieces):
                yield unnamed({**about, "response": "", name: piece, "done": False})
        if "error" in body:
            yield unnamed({"error": body["error"]})
            return
        rest = {name: value for name, value in body.items() if name not in texts}
        yield unnamed({**rest, "response": ""} if "response" in texts else rest)

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        body = super().body_of(answer, model)
        message = body.pop("message")
        return body | {said: message[name] for said, name in _SAID.items() if name in message}


class GenerateStream:
    """Reads the lines of one streamed response; see `StreamReader`."""

    framing: Literal["lines"] = "lines"

    def __init__(self) -> None:
        self.done = False
        self._response: dict[str, Any] = {}
        self._texts: dict[str, str] = {}

    def feed(self, event: Event) -> bool:
        """Take one line; True when it carries text."""
        chunk = reading.event_object(event)
        if chunk.get("error"):
            reading.answer_in_error(chunk["error"])
        self.done = chunk.get("done") is True or "error" in chunk
        carries = bool(chunk.get("response") or chunk.get("tool_calls"))
        for name in ("response", "thinking"):
            if isinstance(chunk.get(name), str):
                self._texts[name] = self._texts.get(name, "") + chunk.pop(name)
        if calls := reading.objects(chunk.pop("tool_calls", None)):
            chunk["tool_calls"] = [*self._response.get("tool_calls", ()), *calls]
        self._response.update(chunk)
        return carries

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it."""
        if not self.done:
            raise reading.cut(len(self._texts.get("response", "")), "before it was done")
        return {**self._response, **self._texts}
