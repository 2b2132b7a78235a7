"""Rows of a table (.csv, .tsv): the first line names the columns, and every cell is text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_llmeval.datasets.rows import FIELDS, LARGEST_ROW, Problems, Row, field_hint
from pytest_llmeval.datasets.spreadsheet import NOT_UTF8, NotATable, text_table
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.text import quoted_ascii

_LISTS = ("context", "tags", "paraphrases")  # split by |
_JSON = ("checks", "metadata")
_STRIPPED = ("id", "task", "cluster")
_METADATA = "metadata."


def read_csv(path: Path, problems: Problems) -> Iterator[Row]:
    """Read the rows of a table; an empty cell is an absent field, an empty row is skipped."""
    try:
        table = text_table(path.read_bytes(), tabs=path.suffix.lower() == ".tsv")
    except NotATable as error:
        problems.add(error.line, str(error))
        return
    if table.windows_line is not None:
        problems.add(table.windows_line, NOT_UTF8)
        return
    header: list[str] | None = None
    for line, cells in table.rows(problems.add):
        if header is None:
            header = [cell.strip() for cell in cells]
            if not _header_is_right(header, line, problems):
                return
        elif sum(map(len, cells)) > LARGEST_ROW:
            problems.add(line, f"the row has over {LARGEST_ROW:,} characters, more than are allowed")
        elif len(cells) != len(header):
            text = f"the row has {len(cells)} cells, the header {len(header)}"
            problems.add(line, f"{text}; a separator or a quote in a cell needs quotes around the cell")
        else:
            yield _row(line, header, cells, problems)


def _header_is_right(header: list[str], line: int, problems: Problems) -> bool:
    before = problems.count
    for name in dict.fromkeys(header):
        if name and header.count(name) > 1:
            problems.add(line, f"the column {quoted_ascii(name)} appears {header.count(name)} times")
        known = name in FIELDS or name == "" or (name.startswith(_METADATA) and name != _METADATA)
        if not known:
            hint = field_hint(name, elsewhere="columns such as metadata.source")
            problems.add(line, f"unknown column {quoted_ascii(name)}{hint}")
            problems.note_name(name, header)
    problems_of_names = problems.count > before
    for required in ("id", "input"):
        if required not in header and not problems_of_names:
            problems.add(line, f"there is no column {required}; a dataset needs at least id and input")
    return problems.count == before


def _row(line: int, header: list[str], cells: list[str], problems: Problems) -> Row:
    fields: dict[str, Any] = {}
    columns: dict[str, str] = {}
    for name, cell in zip(header, cells, strict=True):
        if not cell.strip():
            continue
        if name == "":
            problems.add(line, f"the cell {quoted_ascii(cell)} is in a column without a name")
        elif name.startswith(_METADATA):
            columns[name.removeprefix(_METADATA)] = cell
        elif name in _JSON:
            try:
                fields[name] = parsed_row(cell)
            except ValueError as error:
                problems.add(line, f"{name} must be JSON in a CSV file; {error}")
        elif name in _LISTS:
            fields[name] = [part.strip() for part in cell.split("|") if part.strip()]
        elif name == "samples":
            fields[name] = int(cell) if len(cell) < 10 and cell.strip().isascii() and cell.strip().isdigit() else cell
        else:
            fields[name] = cell.strip() if name in _STRIPPED else cell
    if columns:
        metadata = fields.setdefault("metadata", {})
        if isinstance(metadata, dict):
            for key in metadata.keys() & columns.keys():
                problems.add(line, f"metadata.{quoted_ascii(key)[1:-1]} is both in its own column and in metadata")
            metadata.update(columns)
    return Row(line=line, fields=fields)
