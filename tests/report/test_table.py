"""A table lines up; a narrow terminal cuts its names, then leaves out what can be worked out, and never a number."""

from __future__ import annotations

import pytest

from pytest_llmeval.report.paper import Column, Line, Paper, table, wrap
from pytest_llmeval.report.several_models import ModelsRow, blocks

BODY = [
    Column(head="baseline", cells=["2/250 0.8%", "150/250  60%"], short=["2/250", "150/250"]),
    Column(head="verdict", cells=["OK", "REGRESSED"], right=False),
]
NAMES = ["format", "hallucination of a figure"]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            60,
            [
                "  category                       baseline  verdict",
                "  --------------------------------------------------",
                "  format                       2/250 0.8%  OK",
                "! hallucination of a figure  150/250  60%  REGRESSED",
            ],
        ),
        (
            42,
            [
                "  category             baseline  verdict",
                "  ----------------------------------------",
                "  format             2/250 0.8%  OK",
                "! halluc...figure  150/250  60%  REGRESSED",
            ],
        ),
        (
            36,
            [
                "  category       baseline  verdict",
                "  ----------------------------------",
                "  format            2/250  OK",
                "! hallu...igure   150/250  REGRESSED",
            ],
        ),
        (
            30,
            [
                "  format",
                "    baseline 2/250 0.8%,",
                "    verdict OK",
                "! hallucination of a figure",
                "    baseline 150/250 60%,",
                "    verdict REGRESSED",
            ],
        ),
    ],
)
def test_a_table_gives_up_names_before_numbers(width: int, expected: list[str]) -> None:
    lines = table(Paper(width=width), "category", NAMES, BODY, marks=[" ", "!"])
    assert expected == [line.text for line in lines]


def test_a_name_of_some_length_stays_whole_as_long_as_cells_can_be_shorter() -> None:
    names = ["length_constraints", "detectable_format"]  # cut, these would be hard to tell from others of their kind
    lines = [line.text for line in table(Paper(width=42), "category", names, BODY)]
    assert lines[2:] == ["  length_constraints     2/250  OK", "  detectable_format    150/250  REGRESSED"]


def test_wide_characters_line_up() -> None:
    lines = table(Paper(), "model", ["日本語", "plain"], [Column(head="n", cells=["1", "22"])])
    assert [line.text for line in lines] == ["  model    n", "  ----------", "  日本語   1", "  plain   22"]


def test_a_row_has_its_style_and_its_rule() -> None:
    lines = table(Paper(), "", ["a", "b"], [Column(head="n", cells=["1", "2"])], styles=[("red",), ()], rules={1})
    assert [Line("     n"), Line("  ----"), Line("  a  1", ("red",)), Line("  ----"), Line("  b  2")] == lines


def test_names_and_lines_of_any_length_are_laid_out_in_no_time() -> None:
    # Minutes, were all the rest measured again for each line or each column.
    assert len(wrap("日" * 300_000, 60)) == 10_000
    names = ["a" * 100_000, "b" * 100_000]
    body = blocks(Paper(width=60), names, [ModelsRow(name="n", cells=["1", "2"])], always=1)
    assert any("aaa...aaa" in line.text and "bbb...bbb" in line.text for line in body)
