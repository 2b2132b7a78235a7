"""Cases of a file whose columns have names of their own, by a mapping from our names to them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.foreign.any_rows import rows_in, value_at
from pytest_llmeval.datasets.foreign.files.source import Record, Source, read_source
from pytest_llmeval.datasets.foreign.imported import Imported, asked_value, id_of_content
from pytest_llmeval.datasets.foreign.values import as_object, joined, labels, of_cell, passages, rest_of
from pytest_llmeval.datasets.rows import FIELDS, Problems, Row, case_of
from pytest_llmeval.datasets.spreadsheet import NOT_UTF8
from pytest_llmeval.text import did_you_mean, quoted

MAPPED = tuple(name for name in FIELDS if name != "metadata")
"""The fields that a column can be named for; all other columns are metadata."""

_METADATA = "metadata."


def cases_by_fields(path: Path, name: str, fields: Mapping[str, str | None], *, by_option: bool = False) -> list[Case]:
    """The cases of a table, a workbook, JSON, JSON Lines or YAML.

    A row without an id gets one made of its input and context. A field that is not named is the column of its own name.

    Args:
        path: the file.
        name: the same as the user wrote it.
        fields: one of `MAPPED` to the name of a column or a path such as ``request.messages[0].content``; to None where
            the file's column of the field's own name is something else.
        by_option: whether ``--field`` names them, and not a marker.

    Raises:
        DatasetError: the file cannot be read, no row has a column that is named, or rows are no cases; each with its
            place.
    """
    imported = Imported("rows")
    source = read_source(path, name, imported)
    records = rows_in(source, imported)
    problems = Problems(name, word=_word(source))
    if source.table is not None and source.table.windows_line is not None:
        problems.add(source.table.windows_line, NOT_UTF8)
    for (what, why), places in imported.not_mapped.items():
        for place in places if what != "a sheet" else ():
            number = _number(place, name, 0)
            problems.add(number, f"{'' if number else place.removeprefix(name).strip(': ') + ': '}{what}; {why}")
    columns = source.table.columns if source.table else dict.fromkeys(key for one in records for key in one.fields)
    _refuse_unknown(fields, list(columns), records, problems, by_option=by_option)
    cases: list[Case] = []
    line_of_id: dict[str, int] = {}
    made: set[str] = set()
    for item, record in enumerate(records, start=1):
        fields_of_row = _row(record, fields, in_table=source.table is not None)
        if fields_of_row.get("id") is None:
            fields_of_row["id"] = _made_id(fields_of_row, made)
        row = Row(line=_number(record.place, name, item), fields=fields_of_row)
        case = case_of(row, name, problems, line_of_id)
        if case is not None:
            cases.append(case)
    if not cases and not problems.count:
        problems.add(0, "the file has no rows; a dataset needs at least one case")
    if problems.count:
        raise problems.error()
    return cases


def _word(source: Source) -> str:
    """What the places in a file are called."""
    if source.table is not None:
        return "row" if source.path.suffix.lower() in (".xlsx", ".xlsm") else "line"
    return "item" if source.path.suffix.lower() in (".json", ".eval") and not source.lines else "line"


def _number(place: str, name: str, otherwise: int) -> int:
    found = re.fullmatch(r"(?::|: (?:row|item) )(\d{1,12})", place.removeprefix(name))
    return int(found[1]) if found else otherwise


def _refuse_unknown(
    fields: Mapping[str, str | None], columns: list[str], records: list[Record], problems: Problems, *, by_option: bool
) -> None:
    before = problems.count
    for ours, theirs in fields.items():
        if theirs is not None and not any(value_at(record.fields, theirs) is not None for record in records):
            there = ", ".join(quoted(column, 30) for column in columns[:30])
            guess = did_you_mean(theirs, columns)
            given = f"--field {ours}={theirs}" if by_option else f"fields={{{ours!r}: {theirs!r}}}"
            problems.add(0, f"{given}: no row has {quoted(theirs, 40)}{guess} (there are {there})")
    if problems.count > before:
        raise problems.error()


def _row(record: Record, fields: Mapping[str, str | None], *, in_table: bool) -> dict[str, Any]:
    named = {ours: fields.get(ours, ours) for ours in MAPPED}
    found = {ours: value_at(record.fields, theirs) for ours, theirs in named.items() if theirs is not None}
    if in_table:  # where every cell is text
        found = {ours: of_cell(value) if ours != "id" else value for ours, value in found.items()}
        for ours in ("paraphrases", "samples"):
            value = found.get(ours)
            if isinstance(value, str):
                digits = value.strip().isascii() and value.strip().isdigit() and len(value) < 10
                parts = [part.strip() for part in value.split("|") if part.strip()]
                found[ours] = parts if ours == "paraphrases" else int(value) if digits else value
    row = {
        **found,
        "input": asked_value(found.get("input")),
        "context": passages(found.get("context")),
        "tags": labels(found.get("tags")),
        "task": None if found.get("task") is None else str(found["task"]),
    }
    rest = rest_of(record.fields, [*named.values(), "metadata"])
    rest = {key.removeprefix(_METADATA) or key: value for key, value in rest.items()}
    metadata = joined(as_object(record.fields.get("metadata")), rest)
    return {ours: value for ours, value in {**row, "metadata": metadata}.items() if value not in (None, "", [], {})}


def _made_id(row: Mapping[str, Any], made: set[str]) -> str:
    base = id_of_content(row)
    name, number = base, 1
    while name in made:
        number += 1
        name = f"{base}-{number}"
    made.add(name)
    return name
