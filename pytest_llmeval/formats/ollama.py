"""Ollama's own chat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, WireFormat
from pytest_llmeval.formats.replay import known, pieces_of, unnamed
from pytest_llmeval.reply import OWN_FORM, Answer, ToolCall, Usage

_PORT = 11434

_FIELDS = {
    "format",
    "keep_alive",
    "logprobs",
    "messages",
    "options",
    "shift",
    "stream",
    "think",
    "tools",
    "top_logprobs",
    "truncate",
}


class OllamaChat(WireFormat):
    """The wire format of ``POST {base_url}/api/chat``."""

    address = Address("http://127.0.0.1:11434", None, {"OLLAMA_HOST": "", "OLLAMA_API_BASE": ""})
    wire_format = "ollama"
    family = "Ollama's own"
    path = "/api/chat"
    streams_unless_told = True

    @classmethod
    def at(cls, name: str, base_url: str | None, api_key_env: str | None) -> WireFormat:
        """The format at an address; under ``/v1`` Ollama speaks OpenAI's chat completions."""
        if (base_url or "").endswith("/v1"):
            from pytest_llmeval.formats.openai_chat import OpenAIChat

            return OpenAIChat(name, base_url, api_key_env)
        return cls(name, base_url, api_key_env)

    @staticmethod
    def address_in(value: str) -> str:
        """The address that ``OLLAMA_HOST`` holds, where scheme and port may be missing."""
        if not value:
            return value
        address = value if "://" in value else f"http://{value}"
        parts = urlsplit(address.replace("://:", "://127.0.0.1:").replace("://0.0.0.0", "://127.0.0.1"))
        bare = parts.scheme == "http" and parts.port is None
        return (parts._replace(netloc=f"{parts.netloc}:{_PORT}") if bare else parts).geturl()

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        A schema becomes ``format``. Parameters that are not fields of the request go into ``options`` under
        the same names. ``stream`` is always sent, since Ollama streams by default.

        Raises:
            ProviderError: kind ``bad_request``: an image has no data: URL, or a tool call in the messages is invalid.
        """
        body: dict[str, Any] = {
            "model": model,
            "messages": _messages(messages.conversation(prompt)),
            "stream": False,
        }
        if prompt.tools:
            body["tools"] = [_tool(tool) for tool in prompt.tools]
        if prompt.schema is not None:
            body["format"] = messages.plain_schema(prompt.schema)
        options = {name: value for name, value in prompt.params.items() if name not in _FIELDS}
        if options:
            body["options"] = options
        body = messages.with_params(body, {name: value for name, value in prompt.params.items() if name in _FIELDS})
        if prompt.stream:
            body["stream"] = True
        return ModelRequest(provider=self.name, model=model, path=self.path, body=body, stream=bool(body.get("stream")))

    def place_of(self, parameter: str) -> tuple[str, ...]:
        """The keys that lead to a sampling parameter in the body of a request."""
        return (parameter,) if parameter in _FIELDS else ("options", parameter)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return reading.answer_in_error(body["error"])
        message = body.get("message")
        if not isinstance(message, dict):
            raise reading.malformed(f"the response has no message, {reading.listed(body)}")
        content = message.get("content")
        calls = tuple(_tool_call(call) for call in reading.objects(message.get("tool_calls")))
        reason = reading.finish_reason(body.get("done_reason"))
        return Answer(
            text=content if isinstance(content, str) else "",
            tool_calls=calls,
            usage=Usage(
                input_tokens=reading.count(body.get("prompt_eval_count")),
                output_tokens=reading.count(body.get("eval_count")),
            ),
            finish_reason="tool_calls" if calls and reason in ("stop", None) else reason,
            refusal=reading.FILTERED if reason == "content_filter" else None,
            response_model=reading.text_or_none(body.get("model")),
            thinking=reading.text_or_none(message.get("thinking")) or "",
            goes_back={"thinking": message["thinking"]} if reading.text_or_none(message.get("thinking")) else {},
        )

    def stream(self) -> OllamaStream:
        """A reader for one streamed response."""
        return OllamaStream()

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        yield from map(unnamed, _lines(body, pieces))

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        came = messages.own_content(answer, messages.TEXT)
        message: dict[str, Any] = {"role": "assistant", "content": came or answer.text}
        if thinking := answer.goes_back.get("thinking"):
            message["thinking"] = thinking
        if answer.tool_calls:
            message["tool_calls"] = [
                {**messages.identity(call), "function": {"name": call.name, "arguments": call.arguments or {}}}
                for call in answer.tool_calls
            ]
        reason = answer.finish_reason or "stop"
        body = {
            "model": answer.response_model or model,
            "created_at": "1970-01-01T00:00:00Z",
            "message": message,
            "done": True,
            "done_reason": "stop" if reason == "tool_calls" else reason,
        }
        usage = answer.usage
        return body | known({"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens})


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    function = reading.object_or_empty(call.get("function"))
    return reading.tool_call(function.get("name"), function.get("arguments"), call.get("id"))


def _lines(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    about = {name: body[name] for name in ("model", "created_at") if name in body}
    message = reading.object_or_empty(body.get("message"))
    role = {"role": message["role"]} if "role" in message else {}
    texts = {n: v for n, v in message.items() if n in ("thinking", "content") and isinstance(v, str)}
    for name in sorted(texts, reverse=True):  # thinking comes first
        for piece in pieces_of(texts[name], pieces) or [""]:
            yield {**about, "message": {**role, name: piece}, "done": False}
    if calls := reading.objects(message.get("tool_calls")):
        yield {**about, "message": {**role, "tool_calls": calls}, "done": False}
    if "error" in body:
        yield {"error": body["error"]}
        return
    last = {name: value for name, value in message.items() if name not in texts and name != "tool_calls"}
    yield {**body, "message": last}


class OllamaStream:
    """Reads the lines of one streamed response; see `StreamReader`."""

    framing: Literal["lines"] = "lines"

    def __init__(self) -> None:
        self.done = False
        self._response: dict[str, Any] = {}
        self._message: dict[str, Any] = {}

    def feed(self, event: Event) -> bool:
        """Take one line; True when it carries text or a tool call."""
        chunk = reading.event_object(event)
        if chunk.get("error"):
            reading.answer_in_error(chunk["error"])
        self._response.update(chunk)
        self.done = chunk.get("done") is True or "error" in chunk
        carries = False
        for name, value in reading.object_or_empty(chunk.get("message")).items():
            before = self._message.get(name)
            if name == "tool_calls":
                self._message[name] = [*(before or ()), *reading.objects(value)]
                carries |= bool(value)
            elif name in ("content", "thinking") and isinstance(value, str) and isinstance(before, str | None):
                self._message[name] = (before or "") + value
                carries |= name == "content" and bool(value)
            else:
                self._message[name] = value
        return carries

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it."""
        if not self.done:
            content = self._message.get("content")
            got = len(content) if isinstance(content, str) else 0
            raise reading.cut(got, "before it was done")
        return {**self._response, "message": self._message}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = messages.function_of(tool)
    return dict(tool) if function is None else {"type": "function", "function": dict(function)}


