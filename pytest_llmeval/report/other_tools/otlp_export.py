"""OTLP/JSON: a span for each call, and what checks found as events, by OpenTelemetry's conventions for generative AI.

https://opentelemetry.io/docs/specs/semconv/gen-ai/ has the names, and
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding the form: ids in hexadecimal, large numbers as texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pytest_llmeval.report.exports import Session, json_line, started
from pytest_llmeval.runs.results import Call, CaseResult, Run, SampleResult
from pytest_llmeval.runs.saved_when import moment_of

_INTERNAL, _CLIENT = 1, 3  # kinds of spans
# The convention's names of providers, where they differ from those of our wire formats.
_PROVIDERS = {
    "openai-responses": "openai",
    "azure": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "vertex": "gcp.vertex_ai",
    "vertex-messages": "gcp.vertex_ai",
    "bedrock": "aws.bedrock",
    "bedrock-messages": "aws.bedrock",
    "mistral": "mistral_ai",
    "xai": "x_ai",
    "ollama-generate": "ollama",
}


def as_otlp(session: Session) -> str:
    """The calls of a session as spans, one trace for each sample.

    What checks found is on the span of the sample's last answer; a sample without a call has a span of its own.
    """
    run = session.run
    resource = {"attributes": _attributes({"service.name": "pytest-llmeval", "vcs.ref.head.revision": run.commit})}
    spans = ",\n".join(json_line(span, session.secrets) for span in _spans(run))
    return (
        f'{{"resourceSpans": [{{"resource": {json_line(resource, session.secrets)}, "scopeSpans": ['
        f'{{"scope": {{"name": "pytest-llmeval"}}, "spans": [\n{spans}\n]}}]}}]}}\n'
    )


def _spans(run: Run) -> Iterator[dict[str, Any]]:
    for result in run.in_order():
        for sample in result.samples:
            trace = _digest(run.created, *result.key, result.model, str(sample.index))
            of_case = _of_case(result, sample)
            judged = sample.product_calls[-1] if sample.product_calls else None
            for number, call in enumerate(sample.calls):
                end = _nanoseconds_of(moment_of(call.recorded_at or "") or started(run))
                start = end - round(1e9 * call.measures.latency)
                span = _span(trace, number, f"chat {call.request_model}", _CLIENT, start, end)
                span["attributes"] = _attributes(_of_call(call) | of_case)
                if call is judged:
                    span["events"] = list(_events(sample, str(end), call.answer.response_id))
                yield span
            if judged is None:
                end = _nanoseconds_of(started(run))
                span = _span(trace, len(sample.calls), f"sample of {result.key}", _INTERNAL, end, end)
                yield span | {"attributes": _attributes(of_case), "events": list(_events(sample, str(end), None))}


def _span(trace: str, number: int, name: str, kind: int, start: int, end: int) -> dict[str, Any]:
    """A span without attributes.

    Args:
        trace: a digest of the sample.
        number: of the span within it.
        start: nanoseconds since 1970, as `end`.
    """
    return {
        "traceId": trace[:32],
        "spanId": _digest(trace, str(number))[:16],
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
    }


def _of_case(result: CaseResult, sample: SampleResult) -> dict[str, Any]:
    status = {"test.case.result.status": sample.outcome} if sample.outcome in ("pass", "fail") else {}
    return {
        "test.case.name": str(result.key),
        **status,
        "llmeval.model": result.model,
        "llmeval.sample": sample.index,
        "llmeval.outcome": sample.outcome,
        "llmeval.task": result.task,
        "llmeval.tags": list(result.tags) or None,
        "llmeval.input": result.input if isinstance(result.input, str | None) else _json(result.input),
    }


def _of_call(call: Call) -> dict[str, Any]:
    answer, usage = call.answer, call.answer.usage
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": _PROVIDERS.get(call.provider, call.provider),
        "gen_ai.request.model": call.request_model,
        "gen_ai.response.model": answer.response_model,
        "gen_ai.response.id": answer.response_id,
        "gen_ai.response.finish_reasons": [answer.finish_reason] if answer.finish_reason else None,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "gen_ai.response.time_to_first_chunk": call.measures.ttft,
        "gen_ai.output.messages": _json([_message(call)]),
        "llmeval.cost": call.measures.cost,
        "llmeval.source": call.measures.source,
        "llmeval.judge": call.judge or None,
    }


def _message(call: Call) -> dict[str, Any]:
    """The answer in the convention's form of messages."""
    answer = call.answer
    parts: list[dict[str, Any]] = [{"type": "text", "content": answer.text or answer.refusal or ""}]
    parts += [
        {"type": "tool_call", "id": tool.id, "name": tool.name, "arguments": tool.arguments or tool.raw_arguments}
        for tool in answer.every_tool_call
    ]
    return {"role": "assistant", "parts": parts, "finish_reason": answer.finish_reason or "stop"}


def _events(sample: SampleResult, time: str, response: str | None) -> Iterator[dict[str, Any]]:
    """An event for each check, and one for what the test itself found where no check says it."""
    for score in sample.scores:
        category = None if score.passed else score.category
        label = "pass" if score.passed else "fail"
        yield _event(time, response, score.check or "check", score.value, label, score.reason, category)
    told = any(not score.passed for score in sample.scores) if sample.outcome == "fail" else bool(sample.scores)
    if sample.outcome == "error":
        event = _event(time, response, "test", None, None, sample.reason, None)
        event["attributes"] += _attributes({"error.type": sample.category or "unknown"})
        yield event
    elif sample.outcome != "unverified" and not told:
        value = 1.0 if sample.outcome == "pass" else 0.0
        yield _event(time, response, "test", value, sample.outcome, sample.reason, sample.category)


def _event(
    time: str,
    response: str | None,
    name: str,
    value: float | None,
    label: str | None,
    reason: str,
    category: str | None,
) -> dict[str, Any]:
    found = {
        "gen_ai.evaluation.name": name,
        "gen_ai.evaluation.score.value": None if value is None else float(value),
        "gen_ai.evaluation.score.label": label,
        "gen_ai.evaluation.explanation": reason or None,
        "gen_ai.response.id": response,
        "llmeval.category": category,
    }
    return {"name": "gen_ai.evaluation.result", "timeUnixNano": time, "attributes": _attributes(found)}


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those that are known."""
    return [{"key": key, "value": _value(value)} for key, value in values.items() if value is not None]


def _value(value: bool | float | str | list[str]) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
    return {"arrayValue": {"values": [_value(each) for each in value]}}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()


def _nanoseconds_of(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6) * 1000
