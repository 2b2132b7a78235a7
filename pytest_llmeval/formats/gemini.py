"""Google's generateContent, whole and streamed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlunsplit

from pytest_llmeval.formats import messages, reading
from pytest_llmeval.formats.answers import provider_tools
from pytest_llmeval.formats.answers.spent import content_usage
from pytest_llmeval.formats.base import Address, Event, ModelRequest, Prompt, Recognised, WireFormat
from pytest_llmeval.formats.replay import pieces_of, total_tokens, unnamed, usage_field
from pytest_llmeval.reply import Answer, ToolCall

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


# The model's name is in the path. Without alt=sse a stream is one JSON array.
_PATH = re.compile(r"(?P<above>.*)/(?P<place>models|tunedModels|endpoints)/(?P<model>[^/]+):(?P<method>[A-Za-z]+)")

_METHODS = {"generateContent": False, "streamGenerateContent": True}

_FINISH_REASONS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
_BLOCKED = "the prompt was blocked: "


class GeminiContent(WireFormat):
    """The wire format of ``POST {base_url}/models/{model}:generateContent``."""

    address = Address(
        "https://generativelanguage.googleapis.com/v1beta",
        "GEMINI_API_KEY",
        {"GOOGLE_GEMINI_BASE_URL": ""},
        other_keys=("GOOGLE_API_KEY",),
        version="/v1beta",
        hosts=("generativelanguage.mtls.googleapis.com",),
    )
    wire_format = "content"
    family = "Google's"
    key_header = "x-goog-api-key"
    key_scheme = ""
    key_parameter = "key"
    line_end = "\r\n"

    def request(self, model: str, prompt: Prompt) -> ModelRequest:
        """The HTTP request for this prompt.

        System messages at the start become ``systemInstruction``, messages become ``contents``, a schema becomes
        ``responseJsonSchema``. Parameters that are not fields of the request go into ``generationConfig``
        under the same names. A message with ``parts`` is passed on as it is.

        Raises:
            ProviderError: kind ``bad_request``: a tool call in the messages is invalid.
        """
        system, turns = messages.leading_system(messages.conversation(prompt))
        body: dict[str, Any] = {"contents": _contents(turns)}
        if system:
            parts = [_part(part) for message in system for part in messages.parts_of(message.get("content"))]
            body["systemInstruction"] = {"role": "user", "parts": parts}
        if prompt.tools:
            body["tools"] = _tools(prompt.tools)
        settings: dict[str, Any] = {}
        if prompt.schema is not None:
            settings = {
                "responseMimeType": "application/json",
                "responseJsonSchema": messages.plain_schema(prompt.schema),
            }
        params = {name: value for name, value in prompt.params.items() if name != "stream"}
        settings.update((name, value) for name, value in params.items() if name not in _FIELDS)
        if settings:
            body["generationConfig"] = settings
        body = messages.with_params(body, {name: value for name, value in params.items() if name in _FIELDS})
        stream = prompt.stream or bool(prompt.params.get("stream"))
        place = quote(model, safe="/") if "/" in model else f"models/{quote(model, safe='')}"
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return ModelRequest(provider=self.name, model=model, path=f"/{place}:{method}", body=body, stream=stream)

    def place_of(self, parameter: str) -> tuple[str, ...]:
        """The keys that lead to a sampling parameter in the body of a request."""
        return (parameter,) if parameter in _FIELDS else ("generationConfig", parameter)

    def answer(self, body: Mapping[str, Any]) -> Answer:
        """The answer in a response body; of several candidates the first.

        Raises:
            ProviderError: the body is an error, or kind ``malformed``: it holds no answer.
        """
        if body.get("error"):
            return reading.answer_in_error(body["error"])
        candidates = reading.objects(body.get("candidates"))
        blocked = _word(reading.object_or_empty(body.get("promptFeedback")).get("blockReason"), _BLOCK_REASONS)
        if not candidates and not blocked:
            raise reading.malformed(f"the response has no candidates, {reading.listed(body)}")
        candidate = candidates[0] if candidates else {}
        parts = reading.objects(reading.object_or_empty(candidate.get("content")).get("parts"))
        texts = [part.get("text") for part in parts if part.get("thought") is not True]
        calls = tuple(_call(part) for part in parts if "functionCall" in part)
        word = _word(candidate.get("finishReason"), _NUMBERED_AT_VERTEX if _is_vertex(body) else _NUMBERED)
        finish = reading.finish_reason(word) if candidates else "content_filter"
        text = "".join(text for text in texts if isinstance(text, str))
        if finish == "invalid_tool_call" and not text:  # which is where Gemini puts the call
            text = reading.text_or_none(candidate.get("finishMessage")) or ""
        return Answer(
            text=text,
            tool_calls=calls,
            provider_tool_calls=provider_tools.of_generate_content(candidate),
            usage=content_usage(reading.object_or_empty(body.get("usageMetadata"))),
            finish_reason="tool_calls" if calls and finish == "stop" else finish,
            refusal=_refusal(candidate, word, blocked) if finish == "content_filter" else None,
            response_model=reading.text_or_none(body.get("modelVersion")),
            response_id=reading.text_or_none(body.get("responseId")),
            thinking="".join(text for part in parts if (text := _thought(part))),
            goes_back=_goes_back(parts),
        )

    def stream(self) -> ContentStream:
        """A reader for one streamed response."""
        return ContentStream()

    def may_ask(self, path: str) -> bool:
        """Whether a request with this path is worth a closer look."""
        return path.endswith(tuple(f":{method}" for method in _METHODS))

    def recognise(self, url: SplitResult, headers: Mapping[str, str], body: Mapping[str, Any]) -> Recognised | None:
        """What a request asks of a model; None for other requests."""
        found = _PATH.fullmatch(url.path)
        query = parse_qsl(url.query, keep_blank_values=True)
        stream = _METHODS.get(found["method"]) if found else None
        alt = dict(query).get("alt", "json")
        if found is None or stream is None or "contents" not in body or alt not in ("json", "sse"):
            return None
        format_ = self
        if stream and alt == "json":
            format_ = copy(self)
            format_.in_array = True
        rest = urlencode([pair for pair in query if pair != ("alt", "sse")])
        return Recognised(
            format=format_,
            model=unquote(found["model"]),
            base_url=urlunsplit(url._replace(path=found["above"], query=rest, fragment="")),
            path=f"/{found['place']}/{found['model']}:{found['method']}{'?alt=sse' if stream and alt == 'sse' else ''}",
            body=body,
            stream=stream,
        )

    def path_to(self, asked: Recognised, model: str) -> str:
        """The path that names another model for a request."""
        method = asked.path.rpartition(":")[2]
        above = "/publishers/google" if asked.path.startswith("/endpoints/") else ""  # of a tuned model at Vertex
        return asked.path if asked.model == model else f"{above}/models/{quote(model, safe='')}:{method}"

    def events(self, body: Mapping[str, Any], pieces: int) -> Iterator[Event]:
        """The events of a stream that says what a response body says."""
        yield from map(unnamed, _chunks(body, pieces))

    def body_of(self, answer: Answer, model: str) -> dict[str, Any]:
        """The body of an unstreamed response that holds an answer."""
        body: dict[str, Any] = {"modelVersion": answer.response_model or model}
        if answer.response_id:
            body["responseId"] = answer.response_id
        if answer.refusal and not answer.text and not answer.tool_calls:
            body["promptFeedback"] = {"blockReason": answer.refusal.removeprefix(_BLOCKED)}
        else:
            parts: list[dict[str, Any]] = messages.own_content(answer, "content") or []
            if not parts:
                parts = [{"text": answer.text}] if answer.text or not answer.tool_calls else []
                for call in answer.tool_calls:
                    named = {"name": call.name, "args": dict(call.arguments or {}), **messages.identity(call)}
                    signed = {"thoughtSignature": call.signature} if call.signature else {}
                    parts.append({"functionCall": named, **signed})
            reason = answer.finish_reason or "stop"
            finish = {"finishReason": _FINISH_REASONS.get(reason, reason)}
            body["candidates"] = [{"index": 0, "content": {"role": "model", "parts": parts}, **finish}]
        usage = answer.usage
        thoughts = usage.reasoning_tokens or 0
        counts = {
            "promptTokenCount": usage.input_tokens,
            "candidatesTokenCount": None if usage.output_tokens is None else max(0, usage.output_tokens - thoughts),
            "thoughtsTokenCount": usage.reasoning_tokens,
            "cachedContentTokenCount": usage.cache_read_tokens,
            "totalTokenCount": total_tokens(usage),
        }
        return body | usage_field("usageMetadata", counts)


# Words by their numbers, as they come with enum-encoding=int. Source: the enums FinishReason and BlockReason of
# google.ai.generativelanguage.v1beta and google.cloud.aiplatform.v1beta1.
_NUMBERED = (
    "",
    *("STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
    *("MALFORMED_FUNCTION_CALL", "IMAGE_SAFETY", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
)
_NUMBERED_AT_VERTEX = (
    "",
    *("STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
    *("MALFORMED_FUNCTION_CALL", "MODEL_ARMOR", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
    *("IMAGE_OTHER", "UNEXPECTED_TOOL_CALL", "NO_IMAGE"),
)
_BLOCK_REASONS = ("", "SAFETY", "OTHER", "BLOCKLIST", "PROHIBITED_CONTENT")


def _word(value: Any, numbered: tuple[str, ...]) -> str | None:
    if type(value) is int and value:
        return numbered[value] if 0 < value < len(numbered) else f"number {value}"
    return reading.text_or_none(value)


def _is_vertex(body: Mapping[str, Any]) -> bool:
    return "createTime" in body or "trafficType" in reading.object_or_empty(body.get("usageMetadata"))


def _refusal(candidate: Mapping[str, Any], word: str | None, blocked: str | None) -> str:
    if not candidate:
        return f"{_BLOCKED}{blocked}"
    return reading.text_or_none(candidate.get("finishMessage")) or f"{reading.FILTERED}: {word}"


def _thought(part: Mapping[str, Any]) -> str:
    return reading.text_or_none(part.get("text")) or "" if part.get("thought") is True else ""


def _goes_back(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """All parts in their order, when there are others than texts and then calls; thoughts alone are not taken back."""
    parts = [part for part in parts if part != {"text": ""}]  # with which streams end
    said = [part for part in parts if part.get("thought") is not True and str(part.get("text", "x")).strip()]
    are_calls = ["functionCall" in part for part in parts]
    is_plain = are_calls == sorted(are_calls) and all(
        part.keys() <= {"text"} or "functionCall" in part for part in parts
    )
    return {} if is_plain or not said else messages.kept_as_it_came("content", parts)


def _call(part: Mapping[str, Any]) -> ToolCall:
    call = reading.object_or_empty(part["functionCall"])
    return reading.tool_call(call.get("name"), call.get("args") or {}, call.get("id"), part.get("thoughtSignature"))


def _contents(turns: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    names: dict[str | None, str] = {}  # of functions, by the ids of their calls
    results: list[dict[str, Any]] | None = None  # of the tools called last; they belong into one message
    for message in turns:
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
        calls = messages.past_calls(message)
        names.update((call.id, call.name) for call in calls)
        if (came := messages.as_it_came(message, "content")) is not None:
            contents.append({"role": "model", "parts": list(came)})
            continue
        parts = [_part(part) for part in messages.parts_of(message.get("content"))]
        for call in calls:
            signed = {"thoughtSignature": call.signature} if call.signature else {}
            parts.append(
                {"functionCall": {**messages.identity(call), "name": call.name, "args": call.arguments}, **signed}
            )
        contents.append({"role": "model" if message.get("role") == "assistant" else "user", "parts": parts})
    return contents


def _result(message: Mapping[str, Any], names: Mapping[str | None, str]) -> dict[str, Any]:
    call_id = message.get("tool_call_id")
    text = "".join(part.get("text", "") for part in messages.parts_of(message.get("content")))
    try:
        response = json.loads(text)
    except (ValueError, RecursionError):
        response = text
    if not isinstance(response, dict):
        response = {"output": response}
    result = {"name": message.get("name") or names.get(call_id) or call_id, "response": response}
    return {"functionResponse": {"id": call_id, **result} if call_id else result}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") == "text":
        return {"text": part.get("text")}
    image = messages.image_url(part)
    url = messages.file_url(part) if image is None else image
    if url is None:
        return part
    inline = messages.inline_data(url)
    if inline is not None:
        return {"inlineData": {"mimeType": inline[0], "data": inline[1]}}
    if image is None:
        return {"fileData": {"fileUri": url, "mimeType": messages.media_type(url)}}
    from mimetypes import guess_type
    from urllib.parse import urlsplit

    kind = guess_type(urlsplit(url).path)[0]
    return {"fileData": {"fileUri": url, **({"mimeType": kind} if kind else {})}}


def _tools(tools: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    declared: list[dict[str, Any]] = []
    own: list[dict[str, Any]] = []
    for tool in tools:
        function = messages.function_of(tool)
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


def _chunks(body: Mapping[str, Any], pieces: int) -> Iterator[dict[str, Any]]:
    rest = {name: value for name, value in body.items() if name not in ("candidates", "error")}
    about: dict[str, Any] = {name: rest[name] for name in ("modelVersion", "responseId") if name in rest}
    ends = []
    for candidate in reading.objects(body.get("candidates")):
        content = candidate.get("content")
        if isinstance(content, dict):
            parts = [piece for part in reading.objects(content.get("parts")) for piece in _pieces_of_part(part, pieces)]
            place = {"index": candidate["index"]} if "index" in candidate else {}
            for part in parts[:-1]:
                yield {"candidates": [{**place, "content": {**content, "parts": [part]}}], **about}
            # The last chunk too has content: applications look for it in each.
            candidate = {**candidate, "content": {**content, "parts": parts[-1:]}}
        ends.append(candidate)
    if ends or rest:
        yield {"candidates": ends, **rest} if ends else rest
    if "error" in body:
        yield {"error": body["error"]}


def _pieces_of_part(part: Mapping[str, Any], pieces: int) -> list[Mapping[str, Any]]:
    text = part.get("text")
    return [{**part, "text": piece} for piece in pieces_of(text, pieces)] if isinstance(text, str) and text else [part]


class ContentStream:
    """Reads the chunks of one streamed response, each a response with a part of the content; see `StreamReader`.

    The stream has no last event, unless that is an error: it ends with the connection.
    """

    def __init__(self) -> None:
        self.done = False
        self._response: dict[str, Any] = {}
        self._candidates: dict[int, dict[str, Any]] = {}
        self._characters = 0

    def feed(self, event: Event) -> bool:
        """Take one event; True when it carries a function call, or text other than thoughts."""
        chunk = reading.event_object(event)
        if chunk.get("error"):
            reading.answer_in_error(chunk["error"])
            self.done = True
        # What is said again, such as the usage so far, counts as it was said last.
        self._response.update((name, value) for name, value in chunk.items() if name != "candidates")
        carries = False
        for candidate in reading.objects(chunk.get("candidates")):
            carries |= self._take(candidate)
        return carries

    def body(self) -> dict[str, Any]:
        """The response as the non-streaming API would have given it."""
        finished = self._candidates and all(one.get("finishReason") for one in self._candidates.values())
        blocked = reading.object_or_empty(self._response.get("promptFeedback")).get("blockReason")
        if not finished and not blocked and not self.done:
            raise reading.cut(self._characters, "without a finishReason")
        if not self._candidates:
            return self._response
        return {**self._response, "candidates": [self._candidates[number] for number in sorted(self._candidates)]}

    def _take(self, piece: dict[str, Any]) -> bool:
        number = piece.get("index")
        candidate = self._candidates.setdefault(number if isinstance(number, int) else 0, {})
        candidate.update((name, value) for name, value in piece.items() if name != "content" and value is not None)
        content = piece.get("content")
        if not isinstance(content, dict):
            return False
        whole = candidate.setdefault("content", {name: value for name, value in content.items() if name != "parts"})
        parts = whole.setdefault("parts", [])
        carries = False
        for part in reading.objects(content.get("parts")):
            carries |= self._add(parts, part)
        return carries

    def _add(self, parts: list[dict[str, Any]], part: dict[str, Any]) -> bool:
        text = part.get("text")
        if not isinstance(text, str):
            parts.append(part)
            return "functionCall" in part
        last = parts[-1] if parts else {}
        signed = last.get("thoughtSignature") not in (None, part.get("thoughtSignature"))
        if isinstance(last.get("text"), str) and last.get("thought") == part.get("thought") and not signed:
            parts[-1] = {**last, **part, "text": last["text"] + text}
        else:
            parts.append(part)
        if part.get("thought") is True:
            return False
        self._characters += len(text)
        return bool(text)
