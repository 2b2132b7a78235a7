"""Spans of OpenTelemetry, with the names of its GenAI conventions, of OpenInference or of OpenLLMetry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.datasets.foreign.calls.logged_call import LoggedCall, number, seconds
from pytest_llmeval.datasets.foreign.calls.logged_messages import first
from pytest_llmeval.datasets.foreign.values import of_cell

_REQUEST = "gen_ai.request."
_OPERATIONS = ("chat", "text_completion", "generate_content")
_DEEPEST = 20


def spans_of(resources: list[Any]) -> Iterator[dict[str, Any]]:
    """The spans of OpenTelemetry's JSON, each with its attributes as an object."""
    for resource in resources:
        for scope in _objects(resource, "scopeSpans"):
            for span in _objects(scope, "spans"):
                events = [{**event, "attributes": _attributes(event)} for event in _objects(span, "events")]
                yield {**span, "attributes": _attributes(span), "events": events}


def _objects(value: Any, key: str) -> list[dict[str, Any]]:
    found = value.get(key) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _attributes(value: Any) -> dict[str, Any]:
    return {str(one.get("key")): _plain(one.get("value"), 0) for one in _objects(value, "attributes")}


def _plain(value: Any, depth: int) -> Any:
    """The value of an attribute, without the words for its types."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    if "arrayValue" in value:
        return [_plain(one, depth + 1) for one in _objects(value["arrayValue"], "values")]
    if "kvlistValue" in value:
        pairs = _objects(value["kvlistValue"], "values")
        return {str(one.get("key")): _plain(one.get("value"), depth + 1) for one in pairs}
    return next(iter(value.values()), None)


def span_call(fields: Mapping[str, Any], attributes: Mapping[str, Any]) -> LoggedCall | None:
    """The call of a span, None when it is of something else.

    Args:
        fields: of the span.
        attributes: of the span, as one object or as objects within it.
    """
    given = _flat(attributes)
    for event in fields["events"] if isinstance(fields.get("events"), list) else []:
        told = first(event, "attributes")
        if isinstance(told, dict) and "gen_ai.input.messages" in told:
            given = {**told, **given}
    call = _genai(given) or _openinference(given)
    if call is None:
        return None
    failed = first(fields.get("status"), "code") in (2, "STATUS_CODE_ERROR") or fields.get("status_code") == "ERROR"
    own = fields.get("spanId") or fields.get("span_id") or first(fields.get("context"), "span_id")
    nanoseconds = [number(fields.get(f"{end}TimeUnixNano")) for end in ("start", "end")]
    if None not in nanoseconds:
        latency = seconds(*(None if each is None else each / 1e9 for each in nanoseconds))
    else:
        latency = seconds(fields.get("start_time"), fields.get("end_time"))
    return call._replace(id=own, failed=failed, latency=latency)


def _genai(given: Mapping[str, Any]) -> LoggedCall | None:
    if given.get("gen_ai.operation.name", _OPERATIONS[0]) not in _OPERATIONS:
        return None  # of an agent or a tool: the spans of its models are beside it
    asked, answered = (of_cell(given.get(f"gen_ai.{side}.messages")) for side in ("input", "output"))
    if asked is None:
        asked, answered = (_listed(given, f"gen_ai.{side}") for side in ("prompt", "completion"))
    if not asked:
        return None
    system = of_cell(given.get("gen_ai.system_instructions"))
    before = [{"role": "system", "parts": system}] if isinstance(system, list) else []
    tools = of_cell(given.get("gen_ai.tool.definitions"))
    parameters = {name.removeprefix(_REQUEST): value for name, value in given.items() if name.startswith(_REQUEST)}
    requested = parameters.pop("model", None)
    usage = [
        number(first(given, f"gen_ai.usage.{new}", f"gen_ai.usage.{old}"))
        for new, old in (("input_tokens", "prompt_tokens"), ("output_tokens", "completion_tokens"))
    ]
    return LoggedCall(
        id=None,
        asked=[*before, *asked] if isinstance(asked, list) else asked,
        answered=answered,
        model=given.get("gen_ai.response.model") or requested,
        tools=tuple(tools) if isinstance(tools, list) else (),
        parameters=parameters,
        input_tokens=usage[0],
        output_tokens=usage[1],
    )


def _openinference(given: Mapping[str, Any]) -> LoggedCall | None:
    is_llm = given.get("openinference.span.kind") == "LLM"
    asked = _listed(given, "llm.input_messages") or (of_cell(given.get("input.value")) if is_llm else None)
    if not asked:
        return None
    tools = (of_cell(first(one, "json_schema")) for one in _listed(given, "llm.tools"))
    parameters = of_cell(given.get("llm.invocation_parameters")) or _nested(given, "llm.invocation_parameters")
    cost = given.get("llm.cost.total")
    return LoggedCall(
        id=None,
        asked=first(asked, "messages") or asked,
        answered=_listed(given, "llm.output_messages") or of_cell(given.get("output.value")),
        model=given.get("llm.model_name"),
        tags=given.get("tag.tags"),
        tools=tuple(tool for tool in tools if tool is not None),
        parameters=parameters if isinstance(parameters, dict) else {},
        input_tokens=number(given.get("llm.token_count.prompt")),
        output_tokens=number(given.get("llm.token_count.completion")),
        cost=number(cost),
    )


def _flat(attributes: Mapping[str, Any], before: str = "", depth: int = 0) -> dict[str, Any]:
    """Attributes by their whole names, as in ``llm.model_name``."""
    made: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, dict) and depth < _DEEPEST and not name.endswith(("invocation_parameters", "messages")):
            made |= _flat(value, f"{before}{name}.", depth + 1)
        else:
            made[f"{before}{name}"] = value
    return made


def _listed(given: Mapping[str, Any], name: str) -> list[Any]:
    """The list that attributes such as ``llm.input_messages.0.message.role`` spell out, without its wrappers."""
    value = given.get(name)
    if not isinstance(value, list):
        nested = _nested(given, name)
        value = [nested[key] for key in sorted(nested, key=_place)] if isinstance(nested, dict) else []
    return [_unwrapped(_of_names(one, 0), 0) for one in value]


def _place(key: str) -> tuple[int, str]:
    return (int(key), "") if key.isdecimal() and len(key) < 7 else (10**7, key)


def _nested(given: Mapping[str, Any], name: str) -> Any:
    return _of_names(
        {key.removeprefix(f"{name}."): value for key, value in given.items() if key.startswith(f"{name}.")}, 0
    )


def _of_names(value: Any, depth: int) -> Any:
    """Objects with names such as ``message.role`` as objects within objects."""
    if not isinstance(value, dict) or depth > _DEEPEST:
        return value
    groups: dict[str, Any] = {}
    for name, inner in value.items():
        head, dot, rest = str(name).partition(".")
        if dot and rest:
            there = groups.setdefault(head, {})
            if isinstance(there, dict):
                there[rest] = inner
        else:
            groups[head] = inner
    return {name: _of_names(inner, depth + 1) for name, inner in groups.items()}


def _unwrapped(value: Any, depth: int) -> Any:
    """A message of OpenInference as OpenAI has it: without the names around its parts, and lists for numbered keys."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, list):
        return [_unwrapped(one, depth + 1) for one in value]
    if not isinstance(value, dict):
        return value
    for wrapper in ("message", "message_content", "tool_call", "tool"):
        if isinstance(value.get(wrapper), dict) and len(value) == 1:
            return _unwrapped(value[wrapper], depth + 1)
    if value and all(key.isdecimal() for key in value):
        return [_unwrapped(value[key], depth + 1) for key in sorted(value, key=_place)]
    made = {name: _unwrapped(inner, depth + 1) for name, inner in value.items()}
    if "contents" in made and "content" not in made:
        made["content"] = made.pop("contents")
    return made