_TRANSLATED = ("content", "tool_calls", "name", OWN_FORM)


def _messages(turns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    converted: list[dict[str, Any]] = []
    names: dict[str | None, str] = {}  # of functions, by the ids of their calls
    for message in turns:
        role, content = message.get("role"), message.get("content")
        parts = messages.parts_of(content)
        one = {
            **{name: value for name, value in message.items() if name not in _TRANSLATED},
            "content": "".join(part.get("text") or "" for part in parts if part.get("type") == "text"),
        }
        images = [_image(part) for part in parts if part.get("type") != "text"]
        if isinstance(came := messages.as_it_came(message, messages.TEXT), str):
            one["content"] = came
        if images:
            one["images"] = images
        if calls := messages.past_calls(message):
            names.update((call.id, call.name) for call in calls)
            one["tool_calls"] = [
                {
                    **messages.identity(call),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in calls
            ]
        if role == "tool" and (name := message.get("name") or names.get(message.get("tool_call_id"))):
            one.setdefault("tool_name", name)
        converted.append(one)
    return converted


def _image(part: Mapping[str, Any]) -> str:
    url = messages.image_url(part)
    inline = messages.inline_data(url) if url is not None else None
    if inline is None:
        raise messages.refused(
            "Ollama takes text and images whose bytes are in a data: URL, as in data:image/png;base64,...; "
            "it takes no other files, and fetches nothing itself"
        )
    return inline[1]
