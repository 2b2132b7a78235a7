"""Messages, texts and tool calls in the forms that logs hold them in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.datasets.foreign.values import of_cell
from pytest_llmeval.json_text import readable_json
from pytest_llmeval.reply import ToolCall

_DEEPEST = 12
_ROLES = {"human": "user", "ai": "assistant", "HumanMessage": "user", "AIMessage": "assistant"}
_ROLES |= {"SystemMessage": "system", "ToolMessage": "tool", "model": "assistant"}
_KEPT = ("content", "name", "tool_calls", "tool_call_id")
_NOT_SAID = {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "function_call", "tool_result"}
_CALLS = {"tool_use", "tool_call", "function_call"}


def first(value: Any, *names: str) -> Any:
    """The value of the first of these names that an object has, None when it has none or is no object."""
    return next((value[name] for name in names if name in value), None) if isinstance(value, Mapping) else None


def asked_messages(asked: Any) -> Any:
    """What was asked, with messages in the form of OpenAI's; what are no messages stays as it is.

    Args:
        asked: a text, or messages of OpenAI, LangChain, Gemini, OpenTelemetry or OpenInference.
    """
    if isinstance(asked, list) and len(asked) == 1 and isinstance(asked[0], list):
        asked = asked[0]  # LangChain's batch of one
    return [_message(one) for one in asked] if isinstance(asked, list) else asked


def _message(one: Any) -> Any:
    if not isinstance(one, dict):
        return one
    if "kwargs" in one and isinstance(one["kwargs"], dict):  # LangChain, serialized
        named = one["id"][-1] if isinstance(one.get("id"), list) and one["id"] else ""
        kept = {name: value for name, value in one["kwargs"].items() if name in _KEPT}
        one = {"role": _ROLES.get(str(named), one["kwargs"].get("type", "user")), **kept}
    if "role" not in one and "type" in one and "content" in one:
        one = {"role": one["type"], **one}
    role = str(one.get("role", "user"))
    role = _ROLES.get(role, role)
    if "content" not in one and "parts" in one:
        calls = [_as_openai(call) for call in tool_calls_in(one["parts"])]
        answered = [part["id"] for part in _parts(one) if part.get("type") == "tool_call_response" and "id" in part]
        answers = {"tool_call_id": answered[-1]} if answered else {}
        said = text_in(one["parts"])
        if said is None and answers:
            said = next((_as_text(first(part, "response", "result")) for part in _parts(one)), None)
        return {"role": role, "content": said, **({"tool_calls": calls} if calls else {}), **answers}
    return {**one, "role": role} if one.get("role") != role else one


def _parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = message["parts"]
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _as_openai(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.raw_arguments}
    return {**({"id": call.id} if call.id else {}), "type": "function", "function": function}


def _as_text(value: Any) -> str | None:
    return value if isinstance(value, str) or value is None else readable_json(value)


def text_in(answered: Any, depth: int = 0) -> str | None:
    """The text of an answer in any provider's form, without what the model thought; None when it holds none."""
    if isinstance(answered, str):
        return answered
    if depth > _DEEPEST:
        return None
    if isinstance(answered, list):
        texts = [text for one in answered if (text := text_in(one, depth + 1)) is not None]
        return "".join(texts) if texts else None
    if not isinstance(answered, dict) or str(answered.get("type")) in _NOT_SAID or answered.get("thought") is True:
        return None
    for several in ("choices", "candidates", "generations"):
        if isinstance(answered.get(several), list) and answered[several]:
            return text_in(answered[several][0], depth + 1)
    for name in ("output_text", "message", "kwargs", "content", "contents", "parts", "text", "output", "response"):
        if answered.get(name) is not None and (text := text_in(answered[name], depth + 1)) is not None:
            return text
    return None


def tool_calls_in(answered: Any) -> tuple[ToolCall, ...]:
    """The tools that an answer in any provider's form wants called, of the first choice."""
    return tuple(_calls(answered, 0))


def _calls(value: Any, depth: int) -> Iterator[ToolCall]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for one in value:
            yield from _calls(one, depth + 1)
    if not isinstance(value, dict):
        return
    for several in ("choices", "candidates", "generations"):
        if isinstance(value.get(several), list):
            yield from _calls(value[several][:1], depth + 1)
            return
    inner = first(value, "functionCall", "function_call", "function")
    if isinstance(inner, dict) and isinstance(inner.get("name"), str) and inner["name"]:
        yield _call(inner, first(value, "id") or first(inner, "id"))
    elif isinstance(value.get("name"), str) and (str(value.get("type")) in _CALLS or {"args", "arguments"} & {*value}):
        yield _call(value, first(value, "call_id", "id"))
    else:
        for name in ("message", "kwargs", "tool_calls", "content", "parts", "output", "response"):
            found = list(_calls(value.get(name), depth + 1))
            yield from found
            if found and name in ("message", "kwargs", "tool_calls"):
                return


def _call(fields: Mapping[str, Any], own: Any) -> ToolCall:
    given = of_cell(first(fields, "arguments", "args", "input"))
    arguments = given if isinstance(given, dict) else None
    if given in (None, ""):
        arguments = {}
    raw = fields["arguments"] if isinstance(fields.get("arguments"), str) else _as_text(given) or "{}"
    return ToolCall(
        name=fields["name"], arguments=arguments, raw_arguments=raw, id=own if isinstance(own, str) else None
    )
