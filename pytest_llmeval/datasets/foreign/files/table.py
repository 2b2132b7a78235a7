"""A table with named columns, of a text or of a workbook."""

from __future__ import annotations

import contextlib
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pytest_llmeval.datasets.foreign.files.refusal import refusal
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.spreadsheet import SEPARATORS, NotATable, text_table
from pytest_llmeval.errors import DatasetError
from pytest_llmeval.text import first_line, plural, quoted

_LARGEST_UNZIPPED = 300_000_000  # bytes
_MOST_CELLS = 5_000_000


class Line(NamedTuple):
    """A row of a table.

    Attributes:
        place: the file and the line or row in it.
        cells: by the name of their column; without those that are empty.
    """

    place: str
    cells: dict[str, Any]


class Table(NamedTuple):
    """A table with named columns.

    Attributes:
        windows_line: the first line that is not UTF-8, so that the encoding is a guess; None when all is UTF-8.
    """

    columns: tuple[str, ...]
    lines: list[Line]
    windows_line: int | None = None


def named_table(raw: bytes, name: str, imported: Imported) -> Table:
    """The table of a text file.

    Args:
        raw: the file.
        name: the file, for places.
        imported: told what was guessed and what was left out.

    Raises:
        DatasetError: it is no table.
    """
    try:
        table = text_table(raw, tabs=name.lower().endswith((".tsv", ".tab")))
        if table.windows_line is not None:
            told = f"the file is not UTF-8 (line {table.windows_line}), so it was read as Windows writes it (cp1252)"
            imported.said.append(told)
        if table.separator != ",":
            separated = SEPARATORS.get(table.separator, quoted(table.separator))
            imported.said.append(f"the columns are separated by {separated}")
        rows = list(table.rows())
    except NotATable as error:
        raise refusal(name, error.line, f"not a table: {error}") from None
    named = _named(((f"{name}:{line}", cells) for line, cells in rows), name, imported)
    return named._replace(windows_line=table.windows_line)


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
