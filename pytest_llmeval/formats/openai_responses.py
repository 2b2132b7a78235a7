"""OpenAI's Responses, whole and streamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Event, HttpFormat, ModelRequest, Prompt
from pytest_llmeval.formats.messages import (
    function_of,
    image_url,
    leading_system,
    named_schema,
    past_calls,
    plain_text,
    with_images,
    with_params,
)
from pytest_llmeval.formats.reading import (
    FILTERED,
    answer_in_error,
    count,
    event_object,
    failure_in_answer,
    finish_reason,
    is_answer,
    listed,
    malformed,
    object_or_empty,
    objects,
    text_or_none,
    tool_call,
)
from pytest_llmeval.reply import Answer, ToolCall, Usage
from pytest_llmeval.text import first_line


class OpenAIResponses(HttpFormat):
    """The wire format of ``POST {base_url}/responses``; see `Provider`.

    Args:
        name: the provider's name.
        base_url: up to and including its version, as in ``https://api.openai.com/v1``.
        api_key_env: the environment variable with the key, None when it needs none.
    """

    wire_format = "responses"

    def __init__(
        self,
        name: str = "openai-responses",
        base_url: str | None = "https://api.openai.com/v1",
        api_key_env: str | None = "OPENAI_API_KEY",
    ) -> None:
        super().__init__(name, base_url, api_key_env)

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        System messages at the start become ``instructions``, messages become items of ``input``, a schema becomes
        ``text.format``. Items that have this form already are passed on as they are.

        Raises:
            ProviderError: kind ``bad_request``: a tool call in the messages is none.
        """
        system, messages = leading_system(with_images(prompt.messages, prompt.images), ("system",))
        instructions = plain_text(system)
        if instructions is None:
            system, messages = [], system + messages
        body: dict[str, Any] = {"model": model, "input": [item for message in messages for item in _items(message)]}
        if system:
            body["instructions"] = instructions
        if prompt.tools:
            body["tools"] = [_tool(tool) for tool in prompt.tools]
        if prompt.schema is not None:
            body["text"] = {"format": {"type": "json_schema", **named_schema(prompt.schema)}}
        body = with_params(body, prompt.params)
        if prompt.stream:
            body["stream"] = True
        return ModelRequest(
            provider=self.name, model=model, path="/responses", body=body, stream=bool(body.get("stream"))
        )

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return answer_in_error(body["error"])
        output = body.get("output")
        if not isinstance(output, list):
            raise malformed(f"the response has no output, {listed(body)}")
        status = text_or_none(body.get("status")) or "completed"
        if status == "failed":
            raise ProviderError("the response failed, and the provider does not say why", kind="overloaded")
        if status not in ("completed", "incomplete"):
            raise malformed(f"the response is not finished, its status is {first_line(status, 40)}")
        contents = [part for item in objects(output) for part in _contents(item)]
        calls = tuple(_call(item) for item in objects(output) if item.get("type") in _CALLS)
        reason = _finish_reason(status, body, calls)
        refusal = "".join(part["refusal"] for part in contents if isinstance(part.get("refusal"), str))
        return Answer(
            text="".join(part["text"] for part in contents if isinstance(part.get("text"), str)),
            tool_calls=calls,
            usage=_usage(object_or_empty(body.get("usage"))),
            finish_reason=reason,
            refusal=refusal or (FILTERED if reason == "content_filter" else None),
            response_model=text_or_none(body.get("model")),
            response_id=text_or_none(body.get("id")),
        )

    def stream(self) -> ResponsesStream:
        """A reader for one streamed response."""
        return ResponsesStream()


_CALLS = ("function_call", "custom_tool_call")


def _items(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    role = message.get("role")
    if "role" not in message:  # an item of another type, as the API itself gives them
        return [dict(message)]
    content = message.get("content")
    if role == "tool":
        output = content if isinstance(content, str) else [_part(part, role) for part in content or ()]
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id"), "output": output}]
    items: list[dict[str, Any]] = []
    if content or not message.get("tool_calls"):
        kept = {name: value for name, value in message.items() if name in ("role", "phase", "type")}
        parts = content if isinstance(content, str) else [_part(part, role) for part in content or ()]
        items.append({**kept, "content": parts})
    for call in past_calls(message):
        items.append({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.text})  # noqa: PERF401
    return items


def _part(part: Any, role: Any) -> Any:
    if isinstance(part, str):
        part = {"type": "text", "text": part}
    if part.get("type") == "text":
        return {**part, "type": "output_text" if role == "assistant" else "input_text"}
    url = image_url(part)
    if url is None:
        return part
    image = part["image_url"]
    detail = {"detail": image["detail"]} if isinstance(image, Mapping) and "detail" in image else {}
    return {"type": "input_image", "image_url": url, **detail}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = function_of(tool)
    return dict(tool) if function is None else {"type": "function", **function}


def _contents(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    if item.get("type") != "message":
        return []
    return [part for part in objects(item.get("content")) if part.get("type") in ("output_text", "refusal")]


def _call(item: Mapping[str, Any]) -> ToolCall:
    return tool_call(item.get("name"), item.get("arguments", item.get("input")), item.get("call_id"))


def _finish_reason(status: str, body: Mapping[str, Any], calls: tuple[ToolCall, ...]) -> str | None:
    if status == "incomplete":
        return finish_reason(object_or_empty(body.get("incomplete_details")).get("reason") or status)
    return "tool_calls" if calls else "stop"


def _usage(usage: Mapping[str, Any]) -> Usage:
    given = object_or_empty(usage.get("input_tokens_details"))
    made = object_or_empty(usage.get("output_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        cache_read_tokens=count(given.get("cached_tokens")),
        cache_write_tokens=count(given.get("cache_write_tokens")),
        reasoning_tokens=count(made.get("reasoning_tokens")),
    )


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
