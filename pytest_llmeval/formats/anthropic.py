"""Anthropic's Messages, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult

from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.answers import provider_tools
from pytest_llmeval.formats.answers.spent import messages_usage, told_cost
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, Recognised, WireFormat
from pytest_llmeval.formats.replay import UNNAMED, call_id, known, named, pieces_of, usage_field
from pytest_llmeval.json_text import sent_json
from pytest_llmeval.reply import OWN_FORM, Answer
from pytest_llmeval.text import first_line

_VERSION = "2026-10-21"
_THINKING = ("thinking", "redacted_thinking")


class AnthropicMessages(WireFormat):
    """The wire format of ``POST {base_url}/messages``."""

    address = Address(
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        {"ANTHROPIC_BASE_URL": "", "ANTHROPIC_API_BASE": ""},
        other_keys=("ANTHROPIC_AUTH_TOKEN",),
        version="/v1",
        hosts=("claude.googleapis.com",),
    )
    wire_format = "messages"
    family = "Anthropic's"
    path = "/messages"
    meant: tuple[str, ...] = ("anthropic-version", "anthropic-beta")
    key_header = "x-api-key"  # in all versions
    key_scheme = ""

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        System messages at the start become ``system``, tool calls and their results become blocks, a schema becomes
        ``output_config.format``. The parameter ``anthropic_version`` is sent as the header, 2026-10-21 unless given.
        Blocks that have this form already are passed on as they are.

        Raises:
            ProviderError: kind ``bad_request``: ``max_tokens`` is missing, or a tool call in the messages is invalid.
        """
        params = dict(prompt.params)
        version = str(params.pop("anthropic_version", _VERSION))
        system, turns = messages.leading_system(messages.conversation(prompt))
        body: dict[str, Any] = {"model": model, "messages": _turns(turns)}
        if system:
            text = messages.plain_text(system)
            parts = [part for message in system for part in messages.parts_of(message.get("content"))]
            body["system"] = parts if text is None else text
        if prompt.tools:
            body["tools"] = [_tool(tool) for tool in prompt.tools]
        if prompt.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": messages.plain_schema(prompt.schema)}}
        body = messages.with_params(body, params)
        if prompt.stream:
            body["stream"] = True
        if body.get("max_tokens") is None:
            raise messages.refused(
                f"{self.name}/{first_line(model, 80)}: Anthropic wants max_tokens and none was given; "
                "set params = { max_tokens = 1024 } for this model in [tool.llmeval.models], "
                "or ask llm(..., max_tokens=1024)"
            )
        headers, stream = {"anthropic-version": version}, bool(body.get("stream"))
        return ModelRequest(provider=self.name, model=model, path=self.path, body=body, headers=headers, stream=stream)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return reading.answer_in_error(body["error"])
        content = body.get("content")
        if not isinstance(content, list):
            raise reading.malformed(f"the response has no content, {reading.listed(body)}")
        texts = [block.get("text") for block in reading.objects(content) if block.get("type") == "text"]
        reason = reading.finish_reason(body.get("stop_reason"))
        usage, beside = messages_usage(reading.object_or_empty(body.get("usage")), body.get("model"))
        return Answer(
            text="".join(text for text in texts if isinstance(text, str)),
            tool_calls=tuple(
                reading.tool_call(block.get("name"), block.get("input"), block.get("id"))
                for block in reading.objects(content)
                if block.get("type") == "tool_use"
            ),
            provider_tool_calls=provider_tools.of_messages(reading.objects(content)),
            usage=usage,
            beside=beside,
            cost=told_cost(body.get("usage")),
            finish_reason=reason,
            refusal=_refusal(reading.object_or_empty(body.get("stop_details"))) if reason == "content_filter" else None,
            response_model=reading.text_or_none(body.get("model")),
            response_id=reading.text_or_none(body.get("id")),
            thinking="".join(map(_thought, reading.objects(content))),
            goes_back=_goes_back(reading.objects(content)),
        )

    def stream(self) -> MessagesStream:
        """A reader for one streamed response."""
        return MessagesStream()

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model; services for chats of people have such paths and bodies too."""
        is_ours = "anthropic-version" in headers or "max_tokens" in body
        return super().recognise(url, headers, body) if is_ours else None

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        ending = {
            name: body[name] for name in ("stop_reason", "stop_sequence", "stop_details", "container") if name in body
        }
        usage = reading.object_or_empty(body.get("usage"))
        start = {**body, **dict.fromkeys(ending), "content": []}
        error = start.pop("error", None)
        if error is None or "role" in start:  # else the error was all that came
            yield named({"type": "message_start", "message": start})
        for index, block in enumerate(reading.objects(body.get("content"))):
            empty, deltas = _deltas(block, pieces)
            yield named({"type": "content_block_start", "index": index, "content_block": {**block, **empty}})
            for delta in deltas:
                yield named({"type": "content_block_delta", "index": index, "delta": delta})
            yield named({"type": "content_block_stop", "index": index})
        if error is not None:
            yield named({"type": "error", "error": error})
            return
        yield named({"type": "message_delta", "delta": ending, "usage": usage})
        yield named({"type": "message_stop"})

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        content = messages.own_content(answer, "messages")
        if content is None:
            content = [{"type": "text", "text": answer.text}] if answer.text else []
            for place, call in enumerate(answer.tool_calls):
                given = call.arguments if call.arguments is not None else call.raw_arguments
                content.append({"type": "tool_use", "id": call_id(call, place), "name": call.name, "input": given})
        reason = answer.finish_reason or "stop"
        body: dict[str, Any] = {
            "id": answer.response_id or UNNAMED,
            "type": "message",
            "role": "assistant",
            "model": answer.response_model or model,
            "content": content,
            "stop_reason": _STOP_REASONS.get(reason, reason),
            "stop_sequence": None,
        }
        if answer.refusal:
            body["stop_details"] = {"type": "refusal", "explanation": answer.refusal}
        usage = answer.usage
        stored = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        counts = {
            "input_tokens": None if usage.input_tokens is None else max(0, usage.input_tokens - stored),
            "output_tokens": usage.output_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
        }
        details = {"output_tokens_details": known({"thinking_tokens": usage.reasoning_tokens})}
        return body | {"usage": {"input_tokens": 0, "output_tokens": 0}} | usage_field("usage", counts, details)


def _turns(said: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    turns: list[dict[str, Any]] = []
    results: list[dict[str, Any]] | None = None  # of the tools called last; they belong into one message
    for message in said:
        if message.get("role") != "tool":
            results = None
            turns.append({"role": message.get("role"), "content": _content(message)})
            continue
        if results is None:
            results = []
            turns.append({"role": "user", "content": results})
        result = {"type": "tool_result", "tool_use_id": message.get("tool_call_id"), "content": _content(message)}
        results.append(result)
    return turns


def _content(message: Mapping[str, Any]) -> str | list[dict[str, Any]]:
    content = message.get("content")
    calls = messages.past_calls(message)
    if isinstance(content, str) and not calls and not message.get("thinking_blocks") and OWN_FORM not in message:
        return content
    came = messages.as_it_came(message, "messages")
    if came is not None:
        return [block for block in came if not messages.is_blank_text(block)]
    blocks = [dict(block) for block in message.get("thinking_blocks") or ()]
    parts = messages.parts_of(content)
    if message.get("role") == "assistant":
        parts = [part for part in parts if not messages.is_blank_text(part)]
    blocks += map(_block, parts)
    blocks += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments} for call in calls]
    return blocks


def _thought(block: Mapping[str, Any]) -> str:
    return reading.text_or_none(block.get("thinking")) or "" if block.get("type") == "thinking" else ""


def _goes_back(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """All blocks in their order, when there are others than texts and then calls; thoughts alone are not taken back."""
    said = [str(block.get("type")) for block in blocks if not messages.is_blank_text(block)]
    is_plain = set(said) <= {"text", "tool_use"} and said == sorted(said)
    return {} if is_plain or set(said) <= set(_THINKING) else messages.kept_as_it_came("messages", blocks)


def _block(part: dict[str, Any]) -> dict[str, Any]:
    image, url = messages.image_url(part), messages.file_url(part)
    if image is None and url is None:
        return part
    if url is not None and messages.media_type(url).startswith("audio/"):
        raise messages.refused(
            "Messages take text, images and PDF, and no sound; chat completions (openai) and gemini do"
        )
    kind, where = ("document", url or "") if image is None else ("image", image)
    inline = messages.inline_data(where)
    if inline is None:
        return {"type": kind, "source": {"type": "url", "url": where}}
    return {"type": kind, "source": {"type": "base64", "media_type": inline[0], "data": inline[1]}}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = messages.function_of(tool)
    if function is None:
        return dict(tool)
    renamed = {"input_schema" if name == "parameters" else name: value for name, value in function.items()}
    return {"input_schema": {"type": "object"}, **renamed}


def _refusal(details: Mapping[str, Any]) -> str:
    category = reading.text_or_none(details.get("category"))
    return reading.text_or_none(details.get("explanation")) or (f"refused: {category}" if category else "refused")


def _deltas(block: Mapping[str, Any], pieces: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What of a block is empty at its start, and what then fills it."""
    empty: dict[str, Any] = {}
    deltas: list[dict[str, Any]] = []
    for name in ("thinking", "text"):
        if isinstance(block.get(name), str):
            empty[name] = ""
            deltas += [{"type": f"{name}_delta", name: piece} for piece in pieces_of(block[name], pieces)]
    if block.get("type") == "thinking" and isinstance(block.get("signature"), str):
        empty["signature"] = ""
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    if isinstance(block.get("citations"), list):
        empty["citations"] = []
        deltas += [{"type": "citations_delta", "citation": citation} for citation in block["citations"]]
    if block.get("input"):  # {} is what a block starts with anyway
        given = block["input"]
        text = given if isinstance(given, str) else json.dumps(given)
        empty["input"] = {}
        deltas += [{"type": "input_json_delta", "partial_json": piece} for piece in pieces_of(text, pieces)]
    return empty, deltas


