"""A table as spreadsheets save it: commas, semicolons or tabs, with ``sep=`` or without, in any of their encodings."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator

from pytest_llmeval.datasets.csv_rows import cells_up_to, what_is_wrong
from pytest_llmeval.datasets.rows import LARGEST_ROW

SEPARATORS = (",", ";", "\t")


class NotATable(ValueError):
    """A file is not a table.

    Args:
        line: where, from 1.
        why: in words.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def table_rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file with the lines they begin in, from 1; empty rows are left out.

    Args:
        raw: what the file holds: UTF-8, UTF-16 with its mark, or else the Windows encoding cp1252.

    Raises:
        NotATable: quotes do not match, or a cell is too long.
    """
    text = _decoded(raw)
    said = re.match(r'"?sep=(.)"?[;,\t]*(?:\r\n|\r|\n|$)', text, re.IGNORECASE)  # Excel's own first line
    separator = said[1] if said else _separator(text)
    skipped = 1 if said else 0
    reader = csv.reader(io.StringIO(text[said.end() :] if said else text, newline=""), delimiter=separator, strict=True)
    with cells_up_to(LARGEST_ROW):
        while True:
            line = reader.line_num + 1 + skipped
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise NotATable(line, what_is_wrong(error)) from None
            if any(cell.strip() for cell in cells):
                yield line, cells


def _decoded(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _separator(text: str) -> str:
    """What separates the names of the columns: the separator that the first line has most of."""
    first = next((line for line in text[:LARGEST_ROW].splitlines() if line.strip()), "")
    return max(SEPARATORS, key=first.count)
