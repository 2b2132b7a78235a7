"""Prompts in the shape of chat completions, taken apart for formats that want another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from pytest_llmeval.errors import ProviderError
from pytest_llmeval.formats.base import Prompt
from pytest_llmeval.formats.reading import object_or_empty, text_or_none
from pytest_llmeval.reply import OWN_FORM, Answer, ToolCall, digest_of_message
from pytest_llmeval.text import first_line

_THOUGHTS = ("thinking", "redacted_thinking")


class PastCall(NamedTuple):
    """A tool call of an assistant's message: what the model asked for earlier in the conversation."""

    id: str | None
    name: str
    arguments: Mapping[str, Any]
    text: str  # the arguments as they were
    signature: str | None  # what Gemini wants back with the call


def refused(message: str) -> ProviderError:
    """The error for a prompt that a format cannot carry; nothing is sent."""
    return ProviderError(message, kind="bad_request")


def conversation(prompt: Prompt) -> list[dict[str, Any]]:
    """Copies of a prompt's messages as a provider takes them, with the images and files.

    An answer without a word is left out, since providers answer 400 to it, and so are fields that say nothing.
    """
    said = (
        _without_nothing(message) if message.get("role") in ("assistant", "model") else dict(message)
        for message in prompt.messages
    )
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in prompt.images]
    parts += map(_file_part, prompt.files)
    return _with_parts((message for message in said if not _says_nothing(message)), parts)


def _without_nothing(message: Mapping[str, Any]) -> dict[str, Any]:
    """An assistant's message without the fields that are null, and without calls that call nothing."""
    kept = {name: value for name, value in message.items() if value is not None or name == "content"}
    calls = kept.get("tool_calls")
    if "tool_calls" in kept and (not calls or all(map(is_empty_call, calls))):
        del kept["tool_calls"]
    if not kept.get("function_call") or is_empty_call({"function": kept["function_call"]}):
        kept.pop("function_call", None)
    if _is_blank(kept.get("content")) and isinstance(kept.get("refusal"), str):
        kept["content"] = kept.pop("refusal")
    return kept


def _says_nothing(message: Mapping[str, Any]) -> bool:
    if message.get("role") not in ("assistant", "model") or not _is_blank(message.get("content")):
        return False
    return not any(message.get(name) for name in ("tool_calls", "function_call", "audio", "parts", OWN_FORM))


def _is_blank(content: Any) -> bool:
    """Whether content is nothing, or nothing but texts without a letter."""
    if isinstance(content, list | tuple):
        return all(is_blank_text(part) or part.get("type") in _THOUGHTS for part in parts_of(content))
    return content is None or (isinstance(content, str) and not content.strip())


def is_blank_text(part: Mapping[str, Any]) -> bool:
    """Whether a part or a block is a text without a letter."""
    text = part.get("text")
    return part.get("type") == "text" and (text is None or (isinstance(text, str) and not text.strip()))


def is_empty_call(call: Any) -> bool:
    """Whether a tool call says nothing; some servers write one into each message."""
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or function.get("name", "none") not in ("", None):
        return False
    return function.get("arguments") in (None, "", "{}", {})


TEXT = "text"
"""What an answer is kept as, in place of a format, whose text had thoughts in it."""


def as_it_came(message: Mapping[str, Any], wire_format: str | None) -> Any:
    """An answer of this format as it came, None for other messages, and for one that the test has changed since."""
    form = object_or_empty(message.get(OWN_FORM))
    is_same = form.get("format") == wire_format and form.get("of") == digest_of_message(message)
    return form.get("content") if is_same else None


def kept_as_it_came(wire_format: str, content: Any) -> dict[str, Any]:
    """The field of an assistant's message with the answer as it came; see `as_it_came`."""
    return {OWN_FORM: {"format": wire_format, "content": content}}


def own_content(answer: Answer, wire_format: str) -> Any:
    """What an answer of this format keeps as it came, None when it keeps nothing."""
    form = object_or_empty(answer.goes_back.get(OWN_FORM))
    return form.get("content") if form.get("format") == wire_format else None


