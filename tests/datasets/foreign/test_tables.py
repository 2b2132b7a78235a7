"""One table as spreadsheets write it in their many ways."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from pytest_llmeval.datasets.foreign.files.table import cell_name
from pytest_llmeval.datasets.foreign.imported import Imported
from pytest_llmeval.datasets.foreign.read_foreign import read_foreign
from pytest_llmeval.errors import DatasetError

ROWS = [
    ["Question", "Answer", "Owner"],
    ["Where, exactly?", "in Köln", "ops"],
    ['Which "boat"?', "the\nbig one", ""],
]


def written(separator: str, line_end: str = "\r\n") -> str:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"' if {separator, '"', "\n", ","} & {*text} else text

    return line_end.join(separator.join(map(cell, row)) for row in ROWS) + line_end


def read(folder: Path, content: bytes | str, name: str = "table.csv") -> Imported:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_foreign(folder / name, name)


def refused(folder: Path, content: bytes | str, name: str = "table.csv") -> str:
    with pytest.raises(DatasetError) as caught:
        read(folder, content, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (written(","), "table.csv", ""),
        (written(",", "\n"), "table.csv", ""),
        (written(",", "\r"), "table.csv", ""),
        ("\ufeff" + written(","), "table.csv", ""),
        (written(";"), "table.csv", "semicolons"),
        ("sep=;\r\n" + written(";"), "table.csv", "semicolons"),
        ('"sep=;"\n' + written(";"), "table.csv", "semicolons"),
        (written("\t"), "table.tsv", "tabs"),
        (written("\t"), "table.txt", "tabs"),
        (written("|"), "table.csv", "bars"),
        (written(",").encode("cp1252"), "table.csv", "as Windows writes it (cp1252)"),
        (written(";").encode("cp1252"), "table.csv", "as Windows writes it (cp1252)"),
        (written("\t").encode("utf-16"), "table.txt", "tabs"),
        (written(";").encode("utf-16"), "table.csv", "semicolons"),
    ],
)
def test_a_table_in_any_form_is_the_same_cases(tmp_path: Path, content: str | bytes, name: str, said: str) -> None:
    imported = read(tmp_path, content, name)
    assert [(row["input"], row["expected"].replace("\r", "")) for row in imported.rows] == [
        ("Where, exactly?", "in Köln"),
        ('Which "boat"?', "the\nbig one"),
    ]
    assert imported.rows[0]["metadata"] == {"Owner": "ops"}
    assert said in " ".join(imported.said)
    assert 'input is "Question", expected is "Answer"' in " ".join(imported.said)


def test_places_are_lines_of_the_file(tmp_path: Path) -> None:
    text = 'sep=;\nquestion;answer\n"a\nb";c\n\n;no input\nd;e;too;many\n'
    imported = read(tmp_path, text)
    assert [row["input"] for row in imported.rows] == ["a\nb", "d"]
    assert [list(places) for places in imported.not_mapped.values()] == [["table.csv:7"], ["table.csv:6"]]


def test_columns_without_a_name_or_with_the_same_keep_their_cells(tmp_path: Path) -> None:
    [row] = read(tmp_path, "question,note,note,\na,b,c,d\n").rows
    assert row["metadata"] == {"note": "b", "note (3)": "c", "column 4": "d"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no rows"),
        (b"question,answer\n", "no case was found"),
        (b'question,answer\n"never closed,b\n', "table.csv:2: not a table: a quote that opens"),
        (b'question,answer\n"a"b,c\n', "must be written twice"),
        (b"question,answer\na\x00b,c\n", "table.csv:2: not a table: it holds a zero byte"),
        (b"question,answer\n\x81,c\n", "table.csv:2: not a table: neither UTF-8 nor"),
        (b"\xff\xfea", "not UTF-16"),
        (b"one,two\na,b\n", "which column is the input"),
        (b"question\n" + b"x" * 1_000_100, "never closed"),
    ],
)
def test_what_is_no_table_of_cases_is_refused_in_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    assert why in refused(tmp_path, content)


def test_text_that_a_spreadsheet_would_take_for_a_formula_stays_text(tmp_path: Path) -> None:
    [row] = read(tmp_path, "question,answer\n=1+1,+49 30\n").rows
    assert (row["input"], row["expected"]) == ("=1+1", "+49 30")


def workbook(*rows: list[object], sheets: int = 1) -> bytes:
    openpyxl = pytest.importorskip("openpyxl", reason="only who reads .xlsx needs it")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for number in range(1, sheets):
        book.create_sheet(f"more {number}")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook(tmp_path: Path) -> None:
    content = workbook(["Question", "Answer", "Count"], ["Wo?", "in Köln", 3.0], [None, None, None], ["Ja?", True, 1.5])
    imported = read(tmp_path, content, "table.xlsx")
    assert [(row["input"], row["expected"], row["metadata"]) for row in imported.rows] == [
        ("Wo?", "in Köln", {"Count": "3"}),
        ("Ja?", "true", {"Count": "1.5"}),
    ]


def test_what_a_workbook_holds_beside_its_first_sheet_is_listed(tmp_path: Path) -> None:
    imported = read(tmp_path, workbook(["question", "answer"], ["Wo?", "=A1&B1"], sheets=2), "table.xlsx")
    assert "expected" not in imported.rows[0]
    assert [list(places) for places in imported.not_mapped.values()] == [
        ['table.xlsx: sheet "more 1"'],
        ["table.xlsx: B2"],
    ]


def test_a_sheet_of_a_few_cells_at_its_far_end_is_refused(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="only who reads .xlsx needs it")
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "question", "far"
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(DatasetError, match="reaches over 5,000,000 cells, up to row"):
        read_foreign(tmp_path / "far.xlsx", "far.xlsx")


def test_an_error_of_a_formula_is_no_expectation(tmp_path: Path) -> None:
    imported = read(tmp_path, workbook(["question", "answer"], ["Wo?", "#N/A"]), "table.xlsx")
    assert "expected" not in imported.rows[0]
    assert list(imported.not_mapped) == [("a formula", 'its value is the error "#N/A"')]


@pytest.mark.parametrize(("column", "name"), [(0, "A7"), (25, "Z7"), (26, "AA7"), (701, "ZZ7"), (16383, "XFD7")])
def test_cells_are_called_as_in_a_spreadsheet(column: int, name: str) -> None:
    assert cell_name(column, 7) == name


def test_a_workbook_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = workbook(["question"], ["a"])
    for content in (b"", b"not a zip", whole[:-100], whole[:200]):
        assert "not a workbook that can be read" in refused(tmp_path, content, "table.xlsx")
    with zipfile.ZipFile(tmp_path / "bomb.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", b" " * 300_000_001)
    with pytest.raises(DatasetError, match="bytes unzipped"):
        read_foreign(tmp_path / "bomb.xlsx", "bomb.xlsx")


def test_without_openpyxl_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    assert refused(tmp_path, b"x", "table.xlsx") == (
        "table.xlsx: reading .xlsx needs openpyxl: pip install openpyxl; or save the sheet as CSV"
    )
