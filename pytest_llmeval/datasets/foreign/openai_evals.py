"""OpenAI: evals with ``ideal``, hosted evals with ``item``, and the chats of fine-tuning."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_llmeval.datasets.foreign.columns import EXPECTED, INPUTS, first_of
from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.templates import Template, filled
from pytest_llmeval.datasets.foreign.values import as_object, joined, rest_of, without
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.text import json_words, quoted

_ITEMS = ("item", "datasource_item")


def is_openai(source: Source) -> bool:
    """Whether a file looks like one of OpenAI's."""
    if source.table is not None:
        return False
    if isinstance(source.value, dict):
        return "testing_criteria" in source.value
    return any(
        ("input" in one and "ideal" in one) or any(isinstance(one.get(name), dict) for name in _ITEMS) or _is_chat(one)
        for one in source.sample()
    )


def _is_chat(one: Mapping[str, Any]) -> bool:
    messages = one.get("messages")
    return (
        isinstance(messages, list)
        and bool(messages)
        and isinstance(messages[-1], dict)
        and messages[-1].get("role") == "assistant"
        and one.keys() <= {"messages", "tools", "functions", "parallel_tool_calls", "metadata", "id"}
    )


def read_openai(source: Source, imported: Imported) -> None:
    """Add the items of a file to what is imported."""
    criteria: list[Any] = []
    if isinstance(source.value, dict):
        given = source.value.get("testing_criteria")
        criteria = given if isinstance(given, list) else []
        for key in without(source.value, {"testing_criteria", "data_source", "name", "object", "id", "metadata"}):
            imported.leave(source.place(source.value[key], key), key, "it is no part of a row")
    told = False
    for record in _records(source):
        if any(isinstance(record.fields.get(name), dict) for name in _ITEMS):
            _item(record, criteria, imported)
        elif _is_chat(record.fields):
            _chat(record, imported)
        else:
            told = told or "ideal" in record.fields
            rest = rest_of(record.fields, ("id", "input", "ideal", "metadata"))
            for name in rest:
                imported.keep(name)
            metadata = joined(as_object(record.fields.get("metadata")), rest)
            row = {"id": record.fields.get("id"), "input": record.fields.get("input"), "metadata": metadata}
            imported.add(record.place, {**row, "expected": record.fields.get("ideal")})
    if told:
        why = "it stands in the eval's own file; a row must equal one of its ideals, see assert_contains for Includes"
        imported.leave(source.name, "how ideal is compared (Match, Includes, ...)", why)


def _records(source: Source) -> Iterator[Record]:
    if not isinstance(source.value, dict):
        yield from source.records()
        return
    data = source.value.get("data_source")
    inner = data.get("source") if isinstance(data, dict) and isinstance(data.get("source"), dict) else data
    content = inner.get("content") if isinstance(inner, dict) else None
    if isinstance(content, list):
        yield from source.records(content, "data_source.content")


def _item(record: Record, criteria: list[Any], imported: Imported) -> None:
    key = next(name for name in _ITEMS if isinstance(record.fields.get(name), dict))
    item = record.fields[key]
    asked, expected = first_of(item, INPUTS), first_of(item, EXPECTED)
    others = rest_of(item, (asked, expected))
    given = item.get(asked) if asked else rest_of(item, (expected,))
    metadata = joined(others if asked else {}, rest_of(record.fields, (key,)))
    for name in metadata:
        imported.keep(name)
    checks: list[dict[str, Any]] = []
    left = []
    for criterion in criteria:
        made = _checks(criterion, item)
        if isinstance(made, str):
            title = criterion.get("name", criterion.get("type")) if isinstance(criterion, dict) else criterion
            what = f"testing criterion {json_words(title, 40)}"
            imported.leave(record.place, what, made)
            left.append(f"{what} ({made})")
        else:
            checks += made
    row = {"input": given, "expected": item.get(expected) if expected else None, "checks": checks, "metadata": metadata}
    imported.add(record.place, row, left=left)


def _checks(criterion: Any, item: Mapping[str, Any]) -> list[dict[str, Any]] | str:
    """The checks of a criterion, or why there are none."""
    if not isinstance(criterion, dict) or criterion.get("type") != "string_check":
        return "only string_check has a check of a row; write it as a check of your own"
    if not re.fullmatch(r"\{\{\s*sample\.output_text\s*\}\}", str(criterion.get("input"))):
        return "it looks at something else than the answer"
    try:
        reference = filled(criterion.get("reference"), {"item": item})
    except Template as error:
        return str(error)
    if not isinstance(reference, str) or not reference.strip():
        return "its reference is no text"
    match criterion.get("operation"):
        case "eq":
            return [{"equal": reference}]
        case "ne":
            return [{"not_matches": rf"\A{re.escape(reference)}\Z"}]
        case "like":
            return [{"contains": reference}]
        case "ilike":
            return [{"contains": {"text": reference, "ignore_case": True}}]
        case other:
            return f"its operation {json_words(other, 20)} has no check of a row"


def _chat(record: Record, imported: Imported) -> None:
    """A chat of fine-tuning: its last answer is what is expected."""
    *before, last = record.fields["messages"]
    content = last.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    calls = [_call(call) for call in last.get("tool_calls") or [] if isinstance(call, dict)]
    checks = [{"tool_calls": calls}] if calls and all(calls) else []
    left = []
    if calls and not checks:
        imported.leave(record.place, "the calls of tools in the answer", "their arguments are no JSON")
        left.append("the calls of tools in the answer")
    metadata = joined(as_object(record.fields.get("metadata")), rest_of(record.fields, ("messages", "metadata", "id")))
    for name in rest_of(record.fields, ("messages", "metadata", "id")):
        imported.keep(name)
    for name in rest_of(last, ("role", "content", "tool_calls")):
        imported.leave(record.place, f"{quoted(name, 30)} of the last answer", "it is no part of a row")
    row = {"id": record.fields.get("id"), "input": before, "expected": content, "checks": checks, "metadata": metadata}
    imported.add(record.place, row, left=left)


def _call(call: Mapping[str, Any]) -> dict[str, Any] | None:
    function = call.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    try:
        arguments = parsed_row(function.get("arguments") or "{}")
    except (ValueError, TypeError):
        return None
    return {"name": function["name"], "args": arguments} if isinstance(arguments, dict) else None
