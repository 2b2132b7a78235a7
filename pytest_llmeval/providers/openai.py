"""OpenAI's chat completions, which most other servers speak as well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_llmeval.providers.base import ModelRequest, Prompt
from pytest_llmeval.providers.http_format import HttpFormat
from pytest_llmeval.providers.messages import named_schema, with_images
from pytest_llmeval.providers.reading import (
    FILTERED,
    answer_in_error,
    count,
    finish_reason,
    is_answer,
    listed,
    malformed,
    object_or_empty,
    text_or_none,
    tool_call,
)
from pytest_llmeval.reply import Answer, ToolCall, Usage

if TYPE_CHECKING:
    from pytest_llmeval.providers.openai_stream import ChatStream

__all__ = ["OpenAIChat"]


class OpenAIChat(HttpFormat):
    """The wire format of ``POST {base_url}/chat/completions``; see `Provider`.

    Args:
        name: the provider's name, as in ``groq``.
        base_url: up to and including its version, as in ``https://api.openai.com/v1``.
        api_key_env: the environment variable with the key, None when it needs none.
    """

    wire_format = "chat"

    def __init__(
        self,
        name: str = "openai",
        base_url: str | None = "https://api.openai.com/v1",
        api_key_env: str | None = "OPENAI_API_KEY",
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
        return ModelRequest(
            provider=self.name, model=model, path="/chat/completions", body=body, stream=bool(body.get("stream"))
        )

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body; of several choices the first.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return answer_in_error(body["error"])
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            error = body.get("detail") or body  # where some write what others write into ``error``
            if ("message" in body or "detail" in body) and is_answer(error):
                return answer_in_error(error)
            raise malformed(f"the response has no choices, {listed(body)}")
        choice = choices[0]
        if not isinstance(choice, dict):
            raise malformed(f"the response's choice is not an object but {type(choice).__name__}")
        if choice.get("error"):
            return answer_in_error(choice["error"])
        reason = finish_reason(choice.get("finish_reason"))
        message = choice.get("message")
        if not isinstance(message, dict):
            raise malformed(f"the response's choice has no message, {listed(choice)}")
        return Answer(
            text=_text(message.get("content")),
            tool_calls=_tool_calls(message),
            usage=_usage(body.get("usage")),
            finish_reason=reason,
            refusal=text_or_none(message.get("refusal")) or (FILTERED if reason == "content_filter" else None),
            response_model=text_or_none(body.get("model")),
            response_id=text_or_none(body.get("id")),
        )

    def stream(self) -> ChatStream:
        """A reader for one streamed response."""
        from pytest_llmeval.providers.openai_stream import ChatStream

        return ChatStream()


def _wrapped(tool: Mapping[str, Any]) -> dict[str, Any]:
    return dict(tool) if "type" in tool else {"type": "function", "function": dict(tool)}


def _text(content: Any) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):  # parts, as Mistral sends them; those that think are not the answer
        parts = (part for part in content if isinstance(part, dict) and part.get("type") in ("text", "output_text"))
        return "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    raise malformed(f"the message's content is not text but {type(content).__name__}")


def _tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    calls = message.get("tool_calls")
    if calls is None and isinstance(message.get("function_call"), dict):
        calls = [{"function": message["function_call"]}]
    if calls is None:
        return ()
    if not isinstance(calls, list):
        raise malformed(f"tool_calls is not a list but {type(calls).__name__}")
    return tuple(_tool_call(call) for call in calls)


def _tool_call(call: Any) -> ToolCall:
    function = call.get("function", call.get("custom")) if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise malformed("a tool call has no function name")
    # Ollama and some gateways send the arguments as an object, custom tools as their input.
    arguments = function.get("arguments", function.get("input"))
    google = object_or_empty(object_or_empty(call.get("extra_content")).get("google"))
    return tool_call(function.get("name"), arguments, call.get("id"), google.get("thought_signature"))


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    prompt = object_or_empty(usage.get("prompt_tokens_details"))
    completion = object_or_empty(usage.get("completion_tokens_details"))
    return Usage(
        input_tokens=count(usage.get("prompt_tokens")),
        output_tokens=count(usage.get("completion_tokens")),
        cache_read_tokens=count(prompt.get("cached_tokens", usage.get("prompt_cache_hit_tokens"))),  # second: DeepSeek
        cache_write_tokens=count(prompt.get("cache_write_tokens")),
        reasoning_tokens=count(completion.get("reasoning_tokens")),
    )
