"""Datasets in YAML: its surprises are refused or read as the text that was written."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_llmeval.case import Case
from pytest_llmeval.datasets.load import load_cases
from pytest_llmeval.errors import DatasetError


@pytest.fixture(params=["libyaml", "pure Python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML has two parsers; which one a user has depends on the platform."""
    if request.param == "pure Python":
        monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("PyYAML was built without libyaml")


def load(folder: Path, content: str | bytes) -> list[Case]:
    path = folder / "tickets.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_cases(path, "tickets.yaml")


def problems(folder: Path, content: str | bytes) -> list[str]:
    with pytest.raises(DatasetError) as caught:
        load(folder, content)
    return list(caught.value.problems)


def expected(folder: Path, scalar: str) -> Any:
    [case] = load(folder, f"- id: a\n  input: x\n  expected: {scalar}\n")
    return case.expected


FULL = """\
# tickets of March
- id: refund
  input: |
    How do I get
    a refund?
  expected: {days: 30}
  context: [Within 30 days.]
  task: policy
  tags:
    - prod
  metadata: {amount: 12.5, paid: true, by: null}
  checks:
    - contains: 30 days
  samples: 2
- {id: 7, input: [{role: user, content: hi}]}
"""


def test_rows_of_a_list(tmp_path: Path) -> None:
    assert [
        Case(
            id="refund",
            input="How do I get\na refund?\n",
            expected={"days": 30},
            context=("Within 30 days.",),
            task="policy",
            tags=("prod",),
            metadata={"amount": 12.5, "paid": True, "by": None},
            checks=({"contains": "30 days"},),
            samples=2,
            dataset="tickets.yaml",
            line=2,
        ),
        Case(id="7", input=[{"role": "user", "content": "hi"}], dataset="tickets.yaml", line=15),
    ] == load(tmp_path, FULL)


def test_rows_under_cases(tmp_path: Path) -> None:
    cases = load(tmp_path, "\ufeffcases:\r\n- id: a\r\n  input: x\r\n- id: b\r\n  input: y\r\n")
    assert [(case.id, case.line) for case in cases] == [("a", 2), ("b", 4)]


@pytest.mark.parametrize(
    "scalar",
    ["2024-01-31", "2024-01-31 10:00:00", "12:30", "010", "0x1F", "1_000", "+491234", "1.2.3", ".5", "1.", "<<", "y"],
)
def test_what_yaml_would_convert_beyond_json_stays_text(tmp_path: Path, scalar: str) -> None:
    assert scalar == expected(tmp_path, scalar)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("42", 42),
        ("-7", -7),
        ("1.5", 1.5),
        ("1.0e+3", 1000.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ('"no"', "no"),
        ("'42'", "42"),
        ("!!str 42", "42"),
        ("! 42", "42"),
        ("nope", "nope"),
    ],
)
def test_scalars_mean_what_they_mean_in_json(tmp_path: Path, scalar: str, value: Any) -> None:
    found = expected(tmp_path, scalar)
    assert (type(value), value) == (type(found), found)


@pytest.mark.parametrize(("word", "meant"), [("no", "false"), ("Yes", "true"), ("ON", "true"), ("off", "false")])
def test_words_that_yaml_takes_for_booleans_are_refused(tmp_path: Path, word: str, meant: str) -> None:
    assert [
        f'tickets.yaml:3: {word} is {meant} in YAML 1.1; write "{word}" in quotes for text, or {meant}'
    ] == problems(tmp_path, f"- id: a\n  input: x\n  expected: {word}\n")


def test_such_words_are_fine_as_keys(tmp_path: Path) -> None:
    [case] = load(tmp_path, "- id: a\n  input: x\n  metadata: {no: 1, on: 2, 2024: 3, null: 4}\n")
    assert case.metadata == {"no": 1, "on": 2, "2024": 3, "null": 4}


