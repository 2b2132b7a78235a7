"""Files with names of their own as datasets, and the shapes that eval sets have in the wild."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.foreign.read_foreign import read_foreign
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import DatasetError
from tests.server import Server, completion
from tests.sessions import Session

ROWS = [
    {"Frage": "Wie lange, bitte?", "Soll": "3 Tage", "Quelle": "Mail"},
    {"Frage": 'Welches "Boot"?', "Soll": "das große", "Quelle": "Chat"},
]
FIELDS: dict[str, str | None] = {"input": "Frage", "expected": "Soll"}


def load(folder: Path, content: bytes | str, name: str, fields: dict[str, str | None] | None = None) -> list[Case]:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_cases(folder / name, name, FIELDS if fields is None else fields)


def problems(folder: Path, content: bytes | str, name: str, fields: dict[str, str | None] | None = None) -> list[str]:
    with pytest.raises(DatasetError) as caught:
        load(folder, content, name, fields)
    return list(caught.value.problems)


def table(separator: str, rows: list[dict[str, str]] = ROWS, line_end: str = "\r\n") -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0]], delimiter=separator, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def workbook() -> bytes:
    openpyxl = pytest.importorskip("openpyxl", reason="only who reads .xlsx needs it")
    book = openpyxl.Workbook()
    for row in ([*ROWS[0]], *([*row.values()] for row in ROWS)):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHAPES: dict[str, bytes | str] = {
    "commas.csv": table(","),
    "mark.csv": "\ufeff" + table(","),
    "semicolons.csv": table(";"),
    "said.csv": "sep=;\r\n" + table(";"),
    "old_mac.csv": table(",", line_end="\r"),
    "tabs.tsv": table("\t"),
    "unicode.txt": table("\t").encode("utf-16"),
    "list.json": json.dumps(ROWS),
    "under_cases.json": json.dumps({"version": 1, "cases": ROWS}),
    "lines.jsonl": "\n".join(map(json.dumps, ROWS)),
    "list.yaml": yaml.safe_dump(ROWS, allow_unicode=True),
    "under_cases.yaml": yaml.safe_dump({"name": "x", "cases": ROWS}, allow_unicode=True),
}


@pytest.mark.parametrize("name", [*SHAPES, "book.xlsx"])
def test_each_shape_is_the_same_cases(tmp_path: Path, name: str) -> None:
    cases = load(tmp_path, SHAPES[name] if name in SHAPES else workbook(), name)
    assert [(case.input, case.expected, case.metadata) for case in cases] == [
        (row["Frage"], row["Soll"], {"Quelle": row["Quelle"]}) for row in ROWS
    ]
    assert [case.id.rpartition("-")[0] for case in cases] == ["wie-lange-bitte", "welches-boot"]
    assert {case.dataset for case in cases} == {name}
    made = read_foreign(tmp_path / name, name, None, {"input": "Frage", "expected": "Soll"})
    assert [row["id"] for row in made.rows] == [case.id for case in cases]


@pytest.mark.parametrize(
    ("row", "fields", "expected"),
    [
        (
            {"question": "Boat?", "contexts": ["We do."], "ground_truth": "yes", "answer": "no"},
            {"input": "question", "context": "contexts", "expected": "ground_truth"},
            Case(id="", input="Boat?", context=("We do.",), expected="yes", metadata={"answer": "no"}),
        ),
        (
            {"request": {"messages": [{"role": "user", "content": "Boat?"}]}, "id": 7, "tags": "a; b", "n": 1.5},
            {"input": "request.messages[0].content"},
            Case(
                id="7",
                input="Boat?",
                tags=("a", "b"),
                metadata={"request": {"messages": [{"role": "user", "content": "Boat?"}]}, "n": 1.5},
            ),
        ),
        (
            {"q": 4, "a": False, "metadata": {"x": 1}, "category": "sums", "samples": "see below"},
            {"input": "q", "expected": "a", "task": "category", "samples": None},
            Case(id="", input="4", expected=False, task="sums", metadata={"x": 1, "samples": "see below"}),
        ),
        (
            {"input": {"ticket": "Boat?"}, "checks": [{"contains": "yes"}], "paraphrases": [], "samples": 2},
            {},
            Case(id="", input={"ticket": "Boat?"}, checks=({"contains": "yes"},), samples=2),
        ),
    ],
)
def test_names_of_others_are_mapped_and_the_rest_is_metadata(
    tmp_path: Path, row: Any, fields: dict[str, str | None], expected: Case
) -> None:
    for name, content in (("a.jsonl", json.dumps(row)), ("a.json", json.dumps([row]))):
        [case] = load(tmp_path, content, name, fields)
        names = ("input", "expected", "context", "task", "tags", "metadata", "checks", "samples")
        assert {each: getattr(case, each) for each in names} == {each: getattr(expected, each) for each in names}
        assert case.id == expected.id or not expected.id


def test_cells_with_json_are_what_they_hold(tmp_path: Path) -> None:
    cells = ['[{"role": "user", "content": "Boat?"}]', '[{"contains": "x"}]', "3", "A?|B?", "Mo"]
    names = ["q", "checks", "samples", "paraphrases", "metadata.day"]
    text = table(",", [dict(zip(names, cells, strict=True))])
    [case] = load(tmp_path, text, "a.csv", {"input": "q"})
    assert case.input == [{"role": "user", "content": "Boat?"}]
    assert (case.checks, case.samples, case.paraphrases) == (({"contains": "x"},), 3, ("A?", "B?"))
    assert case.metadata == {"day": "Mo"}


def test_made_ids_stay_when_rows_are_added_or_moved(tmp_path: Path) -> None:
    more = [{"Frage": "Neu?", "Soll": "ja", "Quelle": ""}, *reversed(ROWS)]
    before, after = (
        {case.input: case.id for case in load(tmp_path, table(",", rows), "a.csv")} for rows in (ROWS, more)
    )
    assert before.items() <= after.items()
    same = load(tmp_path, table(",", [ROWS[0]] * 3), "a.csv")
    assert [case.id[len(same[0].id) :] for case in same] == ["", "-2", "-3"]


@pytest.mark.parametrize(
    ("name", "content", "fields", "told"),
    [
        (
            "a.csv",
            table(","),
            {"input": "Farge"},
            'a.csv: fields={\'input\': \'Farge\'}: no row has "Farge"; did you mean "Frage"? (there are "Frage", "Soll',
        ),
        ("a.csv", "q,a\n,x\n", {"input": "q"}, "a.csv: fields={'input': 'q'}: no row has \"q\""),
        ("a.csv", "q,a\nb,x\n,y\n", {"input": "q"}, "a.csv:3: the row has no input"),
        ("a.csv", "id,q\na,x\na,y\n", {"input": "q"}, 'a.csv:3: id "a" is also on line 2'),
        ("a.csv", "id,q\na::b,x\n", {"input": "q"}, 'a.csv:2: id is "a::b"'),
        ("a.csv", "q,checks\nx,yes\n", {"input": "q"}, "a.csv:2: checks is"),
        ("a.csv", "q\nx,y\n", {"input": "q"}, "a.csv:2: 1 cell beyond the last column"),
        ("a.csv", b"q\nK\xf6ln\n", {"input": "q"}, "a.csv:2: not UTF-8; save the file as UTF-8, or let llmeval import"),
        ("a.csv", b"q\n\0\n", {"input": "q"}, "a.csv:2: not a table: it holds a zero byte"),
        (
            "a.json",
            '[{"q": "x", "id": "a"}, {"q": "y", "id": "a"}]',
            {"input": "q"},
            'a.json: item 2: id "a" is also on item 1',
        ),
        ("a.json", '[{"q": "x"}, {"p": "y"}]', {"input": "q"}, "a.json: item 2: the row has no input"),
        ("a.json", "{}", {"input": "q"}, "a.json: there is no list of rows"),
        ("a.jsonl", '{"q": "x"}\n7\n', {"input": "q"}, "a.jsonl:2: a line that is no object"),
        ("a.parquet", "x", {"input": "q"}, "a.parquet: write it as JSON Lines first"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, fields: dict[str, str | None], told: str
) -> None:
    assert problems(tmp_path, content, name, fields)[0].startswith(told)


def test_items_that_are_no_objects_are_not_passed_over(tmp_path: Path) -> None:
    assert problems(tmp_path, '[{"q": "x"}, "y"]', "a.json", {"input": "q"}) == [
        "a.json: item 2: an item that is no object; a row is an object"
    ]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12).filter(
    lambda text: text.strip() and not text.lstrip().startswith(("[", "{"))
)


@settings(max_examples=60)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4), st.sampled_from([",", ";", "\t", "|"]))
def test_any_cells_come_back_from_any_table(tmp_path: Path, cells: list[tuple[str, str]], separator: str) -> None:
    rows = [{"q": one, "a": other} for one, other in cells]
    cases = load(
        tmp_path, "sep=" + separator + "\r\n" + table(separator, rows), "a.csv", {"input": "q", "expected": "a"}
    )
    assert [(case.input, case.expected) for case in cases] == cells


TEST = """
import pytest

