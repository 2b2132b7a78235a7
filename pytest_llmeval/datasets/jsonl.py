"""Rows of a JSON Lines file: one object per line, UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from pytest_llmeval.datasets.rows import LARGEST_ROW, Problems, Row
from pytest_llmeval.json_text import parsed_row
from pytest_llmeval.text import described


def read_jsonl(path: Path, problems: Problems) -> Iterator[Row]:
    """Read the rows of a JSON Lines file; empty lines are skipped, CRLF is accepted."""
    with path.open("rb") as file:
        for number, raw in numbered_lines(file, problems):
            if len(raw) > LARGEST_ROW:
                problems.add(number, f"the row has {len(raw):,} bytes; at most {LARGEST_ROW:,} are allowed")
                continue
            raw = raw.strip()
            if not raw:
                continue
            try:
                value = parsed_row(raw.decode())
            except UnicodeDecodeError as error:
                problems.add(number, not_utf8(error))
            except ValueError as error:
                if raw in (b"[", b"{"):
                    problems.add(number, "a row goes on over several lines; JSONL has one whole object on each line")
                    return
                problems.add(number, str(error))
            else:
                if isinstance(value, dict):
                    yield Row(line=number, fields=value)
                else:
                    problems.add(number, not_a_row(value))


def numbered_lines(file: Iterator[bytes], problems: Problems) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, without the byte order mark; none of a file in UTF-16."""
    for number, raw in enumerate(file, start=1):
        if number == 1 and is_utf16(raw, problems):
            return
        yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw


def is_utf16(raw: bytes, problems: Problems) -> bool:
    """Whether a file is UTF-16, which is then reported."""
    found = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if found:
        problems.add(1, "the file is UTF-16; save it as UTF-8")
    return found


def not_a_row(value: object) -> str:
    """The message about a value that is not an object."""
    return f"the row is {described(value)}; a row is an object with at least id and input"


def not_utf8(error: UnicodeDecodeError) -> str:
    """The message about bytes that are not UTF-8."""
    byte = error.object[error.start]
    return f"not UTF-8: byte 0x{byte:02x} at byte {error.start + 1} of the line; save the file as UTF-8"
