"""Tables as spreadsheets save them."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_llmeval.datasets.spreadsheet import SEPARATORS, NotATable, text_table

ROWS = [["id", "note", "score"], ["1", "Grüße; one, two\tthree", "0,5"], ["2", 'a "quoted"\nsecond line', "1"]]


def written(rows: list[list[str]], separator: str, end: str = "\r\n") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end).writerows(rows)
    return text.getvalue()


def cells(raw: bytes) -> list[list[str]]:
    return [row for _, row in text_table(raw).rows()]


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("said", ["", "sep={}\r\n", '"SEP={}"\n'])
def test_a_table_is_read_as_it_was_written(separator: str, encoding: str, said: str) -> None:
    assert cells((said.format(separator) + written(ROWS, separator)).encode(encoding)) == ROWS


@pytest.mark.parametrize(("said", "first"), [("", 1), ("sep=,\n", 2)])
def test_a_row_knows_the_line_it_begins_in(said: str, first: int) -> None:
    raw = f'{said}id,note\n1,"two\nlines"\n\n2,x\n'.encode()
    assert [line for line, _ in text_table(raw).rows()] == [first, first + 1, first + 4]


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"sep=;", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_rows(raw: bytes) -> None:
    assert cells(raw) == []


def test_a_quote_that_is_never_closed_is_told_with_its_line() -> None:
    with pytest.raises(NotATable, match="a quote that opens in this row is never closed") as caught:
        cells(b'id,note\n1,fine\n2,"open\n3,x\n')
    assert caught.value.line == 3


@given(st.binary(max_size=80))
@example(b"\xff\xfe\x00")
@example(b'"\x81\x00"')
@example(b"sep=\n\n")
def test_any_bytes_are_rows_or_no_table(raw: bytes) -> None:
    try:
        found = list(text_table(raw).rows())
    except NotATable:
        return
    assert all(row for _, row in found)
