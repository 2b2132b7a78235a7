"""OpenAI's Responses, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.answers import provider_tools
from pytest_llmeval.formats.answers.spent import responses_usage, told_cost
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, WireFormat
from pytest_llmeval.formats.replay import UNNAMED, call_id, named, pieces_of, total_tokens, usage_field
from pytest_llmeval.reply import Answer, ToolCall
from pytest_llmeval.text import first_line


class OpenAIResponses(WireFormat):
    """The wire format of ``POST {base_url}/responses``."""

    address = Address("https://api.openai.com/v1", "OPENAI_API_KEY")
    wire_format = "responses"
    family = "OpenAI's"
    path = "/responses"
    fields = ("input", "prompt", "previous_response_id", "conversation")

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        System messages at the start become ``instructions``, messages become items of ``input``, a schema becomes
        ``text.format``. Items that have this form already are passed on as they are.

        Raises:
            ProviderError: kind ``bad_request``: a tool call in the messages is invalid.
        """
        system, turns = messages.leading_system(messages.conversation(prompt), ("system",))
        instructions = messages.plain_text(system)
        if instructions is None:
            system, turns = [], system + turns
        body: dict[str, Any] = {"model": model, "input": [item for message in turns for item in _items(message)]}
        if system:
            body["instructions"] = instructions
        if prompt.tools:
            body["tools"] = [_tool(tool) for tool in prompt.tools]
        if prompt.schema is not None:
            body["text"] = {"format": {"type": "json_schema", **messages.named_schema(prompt.schema)}}
        body = messages.with_params(body, prompt.params)
        if prompt.stream:
            body["stream"] = True
        return ModelRequest(provider=self.name, model=model, path=self.path, body=body, stream=bool(body.get("stream")))

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return reading.answer_in_error(body["error"])
        output = body.get("output")
        if not isinstance(output, list):
            raise reading.malformed(f"the response has no output, {reading.listed(body)}")
        status = reading.text_or_none(body.get("status")) or "completed"
        if status == "failed":
            raise ProviderError("the response failed, and the provider does not say why", kind="overloaded")
        if status in ("queued", "in_progress"):
            raise reading.malformed(
                f"the response is still {status}: it was asked for in the background, and is no answer yet; "
                "ask without background"
            )
        if status not in ("completed", "incomplete"):
            raise reading.malformed(f"the response is not finished, its status is {first_line(status, 40)}")
        contents = [part for item in reading.objects(output) for part in _contents(item)]
        calls = tuple(_call(item) for item in reading.objects(output) if item.get("type") in _CALLS)
        reason = _finish_reason(status, body, calls)
        refusal = "".join(part["refusal"] for part in contents if isinstance(part.get("refusal"), str))
        return Answer(
            text="".join(map(_said, contents)),
            tool_calls=calls,
            provider_tool_calls=provider_tools.of_responses(reading.objects(output)),
            usage=responses_usage(body.get("usage")),
            cost=told_cost(body.get("usage")),
            finish_reason=reason,
            refusal=refusal or (reading.FILTERED if reason == "content_filter" else None),
            response_model=reading.text_or_none(body.get("model")),
            response_id=reading.text_or_none(body.get("id")),
            thinking="\n\n".join(filter(None, map(_thought, reading.objects(output)))),
            goes_back=_goes_back(reading.objects(output), stored=body.get("store") is not False),
        )

    def stream(self) -> ResponsesStream:
        """A reader for one streamed response."""
        return ResponsesStream()

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        for number, event in enumerate(_events(body, pieces)):
            yield named({**event, "sequence_number": number})

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        contents: list[dict[str, Any]] = []
        if answer.text or not (answer.refusal or answer.tool_calls):
            contents.append({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []})
        if answer.refusal:
            contents.append({"type": "refusal", "refusal": answer.refusal})
        output: list[dict[str, Any]] = messages.own_content(answer, "responses") or []
        if not output:
            if contents:
                about = {"type": "message", "id": "msg_saved", "role": "assistant", "status": "completed"}
                output.append({**about, "content": contents})
            for place, call in enumerate(answer.tool_calls):
                about = {"type": "function_call", "id": f"fc_saved_{place}", "status": "completed"}
                output.append(
                    {**about, "call_id": call_id(call, place), "name": call.name, "arguments": call.raw_arguments}
                )
        why = {"length": "max_output_tokens"}.get(answer.finish_reason or "stop", answer.finish_reason)
        whole = why in (None, "stop", "tool_calls")
        body = {
            "id": answer.response_id or UNNAMED,
            "object": "response",
            "created_at": 0,
            "model": answer.response_model or model,
            "status": "completed" if whole else "incomplete",
            "error": None,
            "incomplete_details": None if whole else {"reason": why},
            "instructions": None,
            "metadata": {},
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "temperature": None,
            "top_p": None,
        }
        usage = answer.usage
        counts = {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": total_tokens(usage),
        }
        given = {"cached_tokens": usage.cache_read_tokens or 0, "cache_write_tokens": usage.cache_write_tokens or 0}
        details = {
            "input_tokens_details": given,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        }
        return body | usage_field("usage", counts, details)


