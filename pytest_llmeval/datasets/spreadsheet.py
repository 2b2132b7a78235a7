"""A table as spreadsheets save it: with commas, semicolons, tabs or bars, ``sep=``, in any of their encodings."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from pytest_llmeval.datasets.rows import LARGEST_ROW

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What may stand between cells, and its name."""

NOT_UTF8 = "not UTF-8; save the file as UTF-8, or let llmeval import guess its encoding and say so"
"""Why a table in another encoding is no dataset: nobody would see that it was guessed."""

_GUESSED_BY = 50  # rows
_READ_FOR_GUESS = 200_000  # characters
_SAID = re.compile(r'"?sep=(.)"?[;,\t|]*(?:\r\n|\r|\n|$)', re.IGNORECASE)  # Excel's own first line


class NotATable(ValueError):
    """A file is not a table.

    Args:
        line: where, from 1; 0 for the file as a whole.
        why: in words.
    """

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


class TextTable(NamedTuple):
    """A table in a text, not yet split into cells.

    Attributes:
        text: without what stands before the table.
        separator: of the cells.
        skipped: lines before the table.
        windows_line: the first line that is not UTF-8, so that the file was read as Windows writes it; None if all is.
    """

    text: str
    separator: str
    skipped: int = 0
    windows_line: int | None = None

    def rows(self, report: Callable[[int, str], None] | None = None) -> Iterator[tuple[int, list[str]]]:
        """The rows with the lines they begin in, from 1; empty rows are left out.

        Args:
            report: told the line of a row that is wrong, and why; the others are still read. None to raise instead.

        Raises:
            NotATable: quotes do not match, or a cell is too long.
        """
        reader = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator, strict=True)
        with _cells_up_to(LARGEST_ROW):
            while True:
                line = reader.line_num + 1 + self.skipped
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    if report is None:
                        raise NotATable(line, _what_is_wrong(error)) from None
                    report(line, _what_is_wrong(error))
                    if "limit" in str(error):
                        return
                    continue
                if any(cell.strip() for cell in cells):
                    yield line, cells


def text_table(raw: bytes, *, tabs: bool = False) -> TextTable:
    """The table that a file holds.

    Args:
        raw: the file: UTF-8, UTF-16 with its mark, or else the Windows encoding cp1252.
        tabs: whether the file says by its name that tabs separate its cells.

    Raises:
        NotATable: it is in none of these encodings, or holds a zero byte.
    """
    text, windows_line = _decoded(raw)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise NotATable(line, "it holds a zero byte; save the table as CSV in UTF-8")
    said = _SAID.match(text)
    if said:
        return TextTable(text[said.end() :], said[1], 1, windows_line)
    return TextTable(text, "\t" if tabs else _separator(text), 0, windows_line)


def _decoded(raw: bytes) -> tuple[str, int | None]:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return raw.decode("utf-16"), None
        except UnicodeDecodeError:
            raise NotATable(0, "it begins as UTF-16 does, but is not UTF-16; save it as UTF-8") from None
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
    try:
        return raw.decode("cp1252"), line
    except UnicodeDecodeError:
        raise NotATable(line, "neither UTF-8 nor what Windows writes (cp1252); save the file as UTF-8") from None


def _separator(text: str) -> str:
    """What separates the cells: what gives most of the first rows the same number of cells, the most above 1."""
    best, most = ",", 1
    for separator in SEPARATORS:
        counts = []
        try:
            for cells in csv.reader(io.StringIO(text[:_READ_FOR_GUESS], newline=""), delimiter=separator):
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


@contextmanager
def _cells_up_to(limit: int) -> Iterator[None]:
    """Cells of up to so many characters are read; csv itself allows 131,072."""
    before = csv.field_size_limit(limit)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _what_is_wrong(error: csv.Error) -> str:
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
