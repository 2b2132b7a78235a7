"""Lengths, Markdown and code of replies."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_llmeval.case import Case
from pytest_llmeval.checks.rows.row_checks import assert_case
from pytest_llmeval.checks.rows.row_forms import validate_checks
from pytest_llmeval.checks.structure.characters import assert_characters
from pytest_llmeval.checks.structure.code import MOST_CHARACTERS, assert_code
from pytest_llmeval.checks.structure.markdown_checks import (
    assert_markdown_list,
    assert_markdown_table,
    assert_no_markdown,
)
from pytest_llmeval.checks.structure.markdown_parts import lists, parts, tables
from pytest_llmeval.errors import CheckFailed, LlmevalError

FEES = """Here are the fees:

| Country | *Fee* |
|:--------|------:|
| France  | 4 EUR |
| Japan   | 9 EUR |

Anything else?"""
STEPS = """To return it:

1. Pack it.
   - with the lid
   - and the paper

2. Print the label
and glue it on.
3. Send it.

Then wait."""


def reason(function: Any, *arguments: Any, **options: Any) -> str:
    """The first line of the failure, "" when the reply passes."""
    try:
        function(*arguments, **options)
    except CheckFailed as failed:
        return str(failed).split("\n")[0]
    return ""


def test_characters_are_counted_within_white_space() -> None:
    assert_characters("  größer \n", at_least=6, at_most=6)
    assert reason(assert_characters, "four", at_most=3) == "the reply has 4 characters, at most 3 allowed"
    with pytest.raises(CheckFailed) as caught:
        assert_characters("four", at_most=3)
    assert (caught.value.category, caught.value.score) == ("format", 0.75)
    assert reason(assert_characters, "", at_least=1) == "the reply has 0 characters, at least 1 required"
    for options in ({}, {"at_most": -1}, {"at_most": 1.5}, {"at_least": True}, {"at_least": 3, "at_most": 2}):
        with pytest.raises(LlmevalError, match="assert_characters"):
            assert_characters("x", **options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ""),
        ({"columns": ["country", "fee"], "at_least": 2, "at_most": 2}, ""),
        ({"at_least": 3}, "the table has 2 rows, at least 3 required"),
        ({"at_most": 1}, "the table has 2 rows, at most 1 allowed"),
        ({"columns": ["Fee", "Country"]}, 'no table has the columns "Fee", "Country"; there are "Country", "*Fee*"'),
    ],
)
def test_a_table_of_markdown(options: dict[str, Any], told: str) -> None:
    assert reason(assert_markdown_table, FEES, **options) == told


def test_a_torn_table_fails() -> None:
    torn = FEES.replace("| 9 EUR |", "| 9 | EUR |")
    assert reason(assert_markdown_table, torn) == (
        'row 2 of the table has 3 cells, its head has 2: "Japan", "9", "EUR"'
    )
    assert reason(assert_markdown_table, FEES.replace("\n\nAny", "\nAny")).startswith("row 3 of the table has 1 cell,")
    for none in ("a | b", "| a | b |\n| --- |\n| c | d |", "```\n| a |\n| - |\n| b |\n```\nx"):
        assert reason(assert_markdown_table, none).startswith("the reply holds no Markdown table")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ""),
        ({"numbered": True, "at_least": 3, "at_most": 3}, ""),
        ({"at_most": 2}, "the list has 3 items, at most 2 allowed"),
        ({"at_least": 5}, "the list has 3 items, at least 5 required"),
    ],
)
def test_a_list_of_markdown(options: dict[str, Any], told: str) -> None:
    assert reason(assert_markdown_list, STEPS, **options) == told
    assert reason(assert_markdown_list, STEPS, numbered=False).startswith(
        "the reply holds no bulleted Markdown list, but one of the other kind"
    )
    assert reason(assert_markdown_list, "First, pack it.").startswith("the reply holds no Markdown list")


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("## Fees\n4 EUR", "a heading"),
        ("It costs **4 EUR**.", "bold text"),
        ("See [the page](https://example.com).", "a link"),
        ('See [the page](https://example.com "our page").', "a link"),
        ("*smiles* It costs 4 EUR.", "italic text"),
        ("Fees\n====\n4 EUR", "a heading"),
        ("Run `pip`.", "code"),
        ("```\nx\n```", "a block of code"),
        (FEES, "a table"),
        ("> so they say", "a quotation"),
        ("* one\n* two", "a list"),
    ],
)
def test_plain_text_holds_no_mark(text: str, mark: str) -> None:
    assert reason(assert_no_markdown, text).startswith(f"the reply holds {mark} of Markdown, and must be plain text")


def test_what_only_looks_like_markdown_is_plain_text() -> None:
    for text in (
        "5 * 3 * 2 = 30",
        "- one\n- two",
        "1. one",
        "a_b_c __init__.py",
        "#1 of 3",
        "2 ** 3 ** 4",
        "x > 3",
        "C#",
        "all prices* plus postage\n*without VAT",
        "a*b*c",
        "[Agent]: hello",
        "Fees\n----\n4 EUR",
        "\n=====\n",
    ):
        assert reason(assert_no_markdown, text) == ""


cells = st.sampled_from(["a", "4 EUR", "", "*x*", r"a \\| b"])
rows_of = st.integers(1, 3).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1))
items_of = st.lists(
    st.sampled_from(["one", "two\n  more", "three\nlazy", "four\n   - in\n   - in", "five\n\n   text", "six\n"]),
    min_size=1,
    max_size=4,
)


def table_of(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])


blocks = st.one_of(
    st.sampled_from(
        ["Some text.", "## Head", "two\nlines", "---", "```py\n- x\n| a |\n|---|\n```", "> quoted", "a | b"]
    ),
    rows_of.map(table_of),
    items_of.map(lambda items: "\n".join(f"- {item}" for item in items)),
    items_of.map(lambda items: "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))),
    items_of.map(lambda items: "\n".join(f"* {item}" for item in items)),
)


@given(st.lists(blocks, max_size=4))
def test_tables_and_lists_are_those_of_a_markdown_parser(written: list[str]) -> None:
    text = "\n\n".join(written)
    outside, fenced = parts(text)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert [block.text for block in fenced] == [token.content[:-1] for token in tokens if token.type == "fence"]
    rows = [sum(token.type == "tr_open" for token in tokens), sum(token.type == "table_open" for token in tokens)]
    found = list(tables(outside))
    assert [sum(1 + len(table.rows) for table in found), len(found)] == rows
    top = [token for token in tokens if token.level == 0 and token.type.endswith("list_open")]
    items = [token for token in tokens if token.level == 1 and token.type == "list_item_open"]
    kept = list(lists(outside))
    assert [each.numbered for each in kept] == [token.type == "ordered_list_open" for token in top]
    assert sum(each.items for each in kept) == len(items)


@pytest.mark.parametrize(
    ("reply", "language", "told"),
    [
        ("x = 1", "python", ""),
        ("Sure:\n```python\nasync def f():\n    await g()\n```\nIt prints:\n```\nHello, you!\n```", "python", ""),
        ("1. Do:\n     ```py\n     if x:\n         y()\n     ```", "python", ""),
        ("```\nx = 1\n```", "python", ""),
        ("print 'x'", "python", "the reply is not python: Missing parentheses in call"),
        ("Sure, here it is!", "python", "the reply is not python: invalid syntax"),
        ("```python\nx =\n```", "python", 'the reply is not python: invalid syntax, line 1: "x ="'),
        ("```python\nx\n```\n```python\ny y\n```", "python", "the reply is not python in block 2: invalid syntax"),
        ("```python\nx = 1", "python", "the reply ends within a block of code"),
        ("```js\nx\n```", "python", "the reply holds no python, only js"),
        ("", "python", "the reply is not python: there is no code"),
        ("x = '\0'", "python", "the reply is not python: source code string cannot contain null bytes"),
        ("x = '\ud800'", "python", "the reply is not python: 'utf-8' codec can't encode"),
        ('```json\n{"a": 1}\n```', "json", ""),
        ('{"a": NaN}', "json", "the reply is not json: "),
    ],
)
def test_code_parses_or_not(reply: str, language: str, told: str) -> None:
    assert reason(assert_code, reply, language).startswith(told)
    assert bool(told) == bool(reason(assert_code, reply, language))


def test_code_is_never_run(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert_code("open('ran', 'w').close()\nraise SystemExit", "python")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "code", ["-" * 50_000 + "1", "a" + ".b" * 45_000, "f" + "()" * 20_000, "lambda:" * 9_000 + "1"]
)
def test_code_that_is_too_deep_or_long_is_an_error(code: str) -> None:
    with pytest.raises(LlmevalError, match="nested too deep for Python's parser"):
        assert_code(code, "python")
    with pytest.raises(LlmevalError, match=r"a block of 100,001 characters is too long"):
        assert_code("#" * (MOST_CHARACTERS + 1), "python")


def test_a_warning_of_python_is_no_failure() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_code(r"'\d'", "python")


def test_what_is_asked_must_be_known() -> None:
    with pytest.raises(LlmevalError, match=r'language "cobol" is not known; there are python, json, sql'):
        assert_code("x", "cobol")
    with pytest.raises(LlmevalError, match="dialect= is of SQL"):
        assert_code("x", "python", dialect="postgres")


def test_without_sqlglot_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlglot", None)
    with pytest.raises(LlmevalError, match=r"SQL is parsed by sqlglot, which is not installed; pip install sqlglot$"):
        assert_code("SELECT 1", "sql")


def test_sql_is_what_sqlglot_finds_to_be_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of it, for where it is not installed; the real one is tried below."""

    class Expression:
        def __init__(self, text: str) -> None:
            self.sql = lambda: text

    class Query(Expression):
        pass

    class SqlglotError(Exception):
        errors = ({"description": "Expected table", "line": 2, "highlight": "FROM"},)

    def parse(code: str, read: object) -> list[Any]:
        if code == "FROM":
            raise SqlglotError
        return [Query(code) if code.startswith("SELECT") else Expression(code) if code != ";" else None]

    stub = SimpleNamespace(
        Dialect=SimpleNamespace(get_or_raise=lambda name: name),
        parse=parse,
        errors=SimpleNamespace(SqlglotError=SqlglotError),
        exp=SimpleNamespace(Query=Query),
    )
    monkeypatch.setitem(sys.modules, "sqlglot", stub)
    assert reason(assert_code, "```sql\nSELECT 1\n```", "sql") == ""
    assert reason(assert_code, "here it", "sql") == 'the reply is not sql: no statement that is known: "here it"'
    assert reason(assert_code, "FROM", "sql") == 'the reply is not sql: Expected table, line 2: "FROM"'
    assert reason(assert_code, ";", "sql") == "the reply is not sql: there is no statement"


