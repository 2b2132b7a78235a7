"""Show what a request asked: messages with their roles, tools and schema by name, images by size.

This reads the JSON body of any wire format: the shapes of the formats do not contradict each other, and unknown parts
are named by their type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.datasets.rewording import texts_in

Spoken = tuple[tuple[str, str], ...]
"""Role and text of each message; the roles of the last ones may be ``tools`` and ``schema``."""

_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction")
_MESSAGES = ("messages", "input", "contents", "prompt")
_NO_TEXT = ("thinking", "redacted_thinking", "reasoning")  # of earlier answers, often encrypted
_BASE64 = 4 / 3
_BESIDE = ("tools", "schema")
_CHAT_PARTS = ("text", "image_url", "input_audio", "file")  # of a message of chat completions


def asked_in(body: Mapping[str, Any]) -> Spoken:
    """The messages of a request's body, then the names of its tools and of the answer's schema, if any."""
    lines = [("system", _text(body[name])) for name in _SYSTEM if body.get(name)]
    for messages in filter(None, map(body.get, _MESSAGES)):
        if isinstance(messages, list | tuple):
            lines += [said for said in map(_message, messages) if said[0] not in _NO_TEXT]
        else:
            lines.append(("user", _text(messages)))
    if body.get("images"):
        lines.append(("user", "\n".join(_media("image", image) for image in _listed(body["images"]))))
    tools = [name for tool in _listed(body.get("tools")) for name in _tool_names(tool)]
    lines += [("tools", ", ".join(tools))] if tools else []
    schema = _schema_name(body)
    return (*lines, ("schema", schema)) if schema else tuple(lines)


def prompt_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """What a request's body asks, as a case can ask it again: JSON with ``messages``, and what is ``beside`` them.

    A message of chat completions stays as it is. One of another format becomes its text, with what is no text by its
    kind and size.
    """
    spoken = asked_in(body)
    beside = [f"{role} {text}" for role, text in spoken if role in _BESIDE]
    given = body.get("messages")
    kept = [_as_chat(message) for message in given] if isinstance(given, list | tuple) else []
    if kept and all(kept):
        system = [{"role": "system", "content": _text(body[name])} for name in _SYSTEM if body.get(name)]
        return {"messages": [*system, *kept], "beside": beside}
    roles = {"model": "assistant"}
    messages = [
        {"role": roles.get(role, role), "content": text} for role, text in spoken if role not in _BESIDE and text
    ]
    return {"messages": messages, "beside": beside}


def _as_chat(message: object) -> dict[str, Any] | None:
    """A message as chat completions have it, None where it has another form."""
    if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
        return None
    content = message.get("content")
    if isinstance(content, list | tuple):
        parts = [part for part in content if isinstance(part, Mapping)]
        if len(parts) < len(content) or any(part.get("type") not in _CHAT_PARTS for part in parts):
            return None
        texts = [part.get("text") for part in parts]
        content = "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else [*map(dict, parts)]
    elif not isinstance(content, str | None):
        return None
    named = {name: message[name] for name in ("name", "tool_calls", "tool_call_id") if message.get(name)}
    return {"role": message["role"], "content": content, **named}


def _message(message: object) -> tuple[str, str]:
    if not isinstance(message, Mapping):
        return "user", _text(message)
    role = message.get("role")
    if role is None and ("content" in message or "parts" in message):
        role = "user"
    if role is None:
        kind = str(message.get("type"))
        role = {"function_call": "assistant", "function_call_output": "tool"}.get(kind, kind)
        return role, _text(message)
    parts = [_text(message.get("content", message.get("parts", "")))]
    parts += [_call(call) for call in _listed(message.get("tool_calls"))]
    parts += [_media("image", image) for image in _listed(message.get("images"))]
    return str(role), "\n".join(part for part in parts if part)


def _text(value: object) -> str:
    """The text of a message, of a part of one, or of a tool's result."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "\n".join(text for text in map(_text, value) if text)
    if not isinstance(value, Mapping):
        return _json(value)
    for name in ("functionCall", "function_call"):
        if isinstance(value.get(name), Mapping):
            return _call(value[name])
    kind = value.get("type")
    if kind in ("tool_use", "function_call", "server_tool_use"):
        return _call(value)
    if kind in _NO_TEXT or value.get("thought") is True:
        return ""
    for name in ("functionResponse", "function_response"):
        if isinstance(value.get(name), Mapping):
            return _text_or_json(value[name].get("response"))
    if isinstance(value.get("text"), str):
        return str(value["text"])
    for name in ("content", "parts", "output"):
        if name in value:
            return _text_or_json(value[name])
    if isinstance(value.get("refusal"), str):
        return str(value["refusal"])
    return _media(str(kind or next(iter(value), "part")), value) if value else ""