def _with_parts(messages: Iterable[Mapping[str, Any]], parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Copies of the messages, with the parts added to the user's last message, or to a new one."""
    copies = [dict(message) for message in messages]
    if not parts:
        return copies
    last = next((message for message in reversed(copies) if message.get("role") == "user"), None)
    if last is None:
        last = {"role": "user", "content": []}
        copies.append(last)
    last["content"] = parts_of(last.get("content")) + parts
    return copies


def _file_part(url: str) -> dict[str, Any]:
    """The part with a PDF or a sound, as chat completions have it."""
    kind, data = media_type(url), inline_data(url)
    if not kind.startswith("audio/"):
        return {"type": "file", "file": {"filename": "document.pdf", "file_data": url}}
    return {
        "type": "input_audio",
        "input_audio": {"format": _SOUNDS.get(kind, kind[6:]), "data": data[1] if data else url},
    }


def file_url(part: Mapping[str, Any]) -> str | None:
    """The URL in a part of chat completions with a file or a sound, None for any other part."""
    if part.get("type") == "file":
        return text_or_none(object_or_empty(part.get("file")).get("file_data"))
    sound = object_or_empty(part.get("input_audio")) if part.get("type") == "input_audio" else {}
    data, form = text_or_none(sound.get("data")), text_or_none(sound.get("format"))
    if data is None or form is None or data.startswith(("http:", "https:")):
        return data
    kind = next((kind for kind, name in _SOUNDS.items() if name == form), f"audio/{form}")
    return f"data:{kind};base64,{data}"


_SOUNDS = {"audio/wav": "wav", "audio/mpeg": "mp3"}


def media_type(url: str) -> str:
    """The media type of what a URL leads to, by what it says itself; an address that says nothing leads to a PDF."""
    from mimetypes import guess_type
    from urllib.parse import urlsplit

    inline = inline_data(url)
    if inline is not None:
        return inline[0].lower()
    kind = guess_type(urlsplit(url).path)[0] or ""
    return {"audio/x-wav": "audio/wav"}.get(kind, kind) or "application/pdf"


def leading_system(
    messages: list[dict[str, Any]], roles: tuple[str, ...] = ("system", "developer")
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The messages with instructions that the conversation starts with, and the others."""
    first = next((i for i, message in enumerate(messages) if message.get("role") not in roles), len(messages))
    return messages[:first], messages[first:]


def plain_text(messages: Iterable[Mapping[str, Any]]) -> str | None:
    """The text of messages, a blank line between them; None when they hold more than text."""
    texts = []
    for message in messages:
        parts = parts_of(message.get("content"))
        if any(set(part) != {"type", "text"} or part["type"] != "text" for part in parts):
            return None
        texts.append("".join(part["text"] for part in parts))
    return "\n\n".join(texts)


def parts_of(content: Any) -> list[dict[str, Any]]:
    """The parts of a message; a text is one part, an empty one none."""
    if isinstance(content, list | tuple):
        return [{"type": "text", "text": part} if isinstance(part, str) else part for part in content]
    return [{"type": "text", "text": content}] if content else []


def image_url(part: Mapping[str, Any]) -> str | None:
    """The URL of an ``image_url`` part, None for any other part."""
    if part.get("type") != "image_url":
        return None
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, Mapping) else image
    return url if isinstance(url, str) else None


def inline_data(url: str) -> tuple[str, str] | None:
    """Media type and base64 of what a data: URL holds, None for any other URL."""
    if url[:5].lower() != "data:":
        return None
    head, _, data = url[5:].partition(",")
    if not head.endswith(";base64"):
        from base64 import b64encode
        from urllib.parse import unquote_to_bytes

        data = b64encode(unquote_to_bytes(data)).decode("ascii")
    return head.partition(";")[0] or "text/plain", data


def past_calls(message: Mapping[str, Any]) -> list[PastCall]:
    """The tool calls of an assistant's message.

    Raises:
        ProviderError: kind ``bad_request``: one has no name, or its arguments are not a JSON object.
    """
    return [_past_call(call) for call in message.get("tool_calls") or ()]


def _past_call(call: Any) -> PastCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise refused(
            "a tool call in the messages has no function name; it should look like "
            '{"id": ..., "type": "function", "function": {"name": ..., "arguments": ...}}'
        )
    arguments = function.get("arguments")
    text = json.dumps(arguments) if isinstance(arguments, Mapping) else arguments or "{}"
    try:
        arguments = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        name = first_line(function["name"], 60)
        raise refused(f"the arguments of the tool call {name!r} in the messages are not a JSON object")
    google = object_or_empty(object_or_empty(call.get("extra_content")).get("google"))
    return PastCall(call.get("id"), function["name"], arguments, text, google.get("thought_signature"))


def identity(call: PastCall | ToolCall) -> dict[str, str]:
    """The field with the id of a call; none when it has no id."""
    return {"id": call.id} if call.id else {}


def function_of(tool: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function ``{"name", "description", "parameters"}`` of a tool, None for a tool of the provider's own."""
    if isinstance(tool.get("function"), Mapping):
        return tool["function"]  # type: ignore[no-any-return]
    return tool if "name" in tool and "type" not in tool and "input_schema" not in tool else None


def named_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema as ``{"name", "schema"}``, named by its title; one that has that form already is left as it is."""
    if _is_named(schema):
        return dict(schema)
    title = schema.get("title")
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", title)[:64] if isinstance(title, str) else ""
    return {"name": name or "answer", "schema": dict(schema)}


def plain_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON schema alone."""
    return dict(schema["schema"] if _is_named(schema) else schema)


def with_params(body: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the user's parameters, which win; what is an object in both is merged."""
    merged = dict(body)
    for name, value in params.items():
        before = merged.get(name)
        merged[name] = {**before, **value} if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged


def _is_named(schema: Mapping[str, Any]) -> bool:
    return isinstance(schema.get("schema"), Mapping) and isinstance(schema.get("name"), str)