def test_sql_with_the_real_package() -> None:
    pytest.importorskip("sqlglot")
    for right in ("SELECT a FROM t WHERE b > 1; DELETE FROM t", "WITH x AS (SELECT 1) SELECT * FROM x", "DROP TABLE t"):
        assert reason(assert_code, right, "sql") == ""
    for wrong in ("SELECT FROM WHERE", "Here is your query", "SELECT (1", "", "1 + 1", "-- nothing"):
        assert reason(assert_code, wrong, "sql").startswith("the reply is not sql")
    assert reason(assert_code, "SELECT a::int FROM t", "sql", dialect="postgres") == ""
    with pytest.raises(LlmevalError, match=r'sqlglot does not know the dialect "klingon"'):
        assert_code("SELECT 1", "sql", dialect="klingon")


@pytest.mark.parametrize(
    ("reply", "check"),
    [
        (FEES, {"markdown_table": True}),
        (FEES, {"markdown_table": ["Country", "Fee"]}),
        (FEES, {"markdown_table": {"at_least": 2}}),
        (STEPS, {"markdown_list": {"numbered": True, "at_least": 3}}),
        ("{}", {"code": "json"}),
        ("x = 1", {"code": {"language": "python"}}),
    ],
)
def test_a_row_can_carry_it(reply: str, check: dict[str, Any]) -> None:
    assert validate_checks([check, {"not": check}]) == []
    assert_case(reply, Case(id="a", input="", checks=(check,)))
    with pytest.raises(CheckFailed):
        assert_case("Hello there", Case(id="a", input="", checks=(check,)))


@pytest.mark.parametrize(
    "text",
    ["|" * 100_000, "| a |\n" * 20_000, "|-" * 50_000, "- " * 50_000, "`" * 100_000, "[" * 100_000, "**a" * 30_000,
     "*" * 100_000, "[a](" * 25_000, "1" * 100_000, " " * 100_000 + "x", "```\n" * 25_000, "- a\n" * 25_000],
    ids=lambda text: text[:6],
)  # fmt: skip
def test_hostile_text_ends_soon(text: str) -> None:
    """A pattern that went back and forth would not end within the session's time limit."""
    for check in (assert_markdown_table, assert_markdown_list, assert_no_markdown):
        assert len(reason(check, text)) < 400
