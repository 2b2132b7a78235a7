"""deepeval: goldens as JSON, JSON Lines or CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import as_object, joined, of_cell, passages, rest_of
from pytest_llmeval.text import json_words

_MARKS = {
    *("actual_output", "retrieval_context", "additional_metadata", "source_file", "tools_called", "expected_tools"),
    *("custom_column_key_values", "scenario", "expected_outcome"),
}
_PLACED = (
    *("input", "expected_output", "context", "name", "id", "additional_metadata", "expected_tools", "tags", "turns"),
)
_LISTS = ("goldens", "test_cases", "testCases", "conversationalGoldens")


def is_deepeval(source: Source) -> bool:
    """Whether a file looks like goldens."""
    if isinstance(source.value, dict):
        return any(name in source.value for name in _LISTS)
    return any(
        ({"input", "expected_output"} & names and _MARKS & names) or "scenario" in names
        for names in (set(_snake(one)) for one in source.sample())
    )


def read_deepeval(source: Source, imported: Imported) -> None:
    """Add the goldens of a file to what is imported."""
    if isinstance(source.value, dict):
        for key, value in source.value.items():
            if key in _LISTS and isinstance(value, list):
                for record in source.records(value, key):
                    _add(record, imported)
            else:
                imported.leave(source.place(value, key), key, "it is no part of a row")
        return
    for record in source.records():
        _add(record, imported)


def _snake(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by the names that files have; the service's own begin small and go on with capitals."""
    return {re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(): value for name, value in fields.items()}


def _texts(value: Any) -> list[str]:
    """The passages; in CSV and JSON Lines they are one text with bars between them."""
    value = of_cell(value)
    return passages([part.strip() for part in value.split("|")] if isinstance(value, str) else value)


def _add(record: Record, imported: Imported) -> None:
    golden = _snake(record.fields)
    asked = golden.get("input")
    turns = of_cell(golden.get("turns"))
    if asked in (None, ""):
        asked = _messages(turns) or golden.get("scenario")
    context, retrieved = _texts(golden.get("context")), _texts(golden.get("retrieval_context"))
    rest = rest_of(golden, _PLACED)
    if not context and retrieved:
        context = retrieved
        rest.pop("retrieval_context", None)
    if asked is golden.get("scenario"):
        rest.pop("scenario", None)
    tools = of_cell(golden.get("expected_tools"))
    checks: list[dict[str, Any]] = []
    left: list[str] = []
    for tool in _listed(tools):
        made = _called(tool)
        if made is None:
            what = f"expected tool {json_words(tool, 40)}"
            imported.leave(record.place, what, "it has no name")
            left.append(what)
        else:
            checks.append({"tool_called": made})
    if "expected_outcome" in rest:
        imported.leave(record.place, "expected_outcome", "a model or a person judges it; it is kept in the metadata")
    for name in rest:
        imported.keep(name)
    expected = golden.get("expected_output")
    if checks and isinstance(expected, str) and expected.strip():
        checks.append({"equal": True})
    row = {
        "id": golden.get("name") or golden.get("id"),
        "input": asked,
        "expected": expected,
        "context": context,
        "tags": [str(tag) for tag in _listed(of_cell(golden.get("tags")))],
        "checks": checks,
        "metadata": joined(as_object(golden.get("additional_metadata")), rest),
    }
    imported.add(record.place, row, left=left)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    return value if isinstance(value, list) else []


def _messages(turns: Any) -> list[dict[str, Any]]:
    return [
        {"role": str(turn.get("role") or "user"), "content": turn["content"]}
        for turn in (turns if isinstance(turns, list) else [])
        if isinstance(turn, dict) and isinstance(turn.get("content"), str)
    ]


def _called(tool: Any) -> Any:
    if isinstance(tool, str):
        return tool
    if not isinstance(tool, dict) or not isinstance(tool.get("name"), str):
        return None
    arguments = tool.get("input_parameters", tool.get("inputParameters"))
    return {"name": tool["name"], "args": arguments} if isinstance(arguments, dict) and arguments else tool["name"]
