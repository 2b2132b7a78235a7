"""Logs of production: what was asked becomes a case; what was answered is kept as recorded, never as what is right."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.recorded_call import output_of, recorded_of, request_of, system_of
from pytest_llmeval.datasets.foreign.values import labels, of_cell, unwrapped
from pytest_llmeval.text import plural

_FLAT = re.compile(r"llm\.(input|output)_messages\.(\d{1,4})\.message\.(role|content)$")


class _Call(NamedTuple):
    """One call of a model in a log."""

    id: Any
    asked: Any
    answered: Any
    model: Any
    tags: Any = None
    failed: bool = False


def is_log(source: Source) -> bool:
    """Whether a file looks like a log."""
    return next((True for record in _records(source) if _call_of(record.fields) is not None), False)


def read_log(source: Source, imported: Imported) -> None:
    """Add the calls of a log to what is imported."""
    hidden = others = 0
    for record in _records(source):
        call = _call_of(record.fields)
        if call is None or call.failed:
            why = "the call failed" if call else "it is no call of a model"
            imported.leave(record.place, "an entry of the log", why)
            continue
        others += 1
        recorded = recorded_of(record.fields, call.answered, call.model)
        request = request_of(record.fields)
        row = {
            "id": call.id,
            "input": _messages(call.asked, system_of(record.fields)),
            "tags": labels(call.tags),
            "metadata": {"recorded": recorded, **({"request": request} if request else {})},
        }
        safe = hide_secrets(row, {})
        hidden += safe != row
        imported.add(record.place, safe)
    if others:
        imported.keep("what was answered, as recorded, and what went with the request", others)
        imported.said.append("a recorded answer is not what is right: give the cases expected or checks")
        imported.said.append(f"secrets were hidden in {plural(hidden, 'row')}; personal data is NOT removed, so look")


def _records(source: Source) -> Iterator[Record]:
    value = source.value
    if not isinstance(value, dict):
        yield from source.records()
    elif isinstance(value.get("resourceSpans"), list):
        for number, span in enumerate(_spans(value["resourceSpans"]), start=1):
            yield Record(f"{source.name}: span {number}", span)
    elif isinstance(value.get("data"), list):
        yield from source.records(value["data"], "data")


def _spans(resources: list[Any]) -> Iterator[dict[str, Any]]:
    """The spans of OpenTelemetry's JSON, each with its attributes as an object."""
    for resource in resources:
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                attributes = {str(one.get("key")): _plain(one.get("value")) for one in _objects(span, "attributes")}
                yield {**span, "attributes": attributes}


def _objects(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _plain(value: Any) -> Any:
    """The value of an attribute, without the word for its type."""
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def _call_of(fields: Mapping[str, Any]) -> _Call | None:
    """The call that an entry tells of, in whatever form."""
    attributes = fields.get("attributes")
    if isinstance(attributes, dict):
        return _span(fields, attributes)
    if "request_body" in fields and "response_body" in fields:
        asked = of_cell(fields["request_body"])
        tags = fields.get("properties") or fields.get("request_properties")
        failed = str(fields.get("response_status", 200))[:1] not in ("2", "")
        given = _first(asked, "messages", "input", "prompt", "contents")
        values = list(tags.values()) if isinstance(tags, dict) else tags
        answered = of_cell(fields["response_body"])
        return _Call(fields.get("request_id"), given, answered, fields.get("model"), values, failed)
    if "run_type" in fields and "inputs" in fields:
        failed = fields.get("status") not in (None, "success") or bool(fields.get("error"))
        asked, answered = of_cell(fields["inputs"]), of_cell(fields.get("outputs"))
        model = _first(_first(fields.get("extra"), "metadata"), "ls_model_name")
        return _Call(fields.get("id"), unwrapped(asked), answered, model, fields.get("tags"), failed)
    if ("traceId" in fields or "trace_id" in fields) and "input" in fields and "output" in fields and "type" in fields:
        other = str(fields["type"]).upper() != "GENERATION"
        failed = str(fields.get("level", "")).upper() == "ERROR"
        asked, answered = of_cell(fields["input"]), of_cell(fields["output"])
        call = _Call(fields.get("id"), unwrapped(asked), answered, fields.get("model"), fields.get("tags"), failed)
        return None if other else call
    if "call_type" in fields and "messages" in fields and "response" in fields:
        failed = fields.get("status") not in (None, "success")
        answered, tags = of_cell(fields["response"]), fields.get("request_tags")
        return _Call(fields.get("id"), of_cell(fields["messages"]), answered, fields.get("model"), tags, failed)
    return None


def _span(fields: Mapping[str, Any], attributes: Mapping[str, Any]) -> _Call | None:
    """The call of a span, by OpenTelemetry's names or OpenInference's."""
    own = fields.get("spanId") or fields.get("span_id") or _first(fields.get("context"), "span_id")
    failed = _first(fields.get("status"), "code") in (2, "STATUS_CODE_ERROR") or fields.get("status_code") == "ERROR"
    asked, answered = (of_cell(attributes.get(f"gen_ai.{side}.messages")) for side in ("input", "output"))
    if asked is not None:
        system = of_cell(attributes.get("gen_ai.system_instructions"))
        before = [{"role": "system", "parts": system}] if isinstance(system, list) else []
        model = attributes.get("gen_ai.response.model") or attributes.get("gen_ai.request.model")
        return _Call(own, [*before, *asked] if isinstance(asked, list) else asked, answered, model, None, failed)
    sides: dict[str, dict[int, dict[str, Any]]] = {"input": {}, "output": {}}
    for name, value in attributes.items():
        if found := _FLAT.match(name):
            sides[found[1]].setdefault(int(found[2]), {})[found[3]] = value
    messages = {side: [several[number] for number in sorted(several)] for side, several in sides.items()}
    kind = attributes.get("openinference.span.kind")
    given = messages["input"] or (of_cell(attributes.get("input.value")) if kind == "LLM" else None)
    if not given:
        return None
    said = messages["output"] or attributes.get("output.value")
    return _Call(own, given, said, attributes.get("llm.model_name"), attributes.get("tag.tags"), failed)


def _first(value: Any, *names: str) -> Any:
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None


def _messages(asked: Any, system: str = "") -> Any:
    """What was asked, each message with its text as its content, and as OpenAI's chat completions have it."""
    if not isinstance(asked, list):
        return [{"role": "system", "content": system}, {"role": "user", "content": asked}] if system else asked
    before = [{"role": "system", "content": system}] if system else []
    return [*before, *(each for one in asked for each in _message(one))]


def _message(one: Any) -> Iterator[Any]:
    """A message with its parts in the places that chat completions have for them."""
    if not isinstance(one, dict) or "parts" not in one or "content" in one:
        yield one
        return
    parts = [part for part in one["parts"] if isinstance(part, dict)] if isinstance(one["parts"], list) else []
    results = [part for part in parts if part.get("type") == "tool_call_response"]
    calls = [
        {
            "id": part.get("id"),
            "type": "function",
            "function": {"name": part.get("name"), "arguments": _as_text(part.get("arguments"))},
        }
        for part in parts
        if part.get("type") == "tool_call"
    ]
    for part in results:
        answered = part.get("response", part.get("result"))
        yield {"role": "tool", "tool_call_id": part.get("id"), "content": _as_text(answered)}
    text = output_of([part for part in parts if part not in results] or one["parts"])
    if text or calls or not results:
        yield {"role": str(one.get("role", "user")), "content": text, **({"tool_calls": calls} if calls else {})}


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