_CALLS = ("function_call", "custom_tool_call")


def _items(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    role = message.get("role")
    if "role" not in message:  # an item of another type, as the API itself gives them
        return [dict(message)]
    content = message.get("content")
    if (came := messages.as_it_came(message, "responses")) is not None:
        return [dict(item) for item in came]
    if role == "tool":
        output = content if isinstance(content, str) else [_part(part, role) for part in content or ()]
        return [{"type": "function_call_output", "call_id": message.get("tool_call_id"), "output": output}]
    items: list[dict[str, Any]] = []
    if content or not message.get("tool_calls"):
        kept = {name: value for name, value in message.items() if name in ("role", "phase", "type")}
        parts = content if isinstance(content, str) else [_part(part, role) for part in content or ()]
        items.append({**kept, "content": parts})
    for call in messages.past_calls(message):
        items.append({"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.text})  # noqa: PERF401
    return items


def _part(part: Any, role: Any) -> Any:
    if isinstance(part, str):
        part = {"type": "text", "text": part}
    if part.get("type") == "text":
        return {**part, "type": "output_text" if role == "assistant" else "input_text"}
    url = messages.image_url(part)
    if url is None:
        return _file(part)
    image = part["image_url"]
    detail = {"detail": image["detail"]} if isinstance(image, Mapping) and "detail" in image else {}
    return {"type": "input_image", "image_url": url, **detail}


def _file(part: dict[str, Any]) -> dict[str, Any]:
    url = messages.file_url(part)
    if url is None:
        return part
    if messages.media_type(url).startswith("audio/"):
        raise messages.refused(
            "Responses take text, images and PDF, and no sound; chat completions (openai) and gemini do"
        )
    if messages.inline_data(url) is None:
        return {"type": "input_file", "file_url": url}
    return {"type": "input_file", "filename": part["file"].get("filename") or "document.pdf", "file_data": url}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = messages.function_of(tool)
    return dict(tool) if function is None else {"type": "function", **function}


_CONTENTS = ("output_text", "output_audio", "refusal")


def _said(part: Mapping[str, Any]) -> str:
    return reading.text_or_none(part.get("transcript" if part.get("type") == "output_audio" else "text")) or ""


def _contents(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    if item.get("type") != "message":
        return []
    return [part for part in reading.objects(item.get("content")) if part.get("type") in _CONTENTS]


def _thought(item: Mapping[str, Any]) -> str:
    if item.get("type") != "reasoning":
        return ""
    parts = reading.objects(item.get("content")) or reading.objects(item.get("summary"))
    return "\n\n".join(text for part in parts if (text := reading.text_or_none(part.get("text"))))


def _words(part: Mapping[str, Any]) -> str:
    return (_said(part) or reading.text_or_none(part.get("refusal")) or "").strip()


def _goes_back(items: list[dict[str, Any]], *, stored: bool) -> dict[str, Any]:
    """All items in their order, when there are others than messages and calls.

    Thoughts alone are not taken back, nor those that the provider has neither stored nor sent in encrypted form.
    """
    if not stored:
        items = [item for item in items if item.get("type") != "reasoning" or item.get("encrypted_content")]
    kinds = {str(item.get("type")) for item in items}
    said = {
        str(item.get("type")) for item in items if item.get("type") != "message" or any(map(_words, _contents(item)))
    }
    is_plain = kinds <= {"message", *_CALLS}
    return {} if is_plain or said <= {"reasoning"} else messages.kept_as_it_came("responses", items)


def _call(item: Mapping[str, Any]) -> ToolCall:
    return reading.tool_call(item.get("name"), item.get("arguments", item.get("input")), item.get("call_id"))


def _finish_reason(status: str, body: Mapping[str, Any], calls: tuple[ToolCall, ...]) -> str | None:
    if status == "incomplete":
        return reading.finish_reason(reading.object_or_empty(body.get("incomplete_details")).get("reason") or status)
    return "tool_calls" if calls else "stop"


def _events(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    if "status" not in body and body.get("error"):  # an error that came as an event of its own
        error = reading.object_or_empty(body["error"])
        yield error if error.get("type") == "error" else {"type": "error", **error}
        return
    begun = {**body, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for place, item in enumerate(reading.objects(body.get("output"))):
        about = {"output_index": place, "item_id": item.get("id")}
        empty: dict[str, Any] = {"content": []} if item.get("type") == "message" else {}
        empty |= {name: "" for name in ("arguments", "input") if isinstance(item.get(name), str)}
        status = {"status": "in_progress"} if "status" in item else {}
        yield {"type": "response.output_item.added", "output_index": place, "item": {**item, **status, **empty}}
        if item.get("type") == "message":
            for part_place, part in enumerate(reading.objects(item.get("content"))):
                yield from _part_events(part, {**about, "content_index": part_place}, pieces)
        elif isinstance(arguments := item.get("arguments"), str):
            for piece in pieces_of(arguments, pieces):
                yield {"type": "response.function_call_arguments.delta", **about, "delta": piece}
            named = {"name": item.get("name"), "arguments": arguments}
            yield {"type": "response.function_call_arguments.done", **about, **named}
        elif item.get("type") == "custom_tool_call" and isinstance(given := item.get("input"), str):
            for piece in pieces_of(given, pieces):
                yield {"type": "response.custom_tool_call_input.delta", **about, "delta": piece}
            yield {"type": "response.custom_tool_call_input.done", **about, "input": given}
        yield {"type": "response.output_item.done", "output_index": place, "item": item}
    end = body.get("status")
    last = end if end in ("incomplete", "failed") else "completed"
    yield {"type": f"response.{last}", "response": dict(body)}


def _part_events(part: Mapping[str, Any], about: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    if part.get("type") == "output_audio":
        yield {"type": "response.content_part.added", **about, "part": {**part, "transcript": ""}}
        yield {"type": "response.content_part.done", **about, "part": dict(part)}
        return
    kind, name = ("output_text", "text") if part.get("type") == "output_text" else ("refusal", "refusal")
    text = part.get(name)
    if not isinstance(text, str):
        return
    logprobs: dict[str, Any] = {"logprobs": []} if name == "text" else {}
    yield {"type": "response.content_part.added", **about, "part": {**part, name: ""}}
    for piece in pieces_of(text, pieces):
        yield {"type": f"response.{kind}.delta", **about, "delta": piece, **logprobs}
    yield {"type": f"response.{kind}.done", **about, name: text, **logprobs}
    yield {"type": "response.content_part.done", **about, "part": dict(part)}


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
        """Take one event; True when it carries text, a refusal or a tool call."""
        if event.data.strip() == "[DONE]":  # some gateways send it
            return False
        content = reading.event_object(event)
        kind = reading.text_or_none(content.get("type")) or event.name
        if kind == "error":
            error = content.get("error") or content
            reading.answer_in_error(error)
            self._response = {"output": [], "error": error}
            self.done = True
        elif kind in _LAST:
            response = content.get("response")
            if not isinstance(response, dict):
                raise reading.malformed("the last event of the stream holds no response")
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
        """The response as the non-streaming API would have given it."""
        if not self.done:
            raise reading.cut(self._characters, "before its last event")
        if reading.objects(self._response.get("output")) or not self._items:
            return self._response
        # The last event may leave out what was sent before.
        return {**self._response, "output": [self._items[number] for number in sorted(self._items)]}
