"""OpenAI's chat completions, whole and streamed; most other servers speak them as well."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.answers import provider_tools
from pytest_llmeval.formats.answers.chat_stream import JOINED, ChatStream, text_in
from pytest_llmeval.formats.answers.spent import chat_usage, told_cost
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, WireFormat
from pytest_llmeval.formats.replay import UNNAMED, call_id, known, pieces_of, total_tokens, unnamed, usage_field
from pytest_llmeval.reply import OWN_FORM, Answer, ToolCall
from pytest_llmeval.text import first_line


def _check_file(url: str) -> None:
    kind = messages.media_type(url)
    if messages.inline_data(url) is None:
        raise messages.refused(
            "chat completions take no address of a PDF or a sound; give its path or bytes (openai-responses, anthropic "
            "and gemini take the address of a PDF)"
        )
    if kind.startswith("audio/") and kind not in ("audio/wav", "audio/mpeg"):
        raise messages.refused(
            f"chat completions take sounds as WAV or MP3, not {first_line(kind, 40)}; gemini takes others"
        )


class OpenAIChat(WireFormat):
    """The wire format of ``POST {base_url}/chat/completions``.

    Args:
        name: the provider's name, as in ``groq``.
        base_url: up to and including its version, as in ``https://api.openai.com/v1``.
        api_key_env: the environment variable with the key, None when it needs none.
    """

    address = Address(
        "https://api.openai.com/v1", "OPENAI_API_KEY", {"OPENAI_BASE_URL": "/v1", "OPENAI_API_BASE": "/v1"}
    )
    wire_format = "chat"
    family = "OpenAI's"
    path = "/chat/completions"

    def __init__(
        self,
        name: str = "openai",
        base_url: str | None = address.base_url,
        api_key_env: str | None = address.api_key_env,
    ) -> None:
        super().__init__(name, base_url, api_key_env)

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        A schema becomes ``response_format``: a plain JSON schema as ``{"name", "schema"}`` without ``strict``,
        since strict mode takes only some schemas; ``{"name", "schema", "strict": true}`` is passed on as it is.

        Raises:
            ProviderError: kind ``bad_request``: a file is none that chat completions take.
        """
        for url in prompt.files:
            _check_file(url)
        body: dict[str, Any] = {
            "model": model,
            "messages": [_sent(message) for message in messages.conversation(prompt)],
        }
        if prompt.tools:
            body["tools"] = [_wrapped(tool) for tool in prompt.tools]
        if prompt.schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": messages.named_schema(prompt.schema)}
        body.update(prompt.params)
        if prompt.stream:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        return ModelRequest(provider=self.name, model=model, path=self.path, body=body, stream=bool(body.get("stream")))

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body; of several choices the first.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return reading.answer_in_error(body["error"])
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            error = body.get("detail") or body  # where some write what others write into ``error``
            with suppress(ProviderError):
                if "message" in body or "detail" in body:
                    return reading.answer_in_error(error)
            raise reading.malformed(f"the response has no choices, {reading.listed(body)}")
        choice = choices[0]
        if not isinstance(choice, dict):
            raise reading.malformed(f"the response's choice is not an object but {type(choice).__name__}")
        if choice.get("error"):
            return reading.answer_in_error(choice["error"])
        reason = reading.finish_reason(choice.get("finish_reason"))
        message = choice.get("message")
        if not isinstance(message, dict):
            raise reading.malformed(f"the response's choice has no message, {reading.listed(choice)}")
        return Answer(
            text=_text(message.get("content")) or _spoken(message, "transcript"),
            tool_calls=_tool_calls(message),
            provider_tool_calls=provider_tools.of_chat(message),
            usage=chat_usage(body.get("usage")),
            cost=told_cost(body.get("usage")),
            finish_reason=reason,
            refusal=reading.text_or_none(message.get("refusal"))
            or (reading.FILTERED if reason == "content_filter" else None),
            response_model=reading.text_or_none(body.get("model")),
            response_id=reading.text_or_none(body.get("id")),
            thinking=_thinking(message),
            goes_back=_goes_back(message),
        )

    def stream(self) -> ChatStream:
        """A reader for one streamed response."""
        return ChatStream()

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        yield from map(unnamed, _chunks(body, pieces))
        yield unnamed({"error": body["error"]}) if body.get("error") else Event("", "[DONE]")

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal}
        if not answer.text and not answer.tool_calls and not answer.refusal:
            message["content"] = ""
        message |= {name: value for name, value in answer.goes_back.items() if name != OWN_FORM}
        if "audio" in message:
            message["audio"] = {**message["audio"], "transcript": answer.text, "data": "", "expires_at": 0}
            message["content"] = None
        if content := messages.own_content(answer, "chat") or messages.own_content(answer, messages.TEXT):
            message["content"] = content
        if answer.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call_id(call, place),
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.raw_arguments},
                    **_signed(call),
                }
                for place, call in enumerate(answer.tool_calls)
            ]
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason or "stop", "logprobs": None}
        body = {
            "id": answer.response_id or UNNAMED,
            "object": "chat.completion",
            "created": 0,
            "model": answer.response_model or model,
            "choices": [choice],
        }
        usage = answer.usage
        counts = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": total_tokens(usage),
        }
        given = known({"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens})
        made = known({"reasoning_tokens": usage.reasoning_tokens})
        details = {"prompt_tokens_details": given, "completion_tokens_details": made}
        return body | usage_field("usage", counts, details)


def _sent(message: dict[str, Any]) -> dict[str, Any]:
    content = messages.as_it_came(message, "chat") or messages.as_it_came(message, messages.TEXT)
    message.pop(OWN_FORM, None)
    if message.get("audio"):  # which the provider has kept, so that the words are not said again
        message["content"] = None
    return message if content is None else {**message, "content": content}


_THOUGHTS = ("reasoning_content", "reasoning")  # the first is DeepSeek's and of most others
_WANTED_BACK = (*_THOUGHTS, "reasoning_details")


def _thinking(message: Mapping[str, Any]) -> str:
    thoughts = next((text for name in _THOUGHTS if (text := reading.text_or_none(message.get(name)))), "")
    parts = [part for part in reading.objects(message.get("content")) if part.get("type") == "thinking"]  # Mistral's
    return thoughts or "".join(text_in(part.get("thinking")) for part in parts)


def _goes_back(message: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: message[name] for name in _WANTED_BACK if message.get(name)}
    if identity := _spoken(message, "id"):
        kept["audio"] = {"id": identity}
    content = message.get("content")
    if any(part.get("type") not in ("text", "output_text") for part in reading.objects(content)):
        kept |= messages.kept_as_it_came("chat", content)
    return kept


def _signed(call: ToolCall) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": call.signature}}} if call.signature else {}


def _wrapped(tool: Mapping[str, Any]) -> dict[str, Any]:
    return dict(tool) if "type" in tool else {"type": "function", "function": dict(tool)}


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, (str, list)):
        return text_in(content)
    raise reading.malformed(f"the message's content is not text but {type(content).__name__}")


def _spoken(message: Mapping[str, Any], name: str) -> str:
    return reading.text_or_none(reading.object_or_empty(message.get("audio")).get(name)) or ""


def _tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    if not calls and (called := reading.object_or_empty(message.get("function_call"))):
        calls = [{"function": called}]
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise reading.malformed(f"tool_calls is not a list but {type(calls).__name__}")
    return tuple(_tool_call(call) for call in calls if not messages.is_empty_call(call))


def _tool_call(call: Any) -> ToolCall:
    function = call.get("function", call.get("custom")) if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise reading.malformed("a tool call has no function name")
    # Ollama and some gateways send the arguments as an object, custom tools as their input.
    arguments = function.get("arguments", function.get("input"))
    google = reading.object_or_empty(reading.object_or_empty(call.get("extra_content")).get("google"))
    return reading.tool_call(function.get("name"), arguments, call.get("id"), google.get("thought_signature"))


def _chunks(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    head = {name: value for name, value in body.items() if name not in ("choices", "error", "usage")}
    if "object" in head:
        head["object"] = "chat.completion.chunk"

    def chunk(index: object, delta: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None, **more}]}

    for place, choice in enumerate(reading.objects(body.get("choices"))):
        index = choice.get("index", place)
        message = reading.object_or_empty(choice.get("message"))
        texts = {name: value for name, value in message.items() if name in JOINED and isinstance(value, str)}
        first = {name: value for name, value in message.items() if name not in texts and name != "tool_calls"}
        yield chunk(index, {**first, **dict.fromkeys(texts, "")})
        for name, text in texts.items():
            for piece in pieces_of(text, pieces):
                yield chunk(index, {name: piece})
        for number, call in enumerate(reading.objects(message.get("tool_calls"))):
            kind, field = ("custom", "input") if "custom" in call else ("function", "arguments")
            function = reading.object_or_empty(call.get(kind))
            given = function.get(field)
            text = given if isinstance(given, str) else json.dumps(given or {})
            yield chunk(index, {"tool_calls": [{**call, "index": number, kind: {**function, field: ""}}]})
            for piece in pieces_of(text, pieces):
                yield chunk(index, {"tool_calls": [{"index": number, kind: {field: piece}}]})
        ending = {name: value for name, value in choice.items() if name not in ("index", "message")}
        if ending.get("finish_reason") or not body.get("error"):  # an error ends a stream without one
            yield chunk(index, {}, **ending)
    if "usage" in body:
        yield {**head, "choices": [], "usage": body["usage"]}
