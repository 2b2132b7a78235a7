"""The calls of a log, of whatever tool wrote it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pytest_llmeval.datasets.foreign.calls.logged_call import LoggedCall, number, seconds
from pytest_llmeval.datasets.foreign.calls.logged_messages import first, text_in
from pytest_llmeval.datasets.foreign.calls.spans import span_call, spans_of
from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.datasets.foreign.files.source import Record, Source, read_source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import of_cell, unwrapped

NO_REQUEST = (
    "it holds an answer without the request; OpenAI lists the messages of a stored completion by a second call "
    "(client.chat.completions.messages.list(ID)): add them to each line as messages"
)
_ASKED = ("messages", "input", "prompt", "contents")
_SYSTEM = ("system", "instructions", "systemInstruction", "system_instruction")
_EXPECTED = frozenset({"expected", "expected_output", "ideal", "target", "ground_truth", "reference", "checks"})
_OTHER_RUNS = ("tool", "retriever", "embedding", "parser", "prompt")
_OTHER_CALLS = re.compile("embedding|image|transcription|speech|rerank|moderation")
_STORED = ("chat.completion", "response")


class Entry(NamedTuple):
    """An entry of a log.

    Attributes:
        place: the file, and the line or item in it.
        call: None when it is of something else than a call of a model.
        fields: as the file has them.
    """

    place: str
    call: LoggedCall | None
    fields: Mapping[str, Any]


def logged_calls(path: Path, name: str) -> list[Entry]:
    """The entries of a log, in the order of the file. Nothing in them is redacted.

    Args:
        path: the file.
        name: the same as the user wrote it.

    Raises:
        DatasetError: the file cannot be read, or holds no call of a model; in one line.
    """
    entries = list(entries_of(read_source(path, name, Imported("log"))))
    if not any(entry.call for entry in entries):
        raise refusal(name, 0, "no model call was found in it; llmeval import --help names the logs that are read")
    return entries


def entries_of(source: Source) -> Iterator[Entry]:
    """The entries of a log that was read from its file."""
    records = list(_records(source))
    models_alone = any(record.fields.get("run_type") == "llm" for record in records)
    for place, fields in records:
        # Of LangSmith's runs, those around a model's would ask the same once more.
        around = models_alone and fields.get("run_type", "llm") != "llm"
        yield Entry(place, None if around else call_of(fields), fields)


def _records(source: Source) -> Iterator[Record]:
    value = source.value
    if isinstance(value, dict) and isinstance(value.get("resourceSpans"), list):
        for number_, span in enumerate(spans_of(value["resourceSpans"]), start=1):
            yield Record(f"{source.name}: span {number_}", span)
    elif isinstance(value, dict):
        several = first(value, "data", "observations", "runs", "logs")
        yield from source.records(several, "data") if isinstance(several, list) else ()
    else:
        for record in source.records():
            resources = record.fields.get("resourceSpans")
            if isinstance(resources, list):  # a collector writes one such object in each line
                yield from (Record(record.place, span) for span in spans_of(resources))
            else:
                yield record


def call_of(fields: Mapping[str, Any]) -> LoggedCall | None:
    """The call that an entry tells of, None when it is no entry of a log or of something else.

    Args:
        fields: of the entry, in any of the forms.
    """
    attributes = fields.get("attributes")
    if not isinstance(attributes, dict):
        attributes = {name[11:]: value for name, value in fields.items() if name.startswith("attributes.")}
    if attributes:
        return span_call(fields, attributes)
    if "request_body" in fields and "response_body" in fields:
        return _of_helicone(fields)
    if "run_type" in fields and "inputs" in fields:
        return None if fields["run_type"] in _OTHER_RUNS else _of_langsmith(fields)
    if ("traceId" in fields or "trace_id" in fields) and "input" in fields and "output" in fields and "type" in fields:
        return _of_langfuse(fields) if str(fields["type"]).upper() == "GENERATION" else None
    if "call_type" in fields and "messages" in fields and "response" in fields:
        return None if _OTHER_CALLS.search(str(fields["call_type"])) else _of_litellm(fields)
    if fields.get("object") in _STORED and ("choices" in fields or "output" in fields):
        return _of_request(fields, fields)._replace(asked=of_cell(first(fields, "messages", "input", "input_items")))
    if not _EXPECTED.isdisjoint(fields):
        return None  # rather a row of a dataset
    request, response = of_cell(fields.get("request")), of_cell(fields.get("response"))
    if isinstance(request, dict) and response is not None:
        request, response = (
            body if isinstance(body := of_cell(first(side, "body", "json")), dict) else side
            for side in (request, response)
        )
        call = _of_request(request, response)
        return None if call.asked is None else call._replace(id=fields.get("id") or call.id)
    return None


def _of_request(request: Mapping[str, Any], response: Any) -> LoggedCall:
    """The call of a request and its response, in the form of any provider."""
    body = {name: value for name, value in request.items() if name not in ("metadata", "usage", "object")}
    asked = of_cell(first(body, *_ASKED))
    system = text_in(first(body, *_SYSTEM))
    if system and isinstance(asked, (list, str)) and request is not response:
        rest = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
        asked = [{"role": "system", "content": system}, *rest]
    tools = of_cell(body.get("tools"))
    usage = first(response, "usage", "usageMetadata", "usage_metadata") or response
    known = {*_ASKED, *_SYSTEM, "model", "tools", "stream"}
    labels = request.get("metadata")
    return LoggedCall(
        id=first(response, "id"),
        asked=asked,
        answered=response,
        model=first(response, "model", "modelVersion") or body.get("model"),
        tags=list(labels.values()) if isinstance(labels, dict) else None,
        tools=tuple(tools) if isinstance(tools, list) else (),
        parameters={} if request is response else {name: one for name, one in body.items() if name not in known},
        input_tokens=number(first(usage, "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count")),
        output_tokens=number(first(usage, "completion_tokens", "output_tokens", "candidatesTokenCount", "eval_count")),
    )


def _of_helicone(fields: Mapping[str, Any]) -> LoggedCall:
    asked, answered = of_cell(fields["request_body"]), of_cell(fields["response_body"])
    body = asked if isinstance(asked, dict) else {"input": asked}
    tags = of_cell(fields.get("properties") or fields.get("request_properties"))
    delay = number(fields.get("delay_ms"))
    call = _of_request(body, answered)
    return call._replace(
        id=fields.get("request_id"),
        model=fields.get("model") or call.model,
        tags=list(tags.values()) if isinstance(tags, dict) else tags,
        failed=str(fields.get("response_status", 200))[:1] not in ("2", ""),
        latency=None if delay is None else delay / 1000,
        input_tokens=number(fields.get("prompt_tokens")),
        output_tokens=number(fields.get("completion_tokens")),
        cost=number(fields.get("cost")),
    )


def _of_langsmith(fields: Mapping[str, Any]) -> LoggedCall:
    asked, extra = of_cell(fields["inputs"]), of_cell(fields.get("extra"))
    given = first(extra, "invocation_params")
    parameters = dict(given) if isinstance(given, dict) else {}
    tools = parameters.pop("tools", None) or first(asked, "tools")
    model = first(first(extra, "metadata"), "ls_model_name") or parameters.get("model")
    return LoggedCall(
        id=fields.get("id"),
        asked=_without_wrapper(asked),
        answered=of_cell(fields.get("outputs")),
        model=model,
        tags=fields.get("tags"),
        failed=fields.get("status") not in (None, "success") or bool(fields.get("error")),
        tools=tuple(tools) if isinstance(tools, list) else (),
        parameters={name: value for name, value in parameters.items() if name not in ("model", "model_name", "_type")},
        latency=seconds(fields.get("start_time"), fields.get("end_time")),
        input_tokens=number(fields.get("prompt_tokens")),
        output_tokens=number(fields.get("completion_tokens")),
        cost=number(fields.get("total_cost")),
    )


def _of_langfuse(fields: Mapping[str, Any]) -> LoggedCall:
    asked = of_cell(fields["input"])
    tools = first(asked, "tools")
    parameters = of_cell(first(fields, "modelParameters", "model_parameters"))
    usage = of_cell(first(fields, "usageDetails", "usage_details"))
    latency = number(fields.get("latency"))
    if latency is None:
        latency = seconds(first(fields, "startTime", "start_time"), first(fields, "endTime", "end_time"))
    return LoggedCall(
        id=fields.get("id"),
        asked=_without_wrapper(asked),
        answered=of_cell(fields["output"]),
        model=fields.get("model") or first(fields, "providedModelName", "provided_model_name"),
        tags=fields.get("tags"),
        failed=str(fields.get("level", "")).upper() == "ERROR",
        tools=tuple(tools) if isinstance(tools, list) else (),
        parameters=parameters if isinstance(parameters, dict) else {},
        latency=latency,
        input_tokens=number(first(usage, "input")),
        output_tokens=number(first(usage, "output")),
        cost=number(first(fields, "totalCost", "total_cost")),
    )


def _of_litellm(fields: Mapping[str, Any]) -> LoggedCall:
    given = of_cell(fields.get("model_parameters"))
    parameters = dict(given) if isinstance(given, dict) else {}
    tools = parameters.pop("tools", None)
    latency = number(fields.get("response_time"))
    return LoggedCall(
        id=fields.get("id"),
        asked=of_cell(fields["messages"]),
        answered=of_cell(fields["response"]),
        model=fields.get("model"),
        tags=fields.get("request_tags"),
        failed=fields.get("status") not in (None, "success"),
        tools=tuple(tools) if isinstance(tools, list) else (),
        parameters=parameters,
        latency=seconds(fields.get("startTime"), fields.get("endTime")) if latency is None else latency,
        input_tokens=number(fields.get("prompt_tokens")),
        output_tokens=number(fields.get("completion_tokens")),
        cost=number(fields.get("response_cost")),
    )


def _without_wrapper(asked: Any) -> Any:
    """The messages of what was asked, where tools and the like stand beside them."""
    messages = first(asked, "messages")
    return messages if isinstance(messages, list) else unwrapped(asked)
