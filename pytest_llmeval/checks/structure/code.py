"""A check that code in a reply parses. It is never run."""

from __future__ import annotations

import ast
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.plain_text import text_of
from pytest_llmeval.checks.structure.markdown_parts import parts
from pytest_llmeval.checks.time_limit import SECONDS, TimedOut, within_time
from pytest_llmeval.errors import LlmevalError
from pytest_llmeval.json_text import parsed_json
from pytest_llmeval.score import Score
from pytest_llmeval.text import first_line, quoted, shown

_NAMES = {
    "python": ("python", "py", "python3"),
    "json": ("json",),
    "sql": ("sql", "mysql", "postgres", "postgresql", "sqlite", "tsql", "plsql", "bigquery", "snowflake", "duckdb"),
}
LANGUAGES = tuple(_NAMES)
MOST_CHARACTERS = 100_000  # of a block: Python's parser cannot be interrupted, and takes a second for the worst of it
# What sqlglot makes of text that is no statement, such as an expression or an unknown command, is of no such class.
_STATEMENTS = (
    *("Query", "Insert", "Update", "Delete", "Merge", "Create", "Drop", "Alter", "AlterTable", "TruncateTable"),
    *("Values", "Transaction", "Commit", "Rollback", "Grant"),
)
__tracebackhide__ = True


@check
def assert_code(reply: str, language: str, *, dialect: str | None = None, category: str | None = None) -> Score:
    """Check that the code in the reply parses. It is never run.

    Where the reply has blocks between code fences, all those of the language are parsed, or all without a language
    where there are none; otherwise the whole reply is. A fence that is not closed fails.

    Args:
        language: ``python``, as the Python that runs the tests knows it; ``json``; or ``sql``, for which sqlglot must
            be installed.
        dialect: of SQL, by sqlglot's name such as ``postgres``; None for what most databases take.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: the language or dialect is not known, sqlglot is missing, or a block is too long or too deep.
    """
    if language not in LANGUAGES:
        raise LlmevalError(f"assert_code: language {shown(language)} is not known; there are {', '.join(LANGUAGES)}")
    if dialect is not None and language != "sql":
        raise LlmevalError("assert_code: dialect= is of SQL; give language='sql' with it")
    answer = text_of(reply)
    blocks = parts(answer)[1]
    right = [block for block in blocks if block.language.lower() in _NAMES[language]]
    right = right or [block for block in blocks if not block.language]
    if blocks and not right:
        others = ", ".join(sorted({block.language for block in blocks}))
        return failed(f"the reply holds no {language}, only {first_line(others, 60)}", category="format")
    if not all(block.closed for block in right):
        return failed("the reply ends within a block of code", category="format")
    for number, code in enumerate([block.text for block in right] or [answer.strip()], start=1):
        if problem := _problem(language, code, dialect):
            where = f" in block {number}" if len(right) > 1 else ""
            return failed(f"the reply is not {language}{where}: {problem}", category="format")
    return passed("format")


def _problem(language: str, code: str, dialect: str | None) -> str | None:
    if not code.strip():
        return "there is no code"
    if len(code) > MOST_CHARACTERS:
        raise LlmevalError(
            f"assert_code: a block of {len(code):,} characters is too long to parse; at most {MOST_CHARACTERS:,} are"
        )
    if language == "sql":
        _sqlglot()  # loaded before the time runs
    try:
        return within_time(_PARSERS[language], code, dialect)
    except TimedOut:
        raise LlmevalError(f"assert_code: parsing {len(code):,} characters took more than {SECONDS:g} s") from None


def problem_of_python(code: str, dialect: str | None) -> str | None:
    """What is wrong with Python, None when it parses.

    Raises:
        LlmevalError: it is nested too deep for Python's parser.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python will not know one day
            ast.parse(code)
    except (SyntaxError, ValueError) as error:  # a ValueError for null bytes and lone surrogates
        return _told(error, getattr(error, "lineno", None), code)
    except (MemoryError, RecursionError):
        raise LlmevalError("assert_code: the code is nested too deep for Python's parser") from None
    return None


def _told(error: Exception, line: int | None, code: str) -> str:
    said = first_line(str(getattr(error, "msg", error)), 100)
    lines = code.split("\n")
    return f"{said}, line {line}: {quoted(lines[line - 1].strip())}" if line and line <= len(lines) else said


def problem_of_json(code: str, dialect: str | None) -> str | None:
    """What is wrong with JSON, None when it parses."""
    try:
        parsed_json(code)
    except ValueError as error:
        return first_line(str(error), 100)
    return None


def problem_of_sql(code: str, dialect: str | None) -> str | None:
    """What is wrong with SQL, None when every statement parses.

    Raises:
        LlmevalError: sqlglot is missing or does not know the dialect, or the code is nested too deep.
    """
    sqlglot = _sqlglot()
    try:
        known = sqlglot.Dialect.get_or_raise(dialect)
    except ValueError as error:
        raise LlmevalError(f"assert_code: sqlglot does not know the dialect {shown(dialect)}: {error}") from None
    log = logging.getLogger("sqlglot")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it warns of what it does not know, which is told below
    try:
        statements = [each for each in sqlglot.parse(code, read=known) if each is not None]
    except sqlglot.errors.SqlglotError as error:
        details = getattr(error, "errors", None) or [{}]
        return first_line(str(details[0].get("description") or error), 100) + _place(details[0])
    except RecursionError:
        raise LlmevalError("assert_code: the SQL is nested too deep for sqlglot") from None
    finally:
        log.setLevel(level)
    classes = tuple(found for name in _STATEMENTS if (found := getattr(sqlglot.exp, name, None)) is not None)
    for statement in statements:
        if not isinstance(statement, classes):
            return f"no statement that is known: {quoted(statement.sql())}"
    return None if statements else "there is no statement"


def _place(details: Mapping[str, Any]) -> str:
    near = str(details.get("highlight") or "")
    return f", line {details.get('line')}: {quoted(near)}" if near else ""


def _sqlglot() -> Any:
    try:
        import sqlglot
    except ImportError:
        raise LlmevalError(
            "assert_code: SQL is parsed by sqlglot, which is not installed; pip install sqlglot"
        ) from None
    return sqlglot


_PARSERS: Mapping[str, Callable[[str, str | None], str | None]] = {
    "python": problem_of_python,
    "json": problem_of_json,
    "sql": problem_of_sql,
}
