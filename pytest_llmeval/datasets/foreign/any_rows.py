"""Rows of whatever columns: a spreadsheet, or a list of objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_llmeval.datasets.foreign.columns import CONTEXTS, EXPECTED, IDS, INPUTS, TAGS, TASKS, first_of
from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.datasets.foreign.files.source import Record, Source
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.values import as_object, joined, labels, of_cell, passages, rest_of, unwrapped
from pytest_llmeval.datasets.rows import Problems, Row, case_of
from pytest_llmeval.json_text import path_steps
from pytest_llmeval.text import did_you_mean, quoted

FIELDS = ("id", "input", "expected", "context", "task", "tags")
_GUESSES = dict(zip(FIELDS, (IDS, INPUTS, EXPECTED, CONTEXTS, TASKS, TAGS), strict=True))
_OWN = ("checks", "paraphrases", "samples", "cluster")  # fields of a row that no other tool has by these names


def has_rows(source: Source) -> bool:
    """Whether a file is rows at all."""
    return source.table is not None or _rows_of(source) is not None


def read_rows(source: Source, imported: Imported, fields: Mapping[str, str]) -> None:
    """Add rows by the names of their columns.

    Args:
        source: the file.
        imported: what is added to.
        fields: our name to theirs, as the user gave them; the others are guessed.

    Raises:
        DatasetError: there is no such column, or none that can be the input.
    """
    records = rows_in(source, imported)
    named = source.table.columns if source.table else dict.fromkeys(name for one in records for name in one.fields)
    columns = list(named)
    names = _names(source, columns, records, fields)
    shown = [f"{ours} is {quoted(theirs, 40)}" for ours, theirs in names.items() if theirs is not None]
    imported.said.append(f"read by the names of columns: {', '.join(shown)}")
    for record in records:
        _add(record, names, imported)


def _names(
    source: Source, columns: list[str], records: list[Record], given: Mapping[str, str]
) -> dict[str, str | None]:
    there = ", ".join(quoted(column, 30) for column in columns[:30])
    for ours, theirs in given.items():
        if not any(value_at(record.fields, theirs) is not None for record in records):
            guess = did_you_mean(theirs, columns)
            raise refusal(source.name, 0, f"--field {ours}={theirs}: no row has that{guess} (there are {there})")
    free = [column for column in columns if column not in given.values()]
    names: dict[str, str | None] = {}
    for ours, guesses in _GUESSES.items():
        names[ours] = given.get(ours) or first_of(free, guesses)
        free = [column for column in free if column != names[ours]]
    if names["input"] is None:
        raise refusal(source.name, 0, f"which column is the input? name it: --field input=COLUMN (there are {there})")
    return names


def _add(record: Record, names: Mapping[str, str | None], imported: Imported) -> None:
    found = {ours: value_at(record.fields, theirs) for ours, theirs in names.items() if theirs is not None}
    asked = unwrapped(of_cell(found.get("input")))
    row = {
        "id": found.get("id"),
        "input": asked,
        "expected": unwrapped(of_cell(found.get("expected"))),
        "context": passages(found.get("context")),
        "task": None if found.get("task") is None else str(found["task"]),
        "tags": labels(found.get("tags")),
    }
    row |= {name: value for name in _OWN if _is_ours(name, value := of_cell(record.fields.get(name)), row["input"])}
    rest = rest_of(record.fields, [*names.values(), *row, "metadata"])
    for name in rest:
        imported.keep(name)
    imported.add(record.place, {**row, "metadata": joined(as_object(record.fields.get("metadata")), rest)})


def _is_ours(name: str, value: Any, asked: Any) -> bool:
    """Whether a column is the field of a row that is called like it, and no other of the same name."""
    problems = Problems("")
    case_of(Row(line=0, fields={"id": "x", "input": asked or "x", name: value}), "", problems, {})
    return value is not None and not problems.count


def value_at(fields: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or at a path such as ``request.messages``; None when a row has neither."""
    if name in fields:
        return fields[name]
    try:
        steps = path_steps(name)
    except ValueError:
        return None
    value: Any = fields
    for step in steps:
        value = of_cell(value)
        if isinstance(value, list):
            if not isinstance(step, int) or step >= len(value):
                return None
            value = value[step]
        elif isinstance(value, Mapping) and step in value:
            value = value[step]
        else:
            return None
    return value


def rows_in(source: Source, imported: Imported) -> list[Record]:
    """The rows of a file: of a table, a list, or the one list of objects within an object.

    Args:
        source: the file.
        imported: told of items that are no rows.

    Raises:
        DatasetError: there is none.
    """
    if source.table is not None:
        return list(source.records())
    found = _rows_of(source)
    if found is None:
        raise refusal(source.name, 0, "there is no list of rows in it")
    key, rows = found
    for number, item in enumerate(rows, start=1):
        if not isinstance(item, dict):
            imported.leave(source.place(item, f"item {number}"), "an item that is no object", "a row is an object")
    return list(source.records(rows, key) if key else source.records())


def _rows_of(source: Source) -> tuple[str, list[Any]] | None:
    """The list of rows of a file, and the key it stands under; "" when it is the file itself."""
    if isinstance(source.value, list):
        return ("", source.value) if any(isinstance(one, dict) for one in source.value) else None
    if not isinstance(source.value, dict):
        return None
    lists = {
        key: value
        for key, value in source.value.items()
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value)
    }
    return next(iter(lists.items())) if len(lists) == 1 else None