@pytest.mark.llm_cases("golden.csv", fields={fields})
def test_golden(llm, case):
    assert case.expected in llm(case.input)
    assert case.metadata == {{"Quelle": "Mail"}}
"""


def test_a_test_names_the_columns_of_its_file(plain_session: Session, server: Server) -> None:
    server.answer = lambda request: completion("Es sind 3 Tage.")
    (plain_session.path / "golden.csv").write_text(table(";", ROWS[:1]))
    plain_session.write(TEST.format(fields={"input": "Frage", "expected": "Soll"}))
    result = plain_session.run("-v")
    result.assert_outcomes(passed=1)
    assert "test_golden[wie-lange-bitte-" in result.stdout.str()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"inptu": "Frage"}, "fields has an unknown field 'inptu'; did you mean 'input'?"),
        (
            {"question": "input", "answer": "expected"},
            'the wrong way round? fields={"input": "question", "expected": "answer"}',
        ),
        ({"input": 3}, "fields names the column of input as text, or None for no column, not 3"),
        ("Frage", "fields must be a dict such as {'input': 'question'}"),
        ({"input": "Farge"}, 'no row has "Farge"; did you mean "Frage"?'),
    ],
)
def test_wrong_fields_are_told_by_the_session(plain_session: Session, fields: Any, told: str) -> None:
    (plain_session.path / "golden.csv").write_text(table(";", ROWS[:1]))
    plain_session.write(TEST.format(fields=repr(fields)))
    output = plain_session.run().stdout.str()
    assert told in output.replace('"input"?', "'input'?") or told in output