def _text_or_json(value: object) -> str:
    return (
        _json(value) if isinstance(value, Mapping) and not {"text", "content", "type"} & value.keys() else _text(value)
    )


def _call(call: object) -> str:
    """A tool call, as in ``refund({"amount": 84})``."""
    if not isinstance(call, Mapping):
        return _json(call)
    inner = call.get("function")
    call = inner if isinstance(inner, Mapping) else call
    arguments = next((call[name] for name in ("arguments", "input", "args") if name in call), "")
    shown = arguments if isinstance(arguments, str) else _json(arguments)
    return f"{call.get('name')}({shown})"


def _media(kind: str, value: object) -> str:
    """A part that is not text by its kind and size, or by its address: ``[image, 12 kB]``."""
    word = next((word for word in ("image", "audio", "video", "file", "document") if word in kind.lower()), kind)
    texts = texts_in(value)
    found = max(texts, key=len, default="")
    if found.startswith(("http://", "https://", "gs://")):
        return f"[{word}, {found}]"
    mime = next((text for text in texts if text.startswith(("image/", "audio/", "video/", "application/"))), "")
    word = mime.partition("/")[0] if mime and word in ("inlineData", "inline_data", "fileData") else word
    size = len(found.partition(",")[2] if found.startswith("data:") else found) / _BASE64
    if size < 40:  # an id or the like, and nothing that holds it
        return f"[{word}]"
    return f"[{word}, {size / 1000:.0f} kB]" if size >= 1000 else f"[{word}, {size:.0f} bytes]"


def _tool_names(tool: object) -> list[str]:
    if not isinstance(tool, Mapping):
        return []
    declared = tool.get("functionDeclarations", tool.get("function_declarations"))
    if declared is not None:
        return [name for each in _listed(declared) for name in _tool_names(each)]
    inner = tool.get("function")
    name = (inner if isinstance(inner, Mapping) else tool).get("name") or tool.get("type") or next(iter(tool), None)
    return [str(name)] if name else []


def _schema_name(body: Mapping[str, Any]) -> str:
    """The name of the answer's schema, ``JSON`` for one without a name."""
    places = (("response_format",), ("text", "format"), ("output_config", "format"), ("generationConfig",), ("format",))
    for place in places:
        found: Any = body
        for name in place:
            found = found.get(name) if isinstance(found, Mapping) else None
        if name == "generationConfig":
            found = _of_gemini(found)
        if isinstance(found, str):
            return found.upper() if found == "json" else found
        if isinstance(found, Mapping) and found.get("type") != "text" and found:
            return _name_of(found)
    return _name_of(body["schema"]) if isinstance(body.get("schema"), Mapping) else ""


def _of_gemini(settings: Any) -> Any:
    if not isinstance(settings, Mapping):
        return None
    names = ("responseJsonSchema", "responseSchema", "response_json_schema", "response_schema")
    schema = next((settings[name] for name in names if name in settings), None)
    return schema or ("json" if settings.get("responseMimeType") == "application/json" else None)


def _name_of(schema: Mapping[str, Any]) -> str:
    for name in ("json_schema", "schema"):
        if isinstance(schema.get(name), Mapping):
            return str(schema.get("name") or _name_of(schema[name]))
    return str(schema.get("name") or schema.get("title") or "JSON")


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return "[not JSON]"
