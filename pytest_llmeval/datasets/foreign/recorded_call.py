"""A call as a log tells it: what production answered, how long it took, what it cost, and what went with the request.

Logs of all tools are read alike, by the names they give things. What a log does not tell is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pytest_llmeval.datasets.foreign.values import of_cell
from pytest_llmeval.json_text import parsed_row

_PARAMETERS = (
    *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "stop", "seed"),
    *("stop_sequences", "presence_penalty", "frequency_penalty", "reasoning_effort", "tool_choice", "verbosity"),
)
_PLACES_OF_PARAMETERS = ("request_body", "model_parameters", "modelParameters", "invocation_params")
_OTEL_REQUEST = "gen_ai.request."
_DEEPEST = 6


def recorded_of(fields: Mapping[str, Any], answered: Any, model: Any) -> dict[str, Any]:
    """What production answered, as a row's ``metadata.recorded``.

    Args:
        fields: the entry of the log.
        answered: the part of it that is the answer, in any provider's form.
        model: that answered.

    Returns:
        ``output``, ``model``, ``tool_calls``, ``finish_reason``, ``refusal``, ``latency`` and ``ttft`` in seconds,
        ``cost`` in USD, ``input_tokens``, ``output_tokens``, ``at``; each only where the log tells it.
    """
    message = _message(answered)
    usage = _usage(fields, answered)
    started, ended = (_moment(_first(fields, *names)) for names in (_STARTS, _ENDS))
    first = _moment(_first(fields, *_FIRST_TOKENS))
    latency = _number(_first(fields, "latency", "response_time", "latency_seconds"))
    if (
        latency is None
        and (milliseconds := _number(_first(fields, "delay_ms", "latency_ms", "duration_ms"))) is not None
    ):
        latency = milliseconds / 1000
    if latency is None and started is not None and ended is not None:
        latency = ended - started
    found = {
        "output": output_of(answered),
        "model": model,
        "tool_calls": list(_tool_calls(message)),
        "finish_reason": _finish_reason(fields, answered),
        "refusal": _first(message, "refusal"),
        "latency": round(latency, 6) if latency is not None and latency >= 0 else None,
        "ttft": _ttft(fields, started, first),
        "cost": _cost(fields),
        "input_tokens": _number(_first(usage, *_INPUT_TOKENS)),
        "output_tokens": _number(_first(usage, *_OUTPUT_TOKENS)),
        "at": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds") if started else None,
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def request_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """What went with the messages of a request, as keywords of ``llm``: ``tools``, ``schema``, sampling parameters."""
    attributes = fields.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    extra = fields.get("extra")
    places = [
        *(of_cell(fields.get(name)) for name in _PLACES_OF_PARAMETERS),
        *(of_cell(extra.get(name)) for name in _PLACES_OF_PARAMETERS if isinstance(extra, dict)),
        of_cell(attributes.get("llm.invocation_parameters")),
        {
            name.removeprefix(_OTEL_REQUEST): value
            for name, value in attributes.items()
            if name.startswith(_OTEL_REQUEST)
        },
    ]
    found: dict[str, Any] = {}
    for place in places:
        if isinstance(place, dict):
            found |= {name: place[name] for name in _PARAMETERS if place.get(name) not in (None, "", [])}
            found |= {"tools": place["tools"]} if isinstance(place.get("tools"), list) and place["tools"] else {}
            found |= {"schema": schema} if (schema := _schema(place)) else {}
    tools = of_cell(attributes.get("gen_ai.tool.definitions"))
    if isinstance(tools, list) and tools:
        found["tools"] = tools
    flat = [
        value for name, value in attributes.items() if name.startswith("llm.tools.") and name.endswith("json_schema")
    ]
    listed = [tool for tool in map(of_cell, flat) if isinstance(tool, dict)]
    return found | ({"tools": listed} if listed else {})


def system_of(fields: Mapping[str, Any]) -> str:
    """The system prompt that stands beside the messages of a request, "" without one."""
    for body in (of_cell(fields.get("request_body")), of_cell(fields.get("inputs")), fields):
        given = _first(body, "system", "instructions", "system_instruction", "systemInstruction")
        if given:
            text = output_of(given)
            return text if isinstance(text, str) else ""
    return ""


def output_of(answered: Any) -> Any:
    """The text of an answer in any form, the answer itself where it holds none."""
    value = answered
    for _ in range(_DEEPEST):
        match value:
            case {"choices": [{"message": inner}, *_]} | {"choices": [{"text": inner}, *_]}:
                value = inner
            case {"candidates": [{"content": inner}, *_]} | {"output": list() as inner}:
                value = inner
            case {"generations": [[{"text": inner}, *_], *_]} | {"generations": [{"text": inner}, *_]}:
                value = inner
            case {"content": None | [] | "", "tool_calls": [_, *_]} | {"content": None | [], "function_call": dict()}:
                return ""
            case {"content": inner} | {"parts": inner} | {"text": inner} | {"message": dict() as inner}:
                value = inner
            case [dict() as only]:
                value = only
            case [dict(), *_] as several:
                return "".join(_texts(several))
            case _:
                break
    if isinstance(value, dict) and _is_tool_call(value):
        return ""
    return value if isinstance(value, str) else answered


def _texts(parts: list[Any]) -> Iterator[str]:
    for part in parts:
        text = _first(part, "text", "content")
        if isinstance(text, list):
            yield from _texts(text)
        elif isinstance(text, str) and not _is_tool_call(part) and not _first(part, "thought"):
            yield text


def _message(answered: Any) -> Any:
    """The message of an answer, in whatever is around it."""
    match answered:
        case {"choices": [{"message": dict() as inner}, *_]}:
            return inner
        case {"candidates": [{"content": dict() as inner}, *_]} | {"message": dict() as inner}:
            return inner
        case {"output": list() as inner}:
            return {"content": inner}
        case [dict() as only] if "parts" in only or "content" in only or "tool_calls" in only:
            return only
        case list() as inner:
            return {"content": inner}
    return answered


def _is_tool_call(part: Any) -> bool:
    kind = _first(part, "type")
    return kind in ("tool_use", "tool_call", "function_call", "function") or _first(part, "functionCall") is not None


def _tool_calls(message: Any) -> Iterator[dict[str, Any]]:
    """The functions that an answer wants called, each as ``{"name", "arguments"}``."""
    if not isinstance(message, dict):
        return
    parts = message.get("content") if isinstance(message.get("content"), list) else message.get("parts")
    listed = message.get("tool_calls")
    for one in [
        *(listed if isinstance(listed, list) else []),
        *([message["function_call"]] if isinstance(message.get("function_call"), dict) else []),
        *(part for part in (parts if isinstance(parts, list) else []) if _is_tool_call(part)),
    ]:
        called = _first(one, "function", "functionCall") or one
        name = _first(called, "name")
        if isinstance(name, str):
            given = _first(called, "arguments", "args", "input", "parameters")
            yield {"name": name, "arguments": _arguments(given)}


def _arguments(given: Any) -> Any:
    if isinstance(given, str):
        try:
            return parsed_row(given) if given.strip() else {}
        except ValueError:
            return given
    return {} if given is None else given


_STARTS = ("request_created_at", "startTime", "start_time", "startTimeUnixNano", "created_at")
_ENDS = ("response_created_at", "endTime", "end_time", "endTimeUnixNano")
_FIRST_TOKENS = ("completionStartTime", "first_token_time")
_INPUT_TOKENS = ("prompt_tokens", "input_tokens", "input", "promptTokenCount", "gen_ai.usage.input_tokens")
_OUTPUT_TOKENS = ("completion_tokens", "output_tokens", "output", "candidatesTokenCount", "gen_ai.usage.output_tokens")


def _usage(fields: Mapping[str, Any], answered: Any) -> Mapping[str, Any]:
    attributes = fields.get("attributes")
    flat = attributes if isinstance(attributes, dict) else {}
    renamed = {
        "prompt_tokens": flat.get("llm.token_count.prompt"),
        "output_tokens": flat.get("llm.token_count.completion"),
    }
    told = [_first(answered, "usage", "usageMetadata"), fields.get("usageDetails"), fields.get("usage"), flat, renamed]
    for one in [*told, {name: fields.get(name) for name in (*_INPUT_TOKENS[:2], *_OUTPUT_TOKENS[:2])}]:
        if isinstance(one, dict) and _number(_first(one, *_OUTPUT_TOKENS)) is not None:
            return one
    return {}


def _cost(fields: Mapping[str, Any]) -> float | None:
    attributes = fields.get("attributes")
    own = _number(_first(fields, "cost", "response_cost", "totalCost", "total_cost", "calculatedTotalCost"))
    return own if own is not None else _number(_first(attributes, "llm.cost.total", "gen_ai.usage.cost"))


def _finish_reason(fields: Mapping[str, Any], answered: Any) -> str | None:
    told = _first(answered, "stop_reason", "finish_reason", "status")
    match answered:
        case {"choices": [dict() as choice, *_]}:
            told = _first(choice, "finish_reason")
        case {"candidates": [dict() as choice, *_]}:
            told = _first(choice, "finishReason")
        case [dict() as only]:
            told = _first(only, "finish_reason")
    attributes = of_cell(_first(fields.get("attributes"), "gen_ai.response.finish_reasons"))
    if told is None and isinstance(attributes, list | dict):
        values = attributes.get("values") if isinstance(attributes, dict) else attributes
        first = values[0] if isinstance(values, list) and values else None
        told = _first(first, "stringValue") or first
    return told if isinstance(told, str) else None


def _ttft(fields: Mapping[str, Any], started: float | None, first: float | None) -> float | None:
    attributes = fields.get("attributes")
    seconds = _number(_first(fields, "timeToFirstToken")) or _number(
        _first(attributes, "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
    )
    if seconds is None and (milliseconds := _number(_first(fields, "time_to_first_token", "ttft_ms"))) is not None:
        seconds = milliseconds / 1000
    if seconds is None and started is not None and first is not None:
        seconds = first - started
    return round(seconds, 6) if seconds is not None and seconds >= 0 else None


def _schema(body: Mapping[str, Any]) -> Any:
    """The JSON Schema that structured output was to obey."""
    match body:
        case {"response_format": {"json_schema": {"schema": dict() as schema}}}:
            return schema
        case {"text": {"format": {"schema": dict() as schema}}}:
            return schema
    return None


def _moment(value: Any) -> float | None:
    """A time of a log in seconds since 1970: ISO 8601 (UTC where it names no zone), seconds, or nanoseconds."""
    if isinstance(value, str) and not value.strip().isdecimal():
        try:
            told = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
        return (told if told.tzinfo is not None else told.replace(tzinfo=UTC)).timestamp()
    number = _number(value)
    if number is None:
        return None
    for unit in (1e9, 1e6, 1e3):  # of 1990 and later
        if number > 6e8 * unit:
            return number / unit
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value) if isinstance(value, (int, float, str)) else math.nan
    except (ValueError, OverflowError):
        return None
    return (int(number) if number.is_integer() and abs(number) < 2**53 else number) if math.isfinite(number) else None


def _first(value: Any, *names: str) -> Any:
    return (
        next((value[name] for name in names if value.get(name) is not None), None) if isinstance(value, dict) else None
    )
