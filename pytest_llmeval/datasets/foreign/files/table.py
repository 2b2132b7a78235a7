"""A table as spreadsheets write it: commas, semicolons or tabs, ``sep=``, in UTF-8 or as Windows writes."""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.rows import LARGEST_ROW
from pytest_llmeval.errors import DatasetError
from pytest_llmeval.text import first_line, plural, quoted

_SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_LARGEST_UNZIPPED = 300_000_000  # bytes
_MOST_CELLS = 5_000_000
_GUESSED_BY = 50  # rows


class Line(NamedTuple):
    """A row of a table.

    Attributes:
        place: the file and the line or row in it.
        cells: by the name of their column; without those that are empty.
    """

    place: str
    cells: dict[str, Any]


class Table(NamedTuple):
    """A table with named columns."""

    columns: tuple[str, ...]
    lines: list[Line]


def text_table(raw: bytes, name: str, imported: Imported) -> Table:
    """The table of a text file.

    Args:
        raw: the file.
        name: the file, for places.
        imported: told what was guessed and what was left out.

    Raises:
        DatasetError: it is no table.
    """
    text = _decoded(raw, name, imported)
    skipped = 0
    first, _, rest = text.partition("\n")
    said = first.strip().strip('"')
    if said.lower().startswith("sep=") and len(said) == 5:
        separator, text, skipped = said[4], rest, 1
    elif name.lower().endswith((".tsv", ".tab")):
        separator = "\t"
    else:
        separator = _separator(text)
    if separator != ",":
        imported.said.append(f"the columns are separated by {_SEPARATORS.get(separator, quoted(separator))}")
    rows = list(_rows(text, separator, name, skipped))
    return _named(((f"{name}:{line}", cells) for line, cells in rows), name, imported)


def _decoded(raw: bytes, name: str, imported: Imported) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise refusal(name, 0, "it begins as UTF-16 does, but is not UTF-16; save it as UTF-8") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        try:
            text = raw.decode("cp1252")
        except UnicodeDecodeError:
            raise refusal(
                name, line, "neither UTF-8 nor what Windows writes (cp1252); save the file as UTF-8"
            ) from None
        imported.said.append(f"the file is not UTF-8 (line {line}), so it was read as Windows writes it (cp1252)")
    if "\0" in text:
        raise refusal(
            name, text.count("\n", 0, text.index("\0")) + 1, "it holds a zero byte; save the table as CSV in UTF-8"
        )
    return text


def _separator(text: str) -> str:
    """What separates the columns: what gives most of the first rows the same number of cells, the most above 1."""
    best, most = ",", 1
    for separator in _SEPARATORS:
        counts = []
        try:
            for cells in csv.reader(io.StringIO(text[:200_000], newline=""), delimiter=separator):
                if any(cells):
                    counts.append(len(cells))
                if len(counts) == _GUESSED_BY:
                    break
        except csv.Error:
            continue
        usual = counts[0] if counts else 0
        if usual > most and sum(count == usual for count in counts) > len(counts) * 0.8:
            best, most = separator, usual
    return best


def _rows(text: str, separator: str, name: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    before = csv.field_size_limit(LARGEST_ROW)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        line = skipped + 1
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                what = str(error)
                if "end of data" in what or "limit" in what:
                    what = "a quote that opens in this row is never closed"
                elif "expected after" in what:
                    what = "a quote inside a quoted cell must be written twice"
                raise refusal(name, line, f"not a table: {what}") from None
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = skipped + reader.line_num + 1
    finally:
        csv.field_size_limit(before)


def sheet_table(path: Path, name: str, imported: Imported) -> Table:
    """The first sheet of a workbook; of a formula the value that was saved with it.

    Args:
        path: an ``.xlsx`` file.
        name: the file, for places.
        imported: told what was left out.

    Raises:
        DatasetError: it is no workbook, or openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError:
        raise refusal(name, 0, "reading .xlsx needs openpyxl: pip install openpyxl; or save the sheet as CSV") from None
    try:
        with zipfile.ZipFile(path) as parts:
            size = sum(part.file_size for part in parts.infolist())
        if size > _LARGEST_UNZIPPED:
            told = f"the workbook has {size:,} bytes unzipped; at most {_LARGEST_UNZIPPED:,} are allowed"
            raise refusal(name, 0, told)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a workbook has that is no business of its cells
            values, formulas = (openpyxl.load_workbook(path, read_only=True, data_only=data) for data in (True, False))
            with contextlib.closing(values), contextlib.closing(formulas):
                lines = list(_sheet_lines(values, formulas, name, imported))
    except DatasetError:
        raise
    except Exception as error:  # noqa: BLE001, RUF100 - a hostile workbook breaks openpyxl in any way
        told = first_line(str(error), 100) or type(error).__name__
        raise refusal(name, 0, f"not a workbook that can be read: {told}") from None
    return _named(iter(lines), name, imported)


def _sheet_lines(values: Any, formulas: Any, name: str, imported: Imported) -> Iterator[tuple[str, list[str]]]:
    """The rows of the first sheet.

    Args:
        values: the workbook with the values of its formulas.
        formulas: the same with the formulas themselves.
        name: the file, for places.
        imported: told what was left out.
    """
    for sheet in values.worksheets[1:]:
        imported.leave(f"{name}: sheet {quoted(sheet.title, 40)}", "a sheet", "only the first one is read")
    count = 0
    both = (book.worksheets[0].iter_rows() for book in (values, formulas))
    for number, (row, written) in enumerate(zip(*both, strict=True), start=1):
        count += len(row)
        if count > _MOST_CELLS:
            raise refusal(
                name, 0, f"the sheet reaches over {_MOST_CELLS:,} cells, up to row {number}; delete empty rows"
            )
        cells = [_cell(cell.value) for cell in row]
        for column, (cell, formula) in enumerate(zip(row, written, strict=False)):
            why = None
            if cell.value is None and formula.data_type == "f":
                why = "no value was saved with it; open and save the workbook"
            elif cell.value is not None and cell.data_type == "e":
                why, cells[column] = f"its value is the error {quoted(cells[column], 20)}", ""
            if why:
                imported.leave(f"{name}: {cell_name(column, number)}", "a formula", why)
        if any(cells):
            yield f"{name}: row {number}", cells


def cell_name(column: int, row: int) -> str:
    """What a spreadsheet calls a cell, as in ``B2``.

    Args:
        column: from 0.
        row: from 1.
    """
    letters = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _named(rows: Iterator[tuple[str, list[str]]], name: str, imported: Imported) -> Table:
    """The cells by their columns, whose names the first row has."""
    first = next(rows, None)
    if first is None:
        raise refusal(name, 0, "the file has no rows")
    columns: list[str] = []
    for number, cell in enumerate(first[1], start=1):
        title = cell.strip() or f"column {number}"
        while title in columns:
            title = f"{title} ({number})"
        columns.append(title)
    lines = []
    for place, cells in rows:
        further = [cell for cell in cells[len(columns) :] if cell.strip()]
        if further:
            what = f"{plural(len(further), 'cell')} beyond the last column: {quoted(further[0], 40)}"
            imported.leave(place, what, "a separator or a quote in a cell needs quotes around the cell")
        named = {column: cell for column, cell in zip(columns, cells, strict=False) if cell.strip()}
        if named:
            lines.append(Line(place, named))
    return Table(tuple(columns), lines)