_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}

# What a delta of each type adds to, and whether that is content a user sees.
_DELTAS = {
    "text_delta": ("text", True),
    "thinking_delta": ("thinking", False),
    "signature_delta": ("signature", False),
}


class MessagesStream:
    """Reads the events of one streamed message; see `StreamReader`."""

    def __init__(self) -> None:
        self.done = False
        self.answered = False
        self._message: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}  # of tools, as JSON, as far as they have come

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text or a tool call."""
        content = reading.event_object(event)
        kind = content.get("type") or event.name
        if kind == "error" or content.get("error"):
            error = content.get("error") or content
            reading.answer_in_error(error)
            self._message = {**(self._message or {}), "error": error}
            self.done = True
            return False
        number = content.get("index")
        number = number if isinstance(number, int) else 0
        if kind == "message_start":
            self._message = dict(reading.object_or_empty(content.get("message")))
            self._usage.update(reading.object_or_empty(self._message.get("usage")))
        elif kind == "content_block_start":
            self._blocks[number] = dict(reading.object_or_empty(content.get("content_block")))
            return self._blocks[number].get("type") == "tool_use"
        elif kind == "content_block_delta":
            return self._add(number, reading.object_or_empty(content.get("delta")))
        elif kind == "message_delta" and self._message is not None:
            self._message.update(reading.object_or_empty(content.get("delta")))
            # Cumulative; what is left out is what the start of the message said.
            usage = reading.object_or_empty(content.get("usage"))
            self._usage.update((name, value) for name, value in usage.items() if value is not None)
            self.answered = bool(self._message.get("stop_reason"))
        elif kind == "message_stop":
            self.done = True
        return False

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it."""
        if self._message is None or not (self.done or self._message.get("stop_reason")):
            texts = [block.get("text") for block in self._blocks.values()]
            got = sum(len(text) for text in texts if isinstance(text, str))
            raise reading.cut(got, "without a stop_reason")
        content = [self._finished(number) for number in sorted(self._blocks)]
        return {**self._message, "content": content, "usage": self._usage}

    def _add(self, number: int, delta: dict[str, Any]) -> bool:
        block = self._blocks.setdefault(number, {})
        kind = delta.get("type")
        if kind == "input_json_delta":
            piece = delta.get("partial_json")
            self._inputs[number] = self._inputs.get(number, "") + (piece if isinstance(piece, str) else "")
            return bool(piece)
        if kind == "citations_delta":
            before = block.get("citations")
            block["citations"] = [*(before if isinstance(before, list) else ()), delta.get("citation")]
            return False
        name, seen = _DELTAS.get(kind if isinstance(kind, str) else "", ("", False))
        piece = delta.get(name)
        if not isinstance(piece, str):
            return False
        before = block.get(name)
        block[name] = (before if isinstance(before, str) else "") + piece
        return seen and bool(piece)

    def _finished(self, number: int) -> dict[str, Any]:
        block, text = self._blocks[number], self._inputs.get(number)
        if not text:
            return block
        try:
            return {**block, "input": sent_json(text)}
        except ValueError:  # max_tokens ended the call in the middle of its arguments
            return {**block, "input": text}
