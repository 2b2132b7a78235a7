"""Logs of production: what was asked becomes a case; what was answered is kept as recorded, never as what is right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pytest_llmeval.credentials import hide_secrets
from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
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
        recorded = {"output": _text(call.answered), "model": call.model}
        row = {
            "id": call.id,
            "input": _messages(call.asked),
            "tags": labels(call.tags),
            "metadata": {"recorded": {name: value for name, value in recorded.items() if value not in (None, "")}},
        }
        safe = hide_secrets(row, {})
        hidden += safe != row
        imported.add(record.place, safe)
    if others:
        imported.keep("what was answered, as recorded", others)
        what = "times, costs, tokens and parameters of the calls"
        imported.leave(source.name, what, "a case is what is asked; a run measures them anew")
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


def _messages(asked: Any) -> Any:
    """What was asked, with the text of each message as its content."""
    if not isinstance(asked, list):
        return asked
    return [
        {"role": str(one.get("role", "user")), "content": _text(one["parts"])}
        if isinstance(one, dict) and "parts" in one and "content" not in one
        else one
        for one in asked
    ]


def _text(answered: Any) -> Any:
    """The text of an answer in whatever form, the answer itself when it holds none."""
    value = answered
    for _ in range(6):
        match value:
            case {"choices": [{"message": inner}, *_]} | {"choices": [{"text": inner}, *_]}:
                value = inner
            case {"content": inner} | {"parts": inner} | {"text": inner}:
                value = inner
            case [dict() as only]:
                value = only
            case [dict(), *_] as several if all(_first(one, "text", "content") is not None for one in several):
                return "".join(str(_first(one, "text", "content")) for one in several)
            case _:
                break
    return value if isinstance(value, str) else answered
