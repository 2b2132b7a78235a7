"""OpenAI's chat completions, whole and streamed; most other servers speak them as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats import provider_tools, reading
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, WireFormat
from pytest_llmeval.formats.messages import named_schema, with_images
from pytest_llmeval.formats.replay import UNNAMED, call_id, known, pieces_of, total_tokens, unnamed, usage_field
from pytest_llmeval.reply import Answer, ToolCall, Usage


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
        """
        body: dict[str, Any] = {"model": model, "messages": with_images(prompt.messages, prompt.images)}
        if prompt.tools:
            body["tools"] = [_wrapped(tool) for tool in prompt.tools]
        if prompt.schema is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": named_schema(prompt.schema)}
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
            text=_text(message.get("content")),
            tool_calls=_tool_calls(message),
            provider_tool_calls=provider_tools.of_chat(message),
            usage=_usage(body.get("usage")),
            finish_reason=reason,
            refusal=reading.text_or_none(message.get("refusal"))
            or (reading.FILTERED if reason == "content_filter" else None),
            response_model=reading.text_or_none(body.get("model")),
            response_id=reading.text_or_none(body.get("id")),
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


def _signed(call: ToolCall) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": call.signature}}} if call.signature else {}


def _wrapped(tool: Mapping[str, Any]) -> dict[str, Any]:
    return dict(tool) if "type" in tool else {"type": "function", "function": dict(tool)}


def _text_of_parts(parts: list[Any], kinds: tuple[str, ...]) -> str:
    """The text of parts, as Mistral sends them; those that think are not the answer."""
    texts = (part.get("text") for part in reading.objects(parts) if part.get("type") in kinds)
    return "".join(text for text in texts if isinstance(text, str))


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return _text_of_parts(content, ("text", "output_text"))
    raise reading.malformed(f"the message's content is not text but {type(content).__name__}")


def _tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    if calls is None and isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise reading.malformed(f"tool_calls is not a list but {type(calls).__name__}")
    return tuple(_tool_call(call) for call in calls)


def _tool_call(call: Any) -> ToolCall:
    function = call.get("function", call.get("custom")) if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise reading.malformed("a tool call has no function name")
    # Ollama and some gateways send the arguments as an object, custom tools as their input.
    arguments = function.get("arguments", function.get("input"))
    google = reading.object_or_empty(reading.object_or_empty(call.get("extra_content")).get("google"))
    return reading.tool_call(function.get("name"), arguments, call.get("id"), google.get("thought_signature"))


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    prompt = reading.object_or_empty(usage.get("prompt_tokens_details"))
    cached = prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))  # the second is DeepSeek's
    completion = reading.object_or_empty(usage.get("completion_tokens_details"))
    return Usage(
        input_tokens=reading.count(usage.get("prompt_tokens")),
        output_tokens=reading.count(usage.get("completion_tokens")),
        cache_read_tokens=reading.count(cached),
        cache_write_tokens=reading.count(prompt.get("cache_write_tokens")),
        reasoning_tokens=reading.count(completion.get("reasoning_tokens")),
    )


_JOINED = ("content", "refusal", "reasoning", "reasoning_content")


def _chunks(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    head = {name: value for name, value in body.items() if name not in ("choices", "error", "usage")}
    if "object" in head:
        head["object"] = "chat.completion.chunk"

    def chunk(index: object, delta: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        return {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None, **more}]}

    for place, choice in enumerate(reading.objects(body.get("choices"))):
        index = choice.get("index", place)
        message = reading.object_or_empty(choice.get("message"))
        texts = {name: value for name, value in message.items() if name in _JOINED and isinstance(value, str)}
        first = {name: value for name, value in message.items() if name not in texts and name != "tool_calls"}
        yield chunk(index, {**first, **dict.fromkeys(texts, "")})
        for name, text in texts.items():
            for piece in pieces_of(text, pieces):
                yield chunk(index, {name: piece})
        for number, call in enumerate(reading.objects(message.get("tool_calls"))):
            function = reading.object_or_empty(call.get("function"))
            yield chunk(index, {"tool_calls": [{**call, "index": number, "function": {**function, "arguments": ""}}]})
            arguments = function.get("arguments")
            for piece in pieces_of(arguments, pieces) if isinstance(arguments, str) else ():
                yield chunk(index, {"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        ending = {name: value for name, value in choice.items() if name not in ("index", "message")}
        if ending.get("finish_reason") or not body.get("error"):  # an error ends a stream without one
            yield chunk(index, {}, **ending)
    if "usage" in body:
        yield {**head, "choices": [], "usage": body["usage"]}


class ChatStream:
    """Reads the chunks of one streamed chat completion; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self._head: dict[str, Any] = {}
        self._usage: Any = None
        self._choices: dict[int, dict[str, Any]] = {}

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
            got = sum(len(choice["message"]["content"] or "") for choice in self._choices.values())
            raise reading.cut(got, "without a finish_reason or [DONE]")
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
        return _merge_delta(choice["message"], reading.object_or_empty(piece.get("delta")))


def _merge_delta(message: dict[str, Any], delta: dict[str, Any]) -> bool:
    carries = False
    for name, value in delta.items():
        if name == "tool_calls":
            for call in reading.objects(value):
                _merge_call(message.setdefault("tool_calls", []), call)
                carries = True
        elif name in _JOINED:
            text = _streamed_text(value)
            if text is not None:
                message[name] = (message.get(name) or "") + text
                carries |= bool(text) and name in ("content", "refusal")
        elif value is not None:
            message[name] = value
    return carries


def _streamed_text(value: Any) -> str | None:
    if isinstance(value, list):
        return _text_of_parts(value, ("text",))
    return value if isinstance(value, str) else None


def _merge_call(calls: list[dict[str, Any]], piece: dict[str, Any]) -> None:
    function = reading.object_or_empty(piece.get("function"))
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
