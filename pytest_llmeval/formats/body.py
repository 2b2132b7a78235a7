"""An answer in normal form → the response body of each wire format: `Provider.answer` the other way round.

A saved run holds answers in normal form. An application that is given one again expects the format of its own SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_llmeval.formats.recognise import Format
from pytest_llmeval.reply import Answer, ToolCall, Usage

_UNNAMED = "saved"


def body_of(format_: Format, answer: Answer, model: str) -> dict[str, Any]:
    """The body of an unstreamed response that holds an answer.

    Args:
        format_: the wire format.
        answer: what the model said.
        model: the provider's name of the model, where the answer names none.
    """
    model = answer.response_model or model
    match format_:
        case "chat":
            return _chat(answer, model)
        case "responses":
            return _responses(answer, model)
        case "messages":
            return _messages(answer, model)
        case "content":
            return _content(answer, model)
        case "ollama":
            return _ollama(answer, model)


def _chat(answer: Answer, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal}
    if not answer.text and not answer.tool_calls and not answer.refusal:
        message["content"] = ""
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": _id_of(call, place), "type": "function", "function": _named(call), **_signed(call)}
            for place, call in enumerate(answer.tool_calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason or "stop", "logprobs": None}
    body = {
        "id": answer.response_id or _UNNAMED,
        "object": "chat.completion",
        "created": 0,
        "model": model,
        "choices": [choice],
    }
    usage = answer.usage
    counts = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": _sum(usage),
    }
    given = _known({"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens})
    made = _known({"reasoning_tokens": usage.reasoning_tokens})
    details = {"prompt_tokens_details": given, "completion_tokens_details": made}
    return body | _usage("usage", counts, details)


def _named(call: ToolCall) -> dict[str, str]:
    return {"name": call.name, "arguments": call.raw_arguments}


def _signed(call: ToolCall) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": call.signature}}} if call.signature else {}


def _responses(answer: Answer, model: str) -> dict[str, Any]:
    contents: list[dict[str, Any]] = []
    if answer.text or not (answer.refusal or answer.tool_calls):
        contents.append({"type": "output_text", "text": answer.text, "annotations": [], "logprobs": []})
    if answer.refusal:
        contents.append({"type": "refusal", "refusal": answer.refusal})
    output: list[dict[str, Any]] = []
    if contents:
        about = {"type": "message", "id": "msg_saved", "role": "assistant", "status": "completed"}
        output.append({**about, "content": contents})
    for place, call in enumerate(answer.tool_calls):
        about = {"type": "function_call", "id": f"fc_saved_{place}", "status": "completed"}
        output.append({**about, "call_id": _id_of(call, place), **_named(call)})
    why = {"length": "max_output_tokens"}.get(answer.finish_reason or "stop", answer.finish_reason)
    whole = why in (None, "stop", "tool_calls")
    body = {
        "id": answer.response_id or _UNNAMED,
        "object": "response",
        "created_at": 0,
        "model": model,
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
    counts = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "total_tokens": _sum(usage)}
    given = {"cached_tokens": usage.cache_read_tokens or 0, "cache_write_tokens": usage.cache_write_tokens or 0}
    details = {
        "input_tokens_details": given,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
    return body | _usage("usage", counts, details)


_STOP_REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}


def _messages(answer: Answer, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [dict(block) for block in answer.thinking]
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    for place, call in enumerate(answer.tool_calls):
        given = call.arguments if call.arguments is not None else call.raw_arguments
        content.append({"type": "tool_use", "id": _id_of(call, place), "name": call.name, "input": given})
    reason = answer.finish_reason or "stop"
    body: dict[str, Any] = {
        "id": answer.response_id or _UNNAMED,
        "type": "message",
        "role": "assistant",
        "model": model,
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
    details = {"output_tokens_details": _known({"thinking_tokens": usage.reasoning_tokens})}
    return body | {"usage": {"input_tokens": 0, "output_tokens": 0}} | _usage("usage", counts, details)


_FINISH_REASONS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}

_BLOCKED = "the prompt was blocked: "


def _content(answer: Answer, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {"modelVersion": model}
    if answer.response_id:
        body["responseId"] = answer.response_id
    if answer.refusal and not answer.text and not answer.tool_calls:
        body["promptFeedback"] = {"blockReason": answer.refusal.removeprefix(_BLOCKED)}
    else:
        parts: list[dict[str, Any]] = [{"text": answer.text}] if answer.text or not answer.tool_calls else []
        for call in answer.tool_calls:
            named = {"name": call.name, "args": dict(call.arguments or {}), **({"id": call.id} if call.id else {})}
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
        "totalTokenCount": _sum(usage),
    }
    return body | _usage("usageMetadata", counts, {})


def _ollama(answer: Answer, model: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.tool_calls:
        message["tool_calls"] = [
            {**({"id": call.id} if call.id else {}), "function": {"name": call.name, "arguments": call.arguments or {}}}
            for call in answer.tool_calls
        ]
    reason = answer.finish_reason or "stop"
    body = {
        "model": model,
        "created_at": "1970-01-01T00:00:00Z",
        "message": message,
        "done": True,
        "done_reason": "stop" if reason == "tool_calls" else reason,
    }
    usage = answer.usage
    return body | _known({"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens})


def _id_of(call: ToolCall, place: int) -> str:
    return call.id or f"call_saved_{place}"


def _sum(usage: Usage) -> int | None:
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return usage.input_tokens + usage.output_tokens


def _known(fields: Mapping[str, int | None]) -> dict[str, int]:
    return {name: value for name, value in fields.items() if value is not None}


def _usage(name: str, counts: Mapping[str, int | None], details: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """The counts that are known, under the name they have in a body; nothing where none is."""
    known = _known(counts)
    return {name: {**known, **{key: value for key, value in details.items() if value}}} if known else {}
