"""Bedrock's Converse, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.answers.spent import converse_usage
from pytest_llmeval.formats.base import Event, Found, ModelRequest, Prompt, Recognised, WireFormat
from pytest_llmeval.formats.clouds import aws
from pytest_llmeval.formats.replay import call_id, pieces_of, total_tokens, usage_field
from pytest_llmeval.json_text import sent_json
from pytest_llmeval.reply import Answer
from pytest_llmeval.text import first_line

_METHODS = {"converse": False, "converse-stream": True}
_INFERENCE = {"maxTokens", "temperature", "topP", "stopSequences"}
_FIELDS = {
    *("additionalModelRequestFields", "additionalModelResponseFieldPaths", "guardrailConfig", "inferenceConfig"),
    *("messages", "outputConfig", "performanceConfig", "projectIdentifier", "promptVariables", "requestMetadata"),
    *("serviceTier", "system", "toolConfig"),
}
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "content_filtered",
    "invalid_tool_call": "malformed_tool_use",
}


class BedrockConverse(WireFormat):
    """The wire format of ``POST {base_url}/model/{model}/converse``."""

    address = aws.ADDRESS
    wire_format = "converse"
    family = "Bedrock's"
    signs = True
    key_help = aws.KEY_HELP
    needs = aws.NEEDS

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        System messages at the start become ``system``, tool calls and their results become blocks, a schema becomes
        ``outputConfig.textFormat``. Of the parameters, ``maxTokens``, ``temperature``, ``topP`` and ``stopSequences``
        go into ``inferenceConfig``, the fields of the request to their places, all others into
        ``additionalModelRequestFields``.

        Raises:
            ProviderError: kind ``bad_request``: a tool call in the messages is invalid, or an image is elsewhere.
        """
        params = dict(prompt.params)
        stream = bool(params.pop("stream", False)) or prompt.stream
        system, turns = messages.leading_system(messages.conversation(prompt))
        body: dict[str, Any] = {"messages": _turns(turns)}
        if system:
            body["system"] = [_block(part) for message in system for part in messages.parts_of(message.get("content"))]
        if prompt.tools:
            body["toolConfig"] = {"tools": [_tool(tool) for tool in prompt.tools]}
        if prompt.schema is not None:
            named = messages.named_schema(prompt.schema)
            schema = {"name": named["name"], "schema": json.dumps(named["schema"])}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
        for name, value in params.items():
            place = self.place_of(name)
            body = messages.with_params(body, {place[0]: {place[1]: value} if len(place) > 1 else value})
        path = aws.path_of(model, "converse-stream" if stream else "converse")
        return ModelRequest(provider=self.name, model=model, path=path, body=body, stream=stream)

    def place_of(self, parameter: str) -> tuple[str, ...]:
        """The keys that lead to a sampling parameter in the body of a request."""
        if parameter in _FIELDS:
            return (parameter,)
        return ("inferenceConfig" if parameter in _INFERENCE else "additionalModelRequestFields", parameter)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return reading.answer_in_error(body["error"])
        message = reading.object_or_empty(reading.object_or_empty(body.get("output")).get("message"))
        if not isinstance(message.get("content"), list):
            raise reading.malformed(f"the response has no output.message.content, {reading.listed(body)}")
        blocks = reading.objects(message["content"])
        word = reading.text_or_none(body.get("stopReason"))
        reason = reading.finish_reason(word)
        used = [reading.object_or_empty(block["toolUse"]) for block in blocks if "toolUse" in block]
        calls = {is_own: [call for call in used if _is_providers(call) is is_own] for is_own in (False, True)}
        router = reading.object_or_empty(reading.object_or_empty(body.get("trace")).get("promptRouter"))
        return Answer(
            text="".join(map(_text, blocks)),
            tool_calls=tuple(map(_call, calls[False])),
            provider_tool_calls=tuple(map(_call, calls[True])),
            usage=converse_usage(body.get("usage")),
            finish_reason=reason,
            refusal=f"{reading.FILTERED}: {word}" if reason == "content_filter" else None,
            response_model=reading.text_or_none(router.get("invokedModelId")),
            thinking="".join(map(_thought, blocks)),
            goes_back=_goes_back(blocks),
        )

    def stream(self) -> ConverseStream:
        """A reader for one streamed response."""
        return ConverseStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
        """What a response with an error status means."""
        return aws.failure_at(status, headers, body)

    @staticmethod
    def found_in(environment: Mapping[str, str]) -> Found | None:
        """Where the environment leads the provider's SDKs."""
        return aws.found_in(environment)

    def may_ask(self, path: str) -> bool:
        """Whether a request with this path is worth a closer look."""
        return aws.asks_by(_METHODS, path)

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model; None for other requests."""
        return aws.recognised_by(_METHODS, self, url, headers, body)

    def path_to(self, asked: Recognised, model: str) -> str:
        """The path that names another model for a request."""
        return aws.path_to(asked, model)

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        message = reading.object_or_empty(reading.object_or_empty(body.get("output")).get("message"))
        if message:
            yield _event("messageStart", {"role": message.get("role", "assistant")})
            for index, block in enumerate(reading.objects(message.get("content"))):
                start, deltas = _deltas(block, pieces)
                if start:
                    yield _event("contentBlockStart", {"start": start, "contentBlockIndex": index})
                for delta in deltas:
                    yield _event("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
                yield _event("contentBlockStop", {"contentBlockIndex": index})
        if body.get("error"):
            yield aws.event_of(body["error"])
            return
        ending = {name: body[name] for name in ("stopReason", "additionalModelResponseFields") if name in body}
        yield _event("messageStop", ending)
        yield _event("metadata", {name: value for name, value in body.items() if name not in ("output", *ending)})

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        content = messages.own_content(answer, "converse")
        if content is None:
            content = [{"text": answer.text}] if answer.text else []
            for place, call in enumerate(answer.tool_calls):
                given = call.arguments if call.arguments is not None else call.raw_arguments
                content.append({"toolUse": {"toolUseId": call_id(call, place), "name": call.name, "input": given}})
        reason, usage = answer.finish_reason or "stop", answer.usage
        stored = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        counts = {
            "inputTokens": None if usage.input_tokens is None else max(0, usage.input_tokens - stored),
            "outputTokens": usage.output_tokens,
            "totalTokens": total_tokens(usage),
            "cacheReadInputTokens": usage.cache_read_tokens,
            "cacheWriteInputTokens": usage.cache_write_tokens,
        }
        body = {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _STOP_REASONS.get(reason, reason),
            "metrics": {"latencyMs": 0},
            "usage": {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0},
            **usage_field("usage", counts),
        }
        if answer.response_model:
            body["trace"] = {"promptRouter": {"invokedModelId": answer.response_model}}
        return body


def _event(name: str, content: Mapping[str, Any]) -> Event:
    return Event(name, json.dumps(content))


def _text(block: Mapping[str, Any]) -> str:
    cited = reading.objects(reading.object_or_empty(block.get("citationsContent")).get("content"))
    return "".join(text for part in (block, *cited) if isinstance(text := part.get("text"), str))


def _thought(block: Mapping[str, Any]) -> str:
    thought = reading.object_or_empty(block.get("reasoningContent"))
    return reading.text_or_none(reading.object_or_empty(thought.get("reasoningText")).get("text")) or ""


def _is_providers(call: Mapping[str, Any]) -> bool:
    return call.get("type") == "server_tool_use"


def _call(call: Mapping[str, Any]) -> Any:
    return reading.tool_call(call.get("name"), call.get("input"), call.get("toolUseId"))


def _is_blank(block: Mapping[str, Any]) -> bool:
    return block.keys() == {"text"} and not str(block["text"] or "").strip()


def _goes_back(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """All blocks in their order, when there are others than texts and then calls; thoughts alone are not taken back."""
    said = [str(next(iter(block), "")) for block in blocks if not _is_blank(block)]
    is_plain = set(said) <= {"text", "toolUse"} and said == sorted(said)
    return {} if is_plain or set(said) <= {"reasoningContent"} else messages.kept_as_it_came("converse", blocks)


def _turns(said: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The messages; those of one role that follow each other are one, since Bedrock wants the roles by turns."""
    turns: list[dict[str, Any]] = []
    for message in said:
        is_result = message.get("role") == "tool"
        role = "user" if is_result else message.get("role")
        content = [_result(message)] if is_result else _content(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        else:
            turns.append({"role": role, "content": content})
    return turns


def _result(message: Mapping[str, Any]) -> dict[str, Any]:
    content = [_block(part) for part in messages.parts_of(message.get("content"))]
    return {"toolResult": {"toolUseId": message.get("tool_call_id"), "content": content}}


def _content(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    came = messages.as_it_came(message, "converse")
    if came is not None:
        return [dict(block) for block in came if not _is_blank(block)]
    blocks = [_block(part) for part in messages.parts_of(message.get("content"))]
    if message.get("role") == "assistant":
        blocks = [block for block in blocks if not _is_blank(block)]
    calls = messages.past_calls(message)
    return blocks + [
        {"toolUse": {"toolUseId": call.id, "name": call.name, "input": dict(call.arguments)}} for call in calls
    ]


def _block(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a message as a block; one that has Bedrock's form already is left as it is."""
    if part.get("type") == "text":
        return {"text": part.get("text")}
    url = messages.image_url(part)
    if url is None:
        return part
    inline = messages.inline_data(url)
    if inline is not None:
        kind, data = inline[0].partition("/")[2], inline[1]
        return {"image": {"format": "jpeg" if kind == "jpg" else kind, "source": {"bytes": data}}}
    if url.startswith("s3://"):
        kind = url.rpartition(".")[2].lower()
        source = {"s3Location": {"uri": url}}
        return {"image": {"format": "jpeg" if kind == "jpg" else kind, "source": source}}
    raise messages.refused(
        f"Bedrock's Converse loads no image from an address: {first_line(url, 80)}; "
        "give the file or its bytes to images=, or an s3:// address"
    )


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = messages.function_of(tool)
    if function is None:
        return dict(tool)
    about = {name: value for name, value in function.items() if name != "parameters" and value not in (None, "")}
    return {"toolSpec": {**about, "inputSchema": {"json": function.get("parameters") or {"type": "object"}}}}


def _deltas(block: Mapping[str, Any], pieces: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What of a block is said at its start, and what follows."""
    if "toolUse" in block:
        call = reading.object_or_empty(block["toolUse"])
        given = call.get("input")
        text = given if isinstance(given, str) else json.dumps(given) if given else ""
        start = {name: value for name, value in call.items() if name != "input"}
        return {"toolUse": start}, [{"toolUse": {"input": piece}} for piece in pieces_of(text, pieces) or [""]]
    if "reasoningContent" in block:
        thought = reading.object_or_empty(block["reasoningContent"])
        told = reading.object_or_empty(thought.get("reasoningText"))
        deltas = [{"text": piece} for piece in pieces_of(str(told.get("text") or ""), pieces)]
        deltas += [{"signature": told["signature"]}] if "signature" in told else []
        deltas += [{"redactedContent": thought["redactedContent"]}] if "redactedContent" in thought else []
        return {}, [{"reasoningContent": delta} for delta in deltas]
    if "citationsContent" in block or "text" in block:
        citations = reading.objects(reading.object_or_empty(block.get("citationsContent")).get("citations"))
        texts = [{"text": piece} for piece in pieces_of(_text(block), pieces)]
        return {}, texts + [{"citation": citation} for citation in citations]
    return dict(block), []


class ConverseStream:
    """Reads the events of one streamed answer; see `StreamReader`. Its last event has the tokens."""

    framing = "frames"

    def __init__(self) -> None:
        self.done = False
        self._rest: dict[str, Any] = {}
        self._role: Any = "assistant"
        self._begun = False
        self._blocks: dict[int, dict[str, Any]] = {}
        self._inputs: dict[int, str] = {}  # of tools, as JSON, as far as they have come

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries text or a tool call."""
        error = aws.error_in(event)
        if error is not None:
            reading.answer_in_error(error)
            self._rest["error"] = error
            self.done = True
            return False
        content = reading.event_object(event)
        content.pop("p", None)  # letters of chance, so that nobody sees the length of an answer
        number = content.get("contentBlockIndex")
        number = number if isinstance(number, int) else 0
        if event.name == "messageStart":
            self._begun, self._role = True, content.get("role", "assistant")
        elif event.name == "contentBlockStart":
            self._blocks[number] = dict(reading.object_or_empty(content.get("start")))
            return "toolUse" in self._blocks[number]
        elif event.name == "contentBlockDelta":
            return self._add(number, reading.object_or_empty(content.get("delta")))
        elif event.name in ("messageStop", "metadata"):
            self._rest.update(content)
            self.done = event.name == "metadata"
        return False

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it."""
        if not self._rest.get("stopReason") and "error" not in self._rest:
            got = sum(len(_text(block)) for block in self._blocks.values())
            raise reading.cut(got, "without a stopReason")
        if not self._begun and not self._blocks:
            return dict(self._rest)
        content = [self._finished(number) for number in sorted(self._blocks)]
        return {"output": {"message": {"role": self._role, "content": content}}, **self._rest}

    def _add(self, number: int, delta: dict[str, Any]) -> bool:
        block = self._blocks.setdefault(number, {})
        text = delta.get("text")
        if isinstance(text, str):
            block["text"] = block.get("text", "") + text
            return bool(text)
        if "toolUse" in delta:
            piece = reading.object_or_empty(delta["toolUse"]).get("input")
            self._inputs[number] = self._inputs.get(number, "") + (piece if isinstance(piece, str) else "")
            return bool(piece)
        if "citation" in delta:
            block.setdefault("citations", []).append(delta["citation"])
        if "toolResult" in delta:
            block.setdefault("toolResult", {}).setdefault("content", []).extend(reading.objects(delta["toolResult"]))
        thought = reading.object_or_empty(delta.get("reasoningContent"))
        if thought:
            whole = block.setdefault("reasoningContent", {})
            for name in ("text", "signature"):
                if isinstance(thought.get(name), str):
                    told = whole.setdefault("reasoningText", {})
                    told[name] = told.get(name, "") + thought[name]
            if "redactedContent" in thought:
                whole["redactedContent"] = thought["redactedContent"]
        return False

    def _finished(self, number: int) -> dict[str, Any]:
        block = self._blocks[number]
        if "citations" in block:
            return {"citationsContent": {"content": [{"text": block.get("text", "")}], "citations": block["citations"]}}
        if "toolUse" not in block:
            return block
        text = self._inputs.get(number)
        try:
            given = sent_json(text) if text else {}
        except ValueError:  # maxTokens ended the call in the middle of its arguments
            given = text
        return {"toolUse": {**reading.object_or_empty(block["toolUse"]), "input": given}}