BOMB = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- id: a\n  input: &x y\n  task: *x\n", "tickets.yaml:3: *x is an alias; write the value itself"),
        ("- id: a\n  input: x\n  input: y\n", 'tickets.yaml:3: the key "input" appears twice in one object, first on'),
        ("- id: a\n  input: x\n  metadata:\n    k: 1\n    k: 1\n", 'tickets.yaml:5: the key "k" appears twice'),
        ("- id: a\n  input: !!python/object/apply:os.system x\n", 'tickets.yaml:2: the tag "!!python/object/apply'),
        ("- id: a\n  input: !secret x\n", 'tickets.yaml:2: the tag "!secret" is not allowed'),
        ("- id: a\n  input: x\n  expected: .nan\n", "tickets.yaml:3: .nan is not a JSON number"),
        ("- id: a\n  input: x\n  expected: 1e999\n", "tickets.yaml:3: the number 1e999 is too large"),
        (
            "- id: a\n  input: x\n  expected: 12e5\n",
            "tickets.yaml:3: 12e5 is text in YAML 1.1 and a number in YAML 1.2",
        ),
        ("- id: a\n  input: x\n  expected: 1.5e3\n", "tickets.yaml:3: 1.5e3 is text in YAML 1.1 and a number in YAML"),
        ("- id: a\n  input: x\n  expected: " + "9" * 5000, "tickets.yaml:3: the number 9999"),
        ("- id: a\n  input: x\n  task: 12\n", "tickets.yaml:3: task is the number 12; allowed: text"),
        ("- id: a\n  input: x\n  tasks: b\n", 'tickets.yaml:3: unknown field "tasks"; did you mean "task"?'),
        ("- id: a\n  input: x\n- foo\n", 'tickets.yaml:3: the row is the text "foo"; a row is an object'),
        ("- {id: a, input: x}\n- {id: a, input: x}\n", 'tickets.yaml:2: id "a" is also on line 1'),
        ("[{id: a, input: x}, {id: a, input: x}]\n", 'tickets.yaml:1: id "a" is also on line 1'),
        ("case:\n- id: a\n", 'tickets.yaml:1: unknown key "case"; did you mean "cases"?'),
        ("cases: 3\n", "tickets.yaml:1: cases is the number 3; allowed: a list of rows"),
        ("just text\n", 'tickets.yaml:1: the file is the text "just text"; allowed: a list of rows'),
        ("- {id: a, input: x}\n---\n- {id: b, input: x}\n", "tickets.yaml:2: a second document starts"),
        (
            "- id: a\n  input: x\n  metadata: {[a]: b}\n",
            "tickets.yaml:3: a key is a list or an object; allowed: text",
        ),
        ("- id: a\n   input: x\n", "tickets.yaml:2: not YAML: "),
        ("- id: a\n  input: 'x\n", "tickets.yaml:3: not YAML: "),
        ("- id: a\n  input: x\x07\n", 'tickets.yaml:2: YAML may not hold \\x07; write "\\x07"'),
        (b"- id: a\n  input: \xfc\n", "tickets.yaml:2: not UTF-8: byte 0xfc at byte 10 of the line"),
        ("- " * 101 + "x", "tickets.yaml:1: nested too deep; at most 100 levels"),
        ("[" * 101, "tickets.yaml:1: nested too deep; at most 100 levels"),
        ("- {id: a, input: x}\n- {id: b, input: " + "x" * 1_000_000 + "}\n", "tickets.yaml:2: the row has 1,000,0"),
    ],
)
def test_each_mistake_is_told_with_its_line(tmp_path: Path, content: str | bytes, problem: str) -> None:
    [only] = problems(tmp_path, content)
    assert only.startswith(problem)


@pytest.mark.parametrize("content", ["- " * 5000 + "x", "[" * 100_000])
def test_nesting_that_the_parser_may_refuse_before_we_do_is_told_by_either(tmp_path: Path, content: str) -> None:
    [only] = problems(tmp_path, content)
    assert only.startswith(("tickets.yaml:1: nested too deep", "tickets.yaml:1: not YAML: "))


def test_half_a_character_is_refused(tmp_path: Path) -> None:
    found = problems(tmp_path, '- id: a\n  input: "\\ud800"\n')
    assert found[0].startswith("tickets.yaml:2: ")


def test_a_bomb_of_aliases_does_not_go_off(tmp_path: Path) -> None:
    found = problems(tmp_path, BOMB)
    assert sum("is an alias" in problem for problem in found) == 16


def test_a_file_too_large_for_yaml_is_told(tmp_path: Path) -> None:
    [only] = problems(tmp_path, b"#" * 20_000_001)
    assert only == "tickets.yaml: the file has 20,000,001 bytes; YAML may have 20,000,000, JSONL more"


def test_without_pyyaml_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert problems(tmp_path, "[]") == ["tickets.yaml: reading YAML needs pyyaml: pip install 'pytest-llmeval[yaml]'"]


AMBIGUOUS = re.compile(
    r"-?[0-9]+([.][0-9]+)?[eE][-+]?[0-9]+"
)  # PyYAML, of YAML 1.1, writes most of these without quotes
texts = st.text(st.characters(codec="utf-8"), max_size=15).filter(lambda text: not AMBIGUOUS.fullmatch(text))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(texts, values, max_size=4), texts)
def test_whatever_pyyaml_writes_is_read_back(tmp_path: Path, metadata: dict[str, Any], text: str) -> None:
    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

    content = yaml.dump([{"id": "a", "input": text, "metadata": metadata}], Dumper=NoAliases)
    [case] = load(tmp_path, content)
    assert (text, metadata) == (case.input, case.metadata)
