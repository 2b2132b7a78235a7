"""Checks of the Markdown in a reply: tables, lists, and that there is none."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_llmeval.checks.check import check, failed, passed
from pytest_llmeval.checks.plain_text import text_of, texts_of
from pytest_llmeval.checks.structure.characters import limits, within
from pytest_llmeval.checks.structure.markdown_parts import Table, first_mark, lists, parts, tables
from pytest_llmeval.reply import unfenced
from pytest_llmeval.score import Score
from pytest_llmeval.text import folded, listed, plural, quoted

__tracebackhide__ = True


@check
def assert_markdown_table(
    reply: str,
    columns: Sequence[str] | None = None,
    *,
    at_least: int | None = None,
    at_most: int | None = None,
    category: str | None = None,
) -> Score:
    """Check that the reply holds a Markdown table, and that each of its rows has as many cells as its head.

    Args:
        columns: the names in its head, in their order; case and emphasis are ignored.
        at_least: the fewest rows below the head.
        at_most: the most rows.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: the limits cannot be met.
    """
    wanted = texts_of("markdown_table", columns) if columns is not None else None
    fewest, most = _limits("markdown_table", "row", at_least, at_most)
    answer = text_of(reply)
    found = list(tables(parts(unfenced(answer))[0]))
    if not found:
        return failed(f"the reply holds no Markdown table: {quoted(answer)}", category="format")
    if uneven := next(filter(None, map(_uneven, found)), None):
        return failed(uneven, category="format")
    if wanted is not None:
        right = [table for table in found if list(map(_name, table.columns)) == list(map(_name, wanted))]
        if not right:
            have = " and ".join(listed(table.columns, 6) for table in found[:2])
            return failed(f"no table has the columns {listed(wanted, 6)}; there are {have}", category="format")
        found = right
    return _best([within("row", len(table.rows), fewest, most, "the table") for table in found])


def _limits(name: str, noun: str, at_least: int | None, at_most: int | None) -> tuple[int | None, int | None]:
    """As `limits`, but none is needed."""
    return (None, None) if at_least is None and at_most is None else limits(name, noun, at_least, at_most)


def _best(scores: Sequence[Score]) -> Score:
    """Of several tables or lists the one that fits best."""
    return max(scores, key=lambda score: score.value)


def _name(text: str) -> str:
    return folded(text.strip("*_` "), ignore_case=True)


def _uneven(table: Table) -> str | None:
    for number, row in enumerate(table.rows, start=1):
        if len(row) != len(table.columns):
            cells = plural(len(row), "cell")
            return f"row {number} of the table has {cells}, its head has {len(table.columns)}: {listed(row, 6)}"
    return None


@check
def assert_markdown_list(
    reply: str,
    *,
    numbered: bool | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    category: str | None = None,
) -> Score:
    """Check that the reply holds a Markdown list; items within others do not count.

    Args:
        numbered: whether its items must have numbers; False for bullets, None for either.
        at_least: the fewest items.
        at_most: the most items.
        category: the error category of a failure; by default ``format``.

    Raises:
        LlmevalError: the limits cannot be met.
    """
    fewest, most = _limits("markdown_list", "item", at_least, at_most)
    answer = text_of(reply)
    found = list(lists(parts(unfenced(answer))[0]))
    right = [each for each in found if numbered is None or each.numbered == numbered]
    if not right:
        kind = {None: "", True: "numbered ", False: "bulleted "}[numbered]
        other = ", but one of the other kind" if found else ""
        return failed(f"the reply holds no {kind}Markdown list{other}: {quoted(answer)}", category="format")
    return _best([within("item", each.items, fewest, most, "the list") for each in right])


@check
def assert_no_markdown(reply: str, *, category: str | None = None) -> Score:
    """Check that the reply is plain text: no headings, tables, emphasis, links, code or quotations of Markdown.

    Hyphens and numbers before lines are plain text too; ``*`` before a line is not.

    Args:
        category: the error category of a failure; by default ``format``.
    """
    answer = text_of(reply)
    mark = first_mark(answer)
    if mark is None:
        return passed("format")
    return failed(f"the reply holds {mark} of Markdown, and must be plain text: {quoted(answer)}", category="format")
