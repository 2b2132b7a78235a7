"""Datasets: what a row may say, and how every mistake is told."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.datasets.rewording import variants
from pytest_llmeval.errors import DatasetError

FULL_ROW: dict[str, Any] = {
    "id": "refunds/30-days_v1.2",
    "input": [{"role": "user", "content": "How do I get a refund?"}],
    "expected": {"days": 30},
    "context": ["Within 30 days.", "Never after."],
    "task": "policy",
    "tags": ["prod", "smoke"],
    "metadata": {"source": "helicone:r1", "amount": 12.5},
    "checks": [{"contains": "30 days", "category": "hallucination"}],
    "paraphrases": ["Can I get my money back?"],
    "samples": 3,
}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def load(folder: Path, content: str | bytes, name: str = "tickets.jsonl") -> list[Case]:
    return load_cases(write(folder, name, content), name)


def problems(folder: Path, content: str | bytes, name: str = "tickets.jsonl") -> list[str]:
    with pytest.raises(DatasetError) as caught:
        load(folder, content, name)
    return list(caught.value.problems)


def problem_of(folder: Path, row: dict[str, Any]) -> str:
    [only] = problems(folder, json.dumps(row))
    return only


def test_a_row_may_use_every_field(tmp_path: Path) -> None:
    assert [
        Case(
            id="refunds/30-days_v1.2",
            input=[{"role": "user", "content": "How do I get a refund?"}],
            expected={"days": 30},
            context=("Within 30 days.", "Never after."),
            task="policy",
            tags=("prod", "smoke"),
            metadata={"source": "helicone:r1", "amount": 12.5},
            checks=({"contains": "30 days", "category": "hallucination"},),
            paraphrases=("Can I get my money back?",),
            samples=3,
            dataset="tickets.jsonl",
            line=1,
        )
    ] == load(tmp_path, json.dumps(FULL_ROW) + "\n")


def test_a_context_that_is_a_text_is_one_passage(tmp_path: Path) -> None:
    (case,) = load(tmp_path, '{"id": "a", "input": "x", "context": "Within 30 days."}')
    assert case.context == ("Within 30 days.",)


def test_a_row_needs_only_id_and_input_and_null_is_absent(tmp_path: Path) -> None:
    bare, nulls = load(
        tmp_path, '{"id": "a", "input": "x"}\n{"id": "b", "input": "x", "tags": null, "metadata": null, "task": null}'
    )
    assert (bare.tags, bare.metadata, bare.task, bare.samples) == ((), {}, None, None)
    assert (nulls.tags, nulls.metadata, nulls.task, nulls.samples) == ((), {}, None, None)


def test_cases_keep_the_order_and_the_lines_of_the_file(tmp_path: Path) -> None:
    cases = load(tmp_path, '\n{"id": "z", "input": "1"}\n\n{"id": "a", "input": "2"}\n\n')
    assert [(case.id, case.line) for case in cases] == [("z", 2), ("a", 4)]


def test_a_byte_order_mark_and_crlf_are_accepted(tmp_path: Path) -> None:
    cases = load(tmp_path, '\ufeff{"id": "a", "input": "1"}\r\n{"id": "b", "input": "2"}\r\n')
    assert [case.id for case in cases] == ["a", "b"]


def test_whole_numbers_are_taken_as_ids(tmp_path: Path) -> None:
    assert [c.id for c in load(tmp_path, '{"id": 17, "input": "x"}\n{"id": -3, "input": "x"}')] == ["17", "-3"]


def test_an_unknown_field_is_told_with_the_nearest_name_and_all_allowed_ones(tmp_path: Path) -> None:
    assert problem_of(tmp_path, {"id": "a", "input": "x", "expeted": "y"}) == (
        'tickets.jsonl:1: unknown field "expeted"; did you mean "expected"? (allowed: id, input, expected, context, '
        "task, tags, metadata, checks, paraphrases, samples, cluster; anything else goes into metadata)"
    )


@pytest.mark.parametrize(
    ("other", "ours"),
    [("prompt", "input"), ("Question", "input"), ("target", "expected"), ("category", "task"), ("TAGS", "tags")],
)
def test_names_of_other_tools_are_translated(tmp_path: Path, other: str, ours: str) -> None:
    row = {"id": "a", "input": "x", other: "y"}
    assert f'unknown field "{other}"; did you mean "{ours}"?' in problem_of(tmp_path, row)


def test_a_misspelt_required_field_is_one_problem_not_two(tmp_path: Path) -> None:
    assert 'did you mean "input"?' in problem_of(tmp_path, {"id": "a", "inptu": "x"})


def test_a_field_that_only_looks_right_is_shown_escaped(tmp_path: Path) -> None:
    assert 'unknown field "\\u0456nput"; did you mean "input"?' in problem_of(tmp_path, {"id": "a", "іnput": "x"})  # noqa: RUF001


def test_a_missing_id_is_told_with_how_to_add_one(tmp_path: Path) -> None:
    assert (
        problem_of(tmp_path, {"input": "x"})
        == 'tickets.jsonl:1: the row has no id; give each row one of its own that never changes, as in "id": "refund-1"'
    )


def test_input_is_required(tmp_path: Path) -> None:
    assert (
        problem_of(tmp_path, {"id": "a", "input": None})
        == "tickets.jsonl:1: the row has no input; what the model is asked: text, a list of chat messages, "
        "an object or a list"
    )


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("input", 5, "input is the number 5; allowed: text, a list of chat messages, an object or a list"),
        ("input", [], "input is an empty list; allowed"),
        ("input", {}, "input is an object; allowed"),
        ("input", ["hi", {"role": "user", "content": "x"}], 'input[0] is the text "hi"; a chat message is an object'),
        ("input", [{"role": "user"}, {"content": "x"}], 'input[1] has no "role"'),
        ("context", ["a", 2], "context[1] is the number 2; allowed: text"),
        ("tags", "text", 'tags is the text "text"; allowed: a list of texts, as in ["text"]'),
        ("tags", ["a", 2], "tags[1] is the number 2; allowed: text"),
        ("paraphrases", {}, "paraphrases is an object; allowed: a list of texts"),
        ("task", True, "task is true; allowed: text"),
        ("metadata", [], "metadata is an empty list; allowed: an object"),
        ("checks", {"contains": "x"}, 'checks is a list such as [{"contains": "30 days"}], not an object with 1 key'),
        ("checks", ["contains"], 'check 1: expected an object such as {"contains": "30 days"}, got "contains"'),
        ("samples", 0, "samples is the number 0; allowed: a whole number from 1 to 1000"),
        ("samples", 1001, "samples is the number 1001; allowed"),
        ("samples", True, "samples is true; allowed"),
        ("samples", 2.0, "samples is the number 2.0; allowed"),
        ("id", 1.5, "id is the number 1.5; allowed: text"),
        ("id", True, "id is true; allowed: text"),
    ],
)
def test_a_wrong_type_is_told_with_what_is_allowed(tmp_path: Path, field: str, value: Any, complaint: str) -> None:
    assert f"tickets.jsonl:1: {complaint}" in problem_of(tmp_path, {"id": "a", "input": "x", field: value})


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        (" a b", 'id is " a b"; allowed: printable text without spaces at its ends, without ::'),
        (" a b", '; for example "a-b"'),
        ("re\u202efund", 'id is "re\\u202efund"; allowed'),
        ("refund+2", '; for example "refund-2"'),
        ("a+typos", 'id is "a+typos"; allowed'),
        ("##[error]", '; for example "#[error]"'),
        ("\x1b[31m", 'id is "\\u001b[31m"; allowed'),
        ("a\x00", 'id is "a\\u0000"; allowed'),
        ("a\n", 'id is "a\\n"; allowed'),
        ("::error::x", 'id is "::error::x"; allowed'),
        ("", "no part between slashes may be empty, . or .."),
        ("../../etc", "no part between slashes may be empty, . or .."),
        ("a/../b", "no part between slashes may be empty, . or .."),
        ("/a", "no part between slashes may be empty, . or .."),
        ("a//b", "no part between slashes may be empty, . or .."),
        ("..", "no part between slashes may be empty, . or .."),
        ("x" * 101, "id has 101 characters"),
        (10**120, "id is a very large number"),
    ],
)
def test_an_id_that_is_unsafe_somewhere_is_refused_and_shown_escaped(tmp_path: Path, bad: Any, complaint: str) -> None:
    problem = problem_of(tmp_path, {"id": bad, "input": "x"})
    assert complaint in problem
    assert problem.isascii()
    assert problem.isprintable()


@pytest.mark.parametrize(
    "good", ["a", "x" * 100, "con", "a.b/c_d-e", "..a", "-x", "0", "größe", "東京", "a b", "C++", "[1]", "Wie?"]
)
def test_safe_ids_are_kept_as_they_are(tmp_path: Path, good: str) -> None:
    assert [good] == [case.id for case in load(tmp_path, json.dumps({"id": good, "input": "x"}))]


@pytest.mark.parametrize("given", [{"q": "Where?", "lang": "de"}, ["a", "b"], [[1, 2], {"k": None}]])
def test_a_structure_is_handed_on_as_it_is(tmp_path: Path, given: Any) -> None:
    [case] = load(tmp_path, json.dumps({"id": "a", "input": given}))
    assert case.input == given
    assert variants(case, rules=["typos"]) == [case]


def test_a_duplicate_id_is_told_with_both_lines(tmp_path: Path) -> None:
    rows = '{"id": "a", "input": "x"}\n{"id": "b", "input": "x"}\n{"id": "a", "input": "y"}\n{"id": "a", "input": "z"}'
    assert problems(tmp_path, rows) == [
        'tickets.jsonl:3: id "a" is also on line 1; every id must be unique in the dataset',
        'tickets.jsonl:4: id "a" is also on line 1; every id must be unique in the dataset',
    ]


def test_a_number_and_a_text_that_look_alike_are_the_same_id(tmp_path: Path) -> None:
    [only] = problems(tmp_path, '{"id": 1, "input": "x"}\n{"id": "1", "input": "x"}')
    assert 'tickets.jsonl:2: id "1" is also on line 1' in only


def test_every_problem_of_every_row_is_told_at_once(tmp_path: Path) -> None:
    rows = ['{"id": "a", "input": 1, "task": 2}', "nonsense", '{"id": "b", "input": "x"}', '{"id": "c\\td"}']
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, "\n".join(rows))
    assert [int(problem.split(":")[1]) for problem in caught.value.problems] == [1, 1, 2, 4, 4]
    assert str(caught.value).splitlines()[0] == "tickets.jsonl: 5 problems in the dataset"


def test_of_many_problems_fifty_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, "x\n" * 1234)
    lines = str(caught.value).splitlines()
    assert lines[0] == "tickets.jsonl: 1234 problems in the dataset"
    assert lines[50].startswith("tickets.jsonl:50: not JSON: ")
    assert lines[51:] == ["and 1184 more, shown when these are fixed"]


def test_a_check_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    [only] = problems(tmp_path, '\n{"id": "a", "input": "x", "checks": [{"contians": "30 days"}]}')
    assert only.startswith("tickets.jsonl:2: ")
    assert "contains" in only


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"id": "a", "input": "x"', "not JSON: "),
        ("{'id': 'a'}", "not JSON: "),
        ('{"id": "a", "input": "x", "input": "y"}', 'the key "input" appears twice in one object'),
        ('{"id": "a", "input": "x", "metadata": {"k": 1, "k": 1}}', 'the key "k" appears twice'),
        ('{"id": "a", "input": "x", "expected": NaN}', "NaN is not a JSON number"),
        ('{"id": "a", "input": "x", "expected": -Infinity}', "-Infinity is not a JSON number"),
        ('{"id": "a", "input": "x", "expected": 1e999}', "the number 1e999 is too large"),
        ('{"id": "a", "input": "x", "expected": ' + "1" * 5000 + "}", "a number of 5000 digits is too large"),
        ('{"id": "a", "input": "x\\ud800"}', "stands alone: half a character"),
        ('{"id": "a", "input": "x", "metadata": {"\\uDFFF": 1}}', "stands alone: half a character"),
        ("[1, 2]", "the row is a list; a row is an object with at least id and input"),
        ("null", "the row is null; a row is an object"),
        ("[" * 100_000, "nested too deep"),
        ('{"id": "a", "input": "x", "metadata": {"a": ' + "[" * 99 + "]" * 99 + "}}", "nested too deep"),
        ('{"id": "a", "input": "' + "x" * 1_000_000 + '"}', "bytes; at most 1,000,000 are allowed"),
    ],
)
def test_a_line_that_would_lose_or_break_something_is_refused(tmp_path: Path, line: str, complaint: str) -> None:
    first, *_ = problems(tmp_path, '{"id": "ok", "input": "x"}\n' + line)
    assert first.startswith("tickets.jsonl:2: ")
    assert complaint in first


def test_a_hundred_levels_and_paired_surrogates_are_fine(tmp_path: Path) -> None:
    deep = '{"id": "a", "input": "\\ud83d\\ude00", "metadata": {"a": ' + "[" * 98 + "]" * 98 + "}}"
    assert [case.input for case in load(tmp_path, deep)] == ["😀"]


def test_bytes_that_are_no_utf8_are_told_with_their_place(tmp_path: Path) -> None:
    [only] = problems(tmp_path, b'{"id": "a", "input": "x"}\n{"id": "b", "input": "\xfc"}')
    assert only == "tickets.jsonl:2: not UTF-8: byte 0xfc at byte 23 of the line; save the file as UTF-8"


@pytest.mark.parametrize("name", ["t.jsonl", "t.yaml"])
def test_utf16_is_told_as_such(tmp_path: Path, name: str) -> None:
    assert [f"{name}:1: the file is UTF-16; save it as UTF-8"] == problems(tmp_path, "id".encode("utf-16"), name)


def test_json_over_several_lines_is_told_once(tmp_path: Path) -> None:
    [only] = problems(tmp_path, '{\n  "id": "a",\n  "input": "x"\n}\n')
    assert only == "tickets.jsonl:1: a row goes on over several lines; JSONL has one whole object on each line"


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv", "t.yaml"])
@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_dataset_without_rows_is_a_problem(tmp_path: Path, name: str, content: str) -> None:
    assert [f"{name}:1: the file has no rows; a dataset needs at least one case"] == problems(tmp_path, content, name)


def test_a_missing_file_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    write(tmp_path, "tickets.jsonl", "")
    with pytest.raises(DatasetError, match=r'tikets.jsonl: there is no such file; did you mean "tickets.jsonl"\?'):
        load_cases(tmp_path / "tikets.jsonl", "tikets.jsonl")


@pytest.mark.parametrize("path", ["no/folder/x.jsonl", "nul\0.jsonl", "x" * 5000 + ".jsonl"])
def test_a_path_that_cannot_be_is_a_problem_not_a_crash(tmp_path: Path, path: str) -> None:
    with pytest.raises(DatasetError, match=r"no such file|cannot be read"):
        load_cases(tmp_path / path, "x.jsonl")


def test_a_folder_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(DatasetError, match=r"d.jsonl: is not a file"):
        load_cases(tmp_path / "d.jsonl", "d.jsonl")


@pytest.mark.parametrize(
    ("name", "line"), [("t.jsonl", '{"question": "x", "Target": "z"}'), ("t.csv", "question,Target")]
)
def test_a_file_with_names_of_another_tool_is_told_how_it_is_read(tmp_path: Path, name: str, line: str) -> None:
    fields = "fields={'input': 'question', 'expected': 'Target'}"
    told = f'{name}: to read a file with other names, use llm_cases("{name}", {fields})'
    assert problems(tmp_path, "\n".join([line] * 100), name)[0] == told


def test_other_kinds_of_files_are_refused_with_the_allowed_ones(tmp_path: Path) -> None:
    [only] = problems(tmp_path, "[]", "t.json")
    assert only.startswith("t.json: files of type .json are not datasets; allowed: .jsonl, .csv, .tsv, .yaml and .yml,")
    assert only.endswith("and with fields= also .json and .xlsx")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jsonl"
    with path.open("wb") as file:
        file.truncate(200_000_001)  # sparse: takes no room
    with pytest.raises(DatasetError, match=r"has 200,000,001 bytes; at most 200,000,000 are allowed"):
        load_cases(path, "huge.jsonl")


def test_what_rows_say_is_harmless_in_messages(tmp_path: Path) -> None:
    hostile = "\x1b]0;x\x07\n::error::\u202e##[group]"
    rows = [{"id": "a", "input": "x", "task": [hostile], "tags": hostile}, {"id": "b", "input": "x", hostile: 1}]
    with pytest.raises(DatasetError) as caught:
        load(tmp_path, "\n".join(map(json.dumps, rows)))
    message = str(caught.value)
    assert message.replace("\n", "").isprintable()
    assert "##[" not in message
    assert not any(line.lstrip().startswith("::") for line in message.splitlines())


def test_loading_the_nouns_imports_no_reader() -> None:
    code = (
        "import sys; from pytest_llmeval import Case; from pytest_llmeval.datasets.load import load_cases; "
        "print(sorted({'csv', 'yaml', 'json', 'difflib', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_ten_thousand_rows_are_ten_thousand_cases(tmp_path: Path) -> None:
    rows = "\n".join(json.dumps({**FULL_ROW, "id": f"case-{number}"}) for number in range(10_000))
    assert [f"case-{number}" for number in range(10_000)] == [case.id for case in load(tmp_path, rows)]
