"""LangSmith: examples of a dataset, as JSON, JSON Lines or CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import as_object, joined, of_cell, rest_of, unwrapped, without

_MARKS = {"dataset_id", "source_run_id", "outputs", "reference_outputs", "attachments"}
_OF_THE_SERVICE = (
    *("id", "inputs", "outputs", "metadata", "dataset_id", "dataset_name", "created_at", "modified_at"),
    *("source_run_id", "example_id", "split"),
)


def is_langsmith(source: Source) -> bool:
    """Whether a file looks like examples."""
    if isinstance(source.value, dict):
        examples = source.value.get("examples")
        return isinstance(examples, list) and any(isinstance(one, dict) and "inputs" in one for one in examples)
    return any(
        isinstance(one.get("inputs"), dict) and _MARKS & one.keys() and "run_type" not in one
        for one in map(_together, source.sample())
    )


def read_langsmith(source: Source, imported: Imported) -> None:
    """Add the examples of a file to what is imported."""
    if isinstance(source.value, dict):
        for key in without(source.value, {"examples"}):
            imported.leave(source.place(source.value[key], key), key, "it is no part of a row")
        examples = source.value.get("examples")
        records = source.records(examples if isinstance(examples, list) else [], "examples")
    else:
        records = source.records()
    for record in records:
        _add(record, imported)


def _together(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an example, of a table those whose columns are ``inputs.question`` and the like in one object."""
    made: dict[str, Any] = {}
    for name, value in fields.items():
        group, dot, key = name.partition(".")
        if dot and group in ("inputs", "outputs", "metadata") and isinstance(made.get(group, {}), dict):
            made.setdefault(group, {})[key] = of_cell(value)
        else:
            made[name] = of_cell(value) if name in ("inputs", "outputs", "metadata") else value
    return made


def _add(record: Record, imported: Imported) -> None:
    example = _together(record.fields)
    rest = rest_of(example, _OF_THE_SERVICE)
    if attachments := rest.pop("attachments", None):
        imported.leave(record.place, f"attachments: {', '.join(attachments)[:60]}", "files are no part of a row")
    for name in rest:
        imported.keep(name)
    split = example.get("split") or as_object(example.get("metadata")).get("dataset_split")
    row = {
        "id": example.get("id") or example.get("example_id"),
        "input": unwrapped(example.get("inputs")),
        "expected": _answer(example.get("outputs")),
        "tags": [str(one) for one in (split if isinstance(split, list) else [split]) if one],
        "metadata": joined(as_object(example.get("metadata")), rest),
    }
    imported.add(record.place, row)


def _answer(outputs: Any) -> Any:
    """What a right answer is: of a message its text."""
    value = next(iter(outputs.values())) if isinstance(outputs, dict) and len(outputs) == 1 else outputs
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict) and value.get("role") == "assistant" and isinstance(value.get("content"), str):
        return value["content"]
    return unwrapped(outputs)
