"""Rows of a CSV file: the first line names the columns, every cell is text, UTF-8."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pytest_llmeval.datasets.jsonl import not_utf8, numbered_lines
from pytest_llmeval.datasets.rows import FIELDS, LARGEST_ROW, Problems, Row, field_hint
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.text import quoted_ascii

_LISTS = ("context", "tags", "paraphrases")  # split by |
_JSON = ("checks", "metadata")
_STRIPPED = ("id", "task", "cluster")
_METADATA = "metadata."


def read_csv(path: Path, problems: Problems) -> Iterator[Row]:
    """Read the rows of a CSV file; an empty cell is an absent field, an empty row is skipped."""
    with path.open("rb") as file, cells_up_to(LARGEST_ROW):
        reader = csv.reader(_lines(file, problems), strict=True)
        header: list[str] | None = None
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problems.add(line, what_is_wrong(error))
                if "limit" in str(error):
                    return
                continue
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if not _header_is_right(header, line, problems):
                    return
            elif sum(map(len, cells)) > LARGEST_ROW:
                problems.add(line, f"the row has over {LARGEST_ROW:,} characters, more than are allowed")
            elif len(cells) != len(header):
                text = f"the row has {len(cells)} cells, the header {len(header)}"
                problems.add(line, f"{text}; a comma or a quote in a cell needs quotes around the cell")
            else:
                yield _row(line, header, cells, problems)


@contextmanager
def cells_up_to(limit: int) -> Iterator[None]:
    """Cells of up to so many characters are read; csv itself allows 131,072."""
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _lines(file: Iterator[bytes], problems: Problems) -> Iterator[str]:
    for number, raw in numbered_lines(file, problems):
        try:
            yield raw.decode()
        except UnicodeDecodeError as error:
            problems.add(number, not_utf8(error))
            yield raw.decode(errors="replace")


def what_is_wrong(error: csv.Error) -> str:
    """What an error of csv means for who wrote the file."""
    match str(error):
        case text if "end of data" in text:
            return "a quote that opens in this row is never closed"
        case text if "limit" in text:
            return f"a cell has over {LARGEST_ROW:,} characters; is a quote that opens in this row never closed?"
        case text if "expected after" in text:
            return "a quote inside a quoted cell must be written twice"
        case text:
            return f"not CSV: {text}"


def _header_is_right(header: list[str], line: int, problems: Problems) -> bool:
    before = problems.count
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and separator in header[0]:
            problems.add(line, f"the columns are separated by {name}; allowed are commas")
            return False
    for name in dict.fromkeys(header):
        if name and header.count(name) > 1:
            problems.add(line, f"the column {quoted_ascii(name)} appears {header.count(name)} times")
        known = name in FIELDS or name == "" or (name.startswith(_METADATA) and name != _METADATA)
        if not known:
            hint = field_hint(name, elsewhere="columns such as metadata.source")
            problems.add(line, f"unknown column {quoted_ascii(name)}{hint}")
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
