"""Langfuse: items of a dataset, as JSON, JSON Lines or CSV."""

from __future__ import annotations

from typing import Any

from pytest_llmeval.datasets.foreign.files.source import Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import as_object, joined, of_cell, rest_of, unwrapped
from pytest_llmeval.text import quoted

_NAMES = {
    "expectedOutput": "expected_output",
    "datasetId": "dataset_id",
    "datasetName": "dataset_name",
    "sourceTraceId": "source_trace_id",
    "sourceObservationId": "source_observation_id",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "mediaReferences": "media_references",
    "projectId": "project_id",
}
_MARKS = {"dataset_id", "dataset_name", "source_trace_id"}
_OF_THE_SERVICE = (
    *("id", "input", "expected_output", "metadata", "status", "dataset_id", "dataset_name", "source_trace_id"),
    *("source_observation_id", "created_at", "updated_at", "project_id", "valid_from"),
)


def is_langfuse(source: Source) -> bool:
    """Whether a file looks like items."""
    items = source.sample() or [one for one in _items(source) if isinstance(one, dict)]
    return any("input" in one and _MARKS & {_NAMES.get(name, name) for name in one} for one in items)


def _items(source: Source) -> list[Any]:
    items = source.value.get("data", source.value.get("items")) if isinstance(source.value, dict) else None
    return items if isinstance(items, list) else []


def read_langfuse(source: Source, imported: Imported) -> None:
    """Add the items of a file to what is imported."""
    for record in source.records(_items(source), "data") if isinstance(source.value, dict) else source.records():
        item = {_NAMES.get(name, name): value for name, value in record.fields.items()}
        if item.get("status") not in (None, "", "ACTIVE"):
            what = f"an item whose status is {quoted(str(item['status']), 20)}"
            imported.leave(record.place, what, "it is not in use")
            continue
        rest = rest_of(item, _OF_THE_SERVICE)
        for name in rest:
            imported.keep(name)
        row = {
            "id": item.get("id"),
            "input": unwrapped(of_cell(item.get("input"))),
            "expected": unwrapped(of_cell(item.get("expected_output"))),
            "metadata": joined(as_object(item.get("metadata")), rest),
        }
        imported.add(record.place, row)
