"""A logged call as a row keeps it: what production answered, how long it took, what it cost, what else was asked.

Logs of all tools are read alike, by the names they give things. What a log does not tell is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pytest_llmeval.datasets.foreign.calls.logged_call import LoggedCall, moment, number
from pytest_llmeval.datasets.foreign.calls.logged_messages import first
from pytest_llmeval.datasets.foreign.values import of_cell

_PARAMETERS = (
    *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "stop", "seed"),
    *("stop_sequences", "presence_penalty", "frequency_penalty", "reasoning_effort", "tool_choice", "verbosity"),
)


def metadata_of(call: LoggedCall, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a row that is made of a logged call; the arguments are those of `recorded_of`."""
    request = request_of(call)
    return {"recorded": recorded_of(call, fields), **({"request": request} if request else {})}


def recorded_of(call: LoggedCall, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What production answered, as a row's ``metadata.recorded``.

    Args:
        call: of the log.
        fields: the entry of the log that tells of it.

    Returns:
        ``output``, ``model``, ``tool_calls``, ``finish_reason``, ``refusal``, ``latency`` and ``ttft`` in seconds,
        ``cost`` in USD, ``input_tokens``, ``output_tokens``, ``at``; each only where the log tells it.
    """
    calls = [{"name": one.name, "args": one.arguments or one.raw_arguments} for one in call.tool_calls]
    text = call.text
    started = moment(first(fields, *_STARTS))
    found = {
        "output": text if text is not None or calls else call.answered,
        "model": call.model,
        "tool_calls": calls,
        "finish_reason": _finish_reason(fields, call.answered),
        "refusal": first(_message(call.answered), "refusal"),
        "latency": call.latency,
        "ttft": _ttft(fields, started),
        "cost": call.cost,
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "at": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds") if started else None,
    }
    return {name: value for name, value in found.items() if value not in (None, "", [])}


def request_of(call: LoggedCall) -> dict[str, Any]:
    """What went with the messages of a request, as keywords of ``llm``: ``tools``, ``schema``, sampling parameters."""
    found = {name: call.parameters[name] for name in _PARAMETERS if call.parameters.get(name) not in (None, "", [])}
    found |= {"schema": schema} if (schema := _schema(call.parameters)) else {}
    return found | ({"tools": list(call.tools)} if call.tools else {})


_STARTS = ("request_created_at", "startTime", "start_time", "startTimeUnixNano", "created_at", "created")
_FIRST_TOKENS = ("completionStartTime", "first_token_time")


def _message(answered: Any) -> Any:
    """The message of an answer, in whatever is around it."""
    match answered:
        case {"choices": [{"message": dict() as inner}, *_]} | {"message": dict() as inner}:
            return inner
        case [dict() as only]:
            return only
    return answered


def _finish_reason(fields: Mapping[str, Any], answered: Any) -> str | None:
    told = first(answered, "stop_reason", "finish_reason", "status")
    match answered:
        case {"choices": [dict() as choice, *_]}:
            told = first(choice, "finish_reason")
        case {"candidates": [dict() as choice, *_]}:
            told = first(choice, "finishReason")
        case [dict() as only]:
            told = first(only, "finish_reason")
    attributes = of_cell(first(fields.get("attributes"), "gen_ai.response.finish_reasons"))
    if told is None and isinstance(attributes, list | dict):
        values = attributes.get("values") if isinstance(attributes, dict) else attributes
        one = values[0] if isinstance(values, list) and values else None
        told = first(one, "stringValue") or one
    return told if isinstance(told, str) else None


def _ttft(fields: Mapping[str, Any], started: float | None) -> float | None:
    attributes = fields.get("attributes")
    found = number(first(fields, "timeToFirstToken"))
    if found is None:
        found = number(first(attributes, "gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"))
    if found is None and (milliseconds := number(first(fields, "time_to_first_token", "ttft_ms"))) is not None:
        found = milliseconds / 1000
    answered = moment(first(fields, *_FIRST_TOKENS))
    if found is None and started is not None and answered is not None:
        found = answered - started
    return round(found, 6) if found is not None and found >= 0 else None


def _schema(body: Mapping[str, Any]) -> Any:
    """The JSON Schema that structured output was to obey."""
    match body:
        case {"response_format": {"json_schema": {"schema": dict() as schema}}}:
            return schema
        case {"text": {"format": {"schema": dict() as schema}}}:
            return schema
    return None
