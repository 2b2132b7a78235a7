"""Datasets from spreadsheets."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import DatasetError


def load(folder: Path, content: str | bytes) -> list[Case]:
    path = folder / "tickets.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_cases(path, "tickets.csv")


def problems(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(DatasetError) as caught:
        load(folder, content)
    return list(caught.value.problems)


def test_columns_are_fields(tmp_path: Path) -> None:
    header = "id,input,expected,context,task,tags,metadata.source,metadata.order,checks,paraphrases,samples"
    row = 'refund,"How, exactly?",30 days,One.|Two.,policy,prod | smoke,crm,17,"[{""contains"": ""30""}]",A?|B?,2'
    assert [
        Case(
            id="refund",
            input="How, exactly?",
            expected="30 days",
            context=("One.", "Two."),
            task="policy",
            tags=("prod", "smoke"),
            metadata={"source": "crm", "order": "17"},
            checks=({"contains": "30"},),
            paraphrases=("A?", "B?"),
            samples=2,
            dataset="tickets.csv",
            line=2,
        )
    ] == load(tmp_path, f"{header}\n{row}\n")


def test_what_excel_writes_is_accepted(tmp_path: Path) -> None:
    """Byte order mark, CRLF, line breaks in cells, empty rows and empty columns."""
    content = '\ufeffid, input ,task,,\r\na,"two\r\nlines",,,\r\n,,,,\r\nb,x,billing,,\r\n'
    assert [(case.id, case.input, case.task, case.line) for case in load(tmp_path, content)] == [
        ("a", "two\r\nlines", None, 2),
        ("b", "x", "billing", 5),
    ]


@pytest.mark.parametrize(
    ("separator", "encoding"), [(";", "utf-8"), ("\t", "utf-16"), ("|", "utf-8-sig"), (",", "utf-16")]
)
def test_what_separates_cells_is_seen_from_the_rows(tmp_path: Path, separator: str, encoding: str) -> None:
    rows = [["id", "input", "tags"], ["a", "Where, or; when?", "x"], ["b", 'Which "boat"?', "y"]]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    for said in ("", f"sep={separator}\r\n"):
        cases = load(tmp_path, (said + text.getvalue()).encode(encoding))
        assert [(case.id, case.input, *case.tags) for case in cases] == [tuple(row) for row in rows[1:]]


def test_an_empty_cell_is_an_absent_field(tmp_path: Path) -> None:
    [case] = load(tmp_path, "id,input,expected,tags,checks,metadata.x,samples\na,x,, ,,,\n")
    assert (case.expected, case.tags, case.checks, case.metadata, case.samples) == (None, (), (), {}, None)


def test_a_metadata_column_is_json_and_joins_the_single_ones(tmp_path: Path) -> None:
    [case] = load(tmp_path, 'id,input,metadata,metadata.b\na,x,"{""a"": 1}",two\n')
    assert case.metadata == {"a": 1, "b": "two"}


def test_metadata_given_twice_is_told(tmp_path: Path) -> None:
    assert problems(tmp_path, 'id,input,metadata,metadata.a\na,x,"{""a"": 1}",two\n') == [
        "tickets.csv:2: metadata.a is both in its own column and in metadata"
    ]


def test_formulas_stay_text(tmp_path: Path) -> None:
    [case] = load(tmp_path, "id,input,expected\na,=cmd()|'/c calc'!A0,@SUM(1)\n")
    assert (case.input, case.expected) == ("=cmd()|'/c calc'!A0", "@SUM(1)")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("id,inptu\na,x\n", 'tickets.csv:1: unknown column "inptu"; did you mean "input"? (allowed: id, input,'),
        ("id,input,target\na,x,y\n", 'tickets.csv:1: unknown column "target"; did you mean "expected"?'),
        ("id,input,metadata.\na,x,y\n", 'tickets.csv:1: unknown column "metadata."'),
        ("id,input,input\na,x,y\n", 'tickets.csv:1: the column "input" appears 2 times'),
        ("input\nx\n", "tickets.csv:1: there is no column id; a dataset needs at least id and input"),
        (b"id,input\na\0,x\n", "tickets.csv:2: it holds a zero byte; save the table as CSV in UTF-8"),
        ("id,input\na,x,y\n", "tickets.csv:2: the row has 3 cells, the header 2; a separator or a quote in a cell"),
        ("id,input\na\n", "tickets.csv:2: the row has 1 cells, the header 2"),
        ("id,input,\na,x,oops\n", 'tickets.csv:2: the cell "oops" is in a column without a name'),
        ('id,input\na,"x\n\nb,y\n', "tickets.csv:2: a quote that opens in this row is never closed"),
        ('id,input\na,"x" y\nb,z\n', "tickets.csv:2: a quote inside a quoted cell must be written twice"),
        ('id,input\na,"' + "x" * 1_000_001 + '"\n', "tickets.csv:2: a cell has over 1,000,000 characters"),
        ("id,input,task\na," + f"{'x' * 600_000},{'y' * 600_000}\n", "tickets.csv:2: the row has over 1,000,000"),
        ("id,input,checks\na,x,contains\n", "tickets.csv:2: checks must be JSON in a CSV file; not JSON"),
        ('id,input,checks\na,x,"{}"\n', "tickets.csv:2: checks is a list such as "),
        ("id,input,metadata\na,x,3\n", "tickets.csv:2: metadata is the number 3; allowed: an object"),
        ("id,input,samples\na,x,two\n", 'tickets.csv:2: samples is the text "two"; allowed: a whole number'),
        ("id,input\n,x\n", "tickets.csv:2: the row has no id"),
        ("id,input\na,\n", "tickets.csv:2: the row has no input"),
        ("id,input\na,x\na,y\n", 'tickets.csv:3: id "a" is also on line 2'),
        (b"id,input\na,\xfc\n", "tickets.csv:2: not UTF-8; save the file as UTF-8, or let llmeval import"),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, content: str | bytes, problem: str) -> None:
    [only] = problems(tmp_path, content)
    assert only.startswith(problem)


def test_rows_after_a_broken_one_are_still_checked(tmp_path: Path) -> None:
    found = problems(tmp_path, 'id,input\na,"x" y\n b+2,z\n')
    assert [problem.rpartition(": ")[0][:13] for problem in found] == ["tickets.csv:2", "tickets.csv:3"]


def test_the_limit_of_cells_of_others_is_left_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    load(tmp_path, "id,input\na," + "x" * 500_000 + "\n")
    problems(tmp_path, 'id,input\na,"' + "x" * 1_000_001)
    assert before == csv.field_size_limit()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")).filter(str.strip), min_size=1, max_size=4)
)
def test_any_text_comes_back_from_a_cell(tmp_path: Path, inputs: list[str]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(["id", "input"])
    writer.writerows([f"case-{number}", text] for number, text in enumerate(inputs))
    assert inputs == [case.input for case in load(tmp_path, buffer.getvalue())]
