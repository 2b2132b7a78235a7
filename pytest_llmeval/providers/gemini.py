"""Google's generateContent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from pytest_llmeval.providers.base import ModelRequest, Prompt
from pytest_llmeval.providers.gemini_stream import ContentStream
from pytest_llmeval.providers.http_format import HttpFormat
from pytest_llmeval.providers.messages import (
    function_of,
    image_url,
    inline_data,
    leading_system,
    parts_of,
    past_calls,
    plain_schema,
    with_images,
    with_params,
)
from pytest_llmeval.providers.reading import (
    FILTERED,
    answer_in_error,
    count,
    finish_reason,
    listed,
    malformed,
    object_or_empty,
    objects,
    text_or_none,
    tool_call,
    total,
)
from pytest_llmeval.reply import Answer, ToolCall, Usage

__all__ = ["GeminiContent"]

_FIELDS = {
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
}


class GeminiContent(HttpFormat):
    """The wire format of ``POST {base_url}/models/{model}:generateContent``; see `Provider`.

    Args:
        name: the provider's name.
        base_url: up to and including its version, as in ``https://generativelanguage.googleapis.com/v1beta``.
        api_key_env: the environment variable with the key, None when it needs none.
    """

    wire_format = "content"

    def __init__(
        self,
        name: str = "gemini",
        base_url: str | None = "https://generativelanguage.googleapis.com/v1beta",
        api_key_env: str | None = "GEMINI_API_KEY",
    ) -> None:
        super().__init__(name, base_url, api_key_env)

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        System messages at the start become ``systemInstruction``, messages become ``contents``, a schema becomes
        ``responseJsonSchema``. A parameter that is no field of the request itself goes into ``generationConfig``,
        its name unchanged. A message with ``parts`` is passed on as it is.

        Raises:
            ProviderError: kind ``bad_request``: a tool call in the messages is none.
        """
        system, messages = leading_system(with_images(prompt.messages, prompt.images))
        body: dict[str, Any] = {"contents": _contents(messages)}
        if system:
            parts = [_part(part) for message in system for part in parts_of(message.get("content"))]
            body["systemInstruction"] = {"role": "user", "parts": parts}
        if prompt.tools:
            body["tools"] = _tools(prompt.tools)
        settings: dict[str, Any] = {}
        if prompt.schema is not None:
            settings = {"responseMimeType": "application/json", "responseJsonSchema": plain_schema(prompt.schema)}
        params = {name: value for name, value in prompt.params.items() if name != "stream"}
        settings.update((name, value) for name, value in params.items() if name not in _FIELDS)
        if settings:
            body["generationConfig"] = settings
        body = with_params(body, {name: value for name, value in params.items() if name in _FIELDS})
        stream = prompt.stream or bool(prompt.params.get("stream"))
        place = quote(model, safe="/") if "/" in model else f"models/{quote(model, safe='')}"
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return ModelRequest(provider=self.name, model=model, path=f"/{place}:{method}", body=body, stream=stream)

    def authorization(self, api_key: str) -> Mapping[str, str]:
        """The header that carries the key."""
        return {"x-goog-api-key": api_key}

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body; of several candidates the first.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return answer_in_error(body["error"])
        candidates = objects(body.get("candidates"))
        blocked = text_or_none(object_or_empty(body.get("promptFeedback")).get("blockReason"))
        if not candidates and not blocked:
            raise malformed(f"the response has no candidates, {listed(body)}")
        candidate = candidates[0] if candidates else {}
        parts = objects(object_or_empty(candidate.get("content")).get("parts"))
        texts = [part.get("text") for part in parts if part.get("thought") is not True]
        calls = tuple(_call(part) for part in parts if "functionCall" in part)
        finish = finish_reason(candidate.get("finishReason")) if candidates else "content_filter"
        text = "".join(text for text in texts if isinstance(text, str))
        if finish == "invalid_tool_call" and not text:  # the call stands here
            text = text_or_none(candidate.get("finishMessage")) or ""
        return Answer(
            text=text,
            tool_calls=calls,
            usage=_usage(object_or_empty(body.get("usageMetadata"))),
            finish_reason="tool_calls" if calls and finish == "stop" else finish,
            refusal=_refusal(candidate, blocked) if finish == "content_filter" else None,
            response_model=text_or_none(body.get("modelVersion")),
            response_id=text_or_none(body.get("responseId")),
        )

    def stream(self) -> ContentStream:
        """A reader for one streamed response."""
        return ContentStream()


def _refusal(candidate: Mapping[str, Any], blocked: str | None) -> str:
    if not candidate:
        return f"the prompt was blocked: {blocked}"
    return text_or_none(candidate.get("finishMessage")) or f"{FILTERED}: {candidate.get('finishReason')}"


def _call(part: Mapping[str, Any]) -> ToolCall:
    call = object_or_empty(part["functionCall"])
    return tool_call(call.get("name"), call.get("args") or {}, call.get("id"), part.get("thoughtSignature"))


def _contents(messages: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    names: dict[str | None, str] = {}  # of functions, by the ids of their calls
    results: list[dict[str, Any]] | None = None  # of the tools called last; they belong into one message
    for message in messages:
        if message.get("role") == "tool":
            if results is None:
                results = []
                contents.append({"role": "user", "parts": results})
            results.append(_result(message, names))
            continue
        results = None
        if "parts" in message:
            contents.append(dict(message))
            continue
        parts = [_part(part) for part in parts_of(message.get("content"))]
        for call in past_calls(message):
            names[call.id] = call.name
            identity = {"id": call.id} if call.id else {}
            signed = {"thoughtSignature": call.signature} if call.signature else {}
            parts.append({"functionCall": {**identity, "name": call.name, "args": call.arguments}, **signed})
        contents.append({"role": "model" if message.get("role") == "assistant" else "user", "parts": parts})
    return contents


def _result(message: Mapping[str, Any], names: Mapping[str | None, str]) -> dict[str, Any]:
    identity = message.get("tool_call_id")
    text = "".join(part.get("text", "") for part in parts_of(message.get("content")))
    try:
        response = json.loads(text)
    except (ValueError, RecursionError):
        response = text
    if not isinstance(response, dict):
        response = {"output": response}
    result = {"name": message.get("name") or names.get(identity) or identity, "response": response}
    return {"functionResponse": {"id": identity, **result} if identity else result}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"text": part.get("text")}
    url = image_url(part)
    if url is None:
        return part
    inline = inline_data(url)
    if inline is not None:
        return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
    from mimetypes import guess_type
    from urllib.parse import urlsplit

    kind = guess_type(urlsplit(url).path)[0]
    return {"fileData": {"fileUri": url, **({"mimeType": kind} if kind else {})}}


def _tools(tools: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    declared: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for tool in tools:
        function = function_of(tool)
        if function is None:
            own.append(dict(tool))
        else:
            renamed = {
                "parametersJsonSchema" if name == "parameters" else name: value
                for name, value in function.items()
                if name != "strict"
            }
            declared.append(renamed)
    return ([{"functionDeclarations": declared}] if declared else []) + own


def _usage(usage: Mapping[str, Any]) -> Usage:
    thoughts = count(usage.get("thoughtsTokenCount"))
    prompt = count(usage.get("promptTokenCount"))
    return Usage(
        input_tokens=None if prompt is None else total(prompt, count(usage.get("toolUsePromptTokenCount"))),
        output_tokens=total(count(usage.get("candidatesTokenCount")), thoughts),
        cache_read_tokens=count(usage.get("cachedContentTokenCount")),
        reasoning_tokens=thoughts,
    )
